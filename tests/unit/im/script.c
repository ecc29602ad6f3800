/* SPDX-License-Identifier: MIT */
/*
 * script.c -- plays tests/protocol/im/NAME.script.
 *
 *   # comment
 *   @ accounts USER...
 *   @ session NAME FULL-JID        logged in, without presence
 *   @ far NAME JID                 somebody of another domain
 *   @ end NAME
 *   @ delete USER
 *   @ store hold | fail | work
 *   @ restart                      sessions must be made anew
 *   @ without EXTENSION...         from the next restart on
 *   @ wait SECONDS
 *   @ deaf                         what was heard until now is not looked at
 *   NAME> a stanza that NAME sends
 *   NAME< a stanza that NAME hears; all that is heard must be named before
 *         somebody speaks again, each hearer's in the order it was sent
 *
 * Lines that begin with white space go on.  In what is heard, to='the hearer'
 * and the text of errors need not be written; %any% matches anything, %=X%
 * keeps what it matches, %X% is what was kept.
 */
#include "world.h"

#include <dirent.h>
#include <stdio.h>

struct play {
    struct world *w;
    const char *path;
    unsigned line;
    struct cnc__table *names; /* name -> JID */
    struct cnc__table *kept;  /* name -> text */
};

#define SCRIPT_FAIL(p, ...)                                                   \
    do {                                                                      \
        print_error("%s:%u: ", (p)->path, (p)->line);                         \
        print_error(__VA_ARGS__);                                             \
        print_error("\n");                                                    \
        fail();                                                               \
    } while (0)

static const char *
jid_of(struct play *p, const char *name)
{
    const char *jid = cnc__table_get(p->names, name);

    if (jid == NULL) {
        SCRIPT_FAIL(p, "who is %s?", name);
    }
    return jid;
}

/* -- comparing ------------------------------------------------------------ */

static void
drop_error_text(struct cnc_element *e)
{
    struct cnc_element *error = cnc_element_child(e, NULL, "error");

    for (size_t i = 0; error != NULL && i < cnc_element_n_children(error);
         i++) {
        struct cnc_child c = cnc_element_child_at(error, i);

        if (c.kind == CNC_ELEMENT &&
            cnc_element_is(c.element, CNC__NS_STANZA_ERROR, "text")) {
            cnc_element_remove(error, i, 1, NULL);
        }
    }
}

/* Canonical text (double quotes, declarations first) without what goes
 * without saying. */
static char *
canonical(struct play *p, const char *xml)
{
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};
    struct cnc__str whole = CNC__STR, out = CNC__STR;
    size_t name = 1 + strcspn(xml + 1, " >/");
    const char declared[] = " xmlns=\"jabber:client\"";
    char *at;

    cnc__str_add(&whole, xml, name);
    cnc__str_puts(&whole, " xmlns='jabber:client'");
    cnc__str_puts(&whole, xml + name);
    if (cnc_xml_parse(&e, whole.data, whole.len, CNC_PARSE_THAW, NULL, &err) !=
        0) {
        SCRIPT_FAIL(p, "%s: %s", err.text, whole.data);
    }
    drop_error_text(e);
    cnc__xml_write(&out, e, "jabber:client", 0);
    /* The declaration that was put in above is kept: out with it. */
    at = strstr(out.data, declared);
    if (at != NULL && at < strchr(out.data, '>')) {
        memmove(at, at + sizeof(declared) - 1,
                strlen(at + sizeof(declared) - 1) + 1);
    }
    cnc_element_unref(&e);
    cnc__str_fini(&whole);
    return cnc__str_steal(&out);
}

static bool matches(struct play *p, const char *want, const char *is);

/* %any% and %=X%: the shortest that fits. */
static bool
matches_some(struct play *p, const char *name, const char *rest,
             const char *is)
{
    for (size_t n = 0; n <= strlen(is); n++) {
        if (name[0] == '=') { /* the rest of the line may ask for it */
            cnc__free(cnc__table_put(p->kept, name + 1, cnc__strndup(is, n)));
        }
        if (matches(p, rest, is + n)) {
            return true;
        }
    }
    return false;
}

