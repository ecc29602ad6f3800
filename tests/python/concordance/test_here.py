# SPDX-License-Identifier: MIT
"""Handlers of pages in the web server's process, a service played by hand."""
import threading
import time

import nodetree
import pytest

from concordance import (Answer, App, Error, Integer, Node, Record, Refuse,
                         Text, log, page, url)
from concordance.app import _run_here
from concordance.here import NS, names

SHELF = "urn:x-shelf"


caught: list = []


class Book(Record):
    title = Text("Title")
    year = Integer("Year")


class Search(Record):
    q = Text("Words")


class Shelf(App):
    xmlns = SHELF
    library = Node(Book)

    class Settings(Record):
        size = Integer("Size", value=3)

    @page("/search", form=Search)
    def search(self, user, form):
        found = self.library.query("title~{q}", "-year", q=form.q, limit=9)
        return Answer(f"{found.total} <books>", table=[b for _, b in found])

    @page("/who/{what}")
    def who(self, user, form):
        log("asked\nfor")
        return {"user": user, "guest": user.guest, "lang": user.lang,
                "staff": user.has("x staff"), "boss": user.has("boss"),
                "url": url("/who"), "size": self.settings.size,
                "lines": "one\n & two\r"}

    @page("/do/{what}")
    def do(self, user, form):
        log("begins")
        if form.what == "loop":
            while True:
                pass
        while form.what == "catch":
            try:
                time.sleep(0.01)
            except:  # noqa: E722
                if len(caught) > 0:
                    raise
                caught.append(1)
        if form.what == "refuse":
            raise Refuse("No.", q="Not \"that\".")
        if form.what == "find":
            return self.library.find(title="Emma").title
        if form.what == "get":
            return str(self.library.get("b9"))
        if form.what == "all":
            return [book for _, book in self.library.items()]
        if form.what == "query":
            self.library.query("nothing=")
        if form.what == "publish":
            self.library.publish(Book(title="x"))
        return 1 / 0

    @page("/many")
    def many(self, user, form):
        return [{"n": i, "text": "x" * 1000} for i in range(1000)]


def run(command, form="", *, ask=None, extra="", apps=(Shelf,)):
    xml = (f"<run xmlns='{NS}' call='c0ffee' app='shelf' command='{command}' "
           f"user='anna@books.example' guest='false' operator='false' "
           f"roles='admin staff' lang='de' url='https://books.example' "
           f"{extra}>{form}</run>")
    answer = _run_here(apps, xml, ask or (lambda type, xml: pytest.fail(xml)))
    return nodetree.Document(f"<ran xmlns='{NS}'>{answer}</ran>").root


def what(word):
    return f"<do xmlns='{SHELF}'><what>{word}</what></do>"


def texts(ran, path):
    return [n.text for n in ran.xpath(path)]


def local(name):
    return f"*[local-name() = '{name}']"


BOOKS = [("b1", "Emma", 1815), ("b2", "Ulysses", 1922), ("b3", "Emma", 2001)]


class Service:
    """Answers as the real one: so many records at once, and no more."""

    def __init__(self, books=BOOKS, most=2):
        self.books, self.most, self.asked, self.parts = books, most, [], []

    def __call__(self, type, xml):
        e = nodetree.Document(xml).root
        self.asked.append(e)
        if type == "set":
            self.parts.append(e)
            return "<iq xmlns='jabber:client' type='result'/>"
        a = e.attributes
        if e.name == "setting":
            inner = f"<setting xmlns='{NS}'>7</setting>"
        elif a.get("where") == "nothing=":
            inner = f"<query xmlns='{NS}' error='where: a value is missing'/>"
        else:
            offset = int(a.get("offset", 0))
            found = [b for b in self.books if a.get("item", b[0]) == b[0]]
            rows = found[offset:offset + self.most]
            inner = f"<query xmlns='{NS}' total='{len(found)}'>" + "".join(
                f"<item id='{id}'><book xmlns='{SHELF}'><title>{title}"
                f"</title><year>{year}</year></book></item>"
                for id, title, year in rows) + "</query>"
        return f"<iq xmlns='jabber:client' type='result'>{inner}</iq>"


def test_a_handler_reads_and_answers():
    ask = Service()
    ran = run("search", f"<search xmlns='{SHELF}'><q>E &amp; m</q></search>",
              ask=ask)
    assert texts(ran, local("note")) == ["3 <books>"]
    assert texts(ran, f".//{local('item')}//{local('value')}") == [
        "Emma", "1815", "Ulysses", "1922", "Emma", "2001"]
    first, second = ask.asked
    assert first.attributes["where"] == "title~{q}"
    assert first.attributes["sort"] == "-year"
    assert [p.text for p in first] == ["E & m"]
    assert second.attributes["offset"] == "2"
    assert second.attributes["limit"] == "7"


