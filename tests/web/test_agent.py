# SPDX-License-Identifier: MIT
"""concordctl agent: a tree of files that nginx and Apache serve while nothing
of ours runs."""
import gzip
import os
import re
import signal
import stat
import subprocess
import threading

import pytest

from program import LIMIT, TOP, Program, free_port, until, write
from service import BUILD, Service, book, needs_python
from test_nodes import Link

pytestmark = needs_python
CTL = os.path.join(BUILD, "src/ctl/concordctl")

APP = '''
from concordance import *

class Book(Record):
    title  = Text("Title", required=True)
    author = Text("Author", required=True)

class Shelf(App):
    title   = "Shelf"
    xmlns   = "http://concordance-xmpp.org/apps/mybookcase"
    library = Node(Book, form="Add a book")
    index   = Page("/", library, "shelf.xsl")
    by      = Page("/by/{author}", library, "shelf.xsl",
                   where="author={author}")
    staff   = Page("/staff", library, "shelf.xsl", readers="staff")
'''
SHEET = '''<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:b="http://concordance-xmpp.org/apps/mybookcase"
    xmlns:c="http://concordance-xmpp.org/ns/page" exclude-result-prefixes="b c">
  <xsl:template match="/*">
    <html><head><title><c:text>Shelf</c:text></title>
      <link rel="stylesheet" href="{@c:assets}/css/shelf.css"/></head>
    <body><c:form node="library"/>
      <ul id="shelf"><xsl:for-each select="b:book">
        <li id="{@c:id}"><a href="/by/{b:author}"><xsl:value-of select="b:title"/></a></li>
      </xsl:for-each></ul></body></html>
  </xsl:template>
</xsl:stylesheet>'''


def shelf(path, *options, port=0, data=None):
    (path / "shelfapp.py").write_text(APP)
    if not (path / "shelf.xsl").exists():
        (path / "shelf.xsl").write_text(SHEET)
    (path / "locale").mkdir(exist_ok=True)
    (path / "locale" / "de.po").write_text('msgid "Shelf"\nmsgstr "Regal"\n')
    (path / "assets" / "css").mkdir(parents=True, exist_ok=True)
    (path / "assets" / "css" / "shelf.css").write_text(
        "main { color: teal }\n" * 50)
    return Service("shelfapp:Shelf", *options, files=str(path), port=port,
                   data=data, env={"APPPATH": str(path)})


class Agent(Program):
    """concordctl agent, until the test ends."""

    def __init__(self, service, www, *words):
        self.www = www
        super().__init__([CTL, "--link", service.link, "agent", "--www",
                          str(www), *words], path=service.link)

    def has(self, name, text=""):
        return until(f"{name} with {text}", lambda: text in read(
            self.www / name) if (self.www / name).exists() else False)

    def lacks(self, name):
        until(f"no {name}", lambda: not (self.www / name).exists())


def read(path):
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def once(service, www, *words, check=True):
    done = subprocess.run([CTL, "--link", service.link, "agent", "--www",
                           str(www), "--once", *words], text=True,
                          capture_output=True, timeout=LIMIT)
    assert done.returncode == 0 or not check, done.stderr
    return done


def names(www):
    """All files, hashes as HASH."""
    return sorted(re.sub("[0-9a-f]{16}", "HASH", str(p.relative_to(www)))
                  for p in www.rglob("*") if p.is_file())


def test_once_makes_the_tree_and_again_changes_nothing(tmp_path):
    www = tmp_path / "www" / "tree"
    with shelf(tmp_path) as s:
        s.ctl("publish", "library", book("Emma", "Austen"), "emma")
        s.page("/by/Austen")
        done = once(s, www)
        assert re.match(r"\d pages, \d+ files in ", done.stdout), done.stdout
        have = names(www)
        for name in ("index.html", "index.html.gz", "index.de.html",
                     "by/Austen/index.html", "assets/HASH/css/shelf.css",
                     "assets/HASH/css/shelf.css.br", "_c/HASH/concordance.js",
                     "_c/HASH/hub.js.gz", "_errors/404.html"):
            assert name in have, (name, have)
        assert not any("staff" in name for name in have)
        assert (www / "index.html").read_text() == s.page("/")
        assert (www / "index.de.html").read_text() == s.get(
            "/", **{"Accept-Language": "de"})[2]
        assert gzip.decompress((www / "index.html.gz").read_bytes()) == (
            www / "index.html").read_bytes()
        assert "There is no such page" in (www / "_errors/404.html"
                                           ).read_text()
        before = {p: p.stat().st_mtime_ns for p in www.rglob("*")
                  if not p.name.startswith(".")}
        assert "0 written, 0 removed" in once(s, www).stdout
        assert before == {p: p.stat().st_mtime_ns for p in www.rglob("*")
                          if not p.name.startswith(".")}
        assert stat.S_IMODE((www / "index.html").stat().st_mode) == 0o644


