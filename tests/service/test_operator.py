# SPDX-License-Identifier: MIT
"""What an operator sees of sessions and does to them."""
import json
import os
import subprocess
import threading

import pytest

import wire
from service import BUILD, LIMIT, Service, book, until

CTL = os.path.join(BUILD, "src/ctl/concordctl")


@pytest.fixture(scope="module")
def service():
    with Service("bookcase-c", "--allow-plain") as s:
        s.ctl("adduser", "juliet", stdin="secret\n")
        yield s


def juliet(service, resource="balcony"):
    c = wire.Client(service.port, bind=False)
    c.open()
    assert c.auth("PLAIN", b"\0juliet\0secret").tag.endswith("}success")
    c.open()
    c.bind(resource)
    return c


def rows(service, *words):
    return json.loads(service.ctl("sessions", "--json", *words).stdout)


class Trace:
    """`concordctl trace JID` under way."""

    def __init__(self, service, jid):
        self.process = subprocess.Popen(
            [CTL, "--link", service.link, "trace", jid], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.text = ""
        self.new = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()
        self.until("comes as a message")

    def read(self):
        for line in self.process.stdout:
            with self.new:
                self.text += line
                self.new.notify()

    def until(self, words):
        with self.new:
            assert self.new.wait_for(lambda: words in self.text, LIMIT), \
                (words, self.text)

    def stop(self):
        self.process.terminate()
        self.process.wait(LIMIT)
        self.process.stdout.close()
        self.process.stderr.close()
        return self.text


def test_sessions_are_listed_with_how_they_came(service):
    c = juliet(service)
    mine, = rows(service, "juliet@localhost")
    assert mine["jid"] == "juliet@localhost/balcony"
    assert mine["transport"] == "websocket"
    assert mine["mechanism"] == "PLAIN"
    assert mine["address"].startswith("127.0.0.1")
    assert mine["since"].endswith("Z")
    assert mine["sm"] == "off" and mine["csi"] == "active"
    text = service.ctl("sessions").stdout
    assert "JID" in text.splitlines()[0] and "juliet@localhost/balcony" in text
    assert "operator@localhost/" in text and " link " in text
    assert "of 2 sessions." in service.ctl("sessions", "--max", "1").stdout
    assert rows(service, "romeo@localhost") == []
    c.close()


def test_a_session_that_waits_for_its_client_is_listed_and_can_be_ended(
        service):
    c = juliet(service, "tomb")
    c.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
    assert c.recv().tag.endswith("}enabled")
    c.send("<inactive xmlns='urn:xmpp:csi:0'/>")
    until("it is inactive", lambda: rows(
        service, "juliet@localhost/tomb")[0]["csi"] == "inactive")
    assert rows(service, "juliet@localhost/tomb")[0]["sm"] == "resumable"
    c.close()
    until("it waits", lambda: rows(
        service, "juliet@localhost/tomb")[0]["sm"] == "waiting")
    assert "Ended: 1." in service.ctl("kick", "juliet@localhost/tomb").stdout
    until("it is gone", lambda: not rows(service, "juliet@localhost/tomb"))


def test_a_session_is_ended(service):
    c = juliet(service)
    service.ctl("kick", "juliet@localhost")
    with pytest.raises(wire.Closed):
        while True:
            c.recv()
    c.close()
    for jid, words in (("nobody@localhost", "no such session"),
                       ("localhost", "Name a session"), ("@", "no Jabber")):
        done = service.ctl("kick", jid, check=False)
        assert done.returncode == 1 and words in done.stderr


def test_a_deleted_account_ends_also_what_waits(service):
    service.ctl("adduser", "romeo", stdin="secret\n")
    c = wire.Client(service.port, bind=False)
    c.open()
    c.auth("PLAIN", b"\0romeo\0secret")
    c.open()
    c.bind("x")
    c.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
    c.recv()
    c.close()
    until("it waits", lambda: rows(
        service, "romeo@localhost")[0]["sm"] == "waiting")
    assert "romeo@localhost" in service.ctl("users").stdout.split()
    service.ctl("deluser", "romeo")
    until("it is gone", lambda: not rows(service, "romeo@localhost"))
    assert "romeo@localhost" not in service.ctl("users").stdout.split()


def test_an_announcement_reaches_accounts_and_no_guests(service):
    c, guest = juliet(service), wire.Client(service.port)
    assert "Sent to" in service.ctl("announce", "Tea & <cake>").stdout
    while True:
        message = c.recv()
        if message.findtext("{*}body") == "Tea & <cake>":
            break
    assert message.get("from") == "localhost"
    guest.ping()
    assert not [e for e in guest.aside if e.find("{*}body") is not None]
    c.close()
    guest.close()


def test_a_trace_shows_both_directions_and_no_password(service):
    c = juliet(service)
    t = Trace(service, "juliet@localhost")
    c.iq("get", "<query xmlns='jabber:iq:version'/>")
    t.until("<-- ")
    t.until("jabber:iq:version")
    t.until("--> ")
    c.iq("set", "<query xmlns='urn:x'><password>hunter2</password></query>")
    c.iq("set", "<command xmlns='http://jabber.org/protocol/commands' "
         "node='x'><x xmlns='jabber:x:data' type='submit'><field "
         "var='new-password'><value>hunter3</value></field></x></command>")
    c.iq("get", "<ping xmlns='urn:xmpp:ping'/>")
    t.until("urn:xmpp:ping")
    text = t.stop()
    assert "(left out)" in text and "hunter" not in text
    assert "juliet@localhost/balcony" in text
    c.close()


def test_a_trace_of_the_domain_sees_new_sessions_and_not_itself(service):
    t = Trace(service, "localhost")
    guest = wire.Client(service.port)
    guest.subscribe("library")
    service.ctl("publish", "library", book("Traced"), "traced")
    t.until("Traced")
    guest.close()
    text = t.stop()
    assert guest.jid in text and "ns/trace" not in text


def test_only_operators_may(service):
    c = juliet(service)
    for node in ("trace", "sessions", "s2s",
                 "http://jabber.org/protocol/admin#end-user-session"):
        answer = c.iq("set", "<command xmlns='http://jabber.org/protocol/"
                      f"commands' node='{node}' action='complete'/>")
        assert wire.condition(answer) in ("forbidden", "item-not-found"), node
    c.close()


def test_one_who_reads_too_slowly_loses_copies_and_slows_nobody(service):
    """The operator's connection is not read at all; the traced one goes on."""
    c = juliet(service)
    t = Trace(service, "juliet@localhost")
    t.process.send_signal(19)  # SIGSTOP
    try:
        body = "x" * 20000
        for _ in range(400):
            c.iq("get", f"<query xmlns='urn:big'>{body}</query>")
        figure = [line for line in service.get("/metrics")[2].splitlines()
                  if line.startswith("concordance_traced_dropped_total ")]
        assert int(figure[0].split()[1]) > 0
    finally:
        t.process.send_signal(18)  # SIGCONT
    t.until("stanzas are left out")
    t.stop()
    c.close()


def test_the_operator_stops_the_service():
    with Service() as s:
        assert "will be done" in s.ctl("shutdown").stdout
        assert s.process.wait(LIMIT) == 0
        assert any("operator.shutdown" in line for line in s.log)


def test_other_servers_are_listed():
    with Service("bookcase-c", "--s2s", "127.0.0.1:0") as s:
        text = s.ctl("s2s").stdout
        assert text.startswith("Domain ") and "Last error" in text
        assert json.loads(s.ctl("s2s", "--json").stdout) == []
        # A domain that cannot be found leaves its trace.
        s.ctl("console", stdin="<message to='a@nowhere.invalid'/>\n")
        entry = until("it was tried",
                      lambda: json.loads(s.ctl("s2s", "--json").stdout))[0]
        assert entry["domain"] == "nowhere.invalid"
        assert entry["host"] == "localhost" and entry["since"].endswith("Z")


def test_the_message_of_the_day_is_told_at_log_in_and_kept(tmp_path):
    def told(c):
        c.ping()
        return [e.findtext("{*}body") for e in c.aside
                if e.find("{*}body") is not None]
    with Service("bookcase-c", "--allow-plain", data=str(tmp_path)) as s:
        s.ctl("adduser", "juliet", stdin="secret\n")
        early = juliet(s, "early")
        s.ctl("motd", "Tea at five")
        assert told(early) == ["Tea at five"]
        assert told(juliet(s)) == ["Tea at five"]
        assert told(wire.Client(s.port)) == []
    with Service("bookcase-c", "--allow-plain", data=str(tmp_path)) as s:
        assert told(juliet(s)) == ["Tea at five"]
        s.ctl("motd")
        assert told(juliet(s, "late")) == []
        assert "There is none" in s.ctl("motd").stdout
