# SPDX-License-Identifier: MIT
"""What strangers do over TCP, as clients, servers and components.  During
each attack a bystander's session goes on being answered.  More of it:
ATTACK_DROPS=100000 for connections that come and go."""
from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import threading
import time

import pytest

from service import LIMIT, Service, book, until
from stranger import (NS_BIND, NS_SASL, NS_SM, PASSWORD, STARTTLS, Authority,
                      Bystander, Peer, Person, Pki, Raw, b64, condition,
                      header, logged, port_of)
from test_attack import metric, proc, sanitized
from wire import Client, esc

NS_MAM = "urn:xmpp:mam:2"
NS_RSM = "http://jabber.org/protocol/rsm"
NS_ROSTER = "jabber:iq:roster"
NS_PUBSUB = "http://jabber.org/protocol/pubsub"
DROPS = int(os.environ.get("ATTACK_DROPS", "4000"))
USERS = ["juliet", "romeo", "nurse", "tybalt", "peter"]


@contextlib.contextmanager
def network(*options: str, users=USERS, **how):
    """A service with every port, in the clear, on this machine."""
    with Authority() as authority, Service(
            "bookcase-c", "--allow-plain", "--c2s", "127.0.0.1:0", "--s2s",
            "127.0.0.1:0", "--s2s-plain", "*.example", "--s2s-wait", "5",
            "--trust-anchor", "", "--s2s-route",
            f"evil.example=127.0.0.1:{authority.port}", *options,
            **{"store": "memory", **how}) as s:
        s.authority = authority
        s.c2s, s.s2s = port_of(s, "c2s"), port_of(s, "s2s")
        for user in users:
            s.ctl("adduser", user, stdin=PASSWORD + "\n")
        yield s


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    secret = tmp_path_factory.mktemp("secret") / "echo.secret"
    secret.write_text("s3cret\n")
    with network("--component", "127.0.0.1:0", "--component-secret",
                 f"echo.localhost={secret}") as s:
        s.component = port_of(s, "component")
        yield s
        assert s.process.poll() is None


@pytest.fixture
def bystander(service):
    with Bystander(service) as b:
        yield b


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    p = Pki(tmp_path_factory.mktemp("pki"))
    p.sign("service", "/CN=service", "DNS:localhost")
    p.sign("cn", "/CN=evil.example", None)
    p.sign("person", "/CN=juliet@localhost", None)
    p.sign("evil", "/CN=nobody", "DNS:evil.example")
    return p


@contextlib.contextmanager
def tls_network(pki):
    """The same with TLS, on every address of this machine."""
    with Authority() as authority, Service(
            "bookcase-c", "--http-plain", "--tls-cert", pki.path("service"),
            "--tls-key", pki.path("service", "key"), "--ca", pki.path("ca"),
            "--c2s", "*:0", "--c2s-tls", "127.0.0.1:0", "--s2s",
            "127.0.0.1:0", "--s2s-tls", "127.0.0.1:0", "--trust-anchor", "",
            "--s2s-route", f"evil.example=127.0.0.1:{authority.port}",
            store="memory") as s:
        s.ctl("adduser", "juliet", stdin=PASSWORD + "\n")
        s.c2s, s.s2s = port_of(s, "c2s"), port_of(s, "s2s")
        s.c2s_tls, s.s2s_tls = port_of(s, "c2s-tls"), port_of(s, "s2s-tls")
        yield s


@pytest.fixture(scope="module")
def secured(pki):
    with tls_network(pki) as s:
        yield s
        assert s.process.poll() is None


# -- who says who he is -------------------------------------------------------

@pytest.mark.parametrize("sender", [
    "romeo@localhost", "romeo@localhost/x", "localhost", "juliet@localhost/y",
    "juliet@localhost/x", "JULIET@LOCALHOST/x", "juliet@localhost",
    "juliet@evil.example", "juliet@sub.localhost", "@localhost", "", "a@b@c",
    "juliet@localhost/", "\u212auliet@localhost", "juliet@local\u00adhost"])
def test_a_client_is_who_it_is_whatever_it_says(service, bystander, sender):
    """RFC 6120 8.1.2.1: ignored and overwritten, or the stream ends."""
    with Person(service, "romeo") as romeo, \
            Person(service, "juliet") as juliet:
        juliet.send(f"<message to='{romeo.jid}' from='{esc(sender)}' "
                    "type='chat'><body>true</body></message>")
        got = romeo.until("<message[^>]*>")[0]
        assert re.findall(r"from=['\"]([^'\"]*)", got) == [juliet.jid]


FALSE = ["x@sub.evil.example", "x@localhost", "localhost", "x@other.example",
         "echo.localhost", "x@echo.localhost", "x@evil.example.localhost",
         "x@example", "evil.example@localhost", "x@evil.example.com"]
NO_JID = ["", "@evil.example", "x@", "a@b@evil.example", "x@evil.example/",
          "x@evil\u0000.example".replace("\0", "&#x20;"),
          "x" * 1100 + "@evil.example", "x y@evil.example"]


@pytest.mark.parametrize("sender", FALSE + NO_JID)
def test_a_server_speaks_for_what_it_has_proved_alone(service, bystander,
                                                      sender):
    """RFC 6120 8.1.2.2, 4.9.3.9."""
    with Person(service, "romeo") as romeo, Peer(service) as peer:
        romeo.send("<presence/>")
        romeo.ping()
        peer.send(f"<message from='{sender}' to='romeo@localhost' "
                  "type='chat'><body>false</body></message>")
        assert condition(peer.rest()) in (
            ["invalid-from"] if sender in FALSE else ["improper-addressing"])
        assert "false" not in romeo.ping()


@pytest.mark.parametrize("sender, seen", [
    ("X@EVIL.example/r", "x@evil.example/r"),
    ("evil.EXAMPLE", "evil.example"),
    ("x@evil\u3002example/r", "x@evil.example/r")])
def test_a_server_may_write_its_domain_as_it_likes(service, sender, seen):
    """RFC 7622: prepared, it is the one that was proved."""
    with Person(service, "romeo") as romeo, Peer(service) as peer:
        peer.send(f"<message from='{sender}' to='Romeo@LOCALHOST/x' "
                  "type='chat'><body>so</body></message>")
        got = romeo.until("<message[^>]*>")[0]
        assert re.findall(r" from=['\"]([^'\"]*)", got) == [seen]


