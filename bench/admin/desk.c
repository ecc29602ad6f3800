/* SPDX-License-Identifier: MIT */
/*
 * desk.c -- 10,000 books for the admin panel, as bench/admin/rival/models.py
 * has them.
 */
#include <concordance.h>
#include <stdio.h>
#include <string.h>

#define N 10000

static const struct cnc_record book = {
    "book",
    CNC_FIELDS({"title", "Title", .required = true},
               {"author", "Author", .index = true},
               {"kind", "Kind", CNC_FIELD_LIST, .index = true,
                .options = CNC_OPTIONS({"novel", "Novel"}, {"play", "Play"},
                                       {"poems", "Poems"})},
               {"year", "Year", CNC_FIELD_INTEGER, .index = true},
               {"shelf", "Shelf"}, {"lent", "Lent", CNC_FIELD_BOOLEAN},
               {"bought", "Bought", CNC_FIELD_DATE}, {"notes", "Notes"})};

/* The word that is searched for is in one record of 100. */
static int
add(struct cnc_request *r, int i)
{
    static const char *const kinds[] = {"novel", "play", "poems"};
    struct cnc_error err = {0};
    struct cnc_element *e;
    char id[32], xml[1000];
    int code;

    snprintf(id, sizeof(id), "b%d", i);
    snprintf(xml, sizeof(xml),
             "<book xmlns='urn:x-desk'><title>Title number %d</title>"
             "<author>Author %d</author><kind>%s</kind><year>%d</year>"
             "<shelf>S%d</shelf><lent>%s</lent><bought>20%02d-0%d-1%d</bought>"
             "<notes>What there is to say about it, in a line%s.</notes>"
             "</book>",
             i, i % 500, kinds[i % 3], 1800 + i % 200, i % 100,
             i % 7 == 0 ? "true" : "false", i % 25, 1 + i % 9, i % 10,
             i % 100 == 42 ? ", signed" : "");
    code = cnc_xml_parse(&e, xml, strlen(xml), 0, NULL, &err);
    if (code == 0) {
        code = cnc_publish(r, "books", id, e, &err);
    }
    cnc_element_unref(&e);
    return code;
}

static int
start(struct cnc_request *r)
{
    int code = 0;

    for (int i = 0; code == 0 && i < N; i++) {
        code = add(r, i);
    }
    return code;
}

CNC_APP(desk, .xmlns = "urn:x-desk", .start = start,
        .nodes = CNC_NODES({"books", &book, .title = "Books",
                            .max_items = 100000}),
        .admin = CNC_NAMES("books"));
