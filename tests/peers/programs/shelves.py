# SPDX-License-Identifier: MIT
"""An app whose nodes are kept by other services."""
from concordance import App, Node, Page, Record, Text


class Book(Record):
    title = Text("Title", required=True)
    author = Text("Author", required=True)
    isbn = Text("ISBN")


class Shelves(App):
    title = "Shelves"
    xmlns = "http://concordance-xmpp.org/apps/mybookcase"
    library = Node(Book, source="books.example")
    prosody = Node(Book, source="pubsub.prosody.example",
                   source_node="library")
    ejabberd = Node(Book, source="pubsub.ejabberd.example",
                    source_node="library")
    index = Page("/", library, "bookcase.xsl")
