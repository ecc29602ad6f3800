/* SPDX-License-Identifier: MIT */
/*
 * console.c -- `concordctl console`: one's own session, stanza by stanza.
 *
 * On a terminal libedit edits the line and keeps its history; lines of a pipe
 * are taken as they are, which makes scripts.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <editline/readline.h>

#include "../xml/write.h"
#include "console.h"
#include "ctl.h"

#define MAX_LOG   1000
#define LINGER_MS 1000 /* after a pipe's end: for answers still under way */

struct entry {
    uint64_t n;
    bool in;
    char when[16];
    struct cnc_element *stanza;
};

struct console {
    struct ctl *ctl;
    bool terminal, colour, done, ended;
    bool again;                    /* a line was taken: another prompt */
    struct entry log[MAX_LOG];     /* a ring: entry n is at n % MAX_LOG */
    uint64_t n_log, n_id, waiting; /* waiting: IQs without an answer yet */
    char only[16];                 /* of :only; "" for all */
    struct cnc__str typed;         /* XML that goes on over lines */
    struct cnc__str fill;          /* goes into the edit line */
    int code;
};

static struct console *the; /* libedit's callbacks have no argument */

/* -- shown -------------------------------------------------------------------
 */

static void
show(const struct console *c, const struct entry *e)
{
    struct cnc__str out = CNC__STR;

    cnc__str_printf(&out, "%s%s %s #%llu%s\n",
                    c->colour ? e->in ? "\033[1;32m" : "\033[1;35m" : "",
                    e->in ? "<--" : "-->", e->when, (unsigned long long)e->n,
                    c->colour ? "\033[0m" : "");
    console_write(&out, e->stanza, c->colour);
    fputs(out.data, stdout);
    cnc__str_fini(&out);
}

static bool
wanted(const struct console *c, const struct entry *e)
{
    return c->only[0] == '\0' ||
           strcmp(c->only, cnc_element_name(e->stanza)) == 0 ||
           (strcmp(c->only, "in") == 0 && e->in) ||
           (strcmp(c->only, "out") == 0 && !e->in);
}

static void
keep(struct console *c, const struct cnc_element *stanza, bool in)
{
    struct entry *e = &c->log[++c->n_log % MAX_LOG];
    time_t now = time(NULL);
    struct tm tm;

    cnc_element_unref(&e->stanza);
    e->n = c->n_log;
    e->in = in;
    e->stanza = cnc_element_ref(stanza);
    strftime(e->when, sizeof(e->when), "%H:%M:%S", localtime_r(&now, &tm));
    if (wanted(c, e)) {
        if (c->terminal) {
            fputs("\r\033[K", stdout);
        }
        show(c, e);
    }
}

static void
keep_sent(struct console *c, const char *xml, size_t len)
{
    struct cnc_element *e = NULL;

    if (cnc_xml_parse(&e, xml, len, 0, NULL, NULL) == 0) {
        const char *type = cnc_element_attr(e, NULL, "type");

        if (strcmp(cnc_element_name(e), "iq") == 0 && type != NULL &&
            (strcmp(type, "get") == 0 || strcmp(type, "set") == 0)) {
            c->waiting++;
        }
        keep(c, e, false);
    }
    cnc_element_unref(&e);
}

/* Each entry of the log, oldest first. */
static struct entry *
each(struct console *c, uint64_t *n)
{
    uint64_t first = c->n_log < MAX_LOG ? 1 : c->n_log - MAX_LOG + 1;

    *n = *n < first ? first : *n + 1;
    return *n > c->n_log ? NULL : &c->log[*n % MAX_LOG];
}

static void
search(struct console *c, const char *word)
{
    struct entry *e;
    size_t found = 0;

    for (uint64_t n = 0; (e = each(c, &n)) != NULL;) {
        struct cnc__str text = CNC__STR;

        console_write(&text, e->stanza, false);
        if (strcasestr(text.data, word) != NULL) {
            show(c, e);
            found++;
        }
        cnc__str_fini(&text);
    }
    printf("%zu found\n", found);
}

/* -- sent --------------------------------------------------------------------
 */

static void
next_id(struct console *c, char out[32])
{
    snprintf(out, 32, "console-%llu", (unsigned long long)++c->n_id);
}

static void
fail(struct console *c, const struct cnc_error *err)
{
    c->code = ctl_fail(err);
    c->done = true;
}

