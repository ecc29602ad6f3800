# SPDX-License-Identifier: MIT
"""books.example among other servers: what their users see of it."""
import signal
import time
import xml.etree.ElementTree as ET

import pytest

from bed import SlowLinkMissing, until
from ca import Authority
from client import PUBSUB, Person, Refused
from conftest import GOOD, PASSWORD
from servers import NS, Concordance

BOOKS = "books.example"
DISCO = "http://jabber.org/protocol/disco#info"


@pytest.fixture(scope="module", params=["prosody", "ejabberd"])
def peer(request):
    """A server of somebody else's, with alice and bob."""
    server = request.getfixturevalue(request.param)
    server.domain = f"{request.param}.example"
    return server


@pytest.fixture
def alice(books, peer, ca):
    """Its user."""
    with Person(f"alice@{peer.domain}", PASSWORD, ca=ca.root) as person:
        person.be_present()
        yield person


def book(title: str) -> str:
    return (f'<book xmlns="{NS}"><title>{title}</title>'
            "<author>Somebody</author></book>")


# -- a user of another server ------------------------------------------------

def test_a_stranger_discovers_the_library(alice):
    identities, features = alice.info(BOOKS)
    assert ("pubsub", "service") in identities
    assert PUBSUB in features and DISCO in features
    assert (BOOKS, "library") in alice.items_of(BOOKS)
    identities, _ = alice.info(BOOKS, "library")
    assert ("pubsub", "leaf") in identities


def test_a_stranger_follows_the_library(alice, books):
    alice.subscribe(BOOKS, "library")
    books.publish("library", "Far and wide", "far1")
    item = alice.told("Far and wide")
    assert item.get("id") == "far1"
    assert item[0].tag == f"{{{NS}}}book"
    books.ctl("retract", "library", "far1")
    assert alice.told("far1", kind="retract") is not None
    alice.unsubscribe(BOOKS, "library")
    with pytest.raises(Refused) as refused:
        alice.unsubscribe(BOOKS, "library")
    assert refused.value.condition == "unexpected-request"


def test_a_stranger_adds_a_book_by_the_form(alice, books):
    alice.subscribe(BOOKS, "library")
    title = f"By a form from {alice.jid}"
    answer = alice.command(BOOKS, "library", {"title": title,
                                              "author": "Alice"})
    assert answer.get("status") == "completed", ET.tostring(answer)
    item = alice.told(title)
    assert item[0].findtext(f"{{{NS}}}author") == "Alice"
    kept = alice.items(BOOKS, "library")
    assert title in ET.tostring(kept[item.get("id")], "unicode")
    alice.unsubscribe(BOOKS, "library")


def test_a_field_that_is_refused_is_named_to_the_stranger(alice):
    answer = alice.command(BOOKS, "library", {
        "title": "With a number", "author": "Alice", "isbn": "12"})
    assert answer.get("status") == "executing", ET.tostring(answer)
    assert "978 or 979" in ET.tostring(answer, "unicode")


@pytest.mark.parametrize("inner, condition", [
    ('<subscribe node="attic" jid="{me}"/>', "item-not-found"),
    ('<subscribe node="library" jid="somebody@else.example"/>',
     "bad-request"),
    ('<publish node="library"><item id="x">{book}</item></publish>',
     "forbidden"),
    ('<retract node="library" notify="true"><item id="x"/></retract>',
     "forbidden"),
    ('<create node="mine"/>', "forbidden")])
def test_a_stranger_is_told_what_it_may_not(alice, books, inner, condition):
    books.publish("library", "X", "x")
    with pytest.raises(Refused) as refused:
        alice.pubsub(BOOKS, "set", inner.format(me=alice.jid,
                                                book=book("X")))
    assert refused.value.condition == condition, str(refused.value)


