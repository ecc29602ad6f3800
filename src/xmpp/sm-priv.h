/* SPDX-License-Identifier: MIT */
/*
 * sm-priv.h -- what sm.c, sm-keep.c, sm-wait.c and csi.c share.
 */
#ifndef CNC_XMPP_SM_PRIV_H
#define CNC_XMPP_SM_PRIV_H

#include "errors.h"
#include "router-priv.h"
#include "sm.h"
#include "stream-priv.h"

/* -- sm-keep.c: what was not acknowledged ----------------------------------
 */

struct cnc__kept { /* a stanza, without any framing's namespace */
    struct cnc_buf *tail;
    uint32_t len : 31;   /* of its head, in `heads` */
    uint32_t shared : 1; /* its tail is not for this session alone */
    uint32_t sent_s;     /* Unix time */
};

/*
 *   kept:   . . a b c d e       the first two were acknowledged
 *             first^  ^first + n_sent: not yet given to the stream
 *   heads:  ....AABBCCDDEE
 *        heads_at^
 */
struct cnc__keep {
    struct cnc__kept *kept;
    size_t first, end, cap, n_sent;
    struct cnc__str heads;
    size_t heads_at, heads_sent; /* bytes of those that were sent */
    size_t bytes;                /* with tails */
    size_t own;                  /* without tails that are shared */
};

void cnc__keep_add(struct cnc__keep *k, const char *head, size_t head_len,
                   const struct cnc_buf *tail, bool shared);
/* The first n are acknowledged. */
void cnc__keep_drop(struct cnc__keep *k, size_t n);
/* The first that the stream has not got, and its head; NULL: none. */
const struct cnc__kept *cnc__keep_unsent(const struct cnc__keep *k,
                                         const char **head);
void cnc__keep_sent(struct cnc__keep *k); /* now it has */
void cnc__keep_fini(struct cnc__keep *k);
static inline size_t
cnc__keep_n(const struct cnc__keep *k)
{
    return k->end - k->first;
}

/* -- csi.c -----------------------------------------------------------------
 */

struct cnc__csi; /* what an inactive client hears later */
/* True: it is kept back.  Else whatever was kept back goes first, by
 * cnc__sm_pass(). */
bool cnc__csi_holds(struct cnc__session *s, const char *head, size_t head_len,
                    const struct cnc_buf *tail);
void cnc__csi_inactive(struct cnc__session *s);
/* What was kept back goes now. */
void cnc__csi_active(struct cnc__session *s);
void cnc__csi_free(struct cnc__csi **cp);

/* -- a managed session -----------------------------------------------------
 */

struct cnc__sm {
    unsigned magic;
    bool on : 1;     /* XEP-0198; else for csi alone */
    bool asked : 1;  /* an <r/> has no answer yet */
    bool ending : 1; /* it is over but for its freeing */
    bool waits : 1;  /* on the list */
    struct cnc__session *session;
    struct cnc__csi *csi;        /* NULL: the client is active */
    char *id;                    /* NULL: cannot be resumed */
    uint32_t in;                 /* stanzas that we handled */
    uint32_t acked;              /* of ours: the last h heard */
    uint32_t max_ms;             /* how long it may wait */
    uint32_t n_unasked, unasked; /* stanzas and bytes since the last <r/> */
    struct cnc__keep keep;
    uint64_t until_ms; /* when it waits */
    struct cnc__sm *next, *prev;
};
#define CNC__SM_MAGIC 0x534d4753u

/* Sessions that cannot be resumed any more, so that their clients learn what
 * we handled (XEP-0198 section 5). */
struct cnc__sm_tomb {
    char *id, *bare; /* bare NULL: anonymous */
    uint32_t in;
};
#define CNC__SM_TOMBS 1024u

struct cnc__sms {
    struct cnc__sm_config config;
    struct cnc__sm_stats stats;
    struct cnc__table *ids;      /* -> struct cnc__sm */
    struct cnc__sm *head, *last; /* those that wait, the oldest first */
    uint32_t n_anonymous;        /* of those that wait */
    struct cnc__sm_tomb *tombs;
    uint32_t next_tomb;
    cnc__sm_return_f *on_return;
    void *on_return_priv;
};

/* sm.c: past XEP-0352. */
void cnc__sm_pass(struct cnc__session *s, const char *head, size_t head_len,
                  const struct cnc_buf *tail);
struct cnc__sm *cnc__sm_new(struct cnc__session *s);
void cnc__sm_free(struct cnc__sm **mp);
/* Something was acknowledged, or what is counted has changed. */
void cnc__sm_drop(struct cnc__sm *m, size_t n);
/* Give the stream what was kept and it has room for. */
void cnc__sm_more(struct cnc__sm *m);

/* sm-wait.c */
void cnc__sm_wait(struct cnc__sm *m);   /* its stream is lost */
void cnc__sm_unwait(struct cnc__sm *m); /* it has a stream, or ends */
/* Nobody may resume it any more. */
void cnc__sm_forget(struct cnc__sm *m);
/* What a session that is no more had handled; NULL: not known. */
const struct cnc__sm_tomb *cnc__sm_tomb(const struct cnc__sms *sms,
                                        const char *id, const char *bare);

#endif /* CNC_XMPP_SM_PRIV_H */
