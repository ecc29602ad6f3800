# SPDX-License-Identifier: MIT
"""Lost connections that come back (XEP-0198), with real sockets, over TCP
with STARTTLS and over WebSocket."""
from __future__ import annotations

import base64
import re
import socket
import ssl
import struct
import subprocess
import xml.etree.ElementTree as ET

import pytest

import wire
from service import LIMIT, Service, book, until

SM = "urn:xmpp:sm:3"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
PLAIN = base64.b64encode(b"\0juliet\0R0saline-1").decode()


class Tcp:
    """A client of RFC 6120 as far as its header, TLS and SASL."""

    def __init__(self, service: Service):
        line = until("the port of clients", lambda: next(
            (i for i in service.log if "listen.ready kind=c2s" in i), None))
        port = int(re.search(r"port=(\d+)", line)[1])
        self.sock = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.open()
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        assert self.recv().tag.endswith("}proceed")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock)
        self.open()

    def open(self):
        self.parser = ET.XMLPullParser(("start", "end"))
        self.depth, self.ready = 0, []
        self.send("<?xml version='1.0'?><stream:stream to='localhost' "
                  "version='1.0' xmlns='jabber:client' "
                  "xmlns:stream='http://etherx.jabber.org/streams'>")
        self.features = self.recv()

    def send(self, xml: str):
        self.sock.sendall(xml.encode())

    def recv(self) -> ET.Element:
        while not self.ready:
            data = self.sock.recv(65536)
            if not data:
                raise wire.Closed("eof")
            self.parser.feed(data)
            for event, e in self.parser.read_events():
                self.depth += 1 if event == "start" else -1
                if event == "end" and self.depth == 1:
                    self.ready.append(e)
        return self.ready.pop(0)


class WebSocket(wire.Client):
    def __init__(self, service: Service):
        super().__init__(service.port, LIMIT, bind=False)
        self.open()


KINDS = {"tcp": Tcp, "websocket": WebSocket}


def name(e: ET.Element) -> str:
    return e.tag.split("}")[1]


class Juliet:
    """A client that counts, as XEP-0198 wants it."""

    def __init__(self, service: Service, kind: str,
                 resource: str = "balcony"):
        self.service, self.kind = service, kind
        self.h = 0
        self.connect()
        self.line.send("<iq xmlns='jabber:client' type='set' id='b'><bind "
                       f"xmlns='{BIND}'><resource>{resource}</resource>"
                       "</bind></iq>")
        self.jid = self.line.recv().findtext(".//{*}jid")
        self.line.send(f"<enable xmlns='{SM}' resume='true'/>")
        enabled = self.line.recv()
        assert enabled.get("resume") == "true"
        self.id = enabled.get("id")

    def connect(self):
        self.line = KINDS[self.kind](self.service)
        assert self.line.features.find(".//{%s}mechanisms" % SASL) is not None
        self.line.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{PLAIN}"
                       "</auth>")
        assert name(self.line.recv()) == "success"
        self.line.open()
        assert self.line.features.find("{%s}sm" % SM) is not None

    def stanza(self) -> ET.Element:
        while True:
            e = self.line.recv()
            if name(e) in ("message", "iq", "presence"):
                self.h += 1
                return e
            if name(e) == "r":
                self.line.send(f"<a xmlns='{SM}' h='{self.h}'/>")
            else:
                assert name(e) == "a", e.tag

    def ask(self, kind: str, payload: str, to: str = "localhost"):
        self.line.send(f"<iq xmlns='jabber:client' type='{kind}' id='q' "
                       f"to='{to}'>{payload}</iq>")
        while True:
            e = self.stanza()
            if name(e) == "iq" and e.get("id") == "q":
                return e

    def subscribe(self, node: str):
        e = self.ask("set", f"<pubsub xmlns='{wire.NS_PUBSUB}'><subscribe "
                     f"node='{node}' jid='{self.jid}'/></pubsub>")
        assert e.get("type") == "result", ET.tostring(e)

    def lose(self, reset: bool = False):
        """The network goes; what had arrived is not acknowledged."""
        if reset:
            self.line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      struct.pack("ii", 1, 0))
        if isinstance(self.line.sock, ssl.SSLSocket):
            plain = socket.socket(fileno=self.line.sock.detach())
            plain.close()
        else:
            self.line.sock.close()

    def resume(self) -> ET.Element:
        self.connect()
        self.line.send(f"<resume xmlns='{SM}' previd='{self.id}' "
                       f"h='{self.h}'/>")
        return self.line.recv()


