/* SPDX-License-Identifier: MIT */
/*
 * crash.c -- who did it: an app whose code ends the process, or keeps the
 * core's thread busy for too long, is found out, and paused when the service
 * starts again.
 *
 * C apps run inside the service, so their faults end it.  When a signal does,
 * its handler appends a line, "UNIX-TIME SIGNAL APP", to DATA/crashes, and
 * lets the signal end the process as it would have.  A thread looks once a
 * second whether one call of an app has kept the core for MAX_CORE_S; then it
 * writes such a line, with "loop" for the signal, and ends the process: nobody
 * is served any more anyway.  Whoever starts it again (--supervise, systemd)
 * starts it without the app that crashed three times in ten minutes, or
 * looped once.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../app/mark.h"
#include "../base/text.h"
#include "private.h"

#define MAX_CORE_S  10 /* CONCORDANCE_LOOP_S, for tests */
#define MAX_CRASHES 3
#define WITHIN_S    600
#define MAX_FILE    65536 /* bytes of DATA/crashes that are read */

/* A sanitizer says more of a crash than we do, and ends the process as well.
 */
#ifdef __SANITIZE_ADDRESS__
#define OURS 0
#else
#define OURS 1
#endif

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static int file = -1;
static char stack[65536]; /* the crashed one may be full */

/* -- at the end: nothing here may allocate or lock --------------------------
 */

static char *
put_number(char *at, uint64_t n)
{
    char digits[20];
    int k = 0;

    do {
        digits[k++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    while (k > 0) {
        *at++ = digits[--k];
    }
    return at;
}

static char *
put_text(char *at, const char *s, const char *end)
{
    while (*s != '\0' && at < end) {
        *at++ = *s++;
    }
    return at;
}

static void
write_line(const char *what, int sig, const char *app)
{
    char line[160], *at = line, *end = line + sizeof(line) - 32;
    struct timespec now;
    ssize_t n;

    clock_gettime(CLOCK_REALTIME, &now);
    at = put_number(at, (uint64_t)now.tv_sec);
    *at++ = ' ';
    at =
        what != NULL ? put_text(at, what, end) : put_number(at, (uint64_t)sig);
    *at++ = ' ';
    at = put_text(at, app, end);
    *at++ = '\n';
    n = write(file, line, (size_t)(at - line));
    (void)n; /* there is nobody to tell */
}

static void
on_crash(int sig)
{
    const char *app = cnc__app_running();

    if (app != NULL) {
        write_line(NULL, sig, app);
    }
    signal(sig, SIG_DFL);
    raise(sig);
}

/* -- the watch over the core's thread ----------------------------------------
 */

static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool on, stop;
    unsigned max_s;
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER,
           .wake = PTHREAD_COND_INITIALIZER};

/* True when the watch is to end. */
static bool
sleep_a_second(void)
{
    struct timespec until;
    bool stop;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    pthread_mutex_lock(&watch.lock);
    while (!watch.stop && pthread_cond_timedwait(&watch.wake, &watch.lock,
                                                 &until) != ETIMEDOUT) {
    }
    stop = watch.stop;
    pthread_mutex_unlock(&watch.lock);
    return stop;
}

static void *
look(void *arg)
{
    uint64_t last = 0, call;
    unsigned seconds = 0;

    while (!sleep_a_second()) {
        const char *app = cnc__app_running_core(&call);

        seconds = app != NULL && call == last ? seconds + 1 : 0;
        last = call;
        if (seconds >= watch.max_s) {
            cnc__log(CNC_LOG_ERROR, "app.loop",
                     "app=%s it keeps the service from its work for %u s", app,
                     seconds);
            write_line("loop", 0, app);
            signal(SIGABRT, SIG_DFL);
            abort();
        }
    }
    return NULL;
}

/* -- begin and end
 * ------------------------------------------------------------- */

static void
handle_signals(void)
{
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction a = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};

    if (!OURS) {
        return;
    }
    sigaltstack(&alternate, NULL);
    sigemptyset(&a.sa_mask);
    for (size_t i = 0; i < CNC_N(signals); i++) {
        sigaction(signals[i], &a, NULL);
    }
}

