# SPDX-License-Identifier: MIT
"""mod_xmpp in a real Apache: the handshake, frames, a server that is not
there, stalls or goes, clients that are slow or gone."""
import os
import re
import socket
import struct
import threading
import time
import xml.etree.ElementTree as ET

import pytest

from apache import Apache
from ends import (FEATURES, HEADER, OPEN, Server, ask, ask_http2, closes_with,
                  echo, opened, read_until, unverified)
from program import LIMIT, free_port, until
from service import Service, book
from wire import UPGRADE, Client, Closed, condition, frame

@pytest.fixture(scope="module")
def service():
    port = free_port()
    with Service("bookcase-c", "--c2s", f"127.0.0.1:{port}") as s:
        s.c2s = port
        yield s


@pytest.fixture(scope="module")
def apache(service, tmp_path_factory):
    with Apache(str(tmp_path_factory.mktemp("apache")),
                f"tcp://127.0.0.1:{service.c2s}",
                more="XMPPOrigin https://books.example.org\nXMPPPing 600",
                main="XMPPHostMeta on") as a:
        yield a


# -- passing through -----------------------------------------------------------

def test_a_client_follows_the_library(service, apache):
    c = Client(apache.port)
    assert condition(c.subscribe("library")) == ""
    service.ctl("publish", "library", book("Through Apache"), "t1")
    while True:
        text = c.text()
        if "Through Apache" in text:
            break
    root = ET.fromstring(text)
    assert root.find(".//{*}item").get("id") == "t1"
    c.close()


def test_what_comes_in_pieces_or_all_at_once_is_the_same(apache):
    whole = UPGRADE + frame(OPEN)
    for step in (1, 7, len(whole)):
        with socket.create_connection(("127.0.0.1", apache.port),
                                      LIMIT) as s:
            for i in range(0, len(whole), step):
                s.sendall(whole[i:i + step])
            said = b""
            while b"</stream:features>" not in said:
                part = s.recv(65536)
                assert part, said
                said += part
            assert said.startswith(b"HTTP/1.1 101 ")


def test_a_stream_is_closed_from_both_sides(apache):
    c = Client(apache.port)
    c.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
    assert c.recv().tag.endswith("}close")
    with pytest.raises(Closed, match="close 1000"):
        c.text()


def test_the_status_page_counts(apache):
    before = apache.status()
    with pytest.raises(Closed):
        Client(apache.port, path="/xmpp?x", bind=False).raw(frame(b"x"))
        raise Closed
    c = Client(apache.port)
    now = apache.status()
    assert int(now["XMPPSocketsTotal"]) >= int(before["XMPPSocketsTotal"]) + 2
    assert int(now["XMPPSockets"]) >= 1
    assert int(now["XMPPBytesOut"]) > int(before["XMPPBytesOut"])
    assert now["XMPPServer"] == "up"
    assert b"<h2>XMPP over WebSocket</h2>" in apache.get("/server-status")[2]
    c.close()


def test_the_access_log_has_the_end(apache):
    c = Client(apache.port)
    c.close()

    def there():
        with open(apache.access_log, encoding="utf-8") as f:
            return re.search(r'"GET /xmpp HTTP/1.1" 101 [1-9]', f.read())
    until("it is in the access log", there)


# -- handshakes ------------------------------------------------------------------

