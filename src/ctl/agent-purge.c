/* SPDX-License-Identifier: MIT */
/*
 * agent-purge.c -- caches in front of the tree hear which addresses are
 * others now.
 *
 * The command is no shell's: it is cut into words at blanks (quotes keep some
 * together), and what stands for the address is one part of one word, so that
 * no address can be anything but an address.  Addresses wait in the tree's
 * list until every command has taken them.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define MAX_WORDS   64
#define MAX_AT_ONCE 100
#define TIME_MS     60000
#define WAIT_MS     5000u
#define MAX_WAIT_MS 300000u
#define PLACE       "{path}"

extern char **environ;

struct words {
    char *all[MAX_WORDS + MAX_AT_ONCE + 1];
    size_t n;
};

static void
words_fini(struct words *w)
{
    for (size_t i = 0; i < w->n; i++) {
        cnc__free(w->all[i]);
    }
}

/* What is wrong with it, or NULL. */
static const char *
split(struct words *w, const char *s)
{
    struct cnc__str word = CNC__STR;
    const char *wrong = NULL;

    memset(w, 0, sizeof(*w));
    while (wrong == NULL && *(s += strspn(s, " \t")) != '\0') {
        cnc__str_clear(&word);
        cnc__str_puts(&word, "");
        while (*s != '\0' && *s != ' ' && *s != '\t' && wrong == NULL) {
            char quote = *s == '"' || *s == '\'' ? *s++ : '\0';
            size_t n = quote ? strcspn(s, quote == '"' ? "\"" : "'")
                             : strcspn(s, " \t\"'");

            cnc__str_add(&word, s, n);
            s += n;
            if (quote && *s++ == '\0') {
                s--;
                wrong = "a quote is not closed";
            }
        }
        if (w->n == MAX_WORDS) {
            wrong = "it has too many words";
        } else if (wrong == NULL) {
            w->all[w->n++] = cnc__strdup(cnc__str_c(&word));
        }
    }
    cnc__str_fini(&word);
    return wrong == NULL && w->n == 0 ? "it is empty" : wrong;
}

const char *
purge_check(const char *command)
{
    struct words w;
    const char *wrong = split(&w, command);

    words_fini(&w);
    return wrong;
}

/* -- one run --------------------------------------------------------------
 */

/* The exit status; -1: it did not end in time. */
static int
wait_for(pid_t pid)
{
    int status = 0;

    for (int ms = 0; ms < TIME_MS; ms += 10) {
        pid_t got = waitpid(pid, &status, WNOHANG);

        if (got == pid) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
        }
        poll(NULL, 0, 10);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return -1;
}

static bool
run(const struct words *w, const char *address)
{
    pid_t pid;
    int code = posix_spawnp(&pid, w->all[0], NULL, NULL, w->all, environ);
    int status;

    if (code != 0) {
        ctl_say(1, "--purge: cannot run %s: %s; %s waits.", w->all[0],
                strerror(code), address);
        return false;
    }
    status = wait_for(pid);
    if (status == 0) {
        return true;
    }
    ctl_say(1,
            status < 0 ? "--purge: %s took more than a minute for %s, which "
                         "waits."
                       : "--purge: %s failed for %s, which waits (exit status "
                         "%d).",
            w->all[0], address, status);
    return false;
}

/* Every {path} in each word. */
static bool
fill(struct words *out, const struct words *w, const char *address)
{
    bool some = false;

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < w->n; i++) {
        struct cnc__str word = CNC__STR;
        const char *s = w->all[i], *at;

        cnc__str_puts(&word, "");
        while ((at = strstr(s, PLACE)) != NULL) {
            cnc__str_add(&word, s, (size_t)(at - s));
            cnc__str_puts(&word, address);
            s = at + strlen(PLACE);
            some = true;
        }
        cnc__str_puts(&word, s);
        out->all[out->n++] = cnc__strdup(cnc__str_c(&word));
        cnc__str_fini(&word);
    }
    return some;
}

/* Those at from and after; how many were given, 0: it failed. */
static size_t
run_some(const struct words *w, char **addresses, size_t n)
{
    struct words full;
    size_t took = 1;

    if (!fill(&full, w, addresses[0])) {
        for (took = 0; took < n && took < MAX_AT_ONCE; took++) {
            full.all[full.n++] = cnc__strdup(addresses[took]);
        }
    }
    if (!run(&full, addresses[0])) {
        took = 0;
    }
    words_fini(&full);
    return took;
}

static bool
run_all(const char *command, char **addresses, size_t n)
{
    struct words w;
    size_t took = 1;

    split(&w, command);
    for (size_t i = 0; i < n && took > 0; i += took) {
        took = run_some(&w, addresses + i, n - i);
    }
    words_fini(&w);
    return took > 0;
}

int
purge_run(struct purge *p, struct tree *t, uint64_t now_ms)
{
    size_t n = cnc__table_len(t->purge), i = 0;
    char **addresses;
    bool ok = true;

    if (n == 0 || now_ms < p->next_ms) {
        return n > 0;
    }
    addresses = cnc__zalloc(n * sizeof(*addresses));
    for (struct cnc__table_iter k = {0}; cnc__table_next(t->purge, &k);) {
        addresses[i++] = cnc__strdup(k.key);
    }
    for (size_t c = 0; c < p->n; c++) {
        ok = run_all(p->commands[c], addresses, n) && ok;
    }
    for (i = 0; i < n; i++) {
        if (ok) {
            cnc__table_del(t->purge, addresses[i]);
            t->changed = true;
        }
        cnc__free(addresses[i]);
    }
    cnc__free(addresses);
    p->wait_ms = ok                             ? 0
                 : p->wait_ms == 0              ? WAIT_MS
                 : p->wait_ms * 2 > MAX_WAIT_MS ? MAX_WAIT_MS
                                                : p->wait_ms * 2;
    p->next_ms = ok ? 0 : now_ms + p->wait_ms;
    return ok ? 0 : 1;
}
