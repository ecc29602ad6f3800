"""Serve the app in a folder of its own, post its form, look at the page."""
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request


class Test@Name@(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.service = subprocess.Popen(
            [sys.executable, "-m", "concordance", "run", "@name@:@Name@",
             "--http", "127.0.0.1:0", "--store", "memory",
             "--data", self.dir.name],
            cwd=os.path.dirname(os.path.abspath(__file__)),
            stdout=subprocess.PIPE, text=True)
        line = self.service.stdout.readline()
        self.assertIn("Ready. Open ", line)
        self.url = line.split()[-1]

    def tearDown(self):
        self.service.terminate()
        self.service.wait(10)
        self.service.stdout.close()
        self.dir.cleanup()

    def post(self, **fields):
        data = urllib.parse.urlencode(fields).encode()
        with urllib.request.urlopen(self.url + "?form=@name@", data) as page:
            return page.read().decode()

    def test_a_posted_item_is_on_the_page(self):
        self.assertIn("First", self.post(title="First"))

    def test_an_item_without_a_title_is_refused(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.post(title="")
        self.assertEqual(caught.exception.code, 422)
        caught.exception.close()


if __name__ == "__main__":
    unittest.main()
