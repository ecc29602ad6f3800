# SPDX-License-Identifier: MIT
"""What people use, at our clients' port and WebSocket: each logs in, sees its
roster, says something and reads the answer.

With BED_CONTROL=prosody the same clients meet Prosody instead: what fails
there too is the client's or the bed's.
"""
import os
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET

import pytest

from bed import HERE, LIMIT, until
from client import Person
from conftest import CONTROL, PASSWORD
from servers import NS

PROGRAMS = os.path.join(HERE, "programs")


@pytest.fixture(scope="module")
def server(books):
    return books


@pytest.fixture(scope="module")
def bob(server, ca):
    """Bob has slixmpp and answers whoever speaks to him."""
    with Person("bob@books.example", PASSWORD, ca=ca.root,
                plugins=["xep_0280"]) as person:
        if not CONTROL:
            befriend(person, ca)
        person.be_present()
        yield person


def befriend(bob, ca) -> None:
    """Both ask and both agree; waits until both rosters say so."""
    alice, other = "alice@books.example", "bob@books.example"
    with Person(alice, PASSWORD, ca=ca.root) as person:
        # slixmpp agrees by itself and asks back.
        person.be_present()
        bob.be_present()
        bob.be_present(pto=alice, ptype="subscribe")
        for who, whom in ((person, other), (bob, alice)):
            until(f"{who.jid} has {whom}", lambda: contacts(who).get(whom)
                  == "both")


def contacts(person) -> dict[str, str]:
    answer = person.ask(person.xmpp.boundjid.bare, "get",
                        '<query xmlns="jabber:iq:roster"/>')
    return {i.get("jid"): i.get("subscription") for i in answer}


@pytest.fixture(scope="session")
def modules():
    """The clients from npm."""
    if not os.path.isdir(os.path.join(PROGRAMS, "node_modules")):
        pytest.fail("tests/peers/programs has no node_modules: run "
                    "tools/check peers, or npm ci there")


class Program:
    """A client program: says a word and what it is about, a line each."""

    def __init__(self, bed, ca, *words):
        self.process = bed.runner.spawn(
            *words, env={"NODE_EXTRA_CA_CERTS": ca.root, "HOME": bed.dir},
            cwd=PROGRAMS)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()

    def lines(self, word: str) -> list[str]:
        return [line[len(word):].strip()
                for line in self.process.said().splitlines()
                if line == word or line.startswith(word + " ")]

    def says(self, word: str, limit: float = LIMIT, n: int = 1) -> str:
        def said():
            if len(self.lines(word)) >= n:
                return True
            if not self.process.alive() and len(self.lines(word)) < n:
                raise AssertionError(f"it ended before {word!r}:\n"
                                     + self.process.said()[-6000:])
            return False
        until(lambda: f"{word!r} is said:\n" + self.process.said()[-6000:],
              said, limit)
        return self.lines(word)[n - 1]


def visit(program: Program, bob, text: str) -> None:
    """What each client is to do."""
    program.says("online")
    program.says("roster end")
    assert "bob@books.example" in program.lines("roster")
    heard = bob.heard(text)
    assert str(heard["from"]).startswith("alice@books.example/")
    bob.say(str(heard["from"]), "back to you")
    assert program.says("heard") == "back to you"
    assert program.process.process.wait(LIMIT) == 0


# -- slixmpp -----------------------------------------------------------------

@pytest.mark.parametrize("mechanism", [
    "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS",
    "PLAIN"])
def test_slixmpp_logs_in_over_starttls(server, ca, mechanism):
    if CONTROL and mechanism != "SCRAM-SHA-1":
        pytest.skip("Prosody keeps SHA-1 only")
    with Person("alice@books.example", PASSWORD, ca=ca.root,
                mechanism=mechanism,
                binding=mechanism.endswith("PLUS")) as alice:
        assert alice.xmpp.boundjid.bare == "alice@books.example"
        chosen = alice.xmpp["feature_mechanisms"].mech.name
        assert chosen == mechanism


def test_a_client_that_was_not_shown_the_bindings_is_refused(server, ca):
    """It says "y": I could have bound, but you did not offer.  We did."""
    if CONTROL:
        pytest.skip("Prosody offers no binding with TLS 1.3")
    with Person("alice@books.example", PASSWORD, ca=ca.root, enter=False,
                mechanism="SCRAM-SHA-256") as alice:
        with pytest.raises(AssertionError, match="not-authorized"):
            alice.connect()


