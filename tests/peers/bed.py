# SPDX-License-Identifier: MIT
"""A small internet on one machine: hosts, a switch, DNS.

Runs inside the namespaces that tests/peers/run makes.  Every host is a
network namespace with an IPv4 and an IPv6 address on one switch; the process
itself is the host "runner".  Names are answered by unbound, which validates,
in front of nsd; /etc/resolv.conf says so to everybody, so that servers listen
on the standard ports and find each other by SRV records as they do outside.

    with Bed() as bed:
        books = bed.host("books")
        bed.serve_names()          # after the last host and record
        books.spawn("concordanced", ...)

Nothing here outlives the process: tests/peers/run sees to that.
"""
from __future__ import annotations

import ctypes
import ctypes.util
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

LIMIT = float(os.environ.get("TEST_LIMIT", "30"))
HERE = os.path.dirname(os.path.abspath(__file__))
MS_BIND = 4096


def until(what, condition, limit: float = LIMIT):
    """Wait for a condition; its value, or AssertionError naming it."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            said = what() if callable(what) else what
            raise AssertionError(f"{said}: not within {limit:g} s")
        time.sleep(0.02)


def command(*words, **more) -> str:
    """Run to the end; its output, or AssertionError with what it said."""
    done = subprocess.run([str(word) for word in words], text=True,
                          capture_output=True, timeout=LIMIT, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: "
                             f"{done.stderr or done.stdout}")
    return done.stdout


def mount(source: str, target: str, kind: str, flags: int = 0) -> None:
    libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags,
                  None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


class Process:
    """A program on a host; what it says goes to a file."""

    def __init__(self, host: "Host", words, env=None, cwd=None, user=None,
                 log: str | None = None):
        self.log_path = log or os.path.join(
            host.bed.dir, f"{host.name}-{os.path.basename(str(words[0]))}-"
            f"{len(host.bed.processes)}.log")
        self.words = [str(word) for word in words]
        prefix = host.prefix()
        if user is not None:
            prefix += ["setpriv", f"--reuid={user}", f"--regid={user}",
                       "--clear-groups"]
        with open(self.log_path, "a", encoding="utf-8") as log_file:
            self.process = subprocess.Popen(
                prefix + self.words, stdin=subprocess.DEVNULL,
                stdout=log_file, stderr=subprocess.STDOUT, cwd=cwd,
                env=dict(os.environ, **(env or {})), start_new_session=True)
        self.pid = self.process.pid
        host.bed.processes.append(self)

    def alive(self) -> bool:
        return self.process.poll() is None

    def said(self) -> str:
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self, sig: int = signal.SIGTERM, limit: float = LIMIT) -> int:
        """End it, and what it started; its exit status."""
        if self.alive():
            self.process.send_signal(sig)
            try:
                self.process.wait(limit)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(
                    f"{self.words[0]} did not end within {limit:g} s:\n"
                    + self.said()[-4000:]) from None
        self.kill()
        return self.process.returncode

    def kill(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(LIMIT)


class Host:
    """A namespace with one link, eth0, to the switch."""

    def __init__(self, bed: "Bed", name: str, number: int):
        self.bed, self.name = bed, name
        self.ip4, self.ip6 = f"10.77.0.{number}", f"fd77::{number:x}"
        self.processes: list[Process] = []

    def prefix(self) -> list[str]:
        if self.name == "runner":
            return []
        return ["nsenter", f"--net=/run/netns/{self.name}", "--"]

    def run(self, *words, **more) -> str:
        return command(*self.prefix(), *words, **more)

    def spawn(self, *words, **more) -> Process:
        return Process(self, words, **more)

    def cut(self) -> None:
        """Pull the plug: packets vanish, nobody is told."""
        self.bed.switch("ip", "link", "set", self.name, "down")

    def mend(self) -> None:
        self.bed.switch("ip", "link", "set", self.name, "up")

    def listens(self, port: int) -> bool:
        """Whether the runner can connect to this port of the host."""
        try:
            socket.create_connection((self.ip4, port), 1).close()
        except OSError:
            return False
        return True

    def await_port(self, port: int, process: Process | None = None,
                   limit: float = LIMIT) -> None:
        def ready():
            if process is not None and not process.alive():
                raise AssertionError(f"{process.words[0]} ended:\n"
                                     + process.said()[-4000:])
            return self.listens(port)
        until(lambda: f"{self.name} listens on {port}"
              + ("\n" + process.said()[-4000:] if process else ""), ready,
              limit)


@dataclasses.dataclass
class Zone:
    """What nsd serves; signed: with keys of its own, made for this run."""

    name: str
    signed: bool = False
    lines: list[str] = dataclasses.field(default_factory=list)
    anchor: str = ""

    def add(self, name: str, kind: str, value: str) -> None:
        """name is absolute without the last dot, `books.example`."""
        self.lines.append(f"{name}. 60 IN {kind} {value}")

    def text(self, ip4: str) -> str:
        head = [f"$ORIGIN {self.name}", "$TTL 60",
                f"@ IN SOA ns.{self.name} root.{self.name} 1 3600 600 86400 1",
                f"@ IN NS ns.{self.name}", f"ns.{self.name} IN A {ip4}"]
        return "\n".join(head + self.lines) + "\n"


class Bed:
    """The switch, its hosts and the names; a context manager."""

    def __init__(self):
        if not os.environ.get("CONCORDANCE_BED"):
            raise RuntimeError("start the tests with tests/peers/run")
        self.dir = tempfile.mkdtemp(prefix="concordance-peers-")
        os.chmod(self.dir, 0o755)
        self.hosts: dict[str, Host] = {}
        self.zones: list[Zone] = []
        self.processes: list[Process] = []
        self.keep = False
        self._dns: list[Process] = []
        # The run's own /run and /etc/resolv.conf; the machine's are untouched.
        if not os.path.ismount("/run/netns"):
            mount("bed", "/run", "tmpfs")
            os.mkdir("/run/netns")
        command("ip", "netns", "add", "switch")
        self.switch("ip", "link", "set", "lo", "up")
        self.switch("ip", "link", "add", "br0", "type", "bridge",
                    "mcast_snooping", "0")
        self._addresses(["nsenter", "--net=/run/netns/switch", "--"], "br0",
                        "10.77.0.1", "fd77::1")
        self._own_file("/etc/resolv.conf", "nameserver 10.77.0.1\n")
        self._own_file("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
        command("ip", "link", "set", "lo", "up")
        self.runner = self.host("runner")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self) -> None:
        for process in reversed(self.processes):
            process.kill()
        self.processes.clear()
        if self.keep:
            print(f"\nThe bed's logs are kept in {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def _own_file(self, target: str, text: str) -> None:
        path = os.path.join(self.dir, os.path.basename(target))
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, 0o644)
        mount(path, target, "none", MS_BIND)

    def switch(self, *words) -> str:
        return command("nsenter", "--net=/run/netns/switch", "--", *words)

    @staticmethod
    def _addresses(prefix, link, ip4, ip6) -> None:
        # No duplicate address detection: it takes a second and there are none.
        command(*prefix, "ip", "addr", "add", f"{ip4}/24", "dev", link)
        command(*prefix, "ip", "-6", "addr", "add", f"{ip6}/64", "dev", link,
                "nodad")
        command(*prefix, "ip", "link", "set", link, "up")

    def host(self, name: str, delay_ms: float = 0,
             kbit_s: float = 0) -> Host:
        """A new host; delay_ms each way and kbit_s make its link slow."""
        host = Host(self, name, 10 + len(self.hosts))
        prefix = host.prefix()
        if name != "runner":
            command("ip", "netns", "add", name)
            command(*prefix, "ip", "link", "set", "lo", "up")
        if delay_ms or kbit_s:
            self._slow_link(name, delay_ms, kbit_s)
        else:
            command(*prefix, "ip", "link", "add", "eth0", "type", "veth",
                    "peer", "name", name, "netns", "switch")
        self.switch("ip", "link", "set", name, "master", "br0")
        self.switch("ip", "link", "set", name, "up")
        self._addresses(prefix, "eth0", host.ip4, host.ip6)
        self.hosts[name] = host
        return host

    def _slow_link(self, name: str, delay_ms: float, kbit_s: float) -> None:
        """Two TAP devices and slow.py between them: many kernels are built
        without netem."""
        if not os.path.exists("/dev/net/tun"):
            raise SlowLinkMissing("there is no /dev/net/tun")
        for where, tap in (("switch", name), (name, "eth0")):
            command("nsenter", f"--net=/run/netns/{where}", "--",
                    "ip", "tuntap", "add", "dev", tap, "mode", "tap")
        relay = Process(self.runner, [
            "/usr/bin/python3", os.path.join(HERE, "slow.py"),
            "/run/netns/switch", name, f"/run/netns/{name}", "eth0",
            delay_ms, kbit_s])
        until(lambda: "slow.py is ready: " + relay.said(),
              lambda: "ready" in relay.said())

    # -- names --------------------------------------------------------------

    def zone(self, name: str, signed: bool = False) -> Zone:
        zone = Zone(name, signed)
        self.zones.append(zone)
        return zone

    def name(self, domain: str, host: Host, *, client: bool = True,
             server: bool = True, direct: bool = False,
             ipv4: bool = True, ipv6: bool = True) -> None:
        """Addresses of a domain, and where its servers listen.

        client, server: SRV of _xmpp-client (5222), _xmpp-server (5269);
        direct: of _xmpps-client (5223) and _xmpps-server (5270), XEP-0368.
        """
        zone = max((z for z in self.zones
                    if f".{domain}.".endswith(f".{z.name}")),
                   key=lambda z: len(z.name))
        if ipv4:
            zone.add(domain, "A", host.ip4)
        if ipv6:
            zone.add(domain, "AAAA", host.ip6)
        services = []
        if client:
            services.append(("_xmpp-client", 5222))
        if server:
            services.append(("_xmpp-server", 5269))
        if direct:
            services += [("_xmpps-client", 5223), ("_xmpps-server", 5270)]
        for service, port in services:
            zone.add(f"{service}._tcp.{domain}", "SRV",
                     f"0 0 {port} {domain}.")

    def serve_names(self) -> None:
        """Start, or start again with what was added, nsd and unbound."""
        for process in self._dns:
            process.stop()
        folder = os.path.join(self.dir, "dns")
        os.makedirs(folder, exist_ok=True)
        served = []
        for zone in self.zones:
            path = os.path.join(folder, zone.name + "zone")
            with open(path, "w", encoding="utf-8") as f:
                f.write(zone.text("10.77.0.1"))
            if zone.signed:
                path = self._sign(zone, folder, path)
            served.append(f'zone:\n  name: "{zone.name}"\n'
                          f'  zonefile: "{path}"\n')
        switch = Host(self, "switch", 1)
        nsd = os.path.join(folder, "nsd.conf")
        with open(nsd, "w", encoding="utf-8") as f:
            f.write(f"""server:
  ip-address: 10.77.0.1@5353
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  xfrdir: "{folder}"
  server-count: 1
