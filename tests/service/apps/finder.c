/* SPDX-License-Identifier: MIT */
/*
 * finder.c -- an app with pages that are made for each request by handlers
 * which only read.
 */
#include <concordance/app.h>

static const struct cnc_record book = {
    "book",
    CNC_FIELDS({"title", "Title", .required = true, .max_len = 20000})};

static const struct cnc_record words = {
    "words", CNC_FIELDS({"q", "Words", .required = true, .max_len = 20})};

static const struct cnc_record settings = {
    "settings", CNC_FIELDS({"greeting", "Greeting", .value = "Hello"})};

static int
add(const char *id, struct cnc_element *record, void *priv)
{
    cnc_cell(priv, "title", "%s", cnc_text(record, "title"));
    cnc_row(priv);
    return 0;
}

static int
find(struct cnc_request *r, struct cnc_element *form)
{
    const struct cnc_query q = {.sort = "title",
                                .search = cnc_text(form, "q")};
    struct cnc_error err = {0};
    size_t total;

    cnc_column(r, "title", "Title");
    if (cnc_query(r, "books", &q, add, r, &total, &err) != 0) {
        return cnc_fault(r, "%s", err.text);
    }
    cnc_note(r, "%zu found by the service.", total);
    return 0;
}

static int
take(struct cnc_request *r, struct cnc_element *form)
{
    return cnc_retract(r, "books", "b1", NULL);
}

CNC_APP(finder, .title = "Finder", .xmlns = "urn:x-test:finder",
        .nodes = CNC_NODES({"books", &book}), .settings = &settings,
        .roles = CNC_ROLES({"staff", "Staff"}),
        .commands = CNC_COMMANDS({"find", "Find", &words, find,
                                  .who = CNC_ANYBODY_RUNS, .reads = true},
                                 {"again", "Find again", &words, find,
                                  .who = CNC_ANYBODY_RUNS, .reads = true},
                                 {"take", "Take", NULL, take,
                                  .who = CNC_ANYBODY_RUNS, .reads = true}),
        .pages = CNC_PAGES({"/find", .command = "find"},
                           {"/both", .command = "find again"},
                           {"/take", .command = "take"},
                           {"/staff", .command = "find", .readers = "staff"}));
