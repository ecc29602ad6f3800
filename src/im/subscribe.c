/* SPDX-License-Identifier: MIT */
/*
 * subscribe.c -- who may see whose presence (RFC 6121 3, appendix A).
 *
 * Both directions and the two pending states are bits of the contact's item.
 * The nine states of the appendix are their combinations; a rule a verb is
 * enough, for none of them looks at the other direction.
 *
 *                   to us of theirs (TO)        of ours to them (FROM)
 *   we say          subscribe: PENDING_OUT      subscribed: PENDING_IN -> FROM
 *                   unsubscribe: neither        unsubscribed: neither
 *   they say        subscribed: PENDING_OUT     subscribe: PENDING_IN
 *                     -> TO                     unsubscribe: neither
 *                   unsubscribed: neither
 */
#include "parts.h"

#define MAX_REQUEST 4096 /* bytes of a request that are kept with it */

enum cnc__sub_verb
cnc__sub_verb(const char *type)
{
    static const char *const verbs[] = {"subscribe", "subscribed",
                                        "unsubscribe", "unsubscribed"};

    for (size_t i = 0; type != NULL && i < CNC_N(verbs); i++) {
        if (strcmp(type, verbs[i]) == 0) {
            return (enum cnc__sub_verb)i;
        }
    }
    return CNC__SUB_NONE;
}

static uint8_t
next_out(uint8_t bits, enum cnc__sub_verb v, bool *pass)
{
    const uint8_t to = CNC__SUB_TO | CNC__SUB_PENDING_OUT;
    const uint8_t from = CNC__SUB_FROM | CNC__SUB_PENDING_IN;

    switch (v) {
    case CNC__SAY_SUBSCRIBE:
        *pass = true;
        return (bits & CNC__SUB_TO) != 0 ? bits : bits | CNC__SUB_PENDING_OUT;
    case CNC__SAY_UNSUBSCRIBE:
        *pass = true;
        return bits & (uint8_t)~to;
    case CNC__SAY_SUBSCRIBED:
        *pass = (bits & CNC__SUB_PENDING_IN) != 0;
        if (*pass) {
            return (bits & (uint8_t)~CNC__SUB_PENDING_IN) | CNC__SUB_FROM;
        }
        /* 3.4: before they have asked. */
        return (bits & CNC__SUB_FROM) != 0 ? bits : bits | CNC__SUB_APPROVED;
    default:
        *pass = (bits & from) != 0;
        return bits & (uint8_t) ~(from | CNC__SUB_APPROVED);
    }
}

static uint8_t
next_in(uint8_t bits, enum cnc__sub_verb v, bool *pass)
{
    const uint8_t to = CNC__SUB_TO | CNC__SUB_PENDING_OUT;
    const uint8_t from = CNC__SUB_FROM | CNC__SUB_PENDING_IN;

    *pass = false;
    switch (v) {
    case CNC__SAY_SUBSCRIBE:
        if ((bits & from) != 0) {
            return bits;
        }
        if ((bits & CNC__SUB_APPROVED) != 0) {
            /* 3.4.2; once: what is taken back later was not meant for ever. */
            return (bits & (uint8_t)~CNC__SUB_APPROVED) | CNC__SUB_FROM;
        }
        *pass = true;
        return bits | CNC__SUB_PENDING_IN;
    case CNC__SAY_UNSUBSCRIBE:
        *pass = (bits & from) != 0;
        return bits & (uint8_t)~from;
    case CNC__SAY_SUBSCRIBED:
        *pass = (bits & CNC__SUB_PENDING_OUT) != 0;
        return *pass ? (bits & (uint8_t)~CNC__SUB_PENDING_OUT) | CNC__SUB_TO
                     : bits;
    default:
        *pass = (bits & to) != 0;
        return bits & (uint8_t)~to;
    }
}

uint8_t
cnc__sub_next(uint8_t bits, enum cnc__sub_verb v, bool out, bool *pass)
{
    return out ? next_out(bits, v, pass) : next_in(bits, v, pass);
}

/* -- planning ------------------------------------------------------------- */

static bool
has_room(struct cnc__roster_job *j, bool out)
{
    const struct cnc__roster *r = j->user->roster;
    const struct cnc__im_limits *l = &j->user->im->limits;

    if (!out) {
        return r->n_requests < l->requests;
    }
    if (r->n_listed >= l->roster_items || r->bytes >= l->roster_bytes) {
        cnc_error_set(&j->err, CNC_ELIMIT, "resource-constraint",
                      "a roster holds at most %u contacts", l->roster_items);
        return false;
    }
    return true;
}

