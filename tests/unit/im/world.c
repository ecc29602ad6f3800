/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <stdio.h>

/* -- what is heard -------------------------------------------------------- */

static struct world *the_world;

static void
hear(const char *who, const char *xml, size_t len)
{
    struct world *w = the_world;

    w->heard =
        cnc__grow(w->heard, w->n_heard, &w->cap_heard, sizeof(*w->heard));
    w->heard[w->n_heard++] =
        (struct heard){cnc__strdup(who), cnc__strndup(xml, len)};
}

/* The linker puts this in the place of the router's. */
void __wrap_cnc__session_send(struct cnc__session *s, const char *xml,
                              size_t len);
void
__wrap_cnc__session_send(struct cnc__session *s, const char *xml, size_t len)
{
    hear(s->jid, xml, len);
}

static int
on_carry(const char *from, const char *to, const char *head, size_t head_len,
         const struct cnc_buf *tail, struct cnc_error *err, void *priv)
{
    assert_null(tail);
    hear(to, head, head_len);
    return 0;
}

char *
world_hear(struct world *w, const char *who)
{
    for (size_t i = 0; i < w->n_heard; i++) {
        if (strcmp(w->heard[i].who, who) == 0) {
            char *xml = w->heard[i].xml;

            cnc__free(w->heard[i].who);
            memmove(&w->heard[i], &w->heard[i + 1],
                    (--w->n_heard - i) * sizeof(*w->heard));
            return xml;
        }
    }
    return NULL;
}

void
world_deaf(struct world *w)
{
    while (w->n_heard > 0) {
        w->n_heard--;
        cnc__free(w->heard[w->n_heard].who);
        cnc__free(w->heard[w->n_heard].xml);
    }
}

void
world_silence(struct world *w)
{
    for (size_t i = 0; i < w->n_heard; i++) {
        print_error("%s also hears %s\n", w->heard[i].who, w->heard[i].xml);
    }
    if (w->n_heard > 0) {
        fail();
    }
}

void
world_expect(struct world *w, const char *who, const char *part)
{
    char *xml = world_hear(w, who);

    if (xml == NULL) {
        fail_msg("%s hears nothing, but should: %s", who, part);
    }
    if (strstr(xml, part) == NULL) {
        fail_msg("%s is not in %s", part, xml);
    }
    cnc__free(xml);
}

/* -- the store ------------------------------------------------------------ */

static void
buf_free(void *value)
{
    struct cnc_buf *b = value;

    cnc_buf_unref(&b);
}

static void
apply(struct world *w, const struct cnc_store_op *op)
{
    struct cnc__str key = CNC__STR;
    struct cnc_buf *old;

    assert_int_equal(op->entry.kind, CNC_STORE_KEY);
    cnc__str_printf(&key, "%s\n%s", op->entry.node, op->entry.id);
    old = op->verb == CNC_STORE_PUT
              ? cnc__table_put(w->rows, key.data,
                               cnc_buf_new(op->entry.value, op->entry.len))
              : cnc__table_del(w->rows, key.data);
    cnc_buf_unref(&old);
    cnc__str_fini(&key);
}

static void
on_commit(struct cnc__commit *c, void *priv)
{
    struct world *w = priv;

    w->waiting = cnc__grow(w->waiting, w->n_waiting, &w->cap_waiting,
                           sizeof(struct cnc__commit *));
    w->waiting[w->n_waiting++] = c;
    w->n_commits++;
}

static void
answer_first(struct world *w, bool lost)
{
    struct cnc__commit *c = w->waiting[0];
    struct cnc_error err = {0};

    memmove(w->waiting, w->waiting + 1, --w->n_waiting * sizeof(*w->waiting));
    if (w->fail || lost) {
        cnc_error_set(&err, CNC_ESTORE, "internal-server-error",
                      "the disk is full");
    } else {
        for (size_t i = 0; i < c->n_ops; i++) {
            apply(w, &c->ops[i]);
        }
    }
    c->done(c, err.code == 0 ? NULL : &err);
}

void
world_flush(struct world *w)
{
    while (w->n_waiting > 0) {
        answer_first(w, false);
    }
}

/* -- the service ---------------------------------------------------------- */

static int64_t
on_now(void *priv)
{
    return ((struct world *)priv)->now_ms;
}

static bool
on_exists(const char *user, void *priv)
{
    return cnc__table_get(((struct world *)priv)->accounts, user) != NULL;
}

static bool
is_reserved(const char *user, void *priv)
{
    return strcmp(user, "nurse") == 0;
}

static void
on_account_set(const char *user, const char *password, bool must_be_new,
               cnc__im_done_f *done, void *done_priv, void *priv)
{
    struct world *w = priv;
    struct cnc_error err = {0};

    if (must_be_new && on_exists(user, w)) {
        cnc_error_set(&err, CNC_EEXIST, "conflict", "there is one");
        done(&err, done_priv);
        return;
    }
    world_account(w, user);
    snprintf(w->registered, sizeof(w->registered), "%s %s", user, password);
    done(NULL, done_priv);
}

static void
on_account_del(const char *user, cnc__im_done_f *done, void *done_priv,
               void *priv)
{
    done(NULL, done_priv);
    world_delete(priv, user);
}

