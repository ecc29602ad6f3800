# SPDX-License-Identifier: MIT
from concordance import App, Node, Page, Record, Text

class Book(Record):
    title  = Text("Title", required=True)
    author = Text("Author", required=True)
    isbn   = Text("ISBN", match="97[89][0-9]{10}", error="978 or 979 and ten digits, please.")

class MyBookcase(App):
    title   = "My Bookcase"
    xmlns   = "http://concordance-xmpp.org/apps/mybookcase"
    library = Node(Book, form="Add a book")
    index   = Page("/", library, "bookcase.xsl")

application = MyBookcase.wsgi()
