# SPDX-License-Identifier: MIT
"""What is installed for a machine: units that systemd takes, with little that
they may; log rotation; an example that is a good file."""
import os
import re
import shutil
import subprocess

import pytest

from service import BUILD, LIMIT, TOP

DIST = os.path.join(BUILD, "dist")
DAEMON = os.path.join(BUILD, "src/service/concordanced")
UNITS = sorted(f for f in os.listdir(DIST)
               if f.endswith((".service", ".socket")))
SERVICES = [u for u in UNITS if u.endswith(".service")]


def run(*words, **more):
    return subprocess.run(words, text=True, capture_output=True,
                          timeout=LIMIT, **more)


@pytest.mark.parametrize("unit", SERVICES)
def test_a_unit_may_little(unit):
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager",
               os.path.join(DIST, unit))
    exposure = float(re.search(r"exposure level for \S+: ([0-9.]+)",
                               done.stdout)[1])
    assert exposure < 2.0, done.stdout
    assert "Unknown" not in done.stderr, done.stderr


@pytest.mark.parametrize("unit", SERVICES)
def test_a_unit_is_started_again_however_often_it_fails(unit):
    """systemd would give up after five times in ten seconds, and its sockets
    with it."""
    with open(os.path.join(DIST, unit), encoding="utf-8") as f:
        text = f.read()
    head, body = text.split("[Service]\n")
    assert "\nStartLimitIntervalSec=0\n" in head
    assert re.search(r"^Restart=(on-failure|always)$", body, re.M)
    assert re.search(r"^RestartSec=[1-9]", body, re.M)


def test_systemd_understands_every_line_of_every_unit(tmp_path):
    """The programs are where they were built."""
    place = {"concordanced": "src/service", "concordctl": "src/ctl",
             "concordance-fcgi": "src/fcgi"}
    for unit in UNITS:
        with open(os.path.join(DIST, unit), encoding="utf-8") as f:
            text = re.sub(r"/\S*/bin/(concordanced|concordctl|concordance-fcgi)"
                          r"\b", lambda m: os.path.join(
                              BUILD, place[m[1]], m[1]), f.read())
        (tmp_path / unit).write_text(text)
    done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
               *(str(tmp_path / unit) for unit in UNITS),
               env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
    said = [line for line in done.stderr.splitlines()
            if str(tmp_path) in line or "concordance" in line]
    assert not said, done.stderr


def test_logs_are_rotated_and_none_is_lost(tmp_path):
    if shutil.which("logrotate") is None:
        pytest.skip("there is no logrotate")
    logs = tmp_path / "log"
    logs.mkdir()
    (logs / "concordance.log").write_text("one line\n")
    with open(os.path.join(TOP, "dist/concordance.logrotate"),
              encoding="utf-8") as f:
        text = f.read()
    assert "systemctl kill" in text
    text = (text.replace("/var/log/concordance", str(logs))
            .replace("    su concordance concordance\n", ""))
    text = re.sub(r"systemctl kill.*", f"echo hup >>{tmp_path}/told", text)
    (tmp_path / "conf").write_text(text)
    os.chmod(tmp_path / "conf", 0o644)
    done = run("/usr/sbin/logrotate" if os.path.exists("/usr/sbin/logrotate")
               else "logrotate", "--force", "--state", str(tmp_path / "state"),
               str(tmp_path / "conf"))
    assert done.returncode == 0, done.stderr
    assert (logs / "concordance.log.1").read_text() == "one line\n"
    assert not (logs / "concordance.log").exists()  # the service makes it
    assert (tmp_path / "told").read_text() == "hup\n"


def test_the_installed_example_is_a_good_file_with_the_units_folders(tmp_path):
    with open(os.path.join(DIST, "concordance.conf"), encoding="utf-8") as f:
        text = f.read()
    set_ = dict(re.findall(r"^([a-z-]+) = (.*)$", text, re.M))
    assert set_ == {"data": "/var/lib/concordance",
                    "www": "/var/cache/concordance/www",
                    "link": "/run/concordance/link"}
    with open(os.path.join(DIST, "concordance.service"),
              encoding="utf-8") as f:
        unit = f.read()
    for kind in "State", "Cache", "Runtime", "Logs":
        assert f"{kind}Directory=concordance\n" in unit
    assert f"--link {set_['link']} reload" in unit
    path = tmp_path / "c.conf"
    path.write_text(text + "app = " + os.path.join(
        BUILD, "examples/bookcase-c/bookcase.so") + "\n")
    done = run(DAEMON, "--config", str(path), "--check")
    assert done.returncode == 0, done.stderr


def test_the_journal_gets_priorities(tmp_path):
    """stderr is what JOURNAL_STREAM names: here, a file."""
    with open(tmp_path / "journal", "w+", encoding="utf-8") as f:
        st = os.fstat(f.fileno())
        process = subprocess.Popen(
            [DAEMON, "--http=127.0.0.1:0", "--data", str(tmp_path / "data"),
             "--files", os.path.join(TOP, "examples/bookcase-c"),
             os.path.join(BUILD, "examples/bookcase-c/bookcase.so")],
            stderr=f, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"})
        assert process.stdout.readline().startswith("Ready")
        process.terminate()
        assert process.wait(LIMIT) == 0
        process.stdout.close()
    lines = (tmp_path / "journal").read_text().splitlines()
    assert lines and all(re.match(r"<[3467]>(debug|info|warn|error) ", line)
                         for line in lines), lines
    assert any(line.startswith("<6>info service.ready ") for line in lines)


# -- docs/deploy.md -----------------------------------------------------------

def blocks(kind: str) -> list[str]:
    with open(os.path.join(TOP, "docs/deploy.md"), encoding="utf-8") as f:
        return re.findall(rf"^```{kind}\n(.*?)^```$", f.read(), re.M | re.S)


def test_every_block_of_the_document_is_a_script_of_units_that_there_are():
    scripts = blocks("sh")
    assert len(scripts) > 15
    for script in scripts:
        done = run("sh", "-n", input=script)
        assert done.returncode == 0, script + done.stderr
    named = set(re.findall(r"\bconcordance[-a-z0-9]*\.(?:service|socket)\b",
                           "".join(scripts)))
    assert "concordance.socket" in named
    missing = {unit for unit in named - set(UNITS) if "-fcgi" not in unit}
    assert not missing  # FastCGI's are there where its library is


def test_every_line_of_the_documents_configuration_may_stand_where_it_says(
        tmp_path):
    """The file that the document writes, and its other lines above it."""
    cert, key = str(tmp_path / "cert"), str(tmp_path / "key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=books.example", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    file = re.search(r"concordance\.conf <<'IN'\n(.*?)^IN$",
                     "".join(blocks("sh")), re.M | re.S)[1]
    lines = blocks("ini")
    assert len(lines) >= 4
    text = "".join(lines) + file
    for there, here in (
            ("/etc/concordance/books.example.crt", cert),
            ("/etc/concordance/books.example.key", key),
            ("/srv/shelf/shelf.so",
             os.path.join(BUILD, "examples/bookcase-c/bookcase.so"))):
        assert there in text
        text = text.replace(there, here)
    path = tmp_path / "c.conf"
    path.write_text(text)
    done = run(DAEMON, "--config", str(path), "--check")
    assert done.returncode == 0, done.stderr
