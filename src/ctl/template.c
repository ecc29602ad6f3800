/* SPDX-License-Identifier: MIT */
/*
 * template.c -- template put|get|list|log|diff|revert: the items of the node
 * `templates` and their archive (XEP-0313).
 */
#include <stdio.h>
#include <unistd.h>

#include <sys/wait.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "ctl.h"

#define NODE "templates"

static int
put_text(struct ctl *ctl, const char *name, const char *text)
{
    struct cnc__str iq = CNC__STR;
    int code;

    cnc__xml_printf(&iq,
                    "<pubsub xmlns='" NS_PUBSUB "'><publish node='" NODE
                    "'><item id='%s'><template xmlns='" NS_TEMPLATE
                    "' type='application/xslt+xml'>%s</template></item>"
                    "</publish></pubsub>",
                    name, text);
    code = ctl_iq(ctl, "set", iq.data, NULL);
    cnc__str_fini(&iq);
    return code;
}

static int
put(struct ctl *ctl, const char *name, const char *path)
{
    size_t len = 0;
    char *text = ctl_read(path, &len);
    int code;

    if (text == NULL) {
        return 1;
    }
    if (len == 0) {
        cnc__free(text);
        return ctl_say(1, "%s is empty; nothing was changed.", path);
    }
    if (!cnc__xml_chars_valid(text, len)) {
        cnc__free(text);
        return ctl_say(1, "%s is not UTF-8 text.", path);
    }
    code = put_text(ctl, name, text);
    cnc__free(text);
    if (code == 0) {
        printf("%s is in use.\n", name);
    }
    return code;
}

/* The sheet of an item's payload, as a *new* buf. */
static struct cnc_buf *
sheet_of(const struct cnc_element *payload)
{
    return cnc_element_is(payload, NS_TEMPLATE, "template")
               ? cnc_element_string(payload)
               : cnc_element_write(payload, CNC_WRITE_INDENT);
}

static int
get(struct ctl *ctl, const char *name, struct cnc_buf **out)
{
    struct cnc__str iq = CNC__STR;
    struct cnc_element *reply = NULL, *e;
    int code;

    cnc__xml_printf(&iq,
                    "<pubsub xmlns='" NS_PUBSUB "'><items node='" NODE
                    "'><item id='%s'/></items></pubsub>",
                    name);
    code = ctl_iq(ctl, "get", iq.data, &reply);
    cnc__str_fini(&iq);
    if (code != 0) {
        return code;
    }
    e = cnc_element_child(reply, NS_PUBSUB, "pubsub");
    e = cnc_element_child(e, NS_PUBSUB, "items");
    e = cnc_element_child(e, NS_PUBSUB, "item");
    e = cnc_element_child(e, NULL, NULL);
    if (e == NULL) {
        cnc_element_unref(&reply);
        return ctl_say(1,
                       "there is no template %s; `concordctl template "
                       "list` shows them.",
                       name);
    }
    *out = sheet_of(e);
    cnc_element_unref(&reply);
    return 0;
}

/* -- versions ----------------------------------------------------------------
 * The archive is read whole, newest last; each event of this item is one
 * version, numbered from 1. */

struct version {
    char *id, *when;
    struct cnc_buf *sheet; /* NULL: retracted */
};

struct versions {
    struct version *list;
    size_t n;
};

static void
versions_free(struct versions *v)
{
    for (size_t i = 0; i < v->n; i++) {
        cnc__free(v->list[i].id);
        cnc__free(v->list[i].when);
        cnc_buf_unref(&v->list[i].sheet);
    }
    cnc__free(v->list);
}

static void
take_result(struct versions *v, const struct cnc_element *message,
            const char *name)
{
    struct cnc_element *result = cnc_element_child(message, NS_MAM, "result");
    struct cnc_element *forwarded =
        cnc_element_child(result, NS_FORWARD, "forwarded");
    struct cnc_element *delay =
        cnc_element_child(forwarded, NS_DELAY, "delay");
    struct cnc_element *e = cnc_element_child(forwarded, NULL, "message");
    const char *stamp, *id;
    struct version *new;

    e = cnc_element_child(e, NS_EVENT, "event");
    e = cnc_element_child(e, NS_EVENT, "items");
    e = cnc_element_child(e, NS_EVENT, NULL); /* item or retract */
    id = e == NULL ? NULL : cnc_element_attr(e, NULL, "id");
    if (id == NULL || strcmp(id, name) != 0) {
        return;
    }
    v->list = cnc__realloc(v->list, v->n + 1, sizeof(*v->list));
    new = &v->list[v->n++];
    stamp = delay == NULL ? NULL : cnc_element_attr(delay, NULL, "stamp");
    id = cnc_element_attr(result, NULL, "id");
    new->id = cnc__strdup(id == NULL ? "" : id);
    new->when = cnc__strdup(stamp == NULL ? "" : stamp);
    new->sheet = NULL;
    e = cnc_element_child(e, NULL, NULL);
    if (e != NULL) {
        new->sheet = sheet_of(e);
    }
}

