# SPDX-License-Identifier: MIT
"""Declarations: classes become plain objects and plain data."""
import copy
import datetime
import decimal
import json
import pickle
import subprocess
import sys

import pytest

from concordance import (App, Boolean, Choice, Choices, Date, DateTime,
                         Decimal, Integer, Lines, Node, Page, Record, Refuse,
                         Secret, Text, every, iq_get, page)

NS = "http://concordance-xmpp.org/apps/mybookcase"


class Book(Record):
    title = Text("Title", required=True)
    author = Text("Author", required=True)
    isbn = Text("ISBN", match="97[89][0-9]{10}")


class Loan(Record, element="loan-slip"):
    who = Text("Who")
    days = Integer("Days", min=1, max=90)
    fee = Decimal("Fee")
    paid = Boolean("Paid")
    since = Date("Since")
    seen = DateTime("Seen")
    kind = Choice("Kind", ["long", ("short", "A short one")])
    tags = Choices("Tags", ["a", "b"])
    note = Lines("Note")


class Shelf(App):
    xmlns = NS
    library = Node(Book, form="Add a book")
    index = Page("/", library, "bookcase.xsl")

    @library.submit
    def add(self, user, book):
        return book

    @iq_get("urn:x", "query")
    def answer(self, user, payload):
        return None

    @every(60)
    def sweep(self):
        pass


DIVE = Book(title="Dive Into Python 3", author="Mark Pilgrim",
            isbn="9781430224150")
XML = ('<book xmlns="http://concordance-xmpp.org/apps/mybookcase"><title>'
       "Dive Into Python 3</title><author>Mark Pilgrim</author>"
       "<isbn>9781430224150</isbn></book>")


def test_a_record_is_the_founding_xml_to_the_byte():
    assert DIVE.to_xml(NS) == XML


def test_a_record_comes_back_from_its_xml():
    assert Book.from_xml(XML) == DIVE


def test_records_are_plain_objects():
    assert vars(DIVE) == {"title": "Dive Into Python 3",
                          "author": "Mark Pilgrim", "isbn": "9781430224150"}
    assert pickle.loads(pickle.dumps(DIVE)) == DIVE
    assert copy.deepcopy(DIVE) == DIVE
    assert json.loads(json.dumps(vars(DIVE)))["title"] == DIVE.title
    assert not hasattr(Book, "title")


def test_typed_fields_make_the_round_trip():
    slip = Loan(who="J & K", days=7, fee=decimal.Decimal("1.50"), paid=True,
                since=datetime.date(2026, 11, 22),
                seen=datetime.datetime(2026, 11, 22, 21, 40,
                                       tzinfo=datetime.timezone.utc),
                kind="short", tags=["a", "b"], note="one\ntwo")
    text = slip.to_xml("urn:x")
    assert text.startswith('<loan-slip xmlns="urn:x"><who>J &amp; K</who>'
                           "<days>7</days><fee>1.50</fee><paid>true</paid>")
    assert "<tags>a</tags><tags>b</tags>" in text
    assert "<seen>2026-11-22T21:40:00Z</seen>" in text
    assert Loan.from_xml(text) == slip


def test_unknown_fields_are_an_error():
    with pytest.raises(TypeError, match="no field colour"):
        Book(colour="red")


def test_subclasses_inherit_fields_and_nodes():
    class Rare(Book):
        price = Decimal("Price")

    class Attic(Shelf):
        attic = Node(Rare)

    assert list(Rare.__fields__) == ["title", "author", "isbn", "price"]
    spec = Attic().__spec__()
    assert [n["name"] for n in spec["nodes"]] == ["library", "attic"]
    assert spec["name"] == "attic" and len(spec["pages"]) == 1


def test_the_spec_is_plain_data():
    spec = Shelf().__spec__()
    node, = spec["nodes"]
    assert node["name"] == "library" and node["form"] == "Add a book"
    assert [f["name"] for f in node["record"]["fields"]] == [
        "title", "author", "isbn"]
    assert callable(node["submit"])
    assert spec["handlers"][0]["ns"] == "urn:x"
    assert spec["tasks"][0]["every"] == 60
    assert spec["pages"] == [{"path": "/", "template": "bookcase.xsl",
                              "node": "library", "title": None, "window": 0,
                              "where": None, "sort": None, "command": None,
                              "readers": None}]


class Search(Record):
    q = Text("Words", required=True)


class Finder(App):
    xmlns = NS

    @page("/search", "found.xsl", "Look", Search, who="users",
          roles=["staff"], readers="staff editors")
    def search(self, user, form):
        """Books with these words."""

    @page("/by/{author}/{year}", node="by")
    def by_author(self, user, form):
        pass


def test_a_page_of_a_handler_is_a_page_and_a_command():
    spec = Finder().__spec__()
    first, second = spec["pages"]
    assert first == {"path": "/search", "template": "found.xsl", "node": None,
                     "title": "Look", "window": 0, "where": None,
                     "sort": None, "command": "search",
                     "readers": "staff editors"}
    assert second["path"] == "/by/{author}/{year}"
    assert second["command"] == "by" and second["title"] is None
    search, by = spec["commands"]
    assert (search["node"], search["title"], search["roles"]) == (
        "search", "Look", "staff")
    assert search["safe"] and search["reads"] and search["who"] == 1
    assert search["help"] == "Books with these words."
    assert (by["who"], by["title"]) == (2, "By author")
    assert [(f["name"], f["required"]) for f in by["record"]["fields"]] == [
        ("author", True), ("year", True)]


def test_a_page_says_what_its_form_may_not_be():
    class Login(Record):
        word = Secret("Password")

    with pytest.raises(ValueError, match="/by/{who}: Search has no field who"):
        page("/by/{who}", form=Search)(lambda self, user, form: None)
    with pytest.raises(ValueError, match="word is not for a page"):
        page("/in", form=Login)(lambda self, user, form: None)
    with pytest.raises(ValueError, match="who is one of"):
        page("/in", who="nobody")(lambda self, user, form: None)


def test_an_app_without_xmlns_says_so():
    class Bare(App):
        pass

    with pytest.raises(ValueError, match="Bare has no xmlns"):
        Bare().__spec__()


def test_a_node_says_what_access_may_be():
    with pytest.raises(ValueError, match="access is one of"):
        Node(Book, access="public")


def test_nodes_are_for_handlers_only():
    with pytest.raises(RuntimeError, match="while a handler runs"):
        Shelf.library.find(isbn="x")


def test_refuse_carries_fields():
    refusal = Refuse(isbn="That book is on the shelf.")
    assert refusal.fields == {"isbn": "That book is on the shelf."}
    assert refusal.text is None
    assert Refuse("No.").text == "No."


def run(*words):
    return subprocess.run([sys.executable, "-m", "concordance", *words],
                          capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("words, said", [
    (["run"], "name an app"),
    (["fly"], "there is no command fly"),
    (["run", "nowhere"], "an app in Python is MODULE:CLASS"),
    (["run", "shelf.py"], "its class, shelf:CLASS"),
    (["run", "nowhere:App"], "there is no module nowhere"),
    (["run", "json:App"], "json has no App called App"),
])
def test_the_command_line_says_what_is_wrong(words, said):
    done = run(*words)
    assert done.returncode == 2 and said in done.stderr


def test_help_teaches():
    done = run("--help")
    assert done.returncode == 0 and "--http ADDR" in done.stdout
