# SPDX-License-Identifier: MIT
"""Concordance: web applications that are XMPP services.

An app declares records, forms, nodes and pages; a submitted form becomes a
record, is published to a PubSub node, and everyone who follows the node has
it at once: every browser on a page that shows it, the snapshot on disk, and
any XMPP client.

    class Book(Record):
        title = Text("Title", required=True)

    class MyBookcase(App):
        xmlns   = "http://example.org/apps/bookcase"
        library = Node(Book, form="Add a book")
        index   = Page("/", library, "bookcase.xsl")

Run it: ``python3 -m concordance run module:MyBookcase``; inside a web server:
``application = MyBookcase.wsgi()``.
"""
import sys

if sys.version_info < (3, 11):  # its C part would not load, and not say why
    raise ImportError("concordance needs Python 3.11 or newer, and this is "
                      f"{sys.version.split()[0]}, {sys.executable}")

from ._concordance import Error, version as __version__
from .app import (LATER, Answer, App, Node, Page, Refuse, User, command,
                  every, hook, iq_get, iq_set, load, log, message, page, presence,
                  run, url)
from .fields import (JID, URL, Boolean, Choice, Choices, Computed, Date,
                     DateTime, Decimal, Field, File, Fixed, Hidden, Integer,
                     Lines, Ref, Secret, Text)
from .gateway import asgi, wsgi
from .record import Record

__all__ = ["Answer", "App", "Boolean", "Choice", "Choices", "Computed", "Date",
           "DateTime", "Decimal", "Error", "Field", "File", "Fixed", "Hidden",
           "Integer", "JID", "LATER", "Lines", "Node", "Page", "Record", "Ref",
           "Refuse", "Secret", "Text", "URL", "User", "asgi", "command",
           "every", "hook", "iq_get", "iq_set", "load", "log", "message",
           "page", "presence", "run", "url", "wsgi"]
