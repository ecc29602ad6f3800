# SPDX-License-Identifier: MIT
"""The node service/pages and what of an answer may be kept: pages in
languages, with parameters, with parts for some, pages that go."""
from __future__ import annotations

import os
import shutil
import threading

import pytest

from link import Link
from service import TOP, Service, book, needs_python, until
from test_gate import events, form, items, subscribe
from test_languages import APP as GERMAN_APP, GERMAN, SHEET as GERMAN_SHEET
from test_parts import APP as PARTS_APP, PARTS, SHEET as PARTS_SHEET
from wire import Client

pytestmark = needs_python


@pytest.fixture(scope="module")
def german(tmp_path_factory):
    path = tmp_path_factory.mktemp("shelf")
    (path / "shelfapp.py").write_text(GERMAN_APP)
    (path / "shelf.xsl").write_text(GERMAN_SHEET)
    (path / "locale").mkdir()
    (path / "locale" / "de.po").write_text(GERMAN, encoding="utf-8")
    with Service("shelfapp:Shelf", files=str(path),
                 env={"APPPATH": str(path)}) as s:
        yield s


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    path = tmp_path_factory.mktemp("parts")
    (path / "shelf.py").write_text(PARTS_APP)
    (path / "shelf.xsl").write_text(
        PARTS_SHEET % (PARTS, '<c:form node="{@c:node}"/>'))
    with Service("shelf:Shelf", "--allow-plain", files=str(path),
                 env={"APPPATH": str(path)}) as s:
        s.ctl("adduser", "anna", stdin="secret\n")
        yield s


def wait_event(link: Link, key: str):
    """The next event of that page: its <page/>, or None when it went."""
    while True:
        said = [e for e in events(link) if e[0] == key]
        if said:
            return said[-1][1]
        link.aside.append(link.recv())


def test_a_page_in_another_language_has_a_key_of_its_own(german):
    with Link(german.link) as c:
        english = c.get("/", {"Accept-Language": "en"})
        a = c.get("/", {"Accept-Language": "de"})
        assert english.kept.get("key") == "/"
        assert a.kept.get("key") == "de:/" and b"Meine Seite" in a.body
        assert "Accept-Language" in a["Vary"]
        page = items(c)["de:/"]
        assert (page.get("lang"), page.get("path")) == ("de", "/")
        assert page.get("etag") == a.kept.get("etag")
        # What keeps the choice in a cookie is made for that browser.
        a = c.get("/?lang=de")
        assert a.kept is None and a["Set-Cookie"].startswith("concordance-lang=de")


def test_a_page_with_parameters_comes_when_somebody_looks(german):
    german.ctl("publish", "library", book("Emma", "Austen"))
    with Link(german.link) as c:
        assert "/by/Austen" not in items(c)
        subscribe(c)
        a = c.get("/by/Austen")
        assert a.status == 200 and a.kept.get("key") == "/by/Austen"
        assert items(c)["/by/Austen"].get("etag") == a.kept.get("etag")
        assert wait_event(c, "/by/Austen") is not None


def test_a_page_that_some_see_otherwise_is_personal(parts):
    with Link(parts.link) as c:
        guest = c.get("/")
        assert guest.kept.get("personal") == "true"
        assert items(c)["/"].get("personal") == "true"
        assert b"GUESTS-ONLY" in guest.body
        a = c.post("/_do/login", form(jid="anna@localhost"),
                   client="secure='true'")
        jar = {"Cookie": a["Set-Cookie"].split(";")[0]}
        a = c.get("/", jar, client="secure='true'")
        assert b"USERS-ONLY" in a.body and a.kept is None
        etag = {**jar, "If-None-Match": a["ETag"]}
        a = c.get("/", etag, client="secure='true'")
        assert a.status == 304 and a.kept is None


def test_what_is_made_for_one_answer_is_not_kept(parts):
    with Link(parts.link) as c:
        for i in range(4):
            c.post("/?form=library", form(title=f"T{i}"))
        page = c.get("/").body.decode()
        older = page.split('href="?before=')[1].split('"')[0] \
            if '?before=' in page else None
        for path in ("/_do/greet", "/enter", "/nowhere",
                     *([f"/?before={older}"] if older else [])):
            assert c.get(path).kept is None, path
        a = c.post("/?form=library", form(title=""))
        assert a.status == 422 and a.kept is None


def test_an_answer_is_never_older_than_what_was_said_of_it(german):
    """Writers meanwhile: what was said last before an answer is that answer,
    or one before it."""
    stop = threading.Event()

    def write():
        with Link(german.link) as c:
            n = 0
            while not stop.is_set():
                n += 1
                c.iq("set", "<pubsub xmlns='http://jabber.org/protocol/pubsub'"
                     f"><publish node='library'><item id='w'>"
                     f"{book(f'W{n}')}</item></publish></pubsub>")

    writer = threading.Thread(target=write)
    with Link(german.link) as c:
        subscribe(c)
        writer.start()
        try:
            for _ in range(150):
                a = c.get("/", {"Accept-Language": "en"})
                said = [p for key, p in events(c) if key == "/"]
                if said:
                    position = int(said[-1].get("position").split(".")[1])
                    shown = int(a.body.split(b'data-position="')[1]
                                .split(b'"')[0].split(b".")[1])
                    assert shown >= position
                    c.aside.clear()
        finally:
            stop.set()
            writer.join()


def test_a_page_that_goes_is_retracted(tmp_path):
    files = tmp_path / "app"
    shutil.copytree(os.path.join(TOP, "examples/bookcase-python"), files,
                    ignore=shutil.ignore_patterns("__pycache__"))
    with Service("mybookcase:MyBookcase", files=str(files),
                 env={"APPPATH": str(files)}) as s, Link(s.link) as c:
        subscribe(c)
        assert "/" in items(c)
        s.ctl("do", "apps/stop", "name=mybookcase")
        assert wait_event(c, "/") is None
        assert "/" not in items(c)
        a = c.get("/")
        assert a.status == 404 and a.unknown and a.kept is None


def test_a_page_below_a_prefix_keeps_its_key():
    with Service("bookcase-c", "--prefix", "/books") as s, \
            Link(s.link) as c:
        a = c.get("/books/")
        assert a.status == 200 and a.kept.get("key") == "/"
        a = c.get("/elsewhere")
        assert a.status == 404 and a.unknown
        a = c.post("/books/?form=library", form(title="Emma", author="J"))
        assert a.status == 303 and a["Location"] == "/books/"


def test_another_browser_s_stream_hears_of_no_pages(parts):
    c = Client(parts.port)
    assert c.subscribe("service/pages").get("type") == "error"
    until("an answer", lambda: c.ping().get("type") == "result")
    c.close()
