/* SPDX-License-Identifier: MIT */
/*
 * guard.h -- guessing passwords is slow.  Failures of an address, and of an
 * account, fill a bucket each, which leaks.
 *
 * An address whose bucket is full is refused for a while.  An account whose
 * bucket is full is not: that would let a stranger lock its owner out.  Its
 * answers, good and bad alike, only come later.  Both leave alone who has
 * logged in to that account from that address before, as its owner has.
 *
 * A loopback address may be a proxy's, with everybody behind it: it is not
 * refused.  Of an IPv6 address the network counts, 64 bits.  The memory of
 * all this has an end.  The core's thread alone.
 */
#ifndef CNC_XMPP_GUARD_H
#define CNC_XMPP_GUARD_H

#include <concordance/types.h>

#define CNC__GUARD_ADDR_TRIES   30u    /* failures at once */
#define CNC__GUARD_ADDR_LEAK_MS 10000u /* and one more each so often */
#define CNC__GUARD_USER_TRIES   20u
#define CNC__GUARD_USER_LEAK_MS 5000u
#define CNC__GUARD_DELAY_MS     2000u
#define CNC__GUARD_MAX          20000u /* addresses, accounts, pairs known */

/* The network of an address, both as text: an IPv6 customer has 2^64 addresses
 * to come from. */
CNC_API void cnc__addr_network(char out[64], const char *addr);

struct cnc__guard;
CNC_API struct cnc__guard *cnc__guard_new(void);
CNC_API void cnc__guard_free(struct cnc__guard **gp);

/* May this address try this account now?  *delay_ms: how long the answer
 * shall wait.  addr: as text; exempt: it is not refused. */
CNC_API bool cnc__guard_may_try(struct cnc__guard *g, const char *addr,
                                bool exempt, const char *account,
                                uint64_t now_ms, uint32_t *delay_ms);
CNC_API void cnc__guard_failed(struct cnc__guard *g, const char *addr,
                               const char *account, uint64_t now_ms);
CNC_API void cnc__guard_succeeded(struct cnc__guard *g, const char *addr,
                                  const char *account);

#endif /* CNC_XMPP_GUARD_H */
