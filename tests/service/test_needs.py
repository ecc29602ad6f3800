# SPDX-License-Identifier: MIT
"""What apps need comes with them; suites; what cannot be is said, and leaves
nothing behind."""
from __future__ import annotations

import json
import os
import re
import subprocess

import pytest

from service import BUILD, HAS_PYTHON, LIMIT, TOP, Service

pytestmark = pytest.mark.skipif(
    not HAS_PYTHON, reason="the apps are built without the sanitizers")

SOURCE = """
#include <concordance.h>
static int
start(struct cnc_request *r)
{
    return %(start)s;
}
const struct cnc_app cnc_app_entry = {.abi = %(abi)s,
    .size = sizeof(struct cnc_app), .name = "%(name)s",
    .xmlns = "urn:x-%(name)s", .version = "%(version)s", .start = start,
    %(nodes)s .needs = CNC_NAMES(%(needs)s)};
"""


class Apps(Service):
    def __init__(self, folder, *apps: str):
        self.folder = str(folder)
        self.first = list(apps)
        super().__init__(env={"CONCORDANCE_APPS": self.folder})

    def command(self):
        return [*super().command()[:-1], *self.first]

    def do(self, *words: str) -> str:
        done = self.ctl("do", *words, check=False)
        return (done.stdout + done.stderr).strip()

    def states(self) -> dict[str, str]:
        said = json.loads(self.ctl("do", "--json", "apps").stdout)
        return {row["name"]: row["state"] for row in said.get("table", [])}

    def running(self) -> list[str]:
        return sorted(n for n, s in self.states().items() if s == "running")


def build(folder, name: str, *needs: str, file: str | None = None,
          abi: str = "CNC_APP_ABI", start: str = "0", version: str = "1",
          suite: bool = False):
    path = os.path.join(str(folder), (file or name) + ".so")
    more = ('.nodes = CNC_NODES({"%s"}),' % name) if not suite else ""
    done = subprocess.run(
        ["cc", "-shared", "-fPIC", "-x", "c", "-I",
         os.path.join(TOP, "include"), "-o", path + ".new", "-", "-x", "none",
         os.path.join(BUILD, "src/service/libconcordance.so")],
        input=SOURCE % {"name": name, "abi": abi, "start": start,
                        "version": version, "nodes": more,
                        "needs": ", ".join(f'"{n}"' for n in needs)
                        or "NULL"},
        text=True, timeout=LIMIT, capture_output=True)
    assert done.returncode == 0, done.stderr
    os.replace(path + ".new", path)


@pytest.fixture
def folder(tmp_path):
    build(tmp_path, "plain")
    build(tmp_path, "base")
    build(tmp_path, "middle", "base")
    build(tmp_path, "top", "middle")
    return tmp_path


def test_what_an_added_app_needs_comes_with_it_and_back(folder):
    with Apps(folder, "plain") as s:
        said = s.do("apps/add", "app=top")
        assert said == "top is there and runs. Started with it: base, middle."
        assert s.running() == ["base", "middle", "plain", "top"]
        s.kill()
        s.start()
        assert s.running() == ["base", "middle", "plain", "top"]
        # it goes, they stay: over a restart as well
        assert "is removed" in s.do("apps/remove", "name=top")
        s.kill()
        s.start()
        assert s.running() == ["base", "middle", "plain"]


def test_a_need_that_is_there_and_stopped_is_started(folder):
    with Apps(folder, "plain", "base") as s:
        s.do("apps/stop", "name=base")
        assert s.do("apps/add", "app=middle") == \
            "middle is there and runs. Started with it: base."


def test_of_an_app_that_refuses_nothing_stays(folder):
    build(folder, "never", "middle", start='cnc_refuse(r, NULL, "Not now.")')
    with Apps(folder, "plain") as s:
        said = s.do("apps/add", "app=never")
        assert 'app "never" refused to start: Not now.' in said
        assert s.states() == {"plain": "running"}
        s.kill()
        s.start()
        assert s.states() == {"plain": "running"}
        build(folder, "never", "middle")
        assert "is there and runs" in s.do("apps/add", "app=never")


def test_what_was_started_for_one_that_refuses_is_stopped_again(folder):
    build(folder, "never", "middle", start='cnc_refuse(r, NULL, "Not now.")')
    build(folder, "good", "middle")
    with Apps(folder, "plain", "base", "middle") as s:
        s.do("apps/stop", "name=base")
        assert "Not now." in s.do("apps/add", "app=never")
        assert s.states() == {"plain": "running", "base": "stopped",
                              "middle": "stopped"}
        s.kill()
        s.start()
        assert s.running() == ["plain"]


@pytest.mark.parametrize("name, make, said", [
    ("lost", lambda f: build(f, "lost", "nobody"),
     'the app "nobody" is needed: there is no app "nobody" in '),
    ("young", lambda f: build(f, "young", "base>=2"),
     'app "young" needs "base>=2", but there is "base" 1'),
    ("a", lambda f: (build(f, "a", "b"), build(f, "b", "a")),
     "the apps need each other: "),
    ("old", lambda f: build(f, "old", abi="99"),
     "was built for another version of Concordance (app ABI 99, this one has "),
    ("user", lambda f: (build(f, "user", "old"), build(f, "old", abi="1")),
     'the app "old" is needed: '),
    ("other", lambda f: (build(f, "other", "what"),
                         build(f, "which", file="what")),
     "its module has an app of another name"),
])
def test_what_cannot_be_is_said_when_it_is_added_and_at_the_start(
        folder, name, make, said):
    make(folder)
    with Apps(folder, "plain") as s:
        assert said in s.do("apps/add", f"app={name}")
        assert s.states() == {"plain": "running"}
    with pytest.raises(AssertionError, match=re.escape(said)):
        Apps(folder, "plain", name)


@pytest.mark.parametrize("make, said", [
    (lambda f: build(f, "base", "nobody"),
     'app "base" needs "nobody", which is nowhere'),
    (lambda f: build(f, "base", "middle"), "the apps need each other: "),
    (lambda f: build(f, "base", abi="99"), "(app ABI 99, this one has "),
    (lambda f: build(f, "base", "idle"),
     'app "base" needs "idle", which does not run'),
])
def test_what_cannot_be_is_said_when_it_is_reloaded(folder, make, said):
    build(folder, "idle")
    with Apps(folder, "plain", "top", "idle") as s:
        s.do("apps/stop", "name=idle")
        make(folder)
        assert said in s.do("apps/reload", "name=base")
        assert s.running() == ["base", "middle", "plain", "top"]


# -- suites -------------------------------------------------------------------

def test_a_suite_starts_its_members_and_stops_them_when_told(folder):
    build(folder, "office", "top", "plain", suite=True)
    build(folder, "else", "base")
    with Apps(folder, "office", "else") as s:
        everything = ["base", "else", "middle", "office", "plain", "top"]
        assert s.running() == everything
        assert s.do("apps/stop", "name=office") == "office is stopped."
        assert s.running() == ["base", "else", "middle", "plain", "top"]
        s.do("apps/start", "name=office")
        # base stays: somebody else needs it
        said = s.do("apps/set", "names=office", "state=stopped", "needs=true")
        assert said.startswith("Stopped: ") and sorted(
            said[9:-1].split(", ")) == ["middle", "office", "plain", "top"]
        assert s.running() == ["base", "else"]
        s.kill()
        s.start()
        assert s.running() == ["base", "else"]
        said = s.do("apps/start", "name=office")
        assert said.startswith("office runs. Started with it: ")
        assert s.running() == everything
