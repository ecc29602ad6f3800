/* SPDX-License-Identifier: MIT */
/*
 * disk.c -- files of pages: disk.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "web.h"

#define MAX_TRIES 4 /* while another one takes empty folders away */

static int
sys_error(struct cnc_error *err, const char *what, const char *path)
{
    return cnc_error_set(err, CNC_ESYS, NULL, "%s %s: %s", what, path,
                         strerror(errno));
}

int
cnc__disk_folders(const char *path, struct cnc_error *err)
{
    struct cnc__str s = CNC__STR;
    int rc = 0;
    while (rc == 0 && *path != '\0') {
        size_t n = strspn(path, "/");
        n += strcspn(path + n, "/");
        cnc__str_add(&s, path, n);
        path += n;
        if (mkdir(s.data, 0755) != 0 && errno != EEXIST) {
            rc = sys_error(err, "cannot make the folder", s.data);
        }
    }
    cnc__str_fini(&s);
    return rc;
}

/* -- names ---------------------------------------------------------------- */

int
cnc__disk_name(struct cnc__str *out, const char *key, struct cnc_error *err)
{
    const char *path = strchr(key, '/');
    if (path == NULL) {
        return cnc_error_set(err, CNC_EINVAL, NULL, "\"%s\" has no path", key);
    }
    size_t lang = path > key ? (size_t)(path - key - 1) : 0;
    for (const char *s = path; *s == '/' && s[1] != '\0';) {
        size_t n = strcspn(++s, "/");
        if (n == 0 || n > NAME_MAX || s[0] == '.') {
            return cnc_error_set(
                err, CNC_EINVAL, NULL,
                n > NAME_MAX ? "%s: a part of its path is too long for "
                               "a file"
                             : "%s: a part of its path is empty or "
                               "begins with a dot",
                key);
        }
        s += n;
    }
    cnc__str_clear(out);
    if (path[1] != '\0') {
        cnc__str_printf(out, "%s/", path + 1);
    }
    cnc__str_printf(out, "index%s%.*s.html", lang > 0 ? "." : "", (int)lang,
                    key);
    return 0;
}

