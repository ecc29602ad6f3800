# SPDX-License-Identifier: MIT
"""A domain below a path of its site: --prefix /books.  Apps and templates
write / all the same; what leaves has the prefix, what comes must have it."""
import http.client
import json
import os
import re
import subprocess

import pytest

from service import BUILD, LIMIT, Service, book, needs_python, until
from test_weblogin import Browser
from wire import Client, Closed

pytestmark = needs_python
MODULE = os.path.join(BUILD, "examples/bookcase-c/bookcase.so")

APP = '''
from concordance import *
from concordance import login

class Book(Record):
    title  = Text("Title", required=True)
    author = Text("Author", required=True)

class Name(Record):
    name = Text("Name", required=True)

class Shelf(App):
    title   = "Shelf"
    xmlns   = "http://concordance-xmpp.org/apps/mybookcase"
    library = Node(Book, form="Add a book")
    index   = Page("/", library, "shelf.xsl", window=2)
    by      = Page("/by/{author}", library, "shelf.xsl",
                   where="author={author}")
    staff   = Page("/staff", library, "shelf.xsl", readers="staff")

    @command("login", "Log in", form=Name, who="anybody")
    def enter(self, user, form):
        login.begin(form.name + "@localhost")
        return "Welcome."

    @command("out", who="anybody")
    def leave(self, user, form):
        login.logout()
'''
SHEET = '''<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:b="http://concordance-xmpp.org/apps/mybookcase"
    xmlns:c="http://concordance-xmpp.org/ns/page" exclude-result-prefixes="b c">
  <xsl:template match="/*">
    <html><head><title>Shelf</title>
      <link rel="stylesheet" href="{@c:runtime}/concordance.css"/>
      <link rel="icon" href="{@c:assets}/icon.png"/></head>
    <body>
      <p id="plain"><a href="/">home</a><a href="{@c:path}">here</a>
        <a href="?x=1">relative</a><a href="#plain">part</a>
        <a href="//other.example/">neighbour</a>
        <a href="https://other.example/a">far</a>
        <img src="/assets/a.png" alt="" srcset="/assets/a.png 1x, /b.png 2x, c.png 3x"/>
        <q cite="/source">said</q></p>
      <c:form node="library"/>
      <c:part for="users"><p class="mine"><a href="/staff">staff</a></p></c:part>
      <xsl:if test="@c:older"><a id="older" href="{@c:older}">older</a></xsl:if>
      <ul id="shelf"><xsl:for-each select="b:book">
        <li id="{@c:id}"><a href="/by/{b:author}"><xsl:value-of select="b:title"/></a></li>
      </xsl:for-each></ul>
    </body></html>
  </xsl:template>
</xsl:stylesheet>'''


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    path = tmp_path_factory.mktemp("shelf")
    (path / "shelfapp.py").write_text(APP)
    (path / "shelf.xsl").write_text(SHEET)
    (path / "locale").mkdir()
    (path / "locale" / "de.po").write_text('msgid "Title"\nmsgstr "Titel"\n')
    (path / "assets").mkdir()
    (path / "assets" / "a.png").write_bytes(b"\x89PNG")
    with Service("shelfapp:Shelf", "--prefix", "/books", "--upload-guests",
                 files=str(path), env={"APPPATH": str(path)}) as running:
        running.ctl("adduser", "anna", stdin="rosaline\n")
        running.ctl("publish", "library", book("Emma", "Austen"), "emma")
        yield running


def ask(service, method, path, body=None, **headers):
    """Without the prefix being put there, and without following."""
    line = http.client.HTTPConnection("127.0.0.1", service.port,
                                      timeout=LIMIT)
    line.request(method, path, body, headers)
    answer = line.getresponse()
    text = answer.read().decode("utf-8", "replace")
    line.close()
    return answer.status, answer.headers, text


def rooted(page):
    """All addresses in a page that begin at the root of the site."""
    return [v for v in re.findall(r'(?:href|src|action|cite|data-socket)='
                                  r'"([^"]*)"', page)
            if v.startswith("/") and not v.startswith("//")]


def test_ready_says_where_the_pages_are(shelf):
    assert shelf.url == f"http://127.0.0.1:{shelf.port}/books/"


@pytest.mark.parametrize("path", ["/", "/by/Austen", "/_do", "/_do/login",
                                  "/?before=emma", "/?lang=de", "/nothing",
                                  "/_console"])
def test_every_address_of_a_page_is_below_the_prefix(shelf, path):
    status, _, page = shelf.get(path)
    assert status == (404 if path == "/nothing" else 200), page
    found = rooted(page)
    assert found or path == "/nothing"
    assert all(v.startswith("/books/") for v in found), found
    assert "/books/books" not in page


