/* SPDX-License-Identifier: MIT */
/*
 * callpage.h -- a page of commands while it is made, for the files that make
 * it: callpage.c (the page), callrun.c (each of its commands), callpost.c (a
 * form that was posted to it).
 */
#ifndef CNC_WEB_CALLPAGE_H
#define CNC_WEB_CALLPAGE_H

#include "web.h"

#define CNC__CALLPAGE_MAX   16 /* commands of one page */
#define CNC__CALLPAGE_PAIRS 64 /* of the query */

struct cnc__call {
    struct cnc__callpage *page;
    char *node;
    int code;
    char *note, *x, *see;
    struct cnc__str fields, action; /* the form, for <c:form/> */
};

struct cnc__pair {
    char *name, *value;
};

struct cnc__callpage {
    struct cnc__callpage *prev, *next;
    struct cnc__agent *agent; /* NULL: it ended */
    struct cnc__decl *decl;
    struct cnc__http_request *request;
    struct cnc__web_caller who;
    struct cnc__pair pairs[CNC__WEB_MAX_PARTS + CNC__CALLPAGE_PAIRS];
    size_t n_pairs, n_params;
    struct cnc__call calls[CNC__CALLPAGE_MAX];
    size_t n_calls, waiting;
    char *do_; /* the node that a POST names; or NULL */
    struct cnc__call *posted;
    struct cnc__form_files *files; /* that came with its form; or NULL */
    int status;
};

/* -- callpage.c ---------------------------------------------------------- */

void cnc__callpage_end(struct cnc__callpage *c); /* and let go of it */
/* The browser goes to another place, with the note, which is shown there. */
void cnc__callpage_go(struct cnc__callpage *c, const char *place,
                      const char *note);
/* What nobody waits for any more, whose agent ended. */
void cnc__callpage_drop(struct cnc__callpage *c);
/* One thing that the page waited for is there; the last one makes it. */
void cnc__callpage_step(struct cnc__callpage *c);

/* -- callrun.c ----------------------------------------------------------- */

/* Run it when it is safe and lacks nothing; else its form is its answer. */
void cnc__call_run(struct cnc__call *k);
/* All but the one that was posted. */
void cnc__call_run_all(struct cnc__callpage *c);
/* What came of it; with_form: and the form with v in it. */
void cnc__call_keep(struct cnc__call *k,
                    const struct cnc__command_answer *answered,
                    struct cnc__values *v, bool with_form);
/* NULL: there is none of that node (any more). */
const struct cnc__command *cnc__call_command(const struct cnc__call *k);
const struct cnc_field *cnc__call_field(const struct cnc_record *r,
                                        const char *name);

/* Does the path say it? */
bool cnc__call_in_path(const struct cnc__callpage *c, const char *name);

/* -- callpost.c ---------------------------------------------------------- */

/* The form that came with the request; answers. */
void cnc__call_post(struct cnc__callpage *c);

#endif /* CNC_WEB_CALLPAGE_H */
