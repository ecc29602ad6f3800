/* SPDX-License-Identifier: MIT */
/*
 * jobs.c -- changes of a roster, one after the other.
 *
 *   queue -> plan (looks at the roster as it is) -> store -> (durable)
 *     -> in its place -> pushed -> effect (answers, stanzas to contacts)
 *
 * The next one is planned when the one before it is in its place, so that no
 * two changes are made from the same state.
 */
#include "parts.h"

#define MAX_REMOVED 64 /* items remembered as removed */

static void run(struct cnc__im_user *u);

void
cnc__roster_job_free(struct cnc__roster_job *j)
{
    cnc__contact_free(j->item);
    cnc_element_unref(&j->stanza);
    cnc__request_free(&j->request);
    cnc__free(j->jid);
    cnc__free(j);
}

/* The first job is over. */
static void
finish(struct cnc__roster_job *j, const struct cnc_error *err)
{
    struct cnc__im_user *u = j->user;
    struct cnc__roster *r = u->roster;

    CNC_CHECK(r->first == j);
    r->first = j->next;
    if (r->first == NULL) {
        r->last = &r->first;
    }
    r->n_jobs--;
    j->effect(j, err);
    cnc__roster_job_free(j);
    r->busy = false;
}

static void
put_meta(struct cnc__im_change *c, const struct cnc__im_user *u,
         uint64_t floor)
{
    struct cnc__str value = CNC__STR;

    cnc__str_printf(&value, "<roster epoch='%s' floor='%llu'/>",
                    u->roster->epoch, (unsigned long long)floor);
    cnc__im_put(c, "roster", u, "", value.data, value.len);
    cnc__str_fini(&value);
}

/* One more is removed: the oldest of them is forgotten, and who knows a
 * version before it gets the whole roster. */
static void
forget_oldest(struct cnc__im_change *c, struct cnc__im_user *u)
{
    struct cnc__contact *oldest = NULL;

    for (struct cnc__table_iter i = {0};
         cnc__table_next(u->roster->contacts, &i);) {
        struct cnc__contact *at = i.value;

        if (at->removed && at->bits == 0 &&
            (oldest == NULL || at->ver < oldest->ver)) {
            oldest = at;
        }
    }
    if (oldest != NULL) {
        u->roster->floor = oldest->ver;
        put_meta(c, u, oldest->ver);
        cnc__im_del(c, "roster", u, oldest->jid);
        cnc__roster_take(u, oldest->jid);
    }
}

static void
on_kept(struct cnc__im_change *c, const struct cnc_error *err)
{
    struct cnc__roster_job *j = c->priv;
    struct cnc__im_user *u = j->user;

    if (u == NULL) { /* the account is gone */
        cnc__roster_job_free(j);
        return;
    }
    if (err == NULL) {
        struct cnc__contact *item = j->item;

        j->item = NULL;
        if (item->ver > u->roster->ver) {
            u->roster->ver = item->ver;
        }
        if (j->push) {
            cnc__roster_push(u, item);
        }
        if (j->drop) {
            cnc__roster_take(u, j->jid);
            cnc__contact_free(item);
        } else {
            cnc__roster_place(u, item);
        }
    }
    finish(j, err);
    run(u);
}

static void
keep(struct cnc__roster_job *j)
{
    struct cnc__im_user *u = j->user;
    struct cnc__roster *r = u->roster;
    struct cnc__im_change *c = cnc__im_change_new(u->im, on_kept, j);
    struct cnc__str value = CNC__STR;

    if ((j->item->bits & CNC__SUB_PENDING_IN) == 0) {
        cnc__free(j->item->request);
        j->item->request = NULL;
    }
    if (j->push) {
        j->item->ver = r->ver + 1;
    }
    if (r->epoch[0] == '\0') {
        cnc__random_hex(r->epoch, 4);
        put_meta(c, u, 0);
    }
    j->drop = !j->item->listed && !j->item->removed && j->item->bits == 0;
    if (j->item->removed && r->n_removed >= MAX_REMOVED) {
        forget_oldest(c, u);
    }
    if (j->drop) {
        cnc__im_del(c, "roster", u, j->jid);
    } else {
        cnc__contact_write(&value, j->item);
        cnc__im_put(c, "roster", u, j->jid, value.data, value.len);
        cnc__str_fini(&value);
    }
    cnc__im_commit(c);
}

static void
run(struct cnc__im_user *u)
{
    struct cnc__roster *r = u->roster;

    while (!r->busy && r->first != NULL) {
        struct cnc__roster_job *j = r->first;

        r->busy = true;
        if (j->plan(j)) {
            keep(j); /* answered later */
            return;
        }
        finish(j, j->err.code == 0 ? NULL : &j->err);
    }
}

bool
cnc__roster_queue(struct cnc__im_user *u, struct cnc__roster_job *j)
{
    struct cnc__roster *r = cnc__roster_make(u);

    if (r->n_jobs >= u->im->limits.queue) {
        return false;
    }
    j->user = u;
    *r->last = j;
    r->last = &j->next;
    r->n_jobs++;
    run(u);
    return true;
}
