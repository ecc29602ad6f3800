/* SPDX-License-Identifier: MIT */
/*
 * concordance/xml.h -- NodeTree: XML as a tree of elements, its parser and
 * its writers.
 *
 * ONE TREE, TWO STATES.  A stanza that came in must be cheap, shared by
 * threads and unchanging; a tree that a program edits must let one element
 * sit in many parents.  Both are `struct cnc_element`, read by the same
 * functions:
 *
 *   frozen   made by the parser or cnc_element_freeze().  All elements, names
 *            and texts live in one arena with ONE atomic count; a reference
 *            to any element keeps the whole arena.  Never changes; any thread
 *            may read it.  Every changing call returns CNC_EFROZEN.
 *   mutable  made by cnc_element_new(), cnc_element_thaw() or a document
 *            parse with .thaw.  Each element has its own count and no parent
 *            pointer, so one element may be a child of many parents and an
 *            edit shows in all of them.  May hold frozen children.  A child
 *            that would make a cycle is refused.  One thread at a time.
 *
 * An element object is an element or, in documents only (RFC 6120 11.1 bans
 * them from streams), a comment or a processing instruction: see kind.
 *
 * NAMES.  An element has a namespace name ("" for none), a local name and the
 * prefix it was written with ("" for none).  Names are compared by
 * (namespace, local name); the prefix is only a wish for the writer.  An
 * element also keeps the declarations (prefix -> namespace name) written on
 * it, used or not, because an XSLT sheet uses them inside attribute values.
 *
 * No function recurses over a tree.
 */
#ifndef CONCORDANCE_XML_H
#define CONCORDANCE_XML_H

#include <concordance/buf.h>
#include <concordance/types.h>

CNC_BEGIN_DECLS

struct cnc_element;

enum cnc_kind { CNC_ELEMENT = 1, CNC_TEXT, CNC_COMMENT, CNC_PI };

/* One child: a text, or an element object (of kind element, comment, PI). */
struct cnc_child {
    enum cnc_kind kind;
    struct cnc_element *element; /* borrowed; NULL for a text */
    const char *text;            /* borrowed, NUL-terminated; NULL else */
    size_t len;                  /* bytes of text */
};

struct cnc_attr { /* all borrowed */
    const char *ns, *prefix, *name, *value;
};

/* -- life ---------------------------------------------------------------- */

/* A *new* mutable element.  ns may be NULL (none).  CNC_ESYNTAX when name is
 * not an NCName (XML Names 1.0 rule 4). */
CNC_API int cnc_element_new(struct cnc_element **out, const char *ns,
                            const char *name, struct cnc_error *err);
/* A *new* comment; CNC_ESYNTAX when text holds "--" or ends with "-". */
CNC_API int cnc_comment_new(struct cnc_element **out, const char *text,
                            struct cnc_error *err);
/* A *new* PI; content may be NULL.  CNC_ESYNTAX on a bad target ("xml") or
 * content with "?>". */
CNC_API int cnc_pi_new(struct cnc_element **out, const char *target,
                       const char *content, struct cnc_error *err);

CNC_API struct cnc_element *cnc_element_ref(const struct cnc_element *e);
CNC_API void cnc_element_unref(struct cnc_element **ep); /* accepts NULL */

/* A *new* frozen deep copy in an arena of its own; declarations in scope at e
 * are not added (the parser adds them to each stanza it makes). */
CNC_API struct cnc_element *cnc_element_freeze(const struct cnc_element *e);
/* A *new* mutable deep copy. */
CNC_API struct cnc_element *cnc_element_thaw(const struct cnc_element *e);
CNC_API bool cnc_element_is_frozen(const struct cnc_element *e);

/* -- reading (both states) ----------------------------------------------- */

CNC_API enum cnc_kind cnc_element_kind(const struct cnc_element *e);
/* Local name; a PI's target; "" for a comment.  Never NULL. */
CNC_API const char *cnc_element_name(const struct cnc_element *e);
CNC_API const char *cnc_element_ns(const struct cnc_element *e);
CNC_API const char *cnc_element_prefix(const struct cnc_element *e);
/* ns NULL: any namespace; name NULL: any name. e may be NULL: false. */
CNC_API bool cnc_element_is(const struct cnc_element *e, const char *ns,
                            const char *name);
/* 1-based line where the parser met it; 0 when unknown. */
CNC_API unsigned cnc_element_line(const struct cnc_element *e);

