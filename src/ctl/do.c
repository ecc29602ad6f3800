/* SPDX-License-Identifier: MIT */
/*
 * do.c -- any command of the service and its apps from a terminal: the list,
 * a command's form, running it (XEP-0050).
 */
#include <stdio.h>
#include <unistd.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "do.h"

#define NS_ITEMS "http://jabber.org/protocol/disco#items"
#define NS_INFO  "http://jabber.org/protocol/disco#info"
#define NS_FORM  "http://concordance-xmpp.org/ns/form"

struct doing {
    struct ctl *ctl;
    const char *node;
    const char *usage; /* how it is run: "do NODE"; NULL: that */
    bool json, show;
    /* What the service says of it. */
    struct cnc_element *info;
    const char *title, *help;
    bool has_form, safe;
};

/* -- what there is -------------------------------------------------------- */

/* disco#info of a command, or NULL with err. */
static struct cnc_element *
ask_info(struct ctl *ctl, const char *node, struct cnc_error *err)
{
    struct cnc_element *reply = NULL;
    struct cnc__str query = CNC__STR;
    int code;

    cnc__xml_printf(&query, "<query xmlns='" NS_INFO "' node='%s'/>", node);
    code = cnc__client_iq(ctl->client, "get", NULL, query.data, &reply, err);
    cnc__str_fini(&query);
    if (code != 0) {
        cnc_element_unref(&reply);
    }
    return reply;
}

static void
read_info(struct doing *d, struct cnc_element *reply)
{
    struct cnc_element *query = cnc_element_child(reply, NS_INFO, "query");
    struct cnc_element *x = cnc_element_child(query, NS_DATA, "x");
    struct cnc_element *identity =
        cnc_element_child(query, NS_INFO, "identity");
    const char *name =
        identity == NULL ? NULL : cnc_element_attr(identity, NULL, "name");

    d->info = reply;
    d->title = name == NULL ? d->node : name;
    d->help = ctl_value_of(x, "help");
    d->has_form = strcmp(ctl_value_of(x, "form"), "true") == 0;
    d->safe = strcmp(ctl_value_of(x, "safe"), "true") == 0;
}

static int
ask_items(struct ctl *ctl, struct cnc_element **reply)
{
    return ctl_iq(ctl, "get",
                  "<query xmlns='" NS_ITEMS "' node='" NS_COMMANDS "'/>",
                  reply);
}

/* -- the list ------------------------------------------------------------- */

struct entry {
    const char *node, *name; /* borrowed of the list */
    struct doing about;
};

static int
by_node(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->node,
                  ((const struct entry *)b)->node);
}

/* *n entries, *new*, in the order of their nodes. */
static struct entry *
read_items(const struct cnc_element *reply, size_t *n)
{
    const struct cnc_element *query =
        cnc_element_child(reply, NS_ITEMS, "query");
    struct entry *all = NULL;
    struct cnc_element *item;
    size_t cap = 0;

    *n = 0;
    for (size_t i = 0;
         (item = cnc_element_next(query, &i, NS_ITEMS, "item")) != NULL;) {
        const char *node = cnc_element_attr(item, NULL, "node");
        const char *name = cnc_element_attr(item, NULL, "name");

        if (node != NULL) {
            all = cnc__grow(all, *n, &cap, sizeof(*all));
            all[*n] = (struct entry){.node = node,
                                     .name = name == NULL ? node : name};
            all[(*n)++].about.node = node;
        }
    }
    if (*n > 0) {
        qsort(all, *n, sizeof(*all), by_node);
    }
    return all;
}

static void
print_json_list(const struct entry *all, size_t n)
{
    struct cnc__str out = CNC__STR;

    cnc__str_putc(&out, '[');
    for (size_t i = 0; i < n; i++) {
        cnc__str_puts(&out, i == 0 ? "\n  {\"node\": " : ",\n  {\"node\": ");
        ctl_json_string(&out, all[i].node);
        cnc__str_puts(&out, ", \"title\": ");
        ctl_json_string(&out, all[i].name);
        cnc__str_puts(&out, ", \"help\": ");
        ctl_json_string(&out, all[i].about.help);
        cnc__str_printf(&out, ", \"form\": %s, \"safe\": %s}",
                        all[i].about.has_form ? "true" : "false",
                        all[i].about.safe ? "true" : "false");
    }
    printf("%s\n]\n", out.data);
    cnc__str_fini(&out);
}

static void
print_list(const struct entry *all, size_t n)
{
    size_t width = 0;

    for (size_t i = 0; i < n; i++) {
        size_t len = cnc__utf8_count(all[i].node, strlen(all[i].node));

        width = len > width && len <= 32 ? len : width;
    }
    for (size_t i = 0; i < n; i++) {
        size_t len = cnc__utf8_count(all[i].node, strlen(all[i].node));

        ctl_print_text(all[i].node);
        printf("%*s", (int)(len < width ? width - len : 0) + 2, "");
        ctl_print_text(all[i].name);
        if (all[i].about.help[0] != '\0') {
            fputs(": ", stdout);
            ctl_print_text(all[i].about.help);
        }
        fputc('\n', stdout);
    }
}

