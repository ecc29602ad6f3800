# SPDX-License-Identifier: MIT
"""HTTP over the link: what a process inside a web server asks for browsers,
as docs/protocol.md has it."""
from __future__ import annotations

import gzip
import os
import re
import urllib.parse

import pytest

from link import Answer, Link, WEB
from service import BUILD, Service, until
from wire import Client, NS_EVENT, condition

PAGES = "service/pages"


@pytest.fixture(scope="module")
def service():
    with Service() as s:
        yield s


@pytest.fixture(scope="module")
def lock(tmp_path_factory):
    """An app that logs people in."""
    with Service(os.path.join(BUILD, "tests/service/apps/lock.so"),
                 files=str(tmp_path_factory.mktemp("lock"))) as s:
        s.ctl("adduser", "anna", stdin="secret\n")
        yield s


@pytest.fixture
def link(service):
    with Link(service.link) as c:
        yield c


def form(**fields) -> str:
    return urllib.parse.urlencode(fields)


def items(link: Link) -> dict:
    """The pages that the node lists: id -> <page/>."""
    answer = link.pubsub("get", f"<items node='{PAGES}'/>")
    return {i.get("id"): i[0] for i in answer.iter()
            if i.tag.endswith("}item")}


def events(link: Link) -> list:
    """(id, <page/> or None) of what came of the node, in order."""
    out = []
    for e in link.aside:
        for i in e.iter(f"{{{NS_EVENT}}}items"):
            if i.get("node") == PAGES:
                out += [(c.get("id"), c[0] if len(c) else None) for c in i]
    return out


def subscribe(link: Link):
    answer = link.pubsub("set", f"<subscribe node='{PAGES}' "
                         f"jid='{link.jid}'/>")
    assert answer.get("type") == "result"


def test_a_page_is_the_one_that_http_serves(service, link):
    _, headers, html = service.get("/")
    a = link.get("/")
    assert (a.status, a.reason) == (200, "OK")
    assert a.body.decode() == html
    for name in ("Content-Type", "Content-Length", "ETag", "Vary",
                 "Cache-Control", "Content-Security-Policy"):
        assert a[name] == headers[name], name
    assert int(a["Content-Length"]) == len(a.body)


def test_a_page_for_all_guests_is_kept_by_its_key(link):
    a = link.get("/")
    assert a.kept.get("key") == "/"
    assert a.kept.get("etag") == a["ETag"].strip('"')
    assert a.kept.get("personal") == "false"
    page = items(link)["/"]
    assert page.tag == f"{{{WEB}}}page"
    assert page.get("path") == "/" and page.get("lang") == "en"
    assert page.get("etag") == a.kept.get("etag")
    assert re.fullmatch(r"[0-9a-f]{8}\.\d+", page.get("position"))


def test_a_form_is_posted_and_what_was_kept_is_old(link):
    subscribe(link)
    before = link.get("/").kept.get("etag")
    a = link.post("/?form=library", form(title="Emma", author="Jane Austen"))
    assert a.status == 303 and a["Location"] == "/"
    after = link.get("/")
    assert b"Emma" in after.body
    # What was said of the page came before that answer, on this stream.
    said = events(link)
    assert said[-1][0] == "/"
    assert said[-1][1].get("etag") == after.kept.get("etag") != before


def test_a_refused_form_is_shown_again(link):
    a = link.post("/?form=library", form(title="", author="Jane Austen"))
    assert a.status == 422 and b"Jane Austen" in a.body
    assert a.kept is None


# -- who may -------------------------------------------------------------------

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0,
                                reason="another user's process is needed")


def connect_as_nobody(s: Service) -> Link:
    """As an operator lets in another user: by the folder and the socket."""
    os.chmod(s.data, 0o711)
    os.chmod(s.link, 0o666)
    return Link(s.link, uid=NOBODY)


@needs_root
def test_another_user_may_not_ask(service):
    with connect_as_nobody(service) as c:
        assert c.get("/").error == "forbidden"
        assert c.open("x").get("type") == "error"
        answer = c.pubsub("get", f"<items node='{PAGES}'/>")
        assert answer.get("type") == "error"
    until("the log", lambda: any("gate.forbidden" in line and "uid-65534" in
                                 line for line in service.log))


