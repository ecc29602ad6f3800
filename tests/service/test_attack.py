# SPDX-License-Identifier: MIT
"""What strangers and bad luck do to the running service.  More of it:
ATTACK_KILLS=20 ATTACK_SUBMITS=10000 for the last test."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import xml.etree.ElementTree as ET
from urllib.parse import quote

import pytest

from service import BUILD, NS, Service, book, until
from wire import (NS_EVENT, NS_MAM, NS_PUBSUB, NS_RSM, UPGRADE, Client, Closed,
                  condition, esc, frame)

COMMANDS = "http://jabber.org/protocol/commands"
DATA = "jabber:x:data"
ADMIN = "http://jabber.org/protocol/admin#"


def sanitized() -> bool:
    """The allocator of a sanitizer keeps what is freed."""
    path = os.path.join(BUILD, "src/service/concordanced")
    with open(path, "rb") as f:
        return b"__asan_init" in f.read()


def proc(s, field: str) -> int:
    with open(f"/proc/{s.process.pid}/status", encoding="ascii") as f:
        return int(re.search(rf"{field}:\s+(\d+) kB", f.read())[1])


def n_files(s) -> int:
    return len(os.listdir(f"/proc/{s.process.pid}/fd"))


def metric(s, name: str) -> int:
    return int(re.search(rf"^concordance_{name} (\d+)", s.page("/metrics"),
                         re.M)[1])


def form(**fields) -> str:
    return f"<x xmlns='{DATA}' type='submit'>" + "".join(
        f"<field var='{k}'><value>{esc(v)}</value></field>"
        for k, v in fields.items()) + "</x>"


def submit(node: str = "library", **fields) -> str:
    return (f"<command xmlns='{COMMANDS}' node='{node}' action='complete'>"
            f"{form(**fields)}</command>")


def archive(node: str, **rsm) -> str:
    inner = "".join(f"<{k}>{esc(str(v))}</{k}>" for k, v in rsm.items())
    return (f"<query xmlns='{NS_MAM}' node='{esc(node)}'>"
            f"<set xmlns='{NS_RSM}'>{inner}</set></query>")


def ids(s, node: str = "library") -> list[str]:
    out = s.ctl("items", node).stdout
    return [line.split("\t")[0] for line in out.splitlines()]


@pytest.fixture(scope="module")
def service():
    with Service() as running:
        for n in range(5):
            running.ctl("publish", "library", book(f"T{n}"), f"i{n}")
        yield running
        assert running.process.poll() is None
        assert running.get("/healthz")[0] == 200


# -- many and slow ------------------------------------------------------------

def test_slow_readers_hurt_themselves_alone():
    n_slow, n_items = 60, 1000
    with Service(store="memory") as s:
        slow = [Client(s.port, rcvbuf=4096) for _ in range(n_slow)]
        for c in slow:
            c.subscribe("library")
        good = Client(s.port)
        good.subscribe("library")
        got = []

        def read():
            while len(got) < n_items:
                if good.recv().tag.endswith("}message"):
                    got.append(1)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        before = proc(s, "VmRSS")
        payload = book("T", "x" * 9900)
        for _ in range(n_items // 100):
            items = "".join(f"<item id='i{n}'>{payload}</item>"
                            for n in range(100))
            publish(s, items)
        reader.join(30)
        assert len(got) == n_items
        until("the slow ones are cut off",
              lambda: metric(s, "sessions") <= 2)
        assert metric(s, "queue_overflows_total") == n_slow
        if not sanitized():
            assert proc(s, "VmHWM") - before < n_slow * 2048 + 40960
        with pytest.raises(Closed):
            while True:
                slow[0].text()


def publish(s, items: str):
    """Several items in one stanza, by the operator's link."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(30)
        link.connect(s.link)
        head = ("<stream:stream xmlns='jabber:client' version='1.0' "
                "xmlns:stream='http://etherx.jabber.org/streams'>")
        for text, end in [
                (head, b"</stream:features>"),
                ("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                 "mechanism='EXTERNAL'>=</auth>", b"<success"),
                (head, b"</stream:features>"),
                ("<iq type='set' id='1'><bind xmlns="
                 "'urn:ietf:params:xml:ns:xmpp-bind'/></iq>", b"</iq>"),
                (f"<iq type='set' id='2' to='localhost'><pubsub xmlns="
                 f"'{NS_PUBSUB}'><publish node='library'>{items}</publish>"
                 "</pubsub></iq>", b"</iq>")]:
            link.sendall(text.encode())
            answer = b""
            while end not in answer:
                part = link.recv(1 << 16)
                assert part, answer
                answer += part
        assert b"type='result'" in answer, answer


def test_much_asked_at_once_is_answered_to_one_who_reads(service):
    """Each answer is as large as may wait; all are asked in one breath."""
    for n in range(60):
        service.ctl("publish", "library", book("T", "x" * 9000), f"big{n}")
    c = Client(service.port)
    n = 200
    asked = b"".join(frame(
        f"<iq xmlns='jabber:client' type='set' id='m{i}' to='localhost'>"
        f"{archive('library')}</iq>".encode()) for i in range(n))
    writer = threading.Thread(target=c.raw, args=[asked])
    writer.start()
    for i in range(n):
        assert c.answer(f"m{i}").get("type") == "result"
        c.aside.clear()
    writer.join()
    for i in range(60):
        service.ctl("retract", "library", f"big{i}")


def crowd(s, n: int, data: bytes):
    """n connections that say data and then nothing."""
    sockets = []
    for _ in range(n):
        x = socket.create_connection(("127.0.0.1", s.port))
        sockets.append(x)
        try:
            x.sendall(data)
        except OSError:
            pass  # it was refused already, which is an answer too
    return sockets


CROWDS = {  # how many, what each says, kB each may cost
    "nothing": (2000, b"", 6),
    "half a head": (2000, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 8000,
                    24),
    "half an upgrade": (2000, UPGRADE[:-2], 6),
    "a silent stream": (2000, UPGRADE, 8),
    "half a message": (2000, UPGRADE + frame(b"<" * 9999)[:-50], 24),
    "a TLS hello": (2000, b"\x16\x03\x01\x02\x00\x01" + b"\xaa" * 500, 6),
    "half a body": (1200, b"POST /?form=library HTTP/1.1\r\nHost: localhost\r\n"
                    b"Content-Length: 900000\r\n\r\n" + b"a" * 600000, 600),
}


@pytest.mark.parametrize("name", CROWDS)
def test_a_crowd_costs_little_and_leaves_nothing(name):
    n, data, each_kb = CROWDS[name]
    with Service(store="memory") as s:
        s.page()
        before, files = proc(s, "VmRSS"), n_files(s)
        sockets = crowd(s, n, data)
        start = time.monotonic()
        assert s.get("/")[0] == 200
        assert time.monotonic() - start < 5
        if not sanitized():
            assert proc(s, "VmRSS") - before < n * each_kb + 8192
        for x in sockets:
            x.close()
        until("all are gone", lambda: metric(s, "connections") <= 1)
        assert n_files(s) <= files + 2
        if not sanitized():
            until("memory is given back",
                  lambda: proc(s, "VmRSS") < before + 12288)


def test_ten_thousand_connections_come_and_go():
    with Service(store="memory") as s:
        s.page()
        before, files = proc(s, "VmRSS"), n_files(s)
        for n in range(10000):
            x = socket.create_connection(("127.0.0.1", s.port))
            if n % 2:
                x.sendall(b"GET / HT")
            x.close()
        for _ in range(300):
            c = Client(s.port)
            c.subscribe("view:/")
            c.close()
        until("all are gone", lambda: metric(s, "connections") <= 1
              and metric(s, "subscriptions") == 0)
        assert n_files(s) <= files + 2
        if not sanitized():
            until("memory is given back",
                  lambda: proc(s, "VmRSS") < before + 8192)


# -- strangers who ask for what is not theirs ---------------------------------

OWNER = NS_PUBSUB + "#owner"
CLOSED = {"forbidden", "not-allowed", "item-not-found", "bad-request",
          "feature-not-implemented", "not-authorized", "not-acceptable"}


def config(**fields) -> str:
    return form(FORM_TYPE=NS_PUBSUB + "#node_config", **fields)


@pytest.mark.parametrize("node", [
    "library", "view:/", "templates", "new", "../etc/passwd", "view:/../x",
    "a\tb", "", pytest.param("x" * 1023, id="long"),
    pytest.param("y" * 60000, id="too long")])
def test_a_visitor_changes_no_node(service, node):
    c = Client(service.port)
    e, item = esc(node), f"<item id='evil'>{book('evil')}</item>"
    before = ids(service), service.ctl("nodes").stdout
    for ns, kind, verb in [
            (NS_PUBSUB, "set", f"<create node='{e}'/>"),
            (NS_PUBSUB, "set", f"<publish node='{e}'>{item}</publish>"),
            (NS_PUBSUB, "set", f"<publish node='{e}'>{item}</publish>"
             f"<publish-options>{config(access_model='open')}"
             "</publish-options>"),
            (NS_PUBSUB, "set", f"<retract node='{e}'><item id='i1'/>"
             "</retract>"),
            (NS_PUBSUB, "set", f"<subscribe node='{e}' "
             "jid='operator@localhost'/>"),
            (OWNER, "set", f"<purge node='{e}'/>"),
            (OWNER, "set", f"<delete node='{e}'/>"),
            (OWNER, "get", f"<configure node='{e}'/>"),
            (OWNER, "set", f"<configure node='{e}'>"
             + config(**{"pubsub#publish_model": "open"}) + "</configure>"),
            (OWNER, "get", f"<affiliations node='{e}'/>"),
            (OWNER, "set", f"<affiliations node='{e}'><affiliation "
             f"jid='{c.jid}' affiliation='owner'/></affiliations>"),
            (OWNER, "get", f"<subscriptions node='{e}'/>")]:
        answer = c.iq(kind, f"<pubsub xmlns='{ns}'>{verb}</pubsub>")
        assert condition(answer) in CLOSED, (verb, ET.tostring(answer))
    assert (ids(service), service.ctl("nodes").stdout) == before


def test_a_visitor_does_not_read_templates(service):
    c = Client(service.port)
    for answer in [
            c.subscribe("templates"),
            c.pubsub("get", "<items node='templates'/>"),
            c.pubsub("get", "<items node='templates'>"
                     "<item id='bookcase.xsl'/></items>"),
            c.iq("set", archive("templates"))]:
        assert condition(answer) == "not-allowed"
    listed = c.iq("get", "<query xmlns="
                  "'http://jabber.org/protocol/disco#items'/>")
    assert "templates" not in ET.tostring(listed).decode()


@pytest.mark.parametrize("node", ["status", ADMIN + "add-user",
                                  ADMIN + "change-user-password",
                                  ADMIN + "delete-user"])
def test_a_visitor_runs_no_command_of_the_operator(service, node):
    c = Client(service.port)
    for action in ["execute", "complete"]:
        answer = c.iq("set", f"<command xmlns='{COMMANDS}' node='{node}' "
                      f"action='{action}'>" + form(
                          accountjid="m@localhost", password="x",
                          accountjids="m@localhost") + "</command>")
        assert condition(answer) == "forbidden"


def test_a_command_belongs_to_its_session(service):
    a, b = Client(service.port), Client(service.port)
    begun = a.iq("set", f"<command xmlns='{COMMANDS}' node='library'/>")
    number = begun[0].get("sessionid")
    for other in [number, "x" * 60000, "", "'\"<>"]:
        answer = b.iq("set", f"<command xmlns='{COMMANDS}' node='library' "
                      f"action='complete' sessionid='{esc(other)}'>"
                      + form(title="t", author="a") + "</command>")
        assert condition(answer) == "bad-request"
    many = {f"f{n}": "v" for n in range(4200)}
    assert condition(b.iq("set", submit(**many))) == "bad-request"


def test_a_form_does_not_replace_somebody_elses_record(service):
    c = Client(service.port)
    answer = c.iq("set", submit(title="evil", author="evil",
                                **{"concordance#id": "i1"}))
    assert answer[0].get("status") == "executing"
    assert service.post(title="evil", author="evil",
                        **{"concordance#id": "i1"})[0] == 422
    assert "evil" not in service.ctl("items", "library", "i1").stdout


def test_visitors_cannot_speak_as_others_or_to_them(service):
    a, b = Client(service.port), Client(service.port)
    for to in [b.jid, "operator@localhost", "elsewhere.example"]:
        assert condition(a.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to))
        a.send(f"<message xmlns='jabber:client' to='{esc(to)}' "
               "from='localhost'><event "
               f"xmlns='{NS_EVENT}'/></message>")
        assert a.recv().get("type") == "error"
    a.send(f"<iq xmlns='jabber:client' to='{esc(b.jid)}' type='result' "
           "from='localhost' id='q1'/>")
    answer = a.iq("get", "<ping xmlns='urn:xmpp:ping'/>",
                  more=" from='operator@localhost/x'")
    assert answer.get("to") == a.jid
    assert b.ping().get("id") == "q1" and not b.aside


