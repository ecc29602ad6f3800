/* SPDX-License-Identifier: MIT */
/*
 * node.c -- the life of a Python node: made, bound to a class, collected,
 * released.
 */
#include "module.h"

#include <string.h>

/*
 * Releasing a tree must not recurse, however deep it is.  What a dying node
 * held waits here, and the outermost release works it off.  A list a thread;
 * code run by a release may enter another interpreter on the same thread,
 * which then works on a list of its own.
 */
static _Thread_local struct kids *grave;
static _Thread_local PyInterpreterState *digging;

void
kids_release(struct kids **kidsp)
{
    struct kids *kids = *kidsp, *outer_grave = NULL;
    PyInterpreterState *here, *outer;

    if (kids == NULL) {
        return;
    }
    *kidsp = NULL;
    here = PyInterpreterState_Get();
    if (digging == here) {
        kids->next = grave;
        grave = kids;
        return;
    }
    outer = digging;
    outer_grave = grave;
    digging = here;
    kids->next = NULL;
    grave = kids;
    while ((kids = grave) != NULL) {
        grave = kids->next;
        for (size_t i = 0; i < kids->n; i++) {
            Py_XDECREF(kids->at[i]);
        }
        PyMem_Free(kids);
    }
    digging = outer;
    grave = outer_grave;
}

PyObject *
node_new(struct state *st, PyTypeObject *type, struct cnc_element *e,
         PyObject *origin)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    PyObject *o = alloc(type, 0);

    if (o == NULL) {
        cnc_element_unref(&e);
        return NULL;
    }
    node_of(o)->e = e;
    node_of(o)->st = state_ref(st);
    node_of(o)->origin = Py_XNewRef(origin);
    return o;
}

PyObject *
origin_new(PyObject *registry, PyObject *scope)
{
    return PyTuple_Pack(2, registry == NULL ? Py_None : registry,
                        scope == NULL ? Py_None : scope);
}

int
registry_check(struct state *st, PyObject *o)
{
    int is;

    if (o == NULL || o == Py_None) {
        return 0;
    }
    is = PyObject_IsInstance(o, st->registry);
    if (is == 0) {
        PyErr_SetString(PyExc_TypeError, "registry must be a Registry");
    }
    return is == 1 ? 0 : -1;
}

/* -- which class --------------------------------------------------------- */

/* *borrowed*, or NULL with or without an exception. */
static PyObject *
class_lookup(PyObject *classes, const char *ns, const char *name)
{
    PyObject *key = qname_str(ns, name), *class;

    if (key == NULL) {
        return NULL;
    }
    class = PyDict_GetItemWithError(classes, key);
    Py_DECREF(key);
    return class;
}

/* A *new* reference to the class for e. */
static PyTypeObject *
class_of(struct state *st, const struct cnc_element *e, PyObject *origin)
{
    PyObject *registry, *classes, *class = NULL;
    const char *ns = cnc_element_ns(e);

    switch (cnc_element_kind(e)) {
    case CNC_COMMENT:
        return (PyTypeObject *)Py_NewRef((PyObject *)st->comment);
    case CNC_PI:
        return (PyTypeObject *)Py_NewRef((PyObject *)st->pi);
    default:
        break;
    }
    registry = origin == NULL ? Py_None : PyTuple_GetItem(origin, 0);
    if (registry == Py_None) {
        return (PyTypeObject *)Py_NewRef((PyObject *)st->element);
    }
    classes = PyObject_GetAttrString(registry, "_classes");
    if (classes == NULL) {
        return NULL;
    }
    class = class_lookup(classes, ns, cnc_element_name(e));
    if (class == NULL && !PyErr_Occurred()) {
        class = class_lookup(classes, ns, "*");
    }
    if (class == NULL && !PyErr_Occurred()) {
        class = class_lookup(classes, "*", "*");
    }
    if (class == NULL && !PyErr_Occurred()) {
        class = (PyObject *)st->element;
    }
    if (class != NULL &&
        (!PyType_Check(class) ||
         !PyType_IsSubtype((PyTypeObject *)class, st->element))) {
        PyErr_SetString(PyExc_TypeError,
                        "the registry holds what is not an Element class");
        class = NULL;
    }
    Py_XINCREF(class);
    Py_DECREF(classes);
    return (PyTypeObject *)class;
}

