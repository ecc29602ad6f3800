# SPDX-License-Identifier: MIT
"""Texts in somebody's language: a bookcase with locale/de.po."""
import contextlib
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

from test_nodes import Link
from service import TOP, Service, book, needs_python, until
from test_nodes import Link
from wire import Client

GERMAN = '''
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Title"
msgstr "Titel"

msgid "Author"
msgstr "Autor"

msgid "Add a book"
msgstr "Buch hinzufügen"

msgid "On the shelf"
msgstr "Im Regal & <da>"

#, fuzzy
msgid "Older books"
msgstr "Falsch"

msgid "My page"
msgstr "Meine Seite"

msgid "Greet somebody"
msgstr "Jemanden grüßen"

msgid "Says hello."
msgstr "Sagt hallo."

msgid "Hello %s."
msgstr "Hallo, %s!"

msgid "Whom to greet"
msgstr "Wen grüßen"
'''

SHEET = '''<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page">
  <xsl:import href="theme.xsl"/>
  <xsl:template match="/*" mode="main">
    <h2 c:text="On
        the shelf"/>
    <c:form node="library"/>
    <ul id="shelf"><xsl:for-each select="*">
      <li id="{@c:id}"><b><c:text>Title</c:text></b><xsl:value-of
          select="."/></li>
    </xsl:for-each></ul>
    <p><c:text>Older books</c:text></p>
  </xsl:template>
  <xsl:template match="/*" mode="footer">
    <xsl:call-template name="languages"/>
  </xsl:template>
</xsl:stylesheet>'''

APP = '''
from concordance import *

class Book(Record):
    title  = Text("Title", required=True)
    author = Text("Author", required=True)

class Greeting(Record):
    name = Text("Name", required=True, help="Whom to greet")

class Shelf(App):
    title   = "My page"
    xmlns   = "http://concordance-xmpp.org/apps/mybookcase"
    library = Node(Book, form="Add a book")
    index   = Page("/", library, "shelf.xsl", title="My page")
    by      = Page("/by/{author}", library, "shelf.xsl",
                   where="author={author}", title="My page")

    @command("greet", "Greet somebody", form=Greeting, who="anybody")
    def greet(self, user, form):
        """Says hello."""
        return f"Hello {form.name}."
'''

pytestmark = needs_python


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    path = tmp_path_factory.mktemp("shelf")
    (path / "shelfapp.py").write_text(APP)
    (path / "shelf.xsl").write_text(SHEET)
    (path / "locale").mkdir()
    (path / "locale" / "de.po").write_text(GERMAN, encoding="utf-8")
    (path / "locale" / "fr.po").write_text('msgid "x"\n', encoding="utf-8")
    with Service("shelfapp:Shelf", files=str(path),
                 env={"APPPATH": str(path)}) as running:
        running.folder = path
        yield running


def german(shelf, path="/", **headers):
    return shelf.get(path, **{"Accept-Language": "de-AT,en;q=0.5", **headers})


def test_a_page_is_in_the_language_that_the_browser_asks_for(shelf):
    status, headers, page = german(shelf)
    assert status == 200
    assert '<html lang="de">' in page
    assert "<h1>Meine Seite</h1>" in page
    assert "<h2>Im Regal &amp; &lt;da&gt;</h2>" in page
    assert "Buch hinzufügen" in page and "Titel" in page
    assert "Zum Inhalt springen" in page  # the service's own words
    assert "Older books" in page  # fuzzy
    assert "Accept-Language" in headers["Vary"]
    assert "Cookie" in headers["Vary"]


def test_english_is_what_others_get(shelf):
    for accept in ("en", "ja", "de;q=0, en", "de;q=0.2, en;q=0.9", ""):
        _, headers, page = shelf.get("/", **{"Accept-Language": accept})
        assert '<html lang="en">' in page, accept
        assert "<h2>On the shelf</h2>" in page
        assert "Accept-Language" in headers["Vary"]


def test_a_query_chooses_and_leaves_a_cookie(shelf):
    _, headers, page = shelf.get("/?lang=de")
    assert '<html lang="de">' in page
    cookie = headers["Set-Cookie"]
    assert cookie.startswith("concordance-lang=de; Path=/; ")
    _, headers, page = shelf.get("/", Cookie="concordance-lang=de")
    assert '<html lang="de">' in page
    assert "Set-Cookie" not in headers
    _, headers, page = shelf.get("/?lang=en", Cookie="concordance-lang=de")
    assert '<html lang="en">' in page
    assert headers["Set-Cookie"].startswith("concordance-lang=en;")


