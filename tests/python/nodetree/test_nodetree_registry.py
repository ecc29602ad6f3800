# SPDX-License-Identifier: MIT
"""Classes bound to names, for one document at a time."""
import collections.abc
import gc
import weakref

import pytest

from nodetree import Document, Element, Registry

XML = '<shelf xmlns="urn:b"><book id="1"/><book id="2"/><x xmlns=""/></shelf>'


def test_bound_classes_are_instantiated():
    registry = Registry()

    @registry.bind('{urn:b}book')
    class Book(Element):
        @property
        def id(self):
            return int(self.attributes['id'])

    d = Document(XML, registry=registry)
    assert type(d.root) is Element
    assert [type(c) for c in d.root] == [Book, Book, Element]
    assert [b.id for b in d.root[:2]] == [1, 2]
    d.root[0].mine = 'yes'
    assert d.root[0].__dict__ == {'mine': 'yes'}
    assert d.registry is registry is d.root.registry
    assert type(Document(XML).root[0]) is Element


def test_wildcards():
    class Ours(Element):
        pass

    class Any(Element):
        pass

    d = Document(XML, registry=Registry({'{urn:b}*': Ours, '{*}*': Any}))
    assert type(d.root) is Ours and type(d.root[2]) is Any
    d = Document(XML, registry=Registry({'{}*': Any}))
    assert type(d.root) is Element and type(d.root[2]) is Any


def test_construction_and_parsing():
    calls = []

    class Book(Element):
        def __init__(self, title):
            super().__init__('{urn:b}book', {'title': title})
            calls.append('init')

        def on_parsed(self):
            calls.append('parsed')

    book = Book('T')
    assert calls == ['init'] and book.attributes['title'] == 'T'
    d = Document(str(book), registry=Registry({'{urn:b}book': Book}))
    assert calls == ['init']
    assert type(d.root) is Book and d.root is d.root
    assert calls == ['init', 'parsed']
    shelf = Element('shelf', {}, [book])
    assert type(shelf[0]) is Book


def test_on_parsed_may_raise_and_may_read():
    class Bad(Element):
        def on_parsed(self):
            self.seen = len(self)
            raise KeyError('from on_parsed')

    d = Document('<a><b/></a>', registry=Registry({'a': Bad}))
    with pytest.raises(KeyError, match='from on_parsed'):
        d.root
    assert d.root.seen == 1


def test_only_element_classes_can_be_bound():
    r = Registry()
    for bad in (int, Document, 'x', Element('a')):
        with pytest.raises(TypeError):
            r['a'] = bad
    with pytest.raises(TypeError):
        r[1] = Element
    r._classes['a'] = int
    with pytest.raises(TypeError):
        Document('<a/>', registry=r).root


def test_it_is_a_mapping():
    class A(Element):
        pass

    r = Registry({'{urn:x}a': A})
    assert isinstance(r, collections.abc.MutableMapping)
    assert dict(r) == {'{urn:x}a': A} and len(r) == 1
    other = r.copy()
    other.bind('b', A)
    assert 'b' not in r and other['b'] is A
    del other['b']
    assert other == r
    assert repr(r).startswith('Registry({')


def test_the_collector_finds_cycles():
    class Book(Element):
        pass

    d = Document(XML, registry=Registry({'{urn:b}book': Book}))
    d.root[0].document = d
    d.root[1].other = d.root[0]
    alive = [weakref.ref(d), weakref.ref(d.root), weakref.ref(d.root[0]),
             weakref.ref(Book)]
    del d, Book
    gc.collect()
    assert [r() for r in alive] == [None] * 4


def test_slots_and_inheritance():
    class Lean(Element):
        __slots__ = ('x',)

    class Mixed(Lean, collections.abc.Hashable):
        pass

    e = Lean('a')
    e.x = 1
    assert e.x == 1 and str(e) == '<a/>'
    assert str(Mixed('m')) == '<m/>'
