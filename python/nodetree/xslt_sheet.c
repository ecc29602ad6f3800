/* SPDX-License-Identifier: MIT */
/*
 * xslt_sheet.c -- the type XSLT: a compiled XSLT 1.0 style sheet.
 */
#include "xslt.h"

#include <string.h>

#include <libxml/parserInternals.h>
#include <libxslt/security.h>
#include <libxslt/transform.h>
#include <libxslt/variables.h>
#include <libxslt/xsltInternals.h>
#include <libxslt/xsltutils.h>

struct sheet {
    PyObject_HEAD xsltStylesheetPtr style;
    xsltSecurityPrefsPtr nothing; /* what it may touch */
    unsigned long max_steps;
    PyObject *module;
};

static struct sheet *
sheet_of(PyObject *o)
{
    return (struct sheet *)o;
}

/* -- what libxslt keeps in globals ---------------------------------------- */

struct globals {
    xmlGenericErrorFunc error;
    void *priv;
    xmlStructuredErrorFunc xml_error;
    void *xml_priv;
    xmlGenericErrorFunc xml_text;
    void *xml_text_priv;
    xsltSecurityPrefsPtr prefs;
};

/* libxslt says it again, with the line; but keep it from stderr. */
static void
ignore(void *priv, xmlErrorPtr e)
{
}

static void
globals_set(struct globals *old, struct sheet *self, struct message *m)
{
    *old = (struct globals){
        .error = xsltGenericError,
        .priv = xsltGenericErrorContext,
        .xml_error = xmlStructuredError,
        .xml_priv = xmlStructuredErrorContext,
        .xml_text = xmlGenericError,
        .xml_text_priv = xmlGenericErrorContext,
        .prefs = xsltGetDefaultSecurityPrefs(),
    };
    xmlSetStructuredErrorFunc(NULL, ignore);
    xmlSetGenericErrorFunc(NULL, message_drop);
    xsltSetGenericErrorFunc(m, message_add);
    xsltSetDefaultSecurityPrefs(self->nothing);
}

static void
globals_back(const struct globals *old)
{
    xsltSetGenericErrorFunc(old->priv, old->error);
    xmlSetStructuredErrorFunc(old->xml_priv, old->xml_error);
    xmlSetGenericErrorFunc(old->xml_text_priv, old->xml_text);
    xsltSetDefaultSecurityPrefs(old->prefs);
}

static xsltSecurityPrefsPtr
prefs_for_nothing(void)
{
    static const xsltSecurityOption options[] = {
        XSLT_SECPREF_READ_FILE,        XSLT_SECPREF_WRITE_FILE,
        XSLT_SECPREF_CREATE_DIRECTORY, XSLT_SECPREF_READ_NETWORK,
        XSLT_SECPREF_WRITE_NETWORK,
    };
    xsltSecurityPrefsPtr prefs = xsltNewSecurityPrefs();

    for (size_t i = 0; prefs != NULL && i < 5; i++) {
        xsltSetSecurityPrefs(prefs, options[i], xsltSecurityForbid);
    }
    return prefs;
}

static PyObject *
raise_message(struct xslt_state *st, struct message *m)
{
    char reason[512];
    long line = message_line(m);
    PyObject *exc;

    message_reason(m, reason, sizeof(reason));
    exc = line > 0 ? PyObject_CallFunction(st->xslt_error, "sl", reason, line)
                   : PyObject_CallFunction(st->xslt_error, "s", reason);
    if (exc != NULL) {
        PyErr_SetObject(st->xslt_error, exc);
        Py_DECREF(exc);
    }
    return NULL;
}

/* -- compiling ----------------------------------------------------------- */

/* The sheet's xmlDoc.  Text is passed by our parser first, which refuses a
 * DTD; libxml2 then reads the same bytes, so that lines are right. */
