# SPDX-License-Identifier: MIT
"""Bodies of HTTP over the link that come and go in blocks (XEP-0047): forms
with files, files, pages that are large; who is slow, wrong or gone."""
from __future__ import annotations

import base64
import os
import socket
import threading

import pytest

from link import IBB, WEB, Answer, Link
from service import Service, book, until
from test_attack import sanitized
from test_form_files import B, END, MB, head, memory, where
from test_gate import figure, form
from test_uploads import PICTURES, kept
from wire import Closed, condition

MULTIPART = f"multipart/form-data; boundary={B}"


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    with Service(PICTURES, "--upload-guests", "--max-upload", "60000000",
                 "--upload-quota", "500",
                 files=str(tmp_path_factory.mktemp("films"))) as s:
        yield s


def fill(s: Service):
    """So many books that the page is past one block."""
    with Link(s.link) as c:
        names = [c.send("set", "<pubsub xmlns='http://jabber.org/protocol/"
                        "pubsub'><publish node='library'>"
                        f"<item id='i{i}'>{book(f'B{i}' + 'b' * 150)}</item>"
                        "</publish></pubsub>") for i in range(300)]
        assert all(c.answer(n).get("type") == "result" for n in names)
    until("all are there", lambda: "B299" in s.page("/"))


@pytest.fixture(scope="module")
def books():
    with Service("bookcase-c") as s:
        fill(s)
        yield s


@pytest.fixture(scope="module")
def hasty():
    """Waits two seconds where others do 75."""
    with Service("bookcase-c", env={"CONCORDANCE_STALL_S": "2"}) as s:
        fill(s)
        yield s


def send(link: Link, sid: str, pieces, size: int = 65535) -> None:
    """The blocks of a body, each once the one before was taken."""
    assert link.open(sid, size).get("type") == "result"
    seq, rest = 0, b""
    for piece in pieces:
        rest += piece
        while len(rest) >= size:
            assert link.data(sid, seq % 65536, rest[:size]).get("type") \
                == "result"
            seq, rest = seq + 1, rest[size:]
    if rest:
        assert link.data(sid, seq % 65536, rest).get("type") == "result"
    assert link.end(sid).get("type") == "result"


def posted(link: Link, path: str, pieces: list[bytes], kind: str = MULTIPART,
           more: dict | None = None, sid: str = "up") -> Answer:
    lines = {"Content-Type": kind,
             "Content-Length": str(sum(map(len, pieces))), **(more or {})}
    name = link.begin("POST", path, lines, sid)
    send(link, sid, pieces)
    return link.whole(Answer(link.answer(name)))


def upload(link: Link, n: int, piece: bytes) -> str:
    a = posted(link, "/_do/show",
               [head("film", "a.mp4", "video/mp4"), *([piece] * n), END])
    assert a.status in (200, 303), a.body
    [url] = where(a.body.decode())
    return "/" + url.split("/", 3)[3]


@pytest.mark.skipif(sanitized(), reason="memory of a sanitizer")
def test_a_file_of_fifty_megabytes_goes_up_and_down_in_little_memory(films):
    piece = os.urandom(MB)
    with Link(films.link, limit=60) as c:
        upload(c, 2, piece)
        c.get(upload(c, 1, piece))
        before = memory(films)
        path = upload(c, 50, piece)
        assert memory(films) - before < 4000, "kB more, up"
        taken = [0]

        def sink(block: bytes):
            at = taken[0] % MB
            assert block == (piece + piece)[at:at + len(block)]
            taken[0] += len(block)
        name = c.send("set", c.req("GET", path))
        a = Answer(c.answer(name))
        assert a.status == 200 and a["Content-Length"] == str(50 * MB)
        c.whole(a, sink)
        assert taken[0] == 50 * MB
        assert memory(films) - before < 4000, "kB more, down"


