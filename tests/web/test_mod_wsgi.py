# SPDX-License-Identifier: MIT
"""The bookcase under Apache's mod_wsgi: as daemons, and in the server's own
processes, in interpreters beside one another."""
import os
import re
import signal
import threading

import pytest
from bookcase import PYTHON, Bookcase, add
from program import Program, free_port, until, write

MODULES = "/usr/lib/apache2/modules"
pytestmark = pytest.mark.skipif(
    not os.path.exists(f"{MODULES}/mod_wsgi.so"),
    reason="needs apache2 and mod_wsgi")
IS_ROOT = os.getuid() == 0

CONF = """
ServerRoot {dir}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {dir}/pid
ErrorLog {dir}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
{user}
StartServers 2
ServerLimit 2
ThreadsPerChild 8
MaxRequestWorkers 16
WSGISocketPrefix {dir}/wsgi
WSGIChunkedRequest On
WSGIPythonPath {python}
<Directory {folder}>
    Require all granted
</Directory>
{how}
"""

HOW = {
    "daemon": """
WSGIDaemonProcess books processes=2 threads=4 python-path={python}
WSGIScriptAlias / {file} process-group=books application-group=%{{GLOBAL}}
""",
    "own-interpreter": """
WSGIDaemonProcess books threads=4 python-path={python}
WSGIScriptAlias / {file} process-group=books
""",
    "embedded": """
WSGIScriptAlias / {file}
""",
}


def apache(bookcase, how: str) -> Program:
    port, folder = free_port(), bookcase.folder
    own = os.path.join(bookcase.dir, f"apache-{port}")
    os.makedirs(own, exist_ok=True)
    conf = write(own, "httpd.conf", CONF.format(
        dir=own, port=port, modules=MODULES, folder=folder, python=PYTHON,
        user="User www-data\nGroup www-data" if IS_ROOT else "",
        how=HOW[how].format(file=os.path.join(folder, "mybookcase.py"),
                            python=PYTHON)))
    # mod_wsgi 4.9 with Python 3.11 takes ten seconds to end what is embedded,
    # whatever application it is.
    stop = signal.SIGKILL if how == "embedded" else signal.SIGTERM
    return Program(["apache2", "-f", conf, "-DFOREGROUND"], port,
                   log=os.path.join(own, "error.log"), stop=stop)


@pytest.fixture(scope="module")
def bookcase():
    options = ["--link-user", "www-data", "--socket-group",
               "www-data"] if IS_ROOT else []
    with Bookcase(*options) as running:
        yield running


@pytest.fixture(params=HOW, scope="module")
def server(request, bookcase):
    with apache(bookcase, request.param) as running:
        yield running
        log = running.log()
        assert "Traceback" not in log and "Segmentation" not in log, log


def test_a_form_without_javascript_is_on_the_page_it_leads_to(server):
    title = f"Emma {server.port}"
    status, page = add(server, title)
    assert status == 303 and title in page


def test_pages_heads_assets_and_what_is_unchanged(server):
    status, headers, page = server.get()
    assert status == 200
    assert server.get(**{"If-None-Match": headers["etag"]})[::2] == (304, b"")
    assert server.ask("HEAD", "/")[::2] == (200, b"")
    for path in re.findall(r'(?:href|src)="(/(?:assets|_c)/[^"]+)"',
                           page.decode()):
        assert server.get(path)[0] == 200, path


def test_threads_and_processes_read_what_they_wrote(server):
    faults = []

    def work(who):
        try:
            for i in range(4):
                title = f"Own {server.port} {who} {i}"
                status, page = add(server, title)
                assert status == 303 and title in page, (status, title)
        except Exception as error:
            faults.append(error)
    threads = [threading.Thread(target=work, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_a_chunked_form(server):
    body = iter([b"title=In+parts", b"&author=A"])
    status = server.ask("POST", "/?form=library", body, {
        "Content-Type": "application/x-www-form-urlencoded"})[0]
    assert status == 303


def large(server) -> int:
    """The status of a form that is too large."""
    try:
        return server.ask("POST", "/?form=library",
                          b"title=" + b"x" * 3_000_000, {
            "Content-Type": "application/x-www-form-urlencoded"})[0]
    except (BrokenPipeError, ConnectionResetError):
        return 413  # and closed, before all was sent


def test_a_large_body_is_judged(server):
    assert large(server) in (413, 422)


@pytest.mark.parametrize("how", ["daemon", "embedded"])
def test_the_service_goes_and_comes_back(bookcase, how):
    with apache(bookcase, how) as server:
        assert add(server, "Before")[0] == 303
        for _ in range(6):
            server.get()
        bookcase.service.kill()
        try:
            status, _, page = server.get()
            assert status == 200 and b"Before" in page
            status, _, page = server.post(title="Typed in vain",
                                          author="Somebody")
            assert status == 503 and b"Typed in vain" in page
            assert large(server) in (413, 503)
        finally:
            bookcase.service.start()
        until("forms go through again",
              lambda: add(server, "After")[0] == 303)
        assert b"After" in server.get()[2]
