# SPDX-License-Identifier: MIT
"""concordctl doctor --nginx, --apache, --caddy: what it prints is put into a
file, and works; what is broken by hand is found, and named with its line."""
import json
import os
import re
import socket
import subprocess
import threading

import pytest

from program import LIMIT, Program, free_port, until, write
from service import BUILD, Service, book

CTL = os.path.join(BUILD, "src/ctl/concordctl")
UPLOAD = 1000000
ALL = {"proxy.reach", "proxy.host", "proxy.client", "proxy.scheme",
       "proxy.page", "proxy.gzip", "proxy.etag", "proxy.asset", "proxy.form",
       "proxy.origin", "proxy.body", "proxy.websocket", "proxy.host-meta"}


# -- web servers ----------------------------------------------------------------

# inside: the configuration is a part of a site's; cert: with TLS.

def nginx(folder, port, config, inside=False, cert=None):
    if inside:
        tls = (f"ssl; ssl_certificate {cert[1]}; ssl_certificate_key "
               f"{cert[3]};" if cert else ";")
        config = (f"server {{ listen {port} {tls} location / {{ return 204; }}"
                  f"\n{config}}}")
    path = write(folder, "nginx.conf", f"""
daemon off; user root; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/1;
  proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
{config}}}""")
    return Program(["/usr/sbin/nginx", "-c", path, "-p", folder], port=port)


def apache(folder, port, config, inside=False, cert=None):
    modules = "/usr/lib/apache2/modules"
    load = "\n".join(
        f"LoadModule {m}_module {modules}/mod_{m}.so" for m in
        ("mpm_event", "authz_core", "headers", "alias", "proxy", "proxy_http",
         "proxy_wstunnel", "ssl", "socache_shmcb"))
    if inside:
        tls = (f"SSLEngine On\nSSLCertificateFile {cert[1]}\n"
               f"SSLCertificateKeyFile {cert[3]}\n" if cert else "")
        config = (f"Listen 127.0.0.1:{port}\n<VirtualHost *:{port}>\n"
                  f"{tls}{config}</VirtualHost>\n")
    path = write(folder, "apache.conf", f"""
ServerRoot {folder}
DefaultRuntimeDir {folder}
ServerName localhost
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
StartServers 1
{load}
{config}""")
    return Program(["/usr/sbin/apache2", "-d", folder, "-f", path,
                    "-DFOREGROUND"], port=port, log=f"{folder}/apache.log")


def caddy(folder, port, config, inside=False, cert=None):
    path = write(folder, "Caddyfile", "{\n  admin off\n  auto_https "
                 "disable_redirects\n}\n" + config)
    return Program(["/usr/bin/caddy", "run", "--adapter", "caddyfile",
                    "--config", path], port=port,
                   env={"HOME": folder, "XDG_DATA_HOME": folder,
                        "XDG_CONFIG_HOME": folder})


SERVERS = {"nginx": nginx, "apache": apache, "caddy": caddy}


# -- the doctor -----------------------------------------------------------------

class Site:
    """A service, and where browsers are to find it."""

    def __init__(self, service, url, *words, inside=False, cert=None):
        self.service, self.url = service, url
        self.frame = {"inside": inside, "cert": cert}
        self.port = int(url.rsplit(":", 1)[1])
        self.words = ["--url", url, *words]

    def doctor(self, kind, *words):
        return subprocess.run(
            [CTL, "--link", self.service.link, "doctor", f"--{kind}",
             *self.words, *words], text=True, capture_output=True,
            timeout=LIMIT)

    def printed(self, kind):
        done = self.doctor(kind, "--print")
        assert done.returncode == 0 and not done.stderr, done.stderr
        return done.stdout

    def start(self, kind, folder, config):
        return SERVERS[kind](str(folder), self.port, config, **self.frame)

    def found(self, kind, *words):
        """Findings of --check, by name."""
        done = self.doctor(kind, "--check", "--json", *words)
        assert done.stdout, done.stderr
        result = {f["check"]: f for f in json.loads(done.stdout)["findings"]}
        worst = "FAIL" in [f["level"] for f in result.values()]
        assert done.returncode == (1 if worst else 0)
        return result

    def is_well(self, kind, *words):
        result = self.found(kind, *words)
        bad = {k: f for k, f in result.items() if f["level"] != "OK"}
        assert not bad, (kind, bad)
        assert ALL <= set(result)
        return result


def start(*options):
    return Service("bookcase-c", "--max-upload", str(UPLOAD), *options,
                   store="memory")


