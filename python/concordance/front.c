/* SPDX-License-Identifier: MIT */
/*
 * front.c -- the types Front and Answer: src/front for WSGI and ASGI, whose
 * half in Python is gateway.py.
 *
 * The GIL is given up while front waits.  It calls back on the thread that
 * asks (for the body of a request, for a page's handler), which takes it again
 * as the same thread of the same interpreter: PyGILState_Ensure() would take
 * the main one's, and mod_wsgi has others.
 */
#include "../../src/front/front.h"
#include "module.h"

#include <structmember.h>

#define MAX_READ (1 << 20)

struct front_object {
    PyObject ob_base;
    struct cnc__front *front;
    PyObject *run; /* (xml: str) -> str, or NULL */
};

struct answer_object {
    PyObject ob_base;
    PyObject *front;
    PyObject *headers; /* list of (str, str) */
    PyObject *body;    /* bytes, or None: read() has it */
    int status;
    char not_ours;
    bool open;   /* a has more to be read */
    bool busy;   /* a thread is reading */
    bool closed; /* while it did */
    struct cnc__front_answer a;
};

/* What a thread asks just now. */
struct ask {
    PyThreadState *thread; /* while the GIL is given up */
    PyObject *run, *read;
    PyObject *type, *value, *trace; /* an exception that waits for the end */
};

static _Thread_local struct ask *asking;

/* A thread that shares its stack among coroutines (greenlets) may have asked
 * for another of them meanwhile. */
static void
resume(struct ask *a)
{
    asking = a;
    a->thread = PyEval_SaveThread();
}

/* Exceptions are told when the call is over; the first one wins. */
static void
set_aside(struct ask *a)
{
    if (a->type == NULL) {
        PyErr_Fetch(&a->type, &a->value, &a->trace);
    } else {
        PyErr_Clear();
    }
}

/* -- what front calls ------------------------------------------------------
 */

static ssize_t
on_read(void *data, size_t size, void *priv)
{
    struct ask *a = priv;
    PyObject *bytes;
    char *from;
    Py_ssize_t len = -1;

    PyEval_RestoreThread(a->thread);
    bytes = PyObject_CallFunction(a->read, "n", (Py_ssize_t)size);
    if (bytes != NULL && PyBytes_AsStringAndSize(bytes, &from, &len) == 0) {
        if ((size_t)len > size) {
            PyErr_SetString(PyExc_ValueError, "read() gave more than asked");
            len = -1;
        } else {
            memcpy(data, from, (size_t)len);
        }
    }
    Py_XDECREF(bytes);
    if (PyErr_Occurred() != NULL) {
        set_aside(a);
        len = -1;
    }
    resume(a);
    return len;
}

/* A handler ends in a text always; what ends the process goes on, too. */
static void
on_run(struct cnc__str *answer, const struct cnc_element *run, void *priv)
{
    struct ask *a = asking;
    PyObject *xml, *result = NULL;
    const char *s = NULL;
    Py_ssize_t len = 0;

    PyEval_RestoreThread(a->thread);
    xml = cnc__py_text(run);
    if (xml != NULL) {
        result = PyObject_CallFunctionObjArgs(a->run, xml, NULL);
    }
    if (result != NULL) {
        s = PyUnicode_AsUTF8AndSize(result, &len);
    }
    if (s != NULL) {
        cnc__str_add(answer, s, (size_t)len);
    } else {
        cnc__str_puts(answer, "<fault>the handler could not be run</fault>");
        if (PyErr_ExceptionMatches(PyExc_Exception)) {
            cnc__py_log_exception();
        } else {
            set_aside(a);
        }
    }
    Py_XDECREF(result);
    Py_XDECREF(xml);
    resume(a);
}

/* -- Answer ----------------------------------------------------------------
 */

static void
answer_fini(struct answer_object *o)
{
    if (o->open) {
        o->open = false;
        Py_BEGIN_ALLOW_THREADS;
        cnc__front_answer_fini(&o->a);
        Py_END_ALLOW_THREADS;
    }
}

