# SPDX-License-Identifier: MIT
"""Parts of a shared page: each reaches whoever it is for, and no byte of one
anybody else, by whichever way a page goes out."""
from __future__ import annotations

import os
import re

import pytest

from service import HAS_PYTHON, Service, until
from test_weblogin import Browser
from wire import Client

SEEN = {"guest": "GUESTS-ONLY", "user": "USERS-ONLY", "admin": "ADMINS-ONLY"}
PARTS = """
    <c:part for="guests"><p>GUESTS-ONLY</p></c:part>
    <c:part for="users"><p>USERS-ONLY <b><c:viewer/></b></p></c:part>
    <c:part for="admin"><p>ADMINS-ONLY</p></c:part>"""
SHEET = """<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page"
    exclude-result-prefixes="c">
  <xsl:import href="theme.xsl"/>
  <xsl:template match="/*" mode="main">%s
    <ul id="all"><xsl:for-each select="*"><li id="{@c:id}">
      <xsl:value-of select="."/></li></xsl:for-each></ul>
    %s
  </xsl:template>
</xsl:stylesheet>"""
APP = '''
from concordance import *
from concordance import login

class Book(Record):
    title = Text("Title", required=True, max_len=20)

class Who(Record):
    jid = Text("Address", required=True)

class Shelf(App):
    xmlns = "urn:x-shelf"
    title = "Shelf"
    library = Node(Book, form="Add a book")
    index = Page("/", library, "shelf.xsl", window=2)
    enter = Page("/enter", command="login")

    @command("login", "Enter", form=Who, who="anybody")
    def log_in(self, user, form):
        login.begin(form.jid)

    @command("greet", "Greet", who="anybody", see="/enter")
    def greet(self, user, form):
        return "Hello <there> & you."

    @command("logout", "Leave", who="anybody")
    def log_out(self, user, form):
        login.logout()
'''


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    if not HAS_PYTHON:
        pytest.skip("built without Python")
    folder = tmp_path_factory.mktemp("parts")
    (folder / "shelf.py").write_text(APP)
    (folder / "shelf.xsl").write_text(
        SHEET % (PARTS, '<c:form node="{@c:node}"/>'))
    (folder / "error.xsl").write_text(SHEET % (PARTS, ""))
    with Service("shelf:Shelf", "--allow-plain", "--operator",
                 "boss@localhost", files=str(folder),
                 env={"APPPATH": str(folder)}) as running:
        for user in ("anna", "boss"):
            running.ctl("adduser", user, stdin="secret\n")
        for i in range(5):
            running.ctl("publish", "library",
                        f"<book xmlns='urn:x-shelf'><title>T{i}</title></book>",
                        f"b{i}")
        until("the page shows all", lambda: "T4" in running.get("/")[2])
        yield running


@pytest.fixture(scope="module")
def people(service):
    everybody = {"guest": Browser(service), "user": Browser(service),
                 "admin": Browser(service)}
    for name, jid in (("user", "anna@localhost"), ("admin", "boss@localhost")):
        everybody[name].ask("POST", "/_do/login", {"jid": jid})
    return everybody


def check(name: str, text: str) -> None:
    want = {"guest": ["guest"], "user": ["user"], "admin": ["user", "admin"]}
    for who, words in SEEN.items():
        assert (words in text) == (who in want[name]), (name, text)


def test_each_gets_the_parts_for_him_by_every_way(service, people):
    for name, browser in people.items():
        for method, path, fields, status in (
                ("GET", "/", None, 200),
                ("GET", "/?before=b3", None, 200),
                ("POST", "/?form=library", {"title": ""}, 422),
                ("GET", "/nowhere", None, 404)):
            got, text = browser.ask(method, path, fields)
            assert got == status, (name, method, path)
            check(name, text)


def test_the_theme_says_who_is_logged_in(service, people):
    text = people["guest"].ask("GET", "/")[1]
    assert 'href="/enter">Log in</a>' in text and "Log out" not in text
    text = people["user"].ask("GET", "/")[1]
    assert ">anna</span>" in text and 'href="/_do/logout">Log out</a>' in text
    assert "Log in" not in text
    assert ">boss</span>" in people["admin"].ask("GET", "/")[1]


def test_files_of_the_snapshot_are_the_guests_page(service, people):
    www = os.path.join(service.data, "www")
    n = 0
    for folder, _, files in os.walk(www):
        for name in files:
            if name.endswith((".gz", ".br")):
                continue
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                text = f.read()
            n += "GUESTS-ONLY" in text
            assert "USERS-ONLY" not in text and "ADMINS-ONLY" not in text
    assert n > 0


def test_patches_have_no_part(service, people):
    client = Client(service.port)
    client.subscribe("view:/")
    service.ctl("publish", "library",
                "<book xmlns='urn:x-shelf'><title>LIVE</title></book>", "live")
    text = ""
    while "LIVE" not in text:
        text = client.text()
        assert not any(words in text for words in SEEN.values()), text
    client.close()