static int
versions_page(struct ctl *ctl, struct versions *v, const char *name,
              struct cnc__str *after, bool *complete)
{
    struct cnc__str iq = CNC__STR;
    struct cnc_element *reply = NULL, *fin, *message = NULL;
    struct cnc_error err = {0};
    const char *last;
    int code;

    cnc__xml_printf(&iq, "<query xmlns='" NS_MAM "' node='" NODE
                         "'><set xmlns='" NS_RSM "'><max>100</max>");
    if (after->len > 0) {
        cnc__xml_printf(&iq, "<after>%s</after>", after->data);
    }
    cnc__str_puts(&iq, "</set></query>");
    code = ctl_iq(ctl, "set", iq.data, &reply);
    cnc__str_fini(&iq);
    if (code != 0) {
        return code;
    }
    /* The results came before the answer. */
    while (cnc__client_next(ctl->client, &message, 0, &err) == 0) {
        take_result(v, message, name);
        cnc_element_unref(&message);
    }
    fin = cnc_element_child(reply, NS_MAM, "fin");
    last = cnc_element_child_text(cnc_element_child(fin, NS_RSM, "set"),
                                  NS_RSM, "last");
    *complete = fin == NULL || last[0] == '\0' ||
                cnc_element_attr(fin, NULL, "complete") != NULL;
    cnc__str_clear(after);
    cnc__str_puts(after, last);
    cnc_element_unref(&reply);
    return 0;
}

static int
versions_get(struct ctl *ctl, struct versions *v, const char *name)
{
    struct cnc__str after = CNC__STR;
    bool complete = false;
    int code = 0;

    while (code == 0 && !complete) {
        code = versions_page(ctl, v, name, &after, &complete);
    }
    cnc__str_fini(&after);
    if (code == 0 && v->n == 0) {
        code = ctl_say(1,
                       "there is no template %s; `concordctl template "
                       "list` shows them.",
                       name);
    }
    return code;
}

/* "3" is version 3; "-1" the one before the newest. NULL: `otherwise`. */
static int
pick(const struct versions *v, const char *word, int64_t otherwise,
     const struct version **out)
{
    int64_t n = otherwise;

    if (word != NULL && !cnc__parse_int(&n, word, -100000, 100000)) {
        return ctl_say(2, "a version is a number of `template log`, not %s.",
                       word);
    }
    if (n <= 0) {
        n += (int64_t)v->n;
    }
    if (n < 1 || n > (int64_t)v->n) {
        return ctl_say(1,
                       "there is no version %lld; the versions are 1 to "
                       "%zu.",
                       (long long)n, v->n);
    }
    *out = &v->list[n - 1];
    if ((*out)->sheet == NULL) {
        return ctl_say(1, "version %lld is a retraction.", (long long)n);
    }
    return 0;
}

static int
log_versions(struct ctl *ctl, const char *name)
{
    struct versions v = {0};
    int code = versions_get(ctl, &v, name);

    for (size_t i = v.n; code == 0 && i-- > 0;) {
        printf("%4zu  %s  %6zu bytes%s\n", i + 1, v.list[i].when,
               v.list[i].sheet == NULL ? 0 : cnc_buf_len(v.list[i].sheet),
               v.list[i].sheet == NULL ? "  retracted"
               : i + 1 == v.n          ? "  in use"
                                       : "");
    }
    versions_free(&v);
    return code;
}

static FILE *
temporary(const struct cnc_buf *sheet)
{
    FILE *f = tmpfile();

    if (f != NULL) {
        fwrite(cnc_buf_data(sheet), 1, cnc_buf_len(sheet), f);
        fflush(f);
    }
    return f;
}

