/* SPDX-License-Identifier: MIT */
/*
 * text.c -- strings in and out, names in Clark's notation, and errors.
 */
#include <string.h>

#include "module.h"

PyObject *
text_of(PyObject *o, const char *what)
{
    if (PyUnicode_Check(o)) {
        return Py_NewRef(o);
    }
    if (PyBytes_Check(o) || PyByteArray_Check(o)) {
        return PyUnicode_FromEncodedObject(o, "utf-8", "strict");
    }
    PyErr_SetString(PyExc_TypeError, what);
    return NULL;
}

const char *
utf8_of(PyObject *o)
{
    Py_ssize_t len;
    const char *s = PyUnicode_AsUTF8AndSize(o, &len);

    if (s != NULL && strlen(s) != (size_t)len) {
        PyErr_SetString(PyExc_ValueError, "XML cannot hold a null character");
        return NULL;
    }
    return s;
}

int
qname_init(struct qname *q, PyObject *o, const char *what)
{
    PyObject *str = text_of(o, what);
    const char *s = str == NULL ? NULL : utf8_of(str);
    char *close;
    size_t len;

    q->mem = NULL;
    if (s == NULL) {
        Py_XDECREF(str);
        return -1;
    }
    len = strlen(s);
    q->mem = PyMem_Malloc(len + 1);
    if (q->mem == NULL) {
        Py_DECREF(str);
        PyErr_NoMemory();
        return -1;
    }
    memcpy(q->mem, s, len + 1);
    Py_DECREF(str);
    q->ns = NULL;
    q->name = q->mem;
    if (q->mem[0] != '{') {
        return 0;
    }
    close = strchr(q->mem, '}');
    if (close == NULL) {
        PyErr_Format(PyExc_ValueError, "'%s' has no closing brace", q->mem);
        qname_fini(q);
        return -1;
    }
    *close = '\0';
    q->ns = q->mem + 1;
    q->name = close + 1;
    return 0;
}

void
qname_fini(struct qname *q)
{
    PyMem_Free(q->mem);
    q->mem = NULL;
}

PyObject *
qname_str(const char *ns, const char *name)
{
    if (ns == NULL || ns[0] == '\0') {
        return PyUnicode_FromString(name);
    }
    return PyUnicode_FromFormat("{%s}%s", ns, name);
}

void
raise_value(const struct cnc_error *err)
{
    PyErr_SetString(PyExc_ValueError, err->text[0] == '\0'
                                          ? cnc_err_text(err->code)
                                          : err->text);
}

void
raise_parse(struct state *st, const struct cnc_error *err)
{
    const char *reason =
        err->text[0] == '\0' ? cnc_err_text(err->code) : err->text;
    PyObject *exc;

    if (st->parse_error == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the interpreter is ending");
        return;
    }
    exc = PyObject_CallFunction(st->parse_error, "IIsz", err->line,
                                err->column, reason, err->condition);
    if (exc != NULL) {
        PyErr_SetObject(st->parse_error, exc);
        Py_DECREF(exc);
    }
}

PyObject *
str_of_buf(struct cnc_buf *buf)
{
    PyObject *str = PyUnicode_DecodeUTF8(
        cnc_buf_data(buf), (Py_ssize_t)cnc_buf_len(buf), "strict");

    cnc_buf_unref(&buf);
    return str;
}