@needs_root
@pytest.mark.parametrize("user", ["nobody", str(NOBODY)])
def test_a_link_user_may_ask_and_is_no_operator(user):
    with Service("bookcase-c", "--link-user", user) as s:
        with connect_as_nobody(s) as c:
            assert c.get("/").status == 200
            assert "/" in items(c)
            subscribe(c)
            answer = c.pubsub("get", "<items node='service/log'/>")
            assert answer.get("type") == "error"
            answer = c.pubsub("set", f"<retract node='{PAGES}'>"
                              "<item id='/'/></retract>")
            assert answer.get("type") == "error"
            answer = c.iq("set", "<command xmlns='http://jabber.org/protocol/"
                          "commands' node='status' action='execute'/>")
            assert answer.get("type") == "error"


def test_link_user_is_a_user_of_this_machine():
    with pytest.raises(AssertionError, match="--link-user is a user of this "
                       'machine, by name or number, not "no such"'):
        Service("bookcase-c", "--link-user", "no such")


def test_a_browser_may_not_ask(service):
    c = Client(service.port)
    answer = c.iq("set", Link.req("GET", "/"))
    assert condition(answer) == "forbidden"
    answer = c.pubsub("get", f"<items node='{PAGES}'/>")
    assert answer.get("type") == "error"
    c.close()


# -- as by HTTP ----------------------------------------------------------------

def test_head_and_304_have_no_body(link):
    whole = link.get("/")
    a = link.ask("HEAD", "/")
    assert a.status == 200 and not a.has_data and a.sid is None
    assert a["Content-Length"] == str(len(whole.body))
    a = link.get("/", {"If-None-Match": whole["ETag"]})
    assert a.status == 304 and not a.has_data
    assert a["ETag"] == whole["ETag"] and a.kept is not None


def test_a_compressed_copy_comes_as_bytes(service, link):
    def packed():
        a = link.get("/", {"Accept-Encoding": "gzip"})
        return a if a["Content-Encoding"] == "gzip" else None
    a = until("it is packed", packed)
    assert gzip.decompress(a.body) == link.get("/").body
    assert a.kept.get("etag") == link.get("/").kept.get("etag")


@pytest.mark.parametrize("method, path, status, unknown", [
    ("GET", "/nothing/here", 404, True),
    ("POST", "/nothing/here", 405, True),
    ("PATCH", "/nothing/here", 405, True),
    ("GET", "/favicon.ico", 204, True),
    ("PATCH", "/", 405, False),
    ("GET", "/?before=none", 404, False),
    ("GET", "/healthz", 200, False),
    ("GET", "/assets/none.css", 404, True),
    ("OPTIONS", "/", 405, False)])
def test_what_nobody_has_is_said_to_be_unknown(link, method, path, status,
                                               unknown):
    a = link.ask(method, path)
    assert (a.status, a.unknown) == (status, unknown)


def test_a_log_in_is_a_cookie_of_who_the_browser_is_said_to_be(lock):
    with Link(lock.link) as c:
        def post(path, fields, lines=None, client="secure='true' "
                 "addr='192.0.2.7'"):
            origin = "https" if "'true'" in client else "http"
            return c.post(path, fields, {"Origin": f"{origin}://localhost",
                                         **(lines or {})}, client=client)
        # Not without TLS, which the client alone says.
        a = post("/_do/lock/login", form(jid="anna@localhost"),
                 {"X-Forwarded-Proto": "https"}, "secure='false'")
        plain = a["Set-Cookie"]
        a = post("/_do/lock/login", form(jid="anna@localhost"),
                 {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http",
                  "Forwarded": "for=6.6.6.6"})
        assert a.status == 200 and "; Secure" in a["Set-Cookie"]
        assert plain is None or "; Secure" not in plain
        jar = {"Cookie": a["Set-Cookie"].split(";")[0]}
        text = post("/_do/lock/whoami", "", {
            **jar, "X-Forwarded-For": "6.6.6.6"}).body
        assert b"anna@localhost" in text and b"addr=192.0.2.7" in text
        # It is nobody else's.
        assert b"anna@localhost" not in post("/_do/lock/whoami", "").body


