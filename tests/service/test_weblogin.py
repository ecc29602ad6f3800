# SPDX-License-Identifier: MIT
"""Browsers' log-ins: the cookie, what it is good for and what not, the one-use
tokens of its pages, roles, and the question of XEP-0070; for an app whose
handlers run on the core's thread and for one with a thread of its own."""
from __future__ import annotations

import base64
import html
import http.client
import json
import os
import re
import shutil
import threading
import time
import urllib.parse

import pytest

from service import BUILD, LIMIT, Service, until
from wire import Client, Closed, esc

AUTH = "http://jabber.org/protocol/http-auth"
SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
COOKIE = "concordance"


class Browser:
    """Cookies, and the headers that a browser sends by itself."""

    def __init__(self, service: Service, name: str = "Test/1.0"):
        self.service, self.name, self.cookies = service, name, {}
        self.set_cookie: list[str] = []

    def ask(self, method: str, path: str, fields=None, origin="same",
            cookies=None, **headers):
        line = http.client.HTTPConnection("127.0.0.1", self.service.port,
                                          timeout=LIMIT)
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        headers["User-Agent"] = self.name
        jar = self.cookies if cookies is None else cookies
        if jar:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in jar.items())
        if origin == "same":
            headers["Origin"] = f"http://127.0.0.1:{self.service.port}"
        elif origin:
            headers["Origin"] = origin
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        line.request(method, path, body, headers)
        answer = line.getresponse()
        text = answer.read().decode()
        self.set_cookie = answer.headers.get_all("Set-Cookie") or []
        for header in self.set_cookie:
            pair, *rest = [part.strip() for part in header.split(";")]
            key, _, value = pair.partition("=")
            if "Max-Age=0" in rest:
                self.cookies.pop(key, None)
            else:
                self.cookies[key] = value
        line.close()
        return answer.status, text

    def do(self, node: str, **fields) -> str:
        """The note of a command."""
        status, text = self.ask("POST", "/_do/lock/" + node, fields)
        assert status == 200, (status, text)
        found = re.search(r'class="[^"]*cnc-note[^"]*"[^>]*>(.*?)</', text,
                          re.S)
        return html.unescape(found.group(1)).strip() if found else ""

    def rows(self, node: str, **fields) -> list[list[str]]:
        status, text = self.ask("POST", "/_do/lock/" + node, fields)
        assert status == 200, (status, text)
        return [[html.unescape(c) for c in re.findall(r"<td[^>]*>(.*?)</td>",
                                                      row, re.S)]
                for row in re.findall(r"<tr[^>]*>(.*?)</tr>", text, re.S)
                if "<td" in row]

    def token(self) -> dict:
        status, text = self.ask("POST", "/_token")
        assert status == 200, (status, text)
        return json.loads(text)

    def whoami(self) -> str:
        return self.do("whoami").split(" guest=")[0]


@pytest.fixture(scope="module", params=["core", "thread"])
def service(request, tmp_path_factory):
    name = "lock.so" if request.param == "core" else "lock-threaded.so"
    folder = tmp_path_factory.mktemp("lock")
    with Service(os.path.join(BUILD, "tests/service/apps", name),
                 "--allow-plain", "--operator", "boss@localhost",
                 store="sqlite", files=str(folder)) as running:
        for user in ("anna", "ben", "boss"):
            running.ctl("adduser", user, stdin="secret\n")
        yield running


@pytest.fixture
def browser(service):
    return Browser(service)


def logged_in(service, jid="anna@localhost", name="Test/1.0") -> Browser:
    b = Browser(service, name)
    assert b.do("login", jid=jid) == "code=0"
    return b


def bearer(service, token: str, jid: str | None = None):
    """A stream that shows the token: the client, and what SASL said."""
    c = Client(service.port, LIMIT, bind=False)
    c.open()
    claim = f"a={jid}" if jid else ""
    said = c.auth("OAUTHBEARER", (f"n,{claim},\x01auth=Bearer {token}"
                                  "\x01\x01").encode())
    return c, said


