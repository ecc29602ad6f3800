# SPDX-License-Identifier: MIT
"""Apps: a class whose attributes are nodes, pages and handlers.

The class is only data: importing it has no side effect.  ``App.__spec__()``
turns it into plain dictionaries, from which the C half makes the same
``struct cnc_app`` that a C app is.

Handlers run on one thread of the app's own, one at a time, and may be slow:
the service goes on.  A handler that raises is logged with its traceback; the
person who asked gets a plain error.
"""
from __future__ import annotations

import contextlib
import datetime
import decimal
import importlib
import linecache
import os
import re
import sys
import threading
import traceback
from typing import Callable, Iterator

import nodetree

from ._concordance import Error
from .fields import Boolean, Date, DateTime, Decimal, File, Secret, Text
from .record import Record

__all__ = ["Answer", "App", "Node", "Page", "Refuse", "User", "command",
           "every", "iq_get", "iq_set", "log", "message", "page", "presence",
           "url"]

_now = threading.local()  # .call: the Request of the handler that runs


def _call():
    call = getattr(_now, "call", None)
    if call is None:
        raise RuntimeError("this is for handlers: nodes and settings can be "
                           "reached while a handler runs")
    return call


def log(text: str) -> None:
    """A line in the service's log, with the app's name.  In a handler."""
    _call().log(str(text))


def url(path: str) -> str:
    """The address of a path of this domain as people see it, for messages:
    "https://books.example/login".  In a handler."""
    return _call().url(path)


def _where(error: BaseException) -> str:
    """The last line of its traceback, and the place in the app: "KeyError:
    'x' (shelf.py:12)"."""
    text = traceback.format_exception_only(type(error), error)[-1].strip()
    frames = [(f.filename, f.lineno) for f
              in traceback.extract_tb(error.__traceback__)
              if not f.filename.startswith("<frozen ")]
    own = os.path.dirname(__file__)
    frames = [f for f in frames if os.path.dirname(f[0]) != own] or frames
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno))
        text = f"{type(error).__name__}: {error.msg}"
    if frames:
        place = f"{os.path.basename(frames[-1][0])}:{frames[-1][1]}"
        # What is cut is the text, not the place.
        text = f"{text[:200 - len(place)]} ({place})"
    return text.encode("utf-8", "replace").decode("utf-8")


class _Reading:
    """The Request of a page's handler: what is there in the web server's
    process as well, and nothing else."""

    _THERE = frozenset(("find", "get", "guest", "has_role", "items", "lang",
                        "log", "query", "setting", "url", "user"))

    def __init__(self, request):
        self._request = request
        #: In the web server's process; its own way to look for records.
        self.alike = getattr(request, "alike", None)

    def __getattr__(self, name: str):
        if name not in self._THERE:
            raise Error(f"a page only reads: there is no {name}() here; use "
                        "a command")
        return getattr(self._request, name)


class Refuse(Exception):
    """Raised by a handler to refuse: ``Refuse("whole form")``, or per field
    ``Refuse(isbn="That book is on the shelf.")``."""

    def __init__(self, text: str | None = None, /, **fields: str):
        super().__init__(text or "; ".join(fields.values()))
        self.text = text
        self.fields = fields


class _Refused(Exception):
    """What super() ran has refused, and said why."""


class User(str):
    """Who asks: a bare JID.  ``guest`` is True when not logged in; ``lang``
    is the language that he reads, "en"."""

    guest: bool = False
    lang: str = "en"

    def has(self, role: str) -> bool:
        """Has he this role?  Operators have all.  While the handler runs."""
        return _call().has_role(role)


def _text(value) -> str:
    """A parameter's value as records have it."""
    if value is None:
        return ""
    for types, field in ((bool, Boolean()), (datetime.datetime, DateTime()),
                         (datetime.date, Date()),
                         (decimal.Decimal, Decimal())):
        if isinstance(value, types):
            return field.to_text(value)
    return str(value)


class Found(list):
    """What a query found; ``total`` counts what is left out, too."""

    def __init__(self, pairs, total: int):
        super().__init__(pairs)
        self.total = total


