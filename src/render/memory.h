/* SPDX-License-Identifier: MIT */
/*
 * memory.h -- a soft limit on what one transformation allocates.
 *
 * libxslt has no limit on memory, and libxml2 crashes when an allocation
 * fails.  So nothing fails here: what libxml2 allocates is counted, and at
 * the limit the transformation is told to stop, which it does at its next
 * step.  A single step that is larger still is for RLIMIT_AS.
 */
#ifndef CNC_RENDER_MEMORY_H
#define CNC_RENDER_MEMORY_H

#include <libxslt/xsltInternals.h>

#include "engine.h"

void cnc__memory_init(void);
/* All that libxml2 holds now, about, in bytes. */
uint64_t cnc__memory_held(void);
void cnc__memory_watch(xsltTransformContextPtr ctxt,
                       const struct cnc__engine_limits *limits);
/* True: the limit was met. */
bool cnc__memory_unwatch(void);

#endif /* CNC_RENDER_MEMORY_H */
