# SPDX-License-Identifier: MIT
"""The ASGI application, called as a server calls it, in front of the real
service."""
import asyncio
import concurrent.futures

import pytest
from test_wsgi import Shelf

from concordance.asgisocket import proxy_header
from concordance.testing import Site


@pytest.fixture(scope="module")
def site():
    with Site(Shelf, store="sqlite") as running:
        yield running


class Asker:
    """One loop, and requests of HTTP through it."""

    def __init__(self, application):
        self.application = application

    def __call__(self, method="GET", path="/", body=(), *, goes=False,
                 **headers):
        return asyncio.run(self.ask(method, path, list(body), goes, headers))

    async def ask(self, method, path, body, goes, headers):
        path, _, query = path.partition("?")
        headers = {"host": "localhost", **headers}
        if body and "content-length" not in headers:
            headers["transfer-encoding"] = "chunked"
            headers["content-type"] = "application/x-www-form-urlencoded"
        scope = {"type": "http", "asgi": {"version": "3.0"},
                 "http_version": "1.1", "method": method, "scheme": "http",
                 "path": path, "raw_path": path.encode(), "root_path": "",
                 "query_string": query.encode(), "client": ("127.0.0.1", 1),
                 "server": ("127.0.0.1", 80),
                 "headers": [(n.encode(), v.encode())
                             for n, v in headers.items()]}
        sent, never = [], asyncio.get_running_loop().create_future()
        parts = list(body)

        async def receive():
            if parts:
                return {"type": "http.request", "body": parts.pop(0),
                        "more_body": bool(parts) or goes}
            if goes or not body and sent:
                return {"type": "http.disconnect"}
            if not body and not sent:
                return {"type": "http.request", "body": b"",
                        "more_body": False}
            return await never

        async def send(message):
            sent.append(message)
        try:
            await asyncio.wait_for(
                self.application(scope, receive, send), 30)
        finally:
            never.cancel()
        head = sent[0]
        assert [m["type"] for m in sent].count("http.response.start") == 1
        assert not sent[-1].get("more_body")
        return (head["status"], {n.decode(): v.decode()
                                 for n, v in head["headers"]},
                b"".join(m.get("body", b"") for m in sent[1:]))


@pytest.fixture
def ask(site):
    return Asker(Shelf.asgi(link=site.link))


def test_a_page_its_head_and_what_has_not_changed(ask):
    status, headers, page = ask()
    assert status == 200 and b"<form" in page
    none_match = {"if-none-match": headers["etag"]}
    assert ask(**none_match)[::2] == (304, b"")
    assert ask("HEAD")[::2] == (200, b"")


def test_a_form_that_comes_in_parts_is_a_record(ask):
    status, headers, _ = ask("POST", "/?form=library",
                             [b"title=In+", b"parts"])
    assert (status, headers["location"]) == (303, "/")
    assert b"In parts" in ask()[2]


def test_a_client_that_goes_is_no_fault_of_anybody(ask):
    ask("POST", "/?form=library", [b"title=Never"], goes=True)
    assert b"Never" not in ask()[2]


@pytest.mark.parametrize("headers, status", [
    ({"transfer-encoding": "chunked", "content-length": "3"}, 400),
    ({"content-length": "+3"}, 400),
    ({"host": "a/b"}, 400),
    ({"x-a": "b\nc"}, 400),
    ({f"x-{i}": "a" for i in range(300)}, 431),
])
def test_what_could_smuggle_is_refused(ask, headers, status):
    assert ask("POST", "/?form=library", [b"a=b"], **headers)[0] == status


async def other(scope, receive, send):
    if scope["type"] == "lifespan":
        other.lived = True
        return
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message.get("more_body", False)
    status = 404 if scope["path"] == "/neither" else 200
    await send({"type": "http.response.start", "status": status,
                "headers": []})
    await send({"type": "http.response.body", "body": b"other %d" % size})


def test_what_is_not_ours_goes_beside_with_its_body(site):
    ask = Asker(Shelf.asgi(link=site.link, beside=other))
    assert b"<form" in ask()[2]
    assert ask(path="/theirs")[2] == b"other 0"
    assert ask("POST", "/theirs", [b"a" * 90_000] * 9)[2] == b"other 810000"
    assert ask("POST", "/?form=library", [b"title=Beside"])[0] == 303
    assert ask(path="/neither")[::2] == (404, b"other 0")


def test_while_the_service_is_down(site):
    ask = Asker(Shelf.asgi(link=site.link, beside=other, retry=0.1))
    ask("POST", "/?form=library", [b"title=Before"])
    assert b"Before" in ask()[2]
    site.stop()
    try:
        assert b"Before" in ask()[2]
        status, headers, page = ask("POST", "/?form=library",
                                    [b"title=Typed+in+vain"])
        assert status == 503 and b"Typed in vain" in page
        assert ask(path="/theirs")[2] == b"other 0"
        assert ask(path="/neither")[0] == 503
    finally:
        site.start()
    site.until(lambda: ask("POST", "/?form=library",
                           [b"title=After"])[0] == 303)
    assert b"After" in ask()[2]


def test_more_requests_than_threads_are_all_answered(site):
    ask = Asker(Shelf.asgi(link=site.link, threads=2))
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert {f.result()[0] for f in
                [pool.submit(ask) for _ in range(30)]} == {200}


def test_lifespan_is_answered(ask):
    async def go():
        said = []
        asked = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive():
            return {"type": next(asked)}

        async def send(message):
            said.append(message["type"])
        await ask.application({"type": "lifespan"}, receive, send)
        return said
    assert asyncio.run(go()) == ["lifespan.startup.complete",
                                 "lifespan.shutdown.complete"]


HEAD = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.mark.parametrize("client, server, said", [
    (("192.0.2.7", 4321), ("198.51.100.1", 443),
     b"\x21\x11\0\x0c" + bytes((192, 0, 2, 7, 198, 51, 100, 1))
     + b"\x10\xe1\x01\xbb"),
    (("2001:db8::7", 4321), ("198.51.100.1", 443),
     b"\x21\x21\0\x24" + b"\x20\x01\x0d\xb8" + bytes(11) + b"\7" + bytes(16)
     + b"\x10\xe1\x01\xbb"),
    (("192.0.2.7", 4321), None,
     b"\x21\x11\0\x0c" + bytes((192, 0, 2, 7)) + bytes(4) + b"\x10\xe1\0\0"),
    (None, None, b"\x20\0\0\0"),
    (("localhost", 1), ("127.0.0.1", 1), b"\x20\0\0\0"),
])
def test_the_proxy_protocol_says_who_the_client_is(client, server, said):
    assert proxy_header(client, server) == HEAD + said


@pytest.mark.parametrize("options", [
    {"path": "xmpp"}, {"c2s": "localhost"}, {"c2s": "tcp:a:b"},
    {"origins": "https://a.example"}, {"origins": ["a.example"]},
    {"origins": ["https://a.example/"]}, {"tls": "perhaps"},
    {"max_stanza": 100}, {"threads": 0}, {"beside": 1}, {"no_such": 1}])
def test_wrong_options_are_told_at_once(options):
    with pytest.raises((ValueError, TypeError)):
        Shelf.asgi(**options)


def test_tls_is_wanted_unless_the_server_is_near():
    def tls(c2s):
        return Shelf.asgi(c2s=c2s)._endpoint.tls
    assert tls("unix:/run/x") == tls("tcp:127.0.0.1:5222") == "never"
    assert tls("tcp:[::1]:5222") == tls("tcp:localhost:5222") == "never"
    assert tls("tcp:xmpp.example.org:5222") == "required"
