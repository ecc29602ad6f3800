/* SPDX-License-Identifier: MIT */
/*
 * offline.c -- messages for who is away (XEP-0160), and those that a lost
 * session never had.
 *
 * Kept as ("offline", "USER/SEQ"): "STAMP XML".  Given, with the delay since
 * they came (XEP-0203), to the first resource whose priority is not negative,
 * as many as there is room for and the rest as it reads; then they are gone.
 */
#include "parts.h"

#define SPACE   "offline"
#define STAMP   20 /* digits before the XML */
#define KEY_LEN 24

struct waiting {
    uint64_t seq;
    int64_t stamp_ms;
    struct cnc_buf *xml;
    struct waiting *next;
};

struct cnc__offline {
    struct waiting *first, **last;
    uint64_t seq;
    size_t n, bytes;
    bool more; /* somebody has had some, and there was no room for all */
};

static struct cnc__offline *
make(struct cnc__im_user *u)
{
    if (u->offline == NULL) {
        u->offline = cnc__zalloc(sizeof(*u->offline));
        u->offline->last = &u->offline->first;
    }
    return u->offline;
}

static void
append(struct cnc__im_user *u, struct waiting *w)
{
    struct cnc__offline *o = make(u);

    *o->last = w;
    o->last = &w->next;
    o->n++;
    o->bytes += cnc_buf_len(w->xml);
    u->im->offline_bytes += cnc_buf_len(w->xml);
    o->seq = w->seq > o->seq ? w->seq : o->seq;
    u->im->n_offline++;
}

static struct waiting *
take_first(struct cnc__im_user *u)
{
    struct cnc__offline *o = u->offline;
    struct waiting *w = o->first;

    o->first = w->next;
    if (o->first == NULL) {
        o->last = &o->first;
    }
    o->n--;
    o->bytes -= cnc_buf_len(w->xml);
    u->im->offline_bytes -= cnc_buf_len(w->xml);
    u->im->n_offline--;
    return w;
}

static void
waiting_free(struct waiting *w)
{
    cnc_buf_unref(&w->xml);
    cnc__free(w);
}

static void
free_user(struct cnc__im_user *u)
{
    while (u->offline != NULL && u->offline->first != NULL) {
        waiting_free(take_first(u));
    }
    cnc__free(u->offline);
    u->offline = NULL;
}

/* -- keeping -------------------------------------------------------------- */

static void
key_of(char out[KEY_LEN], uint64_t seq)
{
    struct cnc__str s = CNC__STR;

    cnc__str_printf(&s, "%020llu", (unsigned long long)seq);
    CNC_CHECK(s.len < KEY_LEN);
    memcpy(out, s.data, s.len + 1);
    cnc__str_fini(&s);
}

/* The store did not keep it: the sender is told, and it is not given. */
struct keeping {
    char *bare;
    uint64_t seq;
};

static void
on_kept(struct cnc__im_change *c, const struct cnc_error *err)
{
    struct keeping *k = c->priv;
    struct cnc__im_user *u = cnc__im_user(c->im, k->bare, strlen(k->bare));
    struct waiting **at =
        u == NULL || u->offline == NULL ? NULL : &u->offline->first;

    while (err != NULL && at != NULL && *at != NULL) {
        struct waiting *w = *at;

        if (w->seq != k->seq) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        if (w->next == NULL) {
            u->offline->last = at;
        }
        u->offline->n--;
        u->offline->bytes -= cnc_buf_len(w->xml);
        u->im->offline_bytes -= cnc_buf_len(w->xml);
        u->im->n_offline--;
        cnc__router_bounce(u->im->router, cnc_buf_data(w->xml),
                           cnc_buf_len(w->xml), err);
        waiting_free(w);
    }
    cnc__free(k->bare);
    cnc__free(k);
}