@pytest.fixture(scope="module")
def whole():
    with start() as s:
        yield Site(s, f"http://127.0.0.1:{free_port()}")


@pytest.fixture(scope="module")
def below():
    with start("--prefix", "/books") as s:
        yield Site(s, f"http://127.0.0.1:{free_port()}", inside=True)


@pytest.fixture(scope="module")
def tls(authority):
    """Its browsers come by HTTPS."""
    url = f"https://localhost:{free_port()}"
    with start("--url", url) as s:
        yield Site(s, url, "--ca", authority.root, *files(authority))


@pytest.fixture(scope="module")
def tls_below(authority):
    url, cert = f"https://localhost:{free_port()}", files(authority)
    with start("--url", url, "--prefix", "/books") as s:
        yield Site(s, url, "--ca", authority.root, *cert, inside=True,
                   cert=cert)


def files(authority, name="localhost"):
    return ["--cert", authority.path(name, "crt"), "--key",
            authority.path(name, "key")]


# -- all is well ----------------------------------------------------------------

@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("place", ["whole", "below", "tls",
                                   "tls_below"])
def test_what_is_printed_lets_everything_through(kind, place, request,
                                                 tmp_path):
    site = request.getfixturevalue(place)
    with site.start(kind, tmp_path, site.printed(kind)) as web:
        result = site.is_well(kind)
        if place.startswith("tls"):
            assert "is good for localhost" in \
                result["proxy.certificate"]["text"]
            return
        prefix = "/books" if place == "below" else ""
        site.service.ctl("publish", "library", book("Through " + kind))
        until("the page", lambda: f"Through {kind}".encode() in
              web.get(prefix + "/")[2])
        assert web.get(prefix + "/by/x%20y")[0] == 404
        if prefix:
            status, head, _ = web.get("/books")
            assert status == 308 and head["location"].endswith("/books/")


def test_it_prints_and_then_looks(tls, tmp_path):
    config = tls.printed("nginx")
    before = tls.doctor("nginx")
    assert before.stdout == config and before.returncode == 1
    assert "does the web server run" in before.stderr
    assert f"listen {tls.port} ssl http2;" in before.stderr
    with tls.start("nginx", tmp_path, config):
        done = tls.doctor("nginx")
        assert done.stdout == config and done.returncode == 0
        assert re.search(r"\d+ OK, 0 WARN, 0 FAIL\n.*--idle 70", done.stderr)
        done = tls.doctor("nginx", "--check")
        assert done.stdout.startswith("proxy\n") and not done.stderr
    line = "proxy_set_header X-Forwarded-Proto $scheme;"
    with tls.start("nginx", tmp_path, config.replace(line, "", 1)):
        done = tls.doctor("nginx", "--check")
        assert done.stdout.count("FAIL  ") == 2  # the scheme, and a form
        assert done.stdout.count(line) == 1


def test_a_unix_socket_and_one_that_speaks_tls_are_passed_on_to(authority,
                                                                tmp_path):
    path = str(tmp_path / "http")
    folder = tmp_path / "server"
    folder.mkdir()
    port = free_port()
    own = ["--tls-cert", authority.path("localhost", "crt"), "--tls-key",
           authority.path("localhost", "key")]
    with start("--http", f"unix:{path}") as s:
        site = Site(s, f"http://127.0.0.1:{port}")
        for kind in SERVERS:
            config = site.printed(kind)
            assert path in config
            with site.start(kind, folder, config):
                site.is_well(kind)
    url = f"https://localhost:{port}"
    with start("--url", url, *own) as s:
        site = Site(s, url, "--ca", authority.root, *files(authority))
        for kind in SERVERS:
            with site.start(kind, folder, site.printed(kind)):
                site.is_well(kind)


# -- faults ---------------------------------------------------------------------

