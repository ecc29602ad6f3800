/* SPDX-License-Identifier: MIT */
/*
 * auth.c -- the authentication app: how people get accounts, log in and look
 * after themselves.  docs/auth.md is for who runs it.
 *
 * Each command is a form on a page, an ad-hoc command for XMPP clients, and a
 * line of the terminal.  The page that the command "login" is on is where the
 * service sends guests who may not see something yet.
 */
#include "auth.h"

/* -- what is asked -------------------------------------------------------- */

/* Where to go after it; and only on this site (auth_next()). */
#define NEXT                                                                  \
    {                                                                         \
        "next", .kind = CNC_FIELD_HIDDEN, .max_len = 1000                     \
    }

static const struct cnc_record login = {
    "login", CNC_FIELDS({"user", "Name", .required = true, .max_len = 1023},
                        {"password", "Password", CNC_FIELD_SECRET,
                         .required = true, .max_len = 1023},
                        NEXT)};

static const struct cnc_record login_client = {
    "login-client",
    CNC_FIELDS({"jid", "Your XMPP address", CNC_FIELD_JID, .required = true,
                .help = "Such as name@example.org"},
               NEXT)};

static const struct cnc_record login_link = {
    "login-link",
    CNC_FIELDS({"jid", "Your XMPP address", CNC_FIELD_JID, .required = true,
                .help = "Such as name@example.org"},
               NEXT)};

static const struct cnc_record login_token = {
    "login-token",
    CNC_FIELDS({"token", .kind = CNC_FIELD_HIDDEN, .max_len = 64},
               {"jid", .kind = CNC_FIELD_HIDDEN, .max_len = 2047}, NEXT)};

static const struct cnc_record sign_up = {
    "sign-up",
    CNC_FIELDS({"user", "Name", .required = true, .max_len = 64,
                .help = "With the name of this server behind it, it is your "
                        "XMPP address too"},
               {"password", "Password", CNC_FIELD_SECRET, .required = true,
                .max_len = 1023,
                .help = "At least 8 characters; a few words are good"},
               {"again", "The password once more", CNC_FIELD_SECRET,
                .required = true, .max_len = 1023},
               {"invitation", .kind = CNC_FIELD_HIDDEN, .max_len = 64}, NEXT)};

static const struct cnc_record invite = {
    "invite",
    CNC_FIELDS({"days", "Days that it is good for", CNC_FIELD_INTEGER,
                .required = true, .value = "7", .min = "1", .max = "365"})};

static const struct cnc_record withdraw = {
    "withdraw", CNC_FIELDS({"id", "The invitation's id", .required = true,
                            .max_len = 64})};

static const struct cnc_record password = {
    "password",
    CNC_FIELDS({"old", "Your password now", CNC_FIELD_SECRET, .required = true,
                .max_len = 1023},
               {"password", "The new password", CNC_FIELD_SECRET,
                .required = true, .max_len = 1023,
                .help = "At least 8 characters; a few words are good"},
               {"again", "The new password once more", CNC_FIELD_SECRET,
                .required = true, .max_len = 1023})};

static const struct cnc_record delete_ = {
    "delete",
    CNC_FIELDS({"password", "Your password", CNC_FIELD_SECRET,
                .required = true, .max_len = 1023},
               {"name", "Your name, typed out", .required = true,
                .max_len = 1023,
                .help = "The account and all it has cannot be brought back"})};

static const struct cnc_record session_end = {
    "session-end",
    CNC_FIELDS({"id", "The session's id", .required = true, .max_len = 127})};

/* -- settings ------------------------------------------------------------- */

static const struct cnc_record settings = {
    "settings",
    CNC_FIELDS({"sign-up", "Who may make an account", CNC_FIELD_LIST,
                .required = true, .value = "closed",
                .options = CNC_OPTIONS({"open", "Everybody"},
                                       {"invited", "Who has an invitation"},
                                       {"closed", "Administrators alone"})},
               {"sign-up-text", "Text on the page for new accounts",
                CNC_FIELD_LINES, .max_len = 2000},
               {"days", "Days until a browser has to log in again",
                CNC_FIELD_INTEGER, .required = true, .value = "30", .min = "1",
                .max = "365"},
               {"far", "Addresses of other servers may log in",
                CNC_FIELD_BOOLEAN, .value = "false"},
               {"far-domains", "These servers alone", .max_len = 2000,
                .help = "Such as: example.org *.example.net; empty: all"},
               {"home", "Where people are after they logged in",
                .value = "/account", .match = "/([^/\\].*)?",
                .error = "A path of this site, such as /", .max_len = 1000})};

