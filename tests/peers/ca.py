# SPDX-License-Identifier: MIT
"""A certificate authority of the test's own, made with openssl."""
from __future__ import annotations

import datetime
import os
import subprocess

XMPP_ADDR = "1.3.6.1.5.5.7.8.5"  # RFC 6120 13.7.1.4
SRV_NAME = "1.3.6.1.5.5.7.8.7"   # RFC 4985


def openssl(*words, cwd: str) -> bytes:
    done = subprocess.run(["openssl", *words], cwd=cwd, capture_output=True,
                          timeout=30)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(words)}: "
                             + done.stderr.decode())
    return done.stdout


def when(days: float) -> str:
    at = datetime.datetime.now(datetime.timezone.utc)
    return (at + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


class Authority:
    """Makes certificates; `files` are NAME.crt (with chain) and NAME.key."""

    def __init__(self, folder: str):
        self.dir = folder
        os.makedirs(folder, exist_ok=True)
        self.root = os.path.join(folder, "ca.crt")
        with open(os.path.join(folder, "ca.cnf"), "w", encoding="utf-8") as f:
            f.write("""[ca]
default_ca = ours
[ours]
dir = .
new_certs_dir = .
database = index
rand_serial = yes
default_md = sha256
policy = any
certificate = ca.crt
private_key = ca.key
unique_subject = no
[any]
commonName = supplied
""")
        open(os.path.join(folder, "index"), "w", encoding="utf-8").close()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
                "-out", "ca.crt", "-days", "30", "-subj",
                "/CN=Concordance's test authority",
                "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                cwd=folder)

    def path(self, name: str, end: str) -> str:
        return os.path.join(self.dir, f"{name}.{end}")

    @staticmethod
    def alternatives(dns=(), xmpp=(), srv=()) -> str:
        return ",".join([f"DNS:{name}" for name in dns]
                        + [f"otherName:{XMPP_ADDR};UTF8:{name}"
                           for name in xmpp]
                        + [f"otherName:{SRV_NAME};IA5:{name}"
                           for name in srv])

    def make(self, name: str, *, dns=(), xmpp=(), srv=(), cn: str = "",
             start: float = -1, end: float = 30,
             self_signed: bool = False) -> str:
        """A key and certificate called name; returns name.

        dns, xmpp, srv: subjectAltName's dNSName, xmppAddr and SRVName; none
        of them: only the CN.  start, end: validity in days from now.
        """
        names = self.alternatives(dns, xmpp, srv)
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                f"{name}.key", "-out", f"{name}.csr", "-subj",
                f"/CN={cn or name}", cwd=self.dir)
        lines = ["basicConstraints=CA:FALSE",
                 "extendedKeyUsage=serverAuth,clientAuth"]
        if names:
            lines.append(f"subjectAltName={names}")
        with open(self.path(name, "ext"), "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        more = (["-selfsign", "-keyfile", f"{name}.key"] if self_signed
                else [])
        openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-in",
                f"{name}.csr", "-out", f"{name}.pem", "-extfile",
                f"{name}.ext", "-startdate", when(start), "-enddate",
                when(end), *more, cwd=self.dir)
        with open(self.path(name, "crt"), "w", encoding="utf-8") as out:
            for part in [f"{name}.pem"] + ([] if self_signed else ["ca.crt"]):
                with open(os.path.join(self.dir, part),
                          encoding="utf-8") as f:
                    out.write(f.read())
        os.chmod(self.path(name, "key"), 0o644)
        return name

    def fingerprint(self, name: str) -> str:
        """SHA-256 of the public key, for TLSA 3 1 1."""
        der = openssl("x509", "-in", f"{name}.crt", "-noout", "-pubkey",
                      cwd=self.dir)
        done = subprocess.run(["openssl", "pkey", "-pubin", "-outform",
                               "DER"], input=der, capture_output=True,
                              check=True)
        digest = subprocess.run(["openssl", "dgst", "-sha256", "-hex"],
                                input=done.stdout, capture_output=True,
                                check=True)
        return digest.stdout.decode().split()[-1]
