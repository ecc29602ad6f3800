/* SPDX-License-Identifier: MIT */
/*
 * copy.c -- copy.copy(), copy.deepcopy() and pickle, none of which runs
 * __init__.
 */
#include "module.h"

/* A *new* element with e's names, declarations, attributes or content, and
 * no children. */
static struct cnc_element *
bare_copy(const struct cnc_element *e)
{
    struct cnc_element *out = NULL;
    const char *prefix, *ns;

    switch (cnc_element_kind(e)) {
    case CNC_COMMENT:
        cnc_comment_new(&out, cnc_element_text(e), NULL);
        return out;
    case CNC_PI:
        cnc_pi_new(&out, cnc_element_name(e), cnc_element_text(e), NULL);
        return out;
    default:
        break;
    }
    cnc_element_new(&out, cnc_element_ns(e), cnc_element_name(e), NULL);
    cnc_element_set_prefix(out, cnc_element_prefix(e), NULL);
    for (size_t i = 0; i < cnc_element_n_decls(e); i++) {
        cnc_element_decl_at(e, i, &prefix, &ns);
        cnc_element_declare(out, prefix, ns, NULL);
    }
    for (size_t i = 0; i < cnc_element_n_attrs(e); i++) {
        struct cnc_attr a = cnc_element_attr_at(e, i);

        cnc_element_set_attr(out, a.ns, a.name, a.value, NULL);
    }
    return out;
}

/* A *new* node like self, with neither children nor attributes of Python's. */
static PyObject *
twin(struct node *self)
{
    return node_new(self->st, Py_TYPE((PyObject *)self), bare_copy(self->e),
                    self->origin);
}

static int
give_dict(PyObject *to, PyObject *dict)
{
    PyObject *mine = PyObject_GenericGetDict(to, NULL);
    int rc = mine == NULL ? -1 : PyDict_Update(mine, dict);

    Py_XDECREF(mine);
    return rc;
}

PyObject *
node_copy(PyObject *o, PyObject *unused)
{
    struct node *self = node_of(o);
    PyObject *to = twin(self), *all = NULL;
    bool has_children = cnc_element_kind(self->e) == CNC_ELEMENT;

    if (to != NULL && has_children) {
        all = PySequence_List(o);
        if (all == NULL || children_splice(node_of(to), 0, 0, all) < 0) {
            Py_CLEAR(to);
        }
        Py_XDECREF(all);
    }
    if (to != NULL && self->dict != NULL && give_dict(to, self->dict) < 0) {
        Py_CLEAR(to);
    }
    return to;
}

/* -- deepcopy: with a list of what is to be filled, not by recursion ------ */

struct deep {
    PyObject *memo, *todo; /* todo: [from, to, from, to, ...] */
};

/* The *new* reference to o's copy, made unless the memo has it. */
static PyObject *
deep_twin(struct deep *d, PyObject *o)
{
    PyObject *key = PyLong_FromVoidPtr(o), *to;

    if (key == NULL) {
        return NULL;
    }
    to = PyDict_GetItemWithError(d->memo, key);
    if (to != NULL || PyErr_Occurred()) {
        Py_DECREF(key);
        return Py_XNewRef(to);
    }
    to = twin(node_of(o));
    if (to != NULL &&
        (PyDict_SetItem(d->memo, key, to) < 0 ||
         PyList_Append(d->todo, o) < 0 || PyList_Append(d->todo, to) < 0)) {
        Py_CLEAR(to);
    }
    Py_DECREF(key);
    return to;
}

static int
deep_child(struct deep *d, struct node *from, struct node *to, size_t i)
{
    struct cnc_child c = cnc_element_child_at(from->e, i);
    struct item item = {0};
    int rc;

    if (c.kind == CNC_TEXT) {
        item.text = c.text;
        item.len = c.len;
        return child_put(to, i, &item);
    }
    if (from->kids == NULL || from->kids->at[i] == NULL) {
        /* No Python object was made of it, nor of anything below. */
        item.e = cnc_element_thaw(c.element);
        rc = child_put(to, i, &item);
        cnc_element_unref(&item.e);
        return rc;
    }
    item.ref = deep_twin(d, from->kids->at[i]);
    if (item.ref == NULL) {
        return -1;
    }
    item.e = node_of(item.ref)->e;
    rc = child_put(to, i, &item);
    item_fini(&item);
    return rc;
}

