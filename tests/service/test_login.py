# SPDX-License-Identifier: MIT
"""Logging in over TCP and TLS, as clients do it: SASL2, Bind 2, tokens,
channel binding by the real certificate, EXTERNAL; and what of it outlives a
restart."""
from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import subprocess

import pytest

from service import Service, until

PASSWORD = "R0saline-1"
AGENT = "d4565fa7-4d72-4749-b3d3-740edbf87770"
LIMIT = 15


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """A CA, the service's certificate, and Juliet's with her address."""
    d = tmp_path_factory.mktemp("pki")
    ca, cakey = str(d / "ca.pem"), str(d / "ca.key")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-keyout", cakey, "-out", ca,
            "-days", "30", "-subj", "/CN=Test CA")
    for name, san in (("service", "DNS:localhost"),
                      ("juliet", "otherName:1.3.6.1.5.5.7.8.5;"
                                 "UTF8:juliet@localhost")):
        key, csr, pem = (str(d / f"{name}.{x}") for x in ("key", "csr", "pem"))
        ext = d / f"{name}.ext"
        ext.write_text(f"subjectAltName={san}\n"
                       "extendedKeyUsage=serverAuth,clientAuth\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-keyout", key, "-out", csr, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", csr, "-CA", ca, "-CAkey", cakey,
                "-CAcreateserial", "-out", pem, "-days", "30", "-extfile",
                str(ext))
    return d


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def service(pki):
    port = free_port()
    with Service("bookcase-c", "--http-plain", "--tls-cert",
                 str(pki / "service.pem"), "--tls-key",
                 str(pki / "service.key"), "--ca", str(pki / "ca.pem"),
                 "--c2s", f"127.0.0.1:{port}") as s:
        s.c2s = port
        s.pki = pki
        s.ctl("adduser", "juliet", stdin=PASSWORD + "\n")
        yield s


