/* SPDX-License-Identifier: MIT */
/*
 * sandbox.c -- what the render process may not do.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <seccomp.h>

#include "sandbox.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||    \
    __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define N(array) (sizeof(array) / sizeof((array)[0]))

bool
cnc__sandbox_complete(void)
{
    return !SANITIZED;
}

static int
fail(struct cnc_error *err, const char *what, int number)
{
    return cnc_error_set(err, CNC_ESYS, NULL, "%s: %s", what,
                         strerror(number));
}

static int
limit(int what, uint64_t value)
{
    struct rlimit r = {value, value};
    return setrlimit((__rlimit_resource_t)what, &r) == 0 ? 0 : errno;
}

/* Calls that are allowed whatever their arguments. */
static const int plain_calls[] = {
    SCMP_SYS(munmap),        SCMP_SYS(mremap),
    SCMP_SYS(brk),           SCMP_SYS(madvise),
    SCMP_SYS(exit),          SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),  SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),  SCMP_SYS(restart_syscall),
    SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
    SCMP_SYS(time),          SCMP_SYS(getrandom),
    SCMP_SYS(futex),         SCMP_SYS(setitimer),
    SCMP_SYS(sched_yield),   SCMP_SYS(getpid),
    SCMP_SYS(gettid)};

/* The C library asks for files where it can do without: the rules of a
 * language for xsl:sort, the time zone.  It is told no; everything else that
 * is not listed ends the process. */
static const int file_calls[] = {
    SCMP_SYS(open),       SCMP_SYS(openat),    SCMP_SYS(stat),
    SCMP_SYS(newfstatat), SCMP_SYS(fstat),     SCMP_SYS(lstat),
    SCMP_SYS(access),     SCMP_SYS(faccessat), SCMP_SYS(readlink)};

static int
add_rules(scmp_filter_ctx f, int fd)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < N(plain_calls); i++) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, plain_calls[i], 0);
    }
    for (size_t i = 0; rc == 0 && i < N(file_calls); i++) {
        rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), file_calls[i], 0);
    }
    int reads[] = {SCMP_SYS(read), SCMP_SYS(recvfrom)};
    int writes[] = {SCMP_SYS(write), SCMP_SYS(sendto)};
    for (size_t i = 0; rc == 0 && i < N(reads); i++) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, reads[i], 1,
                              SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)fd));
    }
    for (size_t i = 0; rc == 0 && i < N(writes); i++) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, writes[i], 1,
                              SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)fd));
    }
    if (rc == 0) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                              SCMP_A0_32(SCMP_CMP_EQ, STDERR_FILENO));
    }
    if (rc == 0) { /* memory that is no file and cannot be run */
        rc = seccomp_rule_add(
            f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
            SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
            SCMP_A3_32(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
    }
    if (rc == 0) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                              SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }
    if (rc == 0) { /* abort() */
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                              SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)getpid()));
    }
    return rc;
}

static int
filter_calls(int fd, struct cnc_error *err)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (f == NULL) {
        return fail(err, "seccomp_init", ENOMEM);
    }
    int rc = add_rules(f, fd);
    if (rc == 0) {
        rc = seccomp_load(f);
    }
    seccomp_release(f);
    return rc == 0 ? 0 : fail(err, "seccomp", -rc);
}

int
cnc__sandbox_enter(const struct cnc__sandbox *s, struct cnc_error *err)
{
    /* A zone that needs no file. */
    setenv("TZ", "UTC0", 1);
    tzset();
    int rc = limit(RLIMIT_CORE, 0);
    if (rc == 0) {
        rc = limit(RLIMIT_NPROC, 0);
    }
    if (rc == 0) {
        rc = limit(RLIMIT_FSIZE, 0);
    }
    if (rc == 0 && s->memory != 0 && !SANITIZED) {
        rc = limit(RLIMIT_AS, s->memory);
    }
    if (rc == 0 && !SANITIZED) {
        rc = limit(RLIMIT_NOFILE, 0); /* those that are open stay open */
    }
    if (rc != 0) {
        return fail(err, "setrlimit", rc);
    }
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fail(err, "prctl", errno);
    }
    return SANITIZED ? 0 : filter_calls(s->fd, err);
}

void
cnc__sandbox_deadline(unsigned seconds)
{
    /* SIGPROF's default is to end the process, without a handler that a
     * sheet's work could hold up. */
    struct itimerval t = {.it_value = {.tv_sec = (time_t)seconds}};
    setitimer(ITIMER_PROF, &t, NULL);
}
