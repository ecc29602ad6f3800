/* SPDX-License-Identifier: MIT */
/*
 * stream.c -- the type Stream: XML that arrives in pieces, cut anywhere.
 */
#include "module.h"

struct stream {
    PyObject_HEAD struct cnc_parser *parser; /* NULL: closed */
    struct cnc_element *tree; /* the root, with the stanzas not yet taken */
    PyObject *root;           /* its node, once asked for */
    PyObject *registry;       /* or None */
    PyObject *origin;         /* of the root and the stanzas */
    struct state *st;
    struct cnc_xml_limits limits;
    bool busy;  /* inside send() */
    bool ended; /* the root's end tag was met */
};

static struct stream *
stream_of(PyObject *o)
{
    return (struct stream *)o;
}

bool
stream_is_incomplete(const struct stream *s, Py_ssize_t i)
{
    return s->parser != NULL && cnc_parser_in_stanza(s->parser) &&
           (i == -1 || (size_t)i == cnc_element_n_children(s->tree));
}

/* -- events: no Python code runs in them --------------------------------- */

static int
on_open(struct cnc_element *root, void *priv)
{
    struct stream *s = priv;

    s->tree = cnc_element_thaw(root);
    return 0;
}

static int
on_stanza(struct cnc_element *e, void *priv)
{
    struct stream *s = priv;
    struct item item = {.e = cnc_element_thaw(e)};
    size_t n = cnc_element_n_children(s->tree);
    int rc;

    if (s->root != NULL) {
        rc = child_put(node_of(s->root), n, &item) < 0 ? CNC_EINVAL : 0;
    } else {
        rc = cnc_element_insert(s->tree, n, item.e, NULL);
    }
    cnc_element_unref(&item.e);
    return rc;
}

static int
on_close(void *priv)
{
    ((struct stream *)priv)->ended = true;
    return 0;
}

static void
shut(struct stream *s)
{
    cnc_parser_free(&s->parser);
    if (s->root != NULL) {
        node_of(s->root)->stream = NULL;
    }
}

static void
open_parser(struct stream *s)
{
    const struct cnc_parser_events events = {on_open, on_stanza, on_close};

    cnc_parser_free(&s->parser);
    s->parser = cnc_parser_new(CNC_PARSE_STREAM, 0, &s->limits, &events, s);
    s->ended = false;
}

/* -- methods ------------------------------------------------------------- */

static int
feed(struct stream *s, PyObject *xml)
{
    struct cnc_error err = {0};
    Py_buffer view;
    PyObject *keep;
    const char *data;
    size_t len;
    int rc;

    if (s->busy) {
        PyErr_SetString(PyExc_RuntimeError, "send() within send()");
        return -1;
    }
    if (s->parser == NULL) {
        PyErr_SetString(PyExc_StopIteration, "Stream has been closed");
        return -1;
    }
    if (input_of(xml, &view, &keep, &data, &len) < 0) {
        return -1;
    }
    s->busy = true;
    rc = cnc_parser_feed(s->parser, data, len, &err);
    s->busy = false;
    if (view.obj != NULL) {
        PyBuffer_Release(&view);
    }
    Py_XDECREF(keep);
    if (rc < 0 || s->ended) {
        shut(s);
    }
    if (rc < 0 && !PyErr_Occurred()) {
        err.code = rc;
        raise_parse(s->st, &err);
    }
    return rc < 0 ? -1 : 0;
}

