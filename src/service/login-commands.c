/* SPDX-License-Identifier: MIT */
/*
 * login-commands.c -- the commands "logins" and "logins/end": who is logged in
 * with a browser or a client, for whoever administers the domain.  People end
 * their own in the app for log-ins.
 */
#include "../base/text.h"
#include "../pubsub/result.h"
#include "../xmpp/jid.h"
#include "weblogin.h"

#define MAX_ROWS 1000u

static const struct cnc__column columns[] = {
    {"jid", "Jabber ID"}, {"kind", "By"},
    {"agent", "Program"}, {"address", "Address"},
    {"since", "Since"},   {"seen", "Last used"},
    {"id", "Id"}};

struct listing {
    struct cnc__str form;
    size_t n;
};

static int
add_row(const struct cnc_login_info *l, void *priv)
{
    struct listing *to = priv;
    char since[32], seen[32];

    if (to->n++ >= MAX_ROWS) {
        return 0;
    }
    cnc__datetime(since, l->since * 1000);
    cnc__datetime(seen, l->seen * 1000);
    cnc__str_puts(&to->form, "<item>");
    cnc__result_cell(&to->form, "jid", l->jid);
    cnc__result_cell(&to->form, "kind", l->kind);
    cnc__result_cell(&to->form, "agent", l->agent);
    cnc__result_cell(&to->form, "address", l->addr);
    cnc__result_cell(&to->form, "since", since);
    cnc__result_cell(&to->form, "seen", seen);
    cnc__result_cell(&to->form, "id", l->id);
    cnc__str_puts(&to->form, "</item>");
    return 0;
}

/* A bare JID; false after a refusal. */
static bool
read_jid(char out[CNC__JID_MAX + 1], struct cnc__command_reply *reply,
         struct cnc__values *v)
{
    const char *typed = cnc__values_get(v, "jid", 0);

    out[0] = '\0';
    if (typed == NULL || typed[0] == '\0') {
        return true;
    }
    if (cnc__jid_prepare(out, typed, strlen(typed), NULL) != 0) {
        cnc__command_refuse(reply, v, "jid", "This is no Jabber ID.");
        return false;
    }
    out[cnc__jid_bare_len(out)] = '\0';
    return true;
}

static void
run_list(struct cnc__command_reply *reply, const struct cnc__caller *who,
         struct cnc__values *v, void *priv)
{
    struct listing to = {.form = CNC__STR};
    struct cnc__str note = CNC__STR;
    char jid[CNC__JID_MAX + 1];

    if (!read_jid(jid, reply, v)) {
        return;
    }
    cnc__result_begin(&to.form, "Log-ins");
    cnc__result_reported(&to.form, columns, CNC_N(columns));
    cnc__weblogins_list(priv, jid[0] == '\0' ? NULL : jid, who->login,
                        who->session_id, add_row, &to);
    cnc__str_printf(&note, "%zu of %zu log-ins.",
                    to.n < MAX_ROWS ? to.n : MAX_ROWS, to.n);
    cnc__result_done(reply, &to.form, note.data);
    cnc__str_fini(&note);
}

/* -- end -------------------------------------------------------------------
 */

struct ending {
    struct cnc__command_reply *reply;
    int code, n; /* n: of the call and of what is to be durable */
};

static void
ended(int code, void *priv)
{
    struct ending *e = priv;
    struct cnc_error err = {0};

    e->code = e->code == 0 ? code : e->code;
    if (--e->n > 0) {
        return;
    }
    if (e->code == CNC_ENOENT) {
        cnc_error_set(&err, CNC_ENOENT, "item-not-found",
                      "There is no such log-in any more.");
    } else if (e->code != 0) {
        cnc_error_set(&err, e->code, NULL,
                      "It has ended, but could not be kept: it may be back "
                      "when the service starts again.");
    }
    cnc__command_done(e->reply, err.code == 0 ? NULL : &err, "It has ended.",
                      NULL);
    cnc__free(e);
}

static void
run_end(struct cnc__command_reply *reply, const struct cnc__caller *who,
        struct cnc__values *v, void *priv)
{
    const char *id = cnc__values_get(v, "id", 0);
    char jid[CNC__JID_MAX + 1];
    struct ending *e;

    if (read_jid(jid, reply, v)) {
        e = cnc__zalloc(sizeof(*e));
        *e = (struct ending){.reply = reply, .n = 2};
        ended(cnc__weblogins_end(priv, jid,
                                 id == NULL || id[0] == '\0' ? NULL : id,
                                 ended, e),
              e);
    }
}

static const struct cnc_record list_record = {
    "logins",
    CNC_FIELDS({"jid", "Of this account alone", .kind = CNC_FIELD_JID})};
static const struct cnc_record end_record = {
    "login", CNC_FIELDS({"jid", "The Jabber ID of the account",
                         .kind = CNC_FIELD_JID, .required = true},
                        {"id", "The log-in's id", .max_len = 64,
                         .help = "Nothing: all of them, XMPP clients too."})};

int
cnc__weblogins_commands(struct cnc_service *s, struct cnc_error *err)
{
    const struct cnc__command all[] = {
        {.node = (char *)"logins",
         .name = (char *)"Log-ins",
         .help = (char *)"Browsers and clients that are logged in.",
         .record = &list_record,
         .safe = true,
         .run = run_list,
         .priv = s},
        {.node = (char *)"logins/end",
         .name = (char *)"End a log-in",
         .help = (char *)"Of a browser or a client; or all of an account.",
         .record = &end_record,
         .run = run_end,
         .priv = s}};
    int code = 0;

    for (size_t i = 0; code == 0 && i < CNC_N(all); i++) {
        code = cnc__commands_add(s->commands, &all[i], err);
    }
    return code;
}
