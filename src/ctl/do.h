/* SPDX-License-Identifier: MIT */
/*
 * do.h -- a command's form in a terminal: what it asks, what was said on the
 * command line, what is asked of the person.
 */
#ifndef CNC_CTL_DO_H
#define CNC_CTL_DO_H

#include "ctl.h"

struct do_field {
    const char *var, *label, *type, *help; /* borrowed of the form */
    const struct cnc_element *field;
    bool required, given;
    char **values;
    size_t n_values, cap_values;
};

struct do_form {
    const char *title, *help; /* borrowed of the form; "" for none */
    struct do_field *fields;
    size_t n_fields;
    struct cnc_element *reply; /* what all of it is borrowed of */
};

/* Steals reply, whose form x is; values are the defaults. */
void do_form_read(struct do_form *f, struct cnc_element *reply,
                  const struct cnc_element *x);
void do_form_fini(struct do_form *f);
/* For people: each field with its kind, default, options and help. */
void do_form_show(const struct do_form *f);
/* "FIELD=VALUE", "FIELD=@FILE", "FIELD=-", "FIELD:=TEXT": 0, or 2 after saying
 * what is wrong. */
int do_form_set(struct do_form *f, const char *word);
/* Required fields without a value, one by one; NULL when none is left. */
struct do_field *do_form_missing(struct do_form *f);
/* Ask for it on the terminal: 0, or 1 at the end of input. */
int do_form_ask(struct do_field *field);
/* <x type="submit">; to be wiped. */
void do_form_write(struct cnc__str *out, const struct do_form *f);

/* Run a command as `concordctl do` does: the exit status.  usage: what was
 * typed instead of "do NODE", or NULL. */
#define DO_JSON 1u
#define DO_SHOW 2u /* its form; runs nothing */
int do_command(struct ctl *ctl, const char *node, const char *usage,
               unsigned flags, int argc, char **argv);
/* False: there is no such command, or not for us. */
bool do_is_there(struct ctl *ctl, const char *node);

/* " Did you mean a, b?", or nothing.  names: n of them. */
void do_near(struct cnc__str *out, const char *typed, const char *const *names,
             size_t n);

#endif /* CNC_CTL_DO_H */
