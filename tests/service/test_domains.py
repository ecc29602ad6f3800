# SPDX-License-Identifier: MIT
"""Two domains in one process: each with its apps, accounts, data and
certificate, and both reach each other."""
import hashlib
import os
import re
import signal
import socket
import ssl
import subprocess
import xml.etree.ElementTree as ET

import pytest

import wire
from service import BUILD, TOP, LIMIT, Service, book, needs_python, until

A, B = "a.example", "b.example"
MODULE = os.path.join(BUILD, "examples/bookcase-c/bookcase.so")
FILES = os.path.join(TOP, "examples/bookcase-c")


class Domains(Service):
    """a.example and b.example, with a bookcase each."""

    def __init__(self, *options, own=None, data, **more):
        self.own = own or {}
        super().__init__("two", *options, data=data, **more)

    def command(self):
        words = [os.path.join(BUILD, "src/service/concordanced"), "--http",
                 f"127.0.0.1:{self.port}", "--data", self.data, "--store",
                 self.store, "--files", FILES, *self.options]
        for name in (A, B):
            words += ["--domain", name, *self.own.get(name, []), MODULE]
        return words

    def site(self, host, path="/", more=""):
        """Status, and all of the answer."""
        answer = self.raw(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}"
                          "Connection: close\r\n\r\n".encode())
        return int(answer.split()[1]), answer.decode()

    def refused(self):
        """Did it end by itself, with an error?"""
        self.process.wait(LIMIT)
        return self.stop() not in (0, -signal.SIGTERM)

    def at(self, name, *words, **more):
        return self.ctl("--domain", name, *words, **more)


class Person(wire.Client):
    """An account, or somebody anonymous, of one domain, by WebSocket."""

    def __init__(self, service, domain, user=None):
        self.domain = domain
        super().__init__(service.port, bind=False)
        self.open()
        if user is None:
            self.login()
        else:
            answer = self.auth("PLAIN", b"\0%s\0secret" % user.encode())
            if not answer.tag.endswith("}success"):
                raise wire.Closed(ET.tostring(answer).decode())
            self.open()
        self.bind("r")

    def open(self):
        self.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' "
                  f"to='{self.domain}' version='1.0'/>")
        self.opened = self.recv()
        self.features = self.recv()

    def event(self):
        """The next message, whatever waited aside first."""
        while True:
            e = self.aside.pop(0) if self.aside else self.recv()
            if e.tag.endswith("}message"):
                return e


@pytest.fixture
def two(tmp_path):
    with Domains("--allow-plain", data=str(tmp_path / "data")) as s:
        yield s


def test_pages_are_chosen_by_host(two):
    two.at(B, "publish", "library", "-", stdin=book("Only at B"))
    until("the page shows it",
          lambda: "Only at B" in two.site(B)[1])
    status, page = two.site(A)
    assert status == 200 and "Only at B" not in page
    assert two.site(f"{B.upper()}:{two.port}")[0] == 200
    assert two.site(f"{A}.")[0] == 200


