/* SPDX-License-Identifier: MIT */
/*
 * link.h -- the connection to the service that all threads of a process share.
 *
 *   threads that ask        cnc__flink_send() -> ask -> cnc__flink_wait()
 *   the link's own thread   connects, reads, answers pings, tries again
 *
 *        begin         connected            bound
 *   OFF ------> TRYING ---------> (log in) ------> UP
 *                 ^                  | fails        | broken, or silent
 *                 +---- waits a little <------------+
 *
 * The thread begins with the first call, and anew in a child of fork(): what
 * the parent's threads were waiting for is the parent's.  One mutex guards
 * all; nothing is called with it locked.
 */
#ifndef CNC_FRONT_LINK_H
#define CNC_FRONT_LINK_H

#include <pthread.h>

#include <concordance/xml.h>

#include "../base/str.h"

#define CNC__NS_HTTP "urn:xmpp:http"
#define CNC__NS_SHIM "http://jabber.org/protocol/shim"
#define CNC__NS_IBB  "http://jabber.org/protocol/ibb"
#define CNC__NS_WEB  "http://concordance-xmpp.org/ns/web"

#define CNC__IBB_BLOCK 65535u /* XEP-0047 2.1: the largest */

struct cnc__flink;
struct cnc__inflow;

struct cnc__flink_config { /* borrowed as long as the link */
    const char *path, *domain;
    int64_t owner;
    uint32_t ping_ms;
    /* On the link's thread.  Up: bound; what is sent now is sent first.
     * Down: it was up. */
    void (*up)(struct cnc__flink *l, void *priv);
    void (*down)(void *priv);
    void (*message)(const struct cnc_element *e, void *priv);
    void *priv;
};

struct cnc__flink *cnc__flink_new(const struct cnc__flink_config *config);
void cnc__flink_free(struct cnc__flink **lp);
/* Around fork(): nobody changes anything meanwhile. */
void cnc__flink_fork_prepare(struct cnc__flink *l);
void cnc__flink_fork_parent(struct cnc__flink *l);
void cnc__flink_fork_child(struct cnc__flink *l);

int64_t cnc__flink_now(void); /* ms, CLOCK_MONOTONIC */

/* 0: it is up.  Else why not: CNC_ESYS, CNC_EACCES, ...  Who is patient waits
 * retry_ms for it, others until that long after it went down; the first
 * attempt ever is waited for in any case. */
int cnc__flink_up(struct cnc__flink *l, uint32_t retry_ms, bool patient,
                  struct cnc_error *err);
/* Now, without waiting; *made: times it was up. */
bool cnc__flink_is_up(struct cnc__flink *l, uint64_t *made);
/* How long it has been away; 0: it is up. */
int64_t cnc__flink_away_ms(struct cnc__flink *l);
/* Our own JID on this connection; on the link's thread alone, borrowed. */
const char *cnc__flink_jid(const struct cnc__flink *l);

/* -- one IQ ---------------------------------------------------------------
 */

struct cnc__fask {              /* caller's storage: zeroed */
    struct cnc_element *reply;  /* new, with 0 and with an error's code */
    struct cnc__inflow *inflow; /* new: the body that comes in blocks */
    uint64_t made;              /* of which connection it was */
    /* Instead of cnc__flink_wait(): called on the link's thread with the
     * answer; not, when the connection breaks. */
    void (*heard)(struct cnc__fask *a, const struct cnc_element *reply,
                  void *priv);
    char id[24];
    bool done;
    int code;
    pthread_cond_t cond;
};

/* CNC_EAGAIN: there is no connection, or another than `made` (0: any). */
int cnc__flink_send(struct cnc__flink *l, struct cnc__fask *a, uint64_t made,
                    const char *type, const char *payload, size_t len);
bool cnc__flink_is_done(struct cnc__flink *l, struct cnc__fask *a);
/* 0: a result came; CNC_EAGAIN: nothing until then, and nothing will;
 * CNC_ECLOSED: the connection broke; else an error's code.  Ends the ask in
 * any case, but for reply and inflow. */
int cnc__flink_wait(struct cnc__flink *l, struct cnc__fask *a,
                    int64_t until_ms, struct cnc_error *err);
void cnc__fask_fini(struct cnc__fask *a);

/* -- ibb.c: bodies in blocks (XEP-0047) -----------------------------------
 */

/* Up to size bytes: how many, 0: the end, CNC_ECLOSED: it broke off, or
 * nothing came in wait_ms. */
ssize_t cnc__inflow_read(struct cnc__inflow *f, void *data, size_t size,
                         uint32_t wait_ms);
/* No more of it; *fp is NULL after. */
void cnc__inflow_end(struct cnc__inflow **fp);

/* -- between link.c and ibb.c, locked -------------------------------------
 */

struct cnc__inflow *cnc__inflow_new(struct cnc__flink *l, const char *sid);
void cnc__inflow_broken(struct cnc__inflow *f);
void cnc__inflow_unref(struct cnc__inflow *f);
/* An IQ that is of XEP-0047: the answer is added to out, or comes when the
 * block was read. */
void cnc__ibb_request(struct cnc__flink *l, const struct cnc_element *iq,
                      struct cnc__str *out);
bool cnc__ibb_is(const struct cnc_element *iq);

struct cnc__table;
void cnc__flink_lock(struct cnc__flink *l);
void cnc__flink_unlock(struct cnc__flink *l);
struct cnc__table *cnc__flink_inflows(struct cnc__flink *l); /* by sid */
/* Send what it is: dropped when this is another connection by now. */
void cnc__flink_say(struct cnc__flink *l, uint64_t made, const char *xml,
                    size_t len);
uint64_t cnc__flink_made(const struct cnc__flink *l);
const char *cnc__flink_name(const struct cnc__flink *l); /* the domain */
/* Is a stanza that came from there the service's?  Anybody may write to us. */
bool cnc__flink_is_service(const struct cnc__flink *l, const char *from);
int cnc__flink_cond_wait(struct cnc__flink *l, pthread_cond_t *cond,
                         int64_t until_ms);
void cnc__flink_cond_init(pthread_cond_t *cond);

#endif /* CNC_FRONT_LINK_H */
