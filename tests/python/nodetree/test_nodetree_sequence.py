# SPDX-License-Identifier: MIT
"""Children are a MutableSequence, like a list in everything."""
import collections.abc
import random

import pytest

from nodetree import Comment, Document, Element


@pytest.fixture
def five():
    return Element('e', {}, ['a', Element('b'), 'c', Element('d'), 'e'])


def test_the_abstract_class_says_so(five):
    assert isinstance(five, collections.abc.MutableSequence)
    assert isinstance(Document(), collections.abc.MutableSequence)
    for name in dir(collections.abc.MutableSequence):
        if not name.startswith('_') or name in (
                '__getitem__', '__setitem__', '__delitem__', '__len__',
                '__iter__', '__contains__', '__reversed__', '__iadd__'):
            assert hasattr(five, name), name


def test_identity_is_stable(five):
    assert five[1] is five[1] is five[-4] is list(five)[1]
    d = Document('<a><b/><c/></a>')
    assert d[0] is d[0] is d.root
    assert d.root[1] is d.root[1]
    assert d[0] == d[0] and d.root[0] != d.root[1]
    assert hash(d.root) == hash(d[0])


def test_python_attributes_stay_while_in_the_tree():
    d = Document('<a><b><c/></b></a>')
    d.root[0][0].note = ['kept']
    assert d.root[0][0].note == ['kept']
    c = d.root[0].pop()
    assert c.note == ['kept']
    keeper = Element('k', {}, [c])
    del c, d
    assert keeper[0].note == ['kept']


def test_membership_is_identity_for_nodes_equality_for_text(five):
    b = five[1]
    assert b in five and Element('b') not in five
    assert 'a' in five and 'x' not in five and 1 not in five
    assert '\ud800' not in five


def test_slices(five):
    whole = list(five)
    assert five[1:3] == whole[1:3]
    assert five[::-1] == whole[::-1]
    assert five[::2] == ['a', 'c', 'e']
    assert five[10:] == [] and five[-2:] == whole[-2:]
    five[1:3] = ['x', 'y', 'z']
    whole[1:3] = ['x', 'y', 'z']
    assert list(five) == whole
    five[::2] = ['0', '2', '4']
    whole[::2] = ['0', '2', '4']
    assert list(five) == whole
    with pytest.raises(ValueError, match='extended slice'):
        five[::2] = ['only one']
    del five[1::2]
    del whole[1::2]
    assert list(five) == whole
    del five[::-2]
    del whole[::-2]
    assert list(five) == whole
    five[:] = []
    assert len(five) == 0 and not five


def test_iteration_sees_what_is_appended_meanwhile():
    e = Element('e', {}, ['1', '2'])
    seen = []
    for child in e:
        seen.append(child)
        if len(e) < 5:
            e.append('more')
    assert seen == ['1', '2', 'more', 'more', 'more']


def test_index_and_remove(five):
    assert five.index('c') == 2
    assert five.index(five[3], 1, 4) == 3
    assert five.index('e', -1) == 4
    with pytest.raises(ValueError):
        five.index('a', 1)
    with pytest.raises(ValueError):
        five.index(Element('b'))
    five.remove('c')
    with pytest.raises(ValueError):
        five.remove('c')
    b = five[1]
    five.remove(b)
    assert b not in five and [str(x) for x in five] == ['a', '<d/>', 'e']


def test_a_failed_change_changes_nothing(five):
    before = list(five)
    for bad in (['x', 1], ['x', '\0'], [Element('ok'), five]):
        with pytest.raises((TypeError, ValueError)):
            five.extend(bad)
        with pytest.raises((TypeError, ValueError)):
            five[1:4] = bad
        with pytest.raises((TypeError, ValueError)):
            five[0] = bad[1]
        with pytest.raises((TypeError, ValueError)):
            five[0:4:2] = bad
        assert list(five) == before
    with pytest.raises(TypeError):
        five['x']
    with pytest.raises(TypeError):
        five['x'] = 'y'


def test_cycles_are_refused():
    a, b, c = Element('a'), Element('b'), Element('c')
    a.append(b)
    b.append(c)
    for parent, child in ((c, a), (c, b), (c, c), (b, a)):
        with pytest.raises(ValueError, match='hold itself'):
            parent.append(child)
    a.append(c)
    assert str(a) == '<a><b><c/></b><c/></a>'


