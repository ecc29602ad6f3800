/* SPDX-License-Identifier: MIT */
/*
 * proxy.c -- the PROXY protocol, version 2.
 */
#include <concordance/types.h>

#include "addr.h"
#include "proxy.h"

#define HEAD 16 /* bytes before the addresses */

enum { LOCAL = 0, PROXY = 1 };
enum { UNSPEC = 0x00, TCP4 = 0x11, TCP6 = 0x21, UNIX_STREAM = 0x31 };
enum { TLV_CRC32C = 0x03, TLV_SSL = 0x20 };
#define SSL_CLIENT 0x01 /* of the client's flags: it came by TLS */

struct reader {
    const uint8_t *data;
    size_t len; /* of the whole header */
    const char **why;
};

static int
bad(const struct reader *r, const char *why)
{
    *r->why = why;
    return CNC_EINVAL;
}

static size_t
get16(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

/* -- TLVs ----------------------------------------------------------------- */

/* Castagnoli's, of a few bytes. */
static uint32_t
crc32c(uint32_t crc, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
        }
    }
    return crc;
}

/* The sum is of the whole header, with zeros where it stands itself. */
static int
check_sum(const struct reader *r, const uint8_t *value, size_t len)
{
    static const uint8_t none[4];
    size_t at = (size_t)(value - r->data);
    uint32_t crc, said;

    if (len != 4) {
        return bad(r, "the checksum has not 4 bytes");
    }
    said = (uint32_t)get16(value) << 16 | (uint32_t)get16(value + 2);
    crc = crc32c(~0u, r->data, at);
    crc = crc32c(crc, none, 4);
    crc = ~crc32c(crc, value + 4, r->len - at - 4);
    return crc == said ? 0 : bad(r, "the checksum is wrong");
}

/* Types and lengths, up to the end; f is asked about each. */
static int
walk(const struct reader *r, const uint8_t *p, size_t len,
     int (*f)(const struct reader *r, unsigned type, const uint8_t *value,
              size_t len, void *priv),
     void *priv)
{
    while (len > 0) {
        size_t n;
        int code;

        if (len < 3 || len - 3 < (n = get16(p + 1))) {
            return bad(r, "a field is longer than the header");
        }
        code = f == NULL ? 0 : f(r, p[0], p + 3, n, priv);
        if (code != 0) {
            return code;
        }
        p += 3 + n;
        len -= 3 + n;
    }
    return 0;
}

struct seen {
    struct cnc__proxy *out;
    bool ssl;
};

static int
on_tlv(const struct reader *r, unsigned type, const uint8_t *value, size_t len,
       void *priv)
{
    struct seen *seen = priv;

    if (type == TLV_CRC32C) {
        return check_sum(r, value, len);
    }
    if (type != TLV_SSL) {
        return 0;
    }
    if (len < 5) {
        return bad(r, "the field about TLS is too short");
    }
    if (seen->ssl) {
        return bad(r, "there are two fields about TLS");
    }
    seen->ssl = true;
    seen->out->tls = (value[0] & SSL_CLIENT) != 0;
    return walk(r, value + 5, len - 5, NULL, NULL);
}

/* -- the header ----------------------------------------------------------- */

/* Bytes of the addresses; 0: none that we know. */
static size_t
addresses_len(unsigned family)
{
    return family == TCP4          ? 12
           : family == TCP6        ? 36
           : family == UNIX_STREAM ? 216
                                   : 0;
}

static void
read_source(struct cnc__proxy *out, unsigned family, const uint8_t *p)
{
    union cnc__sockaddr a = {.storage = {0}};

    if (family == TCP4) {
        a.sa.sa_family = AF_INET;
        memcpy(&a.in.sin_addr, p, 4);
    } else if (family == TCP6) {
        a.sa.sa_family = AF_INET6;
        memcpy(&a.in6.sin6_addr, p, 16);
    } else {
        return;
    }
    out->known = true;
    cnc__addr_text(out->addr, &out->loopback, &a);
}

static int
read_body(struct cnc__proxy *out, const struct reader *r)
{
    unsigned family = r->data[13];
    size_t n = addresses_len(family);
    struct seen seen = {.out = out};

    if (out->local || family == UNSPEC) {
        return 0; /* what follows is to be skipped, says 2.2 */
    }
    if (n == 0) {
        return bad(r, "it is about no TCP connection");
    }
    if (r->len - HEAD < n) {
        return bad(r, "it ends within the addresses");
    }
    read_source(out, family, r->data + HEAD);
    return walk(r, r->data + HEAD + n, r->len - HEAD - n, on_tlv, &seen);
}

int
cnc__proxy_read(struct cnc__proxy *out, const void *data, size_t len,
                const char **why)
{
    static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                          0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
    struct reader r = {.data = data, .why = why};
    struct cnc__proxy found = {.local = false};
    size_t n = len < sizeof(signature) ? len : sizeof(signature);
    int code;

    if (memcmp(r.data, signature, n) != 0) {
        n = len < 6 ? len : 6;
        return bad(&r, memcmp(r.data, "PROXY ", n) == 0
                           ? "version 1 is not understood: set the proxy to "
                             "version 2"
                           : "there is no PROXY header");
    }
    if (len > 12 && (r.data[12] >> 4 != 2 || (r.data[12] & 15) > PROXY)) {
        return bad(&r, r.data[12] >> 4 != 2 ? "its version is not 2"
                                            : "there is no such command");
    }
    if (len < HEAD) {
        return 0;
    }
    r.len = HEAD + get16(r.data + 14);
    if (r.len > CNC__PROXY_MAX) {
        return bad(&r, "it is longer than 2048 bytes");
    }
    if (len < r.len) {
        return 0;
    }
    found.local = (r.data[12] & 15) == LOCAL;
    code = read_body(&found, &r);
    if (code != 0) {
        return code;
    }
    *out = found;
    return (int)r.len;
}
