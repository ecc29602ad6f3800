/* SPDX-License-Identifier: MIT */
/*
 * s2s.c -- the room: life, time, looking on.
 */
#include "s2s-priv.h"

/* -- life ----------------------------------------------------------------- */

static void
or_default(uint32_t *value, uint32_t or_this)
{
    *value = *value == 0 ? or_this : *value;
}

static void
fill_options(struct cnc__s2s_options *o)
{
    or_default(&o->max_before_auth, 10000);
    or_default(&o->max_stanza, 512u << 10);
    or_default(&o->max_queue, 8u << 20);
    or_default(&o->wait_ms, 60000);
    or_default(&o->auth_ms, 30000);
    or_default(&o->idle_ms, 600000);
    or_default(&o->silent_ms, 1800000);
    or_default(&o->ping_ms, 120000);
    or_default(&o->backoff_ms, 2000);
    or_default(&o->backoff_max_ms, 600000);
    or_default(&o->pair_bytes, 1u << 20);
    or_default(&o->pair_stanzas, 1000);
    or_default(&o->max_waiting, 64u << 20);
    or_default(&o->max_in, 20);
    or_default(&o->max_asked, 16);
    or_default(&o->max_asked_all, 1000);
    or_default(&o->max_pairs, 200);
    or_default(&o->max_domains, 20000);
}

struct cnc__s2s *
cnc__s2s_new(const struct cnc__s2s_env *env,
             const struct cnc__s2s_options *options, uint64_t now_ms)
{
    struct cnc__s2s *s = cnc__zalloc(sizeof(*s));

    s->magic = CNC__S2S_MAGIC;
    s->env = *env;
    if (options != NULL) {
        s->o = *options;
    }
    fill_options(&s->o);
    s->stream_env =
        (struct cnc__stream_env){.router = env->router,
                                 .max_before_auth = s->o.max_before_auth,
                                 .max_stanza = s->o.max_stanza,
                                 .max_queue = s->o.max_queue,
                                 .auth_ms = s->o.auth_ms};
    s->domains = cnc__table_new();
    s->n_in = cnc__table_new();
    s->now_ms = now_ms;
    /* XEP-0185: made anew at each start; a key lives no longer than its
     * stream. */
    cnc__random_hex(s->secret, 32);
    cnc__router_carrier(env->router, false, cnc__s2s_carry, s);
    return s;
}

void
cnc__s2s_close(struct cnc__s2s *s)
{
    struct cnc__table_iter i = {0};

    CNC_OBJ_CHECK(s, CNC__S2S_MAGIC);
    s->closed = true;
    for (struct cnc__s2s_stream *st = s->streams; st != NULL; st = st->next) {
        cnc__stream_close(st->s, "system-shutdown", NULL);
    }
    while (cnc__table_next(s->domains, &i)) {
        struct cnc__s2s_domain *d = i.value;

        cnc__table_del(s->domains, i.key);
        cnc__s2s_domain_free(s, &d);
    }
    cnc__s2s_late_free(s);
}

void
cnc__s2s_free(struct cnc__s2s **sp)
{
    struct cnc__s2s *s = *sp;

    if (s == NULL) {
        return;
    }
    CNC_OBJ_CHECK(s, CNC__S2S_MAGIC);
    cnc__s2s_close(s);
    CNC_CHECK(s->streams == NULL); /* they end before the room */
    *sp = NULL;
    cnc__table_free(&s->domains, NULL);
    cnc__table_free(&s->n_in, NULL);
    cnc__wipe(s->secret, sizeof(s->secret));
    CNC_OBJ_FREE(s);
}

struct cnc__s2s_stream *
cnc__s2s_stream_add(struct cnc__s2s *s, bool out)
{
    struct cnc__s2s_stream *st = cnc__zalloc(sizeof(*st));

    st->magic = CNC__S2S_STREAM_MAGIC;
    st->s2s = s;
    st->out = out;
    st->since_ms = st->used_ms = st->pinged_ms = s->now_ms;
    st->next = s->streams;
    if (s->streams != NULL) {
        s->streams->prev = st;
    }
    s->streams = st;
    *(out ? &s->stats.n_out : &s->stats.n_in) += 1;
    return st;
}

bool
cnc__s2s_is_host(const struct cnc__s2s *s, const char *domain)
{
    return strcmp(domain, cnc__router_domain(s->env.router)) == 0 ||
           (s->env.is_host != NULL && s->env.is_host(domain, s->env.priv));
}

bool
cnc__s2s_is_ours(const struct cnc__s2s *s, const char *domain)
{
    return cnc__s2s_is_host(s, domain) ||
           (s->env.is_neighbour != NULL &&
            s->env.is_neighbour(domain, s->env.priv));
}

void
cnc__s2s_stream_move(struct cnc__s2s_stream *st, const char *host)
{
    struct cnc__s2s *s = st->s2s, *to;

    CNC_CHECK(!st->out);
    /* What it has proved, or was asked about, is this room's. */
    if (s->env.room == NULL || st->external || st->grants != NULL ||
        st->n_asked > 0 || st->counted != NULL) {
        return;
    }
    to = s->env.room(host, s->env.priv);
    if (to == NULL || to == s || to->closed) {
        return;
    }
    *(st->prev == NULL ? &s->streams : &st->prev->next) = st->next;
    if (st->next != NULL) {
        st->next->prev = st->prev;
    }
    s->stats.n_in--;
    st->prev = NULL;
    st->next = to->streams;
    if (to->streams != NULL) {
        to->streams->prev = st;
    }
    to->streams = st;
    to->stats.n_in++;
    st->s2s = to;
    st->s->env = &to->stream_env;
}