def test_slixmpp_logs_in_over_direct_tls(server, ca, bed):
    with Person("alice@books.example", PASSWORD, ca=ca.root, direct_tls=True,
                address=("books.example", 5223)) as alice:
        assert "http://jabber.org/protocol/disco#info" in alice.info(
            "books.example")[1]


def test_a_wrong_password_is_refused(server, ca):
    with Person("alice@books.example", "guess", ca=ca.root,
                enter=False) as alice:
        with pytest.raises(AssertionError, match="not-authorized"):
            alice.connect()


def test_two_resources_of_one_account_share_what_is_said(server, ca, bob):
    with Person("alice@books.example/desk", PASSWORD, ca=ca.root,
                plugins=["xep_0280"]) as desk, \
            Person("alice@books.example/hand", PASSWORD, ca=ca.root) as hand:
        for alice in (desk, hand):
            alice.be_present()
        copies = []
        desk.xmpp.add_event_handler("carbon_received", copies.append)
        desk.xmpp.add_event_handler("carbon_sent", copies.append)
        desk.ask("", "set", '<enable xmlns="urn:xmpp:carbons:2"/>')
        bob.say(hand.xmpp.boundjid.full, "to the hand")
        hand.heard("to the hand")
        until("the desk has a copy", lambda: len(copies) >= 1)
        hand.say("bob@books.example", "from the hand")
        bob.heard("from the hand")
        until("the desk has both copies", lambda: len(copies) == 2)


def test_presence_reaches_the_other_and_goes_when_the_line_drops(server, ca,
                                                                 bob):
    bob.presences.clear()
    alice = Person("alice@books.example/phone", PASSWORD, ca=ca.root)
    alice.be_present(pstatus="reading")

    def seen(kind):
        return any(p["type"] == kind and str(p["from"]).endswith("/phone")
                   for p in bob.presences)
    until("bob sees alice", lambda: seen("available"))
    alice.close()
    until("bob sees her leave", lambda: seen("unavailable"))


def test_what_is_said_while_away_waits(server, ca, bob):
    bob.say("alice@books.example", "while you were out")
    with Person("alice@books.example", PASSWORD, ca=ca.root) as alice:
        alice.be_present()
        message = alice.heard("while you were out")
        assert message.xml.find("{urn:xmpp:delay}delay") is not None


def test_slixmpp_resumes_a_stream_that_was_cut(server, ca, bob):
    """XEP-0198: what was sent meanwhile arrives, once."""
    with Person("alice@books.example/sm", PASSWORD, ca=ca.root,
                sm=True) as alice:
        alice.be_present()
        until("management is on",
              lambda: alice.xmpp["xep_0198"].enabled_in)
        full = alice.xmpp.boundjid.full
        resumed = []
        alice.xmpp.add_event_handler("session_resumed", resumed.append)
        alice.xmpp.loop.call_soon_threadsafe(alice.xmpp.transport.abort)
        bob.say(full, "did you get this?")
        until("the line is down", lambda: alice.xmpp.transport is None)
        alice.xmpp.loop.call_soon_threadsafe(alice.xmpp.connect)
        until("it is resumed", lambda: resumed)
        alice.heard("did you get this?")
        assert alice.xmpp.boundjid.full == full
        assert len([m for m in alice.messages
                    if m["body"] == "did you get this?"]) == 1


def test_slixmpp_follows_the_library(server, ca):
    if CONTROL:
        pytest.skip("Prosody has no library")
    with Person("alice@books.example", PASSWORD, ca=ca.root) as alice:
        alice.be_present()
        alice.subscribe("books.example", "library")
        server.publish("library", "Over TCP", "tcp1")
        item = alice.told("Over TCP")
        assert item.get("id") == "tcp1"
        assert item[0].tag == f"{{{NS}}}book"
        server.ctl("retract", "library", "tcp1")
        assert alice.told("tcp1", kind="retract") is not None
        answer = alice.command("books.example", "library", {
            "title": "By command", "author": "Alice"})
        assert answer.get("status") == "completed", ET.tostring(answer)
        assert alice.told("By command") is not None
        alice.unsubscribe("books.example", "library")


# -- libstrophe --------------------------------------------------------------

@pytest.fixture(scope="module")
def strophe(bed):
    program = os.path.join(bed.dir, "strophe")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libstrophe"],
                           capture_output=True, text=True, check=True)
    subprocess.run(["gcc", "-o", program, f"{PROGRAMS}/strophe.c",
                    *flags.stdout.split()], check=True, timeout=60)
    return program


