/* SPDX-License-Identifier: MIT */
/*
 * precis.c -- PRECIS: UsernameCaseMapped and OpaqueString (RFC 8264, RFC
 * 8265).
 */
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "../base/text.h"
#include "precis.h"

/* A part's bytes, thus its code points at most; and room for what case mapping
 * or composition makes of so many (Unicode: never more than three each). */
#define MAX_BYTES  1023u
#define MAX_POINTS (MAX_BYTES * 3u)

/* RFC 8264 section 8: what the derivation says of one code point. */
enum property { PVALID, FREE_PVAL, CONTEXTJ, CONTEXTO, DISALLOWED };

struct points {
    uint32_t at[MAX_POINTS];
    size_t n;
};

/* RFC 8264 9.6 (the same list as RFC 5892 2.6); -1: not an exception. */
static int
exception(uint32_t c)
{
    if ((c >= 0x660 && c <= 0x669) || (c >= 0x6f0 && c <= 0x6f9)) {
        return CONTEXTO;
    }
    if (c >= 0x3031 && c <= 0x3035) {
        return DISALLOWED;
    }
    switch (c) {
    case 0xdf:
    case 0x3c2:
    case 0x6fd:
    case 0x6fe:
    case 0xf0b:
    case 0x3007:
        return PVALID;
    case 0xb7:
    case 0x375:
    case 0x5f3:
    case 0x5f4:
    case 0x30fb:
        return CONTEXTO;
    case 0x640:
    case 0x7fa:
    case 0x302e:
    case 0x302f:
    case 0x303b:
        return DISALLOWED;
    default:
        return -1;
    }
}

static bool
is_old_hangul_jamo(uint32_t c)
{
    return (c >= 0x1100 && c <= 0x11ff) || (c >= 0xa960 && c <= 0xa97c) ||
           (c >= 0xd7b0 && c <= 0xd7fb);
}

static bool
has_compat(uint32_t c)
{
    uint32_t out[32];
    size_t n = CNC_N(out);

    return u32_normalize(UNINORM_NFKC, &c, 1, out, &n) == NULL || n != 1 ||
           out[0] != c;
}

/* RFC 8264 section 8, in its order. */
static enum property
derive(uint32_t c)
{
    int special = exception(c);
    uint32_t category;

    if (special >= 0) {
        return (enum property)special;
    }
    if (c >= 0x21 && c <= 0x7e) {
        return PVALID;
    }
    if (c == 0x200c || c == 0x200d) {
        return CONTEXTJ;
    }
    if (is_old_hangul_jamo(c) ||
        uc_is_property_default_ignorable_code_point(c) ||
        uc_is_property_not_a_character(c)) {
        return DISALLOWED;
    }
    category = uc_general_category(c).bitmask;
    if ((category & (UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cn)) != 0) {
        return DISALLOWED;
    }
    if (has_compat(c)) {
        return FREE_PVAL;
    }
    if ((category &
         (UC_CATEGORY_MASK_Ll | UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Lo |
          UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Lm | UC_CATEGORY_MASK_Mn |
          UC_CATEGORY_MASK_Mc)) != 0) {
        return PVALID;
    }
    if ((category &
         (UC_CATEGORY_MASK_Lt | UC_CATEGORY_MASK_Nl | UC_CATEGORY_MASK_No |
          UC_CATEGORY_MASK_Me | UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_S |
          UC_CATEGORY_MASK_P)) != 0) {
        return FREE_PVAL;
    }
    return DISALLOWED;
}

static bool
script_is(uint32_t c, const char *name)
{
    const uc_script_t *script = uc_script(c);

    return script != NULL && strcmp(script->name, name) == 0;
}

