/* SPDX-License-Identifier: MIT */
/*
 * roster.c -- rosters: get, set, remove, push, versions (RFC 6121 2).
 */
#include "parts.h"

#define MAX_PUSHES 50 /* changes told one by one; more: the whole roster */
#define MAX_NAME   1023

/* -- memory --------------------------------------------------------------- */

struct cnc__roster *
cnc__roster_make(struct cnc__im_user *u)
{
    if (u->roster == NULL) {
        u->roster = cnc__zalloc(sizeof(*u->roster));
        u->roster->contacts = cnc__table_new();
        u->roster->last = &u->roster->first;
    }
    return u->roster;
}

const struct cnc__contact *
cnc__im_contact(const struct cnc__im_user *u, const char *bare)
{
    return u == NULL || u->roster == NULL
               ? NULL
               : cnc__table_get(u->roster->contacts, bare);
}

static void
count(struct cnc__im_user *u, const struct cnc__contact *c, bool up)
{
    struct cnc__roster *r = u->roster;
    size_t one = up ? 1 : (size_t)-1;

    r->bytes += up ? cnc__contact_bytes(c) : -cnc__contact_bytes(c);
    r->n_listed += c->listed ? one : 0;
    r->n_removed += c->removed ? one : 0;
    r->n_requests += (c->bits & CNC__SUB_PENDING_IN) != 0 ? one : 0;
    u->im->n_contacts += c->listed ? one : 0;
}

void
cnc__roster_place(struct cnc__im_user *u, struct cnc__contact *c)
{
    struct cnc__contact *old = cnc__table_put(u->roster->contacts, c->jid, c);

    if (old != NULL) {
        count(u, old, false);
        cnc__contact_free(old);
    }
    count(u, c, true);
}

void
cnc__roster_take(struct cnc__im_user *u, const char *jid)
{
    struct cnc__contact *old = cnc__table_del(u->roster->contacts, jid);

    if (old != NULL) {
        count(u, old, false);
        cnc__contact_free(old);
    }
}

static void
free_user(struct cnc__im_user *u)
{
    struct cnc__roster *r = u->roster;

    if (r == NULL) {
        return;
    }
    for (struct cnc__roster_job *j = r->first, *next; j != NULL; j = next) {
        next = j->next;
        if (j == r->first && r->busy) {
            j->user = NULL; /* freed when the store answers */
        } else {
            cnc__roster_job_free(j);
        }
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(r->contacts, &i);) {
        count(u, i.value, false);
        cnc__contact_free(i.value);
    }
    cnc__table_free(&r->contacts, NULL);
    cnc__free(r);
    u->roster = NULL;
}

static bool
load_meta(struct cnc__roster *r, const char *xml, size_t len)
{
    struct cnc_element *e = NULL;
    const char *epoch, *floor;
    int64_t n;
    bool ok;

    if (cnc_xml_parse(&e, xml, len, 0, NULL, NULL) != 0) {
        return false;
    }
    epoch = cnc_element_attr(e, NULL, "epoch");
    floor = cnc_element_attr(e, NULL, "floor");
    ok = epoch != NULL && strlen(epoch) == 8 && floor != NULL &&
         cnc__parse_int(&n, floor, 0, INT64_MAX);
    if (ok) {
        memcpy(r->epoch, epoch, 9);
        r->floor = (uint64_t)n;
        r->ver = r->ver < r->floor ? r->floor : r->ver;
    }
    cnc_element_unref(&e);
    return ok;
}

static bool
load(struct cnc__im_user *u, const struct cnc_store_entry *e, const char *key)
{
    struct cnc__roster *r = cnc__roster_make(u);
    struct cnc__contact *c;

    if (key[0] == '\0') {
        return load_meta(r, e->value, e->len);
    }
    c = cnc__contact_read(e->value, e->len);
    if (c == NULL || strcmp(c->jid, key) != 0) {
        cnc__contact_free(c);
        return false;
    }
    r->ver = c->ver > r->ver ? c->ver : r->ver;
    cnc__roster_place(u, c);
    return true;
}

/* RFC 6121 does not say it, but whoever trusted the account must not trust the
 * next of its name. */
