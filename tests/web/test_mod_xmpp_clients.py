# SPDX-License-Identifier: MIT
"""What people use, through mod_xmpp: strophe.js, @xmpp/client and converse.js
log in to the service, and to Prosody over STARTTLS."""
import os
import subprocess
import threading

import pytest

from apache import Apache
from program import LIMIT, TOP, free_port, until
from prosody import Prosody
from service import Service
from wire import Client, Closed

PROGRAMS = os.path.join(TOP, "tests", "peers", "programs")
PASSWORD = "R0saline-1"
PEOPLE = {"alice": PASSWORD, "bob": PASSWORD}
ROSTER = ("<query xmlns='jabber:iq:roster'><item jid='{}@localhost'/>"
          "</query>")


class Person(Client):
    """Somebody with an account, who is there."""

    def __init__(self, port: int, user: str):
        self.user = user
        super().__init__(port, resource="desk")
        self.send("<presence xmlns='jabber:client'/>")

    def login(self):
        answer = self.auth("PLAIN", f"\0{self.user}\0{PASSWORD}".encode())
        assert answer.tag.endswith("}success"), answer
        self.open()

    def heard(self, text: str):
        """The message with this text."""
        while True:
            e = self.recv()
            if e.findtext("{jabber:client}body") == text:
                return e

    def say(self, to: str, text: str) -> None:
        self.send(f"<message xmlns='jabber:client' type='chat' to='{to}'>"
                  f"<body>{text}</body></message>")


class Script:
    """A program of tests/peers/programs: a word and what it is about, a line
    each."""

    def __init__(self, *words: str):
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            ["node", *words], cwd=PROGRAMS, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def said(self, word: str) -> list[str]:
        return [line[len(word):].strip() for line in self.lines
                if line == word or line.startswith(word + " ")]

    def says(self, word: str, limit: float = LIMIT) -> str:
        def there():
            if not self.said(word) and self.process.poll() is not None:
                self.reader.join(LIMIT)
                assert self.said(word), "\n".join(self.lines)[-4000:]
            return self.said(word)
        try:
            return until(f"{word!r} is said", there, limit)[0]
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(
                self.lines)[-4000:]) from None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT)
        self.reader.join(LIMIT)
        self.process.stdout.close()


@pytest.fixture(scope="module", params=["concordance", "prosody"])
def apache(request, authority, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("apache"))
    more = "XMPPOrigin http://127.0.0.1:8099"  # converse.js's page
    if request.param == "concordance":
        port = free_port()
        with Service("bookcase-c", "--c2s", f"127.0.0.1:{port}",
                     "--allow-plain") as s:
            for user in PEOPLE:
                s.ctl("adduser", user, stdin=PASSWORD + "\n")
            with Apache(folder, f"tcp://127.0.0.1:{port}", more=more) as a:
                yield a
        return
    with Prosody(str(tmp_path_factory.mktemp("prosody")), authority, tls=True,
                 people=PEOPLE) as p:
        more += f"\nXMPPTLS required\nXMPPCAFile {authority.root}"
        with Apache(folder, f"tcp://127.0.0.1:{p.c2s}", more=more) as a:
            yield a


@pytest.fixture(scope="module")
def bob(apache):
    bob = Person(apache.port, "bob")
    alice = Person(apache.port, "alice")
    for one, other in ((bob, "alice"), (alice, "bob")):
        assert one.iq("set", ROSTER.format(other), to=None).get(
            "type") == "result"
    alice.close()
    yield bob
    bob.close()


@pytest.fixture(scope="module")
def programs():
    if not os.path.isdir(os.path.join(PROGRAMS, "node_modules")):
        pytest.fail("tests/peers/programs has no node_modules: run "
                    "tools/check web, or npm ci there")


def visit(script: Script, bob: Person, text: str) -> None:
    script.says("online", 60)
    script.says("roster")
    assert any("bob" in name for name in script.said("roster"))
    heard = bob.heard(text)
    assert heard.get("from").startswith("alice@localhost/")
    bob.say(heard.get("from"), "back to you")
    assert script.says("heard") == "back to you"
    script.process.wait(LIMIT)


