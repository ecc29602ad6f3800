/* SPDX-License-Identifier: MIT */
/*
 * children_methods.c -- the methods of a mutable sequence, for Element and
 * Document.
 */
#include <string.h>

#include "module.h"

const char doc_append[] = PyDoc_STR(
    "append($self, child, /)\n--\n\n"
    "Add a child at the end: a node, or text as str or UTF-8 bytes.\n\n"
    "A node may be a child of several parents; an edit shows in all.\n"
    "TypeError for anything else; ValueError for a node that holds this\n"
    "one, for a second root of a Document, and for characters that XML\n"
    "forbids.");
const char doc_insert[] =
    PyDoc_STR("insert($self, index, child, /)\n--\n\n"
              "Put a child before index, as list.insert().");
const char doc_extend[] = PyDoc_STR("extend($self, children, /)\n--\n\n"
                                    "Append all of an iterable, or none.");
const char doc_pop[] = PyDoc_STR(
    "pop($self, index=-1, /)\n--\n\n"
    "Remove a child and return it.  IndexError if there is none;\n"
    "ValueError('incomplete branch') if a Stream is still parsing it.");
const char doc_remove[] = PyDoc_STR(
    "remove($self, child, /)\n--\n\n"
    "Remove the first such child (a node by identity, text by value);\n"
    "ValueError if there is none.");
const char doc_clear[] =
    PyDoc_STR("clear($self, /)\n--\n\nRemove all children.");
const char doc_index[] = PyDoc_STR(
    "index($self, child, start=0, stop=maxsize, /)\n--\n\n"
    "The index of the first such child; ValueError if there is none.");
const char doc_count[] =
    PyDoc_STR("count($self, child, /)\n--\n\nHow often it is a child.");
const char doc_reverse[] =
    PyDoc_STR("reverse($self, /)\n--\n\nReverse the children in place.");
const char doc_reversed[] =
    PyDoc_STR("__reversed__($self, /)\n--\n\nIterate from the end.");
const char doc_xpath[] = PyDoc_STR(
    "xpath($self, expr, /, namespaces={}, **variables)\n--\n\n"
    "Evaluate an XPath 1.0 expression with this node as its context.\n\n"
    "namespaces maps the prefixes in expr to namespace names; variables\n"
    "are str, int, float or bool.  Returns a float, a bool, a str, or a\n"
    "list in document order: nodes of this tree, and str for texts and\n"
    "attributes.  XPathError (a ValueError) on a bad expression or one\n"
    "that takes too many steps.");

/* An index as list.insert() and list.index() read it. */
static Py_ssize_t
clamp(Py_ssize_t i, Py_ssize_t len)
{
    if (i < 0) {
        i = i + len < 0 ? 0 : i + len;
    }
    return i > len ? len : i;
}

