/* SPDX-License-Identifier: MIT */
/*
 * operator.c -- sessions, servers, and looking on: the operator's commands
 * (XEP-0050, XEP-0133) as tables, JSON and lines.
 */
#include <stdio.h>
#include <unistd.h>

#include "../xml/write.h"
#include "console.h"
#include "ctl.h"

#define NS_ADMIN "http://jabber.org/protocol/admin#"
#define NS_TRACE "http://concordance-xmpp.org/ns/trace"

/* -- a command's result ------------------------------------------------------
 */

/* Run a command; *x is its form (borrowed of *reply), or NULL. */
static int
run(struct ctl *ctl, const char *node, const struct cnc__str *form,
    struct cnc_element **reply, const struct cnc_element **x)
{
    struct cnc__str iq = CNC__STR;
    int code;

    cnc__xml_printf(&iq,
                    "<command xmlns='" NS_COMMANDS
                    "' node='%s' action='complete'><x xmlns='" NS_DATA
                    "' type='submit'>%pR</x></command>",
                    node, cnc__str_c(form));
    code = ctl_iq(ctl, "set", iq.data, reply);
    cnc__str_fini(&iq);
    if (code == 0) {
        code = ctl_outcome(*reply);
        *x = cnc_element_child(
            cnc_element_child(*reply, NS_COMMANDS, "command"), NS_DATA, "x");
    }
    return code;
}

static const char *
note(const struct cnc_element *reply)
{
    return cnc_element_child_text(
        cnc_element_child(reply, NS_COMMANDS, "command"), NS_COMMANDS, "note");
}

/* -- tables
 * ---------------------------------------------------------------------- */

/* [--json] [--max N] [JID] */
static int
table(struct ctl *ctl, const char *node, int argc, char **argv)
{
    struct cnc__str form = CNC__STR;
    struct cnc_element *reply = NULL;
    const struct cnc_element *x = NULL;
    bool json = false;
    int code;

    for (int i = 0; i < argc; i++) {
        const char *var = "jid";

        if (strcmp(argv[i], "--json") == 0) {
            json = true;
            continue;
        }
        if (strcmp(argv[i], "--max") == 0 && i + 1 < argc) {
            var = "max_items";
            i++;
        } else if (argv[i][0] == '-') {
            cnc__str_fini(&form);
            return ctl_say(2, "there is no option %s here.", argv[i]);
        }
        cnc__xml_printf(&form, "<field var='%s'><value>%s</value></field>",
                        var, argv[i]);
    }
    code = run(ctl, node, &form, &reply, &x);
    if (code == 0 && json) {
        struct cnc__str out = CNC__STR;

        ctl_json_table(&out, x);
        puts(out.data);
        cnc__str_fini(&out);
    } else if (code == 0) {
        ctl_print_table(x);
        printf("%s\n", note(reply));
    }
    cnc_element_unref(&reply);
    cnc__str_fini(&form);
    return code;
}

static int
sessions(struct ctl *ctl, int argc, char **argv)
{
    return table(ctl, "sessions", argc, argv);
}

static int
s2s(struct ctl *ctl, int argc, char **argv)
{
    return table(ctl, "s2s", argc, argv);
}

/* -- acts
 * ------------------------------------------------------------------------ */

/* One command with one field; what it says is printed. */
static int
act(struct ctl *ctl, const char *node, const char *var, const char *value)
{
    struct cnc__str form = CNC__STR;
    struct cnc_element *reply = NULL;
    const struct cnc_element *x;
    int code;

    if (var != NULL) {
        cnc__xml_printf(&form, "<field var='%s'><value>%s</value></field>",
                        var, value);
    }
    code = run(ctl, node, &form, &reply, &x);
    if (code == 0) {
        printf("%s\n", note(reply));
    }
    cnc_element_unref(&reply);
    cnc__str_fini(&form);
    return code;
}

static int
kick(struct ctl *ctl, int argc, char **argv)
{
    return act(ctl, NS_ADMIN "end-user-session", "accountjids", argv[0]);
}

static int
announce(struct ctl *ctl, int argc, char **argv)
{
    return act(ctl, NS_ADMIN "announce", "announcement", argv[0]);
}

static int
reload(struct ctl *ctl, int argc, char **argv)
{
    return act(ctl, "service/reload", NULL, "");
}

static int
motd(struct ctl *ctl, int argc, char **argv)
{
    return argc == 0 ? act(ctl, NS_ADMIN "delete-motd", NULL, "")
                     : act(ctl, NS_ADMIN "set-motd", "motd", argv[0]);
}

static int
shutdown_(struct ctl *ctl, int argc, char **argv)
{
    return act(ctl, NS_ADMIN "shutdown", argc > 0 ? "delay" : NULL,
               argc > 0 ? argv[0] : "");
}

