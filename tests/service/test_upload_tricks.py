# SPDX-License-Identifier: MIT
"""Files over TLS, the limits of all, and what strangers may say of them."""
from __future__ import annotations

import os
import re
import socket
import ssl
import threading
import urllib.parse

import pytest

from service import Service, until
from stranger import Pki
from test_uploads import PASSWORD, UP, ask, http, kept, person, put, slot
from wire import Client, condition, esc


# -- TLS ----------------------------------------------------------------------

@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """(service, how to trust it): its certificate is an authority's."""
    pki = Pki(tmp_path_factory.mktemp("pki"))
    pki.sign("localhost", "/CN=localhost", "DNS:localhost")
    trust = ssl.create_default_context(cafile=pki.path("ca"))
    with Service("bookcase-c", "--tls-cert", pki.path("localhost"),
                 "--tls-key", pki.path("localhost", "key"),
                 "--max-upload", "20000000") as s:
        s.ctl("adduser", "juliet", stdin=PASSWORD + "\n")
        yield s, trust


def juliet(s: Service, trust) -> Client:
    c = Client(s.port, bind=False, tls=trust)
    c.open()
    ok = c.auth("PLAIN", b"\0juliet\0" + PASSWORD.encode())
    assert ok.tag.endswith("success"), ok.tag
    c.open()
    c.bind()
    return c


def over_tls(s: Service, trust, method: str, url: str, body=b"",
             cut: int | None = None):
    """Status, headers, body; cut: the client leaves after so many bytes."""
    parts = urllib.parse.urlsplit(url)
    lines = [f"{method} {parts.path} HTTP/1.1", "Host: localhost",
             "Connection: close"]
    if method == "PUT":
        lines.append(f"Content-Length: {len(body)}")
    raw = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    with socket.create_connection(("127.0.0.1", s.port), 30) as sock, \
            trust.wrap_socket(sock, server_hostname="localhost") as tls:
        tls.sendall(raw[:cut])
        out = b""
        while cut is None and (chunk := tls.recv(65536)):
            out += chunk
    if cut is not None:
        return None
    top, _, rest = out.partition(b"\r\n\r\n")
    status, *fields = top.decode().split("\r\n")
    return int(status.split()[1]), {k.lower(): v for k, v in (
        f.split(": ", 1) for f in fields)}, rest


def test_a_file_goes_up_and_comes_down_over_tls(secure):
    s, trust = secure
    c = juliet(s, trust)
    body = os.urandom(10000000)
    up, down = slot(c, "a.bin", len(body))
    assert up.startswith("https://") and down.startswith("https://")
    status, head, _ = over_tls(s, trust, "PUT", up, body)
    assert status == 201 and head["location"] == down
    status, head, got = over_tls(s, trust, "GET", down)
    assert status == 200 and got == body
    status, head, got = over_tls(s, trust, "HEAD", down)
    assert status == 200 and got == b""
    assert head["content-length"] == str(len(body))


def test_an_upload_over_tls_that_is_cut_leaves_nothing(secure):
    s, trust = secure
    before = kept(s)
    up, down = slot(juliet(s, trust), "b.bin", 5000000)
    over_tls(s, trust, "PUT", up, bytes(5000000), cut=2000000)
    until("nothing is left", lambda: kept(s) == before
          and over_tls(s, trust, "GET", down)[0] == 404)
    assert over_tls(s, trust, "PUT", up, bytes(5000000))[0] == 404


def test_a_plain_request_to_a_tls_port_gets_no_file(secure):
    s, _ = secure
    assert b"201" not in s.raw(b"PUT /_up/x/y HTTP/1.1\r\nHost: localhost\r\n"
                               b"Content-Length: 1\r\n\r\nx")


# -- limits -------------------------------------------------------------------

@pytest.fixture
def service():
    with Service("bookcase-c", "--allow-plain", "--max-upload", "2000000",
                 "--upload-quota", "3", "--upload-total", "5") as s:
        yield s