@pytest.mark.parametrize("status,why,change", [
    (405, "WebSocket", {"method": "POST", "Content_Length": "0"}),
    (405, "WebSocket", {"method": "HEAD"}),
    (426, "version 13", {"Upgrade": None}),
    (426, "version 13", {"Upgrade": "h2c"}),
    (426, "version 13", {"Connection": "close"}),
    (426, "version 13", {"Sec_WebSocket_Version": "8"}),
    (426, "version 13", {"Sec_WebSocket_Version": None}),
    (400, "Key", {"Sec_WebSocket_Key": None}),
    (400, "Key", {"Sec_WebSocket_Key": "c2hvcnQ="}),
    (400, "subprotocol", {"Sec_WebSocket_Protocol": None}),
    (400, "subprotocol", {"Sec_WebSocket_Protocol": "XMPP, mqtt"}),
    (400, "body", {"Content_Length": "3", "body": b"abc"}),
    (400, "body", {"Transfer_Encoding": "chunked",
                   "body": b"0\r\n\r\n"}),
    (403, "origin", {"Origin": "null"}),
    (403, "origin", {"Origin": "https://evil.example"}),
    (403, "origin", {"Origin": "https://localhost"}),
    (403, "origin", {"Origin": "https://books.example.org.evil.example"}),
    (101, "", {"Origin": "http://localhost"}),
    (101, "", {"Origin": "https://books.example.org"}),
    (101, "", {"Sec_WebSocket_Protocol": "mqtt, xmpp"}),
    (101, "", {"Sec_WebSocket_Extensions": "permessage-deflate"}),
])
def test_a_handshake(apache, status, why, change):
    before = int(apache.status()["XMPPRefused"])
    got, head = ask(apache.port, **change)
    assert got == status, head
    if status == 101:
        assert b"Sec-WebSocket-Protocol: xmpp" in head
        assert b"Sec-WebSocket-Extensions" not in head
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        return
    assert b"Connection: close" in head
    if status == 426:
        assert b"Upgrade: websocket" in head
        assert b"Sec-WebSocket-Version: 13" in head
    if status == 405:
        assert b"Allow: GET" in head
    assert int(apache.status()["XMPPRefused"]) == before + 1
    apache.logged(f"refused with {status}")
    apache.logged(why)


def test_http2_has_no_websocket_here(tmp_path):
    """Not even RFC 8441's, should mod_http2 offer it."""
    with Server() as server, Apache(
            str(tmp_path), server.name, modules=("http2",),
            main="Protocols h2c http/1.1\nH2WebSockets on") as a:
        for request in ([(":method", "GET")],
                        [(":method", "CONNECT"), (":protocol", "websocket"),
                         ("sec-websocket-version", "13"),
                         ("sec-websocket-protocol", "xmpp")]):
            answer = ask_http2(a.port, *request)
            assert answer[b":status"] == b"426"
            assert answer[b"sec-websocket-version"] == b"13"
        a.logged("refused with 426", 2)


@pytest.mark.parametrize("change", [
    {"Content_Length": "3", "Transfer_Encoding": "chunked"},
    {"Content_Length": "3, 4"}, {"Transfer_Encoding": "chunked, gzip"},
    {"X_Folded": "a\r\n b\x00c"}, {"X_Long": "a" * 20000},
    {f"X-{i}": "a" for i in range(200)}])
def test_smuggling_and_floods_are_refused(apache, change):
    """By Apache itself, or by the module: never with 101."""
    before = apache.count('" 400 ', True) + apache.count('" 501 ', True)
    status, head = ask(apache.port, **change, body=b"GET /xmpp HTTP/1.1\r\n")
    assert status in (400, 501), head
    assert b"Connection: close" in head
    until("it is in the access log", lambda: apache.count(
        '" 400 ', True) + apache.count('" 501 ', True) > before)


@pytest.mark.parametrize("change", [
    (b"version: 13", b"version: 8"), (b"Upgrade: websocket\r\n", b""),
    (b"protocol: xmpp", b"protocol: mqtt"), (b"GET /xmpp", b"HEAD /xmpp"),
    (b"Host: localhost", b"Host: localhost\r\nOrigin: https://evil.example"),
    (b"Host: localhost", b"Host: localhost\r\nContent-Length: 4"),
    (b"Host: localhost", b"Host: localhost\r\nTransfer-Encoding: chunked")])
def test_what_follows_a_refused_handshake_is_nobodys(apache, change):
    """A proxy that took the refusal for an upgrade would pass it on as a
    client's bytes."""
    secret = b"GET /server-status?auto HTTP/1.1\r\nHost: localhost\r\n\r\n"
    request = re.sub(b"(?i)" + re.escape(change[0]), change[1], UPGRADE)
    assert request != UPGRADE
    before = apache.count("refused with 4")
    with socket.create_connection(("127.0.0.1", apache.port), LIMIT) as s:
        s.sendall(request + secret * 2)
        said = b""
        while part := s.recv(65536):
            said += part
    assert said.count(b"HTTP/1.1 ") == 1 and said.startswith(b"HTTP/1.1 4")
    assert b"XMPPSockets" not in said
    apache.logged("refused with 4", before + 1)


