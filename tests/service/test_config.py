# SPDX-License-Identifier: MIT
"""The configuration file: the same options by the same names, and a clear word
with the line for what it cannot be."""
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from service import BUILD, LIMIT, TOP, needs_python

DAEMON = os.path.join(BUILD, "src/service/concordanced")
MODULE = os.path.join(BUILD, "examples/bookcase-c/bookcase.so")
FILES = os.path.join(TOP, "examples/bookcase-c")


def daemon(*words, **more):
    return subprocess.run([DAEMON, *words], text=True, capture_output=True,
                          timeout=LIMIT, **more)


def write(tmp_path, text, name="c.conf"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


class Served:
    """Any command line until it says where its page is."""

    def __init__(self, *argv, env=None, cwd=None):
        self.process = subprocess.Popen(
            argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})}, cwd=cwd)
        line = self.process.stdout.readline()
        assert line.startswith("Ready. Open "), self.process.stderr.read()
        port = urllib.parse.urlsplit(line.split()[-1]).port
        self.url = f"http://127.0.0.1:{port}/"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        self.log = self.process.communicate(timeout=LIMIT)[1]
        assert exc[0] or self.process.returncode == 0, self.log

    def get(self, path="", host=None):
        request = urllib.request.Request(self.url + path)
        if host:
            request.add_header("Host", host)
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return answer.read().decode()


@pytest.mark.parametrize("text, said", [
    ("http *:1", "c.conf:1: a line is NAME = VALUE"),
    ("# one\n\nhtpt = *:1", 'c.conf:3: there is no option "htpt"; '
                            "`concordanced --config-help` lists them"),
    ("renders = many", 'c.conf:1: renders needs a number from 1 to 64, '
                       '"many" is none'),
    ("origin = books.example", "c.conf:1: origin is a page's scheme"),
    ("log-level = loud", "c.conf:1: log-level is debug, info, warn or error"),
    ("http = a:1\nhttp = b:1", "c.conf:2: http stands in line 1 already"),
    ("http =", "c.conf:1: http needs a value"),
    ("registration = on", 'c.conf:1: registration is yes or no, not "on"'),
    ("registration = yes\n[domain a.example]\nregistration = no",
     "c.conf:3: line 1 says registration = yes for all domains"),
    ("[domain a.example]\nhttp = *:1",
     "c.conf:2: http is for the whole process"),
    ("[domains]", "c.conf:1: there are no such sections"),
    ("[domain a.example", "c.conf:1: the ] is missing"),
    ("[domain a@b]", "c.conf:1: domain is a host's name"),
    ("[domain a.example]\n[domain A.example]",
     "c.conf:2: the domain A.example began in line 1 already"),
    ("app = auth\n[domain a.example]",
     "c.conf:2: the app of line 1 stands before the first domain"),
    ("app = --http", 'c.conf:1: "--http" is no app'),
    ("config = x", "c.conf:1: config is for the command line"),
    ("http = *:1 # mine", "c.conf:1: a comment has a line of its own"),
    ('http = "*:1', "c.conf:1: a value in quotes ends with one"),
    (b"http = \xff", "c.conf:1: the line is not UTF-8"),
    (b"data = a\0b", "c.conf:1: the line has a byte that is no text (0x00)"),
    ("data = " + "x" * 5000, "c.conf:1: the line is longer than 4096 bytes"),
    ("http = *:1", "c.conf names no app: a line such as app ="),
])
def test_a_wrong_line_is_named_with_its_file_and_line(tmp_path, text, said):
    run = daemon("--config", write(tmp_path, text), "--check")
    assert (run.returncode, run.stdout) == (2, "")
    assert said in run.stderr
    assert run.stderr.startswith("concordanced: ")
    assert run.stderr.count("\n") == 1


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    run = daemon("--config", write(tmp_path, "#" * (1 << 20) + "\n"))
    assert run.returncode == 2
    assert "has more than 1048576 bytes" in run.stderr


@pytest.mark.parametrize("words, said", [
    (["--config"], "--config needs a file's name"),
    (["--config=/nowhere"], "cannot read the configuration file /nowhere: "
                            "No such file"),
    (["--config=/"], "cannot read the configuration file /: Is a directory"),
    (["--config=a", "--config=b"], "--config is there twice"),
])
def test_a_file_that_cannot_be_read_is_named(words, said):
    run = daemon(*words)
    assert run.returncode == 2
    assert said in run.stderr