@pytest.mark.parametrize("to", ["x@other.example", "x@evil.example",
                                "localhost.evil.example", "sub.localhost"])
def test_nothing_is_relayed_from_server_to_server(service, bystander, to):
    with Peer(service) as peer:
        peer.send(f"<message from='x@evil.example' to='{to}'/>")
        assert condition(peer.rest()) == "host-unknown"


def handshake(s, key: str | None = None) -> Raw:
    import hashlib
    raw = Raw(s.component)
    raw.send("<stream:stream xmlns='jabber:component:accept' "
             "xmlns:stream='http://etherx.jabber.org/streams' "
             "to='echo.localhost'>")
    name = raw.until(r"<stream:stream[^>]* id='(\w+)'")[1]
    key = key or hashlib.sha1((name + "s3cret").encode()).hexdigest()
    raw.send(f"<handshake>{key}</handshake>")
    return raw


@pytest.mark.parametrize("sender", [
    "localhost", "romeo@localhost", "x@evil.example", "x@sub.echo.localhost",
    "", "@echo.localhost", "x@echo.localhost.evil.example"])
def test_a_component_speaks_for_its_own_domain(service, bystander, sender):
    with Person(service, "romeo") as romeo, handshake(service) as c:
        c.until("<handshake/>")
        romeo.send("<presence/>")
        romeo.ping()
        c.send(f"<message from='{sender}' to='romeo@localhost' type='chat'>"
               "<body>false</body></message>")
        assert condition(c.rest()) in ("invalid-from", "improper-addressing")
        assert "false" not in romeo.ping()


def test_a_component_without_the_secret_is_nobody(service, bystander):
    for key in ["0" * 40, "", "x" * 9000]:
        with handshake(service, key or " ") as c:
            assert condition(c.rest()) == "not-authorized"
    logged(service, "component.refused")


# -- before anybody is known --------------------------------------------------

STANZA = "<message to='romeo@localhost' from='{}' type='chat'><body>early" \
         "</body></message>"


@pytest.mark.parametrize("who", ["client", "server", "component"])
def test_stanzas_before_authentication_end_the_stream(service, bystander,
                                                      who):
    with Person(service, "romeo") as romeo:
        romeo.send("<presence/>")
        romeo.ping()
        if who == "client":
            raw = Raw(service.c2s)
            raw.send(header() + STANZA.format("juliet@localhost"))
        elif who == "server":
            raw = Peer(service, proved=False)
            raw.send(STANZA.format("x@evil.example"))
        else:
            raw = Raw(service.component)
            raw.send("<stream:stream xmlns='jabber:component:accept' "
                     "xmlns:stream='http://etherx.jabber.org/streams' "
                     "to='echo.localhost'>"
                     + STANZA.format("echo.localhost"))
        assert condition(raw.rest()) == "not-authorized"
        raw.close()
        assert "early" not in romeo.ping()


@pytest.mark.parametrize("resource", ["x", None])
def test_stanzas_before_a_resource_end_the_stream(service, resource):
    with Person(service, "juliet", bind=False) as juliet:
        juliet.message("romeo@localhost", "early")
        assert condition(juliet.rest()) == "not-authorized"


@pytest.mark.parametrize("authzid", [
    "romeo@localhost", "romeo", "localhost", "juliet@evil.example",
    "juliet@localhost\0x"])
@pytest.mark.parametrize("two", [False, True])
def test_plain_for_another_is_refused(secured, authzid, two):
    """RFC 4616 2, RFC 6120 6.5.4."""
    with Raw(secured.c2s) as raw:
        raw.starttls()
        raw.send(header())
        raw.until("</stream:features>")
        text = b64(f"{authzid}\0juliet\0{PASSWORD}")
        if two:
            raw.send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'"
                     f"><initial-response>{text}</initial-response>"
                     "</authenticate>")
        else:
            raw.send(f"<auth xmlns='{NS_SASL}' mechanism='PLAIN'>{text}"
                     "</auth>")
        said = raw.until("<success|<failure.*?</failure>")[0]
        assert re.search("invalid-authzid|not-authorized|malformed-request",
                         said)


# -- certificates, dialback, STARTTLS -----------------------------------------

def test_a_name_that_is_the_subject_alone_names_nobody(secured, pki):
    """RFC 6120 13.7.1.2, RFC 9525: the common name counts for nothing."""
    with Bystander(secured):
        for port, ns, cert, more in [
                (secured.s2s, "server", "cn", "from='evil.example'"),
                (secured.c2s, "client", "person", "from='juliet@localhost'")]:
            with Raw(port) as raw:
                raw.starttls(pki.context(cert), ns=ns, more=more)
                raw.send(header("localhost", ns, more))
                assert "EXTERNAL" not in raw.until(
                    ".*</stream:features>")[0]
                raw.send(f"<auth xmlns='{NS_SASL}' mechanism='EXTERNAL'>="
                         "</auth>")
                raw.until("<failure")
        with Raw(secured.s2s) as raw:  # while this one does
            raw.starttls(pki.context("evil"), ns="server",
                         more="from='evil.example'")
            raw.send(header("localhost", "server", "from='evil.example'"))
            assert "EXTERNAL" in raw.until(".*</stream:features>")[0]


@pytest.mark.parametrize("me", ["localhost", "echo.localhost",
                                "sub.localhost", "other.example"])
def test_dialback_for_anothers_domain_proves_nothing(service, bystander, me):
    """XEP-0220 2.2.1: ours we do not ask about, theirs its own server says."""
    with Peer(service, proved=False) as peer:
        peer.result(me)
        said = peer.until("<db:result[^>]*type='(valid|invalid|error)'")[1]
        assert said != "valid"
        peer.send(f"<message from='x@{me}' to='romeo@localhost'/>")
        assert condition(peer.rest()) == "not-authorized"
    logged(service, "s2s.refused", f"domain={me}")


def test_answers_that_nobody_asked_for_are_not_heard(service, bystander):
    with Peer(service, proved=False) as peer:
        for element in ["result", "verify id='x'"]:
            peer.send(f"<db:{element} from='evil.example' to='localhost' "
                      "type='valid'/>")
            logged(service, "s2s.unsolicited",
                   f"element={element.split()[0]}")
        peer.send("<message from='x@evil.example' to='romeo@localhost'/>")
        assert condition(peer.rest()) == "not-authorized"


