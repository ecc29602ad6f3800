/* SPDX-License-Identifier: MIT */
/*
 * iq.c -- requests to accounts: a handler's, or refused (RFC 6121 8.5); and
 * who may discover an account.
 */
#include "parts.h"

/* XEP-0030 8: presence leaks.  A stranger hears the same of every name. */
static bool
may_discover(const struct cnc__im_in *in)
{
    char *from = cnc__strndup(in->from, cnc__jid_bare_len(in->from));
    bool may = in->user != NULL &&
               cnc__im_contact_subscribed(in->im, in->user->bare, from);

    cnc__free(from);
    return may;
}

static void
answer_info(struct cnc__im_in *in, const struct cnc_element *query)
{
    const struct cnc__im *im = in->im;
    struct cnc__str xml = CNC__STR;
    struct cnc__request q = {.router = im->router,
                             .kind = in->kind,
                             .from = (char *)(uintptr_t)in->from,
                             .to = (char *)(uintptr_t)in->to,
                             .stanza = in->stanza,
                             .payload = (struct cnc_element *)query};

    q.own = cnc__jid_same_bare(in->from, in->to);
    cnc__str_puts(&xml, "<query xmlns='" CNC__NS_INFO "'>"
                        "<identity category='account' type='registered'/>"
                        "<feature var='" CNC__NS_INFO "'/>"
                        "<feature var='" CNC__NS_ITEMS "'/>");
    for (struct cnc__table_iter i = {0};
         cnc__table_next(im->account_features, &i);) {
        cnc__xml_printf(&xml, "<feature var='%s'/>", i.key);
    }
    for (const struct cnc__im_listener *l = im->listeners; l; l = l->next) {
        if (l->disco != NULL) {
            l->disco(&xml, in->user->bare, &q, l->priv);
        }
    }
    cnc__str_puts(&xml, "</query>");
    cnc__im_result(in, xml.data, xml.len);
    cnc__str_fini(&xml);
}

bool
cnc__im_iq_in(struct cnc__im_in *in)
{
    const struct cnc_element *payload =
        cnc_element_child(in->stanza, NULL, NULL);
    bool info = in->kind == CNC__IQ_GET &&
                cnc_element_is(payload, CNC__NS_INFO, "query");
    const char *node = info ? cnc_element_attr(payload, NULL, "node") : NULL;

    if (in->where != CNC__TO_ACCOUNT) {
        return false; /* to that resource, or refused, by the router */
    }
    if (info && (node == NULL || node[0] == '\0') && may_discover(in)) {
        answer_info(in, payload);
        return true;
    }
    return false; /* what a stranger may see, if anything, providers know */
}