remote-control:
  control-enable: no
""" + "".join(served))
        unbound = os.path.join(folder, "unbound.conf")
        with open(unbound, "w", encoding="utf-8") as f:
            f.write(f"""server:
  interface: 10.77.0.1
  interface: fd77::1
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  chroot: ""
  username: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  module-config: "validator iterator"
  do-not-query-localhost: no
  local-zone: "." transparent
remote-control:
  control-enable: no
""")
            for zone in self.zones:
                if zone.signed:
                    f.write(f"server:\n  trust-anchor-file: \"{zone.anchor}\""
                            "\n")
                f.write(f'stub-zone:\n  name: "{zone.name}"\n'
                        "  stub-addr: 10.77.0.1@5353\n")
            # Nobody else's names: at once, not after asking a root that
            # cannot be reached.
            f.write('auth-zone:\n  name: "."\n  zonefile: "root.zone"\n'
                    "  for-upstream: yes\n  for-downstream: no\n")
        with open(os.path.join(folder, "root.zone"), "w",
                  encoding="utf-8") as f:
            f.write(". 60 IN SOA ns. root. 1 3600 600 86400 1\n"
                    ". 60 IN NS ns.\nns. 60 IN A 10.77.0.1\n")
        # In this order: unbound remembers for long who did not answer.
        self._dns = []
        for port, words in ((5353, ("/usr/sbin/nsd", "-d", "-c", nsd)),
                            (53, ("/usr/sbin/unbound", "-d", "-c",
                                  unbound))):
            self._dns.append(self._name_server(switch, port, words))

    def _name_server(self, switch, port: int, words) -> Process:
        """Started until it answers: on a busy machine nsd now and then says
        that it runs and does not."""
        def answers():
            return subprocess.run(
                ["dig", "@10.77.0.1", "-p", str(port), "+short", "+time=1",
                 "+tries=1", "SOA", self.zones[0].name], capture_output=True,
                text=True).stdout.startswith("ns.")
        for tries_left in (2, 1, 0):
            server = switch.spawn(*words)
            try:
                until(lambda: "DNS answers:\n" + server.said(), answers,
                      LIMIT / 2)
                return server
            except AssertionError:
                if not tries_left:
                    raise
                server.kill()

    @staticmethod
    def _sign(zone: Zone, folder: str, path: str) -> str:
        key = command("ldns-keygen", "-k", "-a", "ECDSAP256SHA256", zone.name,
                      cwd=folder).strip()
        command("ldns-signzone", "-f", path + ".signed", path, key,
                cwd=folder)
        zone.anchor = os.path.join(folder, key + ".key")
        os.chmod(zone.anchor, 0o644)
        return path + ".signed"


class SlowLinkMissing(Exception):
    """This machine can make no slow link; the text says why."""
