/* SPDX-License-Identifier: MIT */
/*
 * presence.c -- presence of accounts' resources (RFC 6121 4): kept while a
 * resource is available, told to who may see it, asked for and answered.
 */
#include "parts.h"

/* -- whom it reaches ------------------------------------------------------ */

/* Worth the way: not to an account of ours that nobody is logged in to. */
static bool
is_worth_sending(const struct cnc__im *im, const char *to)
{
    return cnc__router_where(im->router, to) == CNC__TO_ELSEWHERE ||
           cnc__router_sessions_of(im->router, to, cnc__jid_bare_len(to)) !=
               NULL;
}

static void
to_contacts(struct cnc__im_user *u, const char *from,
            const struct cnc_element *presence)
{
    if (u->roster == NULL) {
        return;
    }
    for (struct cnc__table_iter i = {0};
         cnc__table_next(u->roster->contacts, &i);) {
        const struct cnc__contact *c = i.value;

        if ((c->bits & CNC__SUB_FROM) != 0 && !cnc__blocks(u, c->jid) &&
            is_worth_sending(u->im, c->jid)) {
            cnc__im_route(u->im, from, c->jid, presence);
        }
    }
}

/* 4.2.2, 4.4.2, 4.5.2: the account's other resources, and (itself) the one
 * that said it. */
static void
to_own(struct cnc__im_user *u, struct cnc__session *said,
       const struct cnc_element *presence, bool itself)
{
    struct cnc_element *copy = cnc__router_stamp(presence, said->jid, u->bare);

    for (struct cnc__session *s = cnc__im_sessions(u); s != NULL;
         s = s->next_same) {
        const struct cnc__im_session *state = cnc__im_state(s);

        if (state != NULL && state->available && (itself || s != said)) {
            cnc__session_deliver(s, copy);
        }
    }
    cnc_element_unref(&copy);
}

void
cnc__im_show(struct cnc__im_user *u, const char *to)
{
    for (struct cnc__session *s = cnc__im_sessions(u); s != NULL;
         s = s->next_same) {
        const struct cnc__im_session *state = cnc__im_state(s);

        if (state != NULL && state->available) {
            cnc__im_route(u->im, s->jid, to, state->presence);
        }
    }
}

void
cnc__im_hide(struct cnc__im_user *u, const char *to)
{
    for (struct cnc__session *s = cnc__im_sessions(u); s != NULL;
         s = s->next_same) {
        const struct cnc__im_session *state = cnc__im_state(s);

        if (state != NULL && state->available) {
            cnc__im_presence(u->im, "unavailable", s->jid, to);
        }
    }
}

void
cnc__im_probe(struct cnc__im_user *u, struct cnc__session *s,
              const char *contact)
{
    if (is_worth_sending(u->im, contact) && !cnc__blocks(u, contact)) {
        cnc__im_presence(u->im, "probe", s->jid, contact);
    }
}

static void
probe_all(struct cnc__im_user *u, struct cnc__session *s)
{
    if (u->roster == NULL) {
        return;
    }
    for (struct cnc__table_iter i = {0};
         cnc__table_next(u->roster->contacts, &i);) {
        const struct cnc__contact *c = i.value;

        if ((c->bits & CNC__SUB_TO) != 0) {
            cnc__im_probe(u, s, c->jid);
        }
    }
}

/* -- out ------------------------------------------------------------------ */

/* 4.7.2.3; false: it is no priority. */
static bool
read_priority(int8_t *out, const struct cnc_element *stanza)
{
    const struct cnc_element *e =
        cnc_element_child(stanza, CNC__NS_CLIENT, "priority");
    const char *text = cnc_element_text(e);
    int64_t n = 0;

    text += text[0] == '+' ? 1 : 0;
    if (e != NULL && !cnc__parse_int(&n, text, -128, 127)) {
        return false;
    }
    *out = (int8_t)n;
    return true;
}

