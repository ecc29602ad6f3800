# SPDX-License-Identifier: MIT
"""docs/apps.md "Who may do what": its table, cell by cell, by HTTP as a
browser does it and over XMPP as a client does."""
from __future__ import annotations

import contextlib
import re
import xml.etree.ElementTree as ET

import pytest

from service import HAS_PYTHON, TOP, Service, until
from test_weblogin import Browser
from wire import Client

PASSWORD = "four words of theirs"
WHO = ("guest", "user", "staff", "admin", "boss")
SHEET = """<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page"
    exclude-result-prefixes="c">
  <xsl:import href="theme.xsl"/>
  <xsl:template match="/*" mode="main">
    <c:part for="staff"><p>FOR-STAFF</p></c:part>
  </xsl:template>
</xsl:stylesheet>"""
APP = '''
from concordance import *
from concordance import login

class Note(Record):
    title = Text("Title", required=True)

class Who(Record):
    jid = Text("Address", required=True)

class Desk(App):
    xmlns = "urn:x-desk"
    title = "Desk"
    roles = ["staff"]
    library = Node(Note, form="Add a note")
    papers = Node(Note, form="Add a paper", readers="staff", writers="staff")
    index = Page("/", library, "desk.xsl")
    inside = Page("/papers", papers)
    closed = Page("/closed", library, readers="staff")
    tools = Page("/tools", command="desk/tool")
    staff = Page("/staff", command="desk/help", readers="staff")
    enter = Page("/enter", command="login")

    @command("login", "Enter", form=Who, who="anybody")
    def log_in(self, user, form):
        login.begin(form.jid)

    @command("desk/tool", "Tool", safe=True)
    def tool(self, user, form):
        return "Done."

    @command("desk/help", "Help", who="anybody", safe=True)
    def help(self, user, form):
        return "Done."

    @command("desk/mine", "Mine", who="users", safe=True)
    def mine(self, user, form):
        return "Done."

    @command("desk/paper", "Paper", roles="staff", safe=True)
    def paper(self, user, form):
        return "Done."
'''


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    if not HAS_PYTHON:
        pytest.skip("built without Python")
    folder = tmp_path_factory.mktemp("may")
    (folder / "desk.py").write_text(APP)
    (folder / "desk.xsl").write_text(SHEET)
    with Service("desk:Desk", "--allow-plain", "--operator",
                 "boss@localhost", files=str(folder),
                 env={"APPPATH": str(folder)}) as running:
        for name in WHO[1:]:
            running.ctl("adduser", name, stdin=PASSWORD + "\n")
        for name in ("staff", "admin"):
            running.ctl("do", "roles/set", f"jid={name}@localhost",
                        f"role={name}", "has=true")
        running.ctl("do", "backup")
        running.backup = re.search(
            r"\S+\.xml",
            running.ctl("do", "backups").stdout).group()
        until("the page", lambda: "FOR-STAFF" not in running.get("/")[2])
        yield running


@pytest.fixture(scope="module")
def browsers(service):
    everybody = {}
    for name in WHO:
        browser = everybody[name] = Browser(service)
        if name != "guest":
            assert browser.ask("POST", "/_do/login",
                               {"jid": f"{name}@localhost"})[0] == 200
            assert "concordance" in browser.cookies
    return everybody


OPEN = (200,) * 5
# What a page or an address answers to each of WHO.
HTTP = [
    ("GET", "/", None, OPEN),
    ("GET", "/papers", None, (303, 403, 200, 403, 200)),
    ("GET", "/closed", None, (303, 403, 200, 403, 200)),
    ("GET", "/tools", None, (303, 403, 403, 200, 200)),
    ("GET", "/staff", None, (303, 403, 200, 403, 200)),
    ("GET", "/_do", None, OPEN),
    ("GET", "/_do/desk/help", None, OPEN),
    ("GET", "/_do/desk/mine", None, (303, 200, 200, 200, 200)),
    ("GET", "/_do/desk/paper", None, (303, 403, 200, 200, 200)),
    ("GET", "/_do/desk/tool", None, (303, 403, 403, 200, 200)),
    ("GET", "/_do/roles", None, (303, 403, 403, 200, 200)),
    ("POST", "/_do/desk/tool", {}, (303, 403, 403, 200, 200)),
    ("POST", "/_do/nodes/purge", {"node": "library", "name": "no"},
     (303, 403, 403, 422, 422)),
    ("POST", "/?form=library", {"title": "A"}, (303,) * 5),
    ("POST", "/papers?form=papers", {"title": "A"},
     (303, 403, 303, 403, 303)),
    ("POST", "/_token", {}, (401, 200, 200, 200, 200)),
    ("GET", "/_backup/NAME", None, (403, 403, 403, 200, 200)),
    ("GET", "/metrics", None, OPEN),
    ("GET", "/healthz", None, OPEN),
    ("GET", "/_console", None, OPEN),
]