static xmlDocPtr
sheet_doc(struct xslt_state *st, PyObject *source)
{
    PyObject *passed, *bytes = NULL;
    xmlDocPtr doc = NULL;
    Py_ssize_t len;
    char *data;

    if (PyType_IsSubtype(Py_TYPE(source), st->document) ||
        PyType_IsSubtype(Py_TYPE(source), st->element)) {
        return doc_of(source, st->xslt_error);
    }
    passed =
        PyObject_CallFunctionObjArgs((PyObject *)st->document, source, NULL);
    if (passed == NULL) {
        return NULL;
    }
    Py_DECREF(passed);
    bytes = PyUnicode_Check(source) ? PyUnicode_AsUTF8String(source)
                                    : PyBytes_FromObject(source);
    if (bytes != NULL && PyBytes_AsStringAndSize(bytes, &data, &len) == 0) {
        doc = doc_parse(data, (size_t)len, st->xslt_error);
    }
    Py_XDECREF(bytes);
    return doc;
}

static int
steps_of(PyObject *o, void *out)
{
    long n = PyLong_AsLong(o);

    if (n == -1 && PyErr_Occurred()) {
        return 0;
    }
    if (n < 1) {
        PyErr_SetString(PyExc_ValueError, "max_steps must be positive");
        return 0;
    }
    *(unsigned long *)out = (unsigned long)n;
    return 1;
}

static PyObject *
sheet_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    static char *names[] = {"", "max_steps", NULL};
    unsigned long max_steps = OP_LIMIT;
    PyObject *source, *module = PyType_GetModule(type), *o;
    struct message m = {.len = 0};
    struct globals old;
    struct xslt_state *st;
    xmlDocPtr doc;

    if (module == NULL ||
        !PyArg_ParseTupleAndKeywords(args, kwds, "O|$O&:XSLT", names, &source,
                                     steps_of, &max_steps)) {
        return NULL;
    }
    st = xslt_state_of(module);
    doc = sheet_doc(st, source);
    if (doc == NULL) {
        return NULL;
    }
    o = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (o == NULL) {
        xmlFreeDoc(doc);
        return NULL;
    }
    sheet_of(o)->module = Py_NewRef(module);
    sheet_of(o)->nothing = prefs_for_nothing();
    sheet_of(o)->max_steps = max_steps;
    if (sheet_of(o)->nothing == NULL) {
        xmlFreeDoc(doc);
        Py_DECREF(o);
        return PyErr_NoMemory();
    }
    globals_set(&old, sheet_of(o), &m);
    sheet_of(o)->style = xsltParseStylesheetDoc(doc);
    globals_back(&old);
    if (sheet_of(o)->style == NULL) {
        xmlFreeDoc(doc);
    }
    if (sheet_of(o)->style == NULL || sheet_of(o)->style->errors > 0) {
        raise_message(st, &m);
        Py_DECREF(o);
        return NULL;
    }
    return o;
}

static int
sheet_traverse(PyObject *o, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(o));
    Py_VISIT(sheet_of(o)->module);
    return 0;
}

static int
sheet_clear(PyObject *o)
{
    Py_CLEAR(sheet_of(o)->module);
    return 0;
}

static void
sheet_dealloc(PyObject *o)
{
    struct sheet *self = sheet_of(o);
    PyTypeObject *type = Py_TYPE(o);

    PyObject_GC_UnTrack(o);
    Py_CLEAR(self->module);
    if (self->style != NULL) {
        xsltFreeStylesheet(self->style);
    }
    if (self->nothing != NULL) {
        xsltFreeSecurityPrefs(self->nothing);
    }
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(o);
    Py_DECREF(type);
}

/* -- transforming --------------------------------------------------------- */