/* -- the app -------------------------------------------------------------- */

CNC_APP(
    auth, .title = "Accounts", .version = "1.1", .xmlns = AUTH_XMLNS,
    .settings = &settings,
    .commands = CNC_COMMANDS(
        {"login", "Log in", &login, auth_login, CNC_ANYBODY_RUNS,
         .see = "/account", .help = "With the name and the password"},
        {"login/client", "Log in with your XMPP client", &login_client,
         auth_login_client, CNC_ANYBODY_RUNS,
         .help = "Your client asks you, and no password is typed here"},
        {"login/confirm", "Ask my client", &login_token, auth_login_confirm,
         CNC_ANYBODY_RUNS, .see = "/account"},
        {"login/link", "Have a link sent", &login_link, auth_login_link,
         CNC_ANYBODY_RUNS, .see = "/login",
         .help = "A message with a link that works once"},
        {"login/open", "Log in with a link", &login_token, auth_login_open,
         CNC_ANYBODY_RUNS, .see = "/account"},
        {"login/browser", "Log a browser in", NULL, auth_login_browser,
         CNC_USERS,
         .help = "For XMPP clients: an address that logs a browser in as you"},
        {"logout", "Log out", NULL, auth_logout, CNC_USERS, .see = "/login"},
        {"logout/everywhere", "Log out everywhere", NULL,
         auth_logout_everywhere, CNC_USERS, .see = "/login",
         .help = "Ends all sessions, of browsers and of XMPP clients"},
        {"sign-up", "Make an account", &sign_up, auth_sign_up,
         CNC_ANYBODY_RUNS, .see = "/account"},
        {"invite", "Invite somebody", &invite, auth_invite, CNC_ADMINS,
         .help = "Makes an address where somebody can make an account"},
        {"invitations", "Invitations", NULL, auth_invitations, CNC_ADMINS,
         .safe = true, .help = "Who made them, and what became of them"},
        {"invitations/withdraw", "Withdraw an invitation", &withdraw,
         auth_invitation_withdraw, CNC_ADMINS, .see = "/invitations"},
        {"account", "Your account", NULL, auth_account, CNC_USERS,
         .safe = true},
        {"account/password", "Change your password", &password, auth_password,
         CNC_USERS, .see = "/account",
         .help = "Ends all other sessions of yours"},
        {"account/delete", "Delete your account", &delete_, auth_delete,
         CNC_USERS, .see = "/login"},
        {"account/sessions", "Where you are logged in", NULL, auth_sessions,
         CNC_USERS, .safe = true},
        {"account/sessions/end", "End a session", &session_end,
         auth_session_end, CNC_USERS, .see = "/account"},
        {"auth/about", "How people log in here", NULL, auth_about,
         CNC_ANYBODY_RUNS, .safe = true}),
    .nodes = CNC_NODES({"invitations", &auth_invitation,
                        .title = "Invitations", .readers = "admin",
                        .max_items = 10000}),
    .hooks = CNC_HOOKS({"may-register", auth_may_register}),
    .pages = CNC_PAGES(
        {"/login", .template_ = "auth-login.xsl", .title = "Log in",
         .command = "login login/client login/link auth/about"},
        {"/login/confirm", .template_ = "auth-confirm.xsl",
         .title = "Log in with your XMPP client", .command = "login/confirm"},
        {"/login/open", .template_ = "auth-confirm.xsl",
         .title = "Log in with a link", .command = "login/open"},
        {"/sign-up", .template_ = "auth-sign-up.xsl",
         .title = "Make an account", .command = "sign-up auth/about"},
        {"/invitations", .template_ = "auth-invitations.xsl",
         .title = "Invitations", .command = "invitations invite"},
        {"/account", .template_ = "auth-account.xsl", .title = "Your account",
         .command =
             "account account/sessions account/password account/delete"}));
