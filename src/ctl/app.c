/* SPDX-License-Identifier: MIT */
/*
 * app.c -- the apps of a running service: listed, added, started, stopped,
 * configured, reloaded, removed.  Each is a command of the service ("apps",
 * "apps/start", "settings/NAME", ...), as `concordctl do` runs it; this is the
 * same in fewer words, and says what to do next when it does not go.
 */
#include <stdio.h>

#include "../xml/write.h"
#include "do.h"

#define MAX_WORDS 64 /* of one command line */

struct words { /* of one command, without its options */
    char *at[MAX_WORDS];
    int n;
    bool json, whole, history;
    const char *revert;
};

/* -- the commands behind it ------------------------------------------------
 */

/* The table of "apps", of one app (name) or of all: *new* reply, and its form
 * in it.  0 or 1. */
static int
ask_apps(struct ctl *ctl, struct cnc_element **reply,
         const struct cnc_element **x)
{
    int code =
        ctl_iq(ctl, "set",
               "<command xmlns='" NS_COMMANDS "' node='apps' "
               "action='complete'><x xmlns='" NS_DATA "' type='submit'/>"
               "</command>",
               reply);

    if (code == 0) {
        code = ctl_outcome(*reply);
        *x = cnc_element_child(
            cnc_element_child(*reply, NS_COMMANDS, "command"), NS_DATA, "x");
    }
    return code;
}

static const struct cnc_element *
row_of(const struct cnc_element *x, const char *name)
{
    struct cnc_element *item;

    for (size_t i = 0; (item = cnc_element_next(x, &i, NS_DATA, "item"));) {
        if (strcmp(ctl_value_of(item, "name"), name) == 0) {
            return item;
        }
    }
    return NULL;
}

static int
no_such(const struct cnc_element *x, const char *name)
{
    const char *names[256];
    struct cnc__str near = CNC__STR;
    struct cnc_element *item;
    size_t n = 0;
    int status;

    for (size_t i = 0; n < CNC_N(names) &&
                       (item = cnc_element_next(x, &i, NS_DATA, "item"));) {
        names[n++] = ctl_value_of(item, "name");
    }
    do_near(&near, name, names, n);
    status = ctl_say(1,
                     "there is no app %s.%s `concordctl app list` lists "
                     "them, `concordctl app add %s` adds it.",
                     name, cnc__str_c(&near), name);
    cnc__str_fini(&near);
    return status;
}

/* Each of the names is an app's: 0, or 1 after saying which is not. */
static int
check_names(struct ctl *ctl, const struct words *w)
{
    struct cnc_element *reply = NULL;
    const struct cnc_element *x = NULL;
    int code = ask_apps(ctl, &reply, &x);

    for (int i = 0; code == 0 && i < w->n; i++) {
        if (row_of(x, w->at[i]) == NULL) {
            code = no_such(x, w->at[i]);
        }
    }
    cnc_element_unref(&reply);
    return code;
}

/* Run the command with this one field, and another when it is not NULL. */
static int
run_with(struct ctl *ctl, const char *node, const char *field,
         const char *value, const char *more)
{
    struct cnc__str word = CNC__STR;
    char *argv[2] = {NULL, (char *)more};
    int code;

    cnc__str_printf(&word, "%s:=%s", field, value);
    argv[0] = word.data;
    code = do_command(ctl, node, NULL, 0, more == NULL ? 1 : 2, argv);
    cnc__str_fini(&word);
    return code;
}

/* -- list ------------------------------------------------------------------
 */

/* "3.4 MB" of "3400000". */
static void
write_bytes(struct cnc__str *out, const char *text)
{
    static const char *const units[] = {"B", "kB", "MB", "GB"};
    double n = strtod(text, NULL);
    size_t u = 0;

    while (n >= 1000 && u + 1 < CNC_N(units)) {
        n /= 1000;
        u++;
    }
    cnc__str_printf(out, u == 0 || n >= 100 ? "%.0f %s" : "%.1f %s", n,
                    units[u]);
}

static const struct {
    const char *var, *label;
} columns[] = {
    {"name", "NAME"},           {"state", "STATE"},   {"version", "VERSION"},
    {"needs", "NEEDS"},         {"items", "ITEMS"},   {"bytes", "MEMORY"},
    {"published_s", "ITEMS/S"}, {"faults", "FAULTS"}, {"error", "ERROR"},
};

