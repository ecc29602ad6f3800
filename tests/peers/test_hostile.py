# SPDX-License-Identifier: MIT
"""Servers that are wrong, silent, or mean harm."""
import socket
import time

import pytest

from bed import until
from client import Person, Refused
from conftest import BAD, PASSWORD
from wire import Ended, Liar, Wire

BOOKS = "books.example"
DISCO = "http://jabber.org/protocol/disco#info"


@pytest.fixture(scope="module")
def bob(books, ca):
    with Person(f"bob@{BOOKS}", PASSWORD, ca=ca.root) as person:
        person.be_present()
        yield person


@pytest.fixture(scope="module")
def hasty(shelf, ca):
    """Bob where little patience is had: --s2s-wait 6."""
    with Person("bob@shelf.example", PASSWORD,
                ca=ca.path("shelf.example", "crt")) as person:
        person.be_present()
        yield person


# -- certificates ------------------------------------------------------------

@pytest.mark.parametrize("domain", list(BAD))
def test_a_bad_certificate_is_refused_when_they_call(books, various, domain):
    """With --s2s-cert dialback does not help them."""
    with Person(f"alice@{domain}", PASSWORD,
                address=(various.host.ip4, 5222)) as alice:
        with pytest.raises(Refused) as refused:
            alice.info(BOOKS)
        assert refused.value.condition in (
            "remote-server-not-found", "remote-server-timeout",
            "service-unavailable", "not-authorized", "policy-violation")
        assert str(refused.value.iq["from"]) == BOOKS
        assert f"<iq from='alice@{domain}" not in books.log()


@pytest.mark.parametrize("domain", list(BAD))
def test_a_bad_certificate_is_refused_when_we_call(bob, various, domain):
    with pytest.raises(Refused) as refused:
        bob.info(domain)
    # RFC 6120 8.3.3.17: no stream, because of TLS.
    assert refused.value.condition == "remote-server-timeout"
    assert f"the certificate of {domain}" in refused.value.text


# -- nobody there ------------------------------------------------------------

def refusal(person, domain: str) -> tuple[str, float]:
    start = time.monotonic()
    with pytest.raises(Refused) as refused:
        person.info(domain)
    return refused.value.condition, time.monotonic() - start


@pytest.mark.parametrize("domain", ["nowhere.example", "none.example",
                                    "other.invalid"])
def test_a_domain_without_dns_is_not_found(bob, domain):
    condition, seconds = refusal(bob, domain)
    assert condition == "remote-server-not-found"
    assert seconds < 5


def test_an_address_without_a_machine_times_out(hasty):
    condition, seconds = refusal(hasty, "dead.example")
    assert condition in ("remote-server-timeout", "remote-server-not-found")
    assert seconds < 12


def test_a_server_that_never_speaks_times_out(hasty):
    with socket.create_server(("", 5269)) as listener:
        condition, seconds = refusal(hasty, "evil.example")
        assert condition == "remote-server-timeout"
        assert seconds < 12
        listener.settimeout(1)
        listener.accept()[0].close()  # it did call


# -- lies --------------------------------------------------------------------

@pytest.mark.parametrize("answer", ["invalid", "valid"])
def test_a_dialback_key_is_worth_what_its_domain_says(shelf, ca, answer):
    """We ask evil.example's own server whether the key is its own."""
    with Liar("evil.example", ca, answer) as liar, \
            Wire(shelf.host, "evil.example", "shelf.example", ca,
                 None) as wire:
        wire.starttls()
        wire.expect("</stream:features>")
        wire.send("<db:result from='evil.example' to='shelf.example'>"
                  "some key</db:result>")
        found = wire.expect(r"<db:result[^>]*type=['\"](\w+)")
        assert found[1] == answer
        assert len(liar.asked) == 1
        wire.send("<iq from='x@evil.example' to='shelf.example' type='get' "
                  f"id='1'><query xmlns='{DISCO}'/></iq>")
        # An answer goes to the liar, by a stream of ours; here is none.
        with pytest.raises((Ended, AssertionError)) as ended:
            wire.expect("<iq", 2)
        if answer == "invalid":
            assert ended.type is Ended
            assert "<iq" not in ended.value.seen


@pytest.mark.parametrize("sender", ["alice@prosody.example",
                                    "bob@books.example", "books.example"])
