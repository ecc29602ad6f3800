# SPDX-License-Identifier: MIT
"""concordance.testing: what an app's tests are written with."""
import os
import signal
import subprocess
import time

import pytest

from service import BUILD, HAS_PYTHON, TOP

if not HAS_PYTHON:
    pytest.skip("built without Python", allow_module_level=True)

from concordance import (Answer, App, Boolean, Choice, Choices, Lines, Node,
                         Page, Record, Refuse, Text, command)
from concordance.testing import Closed, Refused, Site
from concordance.testing.browser import Page as Shown

SHEET = """<xsl:stylesheet version="1.0"
 xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:a="urn:x-kit"
 xmlns:c="http://concordance-xmpp.org/ns/page" exclude-result-prefixes="a c">
<xsl:template match="/*"><html lang="en"><head><title>Kit</title></head><body>
<h1>Things</h1><p hidden="">unseen</p><a href="/_do/things/count">Count</a>
<c:form node="things"/><table><tr><th>Name</th><th>Kind</th></tr>
<xsl:for-each select="*"><tr id="{@c:id}"><td><xsl:value-of select="a:name"/>
</td><td><xsl:value-of select="a:kind"/></td></tr></xsl:for-each></table>
</body></html></xsl:template></xsl:stylesheet>"""


class Thing(Record):
    name = Text("Name", required=True)
    kind = Choice("Kind", ["big", "small"])
    tags = Choices("Tags", ["red", "round", "rare"])
    good = Boolean("Good")
    note = Lines("Note")


class Which(Record):
    word = Text("Word", required=True)


class Kit(App):
    xmlns = "urn:x-kit"
    things = Node(Thing, form="Add a thing")
    index = Page("/", things, "kit.xsl")

    @things.submit
    def add(self, user, thing):
        if thing.name == "bad":
            raise Refuse("No such things here.")
        if thing.name == "fault":
            raise ZeroDivisionError("as the test wants it")
        print("a thing came")
        return thing

    @command("things/count", "Count", who="anybody", safe=True)
    def count(self, user, form):
        rows = [{"name": t.name} for _, t in self.things.items()]
        return Answer(f"{len(rows)} things.", table=rows)

    @command("things/say", "Say", form=Which, who="users", see="/_do/things/count")
    def say(self, user, form):
        return Answer(f"{user} says {form.word}.", values={"word": form.word})

    @command("things/staff", roles=["staff"])
    def staff(self, user, form):
        return "Welcome."


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kit")
    (folder / "kit.xsl").write_text(SHEET)
    with Site(Kit, files=folder) as running:
        yield running


def test_a_browser_reads_a_page_as_a_person_does(site):
    page = site.browser().open("/")
    assert (page.status, page.title, page.path) == (200, "Kit", "/")
    assert page.headings == ["Things", "Add a thing"]
    assert "unseen" not in page and "unseen" in page.html
    assert page.links == {"Count": "/_do/things/count"}
    form = page.form("Add a thing")
    assert form.labels["tags"] == "Tags"
    assert form.choices["tags"] == ["red", "round", "rare"]
    assert page.form("form-things").id == page.form().id


def test_a_form_is_filled_in_and_what_comes_is_the_record(site):
    follower = site.client().subscribe("things")
    page = site.browser().open("/").form().fill(
        {"Name": "Ball & <chain>"}, kind="small", tags=["red", "rare"],
        good=True, note="one\ntwo").submit()
    assert page.status == 200 and page.path == "/"
    assert {"Name": "Ball & <chain>", "Kind": "small"} in page.tables[0]
    ball = follower.next_event("things")
    assert ball["name"] == "Ball & <chain>" and ball["good"] == "true"
    assert ball["tags"] == ["red", "rare"]
    assert ball["note"] == "one\ntwo"
    assert "price" not in ball
    with pytest.raises(KeyError, match="it has|has name"):
        ball["price"]


