# SPDX-License-Identifier: MIT
"""What strangers ask of web servers whose pages come from there; who asks as
he should is answered meanwhile."""
from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import tempfile

import pytest
from bookcase import Bookcase
from fastcgi import FCGI, Fcgi, Front
from program import LIMIT, until
from service import Service
from test_asgi import LIVE, SERVERS, start
from test_fastcgi import PICTURES, multipart

FORM = (b"POST /?form=library HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n")
needs_fcgi = pytest.mark.skipif(not os.path.exists(FCGI),
                                reason="built without libfcgi")


@pytest.fixture(scope="module")
def bookcase():
    with Bookcase("--c2s", "unix:{data}/c2s", live=LIVE) as running:
        yield running


@pytest.fixture(params=["nginx", "lighttpd", "apache"])
def fastcgi(request, bookcase):
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        with Fcgi(path, bookcase.service, "--threads", "8") as fcgi, \
                Front(request.param, [fcgi]) as web:
            yield web


@contextlib.contextmanager
def slow(port: int, n: int, head: bytes):
    """So many that have begun a form and say no more of it."""
    with contextlib.ExitStack() as stack:
        socks = []
        for _ in range(n):
            s = stack.enter_context(
                socket.create_connection(("127.0.0.1", port), LIMIT))
            s.sendall(FORM + head + b"\r\n")
            socks.append(s)
        yield socks


def raw(port: int, data: bytes) -> list[int]:
    """The answers' statuses, up to the end."""
    out = b""
    with socket.create_connection(("127.0.0.1", port), LIMIT) as s:
        s.sendall(data)
        while part := s.recv(65536):
            out += part
    return [int(n) for n in re.findall(rb"HTTP/1\.[01] (\d+)", out)]


@pytest.mark.parametrize("kind", SERVERS)
def test_bodies_that_do_not_come_stop_nobody_by_asgi(bookcase, kind):
    with start(bookcase, kind) as server:
        assert server.get()[0] == 200
        with slow(server.port, 100, b"Content-Length: 90000\r\n"):
            assert server.get()[0] == 200
            assert server.post(title="Emma", author="A")[0] == 303


@needs_fcgi
def test_bodies_that_do_not_come_stop_nobody_by_fastcgi(fastcgi):
    assert fastcgi.get()[0] == 200
    with slow(fastcgi.port, 50, b"Content-Length: 90000\r\n"):
        for _ in range(10):
            assert fastcgi.get("/?x")[0] == 200


@needs_fcgi
def test_who_has_waited_for_long_makes_room_by_fastcgi(fastcgi):
    with slow(fastcgi.port, 6, b"Content-Length: 90000\r\n"):
        until("there is room", lambda: fastcgi.post(
            title="Emma", author="A")[0] == 303)


@needs_fcgi
@pytest.mark.parametrize("kind", ["nginx", "lighttpd", "apache"])
def test_who_does_not_read_stops_nobody_by_fastcgi(kind, tmp_path):
    with Service(PICTURES, "--upload-guests", "--allow-plain",
                 files=str(tmp_path)) as service, \
            tempfile.TemporaryDirectory() as path, \
            contextlib.ExitStack() as stack:
        os.chmod(path, 0o755)
        fcgi = stack.enter_context(Fcgi(path, service, "--threads", "4"))
        web = stack.enter_context(Front(kind, [fcgi]))
        page = web.ask("POST", "/_do/show", multipart("a.mp4", bytes(9 << 20)),
                       {"Content-Type": "multipart/form-data; boundary=x0"})[2]
        url = re.search(rb"/_files/[^<\"]*", page)[0]
        for _ in range(8):
            s = stack.enter_context(socket.socket())
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", web.port))
            s.sendall(b"GET " + url + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert web.get("/?x")[0] == 200


def record(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def request(**params: str) -> bytes:
    """Of FastCGI, up to its body, on a connection that is kept."""
    return record(1, struct.pack(">HB5x", 1, 1)) + record(4, b"".join(
        bytes((len(k), len(v))) + k.encode() + v.encode() for k, v in
        {"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1",
         **params}.items())) + record(4, b"")


def answers(sock) -> list[bytes]:
    """Their statuses, up to the end."""
    out = b""
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65536):
            out += part
    return re.findall(rb"Status: (\d+)", out)


@needs_fcgi
def test_what_is_left_of_a_body_is_no_request_by_fastcgi(bookcase):
    """libfcgi reads 8 kB at a time, and the service wants five of this."""
    hidden = request(REQUEST_METHOD="GET", REQUEST_URI="/") + record(5, b"")
    head = request(REQUEST_METHOD="POST", REQUEST_URI="/no/where",
                   CONTENT_LENGTH="60000")
    body = b"a" * (40960 - len(head) - 8) + hidden
    with tempfile.TemporaryDirectory() as path, \
            Fcgi(path, bookcase.service) as fcgi, \
            socket.socket(socket.AF_UNIX) as cut, \
            socket.socket(socket.AF_UNIX) as whole:
        for sock in cut, whole:
            sock.settimeout(LIMIT)
            sock.connect(fcgi.path)
        cut.sendall(head + record(5, body.ljust(60000, b"b")) + record(5, b""))
        assert answers(cut) == [b"405"]
        for uri, status in (("/?", b"200"), ("/bye", b"404")):
            whole.sendall(request(REQUEST_METHOD="GET", REQUEST_URI=uri) +
                          record(5, b""))
            said = b""
            while b"</html>" not in said:
                said += whole.recv(65536)
            assert b"Status: " + status in said


@needs_fcgi
def test_an_address_with_its_host_is_read_once(fastcgi):
    page = (b"GET http://localhost?/console HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: close\r\n\r\n")
    assert raw(fastcgi.port, page) in ([200], [400])
