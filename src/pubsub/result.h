/* SPDX-License-Identifier: MIT */
/*
 * result.h -- what a command answers, written: an XEP-0004 form of type
 * "result" with values, a table, or both (3.4).
 *
 *   cnc__result_begin()
 *     cnc__result_value(), _number(), _lines()
 *     cnc__result_reported()
 *       "<item>" cnc__result_cell(), _count() ... "</item>"
 *   cnc__result_done()
 */
#ifndef CNC_PUBSUB_RESULT_H
#define CNC_PUBSUB_RESULT_H

#include "command.h"

struct cnc__column {
    const char *var, *label;
};

CNC_API void cnc__result_begin(struct cnc__str *out, const char *title);
/* Ends the form, answers with it and note (or NULL), and empties it. */
CNC_API void cnc__result_done(struct cnc__command_reply *reply,
                              struct cnc__str *out, const char *note);

/* -- values ------------------------------------------------------------------
 */

CNC_API void cnc__result_value(struct cnc__str *out, const char *var,
                               const char *label, const char *text);
CNC_API void cnc__result_number(struct cnc__str *out, const char *var,
                                const char *label, uint64_t n);
/* A text of many lines, one value each (3.3). */
CNC_API void cnc__result_lines(struct cnc__str *out, const char *var,
                               const char *label, const char *text);

/* -- a table -----------------------------------------------------------------
 */

CNC_API void cnc__result_reported(struct cnc__str *out,
                                  const struct cnc__column *columns, size_t n);
/* Between "<item>" and "</item>"; text NULL: "". */
CNC_API void cnc__result_cell(struct cnc__str *out, const char *var,
                              const char *text);
CNC_API void cnc__result_count(struct cnc__str *out, const char *var,
                               uint64_t n);

/* -- in somebody's language --------------------------------------------------
 */

/* Add the answer xml (or NULL) to out with its labels and titles in the
 * language of tr; values stay as they are. */
CNC_API void cnc__result_tr(struct cnc__str *out, const struct cnc__tr *tr,
                            const char *xml);

#endif /* CNC_PUBSUB_RESULT_H */
