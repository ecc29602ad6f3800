/* SPDX-License-Identifier: MIT */
/*
 * jid.h -- XMPP addresses (RFC 7622), prepared with PRECIS (RFC 8265: local
 * part UsernameCaseMapped, resource OpaqueString) and IDNA2008 for the domain;
 * an ASCII fast path.  Prepared JIDs are compared with strcmp.
 */
#ifndef CNC_XMPP_JID_H
#define CNC_XMPP_JID_H

#include "../base/str.h"

#define CNC__JID_MAX 3071 /* bytes of a whole JID (RFC 7622 3.1) */

/* Prepare s (len bytes) into out (room for CNC__JID_MAX + 1).
 * CNC_ESYNTAX ("jid-malformed"): empty part, a part past 1023 bytes, a
 * character the profile forbids, a domain that is not a name or address. */
CNC_API int cnc__jid_prepare(char *out, const char *s, size_t len,
                             struct cnc_error *err);

/* Parts of a prepared JID; lengths in bytes, no copies. */
CNC_API size_t cnc__jid_bare_len(const char *jid); /* up to the first '/' */
CNC_API const char *cnc__jid_resource(const char *jid); /* NULL if bare */
/* Domain: start and length. */
CNC_API const char *cnc__jid_domain(const char *jid, size_t *len);
CNC_API bool cnc__jid_has_local(const char *jid);
/* Is its domain this (prepared) one? */
CNC_API bool cnc__jid_is_at(const char *jid, const char *domain);
/* Is bare the bare JID of jid, exactly? */
CNC_API bool cnc__jid_is_bare_of(const char *bare, const char *jid);
/* Is jid the target itself, a resource of it, or at that domain? */
CNC_API bool cnc__jid_is_within(const char *jid, const char *target);
/* Same bare JID. */
CNC_API bool cnc__jid_same_bare(const char *a, const char *b);

#endif /* CNC_XMPP_JID_H */
