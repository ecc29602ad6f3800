/* SPDX-License-Identifier: MIT */
/*
 * component.h -- XEP-0114, both roles: components that connect to us, and our
 * whole service as a component of another server.
 *
 * XEP-0114 has no TLS: both belong on one machine or one wire.  Core thread
 * alone; sockets are the owner's, as in s2s.h.
 */
#ifndef CNC_S2S_COMPONENT_H
#define CNC_S2S_COMPONENT_H

#include "s2s.h"

/* -- components of ours --------------------------------------------------- */

struct cnc__component_name {
    const char *name;   /* its domain */
    const char *secret; /* never logged */
    bool below;         /* it may also speak for domains below its own */
};

struct cnc__components;
/* Asked before other carriers; who is connected is among the domain's items
 * (XEP-0030).  names are copied.  CNC_EINVAL: not a domain, the service's own,
 * or twice. */
CNC_API int cnc__components_new(struct cnc__components **out,
                                struct cnc__router *router,
                                const struct cnc__component_name *names,
                                size_t n_names, uint32_t max_stanza,
                                struct cnc_error *err);
/* Components of another domain of this process, which connect at the same
 * place: makes a ring of two rings.  Before the first stream. */
CNC_API void cnc__components_join(struct cnc__components *c,
                                  struct cnc__components *other);
/* Ends all streams with system-shutdown; they are freed by their owner. */
CNC_API void cnc__components_close(struct cnc__components *c);
/* After the last stream, before the router. */
CNC_API void cnc__components_free(struct cnc__components **cp);
/* For s2s's is_host. */
CNC_API bool cnc__components_is_host(const struct cnc__components *c,
                                     const char *domain);
/* One has connected; NULL: closed. */
CNC_API struct cnc__stream *cnc__components_stream_in(
    struct cnc__components *c, const struct cnc__stream_peer *peer,
    const struct cnc__stream_events *events, void *priv, uint64_t now_ms);

struct cnc__component_entry { /* borrowed for the call */
    const char *name;
    bool connected;
    const char *addr; /* "" while not */
    size_t out_bytes;
    uint64_t since_ms, sent, received;
};
typedef void cnc__component_each_f(const struct cnc__component_entry *e,
                                   void *priv);
CNC_API void cnc__components_each(const struct cnc__components *c,
                                  cnc__component_each_f *f, void *priv);

/* -- we are a component --------------------------------------------------- */

struct cnc__attach;
struct cnc__attach_options {
    const char *secret;      /* copied */
    uint32_t max_stanza;     /* bytes [1 MB] */
    uint32_t wait_ms;        /* a stanza waits for the stream [60000] */
    uint32_t max_waiting;    /* bytes waiting [8 MB] */
    uint32_t backoff_ms;     /* [1000] */
    uint32_t backoff_max_ms; /* [60000] */
};
/* The router's domain is the component's name, and all that goes elsewhere
 * goes to that server: there is no S2S beside it.  env's dial is asked for the
 * router's domain and knows where the server is; its is_host is not used. */
CNC_API struct cnc__attach *
cnc__attach_new(const struct cnc__s2s_env *env,
                const struct cnc__attach_options *options, uint64_t now_ms);
CNC_API void cnc__attach_tick(struct cnc__attach *a, uint64_t now_ms);
CNC_API void cnc__attach_close(struct cnc__attach *a);
CNC_API void cnc__attach_free(struct cnc__attach **ap);
CNC_API bool cnc__attach_is_ready(const struct cnc__attach *a);

/* XEP-0114 section 3: hex(SHA-1(id + secret)). */
CNC_API void cnc__component_key(char out[41], const char *id,
                                const char *secret);

#endif /* CNC_S2S_COMPONENT_H */