def test_the_tree_follows_and_outlives_the_service(tmp_path):
    www = tmp_path / "www"
    data = tmp_path / "data"
    data.mkdir()
    with shelf(tmp_path, data=str(data)) as s, Agent(s, www) as agent:
        agent.has("index.html", "Shelf")
        s.ctl("publish", "library", book("Emma", "Austen"), "emma")
        agent.has("index.html", "Emma")
        assert agent.has("index.de.html", "Emma")
        s.kill()
        until("it says so", lambda: "the tree stays as it is" in agent.log())
        assert "Emma" in (www / "index.html").read_text()
        s.start()
        s.ctl("publish", "library", book("Persuasion", "Austen"), "p")
        agent.has("index.html", "Persuasion")
        said = [line for line in agent.log().splitlines()
                if "the tree stays" in line]
        assert len(said) == len(set(said)), "the same was said again"
        assert (www / "index.html").read_text() == s.page("/")
        with pytest.raises(AssertionError, match="another agent keeps"):
            once(s, www)


def test_what_happened_meanwhile_is_caught_up_with(tmp_path):
    www = tmp_path / "www"
    with shelf(tmp_path) as s:
        s.ctl("publish", "library", book("Emma", "Austen"), "emma")
        s.page("/by/Austen")
        once(s, www)
        assert (www / "by/Austen/index.html").exists()
        (www / "mine.txt").write_text("not the agent's")
        s.ctl("retract", "library", "emma")
        once(s, www)
        assert "Emma" not in (www / "index.html").read_text()
        assert "Emma" not in read(www / "by/Austen/index.html")
        assert (www / "mine.txt").exists()


def test_a_page_that_is_closed_goes_and_never_comes(tmp_path):
    www = tmp_path / "www"
    with shelf(tmp_path) as s, Agent(s, www) as agent:
        agent.has("index.html", "Shelf")
        link = Link(s)
        form = ("<field var='FORM_TYPE'><value>http://jabber.org/protocol/"
                "pubsub#node_config</value></field><field var='pubsub#access_"
                "model'><value>whitelist</value></field>")
        said = link.say("<iq type='set' to='localhost' id='c'><pubsub xmlns='http://jabber."
                        "org/protocol/pubsub#owner'><configure node='library'>"
                        "<x xmlns='jabber:x:data' type='submit'>" + form +
                        "</x></configure></pubsub></iq>", "iq")
        assert "error" not in said, said
        s.ctl("publish", "library", book("Secret", "Somebody"), "x")
        assert s.get("/")[0] != 200
        agent.lacks("index.html")
        agent.lacks("index.html.gz")
        assert not any("Secret" in p.read_text(errors="replace")
                       for p in www.rglob("*.html"))


def test_a_folder_that_is_a_link_is_not_gone_through(tmp_path):
    www, out = tmp_path / "www", tmp_path / "outside"
    www.mkdir()
    out.mkdir()
    (www / "by").symlink_to(out)
    with shelf(tmp_path) as s:
        s.ctl("publish", "library", book("Emma", "Austen"), "emma")
        s.page("/by/Austen")
        done = once(s, www, check=False)
        assert done.returncode == 1 and "by/Austen" in done.stderr
    assert list(out.iterdir()) == []


def test_a_list_of_another_program_is_not_taken_for_ours(tmp_path):
    www = tmp_path / "www"
    www.mkdir()
    (www / ".concordance").write_text("something else\n")
    with shelf(tmp_path) as s:
        done = once(s, www, check=False)
    assert done.returncode == 1 and "not this program's list" in done.stderr


