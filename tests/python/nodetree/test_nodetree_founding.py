# SPDX-License-Identifier: MIT
"""What nodetree 0.3 (2013) showed of itself must come out the same."""
import pytest

import nodetree
from nodetree import (Comment, Document, Element, ProcessingInstruction,
                      Stream)


def test_the_article_session():
    d = Document('<article><p>Pre <b>Bold</b> Post</p></article>')
    assert repr(d) == ('<?xml version="1.0"?>\n'
                       '<article>\n'
                       '  <p>Pre <b>Bold</b> Post</p>\n'
                       '</article>')
    # The published session prints this for str(d.root); 0.3's own source
    # gave it for the document, and the bare element for its root.
    assert str(d) == ('<?xml version="1.0"?>\n<article><p>Pre <b>Bold</b>'
                      ' Post</p></article>\n')
    assert str(d.root) == '<article><p>Pre <b>Bold</b> Post</p></article>'
    assert repr(d.root[0]) == '<p>Pre <b>Bold</b> Post</p>'
    assert d.root[0].pop() == ' Post'
    d.root[0][0] = 'Plain Text vs '
    assert repr(d.root) == ('<article>\n'
                            '  <p>Plain Text vs <b>Bold</b></p>\n'
                            '</article>')


def test_the_stream_session():
    s = Stream('<stream:stream xmlns="jabber:client" ' +
               'xmlns:stream="http://etherx.jabber.org/streams">')
    s.send('<message><body>Hello, World!</body></message>')
    assert repr(s.root.pop(0)) == ('<message>\n'
                                   '  <body>Hello, World!</body>\n'
                                   '</message>')
    s.send('<message><body>This works')
    with pytest.raises(ValueError, match='^incomplete branch$'):
        s.root.pop(0)
    s.send(' well</body></message>')
    assert repr(s.root.pop(0)) == ('<message>\n'
                                   '  <body>This works well</body>\n'
                                   '</message>')


def test_an_element_is_built_by_hand():
    e = Element('foo')
    e.append('content ')
    e.append(Element('bar'))
    e[1].append('data')
    assert repr(e) == '<foo>content <bar>data</bar></foo>'
    e[0] = 'Updated Content '
    e[1][0] = 'Expanded Data'
    assert repr(e) == '<foo>Updated Content <bar>Expanded Data</bar></foo>'


def test_comments_stand_beside_elements():
    e = Element('foo')
    e.append(Comment(' Start '))
    e.append(Element('bar'))
    with pytest.raises(TypeError, match='^Unsupported XML type$'):
        e[-1].append(1)
    e[-1].append('1')
    assert repr(e) == '<foo>\n  <!-- Start -->\n  <bar>1</bar>\n</foo>'


def test_attributes_are_set_and_deleted():
    e = Element('foo')
    e.attributes['bar'] = 'baz'
    assert e.attributes['bar'] == 'baz'
    assert repr(e) == '<foo bar="baz"/>'
    del e.attributes['bar']
    assert repr(e) == '<foo/>'


def test_an_element_is_renamed():
    e = Element('foo')
    assert e.name == 'foo'
    e.append('Value')
    e.attributes['type'] = 'alpha'
    assert repr(e) == '<foo type="alpha">Value</foo>'
    e.name = 'bar'
    assert repr(e) == '<bar type="alpha">Value</bar>'


def test_the_root_is_replaced_where_it_stands():
    doc = Document()
    doc.append(Comment(' Start '))
    doc.append(Element('catalog'))
    doc.append(Comment(' End '))
    assert repr(doc.root) == '<catalog/>'
    doc.root = Element('library')
    assert repr(doc) == ('<?xml version="1.0"?>\n<!-- Start -->\n'
                         '<library/>\n<!-- End -->')
    del doc.root
    assert doc.root is None
    doc.root = Element('collection')
    assert repr(doc) == ('<?xml version="1.0"?>\n<!-- Start -->\n'
                         '<!-- End -->\n<collection/>')
    doc.root = None
    assert doc.root is None and len(doc) == 2
    del doc.root


