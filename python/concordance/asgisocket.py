# SPDX-License-Identifier: MIT
"""XMPP over WebSocket (RFC 7395) for ASGI: a WebSocket on one side, the TCP
stream of the service, or of any XMPP server, on the other.  What is said is
the matter of src/front/frames.h."""
from __future__ import annotations

import asyncio
import collections
import ipaddress
import logging
import os
import re
import ssl
import struct

from .gateway import Bad, Gateway, check_host

_log = logging.getLogger("concordance")
_DIAL = 10   # seconds
_CLOSE = 5   # that the server may take to end its stream

_tcp = re.compile(r"tcp:(?://)?(\[[0-9a-fA-F:.]+\]|[^:/\[\]]+):([0-9]+)"
                  ).fullmatch
_origin = re.compile(r"https?://[^/?#]+").fullmatch


def proxy_header(client, server) -> bytes:
    """Who the client is, for the server (PROXY protocol, version 2)."""
    head = b"\r\n\r\n\0\r\nQUIT\n"
    source = _address(client)
    if source is None:  # LOCAL: nothing is said of it
        return head + b"\x20\x00\x00\x00"
    target = _address(server)
    if target is None or target.version != source.version:
        target = type(source)(0)
    body = source.packed + target.packed + struct.pack(
        ">HH", client[1] or 0, server[1] or 0 if server else 0)
    family = 0x11 if source.version == 4 else 0x21
    return head + struct.pack(">BBH", 0x21, family, len(body)) + body


def _address(pair):
    """Of a (host, port) the address; None: it is not known, or a name."""
    try:
        return ipaddress.ip_address(pair[0])
    except (TypeError, ValueError):
        return None


class Endpoint:
    """The address of WebSockets."""

    def __init__(self, gateway: Gateway, *, path: str = "/xmpp",
                 c2s: str | None = None, origins=(), tls: str | None = None,
                 proxy: bool = False, max_stanza: int = 262144):
        if not path.startswith("/"):
            raise ValueError("path begins with /")
        if isinstance(origins, str):
            raise TypeError("origins is a list")
        for origin in origins:
            if not _origin(origin):
                raise ValueError(f"\"{origin}\" is no origin, such as "
                                 "https://books.example.org")
        if max_stanza < 10000:  # RFC 6120 13.12
            raise ValueError("max_stanza is at least 10000")
        self.path, self.proxy = path, proxy
        self.origins = {o.lower() for o in origins}
        self.max_stanza = max_stanza
        c2s = c2s or os.environ.get("CONCORDANCE_C2S") or "unix:" + \
            os.path.join(os.path.dirname(gateway.link), "c2s")
        self.unix, self.host, self.port = None, "", 0
        if c2s.startswith("unix:"):
            self.unix = c2s.removeprefix("unix:").removeprefix("//")
        else:
            found = _tcp(c2s)
            if not found:
                raise ValueError(f"c2s: \"{c2s}\" is neither unix:PATH nor "
                                 "tcp:HOST:PORT")
            self.host, self.port = found[1].strip("[]"), int(found[2])
        if tls is None:
            tls = "never" if self._is_near() else "required"
        if tls not in ("never", "offered", "required"):
            raise ValueError("tls is never, offered or required")
        self.tls = tls

    def _is_near(self) -> bool:
        if self.unix is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def is_here(self, scope) -> bool:
        path = scope["path"]
        return path in (self.path, scope.get("root_path", "") + self.path)

    def _judge(self, scope) -> None:
        """Bad, if this is no WebSocket for us."""
        hosts, origins = [], []
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value.decode("latin-1"))
            elif name == b"origin":
                origins.append(value.decode("latin-1").lower())
        if not self.is_here(scope):
            raise Bad(403, "there is no WebSocket at this address")
        if "xmpp" not in scope.get("subprotocols", ()):
            raise Bad(403, "the subprotocol xmpp is not offered")
        if len(hosts) != 1 or len(origins) != 1:
            raise Bad(403, "Host or Origin is missing")
        scheme = "https" if scope.get("scheme") == "wss" else "http"
        own = f"{scheme}://{check_host(hosts[0]).lower()}"
        if origins[0] != own and origins[0] not in self.origins:
            raise Bad(403, f"pages of {origins[0][:200]!a} may not connect")

    async def __call__(self, scope, receive, send) -> None:
        await receive()  # websocket.connect
        try:
            self._judge(scope)
        except Bad as bad:
            _log.warning("websocket refused %s: %s",
                         (scope.get("client") or "-")[0], bad.text)
            # Before it is accepted, this is 403.
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept", "subprotocol": "xmpp"})
        await _Socket(self, scope, receive, send).run()

    async def dial(self):
        """(reader, writer); OSError, TimeoutError."""
        dial = asyncio.open_connection(self.host, self.port) \
            if self.unix is None else asyncio.open_unix_connection(self.unix)
        return await asyncio.wait_for(dial, _DIAL)

    def why(self, error) -> str:
        """What keeps dial() from it, and what to do."""
        where = f"tcp:{self.host}:{self.port}" if self.unix is None else \
            f"unix:{self.unix}"
        if isinstance(error, asyncio.TimeoutError):
            return f"the XMPP server at {where} does not answer"
        if isinstance(error, PermissionError):
            return (f"no permission to open {where}: the service's "
                    "--socket-group says whose group may")
        if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
            return (f"no XMPP server at {where}: start the service with "
                    f"--c2s {where.removeprefix('tcp:')}, or say where it is "
                    "(asgi(c2s=...), CONCORDANCE_C2S)")
        return f"the XMPP server at {where} cannot be reached: {error}"


