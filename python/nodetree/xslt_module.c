/* SPDX-License-Identifier: MIT */
/*
 * xslt_module.c -- the module _xslt, imported when XPath or XSLT is first
 * used.
 */
#include "xslt.h"

#include <libxml/parser.h>
#include <libxslt/xslt.h>

struct xslt_state *
xslt_state_of(PyObject *module)
{
    return PyModule_GetState(module);
}

static int
take(PyObject **out, const char *module, const char *name)
{
    PyObject *m = PyImport_ImportModule(module);

    *out = m == NULL ? NULL : PyObject_GetAttrString(m, name);
    Py_XDECREF(m);
    return *out == NULL ? -1 : 0;
}

static int
module_exec(PyObject *module)
{
    struct xslt_state *st = xslt_state_of(module);

    xmlInitParser();
    xsltInit();
    if (take(&st->edits, "nodetree._nodetree", "_edits") < 0 ||
        take((PyObject **)&st->document, "nodetree._nodetree", "Document") <
            0 ||
        take((PyObject **)&st->element, "nodetree._nodetree", "Element") < 0 ||
        take(&st->xpath_error, "nodetree._support", "XPathError") < 0 ||
        take(&st->xslt_error, "nodetree._support", "XSLTError") < 0) {
        return -1;
    }
    st->sheet =
        (PyTypeObject *)PyType_FromModuleAndSpec(module, sheet_spec(), NULL);
    return st->sheet == NULL ? -1 : PyModule_AddType(module, st->sheet);
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct xslt_state *st = xslt_state_of(module);

    Py_VISIT(st->edits);
    Py_VISIT(st->document);
    Py_VISIT(st->element);
    Py_VISIT(st->sheet);
    Py_VISIT(st->xpath_error);
    Py_VISIT(st->xslt_error);
    return 0;
}

static int
module_clear(PyObject *module)
{
    struct xslt_state *st = xslt_state_of(module);

    doc_forget(st);
    Py_CLEAR(st->edits);
    Py_CLEAR(st->document);
    Py_CLEAR(st->element);
    Py_CLEAR(st->sheet);
    Py_CLEAR(st->xpath_error);
    Py_CLEAR(st->xslt_error);
    return 0;
}

static void
module_free(void *module)
{
    module_clear(module);
}

static PyMethodDef functions[] = {
    {"xpath", (PyCFunction)(void (*)(void))xslt_xpath,
     METH_VARARGS | METH_KEYWORDS, doc_xslt_xpath},
    {NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

struct PyModuleDef xslt_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "nodetree._xslt",
    .m_doc = PyDoc_STR("XPath and XSLT for nodetree."),
    .m_size = sizeof(struct xslt_state),
    .m_methods = functions,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__xslt(void);

PyMODINIT_FUNC
PyInit__xslt(void)
{
    return PyModuleDef_Init(&xslt_def);
}
