# SPDX-License-Identifier: MIT
"""What goes wrong outside: each gets a clear message and takes down no more
than itself."""
import os
import socket
import subprocess
import tempfile

import pytest

from service import BUILD, LIMIT, NS, Service, book, needs_python, until

DAEMON = os.path.join(BUILD, "src/service/concordanced")
MODULE = os.path.join(BUILD, "examples/bookcase-c/bookcase.so")


def daemon(*words):
    return subprocess.run([DAEMON, *words], text=True, capture_output=True,
                          timeout=LIMIT)


@pytest.fixture(scope="module")
def service():
    with Service() as running:
        yield running
        assert running.process.poll() is None
        assert running.get("/healthz")[0] == 200


@pytest.mark.parametrize("words, status, said", [
    ([], 2, "name at least one app"),
    (["--nonsense"], 2, "there is no option --nonsense"),
    (["--renders=many", MODULE], 2, "--renders needs a number"),
    (["--http"], 2, "--http needs a value"),
    (["/nowhere/app.so"], 1, "cannot load the app"),
    ([os.path.join(BUILD, "plugins/store-sqlite/store-sqlite.so")], 1,
     "is no Concordance app"),
    (["--store=tape", MODULE], 1, 'there is no store "tape"'),
    (["--tls-cert=x", MODULE], 1, "--tls-cert and --tls-key go together"),
    (["--log-level=loud", MODULE], 1, "--log-level is debug"),
    (["--tls-cert=/nowhere", "--tls-key=x", MODULE], 1,
     "cannot read the certificate /nowhere: No such file"),
    (["--ca=" + MODULE, MODULE], 1, "give a PEM file of their certificates"),
    (["--files=/nowhere", MODULE], 1, "there is no folder /nowhere"),
    (["--origin=books.example", MODULE], 1, "--origin is a page's scheme"),
    (["--dns=resolver", MODULE], 1, "--dns is an address"),
    (["--trust-anchor=/nowhere", MODULE], 1, "cannot read the trust anchor"),
    (["--s2s-allow=a b", MODULE], 1, "--s2s-allow is a domain"),
    (["--s2s-route=capulet.example", MODULE], 1,
     "--s2s-route is DOMAIN=HOST:PORT"),
    (["--s2s-route=capulet.example=here:many", MODULE], 1,
     "--s2s-route is DOMAIN=HOST:PORT"),
    (["--component=127.0.0.1:0", MODULE], 1,
     "--component needs --component-secret"),
    (["--attach-secret=x", MODULE], 1, "--attach-secret needs --attach"),
    (["--attach=here", MODULE], 1, "--attach is HOST:PORT"),
    (["--operator=admin", MODULE], 1, "--operator is an account"),
    (["--operator=admin@elsewhere.example", MODULE], 1,
     "such as admin@localhost"),
    (["--contact=admin@books.example", MODULE], 1, "--contact is a URI"),
    (["--url=books.example", MODULE], 1, "--url is a scheme and a host"),
])
def test_a_wrong_command_line_says_what_to_do(words, status, said, tmp_path):
    done = daemon("--data", str(tmp_path), *words)
    assert done.returncode == status, done.stderr
    assert said in done.stderr


def test_a_busy_port_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        done = daemon("--data", str(tmp_path), "--http", address, MODULE)
    assert done.returncode == 1
    assert address in done.stderr and "choose another port" in done.stderr


def test_a_second_service_on_the_same_data_is_refused(service):
    done = daemon("--data", service.data, "--http", "127.0.0.1:0", MODULE)
    assert done.returncode == 1 and service.data in done.stderr


def test_no_service_is_said_by_the_tool(tmp_path):
    done = subprocess.run(
        [os.path.join(BUILD, "src/ctl/concordctl"), "--link",
         str(tmp_path / "link"), "status"], text=True, capture_output=True)
    assert done.returncode == 1 and str(tmp_path / "link") in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_an_error_and_no_acknowledgement():
    with tempfile.TemporaryDirectory() as data:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs",
                           data], capture_output=True).returncode != 0:
            pytest.skip("cannot mount here")
        try:
            with Service(data=data) as s:
                kept, refused = [], 0
                for n in range(200):
                    status, _, _ = s.post(
                        title=f"t{n}", author="x" * 9000,
                        **{"concordance#id": f"i{n}"})
                    if status == 200:
                        kept.append(f"i{n}")
                    else:
                        refused += 1
                    if refused > 3:
                        break
                assert refused > 3, "the disk was never full"
                assert s.process.poll() is None
                ids = {line.split("\t")[0] for line in
                       s.ctl("items", "library").stdout.splitlines()}
                assert ids == set(kept)
        finally:
            subprocess.run(["umount", data])


