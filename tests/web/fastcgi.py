# SPDX-License-Identifier: MIT
"""concordance-fcgi, and the web servers that speak FastCGI to it."""
from __future__ import annotations

import os
import shutil
import tempfile

from program import Program, free_port, write
from service import BUILD

FCGI = os.path.join(BUILD, "src/fcgi/concordance-fcgi")
USER = "www-data"

NGINX = """
{user}
pid {dir}/pid;
error_log stderr warn;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    upstream pages {{ {sockets} }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 20m;
        location / {{
            include /etc/nginx/fastcgi_params;
            fastcgi_pass pages;
            fastcgi_request_buffering off;
        }}
    }}
}}
"""
LIGHTTPD = """
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{dir}"
server.upload-dirs = ( "{dir}" )
{user}
server.modules += ( "mod_fastcgi" )
fastcgi.server = ( "/" => ( {sockets} ) )
server.stream-request-body = 2
server.stream-response-body = 2
"""
APACHE = """
ServerRoot {dir}
ServerName localhost
PidFile {dir}/pid
DefaultRuntimeDir {dir}
Mutex file:{dir}
Listen 127.0.0.1:{port}
ErrorLog /dev/stderr
{user}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_fcgi_module /usr/lib/apache2/modules/mod_proxy_fcgi.so
ProxyPass "/" "unix:{first}|fcgi://localhost/"
"""


class Fcgi(Program):
    """One process of it; `with Fcgi(folder, service) as f:`."""

    def __init__(self, folder: str, service, *options: str, name="fcgi"):
        path = os.path.join(folder, name)
        group = ["--group", USER] if os.getuid() == 0 else []
        super().__init__([FCGI, "--listen", f"unix:{path}", "--link",
                          service.link, *group, *options], path=path)


class Front(Program):
    """A web server before processes of concordance-fcgi, one after another;
    `with Front("nginx", [fcgi, ...]) as web:`."""

    def __init__(self, kind: str, fcgis: list[Fcgi]):
        self.dir = tempfile.mkdtemp()
        os.chmod(self.dir, 0o755)
        port, root = free_port(), os.getuid() == 0
        paths = [f.path for f in fcgis]
        args, conf, user, sockets = {
            "nginx": (["nginx", "-e", "stderr", "-g", "daemon off;", "-p",
                       self.dir, "-c"], NGINX, f"user {USER};",
                      " ".join(f"server unix:{p};" for p in paths)),
            "lighttpd": (["lighttpd", "-D", "-f"], LIGHTTPD,
                         f'server.username = "{USER}"\n'
                         f'server.groupname = "{USER}"',
                         ", ".join(f'( "socket" => "{p}", "check-local" => '
                                   '"disable" )' for p in paths)),
            "apache": (["apache2", "-D", "FOREGROUND", "-f"], APACHE,
                       f"User {USER}\nGroup {USER}", ""),
        }[kind]
        if kind == "lighttpd" and root:
            shutil.chown(self.dir, USER)
        file = write(self.dir, "conf", conf.format(
            dir=self.dir, port=port, user=user if root else "",
            sockets=sockets, first=paths[0]))
        super().__init__([*args, file], port)

    def end(self) -> None:
        super().end()
        shutil.rmtree(self.dir, ignore_errors=True)
