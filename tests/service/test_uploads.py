# SPDX-License-Identifier: MIT
"""Files that people send: slots (XEP-0363), PUT, GET, quotas, forms."""
from __future__ import annotations

import os
import re
import socket
import urllib.parse

import pytest

from service import Service, until
from wire import Client, condition, esc

UP = "urn:xmpp:http:upload:0"
PASSWORD = "R0saline-1"


def person(s: Service, name: str = "juliet", add: bool = True) -> Client:
    if add:
        s.ctl("adduser", name, stdin=PASSWORD + "\n")
    c = Client(s.port, bind=False)
    c.open()
    ok = c.auth("PLAIN", b"\0" + name.encode() + b"\0" + PASSWORD.encode())
    assert ok.tag.endswith("success"), ok.tag
    c.open()
    c.bind()
    return c


def ask(c: Client, name: str, size: int, kind: str | None = None):
    more = "" if kind is None else f" content-type='{esc(kind)}'"
    return c.iq("get", f"<request xmlns='{UP}' filename='{esc(name)}'"
                       f" size='{size}'{more}/>")


def slot(c: Client, name: str, size: int, kind: str | None = None):
    answer = ask(c, name, size, kind)
    assert answer.get("type") == "result", condition(answer)
    s = answer.find(f"{{{UP}}}slot")
    return s.find(f"{{{UP}}}put").get("url"), s.find(f"{{{UP}}}get").get("url")


def http(s: Service, method: str, url: str, body: bytes = b"", head=()):
    """Status, headers, body: bytes as they are."""
    parts = urllib.parse.urlsplit(url)
    path = parts.path + ("?" + parts.query if parts.query else "")
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost",
             "Connection: close", *head]
    if method in ("PUT", "POST"):
        lines.append(f"Content-Length: {len(body)}")
    raw = s.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    top, _, rest = raw.partition(b"\r\n\r\n")
    status, *fields = top.decode().split("\r\n")
    headers = {k.lower(): v for k, v in
               (f.split(": ", 1) for f in fields)}
    return int(status.split()[1]), headers, rest


def kept(s: Service) -> list[str]:
    return sorted(os.listdir(os.path.join(s.data, "files")))


@pytest.fixture
def service():
    with Service("bookcase-c", "--allow-plain", "--max-upload", "2000000",
                 "--upload-quota", "3", "--upload-files", "5") as s:
        yield s


def put(s, c, name, body, kind=None):
    up, down = slot(c, name, len(body), kind)
    head = [] if kind is None else [f"Content-Type: {kind}"]
    status, _, text = http(s, "PUT", up, body, head)
    assert status == 201, text
    return down


def test_a_file_goes_up_and_comes_down(service):
    c = person(service)
    info = c.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    text = "".join(e.get("var", "") + (e.text or "") for e in info.iter())
    assert UP in text and "max-file-size" in text and "2000000" in text
    body = os.urandom(1500000)
    down = put(service, c, "très cool.jpg", body, "image/jpeg")
    assert "tr%C3%A8s%20cool.jpg" in down
    status, head, got = http(service, "GET", down)
    assert status == 200 and got == body
    assert head["content-type"] == "image/jpeg"
    assert head["x-content-type-options"] == "nosniff"
    assert head["content-security-policy"] == "default-src 'none'; sandbox"
    assert head["content-disposition"].startswith("inline")
    status, head, got = http(service, "HEAD", down)
    assert (status, got) == (200, b"")
    assert head["content-length"] == str(len(body))
    assert http(service, "GET", down, head=[
        f"If-None-Match: {head['etag']}"])[0] == 304
    assert len(kept(service)) == 1


@pytest.mark.parametrize("asked, first, last", [
    ("bytes=0-9", 0, 9), ("bytes=90-", 90, 99), ("bytes=-5", 95, 99),
    ("bytes=10-500", 10, 99)])
def test_a_part_of_a_file_can_be_had(service, asked, first, last):
    body = bytes(range(100))
    down = put(service, person(service), "a.bin", body)
    status, head, got = http(service, "GET", down, head=[f"Range: {asked}"])
    assert status == 206 and got == body[first:last + 1]
    assert head["content-range"] == f"bytes {first}-{last}/100"


