/* SPDX-License-Identifier: MIT */
/*
 * archive-query.c -- finding what is in an archive (XEP-0313 4 and 5, with
 * everything of mam:2#extended), and its preferences (XEP-0441).
 */
#include "../pubsub/impl.h"
#include "mam.h"

#define NS_DATA   "jabber:x:data"
#define MAX_IDS   100
#define MAX_BYTES (256u << 10) /* of a page, but for its first message */

/* -- what is asked for ---------------------------------------------------- */

struct filter {
    char with[CNC__JID_MAX + 1]; /* "": anybody */
    bool bare;                   /* with is: any resource */
    int64_t start_ms, end_ms;
    size_t from, to; /* of the archive: by after-id and before-id */
    size_t ids[MAX_IDS], n_ids;
};

static int
missing(struct cnc_error *err, const char *id)
{
    return cnc_error_set(err, CNC_ENOENT, "item-not-found",
                         "%s is not in the archive", id);
}

static int
read_ids(struct filter *f, const struct cnc__mam *m,
         const struct cnc_element *field, struct cnc_error *err)
{
    const struct cnc_element *v;

    for (size_t i = 0;
         (v = cnc_element_next(field, &i, NS_DATA, "value")) != NULL;) {
        size_t at = cnc__mam_find(m, cnc_element_text(v));

        if (at == SIZE_MAX) {
            return missing(err, cnc_element_text(v));
        }
        if (f->n_ids == MAX_IDS) {
            return cnc_error_set(err, CNC_ELIMIT, "policy-violation",
                                 "at most %d ids", MAX_IDS);
        }
        f->ids[f->n_ids++] = at;
    }
    return 0;
}

static int
read_field(struct filter *f, const struct cnc__mam *m,
           const struct cnc_element *field, struct cnc_error *err)
{
    const char *var = cnc_element_attr(field, NULL, "var");
    const char *value = cnc_element_child_text(field, NS_DATA, "value");
    bool after = var != NULL && strcmp(var, "after-id") == 0;
    int rc = 0;

    if (var == NULL || strcmp(var, "FORM_TYPE") == 0 ||
        strcmp(var, "include-groupchat") == 0) {
        return 0; /* there is none to include */
    }
    if (strcmp(var, "with") == 0) {
        f->bare = strchr(value, '/') == NULL;
        return cnc__jid_prepare(f->with, value, strlen(value), err);
    }
    if (strcmp(var, "start") == 0 || strcmp(var, "end") == 0) {
        rc = cnc__parse_datetime(var[0] == 's' ? &f->start_ms : &f->end_ms,
                                 value);
        return rc == 0 ? 0
                       : cnc_error_set(err, CNC_EPROTO, "bad-request",
                                       "%s is no date and time", var);
    }
    if (after || strcmp(var, "before-id") == 0) {
        size_t at = cnc__mam_find(m, value);

        if (at == SIZE_MAX) {
            return missing(err, value);
        }
        if (after && at + 1 > f->from) {
            f->from = at + 1;
        } else if (!after && at < f->to) {
            f->to = at;
        }
        return 0;
    }
    if (strcmp(var, "ids") == 0) {
        return read_ids(f, m, field, err);
    }
    return cnc_error_set(err, CNC_EPROTO, "feature-not-implemented",
                         "there is no field %s", var);
}

