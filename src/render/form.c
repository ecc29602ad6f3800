/* SPDX-License-Identifier: MIT */
/* form.c -- a XEP-0004 form as the HTML form of docs/protocol.md. */
#include "convert.h"

#define NS_DATA     "jabber:x:data"
#define NS_VALIDATE "http://jabber.org/protocol/xdata-validate"
#define NS_FORM     "http://concordance-xmpp.org/ns/form"
#define MAX_ATTRS   20

/* An element under way: attributes are gathered, then it is opened. */
struct tag {
    struct cnc__attr_in attrs[MAX_ATTRS];
    size_t n;
};

struct form {
    struct cnc__rbuild *b;
    struct cnc__str id;      /* form-NODE */
    struct cnc__str control; /* form-NODE-FIELD */
    struct cnc__str help, error, described;
};

struct field { /* borrowed or *new* texts of one <field/> */
    const xmlNode *node;
    char *var, *type, *label, *help, *error, *value, *datatype;
    char *min, *max, *regex;
    bool required;
};

static bool
is(const xmlNode *n, const char *ns, const char *name)
{
    return n->type == XML_ELEMENT_NODE && n->ns != NULL &&
           strcmp((const char *)n->ns->href, ns) == 0 &&
           strcmp((const char *)n->name, name) == 0;
}

static const xmlNode *
child(const xmlNode *n, const char *ns, const char *name)
{
    for (n = n == NULL ? NULL : n->children; n != NULL; n = n->next) {
        if (is(n, ns, name)) {
            return n;
        }
    }
    return NULL;
}

static char *
text_of(const xmlNode *n)
{
    return n == NULL ? NULL : (char *)xmlNodeGetContent((xmlNodePtr)n);
}

static char *
attr(const xmlNode *n, const char *name)
{
    return n == NULL
               ? NULL
               : (char *)xmlGetNoNsProp((xmlNodePtr)n, (const xmlChar *)name);
}

static void
add(struct tag *t, const char *name, const char *value)
{
    if (value != NULL) {
        CNC_CHECK(t->n < MAX_ATTRS);
        t->attrs[t->n++] = (struct cnc__attr_in){name, value};
    }
}

static void
open_tag(struct form *f, const char *name, struct tag *t)
{
    cnc__rbuild_open(f->b, name, t->attrs, t->n);
}

static void
close_tag(struct form *f)
{
    cnc__rbuild_close(f->b);
}

static void
put_text(struct form *f, const char *text)
{
    if (text != NULL) {
        cnc__rbuild_text(f->b, text, strlen(text));
    }
}

static void
whole(struct form *f, const char *name, struct tag *t, const char *text)
{
    open_tag(f, name, t);
    put_text(f, text);
    close_tag(f);
}

static const char *
set_id(struct cnc__str *s, const char *a, const char *b, const char *c)
{
    cnc__str_clear(s);
    cnc__str_puts(s, a);
    cnc__str_puts(s, b);
    cnc__str_puts(s, c);
    return s->data;
}

/* -- reading a field ----------------------------------------------------- */

static void
read_field(struct field *d, const xmlNode *n)
{
    memset(d, 0, sizeof(*d));
    d->node = n;
    d->var = attr(n, "var");
    d->type = attr(n, "type");
    d->label = attr(n, "label");
    d->help = text_of(child(n, NS_DATA, "desc"));
    d->error = text_of(child(n, NS_FORM, "error"));
    d->value = text_of(child(n, NS_DATA, "value"));
    d->required = child(n, NS_DATA, "required") != NULL;
    const xmlNode *v = child(n, NS_VALIDATE, "validate");
    d->datatype = attr(v, "datatype");
    const xmlNode *range = child(v, NS_VALIDATE, "range");
    d->min = attr(range, "min");
    d->max = attr(range, "max");
    d->regex = text_of(child(v, NS_VALIDATE, "regex"));
}

static void
free_field(struct field *d)
{
    char *all[] = {d->var,   d->type,     d->label, d->help, d->error,
                   d->value, d->datatype, d->min,   d->max,  d->regex};
    for (size_t i = 0; i < CNC_N(all); i++) {
        xmlFree(all[i]);
    }
}

static bool
type_is(const struct field *d, const char *type)
{
    return d->type != NULL && strcmp(d->type, type) == 0;
}

static bool
has_value(const struct field *d, const char *value)
{
    for (const xmlNode *n = d->node->children; n != NULL; n = n->next) {
        if (is(n, NS_DATA, "value")) {
            char *s = text_of(n);
            bool same = s != NULL && strcmp(s, value) == 0;
            xmlFree(s);
            if (same) {
                return true;
            }
        }
    }
    return false;
}

