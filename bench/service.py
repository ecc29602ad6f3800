# SPDX-License-Identifier: MIT
"""The programs that are measured: started, asked for their port, ended."""
from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("B", os.path.join(TOP, "build-bench")))


def built(*names: str) -> str:
    """A file of the build tree."""
    path = os.path.join(BUILD, *names)
    if not os.path.exists(path):
        raise SystemExit(f"{path} is not built; say `make bench`.")
    return path


def more_files() -> None:
    """Thousands of subscribers need as many descriptors as we may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Service:
    """concordanced with the bench's app; `with Service("memory") as s:`.

    pid, url, port and link say where it is, www where its snapshots are.
    """

    def __init__(self, store: str, *options: str,
                 apps: list[str] | None = None, files: str | None = None):
        # Not /tmp, which may be memory: a sync to disk is to cost what it
        # costs.
        self.dir = tempfile.mkdtemp(prefix="bench-", dir="/var/tmp")
        self.link = os.path.join(self.dir, "link")
        self.www = os.path.join(self.dir, "www")
        env = dict(
            os.environ,
            CONCORDANCE_RENDER=built("src/render/concordance-render"),
            CONCORDANCE_PLUGINS=built("plugins/store-sqlite"),
            CONCORDANCE_RUNTIME=built("web/runtime"))
        self.log = open(os.path.join(self.dir, "log"), "w+",
                        encoding="utf-8")
        self.process = subprocess.Popen(
            [built("src/service/concordanced"), "--http", "127.0.0.1:0",
             "--data", self.dir, "--store", store, "--log-level", "warn",
             "--max-queue", str(16 << 20), *options,
             *(["--files", files or os.path.join(TOP, "bench/fanout")]
               if apps is None or files else []),
             *(apps or [built("bench/fanout/benchapp.so")])],
            env=env, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.pid = self.process.pid
        line = self.process.stdout.readline()
        if not line.startswith("Ready. Open "):
            raise SystemExit("the service did not start:\n" + self.said())
        self.url = line.split()[-1]
        self.port = int(re.search(r":(\d+)/", self.url)[1])

    def said(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        text = self.said()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        if text:
            print(text, end="")


class Broadcaster:
    """bcast, see bench/fanout/bcast.c."""

    def __init__(self):
        self.process = subprocess.Popen([built("bench/fanout/bcast")],
                                        stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self.port, self.trigger = self.process.stdout.readline().split()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
