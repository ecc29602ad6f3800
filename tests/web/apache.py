# SPDX-License-Identifier: MIT
"""Apache for a test: in a folder of its own, with a conf of its own."""
from __future__ import annotations

import os
import pwd
import signal

from program import LIMIT, TOP, Program, free_port, until, write

BUILD = os.environ.get("CONCORDANCE_BUILD", os.path.join(TOP, "build"))
MODULES = "/usr/lib/apache2/modules"
# MOD_XMPP names another one, MOD_XMPP_PRELOAD the library of its sanitizers:
# see test_mod_xmpp_sanitized.py.
MODULE = os.environ.get("MOD_XMPP",
                        os.path.join(BUILD, "apache", "mod_xmpp.so"))
SANITIZER = {"LD_PRELOAD": os.environ.get("MOD_XMPP_PRELOAD", "")}


class Apache(Program):
    """apache2 with mod_xmpp at /xmpp.

    folder   of its own, empty
    server   what XMPPServer says
    more     lines within the <Location>
    main     lines of the server itself
    modules  of Debian's, beside those that it needs
    mpm      its lines: threads and so on
    tls      (certificate, key): everything by TLS
    """

    def __init__(self, folder: str, server: str, *, more: str = "",
                 main: str = "", modules: tuple = (), mpm: str | None = None,
                 mpm_name: str = "event", tls=None, env=None, port: int = 0):
        self.dir, self.tls = folder, tls
        port = port or free_port()
        if os.geteuid() == 0:
            user = "User www-data\nGroup www-data"
            os.chmod(folder, 0o755)
            run = os.path.join(folder, "run")
            os.makedirs(run, exist_ok=True)
            owner = pwd.getpwnam("www-data")
            os.chown(run, owner.pw_uid, owner.pw_gid)
        else:
            user, run = "", folder
        self.error_log = os.path.join(folder, "error.log")
        self.access_log = os.path.join(folder, "access.log")
        names = [f"mpm_{mpm_name}", "authz_core", "status", *modules]
        if tls:
            names += ["ssl", "socache_shmcb"]
        loads = "\n".join(f"LoadModule {n}_module {MODULES}/mod_{n}.so"
                          for n in dict.fromkeys(names))
        if mpm is None:
            mpm = ("StartServers 1\nServerLimit 2\nThreadsPerChild 16\n"
                   "ThreadLimit 64\nMaxRequestWorkers 16\n"
                   "MinSpareThreads 1\nMaxSpareThreads 16\n"
                   "AsyncRequestWorkerFactor 100\n")
        ssl = ""
        if tls:
            ssl = (f"SSLEngine on\nSSLCertificateFile {tls[0]}\n"
                   f"SSLCertificateKeyFile {tls[1]}\n")
        conf = f"""{loads}
LoadModule xmpp_module {MODULE}
ServerRoot {folder}
DefaultRuntimeDir {run}
PidFile {folder}/pid
ScoreBoardFile {run}/board
ServerName localhost
{user}
Listen 127.0.0.1:{port}
ErrorLog {self.error_log}
LogLevel warn xmpp:info
LogFormat "%h \\"%r\\" %>s %b" short
CustomLog {self.access_log} short
{mpm}
<Location "/server-status">
    SetHandler server-status
</Location>
<Location "/xmpp">
    SetHandler xmpp
    XMPPServer {server}
{more}
</Location>
{main}
{ssl}
"""
        path = write(folder, "apache.conf", conf)
        super().__init__(["/usr/sbin/apache2", "-D", "FOREGROUND", "-f",
                          path], port=port, log=self.error_log,
                         env={**SANITIZER, **(env or {})})

    def end(self) -> None:
        """UBSan, when there, writes to stderr and goes on."""
        super().end()
        if (SANITIZER["LD_PRELOAD"] and os.path.exists(self.error_log)
                and self.count("runtime error:")):
            raise AssertionError(self.log())

    def scheme(self) -> str:
        return "wss" if self.tls else "ws"

    def url(self) -> str:
        return f"{self.scheme()}://localhost:{self.port}/xmpp"

    def status(self) -> dict[str, str]:
        """What mod_status says."""
        _, _, body = self.get("/server-status?auto")
        lines = body.decode().splitlines()
        return dict(line.split(": ", 1) for line in lines if ": " in line)

    def graceful(self) -> None:
        self.process.send_signal(signal.SIGUSR1)

    def count(self, text: str, access: bool = False) -> int:
        """How often a log has it."""
        with open(self.access_log if access else self.error_log,
                  encoding="utf-8") as f:
            return f.read().count(text)

    def logged(self, text: str, n: int = 1, access: bool = False) -> None:
        """Waits until the error log, or the other, has it so many times."""
        def there():
            return self.count(text, access) >= n
        try:
            until(f"{text!r} is in the log", there)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None


__all__ = ["Apache", "LIMIT", "MODULE"]
