/* SPDX-License-Identifier: MIT */
/* escape.h -- what the canonical form escapes, in text that XML allows. */
#ifndef CNC_XML_ESCAPE_H
#define CNC_XML_ESCAPE_H

#include "../base/str.h"

/* & < > and CR, which a parser would turn into LF. */
void cnc__escape_text(struct cnc__str *out, const char *s, size_t len);
/* & < " and tab, CR, LF, which a parser would turn into spaces. */
void cnc__escape_attr(struct cnc__str *out, const char *s);

#endif /* CNC_XML_ESCAPE_H */
