# SPDX-License-Identifier: MIT
"""Both ends of a WebSocket through Apache: a client's handshake as a test
wants it, and a server that does what a test says."""
from __future__ import annotations

import socket
import ssl
import threading

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RemoteSettingsChanged, ResponseReceived

from apache import Apache
from program import LIMIT
from wire import Client, Closed

OPEN = (b"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' "
        b"version='1.0'/>")
HEADER = (b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
          b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0' "
          b"from='localhost' id='1'>")
FEATURES = b"<stream:features/>"


def ask(port: int, path: str = "/xmpp", **change) -> tuple[int, bytes]:
    """A handshake with headers changed or (None) left out; the status."""
    headers = {"Host": "localhost", "Upgrade": "websocket",
               "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
               "Sec-WebSocket-Protocol": "xmpp"}
    method, body = change.pop("method", "GET"), change.pop("body", b"")
    for name, value in change.items():
        headers[name.replace("_", "-")] = value
    text = f"{method} {path} HTTP/1.1\r\n" + "".join(
        f"{k}: {v}\r\n" for k, v in headers.items() if v is not None)
    with socket.create_connection(("127.0.0.1", port), LIMIT) as s:
        s.sendall(text.encode() + b"\r\n" + body)
        head = b""
        while b"\r\n\r\n" not in head:
            part = s.recv(65536)
            if not part:
                break
            head += part
        return int(head.split(b" ", 2)[1]), head


def ask_http2(port: int, *headers: tuple[str, str]) -> dict[bytes, bytes]:
    """The headers of the answer to a request by HTTP/2, in the clear."""
    c = H2Connection(H2Configuration(validate_outbound_headers=False))
    c.initiate_connection()
    with socket.create_connection(("127.0.0.1", port), LIMIT) as s:
        s.sendall(c.data_to_send())
        asked = False
        while True:
            part = s.recv(65536)
            assert part
            for event in c.receive_data(part):
                if isinstance(event, RemoteSettingsChanged) and not asked:
                    asked = True
                    c.send_headers(1, [
                        (":scheme", "http"), (":path", "/xmpp"),
                        (":authority", "localhost"), *headers])
                elif isinstance(event, ResponseReceived):
                    return dict(event.headers)
            s.sendall(c.data_to_send())


def closes_with(c: Client) -> str:
    with pytest.raises(Closed) as why:
        while True:
            c.text()
    return str(why.value)


class Server:
    """An XMPP server that does what a test says, on a port or a path."""

    def __init__(self, path: str = ""):
        self.socket = socket.socket(socket.AF_UNIX if path
                                    else socket.AF_INET)
        self.socket.bind(path or ("127.0.0.1", 0))
        self.socket.listen(64)
        self.socket.settimeout(LIMIT)
        self.name = (f"unix:{path}" if path else
                     f"tcp://127.0.0.1:{self.socket.getsockname()[1]}")

    def accept(self) -> socket.socket:
        s = self.socket.accept()[0]
        s.settimeout(LIMIT)
        return s

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()


def read_until(s, mark: bytes) -> bytes:
    said = b""
    while mark not in said:
        part = s.recv(65536)
        assert part, said
        said += part
    return said


def opened(a: Apache, server: Server):
    """A client and what the server has of it, in the middle of a stream."""
    c = Client(a.port, bind=False)
    s = server.accept()
    c.send(OPEN)
    read_until(s, b">")
    s.sendall(HEADER + FEATURES)
    assert c.recv().tag.endswith("}open")
    assert c.recv().tag.endswith("}features")
    return c, s


def echo(c: Client, s: socket.socket, text: str) -> None:
    """A large stanza there and back."""
    c.send(f"<message xmlns='jabber:client'><body>{text}</body></message>")
    said = read_until(s, b"</message>")
    assert said.decode() == f"<message><body>{text}</body></message>"
    thread = threading.Thread(target=lambda: s.sendall(said))
    thread.start()
    assert c.recv().findtext("{jabber:client}body") == text
    thread.join(LIMIT)


def unverified() -> ssl.SSLContext:
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    return tls
