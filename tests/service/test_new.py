# SPDX-License-Identifier: MIT
"""`concordctl new` makes an app that works, here from the build tree."""
import os
import signal
import subprocess
import urllib.parse
import urllib.request

import pytest

from service import BUILD, LIMIT, Service, needs_python

ENV = dict(os.environ)
ENV["PATH"] = os.pathsep.join([f"{BUILD}/src/service", f"{BUILD}/src/ctl",
                               ENV["PATH"]])
ENV["CONCORDANCE_APPS"] = f"{BUILD}/apps"
ENV["PKG_CONFIG_PATH"] = f"{BUILD}/meson-uninstalled"


def run(*words, cwd, env=None):
    return subprocess.run(words, cwd=cwd, env=dict(ENV, **(env or {})),
                          text=True, capture_output=True, timeout=LIMIT)


@pytest.mark.parametrize("lang", ["c", pytest.param("python",
                                                    marks=needs_python)])
def test_a_new_app_passes_its_test(lang, tmp_path):
    made = run("concordctl", "new", "shelf", "--lang", lang, cwd=tmp_path)
    assert made.returncode == 0 and "make check" in made.stdout
    # A build under sanitizers makes no app for a compiler without them.
    extra = {"CFLAGS": "-O1 -fsanitize=address,undefined"} \
        if lang == "c" and "asan" in BUILD else None
    done = run("make", "-s", "check", cwd=tmp_path / "shelf", env=extra)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("lang", ["c", "python"])
def test_the_apps_beside_a_new_one_are_chosen(lang, tmp_path):
    made = run("concordctl", "new", "shelf", "--lang", lang,
               "--apps", "auth wiki=/notes", cwd=tmp_path)
    assert made.returncode == 0 and "/admin" not in made.stdout
    dry = run("make", "-n", "run", cwd=tmp_path / "shelf")
    assert " auth wiki=/notes " in dry.stdout, dry.stdout
    for bad in ["auth;id", "$(id)", "--supervise", "auth --data x"]:
        refused = run("concordctl", "new", "other", "--apps", bad,
                      cwd=tmp_path)
        assert refused.returncode == 2 and bad in refused.stderr
        assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("lang", ["c", pytest.param("python",
                                                    marks=needs_python)])
def test_a_new_site_has_log_in_and_an_admin_panel(lang, tmp_path):
    if "asan" in BUILD:
        pytest.skip("the app is built without the sanitizers")
    run("concordctl", "new", "shelf", "--lang", lang, cwd=tmp_path)
    shelf = tmp_path / "shelf"
    process = subprocess.Popen(
        ["make", "-s", "run", "OPTIONS=--http 127.0.0.1:0"], cwd=shelf,
        env=ENV, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("Ready. Open "), process.stderr.read()
        base = line.split()[-1].rstrip("/")
        made = subprocess.run(["make", "-s", "admin"], cwd=shelf, env=ENV,
                              input="a long pass phrase\n", text=True,
                              capture_output=True, timeout=LIMIT)
        assert made.returncode == 0, made.stderr
        browser = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor())
        form = urllib.parse.urlencode({
            "user": "admin", "password": "a long pass phrase",
            "next": "/admin"}).encode()
        request = urllib.request.Request(base + "/login?do=login", form,
                                         {"Origin": base})
        with browser.open(request, timeout=LIMIT) as answer:
            assert answer.url == base + "/admin"
            assert "<h1>Overview</h1>" in answer.read().decode()
        with browser.open(base + "/", timeout=LIMIT) as answer:
            assert answer.status == 200
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=LIMIT)


def test_what_cannot_be_made_is_said(tmp_path):
    (tmp_path / "shelf").mkdir()
    assert "File exists" in run("concordctl", "new", "shelf",
                                cwd=tmp_path).stderr
    assert "starts with a letter" in run("concordctl", "new", "9",
                                         cwd=tmp_path).stderr
    assert "--lang is c or python" in run(
        "concordctl", "new", "a", "--lang", "perl", cwd=tmp_path).stderr
    done = run("concordctl", "new", "a", cwd=tmp_path,
               env={"CONCORDANCE_SKELETONS": "/nowhere"})
    assert done.returncode == 1 and "/nowhere" in done.stderr
    assert not (tmp_path / "a").exists()


def test_an_empty_file_changes_nothing(tmp_path):
    with Service(data=str(tmp_path)) as s:
        for words in (("template", "put", "bookcase.xsl", "/dev/null"),
                      ("publish", "library", "/dev/null")):
            done = s.ctl(*words, check=False)
            assert done.returncode == 1 and done.stderr.strip()
