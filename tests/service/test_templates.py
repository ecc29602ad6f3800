# SPDX-License-Identifier: MIT
"""The administrator's commands about templates, over the link."""
from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET

import pytest

from service import HAS_PYTHON, TOP, Service, book, until
from test_admin import APPS, PASSWORD, Panel
from test_nodes import DATA, Link, note, rows

SHEET = """<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/">
    <html lang="en"><head><title>T</title></head>
      <body>
        <p>%s</p>
      </body>
    </html>
  </xsl:template>
</xsl:stylesheet>"""


@pytest.fixture(scope="module")
def service():
    with Service() as s:
        yield s


@pytest.fixture
def link(service):
    one = Link(service)
    yield one
    one.close()


def put(link, text: str, id: str = "bookcase.xsl") -> ET.Element:
    return link.do("templates/put", id=id, text=text.split("\n"))


def lines(command: ET.Element, var: str) -> list[str]:
    for field in command.iter(f"{DATA}field"):
        if field.get("var") == var:
            return [v.text or "" for v in field.findall(f"{DATA}value")]
    raise AssertionError(ET.tostring(command))


def versions(link) -> list[dict]:
    return rows(link.do("templates/history", id="bookcase.xsl"))


def test_templates_are_listed_with_their_pages(link):
    list_ = {r["id"]: r for r in rows(link.do("templates/list"))}
    assert list_["bookcase.xsl"]["pages"] == "/"
    assert int(list_["bookcase.xsl"]["bytes"]) > 100


def test_a_new_version_changes_the_page_and_an_old_one_brings_it_back(
        service, link):
    first = versions(link)[0]["position"]
    assert note(put(link, SHEET % "Version two")).startswith("It is publish")
    until("the page", lambda: "Version two" in service.page())
    back = link.do("templates/rollback", id="bookcase.xsl", version=first)
    assert note(back).startswith("It is publish"), ET.tostring(back)
    until("the page", lambda: "Version two" not in service.page())
    assert len(versions(link)) >= 3


def test_what_changed_is_said_line_by_line(link):
    put(link, SHEET % "One")
    put(link, SHEET % "Two &amp; a half")
    new, old = [v["position"] for v in versions(link)[:2]]
    answer = link.do("templates/diff", id="bookcase.xsl", **{"from": old},
                     to=new)
    assert note(answer) == "2 lines differ."
    text = lines(answer, "diff")
    assert "-        <p>One</p>" in text
    assert "+        <p>Two &amp; a half</p>" in text
    assert text[0] == "..." and not any("stylesheet" in t for t in text)
    same = link.do("templates/diff", id="bookcase.xsl", **{"from": new})
    assert note(same) == "They are the same."


def test_a_version_is_shown(link):
    put(link, SHEET % "Shown")
    assert "        <p>Shown</p>" in lines(
        link.do("templates/show", id="bookcase.xsl"), "text")
    assert "Shown" not in "\n".join(lines(
        link.do("templates/show", id="bookcase.xsl", version="file"), "text"))


def test_a_broken_one_is_refused_and_the_page_stays(service, link):
    put(link, SHEET % "Still here")
    until("the page", lambda: "Still here" in service.page())
    answer = put(link, "<xsl:stylesheet")
    assert "line" in ET.tostring(answer, encoding="unicode").lower()
    assert "published" not in note(answer)
    assert "Still here" in service.page()


@pytest.mark.parametrize("node, fields, field", [
    ("templates/show", {"id": "nowhere.xsl"}, "id"),
    ("templates/rollback", {"id": "bookcase.xsl", "version": "1.2"},
     "version"),
    ("templates/diff", {"id": "bookcase.xsl", "from": "x"}, "from"),
    ("templates/put", {"id": "bookcase.xsl"}, "text"),
])
def test_what_is_wrong_is_said_at_its_field(link, node, fields, field):
    answer = link.do(node, **fields)
    assert answer.get("status") == "executing", ET.tostring(answer)
    at = [f for f in answer.iter(f"{DATA}field") if f.get("var") == field]
    assert at and at[0].find(
        "{http://concordance-xmpp.org/ns/form}error") is not None


def test_what_is_not_used_is_listed_too(link):
    put(link, SHEET % "Nobody", id="nobody.xsl")
    list_ = {r["id"]: r for r in rows(link.do("templates/list"))}
    assert list_["nobody.xsl"]["pages"] == ""
    assert list_["theme.xsl"]["publisher"] == "built in"
    assert "xsl:stylesheet" in "\n".join(
        lines(link.do("templates/show", id="theme.xsl"), "text"))


