# SPDX-License-Identifier: MIT
"""concordctl doctor --nginx, --apache, --caddy: what it prints is put into a
file, and works; what is broken by hand is found, and named with its line."""
import json
import os
import re
import subprocess

import pytest

from program import LIMIT, Program, free_port, until, write
from service import BUILD, Service, book

CTL = os.path.join(BUILD, "src/ctl/concordctl")
UPLOAD = 2000000


def doctor(service, kind, *words):
    return subprocess.run([CTL, "--link", service.link, "doctor", f"--{kind}",
                           *words], text=True, capture_output=True,
                          timeout=LIMIT)


def printed(service, kind, port, *words):
    done = doctor(service, kind, "--url", f"http://127.0.0.1:{port}", *words)
    assert done.stdout.startswith("# "), done.stderr
    return done.stdout


def nginx(folder, port, config, inside=False):
    if inside:  # of the server that has the site
        config = f"server {{ listen {port}; location / {{ return 204; }}\n{config}}}"
    path = write(folder, "nginx.conf", f"""
daemon off; user root; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/1;
  proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
{config}}}""")
    return Program(["/usr/sbin/nginx", "-c", path, "-p", folder], port=port)


def apache(folder, port, config, inside=False):
    modules = "/usr/lib/apache2/modules"
    load = "\n".join(
        f"LoadModule {m}_module {modules}/mod_{m}.so" for m in
        ("mpm_event", "authz_core", "headers", "alias", "proxy", "proxy_http",
         "proxy_wstunnel"))
    if inside:
        config = f"<VirtualHost *:{port}>\n{config}</VirtualHost>\n"
    path = write(folder, "apache.conf", f"""
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
Listen 127.0.0.1:{port}
ErrorLog {folder}/apache.log
{load}
{config}""")
    return Program(["/usr/sbin/apache2", "-d", folder, "-f", path,
                    "-DFOREGROUND"], port=port, log=f"{folder}/apache.log")


def caddy(folder, port, config, inside=False):
    path = write(folder, "Caddyfile",
                 "{\n  admin off\n  auto_https off\n}\n" + config)
    return Program(["/usr/bin/caddy", "run", "--adapter", "caddyfile",
                    "--config", path], port=port,
                   env={"HOME": folder, "XDG_DATA_HOME": folder,
                        "XDG_CONFIG_HOME": folder})


SERVERS = {"nginx": nginx, "apache": apache, "caddy": caddy}


@pytest.fixture(scope="module")
def bookcase():
    with Service("bookcase-c", "--max-upload", str(UPLOAD),
                 store="memory") as s:
        yield s


@pytest.fixture(scope="module")
def below():
    with Service("bookcase-c", "--max-upload", str(UPLOAD), "--prefix",
                 "/books", store="memory") as s:
        yield s


def found(service, kind, port, *words):
    """Findings of --check, by name: level and text."""
    done = doctor(service, kind, "--check", "--json", "--url",
                  f"http://127.0.0.1:{port}", *words)
    assert done.stdout, done.stderr
    result = {f["check"]: f for f in json.loads(done.stdout)["findings"]}
    worst = "FAIL" in [f["level"] for f in result.values()]
    assert done.returncode == (1 if worst else 0)
    return result


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("place", ["whole", "below"])
def test_what_is_printed_lets_everything_through(kind, place, bookcase, below,
                                                 tmp_path):
    service = bookcase if place == "whole" else below
    port = free_port()
    config = printed(service, kind, port)
    with SERVERS[kind](str(tmp_path), port, config, place == "below") as web:
        result = found(service, kind, port)
        bad = {k: f for k, f in result.items() if f["level"] != "OK"}
        assert not bad, (bad, config, web.log())
        assert {"proxy.reach", "proxy.host", "proxy.client", "proxy.scheme",
                "proxy.page", "proxy.gzip", "proxy.etag", "proxy.asset",
                "proxy.form", "proxy.origin", "proxy.body",
                "proxy.websocket", "proxy.host-meta"} <= set(result)
        prefix = "/books" if place == "below" else ""
        service.ctl("publish", "library", book("Through " + kind))
        until("the page", lambda: f"Through {kind}".encode() in
              web.get(prefix + "/")[2])
        assert web.get(prefix + "/by/x%20y")[0] == 404


def test_a_unix_socket_is_printed_and_works(tmp_path):
    path = str(tmp_path / "http")
    folder = tmp_path / "server"
    folder.mkdir()
    with Service("bookcase-c", "--http", f"unix:{path}", "--max-upload",
                 str(UPLOAD), store="memory") as s:
        for kind in SERVERS:
            port = free_port()
            config = printed(s, kind, port)
            assert path in config
            with SERVERS[kind](str(folder), port, config):
                bad = {k: f for k, f in found(s, kind, port).items()
                       if f["level"] != "OK"}
                assert not bad, (kind, bad)


