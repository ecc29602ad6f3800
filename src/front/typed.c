/* SPDX-License-Identifier: MIT */
/*
 * typed.c -- what was typed into a form, as a form that can be sent again:
 * field by field, without what may be a password, without files.
 */
#include "../web/web.h"
#include "../xml/write.h"
#include "impl.h"

#define MAX_FIELDS 256
#define LONG       60 /* bytes of a value that gets more than a line */

struct typed {
    struct cnc__str *out;
    struct cnc__str name, value; /* of the part that is read */
    bool is_file, has_id, has_files, has_texts;
    unsigned n;
};

static int
add_field(const char *name, const char *value, void *priv)
{
    struct typed *t = priv;
    unsigned n = ++t->n;

    if (strcmp(name, CNC__FORM_ID) == 0) {
        t->has_id = value[0] != '\0';
    }
    if (strncmp(name, "concordance#", 12) == 0) {
        if (value[0] != '\0') {
            cnc__xml_printf(t->out,
                            "<input type=\"hidden\" name=\"%s\" "
                            "value=\"%s\">",
                            name, value);
        }
        return 0;
    }
    t->has_texts = true;
    cnc__xml_printf(t->out, "<p><label for=\"f%u\">%s</label>", n, name);
    if (strlen(value) > LONG || strpbrk(value, "\r\n") != NULL) {
        /* A parser of HTML drops the first end of line. */
        cnc__xml_printf(t->out,
                        "<textarea id=\"f%u\" name=\"%s\" rows=\"8\">\n"
                        "%s</textarea></p>",
                        n, name, value);
    } else {
        cnc__xml_printf(t->out,
                        "<input id=\"f%u\" name=\"%s\" value=\"%s\"></p>", n,
                        name, value);
    }
    return 0;
}

/* -- multipart ------------------------------------------------------------
 */

static int
on_begin(const struct cnc__multipart_part *part, void *priv)
{
    struct typed *t = priv;

    t->is_file = part->filename != NULL;
    cnc__str_clear(&t->name);
    cnc__str_clear(&t->value);
    cnc__str_puts(&t->name, part->name);
    if (t->is_file) { /* its end may not be here */
        t->n++;
        t->has_files = true;
        cnc__xml_printf(t->out,
                        "<p><label for=\"f%u\">%s</label><input id=\"f%u\" "
                        "type=\"file\" name=\"%s\"></p>",
                        t->n, part->name, t->n, part->name);
    }
    return 0;
}

static int
on_data(const char *data, size_t len, void *priv)
{
    struct typed *t = priv;

    if (!t->is_file) {
        cnc__str_add(&t->value, data, len);
    }
    return 0;
}

static int
on_end(void *priv)
{
    struct typed *t = priv;

    return t->is_file ? 0 : add_field(t->name.data, cnc__str_c(&t->value), t);
}

static void
read_parts(struct typed *t, const char *type, const struct cnc__str *body)
{
    static const struct cnc__multipart_events events = {on_begin, on_data,
                                                        on_end};
    struct cnc__multipart *m =
        cnc__multipart_new(type, MAX_FIELDS, &events, t);

    if (m != NULL) {
        /* What is here of it. */
        (void)cnc__multipart_feed(m, cnc__str_c(body), body->len);
        cnc__multipart_free(&m);
    }
}

/* -- the form -------------------------------------------------------------
 */

bool
cnc__ftyped_form(struct cnc__str *out, const struct cnc__exchange *x,
                 bool *files)
{
    const struct cnc__tr *tr = cnc__fdown_tr(x);
    const char *type = cnc__front_header(x->r, "content-type");
    const struct cnc__str *body = x->head.len > 0 ? &x->head : &x->body;
    struct cnc__str fields = CNC__STR;
    struct typed t = {.out = &fields};
    bool parts = cnc__multipart_is(type), ok;

    if (parts) {
        read_parts(&t, type, body);
    } else if (cnc__web_is_urlencoded(type)) {
        (void)cnc__http_form_parse(cnc__str_c(body), body->len, MAX_FIELDS,
                                   add_field, &t);
    }
    ok = t.has_texts || t.n > 0;
    *files = t.has_files;
    if (ok) {
        cnc__xml_printf(out, "<form method=\"post\" action=\"%s\"%pR>",
                        x->r->target,
                        parts ? " enctype=\"multipart/form-data\"" : "");
        if (!t.has_id) {
            cnc__xml_printf(out,
                            "<input type=\"hidden\" name=\"" CNC__FORM_ID
                            "\" value=\"%s\">",
                            x->item);
        }
        cnc__str_add(out, fields.data, fields.len);
        cnc__xml_printf(out, "<p><button>%s</button></p></form>",
                        cnc__tr(tr, "Send again"));
    }
    cnc__str_fini(&fields);
    cnc__str_fini(&t.name);
    cnc__str_fini(&t.value);
    return ok;
}
