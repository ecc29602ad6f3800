/* SPDX-License-Identifier: MIT */
/*
 * parser.h -- what the parser's files share.
 *
 *   stream:    START -> PROLOG --root--> IDLE <--stanza--> CONTENT
 *                                        IDLE --/root--> EPILOG
 *   document:  START -> PROLOG --root--> CONTENT --/root--> EPILOG
 *
 * START becomes PROLOG with the first byte that is neither a byte order mark
 * nor the XML declaration's.
 *
 * Bytes are parsed where they lie, in the caller's memory.  A token that is
 * not complete there (a tag, or a few bytes of text such as "&am") goes to
 * `pend`, and the next bytes are added to it; a pending tag is parsed only
 * when its end has come, so that bytes fed one by one cost no more.
 *
 * Everything a stanza needs while it is parsed is the scratch.  A parser
 * between stanzas has none: it goes back to its thread, which keeps one.
 */
#ifndef CNC_XML_PARSER_H
#define CNC_XML_PARSER_H

#include "build.h"

#define CNC__PARSER_MAGIC 0xFA55E201u
/* No reference to a character needs more, leading zeros and all. */
#define CNC__REF_MAX 32
/* Attributes are compared pairwise, prefixes looked up one by one. */
#define CNC__ATTRS_CAP 1024
#define CNC__BINDS_CAP 256

enum cnc__state {
    CNC__START,
    CNC__PROLOG,
    CNC__IDLE,
    CNC__CONTENT,
    CNC__EPILOG
};

enum cnc__tok {
    CNC__TOK_OK,
    CNC__TOK_MORE, /* not complete before the end of what is here */
    CNC__TOK_FAIL  /* the error is set */
};

struct cnc__bind {
    uint32_t prefix, len, ns; /* offsets in the tree */
};

struct cnc__rawattr {
    const char *name, *value;
    uint32_t name_len, prefix_len; /* prefix:local, 0 for no prefix */
    uint32_t value_len;
    uint32_t dirty; /* the value has references, tabs or ends of lines */
};

struct cnc__scratch {
    struct cnc__build build;
    struct cnc__bind *binds;
    struct cnc__rawattr *attrs;
    char *pend;
    size_t pend_len, pend_cap;
    size_t pend_scanned; /* bytes of a pending tag looked at for its end */
    char pend_quote;     /* the quote they end in, or 0 */
    uint32_t n_binds, cap_binds, cap_attrs;
};

struct cnc_parser {
    unsigned magic;
    uint8_t mode, flags, state;
    bool feeding, in_cdata, reset_asked, failed;
    bool pause_asked;
    bool marked;              /* a byte order mark was looked for */
    bool wide;                /* a byte from 0x80 was met in this buffer */
    uint32_t alias, alias_as; /* known namespaces; 0: none */
    struct cnc_xml_limits limits;
    struct cnc_parser_events events;
    void *priv;
    struct cnc_element *root; /* of a stream, while it is open */
    struct cnc__scratch *s;
    size_t left;    /* bytes of the last feed that were not taken */
    size_t used;    /* bytes of this stanza in earlier buffers */
    size_t column0; /* characters of this line in earlier buffers */
    unsigned line;
    const char *line_start; /* or the buffer's start */
    struct cnc_error *err;  /* during a feed */
};

/* Note the error at the byte `at`; returns CNC__TOK_FAIL. */
enum cnc__tok cnc__parser_fail(struct cnc_parser *p, const char *at, int code,
                               const char *condition, const char *fmt, ...)
    CNC_PRINTF(5, 6);
#define CNC__MALFORMED(p, at, ...)                                            \
    cnc__parser_fail(p, at, CNC_ESYNTAX, "not-well-formed", __VA_ARGS__)
#define CNC__RESTRICTED(p, at, ...)                                           \
    cnc__parser_fail(p, at, CNC_EPROTO, "restricted-xml", __VA_ARGS__)
#define CNC__OVER(p, at, ...)                                                 \
    cnc__parser_fail(p, at, CNC_ELIMIT, "policy-violation", __VA_ARGS__)

/* Count the lines of [from, to). */
void cnc__parser_lines(struct cnc_parser *p, const char *from, const char *to);

void cnc__scratch_get(struct cnc_parser *p);
void cnc__scratch_put(struct cnc_parser *p); /* sets p->s to NULL */

/* Parse [buf, end); *rest is where it stopped.  OK: at the end, or where a
 * callback asked for a reset; MORE: at an incomplete token. */
enum cnc__tok cnc__parser_run(struct cnc_parser *p, const char *buf,
                              const char *end, const char **rest);

/* The namespace that prefix stands for, or NULL: names.  *prefix_at is its
 * own offset. */
bool cnc__parser_resolve(const struct cnc_parser *p, const char *prefix,
                         uint32_t len, uint32_t *prefix_at, uint32_t *ns);
bool cnc__parser_bind(struct cnc_parser *p, uint32_t prefix, uint32_t len,
                      uint32_t ns);

/* A start tag: *at stands on its '<'; on success behind its '>', the element
 * is open and *empty says whether it ended itself. */
enum cnc__tok cnc__parse_start(struct cnc_parser *p, const char **at,
                               const char *end, bool *empty);
/* An end tag; on success the element is closed. */
enum cnc__tok cnc__parse_end(struct cnc_parser *p, const char **at,
                             const char *end);
/* Text up to '<', or up to "]]>" in a CDATA section. */
enum cnc__tok cnc__parse_text(struct cnc_parser *p, const char **at,
                              const char *end);
/* A reference: *at stands on its '&'.  Its UTF-8 to out, its length to n. */
enum cnc__tok cnc__parse_ref(struct cnc_parser *p, const char **at,
                             const char *end, char out[4], size_t *n);
/* A comment or processing instruction of a document. */
enum cnc__tok cnc__parse_misc(struct cnc_parser *p, const char **at,
                              const char *end);
enum cnc__tok cnc__parse_xmldecl(struct cnc_parser *p, const char **at,
                                 const char *end);
/* The end of the NCName at s; NULL with *tok set else.  what: for the
 * message. */
const char *cnc__parse_ncname(struct cnc_parser *p, const char *s,
                              const char *end, const char *what,
                              enum cnc__tok *tok);

#endif /* CNC_XML_PARSER_H */
