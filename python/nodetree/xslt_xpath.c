/* SPDX-License-Identifier: MIT */
/*
 * xslt_xpath.c -- XPath 1.0 on a copy of the tree, its results as nodes of the
 * tree.
 */
#include "xslt.h"

#include <string.h>

#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

const char doc_xslt_xpath[] =
    PyDoc_STR("xpath(node, expr, /, namespaces={}, **variables)\n--\n\n"
              "What Element.xpath() and Document.xpath() call.");

/* -- names from Python --------------------------------------------------- */

static int
register_namespaces(xmlXPathContextPtr ctxt, PyObject *namespaces)
{
    PyObject *dict = PyDict_New(), *items = NULL;
    Py_ssize_t n;
    int rc;

    if (dict != NULL && PyDict_Update(dict, namespaces) < 0 &&
        PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_SetString(PyExc_TypeError, "namespaces must be a mapping");
    } else if (dict != NULL) {
        items = PyDict_Items(dict);
    }
    Py_XDECREF(dict);
    n = items == NULL ? 0 : PyList_Size(items);
    rc = items == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; rc == 0 && i < n; i++) {
        const char *prefix, *ns;

        if (!PyArg_ParseTuple(PyList_GetItem(items, i),
                              "ss;namespaces must map str to str", &prefix,
                              &ns)) {
            rc = -1;
        } else if (xmlXPathRegisterNs(ctxt, BAD_CAST prefix, BAD_CAST ns) !=
                   0) {
            PyErr_Format(PyExc_ValueError, "bad namespace prefix '%s'",
                         prefix);
            rc = -1;
        }
    }
    Py_XDECREF(items);
    return rc;
}

static xmlXPathObjectPtr
value_of(PyObject *o)
{
    double d;

    if (PyBool_Check(o)) {
        return xmlXPathNewBoolean(o == Py_True);
    }
    if (PyUnicode_Check(o)) {
        const char *s = PyUnicode_AsUTF8AndSize(o, NULL);

        return s == NULL ? NULL : xmlXPathNewCString(s);
    }
    if (!PyFloat_Check(o) && !PyLong_Check(o)) {
        PyErr_SetString(PyExc_TypeError,
                        "XPath variables are str, int, float or bool");
        return NULL;
    }
    d = PyFloat_AsDouble(o);
    return d == -1.0 && PyErr_Occurred() ? NULL : xmlXPathNewFloat(d);
}

static int
register_variables(xmlXPathContextPtr ctxt, PyObject *variables)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;

    while (PyDict_Next(variables, &pos, &key, &value)) {
        const char *name = PyUnicode_AsUTF8AndSize(key, NULL);
        xmlXPathObjectPtr v = name == NULL ? NULL : value_of(value);

        if (v == NULL) {
            return -1;
        }
        xmlXPathRegisterVariable(ctxt, BAD_CAST name, v);
    }
    return 0;
}

/* -- results to Python --------------------------------------------------- */

static PyObject *
str_of(const xmlChar *s)
{
    return PyUnicode_FromString(s == NULL ? "" : (const char *)s);
}

static PyObject *
content_of(xmlNodePtr n)
{
    xmlChar *s = xmlNodeGetContent(n);
    PyObject *str = str_of(s);

    xmlFree(s);
    return str;
}

static PyObject *
result_node(struct origin *o, xmlNodePtr n)
{
    switch (n->type) {
    case XML_NAMESPACE_DECL:
        return str_of(((xmlNsPtr)n)->href);
    case XML_ATTRIBUTE_NODE:
    case XML_TEXT_NODE:
    case XML_CDATA_SECTION_NODE:
        return content_of(n);
    default:
        return origin_find(o, n);
    }
}

