/* SPDX-License-Identifier: MIT */
/*
 * config-file.h -- a configuration file: bytes in, lines that mean something
 * out. No file is opened here.
 *
 *   # a comment has a line of its own
 *   http = *:8080
 *   allow-plain = yes
 *   [domain books.example]         what follows is this domain's own
 *   origin = https://a.example     again: one more
 *   app = ./bookcase.so=/books
 *   contact = "mailto:a#b@x"       quotes: as it stands
 */
#ifndef CNC_SERVICE_CONFIG_FILE_H
#define CNC_SERVICE_CONFIG_FILE_H

#include "options.h"

#define CNC__CONFIG_FILE_MAX (1 << 20) /* bytes of a file */

struct cnc__config_file_line {
    const struct cnc__option *opt; /* NULL: an app */
    char *value;                   /* of a flag "": it is set */
    unsigned section;              /* 0: for all; then that domain's */
    unsigned line;
};

struct cnc__config_file {
    struct cnc__config_file_line *lines; /* a domain's first is its "domain" */
    size_t n, cap;
    unsigned n_sections;
};

/* name: of the file, for errors, which are "NAME:LINE: why; what to do".
 * CNC_EINVAL.  fini also then. */
int cnc__config_file_read(struct cnc__config_file *out, const char *name,
                          const char *text, size_t len, struct cnc_error *err);
void cnc__config_file_fini(struct cnc__config_file *c);

#endif /* CNC_SERVICE_CONFIG_FILE_H */
