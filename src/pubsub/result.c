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
