/* SPDX-License-Identifier: MIT */
/*
 * read.c -- a whole file, or standard input.
 */
#include <errno.h>
#include <stdio.h>

#include "ctl.h"

#define MAX_FILE ((size_t)16 << 20)

char *
ctl_read(const char *path, size_t *len)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    struct cnc__str s = CNC__STR;
    char chunk[65536];
    bool failed;
    size_t n;

    if (f == NULL) {
        ctl_say(1, "cannot read %s: %s.", path, strerror(errno));
        return NULL;
    }
    while (s.len <= MAX_FILE && (n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        cnc__str_add(&s, chunk, n);
    }
    failed = ferror(f) != 0;
    if (failed) {
        ctl_say(1, "cannot read %s: %s.", path, strerror(errno));
    } else if (s.len > MAX_FILE) {
        ctl_say(1, "%s is larger than 16 MB.", path);
        failed = true;
    }
    if (f != stdin) {
        fclose(f);
    }
    if (failed) {
        cnc__str_fini(&s);
        return NULL;
    }
    *len = s.len;
    return s.data == NULL ? cnc__strdup("") : cnc__str_steal(&s);
}
