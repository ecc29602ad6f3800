/* SPDX-License-Identifier: MIT */
/*
 * login-ops.c -- what apps ask about accounts, roles and log-ins
 * (concordance/login.h), joined to the files that know.
 */
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "weblogin.h"

struct call { /* somebody's done */
    cnc__code_f *done;
    void *arg;
};

static struct call *
call_new(cnc__code_f *done, void *arg)
{
    struct call *c = cnc__zalloc(sizeof(*c));

    c->done = done;
    c->arg = arg;
    return c;
}

static void
call_code(struct call *c, int code)
{
    c->done(code, c->arg);
    cnc__free(c);
}

static void
on_account(const struct cnc_error *err, void *priv)
{
    call_code(priv, err == NULL ? 0 : err->code);
}

static void
on_kept(void *priv, bool kept)
{
    if (priv != NULL) {
        call_code(priv, kept ? 0 : CNC_ESTORE);
    }
}

/* The local part of an account that may be of this domain; NULL: none. */
static char *
local_part(const struct cnc_service *s, const char *user)
{
    const char *domain = cnc__router_domain(s->router);
    struct cnc__str jid = CNC__STR;
    char prepared[CNC__JID_MAX + 1];
    bool ok;

    cnc__str_puts(&jid, user);
    if (strchr(user, '@') == NULL) {
        cnc__str_printf(&jid, "@%s", domain);
    }
    ok = cnc__jid_prepare(prepared, cnc__str_c(&jid), jid.len, NULL) == 0 &&
         cnc__jid_has_local(prepared) && cnc__jid_resource(prepared) == NULL &&
         cnc__jid_is_at(prepared, domain);
    cnc__str_fini(&jid);
    return ok ? cnc__strndup(prepared, strcspn(prepared, "@")) : NULL;
}

static bool
op_exists(const char *user, void *priv)
{
    struct cnc_service *s = priv;
    char *local = local_part(s, user);
    bool there = local != NULL && cnc__logins_exists(s->accounts, local);

    cnc__free(local);
    return there;
}

static void
op_find(const char *user, cnc__code_f *done, void *arg, void *priv)
{
    struct cnc_service *s = priv;
    char *local = local_part(s, user);

    if (local == NULL || cnc__logins_is_reserved(local)) {
        done(CNC_ENOENT, arg);
    } else {
        cnc__outside_find(s->outside, local, done, arg);
    }
    cnc__free(local);
}

static void
op_check(const char *user, const char *password, const char *addr,
         cnc__code_f *done, void *arg, void *priv)
{
    cnc__password_check(priv, user, password, addr, done, arg);
}

static void
op_set(const char *user, const char *password, bool must_be_new,
       cnc__code_f *done, void *arg, void *priv)
{
    struct cnc_service *s = priv;
    char *local = local_part(s, user);

    if (local == NULL) {
        done(must_be_new ? CNC_EINVAL : CNC_ENOENT, arg);
    } else if (must_be_new) {
        cnc__outside_add(s->outside, local, password, on_account,
                         call_new(done, arg));
    } else {
        cnc__logins_set(s->accounts, local, password, false, on_account,
                        call_new(done, arg));
    }
    cnc__free(local);
}

static void
op_remove(const char *user, cnc__code_f *done, void *arg, void *priv)
{
    struct cnc_service *s = priv;
    char *local = local_part(s, user);

    if (local == NULL) {
        done(CNC_ENOENT, arg);
    } else {
        cnc__logins_delete(s->accounts, local, on_account,
                           call_new(done, arg));
    }
    cnc__free(local);
}

static void
op_role(const char *jid, const char *role, bool has, cnc__code_f *done,
        void *arg, void *priv)
{
    struct cnc_service *s = priv;
    int code = cnc__roles_set(s->roles, jid, role, has, done, arg, NULL);

    if (code != 0) {
        done(code, arg);
    }
}

static int
op_roles(cnc_role_f *f, void *f_priv, void *priv)
{
    struct cnc_service *s = priv;

    return cnc__roles_each(s->roles, f, f_priv);
}

static int
op_login(struct cnc__web_call *web, const char *jid, uint32_t seconds,
         cnc__code_f *done, void *arg, void *priv)
{
    return cnc__weblogin_begin(priv, web, jid, seconds, done, arg, NULL);
}