def test_strophe_js(apache, bob, programs):
    with Script("strophe.js", apache.url(), "alice@localhost", PASSWORD,
                "bob@localhost", "strophe.js") as script:
        visit(script, bob, "strophe.js")


def test_xmpp_js(apache, bob, programs):
    """@xmpp/client; it resumes its stream when its line is cut."""
    text = "xmpp.js"
    with Script("xmppjs.js", apache.url(), "localhost", "alice", PASSWORD,
                "bob@localhost", text) as script:
        full = script.says("online")
        script.says("roster end")
        bob.heard(text)
        bob.say(full, f"cut {text}")
        script.says(f"heard cut {text}")
        bob.say(full, f"and on {text}")
        script.says("resumed")
        script.says(f"heard and on {text}")
        bob.say(full, f"leave {text}")
        script.says(f"heard leave {text}")
        assert len(script.said(f"heard and on {text}")) == 1


def test_converse_js_in_a_browser(apache, bob, programs):
    text = "typed into a page"
    with Script("converse.js", apache.url(), "alice@localhost", PASSWORD,
                "bob@localhost", text) as script:
        visit(script, bob, text)


# -- TLS between Apache and the server ---------------------------------------------

@pytest.fixture(scope="module")
def prosody(authority, tmp_path_factory):
    with Prosody(str(tmp_path_factory.mktemp("prosody")), authority, tls=True,
                 people={}) as p:
        yield p


def refused(a: Apache) -> str:
    """The stream error that a client gets with its <open/>."""
    c = Client(a.port, bind=False)
    c.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' "
           "to='localhost' version='1.0'/>")
    while True:
        e = c.recv()
        if e.tag.endswith("}error"):
            break
        assert e.tag.endswith("}open")
    with pytest.raises(Closed):
        while True:
            c.recv()
    c.close()
    return e[0].tag.split("}")[1]


def test_a_certificate_that_nobody_trusts_is_refused(prosody, tmp_path):
    with Apache(str(tmp_path), f"tcp://127.0.0.1:{prosody.c2s}",
                more="XMPPTLS required") as a:
        assert refused(a) == "remote-connection-failed"
        a.logged("no TLS: ")
        a.logged("certificate")


def test_a_certificate_of_another_is_refused(authority, tmp_path_factory,
                                             tmp_path):
    class Other:
        dir, root = authority.dir, authority.root

        @staticmethod
        def path(_name, end):
            return authority.path("other", end)
    with Prosody(str(tmp_path_factory.mktemp("prosody")), Other, tls=True,
                 people={}) as p, Apache(
            str(tmp_path), f"tcp://127.0.0.1:{p.c2s}",
            more=f"XMPPTLS offered\nXMPPCAFile {authority.root}") as a:
        assert refused(a) == "remote-connection-failed"
        a.logged("its certificate is not for localhost")


def test_a_server_that_wants_tls_and_does_not_get_it(prosody, tmp_path):
    with Apache(str(tmp_path), f"tcp://127.0.0.1:{prosody.c2s}",
                more="XMPPTLS never") as a:
        assert refused(a) == "remote-connection-failed"
        a.logged("The server wants TLS, which is not used here")


def test_tls_that_is_required_and_not_offered(authority, tmp_path_factory,
                                              tmp_path):
    with Prosody(str(tmp_path_factory.mktemp("prosody")), authority,
                 tls=False, people={}) as p, Apache(
            str(tmp_path), f"tcp://127.0.0.1:{p.c2s}",
            more="XMPPTLS required") as a:
        assert refused(a) == "remote-connection-failed"
        a.logged("The server offers no TLS")
    with Apache(str(tmp_path_factory.mktemp("apache")),
                f"tcp://127.0.0.1:{p.c2s}") as a:
        with pytest.raises(Closed, match="503"):
            Client(a.port)
