/* SPDX-License-Identifier: MIT */
/*
 * supervise.c -- one process that does nothing but start the service again.
 *
 * A C app runs inside the service, and what it breaks, the service pays for.
 * With --supervise the service is the child of a small parent: when a signal
 * ends it, it is started again, at once the first time and later each time, up
 * to half a minute.  A service that ends by itself, whatever its status, has
 * meant it.  Under systemd that is systemd's job (Restart=on-failure).
 *
 * The child dies with its parent, so that whoever kills the parent has killed
 * the service.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <concordance/service.h>

#include "../base/log.h"

#define WAIT_MAX_MS 30000
#define QUIET_S     60 /* so long without a crash: the next one is the first */

static volatile sig_atomic_t child, asked;

static void
on_signal(int sig)
{
    if (sig != SIGHUP) {
        asked = sig;
    }
    if (child > 0) {
        kill((pid_t)child, sig);
    }
}

static void
handle(int sig, void (*f)(int))
{
    struct sigaction a = {.sa_handler = f};

    sigemptyset(&a.sa_mask);
    sigaction(sig, &a, NULL);
}

/* Its status, once it has ended. */
static int
wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

static int64_t
now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void
pause_ms(unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000,
                         .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL); /* a signal that ends us ends this, too */
}

/* systemd speaks to the process that it started; what it gave that one (its
 * sockets, the watchdog) is for the service. */
static void
take_over(const char *name, pid_t parent)
{
    const char *value = getenv(name);
    char was[24], is[24];

    snprintf(was, sizeof(was), "%lld", (long long)parent);
    snprintf(is, sizeof(is), "%lld", (long long)getpid());
    if (value != NULL && strcmp(value, was) == 0) {
        setenv(name, is, 1);
    }
}

/* In the child: true.  In the parent: false, when fork() failed. */
static bool
begin(pid_t parent)
{
    pid_t pid = fork();

    if (pid == 0) {
        handle(SIGTERM, SIG_DFL);
        handle(SIGINT, SIG_DFL);
        handle(SIGHUP, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1); /* it died before it could be asked for */
        }
        take_over("LISTEN_PID", parent);
        take_over("WATCHDOG_PID", parent);
        return true;
    }
    child = pid < 0 ? 0 : pid;
    return false;
}

int
cnc_supervise(struct cnc_error *err)
{
    pid_t parent = getpid();
    unsigned wait_ms = 0;

    handle(SIGTERM, on_signal);
    handle(SIGINT, on_signal);
    handle(SIGHUP, on_signal);
    for (;;) {
        int64_t since = now_s();
        int status;

        if (begin(parent)) {
            return 0;
        }
        if (child == 0) {
            return cnc_error_set(err, CNC_ESYS, NULL,
                                 "cannot start another process");
        }
        status = wait_for((pid_t)child);
        child = 0;
        if (WIFEXITED(status)) {
            exit(WEXITSTATUS(status));
        }
        if (asked != 0) {
            exit(128 + asked);
        }
        wait_ms = now_s() - since > QUIET_S ? 0 : wait_ms;
        cnc__log(CNC_LOG_ERROR, "service.crash",
                 "signal=%d started again in %u ms", WTERMSIG(status),
                 wait_ms);
        if (wait_ms > 0) {
            pause_ms(wait_ms);
        }
        wait_ms = wait_ms == 0                ? 1000
                  : wait_ms * 2 > WAIT_MAX_MS ? WAIT_MAX_MS
                                              : wait_ms * 2;
        if (asked != 0) {
            exit(128 + asked);
        }
    }
}
