/* SPDX-License-Identifier: MIT */
/*
 * faults.c -- what an app's handlers do wrong, counted.
 */
#include "private.h"

/* Which codes are the app's own fault, and not an answer. */
static bool
is_fault(const struct cnc_request *r, int code)
{
    if (code == 0 || r->refused || code == CNC_EREFUSED) {
        return false;
    }
    if (r->entry != CNC__ENTRY_COMMAND && r->entry != CNC__ENTRY_HOOK) {
        return true;
    }
    switch (code) { /* these answer the question */
    case CNC_ENOENT:
    case CNC_EACCES:
    case CNC_EEXIST:
    case CNC_ELIMIT:
    case CNC_EAUTH:
    case CNC_EPROTO:
    case CNC_ESTORE:
    case CNC_ECLOSED:
        return false;
    default:
        return true;
    }
}

void
cnc__app_fault(struct cnc__app *app, const char *text)
{
    app->apps->stats.failures++;
    app->counts.faults++;
    cnc__free(app->error);
    app->error = cnc__strdup(text);
}

void
cnc__app_judge(const struct cnc_request *r, int code)
{
    struct cnc__app *app = r->app;

    if (is_fault(r, code)) {
        cnc__app_fault(app, cnc_err_text(code));
    }
}
