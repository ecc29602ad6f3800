# SPDX-License-Identifier: MIT
"""`concordctl console`: lines of a pipe, and a terminal with its editing."""
import os
import pty
import select
import signal
import subprocess
import termios
import time

import pytest

from service import BUILD, LIMIT, Service, book

CTL = os.path.join(BUILD, "src/ctl/concordctl")


@pytest.fixture(scope="module")
def service():
    with Service() as s:
        yield s


def console(service, *lines, status=0):
    done = service.ctl("console", stdin="".join(f"{x}\n" for x in lines),
                       check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


def test_lines_of_a_pipe_are_sent_and_their_answers_shown(service):
    out = console(service, ":t ping", "<iq type='get' to='localhost'>",
                  "<query xmlns='jabber:iq:version'/></iq>")
    assert out.count("--> ") == 2 and out.count("<-- ") == 2
    assert "<name>Concordance</name>" in out
    assert "\033" not in out


def test_what_is_no_stanza_is_told_with_its_place_and_not_sent(service):
    out = console(service, "<message><a></b></message>", "<book/>",
                  ":t ping", status=1)
    assert "not sent: line 1, column" in out
    assert "a stanza is an iq" in out
    assert out.count("--> ") == 1  # the stream goes on


def test_what_never_ends_is_told(service):
    assert "not sent" in console(service, "<message>", "<body>", status=1)


def test_search_and_filter(service):
    out = console(service, ":only in", ":t ping", ":t disco-info",
                  ":only presence", ":t version")
    assert "--> " not in out
    out = console(service, ":list", ":nonsense", ":t nonsense", ":me",
                  ":only nonsense")
    assert "presence, in, out and all; not nonsense" in out
    assert ":t subscribe" in out and ":t NAME" in out
    assert "there is no such template" in out and "@localhost/" in out


def test_events_are_shown_as_they_come(service):
    process = subprocess.Popen(
        [CTL, "--link", service.link, "console"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    try:
        process.stdin.write(":t subscribe library\n")
        process.stdin.flush()
        text = ""
        while 'subscription="subscribed"' not in text:
            text += process.stdout.readline()
        service.ctl("publish", "library", book("Shown"), "shown")
        while "Shown" not in text:
            text += process.stdout.readline()
    finally:
        process.stdin.close()
        process.wait(LIMIT)
        process.stdout.close()
    assert process.returncode == 0


def test_a_stopped_service_ends_the_console():
    with Service() as s:
        process = subprocess.Popen([CTL, "--link", s.link, "console"],
                                   stdin=subprocess.PIPE, text=True,
                                   stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdin.write(":me\n")
        process.stdin.flush()
        process.stdout.readline()
        s.stop()
        _, error = process.communicate(timeout=LIMIT)
    assert process.returncode == 1 and "ended the stream" in error


class Terminal:
    def __init__(self, *words):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(CTL, [CTL, *words])
        self.pid = pid
        self.text = ""

    def until(self, words):
        end = time.monotonic() + LIMIT
        while words not in self.text:
            ready, _, _ = select.select([self.fd], [], [],
                                        end - time.monotonic())
            assert ready, self.text
            try:
                part = os.read(self.fd, 65536)
            except OSError:  # the other end is closed
                part = b""
            assert part, self.text
            self.text += part.decode("utf-8", "replace")
        before, _, self.text = self.text.partition(words)
        return before

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return status


def test_a_terminal_has_editing_history_and_colours(service):
    t = Terminal("--link", service.link, "console")
    t.until("> ")
    t.type(":t ping\r")
    t.until("urn:xmpp:ping")  # in the edit line, not sent yet
    t.type("\r")
    t.until("-->")
    t.until("<--")
    t.until("\033[34m<iq")
    t.type("/ping\r")
    t.until("found")
    t.type("\x10\x10\r")  # twice back: the ping again
    t.until("-->")
    t.until("<--")
    t.type("<message>\r")
    t.until("... ")
    t.type("\r")
    t.until("not sent")
    t.type(":quit\r")
    assert t.end() == 0


def test_an_interrupted_password_prompt_leaves_the_terminal_as_it_was(
        service):
    """A shell would show nothing of what is typed after it."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    process = subprocess.Popen(
        [CTL, "--link", service.link, "adduser", "echo"], stdin=slave,
        stderr=subprocess.PIPE, start_new_session=True)
    prompt = b""
    while b"Password: " not in prompt:
        prompt += os.read(process.stderr.fileno(), 100)
    while termios.tcgetattr(slave)[3] & termios.ECHO:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(LIMIT) != 0
    process.stderr.close()
    assert termios.tcgetattr(slave)[3] == before[3]
    os.close(master)
    os.close(slave)


def test_the_page_console_can_be_switched_off(service):
    status, headers, text = service.get("/_console")
    assert status == 200 and 'content="localhost"' in text
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert "{" not in text
    with Service("bookcase-c", "--no-console") as s:
        assert s.get("/_console")[0] == 404
