# SPDX-License-Identifier: MIT
"""Inside a web server: what WSGI and ASGI share.

    application = MyBookcase.wsgi()      # mod_wsgi, gunicorn, uWSGI
    application = MyBookcase.asgi()      # uvicorn, hypercorn

Both ask the service over its link (``src/front``), which reconnects by
itself.  Nothing is opened when they are made, but by the first request: a
server may fork its workers after that.
"""
from __future__ import annotations

import os
import pwd
import re
import sys
import threading
from http import HTTPStatus
from urllib.parse import quote, unquote_to_bytes

__all__ = ["asgi", "wsgi"]

PHRASES = {s.value: f"{s.value} {s.phrase}" for s in HTTPStatus}
# A connection's own (RFC 9110 7.6.1), which the server has done with.
HOP = frozenset((
    "connection", "expect", "http2-settings", "keep-alive",
    "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade"))
MAX_TARGET = 16384
MAX_HEADERS = 200
LARGE = 32768  # of a body: whose address it is, is asked first

_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}").fullmatch
_host = re.compile(r"[A-Za-z0-9._~-]+(:[0-9]{1,5})?|"
                   r"\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?").fullmatch
_visible = re.compile(r"[!-~]+").fullmatch
_control = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
_blank = re.compile(r"[\x00-\x20\x7f]").search
_digits = re.compile(r"[0-9]{1,18}").fullmatch
_absolute = re.compile(r"(?i:https?)://([^/?#]*)(.*)").fullmatch


class Bad(Exception):
    """A request that goes no further: status and a line of text."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status, self.text = status, text


def status_line(status: int) -> str:
    return PHRASES.get(status) or f"{status} Status"


def header_text(value: str) -> str:
    """A header's bytes, which servers give as latin-1, as text; Bad."""
    if _control(value):
        raise Bad(400, "a header has control characters")
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def check_method(method: str) -> str:
    if not _token(method):
        raise Bad(400, "the method is malformed")
    return method


def check_host(host: str) -> str:
    """One host and port; two of them, or more than that, are not for us."""
    if not _host(host):
        raise Bad(400, "Host is missing or malformed")
    return host


def check_length(text: str) -> int:
    if not _digits(text):
        raise Bad(400, "Content-Length is malformed")
    return int(text)


def target_of(raw: str, path: str, query: str, host: str) -> str:
    """The request's target: as it came (raw), if that is the address that the
    server and what is between have made of it; else from path (decoded, as
    latin-1) and query."""
    if raw:
        found = _absolute(raw)
        if found:
            if found[1].lower() != host.lower():
                raise Bad(400, "the address and Host are of two hosts")
            raw = found[2] or "/"
        if "#" in raw:
            raise Bad(400, "the address has a fragment")
        came, _, asked = raw.partition("?")
        if not (asked == query and came and
                (came == path and "%" not in came or
                 unquote_to_bytes(came) == path.encode("latin-1"))):
            raw = ""
    if not raw:
        raw = quote(path.encode("latin-1"), "/!$&'()*+,;=:@~") or "/"
        if query:
            raw += "?" + query
    if not _visible(raw):
        if _blank(raw):
            raise Bad(400, "the address has control characters")
        raw = quote(raw.encode("latin-1"), "".join(map(chr, range(33, 127))))
    if raw[0] != "/":
        raise Bad(400, "the address is no path")
    if len(raw) > MAX_TARGET:
        raise Bad(414, "the address is too long")
    return raw


_HERE = os.path.dirname(os.path.abspath(__file__))


def _folder(apps, caller: str | None) -> str:
    """Where the class of the first app is; of a C app, where it is named."""
    for app in apps[:1]:
        module = sys.modules.get(app.__module__)
        file = getattr(module, "__file__", None)
        if file and os.path.dirname(os.path.abspath(file)) != _HERE:
            caller = file
    return os.path.dirname(os.path.abspath(caller)) if caller else os.getcwd()


def _user(owner: str | int | None) -> int:
    """The number of a user; -1: nobody."""
    if owner is None or isinstance(owner, int):
        return -1 if owner is None else owner
    try:
        return int(owner) if owner.isdigit() else pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise ValueError(f"owner: there is no user {owner}") from None


