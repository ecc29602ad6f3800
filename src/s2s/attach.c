/* SPDX-License-Identifier: MIT */
/*
 * attach.c -- our whole service as a component of another server (XEP-0114):
 * the shortest way to be used by people who have a server already.
 *
 *   dial -> our header -> theirs with an id -> <handshake/> -> <handshake/>
 *        -> ready; any end: again, later
 */
#include "../base/log.h"
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "../xmpp/role.h"
#include "component.h"
#include "queue.h"

#define ATTACH_MAGIC 0x41545443u
#define AUTH_MS      30000u
#define PING_MS      120000u
#define MAX_QUEUE    (8u << 20)
#define ID_MAX       256u

struct cnc__attach {
    unsigned magic;
    struct cnc__s2s_env env;
    struct cnc__attach_options o;
    struct cnc__stream_env stream_env;
    char *secret;
    void *dial;
    struct cnc__stream *s; /* NULL: none */
    bool ready, closed;
    bool shaken; /* <handshake/> is out */
    unsigned fails;
    uint64_t now_ms, retry_ms, said_ms;
    struct cnc__s2s_queue queue;
};

/* -- stanzas to the server ------------------------------------------------ */

static bool
has_room(const struct cnc__attach *a, size_t size)
{
    return a->s->out.len + a->s->lazy_bytes + size <= MAX_QUEUE;
}

static void
transmit(struct cnc__attach *a, const char *head, size_t len,
         const struct cnc_buf *tail)
{
    a->said_ms = a->now_ms;
    if (tail == NULL) {
        cnc__stream_send(a->s, head, len, "", 0);
    } else {
        cnc__stream_send_shared(a->s, head, len, tail);
    }
}

static void
flush(struct cnc__attach *a)
{
    while (a->ready && a->queue.n > 0 &&
           has_room(a, cnc__wait_size(a->queue.first))) {
        struct cnc__s2s_wait *w = cnc__queue_take(&a->queue);

        transmit(a, w->head, w->len, w->tail);
        cnc__wait_free(w);
    }
}

static int
carry(const char *from, const char *to, const char *head, size_t head_len,
      const struct cnc_buf *tail, struct cnc_error *err, void *priv)
{
    struct cnc__attach *a = priv;
    size_t size = head_len + (tail == NULL ? 0 : cnc_buf_len(tail));

    CNC_OBJ_CHECK(a, ATTACH_MAGIC);
    if (a->closed) {
        return CNC_ENOENT;
    }
    if (a->ready && a->queue.n == 0 && has_room(a, size)) {
        transmit(a, head, head_len, tail);
        return 0;
    }
    if (a->queue.bytes + size > a->o.max_waiting) {
        return cnc_error_set(err, CNC_ESTORE, "resource-constraint",
                             "too much waits for the server already");
    }
    cnc__queue_add(&a->queue, a->now_ms + a->o.wait_ms, head, head_len, tail);
    return 0;
}

static void
expire(struct cnc__attach *a)
{
    struct cnc__s2s_wait *back = NULL, **end = &back;

    while (a->queue.n > 0 && a->queue.first->until_ms <= a->now_ms) {
        *end = cnc__queue_take(&a->queue);
        end = &(*end)->next;
    }
    cnc__waits_bounce(a->env.router, back, CNC_EAGAIN, "remote-server-timeout",
                      "the server that we are a component of is away");
}

/* -- again, later --------------------------------------------------------- */

static void
try_later(struct cnc__attach *a, const char *why)
{
    uint64_t delay =
        cnc__back_off(a->o.backoff_ms, a->o.backoff_max_ms, ++a->fails);

    cnc__log(CNC_LOG_WARN, "attach.failed", "retry_ms=%llu text=%s",
             (unsigned long long)delay, why);
    if (a->dial != NULL) {
        a->env.dial_free(a->dial, a->env.priv);
        a->dial = NULL;
    }
    a->retry_ms = a->now_ms + delay;
}

/* -- the stream ----------------------------------------------------------- */

static void
on_start(struct cnc__stream *s)
{
    struct cnc__attach *a = s->role_priv;

    cnc__stream_say_header(s, cnc__router_domain(a->env.router));
}

