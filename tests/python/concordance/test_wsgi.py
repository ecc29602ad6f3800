# SPDX-License-Identifier: MIT
"""The WSGI application, called as a web server calls it, in front of the real
service."""
import io
import os
import subprocess
import sys
import threading
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

import concordance
from concordance import (Answer, App, Node, Page, Record, Refuse, Text, log,
                         page)
from concordance import wsgiapp
from concordance.gateway import Bad, target_of
from concordance.testing import Site


class Book(Record):
    title = Text("Title", required=True)


class Search(Record):
    q = Text("Words")


class Shelf(App):
    xmlns = "http://concordance-xmpp.org/apps/wsgi-test"
    library = Node(Book, form="Add a book")
    index = Page("/", library)

    @page("/search", form=Search)
    def search(self, user, form):
        if form.q == "wrong":
            raise Refuse(q="Not that one.")
        if form.q == "fault":
            return 1 / 0
        log(f"asked by {user}")
        found = self.library.query("title~{q}", q=form.q)
        return Answer(f"{found.total} in {os.getpid()}.",
                      table=[book for _, book in found])


@pytest.fixture(scope="module")
def site():
    with Site(Shelf, store="sqlite") as running:
        yield running


@pytest.fixture
def ask(site):
    return Asker(Shelf.wsgi(link=site.link))


class Asker:
    """Calls an application as the standard has it, and checks that it keeps
    it."""

    def __init__(self, application):
        self.application = application
        self.checked = validator(application)
        self.errors = io.StringIO()

    def __call__(self, method="GET", path="/", body=b"", **environ):
        path, _, query = path.partition("?")
        told = []
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path,
                   "SCRIPT_NAME": "", "QUERY_STRING": query,
                   "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost",
                   "wsgi.errors": self.errors, **environ}
        if body:
            environ.setdefault("CONTENT_LENGTH", str(len(body)))
            environ.setdefault("CONTENT_TYPE",
                               "application/x-www-form-urlencoded")
        environ.setdefault("wsgi.input", io.BytesIO(body))
        setup_testing_defaults(environ)
        parts = self.checked(environ, lambda status, headers, exc=None:
                             told.append((status, headers)))
        try:
            data = b"".join(parts)
        finally:
            parts.close()
        status, headers = told[-1]
        return int(status[:3]), {k.lower(): v for k, v in headers}, data

    def post(self, path="/?form=library", body=b"title=Emma", **environ):
        return self("POST", path, body, **environ)


def test_a_page_its_head_and_what_has_not_changed(ask):
    status, headers, page = ask()
    assert status == 200 and b"<form" in page
    assert headers["content-type"].startswith("text/html")
    etag = headers["etag"]
    assert ask(HTTP_IF_NONE_MATCH=etag)[::2] == (304, b"")
    status, headers, nothing = ask("HEAD")
    assert (status, nothing, headers["etag"]) == (200, b"", etag)


def test_a_form_without_javascript_is_a_record_and_on_the_page(ask, site):
    status, headers, _ = ask.post(body=b"title=Sanditon")
    assert (status, headers["location"]) == (303, "/")
    assert b"Sanditon" in ask()[2]
    assert any(item["title"] == "Sanditon"
               for item in site.operator.items("library"))


def test_what_is_wrong_is_told_and_what_was_typed_stays(ask):
    status, _, page = ask.post(body=b"title=")
    assert status == 422 and b"Title is needed." in page


def test_the_handler_of_a_page_runs_here_and_reads_the_service(ask, capfd):
    ask.post(body=b"title=Northanger+Abbey")
    status, _, page = ask(path="/search?q=Abbey")
    assert status == 200 and b"Northanger Abbey" in page
    assert f"1 in {os.getpid()}.".encode() in page
    assert b"Not that one." in ask(path="/search?q=wrong")[2]
    assert ask(path="/search?q=fault")[0] == 500
    assert "ZeroDivisionError" in capfd.readouterr().err