@pytest.mark.parametrize("kind", ["c2s", "s2s"])
def test_what_follows_starttls_in_the_clear_is_not_read(secured, kind):
    """RFC 6120 5.4.3.3: dropped, whatever it is."""
    ns = "client" if kind == "c2s" else "server"
    with Bystander(secured), Raw(getattr(secured, kind)) as raw:
        raw.send(header("localhost", ns, "from='evil.example'"
                        if ns == "server" else ""))
        raw.until("</stream:features>")
        raw.send(STARTTLS + header("localhost", ns)
                 + f"<auth xmlns='{NS_SASL}' mechanism='ANONYMOUS'/>"
                 + STANZA.format("evil.example"))
        raw.until("<proceed[^>]*>")
        try:
            raw.tls()
            raw.send(header("localhost", ns))
            said = raw.until(".*</stream:features>")[0]
            assert "<success" not in said and "stream:error" not in said
        except ssl.SSLError:
            pass  # what was behind it is no handshake: as good


@pytest.mark.parametrize("kind", ["c2s", "s2s"])
def test_starttls_twice_and_compression_are_refused(secured, kind):
    ns = "client" if kind == "c2s" else "server"
    for ask, answer in [
            (STARTTLS, "<failure"),
            ("<compress xmlns='http://jabber.org/protocol/compress'><method>"
             "zlib</method></compress>", "not-authorized")]:
        with Raw(getattr(secured, kind)) as raw:
            raw.starttls(ns=ns)
            raw.send(header("localhost", ns, "from='evil.example'"
                            if ns == "server" else ""))
            assert "compress" not in raw.until(".*</stream:features>")[0]
            raw.send(ask)
            raw.until(answer)


# -- XML ----------------------------------------------------------------------

MANY = 5000
HOSTILE = {
    "deep": ("<a>" * 2000, "policy-violation"),
    "attributes": ("<message " + " ".join(f"a{n}='x'" for n in range(MANY))
                   + "/>", "policy-violation"),
    "a long name": (f"<{'m' * 600000}", "policy-violation"),
    "a long value": (f"<message id='{'m' * 600000}'/>", "policy-violation"),
    "white space inside": (f"<message>{' ' * 600000}</message>",
                           "policy-violation"),
    "a comment": ("<!-- x -->", "restricted-xml"),
    "a processing instruction": ("<?x y?>", "restricted-xml"),
    "a doctype": ("<!DOCTYPE x [<!ENTITY a 'b'>]>", "restricted-xml"),
    "an entity": ("<message>&lol;</message>", "restricted-xml"),
    "a character that is none": ("<message>&#0;</message>",
                                 "not-well-formed"),
    "a surrogate": ("<message>&#xD800;</message>", "not-well-formed"),
    "NUL": (b"<message>\0</message>", "not-well-formed"),
    "UTF-16": ("<message/>".encode("utf-16"), "not-well-formed"),
    "bad UTF-8": (b"<message>\xff</message>", "not-well-formed"),
    "overlong UTF-8": (b"<message>\xc0\xbc</message>", "not-well-formed"),
    "a surrogate in UTF-8": (b"<message>\xed\xa0\x80</message>",
                             "not-well-formed"),
    "an end that was not begun": ("<message></presence>", "not-well-formed"),
    "an attribute twice": ("<message a='' a=''/>", "not-well-formed"),
    "an attribute twice by namespace": (
        "<message xmlns:b='u' xmlns:c='u' b:a='' c:a=''/>",
        "not-well-formed"),
    "a prefix unknown": ("<x:message/>", "not-well-formed"),
    "xml redefined": ("<message xmlns:xml='u'/>", "not-well-formed"),
    "a header again": (header(), ""),
    "text": ("hello", ""),
    "CDATA outside": ("<![CDATA[x]]>", "not-well-formed"),
}


@pytest.mark.parametrize("who", ["client", "server", "component"])
@pytest.mark.parametrize("what", HOSTILE)
def test_xml_that_is_none_ends_the_stream(service, bystander, who, what):
    """RFC 6120 4.9.3, 11.1, 13.12."""
    data, wanted = HOSTILE[what]
    make = {"client": lambda: Person(service, "juliet"),
            "server": lambda: Peer(service),
            "component": lambda: handshake(service)}[who]
    with make() as raw:
        if who == "component":
            raw.until("<handshake/>")
        raw.send(data)
        said = raw.rest()
        found = condition(said)
        assert found and "</stream:stream>" in said
        if wanted:
            assert found in (wanted, "not-well-formed", "bad-format")


@pytest.mark.parametrize("what", HOSTILE)
def test_xml_that_is_none_before_authentication(service, bystander, what):
    with Raw(service.c2s) as raw:
        raw.send(header())
        raw.until("</stream:features>")
        raw.send(HOSTILE[what][0])
        assert condition(raw.rest())


def test_white_space_between_stanzas_costs_nothing(service, bystander):
    """RFC 6120 4.6.1: it is a ping, a megabyte of it too."""
    rss = proc(service, "VmRSS")
    with Person(service, "juliet") as juliet, Peer(service) as peer:
        for raw in (juliet, peer):
            for _ in range(64):
                assert raw.send(" " * (1 << 16))
        assert "result" in juliet.ping()
    if not sanitized():
        assert proc(service, "VmRSS") - rss < 4096


def test_wide_stanzas_have_an_end(service, bystander):
    """Children as many as fit; what they take is bounded and given back."""
    with Person(service, "juliet") as juliet:
        juliet.send("<message to='romeo@localhost' type='headline'>"
                    + "<a/>" * 60000 + "</message>")
        assert "result" in juliet.ping()
        juliet.send("<message to='romeo@localhost' type='headline'>"
                    + "<a/>" * 70000 + "</message>")
        assert condition(juliet.rest()) == "policy-violation"


