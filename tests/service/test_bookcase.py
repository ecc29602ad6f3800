# SPDX-License-Identifier: MIT
"""The bookcase, end to end, in C and in Python, as a user uses it."""
import json
import os
import re
import subprocess
import threading
from xml.etree import ElementTree

import pytest

from service import (BUILD, LIMIT, NS, TOP, Service, book, needs_python,
                     until)

APPS = ["bookcase-c", pytest.param("bookcase-python", marks=needs_python)]

FOUNDING = ('<book xmlns="http://concordance-xmpp.org/apps/mybookcase">'
            "<title>Dive Into Python 3</title><author>Mark Pilgrim</author>"
            "<isbn>9781430224150</isbn></book>")


@pytest.fixture(params=APPS, scope="module")
def service(request):
    with Service(request.param) as running:
        yield running


def test_the_app_is_at_most_15_lines():
    for path in ("bookcase-c/bookcase.c", "bookcase-python/mybookcase.py"):
        with open(os.path.join(TOP, "examples", path), encoding="utf-8") as f:
            assert len(f.readlines()) <= 15, path


def test_a_posted_form_becomes_the_founding_record_to_the_byte(service):
    status, headers, page = service.post(
        title="Dive Into Python 3", author="Mark Pilgrim",
        isbn="9781430224150")
    assert status == 200  # after the 303
    assert "Dive Into Python 3" in page
    lines = service.ctl("items", "library").stdout.splitlines()
    assert FOUNDING in [line.split("\t", 1)[1] for line in lines]
    until("the snapshot on disk has it",
          lambda: "Dive Into Python 3" in service.file())


def test_post_answers_303(service):
    answer = service.raw(
        b"POST /?form=library HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 18\r\nConnection: close\r\n\r\ntitle=A+b&author=C"
        % service.port)
    assert answer.startswith(b"HTTP/1.1 303 ")
    assert re.search(rb"\r\nLocation: /\r\n", answer)


def test_errors_stand_at_the_field_and_what_was_typed_stays(service):
    status, _, page = service.post(title="", author="Kept <&> author",
                                   isbn="123")
    assert status == 422
    assert 'value="Kept &lt;&amp;&gt; author"' in page
    assert 'value="123"' in page
    assert re.search(r'id="form-library-isbn-error"(?![^>]*hidden)[^>]*>'
                     r"978 or 979 and ten digits", page)
    assert re.search(r'id="form-library-title-error"(?![^>]*hidden)[^>]*>'
                     r"[^<]+", page)
    assert "Kept &lt;" not in service.page()


def test_an_unknown_field_is_an_error(service):
    status, _, _ = service.post(title="T", author="A", colour="red")
    assert status == 422


def test_the_same_id_twice_is_one_item(service):
    fields = {"title": "Once", "author": "A", "concordance#id": "repeat-1"}
    assert service.post(**fields)[0] == 200
    assert service.post(**fields)[0] == 200
    text = service.ctl("items", "library").stdout
    assert text.count("<title>Once</title>") == 1
    assert service.page().count("Once") == 1


def test_follow_prints_each_record_as_it_arrives(service):
    follow = subprocess.Popen(
        [os.path.join(BUILD, "src/ctl/concordctl"), "--link", service.link,
         "follow", "library"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True)
    try:
        assert "Following library" in follow.stderr.readline()
        service.post(title="Followed", author="A")
        assert "<title>Followed</title>" in follow.stdout.readline()
        id = service.ctl("publish", "library", book("Direct"), "d1").stdout
        assert id.strip() == "d1"
        assert follow.stdout.readline().startswith("d1\t<book")
        service.ctl("retract", "library", "d1")
        assert follow.stdout.readline() == "d1\tretracted\n"
    finally:
        follow.kill()
        follow.wait()
        follow.stdout.close()
        follow.stderr.close()


def test_items_by_id_and_newest(service):
    for n in range(3):
        service.ctl("publish", "library", book(f"N{n}"), f"n{n}")
    one = service.ctl("items", "library", "n1").stdout
    assert one.startswith("n1\t") and one.count("\n") == 1
    two = service.ctl("items", "library", "--max", "2").stdout
    assert sorted(line.split("\t")[0] for line in two.splitlines()) \
        == ["n1", "n2"]


def test_a_record_that_is_none_is_refused(service):
    for bad in ("<book/>", f'<book xmlns="{NS}"><title>T</title></book>',
                f'<book xmlns="{NS}"><title>T</title><author>A</author>'
                "<price>1</price></book>"):
        done = service.ctl("publish", "library", bad, check=False)
        assert done.returncode == 1 and done.stderr.strip()
        assert not done.stderr.strip().endswith("..")
    done = service.ctl("publish", "library", "<book", check=False)
    assert "line 1" in done.stderr


def test_a_template_changes_the_page_and_a_broken_one_does_not(service,
                                                               tmp_path):
    service.ctl("publish", "library", book("On the shelf"), "shelf-1")
    sheet = service.ctl("template", "get", "bookcase.xsl").stdout
    changed = tmp_path / "changed.xsl"
    changed.write_text(sheet.replace("On the shelf<", "In the attic<"))
    service.ctl("template", "put", "bookcase.xsl", str(changed))
    until("the page has the new heading",
          lambda: "In the attic" in service.page())

    broken = tmp_path / "broken.xsl"
    broken.write_text(sheet.replace("</xsl:stylesheet>",
                                    "<xsl:template match='x['/>\n"
                                    "</xsl:stylesheet>"))
    done = service.ctl("template", "put", "bookcase.xsl", str(broken),
                       check=False)
    assert done.returncode == 1
    assert re.search(r"line \d+", done.stderr)
    assert "In the attic" in service.page()

    log = service.ctl("template", "log", "bookcase.xsl").stdout
    assert len(log.splitlines()) == 2
    diff = service.ctl("template", "diff", "bookcase.xsl").stdout
    assert re.search(r"^-.*On the shelf<", diff, re.M)
    assert re.search(r"^\+.*In the attic<", diff, re.M)
    service.ctl("template", "revert", "bookcase.xsl")
    until("the page has the old heading again",
          lambda: "In the attic" not in service.page())
    assert len(service.ctl("template", "log",
                           "bookcase.xsl").stdout.splitlines()) == 3


def test_hostile_text_is_text(service):
    evil = '<script>alert(1)</script>"\'><img src=x onerror=alert(1)>'
    service.post(title=evil, author="javascript:alert(1)")
    page = service.page()
    assert "<script>alert" not in page and "<img src=x" not in page
    assert "&lt;script&gt;" in page


def test_status_health_and_metrics(service):
    text = service.ctl("status").stdout
    assert "Bound XMPP resources" in text
    assert service.get("/healthz")[0] == 200
    metrics = service.page("/metrics")
    assert re.search(r"^concordance_items [1-9]", metrics, re.M)
    assert "# TYPE concordance_published_total counter" in metrics


def test_pages_carry_a_strict_policy(service):
    _, headers, page = service.get("/")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe-inline" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<[^>]*\son\w+=", page)
    assert not re.search(r"<script(?![^>]* src=)", page)


