/* SPDX-License-Identifier: MIT */
/*
 * login-list.c -- browsers' log-ins and XMPP sessions as one list: to be
 * looked at and ended.  A session's id is "x" and its number.
 */
#include <stdio.h>

#include "../base/text.h"
#include "../xmpp/jid.h"
#include "../xmpp/stream.h"
#include "weblogin.h"

struct row {
    struct cnc_login_info info;
    char id[CNC__WEBLOGIN_ID + 1];
};

struct list {
    struct row *rows;
    size_t n, cap;
};

static struct row *
row_add(struct list *list)
{
    list->rows =
        cnc__grow(list->rows, list->n, &list->cap, sizeof(struct row));
    list->rows[list->n] = (struct row){.id = ""};
    return &list->rows[list->n++];
}

static void
add_web(struct list *list, const struct cnc__weblogin *l, const char *current)
{
    struct row *row = row_add(list);

    memcpy(row->id, l->id, sizeof(row->id));
    row->info = (struct cnc_login_info){
        .jid = l->jid,
        .kind = "web",
        .agent = l->agent,
        .addr = l->addr,
        .since = l->since,
        .seen = l->seen,
        .current = current != NULL && strcmp(current, l->id) == 0};
}

static void
add_session(struct list *list, const struct cnc_service *s,
            const struct cnc__session *session, uint64_t current)
{
    struct row *row = row_add(list);
    uint64_t now_ms = uv_now(&s->process->loop);
    int64_t now = cnc__unix_s();
    struct cnc__stream_about about = {.addr = ""};

    if (session->stream != NULL) {
        cnc__stream_about(&about, session->stream);
    }
    snprintf(row->id, sizeof(row->id), "x%llu",
             (unsigned long long)session->id);
    row->info = (struct cnc_login_info){
        .jid = session->jid,
        .kind = "xmpp",
        .agent = "",
        .addr = about.addr == NULL ? "" : about.addr,
        .since = about.bound_ms == 0 || about.bound_ms > now_ms
                     ? now
                     : now - (int64_t)((now_ms - about.bound_ms) / 1000),
        .seen = now,
        .current = session->id == current};
}

static bool
is_of(const struct cnc__session *s, const char *bare)
{
    return strlen(bare) == s->bare_len &&
           memcmp(s->jid, bare, s->bare_len) == 0;
}

static int
newest_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    return x->info.since != y->info.since
               ? (x->info.since < y->info.since ? 1 : -1)
               : strcmp(x->id, y->id);
}

int
cnc__weblogins_list(struct cnc_service *s, const char *jid,
                    const char *current, uint64_t session, cnc_login_f *f,
                    void *priv)
{
    struct list list = {NULL, 0, 0};
    struct cnc__session *each;
    int stop = 0;

    for (struct cnc__table_iter i = {0};
         cnc__table_next(s->weblogins->by_id, &i);) {
        const struct cnc__weblogin *l = i.value;

        if (jid == NULL || strcmp(l->jid, jid) == 0) {
            add_web(&list, l, current);
        }
    }
    for (size_t i = 0;
         (each = cnc__router_next_session(s->router, &i)) != NULL;) {
        if (!each->anonymous && (jid == NULL || is_of(each, jid))) {
            add_session(&list, s, each, session);
        }
    }
    if (list.n > 0) {
        qsort(list.rows, list.n, sizeof(struct row), newest_first);
    }
    for (size_t i = 0; i < list.n && stop == 0; i++) {
        list.rows[i].info.id = list.rows[i].id;
        stop = f(&list.rows[i].info, priv);
    }
    cnc__free(list.rows);
    return stop;
}

/* A client that has a token would be back at once (XEP-0484). */
static void
end_tokens(struct cnc_service *s, const char *jid, struct cnc__gather *g)
{
    char *user;

    if (s->fast == NULL ||
        !cnc__jid_is_at(jid, cnc__router_domain(s->router))) {
        return;
    }
    user = cnc__strndup(jid, strcspn(jid, "@"));
    cnc__fast_forget_user(s->fast, user);
    /* Nobody's, and kept after theirs: commits keep their order. */
    cnc__keep_key(s, "token", jid, "", 0, cnc__gather_add(g), g);
    cnc__free(user);
}

static int
end_all(struct cnc_service *s, const char *jid, struct cnc__gather *g)
{
    struct cnc__weblogin *l;
    struct cnc__session *each;
    int code = CNC_ENOENT;

    while ((l = cnc__table_get(s->weblogins->by_jid, jid)) != NULL) {
        cnc__weblogin_end(s->weblogins, l, "asked", g);
        code = 0;
    }
    for (size_t i = 0;
         (each = cnc__router_next_session(s->router, &i)) != NULL;) {
        if (!each->anonymous && is_of(each, jid)) {
            cnc__session_end(each, "not-authorized", "The log-in has ended");
            code = 0;
        }
    }
    end_tokens(s, jid, g);
    return code;
}

static int
end_one(struct cnc_service *s, const char *jid, const char *id,
        struct cnc__gather *g)
{
    struct cnc__weblogin *l = cnc__table_get(s->weblogins->by_id, id);
    struct cnc__session *session;
    int64_t number;

    if (l != NULL && strcmp(l->jid, jid) == 0) {
        cnc__weblogin_end(s->weblogins, l, "asked", g);
        return 0;
    }
    if (id[0] == 'x' && cnc__parse_int(&number, id + 1, 1, INT64_MAX) &&
        (session = cnc__router_session(s->router, (uint64_t)number)) != NULL &&
        is_of(session, jid)) {
        cnc__session_end(session, "not-authorized", "The log-in has ended");
        return 0;
    }
    return CNC_ENOENT;
}

int
cnc__weblogins_end(struct cnc_service *s, const char *jid, const char *id,
                   void (*done)(int code, void *arg), void *arg)
{
    struct cnc__gather *g = cnc__gather_new(done, arg);
    int code = id == NULL ? end_all(s, jid, g) : end_one(s, jid, id, g);

    cnc__gather_end(g);
    return code;
}
