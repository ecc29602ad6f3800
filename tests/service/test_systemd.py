# SPDX-License-Identifier: MIT
"""What systemd gives and hears: sockets that it opened, READY and the rest.
Here a small parent does what systemd would."""
import fcntl
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading

import pytest

from service import BUILD, LIMIT, Service, needs_python, until
from stranger import Raw, header
from test_sockets import Near, get, proxied

# Descriptors from 3 on, and whose they are: its process id is the child's.
BEQUEATH = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",") if fd]
for i, fd in enumerate(fds):
    os.dup2(fd, 3 + i)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


def has_systemd() -> bool:
    libraries = subprocess.run(
        ["ldd", os.path.join(BUILD, "src/service/libconcordance.so")],
        capture_output=True, text=True).stdout
    return "libsystemd" in libraries


pytestmark = pytest.mark.skipif(not has_systemd(),
                                reason="built without libsystemd")


class Unit(Service):
    """A service with sockets that somebody else has opened: (name, socket)."""

    def __init__(self, *options: str, sockets=(), app: str = "bookcase-c",
                 env=None, **more):
        # Above what they are to become.
        self.fds = tuple(fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 50)
                         for _, s in sockets)
        names = ":".join(name for name, _ in sockets)
        super().__init__(app, *options, env={
            "LISTEN_FDS": str(len(self.fds)), "LISTEN_FDNAMES": names,
            **(env or {})}, **more)

    def command(self) -> list[str]:
        words = super().command()
        at = words.index("--http")  # what is inherited has no option
        if "http" in self.env["LISTEN_FDNAMES"].split(":"):
            del words[at:at + 2]
        return [sys.executable, "-c", BEQUEATH,
                ",".join(str(fd) for fd in self.fds), *words]

    def __exit__(self, *exc):
        super().__exit__(*exc)
        for fd in self.fds:
            os.close(fd)


class Manager:
    """The notification socket."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.sock.settimeout(LIMIT)
        self.env = {"NOTIFY_SOCKET": self.path}
        self.lines: list[str] = []

    def until(self, line: str) -> str:
        """Read until a line begins so; that line."""
        while True:
            for i, have in enumerate(self.lines):
                if have.startswith(line):
                    del self.lines[:i + 1]
                    return have
            try:
                self.lines += self.sock.recv(65536).decode().split("\n")
            except TimeoutError:
                raise AssertionError(f"no {line}: {self.lines}") from None


def tcp() -> socket.socket:
    s = socket.create_server(("127.0.0.1", 0))
    return s


def unix(path, kind=socket.SOCK_STREAM) -> socket.socket:
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(str(path))
    if kind != socket.SOCK_DGRAM:
        s.listen()
    return s


# -- sockets ------------------------------------------------------------------

def test_inherited_sockets_are_used_and_stay(tmp_path):
    web, c2s, c2s2, proxy = tcp(), tcp(), tcp(), tcp()
    near, link = unix(tmp_path / "http"), unix(tmp_path / "link")
    with Unit("--link", str(tmp_path / "elsewhere"), sockets=[
            ("http", web), ("http", near), ("c2s", c2s), ("c2s", c2s2),
            ("c2s-proxy", proxy), ("link", link), ("s2s", tcp())],
            ) as s:
        assert s.port == web.getsockname()[1]
        assert s.get()[0] == 200
        assert get(str(tmp_path / "http"))[0] == 200
        for port in (c2s, c2s2):
            with Raw(port.getsockname()[1]) as client:
                client.send(header())
                client.upto("</stream:features>")
        with Raw(proxy.getsockname()[1]) as client:
            client.send(proxied("192.0.2.7", tls=True))
            client.send(header())
            client.upto("</stream:features>")
        s.link = str(tmp_path / "link")
        assert "sessions" in s.ctl("status").stdout
        assert not (tmp_path / "elsewhere").exists()
        assert s.stop() == 0
    assert stat.S_ISSOCK(os.stat(tmp_path / "http").st_mode)
    assert stat.S_ISSOCK(os.stat(tmp_path / "link").st_mode)


def test_the_managers_port_is_not_instead_of_a_unix_socket(tmp_path):
    """Clients of the network, and a web server on this machine."""
    port, near, mine = tcp(), unix(tmp_path / "near"), tmp_path / "mine"
    options = "--c2s", "127.0.0.1:0", "--c2s", f"unix:{mine}"
    with Unit(*options, sockets=[("c2s", port)]) as s:
        for client in (Raw(port.getsockname()[1]), Near(str(mine))):
            with client:
                client.send(header())
                client.upto("</stream:features>")
        assert "".join(s.log).count("listen.ready kind=c2s ") == 2
    with Unit(*options, sockets=[("c2s", port), ("c2s", near)]) as s:
        with Near(str(tmp_path / "near")) as client:
            client.send(header())
            client.upto("</stream:features>")
        assert not mine.exists()


def test_a_restart_loses_nobody_who_comes(tmp_path):
    web, c2s = tcp(), unix(tmp_path / "c2s")
    over = threading.Event()
    served, failed = [], []

    def visit():
        """One after another: a page, and a stream's features."""
        while not over.is_set():
            try:
                with Raw(web.getsockname()[1]) as browser:
                    browser.send("GET / HTTP/1.1\r\nHost: localhost\r\n"
                                 "Connection: close\r\n\r\n")
                    text = browser.rest()
                with Near(str(tmp_path / "c2s")) as client:
                    client.send(header())
                    while ("</stream:features>" not in client.text
                           and client.more()):
                        pass
                    features = "</stream:features>" in client.text
            except OSError as error:
                failed.append(repr(error))
                continue
            served.append((text[:12], features))

    visitors = [threading.Thread(target=visit) for _ in range(4)]
    with Unit(sockets=[("http", web), ("c2s", c2s)]) as s:
        for v in visitors:
            v.start()
        for sig in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
            before = len(served)
            until("visitors", lambda: len(served) > before + 50)
            s.stop(sig)
            s.start()
        before = len(served)
        until("visitors", lambda: len(served) > before + 20)
        over.set()
        for v in visitors:
            v.join(LIMIT)
    assert not failed  # nobody was refused
    # Those whom the one before had taken in end with it, each at most once.
    most = 3 * len(visitors)
    assert sum(text != "HTTP/1.1 200" for text, _ in served) <= most
    assert sum(not features for _, features in served) <= most


