/* SPDX-License-Identifier: MIT */
/*
 * sessions.c -- who may be sent to: bound resources, and JIDs of other domains
 * that follow something here.
 */
#include "jid.h"
#include "router-priv.h"
#include "sm.h"

#define SESSION_MAGIC 0x53455353u
#define SLOT_BITS     24
#define SLOT_MASK     (((uint64_t)1 << SLOT_BITS) - 1)

/* -- sessions ------------------------------------------------------------ */

static uint32_t
take_slot(struct cnc__router *r)
{
    if (r->n_free == 0) {
        size_t cap = r->n_slots == 0 ? 16 : r->n_slots * 2;

        CNC_CHECK(cap <= SLOT_MASK);
        r->slots = cnc__realloc(r->slots, cap, sizeof(void *));
        r->free_slots =
            cnc__realloc(r->free_slots, cap, sizeof(r->free_slots[0]));
        for (size_t i = cap; i-- > r->n_slots;) {
            r->slots[i] = NULL;
            r->free_slots[r->n_free++] = (uint32_t)i;
        }
        r->n_slots = cap;
    }
    return r->free_slots[--r->n_free];
}

/* -- the sessions of an account ------------------------------------------ */

struct cnc__session *
cnc__router_sessions_of(const struct cnc__router *r, const char *bare,
                        size_t len)
{
    return cnc__table_getn(r->by_bare, bare, len);
}

static size_t
count_same(const struct cnc__router *r, const char *bare)
{
    const struct cnc__session *s =
        cnc__router_sessions_of(r, bare, strlen(bare));
    size_t n = 0;

    for (; s != NULL; s = s->next_same) {
        n++;
    }
    return n;
}

static void
add_same(struct cnc__session *s, const char *bare)
{
    s->next_same = cnc__table_put(s->router->by_bare, bare, s);
    if (s->next_same != NULL) {
        s->next_same->prev_same = s;
    }
}

static void
drop_same(struct cnc__session *s)
{
    char bare[CNC__JID_MAX + 1];

    if (s->anonymous) {
        return;
    }
    if (s->next_same != NULL) {
        s->next_same->prev_same = s->prev_same;
    }
    if (s->prev_same != NULL) {
        s->prev_same->next_same = s->next_same;
        return;
    }
    memcpy(bare, s->jid, s->bare_len);
    bare[s->bare_len] = '\0';
    if (s->next_same != NULL) {
        cnc__table_put(s->router->by_bare, bare, s->next_same);
    } else {
        cnc__table_del(s->router->by_bare, bare);
    }
}

/* -- bound resources ----------------------------------------------------- */

struct cnc__session *
cnc__router_bind(struct cnc__router *r, struct cnc__stream *stream,
                 const char *bare_jid, const char *resource, unsigned flags)
{
    bool anonymous = (flags & CNC__BIND_ANONYMOUS) != 0;
    struct cnc__session *s, *old;
    struct cnc__str jid = CNC__STR;
    char chosen[33];
    uint32_t slot;

    if (resource == NULL) {
        cnc__random_hex(chosen, 8);
        resource = chosen;
    }
    cnc__str_printf(&jid, "%s/%s", bare_jid, resource);
    if ((flags & (CNC__BIND_ANONYMOUS | CNC__BIND_UNLIMITED)) == 0 &&
        cnc__table_get(r->by_jid, jid.data) == NULL &&
        count_same(r, bare_jid) >= r->max_resources) {
        cnc__str_fini(&jid);
        return NULL;
    }
    s = cnc__zalloc(sizeof(*s));
    slot = take_slot(r);
    s->magic = SESSION_MAGIC;
    s->jid = cnc__strdup(jid.data);
    cnc__str_fini(&jid);
    s->bare_len = strlen(bare_jid);
    s->id = r->serial++ << SLOT_BITS | slot;
    s->anonymous = anonymous;
    s->router = r;
    s->stream = stream;
    r->slots[slot] = s;
    r->n_sessions++;
    if (!anonymous) {
        add_same(s, bare_jid);
    }
    old = cnc__table_put(r->by_jid, s->jid, s);
    if (old != NULL) {
        cnc__session_end(old, "conflict", "Replaced by a new connection");
    }
    return s;
}

void
cnc__router_started(struct cnc__session *s)
{
    CNC_OBJ_CHECK(s, SESSION_MAGIC);
    for (struct cnc__starter *i = s->router->starters; i != NULL;
         i = i->next) {
        i->f(s, i->priv);
    }
}

