# SPDX-License-Identifier: MIT
"""Two people with accounts (RFC 6121): they find each other, talk, are away,
and nothing is lost when the service is killed."""
from __future__ import annotations

import base64
import xml.etree.ElementTree as ET

import pytest

from service import Service
from test_resume import BIND, KINDS, SASL, name, pem  # noqa: F401

ROSTER = "jabber:iq:roster"
MAM = "urn:xmpp:mam:2"
CARBONS = "urn:xmpp:carbons:2"


class Person:
    """A resource of an account."""

    def __init__(self, service: Service, user: str, resource: str,
                 kind: str = "tcp", presence: bool = True):
        self.line = KINDS[kind](service)
        self.user, self.jid = f"{user}@localhost", None
        word = base64.b64encode(f"\0{user}\0R0saline-1".encode()).decode()
        self.line.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{word}"
                       "</auth>")
        assert name(self.line.recv()) == "success"
        self.line.open()
        self.jid = self.ask(
            "set", f"<bind xmlns='{BIND}'><resource>{resource}</resource>"
            "</bind>").findtext(".//{*}jid")
        self.ask("get", f"<query xmlns='{ROSTER}'/>")
        if presence:
            self.say("<presence xmlns='jabber:client'/>")
            self.hear(lambda e: e.get("from") == self.jid)

    def say(self, xml: str):
        self.line.send(xml)

    def hear(self, what) -> ET.Element:
        """The next stanza that fits; others are not looked at."""
        while True:
            e = self.line.recv()
            if what(e):
                return e

    def ask(self, kind: str, payload: str) -> ET.Element:
        self.say(f"<iq xmlns='jabber:client' type='{kind}' id='q'>{payload}"
                 "</iq>")
        e = self.hear(lambda e: e.get("id") == "q")
        assert e.get("type") == "result", ET.tostring(e)
        return e

    def chat(self, to: str, text: str):
        self.say(f"<message xmlns='jabber:client' type='chat' to='{to}'>"
                 f"<body>{text}</body></message>")

    def presence(self, to: str, kind: str):
        self.say(f"<presence xmlns='jabber:client' to='{to}' type='{kind}'/>")

    def hear_text(self, text: str) -> ET.Element:
        return self.hear(lambda e: e.findtext("{*}body") == text)

    def archive(self) -> list[str]:
        self.say(f"<iq xmlns='jabber:client' type='set' id='m'><query "
                 f"xmlns='{MAM}'/></iq>")
        found = []
        while True:
            e = self.line.recv()
            if e.get("id") == "m":
                assert e.find(f"{{{MAM}}}fin").get("complete") == "true"
                return found
            if e.find(f"{{{MAM}}}result") is not None:
                found.append(e.findtext(".//{jabber:client}body"))

    def contacts(self) -> dict[str, str]:
        e = self.ask("get", f"<query xmlns='{ROSTER}'/>")
        return {i.get("jid"): i.get("subscription")
                for i in e.iter(f"{{{ROSTER}}}item")}


@pytest.fixture
def start(pem):  # noqa: F811
    running = []

    def begin(*options: str) -> Service:
        s = Service("bookcase-c", "--c2s", "127.0.0.1:0", "--http-plain",
                    "--tls-cert", str(pem / "cert.pem"), "--tls-key",
                    str(pem / "key.pem"), "--allow-plain", *options)
        running.append(s)
        for user in ("juliet", "romeo"):
            s.ctl("adduser", user, stdin="R0saline-1\n")
        return s

    yield begin
    for s in running:
        with s:
            pass


def befriend(juliet: Person, romeo: Person):
    for one, other in ((romeo, juliet), (juliet, romeo)):
        one.presence(other.user, "subscribe")
        other.hear(lambda e: e.get("type") == "subscribe")
        other.presence(one.user, "subscribed")
        one.hear(lambda e: e.get("type") == "subscribed")
        one.hear(lambda e: e.get("from") == other.jid
                 and e.get("type") is None)


@pytest.mark.parametrize("kind", KINDS)
def test_two_people_see_each_other_and_talk(start, kind):
    service = start()
    juliet = Person(service, "juliet", "balcony", kind)
    romeo = Person(service, "romeo", "garden")
    befriend(juliet, romeo)
    assert juliet.contacts() == {"romeo@localhost": "both"}
    phone = Person(service, "juliet", "phone")
    phone.hear(lambda e: e.get("from") == romeo.jid)
    phone.ask("set", f"<enable xmlns='{CARBONS}'/>")
    romeo.chat(juliet.jid, "But soft")
    juliet.hear_text("But soft")
    copy = phone.hear(lambda e: e.find(f"{{{CARBONS}}}received") is not None)
    assert copy.get("from") == "juliet@localhost"
    juliet.chat(romeo.jid, "Ay me")
    romeo.hear_text("Ay me")
    phone.hear(lambda e: e.find(f"{{{CARBONS}}}sent") is not None)
    phone.line.sock.close()
    romeo.hear(lambda e: e.get("from") == phone.jid
               and e.get("type") == "unavailable")


def test_what_was_said_survives_a_kill(start):
    service = start()
    juliet = Person(service, "juliet", "balcony")
    romeo = Person(service, "romeo", "garden")
    befriend(juliet, romeo)
    juliet.chat(romeo.jid, "one")
    romeo.hear_text("one")
    juliet.line.sock.close()
    romeo.hear(lambda e: e.get("type") == "unavailable")
    romeo.chat("juliet@localhost", "two")
    # An answer to a query says that what was said before it is kept.
    assert romeo.archive() == ["one", "two"]
    service.kill()
    service.port = 0
    service.log.clear()
    service.start()
    juliet = Person(service, "juliet", "balcony", presence=False)
    assert juliet.contacts() == {"romeo@localhost": "both"}
    juliet.say("<presence xmlns='jabber:client'/>")
    late = juliet.hear_text("two")
    assert late.find("{urn:xmpp:delay}delay") is not None
    assert juliet.archive() == ["one", "two"]


def test_an_account_that_ends_leaves_nothing(start):
    service = start()
    juliet = Person(service, "juliet", "balcony")
    romeo = Person(service, "romeo", "garden")
    befriend(juliet, romeo)
    service.ctl("deluser", "juliet")
    romeo.hear(lambda e: e.get("type") == "unsubscribed")
    service.ctl("adduser", "juliet", stdin="R0saline-1\n")
    juliet = Person(service, "juliet", "balcony")
    assert juliet.contacts() == {}
    assert juliet.archive() == []


def test_what_is_left_out_is_not_there(start):
    service = start("--without", "archive", "--without", "carbons")
    juliet = Person(service, "juliet", "balcony")
    info = juliet.ask(
        "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    features = {f.get("var") for f in info.iter("{*}feature")}
    assert MAM not in features and CARBONS not in features
    juliet.say(f"<iq xmlns='jabber:client' type='set' id='c'><enable "
               f"xmlns='{CARBONS}'/></iq>")
    refused = juliet.hear(lambda e: e.get("id") == "c")
    assert refused.find(".//{*}service-unavailable") is not None