@pytest.mark.parametrize("way", ["starttls", "tls"])
def test_libstrophe(server, bed, ca, bob, strophe, way):
    where = ["books.example", "5223"] if way == "tls" else []
    text = f"libstrophe over {way}"
    with Program(bed, ca, strophe, "alice@books.example", PASSWORD, ca.root,
                 "bob@books.example", text, way, *where) as program:
        visit(program, bob, text)


# -- strophe.js, @xmpp/client, converse.js -----------------------------------

def test_strophe_js(server, bed, ca, bob, modules):
    text = "strophe.js"
    with Program(bed, ca, "node", "strophe.js",
                 server.websocket("books.example"), "alice@books.example",
                 PASSWORD, "bob@books.example", text) as program:
        visit(program, bob, text)


@pytest.mark.parametrize("service", ["xmpp://books.example:5222",
                                     "xmpps://books.example:5223", "wss"])
def test_xmpp_js(server, bed, ca, bob, modules, service):
    """@xmpp/client logs in, and resumes when its line is cut."""
    if CONTROL and service.startswith("xmpps"):
        pytest.skip("Prosody needs SNI, which this client does not send")
    if service == "wss":
        service = server.websocket("books.example")
    text = f"xmpp.js by {service}"
    more = [] if CONTROL else ["books.example", "library"]
    with Program(bed, ca, "node", "xmppjs.js", service, "books.example",
                 "alice", PASSWORD, "bob@books.example", text,
                 *more) as program:
        full = program.says("online")
        program.says("roster end")
        assert "bob@books.example" in program.lines("roster")
        heard = bob.heard(text)
        if not CONTROL:
            program.says("subscribed")
            server.publish("library", "For xmpp.js", "js1")
            program.says("event")
            assert "js1" in program.lines("event")
        bob.say(str(heard["from"]), f"cut {text}")
        program.says(f"heard cut {text}")
        bob.say(full, f"and on {text}")
        program.says("resumed")
        program.says(f"heard and on {text}")
        bob.say(full, f"leave {text}")
        program.says(f"heard leave {text}")
        assert len(program.lines(f"heard and on {text}")) == 1


def test_converse_js_in_a_browser(server, bed, ca, bob, modules):
    text = "typed into a page"
    with Program(bed, ca, "node", "converse.js",
                 server.websocket("books.example"), "alice@books.example",
                 PASSWORD, "bob@books.example", text) as program:
        program.says("online", 60)
        program.says("roster")
        program.says("sent")
        heard = bob.heard(text)
        bob.say(str(heard["from"]), "back to you")
        assert program.says("heard") == "back to you"


# -- profanity ---------------------------------------------------------------

class Terminal:
    """profanity in a terminal of its own: keys in, screen out."""

    def __init__(self, bed, ca):
        self.dir = os.path.join(bed.dir, "profanity")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.socket = os.path.join(self.dir, "tmux")
        # The library underneath trusts what OpenSSL trusts.
        self.env = dict(os.environ, HOME=self.dir, SSL_CERT_FILE=ca.root,
                        XDG_CONFIG_HOME=self.dir + "/config",
                        XDG_DATA_HOME=self.dir + "/data", TERM="screen",
                        LC_ALL="C.UTF-8")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y",
                  "50", "profanity")

    def tmux(self, *words) -> str:
        done = subprocess.run(["tmux", "-S", self.socket, *words],
                              env=self.env, capture_output=True, text=True,
                              timeout=LIMIT)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", text)
        self.tmux("send-keys", "Enter")

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def shows(self, text: str) -> None:
        until(lambda: f"profanity shows {text!r}:\n{self.screen()}",
              lambda: text in self.screen())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.tmux("kill-server")


def test_profanity(server, bed, ca, bob):
    with Terminal(bed, ca) as terminal:
        terminal.shows("/help")
        terminal.type("/connect alice@books.example")
        terminal.shows("Enter password:")
        terminal.type(PASSWORD)
        terminal.shows("logged in successfully")
        terminal.type("/roster")
        terminal.shows("bob@books.example")
        terminal.type("/msg bob@books.example from a terminal")
        heard = bob.heard("from a terminal")
        bob.say(str(heard["from"]), "back to the terminal")
        terminal.shows("back to the terminal")
        terminal.type("/quit")