def test_an_unknown_language_falls_back(shelf):
    _, headers, page = shelf.get("/?lang=tlh", Cookie="concordance-lang=xx")
    assert '<html lang="en">' in page
    assert "Set-Cookie" not in headers
    assert '<html lang="de">' in german(shelf, "/?lang=tlh")[2]


def test_the_theme_links_the_languages(shelf):
    page = shelf.page()
    assert 'href="?lang=de"' in page and "Deutsch" in page


def test_a_catalogue_with_a_fault_is_left_out_by_file_and_line(shelf):
    line = until("the log says so", lambda: next(
        (x for x in shelf.log if "locale.error" in x), None))
    assert "fr.po, line 1: " in line
    assert "fr" not in shelf.page().split("cnc-languages")[1][:200].split()


def test_a_change_comes_live_to_the_german_page(shelf):
    page = german(shelf)[2]
    node = page.split('name="concordance" content="')[1].split('"')[0]
    assert node == "view:de:/"
    with contextlib.closing(Client(shelf.port)) as client:
        assert client.subscribe(node).get("type") == "result"
        shelf.ctl("publish", "library", book("Live", "Anna"), "live-1")
        patch = ""
        while "LiveAnna" not in patch:
            patch = ET.tostring(client.recv(), encoding="unicode")
        assert "Titel" in patch
    until("the page has it", lambda: "LiveAnna" in german(shelf)[2])
    until("the file has it",
          lambda: "LiveAnna" in shelf.file("index.de.html"))
    assert "Im Regal" in shelf.file("index.de.html")
    assert "On the shelf" in shelf.file()


def test_a_page_with_a_parameter_is_in_each_language(shelf):
    page = german(shelf, "/by/de")[2]
    assert '<html lang="de">' in page and "view:de:/by/de" in page
    page = shelf.page("/by/de")
    assert '<html lang="en">' in page and '"view:/by/de"' in page


def test_what_is_wrong_is_said_in_the_language(shelf):
    accept = {"Accept-Language": "de"}
    status, _, page = shelf.post(headers=accept, title="", author="A")
    assert status == 422
    assert "Titel wird gebraucht." in page
    assert '<html lang="de">' in page
    status, _, page = shelf.post(headers=accept, title="x" * 10001,
                                 author="A")
    assert "Titel darf höchstens 10000 Zeichen haben, nicht 10001." in page
    status, _, page = german(shelf, "/nowhere")
    assert status == 404
    assert "Diese Seite gibt es nicht" in page and 'lang="de"' in page


def test_a_command_page_is_in_the_language(shelf):
    page = german(shelf, "/_do/greet")[2]
    assert '<html lang="de">' in page
    assert "Jemanden grüßen" in page and "Wen grüßen" in page
    assert "Sagt hallo." in page
    _, _, page = shelf.post("/_do/greet", {"Accept-Language": "de"},
                            name="Anna")
    assert "Hallo, Anna!" in page
    _, _, page = shelf.post("/_do/greet", {"Accept-Language": "de"})
    assert "Name wird gebraucht." in page


def command(client, lang, inner="", node="greet"):
    answer = client.iq(
        "set", f"<command xmlns='http://jabber.org/protocol/commands' "
        f"node='{node}'>{inner}</command>", more=f" xml:lang='{lang}'")
    return ET.tostring(answer, encoding="unicode")


def test_a_command_by_xmpp_is_in_the_language_of_the_stanza(shelf):
    filled = ("<x xmlns='jabber:x:data' type='submit'><field var='name'>"
              "<value>%s</value></field></x>")
    with contextlib.closing(Client(shelf.port)) as client:
        form = command(client, "de")
        assert "Jemanden grüßen" in form and "Wen grüßen" in form
        assert "Greet somebody" in command(client, "en")
        assert "Greet somebody" in command(client, "fr")
        assert "Hallo, Anna!" in command(client, "de", filled % "Anna")
        assert "Name wird gebraucht." in command(client, "de", filled % "")
        items = client.iq(
            "get", "<query xmlns='http://jabber.org/protocol/disco#items' "
            "node='http://jabber.org/protocol/commands'/>",
            more=" xml:lang='de'")
        assert "Jemanden grüßen" in ET.tostring(items, encoding="unicode")


TEXT = "{urn:ietf:params:xml:ns:xmpp-stanzas}text"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
PUBSUB = "http://jabber.org/protocol/pubsub"


