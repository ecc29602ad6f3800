/* SPDX-License-Identifier: MIT */
/*
 * password.c -- a password that an app was given, against the keys of an
 * account: away from the core's thread, as slow for nobody's name as for
 * somebody's, and counted as SASL's failures are.
 */
#include "../xmpp/jid.h"
#include "private.h"

#define MAX_PASSWORD 1023

struct cnc__password_late {
    struct cnc__password_late *next;
    struct cnc_service *service;
    char *account, *password, *addr;
    struct cnc__scram_keys keys;
    bool known, right, denied; /* denied: an app said no */
    uint32_t delay_ms;
    uint64_t due_ms;
    int code;
    void (*done)(int code, void *arg);
    void *arg;
};

static void
finish(struct cnc__password_late *p, int code)
{
    p->done(code, p->arg);
    cnc__wipe(p->password, strlen(p->password));
    cnc__wipe(&p->keys, sizeof(p->keys));
    cnc__free(p->account);
    cnc__free(p->password);
    cnc__free(p->addr);
    cnc__free(p);
}

/* Both outcomes alike come later, or the time would tell. */
static void
answer(struct cnc__password_late *p, int code)
{
    struct cnc_service *s = p->service;

    if (p->delay_ms == 0) {
        finish(p, code);
        return;
    }
    p->code = code;
    p->due_ms = uv_now(&s->process->loop) + p->delay_ms;
    p->next = s->late;
    s->late = p;
}

void
cnc__password_tick(struct cnc_service *s, uint64_t now_ms)
{
    struct cnc__password_late *p = s->late, *next;

    s->late = NULL;
    for (; p != NULL; p = next) {
        next = p->next;
        if (p->due_ms <= now_ms) {
            finish(p, p->code);
        } else {
            p->next = s->late;
            s->late = p;
        }
    }
}

void
cnc__password_free(struct cnc_service *s)
{
    while (s->late != NULL) {
        struct cnc__password_late *p = s->late;

        s->late = p->next;
        finish(p, CNC_ECLOSED);
    }
}

static bool
is_exempt(const char *addr)
{
    return addr[0] == '\0' || strncmp(addr, "127.", 4) == 0 ||
           strcmp(addr, "::1") == 0 || strcmp(addr, "unix") == 0;
}

static void
judge(struct cnc__password_late *p)
{
    struct cnc_service *s = p->service;

    if (p->right) {
        cnc__guard_succeeded(s->guard, p->addr, p->account);
    } else {
        cnc__guard_failed(s->guard, p->addr, p->account,
                          uv_now(&s->process->loop));
    }
    cnc__log(CNC_LOG_INFO, p->right ? "auth.ok" : "auth.failed",
             "peer=%s mechanism=app account=%s", p->addr, p->account);
    answer(p, p->right ? 0 : CNC_EAUTH);
}

static void
work(void *arg)
{
    struct cnc__password_late *p = arg;

    p->right = cnc__scram_check(&p->keys, p->password, true) && p->known;
}

static void
worked(void *arg)
{
    judge(arg);
}

/* No app knows better: the kept keys. */
static void
check_keys(struct cnc__password_late *p)
{
    struct cnc_service *s = p->service;
    char *local = cnc__strndup(p->account, strcspn(p->account, "@"));

    p->known = !p->denied &&
               cnc__logins_keys(&p->keys, local, true, s->accounts) == 0;
    cnc__free(local);
    if (!p->known) {
        p->keys = (struct cnc__scram_keys){
            .iterations = CNC__SCRAM_ITERATIONS, .n_salt = 16, .n_key = 32};
        cnc__random(p->keys.salt, p->keys.n_salt);
    }
    cnc__service_offload(work, worked, p, s);
}

static void
on_hook(int code, const char *text, void *priv)
{
    struct cnc__password_late *p = priv;

    if (code == 0) {
        p->right = true;
        judge(p);
    } else if (code == CNC_ENOENT || code == CNC_EAUTH) {
        /* As slow for a name that the app knows as for one that nobody has. */
        p->denied = code == CNC_EAUTH;
        check_keys(p);
    } else {
        /* Nobody guessed: the app could not find out. */
        cnc__log(CNC_LOG_WARN, "auth.unsure", "peer=%s account=%s reason=%s",
                 p->addr, p->account,
                 text == NULL ? cnc_err_name(code) : text);
        answer(p, CNC_EREFUSED);
    }
}

/* "anna" of this domain; "" is nobody's. */
static char *
account_of(const struct cnc_service *s, const char *user)
{
    const char *domain = cnc__router_domain(s->router);
    struct cnc__str jid = CNC__STR;
    char prepared[CNC__JID_MAX + 1];
    bool ok;

    cnc__str_puts(&jid, user);
    if (strchr(user, '@') == NULL) {
        cnc__str_printf(&jid, "@%s", domain);
    }
    ok = cnc__jid_prepare(prepared, jid.data, jid.len, NULL) == 0 &&
         cnc__jid_has_local(prepared) && cnc__jid_resource(prepared) == NULL &&
         cnc__jid_is_at(prepared, domain);
    cnc__str_fini(&jid);
    return cnc__strdup(ok ? prepared : "");
}

void
cnc__password_check(struct cnc_service *s, const char *user,
                    const char *password, const char *addr,
                    void (*done)(int code, void *arg), void *arg)
{
    struct cnc__password_late *p = cnc__zalloc(sizeof(*p));
    char *local;

    p->service = s;
    p->done = done;
    p->arg = arg;
    p->addr = cnc__strdup(addr);
    p->account = account_of(s, user);
    p->password = cnc__strndup(password, strnlen(password, MAX_PASSWORD + 1));
    if (!cnc__guard_may_try(s->guard, addr, is_exempt(addr), p->account,
                            uv_now(&s->process->loop), &p->delay_ms)) {
        finish(p, CNC_ELIMIT);
        return;
    }
    if (p->account[0] == '\0') {
        check_keys(p); /* nobody's, and it takes as long */
        return;
    }
    local = cnc__strndup(p->account, strcspn(p->account, "@"));
    cnc__hook_password(s, local, p->password, on_hook, p);
    cnc__free(local);
}
