# SPDX-License-Identifier: MIT
"""`concordctl doctor` against a name server and an XMPP server of the test's
own, healthy first and then with one fault each."""
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading

import pytest

from service import BUILD, LIMIT, Service, until

CTL = os.path.join(BUILD, "src/ctl/concordctl")


def run(*words, cwd, check=True):
    done = subprocess.run([str(w) for w in words], cwd=cwd, text=True,
                          capture_output=True, timeout=LIMIT)
    assert not check or done.returncode == 0, done.stderr
    return done


# -- certificates --------------------------------------------------------------


class CA:
    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "ca.pem"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem", cwd=folder)

    def issue(self, name, san, days=60, cn="x"):
        """Files NAME.pem and NAME.key."""
        run("openssl", "req", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={cn}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=self.folder)
        words = ["openssl", "x509", "-req", "-in", f"{name}.csr", "-CA",
                 "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                 str(days), "-out", f"{name}.pem"]
        if san:
            (self.folder / f"{name}.ext").write_text(
                f"subjectAltName={san}\n")
            words += ["-extfile", f"{name}.ext"]
        run(*words, cwd=self.folder)
        os.chmod(self.folder / f"{name}.key", 0o600)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"


# -- an XMPP server that can be made to misbehave ----------------------------------

HEADER = ("<?xml version='1.0'?><stream:stream from='good.example' id='1' "
          "xmlns='jabber:{}' xmlns:db='jabber:server:dialback' "
          "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
          "<stream:features>{}</stream:features>")
STARTTLS = ("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>"
            "<required/></starttls>")
MECHANISMS = ("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
              "<mechanism>{}</mechanism></mechanisms>")


class Peer:
    """One port; `faults` names what it does wrong."""

    def __init__(self, files, kind, direct=False, faults=()):
        self.kind, self.direct, self.faults = kind, direct, faults
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(*files)
        if "no-alpn" not in faults:
            self.tls.set_alpn_protocols([f"xmpp-{kind}"])
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=[conn],
                             daemon=True).start()

    def serve(self, conn):
        try:
            conn.settimeout(LIMIT)
            if "silent" in self.faults:
                conn.recv(65536)
                conn.recv(65536)  # until it is given up
                return
            if self.direct:
                conn = self.tls.wrap_socket(conn, server_side=True)
            else:
                conn = self.start_tls(conn)
            if conn:
                self.talk(conn)
        except OSError:
            pass
        finally:
            if conn:
                conn.close()

    def say(self, conn, features):
        conn.recv(65536)
        conn.sendall(HEADER.format(self.kind, features).encode())

    def start_tls(self, conn):
        clear = "" if "no-starttls" in self.faults else STARTTLS
        if "plain" in self.faults:
            clear += MECHANISMS.format("PLAIN")
        self.say(conn, clear)
        if b"starttls" not in conn.recv(65536):
            return None
        conn.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        return self.tls.wrap_socket(conn, server_side=True)

    def talk(self, conn):
        if self.kind == "client":
            self.say(conn, MECHANISMS.format("SCRAM-SHA-256"))
            return
        self.say(conn, "<dialback xmlns='urn:xmpp:features:dialback'/>")
        if b"db:result" in conn.recv(65536):
            answer = "valid" if "gullible" in self.faults else "invalid"
            conn.sendall(f"<db:result from='good.example' to='doctor.invalid' "
                         f"type='{answer}'/>".encode())

    def close(self):
        self.socket.close()


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/xmpp":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            return
        rel = "urn:xmpp:alt-connections:websocket"
        url = f"wss://good.example:{self.server.server_address[1]}/xmpp"
        body = {"/.well-known/host-meta":
                "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>"
                f"<Link rel='{rel}' href='{url}'/></XRD>",
                "/.well-known/host-meta.json":
                json.dumps({"links": [{"rel": rel, "href": url}]})}[self.path]
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass


