# SPDX-License-Identifier: MIT
"""Pages with parameters, orders, readers and commands in the real service."""
import re
import urllib.parse

import pytest

from service import Service, needs_python, until

pytestmark = needs_python

NS = "urn:x-test:pages"
APP = f'''
from concordance import *

class Book(Record):
    title  = Text("Title", required=True)
    author = Text("Author")
    year   = Integer("Year")

class Search(Record):
    q = Text("Text", required=True)

class Pages(App):
    """Shelves"""
    xmlns   = "{NS}"
    library = Node(Book, form="Add a book")
    index   = Page("/", library, "all.xsl")
    by      = Page("/by/{{author}}", library, "none.xsl",
                   title="Books by {{author}}", where="author={{author}}")
    since   = Page("/since/{{year}}", library, "none.xsl",
                   where="year>={{year}}", sort="-year title")
    staff   = Page("/staff", library, "none.xsl", readers="staff")
    found   = Page("/found/{{q}}", command="find", template="found.xsl",
                   title="What is found")
    cleared = Page("/admin", command="clear", template="found.xsl")

    @command("find", "Find", form=Search, who="anybody", safe=True)
    def find(self, user, form):
        return [{{"title": b.title}} for _, b in self.library.items()
                if form.q in b.title]

    @command("clear", "Clear", who="admins")
    def clear(self, user, form):
        return "Done."
'''
FOUND = """<xsl:stylesheet version="1.0"
  xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
  xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:x="jabber:x:data"
  exclude-result-prefixes="c x">
<xsl:template match="/"><html lang="en"><head><title>
<xsl:value-of select="/c:page/@c:title"/></title></head><body>
<h1><xsl:value-of select="/c:page/c:param[@name='q']"/></h1>
<xsl:for-each select="/c:page/c:command/x:x/x:item">
<p class="hit"><xsl:value-of select="x:field/x:value"/></p></xsl:for-each>
</body></html></xsl:template></xsl:stylesheet>"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    (folder / "pagesapp.py").write_text(APP)
    (folder / "found.xsl").write_text(FOUND)
    with Service("pagesapp:Pages", files=str(folder),
                 env={"APPPATH": str(folder)}) as s:
        for i, (title, author, year) in enumerate([
                ("Emma", "Austen", 1815), ("Hamlet", "Shakespeare", 1603),
                ("Persuasion", "Austen", 1817)]):
            put(s, f"b{i}", title, author, year)
        yield s


def put(s, id, title, author, year):
    s.ctl("publish", "library",
          f'<book xmlns="{NS}"><title>{title}</title><author>{author}</author>'
          f"<year>{year}</year></book>", id)


def titles(html):
    return [t for t in re.findall(r"<dd>([^<]*)</dd>", html)
            if not t.isdigit() and t not in ("Austen", "Shakespeare")]


def test_an_address_shows_its_records(service):
    html = service.page("/by/Austen")
    assert titles(html) == ["Emma", "Persuasion"]
    assert "<h1>Books by Austen</h1>" in html
    assert 'content="view:/by/Austen"' in html
    assert titles(service.page("/by/" + urllib.parse.quote("Żółć & <b>"))) \
        == []


def test_an_order_and_a_comparison_by_kind(service):
    assert titles(service.page("/since/1700")) == ["Persuasion", "Emma"]
    assert titles(service.page("/since/200")) == ["Persuasion", "Emma",
                                                  "Hamlet"]


def test_a_page_by_parameter_follows_every_change(service):
    page = "/by/Woolf"
    assert titles(service.page(page)) == []
    put(service, "w", "Orlando", "Woolf", 1928)
    until("the book", lambda: "Orlando" in service.page(page))
    put(service, "w", "Orlando", "Somebody", 1928)
    until("the book goes", lambda: "Orlando" not in service.page(page))


def test_a_page_of_a_command(service):
    status, headers, html = service.get("/found/m?unknown=1")
    assert status == 200
    assert headers["Cache-Control"] == "private, no-store"
    assert re.findall(r'class="hit">([^<]*)<', html) == ["Emma", "Hamlet"]
    assert "<h1>m</h1>" in html


def test_what_guests_may_not_see(service):
    for path in "/staff", "/admin":
        status, _, html = service.get(path)
        assert status == 403, path
        assert "Emma" not in html


def test_hostile_addresses_cost_little(service):
    for i in range(600):
        assert service.get(f"/by/hostile{i}")[0] == 200
    assert titles(service.page("/by/Austen"))[:1] == ["Emma"]


def test_two_pages_of_one_address_are_refused_at_load(tmp_path):
    (tmp_path / "twice.py").write_text(
        APP.replace('"/staff"', '"/by/{somebody}"'))
    s = Service("twice:Pages", env={"APPPATH": str(tmp_path)}, wait=False)
    assert s.process.wait(30) != 0
    s.reader.join(30)
    assert "/by/{author}" in "".join(s.log)
    s.process.stdout.close()
    s.dir.cleanup()
