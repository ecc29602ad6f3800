# SPDX-License-Identifier: MIT
"""The admin panel: who may see and do what, and the records of an app."""
import glob
import html as markup
import http.cookies
import json
import os
import re
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest

from service import BUILD, LIMIT, TOP, Service, until

NS = "urn:x-test:shelf"
SHELF = os.path.join(BUILD, "tests/service/apps/shelf.so")
APPS = os.path.join(BUILD, "apps")
PASSWORD = "R0saline-1"
XEP = "http://jabber.org/protocol/admin#"
PAGES = ["/admin", "/admin/apps", "/admin/app?name=shelf",
         "/admin/settings?of=auth", "/admin/audit", "/admin/backup",
         "/admin/nodes", "/admin/node?node=books",
         "/admin/item?node=books&id=emma", "/admin/templates",
         "/admin/template?id=admin.xsl",
         "/admin/template/diff?id=admin.xsl&from=file", "/admin/users",
         "/admin/user?jid=ann@localhost&accountjid=ann@localhost",
         "/admin/sessions", "/admin/s2s", "/admin/queues", "/admin/log",
         "/admin/records", "/admin/records?node=books",
         "/admin/record?node=books&id=emma", "/admin/record/add?node=books"]
COMMANDS = ["records", "records/set", "records/delete", "records/change",
            "records/books/edit",
            "records/books/add", "nodes", "nodes/items", "nodes/retract", "nodes/change",
            "nodes/purge", "templates/put", "templates/preview", "roles/set", "sessions", "s2s",
            "status", "apps/set", "logins", "logins/end", "backups",
            "backups/check", "backups/delete"]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirect)


class Panel(Service):
    def command(self):
        words = super().command()
        return [*words[:-1], "admin", words[-1]]

    def browse(self, path, cookie="", **fields):
        data = urllib.parse.urlencode(fields, doseq=True).encode() or None
        request = urllib.request.Request(self.url.rstrip("/") + path, data,
                                         {"Cookie": cookie, "Origin":
                                          self.url.rstrip("/")})
        try:
            answer = OPENER.open(request, timeout=LIMIT)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return (answer.status, answer.headers,
                    answer.read().decode("utf-8", "replace"))

    def log_in(self, user):
        status, headers, _ = self.browse("/_do/login", user=user,
                                         password=PASSWORD)
        assert status == 303
        jar = http.cookies.SimpleCookie()
        for line in headers.get_all("Set-Cookie"):
            jar.load(line)
        return "; ".join(f"{m.key}={m.value}" for m in jar.values())


def book(title, **fields):
    more = "".join(f"<{k}>{v}</{k}>" for k, v in fields.items())
    return f'<book xmlns="{NS}"><title>{title}</title>{more}</book>'


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    files = tmp_path_factory.mktemp("files")
    with Panel(SHELF, "--operator", "root@localhost", files=str(files),
               env={"CONCORDANCE_APPS": f"{APPS}:{os.path.dirname(SHELF)}"}) as s:
        for user in ("ann", "bob", "root"):
            s.ctl("adduser", user, stdin=PASSWORD + "\n")
        s.ctl("do", "roles/set", "jid=ann@localhost", "role=admin", "has=true")
        s.ctl("publish", "authors",
              f'<author xmlns="{NS}"><name>Jane Austen</name></author>', "ja")
        s.ctl("publish", "books", book("Emma", author="ja", kind="novel",
                                       year="1815"), "emma")
        s.ctl("publish", "books", book("Hamlet", kind="play", year="1603",
                                       lent="true"), "hamlet")
        s.cookies = {"guest": "", "user": s.log_in("bob"),
                     "admin": s.log_in("ann"), "operator": s.log_in("root")}
        yield s


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_for_admins_alone(panel, path):
    status, headers, _ = panel.browse(path)
    assert status == 303 and headers["Location"].startswith("/login?next=")
    assert panel.browse(path, panel.cookies["user"])[0] == 403
    for who in ("admin", "operator"):
        status, headers, html = panel.browse(path, panel.cookies[who])
        assert status == 200, html
        assert "no-store" in headers["Cache-Control"]
        assert 'aria-label="Administration"' in html


@pytest.mark.parametrize("node", COMMANDS)
def test_commands_are_for_admins_alone(panel, node):
    for method in ({}, {"node": "books", "id": "emma", "ids": "emma"}):
        status = panel.browse(f"/_do/{node}", **method)[0]
        assert status in (303, 403)
        assert panel.browse(f"/_do/{node}", panel.cookies["user"],
                            **method)[0] == 403
    for who in ("admin", "operator"):
        assert panel.browse(f"/_do/{node}", panel.cookies[who])[0] == 200
    assert "Emma" in panel.ctl("items", "books").stdout


