# SPDX-License-Identifier: MIT
"""door.example has the app "auth": people of Prosody and ejabberd log in with
their own addresses, by their own clients (XEP-0070) and by links."""
from __future__ import annotations

import html
import http.cookiejar
import os
import re
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET

import pytest

from bed import LIMIT, until
from client import Person, loop
from conftest import CONTROL, PASSWORD
from servers import BUILD, Concordance

pytestmark = pytest.mark.skipif(CONTROL, reason="the service's own page")
DOOR = "https://door.example"
CONFIRM = "http://jabber.org/protocol/http-auth"


@pytest.fixture(scope="module")
def door(bed, ca):
    service = Concordance(bed.hosts["door"], ca, "door.example", "--s2s-cert",
                          os.path.join(BUILD, "apps", "auth.so"))
    service.start()
    service.ctl("do", "settings/auth", "far=true",
                "far-domains=*.example prosody.example ejabberd.example")
    yield service
    service.stop()


@pytest.fixture(params=["prosody", "ejabberd"])
def peer(request):
    server = request.getfixturevalue(request.param)
    server.domain = f"{request.param}.example"
    return server


@pytest.fixture
def alice(door, peer, ca):
    with Person(f"alice@{peer.domain}", PASSWORD, ca=ca.root) as person:
        person.be_present()
        yield person


class Browser:
    """Cookies, forms without JavaScript, and TLS that is checked."""

    def __init__(self, ca):
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *args):
                return None
        self.opener = urllib.request.build_opener(
            Stay, urllib.request.HTTPCookieProcessor(
                http.cookiejar.CookieJar()),
            urllib.request.HTTPSHandler(
                context=ssl.create_default_context(cafile=ca.root)))

    def ask(self, path: str, fields=None, limit: float = LIMIT):
        data = fields and urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(DOOR + path, data,
                                         {"Origin": DOOR} if data else {})
        try:
            answer = self.opener.open(request, timeout=limit)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return (answer.status, answer.headers.get("Location"),
                    answer.read().decode())

    def press(self, path: str, limit: float = LIMIT):
        """The one form with a token on that page."""
        _, _, text = self.ask(path)
        action = html.unescape(re.search('<form [^>]*action="([^"]*do=[^"]*)"',
                                         text)[1])
        fields = {n: html.unescape(v) for n, v in re.findall(
            '<input type="hidden" name="([^"]*)" value="([^"]*)"', text)}
        return self.ask(action, fields, limit)

    def who(self) -> str:
        status, _, text = self.ask("/account")
        return re.search("auth-who\">\\s*<strong>([^<]*)", text)[1] \
            if status == 200 else ""


class Entering(threading.Thread):
    """Somebody logs in with his client: the page is held until it answers."""

    def __init__(self, ca, jid: str):
        super().__init__(daemon=True)
        self.browser, self.answer = Browser(ca), None
        status, self.page, text = self.browser.ask(
            "/login?do=login/client", {"jid": jid})
        assert status == 303, text
        shown = self.browser.ask(self.page)[2]
        self.code = re.search("auth-code\"><code>([A-Z0-9]{8})<", shown)[1]
        self.start()

    def run(self):
        self.answer = self.browser.press(self.page, 90)

    def done(self):
        self.join(LIMIT)
        assert self.answer is not None, "the page is still held"
        return self.answer


def question(person: Person, code: str):
    """The message that asks, once it came: with this code."""
    def find():
        for message in person.messages:
            confirm = message.xml.find(f"{{{CONFIRM}}}confirm")
            if confirm is not None and confirm.get("id") == code:
                return message
        return None
    return until(f"{person.jid} is asked for {code}", find)


def answer(person: Person, asked, how: str) -> None:
    confirm = asked.xml.find(f"{{{CONFIRM}}}confirm")

    def send():
        m = person.xmpp.make_message(mto=asked["from"].bare)
        m["type"] = "error" if how == "no" else "normal"
        thread = ET.SubElement(m.xml, "{jabber:client}thread")
        thread.text = asked.xml.findtext("{jabber:client}thread")
        if how == "word":
            ET.SubElement(m.xml, "{jabber:client}body").text = "OK"
        else:
            ET.SubElement(m.xml, f"{{{CONFIRM}}}confirm", dict(confirm.attrib))
        if how == "no":
            error = ET.SubElement(m.xml, "{jabber:client}error",
                                  {"type": "auth", "code": "401"})
            ET.SubElement(error, "{urn:ietf:params:xml:ns:xmpp-stanzas}"
                          "not-authorized")
        m.send()
    loop().call_soon_threadsafe(send)


@pytest.mark.parametrize("how", ["confirm", "word"])
def test_somebody_logs_in_with_his_own_client(alice, ca, how):
    """A client that knows the question, and a person who answers OK."""
    entering = Entering(ca, alice.jid)
    asked = question(alice, entering.code)
    assert asked["from"].bare == "door.example"
    assert entering.code in asked["body"]
    url = asked.xml.find(f"{{{CONFIRM}}}confirm").get("url")
    assert url.startswith(DOOR + "/")
    answer(alice, asked, how)
    status, location, text = entering.done()
    assert status == 303, re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", text))
    assert entering.browser.who() == alice.jid
    # He has log-ins here, and no account: there is nothing to delete.
    assert "account-delete" not in entering.browser.ask("/account")[2]


def test_who_says_no_is_not_let_in_and_nobody_answers_for_him(alice, peer, ca):
    entering = Entering(ca, alice.jid)
    asked = question(alice, entering.code)
    with Person(f"bob@{peer.domain}", PASSWORD, ca=ca.root) as bob:
        answer(bob, asked, "confirm")
        answer(bob, asked, "word")
        # What bob said has arrived when this comes back.
        assert bob.info("door.example")[0]
    assert entering.answer is None
    answer(alice, asked, "no")
    status, _, text = entering.done()
    assert status == 422 and "said no" in text
    assert entering.browser.who() == ""


@pytest.mark.parametrize("jid", ["nobody@prosody.example",
                                 "alice@none.example",
                                 "alice@nowhere.example"])
def test_who_cannot_be_asked_is_told_before_a_minute_is_over(door, prosody,
                                                             ca, jid):
    begin = time.monotonic()
    entering = Entering(ca, jid)
    status, _, text = entering.done()
    assert status == 422, text
    assert "cannot be asked" in text or "said no" in text
    assert time.monotonic() - begin < 45
    assert entering.browser.who() == ""


def test_a_link_reaches_him_at_his_server(alice, ca):
    browser = Browser(ca)
    status, _, text = browser.ask("/login?do=login/link", {"jid": alice.jid})
    assert status == 303, text
    message = until("the link comes", lambda: next(
        (m for m in alice.messages if "/login/open?" in m["body"]), None))
    link = re.search(re.escape(DOOR) + "(/login/open\\S*)", message["body"])[1]
    status, _, text = browser.press(link)
    assert status == 303, text
    assert browser.who() == alice.jid
    status, _, text = Browser(ca).press(link)
    assert status == 422 and "used already" in text
