/* SPDX-License-Identifier: MIT */
/*
 * sasl.h -- SASL on a stream.  sasl.c is the exchange in either of its two
 * dresses, RFC 6120 section 6 and XEP-0388; sasl2.c is what only the second
 * has.  Each mechanism is a const struct of functions.
 *
 *   <auth/>, <authenticate/> -> step -> MORE: <challenge/> -> step ...
 *                                    -> WAIT: work elsewhere, then finish
 *                                    -> DONE or FAIL
 *   RFC 6120: <success/>, a new stream.  XEP-0388: FAST's tokens, resumption
 *   or binding, <success/> with all of it, features; the stream goes on.
 */
#ifndef CNC_XMPP_SASL_H
#define CNC_XMPP_SASL_H

#include "fast.h"
#include "stream.h"

struct cnc__sasl;
struct cnc__sasl2_wait;

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
    bool binds;        /* to the channel: only where that can be bound */
    bool token;        /* FAST (XEP-0484): not in the list of mechanisms */
    enum cnc__fast_binding binding; /* of a token's mechanism */
    bool (*offered)(const struct cnc__stream *s);
    enum cnc__sasl_result (*step)(struct cnc__stream *s, struct cnc__sasl *x,
                                  const char *in, size_t len);
    void (*abandon)(struct cnc__sasl *x); /* free x->priv; may be NULL */
};

/* The exchange under way; at most one a stream. */
struct cnc__sasl {
    const struct cnc__mechanism *mechanism;
    struct cnc_element *request; /* <authenticate/>; NULL: RFC 6120's way */
    bool waiting;                /* for work on another thread */
    bool has_out;
    bool has_authzid; /* one was given, and it is account */
    bool anonymous, operator_;
    bool rotate;         /* the token that was used is due for another */
    bool tokens_changed; /* and its use must be kept */
    struct cnc__str out;
    const char *failure; /* RFC 6120 6.5 condition; static */
    const char *why;     /* for the log; static, may be NULL */
    char *account;       /* bare JID, prepared: the claim until it is DONE */
    char *login;         /* the browser's log-in that vouches, or NULL */
    void *priv;          /* the mechanism's own */
    struct cnc__sasl2_wait *wait; /* for tokens to be kept */
    uint32_t delay_ms;            /* the answer shall be late by this much */
    uint64_t since_ms;            /* it waits since; 0: it does not */
    enum cnc__sasl_result held;   /* the answer that waits */
};

extern const struct cnc__mechanism cnc__sasl_anonymous, cnc__sasl_external,
    cnc__sasl_plain, cnc__sasl_scram_sha1, cnc__sasl_scram_sha1_plus,
    cnc__sasl_scram_sha256, cnc__sasl_scram_sha256_plus, cnc__sasl_ht_expr,
    cnc__sasl_ht_endp, cnc__sasl_ht_none, cnc__sasl_oauthbearer;

/* Append <mechanisms/>: what this stream may use. */
void cnc__sasl_add_mechanisms(struct cnc__str *out,
                              const struct cnc__stream *s);
/* The same for XEP-0388, and for FAST inside it: <mechanism/>... */
void cnc__sasl_add_list(struct cnc__str *out, const struct cnc__stream *s,
                        bool tokens);
/* Is there a mechanism of that name for this stream?  NULL: no. */
const struct cnc__mechanism *cnc__sasl_find(const struct cnc__stream *s,
                                            const char *name, bool token);
/* An element in the SASL namespace of either dress, before authentication. */
void cnc__sasl_element(struct cnc__stream *s, struct cnc_element *e);
/* Begin an exchange; in: base64, NULL: no initial response.  request: the
 * <authenticate/>, or NULL. */
void cnc__sasl_begin(struct cnc__stream *s, const struct cnc__mechanism *m,
                     const char *in, struct cnc_element *request);
/* <failure/> in the dress of a namespace; ends the exchange under way. */
void cnc__sasl_refuse(struct cnc__stream *s, const char *ns,
                      const char *condition);
