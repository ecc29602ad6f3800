# SPDX-License-Identifier: MIT
"""XSLT, and all that a sheet must not do."""
import os

import pytest

import nodetree
from nodetree import Document, Element, ParseError, XSLTError

SHEET = '''<xsl:stylesheet version="1.0"
  xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
%s
</xsl:stylesheet>'''


def sheet(body):
    return nodetree.XSLT(SHEET % body)


BOOKS = sheet('''<xsl:param name="head" select="'none'"/>
<xsl:template match="/shelf"><ul title="{$head}"><xsl:for-each select="book">
<li><xsl:value-of select="."/></li></xsl:for-each></ul></xsl:template>''')
SHELF = '<shelf><book>A &amp; B</book><book>C</book></shelf>'


def test_a_document_becomes_a_document():
    d = BOOKS(Document(SHELF))
    assert type(d) is Document
    assert str(d.root) == ('<ul title="none"><li>A &amp; B</li><li>C</li>'
                           '</ul>')
    assert str(BOOKS(Document(SHELF).root)) == str(d)
    d.root.append(Element('li'))


def test_parameters_are_values_never_code():
    for value in ('a"b\'c', "x' or '1", 'document("x")'):
        assert BOOKS(Document(SHELF), head=value).root.attributes[
            'title'] == value
    assert BOOKS(Document(SHELF), head=3).root.attributes['title'] == '3'
    assert BOOKS(Document(SHELF), head=True).root.attributes[
        'title'] == 'true'
    with pytest.raises(TypeError):
        BOOKS(Document(SHELF), head=[])


def test_sheets_from_trees_and_bytes():
    text = SHEET % '<xsl:template match="/"><out/></xsl:template>'
    for source in (text, text.encode(), bytearray(text.encode()),
                   Document(text), Document(text).root):
        assert str(nodetree.XSLT(source)(Document('<a/>')).root) == '<out/>'
    with pytest.raises(TypeError):
        nodetree.XSLT(1)
    with pytest.raises(TypeError):
        BOOKS('<a/>')


def test_the_source_is_not_changed():
    d = Document('<a> <b/> </a>')
    before = str(d)
    sheet('<xsl:strip-space elements="*"/><xsl:template match="/"><x>'
          '<xsl:copy-of select="."/></x></xsl:template>')(d)
    assert str(d) == before


def test_text_html_and_serialize():
    s = sheet('<xsl:output method="text"/><xsl:template match="/">a&lt;b'
              '</xsl:template>')
    assert s(Document('<a/>')) == 'a<b'
    s = sheet('<xsl:output method="html" doctype-system="about:legacy-compat"'
              '/><xsl:template match="/"><html><body><br/>x</body></html>'
              '</xsl:template>')
    assert str(s(Document('<a/>')).root) == (
        '<html><body><br/>x</body></html>')
    html = s.serialize(Document('<a/>'))
    assert html.startswith('<!DOCTYPE html') and '<br>x' in html


def test_a_broken_sheet_says_where():
    with pytest.raises(XSLTError) as e:
        sheet('<xsl:template match="/">\n<xsl:value-of select="(("/>'
              '</xsl:template>')
    assert e.value.line == 4 and e.value.reason
    assert str(e.value).startswith('line 4: ')
    with pytest.raises(XSLTError):
        nodetree.XSLT('<not-a-sheet/>')
    with pytest.raises(ParseError):
        nodetree.XSLT('<xsl:stylesheet')
    with pytest.raises(ParseError):
        nodetree.XSLT('<!DOCTYPE x><x/>')


def test_message_terminate_is_an_error():
    s = sheet('<xsl:template match="/"><xsl:message terminate="yes">No '
              'shelf</xsl:message></xsl:template>')
    with pytest.raises(XSLTError, match='No shelf'):
        s(Document('<a/>'))


def test_no_files_are_read(tmp_path):
    secret = tmp_path / 'secret.xml'
    secret.write_text('<secret>hidden</secret>')
    s = sheet(f'<xsl:template match="/"><x><xsl:copy-of '
              f'select="document(\'{secret}\')"/></x></xsl:template>')
    try:
        out = str(s(Document('<a/>')))
    except XSLTError:
        out = ''
    assert 'hidden' not in out
    for name in ('import', 'include'):
        secret.write_text(SHEET % '<xsl:template match="/">hidden'
                          '</xsl:template>')
        with pytest.raises(XSLTError):
            sheet(f'<xsl:{name} href="{secret}"/>')


def test_no_network_is_used():
    for url in ('http://127.0.0.1:9/x', 'ftp://127.0.0.1:9/x'):
        s = sheet(f'<xsl:template match="/"><x><xsl:copy-of '
                  f'select="document(\'{url}\')"/></x></xsl:template>')
        with pytest.raises(XSLTError):
            s(Document('<a/>'))


@pytest.mark.parametrize('element, ns', [
    ('x:document', 'http://exslt.org/common'),
    ('x:write', 'org.apache.xalan.xslt.extensions.Redirect'),
    ('x:output', 'http://icl.com/saxon'),
])
def test_no_files_are_written(tmp_path, element, ns):
    target = tmp_path / 'written'
    s = sheet(f'<xsl:template match="/"><o><{element} xmlns:x="{ns}" '
              f'href="{target}" file="{target}">data</{element}></o>'
              f'</xsl:template>')
    try:
        s(Document('<a/>'))
    except ValueError:
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize('body', [
    '<xsl:template match="/" name="t"><xsl:call-template name="t"/>'
    '</xsl:template>',
    '<xsl:template match="/"><o><xsl:apply-templates select="/"/></o>'
    '</xsl:template>',
    '<xsl:template match="/"><o><xsl:for-each select="//b">'
    '<xsl:for-each select="//b"><xsl:for-each select="//b"><x/>'
    '</xsl:for-each></xsl:for-each></xsl:for-each></o></xsl:template>',
])
def test_endless_sheets_end(body):
    d = Document('<a>' + '<b/>' * 1000 + '</a>')
    with pytest.raises(XSLTError):
        sheet(body)(d)


def test_steps_are_counted(capfd):
    body = ('<xsl:template match="/"><o><xsl:for-each select="//b"><x/>'
            '</xsl:for-each></o></xsl:template>')
    d = Document('<a>' + '<b/>' * 1000 + '</a>')
    assert len(sheet(body)(d).root) == 1000
    with pytest.raises(XSLTError, match='more steps than the limit'):
        nodetree.XSLT(SHEET % body, max_steps=100)(d)
    for bad in (0, -1):
        with pytest.raises(ValueError):
            nodetree.XSLT(SHEET % body, max_steps=bad)
    assert capfd.readouterr().err == ''


def test_output_escaping_cannot_be_disabled():
    for method in ('xml', 'html', 'text'):
        s = sheet(f'<xsl:output method="{method}"/><xsl:template match="/">'
                  f'<o><xsl:value-of disable-output-escaping="yes" '
                  f'select="."/></o></xsl:template>')
        d = Document('<a>&lt;script&gt;</a>')
        if method != 'text':
            assert s(d).root[0] == '<script>'
            assert '<script>' not in s.serialize(d)


def test_a_result_without_a_root_is_an_error():
    s = sheet('<xsl:template match="/">text</xsl:template>')
    with pytest.raises(ParseError):
        s(Document('<a/>'))
    assert s.serialize(Document('<a/>')).endswith('text\n')
