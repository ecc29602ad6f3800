# SPDX-License-Identifier: MIT
"""mod_xmpp with thousands of WebSockets, and restarted under load."""
import os
import resource
import socket
import threading
import time

import pytest

from apache import Apache
from program import LIMIT, free_port, until
from service import Service, book
from wire import UPGRADE, Client, Closed, frame

MANY = 5000
OPEN = frame(b"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' "
             b"to='localhost' version='1.0'/>")
AUTH = frame(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
             b"mechanism='ANONYMOUS'/>")
BIND = frame(b"<iq xmlns='jabber:client' type='set' id='b'>"
             b"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
MPM = """StartServers 2
ServerLimit 4
ThreadsPerChild 64
ThreadLimit 64
MaxRequestWorkers 128
MinSpareThreads 1
MaxSpareThreads 128
AsyncRequestWorkerFactor 200
"""


class Crowd:
    """Many clients that log in, step by step together, and are silent."""

    def __init__(self, port: int, n: int):
        self.sockets: list[socket.socket] = []
        for i in range(0, n, 200):
            self.enter(port, min(200, n - i))

    def enter(self, port: int, n: int, path: str = "/xmpp",
              limit: float = LIMIT) -> None:
        new = [socket.create_connection(("127.0.0.1", port), limit)
               for _ in range(n)]
        self.sockets += new
        upgrade = UPGRADE.replace(b"/xmpp", path.encode(), 1)
        for words, mark in ((upgrade, b"\r\n\r\n"),
                            (OPEN, b"</stream:features>"),
                            (AUTH, b"<success"),
                            (OPEN, b"</stream:features>"),
                            (BIND, b"<jid>")):
            for s in new:
                s.sendall(words)
            for s in new:
                said = b""
                while mark not in said:
                    part = s.recv(65536)
                    assert part, said
                    said += part

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for s in self.sockets:
            s.close()


@pytest.fixture
def descriptors():
    """As many as may be; how many of them clients may have, here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_five_thousand_websockets_hold_no_thread(descriptors, tmp_path):
    # Either child may have most of them, with two descriptors for each.
    n = min(MANY, (descriptors - 500) // 2)
    port = free_port()
    with Service("bookcase-c", "--c2s", f"127.0.0.1:{port}",
                 store="memory") as s, \
            Apache(str(tmp_path), f"tcp://127.0.0.1:{port}", mpm=MPM) as a:
        until("all threads are there",
              lambda: int(a.status()["IdleWorkers"]) >= 127)
        with Crowd(a.port, n):
            status = a.status()
            assert int(status["XMPPSockets"]) == n
            assert int(status["IdleWorkers"]) >= 120, status
            c = Client(a.port)  # and there is room for one more
            c.subscribe("library")
            s.ctl("publish", "library", book("For one of many"), "one")
            while "For one of many" not in c.text():
                pass
            c.close()
        until("all are gone", lambda: a.status()["XMPPSockets"] == "0")
        assert int(a.status()["IdleWorkers"]) >= 127
        open_files = sum(
            len(os.listdir(f"/proc/{pid}/fd")) for pid in children(a))
        assert open_files < 100


def children(a: Apache) -> list[str]:
    with open(f"/proc/{a.process.pid}/task/{a.process.pid}/children",
              encoding="utf-8") as f:
        return f.read().split()


PASSWORD = "R0saline-1"


class Writer(Client):
    """The operator, who may publish."""

    def login(self):
        answer = self.auth("PLAIN", f"\0anna\0{PASSWORD}".encode())
        assert answer.tag.endswith("}success"), answer.tag
        self.open()


class Publisher(threading.Thread):
    """Publishes items one by one, comes back when it is told to, and knows
    which were acknowledged."""

    def __init__(self, port: int, name: str):
        super().__init__(daemon=True)
        self.port, self.name_, self.n = port, name, 0
        self.acknowledged: list[str] = []
        self.told: list[str] = []
        self.stop = threading.Event()
        self.error: Exception | None = None

    def publish_all(self, c: Client) -> None:
        while not self.stop.is_set():
            item = f"{self.name_}-{self.n}"
            self.n += 1
            answer = c.pubsub("set", f"<publish node='library'>"
                              f"<item id='{item}'>{book(item)}</item>"
                              "</publish>")
            assert answer.get("type") == "result"
            self.acknowledged.append(item)

    def run(self):
        end = time.monotonic() + LIMIT
        while not self.stop.is_set() and time.monotonic() < end:
            try:
                c = Writer(self.port)
            except (Closed, OSError):
                continue
            try:
                self.publish_all(c)
            except (Closed, OSError) as why:
                self.told.append(str(why))
            except Exception as error:  # pylint: disable=broad-except
                self.error = error
                return
            finally:
                c.close()


def test_a_graceful_restart_loses_nothing_acknowledged(tmp_path):
    port = free_port()
    with Service("bookcase-c", "--c2s", f"127.0.0.1:{port}",
                 "--allow-plain", "--operator", "anna@localhost") as s, \
            Apache(str(tmp_path), f"tcp://127.0.0.1:{port}") as a:
        s.ctl("adduser", "anna", stdin=PASSWORD + "\n")
        people = [Publisher(a.port, f"p{i}") for i in range(4)]
        idle = [Client(a.port) for _ in range(50)]
        for person in people:
            person.start()
        for turn in range(2):
            def went_on(at):
                return all(len(p.acknowledged) > n
                           for p, n in zip(people, at))
            at = [len(p.acknowledged) + 5 for p in people]
            until("all publish", lambda: went_on(at))
            old = children(a)
            a.graceful()
            until("the children are new", lambda: children(a) and not set(
                old) & set(children(a)))
            at = [len(p.acknowledged) + 5 for p in people]
            until("all publish again", lambda: went_on(at))
        for person in people:
            person.stop.set()
        for person in people:
            person.join(LIMIT)
            assert person.error is None
            assert len(person.told) >= 2
            assert all("system-shutdown" in t for t in person.told), \
                person.told
        for c in idle:
            with pytest.raises(Closed, match="system-shutdown|close 1000"):
                while True:
                    e = c.recv()
                    if e.tag.endswith("}error"):
                        raise Closed(e[0].tag)
            c.close()
        kept = s.ctl("items", "library").stdout
        lost = [i for p in people for i in p.acknowledged if i not in kept]
        assert not lost
        a.logged("this child stops")


def test_a_stop_says_goodbye(tmp_path):
    port = free_port()
    with Service("bookcase-c", "--c2s", f"127.0.0.1:{port}",
                 store="memory"):
        with Apache(str(tmp_path), f"tcp://127.0.0.1:{port}") as a:
            c = Client(a.port)
        error = c.recv()
        assert error[0].tag.endswith("}system-shutdown")
        assert c.recv().tag.endswith("}close")
        with pytest.raises(Closed, match="close 1000"):
            c.text()
        c.close()
