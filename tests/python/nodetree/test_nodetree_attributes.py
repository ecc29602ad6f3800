# SPDX-License-Identifier: MIT
"""Element.attributes is a MutableMapping."""
import collections.abc
import random

import pytest

from nodetree import Document, Element

XML = '{http://www.w3.org/XML/1998/namespace}'


def test_the_whole_mapping():
    e = Element('e', {'b': '2', 'a': '1'})
    a = e.attributes
    assert isinstance(a, collections.abc.MutableMapping)
    assert list(a) == ['b', 'a'] and len(a) == 2
    assert dict(a) == {'a': '1', 'b': '2'} == a
    assert a != {'a': '1'} and a == Element('x', a).attributes
    assert list(a.items()) == [('b', '2'), ('a', '1')]
    assert list(a.values()) == ['2', '1']
    assert a.keys() & {'a', 'z'} == {'a'}
    assert a.get('z') is None and a.get('z', 'd') == 'd'
    assert a.setdefault('c', '3') == '3' and a.setdefault('c', '4') == '3'
    a.update(d='4', a='one')
    assert a.pop('d') == '4' and a.pop('d', None) is None
    assert repr(a) == "{'b': '2', 'a': 'one', 'c': '3'}"
    assert 'a' in a and 'z' not in a and 1 not in a and '{x' not in a
    a.clear()
    assert not a and str(e) == '<e/>'
    with pytest.raises(TypeError):
        hash(a)


def test_the_view_is_live():
    e = Element('e')
    view = e.attributes
    e.attributes['x'] = '1'
    assert view['x'] == '1'
    e.attributes = {'y': '2'}
    assert dict(view) == {'y': '2'}
    e.attributes = e.attributes
    assert dict(view) == {'y': '2'}


def test_namespaced_attributes():
    d = Document('<e xmlns:p="urn:p" p:a="1" a="2" xml:lang="en"/>')
    a = d.root.attributes
    assert dict(a) == {'{urn:p}a': '1', 'a': '2', XML + 'lang': 'en'}
    a['{urn:q}b'] = '3'
    again = Document(str(d)).root
    assert again.attributes == a
    del a['{urn:p}a']
    assert '{urn:p}a' not in a and a['a'] == '2'


def test_hard_values_survive():
    e = Element('e')
    value = 'a<b>&"\'\t\n\r é 𝄞'
    e.attributes['v'] = value
    assert Document(str(e)).root.attributes['v'] == value
    assert Document(str(Element('t', {}, [value]))).root.text == value


@pytest.mark.parametrize('key', ['', '1a', 'a b', 'a:b', '{urn:x}', '{x',
                                 'xmlns', 'a\0'])
def test_bad_names(key):
    with pytest.raises(ValueError):
        Element('e').attributes[key] = 'x'


@pytest.mark.parametrize('value', ['\0', '\x01', '\ud800', '￾'])
def test_bad_values(value):
    with pytest.raises(ValueError):
        Element('e').attributes['a'] = value


def test_wrong_types():
    a = Element('e').attributes
    for key, value in ((1, 'x'), ('a', 1), ('a', None)):
        with pytest.raises(TypeError):
            a[key] = value
    with pytest.raises(TypeError):
        type(a)()
    a['a'] = b'caf\xc3\xa9'
    assert a['a'] == 'café' and a[b'a'] == 'café'


def test_it_behaves_like_a_dict():
    rng = random.Random(7)
    e, model = Element('e'), {}
    names = ['a', 'b', '{urn:x}a', '{urn:x}b', '{urn:y}a']
    for _ in range(2000):
        name, value = rng.choice(names), str(rng.randrange(9))
        if rng.random() < 0.6:
            e.attributes[name] = model[name] = value
        else:
            assert e.attributes.pop(name, None) == model.pop(name, None)
        assert dict(e.attributes) == model
        assert list(e.attributes) == list(model)
    assert Document(str(e)).root.attributes == model
