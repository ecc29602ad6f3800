/* SPDX-License-Identifier: MIT */
/*
 * testing.c -- a service on a thread of its own, for a test.
 */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "private.h"

static struct cnc_test *the_only; /* whose folder goes when a check fails */

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

static void
remove_folder(struct cnc_test *t)
{
    if (t == NULL || t->folder[0] == '\0') {
        return;
    }
    /* After a fault the service is still at work in it. */
    for (int i = 0; i < 100 && access(t->folder, F_OK) == 0; i++) {
        nftw(t->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        usleep(access(t->folder, F_OK) == 0 ? 10000 : 0);
    }
    t->folder[0] = '\0';
}

void
cnc__test_die(struct cnc_test *t, const char *fmt, ...)
{
    va_list ap;

    fputs("FAIL: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    remove_folder(t);
    /* Not exit(): the service's thread is at work. */
    _exit(1);
}

void
cnc_test_fail(const char *file, int line, const char *text)
{
    cnc__test_die(the_only, "%s:%d: %s", file, line, text);
}

void
cnc_test_same(const char *file, int line, const char *expr, const char *is,
              const char *want)
{
    if (is == NULL || want == NULL ? is != want : strcmp(is, want) != 0) {
        cnc__test_die(the_only, "%s:%d: %s is \"%s\", not \"%s\"", file, line,
                      expr, is == NULL ? "(none)" : is,
                      want == NULL ? "(none)" : want);
    }
}

int
cnc__test_limit_ms(void)
{
    const char *set = getenv("TEST_LIMIT");
    double seconds = set == NULL ? 0 : strtod(set, NULL);

    return seconds > 0 && seconds < 100000 ? (int)(seconds * 1000) : 30000;
}

const char *
cnc__test_keep(struct cnc_test *t, const char *s, size_t len)
{
    return cnc__arena_strndup(&t->arena, s, len);
}

/* -- the service's thread --------------------------------------------------
 */

static void
on_ready(struct cnc_service *s, const char *url, void *priv)
{
    struct cnc_test *t = priv;

    pthread_mutex_lock(&t->lock);
    t->url = cnc__strdup(url);
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

static void *
serve(void *priv)
{
    struct cnc_test *t = priv;
    struct cnc_error err = {0};
    int code = cnc_service_run(t->service, &err);

    pthread_mutex_lock(&t->lock);
    t->ended = true;
    if (code != 0) {
        t->err = err;
    }
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void
wait_ready(struct cnc_test *t)
{
    int limit_ms = cnc__test_limit_ms(), rc = 0;
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += limit_ms / 1000 + 1;
    pthread_mutex_lock(&t->lock);
    while (t->url == NULL && !t->ended && rc == 0) {
        rc = pthread_cond_timedwait(&t->changed, &t->lock, &end);
    }
    pthread_mutex_unlock(&t->lock);
    if (t->url == NULL) {
        cnc__test_die(t, "the service did not start: %s",
                      t->ended ? t->err.text : "not in time");
    }
}

static void
parse(struct cnc_test *t, const char *const *words)
{
    struct cnc_error err = {0};
    int argc = 0, used = 0;

    while (words != NULL && words[argc] != NULL) {
        argc++;
    }
    /* The words are only read. */
    if (cnc_service_options_parse(&t->options, argc, (char *const *)words,
                                  &used, &err) != 0) {
        cnc__test_die(t, "%s", err.text);
    }
    if (used < argc && t->app[0].app == NULL) {
        t->app[0].word = words[used++];
    }
    if (used < argc) {
        cnc__test_die(t, "%s is one app too many: a suite needs others",
                      words[used]);
    }
    if (t->app[0].app == NULL && t->app[0].word == NULL) {
        cnc__test_die(t, "name an app: cnc_test_start(\"./shelf.so\")");
    }
    if (cnc_service_options_files(&t->options) != NULL) {
        t->app[0].files = cnc_service_options_files(&t->options);
    }
    cnc_service_options_apps(&t->options, t->app);
}

static void
start(struct cnc_test *t, const char *const *words)
{
    struct cnc_error err = {0};
    const char *link, *domain;
    int rc;

    t->options.size = sizeof(t->options);
    t->options.http = "127.0.0.1:0";
    t->options.store = "memory";
    t->options.log_level = "error";
    t->options.data = t->folder;
    t->options.on_ready = on_ready;
    t->options.priv = t;
    parse(t, words);
    signal(SIGPIPE, SIG_IGN);
    if (cnc_service_new(&t->service, &t->options, &err) != 0) {
        cnc__test_die(t, "the service did not start: %s", err.text);
    }
    rc = pthread_create(&t->thread, NULL, serve, t);
    if (rc != 0) {
        cnc__test_die(t, "no thread: %s", strerror(rc));
    }
    wait_ready(t);
    link = t->options.link != NULL
               ? t->options.link
               : cnc__arena_printf(&t->arena, "%s/link", t->options.data);
    domain = t->options.domains != NULL ? t->options.domains[0].domain
                                        : t->options.domain;
    if (cnc__client_open(&t->client, link, domain, &err) != 0) {
        cnc__test_die(t, "%s", err.text);
    }
}

static struct cnc_test *
new_test(void)
{
    struct cnc_test *t = cnc__zalloc(sizeof(*t));
    const char *tmp = getenv("TMPDIR");

    the_only = t;
    cnc__arena_init(&t->arena);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    snprintf(t->folder, sizeof(t->folder), "%s/concordance-XXXXXX",
             tmp == NULL || tmp[0] != '/' ? "/tmp" : tmp);
    if (mkdtemp(t->folder) == NULL) {
        t->folder[0] = '\0';
        cnc__test_die(t, "no folder in TMPDIR: %s", strerror(errno));
    }
    return t;
}

struct cnc_test *
cnc_test_start_words(const char *const *words)
{
    struct cnc_test *t = new_test();

    start(t, words);
    return t;
}

struct cnc_test *
cnc_test_start_app(const struct cnc_app *app, const char *files,
                   const char *const *words)
{
    struct cnc_test *t = new_test();

    t->app[0].app = app;
    t->app[0].files = files == NULL ? "." : files;
    start(t, words);
    return t;
}

const char *
cnc_test_url(const struct cnc_test *t)
{
    return t->url;
}

static void
forget(struct cnc_test *t)
{
    for (struct stanza *s = t->stanzas; s != NULL; s = s->next) {
        cnc_element_unref(&s->e);
    }
    while (t->cookies != NULL) {
        struct cookie *c = t->cookies;

        t->cookies = c->next;
        cnc__free(c->name);
        cnc__free(c->value);
        cnc__free(c);
    }
    cnc__arena_fini(&t->arena);
}

void
cnc_test_stop(struct cnc_test **tp)
{
    struct cnc_test *t = *tp;

    if (t == NULL) {
        return;
    }
    *tp = NULL;
    the_only = the_only == t ? NULL : the_only;
    cnc__client_close(&t->client);
    cnc_service_stop(t->service);
    pthread_join(t->thread, NULL);
    if (t->err.code != 0) {
        cnc__test_die(t, "the service: %s", t->err.text);
    }
    cnc_service_free(&t->service);
    cnc_service_options_fini(&t->options);
    forget(t);
    remove_folder(t);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    cnc__free(t->url);
    cnc__free(t);
}
