/* SPDX-License-Identifier: MIT */
/*
 * query.c -- cnc_query(): records of a node for a handler.  The query runs on
 * the core's thread; the records are read by the handler's own.
 */
#include "private.h"

#define DEFAULT_LIMIT 100u
#define MAX_SEARCH    1000u /* bytes */
#define MAX_PARAMS    64u

struct row { /* the item itself is the core's own */
    char *id;
    struct cnc_buf *payload;
};

struct query_call {
    struct cnc_request *r;
    const char *node;
    const struct cnc_query *q;
    struct row *rows;
    size_t n_rows, total;
    int code;
    struct cnc_error *err;
};

/* The value of a parameter; CNC_EINVAL names the one that has none. */
static int
find_param(const char **out, const struct query_call *c, const char *name)
{
    const char *const *p = c->q->params;

    for (size_t i = 0; p != NULL && p[i] != NULL && i < 2 * MAX_PARAMS;
         i += 2) {
        if (strcmp(p[i], name) == 0) {
            *out = p[i + 1];
            return 0;
        }
    }
    return cnc_error_set(c->err, CNC_EINVAL, "bad-request",
                         "where: the parameter \"%s\" has no value", name);
}

static void
copy_rows(struct query_call *c, struct cnc__item **items, size_t n)
{
    c->rows = cnc__zalloc((n + 1) * sizeof(*c->rows));
    for (size_t i = 0; i < n; i++) {
        if (items[i]->payload != NULL) {
            struct row *row = &c->rows[c->n_rows++];

            row->id = cnc__strdup(items[i]->id);
            row->payload = cnc_buf_ref(items[i]->payload);
        }
    }
}

static void
query_on_core(void *arg)
{
    struct query_call *c = arg;
    struct cnc__node *node = cnc__request_node(c->r, c->node);
    struct cnc__app_node *own = node == NULL ? NULL : cnc__node_priv(node);
    const char **values;
    struct cnc__item **items = NULL;
    struct cnc__query *q = NULL;
    size_t n = 0;

    if (node == NULL) {
        c->code = cnc_error_set(c->err, CNC_ENOENT, "item-not-found",
                                "there is no node \"%s\"", c->node);
        return;
    }
    if (c->q->search != NULL && strlen(c->q->search) > MAX_SEARCH) {
        c->code = cnc_error_set(c->err, CNC_EINVAL, "bad-request",
                                "search: more than %u bytes", MAX_SEARCH);
        return;
    }
    c->code = cnc__query_new(&q, own == NULL ? NULL : own->decl->record,
                             c->q->where, c->q->sort, c->err);
    values = cnc__zalloc((MAX_PARAMS + 1) * sizeof(*values));
    for (; c->code == 0 && n < MAX_PARAMS && cnc__query_param(q, n) != NULL;
         n++) {
        c->code = find_param(&values[n], c, cnc__query_param(q, n));
    }
    if (c->code == 0) {
        cnc__query_run(q, node, values, c->q->search, c->q->offset,
                       c->q->limit == 0 ? DEFAULT_LIMIT : c->q->limit, &items,
                       &n, &c->total);
        copy_rows(c, items, n);
        cnc__free(items);
    }
    cnc__free(values);
    cnc__query_free(&q);
}

int
cnc_query(struct cnc_request *r, const char *node, const struct cnc_query *q,
          cnc_each_f *f, void *priv, size_t *total, struct cnc_error *err)
{
    static const struct cnc_query all;
    struct query_call c = {
        .r = r, .node = node, .q = q == NULL ? &all : q, .err = err};
    int stop;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    stop = cnc__app_on_core(r, query_on_core, &c)
               ? c.code
               : cnc_error_set(err, CNC_ECLOSED, "service-unavailable",
                               "the service has stopped");
    if (stop == 0 && total != NULL) {
        *total = c.total;
    }
    for (size_t i = 0; i < c.n_rows; i++) {
        struct row *row = &c.rows[i];
        struct cnc_element *e = NULL;

        if (stop == 0 && f != NULL &&
            cnc_xml_parse(&e, cnc_buf_data(row->payload),
                          cnc_buf_len(row->payload), 0, NULL, NULL) == 0) {
            stop = f(row->id, e, priv);
        }
        cnc_element_unref(&e);
        cnc_buf_unref(&row->payload);
        cnc__free(row->id);
    }
    cnc__free(c.rows);
    return stop;
}

int
cnc__app_query(struct cnc__app *app, const char *node,
               const struct cnc_query *q, cnc__app_row_f *f, void *priv,
               size_t *total, struct cnc_error *err)
{
    struct cnc_request r = {.app = app};
    struct query_call c = {.r = &r, .node = node, .q = q, .err = err};
    int stop;

    query_on_core(&c);
    stop = c.code;
    *total = c.total;
    for (size_t i = 0; i < c.n_rows; i++) {
        stop = stop == 0 ? f(c.rows[i].id, c.rows[i].payload, priv) : stop;
        cnc_buf_unref(&c.rows[i].payload);
        cnc__free(c.rows[i].id);
    }
    cnc__free(c.rows);
    return stop;
}
