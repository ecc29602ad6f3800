/* SPDX-License-Identifier: MIT */
/*
 * concordance/types.h -- error codes, struct cnc_error, and the few macros
 * that every public header needs.
 *
 * Conventions of every header in this folder:
 *   - int results are 0 or a negative CNC_E... code; results go out through
 *     leading `out` arguments, which are untouched on failure.
 *   - where a person or a peer must be told why, the last argument is
 *     `struct cnc_error *err`; it may be NULL.
 *   - *new* reference: the caller must release it.  *borrowed*: valid as long
 *     as the object it came from.  *steals*: the callee takes the caller's.
 *   - allocation never fails: it ends the process.  What a peer can make
 *     large is limited before it is allocated.
 *   - strings are UTF-8 and NUL-terminated unless a length stands beside.
 */
#ifndef CONCORDANCE_TYPES_H
#define CONCORDANCE_TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define CNC_BEGIN_DECLS extern "C" {
#define CNC_END_DECLS   }
#else
#define CNC_BEGIN_DECLS
#define CNC_END_DECLS
#endif

#define CNC_API            __attribute__((visibility("default")))
#define CNC_MUST_USE       __attribute__((warn_unused_result))
#define CNC_PRINTF(fmt, a) __attribute__((format(printf, fmt, a)))

/* The numbers are ABI: never renumber, never reuse.  One list makes the
 * enum, the names and the texts, so that they cannot drift apart. */
#define CNC_ERR_MAP(X)                                                        \
    X(CNC_EAGAIN, -1, "more input is needed")                                 \
    X(CNC_EINVAL, -2, "the caller broke the documented contract")             \
    X(CNC_ELIMIT, -3, "a configured limit was exceeded")                      \
    X(CNC_ESYNTAX, -4, "not well-formed")                                     \
    X(CNC_EPROTO, -5, "well-formed, but the protocol forbids it")             \
    X(CNC_ENOENT, -6, "no such item, node or session")                        \
    X(CNC_EEXIST, -7, "it exists already")                                    \
    X(CNC_EACCES, -8, "the entity may not do that")                           \
    X(CNC_ECLOSED, -9, "the stream is closed")                                \
    X(CNC_ESYS, -10, "the operating system failed the call")                  \
    X(CNC_EREFUSED, -11, "the app refused the record")                        \
    X(CNC_ESTORE, -12, "the store could not keep it")                         \
    X(CNC_EFROZEN, -13, "the element is frozen and cannot be changed")        \
    X(CNC_ERENDER, -14, "the template could not be applied")                  \
    X(CNC_EAUTH, -15, "not authenticated")

enum cnc_err {
    CNC_OK = 0,
#define X(name, num, text) name = num,
    CNC_ERR_MAP(X)
#undef X
};

/* Why something failed, for a person and for a peer. */
struct cnc_error {
    int code;                /* a CNC_E... code */
    const char *condition;   /* static: an RFC 6120 condition's element name,
                                "item-not-found", or NULL: derive from code */
    const char *specific;    /* static: an application-specific condition's
                                element name ("invalid-payload"), attributes
                                may follow, and after '>' what it holds; or
                                NULL */
    const char *specific_ns; /* static: its namespace, or NULL */
    unsigned line, column;   /* 1-based place in the input; 0 if none */
    char text[512];          /* one line, says what and where, no full stop */
};

CNC_BEGIN_DECLS

/* The library's version, "0.1.0"; static. */
CNC_API const char *cnc_version(void);

/* The code's name, "CNC_EPROTO"; a static string, never NULL. */
CNC_API const char *cnc_err_name(int err);

/* One line for a log, no full stop; a static string, never NULL. */
CNC_API const char *cnc_err_text(int err);

/* Fill err (may be NULL) with a code, an RFC 6120 8.3.3 condition (static
 * string or NULL) and a printf text; cut at the field's size on a UTF-8
 * boundary.  Returns code, so that `return cnc_error_set(...)` reads well. */
CNC_API int cnc_error_set(struct cnc_error *err, int code,
                          const char *condition, const char *fmt, ...)
    CNC_PRINTF(4, 5);

CNC_END_DECLS

#endif /* CONCORDANCE_TYPES_H */
