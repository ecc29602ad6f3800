/* SPDX-License-Identifier: MIT */
/*
 * escape.c -- text and attributes, escaped.
 */
#include "escape.h"

#include "../base/text.h"
#include "write.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const char *const refs[256] = {
    ['&'] = "&amp;",  ['<'] = "&lt;",  ['>'] = "&gt;",   ['"'] = "&quot;",
    ['\''] = "&#39;", ['\t'] = "&#9;", ['\n'] = "&#10;", ['\r'] = "&#13;",
};

enum { IN_TEXT = 1, IN_ATTR = 2, IN_BOTH = 4 };

static const unsigned char wanted[256] = {
    ['&'] = IN_TEXT | IN_ATTR | IN_BOTH,
    ['<'] = IN_TEXT | IN_ATTR | IN_BOTH,
    ['>'] = IN_TEXT | IN_BOTH,
    ['"'] = IN_ATTR | IN_BOTH,
    ['\''] = IN_BOTH,
    ['\t'] = IN_ATTR | IN_BOTH,
    ['\n'] = IN_ATTR | IN_BOTH,
    ['\r'] = IN_TEXT | IN_ATTR | IN_BOTH,
};

/* Past the bytes that are plain in text and attributes alike, as far as
 * sixteen at a time go. */
static inline const char *
skip_plain(const char *s, const char *end)
{
#ifdef __SSE2__
    const __m128i amp = _mm_set1_epi8('&'), lt = _mm_set1_epi8('<');
    const __m128i gt = _mm_set1_epi8('>'), quot = _mm_set1_epi8('"');
    const __m128i apos = _mm_set1_epi8('\''), last = _mm_set1_epi8(0x1F);
    for (; end - s >= 16; s += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)s);
        __m128i hit = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(x, amp), _mm_cmpeq_epi8(x, lt)),
            _mm_or_si128(_mm_cmpeq_epi8(x, gt), _mm_cmpeq_epi8(x, quot)));
        /* The smaller of x and 0x1F is x: a control. */
        hit = _mm_or_si128(
            hit, _mm_or_si128(_mm_cmpeq_epi8(x, apos),
                              _mm_cmpeq_epi8(_mm_min_epu8(x, last), x)));
        int mask = _mm_movemask_epi8(hit);
        if (mask != 0) {
            return s + __builtin_ctz((unsigned)mask);
        }
    }
#endif
    return s;
}

static inline void
escape(struct cnc__str *out, const char *s, const char *end, unsigned where)
{
    const char *start = s;
    while ((s = skip_plain(s, end)) < end) {
        const char *stop = end - s > 16 ? s + 16 : end;
        for (; s < stop; s++) {
            if ((wanted[(unsigned char)*s] & where) != 0) {
                cnc__str_add(out, start, (size_t)(s - start));
                cnc__str_puts(out, refs[(unsigned char)*s]);
                start = s + 1;
            }
        }
    }
    cnc__str_add(out, start, (size_t)(end - start));
}

void
cnc__escape_text(struct cnc__str *out, const char *s, size_t len)
{
    escape(out, s, s + len, IN_TEXT);
}

void
cnc__escape_attr(struct cnc__str *out, const char *s)
{
    escape(out, s, s + strlen(s), IN_ATTR);
}

void
cnc__xml_escape(struct cnc__str *out, const char *s, size_t len)
{
    const char *end = s + len;
    if (cnc__xml_chars_valid(s, len)) {
        escape(out, s, end, IN_BOTH);
        return;
    }
    while (s < end) {
        uint32_t cp;
        size_t n = cnc__utf8_next(&cp, s, (size_t)(end - s));
        if (n == 0 || !cnc__xml_char(cp)) {
            cnc__str_puts(out, "\xEF\xBF\xBD");
            n = n == 0 ? 1 : n;
        } else {
            escape(out, s, s + n, IN_BOTH);
        }
        s += n;
    }
}
