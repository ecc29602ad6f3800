/* SPDX-License-Identifier: MIT */
/*
 * vcard.c -- vcard-temp (XEP-0054): what people tell of themselves.  Set by
 * oneself, read by anybody; who has none looks like who is not there.
 */
#include "parts.h"

#define NS_VCARD "vcard-temp"
#define SPACE    "vcard"

struct setting {
    struct cnc__request *request;
    char *bare;
    struct cnc_buf *xml;
};

static void
on_kept(struct cnc__im_change *c, const struct cnc_error *err)
{
    struct setting *s = c->priv;
    struct cnc__im_user *u = cnc__im_user(c->im, s->bare, strlen(s->bare));

    if (err != NULL) {
        cnc__request_error(&s->request, err);
    } else {
        if (u != NULL) {
            cnc_buf_unref(&u->vcard);
            u->vcard = cnc_buf_ref(s->xml);
        }
        cnc__request_result(&s->request, NULL, 0);
    }
    cnc_buf_unref(&s->xml);
    cnc__free(s->bare);
    cnc__free(s);
}

static void
on_set(struct cnc__request *q, struct cnc__im *im)
{
    struct cnc__im_user *u =
        cnc__im_user_make(im, q->from, cnc__jid_bare_len(q->from));
    struct cnc__str xml = CNC__STR;
    struct cnc__im_change *c;
    struct setting *s;

    if (!q->own || u == NULL) {
        cnc__request_refuse(&q, CNC_EACCES, "forbidden",
                            "a vCard is set by its owner alone");
        return;
    }
    cnc__xml_write(&xml, q->payload, CNC__NS_CLIENT, 0);
    if (xml.len > im->limits.vcard_bytes) {
        cnc__request_refuse(&q, CNC_ELIMIT, "not-acceptable",
                            "a vCard has at most %u bytes",
                            im->limits.vcard_bytes);
        cnc__str_fini(&xml);
        return;
    }
    s = cnc__zalloc(sizeof(*s));
    s->request = q;
    s->bare = cnc__strdup(u->bare);
    s->xml = cnc_buf_new(xml.data, xml.len);
    c = cnc__im_change_new(im, on_kept, s);
    cnc__im_put(c, SPACE, u, "", xml.data, xml.len);
    cnc__str_fini(&xml);
    cnc__im_commit(c);
}

static void
on_vcard(struct cnc__request *q, void *priv)
{
    struct cnc__im *im = priv;
    const struct cnc__im_user *u;

    if (q->kind == CNC__IQ_SET) {
        on_set(q, im);
        return;
    }
    u = cnc__im_user(im, q->to, strlen(q->to));
    if (u != NULL && u->vcard != NULL) {
        cnc__request_result(&q, cnc_buf_data(u->vcard), cnc_buf_len(u->vcard));
    } else {
        cnc__request_refuse(&q, CNC_ENOENT, "item-not-found",
                            "there is no vCard");
    }
}

static bool
load(struct cnc__im_user *u, const struct cnc_store_entry *e, const char *key)
{
    cnc_buf_unref(&u->vcard);
    u->vcard = cnc_buf_new(e->value, e->len);
    return true;
}

static void
forget(struct cnc__im_user *u, struct cnc__im_change *c)
{
    cnc__im_del(c, SPACE, u, "");
}

static void
free_user(struct cnc__im_user *u)
{
    cnc_buf_unref(&u->vcard);
}

static void
init(struct cnc__im *im)
{
    const struct cnc__handler h = {.kinds = CNC__IQ_GET | CNC__IQ_SET,
                                   .ns = NS_VCARD,
                                   .name = "vCard",
                                   .f = on_vcard,
                                   .priv = im,
                                   .account = true,
                                   .anyone = true,
                                   .only_account = true};

    CNC_CHECK(cnc__router_handle(im->router, &h, NULL) == 0);
}

const struct cnc__im_ext cnc__im_vcard = {
    .name = "vcard",
    .features = {NS_VCARD},
    .account_features = {NS_VCARD},
    .spaces = {SPACE},
    .init = init,
    .load = load,
    .forget = forget,
    .free_user = free_user,
};