static void
refuse(const struct cnc__im_out *o, int code, const char *condition,
       const char *text)
{
    struct cnc__str xml = CNC__STR;
    struct cnc_error err = {0};
    const char *id = cnc_element_attr(o->stanza, NULL, "id");

    cnc_error_set(&err, code, condition, "%s", text);
    cnc__str_puts(&xml, "<presence type='error'");
    if (id != NULL) {
        cnc__xml_printf(&xml, " id='%s'", id);
    }
    cnc__xml_printf(&xml, " from='%s' to='%s'>",
                    o->to == NULL ? o->user->bare : o->to, o->session->jid);
    cnc__router_error(o->user->im->router, o->stanza, &xml, &err);
    cnc__str_puts(&xml, "</presence>");
    cnc__im_give(o->session, &xml);
}

/* The others' presence, to one that has just come (4.2.2). */
static void
greet(struct cnc__im_user *u, struct cnc__session *s)
{
    for (struct cnc__session *other = cnc__im_sessions(u); other != NULL;
         other = other->next_same) {
        const struct cnc__im_session *state = cnc__im_state(other);

        if (other != s && state != NULL && state->available) {
            struct cnc_element *copy =
                cnc__router_stamp(state->presence, other->jid, s->jid);

            cnc__session_deliver(s, copy);
            cnc_element_unref(&copy);
        }
    }
}

static void
tell_extensions(struct cnc__im_user *u, struct cnc__im_session *state,
                bool first)
{
    const struct cnc__im *im = u->im;

    for (size_t i = 0; im->exts[i] != NULL; i++) {
        if (im->exts[i]->available != NULL) {
            im->exts[i]->available(u, state, first);
        }
    }
}

static void
set_presence(struct cnc__im_user *u, struct cnc__im_session *state,
             const struct cnc_element *stanza)
{
    struct cnc__im *im = u->im;
    struct cnc__session *s = state->session;
    struct cnc_element *mine = cnc__router_stamp(stanza, s->jid, NULL);
    struct cnc__caps *caps;

    cnc_element_unref(&state->presence);
    state->presence = cnc_element_freeze(mine);
    cnc_element_unref(&mine);
    caps = cnc__caps_of(im, u->bare, s->jid, state->presence);
    cnc__caps_unref(im, &state->caps);
    state->caps = caps;
}

static void
become_available(struct cnc__im_out *o)
{
    struct cnc__im_user *u = o->user;
    struct cnc__session *s = o->session;
    struct cnc__im_session *state = cnc__im_state_make(s);
    struct cnc__caps *had = state->caps;
    struct cnc__str size = CNC__STR;
    bool first = !state->available;
    bool too_big;
    int8_t priority, before = first ? -1 : state->priority;

    if (!read_priority(&priority, o->stanza)) {
        refuse(o, CNC_EPROTO, "bad-request",
               "a priority is a number from -128 to 127");
        return;
    }
    cnc__xml_write(&size, o->stanza, CNC__NS_CLIENT, 0);
    too_big = size.len > u->im->limits.presence_bytes;
    cnc__str_fini(&size);
    if (too_big) {
        refuse(o, CNC_ELIMIT, "policy-violation", "the presence is too big");
        return;
    }
    set_presence(u, state, o->stanza);
    state->priority = priority;
    state->available = true;
    u->im->n_available += first ? 1 : 0;
    to_contacts(u, s->jid, state->presence);
    to_own(u, s, state->presence, true);
    if (first) {
        greet(u, s);
        probe_all(u, s);
    }
    if (first || state->caps != had) {
        cnc__im_announce(u, state);
    }
    if (first || (priority >= 0 && before < 0)) {
        tell_extensions(u, state, first);
    }
}

/* 4.6.3: those who were told in person, unless they hear it as contacts. */
static void
end_directed(struct cnc__im_user *u, struct cnc__im_session *state,
             const struct cnc_element *goodbye)
{
    for (struct cnc__table_iter i = {0};
         state->directed != NULL && cnc__table_next(state->directed, &i);) {
        size_t len = cnc__jid_bare_len(i.key);
        char *bare = cnc__strndup(i.key, len);
        const struct cnc__contact *c = cnc__im_contact(u, bare);

        if (strcmp(bare, u->bare) != 0 &&
            (c == NULL || (c->bits & CNC__SUB_FROM) == 0 ||
             !state->available) &&
            !cnc__blocks(u, i.key)) {
            cnc__im_route(u->im, state->session->jid, i.key, goodbye);
        }
        cnc__free(bare);
    }
    cnc__table_free(&state->directed, NULL);
}

