/* SPDX-License-Identifier: MIT */
/*
 * ws.c -- WebSocket frames (RFC 6455), both ways.
 */
#include <openssl/evp.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "../base/text.h"
#include "ws.h"

/*
 * A frame (RFC 6455 5.2):
 *
 *   FIN RSV opcode | MASK length7 | length16 or length64 | mask | payload
 *
 *   head -> payload -> head ... -> done (a close frame came, or an error)
 *
 * A fragmented message gathers in ws->message.  A control frame cut by the
 * transport gathers behind it, in the same buffer: it is over before the next
 * data frame begins, so it is the tail and is cut off again.
 */
#define MAX_REASON 123u /* bytes: a control frame has 125, the code two */

enum phase { IN_HEAD, IN_PAYLOAD, DONE };

struct state {
    uint64_t left; /* payload bytes of this frame still to come */
    uint8_t mask[4];
    uint8_t head[14];
    uint8_t n_head;
    uint8_t phase;
    uint8_t opcode;
    uint8_t fin;
    uint8_t mask_at;      /* which mask byte the next payload byte meets */
    uint8_t message_open; /* a text message waits for its continuation */
    uint8_t n_control;    /* control payload bytes at the tail of message */
};

_Static_assert(sizeof(struct state) <=
                   sizeof(((struct cnc__ws *)NULL)->state_bytes),
               "the receiver's state must fit its room");

struct feed {
    struct cnc__ws *ws;
    struct state st;
    const struct cnc__ws_events *events;
    void *priv;
    unsigned close_code;
};

int
cnc__ws_accept(char out[29], const char *key)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    struct cnc__str text = CNC__STR;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n_digest = 0;
    int rc = cnc__base64_decode(&text, key, strlen(key));

    if (rc != 0 || text.len != 16) {
        cnc__str_fini(&text);
        return CNC_ESYNTAX;
    }
    cnc__str_clear(&text);
    cnc__str_puts(&text, key);
    cnc__str_puts(&text, guid);
    CNC_CHECK(EVP_Digest(text.data, text.len, digest, &n_digest, EVP_sha1(),
                         NULL) == 1);
    cnc__str_clear(&text);
    cnc__base64_encode(&text, digest, n_digest);
    CNC_CHECK(text.len == 28);
    memcpy(out, text.data, 29);
    cnc__str_fini(&text);
    return 0;
}

/* XOR with the mask, starting at its byte *at (5.3). */
static void
unmask(char *data, size_t len, const uint8_t mask[4], uint8_t *at)
{
    uint8_t turned[4];
    uint32_t word;
    size_t i = 0;

    for (size_t k = 0; k < 4; k++) {
        turned[k] = mask[(*at + k) & 3];
    }
    memcpy(&word, turned, sizeof(word));
#ifdef __SSE2__
    const __m128i wide = _mm_set1_epi32((int)word);

    for (; i + 16 <= len; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(data + i));

        _mm_storeu_si128((__m128i *)(data + i), _mm_xor_si128(v, wide));
    }
#endif
    for (; i + 4 <= len; i += 4) {
        uint32_t v;

        memcpy(&v, data + i, sizeof(v));
        v ^= word;
        memcpy(data + i, &v, sizeof(v));
    }
    for (; i < len; i++) {
        data[i] = (char)((uint8_t)data[i] ^ turned[i & 3]);
    }
    *at = (uint8_t)((*at + len) & 3);
}

void
cnc__ws_init(struct cnc__ws *ws, bool server, uint32_t max_message)
{
    *ws = (struct cnc__ws){.server = server, .max_message = max_message};
}

void
cnc__ws_fini(struct cnc__ws *ws)
{
    cnc__str_fini(&ws->message);
}

static int
fail(struct feed *f, unsigned close_code, int rc)
{
    f->st.phase = DONE;
    f->close_code = close_code;
    return rc;
}

static bool
is_control(uint8_t opcode)
{
    return (opcode & 8) != 0;
}

/* Bytes of the head that n_head bytes of it let us know of. */
static size_t
head_size(const struct state *st)
{
    size_t size = 2;

    if (st->n_head >= 2) {
        unsigned len7 = st->head[1] & 0x7f;

        size += len7 == 126 ? 2 : len7 == 127 ? 8 : 0;
        size += (st->head[1] & 0x80) != 0 ? 4 : 0;
    }
    return size;
}

