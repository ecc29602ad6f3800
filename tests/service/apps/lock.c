/* SPDX-License-Identifier: MIT */
/* lock.c -- an app that asks for everything in concordance/login.h: a command
 * for each.  With LOCK_THREADED its handlers run on a thread of their own. */
#include <concordance.h>
#include <stdio.h>
#include <string.h>

static const struct cnc_record record = {
    "ask", CNC_FIELDS({"user", "User"}, {"jid", "JID"},
                      {"word", "Password", .kind = CNC_FIELD_SECRET},
                      {"role", "Role"}, {"token", "Token"}, {"text", "Text"},
                      {"id", "Id"}, {"url", "URL"},
                      {"has", "Has", .kind = CNC_FIELD_BOOLEAN})};

#define F(name) cnc_text(form, name)

static int
say(struct cnc_request *r, int code)
{
    cnc_note(r, "code=%s", code == 0 ? "0" : cnc_err_name(code));
    return 0;
}

static void
then(struct cnc_request *r, int code)
{
    cnc_finish(r, say(r, code));
}

#ifdef LOCK_THREADED
#define FLAGS          CNC_APP_THREADED
#define THEN           NULL
#define LATER(r, call) return say(r, call)
#else
#define FLAGS          0
#define THEN           then
#define LATER(r, call) return call
#endif

static int
check(struct cnc_request *r, struct cnc_element *form)
{
    LATER(r, cnc_account_check(r, F("user"), F("word"), THEN));
}

/* A then in a threaded app as well: it is called before the call returns. */
static void
let_in(struct cnc_request *r, int code)
{
    if (code == 0) {
        code = cnc_login(r, cnc_text(cnc_form(r), "jid"), 0);
    }
    cnc_finish(r, say(r, code));
}

static int
enter(struct cnc_request *r, struct cnc_element *form)
{
    return cnc_account_check(r, F("jid"), F("word"), let_in);
}

static int
add(struct cnc_request *r, struct cnc_element *form)
{
    LATER(r, cnc_account_add(r, F("user"), F("word"), THEN));
}

static int
set(struct cnc_request *r, struct cnc_element *form)
{
    LATER(r, cnc_account_password(r, F("user"), F("word"), THEN));
}

static int
drop(struct cnc_request *r, struct cnc_element *form)
{
    LATER(r, cnc_account_delete(r, F("user"), THEN));
}

static int
exists(struct cnc_request *r, struct cnc_element *form)
{
    cnc_note(r, "%s", cnc_account_exists(r, F("user")) ? "yes" : "no");
    return 0;
}

static int
role(struct cnc_request *r, struct cnc_element *form)
{
    LATER(r, cnc_role_set(r, F("jid"), F("role"),
                          strcmp(F("has"), "true") == 0, THEN));
}

static int
add_role(const char *jid, const char *name, void *priv)
{
    cnc_cell(priv, "jid", "%s", jid);
    cnc_cell(priv, "role", "%s", name);
    cnc_row(priv);
    return 0;
}

static int
roles(struct cnc_request *r, struct cnc_element *form)
{
    cnc_column(r, "jid", "JID");
    cnc_column(r, "role", "Role");
    return cnc_roles_each(r, add_role, r);
}

static int
login(struct cnc_request *r, struct cnc_element *form)
{
    return say(r, cnc_login(r, F("jid"), 0));
}

static int
logout(struct cnc_request *r, struct cnc_element *form)
{
    return say(r, cnc_logout(r));
}

static int
whoami(struct cnc_request *r, struct cnc_element *form)
{
    cnc_note(r, "%s guest=%d admin=%d staff=%d addr=%s", cnc_user(r),
             cnc_is_guest(r), cnc_has_role(r, "admin"),
             cnc_has_role(r, "staff"), cnc_addr(r));
    return 0;
}

