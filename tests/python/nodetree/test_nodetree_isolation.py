# SPDX-License-Identifier: MIT
"""Sub-interpreters, leaks, the collector, and odd callers."""
import gc
import os
import sys
import textwrap
import threading

import pytest

import nodetree
from nodetree import Comment, Document, Element, Registry, Stream

IN_SUB = textwrap.dedent('''
    import sys
    sys.path[:] = {path!r}
    import nodetree
    assert nodetree.Element is not None
    class Book(nodetree.Element):
        pass
    d = nodetree.Document('<a><b/></a>',
                          registry=nodetree.Registry({{'b': Book}}))
    assert type(d.root[0]) is Book
    d.root[0].me = d
    s = nodetree.Stream('<s><m>x</m>')
    assert s.pop().text == 'x'
    assert d.xpath('//b')[0] is d.root[0]
    sheet = nodetree.XSLT("""<x xmlns:xsl=
        "http://www.w3.org/1999/XSL/Transform" xsl:version="1.0"/>""")
    assert str(sheet(d).root) == '<x/>'
    try:
        nodetree.Document('<a')
    except nodetree.ParseError as e:
        assert e.line == 1
    else:
        raise AssertionError
    open({out!r}, 'a').write(f'{{id(nodetree.Element)}}\\n')
''')


def test_sub_interpreters_have_types_of_their_own(tmp_path):
    sub = pytest.importorskip('_xxsubinterpreters')
    out = str(tmp_path / 'out')
    code = IN_SUB.format(path=sys.path, out=out)
    ids = [sub.create() for _ in range(3)]
    for i in ids:
        sub.run_string(i, code)
    for i in ids:
        sub.run_string(i, code)
        sub.destroy(i)
    with open(out) as f:
        types = f.read().split()
    assert len(types) == 6 and str(id(nodetree.Element)) not in types
    assert str(Element('still')) == '<still/>'


def resident():
    with open('/proc/self/statm') as f:
        return int(f.read().split()[1]) * os.sysconf('SC_PAGESIZE')


class Bound(Element):
    pass


REGISTRY = Registry({'b': Bound})
SHEET = nodetree.XSLT('<x xmlns:xsl="http://www.w3.org/1999/XSL/Transform" '
                      'xsl:version="1.0"><xsl:value-of select="."/></x>')
DOC = '<!--c--><a x="1"><b>t<c/></b>u<?p i?></a>'


def make_and_drop():
    e = Element('{urn:x}e', {'a': '1'}, ['t', Comment('c'), Element('f')])
    e[2].note = e
    e[0:1] = ['x', 'y']
    e.attributes.pop('a')
    repr(e)


def parse():
    d = Document(DOC, registry=REGISTRY)
    d.root[0].me = d
    str(d)
    list(d.root)


def fail():
    for xml in ('<a><b></a>', '<!DOCTYPE a><a/>', '<a b=""'):
        with pytest.raises(ValueError):
            Document(xml)
    e = Element('e')
    for call in (lambda: e.append(1), lambda: e.append(e),
                 lambda: e.append('\0'), lambda: Element('a b'),
                 lambda: e.attributes.__setitem__('1', '2')):
        with pytest.raises((TypeError, ValueError)):
            call()


def stream():
    s = Stream('<s xmlns:p="urn:p"><a/><b x="1">t', registry=REGISTRY)
    s.root
    s.send('</b><c>')
    for stanza in s:
        repr(stanza)


def copies():
    import copy
    import pickle
    d = Document(DOC, registry=REGISTRY)
    d.root[0].me = d
    copy.deepcopy(d)
    copy.copy(d.root)
    pickle.loads(pickle.dumps(d))


def query():
    d = Document(DOC)
    d.xpath('//b | //@x | //text()')
    d.xpath('$n', n=1.0)
    for bad in ('((', '$x'):
        with pytest.raises(ValueError):
            d.xpath(bad)
    SHEET(d, p='1')
    with pytest.raises(ValueError):
        nodetree.XSLT('<x/>')


@pytest.mark.parametrize('work, times', [
    (make_and_drop, 100_000), (parse, 100_000), (fail, 10_000),
    (stream, 30_000), (copies, 5_000), (query, 5_000)])
def test_nothing_leaks(work, times):
    times = max(100, times // int(os.environ.get('NODETREE_SLOWER', 1)))
    for _ in range(times // 10):
        work()
    gc.collect()
    before, objects = resident(), len(gc.get_objects())
    for _ in range(times):
        work()
    gc.collect()
    assert len(gc.get_objects()) - objects < 50
    if 'LD_PRELOAD' not in os.environ:
        assert resident() - before < 2_000_000


def test_a_tree_may_be_changed_while_it_is_released():
    e = Element('e')

    class Nosy(Element):
        def __del__(self):
            e.append('gone')
            del e[0]

    e.extend(Nosy('n') for _ in range(100))
    e.append('last')
    e.clear()
    gc.collect()
    assert len(e) == 0 or all(isinstance(x, str) for x in e)


def test_arguments_that_change_the_tree():
    e = Element('e', {}, list('abcdef'))

    def children():
        e.clear()
        yield 'x'

    e[1:3] = children()
    assert list(e) == ['x']

    class Index:
        def __index__(self):
            e.clear()
            return 0

    with pytest.raises(IndexError):
        e[Index()]
    e.append('y')
    with pytest.raises(IndexError):
        e[Index()] = 'z'
    e.append('y')
    assert e[Index():Index()] == []


def test_uninitialized_and_foreign_objects():
    for cls in (Element, Comment, Document, nodetree.ProcessingInstruction):
        str(cls.__new__(cls))
        repr(cls.__new__(cls))
    s = Stream.__new__(Stream)
    assert s.root is None and len(s) == 0 and list(s) == []
    with pytest.raises(StopIteration):
        s.send('<a/>')
    with pytest.raises(TypeError):
        nodetree.Node()
    with pytest.raises(TypeError):
        Element.append(Document(), 1, 2)
    with pytest.raises(TypeError):
        Element.append('x', 'y')
    from nodetree import _nodetree
    for bad in ((), (1,) * 7, (int, 'a', '', (), (), '', None),
                (Element, 'a b', '', (), (), '', None),
                (Element, 'a', '', (1,), (), '', None),
                (Element, 'a', '', (), (1,), '', None)):
        with pytest.raises((TypeError, ValueError)):
            _nodetree._restore(*bad)


def test_threads_take_turns():
    shared = Element('shared')
    errors = []

    def work(n):
        try:
            for i in range(2000):
                shared.append(Element(f'e{n}'))
                shared.xpath('count(*)') if i % 100 == 0 else len(shared)
                str(shared[-1])
        except Exception as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors and len(shared) == 8000


def test_the_docstrings_have_signatures():
    import inspect
    for cls in (Element, Document, Stream, nodetree.Node):
        for name, value in vars(cls).items():
            if not name.startswith('_'):
                assert value.__doc__, (cls, name)
    assert str(inspect.signature(Element.insert)) == (
        '(self, index, child, /)')
    assert str(inspect.signature(Element)) == (
        '(name, /, attributes=None, children=())')
