# SPDX-License-Identifier: MIT
"""A server of the test's own, down to the bytes, for what no honest one says.
"""
from __future__ import annotations

import re
import socket
import ssl
import threading

from bed import LIMIT

HEAD = ("<?xml version='1.0'?><stream:stream xmlns='jabber:server' "
        "xmlns:db='jabber:server:dialback' "
        "xmlns:stream='http://etherx.jabber.org/streams' {}version='1.0'>")


class Ended(Exception):
    """The stream was closed before what was waited for; .seen is the rest."""

    def __init__(self, seen: str):
        super().__init__(seen[-500:])
        self.seen = seen


class Stream:
    """Text over a socket."""

    def __init__(self, connection: socket.socket):
        self.socket = connection
        self.seen = ""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def send(self, text: str) -> None:
        self.socket.sendall(text.encode())

    def expect(self, pattern: str, limit: float = LIMIT) -> re.Match:
        """Read until the pattern; what came before it is forgotten."""
        self.socket.settimeout(limit)
        while True:
            found = re.search(pattern, self.seen, re.S)
            if found:
                self.seen = self.seen[found.end():]
                return found
            if "</stream:stream>" in self.seen:
                raise Ended(self.seen)
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                raise AssertionError(f"{pattern!r} did not come within "
                                     f"{limit:g} s, but {self.seen!r}"
                                     ) from None
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                raise Ended(self.seen)
            self.seen += data.decode("utf-8", "replace")


class Wire(Stream):
    """A stream to HOST's server port, as the domain `me`."""

    def __init__(self, host, me: str, to: str, ca, certificate: str | None,
                 port: int = 5269):
        super().__init__(socket.create_connection((host.ip4, port), LIMIT))
        self.me, self.to = me, to
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            self.context.load_cert_chain(ca.path(certificate, "crt"),
                                         ca.path(certificate, "key"))

    def open(self) -> None:
        self.send(HEAD.format(f"from='{self.me}' to='{self.to}' "))
        self.expect(r"<stream:stream[^>]*>")

    def starttls(self) -> None:
        self.open()
        self.expect(r"<starttls.*?</stream:features>")
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        self.expect(r"<proceed[^>]*>")
        self.socket = self.context.wrap_socket(self.socket,
                                               server_hostname=self.to)
        self.open()

    def external(self, opened: bool = False) -> None:
        """Log in as a server that has a certificate."""
        if opened:
            self.open()
        else:
            self.starttls()
        self.expect(r"EXTERNAL.*?</stream:features>")
        self.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                  "mechanism='EXTERNAL'>=</auth>")
        self.expect(r"<success[^>]*>")
        self.open()
        self.expect(r"</?stream:features/?>")


class Liar:
    """Whom we ask about a dialback key: listens as `me` on the runner, speaks
    TLS, and answers every db:verify with `answer` (valid, invalid)."""

    def __init__(self, me: str, ca, answer: str):
        self.me, self.answer = me, answer
        self.asked: list[str] = []
        self.streams: list[Stream] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(ca.path(me, "crt"), ca.path(me, "key"))

    def __enter__(self):
        self.listener = socket.create_server(("", 5269))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for stream in self.streams:
            try:
                stream.socket.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has gone already
                pass

    def _accept(self) -> None:
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection],
                             daemon=True).start()

    def _serve(self, connection) -> None:
        stream = Stream(connection)
        self.streams.append(stream)
        head = HEAD.format(f"from='{self.me}' id='liar' ")
        try:
            stream.expect("<stream:stream[^>]*>")
            stream.send(head + "<stream:features><starttls xmlns="
                        "'urn:ietf:params:xml:ns:xmpp-tls'><required/>"
                        "</starttls></stream:features>")
            stream.expect("<starttls[^>]*>")
            stream.send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            stream.socket = self.context.wrap_socket(connection,
                                                     server_side=True)
            stream.expect("<stream:stream[^>]*>")
            stream.send(head + "<stream:features><dialback xmlns="
                        "'urn:xmpp:features:dialback'/></stream:features>")
            while True:
                start = stream.expect("<db:(verify|result)[^>]*>")
                kind = start[1]
                if kind == "verify":
                    self.asked.append(start[0])
                more = re.search("id=['\"][^'\"]*['\"]", start[0])
                to = re.search("from=['\"]([^'\"]*)", start[0])[1]
                stream.send(
                    f"<db:{kind} from='{self.me}' to='{to}' type='"
                    + (self.answer if kind == "verify" else "valid")
                    + f"' {more[0] if more else ''}/>")
        except (Ended, AssertionError, OSError):
            stream.socket.close()
