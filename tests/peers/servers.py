# SPDX-License-Identifier: MIT
"""The servers of the bed: Prosody, ejabberd, and the service itself."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request

from bed import HERE, LIMIT, Host, command, until
from ca import Authority

TOP = os.path.dirname(os.path.dirname(HERE))
NS = "http://concordance-xmpp.org/apps/mybookcase"
BUILD = os.environ.get("CONCORDANCE_BUILD", os.path.join(TOP, "build"))


class Prosody:
    """Debian's Prosody on a host, for one or more domains.

    domains: {name: certificate's name}.  Each has a pubsub.NAME.
    strict: a peer whose certificate does not prove its domain is refused;
    otherwise dialback does.
    """

    def __init__(self, host: Host, ca: Authority, domains: dict[str, str], *,
                 strict: bool = True, trust: bool = True, bidi: bool = False,
                 dane: bool = False, anchor: str | None = None,
                 quiet: bool = False):
        self.host, self.ca, self.domains = host, ca, domains
        self.dir = os.path.join(host.bed.dir, host.name)
        self.config = os.path.join(self.dir, "prosody.cfg.lua")
        self.strict, self.trust, self.bidi = strict, trust, bidi
        self.dane, self.anchor, self.quiet = dane, anchor, quiet
        os.makedirs(os.path.join(self.dir, "data"), exist_ok=True)
        self.process = None

    def configure(self) -> None:
        def yes(value):
            return "true" if value else "false"
        modules = ["disco", "roster", "saslauth", "tls", "dialback", "pep",
                   "carbons", "smacks", "mam", "ping", "posix", "blocklist",
                   "limits", "websocket"] + (["s2s_bidi"] if self.bidi else [])
        unbound = "unbound = { resolvconf = true }"
        if self.anchor:
            unbound = ("unbound = { resolvconf = true; trustfile = "
                       f'"{self.anchor}" }}')
        authority = self.ca.root if self.trust else os.path.join(
            self.dir, "nobody.crt")
        with open(os.path.join(self.dir, "nobody.crt"), "w",
                  encoding="utf-8"):
            pass
        text = f"""run_as_root = true
daemonize = false
pidfile = "{self.dir}/prosody.pid"
data_path = "{self.dir}/data"
certificates = "{self.ca.dir}"
modules_enabled = {{ {"; ".join(f'"{m}"' for m in modules)} }}
log = {{ {"error" if self.quiet else "debug"} = "*console" }}
{unbound}
use_dane = {yes(self.dane)}
s2s_require_encryption = true
s2s_secure_auth = {yes(self.strict)}
s2s_timeout = 20
c2s_direct_tls_ports = {{ 5223 }}
s2s_direct_tls_ports = {{ 5270 }}
http_ports = {{ }}
https_ports = {{ 443 }}
authentication = "internal_hashed"
storage = "internal"
ssl = {{ cafile = "{authority}"; capath = "/nonexistent" }}
"""
        for domain, certificate in self.domains.items():
            tls = (f'  ssl = {{ certificate = '
                   f'"{self.ca.path(certificate, "crt")}"; '
                   f'key = "{self.ca.path(certificate, "key")}"; '
                   f'cafile = "{authority}"; capath = "/nonexistent" }}\n')
            text += (f'VirtualHost "{domain}"\n{tls}'
                     f'Component "pubsub.{domain}" "pubsub"\n{tls}'
                     "  default_admin_affiliation = \"owner\"\n"
                     f'  admins = {{ "alice@{domain}" }}\n')
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)

    def start(self) -> None:
        self.configure()
        self.process = self.host.spawn(
            "/usr/bin/prosody", "-F", "--config", self.config,
            log=os.path.join(self.dir, "prosody.log"))
        self.host.await_port(5269, self.process)
        self.host.await_port(5222, self.process)

    def register(self, jid: str, password: str) -> None:
        user, domain = jid.split("@")
        self.host.run("/usr/bin/prosodyctl", "--root", "--config",
                      self.config, "register", user, domain, password)

    def befriend(self, one: str, two: str) -> None:
        """Put them on each other's rosters, while the server is down."""
        assert self.process is None or not self.process.alive()
        for jid, other in ((one, two), (two, one)):
            user, domain = jid.split("@")
            folder = os.path.join(self.dir, "data",
                                  domain.replace(".", "%2e"), "roster")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f"{user}.dat"), "w",
                      encoding="utf-8") as f:
                f.write(f'return {{ [false] = {{ version = 1 }}; ["{other}"] '
                        '= { subscription = "both"; groups = {} } };\n')

    def websocket(self, domain: str) -> str:
        return f"wss://{domain}/xmpp-websocket"

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        self.process.kill()

    def log(self) -> str:
        return self.process.said()


