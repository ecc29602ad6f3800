/* SPDX-License-Identifier: MIT */
/*
 * settings.h -- an app's settings: what is kept of them, its versions, and how
 * that fits what the app declares now.
 *
 *   KEY ("setting", APP)           the record, with its secrets
 *   KEY ("setting-version", APP/N) version N without them: who, when, what
 *                                  changed
 *
 * What is kept has an element for each field, an empty one for no value: one
 * that is not there is of a field that the app had not then.  It is changed by
 * the operator alone; when a new version of the app declares other fields,
 * what is kept is read anew and stays as it is until then, so that the old
 * version, put back, finds it again.
 */
#ifndef CNC_APP_SETTINGS_H
#define CNC_APP_SETTINGS_H

#include "private.h"

#define CNC__SETTING_VERSIONS 100u              /* kept of an app */
#define CNC__SETTING_BYTES    ((size_t)1 << 20) /* of all of them */

struct cnc__setting_version {
    uint64_t n;
    int64_t ms; /* 0: unknown */
    char *who, *change;
    char *secrets;       /* names of those that changed, blanks between */
    struct cnc_buf *xml; /* the record; secrets are empty */
};

struct cnc__setting_change; /* settings-log.c: one that is asked for */

/* Of the app of this name; there also while no such app is. */
struct cnc__settings {
    struct cnc_buf *now; /* with secrets; NULL: nothing was ever set */
    struct cnc__setting_version *all; /* oldest first */
    size_t n, cap;
    bool busy; /* a change is being kept; others wait for it */
    struct cnc__setting_change *waiting;
};

/* *borrowed*; made when there is none. */
struct cnc__settings *cnc__settings_of(struct cnc__apps *a, const char *app);
void cnc__settings_free(void *settings);
/* The number of what is set now; 0: nothing was ever set. */
uint64_t cnc__settings_version(const struct cnc__settings *s);
/* *borrowed*; NULL: it is not kept (any more). */
const struct cnc__setting_version *
cnc__settings_find(const struct cnc__settings *s, uint64_t n);
void cnc__settings_load(struct cnc__apps *a, const struct cnc_store_entry *e);

/* -- settings-fit.c ---------------------------------------------------------
 */

int cnc__settings_parse(struct cnc_element **out, const void *xml, size_t len,
                        struct cnc_error *err);
/* What is kept, as the app's declaration wants it: a *new* complete record.
 * kept NULL: the defaults.  Texts that do not fit, for which the default
 * stands, are values of misfits (may be NULL), and why is their error. */
struct cnc_element *cnc__settings_fit(const struct cnc__app *app,
                                      const struct cnc_element *kept,
                                      struct cnc__values *misfits);
/* The same of XML; also when that cannot be read. */
struct cnc_element *cnc__settings_fit_xml(const struct cnc__app *app,
                                          const struct cnc_buf *xml,
                                          struct cnc__values *misfits);
/* What is set now, a *new* reference; the defaults when nothing is. */
struct cnc_element *cnc__settings_now(const struct cnc__app *app);
/* All values of a field, a line each. */
void cnc__settings_text(struct cnc__str *out, const struct cnc_element *record,
                        const struct cnc_field *f);

/* -- settings-form.c --------------------------------------------------------
 */

#define CNC__SETTINGS_CHANGED "Somebody has changed it meanwhile."

/* False: nobody types it, and it is not shown as what is kept. */
bool cnc__settings_typed(const struct cnc_field *f);
/* Give the field the record's values. */
void cnc__settings_fill(struct cnc__values *v, const struct cnc_field *f,
                        const struct cnc_element *record);
/* The version and the fields of a form that is filled in now: "7:color,size".
 */
void cnc__settings_token(struct cnc__str *out, const struct cnc__app *app);
/* His version is old: what is different is said in v, which has that of now.
 */
bool cnc__settings_stale(const struct cnc__app *app, struct cnc__values *v);

/* -- settings-log.c ---------------------------------------------------------
 */

/* A change is begun when those before it are kept: begin() refuses or answers
 * and ends it, or keeps it. */
struct cnc__setting_change {
    struct cnc__app *app;
    struct cnc__command_reply *reply;
    struct cnc__values *v; /* borrowed until it is answered */
    char *who;             /* a bare JID */
    void (*begin)(struct cnc__setting_change *c);
    struct cnc__setting_change *next; /* waits */
};
void cnc__settings_change(struct cnc__app *app,
                          struct cnc__command_reply *reply,
                          const struct cnc__caller *who, struct cnc__values *v,
                          void (*begin)(struct cnc__setting_change *c));
/* It was answered without a change. */
void cnc__settings_end(struct cnc__setting_change *c);
/* Keep this complete record as the newest version, then answer note; when
 * nothing differs, answer that.  prefix: before what changed, or NULL. */
void cnc__settings_keep(struct cnc__setting_change *c,
                        const struct cnc_element *record, const char *prefix,
                        const char *note);
/* The command "settings/APP/history"; priv: the app. */
void cnc__settings_history(struct cnc__command_reply *reply,
                           const struct cnc__caller *who,
                           struct cnc__values *v, void *priv);

#endif /* CNC_APP_SETTINGS_H */