/* RFC 5892 A.1: between letters that join towards it. */
static bool
joins_around(const struct points *p, size_t i)
{
    size_t k = i;
    int type = UC_JOINING_TYPE_U;

    while (k > 0) {
        type = uc_joining_type(p->at[--k]);
        if (type != UC_JOINING_TYPE_T) {
            break;
        }
    }
    if (type != UC_JOINING_TYPE_L && type != UC_JOINING_TYPE_D) {
        return false;
    }
    type = UC_JOINING_TYPE_U;
    for (k = i + 1; k < p->n; k++) {
        type = uc_joining_type(p->at[k]);
        if (type != UC_JOINING_TYPE_T) {
            break;
        }
    }
    return type == UC_JOINING_TYPE_R || type == UC_JOINING_TYPE_D;
}

static bool
any_between(const struct points *p, uint32_t low, uint32_t high)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->at[i] >= low && p->at[i] <= high) {
            return true;
        }
    }
    return false;
}

static bool
any_kana_or_han(const struct points *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (script_is(p->at[i], "Hiragana") ||
            script_is(p->at[i], "Katakana") || script_is(p->at[i], "Han")) {
            return true;
        }
    }
    return false;
}

/* RFC 5892 appendix A. */
static bool
context_allows(const struct points *p, size_t i)
{
    uint32_t c = p->at[i];
    uint32_t before = i > 0 ? p->at[i - 1] : 0;
    uint32_t after = i + 1 < p->n ? p->at[i + 1] : 0;

    if (c == 0x200c || c == 0x200d) {
        if (i > 0 && uc_combining_class(before) == UC_CCC_VR) {
            return true;
        }
        return c == 0x200c && joins_around(p, i);
    }
    if (c == 0xb7) {
        return before == 'l' && after == 'l';
    }
    if (c == 0x375) {
        return script_is(after, "Greek");
    }
    if (c == 0x5f3 || c == 0x5f4) {
        return i > 0 && script_is(before, "Hebrew");
    }
    if (c == 0x30fb) {
        return any_kana_or_han(p);
    }
    if (c >= 0x660 && c <= 0x669) {
        return !any_between(p, 0x6f0, 0x6f9);
    }
    return !any_between(p, 0x660, 0x669);
}

static bool
class_allows(const struct points *p, bool freeform)
{
    for (size_t i = 0; i < p->n; i++) {
        enum property property = derive(p->at[i]);

        /* A space is FREE_PVAL like every other Zs. */
        if (property == DISALLOWED || (property == FREE_PVAL && !freeform)) {
            return false;
        }
        if ((property == CONTEXTJ || property == CONTEXTO) &&
            !context_allows(p, i)) {
            return false;
        }
    }
    return true;
}

#define BIDI(x) (1u << UC_BIDI_##x)

/* The Bidi Rule, RFC 5893 section 2, asked once the string holds a
 * right-to-left character. */
static bool
bidi_allows(const struct points *p)
{
    unsigned seen = 0, first = 0, last = 0;
    bool rtl;

    for (size_t i = 0; i < p->n; i++) {
        unsigned bit = 1u << (unsigned)uc_bidi_class(p->at[i]);

        seen |= bit;
        first = i == 0 ? bit : first;
        if (bit != BIDI(NSM)) {
            last = bit;
        }
    }
    if ((seen & (BIDI(R) | BIDI(AL) | BIDI(AN))) == 0) {
        return true;
    }
    rtl = (first & (BIDI(R) | BIDI(AL))) != 0;
    if (rtl) {
        unsigned may = BIDI(R) | BIDI(AL) | BIDI(AN) | BIDI(EN) | BIDI(ES) |
                       BIDI(CS) | BIDI(ET) | BIDI(ON) | BIDI(BN) | BIDI(NSM);

        return (seen & ~may) == 0 &&
               (last & (BIDI(R) | BIDI(AL) | BIDI(EN) | BIDI(AN))) != 0 &&
               (seen & (BIDI(EN) | BIDI(AN))) != (BIDI(EN) | BIDI(AN));
    }
    /* A left-to-right string may hold none of them (rules 1 and 5). */
    return false;
}

/* Full- and half-width forms to what they stand for (RFC 8264 5.2.1). */
static void
map_width(struct points *p)
{
    for (size_t i = 0; i < p->n; i++) {
        ucs4_t to[UC_DECOMPOSITION_MAX_LENGTH];
        int tag = 0;
        int n = uc_decomposition(p->at[i], &tag, to);

        if (n == 1 && (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW)) {
            p->at[i] = to[0];
        }
    }
}