@pytest.mark.parametrize("stanza, answer", [
    ("<c:iq xmlns:c='jabber:client' type='get' id='p'><ping xmlns="
     "'urn:xmpp:ping'/></c:iq>", "id='p'"),
    ("<iq xmlns='jabber:server' type='get' id='p'><ping xmlns="
     "'urn:xmpp:ping'/></iq>", "invalid-namespace"),
    ("<iq xmlns='' type='get' id='p'/>", "invalid-namespace"),
    ("<stream:iq type='get' id='p'/>", "stream:error"),
    ("<stream:features/>", "unsupported-stanza-type"),
    ("<stream:error/>", ""),
])
def test_namespace_tricks_of_a_client(service, bystander, stanza, answer):
    """RFC 6120 4.8.3, 8: by namespace and name, not by how it is written."""
    with Person(service, "juliet") as juliet:
        juliet.send(stanza)
        if answer == "id='p'":
            assert answer in juliet.until("<iq.*?>")[0]
        elif answer:
            assert answer in juliet.rest()


@pytest.mark.parametrize("start, end", [
    ("<message xmlns='jabber:client'", "</message>"),
    ("<c:message xmlns:c='jabber:client'", "</c:message>")])
def test_jabber_client_opens_no_other_door_between_servers(
        service, bystander, start, end):
    """RFC 6120 4.8.3: it is read as jabber:server is, and held to the same."""
    with Person(service, "romeo") as romeo, Peer(service) as peer:
        peer.send(f"{start} from='juliet@localhost' to='{romeo.jid}' "
                  f"type='chat'><body>trick</body>{end}")
        assert condition(peer.rest()) == "invalid-from"
        assert "trick" not in romeo.ping()


@pytest.mark.parametrize("who", ["client", "server", "component"])
def test_a_header_that_declares_much_is_refused(service, bystander, who):
    """Else each small stanza would become as large as the header was."""
    more = " ".join(f"xmlns:a{n}='urn:{'x' * 100}'" for n in range(20))
    if who == "client":  # the header after authentication, too
        with pytest.raises(AssertionError):
            Person(service, "juliet", more=more)
        raw = Raw(service.c2s)
        raw.send(header(more=more))
    elif who == "server":
        raw = Raw(service.s2s)
        raw.send(header("localhost", "server", more))
    else:
        raw = Raw(service.component)
        raw.send("<stream:stream xmlns='jabber:component:accept' "
                 "xmlns:stream='http://etherx.jabber.org/streams' "
                 f"to='echo.localhost' {more}>")
    assert condition(raw.rest()) == "policy-violation"
    raw.close()


@pytest.mark.parametrize("payload", [
    "</stream:stream>", "&lt;/message>&lt;presence/>", "]]&gt;",
    "<s xmlns='http://etherx.jabber.org/streams'/>",
    "<stream:error/>", "<x xmlns='\"&gt;&lt;/message&gt;'/>",
    "<x a='&#10;&lt;/message>&apos;&quot;'/>",
    "<message xmlns='jabber:client'><body>inner</body></message>"])
def test_nothing_is_smuggled_through_a_stanza(service, bystander, payload):
    """What others are sent parses as one stanza, the one that was said."""
    with Person(service, "romeo") as romeo, \
            Person(service, "juliet") as juliet:
        juliet.send(f"<message to='{romeo.jid}' type='normal' id='smuggle'>"
                    f"{payload}</message>")
        juliet.send("<message to='" + romeo.jid + "' id='after'/>")
        if payload == "</stream:stream>":
            assert condition(juliet.rest()) == "not-well-formed"
            return
        text = romeo.until("(<message.*)<message[^>]*id=['\"]after['\"].*?/>")[1]
        import xml.etree.ElementTree as ET
        stanzas = list(ET.fromstring(
            "<stream:stream xmlns='jabber:client' xmlns:stream="
            f"'http://etherx.jabber.org/streams'>{text}</stream:stream>"))
        assert [e.get("id") for e in stanzas] == ["smuggle"]


# -- streams that go round in circles -----------------------------------------

def test_failed_logins_end_the_stream(service, bystander):
    """RFC 6120 6.4.5; an abort counts, else it is a loop without an end."""
    for element in [f"<auth xmlns='{NS_SASL}' mechanism='PLAIN'>"
                    f"{b64(chr(0) + 'nobody' + chr(0) + 'x')}</auth>",
                    f"<auth xmlns='{NS_SASL}' mechanism='NONE'/>",
                    f"<auth xmlns='{NS_SASL}' mechanism='PLAIN'>%%%</auth>",
                    f"<auth xmlns='{NS_SASL}' mechanism='SCRAM-SHA-256'/>"
                    f"<abort xmlns='{NS_SASL}'/>",
                    f"<abort xmlns='{NS_SASL}'/>"]:
        with Raw(service.c2s) as raw:
            raw.send(header() + element * 200)
            assert raw.rest().count("<failure") <= 5, element


@pytest.mark.parametrize("ns, more", [("client", ""),
                                      ("server", "from='evil.example'")])
def test_headers_again_and_again_end_the_stream(service, bystander, ns, more):
    with Raw(service.c2s if ns == "client" else service.s2s) as raw:
        for _ in range(100):
            raw.send(header("localhost", ns, more))
        said = raw.rest()
        assert said.count("<stream:stream") == 1 and condition(said)


def test_a_login_costs_one_turn_however_often_it_comes(service, bystander):
    """Logged in, the same stream does not log in again."""
    with Person(service, "juliet", bind=False) as juliet:
        for _ in range(50):
            juliet.auth(f"\0juliet\0{PASSWORD}")
        assert condition(juliet.rest())
        assert juliet.text.count("<success") == 0