SOCKET = r"(?s)(location = /xmpp \{.*?)"  # what is in its place
HEAD = "proxy_set_header "
# Of which finding, what is changed into what, and the text and fix that tell.
NGINX = {
    "no service": ("proxy.reach", "proxy_pass http://[^;]*",
                   "proxy_pass http://127.0.0.1:9", "answers 502",
                   "proxy_pass http://127.0.0.1:"),
    "no Host": ("proxy.host", HEAD + r"Host [^;]*;", "", "Host comes as",
                "location / {}:\n    " + HEAD + "Host $http_host;"),
    "another Host": ("proxy.host", HEAD + r"Host [^;]*;",
                     HEAD + "Host other.example;", "changes Host",
                     "location / {}:\n    " + HEAD + "Host $http_host;"),
    "no X-Forwarded-For": (
        "proxy.client", HEAD + r"X-Forwarded-For [^;]*;", "", "all visitors",
        HEAD + "X-Forwarded-For $proxy_add_x_forwarded_for;"),
    "no X-Forwarded-Proto": (
        "proxy.scheme", HEAD + r"X-Forwarded-Proto [^;]*;", "",
        "X-Forwarded-Proto is missing", HEAD + "X-Forwarded-Proto $scheme;"),
    "small bodies": ("proxy.body", "client_max_body_size[^;]*;",
                     "client_max_body_size 100k;", "with 413",
                     "location / {}:\n    client_max_body_size 3m;"),
    "buffers": ("proxy.buffer", "proxy_request_buffering off", "keepalive_time 1h",
                "until it is whole", "proxy_request_buffering off;"),
    "no Accept-Encoding": ("proxy.gzip", HEAD + "Host",
                           HEAD + 'Accept-Encoding ""; ' + HEAD + "Host",
                           "uncompressed", "take out: " + HEAD + "Accept"),
    "no ETag": ("proxy.etag", "proxy_http_version 1.1;",
                "proxy_http_version 1.1; proxy_hide_header ETag;",
                "takes the ETag away", "proxy_hide_header ETag"),
    "no Origin": ("proxy.origin", HEAD + "Host",
                  HEAD + 'Origin ""; ' + HEAD + "Host", "strangers' pages",
                  "Origin"),
    "no host-meta": ("proxy.host-meta", "location /",
                     "location /.well-known/ { return 404; }\nlocation /",
                     "answered with 404", "/.well-known/host-meta"),
    "no Upgrade": ("proxy.websocket", HEAD + "Upgrade[^;]*;", "",
                   "the headers Upgrade and Connection",
                   "location = /xmpp {}:\n    proxy_http_version 1.1;\n"
                   "    " + HEAD + "Upgrade $http_upgrade;"),
    "no place of the WebSocket": (
        "proxy.websocket", SOCKET + r"\}", "", "(426)",
        "location = /xmpp {}:"),
    "Host of the WebSocket": (
        "proxy.websocket", SOCKET + HEAD + "Host [^;]*;", r"\1",
        "changes Host", "location = /xmpp {}:\n    " + HEAD + "Host"),
    "X-Forwarded-Proto of the WebSocket": (
        "proxy.websocket", SOCKET + HEAD + "X-Forwarded-Proto [^;]*;", r"\1",
        "X-Forwarded-Proto does not come",
        "location = /xmpp {}:\n    " + HEAD + "X-Forwarded-Proto"),
    "404": ("proxy.websocket", SOCKET + r"proxy_pass [^;]*;",
            r"\1return 404;", "(404): it does not lead", "proxy_pass http:"),
    "421": ("proxy.websocket", SOCKET + r"proxy_pass [^;]*;",
            r"\1return 421;", "itself refuses it (421)", "proxy_pass http:"),
    "403": ("proxy.websocket", SOCKET + r"proxy_pass [^;]*;",
            r"\1return 403;", "itself refuses it (403)", "proxy_pass http:"),
    "200": ("proxy.websocket", SOCKET + r"proxy_pass [^;]*;",
            r"\1return 200 hello;", "(200): it does not lead",
            "proxy_pass http:"),
}
APACHE = {
    "no Host": ("proxy.host", "ProxyPreserveHost On", "", "Host comes as",
                "sites-available/localhost.conf:\n    ProxyPreserveHost On"),
    "no X-Forwarded-For": ("proxy.client", "ProxyRequests Off",
                           "ProxyAddHeaders Off", "all visitors",
                           "take out: ProxyAddHeaders Off"),
    "no X-Forwarded-Proto": (
        "proxy.scheme", "RequestHeader set .*", "", "is missing",
        'RequestHeader set X-Forwarded-Proto "expr=%{REQUEST_SCHEME}"'),
    "small bodies": ("proxy.body", "(<Location .*)",
                     "<If \"%{HTTP:Content-Length} -gt 100000\">\n"
                     r"Require all denied\n</If>\n\1",
                     "with 403", "take out: limits of modules and rules"),
    "no WebSocket": ("proxy.websocket", r'ProxyPass "/xmpp".*', "",
                     "the headers Upgrade and Connection",
                     "a2enmod proxy_wstunnel"),
    "another WebSocket": ("proxy.websocket", r'(ProxyPass "/xmpp" )"[^"]*"',
                          r'\1"ws://127.0.0.1:9/xmpp"', "answers 503",
                          'ProxyPass "/xmpp" "ws://127.0.0.1:'),
}
CADDY = {
    "another Host": ("proxy.host", "(reverse_proxy .*)",
                     r"\1 {\nheader_up Host other.example\n}",
                     "changes Host", "take out: header_up Host"),
    "no X-Forwarded-For": ("proxy.client", "(reverse_proxy .*)",
                           r"\1 {\nheader_up -X-Forwarded-For\n}",
                           "all visitors", "header_up X-Forwarded-For"),
    "another X-Forwarded-Proto": (
        "proxy.scheme", "(reverse_proxy .*)",
        r"\1 {\nheader_up X-Forwarded-Proto http\n}", "is missing",
        "header_up X-Forwarded-Proto"),
    "buffers": ("proxy.buffer", "(reverse_proxy .*)",
                r"\1 {\nbuffer_requests\n}", "until it is whole",
                "take out: buffer_requests"),
    "small bodies": ("proxy.body", "max_size .*", "max_size 100KB",
                     "a file of 1000000 bytes", "max_size 3MB"),
    "no WebSocket": ("proxy.websocket", "request_body",
                     "respond /xmpp 404\nrequest_body", "(404)",
                     "Caddyfile, https://localhost:"),
}