static void
forget(struct cnc__im_user *u, struct cnc__im_change *change)
{
    if (u->roster == NULL) {
        return;
    }
    cnc__im_del(change, "roster", u, "");
    for (struct cnc__table_iter i = {0};
         cnc__table_next(u->roster->contacts, &i);) {
        const struct cnc__contact *c = i.value;

        cnc__im_del(change, "roster", u, c->jid);
        if ((c->bits & (CNC__SUB_TO | CNC__SUB_PENDING_OUT)) != 0) {
            cnc__im_presence(u->im, "unsubscribe", u->bare, c->jid);
        }
        if ((c->bits & (CNC__SUB_FROM | CNC__SUB_PENDING_IN)) != 0) {
            cnc__im_presence(u->im, "unsubscribed", u->bare, c->jid);
        }
    }
}

/* -- telling -------------------------------------------------------------- */

void
cnc__roster_ver(char out[40], const struct cnc__roster *r)
{
    struct cnc__str s = CNC__STR;

    cnc__str_printf(&s, "%s-%llu",
                    r == NULL || r->epoch[0] == '\0' ? "0" : r->epoch,
                    (unsigned long long)(r == NULL ? 0 : r->ver));
    CNC_CHECK(s.len < 40);
    memcpy(out, s.data, s.len + 1);
    cnc__str_fini(&s);
}

static void
push_to(struct cnc__session *s, const char *epoch,
        const struct cnc__contact *c)
{
    struct cnc__str xml = CNC__STR;
    char id[17];

    cnc__random_hex(id, 8);
    cnc__xml_printf(&xml,
                    "<iq type='set' id='%s' to='%s'><query "
                    "xmlns='" CNC__NS_ROSTER "' ver='%s-%llu'>",
                    id, s->jid, epoch, (unsigned long long)c->ver);
    cnc__contact_item(&xml, c);
    cnc__str_puts(&xml, "</query></iq>");
    cnc__im_give(s, &xml);
}

/* 2.1.6: to whoever has asked for the roster. */
void
cnc__roster_push(struct cnc__im_user *u, const struct cnc__contact *c)
{
    for (struct cnc__session *s = cnc__im_sessions(u); s != NULL;
         s = s->next_same) {
        if (cnc__im_state(s) != NULL && cnc__im_state(s)->interested) {
            push_to(s, u->roster->epoch, c);
        }
    }
}

/* -- get ------------------------------------------------------------------ */

/* The version a client has: 0: none of ours, the whole roster is due. */
static uint64_t
known_version(const struct cnc__roster *r, const char *ver)
{
    size_t len = r == NULL ? 0 : strlen(r->epoch);
    int64_t n;

    if (len == 0 || strncmp(ver, r->epoch, len) != 0 || ver[len] != '-' ||
        !cnc__parse_int(&n, ver + len + 1, 1, INT64_MAX) ||
        (uint64_t)n < r->floor || (uint64_t)n > r->ver) {
        return 0;
    }
    return (uint64_t)n;
}

static int
by_version(const void *a, const void *b)
{
    const struct cnc__contact *const *x = a, *const *y = b;

    return ((*x)->ver > (*y)->ver) - ((*x)->ver < (*y)->ver);
}

/* What has changed after the version; false: too much. */
static bool
push_since(struct cnc__session *s, const struct cnc__roster *r,
           uint64_t version, struct cnc__request **q)
{
    const struct cnc__contact *changed[MAX_PUSHES];
    size_t n = 0;

    for (struct cnc__table_iter i = {0}; cnc__table_next(r->contacts, &i);) {
        const struct cnc__contact *c = i.value;

        if (c->ver > version && (c->listed || c->removed)) {
            if (n == MAX_PUSHES) {
                return false;
            }
            changed[n++] = c;
        }
    }
    qsort(changed, n, sizeof(changed[0]), by_version);
    cnc__request_result(q, NULL, 0); /* 2.6.3 */
    for (size_t i = 0; i < n; i++) {
        push_to(s, r->epoch, changed[i]);
    }
    return true;
}

static void
answer_whole(struct cnc__request *q, const struct cnc__roster *r)
{
    struct cnc__str xml = CNC__STR;
    char ver[40];

    cnc__roster_ver(ver, r);
    cnc__xml_printf(&xml, "<query xmlns='" CNC__NS_ROSTER "' ver='%s'>", ver);
    for (struct cnc__table_iter i = {0};
         r != NULL && cnc__table_next(r->contacts, &i);) {
        const struct cnc__contact *c = i.value;

        if (c->listed) {
            cnc__contact_item(&xml, c);
        }
    }
    cnc__str_puts(&xml, "</query>");
    cnc__request_result(&q, xml.data, xml.len);
    cnc__str_fini(&xml);
}

