/* SPDX-License-Identifier: MIT */
/*
 * scan.h -- skipping over bytes that mean nothing to the parser, sixteen at a
 * time where the machine can.  Reads nothing at or behind end.
 */
#ifndef CNC_XML_SCAN_H
#define CNC_XML_SCAN_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "../base/text.h"
#include "tree.h"

/* A byte that a scan must look at: control, not ASCII, or one of a, b, c. */
static inline bool
cnc__scan_stops(unsigned char byte, char a, char b, char c)
{
    return byte < 0x20 || byte >= 0x80 || byte == (unsigned char)a ||
           byte == (unsigned char)b || byte == (unsigned char)c;
}

static inline const char *
cnc__scan(const char *s, const char *end, char a, char b, char c)
{
#ifdef __SSE2__
    const __m128i va = _mm_set1_epi8(a), vb = _mm_set1_epi8(b);
    const __m128i vc = _mm_set1_epi8(c), space = _mm_set1_epi8(0x20);
    for (; end - s >= 16; s += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)s);
        /* Signed: bytes from 0x80 are negative, so below 0x20 too. */
        __m128i hit = _mm_or_si128(
            _mm_or_si128(_mm_cmplt_epi8(x, space), _mm_cmpeq_epi8(x, va)),
            _mm_or_si128(_mm_cmpeq_epi8(x, vb), _mm_cmpeq_epi8(x, vc)));
        int mask = _mm_movemask_epi8(hit);
        if (mask != 0) {
            return s + __builtin_ctz((unsigned)mask);
        }
    }
#endif
    while (s < end && !cnc__scan_stops((unsigned char)*s, a, b, c)) {
        s++;
    }
    return s;
}

/* Bytes of the character at s; 0: not UTF-8; -1: it may go on behind end. */
static inline int
cnc__scan_char(uint32_t *cp, const char *s, const char *end)
{
    size_t left = (size_t)(end - s);
    size_t n = cnc__utf8_next(cp, s, left);
    if (n > 0) {
        return (int)n;
    }
    unsigned char c = (unsigned char)*s;
    size_t need = c >= 0xC2 && c < 0xE0   ? 2
                  : c >= 0xE0 && c < 0xF0 ? 3
                  : c >= 0xF0 && c < 0xF5 ? 4
                                          : 0;
    if (need <= left) {
        return 0;
    }
    for (size_t i = 1; i < left; i++) {
        if (((unsigned char)s[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return -1;
}

#endif /* CNC_XML_SCAN_H */
