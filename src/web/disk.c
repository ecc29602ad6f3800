/* SPDX-License-Identifier: MIT */
/*
 * disk.c -- snapshot files.  A reader sees the old file or the new one, never
 * a part: each is written beside its place and renamed.  No fsync: after a
 * crash the service writes them anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "web.h"

static int
sys_error(struct cnc_error *err, const char *what, const char *path)
{
    return cnc_error_set(err, CNC_ESYS, NULL, "%s %s: %s", what, path,
                         strerror(errno));
}

/* Every folder of path that is missing. */
static int
make_folders(char *path, struct cnc_error *err)
{
    for (char *s = path + 1;; s++) {
        if (*s != '/' && *s != '\0') {
            continue;
        }
        char c = *s;
        *s = '\0';
        int rc = mkdir(path, 0755);
        bool failed = rc != 0 && errno != EEXIST;
        if (failed) {
            rc = sys_error(err, "cannot make the folder", path);
        }
        *s = c;
        if (failed) {
            return rc;
        }
        if (c == '\0') {
            return 0;
        }
    }
}

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

static int
write_one(const char *folder, const char *lang, const struct cnc__disk_file *f,
          struct cnc_error *err)
{
    struct cnc__str name = CNC__STR, tmp = CNC__STR;
    char random[17];
    int rc = 0;
    cnc__random_hex(random, 8);
    cnc__str_printf(&name, "%s/index%s.html%s", folder, lang, f->suffix);
    cnc__str_printf(&tmp, "%s/.index%s.html%s.%s", folder, lang, f->suffix,
                    random);
    if (f->data == NULL) { /* no such copy this time */
        if (unlink(name.data) != 0 && errno != ENOENT) {
            rc = sys_error(err, "cannot remove", name.data);
        }
        goto out;
    }
    int fd = open(tmp.data,
                  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        rc = sys_error(err, "cannot write", tmp.data);
        goto out;
    }
    bool ok = write_all(fd, f->data, f->len) == 0;
    ok = close(fd) == 0 && ok;
    if (!ok || rename(tmp.data, name.data) != 0) {
        rc = sys_error(err, "cannot write", name.data);
        unlink(tmp.data);
    }
out:
    cnc__str_fini(&name);
    cnc__str_fini(&tmp);
    return rc;
}

int
cnc__disk_write(const char *www, const char *key,
                const struct cnc__disk_file *files, size_t n,
                struct cnc_error *err)
{
    struct cnc__str folder = CNC__STR, lang = CNC__STR;
    const char *path = strchr(key, '/');
    if (path > key) { /* "de:/books": index.de.html */
        cnc__str_printf(&lang, ".%.*s", (int)(path - key - 1), key);
    }
    cnc__str_printf(&folder, "%s%s", www, path[1] == '\0' ? "" : path);
    int rc = files[0].data == NULL ? 0 : make_folders(folder.data, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = write_one(folder.data, cnc__str_c(&lang), &files[i], err);
    }
    cnc__str_fini(&lang);
    cnc__str_fini(&folder);
    return rc;
}

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