static void
event(struct world *w, const char *fmt, const char *a, const char *b,
      const char *c)
{
    size_t len = strlen(w->events);

    snprintf(w->events + len, sizeof(w->events) - len, fmt, a, b, c);
}

static void
on_available(const char *owner, const char *full, bool first, void *priv)
{
    event(priv, "+%s %s%s; ", owner, full, first ? " first" : "");
}

static void
on_unavailable(const char *owner, const char *full, void *priv)
{
    event(priv, "-%s %s%s; ", owner == NULL ? "*" : owner, full, "");
}

static void
start(struct world *w)
{
    struct cnc__im_env env = {.commit = on_commit,
                              .now_ms = on_now,
                              .account_exists = on_exists,
                              .account_set = on_account_set,
                              .account_del = on_account_del,
                              .register_open = w->register_open,
                              .is_reserved = is_reserved,
                              .limits = w->limits,
                              .without = w->without,
                              .priv = w};

    w->router = cnc__router_new(DOMAIN);
    cnc__router_carrier(w->router, false, on_carry, w);
    env.router = w->router;
    w->im = cnc__im_new(&env);
    cnc__im_on_available(w->im, on_available, w);
    cnc__im_on_unavailable(w->im, on_unavailable, w);
    for (struct cnc__table_iter i = {0}; cnc__table_next(w->rows, &i);) {
        const char *nl = strchr(i.key, '\n');
        char *node = cnc__strndup(i.key, (size_t)(nl - i.key));
        const struct cnc_store_entry e = {.kind = CNC_STORE_KEY,
                                          .node = node,
                                          .id = nl + 1,
                                          .publisher = "",
                                          .value = cnc_buf_data(i.value),
                                          .len = cnc_buf_len(i.value)};

        assert_true(cnc__im_load(w->im, &e));
        cnc__free(node);
    }
    cnc__im_load_done(w->im);
    cnc__router_tick(w->router, (uint64_t)w->now_ms);
    world_flush(w);
}

static void
stop(struct world *w)
{
    struct cnc__session *s;

    for (size_t i = 0;
         (s = cnc__router_next_session(w->router, &i)) != NULL;) {
        cnc__router_unbind(&s);
    }
    cnc__im_free(&w->im);
    cnc__router_free(&w->router);
    while (w->n_waiting > 0) { /* the batches outlive the room */
        answer_first(w, false);
    }
    world_deaf(w);
    w->events[0] = '\0';
}

struct world *
world_new(void)
{
    struct world *w = cnc__zalloc(sizeof(*w));

    w->now_ms = INT64_C(1795383600000); /* 2026-11-22T21:40:00Z */
    w->rows = cnc__table_new();
    w->accounts = cnc__table_new();
    the_world = w;
    start(w);
    return w;
}

void
world_restart(struct world *w)
{
    stop(w);
    start(w);
}

void
world_free(struct world **wp)
{
    struct world *w = *wp;

    stop(w);
    cnc__table_free(&w->rows, buf_free);
    cnc__table_free(&w->accounts, NULL);
    cnc__free(w->waiting);
    cnc__free(w->heard);
    cnc__free(w);
    *wp = NULL;
    the_world = NULL;
}

void
world_account(struct world *w, const char *user)
{
    cnc__table_put(w->accounts, user, w);
}

void
world_delete(struct world *w, const char *user)
{
    cnc__table_del(w->accounts, user);
    cnc__im_account_deleted(w->im, user);
    if (!w->hold) {
        world_flush(w);
    }
}

struct cnc__session *
world_session(struct world *w, const char *full)
{
    size_t len = cnc__jid_bare_len(full);
    char *bare = cnc__strndup(full, len);
    struct cnc__session *s =
        cnc__router_bind(w->router, NULL, bare, full + len + 1, 0);

    cnc__free(bare);
    cnc__router_started(s);
    return s;
}

void
world_end(struct world *w, struct cnc__session *s)
{
    cnc__router_unbind(&s);
    if (!w->hold) {
        world_flush(w);
    }
}

void
world_say(struct world *w, struct cnc__session *s, const char *from,
          const char *text)
{
    struct cnc__str xml = CNC__STR;
    struct cnc_element *root = NULL;
    struct cnc_error err = {0};
    size_t name = 1 + strcspn(text + 1, " >/");

    /* As a stream would give it: in jabber:client. */
    cnc__str_add(&xml, text, name);
    cnc__str_puts(&xml, " xmlns='jabber:client'");
    if (s == NULL) {
        cnc__str_printf(&xml, " from='%s'", from);
    }
    cnc__str_puts(&xml, text + name);
    if (cnc_xml_parse(&root, xml.data, xml.len, 0, NULL, &err) != 0) {
        fail_msg("%s: %s", err.text, xml.data);
    }
    if (s != NULL) {
        cnc__router_stanza(s, root);
    } else {
        assert_true(cnc__router_from_peer(w->router, root));
    }
    cnc_element_unref(&root);
    cnc__str_fini(&xml);
    if (!w->hold) {
        world_flush(w);
    }
}

void
world_wait(struct world *w, int64_t ms)
{
    w->now_ms += ms;
    cnc__router_tick(w->router, (uint64_t)w->now_ms);
    cnc__im_tick(w->im);
    world_flush(w);
}