def stream_of(b: Browser) -> Client:
    got = b.token()
    c, said = bearer(b.service, got["token"], got["jid"])
    assert said.tag == SASL + "success"
    c.open()
    c.bind()
    return c


def person(service, user: str) -> Client:
    c = Client(service.port, LIMIT, bind=False)
    c.open()
    said = c.auth("PLAIN", f"\0{user}\0secret".encode())
    assert said.tag == SASL + "success"
    c.open()
    c.bind()
    c.send("<presence xmlns='jabber:client'/>")
    while not c.recv().tag.endswith("presence"):
        pass
    return c


# -- the cookie ----------------------------------------------------------------

def test_the_cookie_is_for_http_alone_and_for_this_site_alone(service):
    b = logged_in(service)
    mine = [c for c in b.set_cookie if c.startswith(COOKIE + "=")]
    assert len(mine) == 1
    assert "HttpOnly" in mine[0] and "SameSite=Lax" in mine[0]
    assert "Path=/" in mine[0] and "Domain" not in mine[0]
    assert len(b.cookies[COOKIE]) == 43
    assert b.cookies["concordance-user"] == "1"  # what scripts may see
    assert b.whoami() == "anna@localhost"


def test_with_an_https_origin_the_cookie_is_bound_to_its_host():
    with Service(os.path.join(BUILD, "tests/service/apps/lock.so"),
                 "--origin", "https://lock.example", store="memory",
                 files="/tmp") as s:
        b = Browser(s)
        b.ask("POST", "/_do/lock/login", {"jid": "anna@localhost"},
              origin="https://lock.example")
        mine = [c for c in b.set_cookie
                if c.startswith("__Host-concordance=")]
        assert len(mine) == 1 and "; Secure" in mine[0]


def test_a_log_in_gives_a_new_cookie_and_ends_the_old_one(service):
    b = logged_in(service)
    old = dict(b.cookies)
    assert b.do("login", jid="ben@localhost") == "code=0"
    assert b.cookies[COOKIE] != old[COOKIE]
    assert b.whoami() == "ben@localhost"
    stale = Browser(service)
    stale.cookies = old
    assert stale.do("whoami").startswith("guest@localhost guest=1")


def test_a_cookie_that_a_stranger_planted_is_never_made_good(service):
    b = Browser(service)
    planted = "A" * 43
    b.cookies = {COOKIE: planted}
    assert b.do("login", jid="anna@localhost") == "code=0"
    assert b.cookies[COOKIE] != planted
    other = Browser(service)
    other.cookies = {COOKIE: planted}
    assert "guest=1" in other.do("whoami")


@pytest.mark.parametrize("value", ["", "x", "A" * 42, "A" * 44, "A" * 5000,
                                   "%00" * 14 + "A"])
def test_what_is_no_cookie_of_ours_is_a_guest(service, value):
    b = Browser(service)
    b.cookies = {COOKIE: value}
    assert "guest=1" in b.do("whoami")


def test_the_store_and_the_log_do_not_have_the_cookie(service):
    b = logged_in(service)
    secret = b.cookies[COOKIE].encode()
    for folder, _, names in os.walk(service.data):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    assert secret not in f.read(), path
    assert secret.decode() not in "".join(service.log)


def test_log_out_ends_it_here_and_there(service):
    b = logged_in(service)
    old = dict(b.cookies)
    assert b.do("logout") == "code=0"
    assert COOKIE not in b.cookies and "concordance-user" not in b.cookies
    b.cookies = old
    assert "guest=1" in b.do("whoami")
    status, _ = b.ask("POST", "/_token")
    assert status == 401


# -- from another site -----------------------------------------------------------

@pytest.mark.parametrize("origin, more", [
    ("https://evil.example", {}), ("null", {}),
    (None, {"Referer": "https://evil.example/x"}),
    (None, {}), (None, {"Sec_Fetch_Site": "none"}),
    (None, {"Sec_Fetch_Site": "cross-site"})])
def test_a_form_of_another_site_is_refused(service, origin, more):
    b = logged_in(service)
    for path in ("/_do/lock/logout", "/_token"):
        status, _ = b.ask("POST", path, {}, origin=origin, **more)
        assert status == 403, path
    assert b.whoami() == "anna@localhost"


