/* SPDX-License-Identifier: MIT */
/*
 * far.c -- resources of other domains: which accounts have their presence, and
 * what they are capable of.  Presence itself is not kept; it goes to the
 * account's resources, which keep it.
 *
 *   by_bare: contact -> its resources, linked -> owners: accounts
 */
#include "parts.h"

#define MAX_RESOURCES 100 /* of one contact */

struct far_resource {
    char *full;
    struct far_resource *next;
    struct cnc__im_user **owners;
    size_t n_owners, cap_owners;
    struct cnc__caps *caps;
    bool told; /* that it is there and what it wants */
};

struct cnc__im_far {
    struct cnc__table *by_bare;
    size_t n;
};

void
cnc__im_far_init(struct cnc__im *im)
{
    im->far_ = cnc__zalloc(sizeof(*im->far_));
    im->far_->by_bare = cnc__table_new();
}

static void
resource_free(struct cnc__im *im, struct far_resource *f)
{
    cnc__caps_unref(im, &f->caps);
    cnc__free(f->owners);
    cnc__free(f->full);
    cnc__free(f);
    im->far_->n--;
}

void
cnc__im_far_fini(struct cnc__im *im)
{
    for (struct cnc__table_iter i = {0};
         cnc__table_next(im->far_->by_bare, &i);) {
        for (struct far_resource *f = i.value, *next; f != NULL; f = next) {
            next = f->next;
            resource_free(im, f);
        }
    }
    cnc__table_free(&im->far_->by_bare, NULL);
    cnc__free(im->far_);
    im->far_ = NULL;
}

size_t
cnc__im_far_count(const struct cnc__im *im)
{
    return im->far_->n;
}

/* -- finding -------------------------------------------------------------- */

static struct far_resource *
first_of(const struct cnc__im *im, const char *jid)
{
    return cnc__table_getn(im->far_->by_bare, jid, cnc__jid_bare_len(jid));
}

static struct far_resource *
find(const struct cnc__im *im, const char *full)
{
    struct far_resource *f = first_of(im, full);

    while (f != NULL && strcmp(f->full, full) != 0) {
        f = f->next;
    }
    return f;
}

/* His server could name as many as it likes, and each is searched for. */
static bool
has_room(const struct cnc__im *im, const char *full)
{
    size_t n = 0;

    for (const struct far_resource *f = first_of(im, full); f; f = f->next) {
        n++;
    }
    return n < MAX_RESOURCES && im->far_->n < im->limits.far_resources;
}

static size_t
owner_at(const struct far_resource *f, const struct cnc__im_user *u)
{
    size_t i = 0;

    while (i < f->n_owners && f->owners[i] != u) {
        i++;
    }
    return i;
}

const struct cnc__caps *
cnc__im_far_caps(const struct cnc__im *im, const char *full)
{
    const struct far_resource *f = find(im, full);

    return f == NULL ? NULL : f->caps;
}

void
cnc__im_far_each(const struct cnc__im *im, const char *owner,
                 const char *contact, cnc__im_resource_f *f, void *priv)
{
    const struct cnc__im_user *u = cnc__im_user(im, owner, strlen(owner));

    for (const struct far_resource *r = first_of(im, contact); r != NULL;
         r = r->next) {
        if (owner_at(r, u) < r->n_owners) {
            f(r->full, priv);
        }
    }
}

/* -- coming and going ----------------------------------------------------- */

static struct far_resource *
make(struct cnc__im *im, const char *full)
{
    struct far_resource *f = cnc__zalloc(sizeof(*f));
    char *bare = cnc__strndup(full, cnc__jid_bare_len(full));

    f->full = cnc__strdup(full);
    f->next = cnc__table_put(im->far_->by_bare, bare, f);
    im->far_->n++;
    cnc__free(bare);
    return f;
}

static bool
may_see(const struct cnc__im_user *owner, const char *full)
{
    char *bare = cnc__strndup(full, cnc__jid_bare_len(full));
    bool may = cnc__im_contact_subscribed(owner->im, owner->bare, bare);

    cnc__free(bare);
    return may;
}

