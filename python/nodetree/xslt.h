/* SPDX-License-Identifier: MIT */
/*
 * xslt.h -- what the files of nodetree._xslt share: XPath and XSLT by libxml2
 * and libxslt, on a copy of the tree made for the purpose.
 *
 * Nothing here reads a file or the network: libxml2 is given text that our
 * own writer wrote (so there is no DTD in it), or that our own parser passed,
 * and libxslt's security preferences forbid the rest.  Steps are limited;
 * memory is not, so a stranger's sheet belongs in a process of its own.
 *
 * libxslt keeps its error function and default preferences in globals: they
 * are swapped around each call, and the GIL is held meanwhile.
 */
#ifndef NODETREE_XSLT_H
#define NODETREE_XSLT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

#include <libxml/tree.h>
#include <libxml/xmlerror.h>

/* Steps of one evaluation or transform, unless said otherwise: a second or
 * two, not minutes. */
#define OP_LIMIT       5000000
#define TEMPLATE_DEPTH 500
#define TEMPLATE_VARS  15000

struct xslt_state {
    PyObject *edits; /* _nodetree._edits */
    PyTypeObject *document, *element, *sheet;
    PyObject *xpath_error, *xslt_error; /* classes */
    /* The last copy made, for XPath in a loop: of what `copied` refers to
     * weakly, when edits() was copied_at. */
    PyObject *copied;
    size_t copied_at;
    xmlDocPtr copy;
};

/* Text that arrives in pieces. */
struct message {
    char text[1024];
    size_t len;
};
void message_add(void *message, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, of what is not wanted. */
void message_drop(void *priv, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The first line of it, without what only says where. */
void message_reason(struct message *m, char *out, size_t size);
/* The number behind "line ", or 0. */
long message_line(const struct message *m);

struct xslt_state *xslt_state_of(PyObject *module);
extern struct PyModuleDef xslt_def;

/* -- xslt_document.c ----------------------------------------------------- */

/* A *new* xmlDoc of XML text, or NULL with `error` raised. */
xmlDocPtr doc_parse(const char *data, size_t len, PyObject *error);
/* A *new* copy of a Document or Element; NULL with an exception. */
xmlDocPtr doc_of(PyObject *node, PyObject *error);
/* The same, kept in the state for next time: *borrowed*. */
xmlDocPtr doc_cached(struct xslt_state *st, PyObject *node);
void doc_forget(struct xslt_state *st);
/* TypeError unless o is a Document or an Element. */
int check_context(struct xslt_state *st, PyObject *o);

/* Finds the Python node behind a node of its copy. */
struct origin {
    PyObject *node; /* borrowed: what was copied */
    bool is_document;
    PyObject *lists; /* {xmlNode: [its children without texts]} */
};
/* *new*; None for the document node that an Element does not have. */
PyObject *origin_find(struct origin *o, xmlNodePtr n);

/* -- xslt_xpath.c, xslt_sheet.c ------------------------------------------- */

PyObject *xslt_xpath(PyObject *module, PyObject *args, PyObject *kwds);
extern const char doc_xslt_xpath[];
PyType_Spec *sheet_spec(void);

#endif /* NODETREE_XSLT_H */
