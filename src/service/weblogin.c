/* SPDX-License-Identifier: MIT */
/*
 * weblogin.c -- the log-ins of browsers: kept as KEY ("weblogin", SHA-256 of
 * the cookie), one line a value: id, JID, since, seen, expires, address, what
 * the browser said it is.
 */
#include "weblogin.h"
#include "../base/text.h"
#include "../xmpp/jid.h"

#define MAX_AGENT   200  /* bytes */
#define KEEP_SEEN   3600 /* seconds between writing that it was used */
#define SWEEP_MS    5000u
#define VALUE_LINES 7

struct cnc__weblogins *
cnc__weblogins_new(struct cnc_service *s)
{
    struct cnc__weblogins *w = cnc__zalloc(sizeof(*w));
    struct cnc__str guest = CNC__STR;

    w->magic = CNC__WEBLOGINS_MAGIC;
    w->service = s;
    w->by_id = cnc__table_new();
    w->by_hash = cnc__table_new();
    w->by_jid = cnc__table_new();
    w->tokens = cnc__table_new();
    cnc__str_printf(&guest, "guest@%s", cnc__router_domain(s->router));
    w->guest = cnc__str_steal(&guest);
    return w;
}

static void
login_free(void *value)
{
    struct cnc__weblogin *l = value;

    cnc__free(l->jid);
    cnc__free(l->agent);
    cnc__free(l->addr);
    cnc__free(l);
}

void
cnc__weblogins_free(struct cnc__weblogins **wp)
{
    struct cnc__weblogins *w = *wp;

    if (w != NULL) {
        CNC_OBJ_CHECK(w, CNC__WEBLOGINS_MAGIC);
        *wp = NULL;
        cnc__table_free(&w->by_hash, NULL);
        cnc__table_free(&w->by_jid, NULL);
        cnc__table_free(&w->by_id, login_free);
        cnc__table_free(&w->tokens, cnc__free);
        cnc__free(w->guest);
        CNC_OBJ_FREE(w);
    }
}

size_t
cnc__weblogins_count(const struct cnc__weblogins *w)
{
    return cnc__table_len(w->by_id);
}

/* -- the tables ------------------------------------------------------------
 */

static void
add(struct cnc__weblogins *w, struct cnc__weblogin *l)
{
    l->next = cnc__table_put(w->by_jid, l->jid, l);
    cnc__table_put(w->by_id, l->id, l);
    cnc__table_put(w->by_hash, l->hash, l);
}

static void
take_away(struct cnc__weblogins *w, struct cnc__weblogin *l)
{
    struct cnc__weblogin *first = cnc__table_get(w->by_jid, l->jid);

    if (first == l && l->next == NULL) {
        cnc__table_del(w->by_jid, l->jid);
    } else if (first == l) {
        cnc__table_put(w->by_jid, l->jid, l->next);
    } else {
        while (first->next != l) {
            first = first->next;
        }
        first->next = l->next;
    }
    cnc__table_del(w->by_id, l->id);
    cnc__table_del(w->by_hash, l->hash);
}

/* -- the store -------------------------------------------------------------
 */

static void
keep(struct cnc__weblogins *w, struct cnc__weblogin *l,
     void (*done)(void *arg, bool kept), void *arg)
{
    struct cnc__str value = CNC__STR;

    cnc__str_printf(&value, "%s\n%s\n%lld\n%lld\n%lld\n%s\n%s\n", l->id,
                    l->jid, (long long)l->since, (long long)l->seen,
                    (long long)l->expires, l->addr, l->agent);
    l->kept_seen = l->seen;
    cnc__keep_key(w->service, "weblogin", l->hash, value.data, value.len, done,
                  arg);
    cnc__str_fini(&value);
}

static bool
parse(struct cnc__weblogin *l, char *text)
{
    char *line[VALUE_LINES];

    for (size_t i = 0; i < VALUE_LINES; i++) {
        char *end = strchr(text, '\n');

        if (end == NULL) {
            return false;
        }
        *end = '\0';
        line[i] = text;
        text = end + 1;
    }
    if (strlen(line[0]) != CNC__WEBLOGIN_ID ||
        !cnc__parse_int(&l->since, line[2], 0, INT64_MAX) ||
        !cnc__parse_int(&l->seen, line[3], 0, INT64_MAX) ||
        !cnc__parse_int(&l->expires, line[4], 0, INT64_MAX)) {
        return false;
    }
    memcpy(l->id, line[0], CNC__WEBLOGIN_ID);
    l->kept_seen = l->seen;
    l->jid = cnc__strdup(line[1]);
    l->addr = cnc__strdup(line[5]);
    l->agent = cnc__strdup(line[6]);
    return true;
}