@pytest.mark.parametrize("kind,fault", [
    (kind, fault) for kind, faults in
    (("nginx", NGINX), ("apache", APACHE), ("caddy", CADDY))
    for fault in faults])
def test_each_fault_is_found_with_its_line(kind, fault, tls, tmp_path):
    check, take, put, text, fix = {"nginx": NGINX, "apache": APACHE,
                                   "caddy": CADDY}[kind][fault]
    printed = tls.printed(kind)
    config = re.sub(take, put, printed)
    assert config != printed
    with tls.start(kind, tmp_path, config):
        result = tls.found(kind)
    assert result[check]["level"] in ("FAIL", "WARN"), result
    assert text in result[check]["text"]
    assert fix in result[check]["fix"]


@pytest.mark.parametrize("kind,take,put,fix", [
    ("nginx", r"(proxy_pass http://[^;]*);", r"\1/;", "no path after it"),
    ("apache", r'(ProxyPass "/books/" "http://[^/]*/)books/', r"\1",
     'ProxyPass "/books/" "http://127.0.0.1:'),
    ("caddy", r"handle /books/\*", "handle_path /books/*",
     "handle /books/* {   # no handle_path")])
def test_a_prefix_that_is_taken_off_is_told(kind, take, put, fix, below,
                                            tmp_path):
    config = re.sub(take, put, below.printed(kind))
    with below.start(kind, tmp_path, config):
        f = below.found(kind)["proxy.path"]
    assert f["level"] == "FAIL" and fix in f["fix"]
    assert "takes the prefix /books off" in f["text"]


def test_silence_that_is_cut_off_is_told(whole, tmp_path):
    config = whole.printed("nginx").replace("proxy_read_timeout 1h",
                                            "proxy_read_timeout 1s")
    with whole.start("nginx", tmp_path, config):
        f = whole.found("nginx", "--idle", "20")["proxy.idle"]
        assert f["level"] == "FAIL" and "is cut off after" in f["text"]
        assert "location = /xmpp {}:\n    proxy_read_timeout 1h;" in f["fix"]
    with whole.start("nginx", tmp_path, config.replace("1s;", "9s;")):
        f = whole.found("nginx", "--idle", "1")["proxy.idle"]
        assert f["level"] == "OK"


def talk(listener, port):
    """Passes connections on; a WebSocket's server pings whenever nothing
    came for a fifth of a second."""
    def one(near, far):
        with near, far:
            far.settimeout(0.2)
            pings = False
            threading.Thread(target=copy, args=(near, far),
                             daemon=True).start()
            while True:
                try:
                    data = far.recv(65536)
                except TimeoutError:
                    data = b"\x89\x02hi" if pings else None
                pings = pings or b" 101 " in (data or b"")[:20]
                if data is None:
                    continue
                try:
                    near.sendall(data)
                except OSError:
                    return
                if not data:
                    return

    def copy(near, far):
        try:
            while data := near.recv(65536):
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=one, daemon=True, args=(
            near, socket.create_connection(("127.0.0.1", port)))).start()