def test_an_unknown_host_is_misdirected_and_told_nothing(two):
    for host in ("evil.example", "x" + A, "127.0.0.1", "localhost"):
        status, answer = two.site(host)
        assert status == 421
        assert A not in answer and B not in answer
    status, _ = two.site("evil.example", "/xmpp",
                         "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                         "Sec-WebSocket-Protocol: xmpp\r\n")
    assert status == 421


def test_the_machines_own_names_see_the_health_of_all(two):
    assert two.site("127.0.0.1", "/healthz")[1].endswith("ok\n")
    text = two.site("localhost", "/metrics")[1]
    for name in (A, B):
        assert f'concordance_accounts{{domain="{name}"}} 0' in text
    assert re.search(r"^concordance_uptime_seconds \d", text, re.M)
    assert text.count("# TYPE concordance_accounts gauge") == 1


def test_a_domain_s_name_tells_the_figures_of_that_domain_alone(two):
    text = two.site(B, "/metrics")[1]
    assert f'concordance_accounts{{domain="{B}"}} 0' in text
    assert A not in text and "concordance_resident_bytes" not in text
    assert text.count("# TYPE concordance_accounts gauge") == 1


def test_administrators_see_the_lines_of_their_own_domain(two):
    two.at(A, "adduser", "anna", stdin="secret-of-a\n")
    two.at(B, "adduser", "bert", stdin="secret-of-b\n")
    for name, user, other in ((A, "anna", "bert"), (B, "bert", "anna")):
        own = until("its own line", lambda n=name, u=user: next(
            (t for t in [two.at(n, "items", "service/log").stdout]
             if f"user={u}" in t or f"{u}@{n}" in t), None))
        assert other not in own
        assert (B if name == A else A) not in own
        two.at(name, "do", "roles/set", f"jid={user}@{name}", "role=admin")
    everything = until("all lines", lambda: next(
        (t for t in [two.ctl("items", "service/log/all").stdout]
         if "anna" in t and "bert" in t), None))
    assert A in everything and B in everything
    # The role admin of the first domain does not open what is of all.
    done = two.at(B, "items", "service/log/all", check=False)
    assert done.returncode == 1
    anna = Person(two, A)
    refused = anna.iq("get", "<pubsub xmlns='http://jabber.org/protocol/"
                      "pubsub'><items node='service/log/all'/></pubsub>", A)
    assert refused.get("type") == "error"


def test_figures_of_a_domain_are_its_own(two):
    two.at(B, "publish", "library", "-", stdin=book("Only at B"))
    sample = until("a sample", lambda: two.at(
        B, "items", "service/metrics").stdout)
    assert "<items>" in sample and "<sessions>" in sample
    assert "<memory>" not in sample and "<cpu>" not in sample
    whole = until("a sample of all", lambda: two.ctl(
        "items", "service/metrics/all").stdout)
    assert "<memory>" in whole and "<cpu>" in whole


def test_one_domain_alone_refuses_names_that_are_not_its_own():
    with Service("bookcase-c", "--origin", "https://shelf.example:8443") as s:
        for host, status in (("localhost", 200), ("127.0.0.1", 200),
                             ("[::1]", 200), ("app.localhost", 200),
                             ("shelf.example", 200), ("evil.example", 421),
                             ("notlocalhost", 421), ("1.2.3.4.evil", 421)):
            answer = s.raw(f"GET / HTTP/1.1\r\nHost: {host}:{s.port}\r\n"
                           "Connection: close\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 %d " % status), host
        posted = s.raw(b"POST /?form=library HTTP/1.1\r\n"
                       b"Host: evil.example\r\nOrigin: http://evil.example\r\n"
                       b"Content-Type: application/x-www-form-urlencoded\r\n"
                       b"Content-Length: 7\r\n\r\ntitle=x")
        assert posted.startswith(b"HTTP/1.1 421 ")


def test_streams_are_chosen_by_to(two):
    for name in (A, B):
        assert re.search(rf"^Domain +{name}$", two.at(name, "status").stdout,
                         re.M)
        client = Person(two, name)
        assert client.opened.get("from") == name
        assert client.jid.partition("@")[2].partition("/")[0] == name
        assert client.iq("get", "<ping xmlns='urn:xmpp:ping'/>",
                         to=name).get("type") == "result"
    stranger = wire.Client(two.port, bind=False)
    stranger.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' "
                  "to='c.example' version='1.0'/>")
    stranger.recv()
    assert stranger.recv()[0].tag.endswith("}host-unknown")


def test_accounts_and_operators_are_one_domains_own(tmp_path):
    own = {A: ["--operator", f"admin@{A}"]}
    with Domains("--allow-plain", own=own, data=str(tmp_path)) as s:
        for name in (A, B):
            s.at(name, "adduser", "admin", stdin="secret\n")
        s.at(A, "adduser", "juliet", stdin="secret\n")
        with pytest.raises(wire.Closed, match="not-authorized"):
            Person(s, B, "juliet")
        command = ("<command xmlns='http://jabber.org/protocol/commands' "
                   "node='http://jabber.org/protocol/admin"
                   "#get-registered-users-list' action='execute'/>")
        mine = Person(s, A, "admin")
        answer = mine.iq("set", command, to=A)
        assert answer.get("type") == "result"
        assert wire.condition(mine.iq("set", command, to=B)) == "forbidden"
        shutdown = command.replace("get-registered-users-list", "shutdown")
        for action in ("execute", "complete"):
            answer = mine.iq("set", shutdown.replace(
                "'execute'/>", f"'{action}'><x xmlns='jabber:x:data' "
                "type='submit'/></command>"), to=A)
        assert wire.condition(answer) == "forbidden"
        namesake = Person(s, B, "admin")
        for to in (A, B):
            assert wire.condition(
                namesake.iq("set", command, to=to)) == "forbidden"


def test_an_operator_of_neither_domain_stops_the_start(tmp_path):
    s = Domains("--operator", "admin@c.example", data=str(tmp_path),
                wait=False)
    assert s.refused()
    assert any("one of the domains" in line and "admin@c.example" in line
               for line in s.log)


