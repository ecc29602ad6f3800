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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and "bed" in getattr(item, "funcargs", {}):
        item.funcargs["bed"].keep = True


@pytest.fixture(scope="session")
def bed():
    with Bed() as b:
        b.zone("example.")
        b.zone("signed.example.", signed=True)
        hosts = {name: b.host(name) for name in ("books", "prosody",
                                                 "ejabberd")}
        for name in ("prosody", "ejabberd"):
            b.name(f"{name}.example", hosts[name], direct=True)
            b.name(f"pubsub.{name}.example", hosts[name], client=False)
        b.name("books.example", hosts["books"], direct=True)
        b.serve_names()
        yield b
        client.end()


@pytest.fixture(scope="session")
def ca(bed):
    authority = Authority(os.path.join(bed.dir, "ca"))
    for name in ("prosody", "ejabberd", "books"):
        domain = f"{name}.example"
        # No xmppAddr: ejabberd 23.01 fails on any certificate that has one.
        authority.make(domain, dns=[domain, f"pubsub.{domain}"])
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
def books(bed, ca):
    """The service under test, books.example, with alice and bob who know
    each other."""
    service = Concordance(bed.hosts["books"], ca, "books.example")
    service.start()
    for user in ("alice", "bob"):
        service.register(f"{user}@books.example", PASSWORD)
    return service
