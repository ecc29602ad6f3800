/* SPDX-License-Identifier: MIT */
/*
 * script.c -- plays tests/protocol/pubsub/NAME.script.
 *
 *   # comment
 *   @ session NAME JID [guest|operator]
 *   @ far NAME JID                 somebody of another domain, by a peer
 *   @ end NAME
 *   @ store hold | fail | work | flush
 *   @ restart                      sessions must be made anew
 *   NAME> a stanza that NAME sends
 *   NAME< a stanza that NAME hears; all that is heard by anybody must be
 *         named, in the order it was sent
 *
 * Lines that begin with white space go on.  A stanza without `to` goes to the
 * service.  In what is heard, from='the service', to='the hearer' and the
 * text of errors need not be written; %any% matches anything, %=X% keeps what
 * it matches, %X% is what was kept.
 */
#include "world.h"

#include <dirent.h>
#include <stdio.h>

#include "../../../src/xml/write.h"

#define NS_STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"

struct play {
    struct world *w;
    const char *path;
    unsigned line;
    struct cnc__table *sessions; /* name -> struct cnc__session */
    struct cnc__table *far_;     /* name -> JID */
    struct cnc__table *kept;     /* name -> text */
};

#define SCRIPT_FAIL(p, ...)                                                   \
    do {                                                                      \
        print_error("%s:%u: ", (p)->path, (p)->line);                         \
        print_error(__VA_ARGS__);                                             \
        print_error("\n");                                                    \
        fail();                                                               \
    } while (0)

static struct cnc__session *
session(struct play *p, const char *name)
{
    struct cnc__session *s = cnc__table_get(p->sessions, name);
    if (s == NULL) {
        SCRIPT_FAIL(p, "there is no session %s", name);
    }
    return s;
}

/* -- comparing ------------------------------------------------------------ */

/* Canonical text (double quotes, declarations first) without what goes
 * without saying. */
static char *
canonical(struct play *p, const char *xml, const char *hearer)
{
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};
    struct cnc__str whole = CNC__STR;
    size_t name = 1 + strcspn(xml + 1, " >/");
    cnc__str_add(&whole, xml, name);
    cnc__str_puts(&whole, " xmlns='jabber:client'");
    cnc__str_puts(&whole, xml + name);
    if (cnc_xml_parse(&e, whole.data, whole.len, CNC_PARSE_THAW, NULL, &err) !=
        0) {
        SCRIPT_FAIL(p, "%s: %s", err.text, whole.data);
    }
    const char *from = cnc_element_attr(e, NULL, "from");
    const char *to = cnc_element_attr(e, NULL, "to");
    if (from != NULL && strcmp(from, DOMAIN) == 0) {
        cnc_element_set_attr(e, NULL, "from", NULL, NULL);
    }
    if (to != NULL && strcmp(to, hearer) == 0) {
        cnc_element_set_attr(e, NULL, "to", NULL, NULL);
    }
    struct cnc_element *error = cnc_element_child(e, NULL, "error");
    for (size_t i = 0; error != NULL && i < cnc_element_n_children(error);
         i++) {
        struct cnc_child c = cnc_element_child_at(error, i);
        if (c.kind == CNC_ELEMENT &&
            cnc_element_is(c.element, NS_STANZAS, "text")) {
            cnc_element_remove(error, i, 1, NULL);
        }
    }
    struct cnc__str out = CNC__STR;
    cnc__xml_write(&out, e, "jabber:client", 0);
    /* The declaration that was put in above is kept: out with it. */
    const char declared[] = " xmlns=\"jabber:client\"";
    char *at = strstr(out.data, declared);
    if (at != NULL && at < strchr(out.data, '>')) {
        memmove(at, at + sizeof(declared) - 1,
                strlen(at + sizeof(declared) - 1) + 1);
    }
    char *text = cnc__str_steal(&out);
    cnc_element_unref(&e);
    cnc__str_fini(&whole);
    return text;
}

static bool
matches(struct play *p, const char *want, const char *is)
{
    for (; *want != '\0'; want++, is++) {
        if (*want != '%') {
            if (*want != *is) {
                return false;
            }
            continue;
        }
        const char *end = strchr(want + 1, '%');
        if (end == NULL) {
            SCRIPT_FAIL(p, "a %% without its end");
        }
        char *name = cnc__strndup(want + 1, (size_t)(end - want - 1));
        bool any = strcmp(name, "any") == 0, keep = name[0] == '=';
        const char *kept = any || keep ? NULL : cnc__table_get(p->kept, name);
        bool right = false;
        if (any || keep) { /* the shortest that fits */
            for (size_t n = 0; !right && n <= strlen(is); n++) {
                if (keep) { /* the rest of the line may ask for it */
                    cnc__free(cnc__table_put(p->kept, name + 1,
                                             cnc__strndup(is, n)));
                }
                right = matches(p, end + 1, is + n);
            }
            cnc__free(name);
            return right;
        }
        if (kept == NULL) {
            SCRIPT_FAIL(p, "nothing was kept as %s", name);
        }
        cnc__free(name);
        if (strncmp(is, kept, strlen(kept)) != 0) {
            return false;
        }
        is += strlen(kept) - 1;
        want = end;
    }
    return *is == '\0';
}

