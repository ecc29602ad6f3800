/* SPDX-License-Identifier: MIT */
/*
 * webtoken.c -- POST /_token: a page, of the browser that is logged in, gets a
 * token for one stream (SASL OAUTHBEARER).  In memory alone: a service that
 * starts again has no streams either.
 */
#include "../base/text.h"
#include "../xmpp/jid.h"
#include "weblogin.h"

#define TOKEN_S    60
#define MAX_TOKENS 20000u
#define MAX_OF_ONE 16u /* of one log-in, at a time */

struct token {
    char login[CNC__WEBLOGIN_ID + 1];
    int64_t until; /* Unix seconds */
};

void
cnc__webtoken_sweep(struct cnc__weblogins *w)
{
    int64_t now = cnc__unix_s();
    struct cnc__table_iter i = {0};
    size_t left = cnc__table_len(w->tokens);
    char(*old)[65] = cnc__zalloc((left + 1) * sizeof(*old));
    size_t n = 0;

    while (cnc__table_next(w->tokens, &i)) {
        const struct token *t = i.value;

        if (now >= t->until) {
            memcpy(old[n++], i.key, 65);
        }
    }
    while (n > 0) {
        cnc__free(cnc__table_del(w->tokens, old[--n]));
    }
    cnc__free(old);
}

static size_t
count_of(const struct cnc__weblogins *w, const char *login)
{
    struct cnc__table_iter i = {0};
    size_t n = 0;

    while (cnc__table_next(w->tokens, &i)) {
        n += strcmp(((const struct token *)i.value)->login, login) == 0;
    }
    return n;
}

/* RFC 8259 section 7. */
static void
add_json(struct cnc__str *out, const char *s)
{
    cnc__str_putc(out, '"');
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\') {
            cnc__str_putc(out, '\\');
        }
        cnc__str_putc(out, *s); /* a JID has no control characters */
    }
    cnc__str_putc(out, '"');
}

static void
answer(struct cnc__http_request *r, int status, const char *json)
{
    struct cnc_buf *body = cnc_buf_new(json, strlen(json));
    struct cnc__http_response a = {.status = status,
                                   .content_type = "application/json",
                                   .headers = "Cache-Control: no-store\r\n",
                                   .body = body};

    r->responder->respond(r->responder, &a);
    cnc_buf_unref(&body);
}

void
cnc__webtoken_answer(struct cnc__weblogins *w, struct cnc__weblogin *l,
                     struct cnc__http_request *r)
{
    char secret[CNC__WEBLOGIN_SECRET + 1], hash[65];
    struct cnc__str json = CNC__STR;
    struct token *t;

    if (!cnc__jid_is_at(l->jid, cnc__router_domain(w->service->router))) {
        /* A stream here is somebody of this domain. */
        answer(r, 403, "{\"error\":\"of another domain\"}");
        return;
    }
    if (cnc__table_len(w->tokens) >= MAX_TOKENS ||
        count_of(w, l->id) >= MAX_OF_ONE) {
        answer(r, 429, "{\"error\":\"too many tokens\"}");
        return;
    }
    cnc__secret_new(secret);
    cnc__secret_hash(hash, secret, CNC__WEBLOGIN_SECRET);
    t = cnc__zalloc(sizeof(*t));
    memcpy(t->login, l->id, sizeof(t->login));
    t->until = cnc__unix_s() + TOKEN_S;
    cnc__table_put(w->tokens, hash, t);
    cnc__str_puts(&json, "{\"jid\":");
    add_json(&json, l->jid);
    cnc__str_printf(&json, ",\"token\":\"%s\"}", secret);
    answer(r, 200, json.data);
    cnc__wipe(json.data, json.len);
    cnc__wipe(secret, sizeof(secret));
    cnc__str_fini(&json);
}

bool
cnc__weblogin_bearer(char **account, char **login, const char *token,
                     size_t len, void *logins)
{
    struct cnc__weblogins *w = cnc__logins_service(logins)->weblogins;
    const struct cnc__weblogin *l = NULL;
    struct token *t;
    char hash[65];

    cnc__secret_hash(hash, token, len);
    t = cnc__table_del(w->tokens, hash);
    if (t != NULL && cnc__unix_s() < t->until) {
        l = cnc__weblogin_by_id(w, t->login);
    }
    if (l != NULL) {
        *account = cnc__strdup(l->jid);
        *login = cnc__strdup(l->id);
    }
    cnc__free(t);
    return l != NULL;
}
