#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Requests a second of one page: Concordance beside nginx.

run.py SERVER [--rounds N] [--seconds N]
run.py --url URL --www DIR [--rounds N] [--seconds N]

SERVER is the built bench-http-server: the listener alone, with 10 kB.  With
--url a running service is asked for that page, and nginx serves the page's
snapshot from DIR, the service's folder of snapshots.  Both serve the same
bytes on loopback with one worker, take turns under wrk (1 thread, 32
connections), and each round prints one JSON line a server; the last line has
the medians.
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
import urllib.parse
import urllib.request

NGINX = """
{user}daemon off; worker_processes 1; pid {dir}/pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_requests 100000000; open_file_cache max=10;
  types {{ text/html html; }}
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2;
  fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
  scgi_temp_path {dir}/t5;
  server {{
    listen 127.0.0.1:{port}; root {root};
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


def start_nginx(folder, root):
    """Start nginx on root, its own files in folder; return (process, port)."""
    port = free_port()
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w", encoding="ascii") as f:
        f.write(NGINX.format(
            dir=folder, root=root, port=port,
            # As root its worker would be nobody, who may not read root.
            user="user root; " if os.geteuid() == 0 else ""))
    os.chmod(folder, 0o755)
    process = subprocess.Popen([NGINX_BIN, "-c", conf, "-p", folder])
    wait_for(port, process)
    return process, port


def start_ours(server, page):
    """Start SERVER on the page; return (process, port)."""
    process = subprocess.Popen([server, page], stdout=subprocess.PIPE,
                               text=True)
    return process, int(process.stdout.readline())


def wrk(url, seconds):
    """Run wrk; return (requests/s, p50 us, p99 us)."""
    text = subprocess.run(
        ["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", url],
        check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(text)
    units = {"us": 1, "ms": 1e3, "s": 1e6}

    def percentile(p):
        value, unit = re.search(rf"{p}%\s+([\d.]+)(us|ms|s)", text).groups()
        return round(float(value) * units[unit])

    return (round(float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])),
            percentile(50), percentile(99))


def same_bytes(urls):
    """The page's size; ends the program unless all servers give the same."""
    bodies = []
    for url in urls.values():
        with urllib.request.urlopen(url, timeout=10) as answer:
            bodies.append(answer.read())
    if any(body != bodies[0] for body in bodies):
        raise SystemExit("the servers do not serve the same page: "
                         + ", ".join(urls.values()))
    return len(bodies[0])


def measure(urls, rounds, seconds):
    """Take turns; print each round and the medians."""
    size = same_bytes(urls)
    rps = {name: [] for name in urls}
    for url in urls.values():
        wrk(url, 1)  # warm
    for n in range(rounds):
        for name, url in urls.items():
            rate, p50, p99 = wrk(url, seconds)
            rps[name].append(rate)
            print(json.dumps({"bench": "http", "server": name,
                              "round": n + 1, "rps": rate,
                              "p50_us": p50, "p99_us": p99}), flush=True)
    ratio = statistics.median(a / b for a, b in
                              zip(rps["concordance"], rps["nginx"]))
    print(json.dumps({
        "bench": "http", "page_bytes": size,
        "concordance_rps": statistics.median(rps["concordance"]),
        "nginx_rps": statistics.median(rps["nginx"]),
        "ratio": round(ratio, 2)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", nargs="?")
    parser.add_argument("--url")
    parser.add_argument("--www")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    args = parser.parse_args()
    if (args.server is None) == (args.url is None):
        parser.error("give SERVER, or --url and --www")
    if not NGINX_BIN or not shutil.which("wrk"):
        raise SystemExit("bench/http needs nginx-light and wrk: "
                         "apt-get install nginx-light wrk")
    folder = tempfile.mkdtemp(prefix="bench-http-")
    processes = []
    try:
        if args.server:
            page = os.path.join(folder, "page.html")
            with open(page, "w", encoding="ascii") as f:
                line = "<p>A line of the page, like others.</p>\n"
                f.write((line * 256)[:10240])
            process, port = start_ours(args.server, page)
            processes.append(process)
            url, root, file = f"http://127.0.0.1:{port}/", folder, "page.html"
        else:
            url, root = args.url, args.www
            file = urllib.parse.urlsplit(url).path.strip("/") + "/index.html"
        process, port = start_nginx(folder, root)
        processes.append(process)
        measure({"concordance": url,
                 "nginx": f"http://127.0.0.1:{port}/{file.lstrip('/')}"},
                args.rounds, args.seconds)
    finally:
        for process in processes:
            process.terminate()
            process.wait()
        shutil.rmtree(folder)


NGINX_BIN = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
sys.exit(main())
