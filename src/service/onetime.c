/* SPDX-License-Identifier: MIT */
/*
 * onetime.c -- apps' one-use tokens: KEY ("onetime", SHA-256 of the token), a
 * line each for the purpose and the end, then the text.
 *
 * A token is gone from memory when it is taken, and from the store before
 * whatever is kept because of it: commits keep their order.
 */
#include "../base/text.h"
#include "weblogin.h"

#define ONETIME_MAGIC 0x4f6e6554u
#define MAX_TOKENS    200000u
#define MAX_PURPOSE   64u
#define MAX_TEXT      4096u
#define DEFAULT_S     86400u
#define MAX_S         (366u * 86400)
#define SWEEP_MS      60000u

struct token {
    int64_t until; /* Unix seconds */
    char *purpose, *text;
};

struct cnc__onetime {
    unsigned magic;
    struct cnc_service *service;
    struct cnc__table *by_hash;
    uint64_t swept_ms;
};

struct cnc__onetime *
cnc__onetime_new(struct cnc_service *s)
{
    struct cnc__onetime *o = cnc__zalloc(sizeof(*o));

    o->magic = ONETIME_MAGIC;
    o->service = s;
    o->by_hash = cnc__table_new();
    return o;
}

static void
token_free(void *value)
{
    struct token *t = value;

    if (t != NULL) {
        cnc__free(t->purpose);
        cnc__free(t->text);
        cnc__free(t);
    }
}

void
cnc__onetime_free(struct cnc__onetime **op)
{
    struct cnc__onetime *o = *op;

    if (o != NULL) {
        CNC_OBJ_CHECK(o, ONETIME_MAGIC);
        *op = NULL;
        cnc__table_free(&o->by_hash, token_free);
        CNC_OBJ_FREE(o);
    }
}

void
cnc__onetime_load(struct cnc__onetime *o, const struct cnc_store_entry *e)
{
    struct token *t = cnc__zalloc(sizeof(*t));
    char *value = cnc__strndup(e->value, e->len), *until, *text;

    CNC_OBJ_CHECK(o, ONETIME_MAGIC);
    if ((until = strchr(value, '\n')) != NULL &&
        (text = strchr(until + 1, '\n')) != NULL) {
        *until++ = *text++ = '\0';
        if (cnc__parse_int(&t->until, until, 0, INT64_MAX)) {
            t->purpose = cnc__strdup(value);
            t->text = cnc__strdup(text);
            token_free(cnc__table_put(o->by_hash, e->id, t));
            t = NULL;
        }
    }
    if (t != NULL) {
        cnc__log(CNC_LOG_ERROR, "onetime.load",
                 "a kept one-use token cannot be read; it is good no more");
        token_free(t);
    }
    cnc__free(value);
}

int
cnc__onetime_make(struct cnc__onetime *o, char secret[CNC_TOKEN_SIZE],
                  const char *purpose, const char *text, uint32_t seconds,
                  void (*done)(void *arg, bool kept), void *arg)
{
    struct cnc__str value = CNC__STR;
    struct token *t;
    char hash[65];

    CNC_OBJ_CHECK(o, ONETIME_MAGIC);
    if (purpose[0] == '\0' || strlen(purpose) > MAX_PURPOSE ||
        strchr(purpose, '\n') != NULL || strlen(text) > MAX_TEXT) {
        return CNC_EINVAL;
    }
    if (cnc__table_len(o->by_hash) >= MAX_TOKENS) {
        return CNC_ELIMIT;
    }
    seconds = seconds == 0 ? DEFAULT_S : seconds > MAX_S ? MAX_S : seconds;
    cnc__secret_new(secret);
    cnc__secret_hash(hash, secret, CNC__WEBLOGIN_SECRET);
    t = cnc__zalloc(sizeof(*t));
    t->until = cnc__unix_s() + seconds;
    t->purpose = cnc__strdup(purpose);
    t->text = cnc__strdup(text);
    cnc__table_put(o->by_hash, hash, t);
    cnc__str_printf(&value, "%s\n%lld\n%s", purpose, (long long)t->until,
                    text);
    cnc__keep_key(o->service, "onetime", hash, value.data, value.len, done,
                  arg);
    cnc__str_fini(&value);
    return 0;
}

int
cnc__onetime_take(struct cnc__onetime *o, const char *secret,
                  const char *purpose, bool look, char *text, size_t size,
                  void (*done)(void *arg, bool kept), void *arg)
{
    const struct token *t;
    char hash[65];

    CNC_OBJ_CHECK(o, ONETIME_MAGIC);
    cnc__secret_hash(hash, secret, strlen(secret));
    t = cnc__table_get(o->by_hash, hash);
    if (t == NULL || strcmp(t->purpose, purpose) != 0 ||
        cnc__unix_s() >= t->until) {
        return CNC_EAUTH;
    }
    if (strlen(t->text) >= size) {
        return CNC_ELIMIT;
    }
    memcpy(text, t->text, strlen(t->text) + 1);
    if (!look) {
        token_free(cnc__table_del(o->by_hash, hash));
        cnc__keep_key(o->service, "onetime", hash, "", 0, done, arg);
    }
    return 0;
}

void
cnc__onetime_tick(struct cnc__onetime *o, uint64_t now_ms)
{
    int64_t now = cnc__unix_s();
    char(*old)[65];
    size_t n = 0;

    CNC_OBJ_CHECK(o, ONETIME_MAGIC);
    if (now_ms - o->swept_ms < SWEEP_MS) {
        return;
    }
    o->swept_ms = now_ms;
    old = cnc__zalloc((cnc__table_len(o->by_hash) + 1) * sizeof(*old));
    for (struct cnc__table_iter i = {0}; cnc__table_next(o->by_hash, &i);) {
        if (now >= ((const struct token *)i.value)->until) {
            memcpy(old[n++], i.key, 65);
        }
    }
    while (n > 0) {
        token_free(cnc__table_del(o->by_hash, old[--n]));
        cnc__keep_key(o->service, "onetime", old[n], "", 0, NULL, NULL);
    }
    cnc__free(old);
}