# -- a preview -----------------------------------------------------------------

HOSTILE = """<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/">
    <html><head><title>T</title><meta http-equiv="refresh" content="0;/"/>
      <script>alert(1)</script></head>
      <body onload="alert(2)"><iframe src="/admin"/>
        <a href="javascript:alert(3)">Win</a>
        <form action="/_do/login" method="post"><button>Go</button></form>
      </body>
    </html>
  </xsl:template>
</xsl:stylesheet>"""
COUNT = SHEET % 'Preview of <xsl:value-of select="count(/*/*)"/>'


class Bookcase(Panel):
    def __init__(self, *options, **more):
        super().__init__("bookcase-c", *options, **more)


@pytest.fixture(scope="module")
def panel():
    with Bookcase("--operator", "root@localhost",
                  env={"CONCORDANCE_APPS": APPS}
                  ) as s:
        for user in ("ann", "bob", "root"):
            s.ctl("adduser", user, stdin=PASSWORD + "\n")
        s.ctl("do", "roles/set", "jid=ann@localhost", "role=admin", "has=true")
        s.ctl("publish", "library", book("Emma"), "emma")
        s.cookies = {user: s.log_in(user) for user in ("ann", "bob", "root")}
        until("the record", lambda: "Emma" in s.page())
        yield s


def preview(panel, user="ann", **fields):
    return panel.browse("/_do/templates/preview", panel.cookies[user],
                        **{"id": "bookcase.xsl", **fields})


def test_a_preview_shows_the_records_and_changes_nothing(panel):
    before = panel.page()
    status, headers, html = preview(panel, text=COUNT)
    assert status == 303, html
    where = headers["Location"]
    assert re.fullmatch("/_preview/[0-9a-f]{32}", where)
    status, headers, html = panel.browse(where, panel.cookies["ann"])
    assert status == 200 and "Preview of 1</p>" in html
    assert "<script" not in html and "data-position" not in html
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    for word in ("script-src", "allow-", "connect-src"):
        assert word not in policy
    assert "form-action 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "no-store" in headers["Cache-Control"]
    assert panel.page() == before
    assert panel.browse(where, panel.cookies["ann"], a="b")[0] == 405


def test_a_preview_is_for_whoever_asked_for_it(panel):
    where = preview(panel, text=COUNT)[1]["Location"]
    for cookie in ("", panel.cookies["bob"], panel.cookies["root"]):
        status, _, html = panel.browse(where, cookie)
        assert status == 404 and "Preview of" not in html
    assert panel.browse(where[:-1] + "x", panel.cookies["ann"])[0] == 404
    assert panel.browse("/_preview/", panel.cookies["ann"])[0] == 404
    assert preview(panel, "bob", text=COUNT)[0] == 403
    assert panel.browse(where, panel.cookies["ann"])[0] == 200


def test_a_strangers_markup_is_shut_in(panel):
    where = preview(panel, text=HOSTILE)[1]["Location"]
    html = panel.browse(where, panel.cookies["ann"])[2]
    for word in ("alert", "iframe", "script", "onload", "http-equiv"):
        assert word not in html
    assert "Win" in html


@pytest.mark.parametrize("text, said", [
    (SHEET % "<xsl:value-of select='1 +'/>", "bookcase.xsl, line 6"),
    (SHEET % "<xsl:call-template name='none'/>", "bookcase.xsl, line"),
    ("<xsl:stylesheet", "bookcase.xsl, line"),
])
def test_what_is_wrong_is_said_with_sheet_and_line(panel, text, said):
    status, _, html = preview(panel, text=text)
    assert status == 422 and said in html, html
    assert "cnc-error" in html and "xsl:stylesheet" in html


def test_a_preview_of_what_others_import_is_of_their_pages(panel):
    status, headers, _ = preview(
        panel, id="part.xsl", page="/", text=SHEET % "Alone")
    assert status == 303
    assert "Alone" in panel.browse(headers["Location"],
                                   panel.cookies["ann"])[2]
    status, _, html = preview(panel, id="part.xsl", text=SHEET % "Alone")
    assert status == 422 and "No page of records uses it" in html
    status, _, html = preview(panel, id="part.xsl", page="/nix", text=COUNT)
    assert status == 422 and "There is no such page." in html
    status, _, html = preview(panel, page="/admin", text=COUNT)
    assert "Preview of" not in html


