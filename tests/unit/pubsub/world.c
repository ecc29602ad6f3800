/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <stdio.h>

#include "../../../src/xml/write.h"

struct row {
    enum cnc_store_kind kind;
    char *node, *id, *publisher, *value;
    uint64_t seq, created;
    int64_t published_ms;
    size_t len;
};

/* -- what is heard -------------------------------------------------------- */

static struct world *the_world;

static void
hear(const char *who, const char *a, size_t n_a, const char *b, size_t n_b)
{
    struct world *w = the_world;
    w->n_delivered++;
    if (w->quiet) {
        return;
    }
    if (w->n_heard == w->cap_heard) {
        w->cap_heard = w->cap_heard == 0 ? 16 : w->cap_heard * 2;
        w->heard = cnc__realloc(w->heard, w->cap_heard, sizeof(*w->heard));
    }
    struct cnc__str xml = CNC__STR;
    cnc__str_add(&xml, a, n_a);
    cnc__str_add(&xml, b, n_b);
    w->heard[w->n_heard++] =
        (struct heard){cnc__strdup(who), cnc__str_steal(&xml)};
}

/* The linker puts these in the place of the router's. */
void __wrap_cnc__session_send(struct cnc__session *s, const char *xml,
                              size_t len);
void __wrap_cnc__session_send_shared(struct cnc__session *s, const char *head,
                                     size_t head_len,
                                     const struct cnc_buf *tail);
void
__wrap_cnc__session_send(struct cnc__session *s, const char *xml, size_t len)
{
    hear(s->jid, xml, len, "", 0);
}

void
__wrap_cnc__session_send_shared(struct cnc__session *s, const char *head,
                                size_t head_len, const struct cnc_buf *tail)
{
    hear(s->jid, head, head_len, cnc_buf_data(tail), cnc_buf_len(tail));
}

/* Answers to other domains come this way. */
static int
carry(const char *from, const char *to, const char *head, size_t head_len,
      const struct cnc_buf *tail, struct cnc_error *err, void *priv)
{
    hear(to, head, head_len, tail == NULL ? "" : cnc_buf_data(tail),
         tail == NULL ? 0 : cnc_buf_len(tail));
    return 0;
}

void
world_deaf(struct world *w)
{
    for (size_t i = 0; i < w->n_heard; i++) {
        cnc__free(w->heard[i].who);
        cnc__free(w->heard[i].xml);
    }
    w->n_heard = w->at = 0;
}

const char *
world_hear_jid(struct world *w, const char *jid)
{
    if (w->at == w->n_heard) {
        fail_msg("%s hears nothing", jid == NULL ? "anybody" : jid);
    }
    const struct heard *h = &w->heard[w->at++];
    if (jid != NULL && strcmp(h->who, jid) != 0) {
        fail_msg("%s should hear something, but %s hears %s", jid, h->who,
                 h->xml);
    }
    return h->xml;
}

const char *
world_hear(struct world *w, struct cnc__session *s)
{
    return world_hear_jid(w, s == NULL ? NULL : s->jid);
}

void
world_silence(struct world *w)
{
    if (w->at < w->n_heard) {
        fail_msg("%s also hears %s", w->heard[w->at].who, w->heard[w->at].xml);
    }
    world_deaf(w);
}

void
world_expect(struct world *w, struct cnc__session *s, const char *part)
{
    world_expect_jid(w, s == NULL ? NULL : s->jid, part);
}

void
world_expect_jid(struct world *w, const char *jid, const char *part)
{
    const char *xml = world_hear_jid(w, jid);
    if (strstr(xml, part) == NULL) {
        fail_msg("%s is not in %s", part, xml);
    }
}

/* -- the store ------------------------------------------------------------ */

static char *
key_of(const struct cnc_store_entry *e)
{
    struct cnc__str key = CNC__STR;
    /* Sorts as cnc_store_driver.each() gives: nodes, keys, then the rest. */
    if (e->kind == CNC_STORE_HISTORY) {
        cnc__str_printf(&key, "3 %s\n%020llu h", e->node,
                        (unsigned long long)e->seq);
    } else if (e->kind == CNC_STORE_ITEM) {
        cnc__str_printf(&key, "2 %s\n%s", e->node, e->id);
    } else {
        cnc__str_printf(&key, "%d %s\n%s", e->kind == CNC_STORE_NODE ? 0 : 1,
                        e->node, e->id);
    }
    return cnc__str_steal(&key);
}

static void
row_free(void *value)
{
    struct row *r = value;
    cnc__free(r->node);
    cnc__free(r->id);
    cnc__free(r->publisher);
    cnc__free(r->value);
    cnc__free(r);
}

