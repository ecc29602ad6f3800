/* SPDX-License-Identifier: MIT */
/*
 * dns-server.h -- a name server for tests: UDP on a free port of loopback,
 * driven by the test's loop; signs everything with one key, the root's, when
 * asked to.
 */
#ifndef CNC_TESTS_DNS_SERVER_H
#define CNC_TESTS_DNS_SERVER_H

#include <uv.h>

#include "../../../src/base/str.h"

struct dns_server;
/* anchor: where to write the key for cnc__dns_config; NULL: signs nothing. */
struct dns_server *dns_server_new(const char *anchor);
void dns_server_attach(struct dns_server *s, uv_loop_t *loop);
void dns_server_close(struct dns_server *s); /* then let the loop turn */
void dns_server_free(struct dns_server **sp);
const char *dns_server_addr(const struct dns_server *s); /* "ADDR@PORT" */
unsigned dns_server_asked(const struct dns_server *s);   /* questions so far */

void dns_add_addr(struct dns_server *s, const char *name, const char *addr);
void dns_add_srv(struct dns_server *s, const char *name, unsigned priority,
                 unsigned weight, unsigned port, const char *target);
void dns_add_tlsa(struct dns_server *s, const char *name, unsigned usage,
                  unsigned selector, unsigned matching, const void *data,
                  size_t len);
enum dns_fault { DNS_SILENT, DNS_SERVFAIL, DNS_FORGED };
void dns_add_fault(struct dns_server *s, const char *name, unsigned type,
                   enum dns_fault fault);

#endif /* CNC_TESTS_DNS_SERVER_H */