def test_people_of_the_two_domains_follow_and_write_to_each_other(two):
    for name, user in ((A, "juliet"), (B, "romeo")):
        two.at(name, "adduser", user, stdin="secret\n")
    juliet, romeo = Person(two, A, "juliet"), Person(two, B, "romeo")
    juliet.send("<presence xmlns='jabber:client'/>")
    answer = juliet.iq(
        "set", f"<pubsub xmlns='{wire.NS_PUBSUB}'><subscribe node='library' "
        f"jid='{juliet.jid}'/></pubsub>", to=B)
    assert answer.get("type") == "result"
    two.at(B, "publish", "library", "-", stdin=book("From afar"))
    event = juliet.event()
    assert event.get("from") == B and "From afar" in ET.tostring(
        event).decode()
    romeo.send("<message xmlns='jabber:client' type='chat' "
               f"to='{juliet.jid}'><body>But soft</body></message>")
    said = juliet.event()
    assert said.get("from") == romeo.jid
    assert said.findtext("{jabber:client}body") == "But soft"
    gone = romeo.iq("get", "<ping xmlns='urn:xmpp:ping'/>",
                    to=f"nobody@{A}/x")
    assert wire.condition(gone) == "service-unavailable"


def test_domains_that_deny_each_other_are_not_carried(tmp_path):
    with Domains("--allow-plain", own={B: ["--s2s-deny", A]},
                 data=str(tmp_path)) as s:
        ping = "<ping xmlns='urn:xmpp:ping'/>"
        s.at(A, "adduser", "juliet", stdin="secret\n")
        assert wire.condition(Person(s, A, "juliet").iq(
            "get", ping, to=B)) == "not-allowed"


def test_data_is_kept_apart_over_a_restart(two):
    for name in (A, B):
        two.at(name, "publish", "library", "-", stdin=book(f"Kept at {name}"))
        assert os.path.exists(os.path.join(two.data, name, "concordance.db"))
    assert not os.path.exists(os.path.join(two.data, "concordance.db"))
    two.kill()
    two.start()
    for name, other in ((A, B), (B, A)):
        items = two.at(name, "items", "library").stdout
        assert f"Kept at {name}" in items and other not in items
        until("its snapshot has it alone", lambda: f"Kept at {name}" in open(
            os.path.join(two.data, name, "www/index.html")).read())


def test_a_store_of_one_domain_is_not_mistaken_for_none(tmp_path):
    data = str(tmp_path)
    with Service("bookcase-c", data=data):
        pass
    s = Domains(data=data, wait=False)
    assert s.refused()
    assert any(f"domain {A}: " in line and "move it" in line
               for line in s.log), s.log


def test_a_domains_failure_names_it_and_stops_the_start(tmp_path):
    s = Domains(own={B: ["--files", "/nowhere"]}, data=str(tmp_path),
                wait=False)
    assert s.refused()
    assert any(f"domain {B}: " in line and "/nowhere" in line
               for line in s.log), s.log
    twice = Domains(own={B: [MODULE, "--domain", A]}, data=str(tmp_path),
                    wait=False)
    assert twice.refused()
    assert any(f"--domain {A} is there twice" in line for line in twice.log)


def make_certificate(folder, name):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout",
         os.path.join(folder, f"{name}.key"), "-out",
         os.path.join(folder, f"{name}.pem"), "-days", "2", "-subj",
         f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},"
         f"DNS:www.{name}"], check=True, capture_output=True)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def client_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def shown(port, name, starttls=None):
    """The certificate, DER, that is shown for a name."""
    with socket.create_connection(("127.0.0.1", port), LIMIT) as s:
        if starttls:
            s.sendall(f"<stream:stream xmlns='jabber:client' to='{starttls}' "
                      "xmlns:stream='http://etherx.jabber.org/streams' "
                      "version='1.0'><starttls xmlns='urn:ietf:params:xml:ns:"
                      "xmpp-tls'/>".encode())
            heard = b""
            while b"<proceed" not in heard:
                part = s.recv(65536)
                assert part, heard
                heard += part
        with client_context().wrap_socket(s, server_hostname=name) as tls:
            return tls.getpeercert(binary_form=True)


def der(folder, name):
    with open(os.path.join(folder, f"{name}.pem")) as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


