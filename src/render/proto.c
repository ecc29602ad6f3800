/* SPDX-License-Identifier: MIT */
/*
 * proto.c -- messages to and from the render process.
 */
#include "proto.h"

#define HEAD 9 /* length, type, call */

static void
put_u32(struct cnc__str *out, uint32_t n)
{
    unsigned char b[4] = {(unsigned char)n, (unsigned char)(n >> 8),
                          (unsigned char)(n >> 16), (unsigned char)(n >> 24)};
    cnc__str_add(out, b, sizeof(b));
}

static uint32_t
get_u32(const char *s)
{
    const unsigned char *b = (const unsigned char *)s;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
           (uint32_t)b[3] << 24;
}

void
cnc__render_encode(struct cnc__str *out, const struct cnc__render_message *m)
{
    size_t len = HEAD - 4;
    CNC_CHECK(m->n_fields <= CNC__RENDER_MAX_FIELDS);
    for (size_t i = 0; i < m->n_fields; i++) {
        CNC_CHECK(m->fields[i].len <= CNC__RENDER_MAX_MESSAGE);
        len += 4 + m->fields[i].len;
    }
    CNC_CHECK(len <= CNC__RENDER_MAX_MESSAGE);
    cnc__str_reserve(out, len + 4);
    put_u32(out, (uint32_t)len);
    cnc__str_putc(out, (char)m->type);
    put_u32(out, m->call);
    for (size_t i = 0; i < m->n_fields; i++) {
        put_u32(out, (uint32_t)m->fields[i].len);
        cnc__str_add(out, m->fields[i].data, m->fields[i].len);
    }
}

int
cnc__render_decode(struct cnc__render_message *out, size_t *used,
                   const char *data, size_t len)
{
    struct cnc__render_message m = {0};
    if (len < 4) {
        return CNC_EAGAIN;
    }
    uint32_t body = get_u32(data);
    if (body > CNC__RENDER_MAX_MESSAGE) {
        return CNC_ELIMIT;
    }
    if (body < HEAD - 4) {
        return CNC_EPROTO;
    }
    if (len - 4 < body) {
        return CNC_EAGAIN;
    }
    m.type = (uint8_t)data[4];
    m.call = get_u32(data + 5);
    const char *p = data + HEAD, *end = data + 4 + body;
    while (p < end) {
        if (m.n_fields == CNC__RENDER_MAX_FIELDS || end - p < 4) {
            return CNC_EPROTO;
        }
        uint32_t n = get_u32(p);
        p += 4;
        if (n > (size_t)(end - p)) {
            return CNC_EPROTO;
        }
        m.fields[m.n_fields].data = p;
        m.fields[m.n_fields].len = n;
        m.n_fields++;
        p += n;
    }
    *used = 4 + (size_t)body;
    *out = m;
    return 0;
}

void
cnc__render_pack(struct cnc__str *out, const char *data, size_t len)
{
    CNC_CHECK(len <= CNC__RENDER_MAX_MESSAGE);
    put_u32(out, (uint32_t)len);
    cnc__str_add(out, data, len);
}

bool
cnc__render_unpack(const char **data, size_t *len, const char **at,
                   const char *end)
{
    if (end - *at < 4 || get_u32(*at) > (size_t)(end - *at) - 4) {
        return false;
    }
    *len = get_u32(*at);
    *data = *at + 4;
    *at = *data + *len;
    return true;
}