def test_an_account_has_so_many_resources(service, bystander):
    """RFC 6120 7.6.2.1; what one connection is refused, others keep."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Person(service, "tybalt", "r0"))
        bound = 1
        for n in range(1, 80):
            bound += stack.enter_context(
                Person(service, "tybalt", f"r{n}")).jid is not None
        assert bound == 50 and metric(service, "sessions") < 60
        assert "result" in first.ping()
        other = stack.enter_context(Person(service, "nurse"))
        assert other.jid == "nurse@localhost/x"


def test_binding_again_and_again_leaves_one_session(service, bystander):
    before = metric(service, "sessions")
    for _ in range(200):
        Person(service, "tybalt", "same").close()
    until("they are gone", lambda: metric(service, "sessions") <= before)


# -- connections --------------------------------------------------------------

def outside() -> str | None:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = s.getsockname()[0]
    return None if address.startswith("127.") else address


def knock(port: int, data: bytes, address: str = "127.0.0.1"):
    """A connection, and something said on it."""
    s = socket.create_connection((address, port), LIMIT)
    s.setblocking(False)
    with contextlib.suppress(OSError):
        s.send(data)
    return s


def cost(s, port: int, data: bytes, n: int) -> float:
    """Bytes of memory for each of n such connections; they are closed."""
    for _ in range(10):
        knock(port, data).close()
    until("they are gone", lambda: metric(s, "connections") < 10)
    before = proc(s, "VmRSS")
    held = [knock(port, data) for _ in range(n)]
    until("all are accepted", lambda: metric(s, "connections") >= n, 60)
    each = (proc(s, "VmRSS") - before) * 1024 / n
    for h in held:
        h.close()
    until("they are gone", lambda: metric(s, "connections") < n / 10)
    return each


HELLO = bytes.fromhex("16030100ff010000fb0303") + b"x" * 100
HEADER = header().encode()


@pytest.mark.skipif(sanitized(), reason="memory of a sanitizer")
@pytest.mark.parametrize("kind, said, most", [
    ("c2s", "nothing", 4), ("c2s", "a header", 16),
    ("c2s", "half a header", 16), ("s2s", "a header", 16),
    ("c2s_tls", "nothing", 64), ("c2s_tls", "half a hello", 64),
    ("s2s_tls", "half a hello", 64)])
def test_a_stranger_costs_little_memory(pki, kind, said, most):
    """most: kB for each connection that nobody has authenticated."""
    ns = b"server" if kind[0] == "s" else b"client"
    data = {"nothing": b"", "a header": HEADER.replace(b"client", ns),
            "half a header": HEADER[:90], "half a hello": HELLO}[said]
    with tls_network(pki) as s, Bystander(s):
        each = cost(s, getattr(s, kind), data, 3000)
    print(f"{kind}, {said}: {each:.0f} bytes")
    assert each < most * 1024


def test_one_address_does_not_take_all_there_is(secured):
    """max_per_addr: connections that nobody has authenticated."""
    address = outside()
    if address is None:
        pytest.skip("this machine has no other address")
    with Bystander(secured):
        held = [knock(secured.c2s, b"", address) for _ in range(1100)]
        logged(secured, "net.refused", "max_per_addr")
        with Raw(secured.c2s) as raw:  # from another address
            raw.starttls()
        for h in held:
            h.close()
        until("they are gone", lambda: metric(secured, "connections") < 100)
        with Raw(secured.c2s, address) as raw:
            raw.starttls()


def test_who_says_nothing_is_not_waited_for_for_ever(secured):
    """Silence at each step: opened, in the header, before and in TLS."""
    with Bystander(secured):
        held = [knock(secured.c2s, b""), knock(secured.c2s, HEADER),
                knock(secured.c2s, HEADER[:80]),
                knock(secured.c2s, HEADER + STARTTLS.encode()),
                knock(secured.s2s, HEADER.replace(b"client", b"server")),
                knock(secured.c2s_tls, b""), knock(secured.c2s_tls, HELLO)]
        for h in held:
            h.settimeout(40)
            with contextlib.suppress(ConnectionError):
                while h.recv(65536):
                    pass
            h.close()


@pytest.mark.skipif(sanitized(), reason="memory of a sanitizer")
@pytest.mark.parametrize("data", [b"", HEADER[:90], HEADER, b"x"],
                         ids=["nothing", "half a header", "a header", "x"])
def test_connections_that_come_and_go_leave_nothing(service, bystander, data):
    """ATTACK_DROPS=100000: as much memory after it as before."""
    def go(n):
        for _ in range(n):
            knock(service.c2s, data).close()
        until("they are gone", lambda: metric(service, "connections") < 50)

    go(1000)
    before = proc(service, "VmRSS")
    go(DROPS)
    assert proc(service, "VmRSS") - before < 4096


@pytest.mark.skipif(sanitized(), reason="memory of a sanitizer")
def test_handshakes_that_come_and_go_leave_nothing(secured):
    def go(n):
        for _ in range(n):
            knock(secured.c2s_tls, HELLO).close()
        until("they are gone, long before their time is over",
              lambda: metric(secured, "connections") < 50, 5)

    with Bystander(secured):
        go(1000)
        before = proc(secured, "VmRSS")
        go(DROPS // 4)
        assert proc(secured, "VmRSS") - before < 6144


# -- what an account can be made to hold --------------------------------------

def results(text: str) -> tuple[int, int]:
    """How many answers were good, and how many errors."""
    types = re.findall(r"<iq[^>]* type='(result|error)'", text)
    return types.count("result"), types.count("error")


def flood(person: Person, stanzas, n_answers: int = 0) -> str:
    """Say all of it while reading; everything that comes, up to the answer
    of a ping behind it, and so many other answers."""
    data = "".join(stanzas).encode()

    def say():
        person.send(data)
        person.send("<iq type='get' id='last' to='localhost'>"
                    "<ping xmlns='urn:xmpp:ping'/></iq>")

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    text = person.upto(" id='last'") + person.until("[^>]*>")[0]
    # What was read with it, and what takes longer than a ping.
    text, person.text = text + person.text, ""
    while sum(results(text)) < n_answers + 1:
        assert person.more()
        text, person.text = text + person.text, ""
    thread.join(LIMIT)
    return text


def publish(person: Person, *items: str) -> tuple[int, int]:
    """How many were taken, and how many refused."""
    good, bad = results(flood(person, items, len(items)))
    return good - 1, bad


def mam(query: str = "", name: str = "m") -> str:
    return (f"<iq type='set' id='{name}'><query xmlns='{NS_MAM}'>{query}"
            "</query></iq>")


def test_an_archive_is_asked_for_all_there_is(service, bystander):
    """XEP-0313 4: pages, however much is asked, and however often."""
    with Person(service, "juliet") as juliet:
        for n in range(30):
            juliet.message("nurse@localhost", f"{n} " + "x" * 9000)
        juliet.ping()
        field = ("<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'"
                 f" type='hidden'><value>{NS_MAM}</value></field>"
                 "<field var='{}'><value>{}</value></field></x>")
        text = flood(juliet, [mam()], 1)
        assert 1 <= text.count("<result ") <= 100
        for n in ["2147483647", "100000"]:
            text = flood(juliet, [mam(f"<set xmlns='{NS_RSM}'><max>{n}</max>"
                                      "</set>")], 1)
            assert len(text) < 600000
        for bad in [f"<set xmlns='{NS_RSM}'><max>-1</max></set>",
                    f"<set xmlns='{NS_RSM}'><max>1e9</max></set>",
                    field.format("start", "yesterday"),
                    field.format("start", "2026-13-45T99:99:99Z"),
                    field.format("end", "9" * 5000),
                    field.format("with", "a@b@c"),
                    field.format("ids", "none"),
                    f"<set xmlns='{NS_RSM}'><before>{'x' * 5000}</before>"
                    "</set>"]:
            assert results(flood(juliet, [mam(bad)], 1))[1] == 1, bad
        start = time.monotonic()
        text = flood(juliet, [mam(name=f"m{n}") for n in range(40)], 40)
        assert results(text)[0] == 41
        print(f"40 archive pages: {time.monotonic() - start:.2f} s")


def test_a_roster_has_an_end(service, bystander):
    """RFC 6121 2.3.3: the limits of a roster, and those of a change."""
    with Person(service, "tybalt") as tybalt:
        n = 100000 if DROPS >= 100000 else 6000
        good = 0
        for at in range(0, n, 500):
            text = flood(tybalt, [
                f"<iq type='set' id='r{k}'><query xmlns='{NS_ROSTER}'><item "
                f"jid='c{k}@evil.example' name='{'n' * 50}'/></query></iq>"
                for k in range(at, at + 500)], 500)
            good += results(text)[0] - 1
        assert good == 2000
        assert metric(service, "contacts") <= 2000
        for item in [f"<item jid='a@b' name='{'x' * 100000}'/>",
                     "<item jid='a@b'>" + "<group>g</group>" * 1000
                     + "</item>", "<item jid='a@b@c'/>", "<item/>",
                     "<item jid='a@b'/>" * 2,
                     f"<item jid='{'x' * 5000}@b'/>"]:
            assert "type='error'" in tybalt.iq(
                "set", f"<query xmlns='{NS_ROSTER}'>{item}</query>")
        tybalt.iq("get", f"<query xmlns='{NS_ROSTER}'/>")
        with Person(service, "nurse") as nurse:
            assert "type='result'" in nurse.iq(
                "set", f"<query xmlns='{NS_ROSTER}'><item jid='a@b'/>"
                "</query>")


def test_a_presence_storm_reaches_who_wants_it_alone(service, bystander):
    with Person(service, "juliet") as juliet, \
            Person(service, "nurse") as nurse:
        nurse.send("<presence/>")
        nurse.ping()
        flood(juliet, ["<presence><priority>1</priority></presence>"
                       "<presence type='unavailable'/>"] * 3000)
        flood(juliet, [f"<presence><status>{n}</status></presence>"
                       for n in range(3000)])
        # Messages may have waited for the nurse; presence must not come.
        assert not re.search("<presence[^>]*juliet", nurse.ping())
        juliet.send(f"<presence><status>{'x' * 200000}</status></presence>")
        assert "result" in juliet.ping()


def test_directed_presence_is_remembered_for_so_many(service, bystander):
    """RFC 6121 4.6.3: each one told must hear of the end."""
    with Person(service, "juliet") as juliet:
        before = proc(service, "VmRSS")
        n = 100000 if DROPS >= 100000 else 5000
        for at in range(0, n, 1000):
            flood(juliet, [f"<presence to='p{k}@echo.localhost'/>"
                           for k in range(at, at + 1000)])
        if not sanitized():
            assert proc(service, "VmRSS") - before < 8192
        assert "result" in juliet.ping()


def test_carbons_of_huge_messages_hurt_who_asked_for_them(service):
    """The sender's other resources that do not read are cut off, not he."""
    with Person(service, "juliet", "a") as juliet, Bystander(service), \
            contextlib.ExitStack() as stack:
        lazy = [stack.enter_context(Person(service, "juliet", f"l{n}",
                                           rcvbuf=4096)) for n in range(5)]
        for each in lazy:
            assert "result" in each.iq(
                "set", "<enable xmlns='urn:xmpp:carbons:2'/>")
        for n in range(60):
            juliet.message("nurse@localhost", "x" * 200000)
            juliet.ping()
        until("they are cut off",
              lambda: metric(service, "queue_overflows_total") >= 5)
        assert "result" in juliet.ping()


