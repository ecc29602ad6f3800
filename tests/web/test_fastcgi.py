# SPDX-License-Identifier: MIT
"""Pages by FastCGI: concordance-fcgi behind nginx, lighttpd and Apache, in
front of the real service."""
from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import tempfile
import threading
from types import SimpleNamespace

import pytest
from fastcgi import FCGI, Fcgi, Front
from program import LIMIT, until
from service import BUILD, Service

pytestmark = pytest.mark.skipif(not os.path.exists(FCGI),
                                reason="built without libfcgi")
PICTURES = os.path.join(BUILD, "tests/service/apps/pictures.so")
WEB = ["nginx", "lighttpd", "apache"]


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield path


@pytest.fixture(scope="module")
def service():
    with Service() as s:
        yield s


@pytest.fixture(scope="module", params=WEB)
def web(request, service):
    """A web server before two processes."""
    with folder() as path, Fcgi(path, service, name="a") as a, \
            Fcgi(path, service, name="b") as b, \
            Front(request.param, [a, b]) as front:
        yield front


def test_a_page_and_its_assets(web):
    status, headers, page = web.get("/")
    assert status == 200 and b"<title>My Bookcase</title>" in page
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "content-security-policy" in headers
    for path in re.findall(rb'(?:href|src)="(/(?:_c|assets)/[^"]+)"', page):
        status, headers, data = web.get(path.decode())
        assert status == 200 and data
        assert "immutable" in headers["cache-control"]


def test_head_and_304(web):
    _, headers, page = web.get("/")
    status, head, body = web.ask("HEAD", "/")
    assert (status, body) == (200, b"")
    assert int(head.get("content-length", len(page))) == len(page)
    status, head, body = web.get("/", **{"If-None-Match": headers["etag"]})
    assert (status, body) == (304, b"")
    assert web.get("/", **{"If-None-Match": '"other"'})[0] == 200


def test_encodings(web):
    status, headers, packed = web.get("/", **{"Accept-Encoding": "gzip, br"})
    assert status == 200 and headers["content-encoding"] in ("br", "gzip")
    assert len(packed) < len(web.get("/")[2])


def test_a_form_without_javascript(web):
    status, headers, _ = web.post(title="Persuasion", author="Austen")
    assert status == 303 and headers["location"] == "/"
    status, _, page = web.post(title="", author="Nobody <&>")
    assert status == 422 and b'value="Nobody &lt;&amp;&gt;"' in page
    assert web.get("/no/such/page")[0] == 404


def test_what_was_posted_is_seen_in_every_process(web):
    for i in range(10):
        title = f"Book {web.port} {i}"
        status, headers, _ = web.post(title=title, author="Somebody")
        assert status == 303
        cookie = headers["set-cookie"].split(";")[0]
        assert cookie == "concordance-new=1"
        for _ in range(2):  # a process each
            assert title.encode() in web.get("/", Cookie=cookie)[2]


def test_a_kept_page_is_not_asked_for(web, service):
    for _ in range(6):
        web.get("/")  # by both processes

    def requests():
        figures = service.get("/metrics")[2]
        return sum(int(float(n)) for n in re.findall(
            r"^concordance_gate_requests\S* (\S+)$", figures, re.M))
    before = requests()
    for _ in range(20):
        assert web.get("/")[0] == 200
    assert requests() == before


def test_the_whole_address_goes_to_the_service(web):
    for path in ("/a%2Fb?x=%26&y", "/caf%C3%A9", "/?form=", "/%00"):
        assert web.get(path)[0] in (200, 400, 404), path


# -- uploads ------------------------------------------------------------------

def multipart(name: str, data: bytes) -> bytes:
    return (b"--x0\r\nContent-Disposition: form-data; name=\"film\"; "
            b'filename="' + name.encode() + b'"\r\nContent-Type: video/mp4'
            b"\r\n\r\n" + data + b"\r\n--x0--\r\n")


@pytest.mark.parametrize("kind", WEB)
def test_uploads_go_through_in_blocks(kind, tmp_path):
    data = os.urandom(1 << 20) * 5
    with Service(PICTURES, "--upload-guests", "--allow-plain",
                 files=str(tmp_path)) as s, folder() as path, \
            Fcgi(path, s) as f, Front(kind, [f]) as web:
        status, _, page = web.ask(
            "POST", "/_do/show", multipart("a.mp4", data),
            {"Content-Type": "multipart/form-data; boundary=x0"})
        assert status == 200, page
        url = re.search(rb"/_files/[^<\"]*", page)[0].decode()
        status, _, got = web.get(url)
        assert status == 200 and got == data
        status, _, got = web.get(url, Range="bytes=1000-70000")
        assert status == 206 and got == data[1000:70001]


@pytest.mark.parametrize("kind", WEB[:2])
def test_an_upload_that_breaks_off_or_is_too_large_leaves_nothing(kind,
                                                                  tmp_path):
    body = multipart("a.mp4", bytes(3 << 20))
    head = {"Content-Type": "multipart/form-data; boundary=x0"}
    with Service(PICTURES, "--upload-guests", "--allow-plain",
                 "--max-upload", "1000000", files=str(tmp_path)) as s, \
            folder() as path, Fcgi(path, s) as f, Front(kind, [f]) as web:
        def files():
            kept = os.path.join(s.data, "files")
            return os.listdir(kept) if os.path.isdir(kept) else []
        status, _, page = web.ask("POST", "/_do/show", body, head)
        assert status in (413, 422), page
        with socket.create_connection(("127.0.0.1", web.port), LIMIT) as c:
            c.sendall((f"POST /_do/show HTTP/1.1\r\nHost: localhost\r\n"
                       f"Content-Length: 900000\r\nContent-Type: "
                       f"{head['Content-Type']}\r\n\r\n").encode()
                      + body[:600000])
            until("it is on its way", files)
        until("nothing is left", lambda: not files())
        assert web.get("/")[0] == 200
        assert "front.down" not in f.log()