def test_what_nobody_answers_comes_back_as_an_error(alice):
    with pytest.raises(Refused) as refused:
        alice.ask(BOOKS, "get", '<query xmlns="urn:x-nothing"/>')
    assert refused.value.condition == "service-unavailable"
    with pytest.raises(Refused) as refused:
        alice.ask(f"nobody@{BOOKS}", "get", f'<query xmlns="{DISCO}"/>')
    assert refused.value.condition == "service-unavailable"


def test_accounts_talk_across(alice, ca):
    with Person(f"bob@{BOOKS}", PASSWORD, ca=ca.root) as bob:
        bob.be_present()
        text = f"hello from {alice.jid}"
        alice.say(f"bob@{BOOKS}", text)
        heard = bob.heard(text)
        bob.say(str(heard["from"]), f"and back, {alice.jid}")
        alice.heard(f"and back, {alice.jid}")


def test_accounts_see_each_other_across(alice, ca):
    """RFC 6121 3: asked, granted, seen, gone."""
    with Person(f"alice@{BOOKS}", PASSWORD, ca=ca.root) as other:
        other.be_present()
        alice.be_present(pto=other.jid, ptype="subscribe")
        for who, whom in ((alice, other), (other, alice)):
            until(f"{who.jid} sees {whom.jid}", lambda: any(
                p["type"] == "available"
                and p["from"].bare == whom.jid for p in who.presences))
    until("alice sees the other leave", lambda: any(
        p["type"] == "unavailable" and p["from"].bare == f"alice@{BOOKS}"
        for p in alice.presences))


# -- restarts ----------------------------------------------------------------

def test_a_restart_of_ours_loses_nothing(alice, books):
    """kill -9 in the middle: what was acknowledged is there, the
    subscription too."""
    alice.subscribe(BOOKS, "library")
    added = []
    for i in range(5):
        title = f"Before the fall {i} of {alice.jid}"
        answer = alice.command(BOOKS, "library", {"title": title,
                                                  "author": "Alice"})
        assert answer.get("status") == "completed"
        added.append(title)
    books.kill()
    books.start()
    kept = " ".join(ET.tostring(i, "unicode")
                    for i in alice.items(BOOKS, "library").values())
    for title in added:
        assert title in kept
    books.publish("library", f"After the fall, {alice.jid}", "after")
    alice.told(f"After the fall, {alice.jid}")
    alice.unsubscribe(BOOKS, "library")


def test_a_restart_of_theirs_loses_nothing(books, peer, ca):
    jid = f"bob@{peer.domain}"
    with Person(jid, PASSWORD, ca=ca.root) as bob:
        bob.be_present()
        bob.subscribe(BOOKS, "library")
    peer.kill()
    title = f"While {peer.domain} was away"
    books.publish("library", title, "away")
    peer.start()
    with Person(jid, PASSWORD, ca=ca.root) as bob:
        bob.be_present()
        assert title in " ".join(
            ET.tostring(i, "unicode")
            for i in bob.items(BOOKS, "library").values())
        books.publish("library", f"{peer.domain} is back", "back")
        bob.told(f"{peer.domain} is back")
        bob.unsubscribe(BOOKS, "library")


# -- how they prove who they are ---------------------------------------------

def follow(service, jid: str, trusts: str) -> None:
    """Both directions: a question there, an event back."""
    with Person(jid, PASSWORD, ca=trusts) as person:
        person.be_present()
        person.subscribe(service.domain, "library")
        service.publish("library", f"For {jid}", "proof")
        person.told(f"For {jid}")
        person.unsubscribe(service.domain, "library")


def test_prosody_and_we_meet_by_certificate(books, prosody, ca):
    follow(books, "alice@prosody.example", ca.root)
    assert "db:result" not in [line for line in prosody.log().splitlines()
                               if BOOKS in line]


def test_dialback_alone_serves_prosody(shelf, loose, ca):
    follow(shelf, "alice@loose.example", ca.path("loose.example", "crt"))
    assert "db:verify" in loose.log()


def test_dialback_alone_serves_ejabberd(shelf, ejabberd, ca):
    follow(shelf, "alice@ejabberd.example", ca.root)


