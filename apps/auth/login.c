/* SPDX-License-Identifier: MIT */
/*
 * login.c -- into the site by a password or by a link, and out again.
 *
 * Whoever guesses learns nothing: a wrong name and a wrong password are
 * answered alike and after as long a time, and "a link is on its way" is said
 * of every address.  A link opens a page with a button: what looks at links in
 * messages by itself (clients show previews) must not use it up.
 */
#include <stdio.h>
#include <string.h>

#include "auth.h"

#define LINK_S (15u * 60)

/* -- in ------------------------------------------------------------------- */

int
auth_try_enter(struct cnc_request *r, const char *jid, const char *next)
{
    uint32_t days = auth_number(cnc_setting(r, "days"));
    int code = cnc_login(r, jid, days * 86400);

    if (code == 0) {
        cnc_see(r, auth_next(r, next));
        cnc_note(r, "You are logged in as %s.", jid);
    }
    return code;
}

static int
no_browser(struct cnc_request *r)
{
    return cnc_refuse(r, NULL,
                      "Only a browser is logged in like this. XMPP clients "
                      "log in by themselves.");
}

int
auth_enter(struct cnc_request *r, const char *jid, const char *next)
{
    int code = auth_try_enter(r, jid, next);

    return code == CNC_EPROTO ? no_browser(r) : code;
}

/* -- by a password -------------------------------------------------------- */

static void
on_checked(struct cnc_request *r, int code)
{
    const struct cnc_element *form = cnc_form(r);
    char jid[CNC_JID_SIZE];

    if (code == 0 && cnc_bare_jid(r, jid, cnc_text(form, "user"), NULL) == 0) {
        code = auth_enter(r, jid, cnc_text(form, "next"));
    } else if (code == CNC_ELIMIT) {
        code = cnc_refuse(r, NULL,
                          "That was tried too often. Please wait a few "
                          "minutes.");
    } else if (code == CNC_EREFUSED) {
        code = auth_not_now(r);
    } else if (code == CNC_EAUTH || code == CNC_EINVAL) {
        code = cnc_refuse(r, NULL,
                          "This name and this password do not belong "
                          "together.");
    }
    cnc_finish(r, code);
}

int
auth_login(struct cnc_request *r, struct cnc_element *form)
{
    const char *user = cnc_text(form, "user");
    char jid[CNC_JID_SIZE];
    bool ours = true;

    if (cnc_bare_jid(r, jid, user, &ours) == 0 && !ours) {
        return cnc_refuse(r, "user",
                          "This address is of another server, which alone "
                          "knows its password. Log in with your XMPP client "
                          "instead, or have a link sent.");
    }
    if (!cnc_by_browser(r)) {
        return no_browser(r); /* and not whether the password is right */
    }
    /* What cannot be a name is checked too: it takes as long as one. */
    return cnc_account_check(r, user, cnc_text(form, "password"), on_checked);
}

/* -- by a link ------------------------------------------------------------ */

int
auth_typed_jid(struct cnc_request *r, char jid[CNC_JID_SIZE], bool *ours)
{
    if (cnc_bare_jid(r, jid, cnc_text(cnc_form(r), "jid"), ours) != 0) {
        return cnc_refuse(r, "jid", "An address looks like name@example.org.");
    }
    return *ours || auth_domain_may(r, jid)
               ? 0
               : cnc_refuse(r, "jid",
                            "Addresses of that server cannot log in here.");
}

int
auth_token_path(char *out, size_t size, const char *path, const char *token,
                const char *jid)
{
    int n = snprintf(out, size, "%s", path);
    int code = n < 0 || (size_t)n >= size ? CNC_ELIMIT : 0;

    if (code == 0) {
        code = auth_add_query(out, size, "token", token);
    }
    return code == 0 ? auth_add_query(out, size, "jid", jid) : code;
}

/* To nobody when there is no such account: the token is made all the same, or
 * the time that it takes to keep it would tell. */
static int
send_link(struct cnc_request *r, const char *jid, bool there)
{
    const char *next = auth_next(r, cnc_text(cnc_form(r), "next"));
    char token[CNC_TOKEN_SIZE], text[AUTH_TEXT_SIZE];
    char path[AUTH_URL_SIZE], url[AUTH_URL_SIZE], body[AUTH_URL_SIZE + 512];
    int code;

    snprintf(text, sizeof(text), "%s\n%s", jid, next);
    if ((code = cnc_token_new(r, token, there ? "link" : "nobody", text,
                              LINK_S)) != 0 ||
        (code = auth_token_path(path, sizeof(path), "/login/open", token,
                                jid)) != 0 ||
        (code = cnc_url(r, url, sizeof(url), path)) != 0) {
        return code;
    }
    snprintf(body, sizeof(body),
             "Log in with this link. It works once, within %u minutes:\n%s\n"
             "If you did not ask for it, do nothing; and pass it on to "
             "nobody.",
             LINK_S / 60, url);
    return there ? cnc_message(r, jid, body) : 0;
}

static int
say_link(struct cnc_request *r, const char *jid, int code)
{
    if (code == 0) {
        cnc_see(r, "/login"); /* not to `next`: he is not logged in yet */
        cnc_note(r,
                 "If %s can log in here, a message with a link is on its way "
                 "to it. The link works once, within %u minutes.",
                 jid, LINK_S / 60);
    }
    return code;
}

/* What cannot be found out now is not told either. */
static void
on_found(struct cnc_request *r, int code)
{
    char jid[CNC_JID_SIZE];
    bool there = code == 0;

    code = cnc_bare_jid(r, jid, cnc_text(cnc_form(r), "jid"), NULL);
    if (code == 0) {
        code = say_link(r, jid, send_link(r, jid, there));
    }
    cnc_finish(r, code);
}

