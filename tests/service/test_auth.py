# SPDX-License-Identifier: MIT
"""The authentication app, as people, XMPP clients and operators meet it."""
from __future__ import annotations

import hashlib
import html
import http.cookiejar
import json
import os
import re
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

import wire
from service import BUILD, LIMIT, TOP, Service

PASSWORD = "four words of hers"
OTHER = "quite another one"
NS_CONFIRM = "http://jabber.org/protocol/http-auth"
NS_COMMANDS = "http://jabber.org/protocol/commands"


def auth(*options: str, **settings: str) -> Service:
    s = Service(os.path.join(BUILD, "apps", "auth.so"), "--allow-plain",
                *options, files=os.path.join(TOP, "apps", "auth"))
    if settings:
        change(s, **settings)
    return s


def change(s: Service, **settings: str) -> None:
    """Settings of the app; a '_' stands for '-'."""
    s.ctl("do", "settings/auth", *(f"{k.replace('_', '-')}:={v}"
                                   for k, v in settings.items()))


@pytest.fixture(scope="module")
def shared():
    """One service for what leaves no traces; "juliet" is there."""
    with auth(sign_up="open", far="true", far_domains="far.example") as s:
        s.ctl("adduser", "juliet", stdin=PASSWORD + "\n")
        yield s


@pytest.fixture
def service():
    with auth() as s:
        s.ctl("adduser", "juliet", stdin=PASSWORD + "\n")
        yield s


# -- a browser without JavaScript ---------------------------------------------

class Forms(HTMLParser):
    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.forms, self.form = [], None
        self.errors: list[str] = []
        self.at = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        words = (a.get("class") or "").split()
        if tag == "form":
            self.form = {"action": a.get("action"), "fields": {},
                         "hidden": {}}
            self.forms.append(self.form)
        elif tag in ("input", "select", "textarea") and self.form:
            if a.get("name"):
                self.form["fields"][a["name"]] = a.get("value", "")
        self.at = ("error" if {"cnc-error", "cnc-form-error"} & set(words)
                   and "hidden" not in a else None)

    def handle_endtag(self, tag):
        if tag == "form":
            self.form = None
        self.at = None

    def handle_data(self, data):
        if self.at == "error" and data.strip():
            self.errors.append(data.strip())


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text
        self.location = headers.get("Location")
        self.forms = Forms(text).forms
        self.errors = Forms(text).errors

    def form(self, command: str) -> dict:
        for form in self.forms:
            query = urllib.parse.urlsplit(form["action"])
            if (urllib.parse.parse_qs(query.query).get("do") == [command]
                    or query.path == "/_do/" + command):
                return form
        raise AssertionError(f"no form of {command}: {self.text}")


class Browser:
    def __init__(self, s: Service, **headers: str):
        self.service = s
        self.headers = headers
        self.cookies = http.cookiejar.CookieJar()

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *args):
                return None
        self.opener = urllib.request.build_opener(
            Stay, urllib.request.HTTPCookieProcessor(self.cookies))

    def _open(self, path, data=None, **headers):
        request = urllib.request.Request(
            self.service.url.rstrip("/") + path, data,
            headers={**self.headers, **headers})
        try:
            answer = self.opener.open(request, timeout=LIMIT)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Answer(answer.status, answer.headers,
                          answer.read().decode("utf-8"))

    def get(self, path, **headers):
        return self._open(path, **headers)

    def post(self, path, fields, **headers):
        # What a browser says that came to the proxy by https.
        origin = self.service.url.rstrip("/")
        if self.headers.get("X-Forwarded-Proto") == "https":
            origin = origin.replace("http:", "https:", 1)
        headers = {"Origin": origin, **headers}
        return self._open(path, urllib.parse.urlencode(fields).encode(),
                          **headers)

    def send(self, page: Answer, command: str, **fields):
        """Fill in a form as it stands on a page, and press its button."""
        form = page.form(command)
        unknown = set(fields) - set(form["fields"])
        assert not unknown, f"{command} has no {unknown}"
        return self.post(form["action"], {**form["fields"], **fields})

    def login(self, user="juliet", password=PASSWORD, path="/login"):
        return self.send(self.get(path), "login", user=user,
                         password=password)

    def secret(self) -> str:
        return ";".join(f"{c.name}={c.value}" for c in self.cookies
                        if "flash" not in c.name)

    def who(self) -> str:
        """The address that the account page says; "" for a guest."""
        page = self.get("/account")
        if page.status == 303:
            assert page.location.startswith("/login?next=")
            return ""
        assert page.status == 200, page.text
        return re.search("auth-who\">\\s*<strong>([^<]*)", page.text)[1]


def logged_in(s: Service, user="juliet", password=PASSWORD, **headers):
    b = Browser(s, **headers)
    answer = b.login(user, password)
    assert answer.status == 303, answer.text
    return b


def plain(s: Service, user: str, password: str) -> bool:
    """Does an XMPP client get in?"""
    c = wire.Client(s.port, bind=False)
    c.open()
    got = c.auth("PLAIN", f"\0{user}\0{password}".encode()).tag
    c.close()
    return got.endswith("}success")


def xmpp(s: Service, user="juliet", password=PASSWORD) -> wire.Client:
    c = wire.Client(s.port, bind=False)
    c.open()
    assert c.auth("PLAIN", f"\0{user}\0{password}".encode()).tag.endswith(
        "}success")
    c.open()
    c.bind()
    c.send("<presence xmlns='jabber:client'/>")
    return c


def ad_hoc(c: wire.Client, node: str, **fields: str):
    """code, note, values, rows of a command (XEP-0050)."""
    form = "".join(f"<field var='{k}'><value>{wire.esc(v)}</value></field>"
                   for k, v in fields.items())
    answer = c.iq("set", f"<command xmlns='{NS_COMMANDS}' node='{node}' "
                  "action='complete'><x xmlns='jabber:x:data' type='submit'>"
                  f"{form}</x></command>")
    values = {f.get("var"): f.findtext("{*}value") or ""
              for f in answer.findall(".//{jabber:x:data}x/{*}field")}
    rows = [{f.get("var"): f.findtext("{*}value") or ""
             for f in item.findall("{*}field")}
            for item in answer.findall(".//{*}item")]
    note = answer.find(".//{*}note")
    condition = wire.condition(answer).replace("not-acceptable", "refused")
    return (condition or ("refused" if note is not None and
                                       note.get("type") == "error" else ""),
            (answer.findtext(".//{*}note") or answer.findtext(".//{*}text")
             or ""), values, rows)


