# SPDX-License-Identifier: MIT
"""A fake XMPP client: a session whose every step is a method."""
from __future__ import annotations

import collections
import os
import time
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from . import wire as w

__all__ = ["Answer", "Client", "Item", "LIMIT", "Refused"]

LIMIT = float(os.environ.get("TEST_LIMIT", "30"))

NS_COMMANDS = "http://jabber.org/protocol/commands"
NS_DATA = "jabber:x:data"
NS_FORM = "http://concordance-xmpp.org/ns/form"
NS_PUBSUB = "http://jabber.org/protocol/pubsub"
NS_EVENT = NS_PUBSUB + "#event"
NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"


def _local(e: ET.Element) -> str:
    return e.tag.rpartition("}")[2]


def _xml(e: ET.Element, around: str = "") -> str:
    """As a person writes it: xmlns where it changes, no prefixes."""
    ns, _, name = e.tag.rpartition("}")
    ns = ns.removeprefix("{")
    attrs = "" if ns == around else f" xmlns={quoteattr(ns)}"
    for key, value in e.attrib.items():
        key = key.replace("{http://www.w3.org/XML/1998/namespace}", "xml:")
        attrs += f" {key.rpartition('}')[2]}={quoteattr(value)}"
    inner = escape(e.text or "") + "".join(
        _xml(child, ns) + escape(child.tail or "") for child in e)
    return f"<{name}{attrs}>{inner}</{name}>" if inner else f"<{name}{attrs}/>"


def _show(stanzas) -> str:
    """The last stanzas, for a failure's text."""
    lines = [_xml(e, "jabber:client") for e in stanzas]
    if not lines:
        return "No stanza came."
    return "The last stanzas:\n  " + "\n  ".join(
        line if len(line) < 1500 else line[:1500] + "..." for line in lines)


class Refused(AssertionError):
    """The answer was an error (RFC 6120 8.3).

    condition   "forbidden", "item-not-found", ...
    text        what is said to people, or ""
    stanza      the whole answer, an Element
    """

    def __init__(self, stanza: ET.Element):
        error = stanza.find("{*}error")
        conditions = [] if error is None else [
            e for e in error if e.tag.startswith("{%s}" % NS_STANZAS)
            and _local(e) != "text"]
        self.stanza = stanza
        self.condition = _local(conditions[0]) if conditions else "error"
        self.text = "" if error is None else (
            error.findtext("{%s}text" % NS_STANZAS) or "")
        super().__init__(f"{self.condition}: {self.text}"
                         if self.text else self.condition)


class Item:
    """An item of a node, or an event about one.  ``item["title"]`` is the
    text of the payload's child of that name (KeyError says which there are).

    node, id    its names
    publisher   JID, or None
    payload     Element, or None: retracted, or the node sends none
    fields      texts of the payload's children by name; of several of one
                name, a list
    retracted   True when it was taken away
    """

    def __init__(self, node: str, id: str, payload: ET.Element | None,
                 publisher: str | None = None, retracted: bool = False):
        self.node, self.id, self.payload = node, id, payload
        self.publisher, self.retracted = publisher, retracted
        self.fields: dict = {}
        for child in payload if payload is not None else ():
            name, text = _local(child), "".join(child.itertext())
            if name not in self.fields:
                self.fields[name] = text
            elif isinstance(self.fields[name], list):
                self.fields[name].append(text)
            else:
                self.fields[name] = [self.fields[name], text]

    def __getitem__(self, name: str):
        try:
            return self.fields[name]
        except KeyError:
            raise KeyError(f"{name}: the item has "
                           f"{', '.join(self.fields) or 'no fields'}"
                           ) from None

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def __repr__(self):
        what = "retracted" if self.retracted else self.fields
        return f"<Item {self.node}/{self.id} {what}>"


class Answer:
    """What a command answered (XEP-0050).

    ok       it ran to its end
    code     "" or what is wrong: "refused" (see errors), or the condition of
             an error, "forbidden"
    note     the text for people
    values   texts by name; lines with "\\n" between
    table    rows: texts by name
    errors   of what was typed, by field; "" is the whole form's
    form     when it asks first: the defaults by name
    stanza   the whole <iq/>, an Element
    """

    def __init__(self, stanza: ET.Element):
        self.stanza, self.code, self.note = stanza, "", ""
        self.values: dict[str, str] = {}
        self.table: list[dict[str, str]] = []
        self.errors: dict[str, str] = {}
        self.form: dict[str, str] = {}
        if stanza.get("type") == "error":
            error = Refused(stanza)
            self.code, self.note = error.condition, error.text
            return
        command = stanza.find("{%s}command" % NS_COMMANDS)
        if command is None:
            raise AssertionError("no command in " + _show([stanza]))
        self.note = command.findtext("{%s}note" % NS_COMMANDS) or ""
        x = command.find("{%s}x" % NS_DATA)
        found = {} if x is None else self._fields(x)
        if command.get("status") == "completed":
            self.values = found
            self.table = [] if x is None else [
                self._fields(row) for row in x.findall("{%s}item" % NS_DATA)]
            return
        self.form = found
        for field in x.findall("{%s}field" % NS_DATA) if x is not None else ():
            text = field.findtext("{%s}error" % NS_FORM)
            if text:
                self.errors[field.get("var") or ""] = text
        whole = x.findtext("{%s}error" % NS_FORM) if x is not None else None
        if whole:
            self.errors[""] = whole
        self.code = "refused" if self.errors else "form"

    @staticmethod
    def _fields(x: ET.Element) -> dict[str, str]:
        return {f.get("var"): "\n".join(
            v.text or "" for v in f.findall("{%s}value" % NS_DATA))
            for f in x.findall("{%s}field" % NS_DATA)
            if f.get("var") not in (None, "FORM_TYPE")}

    @property
    def ok(self) -> bool:
        return self.code == ""

    def __repr__(self):
        if not self.ok:
            return f"<Answer {self.code}: {self.note} {self.errors or ''}>"
        return f"<Answer {self.note!r} {self.table or self.values or ''}>"