/* goodbye: of type unavailable.  quiet: another session has the full JID
 * already and said what it is. */
static void
become_unavailable(struct cnc__im_user *u, struct cnc__im_session *state,
                   const struct cnc_element *goodbye, bool quiet)
{
    struct cnc__session *s = state->session;
    bool was = state->available;

    if (!quiet) {
        end_directed(u, state, goodbye);
    }
    cnc__table_free(&state->directed, NULL);
    state->available = false;
    if (was) {
        u->im->n_available--;
    }
    if (was && !quiet) {
        to_contacts(u, s->jid, goodbye);
        to_own(u, s, goodbye, true);
        cnc__im_tell_unavailable(u->im, NULL, s->jid);
    }
    cnc_element_unref(&state->presence);
    cnc__caps_unref(u->im, &state->caps);
    state->announced = false;
}

void
cnc__im_presence_end(struct cnc__im *im, struct cnc__im_session *state)
{
    struct cnc__session *s = state->session;
    struct cnc__im_user *u = cnc__im_user(im, s->jid, s->bare_len);
    const struct cnc__session *now;
    struct cnc_element *goodbye;

    if (u == NULL) {
        CNC_CHECK(!state->available);
        cnc__table_free(&state->directed, NULL);
        return;
    }
    if (!state->available && state->directed == NULL) {
        return;
    }
    now = cnc__router_session_by_jid(im->router, s->jid);
    CNC_CHECK(cnc_element_new(&goodbye, CNC__NS_CLIENT, "presence", NULL) ==
              0);
    cnc_element_set_attr(goodbye, NULL, "type", "unavailable", NULL);
    become_unavailable(u, state, goodbye,
                       now != NULL && now != s && now->im != NULL &&
                           cnc__im_state(now)->available);
    cnc_element_unref(&goodbye);
}

static bool
broadcast(struct cnc__im_out *o)
{
    if (o->type == NULL) {
        become_available(o);
    } else if (strcmp(o->type, "unavailable") == 0) {
        struct cnc__im_session *state = cnc__im_state(o->session);

        if (state != NULL && (state->available || state->directed != NULL)) {
            become_unavailable(o->user, state, o->stanza, false);
        }
    } else if (strcmp(o->type, "error") != 0) {
        refuse(o, CNC_EPROTO, "bad-request",
               "a presence of this type needs its 'to'");
    }
    return true;
}

/* 4.6 */
static bool
directed(struct cnc__im_out *o)
{
    static char present;
    struct cnc__im_session *state = cnc__im_state_make(o->session);

    if (o->type == NULL) {
        if (state->directed == NULL) {
            state->directed = cnc__table_new();
        }
        if (cnc__table_get(state->directed, o->to) == NULL &&
            cnc__table_len(state->directed) >= o->im->limits.directed) {
            refuse(o, CNC_ELIMIT, "policy-violation",
                   "presence went to too many in person");
            return true;
        }
        cnc__table_put(state->directed, o->to, &present);
    } else if (state->directed != NULL &&
               strcmp(o->type, "unavailable") == 0) {
        cnc__table_del(state->directed, o->to);
    }
    return false;
}

bool
cnc__im_presence_out(struct cnc__im_out *o)
{
    if (o->to == NULL) {
        return broadcast(o);
    }
    if (o->type == NULL || strcmp(o->type, "unavailable") == 0) {
        return directed(o);
    }
    /* Subscriptions without rosters lead nowhere; probes are the servers'
     * (4.3). */
    return cnc__sub_verb(o->type) != CNC__SUB_NONE ||
           strcmp(o->type, "probe") == 0;
}

/* -- in ------------------------------------------------------------------- */

/* 4.3.2.  The same for an account that is not there and for one that does not
 * let them see it. */