# -- by a password -------------------------------------------------------------

def test_a_password_lets_a_browser_in(shared):
    b = Browser(shared)
    assert b.who() == ""
    answer = b.login("Juliet")  # names are prepared
    assert answer.status == 303 and answer.location == "/account"
    assert b.who() == "juliet@localhost"
    page = b.get("/login")
    assert "You are logged in as" in page.text
    assert not any("password" in f["fields"] for f in page.forms)


def test_the_cookie_is_for_this_site_and_for_http_alone(shared):
    answer = Browser(shared).login()
    lines = [v for k, v in answer.headers.items()
             if k.lower() == "set-cookie" and "flash" not in v]
    secret = [line for line in lines if len(line.split("=")[1]) > 40]
    assert len(secret) == 1 and "HttpOnly" in secret[0]
    for line in lines:  # another says that there is one, and no more
        assert "SameSite=Lax" in line and "Path=/" in line
        assert "Domain=" not in line
        assert line in secret or re.match("[a-z-]+=1;", line)


def test_a_guest_is_led_to_the_login_page_and_back(shared):
    b = Browser(shared)
    answer = b.get("/account?x=1")
    assert answer.status == 303
    assert answer.location == "/login?next=%2Faccount%3Fx%3D1"
    answer = b.login(path=answer.location)
    assert answer.location == "/account?x=1"


@pytest.mark.parametrize("target", [
    "https://evil.example/", "//evil.example", "/\\evil.example",
    "\\\\evil.example", "/\t/evil.example", "javascript:alert(1)",
    "/ok\r\nSet-Cookie: a=b", "evil.example", "///evil.example", "",
    " /account", "/\x00/evil.example"])
def test_next_leads_nowhere_else(shared, target):
    b = Browser(shared)
    answer = b.post("/login?do=login", {
        "user": "juliet", "password": PASSWORD, "next": target})
    if answer.status == 303:
        assert answer.location == "/account"
        assert "a=b" not in str(answer.headers)
    else:
        assert answer.status in (400, 422)


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(shared):
    def refused(user):
        answer = Browser(shared).login(user, "no such password")
        assert answer.status == 422
        return answer.text.replace(html.escape(user), "NAME")
    texts = [refused(u) for u in ("juliet", "nobody", "rosaline",
                                  "nobody@localhost")]
    assert len(set(texts)) == 1
    assert "do not belong together" in texts[0]


def test_a_refused_password_is_shown_to_nobody(shared):
    answer = Browser(shared).login("juliet", "secret-once-typed")
    assert "secret-once-typed" not in answer.text
    assert 'value="juliet"' in answer.text
    assert "secret-once-typed" not in "".join(shared.log)


def test_a_form_of_another_site_does_nothing(shared):
    b = Browser(shared)
    for headers in ({"Origin": "https://evil.example"},
                    {"Origin": "null"},
                    {"Sec-Fetch-Site": "cross-site", "Origin": ""}):
        answer = b.post("/login?do=login", {
            "user": "juliet", "password": PASSWORD}, **headers)
        assert answer.status == 403, headers
        assert b.who() == ""
    b.login()
    for path in ("/account?do=account/delete", "/_do/logout",
                 "/_do/logout/everywhere", "/_do/account/sessions/end"):
        assert b.post(path, {"name": "juliet", "password": PASSWORD},
                      Origin="https://evil.example").status == 403
    assert b.who() == "juliet@localhost"


def test_nothing_happens_by_a_get(shared):
    b = logged_in(shared)
    for path in ("/_do/logout", "/_do/logout/everywhere",
                 "/account?do=account/delete", "/_do/account/sessions/end?id=1"):
        assert b.get(path).status == 200
    assert b.who() == "juliet@localhost"
    answer = Browser(shared).get(
        f"/login?user=juliet&password={urllib.parse.quote(PASSWORD)}"
        "&do=login")
    assert answer.status == 200 and PASSWORD not in answer.text


def test_a_cookie_that_somebody_else_chose_is_not_taken_over(shared):
    b = logged_in(shared)
    name = b.secret().partition("=")[0]
    chosen = "A" * 43
    victim = Browser(shared, Cookie=f"{name}={chosen}")
    form = victim.get("/login").form("login")
    # The jar would overrule the header: one request, by hand.
    plain_opener = Browser(shared, Cookie=f"{name}={chosen}")
    answer = plain_opener.post(form["action"], {
        **form["fields"], "user": "juliet", "password": PASSWORD})
    assert answer.status == 303
    assert chosen not in plain_opener.secret()
    assert Browser(shared, Cookie=f"{name}={chosen}").who() == ""


def test_each_login_has_a_new_cookie_and_ends_the_old_one(service):
    b = logged_in(service)
    first = b.secret()
    b.post("/login?do=login", {"user": "juliet", "password": PASSWORD})
    assert b.secret() != first
    assert Browser(service, Cookie=first).who() == ""
    assert b.who() == "juliet@localhost"


def test_guessing_is_slowed_down(service):
    """By address: that of the last proxy's word, and of no stranger's."""
    tls = {"X-Forwarded-Proto": "https"}  # no log-in goes far in the clear
    b = Browser(service, **tls, **{"X-Forwarded-For": "192.0.2.7"})
    page = b.get("/login")
    for n in range(40):
        b.headers["X-Forwarded-For"] = f"198.51.100.{n}, 192.0.2.7"
        answer = b.send(page, "login", user=f"juliet{n}", password="guess")
        assert answer.status == 422
        if "too often" in answer.errors[0]:
            break
    assert n == 30
    assert "too often" in b.login().errors[0]  # with the right password too
    other = Browser(service, **tls, **{"X-Forwarded-For": "192.0.2.8"})
    answer = other.login()
    assert answer.status == 303
    assert all("; Secure" in v for k, v in answer.headers.items()
               if k.lower() == "set-cookie" and "flash" not in v)
    assert Browser(service, **{"X-Forwarded-For": "192.0.2.8"}
                   ).login().status == 403


# -- out -----------------------------------------------------------------------

def test_who_logs_out_is_out_on_our_side_too(service):
    b = logged_in(service)
    cookie = b.secret()
    answer = b.send(b.get("/account"), "logout")
    assert answer.status == 303 and answer.location == "/login"
    assert "You are logged out." in b.get("/login").text
    assert b.who() == ""
    assert Browser(service, Cookie=cookie).who() == ""