static bool
matches(struct play *p, const char *want, const char *is)
{
    while (*want != '\0' && *want != '%') {
        if (*want++ != *is++) {
            return false;
        }
    }
    if (*want == '\0') {
        return *is == '\0';
    }
    const char *end = strchr(want + 1, '%');
    const char *kept;
    bool right;
    char *name;

    if (end == NULL) {
        SCRIPT_FAIL(p, "a %% without its end");
    }
    name = cnc__strndup(want + 1, (size_t)(end - want - 1));
    if (strcmp(name, "any") == 0 || name[0] == '=') {
        right = matches_some(p, name, end + 1, is);
    } else {
        kept = cnc__table_get(p->kept, name);
        if (kept == NULL) {
            SCRIPT_FAIL(p, "nothing was kept as %s", name);
        }
        right = strncmp(is, kept, strlen(kept)) == 0 &&
                matches(p, end + 1, is + strlen(kept));
    }
    cnc__free(name);
    return right;
}

static int
by_attribute(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Where the first tag ends; a slash or '>' in a value is no end. */
static size_t
end_of_tag(const char *xml)
{
    size_t end = 0;

    for (bool quoted = false; xml[end] != '\0'; end++) {
        quoted = xml[end] == '"' ? !quoted : quoted;
        if (!quoted && (xml[end] == '/' || xml[end] == '>')) {
            break;
        }
    }
    return end;
}

/* Attributes of the first tag in one order, whoever wrote them, without
 * to="the hearer": *new*. */
static char *
sort_attributes(const char *xml, const char *who)
{
    size_t end = end_of_tag(xml), n = 0;
    struct cnc__str out = CNC__STR, to = CNC__STR;
    char *tag = cnc__strndup(xml, end), *attrs[32];

    cnc__str_printf(&to, "to=\"%s\"", who);
    for (char *at = strchr(tag, ' '); at != NULL && n < CNC_N(attrs);) {
        char *close;

        *at++ = '\0';
        attrs[n++] = at;
        close = strchr(at, '"');
        close = close == NULL ? NULL : strchr(close + 1, '"');
        at = close == NULL ? NULL : strchr(close, ' ');
    }
    qsort(attrs, n, sizeof(attrs[0]), by_attribute);
    cnc__str_puts(&out, tag);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(attrs[i], to.data) != 0) {
            cnc__str_printf(&out, " %s", attrs[i]);
        }
    }
    cnc__str_puts(&out, xml + end);
    cnc__str_fini(&to);
    cnc__free(tag);
    return cnc__str_steal(&out);
}

static void
hears(struct play *p, const char *who, const char *text)
{
    char *quoted = cnc__strdup(text), *want, *had;
    char *xml = world_hear(p->w, who), *is;

    if (xml == NULL) {
        SCRIPT_FAIL(p, "%s hears nothing", who);
    }
    for (char *q = quoted; (q = strchr(q, '\'')) != NULL;) {
        *q = '"';
    }
    want = sort_attributes(quoted, who);
    had = canonical(p, xml);
    is = sort_attributes(had, who);
    cnc__free(quoted);
    cnc__free(had);
    if (!matches(p, want, is)) {
        SCRIPT_FAIL(p, "\n  wanted %s\n  heard  %s", want, is);
    }
    cnc__free(want);
    cnc__free(xml);
    cnc__free(is);
}

static void
silence(struct play *p)
{
    if (p->w->n_heard > 0) {
        print_error("%s:%u: before this\n", p->path, p->line);
    }
    world_silence(p->w);
}

static void
says(struct play *p, const char *who, const char *text)
{
    struct cnc__str out = CNC__STR;

    while (*text != '\0') { /* %X% */
        size_t plain = strcspn(text, "%");

        cnc__str_add(&out, text, plain);
        text += plain;
        if (*text == '%') {
            size_t len = strcspn(text + 1, "%");
            const char *kept = cnc__table_getn(p->kept, text + 1, len);

            if (kept == NULL) {
                SCRIPT_FAIL(p, "nothing was kept as %.*s", (int)len, text + 1);
            }
            cnc__str_puts(&out, kept);
            text += len + 2;
        }
    }
    silence(p);
    world_say(p->w, cnc__router_session_by_jid(p->w->router, who), who,
              out.data);
    cnc__str_fini(&out);
}

/* -- lines ---------------------------------------------------------------- */

static void
name(struct play *p, const char *who, const char *jid)
{
    cnc__free(cnc__table_put(p->names, who, cnc__strdup(jid)));
}

