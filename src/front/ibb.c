/* SPDX-License-Identifier: MIT */
/*
 * ibb.c -- the body of an answer in blocks (XEP-0047): one block is here, and
 * the service hears that we have it when its last byte was read, so that a
 * slow reader slows his own body and nobody else's.
 *
 *   expected --open--> open --data, ack--> ... --close--> closed
 */
#include "../base/table.h"
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/errors.h"
#include "link.h"

struct cnc__inflow {
    struct cnc__flink *link;
    unsigned refs; /* the table's, and the reader's */
    uint64_t made;
    char *sid;
    bool opened, closed, broken;
    uint16_t seq;          /* of the next block */
    struct cnc__str block; /* the one that is here */
    size_t at;             /* read of it */
    char *from, *ack;      /* whom to tell, once it is read */
    pthread_cond_t cond;
};

struct cnc__inflow *
cnc__inflow_new(struct cnc__flink *l, const char *sid)
{
    struct cnc__inflow *f = cnc__zalloc(sizeof(*f));

    f->link = l;
    f->refs = 2;
    f->made = cnc__flink_made(l);
    f->sid = cnc__strdup(sid);
    cnc__flink_cond_init(&f->cond);
    cnc__table_put(cnc__flink_inflows(l), sid, f);
    return f;
}

void
cnc__inflow_unref(struct cnc__inflow *f)
{
    if (--f->refs > 0) {
        return;
    }
    pthread_cond_destroy(&f->cond);
    cnc__str_fini(&f->block);
    cnc__free(f->sid);
    cnc__free(f->from);
    cnc__free(f->ack);
    cnc__free(f);
}

void
cnc__inflow_broken(struct cnc__inflow *f)
{
    f->broken = true;
    pthread_cond_signal(&f->cond);
    cnc__inflow_unref(f);
}

/* -- what the service says ------------------------------------------------
 */

static void
add_result(struct cnc__str *out, const char *from, const char *id)
{
    cnc__xml_printf(out, "<iq type='result' id='%s'", id);
    if (from != NULL) {
        cnc__xml_printf(out, " to='%s'", from);
    }
    cnc__str_puts(out, "/>");
}

static void
add_error(struct cnc__str *out, const char *from, const char *id,
          const char *condition, const char *text)
{
    struct cnc_error err;

    cnc_error_set(&err, CNC_EPROTO, condition, "%s", text);
    cnc__xml_printf(out, "<iq type='error' id='%s'", id);
    if (from != NULL) {
        cnc__xml_printf(out, " to='%s'", from);
    }
    cnc__str_putc(out, '>');
    cnc__stanza_error_add(out, &err);
    cnc__str_puts(out, "</iq>");
}

/* NULL, or the condition that says what is wrong. */
static const char *
take_block(struct cnc__inflow *f, const struct cnc_element *e)
{
    const char *seq = cnc_element_attr(e, NULL, "seq");
    const char *text = cnc_element_text(e);
    int64_t n;

    if (!f->opened || f->ack != NULL || seq == NULL ||
        !cnc__parse_int(&n, seq, 0, UINT16_MAX) || n != f->seq) {
        return "unexpected-request";
    }
    cnc__str_clear(&f->block);
    f->at = 0;
    if (strlen(text) > CNC__IBB_BLOCK / 3 * 4 + 4 ||
        cnc__base64_decode(&f->block, text, strlen(text)) != 0) {
        return "bad-request";
    }
    f->seq++;
    return NULL;
}

static void
finish(struct cnc__flink *l, struct cnc__inflow *f, bool broken)
{
    cnc__table_del(cnc__flink_inflows(l), f->sid);
    f->closed = !broken;
    f->broken = broken;
    pthread_cond_signal(&f->cond);
    cnc__inflow_unref(f);
}

static void
on_data(struct cnc__flink *l, struct cnc__inflow *f,
        const struct cnc_element *e, const char *from, const char *id,
        struct cnc__str *out)
{
    const char *wrong = take_block(f, e);

