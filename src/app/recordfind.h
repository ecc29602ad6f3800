/* SPDX-License-Identifier: MIT */
/*
 * recordfind.h -- which records of a node an administrator means: the fields
 * of the commands "records", "records/set" and "records/delete" that say so,
 * as one query.
 */
#ifndef CNC_APP_RECORDFIND_H
#define CNC_APP_RECORDFIND_H

#include "records.h"

#define CNC__FIND_FILTERS 16u

/* In the record of a command that finds. */
#define CNC__FIND_FIELDS                                                      \
    {"q", "Some field has", .max_len = 200},                                  \
        {"where", "Where", .max_len = 4000,                                   \
         .help = "FIELD=VALUE, also != < <= > >= ~, several with blanks "     \
                 "between"},                                                  \
        {"filter", "Filters, one a line", CNC_FIELD_LINES, .max_len = 4000,   \
         .help = "FIELD=VALUE, also != < <= > >= ~; all of them hold. The "   \
                 "rest of the line is the value, as it is."},                 \
        {"on", "Days of this field", .max_len = 200},                         \
        {"since", "From this day", CNC_FIELD_DATE},                           \
    {                                                                         \
        "until", "Up to this day", CNC_FIELD_DATE                             \
    }

struct cnc__filter { /* year>=1815 */
    char *text, *field, *op;
    const char *value; /* in text */
};

struct cnc__find {
    struct cnc__query *query;
    char *search;                              /* or NULL */
    struct cnc__filter all[CNC__FIND_FILTERS]; /* days too */
    size_t n;
};

/* The node that v names; or NULL after a refusal. */
struct cnc__node *cnc__find_node(struct cnc__apps *a,
                                 struct cnc__command_reply *reply,
                                 struct cnc__values *v);
/* 0, or CNC_EREFUSED after a refusal; fini is due either way. */
int cnc__find_init(struct cnc__find *f, const struct cnc_record *record,
                   struct cnc__command_reply *reply, struct cnc__values *v);
/* As cnc__query_run(). */
void cnc__find_run(const struct cnc__find *f, struct cnc__node *node,
                   size_t offset, size_t limit, struct cnc__item ***items,
                   size_t *n, size_t *total);
void cnc__find_fini(struct cnc__find *f);

#endif /* CNC_APP_RECORDFIND_H */
