/* SPDX-License-Identifier: MIT */
/*
 * login_api.c -- concordance/login.h for handlers: who is logged in where.
 */
#include "slow.h"

/* What the service does here holds at once; what the handler says is told when
 * it is durable. */

static void
login_on_core(void *arg)
{
    struct cnc__quick *q = arg;
    struct cnc__web_call *web = cnc__request_web(q->r);

    q->code = web == NULL
                  ? CNC_EPROTO
                  : cnc__ops_of(q->r)->login(web, q->a, q->seconds,
                                             cnc__request_keeps(q->r), q->r,
                                             cnc__ops_priv(q->r));
}

int
cnc_login(struct cnc_request *r, const char *jid, uint32_t seconds)
{
    struct cnc__quick q = {.r = r, .a = jid, .seconds = seconds};
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    code = cnc__request_may_change(r, "cnc_login", NULL);
    return code != 0 ? code : cnc__quick_ask(&q, login_on_core);
}

static void
browser_on_core(void *arg)
{
    struct cnc__quick *q = arg;

    q->found = cnc__request_web(q->r) != NULL;
}

bool
cnc_by_browser(struct cnc_request *r)
{
    struct cnc__quick q = {.r = r};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return cnc__quick_ask(&q, browser_on_core) == 0 && q.found;
}

static void
logout_on_core(void *arg)
{
    struct cnc__quick *q = arg;
    struct cnc__web_call *web = cnc__request_web(q->r);

    q->code = web == NULL ? CNC_EPROTO : 0;
    if (web != NULL) {
        cnc__ops_of(q->r)->logout(web, cnc__request_keeps(q->r), q->r,
                                  cnc__ops_priv(q->r));
    }
}

int
cnc_logout(struct cnc_request *r)
{
    struct cnc__quick q = {.r = r};
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    code = cnc__request_may_change(r, "cnc_logout", NULL);
    return code != 0 ? code : cnc__quick_ask(&q, logout_on_core);
}

struct login_rows {
    struct cnc_login_info *rows;
    size_t n, cap;
};

static int
keep_login(const struct cnc_login_info *l, void *priv)
{
    struct login_rows *all = priv;
    struct cnc_login_info *row;

    all->rows = cnc__grow(all->rows, all->n, &all->cap, sizeof(*all->rows));
    row = &all->rows[all->n++];
    *row = *l;
    row->id = cnc__strdup(l->id);
    row->jid = cnc__strdup(l->jid);
    row->agent = cnc__strdup(l->agent);
    row->addr = cnc__strdup(l->addr);
    return 0;
}

static void
logins_on_core(void *arg)
{
    struct cnc__quick *q = arg;

    q->code = cnc__ops_of(q->r)->each(q->a, q->r->caller, q->on_login, q->priv,
                                      cnc__ops_priv(q->r));
}

int
cnc_logins_each(struct cnc_request *r, const char *jid, cnc_login_f *f,
                void *priv)
{
    struct login_rows all = {NULL, 0, 0};
    struct cnc__quick q = {
        .r = r, .a = jid, .on_login = keep_login, .priv = &all};
    int stop;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    stop = cnc__quick_ask(&q, logins_on_core);
    for (size_t i = 0; i < all.n; i++) {
        struct cnc_login_info *row = &all.rows[i];

        stop = stop == 0 ? f(row, priv) : stop;
        cnc__free((char *)row->id);
        cnc__free((char *)row->jid);
        cnc__free((char *)row->agent);
        cnc__free((char *)row->addr);
    }
    cnc__free(all.rows);
    return stop;
}

static void
end_on_core(void *arg)
{
    struct cnc__quick *q = arg;

    q->code = cnc__ops_of(q->r)->end(q->a, q->b, cnc__request_keeps(q->r),
                                     q->r, cnc__ops_priv(q->r));
}

int
cnc_logins_end(struct cnc_request *r, const char *jid, const char *id)
{
    struct cnc__quick q = {.r = r, .a = jid, .b = id};
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    code = cnc__request_may_change(r, "cnc_logins_end", NULL);
    return code != 0 ? code : cnc__quick_ask(&q, end_on_core);
}
