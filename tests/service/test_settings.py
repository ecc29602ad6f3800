# SPDX-License-Identifier: MIT
"""Settings of apps: versions, two administrators, and a new version of the
app; in C and in Python, by all three faces."""
from __future__ import annotations

import json
import os
import re
import subprocess
import textwrap
import xml.etree.ElementTree as ET

import pytest

from service import BUILD, HAS_PYTHON, LIMIT, TOP, Service
from test_admin import NS as _, PASSWORD, Panel
from test_nodes import DATA, NS, Link, note, rows, values

pytestmark = pytest.mark.skipif(
    not HAS_PYTHON, reason="the app is built without the sanitizers")

C = """
#include <concordance.h>
static const struct cnc_record settings = {"settings", CNC_FIELDS(%(fields)s)};
static int
look(struct cnc_request *r, struct cnc_element *form)
{
    static const char *const names[] = {"color", "colour", "size", "note",
                                        "password", "shape"};
    for (size_t i = 0; i < 6; i++) {
        const char *lost = cnc_setting_lost(r, names[i]);
        cnc_value(r, names[i], names[i], "%%s", cnc_setting(r, names[i]));
        if (lost != NULL) {
            cnc_note(r, "lost %%s=%%s", names[i], lost);
        }
    }
    return 0;
}
CNC_APP(shelf, .title = "Shelf", .xmlns = "urn:x-shelf",
        .version = "%(version)s", .settings = &settings,
        .commands = CNC_COMMANDS({"look", "Look", .run = look, .safe = true}));
"""
PYTHON = """
from concordance import *

class Shelf(App):
    xmlns = "urn:x-shelf"
    version = "%(version)s"

    class Settings(Record):
%(fields)s

    @command("look", "Look", safe=True)
    def look(self, user, form):
        names = type(self).Settings.__fields__
        lost = [f"lost {n}={self.setting_lost(n)}" for n in names
                if self.setting_lost(n) is not None]
        return Answer(" ".join(lost) or None,
                      values={n: getattr(self.settings, n) or ""
                              for n in names})
"""
FIRST = ("1", """
    {"color", "Color", .value = "red"}, {"size", "Size", .value = "10"},
    {"note", "Note", CNC_FIELD_LINES}, {"password", "Password", CNC_FIELD_SECRET}
""", """
    color = Text("Color", value="red")
    size = Text("Size", value="10")
    note = Lines("Note")
    password = Secret("Password")
""")
# color has another name, size another kind, note is gone, shape is new
SECOND = ("2", """
    {"colour", "Colour", .value = "red", .was = "color"},
    {"size", "Size", CNC_FIELD_INTEGER, .value = "10"},
    {"password", "Password", CNC_FIELD_SECRET}, {"shape", "Shape", .value = "round"}
""", """
    colour = Text("Colour", value="red", was="color")
    size = Integer("Size", value=10)
    password = Secret("Password")
    shape = Text("Shape", value="round")
""")


class Site(Service):
    def __init__(self, folder, language: str, *options: str, **more):
        self.folder, self.language = str(folder), language
        self.build(FIRST)
        app = ("shelf:Shelf" if language == "python"
               else os.path.join(self.folder, "shelf.so"))
        super().__init__(app, *options, files=self.folder,
                         env={"APPPATH": self.folder, **more})

    def build(self, version) -> None:
        python = self.language == "python"
        fields = textwrap.indent(version[2], "    ") if python else version[1]
        path = os.path.join(self.folder, "shelf.py" if python else "shelf.c")
        with open(path, "w", encoding="utf-8") as f:
            f.write((PYTHON if python else C)
                    % {"version": version[0], "fields": fields})
        if not python:
            made = os.path.join(self.folder, "shelf.so")
            subprocess.run(
                ["cc", "-shared", "-fPIC", "-I", os.path.join(TOP, "include"),
                 "-o", made + ".new", path, os.path.join(
                     BUILD, "src/service/libconcordance.so")],
                check=True, timeout=LIMIT)
            os.replace(made + ".new", made)

    def renew(self, version, reload: bool) -> None:
        """The new version runs: reloaded, or after a restart."""
        self.build(version)
        if reload:
            assert "new version" in self.ctl("do", "apps/reload",
                                             "name=shelf").stdout
        else:
            self.kill()
            self.start()

    def set(self, *words: str) -> str:
        return self.ctl("do", "settings/shelf", *words).stdout.strip()

    def look(self) -> dict:
        answer = json.loads(self.ctl("do", "--json", "look").stdout)
        return {**answer["values"], "lost": answer["note"]}

    def history(self) -> list[dict]:
        return json.loads(self.ctl("do", "--json", "settings/shelf/history"
                                   ).stdout).get("table", [])