static void
on_header(struct cnc__stream *s, struct cnc_element *root)
{
    struct cnc__attach *a = s->role_priv;
    const char *id = cnc_element_attr(root, NULL, "id");
    struct cnc__str xml = CNC__STR;
    char key[41];

    if (id == NULL || id[0] == '\0' || strlen(id) > ID_MAX) {
        cnc__stream_close(s, "bad-format", "the header has no id");
        return;
    }
    s->state = CNC__STREAM_SASL;
    a->shaken = true;
    cnc__component_key(key, id, a->secret);
    cnc__str_printf(&xml, "<handshake>%s</handshake>", key);
    cnc__wipe(key, sizeof(key));
    cnc__stream_send(s, xml.data, xml.len, "", 0);
    cnc__str_fini(&xml);
}

static void
on_handshake(struct cnc__attach *a)
{
    struct cnc_xml_limits l;

    a->ready = true;
    a->fails = 0;
    a->said_ms = a->now_ms;
    a->s->state = CNC__STREAM_BOUND;
    a->s->authenticated = true;
    l = cnc__stream_limits(a->s);
    cnc_parser_limit(a->s->parser, &l);
    if (a->dial != NULL) {
        a->env.dial_free(a->dial, a->env.priv);
        a->dial = NULL;
    }
    cnc__log(CNC_LOG_INFO, "attach.ready", "name=%s peer=%s",
             cnc__router_domain(a->env.router), a->s->addr);
    flush(a);
}

/* The server vouches for who speaks, but nobody there speaks as one of ours,
 * and we relay for nobody. */
static void
on_stanza(struct cnc__attach *a, struct cnc_element *e)
{
    const char *from = cnc_element_attr(e, NULL, "from");
    const char *to = cnc_element_attr(e, NULL, "to");
    char who[CNC__JID_MAX + 1], whom[CNC__JID_MAX + 1];

    if (from == NULL || to == NULL ||
        cnc__jid_prepare(who, from, strlen(from), NULL) != 0 ||
        cnc__jid_prepare(whom, to, strlen(to), NULL) != 0) {
        cnc__stream_close(a->s, "improper-addressing", NULL);
    } else if (cnc__router_where(a->env.router, whom) == CNC__TO_ELSEWHERE ||
               cnc__router_where(a->env.router, who) != CNC__TO_ELSEWHERE) {
        cnc__log(CNC_LOG_WARN, "attach.dropped", "from=%.200s to=%.200s", who,
                 whom);
    } else {
        cnc__router_from_peer(a->env.router, e);
    }
}

static void
on_element(struct cnc__stream *s, struct cnc_element *e)
{
    struct cnc__attach *a = s->role_priv;
    bool own = cnc_element_is(e, CNC__NS_CLIENT, NULL);

    a->now_ms = s->now_ms > a->now_ms ? s->now_ms : a->now_ms;
    if (cnc_element_is(e, CNC__NS_STREAMS, "error")) {
        const struct cnc_element *c =
            cnc_element_child(e, CNC__NS_STREAM_ERROR, NULL);

        cnc__log(CNC_LOG_WARN, "attach.refused", "condition=%s",
                 c == NULL ? "undefined-condition" : cnc_element_name(c));
        cnc__stream_close(s, NULL, NULL);
    } else if (own && !a->ready && a->shaken &&
               cnc_element_is(e, NULL, "handshake")) {
        on_handshake(a);
    } else if (!a->ready) {
        cnc__stream_close(s, "not-authorized", NULL);
    } else if (own && cnc__is_stanza_name(e)) {
        on_stanza(a, e);
    } else {
        cnc__stream_close(s, "unsupported-stanza-type", NULL);
    }
}

static void
on_tick(struct cnc__stream *s)
{
    struct cnc__attach *a = s->role_priv;

    if (a->ready && s->now_ms - a->said_ms >= PING_MS) {
        a->said_ms = s->now_ms;
        cnc__stream_send(s, " ", 1, "", 0);
    }
}

static void
on_closed(struct cnc__stream *s)
{
    struct cnc__attach *a = s->role_priv;

    a->ready = a->shaken = false;
    if (!a->closed) {
        try_later(a, "the stream ended");
    }
}