def test_logging_out_everywhere_ends_browsers_and_clients(service):
    a, b = logged_in(service), logged_in(service)
    c = xmpp(service)
    a.send(a.get("/account"), "logout/everywhere")
    assert a.who() == "" and b.who() == ""
    with pytest.raises(wire.Closed):
        for _ in range(50):
            c.recv()


def test_a_session_is_listed_and_ended(service):
    a = logged_in(service, **{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"
                              " Gecko/20100101 Firefox/115.0"})
    b = logged_in(service, **{"User-Agent": "Second/1.0"})
    page = a.get("/account")
    assert "Firefox, Linux" in page.text and "Second/1.0" in page.text
    assert page.text.count("this one") == 1
    assert "127.0.0.1" in page.text
    forms = [f for f in page.forms if f["action"].endswith("account/sessions/end")]
    assert len(forms) == 2
    listed = ad_hoc(xmpp(service), "account/sessions")[3]
    second = next(r for r in listed if r["agent"] == "Second/1.0")
    assert a.post(forms[0]["action"], {"id": second["id"]}).status == 303
    assert a.who() == "juliet@localhost" and b.who() == ""
    again = a.post(forms[0]["action"], {"id": second["id"]})
    assert again.status == 422 and "over already" in again.text


def test_nobody_ends_the_session_of_somebody_else(service):
    service.ctl("adduser", "romeo", stdin=PASSWORD + "\n")
    b = logged_in(service)
    c = xmpp(service)
    mine = [r["id"] for r in ad_hoc(c, "account/sessions")[3]]
    romeo = logged_in(service, "romeo")
    for name in mine:
        assert romeo.post("/_do/account/sessions/end", {"id": name}).status == 422
    assert b.who() == "juliet@localhost"
    c.ping()


# -- the account ---------------------------------------------------------------

def test_a_changed_password_ends_the_others(service):
    a, b = logged_in(service), logged_in(service)
    page = a.get("/account")
    wrong = a.send(page, "account/password", old="not it",
                   password=OTHER, again=OTHER)
    assert wrong.status == 422 and "not your password" in wrong.text
    assert "auth-sessions" in wrong.text  # the page itself, with the error
    done = a.send(page, "account/password", old=PASSWORD, password=OTHER,
                  again=OTHER)
    assert done.status == 303 and done.location == "/account"
    assert a.who() == "juliet@localhost" and b.who() == ""
    assert not plain(service, "juliet", PASSWORD)
    assert plain(service, "juliet", OTHER)


@pytest.mark.parametrize("password, words", [
    ("short", "at least 8 characters"), ("juliet12", "Whoever knows"),
    ("JULIET!!", "Whoever knows"), ("password1", "among the first"),
    ("12345678", "among the first"), ("aaaaaaaaaa", "among the first"),
    ("\u00fc\u00df\u00e9", "at least 8 characters")])
def test_a_password_that_is_guessed_first_is_refused(shared, password, words):
    b = logged_in(shared)
    answer = b.send(b.get("/account"), "account/password", old=PASSWORD,
                    password=password, again=password)
    assert answer.status == 422
    assert any(words in e for e in answer.errors), answer.errors
    assert plain(shared, "juliet", PASSWORD)


def test_the_password_has_to_be_typed_twice_alike(shared):
    b = logged_in(shared)
    answer = b.send(b.get("/account"), "account/password", old=PASSWORD,
                    password=OTHER, again=OTHER + "r")
    assert answer.errors == ["This is not the same password."]


def test_an_account_is_deleted_by_whoever_means_it(service):
    b = logged_in(service)
    page = b.get("/account")
    for fields, words in [
            ({"password": PASSWORD, "name": "romeo"}, "your own account"),
            ({"password": "wrong", "name": "juliet"}, "not your password")]:
        answer = b.send(page, "account/delete", **fields)
        assert answer.status == 422 and words in answer.text
        assert b.who() == "juliet@localhost"
    answer = b.send(page, "account/delete", password=PASSWORD, name="juliet")
    assert answer.status == 303 and answer.location == "/login"
    assert "is deleted" in b.get("/login").text
    assert b.who() == ""
    assert not plain(service, "juliet", PASSWORD)
    assert "juliet" not in service.ctl("users").stdout


# -- new accounts --------------------------------------------------------------

def sign_up(b, user, password=OTHER, again=None, path="/sign-up"):
    return b.send(b.get(path), "sign-up", user=user, password=password,
                  again=again or password)


def test_nobody_makes_an_account_unless_it_is_allowed(service):
    b = Browser(service)
    page = b.get("/sign-up")
    assert page.status == 200 and "administrators" in page.text
    assert not any("again" in f["fields"] for f in page.forms)
    assert "/sign-up" not in b.get("/login").text
    answer = b.post("/sign-up?do=sign-up", {
        "user": "romeo", "password": OTHER, "again": OTHER})
    assert answer.status == 422 and "administrators" in answer.text
    assert "romeo" not in service.ctl("users").stdout


def test_everybody_makes_an_account_where_it_is_open(service):
    change(service, sign_up="open", sign_up_text="Be kind.\nRead <first>.")
    b = Browser(service)
    page = b.get("/sign-up")
    assert "Be kind." in page.text and "Read &lt;first&gt;." in page.text
    answer = sign_up(b, "Romeo")
    assert answer.status == 303 and answer.location == "/account"
    assert b.who() == "romeo@localhost"
    assert plain(service, "romeo", OTHER)
    taken = sign_up(Browser(service), "rOmeo")
    assert taken.errors == ["Somebody has this name already."]
    assert plain(service, "romeo", OTHER)


@pytest.mark.parametrize("name", ["a b", "x@y", "a/b", "romeo@far.example",
                                  "\u200b", "operator", "anon-1"])
def test_what_cannot_be_a_name_is_refused(service, name):
    change(service, sign_up="open")
    answer = sign_up(Browser(service), name)
    assert answer.status == 422 and answer.errors
    assert service.ctl("users").stdout.count("@") == 1


def test_asking_for_names_is_limited(service):
    change(service, sign_up="open")
    b = Browser(service)
    found = []
    for n in range(14):
        found += sign_up(b, "juliet").errors
    assert found.count("Somebody has this name already.") == 10
    assert "too often" in found[-1]