# -- frames ----------------------------------------------------------------------

WORDS = {1002: "a broken frame", 1003: "a binary frame",
         1007: "a message that is not UTF-8", 1009: "policy-violation"}
FRAMES = [
    ("compressed", b"\xc1\x83\0\0\0\0abc", 1002),
    ("reserved opcode", b"\x83\x80\0\0\0\0", 1002),
    ("unmasked", b"\x81\x03abc", 1002),
    ("binary", frame(b"abc", 2), 1003),
    ("not UTF-8", frame(b"<a>\xff</a>"), 1007),
    ("huge", b"\x81\xff" + struct.pack("!Q", 1 << 40) + b"\0\0\0\0", 1009),
    ("too long", frame(b"a" * 300000), 1009),
    ("a ping in pieces", frame(b"", 9, False), 1002),
    ("a continuation of nothing", frame(b"abc", 0), 1002),
    ("a longer length than needed",
     b"\x81\xfe\0\x03\0\0\0\0abc", 1002),
]


@pytest.mark.parametrize("data,code", [f[1:] for f in FRAMES],
                         ids=[f[0] for f in FRAMES])
def test_bad_frames_have_their_close_code(apache, data, code):
    before = apache.count(WORDS[code])
    c = Client(apache.port)
    try:
        c.raw(data)
    except Closed:
        pass
    assert closes_with(c) == f"close {code}"
    c.close()
    apache.logged(WORDS[code], before + 1)


def test_a_message_in_fragments_is_one(apache):
    c = Client(apache.port)
    text = "<iq xmlns='jabber:client' type='get' id='f' to='localhost'>"
    c.raw(frame(text.encode(), 1, False)
          + frame(b"<ping xmlns='urn:xmpp:ping'/>", 0, False)
          + frame(b"", 9) + frame(b"</iq>", 0))
    assert c.answer("f").get("type") == "result"
    c.close()


@pytest.mark.parametrize("xml,said", [
    ("<iq", "not-well-formed"), ("hello", "not-well-formed"),
    ("<!DOCTYPE a><a/>", "restricted-xml"),
    ("<message/>", "invalid-namespace"),
    ("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
     "unsupported-stanza-type"),
    ("</stream:stream>", "not-well-formed"),
    ("<iq xmlns='jabber:client'/></stream:stream>", "not-well-formed")])
def test_bad_stanzas_end_the_stream(apache, xml, said):
    c = Client(apache.port)
    c.send(xml)
    error = c.recv()
    assert error.tag.endswith("}error") and error[0].tag.endswith(said)
    assert c.recv().tag.endswith("}close")
    assert closes_with(c) == "close 1000"
    c.close()
    apache.logged(said)


# -- the server ------------------------------------------------------------------

def test_large_stanzas_pass_both_ways(tmp_path):
    with Server() as server, Apache(str(tmp_path), server.name) as a:
        c, s = opened(a, server)
        for n in (1, 120, 60000, 120000):
            echo(c, s, "\u00e9" * n)
        c.close()
        s.close()


def test_without_a_server_there_is_503(tmp_path):
    port = free_port()
    with Apache(str(tmp_path), f"tcp://127.0.0.1:{port}") as a:
        assert ask(a.port)[0] == 503
        assert ask(a.port)[0] == 503
        a.logged("has stopped", 2)
        assert a.status()["XMPPServer"] == "down"
        with open(a.error_log, encoding="utf-8") as f:
            assert f.read().count("xmpp:error") <= 3  # told once, refused twice


def test_a_socket_that_is_missing_or_of_another(tmp_path, public_dir):
    path = os.path.join(public_dir, "c2s.sock")
    with Apache(str(tmp_path), f"unix:{path} user=nobody") as a:
        status, head = ask(a.port)
        assert status == 503 and b"Retry-After" in head
        a.logged("no XMPP server is at unix:")
        with Server(path):
            os.chmod(path, 0o600)
            if os.geteuid() == 0:
                assert ask(a.port)[0] == 503
                a.logged("may not open")
            os.chmod(path, 0o666)
            assert ask(a.port)[0] == 503
            a.logged("is not of the user that XMPPServer names")


