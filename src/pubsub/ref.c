/* SPDX-License-Identifier: MIT */
/*
 * ref.c -- fields that name an item of another node.  A reference is judged
 * when its record is published; an item may go while others refer to it, and
 * what refers then shows its id.
 */
#include "../xml/write.h"
#include "formimpl.h"
#include "queryimpl.h"

struct choice {
    struct cnc__str shown, key;
    const char *id;
};

static int
by_shown(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    int c = cnc__key_compare(&x->key, &y->key);
    return c != 0 ? c : strcmp(x->id, y->id);
}

/* What people see of an item: a field, or the first one that says something;
 * else its id. */
static void
show(struct choice *c, const struct cnc__item *item, const char *field)
{
    struct cnc__reader r;
    struct cnc__child child;
    cnc__reader_open(&r, item);
    while (c->shown.len == 0 && cnc__reader_next(&r, &child)) {
        if (!child.blank && (field == NULL ||
                             (strlen(field) == child.n_name &&
                              memcmp(field, child.name, child.n_name) == 0))) {
            cnc__str_add(&c->shown, child.text, child.len);
        }
    }
    cnc__reader_close(&r);
    if (c->shown.len == 0) {
        cnc__str_puts(&c->shown, item->id);
    }
    cnc__fold(&c->key, c->shown.data, c->shown.len);
    c->id = item->id;
}

bool
cnc__ref_options(struct cnc__str *out, struct cnc__pubsub *ps,
                 const struct cnc_field *f)
{
    const struct cnc__node *n = cnc__pubsub_node(ps, f->node);
    size_t n_items = n == NULL ? 0 : cnc__node_n_items(n);
    if (n == NULL || n_items > CNC__MAX_REFS) {
        return false;
    }
    struct choice *all = cnc__zalloc((n_items + 1) * sizeof(*all));
    for (size_t i = 0; i < n_items; i++) {
        show(&all[i], cnc__node_item_at(n, i), f->show);
    }
    qsort(all, n_items, sizeof(*all), by_shown);
    for (size_t i = 0; i < n_items; i++) {
        cnc__xml_printf(out, "<option label=\"%s\"><value>%s</value></option>",
                        all[i].shown.data, all[i].id);
        cnc__str_fini(&all[i].shown);
        cnc__str_fini(&all[i].key);
    }
    cnc__free(all);
    return true;
}

bool
cnc__ref_name(struct cnc__str *out, struct cnc__pubsub *ps,
              const struct cnc_field *f, const char *id)
{
    const struct cnc__node *n = cnc__pubsub_node(ps, f->node);
    const struct cnc__item *item = n == NULL ? NULL : cnc__node_item(n, id);
    struct choice c = {.id = NULL};

    if (item != NULL) {
        show(&c, item, f->show);
        cnc__str_puts(out, c.shown.data);
        cnc__str_fini(&c.shown);
        cnc__str_fini(&c.key);
    }
    return item != NULL;
}

void
cnc__ref_option(struct cnc__str *out, struct cnc__pubsub *ps,
                const struct cnc_field *f, const char *id)
{
    struct cnc__str name = CNC__STR;

    if (cnc__ref_name(&name, ps, f, id)) {
        cnc__xml_printf(out, "<option label=\"%s\"><value>%s</value></option>",
                        name.data, id);
    }
    cnc__str_fini(&name);
}

static bool
is_there(struct cnc__pubsub *ps, const char *node, const char *id)
{
    struct cnc__node *n = cnc__pubsub_node(ps, node);
    return n != NULL && cnc__node_there(n, id) != NULL;
}

int
cnc__record_refs(struct cnc__pubsub *ps, const struct cnc_record *r,
                 const struct cnc_element *e, struct cnc__values *v,
                 struct cnc_error *err)
{
    int rc = 0;
    for (const struct cnc_field *f = r->fields; f->name != NULL; f++) {
        const char *id = f->kind != CNC_FIELD_REF
                             ? ""
                             : cnc_element_child_text(e, NULL, f->name);
        if (cnc__value_blank(id) || is_there(ps, f->node, id)) {
            continue;
        }
        struct cnc_error why;
        int code = cnc_error_set(&why, CNC_EREFUSED, "not-acceptable",
                                 "%s: there is no \"%.100s\".",
                                 cnc__field_label(f), id);
        if (rc == 0 && err != NULL) {
            *err = why;
        }
        if (v != NULL) {
            cnc__values_refuse(v, f->name, why.text);
        }
        rc = code;
    }
    int files = cnc__record_files(ps, r, e, v, rc == 0 ? err : NULL);
    return rc != 0 ? rc : files;
}
