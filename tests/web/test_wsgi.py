# SPDX-License-Identifier: MIT
"""The bookcase in gunicorn and uWSGI, in front of its service."""
import os
import re
import socket
import threading

import pytest
from bookcase import Bookcase, add
from program import LIMIT, until

SERVERS = {
    "gunicorn": lambda b: b.gunicorn("--workers", "2"),
    "gunicorn-threads": lambda b: b.gunicorn("--workers", "2", "--threads",
                                             "4", "--preload"),
    "uwsgi": lambda b: b.uwsgi("--processes", "2", "--threads", "2"),
    "uwsgi-lazy": lambda b: b.uwsgi("--processes", "2", "--lazy-apps",
                                    "--enable-threads"),
}


@pytest.fixture(scope="module")
def bookcase():
    with Bookcase() as running:
        yield running


@pytest.fixture(params=SERVERS, scope="module")
def server(request, bookcase):
    with SERVERS[request.param](bookcase) as running:
        yield running


def raw(server, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), LIMIT) as s:
        s.sendall(data)
        out = b""
        try:
            while chunk := s.recv(65536):
                out += chunk
        except ConnectionResetError:
            pass
        return out


def test_a_form_without_javascript_is_on_the_page_it_leads_to(server,
                                                              bookcase):
    title = f"Emma {server.port}"
    status, page = add(server, title)
    assert status == 303 and title in page
    assert title in bookcase.service.ctl("items", "library").stdout


def test_what_is_wrong_stands_at_the_field(server):
    status, _, page = server.post(title="", author="Kept <&> author")
    assert status == 422
    assert b'value="Kept &lt;&amp;&gt; author"' in page


def test_unchanged_is_304_and_head_has_no_body(server):
    status, headers, page = server.get()
    assert status == 200 and b"<form" in page
    assert server.get(**{"If-None-Match": headers["etag"]})[::2] == (304, b"")
    assert server.ask("HEAD", "/")[::2] == (200, b"")


def test_assets_are_there(server):
    page = server.get()[2].decode()
    paths = re.findall(r'(?:href|src)="(/(?:assets|_c)/[^"]+)"', page)
    assert paths
    for path in paths:
        status, headers, data = server.get(path)
        assert status == 200 and data, path
        assert "immutable" in headers["cache-control"]


def test_the_address_is_taken_as_it_came(server):
    for path in ("/no%2Fwhere", "/caf%C3%A9", "/?form=", "/a//b", "/%00"):
        assert server.get(path)[0] in (400, 404, 200), path
    assert server.get("/..%2f..%2fetc/passwd")[0] in (400, 404)


