# SPDX-License-Identifier: MIT
"""concordance.login: the same things from a handler in Python."""
import html
import json
import re

import pytest

from service import Service, needs_python
from test_weblogin import Browser

pytestmark = needs_python
APP = '''
import dataclasses, json
from concordance import *
from concordance import login

class Line(Record):
    text = Text("What", max_len=9000)

class Test(App):
    xmlns = "urn:x-test"

    @command("eval", "Do", form=Line, who="anybody")
    def run(self, user, form):
        """Runs a line of the test, and says what came of it as JSON."""
        try:
            return json.dumps(eval(form.text), default=dataclasses.asdict)
        except Exception as e:
            return type(e).__name__
'''


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    (folder / "testapp.py").write_text(APP)
    with Service("testapp:Test", store="memory",
                 env={"APPPATH": str(folder)}) as s:
        s.ctl("adduser", "anna", stdin="secret\n")
        yield s


def do(browser, line):
    """What the line came to, or the name of what it raised."""
    status, text = browser.ask("POST", "/_do/eval", {"text": line})
    assert status == 200, (status, text)
    note = html.unescape(re.search(r'cnc-note[^>]*>(.*?)</', text, re.S)
                         .group(1)).strip()
    try:
        return json.loads(note)
    except ValueError:
        return note


def test_accounts(service):
    b = Browser(service)
    for line, result in [
            ("login.exists('anna')", True), ("login.exists('ben')", False),
            ("login.check('anna', 'secret')", True),
            ("login.check('anna@localhost', 'wrong')", False),
            ("login.check('nobody', 'secret')", False),
            ("login.add_account('ben', 'one')", None),
            ("login.add_account('ben', 'one')", "FileExistsError"),
            ("login.add_account('operator', 'x')", "ValueError"),
            ("login.set_password('ben', 'two')", None),
            ("login.check('ben', 'two')", True),
            ("login.set_password('carl', 'two')", "KeyError"),
            ("login.delete_account('ben')", None),
            ("login.delete_account('ben')", "KeyError"),
            ("login.address(' Anna ')", ["anna@localhost", True]),
            ("login.address('a@B.example/x')", ["a@b.example", False]),
            ("login.address('a b')", "ValueError"),
            ("login.addr()", "127.0.0.1")]:
        assert do(b, line) == result, line


def test_log_in_and_out(service):
    b = Browser(service, "Mine")
    assert do(b, "str(user)") == "guest@localhost"
    assert do(b, "login.begin('anna@localhost')") is None
    assert do(b, "str(user)") == "anna@localhost"
    rows = do(b, "login.logins('anna@localhost')")
    assert [(r["kind"], r["agent"], r["current"]) for r in rows] == [
        ("web", "Mine", True)]
    assert do(b, "login.end('anna@localhost', 'nothing')") == "KeyError"
    assert do(b, "login.logout()") is None
    assert do(b, "str(user)") == "guest@localhost"
    assert do(b, "login.begin('no body')") == "ValueError"


def test_roles(service):
    b = Browser(service)
    assert do(b, "login.set_role('anna@localhost', 'staff')") is None
    assert do(b, "login.roles()") == [["anna@localhost", "staff"]]
    assert do(b, "login.set_role('anna@localhost', 'staff', False)") is None
    assert do(b, "login.roles()") == []
    assert do(b, "login.set_role('anna@localhost', 'No')") == "ValueError"


def test_tokens_and_rates(service):
    b = Browser(service)
    token = do(b, "login.new_token('link', 'for you')")
    assert do(b, f"login.look('{token}', 'link')") == "for you"
    assert do(b, f"login.take_token('{token}', 'other')") is None
    assert do(b, f"login.take_token('{token}', 'link')") == "for you"
    assert do(b, f"login.take_token('{token}', 'link')") is None
    assert do(b, "[login.rate('k', 2, 600) for _ in range(3)]") == [
        True, True, False]
    assert do(b, "login.confirm('nobody@localhost', '1', 'http://x')") == (
        "KeyError")
    assert do(b, "login.send_message('anna@localhost', 'hello')") is None
    assert do(b, "login.send_message('@', 'hello')") == "ValueError"
