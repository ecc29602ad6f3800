# SPDX-License-Identifier: MIT
"""People's files in a backup; and that a service goes on while one is made."""
import os
import re
import subprocess
import threading

import pytest

from service import LIMIT, Service, book, until
from test_backup import CTL, entries, restore
from test_uploads import http, kept, person, put

OPTIONS = ("--allow-plain", "--max-upload", "30000000")


def path(url: str) -> str:
    return url[url.index("/_files/"):]


def file_of(s: Service, url: str) -> str:
    return os.path.join(s.data, "files", re.search("[0-9a-f]{32}", url)[0])


def test_files_come_back_on_another_machine(tmp_path):
    with Service("bookcase-c", *OPTIONS, data=str(tmp_path / "a")) as s:
        c = person(s)
        large = os.urandom(3 * (768 << 10) + 5)
        even = os.urandom(2 * (768 << 10))
        urls = {put(s, c, "large.bin", large): large,
                put(s, c, "even.bin", even): even,
                put(s, c, "é & <b>.txt", b"x", "text/plain"): b"x"}
        s.ctl("publish", "library", book("Emma"), "emma")
        done = s.ctl("backup", str(tmp_path / "all.xml"))
        assert " and 3 files are in " in done.stdout
    data = tmp_path / "elsewhere" / "deep"
    os.mkdir(data.parent)
    done = restore("restore", "--check", tmp_path / "all.xml")
    assert "3 files" in done.stdout
    assert os.listdir(data.parent) == []  # a check makes nothing
    restore("restore", "--data", data, tmp_path / "all.xml")
    assert os.stat(data / "files").st_mode & 0o777 == 0o700
    os.rename(tmp_path / "a", tmp_path / "gone")
    with Service("bookcase-c", *OPTIONS, data=str(data)) as s:
        assert "Emma" in s.page()
        for url, body in urls.items():
            status, head, got = http(s, "GET", path(url))
            assert status == 200 and got == body
        assert head["content-disposition"].endswith("%3Cb%3E.txt")
        assert "juliet@localhost" in s.ctl("do", "uploads").stdout
        assert f"concordance_upload_bytes {len(large) + len(even) + 1}\n" in \
            s.page("/metrics")
        s.ctl("publish", "library", book("After"), "after")


def test_a_backup_of_before_there_were_files_in_it_is_good(tmp_path):
    with Service(data=str(tmp_path / "a")) as s:
        s.ctl("publish", "library", book("Emma"), "emma")
        s.ctl("backup", str(tmp_path / "all.xml"))
    text = (tmp_path / "all.xml").read_text()
    (tmp_path / "old.xml").write_text(
        text.replace('version="2"', 'version="1"', 1))
    restore("restore", "--data", tmp_path / "b", tmp_path / "old.xml")
    assert entries(tmp_path / "b") == entries(tmp_path / "a")


def test_a_file_that_is_gone_or_damaged_is_told_and_the_rest_is_saved(
        tmp_path):
    with Service("bookcase-c", *OPTIONS, data=str(tmp_path / "a")) as s:
        c = person(s)
        lost = put(s, c, "lost.txt", b"lost")
        bad = put(s, c, "bad.txt", b"good")
        good = put(s, c, "good.txt", b"good")
        os.unlink(file_of(s, lost))
        with open(file_of(s, bad), "wb") as f:
            f.write(b"evil")
        done = s.ctl("backup", str(tmp_path / "all.xml"))
        assert "2 files of people could not be read" in done.stderr
        assert sum("backup.file" in line for line in s.log) == 2
    restore("restore", "--data", tmp_path / "b", tmp_path / "all.xml")
    with Service("bookcase-c", *OPTIONS, data=str(tmp_path / "b")) as s:
        assert http(s, "GET", path(good))[2] == b"good"
        assert http(s, "GET", path(lost))[0] == 503


