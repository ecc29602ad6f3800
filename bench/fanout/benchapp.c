/* SPDX-License-Identifier: MIT */
/*
 * benchapp.c -- a node without a page, so that fan-out is all there is; and a
 * page of 50 and one of 1000 records.
 */
#include <concordance.h>

static const struct cnc_record note = {
    "note", CNC_FIELDS({"title", "Title", .required = true},
                       {"text", "Text", .kind = CNC_FIELD_LINES})};

CNC_APP(bench, .xmlns = "urn:x-bench",
        .nodes = CNC_NODES({"bench", .history = 10, .max_items = 1000000},
                           {"small", &note, .form = "Add a note"},
                           {"large", &note, .form = "Add a note"}),
        .pages = CNC_PAGES({"/small", "small", "notes.xsl", .window = 50},
                           {"/large", "large", "notes.xsl", .window = 1000}));