def test_the_same_request_again_is_the_same_item(link):
    body = form(title="Persuasion", author="Jane Austen")
    for _ in range(2):
        a = link.post("/?form=library", body, client="item='once-1'")
        assert a.status == 303
    answer = link.pubsub("get", "<items node='library'><item id='once-1'/>"
                         "</items>")
    assert answer.findtext(".//{*}title") == "Persuasion"
    assert link.get("/").body.count(b"Persuasion</") == 1
    # What the form says itself is before that.
    a = link.post("/?form=library", body + "&concordance%23id=own-1",
                  client="item='once-2'")
    ids = [i.get("id") for i in link.pubsub(
        "get", "<items node='library'/>").iter() if i.get("id")]
    assert a.status == 303 and "own-1" in ids and "once-2" not in ids


def test_what_nobody_has_is_told_before_its_body_and_from_anywhere(link):
    """It is for the application beside, which has its own rules."""
    lines = {"Origin": "https://elsewhere.example",
             "Content-Length": str(100 << 20)}
    a = Answer(link.answer(link.begin("POST", "/api/hook", lines, "big")))
    assert (a.status, a.unknown) == (405, True)
    assert condition(link.open("big")) == "not-acceptable"
    a = link.post("/api/hook", "x=y", {"Origin": "https://elsewhere.example"})
    assert (a.status, a.unknown) == (405, True)


# -- whom it believes ----------------------------------------------------------

def test_a_form_of_another_site_is_refused(link):
    body = form(title="Evil", author="Mallory")
    for lines in ({"Origin": "https://evil.example"}, {"Origin": "null"},
                  {"Sec-Fetch-Site": "cross-site"},
                  {"Referer": "https://evil.example/"},
                  {"Origin": "https://localhost"}):  # this one came by http
        assert link.post("/?form=library", body, lines).status == 403
    a = link.post("/?form=library", body, {"Origin": "https://localhost"},
                  client="secure='true'")
    assert a.status == 303
    a = link.post("/?form=library", body, {"Origin": "http://localhost"},
                  client="secure='true'")
    assert a.status == 403


def test_who_is_refused_is_logged_beside_what_would_be_its_own(service, link):
    own = f"localhost:{service.port}"

    def post():  # until the log takes the next one
        link.post("/?form=library", form(title="Evil", author="M"),
                  {"Origin": "https://link.example"})
        return any("origin=https://link.example own=http://localhost " in line
                   for line in service.log)
    until("the log has the link's", post)

    def port():
        status, _, _ = service.post("/?form=library", {
            "Origin": "http://localhost:1", "Host": own}, title="Evil")
        assert status == 403
        return any(f"origin=http://localhost:1 own=http://{own} " in line
                   for line in service.log)
    until("the log has the port's", port)


@pytest.mark.parametrize("addr", ["localhost", "1.2.3", "x" * 80, "::1::",
                                  "192.0.2.7, 10.0.0.1", "192.0.2.7:80"])
def test_an_address_is_one_address(link, addr):
    assert link.get("/", client=f"addr='{addr}'").error == "bad-request"
    assert link.get("/", client="addr='2001:db8::1'").status == 200


def test_a_site_that_is_not_ours_is_misdirected():
    with Service("bookcase-c", "--domain", "localhost") as s, \
            Link(s.link) as c:
        assert c.get("/", host="books.example").status == 421
        assert c.get("/", host="localhost:81").status == 200


# -- what is no request --------------------------------------------------------