void
cnc__s2s_tick(struct cnc__s2s *s, uint64_t now_ms)
{
    CNC_OBJ_CHECK(s, CNC__S2S_MAGIC);
    s->now_ms = now_ms;
    if (!s->closed) {
        cnc__s2s_pairs_tick(s);
    }
}

struct cnc__stream *
cnc__s2s_stream_in(struct cnc__s2s *s, const struct cnc__stream_peer *peer,
                   const struct cnc__stream_events *events, void *priv,
                   uint64_t now_ms)
{
    struct cnc__s2s_stream *st;

    CNC_OBJ_CHECK(s, CNC__S2S_MAGIC);
    if (s->closed) {
        return NULL;
    }
    s->now_ms = now_ms > s->now_ms ? now_ms : s->now_ms;
    st = cnc__s2s_stream_add(s, false);
    st->s = cnc__stream_new_role(&cnc__role_s2s_in, st, &s->stream_env, peer,
                                 events, priv, now_ms);
    return st->s;
}

/* -- looking on ----------------------------------------------------------- */

static const char *
auth_of(const struct cnc__s2s_stream *st)
{
    return st == NULL || st->s->state != CNC__STREAM_BOUND ? "none"
           : st->external                                  ? "external"
                                                           : "dialback";
}

static void
fill_stream(struct cnc__s2s_entry *e, const struct cnc__s2s_stream *st)
{
    e->auth = auth_of(st);
    e->tls = st == NULL ? "" : st->tls;
    e->cert = st != NULL && st->cert;
    e->addr = st == NULL ? "" : st->s->addr;
    e->out_bytes = st == NULL ? 0 : st->s->out.len + st->s->lazy_bytes;
}

static void
tell_pair(const struct cnc__s2s *s, const struct cnc__s2s_pair *p,
          cnc__s2s_each_f *f, void *priv)
{
    const struct cnc__s2s_stream *st = p->stream != NULL ? p->stream : p->out;
    struct cnc__s2s_entry e = {
        .domain = p->domain->name,
        .host = p->host,
        .direction = st != NULL && st->bidi ? "bidi" : "out",
        .state = p->stream != NULL                 ? "ready"
                 : p->out != NULL                  ? "negotiating"
                 : p->dial != NULL                 ? "connecting"
                 : p->domain->retry_ms > s->now_ms ? "waiting"
                                                   : "idle",
        .queue_bytes = p->queue.bytes,
        .n_queued = p->queue.n,
        .since_ms = p->since_ms,
        .error = p->domain->error == NULL ? "" : p->domain->error};

    fill_stream(&e, st);
    f(&e, priv);
}

static void
tell_in(const struct cnc__s2s_stream *st, cnc__s2s_each_f *f, void *priv)
{
    struct cnc__s2s_entry e = {
        .domain = st->domain == NULL ? "" : st->domain,
        .host = st->host == NULL ? "" : st->host,
        .direction =
            st->bidi && st->s->state == CNC__STREAM_BOUND ? "bidi" : "in",
        .state = st->s->state == CNC__STREAM_BOUND ? "ready" : "negotiating",
        .since_ms = st->since_ms,
        .error = st->error == NULL ? "" : st->error};
    struct cnc__table_iter i = {0};
    bool any = false;

    fill_stream(&e, st);
    while (st->grants != NULL && cnc__table_next(st->grants, &i)) {
        const struct cnc__s2s_grant *g = i.value;
        const char *space = strchr(i.key, ' ');
        char *domain;

        if (g->verify == NULL) {
            domain = cnc__strndup(i.key, (size_t)(space - i.key));
            any = true;
            e.domain = domain;
            e.host = space + 1;
            e.since_ms = g->since_ms;
            f(&e, priv);
            cnc__free(domain);
        }
    }
    if (!any) {
        f(&e, priv);
    }
}

void
cnc__s2s_each(struct cnc__s2s *s, cnc__s2s_each_f *f, void *priv)
{
    struct cnc__table_iter i = {0};

    CNC_OBJ_CHECK(s, CNC__S2S_MAGIC);
    while (cnc__table_next(s->domains, &i)) {
        const struct cnc__s2s_domain *d = i.value;

        for (const struct cnc__s2s_pair *p = d->pairs; p; p = p->next) {
            /* What goes by a stream of theirs (XEP-0288) is told with it. */
            if (p->stream == NULL || p->stream->out || p->queue.n > 0) {
                tell_pair(s, p, f, priv);
            }
        }
    }
    for (const struct cnc__s2s_stream *st = s->streams; st; st = st->next) {
        if (!st->out) {
            tell_in(st, f, priv);
        }
    }
}

void
cnc__s2s_stats(const struct cnc__s2s *s, struct cnc__s2s_stats *out)
{
    struct cnc__table_iter i = {0};

    CNC_OBJ_CHECK(s, CNC__S2S_MAGIC);
    *out = s->stats;
    out->queue_bytes = s->waiting;
    out->n_asked = s->n_asked;
    while (cnc__table_next(s->domains, &i)) {
        const struct cnc__s2s_domain *d = i.value;

        for (const struct cnc__s2s_pair *p = d->pairs; p; p = p->next) {
            out->n_ready += p->stream != NULL;
            out->n_queued += p->queue.n;
        }
    }
}