def test_which_addresses_are_changed_and_which_are_not(shelf):
    page = shelf.page("/")
    part = re.search('<p id="plain">.*?</p>', page, re.S).group()
    assert re.findall('href="(.*?)"', part) == [
        "/books/", "/books/", "?x=1", "#plain", "//other.example/",
        "https://other.example/a"]
    assert ('srcset="/books/assets/a.png 1x, /books/b.png 2x, c.png 3x"'
            in part)
    assert 'cite="/books/source"' in part
    assert 'href="/books/by/Austen"' in page
    assert 'action="/books/?form=library"' in page
    assert 'content="view:/"' in page  # names of nodes have none
    assert 'data-socket="/books/xmpp"' in page
    assert re.search(r'src="/books/_c/[0-9a-f]{16}/concordance.js"', page)


def test_what_pages_link_is_there(shelf):
    page = shelf.page("/")
    for link in re.findall(r'(?:src|href)="(/books/(?:_c|assets)/[^"]*)"',
                           page):
        if not link.endswith("icon.png"):
            assert ask(shelf, "GET", link)[0] == 200, link


def test_files_are_where_they_were_without_a_prefix(shelf):
    until("the file", lambda: "Emma" in shelf.file())
    assert shelf.file() == shelf.page("/")
    assert "Titel" in shelf.file("index.de.html")


@pytest.mark.parametrize("path", ["/", "/by/Austen", "/booksy", "/xmpp",
                                  "/_token", "/books2/", "/BOOKS/"])
def test_without_the_prefix_there_is_nothing_and_it_says_so(shelf, path):
    status, _, text = ask(shelf, "GET", path)
    assert status == 404
    assert "begin with /books/" in text
    until("the log", lambda: any("http.outside" in line and
                                 "prefix=/books" in line
                                 for line in shelf.log))


