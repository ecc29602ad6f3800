/* SPDX-License-Identifier: MIT */
/*
 * text.h -- UTF-8, base64, numbers, dates: small things that strangers' text
 * needs.  All reentrant.
 */
#ifndef CNC_BASE_TEXT_H
#define CNC_BASE_TEXT_H

#include "str.h"

/* Strict UTF-8 (no surrogates, no overlong, <= U+10FFFF). */
CNC_API bool cnc__utf8_valid(const char *s, size_t len);
/* Also every code point is an XML 1.0 Char. */
CNC_API bool cnc__xml_chars_valid(const char *s, size_t len);
/* XML 1.0 production 2. */
CNC_API bool cnc__xml_char(uint32_t cp);
/* Bytes of the character at s, its code point in *cp; 0: not strict UTF-8. */
CNC_API size_t cnc__utf8_next(uint32_t *cp, const char *s, size_t len);
/* Code points in valid UTF-8. */
CNC_API size_t cnc__utf8_count(const char *s, size_t len);

/* Whole string must be a number in [min, max]; no sign tricks, no blanks. */
CNC_API bool cnc__parse_int(int64_t *out, const char *s, int64_t min,
                            int64_t max);

CNC_API void cnc__base64_encode(struct cnc__str *out, const void *data,
                                size_t len);
/* CNC_ESYNTAX on anything but canonical base64 with padding. */
CNC_API int cnc__base64_decode(struct cnc__str *out, const char *s,
                               size_t len);
CNC_API void cnc__hex(char *out, const void *data, size_t len); /* 2n+1 */
/* The byte that two hex digits of any case make; -1: they are none. */
CNC_API int cnc__unhex(const char digits[2]);

/* XEP-0082 UTC, "2026-11-22T21:40:00Z" (milliseconds when not 0). */
CNC_API void cnc__datetime(char out[32], int64_t unix_ms);
/* XEP-0082 / xs:dateTime and xs:date, years 0001 to 9999; no zone is UTC;
 * digits beyond the millisecond are dropped; CNC_ESYNTAX. */
CNC_API int cnc__parse_datetime(int64_t *unix_ms, const char *s);
CNC_API int cnc__parse_date(const char *s); /* 0 or CNC_ESYNTAX */

#endif /* CNC_BASE_TEXT_H */
