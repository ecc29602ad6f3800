/* SPDX-License-Identifier: MIT */
/*
 * concordance/buf.h -- immutable bytes with an atomic reference count.
 *
 * One published item goes to every subscriber of its node.  The stanza is
 * serialised once into a buf; queues, the store's thread and the agent hold
 * references.  Any thread may hold, read, ref and unref.
 */
#ifndef CONCORDANCE_BUF_H
#define CONCORDANCE_BUF_H

#include <concordance/types.h>

CNC_BEGIN_DECLS

struct cnc_buf;

/* The largest buf in bytes: no limit in the configuration may exceed it, so
 * that arithmetic on a length cannot wrap. */
#define CNC_BUF_MAX ((size_t)256 << 20)

/*
 * Copy len bytes into a new buf.
 *   data  borrowed for the call; may be NULL if len is 0
 *   len   bytes; more than CNC_BUF_MAX is a bug of the caller
 * Returns a *new* reference.
 */
CNC_API struct cnc_buf *cnc_buf_new(const void *data, size_t len);

/* Returns buf with a *new* reference. */
CNC_API struct cnc_buf *cnc_buf_ref(struct cnc_buf *buf);

/* Drop the reference that *bufp holds and set *bufp to NULL; accepts NULL. */
CNC_API void cnc_buf_unref(struct cnc_buf **bufp);

/* The bytes, *borrowed*; a NUL follows the last one. */
CNC_API const char *cnc_buf_data(const struct cnc_buf *buf);
CNC_API size_t cnc_buf_len(const struct cnc_buf *buf);

CNC_END_DECLS

#endif /* CONCORDANCE_BUF_H */
