/* SPDX-License-Identifier: MIT */
/*
 * element.c -- the type Element.
 */
#include "module.h"

static int
set_name(struct node *self, const char *ns, const char *name)
{
    struct cnc_error err = {0};
    int rc = cnc_element_set_name(self->e, ns, name, &err);

    if (rc < 0) {
        err.code = rc;
        raise_value(&err);
        return -1;
    }
    self->st->edits++;
    return 0;
}

static PyObject *
element_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    struct state *st = state_of_type(type);
    struct cnc_element *e = NULL;

    /* The name comes with __init__, so that a subclass's own __init__ may
     * take what it likes. */
    if (st == NULL || cnc_element_new(&e, NULL, "_", NULL) < 0) {
        return NULL;
    }
    return node_new(st, type, e, NULL);
}

static int
element_init(PyObject *o, PyObject *args, PyObject *kwds)
{
    static char *names[] = {"", "attributes", "children", NULL};
    PyObject *name, *attributes = NULL, *children = NULL, *same;
    struct qname q;
    int rc;

    if (!PyArg_ParseTupleAndKeywords(args, kwds, "O|OO:Element", names, &name,
                                     &attributes, &children) ||
        qname_init(&q, name, "name attribute must be a string") < 0) {
        return -1;
    }
    rc = set_name(node_of(o), q.ns, q.name);
    qname_fini(&q);
    if (rc == 0 && attributes != NULL && attributes != Py_None) {
        rc = attributes_update(node_of(o), attributes);
    }
    if (rc == 0 && children != NULL &&
        (PyUnicode_Check(children) || PyBytes_Check(children))) {
        return children_add(o, children_len(o), children);
    }
    if (rc == 0 && children != NULL) {
        same = children_iadd(o, children);
        rc = same == NULL ? -1 : 0;
        Py_XDECREF(same);
    }
    return rc;
}

/* -- names --------------------------------------------------------------- */

static PyObject *
get_name(PyObject *o, void *unused)
{
    return PyUnicode_FromString(cnc_element_name(node_of(o)->e));
}

static int
set_name_attr(PyObject *o, PyObject *value, void *unused)
{
    const char *old = cnc_element_ns(node_of(o)->e);
    struct qname q;
    PyObject *keep;
    int rc = -1;

    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "cannot delete name attribute");
        return -1;
    }
    if (qname_init(&q, value, "name attribute must be a string") < 0) {
        return -1;
    }
    /* A copy: the new name may free the old. */
    keep = PyBytes_FromString(old);
    if (keep != NULL) {
        rc = set_name(node_of(o), q.ns == NULL ? PyBytes_AsString(keep) : q.ns,
                      q.name);
    }
    Py_XDECREF(keep);
    qname_fini(&q);
    return rc;
}

static PyObject *
get_namespace(PyObject *o, void *unused)
{
    const char *ns = cnc_element_ns(node_of(o)->e);

    return ns[0] == '\0' ? Py_NewRef(Py_None) : PyUnicode_FromString(ns);
}

/* Text or None as UTF-8, in *keep; "" for None. */
static const char *
text_or_none(PyObject *value, PyObject **keep, const char *what)
{
    *keep = NULL;
    if (value == NULL || value == Py_None) {
        return "";
    }
    *keep = text_of(value, what);
    return *keep == NULL ? NULL : utf8_of(*keep);
}

static int
set_namespace(PyObject *o, PyObject *value, void *unused)
{
    PyObject *keep, *name = get_name(o, NULL);
    const char *ns =
        text_or_none(value, &keep, "namespace attribute must be a string");
    int rc = -1;

    if (ns != NULL && name != NULL) {
        rc = set_name(node_of(o), ns, utf8_of(name));
    }
    Py_XDECREF(keep);
    Py_XDECREF(name);
    return rc;
}

static PyObject *
get_prefix(PyObject *o, void *unused)
{
    const char *prefix = cnc_element_prefix(node_of(o)->e);

    return prefix[0] == '\0' ? Py_NewRef(Py_None)
                             : PyUnicode_FromString(prefix);
}

static int
set_prefix(PyObject *o, PyObject *value, void *unused)
{
    struct cnc_error err = {0};
    PyObject *keep;
    const char *prefix =
        text_or_none(value, &keep, "prefix attribute must be a string");
    int rc = -1;

    if (prefix != NULL) {
        rc = cnc_element_set_prefix(node_of(o)->e, prefix, &err);
        if (rc < 0) {
            err.code = rc;
            raise_value(&err);
        } else {
            node_of(o)->st->edits++;
        }
    }
    Py_XDECREF(keep);
    return rc < 0 ? -1 : 0;
}

