# SPDX-License-Identifier: MIT
"""HTTP over the link (docs/protocol.md), spoken by hand: sockets and bytes,
so that a test can also say what no web process would."""
from __future__ import annotations

import base64
import os
import socket
import xml.etree.ElementTree as ET
from typing import Callable

from wire import Closed, NS_PUBSUB, condition, esc

HTTP = "urn:xmpp:http"
SHIM = "http://jabber.org/protocol/shim"
IBB = "http://jabber.org/protocol/ibb"
WEB = "http://concordance-xmpp.org/ns/web"


class Answer:
    """What came of a request; error: the IQ's condition, or ""."""

    def __init__(self, iq: ET.Element):
        self.iq = iq
        self.error = condition(iq)
        resp = iq.find(f"{{{HTTP}}}resp")
        self.status = int(resp.get("statusCode")) if resp is not None else 0
        self.reason = resp.get("statusMessage") if resp is not None else ""
        self.headers = [(h.get("name"), h.text or "")
                        for h in iq.iter(f"{{{SHIM}}}header")]
        self.unknown = (resp is not None
                        and resp.get(f"{{{WEB}}}unknown") == "true")
        self.kept = iq.find(f".//{{{WEB}}}kept")
        data = iq.find(f".//{{{HTTP}}}base64")
        ibb = iq.find(f".//{{{HTTP}}}ibb")
        self.sid = ibb.get("sid") if ibb is not None else None
        self.has_data = iq.find(f".//{{{HTTP}}}data") is not None
        self.body = base64.b64decode(data.text or "") if data is not None \
            else b""

    def __getitem__(self, name: str) -> str | None:
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None