static PyObject *
stream_send(PyObject *o, PyObject *xml)
{
    return feed(stream_of(o), xml) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
stream_close(PyObject *o, PyObject *unused)
{
    if (stream_of(o)->busy) {
        PyErr_SetString(PyExc_RuntimeError, "close() within send()");
        return NULL;
    }
    shut(stream_of(o));
    Py_RETURN_NONE;
}

static PyObject *
stream_reset(PyObject *o, PyObject *unused)
{
    struct stream *s = stream_of(o);

    if (s->busy) {
        PyErr_SetString(PyExc_RuntimeError, "reset() within send()");
        return NULL;
    }
    shut(s);
    Py_CLEAR(s->root);
    Py_CLEAR(s->origin);
    cnc_element_unref(&s->tree);
    open_parser(s);
    Py_RETURN_NONE;
}

/* What the root declares, which repr() of a stanza need not repeat. */
static PyObject *
scope_of(const struct cnc_element *root)
{
    PyObject *scope = PyDict_New();

    for (size_t i = 0; scope != NULL && i < cnc_element_n_decls(root); i++) {
        const char *prefix, *ns;
        PyObject *value;

        cnc_element_decl_at(root, i, &prefix, &ns);
        value = PyUnicode_FromString(ns);
        if (value == NULL || PyDict_SetItemString(scope, prefix, value) < 0) {
            Py_CLEAR(scope);
        }
        Py_XDECREF(value);
    }
    return scope;
}

static PyObject *
get_root(PyObject *o, void *unused)
{
    struct stream *s = stream_of(o);
    PyObject *scope, *root;

    if (s->root != NULL) {
        return Py_NewRef(s->root);
    }
    if (s->tree == NULL) {
        Py_RETURN_NONE;
    }
    if (s->origin == NULL) {
        scope = scope_of(s->tree);
        s->origin = scope == NULL ? NULL : origin_new(s->registry, scope);
        Py_XDECREF(scope);
        if (s->origin == NULL) {
            return NULL;
        }
    }
    root = node_wrap(s->st, cnc_element_ref(s->tree), s->origin);
    if (root == NULL) {
        return NULL;
    }
    if (s->root != NULL || s->tree != node_of(root)->e) {
        /* The collector ran code that came here first. */
        Py_DECREF(root);
        return get_root(o, NULL);
    }
    node_of(root)->is_scope = true;
    node_of(root)->stream = s->parser == NULL ? NULL : s;
    s->root = Py_NewRef(root);
    if (node_tell(root) < 0) {
        Py_CLEAR(root);
    }
    return root;
}

static PyObject *
stream_pop(PyObject *o, PyObject *args)
{
    PyObject *root = get_root(o, NULL), *stanza, *first = NULL;

    if (root == NULL) {
        return NULL;
    }
    if (root == Py_None ||
        (children_len(root) == 0 && !stream_is_incomplete(stream_of(o), 0))) {
        Py_DECREF(root);
        PyErr_SetString(PyExc_IndexError, "pop from empty Stream");
        return NULL;
    }
    if (PyTuple_Size(args) == 0) {
        args = first = Py_BuildValue("(i)", 0);
    }
    stanza = args == NULL ? NULL : children_pop(root, args);
    Py_XDECREF(first);
    Py_DECREF(root);
    return stanza;
}

static Py_ssize_t
stream_len(PyObject *o)
{
    struct stream *s = stream_of(o);

    return s->tree == NULL ? 0 : (Py_ssize_t)cnc_element_n_children(s->tree);
}

static PyObject *
get_closed(PyObject *o, void *unused)
{
    return PyBool_FromLong(stream_of(o)->parser == NULL);
}

static PyObject *
get_registry(PyObject *o, void *unused)
{
    PyObject *registry = stream_of(o)->registry;

    return Py_NewRef(registry == NULL ? Py_None : registry);
}

/* -- life ---------------------------------------------------------------- */

static PyObject *
stream_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    struct state *st = state_of_type(type);
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    PyObject *o = st == NULL ? NULL : alloc(type, 0);

    if (o != NULL) {
        stream_of(o)->st = state_ref(st);
        stream_of(o)->registry = Py_NewRef(Py_None);
    }
    return o;
}

static int
stream_init(PyObject *o, PyObject *args, PyObject *kwds)
{
    static char *names[] = {
        "",          "registry",   "max_depth",    "max_attributes",
        "max_token", "max_stanza", "max_children", NULL};
    struct stream *s = stream_of(o);
    struct cnc_xml_limits l = {.size = sizeof(l)};
    PyObject *xml = NULL, *registry = Py_None, *done;

    if (!PyArg_ParseTupleAndKeywords(
            args, kwds, "|O$OO&O&O&O&O&:Stream", names, &xml, &registry,
            limit_of, &l.max_depth, limit_of, &l.max_attrs, limit_of,
            &l.max_token, limit_of, &l.max_stanza, limit_of,
            &l.max_children) ||
        registry_check(s->st, registry) < 0) {
        return -1;
    }
    s->limits = l;
    done = stream_reset(o, NULL);
    if (done == NULL) {
        return -1;
    }
    Py_DECREF(done);
    done = s->registry;
    s->registry = Py_NewRef(registry);
    Py_DECREF(done);
    return xml == NULL || xml == Py_None ? 0 : feed(s, xml);
}

static int
stream_traverse(PyObject *o, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(o));
    Py_VISIT(stream_of(o)->root);
    Py_VISIT(stream_of(o)->registry);
    Py_VISIT(stream_of(o)->origin);
    return 0;
}

static int
stream_clear(PyObject *o)
{
    struct stream *s = stream_of(o);

    shut(s);
    Py_CLEAR(s->root);
    Py_CLEAR(s->origin);
    Py_CLEAR(s->registry);
    return 0;
}