def test_a_part_of_a_file_and_what_is_only_its_head(films):
    piece = os.urandom(MB)
    with Link(films.link) as c:
        path = upload(c, 3, piece)
        a = c.get(path, {"Range": f"bytes={2 * MB}-"})
        assert a.status == 206 and a.body == piece
        assert a["Content-Range"] == f"bytes {2 * MB}-{3 * MB - 1}/{3 * MB}"
        a = c.ask("HEAD", path)
        assert a.status == 200 and a.sid is None and not a.has_data
        assert a["Content-Length"] == str(3 * MB)
        a = c.get(path, {"If-None-Match": a["ETag"]})
        assert a.status == 304 and a.sid is None
        # Nothing is left open.
        until("closed", lambda: not [
            f for f in os.listdir(f"/proc/{films.process.pid}/fd")
            if "/files/" in os.readlink(
                f"/proc/{films.process.pid}/fd/{f}")])


def test_a_slot_s_file_is_put_over_the_link(films):
    with Link(films.link) as c:
        answer = c.iq("get", "<request xmlns='urn:xmpp:http:upload:0' "
                      "filename='a.png' size='100000' "
                      "content-type='image/png'/>")
        put, get = (answer.find(f".//{{*}}{k}").get("url").split("/", 3)[3]
                    for k in ("put", "get"))
        data = os.urandom(100000)
        lines = {"Content-Type": "image/png", "Content-Length": "100000",
                 "Origin": "https://elsewhere.example"}
        name = c.begin("PUT", "/" + put, lines, "slot")
        send(c, "slot", [data], 4096)
        assert Answer(c.answer(name)).status == 201
        assert c.get("/" + get).body == data


def test_a_form_past_one_block_is_gathered(books):
    with Link(books.link) as c:
        title = "T" * 90
        body = form(title=title, author="A").encode() + b"&" * 150000
        a = posted(c, "/?form=library", [body],
                   "application/x-www-form-urlencoded")
        assert a.status == 303
        assert title.encode() in c.get("/").body


def test_a_page_past_one_block_comes_in_blocks_and_whole(books):
    with Link(books.link) as c:
        a = c.get("/")
        assert a.sid is not None and a.kept is not None
        assert len(a.body) == int(a["Content-Length"]) > 60000
        assert a.body == books.get("/")[2].encode()


def test_other_answers_do_not_wait_for_a_slow_reader(books):
    with Link(books.link) as c, Link(books.link) as other:
        slow = Answer(c.answer(c.send("set", c.req("GET", "/"))))
        assert slow.sid is not None
        opened = c.next_block(slow.sid)  # and is not answered
        for _ in range(20):
            assert c.ask("HEAD", "/").status == 200
            assert other.get("/healthz").status == 200
        c.raw(f"<iq type='result' id='{opened.get('id')}' to='localhost'/>")
        assert len(c.whole(slow).body) == int(slow["Content-Length"])


def test_a_body_that_nobody_takes_ends(hasty):
    with Link(hasty.link) as c:
        a = Answer(c.answer(c.send("set", c.req("GET", "/"))))
        before = figure(hasty, "gate_under_way")
        opened = c.next_block(a.sid)
        until("it is given up", lambda: figure(hasty, "gate_under_way")
              < before)
        assert any("gate.stalled" in line for line in hasty.log)
        c.raw(f"<iq type='result' id='{opened.get('id')}' to='localhost'/>")
        assert c.ask("HEAD", "/").status == 200


def test_a_reader_may_say_that_it_is_enough(books):
    with Link(books.link) as c:
        a = Answer(c.answer(c.send("set", c.req("GET", "/"))))
        assert c.block(a.sid).tag == f"{{{IBB}}}open"
        iq = c.next_block(a.sid)
        assert iq[0].tag == f"{{{IBB}}}data"
        c.raw(f"<iq type='error' id='{iq.get('id')}' to='localhost'>"
              "<error type='cancel'><item-not-found xmlns='urn:ietf:params:"
              "xml:ns:xmpp-stanzas'/></error></iq>")
        until("nothing is under way",
              lambda: figure(books, "gate_under_way") == 0)


# -- what is wrong ---------------------------------------------------------------

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("more, want", [
    ({"size": 65536}, "resource-constraint"), ({"size": 0}, "bad-request"),
    ({"size": "x"}, "bad-request"), ({"sid": "other"}, "not-acceptable"),
    ({"more": "stanza='message'"}, "not-acceptable")])
