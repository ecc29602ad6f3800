/* SPDX-License-Identifier: MIT */
/*
 * auth.h -- what the files of the authentication app share.
 *
 *   auth.c     the declaration: records, commands, pages, settings
 *   rules.c    what names, passwords and paths may be
 *   login.c    by password, by a link; out again
 *   far.c      by one's own XMPP client (XEP-0070), of any server
 *   sign-up.c  new accounts
 *   invite.c   invitations: made, listed, withdrawn, used
 *   account.c  one's own account: password, sessions, end
 *
 * The app calls the public headers alone.  Accounts, log-ins and tokens are
 * the service's, so a handler that waits for one of them goes on with the form
 * that it was called with; the app's own is the node "invitations".
 */
#ifndef AUTH_H
#define AUTH_H

#include <concordance.h>
#include <concordance/login.h>

#define AUTH_TEXT_SIZE (CNC_JID_SIZE + 1024) /* of a token: address, path */
#define AUTH_URL_SIZE  8192
#define AUTH_XMLNS     "http://concordance-xmpp.org/apps/auth"

/* -- rules.c -------------------------------------------------------------- */

/* A path of this domain, and nothing that a browser takes for another site;
 * else the setting "home". */
const char *auth_next(struct cnc_request *r, const char *path);
/* Refuses a password that is easily guessed, or typed in two ways. */
int auth_judge_password(struct cnc_request *r, const char *user,
                        const char *password, const char *again);
/* Percent-encode text behind what is in out; CNC_ELIMIT. */
int auth_add_query(char *out, size_t size, const char *name, const char *text);
/* May somebody of this domain log in here? */
bool auth_domain_may(struct cnc_request *r, const char *jid);
/* At most n in so many seconds of this request's address; refuses. */
int auth_slow_down(struct cnc_request *r, const char *what, unsigned n,
                   unsigned seconds);
bool auth_is_ours(struct cnc_request *r, const char *jid);
/* Refuses: whoever would know does not answer. */
int auth_not_now(struct cnc_request *r);
/* <name>text</name> as the last child of e. */
int auth_add_child(struct cnc_element *e, const char *ns, const char *name,
                   const char *text);
/* XEP-0082, in UTC; "" for never. */
#define AUTH_TIME_SIZE 32
void auth_time(char out[AUTH_TIME_SIZE], int64_t seconds);

/* Digits of a checked field. */
uint32_t auth_number(const char *text);

/* -- login.c -------------------------------------------------------------- */

/* As auth_enter(), and CNC_EPROTO when it was no browser that asked. */
int auth_try_enter(struct cnc_request *r, const char *jid, const char *next);
/* He is who he says he is: log the browser in and send it on.  Returns what
 * the handler is to return. */
int auth_enter(struct cnc_request *r, const char *jid, const char *next);
/* The address that a form's field "jid" names, if it may log in here; or
 * refuses. */
int auth_typed_jid(struct cnc_request *r, char jid[CNC_JID_SIZE], bool *ours);
/* The address of the page path with a token and whose it is. */
int auth_token_path(char *out, size_t size, const char *path,
                    const char *token, const char *jid);
/* Take the token that the form has (look: it stays good), for the address that
 * the form says; the path that was kept with it.  Or refuses. */
int auth_take(struct cnc_request *r, const char *purpose, bool look,
              char jid[CNC_JID_SIZE], char *next, size_t size);

int auth_login(struct cnc_request *r, struct cnc_element *form);
int auth_login_link(struct cnc_request *r, struct cnc_element *form);
int auth_login_open(struct cnc_request *r, struct cnc_element *form);
int auth_login_browser(struct cnc_request *r, struct cnc_element *form);
int auth_logout(struct cnc_request *r, struct cnc_element *form);
int auth_logout_everywhere(struct cnc_request *r, struct cnc_element *form);

/* -- far.c ---------------------------------------------------------------- */

int auth_login_client(struct cnc_request *r, struct cnc_element *form);
int auth_login_confirm(struct cnc_request *r, struct cnc_element *form);

/* -- invite.c ------------------------------------------------------------- */

extern const struct cnc_record auth_invitation; /* of the node */
int auth_invite(struct cnc_request *r, struct cnc_element *form);
int auth_invitations(struct cnc_request *r, struct cnc_element *form);
int auth_invitation_withdraw(struct cnc_request *r, struct cnc_element *form);
/* Whether it is good; who made it.  Or refuses. */
int auth_invitation_check(struct cnc_request *r, const char *token,
                          char by[CNC_JID_SIZE]);
/* jid's account was made with it: nobody else's is.  Or refuses. */
int auth_invitation_take(struct cnc_request *r, const char *token,
                         const char *jid, char by[CNC_JID_SIZE]);

/* -- sign-up.c ------------------------------------------------------------ */

int auth_sign_up(struct cnc_request *r, struct cnc_element *form);
int auth_may_register(struct cnc_request *r, struct cnc_element *in);

/* -- account.c ------------------------------------------------------------ */

int auth_account(struct cnc_request *r, struct cnc_element *form);
int auth_password(struct cnc_request *r, struct cnc_element *form);
int auth_delete(struct cnc_request *r, struct cnc_element *form);
int auth_sessions(struct cnc_request *r, struct cnc_element *form);
int auth_session_end(struct cnc_request *r, struct cnc_element *form);
int auth_about(struct cnc_request *r, struct cnc_element *form);

#endif /* AUTH_H */
