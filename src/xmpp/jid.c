/* SPDX-License-Identifier: MIT */
/*
 * jid.c -- JIDs, prepared (RFC 7622).
 */
#include <arpa/inet.h>
#include <idn2.h>

#include "../base/text.h"
#include "jid.h"
#include "precis.h"

#define PART_MAX 1023u /* bytes of a part, RFC 7622 3.2 - 3.4 */

static int
malformed(struct cnc_error *err, const char *what)
{
    return cnc_error_set(err, CNC_ESYNTAX, "jid-malformed", "%s", what);
}

static bool
is_ldh(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* Letters, digits, hyphens; labels of 1 to 63 that neither start nor end with
 * a hyphen.  s is lower case. */
static bool
is_plain_domain(const char *s, size_t len)
{
    size_t label = 0;

    if (len == 0 || len > 253) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '.') {
            if (label == 0 || s[i - 1] == '-') {
                return false;
            }
            label = 0;
            continue;
        }
        if (!is_ldh(s[i]) || (label == 0 && s[i] == '-') || ++label > 63) {
            return false;
        }
    }
    return label > 0 && s[len - 1] != '-';
}

static bool
has_a_label(const char *s, size_t len)
{
    for (size_t i = 0; i + 4 <= len; i++) {
        if ((i == 0 || s[i - 1] == '.') && memcmp(s + i, "xn--", 4) == 0) {
            return true;
        }
    }
    return false;
}

/* "[::1]": the address in the form inet_ntop gives it. */
static int
prepare_ip6(struct cnc__str *out, const char *s, size_t len)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;

    if (len < 4 || len - 2 >= sizeof(text) || s[len - 1] != ']') {
        return CNC_ESYNTAX;
    }
    memcpy(text, s + 1, len - 2);
    text[len - 2] = '\0';
    if (strlen(text) != len - 2 || inet_pton(AF_INET6, text, &addr) != 1) {
        return CNC_ESYNTAX;
    }
    inet_ntop(AF_INET6, &addr, text, sizeof(text));
    cnc__str_printf(out, "[%s]", text);
    return 0;
}

/* U-labels, after the name has proved to be one by IDNA2008 lookup. */
static int
prepare_idna(struct cnc__str *out, const char *s)
{
    uint8_t *ascii = NULL;
    char *name = NULL;
    int rc = CNC_ESYNTAX;

    if (idn2_lookup_u8((const uint8_t *)s, &ascii,
                       IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL |
                           IDN2_USE_STD3_ASCII_RULES) == IDN2_OK &&
        is_plain_domain((const char *)ascii, strlen((const char *)ascii)) &&
        idn2_to_unicode_8z8z((const char *)ascii, &name, 0) == IDN2_OK &&
        strlen(name) <= PART_MAX) {
        cnc__str_puts(out, name);
        rc = 0;
    }
    idn2_free(ascii);
    idn2_free(name);
    return rc;
}

static int
prepare_domain(struct cnc__str *out, const char *s, size_t len)
{
    struct cnc__str name = CNC__STR;
    bool ascii = true;
    int rc = CNC_ESYNTAX;

    /* RFC 7622 3.2: one final dot is dropped before anything else. */
    if (len > 0 && s[len - 1] == '.') {
        len--;
    }
    if (len == 0 || len > PART_MAX || memchr(s, '\0', len) != NULL) {
        return CNC_ESYNTAX;
    }
    if (s[0] == '[') {
        return prepare_ip6(out, s, len);
    }
    cnc__str_add(&name, s, len);
    for (size_t i = 0; i < len; i++) {
        char c = name.data[i];

        ascii = ascii && (unsigned char)c < 0x80;
        name.data[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    if (!ascii || has_a_label(name.data, len)) {
        rc = cnc__utf8_valid(s, len) ? prepare_idna(out, name.data)
                                     : CNC_ESYNTAX;
    } else if (is_plain_domain(name.data, len)) {
        cnc__str_add(out, name.data, len);
        rc = 0;
    }
    cnc__str_fini(&name);
    return rc;
}

/* RFC 7622 3.3.1: what UsernameCaseMapped allows and a JID does not. */
static bool
local_is_allowed(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr("\"&'/:<>@", s[i]) != NULL) {
            return false;
        }
    }
    return true;
}

static int
prepare_local(struct cnc__str *out, const char *s, size_t len)
{
    size_t at = out->len;

    if (cnc__precis_username(out, s, len) != 0 ||
        !local_is_allowed(out->data + at, out->len - at)) {
        return CNC_ESYNTAX;
    }
    return out->len - at <= PART_MAX ? 0 : CNC_ESYNTAX;
}