@pytest.mark.parametrize("name, make, needle", [
    ("unknown", tcp, "has the name \"unknown\", which says nothing"),
    ("c2s", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
     "\"c2s\", is of a wrong type: ListenStream="),
    ("http", lambda: socket.socket(), "\"http\", does not listen"),
    ("link", tcp, "\"link\", is no Unix socket"),
    ("component", tcp, "\"component\", is for nothing that is served here"),
    ("c2s-tls", tcp, "needs --tls-cert"),
])
def test_a_socket_that_cannot_be_is_told(name, make, needle):
    with make() as sock:
        if sock.type == socket.SOCK_DGRAM:
            sock.bind(("127.0.0.1", 0))
        s = Unit(sockets=[(name, sock)], wait=False)
        with s:
            assert s.process.wait(LIMIT) == 1
            s.reader.join(LIMIT)
            assert needle in "".join(s.log), "".join(s.log)


def test_the_supervised_service_inherits_again_after_a_crash(tmp_path):
    web = tcp()
    with Unit("--supervise", sockets=[("http", web)]) as s:
        assert s.get()[0] == 200
        child = int(subprocess.run(
            ["pgrep", "-P", str(s.process.pid)], capture_output=True,
            text=True, check=True).stdout)
        os.kill(child, signal.SIGSEGV)
        assert s.get()[0] == 200


@needs_python
def test_an_app_of_python_inherits_too():
    web = tcp()
    with Unit(app="bookcase-python", sockets=[("http", web)]) as s:
        assert s.port == web.getsockname()[1]
        assert s.get()[0] == 200


# -- notifications ------------------------------------------------------------

def test_the_manager_hears_how_it_goes(tmp_path):
    manager = Manager(tmp_path)
    with Service("bookcase-c", env={**manager.env,
                                    "WATCHDOG_USEC": "200000"}) as s:
        manager.until("READY=1")
        assert manager.until("STATUS=") == "STATUS=localhost, 0 sessions"
        for _ in range(5):
            manager.until("WATCHDOG=1")
        os.kill(s.process.pid, signal.SIGSTOP)  # a core that stands still
        manager.lines.clear()
        manager.sock.settimeout(1)
        with pytest.raises(AssertionError, match="WATCHDOG"):
            for _ in range(10):
                manager.until("WATCHDOG=1")
        manager.sock.settimeout(LIMIT)
        os.kill(s.process.pid, signal.SIGCONT)
        manager.until("WATCHDOG=1")
        assert s.stop() == 0
        manager.until("STOPPING=1")


def test_the_manager_hears_of_a_reload(tmp_path):
    manager = Manager(tmp_path)
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=localhost", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    with Service("bookcase-c", "--tls-cert", cert, "--tls-key", key,
                 "--http-plain", env=manager.env) as s:
        manager.until("READY=1")
        s.process.send_signal(signal.SIGHUP)
        manager.until("RELOADING=1")
        assert re.match(r"MONOTONIC_USEC=\d+$", manager.until("MONOTONIC"))
        manager.until("READY=1")


def test_without_a_manager_nobody_is_told(tmp_path):
    with Service("bookcase-c", env={"NOTIFY_SOCKET":
                                    str(tmp_path / "nobody")}) as s:
        assert s.get()[0] == 200