class Node:
    """A PubSub node of an app, called like the attribute it is.

    record   the Record class of its items, or None for any XML
    form     title of its form; None: no form
    title    for people
    access   "open" or "whitelist" (XEP-0060 4.5)
    publish  who may publish directly: "publishers", "subscribers", "anybody"
    max_items, history   how many items, and versions, are kept
    source   JID of another XMPP service whose node this one keeps, live;
             what is there is here, and is only changed there
    source_node   its name there, when it has another one
    readers, writers, owners   roles, "staff editors": whoever has one may see
             the node, publish and use its form, do everything with it
    """

    _ACCESS = ("open", "whitelist")
    _PUBLISH = ("publishers", "subscribers", "anybody")

    def __init__(self, record: type[Record] | None = None,
                 form: str | None = None, *, title: str | None = None,
                 access: str = "open", publish: str = "publishers",
                 max_items: int = 0, history: int = 0,
                 name: str | None = None, source: str | None = None,
                 source_node: str | None = None, readers: str | None = None,
                 writers: str | None = None, owners: str | None = None):
        if access not in self._ACCESS:
            raise ValueError(f"access is one of {self._ACCESS}, not "
                             f"{access!r}")
        if publish not in self._PUBLISH:
            raise ValueError(f"publish is one of {self._PUBLISH}, not "
                             f"{publish!r}")
        self.record = record
        self.form = form
        self.title = title
        self.access = access
        self.publish_model = publish
        self.max_items = max_items
        self.history = history
        if source is not None and form is not None:
            raise ValueError("a node with a source has no form here")
        self.name = name
        self.source = source
        self.source_node = source_node
        self.readers = readers
        self.writers = writers
        self.owners = owners
        self.handler: Callable | None = None
        self._xmlns = ""

    def __set_name__(self, owner, name):
        if self.name is None:
            self.name = name

    def submit(self, handler: Callable) -> Callable:
        """Decorator: ``handler(self, user, record)`` judges each valid submit.
        It returns the record (the same or another) or raises Refuse."""
        self.handler = handler
        return handler

    # -- for handlers ------------------------------------------------------

    def _record(self, text: str):
        if self.record is None:
            return nodetree.Document(text).root
        return self.record.from_xml(text, strict=False)

    def find(self, **fields):
        """The first record whose fields have these values, or None.  Sees
        what is being stored just now."""
        call = _call()
        texts = {}
        for name, value in fields.items():
            field = self.record.__fields__[name] if self.record else None
            if value is None or value == "":
                return None
            texts[name] = field.to_text(value) if field else str(value)
        alike = isinstance(call, _Reading) and call.alike
        if alike:
            records = (self._record(x) for _, x in alike(self.name, texts))
            return next((r for r in records if all(
                getattr(r, n) == v for n, v in fields.items())), None)
        if not all(call.find(self.name, n, t) for n, t in texts.items()):
            return None
        for _, record in self.items():
            if all(getattr(record, n) == v for n, v in fields.items()):
                return record
        # One that is on its way to the store: all that is known is that it
        # is there.
        return self.record(**fields) if self.record and len(texts) == 1 \
            else None

    def get(self, id: str):
        """The record of that item, or None."""
        text = _call().get(self.name, id)
        return None if text is None else self._record(text)

    def items(self) -> Iterator[tuple[str, Record]]:
        """Pairs of item id and record, oldest first."""
        for id, text in _call().items(self.name):
            yield id, self._record(text)

    def query(self, where: str | None = None, sort: str | None = None,
              search: str | None = None, offset: int = 0, limit: int = 100,
              **params) -> "Found":
        """Pairs of item id and record that match, in order: a list whose
        ``total`` says how many match in all.

        where   ``"author={who} year>1950"``: a field, one of = != < <= > >=
                or ~ (contains, any case), and a value; ``{who}`` is the
                keyword argument of that name
        sort    ``"-year title"``: fields, greatest first with '-'; also
                c:published and c:publisher
        search  a text that some field contains

        ValueError names the word that is wrong.  What is being stored just
        now is not seen."""
        texts: list[str] = []
        for name, value in params.items():
            texts += [name, _text(value)]
        rows, total = _call().query(self.name, where, sort, search, offset,
                                    limit, texts)
        return Found(((id, self._record(text)) for id, text in rows), total)

    def publish(self, record, id: str | None = None) -> None:
        """Publish as the app; Error when it is no valid record."""
        call = _call()
        xml = record.to_xml(self._xmlns) if isinstance(record, Record) \
            else str(record)
        call.publish(self.name, id, xml)

    def retract(self, id: str) -> None:
        """Take an item away; KeyError when there is none."""
        _call().retract(self.name, id)

    def __spec__(self, app: "App") -> dict:
        submit = None
        if self.handler is not None:
            submit = app._submit_hook(self)
        return {"name": self.name, "form": self.form, "title": self.title,
                "record": self.record.__spec__() if self.record else None,
                "access": self._ACCESS.index(self.access),
                "publish": self._PUBLISH.index(self.publish_model),
                "max_items": self.max_items, "history": self.history,
                "source": self.source, "source_node": self.source_node,
                "readers": self.readers, "writers": self.writers,
                "owners": self.owners, "submit": submit}