/* -- controls ------------------------------------------------------------ */

static void
common(struct form *f, const struct field *d, struct tag *t)
{
    add(t, "id", f->control.data);
    add(t, "name", d->var);
}

static void
marks(struct form *f, const struct field *d, struct tag *t)
{
    if (d->required) {
        add(t, "required", "");
    }
    if (d->error != NULL) {
        add(t, "aria-invalid", "true");
    }
    add(t, "aria-describedby", f->described.data);
}

static void
text_area(struct form *f, const struct field *d)
{
    struct tag t = {.n = 0};
    common(f, d, &t);
    add(&t, "rows", "5");
    marks(f, d, &t);
    open_tag(f, "textarea", &t);
    bool first = true;
    for (const xmlNode *n = d->node->children; n != NULL; n = n->next) {
        if (is(n, NS_DATA, "value")) {
            char *line = text_of(n);
            put_text(f, first ? NULL : "\n");
            put_text(f, line);
            xmlFree(line);
            first = false;
        }
    }
    close_tag(f);
}

static void
option_list(struct form *f, const struct field *d)
{
    struct tag t = {.n = 0};
    bool multi = type_is(d, "list-multi");
    common(f, d, &t);
    if (multi) {
        add(&t, "multiple", "");
    }
    marks(f, d, &t);
    open_tag(f, "select", &t);
    if (!multi && (!d->required || d->value == NULL)) {
        struct tag none = {.n = 0};
        add(&none, "value", "");
        whole(f, "option", &none, NULL);
    }
    for (const xmlNode *n = d->node->children; n != NULL; n = n->next) {
        if (!is(n, NS_DATA, "option")) {
            continue;
        }
        char *value = text_of(child(n, NS_DATA, "value"));
        char *label = attr(n, "label");
        struct tag o = {.n = 0};
        add(&o, "value", value == NULL ? "" : value);
        if (value != NULL && has_value(d, value)) {
            add(&o, "selected", "");
        }
        whole(f, "option", &o, label == NULL ? value : label);
        xmlFree(value);
        xmlFree(label);
    }
    close_tag(f);
}

static void
checkbox(struct form *f, const struct field *d)
{
    struct tag t = {.n = 0};
    common(f, d, &t);
    add(&t, "type", "checkbox");
    add(&t, "value", "true");
    if (d->value != NULL &&
        (strcmp(d->value, "true") == 0 || strcmp(d->value, "1") == 0)) {
        add(&t, "checked", "");
    }
    marks(f, d, &t);
    whole(f, "input", &t, NULL);
}

/* What XEP-0122's types are in HTML. */
static const char *
input_type(const struct field *d, const char **step)
{
    static const struct {
        const char *datatype, *type, *step;
    } types[] = {
        {"xs:integer", "number", "1"},  {"xs:int", "number", "1"},
        {"xs:long", "number", "1"},     {"xs:decimal", "number", "any"},
        {"xs:double", "number", "any"}, {"xs:date", "date", NULL},
        {"xs:anyURI", "url", NULL}};
    *step = NULL;
    if (type_is(d, "text-private")) {
        return "password";
    }
    for (size_t i = 0; d->datatype != NULL && i < CNC_N(types); i++) {
        if (strcmp(d->datatype, types[i].datatype) == 0) {
            *step = types[i].step;
            return types[i].type;
        }
    }
    return "text";
}

static void
one_line(struct form *f, const struct field *d)
{
    struct tag t = {.n = 0};
    const char *step;
    const char *type = input_type(d, &step);
    common(f, d, &t);
    add(&t, "type", type);
    add(&t, "value", d->value);
    if (strcmp(type, "text") != 0) {
        add(&t, "step", step);
        add(&t, "min", d->min);
        add(&t, "max", d->max);
    } else {
        add(&t, "pattern", d->regex);
        if (d->datatype != NULL && strcmp(d->datatype, "xs:dateTime") == 0) {
            add(&t, "placeholder", "2026-01-31T12:00:00Z");
        }
    }
    marks(f, d, &t);
    whole(f, "input", &t, NULL);
}

/* A browser does not fill in files: what was chosen is not in it. */
static void
file_input(struct form *f, const struct field *d, const xmlNode *file)
{
    struct tag t = {.n = 0};
    char *accept = attr(file, "accept");
    common(f, d, &t);
    add(&t, "type", "file");
    add(&t, "accept", accept);
    marks(f, d, &t);
    whole(f, "input", &t, NULL);
    xmlFree(accept);
}

