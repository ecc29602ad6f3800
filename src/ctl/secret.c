/* SPDX-License-Identifier: MIT */
/*
 * secret.c -- a password from a terminal.
 */
#include <errno.h>
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

/* Without SA_RESTART: a signal ends read(), and is acted upon once the
 * terminal echoes again. */
static void
watch(struct sigaction *old, bool on)
{
    struct sigaction catch = {.sa_handler = on_signal};

    for (size_t i = 0; i < CNC_N(signals); i++) {
        if (on) {
            sigaction(signals[i], &catch, &old[i]);
        } else {
            sigaction(signals[i], &old[i], NULL);
        }
    }
}

/* Up to the line's end; -1: a signal, or the end of input with nothing. */
static ssize_t
read_line(char *line, size_t room)
{
    size_t len = 0;

    /* Byte by byte: what follows the line is for whoever reads next. */
    while (len + 1 < room) {
        ssize_t n = read(0, line + len, 1);

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
    char line[1100], *got = NULL;
    ssize_t len;
    int sig;

    do {
        caught = 0;
        if (terminal) {
            watch(before, true);
            quiet = old;
            quiet.c_lflag &= ~(tcflag_t)ECHO;
            tcsetattr(0, TCSAFLUSH, &quiet);
            fputs(prompt, stderr);
        }
        len = read_line(line, sizeof(line));
        sig = caught;
        if (terminal) {
            tcsetattr(0, TCSAFLUSH, &old);
            fputc('\n', stderr);
            watch(before, false);
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
