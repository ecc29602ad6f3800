/* SPDX-License-Identifier: MIT */
/*
 * blocking.c -- whom an account does not want to hear (XEP-0191).
 *
 * A JID blocks what it matches (section 5): a full JID itself, a bare one all
 * its resources, a domain everybody there.
 */
#include "parts.h"

#define SPACE "blocked"

static char present;

/* -- matching ------------------------------------------------------------- */

bool
cnc__blocks(const struct cnc__im_user *u, const char *jid)
{
    size_t bare = cnc__jid_bare_len(jid), n_domain;
    const char *domain, *resource;
    struct cnc__str s = CNC__STR;
    bool found;

    if (u->blocked == NULL || cnc__table_len(u->blocked) == 0 ||
        (strlen(u->bare) == bare && memcmp(u->bare, jid, bare) == 0)) {
        return false; /* never one's own resources */
    }
    domain = cnc__jid_domain(jid, &n_domain);
    resource = cnc__jid_resource(jid);
    found = cnc__table_get(u->blocked, jid) != NULL ||
            cnc__table_getn(u->blocked, jid, bare) != NULL ||
            cnc__table_getn(u->blocked, domain, n_domain) != NULL;
    if (!found && resource != NULL) {
        cnc__str_printf(&s, "%.*s/%s", (int)n_domain, domain, resource);
        found = cnc__table_get(u->blocked, s.data) != NULL;
        cnc__str_fini(&s);
    }
    return found;
}

/* -- changes -------------------------------------------------------------- */

struct blocking {
    struct cnc__request *request;
    char *bare; /* of the account: it may be gone */
    char **jids;
    size_t n;
    bool block;
};

static void
blocking_free(struct blocking *b)
{
    cnc__request_free(&b->request);
    for (size_t i = 0; i < b->n; i++) {
        cnc__free(b->jids[i]);
    }
    cnc__free(b->jids);
    cnc__free(b->bare);
    cnc__free(b);
}

static void
push(struct cnc__im_user *u, const struct blocking *b, bool all)
{
    const char *verb = b->block ? "block" : "unblock";

    for (struct cnc__session *s = cnc__im_sessions(u); s != NULL;
         s = s->next_same) {
        struct cnc__str xml = CNC__STR;
        char id[17];

        if (cnc__im_state(s) == NULL || !cnc__im_state(s)->blocklist) {
            continue;
        }
        cnc__random_hex(id, 8);
        cnc__xml_printf(&xml,
                        "<iq type='set' id='%s' to='%s'><%s "
                        "xmlns='" CNC__NS_BLOCKING "'>",
                        id, s->jid, verb);
        for (size_t i = 0; !all && i < b->n; i++) {
            cnc__xml_printf(&xml, "<item jid='%s'/>", b->jids[i]);
        }
        cnc__xml_printf(&xml, "</%s></iq>", verb);
        cnc__im_give(s, &xml);
    }
}

static bool
is_within(const char *jid, const char *blocked)
{
    struct cnc__im_user one = {.bare = (char *)(uintptr_t) "",
                               .blocked = cnc__table_new()};
    bool is;

    cnc__table_put(one.blocked, blocked, &present);
    is = cnc__blocks(&one, jid);
    cnc__table_free(&one.blocked, NULL);
    return is;
}

/* Those who may see the account's presence and whom the JID stands for. */
static void
show_or_hide(struct cnc__im_user *u, const char *jid, bool show)
{
    for (struct cnc__table_iter i = {0};
         u->roster != NULL && cnc__table_next(u->roster->contacts, &i);) {
        const struct cnc__contact *c = i.value;

        if ((c->bits & CNC__SUB_FROM) == 0 || !is_within(c->jid, jid)) {
            continue;
        }
        if (show) {
            cnc__im_show(u, c->jid);
        } else {
            cnc__im_hide(u, c->jid);
            cnc__im_tell_unavailable(u->im, u->bare, c->jid);
        }
    }
}

static void
apply(struct cnc__im_user *u, const struct blocking *b)
{
    if (u->blocked == NULL) {
        u->blocked = cnc__table_new();
    }
    for (size_t i = 0; i < b->n; i++) {
        if (b->block) {
            /* Before it holds: it would stop this too. */
            if (cnc__table_get(u->blocked, b->jids[i]) == NULL) {
                show_or_hide(u, b->jids[i], false);
            }
            cnc__table_put(u->blocked, b->jids[i], &present);
        } else if (cnc__table_del(u->blocked, b->jids[i]) != NULL) {
            show_or_hide(u, b->jids[i], true);
        }
    }
}

