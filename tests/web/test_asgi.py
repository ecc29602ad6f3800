# SPDX-License-Identifier: MIT
"""The bookcase in uvicorn and hypercorn: pages, and XMPP over WebSocket."""
import asyncio
import re
import threading

import pytest
import websockets
from bookcase import Bookcase, add
from program import LIMIT, Program, free_port, until

LIVE = """
live = MyBookcase.asgi(origins=["https://books.example.org"])
"""
OPEN = ('<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="localhost" '
        'version="1.0"/>')
CLOSE = '<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>'
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"

SERVERS = {
    "uvicorn": ["uvicorn", "--port", "{port}", "--log-level", "warning"],
    "uvicorn-h11": ["uvicorn", "--port", "{port}", "--http", "h11", "--ws",
                    "wsproto", "--log-level", "warning", "--workers", "2"],
    "hypercorn": ["hypercorn", "--bind", "127.0.0.1:{port}", "--workers",
                  "2", "--websocket-ping-interval", "1"],
}


def start(bookcase, name: str, module: str = "mybookcase:live",
          env=None) -> Program:
    port = free_port()
    return Program([w.format(port=port) for w in SERVERS[name]] + [module],
                   port, cwd=bookcase.folder,
                   env=bookcase.env(**(env or {})))


@pytest.fixture(scope="module")
def bookcase():
    with Bookcase("--c2s", "unix:{data}/c2s", live=LIVE) as running:
        yield running


@pytest.fixture(params=SERVERS, scope="module")
def server(request, bookcase):
    with start(bookcase, request.param) as running:
        yield running


def test_a_form_without_javascript_is_on_the_page_it_leads_to(server):
    title = f"Emma {server.port}"
    status, page = add(server, title)
    assert status == 303 and title in page


def test_pages_heads_assets_and_what_is_unchanged(server):
    status, headers, page = server.get()
    assert status == 200
    assert server.get(**{"If-None-Match": headers["etag"]})[::2] == (304, b"")
    assert server.ask("HEAD", "/")[::2] == (200, b"")
    for path in re.findall(r'(?:href|src)="(/(?:assets|_c)/[^"]+)"',
                           page.decode()):
        assert server.get(path)[0] == 200, path
    assert server.get("/no%2Fwhere")[0] in (400, 404)


def test_a_chunked_form_and_a_large_one(server):
    body = iter([b"title=In+parts", b"&author=A"])
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert server.ask("POST", "/?form=library", body, kind)[0] == 303
    try:
        status = server.ask("POST", "/?form=library",
                            b"title=" + b"x" * 3_000_000, kind)[0]
    except (BrokenPipeError, ConnectionResetError):
        return  # answered, and closed, before all was sent
    assert status in (413, 422)


