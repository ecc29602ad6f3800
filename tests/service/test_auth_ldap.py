# SPDX-License-Identifier: MIT
"""The example auth-ldap: people of a real LDAP directory log in here."""
from __future__ import annotations

import json
import os
import socket
import threading
import time

import pytest

from directory import (GROUPS, HAS_SLAPD, PEOPLE, READER,
                       READER_PASSWORD, Directory, group, person)
from service import BUILD, LIMIT, TOP, Service, needs_python, until
from test_auth import (OTHER, PASSWORD, Browser, ask_link, invitation,
                       logged_in, next_link, plain, sign_up, xmpp)

pytest.importorskip("ldap3")
pytestmark = [needs_python, pytest.mark.skipif(
    not HAS_SLAPD, reason="slapd is not installed")]
FOLDER = os.path.join(TOP, "examples", "auth-ldap")
LDIF = "".join([
    person("romeo", PASSWORD), person("tybalt", OTHER),
    person("operator", PASSWORD), person("guest", PASSWORD),
    person("o\\2cbrien", PASSWORD, f"uid=twin1,{PEOPLE}").replace(
        "uid: o\\2cbrien", "uid: twin1\nuid: twin"),
    person("twin2", PASSWORD).replace("uid: twin2", "uid: twin2\nuid: twin"),
    group("librarians", "romeo"), group("others", "romeo", "tybalt")])


@pytest.fixture(scope="module")
def directory():
    with Directory(LDIF) as d:
        yield d


def settings(s, **values):
    values.setdefault("ldap_reader_password", READER_PASSWORD)
    done = s.ctl("do", "settings/auth_ldap",
                 *(f"{k}:={v}" for k, v in values.items()), check=False)
    assert done.returncode == 0, done.stderr


def serve(url="", **more):
    s = Service("authldap:LdapAuth", "--allow-plain", files=FOLDER,
                env={"APPPATH": FOLDER, "CONCORDANCE_APPS":
                     os.path.join(BUILD, "apps")})
    try:
        s.ctl("adduser", "juliet", stdin=PASSWORD + "\n")
        settings(s, ldap_url=url, ldap_base=PEOPLE, ldap_reader=READER,
                 ldap_groups=GROUPS,
                 ldap_roles="Librarians: staff\nunknown: admin",
                 ldap_timeout="5", **more)
    except BaseException:
        s.kill()
        raise
    return s


@pytest.fixture
def service(directory):
    with serve(directory.url, ldap_ca=directory.ca) as s:
        yield s


def roles(s) -> set[tuple[str, str]]:
    rows = json.loads(s.ctl("do", "--json", "roles").stdout)["table"]
    return {(r["jid"], r["role"]) for r in rows
            if not r["jid"].startswith("operator@")}


def test_people_of_the_directory_log_in_by_page_and_by_client(service):
    assert logged_in(service, "Romeo").who() == "romeo@localhost"
    assert plain(service, "romeo", PASSWORD)
    page = logged_in(service, "romeo").get("/account").text
    assert "password is not kept here" in page
    for user, password in (("romeo", OTHER), ("nobody", PASSWORD)):
        assert Browser(service).login(user, password).status == 422
        assert not plain(service, user, password)


def test_whom_the_directory_does_not_know_the_service_may(service):
    assert logged_in(service).who() == "juliet@localhost"
    assert not plain(service, "juliet", OTHER)


def test_by_tls_from_the_start_and_only_with_a_good_certificate(directory):
    with serve(directory.ldaps, ldap_ca=directory.ca) as s:
        assert plain(s, "romeo", PASSWORD)
    for url in (directory.ldaps, directory.url):  # of no authority we know
        with serve(url) as s:
            answer = Browser(s).login("romeo", PASSWORD)
            assert answer.status == 422 and "just now" in answer.errors[0]
            until("it is logged why", lambda: any(
                "CERTIFICATE_VERIFY_FAILED" in line for line in s.log))


@pytest.mark.parametrize("name", [
    "*", "rom*", "romeo)(uid=*", "*)(objectClass=*", "romeo)(|(uid=*",
    "romeo\\2a", "romeo,ou=people", "uid=romeo", "romeo\\", "(", "romeo#",
    "cn=reader", "twin"])
def test_a_name_is_text_and_never_part_of_the_question(service, name):
    for password in (PASSWORD, READER_PASSWORD, ""):
        assert Browser(service).login(name, password).status == 422
    assert not plain(service, name, PASSWORD)
    done = service.ctl("do", "ldap/look", f"user:={name}", check=False)
    assert "nobody of this name" in done.stderr
    assert not any("Traceback" in line for line in service.log)


def test_an_empty_password_is_no_password(service):
    assert Browser(service).login("romeo", "").status == 422
    assert not plain(service, "romeo", "")


