/* SPDX-License-Identifier: MIT */
/*
 * node_type.c -- the type Node, which Element, Document, Comment and
 * ProcessingInstruction inherit: what the collector and every node need.
 */
#include "../../src/xml/write.h"
#include "module.h"

#include <structmember.h>

static int
node_traverse(PyObject *o, visitproc visit, void *arg)
{
    struct node *self = node_of(o);

    Py_VISIT(Py_TYPE(o));
    Py_VISIT(self->origin);
    Py_VISIT(self->dict);
    for (size_t i = 0; self->kids != NULL && i < self->kids->n; i++) {
        Py_VISIT(self->kids->at[i]);
    }
    return 0;
}

static int
node_clear(PyObject *o)
{
    struct node *self = node_of(o);

    Py_CLEAR(self->origin);
    Py_CLEAR(self->dict);
    kids_release(&self->kids);
    return 0;
}

static void
node_dealloc(PyObject *o)
{
    struct node *self = node_of(o);
    PyTypeObject *type = Py_TYPE(o);
    freefunc tp_free = (freefunc)PyType_GetSlot(type, Py_tp_free);

    PyObject_GC_UnTrack(o);
    if (self->weak != NULL) {
        PyObject_ClearWeakRefs(o);
    }
    node_clear(o);
    cnc_element_unref(&self->e);
    state_unref(&self->st);
    tp_free(o);
    Py_DECREF(type);
}

/* What is left of e when the namespaces that scope declares are in scope
 * already: a *new* element, or NULL when there is nothing to leave out. */
static struct cnc_element *
without_scope(const struct cnc_element *e, PyObject *scope)
{
    struct cnc_element *out = NULL;
    const char *prefix, *ns;

    if (cnc_element_kind(e) != CNC_ELEMENT ||
        cnc_element_new(&out, cnc_element_ns(e), cnc_element_name(e), NULL) <
            0) {
        return NULL;
    }
    cnc_element_set_prefix(out, cnc_element_prefix(e), NULL);
    for (size_t i = 0; i < cnc_element_n_decls(e); i++) {
        PyObject *value;

        cnc_element_decl_at(e, i, &prefix, &ns);
        value = PyDict_GetItemString(scope, prefix);
        if (value == NULL || PyUnicode_CompareWithASCIIString(value, ns)) {
            cnc_element_declare(out, prefix, ns, NULL);
        }
    }
    for (size_t i = 0; i < cnc_element_n_attrs(e); i++) {
        struct cnc_attr a = cnc_element_attr_at(e, i);

        cnc_element_set_attr(out, a.ns, a.name, a.value, NULL);
    }
    for (size_t i = 0; i < cnc_element_n_children(e); i++) {
        struct cnc_child c = cnc_element_child_at(e, i);

        if (c.kind == CNC_TEXT) {
            cnc_element_insert_text(out, i, c.text, c.len, NULL);
        } else {
            cnc_element_insert(out, i, c.element, NULL);
        }
    }
    return out;
}

static PyObject *
node_str(PyObject *o)
{
    return str_of_buf(cnc_element_write(node_of(o)->e, 0));
}

static PyObject *
node_repr(PyObject *o)
{
    struct node *self = node_of(o);
    PyObject *scope =
        self->origin == NULL ? Py_None : PyTuple_GetItem(self->origin, 1);
    struct cnc_element *bare = NULL;
    struct cnc__str out = CNC__STR;
    PyObject *outer, *str;
    const char *default_ns = "";

    if (scope != Py_None && !self->is_scope) {
        bare = without_scope(self->e, scope);
    }
    if (bare == NULL) {
        return str_of_buf(cnc_element_write(self->e, CNC_WRITE_INDENT));
    }
    outer = PyDict_GetItemString(scope, "");
    if (outer != NULL) {
        default_ns = PyUnicode_AsUTF8AndSize(outer, NULL);
    }
    cnc__xml_write(&out, bare, default_ns, CNC_WRITE_INDENT);
    cnc_element_unref(&bare);
    str =
        PyUnicode_DecodeUTF8(cnc__str_c(&out), (Py_ssize_t)out.len, "strict");
    cnc__str_fini(&out);
    return str;
}

static PyObject *
node_equals(PyObject *o, PyObject *other)
{
    struct state *st = node_of(o)->st;

    if (st->node == NULL || !PyType_IsSubtype(Py_TYPE(other), st->node) ||
        PyType_IsSubtype(Py_TYPE(other), st->document) !=
            PyType_IsSubtype(Py_TYPE(o), st->document)) {
        Py_RETURN_FALSE;
    }
    return PyBool_FromLong(
        cnc_element_equal(node_of(o)->e, node_of(other)->e));
}

PyObject *
node_registry(PyObject *self, void *unused)
{
    PyObject *origin = node_of(self)->origin;

    return Py_NewRef(origin == NULL ? Py_None : PyTuple_GetItem(origin, 0));
}

static PyObject *
node_line(PyObject *self, void *unused)
{
    unsigned line = cnc_element_line(node_of(self)->e);

    return line == 0 ? Py_NewRef(Py_None) : PyLong_FromUnsignedLong(line);
}

static PyObject *
node_new_refused(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    PyErr_SetString(PyExc_TypeError,
                    "make an Element, a Document, a Comment or a "
                    "ProcessingInstruction");
    return NULL;
}

const char doc_equals[] = PyDoc_STR(
    "equals($self, other, /)\n--\n\n"
    "Whether both hold the same XML: names, attributes in any order,\n"
    "children and texts; prefixes do not count.  (`==` is identity.)");
const char doc_registry[] =
    PyDoc_STR("The Registry that classes of children come from, or None.");

static PyMethodDef node_methods[] = {
    {"equals", node_equals, METH_O, doc_equals},
    {"__copy__", node_copy, METH_NOARGS,
     PyDoc_STR("__copy__($self, /)\n--\n\n"
               "A node of the same class that shares the children.")},
    {"__deepcopy__", node_deepcopy, METH_O,
     PyDoc_STR("__deepcopy__($self, memo, /)\n--\n\n"
               "A copy of the whole tree, Python attributes included.")},
    {"__reduce__", node_reduce, METH_NOARGS,
     PyDoc_STR("__reduce__($self, /)\n--\n\nFor pickle.")},
    {NULL},
};

static PyMemberDef node_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(struct node, dict), READONLY},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct node, weak), READONLY},
    {NULL},
};

static PyGetSetDef node_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL},
    {"registry", node_registry, NULL, doc_registry},
    {"line", node_line, NULL,
     PyDoc_STR("The line where the parser met it, from 1, or None.")},
    {NULL},
};

static PyType_Slot node_slots[] = {
    {Py_tp_doc,
     PyDoc_STR("What Element, Document, Comment and ProcessingInstruction\n"
               "have in common.  str() is the compact form, repr() the\n"
               "indented one.  Nodes compare and hash by identity.")},
    {Py_tp_new, node_new_refused},
    {Py_tp_traverse, node_traverse},
    {Py_tp_clear, node_clear},
    {Py_tp_dealloc, node_dealloc},
    {Py_tp_str, node_str},
    {Py_tp_repr, node_repr},
    {Py_tp_methods, node_methods},
    {Py_tp_members, node_members},
    {Py_tp_getset, node_getset},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "nodetree.Node",
    .basicsize = sizeof(struct node),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = node_slots,
};

PyType_Spec *
node_spec(void)
{
    return &spec;
}
