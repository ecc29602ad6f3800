/* SPDX-License-Identifier: MIT */
/*
 * main.c -- concordance-fcgi.
 */
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/text.h"
#include "fcgi.h"

#define MAX_THREADS 1024
#define THREADS     "16"
#define LINK        "data/link"
#define REST_MS     10
#define GRACE_MS    500
#define TICK_NS     500000000

struct options {
    const char *listen, *group, *threads, *link, *owner, *domain, *www;
    const char *prefix;
};

struct worker {
    struct server *server;
    pthread_t thread;
    FCGX_Request r;
    bool busy; /* server->lock: with a request */
};

struct server {
    struct cnc__front *front;
    int fd;
    size_t n;
    struct worker *workers;
    pthread_mutex_t lock;
    struct fcgi_bodies bodies;
    atomic_bool stop;
};

static const char usage[] =
    "Usage: concordance-fcgi --listen unix:PATH|HOST:PORT [--link PATH] ...\n"
    "Serve the pages of a running Concordance service to a web server by\n"
    "FastCGI. Pages that are the same for everybody are kept here; when the\n"
    "service is away they are shown with a notice.\n\n"
    "  --listen WHERE     unix:PATH or HOST:PORT, where the web server finds\n"
    "                     this; without it, the socket that systemd, "
    "lighttpd\n"
    "                     or spawn-fcgi gave\n"
    "  --group NAME       who may use the Unix socket, as www-data\n"
    "  --threads N        requests at once, 1 to 1024 [" THREADS "]\n"
    "  --link PATH        the service's socket [CONCORDANCE_LINK, or " LINK
    "]\n"
    "  --link-owner USER  whose service it may be, beside root's and that of\n"
    "                     who runs this\n"
    "  --domain NAME      of a service with several domains [CONCORDANCE_"
    "DOMAIN,\n"
    "                     or its first]\n"
    "  --www DIR          its folder of pages, DATA/www: shown while it is\n"
    "                     away, where nothing is kept here yet\n"
    "  --prefix PATH      what the service has of --prefix, for --www\n"
    "  --version, --help\n\n"
    "nginx:\n"
    "  location / {\n"
    "      include fastcgi_params;\n"
    "      fastcgi_pass unix:/run/concordance/fcgi.sock;\n"
    "  }\n\n"
    "The user who runs this is named to the service: --link-user USER (its\n"
    "own user and root may always ask). SIGTERM: requests under way are\n"
    "finished. The manual: concordance-fcgi(1), docs/web-process.md.\n";

/* -- options --------------------------------------------------------------
 */

static int
fail(const char *text)
{
    fprintf(stderr, "concordance-fcgi: %s\n", text);
    return 2;
}

/* The value's place, or NULL. */
static const char **
option(struct options *o, const char *name)
{
    const struct {
        const char *name;
        const char **value;
    } all[] = {{"--listen", &o->listen},    {"--group", &o->group},
               {"--threads", &o->threads},  {"--link", &o->link},
               {"--link-owner", &o->owner}, {"--domain", &o->domain},
               {"--www", &o->www},          {"--prefix", &o->prefix}};

    for (size_t i = 0; i < CNC_N(all); i++) {
        if (strcmp(name, all[i].name) == 0) {
            return all[i].value;
        }
    }
    return NULL;
}

/* -1: go on; else the exit status. */
static int
read_options(struct options *o, int argc, char **argv)
{
    o->link = getenv("CONCORDANCE_LINK");
    o->domain = getenv("CONCORDANCE_DOMAIN");
    o->threads = THREADS;
    for (int i = 1; i < argc; i++) {
        const char **value = option(o, argv[i]);
        char text[200];

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("concordance-fcgi %s\n", cnc_version());
            return 0;
        }
        if (value == NULL || i + 1 == argc) {
            snprintf(text, sizeof(text),
                     value == NULL ? "there is no option %s; see --help"
                                   : "%s needs a value; see --help",
                     argv[i]);
            return fail(text);
        }
        *value = argv[++i];
    }
    if (o->link == NULL || o->link[0] == '\0') {
        o->link = LINK;
    }
    if (o->domain != NULL && o->domain[0] == '\0') {
        o->domain = NULL;
    }
    return -1;
}

static int
find_owner(int64_t *uid, const char *name)
{
    const struct passwd *pw = name == NULL ? NULL : getpwnam(name);
    char text[200];

    *uid = pw == NULL ? -1 : (int64_t)pw->pw_uid;
    if (name != NULL && pw == NULL) {
        snprintf(text, sizeof(text), "--link-owner: there is no user %s",
                 name);
        return fail(text);
    }
    return 0;
}

