/* SPDX-License-Identifier: MIT */
/*
 * result.c -- see result.h.
 */
#include "result.h"

#include "../xml/write.h"

void
cnc__result_begin(struct cnc__str *out, const char *title)
{
    cnc__xml_printf(out,
                    "<x xmlns='jabber:x:data' type='result'><title>%s</title>",
                    title);
}

void
cnc__result_done(struct cnc__command_reply *reply, struct cnc__str *out,
                 const char *note)
{
    cnc__str_puts(out, "</x>");
    cnc__command_done(reply, NULL, note, out->data);
    cnc__str_fini(out);
}

void
cnc__result_value(struct cnc__str *out, const char *var, const char *label,
                  const char *text)
{
    cnc__xml_printf(out,
                    "<field var='%s' label='%s'><value>%s</value></field>",
                    var, label, text);
}

void
cnc__result_number(struct cnc__str *out, const char *var, const char *label,
                   uint64_t n)
{
    cnc__xml_printf(out,
                    "<field var='%s' label='%s'><value>%llu</value></field>",
                    var, label, (unsigned long long)n);
}

void
cnc__result_lines(struct cnc__str *out, const char *var, const char *label,
                  const char *text)
{
    cnc__xml_printf(out, "<field var='%s' type='text-multi' label='%s'>", var,
                    label);
    for (;;) {
        size_t n = strcspn(text, "\n");

        cnc__xml_printf(out, "<value>%.*s</value>", (int)n, text);
        if (text[n] == '\0') {
            break;
        }
        text += n + 1;
    }
    cnc__str_puts(out, "</field>");
}

void
cnc__result_reported(struct cnc__str *out, const struct cnc__column *columns,
                     size_t n)
{
    cnc__str_puts(out, "<reported>");
    for (size_t i = 0; i < n; i++) {
        cnc__xml_printf(out, "<field var='%s' label='%s'/>", columns[i].var,
                        columns[i].label);
    }
    cnc__str_puts(out, "</reported>");
}

void
cnc__result_cell(struct cnc__str *out, const char *var, const char *text)
{
    cnc__xml_printf(out, "<field var='%s'><value>%s</value></field>", var,
                    text == NULL ? "" : text);
}

void
cnc__result_count(struct cnc__str *out, const char *var, uint64_t n)
{
    cnc__xml_printf(out, "<field var='%s'><value>%llu</value></field>", var,
                    (unsigned long long)n);
}

/* -- in somebody's language ------------------------------------------------
 */

/* What cnc__xml_escape() writes. */
static const struct {
    const char *entity;
    char c;
} entities[] = {{"&amp;", '&'},
                {"&lt;", '<'},
                {"&gt;", '>'},
                {"&#39;", '\''},
                {"&quot;", '"'}};

static char
take_char(const char **s)
{
    for (size_t i = 0; i < CNC_N(entities); i++) {
        size_t len = strlen(entities[i].entity);

        if (strncmp(*s, entities[i].entity, len) == 0) {
            *s += len;
            return entities[i].c;
        }
    }
    return *(*s)++;
}

/* The escaped text of len bytes, translated. */
static void
add_text(struct cnc__str *out, const struct cnc__tr *tr, const char *s,
         size_t len)
{
    struct cnc__str text = CNC__STR;

    for (const char *end = s + len; s < end;) {
        cnc__str_putc(&text, take_char(&s));
    }
    if (text.len > 0) {
        const char *said = cnc__tr(tr, text.data);

        cnc__xml_escape(out, said, strlen(said));
    }
    cnc__str_fini(&text);
}

/* Where the value of a tag's label begins, or NULL. */
static const char *
label_of(const char *tag, const char *end)
{
    static const char name[] = " label='";

    for (size_t len = sizeof(name) - 1; tag + len <= end; tag++) {
        if (memcmp(tag, name, len - 1) == 0 &&
            (tag[len - 1] == '\'' || tag[len - 1] == '"')) {
            return tag + len;
        }
    }
    return NULL;
}

/* One tag, from '<' on; returns where its '>' is. */
static const char *
add_tag(struct cnc__str *out, const struct cnc__tr *tr, const char *s)
{
    const char *end = s + strcspn(s, ">");
    const char *label = label_of(s, end);

    if (label != NULL) {
        size_t len = strcspn(label, (char[]){label[-1], '\0'});

        cnc__str_add(out, s, (size_t)(label - s));
        add_text(out, tr, label, len);
        s = label + len;
        end = s + strcspn(s, ">");
    }
    cnc__str_add(out, s, (size_t)(end - s));
    return end;
}

/* A form, which may stand beside the result, was written in that language
 * already, and has labels that are somebody's records. */
static size_t
form_len(const char *s)
{
    static const char close[] = "</x>";
    const char *type, *end;

    if (strncmp(s, "<x ", 3) != 0) {
        return 0;
    }
    end = s + strcspn(s, ">");
    type = strstr(s, " type=");
    if (type == NULL || type > end || strncmp(type + 7, "form", 4) != 0) {
        return 0;
    }
    end = strstr(end, close);
    return end == NULL ? 0 : (size_t)(end - s) + sizeof(close) - 1;
}

void
cnc__result_tr(struct cnc__str *out, const struct cnc__tr *tr, const char *xml)
{
    const char *s = xml == NULL ? "" : xml;

    if (tr == NULL) {
        cnc__str_puts(out, s);
        return;
    }
    while (*s != '\0') {
        bool title = strncmp(s, "<title>", 7) == 0;
        size_t n = form_len(s);

        if (n > 0) {
            cnc__str_add(out, s, n);
            s += n;
            continue;
        }

        s = *s == '<' ? add_tag(out, tr, s) : s;
        n = strcspn(s, "<"); /* with the '>' */
        if (title && n > 1) {
            cnc__str_putc(out, '>');
            add_text(out, tr, s + 1, n - 1);
        } else {
            cnc__str_add(out, s, n);
        }
        s += n;
    }
}
