/* SPDX-License-Identifier: MIT */
/*
 * webread.c -- what the handler of a page reads while it runs in a web
 * server's process: records of a node and settings, as the app itself would
 * (docs/protocol.md, HTTP over the link).  Whoever asks is of the link, and
 * may speak for the service.
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "private.h"

#define MAX_BYTES  ((size_t)200 << 10) /* of records; at least one is told */
#define MAX_ROWS   1000
#define MAX_PARAMS 64

static struct cnc__app *
app_of(struct cnc__apps *a, const struct cnc__request *q)
{
    const char *name = cnc_element_attr(q->payload, NULL, "app");
    struct cnc__app *app = name == NULL ? NULL : cnc__app_running_as(a, name);

    return app == NULL || app->state != CNC__APP_RUNNING ? NULL : app;
}

/* True: it was refused. */
static bool
refused(struct cnc__apps *a, struct cnc__request **q, struct cnc__app **app)
{
    const struct cnc__session *s =
        cnc__router_session((*q)->router, (*q)->session_id);

    if (s == NULL || !(s->operator_ || s->web)) {
        cnc__request_refuse(q, CNC_EACCES, "forbidden",
                            "this is for the service's own processes");
        return true;
    }
    *app = app_of(a, *q);
    if (*app == NULL) {
        cnc__request_refuse(q, CNC_ENOENT, "item-not-found",
                            "no such app runs");
        return true;
    }
    return false;
}

/* -- records ----------------------------------------------------------------
 */

static void
write_item(struct cnc__str *out, const char *id, const struct cnc_buf *payload)
{
    cnc__xml_printf(out, "<item id='%s'>%pB</item>", id, payload);
}

static int
add_row(const char *id, const struct cnc_buf *payload, void *priv)
{
    struct cnc__str *out = priv;

    if (out->len > 0 && out->len + cnc_buf_len(payload) > MAX_BYTES) {
        return CNC_ELIMIT;
    }
    write_item(out, id, payload);
    return 0;
}

/* False: not a number from min on. */
static bool
number(size_t *out, const struct cnc_element *e, const char *name, int64_t min)
{
    const char *text = cnc_element_attr(e, NULL, name);
    int64_t n = 0;

    if (text == NULL) {
        return true;
    }
    if (!cnc__parse_int(&n, text, min, INT32_MAX)) {
        return false;
    }
    *out = (size_t)n;
    return true;
}

/* False: a parameter without a name, or too many. */
static bool
read_params(const char *params[2 * MAX_PARAMS + 1],
            const struct cnc_element *query)
{
    struct cnc_element *p;
    size_t n = 0;

    for (size_t i = 0;
         (p = cnc_element_next(query, &i, CNC__NS_WEB, "param")) != NULL;) {
        const char *name = cnc_element_attr(p, NULL, "name");

        if (name == NULL || n == 2 * (size_t)MAX_PARAMS) {
            return false;
        }
        params[n++] = name;
        params[n++] = cnc_element_text(p);
    }
    return true;
}

static void
answer_query(struct cnc__request **q, struct cnc__app *app, const char *node,
             const struct cnc_query *ask)
{
    struct cnc__str rows = CNC__STR, out = CNC__STR;
    struct cnc_error err = {0};
    size_t total = 0;
    int code = cnc__app_query(app, node, ask, add_row, &rows, &total, &err);

    if (code == CNC_EINVAL) { /* the handler's own mistake, told there */
        cnc__xml_printf(&out, "<query xmlns='" CNC__NS_WEB "' error='%s'/>",
                        err.text);
    } else if (code != 0 && code != CNC_ELIMIT) {
        cnc__request_error(q, &err);
    } else {
        cnc__xml_printf(
            &out, "<query xmlns='" CNC__NS_WEB "' total='%zu'>%pR</query>",
            total, cnc__str_c(&rows));
    }
    if (*q != NULL) {
        cnc__request_result(q, out.data, out.len);
    }
    cnc__str_fini(&rows);
    cnc__str_fini(&out);
}

static void
answer_item(struct cnc__request **q, struct cnc__app *app, const char *name,
            const char *id)
{
    const struct cnc_request r = {.app = app};
    struct cnc__node *node = cnc__request_node(&r, name);
    struct cnc__item *item =
        node == NULL ? NULL : cnc__node_item_or_pending(node, id);
    struct cnc__str out = CNC__STR;

    cnc__str_puts(&out, "<query xmlns='" CNC__NS_WEB "'>");
    if (item != NULL && item->payload != NULL) {
        write_item(&out, id, item->payload);
    }
    cnc__str_puts(&out, "</query>");
    cnc__item_unref(&item);
    cnc__request_result(q, out.data, out.len);
    cnc__str_fini(&out);
}

static void
on_query(struct cnc__request *q, void *priv)
{
    const struct cnc_element *e = q->payload;
    const char *node = cnc_element_attr(e, NULL, "node");
    const char *item = cnc_element_attr(e, NULL, "item");
    const char *params[2 * MAX_PARAMS + 1] = {NULL};
    struct cnc_query ask = {.where = cnc_element_attr(e, NULL, "where"),
                            .sort = cnc_element_attr(e, NULL, "sort"),
                            .search = cnc_element_attr(e, NULL, "search"),
                            .params = params};
    struct cnc__app *app;

    if (refused(priv, &q, &app)) {
        return;
    }
    if (node == NULL || !number(&ask.offset, e, "offset", 0) ||
        !number(&ask.limit, e, "limit", 1) || !read_params(params, e)) {
        cnc__request_refuse(&q, CNC_EINVAL, "bad-request",
                            "that is no query of a node");
    } else if (item != NULL) {
        answer_item(&q, app, node, item);
    } else {
        ask.limit = ask.limit > MAX_ROWS ? MAX_ROWS : ask.limit;
        answer_query(&q, app, node, &ask);
    }
}

/* -- settings ---------------------------------------------------------------
 */

static void
on_setting(struct cnc__request *q, void *priv)
{
    const char *name = cnc_element_attr(q->payload, NULL, "name");
    struct cnc__str out = CNC__STR;
    struct cnc__app *app;
    char *text;

    if (refused(priv, &q, &app)) {
        return;
    }
    text = name == NULL ? NULL : cnc__app_setting(app, name);
    cnc__xml_printf(&out, "<setting xmlns='" CNC__NS_WEB "'>%s</setting>",
                    text);
    cnc__request_result(&q, out.data, out.len);
    cnc__str_fini(&out);
    cnc__free(text);
}

int
cnc__app_webread_handle(struct cnc__apps *a, struct cnc_error *err)
{
    const struct cnc__handler query = {.kinds = CNC__IQ_GET,
                                       .ns = CNC__NS_WEB,
                                       .name = "query",
                                       .f = on_query,
                                       .priv = a};
    const struct cnc__handler setting = {.kinds = CNC__IQ_GET,
                                         .ns = CNC__NS_WEB,
                                         .name = "setting",
                                         .f = on_setting,
                                         .priv = a};
    int code = cnc__router_handle(a->env.router, &query, err);

    return code != 0 ? code : cnc__router_handle(a->env.router, &setting, err);
}
