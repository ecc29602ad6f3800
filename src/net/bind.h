/* SPDX-License-Identifier: MIT */
/*
 * bind.h -- a socket that listens, of what an option says: "127.0.0.1:8080",
 * "[::1]:8080", "*:8080", "unix:/run/concordance/http.sock".
 *
 * The file of a Unix socket has mode 0660 and the group that is asked for.
 * One that a killed service left is replaced, one with a service behind it
 * is not; at the end ours is taken away.
 */
#ifndef CNC_NET_BIND_H
#define CNC_NET_BIND_H

#include <sys/types.h>

#include <concordance/types.h>

#include "addr.h"

struct cnc__bound {
    int fd;
    unsigned port; /* 0: of a Unix socket */
    bool local;    /* a Unix socket */
    char *path;    /* of our own file, or NULL */
    dev_t dev;
    ino_t ino;
};

/* group: of a Unix socket's file, by name; NULL: the process's.  CNC_ESYS with
 * a text that says what to do. */
int cnc__bind(struct cnc__bound *out, const char *addr, const char *group,
              struct cnc_error *err);
/* The same for a path alone; type: SOCK_STREAM or SOCK_SEQPACKET. */
int cnc__bind_unix(struct cnc__bound *out, const char *path, int type,
                   const char *group, struct cnc_error *err);
/* One that somebody else opened and keeps: its file stays.  steals fd, also
 * when it fails; name: for the error.  type as above; local: it has to be a
 * Unix socket. */
int cnc__bind_given(struct cnc__bound *out, int fd, const char *name, int type,
                    bool local, struct cnc_error *err);
/* Where it listens, as an option says it: "*:8080", "unix:PATH". */
CNC_API void cnc__bind_text(char out[160], int fd);
/* Close it, and take its file away. */
void cnc__unbind(struct cnc__bound *b);

/* The path of "unix:PATH"; NULL: it is an address. */
static inline const char *
cnc__bind_path(const char *addr)
{
    return strncmp(addr, "unix:", 5) == 0 ? addr + 5 : NULL;
}

#endif /* CNC_NET_BIND_H */