class Gateway:
    """The way to a service: its options, and the front, once it is needed.

    link    the service's socket [CONCORDANCE_LINK, or data/link beside the
            file of the class]
    domain  of several the one that is meant [the service's first]
    www     its folder of snapshots, for while it is down [www beside link]
    owner   who may own the service's socket, beside root and who runs this: a
            name or a number
    wait    seconds that an answer may take [30], then 504
    retry   seconds that a request waits for a service that is not there [2]
    keep    bytes of pages that are kept [64 MB]
    prefix  what the service has of --prefix, for the files of www
    """

    def __init__(self, apps, file, *, link=None, domain=None, www=None,
                 owner=None, wait: float = 30, retry: float = 2,
                 keep: int = 64 << 20, prefix: str | None = None):
        from .app import App
        self.apps = [a if isinstance(a, type) else type(a) for a in apps]
        for app in self.apps:
            if not issubclass(app, App):
                raise TypeError(f"{app.__name__} is no App")
        if wait <= 0 or retry < 0 or keep < 0:
            raise ValueError("wait, retry and keep are positive")
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise ValueError("prefix begins with / and ends without")
        folder = _folder(self.apps, file)
        self.link = os.path.join(folder, os.fspath(
            link or os.environ.get("CONCORDANCE_LINK") or "data/link"))
        self.domain = domain
        self.www = None if www is None else os.path.join(folder,
                                                         os.fspath(www))
        self.owner = _user(owner)
        self.wait, self.retry, self.keep = wait, retry, keep
        self.prefix = prefix
        self._front = None
        self._lock = threading.Lock()
        self._mount_known = False

    @property
    def front(self):
        """Made when it is first asked for."""
        if self._front is None:
            with self._lock:
                if self._front is None:
                    self._front = self._make()
        return self._front

    def _make(self):
        from . import here
        from ._concordance import Front
        apps = here.names(self.apps)
        www = self.www or os.path.join(os.path.dirname(self.link), "www")
        return Front(self.link, self.domain,
                     www if os.path.isdir(www) else None, self.owner,
                     int(self.wait * 1000) or 1,
                     int(self.retry * 1000) or 1, self.keep,
                     apps or None, self._run if apps else None, self.prefix)

    def _run(self, xml: str) -> str:
        """A page's handler that the service leaves to this process."""
        from .app import _run_here
        return _run_here(self.apps, xml, self.front.iq)

    def mount_fault(self, mount: str, host: str) -> str | None:
        """What to say, once, where the server has the application below a path
        that the service does not know."""
        if not mount or self._mount_known or not self.is_up:
            return None
        self._mount_known = True
        answer = self.front.ask(  # which is there below a prefix alone
            "HEAD", quote(mount.encode("latin-1")) + "/healthz",
            [("host", host)], "", False, 0, None)
        answer.close()
        if not answer.not_ours:
            return None
        return (f"this application is mounted at {mount}, and the service "
                f"has nothing there: start it with --prefix {mount}")

    @property
    def is_up(self) -> bool:
        return self.front.stats()["up"]


class Others:
    """Which addresses are another application's, beside ours: what is known
    of them helps while the service, who knows, is down.  What strangers ask is
    theirs to choose: long ones are not remembered."""

    _LONG = 200

    def __init__(self, limit: int = 10000):
        self._known: dict = {}
        self._limit = limit

    def learn(self, host: str, target: str, ours: bool) -> None:
        key = host, target.partition("?")[0]
        if len(host) + len(key[1]) <= self._LONG and \
                self._known.get(key) != ours:
            if len(self._known) >= self._limit:
                self._known.clear()
            self._known[key] = ours

    def ours(self, host: str, target: str) -> bool | None:
        """None: never asked."""
        return self._known.get((host, target.partition("?")[0]))


def _caller() -> str | None:
    """The file that calls wsgi() or asgi()."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_globals.get("__file__")
        if file and os.path.dirname(os.path.abspath(file)) != _HERE:
            return file
        frame = frame.f_back
    return None


def wsgi(*apps, beside=None, **options):
    """A WSGI application of the service of these apps (classes).

    beside   another WSGI application: what is no address of the service's
             goes there
    options  of Gateway: link, domain, www, owner, wait, retry, keep, prefix

    Nothing happens before the first request.  TypeError, ValueError.
    """
    from .wsgiapp import Application
    return Application(Gateway(apps, _caller(), **options), beside)


def asgi(*apps, beside=None, path: str = "/xmpp", c2s: str | None = None,
         origins=(), tls: str | None = None, proxy: bool = False,
         max_stanza: int = 262144, threads: int = 32, **options):
    """An ASGI application: as wsgi(), and XMPP over WebSocket (RFC 7395).

    beside      another ASGI application
    path        of the WebSocket
    c2s         the XMPP server's socket for clients: unix:PATH, or
                tcp:HOST:PORT [CONCORDANCE_C2S, or unix:c2s beside link]
    origins     of pages that may open it, beside its own:
                ["https://books.example.org"]
    tls         to that server: "never", "offered", "required" [required,
                unless it is on this machine]
    proxy       tell it the client's address (PROXY protocol, version 2)
    max_stanza  bytes of a stanza
    threads     requests of HTTP at once
    """
    from .asgiapp import Application
    return Application(Gateway(apps, _caller(), **options), beside,
                       path=path, c2s=c2s, origins=origins, tls=tls,
                       proxy=proxy, max_stanza=max_stanza, threads=threads)