def test_caches_hear_of_each_page_by_words_of_their_own(tmp_path):
    www, told = tmp_path / "www", tmp_path / "told"
    script = tmp_path / "cache.sh"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "$@" >> {told}\n')
    script.chmod(0o755)
    with shelf(tmp_path) as s:
        s.ctl("publish", "library", book("Emma", "$(touch x) ;'"), "emma")
        s.page("/by/%24%28touch%20x%29%20%3B%27")
        once(s, www, "--purge", f"{script} -X 'PURGE it' http://x{{path}}")
        said = told.read_text().splitlines()
        assert "http://x/" in said
        assert "http://x/by/%24%28touch%20x%29%20%3B%27" in said
        assert said[:3] == ["3", "-X", "PURGE it"]
        told.unlink()
        s.ctl("publish", "library", book("Lear", "Shakespeare"), "lear")
        s.page("/by/Shakespeare")
        once(s, www, "--purge", str(script))
        said = told.read_text().splitlines()
        assert said[0] == str(len(said) - 1) and "/by/Shakespeare" in said


def test_a_cache_that_fails_is_told_again(tmp_path):
    www, told = tmp_path / "www", tmp_path / "told"
    script = tmp_path / "cache.sh"
    script.write_text(f"#!/bin/sh\n[ -e {tmp_path}/up ] && "
                      f"echo $* >> {told}\n")
    script.chmod(0o755)
    with shelf(tmp_path) as s:
        done = once(s, www, "--purge", str(script), check=False)
        assert done.returncode == 1
        assert "failed for /, which waits (exit status 1)" in done.stderr
        (tmp_path / "up").write_text("")
        once(s, www, "--purge", str(script))
        assert "/" in told.read_text().split()
        told.unlink()
        once(s, www, "--purge", str(script))
        assert not told.exists()


@pytest.mark.parametrize("words,said", [
    ([], "agent needs --www DIR"),
    (["--www"], '"--www" is not understood'),
    (["--www", "x", "--purge", "curl 'x"], "a quote is not closed"),
    (["--www", "x", "--purge", " "], "it is empty"),
    (["--www", "x", "--twice"], '"--twice" is not understood')])
