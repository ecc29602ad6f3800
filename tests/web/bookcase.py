# SPDX-License-Identifier: MIT
"""The example's one file, as a service and in a web server's process."""
from __future__ import annotations

import os
import shutil
import tempfile
import urllib.parse

from program import TOP, Program, free_port, write
from service import BUILD, Service

EXAMPLE = os.path.join(TOP, "examples/bookcase-python")
PYTHON = os.path.join(BUILD, "python")


class Bookcase:
    """The service of a copy of the example, whose data is beside the file, as
    wsgi() looks for it; `with Bookcase() as b:`.  In options {data} is that
    folder; live: more lines of the file."""

    def __init__(self, *options: str, live: str = ""):
        self.dir = tempfile.mkdtemp(prefix="bookcase-")
        os.chmod(self.dir, 0o755)
        self.folder = os.path.join(self.dir, "books")
        shutil.copytree(EXAMPLE, self.folder)
        if live:
            with open(os.path.join(self.folder, "mybookcase.py"), "a",
                      encoding="utf-8") as f:
                f.write(live)
        data = os.path.join(self.folder, "data")
        self.service = Service(
            "mybookcase:MyBookcase", *(o.format(data=data) for o in options),
            files=self.folder, data=data,
            env={"APPPATH": self.folder, "PYTHONPATH": self.path()})

    def path(self) -> str:
        return os.pathsep.join((self.folder, PYTHON,
                                *filter(None, os.environ.get(
                                    "PYTHONPATH", "").split(os.pathsep))))

    def env(self, **more) -> dict:
        return {"PYTHONPATH": self.path(), "PYTHONUNBUFFERED": "1", **more}

    def write(self, name: str, text: str) -> str:
        return write(self.folder, name, text)

    def gunicorn(self, *words: str, module: str = "mybookcase:application",
                 env=None) -> Program:
        port = free_port()
        return Program(["gunicorn", "--bind", f"127.0.0.1:{port}",
                        "--worker-tmp-dir", "/dev/shm", *words, module],
                       port, cwd=self.folder, env=self.env(**(env or {})))

    def uwsgi(self, *words: str) -> Program:
        port = free_port()
        return Program(["uwsgi", "--plugin", "python3", "--http-socket",
                        f"127.0.0.1:{port}", "--master", "--die-on-term",
                        "--wsgi-file", "mybookcase.py", *words], port,
                       cwd=self.folder, env=self.env())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        try:
            self.service.__exit__(*exc)
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)


def add(server: Program, title: str, **headers):
    """Post the form as a browser without JavaScript does, and see the page
    that it is sent to; (status of the post, page)."""
    status, head, _ = server.post(title=title, author="Somebody",
                                  headers=headers)
    if status != 303:
        return status, ""
    cookies = head.get("set-cookie", "").split(";")[0]
    where = urllib.parse.urlsplit(head["location"])
    page = server.get(where.path or "/", **headers,
                      **({"Cookie": cookies} if cookies else {}))
    return status, page[2].decode()