static void
on_kept(struct cnc__im_change *c, const struct cnc_error *err)
{
    struct blocking *b = c->priv;
    struct cnc__im_user *u = cnc__im_user(c->im, b->bare, strlen(b->bare));
    bool all = !b->block &&
               cnc_element_child(b->request->payload, NULL, NULL) == NULL;

    if (u != NULL && b->block) { /* another's, when it was made anew */
        u->n_blocking -= u->n_blocking < b->n ? u->n_blocking : b->n;
    }
    if (err != NULL) {
        cnc__request_error(&b->request, err);
    } else {
        if (u != NULL) {
            apply(u, b);
        }
        cnc__request_result(&b->request, NULL, 0);
        if (u != NULL) {
            push(u, b, all);
        }
    }
    blocking_free(b);
}

static int
read_items(struct blocking *b, const struct cnc__im *im,
           const struct cnc_element *payload, struct cnc_error *err)
{
    const struct cnc_element *item;
    char jid[CNC__JID_MAX + 1];

    b->jids = cnc__zalloc((im->limits.blocked + 1) * sizeof(*b->jids));
    for (size_t i = 0; (item = cnc_element_next(payload, &i, CNC__NS_BLOCKING,
                                                "item")) != NULL;) {
        const char *text = cnc_element_attr(item, NULL, "jid");

        if (text == NULL) {
            return cnc_error_set(err, CNC_EPROTO, "bad-request",
                                 "an item needs its jid");
        }
        if (cnc__jid_prepare(jid, text, strlen(text), NULL) != 0) {
            return cnc_error_set(err, CNC_ESYNTAX, "jid-malformed",
                                 "an item's jid is malformed");
        }
        if (b->n == im->limits.blocked) {
            return cnc_error_set(err, CNC_ELIMIT, "resource-constraint",
                                 "at most %u JIDs are blocked",
                                 im->limits.blocked);
        }
        b->jids[b->n++] = cnc__strdup(jid);
    }
    return 0;
}

static int
check(const struct blocking *b, const struct cnc__im_user *u,
      struct cnc_error *err)
{
    size_t n = u->blocked == NULL ? 0 : cnc__table_len(u->blocked);

    n += u->n_blocking;
    for (size_t i = 0; i < b->n; i++) {
        n += u->blocked == NULL ||
                     cnc__table_get(u->blocked, b->jids[i]) == NULL
                 ? 1
                 : 0;
    }
    if (b->block && b->n == 0) {
        return cnc_error_set(err, CNC_EPROTO, "bad-request",
                             "there is nobody to block");
    }
    if (b->block && n > u->im->limits.blocked) {
        return cnc_error_set(err, CNC_ELIMIT, "resource-constraint",
                             "at most %u JIDs are blocked",
                             u->im->limits.blocked);
    }
    return 0;
}

/* An empty <unblock/>: everybody. */
static void
all_of(struct blocking *b, const struct cnc__im_user *u)
{
    if (u->blocked == NULL) {
        return;
    }
    /* The store may have more of them than the limit that is set now. */
    b->jids = cnc__realloc(b->jids, cnc__table_len(u->blocked) + 1,
                           sizeof(*b->jids));
    for (struct cnc__table_iter i = {0}; cnc__table_next(u->blocked, &i);) {
        b->jids[b->n++] = cnc__strdup(i.key);
    }
}

static void
on_set(struct cnc__request *q, void *priv)
{
    struct cnc__im *im = priv;
    struct cnc__im_user *u =
        cnc__im_user_make(im, q->from, cnc__jid_bare_len(q->from));
    struct blocking *b;
    struct cnc__im_change *c;
    struct cnc_error err = {0};

    if (u == NULL) {
        cnc__request_refuse(&q, CNC_EACCES, "not-allowed",
                            "there is no account");
        return;
    }
    b = cnc__zalloc(sizeof(*b));
    b->block = strcmp(cnc_element_name(q->payload), "block") == 0;
    b->bare = cnc__strdup(u->bare);
    if (read_items(b, im, q->payload, &err) != 0 || check(b, u, &err) != 0) {
        blocking_free(b);
        cnc__request_error(&q, &err);
        return;
    }
    if (!b->block && b->n == 0) {
        all_of(b, u);
    }
    u->n_blocking += b->block ? b->n : 0;
    b->request = q;
    c = cnc__im_change_new(im, on_kept, b);
    for (size_t i = 0; i < b->n; i++) {
        if (b->block) {
            cnc__im_put(c, SPACE, u, b->jids[i], "", 0);
        } else {
            cnc__im_del(c, SPACE, u, b->jids[i]);
        }
    }
    cnc__im_commit(c);
}