@pytest.mark.parametrize("addr", ["unix:", "", "fe80::1%eth0", "::1", "<&>"])
def test_who_has_no_address_is_answered_too(ask, addr):
    assert ask.post(body=b"title=Sanditon", REMOTE_ADDR=addr)[0] == 303


def test_what_strangers_choose_is_not_remembered_when_it_is_long(site):
    def other(_environ, start):
        start("404 Not Found", [("Content-Type", "text/plain")])
        return []
    both = Shelf.wsgi(link=site.link, beside=other)
    ask = Asker(both)
    before = len(wsgiapp._names)
    for path in ("/" + "x" * 1000, "/short"):
        ask(path=path, **{"HTTP_" + "X" * 1000: "1"})
    assert [key[1] for key in both._others._known] == ["/short"]
    assert max(map(len, list(wsgiapp._names)[before:]), default=0) < 100


def test_no_address_is_404_and_a_wrong_method_405(ask):
    assert ask(path="/nowhere")[0] == 404
    assert ask("DELETE")[0] in (405, 501)


def test_an_upload_is_read_as_it_comes(ask):
    read = []

    class Input(io.BytesIO):
        def read(self, size):
            read.append(size)
            return super().read(size)
    body = b"title=" + b"a" * 200_000
    status = ask.post(body=body, **{"wsgi.input": Input(body)})[0]
    assert status in (303, 413, 422)
    assert max(read) < len(body)


def test_a_chunked_body_needs_a_server_that_ends_it(ask):
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    assert ask.post(**chunked)[0] == 411
    assert ask.post(**chunked, **{"wsgi.input_terminated": True})[0] == 303