@pytest.mark.parametrize("user", ["operator", "uid-0", "guest", "localhost"])
def test_nobody_logs_in_as_the_service_itself(service, user):
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "EXTERNAL"]:
        c = Client(service.port, bind=False)
        c.open()
        first = {"PLAIN": f"\0{user}\0x", "EXTERNAL": f"{user}@localhost"}.get(
            mechanism, f"n,,n={user},r=abcdefgh")
        answer = c.auth(mechanism, first.encode())
        if answer.tag.endswith("}challenge"):
            c.send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
                   "Yz1iaXdzLHI9YWJjZGVmZ2gscD1hYWFh</response>")
            answer = c.recv()
        assert answer.tag.endswith("}failure")


@pytest.mark.parametrize("where", [
    "", "x", "0.0", "99999999.1", "..", "'", "7fffffff.18446744073709551615",
    pytest.param("9" * 60000, id="long")])
def test_no_position_confuses_the_archive(service, where):
    c = Client(service.port)
    assert condition(c.iq("set", archive("library", after=where))) == \
        "item-not-found"
    c.iq("set", archive("library", before=where))
    for most in ["-1", "99999999999999999999", "1e3", "", "0x10"]:
        assert condition(c.iq("set", archive("library", max=most))) == \
            "bad-request"
    c.iq("set", archive("library", max="2147483647"))