/* The folder of a name below fd, made if it is missing; steals fd.  -1. */
static int
enter(int fd, const char *name, bool make, const char **file)
{
    const char *slash;
    while (fd >= 0 && (slash = strchr(name, '/')) != NULL) {
        char *part = cnc__strndup(name, (size_t)(slash - name));
        int next;
        if (make && mkdirat(fd, part, 0755) != 0 && errno != EEXIST) {
            next = -1;
        } else {
            next = openat(fd, part,
                          O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        }
        int why = errno;
        cnc__free(part);
        close(fd);
        errno = why;
        fd = next;
        name = slash + 1;
    }
    *file = name;
    return fd;
}

static int
open_root(const char *root)
{
    return open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* -- writing ---------------------------------------------------------------
 */

static int
write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return -1;
        }
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Is this what stands there?  The size is the same. */
static bool
is_same(int dir, const char *name, const struct cnc__disk_file *f)
{
    char part[16384];
    size_t at = 0;
    ssize_t n = -1;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    while (fd >= 0 && at < f->len && (n = read(fd, part, sizeof(part))) > 0 &&
           (size_t)n <= f->len - at &&
           memcmp(part, f->data + at, (size_t)n) == 0) {
        at += (size_t)n;
    }
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 && at == f->len;
}

/* Time is counted in seconds by those who make entity tags of it. */
static void
make_later(int fd, const struct stat *old)
{
    struct timespec t[2];
    clock_gettime(CLOCK_REALTIME, &t[1]);
    if (t[1].tv_sec <= old->st_mtim.tv_sec) {
        t[1].tv_sec = old->st_mtim.tv_sec + 1;
        t[0] = t[1];
        (void)!futimens(fd, t);
    }
}

static int
replace(int dir, const char *name, const struct cnc__disk_file *f,
        const struct stat *old)
{
    struct cnc__str tmp = CNC__STR;
    char random[17];
    cnc__random_hex(random, 8);
    /* A long name has room for no other letter. */
    cnc__str_printf(&tmp, ".%.200s.%s", name, random);
    int fd =
        openat(dir, tmp.data,
               O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    int rc = fd < 0 ? -1 : write_all(fd, f->data, f->len);
    if (rc == 0 && old != NULL && (uint64_t)old->st_size == f->len) {
        make_later(fd, old);
    }
    if (fd >= 0 && close(fd) != 0) {
        rc = -1;
    }
    if (rc == 0) {
        rc = renameat(dir, tmp.data, dir, name);
    }
    if (rc != 0 && fd >= 0) {
        int why = errno;
        unlinkat(dir, tmp.data, 0);
        errno = why;
    }
    cnc__str_fini(&tmp);
    return rc;
}

/* 0, -1 with errno. */
static int
put_one(int dir, const char *name, const struct cnc__disk_file *f,
        bool *changed)
{
    struct stat st;
    bool there = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (f->data == NULL) {
        *changed = *changed || there;
        return there && unlinkat(dir, name, 0) != 0 && errno != ENOENT ? -1
                                                                       : 0;
    }
    if (there && S_ISREG(st.st_mode) && (uint64_t)st.st_size == f->len &&
        is_same(dir, name, f)) {
        return 0;
    }
    *changed = true;
    return replace(dir, name, f, there ? &st : NULL);
}

static int
put_all(const char *root, const char *name, const struct cnc__disk_file *files,
        size_t n, bool *changed)
{
    struct cnc__str full = CNC__STR;
    const char *file;
    bool some = files[0].data != NULL;
    int dir = enter(open_root(root), name, some, &file);
    int rc = dir >= 0 ? 0 : -1;
    if (dir < 0 && !some && errno == ENOENT) {
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        cnc__str_clear(&full);
        cnc__str_printf(&full, "%s%s", file, files[i].suffix);
        rc = put_one(dir, full.data, &files[i], changed);
    }
    int why = errno;
    if (dir >= 0) {
        close(dir);
    }
    cnc__str_fini(&full);
    errno = why;
    return rc;
}

int
cnc__disk_put(const char *root, const char *name,
              const struct cnc__disk_file *files, size_t n, bool *changed,
              struct cnc_error *err)
{
    bool unused = false;
    int rc = -1;
    changed = changed == NULL ? &unused : changed;
    *changed = false;
    for (int i = 0; rc != 0 && i < MAX_TRIES; i++) {
        rc = put_all(root, name, files, n, changed);
        if (rc != 0 && errno != ENOENT) {
            break;
        }
    }
    if (rc != 0) {
        struct cnc__str path = CNC__STR;
        cnc__str_printf(&path, "%s/%s", root, name);
        rc = sys_error(
            err, files[0].data == NULL ? "cannot remove" : "cannot write",
            path.data);
        cnc__str_fini(&path);
    }
    return rc;
}

/* Folders above the name, while they are empty. */
static void
prune(const char *root, const char *name)
{
    int fd = open_root(root);
    char *path = cnc__strdup(name), *slash;
    while (fd >= 0 && (slash = strrchr(path, '/')) != NULL) {
        *slash = '\0';
        if (unlinkat(fd, path, AT_REMOVEDIR) != 0) {
            break;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    cnc__free(path);
}

int
cnc__disk_remove(const char *root, const char *name, struct cnc_error *err)
{
    static const struct cnc__disk_file none[3] = {
        {"", NULL, 0}, {".gz", NULL, 0}, {".br", NULL, 0}};
    int rc = cnc__disk_put(root, name, none, CNC_N(none), NULL, err);
    if (rc == 0) {
        prune(root, name);
    }
    return rc;
}

/* -- reading ---------------------------------------------------------------
 */

int
cnc__disk_read(struct cnc__str *out, int dir_fd, const char *name, size_t max,
               struct cnc_error *err)
{
    struct stat st;
    int rc = 0;
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0) {
        rc = sys_error(err, "cannot read", name);
    } else if (!S_ISREG(st.st_mode)) {
        rc = cnc_error_set(err, CNC_ESYS, NULL, "%s is no regular file", name);
    } else if ((uint64_t)st.st_size > max) {
        rc = cnc_error_set(err, CNC_ELIMIT, NULL,
                           "it has %lld bytes; %zu are allowed",
                           (long long)st.st_size, max);
    }
    while (rc == 0) {
        char part[16384];
        ssize_t n = read(fd, part, sizeof(part));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            rc = sys_error(err, "cannot read", name);
        }
        if (n <= 0) {
            break;
        }
        cnc__str_add(out, part, (size_t)n);
        if (out->len > max) { /* it grew while we read */
            rc = cnc_error_set(err, CNC_ELIMIT, NULL,
                               "it has more than %zu bytes", max);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}
