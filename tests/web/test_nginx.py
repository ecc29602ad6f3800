# SPDX-License-Identifier: MIT
"""nginx with TLS, the service on a Unix socket behind it."""
from __future__ import annotations

import os
import shutil
import socket
import urllib.parse

import pytest

from nginx import Nginx
from program import LIMIT, TOP, until
from service import BUILD, Service
from test_auth import Forms
from test_uploads import slot
from wire import Client

pytestmark = pytest.mark.skipif(not shutil.which("nginx"),
                                reason="there is no nginx")
PASSWORD = "four words of hers"


@pytest.fixture(scope="module")
def both():
    with Nginx() as n, Service("bookcase-c", "--url", n.url,
                               *n.options) as s:
        s.ctl("adduser", "juliet", stdin=PASSWORD + "\n")
        yield n, s


def upgrade(n: Nginx, origin: str) -> str:
    """The head of the answer to a WebSocket's request."""
    with socket.create_connection(("127.0.0.1", n.port), LIMIT) as plain:
        with n.tls.wrap_socket(plain, server_hostname="localhost") as s:
            s.sendall((f"GET /xmpp HTTP/1.1\r\nHost: localhost:{n.port}\r\n"
                       f"Origin: {origin}\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       "Sec-WebSocket-Protocol: xmpp\r\n\r\n").encode())
            return s.recv(65536).decode("latin-1")


def test_a_page_its_head_and_whether_it_changed(both):
    n, _ = both
    status, head, body = n.get("/")
    assert status == 200 and b"<form" in body
    assert n.ask("HEAD", "/")[2] == b""
    assert n.get("/", **{"If-None-Match": head["etag"]})[0] == 304
    status, other, _ = n.get("/", **{"Accept-Encoding": "gzip"})
    assert other["content-encoding"] == "gzip"
    assert n.get("/", **{"If-None-Match": other["etag"],
                         "Accept-Encoding": "gzip"})[0] == 304
    assert n.get("/nobody-has-this")[0] == 404


def test_forms_come_from_the_site_itself_alone(both):
    n, s = both
    assert n.post(title="One", author="A", headers={"Origin": n.url})[0] == 303
    for origin in (n.url.replace("https", "http"), "https://evil.example",
                   "null"):
        assert n.post(title="Two", author="A",
                      headers={"Origin": origin})[0] == 403
    # Nobody names the site but its Host.
    assert n.post(title="Two", author="A", headers={
        "Origin": "https://evil.example",
        "X-Forwarded-Host": "evil.example"})[0] == 403
    until("the book", lambda: b"One" in n.get("/")[2])
    assert b"Two" not in n.get("/")[2]


def test_a_websocket_goes_through(both):
    n, s = both
    client = Client(n.port, tls=n.tls)
    client.ping()
    client.subscribe("library")
    n.post(title="Through", author="A", headers={"Origin": n.url})
    until("the event", lambda: "Through" in client.text())
    client.close()
    assert " 101 " in upgrade(n, n.url)
    for origin in (n.url.replace("https", "http"), "https://evil.example"):
        assert " 403 " in upgrade(n, origin)


def test_a_stream_is_secure_and_its_clients(both):
    n, s = both
    client = Client(n.port, tls=n.tls, bind=False)
    client.open()
    assert client.auth("PLAIN", b"\0juliet\0" + PASSWORD.encode()
                       ).tag.endswith("success")
    client.open()
    client.bind("here")
    lines = s.ctl("sessions").stdout
    assert "127.0.0.1" in lines and "unix" not in lines
    client.close()


def test_addresses_are_the_clients(both):
    """The one that nginx saw, whatever the client says."""
    n, s = both
    with socket.create_connection(("127.0.0.1", n.port), LIMIT,
                                  ("127.0.0.3", 0)) as plain, \
            n.tls.wrap_socket(plain, server_hostname="localhost") as wss:
        client = Client.__new__(Client)
        client.sock, client.buf, client.aside = wss, bytearray(), []
        client.n_id = 0
        wss.sendall(("GET /xmpp HTTP/1.1\r\nHost: localhost\r\n"
                     "X-Forwarded-For: 192.0.2.66\r\n"
                     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Protocol: xmpp\r\n\r\n").encode())
        while b"\r\n\r\n" not in client.buf:
            client._more()
        client.buf = client.buf.partition(b"\r\n\r\n")[2]
        client.open()
        client.auth("PLAIN", b"\0juliet\0wrong")
        until("the log", lambda: any("auth.failed" in i and
                                     "peer=127.0.0.3" in i for i in s.log))
    assert not any("192.0.2.66" in i for i in s.log)


def test_a_file_goes_up_and_comes_down(both):
    n, _ = both
    client = Client(n.port, tls=n.tls, bind=False)
    client.open()
    client.auth("PLAIN", b"\0juliet\0" + PASSWORD.encode())
    client.open()
    client.bind()
    body = os.urandom(3 << 20)
    up, down = slot(client, "a.bin", len(body))
    assert up.startswith(n.url + "/")
    path = urllib.parse.urlsplit(up).path
    status, _, text = n.ask("PUT", path, body)
    assert status == 201, text
    status, _, got = n.get(urllib.parse.urlsplit(down).path)
    assert status == 200 and got == body
    status, head, got = n.get(urllib.parse.urlsplit(down).path,
                              Range="bytes=10-19")
    assert (status, got) == (206, body[10:20])
    client.close()


def test_a_log_in_s_cookie_is_secure():
    with Nginx() as n, Service(
            os.path.join(BUILD, "apps", "auth.so"), *n.options,
            files=os.path.join(TOP, "apps", "auth")) as s:
        s.ctl("adduser", "juliet", stdin=PASSWORD + "\n")
        status, _, text = n.get("/login")
        form = next(f for f in Forms(text.decode()).forms
                    if "user" in f["fields"])
        data = urllib.parse.urlencode({
            **form["fields"], "user": "juliet", "password": PASSWORD})
        status, _, text = n.ask("POST", form["action"], data, {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": n.url})
        assert status == 303, text
        cookie = next(c for c in n.cookies if "__Host-concordance=" in c)
        assert "; Secure" in cookie and "; HttpOnly" in cookie
        answer = n.get("/account", Cookie=cookie.partition(";")[0])
        assert answer[0] == 200 and b"juliet@localhost" in answer[2]


def test_the_service_may_go_and_come_again():
    with Nginx() as n, Service("bookcase-c", *n.options) as s:
        assert n.get("/")[0] == 200
        s.kill()
        assert n.get("/")[0] == 502
        s.start()
        # nginx asks one that failed again after a while; it has one alone.
        until("the page", lambda: n.get("/")[0] == 200)