# -- HTTP ---------------------------------------------------------------------

SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("headers, body", [
    (b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nG"),
    (b"Transfer-Encoding : chunked\r\nContent-Length: 4\r\n", b"5c\r\n"),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
     b"0\r\n\r\n"),
    (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    (b"Transfer-Encoding: identity, chunked\r\n", b"0\r\n\r\n"),
    (b"Content-Length: 0\r\nContent-Length: 0\r\n", b""),
    (b"Content-Length: 0, 0\r\n", b""),
    (b"Content-Length: +0\r\n", b""),
    (b"Content-Length: 0x0\r\n", b""),
    (b"Content-Length: 99999999999999999999999\r\n", b""),
    (b"Transfer-Encoding: chunked\r\n", b"-1\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"FFFFFFFFFFFFFFFF1\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"0\n\n"),
    (b"X: a\r\n b\r\n", b""),
    (b"X: a\rY: b\r\n", b""),
    (b"X: a\0b\r\n", b""),
])
def test_no_request_is_smuggled(service, headers, body):
    answer = service.raw(b"POST / HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n"
                         + body + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer[:10] in (b"HTTP/1.1 4", b"HTTP/1.1 5")


def ask(s, path: bytes, more: bytes = b"") -> bytes:
    return s.raw(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + more
                 + b"Connection: close\r\n\r\n")


@pytest.mark.parametrize("tail, status", [
    (b"..%2f..%2f..%2fetc%2fpasswd", 400),
    (b"../../../etc/passwd", 400),
    (b"%2e%2e/%2e%2e/etc/passwd", 400),
    (b"..%5c..%5cetc", 400),
    (b"concordance.js%00.css", 400),
    (b"concordance.js/", 404),
    (b"", 404),
    (b"CONCORDANCE.JS", 404),
])
def test_assets_stay_in_their_folder(service, tail, status):
    base = re.search(r"/_c/[0-9a-f]+/", service.page())[0].encode()
    for path in [base + tail, b"/assets/" + tail]:
        answer = ask(service, path)
        assert int(answer[9:12]) in (status, 404)
        assert b"immutable" not in answer and b"root:" not in answer
    # A wrong hash is never kept for ever.
    answer = ask(service, b"/_c/0000000000000000/concordance.js")
    assert b"immutable" not in answer


@pytest.mark.parametrize("before", [
    "nobody", "../../x", "%00", "__proto__", "\r\nX: y",
    pytest.param("x" * 5000, id="long")])
def test_unknown_windows_are_not_kept(service, before):
    rss = proc(service, "VmRSS")
    for n in range(200):
        status, _, _ = service.get(f"/?before={quote(before, safe='')}{n}")
        assert status == 404
    if not sanitized():
        assert proc(service, "VmRSS") - rss < 4096


@pytest.mark.parametrize("header", [
    "Origin: null", "Origin: http://evil.example", "Origin: https://HOST",
    "Origin: http://HOST.evil.example", "Origin: http://HOST@evil.example",
    "Origin: http://127.0.0.1", "Origin: http://HOST/",
    "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site",
    "Referer: http://evil.example/", "Referer: http://HOST.evil.example/",
    "Referer: http://HOST@evil.example/", "Referer: about:blank"])
def test_pages_of_other_sites_cannot_post(service, header):
    name, _, value = header.partition(": ")
    host = f"127.0.0.1:{service.port}"
    assert service.post(title="evil", author="evil", headers={
        name: value.replace("HOST", host)})[0] == 403
    assert "evil" not in service.page()


# -- hostile records ----------------------------------------------------------

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>&'`]]>--><!--"


def test_what_a_stranger_calls_a_record_harms_no_page():
    names = ["shelf", "shelf-title", "form-library", "form-library-title",
             "concordance", "__proto__", "constructor", "a b", "q\"q", "q'q",
             "<x>", "\u00fc \u540d", "documentElement", "../..", "\u202e",
             "two\nlines", "x" * 256]
    with Service(store="memory") as s:
        c = Client(s.port)
        c.subscribe("view:/")
        for n, name in enumerate(names):
            assert s.post(title=HOSTILE + str(n), author=HOSTILE,
                          **{"concordance#id": name})[0] == 200
        page = s.page()
        found = re.findall(r' id="([^"]*)"', page)
        assert len(found) == len(set(found))
        assert {"shelf", "shelf-title", "form-library"} <= set(found)
        assert page.count("<script") == 1
        assert not re.search(r"<img[^>]*onerror", page)
        assert page.count('class="book"') == len(names)
        for _ in names:  # every patch is XML, with the markup as text
            patch = c.recv()
            assert not patch.findall(".//{http://www.w3.org/1999/xhtml}img")


def test_the_tool_prints_no_control_characters():
    """Ids and texts are strangers': no line of theirs, no terminal codes."""
    with Service(store="memory") as s:
        assert s.post(title="t\u009b31m\u007f", author="a",
                      **{"concordance#id": "x\u009b2J\r\nforged\tline"}
                      )[0] == 200
        out = s.ctl("items", "library").stdout
        assert out.count("\n") == 1 and out.count("\t") == 1
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", out)
        payload = ET.fromstring(out.split("\t")[1])
        assert payload[0].text == "t\u009b31m\u007f"


def test_the_log_holds_no_secret_and_no_forged_line():
    with Service("bookcase-c", "--log-level", "debug", "--allow-plain") as s:
        s.ctl("adduser", "juliet", stdin="R0saline-1\n")
        for user, password in [("juliet", "R0saline-1"), ("juliet", "R0s-2"),
                               ("a\nforged", "R0s-3"), ("\u009b", "R0s-4")]:
            c = Client(s.port, bind=False)
            c.open()
            answer = c.auth("PLAIN", f"\0{user}\0{password}".encode())
            assert answer.tag.endswith(
                "}success" if password == "R0saline-1" else "}failure")
        until("all is logged", lambda: sum(
            "auth.failed" in line for line in s.log) == 3)
        log = "".join(s.log)
        assert "R0s" not in log and "UjBz" not in log
        assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in s.log)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", log)
        assert subprocess.run(["grep", "-rq", "R0saline", s.data],
                              check=False).returncode == 1


# -- bad luck -----------------------------------------------------------------

def renderers(s) -> list[int]:
    done = subprocess.run(["pgrep", "-P", str(s.process.pid)], text=True,
                          capture_output=True, check=False)
    return [int(pid) for pid in done.stdout.split()]


def test_a_render_process_that_dies_or_hangs_loses_nothing():
    with Service(store="memory") as s:
        c = Client(s.port, limit=60)
        c.subscribe("view:/")
        for n in range(3):
            for pid in renderers(s):
                os.kill(pid, signal.SIGKILL)
            s.ctl("publish", "library", book(f"Killed{n}"), f"k{n}")
            until("the page shows it", lambda: f"Killed{n}" in s.page())
        assert metric(s, "render_deaths_total") == 3
        for pid in renderers(s):
            os.kill(pid, signal.SIGSTOP)
        start = time.monotonic()
        s.ctl("publish", "library", book("Stopped"), "stopped")
        assert s.post(title="Posted", author="a")[0] == 200
        assert time.monotonic() - start < 10, "publishing waits for a render"
        until("the page shows it", lambda: "Posted" in s.page())
        c.ping()
        numbers = [int(e.get("id").split(".")[1]) for e in c.aside]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_store_that_is_taken_away_is_an_error_and_no_acknowledgement():
    with Service() as s:
        s.ctl("publish", "library", book("Kept"), "kept")
        # A snapshot may be written into it meanwhile.
        until("the folder is gone", lambda: (
            shutil.rmtree(s.data, ignore_errors=True)
            or not os.path.exists(s.data)))
        done = Client(s.port).iq("set", submit(title="Gone", author="a"))
        assert condition(done) or done[0].get("status") != "completed"
        assert s.post(title="Gone", author="a")[0] == 503
        assert "Gone" not in s.page() and "Kept" in s.page()
        assert any("was moved or deleted" in line for line in s.log)
        os.makedirs(s.data, exist_ok=True)


class Follower(threading.Thread):
    """Follow a node as docs/protocol.md says a client does."""

    def __init__(self, s, node: str):
        super().__init__(daemon=True)
        self.s, self.node = s, node
        self.position, self.seen = None, []
        self.ended = False

    def take(self, position: str, e: ET.Element) -> bool:
        """False: something is missing before it."""
        if self.position is not None:
            epoch, number = self.position.split(".")
            if position.split(".")[0] != epoch:
                raise AssertionError(f"{self.position} -> {position}")
            ahead = int(position.split(".")[1]) - int(number)
            if ahead <= 0:
                return True
            if ahead > 1:
                return False
        self.position = position
        self.seen += [i.get("id") for i in e.iter(f"{{{NS_EVENT}}}item")]
        return True

    def catch_up(self, c):
        while True:
            rsm = {"after": self.position} if self.position else {}
            done = c.iq("set", archive(self.node, **rsm))
            assert done.get("type") == "result", ET.tostring(done)
            for e in c.aside:
                r = e.find(f"{{{NS_MAM}}}result")
                if r is not None:
                    assert self.take(r.get("id"), r), "a gap in the archive"
            c.aside.clear()
            if done[0].get("complete") == "true":
                return

    def run(self):
        while not self.ended:
            try:
                c = Client(self.s.port, limit=2)
                c.subscribe(self.node)
                self.catch_up(c)
                while not self.ended:
                    e = c.recv()
                    if e.find(f"{{{NS_EVENT}}}event") is not None and \
                            not self.take(e.get("id"), e):
                        self.catch_up(c)
            except (OSError, Closed, ET.ParseError):
                time.sleep(0.01)


class Submitter(threading.Thread):
    """Submits form after form; each again, by its id, until acknowledged."""

    def __init__(self, s, name: str, acked: list, stop: threading.Event):
        super().__init__(daemon=True)
        self.s, self.prefix, self.acked, self.stop = s, name, acked, stop

    def run(self):
        c, n = None, 0
        while not self.stop.is_set():
            name = f"{self.prefix}-{n}"
            try:
                c = c or Client(self.s.port)
                done = c.iq("set", submit(title=name, author="a",
                                          **{"concordance#id": name}))
                assert done[0].get("status") == "completed", ET.tostring(done)
                self.acked.append(name)
                n += 1
            except (OSError, Closed, ET.ParseError):
                c = None
                time.sleep(0.01)


def test_killed_again_and_again_nothing_is_lost_and_nothing_twice():
    kills = int(os.environ.get("ATTACK_KILLS", "5"))
    submits = int(os.environ.get("ATTACK_SUBMITS", "1500"))
    acked, stop = [], threading.Event()
    with Service() as s:
        port = s.port
        follower = Follower(s, "library")
        follower.start()
        threads = [Submitter(s, f"p{n}", acked, stop) for n in range(64)]
        for t in threads:
            t.start()
        for n in range(kills):
            until("submits", lambda: len(acked) >= submits * n // kills, 120)
            time.sleep(random.random() / 10)  # a kill comes at any moment
            s.kill()
            s.port = port
            s.start()
        until("submits", lambda: len(acked) >= submits, 120)
        stop.set()
        for t in threads:
            t.join(30)
        kept = ids(s)
        assert len(acked) == len(set(acked))
        assert sorted(kept) == sorted(set(kept)), "kept twice"
        assert not set(acked) - set(kept), "acknowledged and lost"
        until("the follower has all",
              lambda: len(follower.seen) >= len(kept))
        follower.ended = True
        assert sorted(follower.seen) == sorted(kept)
