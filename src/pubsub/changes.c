/* SPDX-License-Identifier: MIT */
/*
 * changes.c -- see changes.h.
 */
#include "changes.h"

struct cnc__changes {
    struct cnc__command_reply *reply;
    const char *what;
    size_t n, left, failed;
    struct cnc_error err; /* the first one */
    bool begun;
};

static void
answer(struct cnc__changes *c)
{
    struct cnc__str note = CNC__STR;

    if (!c->begun || c->left > 0) {
        return;
    }
    if (c->failed > 0 && c->failed == c->n) {
        cnc__command_done(c->reply, &c->err, NULL, NULL);
    } else {
        if (c->failed == 0) {
            cnc__str_printf(&note, "%s: %zu.", c->what, c->n);
        } else {
            cnc__str_printf(&note, "%s: %zu. Not done: %zu (%s).", c->what,
                            c->n - c->failed, c->failed, c->err.text);
        }
        cnc__command_done(c->reply, NULL, note.data, NULL);
    }
    cnc__str_fini(&note);
    cnc__free(c);
}

struct cnc__changes *
cnc__changes_new(struct cnc__command_reply *reply, const char *what)
{
    struct cnc__changes *c = cnc__zalloc(sizeof(*c));

    c->reply = reply;
    c->what = what;
    return c;
}

void
cnc__changes_add(struct cnc__changes *c)
{
    c->n++;
    c->left++;
}

void
cnc__changes_one(const struct cnc_error *err, const char *id, void *changes)
{
    struct cnc__changes *c = changes;

    c->left--;
    if (err != NULL && c->failed++ == 0) {
        c->err = *err;
    }
    answer(c);
}

void
cnc__changes_begun(struct cnc__changes *c)
{
    c->begun = true;
    answer(c);
}