static void
store(struct cnc__im_user *u, const struct waiting *w)
{
    struct keeping *k = cnc__zalloc(sizeof(*k));
    struct cnc__im_change *c = cnc__im_change_new(u->im, on_kept, k);
    struct cnc__str value = CNC__STR;
    char key[KEY_LEN];

    k->bare = cnc__strdup(u->bare);
    k->seq = w->seq;
    key_of(key, w->seq);
    cnc__str_printf(&value, "%0*lld", STAMP, (long long)w->stamp_ms);
    cnc__str_add(&value, cnc_buf_data(w->xml), cnc_buf_len(w->xml));
    cnc__im_put(c, SPACE, u, key, value.data, value.len);
    cnc__str_fini(&value);
    cnc__im_commit(c);
}

/* XEP-0160 3, XEP-0334: what is worth keeping. */
static bool
is_worth_keeping(const struct cnc_element *stanza, const char *type)
{
    if (cnc__im_hint(stanza, "no-store")) {
        return false;
    }
    if (strcmp(type, "normal") == 0 || cnc__im_hint(stanza, "store")) {
        return true;
    }
    /* Chat states alone (XEP-0085) would come much too late. */
    return cnc_element_child(stanza, CNC__NS_CLIENT, "body") != NULL ||
           cnc_element_child(stanza, "urn:xmpp:receipts", "received") != NULL;
}

static void
keep(struct cnc__im_user *u, const char *xml, size_t len, int64_t stamp_ms)
{
    struct waiting *w = cnc__zalloc(sizeof(*w));

    w->seq = make(u)->seq + 1;
    w->stamp_ms = stamp_ms;
    w->xml = cnc_buf_new(xml, len);
    append(u, w);
    store(u, w);
}

/* All accounts together have an end too: anybody may write to each of them. */
static bool
is_full(const struct cnc__im_user *u, size_t extra)
{
    const struct cnc__im_limits *l = &u->im->limits;
    const struct cnc__offline *o = u->offline;

    return u->im->offline_bytes + extra > l->offline_all ||
           (o != NULL &&
            (o->n >= l->offline || o->bytes + extra > l->offline_bytes));
}

static bool
undelivered(struct cnc__im_in *in)
{
    struct cnc__str xml = CNC__STR;

    if (!is_worth_keeping(in->stanza, cnc__im_message_type(in->type))) {
        return true;
    }
    cnc__xml_write(&xml, in->stanza, CNC__NS_CLIENT, 0);
    if (is_full(in->user, xml.len)) {
        char *from = cnc__strndup(in->from, cnc__jid_bare_len(in->from));

        /* XEP-0160 3; but a stranger learns nothing, not even that. */
        if (cnc__im_contact_subscribed(in->im, in->user->bare, from)) {
            cnc__im_refuse(in, CNC_ELIMIT, "service-unavailable",
                           "too many messages wait there");
        }
        cnc__free(from);
    } else if (xml.len <= in->im->limits.offline_bytes) {
        keep(in->user, xml.data, xml.len,
             in->stamp_ms != 0 ? in->stamp_ms : cnc__im_now(in->im));
    }
    cnc__str_fini(&xml);
    return true;
}

/* -- giving --------------------------------------------------------------- */

static void
forget_first(struct cnc__im_user *u, struct cnc__im_change *c)
{
    struct waiting *w = take_first(u);
    char key[KEY_LEN];

    key_of(key, w->seq);
    cnc__im_del(c, SPACE, u, key);
    waiting_free(w);
}

static void
give(struct cnc__im_user *u, struct cnc__session *s, const struct waiting *w)
{
    struct cnc_element *stanza =
        cnc__router_parse(cnc_buf_data(w->xml), cnc_buf_len(w->xml));
    struct cnc_element *late;

    if (stanza != NULL) {
        late = cnc__im_delayed(stanza, u->im->domain, w->stamp_ms);
        cnc__session_deliver(s, late);
        cnc_element_unref(&late);
        cnc_element_unref(&stanza);
    }
}