def test_an_old_version_is_previewed_by_its_name(panel):
    status, headers, _ = preview(panel, version="file")
    assert status == 303
    assert "Emma" in panel.browse(headers["Location"],
                                  panel.cookies["ann"])[2]
    status, _, html = preview(panel, version="1.999")
    assert status == 422 and "There is no such version." in html


def test_the_oldest_preview_goes_when_there_are_too_many(panel):
    first = preview(panel, text=COUNT)[1]["Location"]
    for _ in range(64):
        last = preview(panel, text=COUNT)[1]["Location"]
    assert panel.browse(first, panel.cookies["ann"])[0] == 404
    assert panel.browse(last, panel.cookies["ann"])[0] == 200


BASE = """<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template name="%s">A %s sentence.</xsl:template>
</xsl:stylesheet>"""

LEANS = """<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:import href="base.xsl"/>
  <xsl:template match="/">
    <html lang="en"><head><title>T</title></head>
      <body><p><xsl:call-template name="%s"/></p></body>
    </html>
  </xsl:template>
</xsl:stylesheet>"""


def faults(service):
    return [line for line in service.log if "template.file" in line]


def test_files_that_changed_together_are_taken_together(tmp_path):
    files = tmp_path / "files"
    files.mkdir()

    def write(name):
        (files / "base.xsl").write_text(BASE % (name, name))
        (files / "bookcase.xsl").write_text(LEANS % name)
    write("short")
    with Service(files=str(files)) as s:
        assert "A short sentence." in s.page()
        for name in "long", "longer":
            s.stop()
            write(name)  # neither works with the other's old version
            s.start()
            assert f"A {name} sentence." in s.page()
        assert not faults(s)


