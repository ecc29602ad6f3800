# SPDX-License-Identifier: MIT
"""Files of forms: to the disk as they come; and their addresses in records,
whatever way those come."""
from __future__ import annotations

import contextlib
import os
import re
import socket

import pytest

from service import Service, until
from test_uploads import PICTURES, http, kept, person, put, slot
from wire import Client, esc

B = "----x0"
TYPE = f"Content-Type: multipart/form-data; boundary={B}"
COMMANDS = "http://jabber.org/protocol/commands"
MB = 1 << 20


def text(name: str, value: str) -> bytes:
    return (f'--{B}\r\nContent-Disposition: form-data; name="{name}"'
            f"\r\n\r\n{value}\r\n").encode()


def head(field: str, name: str, kind: str) -> bytes:
    return (f'--{B}\r\nContent-Disposition: form-data; name="{field}"; '
            f'filename="{name}"\r\nContent-Type: {kind}\r\n\r\n').encode()


END = f"\r\n--{B}--\r\n".encode()


def post(s: Service, path: str, body: bytes, *more: str):
    status, fields, page = http(s, "POST", path, body, [TYPE, *more])
    return status, fields, page.decode("utf-8", "replace")


@contextlib.contextmanager
def begun(s: Service, path: str, length: int, *pieces: bytes):
    """A body of that length, of which these pieces have come so far."""
    with socket.create_connection(("127.0.0.1", s.port), 30) as sock:
        sock.sendall((f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
                      f"Connection: close\r\n{TYPE}\r\n"
                      f"Content-Length: {length}\r\n\r\n").encode())
        for piece in pieces:
            sock.sendall(piece)
        yield sock


def answer_of(sock) -> bytes:
    out = b""
    while chunk := sock.recv(65536):
        out += chunk
    return out


def where(page: str) -> list[str]:
    return re.findall(r"http://[^<\"]*/_files/[^<\"]*", page)


def size(s: Service) -> int:
    folder = os.path.join(s.data, "files")
    return sum(os.path.getsize(os.path.join(folder, f)) for f in kept(s))


@pytest.fixture
def films(tmp_path):
    with Service(PICTURES, "--upload-guests", "--allow-plain", "--max-upload",
                 "60000000", "--upload-quota", "200",
                 files=str(tmp_path)) as s:
        yield s


# -- as they come -------------------------------------------------------------

def memory(s: Service) -> int:
    """The most that the service ever had, in kB."""
    with open(f"/proc/{s.process.pid}/status", encoding="utf-8") as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read())[1])


def test_a_large_file_goes_to_the_disk_and_not_into_memory(films):
    def send(n: int, piece: bytes):
        top, total = head("film", "a.mp4", "video/mp4"), n * len(piece)
        length = len(top) + total + len(END)
        with begun(films, "/_do/show", length, top) as sock:
            for _ in range(n):
                sock.sendall(piece)
            sock.sendall(END)
            return answer_of(sock).decode()
    send(1, os.urandom(MB))
    before = memory(films)
    piece = os.urandom(MB)
    [url] = where(send(50, piece))
    assert memory(films) - before < 3000, "kB more"
    status, fields, part = http(films, "GET", url, head=[
        f"Range: bytes={49 * MB}-"])
    assert status == 206 and part == piece
    assert fields["content-range"].endswith(f"/{50 * MB}")


def test_bytes_are_on_the_disk_before_the_form_is_whole(films):
    top = head("film", "a.mp4", "video/mp4")
    with begun(films, "/_do/show", 10 * MB, top, bytes(2 * MB)) as sock:
        until("most of it is there", lambda: size(films) > MB)
        assert all(f.endswith(".part") for f in kept(films))
        sock.close()
        until("nothing is left", lambda: not kept(films))


@pytest.mark.parametrize("path, field, kind, sent", [
    ("/_do/show", "film", "text/plain", 2 * MB),     # not of that type
    ("/_do/look", "image", "image/png", 2 * MB),     # too large for its field
    ("/_do/staff", "film", "video/mp4", 2 * MB),     # not his to run
    ("/_do/nothing", "film", "video/mp4", 2 * MB),   # no such command
    ("/", "film", "video/mp4", 2 * MB),              # no form
    ("/?form=nothing", "film", "video/mp4", 2 * MB),
    ("/_do/show", "title", "video/mp4", 2 * MB)])    # no field for files
def test_what_is_refused_is_never_written_or_goes_before_the_end(
        films, path, field, kind, sent):
    top = head(field, "a.mp4", kind)
    total = len(top) + sent + len(END)
    with begun(films, path, total, top, bytes(sent - 10)) as sock:
        # Another request is answered after what came of this one was read.
        until("nothing is there", lambda: films.get("/healthz")[0] == 200
              and not kept(films))
        sock.sendall(bytes(10) + END)
        status = int(answer_of(sock).split()[1])
    assert status in (303, 400, 403, 404, 405, 413, 422), status
    until("nothing is there", lambda: not kept(films))


