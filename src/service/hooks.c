/* SPDX-License-Identifier: MIT */
/*
 * hooks.c -- what the service asks its apps (docs/apps.md "Extending"): is
 * this password right, is there this account, may there be it?
 */
#include "../base/text.h"
#include "private.h"

struct cnc__asking {
    struct cnc_service *service;
    struct cnc_element *in;
    cnc__hook_done_f *done;
    void *priv;
};

static void
add(struct cnc_element *e, const char *name, const char *text)
{
    struct cnc_element *child = NULL;

    CNC_CHECK(cnc_element_new(&child, NULL, name, NULL) == 0);
    /* What XML cannot hold is nobody's name and nobody's password. */
    cnc_element_insert_text(child, 0, text, strlen(text), NULL);
    CNC_CHECK(cnc_element_insert(e, cnc_element_n_children(e), child, NULL) ==
              0);
    cnc_element_unref(&child);
}

static void
on_answer(int code, const char *text, void *priv)
{
    struct cnc__asking *q = priv;
    char *password = (char *)cnc_element_child_text(q->in, NULL, "password");

    if (code == 0 && password[0] != '\0') {
        cnc__outside_saw(q->service->outside,
                         cnc_element_child_text(q->in, NULL, "user"));
    }
    q->done(code, text, q->priv);
    explicit_bzero(password, strlen(password));
    cnc_element_unref(&q->in);
    cnc__free(q);
}

static void
ask(struct cnc_service *s, const char *hook, const char *user,
    const char *second, const char *value, cnc__hook_done_f *done, void *priv)
{
    struct cnc__asking *q = cnc__zalloc(sizeof(*q));
    struct cnc_element *e = NULL;

    CNC_CHECK(cnc_element_new(&e, NULL, hook, NULL) == 0);
    add(e, "user", user);
    if (second != NULL) {
        add(e, second, value);
    }
    q->service = s;
    q->in = e;
    q->done = done;
    q->priv = priv;
    cnc__apps_hook(s->apps, hook, e, on_answer, q);
}

void
cnc__hook_password(struct cnc_service *s, const char *user,
                   const char *password, cnc__hook_done_f *done, void *arg)
{
    /* Somebody outside may be called "operator"; ours is another one. */
    if (cnc__logins_is_reserved(user) ||
        !cnc__xml_chars_valid(password, strlen(password))) {
        done(CNC_ENOENT, NULL, arg);
        return;
    }
    ask(s, "check-password", user, "password", password, done, arg);
}

void
cnc__hook_password_sasl(const char *user, const char *password,
                        cnc__hook_done_f *done, void *arg, void *logins)
{
    cnc__hook_password(cnc__logins_service(logins), user, password, done, arg);
}

void
cnc__hook_exists(struct cnc_service *s, const char *user,
                 cnc__hook_done_f *done, void *priv)
{
    if (cnc__logins_is_reserved(user)) {
        done(CNC_ENOENT, NULL, priv);
        return;
    }
    ask(s, "account-exists", user, NULL, NULL, done, priv);
}

void
cnc__hook_register(struct cnc_service *s, const char *user, const char *addr,
                   cnc__hook_done_f *done, void *priv)
{
    ask(s, "may-register", user, "addr", addr, done, priv);
}