@pytest.mark.parametrize("lang, said, text", [
    ("de", "de", "es gibt keinen Knoten nowhere"),
    ("de-AT", "de-AT", "es gibt keinen Knoten nowhere"),
    ("en", "en", "there is no node nowhere"),
    ("fr", "en", "there is no node nowhere"),
    (None, "en", "there is no node nowhere"),
])
def test_an_error_is_in_the_language_of_the_stanza(shelf, lang, said, text):
    with contextlib.closing(Client(shelf.port)) as client:
        answer = client.iq(
            "get", f"<pubsub xmlns='{PUBSUB}'><items node='nowhere'/>"
            "</pubsub>", more=f" xml:lang='{lang}'" if lang else "")
    told = answer.find(f".//{TEXT}")
    assert (told.get(LANG), told.text) == (said, text)


def test_what_commands_answer_has_labels_in_the_language(shelf):
    link = Link(shelf)
    text = link.say(
        "<iq type='set' id='n1' to='localhost' xml:lang='de'><command xmlns="
        "'http://jabber.org/protocol/commands' node='apps'><x xmlns='jabber:x:data' type='submit'/>"
        "</command></iq>", "</iq>")
    link.close()
    assert "label='Zustand'" in text and "label='State'" not in text


def test_all_that_the_service_says_is_there_in_german():
    done = subprocess.run([os.path.join(TOP, "tools/locale")], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_check_of_catalogues_says_what_is_wrong_and_where(tmp_path):
    if not shutil.which("git"):
        pytest.skip("there is no git")
    (tmp_path / "tools").mkdir()
    for name in ("locale", "locale.its"):
        shutil.copy(os.path.join(TOP, "tools", name), tmp_path / "tools")
    app = tmp_path / "apps" / "wiki"
    (app / "locale").mkdir(parents=True)
    (app / "wiki.c").write_text(
        'static const struct cnc_record page = {\n'
        '    "page", CNC_FIELDS({"title", "Title"},\n'
        '                       {"kind", "Kind", CNC_FIELD_LIST,\n'
        '                        .options = CNC_OPTIONS({"a", "An "\n'
        '                                                     "A"})})};\n'
        'int f(r) { return cnc_refuse(r, "title", "No %s here.", x); }\n')
    (app / "wiki.py").write_text(
        'class Wiki(App):\n    title = "Wiki"\n'
        '    @command("greet", "Greet")\n    def greet(self, user, form):\n'
        '        """Says hello."""\n        return f"Hello {form.name}."\n')
    (app / "wiki.xsl").write_text(
        '<x xmlns:c="http://concordance-xmpp.org/ns/page">\n'
        '<c:text>Look\n  here</c:text>\n</x>\n')
    (app / "locale" / "de.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgid "Title"\nmsgstr "Titel"\n\n'
        '#, fuzzy\nmsgid "Kind"\nmsgstr "Art"\n\n'
        'msgid "No %s here."\nmsgstr "Kein %d hier."\n\n'
        'msgid "Gone"\nmsgstr "Weg"\n', encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    done = subprocess.run([tmp_path / "tools/locale", "apps/wiki"], text=True,
                          capture_output=True)
    assert done.returncode == 1, done.stderr
    po, said = "apps/wiki/locale/de.po", set(done.stdout.splitlines())
    for line in (
            f'apps/wiki/wiki.c:4: "An A" is not in {po}',
            f'apps/wiki/wiki.py:2: "Wiki" is not in {po}',
            f'apps/wiki/wiki.py:3: "Greet" is not in {po}',
            f'apps/wiki/wiki.py:5: "Says hello." is not in {po}',
            f'apps/wiki/wiki.py:6: "Hello %s." is not in {po}',
            f'apps/wiki/wiki.xsl:2: "Look here" is not in {po}',
            f'{po}:9: this message needs to be reviewed by the translator',
            f'{po}:15: "Gone" is said nowhere'):
        assert line in said, done.stdout
    assert any(s.startswith(f"{po}:12: format specifications") for s in said)
    assert len(said) == 9, done.stdout


def test_an_app_in_c_has_the_same_folder(tmp_path):
    folder = tmp_path / "files"
    shutil.copytree(os.path.join(TOP, "examples/bookcase-c"), folder)
    (folder / "locale").mkdir()
    (folder / "locale" / "de.po").write_text(GERMAN, encoding="utf-8")
    with Service("bookcase-c", files=str(folder)) as service:
        page = service.get("/", **{"Accept-Language": "de"})[2]
        assert "Buch hinzufügen" in page and "Titel" in page
        _, _, page = service.post(headers={"Accept-Language": "de"},
                                  title="T", author="A", isbn="1")
        assert "978 or 979 and ten digits, please." in page


def test_without_catalogues_nothing_varies():
    with Service("bookcase-c") as service:
        _, headers, page = service.get("/?lang=de",
                                       **{"Accept-Language": "de"})
        assert headers["Vary"] == "Accept-Encoding"
        assert "Set-Cookie" not in headers
        assert "Add a book" in page
