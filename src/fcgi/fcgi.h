/* SPDX-License-Identifier: MIT */
/*
 * fcgi.h -- concordance-fcgi: a web server's FastCGI back end in front of the
 * service; no Python, no other server.
 *
 *   nginx, lighttpd, Apache --FastCGI--> threads --src/front--> the service
 *
 *   main.c     options, threads, the end
 *   listen.c   where the web server finds it
 *   request.c  one request of it
 */
#ifndef CNC_FCGI_FCGI_H
#define CNC_FCGI_FCGI_H

#include <fcgiapp.h>
#include <pthread.h>
#include <stdbool.h>

#include "../front/front.h"

/* "unix:PATH", "HOST:PORT"; NULL: the socket that whoever started this gave
 * (systemd's descriptor 3, or descriptor 0 as FastCGI has it).  group: who may
 * use a Unix socket beside us; NULL: our own group.  The descriptor, or an
 * error: CNC_EINVAL, CNC_ESYS. */
int fcgi_listen(const char *where, const char *group, struct cnc_error *err);
/* What fcgi_listen() made is no more. */
void fcgi_unlisten(const char *where, int fd);

/* -- bodies.c -------------------------------------------------------------
 */

/* Who waits for some more of a body, or until some more of it is taken. */
struct fcgi_body {
    struct fcgi_body *prev, *next;
    int fd;
    bool out; /* of an answer */
    int64_t since_ms;
};

struct fcgi_bodies {
    pthread_mutex_t lock;
    size_t n, max;
    struct fcgi_body *first;
};

void fcgi_bodies_init(struct fcgi_bodies *b, size_t n_threads);
/* False: too many wait; never of an answer. */
bool fcgi_body_begin(struct fcgi_bodies *b, struct fcgi_body *w, int fd,
                     bool out);
void fcgi_body_end(struct fcgi_bodies *b, struct fcgi_body *w);
/* Now and then: make room. */
void fcgi_bodies_tick(struct fcgi_bodies *b);

/* -- request.c ------------------------------------------------------------
 */

/* Answer it. */
void fcgi_request(struct cnc__front *f, struct fcgi_bodies *bodies,
                  FCGX_Request *r);

#endif /* CNC_FCGI_FCGI_H */
