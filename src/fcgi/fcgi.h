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

#include "../front/front.h"

/* "unix:PATH", "HOST:PORT"; NULL: the socket that whoever started this gave
 * (systemd's descriptor 3, or descriptor 0 as FastCGI has it).  group: who may
 * use a Unix socket beside us; NULL: our own group.  The descriptor, or an
 * error: CNC_EINVAL, CNC_ESYS. */
int fcgi_listen(const char *where, const char *group, struct cnc_error *err);
/* What fcgi_listen() made is no more. */
void fcgi_unlisten(const char *where, int fd);

/* Answer it. */
void fcgi_request(struct cnc__front *f, FCGX_Request *r);

#endif /* CNC_FCGI_FCGI_H */