static void
on_get(struct cnc__request *q, struct cnc__im *im)
{
    struct cnc__session *s = cnc__router_session(im->router, q->session_id);
    struct cnc__im_user *u = s == NULL ? NULL : cnc__im_user_of(im, s);
    const char *ver = cnc_element_attr(q->payload, NULL, "ver");
    uint64_t version;

    if (u == NULL) {
        cnc__request_refuse(&q, CNC_ENOENT, "item-not-found",
                            "there is no account");
        return;
    }
    cnc__im_state_make(s)->interested = true;
    version = ver == NULL ? 0 : known_version(u->roster, ver);
    if (version == 0 || !push_since(s, u->roster, version, &q)) {
        answer_whole(q, u->roster);
    }
}

/* -- set ------------------------------------------------------------------ */

static bool
plan_remove(struct cnc__roster_job *j, const struct cnc__contact *had)
{
    if (had == NULL || !had->listed) {
        cnc_error_set(&j->err, CNC_ENOENT, "item-not-found",
                      "%s is not in the roster", j->jid);
        return false;
    }
    j->was = had->bits;
    j->item = cnc__contact_new(j->jid);
    j->item->removed = true;
    j->push = true;
    return true;
}

/* The new item's name and groups were read into j->item. */
static bool
plan_set(struct cnc__roster_job *j)
{
    const struct cnc__im_user *u = j->user;
    const struct cnc__im_limits *l = &u->im->limits;
    const struct cnc__contact *had = cnc__im_contact(u, j->jid);
    size_t bytes;

    if (j->remove) {
        return plan_remove(j, had);
    }
    if (had != NULL) {
        j->item->bits = had->bits;
        j->item->request = cnc__strdup(had->request);
    }
    bytes = u->roster->bytes + cnc__contact_bytes(j->item) -
            (had == NULL ? 0 : cnc__contact_bytes(had));
    if ((had == NULL || !had->listed) &&
        u->roster->n_listed >= l->roster_items) {
        cnc_error_set(&j->err, CNC_ELIMIT, "resource-constraint",
                      "a roster holds at most %u contacts", l->roster_items);
        return false;
    }
    if (bytes > l->roster_bytes) {
        cnc_error_set(&j->err, CNC_ELIMIT, "resource-constraint",
                      "the names and groups of a roster are at most %u bytes",
                      l->roster_bytes);
        return false;
    }
    j->item->listed = true;
    j->push = true;
    return true;
}

static void
set_effect(struct cnc__roster_job *j, const struct cnc_error *err)
{
    struct cnc__im_user *u = j->user;

    if (err != NULL) {
        cnc__request_error(&j->request, err);
        return;
    }
    /* 2.5.2: the contact hears of it, whatever there was between them. */
    if (j->remove && (j->was & (CNC__SUB_TO | CNC__SUB_PENDING_OUT)) != 0) {
        cnc__im_presence(u->im, "unsubscribe", u->bare, j->jid);
        cnc__im_far_gone(u->im, u, j->jid);
    }
    if (j->remove && (j->was & CNC__SUB_FROM) != 0) {
        cnc__im_hide(u, j->jid);
    }
    if (j->remove && (j->was & (CNC__SUB_FROM | CNC__SUB_PENDING_IN)) != 0) {
        cnc__im_presence(u->im, "unsubscribed", u->bare, j->jid);
    }
    cnc__request_result(&j->request, NULL, 0);
}

static int
read_groups(struct cnc__contact *c, const struct cnc_element *item,
            const struct cnc__im_limits *l, struct cnc_error *err)
{
    const struct cnc_element *g;

    c->groups = cnc__zalloc((l->roster_groups + 1) * sizeof(*c->groups));
    for (size_t i = 0;
         (g = cnc_element_next(item, &i, CNC__NS_ROSTER, "group")) != NULL;) {
        const char *name = cnc_element_text(g);

        if (name[0] == '\0' || strlen(name) > MAX_NAME ||
            c->n_groups == l->roster_groups) {
            return cnc_error_set(err, CNC_EREFUSED, "not-acceptable",
                                 "at most %u groups, whose names have 1 to "
                                 "1023 bytes",
                                 l->roster_groups);
        }
        for (uint32_t k = 0; k < c->n_groups; k++) {
            if (strcmp(c->groups[k], name) == 0) {
                return cnc_error_set(err, CNC_EPROTO, "bad-request",
                                     "the group %s comes twice", name);
            }
        }
        c->groups[c->n_groups++] = cnc__strdup(name);
    }
    return 0;
}

