/* SPDX-License-Identifier: MIT */
/*
 * precis.h -- PRECIS (RFC 8264): the two profiles XMPP uses.  Reentrant.
 */
#ifndef CNC_XMPP_PRECIS_H
#define CNC_XMPP_PRECIS_H

#include "../base/str.h"

/*
 * Append the enforced form of s (len bytes) to out.  CNC_ESYNTAX: not UTF-8,
 * empty, a character the profile forbids, or a string that does not come to
 * rest (RFC 8264 section 7).  Nothing is appended on failure.
 */
/* UsernameCaseMapped (RFC 8265 3.3). */
CNC_API int cnc__precis_username(struct cnc__str *out, const char *s,
                                 size_t len);
/* OpaqueString (RFC 8265 4.2): resources. */
CNC_API int cnc__precis_opaque(struct cnc__str *out, const char *s,
                               size_t len);

#endif /* CNC_XMPP_PRECIS_H */