@pytest.fixture(params=["c", "python"])
def site(request, tmp_path):
    with Site(tmp_path, request.param) as s:
        yield s


UPGRADES = [("c", True), ("c", False), ("python", False)]


# -- versions -----------------------------------------------------------------

def test_each_change_is_a_version_and_can_be_taken_back(site):
    assert site.history() == []
    assert site.set("color=blue", "password=hush hush") == \
        "The settings are kept."
    assert site.set("size=12", "note:=two\nlines") == "The settings are kept."
    assert site.set() == "Nothing is different."
    assert site.set("password=another one") == "The settings are kept."
    third, second, first = site.history()
    assert [v["version"] for v in (third, second, first)] == ["3", "2", "1"]
    assert first["change"] == "color: red -> blue; password changed"
    assert second["change"] == ("size: 10 -> 12; "
                                "note: nothing -> two lines")
    assert third["change"] == "password changed"
    assert first["who"] and re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", first["at"])
    said = site.ctl("do", "settings/shelf/revert", "version=1").stdout
    assert "as they were" in said
    now = site.look()
    assert (now["color"], now["size"], now["note"]) == ("blue", "10", "")
    assert now["password"] == "another one"  # secrets stay
    assert site.history()[0]["change"].startswith("version 1 again: size:")
    site.kill()
    site.start()
    assert site.look() == now
    assert [v["version"] for v in site.history()] == ["4", "3", "2", "1"]
    site.ctl("do", "settings/shelf/revert", "version=0")
    now = site.look()
    assert (now["color"], now["password"]) == ("red", "")
    audit = site.ctl("items", "service/audit").stdout
    assert "<what>settings/shelf/revert</what>" in audit
    assert "<detail>color: red -&gt; blue; password changed</detail>" in audit
    for place in (audit, json.dumps(site.history()),
                  site.ctl("do", "--form", "settings/shelf").stdout):
        assert "hush" not in place and "another one" not in place


@pytest.mark.parametrize("version, said", [
    ("9", "There is no version 9; settings/shelf/history lists them."),
    ("-1", "version"), ("x", "version")])
def test_a_version_that_is_not_there_is_said(site, version, said):
    done = site.ctl("do", "settings/shelf/revert", f"version={version}",
                    check=False)
    assert done.returncode == 1 and said in done.stderr


def test_so_many_versions_are_kept_and_no_more(tmp_path):
    with Site(tmp_path, "c") as s:
        link = Link(s)
        for i in range(105):
            assert "kept" in note(link.do("settings/shelf", color=f"c{i}"))
        kept = [int(r["version"])
                for r in rows(link.do("settings/shelf/history"))]
        assert kept == list(range(105, 5, -1))
        s.kill()
        s.start()
        assert [int(v["version"]) for v in s.history()] == kept


# -- two administrators -------------------------------------------------------

def form(link: Link) -> tuple[str, dict]:
    """Begin the command: its session, and what the form is filled with."""
    text = link.say("<iq type='set' id='f' to='localhost'><command xmlns="
                    f"'{NS}' node='settings/shelf' action='execute'/></iq>",
                    "</iq>")
    command = ET.fromstring(text).find(f"{{{NS}}}command")
    x = command.find(f"{DATA}x")
    return command.get("sessionid"), {
        f.get("var"): [v.text or "" for v in f.findall(f"{DATA}value")]
        for f in x.findall(f"{DATA}field") if f.get("var")}


