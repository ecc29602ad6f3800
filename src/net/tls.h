/* SPDX-License-Identifier: MIT */
/*
 * tls.h -- certificates of ours, as the service hands them to listeners and
 * to connections it dials.  RFC 7590: TLS 1.2 and later, no compression, no
 * renegotiation, forward secrecy.  Core thread only.
 */
#ifndef CNC_NET_TLS_H
#define CNC_NET_TLS_H

#include <concordance/types.h>

struct cnc__tls_files {
    const char *cert, *key; /* PEM; both NULL: none, for dialling alone */
    const char *ca;         /* PEM: more authorities to trust; or NULL */
};

struct cnc__tls_ctx;
/* *new*.  CNC_ESYS with a text that names the file and says what to do. */
CNC_API int cnc__tls_ctx_new(struct cnc__tls_ctx **out,
                             const struct cnc__tls_files *files,
                             struct cnc_error *err);
CNC_API struct cnc__tls_ctx *cnc__tls_ctx_ref(struct cnc__tls_ctx *t);
CNC_API void cnc__tls_ctx_unref(struct cnc__tls_ctx **tp);
/* Who asks t for this name when hands are shaken (SNI) gets other's
 * certificate, which may be t itself; so does who asks for another name that
 * the certificate is for, unless t's own is.  other outlives t's connections.
 */
CNC_API void cnc__tls_ctx_join(struct cnc__tls_ctx *t,
                               struct cnc__tls_ctx *other, const char *domain);
/* What was joined for that domain, or t; borrowed. */
CNC_API struct cnc__tls_ctx *cnc__tls_ctx_of(struct cnc__tls_ctx *t,
                                             const char *domain);
/* Read the files again, for connections from now on.  On failure all stays
 * as it was. */
CNC_API int cnc__tls_ctx_reload(struct cnc__tls_ctx *t, struct cnc_error *err);
/* Did the last reload bring another certificate? */
CNC_API bool cnc__tls_ctx_renewed(const struct cnc__tls_ctx *t);

#endif /* CNC_NET_TLS_H */