PyObject *
children_append(PyObject *o, PyObject *value)
{
    if (children_add(o, children_len(o), value) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *
children_insert(PyObject *o, PyObject *args)
{
    PyObject *value;
    Py_ssize_t i;

    if (!PyArg_ParseTuple(args, "nO:insert", &i, &value) ||
        children_add(o, clamp(i, children_len(o)), value) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *
children_iadd(PyObject *o, PyObject *values)
{
    PyObject *list = PySequence_List(values);
    int rc;

    if (list == NULL) {
        return NULL;
    }
    rc = children_splice(node_of(o), (size_t)children_len(o), 0, list);
    Py_DECREF(list);
    return rc < 0 ? NULL : Py_NewRef(o);
}

PyObject *
children_extend(PyObject *o, PyObject *values)
{
    PyObject *same = children_iadd(o, values);

    Py_XDECREF(same);
    return same == NULL ? NULL : Py_NewRef(Py_None);
}

PyObject *
children_pop(PyObject *o, PyObject *args)
{
    struct node *self = node_of(o);
    Py_ssize_t i = -1, len = children_len(o);
    PyObject *child;

    if (!PyArg_ParseTuple(args, "|n:pop", &i)) {
        return NULL;
    }
    if (self->stream != NULL && stream_is_incomplete(self->stream, i)) {
        PyErr_SetString(PyExc_ValueError, "incomplete branch");
        return NULL;
    }
    if (len == 0) {
        PyErr_Format(PyExc_IndexError, "pop from empty %s",
                     is_document(self) ? "Document" : "Element");
        return NULL;
    }
    child = children_item(o, i < 0 ? i + len : i);
    if (child == NULL) {
        return NULL;
    }
    i = i < 0 ? i + len : i;
    if (i >= children_len(o) || child_cut(self, (size_t)i, 1) < 0) {
        Py_CLEAR(child);
    }
    return child;
}

/* -- finding ------------------------------------------------------------- */

/* What to look for, without making Python objects of the children. */
static bool
matches(const struct cnc_child *c, const struct item *want)
{
    if (want->e != NULL) {
        return c->element == want->e;
    }
    return want->text != NULL && c->kind == CNC_TEXT && c->len == want->len &&
           memcmp(c->text, want->text, c->len) == 0;
}

/* What can be no child matches nothing. */
static int
wanted(struct node *self, struct item *item, PyObject *o)
{
    Py_ssize_t len;

    *item = (struct item){0};
    if (self->st->node != NULL && node_is_child(self->st, o)) {
        item->ref = Py_NewRef(o);
        item->e = node_of(o)->e;
        return 0;
    }
    if (!PyUnicode_Check(o) && !PyBytes_Check(o) && !PyByteArray_Check(o)) {
        return 0;
    }
    item->ref = text_of(o, "");
    if (item->ref != NULL) {
        item->text = PyUnicode_AsUTF8AndSize(item->ref, &len);
    }
    if (item->text == NULL) {
        item_fini(item);
        if (!PyErr_ExceptionMatches(PyExc_UnicodeError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    item->len = (size_t)len;
    return 0;
}

static Py_ssize_t
find(PyObject *o, const struct item *want, Py_ssize_t from, Py_ssize_t to)
{
    for (Py_ssize_t i = from; i < to; i++) {
        struct cnc_child c = cnc_element_child_at(node_of(o)->e, (size_t)i);

        if (matches(&c, want)) {
            return i;
        }
    }
    return -1;
}

PyObject *
children_index(PyObject *o, PyObject *args)
{
    Py_ssize_t start = 0, stop = PY_SSIZE_T_MAX, i, len = children_len(o);
    struct item want;
    PyObject *value;

    if (!PyArg_ParseTuple(args, "O|nn:index", &value, &start, &stop) ||
        wanted(node_of(o), &want, value) < 0) {
        return NULL;
    }
    i = find(o, &want, clamp(start, len), clamp(stop, len));
    item_fini(&want);
    if (i < 0) {
        PyErr_SetString(PyExc_ValueError, "no such child");
        return NULL;
    }
    return PyLong_FromSsize_t(i);
}

PyObject *
children_remove(PyObject *o, PyObject *value)
{
    struct item want;
    Py_ssize_t i;

    if (wanted(node_of(o), &want, value) < 0) {
        return NULL;
    }
    i = find(o, &want, 0, children_len(o));
    item_fini(&want);
    if (i < 0) {
        PyErr_SetString(PyExc_ValueError, "no such child");
        return NULL;
    }
    return child_cut(node_of(o), (size_t)i, 1) < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *
children_count(PyObject *o, PyObject *value)
{
    Py_ssize_t i = -1, n = 0, len = children_len(o);
    struct item want;

    if (wanted(node_of(o), &want, value) < 0) {
        return NULL;
    }
    while ((i = find(o, &want, i + 1, len)) >= 0) {
        n++;
    }
    item_fini(&want);
    return PyLong_FromSsize_t(n);
}

/* -- all at once --------------------------------------------------------- */

PyObject *
children_clear(PyObject *o, PyObject *unused)
{
    Py_ssize_t len = children_len(o);

    if (len > 0 && child_cut(node_of(o), 0, (size_t)len) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *
children_reverse(PyObject *o, PyObject *unused)
{
    PyObject *list = PySequence_List(o);
    int rc = -1;

    if (list != NULL && PyList_Reverse(list) == 0) {
        rc = children_splice(node_of(o), 0, (size_t)children_len(o), list);
    }
    Py_XDECREF(list);
    return rc < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *
children_reversed(PyObject *o, PyObject *unused)
{
    PyObject *list = PySequence_List(o), *iter = NULL;

    if (list != NULL && PyList_Reverse(list) == 0) {
        iter = PyObject_GetIter(list);
    }
    Py_XDECREF(list);
    return iter;
}

PyObject *
node_xpath(PyObject *o, PyObject *args, PyObject *kwds)
{
    PyObject *module = PyImport_ImportModule("nodetree._xslt");
    PyObject *f, *all = NULL, *self, *result = NULL;

    if (module == NULL) {
        return NULL;
    }
    f = PyObject_GetAttrString(module, "xpath");
    Py_DECREF(module);
    self = PyTuple_Pack(1, o);
    if (f != NULL && self != NULL) {
        all = PySequence_Concat(self, args);
    }
    if (all != NULL) {
        result = PyObject_Call(f, all, kwds);
    }
    Py_XDECREF(f);
    Py_XDECREF(self);
    Py_XDECREF(all);
    return result;
}
