# SPDX-License-Identifier: MIT
"""Stanzas over a socket: RFC 7395 for a site's clients, RFC 6120 on the link
for its operator; SCRAM (RFC 5802)."""
from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import struct
import time
import xml.etree.ElementTree as ET

NS_CLIENT = "jabber:client"
NS_STREAM = "http://etherx.jabber.org/streams"
NS_FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"

UPGRADE = ("GET /xmpp HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\n"
           "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           "Sec-WebSocket-Protocol: xmpp\r\n\r\n")


class Closed(ConnectionError):
    """The service ended the stream."""


class Wire:
    """A socket whose reads end in time: TimeoutError, or Closed."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.buf = bytearray()

    def _more(self, end: float) -> None:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        try:
            part = self.sock.recv(1 << 16)
        except ConnectionResetError:
            part = b""
        if not part:
            raise Closed("the service closed the connection")
        self.buf += part

    def _write(self, data: bytes) -> None:
        self.sock.settimeout(None)
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed("the service closed the connection") from None

    def close(self) -> None:
        self.sock.close()


class WebSocket(Wire):
    """One stanza a message."""

    def __init__(self, host: str, port: int, domain: str, end: float):
        super().__init__(socket.create_connection(
            (host, port), max(0.01, end - time.monotonic())))
        self.domain = domain
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._write(UPGRADE.format(f"{host}:{port}").encode())
        while b"\r\n\r\n" not in self.buf:
            self._more(end)
        head, _, rest = bytes(self.buf).partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise Closed(head.decode("latin-1"))
        self.buf = bytearray(rest)

    def open(self, end: float) -> ET.Element:
        """Begin a stream; its features."""
        self.send(f"<open xmlns='{NS_FRAMING}' to='{self.domain}' "
                  "version='1.0'/>")
        while True:
            e = self.read(end)
            if e.tag.endswith("}features"):
                return e

    def send(self, xml: str) -> None:
        self._frame(1, xml.encode())

    def _frame(self, op: int, data: bytes) -> None:
        n = len(data)
        if n < 126:
            head = bytes([0x80 | op, 0x80 | n])
        elif n < 65536:
            head = struct.pack("!BBH", 0x80 | op, 0x80 | 126, n)
        else:
            head = struct.pack("!BBQ", 0x80 | op, 0x80 | 127, n)
        self._write(head + b"\0\0\0\0" + data)

    def _take(self, n: int, end: float) -> bytes:
        while len(self.buf) < n:
            self._more(end)
        return bytes(self.buf[:n])

    def read(self, end: float) -> ET.Element:
        while True:
            head = self._take(2, end)
            op, n, at = head[0] & 15, head[1] & 127, 2
            if n == 126:
                n, at = struct.unpack("!H", self._take(4, end)[2:])[0], 4
            elif n == 127:
                n, at = struct.unpack("!Q", self._take(10, end)[2:])[0], 10
            data = self._take(at + n, end)[at:]
            del self.buf[:at + n]
            if op == 1:
                return ET.fromstring(data)
            if op == 9:
                self._frame(10, data)
            elif op == 8:
                raise Closed("the service closed the WebSocket")


class Link(Wire):
    """A stream on the service's Unix socket."""

    def __init__(self, path: str, domain: str, end: float):
        sock = socket.socket(socket.AF_UNIX)
        if len(path.encode()) < 104:
            sock.connect(path)
        else:  # a socket's address is short: go by the folder
            folder = os.open(os.path.dirname(path), os.O_PATH)
            try:
                sock.connect(f"/proc/self/fd/{folder}/"
                             + os.path.basename(path))
            finally:
                os.close(folder)
        super().__init__(sock)
        self.domain = domain

    def open(self, end: float) -> ET.Element:
        self.parser = ET.XMLPullParser(("start", "end"))
        self.depth, self.root = 0, None
        self.send(f"<?xml version='1.0'?><stream:stream xmlns='{NS_CLIENT}' "
                  f"xmlns:stream='{NS_STREAM}' to='{self.domain}' "
                  "version='1.0'>")
        return self.read(end)

    def send(self, xml: str) -> None:
        self._write(xml.encode())

    def read(self, end: float) -> ET.Element:
        while True:
            for what, e in self.parser.read_events():
                self.depth += 1 if what == "start" else -1
                if what == "start" and self.depth == 1:
                    self.root = e
                elif what == "end" and self.depth == 1:
                    self.root.clear()
                    return e
                elif self.depth == 0:
                    raise Closed("the service closed the stream")
            self._more(end)
            data, self.buf = bytes(self.buf), bytearray()
            self.parser.feed(data)


def _auth(wire, mechanism: str, data: bytes, end: float) -> ET.Element:
    text = base64.b64encode(data).decode() or "="
    wire.send(f"<auth xmlns='{NS_SASL}' mechanism='{mechanism}'>{text}"
              "</auth>")
    return wire.read(end)


def _done(e: ET.Element, who: str) -> None:
    if not e.tag.endswith("}success"):
        why = e[0].tag.split("}")[1] if len(e) else e.tag
        text = e.findtext("{*}text")
        raise Closed(f"{who} could not log in: {why}"
                     + (f", {text}" if text else ""))


def anonymous(wire, end: float) -> None:
    _done(_auth(wire, "ANONYMOUS", b"", end), "a guest")


def external(wire, end: float) -> None:
    _done(_auth(wire, "EXTERNAL", b"", end), "the operator")


def scram(wire, user: str, password: str, end: float) -> None:
    """SCRAM-SHA-256; the service proves that it knows the password, too."""
    user = user.replace("=", "=3D").replace(",", "=2C")
    first = f"n={user},r=" + base64.b64encode(os.urandom(18)).decode()
    e = _auth(wire, "SCRAM-SHA-256", ("n,," + first).encode(), end)
    if not e.tag.endswith("}challenge"):
        _done(e, user)
    challenge = base64.b64decode(e.text or "").decode()
    parts = dict(p.split("=", 1) for p in challenge.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(),
                                 base64.b64decode(parts["s"]),
                                 int(parts["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    last = f"c=biws,r={parts['r']}"
    said = f"{first},{challenge},{last}".encode()
    sign = hmac.digest(hashlib.sha256(key).digest(), said, "sha256")
    proof = bytes(a ^ b for a, b in zip(key, sign))
    answer = f"{last},p={base64.b64encode(proof).decode()}".encode()
    wire.send(f"<response xmlns='{NS_SASL}'>"
              f"{base64.b64encode(answer).decode()}</response>")
    e = wire.read(end)
    _done(e, user)
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), said,
                         "sha256")
    if base64.b64decode(e.text or "") != \
            b"v=" + base64.b64encode(server):
        raise Closed("the service does not know the password")
