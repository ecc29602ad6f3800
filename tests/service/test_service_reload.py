# SPDX-License-Identifier: MIT
"""Everything is read again while people are connected: configuration,
certificates, the log, apps."""
from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess

import pytest

from service import BUILD, HAS_PYTHON, LIMIT, TOP, Service, needs_python, until
from stranger import NS_SASL, Raw, blind, header
from test_nodes import Link
from test_reload import FIRST, SOURCE, add
from wire import Client

c_apps = pytest.mark.skipif(
    not HAS_PYTHON, reason="the app is built without the sanitizers")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def certificate(folder, serial: int):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-set_serial",
         str(serial), "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", f"{folder}/key",
         "-out", f"{folder}/cert"], check=True, capture_output=True)


class Configured(Service):
    """The app Shelf, by a file."""

    def __init__(self, folder, **first):
        self.folder = str(folder)
        self.c2s, self.web = free_port(), free_port()
        self.path = os.path.join(self.folder, "c.conf")
        certificate(folder, 1)
        self.build(version="1")
        self.write(**first)
        super().__init__("shelf", data=os.path.join(self.folder, "data"))

    def command(self):
        return [os.path.join(BUILD, "src/service/concordanced"), "--config",
                self.path]

    def write(self, more: str = "", **changes):
        lines = {"http": f"127.0.0.1:{self.web}",
                 "data": f"{self.folder}/data", "http-plain": "yes",
                 "tls-cert": f"{self.folder}/cert",
                 "tls-key": f"{self.folder}/key",
                 "c2s": f"127.0.0.1:{self.c2s}", "files": self.folder,
                 "log-level": "info", "app": f"{self.folder}/shelf.so",
                 **{name.replace("_", "-"): value
                    for name, value in changes.items()}}
        text = "".join(f"{name} = {value}\n"
                       for name, value in lines.items() if value)
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text + more)

    def build(self, **changes):
        source = os.path.join(self.folder, "shelf.c")
        with open(source, "w", encoding="utf-8") as f:
            f.write(SOURCE % {**FIRST, **changes})
        made = os.path.join(self.folder, "made.so")
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-I", os.path.join(TOP, "include"),
             "-o", made, source,
             os.path.join(BUILD, "src/service/libconcordance.so")],
            check=True, timeout=LIMIT)
        os.rename(made, os.path.join(self.folder, "shelf.so"))

    def serial(self) -> int:
        """Of the certificate that a new stream sees."""
        with Raw(self.c2s) as raw:
            raw.starttls()
            text = ssl.DER_cert_to_PEM_cert(raw.sock.getpeercert(True))
        out = subprocess.run(["openssl", "x509", "-noout", "-serial"],
                             input=text, text=True, capture_output=True,
                             check=True).stdout
        return int(out.split("=")[1], 16)

    def said(self, event: str) -> list[str]:
        return [line for line in self.log if f" {event}" in line]


