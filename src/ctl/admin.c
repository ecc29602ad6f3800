/* SPDX-License-Identifier: MIT */
/*
 * admin.c -- status and accounts: the operator's ad-hoc commands (XEP-0050,
 * XEP-0133), from a terminal.
 */
#include <stdio.h>
#include <unistd.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "ctl.h"

int
ctl_outcome(const struct cnc_element *reply)
{
    struct cnc_element *command =
        cnc_element_child(reply, NS_COMMANDS, "command");
    const char *status =
        command == NULL ? NULL : cnc_element_attr(command, NULL, "status");
    struct cnc_element *x = cnc_element_child(command, NS_DATA, "x");
    struct cnc_element *field;
    bool refused = status == NULL || strcmp(status, "completed") != 0;

    if (!refused) {
        return 0;
    }
    for (size_t i = 0;
         (field = cnc_element_next(x, &i, NS_DATA, "field")) != NULL;) {
        const char *error = cnc_element_child_text(
            field, "http://concordance-xmpp.org/ns/form", "error");

        if (error[0] != '\0') {
            return ctl_say(1, "%s", error);
        }
    }
    return ctl_say(1, "%s",
                   cnc_element_child_text(command, NS_COMMANDS, "note"));
}

static int
status(struct ctl *ctl, int argc, char **argv)
{
    struct cnc_element *reply = NULL, *x, *field;
    int code = ctl_iq(ctl, "set",
                      "<command xmlns='" NS_COMMANDS
                      "' node='status' action='execute'/>",
                      &reply);

    if (code != 0) {
        return code;
    }
    code = ctl_outcome(reply);
    x = cnc_element_child(cnc_element_child(reply, NS_COMMANDS, "command"),
                          NS_DATA, "x");
    for (size_t i = 0; code == 0 && (field = cnc_element_next(
                                         x, &i, NS_DATA, "field")) != NULL;) {
        const char *label = cnc_element_attr(field, NULL, "label");

        printf("%-46s %s\n", label == NULL ? "" : label,
               cnc_element_child_text(field, NS_DATA, "value"));
    }
    cnc_element_unref(&reply);
    return code;
}

static int
command(struct ctl *ctl, const char *node, struct cnc__str *form,
        const char *done)
{
    struct cnc__str iq = CNC__STR;
    struct cnc_element *reply = NULL;
    int code;

    cnc__xml_printf(&iq,
                    "<command xmlns='" NS_COMMANDS
                    "' node='http://jabber.org/protocol/admin#%s' "
                    "action='complete'><x xmlns='" NS_DATA
                    "' type='submit'>%pR</x></command>",
                    node, form->data);
    code = ctl_iq(ctl, "set", iq.data, &reply);
    explicit_bzero(iq.data, iq.len);
    cnc__str_fini(&iq);
    if (code == 0) {
        code = ctl_outcome(reply);
    }
    cnc_element_unref(&reply);
    if (code == 0) {
        printf("%s\n", done);
    }
    return code;
}

static void
field(struct cnc__str *form, const char *var, const char *value)
{
    cnc__xml_printf(form, "<field var='%s'><value>%s</value></field>", var,
                    value);
}

/* "juliet" is juliet@DOMAIN. */
static char *
full_name(struct ctl *ctl, const char *name)
{
    struct cnc__str s = CNC__STR;

    cnc__str_puts(&s, name);
    if (strchr(name, '@') == NULL) {
        cnc__str_printf(&s, "@%s", cnc__client_domain(ctl->client));
    }
    return cnc__str_steal(&s);
}

static int
with_password(struct ctl *ctl, const char *node, const char *name,
              const char *done)
{
    char *jid = full_name(ctl, name);
    char *password = ctl_secret("Password: ");
    char *again = password != NULL && isatty(0) ? ctl_secret("Again: ") : NULL;
    struct cnc__str form = CNC__STR;
    int code;

    if (password == NULL) {
        code = ctl_say(1, "no password was given.");
    } else {
        field(&form, "accountjid", jid);
        field(&form, "password", password);
        field(&form, "password-verify", again != NULL ? again : password);
        code = command(ctl, node, &form, done);
        explicit_bzero(form.data, form.len);
        explicit_bzero(password, strlen(password));
    }
    if (again != NULL) {
        explicit_bzero(again, strlen(again));
    }
    cnc__str_fini(&form);
    cnc__free(password);
    cnc__free(again);
    cnc__free(jid);
    return code;
}

static int
adduser(struct ctl *ctl, int argc, char **argv)
{
    return with_password(ctl, "add-user", argv[0], "The account is ready.");
}

static int
passwd(struct ctl *ctl, int argc, char **argv)
{
    return with_password(ctl, "change-user-password", argv[0],
                         "The password is changed.");
}

static int
deluser(struct ctl *ctl, int argc, char **argv)
{
    char *jid = full_name(ctl, argv[0]);
    struct cnc__str form = CNC__STR;
    int code;

    field(&form, "accountjids", jid);
    code = command(ctl, "delete-user", &form, "The account is deleted.");
    cnc__str_fini(&form);
    cnc__free(jid);
    return code;
}

const struct ctl_command ctl_admin[] = {
    {"status", "", "show what the service says of itself", NULL, 0, 0, false,
     status},
    {"adduser", "NAME", "make an account; asks for the password",
     "NAME is the part before the @. The password is read from the terminal, "
     "or is\nthe first line of standard input.\n",
     1, 1, false, adduser},
    {"passwd", "NAME", "change an account's password", NULL, 1, 1, false,
     passwd},
    {"deluser", "NAME", "delete an account", NULL, 1, 1, false, deluser},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
