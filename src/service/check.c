/* SPDX-License-Identifier: MIT */
/*
 * check.c -- concordanced --check: could a service be made of these options?
 * Nothing is opened that a running service holds.
 */
#include "../net/tls.h"
#include "private.h"

static int
check_app(const char *word, struct cnc_error *err)
{
    const char *mount = strrchr(word, '=');
    const struct cnc_app *app;
    char *name = mount != NULL && mount[1] == '/'
                     ? cnc__strndup(word, (size_t)(mount - word))
                     : cnc__strdup(word);
    int code = cnc_app_find(&app, name, err);

    cnc__free(name);
    return code;
}

static int
check_domain(const struct cnc_service_options *o, struct cnc_error *err)
{
    const struct cnc__tls_files files = {
        .cert = o->tls_cert, .key = o->tls_key, .ca = o->ca};
    struct cnc__tls_ctx *tls = NULL;
    int code = cnc__tls_ctx_new(&tls, &files, err);

    cnc__tls_ctx_unref(&tls);
    for (const struct cnc_service_app *a = o->apps;
         code == 0 && a != NULL && (a->app != NULL || a->word != NULL); a++) {
        code = a->word == NULL ? 0 : check_app(a->word, err);
    }
    return code;
}

int
cnc_service_check(const struct cnc_service_options *o, struct cnc_error *err)
{
    const struct cnc_store_driver *driver;
    struct cnc__plan plan;
    int code = cnc__plan_new(&plan, o, err);

    if (code == 0) {
        code = cnc__store_find(&driver, plan.o.store, err);
    }
    for (size_t i = 0; code == 0 && i < plan.n_domains; i++) {
        struct cnc__settled of;

        code = cnc__plan_domain(&of, &plan, i, err);
        if (code == 0 && (code = check_domain(&of.o, err)) != 0) {
            cnc__plan_blame(&plan, i, code, err);
        }
        cnc__settled_fini(&of);
    }
    cnc__plan_fini(&plan);
    return code;
}
