#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The bookcase's page of 50 records by WSGI: ours, Flask's with Jinja2 and
Django's in turns, under gunicorn; and an application that does nothing.

run.py [--rounds N] [--seconds N] [--workers N]

The same class and number of workers for each, wrk with one thread and four
connections.  A line of JSON a round, class of workers and server: requests/s,
p50 and p99 in us, bytes of the page, CPU of gunicorn a request in us.
"""
from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import rivals  # noqa: E402
import service  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
CLASSES = {"sync": [], "gthread": ["--threads", "4", "--keep-alive", "60"]}
SERVERS = ("concordance", "flask", "django", "nothing")


def fill(link: str) -> None:
    for book in rivals.books():
        title = book["title"].replace("&", "&amp;")
        xml = ("<book xmlns='http://concordance-xmpp.org/apps/mybookcase'>"
               f"<title>{title}</title><author>{book['author']}</author>"
               f"<isbn>{book['isbn']}</isbn></book>")
        subprocess.run([service.built("src/ctl/concordctl"), "--link", link,
                        "publish", "library", xml, book["id"]], check=True,
                       capture_output=True, timeout=30)


@contextlib.contextmanager
def gunicorn(kind: str, server: str, workers: int, link: str):
    """Its address and its process."""
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(
        [service.built("python"), HERE]), CONCORDANCE_LINK=link,
        PYTHONDONTWRITEBYTECODE="1")
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["gunicorn", "-b", "127.0.0.1:0", "-k", kind, "-w", str(workers),
             *CLASSES[kind], f"rivals:{server}()"], env=env, stdout=log,
            stderr=log)
        try:
            yield find(process, log), process.pid
        finally:
            process.terminate()
            process.wait()


def cpu(pid: int) -> float:
    """Seconds of a process and its children."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        children = f.read().split()
    return (int(fields[11]) + int(fields[12])) / TICK + sum(
        cpu(int(child)) for child in children)


def find(process, log) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        log.seek(0)
        found = re.search(r"Listening at: (http://127\.0\.0\.1:\d+)",
                          log.read())
        if found:
            return found[1] + "/"
        time.sleep(0.05)
    log.seek(0)
    raise SystemExit("gunicorn did not start:\n" + log.read())


def look(url: str) -> int:
    """Bytes of the page, which has all the books."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        page = answer.read()
    for book in rivals.books():
        title = book["title"].replace("&", "&amp;")
        if f"<h3>{title}</h3>".encode() not in page:
            raise SystemExit(f"{url} has no {title}:\n{page[:2000]!r}")
    return len(page)


def wrk(url: str, pid: int, seconds: int) -> dict:
    before = cpu(pid)
    done = subprocess.run(
        ["wrk", "-t1", "-c4", f"-d{seconds}s", "--latency", url], check=True,
        capture_output=True, text=True, timeout=seconds + 60)
    if "Non-2xx" in done.stdout:
        raise SystemExit(f"{url}:\n{done.stdout}")
    units = {"us": 1, "ms": 1000, "s": 1_000_000}

    def latency(percent: str) -> float:
        value, unit = re.search(percent + r"%\s+([\d.]+)(us|ms|s)\b",
                                done.stdout).groups()
        return float(value) * units[unit]
    n = int(re.search(r"(\d+) requests in", done.stdout)[1])
    rps = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1]
    return {"cpu_us": round((cpu(pid) - before) * 1e6 / n, 1),
            "rps": float(rps), "p50_us": latency("50"),
            "p99_us": latency("99")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    with service.Service(
            "memory", apps=[service.built("examples/bookcase-c/bookcase.so")],
            files=os.path.join(service.TOP, "examples/bookcase-c")) as ours:
        fill(ours.link)
        for kind in CLASSES:
            with contextlib.ExitStack() as stack:
                urls = {server: stack.enter_context(
                    gunicorn(kind, server, args.workers, ours.link))
                    for server in SERVERS}
                sizes = {server: look(url)
                         for server, (url, _) in urls.items()}
                for url, pid in urls.values():
                    wrk(url, pid, 1)  # warm
                for _ in range(args.rounds):
                    for server, (url, pid) in urls.items():
                        print(json.dumps({
                            "workers": kind, "server": server,
                            **wrk(url, pid, args.seconds),
                            "bytes": sizes[server]}), flush=True)


if __name__ == "__main__":
    main()
