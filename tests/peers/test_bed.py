# SPDX-License-Identifier: MIT
"""The bed itself, without Concordance: two others meet in it."""
import socket
import time

import pytest

from bed import SlowLinkMissing, until
from client import Person
from conftest import PASSWORD


def talk(one: str, trusts: str, two: str, ca) -> None:
    with Person(one, PASSWORD, ca=trusts) as alice, \
            Person(two, PASSWORD, ca=ca.root) as bob:
        alice.be_present()
        bob.be_present()
        alice.say(two, "there")
        bob.heard("there")
        bob.say(one, "and back")
        alice.heard("and back")


def test_prosody_and_ejabberd_meet_by_certificate(prosody, ejabberd, ca):
    talk("alice@prosody.example", ca.root, "bob@ejabberd.example", ca)
    assert "mechanism='EXTERNAL'" in prosody.log()
    assert "db:verify" not in prosody.log()


def test_prosody_and_ejabberd_meet_by_dialback(loose, ejabberd, ca):
    talk("alice@loose.example", ca.path("loose.example", "crt"),
         "bob@ejabberd.example", ca)
    assert "db:verify" in loose.log()


def test_a_slow_link_is_slow_and_a_cut_one_is_cut(bed):
    try:
        far = bed.host("slow", delay_ms=150, kbit_s=512)
    except SlowLinkMissing as why:
        pytest.skip(str(why))
    listener = far.spawn("/usr/bin/python3", "-c", """
import socket
s = socket.create_server(("", 7000))
c = s.accept()[0]
s.close()
while data := c.recv(65536):
    c.sendall(data)
""")
    until("slow listens", lambda: far.run("ss", "-Hltn", "sport = :7000"))
    start = time.monotonic()
    with socket.create_connection((far.ip4, 7000), 10) as s:
        assert time.monotonic() - start >= 0.3  # there and back
        s.sendall(b"x" * 64000)
        got = 0
        while got < 64000:
            got += len(s.recv(65536))
        # 64,000 bytes take a second at 512 kbit/s, both ways at once
        assert time.monotonic() - start >= 1
        far.cut()
        s.sendall(b"lost")
        s.settimeout(1)
        with pytest.raises(TimeoutError):
            s.recv(1)
        far.mend()
        s.settimeout(30)
        assert s.recv(4) == b"lost"  # TCP has kept it
    listener.process.wait(10)
