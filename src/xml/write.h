/* SPDX-License-Identifier: MIT */
/*
 * write.h -- writing XML into a cnc__str: the canonical writer, and a printf
 * whose arguments are always escaped.
 */
#ifndef CNC_XML_WRITE_H
#define CNC_XML_WRITE_H

#include <concordance/xml.h>

#include "../base/str.h"

/* default_ns: the default namespace already in scope where the bytes go
 * ("jabber:client", or "" for none): the root declares its own only when it
 * differs. */
CNC_API void cnc__xml_write(struct cnc__str *out, const struct cnc_element *e,
                            const char *default_ns, unsigned flags);

CNC_API void cnc__xml_escape(struct cnc__str *out, const char *s, size_t len);

/*
 * printf for XML.  Conversions: %s and %.*s (escaped for text and attributes
 * alike; bytes XML forbids become U+FFFD; NULL: nothing), %c (escaped), %d %u
 * %zu %lld %llu %ld %lu, %% and
 *
 *   - %pE  const struct cnc_element *, written self-contained; NULL: nothing
 *   - %pB  const struct cnc_buf *, serialized XML, as it is; NULL: nothing
 *   - %pR  const char *, serialized XML, as it is: never a stranger's; NULL:
 *     nothing
 *
 * Anything else is a bug (CNC_CHECK).  Write attributes with single or double
 * quotes: both are escaped.
 */
CNC_API void cnc__xml_printf(struct cnc__str *out, const char *fmt, ...)
    CNC_PRINTF(2, 3);
CNC_API void cnc__xml_vprintf(struct cnc__str *out, const char *fmt,
                              va_list ap);

#endif /* CNC_XML_WRITE_H */
