# SPDX-License-Identifier: MIT
"""The nodes service/log and service/metrics: live, and the operator's alone."""
from __future__ import annotations

from service import Service, until
from wire import Client, condition


def test_the_log_is_a_node():
    with Service() as s:
        s.ctl("adduser", "anna", stdin="a good pass phrase\n")
        until("the line of the new account", lambda: "<event>account." in
              s.ctl("items", "service/log").stdout)


def test_the_figures_are_a_node():
    with Service() as s:
        sample = until("a sample",
                       lambda: s.ctl("items", "service/metrics").stdout)
        for name in ("time", "memory", "sessions", "requests", "cpu"):
            assert f"<{name}>" in sample


def test_a_visitor_sees_neither():
    with Service() as s:
        visitor = Client(s.port)
        for node in ("service/log", "service/metrics"):
            refused = visitor.subscribe(node)
            assert refused.get("type") == "error"
            assert condition(refused) in ("not-allowed", "forbidden",
                                          "item-not-found")
        visitor.close()


def test_one_line_makes_one_item_and_the_service_stays_quiet():
    """Publishing the log is not logged, or it would never end."""
    with Service("bookcase-c", "--log-level", "debug") as s:
        count = s.ctl("items", "service/log").stdout.count("<line ")
        s.ctl("items", "library")
        again = s.ctl("items", "service/log").stdout.count("<line ")
        assert again - count < 50