static PyObject *
get_tag(PyObject *o, void *unused)
{
    struct cnc_element *e = node_of(o)->e;

    return qname_str(cnc_element_ns(e), cnc_element_name(e));
}

/* -- the rest ------------------------------------------------------------ */

static PyObject *
get_attributes(PyObject *o, void *unused)
{
    return attributes_new(node_of(o));
}

static int
set_attributes(PyObject *o, PyObject *value, void *unused)
{
    PyObject *copy, *view, *result;
    int rc = -1;

    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "cannot delete attributes");
        return -1;
    }
    copy = PyDict_New();
    view = attributes_new(node_of(o));
    if (copy != NULL && view != NULL && PyDict_Update(copy, value) == 0) {
        result = PyObject_CallMethod(view, "clear", NULL);
        if (result != NULL) {
            rc = attributes_update(node_of(o), copy);
        }
        Py_XDECREF(result);
    }
    Py_XDECREF(copy);
    Py_XDECREF(view);
    return rc;
}

static PyObject *
get_text(PyObject *o, void *unused)
{
    return str_of_buf(cnc_element_string(node_of(o)->e));
}

static PyObject *
get_declarations(PyObject *o, void *unused)
{
    struct cnc_element *e = node_of(o)->e;
    PyObject *dict = PyDict_New();

    for (size_t i = 0; dict != NULL && i < cnc_element_n_decls(e); i++) {
        const char *prefix, *ns;
        PyObject *value;

        cnc_element_decl_at(e, i, &prefix, &ns);
        value = PyUnicode_FromString(ns);
        if (value == NULL || PyDict_SetItemString(dict, prefix, value) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *
element_declare(PyObject *o, PyObject *args)
{
    struct cnc_error err = {0};
    PyObject *prefix, *ns;
    const char *p, *n;
    int rc;

    if (!PyArg_ParseTuple(args, "UU:declare", &prefix, &ns)) {
        return NULL;
    }
    p = utf8_of(prefix);
    n = p == NULL ? NULL : utf8_of(ns);
    if (n == NULL) {
        return NULL;
    }
    rc = cnc_element_declare(node_of(o)->e, p, n, &err);
    if (rc < 0) {
        err.code = rc;
        raise_value(&err);
        return NULL;
    }
    node_of(o)->st->edits++;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    CHILDREN_METHODS,
    {"declare", element_declare, METH_VARARGS,
     PyDoc_STR("declare($self, prefix, namespace, /)\n--\n\n"
               "Write this namespace declaration on the element, used or "
               "not;\n'' is the default namespace.")},
    {NULL},
};

static PyGetSetDef getset[] = {
    {"name", get_name, set_name_attr,
     PyDoc_STR("The local name.  Setting 'name' keeps the namespace,\n"
               "'{ns}name' changes both.")},
    {"namespace", get_namespace, set_namespace,
     PyDoc_STR("The namespace name, or None.")},
    {"prefix", get_prefix, set_prefix,
     PyDoc_STR("The prefix it was written with, or None: a wish for the\n"
               "writer, never part of the name.")},
    {"tag", get_tag, NULL, PyDoc_STR("'{ns}name', or 'name'.")},
    {"attributes", get_attributes, set_attributes,
     PyDoc_STR("The attributes: a mutable mapping of 'name' or '{ns}name' "
               "to str.")},
    {"declarations", get_declarations, NULL,
     PyDoc_STR("A new dict of the namespace declarations written on the\n"
               "element: prefix ('' for the default) to namespace name.")},
    {"text", get_text, NULL,
     PyDoc_STR("All text inside, at any depth, joined (XPath's string()).")},
    {NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     PyDoc_STR("Element(name, /, attributes=None, children=())\n--\n\n"
               "An XML element: a mutable sequence of its children, which\n"
               "are nodes and str.  name is 'name' or '{namespace}name';\n"
               "children an iterable, or one str.\n\n"
               "A subclass may be bound to a name in a Registry.  Parsing\n"
               "then makes its instances, without __new__ and __init__; the\n"
               "method on_parsed(self), where there is one, is called once,\n"
               "when the instance is first reached.")},
    {Py_tp_new, element_new},
    {Py_tp_init, element_init},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    CHILDREN_SLOTS,
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "nodetree.Element",
    .basicsize = sizeof(struct node),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = slots,
};

PyType_Spec *
element_spec(void)
{
    return &spec;
}