static void
hears(struct play *p, const char *jid, const char *text)
{
    char *want = cnc__strdup(text);
    for (char *q = want; (q = strchr(q, '\'')) != NULL;) {
        *q = '"';
    }
    char *is = canonical(p, world_hear_jid(p->w, jid), jid);
    if (!matches(p, want, is)) {
        SCRIPT_FAIL(p, "\n  wanted %s\n  heard  %s", want, is);
    }
    cnc__free(want);
    cnc__free(is);
}

static void
says(struct play *p, const char *name, const char *text)
{
    const char *jid = cnc__table_get(p->far_, name);
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
    world_silence(p->w);
    if (jid != NULL) {
        world_far(p->w, jid, "%s", out.data);
    } else {
        world_say(p->w, session(p, name), "%s", out.data);
    }
    cnc__str_fini(&out);
}

/* -- lines ---------------------------------------------------------------- */

static void
directive(struct play *p, char *args)
{
    const char *word = strsep(&args, " ");
    struct world *w = p->w;
    if (strcmp(word, "session") == 0) {
        const char *name = strsep(&args, " ");
        char *bare = strsep(&args, " ");
        char *resource = strchr(bare, '/');
        *resource++ = '\0';
        bool guest = args != NULL && strcmp(args, "guest") == 0;
        bool operator_ = args != NULL && strcmp(args, "operator") == 0;
        cnc__table_put(p->sessions, name,
                       world_session(w, bare, resource, guest, operator_));
    } else if (strcmp(word, "far") == 0) {
        const char *name = strsep(&args, " ");
        cnc__free(cnc__table_put(p->far_, name, cnc__strdup(args)));
    } else if (strcmp(word, "end") == 0) {
        world_end(w, session(p, args));
        cnc__table_del(p->sessions, args);
    } else if (strcmp(word, "restart") == 0) {
        world_silence(w);
        world_restart(w);
        cnc__table_free(&p->sessions, NULL);
        p->sessions = cnc__table_new();
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
    if (line[0] == '@') {
        directive(p, line + 2);
        return;
    }
    size_t name = strcspn(line, "<> ");
    char mark = line[name];
    if (mark != '>' && mark != '<') {
        SCRIPT_FAIL(p, "what is \"%s\"?", line);
    }
    line[name] = '\0';
    const char *text = line + name + 1 + (line[name + 1] == ' ');
    if (mark == '>') {
        says(p, line, text);
    } else {
        const char *far_ = cnc__table_get(p->far_, line);
        hears(p, far_ != NULL ? far_ : session(p, line)->jid, text);
    }
}

static void
play(const char *path)
{
    struct play p = {.path = path,
                     .w = world_new(),
                     .sessions = cnc__table_new(),
                     .far_ = cnc__table_new(),
                     .kept = cnc__table_new()};
    FILE *f = fopen(path, "r");
    char *raw = NULL;
    size_t cap = 0;
    struct cnc__str line = CNC__STR;
    unsigned number = 0;
    assert_non_null(f);
    for (ssize_t len; (len = getline(&raw, &cap, f)) >= 0;) {
        number++;
        while (len > 0 && (raw[len - 1] == '\n' || raw[len - 1] == ' ')) {
            raw[--len] = '\0';
        }
        const char *text = raw + strspn(raw, " \t");
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
    world_silence(p.w);
    fclose(f);
    cnc__free(raw);
    cnc__str_fini(&line);
    cnc__table_free(&p.sessions, NULL);
    cnc__table_free(&p.far_, cnc__free);
    cnc__table_free(&p.kept, cnc__free);
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
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        size_t len = strlen(e->d_name);
        if (len < 8 || strcmp(e->d_name + len - 7, ".script") != 0 ||
            n == CNC_N(tests)) {
            continue;
        }
        struct cnc__str path = CNC__STR;
        cnc__str_printf(&path, "%s/%s", SCRIPT_DIR, e->d_name);
        tests[n].name = cnc__strndup(e->d_name, len - 7);
        tests[n].test_func = play_one;
        tests[n].initial_state = cnc__str_steal(&path);
        n++;
    }
    closedir(d);
    qsort(tests, n, sizeof(*tests), by_name);
    int failed = n == 0 ? 1
                        : _cmocka_run_group_tests("pubsub scripts", tests, n,
                                                  NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        cnc__free((void *)(uintptr_t)tests[i].name);
        cnc__free(tests[i].initial_state);
    }
    return failed;
}