/* Lines up to the end of a stanza. */
static void
take_xml(struct console *c, const char *line)
{
    struct cnc__str out = CNC__STR;
    struct cnc_error err = {0};
    char id[32];

    if (c->typed.len > 0) {
        cnc__str_putc(&c->typed, '\n');
    }
    cnc__str_puts(&c->typed, line);
    next_id(c, id);
    switch (console_check(&out, c->typed.data, c->typed.len, id, &err)) {
    case CONSOLE_MORE:
        if (line[0] != '\0') {
            return;
        }
        /* An empty line gives it up. */
        printf("not sent: %s\n", err.text);
        break;
    case CONSOLE_BAD:
        printf("not sent: line %u, column %u: %s\n", err.line, err.column,
               err.text);
        c->code = c->terminal ? 0 : 1;
        break;
    case CONSOLE_GOOD:
        if (cnc__client_send(c->ctl->client, out.data, out.len, &err) != 0) {
            fail(c, &err);
        } else {
            keep_sent(c, out.data, out.len);
        }
        break;
    }
    cnc__str_clear(&c->typed);
    cnc__str_fini(&out);
}

/* -- commands
 * ------------------------------------------------------------------ */

static void
list_templates(void)
{
    for (const struct console_template *t = console_templates; t->name != NULL;
         t++) {
        struct cnc__str words = CNC__STR;

        for (size_t i = 0; t->words[i].name != NULL; i++) {
            cnc__str_printf(&words, " %s", t->words[i].name);
        }
        printf("  :t %-13s%-16s  %s\n", t->name, cnc__str_c(&words), t->label);
        cnc__str_fini(&words);
    }
}

/* ":t NAME WORD...": into the edit line, or, without one, off it goes. */
static void
use_template(struct console *c, char *rest)
{
    const struct console_template *t;
    char *words[CONSOLE_WORDS + 1], *save = NULL, id[32];
    struct cnc__str xml = CNC__STR;
    size_t n = 0;

    for (char *w = strtok_r(rest, " \t", &save); w != NULL && n < CNC_N(words);
         w = strtok_r(NULL, " \t", &save)) {
        words[n++] = w;
    }
    t = n == 0 ? NULL : console_template(words[0]);
    if (t == NULL) {
        printf("there is no such template; :list shows them\n");
        return;
    }
    next_id(c, id);
    console_fill(&xml, t, n - 1, words + 1, cnc__client_domain(c->ctl->client),
                 cnc__client_jid(c->ctl->client), id);
    if (c->terminal) {
        cnc__str_clear(&c->fill);
        cnc__str_puts(&c->fill, xml.data);
    } else {
        take_xml(c, xml.data);
    }
    cnc__str_fini(&xml);
}

static void
only(struct console *c, const char *what)
{
    static const char *const all[] = {"iq", "message", "presence", "in",
                                      "out"};

    c->only[0] = '\0';
    for (size_t i = 0; i < CNC_N(all); i++) {
        if (strcmp(what, all[i]) == 0) {
            snprintf(c->only, sizeof(c->only), "%s", what);
        }
    }
    if (c->only[0] == '\0' && what[0] != '\0' && strcmp(what, "all") != 0) {
        printf("there are iq, message, presence, in, out and all; not %s\n",
               what);
    }
    printf("shown: %s\n", c->only[0] == '\0' ? "all" : c->only);
}

static void
take_command(struct console *c, char *line)
{
    char *rest = line + strcspn(line, " \t");

    if (*rest != '\0') {
        *rest++ = '\0';
    }
    if (strcmp(line, ":quit") == 0 || strcmp(line, ":q") == 0) {
        c->done = true;
    } else if (strcmp(line, ":list") == 0) {
        list_templates();
    } else if (strcmp(line, ":t") == 0) {
        use_template(c, rest);
    } else if (strcmp(line, ":only") == 0) {
        only(c, rest);
    } else if (strcmp(line, ":me") == 0) {
        printf("%s\n", cnc__client_jid(c->ctl->client));
    } else {
        printf("  <iq ...>      XML is checked and sent; an empty line gives "
               "it up\n"
               "  /WORD         show again what has the word in it\n"
               "  :list         the stanza templates\n"
               "  :t NAME ...   fill one in\n"
               "  :only KIND    show iq, message, presence, in, out; or all\n"
               "  :me           who I am\n"
               "  :quit\n");
    }
}

static void
take_line(struct console *c, char *line)
{
    if (c->typed.len > 0) {
        take_xml(c, line);
        return;
    }
    line += strspn(line, " \t");
    if (line[0] == '/') {
        search(c, line + 1);
    } else if (line[0] == ':') {
        take_command(c, line);
    } else if (line[0] != '\0') {
        take_xml(c, line);
    }
}

/* -- lines
 * ---------------------------------------------------------------------- */

static void
on_line(char *line)
{
    if (line == NULL) { /* Ctrl-D */
        the->done = true;
        return;
    }
    if (line[0] != '\0') {
        add_history(line);
    }
    take_line(the, line);
    cnc__free(line); /* base frees as libedit took it */
    the->again = true;
}