def test_a_form_that_names_its_page_by_referer_is_taken(service):
    b = logged_in(service)
    status, _ = b.ask("POST", "/_do/lock/whoami", {}, origin=None,
                      Referer=f"http://127.0.0.1:{service.port}/x")
    assert status == 200


def test_without_a_cookie_a_program_may_leave_its_origin_out(service):
    status, _ = Browser(service).ask("POST", "/_do/lock/whoami", {}, origin=None)
    assert status == 200


# -- tokens for streams ----------------------------------------------------------

def test_a_token_makes_the_stream_that_person(service):
    b = logged_in(service)
    c = stream_of(b)
    assert c.jid.startswith("anna@localhost/")
    c.close()


def test_a_token_is_good_once(service):
    got = logged_in(service).token()
    first, said = bearer(service, got["token"])
    assert said.tag == SASL + "success"
    second, said = bearer(service, got["token"])
    assert said.tag == SASL + "challenge"  # RFC 7628 3.2.3
    assert json.loads(base64.b64decode(said.text)) == {
        "status": "invalid_token"}
    second.send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AQ=="
                "</response>")
    failure = second.recv()
    assert failure.tag == SASL + "failure"
    assert failure[0].tag == SASL + "not-authorized"
    first.close()
    second.close()


def test_a_token_is_nobody_elses(service):
    got = logged_in(service).token()
    c, said = bearer(service, got["token"], "ben@localhost")
    assert said.tag == SASL + "failure"
    assert said[0].tag == SASL + "invalid-authzid"
    c.close()
    c, said = bearer(service, got["token"])  # and it was used up
    assert said.tag == SASL + "challenge"
    c.close()


@pytest.mark.parametrize("data, condition", [
    (b"n,,\x01auth=Bearer \x01\x01", "malformed-request"),
    (b"n,,", "malformed-request"),
    (b"p=tls-unique,,\x01auth=Bearer x\x01\x01", "malformed-request"),
    (b"n,a=b=2,\x01auth=Bearer x\x01\x01", "malformed-request"),
    (b"n,,\x01auth=Basic x\x01\x01", "malformed-request"),
    (b"n,,\x01auth=Bearer x\x01", "malformed-request"),
    (b"n,,\x01auth=Bearer x\x01\x01more", "malformed-request"),
    (b"n,,\x01\xff=Bearer x\x01\x01", "malformed-request")])
def test_what_is_no_oauthbearer_is_refused(service, data, condition):
    c = Client(service.port, LIMIT, bind=False)
    c.open()
    said = c.auth("OAUTHBEARER", data)
    assert said.tag == SASL + "failure" and said[0].tag == SASL + condition
    c.close()


def test_the_cookie_itself_is_no_token(service):
    b = logged_in(service)
    c, said = bearer(service, b.cookies[COOKIE], "anna@localhost")
    assert said.tag == SASL + "challenge"
    c.close()


def test_a_token_of_a_log_in_that_ended_is_worth_nothing(service):
    b = logged_in(service)
    got = b.token()
    b.do("logout")
    c, said = bearer(service, got["token"])
    assert said.tag == SASL + "challenge"
    c.close()


def test_tokens_of_one_log_in_have_a_limit(service):
    b = logged_in(service)
    said = [b.ask("POST", "/_token")[0] for _ in range(17)]
    assert said == [200] * 16 + [429]


def test_a_token_is_asked_for_by_post_alone(service):
    b = logged_in(service)
    status, _ = b.ask("GET", "/_token")
    assert status == 405


def test_somebody_of_another_domain_has_no_stream_here(service):
    b = logged_in(service, "carl@elsewhere.example")
    assert b.whoami() == "carl@elsewhere.example"
    status, _ = b.ask("POST", "/_token")
    assert status == 403


def ended(c: Client) -> bool:
    try:
        while True:
            if c.recv().tag.endswith(("}error", "}close")):
                return True
    except Closed:
        return True


def test_log_out_cuts_the_streams_of_the_log_in(service):
    b, other = logged_in(service), logged_in(service)
    c, stays = stream_of(b), stream_of(other)
    b.do("logout")
    assert ended(c)
    stays.ping()
    stays.close()