def test_check_judges_what_a_line_alone_cannot_say(tmp_path):
    for text, said in [
            ("tls-cert = x\n", "--tls-cert and --tls-key go together"),
            ("tls-cert = /nowhere\ntls-key = /nowhere\n",
             "cannot read the certificate /nowhere"),
            ("store = tape\n", 'there is no store "tape"'),
            ("operator = a@elsewhere\n", "--operator is an account")]:
        path = write(tmp_path, f"{text}app = {MODULE}\n")
        run = daemon("--config", path, "--check")
        assert run.returncode == 1, text
        assert said in run.stderr
    run = daemon("--config", write(tmp_path, "app = /nowhere.so\n"), "--check")
    assert run.returncode == 1
    assert "/nowhere.so" in run.stderr


def test_check_starts_nothing(tmp_path):
    path = write(tmp_path, f"data = {tmp_path}/kept\nhttp = 127.0.0.1:0\n"
                           f"app = {MODULE}\n")
    run = daemon("--config", path, "--check")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"{path} is good: 1 app.\n"
    assert not (tmp_path / "kept").exists()


def test_the_example_has_every_option_of_the_help_and_is_a_good_file(tmp_path):
    example = daemon("--config-help").stdout
    names = set(re.findall(r"^  --([a-z0-9-]+)", daemon("--help").stdout, re.M))
    front = {"config", "config-help", "check", "help", "version"}
    named = set(re.findall(r"^#([a-z0-9-]+) = ", example, re.M)) - {"app"}
    assert named == names - front - {"domain"}
    assert "#[domain books.example]" in example
    assert max(map(len, example.splitlines())) <= 79
    manual = open(os.path.join(TOP, "man/concordanced.1"),
                  encoding="utf-8").read()
    for name in names - {"help", "version"}:
        assert re.search(rf"Fl Fl {name}\b", manual), name
    # As it is, and with every line taken at its word.
    run = daemon("--config", write(tmp_path, example), "--check", MODULE)
    assert run.returncode == 0, run.stderr
    lines = re.sub(r"^#(?=[a-z0-9-]+ = |\[)", "", example, flags=re.M)
    run = daemon("--config", write(tmp_path, lines), "--check")
    assert run.returncode == 1
    assert ".conf:" not in run.stderr


def test_a_service_of_a_file_alone_with_two_domains(tmp_path):
    path = write(tmp_path, f"""\
# two of them
http = 127.0.0.1:0
data = {tmp_path}/kept
store = memory
files = {FILES}

[domain one.example]
app = {MODULE}=/left
contact = "mailto:a#b@one.example"

[ domain two.example ]\r
app = {MODULE}=/right
""")
    with Served(DAEMON, "--config", path) as s:
        assert "My Bookcase" in s.get("left", "one.example")
        assert "My Bookcase" in s.get("right", "two.example")
        with pytest.raises(urllib.error.HTTPError):
            s.get("right", "one.example")


def test_the_command_line_overrules_the_file(tmp_path):
    path = write(tmp_path, f"""\
http = 127.0.0.1:1
data = {tmp_path}/not-here
store = memory
[domain books.example]
data = {tmp_path}/nor-here
files = {FILES}
app = /nowhere/app.so
""")
    data = tmp_path / "here"
    with Served(DAEMON, "--http=127.0.0.1:0", "--data", str(data), "--config",
                path, MODULE) as s:
        assert "My Bookcase" in s.get(host="books.example")
        assert data.exists()
        assert not (tmp_path / "not-here").exists()
        assert not (tmp_path / "nor-here").exists()
    run = daemon("--config", path, "--check", "--domain", "a.example", MODULE)
    assert run.returncode == 0, run.stderr
    more = path + "2"
    with open(path, encoding="utf-8") as f, open(more, "w") as g:
        g.write(f.read() + "[domain other.example]\n")
    run = daemon("--config", more, "--check", MODULE)
    assert run.returncode == 2
    assert "comes after its own --domain" in run.stderr


@needs_python
def test_python_serves_a_file(tmp_path):
    path = write(tmp_path, f"""\
http = 127.0.0.1:0
data = {tmp_path}/kept
store = memory
app = mybookcase:MyBookcase
""")
    folder = os.path.join(TOP, "examples/bookcase-python")
    argv = ["/usr/bin/python3", "-m", "concordance", "run", "--config", path]
    checked = subprocess.run([*argv, "--check"], cwd=folder, text=True,
                             capture_output=True, timeout=LIMIT)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout == "The configuration is good: 1 app.\n"
    assert not (tmp_path / "kept").exists()
    with Served(*argv, cwd=folder) as s:
        assert "My Bookcase" in s.get()
    wrong = write(tmp_path, "nonsense = 1\n", "wrong.conf")
    run = subprocess.run([*argv[:-1], wrong], text=True, capture_output=True,
                         timeout=LIMIT)
    assert run.returncode == 2
    assert "wrong.conf:1: there is no option" in run.stderr
    run = daemon("--config", path)
    assert run.returncode == 1
    assert "python3 -m concordance run" in run.stderr
