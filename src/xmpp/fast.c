/* SPDX-License-Identifier: MIT */
/*
 * fast.c -- tokens of clients (XEP-0484).
 */
#include "fast.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../base/check.h"
#include "../base/str.h"
#include "../base/table.h"
#include "../base/text.h"

#define FAST_MAGIC 0x46415354u
#define N_RANDOM   32 /* bytes of a token */

struct token {
    char text[CNC__FAST_TOKEN]; /* "": none */
    enum cnc__fast_binding binding;
    int64_t made_ms, expiry_ms, count;
};

struct client {
    char *id;                    /* "user/agent", as it is kept */
    struct token current, fresh; /* in use; given last, not used yet */
    struct client *next;         /* of the user */
};

struct cnc__fast {
    unsigned magic;
    struct cnc__fast_env env;
    struct cnc__table *users; /* local part -> its first client */
};

static void
forget(struct token *t)
{
    cnc__wipe(t, sizeof(*t));
}

static void
client_free(struct client **cp)
{
    struct client *c = *cp;

    *cp = NULL;
    cnc__free(c->id);
    cnc__wipe(c, sizeof(*c));
    cnc__free(c);
}

static void
clients_free(void *first)
{
    for (struct client *c = first, *next; c != NULL; c = next) {
        next = c->next;
        client_free(&c);
    }
}

struct cnc__fast *
cnc__fast_new(const struct cnc__fast_env *env)
{
    struct cnc__fast *f = cnc__zalloc(sizeof(*f));

    f->magic = FAST_MAGIC;
    f->env = *env;
    f->users = cnc__table_new();
    return f;
}

void
cnc__fast_free(struct cnc__fast **fp)
{
    struct cnc__fast *f = *fp;

    if (f != NULL) {
        *fp = NULL;
        CNC_OBJ_CHECK(f, FAST_MAGIC);
        cnc__table_free(&f->users, clients_free);
        CNC_OBJ_FREE(f);
    }
}

/* -- clients -------------------------------------------------------------- */

static const char *
agent_of(const struct client *c)
{
    return strchr(c->id, '/') + 1;
}

static struct client *
find(const struct cnc__fast *f, const char *user, const char *agent)
{
    struct client *c = cnc__table_get(f->users, user);

    while (c != NULL && strcmp(agent_of(c), agent) != 0) {
        c = c->next;
    }
    return c;
}

static struct client *
add(struct cnc__fast *f, const char *user, const char *agent)
{
    struct client *c = cnc__zalloc(sizeof(*c));
    struct cnc__str id = CNC__STR;

    cnc__str_printf(&id, "%s/%s", user, agent);
    c->id = cnc__str_steal(&id);
    c->next = cnc__table_put(f->users, user, c);
    return c;
}

static void
drop(struct cnc__fast *f, const char *user, struct client *c)
{
    struct client *first = cnc__table_get(f->users, user), *before = first;

    if (first == c && c->next == NULL) {
        cnc__table_del(f->users, user);
    } else if (first == c) {
        cnc__table_put(f->users, user, c->next);
    } else {
        while (before->next != c) {
            before = before->next;
        }
        before->next = c->next;
    }
    client_free(&c);
}

static int64_t
expiry(const struct client *c)
{
    return c->current.expiry_ms > c->fresh.expiry_ms ? c->current.expiry_ms
                                                     : c->fresh.expiry_ms;
}

size_t
cnc__fast_n_clients(const struct cnc__fast *f, const char *user)
{
    size_t n = 0;

    for (struct client *c = cnc__table_get(f->users, user); c != NULL;
         c = c->next) {
        n++;
    }
    return n;
}

/* Room for one more. */
static void
make_room(struct cnc__fast *f, const char *user)
{
    while (cnc__fast_n_clients(f, user) >= CNC__FAST_CLIENTS) {
        struct client *first = cnc__table_get(f->users, user), *least = first;

        for (struct client *c = first->next; c != NULL; c = c->next) {
            least = expiry(c) < expiry(least) ? c : least;
        }
        f->env.keep(least->id, "", 0, NULL, NULL, f->env.priv);
        drop(f, user, least);
    }
}

/* -- tokens --------------------------------------------------------------- */

static void
hash(uint8_t out[CNC__FAST_HASH], const struct token *t, const char *who,
     const struct cnc__fast_try *try_)
{
    struct cnc__str data = CNC__STR;

    cnc__str_puts(&data, who);
    cnc__str_add(&data, try_->channel, try_->n_channel);
    CNC_CHECK(HMAC(EVP_sha256(), t->text, (int)strlen(t->text),
                   (const unsigned char *)data.data, data.len, out,
                   NULL) != NULL);
    cnc__str_fini(&data);
}

/* 1: it is this one; 0: it is not; CNC_ECLOSED: it was. */
static int
fits(const struct token *t, const struct cnc__fast_try *try_, int64_t now_ms)
{
    uint8_t want[CNC__FAST_HASH];

    if (t->text[0] == '\0' || t->binding != try_->binding) {
        return 0;
    }
    hash(want, t, "Initiator", try_);
    if (!cnc__equal_secret(want, try_->hash, sizeof(want))) {
        return 0;
    }
    /* A count that was heard before is somebody's echo of it. */
    if (try_->count >= 0 && try_->count <= t->count) {
        return 0;
    }
    return now_ms < t->expiry_ms ? 1 : CNC_ECLOSED;
}

int
cnc__fast_check(struct cnc__fast *f, const struct cnc__fast_try *try_,
                struct cnc__fast_answer *out)
{
    struct client *c = find(f, try_->user, try_->agent);
    int64_t now_ms = f->env.now_ms(f->env.priv);
    int fresh, current;

