"""The app as its users use it: see concordance.testing."""
import unittest

from concordance.testing import Site

from @name@ import @Name@


class Test@Name@(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(@Name@))
        self.page = self.site.browser().open("/")

    def test_a_posted_item_is_on_the_page_and_told_to_followers(self):
        follower = self.site.client().subscribe("@name@")
        page = self.page.form("Add").fill(title="First").submit()
        self.assertIn("First", page)
        self.assertEqual(follower.next_event()["title"], "First")

    def test_an_item_without_a_title_is_refused(self):
        page = self.page.form("Add").fill(title="").submit()
        self.assertEqual(page.status, 422)
        self.assertEqual(page.errors, {"title": "Title is needed."})


if __name__ == "__main__":
    unittest.main()
