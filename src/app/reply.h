/* SPDX-License-Identifier: MIT */
/*
 * reply.h -- what a command answers: a note, a table or values, and where the
 * web goes after it.
 */
#ifndef CNC_APP_REPLY_H
#define CNC_APP_REPLY_H

#include "../base/str.h"

#define CNC__ANSWER_COLUMNS 64
#define CNC__ANSWER_BYTES   ((size_t)4 << 20) /* of all rows, or values */

struct cnc__answer_column {
    char *name, *label;
    struct cnc__str cell; /* of the row that is being written */
};

/* Made on the handler's thread, read on the core's after it. */
struct cnc__answer {
    struct cnc__str note, values, rows;
    struct cnc__answer_column columns[CNC__ANSWER_COLUMNS];
    size_t n_columns, n_rows, n_left_out;
    char *see;
};

void cnc__answer_fini(struct cnc__answer *a);
/* <x type="result"> with title; nothing when it has neither table nor
 * values. */
void cnc__answer_write(struct cnc__str *out, const struct cnc__answer *a,
                       const struct cnc__tr *tr, const char *title);
/* The note, and how many rows are left out. */
void cnc__answer_note(struct cnc__str *out, const struct cnc__answer *a);

#endif /* CNC_APP_REPLY_H */
