# SPDX-License-Identifier: MIT
"""Records: what an item of a node is.

A Record's class body names its fields; instances are plain objects with plain
attributes, so that ``pickle``, ``json``, ``copy`` and SQLAlchemy's imperative
mapping work on the very same class.
"""
from __future__ import annotations

import nodetree

from .fields import Choices, Computed, Field

__all__ = ["Record"]


class Record:
    """Base of an app's records.

    The element's name is the class's name in lower case, or ``element`` when
    the class sets it.  ``Book(title="…")`` makes one; a field that was not
    given has its default, or None (a list for Choices).
    """

    __fields__: dict[str, Field] = {}
    __element__: str = "record"

    def __init_subclass__(cls, element: str | None = None, **rest):
        super().__init_subclass__(**rest)
        own = {k: v for k, v in vars(cls).items() if isinstance(v, Field)}
        for name in own:
            delattr(cls, name)
        cls.__fields__ = {**cls.__fields__, **own}
        cls.__element__ = element or cls.__name__.lower()

    def __init__(self, **values):
        for name, field in self.__fields__.items():
            default = field.value
            if default is None and isinstance(field, Choices):
                default = []
            setattr(self, name, values.pop(name, default))
        if values:
            raise TypeError(f"{type(self).__name__} has no field "
                            f"{', '.join(sorted(values))}")

    def __repr__(self):
        inner = ", ".join(f"{n}={getattr(self, n)!r}" for n in self.__fields__)
        return f"{type(self).__name__}({inner})"

    def __eq__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, n) == getattr(other, n)
                   for n in self.__fields__)

    __hash__ = None  # type: ignore[assignment]  # records change

    def to_element(self, xmlns: str) -> nodetree.Element:
        """The record as an element of namespace ``xmlns``."""
        root = nodetree.Element("{%s}%s" % (xmlns, self.__element__))
        for name, field in self.__fields__.items():
            value = getattr(self, name, None)
            if value is None or value == "":
                continue
            many = isinstance(field, Choices)
            for one in value if many else (value,):
                child = nodetree.Element("{%s}%s" % (xmlns, name))
                child.append(field.to_text(one))
                root.append(child)
        return root

    def to_xml(self, xmlns: str) -> str:
        """The record as canonical XML text."""
        return str(self.to_element(xmlns))

    @classmethod
    def from_element(cls, element: nodetree.Element,
                     strict: bool = True) -> "Record":
        """The record of an element; ValueError when a text does not fit its
        field's type.  Not strict: such a field is None, as items may be of an
        older version of the app.  Fields are found by their older names
        (``was``), too."""
        values: dict = {}
        old = {f.was: f for f in cls.__fields__.values() if f.was}
        for child in element:
            if not isinstance(child, nodetree.Element):
                continue
            name = child.name.rpartition("}")[2]
            field = cls.__fields__.get(name) or old.get(name)
            if field is None or (field.name != name
                                 and field.name in values):
                continue
            text = "".join(t for t in child if isinstance(t, str))
            try:
                value = field.from_text(text)
            except (ValueError, ArithmeticError):
                if strict:
                    raise
                value = None
            if isinstance(field, Choices) and value is not None:
                values.setdefault(field.name, []).append(value)
            else:
                values[field.name] = value
        return cls(**values)

    @classmethod
    def from_xml(cls, text: str, strict: bool = True) -> "Record":
        """The record of XML text; nodetree.ParseError, ValueError."""
        return cls.from_element(nodetree.Document(text).root, strict)

    @classmethod
    def __spec__(cls) -> dict:
        """Plain data for the C half."""
        return {"name": cls.__element__,
                "fields": [{**f.__spec__(), "compute": f.hook(cls)}
                           if isinstance(f, Computed) else f.__spec__()
                           for f in cls.__fields__.values()]}
