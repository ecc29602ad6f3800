/* SPDX-License-Identifier: MIT */
/*
 * request.c -- a stanza that waits for its answer.
 */
#include "../xml/write.h"
#include "errors.h"
#include "jid.h"
#include "router-priv.h"

#define REQUEST_MAGIC 0x52455153u

struct cnc__request *
cnc__request_new(struct cnc__router *router, struct cnc__session *s,
                 enum cnc__stanza kind, const char *from, const char *to,
                 struct cnc_element *stanza)
{
    struct cnc__request *r = cnc__zalloc(sizeof(*r));

    r->magic = REQUEST_MAGIC;
    r->router = router;
    r->kind = kind;
    if (s != NULL) {
        r->session_id = s->id;
        r->anonymous = s->anonymous;
        r->operator_ = s->operator_;
    }
    r->own = cnc__jid_is_bare_of(to, from);
    r->from = cnc__strdup(from);
    r->to = cnc__strdup(to);
    r->id = cnc__strdup(cnc_element_attr(stanza, NULL, "id"));
    r->stanza = cnc_element_ref(stanza);
    r->payload = cnc_element_child(r->stanza, NULL, NULL);
    return r;
}

void
cnc__request_free(struct cnc__request **rp)
{
    struct cnc__request *r = *rp;

    if (r == NULL) {
        return;
    }
    CNC_OBJ_CHECK(r, REQUEST_MAGIC);
    *rp = NULL;
    cnc__free(r->from);
    cnc__free(r->to);
    cnc__free(r->id);
    cnc_element_unref(&r->stanza);
    CNC_OBJ_FREE(r);
}

static const char *
stanza_name(enum cnc__stanza kind)
{
    return kind == CNC__MESSAGE    ? "message"
           : kind == CNC__PRESENCE ? "presence"
                                   : "iq";
}

/* <iq type='...' id='...' from='...' to='...'> without the end of the tag */
static void
open_reply(struct cnc__str *out, const struct cnc__request *r,
           const char *type)
{
    cnc__xml_printf(out, "<%s type='%s'", stanza_name(r->kind), type);
    if (r->id != NULL) {
        cnc__xml_printf(out, " id='%s'", r->id);
    }
    cnc__xml_printf(out, " from='%s' to='%s'", r->to, r->from);
}

static void
send_reply(struct cnc__request **rp, struct cnc__str *out)
{
    struct cnc__request *r = *rp;
    struct cnc__session *s = cnc__router_session(r->router, r->session_id);

    /* The asker may have gone: then nobody wants to know. */
    if (s != NULL) {
        cnc__session_send(s, out->data, out->len);
    } else if (r->session_id == 0) {
        cnc__router_send(r->router, r->to, r->from, out->data, out->len, NULL);
    }
    cnc__str_fini(out);
    cnc__request_free(rp);
}

void
cnc__request_result(struct cnc__request **rp, const char *payload_xml,
                    size_t len)
{
    struct cnc__str out = CNC__STR;

    CNC_OBJ_CHECK(*rp, REQUEST_MAGIC);
    CNC_CHECK(((*rp)->kind & (CNC__IQ_GET | CNC__IQ_SET)) != 0);
    cnc__str_reserve(&out, 256 + len);
    open_reply(&out, *rp, "result");
    if (payload_xml == NULL || len == 0) {
        cnc__str_puts(&out, "/>");
    } else {
        cnc__str_putc(&out, '>');
        cnc__str_add(&out, payload_xml, len);
        cnc__str_puts(&out, "</iq>");
    }
    send_reply(rp, &out);
}

void
cnc__router_set_tr(struct cnc__router *r, cnc__router_tr_f *f, void *priv)
{
    r->tr = f;
    r->tr_priv = priv;
}

void
cnc__router_error(const struct cnc__router *r,
                  const struct cnc_element *stanza, struct cnc__str *out,
                  const struct cnc_error *err)
{
    const char *lang = cnc_element_attr(stanza, CNC__NS_XML, "lang");
    bool said = r->tr != NULL && lang != NULL && lang[0] != '\0';

    cnc__stanza_error_tr(out, err, said ? lang : "en",
                         said ? r->tr(lang, r->tr_priv) : NULL);
}

void
cnc__request_error(struct cnc__request **rp, const struct cnc_error *err)
{
    struct cnc__str out = CNC__STR;

    CNC_OBJ_CHECK(*rp, REQUEST_MAGIC);
    open_reply(&out, *rp, "error");
    cnc__str_putc(&out, '>');
    cnc__router_error((*rp)->router, (*rp)->stanza, &out, err);
    cnc__xml_printf(&out, "</%s>", stanza_name((*rp)->kind));
    send_reply(rp, &out);
}

void
cnc__request_refuse(struct cnc__request **rp, int code, const char *condition,
                    const char *fmt, ...)
{
    struct cnc_error err = {.code = code, .condition = condition};
    struct cnc__str text = CNC__STR;
    va_list ap;

    va_start(ap, fmt);
    cnc__str_vprintf(&text, fmt, ap);
    va_end(ap);
    cnc_error_set(&err, code, condition, "%s", cnc__str_c(&text));
    cnc__str_fini(&text);
    cnc__request_error(rp, &err);
}