    if (wrong != NULL) {
        add_error(out, from, id, wrong, "this is not the block that follows");
        cnc__table_del(cnc__flink_inflows(l), f->sid);
        cnc__inflow_broken(f);
    } else if (f->block.len == 0) {
        add_result(out, from, id);
    } else {
        f->from = cnc__strdup(from);
        f->ack = cnc__strdup(id);
        pthread_cond_signal(&f->cond);
    }
}

bool
cnc__ibb_is(const struct cnc_element *iq)
{
    return cnc_element_child(iq, CNC__NS_IBB, NULL) != NULL;
}

void
cnc__ibb_request(struct cnc__flink *l, const struct cnc_element *iq,
                 struct cnc__str *out)
{
    const struct cnc_element *e = cnc_element_child(iq, CNC__NS_IBB, NULL);
    const char *sid = cnc_element_attr(e, NULL, "sid");
    const char *from = cnc_element_attr(iq, NULL, "from");
    const char *id = cnc_element_attr(iq, NULL, "id");
    struct cnc__inflow *f =
        sid == NULL ? NULL : cnc__table_get(cnc__flink_inflows(l), sid);

    id = id == NULL ? "" : id;
    if (f == NULL || !cnc__flink_is_service(l, from)) {
        add_error(out, from, id, "item-not-found",
                  "nobody waits for that stream");
    } else if (cnc_element_is(e, NULL, "open") && !f->opened) {
        f->opened = true;
        add_result(out, from, id);
    } else if (cnc_element_is(e, NULL, "data")) {
        on_data(l, f, e, from, id, out);
    } else if (cnc_element_is(e, NULL, "close")) {
        add_result(out, from, id);
        finish(l, f, cnc_element_attr(e, CNC__NS_WEB, "broken") != NULL);
    } else {
        add_error(out, from, id, "bad-request", "what is that?");
    }
}

/* -- what is read ---------------------------------------------------------
 */

/* The block was read: the next may come. */
static void
acknowledge(struct cnc__inflow *f)
{
    struct cnc__str xml = CNC__STR;

    add_result(&xml, f->from, f->ack);
    cnc__flink_say(f->link, f->made, xml.data, xml.len);
    cnc__str_fini(&xml);
    cnc__str_fini(&f->block);
    cnc__free(f->from);
    cnc__free(f->ack);
    f->from = f->ack = NULL;
}

ssize_t
cnc__inflow_read(struct cnc__inflow *f, void *data, size_t size,
                 uint32_t wait_ms)
{
    int64_t until = cnc__flink_now() + wait_ms;
    ssize_t n = CNC_ECLOSED;

    cnc__flink_lock(f->link);
    while (f->ack == NULL && !f->closed && !f->broken &&
           cnc__flink_cond_wait(f->link, &f->cond, until) == 0) {
    }
    if (f->ack != NULL) {
        size_t left = f->block.len - f->at;

        n = (ssize_t)(size < left ? size : left);
        memcpy(data, f->block.data + f->at, (size_t)n);
        f->at += (size_t)n;
        if (f->at == f->block.len) {
            acknowledge(f);
        }
    } else if (f->closed) {
        n = 0;
    }
    cnc__flink_unlock(f->link);
    return n;
}

void
cnc__inflow_end(struct cnc__inflow **fp)
{
    struct cnc__inflow *f = *fp;
    struct cnc__flink *l = f->link;
    struct cnc__str xml = CNC__STR;

    *fp = NULL;
    cnc__flink_lock(l);
    if (!f->closed && !f->broken) {
        if (f->ack != NULL) {
            add_error(&xml, f->from, f->ack, "item-not-found",
                      "the reader has gone");
        }
        cnc__xml_printf(
            &xml,
            "<iq type='set' id='end' to='%s'><close xmlns='" CNC__NS_IBB
            "' sid='%s'/></iq>",
            cnc__flink_name(l), f->sid);
        cnc__flink_say(l, f->made, xml.data, xml.len);
        cnc__table_del(cnc__flink_inflows(l), f->sid);
        cnc__inflow_unref(f);
    }
    cnc__inflow_unref(f);
    cnc__flink_unlock(l);
    cnc__str_fini(&xml);
}