static int
list(struct ctl *ctl, bool json)
{
    struct cnc_element *reply = NULL;
    struct cnc_error err = {0};
    struct entry *all;
    size_t n;
    int code = ask_items(ctl, &reply);

    if (code != 0) {
        return code;
    }
    all = read_items(reply, &n);
    for (size_t i = 0; i < n; i++) {
        read_info(&all[i].about, ask_info(ctl, all[i].node, &err));
    }
    if (json) {
        print_json_list(all, n);
    } else {
        print_list(all, n);
    }
    for (size_t i = 0; i < n; i++) {
        cnc_element_unref(&all[i].about.info);
    }
    cnc__free(all);
    cnc_element_unref(&reply);
    return 0;
}

static int
no_such(struct ctl *ctl, const char *node)
{
    struct cnc_element *reply = NULL;
    struct cnc__str near = CNC__STR;
    struct entry *all;
    const char **names;
    size_t n;
    int code = ask_items(ctl, &reply);

    if (code != 0) {
        return code;
    }
    all = read_items(reply, &n);
    names = cnc__zalloc((n + 1) * sizeof(*names));
    for (size_t i = 0; i < n; i++) {
        names[i] = all[i].node;
    }
    do_near(&near, node, names, n);
    code = ctl_say(2, "there is no command %s.%s", node,
                   near.len == 0 ? " `concordctl do` lists them." : near.data);
    cnc__free(names);
    cnc__free(all);
    cnc__str_fini(&near);
    cnc_element_unref(&reply);
    return code;
}

/* -- the answer ----------------------------------------------------------- */

static void
print_json(const struct cnc_element *x, const char *note)
{
    struct cnc__str out = CNC__STR;

    cnc__str_puts(&out, "{\"note\": ");
    ctl_json_string(&out, note);
    cnc__str_puts(&out, ", \"values\": ");
    ctl_json_values(&out, x);
    if (cnc_element_child(x, NS_DATA, "reported") != NULL) {
        cnc__str_puts(&out, ", \"table\": ");
        ctl_json_table(&out, x);
    }
    printf("%s}\n", out.data);
    cnc__str_fini(&out);
}

/* Each field that is wrong on a line of its own; then the whole. */
static int
refused(const struct cnc_element *command)
{
    const struct cnc_element *x = cnc_element_child(command, NS_DATA, "x");
    const char *whole = cnc_element_child_text(x, NS_FORM, "error");
    struct cnc_element *f;
    size_t n = 0;

    for (size_t i = 0;
         (f = cnc_element_next(x, &i, NS_DATA, "field")) != NULL;) {
        const char *error = cnc_element_child_text(f, NS_FORM, "error");
        const char *var = cnc_element_attr(f, NULL, "var");

        if (error[0] != '\0') {
            ctl_say(1, "%s: %s", var == NULL ? "" : var, error);
            n++;
        }
    }
    if (whole[0] != '\0') {
        return ctl_say(1, "%s", whole);
    }
    return n > 0
               ? 1
               : ctl_say(1, "%s",
                         cnc_element_child_text(command, NS_COMMANDS, "note"));
}

static int
answered(const struct doing *d, const struct cnc_element *reply)
{
    const struct cnc_element *command =
        cnc_element_child(reply, NS_COMMANDS, "command");
    const char *status =
        command == NULL ? NULL : cnc_element_attr(command, NULL, "status");
    const struct cnc_element *x = cnc_element_child(command, NS_DATA, "x");
    const char *note = cnc_element_child_text(command, NS_COMMANDS, "note");

    if (status == NULL || strcmp(status, "completed") != 0) {
        return refused(command);
    }
    if (d->json) {
        print_json(x, note);
        return 0;
    }
    ctl_print_values(x);
    if (cnc_element_child(x, NS_DATA, "reported") != NULL) {
        ctl_print_table(x);
    }
    if (note[0] != '\0') {
        ctl_print_text(note);
        fputc('\n', stdout);
    }
    return 0;
}

/* -- running it ----------------------------------------------------------- */

/* A command without a form, or with x, the filled-in one. */
static int
execute(const struct doing *d, const char *x)
{
    struct cnc_element *reply = NULL;
    struct cnc__str iq = CNC__STR;
    int code;

    cnc__xml_printf(&iq,
                    "<command xmlns='" NS_COMMANDS
                    "' node='%s' action='%s'>%pR</command>",
                    d->node, x == NULL ? "execute" : "complete", x);
    code = ctl_iq(d->ctl, "set", iq.data, &reply);
    explicit_bzero(iq.data, iq.len);
    cnc__str_fini(&iq);
    if (code == 0) {
        code = answered(d, reply);
    }
    cnc_element_unref(&reply);
    return code;
}