void
cnc__weblogins_load(struct cnc__weblogins *w, const struct cnc_store_entry *e)
{
    struct cnc__weblogin *l = cnc__zalloc(sizeof(*l));
    char *text = cnc__strndup(e->value, e->len);

    CNC_OBJ_CHECK(w, CNC__WEBLOGINS_MAGIC);
    if (strlen(e->id) == 64 && parse(l, text)) {
        memcpy(l->hash, e->id, 64);
        add(w, l);
    } else {
        cnc__log(CNC_LOG_ERROR, "weblogin.load",
                 "a kept log-in cannot be read; its browser logs in again");
        cnc__free(l);
    }
    cnc__free(text);
}

/* -- ending ----------------------------------------------------------------
 */

void
cnc__weblogin_end(struct cnc__weblogins *w, struct cnc__weblogin *l,
                  const char *why, struct cnc__gather *g)
{
    struct cnc__router *router = w->service->router;
    struct cnc__session *s;

    take_away(w, l);
    cnc__keep_key(w->service, "weblogin", l->hash, "", 0, cnc__gather_add(g),
                  g);
    for (size_t i = 0; (s = cnc__router_next_session(router, &i)) != NULL;) {
        if (s->login != NULL && strcmp(s->login, l->id) == 0) {
            cnc__session_end(s, "not-authorized", "The log-in has ended");
        }
    }
    cnc__log(CNC_LOG_INFO, "weblogin.end", "jid=%s login=%.8s why=%s", l->jid,
             l->id, why);
    login_free(l);
}

static bool
is_over(const struct cnc__weblogin *l, int64_t now)
{
    return now >= l->expires || now - l->seen >= CNC__WEBLOGIN_IDLE_S;
}

/* A stream whose log-in ended between its token and its resource, and use
 * that no request tells of. */
static void
sweep_streams(struct cnc__weblogins *w, int64_t now)
{
    struct cnc__session *s;

    for (size_t i = 0;
         (s = cnc__router_next_session(w->service->router, &i)) != NULL;) {
        struct cnc__weblogin *l =
            s->login == NULL ? NULL : cnc__table_get(w->by_id, s->login);

        if (l != NULL) {
            l->seen = now;
        } else if (s->login != NULL) {
            cnc__session_end(s, "not-authorized", "The log-in has ended");
        }
    }
}

static void
sweep_logins(struct cnc__weblogins *w, int64_t now)
{
    struct cnc__weblogin **over;
    size_t n = 0;

    over = cnc__zalloc((cnc__table_len(w->by_id) + 1) * sizeof(*over));
    for (struct cnc__table_iter i = {0}; cnc__table_next(w->by_id, &i);) {
        struct cnc__weblogin *l = i.value;

        if (is_over(l, now)) {
            over[n++] = l;
        } else if (l->seen - l->kept_seen > KEEP_SEEN) {
            keep(w, l, NULL, NULL);
        }
    }
    while (n > 0) {
        cnc__weblogin_end(w, over[--n], "expired", NULL);
    }
    cnc__free(over);
}

void
cnc__weblogins_tick(struct cnc__weblogins *w, uint64_t now_ms)
{
    int64_t now = cnc__unix_s();

    CNC_OBJ_CHECK(w, CNC__WEBLOGINS_MAGIC);
    if (now_ms - w->swept_ms >= SWEEP_MS) {
        w->swept_ms = now_ms;
        sweep_streams(w, now);
        sweep_logins(w, now);
        cnc__webtoken_sweep(w);
    }
}

/* -- beginning -------------------------------------------------------------
 */

/* What a stranger calls itself, as one line of text that may be shown. */
static char *
clean(const char *agent)
{
    struct cnc__str out = CNC__STR;
    size_t len = agent == NULL ? 0 : strlen(agent);

    while (len > 0 && out.len < MAX_AGENT - 4) {
        uint32_t cp;
        size_t n = cnc__utf8_next(&cp, agent, len);

        if (n == 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0) ||
            !cnc__xml_char(cp)) {
            cnc__str_putc(&out, ' ');
            n = n == 0 ? 1 : n;
        } else {
            cnc__str_add(&out, agent, n);
        }
        agent += n;
        len -= n;
    }
    return out.data == NULL ? cnc__strdup("") : cnc__str_steal(&out);
}