def _words(value) -> str | None:
    """"a b" of "a b", of ["a", "b"], of None."""
    if value is None or isinstance(value, str):
        return value
    return " ".join(value)


class Page:
    """A page: path, the node or nodes it shows, its template.

    path     "/books"; "/by/{author}" has a parameter, one part of the path
    node     a Node or several; None for a page of commands
    where    which records of the first node: "author={author} year>=1900"
    sort     their order: "-year title"
    command  instead of a node: names of commands, whose answers it shows;
             made for each request
    readers  roles that may see it; None: whoever may see its nodes
    window   newest items shown (0: 1000); older ones are at ``?before=ID``
    """

    def __init__(self, path: str, node: "Node | list[Node] | None" = None,
                 template: str | None = None, *, title: str | None = None,
                 window: int = 0, where: str | None = None,
                 sort: str | None = None,
                 command: "str | list[str] | None" = None,
                 readers: "str | list[str] | None" = None):
        if (node is None) == (command is None):
            raise ValueError(f"page {path} shows a node or a command")
        if command is not None and (where or sort):
            raise ValueError(f"page {path}: where and sort are for a node")
        self.path = path
        self.nodes = list(node) if isinstance(node, (list, tuple)) else \
            [] if node is None else [node]
        self.template = template
        self.title = title
        self.window = window
        self.where = where
        self.sort = sort
        self.command = _words(command)
        self.readers = _words(readers)

    def __spec__(self) -> dict:
        return {"path": self.path, "template": self.template,
                "node": " ".join(n.name for n in self.nodes) or None,
                "title": self.title, "window": self.window,
                "where": self.where, "sort": self.sort,
                "command": self.command, "readers": self.readers}


def _stanza(kinds: int):
    def decorator(ns: str, name: str):
        def mark(handler):
            handler.__stanza__ = (kinds, ns, name)
            return handler
        return mark
    return decorator


def iq_get(ns: str, name: str):
    """Decorator: ``handler(self, user, payload)`` answers <iq type="get"/>
    whose payload is ``{ns}name``; it returns an Element (or XML text) as the
    result's payload, or None.  The feature ``ns`` is advertised."""
    return _stanza(1)(ns, name)


def iq_set(ns: str, name: str):
    """As iq_get, for <iq type="set"/>."""
    return _stanza(2)(ns, name)


def message(ns: str, name: str):
    """Decorator: called for messages with this payload."""
    return _stanza(4)(ns, name)


def presence(ns: str, name: str):
    """Decorator: called for presence with this payload."""
    return _stanza(8)(ns, name)


class Question:
    """What a hook is asked: each text by its name (``question.user``), ""
    where there is none of it; ``element`` is the whole."""

    def __init__(self, element):
        self.element = element

    def __getattr__(self, name: str) -> str:
        if name.startswith("__") or self.element is None:
            raise AttributeError(name)
        return self.element.xpath("string(*[local-name() = $name])", name=name)


def hook(name: str):
    """Decorator: ``handler(self, question)`` answers a question that the
    service, or the app that is extended, asks; ``question`` is a Question.

    It returns None or True for yes, False for no, NotImplemented to leave it
    to the others (for "check-password": to the kept keys); or raises Refuse,
    for "check-password" and "account-exists": it cannot be told now.
    """
    def mark(handler):
        handler.__hook__ = name
        return handler
    return mark


class _Code(int):
    """What super() returns: to be returned, and nothing else."""


#: What ``super()`` returns when the answer comes later: return it, too.
LATER = _Code(-1)

_NO, _NOBODY = -15, -6  # CNC_EAUTH, CNC_ENOENT


def every(seconds: int):
    """Decorator: ``task(self)`` is run each so many seconds."""
    def mark(task):
        task.__every__ = int(seconds)
        return task
    return mark


