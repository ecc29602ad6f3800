/* SPDX-License-Identifier: MIT */
/*
 * children_slice.c -- e[i], e[a:b], e[a:b:c]: read, set and delete.
 */
#include "module.h"

struct slice {
    Py_ssize_t start, stop, step, n;
};

static int
slice_of(PyObject *o, PyObject *key, struct slice *s)
{
    if (PySlice_Unpack(key, &s->start, &s->stop, &s->step) < 0) {
        return -1;
    }
    s->n =
        PySlice_AdjustIndices(children_len(o), &s->start, &s->stop, s->step);
    return 0;
}

static int
index_of(PyObject *o, PyObject *key, Py_ssize_t *i)
{
    if (!PyIndex_Check(key)) {
        PyErr_SetString(PyExc_TypeError,
                        "child indices must be integers or slices");
        return -1;
    }
    *i = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (*i == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (*i < 0) {
        *i += children_len(o);
    }
    return 0;
}

PyObject *
children_subscript(PyObject *o, PyObject *key)
{
    struct slice s;
    PyObject *list;
    Py_ssize_t i;

    if (!PySlice_Check(key)) {
        return index_of(o, key, &i) < 0 ? NULL : children_item(o, i);
    }
    if (slice_of(o, key, &s) < 0) {
        return NULL;
    }
    list = PyList_New(0);
    for (i = 0; list != NULL && i < s.n; i++) {
        PyObject *child = children_item(o, s.start + i * s.step);

        if (child == NULL || PyList_Append(list, child) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(child);
    }
    return list;
}

static int
delete_slice(PyObject *o, const struct slice *s)
{
    Py_ssize_t first =
        s->step > 0 ? s->start : s->start + (s->n - 1) * s->step;
    Py_ssize_t step = s->step > 0 ? s->step : -s->step;

    if (s->n == 0) {
        return 0;
    }
    if (step == 1) {
        return child_cut(node_of(o), (size_t)first, (size_t)s->n);
    }
    for (Py_ssize_t i = s->n; i-- > 0;) {
        if (first + i * step < children_len(o) &&
            child_cut(node_of(o), (size_t)(first + i * step), 1) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Every step-th child: as a new list of all children, set at once. */
static int
set_extended(PyObject *o, PyObject *key, PyObject *list)
{
    PyObject *all = PySequence_List(o);
    struct slice s;
    Py_ssize_t i;
    int rc = -1;

    if (all == NULL || slice_of(o, key, &s) < 0) {
        goto done;
    }
    if (PyList_Size(list) != s.n) {
        PyErr_Format(PyExc_ValueError,
                     "attempt to assign sequence of size %zd to extended "
                     "slice of size %zd",
                     PyList_Size(list), s.n);
        goto done;
    }
    for (i = 0; i < s.n; i++) {
        if (PyList_SetItem(all, s.start + i * s.step,
                           Py_NewRef(PyList_GetItem(list, i))) < 0) {
            goto done;
        }
    }
    rc = children_splice(node_of(o), 0, (size_t)children_len(o), all);
done:
    Py_XDECREF(all);
    return rc;
}

int
children_ass_subscript(PyObject *o, PyObject *key, PyObject *value)
{
    struct slice s;
    PyObject *list;
    Py_ssize_t i;
    int rc = -1;

    if (!PySlice_Check(key)) {
        return index_of(o, key, &i) < 0 ? -1 : children_ass_item(o, i, value);
    }
    if (value == NULL) {
        return slice_of(o, key, &s) < 0 ? -1 : delete_slice(o, &s);
    }
    list = PySequence_List(value);
    if (list == NULL) {
        return -1;
    }
    /* Only now: making the list may have run code that changed o. */
    if (slice_of(o, key, &s) == 0) {
        rc = s.step == 1 ? children_splice(node_of(o), (size_t)s.start,
                                           (size_t)s.n, list)
                         : set_extended(o, key, list);
    }
    Py_DECREF(list);
    return rc;
}