def test_messages_for_the_absent_have_an_end(service, bystander):
    """XEP-0160: a full store refuses, and is no one else's."""
    with Person(service, "juliet") as juliet:
        before = metric(service, "offline_messages")
        flood(juliet, [
            f"<message to='romeo@localhost' type='chat' id='o{n}'><body>{n}"
            "</body></message>" for n in range(2000)])
        kept = metric(service, "offline_messages") - before
        assert kept == 200
        flood(juliet, ["<message to='nurse@localhost' type='chat'><body>x"
                       "</body></message>"])
        assert metric(service, "offline_messages") - before == kept + 1
    with Person(service, "romeo") as romeo:
        romeo.send("<presence/>")
        assert romeo.ping().count("<body>") <= 200


@pytest.mark.parametrize("managed", [False, True])
def test_what_waits_for_somebody_does_not_keep_him_out(service, bystander,
                                                       managed):
    """More than may wait for a stream comes as it is read, in its order."""
    with Person(service, "juliet") as juliet:
        for n in range(90):
            juliet.message("peter@localhost", f"[{n}]" + "x" * 19000)
        juliet.ping()
    with Person(service, "peter") as peter:
        if managed:
            enable(peter)
        peter.send("<presence/>")
        found = []
        while len(found) < 90:
            got = peter.upto("</message>")
            found.append(int(re.search(r"<body>\[(\d+)\]", got)[1]))
            if managed:
                peter.send(f"<a xmlns='{NS_SM}' h='{len(found)}'/>")
        assert found == list(range(90))
        assert "result" in peter.ping()


