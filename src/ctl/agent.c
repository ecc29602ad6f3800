/* SPDX-License-Identifier: MIT */
/*
 * agent.c -- `concordctl agent --www DIR`: follows the pages of a domain and
 * keeps them as files.
 *
 *   connect: subscribe, then read all items, then compare etags    no gap
 *   then, after each event: fetch what is another, remove what went
 *   the service goes: the tree stays as it is; again, later and later
 */
#include <errno.h>
#include <idn2.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "../web/http.h"
#include "agent.h"

#define NODE        "service/pages"
#define TICK_MS     1000
#define BATCH_MS    20
#define BATCH       200
#define WAIT_MS     500u
#define MAX_WAIT_MS 30000u

struct agent {
    struct ctl *ctl;
    const char *www;
    bool once;
    struct purge purge;
    struct tree tree;
    struct cnc__front *front;
    char *prefix, *domain;    /* of the service; domain as Host has it */
    struct cnc__table *etags; /* page -> its etag as said (char *) */
    struct cnc__table *dirty; /* pages to be looked at; self */
    size_t n_files, n_failed;
    bool files_changed;
    struct cnc_error err, told; /* told: why it is not connected */
};

static volatile sig_atomic_t stopped;

static void
on_signal(int number)
{
    stopped = 1;
}

static uint64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* -- addresses ------------------------------------------------------------
 */

static void
add_address(struct cnc__str *out, const struct agent *a, const char *path)
{
    cnc__str_puts(out, a->prefix);
    cnc__web_percent(out, path, true);
}

/* A cache keeps what this address had. */
static void
must_purge(const char *key, void *priv)
{
    struct agent *a = priv;
    struct cnc__str address = CNC__STR;

    if (a->purge.n > 0 && strchr(key, '/') != NULL) {
        add_address(&address, a, strchr(key, '/'));
        cnc__table_put(a->tree.purge, address.data, a);
        a->tree.changed = true;
    }
    cnc__str_fini(&address);
}

/* -- pages ----------------------------------------------------------------
 */

static int
gone(struct agent *a, const char *key)
{
    int rc = 0;

    if (tree_get(&a->tree, 'p', key) != NULL) {
        rc = tree_remove(&a->tree, 'p', key, &a->err);
        if (rc == 0) {
            must_purge(key, a);
        }
    }
    return rc;
}

/* What cannot be a file is left out, and said; the others go on. */
static int
put(struct agent *a, char kind, const char *key, const struct fetched *f)
{
    bool changed = false;
    int rc = tree_put(&a->tree, kind, key, f->etag, cnc__str_c(&f->body),
                      f->body.len, &changed, &a->err);

    if (rc == CNC_EINVAL) {
        ctl_say(1, "%s.", a->err.text);
        a->n_failed++;
        return 0;
    }
    if (rc == 0 && changed && kind == 'p') {
        must_purge(key, a);
    }
    return rc;
}

/* "de:/books": de. */
static void
lang_of(char lang[40], const char *key)
{
    size_t n = strcspn(key, ":/");

    n = key[n] == ':' && n < 40 ? n : 0;
    snprintf(lang, 40, "%.*s", n == 0 ? 2 : (int)n, n == 0 ? "en" : key);
}

static int
get_page(struct agent *a, const char *key)
{
    const char *path = strchr(key, '/');
    struct cnc__str target = CNC__STR;
    struct fetched f;
    char lang[40];
    int rc;

    if (path == NULL) {
        return 0;
    }
    add_address(&target, a, path);
    lang_of(lang, key);
    rc = fetch(&f, a->front, a->domain, target.data, lang, &a->err);
    if (rc == 0) {
        rc = f.everybodys ? put(a, 'p', key, &f) : gone(a, key);
    }
    fetched_fini(&f);
    cnc__str_fini(&target);
    return rc;
}

static int
look_at(struct agent *a, const char *key)
{
    const char *etag = cnc__table_get(a->etags, key);
    const struct tree_thing *x = tree_get(&a->tree, 'p', key);

    if (etag == NULL) {
        return gone(a, key);
    }
    return x != NULL && strcmp(x->etag, etag) == 0 ? 0 : get_page(a, key);
}

static void
take_item(struct ctl *ctl, const struct cnc_element *item, void *priv)
{
    struct agent *a = priv;
    const char *key = cnc_element_attr(item, NULL, "id");
    const struct cnc_element *page = cnc_element_child(item, NS_WEB, "page");
    const char *etag =
        page == NULL ? NULL : cnc_element_attr(page, NULL, "etag");

    if (key != NULL && etag != NULL) {
        cnc__free(cnc__table_put(a->etags, key, cnc__strdup(etag)));
        cnc__table_put(a->dirty, key, a);
    }
}