def test_what_a_browser_cannot_do_is_an_error_that_says_what_there_is(site):
    page = site.browser().open("/")
    with pytest.raises(AssertionError, match="has no field 'colour'.*name"):
        page.form().fill(colour="red")
    with pytest.raises(AssertionError, match="'huge' is no choice.*'big'"):
        page.form().fill(kind="huge")
    with pytest.raises(AssertionError, match="no link 'Nowhere'.*'Count'"):
        page.click("Nowhere")
    with pytest.raises(AssertionError, match="no form 'Search'"):
        page.form("Search")
    with pytest.raises(AssertionError, match="has no button 'Go'"):
        page.form().submit("Go")
    with pytest.raises(AssertionError, match="of another site"):
        page.browser.open("https://evil.example/")
    assert "Things" in repr(page) and "200 /" in repr(page)


def test_errors_stand_at_fields_and_at_the_form(site):
    page = site.browser().open("/").form().fill(name="").submit()
    assert page.status == 422
    assert page.form().errors == {"name": "Name is needed."}
    assert page.errors == page.form().errors and page.form().error == ""
    page = page.form().fill(name="bad").submit()
    assert page.form().error == "No such things here."
    assert page.form().errors == {}
    assert "No such things here." in page


def test_a_client_follows_what_the_operator_does(site):
    client = site.client().subscribe("things")
    xml = "<thing xmlns='urn:x-kit'><name>Kite</name></thing>"
    assert site.operator.publish("things", xml, "kite") == "kite"
    event = client.next_event()
    assert (event.node, event.id, event["name"]) == ("things", "kite", "Kite")
    site.operator.retract("things", "kite")
    assert client.next_event().retracted
    client.unsubscribe("things")
    site.operator.publish("things", xml, "kite")
    with pytest.raises(AssertionError, match="nothing in time.*<retract "):
        try:
            client.next_event(timeout=0.05)
        except AssertionError as error:
            raise AssertionError(str(error).replace("\n", " ")) from None
    assert client.items("things", "kite")[0]["name"] == "Kite"
    with pytest.raises(Refused) as caught:
        client.publish("things", xml)
    assert caught.value.condition == "forbidden" and caught.value.text
    with pytest.raises(Refused, match="item-not-found"):
        client.subscribe("nowhere")


def test_commands_answer_notes_tables_values_and_errors(site):
    anna = site.adduser("anna")
    client = site.client("anna")
    answer = client.command("things/say", word="Hello <you>")
    assert answer.ok and answer.note == "anna@localhost says Hello <you>."
    assert answer.values == {"word": "Hello <you>"}
    answer = client.command("things/say", word="")
    assert not answer.ok and answer.code == "refused"
    assert answer.errors == {"word": "Word is needed."}
    assert client.ask("things/say").form == {"word": ""}
    answer = client.command("things/count")
    assert answer.note == f"{len(answer.table)} things."
    assert site.client().command("things/say").code == "forbidden"
    assert client.command("things/staff").code == "forbidden"
    assert "things/staff" not in client.commands()
    site.role(anna, "staff")
    assert client.command("things/staff").note == "Welcome."
    site.role(anna, "staff", has=False)
    assert client.command("things/staff").code == "forbidden"
    with pytest.raises(AssertionError, match="no bare Jabber ID"):
        site.do("roles/set", jid="@", role="staff")


def test_a_password_is_checked_by_both(site):
    site.adduser("berta", "R0saline, =1")
    assert site.client("berta@localhost", "R0saline, =1").jid.startswith(
        "berta@localhost/")
    with pytest.raises(Closed, match="berta could not log in"):
        site.client("berta", "wrong")


def test_people_write_to_each_other(site):
    site.adduser("carla")
    site.adduser("dora")
    carla, dora = site.client("carla"), site.client("dora", resource="desk")
    dora.presence()
    assert dora.next("presence").get("from") == "dora@localhost/desk"
    carla.message("dora@localhost/desk", "A <kiss> & more")
    assert dora.next_message() == (carla.jid, "A <kiss> & more")


def test_a_page_of_a_command_has_its_note_and_table(site):
    page = site.browser().open("/").click("Count")
    assert page.path == "/_do/things/count"
    count = len(site.client().items("things"))
    assert page.flash == f"{count} things." and len(page.tables[0]) == count
    assert site.browser().open("/nowhere").status == 404


def test_what_an_app_prints_and_its_faults_are_in_the_log(site):
    page = site.browser().open("/").form().fill(name="fault").submit()
    assert page.status == 500
    assert "app.handler" in site.logged("app.handler", "things")
    site.logged("ZeroDivisionError: as the test wants it")
    site.browser().open("/").form().fill(name="x").submit()
    site.logged("a thing came")
    with pytest.raises(AssertionError, match="not in time"):
        site.until(lambda: 0, timeout=0.01)


