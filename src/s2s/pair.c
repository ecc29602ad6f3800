/* SPDX-License-Identifier: MIT */
/*
 * pair.c -- stanzas that leave: from a host of ours to a domain of theirs.
 *
 *            go                on_connected         believed
 *   idle ---------> connecting -----------> out ------------> ready
 *     ^  ^              | on_failed          | closed           | closed
 *     |  +-- retry -- waiting <--------------+------------------+
 *     +--- everything given back, or nothing wanted
 *
 * A stream of theirs with bidi makes a pair ready from any state.
 */
#include "s2s-priv.h"

#define NOT_FOUND_MS 30000u  /* at least, what was definite holds */
#define FORGET_MS    600000u /* a domain of which nothing is wanted */

/* -- the queue ------------------------------------------------------------ */

static struct cnc__s2s_wait *
take(struct cnc__s2s *s, struct cnc__s2s_pair *p)
{
    struct cnc__s2s_wait *w = cnc__queue_take(&p->queue);

    s->waiting -= cnc__wait_size(w);
    return w;
}

/* What goes back when nobody is sending. */
struct cnc__s2s_late {
    struct cnc__s2s_late *next;
    struct cnc__s2s_wait *first;
    int code;
    const char *condition; /* static */
    char *text;
};

/* Not into a loop that sends to many: what a sender does about an error may
 * change what that loop goes through. */
