/* SPDX-License-Identifier: MIT */
/*
 * shelf.c -- an app whose records are administered.
 */
#include <concordance/app.h>

static const struct cnc_record book = {
    "book",
    CNC_FIELDS({"title", "Title", .required = true, .max_len = 200},
               {"author", "Author", CNC_FIELD_REF, .node = "authors"},
               {"kind", "Kind", CNC_FIELD_LIST, .index = true,
                .options = CNC_OPTIONS({"novel", "Novel"}, {"play", "Play"})},
               {"year", "Year", CNC_FIELD_INTEGER, .min = "0", .max = "2100",
                .index = true},
               {"lent", "Lent", CNC_FIELD_BOOLEAN},
               {"bought", "Bought", CNC_FIELD_DATE},
               {"notes", "Notes", CNC_FIELD_LINES})};

static const struct cnc_record author = {
    "author", CNC_FIELDS({"name", "Name", .required = true})};

CNC_APP(shelf, .title = "Shelf", .xmlns = "urn:x-test:shelf",
        .nodes = CNC_NODES({"books", &book, .title = "Books"},
                           {"authors", &author, .title = "Authors"}),
        .admin = CNC_NAMES("books", "authors"));
