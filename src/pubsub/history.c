/* SPDX-License-Identifier: MIT */
/*
 * history.c -- a node's archive (XEP-0313).  An event's archive id is its
 * position, "EPOCH.SEQ"; who has seen one asks for what came after it and gets
 * it, or item-not-found when that cannot be had any more: then the whole page
 * is due again.  Thousands ask the same after a restart, so what an event is
 * answered with is made once.
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "form.h"
#include "impl.h"

#define PAGE 250

struct filter {
    int64_t start, end; /* Unix ms */
    char with[CNC__JID_MAX + 1];
    bool any; /* something is filtered */
};

/* -- the question --------------------------------------------------------- */

static int
read_time(int64_t *out, const struct cnc__values *v, const char *name,
          struct cnc_error *err)
{
    const char *s = cnc__values_get(v, name, 0);
    if (s != NULL && cnc__parse_datetime(out, s) != 0) {
        return cnc_error_set(err, CNC_EINVAL, "bad-request",
                             "%s must be a time such as "
                             "2026-11-22T21:40:00Z",
                             name);
    }
    return 0;
}

static int
read_fields(struct filter *f, const struct cnc__values *v,
            const struct cnc_element *x, struct cnc_error *err)
{
    const struct cnc_element *field;
    for (size_t i = 0; (field = cnc_element_next(x, &i, "jabber:x:data",
                                                 "field")) != NULL;) {
        const char *var = cnc_element_attr(field, NULL, "var");
        if (var != NULL && strcmp(var, "FORM_TYPE") != 0 &&
            strcmp(var, "start") != 0 && strcmp(var, "end") != 0 &&
            strcmp(var, "with") != 0) {
            return cnc_error_set(err, CNC_EINVAL, "feature-not-implemented",
                                 "there is no field %s", var);
        }
    }
    const char *type = cnc__values_get(v, "FORM_TYPE", 0);
    if (type == NULL || strcmp(type, CNC__NS_MAM) != 0) {
        return cnc_error_set(err, CNC_EINVAL, "bad-request",
                             "FORM_TYPE must be %s", CNC__NS_MAM);
    }
    const char *with = cnc__values_get(v, "with", 0);
    if (with != NULL &&
        cnc__jid_prepare(f->with, with, strlen(with), NULL) != 0) {
        return cnc_error_set(err, CNC_EINVAL, "bad-request",
                             "with must be a JID");
    }
    int rc = read_time(&f->start, v, "start", err);
    return rc != 0 ? rc : read_time(&f->end, v, "end", err);
}

static int
read_filter(struct filter *f, const struct cnc_element *query,
            struct cnc_error *err)
{
    *f = (struct filter){.start = INT64_MIN, .end = INT64_MAX};
    const struct cnc_element *x =
        cnc_element_child(query, "jabber:x:data", "x");
    if (x == NULL) {
        return 0;
    }
    struct cnc__values *v = cnc__values_new();
    int rc = cnc__values_from_form(v, x, err);
    if (rc == 0) {
        rc = read_fields(f, v, x, err);
    }
    cnc__values_free(&v);
    f->any =
        f->start != INT64_MIN || f->end != INT64_MAX || f->with[0] != '\0';
    return rc;
}

static bool
passes(const struct filter *f, const struct cnc__item *item)
{
    return !f->any ||
           (item->published_ms >= f->start && item->published_ms <= f->end &&
            (f->with[0] == '\0' ||
             cnc__jid_same_bare(f->with, item->publisher)));
}

/* -- the answer ----------------------------------------------------------- */

static struct cnc_buf *
shared(struct cnc__node *n, struct cnc__entry *e)
{
    if (e->shared != NULL) {
        return e->shared;
    }
    char stamp[32], position[CNC__POSITION_LEN];
    cnc__datetime(stamp, e->item->published_ms);
    cnc__position(position, n, e->item->seq);
    struct cnc__str xml = CNC__STR;
    cnc__str_printf(&xml,
                    "<forwarded xmlns='urn:xmpp:forward:0'>"
                    "<delay xmlns='urn:xmpp:delay' stamp='%s'/>"
                    "<message xmlns='jabber:client' from='%s'"
                    " type='headline' id='%s'>"
                    "<event xmlns='" CNC__NS_EVENT "'>",
                    stamp, n->ps->jid, position);
    cnc__event_write(&xml, n, e->what, e->item, true);
    cnc__str_puts(&xml, "</event></message></forwarded></result></message>");
    e->shared = cnc_buf_new(xml.data, xml.len);
    cnc__str_fini(&xml);
    return e->shared;
}

