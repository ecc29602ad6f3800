/* SPDX-License-Identifier: MIT */
/*
 * heap.h -- whose memory it is: a counter that a thread's allocations go to
 * while it runs somebody's code (an app's handler).
 *
 * Two things are counted: what that code, and libraries that it calls, get
 * from malloc() and give back to free() meanwhile, where the program counts
 * (concordanced does: malloc.c; Python's does not); and elements
 * made meanwhile, until they are freed, by whomever.  What this library
 * allocates otherwise is its own.
 */
#ifndef CNC_BASE_HEAP_H
#define CNC_BASE_HEAP_H

#include <concordance/types.h>

struct cnc__heap;

/* Never freed: elements may outlive whoever made them. */
CNC_API struct cnc__heap *cnc__heap_new(void);
CNC_API int64_t cnc__heap_bytes(const struct cnc__heap *h);
CNC_API void cnc__heap_add(struct cnc__heap *h, int64_t bytes);
/* Where this thread's allocations go; NULL: nowhere. */
CNC_API struct cnc__heap *cnc__heap_now(void);
/* From now on; returns what it was. */
CNC_API struct cnc__heap *cnc__heap_set(struct cnc__heap *h);

#endif /* CNC_BASE_HEAP_H */
