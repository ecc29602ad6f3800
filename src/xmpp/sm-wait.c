/* SPDX-License-Identifier: MIT */
/*
 * sm-wait.c -- sessions that have lost their stream, until they are resumed or
 * end.
 */
#include "sm-priv.h"

#include "../base/log.h"

/* -- the list --------------------------------------------------------------
 */

void
cnc__sm_unwait(struct cnc__sm *m)
{
    struct cnc__sms *sms = m->session->router->sms;

    CNC_CHECK(m->waits);
    m->waits = false;
    *(m->prev == NULL ? &sms->head : &m->prev->next) = m->next;
    *(m->next == NULL ? &sms->last : &m->next->prev) = m->prev;
    m->next = m->prev = NULL;
    sms->stats.waiting--;
    sms->n_anonymous -= m->session->anonymous;
}

void
cnc__sm_wait(struct cnc__sm *m)
{
    struct cnc__sms *sms = m->session->router->sms;

    m->waits = true;
    m->prev = sms->last;
    *(sms->last == NULL ? &sms->head : &sms->last->next) = m;
    sms->last = m;
    sms->stats.waiting++;
    sms->n_anonymous += m->session->anonymous;
}

/* An account's oldest one makes room: nobody else's. */
static void
make_room(const struct cnc__session *s)
{
    struct cnc__sms *sms = s->router->sms;
    struct cnc__session *oldest = NULL;
    size_t n = 0;

    for (struct cnc__session *i =
             cnc__router_sessions_of(s->router, s->jid, s->bare_len);
         i != NULL; i = i->next_same) {
        if (i->sm == NULL || !i->sm->waits || i->sm->ending) {
            continue;
        }
        n++;
        if (oldest == NULL || i->sm->until_ms < oldest->sm->until_ms) {
            oldest = i;
        }
    }
    if (n >= sms->config.max_waiting_of) {
        cnc__sm_end(oldest);
    }
}

static bool
may_wait(const struct cnc__sm *m)
{
    const struct cnc__sms *sms = m->session->router->sms;

    return m->id != NULL && !m->ending &&
           sms->stats.waiting < sms->config.max_waiting &&
           (!m->session->anonymous ||
            sms->n_anonymous < sms->config.max_waiting / 4);
}

void
cnc__sm_closed(struct cnc__stream *s, bool lost)
{
    struct cnc__session *session = s->session;
    struct cnc__sm *m = session == NULL ? NULL : session->sm;

    if (m == NULL) {
        return;
    }
    if (!lost || !may_wait(m)) {
        m->ending = true; /* when the stream is freed */
        cnc__sm_forget(m);
        return;
    }
    if (!session->anonymous) {
        make_room(session);
    }
    cnc__log(CNC_LOG_DEBUG, "sm.waits", "jid=%s stanzas=%zu", session->jid,
             cnc__keep_n(&m->keep));
    s->session = NULL;
    session->stream = NULL;
    m->until_ms = s->now_ms + m->max_ms;
    cnc__sm_wait(m);
    /* Whoever resumes is active (XEP-0352 section 5). */
    cnc__csi_active(session);
}

/* -- the end ---------------------------------------------------------------
 */

void
cnc__sm_forget(struct cnc__sm *m)
{
    if (m->id != NULL) {
        cnc__table_del(m->session->router->sms->ids, m->id);
        cnc__free(m->id);
        m->id = NULL;
    }
}

void
cnc__sm_end(struct cnc__session *s)
{
    struct cnc__sm *m = s->sm;

    CNC_CHECK(m != NULL && m->waits);
    m->ending = true;
    m->until_ms = 0;
    cnc__sm_forget(m);
}

/* Section 5: who comes too late may still hear how far we got. */
static void
bury(struct cnc__sms *sms, const struct cnc__sm *m)
{
    const struct cnc__session *s = m->session;
    struct cnc__sm_tomb *tomb;

    if (m->id == NULL) {
        return;
    }
    if (sms->tombs == NULL) {
        sms->tombs = cnc__zalloc(CNC__SM_TOMBS * sizeof(*sms->tombs));
    }
    tomb = &sms->tombs[sms->next_tomb++ % CNC__SM_TOMBS];
    cnc__free(tomb->id);
    cnc__free(tomb->bare);
    tomb->id = cnc__strdup(m->id);
    tomb->bare = s->anonymous ? NULL : cnc__strndup(s->jid, s->bare_len);
    tomb->in = m->in;
}

const struct cnc__sm_tomb *
cnc__sm_tomb(const struct cnc__sms *sms, const char *id, const char *bare)
{
    for (size_t i = 0; sms->tombs != NULL && i < CNC__SM_TOMBS; i++) {
        const struct cnc__sm_tomb *t = &sms->tombs[i];

        if (t->id != NULL && strcmp(t->id, id) == 0) {
            bool mine = bare == NULL
                            ? t->bare == NULL
                            : t->bare != NULL && strcmp(t->bare, bare) == 0;

            return mine ? t : NULL;
        }
    }
    return NULL;
}

static void
end_late(struct cnc__router *r, bool all)
{
    struct cnc__sm *next;

    /* What goes back to the router may make others end, never free them. */
    for (struct cnc__sm *m = r->sms->head; m != NULL; m = next) {
        struct cnc__session *s = m->session;

        next = m->next;
        if (!all && m->until_ms > r->now_ms) {
            continue;
        }
        cnc__log(CNC_LOG_DEBUG, "sm.expired", "jid=%s stanzas=%zu", s->jid,
                 cnc__keep_n(&m->keep));
        r->sms->stats.expired++;
        bury(r->sms, m);
        cnc__router_unbind(&s);
    }
}

void
cnc__sms_tick(struct cnc__router *r)
{
    end_late(r, false);
}

void
cnc__sms_end_all(struct cnc__router *r)
{
    while (r->sms->head != NULL) {
        end_late(r, true);
    }
}
