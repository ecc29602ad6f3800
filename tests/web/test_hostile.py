# SPDX-License-Identifier: MIT
"""What strangers ask of web servers whose pages come from there; who asks as
he should is answered meanwhile."""
from __future__ import annotations

import contextlib
import os
import re
import socket
import tempfile

import pytest
from bookcase import Bookcase
from fastcgi import FCGI, Fcgi, Front
from program import LIMIT, until
from test_asgi import LIVE, SERVERS, start

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
def test_an_address_with_its_host_is_read_once(fastcgi):
    page = (b"GET http://localhost?/console HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: close\r\n\r\n")
    assert raw(fastcgi.port, page) in ([200], [400])