/* -- files ----------------------------------------------------------------
 */

static int
get_file(struct agent *a, const char *path, const char *etag)
{
    const struct tree_thing *x = tree_get(&a->tree, 'f', path);
    struct cnc__str target = CNC__STR;
    struct fetched f;
    int rc;

    if (x != NULL && strcmp(x->etag, etag) == 0) {
        return 0;
    }
    add_address(&target, a, path);
    rc = fetch(&f, a->front, a->domain, target.data, "", &a->err);
    if (rc == 0 && f.everybodys) {
        rc = put(a, 'f', path, &f);
    }
    fetched_fini(&f);
    cnc__str_fini(&target);
    return rc;
}

/* What one gets who asks for nothing that is there, and while nobody answers:
 * the service's own words. */
static int
get_errors(struct agent *a)
{
    static const struct {
        const char *status, *target;
    } pages[] = {{"404", "/_errors/404"}};
    struct cnc__str target = CNC__STR;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < CNC_N(pages); i++) {
        struct fetched f;

        cnc__str_clear(&target);
        add_address(&target, a, pages[i].target);
        rc = fetch(&f, a->front, a->domain, target.data, "en", &a->err);
        if (rc == 0 && f.status == 404 && f.body.len > 0) {
            snprintf(f.etag, sizeof(f.etag), "e");
            rc = put(a, 'e', pages[i].status, &f);
        }
        fetched_fini(&f);
    }
    cnc__str_fini(&target);
    return rc;
}

static int
take_files(struct agent *a, const struct cnc_element *site)
{
    const struct cnc_element *file;
    int rc = 0;

    tree_begin(&a->tree);
    a->n_files = 0;
    for (size_t i = 0;
         rc == 0 && (file = cnc_element_next(site, &i, NS_WEB, "file"));) {
        const char *path = cnc_element_attr(file, NULL, "path");
        const char *etag = cnc_element_attr(file, NULL, "etag");

        if (path != NULL && etag != NULL) {
            rc = get_file(a, path, etag);
            tree_name(&a->tree, 'f', path);
            a->n_files++;
        }
    }
    return rc == 0 ? tree_end(&a->tree, 'f', NULL, NULL, &a->err) : rc;
}

static const char *
attr_of(const struct cnc_element *e, const char *name)
{
    const char *value = cnc_element_attr(e, NULL, name);

    return value == NULL ? "" : value;
}

/* Files come before the pages that need them. */
static int
get_site(struct agent *a)
{
    struct cnc_element *reply = NULL;
    const struct cnc_element *site;
    char *ascii = NULL;
    int rc = cnc__client_iq(a->ctl->client, "get", NULL,
                            "<site xmlns='" NS_WEB "' files='true'/>", &reply,
                            &a->err);

    if (rc == 0) {
        site = cnc_element_child(reply, NS_WEB, "site");
        if (site == NULL ||
            idn2_to_ascii_8z(attr_of(site, "domain"), &ascii,
                             IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) !=
                IDN2_OK) {
            rc = cnc_error_set(&a->err, CNC_EPROTO, NULL,
                               "the service does not say what it is");
        } else {
            cnc__free(a->prefix);
            a->prefix = cnc__strdup(attr_of(site, "prefix"));
            cnc__free(a->domain);
            a->domain = cnc__strdup(ascii);
            rc = take_files(a, site);
        }
    }
    idn2_free(ascii);
    cnc_element_unref(&reply);
    return rc;
}

/* -- rounds ---------------------------------------------------------------
 */

static int
work(struct agent *a)
{
    int rc = 0;

    for (struct cnc__table_iter i = {0};
         rc == 0 && cnc__table_next(a->dirty, &i);) {
        char *key = cnc__strdup(i.key);

        rc = look_at(a, key);
        if (rc == 0) {
            cnc__table_del(a->dirty, key);
        }
        cnc__free(key);
    }
    return rc;
}

static int
settle(struct agent *a)
{
    int rc = tree_save(&a->tree, &a->err);

    if (rc == 0) {
        purge_run(&a->purge, &a->tree, now_ms());
        rc = tree_save(&a->tree, &a->err);
    }
    return rc;
}

static int
subscribe(struct agent *a)
{
    struct cnc__str xml = CNC__STR;
    int rc;

    cnc__str_printf(&xml,
                    "<pubsub xmlns='" NS_PUBSUB "'><subscribe node='" NODE
                    "' jid='%s'/></pubsub>",
                    cnc__client_jid(a->ctl->client));
    rc = cnc__client_iq(a->ctl->client, "set", NULL, xml.data, NULL, &a->err);
    cnc__str_fini(&xml);
    return rc;
}

