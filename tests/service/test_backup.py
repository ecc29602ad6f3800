# SPDX-License-Identifier: MIT
"""All that a domain keeps as one file, and back."""
import os
import re
import signal
import sqlite3
import subprocess
import sys

import pytest

from service import BUILD, LIMIT, Service, book, until
from wire import Client

CTL = os.path.join(BUILD, "src/ctl/concordctl")
# Log-ins are left out; that somebody made a backup is written down after it.
LEFT = {"key": "space NOT IN ('weblogin', 'token', 'onetime')",
        "item": "node <> 'service/audit'", "history": "node <> 'service/audit'",
        "node": "true"}


def entries(data) -> dict:
    """Every row of the store that a backup has, by table."""
    [name] = [n for n in os.listdir(data) if n.endswith(".db")]
    with sqlite3.connect(os.path.join(data, name)) as db:
        return {table: sorted(db.execute(
            f"SELECT * FROM {table} WHERE {which}"))
            for table, which in LEFT.items()}


def restore(*words, check=True):
    done = subprocess.run([CTL, *map(str, words)], capture_output=True,
                          text=True, timeout=LIMIT * 10)
    if check:
        assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(file, data): a backup and the folder that it is of."""
    folder = tmp_path_factory.mktemp("backup")
    with Service(data=str(folder / "data")) as s:
        s.ctl("adduser", "anna", stdin="R0saline-1\n")
        s.ctl("do", "roles/set", "jid=anna@localhost", "role=staff")
        s.ctl("publish", "library", book("A & <b> \"'é\U0001f4da"), "one")
        s.ctl("publish", "library", book("Gone"), 'a "<&>\' b')
        s.ctl("publish", "library", book("Again"), "one")
        s.ctl("retract", "library", 'a "<&>\' b')
        for n in range(30):
            s.ctl("publish", "library", book(f"N{n}"), f"n{n}")
        done = s.ctl("backup", str(folder / "all.xml"))
        assert re.match(r"\d+ entries and 0 files are in ", done.stdout)
        # Nothing of it lies about, and only the owner reads it.
        assert not [n for n in os.listdir(s.data) if n.startswith("backup")]
        assert os.stat(folder / "all.xml").st_mode & 0o777 == 0o600
    # What no XML can hold, and log-ins, which are left out.
    [name] = [n for n in os.listdir(folder / "data") if n.endswith(".db")]
    with sqlite3.connect(folder / "data" / name) as db:
        db.execute("INSERT INTO key VALUES ('vcard', 'x', 7, ?)",
                   (bytes(range(256)),))
        db.execute("INSERT INTO key VALUES ('private', ?, 8, ?)",
                   ("a\x01\tb", b"\r\n\t x"))
        db.execute("INSERT INTO key VALUES ('token', 'x', 9, x'41')")
    with Service(data=str(folder / "data")) as s:
        os.unlink(folder / "all.xml")
        s.ctl("backup", str(folder / "all.xml"))
    return folder / "all.xml", folder / "data"


def test_what_comes_back_is_what_there_was_entry_by_entry(saved, tmp_path):
    file, data = saved
    done = restore("restore", "--data", tmp_path / "new", file)
    assert "is a backup of localhost of 20" in done.stdout
    assert entries(tmp_path / "new") == entries(data)
    assert ">NA==<" not in file.read_text() and "token" not in file.read_text()
    with Service(data=str(tmp_path / "new")) as s:
        assert "Again" in s.page() and "N29" in s.page()
        client = Client(s.port)
        versions = client.ping()
        assert versions.get("type") == "result"
        assert "anna@localhost" in s.ctl("do", "roles").stdout
        assert "anna" in s.ctl("users").stdout
        s.ctl("publish", "library", book("After"), "after")


def test_a_backup_goes_to_standard_output_too(saved, tmp_path):
    with Service(data=str(tmp_path / "data")) as s:
        s.ctl("publish", "library", book("Emma"), "emma")
        text = s.ctl("backup").stdout
        assert text.startswith("<?xml") and text.endswith("</backup>\n")
        (tmp_path / "b.xml").write_text(text)
        assert "whole" in restore("restore", "--check",
                                  tmp_path / "b.xml").stdout
        done = s.ctl("backup", str(tmp_path / "b.xml"), check=False)
        assert done.returncode == 1 and "is there already" in done.stderr


def test_a_cut_or_changed_file_is_refused_before_anything_is_changed(
        saved, tmp_path):
    whole = saved[0].read_bytes()
    bad = tmp_path / "bad.xml"
    for damage, says in (
            (whole[:len(whole) // 2], "cut short"),
            (whole[:whole.rindex(b"<end")], "cut short"),
            (whole.replace(b"N17", b"N71", 1), "checksum"),
            (whole.replace(b'domain="localhost"', b'domain="other"', 1),
             "checksum"),
            (re.sub(rb"<item [^\n]*N17[^\n]*\n", b"", whole, 1), "checksum"),
            (whole.replace(b"<item ", b"<thing ", 1), "no backup"),
            (whole.replace(b'version="2"', b'version="3"', 1), "newer"),
            (whole.replace(b'version="2"', b'version="x"', 1), "no backup"),
            (whole.replace(b"base64\">", b"base64\">!", 1), "damaged"),
            (b"<html/>", "no backup"), (b"", "cut short")):
        assert damage != whole
        bad.write_bytes(damage)
        for words in (["--check"], ["--data", str(tmp_path / "new")]):
            done = restore("restore", *words, bad, check=False)
            assert done.returncode == 1 and says in done.stderr, done.stderr
        assert os.listdir(tmp_path) == ["bad.xml"]


def test_a_backup_of_another_domain_is_refused(saved, tmp_path):
    done = restore("--domain", "books.example", "restore", "--data",
                   tmp_path / "new", saved[0], check=False)
    assert done.returncode == 1
    assert "of localhost, not of books.example" in done.stderr
    assert os.listdir(tmp_path) == []
    restore("--domain", "localhost", "restore", "--data", tmp_path / "new",
            saved[0])


def test_a_folder_in_use_is_refused_and_what_was_there_is_kept(saved,
                                                               tmp_path):
    data = tmp_path / "data"
    with Service(data=str(data)) as s:
        s.ctl("publish", "library", book("Before"), "before")
        for words in ([], ["--force"]):
            done = restore("restore", "--data", data, *words, saved[0],
                           check=False)
            assert done.returncode == 1
            assert "a service runs on" in done.stderr
        assert "Before" in s.page()
    before = entries(data)
    done = restore("restore", "--data", data, saved[0], check=False)
    assert done.returncode == 1 and "is not empty" in done.stderr
    restore("restore", "--force", "--data", data, saved[0])
    assert entries(data) == entries(saved[1])
    assert entries(f"{data}.before-restore") == before
    done = restore("restore", "--force", "--data", data, saved[0],
                   check=False)
    assert "from the last time" in done.stderr
    assert entries(f"{data}.before-restore") == before


def test_memory_has_nothing_to_save(tmp_path):
    with Service(store="memory", data=str(tmp_path)) as s:
        done = s.ctl("backup", str(tmp_path / "x.xml"), check=False)
        assert done.returncode == 1 and "keeps nothing" in done.stderr
        assert not (tmp_path / "x.xml").exists()


MANY = int(os.environ.get("BACKUP_ITEMS", "60000"))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A backup of MANY items, written as the service would."""
    folder = tmp_path_factory.mktemp("large")
    with Service(data=str(folder / "data")) as s:
        s.ctl("publish", "library", book("First"), "first")
    [name] = [n for n in os.listdir(folder / "data") if n.endswith(".db")]
    with sqlite3.connect(folder / "data" / name) as db:
        db.executemany(
            "INSERT INTO item VALUES ('library', ?, ?, ?, 1700000000000, "
            "'', ?)", ((f"m{n}", n + 100, n + 100,
                        book(f"Title {n}").encode()) for n in range(MANY)))
        db.execute("UPDATE node SET seq = ? WHERE node = 'library'",
                   (MANY + 200,))
    return folder