void
cnc__crash_watch(const char *data)
{
    const char *max_s = getenv("CONCORDANCE_LOOP_S");
    struct cnc__str path = CNC__STR;
    int64_t n = MAX_CORE_S;

    cnc__str_printf(&path, "%s/crashes", data);
    file = open(path.data, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cnc__str_fini(&path);
    if (file < 0) {
        return; /* what cannot be written there fails elsewhere, with words */
    }
    handle_signals();
    if (max_s != NULL) {
        cnc__parse_int(&n, max_s, 1, 3600);
    }
    watch.max_s = (unsigned)n;
    watch.stop = false;
    watch.on = pthread_create(&watch.thread, NULL, look, NULL) == 0;
}

void
cnc__crash_unwatch(void)
{
    if (watch.on) {
        pthread_mutex_lock(&watch.lock);
        watch.stop = true;
        pthread_cond_signal(&watch.wake);
        pthread_mutex_unlock(&watch.lock);
        pthread_join(watch.thread, NULL);
        watch.on = false;
    }
    if (file >= 0) {
        for (size_t i = 0; OURS && i < CNC_N(signals); i++) {
            signal(signals[i], SIG_DFL);
        }
        close(file);
        file = -1;
    }
}

/* -- at the start
 * ---------------------------------------------------------------- */

struct culprit {
    char name[64];
    unsigned crashes;
    bool looped;
    char last[16]; /* the signal */
};

/* One line; older ones and damaged ones say nothing. */
static void
judge_line(struct cnc__table *culprits, char *line, int64_t now_s)
{
    char *what = strchr(line, ' '), *app;
    struct culprit *c;
    int64_t when;

    if (what == NULL || (app = strchr(what + 1, ' ')) == NULL) {
        return;
    }
    *what++ = '\0';
    *app++ = '\0';
    if (!cnc__parse_int(&when, line, 0, INT64_MAX) ||
        now_s - when > WITHIN_S || app[0] == '\0' || strlen(app) > 63) {
        return;
    }
    c = cnc__table_get(culprits, app);
    if (c == NULL) {
        c = cnc__zalloc(sizeof(*c));
        snprintf(c->name, sizeof(c->name), "%s", app);
        cnc__table_put(culprits, app, c);
    }
    c->crashes++;
    c->looped = c->looped || strcmp(what, "loop") == 0;
    snprintf(c->last, sizeof(c->last), "%s", what);
}

static void
hold(struct cnc_service *s, const struct culprit *c)
{
    struct cnc__str why = CNC__STR;

    if (c->looped) {
        cnc__str_puts(&why, "it kept the service from its work");
    } else {
        cnc__str_printf(&why, "it crashed the service %u times (signal %s)",
                        c->crashes, c->last);
    }
    if (cnc__apps_hold(s->apps, c->name, why.data)) {
        cnc__log(CNC_LOG_ERROR, "app.paused", "app=%s %s", c->name, why.data);
    }
    cnc__str_fini(&why);
}

static void
free_culprit(void *c)
{
    cnc__free(c);
}

void
cnc__crash_judge(struct cnc_service *s)
{
    struct cnc__table *culprits = cnc__table_new();
    struct cnc__table_iter i = {0};
    struct cnc__str path = CNC__STR;
    char text[MAX_FILE + 1];
    int64_t now_s = cnc__service_now_ms(NULL) / 1000;
    int fd;
    ssize_t n = 0;

    cnc__str_printf(&path, "%s/crashes", s->process->o.data);
    fd = open(path.data, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        off_t end = lseek(fd, 0, SEEK_END);

        lseek(fd, end > MAX_FILE ? end - MAX_FILE : 0, SEEK_SET);
        n = read(fd, text, MAX_FILE);
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
        judge_line(culprits, line, now_s);
    }
    while (cnc__table_next(culprits, &i)) {
        const struct culprit *c = i.value;

        if (c->looped || c->crashes >= MAX_CRASHES) {
            hold(s, c);
        }
    }
    cnc__table_free(&culprits, free_culprit);
    cnc__str_fini(&path);
}
