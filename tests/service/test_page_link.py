# SPDX-License-Identifier: MIT
"""Handlers of pages that run in a web server's process, which is spoken by
hand: what it is told, and what is believed of its answer."""
import os
import re

import pytest

from link import Link, WEB, Answer
from service import BUILD, Service, until
from wire import Closed, condition

FINDER = os.path.join(BUILD, "tests/service/apps/finder.so")
HERE = "addr='192.0.2.7' apps='news finder'"
DATA = "jabber:x:data"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Service(FINDER, store="memory",
                 files=str(tmp_path_factory.mktemp("finder"))) as s:
        for id, title in (("b1", "Emma"), ("b2", "Ulysses"),
                          ("b3", "A &amp; &lt;B&gt;")):
            s.ctl("publish", "books", f'<book xmlns="urn:x-test:finder">'
                  f"<title>{title}</title></book>", id)
        yield s


@pytest.fixture
def link(service):
    with Link(service.link) as c:
        yield c


def ask(link, path, **more):
    """The <run/> that a request is answered with."""
    name = link.send("set", link.req("GET", path, client=HERE, **more))
    iq = link.answer(name)
    run = iq.find(f"{{{WEB}}}run")
    assert run is not None, Answer(iq).status
    return run


def ran(link, run, inner, more="", call=None):
    """What came of it, told; the answer to that."""
    call = run.get("call") if call is None else call
    iq = link.iq("set", f"<ran xmlns='{WEB}' call='{call}'{more}>{inner}"
                        "</ran>")
    return link.whole(Answer(iq))


def table(*titles, columns="<reported><field var='title' label='Title'/>"
                           "</reported>"):
    return (f"<x xmlns='{DATA}' type='result'>{columns}" + "".join(
        f"<item><field var='title'><value>{t}</value></field></item>"
        for t in titles) + "</x>")


def test_a_page_of_c_is_made_by_the_service(service, link):
    status, _, html = service.get("/find?q=e")
    assert status == 200 and "2 found by the service." in html
    assert link.get("/find?q=e", client="apps='news'").body.decode() == html
    assert service.get("/find")[0] == 200
    assert service.get("/staff?q=e")[0] == 403


def test_a_handler_of_c_that_only_reads_changes_nothing(service):
    status, _, html = service.get("/take")
    assert status == 403
    until("the log says which call", lambda: any(
        "app.misuse" in line and "cnc_retract()" in line
        for line in service.log))
    assert "Emma" in service.ctl("items", "books").stdout


def test_the_process_is_told_who_asks_and_what(link):
    run = ask(link, "/find?q=%3Ce%3E&lang=de")
    assert {k: run.get(k) for k in ("app", "command", "guest", "operator",
                                    "roles", "user", "lang")} == {
        "app": "finder", "command": "find", "guest": "true",
        "operator": "false", "roles": "", "user": "guest@localhost",
        "lang": "de"}
    assert re.fullmatch("[0-9a-f]{32}", run.get("call"))
    assert run.get("url").startswith("http")
    words, = run
    assert words.tag == "{urn:x-test:finder}words"
    assert words.findtext("{*}q") == "<e>"


def test_the_page_of_its_answer_is_the_services_own(service, link):
    """The same answer makes the same page, byte for byte."""
    here = service.get("/find?q=e")[2]
    run = ask(link, "/find?q=e")
    a = ran(link, run, "<note>2 found by the service.</note>"
            + table("Emma", "Ulysses"))
    assert a.status == 200 and a.body.decode() == here
    assert a["Cache-Control"] == "private, no-store"


def test_what_was_typed_wrong_never_leaves_the_service(service, link):
    a = link.get("/find?q=" + 21 * "x", client=HERE)
    assert a.status == 422 and b"aria-invalid" in a.body
    a = link.get("/staff?q=e", client=HERE)
    assert a.status == 403
    assert link.get("/find", client=HERE).status == 200  # its form


