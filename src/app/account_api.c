/* SPDX-License-Identifier: MIT */
/*
 * account_api.c -- concordance/login.h for handlers: addresses, accounts and
 * roles.
 */
#include "../xmpp/jid.h"
#include "slow.h"

int
cnc_bare_jid(const struct cnc_request *r, char out[CNC_JID_SIZE],
             const char *text, bool *ours)
{
    const char *domain;
    struct cnc__str jid = CNC__STR;
    char prepared[CNC__JID_MAX + 1];
    size_t len;
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    domain = cnc__router_domain(r->app->apps->env.router);
    text += strspn(text, " \t\r\n");
    len = strcspn(text, " \t\r\n");
    cnc__str_add(&jid, text, len);
    if (len > 0 && strchr(jid.data, '@') == NULL) {
        cnc__str_printf(&jid, "@%s", domain);
    }
    code = text[len + strspn(text + len, " \t\r\n")] != '\0' || len == 0
               ? CNC_EINVAL
               : cnc__jid_prepare(prepared, jid.data, jid.len, NULL);
    cnc__str_fini(&jid);
    if (code != 0 || !cnc__jid_has_local(prepared) ||
        cnc__jid_bare_len(prepared) >= CNC_JID_SIZE) {
        return CNC_EINVAL;
    }
    prepared[cnc__jid_bare_len(prepared)] = '\0';
    memcpy(out, prepared, strlen(prepared) + 1);
    if (ours != NULL) {
        *ours = cnc__jid_is_at(out, domain);
    }
    return 0;
}

/* -- accounts --------------------------------------------------------------
 */

static void
exists_on_core(void *arg)
{
    struct cnc__quick *q = arg;

    q->found = cnc__ops_of(q->r)->exists(q->a, cnc__ops_priv(q->r));
}

bool
cnc_account_exists(struct cnc_request *r, const char *user)
{
    struct cnc__quick q = {.r = r, .a = user};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return cnc__quick_ask(&q, exists_on_core) == 0 && q.found;
}

static int
ask_find(struct cnc__slow *s)
{
    cnc__ops_of(s->r)->find(s->a, cnc__slow_finished, s, cnc__ops_priv(s->r));
    return 0;
}

int
cnc_account_find(struct cnc_request *r, const char *user, cnc_then_f *then)
{
    return cnc__slow_run(cnc__slow_new(r, then, ask_find, user, NULL, NULL));
}

static int
ask_check(struct cnc__slow *s)
{
    cnc__ops_of(s->r)->check(s->a, s->b, s->c, cnc__slow_finished, s,
                             cnc__ops_priv(s->r));
    return 0;
}

int
cnc_account_check(struct cnc_request *r, const char *user,
                  const char *password, cnc_then_f *then)
{
    return cnc__slow_run(
        cnc__slow_new(r, then, ask_check, user, password, cnc_addr(r)));
}

/* What adds, changes or takes away. */
static int
change(struct cnc_request *r, const char *call, cnc_then_f *then,
       int (*ask)(struct cnc__slow *s), const char *user, const char *what,
       bool flag)
{
    struct cnc__slow *s;
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    code = cnc__request_may_change(r, call, NULL);
    if (code != 0) {
        return code;
    }
    s = cnc__slow_new(r, then, ask, user, what, NULL);
    s->flag = flag;
    return cnc__slow_run(s);
}

static int
ask_set(struct cnc__slow *s)
{
    cnc__ops_of(s->r)->set(s->a, s->b, s->flag, cnc__slow_finished, s,
                           cnc__ops_priv(s->r));
    return 0;
}

int
cnc_account_add(struct cnc_request *r, const char *user, const char *password,
                cnc_then_f *then)
{
    return change(r, "cnc_account_add", then, ask_set, user, password, true);
}

int
cnc_account_password(struct cnc_request *r, const char *user,
                     const char *password, cnc_then_f *then)
{
    return change(r, "cnc_account_password", then, ask_set, user, password,
                  false);
}

static int
ask_remove(struct cnc__slow *s)
{
    cnc__ops_of(s->r)->remove(s->a, cnc__slow_finished, s,
                              cnc__ops_priv(s->r));
    return 0;
}

int
cnc_account_delete(struct cnc_request *r, const char *user, cnc_then_f *then)
{
    return change(r, "cnc_account_delete", then, ask_remove, user, NULL,
                  false);
}

/* -- roles -----------------------------------------------------------------
 */

static int
ask_role(struct cnc__slow *s)
{
    cnc__ops_of(s->r)->role(s->a, s->b, s->flag, cnc__slow_finished, s,
                            cnc__ops_priv(s->r));
    return 0;
}

int
cnc_role_set(struct cnc_request *r, const char *jid, const char *role,
             bool has, cnc_then_f *then)
{
    return change(r, "cnc_role_set", then, ask_role, jid, role, has);
}

static void
roles_on_core(void *arg)
{
    struct cnc__quick *q = arg;

    q->code =
        cnc__ops_of(q->r)->roles(q->on_role, q->priv, cnc__ops_priv(q->r));
}

/* A copy of what the core has: f runs on the handler's thread. */
struct rows {
    struct cnc__str text; /* NUL after each */
    size_t n;
};

static int
keep_role(const char *jid, const char *role, void *priv)
{
    struct rows *rows = priv;

    cnc__str_add(&rows->text, jid, strlen(jid) + 1);
    cnc__str_add(&rows->text, role, strlen(role) + 1);
    rows->n++;
    return 0;
}

int
cnc_roles_each(struct cnc_request *r, cnc_role_f *f, void *priv)
{
    struct rows rows = {CNC__STR, 0};
    struct cnc__quick q = {.r = r, .on_role = keep_role, .priv = &rows};
    const char *at;
    int stop;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    stop = cnc__quick_ask(&q, roles_on_core);
    at = rows.text.data;
    for (size_t i = 0; i < rows.n && stop == 0; i++) {
        const char *role = at + strlen(at) + 1;

        stop = f(at, role, priv);
        at = role + strlen(role) + 1;
    }
    cnc__str_fini(&rows.text);
    return stop;
}
