# SPDX-License-Identifier: MIT
"""Records that were kept under an older declaration, in C and in Python."""
from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

import test_settings
from service import HAS_PYTHON
from test_nodes import Link
from test_settings import UPGRADES, Site, again

pytestmark = pytest.mark.skipif(
    not HAS_PYTHON, reason="the app is built without the sanitizers")

C = """
#include <concordance.h>
static const struct cnc_record book = {"book", CNC_FIELDS(%(fields)s)};
static int
ask(struct cnc_request *r, struct cnc_element *form)
{
    cnc_note(r, "%%d %%d", cnc_find(r, "books", "author", "Austen"),
             cnc_find(r, "books", "writer", "Austen"));
    return 0;
}
CNC_APP(shelf, .title = "Shelf", .xmlns = "urn:x-shelf",
        .version = "%(version)s",
        .nodes = CNC_NODES({"books", &book, .form = "Add"}),
        .pages = CNC_PAGES({"/", "books"}), .admin = CNC_NAMES("books"),
        .commands = CNC_COMMANDS({"ask", "Ask", .run = ask, .safe = true}));
"""
PYTHON = """
from concordance import *

class Book(Record):
%(fields)s

class Shelf(App):
    xmlns = "urn:x-shelf"
    version = "%(version)s"
    books = Node(Book, form="Add")
    index = Page("/", books)
    admin = [books]

    @command("ask", "Ask", safe=True)
    def ask(self, user, form):
        fields = [n for n in Book.__fields__ if n != "title"]
        return [{"title": b.title, **{f: repr(getattr(b, f)) for f in fields}}
                for _, b in self.books.query(sort="title")]
"""
FIRST = ("1", """
    {"title", "Title", .required = true}, {"author", "Author", .index = true},
    {"year", "Year"}, {"note", "Note"}
""", """
title = Text("Title", required=True)
author = Text("Author", index=True)
year = Text("Year")
note = Text("Note")
""")
SECOND = ("2", """
    {"title", "Title", .required = true},
    {"writer", "Writer", .index = true, .was = "author"},
    {"year", "Year", CNC_FIELD_INTEGER, .index = true}, {"pages", "Pages"}
""", """
title = Text("Title", required=True)
writer = Text("Writer", index=True, was="author")
year = Integer("Year", index=True)
pages = Text("Pages", value="?")
""")


def book(title: str, author: str, year: str) -> str:
    return (f'<book xmlns="urn:x-shelf"><title>{title}</title><author>'
            f"{author}</author><year>{year}</year><note>n</note></book>")


@pytest.mark.parametrize("language, reload", UPGRADES)
def test_records_of_an_older_declaration(tmp_path, monkeypatch, language,
                                         reload):
    monkeypatch.setattr(test_settings, "C", C)
    monkeypatch.setattr(test_settings, "PYTHON", PYTHON)
    monkeypatch.setattr(test_settings, "FIRST", FIRST)
    with Site(tmp_path, language) as s:
        def do(*words: str) -> dict:
            return json.loads(s.ctl("do", "--json", *words).stdout)

        def found(**query: str) -> list[str]:
            table = do("records", "node=books",
                       *(f"{k}:={v}" for k, v in query.items()))["table"]
            return [row["c:id"] for row in table]

        s.ctl("publish", "books", book("Emma", "Austen", "1815"), "emma")
        s.ctl("publish", "books", book("Odd", "Nobody", "soon"), "odd")
        before = s.ctl("items", "books").stdout
        assert found(where="author=austen") == ["emma"]
        s.renew(SECOND, reload)
        # nothing is rewritten; what the page shows is what is there
        assert s.ctl("items", "books").stdout == before
        page = s.page()
        assert "Emma" in page and "Austen" in page
        # queries, sorted ones too, read the old name
        assert found(where="writer=austen") == ["emma"]
        assert found(sort="writer") == ["emma", "odd"]
        assert found(sort="-year") == ["emma", "odd"]
        assert found(where="year>1") == ["emma"]
        assert found(q="nobody") == ["odd"]
        row = do("records", "node=books", "where:=title=Emma")["table"][0]
        assert row["writer"] == "Austen" and row["pages"] == ""
        if language == "python":
            assert do("ask")["table"] == [
                {"title": "Emma", "writer": "'Austen'", "year": "1815",
                 "pages": "'?'"},
                {"title": "Odd", "writer": "'Nobody'", "year": "None",
                 "pages": "'?'"}]
        else:
            assert do("ask")["note"] == "1 1"
        # a form has it by the new name, and what does not fit is said
        link = Link(s)
        form = again(link.do("records/books/edit", id="emma"))
        assert form["writer"] == ["Austen"] and form["year"] == ["1815"]
        assert "author" not in form and "note" not in form
        form = again(link.do("records/books/edit", id="odd"))
        assert form["year"] == ["soon"]
        answer = ET.tostring(link.do("records/books/edit", id="odd",
                                     title="Odd", year="soon",
                                     version=form["version"][0]),
                             encoding="unicode")
        assert "Year must be a whole number" in answer
        s.ctl("do", "records/set", "node=books", "ids=emma",
              "field=pages", "value=300")
        emma = s.ctl("items", "books", "emma").stdout
        assert "<writer>Austen</writer>" in emma
        assert "<author>" not in emma and "<note>" not in emma
        assert "<pages>300</pages>" in emma
        # the old version finds its own again
        s.renew(FIRST, reload)
        assert found(where="author=nobody") == ["odd"]
        assert found(where="year=soon") == ["odd"]
