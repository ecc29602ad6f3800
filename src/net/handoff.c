/* SPDX-License-Identifier: MIT */
/*
 * handoff.c -- reading what a web server says of a socket that it gives away.
 */
#include "handoff.h"

#include <stdbool.h>

static size_t
get16(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

static bool
is_base64(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool letter = (p[i] >= 'a' && p[i] <= 'z') ||
                      (p[i] >= 'A' && p[i] <= 'Z') ||
                      (p[i] >= '0' && p[i] <= '9');

        if (!letter && (p[i] == '\0' || strchr("+/=", p[i]) == NULL)) {
            return false;
        }
    }
    return true;
}

const char *
cnc__handoff_unpack(struct cnc__handoff *out, const uint8_t *data, size_t len)
{
    size_t addr, host, accept, n_read;
    int secure;

    if (len < CNC__HANDOFF_HEAD || memcmp(data, CNC__HANDOFF_MAGIC, 4) != 0) {
        return "it is no handoff";
    }
    if (data[4] != CNC__HANDOFF_VERSION) {
        return "its version is not 1";
    }
    if ((data[5] & ~CNC__HANDOFF_SECURE) != 0) {
        return "it has flags that nobody knows";
    }
    secure = (data[5] & CNC__HANDOFF_SECURE) != 0;
    addr = data[6];
    accept = data[7];
    host = get16(data + 8);
    n_read = get16(data + 10);
    if (addr > CNC__HANDOFF_MAX_ADDR || host > CNC__HANDOFF_MAX_HOST ||
        n_read > CNC__HANDOFF_MAX_READ) {
        return "a part of it is too long";
    }
    if (accept != 0 && accept != CNC__HANDOFF_ACCEPT) {
        return "its Sec-WebSocket-Accept is none";
    }
    if (len != CNC__HANDOFF_HEAD + addr + host + accept + n_read) {
        return "its parts are not as long as it is";
    }
    data += CNC__HANDOFF_HEAD;
    if (memchr(data, '\0', addr + host) != NULL) {
        return "there is a NUL in it";
    }
    if (!is_base64(data + addr + host, accept)) {
        return "its Sec-WebSocket-Accept is none";
    }
    *out = (struct cnc__handoff){.secure = secure};
    memcpy(out->addr, data, addr);
    memcpy(out->host, data + addr, host);
    memcpy(out->accept, data + addr + host, accept);
    out->read = data + addr + host + accept;
    out->n_read = n_read;
    return NULL;
}
