#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Requests a second of one 10 kB page: Concordance beside nginx.

run.py SERVER [--rounds N] [--seconds N]

SERVER is the built bench-http-server.  Both serve the same bytes on loopback
with one worker, take turns under wrk (1 thread, 32 connections), and each
round prints one JSON line a server; the last line has the medians.
"""
import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile

NGINX = """
daemon off; worker_processes 1; pid {dir}/pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_requests 100000000; open_file_cache max=10;
  types {{ text/html html; }}
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2;
  fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
  scgi_temp_path {dir}/t5;
  server {{
    listen 127.0.0.1:{port}; root {dir};
    add_header Cache-Control no-cache;
    add_header X-Content-Type-Options nosniff;
  }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process):
    """Return when something listens on port; raise if process ends."""
    while True:
        if process.poll() is not None:
            raise SystemExit(f"server ended with {process.returncode}")
        with socket.socket() as s:
            s.settimeout(1)
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return


def start_nginx(folder):
    """Start nginx on folder; return (process, port)."""
    port = free_port()
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w", encoding="ascii") as f:
        f.write(NGINX.format(dir=folder, port=port))
    os.chmod(folder, 0o755)
    process = subprocess.Popen([NGINX_BIN, "-c", conf, "-p", folder])
    wait_for(port, process)
    return process, port


def start_ours(server, page):
    """Start SERVER on the page; return (process, port)."""
    process = subprocess.Popen([server, page], stdout=subprocess.PIPE,
                               text=True)
    return process, int(process.stdout.readline())


def wrk(port, seconds):
    """Run wrk; return (requests/s, p50 us, p99 us)."""
    text = subprocess.run(
        ["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency",
         f"http://127.0.0.1:{port}/page.html"],
        check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(text)
    units = {"us": 1, "ms": 1e3, "s": 1e6}

    def percentile(p):
        value, unit = re.search(rf"{p}%\s+([\d.]+)(us|ms|s)", text).groups()
        return round(float(value) * units[unit])

    return (round(float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])),
            percentile(50), percentile(99))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="bench-http-")
    page = os.path.join(folder, "page.html")
    with open(page, "w", encoding="ascii") as f:
        f.write(("<p>A line of the page, like others.</p>\n" * 256)[:10240])
    started = {}
    rps = {"concordance": [], "nginx": []}
    try:
        started["concordance"] = start_ours(args.server, page)
        if NGINX_BIN and shutil.which("wrk"):
            started["nginx"] = start_nginx(folder)
        else:
            raise SystemExit("bench/http needs nginx-light and wrk: "
                             "apt-get install nginx-light wrk")
        for _, port in started.values():
            wrk(port, 1)  # warm
        for n in range(args.rounds):
            for name, (_, port) in started.items():
                rate, p50, p99 = wrk(port, args.seconds)
                rps[name].append(rate)
                print(json.dumps({"bench": "http", "server": name,
                                  "round": n + 1, "rps": rate,
                                  "p50_us": p50, "p99_us": p99}), flush=True)
        ours, nginx = (statistics.median(rps[k])
                       for k in ("concordance", "nginx"))
        print(json.dumps({"bench": "http", "page_bytes": 10240,
                          "concordance_rps": ours, "nginx_rps": nginx,
                          "ratio": round(ours / nginx, 2)}))
    finally:
        for process, _ in started.values():
            process.terminate()
            process.wait()
        shutil.rmtree(folder)


NGINX_BIN = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
sys.exit(main())