@pytest.mark.parametrize("method, path, headers, condition_", [
    ("", "/", {}, "bad-request"),
    ("get", "/", {}, "bad-request"),
    ("GE T", "/", {}, "bad-request"),
    ("CONNECT", "/", {}, "bad-request"),
    ("TRACE", "/", {}, "bad-request"),
    ("X" * 25, "/", {}, "bad-request"),
    ("GET", "", {}, "bad-request"),
    ("GET", "books", {}, "bad-request"),
    ("GET", "http://localhost/", {}, "bad-request"),
    ("GET", "/a/../b", {}, "bad-request"),
    ("GET", "/a/%2e%2e/b", {}, "bad-request"),
    ("GET", "//x", {}, "bad-request"),
    ("GET", "/a%2fb", {}, "bad-request"),
    ("GET", "/a%00", {}, "bad-request"),
    ("GET", "/a%zz", {}, "bad-request"),
    ("GET", "/a%ff", {}, "bad-request"),
    ("GET", "/a b", {}, "bad-request"),
    ("GET", "/a#b", {}, "bad-request"),
    ("GET", "/?a b", {}, "bad-request"),
    ("GET", "/" + "a" * 9000, {}, "policy-violation"),
    ("GET", "/", {"": "x"}, "bad-request"),
    ("GET", "/", {"A b": "x"}, "bad-request"),
    ("GET", "/", {"A:b": "x"}, "bad-request"),
    ("GET", "/", {"A": "b\nSet-Cookie: x"}, "bad-request"),
    ("GET", "/", {"A": "b&#13;c"}, "bad-request"),
    ("GET", "/", [("Host", "b")], "bad-request"),
    ("GET", "/", [("Origin", "a"), ("origin", "b")], "bad-request"),
    ("GET", "/", {"Content-Length": "1e3"}, "bad-request"),
    ("GET", "/", {"Content-Length": "-1"}, "bad-request"),
    ("POST", "/", {"Content-Length": "5"}, "bad-request"),
    ("GET", "/", [(f"x{i}", "") for i in range(64)], "policy-violation"),
    ("GET", "/", {"A": "x" * 16384}, "policy-violation")])
def test_what_is_no_request_is_refused(link, method, path, headers,
                                       condition_):
    xml = link.req(method, path, headers).replace("&amp;#13;", "&#13;")
    assert condition(link.iq("set", xml)) == condition_
    assert link.get("/").status == 200


@pytest.mark.parametrize("host", [None, "", "a b", "a/b", "a@b", "[::1"])
def test_a_host_is_needed(link, host):
    assert link.get("/", host=host).error == "bad-request"


@pytest.mark.parametrize("data", [
    "<data/>", "<data><xml><a/></xml></data>",
    "<data><base64>*</base64></data>", "<data><base64>AAA</base64></data>",
    "<data><ibb/></data>", f"<data><ibb sid='{'x' * 129}'/></data>"])
def test_a_body_that_is_none_is_refused(link, data):
    answer = link.iq("set", link.req("POST", "/?form=library", {}, data))
    assert condition(answer) == "bad-request"


def test_a_body_that_is_too_large_for_one_iq_is_refused(link):
    assert link.post("/?form=library", b"x" * 80000).error \
        == "policy-violation"


def test_a_text_is_a_body_too(link):
    data = "<data><text>title=Sanditon&amp;author=Jane+Austen</text></data>"
    answer = link.iq("set", link.req(
        "POST", "/?form=library",
        {"Content-Type": "application/x-www-form-urlencoded"}, data))
    assert answer[0].get("statusCode") == "303"
    assert b"Sanditon" in link.get("/").body


def test_what_is_of_one_connection_alone_is_not_heard(link):
    a = link.get("/", {"Connection": "close, X-Own", "X-Own": "1",
                       "Transfer-Encoding": "chunked", "Upgrade": "websocket",
                       "Expect": "100-continue", "TE": "trailers"})
    assert a.status == 200


# -- what an operator sees -----------------------------------------------------

def test_the_log_and_the_figures_name_it(service, link):
    before = figure(service, "gate_requests_total")
    link.get("/")
    link.get("x")
    assert figure(service, "gate_requests_total") == before + 2
    assert figure(service, "gate_links") >= 1
    assert figure(service, "gate_refused_total") >= 1
    # One line a second of them all.
    until("the log", lambda: link.get("x").error and any(
        "gate.bad" in line for line in service.log))


def figure(s: Service, name: str) -> int:
    return int(re.search(rf"^concordance_{name} (\d+)$", s.page("/metrics"),
                         re.M)[1])
