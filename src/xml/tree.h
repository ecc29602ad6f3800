/* SPDX-License-Identifier: MIT */
/*
 * tree.h -- how elements lie in memory; for the files of this room alone.
 *
 * A frozen tree is one block of memory without pointers: what would be a
 * pointer is an offset from the block's start, so that the parser can build
 * in a buffer that grows and hand out a copy of the exact size.
 *
 *   | cnc__tree | cnc__frozen attrs[] decls[] strings | text | kids[] | ...
 *       ^ offset 0   ^ self
 *
 * kids[] is one uint32_t a child: the offset of an element, or of a text with
 * bit 0 set.  All records start at multiples of four.
 *
 * A mutable element is a block of its own with ordinary pointers.
 */
#ifndef CNC_XML_TREE_H
#define CNC_XML_TREE_H

#include <stdatomic.h>

#include <concordance/xml.h>

#include "../base/check.h"
#include "../base/heap.h"

#define CNC__TREE_MAGIC    0x7EEE0001u
#define CNC__FROZEN_MAGIC  0xE1E30F01u
#define CNC__MUTABLE_MAGIC 0xE1E30E02u

/* Offsets stay far below the bit that marks a well-known string. */
#define CNC__TREE_MAX  (UINT32_C(1) << 30)
#define CNC__KNOWN_BIT (UINT32_C(1) << 31)

struct cnc__tree {
    uint32_t magic;
    atomic_uint refs;
    struct cnc__heap *owner; /* whose code made it, or NULL */
    uint32_t size;
    uint32_t first; /* the first element */
    char empty[4];  /* where the offset of "" leads */
};
#define CNC__EMPTY ((uint32_t)offsetof(struct cnc__tree, empty))

/* What both states begin with. */
struct cnc_element {
    uint32_t magic;
    uint32_t kind;
    uint32_t line;
};

struct cnc__fattr {
    uint32_t ns, prefix, name, value;
};

struct cnc__fdecl {
    uint32_t prefix, ns;
};

struct cnc__ftext {
    uint32_t len;
    char text[];
};

struct cnc__frozen {
    struct cnc_element head;
    uint32_t self;
    uint32_t name, ns, prefix;
    uint32_t n_attrs, n_decls; /* the arrays follow this struct */
    uint32_t n_children;
    uint32_t children; /* of kids[]; a comment's or PI's cnc__ftext */
};

struct cnc__mattr {
    const char *ns;
    char *prefix, *name, *value;
};

struct cnc__mdecl {
    char *prefix;
    const char *ns;
};

struct cnc__mchild {
    struct cnc_element *element; /* NULL for a text */
    char *text;
    size_t len;
};

struct cnc__mutable {
    struct cnc_element head;
    uint32_t refs;
    struct cnc__heap *owner; /* as a tree's; its texts are not counted */
    size_t n_parents;        /* child slots that hold it */
    uint64_t seen;           /* the last walk that came by */
    char *name, *prefix, *content;
    const char *ns;
    struct cnc__mattr *attrs;
    struct cnc__mdecl *decls;
    struct cnc__mchild *children;
    size_t n_attrs, n_decls, n_children, cap_children;
    size_t n_mutable;          /* children that are mutable elements */
    struct cnc__mutable *next; /* of those to be freed */
};

/* -- well-known strings (known.c) ----------------------------------------- */

extern const char *const cnc__known[];
#define CNC__KNOWN_XML_PREFIX (CNC__KNOWN_BIT | 0)
#define CNC__KNOWN_XML_NS     (CNC__KNOWN_BIT | 1)
#define CNC__NS_XML           "http://www.w3.org/XML/1998/namespace"
#define CNC__NS_XMLNS         "http://www.w3.org/2000/xmlns/"

/* CNC__KNOWN_BIT | index, or 0 when the namespace is not a known one. */
uint32_t cnc__known_find(const char *s, size_t len);
/* A namespace name to keep: the known string itself, or a copy. */
const char *cnc__ns_hold(const char *ns);
void cnc__ns_drop(const char *ns);

/* -- names (names.c) ------------------------------------------------------ */

#define CNC__NAME_START 1
#define CNC__NAME_CHAR  2
#define CNC__SPACE      4
extern const unsigned char cnc__xml_class[256];
/* XML 1.0 fifth edition, for code points from 0x80. */
bool cnc__name_start(uint32_t cp);
bool cnc__name_char(uint32_t cp);
bool cnc__ncname_valid(const char *s, size_t len);

/* -- frozen --------------------------------------------------------------- */

static inline bool
cnc__is_frozen(const struct cnc_element *e)
{
    CNC_CHECK(e != NULL);
    if (e->magic == CNC__FROZEN_MAGIC) {
        return true;
    }
    CNC_CHECK(e->magic == CNC__MUTABLE_MAGIC);
    return false;
}

static inline const struct cnc__frozen *
cnc__frozen(const struct cnc_element *e)
{
    return (const struct cnc__frozen *)e;
}

static inline struct cnc__mutable *
cnc__mutable(const struct cnc_element *e)
{
    return (struct cnc__mutable *)e;
}

static inline struct cnc__tree *
cnc__tree_of(const struct cnc__frozen *f)
{
    return (struct cnc__tree *)((char *)f - f->self);
}

static inline const char *
cnc__fstr(const struct cnc__frozen *f, uint32_t at)
{
    if (at >= CNC__KNOWN_BIT) {
        return cnc__known[at & ~CNC__KNOWN_BIT];
    }
    return (const char *)f - f->self + at;
}

static inline struct cnc__fattr *
cnc__fattrs(const struct cnc__frozen *f)
{
    return (struct cnc__fattr *)(f + 1);
}

static inline struct cnc__fdecl *
cnc__fdecls(const struct cnc__frozen *f)
{
    return (struct cnc__fdecl *)(cnc__fattrs(f) + f->n_attrs);
}

/* -- walking without recursion (walk.c) ----------------------------------- */

enum cnc__step {
    CNC__ENTER, /* an element, comment or PI: w->e */
    CNC__TEXT,  /* w->text, w->len */
    CNC__LEAVE, /* w->e again */
    CNC__DONE
};

struct cnc__frame {
    const struct cnc_element *e;
    size_t i;
};

struct cnc__walk {
    const struct cnc_element *e;
    const char *text;
    size_t len;
    const struct cnc_element *root; /* until it was entered */
    struct cnc__frame *frames;      /* first, or the heap */
    size_t n, cap;
    struct cnc__frame first[32];
};

void cnc__walk_init(struct cnc__walk *w, const struct cnc_element *root);
enum cnc__step cnc__walk_next(struct cnc__walk *w);
void cnc__walk_fini(struct cnc__walk *w);

#endif /* CNC_XML_TREE_H */