static int
set_param(xsltTransformContextPtr ctxt, const char *name, PyObject *value)
{
    PyObject *str;
    const char *s = NULL;
    int rc = -1;

    if (PyBool_Check(value)) {
        return xsltEvalOneUserParam(
            ctxt, BAD_CAST name,
            BAD_CAST(value == Py_True ? "true()" : "false()"));
    }
    if (!PyUnicode_Check(value) && !PyLong_Check(value) &&
        !PyFloat_Check(value)) {
        PyErr_SetString(PyExc_TypeError,
                        "XSLT parameters are str, int, float or bool");
        return -1;
    }
    str = PyObject_Str(value);
    s = str == NULL ? NULL : PyUnicode_AsUTF8AndSize(str, NULL);
    if (s != NULL) {
        rc = PyUnicode_Check(value)
                 ? xsltQuoteOneUserParam(ctxt, BAD_CAST name, BAD_CAST s)
                 : xsltEvalOneUserParam(ctxt, BAD_CAST name, BAD_CAST s);
    }
    Py_XDECREF(str);
    return rc;
}

static int
set_params(xsltTransformContextPtr ctxt, PyObject *params)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;

    while (params != NULL && PyDict_Next(params, &pos, &key, &value)) {
        const char *name = PyUnicode_AsUTF8AndSize(key, NULL);

        if (name == NULL || set_param(ctxt, name, value) < 0) {
            if (!PyErr_Occurred()) {
                PyErr_Format(PyExc_ValueError, "bad parameter '%s'", name);
            }
            return -1;
        }
    }
    return 0;
}

/* Output escaping cannot be disabled: markup comes from the sheet alone. */
static void
escape_all(xmlDocPtr doc)
{
    xmlNodePtr n = doc->children;

    while (n != NULL) {
        if (n->type == XML_TEXT_NODE) {
            n->name = xmlStringText;
        }
        if (n->type == XML_ELEMENT_NODE && n->children != NULL) {
            n = n->children;
            continue;
        }
        while (n != NULL && n->next == NULL) {
            n = n->parent == (xmlNodePtr)doc ? NULL : n->parent;
        }
        n = n == NULL ? NULL : n->next;
    }
}

