/* SPDX-License-Identifier: MIT */
/*
 * malloc.c -- the allocator of the program concordanced: the C library's own,
 * with what an app's handlers take and give back counted for the app.
 *
 * C apps run inside the program and call malloc() as they like, so this is the
 * one place where all of them can be seen (glibc's manual, "Replacing
 * malloc").  Without an app's handler around it costs a look at a variable of
 * the thread.  Sanitizers bring an allocator of their own; then nothing is
 * counted but elements.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) &&                   \
    !defined(__SANITIZE_THREAD__)

/* The C library's names for what is replaced here. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
extern void __libc_free(void *p);

static void *
got(void *p)
{
    struct cnc__heap *h = cnc__heap_now();

    if (h != NULL && p != NULL) {
        cnc__heap_add(h, (int64_t)malloc_usable_size(p));
    }
    return p;
}

static void
gives(void *p)
{
    struct cnc__heap *h = cnc__heap_now();

    if (h != NULL && p != NULL) {
        cnc__heap_add(h, -(int64_t)malloc_usable_size(p));
    }
}

void *
malloc(size_t size)
{
    return got(__libc_malloc(size));
}

void *
calloc(size_t n, size_t size)
{
    return got(__libc_calloc(n, size));
}

void *
realloc(void *p, size_t size)
{
    size_t before = p == NULL ? 0 : malloc_usable_size(p);
    void *q = __libc_realloc(p, size);
    struct cnc__heap *h = cnc__heap_now();

    if (h != NULL && (q != NULL || size == 0)) {
        size_t after = q == NULL ? 0 : malloc_usable_size(q);

        cnc__heap_add(h, (int64_t)after - (int64_t)before);
    }
    return q;
}

void
free(void *p)
{
    int error = errno; /* free() leaves it alone */

    gives(p);
    __libc_free(p);
    errno = error;
}

void *
memalign(size_t align, size_t size)
{
    return got(__libc_memalign(align, size));
}

void *
aligned_alloc(size_t align, size_t size)
{
    return got(__libc_memalign(align, size));
}

int
posix_memalign(void **out, size_t align, size_t size)
{
    void *p;

    if (align % sizeof(void *) != 0 || (align & (align - 1)) != 0 ||
        align == 0) {
        return EINVAL;
    }
    p = got(__libc_memalign(align, size));
    if (p == NULL) {
        return ENOMEM;
    }
    *out = p;
    return 0;
}

#endif
