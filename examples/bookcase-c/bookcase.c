/* SPDX-License-Identifier: MIT */
#include <concordance.h>

static const struct cnc_record book = { "book", CNC_FIELDS(
    { "title",  "Title",  .required = true },
    { "author", "Author", .required = true },
    { "isbn",   "ISBN",   .match = "97[89][0-9]{10}", .error = "978 or 979 and ten digits, please." }) };

CNC_APP(mybookcase,
    .title = "My Bookcase",
    .xmlns = "http://concordance-xmpp.org/apps/mybookcase",
    .nodes = CNC_NODES({ "library", &book, .form = "Add a book" }),
    .pages = CNC_PAGES({ "/", "library", "bookcase.xsl" }));
