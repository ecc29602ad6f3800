/* SPDX-License-Identifier: MIT */
/*
 * upload-slot.c -- XEP-0363: slots.  A slot is an address that nobody can
 * guess, good for one PUT of the size and the type that were asked for.
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "uploads.h"
#include "weblogin.h"

struct slot {
    struct cnc__upload *file;
    uint64_t until_ms; /* of the loop's clock */
    bool typed;
};

static uint64_t
now_of(const struct cnc__uploads *u)
{
    return uv_now(&u->service->process->loop);
}

size_t
cnc__upload_slots_of(const struct cnc__uploads *u, const char *owner,
                     int64_t *ends_ms)
{
    uint64_t first = UINT64_MAX;
    size_t n = 0;

    for (struct cnc__table_iter i = {0}; cnc__table_next(u->slots, &i);) {
        const struct slot *s = i.value;

        if (strcmp(s->file->owner, owner) == 0) {
            first = s->until_ms < first ? s->until_ms : first;
            n++;
        }
    }
    *ends_ms = n == 0 ? 0
                      : cnc__service_now_ms(u->service) +
                            (int64_t)(first - now_of(u)) + 1000;
    return n;
}

void
cnc__upload_slots_end(struct cnc__uploads *u, const char *owner,
                      uint64_t now_ms)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(u->slots, &i);) {
        struct slot *s = i.value;

        if (owner == NULL ? now_ms >= s->until_ms
                          : strcmp(s->file->owner, owner) == 0) {
            cnc__table_del(u->slots, i.key);
            cnc__upload_forget(u, &s->file);
            cnc__free(s);
        }
    }
}

void
cnc__upload_slots_free(struct cnc__uploads *u)
{
    cnc__upload_slots_end(u, NULL, UINT64_MAX);
    cnc__table_free(&u->slots, cnc__free);
}

struct cnc__upload *
cnc__upload_slot_take(struct cnc__uploads *u, const char *path, bool *typed)
{
    const char *token = path + strlen(CNC__UPLOAD_PUT);
    size_t len = strcspn(token, "/");
    struct cnc__upload *f = NULL;
    struct slot *s;
    char hash[65];

    cnc__secret_hash(hash, token, len);
    s = cnc__table_get(u->slots, hash);
    if (s != NULL && now_of(u) < s->until_ms && token[len] == '/' &&
        strcmp(token + len + 1, s->file->name) == 0) {
        cnc__table_del(u->slots, hash);
        *typed = s->typed;
        f = s->file;
        cnc__free(s);
    }
    return f;
}

/* -- asking for one ------------------------------------------------------- */

static void
give_slot(struct cnc__uploads *u, struct cnc__request *q,
          struct cnc__upload *f, bool typed)
{
    char *base = cnc__service_url(u->service);
    struct cnc__str xml = CNC__STR, put = CNC__STR, get = CNC__STR;
    struct slot *s = cnc__zalloc(sizeof(*s));
    char token[CNC__WEBLOGIN_SECRET + 1], hash[65];

    *s = (struct slot){f, now_of(u) + CNC__UPLOAD_SLOT_MS, typed};
    cnc__secret_new(token);
    cnc__secret_hash(hash, token, CNC__WEBLOGIN_SECRET);
    cnc__table_put(u->slots, hash, s);
    cnc__str_printf(&put, "%s" CNC__UPLOAD_PUT "%s/", base, token);
    cnc__upload_percent(&put, f->name);
    cnc__upload_url(&get, u, f);
    cnc__xml_printf(&xml,
                    "<slot xmlns='" CNC__NS_UPLOAD "'><put url='%s'/>"
                    "<get url='%s'/></slot>",
                    put.data, get.data);
    cnc__request_result(&q, xml.data, xml.len);
    cnc__wipe(put.data, put.len);
    cnc__wipe(xml.data, xml.len);
    cnc__wipe(token, sizeof(token));
    cnc__str_fini(&xml);
    cnc__str_fini(&put);
    cnc__str_fini(&get);
    cnc__free(base);
}

