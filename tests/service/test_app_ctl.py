# SPDX-License-Identifier: MIT
"""`concordctl app`: the apps of a running service from a terminal."""
from __future__ import annotations

import json
import os
import subprocess

import pytest

from service import BUILD, HAS_PYTHON, LIMIT, TOP
from test_needs import Apps, build
from test_settings import FIRST, SECOND, Site

pytestmark = pytest.mark.skipif(
    not HAS_PYTHON, reason="the apps are built without the sanitizers")


def app(service, *words: str):
    done = service.ctl("app", *words, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def apps(tmp_path):
    build(tmp_path, "base", version="1.2")
    build(tmp_path, "wiki", "base")
    build(tmp_path, "office", "wiki", suite=True)
    with Apps(tmp_path, "base") as s:
        yield s


def test_apps_are_listed_as_a_table(apps):
    status, said, _ = app(apps, "list")
    head, row = said.splitlines()
    assert status == 0
    assert head.split() == ["NAME", "STATE", "VERSION", "NEEDS", "ITEMS",
                            "MEMORY", "ITEMS/S", "FAULTS", "ERROR"]
    assert row.split() == ["base", "running", "1.2", "-", "0", "0", "B",
                           "0.00", "0", "-"]
    assert head.index("STATE") == row.index("running")
    listed = json.loads(app(apps, "list", "--json")[1])
    assert listed[0]["name"] == "base" and listed[0]["threads"] == "0"


def test_an_app_is_added_disabled_enabled_reloaded_and_removed(apps):
    assert app(apps, "add", "wiki", "/w")[:2] == (
        0, "wiki is there and runs.\n")
    assert app(apps, "disable", "base")[1] == \
        "base is stopped. Stopped with it: wiki.\n"
    assert app(apps, "enable", "base", "wiki")[1] == \
        "base runs.\nwiki runs.\n"
    build(apps.folder, "base", version="1.3")
    assert app(apps, "reload", "base")[1] == "base runs in its new version.\n"
    assert " 1.3 " in app(apps, "list")[1]
    assert app(apps, "remove", "wiki")[0] == 0
    assert "wiki" not in app(apps, "list")[1]


def test_a_suite_goes_with_its_members(apps):
    assert app(apps, "add", "office")[0] == 0
    status, said, _ = app(apps, "disable", "--whole", "office")
    assert status == 0 and said == "Stopped: office, wiki, base.\n" or \
        sorted(said[9:-2].split(", ")) == ["base", "office", "wiki"]
    assert apps.running() == []
    assert app(apps, "enable", "office")[0] == 0
    assert apps.running() == ["base", "office", "wiki"]


@pytest.mark.parametrize("words, status, said", [
    (["lst"], 2, "there is no `app lst`. Did you mean list?"),
    (["enable"], 2, "Usage: concordctl app enable NAME..."),
    (["enable", "bass"], 1, "there is no app bass. Did you mean base?"),
    (["enable", "never"], 1, "`concordctl app add never` adds it"),
    (["list", "--whole"], 2, "there is no option --whole here."),
    (["add", "nowhere"], 1, "a module by its path: "),
    (["configure", "base"], 1, "base has no settings."),
    (["configure", "nobody"], 1, "there is no app nobody."),
    (["configure", "base", "--revert"], 2, "--revert which version?"),
    (["configure", "base", "x=1", "--history"], 2, "Usage: "),
])
def test_what_cannot_be_says_what_to_do(apps, words, status, said):
    done = app(apps, *words)
    assert done[0] == status and said in done[2]


def test_one_that_is_needed_stays(apps):
    app(apps, "add", "wiki")
    status, _, said = app(apps, "remove", "base")
    assert status == 1 and 'app "wiki" needs "base": remove that first' in said
    assert "`concordctl app list` says who needs what" in said


def test_one_that_refuses_is_said(apps):
    build(apps.folder, "never", start='cnc_refuse(r, NULL, "Not now.")')
    status, _, said = app(apps, "add", "never")
    assert status == 1 and "Not now." in said and "nothing was added" in said


def test_help_teaches_without_a_service(apps, tmp_path):
    for words in (["--help"], ["list", "--help"], ["configure", "--help"]):
        status, said, _ = app(apps, *words)
        assert status == 0 and "configure NAME --revert N" in said
        assert "concordctl app configure auth sign-up=open" in said
    assert app(apps)[0] == 2


def test_settings_are_shown_changed_and_taken_back(tmp_path):
    with Site(tmp_path, "c") as s:
        status, said, _ = app(s, "configure", "shelf")
        assert status == 0 and "Usage: concordctl app configure shelf" in said
        assert "color" in said and "[red]" in said
        assert app(s, "configure", "shelf", "color=blue", "password:=-x")[1] \
            == "The settings are kept.\n"
        said = app(s, "configure", "shelf")[1]
        assert "[blue]" in said and "-x" not in said
        said = app(s, "configure", "shelf", "--history")[1]
        assert "color: red -> blue; password changed" in said
        assert json.loads(app(s, "configure", "shelf", "--history", "--json")
                          [1])["table"][0]["version"] == "1"
        assert app(s, "configure", "shelf", "--revert", "0")[0] == 0
        assert "[red]" in app(s, "configure", "shelf")[1]
        status, _, said = app(s, "configure", "shelf", "--revert", "9")
        assert status == 1 and "There is no version 9" in said
        status, _, said = app(s, "configure", "shelf", "colr=x")
        assert status == 2 and "Did you mean color?" in said
        s.renew(SECOND, True)
        status, _, said = app(s, "configure", "shelf", "size=large")
        assert status == 1 and "size: " in said
        assert "nothing was changed" in said
        s.renew(FIRST, True)


@pytest.mark.parametrize("line, said", [
    ("concordctl ap", {"app"}),
    ("concordctl app en", {"enable"}),
    ("concordctl --link %s app enable ", {"shelf"}),
    ("concordctl --link %s app disable sh", {"shelf"}),
    ("concordctl --link %s app configure shelf co", {"color="}),
    ("concordctl --link %s app configure shelf kind=", {"a", "b"}),
    ("concordctl --link %s app configure shelf --h", {"--history"}),
])
def test_bash_completes_names_fields_and_choices(tmp_path, line, said):
    fields = FIRST[1] + """, {"kind", "Kind", CNC_FIELD_LIST,
        .options = CNC_OPTIONS({"a"}, {"b"})}"""
    with Site(tmp_path, "c") as s:
        s.renew(("1", fields, ""), True)
        line = line.replace("%s", s.link)
        script = os.path.join(TOP, "src/ctl/concordctl.bash")
        done = subprocess.run(
            ["bash", "-c", f'source {script}; COMP_LINE=$1; '
             'COMP_POINT=${#1}; _concordctl; printf "%s\\n" '
             '"${COMPREPLY[@]}"', "bash", line],
            text=True, capture_output=True, timeout=LIMIT, env=dict(
                os.environ, PATH=os.path.join(BUILD, "src/ctl") + ":"
                + os.environ["PATH"]))
        assert set(done.stdout.split()) == said, done.stderr