def test_pages_of_the_services_nodes_keep_their_readers(panel):
    html = panel.browse("/admin", panel.cookies["admin"])[2]
    assert "Last lines of the log" in html
    html = until("figures", lambda: (lambda h: h if "Memory" in h else None)(
        panel.browse("/admin", panel.cookies["admin"])[2]))
    assert "Requests a second" in html
    assert not os.path.exists(os.path.join(panel.data, "www", "admin"))
    # Its view is as closed as the page.
    assert "whitelist" in panel.ctl("do", "nodes", "q=view:/admin/log",
                                    "views=true").stdout


def test_strangers_leave_room_for_who_is_logged_in(panel):
    stop, seen = threading.Event(), []

    def ask():
        while not stop.is_set():
            seen.append(panel.browse("/login")[0])

    threads = [threading.Thread(target=ask) for _ in range(40)]
    try:
        for thread in threads:
            thread.start()
        until("strangers ask all at once", lambda: len(seen) > 100)
        for _ in range(10):
            assert panel.browse("/admin/apps", panel.cookies["admin"])[0] == 200
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(seen) == {200}  # and none of them was sent away


def records(panel, query=""):
    status, _, html = panel.browse("/admin/records?node=books" + query,
                                   panel.cookies["admin"])
    return status, re.findall(r'name="ids" value="([^"]*)"', html), html


def test_records_are_found_filtered_and_sorted(panel):
    assert records(panel, "&sort=year")[1] == ["hamlet", "emma"]
    assert records(panel, "&sort=-year")[1] == ["emma", "hamlet"]
    assert records(panel, "&q=hAm")[1] == ["hamlet"]
    assert records(panel, "&where=kind%3D%22novel%22")[1] == ["emma"]
    assert records(panel, "&where=lent%3Dtrue")[1] == ["hamlet"]
    assert records(panel, "&limit=1&sort=year")[1] == ["hamlet"]
    assert records(panel, "&limit=1&offset=1&sort=year")[1] == ["emma"]
    status, ids, html = records(panel, "&where=nonsense")
    assert status == 422 and not ids and "nonsense" in html


def test_filters_add_up_and_their_values_are_no_queries(panel):
    for query, want in (
            ("&filter=kind%3Dnovel", ["emma"]),
            ("&filter=kind%3Dnovel&filter=year%3C1800", []),
            ("&filter=year%3E%3D1603&filter=year%3C%3D1700", ["hamlet"]),
            ("&filter=author%3Dja&where=year%3E1800", ["emma"]),
            ("&filter=title!%3DEmma", ["hamlet"]),
            ("&filter=title%3Dx%22%20year%3E%220", []),
            ("&filter=title~a%3D", []),
            ("&filter=&filter=kind%3Dplay", ["hamlet"]),
            ("&on=c:published&since=2020-01-01&sort=year",
             ["hamlet", "emma"]),
            ("&on=c:published&until=2020-01-01", [])):
        status, ids, html = records(panel, query)
        assert (status, ids) == (200, want), (query, html)
    for query, word in (("&filter=nonsense", "A filter is FIELD=VALUE"),
                        ("&filter=nix%3D1", "nix"),
                        ("&filter=year%3Dabc", "abc"),
                        ("&on=kind&since=2020-01-01", "no such field of days"),
                        ("&on=bought&since=x", "x")):
        status, ids, html = records(panel, query)
        assert status == 422 and not ids and word in html, (query, html)


def test_a_reference_is_shown_by_its_name(panel):
    html = records(panel)[2]
    assert re.search(r'<a href="/admin/record\?node=authors&amp;id=ja&amp;'
                     r'record-id=ja&amp;-back=[^"]*">Jane Austen</a>', html)
    assert '<option value="author=ja">Jane Austen</option>' in html
    out = panel.ctl("do", "records", "node=books", "filter=author=ja").stdout
    assert "Emma" in out and "Hamlet" not in out