def test_ending_one_log_in_leaves_the_others(service):
    b, other = logged_in(service, name="One"), logged_in(service, name="Two")
    c = stream_of(b)
    mine = [r for r in other.rows("logins", jid="anna@localhost")
            if r[3] == "One"]
    assert mine[0][2] == "web"
    now = [r for r in other.rows("logins", jid="anna@localhost")
           if r[4] == "1"]
    assert [r[3] for r in now] == ["Two"]
    assert other.do("end", jid="ben@localhost",
                    id=mine[0][0]) == "code=CNC_ENOENT"
    assert other.do("end", jid="anna@localhost", id=mine[0][0]) == "code=0"
    assert ended(c)
    assert "guest=1" in b.do("whoami") and other.whoami() == "anna@localhost"


def test_ending_all_ends_xmpp_sessions_too(service):
    b, c = logged_in(service, "ben@localhost"), person(service, "ben")
    kinds = {r[2] for r in b.rows("logins", jid="ben@localhost")}
    assert kinds == {"web", "xmpp"}
    assert Browser(service).do("end", jid="ben@localhost") == "code=0"
    assert ended(c) and "guest=1" in b.do("whoami")


def test_a_person_has_at_most_fifty(service):
    first = logged_in(service, "many@elsewhere.example", "First")
    for _ in range(50):
        logged_in(service, "many@elsewhere.example")
    rows = first.rows("logins", jid="many@elsewhere.example")
    assert len(rows) == 50


# -- accounts --------------------------------------------------------------------

def test_a_password_is_checked_and_then_the_browser_is_in(service):
    b = Browser(service)
    assert b.do("enter", jid="anna@localhost",
                word="wrong") == "code=CNC_EAUTH"
    assert COOKIE not in b.cookies
    assert b.do("enter", jid="anna@localhost", word="secret") == "code=0"
    assert b.whoami() == "anna@localhost"


def test_accounts_are_made_changed_and_deleted(service):
    b = Browser(service)
    assert b.do("add", user="dora", word="one") == "code=0"
    assert b.do("add", user="dora", word="one") == "code=CNC_EEXIST"
    assert b.do("add", user="operator", word="one") == "code=CNC_EINVAL"
    assert b.do("add", user="a b", word="one") == "code=CNC_EINVAL"
    assert b.do("exists", user="Dora@LOCALHOST") == "yes"
    assert b.do("check", user="dora", word="one") == "code=0"
    assert b.do("set", user="dora@localhost", word="two") == "code=0"
    assert b.do("check", user="dora", word="one") == "code=CNC_EAUTH"
    assert b.do("check", user="dora", word="two") == "code=0"
    assert b.do("set", user="nobody", word="two") == "code=CNC_ENOENT"
    d = logged_in(service, "dora@localhost")
    assert b.do("role", jid="dora@localhost", role="staff",
                has="true") == "code=0"
    assert b.do("drop", user="dora") == "code=0"
    assert b.do("exists", user="dora") == "no"
    assert "guest=1" in d.do("whoami")
    assert ["dora@localhost", "staff"] not in b.rows("roles")
    assert b.do("check", user="dora", word="two") == "code=CNC_EAUTH"


def test_an_unknown_name_costs_as_much_as_a_wrong_password(service):
    def cost(user):
        best = 9.0
        for _ in range(4):
            begin = time.monotonic()
            Browser(service).do("check", user=user, word="x" * 20)
            best = min(best, time.monotonic() - begin)
        return best
    known, unknown = cost("ben"), cost("nobody-at-all")
    assert unknown > known / 3, (known, unknown)


def test_guessing_makes_the_answers_late_for_good_and_bad_alike(service):
    b = Browser(service)
    assert b.do("add", user="erna", word="right") == "code=0"
    for _ in range(21):
        assert b.do("check", user="erna", word="no") == "code=CNC_EAUTH"
    begin = time.monotonic()
    assert b.do("check", user="erna", word="right") == "code=0"
    assert time.monotonic() - begin > 1


