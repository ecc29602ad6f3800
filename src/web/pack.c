/* SPDX-License-Identifier: MIT */
/*
 * pack.c -- gzip, brotli and SHA-256 of a whole body; on any thread.
 */
#include <brotli/encode.h>
#include <openssl/evp.h>
#include <zlib.h>

#include "web.h"

#define GZIP_LEVEL 6
/* A page changes often: 11 takes 100 times as long. */
#define BROTLI_QUALITY 5

struct cnc_buf *
cnc__pack_gzip(const void *data, size_t len, bool best)
{
    z_stream z = {0};
    struct cnc_buf *out = NULL;
    CNC_CHECK(len <= CNC_BUF_MAX);
    int level = best ? Z_BEST_COMPRESSION : GZIP_LEVEL;
    if (deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return NULL;
    }
    size_t cap = deflateBound(&z, len);
    char *room = cnc__realloc(NULL, cap, 1);
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)room;
    z.avail_out = (uInt)cap;
    if (deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < len) {
        out = cnc_buf_new(room, z.total_out);
    }
    deflateEnd(&z);
    cnc__free(room);
    return out;
}

struct cnc_buf *
cnc__pack_brotli(const void *data, size_t len, bool best)
{
    struct cnc_buf *out = NULL;
    CNC_CHECK(len <= CNC_BUF_MAX);
    size_t n = BrotliEncoderMaxCompressedSize(len);
    if (n == 0) {
        return NULL;
    }
    uint8_t *room = cnc__realloc(NULL, n, 1);
    if (BrotliEncoderCompress(best ? BROTLI_MAX_QUALITY : BROTLI_QUALITY,
                              BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, len,
                              data, &n, room) &&
        n < len) {
        out = cnc_buf_new(room, n);
    }
    cnc__free(room);
    return out;
}

void
cnc__pack_sha256(unsigned char out[32], const void *data, size_t len)
{
    unsigned n = 32;
    CNC_CHECK(EVP_Digest(data, len, out, &n, EVP_sha256(), NULL) == 1);
}
