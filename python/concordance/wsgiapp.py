# SPDX-License-Identifier: MIT
"""WSGI (PEP 3333): see gateway.py."""
from __future__ import annotations

import io
import tempfile

from .gateway import (HOP, LARGE, MAX_HEADERS, Bad, Gateway, Others, check_host,
                      check_length, check_method, header_text, status_line,
                      target_of)

_MEMORY = 512 << 10  # of a body that is kept for the other application

# "HTTP_USER_AGENT" -> "user-agent", "" for what is not passed on.
_names = {"CONTENT_TYPE": "content-type", "HTTP_HOST": "",
          "HTTP_CONTENT_TYPE": "", "HTTP_CONTENT_LENGTH": ""}


def _name(key: str) -> str:
    name = key[5:].replace("_", "-").lower() if key.startswith("HTTP_") else ""
    if name in HOP:
        name = ""
    if len(_names) < 1000 and len(key) < 100:
        _names[key] = name
    return name


class _Body:
    """wsgi.input, as far as it is this request's."""

    def __init__(self, file, left: int | None, keep: bool):
        self.file, self.left = file, left
        self.spool = tempfile.SpooledTemporaryFile(_MEMORY) if keep else None

    def __call__(self, size: int) -> bytes:
        data = self.take(size)
        if self.spool is not None:
            self.spool.write(data)
        return data

    def take(self, size: int) -> bytes:
        """OSError if the client went."""
        if self.left is not None:
            size = min(size, self.left)
        data = self.file.read(size) if size > 0 else b""
        if self.left is not None:
            if not data and self.left > 0:
                raise ConnectionResetError("the body is shorter than said")
            self.left -= len(data)
        return data


    def drain(self) -> None:
        """Read what nobody wants."""
        try:
            while self.take(65536):
                pass
        except OSError:
            pass