CNC_API size_t cnc_element_n_attrs(const struct cnc_element *e);
CNC_API struct cnc_attr cnc_element_attr_at(const struct cnc_element *e,
                                            size_t i);
/* *borrowed* value or NULL.  ns NULL: the attribute in no namespace. */
CNC_API const char *cnc_element_attr(const struct cnc_element *e,
                                     const char *ns, const char *name);

CNC_API size_t cnc_element_n_decls(const struct cnc_element *e);
/* prefix "" is the default namespace. */
CNC_API void cnc_element_decl_at(const struct cnc_element *e, size_t i,
                                 const char **prefix, const char **ns);

CNC_API size_t cnc_element_n_children(const struct cnc_element *e);
CNC_API struct cnc_child cnc_element_child_at(const struct cnc_element *e,
                                              size_t i);
/* First child element that cnc_element_is(c, ns, name); *borrowed* or NULL.
 * e may be NULL. */
CNC_API struct cnc_element *cnc_element_child(const struct cnc_element *e,
                                              const char *ns,
                                              const char *name);
/* for (size_t i = 0; (c = cnc_element_next(e, &i, ns, name)) != NULL;) */
CNC_API struct cnc_element *cnc_element_next(const struct cnc_element *e,
                                             size_t *i, const char *ns,
                                             const char *name);
/* The first text child, *borrowed*; a comment's or PI's content; "" if none
 * or e is NULL.  The parser joins adjacent text, so this is all the text of
 * an element that has no child elements. */
CNC_API const char *cnc_element_text(const struct cnc_element *e);
/* cnc_element_text() of the child (ns, name), or "" . */
CNC_API const char *cnc_element_child_text(const struct cnc_element *e,
                                           const char *ns, const char *name);
/* XPath string-value: all descendant text, as a *new* buf. */
CNC_API struct cnc_buf *cnc_element_string(const struct cnc_element *e);
/* Same names, attributes (any order), children, texts; prefixes ignored. */
CNC_API bool cnc_element_equal(const struct cnc_element *a,
                               const struct cnc_element *b);

/* -- changing (mutable only; CNC_EFROZEN else) --------------------------- */

CNC_API int cnc_element_set_name(struct cnc_element *e, const char *ns,
                                 const char *name, struct cnc_error *err);
CNC_API int cnc_element_set_prefix(struct cnc_element *e, const char *prefix,
                                   struct cnc_error *err);
/* value NULL removes (CNC_ENOENT if absent).  CNC_ESYNTAX on a bad name or a
 * value with a character XML forbids. */
CNC_API int cnc_element_set_attr(struct cnc_element *e, const char *ns,
                                 const char *name, const char *value,
                                 struct cnc_error *err);
CNC_API int cnc_element_declare(struct cnc_element *e, const char *prefix,
                                const char *ns, struct cnc_error *err);
/* Insert before index i (i == n_children appends).  The child is referenced,
 * not copied.  CNC_EINVAL when it would make a cycle. */
CNC_API int cnc_element_insert(struct cnc_element *e, size_t i,
                               struct cnc_element *child,
                               struct cnc_error *err);
CNC_API int cnc_element_insert_text(struct cnc_element *e, size_t i,
                                    const char *text, size_t len,
                                    struct cnc_error *err);
CNC_API int cnc_element_remove(struct cnc_element *e, size_t i, size_t n,
                               struct cnc_error *err);
/* A comment's or PI's content. */
CNC_API int cnc_element_set_content(struct cnc_element *e, const char *text,
                                    struct cnc_error *err);

/* -- parsing ------------------------------------------------------------- */

/* Zero means the default in brackets.  Counted before anything is kept.
 * Beside them at most 256 prefixes may be in scope at once, and max_attrs is
 * at most 1024. */
struct cnc_xml_limits {
    uint32_t size;         /* sizeof(struct cnc_xml_limits) */
    uint32_t max_depth;    /* elements inside one another [128] */
    uint32_t max_attrs;    /* attributes and declarations an element [64] */
    uint32_t max_token;    /* bytes of one tag or one run of text [256 kB] */
    uint32_t max_stanza;   /* bytes of one child of the root, or of the whole
                              document [1 MB] */
    uint32_t max_children; /* children of one element [65536] */
};

enum cnc_parser_mode {
    CNC_PARSE_STREAM,  /* root stays open; each child of it is a stanza */
    CNC_PARSE_DOCUMENT /* one whole document */
};

