# SPDX-License-Identifier: MIT
"""An account that is named as operator, from any client; a new certificate."""
import os
import signal
import socket
import ssl
import subprocess

import wire
from service import Service, until

USERS = ("<iq xmlns='jabber:client' type='set' id='u' to='localhost'>"
         "<command xmlns='http://jabber.org/protocol/commands' node="
         "'http://jabber.org/protocol/admin#get-registered-users-list' "
         "action='execute'/></iq>")


def login(service, user):
    c = wire.Client(service.port, bind=False)
    c.open()
    assert c.auth("PLAIN", b"\0%s\0secret" % user.encode()).tag.endswith(
        "}success")
    c.open()
    c.bind("r")
    return c


def answer(c):
    c.send(USERS)
    return c.recv()


def test_an_operators_account_runs_the_operators_commands():
    with Service("bookcase-c", "--allow-plain",
                 "--operator", "juliet@localhost") as s:
        for user in ("juliet", "romeo"):
            s.ctl("adduser", user, stdin="secret\n")
        assert answer(login(s, "juliet")).get("type") == "result"
        refused = answer(login(s, "romeo"))
        assert refused.get("type") == "error"
        assert any(e.tag.endswith("}forbidden") for e in refused.iter())


def certificate(folder, name):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout",
         os.path.join(folder, "key.pem"), "-out",
         os.path.join(folder, "cert.pem"), "-days", "2", "-subj",
         f"/CN={name}"], check=True, capture_output=True)


def shown(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        with context.wrap_socket(s) as tls:
            return tls.getpeercert(binary_form=True)


def test_sighup_reads_the_certificate_again_and_keeps_sessions(tmp_path):
    certificate(tmp_path, "first")
    with Service("bookcase-c", "--tls-cert", str(tmp_path / "cert.pem"),
                 "--tls-key", str(tmp_path / "key.pem")) as s:
        before = shown(s.port)
        (tmp_path / "cert.pem").write_text("no certificate")
        s.process.send_signal(signal.SIGHUP)
        until("what cannot be read is said",
              lambda: any("tls.stale" in line for line in s.log))
        assert shown(s.port) == before
        certificate(tmp_path, "second")
        s.process.send_signal(signal.SIGHUP)
        until("the new one is shown", lambda: shown(s.port) != before)


def test_components_and_the_server_we_are_one_of_are_listed(tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    secret = str(tmp_path / "secret")
    with Service("bookcase-c", "--component", f"127.0.0.1:{port}",
                 "--component-secret", f"inner={secret}") as outer:
        listed = outer.ctl("s2s").stdout
        assert "inner" in listed and "component" in listed
        assert "idle" in listed
        with Service("bookcase-c", "--domain", "inner", "--attach",
                     f"127.0.0.1:{port}", "--attach-secret", secret) as inner:
            until("it is attached",
                  lambda: "ready" in inner.ctl("s2s").stdout)
            assert f"127.0.0.1:{port}" in inner.ctl("s2s").stdout
            until("and connected", lambda: "ready" in outer.ctl("s2s").stdout)