def _submit(fields: dict) -> str:
    """<x type="submit">: lists are many values, lines are too."""
    out = [f"<x xmlns='{NS_DATA}' type='submit'>"]
    for name, value in fields.items():
        if isinstance(value, bool):
            value = "true" if value else "false"
        values = value if isinstance(value, (list, tuple)) else \
            str(value).split("\n")
        out.append(f"<field var={quoteattr(name)}>" + "".join(
            f"<value>{escape(str(v))}</value>" for v in values) + "</field>")
    return "".join(out) + "</x>"


class Client:
    """A bound session.  Made by ``site.client()``; ``site.operator`` is one,
    too.  What comes while a method waits for something else is kept, in
    order, for next() and next_event()."""

    def __init__(self, wire, domain: str, limit: float = LIMIT):
        self.domain, self.limit, self.jid = domain, limit, ""
        self._wire = wire
        self._kept: collections.deque[ET.Element] = collections.deque()
        self._last: collections.deque[ET.Element] = \
            collections.deque(maxlen=8)
        self._n = 0

    def _begin(self, log_in, resource: str | None = None) -> "Client":
        end = time.monotonic() + self.limit
        self._wire.open(end)
        log_in(self._wire, end)
        self._wire.open(end)
        inner = f"<resource>{escape(resource)}</resource>" if resource else ""
        answer = self.iq("set", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind"
                         f"'>{inner}</bind>", to=None)
        self.jid = answer.findtext(".//{*}jid")
        return self

    # -- the stream --------------------------------------------------------

    def send(self, xml: str) -> "Client":
        """Any stanza, as it is; give it xmlns='jabber:client'."""
        self._wire.send(xml)
        return self

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    def _read(self, end: float, what: str) -> ET.Element | None:
        """The next stanza; None when it was a request, answered here."""
        try:
            e = self._wire.read(end)
        except TimeoutError:
            raise AssertionError(f"{what}: nothing in time. "
                                 + _show(self._last)) from None
        except w.Closed as error:
            raise AssertionError(f"{what}: {error}. " + _show(self._last)
                                 ) from None
        self._last.append(e)
        if e.tag.endswith("}close") or e.tag == "{%s}error" % w.NS_STREAM:
            raise AssertionError(f"{what}: the service ended the stream. "
                                 + _show(self._last))
        if _local(e) == "iq" and e.get("type") in ("get", "set"):
            self._answer(e)
            return None
        return e

    def _answer(self, e: ET.Element) -> None:
        to = f" to={quoteattr(e.get('from'))}" if e.get("from") else ""
        head = f"<iq xmlns='jabber:client' id={quoteattr(e.get('id') or '')}"
        if e.find("{urn:xmpp:ping}ping") is not None:
            self.send(f"{head}{to} type='result'/>")
        else:
            self.send(f"{head}{to} type='error'><error type='cancel'>"
                      f"<service-unavailable xmlns='{NS_STANZAS}'/></error>"
                      "</iq>")

    def _find(self, want, what: str, timeout: float | None):
        """The first of which want() makes something; the others stay."""
        end = time.monotonic() + (self.limit if timeout is None else timeout)
        for e in self._kept:
            found = want(e)
            if found is not None:
                self._kept.remove(e)
                return found
        while True:
            e = self._read(end, what)
            if e is None:
                continue
            found = want(e)
            if found is not None:
                return found
            self._kept.append(e)

    def next(self, kind: str | None = None,
             timeout: float | None = None) -> ET.Element:
        """The next stanza that is no answer; kind: "message", "presence"."""
        return self._find(lambda e: e if kind in (None, _local(e)) else None,
                          f"waiting for {kind or 'a stanza'}", timeout)

    def iq(self, kind: str, payload: str, to: str | None = "",
           timeout: float | None = None) -> ET.Element:
        """Send an <iq/> of "get" or "set", wait for its result.  to: "" is
        the domain, None is nobody (one's own server).  Refused when the
        answer is an error."""
        answer = self._ask(kind, payload, to, timeout)
        if answer.get("type") == "error":
            raise Refused(answer)
        return answer

    def _ask(self, kind, payload, to="", timeout=None) -> ET.Element:
        self._n += 1
        id = f"kit{self._n}"
        addr = "" if to is None else f" to={quoteattr(to or self.domain)}"
        self.send(f"<iq xmlns='jabber:client' type='{kind}' id='{id}'{addr}>"
                  f"{payload}</iq>")
        return self._find(lambda e: e if _local(e) == "iq"
                          and e.get("id") == id else None,
                          f"the answer to {payload[:200]}", timeout)

    # -- messages and presence --------------------------------------------

    def message(self, to: str, body: str, kind: str = "chat") -> "Client":
        return self.send(
            f"<message xmlns='jabber:client' to={quoteattr(to)} "
            f"type={quoteattr(kind)}><body>{escape(body)}</body></message>")

    def next_message(self, timeout: float | None = None) -> tuple[str, str]:
        """(from, body) of the next message that has a body."""
        def want(e):
            body = e.findtext("{*}body") if _local(e) == "message" else None
            return None if body is None else (e.get("from"), body)
        return self._find(want, "waiting for a message", timeout)

    def presence(self, to: str | None = None, kind: str | None = None,
                 inner: str = "") -> "Client":
        """Say who is here: presence() makes the session available."""
        to = f" to={quoteattr(to)}" if to else ""
        kind = f" type={quoteattr(kind)}" if kind else ""
        return self.send(f"<presence xmlns='jabber:client'{to}{kind}>{inner}"
                         "</presence>")

    # -- nodes (XEP-0060) --------------------------------------------------

    def _pubsub(self, kind: str, verb: str, to: str) -> ET.Element:
        return self.iq(kind, f"<pubsub xmlns='{NS_PUBSUB}'>{verb}</pubsub>",
                       to)

    def subscribe(self, node: str, to: str = "") -> "Client":
        """Follow a node: its events come to next_event()."""
        self._pubsub("set", f"<subscribe node={quoteattr(node)} "
                     f"jid={quoteattr(self.jid)}/>", to)
        return self

    def unsubscribe(self, node: str, to: str = "") -> "Client":
        self._pubsub("set", f"<unsubscribe node={quoteattr(node)} "
                     f"jid={quoteattr(self.jid)}/>", to)
        return self

    def publish(self, node: str, payload: str, id: str | None = None,
                to: str = "") -> str:
        """Publish XML; the item's id."""
        name = f" id={quoteattr(id)}" if id else ""
        answer = self._pubsub(
            "set", f"<publish node={quoteattr(node)}><item{name}>{payload}"
            "</item></publish>", to)
        item = answer.find(".//{%s}item" % NS_PUBSUB)
        return (item.get("id") if item is not None else None) or id or ""

    def retract(self, node: str, id: str, to: str = "") -> "Client":
        self._pubsub("set", f"<retract node={quoteattr(node)} notify='true'>"
                     f"<item id={quoteattr(id)}/></retract>", to)
        return self

    def items(self, node: str, *ids: str, to: str = "") -> list[Item]:
        """The node's items, or those of the ids, in its order."""
        inner = "".join(f"<item id={quoteattr(id)}/>" for id in ids)
        answer = self._pubsub(
            "get", f"<items node={quoteattr(node)}>{inner}</items>", to)
        return [Item(node, e.get("id"), e[0] if len(e) else None,
                     e.get("publisher"))
                for e in answer.iter("{%s}item" % NS_PUBSUB)]

    def next_event(self, node: str | None = None,
                   timeout: float | None = None) -> Item:
        """The next item that was published or retracted (of that node)."""
        def want(e):
            items = e.find("{%s}event/{%s}items" % (NS_EVENT, NS_EVENT))
            if items is None or node not in (None, items.get("node")):
                return None
            if not len(items):
                return None
            first = items[0]
            if len(items) > 1:  # each is an event of its own
                items.remove(first)
                self._kept.appendleft(e)
            gone = _local(first) == "retract"
            return Item(items.get("node"), first.get("id"),
                        first[0] if len(first) else None,
                        first.get("publisher"), gone)
        return self._find(want, f"waiting for an event of {node or 'a node'}",
                          timeout)

    # -- commands (XEP-0050) -----------------------------------------------

    def command(self, node: str, /, fields: dict | None = None,
                **more) -> Answer:
        """Run a command with these fields filled in; a list, or a text of
        several lines, is several values.  Names that Python does not take
        go into the dict."""
        filled = {**(fields or {}), **more}
        return Answer(self._ask(
            "set", f"<command xmlns='{NS_COMMANDS}' node={quoteattr(node)} "
            f"action='complete'>{_submit(filled)}</command>"))

    def ask(self, node: str, /) -> Answer:
        """A command's form, unfilled: ``answer.form``."""
        return Answer(self._ask(
            "set", f"<command xmlns='{NS_COMMANDS}' node={quoteattr(node)} "
            "action='execute'/>"))

    def commands(self) -> dict[str, str]:
        """What this session may run: titles by node."""
        answer = self.iq("get", "<query xmlns='http://jabber.org/protocol/"
                         f"disco#items' node='{NS_COMMANDS}'/>")
        return {e.get("node"): e.get("name") for e in answer[0]}
