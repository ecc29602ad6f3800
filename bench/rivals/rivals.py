# SPDX-License-Identifier: MIT
"""The service, Prosody and ejabberd for the bench, on loopback and without
TLS: a domain for anonymous clients, one for the publisher, the open node
"bench".

What they are given beyond Debian's configuration is said where it is: what
would have limited the load instead of the server is off.
"""
from __future__ import annotations

import base64
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

import service as bench_service

PUBSUB = "http://jabber.org/protocol/pubsub"
USER = base64.b64encode(b"\0publisher\0secret").decode()


def free_ports(n: int) -> list[int]:
    """Below those that the kernel gives to clients: thousands of those have
    just been used."""
    ports: list[int] = []
    while len(ports) < n:
        port = random.randrange(10000, 32000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        if port not in ports:
            ports.append(port)
    return ports


class Rival:
    """A server that runs; `with Prosody() as p:`.  pid, tcp, ws (ports), path,
    domain, service and publisher are what crowd.c asks for."""

    domain, service = "localhost", "pubsub.localhost"

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="rival-", dir="/var/tmp")
        self.tcp, self.ws = free_ports(2)
        self.publisher = f"plain:people.localhost:{self.tcp}:{USER}"
        self.log = open(os.path.join(self.dir, "log"), "w+",
                        encoding="utf-8")
        self.process = self.start()
        self.pid = self.process.pid
        self.ready()
        self.make_node()

    def start(self) -> subprocess.Popen:
        raise NotImplementedError

    def spawn(self, *words, **env) -> subprocess.Popen:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL,
                                stdout=self.log, stderr=subprocess.STDOUT,
                                cwd=self.dir, env=dict(os.environ, **env))

    def write(self, name: str, text: str) -> str:
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def ready(self) -> None:
        end = time.monotonic() + 60
        for port in (self.tcp, self.ws):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if (self.process.poll() is not None
                            or time.monotonic() > end):
                        raise SystemExit("a rival did not start:\n"
                                         + self.said()) from None
                    time.sleep(0.05)

    def said(self) -> str:
        self.log.seek(0)
        return self.log.read()[-4000:]

    def make_node(self) -> None:
        """As the publisher, with the standard's own words."""
        with socket.create_connection(("127.0.0.1", self.tcp), 10) as s:
            def ask(text: str, word: str) -> None:
                s.sendall(text.encode())
                seen = ""
                while word not in seen:
                    data = s.recv(65536)
                    if not data or "type='error'" in seen:
                        raise SystemExit(f"no {word}: {seen}")
                    seen += data.decode()
            stream = ("<stream:stream xmlns='jabber:client' xmlns:stream="
                      "'http://etherx.jabber.org/streams' "
                      "to='people.localhost' version='1.0'>")
            ask(stream, "features>")
            ask("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                f"mechanism='PLAIN'>{USER}</auth>", "<success")
            ask(stream, "features>")
            ask("<iq type='set' id='b'><bind xmlns="
                "'urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "</jid>")
            fields = "".join(
                f"<field var='{name}'><value>{value}</value></field>"
                for name, value in (
                    ("FORM_TYPE", PUBSUB + "#node_config"),
                    ("pubsub#access_model", "open"),
                    ("pubsub#persist_items", "1"),
                    ("pubsub#max_items", "10")))
            ask(f"<iq type='set' id='c' to='{self.service}'><pubsub "
                f"xmlns='{PUBSUB}'><create node='bench'/><configure>"
                f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>"
                "</configure></pubsub></iq>", "type='result'")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Ours(bench_service.Service):
    """The service, to be asked for the same."""

    domain = service = "localhost"
    path = "/xmpp"

    def __init__(self):
        self.tcp = free_ports(1)[0]
        super().__init__("memory", "--c2s", f"127.0.0.1:{self.tcp}")
        self.ws = self.port
        self.publisher = f"link:{self.link}"


class Prosody(Rival):
    """Debian's modules; without "limits", which holds the publisher to
    10 kB/s.  tuned: what its manual gives to large sites."""

    path = "/xmpp-websocket"
    tuned = False

    def start(self):
        modules = ["disco", "roster", "saslauth", "tls", "blocklist",
                   "bookmarks", "carbons", "pep", "private", "smacks",
                   "vcard4", "vcard_legacy", "csi_simple", "ping", "register",
                   "time", "uptime", "version", "posix", "websocket"]
        tuning = ("""gc = { mode = "generational" }
network_settings = { opportunistic_writes = true; tcp_backlog = 4096 }
""" if self.tuned else "network_settings = { tcp_backlog = 4096 }\n")
        config = self.write("prosody.cfg.lua", f"""run_as_root = true
daemonize = false
pidfile = "{self.dir}/prosody.pid"
data_path = "{self.dir}"
modules_enabled = {{ {"; ".join(f'"{m}"' for m in modules)} }}
modules_disabled = {{ "s2s" }}
log = {{ error = "*console" }}
{tuning}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.tcp} }}
http_ports = {{ {self.ws} }}
https_ports = {{ }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
consider_websocket_secure = true
cross_domain_websocket = true
authentication = "internal_plain"
VirtualHost "localhost"
  authentication = "anonymous"
VirtualHost "people.localhost"
Component "pubsub.localhost" "pubsub"
  admins = {{ "publisher@people.localhost" }}
""")
        subprocess.run(["/usr/bin/prosodyctl", "--root", "--config", config,
                        "register", "publisher", "people.localhost",
                        "secret"], check=True, capture_output=True)
        return self.spawn("/usr/bin/prosody", "-F", "--config", config)


class TunedProsody(Prosody):
    tuned = True


class Ejabberd(Rival):
    """Debian's modules; without shapers, which hold the publisher to
    3 kB/s."""

    path = "/ws"

    def start(self):
        config = self.write("ejabberd.yml", f"""loglevel: error
hosts: [localhost, people.localhost]
host_config:
  localhost: {{auth_method: [anonymous], anonymous_protocol: sasl_anon}}
  people.localhost: {{auth_method: [internal]}}
listen:
  - {{port: {self.tcp}, ip: 127.0.0.1, module: ejabberd_c2s, backlog: 4096}}
  - port: {self.ws}
    ip: 127.0.0.1
    module: ejabberd_http
    request_handlers: {{/ws: ejabberd_http_ws, /api: mod_http_api}}
api_permissions:
  "the bench":
    who: {{ip: 127.0.0.1/8}}
    what: "*"
modules:
  mod_adhoc: {{}}
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_client_state: {{}}
  mod_disco: {{}}
  mod_http_api: {{}}
  mod_last: {{}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_pubsub:
    access_createnode: all
    plugins: [flat, pep]
  mod_roster: {{versioning: true}}
  mod_stream_mgmt: {{resend_on_timeout: if_offline}}
  mod_vcard: {{search: false}}
  mod_version: {{}}
""")
        os.mkdir(os.path.join(self.dir, "spool"))
        return self.spawn(
            "/usr/bin/erl", "-noinput", "+K", "true", "+P", "250000",
            "-mnesia", "dir", f'"{self.dir}/spool"', "-s", "ejabberd",
            EJABBERD_CONFIG_PATH=config, HOME=self.dir,
            EJABBERD_LOG_PATH=os.path.join(self.dir, "ejabberd.log"),
            ERL_LIBS="/usr/lib/x86_64-linux-gnu", ERL_MAX_PORTS="65536",
            ERL_CRASH_DUMP="/dev/null")

    def make_node(self):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ws}/api/register",
            json.dumps({"user": "publisher", "host": "people.localhost",
                        "password": "secret"}).encode(),
            {"Content-Type": "application/json"})
        end = time.monotonic() + 30
        while True:  # it listens before it is ready
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    answer.read()
                break
            except (OSError, http.client.HTTPException):
                if time.monotonic() > end:
                    raise SystemExit(self.said()) from None
                time.sleep(0.1)
        super().make_node()
