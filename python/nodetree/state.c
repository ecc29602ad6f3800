/* SPDX-License-Identifier: MIT */
/*
 * state.c -- the module _nodetree: its types and what one interpreter keeps of
 * it.
 */
#include "module.h"

struct holder {
    struct state *st;
};

struct state *
state_ref(struct state *st)
{
    st->refs++;
    return st;
}

void
state_unref(struct state **stp)
{
    struct state *st = *stp;

    *stp = NULL;
    if (st != NULL && --st->refs == 0) {
        PyMem_Free(st);
    }
}

struct state *
state_of_module(PyObject *module)
{
    return ((struct holder *)PyModule_GetState(module))->st;
}

struct state *
state_of_type(PyTypeObject *type)
{
    for (; type != NULL;
         type = (PyTypeObject *)PyType_GetSlot(type, Py_tp_base)) {
        PyObject *module;

        if ((PyType_GetFlags(type) & Py_TPFLAGS_HEAPTYPE) == 0) {
            continue;
        }
        module = PyType_GetModule(type);
        if (module == NULL) {
            PyErr_Clear();
        } else if (PyModule_GetDef(module) == &nodetree_def) {
            return state_of_module(module);
        }
    }
    PyErr_SetString(PyExc_TypeError, "not a class of this module");
    return NULL;
}

/* -- making the types ---------------------------------------------------- */

static int
add_type(PyObject *module, PyTypeObject **out, PyType_Spec *type_spec,
         PyTypeObject *base, bool public)
{
    PyObject *type =
        PyType_FromModuleAndSpec(module, type_spec, (PyObject *)base);

    if (type == NULL) {
        return -1;
    }
    *out = (PyTypeObject *)type;
    return public ? PyModule_AddType(module, *out) : 0;
}

static int
add_types(PyObject *module, struct state *st)
{
    return add_type(module, &st->node, node_spec(), NULL, true) < 0 ||
                   add_type(module, &st->element, element_spec(), st->node,
                            true) < 0 ||
                   add_type(module, &st->comment, comment_spec(), st->node,
                            true) < 0 ||
                   add_type(module, &st->pi, pi_spec(), st->node, true) < 0 ||
                   add_type(module, &st->document, document_spec(), st->node,
                            true) < 0 ||
                   add_type(module, &st->stream, stream_spec(), NULL, true) <
                       0 ||
                   add_type(module, &st->attributes, attributes_spec(), NULL,
                            true) < 0 ||
                   add_type(module, &st->stream_iter, stream_iter_spec(), NULL,
                            false) < 0
               ? -1
               : 0;
}

/* isinstance(type, abc) holds from now on. */
static int
register_as(PyObject *abc, PyTypeObject *type)
{
    PyObject *result = PyObject_CallMethod(abc, "register", "O", type);

    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* What an abstract class derives from the few methods that we have. */
static int
borrow(PyObject *abc, PyTypeObject *type)
{
    static const char *const names[] = {
        "get",
        "keys",
        "items",
        "values",
        "pop",
        "popitem",
        "clear",
        "update",
        "setdefault",
        "__eq__",
        "_MutableMapping__marker", /* that pop() looks for */
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        PyObject *f = PyObject_GetAttrString(abc, names[i]);
        int rc = f == NULL
                     ? -1
                     : PyObject_SetAttrString((PyObject *)type, names[i], f);

        Py_XDECREF(f);
        if (rc < 0) {
            return -1;
        }
    }
    return PyObject_SetAttrString((PyObject *)type, "__hash__", Py_None);
}

static int
join_abcs(struct state *st)
{
    PyObject *abc = PyImport_ImportModule("collections.abc");
    PyObject *sequence = NULL, *mapping = NULL;
    int rc = -1;

    if (abc != NULL) {
        sequence = PyObject_GetAttrString(abc, "MutableSequence");
        mapping = PyObject_GetAttrString(abc, "MutableMapping");
    }
    if (sequence != NULL && mapping != NULL &&
        register_as(sequence, st->element) == 0 &&
        register_as(sequence, st->document) == 0 &&
        borrow(mapping, st->attributes) == 0) {
        rc = register_as(mapping, st->attributes);
    }
    Py_XDECREF(abc);
    Py_XDECREF(sequence);
    Py_XDECREF(mapping);
    return rc;
}

/* -- the module ---------------------------------------------------------- */

static int
module_exec(PyObject *module)
{
    struct holder *holder = PyModule_GetState(module);
    PyObject *support;
    struct state *st;

    holder->st = st = PyMem_Calloc(1, sizeof(*st));
    if (st == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    st->refs = 1;
    support = PyImport_ImportModule("nodetree._support");
    if (support == NULL) {
        return -1;
    }
    st->parse_error = PyObject_GetAttrString(support, "ParseError");
    st->registry = PyObject_GetAttrString(support, "Registry");
    Py_DECREF(support);
    return st->parse_error == NULL || st->registry == NULL ||
                   add_types(module, st) < 0 || join_abcs(st) < 0
               ? -1
               : 0;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct holder *holder = PyModule_GetState(module);
    struct state *st = holder == NULL ? NULL : holder->st;

    if (st != NULL) {
        Py_VISIT(st->node);
        Py_VISIT(st->element);
        Py_VISIT(st->comment);
        Py_VISIT(st->pi);
        Py_VISIT(st->document);
        Py_VISIT(st->attributes);
        Py_VISIT(st->stream);
        Py_VISIT(st->stream_iter);
        Py_VISIT(st->parse_error);
        Py_VISIT(st->registry);
    }
    return 0;
}

static int
module_clear(PyObject *module)
{
    struct holder *holder = PyModule_GetState(module);
    struct state *st = holder == NULL ? NULL : holder->st;

    if (st != NULL) {
        Py_CLEAR(st->node);
        Py_CLEAR(st->element);
        Py_CLEAR(st->comment);
        Py_CLEAR(st->pi);
        Py_CLEAR(st->document);
        Py_CLEAR(st->attributes);
        Py_CLEAR(st->stream);
        Py_CLEAR(st->stream_iter);
        Py_CLEAR(st->parse_error);
        Py_CLEAR(st->registry);
    }
    return 0;
}

static void
module_free(void *module)
{
    struct holder *holder = PyModule_GetState(module);

    module_clear(module);
    if (holder != NULL) {
        state_unref(&holder->st);
    }
}

static PyObject *
module_edits(PyObject *module, PyObject *unused)
{
    return PyLong_FromSize_t(state_of_module(module)->edits);
}

static PyMethodDef functions[] = {
    {"_edits", module_edits, METH_NOARGS,
     PyDoc_STR("_edits($module, /)\n--\n\n"
               "A number that grows with each change of any tree.")},
    {"_restore", node_restore, METH_VARARGS,
     PyDoc_STR("Make the node that __reduce__ took apart.")},
    {NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

struct PyModuleDef nodetree_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "nodetree._nodetree",
    .m_doc = PyDoc_STR("The C half of nodetree: see there."),
    .m_size = sizeof(struct holder),
    .m_methods = functions,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__nodetree(void);

PyMODINIT_FUNC
PyInit__nodetree(void)
{
    return PyModuleDef_Init(&nodetree_def);
}
