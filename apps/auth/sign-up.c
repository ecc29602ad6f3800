/* SPDX-License-Identifier: MIT */
/*
 * sign-up.c -- new accounts: who may have one.
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
ask_hook(struct cnc_request *r, const char *jid, bool invited)
{
    struct cnc_element *in = NULL;
    char user[CNC_JID_SIZE];
    int code = cnc_element_new(&in, "", "may-register", NULL);

    snprintf(user, sizeof(user), "%.*s", (int)strcspn(jid, "@"), jid);
    if (code == 0 && (code = auth_add_child(in, "", "user", user)) == 0 &&
        (code = auth_add_child(in, "", "addr", cnc_addr(r))) == 0 && invited) {
        code = auth_add_child(in, "", "invited", "");
    }
    if (code == 0) {
        code = cnc_hook(r, "may-register", in);
    }
    cnc_element_unref(&in);
    return code;
}

/* -- a new account -------------------------------------------------------- */

/* Another one with the same invitation was quicker. */
static void
on_taken_back(struct cnc_request *r, int code)
{
    char by[CNC_JID_SIZE];

    cnc_finish(r, code == 0 ? auth_invitation_check(
                                  r, cnc_text(cnc_form(r), "invitation"), by)
                            : code);
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
    } else if (code == CNC_EREFUSED) {
        code = auth_not_now(r);
    } else if (code == 0 && token[0] != '\0' &&
               auth_invitation_take(r, token, jid, by) != 0) {
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
    char by[CNC_JID_SIZE];
    int code;

    if (strcmp(cnc_setting(r, "sign-up"), "closed") == 0) {
        return cnc_refuse(r, NULL,
                          "Accounts are made by the administrators here.");
    }
    if (token[0] != '\0' &&
        (code = auth_invitation_check(r, token, by)) != 0) {
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
