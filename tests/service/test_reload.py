# SPDX-License-Identifier: MIT
"""A C app is built anew and reloaded while people follow it."""
from __future__ import annotations

import os
import re
import subprocess

import pytest

from service import BUILD, HAS_PYTHON, LIMIT, TOP, Service, until
from test_nodes import ET, Link, note
from wire import Client

pytestmark = pytest.mark.skipif(
    not HAS_PYTHON, reason="the app is built without the sanitizers")

SOURCE = """
#include <concordance.h>
%(head)s
static const struct cnc_record item = {"item", CNC_FIELDS(
    {"title", "Title", .required = true}%(field)s)};
static int
hello(struct cnc_request *r, struct cnc_element *form)
{
    cnc_note(r, "%(hello)s");
    return 0;
}
static int
start(struct cnc_request *r)
{
    return %(start)s;
}
CNC_APP(shelf, .title = "Shelf", .xmlns = "urn:x-shelf", .version = "%(version)s",
        .nodes = CNC_NODES({"shelf", &item, .form = "Add"}%(node)s),
        .pages = CNC_PAGES({"/", "shelf"}%(page)s),
        .commands = CNC_COMMANDS({"hello", "Hello", .run = hello,
                                  .who = CNC_ANYBODY_RUNS, .safe = true}%(command)s),
        .start = start);
"""
FIRST = {"head": "", "field": "", "hello": "First.", "start": "0", "version": "1",
         "node": ', {"attic"}', "page": ', {"/attic", "attic"}',
         "command": ""}


class Shelf(Service):
    def __init__(self, folder):
        self.folder = str(folder)
        self.build()
        super().__init__(os.path.join(self.folder, "shelf.so"),
                         files=self.folder)

    def build(self, **changes):
        path = os.path.join(self.folder, "shelf.c")
        with open(path, "w", encoding="utf-8") as f:
            f.write(SOURCE % {**FIRST, **changes})
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-I", os.path.join(TOP, "include"),
             "-o", os.path.join(self.folder, "shelf.so"), path,
             os.path.join(BUILD, "src/service/libconcordance.so")],
            check=True, timeout=LIMIT)


def add(link, title: str, **more) -> str:
    answer = link.do("shelf", title=title, **more)
    return note(answer) or ET.tostring(answer, encoding="unicode")


def test_a_new_version_takes_the_place_of_the_old_one(tmp_path):
    with Shelf(tmp_path) as s:
        link = Link(s)
        visitor = Client(s.port)
        visitor.subscribe("shelf")
        assert "Published" in add(link, "One")
        assert "One" in ET.tostring(visitor.recv(), encoding="unicode")
        s.build(hello="Second.", version="2",
                field=', {"note", "Note"}', node="", page="",
                command=', {"more", "More", .run = hello}')
        reloaded = link.do("apps/reload", name="shelf")
        assert note(reloaded) == "shelf runs in its new version.", \
            ET.tostring(reloaded)
        assert "Second." in note(link.do("hello"))
        assert "Second." in note(link.do("more"))
        # the subscription is still there, and so is what was published
        assert "Published" in add(link, "Two", note="with a note")
        assert "with a note" in ET.tostring(visitor.recv(),
                                            encoding="unicode")
        until("the page", lambda: "Two" in s.page() and "One" in s.page())
        # what the new one has not is gone
        assert s.get("/attic")[0] == 404
        assert visitor.subscribe("attic").get("type") == "error"
        visitor.close()
        link.close()


def test_a_version_that_refuses_to_start_leaves_the_old_one(tmp_path):
    with Shelf(tmp_path) as s:
        link = Link(s)
        visitor = Client(s.port)
        visitor.subscribe("shelf")
        s.build(hello="Third.", version="3",
                start='cnc_refuse(r, NULL, "Not today.")')
        answer = ET.tostring(link.do("apps/reload", name="shelf"),
                             encoding="unicode")
        assert "Not today." in answer
        assert "First." in note(link.do("hello"))
        assert "Published" in add(link, "Still here")
        assert "Still here" in ET.tostring(visitor.recv(),
                                           encoding="unicode")
        assert s.get("/attic")[0] == 200
        visitor.close()
        link.close()


OTHER_ABI = "#undef CNC_APP_ABI\n#define CNC_APP_ABI 2u"


def test_an_app_built_for_another_abi_does_not_start(tmp_path):
    s = Shelf(tmp_path)
    with s:
        ours = re.search(r"CNC_APP_ABI (\d+)u", open(os.path.join(
            TOP, "include/concordance/app.h"), encoding="utf-8").read())[1]
    s.build(head=OTHER_ABI)
    done = subprocess.run(
        [os.path.join(BUILD, "src/service/concordanced"), "--data",
         str(tmp_path / "d"), "--http", "127.0.0.1:0",
         os.path.join(s.folder, "shelf.so")],
        text=True, capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert (f"shelf.so was built for another version of Concordance (app ABI "
            f"2, this one has {ours}): build it again with the headers of "
            "this one") in done.stderr


def damage(s: Shelf):
    """Another file: to write into one that is loaded is to write into the
    service."""
    with open(os.path.join(s.folder, "new"), "w", encoding="ascii") as f:
        f.write("nonsense")
    os.rename(os.path.join(s.folder, "new"), os.path.join(s.folder,
                                                          "shelf.so"))


@pytest.mark.parametrize("break_it, said", [
    (damage, "cannot load the app"),
    (lambda s: os.remove(os.path.join(s.folder, "shelf.so")), "cannot read"),
    (lambda s: s.build(node=', {"view:x"}'), "the service's own"),
    (lambda s: s.build(head=OTHER_ABI), "shelf.so was built for another "
     "version of Concordance (app ABI 2, this one has"),
])
def test_what_cannot_be_loaded_leaves_the_old_one(tmp_path, break_it, said):
    with Shelf(tmp_path) as s:
        link = Link(s)
        break_it(s)
        answer = ET.tostring(link.do("apps/reload", name="shelf"),
                             encoding="unicode")
        assert said in answer
        assert "First." in note(link.do("hello"))
        assert "Published" in add(link, "Still here")
        link.close()


def test_many_reloads_lose_nothing(tmp_path):
    with Shelf(tmp_path) as s:
        link = Link(s)
        visitor = Client(s.port)
        visitor.subscribe("shelf")
        for i in range(8):
            s.build(hello=f"Version {i}.", version=f"1.{i}")
            assert "new version" in note(link.do("apps/reload", name="shelf"))
            assert f"Version {i}." in note(link.do("hello"))
            assert "Published" in add(link, f"Item {i}")
            assert f"Item {i}<" in ET.tostring(visitor.recv(),
                                               encoding="unicode")
        until("the page", lambda: all(f"Item {i}" in s.page()
                                      for i in range(8)))
        visitor.close()
        link.close()