def test_certificates_are_chosen_by_sni_and_to(tmp_path):
    folder, port = str(tmp_path), free_port()
    for name in (A, B):
        make_certificate(folder, name)
    own = {name: ["--tls-cert", f"{folder}/{name}.pem", "--tls-key",
                  f"{folder}/{name}.key"] for name in (A, B)}
    with Domains("--c2s", f"127.0.0.1:{port}", own=own,
                 data=os.path.join(folder, "data")) as s:
        for name in (A, B):
            assert shown(s.port, name) == der(folder, name)
            assert shown(s.port, f"www.{name}") == der(folder, name)
            assert shown(port, None, starttls=name) == der(folder, name)
        assert shown(s.port, None) == der(folder, A)
        assert shown(s.port, "c.example") == der(folder, A)
        old = der(folder, B)
        make_certificate(folder, B)
        s.process.send_signal(signal.SIGHUP)
        until("B's new one is shown", lambda: shown(s.port, B) != old)
        assert shown(s.port, A) == der(folder, A)


def test_a_domain_without_a_certificate_beside_one_with_is_refused(tmp_path):
    make_certificate(str(tmp_path), A)
    s = Domains(own={A: ["--tls-cert", f"{tmp_path}/{A}.pem", "--tls-key",
                         f"{tmp_path}/{A}.key"]}, data=str(tmp_path / "d"),
                wait=False)
    assert s.refused()
    assert any(f"the domain {B} has no --tls-cert" in line for line in s.log)


def test_servers_reach_each_domain_and_nobody_says_he_is_the_other(tmp_path):
    port = free_port()
    with Domains("--s2s", f"127.0.0.1:{port}", data=str(tmp_path)) as s:
        def header(to, sender):
            with socket.create_connection(("127.0.0.1", port), LIMIT) as c:
                c.sendall(
                    "<stream:stream xmlns='jabber:server' xmlns:stream="
                    "'http://etherx.jabber.org/streams' "
                    "xmlns:db='jabber:server:dialback' version='1.0' "
                    f"to='{to}' from='{sender}'>".encode())
                heard = b""
                while (b"</stream:features>" not in heard
                       and b"</stream:error>" not in heard):
                    part = c.recv(65536)
                    assert part, heard
                    heard += part
                return heard.decode()
        for name in (A, B):
            said = header(name, "c.example")
            assert f"from='{name}'" in said and "features>" in said
        assert "host-unknown" in header("d.example", "c.example")
        assert "invalid-from" in header(A, B)
        assert s.process.poll() is None


def test_components_of_each_domain_connect_at_one_place(tmp_path):
    port = free_port()
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    own = {name: ["--component-secret", f"echo.{name}={secret}"]
           for name in (A, B)}
    with Domains("--component", f"127.0.0.1:{port}", "--allow-plain", own=own,
                 data=str(tmp_path / "d")) as s:
        component = socket.create_connection(("127.0.0.1", port), LIMIT)
        component.sendall(
            b"<stream:stream xmlns='jabber:component:accept' xmlns:stream="
            b"'http://etherx.jabber.org/streams' to='echo.b.example'>")
        heard = b""
        while b" id=" not in heard or not heard.rstrip().endswith(b">"):
            heard += component.recv(4096)
        ident = re.search(rb" id='([^']*)'", heard).group(1)
        key = hashlib.sha1(ident + b"s3cret").hexdigest()
        component.sendall(f"<handshake>{key}</handshake>".encode())
        heard = b""
        while b"<handshake/>" not in heard:
            heard += component.recv(4096)
        s.at(A, "adduser", "juliet", stdin="secret\n")
        juliet = Person(s, A, "juliet")
        juliet.send("<message xmlns='jabber:client' to='echo.b.example'>"
                    "<body>O Romeo</body></message>")
        heard = b""
        while b"</message>" not in heard:
            heard += component.recv(4096)
        assert b"O Romeo" in heard
        component.sendall(b"<message from='echo.b.example' to='%s'><body>"
                          b"echoed</body></message>" % juliet.jid.encode())
        said = juliet.event()
        assert said.get("from") == "echo.b.example"
        component.close()


@needs_python
def test_python_serves_several_domains_too(tmp_path):
    class Python(Domains):
        def command(self):
            return ["/usr/bin/python3", "-m", "concordance", "run", "--http",
                    f"127.0.0.1:{self.port}", "--data", self.data, "--domain",
                    A, "mybookcase:MyBookcase", "--domain", B,
                    "mybookcase:MyBookcase"]

    with Python(data=str(tmp_path)) as s:
        s.at(B, "publish", "library", "-", stdin=book("By Python"))
        until("the page shows it", lambda: "By Python" in s.site(B)[1])
        assert "By Python" not in s.site(A)[1]
