/* SPDX-License-Identifier: MIT */
/*
 * module.h -- what the files of the Python module `nodetree` share.
 *
 * A Python node wraps one mutable `struct cnc_element`.  Python objects are
 * made when first asked for, and then kept by every parent that holds the
 * element (`kids`), so that `e[0] is e[0]` and attributes set on a node stay
 * as long as it is in a tree:
 *
 *      Python      Document --kids--> Element --kids--> Element
 *                     |e                |e                |e
 *      C           container --------> element --------> element
 *
 * A Document wraps a hidden container element, which is never written, so
 * that both kinds of sequence share their code.
 *
 * The GIL guards everything here; types and state belong to one interpreter.
 */
#ifndef NODETREE_MODULE_H
#define NODETREE_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

#include <concordance/xml.h>

/* Of one interpreter.  Counted, because the collector may clear a type (and
 * with it the module) before the last node of that type. */
struct state {
    size_t refs;
    size_t edits; /* grows with each change of any tree: see _xslt */
    PyTypeObject *node, *element, *comment, *pi, *document;
    PyTypeObject *attributes, *stream, *stream_iter;
    PyObject *parse_error; /* class */
    PyObject *registry;    /* class */
};

/* Python objects of the children, NULL where none was asked for (and for
 * text).  Where kids is not NULL, at[] is as long as the children. */
struct kids {
    struct kids *next; /* among those waiting to be released */
    size_t n, cap;
    PyObject *at[];
};

struct stream;

struct node {
    PyObject_HEAD struct cnc_element *e; /* owned */
    struct kids *kids;                   /* owned; NULL: none made yet */
    struct state *st;                    /* counted */
    PyObject *origin;      /* (registry, scope) or NULL: see origin_new() */
    struct stream *stream; /* borrowed; of the root of an open stream */
    PyObject *dict, *weak;
    bool is_scope; /* the root whose declarations are origin's scope */
};

/* {ns}name, split.  ns is NULL where no braces were written. */
struct qname {
    char *mem; /* owned: qname_fini() */
    const char *ns, *name;
};

/* One child to be put in. */
struct item {
    PyObject *ref;         /* owned: the node, or a str */
    struct cnc_element *e; /* borrowed; NULL for a text */
    const char *text;      /* borrowed from ref */
    size_t len;
};

static inline struct node *
node_of(PyObject *o)
{
    return (struct node *)o;
}

/* -- state.c ------------------------------------------------------------- */

extern struct PyModuleDef nodetree_def;
/* *borrowed*, or NULL with TypeError. */
struct state *state_of_type(PyTypeObject *type);
struct state *state_of_module(PyObject *module);
struct state *state_ref(struct state *st);
void state_unref(struct state **stp);

/* -- text.c -------------------------------------------------------------- */

/* A *new* str from a str, or UTF-8 bytes; NULL with TypeError `what`. */
PyObject *text_of(PyObject *o, const char *what);
/* UTF-8 of the str o, *borrowed*; ValueError if it holds a NUL. */
const char *utf8_of(PyObject *o);
/* TypeError `what` unless o is a str or bytes; ValueError on a bad form. */
int qname_init(struct qname *q, PyObject *o, const char *what);
void qname_fini(struct qname *q);
/* "{ns}name" or "name", *new*. */
PyObject *qname_str(const char *ns, const char *name);
/* Raise what err says: ValueError, or ParseError when parsing. */
void raise_value(const struct cnc_error *err);
void raise_parse(struct state *st, const struct cnc_error *err);
PyObject *str_of_buf(struct cnc_buf *buf); /* steals buf */

/* -- node.c -------------------------------------------------------------- */

/* A *new* node of type; steals e, also on failure; origin may be NULL. */
PyObject *node_new(struct state *st, PyTypeObject *type, struct cnc_element *e,
                   PyObject *origin);
/* A *new* node of the class that origin's registry binds to e; steals e. */
PyObject *node_wrap(struct state *st, struct cnc_element *e, PyObject *origin);
/* A *new* reference to child i: a node, always the same, or a str. */
PyObject *node_child(struct node *self, size_t i);
/* Tell a bound class's instance that it was made: call its on_parsed(). */
int node_tell(PyObject *o);
/* Elements, comments and PIs: what may be a child. */
bool node_is_child(struct state *st, PyObject *o);
/* The pair (registry or None, scope or None).  scope is the dict of what the
 * stream's root declared, which repr() of its stanzas leaves out. */
PyObject *origin_new(PyObject *registry, PyObject *scope);
/* 0, or -1 with TypeError unless o is NULL, None or a Registry. */
int registry_check(struct state *st, PyObject *o);
/* node_type.c */
PyObject *node_registry(PyObject *self, void *unused);
PyType_Spec *node_spec(void);

/* Keep kids as long as the children: before an insertion (o may be NULL: not
 * made yet), and after a removal, whose references go to kids_release() once
 * self is whole again. */
int kids_insert(struct node *self, size_t i, PyObject *o);
struct kids *kids_take(struct node *self, size_t i, size_t n);
void kids_release(struct kids **kidsp);

/* -- children.c ---------------------------------------------------------- */