void
cnc__router_unbind(struct cnc__session **sp)
{
    struct cnc__session *s = *sp;
    struct cnc__router *r;
    uint32_t slot;

    if (s == NULL) {
        return;
    }
    CNC_OBJ_CHECK(s, SESSION_MAGIC);
    r = s->router;
    *sp = NULL;
    for (struct cnc__ender *e = r->enders; e != NULL; e = e->next) {
        e->f(s, e->priv);
    }
    /* A session that replaced this one owns the JID now. */
    if (cnc__table_get(r->by_jid, s->jid) == s) {
        cnc__table_del(r->by_jid, s->jid);
    }
    drop_same(s);
    if (s->sm != NULL) {
        cnc__sm_return(s);
    }
    slot = (uint32_t)(s->id & SLOT_MASK);
    r->slots[slot] = NULL;
    r->free_slots[r->n_free++] = slot;
    r->n_sessions--;
    cnc__free(s->jid);
    cnc__free(s->login);
    CNC_OBJ_FREE(s);
}

void
cnc__session_end(struct cnc__session *s, const char *condition,
                 const char *text)
{
    CNC_OBJ_CHECK(s, SESSION_MAGIC);
    if (s->stream != NULL) {
        cnc__stream_close(s->stream, condition, text);
    } else if (!s->far_) {
        cnc__sm_end(s);
    }
}

struct cnc__session *
cnc__router_session(struct cnc__router *r, uint64_t id)
{
    size_t slot = (size_t)(id & SLOT_MASK);
    struct cnc__session *s = slot < r->n_slots ? r->slots[slot] : NULL;

    return s != NULL && s->id == id ? s : NULL;
}

struct cnc__session *
cnc__router_session_by_jid(struct cnc__router *r, const char *full)
{
    return cnc__table_get(r->by_jid, full);
}

struct cnc__session *
cnc__router_next_session(struct cnc__router *r, size_t *i)
{
    while (*i < r->n_slots) {
        struct cnc__session *s = r->slots[(*i)++];

        if (s != NULL) {
            return s;
        }
    }
    return NULL;
}

size_t
cnc__router_n_sessions(const struct cnc__router *r)
{
    return r->n_sessions;
}

/* -- of other domains ---------------------------------------------------- */

struct cnc__session *
cnc__router_far(struct cnc__router *r, const char *jid)
{
    struct cnc__session *s = cnc__table_get(r->far_, jid);

    if (s == NULL) {
        s = cnc__zalloc(sizeof(*s));
        s->magic = SESSION_MAGIC;
        s->jid = cnc__strdup(jid);
        s->bare_len = cnc__jid_bare_len(jid);
        s->far_ = true;
        s->router = r;
        cnc__table_put(r->far_, jid, s);
    }
    s->refs++;
    return s;
}

void
cnc__router_far_unref(struct cnc__session **sp)
{
    struct cnc__session *s = *sp;

    if (s == NULL) {
        return;
    }
    CNC_OBJ_CHECK(s, SESSION_MAGIC);
    *sp = NULL;
    CNC_CHECK(s->far_ && s->refs > 0);
    if (--s->refs == 0) {
        cnc__table_del(s->router->far_, s->jid);
        cnc__free(s->jid);
        CNC_OBJ_FREE(s);
    }
}

/* -- sending ------------------------------------------------------------- */

bool
cnc__session_has_room(const struct cnc__session *s)
{
    CNC_OBJ_CHECK(s, SESSION_MAGIC);
    return s->sm != NULL
               ? cnc__sm_has_room(s->sm)
               : s->stream == NULL || !cnc__stream_is_full(s->stream);
}

void
cnc__session_send(struct cnc__session *s, const char *xml, size_t len)
{
    CNC_OBJ_CHECK(s, SESSION_MAGIC);
    if (s->traced) {
        cnc__router_show(s->router, s, false, NULL, s->jid, xml, len, NULL);
    }
    if (s->sm != NULL) {
        cnc__sm_send(s, xml, len, NULL);
    } else if (s->stream != NULL) {
        cnc__stream_send(s->stream, xml, len, "", 0);
    } else if (s->far_) {
        cnc__router_carry(s->router, s->router->domain, s->jid, xml, len, NULL,
                          NULL);
    }
}

void
cnc__session_send_shared(struct cnc__session *s, const char *head,
                         size_t head_len, const struct cnc_buf *tail)
{
    CNC_OBJ_CHECK(s, SESSION_MAGIC);
    if (s->traced) {
        cnc__router_show(s->router, s, false, NULL, s->jid, head, head_len,
                         tail);
    }
    if (s->sm != NULL) {
        cnc__sm_send(s, head, head_len, tail);
    } else if (s->stream != NULL) {
        cnc__stream_send_shared(s->stream, head, head_len, tail);
    } else if (s->far_) {
        cnc__router_carry(s->router, s->router->domain, s->jid, head, head_len,
                          tail, NULL);
    }
}
