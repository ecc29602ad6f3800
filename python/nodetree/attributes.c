/* SPDX-License-Identifier: MIT */
/*
 * attributes.c -- Element.attributes: a mapping that reads and writes the
 * element.  What collections.abc.MutableMapping can derive is taken from
 * there: state.c.
 */
#include "module.h"

struct attributes {
    PyObject_HEAD struct node *element; /* counted */
};

static struct node *
element_of(PyObject *o)
{
    return ((struct attributes *)o)->element;
}

PyObject *
attributes_new(struct node *element)
{
    PyTypeObject *type = element->st->attributes;
    struct attributes *self;

    if (type == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the interpreter is ending");
        return NULL;
    }
    self = PyObject_GC_New(struct attributes, type);
    if (self == NULL) {
        return NULL;
    }
    self->element = node_of(Py_NewRef((PyObject *)element));
    PyObject_GC_Track((PyObject *)self);
    return (PyObject *)self;
}

static int
attributes_traverse(PyObject *o, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(o));
    Py_VISIT((PyObject *)element_of(o));
    return 0;
}

static void
attributes_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);

    PyObject_GC_UnTrack(o);
    Py_DECREF((PyObject *)element_of(o));
    PyObject_GC_Del(o);
    Py_DECREF(type);
}

static Py_ssize_t
attributes_len(PyObject *o)
{
    return (Py_ssize_t)cnc_element_n_attrs(element_of(o)->e);
}

static PyObject *
attributes_get(PyObject *o, PyObject *key)
{
    const char *value;
    struct qname q;

    if (qname_init(&q, key, "attribute name must be a string") < 0) {
        return NULL;
    }
    value = cnc_element_attr(element_of(o)->e, q.ns, q.name);
    qname_fini(&q);
    if (value == NULL) {
        PyErr_SetString(PyExc_KeyError, "attribute not found");
        return NULL;
    }
    return PyUnicode_FromString(value);
}

static int
set(struct node *element, PyObject *key, const char *value)
{
    struct cnc_error err = {0};
    struct qname q;
    int rc;

    if (qname_init(&q, key, "attribute name must be a string") < 0) {
        return -1;
    }
    rc = cnc_element_set_attr(element->e, q.ns, q.name, value, &err);
    qname_fini(&q);
    if (rc == CNC_ENOENT) {
        PyErr_SetString(PyExc_KeyError, "attribute not found");
        return -1;
    }
    if (rc < 0) {
        err.code = rc;
        raise_value(&err);
        return -1;
    }
    element->st->edits++;
    return 0;
}

static int
attributes_set(PyObject *o, PyObject *key, PyObject *value)
{
    PyObject *text;
    const char *s;
    int rc = -1;

    if (value == NULL) {
        return set(element_of(o), key, NULL);
    }
    text = text_of(value, "attribute value must be a string");
    s = text == NULL ? NULL : utf8_of(text);
    if (s != NULL) {
        rc = set(element_of(o), key, s);
    }
    Py_XDECREF(text);
    return rc;
}

static int
attributes_contains(PyObject *o, PyObject *key)
{
    struct qname q;
    bool is;

    if (!PyUnicode_Check(key) && !PyBytes_Check(key)) {
        return 0;
    }
    if (qname_init(&q, key, "") < 0) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    is = cnc_element_attr(element_of(o)->e, q.ns, q.name) != NULL;
    qname_fini(&q);
    return is;
}

/* Over the names as they are now: changing the mapping meanwhile is fine. */
static PyObject *
attributes_iter(PyObject *o)
{
    PyObject *list = PyList_New(0), *iter = NULL;
    struct cnc_element *e = element_of(o)->e;

    for (size_t i = 0; list != NULL && i < cnc_element_n_attrs(e); i++) {
        struct cnc_attr a = cnc_element_attr_at(e, i);
        PyObject *key = qname_str(a.ns, a.name);

        if (key == NULL || PyList_Append(list, key) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(key);
    }
    if (list != NULL) {
        iter = PyObject_GetIter(list);
    }
    Py_XDECREF(list);
    return iter;
}

static PyObject *
attributes_repr(PyObject *o)
{
    PyObject *dict = PyDict_New(), *repr = NULL;

    if (dict != NULL && PyDict_Update(dict, o) == 0) {
        repr = PyObject_Repr(dict);
    }
    Py_XDECREF(dict);
    return repr;
}

int
attributes_update(struct node *element, PyObject *mapping)
{
    PyObject *view = attributes_new(element), *result = NULL;

    if (view != NULL) {
        result = PyObject_CallMethod(view, "update", "(O)", mapping);
    }
    Py_XDECREF(view);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static PyType_Slot slots[] = {
    {Py_tp_doc,
     PyDoc_STR("The attributes of an element: a mutable mapping of 'name' or\n"
               "'{ns}name' to str, in the order they are written.\n\n"
               "KeyError('attribute not found'); ValueError for a bad name\n"
               "or characters that XML forbids.")},
    {Py_tp_traverse, attributes_traverse},
    {Py_tp_dealloc, attributes_dealloc},
    {Py_tp_iter, attributes_iter},
    {Py_tp_repr, attributes_repr},
    {Py_mp_length, attributes_len},
    {Py_mp_subscript, attributes_get},
    {Py_mp_ass_subscript, attributes_set},
    {Py_sq_contains, attributes_contains},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "nodetree.Attributes",
    .basicsize = sizeof(struct attributes),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

PyType_Spec *
attributes_spec(void)
{
    return &spec;
}
