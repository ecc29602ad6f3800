/* SPDX-License-Identifier: MIT */
/*
 * xslt_document.c -- our tree as an xmlDoc, and back.
 */
#include "xslt.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include <libxml/parser.h>

/* -- messages ------------------------------------------------------------ */

void
message_add(void *message, const char *fmt, ...)
{
    struct message *m = message;
    size_t room = sizeof(m->text) - m->len;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(m->text + m->len, room, fmt, ap);
    va_end(ap);
    if (n > 0) {
        m->len += (size_t)n < room ? (size_t)n : room - 1;
    }
}

void
message_drop(void *priv, const char *fmt, ...)
{
}

void
message_reason(struct message *m, char *out, size_t size)
{
    const char *line = m->text, *end;
    size_t len;

    /* "compilation error: file ... line 3 element x" comes before. */
    end = strchr(line, '\n');
    if (end != NULL && end[1] != '\0' && strstr(line, " line ") != NULL &&
        strstr(line, " line ") < end) {
        line = end + 1;
    }
    len = strcspn(line, "\n");
    if (len >= size) {
        len = size - 1;
    }
    memcpy(out, line, len);
    out[len] = '\0';
    if (len == 0) {
        snprintf(out, size, "the sheet cannot be used");
    }
}

long
message_line(const struct message *m)
{
    const char *at = strstr(m->text, " line ");

    return at == NULL ? 0 : strtol(at + 6, NULL, 10);
}

/* -- there --------------------------------------------------------------- */

xmlDocPtr
doc_parse(const char *data, size_t len, PyObject *error)
{
    xmlParserCtxtPtr ctxt;
    xmlDocPtr doc = NULL;

    if (len > INT_MAX) {
        PyErr_SetString(error, "the document is too large");
        return NULL;
    }
    ctxt = xmlNewParserCtxt();
    if (ctxt == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    /* A name, or libxslt does not tell lines.  HUGE: our limits, which may be
     * higher, were applied already. */
    doc = xmlCtxtReadMemory(ctxt, data, (int)len, "input", "UTF-8",
                            XML_PARSE_NONET | XML_PARSE_HUGE |
                                XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (doc == NULL) {
        xmlErrorPtr e = xmlCtxtGetLastError(ctxt);
        const char *why =
            e == NULL || e->message == NULL ? "no reason given" : e->message;

        PyErr_Format(error, "libxml2 refuses the document: %.*s",
                     (int)strcspn(why, "\n"), why);
    }
    xmlFreeParserCtxt(ctxt);
    return doc;
}

xmlDocPtr
doc_of(PyObject *node, PyObject *error)
{
    PyObject *str = PyObject_Str(node);
    xmlDocPtr doc = NULL;
    const char *s;
    Py_ssize_t len;

    s = str == NULL ? NULL : PyUnicode_AsUTF8AndSize(str, &len);
    if (s != NULL) {
        doc = doc_parse(s, (size_t)len, error);
    }
    Py_XDECREF(str);
    return doc;
}

void
doc_forget(struct xslt_state *st)
{
    Py_CLEAR(st->copied);
    if (st->copy != NULL) {
        xmlFreeDoc(st->copy);
        st->copy = NULL;
    }
}

xmlDocPtr
doc_cached(struct xslt_state *st, PyObject *node)
{
    PyObject *n = PyObject_CallNoArgs(st->edits), *ref;
    size_t edits = n == NULL ? 0 : PyLong_AsSize_t(n);
    xmlDocPtr doc;

    Py_XDECREF(n);
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (st->copied != NULL && st->copied_at == edits &&
        PyWeakref_GetObject(st->copied) == node) {
        return st->copy;
    }
    doc = doc_of(node, st->xpath_error);
    ref = doc == NULL ? NULL : PyWeakref_NewRef(node, NULL);
    if (ref == NULL) {
        xmlFreeDoc(doc);
        return NULL;
    }
    doc_forget(st);
    st->copied = ref;
    st->copied_at = edits;
    st->copy = doc;
    return doc;
}

int
check_context(struct xslt_state *st, PyObject *o)
{
    if (PyType_IsSubtype(Py_TYPE(o), st->document) ||
        PyType_IsSubtype(Py_TYPE(o), st->element)) {
        return 0;
    }
    PyErr_SetString(PyExc_TypeError, "needs a Document or an Element");
    return -1;
}

/* -- and back ------------------------------------------------------------ */

static bool
is_node(const xmlNode *n)
{
    return n->type == XML_ELEMENT_NODE || n->type == XML_COMMENT_NODE ||
           n->type == XML_PI_NODE;
}

/* The children of py that are no text, *borrowed* from o->lists.  Numbers
 * the children of n, its copy, to match. */
static PyObject *
list_of(struct origin *o, xmlNodePtr n, PyObject *py)
{
    PyObject *key = PyLong_FromVoidPtr(n), *list, *all;
    Py_ssize_t len;
    intptr_t i = 0;

    if (key == NULL) {
        return NULL;
    }
    list = PyDict_GetItemWithError(o->lists, key);
    if (list != NULL || PyErr_Occurred()) {
        Py_DECREF(key);
        return list;
    }
    list = PyList_New(0);
    all = PySequence_List(py);
    len = all == NULL ? 0 : PyList_Size(all);
    for (Py_ssize_t k = 0; list != NULL && k < len; k++) {
        PyObject *child = PyList_GetItem(all, k);

        if (!PyUnicode_Check(child) && PyList_Append(list, child) < 0) {
            Py_CLEAR(list);
        }
    }
    for (xmlNodePtr c = n->children; c != NULL; c = c->next) {
        if (is_node(c)) {
            c->_private = (void *)i++;
        }
    }
    if (all == NULL || list == NULL ||
        PyDict_SetItem(o->lists, key, list) < 0) {
        Py_CLEAR(list);
    }
    Py_XDECREF(all);
    Py_DECREF(key);
    Py_XDECREF(list); /* the dict holds it */
    return list;
}

PyObject *
origin_find(struct origin *o, xmlNodePtr n)
{
    xmlNodePtr top =
        o->is_document ? (xmlNodePtr)n->doc : xmlDocGetRootElement(n->doc);
    PyObject *path = PyList_New(0), *py = NULL, *list;
    xmlNodePtr at;
    Py_ssize_t i;

    for (at = n; path != NULL && at != top && at != NULL; at = at->parent) {
        PyObject *key = PyLong_FromVoidPtr(at);

        if (key == NULL || PyList_Append(path, key) < 0) {
            Py_CLEAR(path);
        }
        Py_XDECREF(key);
    }
    if (path == NULL || at == NULL) {
        Py_XDECREF(path);
        return path == NULL ? NULL : Py_NewRef(Py_None);
    }
    py = o->node;
    i = PyList_Size(path);
    while (py != NULL && i-- > 0) {
        xmlNodePtr next = PyLong_AsVoidPtr(PyList_GetItem(path, i));

        list = list_of(o, at, py);
        py = list == NULL ? NULL
                          : PyList_GetItem(list, (intptr_t)next->_private);
        at = next;
    }
    Py_DECREF(path);
    return Py_XNewRef(py);
}