def test_many_items_take_little_memory(large, tmp_path):
    file = tmp_path / "many.xml"
    with Service(data=str(large / "data")) as s:
        def rss():
            with open(f"/proc/{s.process.pid}/status",
                      encoding="utf-8") as f:
                return int(re.search(r"VmHWM:\s+(\d+)", f.read())[1])
        before = rss()
        s.ctl("backup", str(file))
        assert rss() - before < 16000, "kB more"
        assert s.get("/healthz")[0] == 200
    size = os.path.getsize(file)
    assert size > MANY * 100
    # What a process had before exec counts as its own, and this one is large:
    # a small one in between.
    done = subprocess.run(
        [sys.executable, "-c",
         "import resource, subprocess, sys\n"
         "subprocess.run(sys.argv[1:], check=True,"
         " stdout=subprocess.DEVNULL)\n"
         "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
         CTL, "restore", "--data", str(tmp_path / "new"), str(file)],
        text=True, capture_output=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 60000, f"{done.stdout} kB for {size} bytes"
    assert entries(tmp_path / "new") == entries(large / "data")


def test_a_restore_that_is_killed_has_changed_nothing(large, tmp_path):
    file, data = tmp_path / "many.xml", tmp_path / "new"
    with Service(data=str(large / "data")) as s:
        s.ctl("backup", str(file))
    child = subprocess.Popen([CTL, "restore", "--data", str(data), str(file)],
                             stdout=subprocess.DEVNULL)
    made = tmp_path / "new.restoring"
    until("it has begun", made.exists)
    child.send_signal(signal.SIGKILL)
    assert child.wait(LIMIT) == -signal.SIGKILL
    assert not data.exists()
    # And once more, over what that one left.
    restore("restore", "--data", data, file)
    assert entries(data) == entries(large / "data")
    assert not made.exists()