static void
keep_request(struct cnc__contact *c, const struct cnc_element *stanza)
{
    struct cnc__str xml = CNC__STR;

    cnc__xml_write(&xml, stanza, CNC__NS_CLIENT, 0);
    cnc__free(c->request);
    c->request = xml.len <= MAX_REQUEST ? cnc__str_steal(&xml) : NULL;
    cnc__str_fini(&xml);
}

static bool
plan(struct cnc__roster_job *j, bool out)
{
    const struct cnc__contact *had = cnc__im_contact(j->user, j->jid);
    uint8_t bits = had == NULL ? 0 : had->bits, next;
    bool listed = had != NULL && had->listed, asked;

    j->was = bits;
    next = cnc__sub_next(bits, j->verb, out, &j->pass);
    /* A request that is answered at once: there is leave already. */
    j->reply =
        !out && j->verb == CNC__SAY_SUBSCRIBE && (next & CNC__SUB_FROM) != 0;
    asked = out && (next & (CNC__SUB_PENDING_OUT | CNC__SUB_APPROVED)) != 0;
    if (next == bits && (listed || !asked)) {
        return false;
    }
    if ((had == NULL || (out && !listed)) && !has_room(j, out)) {
        j->pass = false;
        return false;
    }
    j->item = had == NULL ? cnc__contact_new(j->jid) : cnc__contact_copy(had);
    j->item->bits = next;
    /* Whoever is let in stands in the roster (3.1.5). */
    j->item->listed =
        listed || asked || (next & (CNC__SUB_TO | CNC__SUB_FROM)) != 0;
    j->item->removed = j->item->removed && !j->item->listed;
    if (!out && j->verb == CNC__SAY_SUBSCRIBE && j->pass) {
        keep_request(j->item, j->stanza);
    }
    j->push = j->item->listed &&
              (!listed || ((next ^ bits) & ~CNC__SUB_PENDING_IN) != 0);
    return true;
}

static bool
plan_out(struct cnc__roster_job *j)
{
    return plan(j, true);
}

static bool
plan_in(struct cnc__roster_job *j)
{
    return plan(j, false);
}

/* -- effects -------------------------------------------------------------- */

static void
to_contact(struct cnc__roster_job *j)
{
    cnc__im_route(j->user->im, j->user->bare, j->jid, j->stanza);
}

struct telling {
    struct cnc__im *im;
    const char *owner;
};

static void
may_see(const char *full, void *priv)
{
    const struct telling *t = priv;

    cnc__im_tell_available(t->im, t->owner, full, true);
}

static void
refuse_out(struct cnc__roster_job *j, const struct cnc_error *err)
{
    struct cnc__im *im = j->user->im;
    struct cnc__session *s = cnc__router_session(im->router, j->session_id);
    struct cnc__str xml = CNC__STR;

    if (s != NULL) {
        cnc__xml_printf(&xml, "<presence type='error' from='%s' to='%s'>",
                        j->jid, s->jid);
        cnc__stanza_error_add(&xml, err);
        cnc__str_puts(&xml, "</presence>");
        cnc__im_give(s, &xml);
    }
}

static void
effect_out(struct cnc__roster_job *j, const struct cnc_error *err)
{
    struct cnc__im_user *u = j->user;
    struct telling t = {u->im, u->bare};

    if (err != NULL) {
        refuse_out(j, err);
        return;
    }
    if (!j->pass) {
        return;
    }
    switch (j->verb) {
    case CNC__SAY_SUBSCRIBED: /* 3.1.5 */
        to_contact(j);
        cnc__im_show(u, j->jid);
        cnc__im_each_available(u->im, u->bare, j->jid, may_see, &t);
        break;
    case CNC__SAY_UNSUBSCRIBED: /* 3.2.2 */
        if ((j->was & CNC__SUB_FROM) != 0) {
            cnc__im_hide(u, j->jid);
            cnc__im_tell_unavailable(u->im, u->bare, j->jid);
        }
        to_contact(j);
        break;
    case CNC__SAY_UNSUBSCRIBE: /* 3.3.2 */
        to_contact(j);
        cnc__im_far_gone(u->im, u, j->jid);
        break;
    default:
        to_contact(j);
        break;
    }
}