@pytest.mark.parametrize("name", ["operator", "guest"])
def test_names_of_the_service_are_nobodys_in_the_directory(service, name):
    """The directory has people called so."""
    assert Browser(service).login(name, PASSWORD).status == 422
    assert not plain(service, name, PASSWORD)


def test_groups_are_roles(service, directory):
    logged_in(service, "romeo")
    assert roles(service) == {("romeo@localhost", "staff")}
    service.ctl("do", "roles/set", "jid=romeo@localhost", "role=poet",
                "has=true")
    logged_in(service, "tybalt", OTHER)
    dn, member = f"cn=librarians,{GROUPS}", f"uid=tybalt,{PEOPLE}"
    was = f"uid=romeo,{PEOPLE}"
    directory.change(lambda c: c.modify(dn, {"member": [
        ("MODIFY_ADD", [member]), ("MODIFY_DELETE", [was])]}))
    try:
        service.ctl("do", "ldap/sync")
        assert roles(service) == {("romeo@localhost", "poet"),
                                  ("tybalt@localhost", "staff")}
        shown = json.loads(service.ctl("do", "--json", "ldap/look",
                                       "user=tybalt").stdout)["values"]
        assert shown["dn"] == member and "staff" in str(shown["roles"])
    finally:
        directory.change(lambda c: c.modify(dn, {"member": [
            ("MODIFY_ADD", [was]), ("MODIFY_DELETE", [member])]}))


def test_who_leaves_the_directory_is_logged_out_at_once(service, directory):
    dn = f"uid=paris,{PEOPLE}"
    directory.change(lambda c: c.add(dn, "inetOrgPerson", {
        "uid": "paris", "cn": "paris", "sn": "p", "userPassword": PASSWORD}))
    b, c = logged_in(service, "paris"), xmpp(service, "paris")
    juliet = logged_in(service)
    service.ctl("do", "ldap/sync")
    assert b.who() == "paris@localhost"
    directory.change(lambda c: c.delete(dn))
    service.ctl("do", "ldap/sync")
    assert b.who() == "" and juliet.who() == "juliet@localhost"
    import wire
    with pytest.raises((wire.Closed, AssertionError, OSError)):
        while True:
            c.ping()
    assert any("account.gone user=paris" in line for line in service.log)
    assert not plain(service, "paris", PASSWORD)


def test_a_link_finds_somebody_of_the_directory_also_when_he_is_away(service):
    b = Browser(service)
    for user in ("tybalt", "nobody"):
        answer = ask_link(b, f"{user}@localhost")
        assert answer.status == 303, answer.text
    c = xmpp(service, "tybalt", OTHER)
    assert b.get(next_link(c)).status == 200
    ask_link(Browser(service), "tybalt@localhost")
    link = next_link(c)
    page = b.get(link)
    assert b.send(page, "login/open").status == 303
    assert b.who() == "tybalt@localhost"


def test_a_name_of_the_directory_is_taken(service):
    settings(service, **{"sign-up": "invited"})
    path = invitation(service)
    answer = sign_up(Browser(service), "romeo", path=path)
    assert answer.status == 422
    assert "has this name already" in " ".join(answer.errors)
    assert sign_up(Browser(service), "rosaline", path=path).status == 303
    assert plain(service, "romeo", PASSWORD)


class Silent:
    """A directory that takes every connection and says nothing."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"ldap://127.0.0.1:{self.socket.getsockname()[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()


def test_a_directory_that_is_slow_does_not_stop_the_service():
    with Silent() as slow, serve() as s:
        c = xmpp(s)  # of juliet, from before the directory fell silent
        settings(s, ldap_url=slow.url, ldap_timeout="2")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(
            Browser(s).login("romeo", PASSWORD)))
        begin = time.monotonic()
        thread.start()
        n = 0
        while thread.is_alive():
            c.ping()  # the service answers while the directory does not
            n += 1
        assert n > 20 and time.monotonic() - begin < LIMIT
        assert answers[0].status == 422
        assert "just now" in answers[0].errors[0]
        # For a while nobody waits for it.
        begin = time.monotonic()
        assert Browser(s).login("romeo", PASSWORD).status == 422
        assert time.monotonic() - begin < 1.5
        assert ask_link(Browser(s), "romeo@localhost").status == 303


def test_a_directory_that_is_away_is_no_failure_of_anybody(directory):
    with serve("ldap://127.0.0.1:1") as s:
        for _ in range(12):  # more than would be refused for guessing
            answer = Browser(s).login("romeo", PASSWORD)
            assert answer.status == 422 and "just now" in answer.errors[0]
        assert "running" in s.ctl("do", "apps").stdout
        assert "paused" not in s.ctl("do", "apps").stdout
        settings(s, ldap_url=directory.url, ldap_ca=directory.ca)
        assert logged_in(s, "romeo").who() == "romeo@localhost"