def test_a_handler_knows_who_asks():
    ran = run("who", what("x"), ask=Service())
    assert texts(ran, local("log")) == ["asked\nfor"]
    said = {f.attributes["var"]: [v.text for v in f]
            for f in ran.xpath(f".//{local('field')}")}
    assert said == {"user": ["anna@books.example"], "guest": ["false"],
                    "lang": ["de"], "staff": ["true"], "boss": ["false"],
                    "url": ["https://books.example/who"], "size": ["7"],
                    "lines": ["one", " & two\r"]}


def test_records_are_found_as_in_the_service():
    assert texts(run("do", what("find"), ask=Service()),
                 local("note")) == ["Emma"]
    assert texts(run("do", what("get"), ask=Service()),
                 local("note")) == ["None"]
    ran = run("do", what("all"), ask=Service(most=1))
    assert len(ran.xpath(f".//{local('item')}")) == 3


def test_a_refusal_stands_at_its_field():
    ran = run("do", what("refuse"))
    assert [(r.attributes.get("field"), r.text)
            for r in ran.xpath(local("refuse"))] == [
        ("q", 'Not "that".'), (None, "No.")]


@pytest.mark.parametrize("word, said", [
    ("raise", "ZeroDivisionError: division by zero (test_here.py:"),
    ("publish", "concordance.Error: a page only reads: there is no publish() "
                "here; use a command (test_here.py:"),
    ("query", "ValueError: where: a value is missing (test_here.py:"),
])
def test_a_fault_is_told_with_its_place(word, said, capsys):
    ran = run("do", what(word), ask=Service())
    fault, = texts(ran, local("fault"))
    assert fault.startswith(said)
    assert texts(ran, local("log")) == ["begins"]
    assert "Traceback" in capsys.readouterr().err


def test_a_handler_that_loops_is_ended():
    began = time.monotonic()
    ran = run("do", what("loop"), extra="seconds='0.2'")
    assert time.monotonic() - began < 10
    fault, = ran.xpath(local("fault"))
    assert fault.attributes["timeout"] == "true"
    assert fault.text.startswith(
        "it did not return within 0.2 seconds (test_here.py:")
    # And nothing of it comes later.
    assert texts(run("do", what("find"), ask=Service()),
                 local("note")) == ["Emma"]
    assert threading.active_count() < 5


def test_a_handler_that_catches_everything_is_ended_the_second_time():
    ran = run("do", what("catch"), extra="seconds='0.1'")
    assert caught
    fault, = ran.xpath(local("fault"))
    assert fault.attributes["timeout"] == "true"


def test_a_large_answer_goes_in_parts():
    ask = Service()
    ran = run("many", ask=ask)
    assert len(ask.parts) > 3
    parts = [*ask.parts, ran]
    assert all(p.attributes["more"] == "true" and
               p.attributes["call"] == "c0ffee" and len(str(p)) < 200_000
               for p in ask.parts)
    assert [len(p.xpath(f".//{local('reported')}")) for p in parts] == \
        [1] + [0] * len(ask.parts)
    cells = [v for p in parts
             for v in texts(p, f".//{local('item')}/*[1]/{local('value')}")]
    assert cells == [str(i) for i in range(1000)]


def test_what_is_not_here_is_said_so():
    assert run("nothing").xpath(local("not-here"))
    assert run("search", apps=()).xpath(local("not-here"))


def test_the_names_are_those_with_handlers():
    class Plain(App):
        xmlns = SHELF

    class Other(Shelf):
        name = "other-one"

    assert names([Shelf, Plain, Other]) == "shelf other-one"


def test_a_text_that_no_xml_holds_is_replaced_or_refused():
    class Bad(App):
        name = "shelf"
        xmlns = SHELF

        @page("/bad/{what}")
        def bad(self, user, form):
            return {"1": "a\x01b", "0": "a\0b", "s": "\ud800"}[form.what]

    assert texts(run("bad", what("1"), apps=[Bad]),
                 local("note")) == ["a\ufffdb"]
    assert "ValueError" in texts(run("bad", what("0"), apps=[Bad]),
                                 local("fault"))[0]
    assert "UnicodeEncodeError" in texts(run("bad", what("s"), apps=[Bad]),
                                         local("fault"))[0]


def test_error_is_the_same_in_both_places():
    assert issubclass(Error, Exception)