PyObject *
node_wrap(struct state *st, struct cnc_element *e, PyObject *origin)
{
    PyTypeObject *type;
    PyObject *o;

    if (st->element == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the interpreter is ending");
        cnc_element_unref(&e);
        return NULL;
    }
    type = class_of(st, e, origin);
    if (type == NULL) {
        cnc_element_unref(&e);
        return NULL;
    }
    o = node_new(st, type, e, origin);
    Py_DECREF(type);
    return o;
}

/* -- children as Python objects ------------------------------------------ */

static int
kids_make(struct node *self)
{
    size_t n = cnc_element_n_children(self->e);
    struct kids *kids;

    if (self->kids != NULL) {
        return 0;
    }
    kids = PyMem_Calloc(1, sizeof(*kids) + n * sizeof(kids->at[0]));
    if (kids == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    kids->n = kids->cap = n;
    self->kids = kids;
    return 0;
}

/* A bound class may want to know that it got an instance. */
int
node_tell(PyObject *o)
{
    PyObject *hook, *result;

    if (Py_TYPE(o) == node_of(o)->st->element) {
        return 0;
    }
    hook = PyObject_GetAttrString(o, "on_parsed");
    if (hook == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    result = PyObject_CallNoArgs(hook);
    Py_DECREF(hook);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

PyObject *
node_child(struct node *self, size_t i)
{
    struct cnc_child c;
    PyObject *o = NULL;

    /* Making an object may run the collector, and that anything: look again
     * until what was made is still what is wanted. */
    for (;;) {
        if (i >= cnc_element_n_children(self->e)) {
            Py_XDECREF(o);
            PyErr_SetString(PyExc_IndexError, "child index out of range");
            return NULL;
        }
        c = cnc_element_child_at(self->e, i);
        if (c.kind == CNC_TEXT) {
            Py_XDECREF(o);
            return PyUnicode_DecodeUTF8(c.text, (Py_ssize_t)c.len, "strict");
        }
        if (kids_make(self) < 0) {
            Py_XDECREF(o);
            return NULL;
        }
        if (self->kids->at[i] != NULL) {
            Py_XDECREF(o);
            return Py_NewRef(self->kids->at[i]);
        }
        if (o != NULL && node_of(o)->e == c.element) {
            self->kids->at[i] = Py_NewRef(o);
            break;
        }
        Py_XDECREF(o);
        o = node_wrap(self->st, cnc_element_ref(c.element), self->origin);
        if (o == NULL) {
            return NULL;
        }
    }
    if (node_tell(o) < 0) {
        Py_CLEAR(o);
    }
    return o;
}

bool
node_is_child(struct state *st, PyObject *o)
{
    PyTypeObject *t = Py_TYPE(o);

    return PyType_IsSubtype(t, st->node) && !PyType_IsSubtype(t, st->document);
}

int
kids_insert(struct node *self, size_t i, PyObject *o)
{
    struct kids *kids = self->kids;
    size_t cap;

    if (kids == NULL && o == NULL) {
        return 0;
    }
    if (kids_make(self) < 0) {
        return -1;
    }
    kids = self->kids;
    if (kids->n == kids->cap) {
        cap = kids->cap < 4 ? 4 : kids->cap + kids->cap / 2;
        kids = PyMem_Realloc(kids, sizeof(*kids) + cap * sizeof(kids->at[0]));
        if (kids == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        kids->cap = cap;
        self->kids = kids;
    }
    memmove(kids->at + i + 1, kids->at + i,
            (kids->n - i) * sizeof(kids->at[0]));
    kids->at[i] = Py_XNewRef(o);
    kids->n++;
    return 0;
}

struct kids *
kids_take(struct node *self, size_t i, size_t n)
{
    struct kids *kids = self->kids, *out;

    if (kids == NULL) {
        return NULL;
    }
    out = PyMem_Calloc(1, sizeof(*out) + n * sizeof(out->at[0]));
    if (out == NULL) {
        Py_FatalError("nodetree: out of memory");
    }
    memcpy(out->at, kids->at + i, n * sizeof(out->at[0]));
    out->n = out->cap = n;
    memmove(kids->at + i, kids->at + i + n,
            (kids->n - i - n) * sizeof(kids->at[0]));
    kids->n -= n;
    return out;
}
