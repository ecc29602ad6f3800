/* SPDX-License-Identifier: MIT */
/*
 * private.c -- private XML storage (XEP-0049): elements of a client, by name
 * and namespace, for the account alone.
 */
#include "parts.h"

#define NS_PRIVATE "jabber:iq:private"
#define SPACE      "private"
#define MAX_KEY    1024

struct setting {
    struct cnc__request *request;
    char *bare;
    size_t bytes, n; /* that are on their way */
};

/* "NAME NS" */
static void
key_of(struct cnc__str *out, const struct cnc_element *e)
{
    cnc__str_printf(out, "%s %s", cnc_element_name(e), cnc_element_ns(e));
}

static void
put(struct cnc__im_user *u, const char *key, const char *xml, size_t len)
{
    struct cnc_buf *old;

    if (u->private_ == NULL) {
        u->private_ = cnc__table_new();
    }
    old = cnc__table_put(u->private_, key, cnc_buf_new(xml, len));
    u->private_bytes += strlen(key) + len;
    if (old != NULL) {
        u->private_bytes -= strlen(key) + cnc_buf_len(old);
        cnc_buf_unref(&old);
    }
}

static void
on_kept(struct cnc__im_change *c, const struct cnc_error *err)
{
    struct setting *s = c->priv;
    struct cnc__im_user *u = cnc__im_user(c->im, s->bare, strlen(s->bare));

    if (u != NULL) { /* another's, when it was made anew */
        u->private_coming -=
            u->private_coming < s->bytes ? u->private_coming : s->bytes;
        u->n_private_coming -=
            u->n_private_coming < s->n ? u->n_private_coming : s->n;
    }
    if (err != NULL) {
        cnc__request_error(&s->request, err);
    } else {
        for (size_t i = 0; u != NULL && i < c->commit.n_ops; i++) {
            const struct cnc_store_entry *e = &c->commit.ops[i].entry;

            put(u, strchr(e->id, '/') + 1, e->value, e->len);
        }
        cnc__request_result(&s->request, NULL, 0);
    }
    cnc__free(s->bare);
    cnc__free(s);
}

/* The elements as operations; CNC_E... when one may not be kept. */
static int
collect(struct cnc__im_change *c, struct setting *s,
        const struct cnc__im_user *u, const struct cnc_element *query,
        struct cnc_error *err)
{
    const struct cnc__im_limits *l = &u->im->limits;
    const struct cnc_element *e;
    size_t bytes = u->private_bytes + u->private_coming;
    size_t n = u->n_private_coming;

    for (size_t i = 0;
         (e = cnc_element_next(query, &i, NULL, NULL)) != NULL;) {
        struct cnc__str key = CNC__STR, xml = CNC__STR;
        const struct cnc_buf *had;

        key_of(&key, e);
        cnc__xml_write(&xml, e, NS_PRIVATE, 0);
        had =
            u->private_ == NULL ? NULL : cnc__table_get(u->private_, key.data);
        bytes += key.len + xml.len;
        s->bytes += key.len + xml.len;
        s->n++;
        bytes -= had == NULL ? 0 : key.len + cnc_buf_len(had);
        n += had == NULL ? 1 : 0;
        if (key.len <= MAX_KEY) {
            cnc__im_put(c, SPACE, u, key.data, xml.data, xml.len);
        } else {
            bytes = SIZE_MAX;
        }
        cnc__str_fini(&key);
        cnc__str_fini(&xml);
        /* 7: none of ours, and none without a namespace. */
        if (cnc_element_ns(e)[0] == '\0' ||
            strcmp(cnc_element_ns(e), NS_PRIVATE) == 0 ||
            strcmp(cnc_element_ns(e), CNC__NS_CLIENT) == 0) {
            return cnc_error_set(err, CNC_EREFUSED, "not-acceptable",
                                 "private data needs a namespace of its own");
        }
        if (bytes > l->private_bytes) {
            return cnc_error_set(err, CNC_ELIMIT, "resource-constraint",
                                 "private data has at most %u bytes",
                                 l->private_bytes);
        }
    }
    n += u->private_ == NULL ? 0 : cnc__table_len(u->private_);
    if (n > l->private_items) {
        return cnc_error_set(err, CNC_ELIMIT, "resource-constraint",
                             "at most %u private elements", l->private_items);
    }
    return 0;
}

