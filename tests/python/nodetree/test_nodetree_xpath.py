# SPDX-License-Identifier: MIT
"""XPath: results are nodes of the tree itself."""
import subprocess
import sys

import pytest

from nodetree import Comment, Document, Element, Registry, XPathError

XML = ('<!--top--><shelf xmlns="urn:b" xmlns:p="urn:p">one'
       '<book id="1"><title>A</title></book>two<!--in-->three'
       '<book id="2" p:x="y"><title>B</title></book><?pi data?></shelf>')
NS = {'b': 'urn:b', 'p': 'urn:p'}


@pytest.fixture
def doc():
    return Document(XML)


def test_nodes_are_the_nodes_of_the_tree(doc):
    books = doc.xpath('//b:book', NS)
    assert books == [doc.root[1], doc.root[5]]
    assert books[0] is doc.root[1]
    assert doc.xpath('//b:title[.="B"]', namespaces=NS)[0] is doc.root[5][0]
    assert doc.xpath('/b:shelf', NS)[0] is doc.root
    assert doc.xpath('/')[0] is doc
    assert doc.xpath('//comment()') == [doc[0], doc.root[3]]
    assert doc.xpath('//processing-instruction()')[0] is doc.root[6]
    assert isinstance(doc.xpath('/comment()')[0], Comment)


def test_texts_attributes_numbers_booleans(doc):
    assert doc.xpath('//b:title/text()', NS) == ['A', 'B']
    assert doc.root.xpath('text()') == ['one', 'two', 'three']
    assert doc.xpath('//@id') == ['1', '2']
    assert doc.xpath('//@p:x', NS) == ['y']
    assert doc.xpath('count(//b:book)', NS) == 2.0
    assert doc.xpath('string(//b:title)', NS) == 'A'
    assert doc.xpath('count(//b:book) = 2', NS) is True
    assert doc.xpath('//nothing') == []
    assert 'urn:p' in doc.root.xpath('namespace::*')


def test_variables(doc):
    assert doc.xpath('//b:book[@id=$id]', NS, id=2) == [doc.root[5]]
    assert doc.xpath('$s', s='a"b\'c') == 'a"b\'c'
    assert doc.xpath('$b', b=True) is True
    assert doc.xpath('$f', f=1.5) == 1.5
    with pytest.raises(TypeError):
        doc.xpath('$x', x=[])
    with pytest.raises(XPathError):
        doc.xpath('$missing')


def test_an_element_is_its_own_context(doc):
    book = doc.root[5]
    assert book.xpath('b:title', NS) == [book[0]]
    assert book.xpath('.') == [book]
    assert book.xpath('string(@id)') == '2'
    assert book.xpath('/') == []


def test_a_shared_node_is_found_in_each_place():
    x = Element('x')
    e = Element('e', {}, [x, Element('y', {}, [x])])
    assert e.xpath('//x') == [x, x]
    x.append('t')
    assert e.xpath('string(y/x)') == 't'


def test_edits_are_seen(doc):
    for i in range(5):
        doc.root.append(Element('{urn:b}book'))
        assert len(doc.xpath('//b:book', NS)) == 3 + i
    doc.root[-1].attributes['id'] = 'new'
    assert doc.xpath('//b:book[@id="new"]', NS) == [doc.root[-1]]
    doc.root[-1].name = 'other'
    assert len(doc.xpath('//b:book', NS)) == 6


def test_adjacent_texts_are_one_text_to_xpath():
    e = Element('e', {}, ['a', 'b', Element('x'), 'c'])
    assert e.xpath('text()') == ['ab', 'c']
    assert e.xpath('x')[0] is e[2]


def test_results_have_their_classes():
    class Book(Element):
        def on_parsed(self):
            self.title = self.xpath('string(b:title)', NS)

    d = Document(XML, registry=Registry({'{urn:b}book': Book}))
    found = d.xpath('//b:book', NS)
    assert [b.title for b in found] == ['A', 'B']
    assert d.xpath('//b:book', NS) == found


@pytest.mark.parametrize('expr', ['', '///', '//b:x', 'nofunction()', '1 +',
                                  'document("/etc/passwd")', '(' * 10000])
def test_bad_expressions(doc, expr):
    with pytest.raises(XPathError) as e:
        doc.xpath(expr)
    assert isinstance(e.value, ValueError)


def test_an_expression_that_takes_too_long_ends():
    d = Document('<a>' + '<b/>' * 3000 + '</a>')
    with pytest.raises(XPathError, match='limit'):
        d.xpath('count(//b[count(//b[count(//b) > 0]) > 0])')


def test_nothing_is_said_on_stderr(doc, capfd):
    for expr in ('((', '$x', 'f()', 'p:x'):
        with pytest.raises(XPathError):
            doc.xpath(expr)
    assert capfd.readouterr().err == ''


def test_bad_arguments(doc):
    with pytest.raises(TypeError):
        doc.xpath(1)
    with pytest.raises(TypeError):
        doc.xpath('x', {'a': 1})
    with pytest.raises(TypeError):
        doc.xpath('x', 5)


def test_an_empty_document_has_no_root():
    with pytest.raises(XPathError):
        Document().xpath('/')


def test_importing_nodetree_alone_loads_no_libxslt():
    code = ('import nodetree; nodetree.Document("<a/>");'
            'print("libx" in open("/proc/self/maps").read());'
            'nodetree.Element("a").xpath(".");'
            'print("libxslt" in open("/proc/self/maps").read())')
    out = subprocess.run([sys.executable, '-c', code], check=True,
                         capture_output=True, text=True).stdout
    assert out.split() == ['False', 'True']