def test_a_stream_of_blocks_is_opened_rightly_or_not(books, more, want):
    with Link(books.link) as c:
        name = c.begin("POST", "/?form=library", URLENCODED, "up")
        kind = {"sid": "up", "size": 4096, **more}
        assert condition(c.open(kind["sid"], kind["size"],
                                kind.get("more", "stanza='iq'"))) == want
        send(c, "up", [form(title="O", author="A").encode()])
        assert Answer(c.answer(name)).status == 303
        assert condition(c.open("up")) == "not-acceptable"


@pytest.mark.parametrize("xml, want", [
    (f"<data xmlns='{IBB}' sid='up' seq='1'>AAAA</data>",
     "unexpected-request"),
    (f"<data xmlns='{IBB}' sid='up' seq='-1'>AAAA</data>",
     "unexpected-request"),
    (f"<data xmlns='{IBB}' sid='up'>AAAA</data>", "unexpected-request"),
    (f"<data xmlns='{IBB}' sid='up' seq='0'>*</data>", "bad-request"),
    (f"<data xmlns='{IBB}' sid='up' seq='0'>{'A' * 8000}</data>",
     "bad-request"),
    (f"<close xmlns='{IBB}' sid='up'/>", "bad-request")])  # too short
def test_a_block_that_is_wrong_ends_the_request(books, xml, want):
    with Link(books.link) as c:
        lines = {**URLENCODED, "Content-Length": "100"}
        name = c.begin("POST", "/?form=library", lines, "up")
        assert c.open("up", 4096).get("type") == "result"
        assert condition(c.iq("set", xml)) == want
        assert Answer(c.answer(name)).error == "bad-request"
        assert condition(c.data("up", 0, b"x")) == "item-not-found"
        assert condition(c.end("up")) == "item-not-found"


def test_a_body_that_was_cut_is_nobody_s(books):
    with Link(books.link) as c:
        name = c.begin("POST", "/?form=library", URLENCODED, "up")
        c.open("up")
        c.data("up", 0, b"title=Cut&author=A")
        answer = c.iq("set", f"<close xmlns='{IBB}' sid='up' "
                      f"xmlns:w='{WEB}' w:broken='true'/>")
        assert answer.get("type") == "result"
        assert Answer(c.answer(name)).error == "recipient-unavailable"
    assert "Cut" not in books.get("/")[2]


def test_a_body_that_is_longer_than_it_said_ends_the_request(books):
    with Link(books.link) as c:
        lines = {**URLENCODED, "Content-Length": "3"}
        name = c.begin("POST", "/?form=library", lines, "up")
        c.open("up")
        assert condition(c.data("up", 0, b"xxxx")) == "bad-request"
        assert Answer(c.answer(name)).error == "bad-request"


def test_blocks_that_do_not_wait_for_their_answers_do_no_harm(films):
    """Taken as long as the disk keeps up with them; else the request ends."""
    with Link(films.link) as c:
        lines = {"Content-Type": MULTIPART, "Content-Length": str(40 * MB)}
        name = c.begin("POST", "/_do/show", lines, "up")
        c.open("up", 65535)
        blocks = [head("film", "a.mp4", "video/mp4")] + [bytes(65535)] * 200
        before = memory(films)
        xml = "".join(
            f"<iq type='set' id='d{i}' to='localhost'>"
            f"<data xmlns='{IBB}' sid='up' seq='{i}'>{b64(b)}</data></iq>"
            for i, b in enumerate(blocks))
        writer = threading.Thread(target=lambda: c.raw(xml))
        writer.start()
        kinds = [c.answer(f"d{i}").get("type") for i in range(len(blocks))]
        writer.join()
        assert kinds == sorted(kinds, reverse=True)  # results, then errors
        c.end("up")
        assert Answer(c.answer(name)).error == "bad-request"
        if not sanitized():
            assert memory(films) - before < 6000, "kB more"
        until("nothing stays", lambda: not [
            f for f in kept(films) if f.endswith(".part")])


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_body_without_a_length_is_gathered_up_to_a_megabyte(books):
    with Link(books.link) as c:
        name = c.begin("POST", "/?form=library", URLENCODED, "up")
        c.open("up", 65535)
        for i in range(16):
            assert c.data("up", i, b"x" * 65535).get("type") == "result"
        assert condition(c.data("up", 16, b"x" * 65535)) \
            == "resource-constraint"
        assert Answer(c.answer(name)).status == 413
        assert condition(c.end("up")) == "item-not-found"