static void
send_entry(struct cnc__session *s, struct cnc__node *n, struct cnc__entry *e,
           const char *queryid)
{
    char position[CNC__POSITION_LEN];
    struct cnc__str head = CNC__STR;
    cnc__position(position, n, e->item->seq);
    cnc__xml_printf(
        &head, "<message from='%s' to='%s'><result xmlns='" CNC__NS_MAM "'",
        n->ps->jid, s->jid);
    if (queryid != NULL) {
        cnc__xml_printf(&head, " queryid='%s'", queryid);
    }
    cnc__str_printf(&head, " id='%s'>", position);
    cnc__session_send_shared(s, head.data, head.len, shared(n, e));
    cnc__str_fini(&head);
}

struct page {
    size_t at[PAGE]; /* indexes into the archive, oldest first */
    size_t n, first_index, total;
    bool complete;
};

/* Walk the archive between two of its indexes, from the end the page hangs
 * on, and pick what passes until the page is full. */
static void
fill(struct page *p, const struct cnc__node *n, const struct filter *f,
     size_t from, size_t to, size_t max, bool backwards)
{
    size_t bytes = 0;
    p->complete = true;
    for (size_t i = 0; i < to - from; i++) {
        size_t at = backwards ? to - 1 - i : from + i;
        const struct cnc__entry *e = &n->archive.all[n->archive.first + at];
        if (!passes(f, e->item)) {
            continue;
        }
        bytes +=
            512 +
            (e->item->payload == NULL ? 0 : cnc_buf_len(e->item->payload));
        if (p->n == max || (p->n > 0 && bytes > CNC__PAGE_BYTES)) {
            p->complete = false;
            break;
        }
        p->at[p->n++] = at;
    }
    for (size_t i = 0; backwards && i < p->n / 2; i++) {
        size_t swap = p->at[i];
        p->at[i] = p->at[p->n - 1 - i];
        p->at[p->n - 1 - i] = swap;
    }
}

static void
count(struct page *p, const struct cnc__node *n, const struct filter *f)
{
    p->total = n->archive.n;
    p->first_index = p->n == 0 ? 0 : p->at[0];
    for (size_t i = 0; f->any && i < n->archive.n; i++) {
        const struct cnc__entry *e = &n->archive.all[n->archive.first + i];
        if (!passes(f, e->item)) {
            p->total--;
            p->first_index -= p->n > 0 && i < p->at[0];
        }
    }
}

static int
not_there(struct cnc_error *err, const char *position)
{
    return cnc_error_set(err, CNC_ENOENT, "item-not-found",
                         "the archive does not reach back to %.60s", position);
}

static int
bounds(size_t *from, size_t *to, const struct cnc__rsm *r,
       const struct cnc__node *n, struct cnc_error *err)
{
    const struct cnc__archive *a = &n->archive;
    uint64_t seq;
    *from = 0;
    *to = a->n;
    if (r->after != NULL) {
        /* One older than what was lost has a gap behind it. */
        if (cnc__position_parse(&seq, n, r->after) != 0 || seq < a->lost) {
            return not_there(err, r->after);
        }
        *from = cnc__archive_after(a, seq);
    }
    if (r->before != NULL && *r->before != '\0') {
        if (cnc__position_parse(&seq, n, r->before) != 0 || seq <= a->lost) {
            return not_there(err, r->before);
        }
        *to = cnc__archive_after(a, seq - 1);
    }
    if (*from > *to) {
        *from = *to;
    }
    return 0;
}

