/* SPDX-License-Identifier: MIT */
/*
 * watch.c -- who may see whose presence and who is there, for pubsub (PEP).
 */
#include "parts.h"

/* -- questions ------------------------------------------------------------ */

bool
cnc__im_contact_subscribed(const struct cnc__im *im, const char *owner,
                           const char *contact)
{
    const struct cnc__im_user *u = cnc__im_user(im, owner, strlen(owner));
    const struct cnc__contact *c = cnc__im_contact(u, contact);

    return strcmp(owner, contact) == 0 ||
           (c != NULL && (c->bits & CNC__SUB_FROM) != 0);
}

bool
cnc__im_in_group(const struct cnc__im *im, const char *owner,
                 const char *contact, const char *group)
{
    const struct cnc__im_user *u = cnc__im_user(im, owner, strlen(owner));
    const struct cnc__contact *c = cnc__im_contact(u, contact);

    for (uint32_t i = 0; c != NULL && c->listed && i < c->n_groups; i++) {
        if (strcmp(c->groups[i], group) == 0) {
            return true;
        }
    }
    return false;
}

bool
cnc__im_blocks(const struct cnc__im *im, const char *owner, const char *jid)
{
    const struct cnc__im_user *u = cnc__im_user(im, owner, strlen(owner));

    return u != NULL && cnc__blocks(u, jid);
}

bool
cnc__im_wants(const struct cnc__im *im, const char *full, const char *feature)
{
    const struct cnc__session *s =
        cnc__router_session_by_jid(im->router, full);
    const struct cnc__caps *caps = NULL;

    if (s != NULL && cnc__im_state(s) != NULL) {
        caps = cnc__im_state(s)->caps;
    } else if (s == NULL) {
        caps = cnc__im_far_caps(im, full);
    }
    return caps != NULL && cnc__caps_have(caps, feature);
}

/* -- who is there --------------------------------------------------------- */

static void
each_here(const struct cnc__im *im, const char *bare, cnc__im_resource_f *f,
          void *priv)
{
    for (struct cnc__session *s =
             cnc__router_sessions_of(im->router, bare, strlen(bare));
         s != NULL; s = s->next_same) {
        if (cnc__im_state(s) != NULL && cnc__im_state(s)->available) {
            f(s->jid, priv);
        }
    }
}

static void
each_of(const struct cnc__im *im, const struct cnc__im_user *u,
        const char *contact, cnc__im_resource_f *f, void *priv)
{
    if (cnc__blocks(u, contact)) {
        return;
    }
    if (cnc__router_where(im->router, contact) == CNC__TO_ELSEWHERE) {
        cnc__im_far_each(im, u->bare, contact, f, priv);
    } else {
        each_here(im, contact, f, priv);
    }
}

void
cnc__im_each_available(const struct cnc__im *im, const char *owner,
                       const char *contact, cnc__im_resource_f *f, void *priv)
{
    const struct cnc__im_user *u = cnc__im_user(im, owner, strlen(owner));

    if (u == NULL) {
        return;
    }
    if (contact == NULL || strcmp(contact, owner) == 0) {
        each_here(im, owner, f, priv);
    }
    if (contact != NULL) {
        if (strcmp(contact, owner) != 0 &&
            cnc__im_contact_subscribed(im, owner, contact)) {
            each_of(im, u, contact, f, priv);
        }
        return;
    }
    if (u->roster == NULL) {
        return;
    }
    for (struct cnc__table_iter i = {0};
         cnc__table_next(u->roster->contacts, &i);) {
        const struct cnc__contact *c = i.value;

        if ((c->bits & CNC__SUB_FROM) != 0) {
            each_of(im, u, c->jid, f, priv);
        }
    }
}

/* -- telling -------------------------------------------------------------- */

void
cnc__im_tell_available(struct cnc__im *im, const char *owner, const char *full,
                       bool first)
{
    for (const struct cnc__im_listener *l = im->listeners; l; l = l->next) {
        if (l->available != NULL) {
            l->available(owner, full, first, l->priv);
        }
    }
}

void
cnc__im_tell_unavailable(struct cnc__im *im, const char *owner,
                         const char *full)
{
    for (const struct cnc__im_listener *l = im->listeners; l; l = l->next) {
        if (l->unavailable != NULL) {
            l->unavailable(owner, full, l->priv);
        }
    }
}

void
cnc__im_announce(struct cnc__im_user *u, struct cnc__im_session *s)
{
    const char *full = s->session->jid;
    bool first = !s->announced;

    if (!s->available || (s->caps != NULL && !cnc__caps_known(s->caps))) {
        return; /* when the answer is there */
    }
    s->announced = true;
    if (u->im->listeners == NULL) {
        return;
    }
    cnc__im_tell_available(u->im, u->bare, full, first);
    if (u->roster == NULL) {
        return;
    }
    for (struct cnc__table_iter i = {0};
         cnc__table_next(u->roster->contacts, &i);) {
        const struct cnc__contact *c = i.value;

        if ((c->bits & CNC__SUB_TO) != 0 &&
            cnc__im_contact_subscribed(u->im, c->jid, u->bare) &&
            !cnc__im_blocks(u->im, c->jid, full)) {
            cnc__im_tell_available(u->im, c->jid, full, first);
        }
    }
}