def test_all_that_match_are_meant_only_by_whoever_says_how_many(panel):
    me = panel.cookies["admin"]
    for i in range(4):
        panel.ctl("publish", "books", book(f"All {i}", year="1950"), f"all{i}")
    post = dict(node="books", what="set-all", field="year", value="1951",
                q="all", filter="year=1950")
    for total in ("", "3", "5", "-4", "x"):
        status, _, html = panel.browse("/_do/records/change", me, total=total,
                                       **post)
        assert status == 422 and "4 match" in html
    status, headers, _ = panel.browse("/_do/records/change?next=/admin", me,
                                      total="4", **post)
    assert status == 303 and headers["Location"] == "/admin"
    assert len(records(panel, "&filter=year%3D1951")[1]) == 4
    status, _, html = panel.browse("/_do/records/delete", me, node="books",
                                   all="true", total="4", q="all",
                                   filter="nix=1")
    assert status == 422 and "nix" in html
    assert panel.browse("/_do/records/delete?next=/admin", me, node="books",
                        all="true", total="4", filter="year=1951")[0] == 303
    assert records(panel, "&q=all")[1] == []


def value(html, name):
    found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', html)
    return found and found.group(1)


def test_an_edit_begins_with_what_is_there_and_an_old_one_loses_nothing(panel):
    me = panel.cookies["admin"]
    page = "/admin/record?node=books&id=emma"
    html = panel.browse(page, me)[2]
    version = value(html, "version")
    assert value(html, "title") == "Emma" and version
    post = page + "&do=records/books/edit"
    typed = dict(id="emma", author="ja", kind="novel", version=version,
                 next="/admin/records?node=books")
    status, headers, _ = panel.browse(post, me, title="Emma!", year="1816",
                                      **typed)
    assert status == 303
    assert headers["Location"] == "/admin/records?node=books"
    assert "Emma!" in panel.ctl("items", "books").stdout
    # Somebody else had the form of the version before.
    status, _, html = panel.browse(post, me, title="Emma?", year="1815",
                                   **typed)
    assert status == 422 and "Somebody has changed it meanwhile" in html
    assert "It is now: Emma!" in html and value(html, "title") == "Emma?"
    assert value(html, "version") not in ("", version)
    typed["version"] = value(html, "version")
    assert panel.browse(post, me, title="Emma", year="1815",
                        **typed)[0] == 303
    assert "Emma?" not in panel.ctl("items", "books").stdout


def test_an_edit_is_judged_as_any_record(panel):
    me = panel.cookies["admin"]
    page = "/admin/record?node=books&id=hamlet"
    version = value(panel.browse(page, me)[2], "version")
    status, _, html = panel.browse(
        page + "&do=records/books/edit", me, id="hamlet", version=version,
        title="", kind="opera", year="x", author="nobody")
    assert status == 422 and html.count("cnc-error") >= 3
    status, _, html = panel.browse("/_do/records/books/edit", me, id="nix",
                                   title="x")
    assert status == 422 and "There is no such record." in html


def test_records_are_added_changed_and_deleted_together(panel):
    me = panel.cookies["admin"]
    for i in range(3):
        status = panel.browse("/_do/records/books/add?next=/admin", me,
                              id=f"new{i}", title=f"New {i}")[0]
        assert status == 303
    status, _, html = panel.browse("/_do/records/books/add", me, id="new0",
                                   title="Again")
    assert status == 422 and "already" in html
    ids = ["new0", "new1", "new2"]
    assert panel.browse("/_do/records/set?next=/admin", me, node="books",
                        ids=ids, field="year", value="1999")[0] == 303
    assert records(panel, "&where=year%3D1999&sort=title")[1] == ids
    status, _, html = panel.browse("/_do/records/set", me, node="books",
                                   ids=ids, field="year", value="later")
    assert status == 422 and "new0" in html
    assert panel.browse("/_do/records/delete?next=/admin", me, node="books",
                        ids=ids)[0] == 303
    assert records(panel, "&where=year%3D1999")[1] == []


def test_a_node_that_no_app_names_has_no_records(panel):
    status, _, html = panel.browse("/_do/records?node=templates",
                                   panel.cookies["admin"])
    assert status == 422 and "No app has a node" in html


def test_over_xmpp_the_id_alone_asks_for_the_form_filled_in(panel):
    out = panel.ctl("console", stdin=(
        "<iq type='set' to='localhost' id='e'><command "
        "xmlns='http://jabber.org/protocol/commands' "
        "node='records/books/edit' action='complete'>"
        "<x xmlns='jabber:x:data' type='submit'><field var='id'>"
        "<value>hamlet</value></field></x></command></iq>\n"),
        check=False).stdout
    assert "This is what it is now." in out
    assert 'status="executing"' in out and "<value>Hamlet</value>" in out


def states(panel):
    rows = json.loads(panel.ctl("do", "--json", "apps").stdout)["table"]
    return {row["name"]: row["state"] for row in rows}