int
auth_login_link(struct cnc_request *r, struct cnc_element *form)
{
    char jid[CNC_JID_SIZE], key[CNC_JID_SIZE + 16];
    bool ours = false;
    int code;

    if ((code = auth_typed_jid(r, jid, &ours)) != 0 ||
        (code = auth_slow_down(r, "link", 10, 600)) != 0) {
        return code;
    }
    /* Nobody is to be flooded, whoever asks; that he is not is not told. */
    snprintf(key, sizeof(key), "link %s", jid);
    if (cnc_rate(r, key, 3, LINK_S) != 0) {
        return say_link(r, jid, 0);
    }
    return ours ? cnc_account_find(r, jid, on_found)
                : say_link(r, jid, send_link(r, jid, true));
}

int
auth_take(struct cnc_request *r, const char *purpose, bool look,
          char jid[CNC_JID_SIZE], char *next, size_t size)
{
    int (*const take)(struct cnc_request *, const char *, const char *, char *,
                      size_t) = look ? cnc_token_look : cnc_token_take;
    const struct cnc_element *form = cnc_form(r);
    char text[AUTH_TEXT_SIZE], *line;

    if (take(r, cnc_text(form, "token"), purpose, text, sizeof(text)) != 0 ||
        (line = strchr(text, '\n')) == NULL) {
        return cnc_refuse(r, NULL,
                          "This has been used already, or it is too old. "
                          "Please begin again.");
    }
    *line = '\0';
    /* The page said for whom it is: nobody is made somebody else by a link
     * that says another name than it is for. */
    if (strlen(text) >= CNC_JID_SIZE ||
        strcmp(text, cnc_text(form, "jid")) != 0) {
        return cnc_refuse(r, NULL,
                          "This link has been tampered with. Please begin "
                          "again.");
    }
    memcpy(jid, text, strlen(text) + 1);
    snprintf(next, size, "%s", line + 1);
    return 0;
}

static void
on_still_there(struct cnc_request *r, int code)
{
    char jid[CNC_JID_SIZE], next[1024];

    if (code == CNC_ENOENT) {
        code = cnc_refuse(r, NULL, "This account is not there any more.");
    } else if (code == CNC_EREFUSED) {
        code = auth_not_now(r);
    } else if (code == 0) {
        code = auth_take(r, "link", false, jid, next, sizeof(next));
    }
    cnc_finish(r, code == 0 ? auth_enter(r, jid, next) : code);
}

int
auth_login_open(struct cnc_request *r, struct cnc_element *form)
{
    char jid[CNC_JID_SIZE], next[1024];
    int code = auth_slow_down(r, "open", 30, 600);

    if (code == 0) {
        code = auth_take(r, "link", true, jid, next, sizeof(next));
    }
    if (code == 0 && auth_is_ours(r, jid)) {
        return cnc_account_find(r, jid, on_still_there);
    }
    if (code == 0) {
        code = auth_take(r, "link", false, jid, next, sizeof(next));
    }
    return code == 0 ? auth_enter(r, jid, next) : code;
}

/* -- from an XMPP client into a browser ------------------------------------
 */

#define BROWSER_S 60u

static int
on_current(const struct cnc_login_info *login, void *priv)
{
    bool *web = priv;

    *web = *web || (login->current && strcmp(login->kind, "web") == 0);
    return 0;
}

/* For an XMPP client: a page's script, or its stream, must not be able to make
 * a log-in that outlives the page and its cookie. */
int
auth_login_browser(struct cnc_request *r, struct cnc_element *form)
{
    char token[CNC_TOKEN_SIZE], text[AUTH_TEXT_SIZE];
    char path[AUTH_URL_SIZE], url[AUTH_URL_SIZE];
    bool web = cnc_by_browser(r);
    int code = cnc_logins_each(r, cnc_user(r), on_current, &web);

    if (code == 0 && web) {
        return cnc_refuse(r, NULL,
                          "This is for XMPP clients: the browser is logged in "
                          "already.");
    }
    snprintf(text, sizeof(text), "%s\n%s", cnc_user(r), auth_next(r, ""));
    if (code != 0 ||
        (code = cnc_token_new(r, token, "link", text, BROWSER_S)) != 0 ||
        (code = auth_token_path(path, sizeof(path), "/login/open", token,
                                cnc_user(r))) != 0 ||
        (code = cnc_url(r, url, sizeof(url), path)) != 0) {
        return code;
    }
    cnc_value(r, "url", "Go on here, in a browser", "%s", url);
    cnc_note(r, "The address works once, within %u seconds.", BROWSER_S);
    return 0;
}

/* -- out ------------------------------------------------------------------ */

int
auth_logout(struct cnc_request *r, struct cnc_element *form)
{
    int code = cnc_logout(r);

    if (code == CNC_EPROTO) {
        return cnc_refuse(
            r, NULL,
            "No browser asked. \"account/sessions\" lists what can be "
            "ended.");
    }
    if (code == 0) {
        cnc_note(r, "You are logged out.");
    }
    return code;
}

int
auth_logout_everywhere(struct cnc_request *r, struct cnc_element *form)
{
    int code = cnc_logins_end(r, cnc_user(r), NULL);

    if (code == 0) {
        cnc_logout(r); /* the browser forgets its cookie; others have none */
        cnc_note(r, "You are logged out everywhere.");
    }
    return code == CNC_ENOENT ? 0 : code;
}
