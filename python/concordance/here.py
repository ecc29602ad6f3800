# SPDX-License-Identifier: MIT
"""Handlers of pages (``@page``) in the web server's process.

The service sends ``<run/>`` (docs/protocol.md, HTTP over the link): who asks,
and what was typed, which it has judged.  The same method of the same class is
run; what it reads it asks the service for.  Its answer goes back in XML, and
the service makes the page of it, as if it had run there.

Several threads may run handlers of one app at once; each worker of the web
server has an app object of its own, whose start() is not called.
"""
from __future__ import annotations

import contextlib
import math
import os
import re
import threading
import time
import traceback

import nodetree

from ._concordance import Error
from .app import App, _where

__all__ = ["names", "run_here"]

NS = "http://concordance-xmpp.org/ns/web"
DATA = "jabber:x:data"
MAX_PART = 150_000  # characters of one part of an answer
MAX_LOGS = 100

_REFS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;",
         "'": "&#39;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_special = re.compile("[&<>\"'\t\n\r]")
_forbidden = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def _esc(text: str) -> str:
    """Text or an attribute's value; as the service says it.  ValueError."""
    if not isinstance(text, str):
        raise TypeError(f"a text is wanted, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError("embedded null character")
    text.encode("utf-8")  # half of a character is an error here already
    return _special.sub(lambda m: _REFS[m[0]],
                        _forbidden.sub("\ufffd", text))


class TooLong(BaseException):
    """Raised in a handler that does not return in time."""


class _Limit:
    """Raise TooLong in this thread after so many seconds."""

    def __init__(self, seconds: float):
        self.thread = threading.get_ident()
        self.until = time.monotonic() + seconds
        self.fired = False

    def set(self, error) -> None:
        """Raise it in the thread soon; None: not after all."""
        import ctypes
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(self.thread),
            None if error is None else ctypes.py_object(error))

    def __enter__(self):
        _watch.add(self)

    def __exit__(self, *exc):
        _watch.remove(self)
        if self.fired:  # and perhaps not raised yet
            self.set(None)