/* diff(1) knows best; it reads the two by descriptor. */
static int
diff_run(const struct version *a, const struct version *b, FILE *fa, FILE *fb)
{
    struct cnc__str from = CNC__STR, to = CNC__STR, la = CNC__STR,
                    lb = CNC__STR;
    int status = 0;
    pid_t pid;

    cnc__str_printf(&from, "/dev/fd/%d", fileno(fa));
    cnc__str_printf(&to, "/dev/fd/%d", fileno(fb));
    cnc__str_printf(&la, "%s  %s", a->id, a->when);
    cnc__str_printf(&lb, "%s  %s", b->id, b->when);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        execlp("diff", "diff", "-u", "--label", la.data, "--label", lb.data,
               from.data, to.data, (char *)NULL);
        _exit(127);
    }
    cnc__str_fini(&from);
    cnc__str_fini(&to);
    cnc__str_fini(&la);
    cnc__str_fini(&lb);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) > 1) {
        return ctl_say(1, "diff could not be run; is diffutils installed?");
    }
    return 0;
}

static int
diff_versions(struct ctl *ctl, const char *name, const char *from,
              const char *to)
{
    struct versions v = {0};
    const struct version *a = NULL, *b = NULL;
    int code = versions_get(ctl, &v, name);

    if (code == 0) {
        code = pick(&v, from, v.n > 1 ? -1 : 0, &a);
    }
    if (code == 0) {
        code = pick(&v, to, 0, &b);
    }
    if (code == 0) {
        FILE *fa = temporary(a->sheet), *fb = temporary(b->sheet);

        code = fa == NULL || fb == NULL
                   ? ctl_say(1, "cannot make a temporary file.")
                   : diff_run(a, b, fa, fb);
        if (fa != NULL) {
            fclose(fa);
        }
        if (fb != NULL) {
            fclose(fb);
        }
    }
    versions_free(&v);
    return code;
}

static int
revert(struct ctl *ctl, const char *name, const char *to)
{
    struct versions v = {0};
    const struct version *a = NULL;
    int code = versions_get(ctl, &v, name);

    if (code == 0) {
        code = pick(&v, to, -1, &a);
    }
    if (code == 0) {
        code = put_text(ctl, name, cnc_buf_data(a->sheet));
    }
    if (code == 0) {
        printf("%s is again what it was at %s.\n", name, a->when);
    }
    versions_free(&v);
    return code;
}

static int
list(struct ctl *ctl)
{
    struct cnc_element *reply = NULL, *e, *item;
    int code = ctl_iq(ctl, "get",
                      "<pubsub xmlns='" NS_PUBSUB "'><items node='" NODE
                      "'/></pubsub>",
                      &reply);

    if (code != 0) {
        return code;
    }
    e = cnc_element_child(cnc_element_child(reply, NS_PUBSUB, "pubsub"),
                          NS_PUBSUB, "items");
    for (size_t i = 0; (item = cnc_element_next(e, &i, NULL, "item"));) {
        const char *id = cnc_element_attr(item, NULL, "id");

        printf("%s\n", id == NULL ? "" : id);
    }
    cnc_element_unref(&reply);
    return 0;
}

static int template(struct ctl *ctl, int argc, char **argv)
{
    const char *verb = argv[0], *name = argc > 1 ? argv[1] : NULL;
    struct cnc_buf *sheet = NULL;
    int code;

    if (strcmp(verb, "list") == 0 && argc == 1) {
        return list(ctl);
    }
    if (strcmp(verb, "put") == 0 && argc == 3) {
        return put(ctl, name, argv[2]);
    }
    if (strcmp(verb, "get") == 0 && argc == 2) {
        code = get(ctl, name, &sheet);
        if (code == 0) {
            fwrite(cnc_buf_data(sheet), 1, cnc_buf_len(sheet), stdout);
        }
        cnc_buf_unref(&sheet);
        return code;
    }
    if (strcmp(verb, "log") == 0 && argc == 2) {
        return log_versions(ctl, name);
    }
    if (strcmp(verb, "diff") == 0 && argc >= 2) {
        return diff_versions(ctl, name, argc > 2 ? argv[2] : NULL,
                             argc > 3 ? argv[3] : NULL);
    }
    if (strcmp(verb, "revert") == 0 && (argc == 2 || argc == 3)) {
        return revert(ctl, name, argc > 2 ? argv[2] : NULL);
    }
    return ctl_say(2, "`concordctl help template` says how that goes.");
}

const struct ctl_command ctl_template[] = {
    {"template", "put|get|list|log|diff|revert ...",
     "show and change the templates of pages",
     "  template list                 the templates there are\n"
     "  template get NAME             print a template\n"
     "  template put NAME FILE        use this one from now on, on every open "
     "page;\n"
     "                                a broken one is refused and nothing "
     "changes\n"
     "  template log NAME             its versions, newest first\n"
     "  template diff NAME [A [B]]    what changed from version A to B\n"
     "                                [the last change]\n"
     "  template revert NAME [A]      use version A again [the one before]\n",
     1, 4, false, template},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
