/* SPDX-License-Identifier: MIT */
/*
 * log.c -- one event a line, on standard error or in a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "str.h"
#include "text.h"

/* A line is cut here, so that one event can never fill a disk. */
#define TEXT_MAX 4096

static atomic_int lowest_level = CNC_LOG_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static cnc_log_f *log_f;
static void *log_priv;
/* Readers hold it while they are called, so that also_f may go for good. */
static pthread_rwlock_t also_lock = PTHREAD_RWLOCK_INITIALIZER;
static cnc_log_f *also_f;
static void *also_priv;

/* Of the file; -1: there is none.  A descriptor never closes once it is here,
 * so that a thread that writes needs no lock: dup3() puts another file in its
 * place. */
static atomic_int file_fd = -1;
static atomic_bool in_file;

static _Thread_local const char *about;

const char *
cnc__log_about(const char *domain)
{
    const char *before = about;
    about = domain;
    return before;
}

const char *
cnc__log_domain(void)
{
    return about;
}

void
cnc__log_level(enum cnc_log_level lowest)
{
    atomic_store(&lowest_level, (int)lowest);
}

void
cnc__log_to(cnc_log_f *f, void *priv)
{
    pthread_mutex_lock(&lock);
    log_f = f;
    log_priv = priv;
    pthread_mutex_unlock(&lock);
}

void
cnc__log_also(cnc_log_f *f, void *priv)
{
    pthread_rwlock_wrlock(&also_lock);
    also_f = f;
    also_priv = priv;
    pthread_rwlock_unlock(&also_lock);
}

int
cnc__log_file(const char *path, struct cnc_error *err)
{
    int fd, to = atomic_load(&file_fd);
    if (path == NULL) {
        atomic_store(&in_file, false);
        return 0;
    }
    fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "cannot write the log %s: %s", path,
                             strerror(errno));
    }
    if (to < 0) {
        atomic_store(&file_fd, fd);
    } else {
        CNC_CHECK(dup3(fd, to, O_CLOEXEC) == to);
        close(fd);
    }
    atomic_store(&in_file, true);
    return 0;
}

/* Is standard error the journal's?  systemd names its device and inode. */
static bool
find_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char is[64];
    struct stat st;
    if (stream == NULL || fstat(STDERR_FILENO, &st) != 0) {
        return false;
    }
    snprintf(is, sizeof(is), "%ju:%ju", (uintmax_t)st.st_dev,
             (uintmax_t)st.st_ino);
    return strcmp(is, stream) == 0;
}

static pthread_once_t journal_once = PTHREAD_ONCE_INIT;
static bool journal;

static void
look_for_journal(void)
{
    journal = find_journal();
}

/* Bytes of the printable character at s, or 0: a control (C1 too, which some
 * terminals obey) or not UTF-8. */
static size_t
printable(const char *s, size_t len)
{
    unsigned char c = (unsigned char)s[0];
    if (c < 0x80) {
        return c >= 0x20 && c != 0x7F;
    }
    size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (n > len || !cnc__utf8_valid(s, n)) {
        return 0;
    }
    return c == 0xC2 && (unsigned char)s[1] < 0xA0 ? 0 : n;
}

static void
add_clean(struct cnc__str *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = printable(s + i, len - i);
        if (n > 0) {
            cnc__str_add(out, s + i, n);
            i += n;
        } else {
            cnc__str_printf(out, "\\x%02x", (unsigned char)s[i]);
            i++;
        }
    }
}

static void
add_time(struct cnc__str *line)
{
    struct timespec now;
    char date[32];
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    cnc__datetime(date, ms - ms % 1000);
    date[19] = '\0';
    cnc__str_printf(line, "%s.%03dZ ", date, (int)(ms % 1000));
}

static void
write_line(enum cnc_log_level level, const char *event, const char *text)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    static const char *const priorities[] = {"<7>", "<6>", "<4>", "<3>"};
    bool file = atomic_load(&in_file);
    struct cnc__str line = CNC__STR;
    pthread_once(&journal_once, look_for_journal);
    if (journal && !file) {
        cnc__str_puts(&line, priorities[level]);
    } else {
        add_time(&line);
    }
    cnc__str_printf(&line, "%s %s%s%s\n", names[level], event,
                    text[0] == '\0' ? "" : " ", text);
    /* One write, so that threads' lines do not mix.  When stderr is gone
     * there is nobody left to tell. */
    ssize_t n = write(file ? atomic_load(&file_fd) : STDERR_FILENO, line.data,
                      line.len);
    (void)n;
    cnc__str_fini(&line);
}

void
cnc__log(enum cnc_log_level level, const char *event, const char *fmt, ...)
{
    if ((int)level < atomic_load(&lowest_level)) {
        return;
    }
    CNC_CHECK(level >= CNC_LOG_DEBUG && level <= CNC_LOG_ERROR);
    char raw[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n;
    struct cnc__str text = CNC__STR;
    add_clean(&text, raw, len < sizeof(raw) ? len : sizeof(raw) - 1);
    if (len >= sizeof(raw)) {
        cnc__str_puts(&text, "...");
    }
    pthread_mutex_lock(&lock);
    cnc_log_f *f = log_f;
    void *priv = log_priv;
    pthread_mutex_unlock(&lock);
    if (f != NULL) {
        f(level, event, cnc__str_c(&text), priv);
    } else {
        write_line(level, event, cnc__str_c(&text));
    }
    pthread_rwlock_rdlock(&also_lock);
    if (also_f != NULL) {
        also_f(level, event, cnc__str_c(&text), also_priv);
    }
    pthread_rwlock_unlock(&also_lock);
    cnc__str_fini(&text);
}
