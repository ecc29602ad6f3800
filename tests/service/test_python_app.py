# SPDX-License-Identifier: MIT
"""A Python app's handlers inside the running service."""
import subprocess

import pytest

from service import LIMIT, Service, needs_python, until

pytestmark = needs_python

APP = '''
import time
from concordance import *

class Book(Record):
    title  = Text("Title", required=True)
    author = Text("Author")
    isbn   = Text("ISBN")

class Tick(Record):
    n = Integer("N")

class Handlers(App):
    xmlns   = "urn:x-test"
    library = Node(Book, form="Add")
    ticks   = Node(Tick)
    index   = Page("/", library, "none.xsl")

    class Settings(Record):
        shout = Boolean("Shout", value=False)

    def start(self):
        self.ticks.publish(Tick(n=0), id="start")

    @library.submit
    def add(self, user, book):
        if book.title == "raise":
            raise ZeroDivisionError("a secret of ours")
        if book.title == "slow":
            time.sleep(1)
        if book.title == "refuse":
            raise Refuse("We do not want it.")
        if book.title == "none":
            return None
        if book.isbn and self.library.find(isbn=book.isbn):
            raise Refuse(isbn="That book is on the shelf.")
        if self.settings.shout:
            book.title = book.title.upper()
        book.author = "guest" if user.guest else str(user)
        return book

    @iq_get("urn:x-test:echo", "echo")
    def echo(self, user, payload):
        return payload

    @every(1)
    def tick(self):
        n = len(list(self.ticks.items()))
        if n < 3:
            self.ticks.publish(Tick(n=n), id=f"t{n}")
'''


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    (folder / "handlers.py").write_text(APP)
    with Service("handlers:Handlers", store="memory",
                 files=str(folder), env={"APPPATH": str(folder)}) as running:
        yield running


def test_a_handler_changes_the_record(service):
    assert service.post(title="T")[0] == 200
    assert "<author>guest</author>" in service.ctl("items", "library").stdout


def test_a_handler_refuses_the_form(service):
    status, _, page = service.post(title="refuse")
    assert status == 422 and "We do not want it." in page


def test_a_handler_refuses_a_field(service):
    assert service.post(title="First", isbn="1")[0] == 200
    status, _, page = service.post(title="Second", isbn="1")
    assert status == 422 and "That book is on the shelf." in page


def test_a_raising_handler_is_logged_and_the_service_goes_on(service):
    status, _, page = service.post(title="raise")
    assert status >= 400 and "secret" not in page
    until("the traceback is logged", lambda: any(
        "ZeroDivisionError: a secret of ours" in line
        for line in service.log))
    assert any('in add' in line for line in service.log)
    assert service.post(title="After")[0] == 200


def test_a_handler_that_returns_none_is_told_so(service):
    assert service.post(title="none")[0] >= 400
    until("the log says what to do", lambda: any(
        "return the record, or raise Refuse" in line for line in service.log))


def test_a_slow_handler_does_not_hold_the_service(service):
    import threading
    slow = threading.Thread(target=service.post, kwargs={"title": "slow"})
    slow.start()
    assert service.get("/healthz")[0] == 200
    assert slow.is_alive()
    slow.join(LIMIT)


def test_start_and_tasks_publish(service):
    until("three ticks", lambda: service.ctl(
        "items", "ticks").stdout.count("<tick") == 3)


def test_an_app_whose_start_refuses_says_why(tmp_path):
    (tmp_path / "no.py").write_text(
        "from concordance import *\n"
        "class No(App):\n"
        "    xmlns = 'urn:x'\n"
        "    def start(self):\n"
        "        raise Refuse('The moon is wrong.')\n")
    with pytest.raises(AssertionError, match="did not start"):
        Service("no:No", store="memory", env={"APPPATH": str(tmp_path)})


def test_two_nodes_of_one_name_are_an_error(tmp_path):
    (tmp_path / "twice.py").write_text(
        "from concordance import *\n"
        "class A(App):\n"
        "    xmlns = 'urn:x'\n"
        "    a = Node()\n"
        "    b = Node(name='a')\n")
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "concordance", "run", "twice:A",
         "--store", "memory", "--http", "127.0.0.1:0", "--data",
         str(tmp_path / "data")], cwd=tmp_path, text=True,
        capture_output=True, timeout=LIMIT)
    assert done.returncode == 1 and '"a"' in done.stderr
