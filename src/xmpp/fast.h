/* SPDX-License-Identifier: MIT */
/*
 * fast.h -- tokens that stand for a password (XEP-0484): who has which, until
 * when, and which proof fits (the HT mechanisms of draft-schmaus-kitten-
 * sasl-ht).  No clock and no store of its own; the core's thread alone.
 *
 * A client is an account with a user-agent's id.  It has at most two tokens,
 * the one it uses and the one it was given last; using the newer forgets the
 * older.  A token belongs to the mechanism that it was asked for.
 *
 * The token itself is kept, not a hash of it: its user proves it with
 * HMAC(token, ...), which a hash could not check.  It is wiped as soon as it
 * is no good any more, and it is good for this service alone.
 */
#ifndef CNC_XMPP_FAST_H
#define CNC_XMPP_FAST_H

#include <concordance/types.h>

struct cnc__fast;

enum cnc__fast_binding {
    CNC__FAST_EXPORTER,
    CNC__FAST_END_POINT,
    CNC__FAST_NONE
};

#define CNC__FAST_TTL_MS    (INT64_C(21) * 86400000) /* a token's life */
#define CNC__FAST_ROTATE_MS (INT64_C(1) * 86400000)  /* older: a new one */
#define CNC__FAST_CLIENTS                                                     \
    16                     /* of an account; past it the one that will        \
                              expire first is forgotten */
#define CNC__FAST_TOKEN 64 /* bytes with the NUL, at most */
#define CNC__FAST_HASH  32 /* bytes of an HMAC-SHA-256 */

struct cnc__fast_env {
    int64_t (*now_ms)(void *priv); /* Unix time */
    /* Keep value under id, or nothing any more (len 0); then done, now or
     * later, unless it is NULL. */
    void (*keep)(const char *id, const char *value, size_t len,
                 void (*done)(void *arg, bool kept), void *arg, void *priv);
    void *priv;
};

CNC_API struct cnc__fast *cnc__fast_new(const struct cnc__fast_env *env);
CNC_API void cnc__fast_free(struct cnc__fast **fp);
/* What keep() was given, at start; false: it cannot be read. */
CNC_API bool cnc__fast_load(struct cnc__fast *f, const char *id,
                            const char *value, size_t len);

/* What a client says with its token. */
struct cnc__fast_try {
    const char *user, *agent; /* local part; UUID in lower case */
    enum cnc__fast_binding binding;
    const void *channel; /* the binding's data */
    size_t n_channel;
    int64_t count;                /* -1: none given */
    uint8_t hash[CNC__FAST_HASH]; /* HMAC(token, "Initiator" channel) */
};

struct cnc__fast_answer {
    uint8_t hash[CNC__FAST_HASH]; /* HMAC(token, "Responder" channel) */
    bool rotate;                  /* it is due for another */
    bool changed;                 /* cnc__fast_keep() has something to do */
};

/* 0: the token is good and is now the one in use.  CNC_EAUTH: no; CNC_ECLOSED:
 * it was good once (credentials-expired). */
CNC_API int cnc__fast_check(struct cnc__fast *f,
                            const struct cnc__fast_try *try_,
                            struct cnc__fast_answer *out);
/* A new token for a client. */
CNC_API void cnc__fast_issue(struct cnc__fast *f, const char *user,
                             const char *agent, enum cnc__fast_binding binding,
                             char token[CNC__FAST_TOKEN], int64_t *expiry_ms);
/* Forget a client's tokens. */
CNC_API void cnc__fast_invalidate(struct cnc__fast *f, const char *user,
                                  const char *agent);
/* Have what has changed of a client kept; done as env's keep(). */
CNC_API void cnc__fast_keep(struct cnc__fast *f, const char *user,
                            const char *agent,
                            void (*done)(void *arg, bool kept), void *arg);
/* The password was changed or the account is gone: all tokens of a user. */
CNC_API void cnc__fast_forget_user(struct cnc__fast *f, const char *user);
/* Clients of a user that have tokens. */
CNC_API size_t cnc__fast_n_clients(const struct cnc__fast *f,
                                   const char *user);

#endif /* CNC_XMPP_FAST_H */