class Link:
    """A session of the Unix socket, by EXTERNAL."""

    def __init__(self, path: str, limit: float = 30, uid: int | None = None,
                 to: str = "localhost"):
        self.to = to
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(limit)
        self.aside: list[ET.Element] = []
        self.n_id = 0
        if uid is not None:  # the kernel says whose it is when it connects
            os.seteuid(uid)
        try:
            self.sock.connect(path)
        finally:
            if uid is not None:
                os.seteuid(0)
        self.restart()
        self.raw("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                 "mechanism='EXTERNAL'>=</auth>")
        assert self.recv().tag.endswith("}success")
        self.restart()
        answer = self.iq("set", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-"
                         "bind'/>", to="")
        self.jid = answer.findtext(".//{*}jid")

    def raw(self, data: str | bytes):
        try:
            self.sock.sendall(data.encode() if isinstance(data, str) else data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed("send") from e

    def restart(self):
        self.parser = ET.XMLPullParser(["start", "end"])
        self.depth, self.root = 0, None
        self.raw(f"<stream:stream to='{self.to}' version='1.0' "
                 "xmlns='jabber:client' "
                 "xmlns:stream='http://etherx.jabber.org/streams'>")
        assert self.recv().tag.endswith("}features")

    def recv(self) -> ET.Element:
        """The next element of the stream."""
        while True:
            for event, e in self.parser.read_events():
                if event == "start":
                    self.depth += 1
                    if self.depth == 1:
                        self.root = e
                    continue
                self.depth -= 1
                if self.depth == 1:
                    self.root.clear()
                    return e
                if self.depth == 0:
                    raise Closed("the stream's end")
            try:
                data = self.sock.recv(1 << 18)
            except ConnectionResetError as e:
                raise Closed("reset") from e
            if not data:
                raise Closed("eof")
            self.parser.feed(data)

    def send(self, kind: str, payload: str, to: str | None = None) -> str:
        self.n_id += 1
        name = f"q{self.n_id}"
        to = self.to if to is None else to
        addr = f" to='{esc(to)}'" if to else ""
        self.raw(f"<iq type='{kind}' id='{name}'{addr}>{payload}</iq>")
        return name

    def answer(self, name: str) -> ET.Element:
        """Of that IQ; other stanzas that come meanwhile wait in `aside`."""
        for i, e in enumerate(self.aside):
            if e.tag.endswith("}iq") and e.get("id") == name:
                return self.aside.pop(i)
        while True:
            e = self.recv()
            if (e.tag.endswith("}iq") and e.get("id") == name
                    and e.get("type") in ("result", "error")):
                return e
            if e.tag.endswith("}error") and "streams" in e.tag:
                raise Closed(ET.tostring(e).decode())
            self.aside.append(e)

    def iq(self, kind: str, payload: str, to: str | None = None) -> ET.Element:
        return self.answer(self.send(kind, payload, to))

    def pubsub(self, kind: str, verb: str) -> ET.Element:
        return self.iq(kind, f"<pubsub xmlns='{NS_PUBSUB}'>{verb}</pubsub>")

    # -- requests --------------------------------------------------------------

    @staticmethod
    def req(method: str, path: str, headers: dict | list = (),
            data: str = "", client: str = "", host: str | None = "localhost",
            ) -> str:
        lines = list(headers.items() if isinstance(headers, dict)
                     else headers)
        if host is not None:
            lines.insert(0, ("Host", host))
        said = "".join(f"<header name='{esc(k)}'>{esc(v)}</header>"
                       for k, v in lines)
        return (f"<req xmlns='{HTTP}' version='1.1' method='{esc(method)}' "
                f"resource='{esc(path)}'><headers xmlns='{SHIM}'>{said}"
                f"</headers>{data}<client xmlns='{WEB}' {client}/></req>")

    def ask(self, method: str, path: str, headers: dict | list = (),
            body: bytes | None = None, **more) -> Answer:
        """The whole answer, its body read."""
        data = ""
        if body is not None:
            data = (f"<data><base64>{base64.b64encode(body).decode()}"
                    "</base64></data>")
        name = self.send("set", self.req(method, path, headers, data, **more))
        return self.whole(Answer(self.answer(name)))

    def get(self, path: str, headers: dict | list = (), **more) -> Answer:
        return self.ask("GET", path, headers, **more)

    def post(self, path: str, body: bytes | str, headers: dict | None = None,
             **more) -> Answer:
        lines = {"Content-Type": "application/x-www-form-urlencoded",
                 **(headers or {})}
        body = body.encode() if isinstance(body, str) else body
        return self.ask("POST", path, lines, body, **more)

    # -- bodies in blocks -------------------------------------------------------

    def whole(self, a: Answer,
              sink: Callable[[bytes], None] | None = None) -> Answer:
        """Take the body that comes in blocks, if there is one."""
        parts: list[bytes] = []
        put = parts.append if sink is None else sink
        seq = 0
        while a.sid is not None:
            e = self.block(a.sid)
            if e.tag == f"{{{IBB}}}data":
                assert int(e.get("seq")) == seq % 65536
                put(base64.b64decode(e.text))
                seq += 1
            elif e.tag == f"{{{IBB}}}close":
                break
        a.body += b"".join(parts)
        return a

    def block(self, sid: str) -> ET.Element:
        """The next <open/>, <data/> or <close/> of it, acknowledged."""
        iq = self.next_block(sid)
        self.raw(f"<iq type='result' id='{iq.get('id')}' to='{self.to}'/>")
        return iq[0]

    def next_block(self, sid: str) -> ET.Element:
        def is_it(e):
            return (e.tag.endswith("}iq") and e.get("type") == "set"
                    and len(e) and e[0].get("sid") == sid)
        for i, e in enumerate(self.aside):
            if is_it(e):
                return self.aside.pop(i)
        while True:
            e = self.recv()
            if is_it(e):
                return e
            self.aside.append(e)

    def open(self, sid: str, size: int = 32768, more: str = "stanza='iq'"):
        return self.iq("set", f"<open xmlns='{IBB}' sid='{esc(sid)}' "
                       f"block-size='{size}' {more}/>")

    def data(self, sid: str, seq: int, block: bytes) -> ET.Element:
        return self.iq("set", f"<data xmlns='{IBB}' sid='{esc(sid)}' "
                       f"seq='{seq}'>{base64.b64encode(block).decode()}</data>")

    def end(self, sid: str) -> ET.Element:
        return self.iq("set", f"<close xmlns='{IBB}' sid='{esc(sid)}'/>")

    def begin(self, method: str, path: str, headers: dict | list,
              sid: str, **more) -> str:
        """A request whose body comes in blocks; the IQ's id."""
        return self.send("set", self.req(
            method, path, headers,
            f"<data><ibb sid='{esc(sid)}'/></data>", **more))

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()