def test_several_workers_and_threads_read_what_they_wrote(server):
    faults = []

    def work(who):
        try:
            for i in range(4):
                title = f"Own {server.port} {who} {i}"
                status, page = add(server, title)
                assert status == 303 and title in page, (status, title)
        except Exception as error:
            faults.append(error)
    threads = [threading.Thread(target=work, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_two_ideas_of_a_bodys_end_are_refused(server):
    answer = raw(server, b"POST /?form=library HTTP/1.1\r\nHost: localhost\r\n"
                 b"Content-Type: application/x-www-form-urlencoded\r\n"
                 b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
                 b"Connection: close\r\n\r\n0\r\n\r\n"
                 b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n")
    status = int(answer[9:12] or b"400")
    assert status in (400, 411, 501), answer
    assert answer.count(b"HTTP/1.1 ") <= 1


def test_a_client_that_goes_in_the_middle_of_a_form_does_no_harm(server):
    with socket.create_connection(("127.0.0.1", server.port), LIMIT) as s:
        s.sendall(b"POST /?form=library HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Type: application/x-www-form-urlencoded\r\n"
                  b"Content-Length: 500\r\n\r\ntitle=Never+whole&author=A")
    assert b"Never whole" not in server.get()[2]


def test_a_large_body_is_judged_not_swallowed(server):
    body = b"title=" + b"x" * 3_000_000
    try:
        status = server.ask("POST", "/?form=library", body, {
            "Content-Type": "application/x-www-form-urlencoded"})[0]
    except (BrokenPipeError, ConnectionResetError):
        return  # answered, and closed, before all was sent
    assert status in (413, 422)


def test_a_chunked_form_is_read_where_the_server_ends_it(bookcase):
    with bookcase.gunicorn() as server:
        answer = raw(server, b"POST /?form=library HTTP/1.1\r\n"
                     b"Host: localhost\r\nConnection: close\r\n"
                     b"Content-Type: application/x-www-form-urlencoded\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n"
                     b"e\r\ntitle=In+parts\r\n9\r\n&author=A\r\n0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 303 "), answer
        assert b"In parts" in server.get()[2]


def workers(server) -> set[str]:
    with open(f"/proc/{server.process.pid}/task/{server.process.pid}/children",
              encoding="ascii") as f:
        return set(f.read().split())


@pytest.mark.parametrize("name", ["gunicorn-threads", "uwsgi"])
def test_the_service_goes_and_comes_back_under_the_same_workers(name):
    with Bookcase() as bookcase, SERVERS[name](bookcase) as server:
        assert add(server, "Before")[0] == 303
        for _ in range(8):  # each worker has seen it
            assert b"Before" in server.get()[2]
        before = workers(server)
        bookcase.service.kill()
        for _ in range(4):
            status, _, page = server.get()
            assert status == 200 and b"Before" in page
            assert b"data-concordance-old" in page
        status, headers, page = server.post(title="Typed in vain",
                                            author="Somebody")
        assert status == 503 and b"Typed in vain" in page
        assert int(headers["retry-after"]) > 0
        bookcase.service.start()
        until("forms go through again",
              lambda: add(server, "After")[0] == 303)
        until("each worker has found it", lambda: all(
            b"After" in server.get()[2] for _ in range(8)))
        assert before <= workers(server)


def test_the_service_is_killed_while_forms_come_and_nothing_acknowledged_is_lost():
    with Bookcase() as bookcase, \
            SERVERS["gunicorn-threads"](bookcase) as server:
        acknowledged, stop = [], threading.Event()

        def work(who):
            i = 0
            while not stop.is_set():
                title = f"Book {who}-{i}"
                if server.post(title=title, author="A")[0] == 303:
                    acknowledged.append(title)
                i += 1
        threads = [threading.Thread(target=work, args=[n]) for n in range(4)]
        for thread in threads:
            thread.start()
        try:
            for count in (10, 30):
                until("forms go through",
                      lambda count=count: len(acknowledged) >= count)
                bookcase.service.kill()
                bookcase.service.start()
            until("and again", lambda: len(acknowledged) >= 50)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        items = bookcase.service.ctl("items", "library").stdout
        titles = re.findall(r"<title>(Book [^<]*)</title>", items)
        assert set(acknowledged) <= set(titles)
        assert len(titles) == len(set(titles)), "a form was stored twice"


def test_a_worker_that_never_saw_the_service_has_the_files_below_a_prefix():
    with Bookcase("--prefix", "/books") as bookcase:
        bookcase.write("below.py", "from mybookcase import MyBookcase\n"
                       "application = MyBookcase.wsgi(prefix='/books')\n")
        www = os.path.join(bookcase.folder, "data", "www")
        until("there is a file", lambda: os.path.exists(
            os.path.join(www, "index.html")))
        bookcase.service.kill()
        with bookcase.gunicorn(module="below:application") as server:
            status, _, page = server.get("/books/")
            assert status == 200 and b"data-concordance-old" in page
            assert server.get("/bookshelf/")[0] == 503
            assert server.get("/")[0] == 503


def test_no_service_is_503_that_says_so(bookcase, tmp_path):
    with bookcase.gunicorn(env={"CONCORDANCE_LINK": str(tmp_path / "none")}) \
            as server:
        status, headers, page = server.get()
        assert status == 503 and int(headers["retry-after"]) > 0
        assert b"<html" in page
        until("the log says so", lambda:
              f"no service at {tmp_path}/none: start it, or say where"
              in server.log())


def listen_as_nobody(bound: socket.socket) -> int:
    """A process of user 65534 that answers on a socket; its exit status says
    whether it was told anything."""
    pid = os.fork()
    if pid == 0:
        status = 2
        try:
            os.setuid(65534)
            bound.listen()
            bound.settimeout(LIMIT)
            with bound.accept()[0] as s:
                status = 1 if s.recv(100) else 0
        finally:
            os._exit(status)
    return pid


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_a_socket_of_somebody_else_gets_no_word(bookcase, tmp_path):
    path = str(tmp_path / "link")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
        pid = listen_as_nobody(bound)
    with bookcase.gunicorn(env={"CONCORDANCE_LINK": path}) as server:
        assert server.get()[0] == 503
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert re.search("own|user", server.log()), server.log()


FLASK = """
from flask import Flask, request
from mybookcase import MyBookcase

site = Flask(__name__)

@site.route("/site", methods=["GET", "POST"])
def page():
    return f"the site {request.form.get('word', '')}"

@site.post("/file")
def upload():
    return str(len(request.files["f"].read()))

application = MyBookcase.wsgi(beside=site)
"""

DJANGO = """
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from mybookcase import MyBookcase

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"],
                   SECRET_KEY="of a test")

def page(request):
    return HttpResponse("the site " + request.POST.get("word", ""))

def upload(request):
    return HttpResponse(str(len(request.FILES["f"].read())))

urlpatterns = [path("site", page), path("file", upload)]
application = MyBookcase.wsgi(beside=get_wsgi_application())
"""


@pytest.mark.parametrize("name", ["flask", "django"])
def test_beside_another_framework(bookcase, name):
    module = f"beside_{name}"
    bookcase.write(f"{module}.py", FLASK if name == "flask" else DJANGO)
    with bookcase.gunicorn(module=f"{module}:application") as server:
        assert b"<form" in server.get()[2]
        assert server.get("/site")[2] == b"the site "
        assert server.post("/site", word="goes on")[2] == b"the site goes on"
        assert server.get("/of-neither")[0] == 404
        size = 1_500_000
        body = (b'--b\r\nContent-Disposition: form-data; name="f"; '
                b'filename="a"\r\n\r\n' + b"x" * size + b"\r\n--b--\r\n")
        answer = server.ask("POST", "/file", body, {
            "Content-Type": "multipart/form-data; boundary=b"})
        assert answer[::2] == (200, str(size).encode())
        assert add(server, f"Beside {name}")[0] == 303
        bookcase.service.kill()
        try:
            assert server.get("/site")[2] == b"the site "
            assert server.post("/site", word="on")[2] == b"the site on"
        finally:
            bookcase.service.start()
