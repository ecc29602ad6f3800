/* SPDX-License-Identifier: MIT */
/*
 * console-fill.c -- stanza templates, and what a person typed.
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "console.h"

const struct console_template console_templates[] = {
#include "stanzas.h"
    {NULL, NULL, NULL, {{NULL, NULL}}},
};

const struct console_template *
console_template(const char *name)
{
    for (const struct console_template *t = console_templates; t->name != NULL;
         t++) {
        if (strcmp(t->name, name) == 0) {
            return t;
        }
    }
    return NULL;
}

struct filling {
    const struct console_template *t;
    size_t n_words;
    char *const *words;
    const char *domain, *me, *id;
};

static bool
is(const char *name, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(name, word, len) == 0;
}

static const char *
value_of(const struct filling *f, const char *name, size_t len)
{
    for (size_t i = 0; f->t->words[i].name != NULL; i++) {
        const char *value = f->t->words[i].value;

        if (is(name, len, f->t->words[i].name)) {
            return i < f->n_words                   ? f->words[i]
                   : strcmp(value, "{domain}") == 0 ? f->domain
                                                    : value;
        }
    }
    return is(name, len, "domain") ? f->domain
           : is(name, len, "me")   ? f->me
                                   : f->id;
}

/* From s to end; false when a word in it is empty. */
static bool
fill(struct cnc__str *out, const struct filling *f, const char *s,
     const char *end)
{
    bool whole = true;

    while (s < end) {
        if (*s == '{') {
            size_t len = strcspn(s, "}");
            const char *value = value_of(f, s + 1, len - 1);

            whole = whole && value[0] != '\0';
            cnc__xml_printf(out, "%s", value);
            s += len + 1;
        } else {
            cnc__str_putc(out, *s++);
        }
    }
    return whole;
}

void
console_fill(struct cnc__str *out, const struct console_template *t,
             size_t n_words, char *const *words, const char *domain,
             const char *me, const char *id)
{
    const struct filling f = {t, n_words, words, domain, me, id};
    const char *s = t->xml;

    while (*s != '\0') {
        size_t len = strcspn(s, "[");
        size_t was;

        fill(out, &f, s, s + len);
        s += len;
        if (*s == '[') {
            len = strcspn(s, "]");
            was = out->len;
            if (!fill(out, &f, s + 1, s + len)) {
                out->len = was;
                out->data[was] = '\0';
            }
            s += len + 1;
        }
    }
}

/* -- what was typed ---------------------------------------------------------
 */

static int
keep(struct cnc_element *e, void *priv)
{
    *(struct cnc_element **)priv = cnc_element_ref(e);
    return 0;
}

static enum console_typed
parse(struct cnc_element **out, const char *text, size_t len,
      struct cnc_error *err)
{
    static const struct cnc_parser_events events = {NULL, keep, NULL};
    struct cnc_parser *p =
        cnc_parser_new(CNC_PARSE_DOCUMENT, 0, NULL, &events, out);
    enum console_typed typed = cnc_parser_feed(p, text, len, err) != 0
                                   ? CONSOLE_BAD
                               : cnc_parser_end(p, err) != 0 ? CONSOLE_MORE
                                                             : CONSOLE_GOOD;

    cnc_parser_free(&p);
    return typed;
}

enum console_typed
console_check(struct cnc__str *out, const char *text, size_t len,
              const char *id, struct cnc_error *err)
{
    struct cnc_element *e = NULL;
    enum console_typed typed;
    const char *name;

    /* The parser takes bytes; a terminal may hand on half a character. */
    if (!cnc__utf8_valid(text, len)) {
        cnc_error_set(err, CNC_ESYNTAX, NULL, "that is not UTF-8");
        return CONSOLE_BAD;
    }
    typed = parse(&e, text, len, err);
    if (typed == CONSOLE_GOOD) {
        const char *ns = cnc_element_ns(e);

        name = cnc_element_name(e);
        if ((ns[0] == '\0' || strcmp(ns, "jabber:client") == 0) &&
            strcmp(name, "iq") != 0 && strcmp(name, "message") != 0 &&
            strcmp(name, "presence") != 0) {
            cnc_error_set(err, CNC_EPROTO, NULL,
                          "a stanza is an iq, a message or a presence; <%s/> "
                          "needs a namespace of its own",
                          name);
            typed = CONSOLE_BAD;
        } else if (strcmp(name, "iq") == 0 &&
                   cnc_element_attr(e, NULL, "id") == NULL) {
            const char *at = memchr(text, '<', len);
            size_t head = (size_t)(at - text) + 3; /* "<iq" */

            cnc__str_add(out, text, head);
            cnc__xml_printf(out, " id='%s'", id);
            cnc__str_add(out, text + head, len - head);
        } else {
            cnc__str_add(out, text, len);
        }
    }
    cnc_element_unref(&e);
    return typed;
}
