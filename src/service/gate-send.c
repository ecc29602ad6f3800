/* SPDX-License-Identifier: MIT */
/*
 * gate-send.c -- the body of an answer in blocks (XEP-0047), one under way:
 * the next one goes when the one before was taken.  What is a file is read as
 * it goes, on another thread.
 *
 *   open -> block -> block -> ... -> close      an error or no answer: end
 */
#include <errno.h>
#include <unistd.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "gate.h"

struct cnc__gate_out {
    unsigned magic;
#define OUT_MAGIC 0x676f7574u
    struct cnc__gate *gate;
    struct cnc__gate_link *link; /* NULL: it has gone */
    struct cnc__gate_out *prev, *next;
    char sid[33];
    uint16_t seq;
    bool closing, reading;
    struct cnc_buf *buf; /* or */
    int fd;
    uint64_t offset, left;
    size_t held; /* of link->held */
    /* The reading job's. */
    char *block;
    size_t block_len;
    int error;
};

static void on_answer(const struct cnc_element *iq, void *priv);

static void
unlink_out(struct cnc__gate_out *o)
{
    if (o->link == NULL) {
        return;
    }
    if (o->prev != NULL) {
        o->prev->next = o->next;
    } else {
        o->link->outs = o->next;
    }
    if (o->next != NULL) {
        o->next->prev = o->prev;
    }
    o->link->n--;
    o->gate->stats.under_way--;
    o->link->held -= o->held;
    o->link = NULL;
}

/* What it holds, but itself. */
static void
let_go(struct cnc__gate_out *o)
{
    cnc_buf_unref(&o->buf);
    if (o->fd >= 0) {
        close(o->fd);
        o->fd = -1;
    }
    cnc__free(o->block);
    o->block = NULL;
}

static void
out_free(struct cnc__gate_out *o)
{
    CNC_OBJ_CHECK(o, OUT_MAGIC);
    unlink_out(o);
    let_go(o);
    CNC_OBJ_FREE(o);
}

static void
ask(struct cnc__gate_out *o, const struct cnc__str *xml)
{
    cnc__router_ask(o->gate->service->router, NULL, o->link->jid, "set",
                    xml->data, xml->len, o->gate->stall_ms, on_answer, o);
}

static void
say_block(struct cnc__gate_out *o, const char *data, size_t len)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_reserve(&xml, len / 3 * 4 + 200);
    cnc__xml_printf(&xml, "<data xmlns='" CNC__NS_IBB "' sid='%s' seq='%u'>",
                    o->sid, (unsigned)o->seq++);
    cnc__base64_encode(&xml, data, len);
    cnc__str_puts(&xml, "</data>");
    o->offset += len;
    o->left -= len;
    o->gate->stats.bytes_out += len;
    ask(o, &xml);
    cnc__str_fini(&xml);
}

/* broken: what went is not all of it. */
static void
say_close(struct cnc__gate_out *o, bool broken)
{
    const char *mark =
        broken ? " xmlns:w='" CNC__NS_WEB "' w:broken='true'" : "";
    struct cnc__str xml = CNC__STR;

    o->closing = true;
    cnc__xml_printf(&xml, "<close xmlns='" CNC__NS_IBB "' sid='%s'%pR/>",
                    o->sid, mark);
    ask(o, &xml);
    cnc__str_fini(&xml);
}

/* -- a file: on another thread ---------------------------------------------
 */

static void
read_work(void *arg)
{
    struct cnc__gate_out *o = arg;
    size_t want =
        o->left < CNC__GATE_BLOCK ? (size_t)o->left : CNC__GATE_BLOCK;

    o->block_len = 0;
    while (o->block_len < want && o->error == 0) {
        ssize_t n = pread(o->fd, o->block + o->block_len, want - o->block_len,
                          (off_t)(o->offset + o->block_len));

        if (n > 0) {
            o->block_len += (size_t)n;
        } else if (n == 0) {
            o->error = EIO; /* it was cut meanwhile */
        } else if (errno != EINTR) {
            o->error = errno;
        }
    }
}

static void
read_done(void *arg)
{
    struct cnc__gate_out *o = arg;

    o->reading = false;
    if (o->error != 0) {
        cnc__log(CNC_LOG_ERROR, "gate.file", "error=%s", strerror(o->error));
    }
    if (o->link == NULL) {
        out_free(o);
    } else if (o->error != 0) {
        say_close(o, true);
    } else {
        say_block(o, o->block, o->block_len);
    }
}

/* -- one after another -----------------------------------------------------
 */

static void
next(struct cnc__gate_out *o)
{
    size_t len = o->left < CNC__GATE_BLOCK ? (size_t)o->left : CNC__GATE_BLOCK;

    if (o->left == 0) {
        say_close(o, false);
    } else if (o->buf != NULL) {
        say_block(o, cnc_buf_data(o->buf) + o->offset, len);
    } else {
        o->reading = true;
        cnc__service_offload(read_work, read_done, o, o->gate->service);
    }
}

static void
on_answer(const struct cnc_element *iq, void *priv)
{
    struct cnc__gate_out *o = priv;
    const char *type =
        iq == NULL ? "error" : cnc_element_attr(iq, NULL, "type");

    CNC_OBJ_CHECK(o, OUT_MAGIC);
    if (iq == NULL && o->link != NULL && !o->closing) {
        cnc__gate_warn(o->gate, "gate.stalled", o->link->jid,
                       "nobody takes the body");
    }
    if (iq == NULL && o->link != NULL && !o->closing) {
        say_close(o, true); /* should somebody be there still */
    } else if (o->link == NULL || o->closing || type == NULL ||
               strcmp(type, "result") != 0) {
        out_free(o);
    } else {
        next(o);
    }
}

void
cnc__gate_send(struct cnc__gate *g, struct cnc__gate_link *link,
               const struct cnc__http_response *r, const char *sid)
{
    const struct cnc_buf *buf = r->whole != NULL ? r->whole : r->body;
    struct cnc__gate_out *o = cnc__zalloc(sizeof(*o));
    struct cnc__str xml = CNC__STR;

    o->magic = OUT_MAGIC;
    o->gate = g;
    o->link = link;
    o->fd = -1;
    memcpy(o->sid, sid, strlen(sid) + 1);
    if (r->file != NULL) {
        o->fd = r->file->fd;
        o->offset = r->file->offset;
        o->left = r->file->len;
        o->block = cnc__zalloc(CNC__GATE_BLOCK);
    } else {
        o->buf = cnc_buf_ref((struct cnc_buf *)buf);
        o->offset = r->whole != NULL ? r->head_len : 0;
        o->left = cnc_buf_len(buf) - o->offset;
        o->held = r->kept == NULL ? (size_t)o->left : 0;
        link->held += o->held;
    }
    o->next = link->outs;
    if (o->next != NULL) {
        o->next->prev = o;
    }
    link->outs = o;
    link->n++;
    g->stats.under_way++;
    cnc__xml_printf(&xml,
                    "<open xmlns='" CNC__NS_IBB "' sid='%s' "
                    "block-size='%u' stanza='iq'/>",
                    o->sid, CNC__GATE_BLOCK);
    ask(o, &xml);
    cnc__str_fini(&xml);
}

/* What is asked or read will be answered, late perhaps, and frees it. */
void
cnc__gate_send_end(struct cnc__gate_link *link)
{
    while (link->outs != NULL) {
        struct cnc__gate_out *o = link->outs;

        unlink_out(o);
        if (!o->reading) {
            let_go(o);
        }
    }
}
