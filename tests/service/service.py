# SPDX-License-Identifier: MIT
"""Start the real service for a test, on a free port, in a folder of its own."""
from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

BUILD = os.environ["CONCORDANCE_BUILD"]
TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
LIMIT = float(os.environ.get("TEST_LIMIT", "30"))
# A build without the Python packages (under sanitizers) has the C half only.
HAS_PYTHON = os.path.isdir(os.path.join(BUILD, "python", "concordance"))
needs_python = pytest.mark.skipif(not HAS_PYTHON,
                                  reason="built without Python")
NS = "http://concordance-xmpp.org/apps/mybookcase"


def until(what, condition, limit: float = LIMIT):
    """Wait for a condition; its value, or AssertionError naming it."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {limit} s")
        time.sleep(0.01)


def book(title: str, author: str = "Somebody", isbn: str | None = None) -> str:
    def esc(text):
        return (text.replace("&", "&amp;").replace("<", "&lt;")
                .replace(">", "&gt;"))
    tail = f"<isbn>{esc(isbn)}</isbn>" if isbn else ""
    return (f'<book xmlns="{NS}"><title>{esc(title)}</title>'
            f"<author>{esc(author)}</author>{tail}</book>")


class Service:
    """A running service; `with Service() as s:`."""
    fds: tuple[int, ...] = ()  # what it inherits

    def __init__(self, app: str = "bookcase-c", *options: str,
                 store: str = "sqlite", data: str | None = None,
                 files: str | None = None, port: int = 0, env=None,
                 wait: bool = True):
        self.dir = None
        if data is None:
            self.dir = tempfile.TemporaryDirectory()
            data = self.dir.name
        self.data = data
        self.link = os.path.join(data, "link")
        self.options = list(options)
        self.app = app
        self.store = store
        self.files = files
        self.port = port
        self.env = env or {}
        self.log: list[str] = []
        self.process = None
        self.start(wait)

    def command(self) -> list[str]:
        common = ["--http", f"127.0.0.1:{self.port}", "--data", self.data,
                  "--store", self.store, *self.options]
        if self.files:
            common += ["--files", self.files]
        if ":" in self.app:  # module:Class
            return ["/usr/bin/python3", "-m", "concordance", "run", self.app,
                    *common]
        if self.app == "bookcase-python":
            return ["/usr/bin/python3", "-m", "concordance", "run",
                    "mybookcase:MyBookcase", *common]
        if not self.files:
            common += ["--files", os.path.join(TOP, "examples", self.app)]
        module = self.app if self.app.endswith(".so") else os.path.join(
            BUILD, "examples", self.app, "bookcase.so")
        return [os.path.join(BUILD, "src/service/concordanced"), *common,
                module]

    def start(self, wait: bool = True) -> None:
        # A build under sanitizers says no by ending, also UBSan's.
        env = {"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
               **os.environ, **self.env}
        env["PYTHONPATH"] = os.pathsep.join(
            [env["PYTHONPATH"], os.path.join(TOP, "examples/bookcase-python"),
             self.env.get("APPPATH", "")])
        self.process = subprocess.Popen(
            self.command(), env=env, text=True, errors="replace",
            pass_fds=self.fds, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.reader = threading.Thread(target=self._read_log,
                                       args=[self.process], daemon=True)
        self.reader.start()
        if not wait:
            return
        line = self.process.stdout.readline()
        if not line.startswith("Ready. Open "):
            self.process.wait(LIMIT)
            self.reader.join(LIMIT)
            raise AssertionError("the service did not start:\n"
                                 + "".join(self.log))
        self.url = line.split()[-1]
        self.port = urllib.parse.urlsplit(self.url).port

    def _read_log(self, process):
        for line in process.stderr:
            self.log.append(line)

    def stop(self, sig=signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(sig)
        status = self.process.wait(LIMIT)
        self.reader.join(LIMIT)
        self.process.stdout.close()
        return status

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process and self.process.poll() is None:
            try:
                status = self.stop()
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
            if exc[0] is None:  # a sanitizer says no by the status
                assert status == 0, "".join(self.log[-200:])
        if self.dir:
            self.dir.cleanup()

    # -- as a user would ------------------------------------------------------

    def ctl(self, *words: str, stdin: str | None = None, check: bool = True):
        done = subprocess.run(
            [os.path.join(BUILD, "src/ctl/concordctl"), "--link", self.link,
             *words], input=stdin, text=True, capture_output=True,
            timeout=LIMIT)
        if check and done.returncode != 0:
            raise AssertionError(f"concordctl {' '.join(words)}: "
                                 f"{done.stderr}")
        return done

    def get(self, path: str = "/", **headers):
        request = urllib.request.Request(self.url.rstrip("/") + path,
                                         headers=headers)
        return self._open(request)

    def post(self, path: str = "/?form=library", headers=None, **fields):
        data = urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(self.url.rstrip("/") + path, data,
                                         headers=headers or {})
        return self._open(request)

    @staticmethod
    def _open(request):
        try:
            answer = urllib.request.urlopen(request, timeout=LIMIT)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, dict(answer.headers), answer.read().decode(
                "utf-8", "replace")

    def page(self, path: str = "/") -> str:
        return self.get(path)[2]

    def file(self, name: str = "index.html") -> str:
        with open(os.path.join(self.data, "www", name), encoding="utf-8") as f:
            return f.read()

    def raw(self, data: bytes, limit: float = LIMIT) -> bytes:
        """Send bytes to the HTTP port, read until it closes."""
        with socket.create_connection(("127.0.0.1", self.port), limit) as s:
            s.sendall(data)
            out = b""
            while True:
                try:
                    chunk = s.recv(65536)
                except ConnectionResetError:
                    return out
                if not chunk:
                    return out
                out += chunk