@pytest.mark.parametrize("check,take,put,fix", [
    ("proxy.websocket", r"proxy_set_header Upgrade \$http_upgrade;", "",
     "proxy_set_header Upgrade $http_upgrade;"),
    ("proxy.reach", "proxy_pass http://[^;]*", "proxy_pass http://127.0.0.1:9",
     "leads to 127.0.0.1:"),
    ("proxy.body", "client_max_body_size[^;]*;", "client_max_body_size 1m;",
     "client_max_body_size 4m;"),
    ("proxy.client", r"proxy_set_header X-Forwarded-For [^;]*;", "",
     "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"),
    ("proxy.host", r"proxy_set_header Host [^;]*;", "",
     "proxy_set_header Host $http_host;"),
    ("proxy.form", r"proxy_set_header Host [^;]*;",
     "proxy_set_header Host localhost;", "proxy_set_header Host $http_host;"),
    ("proxy.scheme", r"proxy_set_header X-Forwarded-Proto [^;]*;",
     "proxy_set_header X-Forwarded-Proto https;",
     "proxy_set_header X-Forwarded-Proto $scheme;"),
    ("proxy.gzip", "proxy_set_header Host",
     'proxy_set_header Accept-Encoding ""; proxy_set_header Host', None),
    ("proxy.origin", "proxy_set_header Host",
     'proxy_set_header Origin ""; proxy_set_header Host', "Origin"),
    ("proxy.host-meta", "(?s)$",
     "", None),
])
def test_each_break_of_nginx_is_found_with_its_line(check, take, put, fix,
                                                    bookcase, tmp_path):
    port = free_port()
    config = re.sub(take, put, printed(bookcase, "nginx", port))
    if check == "proxy.host-meta":
        config = config.rstrip().rstrip("}") + (
            "location /.well-known/ { return 404; }\n}\n")
    with nginx(str(tmp_path), port, config):
        result = found(bookcase, "nginx", port)
    assert result[check]["level"] in ("FAIL", "WARN"), result
    if fix is not None:
        assert fix in result[check]["fix"], result[check]


@pytest.mark.parametrize("check,take,put,fix", [
    ("proxy.websocket", r'ProxyPass "/xmpp".*\n', "\n",
     "a2enmod proxy_wstunnel"),
    ("proxy.host", "ProxyPreserveHost On", "", "ProxyPreserveHost On"),
    ("proxy.client", "ProxyRequests Off", "ProxyRequests Off\nProxyAddHeaders "
     "Off", "ProxyAddHeaders"),
])
def test_each_break_of_apache_is_found_with_its_line(check, take, put, fix,
                                                     bookcase, tmp_path):
    port = free_port()
    config = re.sub(take, put, printed(bookcase, "apache", port))
    with apache(str(tmp_path), port, config):
        result = found(bookcase, "apache", port)
    assert result[check]["level"] == "FAIL", result
    assert fix in result[check]["fix"]


def test_a_web_server_that_takes_the_prefix_off_is_told(below, tmp_path):
    port = free_port()
    config = re.sub(r"(proxy_pass http://[^;]*);", r"\1/;",
                    printed(below, "nginx", port))
    with nginx(str(tmp_path), port, config, True):
        result = found(below, "nginx", port)
    assert result["proxy.path"]["level"] == "FAIL"
    assert "takes the prefix /books off" in result["proxy.path"]["text"]


def test_silence_that_is_cut_off_is_told(bookcase, tmp_path):
    port = free_port()
    config = printed(bookcase, "nginx", port).replace(
        "proxy_read_timeout 1h", "proxy_read_timeout 1s")
    with nginx(str(tmp_path), port, config):
        result = found(bookcase, "nginx", port, "--idle", "20")
        assert result["proxy.idle"]["level"] == "FAIL"
        assert "proxy_read_timeout 1h;" in result["proxy.idle"]["fix"]
    with nginx(str(tmp_path), port, config.replace("1s;", "9s;")):
        result = found(bookcase, "nginx", port, "--idle", "2")
        assert result["proxy.idle"]["level"] == "OK"


def test_nobody_listens_and_another_one_answers(bookcase, tmp_path):
    port = free_port()
    result = found(bookcase, "nginx", port)
    assert result["proxy.connect"]["level"] == "FAIL"
    assert "does the web server run" in result["proxy.connect"]["text"]
    with nginx(str(tmp_path), port,
               f"server {{ listen {port}; return 200 hello; }}"):
        result = found(bookcase, "nginx", port)
        assert "another one answers (200)" in result["proxy.reach"]["text"]


def test_a_probe_needs_its_token(bookcase):
    assert bookcase.get("/_probe/" + "0" * 32)[0] == 404
    assert bookcase.get("/_probe/")[0] == 404


def test_the_configuration_of_a_real_name_has_its_certificate():
    with Service("bookcase-c", "--domain", "books.example", "--url",
                 "https://www.books.example", store="memory") as s:
        text = doctor(s, "nginx").stdout
        assert "listen 443 ssl http2;" in text
        assert "server_name www.books.example;" in text
        assert "/etc/letsencrypt/live/www.books.example/fullchain.pem" in text
        assert "return 308 https://$host$request_uri;" in text
        assert "--url" not in text
        text = doctor(s, "apache").stdout
        assert "SSLEngine on" in text and "<VirtualHost *:443>" in text
        assert doctor(s, "caddy").stdout.count(
            "https://www.books.example {") == 1


@pytest.mark.parametrize("words,said", [
    (["--apache"], "at a time"), (["--http", "x y"], "--http is where"),
    (["--url", "books.example"], "--url is what browsers write"),
    (["--url", "http://a;b"], "--url is what browsers write"),
    (["--check", "--idle", "x"], "are seconds"),
    (["--nonsense"], '"--nonsense" is not understood')])
def test_wrong_words_are_named(words, said, bookcase):
    done = doctor(bookcase, "nginx", *words)
    assert done.returncode == 2 and said in done.stderr