static void
answer(struct cnc__request **rp, struct cnc__node *n, const struct page *p)
{
    char first[CNC__POSITION_LEN], last[CNC__POSITION_LEN];
    struct cnc__str xml = CNC__STR;
    cnc__str_printf(&xml, "<fin xmlns='" CNC__NS_MAM "'%s>",
                    p->complete ? " complete='true'" : "");
    if (p->n > 0) {
        const struct cnc__archive *a = &n->archive;
        cnc__position(first, n, a->all[a->first + p->at[0]].item->seq);
        cnc__position(last, n, a->all[a->first + p->at[p->n - 1]].item->seq);
    }
    cnc__rsm_write(&xml, p->n > 0 ? first : NULL, p->first_index, last,
                   p->total);
    cnc__str_puts(&xml, "</fin>");
    cnc__request_result(rp, xml.data, xml.len);
    cnc__str_fini(&xml);
}

static int
query(struct cnc__request **rp, struct cnc__pubsub *ps, struct cnc_error *err)
{
    struct cnc__request *r = *rp;
    const char *name = cnc_element_attr(r->payload, NULL, "node");
    if (name == NULL) {
        return cnc__ps_error(err, CNC_EINVAL, "bad-request", "nodeid-required",
                             "the node is not named");
    }
    struct cnc__node *n = cnc__pubsub_node(ps, name);
    if (n == NULL) {
        return cnc_error_set(err, CNC_ENOENT, "item-not-found",
                             "there is no node %.200s", name);
    }
    struct cnc__actor who = cnc__request_actor(r);
    struct filter f;
    struct cnc__rsm rsm;
    size_t from, to;
    int rc = cnc__pubsub_may(ps, &who, CNC__MAY_SEE, n, err);
    if (rc != 0 || (rc = read_filter(&f, r->payload, err)) != 0 ||
        (rc = cnc__rsm_read(&rsm, r->payload, err)) != 0 ||
        (rc = bounds(&from, &to, &rsm, n, err)) != 0) {
        return rc;
    }
    struct page p = {.n = 0};
    size_t max = rsm.max >= 0 && rsm.max < PAGE ? (size_t)rsm.max : PAGE;
    fill(&p, n, &f, from, to, max, rsm.backwards);
    count(&p, n, &f);
    struct cnc__session *s =
        cnc__is_far(ps, r->from)
            ? cnc__router_far(ps->env.router, r->from)
            : cnc__router_session(ps->env.router, r->session_id);
    const char *id = cnc_element_attr(r->payload, NULL, "queryid");
    for (size_t i = 0; s != NULL && i < p.n; i++) {
        send_entry(s, n, cnc__archive_at(&n->archive, p.at[i]), id);
    }
    if (s != NULL && s->far_) {
        cnc__router_far_unref(&s);
    }
    answer(rp, n, &p);
    return 0;
}

static void
on_query(struct cnc__request *r, void *priv)
{
    struct cnc_error err = {0};
    struct cnc__pubsub *ps = priv;
    if (query(&r, ps, &err) != 0) {
        ps->root->stats.refused++;
        cnc__request_error(&r, &err);
    }
}

/* 4.1.5: which fields may be asked with. */
static void
on_form(struct cnc__request *r, void *priv)
{
    static const char xml[] =
        "<query xmlns='" CNC__NS_MAM "'><x xmlns='jabber:x:data'"
        " type='form'><field type='hidden' var='FORM_TYPE'><value>" CNC__NS_MAM
        "</value></field><field type='jid-single' var='with'/>"
        "<field type='text-single' var='start'/>"
        "<field type='text-single' var='end'/></x></query>";
    cnc__request_result(&r, xml, sizeof(xml) - 1);
}

void
cnc__history_init(struct cnc__pubsub *ps)
{
    const struct cnc__handler handlers[] = {
        {.kinds = CNC__IQ_SET,
         .ns = CNC__NS_MAM,
         .name = "query",
         .feature = CNC__NS_MAM,
         .f = on_query,
         .priv = ps},
        {.kinds = CNC__IQ_GET,
         .ns = CNC__NS_MAM,
         .name = "query",
         .f = on_form,
         .priv = ps},
    };
    for (size_t i = 0; i < CNC_N(handlers); i++) {
        CNC_CHECK(cnc__router_handle(ps->env.router, &handlers[i], NULL) == 0);
    }
    cnc__router_feature(ps->env.router, "urn:xmpp:sid:0");
}
