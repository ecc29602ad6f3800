# SPDX-License-Identifier: MIT
"""What of nodetree needs no C: exceptions, and the registry of classes."""
from collections.abc import MutableMapping


class ParseError(ValueError):
    """XML that is not well-formed, is refused, or is over a limit.

    line and column count from 1 (0: unknown), reason says what is wrong, and
    condition is the stream error condition of RFC 6120 4.9.3 that fits, such
    as "not-well-formed" or "restricted-xml", or None.
    """

    def __init__(self, line, column, reason, condition=None):
        super().__init__(line, column, reason, condition)
        self.line = line
        self.column = column
        self.reason = reason
        self.condition = condition

    def __str__(self):
        if not self.line:
            return self.reason
        return f"line {self.line}, column {self.column}: {self.reason}"


class XPathError(ValueError):
    """An XPath expression that is wrong, or takes too many steps."""


class XSLTError(ValueError):
    """A style sheet that is wrong or refused, or takes too many steps.

    line is the sheet's line, or None.
    """

    def __init__(self, reason, line=None):
        super().__init__(reason, line)
        self.reason = reason
        self.line = line

    def __str__(self):
        return f"line {self.line}: {self.reason}" if self.line else self.reason


class Registry(MutableMapping):
    """The classes that elements of a Document or Stream are instances of.

    A mapping of "{ns}name" (or "name") to a subclass of Element.  "{ns}*" is
    for every other name of a namespace, "{*}*" for every other element.
    There is no global registry: hand one to each Document or Stream.
    """

    __slots__ = ("_classes", "__weakref__")

    def __init__(self, classes=(), /):
        self._classes = {}
        self.update(classes)

    def bind(self, name, cls=None, /):
        """Bind name to cls and return cls; without cls, a decorator."""
        if cls is None:
            return lambda cls: self.bind(name, cls)
        self[name] = cls
        return cls

    def copy(self):
        """A registry with the same classes, to change on its own."""
        return Registry(self._classes)

    def __setitem__(self, name, cls):
        from ._nodetree import Element
        if not isinstance(name, str):
            raise TypeError("name must be a str")
        if not (isinstance(cls, type) and issubclass(cls, Element)):
            raise TypeError("only a subclass of Element can be bound")
        self._classes[name.removeprefix("{}")] = cls

    def __getitem__(self, name):
        return self._classes[name]

    def __delitem__(self, name):
        del self._classes[name]

    def __iter__(self):
        return iter(self._classes)

    def __len__(self):
        return len(self._classes)

    def __repr__(self):
        return f"Registry({self._classes!r})"

    def __reduce__(self):
        return Registry, (dict(self._classes),)
