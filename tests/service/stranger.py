# SPDX-License-Identifier: MIT
"""What a stranger has: a socket, bytes, a certificate of his own; and the
bystander, who is answered all the while."""
from __future__ import annotations

import base64
import re
import socket
import ssl
import subprocess
import threading
import time

from service import LIMIT, Service, until
from wire import Client

NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind"
NS_SM = "urn:xmpp:sm:3"
PASSWORD = "R0saline-1"
STARTTLS = f"<starttls xmlns='{NS_TLS}'/>"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def header(to: str = "localhost", ns: str = "client", more: str = "") -> str:
    return (f"<?xml version='1.0'?><stream:stream xmlns='jabber:{ns}' "
            "xmlns:stream='http://etherx.jabber.org/streams' "
            "xmlns:db='jabber:server:dialback' "
            f"to='{to}' version='1.0' {more}>")


def condition(text: str) -> str:
    """The condition of the stream error in it; "" when there is none."""
    found = re.search(r"<stream:error>\s*<([a-z-]+) ", text)
    return found[1] if found else ""


class Raw:
    """Bytes to a port, text from it."""

    def __init__(self, port: int, address: str = "127.0.0.1",
                 rcvbuf: int | None = None, limit: float = LIMIT):
        self.sock = socket.socket()
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(limit)
        self.sock.connect((address, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def close(self):
        self.sock.close()

    def send(self, data: str | bytes) -> bool:
        """False: the other side has gone."""
        try:
            self.sock.sendall(data.encode() if isinstance(data, str)
                              else data)
            return True
        except (ConnectionError, ssl.SSLError):
            return False

    def more(self) -> bool:
        try:
            data = self.sock.recv(1 << 16)
        except (ConnectionError, ssl.SSLError):
            data = b""
        self.text += data.decode("utf-8", "replace")
        return data != b""

    def until(self, pattern: str) -> re.Match:
        """Read until the pattern; what is up to its end is forgotten."""
        while True:
            found = re.search(pattern, self.text, re.S)
            if found:
                self.text = self.text[found.end():]
                return found
            assert self.more(), f"no {pattern!r}, but {self.text[-400:]!r}"

    def upto(self, mark: str) -> str:
        """Read until the text is there; all before it.  For much: it looks
        at everything once."""
        at = 0
        while True:
            found = self.text.find(mark, at)
            if found >= 0:
                got = self.text[:found]
                self.text = self.text[found + len(mark):]
                return got
            at = max(0, len(self.text) - len(mark))
            assert self.more(), f"no {mark!r}, but {self.text[-400:]!r}"

    def rest(self) -> str:
        """Everything up to the other side's end."""
        while self.more():
            pass
        return self.text

    def starttls(self, context: ssl.SSLContext | None = None, **how):
        self.send(header(**how))
        self.until("</stream:features>")
        self.send(STARTTLS)
        self.until("<proceed[^>]*>")
        self.tls(context)

    def tls(self, context: ssl.SSLContext | None = None):
        context = context or blind()
        self.sock = context.wrap_socket(self.sock,
                                        server_hostname="localhost")


def blind() -> ssl.SSLContext:
    """Whatever certificate they show."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Person(Raw):
    """A client that has logged in, in the clear from loopback."""

    def __init__(self, s, user: str, resource: str | None = "x",
                 rcvbuf: int | None = None, bind: bool = True, more: str = "",
                 password: str = PASSWORD):
        super().__init__(s.c2s, rcvbuf=rcvbuf)
        self.n_asked = 0
        self.send(header())
        self.until("</stream:features>")
        self.auth(f"\0{user}\0{password}")
        self.until("<success[^>]*>")
        self.send(header(more=more))
        self.features = self.until(".*</stream:features>")[0]
        if bind:
            self.bind(resource)

    def auth(self, text: str, mechanism: str = "PLAIN"):
        self.send(f"<auth xmlns='{NS_SASL}' mechanism='{mechanism}'>"
                  f"{b64(text)}</auth>")

    def bind(self, resource: str | None):
        inner = f"<resource>{resource}</resource>" if resource else ""
        self.send(f"<iq type='set' id='b'><bind xmlns='{NS_BIND}'>{inner}"
                  "</bind></iq>")
        self.jid = self.until("<jid>(.*?)</jid>|<iq[^>]*type='error'.*?</iq>"
                              )[1]

    def iq(self, kind: str, payload: str, to: str | None = None) -> str:
        """The answer, whole; what came before it is forgotten."""
        self.n_asked += 1
        to = f" to='{to}'" if to else ""
        self.send(f"<iq type='{kind}' id='q{self.n_asked}'{to}>{payload}"
                  "</iq>")
        return self.until(rf"<iq[^>]*id='q{self.n_asked}'[^>]*(/>|>.*?</iq>)"
                          )[0]

    def ping(self) -> str:
        """All that came up to the answer of a ping."""
        self.n_asked += 1
        self.send(f"<iq type='get' id='q{self.n_asked}' to='localhost'>"
                  "<ping xmlns='urn:xmpp:ping'/></iq>")
        return self.upto(f" id='q{self.n_asked}'") + self.until("[^>]*>")[0]

    def message(self, to: str, body: str, kind: str = "chat"):
        self.send(f"<message to='{to}' type='{kind}'><body>{body}</body>"
                  "</message>")


class Peer(Raw):
    """Another server, in the clear; believed by dialback."""

    def __init__(self, s, me: str = "evil.example", to: str = "localhost",
                 proved: bool = True, rcvbuf: int | None = None):
        super().__init__(s.s2s, rcvbuf=rcvbuf)
        self.me = me
        self.send(header(to, "server", f"from='{me}'"))
        self.until("</stream:features>")
        if proved:
            self.result()
            self.until("<db:result[^>]*type='valid'")

    def result(self, me: str | None = None, to: str = "localhost",
               key: str = "some key"):
        self.send(f"<db:result from='{me or self.me}' to='{to}'>{key}"
                  "</db:result>")


class Authority:
    """Listens for the servers that a service dials; says `answer` to every
    db:verify and every db:result.  One thread a connection."""

    def __init__(self, answer: str = "valid", reads: bool = True):
        self.answer, self.reads = answer, reads
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.streams: list[Raw] = []
        self.heard: list[str] = []
        self.over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.over.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for stream in self.streams:
            stream.close()

    def _accept(self):
        while True:
            try:
                sock = self.listener.accept()[0]
            except OSError:
                return
            stream = Raw.__new__(Raw)
            stream.sock, stream.text = sock, ""
            sock.settimeout(LIMIT)
            self.streams.append(stream)
            threading.Thread(target=self._serve, args=[stream],
                             daemon=True).start()

    def _serve(self, stream: Raw):
        try:
            head = stream.until("<stream:stream[^>]*>")[0]
            me = re.search(r" to='([^']*)'", head)[1]
            stream.send(header("localhost", "server",
                               f"from='{me}' id='authority'")
                        + "<stream:features><dialback xmlns="
                        "'urn:xmpp:features:dialback'/></stream:features>")
            while True:
                start = stream.until(r"<db:(verify|result)([^>]*)>[^<]*"
                                     r"</db:\w+>")
                a = dict(re.findall(r"(\w+)='([^']*)'", start[2]))
                more = f"id='{a['id']}'" if "id" in a else ""
                self.heard.append(start[0])
                stream.send(f"<db:{start[1]} from='{a['to']}' "
                            f"to='{a['from']}' {more} "
                            f"type='{self.answer}'/>")
                if start[1] == "result" and not self.reads:
                    self.over.wait()
        except (AssertionError, OSError):
            pass


class Bystander(threading.Thread):
    """Somebody else's session: asks again and again, and is answered."""

    def __init__(self, s: Service, most: float = 5):
        super().__init__(daemon=True)
        self.client = Client(s.port)
        self.most, self.worst, self.n_asked = most, 0.0, 0
        self.over = threading.Event()
        self.error: BaseException | None = None
        self.service = s

    def run(self):
        try:
            while not self.over.is_set():
                start = time.monotonic()
                assert self.client.ping().get("type") == "result"
                self.worst = max(self.worst, time.monotonic() - start)
                self.n_asked += 1
                self.over.wait(0.01)
        except BaseException as error:  # told by __exit__
            self.error = error

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        asked = self.n_asked
        if exc[0] is None:
            until("the bystander's answer", lambda: self.error is not None or
                  self.n_asked > asked + 1)
        self.over.set()
        self.join(LIMIT)
        if exc[0] is None:
            assert self.error is None, self.error
            assert self.worst < self.most, f"it waited {self.worst:.2f} s"
            assert self.service.process.poll() is None


def port_of(s: Service, kind: str) -> int:
    line = until(f"the port of {kind}", lambda: next(
        (i for i in s.log if f"listen.ready kind={kind} " in i), None))
    return int(re.search(r"port=(\d+)", line)[1])


def logged(s: Service, *words: str) -> str:
    """The log's line with all the words."""
    return until(f"a log line of {words}", lambda: next(
        (i for i in list(s.log) if all(w in i for w in words)), None))


def openssl(*words: str):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Pki:
    """An authority that the service trusts, and what it has signed."""

    def __init__(self, folder):
        self.folder = folder
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.path("ca", "key"), "-out", self.path("ca"), "-days",
                "30", "-subj", "/CN=Test CA")

    def path(self, name: str, end: str = "pem") -> str:
        return str(self.folder / f"{name}.{end}")

    def sign(self, name: str, subject: str, san: str | None):
        ext = self.folder / f"{name}.ext"
        ext.write_text("extendedKeyUsage=serverAuth,clientAuth\n"
                       + (f"subjectAltName={san}\n" if san else ""))
        openssl("req", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.path(name, "key"), "-out", self.path(name, "csr"),
                "-subj", subject)
        openssl("x509", "-req", "-in", self.path(name, "csr"), "-CA",
                self.path("ca"), "-CAkey", self.path("ca", "key"),
                "-CAcreateserial", "-out", self.path(name), "-days", "30",
                "-extfile", str(ext))

    def context(self, name: str | None) -> ssl.SSLContext:
        context = blind()
        if name:
            context.load_cert_chain(self.path(name), self.path(name, "key"))
        return context