static void
print_list(const struct cnc_element *x)
{
    struct cnc__str xml = CNC__STR;
    struct cnc_element *table = NULL, *item;

    cnc__str_puts(&xml, "<x xmlns='" NS_DATA "'><reported>");
    for (size_t i = 0; i < CNC_N(columns); i++) {
        cnc__xml_printf(&xml, "<field var='%s' label='%s'/>", columns[i].var,
                        columns[i].label);
    }
    cnc__str_puts(&xml, "</reported>");
    for (size_t k = 0; (item = cnc_element_next(x, &k, NS_DATA, "item"));) {
        cnc__str_puts(&xml, "<item>");
        for (size_t i = 0; i < CNC_N(columns); i++) {
            const char *text = ctl_value_of(item, columns[i].var);
            struct cnc__str bytes = CNC__STR;

            if (strcmp(columns[i].var, "bytes") == 0) {
                write_bytes(&bytes, text);
                text = bytes.data;
            }
            cnc__xml_printf(&xml, "<field var='%s'><value>%s</value></field>",
                            columns[i].var, text[0] == '\0' ? "-" : text);
            cnc__str_fini(&bytes);
        }
        cnc__str_puts(&xml, "</item>");
    }
    cnc__str_puts(&xml, "</x>");
    if (cnc_xml_parse(&table, xml.data, xml.len, 0, NULL, NULL) == 0) {
        ctl_print_table(table);
    }
    cnc_element_unref(&table);
    cnc__str_fini(&xml);
}

static int
list(struct ctl *ctl, const struct words *w)
{
    struct cnc_element *reply = NULL;
    const struct cnc_element *x = NULL;
    struct cnc__str json = CNC__STR;
    int code = ask_apps(ctl, &reply, &x);

    if (code == 0 && w->json) {
        ctl_json_table(&json, x);
        puts(cnc__str_c(&json));
    } else if (code == 0) {
        print_list(x);
    }
    cnc__str_fini(&json);
    cnc_element_unref(&reply);
    return code;
}

/* -- changes ---------------------------------------------------------------
 */

static int
add(struct ctl *ctl, const struct words *w)
{
    struct cnc__str mount = CNC__STR;
    int code;

    if (w->n > 1) {
        cnc__str_printf(&mount, "mount:=%s", w->at[1]);
    }
    code = run_with(ctl, "apps/add", "app", w->at[0], mount.data);
    cnc__str_fini(&mount);
    if (code == 1) {
        ctl_say(1, "nothing was added. An installed app is named by its name, "
                   "a module by its path: `concordctl app add ./shelf.so`.");
    }
    return code;
}

/* One after the other; the first that does not go ends it. */
static int
each(struct ctl *ctl, const struct words *w, const char *node,
     const char *hint)
{
    int code = check_names(ctl, w);

    for (int i = 0; code == 0 && i < w->n; i++) {
        code = run_with(ctl, node, "name", w->at[i], NULL);
        if (code != 0) {
            ctl_say(1, hint, w->at[i]);
        }
    }
    return code;
}

static int
enable(struct ctl *ctl, const struct words *w)
{
    return each(ctl, w, "apps/start",
                "%s does not run; `concordctl app list` says how it is, and "
                "the service's log why.");
}

/* A suite goes with its members. */
static int
disable_whole(struct ctl *ctl, const struct words *w)
{
    struct cnc__str names = CNC__STR;
    char *argv[3] = {NULL, (char *)"state=stopped", (char *)"needs=true"};
    int code = check_names(ctl, w);

    cnc__str_puts(&names, "names:=");
    for (int i = 0; i < w->n; i++) {
        cnc__str_printf(&names, "%s%s", i > 0 ? "\n" : "", w->at[i]);
    }
    argv[0] = names.data;
    if (code == 0) {
        code = do_command(ctl, "apps/set", NULL, 0, 3, argv);
    }
    cnc__str_fini(&names);
    return code;
}

static int
disable(struct ctl *ctl, const struct words *w)
{
    return w->whole
               ? disable_whole(ctl, w)
               : each(ctl, w, "apps/stop", "%s was not stopped; try again.");
}

static int
reload(struct ctl *ctl, const struct words *w)
{
    return each(ctl, w, "apps/reload",
                "%s was not reloaded; `concordctl app list` says which "
                "version runs.");
}

static int
remove_(struct ctl *ctl, const struct words *w)
{
    return each(ctl, w, "apps/remove",
                "%s is still there; `concordctl app list` says who needs "
                "what.");
}

/* -- configure -------------------------------------------------------------
 */

static int
has_settings(struct ctl *ctl, const char *name, const char *node)
{
    struct words one = {.at = {(char *)name}, .n = 1};
    int code = check_names(ctl, &one);

    if (code == 0 && !do_is_there(ctl, node)) {
        code = ctl_say(1, "%s has no settings.", name);
    }
    return code;
}

static int
configure(struct ctl *ctl, const struct words *w)
{
    const char *name = w->at[0];
    struct cnc__str node = CNC__STR, usage = CNC__STR;
    unsigned flags = w->json ? DO_JSON : 0;
    int code;

    cnc__str_printf(&node, "settings/%s", name);
    cnc__str_printf(&usage, "app configure %s", name);
    code = has_settings(ctl, name, node.data);
    if (code == 0 && w->history) {
        cnc__str_puts(&node, "/history");
        code = do_command(ctl, node.data, NULL, flags, 0, NULL);
    } else if (code == 0 && w->revert != NULL) {
        cnc__str_puts(&node, "/revert");
        code = run_with(ctl, node.data, "version", w->revert, NULL);
    } else if (code == 0) {
        code = do_command(ctl, node.data, usage.data,
                          flags | (w->n == 1 ? DO_SHOW : 0), w->n - 1,
                          (char **)w->at + 1);
        if (code != 0) {
            ctl_say(1,
                    "nothing was changed. `concordctl app configure %s` "
                    "shows what is set, and what it may be.",
                    name);
        }
    }
    cnc__str_fini(&node);
    cnc__str_fini(&usage);
    return code;
}