def test_a_button_goes_back_to_its_page_with_what_was_done(panel):
    me = panel.cookies["admin"]
    page = "/admin/app?name=shelf"
    post = f"{page}&next={urllib.parse.quote(page, '')}&do=apps/"
    status, headers, _ = panel.browse(post + "stop", me, name="shelf")
    assert status == 303 and headers["Location"] == page
    assert states(panel)["shelf"] == "stopped"
    status, headers, _ = panel.browse(post + "start", me, name="shelf")
    assert status == 303 and headers["Location"] == page
    # Another site is never where it goes.
    status, headers, _ = panel.browse(
        page + "&next=//evil.example/&do=apps/start", me, name="shelf")
    assert headers.get("Location", "") in ("", "/_do/apps")
    # What is in the way is told on the page.
    status, _, html = panel.browse(post + "remove", me, name="auth")
    assert status == 409 and 'role="alert"' in html
    assert "app &#34;admin&#34; needs &#34;auth&#34;" in html or \
        'app "admin" needs "auth"' in html
    assert states(panel)["auth"] == "running"
    status, _, html = panel.browse("/admin/app?name=nobody", me)
    assert status == 404 and "There is no app" in html


def test_several_apps_are_started_and_stopped_at_once(panel):
    def set_(names, state, **more):
        status, _, html = panel.browse(
            "/_do/apps/set?next=/admin/apps", panel.cookies["operator"],
            names=names, state=state, **more)
        return status, html

    assert set_(["shelf", "nobody"], "stopped")[0] == 422
    assert states(panel)["shelf"] == "running"
    status, html = set_([], "stopped")
    assert status == 422 and "Please choose some." in html
    assert set_(["shelf"], "asleep")[0] == 422
    assert set_(["shelf", "shelf"], "stopped")[0] == 303
    assert states(panel)["shelf"] == "stopped"
    said = panel.ctl("do", "apps/set", "names=shelf", "state=stopped").stdout
    assert "They are stopped already." in said
    said = panel.ctl("do", "apps/set", "names=shelf", "state=running").stdout
    assert "Started: shelf." in said


def test_a_suite_goes_with_what_it_alone_needs_and_comes_back(panel):
    said = panel.ctl("do", "apps/set", "names=admin", "state=stopped",
                     "needs=true").stdout
    assert "Stopped: auth, admin." in said
    assert states(panel) == {"auth": "stopped", "admin": "stopped",
                             "shelf": "running"}
    said = panel.ctl("do", "apps/set", "names=admin", "state=running").stdout
    assert "Started: auth, admin." in said
    assert panel.browse("/admin/apps", panel.cookies["admin"])[0] == 200


def test_apps_tell_of_one_alone_and_who_needs_it(panel):
    [row] = json.loads(panel.ctl("do", "--json", "apps",
                                 "name=auth").stdout)["table"]
    assert row["name"] == "auth" and row["needed_by"] == "admin"
    assert panel.ctl("do", "apps", "name=nobody",
                     check=False).returncode != 0