def test_a_form_that_is_posted_goes_the_same_way(link):
    name = link.send("set", link.req(
        "POST", "/find?do=find",
        {"Content-Type": "application/x-www-form-urlencoded"},
        "<data><text>q=ul</text></data>", client=HERE))
    run = link.answer(name).find(f"{{{WEB}}}run")
    assert run.find(".//{*}q").text == "ul"
    assert b"Here it is." in ran(link, run, "<note>Here it is.</note>").body


def test_a_page_of_several_has_one_after_the_other(link):
    run = ask(link, "/both?q=e")
    iq = link.iq("set", f"<ran xmlns='{WEB}' call='{run.get('call')}'>"
                        "<note>The first.</note></ran>")
    other = iq.find(f"{{{WEB}}}run")
    assert {run.get("command"), other.get("command")} == {"find", "again"}
    a = ran(link, other, "<note>The second.</note>")
    assert b"The first." in a.body and b"The second." in a.body


def test_a_handler_that_is_not_there_runs_in_the_service(service, link):
    a = ran(link, ask(link, "/find?q=e"), "<not-here/>")
    assert a.body.decode() == service.get("/find?q=e")[2]


def test_refusals_and_faults_are_the_services_to_tell(service, link):
    a = ran(link, ask(link, "/find?q=e"), "<refuse field='q'>No &lt;e&gt;."
                                          "</refuse>")
    assert a.status == 422 and b"No &lt;e&gt;." in a.body
    a = ran(link, ask(link, "/find?q=e"),
            "<fault>KeyError: secret (x.py:7)</fault>")
    assert a.status == 500 and b"secret" not in a.body
    until("its place", lambda: any(
        "app.handler" in line and "KeyError: secret (x.py:7)" in line
        for line in service.log))
    a = ran(link, ask(link, "/find?q=e"), "<fault timeout='true'>x</fault>")
    assert a.status == 504


def test_nobody_else_answers_and_nobody_twice(service, link):
    run = ask(link, "/find?q=e")
    with Link(service.link) as other:
        assert ran(other, run, "<note>1</note>").error == "item-not-found"
        assert ran(other, run, "<note>1</note>",
                   " more='true'").error == "item-not-found"
    for call in ("", "0" * 32, run.get("call")[:-1], "x" * 5000,
                 run.get("call").upper() + "0"):
        assert ran(link, run, "<note>2</note>", call=call).error == \
            "item-not-found"
    assert b"Once." in ran(link, run, "<note>Once.</note>").body
    assert ran(link, run, "<note>Twice.</note>").error == "item-not-found"


@pytest.mark.parametrize("inner", [
    "<script/>", "text alone and <b/>", "<x xmlns='urn:x'/>",
    table("1", columns=""), table("1") + table("2"),
    f"<x xmlns='{DATA}'><field><value>1</value></field></x>",
    f"<x xmlns='{DATA}'><field var='{'n' * 300}'/></x>",
    "<note>" + "x" * (5 << 20) + "</note>", table("x" * (5 << 20))],
    ids=["script", "text", "foreign", "rows alone", "two tables", "no name",
         "long name", "long note", "long cell"])
def test_what_is_no_answer_is_a_fault(service, link, inner):
    a = ran(link, ask(link, "/find?q=e"), inner)
    assert a.status == 500
    service.ctl("do", "apps/start", "name=finder", check=False)


def test_markup_in_an_answer_is_text(link):
    a = ran(link, ask(link, "/find?q=e"),
            "<note>&lt;script&gt;1&lt;/script&gt;</note>"
            + table("&lt;img src=x&gt;"))
    assert a.status == 200
    assert b"<script>1" not in a.body and b"<img src=x" not in a.body
    assert b"&lt;img src=x&gt;" in a.body


def test_a_place_to_go_is_of_this_domain(service, link):
    run = ask(link, "/find?q=e")
    a = ran(link, run, "<see>/both</see><note>Go.</note>")
    assert a.status == 303 and a["Location"] == "/both"
    for place in ("//evil.example/", "https://evil.example/", "javascript:x"):
        a = ran(link, ask(link, "/find?q=e"), f"<see>{place}</see>")
        assert a.status == 200


