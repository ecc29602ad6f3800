/* SPDX-License-Identifier: MIT */
/*
 * tr.c -- texts in somebody's language.
 */
#include "tr.h"

char *
cnc__tr_sentence(const struct cnc__tr *tr, const char *text)
{
    return tr == NULL || text == NULL ? cnc__strdup(text)
                                      : tr->sentence(text, tr->priv);
}
