# SPDX-License-Identifier: MIT
"""The administrator's commands about nodes, over the link."""
from __future__ import annotations

import re
import socket
import xml.etree.ElementTree as ET

import pytest

from service import LIMIT, Service, book, until
from wire import Client, condition

NS = "http://jabber.org/protocol/commands"
DATA = "{jabber:x:data}"


class Link:
    """The operator's own stream, by the Unix socket."""

    def __init__(self, service: Service):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        self.sock.connect(service.link)
        self.text = ""
        self.n = 0
        head = ("<stream:stream xmlns='jabber:client' xmlns:stream="
                "'http://etherx.jabber.org/streams' to='localhost' "
                "version='1.0'>")
        self.say(head, "features>")
        self.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                 "mechanism='EXTERNAL'>=</auth>", "<success")
        self.say(head, "features>")
        self.say("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:"
                 "xmpp-bind'/></iq>", "</iq>")

    def say(self, xml: str, word: str) -> str:
        self.text = ""
        self.sock.sendall(xml.encode())
        while word not in self.text:
            data = self.sock.recv(1 << 20)
            assert data, self.text
            self.text += data.decode()
        return self.text

    def do(self, node: str, /, **fields) -> ET.Element:
        """The command's answer: <command/>, or the whole IQ of an error."""
        self.n += 1
        form = "".join(
            f"<field var='{name}'>"
            + "".join(f"<value>{one.replace('&', '&amp;').replace('<', '&lt;')}"
                      "</value>" for one in
                      (value if isinstance(value, list) else [value]))
            + "</field>" for name, value in fields.items())
        text = self.say(
            f"<iq type='set' id='c{self.n}' to='localhost'><command "
            f"xmlns='{NS}' node='{node}' action='execute'>"
            f"<x xmlns='jabber:x:data' type='submit'>{form}</x></command>"
            "</iq>", "</iq>")
        iq = ET.fromstring(text)
        command = iq.find(f"{{{NS}}}command")
        return iq if command is None else command

    def close(self):
        self.sock.close()


def rows(command: ET.Element) -> list[dict]:
    return [{f.get("var"): f.findtext(f"{DATA}value") or ""
             for f in item.iter(f"{DATA}field")}
            for item in command.iter(f"{DATA}item")]


def values(command: ET.Element) -> dict:
    x = command.find(f"{DATA}x")
    return {f.get("var"): f.findtext(f"{DATA}value") or ""
            for f in x.findall(f"{DATA}field")}


def note(command: ET.Element) -> str:
    return command.findtext(f"{{{NS}}}note") or ""


@pytest.fixture(scope="module")
def service():
    with Service() as s:
        yield s


@pytest.fixture
def link(service):
    one = Link(service)
    yield one
    one.close()


def publish(link, id: str, title: str):
    answer = link.do("nodes/publish", node="library", id=id,
                     payload=book(title))
    assert note(answer) == "Published: 1.", ET.tostring(answer)


def test_nodes_are_listed_and_searched(link):
    all_ = {row["node"]: row for row in rows(link.do("nodes"))}
    assert all_["library"]["kept"] == "store"
    assert all_["service/log"]["access"] == "whitelist"
    assert not any(name.startswith("view:") for name in all_)
    assert [r["node"] for r in rows(link.do("nodes", q="libr"))] == ["library"]
    assert "view:/" in {r["node"] for r in rows(link.do("nodes", views="1"))}


def test_items_come_in_windows_newest_first(link):
    for i in range(5):
        publish(link, f"w{i}", f"Window {i}")
    some = link.do("nodes/items", node="library", q="Window", offset="1",
                   limit="2")
    assert [r["id"] for r in rows(some)] == ["w3", "w2"]
    assert values(some)["total"] == "5"
    empty = link.do("nodes/items", node="library", q="Window", offset="9")
    assert rows(empty) == []