TEMPLATE = ('<xsl:stylesheet version="1.0" '
            'xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
            '<xsl:template match="/"><html><body>{}</body></html>'
            "</xsl:template>{}</xsl:stylesheet>")


@pytest.mark.parametrize("name, body, more", [
    ("endless recursion", '<xsl:call-template name="r"/>',
     '<xsl:template name="r"><xsl:call-template name="r"/></xsl:template>'),
    ("endless output", '<xsl:call-template name="r"/>',
     '<xsl:template name="r"><xsl:param name="s" select="\'xxxxxxxxxx\'"/>'
     '<p><xsl:value-of select="$s"/></p><xsl:call-template name="r">'
     '<xsl:with-param name="s" select="concat($s,$s)"/></xsl:call-template>'
     "</xsl:template>"),
    ("a file of the machine",
     '<xsl:copy-of select="document(\'/etc/passwd\')"/>', ""),
    ("an import", "", '<xsl:import href="/etc/passwd"/>'),
])
def test_a_hostile_template_is_refused(service, tmp_path, name, body, more):
    sheet = tmp_path / "evil.xsl"
    sheet.write_text(TEMPLATE.format(body, more))
    before = service.page()
    done = service.ctl("template", "put", "bookcase.xsl", str(sheet),
                       check=False)
    assert done.returncode == 1, name
    assert "root:" not in service.page()
    assert service.page() == before


def test_no_template_and_no_xml(service, tmp_path):
    sheet = tmp_path / "bad.xsl"
    sheet.write_text("<html>")
    done = service.ctl("template", "put", "bookcase.xsl", str(sheet),
                       check=False)
    assert done.returncode == 1 and "line" in done.stderr


@pytest.mark.parametrize("request_, status", [
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nFoo : bar\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n", 400),
    (b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
    (b"GET /%ff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
    (b"GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
     400),
    (b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n", 413),
    (b"GET /xmpp HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
     b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
     b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
     b"Sec-WebSocket-Protocol: xmpp\r\n\r\n", 403),
    (b"POST /?form=library HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n"
     b"Content-Type: application/x-www-form-urlencoded\r\n"
     b"Content-Length: 7\r\nConnection: close\r\n\r\ntitle=a", 403),
    (b"POST /?form=library HTTP/1.1\r\nHost: localhost\r\n"
     b"Content-Type: text/plain\r\nContent-Length: 7\r\n"
     b"Connection: close\r\n\r\ntitle=a", 415),
    (b"POST /?form=library HTTP/1.1\r\nHost: localhost\r\n"
     b"Content-Type: application/x-www-form-urlencoded\r\n"
     b"Content-Length: 9\r\nConnection: close\r\n\r\ntitle=%ff", 400),
])
def test_bad_http_is_answered(service, request_, status):
    answer = service.raw(request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]


@needs_python
def test_what_was_kept_of_another_app_is_no_trouble(tmp_path):
    """A store written by one app opens under another."""
    with Service(data=str(tmp_path)) as s:
        s.ctl("publish", "library", book("T"), "one")
    with Service("bookcase-python", data=str(tmp_path)) as s:
        assert "<title>T</title>" in s.ctl("items", "library").stdout


def test_a_corrupt_store_is_named(tmp_path):
    with Service(data=str(tmp_path)) as s:
        s.ctl("publish", "library", book("T"), "one")
    files = [f for f in os.listdir(tmp_path) if f.endswith((".db", ".sqlite"))]
    assert files, os.listdir(tmp_path)
    path = tmp_path / files[0]
    data = bytearray(path.read_bytes())
    data[:4096] = os.urandom(4096)
    path.write_bytes(bytes(data))
    done = daemon("--data", str(tmp_path), "--http", "127.0.0.1:0", MODULE)
    assert done.returncode == 1 and files[0] in done.stderr


def test_stop_is_clean_and_quick(tmp_path):
    with Service(data=str(tmp_path)) as s:
        s.ctl("publish", "library", book("T"), "one")
        assert s.stop() == 0


def test_accounts_log_in_and_leave(service):
    service.ctl("adduser", "juliet", stdin="rosaline\n")
    done = service.ctl("adduser", "juliet", stdin="x\n", check=False)
    assert done.returncode == 1 and "There is an account" in done.stderr
    service.ctl("passwd", "juliet", stdin="montague\n")
    assert not any("rosaline" in line or "montague" in line
                   for line in service.log)
    service.ctl("deluser", "juliet")
    done = service.ctl("deluser", "juliet", check=False)
    assert done.returncode == 1 and "There is no account" in done.stderr