@pytest.mark.parametrize("method, path, fields, want", HTTP)
@pytest.mark.parametrize("who", WHO)
def test_http(service, browsers, who, method, path, fields, want):
    path = path.replace("NAME", service.backup)
    status, _ = browsers[who].ask(method, path, fields)
    assert status == want[WHO.index(who)], (who, method, path)


def test_parts(browsers):
    for name, browser in browsers.items():
        assert ("FOR-STAFF" in browser.ask("GET", "/")[1]) == \
            (name in ("staff",)), name


# -- over XMPP -----------------------------------------------------------------

@pytest.fixture(scope="module")
def clients(service):
    with contextlib.ExitStack() as stack:
        everybody = {"guest": Client(service.port)}
        for name in WHO[1:]:
            one = everybody[name] = Client(service.port, bind=False)
            one.open()
            said = f"\0{name}\0{PASSWORD}".encode()
            assert one.auth("PLAIN", said).tag.endswith("success")
            one.open()
            one.bind()
        for one in everybody.values():
            stack.callback(one.close)
        yield everybody


NOTE = "<note xmlns='urn:x-desk'><title>A</title></note>"
PUBSUB = "http://jabber.org/protocol/pubsub"
COMMANDS = "http://jabber.org/protocol/commands"
SLOT = ("<request xmlns='urn:xmpp:http:upload:0' filename='a.txt' size='3'"
        " content-type='text/plain'/>")


def items(node):
    return "get", (f"<pubsub xmlns='{PUBSUB}'><items node='{node}'/>"
                   "</pubsub>")


def follow(node):
    return "subscribe", node


def publish(node):
    return "set", (f"<pubsub xmlns='{PUBSUB}'><publish node='{node}'><item>"
                   f"{NOTE}</item></publish></pubsub>")


def run(node):
    return "set", f"<command xmlns='{COMMANDS}' node='{node}'/>"


YES, NO = True, False
XMPP = [
    (items("library"), (YES,) * 5),
    (items("papers"), (NO, NO, YES, NO, YES)),
    (follow("papers"), (NO, NO, YES, NO, YES)),
    (follow("view:/papers"), (NO, NO, YES, NO, YES)),
    (follow("view:/closed"), (NO, NO, YES, NO, YES)),
    (follow("view:/"), (YES,) * 5),
    (publish("library"), (NO, NO, NO, NO, YES)),
    (publish("papers"), (NO, NO, YES, NO, YES)),
    (publish("templates"), (NO,) * 5),  # it is no template
    (items("templates"), (NO, NO, NO, NO, YES)),
    (items("service/log"), (NO, NO, NO, YES, YES)),
    (items("service/metrics"), (NO, NO, NO, YES, YES)),
    (items("service/audit"), (NO, NO, NO, YES, YES)),
    (publish("service/audit"), (NO,) * 5),
    (run("desk/help"), (YES,) * 5),
    (run("desk/mine"), (NO, YES, YES, YES, YES)),
    (run("desk/paper"), (NO, NO, YES, YES, YES)),
    (run("desk/tool"), (NO, NO, NO, YES, YES)),
    (run("roles"), (NO, NO, NO, YES, YES)),
    (("get", SLOT), (NO, YES, YES, YES, YES)),
]


@pytest.mark.parametrize("what, want", XMPP)
@pytest.mark.parametrize("who", WHO)
def test_xmpp(clients, who, what, want):
    client = clients[who]
    kind, payload = what
    answer = client.subscribe(payload) if kind == "subscribe" else \
        client.iq(kind, payload)
    good = answer.get("type") == "result"
    assert good == want[WHO.index(who)], ET.tostring(answer)


@pytest.mark.parametrize("who, may", [("admin", NO), ("boss", YES)])
def test_only_operators_name_the_path_of_a_module(browsers, who, may):
    status, text = browsers[who].ask("POST", "/_do/apps/add",
                                     {"app": "/nowhere/x.so"})
    assert status == (422 if not may else status) and status >= 400
    assert ("a path is for operators" in text) == (not may)


def test_the_documentation_has_the_same_table():
    with open(f"{TOP}/docs/apps.md", encoding="utf-8") as f:
        part = f.read().split("\n## Who may do what\n")[1].split("\n## ")[0]
    rows = {r.split("|")[1].strip(): [c.strip() for c in r.split("|")[2:7]]
            for r in part.splitlines() if r.startswith("| `")}
    said = {200: "yes", 303: "no", 403: "no", 401: "no"}
    for name, cells in (
            ("`/metrics`, `/healthz`, `/_console`", HTTP[17][3]),
            ("`POST /_token`", HTTP[15][3]), ("`/_backup/NAME`", HTTP[16][3]),
            ("`.readers` of a page", HTTP[2][3])):
        assert rows[name] == [said[c] for c in cells], name
