# SPDX-License-Identifier: MIT
"""Starting, stopping, and dying: nothing hangs, nothing kept is lost, and
every failure says what to do."""
import base64
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

from service import (BUILD, LIMIT, TOP, Service, book, needs_python, until)

DAEMON = os.path.join(BUILD, "src/service/concordanced")
CTL = os.path.join(BUILD, "src/ctl/concordctl")
MODULE = os.path.join(BUILD, "examples/bookcase-c/bookcase.so")
FILES = os.path.join(TOP, "examples/bookcase-c")


def fails(*words, env=None):
    """A daemon that must not start: what it says."""
    done = subprocess.run([DAEMON, "--http", "127.0.0.1:0", *words, MODULE],
                          text=True, capture_output=True, timeout=LIMIT,
                          env=dict(os.environ, **(env or {})))
    assert done.returncode == 1, done.stderr
    return done.stderr


def sound(data):
    with sqlite3.connect(os.path.join(data, "concordance.db")) as db:
        return db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_the_kept_file_is_whole_after_each_stop(tmp_path):
    for n in range(12):
        data = tmp_path / str(n)
        with Service(data=str(data)) as s:
            s.ctl("publish", "library", book("T"), "one")
        assert sound(data), n


def test_a_stop_at_any_moment_of_the_start_is_clean(tmp_path):
    """From the first line of the log on; before it, the signal just ends
    the process."""
    for n in range(8):
        data = tmp_path / str(n)
        s = Service(data=str(data), wait=False)
        until("it begins", lambda: os.path.exists(data / "link"))
        time.sleep(n * 0.002)  # spread the moments, nothing waits for it
        status = s.stop()
        assert status in (0, -signal.SIGTERM), "".join(s.log)
        assert sound(data)


def test_a_stop_amid_work_is_clean(tmp_path):
    """Posts, publishes, templates and new accounts, all under way."""
    sheet = os.path.join(FILES, "bookcase.xsl")
    for n in range(4):
        data = str(tmp_path / str(n))
        with Service(data=data) as s:
            kept, stop = [], threading.Event()

            def work(kind):
                i = 0
                while not stop.is_set():
                    i += 1
                    try:
                        if kind == "post":
                            s.post(title=f"p{i}", author="A")
                        elif kind == "user":
                            s.ctl("adduser", f"u{i}", stdin="secret\n",
                                  check=False)
                        elif kind == "sheet":
                            s.ctl("template", "put", "bookcase.xsl", sheet,
                                  check=False)
                        elif s.ctl("publish", "library", book(f"b{i}"),
                                   f"b{i}", check=False).returncode == 0:
                            kept.append(f"b{i}")
                    except OSError:
                        return

            workers = [threading.Thread(target=work, args=[kind]) for kind
                       in ("post", "user", "sheet", "item", "post")]
            for w in workers:
                w.start()
            until("books are added", lambda: len(kept) > 3)
            status = s.stop()
            stop.set()
            for w in workers:
                w.join(LIMIT)
            assert status == 0, "".join(s.log[-50:])
        assert sound(data)
        with Service(data=data) as s:
            ids = {line.split("\t")[0] for line in
                   s.ctl("items", "library").stdout.splitlines()}
            assert set(kept) <= ids