def metric(service: Service, what: str) -> int:
    text = service.get("/metrics")[2]
    return int(re.search(rf"^concordance_{what} (\d+)$", text, re.M)[1])


def waiting(service: Service, n: int):
    until(f"{n} sessions wait", lambda: metric(service, "sm_waiting") == n)


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def start(pem):
    """Services with one account, ended with the test."""
    running = []

    def begin(*options: str) -> Service:
        s = Service("bookcase-c", "--c2s", "127.0.0.1:0", "--http-plain",
                    "--tls-cert", str(pem / "cert.pem"), "--tls-key",
                    str(pem / "key.pem"), "--allow-plain", *options)
        running.append(s)
        s.ctl("adduser", "juliet", stdin="R0saline-1\n")
        return s

    yield begin
    for s in running:
        with s:
            pass


def items(e: ET.Element) -> list[str]:
    return [i.get("id") for i in e.iter("{%s}item" % wire.NS_EVENT)]


@pytest.mark.parametrize("reset", [False, True], ids=["eof", "reset"])
@pytest.mark.parametrize("kind", KINDS)
def test_events_of_a_lost_connection_come_once_and_in_order(start, kind,
                                                            reset):
    service = start()
    juliet = Juliet(service, kind)
    juliet.subscribe("library")
    got = []
    for n in range(4):
        for i in range(3):
            service.ctl("publish", "library", book(f"T{n}.{i}"), f"i{n}.{i}")
        if n == 2:
            # Some of it has arrived, and she has taken one.
            got += items(juliet.stanza())
        juliet.lose(reset)
        waiting(service, 1)
        service.ctl("publish", "library", book(f"T{n}.x"), f"i{n}.x")
        resumed = juliet.resume()
        assert name(resumed) == "resumed", ET.tostring(resumed)
        assert resumed.get("previd") == juliet.id
        while len(got) < 4 * (n + 1):
            got += items(juliet.stanza())
    assert got == [f"i{n}.{i}" for n in range(4) for i in "012x"]
    assert metric(service, "sm_waiting") == 0
    assert metric(service, "sm_resumed_total") == 4
    # Nothing else was under way.
    pong = juliet.ask("get", "<ping xmlns='urn:xmpp:ping'/>")
    assert pong.get("type") == "result"


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_may_come_back_by_the_other_way(start, kind):
    service = start()
    juliet = Juliet(service, kind)
    juliet.subscribe("library")
    juliet.kind = "tcp" if kind == "websocket" else "websocket"
    service.ctl("publish", "library", book("T"), "i1")
    # The older connection is still there: it ends.
    old = juliet.line
    assert name(juliet.resume()) == "resumed"
    assert items(juliet.stanza()) == ["i1"]
    until("the older connection ends", lambda: ended(old))
    assert metric(service, "sessions") == 1


def ended(line) -> bool:
    try:
        e = line.recv()
    except wire.Closed:
        return True
    if name(e) == "error":
        assert e.find("{*}conflict") is not None
    return False


def test_nobody_resumes_after_a_proper_end(start):
    service = start()
    juliet = Juliet(service, "tcp")
    juliet.line.send("</stream:stream>")
    with pytest.raises(wire.Closed):
        while True:
            juliet.line.recv()
    until("the session has ended", lambda: metric(service, "sessions") == 0)
    failed = juliet.resume()
    assert name(failed) == "failed"
    assert failed.find("{*}item-not-found") is not None