/* The rules of the two first bytes, before a length is believed. */
static int
check_head(struct feed *f)
{
    const struct state *st = &f->st;
    uint8_t opcode = st->head[0] & 0x0f;
    bool fin = (st->head[0] & 0x80) != 0;
    bool masked = (st->head[1] & 0x80) != 0;
    unsigned len7 = st->head[1] & 0x7f;

    if ((st->head[0] & 0x70) != 0 || masked != f->ws->server) {
        return fail(f, 1002, CNC_EPROTO);
    }
    switch (opcode) {
    case CNC__WS_CONT:
        return st->message_open ? 0 : fail(f, 1002, CNC_EPROTO);
    case CNC__WS_TEXT:
        return st->message_open ? fail(f, 1002, CNC_EPROTO) : 0;
    case CNC__WS_BINARY:
        return fail(f, st->message_open ? 1002 : 1003, CNC_EPROTO);
    case CNC__WS_CLOSE:
    case CNC__WS_PING:
    case CNC__WS_PONG:
        return fin && len7 <= 125 ? 0 : fail(f, 1002, CNC_EPROTO);
    default:
        return fail(f, 1002, CNC_EPROTO);
    }
}

/* The whole head is here: length, mask, limit. */
static int
begin_payload(struct feed *f)
{
    struct state *st = &f->st;
    unsigned len7 = st->head[1] & 0x7f;
    size_t at = 2;
    uint64_t len = len7;

    if (len7 == 126) {
        len = (uint64_t)st->head[2] << 8 | st->head[3];
        at = 4;
    } else if (len7 == 127) {
        len = 0;
        for (at = 2; at < 10; at++) {
            len = len << 8 | st->head[at];
        }
    }
    /* 5.2: the shortest form, and the highest bit is 0. */
    if ((len7 == 126 && len < 126) || (len7 == 127 && len <= 0xffff) ||
        len >> 63 != 0) {
        return fail(f, 1002, CNC_EPROTO);
    }
    if (f->ws->server) {
        memcpy(st->mask, st->head + at, 4);
    }
    st->mask_at = 0;
    st->opcode = st->head[0] & 0x0f;
    st->fin = (st->head[0] & 0x80) != 0;
    st->n_head = 0;
    st->n_control = 0;
    st->left = len;
    st->phase = IN_PAYLOAD;
    if (!is_control(st->opcode)) {
        size_t had = f->ws->message.len;

        if (had > f->ws->max_message || len > f->ws->max_message - had) {
            return fail(f, 1009, CNC_ELIMIT);
        }
        st->message_open = 1;
    }
    return 0;
}

/* 7.4: what may stand in a close frame. */
static bool
close_code_is_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static int
control(struct feed *f, const char *data, size_t len)
{
    unsigned code = 1005;

    if (f->st.opcode == CNC__WS_PING) {
        return f->events->on_ping(data, len, f->priv);
    }
    if (f->st.opcode == CNC__WS_PONG) {
        return f->events->on_pong(f->priv);
    }
    if (len == 1) {
        return fail(f, 1002, CNC_EPROTO);
    }
    if (len >= 2) {
        code = (unsigned)(uint8_t)data[0] << 8 | (uint8_t)data[1];
        if (!close_code_is_valid(code)) {
            return fail(f, 1002, CNC_EPROTO);
        }
        if (!cnc__utf8_valid(data + 2, len - 2)) {
            return fail(f, 1007, CNC_ESYNTAX);
        }
    }
    f->st.phase = DONE; /* 5.5.1: nothing after it counts */
    return f->events->on_close(code, f->priv);
}

static int
text(struct feed *f, const char *data, size_t len)
{
    f->st.message_open = 0;
    if (!cnc__utf8_valid(data, len)) {
        return fail(f, 1007, CNC_ESYNTAX);
    }
    return f->events->on_text(data, len, f->priv);
}

/* The payload's end.  tail: the last bytes, not yet in ws->message. */
static int
end_frame(struct feed *f, const char *tail, size_t n_tail)
{
    struct cnc__str *m = &f->ws->message;
    struct state *st = &f->st;
    int rc;

    st->phase = IN_HEAD;
    if (is_control(st->opcode)) {
        if (st->n_control == 0) {
            return control(f, tail, n_tail);
        }
        char whole[125];
        size_t len = st->n_control;

        memcpy(whole, m->data + m->len - len, len);
        m->len -= len;
        st->n_control = 0;
        memcpy(whole + len, tail, n_tail);
        if (m->len == 0) {
            cnc__str_fini(m);
        }
        return control(f, whole, len + n_tail);
    }
    if (st->fin && m->len == 0) {
        return text(f, tail, n_tail);
    }
    cnc__str_add(m, tail, n_tail);
    if (!st->fin) {
        return 0;
    }
    rc = text(f, cnc__str_c(m), m->len);
    cnc__str_fini(m);
    return rc;
}