class Ejabberd:
    """Debian's ejabberd on a host, without Erlang's distribution: a plain
    process with folders of its own, told by its HTTP API what to do."""

    def __init__(self, host: Host, ca: Authority, domains: dict[str, str], *,
                 starttls: str = "required", trust: bool = True,
                 quiet: bool = False):
        self.host, self.ca, self.domains = host, ca, domains
        self.starttls, self.trust, self.quiet = starttls, trust, quiet
        self.dir = os.path.join(host.bed.dir, host.name)
        self.config = os.path.join(self.dir, "ejabberd.yml")
        os.makedirs(os.path.join(self.dir, "spool"), exist_ok=True)
        self.process = None

    def configure(self) -> None:
        files = []
        for domain, name in self.domains.items():
            path = os.path.join(self.dir, f"{name}.both")
            with open(path, "w", encoding="utf-8") as out:
                for end in ("crt", "key"):
                    with open(self.ca.path(name, end), encoding="utf-8") as f:
                        out.write(f.read())
            files.append(path)
        modules = """
  mod_adhoc: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_disco: {}
  mod_http_api: {}
  mod_mam: {}
  mod_offline: {}
  mod_ping: {}
  mod_roster: {}
  mod_s2s_dialback: {}
  mod_stream_mgmt: {}
  mod_pubsub:
    access_createnode: all
    plugins: [flat, pep]
"""
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f"""loglevel: {"error" if self.quiet else "debug"}
log_rotate_count: 0
hosts: {json.dumps(list(self.domains))}
certfiles: {json.dumps(files)}
s2s_use_starttls: {self.starttls}
s2s_timeout: 20
s2s_max_retry_delay: 2
{f'ca_file: {json.dumps(self.ca.root)}' if self.trust else ''}
s2s_cafile: {json.dumps(self.ca.root if self.trust else files[0])}
auth_password_format: scram
listen:
  - {{port: 5222, ip: "::", module: ejabberd_c2s, starttls_required: true}}
  - {{port: 5223, ip: "::", module: ejabberd_c2s, tls: true}}
  - {{port: 5269, ip: "::", module: ejabberd_s2s_in}}
  - {{port: 5270, ip: "::", module: ejabberd_s2s_in, tls: true}}
  - port: 5280
    ip: "::"
    module: ejabberd_http
    request_handlers: {{/api: mod_http_api}}
api_permissions:
  "the bed":
    who: {{ip: 10.77.0.0/24}}
    what: "*"
modules:{modules}""")

    def start(self) -> None:
        self.configure()
        env = {"EJABBERD_CONFIG_PATH": self.config,
               "EJABBERD_LOG_PATH": os.path.join(self.dir, "ejabberd.log"),
               "ERL_LIBS": "/usr/lib/x86_64-linux-gnu",
               "ERL_CRASH_DUMP": os.path.join(self.dir, "crash.dump"),
               "ERL_MAX_PORTS": "32000", "HOME": self.dir}
        self.process = self.host.spawn(
            "/usr/bin/erl", "-noinput", "+K", "true", "-mnesia", "dir",
            f'"{self.dir}/spool"', "-s", "ejabberd", env=env, cwd=self.dir,
            log=os.path.join(self.dir, "erl.log"))
        for port in (5269, 5222, 5280):
            self.host.await_port(port, self.process, 60)

    def call(self, verb: str, **arguments):
        request = urllib.request.Request(
            f"http://{self.host.ip4}:5280/api/{verb}",
            json.dumps(arguments).encode(),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return json.loads(answer.read())

    def register(self, jid: str, password: str) -> None:
        user, domain = jid.split("@")
        self.call("register", user=user, host=domain, password=password)

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        self.process.kill()

    def log(self) -> str:
        path = os.path.join(self.dir, "ejabberd.log")
        if not os.path.exists(path):
            return self.process.said()
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read() + self.process.said()


class Concordance:
    """concordanced with the bookcase on a host, for one domain.

    certificate: its name with the authority; options: further words.
    """

    def __init__(self, host: Host, ca: Authority, domain: str, *options: str,
                 certificate: str | None = None, trust: bool = True,
                 store: str = "sqlite", app: str = "bookcase-c",
                 quiet: bool = False):
        self.host, self.ca, self.domain = host, ca, domain
        self.options, self.trust, self.store = options, trust, store
        self.certificate = certificate or domain
        self.app, self.quiet = app, quiet
        self.dir = os.path.join(host.bed.dir, f"{host.name}-{domain}")
        self.data = os.path.join(self.dir, "data")
        self.link = os.path.join(self.data, "link")
        os.makedirs(self.data, exist_ok=True)
        self.process = None

    def command(self) -> list[str]:
        return [os.path.join(BUILD, "src/service/concordanced"),
                "--domain", self.domain, "--http", "*:443",
                "--data", self.data, "--store", self.store,
                "--c2s", "*:5222", "--c2s-tls", "*:5223",
                "--s2s", "*:5269", "--s2s-tls", "*:5270",
                "--tls-cert", self.ca.path(self.certificate, "crt"),
                "--tls-key", self.ca.path(self.certificate, "key"),
                "--log-level", "warn" if self.quiet else "debug",
                *(["--ca", self.ca.root] if self.trust else []),
                "--files", os.path.join(TOP, "examples", self.app),
                *self.options,
                os.path.join(BUILD, "examples", self.app, "bookcase.so")]

    def start(self) -> None:
        self.process = self.host.spawn(
            *self.command(),
            log=os.path.join(self.dir, "concordanced.log"))
        for port in (443, 5222, 5269):
            self.host.await_port(port, self.process)

    def ctl(self, *words: str, stdin: str | None = None) -> str:
        return command(os.path.join(BUILD, "src/ctl/concordctl"), "--link",
                       self.link, *words, input=stdin)

    def register(self, jid: str, password: str) -> None:
        self.ctl("adduser", jid.split("@")[0], stdin=password + "\n")

    def websocket(self, domain: str) -> str:
        return f"wss://{domain}/xmpp"

    def publish(self, node: str, title: str, item: str,
                author: str = "Somebody") -> None:
        self.ctl("publish", node, f'<book xmlns="{NS}"><title>{title}</title>'
                 f"<author>{author}</author></book>", item)

    def stop(self) -> None:
        status = self.process.stop()
        assert status == 0, self.log()[-4000:]

    def kill(self) -> None:
        self.process.kill()

    def log(self) -> str:
        return self.process.said()
