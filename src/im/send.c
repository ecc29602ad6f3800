/* SPDX-License-Identifier: MIT */
/*
 * send.c -- stanzas that this room makes.
 */
#include "impl.h"

void
cnc__im_route(struct cnc__im *im, const char *from, const char *to,
              const struct cnc_element *stanza)
{
    struct cnc_element *copy = cnc__router_stamp(stanza, from, to);

    cnc__router_route(im->router, NULL, from, to, copy);
    cnc_element_unref(&copy);
}

void
cnc__im_presence(struct cnc__im *im, const char *type, const char *from,
                 const char *to)
{
    struct cnc_element *p;

    CNC_CHECK(cnc_element_new(&p, CNC__NS_CLIENT, "presence", NULL) == 0);
    if (type != NULL) {
        cnc_element_set_attr(p, NULL, "type", type, NULL);
    }
    cnc_element_set_attr(p, NULL, "from", from, NULL);
    cnc_element_set_attr(p, NULL, "to", to, NULL);
    cnc__router_route(im->router, NULL, from, to, p);
    cnc_element_unref(&p);
}

void
cnc__im_give(struct cnc__session *s, struct cnc__str *xml)
{
    cnc__session_send(s, xml->data, xml->len);
    cnc__str_fini(xml);
}

/* <NAME type='...' id='...' from='...' to='...'> without the end */
static void
open_answer(struct cnc__str *out, const struct cnc__im_in *in,
            const char *type)
{
    const char *id = cnc_element_attr(in->stanza, NULL, "id");

    cnc__xml_printf(out, "<%s type='%s'", cnc_element_name(in->stanza), type);
    if (id != NULL) {
        cnc__xml_printf(out, " id='%s'", id);
    }
    cnc__xml_printf(out, " from='%s' to='%s'", in->to, in->from);
}

void
cnc__im_result(struct cnc__im_in *in, const char *payload, size_t len)
{
    struct cnc__str out = CNC__STR;

    open_answer(&out, in, "result");
    cnc__str_putc(&out, '>');
    cnc__str_add(&out, payload, len);
    cnc__str_puts(&out, "</iq>");
    cnc__router_send(in->im->router, in->to, in->from, out.data, out.len,
                     NULL);
    cnc__str_fini(&out);
}

void
cnc__im_refuse(struct cnc__im_in *in, int code, const char *condition,
               const char *text)
{
    struct cnc__str out = CNC__STR;
    struct cnc_error err = {0};

    /* RFC 6120 8.3.1: never to an answer. */
    if (in->type != NULL &&
        (strcmp(in->type, "error") == 0 || strcmp(in->type, "result") == 0)) {
        return;
    }
    cnc_error_set(&err, code, condition, "%s", text);
    open_answer(&out, in, "error");
    cnc__str_putc(&out, '>');
    cnc__router_error(in->im->router, in->stanza, &out, &err);
    cnc__xml_printf(&out, "</%s>", cnc_element_name(in->stanza));
    cnc__router_send(in->im->router, in->to, in->from, out.data, out.len,
                     NULL);
    cnc__str_fini(&out);
}

/* XEP-0203 */
struct cnc_element *
cnc__im_delayed(const struct cnc_element *stanza, const char *by,
                int64_t stamp_ms)
{
    struct cnc_element *copy = cnc__router_stamp(
        stanza, cnc_element_attr(stanza, NULL, "from"), NULL);
    struct cnc_element *delay;
    char stamp[32];

    cnc__datetime(stamp, stamp_ms);
    CNC_CHECK(cnc_element_new(&delay, CNC__NS_DELAY, "delay", NULL) == 0);
    cnc_element_set_attr(delay, NULL, "from", by, NULL);
    cnc_element_set_attr(delay, NULL, "stamp", stamp, NULL);
    cnc_element_insert(copy, cnc_element_n_children(copy), delay, NULL);
    cnc_element_unref(&delay);
    return copy;
}

void
cnc__im_forward(struct cnc__str *out, const struct cnc_element *stanza,
                int64_t stamp_ms)
{
    cnc__str_puts(out, "<forwarded xmlns='" CNC__NS_FORWARD "'>");
    if (stamp_ms != 0) {
        char stamp[32];

        cnc__datetime(stamp, stamp_ms);
        cnc__xml_printf(out, "<delay xmlns='" CNC__NS_DELAY "' stamp='%s'/>",
                        stamp);
    }
    cnc__xml_write(out, stanza, CNC__NS_FORWARD, 0);
    cnc__str_puts(out, "</forwarded>");
}

bool
cnc__im_hint(const struct cnc_element *stanza, const char *name)
{
    return cnc_element_child(stanza, CNC__NS_HINTS, name) != NULL;
}

const char *
cnc__im_message_type(const char *type)
{
    static const char *const types[] = {"chat", "groupchat", "headline",
                                        "error"};

    for (size_t i = 0; type != NULL && i < CNC_N(types); i++) {
        if (strcmp(type, types[i]) == 0) {
            return types[i];
        }
    }
    return "normal";
}