def test_a_range_that_is_none_is_not_heard_and_one_past_the_end_refused(
        service):
    down = put(service, person(service), "a.bin", bytes(100))
    for asked in ("bytes=5-1", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6"):
        assert http(service, "GET", down, head=[f"Range: {asked}"])[0] == 200
    status, head, _ = http(service, "GET", down, head=["Range: bytes=100-"])
    assert status == 416 and head["content-range"] == "bytes */100"


def test_a_slot_is_good_once_for_its_size_and_type(service):
    c = person(service)
    up, down = slot(c, "a.png", 4, "image/png")
    assert http(service, "PUT", up, b"12345",
                ["Content-Type: image/png"])[0] == 413
    assert http(service, "PUT", up, b"1234",
                ["Content-Type: image/png"])[0] == 404
    up, _ = slot(c, "a.png", 4, "image/png")
    assert http(service, "PUT", up, b"123",
                ["Content-Type: image/png"])[0] == 400
    up, _ = slot(c, "a.png", 4, "image/png")
    assert http(service, "PUT", up, b"1234",
                ["Content-Type: text/html"])[0] == 415
    up, down = slot(c, "a.png", 4, "image/png")
    assert http(service, "PUT", re.sub("/_up/.", "/_up/!", up), b"1234")[0] == 404
    assert http(service, "PUT", up + "x", b"1234")[0] == 404
    assert http(service, "GET", down)[0] == 404
    assert http(service, "PUT", up, b"1234",
                ["Content-Type: image/png"])[0] == 201
    assert http(service, "PUT", up, b"1234",
                ["Content-Type: image/png"])[0] == 404
    assert http(service, "GET", down)[2] == b"1234"
    status, head, _ = http(service, "OPTIONS", up)
    assert status == 204 and head["access-control-allow-origin"] == "*"


def test_what_is_too_large_or_past_the_quota_is_refused_as_the_xep_says(
        service):
    c = person(service)
    answer = ask(c, "a.bin", 2000001)
    error = answer.find("{jabber:client}error")
    assert error.get("type") == "modify"
    assert condition(answer) == "not-acceptable"
    large = error.find(f"{{{UP}}}file-too-large")
    assert large.find(f"{{{UP}}}max-file-size").text == "2000000"
    slot(c, "a.bin", 2000000)
    answer = ask(c, "b.bin", 2000000)
    error = answer.find("{jabber:client}error")
    assert error.get("type") == "wait"
    assert condition(answer) == "resource-constraint"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
                        error.find(f"{{{UP}}}retry").get("stamp"))
    for i in range(4):
        slot(c, f"{i}", 1)
    assert condition(ask(c, "6", 1)) == "resource-constraint"
    assert condition(ask(c, "a", 0)) == "bad-request"


def test_guests_get_no_slot_unless_the_operator_says_so(service):
    answer = ask(Client(service.port), "a.bin", 1)
    assert condition(answer) == "forbidden"
    with Service("bookcase-c", "--upload-guests") as s:
        put(s, Client(s.port), "a.bin", b"x")


@pytest.mark.parametrize("name, made", [
    ("../../etc/passwd", "passwd"), ("..\\..\\boot.ini", "boot.ini"),
    ("...", "file"), (".htaccess", "htaccess"),
    ("photo\u202egpj.exe", "photogpj.exe"), ("a\u200b\u00adb.txt", "ab.txt"),
    ("x" * 300 + ".tar", "x" * 116 + ".tar")])
def test_names_play_no_tricks(service, name, made):
    down = put(service, person(service), name, b"x")
    assert urllib.parse.unquote(down.rsplit("/", 1)[1]) == made
    assert all(re.fullmatch("[0-9a-f]{32}", f) for f in kept(service))


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "text/xml",
                                  "application/xhtml+xml",
                                  "application/octet-stream"])
def test_what_could_run_is_never_shown_in_line(service, kind):
    down = put(service, person(service), "a.html", b"<script>1</script>", kind)
    _, head, _ = http(service, "GET", down)
    assert head["content-disposition"].startswith("attachment")
    assert head["content-security-policy"] == "default-src 'none'; sandbox"
    assert head["x-content-type-options"] == "nosniff"


def test_a_kill_in_the_middle_leaves_nothing_half(service):
    c = person(service)
    whole = put(service, c, "whole.bin", b"whole")
    up, down = slot(c, "half.bin", 1000000)
    sock = socket.create_connection(("127.0.0.1", service.port))
    sock.sendall((f"PUT {urllib.parse.urlsplit(up).path} HTTP/1.1\r\n"
                  "Host: localhost\r\nContent-Length: 1000000\r\n\r\n"
                  ).encode() + bytes(400000))
    until("a part is there", lambda: any(
        f.endswith(".part") for f in kept(service)))
    service.kill()
    sock.close()
    assert len(kept(service)) == 2
    service.start()
    assert len(kept(service)) == 1
    assert http(service, "GET", whole)[2] == b"whole"
    assert http(service, "GET", down)[0] == 404


def test_who_hangs_up_leaves_nothing_and_gets_his_room_back(service):
    c = person(service)
    up, _ = slot(c, "half.bin", 2000000)
    sock = socket.create_connection(("127.0.0.1", service.port))
    sock.sendall((f"PUT {urllib.parse.urlsplit(up).path} HTTP/1.1\r\n"
                  "Host: localhost\r\nContent-Length: 2000000\r\n\r\n"
                  ).encode() + bytes(100000))
    until("a part is there", lambda: kept(service))
    sock.close()
    until("it is gone", lambda: not kept(service))
    slot(c, "again.bin", 2000000)


