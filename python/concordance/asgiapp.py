# SPDX-License-Identifier: MIT
"""ASGI 3: HTTP here, XMPP over WebSocket in asgisocket.py; see gateway.py.

What waits for the service does so on a thread of a pool, which is as large as
requests may be under way at once.  A body is waited for without one as far as
it is small; those that are not have half of the threads: whoever sends slowly
stops nobody who only reads.
"""
from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import tempfile

from .asgisocket import Endpoint
from .gateway import (HOP, LARGE, MAX_HEADERS, Bad, Gateway, Others, check_host,
                      check_length, check_method, header_text, status_line,
                      target_of)

_log = logging.getLogger("concordance")
_MEMORY = 512 << 10  # of a body that is kept for the other application
_PATIENCE = 60       # seconds that LARGE bytes of a body may take


class Slow(ConnectionError):
    """The body does not come, or not in time."""


class _Body:
    """A request's body, for the thread that asks."""

    def __init__(self, receive, loop, keep: bool):
        self._receive, self._loop = receive, loop
        self._ready, self._more = b"", True
        self._count, self._waited = 0, 0.0  # bytes, seconds: of LARGE
        self._spool = tempfile.SpooledTemporaryFile(_MEMORY) if keep else None

    @property
    def is_whole(self) -> bool:
        return not self._more

    async def gather(self, size: int) -> None:
        """Wait for so much of it, or all; OSError if the client went."""
        while self._more and len(self._ready) < size:
            await self._wait()

    def __call__(self, size: int) -> bytes:
        """OSError if the client went."""
        while not self._ready and self._more:
            future = asyncio.run_coroutine_threadsafe(self._wait(), self._loop)
            try:
                future.result(2 * _PATIENCE)
            except (concurrent.futures.TimeoutError,
                    concurrent.futures.CancelledError):
                future.cancel()  # the server ends
                raise Slow("the body does not come") from None
        data, self._ready = self._ready[:size], self._ready[size:]
        return data

    async def _wait(self) -> None:
        """Some more, or the end; Slow."""
        began = self._loop.time()
        try:
            await asyncio.wait_for(self._next(), _PATIENCE - self._waited)
        except asyncio.TimeoutError:
            raise Slow("the body does not come") from None
        self._waited += self._loop.time() - began
        if self._count >= LARGE:
            self._waited, self._count = 0, 0

    async def _next(self) -> None:
        message = await self._receive()
        if message["type"] != "http.request":
            self._more = False
            raise ConnectionResetError("the client went")
        self._more = message.get("more_body", False)
        self._count += len(message.get("body", b""))
        self._ready += message.get("body", b"")
        if self._spool is not None:
            self._spool.write(message.get("body", b""))

    def again(self):
        """receive() for the other application: the body once more."""
        spool, left = self._spool, self._spool.tell()
        spool.seek(0)

        async def receive() -> dict:
            nonlocal left
            if left == 0:
                spool.close()
                return await self._receive()
            data = spool.read(65536)
            left -= len(data)
            return {"type": "http.request", "body": data,
                    "more_body": left > 0 or self._more}
        return receive


class _Held:
    """send() of another application whose 404 is not told."""

    def __init__(self, send):
        self._send, self.is_none = send, False

    async def __call__(self, message) -> None:
        if message["type"] == "http.response.start":
            self.is_none = message["status"] == 404
        if not self.is_none:
            await self._send(message)


class _Request:
    """What is asked, of a scope; Bad."""

    def __init__(self, scope):
        self.scope = scope
        self.headers, self._first, hosts = [], {}, []
        for name, value in scope["headers"]:
            name, value = name.decode("latin-1").lower(), \
                value.decode("latin-1")
            if name == "host":
                hosts.append(value)
            if name in ("content-length", "transfer-encoding") and \
                    name in self._first:
                raise Bad(400, f"there are several {name}")
            self._first.setdefault(name, value)
            if name not in HOP and name not in ("host", "content-length"):
                self.headers.append((name, header_text(value)))
        if len(self.headers) > MAX_HEADERS:
            raise Bad(431, "there are too many headers")
        if len(hosts) > 1:
            raise Bad(400, "there are several Host")
        self.host = check_host(hosts[0] if hosts else self._server())
        self.headers.insert(0, ("host", self.host))
        self.method = check_method(scope["method"])
        self.target = self._target()
        self.length = self._length()
        self.addr = (scope.get("client") or ("", 0))[0] or ""
        self.secure = scope.get("scheme") == "https"

    def get(self, name: str) -> str | None:
        return self._first.get(name)

    def _server(self) -> str:
        host, port = self.scope.get("server") or ("", None)
        if self.scope["http_version"] == "1.1" or port is None:
            return ""
        return host if port in (80, 443) else f"{host}:{port}"

    def _target(self) -> str:
        path = self.scope["path"].encode("utf-8").decode("latin-1")
        query = self.scope.get("query_string", b"").decode("latin-1")
        raw = (self.scope.get("raw_path") or b"").decode("latin-1")
        raw = raw.partition("?")[0]  # some servers give it all
        if raw and query:
            raw += "?" + query
        return target_of(raw, path, query, self.host)

    def _length(self) -> int:
        """0: no body; -1: not known."""
        length = self.get("content-length")
        if self.get("transfer-encoding") is not None:
            if length is not None:
                raise Bad(400, "there are Content-Length and "
                               "Transfer-Encoding")
            return -1
        if length is not None:
            return check_length(length)
        # Later versions need not say it.
        return 0 if self.scope["http_version"] in ("1.0", "1.1") or \
            self.method in ("GET", "HEAD") else -1