static int
read_filter(struct filter *f, const struct cnc__mam *m,
            const struct cnc_element *query, struct cnc_error *err)
{
    const struct cnc_element *x = cnc_element_child(query, NS_DATA, "x");
    const struct cnc_element *field;

    f->with[0] = '\0';
    f->start_ms = INT64_MIN;
    f->end_ms = INT64_MAX;
    f->from = 0;
    f->to = m == NULL ? 0 : m->n;
    f->n_ids = 0;
    for (size_t i = 0; x != NULL && (field = cnc_element_next(
                                         x, &i, NS_DATA, "field")) != NULL;) {
        int rc = read_field(f, m, field, err);

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static bool
is_among(const struct filter *f, size_t at)
{
    for (size_t i = 0; i < f->n_ids; i++) {
        if (f->ids[i] == at) {
            return true;
        }
    }
    return f->n_ids == 0;
}

static bool
matches(const struct filter *f, const struct cnc__mam *m, size_t at)
{
    const struct cnc__mam_entry *e = cnc__mam_at(m, at);

    if (at < f->from || at >= f->to || e->stamp_ms < f->start_ms ||
        e->stamp_ms > f->end_ms || !is_among(f, at)) {
        return false;
    }
    /* `with` is the other's address: of what one said to oneself, one's own
     * (4.1.1). */
    return f->with[0] == '\0' ||
           (f->bare ? cnc__jid_same_bare(f->with, e->with)
                    : strcmp(f->with, e->with) == 0);
}

/* -- one page ------------------------------------------------------------- */

struct page {
    size_t *at; /* places in the archive, n, in order */
    size_t n, count, index;
    bool complete;
};

/* [from, to) by the result set's after and before. */
static int
read_range(size_t *from, size_t *to, const struct cnc__rsm *r,
           const struct cnc__mam *m, struct cnc_error *err)
{
    size_t at;

    *from = 0;
    *to = m == NULL ? 0 : m->n;
    if (r->after != NULL) {
        at = cnc__mam_find(m, r->after);
        if (at == SIZE_MAX) {
            return missing(err, r->after);
        }
        *from = at + 1;
    }
    if (r->before != NULL && r->before[0] != '\0') {
        at = cnc__mam_find(m, r->before);
        if (at == SIZE_MAX) {
            return missing(err, r->before);
        }
        *to = at;
    }
    return 0;
}

/* Walk from the end the page hangs on until it is full. */
static void
fill(struct page *p, const struct filter *f, const struct cnc__mam *m,
     size_t from, size_t to, size_t max, bool backwards)
{
    size_t bytes = 0;

    p->at = cnc__zalloc((max + 1) * sizeof(*p->at));
    p->complete = true;
    for (size_t k = from; k < to; k++) {
        size_t at = backwards ? to - 1 - (k - from) : k;

        if (!matches(f, m, at)) {
            continue;
        }
        bytes += cnc_buf_len(cnc__mam_at(m, at)->xml);
        if (p->n == max || (p->n > 0 && bytes > MAX_BYTES)) {
            p->complete = false;
            break;
        }
        p->at[p->n++] = at;
    }
    for (size_t i = 0; backwards && i < p->n / 2; i++) {
        size_t other = p->at[i];

        p->at[i] = p->at[p->n - 1 - i];
        p->at[p->n - 1 - i] = other;
    }
}

static void
count(struct page *p, const struct filter *f, const struct cnc__mam *m)
{
    for (size_t i = 0; m != NULL && i < m->n; i++) {
        if (!matches(f, m, i)) {
            continue;
        }
        p->count++;
        if (p->n > 0 && i < p->at[0]) {
            p->index++;
        }
    }
}

static void
send_entry(struct cnc__im_in *in, const struct cnc__mam_entry *e,
           const char *queryid)
{
    struct cnc__str xml = CNC__STR;
    struct cnc_element *stanza =
        cnc__router_parse(cnc_buf_data(e->xml), cnc_buf_len(e->xml));

    cnc__xml_printf(&xml,
                    "<message from='%s' to='%s'><result "
                    "xmlns='" CNC__NS_MAM2 "'",
                    in->user->bare, in->from);
    if (queryid != NULL) {
        cnc__xml_printf(&xml, " queryid='%s'", queryid);
    }
    cnc__xml_printf(&xml, " id='%s'>", e->id);
    if (stanza != NULL) {
        cnc__im_forward(&xml, stanza, e->stamp_ms);
    }
    cnc__str_puts(&xml, "</result></message>");
    cnc__router_send(in->im->router, in->user->bare, in->from, xml.data,
                     xml.len, NULL);
    cnc__str_fini(&xml);
    cnc_element_unref(&stanza);
}

static void
send_page(struct cnc__im_in *in, const struct cnc_element *query,
          const struct page *p)
{
    const struct cnc__mam *m = in->user->mam;
    const char *queryid = cnc_element_attr(query, NULL, "queryid");
    bool flip = cnc_element_child(query, CNC__NS_MAM2, "flip-page") != NULL;
    struct cnc__str xml = CNC__STR;

    for (size_t i = 0; i < p->n; i++) {
        send_entry(in, cnc__mam_at(m, p->at[flip ? p->n - 1 - i : i]),
                   queryid);
    }
    cnc__xml_printf(&xml, "<fin xmlns='" CNC__NS_MAM2 "'%pR>",
                    p->complete ? " complete='true'" : "");
    if (p->n > 0) {
        cnc__rsm_write(&xml, cnc__mam_at(m, p->at[0])->id, p->index,
                       cnc__mam_at(m, p->at[p->n - 1])->id, p->count);
    } else {
        cnc__rsm_write(&xml, NULL, 0, NULL, p->count);
    }
    cnc__str_puts(&xml, "</fin>");
    cnc__im_result(in, xml.data, xml.len);
    cnc__str_fini(&xml);
}

static void
refuse(struct cnc__im_in *in, const struct cnc_error *err)
{
    cnc__im_refuse(in, err->code, err->condition, err->text);
}

static void
run_query(struct cnc__im_in *in, const struct cnc_element *query)
{
    const struct cnc__mam *m = in->user->mam;
    struct filter *f = cnc__zalloc(sizeof(*f));
    struct page p = {0};
    struct cnc__rsm rsm;
    struct cnc_error err = {0};
    size_t from, to, max = in->im->limits.archive_page;

    if (read_filter(f, m, query, &err) != 0 ||
        cnc__rsm_read(&rsm, query, &err) != 0 ||
        read_range(&from, &to, &rsm, m, &err) != 0) {
        refuse(in, &err);
        cnc__free(f);
        return;
    }
    if (rsm.max >= 0 && (size_t)rsm.max < max) {
        max = (size_t)rsm.max;
    }
    fill(&p, f, m, from, to, max, rsm.backwards);
    count(&p, f, m);
    send_page(in, query, &p);
    cnc__free(p.at);
    cnc__free(f);
}

/* -- queries that wait ---------------------------------------------------- */

struct cnc__mam_query {
    struct cnc_element *iq;
    char *from, *to;
    uint64_t seq; /* this and all before it must be kept */
    struct cnc__mam_query *next;
};

static void
query_free(struct cnc__mam_query *q)
{
    cnc_element_unref(&q->iq);
    cnc__free(q->from);
    cnc__free(q->to);
    cnc__free(q);
}

static void
wait(struct cnc__im_in *in)
{
    struct cnc__mam_query *q = cnc__zalloc(sizeof(*q));
    struct cnc__mam_query **end = &in->user->mam->queries;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = q;
    q->iq = cnc_element_ref(in->stanza);
    q->from = cnc__strdup(in->from);
    q->to = cnc__strdup(in->to);
    q->seq = in->user->mam->seq;
}

void
cnc__mam_run_queries(struct cnc__im_user *u)
{
    struct cnc__mam *m = u->mam;

    while (m->queries != NULL && m->queries->seq <= m->kept) {
        struct cnc__mam_query *q = m->queries;
        struct cnc__im_in in = {.im = u->im,
                                .user = u,
                                .where = CNC__TO_ACCOUNT,
                                .kind = CNC__IQ_SET,
                                .from = q->from,
                                .to = q->to,
                                .type = "set",
                                .stanza = q->iq};

        m->queries = q->next;
        run_query(&in, cnc_element_child(q->iq, NULL, NULL));
        query_free(q);
    }
}

void
cnc__mam_drop_queries(struct cnc__mam *m)
{
    while (m->queries != NULL) {
        struct cnc__mam_query *q = m->queries;

        m->queries = q->next;
        query_free(q);
    }
}

/* -- other requests ------------------------------------------------------- */

/* 4.1.5 */
static void
answer_form(struct cnc__im_in *in)
{
    static const char form[] =
        "<query xmlns='" CNC__NS_MAM2 "'><x xmlns='" NS_DATA "' type='form'>"
        "<field type='hidden' var='FORM_TYPE'><value>" CNC__NS_MAM2
        "</value></field><field type='jid-single' var='with'/>"
        "<field type='text-single' var='start'/>"
        "<field type='text-single' var='end'/>"
        "<field type='text-single' var='before-id'/>"
        "<field type='text-single' var='after-id'/>"
        "<field type='list-multi' var='ids'><validate "
        "xmlns='http://jabber.org/protocol/xdata-validate' "
        "datatype='xs:string'><open/></validate></field>"
        "<field type='boolean' var='include-groupchat'/></x></query>";

    cnc__im_result(in, form, sizeof(form) - 1);
}

static void
answer_metadata(struct cnc__im_in *in)
{
    const struct cnc__mam *m = in->user->mam;
    static const char *const names[] = {"start", "end"};
    struct cnc__str xml = CNC__STR;

    cnc__str_puts(&xml, "<metadata xmlns='" CNC__NS_MAM2 "'>");
    for (size_t i = 0; m != NULL && m->n > 0 && i < 2; i++) {
        const struct cnc__mam_entry *e = cnc__mam_at(m, i * (m->n - 1));
        char stamp[32];

        cnc__datetime(stamp, e->stamp_ms);
        cnc__xml_printf(&xml, "<%s id='%s' timestamp='%s'/>", names[i], e->id,
                        stamp);
    }
    cnc__str_puts(&xml, "</metadata>");
    cnc__im_result(in, xml.data, xml.len);
    cnc__str_fini(&xml);
}

struct setting {
    struct cnc_element *iq;
    char *from, *bare;
};

static void
on_prefs_kept(struct cnc__im_change *c, const struct cnc_error *err)
{
    struct setting *s = c->priv;
    struct cnc__im_user *u = cnc__im_user(c->im, s->bare, strlen(s->bare));
    struct cnc__im_in in = {.im = c->im,
                            .user = u,
                            .from = s->from,
                            .to = s->bare,
                            .type = "set",
                            .stanza = s->iq};
    struct cnc__str xml = CNC__STR;

    if (err != NULL) {
        refuse(&in, err);
    } else if (u != NULL) {
        cnc__mam_prefs_read(cnc__mam_make(u),
                            cnc_element_child(s->iq, NULL, NULL), NULL);
        cnc__mam_prefs_write(&xml, u->mam);
        cnc__im_result(&in, xml.data, xml.len);
        cnc__str_fini(&xml);
    }
    cnc_element_unref(&s->iq);
    cnc__free(s->from);
    cnc__free(s->bare);
    cnc__free(s);
}

static void
set_prefs(struct cnc__im_in *in, const struct cnc_element *prefs)
{
    struct cnc__mam wanted = {0};
    struct cnc__str xml = CNC__STR;
    struct cnc_error err = {0};
    struct cnc__im_change *c;
    struct setting *s;

    if (cnc__mam_prefs_read(&wanted, prefs, &err) != 0) {
        refuse(in, &err);
        return;
    }
    cnc__mam_prefs_write(&xml, &wanted);
    cnc__table_free(&wanted.always, NULL);
    cnc__table_free(&wanted.never, NULL);
    s = cnc__zalloc(sizeof(*s));
    s->iq = cnc_element_ref(in->stanza);
    s->from = cnc__strdup(in->from);
    s->bare = cnc__strdup(in->user->bare);
    c = cnc__im_change_new(in->im, on_prefs_kept, s);
    cnc__im_put(c, "archive-prefs", in->user, "", xml.data, xml.len);
    cnc__str_fini(&xml);
    cnc__im_commit(c);
}

static void
answer_prefs(struct cnc__im_in *in)
{
    struct cnc__str xml = CNC__STR;

    cnc__mam_prefs_write(&xml, in->user->mam);
    cnc__im_result(in, xml.data, xml.len);
    cnc__str_fini(&xml);
}

static void
take_query(struct cnc__im_in *in, const struct cnc_element *payload)
{
    const struct cnc__mam *m = in->user->mam;

    if (in->kind == CNC__IQ_GET) {
        answer_form(in);
    } else if (m != NULL && m->kept < m->seq) {
        wait(in);
    } else {
        run_query(in, payload);
    }
}

/* Not by the router's handlers: pubsub answers the same payload, for nodes. */
bool
cnc__mam_request(struct cnc__im_in *in)
{
    const struct cnc_element *payload =
        cnc_element_child(in->stanza, NULL, NULL);
    const char *name;

    if (in->where != CNC__TO_ACCOUNT ||
        !cnc_element_is(payload, CNC__NS_MAM2, NULL) ||
        cnc_element_attr(payload, NULL, "node") != NULL) {
        return false;
    }
    name = cnc_element_name(payload);
    if (in->user == NULL || !cnc__jid_same_bare(in->from, in->to)) {
        /* 8.1; whether there is an account or not. */
        cnc__im_refuse(in, CNC_EACCES, "forbidden",
                       "an archive is its owner's alone");
    } else if (strcmp(name, "query") == 0) {
        take_query(in, payload);
    } else if (strcmp(name, "prefs") == 0 && in->kind == CNC__IQ_SET) {
        set_prefs(in, payload);
    } else if (strcmp(name, "prefs") == 0) {
        answer_prefs(in);
    } else if (strcmp(name, "metadata") == 0 && in->kind == CNC__IQ_GET) {
        answer_metadata(in);
    } else {
        return false;
    }
    return true;
}