/* All of it, once. */
static int
catch_up(struct agent *a)
{
    int rc = get_site(a);

    cnc__table_free(&a->etags, cnc__free);
    cnc__table_free(&a->dirty, NULL);
    a->etags = cnc__table_new();
    a->dirty = cnc__table_new();
    if (rc == 0 && ctl_items(a->ctl, NODE, take_item, a) != 0) {
        rc = cnc_error_set(&a->err, CNC_ECLOSED, NULL,
                           "the list of pages did not come");
    }
    rc = rc == 0 ? get_errors(a) : rc;
    rc = rc == 0 ? work(a) : rc;
    if (rc == 0) {
        tree_begin(&a->tree);
        for (struct cnc__table_iter i = {0}; cnc__table_next(a->etags, &i);) {
            tree_name(&a->tree, 'p', i.key);
        }
        rc = tree_end(&a->tree, 'p', must_purge, a, &a->err);
    }
    return rc == 0 ? settle(a) : rc;
}

static void
take_event(struct agent *a, const struct cnc_element *message)
{
    const struct cnc_element *event =
        cnc_element_child(message, NS_EVENT, "event");
    const struct cnc_element *items =
        event == NULL ? NULL : cnc_element_child(event, NS_EVENT, "items");
    const struct cnc_element *e;

    if (items == NULL || strcmp(attr_of(items, "node"), NODE) != 0) {
        return;
    }
    for (size_t i = 0;
         (e = cnc_element_next(items, &i, NS_EVENT, NULL)) != NULL;) {
        const char *key = attr_of(e, "id");

        if (cnc_element_is(e, NS_EVENT, "item")) {
            take_item(a->ctl, e, a);
        } else if (cnc_element_is(e, NS_EVENT, "retract")) {
            cnc__free(cnc__table_del(a->etags, key));
            cnc__table_put(a->dirty, key, a);
        }
    }
}

/* What comes within a moment is done together. */
static int
hear(struct agent *a)
{
    int timeout_ms = TICK_MS, rc = 0;

    for (int i = 0; i < BATCH && rc == 0; i++) {
        struct cnc_element *e;

        rc = cnc__client_next(a->ctl->client, &e, timeout_ms, &a->err);
        if (rc == 0) {
            take_event(a, e);
            cnc_element_unref(&e);
            timeout_ms = BATCH_MS;
        }
    }
    return rc == CNC_EAGAIN ? 0 : rc;
}

static int
follow(struct agent *a)
{
    int rc = 0;

    while (rc == 0 && !stopped) {
        rc = hear(a);
        if (rc == 0 && cnc__table_len(a->dirty) > 0) {
            rc = get_site(a);
            rc = rc == 0 ? work(a) : rc;
        }
        rc = rc == 0 ? settle(a) : rc;
    }
    return rc;
}

/* -- connections ----------------------------------------------------------
 */

static void
report(const struct agent *a)
{
    printf("%zu pages, %zu files in %s; %llu written, %llu removed.\n",
           cnc__table_len(a->etags), a->n_files, a->www,
           (unsigned long long)a->tree.n_written,
           (unsigned long long)a->tree.n_removed);
    fflush(stdout);
}

static int
connected(struct agent *a)
{
    struct ctl *ctl = a->ctl;
    int rc = 0;

    if (ctl->client == NULL) {
        rc = cnc__client_open(&ctl->client, ctl->link, ctl->domain, &a->err);
    }
    rc = rc == 0 ? subscribe(a) : rc;
    rc = rc == 0 ? catch_up(a) : rc;
    if (rc == 0) {
        a->told.text[0] = '\0';
        report(a);
        rc = a->once ? 0 : follow(a);
    }
    cnc__client_close(&ctl->client);
    return rc;
}

/* Those that will not be better by themselves. */
static bool
is_final(int rc)
{
    return rc == CNC_EACCES || rc == CNC_EINVAL || rc == CNC_ENOENT;
}