static void
put(struct world *w, const struct cnc_store_entry *e)
{
    struct row *r = cnc__zalloc(sizeof(*r));
    *r = (struct row){e->kind,
                      cnc__strdup(e->node),
                      cnc__strdup(e->id),
                      cnc__strdup(e->publisher),
                      cnc__strndup(e->value, e->len),
                      e->seq,
                      e->created,
                      e->published_ms,
                      e->len};
    char *key = key_of(e);
    struct row *old = cnc__table_put(w->rows, key, r);
    if (old != NULL) {
        row_free(old);
    }
    cnc__free(key);
}

void
world_put(struct world *w, const struct cnc_store_entry *e)
{
    put(w, e);
}

static bool
concerns(const struct cnc_store_op *op, const struct row *r)
{
    if (strcmp(op->entry.node, r->node) != 0) {
        return false;
    }
    switch (op->verb) {
    case CNC_STORE_PURGE:
        return r->kind == CNC_STORE_ITEM;
    case CNC_STORE_DROP:
        return r->kind != CNC_STORE_KEY;
    default:
        return false;
    }
}

/* Downwards until there has been nothing for long: looking at all rows each
 * time would take longer than the test. */
static void
trim(struct world *w, const struct cnc_store_entry *e)
{
    struct cnc_store_entry at = *e;
    for (int missed = 0; missed < 1000 && at.seq > 1;) {
        at.seq--;
        char *key = key_of(&at);
        struct row *old = cnc__table_del(w->rows, key);
        missed = old == NULL ? missed + 1 : 0;
        if (old != NULL) {
            row_free(old);
        }
        cnc__free(key);
    }
}

static void
apply(struct world *w, const struct cnc_store_op *op)
{
    if (op->verb == CNC_STORE_PUT) {
        put(w, &op->entry);
        return;
    }
    if (op->verb == CNC_STORE_DEL) {
        char *key = key_of(&op->entry);
        struct row *old = cnc__table_del(w->rows, key);
        if (old != NULL) {
            row_free(old);
        }
        cnc__free(key);
        return;
    }
    if (op->verb == CNC_STORE_TRIM) {
        trim(w, &op->entry);
        return;
    }
    struct cnc__table_iter i = {0};
    while (cnc__table_next(w->rows, &i)) {
        if (concerns(op, i.value)) {
            row_free(cnc__table_del(w->rows, i.key));
        }
    }
}