bool is_document(struct node *self);
/* 0, or -1 with an exception; no check of a document's rules. */
int child_put(struct node *self, size_t i, const struct item *item);
int child_cut(struct node *self, size_t i, size_t n);
int item_init(struct node *self, struct item *item, PyObject *o);
void item_fini(struct item *item);
/* Elements among the children [from, to). */
size_t count_elements(struct node *self, size_t from, size_t to);
/* Replace n children from i by the objects of the list. */
int children_splice(struct node *self, size_t i, size_t n, PyObject *list);
/* Insert one before i, 0 <= i <= len. */
int children_add(PyObject *o, Py_ssize_t i, PyObject *value);
PyObject *children_item(PyObject *o, Py_ssize_t i);
Py_ssize_t children_len(PyObject *o);
int children_contains(PyObject *o, PyObject *value);
int children_ass_item(PyObject *o, Py_ssize_t i, PyObject *value);
PyObject *children_iter(PyObject *o);
/* children_slice.c */
PyObject *children_subscript(PyObject *o, PyObject *key);
int children_ass_subscript(PyObject *o, PyObject *key, PyObject *value);

/* children_methods.c: shared by Element and Document. */
PyObject *children_append(PyObject *o, PyObject *value);
PyObject *children_insert(PyObject *o, PyObject *args);
PyObject *children_extend(PyObject *o, PyObject *values);
PyObject *children_iadd(PyObject *o, PyObject *values);
PyObject *children_pop(PyObject *o, PyObject *args);
PyObject *children_remove(PyObject *o, PyObject *value);
PyObject *children_clear(PyObject *o, PyObject *unused);
PyObject *children_index(PyObject *o, PyObject *args);
PyObject *children_count(PyObject *o, PyObject *value);
PyObject *children_reverse(PyObject *o, PyObject *unused);
PyObject *children_reversed(PyObject *o, PyObject *unused);
PyObject *node_xpath(PyObject *o, PyObject *args, PyObject *kwds);

extern const char doc_append[], doc_insert[], doc_extend[], doc_pop[],
    doc_remove[], doc_clear[], doc_index[], doc_count[], doc_reverse[],
    doc_reversed[], doc_xpath[], doc_equals[], doc_registry[];

#define CHILDREN_METHODS                                                      \
    {"append", children_append, METH_O, doc_append},                          \
        {"insert", children_insert, METH_VARARGS, doc_insert},                \
        {"extend", children_extend, METH_O, doc_extend},                      \
        {"pop", children_pop, METH_VARARGS, doc_pop},                         \
        {"remove", children_remove, METH_O, doc_remove},                      \
        {"clear", children_clear, METH_NOARGS, doc_clear},                    \
        {"index", children_index, METH_VARARGS, doc_index},                   \
        {"count", children_count, METH_O, doc_count},                         \
        {"reverse", children_reverse, METH_NOARGS, doc_reverse},              \
        {"__reversed__", children_reversed, METH_NOARGS, doc_reversed},       \
    {                                                                         \
        "xpath", (PyCFunction)(void (*)(void))node_xpath,                     \
            METH_VARARGS | METH_KEYWORDS, doc_xpath                           \
    }

#define CHILDREN_SLOTS                                                        \
    {Py_sq_length, children_len}, {Py_mp_length, children_len},               \
        {Py_sq_item, children_item}, {Py_sq_ass_item, children_ass_item},     \
        {Py_sq_contains, children_contains},                                  \
        {Py_sq_inplace_concat, children_iadd},                                \
        {Py_mp_subscript, children_subscript},                                \
        {Py_mp_ass_subscript, children_ass_subscript},                        \
    {                                                                         \
        Py_tp_iter, children_iter                                             \
    }

/* -- element.c, misc.c, document.c, attributes.c, stream.c, copy.c -------- */

PyType_Spec *element_spec(void);
PyType_Spec *comment_spec(void);
PyType_Spec *pi_spec(void);
PyType_Spec *document_spec(void);
PyType_Spec *attributes_spec(void);
PyType_Spec *stream_spec(void);
PyType_Spec *stream_iter_spec(void);

/* A *new* mapping of the element's attributes. */
PyObject *attributes_new(struct node *element);
int attributes_update(struct node *element, PyObject *mapping);

/* Is the branch being parsed the child at index i (i < 0: from the end) of
 * this root?  Then it cannot be taken yet. */
bool stream_is_incomplete(const struct stream *s, Py_ssize_t i);

PyObject *node_copy(PyObject *self, PyObject *unused);
PyObject *node_deepcopy(PyObject *self, PyObject *memo);
PyObject *node_reduce(PyObject *self, PyObject *unused);
PyObject *node_restore(PyObject *module, PyObject *args);
/* An O& converter to uint32_t: 1 and up. */
int limit_of(PyObject *o, void *out);
/* Bytes to parse, from str or anything with a buffer: *keep is the object
 * that holds them, *view must be released if its obj is not NULL. */
int input_of(PyObject *o, Py_buffer *view, PyObject **keep, const char **data,
             size_t *len);

#endif /* NODETREE_MODULE_H */