static int
add_login(const struct cnc_login_info *l, void *priv)
{
    cnc_cell(priv, "id", "%s", l->id);
    cnc_cell(priv, "jid", "%s", l->jid);
    cnc_cell(priv, "kind", "%s", l->kind);
    cnc_cell(priv, "agent", "%s", l->agent);
    cnc_cell(priv, "current", "%d", l->current);
    cnc_row(priv);
    return 0;
}

static int
logins(struct cnc_request *r, struct cnc_element *form)
{
    cnc_column(r, "id", "Id");
    cnc_column(r, "jid", "JID");
    cnc_column(r, "kind", "Kind");
    cnc_column(r, "agent", "Agent");
    cnc_column(r, "current", "Current");
    return cnc_logins_each(r, F("jid")[0] == '\0' ? NULL : F("jid"), add_login,
                           r);
}

static int
end(struct cnc_request *r, struct cnc_element *form)
{
    return say(
        r, cnc_logins_end(r, F("jid"), F("id")[0] == '\0' ? NULL : F("id")));
}

static int
token(struct cnc_request *r, struct cnc_element *form)
{
    char secret[CNC_TOKEN_SIZE];
    int code = cnc_token_new(r, secret, "link", F("text"), 600);

    cnc_note(r, "%s", code == 0 ? secret : cnc_err_name(code));
    return 0;
}

static int
take(struct cnc_request *r, struct cnc_element *form)
{
    char text[100];
    const char *purpose = F("text")[0] == '\0' ? "link" : F("text");
    int code = cnc_token_take(r, F("token"), purpose, text, sizeof(text));

    cnc_note(r, "%s", code == 0 ? text : cnc_err_name(code));
    return 0;
}

static int
look(struct cnc_request *r, struct cnc_element *form)
{
    char text[100];
    int code = cnc_token_look(r, F("token"), "link", text, sizeof(text));

    cnc_note(r, "%s", code == 0 ? text : cnc_err_name(code));
    return 0;
}

static int
confirm(struct cnc_request *r, struct cnc_element *form)
{
    /* It takes as long as a person does: no thread waits for that. */
    return cnc_confirm(r, F("jid"), F("id"), F("url"), then);
}

static int
message(struct cnc_request *r, struct cnc_element *form)
{
    return say(r, cnc_message(r, F("jid"), F("text")));
}

static int
rate(struct cnc_request *r, struct cnc_element *form)
{
    return say(r, cnc_rate(r, F("text"), 3, 3600));
}

static int
bare(struct cnc_request *r, struct cnc_element *form)
{
    char jid[CNC_JID_SIZE];
    bool ours;
    int code = cnc_bare_jid(r, jid, F("text"), &ours);

    cnc_note(r, "%s %d", code == 0 ? jid : cnc_err_name(code),
             code == 0 && ours);
    return 0;
}

/* It knows one person, and nothing of the others. */
static int
check_password(struct cnc_request *r, struct cnc_element *in)
{
    if (strcmp(cnc_text(in, "user"), "hooked") != 0) {
        return CNC_ENOENT;
    }
    return strcmp(cnc_text(in, "password"), "a < b & c") == 0 ? 0 : CNC_EAUTH;
}

#define DO(name)                                                              \
    {                                                                         \
        "lock/" #name, #name, &record, name, CNC_ANYBODY_RUNS                 \
    }

CNC_APP(lock, .title = "Lock", .xmlns = "urn:x-lock",
        .nodes = CNC_NODES({"staff-only", .readers = "staff"}), .flags = FLAGS,
        .hooks = CNC_HOOKS({"check-password", check_password}),
        .commands = CNC_COMMANDS(DO(check), DO(enter), DO(add), DO(set),
                                 DO(drop), DO(exists), DO(role), DO(roles),
                                 DO(login), DO(logout), DO(whoami), DO(logins),
                                 DO(end), DO(token), DO(take), DO(look),
                                 DO(confirm), DO(message), DO(rate),
                                 DO(bare)));