# -- the service goes and comes -----------------------------------------------

@pytest.mark.parametrize("kind", WEB[1:2])
def test_a_service_that_is_away(kind):
    with Service() as s, folder() as path, \
            Fcgi(path, s, "--www", os.path.join(s.data, "www")) as f, \
            Front(kind, [f]) as web:
        _, _, page = web.get("/")
        style = re.search(rb'href="([^"]+\.css)"', page)[1].decode()
        assert web.get(style)[0] == 200
        s.stop()
        assert web.get(style)[0] == 200
        status, headers, page = web.get("/", **{"Accept-Language": "de"})
        assert status == 200 and headers["cache-control"] == "no-store"
        assert 'role="status"' in page.decode()
        assert "Der Dienst ist gerade nicht da" in page.decode()
        status, headers, page = web.post(title='Emma "<b>', author="Austen")
        assert status == 503 and "retry-after" in headers
        page = page.decode()
        assert 'name="title" value="Emma &quot;&lt;b&gt;"' in page
        item = re.search(r'name="concordance#id" value="([^"]+)"', page)[1]
        s.start()
        fields = {"title": 'Emma "<b>', "author": "Austen",
                  "concordance#id": item}
        assert web.post(**fields)[0] == 303
        assert web.post(**fields)[0] == 303  # sent again: one item all the same
        assert s.ctl("items", "library").stdout.count("Emma") == 1
        until("the page is the service's again", lambda: web.get("/")[1].get(
            "concordance-old") is None)


def test_a_restart_in_the_middle_of_forms_loses_and_doubles_nothing():
    with Service() as s, folder() as path, Fcgi(path, s) as f, \
            Front("nginx", [f]) as web:
        done: list[tuple[str, int]] = []

        def post(n: int) -> None:
            for i in range(15):
                title = f"Title-{n}-{i}."
                done.append((title, web.post(title=title,
                                             author="Somebody")[0]))
        threads = [threading.Thread(target=post, args=[n]) for n in range(4)]
        for t in threads:
            t.start()
        for many in (10, 30):
            until("some are posted", lambda: len(done) >= many)
            s.stop()
            s.start()
        for t in threads:
            t.join(LIMIT)
        items = s.ctl("items", "library").stdout
        assert len(done) == 60
        for title, status in done:
            assert status in (303, 503), (title, status)
            assert items.count(title) <= 1, title
            assert status != 303 or title in items, title
        assert sum(status == 303 for _, status in done) >= 20


def test_what_is_under_way_is_finished_on_sigterm():
    with Service() as s, folder() as path, Front("nginx", [
            f := Fcgi(path, s)]) as web:
        assert web.get("/")[0] == 200
        s.process.send_signal(19)  # SIGSTOP: it does not answer
        got = []
        t = threading.Thread(target=lambda: got.append(web.post(
            title="Late", author="Somebody")[0]))
        t.start()
        # The request is with the process once its thread waits for the link.
        until("it is asked", lambda: busy(f.process.pid))
        f.process.terminate()
        with socket.socket(socket.AF_UNIX) as c:
            c.connect(path + "/fcgi")
        s.process.send_signal(18)
        t.join(LIMIT)
        assert got == [303]
        assert f.process.wait(LIMIT) == 0
        assert not os.path.exists(path + "/fcgi")
        f.end()


def busy(pid: int) -> bool:
    """Does the process have a connection of the web server's open?"""
    sockets = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            sockets += os.readlink(f"/proc/{pid}/fd/{fd}").startswith(
                "socket:")
    return sockets >= 3  # what listens, the link, and that one


def test_it_takes_the_socket_that_it_is_given_and_leaves_it_as_it_is(service):
    with folder() as path, socket.socket(socket.AF_UNIX) as given:
        given.bind(path + "/given")
        os.chmod(path + "/given", 0o777)
        given.listen()
        with subprocess.Popen([FCGI, "--link", service.link], stdin=given,
                              stderr=subprocess.PIPE, text=True) as f, \
                Front("nginx", [SimpleNamespace(path=path + "/given")]) as web:
            assert web.get("/")[0] == 200
            f.terminate()
            assert f.wait(LIMIT) == 0
            assert "listen=(given)" in f.stderr.read()
        with socket.socket(socket.AF_UNIX) as c:
            c.connect(path + "/given")


def test_a_flood_of_headers_is_refused(web):
    flood = {f"X-{i}": "v" for i in range(90)}
    assert web.ask("GET", "/none", headers=flood)[0] in (400, 431)
    assert web.ask("DELETE", "/")[0] == 405
    assert web.get("/")[0] == 200


def test_bad_options_are_told():
    def run(*words):
        done = subprocess.run([FCGI, *words], capture_output=True, text=True,
                              timeout=LIMIT, stdin=subprocess.DEVNULL)
        return done.returncode, done.stderr
    assert run("--listen", "unix:/nowhere/x/y") == (
        2, "concordance-fcgi: --listen unix:/nowhere/x/y: "
           "No such file or directory\n")
    for words, text in ((["--listen", "9000"], "unix:PATH or HOST:PORT"),
                        ([], "--listen"), (["--threads", "0"], "1 to 1024"),
                        (["--frob"], "no option --frob"),
                        (["--link"], "--link needs a value"),
                        (["--link-owner", "nobody-such"], "no user")):
        status, said = run(*words)
        assert status == 2 and text in said, (words, said)
    status = subprocess.run([FCGI, "--help"], capture_output=True, text=True)
    assert status.returncode == 0 and "fastcgi_pass" in status.stdout
