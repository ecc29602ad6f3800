# SPDX-License-Identifier: MIT
"""The administrator's commands about templates, over the link."""
from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from service import Service, until
from test_nodes import DATA, Link, note, rows

SHEET = """<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/">
    <html lang="en"><head><title>T</title></head>
      <body>
        <p>%s</p>
      </body>
    </html>
  </xsl:template>
</xsl:stylesheet>"""


@pytest.fixture(scope="module")
def service():
    with Service() as s:
        yield s


@pytest.fixture
def link(service):
    one = Link(service)
    yield one
    one.close()


def put(link, text: str, id: str = "bookcase.xsl") -> ET.Element:
    return link.do("templates/put", id=id, text=text.split("\n"))


def lines(command: ET.Element, var: str) -> list[str]:
    for field in command.iter(f"{DATA}field"):
        if field.get("var") == var:
            return [v.text or "" for v in field.findall(f"{DATA}value")]
    raise AssertionError(ET.tostring(command))


def versions(link) -> list[dict]:
    return rows(link.do("templates/history", id="bookcase.xsl"))


def test_templates_are_listed_with_their_pages(link):
    list_ = {r["id"]: r for r in rows(link.do("templates/list"))}
    assert list_["bookcase.xsl"]["pages"] == "/"
    assert int(list_["bookcase.xsl"]["bytes"]) > 100


def test_a_new_version_changes_the_page_and_an_old_one_brings_it_back(
        service, link):
    first = versions(link)[0]["position"]
    assert note(put(link, SHEET % "Version two")).startswith("It is publish")
    until("the page", lambda: "Version two" in service.page())
    back = link.do("templates/rollback", id="bookcase.xsl", version=first)
    assert note(back).startswith("It is publish"), ET.tostring(back)
    until("the page", lambda: "Version two" not in service.page())
    assert len(versions(link)) >= 3


def test_what_changed_is_said_line_by_line(link):
    put(link, SHEET % "One")
    put(link, SHEET % "Two &amp; a half")
    new, old = [v["position"] for v in versions(link)[:2]]
    answer = link.do("templates/diff", id="bookcase.xsl", **{"from": old},
                     to=new)
    assert note(answer) == "2 lines differ."
    text = lines(answer, "diff")
    assert "-        <p>One</p>" in text
    assert "+        <p>Two &amp; a half</p>" in text
    assert text[0] == "..." and not any("stylesheet" in t for t in text)
    same = link.do("templates/diff", id="bookcase.xsl", **{"from": new})
    assert note(same) == "They are the same."


def test_a_version_is_shown(link):
    put(link, SHEET % "Shown")
    assert "        <p>Shown</p>" in lines(
        link.do("templates/show", id="bookcase.xsl"), "text")
    assert "Shown" not in "\n".join(lines(
        link.do("templates/show", id="bookcase.xsl", version="file"), "text"))


def test_a_broken_one_is_refused_and_the_page_stays(service, link):
    put(link, SHEET % "Still here")
    until("the page", lambda: "Still here" in service.page())
    answer = put(link, "<xsl:stylesheet")
    assert "line" in ET.tostring(answer, encoding="unicode").lower()
    assert "published" not in note(answer)
    assert "Still here" in service.page()


@pytest.mark.parametrize("node, fields, field", [
    ("templates/show", {"id": "nowhere.xsl"}, "id"),
    ("templates/rollback", {"id": "bookcase.xsl", "version": "1.2"},
     "version"),
    ("templates/diff", {"id": "bookcase.xsl", "from": "x"}, "from"),
    ("templates/put", {"id": "bookcase.xsl"}, "text"),
])
def test_what_is_wrong_is_said_at_its_field(link, node, fields, field):
    answer = link.do(node, **fields)
    assert answer.get("status") == "executing", ET.tostring(answer)
    at = [f for f in answer.iter(f"{DATA}field") if f.get("var") == field]
    assert at and at[0].find(
        "{http://concordance-xmpp.org/ns/form}error") is not None