static void
on_get(struct cnc__request *q, void *priv)
{
    struct cnc__im *im = priv;
    struct cnc__session *s = cnc__router_session(im->router, q->session_id);
    struct cnc__im_user *u = s == NULL ? NULL : cnc__im_user_of(im, s);
    struct cnc__str xml = CNC__STR;

    if (u == NULL) {
        cnc__request_refuse(&q, CNC_EACCES, "not-allowed",
                            "there is no account");
        return;
    }
    cnc__im_state_make(s)->blocklist = true;
    cnc__str_puts(&xml, "<blocklist xmlns='" CNC__NS_BLOCKING "'>");
    for (struct cnc__table_iter i = {0};
         u->blocked != NULL && cnc__table_next(u->blocked, &i);) {
        cnc__xml_printf(&xml, "<item jid='%s'/>", i.key);
    }
    cnc__str_puts(&xml, "</blocklist>");
    cnc__request_result(&q, xml.data, xml.len);
    cnc__str_fini(&xml);
}

/* -- stanzas -------------------------------------------------------------- */

static bool
outbound(struct cnc__im_out *o)
{
    const char *id;
    struct cnc__str xml = CNC__STR;
    const struct cnc_error err = {
        .code = CNC_EREFUSED,
        .condition = "not-acceptable",
        .specific = "blocked",
        .specific_ns = CNC__NS_BLOCKING ":errors",
        .text = CNC__TEXT("you have blocked that address")};

    if (o->to == NULL || !cnc__blocks(o->user, o->to)) {
        return false;
    }
    if (o->type != NULL && (strcmp(o->type, "error") == 0 ||
                            (strcmp(o->type, "result") == 0 &&
                             (o->kind & (CNC__IQ_GET | CNC__IQ_SET)) != 0))) {
        return true;
    }
    id = cnc_element_attr(o->stanza, NULL, "id");
    cnc__xml_printf(&xml, "<%s type='error'", cnc_element_name(o->stanza));
    if (id != NULL) {
        cnc__xml_printf(&xml, " id='%s'", id);
    }
    cnc__xml_printf(&xml, " from='%s' to='%s'>", o->to, o->session->jid);
    cnc__router_error(o->user->im->router, o->stanza, &xml, &err);
    cnc__xml_printf(&xml, "</%s>", cnc_element_name(o->stanza));
    cnc__im_give(o->session, &xml);
    return true;
}

static bool
inbound(struct cnc__im_in *in)
{
    if (in->user == NULL || !cnc__blocks(in->user, in->from)) {
        return false;
    }
    if (in->kind != CNC__PRESENCE) {
        cnc__im_refuse(in, CNC_ENOENT, "service-unavailable",
                       "nobody here answers that");
    }
    return true;
}

/* -- what is kept --------------------------------------------------------- */

static bool
load(struct cnc__im_user *u, const struct cnc_store_entry *e, const char *key)
{
    if (u->blocked == NULL) {
        u->blocked = cnc__table_new();
    }
    cnc__table_put(u->blocked, key, &present);
    return key[0] != '\0';
}

static void
forget(struct cnc__im_user *u, struct cnc__im_change *c)
{
    for (struct cnc__table_iter i = {0};
         u->blocked != NULL && cnc__table_next(u->blocked, &i);) {
        cnc__im_del(c, SPACE, u, i.key);
    }
}

static void
free_user(struct cnc__im_user *u)
{
    cnc__table_free(&u->blocked, NULL);
}

static void
init(struct cnc__im *im)
{
    const struct cnc__handler all[] = {
        {CNC__IQ_GET, CNC__NS_BLOCKING, "blocklist", NULL, on_get, im, true,
         .only_account = true},
        {CNC__IQ_SET, CNC__NS_BLOCKING, "block", NULL, on_set, im, true,
         .only_account = true},
        {CNC__IQ_SET, CNC__NS_BLOCKING, "unblock", NULL, on_set, im, true,
         .only_account = true},
    };

    for (size_t i = 0; i < CNC_N(all); i++) {
        CNC_CHECK(cnc__router_handle(im->router, &all[i], NULL) == 0);
    }
}

const struct cnc__im_ext cnc__im_blocking = {
    .name = "blocking",
    .features = {CNC__NS_BLOCKING},
    .account_features = {CNC__NS_BLOCKING},
    .spaces = {SPACE},
    .init = init,
    .load = load,
    .forget = forget,
    .free_user = free_user,
    .outbound = outbound,
    .inbound = inbound,
};