@pytest.mark.parametrize("wrong, status", [
    ({"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "10"}, 400),
    ({"HTTP_TRANSFER_ENCODING": "gzip, chunked", "CONTENT_LENGTH": ""}, 501),
    ({"CONTENT_LENGTH": "+10"}, 400),
    ({"CONTENT_LENGTH": "10, 10"}, 400),
    ({"HTTP_HOST": "a.example,b.example"}, 400),
    ({"HTTP_HOST": "a.example/b"}, 400),
    ({"HTTP_X_A": "b\r\nHost: c"}, 400),
    ({"RAW_URI": "http://elsewhere.example/?form=library"}, 400),
    ({"PATH_INFO": "/" + "a" * 20000}, 414),
])
def test_what_could_smuggle_is_refused_and_said(ask, wrong, status):
    told = []  # not by the validator: it refuses some of them itself
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "SCRIPT_NAME": "",
               "QUERY_STRING": "form=library", "HTTP_HOST": "localhost",
               "CONTENT_LENGTH": "10", "wsgi.errors": ask.errors,
               "wsgi.input": io.BytesIO(b"title=Emma"), **wrong}
    setup_testing_defaults(environ)
    ask.application(environ, lambda *a: told.append(a))
    assert told[0][0].startswith(str(status))
    assert f"concordance: {status} " in ask.errors.getvalue()


def test_too_many_headers_are_431(ask):
    many = {f"HTTP_X_{i}": "a" for i in range(300)}
    assert ask(**many)[0] == 431


@pytest.mark.parametrize("raw, path, query, target", [
    ("", "/a b", "", "/a%20b"),
    ("", "/caf\xc3\xa9", "x=1", "/caf%C3%A9?x=1"),
    ("/a%2Fb", "/a/b", "", "/a%2Fb"),
    ("/a%2Fb?c=%2F", "/a/b", "c=%2F", "/a%2Fb?c=%2F"),
    ("http://Books.example/a", "/a", "", "/a"),
    ("//a", "/a", "", "/a"),                # the server took one away
    ("/old?x=1", "/new", "x=1", "/new?x=1"),  # or sent it elsewhere
    ("", "", "", "/"),
    ("/\xc3\xa9", "/\xc3\xa9", "", "/%C3%A9"),
    ("/%C3%A9", "/\xc3\xa9", "", "/%C3%A9"),
])
def test_the_target_is_what_came_or_what_the_server_made_of_it(
        raw, path, query, target):
    assert target_of(raw, path, query, "books.example") == target


def test_a_target_is_a_path():
    for raw, path in (("/a#b", "/a#b"), ("*", "*"), ("/a\tb", "/a\tb")):
        with pytest.raises(Bad):
            target_of(raw, path, "", "books.example")


def test_under_a_prefix_the_target_has_it(site):
    seen = []

    class Front:
        def ask(self, method, target, *rest):
            seen.append(target)
            raise Bad(400, "seen")
    application = Shelf.wsgi(link=site.link)
    application.gateway._front = Front()
    Asker(application)(path="/a b", SCRIPT_NAME="/books")
    assert seen == ["/books/a%20b"]


def other(environ, start_response):
    body = environ["wsgi.input"].read(10_000_000)
    if environ["PATH_INFO"] == "/neither":
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not here"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"other ", str(len(body)).encode(), b" ", body[:5]]


def test_a_mount_that_the_service_does_not_know_is_told_once(ask):
    for _ in range(2):
        status, _, _ = ask(path="/", SCRIPT_NAME="/books")
        assert status == 404
    assert ask.errors.getvalue().count("--prefix /books") == 1


def test_a_mount_that_is_the_services_prefix_is_no_fault():
    with Site(Shelf, options=["--prefix", "/books"]) as site:
        ask = Asker(Shelf.wsgi(link=site.link))
        assert ask(path="/none", SCRIPT_NAME="/books")[0] == 404
        assert ask(path="/", SCRIPT_NAME="/books")[0] == 200
        assert "--prefix" not in ask.errors.getvalue()


def test_what_is_not_ours_goes_beside_with_its_body_untouched(site):
    ask = Asker(Shelf.wsgi(link=site.link, beside=other))
    assert b"<form" in ask()[2]
    assert ask(path="/theirs")[2] == b"other 0 "
    big = b"Start" + b"x" * 700_000
    assert ask("POST", "/theirs", big)[2] == b"other 700005 Start"
    assert ask.post(body=b"title=Beside")[0] == 303
    assert ask(path="/neither")[2] == b"not here"


def test_while_the_service_is_down_the_page_stays_and_forms_keep_the_text(
        site):
    ask = Asker(Shelf.wsgi(link=site.link, beside=other, retry=0.1))
    ask.post(body=b"title=Before")
    assert b"Before" in ask()[2]
    assert ask(path="/theirs")[2] == b"other 0 "
    fresh = Asker(Shelf.wsgi(link=site.link, retry=0.1))
    site.stop()
    try:
        for one in (ask, fresh):  # kept, and the file of it
            status, _, page = one()
            assert status == 200 and b"Before" in page
        status, headers, page = ask.post(body=b"title=Typed+in+vain")
        assert status == 503 and b"Typed in vain" in page
        assert int(headers["retry-after"]) > 0
        assert ask(path="/theirs")[2] == b"other 0 "
        assert ask(path="/never-asked")[2] == b"other 0 "
        assert ask(path="/neither")[0] == 503
        assert fresh(path="/nothing-of-it")[0] in (404, 503)
    finally:
        site.start()
    site.until(lambda: ask.post(body=b"title=After")[0] == 303)
    assert b"After" in ask()[2]
    site.until(lambda: b"After" in fresh()[2])


def test_no_socket_is_503_that_says_so(tmp_path):
    ask = Asker(Shelf.wsgi(link=tmp_path / "none", retry=0))
    status, headers, page = ask()
    assert status == 503 and "retry-after" in headers
    assert b"<html" in page


def test_a_domain_that_the_service_does_not_have_is_said(site, capfd):
    ask = Asker(Shelf.wsgi(link=site.link, domain="no.example", retry=0.1))
    assert ask(path="/search?q=a")[0] == 503
    assert "does not have the domain that was asked for" in \
        capfd.readouterr().err


def test_threads_ask_at_once_and_read_what_they_wrote(ask):
    faults = []

    def work(who):
        try:
            for i in range(5):
                assert ask.post(body=f"title=T{who}-{i}".encode())[0] == 303
                assert f"T{who}-{i}".encode() in ask()[2]
        except AssertionError as error:
            faults.append(error)
    threads = [threading.Thread(target=work, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert ask.application.gateway.front.stats()["connects"] == 1


def test_a_client_that_goes_is_no_fault_of_anybody(ask):
    class Input(io.BytesIO):
        def read(self, size):
            raise OSError("the client went")
    ask.post(**{"wsgi.input": Input()})
    ask.post(body=b"title=short", CONTENT_LENGTH="100")
    assert ask()[0] == 200


def test_importing_has_no_side_effect(tmp_path):
    code = """
import os, threading
before = set(os.listdir("/proc/self/fd"))
from concordance import App, Node, Page, Record, Text
class Book(Record):
    title = Text("Title")
class Shelf(App):
    xmlns = "urn:x"
    library = Node(Book)
    index = Page("/", library)
application = Shelf.wsgi()
live = Shelf.asgi()
assert set(os.listdir("/proc/self/fd")) == before
assert threading.active_count() == 1
assert len(os.listdir("/proc/self/task")) == 1
print(application.gateway.link)
"""
    (tmp_path / "shelf.py").write_text(code)
    env = {k: v for k, v in os.environ.items() if k != "CONCORDANCE_LINK"}
    done = subprocess.run([sys.executable, "shelf.py"], cwd=tmp_path, env=env,
                          check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(tmp_path / "data/link")


def test_the_link_may_be_named_by_the_environment(monkeypatch):
    monkeypatch.setenv("CONCORDANCE_LINK", "/run/concordance/link")
    assert Shelf.wsgi().gateway.link == "/run/concordance/link"
    assert concordance.wsgi().gateway.link == "/run/concordance/link"
    assert Shelf.wsgi(link="/x").gateway.link == "/x"


@pytest.mark.parametrize("options", [
    {"wait": 0}, {"keep": -1}, {"no_such": 1}, {"beside": "a"}])
def test_wrong_options_are_told_at_once(options):
    with pytest.raises((ValueError, TypeError)):
        Shelf.wsgi(**options)


def test_only_apps_are_served():
    with pytest.raises(TypeError, match="Book is no App"):
        concordance.wsgi(Book)


def test_a_user_who_is_not_there_is_named():
    with pytest.raises(ValueError, match="no-such-user"):
        Shelf.wsgi(owner="no-such-user")


INTERPRETER = """
import io, sys
sys.path[:] = path
from concordance import App, Node, Page, Record, Text, run

class Book(Record):
    title = Text("Title", required=True)

class Shelf(App):
    xmlns = "http://concordance-xmpp.org/apps/wsgi-test"
    library = Node(Book, form="Add a book")
    index = Page("/", library)

def ask(method, body=b""):
    told = []
    data = Shelf.wsgi(link=link)({
        "REQUEST_METHOD": method, "PATH_INFO": "/", "SCRIPT_NAME": "",
        "QUERY_STRING": "form=library" if body else "",
        "HTTP_HOST": "localhost", "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http"},
        lambda status, headers, exc=None: told.append(status))
    return told[0], b"".join(data)

assert ask("POST", b"title=By+" + name.encode())[0][:3] == "303"
assert b"By " + name.encode() in ask("GET")[1]
try:
    run(Shelf)
except RuntimeError as error:
    assert "web server" in str(error)
else:
    raise AssertionError("a service ran")
"""


def test_interpreters_beside_one_another_ask_at_once(site):
    interpreters = pytest.importorskip("_xxsubinterpreters")
    faults = []

    def work(name):
        interpreter = interpreters.create()
        code = (f"path, link, name = {sys.path!r}, {site.link!r}, {name!r}\n"
                + INTERPRETER)
        try:
            interpreters.run_string(interpreter, code)
        except Exception as error:
            faults.append(error)
        finally:
            interpreters.destroy(interpreter)
    threads = [threading.Thread(target=work, args=[f"thread {n}"])
               for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
