/* SPDX-License-Identifier: MIT */
/*
 * misc.c -- the types Comment and ProcessingInstruction.
 */
#include "module.h"

static int
set_content(PyObject *o, PyObject *value)
{
    struct cnc_error err = {0};
    PyObject *text = text_of(value, "content attribute must be a string");
    const char *s = text == NULL ? NULL : utf8_of(text);
    int rc = -1;

    if (s != NULL) {
        rc = cnc_element_set_content(node_of(o)->e, s, &err);
        if (rc < 0) {
            err.code = rc;
            raise_value(&err);
        } else {
            node_of(o)->st->edits++;
        }
    }
    Py_XDECREF(text);
    return rc < 0 ? -1 : 0;
}

static PyObject *
get_content(PyObject *o, void *unused)
{
    return PyUnicode_FromString(cnc_element_text(node_of(o)->e));
}

/* -- Comment ------------------------------------------------------------- */

static PyObject *
comment_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    struct state *st = state_of_type(type);
    struct cnc_element *e = NULL;

    if (st == NULL || cnc_comment_new(&e, "", NULL) < 0) {
        return NULL;
    }
    return node_new(st, type, e, NULL);
}

static int
comment_init(PyObject *o, PyObject *args, PyObject *kwds)
{
    static char *names[] = {"", NULL};
    PyObject *text;

    return PyArg_ParseTupleAndKeywords(args, kwds, "O:Comment", names, &text)
               ? set_content(o, text)
               : -1;
}

static int
comment_set(PyObject *o, PyObject *value, void *unused)
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError,
                        "cannot delete content attribute");
        return -1;
    }
    return set_content(o, value);
}

static PyGetSetDef comment_getset[] = {
    {"content", get_content, comment_set, PyDoc_STR("Its text.")},
    {NULL},
};

static PyType_Slot comment_slots[] = {
    {Py_tp_doc, PyDoc_STR("Comment(text, /)\n--\n\n"
                          "An XML comment.  ValueError when text holds '--' "
                          "or ends with '-'.")},
    {Py_tp_new, comment_new},
    {Py_tp_init, comment_init},
    {Py_tp_getset, comment_getset},
    {0, NULL},
};

static PyType_Spec comment = {
    .name = "nodetree.Comment",
    .basicsize = sizeof(struct node),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = comment_slots,
};

PyType_Spec *
comment_spec(void)
{
    return &comment;
}

/* -- ProcessingInstruction ----------------------------------------------- */

static PyObject *
pi_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    struct state *st = state_of_type(type);
    struct cnc_element *e = NULL;

    if (st == NULL || cnc_pi_new(&e, "_", NULL, NULL) < 0) {
        return NULL;
    }
    return node_new(st, type, e, NULL);
}

static PyObject *
pi_get_name(PyObject *o, void *unused)
{
    return PyUnicode_FromString(cnc_element_name(node_of(o)->e));
}

static int
pi_set_name(PyObject *o, PyObject *value, void *unused)
{
    struct cnc_error err = {0};
    PyObject *name;
    const char *s;
    int rc = -1;

    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "cannot delete name attribute");
        return -1;
    }
    name = text_of(value, "name attribute must be a string");
    s = name == NULL ? NULL : utf8_of(name);
    if (s != NULL) {
        rc = cnc_element_set_name(node_of(o)->e, NULL, s, &err);
        if (rc < 0) {
            err.code = rc;
            raise_value(&err);
        } else {
            node_of(o)->st->edits++;
        }
    }
    Py_XDECREF(name);
    return rc < 0 ? -1 : 0;
}

static int
pi_init(PyObject *o, PyObject *args, PyObject *kwds)
{
    static char *names[] = {"", "content", NULL};
    PyObject *name, *content = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwds, "O|O:ProcessingInstruction",
                                     names, &name, &content) ||
        pi_set_name(o, name, NULL) < 0) {
        return -1;
    }
    return content == NULL || content == Py_None ? 0 : set_content(o, content);
}

static PyObject *
pi_get_content(PyObject *o, void *unused)
{
    if (cnc_element_text(node_of(o)->e)[0] == '\0') {
        Py_RETURN_NONE;
    }
    return get_content(o, NULL);
}

static int
pi_set_content(PyObject *o, PyObject *value, void *unused)
{
    PyObject *none;
    int rc;

    if (value != NULL && value != Py_None) {
        return set_content(o, value);
    }
    none = PyUnicode_FromString("");
    rc = none == NULL ? -1 : set_content(o, none);
    Py_XDECREF(none);
    return rc;
}

static PyGetSetDef pi_getset[] = {
    {"name", pi_get_name, pi_set_name, PyDoc_STR("Its target.")},
    {"content", pi_get_content, pi_set_content,
     PyDoc_STR("What follows the target, or None; may be deleted.")},
    {NULL},
};

static PyType_Slot pi_slots[] = {
    {Py_tp_doc, PyDoc_STR("ProcessingInstruction(name, /, content=None)\n"
                          "--\n\n"
                          "An XML processing instruction.  ValueError when "
                          "the name is 'xml'\nor no name, or content holds "
                          "'?>'.")},
    {Py_tp_new, pi_new},
    {Py_tp_init, pi_init},
    {Py_tp_getset, pi_getset},
    {0, NULL},
};

static PyType_Spec pi = {
    .name = "nodetree.ProcessingInstruction",
    .basicsize = sizeof(struct node),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = pi_slots,
};

PyType_Spec *
pi_spec(void)
{
    return &pi;
}
