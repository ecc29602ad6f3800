# SPDX-License-Identifier: MIT
"""copy, deepcopy and pickle."""
import copy
import pickle

import pytest

from nodetree import (Comment, Document, Element, ProcessingInstruction,
                      Registry, Stream)


class Book(Element):
    def __init__(self, title):
        super().__init__('{urn:b}book', {'title': title})


REGISTRY = Registry({'{urn:b}book': Book})
XML = ('<!--c--><?p i?><s:shelf xmlns:s="urn:b" xmlns:unused="urn:u">'
       '<s:book s:x="1" title="T">text<!--in--></s:book><b/></s:shelf>')


def shown(d):
    return str(d)


@pytest.mark.parametrize('dup', [
    copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)),
    lambda x: pickle.loads(pickle.dumps(x, 0))])
def test_a_whole_document(dup):
    d = Document(XML, registry=REGISTRY)
    d.root[0].note = {'of': d.root[0]}
    e = dup(d)
    assert str(e) == str(d) and e.equals(d) and e is not d
    assert type(e.root[0]) is Book and e.root[0] is not d.root[0]
    assert e.root[0].note['of'] is e.root[0]
    assert e.root.prefix == 's'
    assert e.root.declarations == {'s': 'urn:b', 'unused': 'urn:u'}
    e.root[0].append('more')
    assert 'more' not in str(d)
    e.root.append(Document('<b/>').root)


@pytest.mark.parametrize('dup', [
    copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_sharing_is_kept(dup):
    x = Element('x')
    e = Element('e', {}, [x, Element('y', {}, [x])])
    f = dup(e)
    assert f[0] is f[1][0] and f[0] is not x
    f[0].append('t')
    assert str(f) == '<e><x>t</x><y><x>t</x></y></e>'


def test_a_shallow_copy_shares_the_children():
    e = Element('e', {'a': '1'}, ['t', Element('x')])
    e.mine = [1]
    f = copy.copy(e)
    assert list(f) == list(e) and f is not e and f.mine is e.mine
    f.append('u')
    f.attributes['a'] = '2'
    assert len(e) == 2 and e.attributes['a'] == '1'
    e[1].append('both')
    assert f[1].text == 'both'
    for n in (Comment('c'), ProcessingInstruction('p', 'i'), Document(XML)):
        assert str(copy.copy(n)) == str(n)
        assert str(copy.deepcopy(n)) == str(n)
        assert str(pickle.loads(pickle.dumps(n))) == str(n)


def test_init_is_not_run():
    b = Book('T')
    for dup in (copy.copy, copy.deepcopy,
                lambda x: pickle.loads(pickle.dumps(x))):
        c = dup(b)
        assert type(c) is Book and c.attributes['title'] == 'T'


def test_deepcopy_does_not_recurse():
    top = e = Element('e')
    for i in range(20000):
        e.append(Element('e'))
        e = e[0]
    e.note = 'deep'
    twin = copy.deepcopy(top)
    assert str(twin) == str(top)
    for i in range(20000):
        twin = twin[0]
    assert twin.note == 'deep'


def test_a_copied_branch_that_no_one_looked_at_gets_its_classes():
    d = Document(XML, registry=REGISTRY)
    e = copy.deepcopy(d)
    assert type(e.root[0]) is Book


def test_streams_and_views_are_not_pickled():
    for x in (Stream(), Element('e').attributes):
        with pytest.raises(TypeError):
            pickle.dumps(x)
