# SPDX-License-Identifier: MIT
"""Accounts that strangers make (XEP-0077), where the domain lets them."""
import wire
from service import Service

FEATURE = "{http://jabber.org/features/iq-register}register"


def stranger(service):
    c = wire.Client(service.port, bind=False)
    c.open()
    return c, c.features


def ask(c, kind, children=""):
    c.send(f"<iq xmlns='jabber:client' type='{kind}' id='r'>"
           f"<query xmlns='jabber:iq:register'>{children}</query></iq>")
    return c.recv()


def log_in(service, user, password):
    c = wire.Client(service.port, bind=False)
    c.open()
    return c.auth("PLAIN", f"\0{user}\0{password}".encode()).tag.rpartition(
        "}")[2]


def test_a_stranger_makes_an_account_and_logs_in():
    with Service("bookcase-c", "--allow-plain", "--registration") as s:
        c, features = stranger(s)
        assert features.find(FEATURE) is not None
        form = ask(c, "get")
        assert form.get("type") == "result"
        assert form.find(".//{jabber:iq:register}password") is not None
        made = ask(c, "set", "<username>Mercutio</username>"
                   "<password>queen mab</password>")
        assert made.get("type") == "result", wire.ET.tostring(made)
        assert log_in(s, "mercutio", "queen mab") == "success"
        assert log_in(s, "mercutio", "wrong") == "failure"
        # The same stream may log in; the name is taken now.
        taken = ask(c, "set", "<username>mercutio</username>"
                    "<password>other</password>")
        assert wire.condition(taken) == "conflict"
        assert "mercutio@localhost" in s.ctl("users").stdout


def test_without_the_option_nobody_does():
    with Service("bookcase-c", "--allow-plain") as s:
        c, features = stranger(s)
        assert features.find(FEATURE) is None
        error = ask(c, "get")
        assert error.tag.endswith("}error")
        assert error[0].tag.endswith("}not-authorized")


def test_reserved_and_malformed_names_are_refused():
    with Service("bookcase-c", "--allow-plain", "--registration") as s:
        c, _ = stranger(s)
        for name in ("operator", "anon-1", "a@b", "a/b", "", " "):
            answer = ask(c, "set", f"<username>{name}</username>"
                         "<password>x</password>")
            assert answer.get("type") == "error", name
        assert log_in(s, "operator", "x") == "failure"


def test_a_stranger_does_not_become_the_operator():
    with Service("bookcase-c", "--allow-plain", "--registration",
                 "--operator", "juliet@localhost") as s:
        c, _ = stranger(s)
        answer = ask(c, "set", "<username>Juliet</username>"
                     "<password>x</password>")
        assert wire.condition(answer) == "conflict"
        assert log_in(s, "juliet", "x") == "failure"


def test_a_stranger_who_leaves_while_the_account_is_made_harms_nobody():
    with Service("bookcase-c", "--allow-plain", "--registration") as s:
        for i in range(3):
            c, _ = stranger(s)
            c.send("<iq xmlns='jabber:client' type='set' id='r'>"
                   "<query xmlns='jabber:iq:register'>"
                   f"<username>gone{i}</username><password>x</password>"
                   "</query></iq>")
            c.close()
        assert s.get("/")[0] == 200
