/* SPDX-License-Identifier: MIT */
/*
 * reload.c -- what is read again while the service runs: SIGHUP, and the
 * command "service/reload".
 *
 *   configuration -> judged whole; wrong: nothing changes, and that is all
 *     -> what may change does, what may not is named
 *   the log's file -> certificates -> apps whose module or files are others
 *
 * No stream, session or subscription is touched.
 */
#include "options.h"

/* What the options now in effect point into. */
struct cnc__generation {
    struct cnc_service_words *words;
    struct cnc_service_options o;
};

struct cnc__reload {
    struct cnc__process *process;
    struct cnc__str said, changed, restart; /* for people; names of options */
    bool failed;
    size_t domain; /* whose apps are next */
    cnc__reload_done_f *done;
    void *priv;
};

static void
generation_free(struct cnc__generation **gp)
{
    if (*gp != NULL) {
        cnc_service_options_fini(&(*gp)->o);
        cnc_service_words_free(&(*gp)->words);
        cnc__free(*gp);
        *gp = NULL;
    }
}

void
cnc__reload_free(struct cnc__process *p)
{
    generation_free(&p->generation);
}

/* -- names of options ------------------------------------------------------
 */

static void
add_name(struct cnc__str *list, const char *name)
{
    const char *s = cnc__str_c(list), *at = strstr(s, name);
    size_t len = strlen(name);

    for (; at != NULL; at = strstr(at + 1, name)) {
        if ((at == s || at[-1] == ' ') &&
            (at[len] == '\0' || at[len] == ',')) {
            return; /* of another domain, too */
        }
    }
    cnc__str_printf(list, "%s%s", list->len == 0 ? "" : ", ", name);
}

static bool
same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_list(const char *const *a, const char *const *b)
{
    size_t i = 0;

    while (a != NULL && b != NULL && a[i] != NULL && b[i] != NULL) {
        if (strcmp(a[i], b[i]) != 0) {
            return false;
        }
        i++;
    }
    return (a == NULL || a[i] == NULL) && (b == NULL || b[i] == NULL);
}

static bool
same(const struct cnc__option *opt, const void *a, const void *b)
{
    switch (opt->kind) {
    case CNC__OPTION_TEXT:
        return same_text(*(const char *const *)a, *(const char *const *)b);
    case CNC__OPTION_LIST:
        return same_list(*(const char *const *const *)a,
                         *(const char *const *const *)b);
    case CNC__OPTION_NUMBER:
        return *(const uint32_t *)a == *(const uint32_t *)b;
    case CNC__OPTION_FLAG:
        return *(const bool *)a == *(const bool *)b;
    default:
        return true;
    }
}

/* -- options ---------------------------------------------------------------
 */

static void
move(const struct cnc__option *opt, void *to, void *from, bool owns_lists)
{
    const char **list;

    switch (opt->kind) {
    case CNC__OPTION_TEXT:
        *(const char **)to = *(const char **)from;
        break;
    case CNC__OPTION_LIST:
        list = *(const char ***)to;
        *(const char ***)to = *(const char ***)from;
        if (owns_lists) {
            cnc__free((void *)list);
            *(const char ***)from = NULL;
        }
        break;
    case CNC__OPTION_NUMBER:
        *(uint32_t *)to = *(uint32_t *)from;
        break;
    default:
        *(bool *)to = *(bool *)from;
    }
}

/* What is in effect becomes what is wanted, as far as it may; own: of a
 * domain, where those of the process have been compared already. */
static void
take(struct cnc__reload *l, struct cnc_service_options *is,
     struct cnc_service_options *wanted, bool own)
{
    for (size_t i = 0; i < cnc__n_options; i++) {
        const struct cnc__option *opt = &cnc__options[i];
        void *a = (char *)is + opt->offset, *b = (char *)wanted + opt->offset;

        if (opt->kind == CNC__OPTION_FRONT ||
            opt->offset == offsetof(struct cnc_service_options, domain)) {
            continue;
        }
        if (own == (opt->own != 0) && !same(opt, a, b)) {
            add_name(opt->live ? &l->changed : &l->restart, opt->name);
        }
        if (opt->live) { /* also when it is the same: see generation */
            move(opt, a, b, own);
        }
    }
}

/* Their apps are not compared one by one: the words are. */
static bool
same_apps(const struct cnc_service_words *a, const struct cnc_service_words *b)
{
    int i = 0, k = 0;

    for (;;) {
        while (i < a->argc && a->argv[i][0] == '-') {
            i++;
        }
        while (k < b->argc && b->argv[k][0] == '-') {
            k++;
        }
        if (i == a->argc || k == b->argc) {
            return i == a->argc && k == b->argc;
        }
        if (strcmp(a->argv[i++], b->argv[k++]) != 0) {
            return false;
        }
    }
}