def test_wrong_words_are_named(words, said, tmp_path):
    done = subprocess.run([CTL, "--link", "nowhere", "agent", *words],
                          text=True, capture_output=True, timeout=LIMIT,
                          cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr or (not words and "Usage" in done.stderr)


def test_without_a_service_it_says_what_to_do(tmp_path):
    done = subprocess.run([CTL, "--link", str(tmp_path / "link"), "agent",
                           "--www", str(tmp_path / "www"), "--once"],
                          text=True, capture_output=True, timeout=LIMIT)
    assert done.returncode == 1 and "no service at" in done.stderr


# -- served by others ---------------------------------------------------------


def snippet(name):
    """A configuration as docs/snapshots.md prints it."""
    with open(os.path.join(TOP, "docs/snapshots.md"), encoding="utf-8") as f:
        found = re.search(rf"```{name}\n(.*?)```", f.read(), re.S)
    assert found, name
    return found.group(1)


def in_front(service_port):
    """nginx's, with the service behind it, as the page goes on to say."""
    with open(os.path.join(TOP, "docs/snapshots.md"), encoding="utf-8") as f:
        text = f.read()
    lines = re.search(r"```\n( +error_page 403 = @service;\n)(.*?\n)"
                      r"(    location @service .*?)```", text, re.S)
    maps = re.search(r"```\n(map \$http_cookie .*?)```", text, re.S)
    conf = snippet("nginx")
    for pattern, new in ((r" +error_page 403 .*?\n", lines[1]),
                         (r" +try_files .*?\n", lines[2]),
                         (r"    location @form .*?\n    }\n", lines[3])):
        conf, n = re.subn(pattern, lambda _, new=new: new, conf, flags=re.S)
        assert n == 1, pattern
    return maps[1] + conf.replace("127.0.0.1:8080",
                                  f"127.0.0.1:{service_port}")


def nginx(folder, www, conf=None, port=0):
    port = port or free_port()
    conf = write(folder, "nginx.conf", f"""
daemon off; user root; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  include /etc/nginx/mime.types;
  access_log off; client_body_temp_path {folder}/1;
  proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  {(conf or snippet("nginx")).replace("/srv/books", str(www))
   .replace("listen 80;", f"listen 127.0.0.1:{port};")}
}}""")
    return Program(["/usr/sbin/nginx", "-c", conf, "-p", folder], port=port)


def apache(folder, www):
    port = free_port()
    modules = "/usr/lib/apache2/modules"
    load = "\n".join(
        f"LoadModule {m}_module {modules}/mod_{m}.so" for m in
        ("mpm_event", "authz_core", "mime", "headers", "rewrite", "setenvif",
         "dir"))
    conf = write(folder, "apache.conf", f"""
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
Listen 127.0.0.1:{port}
ErrorLog {folder}/apache.log
{load}
TypesConfig /etc/mime.types
{snippet("apache").replace("/srv/books", str(www))
 .replace("*:80", f"127.0.0.1:{port}")}
""")
    return Program(["/usr/sbin/apache2", "-d", folder, "-f", conf,
                    "-DFOREGROUND"], port=port, log=f"{folder}/apache.log")


@pytest.mark.parametrize("server", [nginx, apache])
def test_a_web_server_serves_it_with_everything_of_ours_stopped(
        server, tmp_path):
    www, folder = tmp_path / "www", tmp_path / "server"
    folder.mkdir()
    with shelf(tmp_path) as s:
        s.ctl("publish", "library", book("Emma", "Jane Austen"), "emma")
        s.page("/by/Jane%20Austen")
        want = {path: s.get(path)[2]
                for path in ("/", "/by/Jane%20Austen")}
        german = s.get("/", **{"Accept-Language": "de-AT"})[2]
        style = re.search(r'href="(/assets/[^"]*)"', want["/"]).group(1)
        script = re.search(r'src="(/_c/[^"]*)"', want["/"]).group(1)
        policy = s.get("/")[1]["Content-Security-Policy"]
        css = s.get(style)[2]
        once(s, www)
    with server(str(folder), www) as web:
        for path, page in want.items():
            status, headers, body = web.get(path)
            assert (status, body.decode()) == (200, page), path
            assert headers["content-type"] == "text/html; charset=utf-8"
            assert headers["cache-control"] == "no-cache"
            assert headers["content-security-policy"] == policy
            assert headers["x-content-type-options"] == "nosniff"
            tag = headers["etag"]
            status, _, body = web.get(path, **{"If-None-Match": tag})
            assert (status, body) == (304, b"")
            status, headers, body = web.get(path,
                                            **{"Accept-Encoding": "gzip"})
            assert headers["content-encoding"] == "gzip"
            assert "accept-encoding" in headers["vary"].lower()
            assert gzip.decompress(body).decode() == page
            assert headers["etag"] != tag
            assert headers["content-type"] == "text/html; charset=utf-8"
        assert web.get("/", **{"Accept-Language": "de-AT,en;q=0.3"}
                       )[2].decode() == german
        assert web.get("/by/Jane%20Austen/")[0] in (200, 301, 308)
        status, headers, body = web.get(style)
        assert body.decode() == css
        assert headers["content-type"].split(";")[0] == "text/css"
        assert "immutable" in headers["cache-control"]
        status, headers, body = web.get(script, **{"Accept-Encoding": "gzip"})
        assert status == 200 and headers["content-encoding"] == "gzip"
        assert "javascript" in headers["content-type"]
        assert b"hub" in gzip.decompress(body)
        status, headers, body = web.get("/nothing")
        assert status == 404 and b"There is no such page" in body
        for hidden in ("/.concordance", "/.concordance.lock",
                       "/by/../.concordance", "/_errors/"):
            assert web.get(hidden)[0] in (400, 403, 404), hidden
        status, _, body = web.post("/?form=library", title="x", author="y")
        assert status in (405, 503) and b"send it again later" in body


def test_files_first_and_the_service_behind_them(tmp_path):
    www, folder, port = tmp_path / "www", tmp_path / "server", free_port()
    folder.mkdir()
    origin = f"http://localhost:{port}"
    with shelf(tmp_path, "--origin", origin) as s:
        once(s, www)
        with nginx(str(folder), www, in_front(s.port), port) as web:
            (www / "index.html").write_text("the file")
            assert web.get("/")[2] == b"the file"
            assert web.get("/_do")[0] == 200
            assert b"There is no such page" in web.get("/nothing")[2]
            status, headers, _ = web.post("/?form=library", {"Origin": origin},
                                          title="Emma", author="Jane Austen")
            assert (status, headers["location"]) == (303, "/")
            cookie = headers["set-cookie"].split(";")[0]
            for asks in (cookie, "a=b; concordance-user=1"):
                assert b"Emma" in web.get("/", Cookie=asks)[2], asks
            assert web.get("/")[2] == b"the file"