def test_an_app_may_know_the_password_of_somebody_itself(service):
    b = Browser(service)
    assert b.do("check", user="hooked", word="a < b & c") == "code=0"
    assert b.do("check", user="hooked", word="wrong") == "code=CNC_EAUTH"
    # And so for a client that says it over TLS, or on loopback.
    for word, said in (("a < b & c", "success"), ("wrong", "failure")):
        c = Client(service.port, LIMIT, bind=False)
        c.open()
        answer = c.auth("PLAIN", f"\0hooked\0{word}".encode())
        assert answer.tag == SASL + said
        c.close()


# -- roles -----------------------------------------------------------------------

def test_a_role_is_there_at_once_and_goes_at_once(service):
    b = logged_in(service, "carl@elsewhere.example")
    assert "staff=0" in b.do("whoami")
    assert b.do("role", jid="Carl@Elsewhere.example", role="staff",
                has="true") == "code=0"
    assert "staff=1" in b.do("whoami")
    assert ["carl@elsewhere.example", "staff"] in b.rows("roles")
    assert b.do("role", jid="carl@elsewhere.example", role="staff",
                has="false") == "code=0"
    assert "staff=0" in b.do("whoami")


@pytest.mark.parametrize("jid, role", [
    ("anna@localhost/x", "staff"), ("", "staff"), ("anon-1@localhost", "staff"),
    ("guest@localhost", "staff"), ("anna@localhost", "Staff"),
    ("anna@localhost", "a b"), ("anna@localhost", ""),
    ("anna@localhost", "x" * 65)])
def test_what_is_no_role_of_anybody_is_refused(service, jid, role):
    assert Browser(service).do("role", jid=jid, role=role,
                               has="true") == "code=CNC_EINVAL"


def test_an_operator_is_admin_without_being_told(service):
    assert "admin=1" in logged_in(service, "boss@localhost").do("whoami")
    assert "admin=0" in logged_in(service, "anna@localhost").do("whoami")


def test_who_loses_a_role_loses_what_he_follows(service):
    b, c = Browser(service), person(service, "anna")
    b.do("role", jid="anna@localhost", role="staff", has="true")
    assert c.subscribe("staff-only").get("type") == "result"
    b.do("role", jid="anna@localhost", role="staff", has="false")
    assert c.subscribe("staff-only").get("type") == "error"
    c.close()


# -- apps' own tokens --------------------------------------------------------------

def test_a_link_is_good_once_and_for_its_purpose_alone(service):
    b = Browser(service)
    token = b.do("token", text="for anna")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
    assert b.do("look", token=token) == "for anna"
    assert b.do("take", token=token, text="invitation") == "CNC_EAUTH"
    assert b.do("take", token=token) == "for anna"
    assert b.do("take", token=token) == "CNC_EAUTH"
    assert b.do("look", token=token) == "CNC_EAUTH"
    assert b.do("take", token="x") == "CNC_EAUTH"


# -- XEP-0070 ----------------------------------------------------------------------

class Asking:
    """A command that waits, run beside the test."""

    def __init__(self, service, **fields):
        self.note = None
        self.thread = threading.Thread(
            target=lambda: setattr(self, "note",
                                   Browser(service).do("confirm", **fields)))
        self.thread.start()

    def answer(self) -> str:
        self.thread.join(LIMIT)
        return self.note


def question(c: Client):
    while True:
        e = c.recv()
        if e.find(f"{{{AUTH}}}confirm") is not None:
            return e


def confirm_xml(e) -> str:
    f = e.find(f"{{{AUTH}}}confirm")
    assert f.get("method") == "GET"
    return (f"<confirm xmlns='{AUTH}' id='{esc(f.get('id'))}' method='GET' "
            f"url='{esc(f.get('url'))}'/>")


URL = "https://localhost/login?a=1&b=2"


@pytest.mark.parametrize("how, code", [
    ("confirm", "0"), ("deny", "CNC_EACCES"), ("OK", "0"),
    ("No!", "CNC_EACCES")])