def test_an_item_is_shown_whole_with_its_versions(link):
    publish(link, "v", "First <edition>")
    publish(link, "v", "Second")
    item = values(link.do("nodes/item", node="library", id="v"))
    assert item["id"] == "v" and "<title>Second</title>" in item["payload"]
    versions = rows(link.do("nodes/history", node="library", id="v"))
    assert len(versions) == 2
    assert "First" in versions[1]["payload"]


def test_items_are_published_again_and_retracted(service, link):
    publish(link, "r1", "Again one")
    publish(link, "r2", "Again two")
    visitor = Client(service.port)
    visitor.subscribe("library")
    again = link.do("nodes/again", node="library", id=["r1", "nowhere"])
    assert note(again).startswith("Published again: 1. Not done: 1")
    event = visitor.recv()
    assert "Again one" in ET.tostring(event, encoding="unicode")
    gone = link.do("nodes/retract", node="library", id=["r1", "r2"])
    assert note(gone) == "Retracted: 2."
    kept = {r["id"] for r in rows(link.do("nodes/items", node="library"))}
    assert not kept & {"r1", "r2"}
    visitor.close()


def test_subscribers_are_listed(service, link):
    visitor = Client(service.port)
    visitor.subscribe("library")
    who = rows(link.do("nodes/subscribers", node="library"))
    assert any(r["kept"] == "while online" for r in who)
    visitor.close()


def test_somebody_is_kept_out_and_let_in_again(service, link):
    def affiliation():
        return {r["jid"]: r["affiliation"] for r in
                rows(link.do("nodes/affiliations", node="library"))}
    link.do("nodes/affiliate", node="library", jid="eve@localhost",
            affiliation="outcast")
    assert affiliation()["eve@localhost"] == "outcast"
    link.do("nodes/affiliate", node="library", jid="eve@localhost",
            affiliation="none")
    assert "eve@localhost" not in affiliation()


def test_a_purge_wants_the_name_again(link):
    publish(link, "p", "To be purged")
    wrong = link.do("nodes/purge", node="library", again="libary")
    assert wrong.get("status") == "executing"
    assert rows(link.do("nodes/items", node="library", q="To be purged"))
    assert note(link.do("nodes/purge", node="library",
                        again="library")) == "Purged: 1."
    assert rows(link.do("nodes/items", node="library")) == []


@pytest.mark.parametrize("node, fields, field", [
    ("nodes/items", {"node": "nowhere"}, "node"),
    ("nodes/item", {"node": "library", "id": "nowhere"}, "id"),
    ("nodes/publish", {"node": "library", "payload": "<a><b></a>"}, "payload"),
    ("nodes/affiliate", {"node": "library", "jid": "@", "affiliation":
                         "member"}, "jid"),
    ("nodes/affiliate", {"node": "library", "jid": "a@b", "affiliation":
                         "king"}, "affiliation"),
    ("nodes/items", {"node": "library", "limit": "-3"}, "limit"),
])
def test_what_is_wrong_is_said_at_its_field(link, node, fields, field):
    answer = link.do(node, **fields)
    assert answer.get("status") == "executing", ET.tostring(answer)
    at = [f for f in answer.iter(f"{DATA}field") if f.get("var") == field]
    assert at and at[0].find(
        "{http://concordance-xmpp.org/ns/form}error") is not None


def test_what_is_no_record_of_the_node_is_refused(link):
    answer = link.do("nodes/publish", node="library", payload="<other/>")
    assert "executing" in ET.tostring(answer, encoding="unicode") or \
        answer.get("type") == "error"
    assert rows(link.do("nodes/items", node="library", q="other")) == []


def test_visitors_may_run_none_of_them(service):
    visitor = Client(service.port)
    for node in ("nodes", "nodes/items", "nodes/purge", "nodes/publish"):
        refused = visitor.iq("set", f"<command xmlns='{NS}' node='{node}'/>")
        assert condition(refused) == "forbidden"
    visitor.close()
