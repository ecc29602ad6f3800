/* SPDX-License-Identifier: MIT */
/*
 * memory.c -- libxml2's memory, with a limit.
 */
#include <malloc.h>

#include <libxml/xmlmemory.h>

#include "memory.h"

/* A result tree takes about ten times the room of its HTML. */
#define TIMES_OUTPUT 16
#define MAX_OUTPUT   ((uint64_t)16 << 20)

static xsltTransformContextPtr watched;
static uint64_t used, limit, held;
static bool met;

static void
add(size_t n)
{
    held += n;
    if (watched == NULL) {
        return;
    }
    used += n;
    if (used > limit) {
        met = true;
        watched->state = XSLT_STATE_STOPPED;
        watched->opCount = watched->opLimit;
        watched->xpathCtxt->opCount = watched->xpathCtxt->opLimit;
    }
}

static void
sub(void *p)
{
    size_t n = p == NULL ? 0 : malloc_usable_size(p);
    held = n > held ? 0 : held - n;
    if (watched != NULL) {
        used = n > used ? 0 : used - n;
    }
}

static void *
count_malloc(size_t size)
{
    void *p = cnc__realloc(NULL, size == 0 ? 1 : size, 1);
    add(malloc_usable_size(p));
    return p;
}

static void *
count_realloc(void *old, size_t size)
{
    sub(old);
    void *p = cnc__realloc(old, size == 0 ? 1 : size, 1);
    add(malloc_usable_size(p));
    return p;
}

static void
count_free(void *p)
{
    sub(p);
    cnc__free(p);
}

static char *
count_strdup(const char *s)
{
    char *p = cnc__strdup(s);
    add(malloc_usable_size(p));
    return p;
}

void
cnc__memory_init(void)
{
    CNC_CHECK(xmlMemSetup(count_free, count_malloc, count_realloc,
                          count_strdup) == 0);
}

uint64_t
cnc__memory_held(void)
{
    return held;
}

void
cnc__memory_watch(xsltTransformContextPtr ctxt,
                  const struct cnc__engine_limits *limits)
{
    uint64_t out = limits->max_output == 0 ? MAX_OUTPUT : limits->max_output;
    watched = ctxt;
    used = 0;
    limit = out * TIMES_OUTPUT;
    met = false;
}

bool
cnc__memory_unwatch(void)
{
    watched = NULL;
    return met;
}