def test_private_data_and_vcards_have_an_end(service, bystander):
    with Person(service, "tybalt") as tybalt:
        text = flood(tybalt, [
            "<iq type='set' id='p'><query xmlns='jabber:iq:private'>"
            f"<x xmlns='urn:n{n}'>{'x' * 1000}</x></query></iq>"
            for n in range(1000)])
        assert results(text)[0] - 1 <= 128 and results(text)[1] >= 800
        for size, answer in [(60000, "result"), (70000, "error"),
                             (200000, "error")]:
            assert f"type='{answer}'" in tybalt.iq(
                "set", f"<vCard xmlns='vcard-temp'><NOTE>{'x' * size}</NOTE>"
                "</vCard>")


def item(node: str, name: str, payload: str = "<x xmlns='urn:x'/>") -> str:
    return (f"<iq type='set' id='i'><pubsub xmlns='{NS_PUBSUB}'><publish "
            f"node='{node}'><item id='{name}'>{payload}</item></publish>"
            "</pubsub></iq>")


def test_nodes_of_an_account_have_an_end(service, bystander):
    """XEP-0163: nodes, items, bytes."""
    with Person(service, "tybalt") as tybalt:
        nodes = metric(service, "nodes")
        good = 0
        for at in range(0, 2000, 200):
            good += publish(tybalt, *(item(f"urn:n{n}", "a") for n in
                                      range(at, at + 200)))[0]
        assert 100 <= good <= 500
        assert metric(service, "nodes") - nodes <= 500
        items = metric(service, "items")
        for at in range(0, 3000, 300):
            flood(tybalt, [item("urn:n1", f"i{n}") for n in
                           range(at, at + 300)])
        assert metric(service, "items") - items <= 1000
        big = f"<x xmlns='urn:x'>{'x' * 200000}</x>"
        assert publish(tybalt, *(item("urn:n1", "big", big)
                                 for _ in range(120)))[0] >= 1
        assert publish(tybalt, item("n" * 5000, "a"),
                       item("urn:n2", "i" * 5000))[1] == 2
        if not sanitized():
            assert proc(service, "VmRSS") < 300000
    with Person(service, "nurse") as nurse:
        assert publish(nurse, item("urn:n", "a")) == (1, 0)


def test_registering_is_for_the_operator_unless_he_says_otherwise(service):
    """XEP-0077: nothing of it before a log-in, and no other's account."""
    with Raw(service.c2s) as raw:
        raw.send(header() + "<iq type='set' id='1'><query xmlns="
                 "'jabber:iq:register'><username>mallory</username>"
                 "<password>x</password></query></iq>")
        said = raw.rest()
        assert "register" not in said and condition(said) == "not-authorized"
    with Person(service, "tybalt") as tybalt, Bystander(service):
        accounts = metric(service, "accounts")
        text = flood(tybalt, [
            "<iq type='set' id='g'><query xmlns='jabber:iq:register'>"
            f"<username>m{n}</username><password>x</password></query></iq>"
            for n in range(200)])
        assert results(text) == (1, 200)
        assert metric(service, "accounts") == accounts
        for to in ["localhost", "nurse@localhost"]:
            assert "type='error'" in tybalt.iq(
                "set", "<query xmlns='jabber:iq:register'><username>nurse"
                "</username><password>stolen</password></query>", to)
        assert "type='error'" in tybalt.iq(
            "set", "<query xmlns='jabber:iq:register'><remove/></query>",
            "nurse@localhost")
    with Person(service, "nurse"):
        pass


def test_new_passwords_as_fast_as_can_be_stop_nobody(service):
    """Each costs PBKDF2, which others' log-ins wait behind."""
    with Person(service, "tybalt") as tybalt, Bystander(service):
        flooding = threading.Thread(target=flood, daemon=True, args=[tybalt, [
            "<iq type='set' id='g'><query xmlns='jabber:iq:register'>"
            f"<username>tybalt</username><password>{PASSWORD}</password>"
            "</query></iq>" for _ in range(300)], 300])
        flooding.start()
        worst = 0.0
        while flooding.is_alive():
            start = time.monotonic()
            Person(service, "nurse").close()
            worst = max(worst, time.monotonic() - start)
        print(f"a log-in meanwhile took {worst:.2f} s")
        assert worst < 10


# -- other servers ------------------------------------------------------------

def test_a_domain_opens_so_many_streams(service, bystander):
    """Twenty that are proved; those that prove nothing have a deadline."""
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Peer(service, proved=False))
                 for _ in range(60)]
        for peer in peers:
            peer.result()
        said = [p.until("type='valid'|resource-constraint|</stream")[0]
                for p in peers]
        assert said.count("type='valid'") == 20
        silent = [stack.enter_context(Raw(service.s2s))
                  for _ in range(1000)]
        for raw in silent:
            raw.send(header("localhost", "server", "from='evil.example'"))
        assert "stream:features" in silent[-1].until(
            ".*</stream:features>")[0]
    until("they are gone", lambda: metric(service, "s2s_streams_in") == 0)


def test_a_server_that_floods_waits_for_its_turn(service, bystander):
    """Messages to who is not there, and questions whose answers fill up."""
    with Peer(service) as peer, Person(service, "nurse") as nurse:
        for _ in range(20):
            peer.send("".join(
                f"<message from='x{n}@evil.example' to='no{n}@localhost' "
                "type='chat'><body>x</body></message><iq type='get' id='x' "
                "from='x@evil.example' to='localhost'><ping xmlns="
                "'urn:xmpp:ping'/></iq>" for n in range(500)))
        assert "result" in nurse.ping()
        peer.send("<message from='x@evil.example' to='nurse@localhost/x' "
                  "type='chat'><body>last</body></message>")
        nurse.until("<body>last</body>")