def test_one_node_twice_in_one_parent():
    x = Element('x')
    e = Element('e', {}, [x, x])
    x.append('t')
    assert str(e) == '<e><x>t</x><x>t</x></e>'
    assert e.count(x) == 2
    del e[0]
    assert e[0] is x


def test_reverse_reversed_and_in_place_add(five):
    whole = list(five)
    assert list(reversed(five)) == whole[::-1]
    five.reverse()
    assert list(five) == whole[::-1]
    same = five
    five += ['tail']
    assert same is five and five[-1] == 'tail'
    five += five
    assert len(five) == 12
    five.clear()
    assert list(five) == []


def test_a_document_holds_one_element():
    d = Document('<!--a--><r/><!--b-->')
    with pytest.raises(ValueError, match='already contains'):
        d.insert(0, Element('x'))
    with pytest.raises(ValueError, match='already contains'):
        d[0] = Element('x')
    with pytest.raises(ValueError, match='already contains'):
        d[:] = [Element('x'), Element('y')]
    d[1] = Element('x')
    d[:] = [Comment('c'), Element('y')]
    d.reverse()
    assert str(d) == '<?xml version="1.0"?>\n<y/>\n<!--c-->\n'
    assert len(d) == 2 and d.root.name == 'y'
    root = d.root
    other = Document()
    other.append(root)
    assert other.root is d.root


def random_child(rng, pool):
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice('pqrs') * rng.randrange(3)
    if kind == 1:
        pool.append(Element(rng.choice('xyz')))
    elif kind == 2:
        pool.append(Comment(rng.choice('mno')))
    return rng.choice(pool)


def random_slice(rng):
    def bound():
        return rng.choice([None, rng.randrange(-12, 12)])
    return slice(bound(), bound(), rng.choice([None, None, 1, 2, -1, -3]))


def both(model, node, f):
    """Do f to both; they must agree in the result, or in the exception."""
    def attempt(x):
        try:
            return 'value', f(x)
        except (IndexError, ValueError) as e:
            return 'error', type(e)
    a, b = attempt(model), attempt(node)
    assert a == b or (a[1] is model and b[1] is node)


def step(rng, model, node, pool):
    child = random_child(rng, pool)
    many = [random_child(rng, pool) for _ in range(rng.randrange(4))]
    i = rng.randrange(-12, 12)
    s = random_slice(rng)
    ops = [
        lambda x: x.append(child), lambda x: x.insert(i, child),
        lambda x: x.extend(many), lambda x: x.pop(i), lambda x: x.pop(),
        lambda x: x.remove(child), lambda x: x.index(child),
        lambda x: x.count(child), lambda x: child in x,
        lambda x: x.__setitem__(i, child), lambda x: x.__delitem__(i),
        lambda x: x.__setitem__(s, many), lambda x: x.__delitem__(s),
        lambda x: x[s], lambda x: x[i], lambda x: x.reverse(),
        lambda x: len(x), lambda x: list(reversed(x)),
        lambda x: x.index(child, i), lambda x: x.__iadd__(many),
    ]
    both(model, node, rng.choice(ops))
    if len(model) > 40:
        both(model, node, lambda x: x.clear())


@pytest.mark.parametrize('seed', range(20))
def test_it_behaves_like_a_list(seed):
    rng = random.Random(seed)
    model, node, pool = [], Element('e'), [Element('first')]
    for _ in range(500):
        step(rng, model, node, pool)
        assert len(node) == len(model)
        assert list(node) == model
        assert all(a is b for a, b in zip(node, model)
                   if not isinstance(a, str))
    parsed = Document(str(node)).root
    assert parsed.text == node.text
    assert str(Document(str(parsed)).root) == str(parsed)


def test_a_very_deep_tree_is_written_and_released():
    top = e = Element('e')
    for _ in range(50000):
        inner = Element('e')
        e.append(inner)
        e = inner
    e.tag_of_mine = 1
    del e, inner
    assert str(top).count('<e>') == 50000
    assert top.text == ''
    del top
