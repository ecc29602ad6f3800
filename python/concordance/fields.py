# SPDX-License-Identifier: MIT
"""Fields: the typed parts of a Record.

A field is declared once, in a Record's body, and becomes the XEP-0004 form
field with its XEP-0122 datatype, the HTML control, the check of what was
typed, the child element of the record's XML and the attribute of the object.

Every field takes the label first, then by keyword:

    required  bool: an empty value is refused
    value     default
    help      one line under the field
    match     POSIX extended expression that the whole text must match
    error     what is said when ``match`` fails
    min_len, max_len   code points (0: none, and 10000)
    min, max  inclusive bounds, of the field's own Python type
    index     bool: queries by it do not read every record
    was       its name in older versions of the app: what is kept by that name
              is read as this field
"""
from __future__ import annotations

import datetime
import decimal

__all__ = ["Field", "Text", "Lines", "Integer", "Decimal", "Boolean", "Date",
           "Computed", "DateTime", "URL", "JID", "Choice", "Choices", "Hidden", "Fixed",
           "Secret", "Ref", "File"]


class Field:
    """Base of all fields; ``kind`` is enum cnc_field_kind of the C API."""

    kind = 0

    def __init__(self, label: str | None = None, *, required: bool = False,
                 value=None, help: str | None = None, match: str | None = None,
                 error: str | None = None, min_len: int = 0, max_len: int = 0,
                 min=None, max=None, options=None, index: bool = False,
                 was: str | None = None):
        self.index = index
        self.was = was
        self.label = label
        self.required = required
        self.value = value
        self.help = help
        self.match = match
        self.error = error
        self.min_len = min_len
        self.max_len = max_len
        self.min = min
        self.max = max
        self.options = options
        self.name: str | None = None

    def __set_name__(self, owner, name):
        self.name = name

    def to_text(self, value) -> str:
        """The value as the record's XML has it."""
        return str(value)

    def from_text(self, text: str):
        """The value of a child element's text."""
        return text

    def _bound(self, value):
        return None if value is None else self.to_text(value)

    def __spec__(self) -> dict:
        """Plain data for the C half."""
        options = None
        if self.options is not None:
            options = [{"value": o, "label": None} if isinstance(o, str)
                       else {"value": o[0], "label": o[1]}
                       for o in self.options]
        return {"name": self.name, "label": self.label, "kind": self.kind,
                "required": self.required, "match": self.match,
                "value": self._bound(self.value), "help": self.help,
                "min_len": self.min_len, "max_len": self.max_len,
                "min": self._bound(self.min), "max": self._bound(self.max),
                "options": options, "error": self.error,
                "index": self.index, "was": self.was}


class Text(Field):
    """One line of text; ``str``."""


class Lines(Field):
    r"""Text of many lines, joined by ``\n``; ``str``."""
    kind = 1


class Integer(Field):
    """A whole number of 64 bits; ``int``."""
    kind = 2

    def from_text(self, text):
        return int(text)


class Decimal(Field):
    """A decimal number; ``decimal.Decimal``."""
    kind = 3

    def to_text(self, value):
        return format(decimal.Decimal(value), "f")

    def from_text(self, text):
        return decimal.Decimal(text)


class Boolean(Field):
    """Yes or no; ``bool``."""
    kind = 4

    def to_text(self, value):
        return "true" if value else "false"

    def from_text(self, text):
        return text in ("true", "1")


class Date(Field):
    """A day; ``datetime.date``."""
    kind = 5

    def to_text(self, value):
        return value if isinstance(value, str) else value.isoformat()

    def from_text(self, text):
        return datetime.date.fromisoformat(text[:10])


class DateTime(Field):
    """A moment (XEP-0082); ``datetime.datetime`` with a time zone."""
    kind = 6

    def to_text(self, value):
        if isinstance(value, str):
            return value
        text = value.astimezone(datetime.timezone.utc).isoformat()
        return text.replace("+00:00", "Z")

    def from_text(self, text):
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class URL(Field):
    """An address: http, https, xmpp or mailto; ``str``."""
    kind = 7


class JID(Field):
    """A Jabber ID; ``str``."""
    kind = 8


class Choice(Field):
    """One of ``options``: texts, or pairs of text and label; ``str``."""
    kind = 9

    def __init__(self, label=None, options=(), **rest):
        super().__init__(label, options=list(options), **rest)


class Choices(Choice):
    """Some of ``options``; a list of ``str``, one child element each."""
    kind = 10


class Hidden(Field):
    """Sent with the form and not shown; ``str``."""
    kind = 11


class Fixed(Field):
    """A text shown in the form, never in the record."""
    kind = 12


class Secret(Field):
    """A password, in the form of a command alone; ``str``.  It is never shown
    again, and never in a record of a node."""
    kind = 13


class Ref(Field):
    """The id of an item of ``node`` (a Node of the app, or its name); ``str``.
    ``show`` names the field of those items that people see."""
    kind = 14

    def __init__(self, label=None, node=None, *, show: str | None = None,
                 **rest):
        super().__init__(label, **rest)
        if node is None:
            raise ValueError("a Ref says which node: Ref(\"Shelf\", shelves)")
        self.node = node
        self.show = show

    def __spec__(self):
        return {**super().__spec__(), "show": self.show,
                "node": getattr(self.node, "name", None) or str(self.node)}


class File(Field):
    """A file that the service keeps: its address; ``str``.  A browser sends
    the file itself.  ``elsewhere`` are places of other services,
    ``"https://pictures.example/"`` (``"https:"`` is any): addresses there are
    taken, too, and nobody looks at what they lead to."""
    kind = 15

    def __init__(self, label=None, *, elsewhere=(), **rest):
        super().__init__(label, options=list(elsewhere) or None, **rest)


class Computed(Field):
    """Not typed but made from the rest of the record, whenever one is built:
    ``slug = Computed(lambda book: book.title.lower())``.  ``of`` is the field
    it is like, Text() otherwise.  The function is called by the service's own
    thread: it must be quick, and give the same for the same record."""

    def __init__(self, function, label: str | None = None, *,
                 of: Field | None = None, index: bool = False):
        super().__init__(label, index=index)
        self.function = function
        self.of = of or Text()
        self.kind = self.of.kind

    def to_text(self, value):
        return self.of.to_text(value)

    def from_text(self, text):
        return self.of.from_text(text)

    def hook(self, record):
        """What the C half calls with a record's XML."""
        def compute(xml):
            value = self.function(record.from_xml(xml))
            return "" if value is None else self.to_text(value)
        return compute