class Guest(Raw):
    """A client by TCP and TLS, who follows the shelf."""

    def __init__(self, s):
        super().__init__(s.c2s)
        self.starttls(blind())
        self.send(header())
        self.until("</stream:features>")
        self.send(f"<auth xmlns='{NS_SASL}' mechanism='ANONYMOUS'/>")
        self.until("<success[^>]*>")
        self.send(header())
        self.until("</stream:features>")
        self.send("<iq type='set' id='b'><bind xmlns="
                  "'urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        jid = self.until("<jid>(.*?)</jid>")[1]
        self.send("<iq type='set' id='s' to='localhost'><pubsub xmlns="
                  "'http://jabber.org/protocol/pubsub'><subscribe node='shelf' "
                  f"jid='{jid}'/></pubsub></iq>")
        self.until("<iq[^>]*id='s'.*?</iq>")


@c_apps
def test_fifty_sessions_stay_through_ten_reloads_and_miss_nothing(tmp_path):
    with Configured(tmp_path) as s:
        link = Link(s)
        web = [Client(s.port) for _ in range(25)]
        for client in web:
            client.subscribe("shelf")
        tcp = [Guest(s) for _ in range(25)]
        for i in range(1, 11):
            add(link, f"B{i}")
            certificate(tmp_path, i + 1)
            s.build(hello=f"Version {i}.", version=f"1.{i}")
            s.write(contact=f"mailto:a{i}@b.example",
                    log_level="debug" if i % 2 else "info")
            if i % 2:
                answer = s.ctl("reload").stdout
                assert "contact" in answer and "log-level" in answer
                assert "shelf: a new version" in answer
            else:
                s.process.send_signal(signal.SIGHUP)
                until(f"reload {i}", lambda n=i: len(
                    s.said("reload.done")) == n)
            assert s.serial() == i + 1
            assert f"Version {i}." in s.ctl("do", "hello").stdout
            add(link, f"A{i}")
        wanted = [f"{k}{i}" for i in range(1, 11) for k in "BA"]
        for client in web:
            got = []
            while len(got) < len(wanted):
                got += re.findall(r"<title>(\w+)</title>", client.text())
            assert got == wanted
            client.close()
        for client in tcp:
            got = [client.until(r"<title>(\w+)</title>")[1] for _ in wanted]
            assert got == wanted
            client.close()
        assert len(s.said("reload.done")) == 10
        assert not s.said("reload.refused")


@c_apps
def test_an_error_in_the_file_changes_nothing_and_says_where(tmp_path):
    with Configured(tmp_path) as s:
        certificate(tmp_path, 9)
        s.build(hello="Second.", version="2")
        s.write(contact="mailto:a@b.example", more="nonsense = 1\n")
        done = s.ctl("reload", check=False)
        assert done.returncode == 1
        assert "c.conf:11: there is no option" in done.stderr
        s.process.send_signal(signal.SIGHUP)
        until("it says so", lambda: len(s.said("reload.refused")) == 2)
        s.write(contact="books")
        assert "c.conf:10: contact is a URI" in s.ctl(
            "reload", check=False).stderr
        s.write(operator="a@elsewhere.example")
        assert "--operator is an account" in s.ctl(
            "reload", check=False).stderr
        # certificate and app are as they were, too
        assert s.serial() == 1
        assert "First." in s.ctl("do", "hello").stdout
        s.write()
        answer = s.ctl("reload").stdout
        assert "shelf: a new version" in answer
        assert "localhost: a new certificate" in answer
        assert s.serial() == 9
        assert s.ctl("reload").stdout == (
            "Everything was read again; nothing has changed.\n")


@c_apps
def test_what_needs_a_restart_is_named(tmp_path):
    with Configured(tmp_path) as s:
        s.write(http="127.0.0.1:1", renders="2", max_queue="70000",
                app="auth")
        answer = s.ctl("reload").stdout
        assert "changed: max-queue" in answer
        assert re.search("^(?=.*http)(?=.*renders)(?=.*app).*: needs a restart",
                         answer, re.M), answer
        assert s.said("reload.restart")
        assert s.get()[0] == 200
        s.write(app="", more="[domain other.example]\n")
        assert "domain: needs a restart" in s.ctl("reload").stdout


@c_apps
def test_what_changes_is_in_effect_at_once(tmp_path):
    with Configured(tmp_path, registration="yes") as s:
        assert s.get("/_console")[0] == 200
        assert "debug" not in "".join(s.log)
        s.write(no_console="yes", registration="yes", log_level="error",
                origin="https://new.example", operator="ann@localhost")
        assert "origin" in s.ctl("reload").stdout
        assert s.get("/_console")[0] == 404
        assert s.get(Host="new.example")[0] == 200
        n = len(s.log)
        s.write()
        s.ctl("reload")
        assert s.get("/_console")[0] == 200
        assert s.get(Host="new.example")[0] == 421
        assert "reload.done" not in "".join(s.log[n:-1])


@c_apps
def test_a_certificate_that_cannot_be_read_leaves_the_old_one(tmp_path):
    with Configured(tmp_path) as s:
        (tmp_path / "cert").write_text("nonsense")
        done = s.ctl("reload", check=False)
        assert done.returncode == 1
        assert "cannot use the certificate" in done.stderr
        assert s.serial() == 1


@c_apps
def test_the_log_is_opened_again(tmp_path):
    log = tmp_path / "log"
    with Configured(tmp_path, log=log) as s:
        until("a line", lambda: "service.ready" in log.read_text())
        assert log.stat().st_mode & 0o777 == 0o640 & ~os.umask(os.umask(0))
        assert not s.log
        log.rename(tmp_path / "log.1")
        s.process.send_signal(signal.SIGHUP)
        until("it is there again", log.exists)
        until("a line", lambda: "reload.done" in log.read_text())
        assert "service.ready" not in log.read_text()
        s.write(log=f"{tmp_path}/no/such")
        done = s.ctl("reload", check=False)
        assert "cannot write the log" in done.stderr


@needs_python
def test_an_app_in_python_that_has_changed_is_reloaded(tmp_path):
    (tmp_path / "pile.py").write_text(PILE % "First.")
    conf = tmp_path / "c.conf"
    conf.write_text("store = memory\napp = pile:Pile\n")
    s = Service("pile:Pile", "--config", str(conf), store="memory",
                env={"APPPATH": str(tmp_path)})
    with s:
        assert "First." in s.ctl("do", "hello").stdout
        (tmp_path / "pile.py").write_text(PILE % "Second one.")
        assert "pile: a new version" in s.ctl("reload").stdout
        assert "Second one." in s.ctl("do", "hello").stdout
        assert "nothing has changed" in s.ctl("reload").stdout


PILE = '''
from concordance import App, command
class Pile(App):
    name = "pile"
    xmlns = "urn:x-pile"
    @command("hello", "Hello", safe=True)
    def hello(self, user, form):
        return "%s"
'''
