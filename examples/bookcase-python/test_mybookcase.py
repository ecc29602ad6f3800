# SPDX-License-Identifier: MIT
"""The bookcase as its users use it."""
import pytest
from mybookcase import MyBookcase

from concordance.testing import Refused, Site


@pytest.fixture(scope="module")
def site():
    with Site(MyBookcase) as running:
        yield running


def test_a_posted_book_is_on_the_page_and_told_to_followers(site):
    follower = site.client().subscribe("library")
    page = site.browser().open("/").form("Add a book").fill(
        title="Emma", author="Jane Austen", isbn="9780141439587").submit()
    assert "Emma" in page and "ISBN 9780141439587" in page
    book = follower.next_event()
    assert (book["title"], book["author"]) == ("Emma", "Jane Austen")


def test_a_wrong_isbn_is_told_at_its_field_and_what_was_typed_stays(site):
    page = site.browser().open("/").form("Add a book").fill(
        title="Persuasion", author="Jane Austen", isbn="123").submit()
    assert page.status == 422
    assert page.errors == {"isbn": "978 or 979 and ten digits, please."}
    assert page.form().fields["title"] == "Persuasion"


def test_the_command_is_the_form(site):
    answer = site.client().command("library", title="Sanditon")
    assert answer.errors == {"author": "Author is needed."}


def test_a_guest_does_not_publish_and_the_operator_does(site):
    xml = (f'<book xmlns="{MyBookcase.xmlns}"><title>Lady Susan</title>'
           "<author>Jane Austen</author></book>")
    with pytest.raises(Refused, match="forbidden"):
        site.client().publish("library", xml)
    site.operator.publish("library", xml, "susan")
    assert site.client().items("library", "susan")[0]["title"] == "Lady Susan"
    page = site.browser().open("/")
    site.until(lambda: "Lady Susan" in page.browser.open("/"))