/* Options of a command line that was read before, whatever its apps. */
static int
parse(struct cnc__generation *g, struct cnc_error *err)
{
    int used = 0, code = 0;

    g->o.size = sizeof(g->o);
    for (int i = 0; code == 0 && i < g->words->argc; i += used == 0) {
        code = cnc_service_options_parse(&g->o, g->words->argc - i,
                                         g->words->argv + i, &used, err);
        i += used;
    }
    return code;
}

/* In any order; a domain that is not there yet, or no more, is a restart's. */
static struct cnc__settled *
settled_of(const struct cnc_service *s, struct cnc__settled *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (cnc__is_same_domain(list[i].o.domain, s->o.domain)) {
            return &list[i];
        }
    }
    return NULL;
}

static bool
same_domains(const struct cnc__process *p, struct cnc__settled *list, size_t n)
{
    for (size_t i = 0; i < p->n_domains; i++) {
        if (settled_of(p->domains[i], list, n) == NULL) {
            return false;
        }
    }
    return n == p->n_domains;
}

static void
take_all(struct cnc__reload *l, struct cnc__plan *plan,
         struct cnc__settled *settled)
{
    struct cnc__process *p = l->process;

    take(l, &p->o, &plan->o, false);
    for (size_t i = 0; i < p->n_domains; i++) {
        struct cnc_service *s = p->domains[i];

        take(l, &s->o, &settled_of(s, settled, plan->n_domains)->o, true);
    }
}

/* What was made of the options is made again. */
static void
apply(struct cnc__process *p)
{
    cnc__set_log_level(p->o.log_level);
    for (size_t i = 0; i < p->n_domains; i++) {
        struct cnc_service *s = p->domains[i];
        const struct cnc__apps_limits limits = cnc__service_limits(s);

        s->web_env.max_stanza = s->c2s_env.max_stanza = s->o.max_stanza;
        s->web_env.max_queue = s->c2s_env.max_queue = s->o.max_queue;
        cnc__sm_configure(s->router, &(struct cnc__sm_config){
                                         .timeout_ms = s->o.resume * 1000});
        cnc__router_max_resources(
            s->router, s->o.max_resources == 0 ? 50 : s->o.max_resources);
        cnc__apps_set_limits(s->apps, &limits);
        cnc__gate_users(s->gate, &s->link_env);
        if (s->s2s != NULL) {
            cnc__s2s_set_lists(s->s2s, s->o.s2s_allow, s->o.s2s_deny,
                               s->o.s2s_plain);
        }
    }
    cnc__sites_free(&p->sites);
    p->sites = cnc__sites_new(p, !p->named && !cnc__is_loopback(p->o.http));
}

/* Judge it whole, then take it. */
static int
take_file(struct cnc__reload *l, struct cnc_error *err)
{
    struct cnc__process *p = l->process;
    const struct cnc_service_words *first = p->o.words;
    struct cnc__generation *next = cnc__zalloc(sizeof(*next));
    struct cnc__plan plan = {0};
    struct cnc__settled *settled = NULL;
    size_t n = 0;
    int code =
        cnc_service_words_new(&next->words, first->n_given, first->given, err);

    if (code == 0 && (code = parse(next, err)) == 0) {
        code = cnc__plan_new(&plan, &next->o, err);
    }
    if (code == 0) {
        settled = cnc__zalloc(plan.n_domains * sizeof(*settled));
    }
    while (code == 0 && n < plan.n_domains) {
        code = cnc__plan_domain(&settled[n], &plan, n, err);
        n++;
    }
    if (code == 0 && !same_domains(p, settled, n)) {
        /* Its options have nowhere to be: those of all the file wait. */
        add_name(&l->restart, "domain");
        generation_free(&next);
    } else if (code == 0) {
        take_all(l, &plan, settled);
        if (!same_apps(first, next->words)) {
            add_name(&l->restart, "app");
        }
        apply(p);
        generation_free(&p->generation);
        p->generation = next;
    } else {
        generation_free(&next);
    }
    while (n > 0) {
        cnc__settled_fini(&settled[--n]);
    }
    cnc__free(settled);
    cnc__plan_fini(&plan);
    return code;
}

/* -- the rest --------------------------------------------------------------
 */

/* A line of the answer. */
static void
tell(struct cnc__reload *l, bool good, const char *what, const char *text)
{
    l->failed = l->failed || !good;
    cnc__str_printf(&l->said, "%s: %s\n", what, text);
}

static void
read_log(struct cnc__reload *l)
{
    struct cnc_error err = {0};

    if (cnc__log_file(l->process->o.log, &err) != 0) {
        cnc__log(CNC_LOG_ERROR, "reload.log", "error=%s", err.text);
        tell(l, false, "log", err.text);
    }
}