def test_pieces_that_are_not_in_their_place_are_refused(tmp_path):
    with Service("bookcase-c", *OPTIONS, data=str(tmp_path / "a")) as s:
        put(s, person(s), "a.bin", bytes(2 * (768 << 10) + 1))
        s.ctl("backup", str(tmp_path / "all.xml"))
    whole = (tmp_path / "all.xml").read_bytes()
    pieces = re.findall(rb"<file [^\n]*\n", whole)
    assert len(pieces) == 3
    for damage in (whole.replace(pieces[0], b""),
                   whole.replace(pieces[1], b""),
                   whole.replace(pieces[0] + pieces[1],
                                 pieces[1] + pieces[0]),
                   whole.replace(b'<file id="', b'<file id="../x', 1),
                   whole.replace(b'<file id="', b'<file node="a" id="', 1)):
        assert damage != whole
        (tmp_path / "bad.xml").write_bytes(damage)
        done = restore("restore", "--data", tmp_path / "new",
                       tmp_path / "bad.xml", check=False)
        assert done.returncode == 1 and "not in its place" in done.stderr
        assert not (tmp_path / "new").exists()


def test_a_large_file_takes_little_memory(tmp_path):
    with Service("bookcase-c", *OPTIONS, data=str(tmp_path / "a")) as s:
        put(s, person(s), "a.bin", bytes(25000000))

        def most():
            with open(f"/proc/{s.process.pid}/status", encoding="utf-8") as f:
                return int(re.search(r"VmHWM:\s+(\d+)", f.read())[1])
        before = most()
        s.ctl("backup", str(tmp_path / "all.xml"))
        assert most() - before < 8000, "kB more"


# -- meanwhile ----------------------------------------------------------------

@pytest.fixture
def held(tmp_path):
    """(service, a backup that waits for one file, how to let it go on)."""
    with Service("bookcase-c", *OPTIONS, data=str(tmp_path / "a")) as s:
        c = person(s)
        url = put(s, c, "slow.txt", b"slow")
        s.ctl("publish", "library", book("Before"), "before")
        pipe = file_of(s, url)
        os.unlink(pipe)
        os.mkfifo(pipe)
        child = subprocess.Popen(
            [CTL, "--link", s.link, "backup", str(tmp_path / "all.xml")],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(child.stderr),
                                  daemon=True)
        reader.start()

        def go_on():
            with open(pipe, "wb") as f:
                f.write(b"slow")
            assert child.wait(LIMIT) == 0
            reader.join(LIMIT)
            return child.stdout.read()
        until("it has begun", lambda: any(n.endswith(".part")
                                          for n in os.listdir(s.data)))
        yield s, child, lines, go_on, url
        child.stdout.close()


def test_publishes_are_acknowledged_while_a_backup_is_made(held, tmp_path):
    s, child, _, go_on, url = held
    # The moment of the backup is past: keys come before items.
    for n in range(20):
        s.ctl("publish", "library", book(f"Meanwhile {n}"), f"m{n}")
    s.ctl("adduser", "anna", stdin="R0saline-1\n")
    assert "Meanwhile 19" in s.page()
    assert child.poll() is None
    assert "1 files are in" in go_on()
    restore("restore", "--data", tmp_path / "b", tmp_path / "all.xml")
    with Service("bookcase-c", *OPTIONS, data=str(tmp_path / "b")) as again:
        assert "Before" in again.page() and "Meanwhile" not in again.page()
        assert "anna" not in again.ctl("users").stdout
        assert http(again, "GET", path(url))[2] == b"slow"
    assert "Meanwhile 19" in s.page()


def test_whoever_asked_is_told_how_far_it_is(held):
    s, child, lines, go_on, _ = held
    until("it says so twice", lambda: len(lines) >= 2)
    assert re.fullmatch(r"\d+ entries, 0 files, \d+ MB\n", lines[1])
    assert child.poll() is None
    go_on()


def test_there_is_one_backup_at_a_time(held):
    s, _, _, go_on, url = held
    done = s.ctl("do", "backup", check=False)
    assert done.returncode == 1 and "being made already" in done.stderr
    go_on()
    os.unlink(file_of(s, url))
    assert "entries" in s.ctl("do", "backup").stdout


def test_a_file_that_is_deleted_meanwhile_is_in_the_backup(held, tmp_path):
    s, _, _, go_on, url = held
    one = re.search("[0-9a-f]{32}", url)[0]
    s.ctl("do", "uploads/delete", f"id={one}")
    assert http(s, "GET", url)[0] == 404
    assert kept(s) == [one]
    assert "1 files are in" in go_on()
    until("then it goes", lambda: not kept(s))
    restore("restore", "--data", tmp_path / "b", tmp_path / "all.xml")
    assert (tmp_path / "b" / "files" / one).read_bytes() == b"slow"