/* To every resource that is available or keeps a roster. */
static void
deliver(const struct cnc__im_user *u, const struct cnc_element *stanza,
        bool interested)
{
    for (struct cnc__session *s = cnc__im_sessions(u); s != NULL;
         s = s->next_same) {
        const struct cnc__im_session *state = cnc__im_state(s);

        if (state != NULL &&
            (state->available || (interested && state->interested))) {
            cnc__session_deliver(s, stanza);
        }
    }
}

static void
effect_in(struct cnc__roster_job *j, const struct cnc_error *err)
{
    struct cnc__im_user *u = j->user;
    struct telling t = {u->im, u->bare};

    if (err != NULL) {
        return; /* they may ask again */
    }
    if (j->pass) {
        deliver(u, j->stanza, j->verb != CNC__SAY_SUBSCRIBE);
    }
    switch (j->verb) {
    case CNC__SAY_SUBSCRIBE:
        if (j->reply) { /* 3.1.3 */
            cnc__im_presence(u->im, "subscribed", u->bare, j->jid);
        }
        if (j->reply && (j->was & CNC__SUB_FROM) == 0) {
            cnc__im_show(u, j->jid);
            cnc__im_each_available(u->im, u->bare, j->jid, may_see, &t);
        }
        break;
    case CNC__SAY_UNSUBSCRIBE: /* 3.3.3 */
        if (j->pass && (j->was & CNC__SUB_FROM) != 0) {
            cnc__im_hide(u, j->jid);
            cnc__im_tell_unavailable(u->im, u->bare, j->jid);
        }
        break;
    case CNC__SAY_UNSUBSCRIBED:
        if (j->pass) {
            cnc__im_far_gone(u->im, u, j->jid);
        }
        break;
    default:
        break;
    }
}

/* -- stanzas -------------------------------------------------------------- */

static struct cnc__roster_job *
job(const char *who, const char *from, const char *to,
    const struct cnc_element *stanza, enum cnc__sub_verb v)
{
    struct cnc__roster_job *j = cnc__zalloc(sizeof(*j));

    j->jid = cnc__strndup(who, cnc__jid_bare_len(who));
    j->stanza = cnc__router_stamp(stanza, from, to);
    j->verb = v;
    return j;
}

/* From the user's bare JID, whichever resource said it (3.1.2). */
bool
cnc__subscribe_out(struct cnc__im_out *o, enum cnc__sub_verb v)
{
    struct cnc__im_user *u = o->user;
    char *to = cnc__strndup(o->to, cnc__jid_bare_len(o->to));

    if (strcmp(to, u->bare) != 0) { /* one always sees oneself */
        struct cnc__roster_job *j = job(o->to, u->bare, to, o->stanza, v);
        struct cnc_error err = {0};

        j->plan = plan_out;
        j->effect = effect_out;
        j->session_id = o->session->id;
        j->user = u;
        if (!cnc__roster_queue(u, j)) {
            cnc_error_set(&err, CNC_ELIMIT, "resource-constraint",
                          "too many changes are under way");
            refuse_out(j, &err);
            cnc__roster_job_free(j);
        }
    }
    cnc__free(to);
    return true;
}

bool
cnc__subscribe_in(struct cnc__im_in *in, enum cnc__sub_verb v)
{
    struct cnc__im_user *u = in->user;
    char *from = cnc__strndup(in->from, cnc__jid_bare_len(in->from));

    /* Who has no account stays silent, as one who has not decided (8.5.1). */
    if (u != NULL && strcmp(from, u->bare) != 0) {
        struct cnc__roster_job *j = job(from, from, u->bare, in->stanza, v);

        j->plan = plan_in;
        j->effect = effect_in;
        if (!cnc__roster_queue(u, j)) {
            cnc__roster_job_free(j);
        }
    }
    cnc__free(from);
    return true;
}

/* 3.1.3: at each login, until they are answered. */
void
cnc__subscribe_waiting(struct cnc__im_user *u, struct cnc__session *s)
{
    if (u->roster == NULL || u->roster->n_requests == 0) {
        return;
    }
    for (struct cnc__table_iter i = {0};
         cnc__table_next(u->roster->contacts, &i);) {
        const struct cnc__contact *c = i.value;
        struct cnc__str xml = CNC__STR;

        if ((c->bits & CNC__SUB_PENDING_IN) == 0) {
            continue;
        }
        if (c->request != NULL) {
            cnc__str_puts(&xml, c->request);
        } else {
            cnc__xml_printf(&xml,
                            "<presence type='subscribe' from='%s' to='%s'/>",
                            c->jid, u->bare);
        }
        cnc__im_give(s, &xml);
    }
}
