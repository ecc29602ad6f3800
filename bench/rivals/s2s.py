# SPDX-License-Identifier: MIT
"""Stanzas a second over one connection of another server; a line of JSON for
each server.  Runs where tests/peers/run would: in namespaces of its own, with
names, certificates and TLS as outside.

The sender is a server by certificate (SASL EXTERNAL); a client on a raw
socket counts what arrives.

usage: s2s.py STANZAS ROUNDS
"""
import base64
import json
import os
import socket
import ssl
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/peers"))

from bed import Bed  # noqa: E402
from ca import Authority  # noqa: E402
from servers import Concordance, Ejabberd, Prosody  # noqa: E402
from wire import Stream, Wire  # noqa: E402

SIZE = 200


def cpu(pid: int) -> float:
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat",
                  encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


class Counter(Stream):
    """bob, who counts."""

    HEAD = ("<stream:stream xmlns='jabber:client' xmlns:stream="
            "'http://etherx.jabber.org/streams' to='{}' version='1.0'>")

    def __init__(self, host, domain: str):
        super().__init__(socket.create_connection((host.ip4, 5222), 30))
        head = self.HEAD.format(domain)
        self.send(head)
        self.expect("</stream:features>")
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        self.expect("<proceed[^>]*>")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket,
                                          server_hostname=domain)
        self.send(head)
        self.expect("</stream:features>")
        plain = base64.b64encode(b"\0bob\0secret").decode()
        self.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                  f"mechanism='PLAIN'>{plain}</auth>")
        self.expect("<success[^>]*>")
        self.send(head)
        self.expect("</stream:features>")
        self.send("<iq type='set' id='b'><bind "
                  "xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        self.jid = self.expect("<jid>(.*?)</jid>")[1]
        self.expect("</iq>")
        self.send("<presence/>")

    def await_messages(self, n: int) -> None:
        tail = b""
        while n > 0:
            data = self.socket.recv(1 << 20)
            if not data:
                raise SystemExit(f"bob was thrown out, {n} before the end")
            n -= (tail + data).count(b"</message>")
            tail = data[-9:]


def main() -> None:
    n, rounds = int(sys.argv[1]), int(sys.argv[2])
    with Bed() as bed:
        bed.zone("example.")
        kinds = {"ours": Concordance, "prosody": Prosody,
                 "ejabberd": Ejabberd}
        ca = Authority(os.path.join(bed.dir, "ca"))
        ca.make("evil.example", dns=["evil.example"])
        bed.name("evil.example", bed.runner)
        servers = {}
        for name, kind in kinds.items():
            domain = f"{name}.example"
            ca.make(domain, dns=[domain])
            host = bed.host(name)
            bed.name(domain, host)
            servers[name] = (
                kind(host, ca, domain, quiet=True, store="memory")
                if kind is Concordance
                else kind(host, ca, {domain: domain}, quiet=True))
        bed.serve_names()
        for name, server in servers.items():
            server.start()
            server.register(f"bob@{name}.example", "secret")
        for _ in range(rounds):
            for name, server in servers.items():
                with Counter(server.host, f"{name}.example") as bob, \
                        Wire(server.host, "evil.example", f"{name}.example",
                             ca, "evil.example") as wire:
                    wire.external()
                    one = (f"<message from='x@evil.example' to='{bob.jid}' "
                           f"type='chat'><body>{'x' * SIZE}</body></message>")
                    wire.send(one * 100)
                    bob.await_messages(100)
                    used, start = cpu(server.process.pid), time.monotonic()
                    for _ in range(0, n, 100):
                        wire.send(one * 100)
                        bob.await_messages(100)
                    wall = time.monotonic() - start
                    used = cpu(server.process.pid) - used
                    print(json.dumps({"server": name,
                                      "stanzas_s": n / wall,
                                      "cpu_us": used * 1e6 / n}), flush=True)


main()