def test_a_bare_jid_is_asked_by_message(service, how, code):
    user = {"confirm": "f1", "deny": "f2", "OK": "f3", "No!": "f4"}[how]
    Browser(service).do("add", user=user, word="secret")
    c = person(service, user)
    asking = Asking(service, jid=f"{user}@localhost", id="blue 7", url=URL)
    e = question(c)
    assert e.tag.endswith("message") and e.get("from") == "localhost"
    assert "blue 7" in e.findtext("{*}body")
    assert e.find(f"{{{AUTH}}}confirm").get("url") == URL
    thread = f"<thread>{e.findtext('{*}thread')}</thread>"
    # A stranger's yes is none, nor one to another question.
    other = Client(service.port, LIMIT)
    other.send(f"<message xmlns='jabber:client' to='localhost'>{thread}"
               f"{confirm_xml(e)}</message>")
    other.ping()
    other.close()
    c.send(f"<message xmlns='jabber:client' to='localhost'>{thread}<confirm "
           f"xmlns='{AUTH}' id='red 8' method='GET' url='{esc(URL)}'/>"
           "</message>")
    c.ping()
    assert asking.note is None
    if how == "confirm":
        c.send(f"<message xmlns='jabber:client' to='localhost'>{thread}"
               f"{confirm_xml(e)}</message>")
    elif how == "deny":
        c.send(f"<message xmlns='jabber:client' type='error' to='localhost'>"
               f"{thread}{confirm_xml(e)}<error type='auth'><not-authorized "
               "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
               "</message>")
    else:
        c.send(f"<message xmlns='jabber:client' to='localhost'>{thread}"
               f"<body>{how}</body></message>")
    assert asking.answer() == "code=" + code
    c.close()