static void
give_all_back(struct cnc__s2s *s, struct cnc__s2s_wait *first, int code,
              const char *condition, const char *text)
{
    struct cnc__s2s_late **end = &s->late, *l;

    if (s->carrying == 0 || first == NULL) {
        s->stats.bounced +=
            cnc__waits_bounce(s->env.router, first, code, condition, text);
        return;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    l = cnc__zalloc(sizeof(*l));
    l->first = first;
    l->code = code;
    l->condition = condition;
    l->text = cnc__strdup(text);
    *end = l;
}

static struct cnc__s2s_wait *
take_late(struct cnc__s2s *s, struct cnc__s2s_late *out)
{
    struct cnc__s2s_late *l = s->late;

    *out = *l;
    s->late = l->next;
    cnc__free(l);
    return out->first;
}

static void
give_late_back(struct cnc__s2s *s)
{
    struct cnc__s2s_late l;

    while (s->late != NULL) {
        take_late(s, &l);
        give_all_back(s, l.first, l.code, l.condition, l.text);
        cnc__free(l.text);
    }
}

void
cnc__s2s_late_free(struct cnc__s2s *s)
{
    struct cnc__s2s_late l;

    while (s->late != NULL) {
        for (struct cnc__s2s_wait *w = take_late(s, &l), *next; w; w = next) {
            next = w->next;
            cnc__wait_free(w);
        }
        cnc__free(l.text);
    }
}

/* -- life ----------------------------------------------------------------- */

static struct cnc__s2s_domain *
domain_get(struct cnc__s2s *s, const char *name)
{
    struct cnc__s2s_domain *d = cnc__table_get(s->domains, name);

    if (d == NULL && cnc__table_len(s->domains) < s->o.max_domains) {
        d = cnc__zalloc(sizeof(*d));
        d->name = cnc__strdup(name);
        cnc__table_put(s->domains, name, d);
    }
    if (d != NULL) {
        d->seen_ms = s->now_ms;
    }
    return d;
}

static struct cnc__s2s_pair *
pair_of(struct cnc__s2s_domain *d, const char *host)
{
    for (struct cnc__s2s_pair *p = d->pairs; p != NULL; p = p->next) {
        if (strcmp(p->host, host) == 0) {
            return p;
        }
    }
    return NULL;
}

struct cnc__s2s_pair *
cnc__s2s_pair_find(struct cnc__s2s *s, const char *host, const char *domain)
{
    struct cnc__s2s_domain *d = cnc__table_get(s->domains, domain);

    return d == NULL ? NULL : pair_of(d, host);
}

struct cnc__s2s_pair *
cnc__s2s_pair_get(struct cnc__s2s *s, const char *host, const char *domain)
{
    struct cnc__s2s_domain *d = domain_get(s, domain);
    struct cnc__s2s_pair *p;

    if (d == NULL) {
        return NULL;
    }
    p = pair_of(d, host);
    if (p == NULL) {
        p = cnc__zalloc(sizeof(*p));
        p->s2s = s;
        p->domain = d;
        p->host = cnc__strdup(host);
        p->since_ms = p->used_ms = s->now_ms;
        p->next = d->pairs;
        d->pairs = p;
    }
    return p;
}

static void
hang_up(struct cnc__s2s *s, struct cnc__s2s_pair *p)
{
    if (p->dial != NULL) {
        s->env.dial_free(p->dial, s->env.priv);
        p->dial = NULL;
    }
}

void
cnc__s2s_domain_free(struct cnc__s2s *s, struct cnc__s2s_domain **dp)
{
    struct cnc__s2s_domain *d = *dp;

    *dp = NULL;
    for (struct cnc__s2s_pair *p = d->pairs, *next; p != NULL; p = next) {
        next = p->next;
        hang_up(s, p);
        while (p->queue.n > 0) {
            cnc__wait_free(take(s, p));
        }
        while (p->verifies != NULL) {
            cnc__s2s_verify_drop(s, p->verifies);
        }
        CNC_CHECK(p->out == NULL && p->stream == NULL);
        cnc__free(p->host);
        cnc__free(p);
    }
    cnc__free(d->name);
    cnc__free(d->error);
    cnc__free(d);
}

/* -- connecting ----------------------------------------------------------- */

/* Sender multiplexing (XEP-0220 2.5.1): a stream that another host of ours
 * has there. */
static struct cnc__s2s_stream *
to_share(const struct cnc__s2s *s, const struct cnc__s2s_pair *p)
{
    for (const struct cnc__s2s_pair *o = p->domain->pairs; o && !p->own;
         o = o->next) {
        struct cnc__s2s_stream *st = o->out;

        if (st != NULL && st->open && st->offers_dialback &&
            st->n_pairs < s->o.max_pairs) {
            return st;
        }
    }
    return NULL;
}

static void
dial(struct cnc__s2s *s, struct cnc__s2s_pair *p)
{
    struct cnc__s2s_domain *d = p->domain;

    /* Who asks us to verify it lives: that need not wait.  What is definite
     * is told soon, by the tick. */
    if (d->retry_ms > s->now_ms && (d->definite || p->verifies == NULL)) {
        return;
    }
    p->since_ms = s->now_ms;
    if (s->env.dial != NULL) {
        p->dial = s->env.dial(d->name, &cnc__s2s_dial_events, p, s->env.priv);
    }
    if (p->dial == NULL) {
        d->definite = true;
        d->condition = "remote-server-not-found";
        d->retry_ms = s->now_ms + NOT_FOUND_MS;
    }
}

void
cnc__s2s_pair_go(struct cnc__s2s *s, struct cnc__s2s_pair *p)
{
    struct cnc__s2s_stream *st;

    if (p->stream != NULL) {
        cnc__s2s_pair_flush(s, p);
        if (p->verifies == NULL) {
            return;
        }
    }
    if (p->out == NULL && p->dial == NULL) {
        st = to_share(s, p);
        if (st == NULL) {
            dial(s, p);
            return;
        }
        p->out = st;
        st->n_pairs++;
    }
    if (p->out != NULL && p->out->open) {
        cnc__s2s_verify_send(p, p->out);
        if (p->queue.n > 0 && p->stream == NULL && !p->asked) {
            cnc__s2s_out_ask(s, p, p->out);
        }
    }
}

void
cnc__s2s_pair_detach(struct cnc__s2s_pair *p, struct cnc__s2s_stream *st)
{
    if (p->out == st) {
        p->out = NULL;
        p->asked = false;
        st->n_pairs--;
    }
    if (p->stream == st) {
        p->stream = NULL;
        st->n_pairs--;
    }
    p->since_ms = st->s2s->now_ms;
}

/* -- ready ---------------------------------------------------------------- */

/* RFC 6120 13.12, XEP-0478: more than the peer takes would end the stream. */
static bool
is_too_large(const struct cnc__s2s_stream *st, size_t len)
{
    return st->peer_max > 0 && len > st->peer_max;
}

/* What does not fit waits in the pair's queue, which does not end the
 * stream. */
static bool
has_room(const struct cnc__s2s_stream *st, size_t len)
{
    size_t had = st->s->out.len + st->s->lazy_bytes;

    return had == 0 || had + len <= st->s->env->max_queue;
}

static void
transmit(struct cnc__s2s *s, struct cnc__s2s_pair *p, const char *head,
         size_t len, const struct cnc_buf *tail)
{
    static const char result[] = "<iq type='result'";
    struct cnc__s2s_stream *st = p->stream;

    s->stats.sent++;
    /* Results of our own, such as the answer to a ping, keep no stream alive
     * that nobody needs. */
    if (len < sizeof(result) - 1 ||
        memcmp(head, result, sizeof(result) - 1) != 0) {
        st->used_ms = p->used_ms = s->now_ms;
    }
    if (tail == NULL) {
        cnc__stream_send(st->s, head, len, "", 0);
    } else {
        cnc__stream_send_shared(st->s, head, len, tail);
    }
}

void
cnc__s2s_pair_flush(struct cnc__s2s *s, struct cnc__s2s_pair *p)
{
    struct cnc__s2s_wait *back = NULL, **end = &back, *w;

    while (p->stream != NULL && p->queue.n > 0 &&
           (is_too_large(p->stream, cnc__wait_size(p->queue.first)) ||
            has_room(p->stream, cnc__wait_size(p->queue.first)))) {
        w = take(s, p);
        w->next = NULL;
        if (is_too_large(p->stream, cnc__wait_size(w))) {
            *end = w;
            end = &w->next;
            continue;
        }
        transmit(s, p, w->head, w->len, w->tail);
        cnc__wait_free(w);
    }
    give_all_back(s, back, CNC_ELIMIT, "policy-violation",
                  "the other server does not take a stanza of this size");
}

void
cnc__s2s_pair_ready(struct cnc__s2s *s, struct cnc__s2s_pair *p,
                    struct cnc__s2s_stream *st)
{
    struct cnc__s2s_domain *d = p->domain;

    if (p->stream == NULL) {
        p->stream = st;
        st->n_pairs++;
        p->since_ms = s->now_ms;
    }
    p->asked = false;
    d->fails = 0;
    d->definite = false;
    d->retry_ms = 0;
    if (st == p->out || p->verifies == NULL) {
        hang_up(s, p);
    }
    cnc__log(CNC_LOG_INFO, "s2s.out.ready",
             "domain=%s host=%s auth=%s tls=%s cert=%d bidi=%d peer=%s",
             d->name, p->host, st->external ? "external" : "dialback", st->tls,
             st->cert, st->bidi, st->s->addr);
    cnc__s2s_pair_flush(s, p);
}

/* -- the carrier ---------------------------------------------------------- */

static int
enqueue(struct cnc__s2s *s, struct cnc__s2s_pair *p, const char *head,
        size_t len, const struct cnc_buf *tail, struct cnc_error *err)
{
    size_t size = len + (tail == NULL ? 0 : cnc_buf_len(tail));

    if (p->queue.n >= s->o.pair_stanzas ||
        p->queue.bytes + size > s->o.pair_bytes ||
        s->waiting + size > s->o.max_waiting) {
        s->stats.refused++;
        return cnc_error_set(err, CNC_ESTORE, "resource-constraint",
                             "too much waits for %s already", p->domain->name);
    }
    cnc__queue_add(&p->queue, s->now_ms + s->o.wait_ms, head, len, tail);
    s->waiting += size;
    cnc__s2s_pair_go(s, p);
    return 0;
}

static int
carry(struct cnc__s2s *s, struct cnc__s2s_pair *p, const char *head,
      size_t len, const struct cnc_buf *tail, struct cnc_error *err)
{
    size_t size = len + (tail == NULL ? 0 : cnc_buf_len(tail));
    struct cnc__s2s_domain *d = p->domain;

    if (p->stream != NULL && is_too_large(p->stream, size)) {
        return cnc_error_set(err, CNC_ELIMIT, "policy-violation",
                             "%s takes stanzas of %u bytes at most", d->name,
                             (unsigned)p->stream->peer_max);
    }
    if (p->stream != NULL && p->queue.n == 0 && has_room(p->stream, size)) {
        transmit(s, p, head, len, tail);
        return 0;
    }
    if (p->stream == NULL && d->definite && d->retry_ms > s->now_ms) {
        s->stats.refused++;
        /* Not CNC_ENOENT, which would ask the next carrier. */
        return cnc_error_set(err, CNC_ECLOSED, d->condition, "%s",
                             d->error == NULL ? "no such server" : d->error);
    }
    return enqueue(s, p, head, len, tail, err);
}

/* The domains of both addresses, *new*. */
static void
domains_of(char **host, char **domain, const char *from, const char *to)
{
    size_t len;
    const char *part = cnc__jid_domain(from, &len);

    *host = cnc__strndup(part, len);
    part = cnc__jid_domain(to, &len);
    *domain = cnc__strndup(part, len);
}

int
cnc__s2s_carry(const char *from, const char *to, const char *head,
               size_t head_len, const struct cnc_buf *tail,
               struct cnc_error *err, void *priv)
{
    struct cnc__s2s *s = priv;
    struct cnc__s2s_pair *p;
    char *host, *domain;
    int rc;

    CNC_OBJ_CHECK(s, CNC__S2S_MAGIC);
    if (s->closed) {
        return CNC_ENOENT;
    }
    domains_of(&host, &domain, from, to);
    if (cnc__s2s_is_host(s, domain)) {
        rc = CNC_ENOENT; /* a component's, which is not there */
    } else if (!cnc__s2s_is_host(s, host)) {
        rc = cnc_error_set(err, CNC_EACCES, "not-allowed", "%s is not ours",
                           host);
    } else if (!cnc__s2s_may(s, domain)) {
        s->stats.refused++;
        rc = cnc_error_set(err, CNC_EACCES, "not-allowed",
                           "this service does not talk to %s", domain);
    } else if ((p = cnc__s2s_pair_get(s, host, domain)) == NULL) {
        rc = cnc_error_set(err, CNC_ESTORE, "resource-constraint",
                           "too many other servers");
    } else {
        s->carrying++;
        rc = carry(s, p, head, head_len, tail, err);
        s->carrying--;
    }
    cnc__free(host);
    cnc__free(domain);
    return rc;
}

/* -- failing -------------------------------------------------------------- */

/* What a person may do about it decides the code; RFC 6120 8.3.3. */
static int
code_of(const char *condition)
{
    return strcmp(condition, "remote-server-not-found") == 0 ? CNC_ENOENT
                                                             : CNC_EAGAIN;
}

void
cnc__s2s_pair_bounce(struct cnc__s2s *s, struct cnc__s2s_pair *p,
                     const char *condition, const char *text)
{
    struct cnc__s2s_queue q = p->queue;

    if (q.n > 0) {
        cnc__log(CNC_LOG_INFO, "s2s.bounced",
                 "domain=%s host=%s stanzas=%zu condition=%s text=%s",
                 p->domain->name, p->host, q.n, condition, text);
    }
    p->queue = (struct cnc__s2s_queue){0};
    s->waiting -= q.bytes;
    give_all_back(s, q.first, code_of(condition), condition, text);
}

static void
end_verifies(struct cnc__s2s *s, struct cnc__s2s_pair *p,
             const char *condition)
{
    while (p->verifies != NULL) {
        cnc__s2s_verify_end(s, p->verifies, "error", condition);
    }
}

/* What those are told whose keys could not be asked about (XEP-0220 2.4.3). */
static const char *
verify_condition(const struct cnc__s2s_domain *d)
{
    return strcmp(d->condition, "remote-server-not-found") == 0
               ? "remote-server-not-found"
               : "remote-server-timeout";
}

void
cnc__s2s_pair_failed(struct cnc__s2s *s, struct cnc__s2s_pair *p,
                     bool definite, const char *condition, const char *text)
{
    struct cnc__s2s_domain *d = p->domain;
    uint64_t delay =
        cnc__back_off(s->o.backoff_ms, s->o.backoff_max_ms, ++d->fails);
    char *copy = cnc__strdup(text);

    hang_up(s, p);
    if (definite && delay < NOT_FOUND_MS) {
        delay = NOT_FOUND_MS;
    }
    d->definite = definite;
    d->condition = condition;
    cnc__free(d->error);
    d->error = copy;
    d->retry_ms = s->now_ms + delay;
    p->since_ms = s->now_ms;
    s->stats.failed++;
    cnc__log(CNC_LOG_WARN, "s2s.failed",
             "domain=%s host=%s condition=%s retry_ms=%llu text=%s", d->name,
             p->host, condition, (unsigned long long)delay, copy);
    end_verifies(s, p, verify_condition(d));
    if (definite && p->stream == NULL) {
        cnc__s2s_pair_bounce(s, p, condition, copy);
    }
}

/* The end of one may end its stream, and with that others of the list: from
 * the beginning each time.
 *
 * XEP-0220 2.1.2: questions on a stream that ended (via; NULL: those whose
 * time is over) are as good as refused. */
static void
end_unanswered(struct cnc__s2s *s, struct cnc__s2s_pair *p,
               const struct cnc__s2s_stream *via)
{
    struct cnc__s2s_verify *v = p->verifies;

    while (v != NULL) {
        if (via == NULL ? v->until_ms <= s->now_ms : v->via == via) {
            cnc__s2s_verify_end(s, v, "error", "remote-server-timeout");
            v = p->verifies;
        } else {
            v = v->next;
        }
    }
}

void
cnc__s2s_pair_lost(struct cnc__s2s *s, struct cnc__s2s_pair *p,
                   struct cnc__s2s_stream *st)
{
    bool own = st->dialled_for == p;
    bool early = own && !st->open && p->dial != NULL && st->definite == NULL;

    cnc__s2s_pair_detach(p, st);
    end_unanswered(s, p, st);
    if (own) {
        st->dialled_for = NULL;
    }
    if (s->closed) {
        return;
    }
    if (early) {
        /* Not a word that helps: there may be another address. */
        p->since_ms = s->now_ms;
        s->env.dial_next(p->dial, s->env.priv);
        return;
    }
    if (own) {
        hang_up(s, p);
    }
    if (own && st->definite != NULL) {
        cnc__s2s_pair_failed(s, p, true, st->definite,
                             st->error == NULL ? "refused" : st->error);
    } else if (p->stream == NULL && (p->queue.n > 0 || p->verifies != NULL)) {
        cnc__s2s_pair_failed(s, p, false, "remote-server-timeout",
                             st->error == NULL ? "the stream ended"
                                               : st->error);
    }
}

/* -- time ----------------------------------------------------------------- */

static void
expire(struct cnc__s2s *s, struct cnc__s2s_pair *p)
{
    struct cnc__s2s_wait *back = NULL, **end = &back;
    struct cnc__str text = CNC__STR;
    size_t n = 0;

    while (p->queue.n > 0 && p->queue.first->until_ms <= s->now_ms) {
        *end = take(s, p);
        end = &(*end)->next;
        *end = NULL;
        n++;
    }
    if (n == 0) {
        return;
    }
    cnc__str_printf(&text, "%s could not be reached in time%s%s",
                    p->domain->name, p->domain->error == NULL ? "" : ": ",
                    p->domain->error == NULL ? "" : p->domain->error);
    cnc__log(CNC_LOG_INFO, "s2s.bounced",
             "domain=%s host=%s stanzas=%zu condition=remote-server-timeout",
             p->domain->name, p->host, n);
    give_all_back(s, back, CNC_EAGAIN, "remote-server-timeout", text.data);
    cnc__str_fini(&text);
}

static void
pair_tick(struct cnc__s2s *s, struct cnc__s2s_pair *p)
{
    struct cnc__s2s_domain *d = p->domain;

    end_unanswered(s, p, NULL);
    expire(s, p);
    if (p->asked && s->now_ms - p->asked_ms >= s->o.auth_ms) {
        struct cnc__s2s_stream *st = p->out;

        p->own = p->own || st->dialled_for != p;
        cnc__s2s_pair_detach(p, st);
        cnc__s2s_pair_failed(s, p, false, "remote-server-timeout",
                             "no answer to a dialback key");
        if (st->n_pairs == 0) {
            cnc__stream_close(st->s, NULL, NULL);
        }
    }
    if (d->definite && d->retry_ms > s->now_ms && p->stream == NULL &&
        p->dial == NULL && p->out == NULL) {
        end_verifies(s, p, verify_condition(d));
        cnc__s2s_pair_bounce(s, p, d->condition,
                             d->error == NULL ? "no such server" : d->error);
    }
    if (p->queue.n > 0 || p->verifies != NULL) {
        d->seen_ms = s->now_ms;
        cnc__s2s_pair_go(s, p);
    }
}

/* crowded: whoever names many domains shall not keep others from theirs. */
static bool
is_forgotten(const struct cnc__s2s *s, const struct cnc__s2s_domain *d,
             bool crowded)
{
    for (const struct cnc__s2s_pair *p = d->pairs; p != NULL; p = p->next) {
        if (p->queue.n > 0 || p->verifies != NULL || p->dial != NULL ||
            p->out != NULL || p->stream != NULL) {
            return false;
        }
    }
    return crowded ||
           (d->retry_ms <= s->now_ms && s->now_ms - d->seen_ms >= FORGET_MS);
}

void
cnc__s2s_pairs_tick(struct cnc__s2s *s)
{
    size_t n = 0, len;
    struct cnc__s2s_domain **all, *d;

    give_late_back(s);
    len = cnc__table_len(s->domains);
    if (len == 0) {
        return;
    }
    /* What a sender does about an error may add a domain; none goes but
     * below. */
    all = cnc__realloc(NULL, len, sizeof(*all));
    for (struct cnc__table_iter i = {0}; cnc__table_next(s->domains, &i);) {
        all[n++] = i.value;
    }
    for (size_t i = 0; i < n; i++) {
        for (struct cnc__s2s_pair *p = all[i]->pairs; p; p = p->next) {
            pair_tick(s, p);
        }
    }
    for (size_t i = 0; i < n; i++) {
        d = all[i];
        if (is_forgotten(s, d, len > s->o.max_domains / 2)) {
            cnc__table_del(s->domains, d->name);
            cnc__s2s_domain_free(s, &d);
        }
    }
    cnc__free(all);
}
