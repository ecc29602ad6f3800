# SPDX-License-Identifier: MIT
"""Handlers of pages, in one file that is the service and the web process."""
import http.client
import os
import re
import shutil
import signal
import tempfile
import threading

import pytest

from program import LIMIT, Program, free_port, until, write
from service import Service, needs_python

pytestmark = needs_python

APP = '''
import os
from concordance import *
from concordance import login

class Book(Record):
    title = Text("Title", required=True)
    year  = Integer("Year", index=True)

class Search(Record):
    q    = Text("Words", required=True, max_len=20)
    year = Integer("Not before")

class Name(Record):
    name = Text("Name", required=True)

class Shelf(App):
    xmlns   = "urn:x-shelf"
    roles   = ["staff"]
    library = Node(Book, form="Add")
    index   = Page("/", library)

    class Settings(Record):
        greeting = Text("Greeting", value="Hello & <all>")

    @page("/search", title="Look for books", form=Search)
    def search(self, user, form):
        """Books with these words in them."""
        if form.q == "refuse":
            raise Refuse(q="Not these words.")
        found = self.library.query("year>={year}", "-year", search=form.q,
                                   year=form.year or 0)
        return Answer(f"{found.total} books.", table=[b for _, b in found],
                      columns=[("title", "Title"), ("year", "Year")])

    @page("/who/{word}")
    def who(self, user, form):
        log(f"asked for {form.word}")
        return {"word": form.word, "user": user, "guest": user.guest,
                "lang": user.lang, "staff": user.has("staff"),
                "greeting": self.settings.greeting, "url": url("/who"),
                "one": self.library.get("b1").title,
                "none": self.library.get("b0"),
                "found": self.library.find(title="Emma").year,
                "all": len(list(self.library.items())),
                "lines": "one\\n & two"}

    @page("/many")
    def many(self, user, form):
        return [{"n": i, "text": f"<{i}> " * 100} for i in range(2000)]

    @page("/mine", who="users")
    def mine(self, user, form):
        return f"{user} {user.guest} {user.has('staff')} {user.has('admin')}"

    @command("enter", who="anybody", form=Name)
    def enter(self, user, form):
        login.begin(f"{form.name}@localhost")
        return "You are in."

    @page("/pid")
    def pid(self, user, form):
        return str(os.getpid())

    @page("/do/{what}")
    def do(self, user, form):
        if form.what == "raise":
            raise KeyError("a secret of ours")
        if form.what == "publish":
            self.library.publish(Book(title="No"))
        if form.what == "loop":
            while True:
                pass
        if form.what == "die" and os.environ.get("WEB"):
            os.kill(os.getpid(), 9)

    six = Page("/six", command=["search", "pid", "who", "who", "search",
                                "who"])

application = Shelf.wsgi()
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "shelf.py").write_text(APP)
    return folder


@pytest.fixture(scope="module")
def service(folder):
    others = ("--link-user", "www-data") if os.geteuid() == 0 else ()
    with Service("shelf:Shelf", "--app-time", "2", *others, store="memory",
                 files=str(folder), env={"APPPATH": str(folder)}) as s:
        for id, title, year in (("b1", "Emma", 1815), ("b2", "Ulysses", 1922),
                                ("b3", "&lt;Emma&gt; &amp; Co", 2001)):
            s.ctl("publish", "library",
                  f'<book xmlns="urn:x-shelf"><title>{title}</title>'
                  f"<year>{year}</year></book>", id)
        yield s


@pytest.fixture(scope="module")
def web(folder, service):
    port = free_port()
    with Program(["/usr/bin/python3", "-m", "gunicorn", "-w", "2",
                  "--threads", "2", "-b", f"127.0.0.1:{port}", "shelf"],
                 port, cwd=str(folder),
                 env={"CONCORDANCE_LINK": service.link, "WEB": "1"}) as p:
        yield p


def same(service, web, path, **headers):
    """Both answers of an address are the same, byte for byte."""
    here, there = service.get(path, **headers), web.get(path, **headers)
    assert there[0] == here[0], web.log() + "".join(service.log[-8:])
    assert there[2].decode() == here[2]
    assert there[1]["content-type"] == here[1]["Content-Type"]
    assert there[1].get("cache-control") == here[1].get("Cache-Control")
    return there[2].decode()


def test_the_handler_runs_in_the_web_process(service, web):
    html = web.get("/pid")[2].decode()
    pid = int(re.search(r">(\d+)<", html)[1])
    assert pid != service.process.pid
    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
        assert "gunicorn" in f.read()
    html = service.page("/pid")
    assert int(re.search(r">(\d+)<", html)[1]) == service.process.pid


@pytest.mark.parametrize("path", [
    "/search", "/search?q=emma", "/search?q=emma&year=1900", "/search?q=none",
    "/search?q=refuse", "/search?q=" + 21 * "x", "/search?q=a&year=soon",
    "/who/a%20%3Cb%3E", "/who/x?lang=de", "/many",
    "/search?q=%3Cscript%3E%26%22%27", "/do/nothing", "/_do/search?q=emma"])
def test_the_same_file_answers_the_same(service, web, path):
    html = same(service, web, path)
    if path == "/search?q=emma":
        assert "2 books." in html and "&lt;Emma&gt; &amp; Co" in html
    if path.startswith("/who/a"):
        said = dict(re.findall(r"<dt[^>]*>([^<]*)</dt>\s*<dd[^>]*>([^<]*)",
                               html))
        assert said["word"] == "a &lt;b&gt;" and said["found"] == "1815"
        assert said["greeting"] == "Hello &amp; &lt;all&gt;"
        assert said["all"] == "3" and said["guest"] == "true"
    if path == "/many":
        assert "&lt;1999&gt; " in html


def test_a_form_that_is_posted_is_answered_the_same(service, web):
    for q in ("emma", "refuse", ""):
        here = service.post("/search?do=search", q=q)
        there = web.post("/search?do=search", q=q)
        assert (there[0], there[2].decode()) == (here[0], here[2]), web.log()


def test_the_handler_knows_who_is_logged_in(service, web):
    assert web.get("/mine")[0] == service.get("/mine")[0] == 403
    service.ctl("adduser", "anna", stdin="her secret word\n")
    c = http.client.HTTPConnection("127.0.0.1", web.port, timeout=LIMIT)
    c.request("POST", "/_do/enter", "name=anna", {
        "Content-Type": "application/x-www-form-urlencoded"})
    cookie = "; ".join(h.split(";")[0] for h in
                       c.getresponse().headers.get_all("Set-Cookie"))
    c.close()
    html = same(service, web, "/mine", Cookie=cookie)
    assert "anna@localhost False False False" in html
    service.ctl("do", "roles/set", "jid=anna@localhost", "role=staff",
                "has=true")
    html = same(service, web, "/mine", Cookie=cookie)
    assert "anna@localhost False True False" in html


def test_many_at_once_get_their_own_answers(service, web):
    wrong = []

    def ask(i):
        for k in range(10):
            html = web.get(f"/who/{i}-{k}")[2].decode()
            if f">{i}-{k}<" not in html:
                wrong.append((i, k, html))
    threads = [threading.Thread(target=ask, args=[i]) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(LIMIT)
    assert not wrong


def test_a_head_is_the_page_without_its_body(web):
    status, headers, body = web.ask("HEAD", "/search?q=emma")
    assert status == 200 and body == b""
    assert headers["content-type"].startswith("text/html")


def test_a_page_of_several_runs_each_there(service, web):
    html = web.get("/six?q=emma&word=x")[2].decode()
    assert html.count("2 books.") == 2
    assert html.count("Hello &amp; &lt;all&gt;") == 3
    pid = int(re.search(r">(\d{2,})<", html)[1])
    assert pid != service.process.pid


def test_what_it_logs_is_in_the_services_log(service, web):
    web.get("/who/by-the-web")
    until("the line", lambda: any("asked for by-the-web" in line
                                  for line in service.log))


def test_a_fault_is_told_plainly_and_logged_with_its_place(service, web):
    status, _, body = web.get("/do/raise")
    assert status == 500 and b"secret" not in body
    until("the service's line", lambda: any(
        re.search(r"app\.handler.*KeyError: 'a secret of ours' "
                  r"\(shelf\.py:\d+\)", line) for line in service.log))
    until("the traceback", lambda: "in do" in web.log())
    assert web.get("/pid")[0] == 200


def test_a_page_only_reads(service, web):
    assert web.get("/do/publish")[0] == 500
    until("the service's line", lambda: any(
        "there is no publish() here" in line for line in service.log))
    assert "<title>No" not in service.ctl("items", "library").stdout


def test_a_handler_that_loops_is_ended(service, web):
    status, _, body = web.get("/do/loop")
    assert status == 504 and b"too long" in body
    until("the service's line", lambda: any(
        "did not return within 2 seconds (shelf.py:" in line
        for line in service.log))
    assert web.get("/pid")[0] == 200
    assert service.get("/healthz")[0] == 200


def test_a_worker_that_dies_takes_no_service_with_it(service, web):
    with pytest.raises(OSError):  # the server has no answer of its own
        web.get("/do/die")
    until("the service's line", lambda: any(
        "app.errand" in line and "command=do" in line
        for line in service.log))
    until("another worker", lambda: web.get("/pid")[0] == 200)
    assert service.get("/healthz")[0] == 200


MODULES = "/usr/lib/apache2/modules"
APACHE = """
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
ServerRoot {dir}
PidFile {dir}/pid
ServerName localhost
User www-data
Group www-data
Listen 127.0.0.1:{port}
ErrorLog {dir}/error.log
WSGIScriptAlias / {dir}/shelf.wsgi
<Directory {dir}>
    Require all granted
</Directory>
"""


@pytest.fixture
def apache(folder, service):
    """mod_wsgi inside Apache's own processes, of another user."""
    with tempfile.TemporaryDirectory() as d:
        shutil.copy(folder / "shelf.py", d)
        for path, mode in ((d, 0o777), (service.data, 0o711),
                           (service.link, 0o666)):
            os.chmod(path, mode)
        lines = ["import os, sys",
                 f"sys.path[:0] = {[d, *os.environ['PYTHONPATH'].split(':')]}",
                 f"os.environ['CONCORDANCE_LINK'] = {service.link!r}",
                 "from shelf import application"]
        write(d, "shelf.wsgi", "\n".join(lines))
        port = free_port()
        conf = write(d, "conf", APACHE.format(dir=d, port=port,
                                              modules=MODULES))
        # Debian's mod_wsgi leaves any application waiting at the end, until
        # Apache kills it.
        with Program(["/usr/sbin/apache2", "-f", conf, "-DFOREGROUND"], port,
                     log=os.path.join(d, "error.log"),
                     stop=signal.SIGKILL) as p:
            yield p


@pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists(f"{MODULES}/mod_wsgi.so"),
    reason="needs mod_wsgi and another user's id")
def test_a_sub_interpreter_runs_handlers_too(service, apache):
    pid = re.search(r">(\d+)<", apache.get("/pid")[2].decode())[1]
    with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
        assert "apache2" in f.read()
    same(service, apache, "/search?q=emma")
    assert apache.get("/do/raise")[0] == 500
    assert apache.get("/do/loop")[0] == 504
    assert os.path.exists(f"/proc/{pid}")  # it outlived all that
    assert apache.get("/pid")[0] == 200
