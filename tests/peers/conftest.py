# SPDX-License-Identifier: MIT
"""The bed that all tests share, and the servers in it."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

if not os.environ.get("CONCORDANCE_BED"):
    collect_ignore_glob = ["test_*.py"]

from bed import Bed  # noqa: E402
from ca import Authority  # noqa: E402
import client  # noqa: E402
from servers import Concordance, Ejabberd, Prosody  # noqa: E402

PASSWORD = "correct horse"
# Prosody stands in for the service: what fails then too is a test's fault.
CONTROL = os.environ.get("BED_CONTROL") == "prosody"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and "bed" in getattr(item, "funcargs", {}):
        item.funcargs["bed"].keep = True


# Domains of one more Prosody, and what each has to prove its name with.
GOOD = {"addr.example": {"xmpp": ["addr.example"]},
        "srv.example": {"srv": ["_xmpp-server.srv.example"]},
        "direct.example": {"dns": ["direct.example"]},
        "six.example": {"dns": ["six.example"]}}
BAD = {"expired.example": {"dns": ["expired.example"], "start": -20,
                           "end": -1},
       "future.example": {"dns": ["future.example"], "start": 5},
       "wrong.example": {"dns": ["right.example"]},
       "cnonly.example": {"cn": "cnonly.example"},
       "own.example": {"dns": ["own.example"], "self_signed": True}}


@pytest.fixture(scope="session")
def bed():
    with Bed() as b:
        zone = b.zone("example.")
        b.zone("signed.example.", signed=True)
        for name in ("books", "prosody", "ejabberd", "various", "loose",
                     "shelf", "safe", "door"):
            b.host(name)
        hosts = b.hosts
        for name in ("prosody", "ejabberd", "books", "safe", "door"):
            b.name(f"{name}.example", hosts[name], direct=True)
            b.name(f"pubsub.{name}.example", hosts[name], client=False)
        for name in ("loose", "shelf"):
            b.name(f"{name}.example", hosts[name])
        for name in [*GOOD, *BAD]:
            b.name(name, hosts["various"], server=name != "direct.example",
                   direct=name == "direct.example",
                   ipv4=name != "six.example")
        # The tests themselves are this one.
        b.name("evil.example", b.runner, client=False)
        zone.add("dead.example", "A", "10.77.0.254")
        zone.add("none.example", "A", hosts["prosody"].ip4)
        zone.add("_xmpp-server._tcp.none.example", "SRV", "0 0 0 .")
        zone.add("_xmpps-server._tcp.none.example", "SRV", "0 0 0 .")
        b.serve_names()
        yield b
        client.end()


@pytest.fixture(scope="session")
def ca(bed):
    authority = Authority(os.path.join(bed.dir, "ca"))
    for name in ("prosody", "ejabberd", "books", "safe", "door", "evil"):
        domain = f"{name}.example"
        # No xmppAddr: ejabberd 23.01 fails on any certificate that has one.
        authority.make(domain, dns=[domain, f"pubsub.{domain}"])
    for name in ("loose", "shelf"):
        authority.make(f"{name}.example", dns=[f"{name}.example"],
                       self_signed=True)
    for name, has in {**GOOD, **BAD}.items():
        authority.make(name, **has)
    return authority


@pytest.fixture(scope="session")
def prosody(bed, ca):
    server = Prosody(bed.hosts["prosody"], ca,
                     {"prosody.example": "prosody.example"})
    server.start()
    for user in ("alice", "bob"):
        server.register(f"{user}@prosody.example", PASSWORD)
    return server


@pytest.fixture(scope="session")
def ejabberd(bed, ca):
    server = Ejabberd(bed.hosts["ejabberd"], ca,
                      {"ejabberd.example": "ejabberd.example"})
    server.start()
    for user in ("alice", "bob"):
        server.register(f"{user}@ejabberd.example", PASSWORD)
    return server


@pytest.fixture(scope="session")
def loose(bed, ca):
    """A Prosody whose certificate nobody trusts: dialback is all it has."""
    server = Prosody(bed.hosts["loose"], ca,
                     {"loose.example": "loose.example"}, strict=False)
    server.start()
    server.register("alice@loose.example", PASSWORD)
    return server


@pytest.fixture(scope="session")
def various(bed, ca):
    """A Prosody of many domains; most have something wrong with them."""
    names = [*GOOD, *BAD]
    server = Prosody(bed.hosts["various"], ca, {n: n for n in names},
                     strict=False)
    server.start()
    for name in names:
        server.register(f"alice@{name}", PASSWORD)
    return server


def stand_in(bed, ca, name: str, **more) -> Prosody:
    """Prosody where the service would be."""
    domain = f"{name}.example"
    server = Prosody(bed.hosts[name], ca, {domain: domain}, **more)
    server.befriend(f"alice@{domain}", f"bob@{domain}")
    server.start()
    for user in ("alice", "bob"):
        server.register(f"{user}@{domain}", PASSWORD)
    return server


@pytest.fixture(scope="session")
def books(bed, ca):
    """The service under test: books.example, which wants certificates."""
    if CONTROL:
        return stand_in(bed, ca, "books")
    service = Concordance(bed.hosts["books"], ca, "books.example",
                          "--s2s-cert", "--origin",
                          "http://127.0.0.1:8099")
    service.start()
    for user in ("alice", "bob"):
        service.register(f"{user}@books.example", PASSWORD)
    return service


@pytest.fixture(scope="session")
def shelf(bed, ca):
    """One whose certificate nobody trusts, which trusts dialback, and has
    little patience."""
    if CONTROL:
        return stand_in(bed, ca, "shelf", strict=False)
    service = Concordance(bed.hosts["shelf"], ca, "shelf.example",
                          "--s2s-wait", "6")
    service.start()
    service.register("bob@shelf.example", PASSWORD)
    return service