/* ASCII all through: no allocation, one pass.  False: take the long way. */
static bool
prepare_fast(char *out, const char *s, const char *at, const char *slash,
             const char *end)
{
    const char *domain = at == NULL ? s : at + 1;
    const char *name_end = slash == NULL ? end : slash;
    size_t n_domain = (size_t)(name_end - domain);
    char *o = out;

    if ((at != NULL && (at == s || (size_t)(at - s) > PART_MAX)) ||
        (slash != NULL &&
         (slash + 1 == end || (size_t)(end - slash - 1) > PART_MAX))) {
        return false;
    }
    for (const char *c = s; c < end; c++) {
        if (*c < 0x20 || *c > 0x7e || (*c == ' ' && c < name_end)) {
            return false;
        }
        *o++ = (char)(c < name_end && *c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    }
    *o = '\0';
    return is_plain_domain(out + (domain - s), n_domain) &&
           !has_a_label(out + (domain - s), n_domain) &&
           (at == NULL || local_is_allowed(s, (size_t)(at - s)));
}

int
cnc__jid_prepare(char *out, const char *s, size_t len, struct cnc_error *err)
{
    const char *end = s + len;
    const char *slash = len == 0 ? NULL : memchr(s, '/', len);
    const char *name_end = slash == NULL ? end : slash;
    const char *at =
        name_end == s ? NULL : memchr(s, '@', (size_t)(name_end - s));
    const char *domain = at == NULL ? s : at + 1;
    struct cnc__str made = CNC__STR;
    char fast[CNC__JID_MAX + 1];
    const char *wrong = NULL;

    if (len == 0 || len > CNC__JID_MAX) {
        return malformed(err, len == 0 ? "the address is empty"
                                       : "the address is too long");
    }
    if (prepare_fast(fast, s, at, slash, end)) {
        memcpy(out, fast, len + 1);
        return 0;
    }
    if (at != NULL) {
        if (prepare_local(&made, s, (size_t)(at - s)) != 0) {
            wrong = "the local part is not allowed";
        }
        cnc__str_putc(&made, '@');
    }
    if (wrong == NULL &&
        prepare_domain(&made, domain, (size_t)(name_end - domain)) != 0) {
        wrong = "the domain is not a name or address";
    }
    if (wrong == NULL && slash != NULL) {
        size_t start;

        cnc__str_putc(&made, '/');
        start = made.len;
        if (cnc__precis_opaque(&made, slash + 1, (size_t)(end - slash - 1)) !=
                0 ||
            made.len - start > PART_MAX) {
            wrong = "the resource is not allowed";
        }
    }
    if (wrong == NULL) {
        memcpy(out, made.data, made.len + 1);
    }
    cnc__str_fini(&made);
    return wrong == NULL ? 0 : malformed(err, wrong);
}

size_t
cnc__jid_bare_len(const char *jid)
{
    return strcspn(jid, "/");
}

const char *
cnc__jid_resource(const char *jid)
{
    const char *slash = strchr(jid, '/');

    return slash == NULL ? NULL : slash + 1;
}

const char *
cnc__jid_domain(const char *jid, size_t *len)
{
    size_t bare = cnc__jid_bare_len(jid);
    const char *at = memchr(jid, '@', bare);
    const char *domain = at == NULL ? jid : at + 1;

    *len = bare - (size_t)(domain - jid);
    return domain;
}

bool
cnc__jid_has_local(const char *jid)
{
    return memchr(jid, '@', cnc__jid_bare_len(jid)) != NULL;
}

bool
cnc__jid_is_at(const char *jid, const char *domain)
{
    size_t len;
    const char *own = cnc__jid_domain(jid, &len);

    return len == strlen(domain) && memcmp(own, domain, len) == 0;
}

bool
cnc__jid_is_bare_of(const char *bare, const char *jid)
{
    size_t len = strlen(bare);

    return len == cnc__jid_bare_len(jid) && memcmp(bare, jid, len) == 0;
}

bool
cnc__jid_is_within(const char *jid, const char *target)
{
    return strcmp(jid, target) == 0 || cnc__jid_is_bare_of(target, jid) ||
           cnc__jid_is_at(jid, target);
}

bool
cnc__jid_same_bare(const char *a, const char *b)
{
    size_t len = cnc__jid_bare_len(a);

    return len == cnc__jid_bare_len(b) && memcmp(a, b, len) == 0;
}