static int
deep_fill(struct deep *d, struct node *from, struct node *to, PyObject *copy)
{
    PyObject *dict = NULL;
    int rc = 0;

    for (size_t i = 0; cnc_element_kind(from->e) == CNC_ELEMENT &&
                       i < cnc_element_n_children(from->e);
         i++) {
        if (deep_child(d, from, to, i) < 0) {
            return -1;
        }
    }
    if (from->dict != NULL && PyDict_Size(from->dict) > 0) {
        dict =
            PyObject_CallMethod(copy, "deepcopy", "OO", from->dict, d->memo);
        rc = dict == NULL ? -1 : give_dict((PyObject *)to, dict);
        Py_XDECREF(dict);
    }
    return rc;
}

PyObject *
node_deepcopy(PyObject *o, PyObject *memo)
{
    struct deep d = {.memo = memo, .todo = PyList_New(0)};
    PyObject *copy = PyImport_ImportModule("copy"), *to = NULL;
    Py_ssize_t n;
    int rc = 0;

    if (!PyDict_Check(memo)) {
        PyErr_SetString(PyExc_TypeError, "memo must be a dict");
        goto done;
    }
    if (copy == NULL || d.todo == NULL || (to = deep_twin(&d, o)) == NULL) {
        goto done;
    }
    while (rc == 0 && (n = PyList_Size(d.todo)) > 0) {
        PyObject *a = Py_NewRef(PyList_GetItem(d.todo, n - 2));
        PyObject *b = Py_NewRef(PyList_GetItem(d.todo, n - 1));

        rc = PyList_SetSlice(d.todo, n - 2, n, NULL);
        if (rc == 0) {
            rc = deep_fill(&d, node_of(a), node_of(b), copy);
        }
        Py_DECREF(a);
        Py_DECREF(b);
    }
    if (rc < 0) {
        Py_CLEAR(to);
    }
done:
    Py_XDECREF(copy);
    Py_XDECREF(d.todo);
    return to;
}

/* -- pickle -------------------------------------------------------------- */

static PyObject *
pairs_of(const struct cnc_element *e)
{
    size_t n = cnc_element_n_attrs(e);
    PyObject *pairs = PyTuple_New((Py_ssize_t)n);

    for (size_t i = 0; pairs != NULL && i < n; i++) {
        struct cnc_attr a = cnc_element_attr_at(e, i);
        PyObject *key = qname_str(a.ns, a.name), *pair = NULL;

        if (key != NULL) {
            pair = Py_BuildValue("(Ns)", key, a.value);
        }
        if (pair == NULL || PyTuple_SetItem(pairs, (Py_ssize_t)i, pair) < 0) {
            Py_CLEAR(pairs);
        }
    }
    return pairs;
}

static PyObject *
decls_of(const struct cnc_element *e)
{
    size_t n = cnc_element_n_decls(e);
    PyObject *pairs = PyTuple_New((Py_ssize_t)n);

    for (size_t i = 0; pairs != NULL && i < n; i++) {
        const char *prefix, *ns;
        PyObject *pair;

        cnc_element_decl_at(e, i, &prefix, &ns);
        pair = Py_BuildValue("(ss)", prefix, ns);
        if (pair == NULL || PyTuple_SetItem(pairs, (Py_ssize_t)i, pair) < 0) {
            Py_CLEAR(pairs);
        }
    }
    return pairs;
}

/* (_restore, (class, tag, prefix, declarations, attributes, content,
 * registry), state, children). */