def test_the_room_of_a_person_is_judged_while_the_file_comes(tmp_path):
    with Service(PICTURES, "--upload-guests", "--max-upload", "10000000",
                 "--upload-quota", "3", files=str(tmp_path)) as s:
        top = head("film", "a.mp4", "video/mp4")
        total = len(top) + 5 * MB + len(END)
        with begun(s, "/_do/show", total, top, bytes(4 * MB)) as sock:
            until("it is dropped", lambda: not kept(s)
                  and "upload" in s.page("/metrics")
                  and "concordance_uploads_refused_total 0\n"
                  not in s.page("/metrics"))
            sock.sendall(bytes(MB) + END)
            page = answer_of(sock).decode()
        assert "You may keep 3 MB of files here." in page
        assert "concordance_upload_bytes 0\n" in s.page("/metrics")
        # And there is room for one that fits.
        assert post(s, "/_do/show", top + bytes(2 * MB) + END)[0] == 200


def test_a_file_that_is_larger_than_any_may_be_is_refused(tmp_path):
    with Service(PICTURES, "--upload-guests", "--max-upload", "1000000",
                 files=str(tmp_path)) as s:
        top = head("film", "a.mp4", "video/mp4")
        status, _, page = post(s, "/_do/show", top + bytes(1000001) + END)
        assert status == 422 and "at most 1000000 bytes" in page
        assert not kept(s)
        length = 1000000 + (1 << 20) + 1
        with begun(s, "/_do/show", length, top) as sock:
            assert b" 413 " in answer_of(sock).split(b"\r\n")[0]


def test_several_files_in_one_form_are_all_kept_or_none(films):
    body = (text("title", "Both") + head("film", "a.mp4", "video/mp4")
            + b"one" + b"\r\n" + head("poster", "b.png", "image/png") + b"two")
    status, _, page = post(films, "/_do/show", body + END)
    assert status == 200 and len(kept(films)) == 2
    assert http(films, "GET", where(page)[0])[2] == b"one"
    # An empty one with a name is a file, one without is none.
    body = (head("film", "", "application/octet-stream") + b"\r\n"
            + head("poster", "b.png", "image/png"))
    assert post(films, "/_do/show", body + END)[0] == 200
    assert len(kept(films)) == 3
    body = (head("film", "a.mp4", "video/mp4") + bytes(MB) + b"\r\n"
            + head("poster", "b.png", "no type") + b"two")
    status, _, page = post(films, "/_do/show", body + END)
    assert status == 422 and "The content-type is none." in page
    until("none of them stays", lambda: len(kept(films)) == 3)


def test_a_form_that_breaks_off_or_is_damaged_keeps_nothing(films):
    good = head("film", "a.mp4", "video/mp4") + bytes(300000)
    for tail in (b"", b"\r\n--" + B.encode(), END + b"more",
                 b"\r\n--" + B.encode() + b"\r\nnonsense\r\n\r\nx" + END,
                 b"\r\n" + text("title", "\0") + END[2:],
                 b"\r\n" + text("title", "x" * 300000) + END[2:],
                 b"\r\n" + (text("title", "") * 300) + END[2:],
                 (b"\r\n" + head("poster", "a", "image/png")) * 20 + END):
        status, _, _ = post(films, "/_do/show", good + tail)
        assert status in (400, 413), tail[:40]
        until("nothing is left", lambda: not kept(films))
    for kind in ("multipart/form-data", "multipart/form-data; boundary=",
                 "multipart/form-data; boundary=a; boundary=b"):
        assert http(films, "POST", "/_do/show", good + END, [
            f"Content-Type: {kind}"])[0] == 400
    assert "concordance_upload_bytes 0\n" in films.page("/metrics")


def test_a_kill_while_a_form_comes_leaves_nothing(films):
    top = head("film", "a.mp4", "video/mp4")
    with begun(films, "/_do/show", 10 * MB, top, bytes(2 * MB)):
        until("a part is there", lambda: size(films) > MB)
        films.kill()
    assert len(kept(films)) == 1
    films.start()
    assert not kept(films)


def test_a_stop_while_a_form_comes_is_clean(films):
    top = head("film", "a.mp4", "video/mp4")
    with begun(films, "/_do/show", 10 * MB, top, bytes(2 * MB)):
        until("a part is there", lambda: size(films) > MB)
        assert films.stop() == 0
    films.start()
    assert not kept(films)


def test_many_forms_at_once_go_their_ways(films):
    top = head("film", "a.mp4", "video/mp4")
    piece = os.urandom(300000)
    length = len(top) + 2 * len(piece) + len(END)
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(begun(films, "/_do/show", length, top,
                                           piece)) for _ in range(20)]
        until("all have begun", lambda: len(kept(films)) == 20)
        for i, sock in enumerate(socks):
            if i % 2:
                sock.close()
            else:
                sock.sendall(piece + END)
        urls = [where(answer_of(sock).decode())[0] for sock in socks[::2]]
    assert len(set(urls)) == 10
    until("the others are gone", lambda: len(kept(films)) == 10)
    assert all(http(films, "GET", url)[2] == piece * 2 for url in urls)


