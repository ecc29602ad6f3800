# SPDX-License-Identifier: MIT
"""Test an app as its users use it: the real service, in the test.

    from concordance.testing import Site
    from shelf import Shelf

    def test_a_visitor_adds_a_book():
        with Site(Shelf) as site:
            follower = site.client().subscribe("shelf")
            page = site.browser().open("/")
            page = page.form("Add").fill(title="Emma").submit()
            assert "Emma" in page.text
            assert follower.next_event()["title"] == "Emma"

A Site is a whole service of its own: a store in memory, free ports, a folder
that goes away.  It starts in a fraction of a second, so each test can have
one.  With pytest, a fixture is four lines:

    @pytest.fixture
    def site():
        with Site(Shelf) as running:
            yield running

Nothing here sleeps: what waits, waits for what it names, at most ``LIMIT``
seconds (TEST_LIMIT in the environment), and then says what came instead.
Only Python's own library is used.
"""
from .browser import Browser, Form, Page
from .client import LIMIT, Answer, Client, Item, Refused
from .site import Site
from .wire import Closed

__all__ = ["Answer", "Browser", "Client", "Closed", "Form", "Item", "LIMIT",
           "Page", "Refused", "Site"]
