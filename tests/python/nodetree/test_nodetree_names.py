# SPDX-License-Identifier: MIT
"""Namespaces, prefixes and declarations."""
import pytest

from nodetree import Document, Element


def test_names_in_clark_notation():
    e = Element('{urn:x}item')
    assert (e.name, e.namespace, e.prefix, e.tag) == (
        'item', 'urn:x', None, '{urn:x}item')
    assert str(e) == '<item xmlns="urn:x"/>'
    e.name = 'other'
    assert e.tag == '{urn:x}other'
    e.name = '{urn:y}third'
    assert e.tag == '{urn:y}third'
    e.namespace = None
    assert e.tag == 'third' and e.namespace is None
    e.namespace = 'urn:z'
    assert e.tag == '{urn:z}third'
    assert Element('{}plain').tag == 'plain'


@pytest.mark.parametrize('name', ['', 'a:b', '1a', 'a b', '{urn:x}', '{urn:x',
                                  '{urn:x}a:b', 'a\0b', '<a>'])
def test_bad_names(name):
    with pytest.raises(ValueError):
        Element(name)
    e = Element('ok')
    with pytest.raises(ValueError):
        e.name = name
    assert e.name == 'ok'


def test_prefixes_are_kept_from_parsing():
    e = Document('<x:a xmlns:x="urn:x"><x:b/><c xmlns="urn:c"/></x:a>').root
    assert (e.prefix, e.namespace, e.name) == ('x', 'urn:x', 'a')
    assert e[0].prefix == 'x' and e[1].prefix is None
    assert e.declarations == {'x': 'urn:x'}
    assert str(e) == ('<x:a xmlns:x="urn:x"><x:b/><c xmlns="urn:c"/></x:a>')


def test_a_child_taken_out_still_means_the_same():
    root = Document('<a xmlns="urn:a" xmlns:p="urn:p"><p:b><c/></p:b></a>'
                    ).root
    b = root.pop()
    again = Document(str(b)).root
    assert again.tag == '{urn:p}b' and again[0].tag == '{urn:a}c'
    assert again.equals(b)


def test_declarations_are_written_used_or_not():
    e = Element('a')
    e.declare('p', 'urn:p')
    e.declare('', 'urn:default')
    assert e.declarations == {'p': 'urn:p', '': 'urn:default'}
    e.namespace = 'urn:default'
    assert Document(str(e)).root.declarations == e.declarations
    for prefix, ns in (('xml', 'urn:x'), ('xmlns', 'urn:x'), ('a b', 'urn:x'),
                       ('p', '')):
        with pytest.raises(ValueError):
            e.declare(prefix, ns)


def test_setting_a_prefix_is_a_wish():
    e = Element('{urn:x}a')
    e.prefix = 'p'
    assert str(e) == '<p:a xmlns:p="urn:p"/>'.replace('urn:p', 'urn:x')
    e.prefix = None
    assert str(e) == '<a xmlns="urn:x"/>'
    with pytest.raises(ValueError):
        e.prefix = 'a b'
    with pytest.raises(TypeError):
        e.prefix = 1


def test_equals_ignores_prefixes_and_order():
    a = Document('<p:a xmlns:p="urn:x" b="1" c="2">t</p:a>')
    b = Document('<a xmlns="urn:x" c="2" b="1">t</a>')
    assert a.equals(b) and a.root.equals(b.root) and a != b
    b.root.append('more')
    assert not a.equals(b)
    assert not a.equals(a.root) and not a.root.equals('x')


def test_text_and_line():
    d = Document('<a>\n one<b> two</b>\n<c/>three</a>')
    assert d.root.text == '\n one two\nthree'
    assert (d.root.line, d.root[1].line, d.root[3].line) == (1, 2, 3)
    assert Element('x').line is None
