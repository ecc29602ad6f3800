# SPDX-License-Identifier: MIT
"""XML as Python sequences of nodes and text.

Document, Element, Comment and ProcessingInstruction are the nodes; text is
str.  Stream parses XML that arrives in pieces, such as XMPP.  Registry binds
classes to element names.  XPath is a method of nodes, XSLT a class; both load
libxslt when first used.
"""
from ._support import ParseError, Registry, XPathError, XSLTError
from ._nodetree import (Attributes, Comment, Document, Element, Node,
                        ProcessingInstruction, Stream)

__all__ = ["Attributes", "Comment", "Document", "Element", "Node",
           "ParseError", "ProcessingInstruction", "Registry", "Stream",
           "XPathError", "XSLT", "XSLTError"]


def __getattr__(name):
    if name == "XSLT":
        from ._xslt import XSLT
        return XSLT
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(set(globals()) | {"XSLT"})