static void
on_commit(struct cnc__commit *c, void *priv)
{
    struct world *w = priv;
    if (w->first_waiting + w->n_waiting == w->cap_waiting) {
        w->cap_waiting = w->cap_waiting == 0 ? 8 : w->cap_waiting * 2;
        w->waiting =
            cnc__realloc(w->waiting, w->cap_waiting, sizeof(*w->waiting));
    }
    w->waiting[w->first_waiting + w->n_waiting++] = c;
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

static int
by_place(const void *a, const void *b)
{
    const struct row *x = *(struct row *const *)a,
                     *y = *(struct row *const *)b;
    int px = x->kind == CNC_STORE_NODE ? 0 : x->kind == CNC_STORE_KEY ? 1 : 2;
    int py = y->kind == CNC_STORE_NODE ? 0 : y->kind == CNC_STORE_KEY ? 1 : 2;
    int c = px != py ? px - py : strcmp(x->node, y->node);
    if (c == 0) {
        c = (x->seq > y->seq) - (x->seq < y->seq);
    }
    return c != 0 ? c : (int)x->kind - (int)y->kind;
}

static struct row **
sorted_rows(struct world *w, size_t *n)
{
    struct cnc__table_iter i = {0};
    struct row **all =
        cnc__zalloc((cnc__table_len(w->rows) + 1) * sizeof(*all));
    *n = 0;
    while (cnc__table_next(w->rows, &i)) {
        all[(*n)++] = i.value;
    }
    qsort(all, *n, sizeof(*all), by_place);
    return all;
}

char *
world_dump_store(struct world *w)
{
    size_t n;
    struct row **all = sorted_rows(w, &n);
    struct cnc__str out = CNC__STR;
    for (size_t i = 0; i < n; i++) {
        const struct row *r = all[i];
        cnc__str_printf(&out, "%d %s %s %llu %llu %s %s\n", r->kind, r->node,
                        r->id, (unsigned long long)r->seq,
                        (unsigned long long)r->created, r->publisher,
                        r->kind == CNC_STORE_NODE ? "" : r->value);
    }
    cnc__free(all);
    return cnc__str_steal(&out);
}

/* -- the service ---------------------------------------------------------- */

static int64_t
on_now(void *priv)
{
    return ((struct world *)priv)->now_ms;
}

static int
on_judge(struct cnc__publish *p, struct cnc__node *node,
         const struct cnc__actor *actor, const char *id,
         struct cnc_element *payload, struct cnc_error *err, void *priv)
{
    struct world *w = priv;
    if (w->judge == REFUSE) {
        return cnc_error_set(err, CNC_EREFUSED, NULL, "That is no book.");
    }
    if (w->judge == HOLD) {
        w->held = p;
        return CNC_EAGAIN;
    }
    return 0;
}

static bool
has_word(const char *list, const char *word, size_t len)
{
    for (; *list != '\0'; list += strspn(list, " ")) {
        size_t n = strcspn(list, " ");
        if (n == len && memcmp(list, word, len) == 0) {
            return true;
        }
        list += n;
    }
    return false;
}

static bool
on_has_role(const char *bare, const char *roles, void *priv)
{
    struct world *w = priv;
    const char *has = cnc__table_get(w->roles, bare);
    for (; has != NULL && *roles != '\0'; roles += strspn(roles, " ")) {
        size_t n = strcspn(roles, " ");
        if (has_word(has, roles, n)) {
            return true;
        }
        roles += n;
    }
    return false;
}

void
world_roles(struct world *w, const char *bare, const char *roles)
{
    cnc__free(roles == NULL
                  ? cnc__table_del(w->roles, bare)
                  : cnc__table_put(w->roles, bare, cnc__strdup(roles)));
    cnc__pubsub_roles_changed(w->ps, bare);
    if (!w->hold) {
        world_flush(w);
    }
}

static void
on_after(enum cnc__event ev, struct cnc__node *node, struct cnc__item *item,
         void *priv)
{
    static const char *const names[] = {"publish", "retract",   "purge",
                                        "delete",  "configure", "create"};
    struct world *w = priv;
    size_t len = strlen(w->after);
    if (len < sizeof(w->after) - 200) {
        snprintf(w->after + len, sizeof(w->after) - len, "%s%s %s%s%s",
                 len == 0 ? "" : " | ", names[ev], cnc__node_name(node),
                 item == NULL ? "" : " ", item == NULL ? "" : item->id);
    }
}

static void
start(struct world *w)
{
    const struct cnc__pubsub_env env = {.router = NULL,
                                        .commit = on_commit,
                                        .now_ms = on_now,
                                        .before_publish = on_judge,
                                        .after = on_after,
                                        .has_role = on_has_role,
                                        .priv = w};
    struct cnc__pubsub_env e = env;
    w->router = cnc__router_new(DOMAIN);
    cnc__router_carrier(w->router, false, carry, w);
    e.router = w->router;
    w->ps = cnc__pubsub_new(&e);
    w->commands = cnc__commands_new(w->router);
}

static void
stop(struct world *w)
{
    size_t i = 0;
    struct cnc__session *s;
    while ((s = cnc__router_next_session(w->router, &i)) != NULL) {
        cnc__router_unbind(&s);
    }
    cnc__commands_free(&w->commands);
    cnc__pubsub_free(&w->ps);
    cnc__router_free(&w->router);
}

struct world *
world_new(void)
{
    struct world *w = cnc__zalloc(sizeof(*w));
    w->now_ms = INT64_C(1795383600000); /* 2026-11-22T21:40:00Z */
    w->rows = cnc__table_new();
    w->roles = cnc__table_new();
    the_world = w;
    start(w);
    return w;
}

static void
load(struct world *w)
{
    size_t n;
    struct row **all = sorted_rows(w, &n);
    for (size_t i = 0; i < n; i++) {
        const struct row *r = all[i];
        const struct cnc_store_entry e = {
            r->kind,         r->node,      r->id,    r->seq, r->created,
            r->published_ms, r->publisher, r->value, r->len};
        struct cnc_error err = {0};
        if (cnc__pubsub_load(w->ps, &e, &err) != 0) {
            fail_msg("load: %s", err.text);
        }
    }
    cnc__pubsub_load_done(w->ps);
    cnc__free(all);
}

static void
again(struct world *w, bool lost)
{
    while (!lost && w->n_waiting > 0) {
        answer_first(w, false);
    }
    stop(w);
    while (w->n_waiting > 0) { /* the batches outlive the service */
        answer_first(w, true);
    }
    world_deaf(w);
    start(w);
    load(w);
}

void
world_restart(struct world *w)
{
    again(w, false);
}

void
world_crash(struct world *w)
{
    again(w, true);
}

void
world_free(struct world **wp)
{
    struct world *w = *wp;
    stop(w);
    while (w->n_waiting > 0) {
        answer_first(w, true);
    }
    world_deaf(w);
    cnc__table_free(&w->roles, cnc__free);
    cnc__table_free(&w->rows, row_free);
    cnc__free(w->waiting);
    cnc__free(w->heard);
    cnc__free(w);
    *wp = NULL;
    the_world = NULL;
}

struct cnc__session *
world_session(struct world *w, const char *bare, const char *resource,
              bool guest, bool operator_)
{
    struct cnc__session *s =
        cnc__router_bind(w->router, NULL, bare, resource, 0);
    s->anonymous = guest;
    s->operator_ = operator_;
    cnc__router_started(s);
    return s;
}

void
world_end(struct world *w, struct cnc__session *s)
{
    cnc__router_unbind(&s);
}

/* from: the peer has set it; NULL: the session's stream does. */
static struct cnc_element *
stanza(const char *from, const char *fmt, va_list ap)
{
    struct cnc__str inner = CNC__STR, xml = CNC__STR;
    struct cnc_element *root = NULL;
    struct cnc_error err = {0};
    cnc__str_vprintf(&inner, fmt, ap);
    /* As a stream would give it: in jabber:client, and to somebody. */
    size_t name = 1 + strcspn(inner.data + 1, " >/");
    cnc__str_add(&xml, inner.data, name);
    cnc__str_puts(&xml, " xmlns='jabber:client'");
    if (from != NULL) {
        cnc__xml_printf(&xml, " from='%s'", from);
    }
    size_t tag = strcspn(inner.data, ">");
    const char *to = strstr(inner.data, " to='");
    if (to == NULL || to > inner.data + tag) {
        cnc__str_puts(&xml, " to='" DOMAIN "'");
    }
    cnc__str_puts(&xml, inner.data + name);
    if (cnc_xml_parse(&root, xml.data, xml.len, 0, NULL, &err) != 0) {
        fail_msg("%s: %s", err.text, xml.data);
    }
    cnc__str_fini(&inner);
    cnc__str_fini(&xml);
    return root;
}

void
world_say(struct world *w, struct cnc__session *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct cnc_element *e = stanza(NULL, fmt, ap);
    va_end(ap);
    cnc__router_stanza(s, e);
    cnc_element_unref(&e);
    if (!w->hold) {
        world_flush(w);
    }
}

void
world_far(struct world *w, const char *jid, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct cnc_element *e = stanza(jid, fmt, ap);
    va_end(ap);
    assert_true(cnc__router_from_peer(w->router, e));
    cnc_element_unref(&e);
    if (!w->hold) {
        world_flush(w);
    }
}

/* -- shorthands ----------------------------------------------------------- */

struct cnc__actor
world_operator(void)
{
    return (struct cnc__actor){.jid = "op@" DOMAIN, .operator_ = true};
}

struct cnc__node *
world_node(struct world *w, const char *name)
{
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    struct cnc__node *n = cnc__pubsub_declare(w->ps, name, &cfg);
    world_flush(w);
    return n;
}

struct cnc_element *
world_xml(const char *fmt, ...)
{
    struct cnc__str xml = CNC__STR;
    struct cnc_element *e = NULL;
    va_list ap;
    va_start(ap, fmt);
    cnc__xml_vprintf(&xml, fmt, ap);
    va_end(ap);
    assert_int_equal(cnc_xml_parse(&e, xml.data, xml.len, 0, NULL, NULL), 0);
    cnc__str_fini(&xml);
    return e;
}

void
world_publish(struct world *w, struct cnc__node *n, const char *id,
              const char *title)
{
    struct cnc__actor who = world_operator();
    struct cnc_element *e = world_xml(
        "<book xmlns='urn:example:books'><title>%s</title></book>", title);
    cnc__pubsub_publish(w->ps, &who, n, id, e, false, NULL, NULL);
    cnc_element_unref(&e);
    if (!w->hold) {
        world_flush(w);
    }
}

char *
world_dump(struct world *w)
{
    /* Only names that tests use: the service has no list of its nodes. */
    static const char *const names[] = {"library", "authors", "small",
                                        "closed"};
    struct cnc__str out = CNC__STR;
    for (size_t i = 0; i < CNC_N(names); i++) {
        const struct cnc__node *n = cnc__pubsub_node(w->ps, names[i]);
        char position[40];
        if (n == NULL) {
            continue;
        }
        cnc__node_position(n, position);
        cnc__str_printf(&out, "%s %s\n", names[i], position);
        for (size_t k = 0; k < cnc__node_n_items(n); k++) {
            const struct cnc__item *item = cnc__node_item_at(n, k);
            cnc__str_printf(
                &out, "  %s %llu %llu %lld %s %s\n", item->id,
                (unsigned long long)item->seq,
                (unsigned long long)item->created,
                (long long)item->published_ms, item->publisher,
                item->payload == NULL ? "" : cnc_buf_data(item->payload));
        }
    }
    return cnc__str_steal(&out);
}