@pytest.mark.parametrize("then, code", [("OK", "0"), (None, "CNC_ENOENT")])
def test_what_comes_back_from_one_leaves_others_time(service, then, code):
    """A resource that is gone, and another that answers a moment later."""
    user = f"b-{then}"
    Browser(service).do("add", user=user, word="secret")
    c = person(service, user)
    asking = Asking(service, jid=f"{user}@localhost", id="blue 7", url=URL)
    e = question(c)
    thread = f"<thread>{e.findtext('{*}thread')}</thread>"
    c.send("<message xmlns='jabber:client' type='error' to='localhost'>"
           f"{thread}{confirm_xml(e)}<error type='cancel'><service-unavailable "
           "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
    c.ping()
    assert asking.note is None
    if then:
        c.send(f"<message xmlns='jabber:client' to='localhost'>{thread}"
               f"<body>{then}</body></message>")
    assert asking.answer() == "code=" + code
    c.close()


@pytest.mark.parametrize("kind, error, code", [
    ("result", "", "0"),
    ("error", "not-authorized", "CNC_EACCES"),
    ("error", "service-unavailable", "CNC_ENOENT")])
def test_a_full_jid_is_asked_by_iq(service, kind, error, code):
    user = f"g-{kind}-{error}"
    Browser(service).do("add", user=user, word="secret")
    c = person(service, user)
    asking = Asking(service, jid=c.jid, id="blue 7", url=URL)
    e = question(c)
    assert e.tag.endswith("iq") and e.get("type") == "get"
    inner = (f"<error type='auth'><{error} "
             "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
             if error else "")
    c.send(f"<iq xmlns='jabber:client' type='{kind}' id='{e.get('id')}' "
           f"to='localhost'>{inner}</iq>")
    assert asking.answer() == "code=" + code
    c.close()


def test_one_question_at_a_time_and_not_too_many(service):
    b = Browser(service)
    b.do("add", user="h", word="secret")
    c = person(service, "h")
    for _ in range(5):
        asking = Asking(service, jid="h@localhost", id="1", url=URL)
        e = question(c)
        assert b.do("confirm", jid="h@localhost", id="2",
                    url=URL) == "code=CNC_ELIMIT"
        c.send("<message xmlns='jabber:client' to='localhost'><thread>"
               f"{e.findtext('{*}thread')}</thread><body>no</body></message>")
        assert asking.answer() == "code=CNC_EACCES"
    assert b.do("confirm", jid="h@localhost", id="3",
                url=URL) == "code=CNC_ELIMIT"
    c.close()


@pytest.mark.parametrize("jid, code", [
    ("nobody@localhost", "CNC_ENOENT"), ("ben@localhost/gone", "CNC_ENOENT"),
    ("localhost", "CNC_EINVAL"), ("@", "CNC_EINVAL")])
def test_who_cannot_be_asked_is_told_apart(service, jid, code):
    assert Browser(service).do("confirm", jid=jid, id="1",
                               url=URL) == "code=" + code


# -- small things --------------------------------------------------------------------

def test_a_message_comes_from_the_domain(service):
    Browser(service).do("add", user="ida", word="secret")
    c = person(service, "ida")
    assert Browser(service).do("message", jid="ida@localhost",
                               text="<b>& you") == "code=0"
    while True:
        e = c.recv()
        if e.findtext("{*}body") == "<b>& you":
            break
    assert e.get("from") == "localhost"
    c.close()


def test_a_rate_lets_so_many_through(service):
    b = Browser(service)
    said = [b.do("rate", text="k1") for _ in range(4)]
    assert said == ["code=0"] * 3 + ["code=CNC_ELIMIT"]
    assert b.do("rate", text="k2") == "code=0"


@pytest.mark.parametrize("text, jid", [
    ("Juliet", "juliet@localhost 1"), (" J@Other.Example/x ",
                                       "j@other.example 0"),
    ("a b", "CNC_EINVAL 0"), ("", "CNC_EINVAL 0"), ("@x", "CNC_EINVAL 0")])
def test_what_somebody_typed_is_an_address(service, text, jid):
    assert Browser(service).do("bare", text=text) == jid


@pytest.mark.parametrize("name", ["lock", "lock-threaded"])
def test_what_was_said_holds_after_a_kill(tmp_path, name):
    """Whichever thread the handler runs on: what it says is on disk."""
    app = os.path.join(BUILD, f"tests/service/apps/{name}.so")
    data = str(tmp_path / "data")
    with Service(app, store="sqlite", data=data, files=str(tmp_path)) as s:
        stays, ends = logged_in(s), logged_in(s)
        used, kept = stays.do("token", text="a"), stays.do("token", text="b")
        assert stays.do("take", token=used) == "a"
        assert stays.do("role", jid="anna@localhost", role="staff",
                        has="true") == "code=0"
        ends_cookies = dict(ends.cookies)
        ends.do("logout")
        s.kill()
        s.start()
        assert "staff=1" in stays.do("whoami")
        assert stays.whoami() == "anna@localhost"
        ends.cookies = ends_cookies
        assert "guest=1" in ends.do("whoami")
        assert stays.do("take", token=used) == "CNC_EAUTH"
        assert stays.do("take", token=kept) == "b"
        late = logged_in(s)
        for end in ("logout", "end"):
            late = logged_in(s)
            cookies = dict(late.cookies)
            late.do(end, jid="anna@localhost")
            s.kill()
            s.start()
            late.cookies = cookies
            assert "guest=1" in late.do("whoami"), end


@pytest.mark.parametrize("name", ["lock", "lock-threaded"])
def test_what_cannot_be_kept_is_not_acknowledged(tmp_path, name):
    app = os.path.join(BUILD, f"tests/service/apps/{name}.so")
    with Service(app, store="sqlite", data=str(tmp_path / "data"),
                 files=str(tmp_path)) as s:
        b, other = logged_in(s), logged_in(s)
        until("the folder is gone", lambda: (
            shutil.rmtree(s.data, ignore_errors=True)
            or not os.path.exists(s.data)))
        for node, fields in (("token", {"text": "a"}), ("logout", {}),
                             ("end", {"jid": "anna@localhost"}),
                             ("login", {"jid": "ben@localhost"})):
            who = other if node == "logout" else b
            status, text = who.ask("POST", "/_do/lock/" + node, fields)
            assert "could not be kept" in text or "ESTORE" in text, (node,
                                                                     text)
            assert "ben@" not in who.do("whoami")
        # Over is over, also where that could not be written down.
        assert "guest=1" in b.do("whoami") and "guest=1" in other.do("whoami")
        os.makedirs(s.data, exist_ok=True)