def test_a_server_that_stalls_is_given_up(tmp_path):
    with Server() as server, Apache(
            str(tmp_path), server.name, more="XMPPTimeout 1") as a:
        c = Client(a.port, bind=False)
        s = server.accept()
        c.send(OPEN)
        assert c.recv().tag.endswith("}open")
        error = c.recv()
        assert error[0].tag.endswith("}remote-connection-failed")
        assert closes_with(c) == "close 1000"
        a.logged("it did not answer in time")
        s.close()
        c = Client(a.port, bind=False)  # says nothing at all
        c.recv()
        assert c.recv()[0].tag.endswith("}connection-timeout")
        c.close()


def test_a_server_that_reads_no_more_is_given_up(tmp_path):
    with Server() as server, Apache(
            str(tmp_path), server.name, more="XMPPTimeout 1") as a:
        c, s = opened(a, server)
        body = b"<message xmlns='jabber:client'>" + b"a" * 200000 + \
            b"</message>"

        def flood():
            try:
                for _ in range(200):
                    c.sock.sendall(frame(body))
            except OSError:
                pass
        thread = threading.Thread(target=flood)
        thread.start()
        while True:
            e = c.recv()
            if e.tag.endswith("}error"):
                break
        assert e[0].tag.endswith("}remote-connection-failed")
        a.logged("it takes nothing any more")
        c.sock.shutdown(socket.SHUT_RDWR)
        thread.join(LIMIT)
        c.close()
        s.close()


def test_a_server_that_goes_is_told_the_client(tmp_path):
    with Server() as server, Apache(str(tmp_path), server.name) as a:
        c, s = opened(a, server)
        s.close()
        error = c.recv()
        assert error[0].tag.endswith("}remote-connection-failed")
        assert closes_with(c) == "close 1000"
        a.logged("it closed the connection")
        c, s = opened(a, server)
        a.logged("is up again")
        s.sendall(b"<stream:error><system-shutdown xmlns='urn:ietf:params:"
                  b"xml:ns:xmpp-streams'/></stream:error></stream:stream>")
        assert c.recv()[0].tag.endswith("}system-shutdown")
        assert closes_with(c) == "close 1000"
        s.close()


def test_what_is_no_xmpp_server_is_said(tmp_path):
    with Server() as server, Apache(str(tmp_path), server.name) as a:
        c = Client(a.port, bind=False)
        s = server.accept()
        c.send(OPEN)
        read_until(s, b">")
        s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert c.recv().tag.endswith("}open")
        assert c.recv()[0].tag.endswith("}remote-connection-failed")
        c.close()
        a.logged("stream is malformed")
        s.close()


def test_a_client_that_is_cut_off_does_not_end_the_stream(tmp_path):
    """The server hears no </stream:stream>: the session may be resumed."""
    with Server() as server, Apache(str(tmp_path), server.name) as a:
        c, s = opened(a, server)
        c.send("<message xmlns='jabber:client' id='last'/>")
        c.close()
        said = b""
        while part := s.recv(65536):
            said += part
        assert said == b'<message id="last"/>'
        s.close()


def test_the_servers_own_words_for_the_proxy_protocol(tmp_path):
    with Server() as server, Apache(
            str(tmp_path), server.name, more="XMPPProxyProtocol on") as a:
        c = Client(a.port, bind=False)
        s = server.accept()
        head = s.recv(28, socket.MSG_WAITALL)
        assert head[:12] == b"\r\n\r\n\0\r\nQUIT\n"
        assert head[12:16] == b"\x21\x11\0\x0c"
        assert head[16:24] == b"\x7f\0\0\1\x7f\0\0\1"
        assert struct.unpack("!HH", head[24:]) == (
            c.sock.getsockname()[1], a.port)
        c.send(OPEN)
        assert read_until(s, b">").startswith(b"<?xml")
        c.close()
        s.close()


