# SPDX-License-Identifier: MIT
"""safe.example shows what books.example, Prosody and ejabberd have."""
import os

import pytest

from bed import until
from client import Person, Refused
from conftest import PASSWORD
from servers import BUILD, NS, TOP, Concordance

HERE = os.path.dirname(os.path.abspath(__file__))


def book(title: str) -> str:
    return (f'<book xmlns="{NS}"><title>{title}</title>'
            "<author>Somebody</author></book>")


class Shelves(Concordance):
    """The service with an app in Python, whose nodes have sources."""

    def command(self) -> list[str]:
        path = f"{BUILD}/python:{HERE}/programs"
        options = super().command()[1:-1]
        return ["/usr/bin/env", f"PYTHONPATH={path}", "/usr/bin/python3",
                "-m", "concordance", "run", "shelves:Shelves", *options]

    def has(self, node: str) -> str:
        try:
            return self.ctl("items", node)
        except AssertionError:  # it has only just been started
            return ""

    def page(self) -> str:
        try:
            with open(os.path.join(self.data, "www", "index.html"),
                      encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:  # not written yet
            return ""

    def shows(self, *words: str, node: str | None = None,
              without: str = "\0", limit: float = 60) -> None:
        """Wait until a node has these words, and not that one."""
        def there():
            text = self.has(node) if node else self.page()
            return all(w in text for w in words) and without not in text
        until(lambda: f"{node or 'the page'} has {words} without {without!r}"
              f"\n{self.log()[-3000:]}", there, limit)


@pytest.fixture(scope="module")
def shelves(bed, ca, books):
    if not os.path.isdir(f"{BUILD}/python/concordance"):
        pytest.skip("built without Python")
    books.publish("library", "Ere the mirror", "m0")
    service = Shelves(bed.hosts["safe"], ca, "safe.example")
    service.start()
    return service


def test_a_page_shows_a_node_of_another_domain_live(shelves, books):
    shelves.shows("Ere the mirror")
    books.publish("library", "Across the wire", "m1")
    shelves.shows("Ere the mirror", "Across the wire")
    books.publish("library", "Across it again", "m1")
    books.ctl("retract", "library", "m0")
    shelves.shows("Across it again", without="Ere the mirror")


def test_nobody_writes_it_here(shelves):
    with pytest.raises(Exception, match="books.example"):
        shelves.publish("library", "Mine", "x1")


def test_what_happened_while_the_wire_was_cut_is_there_after(
        shelves, books, bed):
    bed.hosts["safe"].cut()
    try:
        for i in range(5):
            books.publish("library", f"While away {i}", f"w{i}")
        books.ctl("retract", "library", "m1")
    finally:
        bed.hosts["safe"].mend()
    shelves.shows(*(f"While away {i}" for i in range(5)),
                  without="Across it again", limit=240)


def test_what_happened_while_we_were_dead_is_there_after(shelves, books):
    shelves.kill()
    books.publish("library", "Posthumous", "p1")
    books.ctl("retract", "library", "w0")
    shelves.start()
    shelves.shows("Posthumous", without="While away 0", limit=120)


def test_what_the_source_lost_its_life_over_comes_when_it_is_back(
        shelves, books):
    books.kill()
    books.start()
    books.publish("library", "Risen", "r1")
    shelves.shows("Risen", limit=240)


@pytest.mark.parametrize("name", ["prosody", "ejabberd"])
def test_nodes_of_other_servers_are_kept(shelves, request, ca, name):
    request.getfixturevalue(name)
    domain, source = f"{name}.example", f"pubsub.{name}.example"
    with Person(f"alice@{domain}", PASSWORD, ca=ca.root) as alice:
        alice.be_present()
        try:
            alice.pubsub(source, "set", '<create node="library"/><configure>'
                         '<x xmlns="jabber:x:data" type="submit">'
                         '<field var="FORM_TYPE"><value>http://jabber.org/'
                         'protocol/pubsub#node_config</value></field>'
                         '<field var="pubsub#persist_items"><value>1</value>'
                         '</field><field var="pubsub#max_items"><value>20'
                         '</value></field><field var="pubsub#notify_retract">'
                         '<value>1</value></field></x></configure>')
        except Refused:
            pass  # another test has made it
        alice.publish(source, "library", "k1", book(f"Of {name}"))
        # It has asked before there was anything: its next try is due soon.
        shelves.shows(f"Of {name}", node=name, limit=330)
        alice.publish(source, "library", "k2", book("Live"))
        shelves.shows("Live", node=name)
        alice.retract(source, "library", "k1")
        shelves.shows("Live", node=name, without=f"Of {name}")
        shelves.kill()
        alice.publish(source, "library", "k3", book("Meanwhile"))
        alice.retract(source, "library", "k2")
        shelves.start()
        # A server that could not answer us waits before it dials again.
        shelves.shows("Meanwhile", node=name, without="Live", limit=240)
