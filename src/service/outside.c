/* SPDX-License-Identifier: MIT */
/*
 * outside.c -- accounts that a directory outside has: whose password an app's
 * hook found right ("check-password"), or whom it knows ("account-exists").
 *
 * The directory is asked each time; what is kept of it is the names alone, as
 * KEY ("outside", user), for those who cannot wait for an answer: messages to
 * somebody who is offline are kept for him, presence finds him.
 */
#include "private.h"

#define OUTSIDE_MAGIC 0x6f757473u
#define MAX_NAMES     200000u

struct cnc__outside {
    unsigned magic;
    struct cnc_service *service;
    struct cnc__table *names; /* local part -> the struct itself */
};

struct cnc__outside *
cnc__outside_new(struct cnc_service *s)
{
    struct cnc__outside *o = cnc__zalloc(sizeof(*o));

    o->magic = OUTSIDE_MAGIC;
    o->service = s;
    o->names = cnc__table_new();
    return o;
}

void
cnc__outside_free(struct cnc__outside **op)
{
    struct cnc__outside *o = *op;

    if (o != NULL) {
        CNC_OBJ_CHECK(o, OUTSIDE_MAGIC);
        *op = NULL;
        cnc__table_free(&o->names, NULL);
        CNC_OBJ_FREE(o);
    }
}

void
cnc__outside_load(struct cnc__outside *o, const struct cnc_store_entry *e)
{
    CNC_OBJ_CHECK(o, OUTSIDE_MAGIC);
    cnc__table_put(o->names, e->id, o);
}

bool
cnc__outside_has(const struct cnc__outside *o, const char *user)
{
    CNC_OBJ_CHECK(o, OUTSIDE_MAGIC);
    return cnc__table_get(o->names, user) != NULL;
}

void
cnc__outside_saw(struct cnc__outside *o, const char *user)
{
    CNC_OBJ_CHECK(o, OUTSIDE_MAGIC);
    if (cnc__table_get(o->names, user) == NULL &&
        cnc__table_len(o->names) < MAX_NAMES) {
        cnc__table_put(o->names, user, o);
        cnc__keep_key(o->service, "outside", user, "1", 1, NULL, NULL);
    }
}

/* It was there: whoever is logged in by that name is not any more.  Roles
 * stay: a directory may be wrong for a while. */
static void
gone(struct cnc__outside *o, const char *user)
{
    struct cnc_service *s = o->service;
    struct cnc__str bare = CNC__STR;

    if (cnc__table_del(o->names, user) == NULL) {
        return;
    }
    cnc__keep_key(s, "outside", user, "", 0, NULL, NULL);
    cnc__log(CNC_LOG_INFO, "account.gone", "user=%s", user);
    if (!cnc__logins_exists(s->accounts, user)) {
        cnc__str_printf(&bare, "%s@%s", user, cnc__router_domain(s->router));
        cnc__weblogins_end(s, bare.data, NULL, NULL, NULL);
        cnc__str_fini(&bare);
    }
}

/* -- is there such an account? ---------------------------------------------
 */

struct finding {
    struct cnc__outside *outside;
    char *user;
    void (*done)(int code, void *arg);
    void *arg;
};

static void
on_answer(int code, const char *text, void *priv)
{
    struct finding *f = priv;
    struct cnc__outside *o = f->outside;

    if (code == 0) {
        cnc__outside_saw(o, f->user);
    } else if (code == CNC_ENOENT) {
        gone(o, f->user);
    }
    if (code != 0 && cnc__logins_exists(o->service->accounts, f->user)) {
        code = 0;
    }
    f->done(code == 0 || code == CNC_ENOENT ? code : CNC_EREFUSED, f->arg);
    cnc__free(f->user);
    cnc__free(f);
}

/* The directory first, also for those that are kept here: how long it takes
 * does not tell which are. */
void
cnc__outside_find(struct cnc__outside *o, const char *user,
                  void (*done)(int code, void *arg), void *arg)
{
    struct finding *f = cnc__zalloc(sizeof(*f));

    CNC_OBJ_CHECK(o, OUTSIDE_MAGIC);
    *f = (struct finding){o, cnc__strdup(user), done, arg};
    cnc__hook_exists(o->service, user, on_answer, f);
}

/* -- a new account ---------------------------------------------------------
 */

struct newcomer {
    struct cnc_service *service;
    char *user, *password;
    cnc__login_done_f *done;
    void *priv;
};

static void
on_found(int code, void *arg)
{
    struct newcomer *n = arg;
    struct cnc_error err = {0};

    if (code == CNC_ENOENT) {
        cnc__logins_set(n->service->accounts, n->user, n->password, true,
                        n->done, n->priv);
    } else {
        cnc_error_set(&err, code == 0 ? CNC_EEXIST : CNC_EREFUSED,
                      code == 0 ? "conflict" : "resource-constraint",
                      code == 0 ? "There is an account of this name."
                                : "It cannot be asked now whether there is "
                                  "such an account; try again.");
        n->done(&err, n->priv);
    }
    cnc__wipe(n->password, strlen(n->password));
    cnc__free(n->password);
    cnc__free(n->user);
    cnc__free(n);
}

void
cnc__outside_add(struct cnc__outside *o, const char *user,
                 const char *password, cnc__login_done_f *done, void *priv)
{
    struct newcomer *n = cnc__zalloc(sizeof(*n));

    CNC_OBJ_CHECK(o, OUTSIDE_MAGIC);
    *n = (struct newcomer){o->service, cnc__strdup(user),
                           cnc__strdup(password), done, priv};
    cnc__outside_find(o, user, on_found, n);
}
