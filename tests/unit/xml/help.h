/* SPDX-License-Identifier: MIT */
/* help.h -- what the tests of the XML room share. */
#ifndef HELP_H
#define HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/base/str.h"
#include "../../../src/xml/write.h"

#define BOOK_NS "http://concordance-xmpp.org/apps/mybookcase"
/* The record of the project's founding page. */
#define BOOK                                                                  \
    "<book xmlns=\"" BOOK_NS "\"><title>Dive Into Python 3</title>"           \
    "<author>Mark Pilgrim</author><isbn>9781430224150</isbn></book>"
#define STREAM                                                                \
    "<stream:stream xmlns='jabber:client' "                                   \
    "xmlns:stream='http://etherx.jabber.org/streams' to='a'>"

/* Parse or fail the test. */
struct cnc_element *parse(const char *text, unsigned flags);
/* A new element or fail the test. */
struct cnc_element *element(const char *ns, const char *name);
/* Append; the caller keeps its reference. */
void append(struct cnc_element *parent, struct cnc_element *child);
/* Append a new element, which the parent alone holds. */
struct cnc_element *append_new(struct cnc_element *parent, const char *ns,
                               const char *name);
void append_text(struct cnc_element *parent, const char *text);
/* The element is written as text. */
void assert_written(const struct cnc_element *e, const char *text);

/* Everything a parser told, as text, and how it ended. */
struct told {
    struct cnc__str text;
    int rc;
    struct cnc_error err;
};
void told_fini(struct told *t);
/* Feed text in pieces of `piece` bytes (0: at once); in document mode end. */
void feed(struct told *t, enum cnc_parser_mode mode, unsigned flags,
          const struct cnc_xml_limits *limits, const char *text, size_t len,
          size_t piece);
extern const struct cnc_parser_events telling;

#endif /* HELP_H */