static void
op_logout(struct cnc__web_call *web, cnc__code_f *done, void *arg, void *priv)
{
    cnc__weblogin_logout(priv, web, done, arg);
}

/* Whose?  NULL stays NULL; a full one becomes bare.  False: nobody's. */
static bool
whose(char out[CNC__JID_MAX + 1], const char *jid)
{
    if (jid != NULL) {
        if (cnc__jid_prepare(out, jid, strlen(jid), NULL) != 0) {
            return false;
        }
        out[cnc__jid_bare_len(out)] = '\0';
    }
    return true;
}

static int
op_each(const char *jid, const struct cnc__caller *who, cnc_login_f *f,
        void *f_priv, void *priv)
{
    char bare[CNC__JID_MAX + 1];

    return !whose(bare, jid)
               ? 0
               : cnc__weblogins_list(priv, jid == NULL ? NULL : bare,
                                     who == NULL ? NULL : who->login,
                                     who == NULL ? 0 : who->session_id, f,
                                     f_priv);
}

static int
op_end(const char *jid, const char *id, cnc__code_f *done, void *arg,
       void *priv)
{
    char bare[CNC__JID_MAX + 1];

    if (jid == NULL || !whose(bare, jid)) {
        if (done != NULL) {
            done(0, arg);
        }
        return CNC_ENOENT;
    }
    return cnc__weblogins_end(priv, bare, id, done, arg);
}

static int
op_token_new(char token[CNC_TOKEN_SIZE], const char *purpose, const char *text,
             uint32_t seconds, cnc__code_f *done, void *arg, void *priv)
{
    struct cnc_service *s = priv;
    struct call *c = done == NULL ? NULL : call_new(done, arg);
    int code = cnc__onetime_make(s->onetime, token, purpose, text, seconds,
                                 on_kept, c);

    if (code != 0) {
        cnc__free(c);
    }
    return code;
}

static int
op_token_take(const char *token, const char *purpose, char *text, size_t size,
              cnc__code_f *done, void *arg, void *priv)
{
    struct cnc_service *s = priv;
    struct call *c = done == NULL ? NULL : call_new(done, arg);
    int code = cnc__onetime_take(s->onetime, token, purpose, false, text, size,
                                 on_kept, c);

    if (code != 0) {
        cnc__free(c);
    }
    return code;
}

static int
op_token_look(const char *token, const char *purpose, char *text, size_t size,
              void *priv)
{
    struct cnc_service *s = priv;

    return cnc__onetime_take(s->onetime, token, purpose, true, text, size,
                             NULL, NULL);
}

static void
op_confirm(const char *jid, const char *id, const char *url, cnc__code_f *done,
           void *arg, void *priv)
{
    struct cnc_service *s = priv;
    int code = cnc__confirm(s->confirms, jid, id, url, done, arg);

    if (code != 0) {
        done(code, arg);
    }
}

static int
op_message(const char *to, const char *body, void *priv)
{
    struct cnc_service *s = priv;
    char jid[CNC__JID_MAX + 1], id[33];
    struct cnc__str xml = CNC__STR;
    int code;

    if (cnc__jid_prepare(jid, to, strlen(to), NULL) != 0) {
        return CNC_EINVAL;
    }
    cnc__random_hex(id, 16);
    cnc__xml_printf(&xml,
                    "<message type='chat' id='%s' from='%s' to='%s'>"
                    "<body>%s</body></message>",
                    id, cnc__router_domain(s->router), jid, body);
    code = cnc__service_say(s, jid, xml.data, xml.len);
    cnc__str_fini(&xml);
    return code;
}

const struct cnc__login_ops cnc__service_login_ops = {
    .exists = op_exists,
    .find = op_find,
    .check = op_check,
    .set = op_set,
    .remove = op_remove,
    .role = op_role,
    .roles = op_roles,
    .login = op_login,
    .logout = op_logout,
    .each = op_each,
    .end = op_end,
    .token_new = op_token_new,
    .token_take = op_token_take,
    .token_look = op_token_look,
    .confirm = op_confirm,
    .message = op_message,
};
