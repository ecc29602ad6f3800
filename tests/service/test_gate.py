# SPDX-License-Identifier: MIT
"""HTTP over the link: what a process inside a web server asks for browsers,
as docs/protocol.md has it."""
from __future__ import annotations

import re
import urllib.parse

import pytest

from link import Link, WEB
from service import Service, until
from wire import NS_EVENT

PAGES = "service/pages"


@pytest.fixture(scope="module")
def service():
    with Service() as s:
        yield s


@pytest.fixture
def link(service):
    with Link(service.link) as c:
        yield c


def form(**fields) -> str:
    return urllib.parse.urlencode(fields)


def items(link: Link) -> dict:
    """The pages that the node lists: id -> <page/>."""
    answer = link.pubsub("get", f"<items node='{PAGES}'/>")
    return {i.get("id"): i[0] for i in answer.iter()
            if i.tag.endswith("}item")}


def events(link: Link) -> list:
    """(id, <page/> or None) of what came of the node, in order."""
    out = []
    for e in link.aside:
        for i in e.iter(f"{{{NS_EVENT}}}items"):
            if i.get("node") == PAGES:
                out += [(c.get("id"), c[0] if len(c) else None) for c in i]
    return out


def subscribe(link: Link):
    answer = link.pubsub("set", f"<subscribe node='{PAGES}' "
                         f"jid='{link.jid}'/>")
    assert answer.get("type") == "result"


def test_a_page_is_the_one_that_http_serves(service, link):
    _, headers, html = service.get("/")
    a = link.get("/")
    assert (a.status, a.reason) == (200, "OK")
    assert a.body.decode() == html
    for name in ("Content-Type", "Content-Length", "ETag", "Vary",
                 "Cache-Control", "Content-Security-Policy"):
        assert a[name] == headers[name], name
    assert int(a["Content-Length"]) == len(a.body)


def test_a_page_for_all_guests_is_kept_by_its_key(link):
    a = link.get("/")
    assert a.kept.get("key") == "/"
    assert a.kept.get("etag") == a["ETag"].strip('"')
    assert a.kept.get("personal") == "false"
    page = items(link)["/"]
    assert page.tag == f"{{{WEB}}}page"
    assert page.get("path") == "/" and page.get("lang") == "en"
    assert page.get("etag") == a.kept.get("etag")
    assert re.fullmatch(r"[0-9a-f]{8}\.\d+", page.get("position"))


def test_a_form_is_posted_and_what_was_kept_is_old(link):
    subscribe(link)
    before = link.get("/").kept.get("etag")
    a = link.post("/?form=library", form(title="Emma", author="Jane Austen"))
    assert a.status == 303 and a["Location"] == "/"
    after = link.get("/")
    assert b"Emma" in after.body
    # What was said of the page came before that answer, on this stream.
    said = events(link)
    assert said[-1][0] == "/"
    assert said[-1][1].get("etag") == after.kept.get("etag") != before


def test_a_refused_form_is_shown_again(link):
    a = link.post("/?form=library", form(title="", author="Jane Austen"))
    assert a.status == 422 and b"Jane Austen" in a.body
    assert a.kept is None
