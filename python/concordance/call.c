/* SPDX-License-Identifier: MIT */
/*
 * call.c -- from the app's thread into Python, and what came of it.
 */
#include <pthread.h>
#include <stdio.h>

#include "../../src/app/apps.h"
#include "../../src/base/log.h"
#include "module.h"

void
cnc__py_log_exception(void)
{
    PyObject *type, *value, *trace, *module, *lines = NULL, *text = NULL;

    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    module = PyImport_ImportModule("traceback");
    if (module != NULL) {
        lines = PyObject_CallMethod(module, "format_exception", "OOO", type,
                                    value == NULL ? Py_None : value,
                                    trace == NULL ? Py_None : trace);
    }
    if (lines != NULL) {
        PyObject *empty = PyUnicode_FromString("");

        text = empty == NULL ? NULL : PyUnicode_Join(empty, lines);
        Py_XDECREF(empty);
    }
    if (text != NULL) {
        const char *s = PyUnicode_AsUTF8AndSize(text, NULL);

        /* A traceback is for people: as it is, with its lines. */
        cnc__log(CNC_LOG_ERROR, "app.exception", "traceback follows");
        fputs(s == NULL ? "(no text)\n" : s, stderr);
    }
    Py_XDECREF(text);
    Py_XDECREF(lines);
    Py_XDECREF(module);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    PyErr_Clear();
}

/* -- a handler that is given up ---------------------------------------------
 */

/* A handler that runs, for whoever would end it; all under the GIL. */
struct inside {
    unsigned long thread;
    bool over;
    unsigned refs; /* the handler's, and the interrupter's */
};

static void
inside_unref(struct inside *in)
{
    if (--in->refs == 0) {
        cnc__free(in);
    }
}

/* Raise SystemExit in it: Python code that loops ends so, and what waits in a
 * call of C when that returns. */
static void *
interrupt(void *arg)
{
    struct inside *in = arg;
    PyGILState_STATE gil = PyGILState_Ensure();

    if (!in->over) {
        PyThreadState_SetAsyncExc(in->thread, PyExc_SystemExit);
    }
    inside_unref(in);
    PyGILState_Release(gil);
    return NULL;
}

/* On the core's thread, which never waits for the GIL. */
static void
on_lost(void *priv)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, interrupt, priv) == 0) {
        pthread_detach(thread);
    }
}

static struct inside *
enter(struct cnc_request *r)
{
    struct inside *in = cnc__zalloc(sizeof(*in));

    in->thread = PyThread_get_thread_ident();
    in->refs = 2;
    if (!cnc__request_on_lost(r, on_lost, in)) {
        cnc__free(in);
        return NULL;
    }
    return in;
}

static void
leave(struct cnc_request *r, struct inside *in)
{
    if (in == NULL) {
        return; /* the call around this one has it */
    }
    in->over = true;
    if (cnc__request_on_lost(r, NULL, NULL)) {
        in->refs--; /* nobody comes any more */
    }
    inside_unref(in);
}

/* Call hook(request, xml or None). */
static int
call_hook(const struct hook *h, struct cnc_request *r,
          const struct cnc_element *e)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    allocfunc alloc =
        (allocfunc)PyType_GetSlot(h->run->state->request_type, Py_tp_alloc);
    PyObject *op = alloc(h->run->state->request_type, 0);
    PyObject *xml = NULL, *result = NULL;
    struct inside *in = enter(r);
    int code = CNC_ESYS;

    h->run->n_inside++;
    if (op != NULL) {
        ((struct request_object *)op)->r = r;
        if (e == NULL) {
            Py_INCREF(Py_None);
            xml = Py_None;
        } else {
            xml = cnc__py_text(e);
        }
    }
    if (xml != NULL) {
        result = PyObject_CallFunctionObjArgs(h->call, op, xml, NULL);
    }
    leave(r, in);
    if (result == NULL) {
        cnc__py_log_exception();
    } else {
        /* False: it refused, and said why through the request; a number is
         * the code. */
        code = result == Py_False ? CNC_EREFUSED : 0;
        if (PyLong_Check(result) && !PyBool_Check(result)) {
            code = (int)PyLong_AsLong(result);
        }
    }
    if (op != NULL) {
        ((struct request_object *)op)->r = NULL;
    }
    Py_XDECREF(result);
    Py_XDECREF(xml);
    Py_XDECREF(op);
    h->run->n_inside--;
    PyGILState_Release(gil);
    return code;
}

int
cnc__py_on_record(struct cnc_request *r, struct cnc_element *e)
{
    return call_hook(cnc_priv(r), r, e);
}

int
cnc__py_on_call(struct cnc_request *r)
{
    return call_hook(cnc_priv(r), r, NULL);
}

int
cnc__py_compute(const struct cnc_element *record, char *out, size_t size,
                void *priv)
{
    const struct hook *h = priv;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *xml = cnc__py_text(record), *result = NULL;
    const char *s = NULL;
    Py_ssize_t len = 0;

    h->run->n_inside++;
    if (xml != NULL) {
        result = PyObject_CallFunctionObjArgs(h->call, xml, NULL);
    }
    if (result != NULL) {
        s = PyUnicode_AsUTF8AndSize(result, &len);
    }
    if (s != NULL && (size_t)len < size) {
        memcpy(out, s, (size_t)len + 1);
    } else if (s != NULL) {
        PyErr_SetString(PyExc_ValueError, "a computed field is too long");
        s = NULL;
    }
    if (s == NULL) {
        cnc__py_log_exception();
    }
    Py_XDECREF(result);
    Py_XDECREF(xml);
    h->run->n_inside--;
    PyGILState_Release(gil);
    return s == NULL ? CNC_EREFUSED : 0;
}

int
cnc__py_again(const struct cnc_app **out, void *priv, struct cnc_error *err)
{
    const struct hook *h = priv;
    PyGILState_STATE gil = PyGILState_Ensure();
    const struct cnc_app *app = NULL;
    PyObject *result;

    h->run->n_inside++;
    result = PyObject_CallNoArgs(h->call);
    if (result != NULL && PyUnicode_Check(result)) { /* why not */
        const char *text = PyUnicode_AsUTF8AndSize(result, NULL);

        cnc_error_set(err, CNC_EINVAL, "not-acceptable", "%s",
                      text == NULL ? "it cannot be said" : text);
    } else if (result != NULL && PyList_Append(h->run->spec, result) == 0) {
        app = cnc__py_app(h->run, result); /* the list keeps its handlers */
    }
    if (PyErr_Occurred() != NULL) {
        cnc__py_log_exception();
    }
    if (app == NULL && err->code == 0) {
        cnc_error_set(err, CNC_EINVAL, "not-acceptable",
                      "the new version has declarations that are none; the "
                      "log says more");
    }
    Py_XDECREF(result);
    h->run->n_inside--;
    PyGILState_Release(gil);
    *out = app;
    return err->code;
}
