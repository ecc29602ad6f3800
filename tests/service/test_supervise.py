# SPDX-License-Identifier: MIT
"""--supervise: a crash costs a moment, an end that was meant is an end."""
from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from service import (BUILD, HAS_PYTHON, LIMIT, Service, needs_python,
                     until)


def child_of(pid: int) -> int | None:
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii",
                          errors="replace") as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                return int(name)
    return None


def healthy(s: Service) -> bool:
    try:
        return s.get("/healthz")[0] == 200
    except OSError:
        return False


def crash(s: Service) -> int:
    """End the child by a signal; the pid of the next one."""
    first = child_of(s.process.pid)
    os.kill(first, signal.SIGSEGV)
    line = s.process.stdout.readline()  # it is ready again, on another port
    assert line.startswith("Ready. Open "), line
    s.url = line.split()[-1]
    assert healthy(s)
    return child_of(s.process.pid)


@pytest.mark.parametrize("app", [
    "bookcase-c", pytest.param("bookcase-python", marks=needs_python)])
def test_a_crash_is_followed_by_a_start(app):
    with Service(app, "--supervise") as s:
        s.ctl("publish", "library", stdin=(
            '<book xmlns="http://concordance-xmpp.org/apps/mybookcase">'
            "<title>Kept</title><author>A</author></book>"))
        first = child_of(s.process.pid)
        assert crash(s) != first
        assert "Kept" in s.page()
        until("the log says so",
              lambda: any("service.crash signal=11" in line
                          for line in s.log))


def test_an_end_that_was_meant_is_the_end():
    with Service("bookcase-c", "--supervise") as s:
        child = child_of(s.process.pid)
        assert s.stop() == 0
        assert not os.path.exists(f"/proc/{child}")


def test_the_child_dies_with_its_parent():
    with Service("bookcase-c", "--supervise") as s:
        child = child_of(s.process.pid)
        s.kill()

        def gone():
            try:
                with open(f"/proc/{child}/stat", encoding="ascii") as f:
                    return ") Z" in f.read()
            except OSError:
                return True
        until("the child is gone", gone)


def test_what_cannot_start_is_not_tried_again():
    s = Service("bookcase-c", "--supervise", "--domain", "not a domain",
                wait=False)
    assert s.process.wait(30) in (1, 2)
    s.reader.join(30)
    s.process.stdout.close()
    s.dir.cleanup()


# -- apps that crash, or loop ---------------------------------------------------

TROUBLE = os.path.join(BUILD, "tests/service/apps/trouble.so")
BOOKCASE = os.path.join(BUILD, "examples/bookcase-c/bookcase.so")
# AddressSanitizer keeps the signals for itself.
SANITIZED = not HAS_PYTHON


class Troubled(Service):
    """The bookcase, and beside it the app that makes trouble."""

    def command(self) -> list[str]:
        return [*super().command(), TROUBLE]

    def ready_again(self) -> None:
        line = self.process.stdout.readline()
        assert line.startswith("Ready. Open "), line
        self.url = line.split()[-1]

    def do(self, node: str):
        return self.ctl("do", node, check=False)


@pytest.mark.skipif(SANITIZED, reason="the sanitizer takes the signals")
@pytest.mark.parametrize("how, signal_", [("crash", 11), ("give-up", 6)])
def test_an_app_that_crashes_three_times_is_paused_and_the_rest_goes_on(
        how, signal_):
    with Troubled("bookcase-c", "--supervise") as s:
        for _ in range(3):
            s.do(how)
            s.ready_again()
            assert s.get("/")[0] == 200
        until("the log says so", lambda: any(
            "app.paused app=trouble it crashed the service 3 times "
            f"(signal {signal_})" in line for line in s.log))
        refused = s.do(how)
        assert refused.returncode != 0
        assert healthy(s)
        with open(os.path.join(s.data, "crashes"), encoding="ascii") as f:
            assert [line.split()[1:] for line in f] == [
                [str(signal_), "trouble"]] * 3


def test_an_app_that_loops_is_found_out_and_paused():
    with Troubled("bookcase-c", "--supervise",
                  env={"CONCORDANCE_LOOP_S": "2"}) as s:
        waiting = threading.Thread(target=s.do, args=["loop"])
        waiting.start()
        s.ready_again()
        waiting.join(LIMIT)
        assert any("app.loop app=trouble" in line for line in s.log)
        until("the log says so", lambda: any(
            "app.paused app=trouble it kept the service from its work"
            in line for line in s.log))
        assert s.get("/")[0] == 200


def test_old_and_damaged_lines_pause_nobody():
    with Troubled("bookcase-c") as s:
        s.stop()
        with open(os.path.join(s.data, "crashes"), "w",
                  encoding="utf-8") as f:
            f.write("1000000000 11 trouble\n" * 5)
            f.write("nonsense\n\n 11 trouble\n99999999999999999999 11 x\n")
            f.write(f"{int(time.time())} 11 {'x' * 70}\n" * 3)
        s.log.clear()
        s.start()
        assert s.get("/")[0] == 200
        assert not any("app.paused" in line for line in s.log)