def test_a_large_answer_comes_in_parts_and_has_an_end(link):
    run = ask(link, "/find?q=e")
    for i in range(30):
        part = table(*("x" * 1900 for _ in range(100)),
                     **({} if i == 0 else {"columns": ""}))
        a = ran(link, run, part, " more='true'")
        assert a.error == "" and a.iq.get("type") == "result"
    a = ran(link, run, "<note>All.</note>")
    assert a.status == 200 and b"All." in a.body
    assert re.search(rb"\d+ more do not fit in an answer", a.body)
    assert len(a.body) < 8 << 20


def test_a_stanza_that_is_too_large_ends_that_session_alone(service):
    with Link(service.link) as c:
        run = ask(c, "/find?q=e")
        with pytest.raises(Closed):
            ran(c, run, "<note>" + "x" * (17 << 20) + "</note>")
    assert service.get("/find?q=e")[0] == 200


def test_a_process_that_goes_is_forgotten(service):
    with Link(service.link) as c:
        ask(c, "/find?q=e")
    until("the log says so", lambda: any(
        "app.errand" in line for line in service.log))
    assert service.get("/find?q=e")[0] == 200


def test_an_app_that_stops_meanwhile_answers_nobody(service, link):
    run = ask(link, "/find?q=e")
    service.ctl("do", "apps/stop", "name=finder")
    try:
        a = ran(link, run, "<note>Too late.</note>")
        # The page of an app that is gone, or it was given up already.
        assert a.status == 404 or a.error == "item-not-found"
        assert b"Too late." not in a.body
    finally:
        service.ctl("do", "apps/start", "name=finder")
    assert service.get("/find?q=e")[0] == 200


def query(link, inner="", app="finder", node="books", **attributes):
    words = "".join(f" {k}='{v}'" for k, v in attributes.items())
    return link.iq("get", f"<query xmlns='{WEB}' app='{app}' node='{node}'"
                          f"{words}>{inner}</query>")


def titles(iq):
    return [t.text for t in iq.iter("{urn:x-test:finder}title")]


def test_records_and_settings_are_read_as_by_the_app(link):
    iq = query(link, "<param name='t'>A &amp; &lt;B&gt;</param>",
               where="title={t}")
    assert titles(iq) == ["A & <B>"] and iq[0].get("total") == "1"
    iq = query(link, sort="-title", offset=1, limit=1)
    assert titles(iq) == ["Emma"] and iq[0].get("total") == "3"
    assert titles(query(link, search="ul")) == ["Ulysses"]
    assert titles(query(link, item="b1")) == ["Emma"]
    assert titles(query(link, item="b9")) == []
    assert query(link, where="title=")[0].get("error") == \
        'where: "title" needs a value; "" is none'
    iq = link.iq("get", f"<setting xmlns='{WEB}' app='finder' "
                        "name='greeting'/>")
    assert iq[0].text == "Hello"


def test_what_is_no_question_is_refused(link):
    assert condition(query(link, limit=0)) == "bad-request"
    assert condition(query(link, limit="9" * 30)) == "bad-request"
    assert condition(query(link, offset=-1)) == "bad-request"
    assert condition(query(link, "<param>x</param>")) == "bad-request"
    assert condition(query(link, "".join(
        f"<param name='p{i}'>x</param>" for i in range(65)))) == "bad-request"
    assert condition(query(link, node="nothing")) == "item-not-found"
    assert condition(query(link, app="nobody")) == "item-not-found"
    assert query(link, where="title~" + "x" * 2000)[0].get("error")
    assert query(link, search="x" * 2000)[0].get("error")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's id")
@pytest.mark.parametrize("options, let", [((), False),
                                          (("--link-user", "65534"), True)])
def test_another_user_reads_when_he_is_let(options, let, tmp_path):
    with Service(FINDER, *options, store="memory", files=str(tmp_path)) as s:
        os.chmod(s.data, 0o711)
        os.chmod(s.link, 0o666)
        with Link(s.link, uid=65534) as c:
            for iq in (query(c), c.iq("get", f"<setting xmlns='{WEB}' "
                                      "app='finder' name='greeting'/>")):
                assert condition(iq) == ("" if let else "forbidden")
            if let:
                ran(c, ask(c, "/find?q=e"), "<note>By him.</note>")
