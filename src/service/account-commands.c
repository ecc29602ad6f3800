/* SPDX-License-Identifier: MIT */
/*
 * account-commands.c -- the operator's commands to add and delete accounts and
 * to change their passwords (XEP-0133 4.1, 4.2, 4.7).
 */
#include "../xmpp/jid.h"
#include "private.h"

static const struct cnc_record user_record = {
    "user", CNC_FIELDS({"accountjid", "The Jabber ID of the account",
                        .kind = CNC_FIELD_JID, .required = true},
                       {"password", "The password", .kind = CNC_FIELD_SECRET,
                        .required = true},
                       {"password-verify", "The password again",
                        .kind = CNC_FIELD_SECRET})};

static const struct cnc_record delete_record = {
    "user", CNC_FIELDS({"accountjids", "The Jabber ID of the account",
                        .kind = CNC_FIELD_JID, .required = true})};

/* The local part of an account of this domain, or NULL after a refusal. */
static char *
local_part(struct cnc__logins *a, struct cnc__command_reply *reply,
           struct cnc__values *v, const char *field)
{
    const char *typed = cnc__values_get(v, field, 0);
    const char *ours = cnc__logins_domain(a);
    char jid[CNC__JID_MAX + 1];

    if (typed == NULL ||
        cnc__jid_prepare(jid, typed, strlen(typed), NULL) != 0) {
        cnc__command_refuse(reply, v, field, "This is no Jabber ID.");
        return NULL;
    }
    if (!cnc__jid_has_local(jid) || cnc__jid_resource(jid) != NULL ||
        !cnc__jid_is_at(jid, ours)) {
        struct cnc__str text = CNC__STR;

        cnc__str_printf(&text, CNC__TEXT("It must be somebody@%s."), ours);
        cnc__command_refuse(reply, v, field, text.data);
        cnc__str_fini(&text);
        return NULL;
    }
    return cnc__strndup(jid, strlen(jid) - strlen(ours) - 1);
}

/* Who waits for the answer to a command, and which field names the account. */
struct asked {
    struct cnc__command_reply *reply;
    struct cnc__values *values;
    const char *field, *said;
};

static void
answer(const struct cnc_error *err, void *priv)
{
    struct asked *q = priv;

    /* Whether it could be kept is known later, when the values are gone; what
     * is wrong with the name, at once. */
    if (err == NULL || err->code == CNC_ESTORE || err->code == CNC_ECLOSED) {
        cnc__command_done(q->reply, err, q->said, NULL);
    } else {
        cnc__command_refuse(q->reply, q->values, q->field, err->text);
    }
    cnc__free(q);
}

static struct asked *
ask(struct cnc__command_reply *reply, struct cnc__values *v, const char *field,
    const char *said)
{
    struct asked *q = cnc__zalloc(sizeof(*q));

    *q = (struct asked){reply, v, field, said};
    return q;
}

static void
set_user(struct cnc__logins *a, struct cnc__command_reply *reply,
         struct cnc__values *v, bool must_be_new)
{
    const char *password = cnc__values_get(v, "password", 0);
    const char *again = cnc__values_get(v, "password-verify", 0);
    char *user = local_part(a, reply, v, "accountjid");

    if (user == NULL) {
        return;
    }
    if (password == NULL || password[0] == '\0' || strlen(password) > 1023) {
        cnc__command_refuse(
            reply, v, "password",
            "A password has 1 to 1023 bytes; longer is better.");
    } else if (again != NULL && strcmp(password, again) != 0) {
        cnc__command_refuse(reply, v, "password-verify",
                            "The two are not the same.");
    } else {
        cnc__logins_set(a, user, password, must_be_new, answer,
                        ask(reply, v, "accountjid", "The account is ready."));
    }
    cnc__free(user);
}

static void
run_add(struct cnc__command_reply *reply, const struct cnc__caller *c,
        struct cnc__values *v, void *priv)
{
    set_user(priv, reply, v, true);
}

static void
run_change(struct cnc__command_reply *reply, const struct cnc__caller *c,
           struct cnc__values *v, void *priv)
{
    set_user(priv, reply, v, false);
}

static void
run_delete(struct cnc__command_reply *reply, const struct cnc__caller *c,
           struct cnc__values *v, void *priv)
{
    struct cnc__logins *a = priv;
    char *user = local_part(a, reply, v, "accountjids");

    if (user != NULL) {
        cnc__logins_delete(
            a, user, answer,
            ask(reply, v, "accountjids", "The account is deleted."));
        cnc__free(user);
    }
}

int
cnc__logins_commands(struct cnc__logins *a, struct cnc__commands *commands,
                     struct cnc_error *err)
{
    static const struct {
        const char *node, *name;
        const struct cnc_record *record;
        void (*run)(struct cnc__command_reply *, const struct cnc__caller *,
                    struct cnc__values *, void *);
        const char *help;
    } table[] = {
        {"http://jabber.org/protocol/admin#add-user", "Add a user",
         &user_record, run_add, "Makes an account."},
        {"http://jabber.org/protocol/admin#change-user-password",
         "Change a user's password", &user_record, run_change,
         "The tokens of the old password end."},
        {"http://jabber.org/protocol/admin#delete-user", "Delete a user",
         &delete_record, run_delete,
         "Deletes an account, and all it has with it."},
    };

    for (size_t i = 0; i < CNC_N(table); i++) {
        struct cnc__command cmd = {.node = (char *)table[i].node,
                                   .name = (char *)table[i].name,
                                   .record = table[i].record,
                                   .help = (char *)table[i].help,
                                   .who = CNC_ADMINS,
                                   .run = table[i].run,
                                   .priv = a};
        int code = cnc__commands_add(commands, &cmd, err);

        if (code != 0) {
            return code;
        }
    }
    return 0;
}