def test_many_at_once_read_what_they_wrote(server):
    faults = []

    def work(who):
        try:
            for i in range(4):
                title = f"Own {server.port} {who} {i}"
                status, page = add(server, title)
                assert status == 303 and title in page, (status, title)
        except Exception as error:
            faults.append(error)
    threads = [threading.Thread(target=work, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


# -- WebSocket ------------------------------------------------------------------

def connect(server, path="/xmpp", origin="", protocols=("xmpp",)):
    return websockets.connect(
        f"ws://127.0.0.1:{server.port}{path}", subprotocols=protocols,
        origin=origin or f"http://127.0.0.1:{server.port}",
        open_timeout=LIMIT, max_size=None)


async def until_it_has(ws, words: str) -> str:
    while True:
        text = await asyncio.wait_for(ws.recv(), LIMIT)
        if words in text:
            return text


async def log_in(ws) -> str:
    """As a guest; its JID."""
    await ws.send(OPEN)
    await until_it_has(ws, "ANONYMOUS")
    await ws.send(f'<auth xmlns="{SASL}" mechanism="ANONYMOUS"/>')
    await until_it_has(ws, "<success")
    await ws.send(OPEN)
    await until_it_has(ws, "<bind")
    await ws.send('<iq xmlns="jabber:client" type="set" id="b"><bind '
                  'xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>')
    bound = await until_it_has(ws, "<jid>")
    return re.search("<jid>(.*)</jid>", bound)[1]


async def close_code(ws) -> int:
    try:
        while True:
            await asyncio.wait_for(ws.recv(), LIMIT)
    except websockets.ConnectionClosed:
        return ws.close_code


def refusal(server, **how) -> int:
    async def go():
        try:
            async with connect(server, **how):
                return 101
        except websockets.InvalidStatusCode as error:
            return error.status_code
    return asyncio.run(go())


def test_a_client_logs_in_asks_and_says_goodbye(server):
    async def go():
        async with connect(server) as ws:
            assert ws.subprotocol == "xmpp"
            await log_in(ws)
            await ws.send(
                '<iq xmlns="jabber:client" type="get" id="i" '
                'to="localhost"><pubsub '
                'xmlns="http://jabber.org/protocol/pubsub"><items '
                'node="library"/></pubsub></iq>')
            assert "<title>Heard</title>" in await until_it_has(ws, 'id="i"')
            await ws.send(CLOSE)
            assert "<close" in await until_it_has(ws, "<close")
            assert await close_code(ws) == 1000
    assert add(server, "Heard")[0] == 303
    asyncio.run(go())


def test_pages_of_other_origins_and_other_protocols_are_403(server):
    assert refusal(server, origin="https://books.example.org") == 101
    assert refusal(server, origin="https://evil.example") == 403
    assert refusal(server, origin="null") == 403
    assert refusal(server, protocols=("mqtt",)) == 403
    assert refusal(server, protocols=None) == 403
    assert refusal(server, path="/elsewhere") == 403
    until("it is in the log",
          lambda: "websocket refused" in server.log())


def test_no_origin_is_403(server):
    status = server.ask("GET", "/xmpp", headers={
        "Connection": "Upgrade", "Upgrade": "websocket",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "xmpp"})[0]
    assert status == 403


@pytest.mark.parametrize("what, code", [
    (b"\0\1binary", 1003),
    ("<message xmlns='jabber:client'><body>" + "a" * 300_000
     + "</body></message>", 1009),
    ("<message xmlns='jabber:client'><body>", 1000),  # a stream error, <close/>
    ("<?xml version='1.0'?><a/>", 1000),
])
def test_frames_that_are_no_stanzas_end_the_socket(server, what, code):
    async def go():
        async with connect(server) as ws:
            await log_in(ws)
            await ws.send(what)
            return await close_code(ws)
    assert asyncio.run(go()) == code


def test_a_client_that_vanishes_is_gone_at_the_service(server, bookcase):
    if "wsproto" in server.args:
        pytest.skip("uvicorn does not say so to an application on wsproto")

    def sessions():
        return bookcase.service.ctl("sessions").stdout

    async def go():
        ws = await connect(server)
        jid = await log_in(ws)
        assert jid in sessions()
        ws.transport.abort()
        return jid
    jid = asyncio.run(go())
    until("the session ends", lambda: jid not in sessions())


def test_the_service_goes_and_comes_back(bookcase):
    with start(bookcase, "uvicorn") as server:
        assert add(server, "Before")[0] == 303

        async def go():
            async with connect(server) as ws:
                await log_in(ws)
                bookcase.service.kill()
                assert await close_code(ws) == 1000
            async with connect(server) as ws:
                await ws.send(OPEN)
                await until_it_has(ws, "remote-connection-failed")
                assert await close_code(ws) == 1000
        try:
            asyncio.run(go())
            status, _, page = server.get()
            assert status == 200 and b"Before" in page
            status, _, page = server.post(title="In vain", author="Somebody")
            assert status == 503 and b"In vain" in page
            until("the log says so", lambda:
                  f"no XMPP server at unix:{bookcase.service.data}/c2s: "
                  "start the service with --c2s" in server.log())
        finally:
            bookcase.service.start()
        until("forms go through again",
              lambda: add(server, "After")[0] == 303)
        assert b"After" in server.get()[2]

        async def again():
            async with connect(server) as ws:
                await log_in(ws)
        asyncio.run(again())
