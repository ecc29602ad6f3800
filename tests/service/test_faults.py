# SPDX-License-Identifier: MIT
"""An app that fails, loops or floods is paused, its last error says why, and
the rest goes on."""
from __future__ import annotations

import os
import time

import pytest

from service import BUILD, HAS_PYTHON, Service, needs_python, until
from test_apps import apps

APPS = os.path.join(BUILD, "tests/service/apps")

SOURCE = '''
import time
from concordance import *

class Note(Record):
    text = Text("Text")

class Trouble(App):
    xmlns = "urn:x-trouble"
    notes = Node(Note, max_items=1)
    pouring = False

    @command("make", form=Note)
    def make(self, user, note):
        if note.text == "raise":
            raise ValueError("no such shelf")
        if note.text == "exit":
            raise SystemExit(3)
        if note.text == "loop":
            while True:
                try:
                    len(note.text)
                except Exception:
                    pass
        if note.text == "pour":
            type(self).pouring = True

    @every(1)
    def pour(self):
        if type(self).pouring:
            for i in range(100):
                self.notes.publish(Note(text="drop"))
'''


class Python(Service):
    """The app that makes trouble, and the bookcase beside it."""

    def command(self):
        words = super().command()
        at = words.index(self.app)
        return [*words[:at + 1], "mybookcase:MyBookcase", *words[at + 1:]]


def trouble(tmp_path, *options, env=None):
    (tmp_path / "troubled.py").write_text(SOURCE)
    return Python("troubled:Trouble", *options, store="memory",
                  data=str(tmp_path / "d"),
                  env={"APPPATH": str(tmp_path), **(env or {})})


def app(s: Service, name: str) -> dict:
    return apps(s)[name]


def paused(s: Service, name: str) -> str:
    """Wait for it; its last error."""
    return until("it is paused", lambda: (
        lambda a: a["error"] if a["state"] == "paused" else None)(
            app(s, name)))


def ask(s: Service, what: str):
    return s.ctl("do", "make", f"text={what}", check=False)


@needs_python
@pytest.mark.parametrize("what, said", [
    ("raise", "ValueError: no such shelf"), ("exit", "SystemExit: 3")])
def test_a_python_app_that_raises_is_paused(tmp_path, what, said):
    with trouble(tmp_path) as s:
        for _ in range(5):
            refused = ask(s, what)
            assert refused.returncode != 0
            assert "shelf" not in refused.stderr  # that is the operator's
        error = paused(s, "trouble")
        assert error.startswith(f"5 faults in a row, the last: {said} "
                                "(troubled.py:")
        line = int(error.rpartition(":")[2].rstrip(")"))
        assert "raise" in SOURCE.splitlines()[line - 1]
        assert ask(s, what).returncode != 0
        assert s.get("/")[0] == 200
        assert s.ctl("do", "apps/start", "name=trouble").returncode == 0
        assert ask(s, "fine").returncode == 0


@needs_python
def test_a_python_handler_that_loops_is_ended_and_its_app_paused(tmp_path):
    with trouble(tmp_path, "--app-time", "1") as s:
        refused = ask(s, "loop")
        assert refused.returncode != 0
        assert ('The app "trouble" did not answer within 1 seconds and is '
                "paused") in refused.stderr
        assert paused(s, "trouble") == \
            "a handler did not return within 1 seconds"
        assert s.get("/")[0] == 200
        # it does not go on for ever, and the log says where it was
        until("the traceback", lambda: any(
            line.startswith("SystemExit") for line in s.log))
        assert any('troubled.py", line' in line for line in s.log)
        assert s.ctl("do", "apps/start", "name=trouble").returncode == 0
        assert ask(s, "fine").returncode == 0
        assert s.stop() == 0
        assert not any("left behind" in line and "did not return in time"
                       in line for line in s.log)


@needs_python
def test_a_python_app_that_floods_is_paused(tmp_path):
    with trouble(tmp_path, "--app-flood", "50",
                 env={"CONCORDANCE_FLOOD_S": "1"}) as s:
        assert ask(s, "pour").returncode == 0
        error = paused(s, "trouble")
        assert error.startswith("it published ")
        assert error.endswith(" items a second for 1 seconds")
        assert s.get("/")[0] == 200


class Troubled(Service):
    trouble = "trouble-threaded.so"

    def command(self):
        return [*super().command(), os.path.join(APPS, self.trouble)]


class OnCore(Troubled):
    trouble = "trouble.so"


def test_a_c_handler_that_loops_is_left_behind_and_its_app_paused(tmp_path):
    with Troubled("bookcase-c", "--app-time", "1", data=str(tmp_path)) as s:
        refused = s.ctl("do", "loop", check=False)
        assert refused.returncode != 0
        assert ('The app "trouble" did not answer within 1 seconds and is '
                "paused") in refused.stderr
        assert paused(s, "trouble") == \
            "a handler did not return within 1 seconds"
        assert s.get("/")[0] == 200
        # again, on another thread, by the web
        assert s.ctl("do", "apps/start", "name=trouble").returncode == 0
        refused = s.ctl("do", "loop", check=False)
        assert "did not answer within 1 seconds" in refused.stderr
        paused(s, "trouble")
        begin = time.monotonic()
        assert s.stop() == 0  # the threads still loop
        assert time.monotonic() - begin < 10
        s.log.clear()
        s.start()
        assert app(s, "trouble")["state"] == "paused"


def memory(s: Service) -> int:
    return int(app(s, "trouble")["memory"])


@pytest.mark.skipif(not HAS_PYTHON, reason="sanitizers have another malloc")
@pytest.mark.parametrize("kind", [OnCore, Troubled])
def test_a_c_app_that_leaks_is_paused(kind):
    with kind("bookcase-c", "--app-memory", "8") as s:
        for n in range(1, 3):
            assert s.ctl("do", "leak").returncode == 0
            assert memory(s) // (3 << 20) == n
        # what it gives back is not counted, whenever it does
        for _ in range(3):
            assert s.ctl("do", "churn").returncode == 0
        assert memory(s) < 8 << 20
        assert app(s, "trouble")["state"] == "running"
        s.ctl("do", "leak")
        assert paused(s, "trouble") == \
            "it holds 10 MB of memory more than when it started"
        assert s.get("/")[0] == 200
        # started again it may take as much as before
        assert s.ctl("do", "apps/start", "name=trouble").returncode == 0
        assert s.ctl("do", "leak").returncode == 0
        assert app(s, "trouble")["state"] == "running"
        assert int(app(s, "mybookcase")["memory"]) < 1 << 20


def test_an_app_that_keeps_its_records_is_paused():
    with OnCore("bookcase-c", "--app-memory", "3") as s:
        for _ in range(10):
            if s.ctl("do", "hold", check=False).returncode != 0:
                break
        assert paused(s, "trouble") == \
            "it holds 3 MB of memory more than when it started"
        assert s.get("/")[0] == 200


def test_what_many_submits_take_is_not_the_apps_for_ever():
    """It publishes, refuses and answers, and what that takes is freed."""
    with Service("bookcase-c") as s:
        def work(n):
            for i in range(n):
                s.post(title=f"T{i}", author="A", isbn="978-3-16-148410-0")
            return int(app(s, "mybookcase")["memory"])
        first = work(20)
        assert work(200) - first < 20000