def test_all_together_have_a_limit_that_no_person_s_room_gets_past(service):
    first, second = person(service), person(service, "romeo")
    put(service, first, "a", bytes(2000000))
    put(service, second, "b", bytes(2000000))
    answer = ask(second, "c", 2000000)  # his own room is at its end
    assert condition(answer) == "resource-constraint"
    put(service, first, "d", bytes(1000000))
    third = person(service, "tybalt")
    answer = ask(third, "e", 300000)
    assert condition(answer) == "resource-constraint"
    assert "no room for more files" in "".join(answer.itertext())
    put(service, third, "f", bytes(200000))
    one = re.search(r"[0-9a-f]{32}", service.ctl("do", "uploads").stdout)[0]
    service.ctl("do", "uploads/delete", f"id={one}")
    slot(third, "e", 200000)


@pytest.mark.parametrize("size", [
    "0", "-1", "1e3", "0x10", " 5", "5 ", "", "9223372036854775807",
    "9223372036854775808", "18446744073709551616", "1" * 400, "٣"])
def test_sizes_that_are_none_or_huge_get_no_slot(service, size):
    c = person(service)
    answer = c.iq("get", f"<request xmlns='{UP}' filename='a' "
                         f"size='{size}'/>")
    assert condition(answer) in ("bad-request", "not-acceptable")
    assert c.ping().get("type") == "result"
    assert "concordance_upload_bytes 0\n" in service.page("/metrics")


def test_a_length_that_is_not_the_slots_is_refused_before_the_body(service):
    c = person(service)
    for length in ("99999999999999999999", "18446744073709551620", "-4",
                   "4, 4", "4x", "1000000000"):
        up, down = slot(c, "a", 4)
        path = urllib.parse.urlsplit(up).path
        answer = service.raw(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\n"
                             f"Content-Length: {length}\r\n\r\n".encode())
        assert answer.split(b" ")[1] in (b"400", b"413")
        assert http(service, "GET", down)[0] == 404
    up, _ = slot(c, "a", 4)
    path = urllib.parse.urlsplit(up).path
    assert b" 411 " in service.raw(
        f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
        "chunked\r\nConnection: close\r\n\r\n4\r\nabcd\r\n0\r\n\r\n".encode())
    assert not kept(service)