def test_a_form_from_another_site_sends_no_byte_to_the_disk(films):
    top = head("film", "a.mp4", "video/mp4")
    status, _, _ = post(films, "/_do/show", top + bytes(1000) + END,
                        "Origin: https://evil.example")
    assert status == 403 and not kept(films)


# -- addresses in records -----------------------------------------------------

def run(c: Client, node: str, **fields) -> tuple[str, str]:
    """Status and what was said of an ad-hoc command."""
    x = "".join(f"<field var='{k}'><value>{esc(v)}</value></field>"
                for k, v in fields.items())
    first = c.iq("set", f"<command xmlns='{COMMANDS}' node='{node}'"
                        " action='execute'/>")
    session = first.find(f"{{{COMMANDS}}}command").get("sessionid")
    answer = c.iq("set", f"<command xmlns='{COMMANDS}' node='{node}' "
                         f"sessionid='{session}' action='complete'>"
                         f"<x xmlns='jabber:x:data' type='submit'>{x}</x>"
                         "</command>")
    command = answer.find(f"{{{COMMANDS}}}command")
    return command.get("status"), " ".join(
        e.text or "" for e in command.iter() if e.text)


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """(service, client, a picture, a text file, a large picture)."""
    with Service(PICTURES, "--upload-guests", "--allow-plain",
                 files=str(tmp_path_factory.mktemp("files"))) as s:
        c = person(s)
        yield (s, c, put(s, c, "a b.png", b"png", "image/png"),
               put(s, c, "a.txt", b"text", "text/plain"),
               put(s, c, "big.png", bytes(50001), "image/png"))


def album_of(s: Service, url: str, check=True):
    return s.ctl("publish", "album", "<picture xmlns='urn:x-pictures'><title>"
                 f"T</title><image>{esc(url)}</image></picture>", check=check)


def test_an_upload_s_address_is_good_by_every_face(album):
    s, c, good, _, _ = album
    assert run(c, "look", title="Yes", image=good)[0] == "completed"
    album_of(s, good)
    done = s.ctl("do", "look", "title=Yes", f"image={good}")
    assert good in done.stdout
    assert s.post("/_do/look", title="Yes", image=good)[0] == 200
    assert s.post("/?form=album", title="Yes", image=good)[0] in (200, 303)


BAD = [("{text}", "Choose a picture."),
       ("{big}", "Image must have at most 50000 bytes, not 50001."),
       ("{own}/_files/00000000000000000000000000000000/a.png",
        "there is no such file here"),
       ("{good}x", "there is no such file here"),
       ("{good}?x=1", "there is no such file here"),
       ("{good}#x", "there is no such file here"),
       ("{own}/_files/../_files/x", "there is no such file here"),
       ("{own}/", "there is no such file here"),
       ("http://localhost/assets/a.png", "there is no such file here"),
       ("https://elsewhere.example/a.png", "files of other services"),
       ("http://localhost:1/_files/x/a.png", "files of other services"),
       ("http://localhost@elsewhere.example/_files/x", "other services"),
       ("xmpp:juliet@localhost", "files of other services"),
       ("javascript:alert(1)", "must be a file"),
       ("nonsense", "must be a file")]


@pytest.mark.parametrize("url, said", BAD)
def test_an_address_that_is_none_of_ours_or_breaks_the_rules_is_refused(
        album, url, said):
    s, c, good, kind, big = album
    url = url.format(good=good, text=kind, big=big, own=s.url.rstrip("/"))
    status, answer = run(c, "look", title="Yes", image=url)
    assert status == "executing" and said in answer
    done = album_of(s, url, check=False)
    assert done.returncode == 1 and (said in done.stderr
                                     or "image" in done.stderr)
    done = s.ctl("do", "look", "title=Yes", f"image={url}", check=False)
    assert done.returncode == 1 and said in done.stderr
    status, _, page = s.post("/_do/look", title="Yes", image=url)
    assert status == 422 and said in page


def test_a_promise_is_no_file_and_neither_is_one_that_was_deleted(album):
    s, c, *_ = album
    up, down = slot(c, "later.png", 3, "image/png")
    assert "no such file" in run(c, "look", title="Yes", image=down)[1]
    assert http(s, "PUT", up, b"png", ["Content-Type: image/png"])[0] == 201
    assert run(c, "look", title="Yes", image=down)[0] == "completed"
    one = re.search("[0-9a-f]{32}", down).group()
    s.ctl("do", "uploads/delete", f"id={one}")
    assert "no such file" in run(c, "look", title="Yes", image=down)[1]


def test_a_field_may_take_what_is_at_places_that_it_names(album):
    _, c, _, kind, _ = album
    assert run(c, "show", film="https://films.example/a/b.mp4")[0] == \
        "completed"
    for url in ("https://films.example.evil/a.mp4", "http://films.example/a",
                "https://films.example:1/a", "https://x@films.example/"):
        assert "other services" in run(c, "show", film=url)[1]
    # Our own are judged there, too.
    assert "not taken here" in run(c, "show", film=kind)[1]
    # And nothing of it is a choice in the form.
    form = c.iq("set", f"<command xmlns='{COMMANDS}' node='show' "
                       "action='execute'/>")
    assert not list(form.iter("{jabber:x:data}option"))