def test_one_person_asks_for_thousands_of_servers():
    """A DNS that never answers: others go on reaching whom they want, and
    what waited goes back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", 0))
        with network("--dns", f"127.0.0.1@{hole.getsockname()[1]}") as s, \
                Bystander(s), Person(s, "tybalt") as tybalt:
            for at in range(0, 10000, 500):
                flood(tybalt, [
                    f"<message to='x@d{n}.example' type='chat' id='d'><body>x"
                    "</body></message>" for n in range(at, at + 500)])
            assert metric(s, "s2s_queued") > 5000
            with Person(s, "nurse") as nurse:
                nurse.message("x@evil.example", "still")
                until("she is heard", lambda: any(
                    "still" in t.text for t in s.authority.streams))
            tybalt.close()
            until("all went back", lambda: metric(s, "s2s_queued") == 0)
            assert metric(s, "s2s_bounced_total") >= 10000


# -- who does not read --------------------------------------------------------

def test_slow_readers_of_every_kind_are_cut_off_alone(service):
    """Each asks much and reads nothing; what waits is bounded."""
    info = ("<iq type='get' id='x' {} to='localhost'><query xmlns='http:"
            "//jabber.org/protocol/disco#info'/></iq>")
    before = proc(service, "VmRSS")
    with Bystander(service), contextlib.ExitStack() as stack:
        def stuck(raw, data):
            raw.sock.settimeout(1)
            with contextlib.suppress(TimeoutError):
                for _ in range(400):
                    if not raw.send(data):
                        break
            stack.callback(raw.close)

        juliet = Person(service, "juliet", rcvbuf=4096)
        stuck(juliet, info.format("") * 300)
        peer = Peer(service, rcvbuf=4096)
        stuck(peer, info.format("from='evil.example'") * 300)
        c = handshake(service)
        c.until("<handshake/>")
        stuck(c, info.format("from='echo.localhost'") * 300)
        web = Client(service.port, rcvbuf=4096)
        web.sock.settimeout(1)
        with contextlib.suppress(TimeoutError, Exception):
            for _ in range(4000):
                web.send(info.format("xmlns='jabber:client'"))
        if not sanitized():
            assert proc(service, "VmRSS") - before < 65536


def test_a_server_that_does_not_read_us_costs_a_queue():
    """Authority.reads False: 8 MB for its stream, 1 MB before it."""
    with network() as s, Bystander(s), Person(s, "juliet") as juliet:
        s.authority.reads = False
        before = proc(s, "VmRSS")
        for _ in range(200):
            juliet.message("x@evil.example", "x" * 100000)
            if "error" in juliet.ping():
                break
        else:
            raise AssertionError("20 MB wait")
        if not sanitized():
            assert proc(s, "VmRSS") - before < 40960


# -- XEP-0198, 0352, 0386, 0388, 0484 -----------------------------------------

def enable(person: Person) -> str:
    person.send(f"<enable xmlns='{NS_SM}' resume='true'/>")
    return person.until("<enabled[^>]* id='([^']*)'")[1]


@pytest.mark.parametrize("h, answer", [
    ("1000", "handled-count-too-high"), ("-1", "bad-request"),
    ("x", "bad-request"), ("", "bad-request"),
    ("99999999999999999999", "bad-request")])
def test_acknowledging_what_was_not_said_is_refused(service, bystander, h,
                                                    answer):
    with Person(service, "juliet") as juliet:
        enable(juliet)
        juliet.send(f"<a xmlns='{NS_SM}' h='{h}'/>")
        juliet.until(answer)


def test_sessions_are_not_resumed_by_guessing(service, bystander):
    with Person(service, "juliet") as juliet:
        name = enable(juliet)
        with Person(service, "tybalt", bind=False) as tybalt:
            for guess in [name, name[:-1] + "0", "", "0", "x" * 5000,
                          "../" + name]:
                tybalt.send(f"<resume xmlns='{NS_SM}' h='0' previd='{guess}'"
                            "/>")
                assert "item-not-found" in tybalt.until(
                    "<failed.*?</failed>")[0]
        assert "result" in juliet.ping()


def test_who_never_acknowledges_is_bounded(service, bystander):
    with Person(service, "juliet") as juliet, \
            Person(service, "romeo") as romeo:
        enable(juliet)
        for n in range(200):
            romeo.message(juliet.jid, "x" * 20000)
            if n % 20 == 0:
                romeo.ping()
        assert condition(juliet.rest()) == "policy-violation"
        assert "result" in romeo.ping()


def test_sessions_that_wait_have_an_end(service, bystander):
    """Lost again and again: an account keeps its ten newest."""
    before = metric(service, "sm_waiting")
    for n in range(45):  # within a second; so many resources at once
        with Person(service, "tybalt", f"w{n}") as tybalt:
            enable(tybalt)
    until("they wait", lambda: 0 < metric(service, "sm_waiting") - before
          <= 10)


def test_what_an_inactive_client_need_not_hear_is_bounded(service, bystander):
    with Person(service, "juliet", "a") as juliet, \
            Person(service, "juliet", "b") as other:
        juliet.send("<presence/><inactive xmlns='urn:xmpp:csi:0'/>")
        juliet.ping()
        before = proc(service, "VmRSS")
        flood(other, [f"<presence><status>{n}{'x' * 1000}</status></presence>"
                      for n in range(5000)])
        if not sanitized():
            assert proc(service, "VmRSS") - before < 8192
        juliet.send("<active xmlns='urn:xmpp:csi:0'/>")
        assert "result" in juliet.ping()


def login2(raw: Raw, inner: str, mechanism: str, first: str) -> str:
    raw.send(f"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{mechanism}'>"
             f"<initial-response>{b64(first)}</initial-response><user-agent "
             "id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>" + inner
             + "</authenticate>")
    return raw.until("<success.*?</success>|<failure.*?</failure>"
                     "|<stream:error>.*")[0]


def test_tokens_are_not_guessed_and_not_used_twice(secured):
    with Bystander(secured):
        for first in ["juliet\0" + "x" * 32, "juliet", "\0" * 40,
                      "nobody\0" + "x" * 32, "juliet\0" + "x" * 5000]:
            with Raw(secured.c2s) as raw:
                raw.starttls()
                raw.send(header())
                raw.until("</stream:features>")
                assert "<success" not in login2(
                    raw, "<fast xmlns='urn:xmpp:fast:0' count='1'/>",
                    "HT-SHA-256-NONE", first)


@pytest.mark.parametrize("tag", ["x" * 5000, "a/b", "\u202e", "&#10;", "  ",
                                 "&lt;/jid>"])
def test_a_tag_is_a_name_or_nothing(secured, tag):
    with Bystander(secured), Raw(secured.c2s) as raw:
        raw.starttls()
        raw.send(header())
        raw.until("</stream:features>")
        said = login2(raw, "<bind xmlns='urn:xmpp:bind:0'><tag>" + tag
                      + "</tag></bind>", "PLAIN", f"\0juliet\0{PASSWORD}")
        jid = re.search("<authorization-identifier>(.*?)</", said)[1]
        assert jid.startswith("juliet@localhost/") and len(jid) < 300