/* The end of work on another thread. */
void cnc__sasl_finish(struct cnc__stream *s, enum cnc__sasl_result result);
/* About once a second. */
void cnc__sasl_tick(struct cnc__stream *s);
/* Forget the exchange under way, if any. */
void cnc__sasl_abandon(struct cnc__stream *s);

/* -- for mechanisms ------------------------------------------------------ */

static inline enum cnc__sasl_result
cnc__sasl_fail(struct cnc__sasl *x, const char *condition)
{
    x->failure = condition;
    return CNC__SASL_FAIL;
}

/* x->account claims to be somebody: may it go on?  False: fail with
 * temporary-auth-failure, too much was guessed from there. */
bool cnc__sasl_may_try(struct cnc__stream *s, struct cnc__sasl *x);
/* Does s->account, just authenticated, belong to an operator? */
bool cnc__sasl_is_operator(const struct cnc__stream *s);
/* The bare JID of a user name on s's domain, *new*; NULL: not a local part. */
char *cnc__sasl_account(const struct cnc__stream *s, const char *user,
                        size_t len);
/* RFC 4422 3.4.1: may the owner of x->account act as authzid?  Only as
 * itself. */
bool cnc__sasl_may_act_as(struct cnc__sasl *x, const char *authzid,
                          size_t len);
/* The keys of a prepared account; made-up ones, always the same for one name,
 * and false when it has none, so that nobody can tell. */
bool cnc__sasl_keys(struct cnc__scram_keys *out, const struct cnc__stream *s,
                    const char *account, bool sha256);
/* Is there such an account?  One that may have a password. */
bool cnc__sasl_has_account(const struct cnc__stream *s, const char *account);
/* 32 bytes that only this service can make of a purpose and a text. */
void cnc__sasl_secret(uint8_t out[32], const struct cnc__stream *s,
                      const char *purpose, const char *text, size_t len);
/* RFC 5802 section 3 for a password as it is; all buffers borrowed. */
void cnc__scram_keys_of(struct cnc__scram_keys *io, const char *password,
                        size_t len, bool sha256);

/* -- binding.c: the channel ----------------------------------------------- */

#define CNC__SASL_N_BINDINGS 2

/* The binding of that name; bytes written, 0: there is none. */
size_t cnc__sasl_binding(const struct cnc__stream *s, const char *name,
                         size_t len, uint8_t out[64]);
/* The names of what there is, static; returns how many. */
size_t cnc__sasl_bindings(const struct cnc__stream *s,
                          const char *names[CNC__SASL_N_BINDINGS]);
bool cnc__sasl_can_bind(const struct cnc__stream *s);
/* Append XEP-0440's feature, if there is any. */
void cnc__sasl_add_bindings(struct cnc__str *out, const struct cnc__stream *s);
/* Append ",h=" and the hash of what was offered (XEP-0474), so that the two
 * see whether somebody in between has shortened the lists. */
void cnc__sasl_add_offer_hash(struct cnc__str *out,
                              const struct cnc__stream *s, bool sha256);

/* -- sasl2.c (XEP-0388) --------------------------------------------------- */

/* Not in the clear, and not for the link, whose users have no passwords. */
bool cnc__sasl2_offered(const struct cnc__stream *s);
/* Append <authentication/>. */
void cnc__sasl2_add_feature(struct cnc__str *out, const struct cnc__stream *s);
/* <authenticate/> */
void cnc__sasl2_authenticate(struct cnc__stream *s, struct cnc_element *e);
/* The mechanism is DONE. */
void cnc__sasl2_succeed(struct cnc__stream *s);
/* The exchange ends while tokens are being kept. */
void cnc__sasl2_forget(struct cnc__sasl *x);
/* The id of <user-agent/>, a UUID in lower case; false: none. */
bool cnc__sasl2_agent(char out[37], const struct cnc__sasl *x);

#endif /* CNC_XMPP_SASL_H */