_WHO = ("admins", "users", "anybody")


def command(node: str, title: str | None = None, *,
            form: type[Record] | None = None, who: str = "admins",
            roles=None, safe: bool = False, see: str | None = None,
            help: str | None = None):
    """Decorator: ``handler(self, user, form)`` is a command: an ad-hoc command
    (XEP-0050), a page (``/_do/NODE``) and ``concordctl do NODE``.

    node   its name: unique in the domain
    title  for people; None: the node
    form   the Record class of what it asks; None: nothing, ``form`` is None
    who    "admins" (operators, and the role "admin"), "users", "anybody"
    roles  names, or a text of names: these too
    safe   it changes nothing: a GET may run it
    see    the page to go to after it on the web
    help   a sentence for people; None: the first line of the docstring

    It returns None, a text (the note), a dict (values), a list of dicts,
    records or named tuples (a table), or an Answer; or raises Refuse.
    """
    if who not in _WHO:
        raise ValueError(f"who is one of {_WHO}, not {who!r}")
    if roles is not None and not isinstance(roles, str):
        roles = " ".join(roles)

    def mark(handler):
        words = help
        if words is None and handler.__doc__:
            words = handler.__doc__.strip().splitlines()[0]
        handler.__command__ = {"node": node, "title": title, "form": form,
                               "who": _WHO.index(who), "roles": roles,
                               "safe": bool(safe), "see": see, "help": words,
                               "reads": False}
        return handler
    return mark


def _form_of(path: str, form: type[Record] | None,
             name: str) -> type[Record] | None:
    """The form of a page's handler: it has what the path says."""
    params = re.findall(r"{([^/{}]*)}", path)
    if form is None:
        return type(name, (Record,), {p: Text(required=True)
                                      for p in params}) if params else None
    for param in params:
        if param not in form.__fields__:
            raise ValueError(f"page {path}: {form.__name__} has no field "
                             f"{param}")
    for field in form.__fields__.values():
        if isinstance(field, (File, Secret)):
            raise ValueError(f"page {path}: {field.name} is not for a page, "
                             "which only reads; use a command")
    return form


def page(path: str, template: str | None = None, title: str | None = None,
         form: type[Record] | None = None, *, readers=None,
         node: str | None = None, roles=None, who: str = "anybody",
         help: str | None = None):
    """Decorator: ``handler(self, user, form)`` makes a page for each request,
    a search for example.  It only reads, so that it may also run in the web
    server's process.

    path      "/search"; "/by/{author}/old" has a parameter
    template  as of a Page; None: the theme shows what was answered
    title     for people; None: the method's name, "Search"
    form      the Record class of what the address says: parameters of the
              path are fields of it, the others stand in the query.  None: the
              parameters, as texts; without any ``form`` is None
    readers   roles that may see the page; None: whoever may run the handler
    who, roles, help   as of a command
    node      its name as a command; None: the method's

    It returns what a command does: None, a text (the note), a dict (values), a
    list of dicts, records or named tuples (a table), or an Answer; or raises
    Refuse.  Nodes, settings, the user's roles, log() and url() are there; what
    changes something raises Error.
    """
    def mark(handler):
        name = node or handler.__name__
        asked = _form_of(path, form, handler.__name__)
        label = title or handler.__name__.replace("_", " ").capitalize()
        command(name, label, form=asked, who=who, roles=roles,
                safe=True, help=help)(handler)
        handler.__command__["reads"] = True
        handler.__page__ = Page(path, None, template, title=title,
                                command=name, readers=readers)
        return handler
    return mark


