/* SPDX-License-Identifier: MIT */
/*
 * document.c -- the type Document: at most one element, comments and PIs
 * around it.
 */
#include "module.h"

#define DECLARATION "<?xml version=\"1.0\"?>"

/* A program's own files are larger than what a peer may send. */
static const struct cnc_xml_limits defaults = {
    .size = sizeof(struct cnc_xml_limits),
    .max_depth = 256,
    .max_attrs = 1024,
    .max_token = 16 << 20,
    .max_stanza = 64 << 20,
    .max_children = 1 << 20,
};

int
limit_of(PyObject *o, void *out)
{
    long n = PyLong_AsLong(o);

    if (n == -1 && PyErr_Occurred()) {
        return 0;
    }
    if (n < 1 || (unsigned long)n > CNC_BUF_MAX) {
        PyErr_Format(PyExc_ValueError, "a limit must be from 1 to %zu",
                     CNC_BUF_MAX);
        return 0;
    }
    *(uint32_t *)out = (uint32_t)n;
    return 1;
}

int
input_of(PyObject *o, Py_buffer *view, PyObject **keep, const char **data,
         size_t *len)
{
    Py_ssize_t n;

    *view = (Py_buffer){0};
    *keep = NULL;
    if (PyUnicode_Check(o)) {
        *data = PyUnicode_AsUTF8AndSize(o, &n);
        if (*data == NULL) {
            return -1;
        }
        *keep = Py_NewRef(o);
        *len = (size_t)n;
        return 0;
    }
    if (!PyObject_CheckBuffer(o)) {
        PyErr_SetString(PyExc_TypeError, "XML must be a str or bytes");
        return -1;
    }
    if (PyObject_GetBuffer(o, view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    *data = view->buf;
    *len = (size_t)view->len;
    return 0;
}

/* -- parsing ------------------------------------------------------------- */

/* Each comment, PI and the root, in their order. */
static int
on_top(struct cnc_element *e, void *priv)
{
    struct node *self = priv;
    struct item item = {.e = e};
    size_t n = cnc_element_n_children(self->e);

    return child_put(self, n, &item) < 0 ? CNC_EINVAL : 0;
}

static int
parse(struct node *self, PyObject *xml, const struct cnc_xml_limits *limits)
{
    const struct cnc_parser_events events = {.on_stanza = on_top,
                                             .on_misc = on_top};
    struct cnc_error err = {0};
    struct cnc_parser *p;
    Py_buffer view;
    PyObject *keep;
    const char *data;
    size_t len;
    int rc;

    if (input_of(xml, &view, &keep, &data, &len) < 0) {
        return -1;
    }
    p = cnc_parser_new(CNC_PARSE_DOCUMENT, CNC_PARSE_MISC | CNC_PARSE_THAW,
                       limits, &events, self);
    rc = cnc_parser_feed(p, data, len, &err);
    if (rc == 0) {
        rc = cnc_parser_end(p, &err);
    }
    cnc_parser_free(&p);
    if (view.obj != NULL) {
        PyBuffer_Release(&view);
    }
    Py_XDECREF(keep);
    if (rc < 0 && !PyErr_Occurred()) {
        err.code = rc;
        raise_parse(self->st, &err);
    }
    return rc < 0 ? -1 : 0;
}

static PyObject *
document_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    struct state *st = state_of_type(type);
    struct cnc_element *e = NULL;

    if (st == NULL || cnc_element_new(&e, NULL, "document", NULL) < 0) {
        return NULL;
    }
    return node_new(st, type, e, NULL);
}

static int
document_init(PyObject *o, PyObject *args, PyObject *kwds)
{
    static char *names[] = {
        "",          "registry",  "max_depth",    "max_attributes",
        "max_token", "max_bytes", "max_children", NULL};
    struct node *self = node_of(o);
    struct cnc_xml_limits l = defaults;
    PyObject *xml = NULL, *registry = NULL, *done;

    if (!PyArg_ParseTupleAndKeywords(
            args, kwds, "|O$OO&O&O&O&O&:Document", names, &xml, &registry,
            limit_of, &l.max_depth, limit_of, &l.max_attrs, limit_of,
            &l.max_token, limit_of, &l.max_stanza, limit_of,
            &l.max_children) ||
        registry_check(self->st, registry) < 0) {
        return -1;
    }
    done = children_clear(o, NULL);
    if (done == NULL) {
        return -1;
    }
    Py_DECREF(done);
    done = origin_new(registry, NULL);
    if (done == NULL) {
        return -1;
    }
    Py_CLEAR(self->origin);
    self->origin = done;
    return xml == NULL || xml == Py_None ? 0 : parse(self, xml, &l);
}

/* -- root ---------------------------------------------------------------- */

static Py_ssize_t
root_index(struct node *self)
{
    size_t n = cnc_element_n_children(self->e);

    for (size_t i = 0; i < n; i++) {
        if (cnc_element_child_at(self->e, i).kind == CNC_ELEMENT) {
            return (Py_ssize_t)i;
        }
    }
    return -1;
}

static PyObject *
get_root(PyObject *o, void *unused)
{
    Py_ssize_t i = root_index(node_of(o));

    return i < 0 ? Py_NewRef(Py_None) : node_child(node_of(o), (size_t)i);
}

static int
set_root(PyObject *o, PyObject *value, void *unused)
{
    struct node *self = node_of(o);
    Py_ssize_t i = root_index(self);

    if (value == NULL || value == Py_None) {
        return i < 0 ? 0 : child_cut(self, (size_t)i, 1);
    }
    if (self->st->element == NULL ||
        !PyType_IsSubtype(Py_TYPE(value), self->st->element)) {
        PyErr_SetString(PyExc_TypeError, "root attribute must be an Element");
        return -1;
    }
    return i < 0 ? children_add(o, children_len(o), value)
                 : children_ass_item(o, i, value);
}

/* -- writing ------------------------------------------------------------- */

static PyObject *
write_document(PyObject *o, unsigned flags)
{
    struct node *self = node_of(o);
    PyObject *lines = PyList_New(0), *line, *newline, *str = NULL;
    size_t n = cnc_element_n_children(self->e);
    bool ok = lines != NULL;

    line = PyUnicode_FromString(DECLARATION);
    ok = ok && line != NULL && PyList_Append(lines, line) == 0;
    Py_XDECREF(line);
    for (size_t i = 0; ok && i < n; i++) {
        struct cnc_child c = cnc_element_child_at(self->e, i);

        line = str_of_buf(cnc_element_write(c.element, flags));
        ok = line != NULL && PyList_Append(lines, line) == 0;
        Py_XDECREF(line);
    }
    newline = PyUnicode_FromString("\n");
    if (ok && newline != NULL) {
        str = PyUnicode_Join(newline, lines);
    }
    Py_XDECREF(newline);
    Py_XDECREF(lines);
    return str;
}

static PyObject *
document_str(PyObject *o)
{
    PyObject *str = write_document(o, 0), *out;

    if (str == NULL) {
        return NULL;
    }
    out = PyUnicode_FromFormat("%U\n", str);
    Py_DECREF(str);
    return out;
}

static PyObject *
document_repr(PyObject *o)
{
    return write_document(o, CNC_WRITE_INDENT);
}

static PyMethodDef methods[] = {
    CHILDREN_METHODS,
    {NULL},
};

static PyGetSetDef getset[] = {
    {"root", get_root, set_root,
     PyDoc_STR("The root Element, or None.  Setting it replaces the root\n"
               "where it stands, or appends; deleting it, or None, removes "
               "it.")},
    {NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     PyDoc_STR(
         "Document(xml=None, /, *, registry=None, max_depth=256,\n"
         "         max_attributes=1024, max_token=16777216,\n"
         "         max_bytes=67108864, max_children=1048576)\n--\n\n"
         "An XML document: a mutable sequence of at most one Element, with\n"
         "Comments and ProcessingInstructions around it.\n\n"
         "xml is a str, or bytes of UTF-8.  A document type declaration is\n"
         "refused, and with it every entity but the five of XML.  The\n"
         "limits count elements inside one another, attributes of one\n"
         "element, bytes of one tag or text, bytes of all, and children of\n"
         "one element.  registry gives the classes of the elements.\n\n"
         "ParseError on XML that is not well-formed, refused, or over a\n"
         "limit.")},
    {Py_tp_new, document_new},
    {Py_tp_init, document_init},
    {Py_tp_str, document_str},
    {Py_tp_repr, document_repr},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    CHILDREN_SLOTS,
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "nodetree.Document",
    .basicsize = sizeof(struct node),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = slots,
};

PyType_Spec *
document_spec(void)
{
    return &spec;
}