def test_a_form_without_the_prefix_goes_nowhere(shelf):
    status, _, _ = ask(shelf, "POST", "/?form=library", "title=x&author=y",
                       **{"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 404
    assert "<title>x" not in shelf.ctl("items", "library").stdout


def test_the_prefix_alone_leads_below_it(shelf):
    status, headers, _ = ask(shelf, "GET", "/books?lang=de")
    assert (status, headers["Location"]) == (308, "/books/?lang=de")


def test_redirects_stay_below_it(shelf):
    assert ask(shelf, "GET", "/books/by/Austen/")[1]["Location"] == (
        "/books/by/Austen")
    assert ask(shelf, "GET", "/books/_do/")[1]["Location"] == "/books/_do"
    status, headers, _ = ask(
        shelf, "POST", "/books/?form=library",
        "title=Persuasion&author=Austen",
        **{"Content-Type": "application/x-www-form-urlencoded"})
    assert (status, headers["Location"]) == (303, "/books/")
    assert "Persuasion" in shelf.page("/by/Austen")


def test_a_refused_form_comes_back_below_it(shelf):
    status, _, page = ask(
        shelf, "POST", "/books/?form=library", "title=&author=Austen",
        **{"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 422
    assert 'action="/books/?form=library"' in page
    assert all(v.startswith("/books/") for v in rooted(page))


def test_a_log_in_leads_back_and_its_cookies_are_the_prefixs(shelf):
    b = Browser(shelf)
    status, headers, _ = ask(shelf, "GET", "/books/staff?a=b")
    assert status == 303
    where = headers["Location"]
    assert where == "/books/_do/login?next=%2Fstaff%3Fa%3Db"
    line = http.client.HTTPConnection("127.0.0.1", shelf.port, timeout=LIMIT)
    line.request("POST", where, "name=anna",
                 {"Content-Type": "application/x-www-form-urlencoded",
                  "Origin": f"http://127.0.0.1:{shelf.port}"})
    answer = line.getresponse()
    assert answer.headers["Location"] == "/books/staff?a=b"
    cookies = answer.headers.get_all("Set-Cookie")
    assert len(cookies) >= 2
    assert all("; Path=/books/;" in c for c in cookies), cookies
    for c in cookies:
        name, _, value = c.partition(";")[0].partition("=")
        b.cookies[name] = value
    page = b.ask("GET", "/books/")[1]
    assert '<p class="mine"><a href="/books/staff">' in page
    status, text = b.ask("POST", "/books/_token", {})
    assert status == 200 and json.loads(text)["jid"] == "anna@localhost"
    assert b.ask("POST", "/_token", {})[0] == 404
    assert b.ask("POST", "/books/_do/out", {})[0] == 200
    assert all("Path=/books/" in c for c in b.set_cookie)


def test_behind_tls_the_cookie_may_have_a_path(tmp_path, shelf):
    (tmp_path / "shelfapp.py").write_text(APP)
    (tmp_path / "shelf.xsl").write_text(SHEET)
    with Service("shelfapp:Shelf", "--prefix", "/books", "--url",
                 "https://site.example", store="memory",
                 files=str(tmp_path), env={"APPPATH": str(tmp_path)}) as s:
        _, headers, _ = ask(
            s, "POST", "/books/_do/login", "name=anna",
            **{"Content-Type": "application/x-www-form-urlencoded"})
        cookie = headers.get_all("Set-Cookie")[0]
        assert cookie.startswith("__Secure-concordance=")
        assert "; Path=/books/;" in cookie and "; Secure" in cookie


def test_a_language_that_was_chosen_is_kept_below_it(shelf):
    _, headers, _ = shelf.get("/?lang=de")
    assert "Path=/books/;" in headers["Set-Cookie"]


def test_host_meta_is_at_the_sites_root_and_leads_below(shelf):
    for path in ("/.well-known/host-meta.json",
                 "/books/.well-known/host-meta.json"):
        status, _, text = ask(shelf, "GET", path)
        assert status == 200
        assert json.loads(text)["links"][0]["href"] == (
            f"ws://127.0.0.1:{shelf.port}/books/xmpp")
    assert ask(shelf, "GET", "/.well-known/other")[0] == 404


def test_the_patch_of_a_page_has_it_too(shelf):
    c = Client(shelf.port, path="/books/xmpp")
    c.subscribe("view:/")
    shelf.ctl("publish", "library", book("Lear", "Shakespeare"), "lear")
    while "Lear" not in (text := c.text()):
        pass
    assert 'href="/books/by/Shakespeare"' in text.replace("'", '"')
    c.close()


def test_a_stream_without_the_prefix_is_refused(shelf):
    with pytest.raises(Closed, match="404"):
        Client(shelf.port)


def test_files_that_people_send_are_below_it(shelf):
    c = Client(shelf.port, path="/books/xmpp")
    slot = c.iq("get", "<request xmlns='urn:xmpp:http:upload:0' "
                "filename='a.txt' size='3' content-type='text/plain'/>")
    put, got = (slot.find(".//{*}" + n).get("url") for n in ("put", "get"))
    base = f"http://127.0.0.1:{shelf.port}"
    assert put.startswith(base + "/books/_up/")
    assert got.startswith(base + "/books/_files/")
    assert ask(shelf, "PUT", put[len(base):], b"abc",
               **{"Content-Type": "text/plain"})[0] == 201
    assert ask(shelf, "GET", got[len(base):])[2] == "abc"
    assert ask(shelf, "GET", got[len(base + "/books"):])[0] == 404
    c.close()


def test_health_is_asked_at_either_place(shelf):
    assert ask(shelf, "GET", "/healthz")[0] == 200
    assert ask(shelf, "GET", "/books/healthz")[0] == 200


@pytest.mark.parametrize("word", ["books", "/", "/books/", "/a//b", "/../a",
                                  "/.well-known", "/bücher", "/a b", ""])
def test_what_is_no_prefix_is_refused(word):
    done = subprocess.run([BUILD + "/src/service/concordanced", "--store",
                           "memory", "--http", "127.0.0.1:0", "--prefix",
                           word, MODULE], text=True, capture_output=True,
                          timeout=LIMIT)
    assert done.returncode != 0
    assert "--prefix is a path such as /books" in done.stderr


def test_a_url_has_no_path_and_the_answer_names_the_prefix():
    done = subprocess.run([BUILD + "/src/service/concordanced", "--store",
                           "memory", "--http", "127.0.0.1:0", "--url",
                           "https://site.example/books", MODULE], text=True,
                          capture_output=True, timeout=LIMIT)
    assert done.returncode != 0 and "--prefix" in done.stderr


class Two(Service):
    def command(self):
        words = super().command()[:-1]
        for name in ("one", "two"):
            words += ["--domain", name + ".example", "--url",
                      "https://site.example", "--prefix", "/" + name,
                      MODULE]
        return words


def test_two_domains_at_one_name_have_a_prefix_each():
    with Two(store="memory") as s:
        for name in ("one", "two"):
            _, _, page = ask(s, "GET", f"/{name}/", Host="site.example")
            assert f'data-service="{name}.example"' in page
            assert f'data-socket="/{name}/xmpp"' in page
            _, _, text = ask(s, "GET", f"/{name}/_c/x", Host=f"{name}.example")
            assert "begin with" not in text
            _, _, text = ask(s, "GET", "/other/", Host=f"{name}.example")
            assert f"begin with /{name}/" in text
