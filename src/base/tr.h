/* SPDX-License-Identifier: MIT */
/*
 * tr.h -- texts in somebody's language.
 *
 * Whoever writes for people takes a struct cnc__tr: NULL is English, the
 * language that the texts are written in.  Those who have the catalogues
 * (src/web/locale.h) give it.
 */
#ifndef CNC_BASE_TR_H
#define CNC_BASE_TR_H

#include "check.h"

struct cnc__tr {
    /* *borrowed* until something else is asked; text itself when there is
     * nothing else to say. */
    const char *(*text)(const char *text, void *priv);
    /* A finished sentence, which may have values in it ("Title is needed."
     * is known as "%s is needed."); *new*. */
    char *(*sentence)(const char *text, void *priv);
    void *priv;
};

/* Marks a text for people that is written down here and said elsewhere:
 * tools/locale finds it. */
#define CNC__TEXT(text) text

/* text may be NULL. */
static inline const char *
cnc__tr(const struct cnc__tr *tr, const char *text)
{
    return tr == NULL || text == NULL ? text : tr->text(text, tr->priv);
}

/* *new*, or NULL as text is. */
CNC_API char *cnc__tr_sentence(const struct cnc__tr *tr, const char *text);

#endif /* CNC_BASE_TR_H */
