/* SPDX-License-Identifier: MIT */
/*
 * frames.c -- the type Frames: src/front/frames.h for the WebSocket of ASGI.
 * Each call is followed by take(), which says what is to be sent.
 */
#include "../../src/front/frames.h"
#include "module.h"

struct frames_object {
    PyObject ob_base;
    struct cnc__frames *frames;
    struct cnc__str to_server;
    PyObject *to_client; /* list of str */
    PyObject *tls;       /* the domain that TLS is for, or NULL */
};

static void
on_to_server(const char *data, size_t len, void *priv)
{
    struct frames_object *o = priv;

    cnc__str_add(&o->to_server, data, len);
}

/* Without memory the Python error stays for whoever called. */
static void
on_to_client(const char *data, size_t len, void *priv)
{
    struct frames_object *o = priv;
    PyObject *text = PyUnicode_DecodeUTF8(data, (Py_ssize_t)len, NULL);

    if (text != NULL) {
        PyList_Append(o->to_client, text);
        Py_DECREF(text);
    }
}

static void
on_start_tls(const char *domain, void *priv)
{
    struct frames_object *o = priv;

    Py_XDECREF(o->tls);
    o->tls = PyUnicode_FromString(domain);
}

static const struct cnc__frames_events events = {
    .to_server = on_to_server,
    .to_client = on_to_client,
    .start_tls = on_start_tls,
};

/* What came of a call: its code. */
static PyObject *
result(int code)
{
    return PyErr_Occurred() != NULL ? NULL : PyLong_FromLong(code);
}

static PyObject *
frames_client(PyObject *op, PyObject *text)
{
    Py_ssize_t len;
    const char *s = PyUnicode_AsUTF8AndSize(text, &len);

    return s == NULL
               ? NULL
               : result(cnc__frames_client(
                     ((struct frames_object *)op)->frames, s, (size_t)len));
}

static PyObject *
frames_server(PyObject *op, PyObject *bytes)
{
    Py_ssize_t len;
    char *s;

    return PyBytes_AsStringAndSize(bytes, &s, &len) != 0
               ? NULL
               : result(cnc__frames_server(
                     ((struct frames_object *)op)->frames, s, (size_t)len));
}

static PyObject *
frames_secured(PyObject *op, PyObject *unused)
{
    cnc__frames_secured(((struct frames_object *)op)->frames);
    return result(0);
}

static PyObject *
frames_server_gone(PyObject *op, PyObject *args)
{
    const char *condition = NULL, *text = NULL;

    if (!PyArg_ParseTuple(args, "|zz", &condition, &text)) {
        return NULL;
    }
    cnc__frames_server_gone(((struct frames_object *)op)->frames, condition,
                            text);
    return result(0);
}

static PyObject *
frames_client_gone(PyObject *op, PyObject *unused)
{
    cnc__frames_client_gone(((struct frames_object *)op)->frames);
    return result(0);
}

static PyObject *
frames_take(PyObject *op, PyObject *unused)
{
    struct frames_object *o = (struct frames_object *)op;
    PyObject *list = PyList_New(0), *out;

    if (list == NULL) {
        return NULL;
    }
    out = Py_BuildValue("y#OO", cnc__str_c(&o->to_server),
                        (Py_ssize_t)o->to_server.len, o->to_client,
                        o->tls == NULL ? Py_None : o->tls);
    if (out == NULL) {
        Py_DECREF(list);
        return NULL;
    }
    cnc__str_fini(&o->to_server);
    Py_CLEAR(o->tls);
    Py_DECREF(o->to_client);
    o->to_client = list;
    return out;
}

static PyObject *
frames_closed(PyObject *op, void *closure)
{
    return PyBool_FromLong(
        cnc__frames_is_closed(((struct frames_object *)op)->frames));
}

static PyObject *
frames_domain(PyObject *op, void *closure)
{
    const char *domain =
        cnc__frames_domain(((struct frames_object *)op)->frames);

    return Py_BuildValue("z", domain);
}

static PyObject *
frames_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    static char *names[] = {"tls", "max_stanza", NULL};
    static const char *const kinds[] = {"never", "offered", "required"};
    struct cnc__frames_config c = {0};
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct frames_object *o;
    const char *tls = "never";
    unsigned int max_stanza = 262144;
    size_t kind = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwds, "|sI:Frames", names, &tls,
                                     &max_stanza)) {
        return NULL;
    }
    while (kind < 3 && strcmp(tls, kinds[kind]) != 0) {
        kind++;
    }
    if (kind == 3) {
        PyErr_SetString(PyExc_ValueError,
                        "tls is \"never\", \"offered\" or \"required\"");
        return NULL;
    }
    o = (struct frames_object *)alloc(type, 0);
    if (o == NULL) {
        return NULL;
    }
    o->to_client = PyList_New(0);
    if (o->to_client == NULL) {
        Py_DECREF((PyObject *)o);
        return NULL;
    }
    c.tls = (enum cnc__frames_tls)kind;
    c.max_stanza = max_stanza;
    o->frames = cnc__frames_new(&c, &events, o);
    return (PyObject *)o;
}

static void
frames_dealloc(PyObject *op)
{
    struct frames_object *o = (struct frames_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    cnc__frames_free(&o->frames);
    cnc__str_fini(&o->to_server);
    Py_XDECREF(o->to_client);
    Py_XDECREF(o->tls);
    release(op);
    Py_DECREF(type);
}

static PyMethodDef frames_methods[] = {
    {"client", frames_client, METH_O,
     "client(message: str) -> int: a whole message of the client's; 0, or\n"
     "the code of what was wrong with it, which the client was told."},
    {"server", frames_server, METH_O,
     "server(data: bytes) -> int: the same of bytes of the server's."},
    {"secured", frames_secured, METH_NOARGS,
     "secured() -> None: TLS with the server is up."},
    {"server_gone", frames_server_gone, METH_VARARGS,
     "server_gone(condition: str | None = None, text: str | None = None)\n"
     "-> None: there is no server any more."},
    {"client_gone", frames_client_gone, METH_NOARGS,
     "client_gone() -> None: without a word."},
    {"take", frames_take, METH_NOARGS,
     "take() -> (bytes, list[str], str | None): for the server, for the\n"
     "client, and the domain for which TLS is to begin."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef frames_getset[] = {
    {"closed", frames_closed, NULL, "both sides have said all", NULL},
    {"domain", frames_domain, NULL, "that the client named, or None", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot frames_slots[] = {
    {Py_tp_doc,
     "Frames(tls=\"never\", max_stanza=262144): XMPP of a WebSocket and of a\n"
     "server's TCP stream (src/front/frames.h)."},
    {Py_tp_new, frames_new},
    {Py_tp_dealloc, frames_dealloc},
    {Py_tp_methods, frames_methods},
    {Py_tp_getset, frames_getset},
    {0, NULL},
};

PyType_Spec cnc__py_frames_spec = {
    .name = "concordance._concordance.Frames",
    .basicsize = sizeof(struct frames_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = frames_slots,
};
