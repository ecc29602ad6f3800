/* SPDX-License-Identifier: MIT */
/*
 * account.c -- what somebody does with his own account: look at it, see where
 * it is logged in and end that, change the password, delete it.
 *
 * Who came here from another server (far.c) has no account, only log-ins: his
 * password and his account are that server's.
 */
#include <stdio.h>
#include <string.h>

#include "auth.h"

#define AT_ONCE 16 /* log-ins that are ended in one go */

/* -- what there is -------------------------------------------------------- */

struct roles {
    const char *jid;
    char text[512];
};

static int
on_role(const char *jid, const char *role, void *priv)
{
    struct roles *roles = priv;
    size_t at = strlen(roles->text);

    if (strcmp(jid, roles->jid) == 0) {
        snprintf(roles->text + at, sizeof(roles->text) - at, "%s%s",
                 at > 0 ? " " : "", role);
    }
    return 0;
}

int
auth_account(struct cnc_request *r, struct cnc_element *form)
{
    struct roles roles = {.jid = cnc_user(r)};
    int code = cnc_roles_each(r, on_role, &roles);

    if (code != 0) {
        return code;
    }
    cnc_value(r, "jid", "Address", "%s", roles.jid);
    cnc_value(r, "here", "Has a password here", "%s",
              cnc_account_exists(r, roles.jid) ? "true" : "false");
    cnc_value(r, "roles", "Roles", "%s", roles.text);
    return 0;
}

int
auth_about(struct cnc_request *r, struct cnc_element *form)
{
    cnc_value(r, "sign-up", "New accounts", "%s", cnc_setting(r, "sign-up"));
    cnc_value(r, "far", "Addresses of other servers", "%s",
              cnc_setting(r, "far"));
    cnc_value(r, "text", "About new accounts", "%s",
              cnc_setting(r, "sign-up-text"));
    return 0;
}

/* -- where it is logged in ------------------------------------------------ */

static int
on_session(const struct cnc_login_info *login, void *priv)
{
    struct cnc_request *r = priv;
    char since[AUTH_TIME_SIZE], seen[AUTH_TIME_SIZE];

    auth_time(since, login->since);
    auth_time(seen, login->seen);
    cnc_cell(r, "kind", "%s", login->kind);
    cnc_cell(r, "agent", "%s", login->agent);
    cnc_cell(r, "address", "%s", login->addr);
    cnc_cell(r, "since", "%s", since);
    cnc_cell(r, "seen", "%s", seen);
    cnc_cell(r, "this", "%s", login->current ? "true" : "false");
    cnc_cell(r, "id", "%s", login->id);
    cnc_row(r);
    return 0;
}

int
auth_sessions(struct cnc_request *r, struct cnc_element *form)
{
    cnc_column(r, "kind", "Kind");
    cnc_column(r, "agent", "Program");
    cnc_column(r, "address", "From");
    cnc_column(r, "since", "Since");
    cnc_column(r, "seen", "Last seen");
    cnc_column(r, "this", "This one");
    cnc_column(r, "id", "Id");
    return cnc_logins_each(r, cnc_user(r), on_session, r);
}

int
auth_session_end(struct cnc_request *r, struct cnc_element *form)
{
    int code = cnc_logins_end(r, cnc_user(r), cnc_text(form, "id"));

    if (code == CNC_ENOENT) {
        return cnc_refuse(r, "id", "This session is over already.");
    }
    if (code == 0) {
        cnc_note(r, "The session is ended.");
    }
    return code;
}

struct ids {
    char id[AT_ONCE][128];
    size_t n;
};

static int
on_other(const struct cnc_login_info *login, void *priv)
{
    struct ids *ids = priv;

    if (!login->current && strlen(login->id) < sizeof(ids->id[0]) &&
        ids->n < AT_ONCE) {
        snprintf(ids->id[ids->n++], sizeof(ids->id[0]), "%s", login->id);
    }
    return 0;
}

/* All log-ins of who asks but the one that asks. */
static void
end_others(struct cnc_request *r)
{
    struct ids ids;
    size_t ended;

    do {
        ids.n = ended = 0;
        cnc_logins_each(r, cnc_user(r), on_other, &ids);
        for (size_t i = 0; i < ids.n; i++) {
            ended += cnc_logins_end(r, cnc_user(r), ids.id[i]) == 0;
        }
    } while (ended == AT_ONCE);
}

/* -- the password --------------------------------------------------------- */

static int
need_account(struct cnc_request *r)
{
    return cnc_account_exists(r, cnc_user(r))
               ? 0
               : cnc_refuse(r, NULL,
                            "You have no account of your own here: your "
                            "password is kept elsewhere.");
}

static int
wrong_password(struct cnc_request *r, const char *field, int code)
{
    if (code == CNC_ELIMIT) {
        return cnc_refuse(r, NULL,
                          "That was tried too often. Please wait a few "
                          "minutes.");
    }
    if (code == CNC_EREFUSED) {
        return auth_not_now(r);
    }
    return code == CNC_EAUTH
               ? cnc_refuse(r, field, "This is not your password.")
               : code;
}

static void
on_changed(struct cnc_request *r, int code)
{
    if (code == 0) {
        end_others(r);
        cnc_log(r, "password changed jid=%s addr=%s", cnc_user(r),
                cnc_addr(r));
        cnc_note(r, "The password is changed. Wherever else you were logged "
                    "in, you are not any more.");
    } else if (code == CNC_EINVAL) {
        code = cnc_refuse(r, "password", "This password cannot be used.");
    }
    cnc_finish(r, code);
}

static void
on_old_checked(struct cnc_request *r, int code)
{
    code = code == 0 ? cnc_account_password(r, cnc_user(r),
                                            cnc_text(cnc_form(r), "password"),
                                            on_changed)
                     : wrong_password(r, "old", code);
    if (code != CNC_EAGAIN) {
        cnc_finish(r, code);
    }
}

int
auth_password(struct cnc_request *r, struct cnc_element *form)
{
    int code;

    if ((code = need_account(r)) != 0 ||
        (code = auth_judge_password(r, cnc_user(r), cnc_text(form, "password"),
                                    cnc_text(form, "again"))) != 0) {
        return code;
    }
    return cnc_account_check(r, cnc_user(r), cnc_text(form, "old"),
                             on_old_checked);
}

/* -- the end -------------------------------------------------------------- */

static void
on_deleted(struct cnc_request *r, int code)
{
    if (code == 0) {
        cnc_log(r, "account deleted jid=%s addr=%s", cnc_user(r), cnc_addr(r));
        cnc_logout(r);
        cnc_note(r, "The account %s is deleted.", cnc_user(r));
    }
    cnc_finish(r, code);
}

static void
on_sure(struct cnc_request *r, int code)
{
    code = code == 0 ? cnc_account_delete(r, cnc_user(r), on_deleted)
                     : wrong_password(r, "password", code);
    if (code != CNC_EAGAIN) {
        cnc_finish(r, code);
    }
}

int
auth_delete(struct cnc_request *r, struct cnc_element *form)
{
    char typed[CNC_JID_SIZE];
    int code = need_account(r);

    if (code != 0) {
        return code;
    }
    if (cnc_bare_jid(r, typed, cnc_text(form, "name"), NULL) != 0 ||
        strcmp(typed, cnc_user(r)) != 0) {
        return cnc_refuse(r, "name",
                          "Type the name of your own account, to be sure.");
    }
    return cnc_account_check(r, cnc_user(r), cnc_text(form, "password"),
                             on_sure);
}
