/* SPDX-License-Identifier: MIT */
/*
 * inherit.c -- sockets that systemd opened for us (Sockets= of the unit, with
 * FileDescriptorName=): they stay open while the service is started again, and
 * who connects meanwhile waits.
 *
 * One is used instead of what the option of its name says of its kind (ports,
 * or Unix sockets); which are right is judged where they are opened (ports.c).
 */
#ifdef CNC_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include <unistd.h>

#include "private.h"

static const char *const known[] = {
    "http",    "http-proxy", "link",    "c2s",       "c2s-proxy",
    "c2s-tls", "s2s",        "s2s-tls", "component", "handoff"};

struct cnc__inherited {
    struct cnc__given *list;
    size_t n;
};

static bool
is_known(const char *name)
{
    for (size_t i = 0; i < CNC_N(known); i++) {
        if (strcmp(known[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int
refuse_name(const char *name, int fd, struct cnc_error *err)
{
    struct cnc__str all = CNC__STR;

    for (size_t i = 0; i < CNC_N(known); i++) {
        cnc__str_printf(&all, "%s%s", i == 0 ? "" : ", ", known[i]);
    }
    cnc_error_set(err, CNC_EINVAL, NULL,
                  "the inherited socket %d has the name \"%s\", which says "
                  "nothing: FileDescriptorName= is one of %s",
                  fd, name, all.data);
    cnc__str_fini(&all);
    return CNC_EINVAL;
}

/* names: of n, from descriptor first on. */
static int
keep(struct cnc__inherited *in, int first, int n, char *const *names,
     struct cnc_error *err)
{
    int code = 0;

    in->list = cnc__zalloc((size_t)n * sizeof(*in->list));
    in->n = (size_t)n;
    for (int i = 0; i < n; i++) {
        in->list[i] = (struct cnc__given){.name = cnc__strdup(names[i]),
                                          .fd = first + i};
    }
    for (int i = 0; code == 0 && i < n; i++) {
        code = is_known(names[i]) ? 0 : refuse_name(names[i], first + i, err);
    }
    return code;
}

int
cnc__inherit(struct cnc__inherited **out, struct cnc_error *err)
{
    struct cnc__inherited *in = cnc__zalloc(sizeof(*in));
    int code = 0;

    *out = in;
#ifdef CNC_SYSTEMD
    char **names = NULL;
    /* Not for our children. */
    int n = sd_listen_fds_with_names(1, &names);

    if (n > 0) {
        code = keep(in, SD_LISTEN_FDS_START, n, names, err);
    }
    for (int i = 0; i < n; i++) {
        cnc__free(names[i]);
    }
    cnc__free(names);
#else
    (void)keep;
#endif
    return code;
}

void
cnc__inherited_free(struct cnc__inherited **ip)
{
    struct cnc__inherited *in = *ip;

    if (in != NULL) {
        for (size_t i = 0; i < in->n; i++) {
            if (in->list[i].fd >= 0) {
                close(in->list[i].fd); /* a start that failed */
            }
            cnc__free(in->list[i].name);
        }
        cnc__free(in->list);
        cnc__free(in);
        *ip = NULL;
    }
}

struct cnc__given *
cnc__inherited_next(struct cnc__inherited *in, const char *name,
                    struct cnc__given *after)
{
    size_t i = after == NULL ? 0 : (size_t)(after - in->list) + 1;

    for (; i < in->n; i++) {
        if (name == NULL ? in->list[i].fd >= 0
                         : strcmp(in->list[i].name, name) == 0) {
            return &in->list[i];
        }
    }
    return NULL;
}