static PyObject *
result_list(struct origin *o, xmlNodeSetPtr set)
{
    PyObject *list = PyList_New(0);

    xmlXPathNodeSetSort(set);
    for (int i = 0; list != NULL && set != NULL && i < set->nodeNr; i++) {
        PyObject *item = result_node(o, set->nodeTab[i]);

        if (item == NULL ||
            (item != Py_None && PyList_Append(list, item) < 0)) {
            Py_CLEAR(list);
        }
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *
result_of(struct xslt_state *st, PyObject *node, xmlXPathObjectPtr r)
{
    struct origin o = {.node = node};
    PyObject *result;

    switch (r->type) {
    case XPATH_BOOLEAN:
        return PyBool_FromLong(r->boolval);
    case XPATH_NUMBER:
        return PyFloat_FromDouble(r->floatval);
    case XPATH_STRING:
        return str_of(r->stringval);
    case XPATH_NODESET:
        break;
    default:
        PyErr_SetString(st->xpath_error, "a result of unknown type");
        return NULL;
    }
    o.is_document = PyType_IsSubtype(Py_TYPE(node), st->document);
    o.lists = PyDict_New();
    result = o.lists == NULL ? NULL : result_list(&o, r->nodesetval);
    Py_XDECREF(o.lists);
    return result;
}

/* -- evaluation ---------------------------------------------------------- */

/* libxml2 gives this callback a number and no text. */
static const char *
reason_of(int code)
{
    switch (code - XML_XPATH_EXPRESSION_OK) {
    case XPATH_NUMBER_ERROR:
        return "a number is malformed";
    case XPATH_UNFINISHED_LITERAL_ERROR:
    case XPATH_START_LITERAL_ERROR:
        return "a string is not closed";
    case XPATH_VARIABLE_REF_ERROR:
        return "a variable's name is malformed";
    case XPATH_UNDEF_VARIABLE_ERROR:
        return "a variable was not given";
    case XPATH_INVALID_PREDICATE_ERROR:
    case XPATH_UNCLOSED_ERROR:
        return "a predicate or parenthesis is not closed";
    case XPATH_UNKNOWN_FUNC_ERROR:
        return "there is no such function";
    case XPATH_INVALID_OPERAND:
    case XPATH_INVALID_TYPE:
        return "an operand has the wrong type";
    case XPATH_INVALID_ARITY:
        return "a function has too many or too few arguments";
    case XPATH_UNDEF_PREFIX_ERROR:
        return "a prefix is not in namespaces";
    case XPATH_INVALID_CHAR_ERROR:
        return "a character XML forbids";
    case XPATH_OP_LIMIT_EXCEEDED:
        return "more steps than the limit";
    case XPATH_RECURSION_LIMIT_EXCEEDED:
        return "nested deeper than the limit";
    default:
        return "the expression is malformed";
    }
}

static void
on_error(void *priv, xmlErrorPtr e)
{
    struct message *m = priv;

    if (m->len == 0) {
        message_add(m, "%s", reason_of(e->code));
    }
}

static xmlXPathObjectPtr
evaluate(struct xslt_state *st, xmlXPathContextPtr ctxt, const char *expr)
{
    struct message m = {.len = 0};
    xmlXPathCompExprPtr compiled;
    xmlXPathObjectPtr r = NULL;

    xmlGenericErrorFunc old = xmlGenericError;
    void *old_priv = xmlGenericErrorContext;

    xmlSetGenericErrorFunc(NULL, message_drop);
    ctxt->error = on_error;
    ctxt->userData = &m;
    ctxt->opLimit = OP_LIMIT;
    compiled = xmlXPathCtxtCompile(ctxt, BAD_CAST expr);
    if (compiled != NULL) {
        r = xmlXPathCompiledEval(compiled, ctxt);
        xmlXPathFreeCompExpr(compiled);
    }
    xmlSetGenericErrorFunc(old_priv, old);
    if (r == NULL) {
        PyErr_Format(st->xpath_error, "%s: %.200s",
                     m.len == 0 ? "it cannot be evaluated" : m.text, expr);
    }
    return r;
}

static PyObject *
run_on(struct xslt_state *st, PyObject *node, xmlDocPtr doc, const char *expr,
       PyObject *namespaces, PyObject *variables)
{
    xmlXPathContextPtr ctxt = xmlXPathNewContext(doc);
    PyObject *result = NULL;

    if (ctxt == NULL) {
        return PyErr_NoMemory();
    }
    ctxt->node = PyType_IsSubtype(Py_TYPE(node), st->document)
                     ? (xmlNodePtr)doc
                     : xmlDocGetRootElement(doc);
    if ((namespaces == NULL || namespaces == Py_None ||
         register_namespaces(ctxt, namespaces) == 0) &&
        (variables == NULL || register_variables(ctxt, variables) == 0)) {
        xmlXPathObjectPtr r = evaluate(st, ctxt, expr);

        if (r != NULL) {
            result = result_of(st, node, r);
            xmlXPathFreeObject(r);
        }
    }
    xmlXPathFreeContext(ctxt);
    return result;
}

static PyObject *
run(struct xslt_state *st, PyObject *node, const char *expr,
    PyObject *namespaces, PyObject *variables)
{
    xmlDocPtr doc = doc_cached(st, node);
    PyObject *copied, *result;
    size_t copied_at;

    if (doc == NULL) {
        return NULL;
    }
    /* Out of the cache while used: on_parsed() or a mapping of the caller's
     * may run XPath too, and so replace the copy. */
    copied = st->copied;
    copied_at = st->copied_at;
    st->copied = NULL;
    st->copy = NULL;
    result = run_on(st, node, doc, expr, namespaces, variables);
    doc_forget(st);
    st->copied = copied;
    st->copied_at = copied_at;
    st->copy = doc;
    return result;
}

PyObject *
xslt_xpath(PyObject *module, PyObject *args, PyObject *kwds)
{
    struct xslt_state *st = xslt_state_of(module);
    PyObject *node, *namespaces = NULL, *variables = NULL, *result, *key;
    const char *expr;

    if (!PyArg_ParseTuple(args, "Os|O:xpath", &node, &expr, &namespaces) ||
        check_context(st, node) < 0) {
        return NULL;
    }
    if (kwds != NULL) {
        variables = PyDict_Copy(kwds);
        key = PyUnicode_FromString("namespaces");
        if (variables == NULL || key == NULL) {
            Py_XDECREF(variables);
            Py_XDECREF(key);
            return NULL;
        }
        if (namespaces == NULL) {
            namespaces = PyDict_GetItemWithError(kwds, key);
            if (namespaces != NULL) {
                PyDict_DelItem(variables, key);
            }
        }
        Py_DECREF(key);
    }
    result =
        PyErr_Occurred() ? NULL : run(st, node, expr, namespaces, variables);
    Py_XDECREF(variables);
    return result;
}