def test_a_slot_that_two_use_at_once_keeps_one_file(service):
    c = person(service)
    for _ in range(5):
        up, down = slot(c, "a.bin", 100000)
        got = []
        threads = [threading.Thread(target=lambda b=b: got.append(
            http(service, "PUT", up, bytes([b]) * 100000)[0]))
            for b in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert sorted(got) == [201, 404, 404, 404]
        body = http(service, "GET", down)[2]
        assert len(body) == 100000 and len(set(body)) == 1
    assert len(kept(service)) == 5


# -- names and types ----------------------------------------------------------

@pytest.mark.parametrize("name", [
    "a\"; filename=evil.exe", "a'b;c=d,e", "a\tb\nc", "%2e%2e%2fpasswd",
    "..%5c..%5cx", "CON", "a" * 5000, "\U0001f4da" * 200, "é" * 500 + ".pdf",
    "e\u0301" * 90 + ".jpeg", " . . ", "-rf", "~root", "a/b/c/", "<b>&amp;",
    "\u202e\u2066\ufeff", "a.b.c.d" * 60 + ".tar.gz", "\u2028x\u2029", "?x#y"])
def test_whatever_a_name_says_the_file_comes_back_by_its_address(
        service, name):
    down = put(service, person(service), name, b"x")
    made = urllib.parse.unquote(down.rsplit("/", 1)[1])
    assert 0 < len(made.encode()) <= 120 and not set(made) & set("/\\\r\n\0")
    status, head, got = http(service, "GET", down)
    assert (status, got) == (200, b"x")
    said = head["content-disposition"]
    assert re.fullmatch(r"attachment; filename\*=UTF-8''[A-Za-z0-9%._~-]+",
                        said)
    assert urllib.parse.unquote(said.split("''")[1]) == made
    assert all(re.fullmatch("[0-9a-f]{32}", f) for f in kept(service))


@pytest.mark.parametrize("kind, kept_as", [
    ("IMAGE/PNG", "image/png"), ("image/png; charset=x", "image/png"),
    ("text/html;image/png", "text/html"), ("", "application/octet-stream")])
def test_a_type_is_kept_without_its_parameters_in_lower_case(
        service, kind, kept_as):
    down = put(service, person(service), "a", b"x", kind)
    _, head, _ = http(service, "GET", down)
    assert head["content-type"].split(";")[0] == kept_as


@pytest.mark.parametrize("kind", [
    "image/png,text/html", "image", "image/", "/png", "image/png/x",
    "image /png", "*/*", "a/b\nX-Evil: 1", "a/b\"", "é/b", "a/" + "b" * 200])
def test_a_type_that_is_none_gets_no_slot(service, kind):
    answer = person(service).iq(
        "get", f"<request xmlns='{UP}' filename='a' size='1' "
               f"content-type='{esc(kind)}'/>")
    assert condition(answer) == "bad-request"


def test_only_the_whole_address_is_one(service):
    down = urllib.parse.urlsplit(put(service, person(service), "a b.txt",
                                     b"x", "text/plain")).path
    one = re.search("[0-9a-f]{32}", down)[0]
    for path in (f"/_files/{one}", f"/_files/{one}/", f"/_files/{one}/b.txt",
                 f"{down}/", f"{down}x", f"/_files/{one[:-1]}/a%20b.txt",
                 f"/_files/{one.upper()}/a%20b.txt" if not one.isdigit()
                 else "/_files/x", f"/_files//{one}/a%20b.txt",
                 f"/_files/x/../{one}/a%20b.txt", "/_files/", "/_files/..",
                 f"/_files/{one}.part/a%20b.txt"):
        assert http(service, "GET", path)[0] in (400, 404), path
    for method in ("POST", "PUT", "DELETE"):
        assert http(service, method, down)[0] in (400, 405, 413, 501)
    assert http(service, "GET", down)[2] == b"x"


def test_what_a_client_has_already_it_does_not_get_again(service):
    down = put(service, person(service), "a.bin", bytes(range(100)))
    tag = http(service, "HEAD", down)[1]["etag"]
    for known in (tag, f'"x", {tag}', f"W/{tag}"):
        status, head, got = http(service, "GET", down,
                                 head=[f"If-None-Match: {known}"])
        assert (status, got, head["etag"]) == (304, b"", tag)
    for known in ('"x"', "x", tag[:-2] + '"'):
        assert http(service, "GET", down,
                    head=[f"If-None-Match: {known}"])[0] == 200
    part = ["Range: bytes=10-19"]
    assert http(service, "GET", down, head=[*part, f"If-Range: {tag}"])[0:3:2] \
        == (206, bytes(range(10, 20)))
    status, _, got = http(service, "GET", down, head=[*part, 'If-Range: "x"'])
    assert status == 200 and len(got) == 100
    status, head, got = http(service, "HEAD", down, head=part)
    assert got == b"" and status in (200, 206)


@pytest.mark.parametrize("asked", [
    "bytes=18446744073709551615-", "bytes=-0", "bytes=100-200",
    "bytes=9223372036854775807-9223372036854775807"])
def test_a_range_past_the_end_says_how_large_the_file_is(service, asked):
    down = put(service, person(service), "a.bin", bytes(100))
    status, head, got = http(service, "GET", down, head=[f"Range: {asked}"])
    assert (status in (200, 416)) and (status == 200) == (len(got) == 100)
    if status == 416:
        assert head["content-range"] == "bytes */100"