/* Of those of one JID, or of all, the one that was not used for longest. */
static struct cnc__weblogin *
oldest(struct cnc__weblogins *w, struct cnc__weblogin *of)
{
    struct cnc__weblogin *found = of;

    for (; of != NULL; of = of->next) {
        found = of->seen < found->seen ? of : found;
    }
    for (struct cnc__table_iter i = {0};
         found == NULL && cnc__table_next(w->by_id, &i);) {
        found = i.value;
    }
    return found;
}

static void
make_room(struct cnc__weblogins *w, const char *jid)
{
    struct cnc__weblogin *first = cnc__table_get(w->by_jid, jid);
    size_t n = 0;

    for (struct cnc__weblogin *l = first; l != NULL; l = l->next) {
        n++;
    }
    if (n >= CNC__WEBLOGINS_PER_JID) {
        cnc__weblogin_end(w, oldest(w, first), "too many of one person", NULL);
    } else if (cnc__table_len(w->by_id) >= CNC__WEBLOGINS_MAX) {
        cnc__weblogin_end(w, oldest(w, NULL), "too many", NULL);
    }
}

/* A browser that is let in has a log-in that a crash does not end: one that
 * the store has not got is none. */
struct fresh {
    struct cnc__weblogins *logins;
    char id[CNC__WEBLOGIN_ID + 1];
    void (*done)(void *arg, bool kept);
    void *arg;
};

static void
on_fresh(void *arg, bool kept)
{
    struct fresh *f = arg;
    struct cnc__weblogin *l =
        kept ? NULL : cnc__table_get(f->logins->by_id, f->id);

    if (l != NULL) {
        cnc__weblogin_end(f->logins, l, "not kept", NULL);
    }
    if (f->done != NULL) {
        f->done(f->arg, kept);
    }
    cnc__free(f);
}

static void
keep_fresh(struct cnc__weblogins *w, struct cnc__weblogin *l,
           struct cnc__gather *g)
{
    struct fresh *f = cnc__zalloc(sizeof(*f));

    f->logins = w;
    memcpy(f->id, l->id, sizeof(f->id));
    f->done = cnc__gather_add(g);
    f->arg = g;
    keep(w, l, on_fresh, f);
}

struct cnc__weblogin *
cnc__weblogin_new(struct cnc__weblogins *w, const char *jid, uint32_t seconds,
                  const char *agent, const char *addr,
                  char secret[CNC__WEBLOGIN_SECRET + 1], struct cnc__gather *g)
{
    struct cnc__weblogin *l;

    CNC_OBJ_CHECK(w, CNC__WEBLOGINS_MAGIC);
    seconds = seconds == 0 ? CNC__WEBLOGIN_DAYS * 86400 : seconds;
    seconds = seconds > CNC__WEBLOGIN_MAX_S ? CNC__WEBLOGIN_MAX_S : seconds;
    make_room(w, jid);
    l = cnc__zalloc(sizeof(*l));
    cnc__random_hex(l->id, CNC__WEBLOGIN_ID / 2);
    cnc__secret_new(secret);
    cnc__secret_hash(l->hash, secret, CNC__WEBLOGIN_SECRET);
    l->jid = cnc__strdup(jid);
    l->agent = clean(agent);
    l->addr = cnc__strdup(addr);
    l->since = l->seen = cnc__unix_s();
    l->expires = l->since + seconds;
    add(w, l);
    keep_fresh(w, l, g);
    cnc__log(CNC_LOG_INFO, "weblogin.begin", "jid=%s login=%.8s peer=%s", jid,
             l->id, addr);
    return l;
}

/* -- finding ---------------------------------------------------------------
 */

static struct cnc__weblogin *
good(struct cnc__weblogin *l)
{
    int64_t now = cnc__unix_s();

    if (l == NULL || is_over(l, now)) {
        return NULL; /* the sweep ends it */
    }
    l->seen = now;
    return l;
}

/* The hash is what is looked up: how far it is right tells nothing about the
 * cookie. */
struct cnc__weblogin *
cnc__weblogin_by_secret(struct cnc__weblogins *w, const char *secret,
                        size_t len)
{
    char hash[65];

    if (len != CNC__WEBLOGIN_SECRET) {
        return NULL;
    }
    cnc__secret_hash(hash, secret, len);
    return good(cnc__table_get(w->by_hash, hash));
}

struct cnc__weblogin *
cnc__weblogin_by_id(struct cnc__weblogins *w, const char *id)
{
    CNC_OBJ_CHECK(w, CNC__WEBLOGINS_MAGIC);
    return good(cnc__table_get(w->by_id, id));
}
