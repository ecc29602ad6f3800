/* SPDX-License-Identifier: MIT */
/*
 * ws.c -- the WebSocket receiver: however the bytes are cut, the same comes
 * out; what is given as text is UTF-8 within the limit; what one end frames
 * the other reads.
 *
 * A libFuzzer target; xmpp/driver.c runs it on a corpus without libFuzzer.
 */
#include <stdio.h>

#include "../../src/base/text.h"
#include "../../src/xmpp/ws.h"
#include "xmpp/fuzz.h"

#define MAX_MESSAGE 300

static int
on_text(const char *data, size_t len, void *priv)
{
    CNC_CHECK(len <= MAX_MESSAGE);
    CNC_CHECK(cnc__utf8_valid(data, len));
    cnc__str_printf(priv, "text %zu ", len);
    cnc__str_add(priv, data, len);
    return 0;
}

static int
on_ping(const char *data, size_t len, void *priv)
{
    CNC_CHECK(len <= 125);
    cnc__str_printf(priv, "ping %zu ", len);
    cnc__str_add(priv, data, len);
    return 0;
}

static int
on_pong(void *priv)
{
    cnc__str_puts(priv, "pong ");
    return 0;
}

static int
on_close(unsigned code, void *priv)
{
    cnc__str_printf(priv, "close %u ", code);
    return 0;
}

static void
receive(struct cnc__str *said, bool server, const uint8_t *data, size_t size,
        size_t step)
{
    static const struct cnc__ws_events events = {on_text, on_ping, on_pong,
                                                 on_close};
    struct cnc__ws ws;
    unsigned code = 0;
    int rc = 0;

    cnc__ws_init(&ws, server, MAX_MESSAGE);
    for (size_t i = 0; i < size && rc == 0; i += step) {
        size_t n = size - i < step ? size - i : step;
        /* Of its exact size, so that ASan sees a read behind it. */
        char *piece = cnc__zalloc(n);

        memcpy(piece, data + i, n);
        rc = cnc__ws_feed(&ws, piece, n, &events, said, &code);
        CNC_CHECK(ws.message.len <= MAX_MESSAGE + 125);
        cnc__free(piece);
    }
    CNC_CHECK((rc == 0) == (code == 0));
    CNC_CHECK(rc == 0 || ws.message.data == NULL);
    cnc__str_printf(said, "= %d %u", rc, code);
    cnc__ws_fini(&ws);
}

static void
compare(bool server, const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 2, 3, 7, 64};
    struct cnc__str whole = CNC__STR;

    receive(&whole, server, data, size, size);
    for (size_t i = 0; i < CNC_N(steps); i++) {
        struct cnc__str cut = CNC__STR;

        receive(&cut, server, data, size, steps[i]);
        CNC_CHECK(cut.len == whole.len &&
                  memcmp(cut.data, whole.data, cut.len) == 0);
        cnc__str_fini(&cut);
    }
    cnc__str_fini(&whole);
}

/* The bytes as one masked message. */
static void
round_trip(const uint8_t *data, size_t size)
{
    struct cnc__str wire = CNC__STR, said = CNC__STR, want = CNC__STR;

    if (size > MAX_MESSAGE) {
        return;
    }
    cnc__ws_add_masked(&wire, CNC__WS_TEXT, data, size);
    receive(&said, true, (const uint8_t *)wire.data, wire.len, wire.len);
    if (cnc__utf8_valid((const char *)data, size)) {
        on_text((const char *)data, size, &want);
        cnc__str_puts(&want, "= 0 0");
    } else {
        cnc__str_printf(&want, "= %d 1007", CNC_ESYNTAX);
    }
    CNC_CHECK(said.len == want.len &&
              memcmp(said.data, want.data, said.len) == 0);
    cnc__str_fini(&wire);
    cnc__str_fini(&said);
    cnc__str_fini(&want);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 65536) {
        return 0;
    }
    compare(true, data, size);
    compare(false, data, size);
    round_trip(data, size);
    return 0;
}