class _Socket:
    """One WebSocket that is open."""

    def __init__(self, endpoint: Endpoint, scope, receive, send):
        from ._concordance import Frames
        self._endpoint, self._scope = endpoint, scope
        self._receive, self._send = receive, send
        self._frames = Frames(endpoint.tls, endpoint.max_stanza)
        self._reader = self._writer = None
        self._for_server: collections.deque = collections.deque()
        self._for_client: collections.deque = collections.deque()
        self._server_turn, self._client_turn = asyncio.Lock(), asyncio.Lock()
        self._tls: str | None = None
        self._code: int | None = 1000  # None: the client has closed it

    async def run(self) -> None:
        try:
            self._reader, self._writer = await self._endpoint.dial()
            if self._endpoint.proxy:
                self._writer.write(proxy_header(self._scope.get("client"),
                                                self._scope.get("server")))
            up, down = (asyncio.ensure_future(f) for f in
                        (self._up(), self._down()))
        except (OSError, asyncio.TimeoutError) as error:
            _log.error("websocket: %s", self._endpoint.why(error))
            await self._unreachable()
            await self._close()
            return
        try:
            await asyncio.wait((up, down),
                               return_when=asyncio.FIRST_COMPLETED)
            if self._code == 1000 and not self._frames.closed:
                # The client said goodbye: the server's last words.
                await asyncio.wait((down,), timeout=_CLOSE)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            self._writer.close()
        await self._close()

    async def _unreachable(self) -> None:
        """The client is told when it has opened its stream."""
        message = await self._receive()
        if message["type"] == "websocket.receive" and message.get("text"):
            self._frames.client(message["text"])
            self._frames.server_gone("remote-connection-failed",
                                     "the server cannot be reached")
            await self._pass_on()
        elif message["type"] == "websocket.disconnect":
            self._code = None

    async def _close(self) -> None:
        if self._code is not None:
            await self._send({"type": "websocket.close", "code": self._code})

    async def _up(self) -> None:
        """What the client says."""
        frames = self._frames
        while not frames.closed:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._code = None
                frames.client_gone()
            elif message.get("text") is None:
                self._code = 1003
                frames.client_gone()
            elif len(message["text"]) > self._endpoint.max_stanza or \
                    len(message["text"].encode()) > self._endpoint.max_stanza:
                self._code = 1009
                frames.client_gone()
            else:
                frames.client(message["text"])
                await self._pass_on()
                continue
            await self._pass_on()
            return

    async def _down(self) -> None:
        """What the server says."""
        frames = self._frames
        while not frames.closed:
            try:
                data = await self._reader.read(65536)
            except OSError:
                data = b""
            if data:
                frames.server(data)
            else:
                frames.server_gone()
            await self._pass_on()
            if self._tls is not None:
                await self._start_tls()
            if not data:
                return

    async def _pass_on(self) -> None:
        """What frames has for either side, in its order."""
        data, texts, tls = self._frames.take()
        self._tls = tls or self._tls
        if data:
            self._for_server.append(data)
        self._for_client.extend(texts)
        if self._writer is not None:
            async with self._server_turn:
                await self._to_server()
        async with self._client_turn:
            while self._for_client:
                text = self._for_client.popleft()
                if self._code is not None:
                    await self._send({"type": "websocket.send", "text": text})

    async def _to_server(self) -> None:
        try:
            while self._for_server:
                self._writer.write(self._for_server.popleft())
                await self._writer.drain()
        except OSError:
            pass  # _down() hears of it

    async def _start_tls(self) -> None:
        domain, self._tls = self._tls, None
        try:
            await asyncio.wait_for(self._writer.start_tls(
                ssl.create_default_context(), server_hostname=domain), _DIAL)
        except (OSError, asyncio.TimeoutError) as error:  # SSLError, too
            _log.error("websocket: TLS with the XMPP server: %s",
                       error or "it does not answer")
            self._frames.server_gone("remote-connection-failed",
                                     "TLS with the server failed")
        else:
            self._frames.secured()
        await self._pass_on()
