# SPDX-License-Identifier: MIT
"""A site for a test: the whole service, in a process of its own."""
from __future__ import annotations

import gc
import importlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse

from .. import Error
from ..app import run
from . import wire
from .browser import Browser
from .client import LIMIT, Answer, Client

__all__ = ["Site"]


class Site:
    """Apps, served: ``with Site(Shelf) as site:``.

    apps      App classes, "module:Class" of one, or C modules ("./shelf.so",
              a Path); Python and C do not go together in one Site
    options   of the service, as on its command line: "--allow-plain"
    store     "memory", or "sqlite": then restart() finds what was there
    files     folder of the templates [that of the app]
    data      folder for what is kept [one that goes away]
    domain    the XMPP domain
    env       more environment: dict
    limit     seconds that anything may take

    While it runs:

    url, port   where its pages are
    data, link  its folder, its Unix socket
    log         its log, a list of lines
    operator    a Client that may do everything
    """

    def __init__(self, *apps, options=(), store: str = "memory",
                 files=None, data=None, domain: str = "localhost",
                 env: dict | None = None, limit: float = LIMIT):
        if not apps:
            raise ValueError("name an app: Site(Shelf)")
        self._apps, self._options = apps, [str(o) for o in options]
        self.store, self.domain, self.limit = store, domain, limit
        self._files, self._env = files, dict(env or {})
        self._folder = None
        if data is None:
            self._folder = tempfile.TemporaryDirectory(prefix="concordance-")
            data = self._folder.name
        self.data = str(data)
        self.link = os.path.join(self.data, "link")
        self.log: list[str] = []
        self.url, self.port = "", 0
        self._pid = 0
        self._status: int | None = None
        self._changed = threading.Condition()
        self._ended = False
        self._reader: threading.Thread | None = None
        self._clients: list[Client] = []
        self._operator: Client | None = None

    # -- the process -------------------------------------------------------

    def __enter__(self) -> "Site":
        try:
            return self.start()
        except BaseException:
            self._clean()
            raise

    def __exit__(self, kind, *exc) -> None:
        try:
            status = self.stop()
        finally:
            self._clean()
        if kind is None and status != 0:
            raise AssertionError(f"the service ended with {status}:\n"
                                 + self._tail())

    def _clean(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def _words(self) -> list[str]:
        words = ["--http", f"127.0.0.1:{self.port}", "--data", self.data,
                 "--store", self.store, "--domain", self.domain]
        if self._files is not None:
            words += ["--files", str(self._files)]
        return words + self._options

    def start(self) -> "Site":
        """Until it serves; AssertionError with the log if it does not.
        ``with`` calls it."""
        modules = [str(a) for a in self._apps
                   if not isinstance(a, type) and ":" not in str(a)]
        if modules and len(modules) != len(self._apps):
            raise ValueError("apps in Python and in C are of two Sites")
        program = os.environ.get("CONCORDANCED") or \
            shutil.which("concordanced")
        if modules and program is None:
            raise FileNotFoundError("concordanced is not on PATH; "
                                    "CONCORDANCED may name it")
        apps = modules or [a if isinstance(a, type) else self._import(a)
                           for a in self._apps]
        log, out = os.pipe()
        try:
            if modules:
                self._spawn([program, *self._words(), *modules], out)
            else:
                self._fork(apps, out)
        finally:
            os.close(out)
        self._status, self._ended = None, False
        first = len(self.log)
        self._reader = threading.Thread(target=self._read, args=[log],
                                        daemon=True)
        self._reader.start()
        self.url = self._ready(first)
        self.port = urllib.parse.urlsplit(self.url).port
        return self

    def _ready(self, first: int) -> str:
        """The address, when the service says that it serves."""
        end = time.monotonic() + self.limit
        with self._changed:
            while True:
                for line in self.log[first:]:
                    if line.startswith("Ready. Open "):
                        return line.split()[-1]
                first = len(self.log)
                if self._ended or not self._changed.wait(
                        max(0, end - time.monotonic())):
                    break
        self.stop(signal.SIGKILL)
        raise AssertionError("the service did not start:\n" + self._tail())

    def _spawn(self, words: list[str], out: int) -> None:
        """concordanced, for apps in C."""
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=out,
                                   env={**os.environ, **self._env})
        process.returncode = 0  # this class waits for it
        self._pid = process.pid

    def _fork(self, apps, out: int) -> None:
        """The apps as they are in this process, which goes on as it was."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid != 0:
            self._pid = pid
            return
        status = 1
        try:
            self._serve(apps, out)
            status = 0
        except (Error, ValueError) as error:
            os.write(2, f"{error}\n".encode())
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(status)

    def _serve(self, apps, out: int) -> None:
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDONLY)
        for fd, at in ((null, 0), (out, 1), (out, 2)):
            os.dup2(fd, at)
        # Nothing of the test's is kept open, nor closed once more later on.
        gc.freeze()
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        os.environ.update(self._env)
        run(*apps, argv=self._words(), on_ready=lambda url: print(
            f"Ready. Open {url}", flush=True))

    @staticmethod
    def _import(word):
        name, _, attribute = str(word).partition(":")
        here = os.getcwd()
        if here not in sys.path:
            sys.path.insert(0, here)
        return getattr(importlib.import_module(name), attribute)

    def _read(self, fd: int) -> None:
        with open(fd, encoding="utf-8", errors="replace") as f:
            for line in f:
                with self._changed:
                    self.log.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _wait(self) -> int:
        """Its status, once; 128 and the signal's number when one ended it."""
        if self._pid:
            fd = os.pidfd_open(self._pid)
            try:
                if not select.select([fd], [], [], self.limit)[0]:
                    os.kill(self._pid, signal.SIGKILL)
            finally:
                os.close(fd)
            code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
            self._status = code if code >= 0 else 128 - code
            self._pid = 0
            self._reader.join(self.limit)
        return self._status or 0

    def stop(self, sig: int = signal.SIGTERM) -> int:
        """End it; its exit status.  signal.SIGKILL is a crash."""
        for client in self._clients:
            client.close()
        self._clients, self._operator = [], None
        if self._pid:
            os.kill(self._pid, sig)
        return self._wait()

    def restart(self, sig: int = signal.SIGTERM) -> "Site":
        """Stop it, start it again on the same port."""
        self.stop(sig)
        return self.start()

    def _tail(self) -> str:
        return "".join(self.log[-40:]) or "(nothing was logged)"

    # -- who is there ------------------------------------------------------

    def browser(self, language: str | None = None) -> Browser:
        """Another browser, with cookies of its own.  language: what its
        owner reads, "de"."""
        return Browser(self.url, self.limit, language)

    def client(self, jid: str | None = None, password: str | None = None,
               resource: str | None = None) -> Client:
        """An XMPP client over WebSocket, bound: a guest, or an account of
        adduser(): ``site.client("anna")``.  The password is the one that
        adduser() gave when none is said."""
        end = time.monotonic() + self.limit
        stream = wire.WebSocket("127.0.0.1", self.port, self.domain, end)
        made = Client(stream, self.domain, self.limit)
        self._clients.append(made)
        if jid is None:
            return made._begin(wire.anonymous, resource)
        user = str(jid).partition("@")[0]
        word = self._password(user) if password is None else password
        return made._begin(
            lambda s, e: wire.scram(s, user, word, e), resource)

    @property
    def operator(self) -> Client:
        """A client on the link: it may do everything."""
        if self._operator is None:
            end = time.monotonic() + self.limit
            made = Client(wire.Link(self.link, self.domain, end),
                          self.domain, self.limit)
            self._clients.append(made)
            self._operator = made._begin(wire.external)
        return self._operator

    # -- as the operator ---------------------------------------------------

    def do(self, node: str, /, fields: dict | None = None, **more) -> Answer:
        """Run a command as the operator; AssertionError when it is refused.
        To see a refusal: ``site.operator.command(node, ...)``."""
        answer = self.operator.command(node, fields, **more)
        if not answer.ok:
            raise AssertionError(f"{node}: {answer!r}")
        return answer

    @staticmethod
    def _password(user: str) -> str:
        return f"password of {user}"

    def adduser(self, user: str, password: str | None = None,
                role: str | None = None) -> str:
        """Make an account, with a role; its JID."""
        name = user.partition("@")[0]
        jid = f"{name}@{self.domain}"
        word = self._password(name) if password is None else password
        self.do("http://jabber.org/protocol/admin#add-user",
                {"accountjid": jid, "password": word,
                 "password-verify": word})
        if role:
            self.role(jid, role)
        return jid

    def role(self, jid: str, role: str, has: bool = True) -> None:
        """Give somebody a role, or take it: ``site.role(anna, "staff")``."""
        jid = jid if "@" in jid else f"{jid}@{self.domain}"
        self.do("roles/set", jid=jid, role=role, has=has)

    # -- waiting -----------------------------------------------------------

    def until(self, condition, what: str | None = None,
              timeout: float | None = None):
        """Wait until condition() is true: its value.  It is asked at once,
        after each line of the log, and every few milliseconds.  For what
        has an event of its own, next_event() is better."""
        end = time.monotonic() + (self.limit if timeout is None else timeout)
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"{what or condition}: not in time; it "
                                     f"is {value!r}. The log ends:\n"
                                     + self._tail())
            with self._changed:
                self._changed.wait(0.005)

    def logged(self, *words: str, timeout: float | None = None) -> str:
        """Wait for a line of the log with all the words: the line."""
        return self.until(
            lambda: next((line for line in list(self.log)
                          if all(word in line for word in words)), None),
            f"a line of the log with {words}", timeout)