static void
available(struct cnc__im_user *u, struct cnc__im_session *s, bool first)
{
    struct cnc__im_change *c;

    if (u->offline == NULL || u->offline->n == 0 || s->priority < 0) {
        return;
    }
    c = cnc__im_change_new(u->im, NULL, NULL);
    /* All at once may be more than may wait for a stream: whoever writes much
     * to somebody absent would keep him out. */
    while (u->offline->n > 0 && cnc__session_has_room(s->session)) {
        give(u, s->session, u->offline->first);
        forget_first(u, c);
    }
    u->offline->more = u->offline->n > 0;
    u->im->offline_more = u->im->offline_more || u->offline->more;
    cnc__im_commit(c);
}

/* Go on with those who have read what they had. */
static void
give_more(struct cnc__im *im)
{
    if (!im->offline_more) {
        return;
    }
    im->offline_more = false;
    for (struct cnc__table_iter i = {0}; cnc__table_next(im->users, &i);) {
        struct cnc__im_user *u = i.value;

        if (u->offline == NULL || !u->offline->more) {
            continue;
        }
        u->offline->more = false; /* unless there is still somebody */
        for (struct cnc__session *s = cnc__im_sessions(u); s != NULL;
             s = s->next_same) {
            struct cnc__im_session *state = cnc__im_state(s);

            if (state != NULL && state->available && state->priority >= 0) {
                available(u, state, false);
                break;
            }
        }
    }
}

/* -- what is kept --------------------------------------------------------- */

static bool
load(struct cnc__im_user *u, const struct cnc_store_entry *e, const char *key)
{
    struct waiting *w;
    char *stamp;
    int64_t seq, stamp_ms;
    bool ok;

    while (key[0] == '0' && key[1] != '\0') {
        key++;
    }
    stamp = cnc__strndup(e->value, e->len < STAMP ? e->len : STAMP);
    for (char *p = stamp; *p == '0' && p[1] != '\0';) {
        memmove(p, p + 1, strlen(p));
    }
    ok = e->len > STAMP && cnc__parse_int(&seq, key, 1, INT64_MAX) &&
         cnc__parse_int(&stamp_ms, stamp, 0, INT64_MAX);
    cnc__free(stamp);
    if (!ok) {
        return false;
    }
    w = cnc__zalloc(sizeof(*w));
    w->seq = (uint64_t)seq;
    w->stamp_ms = stamp_ms;
    w->xml = cnc_buf_new(e->value + STAMP, e->len - STAMP);
    append(u, w);
    return true;
}

static void
forget(struct cnc__im_user *u, struct cnc__im_change *c)
{
    while (u->offline != NULL && u->offline->n > 0) {
        forget_first(u, c);
    }
}

/* Those that are too old; once an hour is soon enough. */
static void
tick(struct cnc__im *im, int64_t now_ms)
{
    int64_t age_ms = (int64_t)im->limits.offline_s * 1000;
    struct cnc__im_change *c;

    give_more(im);
    if (im->n_offline == 0 || now_ms < im->offline_next_ms) {
        return;
    }
    im->offline_next_ms = now_ms + 3600000;
    c = cnc__im_change_new(im, NULL, NULL);
    for (struct cnc__table_iter i = {0}; cnc__table_next(im->users, &i);) {
        struct cnc__im_user *u = i.value;

        while (u->offline != NULL && u->offline->n > 0 &&
               now_ms - u->offline->first->stamp_ms > age_ms) {
            forget_first(u, c);
        }
    }
    cnc__im_commit(c);
}

const struct cnc__im_ext cnc__im_offline = {
    .name = "offline",
    .features = {"msgoffline"},
    .spaces = {SPACE},
    .load = load,
    .forget = forget,
    .free_user = free_user,
    .undelivered = undelivered,
    .available = available,
    .tick = tick,
};
