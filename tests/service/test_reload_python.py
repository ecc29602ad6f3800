# SPDX-License-Identifier: MIT
"""A Python app's module is edited and reloaded while people follow it."""
from __future__ import annotations

import os

import pytest

from service import Service, needs_python, until
from test_apps import apps
from test_nodes import ET, Link, note
from wire import Client

pytestmark = needs_python

SOURCE = """
from concordance import *
%(head)s

class Item(Record):
    title = Text("Title", required=True)
    %(field)s

class Shelf(App):
    xmlns = "urn:x-shelf"
    version = "%(version)s"
    shelf = Node(Item, form="Add")
    index = Page("/", shelf)
    %(node)s

    @command("hello", who="anybody", safe=True)
    def hello(self, user, form):
        return "%(hello)s"

    def start(self):
        %(start)s
"""
FIRST = {"head": "", "field": "", "version": "1", "hello": "First.",
         "start": "pass",
         "node": 'attic = Node(); above = Page("/attic", attic)'}


class Shelf(Service):
    def __init__(self, folder):
        self.folder = str(folder)
        self.write()
        super().__init__("bookshelf:Shelf",
                         env={"APPPATH": self.folder,
                              "PYTHONDONTWRITEBYTECODE": ""})

    def write(self, **changes):
        """Of the same length and in the same second, mostly."""
        with open(os.path.join(self.folder, "bookshelf.py"), "w",
                  encoding="utf-8") as f:
            f.write(SOURCE % {**FIRST, **changes})


def add(link, title: str, **more) -> str:
    answer = link.do("shelf", title=title, **more)
    return note(answer) or ET.tostring(answer, encoding="unicode")


def reload(link) -> str:
    answer = link.do("apps/reload", name="shelf")
    return note(answer) or ET.tostring(answer, encoding="unicode")


def test_new_code_is_taken_and_all_who_are_there_stay(tmp_path):
    with Shelf(tmp_path) as s:
        link, visitor = Link(s), Client(s.port)
        visitor.subscribe("shelf")
        assert "Published" in add(link, "One")
        assert "One" in ET.tostring(visitor.recv(), encoding="unicode")
        assert "First." in note(link.do("hello"))
        assert s.get("/attic")[0] == 200
        s.write(hello="Other.", version="2", node="",
                field='note = Text("Note")')
        assert reload(link) == "shelf runs in its new version."
        assert "Other." in note(link.do("hello"))
        assert apps(s)["shelf"]["version"] == "2"
        assert "Published" in add(link, "Two", note="with a note")
        assert "with a note" in ET.tostring(visitor.recv(),
                                            encoding="unicode")
        until("the page", lambda: "Two" in s.page() and "One" in s.page())
        assert s.get("/attic")[0] == 404
        visitor.close()
        link.close()


@pytest.mark.parametrize("change, said", [
    ({"head": "def broken(:"}, "SyntaxError: "),
    ({"head": "raise ImportError('no such thing')"},
     "ImportError: no such thing (bookshelf.py:3)"),
    ({"start": "raise ValueError('not today')"},
     "refused to start: ValueError: not today (bookshelf.py:21)"),
    ({"start": "raise Refuse('Not today.')"}, "Not today."),
    ({"node": 'name = "other"'}, 'it is the app "other" now, not "shelf"'),
    ({"head": "del App"}, "NameError: name 'App' is not defined"),
])
def test_what_cannot_be_taken_leaves_the_old_code(tmp_path, change, said):
    with Shelf(tmp_path) as s:
        link, visitor = Link(s), Client(s.port)
        visitor.subscribe("shelf")
        s.write(hello="Wrong.", **change)
        answer = reload(link)
        assert said in answer.replace("&#39;", "'"), answer
        assert "(bookshelf.py:" in answer or "Error" not in answer
        assert "First." in note(link.do("hello"))
        assert "Published" in add(link, "Still here")
        assert "Still here" in ET.tostring(visitor.recv(),
                                           encoding="unicode")
        assert s.get("/attic")[0] == 200
        s.write(hello="Right.")
        assert reload(link) == "shelf runs in its new version."
        assert "Right." in note(link.do("hello"))
        visitor.close()
        link.close()


def test_an_app_that_is_stopped_starts_in_its_new_version(tmp_path):
    with Shelf(tmp_path) as s:
        link = Link(s)
        link.do("apps/stop", name="shelf")
        s.write(hello="Other.")
        assert reload(link).startswith("shelf has its new version, and does "
                                       "not run: ")
        link.do("apps/start", name="shelf")
        assert "Other." in note(link.do("hello"))
        link.close()


def test_many_reloads_lose_nothing(tmp_path):
    with Shelf(tmp_path) as s:
        link, visitor = Link(s), Client(s.port)
        visitor.subscribe("shelf")
        for i in range(8):
            s.write(hello=f"Call {i}.")
            assert reload(link) == "shelf runs in its new version."
            assert f"Call {i}." in note(link.do("hello"))
            assert "Published" in add(link, f"Item {i}")
            assert f"Item {i}<" in ET.tostring(visitor.recv(),
                                               encoding="unicode")
        assert s.stop() == 0
        visitor.close()
