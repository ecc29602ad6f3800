/* SPDX-License-Identifier: MIT */
/*
 * console.h -- the parts of `concordctl console` that need no service: stanza
 * templates, the check of what was typed, and how a stanza is shown.
 */
#ifndef CNC_CTL_CONSOLE_H
#define CNC_CTL_CONSOLE_H

#include <concordance/xml.h>

#include "../base/str.h"

/* -- console-fill.c ----------------------------------------------------------
 */

#define CONSOLE_WORDS 4

struct console_word {
    const char *name, *value; /* value: when none is given */
};

struct console_template {
    const char *name, *label, *xml;
    struct console_word words[CONSOLE_WORDS + 1]; /* ends with NULL */
};

/* Ends with a name of NULL. */
extern const struct console_template console_templates[];
const struct console_template *console_template(const char *name);
/* One stanza: {word} is a word's value, escaped; [...] falls away when a word
 * in it is empty. */
void console_fill(struct cnc__str *out, const struct console_template *t,
                  size_t n_words, char *const *words, const char *domain,
                  const char *me, const char *id);

enum console_typed {
    CONSOLE_GOOD,
    CONSOLE_MORE, /* it is not over yet */
    CONSOLE_BAD   /* err says why, with line and column */
};
/* One stanza that the stream would take?  On CONSOLE_GOOD out has what to
 * send: as typed, with an id where an IQ has none. */
enum console_typed console_check(struct cnc__str *out, const char *text,
                                 size_t len, const char *id,
                                 struct cnc_error *err);

/* -- console-show.c ----------------------------------------------------------
 */

/* A stanza over several lines, control characters as references; with colour:
 * names, attributes and values as a terminal shows them. */
void console_write(struct cnc__str *out, const struct cnc_element *e,
                   bool colour);

#endif /* CNC_CTL_CONSOLE_H */