/* 2.3.3 */
static int
read_item(struct cnc__roster_job *j, const struct cnc_element *query,
          const struct cnc__im_limits *l, struct cnc_error *err)
{
    const struct cnc_element *item =
        cnc_element_child(query, CNC__NS_ROSTER, "item");
    const char *jid = cnc_element_attr(item, NULL, "jid");
    const char *name, *subscription;
    char prepared[CNC__JID_MAX + 1];
    int rc;

    if (jid == NULL) {
        return cnc_error_set(err, CNC_EPROTO, "bad-request",
                             "an item needs its jid");
    }
    rc = cnc__jid_prepare(prepared, jid, strlen(jid), err);
    if (rc != 0) {
        return rc;
    }
    name = cnc_element_attr(item, NULL, "name");
    subscription = cnc_element_attr(item, NULL, "subscription");
    j->jid = cnc__strdup(prepared);
    j->remove = subscription != NULL && strcmp(subscription, "remove") == 0;
    if (j->remove) {
        return 0;
    }
    if (name != NULL && strlen(name) > MAX_NAME) {
        return cnc_error_set(err, CNC_EREFUSED, "not-acceptable",
                             "a name has at most 1023 bytes");
    }
    j->item = cnc__contact_new(prepared);
    j->item->name = name == NULL || *name == '\0' ? NULL : cnc__strdup(name);
    return read_groups(j->item, item, l, err);
}

static size_t
count_items(const struct cnc_element *query)
{
    size_t n = 0;

    for (size_t i = 0; cnc_element_next(query, &i, NULL, NULL) != NULL;) {
        n++;
    }
    return cnc_element_child(query, CNC__NS_ROSTER, "item") == NULL ? 0 : n;
}

static void
on_set(struct cnc__request *q, struct cnc__im *im)
{
    struct cnc__im_user *u =
        cnc__im_user_make(im, q->from, cnc__jid_bare_len(q->from));
    struct cnc__roster_job *j;
    struct cnc_error err = {0};

    if (u == NULL) {
        cnc__request_refuse(&q, CNC_ENOENT, "item-not-found",
                            "there is no account");
        return;
    }
    if (count_items(q->payload) != 1) {
        cnc__request_refuse(&q, CNC_EPROTO, "bad-request",
                            "a roster set has exactly one item");
        return;
    }
    j = cnc__zalloc(sizeof(*j));
    j->plan = plan_set;
    j->effect = set_effect;
    if (read_item(j, q->payload, &im->limits, &err) == 0) {
        j->request = q;
        if (cnc__roster_queue(u, j)) {
            return;
        }
        j->request = NULL;
        cnc_error_set(&err, CNC_ELIMIT, "resource-constraint",
                      "too many changes are under way");
    }
    cnc__roster_job_free(j);
    cnc__request_error(&q, &err);
}

static void
on_roster(struct cnc__request *q, void *priv)
{
    if (!q->own) {
        /* 2.3.3; whether there is such an account or not. */
        cnc__request_refuse(&q, CNC_EACCES, "forbidden",
                            "a roster is its owner's alone");
    } else if (q->kind == CNC__IQ_GET) {
        on_get(q, priv);
    } else {
        on_set(q, priv);
    }
}

static void
init(struct cnc__im *im)
{
    const struct cnc__handler h = {.kinds = CNC__IQ_GET | CNC__IQ_SET,
                                   .ns = CNC__NS_ROSTER,
                                   .name = "query",
                                   .feature = CNC__NS_ROSTER,
                                   .f = on_roster,
                                   .priv = im,
                                   .account = true,
                                   .anyone = true,
                                   .only_account = true};

    CNC_CHECK(cnc__router_handle(im->router, &h, NULL) == 0);
}

static bool
inbound(struct cnc__im_in *in)
{
    enum cnc__sub_verb v =
        in->kind == CNC__PRESENCE ? cnc__sub_verb(in->type) : CNC__SUB_NONE;

    return v != CNC__SUB_NONE && cnc__subscribe_in(in, v);
}

static bool
outbound(struct cnc__im_out *o)
{
    enum cnc__sub_verb v =
        o->kind == CNC__PRESENCE ? cnc__sub_verb(o->type) : CNC__SUB_NONE;

    return v != CNC__SUB_NONE && o->to != NULL && cnc__subscribe_out(o, v);
}

static void
available(struct cnc__im_user *u, struct cnc__im_session *s, bool first)
{
    if (first) {
        cnc__subscribe_waiting(u, s->session);
    }
}

const struct cnc__im_ext cnc__im_roster = {
    .name = "roster",
    .spaces = {"roster"},
    .init = init,
    .load = load,
    .forget = forget,
    .free_user = free_user,
    .outbound = outbound,
    .inbound = inbound,
    .available = available,
};