def test_not_modified_and_encodings(service):
    _, headers, _ = service.get("/")
    assert service.get("/", **{"If-None-Match": headers["ETag"]})[0] == 304
    assert until("a compressed page", lambda: service.get(
        "/", **{"Accept-Encoding": "br"})[1].get("Content-Encoding")) == "br"
    assert service.get("/", **{"Accept-Encoding": "gzip"})[1][
        "Content-Encoding"] == "gzip"
    for name in ("index.html.gz", "index.html.br"):
        assert os.path.exists(os.path.join(service.data, "www", name))


@pytest.mark.parametrize("app", APPS)
def test_kill_while_adding_loses_nothing_acknowledged(app):
    """kill -9 while many add; each acknowledged book is there once."""
    with Service(app) as service:
        acknowledged: list[str] = []
        lock = threading.Lock()

        def add(worker: int, stop: threading.Event):
            n = 0
            while not stop.is_set():
                title = f"w{worker}-{n}"
                n += 1
                try:
                    status, _, _ = service.post(
                        title=title, author="A",
                        **{"concordance#id": title})
                except OSError:
                    return
                if status == 200:
                    with lock:
                        acknowledged.append(title)

        for round in range(3):
            stop = threading.Event()
            workers = [threading.Thread(target=add, args=[f"{round}{w}", stop])
                       for w in range(4)]
            for w in workers:
                w.start()
            goal = len(acknowledged) + 30
            until("books are added", lambda: len(acknowledged) >= goal)
            service.kill()
            stop.set()
            for w in workers:
                w.join(LIMIT)
            service.start()
        lines = service.ctl("items", "library").stdout.splitlines()
        ids = [line.split("\t")[0] for line in lines]
        assert len(ids) == len(set(ids))
        assert set(acknowledged) <= set(ids)
        page = service.page()
        for title in acknowledged:
            assert page.count(f">{title}<") == 1


def test_host_meta_says_where_the_websocket_is(service):
    host = f"127.0.0.1:{service.port}"
    rel = "urn:xmpp:alt-connections:websocket"
    for path, type_ in (("host-meta", "application/xrd+xml"),
                        ("host-meta.json", "application/json")):
        answer = service.raw(f"GET /.well-known/{path} HTTP/1.1\r\n"
                             f"Host: {host}\r\nConnection: close\r\n\r\n"
                             .encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert f"Content-Type: {type_}".encode() in head
        assert b"Access-Control-Allow-Origin: *" in head
        if path.endswith("json"):
            assert json.loads(body) == {
                "links": [{"rel": rel, "href": f"ws://{host}/xmpp"}]}
        else:
            link = ElementTree.fromstring(body)[0]
            assert link.attrib == {"rel": rel, "href": f"ws://{host}/xmpp"}


def test_host_meta_sends_strangers_to_tls_alone():
    with Service("bookcase-c", "--origin", "https://books.example") as s:
        for host, status in (("books.example", b"200"), ('x"y', b"400"),
                             ("books.example.evil.example", b"421")):
            answer = s.raw(b"GET /.well-known/host-meta.json HTTP/1.1\r\n"
                           b"Host: %s\r\nConnection: close\r\n\r\n"
                           % host.encode())
            assert answer.startswith(b"HTTP/1.1 %s " % status)
            if status == b"200":
                body = json.loads(answer.partition(b"\r\n\r\n")[2])
                assert body["links"][0]["href"] == "wss://books.example/xmpp"
