# SPDX-License-Identifier: MIT
"""Debian's Prosody on this machine, for one domain: localhost."""
from __future__ import annotations

import os
import subprocess

from program import LIMIT, Program, free_port, write

CERTIFICATES = "localhost"


class Prosody(Program):
    """folder of its own; ca with a certificate for localhost; tls: STARTTLS
    is required, else it is not even offered."""

    def __init__(self, folder: str, ca, *, tls: bool, people: dict[str, str],
                 friends: tuple[str, str] | None = None):
        self.dir, self.c2s = folder, free_port()
        self.config = write(folder, "prosody.cfg.lua", f"""
run_as_root = true
daemonize = false
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
certificates = "{ca.dir}"
modules_enabled = {{ "disco"; "roster"; "saslauth"; "smacks"; "ping"; "posix";
                    "carbons"; {'"tls"' if tls else ""} }}
modules_disabled = {{ "s2s"; "admin_shell" }}
log = {{ info = "*console" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.c2s} }}
c2s_direct_tls_ports = {{ }}
s2s_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
c2s_require_encryption = {"true" if tls else "false"}
authentication = "internal_hashed"
storage = "internal"
VirtualHost "localhost"
  ssl = {{ certificate = "{ca.path("localhost", "crt")}";
          key = "{ca.path("localhost", "key")}" }}
""")
        os.makedirs(os.path.join(folder, "data"), exist_ok=True)
        for user, password in people.items():
            subprocess.run(["/usr/bin/prosodyctl", "--root", "--config",
                            self.config, "register", user, "localhost",
                            password], check=True, timeout=LIMIT,
                           capture_output=True)
        for one, other in ([friends, friends[::-1]] if friends else []):
            roster = os.path.join(folder, "data", "localhost", "roster")
            os.makedirs(roster, exist_ok=True)
            write(roster, f"{one}.dat",
                  'return { [false] = { version = 1 }; ["'
                  f'{other}@localhost"] = {{ subscription = "both"; '
                  'groups = {} } };\n')
        super().__init__(["/usr/bin/prosody", "-F", "--config", self.config],
                         port=self.c2s)