def invitation(s) -> str:
    said = json.loads(s.ctl("do", "--json", "invite", "days=3").stdout)
    url = urllib.parse.urlsplit(said["values"]["url"])
    assert f"{url.scheme}://{url.netloc}/" == s.url
    return f"{url.path}?{url.query}"


def test_an_invitation_is_good_for_one_account(service):
    change(service, sign_up="invited")
    b = Browser(service)
    assert "need an invitation" in b.get("/sign-up").text
    assert b.post("/sign-up?do=sign-up", {
        "user": "x1", "password": OTHER, "again": OTHER}).status == 422
    path = invitation(service)
    # What is refused does not use it up.
    assert sign_up(b, "romeo", "short", path=path).status == 422
    assert sign_up(b, "juliet", path=path).status == 422
    assert sign_up(b, "romeo", path=path).status == 303
    assert b.who() == "romeo@localhost"
    late = sign_up(Browser(service), "tybalt", path=path)
    assert late.status == 422 and "used already" in late.text
    forged = path[:-3] + ("AAA" if path[-3:] != "AAA" else "BBB")
    assert sign_up(Browser(service), "tybalt", path=forged).status == 422
    assert "tybalt" not in service.ctl("users").stdout


def test_an_invitation_is_kept_over_a_restart(service):
    change(service, sign_up="invited")
    path = invitation(service)
    service.stop()
    service.start()
    assert sign_up(Browser(service), "romeo", path=path).status == 303


def admin(s, user="juliet") -> None:
    s.ctl("do", "roles/set", f"jid={user}@localhost", "role=admin", "has=true")


def test_invitations_are_listed_and_withdrawn(service):
    """The page: who made which, what became of it; and no more of one."""
    change(service, sign_up="invited")
    admin(service)
    b = logged_in(service)
    assert 'href="/invitations"' in b.get("/account").text
    assert "Nobody has been invited" in b.get("/invitations").text
    links = []
    for _ in range(2):
        answer = b.send(b.get("/invitations"), "invite", days="3")
        assert answer.status == 200
        links.append(html.unescape(re.search(
            'value="[^"]*(/sign-up[^"]*)"', answer.text)[1]))
    guest = Browser(service)
    assert sign_up(guest, "romeo", path=links[0]).status == 303
    page = b.get("/invitations")
    rows = re.findall('auth-session">(.*?)</li>', page.text, re.S)
    assert len(rows) == 2 and all("juliet@localhost" in r for r in rows)
    used = [r for r in rows if ">used<" in r]
    assert len(used) == 1 and "romeo@localhost" in used[0]
    assert "<button" not in used[0]
    assert b.send(page, "invitations/withdraw").status == 303
    page = b.get("/invitations")
    assert ">withdrawn<" in page.text and "<button>Withdraw" not in page.text
    answer = sign_up(Browser(service), "tybalt", path=links[1])
    assert answer.status == 422 and "withdrawn" in answer.errors[0]
    assert not plain(service, "tybalt", OTHER)
    service.kill()  # what was answered is kept
    service.start()
    text = b.get("/invitations").text
    assert ">withdrawn<" in text and ">used<" in text
    assert sign_up(Browser(service), "tybalt", path=links[1]).status == 422


def test_invitations_have_three_faces_and_are_for_administrators(service):
    change(service, sign_up="invited")
    service.ctl("do", "invite", "days=1")
    rows = json.loads(service.ctl("do", "--json", "invitations")
                      .stdout)["table"]
    assert [r["state"] for r in rows] == ["open"]
    assert rows[0]["by"] == "operator@localhost"
    assert "T" in rows[0]["made"] and rows[0]["until"] > rows[0]["made"]
    c, b = xmpp(service), logged_in(service)
    assert ad_hoc(c, "invitations")[0] == "forbidden"
    assert ad_hoc(c, "invitations/withdraw", id=rows[0]["id"])[0] == "forbidden"
    assert b.get("/invitations").status == 403
    assert Browser(service).get("/invitations").status == 303
    answer = c.iq("get", "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
                  "<items node='invitations'/></pubsub>")
    assert answer.get("type") == "error"
    admin(service)
    assert [r["id"] for r in ad_hoc(c, "invitations")[3]] == [rows[0]["id"]]
    assert not ad_hoc(c, "invitations/withdraw", id=rows[0]["id"])[0]
    assert ad_hoc(c, "invitations")[3][0]["state"] == "withdrawn"
    wrong = service.ctl("do", "invitations/withdraw", "id=nothing",
                        check=False)
    assert wrong.returncode != 0 and "no such invitation" in wrong.stderr


