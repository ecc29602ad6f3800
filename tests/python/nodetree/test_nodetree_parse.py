# SPDX-License-Identifier: MIT
"""Documents: what is read, what is refused, and where."""
import pickle

import pytest

from nodetree import Document, ParseError


@pytest.mark.parametrize('xml, line, column', [
    ('', 1, None),
    ('<a>', 1, None),
    ('<a></b>', 1, None),
    ('<a>\n<b>\n</a>', 3, None),
    ('<a>\n  <b x=1/></a>', 2, None),
    ('<a b="1" b="2"/>', 1, None),
    ('<a>&nbsp;</a>', 1, None),
    ('<a/><b/>', 1, None),
    ('text', 1, None),
    ('<a/>text', 1, None),
    ('<p:a/>', 1, None),
    ('<a>\n\n  &', 3, None),
    ('<a>]]></a>', 1, None),
    ('<a>\x01</a>', 1, None),
    ('<a>\n<!-- a -- b --></a>', 2, None),
    (b'<a>\xff</a>', 1, None),
])
def test_malformed_xml_says_where(xml, line, column):
    with pytest.raises(ParseError) as e:
        Document(xml)
    assert e.value.line == line
    assert e.value.column >= 1
    assert e.value.reason
    assert e.value.condition
    assert f'line {line}, column {e.value.column}' in str(e.value)
    assert isinstance(e.value, ValueError)
    again = pickle.loads(pickle.dumps(e.value))
    assert str(again) == str(e.value) and again.line == line


def test_the_column_counts_characters():
    with pytest.raises(ParseError) as e:
        Document('<é>\n<b>ééé</c></é>')
    assert (e.value.line, e.value.column) in {(2, 7), (2, 9)}


@pytest.mark.parametrize('xml', [
    '<!DOCTYPE a><a/>',
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    '<?xml version="1.0"?>\n<!DOCTYPE a PUBLIC "-//x" "http://x/"><a/>',
])
def test_a_document_type_is_refused(xml):
    with pytest.raises(ParseError) as e:
        Document(xml)
    assert e.value.condition == 'restricted-xml'


def test_the_five_entities_and_references():
    assert Document('<a>&lt;&gt;&amp;&apos;&quot;&#233;&#x1D11E;</a>'
                    ).root.text == '<>&\'"é𝄞'
    with pytest.raises(ParseError):
        Document('<a>&#0;</a>')


def test_other_encodings_are_refused():
    Document('<?xml version="1.0" encoding="utf-8"?><a/>')
    with pytest.raises(ParseError):
        Document('<?xml version="1.0" encoding="ISO-8859-1"?><a/>')


def test_cdata_is_text():
    assert Document('<a>x<![CDATA[<&>]]>y</a>').root.text == 'x<&>y'
    assert list(Document('<a>x<![CDATA[<&>]]>y</a>').root) == ['x<&>y']


@pytest.mark.parametrize('limit, good, bad', [
    (dict(max_depth=3), '<a><b><c/></b></a>', '<a><b><c><d/></c></b></a>'),
    (dict(max_attributes=2), '<a b="" c=""/>', '<a b="" c="" d=""/>'),
    (dict(max_bytes=40), '<a>0123456789</a>', '<a>' + 'x' * 40 + '</a>'),
    (dict(max_token=20), '<a>0123456789</a>', '<a>' + 'x' * 40 + '</a>'),
    (dict(max_children=3), '<a><b/><b/><b/></a>',
     '<a><b/><b/><b/><b/></a>'),
])
def test_limits(limit, good, bad):
    assert Document(good, **limit).root.name == 'a'
    with pytest.raises(ParseError) as e:
        Document(bad, **limit)
    assert e.value.condition == 'policy-violation'


def test_default_limits_and_bad_limits():
    with pytest.raises(ParseError):
        Document('<a>' * 300 + '</a>' * 300)
    for bad in (0, -1, 1 << 40):
        with pytest.raises(ValueError):
            Document(max_depth=bad)
    with pytest.raises(TypeError):
        Document(max_depth='x')
    with pytest.raises(TypeError):
        Document(1)
    with pytest.raises(TypeError):
        Document('<a/>', unknown=1)


def test_a_large_document():
    text = '<a>' + '<b c="d">text &amp; more</b>' * 100_000 + '</a>'
    d = Document(text)
    assert len(d.root) == 100_000
    assert d.root[-1].text == 'text & more'
    assert str(d.root) == text


def test_every_prefix_of_a_document_is_an_error():
    text = ('<?xml version="1.0"?><!--c--><a b="c">t&amp;<![CDATA[x]]>'
            '<?p i?><d/></a>')
    for i in range(len(text)):
        with pytest.raises(ParseError):
            Document(text[:i])
    assert Document(text).root.text == 't&x'