static int
keep_on(struct agent *a)
{
    uint64_t wait_ms = WAIT_MS;

    while (!stopped) {
        uint64_t began = now_ms();
        int rc = connected(a);

        if (rc == 0 || a->once || is_final(rc)) {
            return rc;
        }
        tree_save(&a->tree, NULL);
        if (strcmp(a->told.text, a->err.text) != 0) {
            ctl_say(1, "%s; the tree stays as it is.", a->err.text);
            a->told = a->err;
        }
        wait_ms = now_ms() - began > MAX_WAIT_MS ? WAIT_MS : wait_ms;
        for (uint64_t until = now_ms() + wait_ms;
             !stopped && now_ms() < until;) {
            usleep(100000);
        }
        wait_ms = wait_ms * 2 > MAX_WAIT_MS ? MAX_WAIT_MS : wait_ms * 2;
    }
    return 0;
}

/* For cron: what caches did not hear is said again twice, then next time. */
static int
last_purges(struct agent *a)
{
    for (int i = 0; i < 2 && cnc__table_len(a->tree.purge) > 0 && !stopped;
         i++) {
        sleep(1);
        a->purge.next_ms = 0;
        settle(a);
    }
    return cnc__table_len(a->tree.purge) > 0 ? 1 : 0;
}

/* -- the command ----------------------------------------------------------
 */

static int
read_words(struct agent *a, int argc, char **argv)
{
    a->purge.commands = cnc__zalloc((size_t)argc * sizeof(char *));
    for (int i = 0; i < argc; i++) {
        bool more = i + 1 < argc;

        if (strcmp(argv[i], "--once") == 0) {
            a->once = true;
        } else if (strcmp(argv[i], "--www") == 0 && more) {
            a->www = argv[++i];
        } else if (strncmp(argv[i], "--www=", 6) == 0) {
            a->www = argv[i] + 6;
        } else if (strcmp(argv[i], "--purge") == 0 && more) {
            const char *wrong = purge_check(argv[++i]);

            if (wrong != NULL) {
                return ctl_say(2, "--purge \"%s\": %s.", argv[i], wrong);
            }
            a->purge.commands[a->purge.n++] = argv[i];
        } else {
            return ctl_say(2,
                           "agent: \"%s\" is not understood; `concordctl "
                           "help agent` lists its words.",
                           argv[i]);
        }
    }
    return a->www != NULL && a->www[0] != '\0'
               ? 0
               : ctl_say(2, "agent needs --www DIR, the folder that the web "
                            "server serves.");
}

static void
catch_signals(void)
{
    struct sigaction how = {.sa_handler = on_signal};

    sigaction(SIGTERM, &how, NULL);
    sigaction(SIGINT, &how, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int
start(struct agent *a)
{
    const struct cnc__front_config config = {.link = a->ctl->link,
                                             .domain = a->ctl->domain,
                                             .owner = -1,
                                             .max_kept = 1};
    int rc = cnc__front_new(&a->front, &config, &a->err);

    if (rc == 0) {
        rc = tree_open(&a->tree, a->www, &a->err);
    }
    if (rc == 0) {
        catch_signals();
        rc = keep_on(a);
        if (rc == 0 && a->once) {
            rc = last_purges(a);
            tree_save(&a->tree, NULL);
            tree_close(&a->tree);
            return rc != 0 || a->n_failed > 0 ? 1 : 0;
        }
        tree_save(&a->tree, NULL);
        tree_close(&a->tree);
    }
    return rc == 0 ? 0 : ctl_fail(&a->err);
}

static int
agent(struct ctl *ctl, int argc, char **argv)
{
    struct agent a = {.ctl = ctl};
    int status = read_words(&a, argc, argv);

    if (status == 0) {
        status = start(&a);
    }
    cnc__client_close(&ctl->client);
    cnc__front_free(&a.front);
    cnc__table_free(&a.etags, cnc__free);
    cnc__table_free(&a.dirty, NULL);
    cnc__free(a.prefix);
    cnc__free(a.domain);
    cnc__free(a.purge.commands);
    return status;
}

const struct ctl_command ctl_agent[] = {
    {"agent", "--www DIR [--once] [--purge CMD]...",
     "keep the pages as files for a web server",
     "Keeps in DIR every page that is the same for all guests, with copies in "
     "gzip and\nbrotli and in each language, the assets and the runtime, and "
     "_errors/404.html.\nA web server that serves DIR needs nothing else: "
     "docs/snapshots.md shows how.\nFollows the service, and goes on when it "
     "comes back; while it is away the tree\nstays as it is.\n\n"
     "  --once       bring the tree up to date and end, for cron; exit status "
     "1 "
     "when\n               something could not be\n"
     "  --purge CMD  tell a cache what changed: CMD is run with the "
     "addresses, "
     "up to\n               100, as its last words, or for each one where "
     "{path} stands in\n               it; no shell reads it. What fails is "
     "tried again. May be given\n               again.\n",
     1, -1, true, agent},
    {.name = NULL}};