/* Certificates are renewed every few weeks; sessions stay. */
static void
read_certificates(struct cnc__reload *l)
{
    for (size_t i = 0; i < l->process->n_domains; i++) {
        const struct cnc_service *s = l->process->domains[i];
        struct cnc_error err = {0};

        if (s->o.tls_cert == NULL) {
            continue;
        }
        if (cnc__tls_ctx_reload(s->tls, &err) == 0) {
            cnc__log(CNC_LOG_INFO, "tls.reloaded", "domain=%s cert=%s",
                     s->o.domain, s->o.tls_cert);
            if (cnc__tls_ctx_renewed(s->tls)) {
                tell(l, true, s->o.domain, "a new certificate");
            }
        } else {
            cnc__log(CNC_LOG_ERROR, "tls.stale", "domain=%s error=%s",
                     s->o.domain, err.text);
            tell(l, false, s->o.domain, err.text);
        }
    }
}

static void
end(struct cnc__reload *l)
{
    struct cnc__process *p = l->process;
    bool again = p->reload_again;

    cnc__log(l->failed ? CNC_LOG_ERROR : CNC_LOG_INFO, "reload.done",
             "changed=%s restart=%s failed=%s", cnc__str_c(&l->changed),
             cnc__str_c(&l->restart), l->failed ? "yes" : "no");
    cnc__notify_reloaded(p);
    p->reload = NULL;
    p->reload_again = false;
    if (l->done != NULL) {
        l->done(l->failed, cnc__str_c(&l->said), l->priv);
    }
    cnc__str_fini(&l->said);
    cnc__str_fini(&l->changed);
    cnc__str_fini(&l->restart);
    cnc__free(l);
    if (again && !p->stop_asked) {
        cnc__reload(p, NULL, NULL);
    }
}

static void next_apps(struct cnc__reload *l);

static void
apps_done(bool failed, const char *said, void *priv)
{
    struct cnc__reload *l = priv;

    l->failed = l->failed || failed;
    cnc__str_puts(&l->said, said);
    next_apps(l);
}

static void
next_apps(struct cnc__reload *l)
{
    struct cnc__process *p = l->process;

    if (l->domain < p->n_domains && !p->stop_asked) {
        cnc__apps_reload_changed(p->domains[l->domain++]->apps, apps_done, l);
    } else {
        end(l);
    }
}

bool
cnc__reload(struct cnc__process *p, cnc__reload_done_f *done, void *priv)
{
    struct cnc__reload *l;
    struct cnc_error err = {0};

    if (p->reload != NULL || p->stop_asked) {
        return false;
    }
    p->reload = l = cnc__zalloc(sizeof(*l));
    l->process = p;
    l->done = done;
    l->priv = priv;
    cnc__notify_reloading(p);
    if (p->o.words != NULL && p->o.words->config != NULL &&
        take_file(l, &err) != 0) {
        cnc__log(CNC_LOG_ERROR, "reload.refused", "error=%s", err.text);
        tell(l, false, "nothing changed", err.text);
        end(l);
        return true;
    }
    read_log(l);
    read_certificates(l);
    if (l->changed.len > 0) {
        tell(l, true, "changed", l->changed.data);
    }
    if (l->restart.len > 0) {
        cnc__log(CNC_LOG_WARN, "reload.restart", "options=%s",
                 l->restart.data);
        tell(l, true, l->restart.data, "needs a restart");
    }
    next_apps(l);
    return true;
}

/* -- by whom ----------------------------------------------------------------
 */

void
cnc__reload_hup(struct cnc__process *p)
{
    if (!cnc__reload(p, NULL, NULL)) {
        p->reload_again = true; /* when this one has ended */
    }
}

static void
answer(bool failed, const char *said, void *priv)
{
    struct cnc__command_reply *reply = priv;
    struct cnc_error err = {0};
    size_t len = strlen(said);
    char *text = cnc__strndup(said, len == 0 ? 0 : len - 1);

    if (failed) {
        cnc_error_set(&err, CNC_EINVAL, "not-acceptable", "%s", text);
        cnc__command_done(reply, &err, NULL, NULL);
    } else {
        cnc__command_done(reply, NULL,
                          len == 0 ? "Everything was read again; nothing has "
                                     "changed."
                                   : text,
                          NULL);
    }
    cnc__free(text);
}

void
cnc__reload_command(struct cnc__command_reply *reply, struct cnc__process *p)
{
    struct cnc_error err = {0};

    if (!cnc__reload(p, answer, reply)) {
        cnc_error_set(&err, CNC_EEXIST, "conflict",
                      p->stop_asked ? "the service is stopping"
                                    : "a reload is under way; try again");
        cnc__command_done(reply, &err, NULL, NULL);
    }
}