def test_a_document_keeps_comments_around_its_root():
    text = ('<!-- before --><?style x="1"?><r><!--in--></r><!-- after -->')
    d = Document(text)
    assert [type(n) for n in d] == [Comment, ProcessingInstruction, Element,
                                    Comment]
    assert d[0].content == ' before '
    assert (d[1].name, d[1].content) == ('style', 'x="1"')
    assert d.root is d[2]
    assert str(d) == ('<?xml version="1.0"?>\n<!-- before -->\n'
                      '<?style x="1"?>\n<r><!--in--></r>\n<!-- after -->\n')


def test_an_edit_shows_in_both_parents():
    shared = Element('shared')
    a, b = Element('a', {}, [shared]), Element('b', {}, [shared])
    shared.append('text')
    shared.attributes['x'] = '1'
    assert str(a) == '<a><shared x="1">text</shared></a>'
    assert str(b) == '<b><shared x="1">text</shared></b>'
    assert a[0] is b[0] is shared
    a[0].name = 'renamed'
    assert str(b) == '<b><renamed x="1">text</renamed></b>'
    assert a.pop() is shared
    assert len(a) == 0 and b[0] is shared


@pytest.mark.parametrize('call, error, text', [
    (lambda: Element('e').append(1), TypeError, 'Unsupported XML type'),
    (lambda: Element('e').append(None), TypeError, 'Unsupported XML type'),
    (lambda: Element('e').append(Document()), TypeError,
     'Unsupported XML type'),
    (lambda: Document().append(1), TypeError, 'Unsupported XML type'),
    (lambda: Document().append('text'), TypeError,
     'Text nodes can only be added to an Element node.'),
    (lambda: Document().append(b'text'), TypeError,
     'Text nodes can only be added to an Element node.'),
    (lambda: Document('<a/>').append(Element('b')), ValueError,
     'Document already contains a root Element'),
    (lambda: Element('e').pop(), IndexError, 'pop from empty Element'),
    (lambda: Document().pop(), IndexError, 'pop from empty Document'),
    (lambda: Element('e', {}, ['a']).pop(1), IndexError,
     'child index out of range'),
    (lambda: Element('e', {}, ['a'])[1], IndexError,
     'child index out of range'),
    (lambda: Element('e').attributes['a'], KeyError,
     "'attribute not found'"),
    (lambda: Element('e').attributes.__delitem__('a'), KeyError,
     "'attribute not found'"),
    (lambda: setattr(Element('e'), 'name', 1), TypeError,
     'name attribute must be a string'),
    (lambda: delattr(Element('e'), 'name'), AttributeError,
     'cannot delete name attribute'),
    (lambda: setattr(Document(), 'root', 'x'), TypeError,
     'root attribute must be an Element'),
    (lambda: Element(1), TypeError, 'name attribute must be a string'),
])
def test_exceptions(call, error, text):
    with pytest.raises(error) as e:
        call()
    assert str(e.value) == text


def test_send_after_close_stops():
    s = Stream('<s>')
    s.close()
    with pytest.raises(StopIteration) as e:
        s.send('<a/>')
    assert str(e.value) == 'Stream has been closed'


def test_processing_instructions():
    p = ProcessingInstruction('php', 'echo 1;')
    assert str(p) == '<?php echo 1;?>'
    del p.content
    assert str(p) == '<?php?>' and p.content is None
    p.name, p.content = 'other', 'x'
    assert str(p) == '<?other x?>'
    with pytest.raises(ValueError):
        p.content = 'a?>b'
    with pytest.raises(ValueError):
        ProcessingInstruction('xml')
    with pytest.raises(ValueError):
        Comment('a--b')
    assert str(Comment('')) == '<!---->'


def test_bytes_are_utf_8():
    e = Element(b'caf\xc3\xa9')
    e.append(b'\xc3\xa9t\xc3\xa9')
    e.append(bytearray(b'!'))
    assert str(e) == '<café>été!</café>'
    assert e[0] == 'été' and b'\xc3\xa9t\xc3\xa9' in e
    assert str(Document(str(e).encode()).root) == str(e)
    assert str(Document(memoryview(str(e).encode())).root) == str(e)
    with pytest.raises(ValueError):
        e.append(b'\xff')
    with pytest.raises(ValueError):
        e.append('\ud800')
    with pytest.raises(ValueError):
        e.append('\0')


def test_every_name_is_there():
    for name in nodetree.__all__:
        assert getattr(nodetree, name).__doc__, name
    assert 'XSLT' in dir(nodetree)
    with pytest.raises(AttributeError):
        nodetree.Nothing