static void
on_set(struct cnc__request *q, struct cnc__im_user *u)
{
    struct setting *s;
    struct cnc__im_change *c;
    struct cnc_error err = {0};

    s = cnc__zalloc(sizeof(*s));
    c = cnc__im_change_new(u->im, on_kept, s);
    s->request = q;
    s->bare = cnc__strdup(u->bare);
    if (collect(c, s, u, q->payload, &err) != 0) {
        s->bytes = s->n = 0;
        cnc__im_change_drop(c, &err);
    } else {
        u->private_coming += s->bytes;
        u->n_private_coming += s->n;
        cnc__im_commit(c);
    }
}

static void
on_get(struct cnc__request *q, const struct cnc__im_user *u)
{
    const struct cnc_element *e = cnc_element_child(q->payload, NULL, NULL);
    const struct cnc_buf *had;
    struct cnc__str key = CNC__STR, xml = CNC__STR;

    key_of(&key, e);
    had = u->private_ == NULL ? NULL : cnc__table_get(u->private_, key.data);
    cnc__str_puts(&xml, "<query xmlns='" NS_PRIVATE "'>");
    if (had != NULL) {
        cnc__str_add(&xml, cnc_buf_data(had), cnc_buf_len(had));
    } else {
        cnc__xml_printf(&xml, "<%s xmlns='%s'/>", cnc_element_name(e),
                        cnc_element_ns(e));
    }
    cnc__str_puts(&xml, "</query>");
    cnc__request_result(&q, xml.data, xml.len);
    cnc__str_fini(&key);
    cnc__str_fini(&xml);
}

static void
on_private(struct cnc__request *q, void *priv)
{
    struct cnc__im *im = priv;
    struct cnc__im_user *u =
        q->own ? cnc__im_user_make(im, q->to, strlen(q->to)) : NULL;

    if (u == NULL) {
        cnc__request_refuse(&q, CNC_EACCES, "forbidden",
                            "private data is its owner's alone");
    } else if (cnc_element_child(q->payload, NULL, NULL) == NULL) {
        cnc__request_refuse(&q, CNC_EPROTO, "bad-request",
                            "there is no element to keep or get");
    } else if (q->kind == CNC__IQ_SET) {
        on_set(q, u);
    } else {
        on_get(q, u);
    }
}

static bool
load(struct cnc__im_user *u, const struct cnc_store_entry *e, const char *key)
{
    put(u, key, e->value, e->len);
    return key[0] != '\0';
}

static void
forget(struct cnc__im_user *u, struct cnc__im_change *c)
{
    for (struct cnc__table_iter i = {0};
         u->private_ != NULL && cnc__table_next(u->private_, &i);) {
        cnc__im_del(c, SPACE, u, i.key);
    }
}

static void
buf_free(void *value)
{
    struct cnc_buf *b = value;

    cnc_buf_unref(&b);
}

static void
free_user(struct cnc__im_user *u)
{
    cnc__table_free(&u->private_, buf_free);
}

static void
init(struct cnc__im *im)
{
    const struct cnc__handler h = {.kinds = CNC__IQ_GET | CNC__IQ_SET,
                                   .ns = NS_PRIVATE,
                                   .name = "query",
                                   .f = on_private,
                                   .priv = im,
                                   .account = true,
                                   .anyone = true,
                                   .only_account = true};

    CNC_CHECK(cnc__router_handle(im->router, &h, NULL) == 0);
}

const struct cnc__im_ext cnc__im_private = {
    .name = "private",
    .features = {NS_PRIVATE},
    .account_features = {NS_PRIVATE},
    .spaces = {SPACE},
    .init = init,
    .load = load,
    .forget = forget,
    .free_user = free_user,
};