static void
answer_probe(struct cnc__im_in *in)
{
    struct cnc__im_user *u = in->user;
    char *bare = cnc__strndup(in->to, cnc__jid_bare_len(in->to));
    char *from = cnc__strndup(in->from, cnc__jid_bare_len(in->from));
    const char *resource = cnc__jid_resource(in->to);
    bool found = false;

    if (u == NULL || !cnc__im_contact_subscribed(in->im, bare, from)) {
        cnc__im_presence(in->im, "unsubscribed", bare, in->from);
        cnc__free(bare);
        cnc__free(from);
        return;
    }
    for (struct cnc__session *s = cnc__im_sessions(u); s != NULL;
         s = s->next_same) {
        const struct cnc__im_session *state = cnc__im_state(s);

        if (state != NULL && state->available &&
            (resource == NULL || strcmp(s->jid, in->to) == 0)) {
            found = true;
            cnc__im_route(in->im, s->jid, in->from, state->presence);
        }
    }
    if (!found) {
        cnc__im_presence(in->im, "unavailable", in->to, in->from);
    }
    cnc__free(bare);
    cnc__free(from);
}

static void
note_far(struct cnc__im_in *in)
{
    if (cnc__router_where(in->im->router, in->from) != CNC__TO_ELSEWHERE) {
        return;
    }
    if (in->type == NULL && cnc__jid_resource(in->from) != NULL) {
        cnc__im_far_seen(in->im, in->user, in->from, in->stanza);
    } else if (in->type != NULL && (strcmp(in->type, "unavailable") == 0 ||
                                    strcmp(in->type, "error") == 0)) {
        cnc__im_far_gone(in->im, in->user, in->from);
    }
}

/* What they said before is on its way to the store: in this order. */
static bool
must_wait(const struct cnc__im_in *in)
{
    size_t len = cnc__jid_bare_len(in->from);

    if (in->user == NULL || in->user->roster == NULL) {
        return false;
    }
    for (const struct cnc__roster_job *j = in->user->roster->first; j != NULL;
         j = j->next) {
        if (strlen(j->jid) == len && memcmp(j->jid, in->from, len) == 0) {
            return true;
        }
    }
    return false;
}

static bool
plan_nothing(struct cnc__roster_job *j)
{
    return false;
}

static bool take(struct cnc__im_in *in);

static void
go_on(struct cnc__roster_job *j, const struct cnc_error *err)
{
    const char *from = cnc_element_attr(j->stanza, NULL, "from");
    const char *to = cnc_element_attr(j->stanza, NULL, "to");
    struct cnc__im *im = j->user->im;
    struct cnc__im_in in = {.im = im,
                            .user = j->user,
                            .where = cnc__router_where(im->router, to),
                            .kind = CNC__PRESENCE,
                            .from = from,
                            .to = to,
                            .type = cnc_element_attr(j->stanza, NULL, "type"),
                            .stanza = j->stanza};

    if (!take(&in) && in.where == CNC__TO_SESSION) {
        cnc__session_deliver(cnc__router_session_by_jid(im->router, to),
                             j->stanza);
    }
}

static bool
wait_turn(struct cnc__im_in *in)
{
    struct cnc__roster_job *j = cnc__zalloc(sizeof(*j));

    j->plan = plan_nothing;
    j->effect = go_on;
    j->jid = cnc__strndup(in->from, cnc__jid_bare_len(in->from));
    j->stanza = cnc__router_stamp(in->stanza, in->from, in->to);
    if (!cnc__roster_queue(in->user, j)) {
        cnc__roster_job_free(j);
    }
    return true;
}

static bool
take(struct cnc__im_in *in)
{
    struct cnc_element *copy;

    if (in->type != NULL && strcmp(in->type, "probe") == 0) {
        answer_probe(in);
        return true;
    }
    if (in->user == NULL) {
        return true; /* 8.5.1: ignored */
    }
    note_far(in);
    if (in->where != CNC__TO_ACCOUNT) {
        /* 8.5.3: that resource, or nobody. */
        return in->where != CNC__TO_SESSION;
    }
    if (in->type != NULL && strcmp(in->type, "unavailable") != 0) {
        return true; /* errors, and what nobody knows */
    }
    copy = cnc__router_stamp(in->stanza, in->from, in->user->bare);
    for (struct cnc__session *s = cnc__im_sessions(in->user); s != NULL;
         s = s->next_same) {
        if (cnc__im_state(s) != NULL && cnc__im_state(s)->available) {
            cnc__session_deliver(s, copy);
        }
    }
    cnc_element_unref(&copy);
    return true;
}

bool
cnc__im_presence_in(struct cnc__im_in *in)
{
    return must_wait(in) ? wait_turn(in) : take(in);
}