def test_the_service_knows_the_clients_address(tmp_path):
    port = free_port()
    with Service("bookcase-c", "--c2s-proxy", f"127.0.0.1:{port}",
                 "--allow-plain") as s, Apache(
            str(tmp_path), f"tcp://127.0.0.1:{port}", modules=("remoteip",),
            more="XMPPProxyProtocol on",
            main="RemoteIPHeader X-Forwarded-For\n"
                 "RemoteIPInternalProxy 127.0.0.1") as a:
        c = Client(a.port, headers="X-Forwarded-For: 192.0.2.7\r\n")
        assert "192.0.2.7" in s.ctl("sessions").stdout
        c.close()
        c = Client(a.port, headers="X-Forwarded-For: 2001:db8::7\r\n")
        assert "2001:db8::7" in s.ctl("sessions").stdout
        c.close()


# -- clients that are slow, silent, fast, many --------------------------------------

def resident_kb(a: Apache) -> int:
    with open(f"/proc/{a.process.pid}/task/{a.process.pid}/children",
              encoding="utf-8") as f:
        pids = f.read().split()
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            total += int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
    return total


def test_a_slow_client_holds_up_nobody(tmp_path):
    """What the server says to it waits at the server; others go on; in the
    end it is given up."""
    message = b"<message><body>" + b"a" * 60000 + b"</body></message>"
    with Server() as server, Apache(
            str(tmp_path), server.name, more="XMPPPing 1") as a:
        c, s = opened(a, server)
        other, t = opened(a, server)
        before = resident_kb(a)
        s.setblocking(False)
        sent, end = 0, time.monotonic() + LIMIT
        idle_since = time.monotonic()
        while time.monotonic() - idle_since < 0.5:
            assert time.monotonic() < end
            try:
                sent += s.send(message[sent % len(message):])
                idle_since = time.monotonic()
            except BlockingIOError:
                t.sendall(b"<message id='m'/>")
                assert other.recv().get("id") == "m"
        assert sent < 64 << 20
        if not os.environ.get("MOD_XMPP_PRELOAD"):  # ASan keeps what is freed
            assert resident_kb(a) - before < 4096
        a.logged("the client takes nothing any more")
        for one in (c, other, s, t):
            one.close()


def test_a_client_that_answers_no_ping_is_ended(tmp_path):
    with Server() as server, Apache(
            str(tmp_path), server.name, more="XMPPPing 1") as a:
        dead, s = opened(a, server)
        alive, t = opened(a, server)
        thread = threading.Thread(target=lambda: alive.recv())
        thread.start()  # which answers pings
        assert s.recv(1) == b""
        a.logged("did not answer a ping")
        assert dead.sock.recv(2) == b"\x89\0"
        t.sendall(b"<message/>")
        thread.join(LIMIT)
        for one in (dead, alive, s, t):
            one.close()


def test_a_client_may_say_so_much_a_second(tmp_path):
    with Server() as server, Apache(
            str(tmp_path), server.name, more="XMPPRate 100000") as a:
        c, s = opened(a, server)
        began = time.monotonic()
        message = frame(b"<message xmlns='jabber:client'>" + b"a" * 9960
                        + b"</message>")
        thread = threading.Thread(target=lambda: c.raw(message * 25))
        thread.start()
        heard = 0
        while heard < 249000:
            heard += len(s.recv(65536))
        assert time.monotonic() - began > 1.2
        thread.join(LIMIT)
        c.close()
        s.close()


def test_only_so_many_websockets(tmp_path):
    with Server() as server, Apache(
            str(tmp_path), server.name, main="XMPPMaxConnections 2") as a:
        first, second = Client(a.port, bind=False), Client(a.port, bind=False)
        status, head = ask(a.port)
        assert status == 503 and b"Retry-After: 5" in head
        a.logged("too many WebSockets")
        first.close()
        until("there is room again", lambda: ask(a.port)[0] == 101)
        second.close()


# -- host-meta -------------------------------------------------------------------------