def test_a_session_waits_as_long_as_the_option_says(start):
    service = start("--resume", "1")
    juliet = Juliet(service, "websocket")
    juliet.ask("get", "<ping xmlns='urn:xmpp:ping'/>")
    juliet.lose()
    until("it has ended", lambda: metric(service, "sm_expired_total") == 1)
    assert metric(service, "sessions") == 0
    failed = juliet.resume()
    assert name(failed) == "failed"
    assert failed.get("h") == "1"


def test_a_deleted_account_does_not_come_back(start):
    service = start()
    juliet = Juliet(service, "websocket")
    juliet.lose()
    waiting(service, 1)
    service.ctl("deluser", "juliet")
    waiting(service, 0)
    assert metric(service, "sessions") == 0


def test_a_service_stops_though_sessions_wait(start):
    service = start()
    several = [Juliet(service, kind) for kind in ("websocket",)]
    for juliet in several:
        juliet.subscribe("library")
        juliet.lose()
    waiting(service, len(several))
    service.ctl("publish", "library", book("T"), "i1")
    assert service.stop() == 0


def test_a_message_for_a_lost_client_goes_to_another(start):
    """It was sent, nobody acknowledged it, nobody came back."""
    service = start("--resume", "1")
    service.ctl("adduser", "romeo", stdin="m0ntague-1\n")
    phone = Juliet(service, "websocket", "phone")
    phone.line.send("<presence xmlns='jabber:client'/>")
    juliet = Juliet(service, "tcp")
    juliet.line.send("<presence xmlns='jabber:client'/>")
    juliet.ask("get", "<ping xmlns='urn:xmpp:ping'/>")
    juliet.lose()
    waiting(service, 1)
    romeo = wire.Client(service.port, LIMIT, bind=False)
    romeo.open()
    assert name(romeo.auth("PLAIN", b"\0romeo\0m0ntague-1")) == "success"
    romeo.open()
    romeo.bind("garden")
    romeo.send("<message xmlns='jabber:client' type='chat' id='m1' "
               f"to='{juliet.jid}'><body>soft</body></message>")
    while True:
        e = phone.stanza()
        if name(e) == "message":
            break
    assert e.findtext("{*}body") == "soft"
    assert e.get("from") == "romeo@localhost/garden"
    assert e.find("{urn:xmpp:delay}delay") is not None
    assert metric(service, "sm_expired_total") == 1


def test_a_message_for_a_lost_client_waits_for_the_next(start):
    service = start("--resume", "1")
    juliet = Juliet(service, "tcp")
    juliet.line.send("<presence xmlns='jabber:client'/>")
    juliet.ask("get", "<ping xmlns='urn:xmpp:ping'/>")
    juliet.lose()
    waiting(service, 1)
    romeo = wire.Client(service.port, LIMIT, bind=False)
    service.ctl("adduser", "romeo", stdin="m0ntague-1\n")
    romeo.open()
    assert name(romeo.auth("PLAIN", b"\0romeo\0m0ntague-1")) == "success"
    romeo.open()
    romeo.bind("garden")
    romeo.send("<message xmlns='jabber:client' type='chat' id='m1' "
               f"to='{juliet.jid}'><body>soft</body></message>")
    until("her session has ended",
          lambda: metric(service, "sm_expired_total") == 1)
    again = Juliet(service, "websocket", "elsewhere")
    again.line.send("<presence xmlns='jabber:client'/>")
    got = []
    while not got or name(got[-1]) != "message":
        got.append(again.stanza())
    assert got[-1].findtext("{*}body") == "soft"
    assert got[-1].find("{urn:xmpp:delay}delay") is not None
    again.ask("get", "<ping xmlns='urn:xmpp:ping'/>")
