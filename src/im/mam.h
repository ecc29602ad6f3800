/* SPDX-License-Identifier: MIT */
/*
 * mam.h -- an account's archive: what archive.c keeps and archive-query.c
 * finds.
 */
#ifndef CNC_IM_MAM_H
#define CNC_IM_MAM_H

#include "parts.h"

#define CNC__NS_MAM2 "urn:xmpp:mam:2"
#define CNC__MAM_ID  40 /* bytes of an id with its end */

struct cnc__mam_entry {
    uint64_t seq;
    int64_t stamp_ms;
    char id[CNC__MAM_ID]; /* "SEQ-RANDOM" in hex: not to be guessed */
    char *with;           /* the other's JID, as in from or to */
    struct cnc_buf *xml;  /* the stanza, jabber:client in scope */
};

enum cnc__mam_default { CNC__MAM_ALWAYS, CNC__MAM_NEVER, CNC__MAM_ROSTER };

struct cnc__mam_query;
struct cnc__mam {
    struct cnc__mam_entry **all; /* by seq, from `first` on */
    size_t first, n, cap, bytes;
    uint64_t seq, kept;             /* the newest; all up to it are kept */
    struct cnc__mam_query *queries; /* that wait for what is not kept yet */
    enum cnc__mam_default by_default;
    struct cnc__table *always, *never; /* JIDs; NULL: nobody */
};

static inline struct cnc__mam_entry *
cnc__mam_at(const struct cnc__mam *m, size_t i)
{
    return m->all[m->first + i];
}
/* Where the id is; SIZE_MAX: nowhere. */
size_t cnc__mam_find(const struct cnc__mam *m, const char *id);
struct cnc__mam *cnc__mam_make(struct cnc__im_user *u);
/* <prefs/> as XEP-0441 has it, and back; CNC_EPROTO, CNC_ELIMIT. */
void cnc__mam_prefs_write(struct cnc__str *out, const struct cnc__mam *m);
int cnc__mam_prefs_read(struct cnc__mam *m, const struct cnc_element *e,
                        struct cnc_error *err);

/* archive-query.c: a request about the archive; true: taken. */
bool cnc__mam_request(struct cnc__im_in *in);
/* Up to m->kept is kept now. */
void cnc__mam_run_queries(struct cnc__im_user *u);
void cnc__mam_drop_queries(struct cnc__mam *m);

#endif /* CNC_IM_MAM_H */