def test_a_file_that_needs_what_an_operator_took_away_is_named(tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    (files / "base.xsl").write_text(BASE % ("short", "short"))
    (files / "bookcase.xsl").write_text(LEANS % "short")
    with Service(files=str(files)) as s:
        link = Link(s)
        put(link, LEANS.replace("<p>", "<p>Mine: ") % "short")
        until("the page", lambda: "Mine: A short" in s.page())
        link.close()
        s.stop()
        (files / "base.xsl").write_text(BASE % ("long", "long"))
        s.start()
        assert "Mine: A short sentence." in s.page()
        assert "base.xsl" in faults(s)[0] and "bookcase.xsl" in faults(s)[0]


# -- a new one is tried on each page, in each language, as whoever it is for

APP = """
from concordance import *

class Book(Record):
    title = Text("Title", required=True)

class Find(Record):
    word = Text("Word", required=True)

class Shelf(App):
    xmlns = "urn:x-shelf"
    title = "Shelf"
    library = Node(Book, form="Add a book")
    index = Page("/", library, "shelf.xsl")
    by = Page("/by/{title}", library, "shelf.xsl", where="title={title}")
    look = Page("/look/{word}", command="find", template="look.xsl",
                title="Look")

    @command("find", "Find books", form=Find, who="anybody", safe=True)
    def find(self, user, form):
        return [{"title": "Emma", "year": 1815}]
"""
MAIN = """<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page"
    xmlns:x="jabber:x:data"
    xmlns:f="http://concordance-xmpp.org/ns/form"
    exclude-result-prefixes="c x f">
  <xsl:import href="theme.xsl"/>
  <xsl:template match="/*" mode="main">
    <h2><c:text>Books</c:text></h2>
    <xsl:if test="%s">
      <xsl:message terminate="yes">I stop</xsl:message>
    </xsl:if>
  </xsl:template>
</xsl:stylesheet>"""
LINE = 11


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    if not HAS_PYTHON:
        pytest.skip("built without Python")
    folder = tmp_path_factory.mktemp("trial")
    (folder / "shelf.py").write_text(APP)
    for name in ("shelf.xsl", "look.xsl", "do.xsl", "error.xsl"):
        (folder / name).write_text(MAIN % "false()")
    (folder / "locale").mkdir()
    (folder / "locale" / "de.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgid "Books"\nmsgstr "B\u00fccher"\n', encoding="utf-8")
    with Service("shelf:Shelf", files=str(folder),
                 env={"APPPATH": str(folder)}) as running:
        yield running


@pytest.mark.parametrize("id, test, page", [
    ("shelf.xsl", "@xml:lang = 'de'", "/ in de"),
    ("shelf.xsl", "@xml:lang = 'en'", "/"),
    ("look.xsl", "c:command/x:x/@type = 'form'", "/look/{word}"),
    ("look.xsl", "c:command/x:x[@type = 'result']/x:item[2]",
     "/look/{word}"),
    ("look.xsl", "//f:error and c:command/@code = 'CNC_EREFUSED'",
     "/look/{word}"),
    ("look.xsl", "c:param[@name = 'word'] = 'example'", "/look/{word}"),
    ("look.xsl", "@xml:lang = 'de' and c:command", "/look/{word} in de"),
    ("look.xsl", "c:flash", "/look/{word}"),
    ("do.xsl", "c:menu/c:command and not(c:command)", "/_do"),
    ("do.xsl", "//x:field/@type = 'text-private'", "/_do"),
    ("do.xsl", "@xml:lang = 'de' and //x:reported", "/_do in de"),
    ("error.xsl", "c:error/@code = '404'", "(404)"),
    ("error.xsl", "@xml:lang = 'de'", "(404) in de"),
])
def test_it_is_tried_on_all_that_can_be_shown(shelf, id, test, page):
    link = Link(shelf)
    answer = ET.tostring(put(link, MAIN % test, id), encoding="unicode")
    link.close()
    assert f"template {id}, line {LINE}: I stop (page {page})" in answer


def test_it_is_tried_with_the_words_of_each_language(shelf):
    words = MAIN.replace("<h2>", '<xsl:variable name="w">').replace(
        "</h2>", "</xsl:variable>")
    link = Link(shelf)
    answer = put(link, words % "$w = 'B\u00fccher'", "shelf.xsl")
    assert "I stop (page / in de)" in ET.tostring(answer, encoding="unicode")
    assert note(put(link, words % "$w = 'Books, all'", "shelf.xsl")) \
        .startswith("It is publish")
    link.close()


def test_a_theme_is_tried_with_all_that_import_it(shelf):
    link = Link(shelf)
    with open(os.path.join(TOP, "src/web/theme.xsl"), encoding="utf-8") as f:
        theme = f.read()
    assert note(put(link, theme, "theme.xsl")).startswith("It is publish")
    broken = theme.replace('<xsl:template name="menu"',
                           '<xsl:template name="carte"', 1)
    assert broken != theme
    answer = ET.tostring(put(link, broken, "theme.xsl"), encoding="unicode")
    assert "menu" in answer and "(page " in answer, answer
    link.close()


# -- an app's new version ----------------------------------------------------

def own_file(link: Link, id: str = "t.xsl") -> str:
    return next(r for r in rows(link.do("templates/list"))
                if r["id"] == id)["file"]


@pytest.mark.parametrize("how", ["restart", "reload"])
def test_an_upgrade_keeps_what_somebody_changed(tmp_path, how):
    from test_settings import FIRST, Site
    if how == "reload" and not HAS_PYTHON:
        pytest.skip("the app is built without the sanitizers")
    sheet = tmp_path / "t.xsl"
    other = tmp_path / "other.xsl"
    sheet.write_text(SHEET % "first")
    other.write_text(SHEET % "first")
    with Site(tmp_path, "c") as s:
        def renew():
            s.renew(FIRST, how == "reload")
            return Link(s)

        link = Link(s)
        assert own_file(link) == "used"
        assert note(put(link, SHEET % "mine", "t.xsl")).startswith("It is")
        assert own_file(link) == "changed here"
        sheet.write_text(SHEET % "second")
        other.write_text(SHEET % "second")
        link = renew()
        # the one that nobody changed is the new one, the other one stays
        assert "<p>second</p>" in "".join(lines(link.do(
            "templates/show", id="other.xsl"), "text"))
        assert "<p>mine</p>" in "".join(lines(link.do(
            "templates/show", id="t.xsl"), "text"))
        assert own_file(link) == "newer than the one that was changed here"
        assert own_file(link, "other.xsl") == "used"
        said = note(link.do("templates/list"))
        assert said.startswith("The app has a newer file") and "t.xsl" in said
        assert any("template.newer id=t.xsl" in line for line in s.log)
        diff = lines(link.do("templates/diff", id="t.xsl", to="file"), "diff")
        assert [d for d in diff if d[:1] in "+-"] == [
            "-        <p>mine</p>", "+        <p>second</p>"]
        # who publishes one after that has seen it
        put(link, SHEET % "mine and second", "t.xsl")
        assert own_file(link) == "changed here"
        sheet.write_text(SHEET % "third")
        link = renew()
        assert own_file(link).startswith("newer")
        assert note(link.do("templates/rollback", id="t.xsl",
                            version="file")).startswith("It is")
        assert own_file(link) == "used"
        sheet.write_text(SHEET % "fourth")
        link = renew()
        assert "<p>fourth</p>" in "".join(lines(link.do(
            "templates/show", id="t.xsl"), "text"))