/* -- threads --------------------------------------------------------------
 */

static void
set_busy(struct worker *w, bool busy)
{
    pthread_mutex_lock(&w->server->lock);
    w->busy = busy;
    pthread_mutex_unlock(&w->server->lock);
}

static void *
work(void *arg)
{
    struct worker *w = arg;
    struct server *s = w->server;

    while (!atomic_load(&s->stop)) {
        if (FCGX_Accept_r(&w->r) != 0) {
            poll(NULL, 0, REST_MS); /* too many files are open, or the end */
            continue;
        }
        set_busy(w, true);
        fcgi_request(s->front, &s->bodies, &w->r);
        FCGX_Finish_r(&w->r);
        set_busy(w, false);
    }
    FCGX_Free(&w->r, 1);
    return NULL;
}

/* Ends an accept(), no more. */
static void
on_signal(int sig)
{
}

static void
start(struct server *s)
{
    struct sigaction act = {.sa_handler = on_signal};

    sigaction(SIGUSR1, &act, NULL);
    for (size_t i = 0; i < s->n; i++) {
        struct worker *w = &s->workers[i];

        w->server = s;
        FCGX_InitRequest(&w->r, s->fd, 0);
        CNC_CHECK(pthread_create(&w->thread, NULL, work, w) == 0);
    }
}

/* Who waits for a connection waits no more.  The socket may be systemd's:
 * it stays as it is.  Who has one and no request on it gets a moment for one
 * that is just being read. */
static void
hurry(struct worker *w, unsigned round)
{
    pthread_mutex_lock(&w->server->lock);
    if (!w->busy && w->r.ipcFd < 0) {
        pthread_kill(w->thread, SIGUSR1);
    } else if (!w->busy && round * REST_MS >= GRACE_MS) {
        shutdown(w->r.ipcFd, SHUT_RD);
    }
    pthread_mutex_unlock(&w->server->lock);
}

/* Nobody new; who has a request ends it. */
static void
stop(struct server *s)
{
    atomic_store(&s->stop, true);
    FCGX_ShutdownPending();
    for (size_t i = 0; i < s->n; i++) {
        for (unsigned round = 0;
             pthread_tryjoin_np(s->workers[i].thread, NULL) != 0; round++) {
            hurry(&s->workers[i], round);
            poll(NULL, 0, REST_MS);
        }
    }
}

static void
serve(struct server *s, const struct options *o, const sigset_t *signals)
{
    const struct timespec tick = {.tv_nsec = TICK_NS};
    int sig;

    s->workers = cnc__zalloc(s->n * sizeof(*s->workers));
    pthread_mutex_init(&s->lock, NULL);
    fcgi_bodies_init(&s->bodies, s->n);
    start(s);
    cnc__log(CNC_LOG_INFO, "fcgi.ready", "listen=%s threads=%zu link=%s",
             o->listen == NULL ? "(given)" : o->listen, s->n, o->link);
    while ((sig = sigtimedwait(signals, NULL, &tick)) < 0) {
        fcgi_bodies_tick(&s->bodies);
    }
    cnc__log(CNC_LOG_INFO, "fcgi.stop", "signal=%d", sig);
    stop(s);
    pthread_mutex_destroy(&s->lock);
    cnc__free(s->workers);
}

int
main(int argc, char **argv)
{
    struct options o = {0};
    struct server s = {0};
    struct cnc__front_config config = {0};
    struct cnc_error err = {0};
    sigset_t signals;
    int64_t n;
    int rc = read_options(&o, argc, argv);

    if (rc >= 0 || (rc = find_owner(&config.owner, o.owner)) != 0) {
        return rc;
    }
    if (!cnc__parse_int(&n, o.threads, 1, MAX_THREADS)) {
        return fail("--threads is a number from 1 to 1024");
    }
    s.n = (size_t)n;
    config.link = o.link;
    config.domain = o.domain;
    config.www = o.www;
    config.prefix = o.prefix;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    /* Threads inherit it: the signal is sigwait()'s. */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    FCGX_Init();
    if ((s.fd = fcgi_listen(o.listen, o.group, &err)) < 0 ||
        cnc__front_new(&s.front, &config, &err) != 0) {
        return fail(err.text);
    }
    serve(&s, &o, &signals);
    fcgi_unlisten(o.listen, s.fd);
    cnc__front_free(&s.front);
    return 0;
}
