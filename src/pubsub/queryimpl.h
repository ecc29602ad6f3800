/* SPDX-License-Identifier: MIT */
/*
 * queryimpl.h -- what the files behind a query share.
 *
 *   where, sort --query-parse.c--> struct cnc__query
 *   an item's payload --query-key.c--> keys, bytes that memcmp() orders
 *   keys of a node's items --index.c--> struct cnc__sorted
 *   an item --query-match.c--> is it meant?
 *   all of them --query.c--> items
 *
 * A value is compared by its key: a number's bytes from the highest on, a
 * text folded.  In an order the key of a value is made so that none is the
 * beginning of another one: the keys of several fields, one behind the other,
 * are then a key too, and one of a field that goes down has its bytes turned.
 */
#ifndef CNC_PUBSUB_QUERYIMPL_H
#define CNC_PUBSUB_QUERYIMPL_H

#include "../base/str.h"
#include "impl.h"

#define CNC__QUERY_BYTES 1000u /* of where, of sort, of search */
#define CNC__QUERY_TERMS 16u   /* of where; and as many parameters */
#define CNC__QUERY_SORTS 8u
/* Texts are ordered by so many bytes of them. */
#define CNC__KEY_BYTES 256u

enum cnc__qfrom { CNC__Q_RECORD, CNC__Q_PUBLISHED, CNC__Q_PUBLISHER };

/* A field, copied: a query lives longer than the module it was for. */
struct cnc__qfield {
    char *name;
    size_t n_name;
    enum cnc_field_kind kind;
    enum cnc__qfrom from;
    char *was; /* what older items call it, or NULL */
};
/* Is it compared as text, and searched? */
bool cnc__kind_is_text(enum cnc_field_kind kind);

enum cnc__qop {
    CNC__Q_EQ,
    CNC__Q_NE,
    CNC__Q_LT,
    CNC__Q_LE,
    CNC__Q_GT,
    CNC__Q_GE,
    CNC__Q_HAS
};

struct cnc__qvalue {
    enum { CNC__Q_WRONG, CNC__Q_NONE, CNC__Q_SOME } is;
    struct cnc__str key;
};

struct cnc__qterm {
    size_t field; /* of the query's */
    enum cnc__qop op;
    size_t param;             /* SIZE_MAX: value */
    struct cnc__qvalue value; /* when it is no parameter */
};

struct cnc__qsort {
    size_t field;
    bool down;
};

struct cnc__query {
    unsigned magic;
    struct cnc__qfield *fields;
    size_t n_fields;
    struct cnc__qterm terms[CNC__QUERY_TERMS];
    size_t n_terms;
    struct cnc__qsort sorts[CNC__QUERY_SORTS];
    size_t n_sorts;
    char *params[CNC__QUERY_TERMS];
    size_t n_params;
};
#define CNC__QUERY_MAGIC 0x90E4B001u

/* -- query-parse.c -------------------------------------------------------- */

int cnc__query_parse(struct cnc__query *q, const char *record,
                     const char *where, const char *sort,
                     struct cnc_error *err);

/* -- query-key.c ---------------------------------------------------------- */

/* Append text folded: simple case folding, a character for a character. */
void cnc__fold(struct cnc__str *out, const char *s, size_t len);
/* The same; false: it is not all ASCII, and what was appended is some of it.
 */
bool cnc__fold_ascii(struct cnc__str *out, const char *s, size_t len);
/* Append the key of a value; false, and nothing: it is not of the kind. */
bool cnc__key_add(struct cnc__str *out, enum cnc_field_kind kind,
                  const char *text, size_t len);
int cnc__key_compare(const struct cnc__str *a, const struct cnc__str *b);
/* What a term compares with, of what was typed. */
void cnc__qvalue_set(struct cnc__qvalue *v, enum cnc_field_kind kind,
                     enum cnc__qop op, const char *text);
/* Append a key as it is ordered by.  len 0 and !some: there is no value. */
void cnc__order_key_add(struct cnc__str *out, enum cnc_field_kind kind,
                        bool some, const char *key, size_t len);

/* The children of an item's payload that are in its name space, in order.  No
 * tree is built for a record as we write it. */
struct cnc__reader {
    const char *at, *end, *ns;
    struct cnc_element *tree; /* NULL: not needed */
    size_t next, n;           /* in the tree; given out */
    struct cnc__str text;     /* of the child at hand, when it had escapes */
};
struct cnc__child {
    const char *name, *text; /* not ended by NUL */
    size_t n_name, len;
    bool blank;
};
void cnc__reader_open(struct cnc__reader *r, const struct cnc__item *item);
bool cnc__reader_next(struct cnc__reader *r, struct cnc__child *c);
void cnc__reader_close(struct cnc__reader *r);
/* Is it the field of this name; or of that which older items call it, was (or
 * NULL)? */
bool cnc__child_is(const struct cnc__child *c, const char *name,
                   const char *was);

/* -- query-match.c -------------------------------------------------------- */

/* One run of a query. */
struct cnc__qrun {
    const struct cnc__query *q;
    const struct cnc__qvalue *value[CNC__QUERY_TERMS]; /* of the terms */
    struct cnc__qvalue own[CNC__QUERY_TERMS];
    bool never;     /* a parameter is not of its field's kind */
    uint64_t asked; /* bits: fields that a term is about, modulo 64 */
    struct cnc__str search, key, text;
    /* What stands in the payload of whatever matches, if that is ASCII. */
    const struct cnc__str *needles[CNC__QUERY_TERMS + 1];
    size_t n_needles;
    /* what is found */
    struct cnc__item **items;
    size_t n, cap, seen, offset, limit;
};
void cnc__qrun_bind(struct cnc__qrun *r, const struct cnc__query *q,
                    const char *const *values, const char *search);
void cnc__qrun_unbind(struct cnc__qrun *r);
bool cnc__qrun_matches(struct cnc__qrun *r, const struct cnc__item *item);
/* Which field a child is, or SIZE_MAX.  hint: where to look first. */
size_t cnc__query_field(const struct cnc__query *q, const struct cnc__child *c,
                        size_t hint);

/* -- index.c -------------------------------------------------------------- */

struct cnc__ientry {
    struct cnc__item *item; /* of the node's kept ones */
    uint32_t len;
    char key[];
};

/* The kept items by one field, and those of the same value as they were
 * published.  A field of several values has an entry for each. */
struct cnc__sorted;
/* Of this field, or NULL. */
const struct cnc__sorted *cnc__sorted_of(const struct cnc__node *n,
                                         const struct cnc__qfield *f);
size_t cnc__sorted_n(const struct cnc__sorted *s);
/* How many entries stand before the first one with a key >= this one, or >. */
size_t cnc__sorted_lower(const struct cnc__sorted *s, const char *key,
                         size_t len, bool greater);

struct cnc__cursor { /* {.s = s} at first */
    const struct cnc__sorted *s;
    size_t block, before;
};
/* The i-th entry; quick where the last one was near. */
const struct cnc__ientry *cnc__cursor_at(struct cnc__cursor *c, size_t i);

#endif /* CNC_PUBSUB_QUERYIMPL_H */
