/* SPDX-License-Identifier: MIT */
/*
 * change.c -- what goes to the store together.
 */
#include "impl.h"

struct cnc__im_change *
cnc__im_change_new(struct cnc__im *im, cnc__im_kept_f *done, void *priv)
{
    struct cnc__im_change *c = cnc__zalloc(sizeof(*c));

    c->im = im;
    c->done = done;
    c->priv = priv;
    return c;
}

static void
change_free(struct cnc__im_change *c)
{
    for (size_t i = 0; i < c->commit.n_ops; i++) {
        const struct cnc_store_entry *e = &c->commit.ops[i].entry;

        cnc__free((void *)(uintptr_t)e->node);
        cnc__free((void *)(uintptr_t)e->id);
        cnc__free((void *)(uintptr_t)e->value);
    }
    cnc__free(c->commit.ops);
    cnc__free(c);
}

static void
add(struct cnc__im_change *c, enum cnc_store_verb verb, const char *space,
    const struct cnc__im_user *u, const char *key, const char *value,
    size_t len)
{
    struct cnc__str id = CNC__STR;

    cnc__str_printf(&id, "%s/%s", u->name, key);
    c->commit.ops = cnc__grow(c->commit.ops, c->commit.n_ops, &c->cap,
                              sizeof(*c->commit.ops));
    c->commit.ops[c->commit.n_ops++] =
        (struct cnc_store_op){verb,
                              {.kind = CNC_STORE_KEY,
                               .node = cnc__strdup(space),
                               .id = cnc__str_steal(&id),
                               .publisher = "",
                               .value = cnc__strndup(value, len),
                               .len = len}};
}

void
cnc__im_put(struct cnc__im_change *c, const char *space,
            const struct cnc__im_user *u, const char *key, const char *value,
            size_t len)
{
    add(c, CNC_STORE_PUT, space, u, key, value, len);
}

void
cnc__im_del(struct cnc__im_change *c, const char *space,
            const struct cnc__im_user *u, const char *key)
{
    add(c, CNC_STORE_DEL, space, u, key, "", 0);
}

static void
leave(struct cnc__im_change *c)
{
    if (c->prev != NULL) {
        *c->prev = c->next;
        if (c->next != NULL) {
            c->next->prev = c->prev;
        }
        c->prev = NULL;
    }
}

static void
finish(struct cnc__im_change *c, const struct cnc_error *err)
{
    leave(c);
    if (c->over) {
        return;
    }
    c->over = true;
    if (c->done != NULL) {
        c->done(c, err);
    } else if (err != NULL) {
        cnc__log(CNC_LOG_ERROR, "im.store", "error=%s", err->text);
    }
}

static void
on_kept(struct cnc__commit *commit, const struct cnc_error *err)
{
    struct cnc__im_change *c =
        CNC_CONTAINER(commit, struct cnc__im_change, commit);

    finish(c, err);
    change_free(c);
}

void
cnc__im_commit(struct cnc__im_change *c)
{
    struct cnc__im *im = c->im;

    if (c->commit.n_ops == 0) {
        finish(c, NULL);
        change_free(c);
        return;
    }
    c->next = im->changes;
    if (c->next != NULL) {
        c->next->prev = &c->next;
    }
    c->prev = &im->changes;
    im->changes = c;
    c->commit.done = on_kept;
    im->env.commit(&c->commit, im->env.priv);
}

void
cnc__im_change_drop(struct cnc__im_change *c, const struct cnc_error *err)
{
    finish(c, err);
    change_free(c);
}

/* What is on its way may be kept all the same; whoever waits is told that
 * nobody knows. */
void
cnc__im_changes_end(struct cnc__im *im)
{
    struct cnc_error err = {0};

    cnc_error_set(&err, CNC_ECLOSED, "service-unavailable",
                  "the service is stopping");
    while (im->changes != NULL) {
        finish(im->changes, &err);
    }
}
