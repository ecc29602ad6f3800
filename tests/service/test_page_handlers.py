# SPDX-License-Identifier: MIT
"""Handlers of pages (@page), run by the service."""
import re

import pytest

from service import Service, needs_python, until

pytestmark = needs_python

APP = '''
from concordance import *
from concordance import login

class Book(Record):
    title  = Text("Title", required=True)
    author = Text("Author")
    year   = Integer("Year")

class Search(Record):
    q    = Text("Words", required=True, max_len=20)
    year = Integer("Not before")

class Old(Record):
    author = Text("Author")
    before = Integer("Before", value=1900)

class Attempt(Record):
    what = Text("What")

class Shelf(App):
    xmlns   = "urn:x-shelf"
    library = Node(Book, form="Add")
    index   = Page("/", library, "none.xsl")

    class Settings(Record):
        greeting = Text("Greeting", value="Hello")

    @page("/search", title="Look for books", form=Search)
    def search(self, user, form):
        """Books with these words in them."""
        if form.q == "raise":
            raise KeyError("a secret of ours")
        if form.q == "refuse":
            raise Refuse(q="Not these words.")
        found = self.library.query("year>={year}", "-year", search=form.q,
                                   year=form.year or 0)
        return Answer(f"{found.total} books.", table=[b for _, b in found])

    @page("/by/{author}/old", form=Old)
    def old(self, user, form):
        found = self.library.query("author={who} year<{year}", "title",
                                   who=form.author, year=form.before)
        return [book for _, book in found]

    @page("/word/{word}")
    def word(self, user, form):
        return {"word": form.word, "lang": user.lang, "guest": user.guest,
                "greeting": self.settings.greeting, "url": url("/word"),
                "one": self.library.get("b1").title,
                "found": self.library.find(title="Emma").author,
                "all": len(list(self.library.items()))}

    @page("/nothing")
    def nothing(self, user, form):
        return None

    @page("/mine", who="users")
    def mine(self, user, form):
        return str(user)

    @page("/staff", readers="staff")
    def staff(self, user, form):
        return "For the staff."

    @page("/try", form=Attempt)
    def attempt(self, user, form):
        self.library.publish(Book(title="No"))

    @page("/try/{what}")
    def attempts(self, user, form):
        tries = {"retract": lambda: self.library.retract("b1"),
                 "add": lambda: login.add_account("eve", "secret of hers"),
                 "exists": lambda: login.exists("eve"),
                 "super": lambda: self.super()}
        try:
            tries[form.what]()
        except Error as error:
            return str(error)
'''


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "shelf.py").write_text(APP)
    with Service("shelf:Shelf", store="memory", files=str(folder),
                 env={"APPPATH": str(folder)}) as s:
        for id, title, author, year in (
                ("b1", "Emma", "Austen", 1815),
                ("b2", "Ulysses", "Joyce", 1922),
                ("b3", "Persuasion", "Austen", 1817),
                ("b4", "<Emma> & Co", "Nobody", 2001)):
            title = title.replace("&", "&amp;").replace("<", "&lt;")
            s.ctl("publish", "library",
                  f'<book xmlns="urn:x-shelf"><title>{title}</title>'
                  f"<author>{author}</author><year>{year}</year></book>", id)
        yield s


def cells(html):
    return re.findall(r"<td[^>]*>([^<]*)", html)


def test_a_page_shows_what_its_handler_found(service):
    status, headers, html = service.get("/search?q=emma&year=1900")
    assert status == 200
    assert "1 books." in html and "&lt;Emma&gt; &amp; Co" in html
    assert "Ulysses" not in html and "Look for books" in html
    assert "no-store" in headers["Cache-Control"]
    assert 'value="emma"' in html  # and the form to look again


def test_a_page_without_what_it_needs_shows_its_form(service):
    status, _, html = service.get("/search")
    assert status == 200 and 'name="q"' in html and "books." not in html


def test_a_form_is_judged_before_the_handler_runs(service):
    status, _, html = service.get("/search?q=" + "x" * 21)
    assert status == 422 and "aria-invalid" in html
    status, _, html = service.get("/search?q=a&year=soon")
    assert status == 422 and "aria-invalid" in html


def test_a_handler_refuses_at_a_field(service):
    status, _, html = service.get("/search?q=refuse")
    assert status == 422 and "Not these words." in html


def test_the_path_is_a_field_of_the_form(service):
    html = service.page("/by/Austen/old")
    assert html.index("Emma") < html.index("Persuasion")
    html = service.page("/by/Austen/old?before=1816&author=Joyce")
    assert "Emma" in html and "Persuasion" not in html


def test_a_path_alone_makes_its_form(service):
    html = service.page("/word/a%20%3Cb%3E")
    said = dict(re.findall(r"<dt[^>]*>([^<]*)</dt>\s*<dd[^>]*>([^<]*)", html))
    assert said == {"word": "a &lt;b&gt;", "lang": "en", "guest": "true",
                    "greeting": "Hello", "one": "Emma", "found": "Austen",
                    "url": service.url.rstrip("/") + "/word", "all": "4"}


def test_nothing_to_say_is_no_note(service):
    status, _, html = service.get("/nothing")
    assert status == 200 and "It is done" not in html


def test_who_may_not_run_it_does_not_see_the_page(service):
    assert service.get("/mine")[0] == 403
    assert service.get("/staff")[0] == 403


def test_a_page_only_reads(service):
    status, _, html = service.get("/try")
    assert status == 500 and "only reads" not in html
    until("the log says what to do", lambda: any(
        "there is no publish() here; use a command" in line
        for line in service.log))
    assert "<title>No" not in service.ctl("items", "library").stdout
    for what, call in (("retract", "retract"), ("add", "account"),
                       ("exists", "account_exists"), ("super", "super")):
        assert f"there is no {call}() here" in service.page(f"/try/{what}")
    assert "b1" in service.ctl("items", "library").stdout


def test_a_fault_is_told_plainly_and_logged_with_its_place(service):
    status, _, html = service.get("/search?q=raise")
    assert status == 500 and "secret" not in html
    said = service.ctl("do", "apps").stdout
    assert re.search(r"KeyError: 'a secret of ours' \(shelf\.py:\d+\)", said)


def test_a_page_is_a_command_too(service):
    assert "1 books." in service.ctl("do", "search", "q=ulysses").stdout
    assert "/_do/search" in service.page("/_do")


def test_a_post_of_the_form_shows_the_page(service):
    status, _, html = service.post("/search?do=search", q="ulysses")
    assert status == 200 and "1 books." in html