def test_caches_are_told(service, people):
    _, headers, _ = service.get("/")
    assert "Cookie" in headers["Vary"]
    etag = headers["ETag"]
    cookie = "; ".join(f"{k}={v}" for k, v in people["user"].cookies.items())
    status, headers, _ = service.get("/", Cookie=cookie,
                                     **{"If-None-Match": etag})
    assert status == 200 and headers["ETag"] != etag
    assert "private" in headers["Cache-Control"]
    status, _, _ = service.get("/", Cookie=cookie,
                               **{"If-None-Match": headers["ETag"]})
    assert status == 304


def test_a_note_is_said_once_on_a_shared_page(service):
    for jid in (None, "anna@localhost"):
        browser, other = Browser(service), Browser(service)
        if jid:
            browser.ask("POST", "/_do/login", {"jid": jid})
        assert browser.ask("POST", "/_do/greet?next=/", {})[0] == 303
        said = "Hello &lt;there&gt; &amp; you."
        _, text = other.ask("GET", "/")
        assert "cnc-note" not in text and "Hello" not in text
        # A page that has no place for it leaves it to the next one.
        browser.ask("HEAD", "/")
        status, text = browser.ask("GET", "/")
        assert status == 200 and text.count(said) == 1
        assert f'<p class="cnc-note" role="status">{said}</p>' in text
        check("user" if jid else "guest", text)
        assert "cnc-note" not in browser.ask("GET", "/")[1]
    # Words of somebody else are no note.
    forged = Browser(service)
    forged.cookies["cnc-flash"] = "0" * 32 + "Hello"
    assert "Hello" not in forged.ask("GET", "/")[1]


def test_a_page_with_a_note_alone_is_the_same_for_everybody(service, tmp_path):
    """No cookie is looked at, and caches are told of none."""
    sheet = SHEET.replace("<xsl:import href=\"theme.xsl\"/>", "") % ("", "")
    sheet = sheet.replace(' mode="main">', '><html><body>'
                          '<c:part for="flash"><p><c:flash/></p></c:part>')
    sheet = sheet.replace("</xsl:template>", "</body></html></xsl:template>")
    (tmp_path / "new.xsl").write_text(sheet)
    before = service.get("/")[2]
    service.ctl("template", "put", "shelf.xsl", str(tmp_path / "new.xsl"))
    until("the page", lambda: "cnc-part" in service.get("/")[2]
          and "GUESTS" not in service.get("/")[2])
    assert "Cookie" not in service.get("/")[1]["Vary"]
    browser = Browser(service)
    browser.ask("POST", "/_do/greet?next=/", {})
    assert "<p>Hello &lt;there" in browser.ask("GET", "/")[1]
    assert "GUESTS" in before
    service.ctl("template", "put", "shelf.xsl",
                os.path.join(service.files, "shelf.xsl"))
    until("the page", lambda: "GUESTS" in service.get("/")[2])


def test_who_logs_out_is_a_guest_again(service):
    browser = Browser(service)
    browser.ask("POST", "/_do/login", {"jid": "anna@localhost"})
    check("user", browser.ask("GET", "/")[1])
    browser.ask("POST", "/_do/logout", {})
    check("guest", browser.ask("GET", "/")[1])


ROWS = """
    <ul id="menu"><li>Home</li>
      <c:part for="users"><li class="mine"><c:viewer/> USERS-ONLY</li></c:part>
      <c:part for="admin"><li>ADMINS-ONLY</li></c:part></ul>
    <p>GUESTS %s</p>"""


def put(service, folder, sheet: str, check=True):
    file = folder / "new.xsl"
    file.write_text(sheet)
    return service.ctl("template", "put", "shelf.xsl", str(file), check=check)


def test_a_part_in_a_list_is_an_element_of_it(service, people, tmp_path):
    put(service, tmp_path, SHEET % (ROWS % "1", ""))
    until("the page", lambda: "GUESTS 1" in service.get("/")[2])
    hidden = r'<li data-cnc-part="\d" hidden=""></li>'
    text = people["guest"].ask("GET", "/")[1]
    assert re.search(f"<li>Home</li>{hidden}{hidden}</ul>", text)
    assert "ONLY" not in text
    text = people["user"].ask("GET", "/")[1]
    assert re.search(r'<li data-cnc-part="\d" class="mine">anna USERS-ONLY'
                     f"</li>{hidden}</ul>", text)
    assert "ADMINS-ONLY" not in text
    text = people["admin"].ask("GET", "/")[1]
    assert re.search(r'<li data-cnc-part="\d">ADMINS-ONLY</li></ul>', text)


def test_several_elements_of_a_list_in_one_part_are_refused(service, tmp_path):
    sheet = SHEET % ("\n<ul>\n<c:part for='users'><li>1</li><li>2</li>"
                     "</c:part></ul>", "")
    line = sheet[:sheet.index("<c:part")].count("\n") + 1
    done = put(service, tmp_path, sheet, check=False)
    assert done.returncode != 0
    assert f"shelf.xsl, line {line}: a <c:part> that stands in <ul> is one " \
        "<li>, not several" in done.stderr, done.stderr