void
cnc__im_far_seen(struct cnc__im *im, struct cnc__im_user *owner,
                 const char *full, const struct cnc_element *presence)
{
    char *bare = cnc__strndup(full, cnc__jid_bare_len(full));
    const struct cnc__contact *c = cnc__im_contact(owner, bare);
    struct far_resource *f = find(im, full);
    struct cnc__caps *caps;
    bool first, changed;

    cnc__free(bare);
    /* Not of strangers, nor of a room's occupants. */
    if (c == NULL || (c->bits & (CNC__SUB_TO | CNC__SUB_FROM)) == 0 ||
        (f == NULL && !has_room(im, full))) {
        return;
    }
    f = f == NULL ? make(im, full) : f;
    first = owner_at(f, owner) == f->n_owners;
    if (first) {
        f->owners = cnc__grow(f->owners, f->n_owners, &f->cap_owners,
                              sizeof(struct cnc__im_user *));
        f->owners[f->n_owners++] = owner;
    }
    caps = cnc__caps_of(im, owner->bare, full, presence);
    changed = caps != f->caps;
    cnc__caps_unref(im, &f->caps);
    f->caps = caps;
    if ((first || changed) && may_see(owner, full) &&
        (caps == NULL || cnc__caps_known(caps))) {
        f->told = true;
        cnc__im_tell_available(im, owner->bare, full, first);
    }
}

/* Unlink resources of jid's contact that nobody has any more. */
static void
sweep(struct cnc__im *im, const char *jid)
{
    char *bare = cnc__strndup(jid, cnc__jid_bare_len(jid));
    struct far_resource *first = cnc__table_get(im->far_->by_bare, bare);
    struct far_resource **at = &first;

    while (*at != NULL) {
        struct far_resource *f = *at;

        if (f->n_owners == 0) {
            *at = f->next;
            resource_free(im, f);
        } else {
            at = &f->next;
        }
    }
    if (first == NULL) {
        cnc__table_del(im->far_->by_bare, bare);
    } else {
        cnc__table_put(im->far_->by_bare, bare, first);
    }
    cnc__free(bare);
}

void
cnc__im_far_gone(struct cnc__im *im, struct cnc__im_user *owner,
                 const char *full)
{
    bool all = cnc__jid_resource(full) == NULL;
    bool any = false;

    for (struct far_resource *f = first_of(im, full); f != NULL; f = f->next) {
        size_t i = owner_at(f, owner);

        if (i < f->n_owners && (all || strcmp(f->full, full) == 0)) {
            f->owners[i] = f->owners[--f->n_owners];
            any = true;
            cnc__im_tell_unavailable(im, owner->bare, f->full);
        }
    }
    if (any) {
        sweep(im, full);
    }
}

void
cnc__im_far_forget(struct cnc__im *im, const char *owner)
{
    const struct cnc__im_user *u = cnc__im_user(im, owner, strlen(owner));

    for (struct cnc__table_iter i = {0};
         cnc__table_next(im->far_->by_bare, &i);) {
        for (struct far_resource *f = i.value; f != NULL; f = f->next) {
            size_t at = owner_at(f, u);

            if (at < f->n_owners) {
                f->owners[at] = f->owners[--f->n_owners];
            }
        }
    }
    /* Those without owners go when their contact is next heard of. */
}

void
cnc__im_far_caps_known(struct cnc__im *im, const struct cnc__caps *caps)
{
    for (struct cnc__table_iter i = {0};
         cnc__table_next(im->far_->by_bare, &i);) {
        for (struct far_resource *f = i.value; f != NULL; f = f->next) {
            bool first = !f->told;

            f->told = f->told || f->caps == caps;
            for (size_t k = 0; f->caps == caps && k < f->n_owners; k++) {
                if (may_see(f->owners[k], f->full)) {
                    cnc__im_tell_available(im, f->owners[k]->bare, f->full,
                                           first);
                }
            }
        }
    }
}