def test_a_service_that_does_not_start_says_why(tmp_path):
    with pytest.raises(AssertionError, match="--nope"):
        with Site(Kit, files=tmp_path, options=["--nope"]):
            pass
    with pytest.raises(AssertionError, match="missing.so"):
        with Site(tmp_path / "missing.so"):
            pass
    with pytest.raises(ValueError, match="two Sites"):
        Site(Kit, "x.so").start()


def test_nothing_is_left(site, tmp_path):
    files = site._files
    with Site(Kit, files=files) as other:
        folder, pid = other.data, other._pid
        assert os.path.exists(folder) and other.port != site.port
    assert not os.path.exists(folder)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_crash_is_seen_and_what_was_kept_is_there_again(site):
    with Site(Kit, files=site._files, store="sqlite") as other:
        other.browser().open("/").form().fill(name="Kept").submit()
        assert other.stop(signal.SIGKILL) == 128 + signal.SIGKILL
        other.start()
        assert "Kept" in other.browser().open("/")
    with pytest.raises(AssertionError, match="ended with 137"):
        with Site(Kit, files=site._files) as other:
            other.stop(signal.SIGKILL)


def test_an_app_in_c_is_served_too():
    module = os.path.join(BUILD, "examples/bookcase-c/bookcase.so")
    with Site(module, files=os.path.join(TOP, "examples/bookcase-c")) as s:
        page = s.browser().open("/").form("Add a book").fill(
            title="Emma", author="Austen").submit()
        assert "Emma" in page
        assert s.client().items("library")[0]["title"] == "Emma"


def test_a_page_is_read_whatever_its_html():
    page = Shown(None, "http://x/a?b=1", 200, {}, """<title> A  B </title>
      <p>one<p>two<br>three <script>no()</script><form><legend>L</legend>
      <input type=checkbox name=c value=1 checked><input name=d type=radio
      value=x><input type=radio name=d value=y checked>
      <textarea name=t>
a</textarea><label>Pick <select name=s><option>p<option value=q selected>Q
      </select></label></form></div><dl><dt>k<dd>v<dd>w</dl>""")
    assert (page.title, page.path) == ("A B", "/a?b=1")
    assert page.text.startswith("one two three L a")
    form = page.form("L")
    assert form.fields == {"c": "1", "d": "y", "t": "a", "s": "q"}
    assert form.labels == {"s": "Pick p Q"}
    assert form.fill(c=False, d="x").fields["c"] == []
    with pytest.raises(AssertionError, match="no box 'z'"):
        form.fill(d="z")


def test_the_examples_own_test_passes():
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider",
         os.path.join(TOP, "examples/bookcase-python")],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_starting_is_quick(site):
    """In processor time of all that is started, whatever else runs."""
    before = os.times()
    started = time.monotonic()
    with Site(Kit, files=site._files) as other:
        took = time.monotonic() - started
        assert other.browser().open("/").status == 200
    after = os.times()
    spent = sum(after[:4]) - sum(before[:4])
    assert spent < 1.5, f"{spent:.2f} s of processor time in {took:.2f} s"


def c_kit(folder, *words, limit="30"):
    return subprocess.run(
        [os.path.join(BUILD, "examples/bookcase-c/test-bookcase"), *words],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, "TEST_LIMIT": limit, "TMPDIR": str(folder)})


def test_a_test_in_c_says_what_is_wrong_and_leaves_nothing(tmp_path):
    done = c_kit(tmp_path, "./nothing.so", str(tmp_path))
    assert done.returncode == 1 and "nothing.so" in done.stderr
    # Another app than the test's: the first thing that fails is named.
    done = c_kit(tmp_path, os.path.join(BUILD, "tests/service/apps/desk.so"),
                 str(tmp_path), limit="2")
    assert done.returncode == 1
    assert "cannot follow library" in done.stderr
    done = c_kit(tmp_path, os.path.join(
        BUILD, "examples/bookcase-c/bookcase.so"),
        os.path.join(TOP, "examples/bookcase-c"))
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path) == []