def send(link: Link, session: str, typed: dict) -> ET.Element:
    fields = "".join(
        f"<field var='{name}'>" + "".join(f"<value>{v}</value>" for v in list_)
        + "</field>" for name, list_ in typed.items())
    text = link.say("<iq type='set' id='g' to='localhost'><command xmlns="
                    f"'{NS}' node='settings/shelf' sessionid='{session}' "
                    "action='complete'><x xmlns='jabber:x:data' type='submit'>"
                    f"{fields}</x></command></iq>", "</iq>")
    iq = ET.fromstring(text)
    return iq.find(f"{{{NS}}}command")


def again(command: ET.Element) -> dict:
    """What a client would send when it sends the form once more."""
    return {f.get("var"): [v.text or "" for v in f.findall(f"{DATA}value")]
            for f in command.find(f"{DATA}x").findall(f"{DATA}field")
            if f.get("var")}


def test_a_form_of_an_older_version_is_told_and_kept(site):
    link = Link(site)
    session, mine = form(link)
    site.set("color=blue", "password=theirs")
    mine["color"] = ["green"]
    mine["password"] = ["mine"]
    command = send(link, session, mine)
    assert command.get("status") == "executing"
    text = ET.tostring(command, encoding="unicode")
    assert "Somebody has changed it meanwhile. It is now: blue" in text
    assert "theirs" not in text
    assert site.look()["color"] == "blue"
    mine = again(command)
    assert mine["color"] == ["green"]
    mine["password"] = ["mine"]
    assert send(link, session, mine).get("status") == "completed"
    assert (site.look()["color"], site.look()["password"]) == ("green", "mine")


def test_what_two_change_alike_is_no_conflict(site):
    link = Link(site)
    session, mine = form(link)
    site.set("color=blue")
    mine["color"] = ["blue"]
    mine["size"] = ["12"]
    assert send(link, session, mine).get("status") == "completed"
    assert (site.look()["color"], site.look()["size"]) == ("blue", "12")


def test_a_form_without_a_version_is_taken_as_it_is(site):
    link = Link(site)
    site.set("color=blue")
    answer = link.do("settings/shelf", color="green", size="1", note="")
    assert note(answer) == "The settings are kept."
    answer = link.do("settings/shelf", color="green", nothing="1")
    assert 'The form has no field "nothing".' in ET.tostring(
        answer, encoding="unicode")


def test_the_web_has_the_same_form(tmp_path):
    with WebSite(tmp_path, "c", "--operator", "root@localhost",
                 CONCORDANCE_APPS=os.path.join(BUILD, "apps")) as s:
        s.ctl("adduser", "root", stdin=PASSWORD + "\n")
        cookie = s.log_in("root")
        html = s.browse("/_do/settings/shelf", cookie)[2]
        token = re.search(r'name="version"[^>]* value="([^"]*)"', html)[1]
        assert 'type="password"' in html
        s.set("color=blue")
        status, _, html = s.browse("/_do/settings/shelf", cookie,
                                   color="green", size="10", note="",
                                   password="", version=token)
        assert status == 422 and "It is now: blue" in html
        assert 'value="green"' in html
        token = re.search(r'name="version"[^>]* value="([^"]*)"', html)[1]
        status, _, html = s.browse("/_do/settings/shelf", cookie,
                                   color="green", size="10", note="",
                                   password="", version=token)
        assert status in (200, 303), html
        assert s.look()["color"] == "green"
        html = s.browse("/_do/settings/shelf/history", cookie)[2]
        assert "color: red -&gt; blue" in html and "root@localhost" in html
        status, _, html = s.browse("/_do/settings/shelf/revert", cookie,
                                   version="1")
        assert status in (200, 303)
        assert s.look()["color"] == "blue"
        assert s.browse("/_do/settings/shelf/history")[0] == 303


class WebSite(Site, Panel):
    pass


# -- a new version of the app -------------------------------------------------

@pytest.mark.parametrize("language, reload", UPGRADES)
def test_a_new_version_reads_what_is_kept(tmp_path, language, reload):
    with Site(tmp_path, language) as s:
        s.set("color=blue", "size=12", "note=gone", "password=hush")
        s.renew(SECOND, reload)
        now = s.look()
        assert now["colour"] == "blue" and str(now["size"]) == "12"
        assert now["password"] == "hush" and now["shape"] == "round"
        assert now["lost"] == ""
        assert "shape" in s.ctl("do", "--form", "settings/shelf").stdout
        s.set("shape=square")
        assert s.history()[0]["change"] == "shape: round -> square"
        s.renew(FIRST, reload)  # the old one finds what is its own
        assert s.look()["size"] == "12"
        assert any("setting=shape is kept, and no setting any more" in line
                   for line in s.log)