def test_the_websocket_is_found_by_the_domain(apache):
    status, headers, body = apache.get("/.well-known/host-meta")
    url = f"ws://127.0.0.1:{apache.port}/xmpp"
    assert status == 200 and f"href='{url}'" in body.decode()
    assert headers["access-control-allow-origin"] == "*"
    assert headers["content-type"].startswith("application/xrd+xml")
    status, headers, body = apache.get("/.well-known/host-meta.json",
                                       Host="books.example")
    assert b'"href":"wss://books.example/xmpp"' in body
    assert apache.ask("POST", "/.well-known/host-meta")[0] == 405


@pytest.mark.parametrize("conf,why", [
    ("XMPPServer books.example", "unix:/PATH or tcp://HOST:PORT"),
    ("XMPPServer unix:relative", "unix:/PATH or tcp://HOST:PORT"),
    ("XMPPServer tcp://127.0.0.1:1:2", "not HOST:PORT"),
    ("XMPPServer unix:/x user=nobodyatall", "no user is called"),
    ("XMPPOrigin books.example", "is no origin"),
    ("XMPPOrigin https://books.example/", "is no origin"),
    ("XMPPTLS sometimes", "never, offered or required"),
    ("XMPPCAFile /nonexistent", "XMPPCAFile /nonexistent"),
    ("XMPPMaxFrame 5", "from 10000"), ("XMPPPing often", "XMPPPing is a"),
])
def test_a_wrong_directive_is_named(tmp_path, conf, why):
    with pytest.raises(AssertionError, match=re.escape(why)):
        with Apache(str(tmp_path), "tcp://127.0.0.1:5222", more=conf):
            pass


# -- other ways to run ---------------------------------------------------------------------

@pytest.mark.parametrize("mpm", ["worker", "prefork"])
def test_an_mpm_without_suspended_requests(service, tmp_path, mpm):
    threads = ("StartServers 4\nMaxRequestWorkers 8\n" if mpm == "prefork"
               else "StartServers 1\nServerLimit 1\nThreadsPerChild 8\n"
               "MaxRequestWorkers 8\n")
    with Apache(str(tmp_path), f"tcp://127.0.0.1:{service.c2s}",
                mpm_name=mpm, mpm=threads) as a:
        a.logged("holds one of its threads or processes")
        one, two = Client(a.port), Client(a.port)
        assert one.ping().get("type") == "result"
        assert two.ping().get("type") == "result"
        assert a.status()["XMPPSockets"] == "2"
        one.close()
        until("its thread is free", lambda: a.status()["XMPPSockets"] == "1")
        two.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
        assert closes_with(two) == "close 1000"
        two.close()
        until("its thread is free", lambda: a.status()["XMPPSockets"] == "0")
        with open(a.access_log, encoding="utf-8") as f:
            assert f.read().count('"GET /xmpp HTTP/1.1" 101 ') == 2


def test_it_is_the_same_behind_tls(service, authority, tmp_path):
    port = free_port()
    pair = (authority.path("localhost", "crt"),
            authority.path("localhost", "key"))
    with Server() as server, Apache(
            str(tmp_path), f"tcp://127.0.0.1:{service.c2s}", tls=pair,
            main=f'<Location "/proxy">\nSetHandler xmpp\n'
                 f"XMPPServer {server.name}\nXMPPProxyProtocol on\n"
                 "</Location>", port=port) as a:
        c = Client(a.port, tls=unverified())
        assert c.ping().get("type") == "result"
        c.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
        assert closes_with(c) == "close 1000"
        assert c.sock.recv(1) == b""  # TLS said its end
        d = Client(a.port, tls=unverified(), bind=False, path="/proxy")
        s = server.accept()
        head = s.recv(16, socket.MSG_WAITALL)
        rest = s.recv(struct.unpack("!H", head[14:])[0], socket.MSG_WAITALL)
        assert rest[12] == 0x20 and rest[15] & 1
        assert b"TLSv1.3" in rest
        d.send(OPEN)
        read_until(s, b">")
        s.sendall(HEADER + FEATURES)
        d.recv(), d.recv()
        for n in (1, 4000, 100000):
            echo(d, s, "\u00e9" * n)
        d.close()
        s.close()
        c.close()