def web(files):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*files)
    server.socket = tls.wrap_socket(server.socket, server_side=True,
                                    do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


# -- the name server -------------------------------------------------------------------


def zone(name, *lines):
    return "\n".join([f"$ORIGIN {name}.", "$TTL 60",
                      "@ IN SOA ns hostmaster 1 60 60 60 60", "@ IN NS ns",
                      "ns IN A 127.0.0.1", *lines, ""])


def answers(port):
    query = (b"\0\1\1\0\0\1\0\0\0\0\0\0\4good\7example\0\0\6\0\1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        s.sendto(query, ("127.0.0.1", port))
        try:
            return len(s.recv(512)) > len(query)
        except OSError:
            return False


def free_dns_port():
    """A port that is free for UDP and for TCP."""
    while True:
        with (socket.create_server(("127.0.0.1", 0)) as tcp,
              socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp):
            try:
                udp.bind(tcp.getsockname())
                return tcp.getsockname()[1]
            except OSError:
                pass


class NSD:
    def __init__(self, folder, zones):
        for tries_left in (2, 1, 0):
            self.port = free_dns_port()
            self.start(folder, zones)
            until("the name server answers or ends", lambda: (
                answers(self.port) or self.process.poll() is not None))
            if self.process.poll() is None:
                return
            # Somebody was faster at taking the port.
            self.log.close()
            assert tries_left, (folder / "nsd.log").read_text()

    def start(self, folder, zones):
        parts = []
        for name, text in zones.items():
            (folder / f"{name}.zone").write_text(text)
            parts.append(f"zone:\n name: {name}\n zonefile: {name}.zone\n")
        (folder / "nsd.conf").write_text(
            f"server:\n ip-address: 127.0.0.1@{self.port}\n do-ip6: no\n"
            f' username: ""\n chroot: ""\n zonesdir: {folder}\n'
            f' pidfile: ""\n database: ""\n xfrdir: {folder}\n'
            f" xfrdfile: {folder}/xfrd\n zonelistfile: {folder}/zones\n"
            f" cookie-secret-file: {folder}/cookies\n"
            "remote-control:\n control-enable: no\n" + "".join(parts))
        self.log = open(folder / "nsd.log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            ["/usr/sbin/nsd", "-d", "-c", folder / "nsd.conf"],
            stdout=self.log, stderr=self.log)

    def close(self):
        self.process.terminate()
        self.process.wait(LIMIT)
        self.log.close()


def tlsa(pem, folder):
    """3 1 1 of a certificate."""
    der = run("sh", "-c", f"openssl x509 -in {pem} -noout -pubkey | openssl "
              "pkey -pubin -outform DER | openssl dgst -sha256", cwd=folder)
    return der.stdout.split()[-1]


def sign(folder, name, text):
    """The signed zone, and the file of its trust anchor."""
    (folder / "plain").write_text(text)
    key = run("ldns-keygen", "-k", "-a", "ECDSAP256SHA256", name,
              cwd=folder).stdout.strip()
    run("ldns-signzone", "-f", "signed", "plain", key, cwd=folder)
    return (folder / "signed").read_text(), folder / f"{key}.ds"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Every peer and zone that the tests look at."""
    folder = tmp_path_factory.mktemp("doctor")
    ca = CA(folder)
    good = ca.issue("good", "DNS:good.example,DNS:signed.example")
    bad = {fault: Peer(good, "client", faults=[fault])
           for fault in ("no-starttls", "plain", "silent")}
    peers = [Peer(good, "client"), Peer(good, "client", direct=True),
             Peer(good, "server"), Peer(good, "server", direct=True)]
    gullible = Peer(good, "server", faults=["gullible"])
    no_alpn = Peer(good, "client", direct=True, faults=["no-alpn"])
    https = web(good)
    real_ports = [free_port() for _ in range(4)]
    names = ("xmpp-client", "xmpps-client", "xmpp-server", "xmpps-server")

    def srv(name, target, port):
        return f"_{name}._tcp IN SRV 0 5 {port} {target}"

    def services(target="x"):
        return [srv(n, target, p.port) for n, p in zip(names, peers)]

    addr = ["@ IN A 127.0.0.1", "x IN A 127.0.0.1"]
    key = tlsa(good[0], folder)
    signed, anchor = sign(folder, "signed.example", zone(
        "signed.example", *addr, *services(),
        f"_{peers[2].port}._tcp.x IN TLSA 3 1 1 {key}",
        f"_{peers[3].port}._tcp.x IN TLSA 3 1 1 {'00' * 32}"))
    zones = {
        "good.example": zone("good.example", *addr, *services(),
                             "@ IN CAA 0 issue \"ca.example\""),
        "signed.example": signed,
        "forged.example": sign(folder, "forged.example", zone(
            "forged.example", *addr))[0].replace("127.0.0.1", "127.0.0.2"),
        "targets.example": zone(
            "targets.example", *addr, "alias IN CNAME x",
            srv("xmpp-client", "alias", peers[0].port),
            srv("xmpps-client", "nowhere", 5223),
            srv("xmpp-server", ".", 0), srv("xmpps-server", ".", 0)),
        "bare.example": zone("bare.example"),
        "gullible.example": zone("gullible.example", *addr,
                                 srv("xmpp-server", "x", gullible.port)),
        "no-alpn.example": zone("no-alpn.example", *addr,
                                srv("xmpps-client", "x", no_alpn.port)),
        "real.example": zone("real.example", *addr, *[
            srv(n, "x", port) for n, port in zip(names, real_ports)]),
        **{f"{fault}.example": zone(
            f"{fault}.example", *addr, srv("xmpp-client", "x", p.port))
           for fault, p in bad.items()}}
    nsd = NSD(folder, zones)
    world = type("World", (), {})()
    world.folder, world.ca, world.nsd, world.anchor = folder, ca, nsd, anchor
    world.https = https.server_address[1]
    world.files = good
    world.real_ports = real_ports
    yield world
    nsd.close()
    https.shutdown()
    https.server_close()
    for p in [*peers, gullible, no_alpn, *bad.values()]:
        p.close()


def doctor(world, domain, *words, timeout=5):
    """Exit status, and findings by name."""
    done = run(CTL, "doctor", domain, "--json", "--dns",
               f"127.0.0.1:{world.nsd.port}", "--ca", world.ca.file,
               "--https-port", world.https, "--timeout", timeout, *words,
               cwd=world.folder, check=False)
    assert done.returncode in (0, 1), done.stderr
    found = {}
    for f in json.loads(done.stdout)["findings"]:
        found.setdefault(f["check"], []).append(f)
    return done.returncode, found


def has(found, check, level, text):
    return any(f["level"] == level and text in f["text"]
               for f in found.get(check, []))


def test_a_healthy_domain_is_well(world):
    status, found = doctor(world, "good.example")
    assert status == 0, found
    flat = [f for list_ in found.values() for f in list_]
    assert not [f for f in flat if f["level"] == "FAIL"]
    assert has(found, "ports.xmpp-client", "OK", "STARTTLS required, TLSv1.3")
    assert has(found, "ports.xmpps-server", "OK", "first byte")
    assert has(found, "s2s.dialback", "OK", "invalid")
    assert has(found, "certs.name", "OK", "good.example")
    assert has(found, "certs.chain", "OK", "trusts")
    assert has(found, "web.host-meta", "OK", "wss://good.example")
    assert has(found, "web.host-meta.json", "OK", "wss://good.example")
    assert has(found, "web.websocket", "OK", "opens")
    assert has(found, "clock.offset", "OK", "0 s apart")
    assert has(found, "dns.caa", "OK", "ca.example")
    assert has(found, "dns.address.private", "WARN", "127.0.0.1")


def test_our_own_service_is_well(world):
    """Ports, certificates, dialback with itself, host-meta, WebSocket."""
    pem, key = world.ca.issue("real", "DNS:real.example")
    words = ["--domain", "real.example", "--tls-cert", str(pem), "--tls-key",
             str(key), "--dns", f"127.0.0.1@{world.nsd.port}"]
    for option, port in zip(("--c2s", "--c2s-tls", "--s2s", "--s2s-tls"),
                            world.real_ports):
        words += [option, f"127.0.0.1:{port}"]
    with Service("bookcase-c", *words) as s:
        status, found = doctor(world, "real.example", "--https-port", s.port)
        log = "".join(s.log)
    faults = [f for list_ in found.values() for f in list_
              if f["level"] == "FAIL"]
    assert status == 0 and not faults, (faults, log)
    for check in ("ports.xmpp-client", "ports.xmpps-client",
                  "ports.xmpp-server", "ports.xmpps-server", "certs.name",
                  "certs.chain", "s2s.dialback", "web.websocket",
                  "web.host-meta", "web.host-meta.json", "clock.offset"):
        assert has(found, check, "OK", ""), (check, found.get(check), log)


def test_a_person_is_told_what_to_paste(world):
    done = run(CTL, "doctor", "bare.example", "--only", "dns", "--dns",
               f"127.0.0.1:{world.nsd.port}", cwd=world.folder, check=False)
    assert done.returncode == 1
    assert "\n          _xmpp-client._tcp.bare.example. 3600 IN SRV 0 5 5222 "\
        "bare.example.\n" in done.stdout
    assert "FAIL\n" in done.stdout and "\033" not in done.stdout


def test_wrong_targets_are_told_apart(world):
    status, found = doctor(world, "targets.example", "--only", "dns")
    assert status == 1
    assert has(found, "dns.srv.xmpp-client", "FAIL", "CNAME")
    assert "x.targets.example." in found["dns.srv.xmpp-client"][0]["fix"]
    assert has(found, "dns.srv.xmpps-client", "FAIL", "no address")
    assert has(found, "dns.srv.xmpp-server", "WARN", "no service")
    assert has(found, "dns.srv.xmpps-server", "OK", "not offered")


def test_signatures_and_tlsa_are_checked(world):
    status, found = doctor(world, "signed.example", "--anchor", world.anchor,
                           "--only", "dns,certs")
    assert status == 1
    assert has(found, "dns.dnssec", "OK", "is signed")
    assert has(found, "certs.tlsa", "OK", "TLSA names this certificate")
    assert has(found, "certs.tlsa", "FAIL", "another certificate")
    assert has(found, "certs.tlsa", "OK", "no TLSA")


def test_a_forged_zone_is_refused(world):
    anchor = next(world.folder.glob("Kforged.example*.ds"))
    status, found = doctor(world, "forged.example", "--anchor", anchor,
                           "--only", "dns")
    assert status == 1
    assert has(found, "dns.dnssec", "FAIL", "do not hold")


@pytest.mark.parametrize("domain, check, level, text", [
    ("no-starttls", "ports.xmpp-client", "FAIL", "STARTTLS is not offered"),
    ("plain", "ports.xmpp-client", "FAIL", "passwords before TLS"),
    ("silent", "ports.xmpp-client", "FAIL", "no answer within 1 s"),
    ("no-alpn", "ports.xmpps-client", "WARN", "ALPN"),
    ("gullible", "s2s.dialback", "FAIL", "made up: anybody"),
])
def test_what_a_port_does_wrong_is_said(world, domain, check, level, text):
    _, found = doctor(world, f"{domain}.example", "--only", "ports,s2s",
                      timeout=1)
    assert has(found, check, level, text), found


@pytest.mark.parametrize("name, san, days, check, level, text", [
    ("other", "DNS:other.example", 60, "certs.name", "FAIL",
     "for other.example, not for good.example"),
    ("cn", None, 60, "certs.name", "FAIL", "CN does not count"),
    ("soon", "DNS:good.example", 10, "certs.days", "WARN", "ends in"),
    ("wild", "DNS:*.example", 60, "certs.name", "FAIL", "for *.example"),
    ("srv", "otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_xmpp-server.good.example",
     60, "certs.name", "OK", "good.example"),
    ("addr", "otherName:1.3.6.1.5.5.7.8.5;UTF8:good.example", 60,
     "certs.name", "OK", "good.example"),
])
def test_a_certificate_file_is_judged(world, name, san, days, check, level,
                                      text):
    pem, key = world.ca.issue(name, san, days, cn="good.example")
    _, found = doctor(world, "good.example", "--only", "certs", "--cert", pem,
                      "--key", key)
    mine = {c: [f for f in list_ if str(pem) in f["text"]]
            for c, list_ in found.items()}
    assert has(mine, check, level, text), mine
    assert has(mine, "certs.files", "OK", "is the key of"), mine


def test_a_key_of_another_certificate_or_open_to_all_fails(world):
    pem, _ = world.ca.issue("a", "DNS:good.example")
    _, key = world.ca.issue("b", "DNS:good.example")
    os.chmod(key, 0o644)
    status, found = doctor(world, "good.example", "--only", "certs", "--cert",
                           pem, "--key", key)
    assert status == 1
    assert has(found, "certs.files", "FAIL", "is not the key of")
    assert has(found, "certs.files", "FAIL", "everybody")


def test_an_untrusted_chain_fails(world, tmp_path):
    other = CA(tmp_path)
    done = run(CTL, "doctor", "good.example", "--json", "--only", "certs",
               "--dns", f"127.0.0.1:{world.nsd.port}", "--ca", other.file,
               cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "chain is not valid" in done.stdout


def test_wrong_words_are_wrong_usage(world):
    for words in (["--only", "moon"], ["--dns", "here"], ["--bogus"],
                  ["--https-port", "0"], ["a.example", "b.example"],
                  ["--key", "x"], ["--ca", "/nowhere"],
                  ["--anchor", "/nowhere"]):
        done = run(CTL, "doctor", "good.example", *words, cwd=world.folder,
                   check=False)
        assert done.returncode in (1, 2) and done.stderr, words
        assert not done.stdout
    for name in ("a b", "juliet@example.org", "https://example.org/"):
        done = run(CTL, "doctor", name, cwd=world.folder, check=False)
        assert done.returncode == 2 and "is no domain" in done.stderr
