# SPDX-License-Identifier: MIT
"""mod_xmpp gives a client's own socket to the service, and serves itself what
it cannot give away."""
import contextlib
import os
import re
import signal
import socket

import pytest

from apache import Apache
from ends import (FEATURES, HEADER, OPEN, Server, ask, opened, read_until,
                  unverified)
from program import LIMIT, free_port, until
from service import Service, book
from test_mod_xmpp_many import children
from wire import UPGRADE, Client, Closed, condition, frame

ROOT = os.geteuid() == 0
# Who Apache is has to be said to the service.
MAY = ["--link-user", "www-data", "--socket-group", "www-data"] if ROOT else []


@contextlib.contextmanager
def receiver(folder: str, *options: str):
    """A service that takes sockets, and serves at a port too."""
    path, port = os.path.join(folder, "handoff"), free_port()
    with Service("bookcase-c", "--handoff", path, "--c2s",
                 f"127.0.0.1:{port}", *(options or MAY)) as s:
        s.c2s, s.handoff = f"tcp://127.0.0.1:{port}", path
        yield s


def given(path: str) -> str:
    return f"XMPPHandoff unix:{path}"


def alone(path: str, more: str = "") -> str:
    """At /only: a handoff and no XMPPServer."""
    return (f'<Location "/only">\nSetHandler xmpp\n{given(path)} {more}\n'
            "</Location>")


def count(a: Apache, name: str) -> int:
    return int(a.status()[name])


def descriptors(a: Apache) -> int:
    """Sockets that Apache's children have."""
    links = []
    for pid in children(a):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return len([one for one in links if one.startswith("socket:")])


