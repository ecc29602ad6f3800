# SPDX-License-Identifier: MIT
"""nginx with TLS in front of a service's Unix socket:
its workers are of another user, who may use the socket by its group."""
from __future__ import annotations

import http.client
import os
import shutil
import ssl
import subprocess
import tempfile

from program import LIMIT, Program, free_port, write

USER = "www-data"

CONF = """
{user}
pid {dir}/pid;
error_log stderr warn;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    map $http_upgrade $upgrade_or_not {{ default upgrade; "" ""; }}
    upstream concordance {{ server unix:{dir}/http; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {dir}/cert.pem;
        ssl_certificate_key {dir}/key.pem;
        client_max_body_size 12m;
        location / {{
            proxy_pass http://concordance;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $upgrade_or_not;
            proxy_request_buffering off;
            proxy_read_timeout 1h;
        }}
    }}
}}
"""


def certify(folder: str) -> None:
    """A certificate for localhost, its own authority."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", os.path.join(folder, "key.pem"), "-out",
         os.path.join(folder, "cert.pem")], check=True, capture_output=True)


class Nginx(Program):
    """`with Nginx() as n, Service(..., *n.options) as s:`."""

    def __init__(self):
        self.dir = tempfile.mkdtemp()
        os.chmod(self.dir, 0o755)
        certify(self.dir)
        self.options = ["--http", f"unix:{self.dir}/http"]
        port, user = free_port(), ""
        if os.getuid() == 0:
            user = f"user {USER};"
            self.options += ["--socket-group", USER]
        conf = write(self.dir, "nginx.conf", CONF.format(
            dir=self.dir, port=port, user=user))
        self.tls = ssl.create_default_context(
            cafile=os.path.join(self.dir, "cert.pem"))
        self.url = f"https://localhost:{port}"
        super().__init__(["nginx", "-e", "stderr", "-p", self.dir, "-c", conf,
                          "-g", "daemon off;"], port)

    def end(self) -> None:
        super().end()
        shutil.rmtree(self.dir, ignore_errors=True)

    def ask(self, method: str, path: str, body=None, headers=None):
        c = http.client.HTTPSConnection("localhost", self.port, timeout=LIMIT,
                                        context=self.tls)
        try:
            c.request(method, path, body, headers or {})
            answer = c.getresponse()
            self.cookies = answer.headers.get_all("Set-Cookie") or []
            return (answer.status,
                    {k.lower(): v for k, v in answer.getheaders()},
                    answer.read())
        finally:
            c.close()