    CNC_OBJ_CHECK(f, FAST_MAGIC);
    if (c == NULL) {
        return CNC_EAUTH;
    }
    fresh = fits(&c->fresh, try_, now_ms);
    current = fits(&c->current, try_, now_ms);
    if (fresh == 1) {
        c->current = c->fresh;
        forget(&c->fresh);
    } else if (current != 1) {
        return fresh == 0 && current == 0 ? CNC_EAUTH : CNC_ECLOSED;
    }
    if (try_->count >= 0) {
        c->current.count = try_->count;
    }
    hash(out->hash, &c->current, "Responder", try_);
    out->changed = fresh == 1 || try_->count >= 0;
    out->rotate = now_ms - c->current.made_ms >= CNC__FAST_ROTATE_MS;
    return 0;
}

void
cnc__fast_issue(struct cnc__fast *f, const char *user, const char *agent,
                enum cnc__fast_binding binding, char token[CNC__FAST_TOKEN],
                int64_t *expiry_ms)
{
    struct client *c = find(f, user, agent);
    uint8_t random[N_RANDOM];
    struct cnc__str text = CNC__STR;
    struct token *t;

    CNC_OBJ_CHECK(f, FAST_MAGIC);
    if (c == NULL) {
        make_room(f, user);
        c = add(f, user, agent);
    }
    t = &c->fresh;
    forget(t);
    cnc__random(random, sizeof(random));
    cnc__base64_encode(&text, random, sizeof(random));
    CNC_CHECK(text.len < sizeof(t->text));
    memcpy(t->text, text.data, text.len + 1);
    t->binding = binding;
    t->made_ms = f->env.now_ms(f->env.priv);
    t->expiry_ms = t->made_ms + CNC__FAST_TTL_MS;
    memcpy(token, t->text, sizeof(t->text));
    *expiry_ms = t->expiry_ms;
    cnc__wipe(random, sizeof(random));
    cnc__wipe(text.data, text.len);
    cnc__str_fini(&text);
}

void
cnc__fast_invalidate(struct cnc__fast *f, const char *user, const char *agent)
{
    struct client *c = find(f, user, agent);

    CNC_OBJ_CHECK(f, FAST_MAGIC);
    if (c != NULL) {
        forget(&c->current);
        forget(&c->fresh);
    }
}

/* -- as text: a line a token: "BINDING MADE EXPIRY COUNT TOKEN" ----------- */

static void
token_write(struct cnc__str *out, const struct token *t)
{
    cnc__str_printf(out, "%d %lld %lld %lld %s\n", (int)t->binding,
                    (long long)t->made_ms, (long long)t->expiry_ms,
                    (long long)t->count, t->text[0] == '\0' ? "-" : t->text);
}

static bool
number_read(int64_t *out, const char **at, int64_t max)
{
    char digits[24];
    size_t len = strcspn(*at, " \n");

    if (len >= sizeof(digits) || (*at)[len] != ' ') {
        return false;
    }
    memcpy(digits, *at, len);
    digits[len] = '\0';
    *at += len + 1;
    return cnc__parse_int(out, digits, 0, max);
}

static bool
token_read(struct token *t, const char **at)
{
    int64_t binding;
    size_t len;

    if (!number_read(&binding, at, CNC__FAST_NONE) ||
        !number_read(&t->made_ms, at, INT64_MAX) ||
        !number_read(&t->expiry_ms, at, INT64_MAX) ||
        !number_read(&t->count, at, INT64_MAX)) {
        return false;
    }
    t->binding = (enum cnc__fast_binding)binding;
    len = strcspn(*at, "\n");
    if ((*at)[len] != '\n' || len == 0 || len >= sizeof(t->text)) {
        return false;
    }
    if (len > 1) { /* not "-" */
        memcpy(t->text, *at, len);
        t->text[len] = '\0';
    }
    *at += len + 1;
    return true;
}

bool
cnc__fast_load(struct cnc__fast *f, const char *id, const char *value,
               size_t len)
{
    const char *slash = strchr(id, '/');
    char *text = cnc__strndup(value, len);
    const char *at = text;
    struct token current = {0}, fresh = {0};
    bool ok =
        slash != NULL && token_read(&current, &at) && token_read(&fresh, &at);

    CNC_OBJ_CHECK(f, FAST_MAGIC);
    if (ok) {
        char *user = cnc__strndup(id, (size_t)(slash - id));
        struct client *c = add(f, user, slash + 1);

        c->current = current;
        c->fresh = fresh;
        cnc__free(user);
    }
    forget(&current);
    forget(&fresh);
    cnc__wipe(text, len);
    cnc__free(text);
    return ok;
}

void
cnc__fast_keep(struct cnc__fast *f, const char *user, const char *agent,
               void (*done)(void *arg, bool kept), void *arg)
{
    struct client *c = find(f, user, agent);
    struct cnc__str text = CNC__STR;

    CNC_OBJ_CHECK(f, FAST_MAGIC);
    if (c == NULL) {
        if (done != NULL) {
            done(arg, true);
        }
        return;
    }
    if (c->current.text[0] == '\0' && c->fresh.text[0] == '\0') {
        f->env.keep(c->id, "", 0, done, arg, f->env.priv);
        drop(f, user, c);
        return;
    }
    token_write(&text, &c->current);
    token_write(&text, &c->fresh);
    f->env.keep(c->id, text.data, text.len, done, arg, f->env.priv);
    cnc__wipe(text.data, text.len);
    cnc__str_fini(&text);
}

void
cnc__fast_forget_user(struct cnc__fast *f, const char *user)
{
    struct client *c;

    CNC_OBJ_CHECK(f, FAST_MAGIC);
    while ((c = cnc__table_get(f->users, user)) != NULL) {
        f->env.keep(c->id, "", 0, NULL, NULL, f->env.priv);
        drop(f, user, c);
    }
}