def test_pings_do_not_make_silence_longer(whole):
    with socket.create_server(("127.0.0.1", whole.port)) as listener:
        threading.Thread(target=talk, daemon=True, args=(
            listener, whole.service.port)).start()
        f = whole.found("nginx", "--idle", "1")["proxy.idle"]
        assert f["level"] == "OK"
        listener.shutdown(socket.SHUT_RDWR)


def test_who_does_not_answer_and_who_else_does_are_told(whole, tmp_path):
    f = whole.found("nginx")["proxy.connect"]
    assert f["level"] == "FAIL" and "does the web server run" in f["text"]
    assert f"listen {whole.port};" in f["fix"]
    with socket.create_server(("127.0.0.1", whole.port)):  # and says nothing
        f = whole.found("nginx", "--timeout", "1")["proxy.connect"]
        assert "no answer within 1 s" in f["text"]
    with whole.start("nginx", tmp_path, f"server {{ listen {whole.port}; "
                     "location / { return 200 hello; } }"):
        f = whole.found("nginx")["proxy.reach"]
        assert "another one answers (200, nginx/" in f["text"]
        f = whole.found("nginx", "--url", f"https://127.0.0.1:{whole.port}")
        assert "no TLS there" in f["proxy.connect"]["text"]
        assert "ssl http2;" in f["proxy.connect"]["fix"]
    f = whole.found("nginx", "--url", "https://no-such-name.invalid")
    assert "has no address here" in f["proxy.connect"]["text"]


def test_certificates_that_browsers_refuse_are_told(tls, authority, tmp_path):
    authority.make("old", dns=["localhost"], start=-3, end=-1)
    for name, words, text in (
            ("other", [], "it is of other.example, not localhost"),
            ("old", [], "it has expired"),
            ("localhost", ["--ca", "/etc/ssl/certs/ca-certificates.crt"],
             "browsers refuse the certificate of localhost: ")):
        config = tls.printed("nginx").replace(
            authority.path("localhost", ""), authority.path(name, ""))
        with tls.start("nginx", tmp_path, config):
            result = tls.found("nginx", *words)
        f = result["proxy.certificate"]
        assert f["level"] == "FAIL" and text in f["text"]
        assert "ssl_certificate " in f["fix"]
        assert result["proxy.websocket"]["level"] == "OK"


# -- words ----------------------------------------------------------------------

def test_a_probe_needs_its_token(whole):
    assert whole.service.get("/_probe/" + "0" * 32)[0] == 404
    assert whole.service.get("/_probe/")[0] == 404


def test_the_configuration_of_a_real_name_has_its_certificate():
    def printed(kind):
        return subprocess.run([CTL, "--link", s.link, "doctor", f"--{kind}",
                               "--print"], text=True, capture_output=True,
                              timeout=LIMIT, check=True).stdout
    with Service("bookcase-c", "--domain", "books.example", "--url",
                 "https://www.books.example", store="memory") as s:
        text = printed("nginx")
        assert "listen 443 ssl http2;" in text
        assert "server_name www.books.example;" in text
        assert "/etc/letsencrypt/live/www.books.example/fullchain.pem" in text
        assert "return 308 https://$host$request_uri;" in text
        assert "--url" not in text
        text = printed("apache")
        assert "SSLEngine On" in text and "<VirtualHost *:443>" in text
        assert printed("caddy").count("https://www.books.example {") == 1


@pytest.mark.parametrize("words,said", [
    (["--apache"], "at a time"), (["--http", "x y"], "--http is where"),
    (["--url", "books.example"], "--url is what browsers write"),
    (["--url", "http://a;b"], "--url is what browsers write"),
    (["--check", "--idle", "x"], "are seconds"),
    (["--check", "--print"], "one of them"),
    (["--cert", "/x"], "--cert and --key"),
    (["--cert", "x", "--key", "y"], "--cert and --key"),
    (["--check", "--ca", "/nowhere"], "cannot read /nowhere"),
    (["--nonsense"], '"--nonsense" is not understood')])
def test_wrong_words_are_named(words, said, whole):
    done = whole.doctor("nginx", *words)
    assert done.returncode == 2 and said in done.stderr


def test_a_service_that_nobody_told_a_url_asks_for_it(whole):
    done = subprocess.run([CTL, "--link", whole.service.link, "doctor",
                           "--nginx"], text=True, capture_output=True,
                          timeout=LIMIT)
    assert done.returncode == 2 and "say --url" in done.stderr
    assert not done.stdout