def test_administrators_list_and_delete_files(service):
    down = put(service, person(service), "a.txt", b"hello", "text/plain")
    listed = service.ctl("do", "uploads").stdout
    assert "juliet@localhost" in listed and "a.txt" in listed
    one = re.search("[0-9a-f]{32}", down).group()
    service.ctl("do", "uploads/delete", f"id={one}")
    assert http(service, "GET", down)[0] == 404
    until("the file is gone", lambda: not kept(service))


def test_files_go_with_their_account(service):
    down = put(service, person(service), "a.txt", b"hello")
    other = put(service, person(service, "romeo"), "b.txt", b"stays")
    service.ctl("do", "http://jabber.org/protocol/admin#delete-user",
                "accountjids=juliet@localhost")
    assert http(service, "GET", down)[0] == 404
    until("the file is gone", lambda: len(kept(service)) == 1)
    assert http(service, "GET", other)[2] == b"stays"


# -- forms without JavaScript -------------------------------------------------

PICTURES = os.path.join(os.environ["CONCORDANCE_BUILD"],
                        "tests/service/apps/pictures.so")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    with Service(PICTURES, "--upload-guests", "--max-upload", "3000000",
                 files=str(tmp_path_factory.mktemp("files"))) as s:
        yield s


def send(s, path, title, name, kind, data, boundary="----x0"):
    body = (f'--{boundary}\r\nContent-Disposition: form-data; name="title"'
            f"\r\n\r\n{title}\r\n--{boundary}\r\n"
            "Content-Disposition: form-data; "
            f'name="image"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
            ).encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return http(s, "POST", path, body, [
        f"Content-Type: multipart/form-data; boundary={boundary}"])


def test_the_form_says_what_may_be_chosen(pictures):
    for path in ("/", "/_do/look"):
        page = pictures.page(path)
        assert 'enctype="multipart/form-data"' in page
        tag = re.search(r'<input[^>]*type="file"[^>]*>', page).group()
        assert 'name="image"' in tag and 'accept="image/*"' in tag
    assert "data-form=" not in pictures.page("/")  # the browser sends it


def test_a_file_of_a_command_is_kept_and_its_address_is_the_value(pictures):
    data = os.urandom(20000)
    status, _, page = send(pictures, "/_do/look", "Yes", "a b.png",
                           "image/png", data)
    assert status == 200
    where = re.search(rb"http://[^<\"]*/_files/[^<\"]*", page).group().decode()
    assert where.endswith("/a%20b.png")
    assert http(pictures, "GET", where)[2] == data


@pytest.mark.parametrize("title, name, kind, size, said", [
    ("No", "a.png", "image/png", 10, "choose the file again"),
    ("Yes", "a.txt", "text/plain", 10, "Choose a picture."),
    ("Yes", "a.png", "image/png", 50001, "at most 50000 bytes"),
    ("Yes", "", "application/octet-stream", 0, "Image is needed"),
    ("", "a.png", "image/png", 10, "choose the file again")])
@pytest.mark.parametrize("path", ["/_do/look", "/?form=album"])
def test_a_refused_form_keeps_what_was_typed_and_no_file(
        pictures, path, title, name, kind, size, said):
    before = kept(pictures)
    status, _, page = send(pictures, path, title, name, kind, bytes(size))
    page = page.decode()
    assert status == 422 and said in page
    assert not title or f'value="{title}"' in page
    assert "/_files/" not in page
    until("the file is gone", lambda: kept(pictures) == before)


def test_a_file_of_a_page_s_form_is_in_the_record(pictures):
    data = os.urandom(30000)
    status, head, _ = send(pictures, "/?form=album", "Sea", "sea.jpg",
                           "image/jpeg", data)
    assert (status, head["location"]) == (303, "/")
    where = re.search(r"http://[^<\"]*/_files/[^<\"]*sea.jpg",
                      pictures.page("/")).group()
    assert http(pictures, "GET", where)[2] == data


def test_a_damaged_form_is_refused_and_keeps_nothing(pictures):
    before = kept(pictures)
    status, _, _ = http(pictures, "POST", "/_do/look", b"--b\r\nnonsense", [
        "Content-Type: multipart/form-data; boundary=b"])
    assert status == 400
    assert http(pictures, "POST", "/_do/look", b"{}",
                ["Content-Type: application/json"])[0] == 415
    assert send(pictures, "/_do/look", "Yes", "a.png", "image/png",
                bytes(4100000))[0] == 413
    assert kept(pictures) == before


def test_guests_send_no_files_with_forms_either(tmp_path):
    with Service(PICTURES, files=str(tmp_path)) as s:
        status, _, page = send(s, "/_do/look", "Yes", "a.png", "image/png",
                               b"x")
        assert status == 422 and b"Log in to send a file." in page
        assert not kept(s)