/* -- which of them ---------------------------------------------------------
 */

static const struct verb {
    const char *name, *args;
    int min, max;
    int (*run)(struct ctl *ctl, const struct words *w);
} verbs[] = {
    {"list", "[--json]", 0, 0, list},
    {"add", "APP [/MOUNT]", 1, 2, add},
    {"enable", "NAME...", 1, MAX_WORDS, enable},
    {"disable", "[--whole] NAME...", 1, MAX_WORDS, disable},
    {"configure", "NAME [FIELD=VALUE...] | NAME --history | NAME --revert N",
     1, MAX_WORDS, configure},
    {"reload", "NAME...", 1, MAX_WORDS, reload},
    {"remove", "NAME...", 1, MAX_WORDS, remove_},
};

static const char *const help_text =
    "  list             which there are: state, version, needs, memory, "
    "items\n"
    "                   a second, faults; --json: all that is known of them\n"
    "  add APP [/MOUNT] an installed app by its name, or a module by its "
    "path\n"
    "                   (./shelf.so), with what it needs; it comes back when\n"
    "                   the service starts again; its pages below /MOUNT\n"
    "  enable NAME...   start them, and what they need before them\n"
    "  disable NAME...  stop them, and those that need them; they stay so;\n"
    "                   --whole: and what only they need, so that a suite\n"
    "                   goes with its members\n"
    "  configure NAME   show the settings, and what each may be\n"
    "  configure NAME FIELD=VALUE...\n"
    "                   change these, the others stay; FIELD=@FILE, FIELD=-\n"
    "                   take it from a file, from standard input; "
    "FIELD:=TEXT\n"
    "                   is the text whatever it looks like\n"
    "  configure NAME --history\n"
    "                   who changed what, the newest first; --json\n"
    "  configure NAME --revert N\n"
    "                   set what version N had; 0: the app's defaults\n"
    "  reload NAME...   the new version of its module takes the place of the\n"
    "                   old one; who is connected stays\n"
    "  remove NAME...   forget it; what it published is kept\n\n"
    "Each domain has its own: `concordctl --domain NAME app list`.\n\n"
    "  concordctl app add wiki /notes\n"
    "  concordctl app configure auth sign-up=open\n"
    "  concordctl app configure auth --history\n"
    "  concordctl app disable --whole office\n";

static const struct verb *
find_verb(const char *name)
{
    for (size_t i = 0; i < CNC_N(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int
no_verb(const char *name)
{
    const char *names[CNC_N(verbs)];
    struct cnc__str near = CNC__STR;

    for (size_t i = 0; i < CNC_N(verbs); i++) {
        names[i] = verbs[i].name;
    }
    do_near(&near, name, names, CNC_N(names));
    ctl_say(2,
            "there is no `app %s`.%s `concordctl help app` says what there "
            "is.",
            name, cnc__str_c(&near));
    cnc__str_fini(&near);
    return 2;
}

/* Options may stand anywhere: no name and no FIELD begins with a dash. */
static int
read_words(struct words *w, const struct verb *v, int argc, char **argv)
{
    bool configures = v->run == configure, lists = v->run == list;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0 && (lists || configures)) {
            w->json = true;
        } else if (strcmp(argv[i], "--whole") == 0 && v->run == disable) {
            w->whole = true;
        } else if (strcmp(argv[i], "--history") == 0 && configures) {
            w->history = true;
        } else if (strcmp(argv[i], "--revert") == 0 && configures) {
            if (i + 1 == argc) {
                return ctl_say(2, "--revert which version? `concordctl app "
                                  "configure NAME --history` lists them.");
            }
            w->revert = argv[++i];
        } else if (argv[i][0] == '-') {
            return ctl_say(2, "there is no option %s here.", argv[i]);
        } else if (w->n == MAX_WORDS) {
            return ctl_say(2, "these are more than %d words.", MAX_WORDS);
        } else {
            w->at[w->n++] = argv[i];
        }
    }
    if (w->n < v->min || w->n > v->max ||
        ((w->history || w->revert != NULL) && w->n > 1)) {
        return ctl_say(2, "Usage: concordctl app %s %s", v->name, v->args);
    }
    return 0;
}

static int
app(struct ctl *ctl, int argc, char **argv)
{
    const struct verb *v = find_verb(argv[0]);
    struct words w = {.n = 0};
    int code;

    if (v == NULL) {
        return no_verb(argv[0]);
    }
    code = read_words(&w, v, argc - 1, argv + 1);
    return code != 0 ? code : v->run(ctl, &w);
}

const struct ctl_command ctl_app[] = {
    {"app", "VERB [WORD...]", "list, add, start, stop, configure apps",
     help_text, 1, MAX_WORDS + 4, false, app},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL}};
