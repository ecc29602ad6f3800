# SPDX-License-Identifier: MIT
"""One declaration, three faces: a command by XMPP, by HTTP and from a terminal
gives the same answer, for an app in C and its twin in Python."""
import html.parser
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request

import pytest

from service import BUILD, HAS_PYTHON, LIMIT, Service, until
from wire import Client, esc

NS = "http://jabber.org/protocol/commands"
DATA = "{jabber:x:data}"
ERROR = "{http://concordance-xmpp.org/ns/form}error"

TWIN = '''
from concordance import *

class Greeting(Record):
    name  = Text("Name", required=True, max_len=20, help="Whom to greet")
    times = Integer("Times", min=1, max=5, value=1)
    mood  = Choice("Mood", [("warm", "Warm"), ("cool", "Cool & calm")],
                   value="warm")
    words = Lines("Words")

class Search(Record):
    author = Text("Author")

class Door(Record):
    name = Text("Name", required=True)
    word = Secret("Password", required=True)

class One(Record):
    what = Text("What")

class Desk(App):
    xmlns = "urn:x-desk"
    title = "Desk"
    log = Node()
    index = Page("/", log, "none.xsl")

    @command("desk/greet", "Greet somebody", form=Greeting, who="anybody")
    def greet(self, user, form):
        """Says hello."""
        if form.name == "Nobody":
            raise Refuse("Nobody is not greeted.",
                         name="Somebody <else>, please.")
        return Answer(f"Hello {form.name} & welcome.", values=[
            ("times", "Times", form.times), ("mood", "Mood", form.mood),
            ("words", "Words", form.words)])

    @command("desk/books", "Books", form=Search, who="anybody", safe=True,
             help="Lists what is on the shelf.")
    def books(self, user, form):
        shelf = [("Emma", "Austen", 1815), ("Persuasion", "Austen", 1817),
                 ("M\\u00fcnchen <&>", "B\\u00f6ll", None)]
        rows = [b for b in shelf if form.author in (None, b[1])]
        return Answer(f"{len(rows)} books.", table=rows, columns=[
            ("title", "Title"), ("author", "Author"), ("year", "Year")])

    @command("desk/enter", "Enter", form=Door, who="anybody")
    def enter(self, user, form):
        if form.word != " open sesame ":
            raise Refuse(word="That is not the word.")
        return f"Come in, {form.name}."

    @command("desk/whoami", "Who am I", who="anybody", safe=True)
    def whoami(self, user, form):
        return Answer(values=[
            ("user", "You are", "a guest" if user.guest else user),
            ("lang", "You read", user.lang),
            ("staff", "Staff", "yes" if user.has("staff") else "no")])

    @command("desk/outcome", "Outcome", form=One, who="anybody")
    def outcome(self, user, form):
        if form.what == "fault":
            raise ZeroDivisionError("a secret of ours")

    @command("desk/move", "Move", form=One, who="anybody",
             see="/_do/desk/whoami?lang=en")
    def move(self, user, form):
        return Answer("It is moved.", see=form.what)

    @command("desk/ping", "Ping", who="anybody")
    def ping(self, user, form):
        return "Done."

    @command("desk/user", "For users", who="users")
    def for_users(self, user, form):
        return "Done."

    @command("desk/staff", "For staff", roles=["staff"])
    def for_staff(self, user, form):
        return "Done."

    @command("desk/admin", "For admins")
    def for_admins(self, user, form):
        return "Done."

    # Of Python alone: what a handler may return.

    @command("desk/dicts", who="anybody")
    def dicts(self, user, form):
        return [{"a": 1, "b": True}, {"a": 2, "c": ["x", "y"]}]

    @command("desk/records", who="anybody")
    def records(self, user, form):
        return [Search(author="Austen"), Search(author=None)]

    @command("desk/values", who="anybody")
    def values(self, user, form):
        return {"one": 1, "none": None}

    @command("desk/wrong", who="anybody")
    def wrong(self, user, form):
        return 7
'''


