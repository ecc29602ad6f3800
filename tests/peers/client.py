# SPDX-License-Identifier: MIT
"""People: slixmpp clients, driven from tests that read from top to bottom.

All of them live on one thread with one asyncio loop; a test's calls wait for
the answer there, with a limit.
"""
from __future__ import annotations

import asyncio
import ssl
import threading
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from bed import LIMIT, until

PUBSUB = "http://jabber.org/protocol/pubsub"
EVENT = PUBSUB + "#event"
COMMANDS = "http://jabber.org/protocol/commands"
DATA = "jabber:x:data"

_loop: asyncio.AbstractEventLoop | None = None


def loop() -> asyncio.AbstractEventLoop:
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()

        def serve():
            asyncio.set_event_loop(_loop)
            _loop.run_forever()
        threading.Thread(target=serve, daemon=True).start()
    return _loop


def end() -> None:
    """Stop the loop and what is left on it."""
    global _loop
    if _loop is None:
        return

    async def cancel():
        tasks = [t for t in asyncio.all_tasks()
                 if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    wait(cancel())
    _loop.call_soon_threadsafe(_loop.stop)
    _loop = None


def wait(coroutine, limit: float = LIMIT):
    future = asyncio.run_coroutine_threadsafe(coroutine, loop())
    return future.result(limit)


class Refused(Exception):
    """A stanza error: .condition, .type, .text and the answer .iq."""

    def __init__(self, iq):
        super().__init__(f"{iq['error']['type']} {iq['error']['condition']}: "
                         f"{iq['error']['text']}")
        self.iq = iq
        self.condition = iq["error"]["condition"]
        self.type = iq["error"]["type"]
        self.text = iq["error"]["text"]


class Person:
    """An account logged in; `with Person(jid, password, ca=...) as alice:`."""

    def __init__(self, jid: str, password: str, *, ca: str | None = None,
                 address=None, direct_tls: bool = False, plugins=(),
                 mechanism: str | None = None, binding: bool = True,
                 enter: bool = True, sm: bool = False):
        self.events: list = []      # pubsub events, as elements
        self.messages: list = []    # with a body
        self.presences: list = []
        self.failed: str | None = None
        self.jid = jid

        async def make():
            c = slixmpp.ClientXMPP(jid, password, sasl_mech=mechanism)
            for plugin in ("xep_0030", "xep_0060", "xep_0199", *plugins):
                c.register_plugin(plugin)
            if sm:
                c.register_plugin("xep_0198")
            if ca is not None:
                c.ca_certs = ca
            else:  # whoever it is
                c.ssl_context.check_hostname = False
                c.ssl_context.verify_mode = ssl.CERT_NONE
            # The event "message" is of those with a body alone.
            c.register_handler(Callback("any", StanzaPath("message"),
                                        self._on_message))
            c.add_event_handler("presence", self.presences.append)
            c.add_event_handler("failed_auth", self._on_failed)
            c.add_event_handler("connection_failed", self._on_failed)
            c.add_event_handler("ssl_invalid_chain", self._on_failed)
            if not binding:  # as a client that knows nothing of it
                mechanisms = c["feature_mechanisms"]
                ask = mechanisms.sasl_callback
                mechanisms.sasl_callback = lambda required, optional: (
                    dict(ask(required, optional), channel_binding=None))
            c.enable_direct_tls = direct_tls
            c.enable_starttls = not direct_tls
            if address:  # it asks DNS for an address's port too
                c.default_port = address[1]
            return c
        self.xmpp = wait(make())
        self.address, self.direct_tls = address, direct_tls
        if enter:
            self.connect()

    def _on_message(self, message) -> None:
        event = message.xml.find(f"{{{EVENT}}}event")
        if event is not None:
            self.events.append(event)
        elif message["body"]:
            self.messages.append(message)

    def _on_failed(self, why) -> None:
        self.failed = str(why)

    def connect(self, limit: float = LIMIT) -> None:
        """A busy machine may answer its resolver too late: not what any of
        these tests is about."""
        for tries_left in (2, 1, 0):
            try:
                return self._connect(limit)
            except AssertionError as why:
                if "No DNS record" not in str(why) or not tries_left:
                    raise

    def _connect(self, limit: float) -> None:
        started: list = []
        self.failed = None
        self.xmpp.add_event_handler("session_start", started.append,
                                    disposable=True)
        loop().call_soon_threadsafe(
            lambda: self.xmpp.connect(self.address or (),
                                      use_ssl=self.direct_tls))
        until(lambda: f"{self.jid} has a session: {self.failed}",
              lambda: started or self.failed, limit)
        if not started:
            raise AssertionError(f"{self.jid} has no session: {self.failed}")

    def close(self) -> None:
        async def go():
            await self.xmpp.disconnect(1)
        try:
            wait(go(), 5)
        except Exception:  # it may have ended already
            pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # -- stanzas ------------------------------------------------------------

    def say(self, to: str, text: str) -> None:
        loop().call_soon_threadsafe(lambda: self.xmpp.send_message(
            to, text, mtype="chat"))

    def be_present(self, **more) -> None:
        loop().call_soon_threadsafe(lambda: self.xmpp.send_presence(**more))

    def heard(self, text: str, limit: float = LIMIT):
        """The first message whose body is text."""
        return until(lambda: f"{self.jid} hears {text!r}, not only "
                     f"{[m['body'] for m in self.messages]}",
                     lambda: next((m for m in self.messages
                                   if m["body"] == text), None), limit)

    def ask(self, to: str, type_: str, payload: str | ET.Element,
            limit: float = LIMIT) -> ET.Element | None:
        """Send an IQ; the result's payload.  Refused for an error."""
        if isinstance(payload, str):
            payload = ET.fromstring(payload)

        async def go():
            iq = self.xmpp.make_iq(ito=to, itype=type_)
            iq.append(payload)
            return await iq.send(timeout=limit)
        try:
            answer = wait(go(), limit + 2)
        except IqError as error:
            raise Refused(error.iq) from None
        except IqTimeout:
            raise AssertionError(f"{self.jid}: no answer from {to} within "
                                 f"{limit:g} s") from None
        children = list(answer.xml)
        return children[0] if children else None

    # -- discovery, PubSub, commands ----------------------------------------

    def info(self, to: str, node: str = "", limit: float = LIMIT):
        """disco#info: ({(category, type)}, {feature})."""
        q = "http://jabber.org/protocol/disco#info"
        found = self.ask(to, "get", ET.Element(
            f"{{{q}}}query", {"node": node} if node else {}), limit)
        return ({(i.get("category"), i.get("type"))
                 for i in found.findall(f"{{{q}}}identity")},
                {f.get("var") for f in found.findall(f"{{{q}}}feature")})

    def items_of(self, to: str, node: str = ""):
        """disco#items: [(jid, node)]."""
        q = "http://jabber.org/protocol/disco#items"
        found = self.ask(to, "get", ET.Element(
            f"{{{q}}}query", {"node": node} if node else {}))
        return [(i.get("jid"), i.get("node"))
                for i in found.findall(f"{{{q}}}item")]

    def pubsub(self, to: str, type_: str, inner: str, owner: bool = False,
               limit: float = LIMIT):
        ns = PUBSUB + ("#owner" if owner else "")
        return self.ask(to, type_, f'<pubsub xmlns="{ns}">{inner}</pubsub>',
                        limit)

    def subscribe(self, to: str, node: str, jid: str | None = None,
                  limit: float = LIMIT) -> None:
        jid = jid or self.xmpp.boundjid.bare
        answer = self.pubsub(to, "set", f'<subscribe node="{node}" '
                             f'jid="{jid}"/>', limit=limit)
        got = answer.find(f"{{{PUBSUB}}}subscription")
        assert got.get("subscription") == "subscribed", ET.tostring(answer)

    def unsubscribe(self, to: str, node: str) -> None:
        self.pubsub(to, "set", f'<unsubscribe node="{node}" '
                    f'jid="{self.xmpp.boundjid.bare}"/>')

    def publish(self, to: str, node: str, item_id: str, payload: str) -> None:
        self.pubsub(to, "set", f'<publish node="{node}"><item id="{item_id}">'
                    f"{payload}</item></publish>")

    def retract(self, to: str, node: str, item_id: str) -> None:
        self.pubsub(to, "set", f'<retract node="{node}" notify="true">'
                    f'<item id="{item_id}"/></retract>')

    def items(self, to: str, node: str) -> dict[str, ET.Element]:
        answer = self.pubsub(to, "get", f'<items node="{node}"/>')
        return {i.get("id"): i for i in answer.iter(f"{{{PUBSUB}}}item")}

    def told(self, word: str, limit: float = LIMIT, kind: str = "item"):
        """The item or retract element of an event that contains word."""
        def find():
            for event in self.events:
                for e in event.iter(f"{{{EVENT}}}{kind}"):
                    if word in ET.tostring(e, "unicode"):
                        return [e]  # an element without children is false
            return None
        return until(lambda: f"{self.jid} is told {word!r}, not only "
                     f"{[ET.tostring(e, 'unicode') for e in self.events]}",
                     find, limit)[0]

    def times_told(self, word: str) -> int:
        return sum(word in ET.tostring(e, "unicode") for event in self.events
                   for e in event.iter(f"{{{EVENT}}}item"))

    def command(self, to: str, node: str, fields: dict[str, str] | None = None
                ) -> ET.Element:
        """Execute an ad-hoc command; with fields, submit its form too."""
        c = f"{{{COMMANDS}}}command"
        answer = self.ask(to, "set", ET.Element(c, {"node": node,
                                                    "action": "execute"}))
        assert answer.tag == c, answer.tag
        if fields is None:
            return answer
        form = answer.find(f"{{{DATA}}}x")
        assert form is not None and form.get("type") == "form"
        submit = ET.Element(c, {"node": node, "action": "complete",
                                "sessionid": answer.get("sessionid")})
        x = ET.SubElement(submit, f"{{{DATA}}}x", {"type": "submit"})
        for var, value in fields.items():
            f = ET.SubElement(x, f"{{{DATA}}}field", {"var": var})
            ET.SubElement(f, f"{{{DATA}}}value").text = value
        return self.ask(to, "set", submit)