@pytest.mark.parametrize("language, reload", UPGRADES)
def test_what_does_not_fit_any_more_has_its_default(tmp_path, language,
                                                    reload):
    with Site(tmp_path, language) as s:
        s.set("size=large", "color=blue")
        s.renew(SECOND, reload)
        now = s.look()
        assert str(now["size"]) == "10" and now["colour"] == "blue"
        assert now["lost"] == "lost size=large"  # the app is told
        assert any("app.settings" in line and "large" in line
                   for line in s.log)
        listed = json.loads(s.ctl("do", "--json", "apps").stdout)["table"]
        shelf = next(a for a in listed if a["name"] == "shelf")
        assert shelf["state"] == "running"
        assert "settings do not fit" in shelf["error"]
        link = Link(s)
        text = link.say("<iq type='set' id='f' to='localhost'><command xmlns="
                        f"'{NS}' node='settings/shelf'/></iq>", "</iq>")
        assert 'Kept was "large"' in text.replace("&quot;", '"')
        # the old version, put back, has it again
        s.renew(FIRST, reload)
        assert s.look()["size"] == "large"
        s.renew(SECOND, reload)
        assert s.set() == "The settings are kept."  # taken as it is
        assert s.look()["lost"] == ""
        listed = json.loads(s.ctl("do", "--json", "apps").stdout)["table"]
        assert next(a for a in listed if a["name"] == "shelf")["error"] == ""
        # what does not fit in an older version has its default, too
        s.set("size=11")
        said = s.ctl("do", "settings/shelf/revert", "version=1").stdout
        assert "What did not fit the app any more has its default." in said
        assert str(s.look()["size"]) == "10"


def test_a_form_of_an_older_app_is_told_and_kept(tmp_path):
    with Site(tmp_path, "c") as s:
        link = Link(s)
        session, mine = form(link)
        s.renew(SECOND, True)
        mine["color"] = ["green"]
        mine["note"] = ["typed"]
        command = send(link, session, mine)
        assert command.get("status") == "executing"
        text = ET.tostring(command, encoding="unicode")
        assert "another version of the app" in text
        assert "No settings any more: note" in text
        assert "This is new in the app." in text
        mine = again(command)
        assert mine["colour"] == ["green"] and mine["shape"] == ["round"]
        assert "note" not in mine and "color" not in mine
        assert send(link, session, mine).get("status") == "completed"
        assert s.look()["colour"] == "green"


def test_a_version_without_settings_has_no_commands(tmp_path):
    with Site(tmp_path, "c") as s:
        s.set("color=blue")
        path = os.path.join(s.folder, "plain")
        s.build(FIRST)
        with open(os.path.join(s.folder, "shelf.c"), encoding="utf-8") as f:
            source = f.read().replace(".settings = &settings,", "").replace(
                "static const struct cnc_record settings",
                "const struct cnc_record settings")
        with open(path + ".c", "w", encoding="utf-8") as f:
            f.write(source)
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-I", os.path.join(TOP, "include"),
             "-o", path, path + ".c", os.path.join(
                 BUILD, "src/service/libconcordance.so")],
            check=True, timeout=LIMIT)
        os.replace(path, os.path.join(s.folder, "shelf.so"))
        s.ctl("do", "apps/reload", "name=shelf")
        done = s.ctl("do", "settings/shelf", check=False)
        assert done.returncode == 2 and "no command" in done.stderr
        s.renew(FIRST, True)
        assert s.look()["color"] == "blue"
        # of an app that is stopped, too
        s.ctl("do", "apps/stop", "name=shelf")
        s.set("color=green")
        s.kill()
        s.start()
        assert "green" in s.ctl("do", "--form", "settings/shelf").stdout
        s.ctl("do", "apps/start", "name=shelf")
        assert s.look()["color"] == "green"