def test_a_length_that_is_too_large_is_answered_at_once(books):
    with Link(books.link) as c:
        lines = {**URLENCODED, "Content-Length": str(2 * MB)}
        name = c.begin("POST", "/?form=library", lines, "up")
        assert Answer(c.answer(name)).status == 413
        assert condition(c.open("up")) == "not-acceptable"


def test_a_body_that_does_not_come_ends(hasty):
    with Link(hasty.link) as c:
        one = c.begin("POST", "/?form=library", URLENCODED, "one")
        two = c.begin("POST", "/?form=library", URLENCODED, "two")
        c.open("two")
        c.data("two", 0, b"title=x")
        assert Answer(c.answer(one)).error == "remote-server-timeout"
        assert Answer(c.answer(two)).error == "remote-server-timeout"


# -- limits ----------------------------------------------------------------------

def test_so_many_requests_at_once_and_no_more(hasty):
    with Link(hasty.link) as c:
        names = [c.begin("POST", "/?form=library", URLENCODED, f"s{i}")
                 for i in range(256)]
        assert c.get("/").error == "resource-constraint"
        with Link(hasty.link) as other:  # each link has its own
            assert other.ask("HEAD", "/").status == 200
        until("they are given up", lambda: c.ask("HEAD", "/").status == 200)
        assert all(Answer(c.answer(n)).error == "remote-server-timeout"
                   for n in names)


def test_many_answers_under_way_do_not_end_the_link(books):
    with Link(books.link) as c:
        names = [c.send("set", c.req("GET", "/")) for _ in range(200)]
        answers = [Answer(c.answer(n)) for n in names]
        sizes = {len(c.whole(a).body) for a in answers if a.status == 200}
        assert len(sizes) == 1 and all(a.status == 200 for a in answers)


# -- gone ------------------------------------------------------------------------

def test_a_link_that_ends_in_the_middle_leaves_nothing(films):
    piece = os.urandom(MB)
    with Link(films.link) as c:
        path = upload(c, 3, piece)
    before = kept(films)
    for step in range(6):
        c = Link(films.link)
        lines = {"Content-Type": MULTIPART, "Content-Length": str(4 * MB)}
        c.begin("POST", "/_do/show", lines, "up")
        if step > 0:
            c.open("up")
        if step > 1:
            c.data("up", 0, head("film", "a.mp4", "video/mp4"))
        if step > 2:
            c.data("up", 1, bytes(65000))
        if step > 3:
            a = Answer(c.answer(c.send("set", c.req("GET", path))))
            c.block(a.sid)
        if step > 4:
            c.block(a.sid)
        c.close()
    until("nothing is under way",
          lambda: figure(films, "gate_under_way") == 0
          and figure(films, "gate_links") == 0)
    until("nothing stays", lambda: kept(films) == before)
    until("all is closed", lambda: not [
        f for f in os.listdir(f"/proc/{films.process.pid}/fd")
        if "/files/" in os.readlink(f"/proc/{films.process.pid}/fd/{f}")])


def test_the_service_stops_in_the_middle(tmp_path):
    with Service(PICTURES, "--upload-guests", files=str(tmp_path)) as s:
        c = Link(s.link)
        path = upload(c, 1, os.urandom(MB))
        lines = {"Content-Type": MULTIPART, "Content-Length": str(4 * MB)}
        c.begin("POST", "/_do/show", lines, "up")
        c.open("up")
        c.data("up", 0, head("film", "a.mp4", "video/mp4"))
        c.data("up", 1, bytes(65000))
        a = Answer(c.answer(c.send("set", c.req("GET", path))))
        c.block(a.sid)
        assert s.stop() == 0
        with pytest.raises((Closed, socket.timeout)):
            while True:
                c.block(a.sid)
        c.close()