/* Ask for the form; what it holds is *new*. */
static int
get_form(const struct doing *d, struct do_form *form)
{
    struct cnc_element *reply = NULL;
    const struct cnc_element *x;
    struct cnc__str iq = CNC__STR;
    int code;

    cnc__xml_printf(
        &iq, "<command xmlns='" NS_COMMANDS "' node='%s' action='execute'/>",
        d->node);
    code = ctl_iq(d->ctl, "set", iq.data, &reply);
    cnc__str_fini(&iq);
    if (code != 0) {
        return code;
    }
    x = cnc_element_child(cnc_element_child(reply, NS_COMMANDS, "command"),
                          NS_DATA, "x");
    do_form_read(form, reply, x);
    return 0;
}

static void
show(const struct doing *d, const struct do_form *form)
{
    ctl_print_text(d->title);
    fputc('\n', stdout);
    if (d->help[0] != '\0') {
        ctl_print_text(d->help);
        fputc('\n', stdout);
    }
    printf("Usage: concordctl %s%s%s\n", d->usage == NULL ? "do " : "",
           d->usage == NULL ? d->node : d->usage,
           form == NULL ? "" : " [FIELD=VALUE...]");
    if (form != NULL) {
        do_form_show(form);
    }
}

static int
fill(struct do_form *form, int argc, char **argv)
{
    struct do_field *missing;
    bool bad = false;
    int code;

    for (int i = 0; i < argc; i++) {
        code = do_form_set(form, argv[i]);
        if (code != 0) {
            return code;
        }
    }
    while (isatty(0) && (missing = do_form_missing(form)) != NULL) {
        code = do_form_ask(missing);
        if (code != 0) {
            return code;
        }
    }
    while ((missing = do_form_missing(form)) != NULL) {
        ctl_say(2, "%s is needed: %s.", missing->var, missing->label);
        missing->required = false; /* said */
        bad = true;
    }
    return bad ? 2 : 0;
}

static int
with_form(const struct doing *d, int argc, char **argv)
{
    struct do_form form = {0};
    struct cnc__str x = CNC__STR;
    int code = get_form(d, &form);

    if (code == 0 && d->show) {
        show(d, &form);
    } else if (code == 0 && (code = fill(&form, argc, argv)) == 0) {
        do_form_write(&x, &form);
        code = execute(d, x.data);
        explicit_bzero(x.data, x.len);
        cnc__str_fini(&x);
    }
    do_form_fini(&form);
    return code;
}

static int
run(struct doing *d, int argc, char **argv)
{
    struct cnc_error err = {0};
    struct cnc_element *info = ask_info(d->ctl, d->node, &err);
    int code;

    if (info == NULL) {
        return err.code == CNC_ENOENT ? no_such(d->ctl, d->node)
                                      : ctl_fail(&err);
    }
    read_info(d, info);
    if (d->has_form) {
        code = with_form(d, argc, argv);
    } else if (d->show) {
        show(d, NULL);
        code = 0;
    } else if (argc > 0) {
        code = ctl_say(2, "%s asks nothing: %s is for another command.",
                       d->node, argv[0]);
    } else {
        code = execute(d, NULL);
    }
    cnc_element_unref(&d->info);
    return code;
}

int
do_command(struct ctl *ctl, const char *node, const char *usage,
           unsigned flags, int argc, char **argv)
{
    struct doing d = {.ctl = ctl,
                      .node = node,
                      .usage = usage,
                      .json = (flags & DO_JSON) != 0,
                      .show = (flags & DO_SHOW) != 0};

    return run(&d, argc, argv);
}

bool
do_is_there(struct ctl *ctl, const char *node)
{
    struct cnc_error err = {0};
    struct cnc_element *info = ask_info(ctl, node, &err);
    bool there = info != NULL || err.code != CNC_ENOENT;

    cnc_element_unref(&info);
    return there;
}

static int
do_(struct ctl *ctl, int argc, char **argv)
{
    struct doing d = {.ctl = ctl};
    int n = 0;

    /* Options may stand anywhere: no FIELD begins with a dash. */
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            d.json = true;
        } else if (strcmp(argv[i], "--form") == 0) {
            d.show = true;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            return ctl_say(2, "there is no option %s here.", argv[i]);
        } else {
            argv[n++] = argv[i];
        }
    }
    if (n == 0) {
        return list(ctl, d.json);
    }
    d.node = argv[0];
    return run(&d, n - 1, argv + 1);
}

const struct ctl_command ctl_do[] = {
    {"do", "[--json] [--form] [NODE [FIELD=VALUE...]]",
     "run a command of the service or of an app; or list them",
     "Without NODE it lists what there is.  --form shows what a command asks "
     "and runs\nnothing.  FIELD=@FILE takes the value from a file, FIELD=- "
     "from standard input,\nFIELD:=TEXT is TEXT whatever it looks like.  A "
     "FIELD that takes many values may\nstand more than once.  What is needed "
     "and was not said is asked for on a terminal.\n",
     0, -1, false, do_},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
