# SPDX-License-Identifier: MIT
"""A stranger's own XMPP over WebSocket: sockets and bytes, nothing shared
with the service, so that a test can also say what no client would."""
from __future__ import annotations

import base64
import os
import socket
import struct
import xml.etree.ElementTree as ET

NS_PUBSUB = "http://jabber.org/protocol/pubsub"
NS_EVENT = NS_PUBSUB + "#event"
NS_MAM = "urn:xmpp:mam:2"
NS_RSM = "http://jabber.org/protocol/rsm"


class Closed(Exception):
    """The service ended the connection."""


def esc(text: str) -> str:
    return (text.replace("&", "&amp;").replace("<", "&lt;")
            .replace("'", "&apos;").replace('"', "&quot;"))


def frame(data: bytes, opcode: int = 1, fin: bool = True) -> bytes:
    """One masked frame (RFC 6455 5.2); the mask is zero."""
    head = bytes([(0x80 if fin else 0) | opcode])
    n = len(data)
    if n < 126:
        head += bytes([0x80 | n])
    elif n < 65536:
        head += struct.pack("!BH", 0x80 | 126, n)
    else:
        head += struct.pack("!BQ", 0x80 | 127, n)
    return head + b"\0\0\0\0" + data


UPGRADE = (b"GET /xmpp HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
           b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           b"Sec-WebSocket-Protocol: xmpp\r\n\r\n")


class Client:
    """connect -> open -> ANONYMOUS -> bind, step by step or all at once."""

    def __init__(self, port: int, limit: float = 30, bind: bool = True,
                 rcvbuf: int | None = None, resource: str | None = None,
                 tls=None, path: str = "/xmpp", headers: str = ""):
        self.sock = socket.socket()
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(limit)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.buf = bytearray()
        self.aside: list[ET.Element] = []
        self.n_id = 0
        self.sock.sendall(UPGRADE.replace(b"/xmpp", path.encode(), 1).replace(
            b"Host:", headers.encode() + b"Host:", 1))
        while b"\r\n\r\n" not in self.buf:
            self._more()
        head, _, rest = bytes(self.buf).partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise Closed(head.decode("latin-1"))
        self.buf = bytearray(rest)
        if bind:
            self.open()
            self.login()
            self.bind(resource)

    def _more(self):
        try:
            part = self.sock.recv(1 << 20)
        except ConnectionResetError as e:
            raise Closed("reset") from e
        if not part:
            raise Closed("eof")
        self.buf += part

    def send(self, xml: str | bytes):
        data = xml.encode() if isinstance(xml, str) else xml
        try:
            self.sock.sendall(frame(data))
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed("send") from e

    def raw(self, data: bytes):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed("send") from e

    def text(self) -> str:
        """The next text message; pings are answered."""
        while True:
            while len(self.buf) < 2:
                self._more()
            op, n, at = self.buf[0] & 15, self.buf[1] & 127, 2
            if n == 126:
                while len(self.buf) < 4:
                    self._more()
                n, at = struct.unpack_from("!H", self.buf, 2)[0], 4
            elif n == 127:
                while len(self.buf) < 10:
                    self._more()
                n, at = struct.unpack_from("!Q", self.buf, 2)[0], 10
            while len(self.buf) < at + n:
                self._more()
            data = bytes(self.buf[at:at + n])
            del self.buf[:at + n]
            if op == 1:
                return data.decode()
            if op == 9:
                self.raw(frame(data, 10))
            if op == 8:
                raise Closed("close %d" % struct.unpack("!H", data[:2]))

    def recv(self) -> ET.Element:
        return ET.fromstring(self.text())

    def open(self):
        self.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' "
                  "to='localhost' version='1.0'/>")
        self.opened = self.recv()
        self.features = self.recv()

    def auth(self, mechanism: str, data: bytes | None) -> ET.Element:
        body = base64.b64encode(data).decode() if data else ""
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                  f"mechanism='{mechanism}'>{body}</auth>")
        return self.recv()

    def login(self):
        assert self.auth("ANONYMOUS", None).tag.endswith("}success")
        self.open()

    def bind(self, resource: str | None = None):
        inner = f"<resource>{esc(resource)}</resource>" if resource else ""
        self.send("<iq xmlns='jabber:client' type='set' id='b'><bind xmlns="
                  f"'urn:ietf:params:xml:ns:xmpp-bind'>{inner}</bind></iq>")
        answer = self.recv()
        self.jid = answer.findtext(".//{*}jid")
        assert self.jid, ET.tostring(answer)

    # -- stanzas ---------------------------------------------------------------

    def iq(self, kind: str, payload: str, to: str | None = "localhost",
           more: str = "") -> ET.Element:
        """Ask; other stanzas that come meanwhile wait in `aside`."""
        self.n_id += 1
        name = f"q{self.n_id}"
        addr = f" to='{esc(to)}'" if to else ""
        self.send(f"<iq xmlns='jabber:client' type='{kind}' id='{name}'{addr}"
                  f"{more}>{payload}</iq>")
        return self.answer(name)

    def answer(self, name: str) -> ET.Element:
        while True:
            e = self.recv()
            if e.tag.endswith("}iq") and e.get("id") == name:
                return e
            if e.tag.endswith("}error") or e.tag.endswith("}close"):
                raise Closed(ET.tostring(e).decode())
            self.aside.append(e)

    def pubsub(self, kind: str, verb: str, owner: bool = False) -> ET.Element:
        ns = NS_PUBSUB + ("#owner" if owner else "")
        return self.iq(kind, f"<pubsub xmlns='{ns}'>{verb}</pubsub>")

    def subscribe(self, node: str) -> ET.Element:
        return self.pubsub("set", f"<subscribe node='{esc(node)}' "
                           f"jid='{esc(self.jid)}'/>")

    def ping(self):
        return self.iq("get", "<ping xmlns='urn:xmpp:ping'/>")

    def close(self):
        self.sock.close()


def condition(e: ET.Element) -> str:
    """The error's condition, or "" for a result."""
    if e.get("type") != "error":
        return ""
    error = e.find("{*}error")
    return error[0].tag.split("}")[1]