static int
payload(struct feed *f, char **data, size_t *len)
{
    struct state *st = &f->st;
    size_t n = st->left < *len ? (size_t)st->left : *len;
    char *part = *data;

    if (f->ws->server) {
        unmask(part, n, st->mask, &st->mask_at);
    }
    *data += n;
    *len -= n;
    st->left -= n;
    if (st->left == 0) {
        return end_frame(f, part, n);
    }
    if (n > 0) {
        cnc__str_add(&f->ws->message, part, n);
        if (is_control(st->opcode)) {
            st->n_control = (uint8_t)(st->n_control + n);
        }
    }
    return 0;
}

static int
head(struct feed *f, char **data, size_t *len)
{
    struct state *st = &f->st;
    int rc;

    while (*len > 0 && st->n_head < head_size(st)) {
        st->head[st->n_head++] = (uint8_t) * (*data)++;
        (*len)--;
        if (st->n_head == 2 && (rc = check_head(f)) != 0) {
            return rc;
        }
    }
    return st->n_head == head_size(st) ? begin_payload(f) : 0;
}

int
cnc__ws_feed_some(struct cnc__ws *ws, char *data, size_t len, size_t *used,
                  const struct cnc__ws_events *events, void *priv,
                  unsigned *close_code)
{
    struct feed f = {.ws = ws, .events = events, .priv = priv};
    const char *start = data;
    int rc = 0;

    memcpy(&f.st, ws->state_bytes, sizeof(f.st));
    while (rc == 0 && f.st.phase != DONE) {
        if (f.st.phase == IN_PAYLOAD) {
            /* A frame without payload ends here without more bytes. */
            if (len == 0 && f.st.left > 0) {
                break;
            }
            rc = payload(&f, &data, &len);
        } else if (len == 0) {
            break;
        } else {
            rc = head(&f, &data, &len);
        }
    }
    if (rc != 0 && rc != CNC_EAGAIN) {
        f.st.phase = DONE;
    }
    if (f.st.phase == DONE) {
        cnc__str_fini(&ws->message);
    }
    memcpy(ws->state_bytes, &f.st, sizeof(f.st));
    if (f.close_code != 0 && close_code != NULL) {
        *close_code = f.close_code;
    }
    *used = (size_t)(data - start);
    return rc;
}

int
cnc__ws_feed(struct cnc__ws *ws, char *data, size_t len,
             const struct cnc__ws_events *events, void *priv,
             unsigned *close_code)
{
    size_t used;

    return cnc__ws_feed_some(ws, data, len, &used, events, priv, close_code);
}

size_t
cnc__ws_head(uint8_t out[10], enum cnc__ws_opcode op, size_t len)
{
    out[0] = (uint8_t)(0x80 | op);
    if (len < 126) {
        out[1] = (uint8_t)len;
        return 2;
    }
    if (len <= 0xffff) {
        out[1] = 126;
        out[2] = (uint8_t)(len >> 8);
        out[3] = (uint8_t)len;
        return 4;
    }
    out[1] = 127;
    for (size_t i = 0; i < 8; i++) {
        out[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    }
    return 10;
}

void
cnc__ws_add_frame(struct cnc__str *out, enum cnc__ws_opcode op,
                  const void *data, size_t len)
{
    uint8_t bytes[10];
    size_t n = cnc__ws_head(bytes, op, len);

    cnc__str_reserve(out, n + len);
    cnc__str_add(out, bytes, n);
    cnc__str_add(out, data, len);
}

void
cnc__ws_add_masked(struct cnc__str *out, enum cnc__ws_opcode op,
                   const void *data, size_t len)
{
    uint8_t bytes[10], mask[4], at = 0;
    size_t n = cnc__ws_head(bytes, op, len);

    cnc__random(mask, sizeof(mask));
    bytes[1] |= 0x80;
    cnc__str_reserve(out, n + 4 + len);
    cnc__str_add(out, bytes, n);
    cnc__str_add(out, mask, 4);
    cnc__str_add(out, data, len);
    unmask(out->data + out->len - len, len, mask, &at);
}

void
cnc__ws_add_close(struct cnc__str *out, unsigned code, const char *reason)
{
    size_t len = reason == NULL ? 0 : strlen(reason);
    char two[2] = {(char)(code >> 8), (char)(code & 0xff)};
    uint8_t bytes[10];

    CNC_CHECK(close_code_is_valid(code));
    if (len > MAX_REASON) {
        len = MAX_REASON;
        /* Cut before a character, not inside it. */
        while (len > 0 && ((unsigned char)reason[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    cnc__str_add(out, bytes, cnc__ws_head(bytes, CNC__WS_CLOSE, len + 2));
    cnc__str_add(out, two, sizeof(two));
    cnc__str_add(out, reason, len);
}
