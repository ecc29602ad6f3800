/* SPDX-License-Identifier: MIT */
/*
 * invite.c -- new accounts: who may have one, and invitations.
 *
 * A name that is taken has to be said, so asking is what is limited.  The
 * account is made first and the invitation taken then: of two who use the same
 * one at the same time the second loses his account again, and nobody loses an
 * invitation because his password could not be kept.
 */
#include <stdio.h>
#include <string.h>

#include "auth.h"

#define TRIES   10u /* of one address, an hour */
#define TRIES_S 3600u

/* -- invitations ---------------------------------------------------------- */

int
auth_invite(struct cnc_request *r, struct cnc_element *form)
{
    char token[CNC_TOKEN_SIZE], path[256] = "/sign-up", url[AUTH_URL_SIZE];
    uint32_t days = auth_number(cnc_text(form, "days"));
    int code;

    if (strcmp(cnc_setting(r, "sign-up"), "closed") == 0) {
        return cnc_refuse(r, NULL,
                          "New accounts are switched off: see the setting "
                          "\"sign-up\".");
    }
    if ((code = cnc_token_new(r, token, "invitation", cnc_user(r),
                              days * 86400)) != 0 ||
        (code = auth_add_query(path, sizeof(path), "invitation", token)) !=
            0 ||
        (code = cnc_url(r, url, sizeof(url), path)) != 0) {
        return code;
    }
    cnc_value(r, "url", "The invitation", "%s", url);
    cnc_note(r,
             "Whoever opens this address can make one account, once, within "
             "%u days. It is shown only now.",
             days);
    return 0;
}

/* -- who may -------------------------------------------------------------- */

/* Asked by the sign-up page, and by the service for accounts that XMPP clients
 * make (XEP-0077); an app that extends this one may ask more. */
int
auth_may_register(struct cnc_request *r, struct cnc_element *in)
{
    if (strcmp(cnc_setting(r, "sign-up"), "open") == 0 ||
        cnc_element_child(in, NULL, "invited") != NULL) {
        return 0;
    }
    return cnc_refuse(r, NULL, "New accounts need an invitation here.");
}

static int
add_child(struct cnc_element *e, const char *name, const char *text)
{
    struct cnc_element *child = NULL;
    int code = cnc_element_new(&child, "", name, NULL);

    if (code == 0) {
        code = cnc_element_insert_text(child, 0, text, strlen(text), NULL);
    }
    if (code == 0) {
        code = cnc_element_insert(e, cnc_element_n_children(e), child, NULL);
    }
    cnc_element_unref(&child);
    return code;
}

static int
ask_hook(struct cnc_request *r, const char *jid, bool invited)
{
    struct cnc_element *in = NULL;
    char user[CNC_JID_SIZE];
    int code = cnc_element_new(&in, "", "may-register", NULL);

    snprintf(user, sizeof(user), "%.*s", (int)strcspn(jid, "@"), jid);
    if (code == 0 && (code = add_child(in, "user", user)) == 0 &&
        (code = add_child(in, "addr", cnc_addr(r))) == 0 && invited) {
        code = add_child(in, "invited", "");
    }
    if (code == 0) {
        code = cnc_hook(r, "may-register", in);
    }
    cnc_element_unref(&in);
    return code;
}

static int
check_invitation(struct cnc_request *r, const char *token)
{
    char by[CNC_JID_SIZE];

    return cnc_token_look(r, token, "invitation", by, sizeof(by)) == 0
               ? 0
               : cnc_refuse(r, NULL,
                            "This invitation has been used already, or it is "
                            "too old. Please ask for another.");
}

/* -- a new account -------------------------------------------------------- */

/* Another one with the same invitation was quicker. */
static void
on_taken_back(struct cnc_request *r, int code)
{
    cnc_finish(r, code == 0 ? check_invitation(r, "") : code);
}

static void
on_added(struct cnc_request *r, int code)
{
    const struct cnc_element *form = cnc_form(r);
    const char *token = cnc_text(form, "invitation");
    char jid[CNC_JID_SIZE], by[CNC_JID_SIZE];

    if (code == 0 && cnc_bare_jid(r, jid, cnc_text(form, "user"), NULL) != 0) {
        code = CNC_EINVAL;
    }
    if (code == CNC_EEXIST) {
        code = cnc_refuse(r, "user", "Somebody has this name already.");
    } else if (code == CNC_EINVAL) {
        code =
            cnc_refuse(r, NULL, "This name or this password cannot be used.");
    } else if (code == 0 && token[0] != '\0' &&
               cnc_token_take(r, token, "invitation", by, sizeof(by)) != 0) {
        code = cnc_account_delete(r, jid, on_taken_back);
    } else if (code == 0) {
        cnc_log(r, "account made jid=%s addr=%s by=%s", jid, cnc_addr(r),
                token[0] == '\0' ? "sign-up" : by);
        code = auth_try_enter(r, jid, cnc_text(form, "next"));
        if (code == CNC_EPROTO) {
            cnc_note(r, "The account %s is there. You can log in.", jid);
            code = 0;
        }
    }
    if (code != CNC_EAGAIN) {
        cnc_finish(r, code);
    }
}

/* The mode, the invitation, and whoever extends this app. */
static int
may_sign_up(struct cnc_request *r, const char *jid, const char *token)
{
    int code;

    if (strcmp(cnc_setting(r, "sign-up"), "closed") == 0) {
        return cnc_refuse(r, NULL,
                          "Accounts are made by the administrators here.");
    }
    if (token[0] != '\0' && (code = check_invitation(r, token)) != 0) {
        return code;
    }
    code = ask_hook(r, jid, token[0] != '\0');
    return code == CNC_ENOENT ? 0 : code;
}

int
auth_sign_up(struct cnc_request *r, struct cnc_element *form)
{
    const char *user = cnc_text(form, "user");
    char jid[CNC_JID_SIZE];
    bool ours = false;
    int code = auth_slow_down(r, "sign-up", TRIES, TRIES_S);

    if (code != 0) {
        return code;
    }
    if (cnc_bare_jid(r, jid, user, &ours) != 0 || !ours) {
        return cnc_refuse(r, "user",
                          "This cannot be a name here. Letters, digits, '-' "
                          "and '.' are good.");
    }
    if ((code = may_sign_up(r, jid, cnc_text(form, "invitation"))) != 0 ||
        (code = auth_judge_password(r, jid, cnc_text(form, "password"),
                                    cnc_text(form, "again"))) != 0) {
        return code;
    }
    if (cnc_account_exists(r, jid)) {
        return cnc_refuse(r, "user", "Somebody has this name already.");
    }
    return cnc_account_add(r, jid, cnc_text(form, "password"), on_added);
}