static void
directive(struct play *p, char *args)
{
    const char *word = strsep(&args, " ");
    struct world *w = p->w;

    if (strcmp(word, "deaf") == 0) {
        world_deaf(w);
        return;
    }
    silence(p);
    if (strcmp(word, "accounts") == 0) {
        while (args != NULL) {
            world_account(w, strsep(&args, " "));
        }
    } else if (strcmp(word, "session") == 0) {
        const char *who = strsep(&args, " ");

        name(p, who, args);
        world_session(w, args);
    } else if (strcmp(word, "far") == 0) {
        const char *who = strsep(&args, " ");

        name(p, who, args);
    } else if (strcmp(word, "end") == 0) {
        world_end(w, cnc__router_session_by_jid(w->router, jid_of(p, args)));
    } else if (strcmp(word, "delete") == 0) {
        world_delete(w, args);
    } else if (strcmp(word, "restart") == 0) {
        world_restart(w);
    } else if (strcmp(word, "without") == 0) {
        while (args != NULL) {
            w->without[w->n_without++] = cnc__strdup(strsep(&args, " "));
        }
    } else if (strcmp(word, "wait") == 0) {
        world_wait(w, strtol(args, NULL, 10) * 1000);
    } else if (strcmp(word, "store") == 0) {
        w->hold = strcmp(args, "hold") == 0;
        w->fail = strcmp(args, "fail") == 0;
        world_flush(w);
    } else {
        SCRIPT_FAIL(p, "what is \"%s\"?", word);
    }
}

static void
do_line(struct play *p, char *line)
{
    size_t len = strcspn(line, "<> ");
    char mark = line[len];
    const char *text = line + len + 1 + (line[len + 1] == ' ');

    if (line[0] == '@') {
        directive(p, line + 2);
        return;
    }
    if (mark != '>' && mark != '<') {
        SCRIPT_FAIL(p, "what is \"%s\"?", line);
    }
    line[len] = '\0';
    if (mark == '>') {
        says(p, jid_of(p, line), text);
    } else {
        hears(p, jid_of(p, line), text);
    }
}

static void
play(const char *path)
{
    struct play p = {.path = path,
                     .w = world_new(),
                     .names = cnc__table_new(),
                     .kept = cnc__table_new()};
    FILE *f = fopen(path, "r");
    char *raw = NULL;
    size_t cap = 0;
    struct cnc__str line = CNC__STR;
    unsigned number = 0;

    assert_non_null(f);
    for (ssize_t len; (len = getline(&raw, &cap, f)) >= 0;) {
        const char *text;

        number++;
        while (len > 0 && (raw[len - 1] == '\n' || raw[len - 1] == ' ')) {
            raw[--len] = '\0';
        }
        text = raw + strspn(raw, " \t");
        if (*text == '\0' || *raw == '#') {
            continue;
        }
        if (text != raw) { /* it goes on */
            if (line.len > 0 && *text != '<') {
                cnc__str_putc(&line, ' ');
            }
            cnc__str_puts(&line, text);
            continue;
        }
        if (line.len > 0) {
            do_line(&p, line.data);
        }
        cnc__str_clear(&line);
        cnc__str_puts(&line, text);
        p.line = number;
    }
    if (line.len > 0) {
        do_line(&p, line.data);
    }
    silence(&p);
    fclose(f);
    cnc__free(raw);
    cnc__str_fini(&line);
    cnc__table_free(&p.names, cnc__free);
    cnc__table_free(&p.kept, cnc__free);
    for (size_t i = 0; i < p.w->n_without; i++) {
        cnc__free((void *)(uintptr_t)p.w->without[i]);
    }
    p.w->n_without = 0;
    p.w->without[0] = NULL;
    world_free(&p.w);
}

static void
play_one(void **state)
{
    play(*state);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct CMUnitTest *)a)->name,
                  ((const struct CMUnitTest *)b)->name);
}

int
main(void)
{
    struct CMUnitTest tests[100] = {{0}};
    size_t n = 0;
    DIR *d = opendir(SCRIPT_DIR);
    int failed;

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        size_t len = strlen(e->d_name);
        struct cnc__str path = CNC__STR;

        if (len < 8 || strcmp(e->d_name + len - 7, ".script") != 0 ||
            n == CNC_N(tests)) {
            continue;
        }
        cnc__str_printf(&path, "%s/%s", SCRIPT_DIR, e->d_name);
        tests[n].name = cnc__strndup(e->d_name, len - 7);
        tests[n].test_func = play_one;
        tests[n].initial_state = cnc__str_steal(&path);
        n++;
    }
    closedir(d);
    qsort(tests, n, sizeof(*tests), by_name);
    failed = n == 0
                 ? 1
                 : _cmocka_run_group_tests("im scripts", tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        cnc__free((void *)(uintptr_t)tests[i].name);
        cnc__free(tests[i].initial_state);
    }
    return failed;
}