/* XEP-0363 section 6: what is too large, or when to come again. */
static void
refuse(struct cnc__uploads *u, struct cnc__request *q, int code,
       int64_t retry_ms, const struct cnc_error *err)
{
    struct cnc_error said = *err;
    struct cnc__str specific = CNC__STR;
    char stamp[32];

    said.specific_ns = CNC__NS_UPLOAD;
    if (code == CNC_ELIMIT) {
        cnc__str_printf(&specific,
                        "file-too-large><max-file-size>%llu</max-file-size>",
                        (unsigned long long)cnc__uploads_max(u));
    } else if (retry_ms > 0) {
        cnc__datetime(stamp, retry_ms / 1000 * 1000);
        cnc__str_printf(&specific, "retry stamp='%s'", stamp);
    }
    said.specific = specific.data;
    cnc__request_error(&q, &said);
    cnc__str_fini(&specific);
}

static bool
may_upload(const struct cnc__uploads *u, const struct cnc__request *q)
{
    return cnc__jid_is_at(q->from, cnc__router_domain(q->router)) &&
           cnc__jid_has_local(q->from) &&
           (!q->anonymous || u->service->o.upload_guests);
}

static void
on_request(struct cnc__request *q, void *priv)
{
    struct cnc__uploads *u = priv;
    const char *name = cnc_element_attr(q->payload, NULL, "filename");
    const char *size = cnc_element_attr(q->payload, NULL, "size");
    const char *type = cnc_element_attr(q->payload, NULL, "content-type");
    struct cnc__upload *f = NULL;
    struct cnc_error err = {0};
    int64_t bytes = 0, retry = 0;
    int code;

    if (!may_upload(u, q)) {
        u->n_refused++;
        cnc__request_refuse(&q, CNC_EACCES, "forbidden",
                            "Files are kept for accounts of this domain");
        return;
    }
    if (name == NULL || name[0] == '\0' || size == NULL ||
        !cnc__parse_int(&bytes, size, 1, INT64_MAX)) {
        cnc__request_refuse(&q, CNC_EINVAL, "bad-request",
                            "A slot needs filename, and size in bytes");
        return;
    }
    char *bare = cnc__strndup(q->from, cnc__jid_bare_len(q->from));
    if (cnc__upload_slots_of(u, bare, &retry) >= CNC__UPLOAD_SLOTS) {
        u->n_refused++;
        code = cnc_error_set(&err, CNC_EREFUSED, "resource-constraint",
                             "You may have %d slots at a time",
                             CNC__UPLOAD_SLOTS);
    } else {
        code =
            cnc__upload_promise(&f, u, q->from, name, type == NULL ? "" : type,
                                (uint64_t)bytes, &retry, &err);
    }
    cnc__free(bare);
    if (code == 0) {
        give_slot(u, q, f, type != NULL && type[0] != '\0');
    } else {
        refuse(u, q, code, retry, &err);
    }
}

static int
disco(struct cnc__str *out, bool items, const char *node,
      const struct cnc__request *q, void *priv)
{
    struct cnc__uploads *u = priv;

    if (node != NULL || strcmp(q->to, cnc__router_domain(q->router)) != 0) {
        return CNC_ENOENT;
    }
    if (!items) {
        cnc__xml_printf(out,
                        "<x xmlns='jabber:x:data' type='result'>"
                        "<field var='FORM_TYPE' type='hidden'><value>%s"
                        "</value></field><field var='max-file-size'><value>"
                        "%llu</value></field></x>",
                        CNC__NS_UPLOAD,
                        (unsigned long long)cnc__uploads_max(u));
    }
    return 0;
}

int
cnc__upload_slots_new(struct cnc__uploads *u, struct cnc_error *err)
{
    const struct cnc__handler handler = {.kinds = CNC__IQ_GET,
                                         .ns = CNC__NS_UPLOAD,
                                         .name = "request",
                                         .feature = CNC__NS_UPLOAD,
                                         .f = on_request,
                                         .priv = u};

    if (u->off) {
        return 0;
    }
    cnc__router_disco(u->service->router, disco, u);
    return cnc__router_handle(u->service->router, &handler, err);
}
