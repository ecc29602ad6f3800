# SPDX-License-Identifier: MIT
"""A real LDAP server for a test: OpenLDAP's slapd on free ports of this
machine, with certificates and people of its own."""
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile

from service import LIMIT, until

BASE = "dc=example,dc=org"
PEOPLE = "ou=people," + BASE
GROUPS = "ou=groups," + BASE
READER = "cn=reader," + BASE
READER_PASSWORD = "reads and no more"
ROOT = "cn=root," + BASE
ROOT_PASSWORD = "changes all"
SLAPD = "/usr/sbin/slapd"
HAS_SLAPD = os.path.exists(SLAPD)

CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {dir}/pid
argsfile {dir}/args
TLSCACertificateFile {dir}/ca.pem
TLSCertificateFile {dir}/cert.pem
TLSCertificateKeyFile {dir}/key.pem
database mdb
suffix "{base}"
directory {dir}/db
rootdn "{root}"
rootpw "{root_password}"
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""


def person(uid: str, password: str, dn: str | None = None) -> str:
    return (f"dn: {dn or f'uid={uid},' + PEOPLE}\nobjectClass: inetOrgPerson\n"
            f"uid: {uid}\ncn: {uid}\nsn: {uid}\nuserPassword: {password}\n\n")


def group(cn: str, *members: str) -> str:
    lines = "".join(f"member: uid={m},{PEOPLE}\n" for m in members)
    return f"dn: cn={cn},{GROUPS}\nobjectClass: groupOfNames\ncn: {cn}\n" \
        f"{lines}\n"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Directory:
    """`with Directory(ldif) as d:`; d.url, d.ldaps, d.ca."""

    def __init__(self, ldif: str):
        self.dir = tempfile.mkdtemp(prefix="cnc-ldap-")
        os.mkdir(os.path.join(self.dir, "db"))
        self.ca = os.path.join(self.dir, "ca.pem")
        self._certificates()
        self.config = os.path.join(self.dir, "slapd.conf")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(dir=self.dir, base=BASE, root=ROOT,
                                  root_password=ROOT_PASSWORD, reader=READER))
        top = (f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization"
               "\ndc: example\no: Example\n\n"
               f"dn: {READER}\nobjectClass: organizationalRole\n"
               "objectClass: simpleSecurityObject\ncn: reader\n"
               f"userPassword: {READER_PASSWORD}\n\n")
        for ou in ("people", "groups"):
            top += (f"dn: ou={ou},{BASE}\nobjectClass: organizationalUnit\n"
                    f"ou: {ou}\n\n")
        subprocess.run(["/usr/sbin/slapadd", "-f", self.config],
                       input=top + ldif, text=True, check=True,
                       capture_output=True, timeout=LIMIT)
        self.port, self.tls_port = free_port(), free_port()
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.ldaps = f"ldaps://127.0.0.1:{self.tls_port}"
        self.process = None
        self.start()

    def _path(self, name: str) -> str:
        return os.path.join(self.dir, name)

    def _certificates(self) -> None:
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=Test CA", "-keyout", self._path("ca.key"), "-out",
                self.ca)
        openssl("req", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1",
                "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                "-keyout", self._path("key.pem"), "-out", self._path("csr"))
        openssl("x509", "-req", "-in", self._path("csr"), "-days", "2", "-CA",
                self.ca, "-CAkey", self._path("ca.key"), "-copy_extensions",
                "copy", "-out", self._path("cert.pem"))

    def start(self) -> None:
        self.process = subprocess.Popen(
            [SLAPD, "-f", self.config, "-d", "0", "-h",
             f"{self.url}/ {self.ldaps}/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def answers():
            assert self.process.poll() is None, "slapd did not start"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False
        until("slapd answers", answers)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(LIMIT)

    def change(self, f) -> None:
        """f(connection), as the one who may everything."""
        import ldap3
        c = ldap3.Connection(ldap3.Server(self.url, get_info=ldap3.NONE), ROOT,
                             ROOT_PASSWORD, auto_bind=True,
                             raise_exceptions=True)
        try:
            f(c)
        finally:
            c.unbind()

    def __enter__(self) -> "Directory":
        return self

    def __exit__(self, *exc) -> None:
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
