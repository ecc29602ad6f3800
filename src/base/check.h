/* SPDX-License-Identifier: MIT */
/*
 * check.h -- memory that is there or the process ends, and objects that know
 * their own type.  Checks stay on in release builds.
 *
 * Callbacks carry void *, so the compiler cannot catch a wrong cast.  Each
 * long-lived struct starts with `unsigned magic`, every function that takes
 * one checks it, and freeing clears it: a wrong cast or a use after free
 * stops at the first call instead of at the crash it would become.
 */
#ifndef CNC_BASE_CHECK_H
#define CNC_BASE_CHECK_H

#include <stdlib.h>
#include <string.h>

#include <concordance/types.h>

/* For bugs of ours only; a peer's mistake is an error code. */
_Noreturn CNC_API void cnc__panic(const char *file, int line,
                                  const char *what);

#define CNC_CHECK(expr)                                                       \
    do {                                                                      \
        if (!(expr)) {                                                        \
            cnc__panic(__FILE__, __LINE__, #expr);                            \
        }                                                                     \
    } while (0)

#define CNC_OBJ_CHECK(obj, m) CNC_CHECK((obj) != NULL && (obj)->magic == (m))

#define CNC_CONTAINER(ptr, type, member)                                      \
    ((type *)((char *)(ptr)-offsetof(type, member)))

#define CNC_N(array) (sizeof(array) / sizeof((array)[0]))

/* Zeroed memory; ends the process when there is none. */
CNC_API void *cnc__zalloc(size_t size);
/* Room for n elements of size bytes; new room is NOT zeroed; checks n * size
 * for overflow.  p may be NULL. */
CNC_API void *cnc__realloc(void *p, size_t n, size_t size);
/* Room for one more than the n that p holds: doubles *cap when it is full. */
CNC_API void *cnc__grow(void *p, size_t n, size_t *cap, size_t size);
CNC_API char *cnc__strdup(const char *s);              /* NULL -> NULL */
CNC_API char *cnc__strndup(const char *s, size_t len); /* adds the NUL */
CNC_API void cnc__free(void *p);                       /* NULL is fine */

/* Give freed memory back to the system, which the allocator keeps otherwise;
 * costs milliseconds. */
CNC_API void cnc__trim(void);

/* Clear the magic and free: CNC_OBJ_FREE(x) also sets x to NULL. */
#define CNC_OBJ_FREE(obj)                                                     \
    do {                                                                      \
        (obj)->magic = 0;                                                     \
        cnc__free(obj);                                                       \
        (obj) = NULL;                                                         \
    } while (0)

/* memcmp/strcmp for secrets: time depends on len alone. */
CNC_API bool cnc__equal_secret(const void *a, const void *b, size_t len);
/* Overwrite a secret; never optimized away. */
CNC_API void cnc__wipe(void *p, size_t len);
/* getrandom(2), or the process ends. */
CNC_API void cnc__random(void *out, size_t len);
/* n_bytes (at most 64) random bytes as lower-case hex; out holds
 * 2 * n_bytes + 1. */
CNC_API void cnc__random_hex(char *out, size_t n_bytes);

#endif /* CNC_BASE_CHECK_H */
