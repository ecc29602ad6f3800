/* SPDX-License-Identifier: MIT */
/*
 * children.c -- the children of an Element or a Document as a sequence: one at
 * a time.
 */
#include "module.h"

bool
is_document(struct node *self)
{
    return self->st->document != NULL &&
           PyType_IsSubtype(Py_TYPE((PyObject *)self), self->st->document);
}

/* -- one child, checked -------------------------------------------------- */

int
item_init(struct node *self, struct item *item, PyObject *o)
{
    Py_ssize_t len;

    *item = (struct item){0};
    if (self->st->node != NULL && node_is_child(self->st, o)) {
        item->ref = Py_NewRef(o);
        item->e = node_of(o)->e;
        return 0;
    }
    item->ref = text_of(o, "Unsupported XML type");
    if (item->ref == NULL) {
        return -1;
    }
    if (is_document(self)) {
        PyErr_SetString(PyExc_TypeError, "Text nodes can only be added to an "
                                         "Element node.");
        item_fini(item);
        return -1;
    }
    item->text = PyUnicode_AsUTF8AndSize(item->ref, &len);
    if (item->text == NULL) {
        item_fini(item);
        return -1;
    }
    item->len = (size_t)len;
    return 0;
}

void
item_fini(struct item *item)
{
    Py_CLEAR(item->ref);
}

int
child_put(struct node *self, size_t i, const struct item *item)
{
    struct cnc_error err = {0};
    struct kids *undo;
    int rc;

    if (kids_insert(self, i, item->e == NULL ? NULL : item->ref) < 0) {
        return -1;
    }
    rc = item->e == NULL
             ? cnc_element_insert_text(self->e, i, item->text, item->len, &err)
             : cnc_element_insert(self->e, i, item->e, &err);
    if (rc == 0) {
        self->st->edits++;
        return 0;
    }
    undo = kids_take(self, i, 1);
    kids_release(&undo);
    err.code = rc;
    raise_value(&err);
    return -1;
}

int
child_cut(struct node *self, size_t i, size_t n)
{
    struct cnc_error err = {0};
    struct kids *gone;
    int rc = cnc_element_remove(self->e, i, n, &err);

    if (rc < 0) {
        err.code = rc;
        raise_value(&err);
        return -1;
    }
    self->st->edits++;
    gone = kids_take(self, i, n);
    kids_release(&gone);
    return 0;
}

size_t
count_elements(struct node *self, size_t from, size_t to)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++) {
        if (cnc_element_child_at(self->e, i).kind == CNC_ELEMENT) {
            n++;
        }
    }
    return n;
}

/* Would another element be a second root, when children [i, i + n) go? */
static int
check_root(struct node *self, size_t i, size_t n, size_t added)
{
    size_t have;

    if (added == 0 || !is_document(self)) {
        return 0;
    }
    have = count_elements(self, 0, cnc_element_n_children(self->e)) -
           count_elements(self, i, i + n);
    if (have + added > 1) {
        PyErr_SetString(PyExc_ValueError,
                        "Document already contains a root Element");
        return -1;
    }
    return 0;
}

static size_t
is_element(const struct item *item)
{
    return item->e != NULL && cnc_element_kind(item->e) == CNC_ELEMENT;
}

/* Put the items at i, then cut the n children that were there; nothing is
 * changed when one of the items is refused. */
static int
splice(struct node *self, size_t i, size_t n, const struct item *items,
       size_t n_items)
{
    size_t done, elements = 0;

    for (size_t k = 0; k < n_items; k++) {
        elements += is_element(&items[k]);
    }
    if (check_root(self, i, n, elements) < 0) {
        return -1;
    }
    for (done = 0; done < n_items; done++) {
        if (child_put(self, i + done, &items[done]) < 0) {
            PyObject *type, *value, *tb;

            PyErr_Fetch(&type, &value, &tb);
            if (done > 0) {
                child_cut(self, i, done);
            }
            PyErr_Restore(type, value, tb);
            return -1;
        }
    }
    return n == 0 ? 0 : child_cut(self, i + n_items, n);
}

int
children_splice(struct node *self, size_t i, size_t n, PyObject *list)
{
    Py_ssize_t len = PyList_Size(list);
    struct item *items;
    Py_ssize_t k;
    int rc = -1;

    items = PyMem_Calloc((size_t)len + 1, sizeof(*items));
    if (items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (k = 0; k < len; k++) {
        if (item_init(self, &items[k], PyList_GetItem(list, k)) < 0) {
            break;
        }
    }
    if (k == len) {
        rc = splice(self, i, n, items, (size_t)len);
    }
    while (k-- > 0) {
        item_fini(&items[k]);
    }
    PyMem_Free(items);
    return rc;
}

int
children_add(PyObject *o, Py_ssize_t i, PyObject *value)
{
    struct item item;
    int rc;

    if (item_init(node_of(o), &item, value) < 0) {
        return -1;
    }
    rc = splice(node_of(o), (size_t)i, 0, &item, 1);
    item_fini(&item);
    return rc;
}

/* -- slots --------------------------------------------------------------- */

Py_ssize_t
children_len(PyObject *o)
{
    return (Py_ssize_t)cnc_element_n_children(node_of(o)->e);
}

PyObject *
children_item(PyObject *o, Py_ssize_t i)
{
    if (i < 0 || i >= children_len(o)) {
        PyErr_SetString(PyExc_IndexError, "child index out of range");
        return NULL;
    }
    return node_child(node_of(o), (size_t)i);
}

int
children_ass_item(PyObject *o, Py_ssize_t i, PyObject *value)
{
    struct node *self = node_of(o);
    struct item item;
    int rc;

    if (value != NULL && item_init(self, &item, value) < 0) {
        return -1;
    }
    if (i < 0 || i >= children_len(o)) {
        PyErr_SetString(PyExc_IndexError, "child index out of range");
        rc = -1;
    } else if (value == NULL) {
        return child_cut(self, (size_t)i, 1);
    } else {
        rc = splice(self, (size_t)i, 1, &item, 1);
    }
    if (value != NULL) {
        item_fini(&item);
    }
    return rc;
}

int
children_contains(PyObject *o, PyObject *value)
{
    PyObject *n = children_count(o, value);
    int rc = n == NULL ? -1 : PyObject_IsTrue(n);

    Py_XDECREF(n);
    return rc;
}

PyObject *
children_iter(PyObject *o)
{
    return PySeqIter_New(o);
}