def test_a_stanza_from_somebody_elses_domain_ends_the_stream(bed, books, ca,
                                                             sender):
    """RFC 6120 8.1.2.2, 4.9.3.9."""
    with Wire(books.host, "evil.example", BOOKS, ca, "evil.example") as wire:
        wire.external()
        wire.send(f"<message from='{sender}' to='bob@books.example'>"
                  "<body>I am not who I say</body></message>")
        with pytest.raises(Ended) as ended:
            wire.expect("<message")
        assert "invalid-from" in ended.value.seen


def test_a_stanza_for_a_domain_that_is_not_ours_is_not_relayed(bed, books,
                                                               ca):
    with Wire(books.host, "evil.example", BOOKS, ca, "evil.example") as wire:
        wire.external()
        wire.send("<message from='x@evil.example' to='y@prosody.example'>"
                  "<body>pass it on</body></message>")
        try:
            wire.expect("<message[^>]*type=['\"]error")
        except Ended as ended:
            assert "host-unknown" in ended.seen \
                or "improper-addressing" in ended.seen


def test_stanzas_before_anybody_is_known_are_refused(bed, books, ca):
    with Wire(books.host, "evil.example", BOOKS, ca, None) as wire:
        wire.starttls()
        wire.send("<message from='x@evil.example' to='bob@books.example'>"
                  "<body>early</body></message>")
        with pytest.raises(Ended) as ended:
            wire.expect("<message")
        assert "not-authorized" in ended.value.seen


def test_what_comes_before_tls_is_not_read_after_it(books, ca, bob):
    """STARTTLS injection: bytes behind <starttls/> in the clear."""
    with Wire(books.host, "evil.example", BOOKS, ca, "evil.example") as wire:
        wire.open()
        wire.expect("</stream:features>")
        wire.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
                  "<message from='x@evil.example' to='bob@books.example'>"
                  "<body>injected</body></message>")
        try:
            wire.expect("<proceed[^>]*>")
            wire.socket = wire.context.wrap_socket(wire.socket)
            wire.external(opened=True)
        except (Ended, OSError):
            pass  # ended at once: as good
    with Wire(books.host, "evil.example", BOOKS, ca, "evil.example") as wire:
        wire.external()
        wire.send("<message from='x@evil.example' to='bob@books.example'>"
                  "<body>honest</body></message>")
        bob.heard("honest")
    assert "injected" not in [m["body"] for m in bob.messages]


# -- floods ------------------------------------------------------------------

def rss(process) -> int:
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def test_a_stanza_too_large_ends_the_stream(bed, books, ca):
    with Wire(books.host, "evil.example", BOOKS, ca, "evil.example") as wire:
        wire.external()
        with pytest.raises((Ended, OSError)) as ended:
            wire.send("<message from='x@evil.example' "
                      "to='bob@books.example'><body>")
            for _ in range(64):
                wire.send("x" * 65536)
            wire.expect("never")
        if ended.type is Ended:
            assert "policy-violation" in ended.value.seen


def test_a_peer_that_asks_and_never_reads_is_bounded(bed, books, bob, ca):
    before = rss(books.process)
    question = "".join(
        f"<iq from='x{i}@evil.example' to='{BOOKS}' type='get' id='{i}'>"
        f"<query xmlns='{DISCO}'/></iq>" for i in range(200))
    with Wire(books.host, "evil.example", BOOKS, ca, "evil.example") as wire:
        wire.external()
        wire.socket.settimeout(3)
        try:
            for _ in range(2000):
                wire.send(question)
        except (TimeoutError, OSError):
            pass  # held back or thrown out: both are an answer
        assert DISCO in bob.info(BOOKS, limit=5)[1]
        assert rss(books.process) - before < 32 << 20


def test_a_thousand_silent_connections_shut_nobody_out(bed, books, prosody,
                                                       ca):
    held = []
    try:
        for _ in range(1000):
            s = socket.socket()
            s.settimeout(0.5)
            try:
                s.connect((books.host.ip4, 5269))
            except OSError:
                s.close()
                break
            held.append(s)
        with Person("alice@prosody.example", PASSWORD, ca=ca.root) as alice:
            assert DISCO in alice.info(BOOKS)[1]
    finally:
        for s in held:
            s.close()