class _Watch:
    """One thread that ends what is late.  It sleeps until the first of those
    that ran when it looked last: a call costs no wake-up."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        self.lock = threading.Condition()
        self.calls: set = set()
        self.until = None  # it is awake, or there is none
        self.thread = None

    def add(self, limit: _Limit) -> None:
        with self.lock:
            self.calls.add(limit)
            if self.thread is None:
                thread = threading.Thread(target=self._run, daemon=True)
                with contextlib.suppress(RuntimeError):  # none may be begun
                    thread.start()
                    self.thread = thread
            elif self.until is not None and limit.until < self.until:
                self.lock.notify()

    def remove(self, limit: _Limit) -> None:
        with self.lock:
            self.calls.discard(limit)

    def _run(self) -> None:
        with self.lock:
            while True:
                now = time.monotonic()
                for limit in [c for c in self.calls if c.until <= now]:
                    limit.fired = True
                    limit.until = now + 1  # it may catch everything
                    limit.set(TooLong)
                self.until = min((c.until for c in self.calls),
                                 default=math.inf)
                self.lock.wait(None if self.until == math.inf
                               else self.until - now)


_watch = _Watch()
os.register_at_fork(after_in_child=_watch.reset)


class Here:
    """What a Request is in the service: the call of one handler."""

    def __init__(self, run, ask):
        get = run.attributes.get
        self.app, self.call = get("app", ""), get("call", "")
        self.user, self.lang = get("user", ""), get("lang", "en")
        self.guest = get("guest") == "true"
        self.operator = get("operator") == "true"
        self.seconds = float(get("seconds", 25))
        self._roles = get("roles", "").split()
        self._url = get("url", "")
        self._ask = ask
        self._logs: list[str] = []
        self._said: list[str] = []  # refusals, the note
        self._fault = ""
        self._see = ""
        self._values: list[str] = []
        self._columns: list[str] = []
        self._row: list[str] = []
        self._rows: list[str] = []
        self._size = 0

    # -- reading ----------------------------------------------------------

    def _answer(self, xml: str):
        """The payload of what the service answers to an IQ of type get."""
        root = nodetree.Document(self._ask("get", xml)).root
        name = root.name.rpartition("}")[2]
        if name == "iq":
            root = next(c for c in root if isinstance(c, nodetree.Element))
        return root

    def _query(self, node: str, attributes: dict, params=()) -> tuple:
        words = "".join(f" {name}='{_esc(str(value))}'"
                        for name, value in attributes.items()
                        if value is not None)
        inner = "".join(f"<param name='{_esc(name)}'>{_esc(value)}</param>"
                        for name, value in zip(params[::2], params[1::2]))
        answer = self._answer(f"<query xmlns='{NS}' app='{_esc(self.app)}' "
                              f"node='{_esc(node)}'{words}>{inner}</query>")
        error = answer.attributes.get("error")
        if error is not None:
            raise ValueError(error)
        rows = []
        for item in answer:
            if isinstance(item, nodetree.Element):
                for record in item:
                    if isinstance(record, nodetree.Element):
                        rows.append((item.attributes["id"], str(record)))
                        break
        return rows, int(answer.attributes.get("total", 0))

    def query(self, node, where, sort, search, offset, limit, params):
        """As the service's; an answer is as large as it may be, so that many
        records are asked for in several steps."""
        if offset < 0 or limit < 1:
            raise ValueError("offset is 0 or more, limit 1 or more")
        rows: list = []
        while True:
            more, total = self._query(
                node, {"where": where, "sort": sort, "search": search,
                       "offset": offset + len(rows),
                       "limit": min(limit - len(rows), 1000)}, params)
            rows += more
            if not more or len(rows) >= limit or \
                    offset + len(rows) >= total:
                return rows, total

    def items(self, node):
        return self.query(node, None, None, None, 0, 1 << 30, ())[0]

    def get(self, node, id):
        rows, _ = self._query(node, {"item": id})
        return rows[0][1] if rows else None

    def alike(self, node, texts: dict):
        """Records that may have these values, among others."""
        if len(texts) > 16 or not texts:
            return self.items(node)
        params: list[str] = []
        for i, text in enumerate(texts.values()):
            params += [f"p{i}", text]
        where = " ".join(f"{name}={{p{i}}}" for i, name in enumerate(texts))
        return self.query(node, where, None, None, 0, 1 << 30, params)[0]

    def setting(self, name):
        answer = self._answer(f"<setting xmlns='{NS}' app='{_esc(self.app)}' "
                              f"name='{_esc(name)}'/>")
        return "".join(t for t in answer if isinstance(t, str))

    def has_role(self, role):
        return self.operator or any(r in self._roles for r in role.split())

    def url(self, path):
        if len((self._url + path).encode()) >= 8192:
            raise ValueError("the address is too long")
        return self._url + path

    def log(self, text):
        if len(self._logs) < MAX_LOGS:
            self._logs.append(f"<log>{_esc(text[:1000])}</log>")

    # -- what it answers --------------------------------------------------

    def note(self, text):
        self._said.append(f"<note>{_esc(text)}</note>")

    def see(self, path):
        self._see = f"<see>{_esc(path)}</see>"

    def refuse(self, field, text):
        name = "" if field is None else f" field='{_esc(field)}'"
        self._said.append(f"<refuse{name}>{_esc(text)}</refuse>")

    def fault(self, text):
        self._fault = text

    def value(self, name, label, text):
        lines = "".join(f"<value>{_esc(t)}</value>" for t in text.split("\n"))
        label = "" if label is None else f" label='{_esc(label)}'"
        self._values.append(f"<field var='{_esc(name)}'{label}>{lines}"
                            "</field>")

    def column(self, name, label):
        label = "" if label is None else f" label='{_esc(label)}'"
        self._columns.append(f"<field var='{_esc(name)}'{label}/>")

    def cell(self, name, text):
        self._row.append(f"<field var='{_esc(name)}'><value>{_esc(text)}"
                         "</value></field>")

    def row(self):
        if not self._row:
            return
        row = f"<item>{''.join(self._row)}</item>"
        self._row = []
        if self._size + len(row) > MAX_PART and self._rows:
            self._ask("set", f"<ran xmlns='{NS}' call='{_esc(self.call)}' "
                             f"more='true'>{self._table()}</ran>")
        self._rows.append(row)
        self._size += len(row)

    def _table(self) -> str:
        """The values, the columns and the rows that were not told yet."""
        inner = "".join(self._values)
        if self._columns:
            inner += f"<reported>{''.join(self._columns)}</reported>"
        inner += "".join(self._rows)
        self._values, self._columns, self._rows = [], [], []
        self._size = 0
        return f"<x xmlns='{DATA}' type='result'>{inner}</x>" if inner else ""

    def xml(self) -> str:
        """The children of <ran/>."""
        return "".join(self._logs + self._said) + self._see + self._table()

    def failed(self, text: str, late: bool = False) -> str:
        """The same, when that is what went wrong."""
        attribute = " timeout='true'" if late else ""
        return (f"{''.join(self._logs)}<fault{attribute}>{_esc(text)}"
                "</fault>")


# -- apps -------------------------------------------------------------------

_made: dict = {}
_making = threading.Lock()


def _object(app) -> App:
    """The app's object in this process."""
    if isinstance(app, App):
        return app
    with _making:
        if app not in _made:
            _made[app] = app()
        return _made[app]


def _handlers(app) -> dict:
    """Its handlers of pages by the names of their commands."""
    cls = app if isinstance(app, type) else type(app)
    return {m.__command__["node"]: m for m in cls._members().values()
            if hasattr(m, "__page__")}


def names(apps) -> str:
    """The names of those apps (classes or objects) that have handlers of
    pages: "shelf news"."""
    return " ".join(app._name() for app in apps if _handlers(app))


def _place(error: BaseException) -> str:
    """"(shelf.py:12)", where the app was."""
    return _where(error).rpartition(" ")[2]


def run_here(apps, run_xml: str, ask) -> str:
    """Run the handler that <run/> names, of one of these apps (classes or
    objects).  ask(type, xml) sends an IQ to the service and returns its
    answer.  The children of <ran/>: what came of it, also when it raised."""
    run = nodetree.Document(run_xml).root
    here = Here(run, ask)
    app = next((a for a in apps if a._name() == here.app), None)
    handler = _handlers(app).get(run.attributes.get("command")) \
        if app is not None else None
    if handler is None:
        return "<not-here/>"
    form = next((str(c) for c in run if isinstance(c, nodetree.Element)),
                None)
    try:
        hook = _object(app)._command_hook(
            handler, handler.__command__["form"], True)
        with _Limit(here.seconds):
            hook(here, form)
        return here.xml()
    except TooLong as error:
        traceback.print_exc()
        return here.failed(f"it did not return within {here.seconds:g} seconds "
                           f"{_place(error)}", late=True)
    except Exception as error:
        traceback.print_exc()
        return here.failed(here._fault or _where(error))
