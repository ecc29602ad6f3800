/* SPDX-License-Identifier: MIT */
/*
 * body.c -- an event in words, for people whose client shows no payloads.
 *
 * Who subscribed by an address that outlives its session (a bare JID, or one
 * of another domain) mostly reads in an ordinary client, which shows a message
 * by its <body/> (XEP-0060 12.7 lets one go along).  Pages and programs
 * subscribe their full JIDs and are spared the bytes.
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "impl.h"

#define MAX_WORDS 500 /* bytes */

bool
cnc__sub_wants_body(const struct cnc__sub *sub)
{
    return (sub->bare || sub->session->far_) &&
           cnc__jid_has_local(sub->session->jid);
}

/* Up to n bytes, whole characters. */
static void
add_words(struct cnc__str *out, const char *s, size_t n)
{
    size_t end = 0;

    while (end < n) {
        uint32_t cp;
        size_t len = cnc__utf8_next(&cp, s + end, n - end);

        if (len == 0 || out->len + end + len > MAX_WORDS) {
            break;
        }
        end += len;
    }
    cnc__str_add(out, s, end);
}

/* "Emma, Jane Austen": the texts of the record's fields. */
static void
add_record(struct cnc__str *out, const struct cnc_element *payload)
{
    const struct cnc_element *field;
    bool any = false;

    for (size_t i = 0;
         (field = cnc_element_next(payload, &i, NULL, NULL)) != NULL;) {
        const char *text = cnc_element_text(field);

        if (text[0] != '\0') {
            cnc__str_puts(out, any ? ", " : "");
            add_words(out, text, strlen(text));
            any = true;
        }
    }
    if (!any) {
        const char *text = cnc_element_text(payload);

        add_words(out, text, strlen(text));
    }
}

bool
cnc__body_write(struct cnc__str *out, const struct cnc__node *n,
                const struct cnc__item *item)
{
    const char *title = n->cfg.title == NULL || n->cfg.title[0] == '\0'
                            ? n->name
                            : n->cfg.title;
    struct cnc__str words = CNC__STR;
    struct cnc_element *payload = NULL;
    size_t had;

    if (item == NULL || item->payload == NULL || n->cfg.derived ||
        n->ps->pep ||
        cnc_xml_parse(&payload, cnc_buf_data(item->payload),
                      cnc_buf_len(item->payload), 0, NULL, NULL) != 0) {
        return false;
    }
    add_words(&words, title, strlen(title));
    cnc__str_puts(&words, ": ");
    had = words.len;
    add_record(&words, payload);
    cnc_element_unref(&payload);
    if (words.len > had) {
        cnc__xml_printf(out, "<body>%s</body>", words.data);
    }
    had = words.len - had;
    cnc__str_fini(&words);
    return had > 0;
}