static void
map_spaces(struct points *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->at[i] > 0x7f &&
            uc_is_general_category_withtable(p->at[i], UC_CATEGORY_MASK_Zs)) {
            p->at[i] = ' ';
        }
    }
}

typedef uint32_t *convert_f(const uint32_t *in, size_t n, uint32_t *out,
                            size_t *n_out);

static uint32_t *
to_lower(const uint32_t *in, size_t n, uint32_t *out, size_t *n_out)
{
    return u32_tolower(in, n, NULL, NULL, out, n_out);
}

static uint32_t *
to_nfc(const uint32_t *in, size_t n, uint32_t *out, size_t *n_out)
{
    return u32_normalize(UNINORM_NFC, in, n, out, n_out);
}

/* The room always suffices, so that libunistring never allocates. */
static bool
convert(struct points *p, convert_f *f)
{
    uint32_t out[MAX_POINTS];
    size_t n = CNC_N(out);

    if (p->n == 0 || p->n > MAX_BYTES) {
        return false;
    }
    CNC_CHECK(f(p->at, p->n, out, &n) == out);
    memcpy(p->at, out, n * sizeof(out[0]));
    p->n = n;
    return true;
}

/* One round of the profile's rules, in RFC 8265's order. */
static bool
enforce(struct points *p, bool username)
{
    if (username) {
        map_width(p);
        return convert(p, to_lower) && convert(p, to_nfc) &&
               class_allows(p, false) && bidi_allows(p);
    }
    map_spaces(p);
    return convert(p, to_nfc) && class_allows(p, true);
}

static bool
same_points(const struct points *a, const struct points *b)
{
    return a->n == b->n && memcmp(a->at, b->at, a->n * sizeof(a->at[0])) == 0;
}

static int
profile(struct cnc__str *out, const char *s, size_t len, bool username)
{
    struct points now, last;
    uint8_t bytes[MAX_POINTS * 4];
    size_t n = sizeof(bytes);

    now.n = CNC_N(now.at);
    if (u8_to_u32((const uint8_t *)s, len, now.at, &now.n) != now.at) {
        return CNC_ESYNTAX;
    }
    /* RFC 8264 section 7: once, then at most three times more. */
    for (int round = 0; round < 4; round++) {
        last.n = now.n;
        memcpy(last.at, now.at, now.n * sizeof(now.at[0]));
        if (!enforce(&now, username) || now.n == 0) {
            return CNC_ESYNTAX;
        }
        if (same_points(&now, &last)) {
            if (u32_to_u8(now.at, now.n, bytes, &n) != bytes) {
                return CNC_ESYNTAX;
            }
            cnc__str_add(out, bytes, n);
            return 0;
        }
    }
    return CNC_ESYNTAX;
}

static bool
is_ascii(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)s[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

int
cnc__precis_username(struct cnc__str *out, const char *s, size_t len)
{
    size_t at = out->len;

    if (len == 0 || len > MAX_BYTES || !cnc__utf8_valid(s, len)) {
        return CNC_ESYNTAX;
    }
    if (!is_ascii(s, len)) {
        return profile(out, s, len, true);
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] < 0x21 || s[i] > 0x7e) {
            return CNC_ESYNTAX;
        }
    }
    cnc__str_add(out, s, len);
    for (char *c = out->data + at; *c != '\0'; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    }
    return 0;
}

int
cnc__precis_opaque(struct cnc__str *out, const char *s, size_t len)
{
    if (len == 0 || len > MAX_BYTES || !cnc__utf8_valid(s, len)) {
        return CNC_ESYNTAX;
    }
    if (!is_ascii(s, len)) {
        return profile(out, s, len, false);
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] < 0x20 || s[i] > 0x7e) {
            return CNC_ESYNTAX;
        }
    }
    cnc__str_add(out, s, len);
    return 0;
}
