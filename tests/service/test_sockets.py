# SPDX-License-Identifier: MIT
"""Unix sockets beside ports, proxies that say whose a connection is."""
import http.client
import os
import shutil
import socket
import stat
import struct
import subprocess
import tempfile

import pytest

from service import LIMIT, Service, needs_python
from stranger import Bystander, Raw, b64, header, logged, port_of
from wire import Client

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
AUTH = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='%s'>%s</auth>"


class Near(Raw):
    """A Unix socket, as a web server has it."""

    def __init__(self, path: str, limit: float = LIMIT):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(limit)
        self.sock.connect(path)
        self.text = ""


class NearHTTP(http.client.HTTPConnection):
    def __init__(self, path: str):
        super().__init__("localhost", timeout=LIMIT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        self.sock.connect(self.path)


def get(path: str, what: str = "/", **headers):
    c = NearHTTP(path)
    c.request("GET", what, headers=headers)
    answer = c.getresponse()
    body = answer.read().decode()
    c.close()
    return answer.status, body


def proxied(addr: str, tls: bool = False, command: int = 1) -> bytes:
    """A header of the PROXY protocol, version 2."""
    body = socket.inet_aton(addr) + bytes(4) + struct.pack("!HH", 5222, 5222)
    if tls:
        body += b"\x20" + struct.pack("!H", 5) + b"\x01" + bytes(4)
    return SIGNATURE + bytes([0x20 | command, 0x11]) + struct.pack(
        "!H", len(body)) + body


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_web_server_reaches_the_service_by_unix_sockets(tmp_path):
    http_path, c2s = str(tmp_path / "http"), str(tmp_path / "c2s")
    with Service("bookcase-c", "--http", f"unix:{http_path}", "--c2s",
                 "127.0.0.1:0", "--c2s", f"unix:{c2s}") as s:
        assert mode(http_path) == mode(c2s) == mode(s.link) == 0o660
        status, body = get(http_path)
        assert status == 200 and "<form" in body
        assert get(http_path, Host="evil.example")[0] == 200  # no --domain
        s.ctl("adduser", "juliet", stdin="R0saline-1\n")
        with Near(c2s) as juliet:
            juliet.send(header())
            features = juliet.upto("</stream:features>")
            assert "EXTERNAL" not in features
            assert "PLAIN" in features and "starttls" not in features
            juliet.send(AUTH % ("EXTERNAL", "="))
            juliet.until("<invalid-mechanism")
            juliet.send(AUTH % ("PLAIN", b64("\0juliet\0R0saline-1")))
            juliet.until("<success")
        with Raw(port_of(s, "c2s")) as other:
            other.send(header())
            assert "PLAIN" not in other.upto("</stream:features>")
        # It is killed; the next one finds its files and takes them.
        s.kill()
        assert os.path.exists(http_path)
        s.start()
        assert get(http_path)[0] == 200
        assert s.stop() == 0
        assert not os.path.exists(http_path) and not os.path.exists(c2s)


def test_a_proxy_says_whose_a_connection_is(tmp_path):
    path = str(tmp_path / "proxy")
    with Service("bookcase-c", "--c2s-proxy", "127.0.0.1:0", "--c2s-proxy",
                 f"unix:{path}", "--http-proxy", "127.0.0.1:0") as s:
        s.ctl("adduser", "juliet", stdin="R0saline-1\n")
        port = port_of(s, "c2s-proxy")
        with Near(path) as juliet:
            juliet.send(proxied("192.0.2.7", tls=True))
            juliet.send(header())
            assert "PLAIN" in juliet.upto("</stream:features>")
            juliet.send(AUTH % ("PLAIN", b64("\0juliet\0wrong")))
            juliet.until("<not-authorized")
            logged(s, "auth.failed", "peer=192.0.2.7")
        with Raw(port) as clear:
            clear.send(proxied("192.0.2.8"))
            clear.send(header())
            features = clear.upto("</stream:features>")
            assert "PLAIN" not in features and "SCRAM" in features
        with Raw(port) as check:
            check.send(proxied("192.0.2.8", command=0))
            check.send(header())
            check.upto("</stream:features>")
        for words, why in ((b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
                            "version 1"),):
            with Raw(port) as old:
                old.send(words)
                assert old.rest() == ""
            logged(s, "proxy.bad", why)
        with Raw(port_of(s, "http-proxy")) as browser:
            browser.send(proxied("192.0.2.9", tls=True))
            browser.send("GET / HTTP/1.1\r\nHost: localhost\r\n"
                         "Connection: close\r\n\r\n")
            assert browser.rest().startswith("HTTP/1.1 200 ")


def test_headers_of_proxies_that_are_none_are_closed(tmp_path):
    path = str(tmp_path / "proxy")
    good = proxied("192.0.2.7", tls=True)

    def with_body(body: bytes, family: int = 0x11, command: int = 0x21):
        return (SIGNATURE + bytes([command, family])
                + struct.pack("!H", len(body)) + body)

    addresses = good[16:28]
    bad = [
        header().encode(), b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n" + header().encode(),
        with_body(addresses, command=0x31), with_body(addresses, command=0x22),
        with_body(addresses, family=0x12), with_body(addresses, family=0x41),
        with_body(addresses[:8]), with_body(addresses + b"\x20\x00\x09\x01"),
        with_body(addresses + b"\x03\x00\x04abcd"),
        with_body(addresses + bytes(2100)), SIGNATURE[:11] + b"X",
    ]
    with Service("bookcase-c", "--c2s-proxy", f"unix:{path}") as s:
        with Bystander(s):
            for words in bad:
                with Near(path) as stranger:
                    stranger.send(words)
                    assert stranger.rest() == "", words
        logged(s, "proxy.bad", "peer=unix")
        with Near(path) as client:
            client.send(good + header().encode())
            client.upto("</stream:features>")


def test_half_a_header_is_not_waited_for(tmp_path):
    path = str(tmp_path / "proxy")
    with Service("bookcase-c", "--c2s-proxy", f"unix:{path}") as s:
        with Near(path) as stranger, Near(path) as silent:
            stranger.send(proxied("192.0.2.7")[:-1])
            assert stranger.rest() == silent.rest() == ""
        logged(s, "proxy.bad", "in time")


def test_guesses_are_counted_by_the_address_behind_the_proxy(tmp_path):
    path = str(tmp_path / "proxy")

    def guess(addr: str, user: str) -> str:
        with Near(path) as stranger:
            stranger.send(proxied(addr, tls=True))
            stranger.send(header())
            stranger.until("</stream:features>")
            stranger.send(AUTH % ("PLAIN", b64(f"\0{user}\0wrong")))
            return stranger.until("<(not-authorized|temporary-auth)")[1]

    with Service("bookcase-c", "--c2s-proxy", f"unix:{path}"):
        for i in range(30):
            guess("192.0.2.7", f"user{i}")
        assert guess("192.0.2.7", "juliet") == "temporary-auth"
        assert guess("192.0.2.8", "juliet") == "not-authorized"


def test_a_web_server_gives_a_websocket_away(tmp_path):
    path = str(tmp_path / "handoff")

    def packet(addr: bytes, host: bytes, read: bytes = b"") -> bytes:
        return b"CNCH\x01\x01" + struct.pack(
            "!BBHH", len(addr), 0, len(host), len(read)) + addr + host + read

    def give(web, fd: int, data: bytes) -> bytes:
        socket.send_fds(web, [data], [fd])
        return web.recv(256)

    with Service("bookcase-c", "--handoff", path) as s, \
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as web:
        assert mode(path) == 0o660
        s.ctl("adduser", "juliet", stdin="R0saline-1\n")
        web.settimeout(LIMIT)
        web.connect(path)
        with socket.create_server(("127.0.0.1", 0)) as server:
            near = socket.create_connection(server.getsockname())
            far, _ = server.accept()
        client = Client.__new__(Client)
        client.sock, client.buf = near, bytearray()
        client.aside, client.n_id = [], 0
        near.settimeout(LIMIT)
        assert give(web, far.fileno(),
                    packet(b"192.0.2.7", b"localhost")) == b"\0"
        far.close()
        client.open()
        assert client.auth("PLAIN", b"\0juliet\0R0saline-1").tag.endswith(
            "success")
        client.open()
        client.bind("here")
        assert "192.0.2.7" in s.ctl("sessions").stdout
        a, b = socket.socketpair()
        with a, b:
            no = give(web, a.fileno(), packet(b"no address", b"localhost"))
        assert no[0] == 1 and b"address" in no
        logged(s, "handoff.refused", "address")
        client.ping()
        client.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be others")
def test_web_servers_of_other_users_give_nothing_away(tmp_path):
    """But those of --link-user."""
    folder = tempfile.mkdtemp(dir="/tmp")
    os.chmod(folder, 0o755)
    path = os.path.join(folder, "handoff")
    ask = ("import socket, sys\n"
           "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
           "s.settimeout(30); s.connect(sys.argv[1])\n"
           "try: s.send(b'x')\n"
           "except BrokenPipeError: pass\n"
           "try: print(s.recv(100))\n"
           "except ConnectionResetError: print(b'')\n")

    try:
        for options, answer in (([], "b''"),
                                (["--link-user", "www-data"], "no handoff")):
            with Service("bookcase-c", "--handoff", path, "--socket-group",
                         "www-data", *options):
                assert answer in subprocess.run(
                    ["/usr/bin/python3", "-c", ask, path], user="www-data",
                    group="www-data", extra_groups=[], capture_output=True,
                    text=True, check=True, cwd="/").stdout
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("options, needle", [
    (["--http", "unix:"], "the socket has no path"),
    (["--http", "unix:/" + "a" * 200], "longer than"),
    (["--http", "unix:/no/such/folder/http"], "/no/such/folder/http"),
    (["--s2s", "unix:/tmp/s2s"], "--s2s is an address"),
    (["--c2s-tls", "unix:/tmp/c2s"], "--c2s-tls is an address"),
    (["--c2s-proxy", "*:0"], "--c2s-proxy *:0 needs --tls-cert"),
    (["--c2s-proxy", "nonsense"], "nonsense"),
    (["--socket-group", "no-such-group"], "no group \"no-such-group\""),
])
def test_what_cannot_be_is_told(options, needle):
    s = Service("bookcase-c", *options, wait=False)
    with s:
        assert s.process.wait(LIMIT) == 1
        s.reader.join(LIMIT)
        assert needle in "".join(s.log)


@needs_python
def test_an_app_of_python_has_the_same_sockets(tmp_path):
    path = str(tmp_path / "http")
    with Service("bookcase-python", "--http", f"unix:{path}"):
        assert get(path)[0] == 200
