/* SPDX-License-Identifier: MIT */
/*
 * sasl.h -- SASL on a stream (RFC 6120 section 6): sasl.c speaks <auth/>,
 * <challenge/>, <response/>, <success/> and <failure/>; each mechanism is a
 * const struct of functions.
 */
#ifndef CNC_XMPP_SASL_H
#define CNC_XMPP_SASL_H

#include "stream.h"

struct cnc__sasl;

enum cnc__sasl_result {
    CNC__SASL_MORE, /* out is the next challenge */
    CNC__SASL_DONE, /* account is set; out goes with <success/> if has_out */
    CNC__SASL_FAIL, /* failure is set */
    CNC__SASL_WAIT  /* cnc__sasl_finish() will be called; x may be gone */
};

struct cnc__mechanism {
    const char *name;
    unsigned bit;      /* CNC__SASL_... */
    bool client_first; /* without an initial response, ask for it */
    bool (*offered)(const struct cnc__stream *s);
    enum cnc__sasl_result (*step)(struct cnc__stream *s, struct cnc__sasl *x,
                                  const char *in, size_t len);
    void (*abandon)(struct cnc__sasl *x); /* free x->priv; may be NULL */
};

/* The exchange under way; at most one a stream. */
struct cnc__sasl {
    const struct cnc__mechanism *mechanism;
    bool waiting; /* for work on another thread */
    bool has_out;
    bool anonymous, operator_;
    struct cnc__str out;
    const char *failure; /* RFC 6120 6.5 condition; static */
    char *account;       /* bare JID, prepared */
    void *priv;          /* the mechanism's own */
};

extern const struct cnc__mechanism cnc__sasl_anonymous, cnc__sasl_external,
    cnc__sasl_plain, cnc__sasl_scram_sha1, cnc__sasl_scram_sha256;

/* Append <mechanisms/>: what this stream may use. */
void cnc__sasl_add_mechanisms(struct cnc__str *out,
                              const struct cnc__stream *s);
/* An element in the SASL namespace, before authentication. */
void cnc__sasl_element(struct cnc__stream *s, struct cnc_element *e);
/* The end of work on another thread. */
void cnc__sasl_finish(struct cnc__stream *s, enum cnc__sasl_result result);
/* Forget the exchange under way, if any. */
void cnc__sasl_abandon(struct cnc__stream *s);

/* -- for mechanisms ------------------------------------------------------ */

static inline enum cnc__sasl_result
cnc__sasl_fail(struct cnc__sasl *x, const char *condition)
{
    x->failure = condition;
    return CNC__SASL_FAIL;
}

/* The bare JID of a user name on s's domain, *new*; NULL: not a local part. */
char *cnc__sasl_account(const struct cnc__stream *s, const char *user,
                        size_t len);
/* RFC 4422 3.4.1: may the owner of account act as authzid?  Only as itself. */
bool cnc__sasl_may_act_as(const char *account, const char *authzid,
                          size_t len);
/* The keys of a prepared account; made-up ones, always the same for one name,
 * and false when it has none, so that nobody can tell. */
bool cnc__sasl_keys(struct cnc__scram_keys *out, const struct cnc__stream *s,
                    const char *account, bool sha256);
/* RFC 5802 section 3 for a password as it is; all buffers borrowed. */
void cnc__scram_keys_of(struct cnc__scram_keys *io, const char *password,
                        size_t len, bool sha256);

#endif /* CNC_XMPP_SASL_H */