static xmlDocPtr
apply(struct sheet *self, struct xslt_state *st, xmlDocPtr doc,
      PyObject *params)
{
    xsltTransformContextPtr ctxt = xsltNewTransformContext(self->style, doc);
    struct message m = {.len = 0};
    struct globals old;
    xmlDocPtr result = NULL;
    bool ok;

    if (ctxt == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    globals_set(&old, self, &m);
    xsltSetTransformErrorFunc(ctxt, &m, message_add);
    ok = xsltSetCtxtSecurityPrefs(self->nothing, ctxt) == 0;
    ctxt->opLimit = self->max_steps;
    ctxt->xpathCtxt->opLimit = self->max_steps;
    ctxt->maxTemplateDepth = TEMPLATE_DEPTH;
    ctxt->maxTemplateVars = TEMPLATE_VARS;
    ok = ok && set_params(ctxt, params) == 0;
    if (ok) {
        result =
            xsltApplyStylesheetUser(self->style, doc, NULL, NULL, NULL, ctxt);
        ok = result != NULL && ctxt->state == XSLT_STATE_OK;
    }
    globals_back(&old);
    if (!ok && (ctxt->opCount >= self->max_steps ||
                ctxt->xpathCtxt->opCount >= self->max_steps)) {
        m.len = 0;
        message_add(&m, "more steps than the limit");
    }
    xsltFreeTransformContext(ctxt);
    if (ok) {
        escape_all(result);
        return result;
    }
    xmlFreeDoc(result);
    if (!PyErr_Occurred()) {
        raise_message(st, &m);
    }
    return NULL;
}

static xmlDocPtr
transform(struct sheet *self, PyObject *args, PyObject *params)
{
    struct xslt_state *st = xslt_state_of(self->module);
    xmlDocPtr doc, result;
    PyObject *source;

    if (!PyArg_ParseTuple(args, "O:XSLT", &source) ||
        check_context(st, source) < 0) {
        return NULL;
    }
    doc = doc_of(source, st->xslt_error);
    if (doc == NULL) {
        return NULL;
    }
    result = apply(self, st, doc, params);
    xmlFreeDoc(doc);
    return result;
}

/* -- results -------------------------------------------------------------- */

static PyObject *
as_text(struct sheet *self, xmlDocPtr result)
{
    xmlChar *text = NULL;
    PyObject *str = NULL;
    int len = 0;

    if (xsltSaveResultToString(&text, &len, result, self->style) < 0) {
        PyErr_SetString(xslt_state_of(self->module)->xslt_error,
                        "the result cannot be written");
    } else {
        str = PyUnicode_DecodeUTF8(text == NULL ? "" : (char *)text, len,
                                   "strict");
    }
    xmlFree(text);
    return str;
}

static PyObject *
as_document(struct xslt_state *st, xmlDocPtr result)
{
    xmlBufferPtr buf = xmlBufferCreate();
    PyObject *document = NULL;

    /* An HTML document would be written as HTML. */
    result->type = XML_DOCUMENT_NODE;
    for (xmlNodePtr n = result->children; n != NULL; n = n->next) {
        if (n->type == XML_ELEMENT_NODE || n->type == XML_COMMENT_NODE ||
            n->type == XML_PI_NODE || n->type == XML_TEXT_NODE) {
            xmlNodeDump(buf, result, n, 0, 0);
        }
    }
    document = PyObject_CallFunction((PyObject *)st->document, "y#",
                                     (const char *)xmlBufferContent(buf),
                                     (Py_ssize_t)xmlBufferLength(buf));
    xmlBufferFree(buf);
    return document;
}

static PyObject *
sheet_call(PyObject *o, PyObject *args, PyObject *params)
{
    struct sheet *self = sheet_of(o);
    xmlDocPtr result = transform(self, args, params);
    PyObject *value;

    if (result == NULL) {
        return NULL;
    }
    value = self->style->method != NULL &&
                    xmlStrEqual(self->style->method, BAD_CAST "text")
                ? as_text(self, result)
                : as_document(xslt_state_of(self->module), result);
    xmlFreeDoc(result);
    return value;
}

static PyObject *
sheet_serialize(PyObject *o, PyObject *args, PyObject *params)
{
    xmlDocPtr result = transform(sheet_of(o), args, params);
    PyObject *value;

    if (result == NULL) {
        return NULL;
    }
    value = as_text(sheet_of(o), result);
    xmlFreeDoc(result);
    return value;
}

static PyMethodDef methods[] = {
    {"serialize", (PyCFunction)(void (*)(void))sheet_serialize,
     METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("serialize($self, document, /, **params)\n--\n\n"
               "Transform, and write the result as a str the way xsl:output\n"
               "says (but for its encoding).")},
    {NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     PyDoc_STR(
         "XSLT(sheet, /, *, max_steps=5000000)\n--\n\n"
         "A compiled XSLT 1.0 style sheet, from a Document, an Element, or\n"
         "XML as str or bytes.  XSLTError when it cannot be used.\n\n"
         "sheet(document, **params) transforms a Document or Element and\n"
         "returns a new Document, or a str if xsl:output has method='text'.\n"
         "Parameters are str, int, float or bool.  No sheet reads or writes\n"
         "files or the network, and none can disable output escaping.\n"
         "Steps and template depth are limited, memory is not: run sheets\n"
         "of strangers in a process of their own.")},
    {Py_tp_new, sheet_new},
    {Py_tp_traverse, sheet_traverse},
    {Py_tp_clear, sheet_clear},
    {Py_tp_dealloc, sheet_dealloc},
    {Py_tp_call, sheet_call},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "nodetree.XSLT",
    .basicsize = sizeof(struct sheet),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

PyType_Spec *
sheet_spec(void)
{
    return &spec;
}