class Client:
    """A client's stream after STARTTLS."""

    def __init__(self, s, cert: str | None = None):
        self.sock = socket.create_connection(("127.0.0.1", s.c2s), LIMIT)
        self.text = ""
        self.header()
        self.until("</stream:features>")
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        self.until("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        context = ssl.create_default_context(cafile=str(s.pki / "ca.pem"))
        if cert is not None:
            context.load_cert_chain(s.pki / f"{cert}.pem",
                                    s.pki / f"{cert}.key")
        self.sock = context.wrap_socket(self.sock,
                                        server_hostname="localhost")
        self.header()
        self.features = self.until("</stream:features>")

    def send(self, xml: str) -> None:
        self.sock.sendall(xml.encode())

    def header(self) -> None:
        self.send("<?xml version='1.0'?><stream:stream xmlns='jabber:client'"
                  " xmlns:stream='http://etherx.jabber.org/streams'"
                  " to='localhost' version='1.0'>")

    def until(self, *ends: str) -> str:
        while True:
            for end in ends:
                at = self.text.find(end)
                if at >= 0:
                    got = self.text[:at + len(end)]
                    self.text = self.text[at + len(end):]
                    return got
            data = self.sock.recv(65536)
            assert data, f"closed while waiting for {ends}: {self.text}"
            self.text += data.decode()

    def authenticate(self, mechanism: str, data: bytes, more: str = "") -> str:
        self.send(f"<authenticate xmlns='urn:xmpp:sasl:2'"
                  f" mechanism='{mechanism}'><initial-response>{b64(data)}"
                  f"</initial-response><user-agent id='{AGENT}'/>{more}"
                  "</authenticate>")
        return self.until("</success>", "</failure>", "</challenge>")

    def plain(self, more: str = "", password: str = PASSWORD) -> str:
        return self.authenticate("PLAIN", f"\0juliet\0{password}".encode(),
                                 more)

    def token(self, token: str, more: str = "") -> str:
        proof = hmac.digest(token.encode(), b"Initiator" + self.end_point(),
                            "sha256")
        return self.authenticate("HT-SHA-256-ENDP", b"juliet\0" + proof,
                                 f"<fast xmlns='urn:xmpp:fast:0'{more}/>")

    def end_point(self) -> bytes:
        """RFC 5929 section 4: the certificate's hash by its own hash."""
        return hashlib.sha256(self.sock.getpeercert(True)).digest()

    def scram(self, binding: bytes | None = None) -> str:
        gs2 = b"p=tls-server-end-point,,"
        first = b"n=juliet,r=fyko+d2lbbFgONRv9qkxdawL"
        got = self.authenticate("SCRAM-SHA-256-PLUS", gs2 + first)
        challenge = base64.b64decode(re.search(">([^<]*)</challenge>",
                                               got)[1])
        parts = dict(p.split("=", 1)
                     for p in challenge.decode().split(","))
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(),
                                     base64.b64decode(parts["s"]),
                                     int(parts["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        data = self.end_point() if binding is None else binding
        last = f"c={b64(gs2 + data)},r={parts['r']}".encode()
        message = first + b"," + challenge + b"," + last
        mac = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, mac))
        last += b",p=" + b64(proof).encode()
        self.send(f"<response xmlns='urn:xmpp:sasl:2'>{b64(last)}</response>")
        answer = self.until("</success>", "</failure>")
        if "<success" in answer:
            signature = base64.b64decode(
                re.search("<additional-data>([^<]*)<", answer)[1])
            server = hmac.digest(salted, b"Server Key", "sha256")
            assert signature == b"v=" + b64(
                hmac.digest(server, message, "sha256")).encode()
        return answer

    def close(self) -> None:
        self.sock.close()


ASK = "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-ENDP'/>"


def token_in(answer: str) -> str:
    return re.search("token='([^']*)'", answer.split("<token")[1])[1]


def salt_of(s, user: str) -> str:
    c = Client(s)
    got = c.authenticate("SCRAM-SHA-256", f"n,,n={user},r=abc".encode())
    c.close()
    text = base64.b64decode(re.search(">([^<]*)</challenge>", got)[1]).decode()
    return re.search(",s=([^,]*),i=([0-9]+)", text)[0]


def test_one_round_trip_logs_in_and_binds(service):
    c = Client(service)
    assert ("<channel-binding type='tls-exporter'/>"
            "<channel-binding type='tls-server-end-point'/>") in c.features
    answer = c.plain("<bind xmlns='urn:xmpp:bind:0'><tag>Test</tag>"
                     "<enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>")
    assert re.search("juliet@localhost/Test/[0-9a-f]+<", answer)
    assert "<enabled xmlns='urn:xmpp:sm:3' id='" in answer
    assert "<limits" in c.until("</stream:features>")
    c.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert "type='result'" in c.until("/>")
    c.close()


def test_copies_come_from_the_first_moment_on(service):
    service.ctl("adduser", "romeo", stdin=PASSWORD + "\n")
    a, b = Client(service), Client(service)
    assert "<feature var='urn:xmpp:carbons:2'/>" in a.features
    for c, tag, more in ((a, "a", "<enable xmlns='urn:xmpp:carbons:2'/>"),
                         (b, "b", "")):
        assert "<bound" in c.plain("<bind xmlns='urn:xmpp:bind:0'>"
                                   f"<tag>{tag}</tag>{more}</bind>")
        c.until("</stream:features>")
        c.send("<presence/>")
        c.until("<presence ")
    b.send("<message to='romeo@localhost' type='chat' id='m'>"
           "<body>hello</body></message>")
    a.until("urn:xmpp:carbons:2")
    a.until("<body>hello</body>")
    a.close()
    b.close()


def test_scram_plus_is_bound_to_the_certificate(service):
    c = Client(service)
    assert "not-authorized" in c.scram(b"x" * 32)
    assert "<success" in c.scram()
    c.close()


def test_a_token_outlives_a_restart_and_not_the_password(service):
    c = Client(service)
    token = token_in(c.plain(ASK))
    c.close()
    service.kill()
    service.start()
    c = Client(service)
    assert "<success" in c.token(token)
    c.close()
    service.ctl("passwd", "juliet", stdin="An0ther-1\n")
    c = Client(service)
    assert "not-authorized" in c.token(token)
    assert "<success" in c.plain(password="An0ther-1")
    c.close()
    service.kill()
    service.start()
    c = Client(service)
    assert "not-authorized" in c.token(token)
    c.close()


def test_an_invalidated_token_stays_so(service):
    c = Client(service)
    token = token_in(c.plain(ASK))
    c.close()
    c = Client(service)
    assert "<success" in c.token(token, " invalidate='true'")
    service.kill()
    service.start()
    c = Client(service)
    assert "not-authorized" in c.token(token)
    c.close()


def test_a_deleted_account_has_no_tokens(service):
    c = Client(service)
    token = token_in(c.plain(ASK))
    c.close()
    service.ctl("deluser", "juliet")
    service.ctl("adduser", "juliet", stdin=PASSWORD + "\n")
    c = Client(service)
    assert "not-authorized" in c.token(token)
    c.close()


def test_nobodys_salt_is_the_same_after_a_restart(service):
    before = [salt_of(service, u) for u in ("juliet", "nobody", "romeo")]
    assert len(set(before)) == 3
    assert len({s.split(",i=")[1] for s in before}) == 1
    service.kill()
    service.start()
    assert [salt_of(service, u)
            for u in ("juliet", "nobody", "romeo")] == before


def test_a_client_certificate_logs_in(service):
    c = Client(service, "juliet")
    assert "<mechanism>EXTERNAL</mechanism>" in c.features
    answer = c.authenticate("EXTERNAL", b"")
    assert ">juliet@localhost<" in answer
    c.close()
    c = Client(service)
    assert "EXTERNAL" not in c.features
    c.close()


def test_no_password_and_no_token_is_in_the_log(service):
    c = Client(service)
    token = token_in(c.plain(ASK))
    c.close()
    c = Client(service)
    assert "<success" in c.token(token)
    c.close()
    c = Client(service)
    assert "not-authorized" in c.plain(password="wr0ng-one")
    c.close()
    log = until("the failure is logged", lambda: [
        line for line in service.log if "auth.failed" in line])
    assert "peer=127.0.0.1" in log[0] and "juliet@localhost" in log[0]
    text = "".join(service.log)
    assert token not in text and PASSWORD not in text
    assert "wr0ng-one" not in text