static int
answer_traverse(PyObject *op, visitproc visit, void *arg)
{
    struct answer_object *o = (struct answer_object *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(o->front);
    Py_VISIT(o->headers);
    return 0;
}

static void
answer_dealloc(PyObject *op)
{
    struct answer_object *o = (struct answer_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    PyObject_GC_UnTrack(op);
    answer_fini(o);
    Py_XDECREF(o->front);
    Py_XDECREF(o->headers);
    Py_XDECREF(o->body);
    release(op);
    Py_DECREF(type);
}

static PyObject *
answer_read(PyObject *op, PyObject *args)
{
    struct answer_object *o = (struct answer_object *)op;
    struct mod_state *st = PyType_GetModuleState(Py_TYPE(op));
    Py_ssize_t size = 65536, len;
    PyObject *bytes;
    char *data;

    if (!PyArg_ParseTuple(args, "|n", &size)) {
        return NULL;
    }
    if (o->busy) {
        PyErr_SetString(PyExc_RuntimeError, "another thread reads this");
        return NULL;
    }
    if (!o->open || size <= 0) {
        return PyBytes_FromStringAndSize(NULL, 0);
    }
    size = size < MAX_READ ? size : MAX_READ;
    data = cnc__realloc(NULL, 1, (size_t)size);
    o->busy = true;
    Py_BEGIN_ALLOW_THREADS;
    len = cnc__front_read(&o->a, data, (size_t)size);
    Py_END_ALLOW_THREADS;
    o->busy = false;
    if (len <= 0 || o->closed) {
        answer_fini(o);
    }
    bytes = len < 0 ? PyErr_Format(st->error, "the answer is not whole: %s",
                                   cnc_err_text((int)len))
                    : PyBytes_FromStringAndSize(data, len);
    cnc__free(data);
    return bytes;
}

static PyObject *
answer_close(PyObject *op, PyObject *unused)
{
    struct answer_object *o = (struct answer_object *)op;

    o->closed = true;
    if (!o->busy) {
        answer_fini(o);
    }
    Py_RETURN_NONE;
}

static PyMethodDef answer_methods[] = {
    {"read", answer_read, METH_VARARGS,
     "read(size: int = 65536) -> bytes: more of a body that is not whole "
     "yet;\n"
     "b\"\" at its end.  Error: the service went meanwhile.  It waits."},
    {"close", answer_close, METH_NOARGS,
     "close() -> None: no more of it is wanted."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef answer_members[] = {
    {"status", T_INT, offsetof(struct answer_object, status), READONLY,
     "int, 200"},
    {"headers", T_OBJECT_EX, offsetof(struct answer_object, headers), READONLY,
     "list[tuple[str, str]], as latin-1"},
    {"body", T_OBJECT_EX, offsetof(struct answer_object, body), READONLY,
     "bytes; None: read() has it"},
    {"not_ours", T_BOOL, offsetof(struct answer_object, not_ours), READONLY,
     "a 404, because no app has this address"},
    {NULL},
};

static PyType_Slot answer_slots[] = {
    {Py_tp_doc, "What the service answers a request."},
    {Py_tp_dealloc, answer_dealloc},
    {Py_tp_traverse, answer_traverse},
    {Py_tp_methods, answer_methods},
    {Py_tp_members, answer_members},
    {0, NULL},
};

PyType_Spec cnc__py_answer_spec = {
    .name = "concordance._concordance.Answer",
    .basicsize = sizeof(struct answer_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = answer_slots,
};

static PyObject *
latin1(const char *s)
{
    return PyUnicode_DecodeLatin1(s, (Py_ssize_t)strlen(s), NULL);
}

static PyObject *
headers_of(const struct cnc__front_answer *a)
{
    PyObject *list = PyList_New(0);

    for (size_t i = 0; list != NULL && i < a->n_headers; i++) {
        PyObject *name = latin1(a->headers[i].name);
        PyObject *value = latin1(a->headers[i].value);
        PyObject *pair = name == NULL || value == NULL
                             ? NULL
                             : PyTuple_Pack(2, name, value);

        if (pair == NULL || PyList_Append(list, pair) != 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(pair);
        Py_XDECREF(value);
        Py_XDECREF(name);
    }
    return list;
}

/* Steals what is in *a. */
static PyObject *
answer_new(PyObject *front, struct cnc__front_answer *a)
{
    struct mod_state *st = PyType_GetModuleState(Py_TYPE(front));
    allocfunc alloc = (allocfunc)PyType_GetSlot(st->answer_type, Py_tp_alloc);
    struct answer_object *o =
        (struct answer_object *)alloc(st->answer_type, 0);

    if (o == NULL) {
        cnc__front_answer_fini(a);
        return NULL;
    }
    o->front = Py_NewRef(front);
    o->a = *a;
    o->open = true;
    o->status = a->status;
    o->not_ours = (char)a->not_ours;
    o->headers = headers_of(a);
    o->body =
        a->body == NULL
            ? Py_NewRef(Py_None)
            : PyBytes_FromStringAndSize(cnc_buf_data(a->body),
                                        (Py_ssize_t)cnc_buf_len(a->body));
    if (a->body != NULL) { /* all of it is here */
        answer_fini(o);
    }
    if (o->headers == NULL || o->body == NULL) {
        Py_DECREF((PyObject *)o);
        return NULL;
    }
    return (PyObject *)o;
}

/* -- Front.ask -------------------------------------------------------------
 */

/* From a tuple of (name, value); NULL with the Python error. */
static struct cnc__front_header *
headers_from(PyObject *tuple, size_t n)
{
    struct cnc__front_header *out = cnc__zalloc((n + 1) * sizeof(*out));

    for (size_t i = 0; i < n; i++) {
        PyObject *pair = PyTuple_GetItem(tuple, (Py_ssize_t)i);

        if (!PyTuple_Check(pair) ||
            !PyArg_ParseTuple(pair, "ss", &out[i].name, &out[i].value)) {
            if (PyErr_Occurred() == NULL) {
                PyErr_SetString(PyExc_TypeError, "a header is a tuple of its "
                                                 "name and its value");
            }
            cnc__free(out);
            return NULL;
        }
    }
    return out;
}

/* Whoever sends the body went: that is no fault here, the answer is for
 * nobody.  Anything else is told. */
static bool
is_failed(struct ask *a)
{
    if (a->type == NULL) {
        return false;
    }
    PyErr_Restore(a->type, a->value, a->trace);
    if (PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear();
        return false;
    }
    return true;
}

PyDoc_STRVAR(
    ask_doc,
    "ask(method: str, target: str, headers: list[tuple[str, str]],\n"
    "addr: str, secure: bool, length: int, read) -> Answer\n"
    "\n"
    "Ask and wait.  target: as on the request line; addr: the client's, \"\"\n"
    "if it is not known; secure: it came by HTTPS; length: of the body in\n"
    "bytes, -1 if it is not known; read(size) -> bytes gives up to size "
    "bytes\n"
    "of it, b\"\" at its end, and raises OSError if the client went; None:\n"
    "there is no body.  An answer comes always.");

static PyObject *
front_ask(PyObject *op, PyObject *args)
{
    struct front_object *o = (struct front_object *)op;
    struct cnc__front_request r = {0};
    struct cnc__front_answer answer = {0};
    struct ask a = {.run = o->run}, *before = asking;
    struct cnc__front_header *headers;
    PyObject *list, *tuple;
    long long length;
    int secure;

    if (!PyArg_ParseTuple(args, "ssOspLO", &r.method, &r.target, &list,
                          &r.addr, &secure, &length, &a.read)) {
        return NULL;
    }
    tuple = PySequence_Tuple(list);
    if (tuple == NULL) {
        return NULL;
    }
    r.n_headers = (size_t)PyTuple_Size(tuple);
    r.headers = headers = headers_from(tuple, r.n_headers);
    if (headers == NULL) {
        Py_DECREF(tuple);
        return NULL;
    }
    r.secure = secure != 0;
    r.length = length < 0 ? UINT64_MAX : (uint64_t)length;
    r.read = a.read == Py_None ? NULL : on_read;
    r.priv = &a;
    resume(&a);
    cnc__front_ask(o->front, &answer, &r);
    PyEval_RestoreThread(a.thread);
    asking = before;
    cnc__free(headers);
    Py_DECREF(tuple);
    if (is_failed(&a)) {
        cnc__front_answer_fini(&answer);
        return NULL;
    }
    return answer_new(op, &answer);
}

/* -- the rest of Front ------------------------------------------------------
 */

static PyObject *
front_iq(PyObject *op, PyObject *args)
{
    struct front_object *o = (struct front_object *)op;
    struct mod_state *st = PyType_GetModuleState(Py_TYPE(op));
    struct cnc_element *reply = NULL;
    struct cnc_error err = {0};
    const char *type, *xml;
    PyObject *text;
    int code;

    if (!PyArg_ParseTuple(args, "ss", &type, &xml)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc__front_iq(o->front, type, xml, &reply, &err);
    Py_END_ALLOW_THREADS;
    if (code != 0) {
        PyErr_SetString(code == CNC_ENOENT ? PyExc_KeyError : st->error,
                        err.text[0] != '\0' ? err.text : cnc_err_text(code));
        return NULL;
    }
    if (reply == NULL) {
        Py_RETURN_NONE;
    }
    text = cnc__py_text(reply);
    cnc_element_unref(&reply);
    return text;
}

static PyObject *
front_stats(PyObject *op, PyObject *unused)
{
    struct cnc__front_stats s = {0};

    cnc__front_stats(((struct front_object *)op)->front, &s);
    return Py_BuildValue(
        "{sKsKsKsKsKsKsKsO}", "asked", (unsigned long long)s.asked, "kept",
        (unsigned long long)s.kept, "stale", (unsigned long long)s.stale,
        "failed", (unsigned long long)s.failed, "connects",
        (unsigned long long)s.connects, "pages", (unsigned long long)s.n_pages,
        "bytes", (unsigned long long)s.n_bytes, "up",
        s.up ? Py_True : Py_False);
}

static PyObject *
front_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    static char *names[] = {"link",    "domain",   "www",  "owner",
                            "wait_ms", "retry_ms", "keep", "apps",
                            "run",     "prefix",   NULL};
    struct mod_state *st = PyType_GetModuleState(type);
    struct cnc__front_config c = {.owner = -1};
    struct cnc_error err = {0};
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct front_object *o;
    PyObject *run = Py_None;
    long long owner = -1;
    Py_ssize_t keep = 0;
    unsigned int wait_ms = 0, retry_ms = 0;

    if (!PyArg_ParseTupleAndKeywords(
            args, kwds, "s|zzLIInzOz:Front", names, &c.link, &c.domain, &c.www,
            &owner, &wait_ms, &retry_ms, &keep, &c.apps, &run, &c.prefix)) {
        return NULL;
    }
    if (run != Py_None && !PyCallable_Check(run)) {
        PyErr_SetString(PyExc_TypeError, "run is a function");
        return NULL;
    }
    o = (struct front_object *)alloc(type, 0);
    if (o == NULL) {
        return NULL;
    }
    o->run = run == Py_None ? NULL : Py_NewRef(run);
    c.owner = owner;
    c.wait_ms = wait_ms;
    c.retry_ms = retry_ms;
    c.max_kept = keep < 0 ? 0 : (size_t)keep;
    c.run = o->run == NULL ? NULL : on_run;
    c.apps = o->run == NULL ? NULL : c.apps;
    if (cnc__front_new(&o->front, &c, &err) != 0) {
        PyErr_SetString(err.code == CNC_EINVAL ? PyExc_ValueError : st->error,
                        err.text);
        Py_DECREF((PyObject *)o);
        return NULL;
    }
    return (PyObject *)o;
}

static int
front_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((struct front_object *)op)->run);
    return 0;
}

static int
front_clear(PyObject *op)
{
    Py_CLEAR(((struct front_object *)op)->run);
    return 0;
}

static void
front_dealloc(PyObject *op)
{
    struct front_object *o = (struct front_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    PyObject_GC_UnTrack(op);
    if (o->front != NULL) { /* its thread knows nothing of the GIL */
        cnc__front_free(&o->front);
    }
    Py_XDECREF(o->run);
    release(op);
    Py_DECREF(type);
}

static PyMethodDef front_methods[] = {
    {"ask", front_ask, METH_VARARGS, ask_doc},
    {"iq", front_iq, METH_VARARGS,
     "iq(type: str, xml: str) -> str | None: an IQ to the domain (\"get\" or\n"
     "\"set\") with this payload, and the payload of its answer.  It waits.\n"
     "KeyError: item-not-found; Error: anything else."},
    {"stats", front_stats, METH_NOARGS,
     "stats() -> dict[str, int]: asked, kept, stale, failed, connects, "
     "pages,\n"
     "bytes; up: bool (src/front/front.h)"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot front_slots[] = {
    {Py_tp_doc,
     "Front(link, domain=None, www=None, owner=-1, wait_ms=0, retry_ms=0,\n"
     "keep=0, apps=None, run=None, prefix=None): the way from a web server\n"
     "to the service (src/front/front.h).  run(xml) -> str runs the handler\n"
     "of a page of apps, on the thread that asks.  ValueError."},
    {Py_tp_new, front_new},
    {Py_tp_dealloc, front_dealloc},
    {Py_tp_traverse, front_traverse},
    {Py_tp_clear, front_clear},
    {Py_tp_methods, front_methods},
    {0, NULL},
};

PyType_Spec cnc__py_front_spec = {
    .name = "concordance._concordance.Front",
    .basicsize = sizeof(struct front_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = front_slots,
};
