# SPDX-License-Identifier: MIT
"""HTTP over the link: what a process inside a web server asks for browsers,
as docs/protocol.md has it."""
from __future__ import annotations

import os
import re
import urllib.parse

import pytest

from link import Link, WEB
from service import Service, until
from wire import Client, NS_EVENT, condition

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


# -- who may -------------------------------------------------------------------

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0,
                                reason="another user's process is needed")


def connect_as_nobody(s: Service) -> Link:
    """As an operator lets in another user: by the folder and the socket."""
    os.chmod(s.data, 0o711)
    os.chmod(s.link, 0o666)
    return Link(s.link, uid=NOBODY)


@needs_root
def test_another_user_may_not_ask(service):
    with connect_as_nobody(service) as c:
        assert c.get("/").error == "forbidden"
        assert c.open("x").get("type") == "error"
        answer = c.pubsub("get", f"<items node='{PAGES}'/>")
        assert answer.get("type") == "error"
    until("the log", lambda: any("gate.forbidden" in line and "uid-65534" in
                                 line for line in service.log))


@needs_root
@pytest.mark.parametrize("user", ["nobody", str(NOBODY)])
def test_a_link_user_may_ask_and_is_no_operator(user):
    with Service("bookcase-c", "--link-user", user) as s:
        with connect_as_nobody(s) as c:
            assert c.get("/").status == 200
            assert "/" in items(c)
            subscribe(c)
            answer = c.pubsub("get", "<items node='service/log'/>")
            assert answer.get("type") == "error"
            answer = c.pubsub("set", f"<retract node='{PAGES}'>"
                              "<item id='/'/></retract>")
            assert answer.get("type") == "error"
            answer = c.iq("set", "<command xmlns='http://jabber.org/protocol/"
                          "commands' node='status' action='execute'/>")
            assert answer.get("type") == "error"


def test_link_user_is_a_user_of_this_machine():
    with pytest.raises(AssertionError, match="--link-user is a user of this "
                       'machine, by name or number, not "no such"'):
        Service("bookcase-c", "--link-user", "no such")


def test_a_browser_may_not_ask(service):
    c = Client(service.port)
    answer = c.iq("set", Link.req("GET", "/"))
    assert condition(answer) == "forbidden"
    answer = c.pubsub("get", f"<items node='{PAGES}'/>")
    assert answer.get("type") == "error"
    c.close()