@pytest.mark.parametrize("domain", list(GOOD))
def test_a_good_certificate_serves(books, various, ca, domain):
    """xmppAddr alone, SRVName alone; TLS from the first byte; IPv6 alone."""
    # Its users' certificates are not what this is about.
    with Person(f"alice@{domain}", PASSWORD,
                address=(various.host.ip4, 5222)) as person:
        person.be_present()
        person.subscribe(BOOKS, "library")
        books.publish("library", f"For {domain}", "good")
        person.told(f"For {domain}")
        person.unsubscribe(BOOKS, "library")


# -- a slow wire and a cut one -----------------------------------------------

@pytest.fixture(scope="module")
def far(bed, ca):
    """A second Concordance, far away: 100 ms each way, 1 Mbit/s."""
    try:
        host = bed.host("far", delay_ms=100, kbit_s=1000)
    except SlowLinkMissing as why:
        pytest.skip(str(why))
    bed.name("far.example", host, direct=True)
    bed.serve_names()
    ca.make("far.example", dns=["far.example"])
    service = Concordance(host, ca, "far.example", "--s2s-cert")
    service.start()
    service.register("alice@far.example", PASSWORD)
    yield service
    service.stop()


def test_two_of_ours_over_a_slow_and_a_cut_wire(books, far, ca):
    with Person("alice@far.example", PASSWORD, ca=ca.root) as alice:
        alice.be_present()
        alice.subscribe(BOOKS, "library")
        for i in range(20):
            books.publish("library", f"Far {i}.", f"far{i}")
        alice.told("Far 19.")
        far.host.cut()
        for i in range(20, 40):
            books.publish("library", f"Far {i}.", f"far{i}")
        far.host.mend()
        alice.told("Far 39.")
        told = [item.get("id") for event in alice.events
                for item in event.iter(f"{{{PUBSUB}#event}}item")]
        assert told == [f"far{i}" for i in range(40)]
        alice.unsubscribe(BOOKS, "library")


# -- DNSSEC and DANE ---------------------------------------------------------

@pytest.fixture(scope="module")
def safe(bed, ca):
    """Its certificate is its own; DNS, signed, vouches for it."""
    own = Authority(bed.dir + "/own")
    own.make("safe.signed.example", dns=["safe.signed.example"],
             self_signed=True)
    bed.name("safe.signed.example", bed.hosts["safe"])
    zone = next(z for z in bed.zones if z.signed)
    zone.add("_5269._tcp.safe.signed.example", "TLSA",
             "3 1 1 " + own.fingerprint("safe.signed.example"))
    bed.serve_names()
    service = Concordance(bed.hosts["safe"], own, "safe.signed.example",
                          trust=False)
    service.start()
    service.register("bob@safe.signed.example", PASSWORD)
    yield service
    service.stop()


def test_dane_serves_instead_of_an_authority(bed, books, safe, ca):
    zone = next(z for z in bed.zones if z.signed)
    books.stop()
    books.options += ("--trust-anchor", zone.anchor)
    books.start()
    with Person(f"bob@{BOOKS}", PASSWORD, ca=ca.root) as bob:
        bob.be_present()
        assert DISCO in bob.info("safe.signed.example")[1]


def test_dane_that_names_another_key_refuses(bed, books, safe, ca):
    zone = next(z for z in bed.zones if z.signed)
    lines = list(zone.lines)
    zone.lines = [line if "TLSA" not in line else
                  line.rsplit(" ", 1)[0] + " " + "ab" * 32 for line in lines]
    bed.serve_names()
    books.stop()
    books.start()
    try:
        with Person(f"bob@{BOOKS}", PASSWORD, ca=ca.root) as bob:
            with pytest.raises(Refused) as refused:
                bob.info("safe.signed.example")
            assert refused.value.condition.startswith("remote-server-")
    finally:
        zone.lines = lines
        bed.serve_names()