/* For documents.  MISC: keep comments and PIs (else they are an error, RFC
 * 6120 11.1); those outside the root go to on_misc.  THAW: make a mutable
 * tree. */
#define CNC_PARSE_MISC (1u << 0)
#define CNC_PARSE_THAW (1u << 1)

/* on_open: the root's start tag, as a frozen element without children.
 * on_stanza: a whole child of the root, or the whole document.  Both borrowed
 * for the call: cnc_element_ref() to keep it.  Each returns 0 to go on or a
 * negative code, which feed() returns at once.  A callback may free what
 * holds the parser only after feed() returned.
 * on_close: the root's end tag.
 * on_misc: with CNC_PARSE_MISC, a comment or PI before or after the root of a
 * document, as a mutable element. */
struct cnc_parser_events {
    int (*on_open)(struct cnc_element *root, void *priv);
    int (*on_stanza)(struct cnc_element *e, void *priv);
    int (*on_close)(void *priv);
    int (*on_misc)(struct cnc_element *e, void *priv);
};

struct cnc_parser;
/* A *new* parser; limits and events are copied, limits may be NULL. */
CNC_API struct cnc_parser *
cnc_parser_new(enum cnc_parser_mode mode, unsigned flags,
               const struct cnc_xml_limits *limits,
               const struct cnc_parser_events *events, void *priv);
CNC_API void cnc_parser_free(struct cnc_parser **pp);
/* Back to the start of a new stream (after SASL), memory given back.  In a
 * callback it takes effect when that returns: the bytes that follow are the
 * new stream's. */
CNC_API void cnc_parser_reset(struct cnc_parser *p);
CNC_API void cnc_parser_limit(struct cnc_parser *p,
                              const struct cnc_xml_limits *limits);
/* In the stanzas of a stream (not in its root) a declaration of the namespace
 * ns declares `as`: what servers say in "jabber:server" means what clients say
 * in "jabber:client" (RFC 6120 4.8.3).  Both are names that RFC 6120 or
 * XEP-0114 gives to a stream's content. */
CNC_API void cnc_parser_alias(struct cnc_parser *p, const char *ns,
                              const char *as);
/*
 * Feed bytes, cut anywhere.  Returns 0, or
 *   CNC_ESYNTAX  not well-formed: condition "not-well-formed"
 *   CNC_EPROTO   DTD, comment, PI, entity other than the five, encoding other
 *                than UTF-8: "restricted-xml" or "unsupported-encoding"; text
 *                between the stanzas of a stream: "bad-format"
 *   CNC_ELIMIT   a limit: "policy-violation"
 * with line and column (in characters) in err; or what a callback returned.
 * After an error only reset and free are allowed.  A tag is looked at once it
 * is complete, so a mistake in it is told no earlier than that.
 */
CNC_API int cnc_parser_feed(struct cnc_parser *p, const char *data, size_t len,
                            struct cnc_error *err);
/* In on_stanza: take no more now.  feed() returns 0 soon after that, and
 * left() says how many bytes at the end of what it was given are to be fed
 * again. */
CNC_API void cnc_parser_pause(struct cnc_parser *p);
CNC_API size_t cnc_parser_left(const struct cnc_parser *p);
/* Has a stanza (or document) begun of which the end is still to come? */
CNC_API bool cnc_parser_in_stanza(const struct cnc_parser *p);
/* Document mode: the input is over.  CNC_ESYNTAX when it is not complete. */
CNC_API int cnc_parser_end(struct cnc_parser *p, struct cnc_error *err);

/* Parse a whole document; *out is a *new* reference to its root element. */
CNC_API int cnc_xml_parse(struct cnc_element **out, const char *data,
                          size_t len, unsigned flags,
                          const struct cnc_xml_limits *limits,
                          struct cnc_error *err);

/* -- writing ------------------------------------------------------------- */

#define CNC_WRITE_INDENT (1u << 0) /* two spaces; texts are left alone */
#define CNC_WRITE_DECL   (1u << 1) /* <?xml version="1.0" encoding="UTF-8"?> */

/*
 * The canonical form, as a *new* buf: double quotes, attributes in the order
 * given after declarations, <a/> for empty, & < > and CR escaped in text,
 * & < " and tab, CR, LF escaped in attributes, a declaration wherever the
 * namespace in scope differs, kept declarations always.  Self-contained.
 */
CNC_API struct cnc_buf *cnc_element_write(const struct cnc_element *e,
                                          unsigned flags);

CNC_END_DECLS

#endif /* CONCORDANCE_XML_H */