def test_of_two_who_use_one_invitation_one_gets_an_account(service):
    change(service, sign_up="invited")
    path, users = invitation(service), [f"user{i}" for i in range(4)]
    answers = {}

    def try_it(user):
        answers[user] = sign_up(Browser(service), user, path=path).status
    threads = [threading.Thread(target=try_it, args=[u]) for u in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert sorted(answers.values()) == [303, 422, 422, 422]
    winner = next(u for u, status in answers.items() if status == 303)
    for user in users:
        assert plain(service, user, OTHER) == (user == winner)


def test_only_administrators_invite(service):
    change(service, sign_up="invited")
    b = logged_in(service)
    assert b.get("/_do/invite").status == 403
    assert b.post("/_do/invite", {"days": "3"}).status == 403
    assert ad_hoc(xmpp(service), "invite", days="3")[0] == "forbidden"
    service.ctl("do", "roles/set", "jid=juliet@localhost", "role=admin",
                "has=true")
    answer = b.post("/_do/invite", {"days": "3"})
    assert answer.status == 200 and "/sign-up?invitation=" in answer.text
    assert ad_hoc(xmpp(service), "invite", days="3")[2]["url"]


# -- by a link -----------------------------------------------------------------

def link_in(stanza: ET.Element) -> str:
    found = re.search("https?://\\S+/login/open\\?\\S+",
                      stanza.findtext("{*}body") or "")
    return found and found[0]


def next_link(c: wire.Client) -> str:
    while True:
        stanza = c.aside.pop(0) if c.aside else c.recv()
        if stanza.tag.endswith("}message") and link_in(stanza):
            url = urllib.parse.urlsplit(link_in(stanza))
            return f"{url.path}?{url.query}"


def ask_link(b: Browser, jid: str, path="/login"):
    return b.send(b.get(path), "login/link", jid=jid)


def test_a_link_in_a_message_works_once(service):
    c = xmpp(service)
    b = Browser(service)
    answer = ask_link(b, "juliet@localhost", "/login?next=/account?y=2")
    assert answer.status == 303 and answer.location == "/login"
    assert "on its way" in b.get("/login").text
    path = next_link(c)
    # What looks at links by itself does not use it up.
    for _ in range(3):
        page = b.get(path)
        assert page.status == 200 and "juliet@localhost" in page.text
        assert b.who() == ""
    answer = b.send(page, "login/open")
    assert answer.status == 303 and answer.location == "/account?y=2"
    assert b.who() == "juliet@localhost"
    again = Browser(service)
    late = again.send(again.get(path), "login/open")
    assert late.status == 422 and "used already" in late.text
    assert again.who() == ""


def test_a_link_is_for_the_one_it_names(service):
    """Nobody is logged in as somebody else by a link that lies."""
    service.ctl("adduser", "romeo", stdin=OTHER + "\n")
    c = xmpp(service)
    b = Browser(service)
    ask_link(b, "juliet@localhost")
    path = next_link(c).replace("juliet", "romeo")
    answer = b.send(b.get(path), "login/open")
    assert answer.status == 422 and b.who() == ""


def test_a_token_is_good_for_its_own_purpose_alone(service):
    change(service, sign_up="invited")
    c = xmpp(service)
    b = Browser(service)
    ask_link(b, "juliet@localhost")
    token = urllib.parse.parse_qs(next_link(c).partition("?")[2])["token"][0]
    assert sign_up(b, "romeo", path="/sign-up?invitation=" + token
                   ).status == 422
    answer = b.post("/login/confirm?do=login/confirm",
                    {"token": token, "jid": "juliet@localhost"})
    assert answer.status == 422
    invited = urllib.parse.parse_qs(
        invitation(service).partition("?")[2])["invitation"][0]
    answer = b.post("/login/open?do=login/open",
                    {"token": invited, "jid": "juliet@localhost"})
    assert answer.status == 422 and b.who() == ""


def test_who_has_no_account_is_told_the_same(service):
    def ask(jid):
        b = Browser(service)
        answer = ask_link(b, jid)
        assert answer.status == 303 and answer.location == "/login"
        return b.get("/login").text.replace(jid, "JID")
    assert ask("juliet@localhost") == ask("nobody@localhost")


def test_nobody_is_flooded_with_links(service):
    c = xmpp(service)
    for _ in range(6):
        assert ask_link(Browser(service), "juliet@localhost").status == 303
    c.ping()
    got = [e for e in c.aside if e.tag.endswith("}message") and link_in(e)]
    assert len(got) == 3


def test_the_link_does_not_go_where_the_request_says(service):
    c = xmpp(service)
    b = Browser(service)
    form = b.get("/login").form("login/link")
    b.post(form["action"], {**form["fields"], "jid": "juliet@localhost"},
           Host="evil.example")
    ask_link(b, "juliet@localhost")
    while True:
        stanza = c.recv()
        if stanza.tag.endswith("}message") and link_in(stanza):
            break
    assert link_in(stanza).startswith(service.url)


@pytest.mark.parametrize("command, path", [
    ("login/open", "/login/open"), ("login/confirm", "/login/confirm")])
def test_guessing_tokens_is_limited(service, command, path):
    b = Browser(service)
    said = []
    for n in range(35):
        answer = b.post(f"{path}?token={n:043d}&jid=a&do={command}", {
            "token": f"{n:043d}", "jid": "juliet@localhost"})
        assert answer.status == 422
        said.append(answer.errors[0])
    assert "too old" in said[0] and "too often" in said[-1]
    assert b.who() == ""


def test_one_link_pressed_by_many_lets_one_in(service):
    c = xmpp(service)
    ask_link(Browser(service), "juliet@localhost")
    path = next_link(c)
    pages, answers = [], []
    for _ in range(4):
        b = Browser(service)
        pages.append((b, b.get(path)))
    threads = [threading.Thread(target=lambda b=b, page=page: answers.append(
        b.send(page, "login/open").status)) for b, page in pages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert sorted(answers) == [303, 422, 422, 422]


# -- by one's own client -------------------------------------------------------

def start_client_login(b: Browser, jid: str, path="/login"):
    answer = b.send(b.get(path), "login/client", jid=jid)
    assert answer.status == 303, answer.text
    assert answer.location.startswith("/login/confirm?")
    page = b.get(answer.location)
    return page, re.search("auth-code[^>]*>\\s*<code>([^<]*)", page.text)[1]


def press(b: Browser, page: Answer):
    """The button that waits; its answer comes with join()."""
    got = []
    t = threading.Thread(target=lambda: got.append(
        b.send(page, "login/confirm")))
    t.start()

    def join():
        t.join(LIMIT)
        return got[0]
    return join


def asked(c: wire.Client) -> ET.Element:
    while True:
        stanza = c.recv()
        if stanza.find(f"{{{NS_CONFIRM}}}confirm") is not None:
            return stanza


def reply(c: wire.Client, stanza: ET.Element, yes: bool) -> None:
    confirm = stanza.find(f"{{{NS_CONFIRM}}}confirm")
    inner = (f"<confirm xmlns='{NS_CONFIRM}' id='{confirm.get('id')}' "
             f"method='{confirm.get('method')}' "
             f"url='{wire.esc(confirm.get('url'))}'/>")
    no = ("" if yes else "<error type='auth'><not-authorized "
          "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
    if stanza.tag.endswith("}iq"):
        kind = "result" if yes else "error"
        c.send(f"<iq xmlns='jabber:client' type='{kind}' "
               f"to='{stanza.get('from')}' id='{stanza.get('id')}'>"
               f"{'' if yes else inner}{no}</iq>")
    else:
        kind = "" if yes else " type='error'"
        thread = stanza.findtext("{*}thread")
        thread = f"<thread>{thread}</thread>" if thread else ""
        c.send(f"<message xmlns='jabber:client'{kind} "
               f"to='{stanza.get('from')}'>{thread}{inner}{no}</message>")


def test_a_client_says_yes(service):
    c = xmpp(service)
    b = Browser(service)
    page, code = start_client_login(b, "juliet@localhost",
                                    "/login?next=/account?z=3")
    assert re.fullmatch("[A-Z0-9]{8}", code)
    join = press(b, page)
    stanza = asked(c)
    confirm = stanza.find(f"{{{NS_CONFIRM}}}confirm")
    assert confirm.get("id") == code
    assert confirm.get("url").startswith(service.url)
    reply(c, stanza, True)
    answer = join()
    assert answer.status == 303 and answer.location == "/account?z=3"
    assert b.who() == "juliet@localhost"
    late = b.send(page, "login/confirm")
    assert late.status == 422 and "used already" in late.text


def test_a_client_says_no(service):
    c = xmpp(service)
    b = Browser(service)
    page, _ = start_client_login(b, "juliet@localhost")
    join = press(b, page)
    reply(c, asked(c), False)
    answer = join()
    assert answer.status == 422 and "said no" in answer.text
    assert b.who() == ""


def test_the_code_cannot_be_chosen(service):
    """It is made of a token of ours: no page shows somebody else's."""
    b = Browser(service)
    for token in ("A" * 43, "", "A" * 42, "<b>"):
        page = b.get("/login/confirm?" + urllib.parse.urlencode(
            {"token": token, "jid": "juliet@localhost"}))
        if page.forms and any("token" in f["fields"] for f in page.forms):
            assert b.send(page, "login/confirm").status == 422


# -- addresses of other servers ------------------------------------------------

class Far:
    """far.example: a component that speaks for all its people."""

    def __init__(self, port: int, secret: str):
        self.sock = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.sock.sendall(
            b"<stream:stream xmlns='jabber:component:accept' xmlns:stream="
            b"'http://etherx.jabber.org/streams' to='far.example'>")
        self.parser = ET.XMLPullParser(["start", "end"])
        self.depth = 0
        self.stanzas: list[ET.Element] = []
        stream = self.event("start")
        proof = hashlib.sha1((stream.get("id") + secret).encode())
        self.sock.sendall(f"<handshake>{proof.hexdigest()}</handshake>"
                          .encode())
        assert self.recv().tag.endswith("handshake")

    def event(self, want):
        while True:
            for kind, e in self.parser.read_events():
                self.depth += 1 if kind == "start" else -1
                if kind == "start" and self.depth == 1 and want == "start":
                    return e
                if kind == "end" and self.depth == 1 and want == "end":
                    return e
            data = self.sock.recv(65536)
            assert data
            self.parser.feed(data)

    def recv(self) -> ET.Element:
        return self.event("end")

    def send(self, xml: str) -> None:
        self.sock.sendall(xml.replace("jabber:client",
                                      "jabber:component:accept").encode())


@pytest.fixture
def far(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("far secret\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with auth("--component", f"127.0.0.1:{port}", "--component-secret",
              f"far.example={secret}", far="true",
              far_domains="near.example far.example") as s:
        s.far = Far(port, "far secret")
        yield s


def answer_as(s, stanza, yes: bool) -> None:
    class Sender:
        def send(self, xml):
            s.far.send(xml.replace(" to=", f" from='{stanza.get('to')}' to=",
                                   1))
    reply(Sender(), stanza, yes)


def far_asked(s) -> ET.Element:
    while True:
        stanza = s.far.recv()
        if stanza.find(f"{{{NS_CONFIRM}}}confirm") is not None:
            return stanza


def test_somebody_of_another_server_logs_in_with_his_client(far):
    b = Browser(far)
    page, code = start_client_login(b, "romeo@far.example")
    join = press(b, page)
    stanza = far_asked(far)
    assert stanza.get("to").startswith("romeo@far.example")
    assert stanza.find(f"{{{NS_CONFIRM}}}confirm").get("id") == code
    answer_as(far, stanza, True)
    assert join().status == 303
    assert b.who() == "romeo@far.example"
    page = b.get("/account")
    assert "password is not kept here" in page.text
    with pytest.raises(AssertionError):
        page.form("account/delete")
    for command, fields in (("account/password", {
            "old": OTHER, "password": PASSWORD, "again": PASSWORD}),
            ("account/delete", {"password": OTHER, "name": "romeo"})):
        answer = b.post(f"/account?do={command}", fields)
        assert answer.status == 422
    assert b.who() == "romeo@far.example"


def test_somebody_of_another_server_gets_a_link(far):
    b = Browser(far)
    assert ask_link(b, "romeo@far.example").status == 303
    while True:
        stanza = far.far.recv()
        if stanza.tag.endswith("}message"):
            break
    assert stanza.get("to") == "romeo@far.example"
    url = urllib.parse.urlsplit(link_in(stanza))
    page = b.get(f"{url.path}?{url.query}")
    assert b.send(page, "login/open").status == 303
    assert b.who() == "romeo@far.example"


def test_other_servers_log_in_only_where_they_may(far):
    def refused(jid):
        for command in ("login/link", "login/client"):
            b = Browser(far)
            answer = b.send(b.get("/login"), command, jid=jid)
            assert answer.status == 422
            assert "cannot log in here" in answer.text
    refused("romeo@other.example")
    refused("romeo@sub.far.example")
    change(far, far="false")
    refused("romeo@far.example")
    change(far, far="true", far_domains="*.far.example")
    refused("romeo@far.example")
    b = Browser(far)
    assert b.send(b.get("/login"), "login/client",
                  jid="romeo@sub.far.example").status == 303


def test_a_password_of_another_server_is_not_asked_for(far):
    answer = Browser(far).login("romeo@far.example", OTHER)
    assert answer.status == 422
    assert "of another server" in answer.errors[0]


# -- the other two faces -------------------------------------------------------

COMMANDS = {"invitations", "invitations/withdraw", "login", "login/client",
            "login/confirm", "login/link", "login/browser",
            "login/open", "logout", "logout/everywhere", "sign-up", "invite",
            "account", "account/password", "account/delete", "account/sessions",
            "account/sessions/end", "auth/about"}


def test_clients_use_the_same_commands(service):
    change(service, sign_up="open")
    guest = wire.Client(service.port)
    items = guest.iq("get", "<query xmlns='http://jabber.org/protocol/"
                     f"disco#items' node='{NS_COMMANDS}'/>")
    nodes = {i.get("node") for i in items.iter() if i.get("node")}
    assert "sign-up" in nodes and "account" not in nodes
    assert "invite" not in nodes
    code, note, _, _ = ad_hoc(guest, "sign-up", user="romeo", password=OTHER,
                              again=OTHER)
    assert not code and "romeo@localhost is there" in note
    assert ad_hoc(guest, "account")[0] == "forbidden"
    assert ad_hoc(guest, "login", user="romeo", password=OTHER)[1].startswith(
        "Only a browser")
    c = xmpp(service, "romeo", OTHER)
    _, _, values, _ = ad_hoc(c, "account")
    assert values["jid"] == "romeo@localhost" and values["here"] == "true"
    b = logged_in(service, "romeo", OTHER)
    rows = ad_hoc(c, "account/sessions")[3]
    assert sorted(r["kind"] for r in rows) == ["web", "xmpp"]
    assert [r["kind"] for r in rows if r["this"] == "true"] == ["xmpp"]
    web = next(r for r in rows if r["kind"] == "web")
    assert re.fullmatch("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ",
                        web["since"])
    assert not ad_hoc(c, "account/sessions/end", id=web["id"])[0]
    assert b.who() == ""
    b = logged_in(service, "romeo", OTHER)
    code, note, _, _ = ad_hoc(c, "account/password", old=OTHER,
                              password=PASSWORD, again=PASSWORD)
    assert not code and b.who() == "" and plain(service, "romeo", PASSWORD)
    c.ping()  # the one that asked goes on
    code, _, values, _ = ad_hoc(c, "auth/about")
    assert not code and values["sign-up"] == "open"
    code, note, values, _ = ad_hoc(c, "login/client", jid="romeo@localhost")
    assert not code and "/login/confirm?token=" in values["url"]
    assert not ad_hoc(c, "login/link", jid="romeo@localhost")[0]
    assert "/login/open?" in next_link(c)
    assert ad_hoc(c, "login/open", token="A" * 43,
                  jid="romeo@localhost")[0] == "refused"
    assert ad_hoc(c, "login/confirm", token="A" * 43,
                  jid="romeo@localhost")[0] == "refused"
    assert ad_hoc(c, "logout")[0] == "refused"
    ad_hoc(c, "account/delete", password="wrong", name="romeo")
    assert plain(service, "romeo", PASSWORD)


def test_a_client_opens_the_site_in_a_browser(service):
    """A log-in of XMPP becomes a browser's by a token, once; a browser's, and
    the stream of its page, make no other."""
    c = xmpp(service)
    code, note, values, _ = ad_hoc(c, "login/browser")
    assert not code and "once" in note
    url = urllib.parse.urlsplit(values["url"])
    path = f"{url.path}?{url.query}"
    b = Browser(service)
    assert b.send(b.get(path), "login/open").status == 303
    assert b.who() == "juliet@localhost"
    assert Browser(service).send(b.get(path), "login/open").status == 422
    answer = b.post("/_do/login/browser", {})
    assert answer.status == 422 and "for XMPP clients" in answer.text
    token = json.loads(b.post("/_token", {}).text)["token"]
    stream = wire.Client(service.port, bind=False)
    stream.open()
    assert stream.auth("OAUTHBEARER", b"n,,\x01auth=Bearer "
                       + token.encode() + b"\x01\x01").tag.endswith("}success")
    stream.open()
    stream.bind()
    assert ad_hoc(stream, "login/browser")[0] == "refused"
    guest = wire.Client(service.port)
    assert ad_hoc(guest, "login/browser")[0] == "forbidden"


def test_a_client_is_not_told_whether_a_password_is_right(service):
    """Browsers are logged in by the command, so nobody else need know."""
    guest = wire.Client(service.port)
    said = {ad_hoc(guest, "login", user=user, password=password)[:2]
            for user, password in (("juliet", PASSWORD), ("juliet", OTHER),
                                   ("nobody", OTHER))}
    assert said == {("refused", said.copy().pop()[1])}
    assert "Only a browser" in said.pop()[1]
    assert not any("auth.failed" in line for line in service.log)


def test_the_terminal_has_them_all(service):
    listed = json.loads(service.ctl("do", "--json").stdout)
    assert COMMANDS <= {row["node"] for row in listed}
    said = json.loads(service.ctl("do", "--json", "auth/about").stdout)
    assert said["values"]["sign-up"] == "closed"
    for words in (["login", "user=juliet", "password:=" + PASSWORD],
                  ["logout"], ["account/sessions/end", "id=nothing"],
                  ["sign-up", "user=x1", "password:=" + OTHER,
                   "again:=" + OTHER]):
        done = service.ctl("do", *words, check=False)
        assert done.returncode != 0 and done.stderr.strip()
        assert "internal" not in done.stderr
    done = service.ctl("do", "invite", check=False)
    assert "switched off" in done.stderr
    change(service, sign_up="open")
    service.ctl("do", "sign-up", "user=romeo", "password:=" + OTHER,
                "again:=" + OTHER)
    assert plain(service, "romeo", OTHER)


def test_the_length_of_a_login_is_a_setting(service):
    change(service, days="2")
    answer = Browser(service).login()
    ages = [int(m) for k, v in answer.headers.items()
            if k.lower() == "set-cookie" and "flash" not in v
            for m in re.findall("Max-Age=(\\d+)", v)]
    assert ages and all(2 * 86400 - 60 <= age <= 2 * 86400 for age in ages)
    wrong = service.ctl("do", "settings/auth", "days:=0", check=False)
    assert wrong.returncode != 0


def test_pages_are_in_no_cache_and_tell_nobody_where_one_was(shared):
    b = logged_in(shared)
    for path in ("/login", "/account", "/sign-up"):
        headers = b.get(path).headers
        assert "no-store" in headers["Cache-Control"]
        assert headers["Referrer-Policy"] in ("no-referrer", "same-origin")
def test_clients_make_accounts_by_the_same_rule():
    """In-band registration (XEP-0077) asks the app as well."""
    with auth("--registration") as s:
        def register(user):
            c = wire.Client(s.port, bind=False)
            c.open()
            c.send("<iq xmlns='jabber:client' type='set' id='r'>"
                   "<query xmlns='jabber:iq:register'><username>"
                   f"{user}</username><password>{OTHER}</password></query>"
                   "</iq>")
            return c.recv().get("type")
        assert register("romeo") == "error"
        change(s, sign_up="open")
        assert register("romeo") == "result"


# -- in German -----------------------------------------------------------------

GERMAN = {"Accept-Language": "de-AT,en;q=0.5"}


def test_the_pages_and_what_they_say_are_in_german(service):
    change(service, sign_up="invited")
    b = Browser(service, **GERMAN)
    page = b.get("/login")
    assert '<html lang="de">' in page.text
    for words in ("<h1>Anmelden</h1>", "Ohne Passwort", "Noch kein Konto?",
                  "Link schicken lassen", ">Passwort<"):
        assert words in page.text, words
    answer = b.login("juliet", OTHER)
    assert answer.errors == ["Dieser Name und dieses Passwort gehören nicht "
                             "zusammen."]
    assert "eine Einladung" in b.get("/sign-up").text
    assert b.login("juliet").status == 303
    page = b.get("/account")
    for words in ("Sie sind angemeldet als juliet@localhost.", "diese hier",
                  "Überall abmelden", "Konto löschen", "zuletzt gesehen"):
        assert words in page.text, words
    answer = b.send(page, "account/password", old=PASSWORD, password="kurz",
                    again="kurz")
    assert answer.errors[0].startswith("Bitte nehmen Sie mindestens 8 Zeichen")
    assert "Sie sind abgemeldet." in b.get(
        b.post("/_do/logout", {}).location).text
    assert "You are logged out." not in page.text
    assert '<html lang="en">' in Browser(service).get("/login").text


def test_a_client_hears_german_when_it_speaks_it(service):
    c = xmpp(service)
    c.send("<iq xmlns='jabber:client' to='localhost' type='set' id='g' "
           "xml:lang='de'>"
           f"<command xmlns='{NS_COMMANDS}' node='account/sessions/end' "
           "action='complete'><x xmlns='jabber:x:data' type='submit'>"
           "<field var='id'><value>x</value></field></x></command></iq>")
    answer = c.recv()
    while answer.get("id") != "g":
        answer = c.recv()
    assert "Diese Sitzung ist schon beendet." in "".join(answer.itertext())


def said_by_the_app() -> set[str]:
    """What people may read: labels and sentences of its C files, words of its
    templates."""
    folder = os.path.join(TOP, "apps", "auth")
    texts = set()
    literal = r'"((?:[^"\\\n]|\\.)*)"'
    for name in os.listdir(folder):
        if not name.endswith((".c", ".xsl")):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            text = f.read()
        if name.endswith(".xsl"):
            texts |= {" ".join(t.split()) for t in re.findall(
                "<c:text>(.*?)</c:text>", text, re.S)}
            continue
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        for found in re.finditer(rf"{literal}(?:\s*{literal})*", text):
            words = "".join(re.findall(literal, found[0]))
            if re.match("[A-Z]", words) and not words.startswith("Log in with "
                                                                 "this link"):
                texts.add(words.replace('\\"', '"'))
    return texts


def test_the_catalogue_has_all_that_the_app_says_and_no_more():
    with open(os.path.join(TOP, "apps", "auth", "locale", "de.po"),
              encoding="utf-8") as f:
        entries = f.read().split("msgid ")[2:]
    literal = r'"((?:[^"\\\n]|\\.)*)"'
    ids = {"".join(re.findall(literal, e.split("msgstr")[0]))
           .replace('\\"', '"') for e in entries}
    assert all(re.findall(r'"[^"]', e.split("msgstr")[1]) for e in entries)
    said = said_by_the_app()
    assert said - ids == set()
    assert ids - said == set()


# -- people of another program's database --------------------------------------

@pytest.fixture
def django(tmp_path):
    """The example auth-sql with a table such as Django has."""
    import base64
    import sqlite3
    file = tmp_path / "people.sqlite"
    key = base64.b64encode(hashlib.pbkdf2_hmac(
        "sha256", OTHER.encode(), b"NaCl", 1000)).decode()
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE auth_user (username TEXT PRIMARY KEY,"
                   " password TEXT, is_active INTEGER)")
        db.executemany("INSERT INTO auth_user VALUES (?, ?, ?)", [
            ("romeo", "pbkdf2_sha256$1000$NaCl$" + key, 1),
            ("tybalt", "pbkdf2_sha256$1000$NaCl$" + key, 0),
            ("paris", "!unusable", 1)])
    db.close()
    with Service(os.path.join(BUILD, "examples/auth-sql/auth-sql.so"),
                 "--allow-plain",
                 files=os.path.join(TOP, "examples/auth-sql"),
                 env={"CONCORDANCE_APPS": os.path.join(BUILD, "apps")}) as s:
        s.ctl("adduser", "juliet", stdin=PASSWORD + "\n")
        s.ctl("do", "settings/auth_sql", f"sql-file:={file}")
        s.database = file
        yield s


def test_people_of_a_database_log_in(django):
    b = Browser(django)
    answer = b.login("Romeo", OTHER)
    assert answer.status == 303, answer.text
    assert b.who() == "romeo@localhost"
    assert plain(django, "romeo", OTHER)
    for user, password in (("romeo", PASSWORD), ("tybalt", OTHER),
                           ("paris", OTHER), ("nobody", OTHER),
                           ("romeo' OR 1=1 --", OTHER)):
        assert Browser(django).login(user, password).status == 422
        assert not plain(django, user, password)


def test_whom_the_database_does_not_know_the_service_may(django):
    assert logged_in(django).who() == "juliet@localhost"
    assert plain(django, "juliet", PASSWORD)
    assert not plain(django, "juliet", OTHER)


def test_a_database_that_cannot_be_read_lets_nobody_in(django):
    django.ctl("do", "settings/auth_sql", "sql-file:=/nowhere/at-all")
    for _ in range(12):  # nobody guessed, and nobody is slowed down
        answer = Browser(django).login("romeo", OTHER)
        assert answer.status == 422 and "just now" in answer.errors[0]
    assert any("/nowhere/at-all" in line for line in django.log)
    assert "paused" not in django.ctl("do", "apps").stdout


def test_a_name_of_the_database_is_taken_and_gets_links(django):
    django.ctl("do", "settings/auth_sql", f"sql-file:={django.database}",
               "sign-up=open")
    answer = sign_up(Browser(django), "romeo")
    assert answer.status == 422
    assert "has this name already" in " ".join(answer.errors)
    c = xmpp(django, "romeo", OTHER)
    b = Browser(django)
    ask_link(b, "romeo@localhost")
    assert b.send(b.get(next_link(c)), "login/open").status == 303
    assert b.who() == "romeo@localhost"
