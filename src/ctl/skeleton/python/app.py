from concordance import App, Lines, Node, Page, Record, Text


class Item(Record):
    title = Text("Title", required=True, max_len=200)
    note = Lines("Note")


class @Name@(App):
    xmlns = "urn:x-@name@"
    title = "@Name@"
    @name@ = Node(Item, form="Add")
    index = Page("/", @name@, "@name@.xsl")
    admin = [@name@]
