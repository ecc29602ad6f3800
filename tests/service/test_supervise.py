# SPDX-License-Identifier: MIT
"""--supervise: a crash costs a moment, an end that was meant is an end."""
from __future__ import annotations

import os
import signal

import pytest

from service import Service, needs_python, until


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