def test_follow_ends_when_the_service_goes(tmp_path):
    for sig in (signal.SIGTERM, signal.SIGKILL):
        with Service(data=str(tmp_path / str(int(sig)))) as s:
            follow = subprocess.Popen([CTL, "--link", s.link, "follow",
                                       "library"], text=True,
                                      stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
            assert "Following library" in follow.stderr.readline()
            s.stop(sig)
            out, err = follow.communicate(timeout=LIMIT)
            assert follow.returncode == 1 and out == ""
            assert "the service" in err


def test_a_render_process_that_dies_is_started_again(tmp_path):
    with Service(data=str(tmp_path)) as s:
        s.post(title="Before", author="A")
        children = subprocess.run(
            ["ps", "-o", "pid=,comm=", "--ppid", str(s.process.pid)],
            text=True, capture_output=True).stdout.split("\n")
        renders = [int(line.split()[0]) for line in children
                   if "concordance-re" in line]
        assert len(renders) == 1
        os.kill(renders[0], signal.SIGKILL)
        s.post(title="After", author="A")
        until("the page goes on", lambda: "After" in s.page())
        assert "Before" in s.page()
        assert "concordance_render_deaths_total 1\n" in s.page("/metrics")


def test_each_step_of_the_start_that_fails_says_what_to_do(tmp_path):
    data = str(tmp_path / "data")
    file = tmp_path / "file"
    file.write_text("")
    assert "is no folder; choose another with --data" in fails(
        "--data", str(file))
    assert "choose another with --data" in fails(
        "--data", str(file / "below"))
    assert "choose another with --www" in fails(
        "--data", data, "--www", str(file))
    assert 'not "a b"' in fails("--data", data, "--domain", "a b")
    assert "books.example" in fails("--data", data, "--domain", "me@x")
    assert "the render program" in fails(
        "--data", data, env={"CONCORDANCE_RENDER": "/nowhere"})
    assert "/nowhere" in fails(
        "--data", data, env={"CONCORDANCE_RUNTIME": "/nowhere"})
    assert 'there is no store "sqlite"' in fails(
        "--data", data, env={"CONCORDANCE_PLUGINS": "/nowhere"})
    assert "choose another path" in fails("--data", data, "--link",
                                          str(file))
    said = fails("--data", data, "--link", str(tmp_path / ("x" * 120)))
    assert "107 bytes" in said and "--link" in said
    assert "is not an address to listen on" in fails(
        "--data", data, "--http", "nonsense")
    assert "certificate" in fails("--data", data, "--tls-cert", str(file),
                                  "--tls-key", str(file)).lower()
    with Service(data=data):  # and it starts when all is well
        pass


def test_two_nodes_for_one_name_are_refused(tmp_path):
    done = subprocess.run([DAEMON, "--data", str(tmp_path), "--http",
                           "127.0.0.1:0", MODULE, MODULE], text=True,
                          capture_output=True, timeout=LIMIT)
    assert done.returncode == 1
    assert 'two apps called "bookcase"' in done.stderr \
        or 'two apps called "mybookcase"' in done.stderr


def test_a_wrong_user_name_is_no_account(tmp_path):
    with Service(data=str(tmp_path)) as s:
        for name in ("operator", "guest", "uid-5", "anon-x"):
            done = s.ctl("adduser", name, stdin="x\n", check=False)
            assert done.returncode == 1
            assert "the service's own" in done.stderr


class Browser:
    """As much of a WebSocket as one log-in by password needs."""

    def __init__(self, service, user, password):
        self.socket = socket.create_connection(
            ("127.0.0.1", service.port), LIMIT)
        self.socket.sendall(
            b"GET /xmpp HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            % service.port)
        self.text = b""
        self.hear("\r\n\r\n")
        opening = ('<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" '
                   'to="localhost" version="1.0"/>')
        secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.say(opening, "</stream:features>")
        self.say('<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" '
                 f'mechanism="PLAIN">{secret}</auth>', "<success")
        self.say(opening, "</stream:features>")
        self.say('<iq xmlns="jabber:client" type="set" id="b"><bind '
                 'xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>', "</iq>")

    def say(self, text, answer):
        data = text.encode()
        self.text = b""
        self.socket.sendall(
            b"\x81" + (bytes([0x80 | len(data)]) if len(data) < 126 else
                       b"\xfe" + len(data).to_bytes(2, "big"))
            + bytes(4) + data)
        self.hear(answer)

    def hear(self, part):
        """Read until part was said; True, or False at the end."""
        while part.encode() not in self.text:
            got = self.socket.recv(65536)
            if not got:
                return False
            self.text += got
        return True


def test_who_is_logged_in_does_not_outlive_the_account(tmp_path):
    with Service("bookcase-c", "--allow-plain", data=str(tmp_path)) as s:
        for name in ("juliet", "juliette"):
            s.ctl("adduser", name, stdin="secret\n")
        gone, stays = (Browser(s, name, "secret")
                       for name in ("juliet", "juliette"))
        s.ctl("deluser", "juliet")
        assert gone.hear("</stream:error>"), gone.text
        assert b"was deleted" in gone.text or b"has ended" in gone.text
        stays.say('<iq xmlns="jabber:client" type="get" id="p">'
                  '<ping xmlns="urn:xmpp:ping"/></iq>', "id='p'")
        for browser in (gone, stays):
            browser.socket.close()


STUCK = '''
import os, time
from concordance import *

class Note(Record):
    text = Text("Text")

class Stuck(App):
    xmlns = "urn:x-stuck"
    notes = Node(Note, form="Add")
    index = Page("/", notes, "none.xsl")

    @notes.submit
    def add(self, user, note):
        open(os.environ["MARK"], "w").close()
        while True:
            time.sleep(0.05)
            self.notes.find(text="x")
'''


def lost(service):
    """A post whose answer never comes."""
    try:
        service.post("/?form=notes", text="a")
    except OSError:
        pass


@needs_python
def test_a_handler_that_never_returns_does_not_hold_the_end(tmp_path):
    (tmp_path / "stuck.py").write_text(STUCK)
    mark = tmp_path / "mark"
    with Service("stuck:Stuck", store="memory", data=str(tmp_path / "d"),
                 env={"APPPATH": str(tmp_path), "MARK": str(mark)}) as s:
        post = threading.Thread(target=lost, args=[s], daemon=True)
        post.start()
        until("the handler runs", mark.exists)
        start = time.monotonic()
        assert s.stop() == 0
        assert time.monotonic() - start < 10
        assert any("app.stuck" in line for line in s.log)
