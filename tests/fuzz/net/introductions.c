/* SPDX-License-Identifier: MIT */
/*
 * introductions.c -- what proxies and web servers say of their clients: a
 * PROXY header, and the packet that comes with a socket.
 *
 * A header is complete with its last byte and means what it meant whatever
 * comes behind it; a packet that is read is written the same again.  The first
 * byte of the input chooses.
 *
 * A libFuzzer target; xmpp/driver.c runs it on a corpus without libFuzzer.
 */
#include <concordance/types.h>

#include "../../../src/net/handoff.h"
#include "../../../src/net/proxy.h"
#include "../xmpp/fuzz.h"

static bool
is_same(const struct cnc__proxy *a, const struct cnc__proxy *b)
{
    return a->local == b->local && a->known == b->known && a->tls == b->tls &&
           a->loopback == b->loopback && strcmp(a->addr, b->addr) == 0;
}

/* Of the exact size, so that ASan sees an over-read. */
static int
read_header(struct cnc__proxy *out, const uint8_t *data, size_t size,
            const char **why)
{
    uint8_t *bytes = cnc__realloc(NULL, size + 1, 1);
    int used;

    memcpy(bytes + 1, data, size);
    used = cnc__proxy_read(out, bytes + 1, size, why);
    cnc__free(bytes);
    return used;
}

static void
check_header(const uint8_t *data, size_t size)
{
    struct cnc__proxy p = {0}, again = {0};
    const char *why = NULL;
    int used = read_header(&p, data, size, &why);

    CNC_CHECK(used <= CNC__PROXY_MAX && used <= (int)size);
    CNC_CHECK((used < 0) == (why != NULL));
    if (used <= 0) {
        CNC_CHECK(used == CNC_EINVAL || size < CNC__PROXY_MAX);
        return;
    }
    CNC_CHECK(!p.known || (p.addr[0] != '\0' && !p.local));
    CNC_CHECK(memchr(p.addr, '\0', sizeof(p.addr)) != NULL);
    CNC_CHECK(read_header(&again, data, (size_t)used, &why) == used);
    CNC_CHECK(is_same(&p, &again));
    for (int n = 0; n < used; n += 1 + n / 8) {
        CNC_CHECK(read_header(&again, data, (size_t)n, &why) == 0);
    }
}

static void
check_packet(const uint8_t *data, size_t size)
{
    static uint8_t packed[CNC__HANDOFF_MAX];
    struct cnc__handoff h;
    uint8_t *bytes = cnc__realloc(NULL, size + 1, 1);
    const char *why;

    memcpy(bytes + 1, data, size);
    why = cnc__handoff_unpack(&h, bytes + 1, size);
    if (why == NULL) {
        CNC_CHECK(size <= CNC__HANDOFF_MAX);
        CNC_CHECK(cnc__handoff_pack(packed, &h) == size);
        CNC_CHECK(memcmp(packed, data, size) == 0);
    } else {
        CNC_CHECK(why[0] != '\0');
    }
    cnc__free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 'h') {
        check_packet(data + 1, size - 1);
    } else if (size > 0) {
        check_header(data + 1, size - 1);
    }
    return 0;
}
