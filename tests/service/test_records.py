# SPDX-License-Identifier: MIT
"""Records of a Python app: queries, references, computed fields."""
import pytest

from service import Service, needs_python, until

pytestmark = needs_python

APP = '''
import datetime
from concordance import *

class Book(Record):
    title  = Text("Title", required=True)
    author = Text("Author", index=True)
    year   = Integer("Year", index=True)
    bought = Date("Bought")
    slug   = Computed(lambda book: book.title.lower().replace(" ", "-"))

class Loan(Record):
    book = Ref("Book", "library", show="title")
    who  = Text("Who")

ASK = {
    "all":     lambda n: n.query(sort="year"),
    "where":   lambda n: n.query("author={who}", sort="-year",
                                 who="jane AUSTEN"),
    "number":  lambda n: n.query("year>{year}", year=1814),
    "date":    lambda n: n.query("bought<={day}",
                                 day=datetime.date(2020, 1, 2)),
    "search":  lambda n: n.query(search="ma"),
    "page":    lambda n: n.query(sort="title", offset=1, limit=1),
    "wrong":   lambda n: n.query("autor=x"),
    "missing": lambda n: n.query("author={who}"),
    "limit":   lambda n: n.query(limit=0),
    "slug":    lambda n: n.query("slug=zadig"),
    "hostile": lambda n: n.query("author={who}", who='" year>0'),
}

class Records(App):
    xmlns   = "urn:x-test"
    library = Node(Book, form="Add")
    index   = Page("/", library, "none.xsl")
    loans   = Node(Loan, form="Lend", publish="anybody")
    lend    = Page("/lend", loans, "none.xsl")
    desk    = Node(Loan, form="Write", writers="editors")
    write   = Page("/desk", [library, desk], "none.xsl")

    def start(self):
        for n, (title, author, year) in enumerate((
                ("Emma", "Jane Austen", 1815), ("Zadig", "Voltaire", 1747),
                ("Persuasion", "Jane Austen", 1817))):
            self.library.publish(Book(title=title, author=author, year=year,
                                      bought=datetime.date(2020, 1, n + 1)),
                                 id=str(n))

    @library.submit
    def add(self, user, book):
        if book.title not in ASK:
            book.title += " Two"
            return book
        try:
            found = ASK[book.title](self.library)
        except ValueError as e:
            raise Refuse(f"ValueError: {e}")
        raise Refuse("found " + ",".join(b.title for _, b in found)
                     + f" of {found.total}")
'''


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    (folder / "records.py").write_text(APP)
    with Service("records:Records", store="memory",
                 files=str(folder), env={"APPPATH": str(folder)}) as running:
        yield running


@pytest.mark.parametrize("ask, answer", [
    ("all", "found Zadig,Emma,Persuasion of 3"),
    ("where", "found Persuasion,Emma of 2"),
    ("number", "found Emma,Persuasion of 2"),
    ("date", "found Emma,Zadig of 2"),
    ("search", "found Emma of 1"),
    ("page", "found Persuasion of 3"),
    ("slug", "found Zadig of 1"),
    ("hostile", "found  of 0"),
])
def test_a_query_finds_records_in_order(service, ask, answer):
    status, _, page = service.post(title=ask)
    assert status == 422 and answer in page


@pytest.mark.parametrize("ask, answer", [
    ("wrong", "has no field"),
    ("missing", "who"),
    ("limit", "limit 1 or more"),
])
def test_a_wrong_query_is_a_value_error(service, ask, answer):
    status, _, page = service.post(title=ask)
    assert status == 422 and "ValueError" in page and answer in page


def test_a_computed_field_follows_what_a_handler_changed(service):
    assert service.post(title="The Idiot")[0] == 200
    assert "<slug>the-idiot-two</slug>" in service.ctl(
        "items", "library").stdout


def test_a_computed_field_is_not_typed(service):
    status, _, page = service.post(title="x", slug="y")
    assert status == 422 and "no field" in page


def test_a_reference_offers_what_is_there_and_refuses_the_rest(service):
    until("the form offers the books", lambda: all(
        f">{title}</option>" in service.page("/lend")
        for title in ("Emma", "Persuasion", "Zadig")))
    page = service.page("/lend")
    assert page.index(">Emma<") < page.index(">Persuasion<")
    assert service.post("/lend?form=loans", book="1", who="A")[0] == 200
    status, _, page = service.post("/lend?form=loans", book="9", who="A")
    assert status == 422 and "Book: there is no" in page
    assert "<book>1</book>" in service.ctl("items", "loans").stdout


def test_a_form_offers_a_new_item_at_once(service):
    assert service.post(title="Candide")[0] == 200
    until("the form offers it",
          lambda: ">Candide Two</option>" in service.page("/lend"))


def test_an_item_may_go_while_others_refer_to_it(service):
    assert service.post("/lend?form=loans", book="2", who="B")[0] == 200
    service.ctl("retract", "library", "2")
    assert "<book>2</book>" in service.ctl("items", "loans").stdout
    until("the form does not offer it",
          lambda: ">Persuasion</option>" not in service.page("/lend"))
    assert service.post("/lend?form=loans", book="2", who="C")[0] == 422


def test_the_form_of_a_node_with_writers_is_not_a_guests(service):
    assert service.post("/desk?form=desk", who="A")[0] in (303, 403)
    assert service.ctl("items", "desk").stdout.strip() == ""