static int
users(struct ctl *ctl, int argc, char **argv)
{
    struct cnc_element *reply = NULL, *value;
    const struct cnc_element *x = NULL;
    struct cnc__str form = CNC__STR;
    int code =
        run(ctl, NS_ADMIN "get-registered-users-list", &form, &reply, &x);
    struct cnc_element *f;

    for (size_t i = 0; code == 0 && (f = cnc_element_next(x, &i, NS_DATA,
                                                          "field")) != NULL;) {
        const char *var = cnc_element_attr(f, NULL, "var");

        for (size_t k = 0;
             var != NULL && strcmp(var, "registereduserjids") == 0 &&
             (value = cnc_element_next(f, &k, NS_DATA, "value")) != NULL;) {
            ctl_print_text(cnc_element_text(value));
            fputc('\n', stdout);
        }
    }
    cnc_element_unref(&reply);
    return code;
}

/* -- looking on
 * ---------------------------------------------------------------------- */

static void
print_traced(const struct cnc_element *trace, bool colour)
{
    const char *dropped = cnc_element_attr(trace, NULL, "dropped");
    const char *way = cnc_element_attr(trace, NULL, "direction");
    const char *who = cnc_element_attr(trace, NULL, "session");
    const struct cnc_element *delay =
        cnc_element_child(trace, NS_DELAY, "delay");
    const char *stamp =
        delay == NULL ? NULL : cnc_element_attr(delay, NULL, "stamp");
    const struct cnc_element *stanza = cnc_element_child(
        cnc_element_child(trace, NS_FORWARD, "forwarded"), NULL, NULL);
    bool in = way != NULL && strcmp(way, "in") == 0;
    struct cnc__str out = CNC__STR;

    if (dropped != NULL) {
        printf("--- %s stanzas are left out: they came faster than they "
               "could be shown\n",
               dropped);
        return;
    }
    printf("%s%s %s%s ", colour ? in ? "\033[1;32m" : "\033[1;35m" : "",
           in ? "<--" : "-->", stamp == NULL ? "" : stamp,
           colour ? "\033[0m" : "");
    ctl_print_text(who == NULL ? "" : who);
    fputc('\n', stdout);
    if (stanza == NULL) {
        printf("(a large stanza)\n");
    } else {
        console_write(&out, stanza, colour);
        fputs(out.data, stdout);
    }
    cnc__str_fini(&out);
}

static int
trace(struct ctl *ctl, int argc, char **argv)
{
    const char *plain = getenv("NO_COLOR");
    bool colour = isatty(1) && (plain == NULL || plain[0] == '\0');
    struct cnc_element *message = NULL;
    struct cnc_error err = {0};
    int code = act(ctl, "trace", "jid", argv[0]);

    while (code == 0) {
        const struct cnc_element *e;

        fflush(stdout);
        if (cnc__client_next(ctl->client, &message, -1, &err) != 0) {
            code = ctl_fail(&err);
            break;
        }
        e = cnc_element_child(message, NS_TRACE, "trace");
        if (e != NULL) {
            print_traced(e, colour);
        }
        cnc_element_unref(&message);
    }
    return code;
}

const struct ctl_command ctl_operator[] = {
    {"sessions", "[--json] [--max N] [JID]", "list who is connected, and how",
     "JID is a session, an account or a domain.  The columns: by what it "
     "came, TLS,\nhow it logged in, since when, bytes that wait for it, "
     "whether it can be resumed\n(XEP-0198) and whether anybody looks at it "
     "(XEP-0352).\n",
     0, -1, false, sessions},
    {"s2s", "[--json] [--max N]", "list the streams to and from other servers",
     NULL, 0, -1, false, s2s},
    {"trace", "JID", "show the stanzas of a session, an account or a domain",
     "Both directions, as they pass, until Ctrl-C.  Passwords are left out; "
     "when too\nmany come, some are left out and that is said: nobody is "
     "slowed down.\n",
     1, 1, false, trace},
    {"kick", "JID", "end a session, or all of an account", NULL, 1, 1, false,
     kick},
    {"announce", "TEXT", "send a message to everybody who is online", NULL, 1,
     1, false, announce},
    {"motd", "[TEXT]", "tell everybody now and whoever logs in; or no more",
     NULL, 0, 1, false, motd},
    {"users", "", "list the accounts", NULL, 0, 0, false, users},
    {"reload", "", "read configuration, certificates and changed apps again",
     "Also the log's file is opened again.  Nobody is disconnected.  What "
     "needs a restart\nis named; a configuration with an error changes "
     "nothing.\n",
     0, 0, false, reload},
    {"shutdown", "[SECONDS]", "stop the service", NULL, 0, 1, false,
     shutdown_},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