@contextlib.contextmanager
def stopped(a: Apache):
    """What is sent in the meantime comes all at once."""
    pids = children(a)
    for pid in pids:
        os.kill(int(pid), signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(int(pid), signal.SIGCONT)


def faults(a: Apache) -> list[str]:
    with open(a.error_log, encoding="utf-8") as f:
        return re.findall(r".*:(?:error|crit|alert|emerg)\].*", f.read())


# -- given ---------------------------------------------------------------------

def test_a_client_is_given_to_the_service(public_dir, tmp_path):
    with receiver(public_dir) as s, Server() as unused:
        with Apache(str(tmp_path), unused.name,
                    more=given(s.handoff)) as a:
            people = [Client(a.port) for _ in range(20)]
            c = people[0]
            assert condition(c.subscribe("library")) == ""
            s.ctl("publish", "library", book("Handed over"), "h1")
            while "Handed over" not in c.text():
                pass
            until("Apache has none of them",
                  lambda: count(a, "XMPPSockets") == 0)
            until("it has the socket where it listens alone",
                  lambda: descriptors(a) == 1)
            assert count(a, "XMPPHandedOver") == 20
            assert count(a, "XMPPSocketsTotal") == 20
            a.logged(f"given to the service at unix:{s.handoff}", 20)
            assert a.count('"GET /xmpp HTTP/1.1" 101 -', True) == 20
            # A graceful restart is none of theirs, nor is the end of Apache.
            for _ in range(2):
                old = children(a)
                a.graceful()
                until("the children are new", lambda: children(a) and not set(
                    old) & set(children(a)))
            for one in people:
                assert one.ping().get("type") == "result"
            people.append(Client(a.port))
            until("what was counted stays",
                  lambda: count(a, "XMPPHandedOver") == 21)
            assert not faults(a)
        for one in people:
            assert one.ping().get("type") == "result"
        c.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
        with pytest.raises(Closed, match="close 1000"):
            while True:
                c.text()
        for one in people:
            one.close()
        until("the service has none of them",
              lambda: "127.0.0.1" not in s.ctl("sessions").stdout)


@pytest.mark.parametrize("step", [1, 7, 10000])
def test_what_came_with_the_request_goes_along(public_dir, tmp_path, step):
    """And what was asked before it on the same connection is not mixed up."""
    whole = (b"GET /server-status?auto HTTP/1.1\r\nHost: localhost\r\n\r\n"
             + UPGRADE + frame(OPEN))
    with receiver(public_dir) as s, Apache(
            str(tmp_path), s.c2s, more=given(s.handoff)) as a:
        with socket.create_connection(("127.0.0.1", a.port), LIMIT) as c:
            for i in range(0, len(whole), step):
                c.sendall(whole[i:i + step])
            said = b""
            while b"</stream:features>" not in said:
                part = c.recv(65536)
                assert part, said
                said += part
        assert said.startswith(b"HTTP/1.1 200 ")
        assert said.index(b"XMPPSockets:") < said.index(b"HTTP/1.1 101 ")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in said


def test_the_service_is_told_whose_it_is(public_dir, tmp_path):
    with receiver(public_dir) as s, Apache(
            str(tmp_path), s.c2s, more=given(s.handoff),
            modules=("remoteip",),
            main="RemoteIPHeader X-Forwarded-For\n"
                 "RemoteIPInternalProxy 127.0.0.1") as a:
        for address in ("192.0.2.7", "2001:db8::7"):
            c = Client(a.port, headers=f"X-Forwarded-For: {address}\r\n")
            assert address in s.ctl("sessions").stdout
            c.close()
        assert count(a, "XMPPHandedOver") == 2


def test_a_balancer_in_front_ended_tls(public_dir, tmp_path):
    """Then it is the site's https that is the own origin, and as safe."""
    with receiver(public_dir) as s, Apache(
            str(tmp_path), s.c2s, more=given(s.handoff),
            modules=("remoteip", "setenvif"),
            main="RemoteIPHeader X-Forwarded-For\n"
                 "RemoteIPInternalProxy 127.0.0.1\n"
                 "SetEnvIf X-Forwarded-Proto ^https$ HTTPS=on") as a:
        s.ctl("adduser", "juliet", stdin="R0saline-1\n")
        for proto, origin, plain in (("https", "https://localhost", True),
                                     ("http", "http://localhost", False)):
            other = "http" if plain else "https"
            assert ask(a.port, X_Forwarded_Proto=proto,
                       Origin=f"{other}://localhost")[0] == 403
            c = Client(a.port, bind=False,
                       headers="X-Forwarded-For: 192.0.2.7\r\n"
                       f"X-Forwarded-Proto: {proto}\r\nOrigin: {origin}\r\n")
            c.send(OPEN)
            assert c.recv().tag.endswith("}open")
            offered = [e.text for e in c.recv().iter(
                "{urn:ietf:params:xml:ns:xmpp-sasl}mechanism")]
            assert ("PLAIN" in offered) == plain and len(offered) > 1
            c.close()
        until("both are given", lambda: count(a, "XMPPHandedOver") == 2)


def test_the_origin_is_judged_before(public_dir, tmp_path):
    with receiver(public_dir) as s, Apache(
            str(tmp_path), s.c2s, more=given(s.handoff)) as a:
        assert ask(a.port, Origin="https://evil.example")[0] == 403
        assert ask(a.port, Sec_WebSocket_Protocol="mqtt")[0] == 400
        assert count(a, "XMPPHandedOver") == 0
        status, head = ask(a.port, Origin="http://localhost")
        assert status == 101 and b"xmpp" in head
        until("it is given", lambda: count(a, "XMPPHandedOver") == 1)


@pytest.mark.parametrize("mpm", ["worker", "prefork"])
def test_a_thread_is_held_no_longer(public_dir, tmp_path, mpm):
    threads = ("StartServers 4\nMaxRequestWorkers 4\n" if mpm == "prefork"
               else "StartServers 1\nServerLimit 1\nThreadsPerChild 4\n"
               "MaxRequestWorkers 4\n")
    with receiver(public_dir) as s, Server() as unused, Apache(
            str(tmp_path), unused.name, more=given(s.handoff), mpm_name=mpm,
            mpm=threads) as a:
        people = [Client(a.port) for _ in range(8)]
        until("all are given",
              lambda: count(a, "XMPPHandedOver") == 8)
        for one in people:
            assert one.ping().get("type") == "result"
            one.close()
        assert a.count('"GET /xmpp HTTP/1.1" 101 ', True) == 8
        assert not faults(a)


# -- not given -----------------------------------------------------------------

def logged(a: Apache, why: str, then: str, n: int = 1) -> None:
    line = re.compile(f"not given to the service at unix:.*{re.escape(why)}"
                      f".*; {then}")

    def there():
        with open(a.error_log, encoding="utf-8") as f:
            return len(line.findall(f.read())) >= n
    until(f"{line.pattern} is in the log", there)


def served_here(a: Apache, why: str, only: bool = True, n: int = 1) -> None:
    """A client is pumped; where there is nobody to pump to, it is told so."""
    c = Client(a.port)
    assert c.ping().get("type") == "result"
    assert count(a, "XMPPSockets") == 1
    c.close()
    until("it has gone", lambda: count(a, "XMPPSockets") == 0)
    logged(a, why, "it is served here", n)
    if only:
        with pytest.raises(Closed) as told:
            Client(a.port, path="/only")
        head = str(told.value)
        assert head.startswith("HTTP/1.1 503 ") and "Retry-After: 5" in head
        logged(a, why, "there is no XMPPServer for it", n)
    assert count(a, "XMPPHandedOver") == 0


def test_a_service_that_is_down(public_dir, tmp_path):
    path = os.path.join(public_dir, "handoff")
    with receiver(public_dir) as s, Apache(
            str(tmp_path), s.c2s, more=given(path + "2"),
            main=alone(path + "2")) as a:
        served_here(a, "no XMPP server is at unix:")
        served_here(a, "no XMPP server is at unix:", n=2)
        # Told once as an error; that a client was refused, each time.
        told = [line for line in faults(a) if "not given" in line]
        assert len(told) == 1, told
        os.rename(path, path + "2")
        c = Client(a.port)
        a.logged("takes WebSockets again")
        until("it is given", lambda: count(a, "XMPPHandedOver") == 1)
        c.close()


def test_a_socket_of_another_user(public_dir, tmp_path):
    with receiver(public_dir) as s, Apache(
            str(tmp_path), s.c2s, more=given(s.handoff) + " user=nobody",
            main=alone(s.handoff, "user=nobody")) as a:
        served_here(a, "is not of the user that XMPPHandoff names")


@pytest.mark.skipif(not ROOT, reason="Apache has no other user")
def test_a_service_that_does_not_take_it_of_this_user(public_dir, tmp_path):
    with receiver(public_dir, "--socket-group", "www-data") as s, Apache(
            str(tmp_path), s.c2s, more=given(s.handoff),
            main=alone(s.handoff)) as a:
        served_here(a, "is Apache's user one of --link-user?")


@pytest.mark.skipif(not ROOT, reason="root may open all")
def test_a_socket_that_apache_may_not_open(public_dir, tmp_path):
    with receiver(public_dir, "--link-user", "www-data") as s, Apache(
            str(tmp_path), s.c2s, more=given(s.handoff),
            main=alone(s.handoff)) as a:
        os.chmod(s.handoff, 0o600)
        served_here(a, "Apache's user may not open")


def test_a_site_that_is_not_the_services(public_dir, tmp_path):
    with receiver(public_dir, *MAY, "--domain", "books.example") as s, \
            Apache(str(tmp_path), s.c2s, more=given(s.handoff),
                   main=alone(s.handoff)) as a:
        assert ask(a.port, Host="evil.example")[0] == 101
        a.logged("refused: there is no such site here; it is served here")
        status, head = ask(a.port, "/only", Host="evil.example")
        assert status == 503 and b"Retry-After: 5" in head
        a.logged("xmpp: refused with 503: it is refused: there is no such")
        assert count(a, "XMPPHandedOver") == 0


def test_tls_ends_in_apache(public_dir, authority, tmp_path):
    pair = (authority.path("localhost", "crt"),
            authority.path("localhost", "key"))
    with receiver(public_dir) as s, Apache(
            str(tmp_path), s.c2s, tls=pair, more=given(s.handoff),
            main=alone(s.handoff)) as a:
        c = Client(a.port, tls=unverified())
        assert c.ping().get("type") == "result"
        a.logged("its TLS ends in Apache; it is served here")
        c.close()
        with pytest.raises(Closed, match="503 "):
            Client(a.port, tls=unverified(), path="/only")
        a.logged("its TLS ends in Apache; there is no XMPPServer for it")


def test_a_filter_that_wants_the_bytes(public_dir, tmp_path):
    with receiver(public_dir) as s, Apache(
            str(tmp_path), s.c2s, more=given(s.handoff),
            modules=("dumpio",), main="DumpIOInput on\nLogLevel warn xmpp:info "
            "dumpio:trace7\n" + alone(s.handoff)) as a:
        served_here(a, "Apache's filter dumpio_in has its bytes")


def test_too_much_with_the_request(public_dir, tmp_path):
    """It is neither lost nor taken apart: the module goes on with it."""
    message = b"<message xmlns='jabber:client' id='%d'>" + b"a" * 500 + \
        b"</message>"
    with receiver(public_dir) as s, Server() as server, Apache(
            str(tmp_path), server.name, more=given(s.handoff)) as a:
        with socket.create_connection(("127.0.0.1", a.port), LIMIT) as c:
            with stopped(a):
                c.sendall(UPGRADE + frame(OPEN) + b"".join(
                    frame(message % i) for i in range(100)))
            b = server.accept()
            said = read_until(b, b">")
            b.sendall(HEADER + FEATURES)
            if b'id="99"' not in said:
                said += read_until(b, b'id="99"')
            ids = re.findall(rb'<message id="(\d+)"', said)
            assert [int(i) for i in ids] == list(range(100))
            a.logged("too much came with its request; it is served here")
            b.close()


# -- a service that does not do as it should ---------------------------------------

class Receiver:
    """Takes packets, and does what a test says."""

    def __init__(self, folder: str):
        self.path = os.path.join(folder, "handoff")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.socket.listen(64)
        self.socket.settimeout(LIMIT)

    def take(self):
        """The web server's connection, its packet, the client's socket."""
        web = self.socket.accept()[0]
        web.settimeout(LIMIT)
        packet, fds, _, _ = socket.recv_fds(web, 65536, 4)
        assert len(fds) == 1
        return web, packet, socket.socket(fileno=fds[0])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()


def begin(a: Apache) -> socket.socket:
    """A client that has asked, and not been answered."""
    c = socket.create_connection(("127.0.0.1", a.port), LIMIT)
    c.sendall(UPGRADE)
    return c


def test_what_is_said_of_a_client(public_dir, tmp_path):
    with Receiver(public_dir) as service, Server() as unused, Apache(
            str(tmp_path), unused.name, more=given(service.path)) as a:
        with begin(a) as c:
            web, packet, mine = service.take()
            assert packet == (b"CNCH\x01\x00\x09\x1c\x00\x09\x00\x00127.0.0.1"
                              b"localhosts3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            mine.sendall(b"hello")
            assert c.recv(5) == b"hello"  # nothing was said before
            web.sendall(b"\0")
            assert web.recv(1) == b""  # Apache is done with it
            mine.sendall(b"again")
            assert c.recv(5) == b"again"
            until("it has none", lambda: count(a, "XMPPSockets") == 0)
            mine.close()
            assert c.recv(1) == b""
            web.close()


def test_a_refusal_is_told_in_plain_words(public_dir, tmp_path):
    with Receiver(public_dir) as service, Server() as server, Apache(
            str(tmp_path), server.name, more=given(service.path)) as a:
        with begin(a) as c:
            web, _, mine = service.take()
            mine.close()
            web.sendall(b"\1full\n\x1b[31m")
            assert c.recv(13) == b"HTTP/1.1 101 "
            a.logged("it is refused: full??[31m; it is served here")
            web.close()


def test_a_service_that_goes_with_the_socket_ends_the_client(
        public_dir, tmp_path):
    """Nobody knows what it has said: two must not speak."""
    with Receiver(public_dir) as service, Server() as unused, Apache(
            str(tmp_path), unused.name, more=given(service.path)) as a:
        for answer in (b"", b"\2what?", b"\1"):
            with begin(a) as c:
                web, _, mine = service.take()
                if answer:
                    web.sendall(answer)
                web.close()
                assert c.recv(100) == b""
                mine.close()
        a.logged("it went without an answer; it may have heard", 3)


def test_a_service_that_stalls_is_not_waited_for(public_dir, tmp_path):
    with Receiver(public_dir) as service, Server() as server, Apache(
            str(tmp_path), server.name,
            more=given(service.path) + "\nXMPPTimeout 4") as a:
        people = [begin(a) for _ in range(8)]
        until("all are offered", lambda: count(a, "XMPPSocketsTotal") == 8)
        assert count(a, "IdleWorkers") >= 12  # no thread waits with them
        for c in people:
            assert c.recv(13) == b"HTTP/1.1 503 "
            c.close()
        a.logged("refused with 503: the service does not answer", 8)
        c, s = opened(a, server)  # the next one does not wait at all
        a.logged("it did not answer lately; it is served here")
        c.close()
        s.close()


def test_a_service_that_takes_a_socket_and_stalls(public_dir, tmp_path):
    with Receiver(public_dir) as service, Server() as unused, Apache(
            str(tmp_path), unused.name,
            more=given(service.path) + "\nXMPPTimeout 1") as a:
        with begin(a) as c:
            web, _, mine = service.take()
            assert c.recv(100) == b""
            assert mine.recv(1) == b""
            a.logged("it took the socket and does not answer")
            web.close()
            mine.close()


@pytest.mark.parametrize("conf,why", [
    ("XMPPHandoff tcp://127.0.0.1:1", "XMPPHandoff tcp://127.0.0.1:1: it is "
     "unix:/PATH"),
    ("XMPPHandoff unix:relative", "it is unix:/PATH"),
    ("XMPPHandoff unix:/x user=nobodyatall", "XMPPHandoff: no user"),
    ("XMPPHandoff unix:/x nobody", "comes user=NAME or nothing"),
    ("XMPPHandoff unix:/" + "a" * 200, "a socket's path has at most"),
])
def test_a_wrong_directive_is_named(tmp_path, conf, why):
    with pytest.raises(AssertionError, match=re.escape(why)):
        with Apache(str(tmp_path), "tcp://127.0.0.1:5222", more=conf):
            pass
