/* SPDX-License-Identifier: MIT */
/*
 * secret.c -- a password from a terminal.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "ctl.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

static volatile sig_atomic_t caught;

static void
on_signal(int sig)
{
    caught = sig;
}

/* The signals are held back but for the time that ppoll() waits: one that
 * came just before a read would leave it waiting. */
static void
watch(struct sigaction *old, sigset_t *mask, bool on)
{
    struct sigaction catch = {.sa_handler = on_signal};
    sigset_t held;

    sigemptyset(&held);
    for (size_t i = 0; i < CNC_N(signals); i++) {
        sigaddset(&held, signals[i]);
    }
    if (on) {
        sigprocmask(SIG_BLOCK, &held, mask);
    }
    for (size_t i = 0; i < CNC_N(signals); i++) {
        sigaction(signals[i], on ? &catch : &old[i], on ? &old[i] : NULL);
    }
    if (!on) {
        sigprocmask(SIG_SETMASK, mask, NULL);
    }
}

/* Up to the line's end; -1: a signal, or the end of input with nothing. */
static ssize_t
read_line(char *line, size_t room, const sigset_t *mask)
{
    struct pollfd p = {.fd = 0, .events = POLLIN};
    size_t len = 0;

    /* Byte by byte: what follows the line is for whoever reads next. */
    while (len + 1 < room) {
        ssize_t n = ppoll(&p, 1, NULL, mask);

        if (n >= 0) {
            n = read(0, line + len, 1);
        }
        if (n < 0 && errno == EINTR && caught == 0) {
            continue;
        }
        if (n < 0 || (n == 0 && len == 0)) {
            return -1;
        }
        if (n == 0 || line[len] == '\n') {
            break;
        }
        len++;
    }
    return (ssize_t)len;
}

char *
ctl_secret(const char *prompt)
{
    struct termios old, quiet;
    struct sigaction before[CNC_N(signals)];
    bool terminal = tcgetattr(0, &old) == 0;
    sigset_t mask;
    char line[1100], *got = NULL;
    ssize_t len;
    int sig;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    do {
        caught = 0;
        if (terminal) {
            watch(before, &mask, true);
            quiet = old;
            quiet.c_lflag &= ~(tcflag_t)ECHO;
            tcsetattr(0, TCSAFLUSH, &quiet);
            fputs(prompt, stderr);
        }
        len = read_line(line, sizeof(line), &mask);
        sig = caught;
        if (terminal) {
            tcsetattr(0, TCSAFLUSH, &old);
            fputc('\n', stderr);
            watch(before, &mask, false);
        }
        if (sig != 0) {
            raise(sig);
        }
    } while (sig == SIGTSTP); /* stopped, and again in the foreground */
    if (len >= 0 && sig == 0) {
        got = cnc__strndup(line, (size_t)len);
    }
    explicit_bzero(line, sizeof(line));
    return got;
}