PyObject *
node_reduce(PyObject *o, PyObject *unused)
{
    struct node *self = node_of(o);
    struct cnc_element *e = self->e;
    bool element = cnc_element_kind(e) == CNC_ELEMENT;
    PyObject *module = PyImport_ImportModule("nodetree._nodetree");
    PyObject *f, *tag, *decls, *attrs, *state, *children, *args, *all = NULL;

    f = module == NULL ? NULL : PyObject_GetAttrString(module, "_restore");
    Py_XDECREF(module);
    if (f == NULL) {
        return NULL;
    }
    tag = qname_str(cnc_element_ns(e), cnc_element_name(e));
    decls = tag == NULL ? NULL : decls_of(e);
    attrs = decls == NULL ? NULL : pairs_of(e);
    args = attrs == NULL
               ? NULL
               : Py_BuildValue("(OOsOOsN)", (PyObject *)Py_TYPE(o), tag,
                               cnc_element_prefix(e), decls, attrs,
                               element ? "" : cnc_element_text(e),
                               node_registry(o, NULL));
    state = args == NULL ? NULL : PyObject_CallMethod(o, "__getstate__", NULL);
    children = state == NULL ? NULL
               : element     ? PySeqIter_New(o)
                             : Py_NewRef(Py_None);
    if (children != NULL) {
        all = PyTuple_Pack(4, f, args, state, children);
    }
    Py_DECREF(f);
    Py_XDECREF(tag);
    Py_XDECREF(decls);
    Py_XDECREF(attrs);
    Py_XDECREF(args);
    Py_XDECREF(state);
    Py_XDECREF(children);
    return all;
}

static int
restore_element(PyObject *o, const char *prefix, PyObject *decls,
                PyObject *attrs)
{
    struct cnc_element *e = node_of(o)->e;
    struct cnc_error err = {0};
    int rc = cnc_element_set_prefix(e, prefix, &err);

    for (Py_ssize_t i = 0; rc == 0 && i < PyTuple_Size(decls); i++) {
        const char *p, *ns;

        if (!PyTuple_Check(PyTuple_GetItem(decls, i)) ||
            !PyArg_ParseTuple(PyTuple_GetItem(decls, i), "ss", &p, &ns)) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_TypeError, "not a declaration");
            }
            return -1;
        }
        rc = cnc_element_declare(e, p, ns, &err);
    }
    if (rc < 0) {
        err.code = rc;
        raise_value(&err);
        return -1;
    }
    return attributes_update(node_of(o), attrs);
}

PyObject *
node_restore(PyObject *module, PyObject *args)
{
    struct state *st = state_of_module(module);
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};
    PyObject *class, *tag, *decls, *attrs, *registry, *origin, *o = NULL;
    const char *prefix, *content;
    struct qname q;
    PyTypeObject *type;
    int rc;

    if (!PyArg_ParseTuple(args, "OOsO!O!sO", &class, &tag, &prefix,
                          &PyTuple_Type, &decls, &PyTuple_Type, &attrs,
                          &content, &registry)) {
        return NULL;
    }
    type = (PyTypeObject *)class;
    if (!PyType_Check(class) || !PyType_IsSubtype(type, st->node)) {
        PyErr_SetString(PyExc_TypeError, "not a class of nodes");
        return NULL;
    }
    if (registry_check(st, registry) < 0 ||
        qname_init(&q, tag, "name attribute must be a string") < 0) {
        return NULL;
    }
    rc = PyType_IsSubtype(type, st->comment)
             ? cnc_comment_new(&e, content, &err)
         : PyType_IsSubtype(type, st->pi)
             ? cnc_pi_new(&e, q.name, content, &err)
             : cnc_element_new(&e, q.ns, q.name, &err);
    qname_fini(&q);
    if (rc < 0) {
        err.code = rc;
        raise_value(&err);
        return NULL;
    }
    origin = origin_new(registry, NULL);
    if (origin == NULL) {
        cnc_element_unref(&e);
        return NULL;
    }
    o = node_new(st, type, e, origin);
    Py_DECREF(origin);
    if (o != NULL && cnc_element_kind(e) == CNC_ELEMENT &&
        restore_element(o, prefix, decls, attrs) < 0) {
        Py_CLEAR(o);
    }
    return o;
}
