/* SPDX-License-Identifier: MIT */
/*
 * concordance/login.h -- accounts, roles, log-ins and one-use tokens: what an
 * authentication app is made of.  All are called in handlers, from the
 * handler's own thread.
 *
 * A *log-in* is a browser's (a cookie that only HTTP sees) or an XMPP
 * session's.  A cookie never authenticates a stream: the page asks for a
 * one-use token with it (POST /_token, same origin), and the stream shows that
 * (SASL OAUTHBEARER, RFC 7628).
 *
 * Functions that end with `then` do slow work (keys, the store, other
 * servers): they return CNC_EAGAIN, which the handler returns, and call then
 * when it is done, on the handler's thread; then calls cnc_finish().  In a
 * handler of a threaded app then may be NULL: the call waits and returns the
 * code itself, and the app's other handlers wait as well, which is too long
 * for cnc_confirm().  Handlers that are no command's have no cnc_finish():
 * they may wait so, or not at all (CNC_EINVAL).
 *
 * The others hold at once.  What the handler answers is told to whoever asked
 * when all that they changed is durable; it is CNC_ESTORE when some of that
 * could not be kept.
 */
#ifndef CONCORDANCE_LOGIN_H
#define CONCORDANCE_LOGIN_H

#include <concordance/app.h>

CNC_BEGIN_DECLS

typedef void cnc_then_f(struct cnc_request *r, int code);

#define CNC_JID_SIZE 2048 /* of a bare JID, with its NUL */

/* The prepared bare JID of what somebody typed: "Juliet" and
 * "Juliet@Books.Example/home" are juliet@books.example.  *ours (may be NULL):
 * is it of this domain?  CNC_EINVAL: it is no address of somebody. */
CNC_API int cnc_bare_jid(const struct cnc_request *r, char out[CNC_JID_SIZE],
                         const char *text, bool *ours);

/* -- accounts: user is a local part or a bare JID of this domain -----------
 */

/* Are its keys kept here? */
CNC_API bool cnc_account_exists(struct cnc_request *r, const char *user);
/* Is there such an account, here or in a directory outside, whom the hook
 * "account-exists" asks?  0; CNC_ENOENT; CNC_EREFUSED: nobody can say now. */
CNC_API int cnc_account_find(struct cnc_request *r, const char *user,
                             cnc_then_f *then);
/* 0, or CNC_EAUTH after as long a time whether there is such an account or
 * not; CNC_ELIMIT: too many failures of this address or for this account;
 * CNC_EREFUSED: it cannot be told now, which is no failure.  Asks the hook
 * "check-password" when an app has one. */
CNC_API int cnc_account_check(struct cnc_request *r, const char *user,
                              const char *password, cnc_then_f *then);
/* CNC_EEXIST (here, or by the hook "account-exists"), CNC_EINVAL (no such name
 * or password may be), CNC_EREFUSED (not now), CNC_ESTORE. */
CNC_API int cnc_account_add(struct cnc_request *r, const char *user,
                            const char *password, cnc_then_f *then);
/* Its tokens end with the old password. */
CNC_API int cnc_account_password(struct cnc_request *r, const char *user,
                                 const char *password, cnc_then_f *then);
/* All it has goes with it: log-ins, sessions, roles. */
CNC_API int cnc_account_delete(struct cnc_request *r, const char *user,
                               cnc_then_f *then);

/* -- roles ------------------------------------------------------------------
 */

/* Of a bare JID, of any domain.  What it may not see any more is cut at once:
 * subscriptions, and its browsers' pages.  Durable after then. */
CNC_API int cnc_role_set(struct cnc_request *r, const char *jid,
                         const char *role, bool has, cnc_then_f *then);
typedef int cnc_role_f(const char *jid, const char *role, void *priv);
CNC_API int cnc_roles_each(struct cnc_request *r, cnc_role_f *f, void *priv);

/* -- log-ins
 * ------------------------------------------------------------------ */

/* The browser that sent this request gets a new log-in as jid (of any domain;
 * the caller has made sure of it), for so many seconds (0: 30 days; ends after
 * 7 days without use); one that it had ends.  CNC_EPROTO: the request did not
 * come by HTTP. */
CNC_API int cnc_login(struct cnc_request *r, const char *jid,
                      uint32_t seconds);
/* Did a browser send this request, which cnc_login() may let in? */
CNC_API bool cnc_by_browser(struct cnc_request *r);
/* End it, and the streams that its tokens opened. */
CNC_API int cnc_logout(struct cnc_request *r);

struct cnc_login_info {
    const char *id;           /* to end it by; not the cookie */
    const char *jid;          /* bare; of an XMPP session: full */
    const char *kind;         /* "web" or "xmpp" */
    const char *agent, *addr; /* what the client said it is; "" if nothing */
    int64_t since, seen;      /* Unix seconds */
    bool current;             /* the one that asks */
};
typedef int cnc_login_f(const struct cnc_login_info *login, void *priv);
/* jid: whose; NULL: all, newest first. */
CNC_API int cnc_logins_each(struct cnc_request *r, const char *jid,
                            cnc_login_f *f, void *priv);
/* id NULL: all of jid, its XMPP sessions and the tokens of its clients too.
 * CNC_ENOENT. */
CNC_API int cnc_logins_end(struct cnc_request *r, const char *jid,
                           const char *id);

/* -- one-use tokens, links, confirmation -------------------------------------
 */

#define CNC_TOKEN_SIZE 44 /* with its NUL: 43 characters that fit in a URL */
/* Only its hash is kept, with text, which comes back with it.
 * purpose: "invitation", "link": a token is good for its own alone. */
CNC_API int cnc_token_new(struct cnc_request *r, char token[CNC_TOKEN_SIZE],
                          const char *purpose, const char *text,
                          uint32_t seconds);
/* Take it: 0 and its text once; CNC_EAUTH for any that is wrong, used or too
 * old. */
CNC_API int cnc_token_take(struct cnc_request *r, const char *token,
                           const char *purpose, char *text, size_t size);
/* The same, and it stays good: for a page that says what a link is for, and
 * for what may still fail before it is taken. */
CNC_API int cnc_token_look(struct cnc_request *r, const char *token,
                           const char *purpose, char *text, size_t size);

/* Ask jid, on whatever server it is, to confirm an HTTP request (XEP-0070):
 * id is shown in both places.  0: he did; CNC_EACCES: he did not; CNC_ELIMIT:
 * he was asked too often; CNC_ENOENT: his server or client cannot. */
CNC_API int cnc_confirm(struct cnc_request *r, const char *jid, const char *id,
                        const char *url, cnc_then_f *then);
/* A message with a body, from the domain. */
CNC_API int cnc_message(struct cnc_request *r, const char *to,
                        const char *body);

/* At most n in so many seconds for this app and key ("sign-up", ADDRESS): 0,
 * or CNC_ELIMIT. */
CNC_API int cnc_rate(struct cnc_request *r, const char *key, unsigned n,
                     unsigned seconds);
/* The client's address; of somebody of another XMPP server that server's
 * domain; "" in a task, and for who comes by the operator's link. */
CNC_API const char *cnc_addr(const struct cnc_request *r);

CNC_END_DECLS

#endif /* CONCORDANCE_LOGIN_H */