/* The prompt, and in it what a template gave. */
static void
prompt(struct console *c)
{
    rl_callback_handler_install(c->typed.len > 0 ? "... " : "> ", on_line);
    if (c->fill.len > 0) {
        rl_insert_text(c->fill.data);
        rl_forced_update_display();
        cnc__str_clear(&c->fill);
    }
}

/* A pipe's bytes; whole lines are taken. */
static void
read_pipe(struct console *c, struct cnc__str *pipe)
{
    char bytes[4096];
    ssize_t n = read(0, bytes, sizeof(bytes));
    char *end;

    if (n < 0 && errno == EINTR) {
        return;
    }
    if (n <= 0) {
        c->ended = true;
        if (pipe->len > 0) {
            take_line(c, pipe->data);
        }
        if (c->typed.len > 0) {
            take_xml(c, "");
            c->code = 1;
        }
        return;
    }
    cnc__str_add(pipe, bytes, (size_t)n);
    while (!c->done && (end = memchr(pipe->data, '\n', pipe->len)) != NULL) {
        size_t len = (size_t)(end - pipe->data);
        char *line = cnc__strndup(pipe->data, len);

        cnc__str_drop(pipe, len + 1);
        take_line(c, line);
        cnc__free(line);
    }
}

/* -- the stream
 * -------------------------------------------------------------------- */

static void
heard(struct console *c, const struct cnc_element *e)
{
    struct cnc__str said = CNC__STR;
    struct cnc_error err = {0};
    const char *type = cnc_element_attr(e, NULL, "type");

    if (strcmp(cnc_element_name(e), "iq") == 0 && type != NULL &&
        (strcmp(type, "result") == 0 || strcmp(type, "error") == 0) &&
        c->waiting > 0) {
        c->waiting--;
    }
    keep(c, e, true);
    if (cnc__client_answer(c->ctl->client, e, &said, &err)) {
        keep_sent(c, said.data, said.len);
    }
    cnc__str_fini(&said);
}

static void
hear(struct console *c)
{
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};
    int rc;

    while ((rc = cnc__client_any(c->ctl->client, &e, 0, &err)) == 0) {
        heard(c, e);
        cnc_element_unref(&e);
    }
    if (rc != CNC_EAGAIN) {
        fail(c, &err);
    }
}

static void
loop(struct console *c, struct cnc__str *pipe)
{
    struct pollfd p[2] = {
        {.fd = 0, .events = POLLIN},
        {.fd = cnc__client_fd(c->ctl->client), .events = POLLIN}};

    while (!c->done) {
        int n;

        fflush(stdout);
        p[0].fd = c->ended ? -1 : 0;
        n = poll(p, 2, c->ended ? LINGER_MS : -1);
        if (n < 0 && errno != EINTR) {
            return;
        }
        if (n == 0 && c->ended) {
            return;
        }
        if (n > 0 && p[1].revents != 0) {
            hear(c);
            if (c->terminal && !c->done) {
                rl_forced_update_display();
            }
        }
        if (c->ended && c->waiting == 0) {
            return;
        }
        if (n > 0 && p[0].revents != 0 && !c->done) {
            if (c->terminal) {
                rl_callback_read_char();
                if (c->again && !c->done) {
                    c->again = false;
                    prompt(c);
                }
            } else {
                read_pipe(c, pipe);
            }
        }
    }
}

static int
console(struct ctl *ctl, int argc, char **argv)
{
    struct console *c = cnc__zalloc(sizeof(*c));
    const char *plain = getenv("NO_COLOR");
    struct cnc__str pipe = CNC__STR;
    int code;

    c->ctl = ctl;
    c->terminal = isatty(0) && isatty(1);
    c->colour = isatty(1) && (plain == NULL || plain[0] == '\0');
    the = c;
    if (c->terminal) {
        printf("You are %s. :help says what there is.\n",
               cnc__client_jid(ctl->client));
        stifle_history(500);
        prompt(c);
    }
    loop(c, &pipe);
    if (c->terminal) {
        rl_callback_handler_remove();
        fputc('\n', stdout);
    }
    for (size_t i = 0; i < MAX_LOG; i++) {
        cnc_element_unref(&c->log[i].stanza);
    }
    code = c->code;
    cnc__str_fini(&c->typed);
    cnc__str_fini(&c->fill);
    cnc__str_fini(&pipe);
    cnc__free(c);
    return code;
}

const struct ctl_command ctl_console[] = {
    {"console", "", "see and send the stanzas of a session of one's own",
     "Shows every stanza; XML that is typed is checked and sent; :help says "
     "more.\nLines of a pipe are taken too: the answers to them are waited "
     "for.\n",
     0, 0, false, console},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