class _Whole(io.RawIOBase):
    """The body once more from its beginning, for the other application."""

    def __init__(self, body: _Body):
        self._body = body
        body.spool.seek(0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self._body.spool.read(len(buffer)) or \
            self._body.take(len(buffer))
        buffer[:len(data)] = data
        return len(data)

    def close(self) -> None:
        self._body.spool.close()
        super().close()


class _Stream:
    """The iterator of an answer that comes in parts."""

    def __init__(self, answer):
        self._answer = answer
        self.close = answer.close

    def __iter__(self):
        return self

    def __next__(self) -> bytes:
        data = self._answer.read()
        if not data:
            raise StopIteration
        return data


class _Held:
    """An application that runs, its status known before anything is sent."""

    def __init__(self, application, environ):
        self.head = None
        self._written: list = []
        self._parts = application(environ, self._start)
        self._iterator = iter(self._parts)
        try:
            while self.head is None:
                self._written.append(next(self._iterator))
        except StopIteration:
            pass

    def _start(self, status, headers, exc_info=None):
        self.head = status, headers
        return self._written.append

    def __iter__(self):
        return self

    def __next__(self) -> bytes:
        return self._written.pop(0) if self._written else \
            next(self._iterator)

    def close(self) -> None:
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()


class Application:
    """``application(environ, start_response)``."""

    def __init__(self, gateway: Gateway, beside=None):
        if beside is not None and not callable(beside):
            raise TypeError("beside is a WSGI application")
        self.gateway, self.beside = gateway, beside
        self._others = Others()

    # -- what is asked ---------------------------------------------------------

    @staticmethod
    def _host(environ) -> str:
        host = environ.get("HTTP_HOST")
        if host is None and environ.get("SERVER_PROTOCOL") != "HTTP/1.1":
            host = environ["SERVER_NAME"]
            port = environ["SERVER_PORT"]
            if port != ("443" if environ["wsgi.url_scheme"] == "https"
                        else "80"):
                host += ":" + port
        return check_host(host or "")

    @staticmethod
    def _headers(environ, host: str) -> list:
        headers = [("host", host)]
        known = _names.get
        for key, value in environ.items():
            name = known(key)
            if name is None:
                name = _name(key)
            if name and value:
                headers.append((name, header_text(value)))
        if len(headers) > MAX_HEADERS:
            raise Bad(431, "there are too many headers")
        return headers

    def _body(self, environ) -> _Body | None:
        length = environ.get("CONTENT_LENGTH") or ""
        coding = environ.get("HTTP_TRANSFER_ENCODING")
        if coding is not None:
            # Two ideas of where it ends are how requests are smuggled (RFC
            # 9112 6.3).
            if length or "HTTP_CONTENT_LENGTH" in environ:
                raise Bad(400, "there are Content-Length and "
                               "Transfer-Encoding")
            if coding.strip().lower() != "chunked":
                raise Bad(501, "the body's Transfer-Encoding is not known")
            if not environ.get("wsgi.input_terminated"):
                raise Bad(411, "the server needs a Content-Length")
            left = None
        elif length and check_length(length):
            left = int(length)
        else:
            return None
        return _Body(environ["wsgi.input"], left, self.beside is not None)

    # -- what is answered ------------------------------------------------------

    def __call__(self, environ, start_response):
        try:
            host = self._host(environ)
            target = target_of(
                environ.get("REQUEST_URI") or environ.get("RAW_URI") or "",
                environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
                environ.get("QUERY_STRING", ""), host)
            headers = self._headers(environ, host)
            method = check_method(environ["REQUEST_METHOD"])
            body = self._body(environ)
            answer = None
            if body is not None and body.spool is not None and \
                    (body.left is None or body.left > LARGE):
                # It does not go to the service and back for nothing.
                answer = self._ask("HEAD", target, headers, environ, None)
            if answer is None or not answer.not_ours:
                answer = self._ask(method, target, headers, environ, body)
        except Bad as bad:
            environ["wsgi.errors"].write(
                f"concordance: {bad.status} "
                f"{environ.get('REMOTE_ADDR') or '-'}: {bad.text}\n")
            text = f"{status_line(bad.status)}: {bad.text}.\n".encode()
            start_response(status_line(bad.status), [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", str(len(text)))])
            return [text]
        if answer.not_ours:
            fault = self.gateway.mount_fault(environ.get("SCRIPT_NAME", ""),
                                             host)
            if fault is not None:
                environ["wsgi.errors"].write(f"concordance: {fault}\n")
        if body is not None and not answer.not_ours and \
                environ.get("mod_wsgi.process_group"):
            # Apache hands all of it to a daemon before it hears the answer.
            body.drain()
        if self.beside is None:
            return self._tell(answer, environ, start_response)
        return self._choose(answer, host, target, body, environ,
                            start_response)

    def _ask(self, method, target, headers, environ, body):
        length = 0
        if body is not None:
            length = -1 if body.left is None else body.left
        return self.gateway.front.ask(
            method, target, headers, environ.get("REMOTE_ADDR") or "",
            environ["wsgi.url_scheme"] == "https", length, body)

    @staticmethod
    def _tell(answer, environ, start_response):
        status = answer.status
        headers = [h for h in answer.headers if h[0].lower() not in HOP]
        if status in (204, 304):
            headers = [h for h in headers if h[0].lower() not in
                       ("content-type", "content-length")]
        elif not any(h[0].lower() == "content-type" for h in headers):
            headers.append(("Content-Type", "text/plain; charset=utf-8"))
        start_response(status_line(status), headers)
        if answer.body is None:
            return _Stream(answer)
        return [answer.body] if answer.body else []

    def _choose(self, answer, host, target, body, environ, start_response):
        """Between ours and the application beside."""
        if answer.not_ours:
            self._others.learn(host, target, False)
        elif answer.status == 503 and not self.gateway.is_up:
            ours = self._others.ours(host, target)
            if ours is None and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
                return self._try_beside(answer, environ, start_response)
            if ours is not False:
                return self._tell(answer, environ, start_response)
        else:
            self._others.learn(host, target, True)
            return self._tell(answer, environ, start_response)
        answer.close()
        if body is not None:
            environ["wsgi.input"] = io.BufferedReader(_Whole(body))
        return self.beside(environ, start_response)

    def _try_beside(self, answer, environ, start_response):
        """The service is down and nobody knows whose this is: the other's, if
        it has something there."""
        held = _Held(self.beside, environ)
        if held.head is None or held.head[0].startswith("404"):
            held.close()
            return self._tell(answer, environ, start_response)
        answer.close()
        start_response(*held.head)
        return held