class Application:
    """``await application(scope, receive, send)``."""

    def __init__(self, gateway: Gateway, beside=None, *, threads: int = 32,
                 **options):
        if beside is not None and not callable(beside):
            raise TypeError("beside is an ASGI application")
        if threads < 1:
            raise ValueError("threads is at least 1")
        self.gateway, self.beside = gateway, beside
        self._endpoint = Endpoint(gateway, **options)
        self._others = Others()
        self._threads = threads
        self._bodies = asyncio.Semaphore(max(1, threads // 2))
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None

    async def __call__(self, scope, receive, send) -> None:
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            if self.beside is not None and \
                    not self._endpoint.is_here(scope):
                await self.beside(scope, receive, send)
            else:
                await self._endpoint(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            raise ValueError(f"there is no {kind} here")

    async def _lifespan(self, scope, receive, send) -> None:
        if self.beside is not None:  # it may need it
            await self.beside(scope, receive, send)
            self._end()
            return
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                self._end()
                return

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _wait(self, function, *args):
        """The result of what waits."""
        if self._pool is None:
            self._pool = concurrent.futures.ThreadPoolExecutor(
                self._threads, "concordance")
        return asyncio.get_running_loop().run_in_executor(self._pool, function,
                                                          *args)

    # -- HTTP ------------------------------------------------------------------

    async def _http(self, scope, receive, send) -> None:
        try:
            request = _Request(scope)
        except Bad as bad:
            _log.warning("%d %s: %s", bad.status,
                         (scope.get("client") or "-")[0], bad.text)
            await self._refuse(bad, send)
            return
        body = None
        if request.length != 0:
            body = _Body(receive, asyncio.get_running_loop(),
                         self.beside is not None)
        try:
            answer = await self._answer(request, body)
        except Slow as slow:
            await self._refuse(Bad(408, str(slow)), send)
            return
        except OSError:  # nobody hears it
            await self._refuse(Bad(400, "the body ended too early"), send)
            return
        if answer.not_ours:
            fault = await self._wait(self.gateway.mount_fault,
                                     scope.get("root_path", ""), request.host)
            if fault is not None:
                _log.warning("%s", fault)
        try:
            if self.beside is not None:
                await self._choose(answer, request, body, receive, send)
            else:
                await self._tell(answer, receive, send)
        finally:
            answer.close()

    async def _answer(self, request: _Request, body):
        """OSError if the client went before all of a small body came."""
        if body is not None:
            await body.gather(LARGE)
        if body is None or body.is_whole:
            return await self._wait(self._ask, request, body)
        async with self._bodies:
            return await self._wait(self._ask, request, body)

    def _ask(self, request: _Request, body):
        what = (request.target, request.headers, request.addr, request.secure)
        if body is not None and self.beside is not None and \
                not 0 <= request.length <= LARGE:
            # It does not go to the service and back for nothing.
            answer = self.gateway.front.ask("HEAD", *what, 0, None)
            if answer.not_ours:
                return answer
        return self.gateway.front.ask(request.method, *what, request.length,
                                      body)

    @staticmethod
    async def _refuse(bad: Bad, send) -> None:
        text = f"{status_line(bad.status)}: {bad.text}.\n".encode()
        await send({"type": "http.response.start", "status": bad.status,
                    "headers": [
                        (b"content-type", b"text/plain; charset=utf-8"),
                        (b"content-length", str(len(text)).encode())]})
        await send({"type": "http.response.body", "body": text})

    async def _tell(self, answer, receive, send) -> None:
        await send({"type": "http.response.start", "status": answer.status,
                    "headers": [(name.lower().encode("latin-1"),
                                 value.encode("latin-1"))
                                for name, value in answer.headers
                                if name.lower() not in HOP]})
        if answer.body is not None:
            await send({"type": "http.response.body", "body": answer.body})
            return
        gone = asyncio.ensure_future(self._gone(receive))
        try:
            data = b"."
            while data and not gone.done():
                data = await self._wait(answer.read)
                await send({"type": "http.response.body", "body": data,
                            "more_body": bool(data)})
        finally:
            gone.cancel()

    @staticmethod
    async def _gone(receive) -> None:
        """Until the client is."""
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _choose(self, answer, request, body, receive, send) -> None:
        """Between ours and the application beside."""
        host, target = request.host, request.target
        held = None
        if answer.not_ours:
            self._others.learn(host, target, False)
        elif answer.status == 503 and not self.gateway.is_up:
            ours = self._others.ours(host, target)
            if ours is None and request.method in ("GET", "HEAD"):
                held = _Held(send)
            elif ours is not False:
                await self._tell(answer, receive, send)
                return
        else:
            self._others.learn(host, target, True)
            await self._tell(answer, receive, send)
            return
        await self.beside(request.scope,
                          receive if body is None else body.again(),
                          send if held is None else held)
        if held is not None and held.is_none:
            await self._tell(answer, receive, send)