static void
fini(struct cnc__stream *s)
{
    struct cnc__attach *a = s->role_priv;

    a->s = NULL;
}

static const struct cnc__stream_role role = {
    .name = "attach",
    .content_ns = CNC__NS_COMPONENT,
    .initiates = true,
    .no_version = true,
    .on_start = on_start,
    .on_header = on_header,
    .on_element = on_element,
    .on_tick = on_tick,
    .on_closed = on_closed,
    .fini = fini,
};

/* -- dialling ------------------------------------------------------------- */

static struct cnc__stream *
on_connected(const struct cnc__stream_peer *peer,
             const struct cnc__stream_events *ev, void *ev_priv,
             uint64_t now_ms, void *priv)
{
    struct cnc__attach *a = priv;

    if (a->closed || a->s != NULL) {
        return NULL;
    }
    a->now_ms = now_ms > a->now_ms ? now_ms : a->now_ms;
    a->s = cnc__stream_new_role(&role, a, &a->stream_env, peer, ev, ev_priv,
                                now_ms);
    return a->s;
}

static void
on_failed(const char *condition, const char *text, void *priv)
{
    try_later(priv, text);
}

void
cnc__attach_tick(struct cnc__attach *a, uint64_t now_ms)
{
    static const struct cnc__s2s_dial_events events = {on_connected,
                                                       on_failed};

    CNC_OBJ_CHECK(a, ATTACH_MAGIC);
    a->now_ms = now_ms;
    if (a->closed) {
        return;
    }
    expire(a);
    flush(a);
    if (a->s == NULL && a->dial == NULL && now_ms >= a->retry_ms) {
        a->dial = a->env.dial(cnc__router_domain(a->env.router), &events, a,
                              a->env.priv);
    }
}

/* -- life ----------------------------------------------------------------- */

static void
or_default(uint32_t *value, uint32_t or_this)
{
    *value = *value == 0 ? or_this : *value;
}

struct cnc__attach *
cnc__attach_new(const struct cnc__s2s_env *env,
                const struct cnc__attach_options *options, uint64_t now_ms)
{
    struct cnc__attach *a = cnc__zalloc(sizeof(*a));

    a->magic = ATTACH_MAGIC;
    a->env = *env;
    a->o = *options;
    a->secret = cnc__strdup(options->secret);
    a->o.secret = NULL;
    or_default(&a->o.max_stanza, 1u << 20);
    or_default(&a->o.wait_ms, 60000);
    or_default(&a->o.max_waiting, 8u << 20);
    or_default(&a->o.backoff_ms, 1000);
    or_default(&a->o.backoff_max_ms, 60000);
    a->stream_env = (struct cnc__stream_env){.router = env->router,
                                             .max_before_auth = 10000,
                                             .max_stanza = a->o.max_stanza,
                                             .max_queue = MAX_QUEUE + 4096,
                                             .auth_ms = AUTH_MS};
    a->now_ms = now_ms;
    cnc__router_carrier(env->router, false, carry, a);
    return a;
}

void
cnc__attach_close(struct cnc__attach *a)
{
    CNC_OBJ_CHECK(a, ATTACH_MAGIC);
    a->closed = true;
    if (a->dial != NULL) {
        a->env.dial_free(a->dial, a->env.priv);
        a->dial = NULL;
    }
    if (a->s != NULL) {
        cnc__stream_close(a->s, NULL, NULL);
    }
}

void
cnc__attach_free(struct cnc__attach **ap)
{
    struct cnc__attach *a = *ap;

    if (a == NULL) {
        return;
    }
    CNC_OBJ_CHECK(a, ATTACH_MAGIC);
    cnc__attach_close(a);
    CNC_CHECK(a->s == NULL); /* the stream ends before */
    *ap = NULL;
    while (a->queue.n > 0) {
        cnc__wait_free(cnc__queue_take(&a->queue));
    }
    cnc__wipe(a->secret, strlen(a->secret));
    cnc__free(a->secret);
    CNC_OBJ_FREE(a);
}

bool
cnc__attach_is_ready(const struct cnc__attach *a)
{
    return a->ready;
}
