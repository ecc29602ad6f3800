/* SPDX-License-Identifier: MIT */
/*
 * arena.h -- memory that is freed all at once.  Not thread-safe.
 *
 * Caller's storage: init/fini.  Blocks grow geometrically from 1 kB to 64 kB.
 */
#ifndef CNC_BASE_ARENA_H
#define CNC_BASE_ARENA_H

#include "check.h"

struct cnc__arena_block;
struct cnc__arena {
    struct cnc__arena_block *blocks;
    char *next, *end;
    size_t total; /* bytes handed out */
};

CNC_API void cnc__arena_init(struct cnc__arena *a);
CNC_API void cnc__arena_fini(struct cnc__arena *a);
/* 8-aligned, zeroed. */
CNC_API void *cnc__arena_alloc(struct cnc__arena *a, size_t size);
CNC_API char *cnc__arena_strndup(struct cnc__arena *a, const char *s,
                                 size_t len);
CNC_API char *cnc__arena_printf(struct cnc__arena *a, const char *fmt, ...)
    CNC_PRINTF(2, 3);

#endif /* CNC_BASE_ARENA_H */
