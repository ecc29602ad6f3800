/* SPDX-License-Identifier: MIT */
/*
 * buf.c -- bytes that many own and nobody changes.
 */
#include <stdatomic.h>

#include <concordance/buf.h>

#include "check.h"

#define BUF_MAGIC 0xB0FB0F01u

struct cnc_buf {
    unsigned magic;
    atomic_uint refs;
    uint32_t len;
    char data[];
};

_Static_assert(CNC_BUF_MAX <= UINT32_MAX, "len is 32 bits wide");

struct cnc_buf *
cnc_buf_new(const void *data, size_t len)
{
    CNC_CHECK(len <= CNC_BUF_MAX);
    CNC_CHECK(data != NULL || len == 0);
    struct cnc_buf *buf = cnc__realloc(NULL, sizeof(*buf) + len + 1, 1);
    buf->magic = BUF_MAGIC;
    atomic_init(&buf->refs, 1);
    buf->len = (uint32_t)len;
    if (len > 0) {
        memcpy(buf->data, data, len);
    }
    buf->data[len] = '\0';
    return buf;
}

struct cnc_buf *
cnc_buf_ref(struct cnc_buf *buf)
{
    CNC_OBJ_CHECK(buf, BUF_MAGIC);
    unsigned before =
        atomic_fetch_add_explicit(&buf->refs, 1, memory_order_relaxed);
    CNC_CHECK(before != 0 && before != UINT32_MAX);
    return buf;
}

void
cnc_buf_unref(struct cnc_buf **bufp)
{
    CNC_CHECK(bufp != NULL);
    struct cnc_buf *buf = *bufp;
    if (buf == NULL) {
        return;
    }
    *bufp = NULL;
    CNC_OBJ_CHECK(buf, BUF_MAGIC);
    /* Release: our reads come before the free.  Acquire: the last holder
     * sees that all others' reads are over. */
    unsigned before =
        atomic_fetch_sub_explicit(&buf->refs, 1, memory_order_acq_rel);
    CNC_CHECK(before != 0);
    if (before == 1) {
        CNC_OBJ_FREE(buf);
    }
}

const char *
cnc_buf_data(const struct cnc_buf *buf)
{
    CNC_OBJ_CHECK(buf, BUF_MAGIC);
    return buf->data;
}

size_t
cnc_buf_len(const struct cnc_buf *buf)
{
    CNC_OBJ_CHECK(buf, BUF_MAGIC);
    return buf->len;
}