def test_a_backup_is_fetched_by_who_may_make_one(panel):
    panel.ctl("do", "backup")
    [row, *_] = json.loads(panel.ctl("do", "--json",
                                     "backups").stdout)["table"]
    path = "/_backup/" + row["name"]
    for who in ("guest", "user"):
        assert panel.browse(path, panel.cookies[who])[0] == 403
    status, headers, text = panel.browse(path, panel.cookies["admin"])
    assert status == 200 and len(text.encode()) == int(row["bytes"])
    assert headers["Content-Disposition"].startswith("attachment;")
    assert headers["Cache-Control"] == "no-store"
    for name in ("../concordance.db", "concordance.db", "backup-.xml",
                 "backup-..%2Fx.xml", ""):
        assert panel.browse("/_backup/" + name,
                            panel.cookies["admin"])[0] in (400, 404)
        assert panel.ctl("do", "backups/delete", "name=" + name,
                         check=False).returncode != 0
    assert "is whole" in panel.ctl("do", "backups/check",
                                   "name=" + row["name"]).stdout
    file = os.path.join(panel.data, row["name"])
    with open(file, "r+b") as f:
        f.truncate(int(row["bytes"]) // 2)
    done = panel.ctl("do", "backups/check", "name=" + row["name"],
                     check=False)
    assert done.returncode != 0 and "no backup" in done.stderr
    panel.ctl("do", "backups/delete", "name=" + row["name"])
    assert not os.path.exists(file)
    assert "backups/download" in panel.ctl("items", "service/audit").stdout


def test_a_log_in_is_ended_by_its_id(panel):
    cookie = panel.log_in("bob")
    rows = json.loads(panel.ctl("do", "--json", "logins",
                                "jid=bob@localhost").stdout)["table"]
    assert len(rows) == 2 and {r["kind"] for r in rows} == {"web"}
    newest = rows[0]["id"]
    done = panel.ctl("do", "logins/end", "jid=ann@localhost", "id=" + newest,
                     check=False)
    assert done.returncode != 0 and "no such log-in" in done.stderr
    panel.ctl("do", "logins/end", "jid=bob@localhost", "id=" + newest)
    left = json.loads(panel.ctl("do", "--json", "logins",
                                "jid=bob@localhost").stdout)["table"]
    assert [r["id"] for r in left] == [rows[1]["id"]]
    assert panel.browse("/admin/apps", cookie)[0] == 303
    assert panel.browse("/admin/apps", panel.cookies["user"])[0] == 403


def test_the_panel_speaks_german(panel):
    html = panel.browse("/admin/apps?lang=de", panel.cookies["admin"])[2]
    assert '<html lang="de"' in html and "Einträge je Sekunde" in html
    assert "läuft" in html and "Items a second" not in html
    html = panel.browse("/admin/audit?lang=de", panel.cookies["admin"])[2]
    assert "Wer was geändert hat" in html
    # Over XMPP, too.
    out = panel.ctl("console", stdin=(
        "<iq type='set' to='localhost' id='e' xml:lang='de'><command "
        "xmlns='http://jabber.org/protocol/commands' node='roles' "
        "action='execute'/></iq>\n"), check=False).stdout
    assert "Rolle" in out and "<value>admin</value>" in out


def test_each_text_of_the_panel_has_its_german():
    def entries(file):
        with open(os.path.join(TOP, file), encoding="utf-8") as f:
            return set(re.findall(r'^msgid "(.+)"$', f.read(), re.M))

    known = entries("apps/admin/locale/de.po") | entries(
        "src/web/locale/de.po")
    texts = set()
    for file in glob.glob(os.path.join(TOP, "apps/admin/*.xsl")):
        with open(file, encoding="utf-8") as f:
            for text in re.findall(r"<c:text>(.*?)</c:text>", f.read(), re.S):
                texts.add(" ".join(markup.unescape(text).split()))
    with open(os.path.join(TOP, "apps/admin/admin.c"), encoding="utf-8") as f:
        texts |= set(re.findall(r'\.title = "([^"]*)"', f.read()))
    assert len(texts) > 100
    assert sorted(texts - known) == []


def test_settings_go_back_to_any_version(panel):
    me = panel.cookies["admin"]
    page = "/admin/settings?of=auth"

    def post(command, **fields):
        return panel.browse(
            f"{page}&next={urllib.parse.quote(page, '')}&do={command}", me,
            **fields)

    def form():
        text = panel.browse(page, me)[2]
        return text, dict(re.findall(
            r'<input[^>]* name="([^"]*)"[^>]* value="([^"]*)"',
            text.split('id="settings"')[1].split("</form>")[0]))

    _, first = form()
    first["sign-up"] = "invited"
    status, headers, text = post("settings/auth", **first)
    assert status == 303 and headers["Location"] == page, text
    # Two administrators with the same form: the second is told, nothing of
    # what he typed is lost.
    status, _, text = post("settings/auth", **{**first, "sign-up": "open"})
    assert status == 422 and "Somebody has changed it meanwhile" in text
    text, _ = form()
    assert "Earlier settings" in text and "ann@localhost" in text
    assert post("settings/auth/revert", version="0")[0] == 303
    text, _ = form()
    assert "the defaults again" in text
    assert post("settings/auth/revert", version="99")[0] == 422
    status, _, text = panel.browse("/admin/settings?of=nobody", me)
    assert status == 404 and "This app has no settings." in text


def test_an_installed_app_is_added_with_one_button(panel):
    me = panel.cookies["admin"]

    def installed():
        html = panel.browse("/admin/apps", me)[2]
        return re.findall(r'aria-label="Add ([^"]*)"', html)

    before = installed()
    assert "desk" in before and "auth" not in before
    assert before == sorted(before)
    status, headers, _ = panel.browse(
        "/admin/apps?next=/admin/apps&do=apps/add", me, app="desk")
    assert status == 303 and headers["Location"] == "/admin/apps"
    assert states(panel)["desk"] == "running" and "desk" not in installed()
    status, _, html = panel.browse("/admin/apps?do=apps/add", me, app="nix")
    assert status == 404 and "there is no app" in html
    assert panel.browse("/admin/app?name=desk&next=/admin/apps&do=apps/remove",
                        me, name="desk")[0] == 303
    assert installed() == before