static void
stream_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    freefunc tp_free = (freefunc)PyType_GetSlot(type, Py_tp_free);

    PyObject_GC_UnTrack(o);
    stream_clear(o);
    cnc_element_unref(&stream_of(o)->tree);
    state_unref(&stream_of(o)->st);
    tp_free(o);
    Py_DECREF(type);
}

/* -- iteration ----------------------------------------------------------- */

struct stream_iter {
    PyObject_HEAD PyObject *stream;
};

static PyObject *
stream_get_iter(PyObject *o)
{
    PyTypeObject *type = stream_of(o)->st->stream_iter;
    struct stream_iter *it;

    if (type == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the interpreter is ending");
        return NULL;
    }
    it = PyObject_GC_New(struct stream_iter, type);
    if (it != NULL) {
        it->stream = Py_NewRef(o);
        PyObject_GC_Track((PyObject *)it);
    }
    return (PyObject *)it;
}

static PyObject *
iter_next(PyObject *o)
{
    PyObject *stream = ((struct stream_iter *)o)->stream, *none, *stanza;

    if (stream_len(stream) == 0) {
        return NULL;
    }
    none = PyTuple_New(0);
    stanza = none == NULL ? NULL : stream_pop(stream, none);
    Py_XDECREF(none);
    return stanza;
}

static int
iter_traverse(PyObject *o, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(o));
    Py_VISIT(((struct stream_iter *)o)->stream);
    return 0;
}

static void
iter_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);

    PyObject_GC_UnTrack(o);
    Py_DECREF(((struct stream_iter *)o)->stream);
    PyObject_GC_Del(o);
    Py_DECREF(type);
}

static PyType_Slot iter_slots[] = {
    {Py_tp_traverse, iter_traverse},
    {Py_tp_dealloc, iter_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iter_next},
    {0, NULL},
};

static PyType_Spec iter_spec = {
    .name = "nodetree._StreamIterator",
    .basicsize = sizeof(struct stream_iter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = iter_slots,
};

PyType_Spec *
stream_iter_spec(void)
{
    return &iter_spec;
}

/* -- type ---------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"send", stream_send, METH_O,
     PyDoc_STR("send($self, data, /)\n--\n\n"
               "Parse more XML: str, or bytes of UTF-8 cut anywhere.\n\n"
               "ParseError ends the stream.  StopIteration('Stream has been\n"
               "closed') after close(), an error, or the root's end tag.")},
    {"close", stream_close, METH_NOARGS,
     PyDoc_STR("close($self, /)\n--\n\n"
               "No more is to come.  Whole stanzas can still be taken.")},
    {"reset", stream_reset, METH_NOARGS,
     PyDoc_STR("reset($self, /)\n--\n\n"
               "Start again with a new root, as XMPP does after SASL.")},
    {"pop", stream_pop, METH_VARARGS,
     PyDoc_STR("pop($self, index=0, /)\n--\n\n"
               "Take a whole stanza, the oldest first.\n\n"
               "ValueError('incomplete branch') if it is still being\n"
               "parsed; IndexError if there is none.")},
    {NULL},
};

static PyGetSetDef getset[] = {
    {"root", get_root, NULL,
     PyDoc_STR("The root Element, or None until its start tag is whole.\n"
               "Its children are the whole stanzas not yet taken.")},
    {"closed", get_closed, NULL,
     PyDoc_STR("Whether send() would raise StopIteration.")},
    {"registry", get_registry, NULL, doc_registry},
    {NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     PyDoc_STR(
         "Stream(xml=None, /, *, registry=None, max_depth=128,\n"
         "       max_attributes=64, max_token=262144, max_stanza=1048576,\n"
         "       max_children=65536)\n--\n\n"
         "A push parser for an XML stream such as XMPP's (RFC 6120).\n\n"
         "What is sent builds root; each whole child of it is a stanza, to\n"
         "be taken with pop() or by iterating.  Iteration ends when no\n"
         "whole stanza is left and may be started again after send().\n"
         "Comments, processing instructions, document types and entities\n"
         "other than XML's five are refused (RFC 6120 11.1).")},
    {Py_tp_new, stream_new},
    {Py_tp_init, stream_init},
    {Py_tp_traverse, stream_traverse},
    {Py_tp_clear, stream_clear},
    {Py_tp_dealloc, stream_dealloc},
    {Py_tp_iter, stream_get_iter},
    {Py_sq_length, stream_len},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "nodetree.Stream",
    .basicsize = sizeof(struct stream),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

PyType_Spec *
stream_spec(void)
{
    return &spec;
}
