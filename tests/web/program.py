# SPDX-License-Identifier: MIT
"""A web server for a test: started in a folder of its own, on a free port of
this machine, and gone with all its children when the test is over.

    with Program(["nginx", "-c", conf, "-g", "daemon off;"], port=port) as p:
        p.get("/")
"""
from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import threading
import urllib.parse

from service import LIMIT, TOP, until

__all__ = ["LIMIT", "TOP", "Program", "free_port", "until", "write"]


def free_port() -> int:
    """One that was free just now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write(folder: str, name: str, text: str) -> str:
    """A file; its path."""
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


class Program:
    """A process group that listens on a port; `with Program(...) as p:`.

    args  the command line
    port  of 127.0.0.1, where it will listen; or path, of a Unix socket
    env   added to this process's
    log   a file that it writes beside its output, shown when it fails
    """

    def __init__(self, args: list[str], port: int = 0, *, path: str = "",
                 env=None, cwd: str | None = None, log: str = "",
                 stop: signal.Signals = signal.SIGTERM):
        self.args, self.port, self.path = args, port, path
        self.log_file, self.stop_signal = log, stop
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            args, cwd=cwd, env={**os.environ, **(env or {})}, text=True,
            errors="replace", stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            until(f"{args[0]} listens", self._is_up)
        except AssertionError as error:
            self.end()
            raise AssertionError(f"{error}\n{self.log()}") from None

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line)

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"{self.args[0]} ended with "
                                 f"{self.process.returncode}")
        kind = socket.AF_UNIX if self.path else socket.AF_INET
        with socket.socket(kind) as s:
            return s.connect_ex(self.path or ("127.0.0.1", self.port)) == 0

    def log(self) -> str:
        text = "".join(self.lines[-200:])
        if self.log_file and os.path.exists(self.log_file):
            with open(self.log_file, encoding="utf-8",
                      errors="replace") as f:
                text += f.read()[-20000:]
        return text

    def end(self) -> None:
        """Stop it; what does not stop in time is killed, with its group."""
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(LIMIT)
        self.reader.join(LIMIT)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end()

    # -- as a browser would ---------------------------------------------------

    def ask(self, method: str, path: str, body=None, headers=None):
        """Status, headers (names in lower case; of several the last) and body
        as bytes; redirects are not followed."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        try:
            c.request(method, path, body, headers or {})
            answer = c.getresponse()
            return (answer.status,
                    {k.lower(): v for k, v in answer.getheaders()},
                    answer.read())
        finally:
            c.close()

    def get(self, path: str = "/", **headers):
        return self.ask("GET", path, headers=headers)

    def post(self, path: str = "/?form=library", headers=None, **fields):
        data = urllib.parse.urlencode(fields).encode()
        return self.ask("POST", path, data, {
            "Content-Type": "application/x-www-form-urlencoded",
            **(headers or {})})
