#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The admin's list of 10,000 records over HTTP: ours and Django's in turns.

run.py [--rounds N] [--requests N] [--alone]

Both show 50 rows of eight fields to somebody who is logged in, on one
connection: as they stand, with a search that 100 rows match, and by a field
without an index.  A line of JSON a round and list: p50 and p95 in ms of the
whole answer, ms of CPU a request (all processes of the server), rows found.
"""
from __future__ import annotations

import argparse
import http.client
import http.cookies
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import service  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Seconds of a process and its children, and theirs."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            children = f.read().split()
    except FileNotFoundError:
        return 0
    return (int(fields[11]) + int(fields[12])) / TICK + sum(
        cpu(int(child)) for child in children)


class Site:
    """pid, port; cookies of somebody who is logged in."""

    def __init__(self):
        self.jar = http.cookies.SimpleCookie()
        self.line = http.client.HTTPConnection("127.0.0.1", self.port,
                                               timeout=60)

    def ask(self, path: str, **fields) -> tuple[int, bytes]:
        body = urllib.parse.urlencode(fields) if fields else None
        headers = {"Cookie": "; ".join(f"{m.key}={m.value}"
                                       for m in self.jar.values()),
                   "Origin": f"http://127.0.0.1:{self.port}",
                   "Referer": f"http://127.0.0.1:{self.port}/"}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.line.request("POST" if body else "GET", path, body, headers)
        answer = self.line.getresponse()
        text = answer.read()
        for one in answer.headers.get_all("Set-Cookie") or []:
            self.jar.load(one)
        return answer.status, text

    def __enter__(self):
        return self


class Ours(Site):
    name = "concordance"
    lists = {"plain": "/admin/records?node=books",
             "search": "/admin/records?node=books&q=signed",
             "filter": "/admin/records?node=books&filter=shelf%3DS42"}
    row = b'name="ids"'

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="bench-", dir="/var/tmp")
        link = os.path.join(self.dir, "link")
        self.process = subprocess.Popen(
            [service.built("src/service/concordanced"), "--http",
             "127.0.0.1:0", "--data", self.dir, "--store", "memory",
             "--log-level", "warn", "admin",
             service.built("bench/admin/desk.so")],
            env=dict(os.environ,
                     CONCORDANCE_APPS=service.built("apps"),
                     CONCORDANCE_RENDER=service.built(
                         "src/render/concordance-render"),
                     CONCORDANCE_PLUGINS=service.built(
                         "plugins/store-sqlite"),
                     CONCORDANCE_RUNTIME=service.built("web/runtime")),
            stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        ready = self.process.stdout.readline()
        if not ready.startswith("Ready"):
            raise SystemExit("the service did not start")
        self.port = int(ready.rstrip("/\n").rpartition(":")[2])
        super().__init__()
        for words, said in ((["adduser", "ann"], "four words\n"),
                            (["do", "roles/set", "jid=ann@localhost",
                              "role=admin", "has=true"], "")):
            subprocess.run([service.built("src/ctl/concordctl"), "--link",
                            link, *words], input=said, text=True, check=True,
                           capture_output=True, timeout=30)
        status, _ = self.ask("/_do/login", user="ann", password="four words")
        if status != 303:
            raise SystemExit(f"no log-in: {status}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Django(Site):
    name = "django"
    lists = {"plain": "/admin/rival/book/",
             "search": "/admin/rival/book/?q=signed",
             "filter": "/admin/rival/book/?shelf=S42"}
    row = b'name="_selected_action"'

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="bench-", dir="/var/tmp")
        env = dict(os.environ, PYTHONPATH=HERE, PYTHONDONTWRITEBYTECODE="1",
                   DESK=os.path.join(self.dir, "desk.sqlite"))
        subprocess.run(["/usr/bin/python3", "-c",
                        "from rival import site; site.fill()"], env=env,
                       check=True, timeout=120)
        self.log = open(os.path.join(self.dir, "log"), "w+",
                        encoding="utf-8")
        self.process = subprocess.Popen(
            ["gunicorn", "-w", "1", "-b", "127.0.0.1:0", "-k", "gthread",
             "--threads", "1", "--keep-alive", "60", "rival.site:application()"],
            env=env, stderr=self.log, stdout=self.log)
        self.pid = self.process.pid
        self.port = self.find_port()
        super().__init__()
        self.ask("/admin/login/")
        status, _ = self.ask(
            "/admin/login/", username="ann", password="four words",
            csrfmiddlewaretoken=self.jar["csrftoken"].value, next="/admin/")
        if status != 302:
            raise SystemExit(f"no log-in to Django: {status}")

    def find_port(self) -> int:
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            self.log.seek(0)
            for line in self.log:
                if "Listening at: http://127.0.0.1:" in line:
                    return int(line.rpartition(":")[2].split()[0].strip(")"))
            time.sleep(0.05)
        self.log.seek(0)
        raise SystemExit("Django did not start:\n" + self.log.read())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def measure(site: Site, what: str, n: int) -> dict:
    path, times = site.lists[what], []
    status, page = site.ask(path)  # warm
    if status != 200 or site.row not in page:
        raise SystemExit(f"{site.name} {path}: {status}\n{page[:2000]!r}")
    before = cpu(site.pid)
    for _ in range(n):
        start = time.perf_counter()
        status, page = site.ask(path)
        times.append((time.perf_counter() - start) * 1000)
        if status != 200:
            raise SystemExit(f"{site.name} {path}: {status}")
    used = cpu(site.pid) - before
    times.sort()
    return {"server": site.name, "list": what, "rows": page.count(site.row),
            "bytes": len(page), "p50_ms": round(times[n // 2], 2),
            "p95_ms": round(times[n * 95 // 100], 2),
            "cpu_ms": round(used * 1000 / n, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description="The admin's list of 10,000 records: ours and Django's.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--alone", action="store_true",
                        help="without Django")
    args = parser.parse_args()
    kinds = [Ours] if args.alone else [Ours, Django]
    open_sites: list[Site] = []
    try:
        for kind in kinds:
            open_sites.append(kind())
        for _ in range(args.rounds):
            for what in Ours.lists:
                for site in open_sites:
                    print(json.dumps(measure(site, what, args.requests)),
                          flush=True)
    finally:
        for site in open_sites:
            site.__exit__(None, None, None)


main()