static void
control(struct form *f, const struct field *d)
{
    const xmlNode *file = child(d->node, NS_FORM, "file");
    if (file != NULL) {
        file_input(f, d, file);
    } else if (type_is(d, "text-multi") || type_is(d, "jid-multi")) {
        text_area(f, d);
    } else if (type_is(d, "list-single") || type_is(d, "list-multi")) {
        option_list(f, d);
    } else if (type_is(d, "boolean")) {
        checkbox(f, d);
    } else {
        one_line(f, d);
    }
}

/* -- fields -------------------------------------------------------------- */

static void
visible_field(struct form *f, const struct field *d)
{
    struct tag row = {.n = 0}, label = {.n = 0}, help = {.n = 0},
               error = {.n = 0};
    const char *error_id = set_id(&f->error, f->control.data, "-error", "");
    const char *help_id = set_id(&f->help, f->control.data, "-help", "");
    cnc__str_clear(&f->described);
    if (d->help != NULL) {
        cnc__str_puts(&f->described, help_id);
        cnc__str_putc(&f->described, ' ');
    }
    cnc__str_puts(&f->described, error_id);
    add(&row, "class", d->required ? "cnc-field cnc-required" : "cnc-field");
    add(&row, "data-field", d->var);
    open_tag(f, "div", &row);
    add(&label, "for", f->control.data);
    whole(f, "label", &label, d->label == NULL ? d->var : d->label);
    control(f, d);
    if (d->help != NULL) {
        add(&help, "class", "cnc-help");
        add(&help, "id", help_id);
        whole(f, "p", &help, d->help);
    }
    add(&error, "class", "cnc-error");
    add(&error, "id", error_id);
    if (d->error == NULL) {
        add(&error, "hidden", "");
    }
    whole(f, "p", &error, d->error);
    close_tag(f);
}

static void
one_field(struct form *f, const xmlNode *n)
{
    struct field d;
    read_field(&d, n);
    if (type_is(&d, "fixed")) {
        struct tag t = {.n = 0};
        add(&t, "class", "cnc-fixed");
        whole(f, "p", &t, d.value);
    } else if (d.var == NULL) {
        ; /* not a field without a name */
    } else if (type_is(&d, "hidden")) {
        struct tag t = {.n = 0};
        add(&t, "type", "hidden");
        add(&t, "name", d.var);
        add(&t, "value", d.value == NULL ? "" : d.value);
        whole(f, "input", &t, NULL);
    } else {
        set_id(&f->control, f->id.data, "-", d.var);
        visible_field(f, &d);
    }
    free_field(&d);
}

static void
head(struct form *f, const xmlNode *x, const char *title)
{
    struct tag h = {.n = 0}, p = {.n = 0};
    char *error = text_of(child(x, NS_FORM, "error"));
    add(&h, "class", "cnc-form-title");
    whole(f, "h2", &h, title);
    add(&p, "class", "cnc-form-error");
    add(&p, "id", set_id(&f->error, f->id.data, "-error", ""));
    add(&p, "role", "alert");
    if (error == NULL) {
        add(&p, "hidden", "");
    }
    whole(f, "p", &p, error);
    xmlFree(error);
}

static bool
has_file(const xmlNode *x)
{
    for (const xmlNode *n = x->children; n != NULL; n = n->next) {
        if (is(n, NS_DATA, "field") && child(n, NS_FORM, "file") != NULL) {
            return true;
        }
    }
    return false;
}

void
cnc__form_build(struct cnc__rbuild *b, xmlDocPtr doc, const char *node,
                const char *action)
{
    struct form f = {.b = b};
    struct tag form = {.n = 0}, submit = {.n = 0};
    const xmlNode *x = xmlDocGetRootElement(doc);
    char *title = text_of(child(x, NS_DATA, "title"));
    add(&form, "id", set_id(&f.id, "form-", node, ""));
    add(&form, "class", "cnc-form");
    add(&form, "method", "post");
    add(&form, "action", action);
    if (has_file(x)) {
        /* The browser sends it itself: the runtime takes data-form alone. */
        add(&form, "enctype", "multipart/form-data");
    } else {
        add(&form, "data-form", node);
    }
    add(&form, "novalidate", "");
    open_tag(&f, "form", &form);
    head(&f, x, title);
    for (const xmlNode *n = x->children; n != NULL; n = n->next) {
        if (is(n, NS_DATA, "field")) {
            one_field(&f, n);
        }
    }
    add(&submit, "type", "submit");
    whole(&f, "button", &submit, title == NULL ? "Send" : title);
    close_tag(&f);
    xmlFree(title);
    cnc__str_fini(&f.id);
    cnc__str_fini(&f.control);
    cnc__str_fini(&f.help);
    cnc__str_fini(&f.error);
    cnc__str_fini(&f.described);
}
