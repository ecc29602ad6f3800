# SPDX-License-Identifier: MIT
"""`concordctl new` makes an app that works, here from the build tree."""
import os
import subprocess

import pytest

from service import BUILD, LIMIT, Service, needs_python

ENV = dict(os.environ)
ENV["PATH"] = os.pathsep.join([f"{BUILD}/src/service", f"{BUILD}/src/ctl",
                               ENV["PATH"]])
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
