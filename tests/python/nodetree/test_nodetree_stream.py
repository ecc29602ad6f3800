# SPDX-License-Identifier: MIT
"""Stream: XML that arrives in pieces."""
import gc
import random

import pytest

from nodetree import Element, ParseError, Registry, Stream

OPEN = ('<stream:stream xmlns="jabber:client" '
        'xmlns:stream="http://etherx.jabber.org/streams" to="x">')


def test_pieces_cut_anywhere():
    text = OPEN + ('<message to="é"><body>&lt;Hi 𝄞&gt;</body></message>\n '
                   '<iq type="get"/><presence/></stream:stream>')
    data = text.encode()
    rng = random.Random(3)
    for _ in range(50):
        s, at, got = Stream(), 0, []
        while at < len(data):
            n = rng.randrange(1, 12)
            s.send(data[at:at + n])
            at += n
            got += s
        assert [x.name for x in got] == ['message', 'iq', 'presence']
        assert got[0][0].text == '<Hi 𝄞>'
        assert got[0].attributes['to'] == 'é'
        assert s.closed


def test_root_pop_and_iteration():
    s = Stream()
    assert s.root is None and len(s) == 0 and not s.closed
    with pytest.raises(IndexError):
        s.pop()
    s.send(OPEN)
    root = s.root
    assert root is s.root and root.attributes['to'] == 'x'
    assert root.tag == '{http://etherx.jabber.org/streams}stream'
    s.send('<a/><b/><c/>')
    assert len(s) == 3 and [x.name for x in root] == ['a', 'b', 'c']
    assert s.pop().name == 'a'
    assert s.pop(-1).name == 'c'
    assert [x.name for x in s] == ['b']
    assert list(s) == [] and len(root) == 0
    with pytest.raises(IndexError, match='pop from empty Stream'):
        s.pop()
    s.send('<d')
    s.send('>')
    with pytest.raises(ValueError, match='incomplete branch'):
        s.pop()
    with pytest.raises(ValueError, match='incomplete branch'):
        s.root.pop()
    assert list(s) == []
    s.send('</d>')
    assert [x.name for x in s] == ['d']


def test_a_whole_stanza_can_be_taken_before_the_incomplete_one():
    s = Stream(OPEN + '<a/><b>')
    assert s.root.pop(0).name == 'a'
    with pytest.raises(ValueError, match='incomplete branch'):
        s.root.pop(0)


def test_a_stanza_stands_alone():
    s = Stream(OPEN + '<message><stream:x/><y xmlns=""/></message>')
    m = s.pop()
    assert m.tag == '{jabber:client}message'
    assert repr(m) == (
        '<message>\n'
        '  <stream:x xmlns:stream="http://etherx.jabber.org/streams"/>\n'
        '  <y xmlns=""/>\n</message>')
    again = Stream('<x>' + str(m)).pop()
    assert again.equals(m)
    assert again[0].tag == '{http://etherx.jabber.org/streams}x'


def test_the_root_shows_its_own_declarations():
    s = Stream(OPEN)
    assert 'xmlns="jabber:client"' in repr(s.root)


def test_close_and_the_end_tag():
    s = Stream(OPEN + '<a/></stream:stream>')
    assert s.closed
    with pytest.raises(StopIteration, match='Stream has been closed'):
        s.send(' ')
    assert s.pop().name == 'a'
    s = Stream(OPEN + '<a/><b>')
    s.close()
    s.close()
    assert s.closed and [x.name for x in s] == ['a']
    with pytest.raises(IndexError):
        s.pop()


@pytest.mark.parametrize('xml, condition', [
    ('<!DOCTYPE s><s>', 'restricted-xml'),
    ('<s><!-- c -->', 'restricted-xml'),
    ('<s><?p i?>', 'restricted-xml'),
    ('<s><a>&custom;</a>', 'restricted-xml'),
    ('<s><a></b>', 'not-well-formed'),
    ('<s><a x=1>', 'not-well-formed'),
    ('<?xml version="1.0" encoding="UTF-16"?><s>', 'unsupported-encoding'),
])
def test_restricted_xml(xml, condition):
    s = Stream()
    with pytest.raises(ParseError) as e:
        s.send(xml)
    assert e.value.condition == condition
    assert e.value.line == 1 and e.value.column >= 1 and e.value.reason
    assert s.closed
    with pytest.raises(StopIteration):
        s.send('<a/>')


def test_what_came_before_an_error_is_kept():
    s = Stream('<s>\n<a/>')
    with pytest.raises(ParseError) as e:
        s.send('\n<b/><c></d>')
    assert e.value.line == 3
    assert [x.name for x in s] == ['a', 'b']


@pytest.mark.parametrize('limit, xml', [
    (dict(max_depth=3), '<s><a><b><c>'),
    (dict(max_attributes=1), '<s><a b="" c=""/>'),
    (dict(max_stanza=100), '<s><a>' + '<b/>' * 40),
    (dict(max_token=50), '<s><a b="' + 'x' * 60),
    (dict(max_children=2), '<s><a><b/><b/><b/></a>'),
])
def test_limits(limit, xml):
    with pytest.raises(ParseError) as e:
        Stream(xml, **limit)
    assert e.value.condition == 'policy-violation'


def test_a_stream_has_no_end():
    s = Stream('<s>', max_stanza=100, max_token=100)
    for i in range(10_000):
        s.send(f'<a n="{i}"/>')
        assert s.pop().attributes['n'] == str(i)


def test_reset_starts_again():
    s = Stream(OPEN + '<a/>')
    old = s.root
    s.reset()
    assert s.root is None and not s.closed
    s.send('<?xml version="1.0"?><t><b/>')
    assert s.root.name == 't' and s.pop().name == 'b'
    assert [x.name for x in old] == ['a']


def test_a_registry_gives_the_classes():
    class Message(Element):
        @property
        def body(self):
            return self[0].text

    class Root(Element):
        pass

    r = Registry({'{jabber:client}message': Message,
                  '{http://etherx.jabber.org/streams}stream': Root})
    s = Stream(OPEN + '<message><body>hi</body></message>', registry=r)
    assert type(s.root) is Root and s.registry is r
    m = s.pop()
    assert type(m) is Message and m.body == 'hi'


def test_nodes_outlive_the_stream():
    s = Stream(OPEN + '<a><b/></a><c>')
    root, a = s.root, s.pop()
    del s
    gc.collect()
    assert a[0].name == 'b' and len(root) == 0
    with pytest.raises(IndexError, match='pop from empty Element'):
        root.pop()
    root.append(a)


def test_wrong_types():
    s = Stream()
    for bad in (None, 1, ['x']):
        with pytest.raises(TypeError):
            s.send(bad)
    with pytest.raises(TypeError):
        Stream(registry={})
    assert not s.closed