@pytest.fixture(scope="module", params=["c", "python"])
def service(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    if request.param == "c":
        app = os.path.join(BUILD, "tests/service/apps/desk.so")
    elif not HAS_PYTHON:
        pytest.skip("built without Python")
    else:
        (folder / "twin.py").write_text(TWIN)
        app = "twin:Desk"
    with Service(app, "--allow-plain", store="memory", files=str(folder),
                 env={"APPPATH": str(folder)}) as running:
        running.lang = request.param
        running.ctl("adduser", "anna", stdin="secret\n")
        yield running


@pytest.fixture
def guest(service):
    client = Client(service.port, LIMIT)
    yield client
    client.close()


def log_in(service, user="anna", password="secret") -> Client:
    client = Client(service.port, LIMIT, bind=False)
    client.open()
    client.auth("PLAIN", f"\0{user}\0{password}".encode())
    client.open()
    client.bind()
    return client


# -- the three faces ---------------------------------------------------------

def by_xmpp(client, node, **fields):
    """(code, note, values, rows, errors by field)"""
    form = "".join(
        f"<field var='{k}'>" + "".join(f"<value>{esc(line)}</value>"
                                       for line in v.split("\n")) + "</field>"
        for k, v in fields.items())
    answer = client.iq(
        "set", f"<command xmlns='{NS}' node='{esc(node)}' action='complete'>"
               f"<x xmlns='jabber:x:data' type='submit'>{form}</x></command>")
    if answer.get("type") == "error":
        error = answer.find("{jabber:client}error")
        text = error.find("{urn:ietf:params:xml:ns:xmpp-stanzas}text")
        return error[0].tag.split("}")[1], text.text, [], [], {}
    command = answer[0]
    note = command.findtext(f"{{{NS}}}note") or ""
    x = command.find(DATA + "x")
    fields = [] if x is None else [
        f for f in x.findall(DATA + "field") if f.get("type") != "hidden"]
    errors = {f.get("var"): f.findtext(ERROR) for f in fields
              if f.find(ERROR) is not None}
    if command.get("status") != "completed":
        return "refused", note, [], [], errors
    values = ["\n".join(v.text or "" for v in f.findall(DATA + "value"))
              for f in fields]
    rows = [] if x is None else [
        [f.findtext(DATA + "value") or "" for f in item.findall(DATA + "field")]
        for item in x.findall(DATA + "item")]
    return 0, note, values, rows, {}


class Page(html.parser.HTMLParser):
    """What a page of /_do says."""

    def __init__(self, text: str):
        super().__init__()
        self.note, self.values, self.rows, self.errors = "", [], [], {}
        self.at = self.field = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        words = (a.get("class") or "").split()
        if tag == "dt":
            self.values.append(None)
        elif tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")
        elif tag == "dd":
            old = self.values[-1]
            self.values[-1] = "" if old is None else old + "\n"
        if "data-field" in a:
            self.field = a["data-field"]
        self.at = ("note" if "cnc-note" in words else
                   "error" if "cnc-error" in words and "hidden" not in a else
                   tag if tag in ("td", "dd") else None)

    def handle_endtag(self, tag):
        self.at = None

    def handle_data(self, data):
        if self.at == "note":
            self.note += data
        elif self.at == "error":
            self.errors[self.field] = data
        elif self.at == "td":
            self.rows[-1][-1] += data
        elif self.at == "dd":
            self.values[-1] += data


def by_http(service, node, **fields):
    status, _, text = service.post("/_do/" + node, **fields)
    page = Page(text)
    code = {200: 0, 403: "forbidden", 404: "item-not-found", 422: "refused",
            500: "internal-server-error"}[status]
    return (code, page.note, page.values,
            [row for row in page.rows if row], page.errors)


def by_ctl(service, node, **fields):
    done = service.ctl("do", "--json", node,
                       *(f"{k}:={v}" for k, v in fields.items()), check=False)
    if done.returncode == 0:
        said = json.loads(done.stdout)
        return (0, said["note"], list(said["values"].values()),
                [list(row.values()) for row in said.get("table", [])], {})
    lines = [line.removeprefix("concordctl: ")
             for line in done.stderr.splitlines()]
    errors = dict(line.split(": ", 1) for line in lines
                  if re.match("[a-z]+: ", line))
    return done.returncode, lines[-1], [], [], errors


# -- the same answer ---------------------------------------------------------

@pytest.mark.parametrize("node, fields, note, values, rows", [
    ("desk/greet", {"name": "Ann <b>", "times": "3", "mood": "cool",
                    "words": "one\ntwo"},
     "Hello Ann <b> & welcome.", ["3", "cool", "one\ntwo"], []),
    ("desk/books", {}, "3 books.", [], [
        ["Emma", "Austen", "1815"], ["Persuasion", "Austen", "1817"],
        ["München <&>", "Böll", ""]]),
    ("desk/books", {"author": "Austen"}, "2 books.", [], [
        ["Emma", "Austen", "1815"], ["Persuasion", "Austen", "1817"]]),
    ("desk/books", {"author": "Nobody"}, "0 books.", [], []),
    ("desk/enter", {"name": "Ann", "word": " open sesame "},
     "Come in, Ann.", [], []),
    ("desk/ping", {}, "Done.", [], []),
    ("desk/outcome", {}, "It is done.", [], []),
])
def test_each_face_gives_the_same_answer(service, guest, node, fields, note,
                                         values, rows):
    want = (0, note, values, rows, {})
    assert by_xmpp(guest, node, **fields) == want
    assert by_http(service, node, **fields) == want
    assert by_ctl(service, node, **fields) == want


@pytest.mark.parametrize("node, fields, errors", [
    ("desk/greet", {"name": "x", "times": "9"},
     {"times": "Times must be at most 5."}),
    ("desk/greet", {"name": "x", "times": "many", "mood": "sad"},
     {"times": "Times must be a whole number such as 42.",
      "mood": "Mood must be one of the choices."}),
    ("desk/greet", {"name": "x" * 21},
     {"name": "Name must have at most 20 characters, not 21."}),
    ("desk/greet", {"name": "Nobody"}, {"name": "Somebody <else>, please."}),
    ("desk/enter", {"name": "Ann", "word": "x"},
     {"word": "That is not the word."}),
])
def test_bad_input_is_told_at_its_field_by_each_face(service, guest, node,
                                                     fields, errors):
    code, note, _, _, said = by_xmpp(guest, node, **fields)
    assert (code, said) == ("refused", errors)
    assert all(text in note for text in errors.values())
    code, _, _, _, said = by_http(service, node, **fields)
    assert (code, said) == ("refused", errors)
    code, _, _, _, said = by_ctl(service, node, **fields)
    assert (code, said) == (1, errors)


def test_what_was_typed_is_there_again_but_no_secret(service, guest):
    status, _, page = service.post("/_do/desk/enter", name='A "quoted" Ann',
                                   word="guess-me")
    assert status == 422
    assert 'value="A &quot;quoted&quot; Ann"' in page
    assert "guess-me" not in page
    answer = guest.iq(
        "set", f"<command xmlns='{NS}' node='desk/enter' action='complete'>"
               "<x xmlns='jabber:x:data' type='submit'>"
               "<field var='name'><value>Ann</value></field>"
               "<field var='word'><value>guess-me</value></field></x>"
               "</command>")
    x = answer[0].find(DATA + "x")
    fields = {f.get("var"): f for f in x.findall(DATA + "field")}
    assert fields["name"].findtext(DATA + "value") == "Ann"
    assert fields["word"].get("type") == "text-private"
    assert fields["word"].find(DATA + "value") is None
    assert not any("guess-me" in line for line in service.log)


def test_a_fault_is_logged_and_told_plainly(service, guest):
    plain = "Something went wrong on our side. Please try again later."
    assert by_xmpp(guest, "desk/outcome", what="fault")[:2] == (
        "internal-server-error", plain)
    assert by_http(service, "desk/outcome", what="fault")[:2] == (
        "internal-server-error", plain)
    assert by_ctl(service, "desk/outcome", what="fault")[:2] == (1, plain)
    until("the fault is logged", lambda: any(
        "app.handler app=desk command=desk/outcome" in line
        for line in service.log))


# -- who may run what --------------------------------------------------------

TABLE = [("desk/ping", True, True), ("desk/user", False, True),
         ("desk/staff", False, False), ("desk/admin", False, False)]


@pytest.mark.parametrize("node, guest_may, user_may", TABLE)
def test_each_face_refuses_who_may_not(service, guest, node, guest_may,
                                       user_may):
    assert (by_xmpp(guest, node)[0] == 0) is guest_may
    assert (by_http(service, node)[0] == 0) is guest_may
    status = service.get("/_do/" + node)[0]
    assert status == (200 if guest_may else 403)
    anna = log_in(service)
    assert by_xmpp(anna, node)[0] == (0 if user_may else "forbidden")
    anna.close()
    assert by_ctl(service, node)[0] == 0  # the operator may everything


def test_each_list_has_what_one_may_run(service, guest):
    def nodes(client):
        answer = client.iq(
            "get", "<query xmlns='http://jabber.org/protocol/disco#items' "
                   f"node='{NS}'/>")
        return {item.get("node") for item in answer[0]}
    page = service.page("/_do")
    listed = set(re.findall(r'href="/_do/([^"]+)"', page))
    assert listed == nodes(guest)
    assert "desk/ping" in listed and "desk/user" not in listed
    assert "Lists what is on the shelf." in page
    anna = log_in(service)
    assert nodes(anna) == listed | {"desk/user"}
    anna.close()
    rows = json.loads(service.ctl("do", "--json").stdout)
    told = {row["node"]: row for row in rows}
    assert {"desk/user", "desk/staff", "desk/admin", "sessions"} <= set(told)
    assert told["desk/books"] == {
        "node": "desk/books", "title": "Books", "form": True, "safe": True,
        "help": "Lists what is on the shelf."}
    assert all(row["help"] for row in rows
               if not row["node"].startswith("desk/"))


def test_what_is_not_there_is_said(service, guest):
    assert by_xmpp(guest, "desk/nothing")[0] == "item-not-found"
    assert by_http(service, "desk/nothing")[0] == "item-not-found"
    done = service.ctl("do", "desk/book", check=False)
    assert done.returncode == 2 and "Did you mean desk/books?" in done.stderr
    done = service.ctl("do", "desk/greet", "nmae=x", check=False)
    assert done.returncode == 2 and "Did you mean name?" in done.stderr


def test_the_handler_knows_who_asks(service, guest):
    assert by_xmpp(guest, "desk/whoami")[2] == ["a guest", "en", "no"]
    assert by_http(service, "desk/whoami")[2] == ["a guest", "en", "no"]
    assert by_ctl(service, "desk/whoami")[2] == [
        "operator@localhost", "en", "yes"]
    anna = log_in(service)
    assert by_xmpp(anna, "desk/whoami")[2] == ["anna@localhost", "en", "no"]
    anna.close()


# -- the web's own -----------------------------------------------------------

def test_a_safe_command_runs_by_get_and_another_shows_its_form(service):
    page = Page(service.page("/_do/desk/books?author=Austen&utm_source=x"))
    assert page.note == "2 books." and len(page.rows) == 3
    text = service.page("/_do/desk/greet?name=Ann&words=a%0Ab")
    assert "Hello" not in text and 'value="Ann"' in text
    assert ">a\nb</textarea>" in text
    assert '<option value="warm" selected="">' in text
    # A password in an address is not taken.
    assert "sesame" not in service.page("/_do/desk/enter?word=sesame")


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def post_once(service, path, body=b"", **headers):
    opener = urllib.request.build_opener(Stay)
    request = urllib.request.Request(service.url.rstrip("/") + path, body,
                                     headers=headers)
    try:
        answer = opener.open(request, timeout=LIMIT)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read().decode()


def test_after_a_post_the_browser_goes_where_the_command_says(service):
    status, headers, _ = post_once(service, "/_do/desk/move")
    assert status == 303
    assert headers["Location"] == "/_do/desk/whoami?lang=en"
    cookie = headers["Set-Cookie"].split(";")[0]
    assert "HttpOnly" in headers["Set-Cookie"]
    _, headers, page = service.get("/_do/desk/whoami", Cookie=cookie)
    assert Page(page).note == "It is moved."
    assert "Max-Age=0" in headers["Set-Cookie"]
    # Nobody else puts words there.
    name, value = cookie.split("=", 1)
    forged = f"{name}={value[:32]}Send%20me%20your%20money."
    assert "money" not in service.get("/_do/desk/whoami", Cookie=forged)[2]
    status, headers, _ = post_once(service, "/_do/desk/move", b"what=%2F")
    assert (status, headers["Location"]) == (303, "/")


@pytest.mark.parametrize("path", ["//evil.example/", "https://evil.example/",
                                  "/\\evil.example", "evil"])
def test_a_command_goes_nowhere_else(service, path):
    body = urllib.parse.urlencode({"what": path}).encode()
    status, headers, page = post_once(service, "/_do/desk/move", body)
    assert status == 200 and headers["Location"] is None
    assert Page(page).note == "It is moved."


def test_a_post_comes_from_our_own_page_as_a_form_of_some_size(service):
    assert post_once(service, "/_do/desk/ping",
                     Origin="https://evil.example")[0] == 403
    assert post_once(service, "/_do/desk/ping", b"{}", **{
        "Content-Type": "application/json"})[0] == 415
    assert post_once(service, "/_do/desk/greet",
                     b"name=" + b"x" * 300000)[0] == 413
    assert post_once(service, "/_do/desk/greet", b"name=%zz")[0] == 400
    assert post_once(service, "/_do")[0] == 405
    assert service.get("/_do/desk/books?author=%ff")[0] == 400


def test_a_node_that_is_no_path_has_a_page(service):
    status, _, page = service.get(
        "/_do?node=http%3A%2F%2Fjabber.org%2Fprotocol%2Fadmin%23announce")
    assert status == 403 and "Not for guests" in page
    assert Page(service.page("/_do?node=desk%2Fbooks")).note == "3 books."
    assert service.get("/_do/")[0] == 200


def test_an_operators_template_takes_the_place(service):
    sheet = """<xsl:stylesheet version="1.0"
      xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
      xmlns:c="http://concordance-xmpp.org/ns/page">
      <xsl:template match="/c:page"><html lang="en"><head><title>Ours</title>
      </head><body><main>Ours: <xsl:value-of select="c:command/c:note"/>
      </main></body></html></xsl:template></xsl:stylesheet>"""
    service.ctl("template", "put", "do.xsl", "-", stdin=sheet)
    try:
        assert "Ours: 3 books." in service.page("/_do/desk/books")
    finally:
        service.ctl("retract", "templates", "do.xsl")
    assert "Ours" not in service.page("/_do/desk/books")


# -- the terminal's own ------------------------------------------------------

def test_values_come_from_files_and_standard_input(service, tmp_path):
    words = tmp_path / "words"
    words.write_text("@one\ntwo\n")
    done = service.ctl("do", "--json", "desk/greet", "name=-",
                       f"words=@{words}", stdin="Ann\n")
    said = json.loads(done.stdout)
    assert said["note"] == "Hello Ann & welcome."
    assert said["values"]["words"] == "@one\ntwo"
    assert said["values"]["mood"] == "warm"  # the default
    done = service.ctl("do", "desk/greet", "name:=@none")
    assert "Hello @none" in done.stdout
    done = service.ctl("do", "desk/greet", "name=@" + str(tmp_path / "none"),
                       check=False)
    assert done.returncode == 1 and "cannot read" in done.stderr


def test_the_terminal_shows_a_form_and_an_aligned_table(service):
    form = service.ctl("do", "--form", "desk/greet").stdout
    assert "Says hello." in form and "Whom to greet" in form
    assert re.search(r"times +Times: a whole number, 1 to 5 \[1\]", form)
    lines = service.ctl("do", "desk/books").stdout.splitlines()
    assert lines[0] == "Title        Author  Year"
    assert lines[2] == "Persuasion   Austen  1817"
    assert lines[-1] == "3 books."


@pytest.mark.parametrize("words, says", [
    (["desk/greet"], "name is needed: Name."),
    (["desk/greet", "name"], "name is no FIELD=VALUE."),
    (["desk/greet", "name=a", "name=b"], "name takes one value."),
    (["desk/ping", "x=y"], "desk/ping asks nothing"),
    (["--nope", "desk/ping"], "there is no option --nope"),
])
def test_a_wrong_line_says_what_is_wrong(service, words, says):
    done = service.ctl("do", *words, check=False)
    assert done.returncode == 2 and says in done.stderr and not done.stdout


def test_what_is_needed_is_asked_for_on_a_terminal(service):
    import pty
    import subprocess
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [os.path.join(BUILD, "src/ctl/concordctl"), "--link", service.link,
         "do", "desk/enter"], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""

    def wait_for(text):
        nonlocal seen
        while text not in seen:
            seen += os.read(master, 4096)
    wait_for(b"Name (a text): ")
    os.write(master, b"Ann\n")
    wait_for(b"Password: ")
    os.write(master, b" open sesame \n")
    wait_for(b"Come in, Ann.")
    assert child.wait(LIMIT) == 0
    os.close(master)
    assert b"sesame" not in seen  # not echoed


# -- answers that come later, and Python's own -------------------------------

def test_an_answer_may_come_later(service, guest):
    if service.lang != "c":
        pytest.skip("a Python handler may take its time")
    assert by_http(service, "desk/later", what="slow")[:2] == (
        0, "It was slow.")
    assert by_xmpp(guest, "desk/later", what="late")[:2] == (0, "It was late.")
    assert by_ctl(service, "desk/later", what="dull")[:2] == (
        0, "It was dull.")


def test_codes_are_said_in_words(service, guest):
    if service.lang != "c":
        pytest.skip("a Python handler raises Refuse")
    assert by_xmpp(guest, "desk/outcome", what="missing")[:2] == (
        "item-not-found", "That is not there.")
    assert by_http(service, "desk/outcome", what="missing")[:2] == (
        "item-not-found", "That is not there.")
    assert by_ctl(service, "desk/outcome", what="forbidden")[:2] == (
        1, "You may not do that.")


def test_what_a_python_handler_may_return(service, guest):
    if service.lang != "python":
        pytest.skip("of Python alone")
    assert by_xmpp(guest, "desk/dicts")[3] == [
        ["1", "true", ""], ["2", "", "x\ny"]]
    assert by_http(service, "desk/records")[3] == [["Austen"], [""]]
    assert by_ctl(service, "desk/values")[2] == ["1", ""]
    assert by_http(service, "desk/wrong")[0] == "internal-server-error"
    until("the log says what to return", lambda: any(
        "a command returns None, a text, a dict" in line
        for line in service.log))