def _text(value) -> str:
    """A value as people and forms have it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (list, tuple, set)):
        return "\n".join(_text(v) for v in value)
    return str(value)


class Answer:
    """What a command answers, all of it.

    note     a sentence for the person
    table    rows: dicts, records, or tuples in the order of ``columns``
    columns  names, or pairs of name and label; None: those of the rows
    values   a dict of name and value, or triples of name, label and value
    see      on the web, the path to go to after it
    """

    def __init__(self, note: str | None = None, *, table=None, columns=None,
                 values=None, see: str | None = None):
        self.note = note
        self.rows = None if table is None else list(table)
        self.columns = None if columns is None else \
            [(c, c) if isinstance(c, str) else (c[0], c[1]) for c in columns]
        self.values = values
        self.see = see

    @classmethod
    def of(cls, result) -> "Answer":
        """From what a handler returned; TypeError."""
        if result is None or isinstance(result, cls):
            return result or cls()
        if isinstance(result, str):
            return cls(result)
        if isinstance(result, dict):
            return cls(values=result)
        if isinstance(result, list):
            return cls(table=result)
        raise TypeError(f"a command returns None, a text, a dict, a list or "
                        f"an Answer, not {type(result).__name__}")

    @staticmethod
    def _cells(row, columns) -> dict:
        if isinstance(row, dict):
            return row
        if isinstance(row, Record):
            return {name: getattr(row, name) for name in row.__fields__}
        names = getattr(row, "_fields", None) or \
            [name for name, _ in columns or ()]
        if len(names) != len(row):
            raise TypeError(f"a row of {len(row)} cells in a table of "
                            f"{len(names)} columns")
        return dict(zip(names, row))

    def _columns(self, rows: list) -> list:
        if self.columns is not None:
            return self.columns
        names: dict = {}
        for source, cells in zip(self.rows, rows):
            fields = source.__fields__ if isinstance(source, Record) else {}
            for name in cells:
                label = fields[name].label if name in fields else None
                names.setdefault(str(name), label or str(name))
        return list(names.items())

    def _tell(self, request) -> None:
        if self.note is not None:
            request.note(str(self.note))
        if self.rows is not None:
            rows = [self._cells(row, self.columns) for row in self.rows]
            columns = self._columns(rows)
            for name, label in columns:
                request.column(name, label)
            for cells in rows:
                for name, _ in columns:
                    request.cell(name, _text(cells.get(name)))
                request.row()
        values = self.values or ()
        if isinstance(values, dict):
            values = [(name, name, value) for name, value in values.items()]
        for name, label, value in values:
            request.value(str(name), str(label), _text(value))
        if self.see is not None:
            request.see(self.see)


class _Settings:
    """``app.settings``: the kept values, read when they are asked for."""

    def __init__(self, record):
        self._record = record

    def __getattr__(self, name):
        record = object.__getattribute__(self, "_record")
        field = record.__fields__.get(name) if record else None
        if field is None:
            raise AttributeError(f"there is no setting {name!r}")
        text = _call().setting(name)
        return field.from_text(text) if text else None


class App:
    """Base of apps.

    xmlns     namespace of the records; required
    name      default: the class's name in lower case
    title     for people
    version   "1.2.3"
    needs     names of apps that run before this one: "auth", "auth>=1.2"; an
              app with needs alone is a suite
    roles     names of roles, or {name: title}, beside "admin"
    admin     nodes, or their names, that the admin panel lists and edits
    Settings  an inner Record class: the app's settings, edited by the
              operator, read as ``self.settings.NAME`` in handlers
    start     method, called before anybody is served; may raise Refuse
    """

    name: str | None = None
    title: str | None = None
    xmlns: str = ""
    version: str | None = None
    needs: list[str] | tuple = ()
    roles: dict[str, str] | list[str] | tuple = ()
    admin: list | tuple = ()
    Settings: type[Record] | None = None

    def __init__(self):
        self.settings = _Settings(type(self).Settings)

    def setting_lost(self, name: str) -> str | None:
        """What was kept of a setting and does not fit this version of the
        app, so that the setting has its default; None when it fits."""
        return _call().setting_lost(name)

    @classmethod
    def wsgi(cls, *others: type["App"], **options):
        """A WSGI application that has the app's service answer, for a web
        server: ``application = MyBookcase.wsgi()``.  Options: as
        concordance.wsgi()."""
        from .gateway import wsgi
        return wsgi(cls, *others, **options)

    @classmethod
    def asgi(cls, *others: type["App"], **options):
        """The same for ASGI, with XMPP over WebSocket.  Options: as
        concordance.asgi()."""
        from .gateway import asgi
        return asgi(cls, *others, **options)

    @classmethod
    def _name(cls) -> str:
        """What the service calls it."""
        base = next((b for b in cls.__mro__ if "_c_word" in vars(b)), None)
        return (vars(cls).get("name") if base else cls.name) \
            or cls.__name__.lower()

    @classmethod
    def _members(cls) -> dict:
        """Attributes by name, those of bases first, later ones win."""
        found: dict = {}
        for base in reversed(cls.__mro__):
            found.update(vars(base))
        return found

    # -- hooks: called by the C half with (request, xml or None) -------------

    @staticmethod
    def _guard(function):
        """Run with the request at hand; Refuse becomes its refusals."""
        def hook(request, xml):
            before = getattr(_now, "call", None)
            _now.call = request
            try:
                return function(request, xml)
            except _Refused:
                return False
            except Refuse as refusal:
                for field, text in refusal.fields.items():
                    request.refuse(field, text)
                if refusal.text is not None or not refusal.fields:
                    request.refuse(None, refusal.text or "It was refused.")
                return False
            except BaseException as error:
                request.fault(_where(error))
                raise
            finally:
                _now.call = before
        return hook

    @staticmethod
    def _user(request) -> User:
        user = User(request.user)
        user.guest = request.guest
        user.lang = request.lang
        return user

    def _submit_hook(self, node: Node):
        def run(request, xml):
            record = node._record(xml)
            result = node.handler(self, self._user(request), record)
            if result is None:
                raise TypeError(f"{node.handler.__qualname__} returned None; "
                                "return the record, or raise Refuse")
            text = result.to_xml(self.xmlns) if isinstance(result, Record) \
                else str(result)
            if text != xml:
                request.replace(text)
        return self._guard(run)

    def _stanza_hook(self, handler):
        def run(request, xml):
            payload = nodetree.Document(xml).root if xml else None
            result = handler(self, self._user(request), payload)
            if result is not None:
                request.reply(str(result))
        return self._guard(run)

    def _command_hook(self, handler, record, reads=False):
        def run(request, xml):
            form = record.from_xml(xml) if record and xml else None
            if reads:
                _now.call = _Reading(request)
            result = handler(self, self._user(request), form)
            if isinstance(result, _Code):
                return int(result)
            Answer.of(result)._tell(request)
        return self._guard(run)

    def _question_hook(self, handler):
        def run(request, xml):
            question = nodetree.Document(xml).root if xml else None
            result = handler(self, Question(question))
            if result is NotImplemented:
                return _NOBODY
            if result is False:
                return _NO
            return 0 if result is None or result is True else int(result)
        return self._guard(run)

    def super(self) -> int:
        """In a handler that stands for one of the app that is extended: run
        that one.  0, LATER (return it), or the code of what is wrong; when it
        refuses, so does this handler."""
        code = _call().super()
        if code == -11:  # CNC_EREFUSED
            raise _Refused
        return _Code(code)

    def _plain_hook(self, function):
        return self._guard(lambda request, xml: function(self) and None)

    def __spec__(self) -> dict:
        """Plain data for the C half."""
        cls = type(self)
        if "_c_word" in vars(cls):
            return {"word": cls._c_word}
        base = next((b for b in cls.__mro__ if "_c_word" in vars(b)), None)
        if not cls.xmlns and not cls.needs:
            raise ValueError(f"{cls.__name__} has no xmlns: name the "
                             "namespace of its records")
        members = cls._members()
        nodes = [m for m in members.values() if isinstance(m, Node)]
        for node in nodes:
            node._xmlns = cls.xmlns
        handlers, tasks, commands, hooks = [], [], [], []
        for name, member in members.items():
            mark = getattr(member, "__stanza__", None)
            if mark is not None:
                handlers.append({"kinds": mark[0], "ns": mark[1],
                                 "name": mark[2],
                                 "call": self._stanza_hook(member)})
            mark = getattr(member, "__command__", None)
            if mark is not None:
                record = mark["form"]
                commands.append(
                    {**mark, "record": record.__spec__() if record else None,
                     "call": self._command_hook(member, record,
                                                mark["reads"])})
            question = getattr(member, "__hook__", None)
            if question is not None:
                hooks.append({"name": question,
                              "call": self._question_hook(member)})
            seconds = getattr(member, "__every__", None)
            if seconds is not None and callable(member):
                tasks.append({"name": name, "every": seconds,
                              "call": self._plain_hook(member)})
        pages = [m if isinstance(m, Page) else m.__page__
                 for m in members.values()
                 if isinstance(m, Page) or hasattr(m, "__page__")]
        start = members.get("start")
        roles = cls.roles.items() if isinstance(cls.roles, dict) else \
            ((name, None) for name in cls.roles)
        return {"again": lambda: _again(cls),
                "name": cls._name(),
                "title": vars(cls).get("title") if base else cls.title,
                "xmlns": cls.xmlns or None, "version": cls.version,
                "base": base._c_word if base else None,
                "extends": base.name if base else None,
                "needs": list(cls.needs), "hooks": hooks,
                "roles": [{"name": n, "title": t} for n, t in roles],
                "admin": [n.name if isinstance(n, Node) else n
                          for n in cls.admin],
                "nodes": [n.__spec__(self) for n in nodes],
                "pages": [m.__spec__() for m in pages],
                "handlers": handlers, "tasks": tasks, "commands": commands,
                "settings": cls.Settings.__spec__() if cls.Settings else None,
                "start": self._plain_hook(start) if start else None}


def _fresh(name: str):
    """The module of that name, imported anew with all of its package; when
    that fails, the old ones are what they were."""
    top = name.partition(".")[0]
    old = {n: m for n, m in sys.modules.items()
           if n == top or n.startswith(top + ".")}
    for n, module in old.items():
        del sys.modules[n]
        # Its time is of whole seconds: it may be of a file before this one.
        cached = getattr(module, "__cached__", None)
        if cached and os.path.exists(cached):
            with contextlib.suppress(OSError):
                os.remove(cached)
    importlib.invalidate_caches()
    linecache.checkcache()
    try:
        return importlib.import_module(name)
    except BaseException:
        for n in [n for n in sys.modules
                  if n == top or n.startswith(top + ".")]:
            del sys.modules[n]
        sys.modules.update(old)
        raise


def _again(cls: type["App"]) -> dict | str:
    """The spec of the class as its file is now; or why there is none."""
    name = cls.__module__
    if name == "__main__":
        return ("the app is in the script that was started, which cannot be "
                "imported again; start the service again")
    try:
        new = _fresh(name)
        for part in cls.__qualname__.split("."):
            new = getattr(new, part)
        if not (isinstance(new, type) and issubclass(new, App)):
            return f"{cls.__qualname__} in {name} is no App any more"
        return new().__spec__()
    except BaseException as error:
        traceback.print_exc()
        return _where(error)


def load(word: str) -> type[App]:
    """A C app as a class, to be extended or run: by its path, or the name of
    an installed one.

        Auth = concordance.load("auth")

        class StaffAuth(Auth):
            @hook("check-password")
            def check(self, question): ...

    LookupError says where it was looked for.
    """
    from . import _concordance
    found = _concordance.find_app(word)
    return type(found["name"].title().replace("-", "").replace("_", ""),
                (App,), {"name": found["name"], "title": found["title"],
                         "xmlns": found["xmlns"] or "", "_c_word": word,
                         "__doc__": f"The C app {found['name']}."})


def _folder(app) -> str:
    """Where the module of an app is."""
    module = sys.modules.get(type(app).__module__)
    path = getattr(module, "__file__", None)
    return os.path.dirname(os.path.abspath(path)) if path else "."


def run(*apps, argv: list[str] = (), files="", on_ready=None,
        domains: dict | None = None) -> None:
    """Serve apps (classes or instances) until SIGINT or SIGTERM.

    argv      the service's options, as on the command line
    domains   instead of apps: for the name of each domain its apps, or
              (options, apps) with options of its own
    files     folder of the templates when there is no --files [the folder
              of the app's module]
    on_ready  called with the address once everything is served

    ValueError for a wrong option; Error for what could not be done.
    """
    if apps and domains:
        raise ValueError("an app is of a domain: name it in domains")
    words, served = list(argv), list(apps)
    for name, value in (domains or {}).items():
        options, own = value if isinstance(value, tuple) else ((), value)
        words += ["--domain", name, *options, *("app" for _ in own)]
        served += own
    _serve(served, len(apps), words, files, on_ready)


def _serve(apps, lead: int, words: list[str], files: str, on_ready,
           given: list[str] | None = None) -> None:
    """The first lead apps are the only domain's, each other one has its word
    among words.  given: the command line with its --config, for a reload."""
    from . import _concordance
    made = [a() if isinstance(a, type) else a for a in apps]
    _concordance.run([a.__spec__() for a in made], lead, words,
                     [files or _folder(a) for a in made], on_ready, given)


def _run_here(apps, run_xml: str, ask) -> str:
    """In the web server's process: run the handler that the service leaves
    to it (here.py)."""
    from .here import run_here
    return run_here(apps, run_xml, ask)
