/* SPDX-License-Identifier: MIT */
/*
 * kept.c -- whole pages, and what the node service/pages says of them.
 *
 *   kept     what a browser asked  ->  page: its key and its etag
 *   known    a page's key          ->  the etag that it has now
 *
 * What has its hash in its address ("immutable": assets) is good for good: a
 * page is shown with its style also while the service is away.
 *
 * Another page is good while both etags are the same: whatever comes in
 * whatever order, an old one is never taken for good.  known is complete once
 * its items were read after it was subscribed to (synced), and until the
 * connection breaks; an item that changes while they are read is newer than
 * what is read.  A page whose item goes is forgotten at once: it may be closed
 * now; one that is old is kept for when the service is away.
 */
#include <pthread.h>
#include <stdio.h>

#include "../base/log.h"
#include "../base/table.h"
#include "../web/web.h"
#include "../xml/write.h"
#include "../xmpp/errors.h"
#include "impl.h"

#define NODE      "service/pages"
#define NS_PUBSUB "http://jabber.org/protocol/pubsub"
#define NS_EVENT  NS_PUBSUB "#event"
#define NS_RSM    "http://jabber.org/protocol/rsm"
#define MAX_AT    768 /* bytes of what a browser asked */
#define MAX_KNOWN 100000u
#define READ_MAX  500 /* items at a time */

struct entry {
    struct entry *newer, *older; /* used */
    struct cnc__fpage *page;
    char at[];
};

struct known {
    char *etag, *path; /* NULL: the page has gone */
    uint64_t seen;     /* in which round of reading */
};

struct cnc__fkept {
    pthread_mutex_t lock;
    struct cnc__table *entries, *known;
    struct cnc__table *paths; /* of known: -> how many */
    struct entry *newest, *oldest;
    size_t bytes, max_bytes;
    bool synced;
    uint64_t made;  /* the connection that known is of */
    uint64_t round; /* of reading the items */
    struct cnc__fask subscribe, items;
};

/* -- what a browser asked -------------------------------------------------
 */

/* What comes of Accept-Encoding, whatever a page is there in: as the service
 * reads it, or one browser's page would be sent to another that cannot. */
static void
write_encoding(char out[4], const struct cnc__fseen *s)
{
    static const unsigned have[] = {1u << CNC__GZIP, 1u << CNC__BROTLI,
                                    1u << CNC__GZIP | 1u << CNC__BROTLI};

    for (size_t i = 0; i < CNC_N(have); i++) {
        out[i] =
            (char)('0' + cnc__answer_encoding(s->accept_encoding,
                                              have[i] | 1u << CNC__IDENTITY));
    }
    out[3] = '\0';
}

/* The part up to the path; n: bytes of it with the path.  any: of a page that
 * is the same in all languages.  False: too long. */
static bool
write_at(char at[MAX_AT], size_t *n, const struct cnc__fseen *s, bool any)
{
    const char *host = s->host == NULL ? "" : s->host;
    const char *lang = any                          ? "*"
                       : s->accept_language == NULL ? ""
                                                    : s->accept_language;
    char encoding[4];
    int len = snprintf(at, MAX_AT, "%c|%s|", s->r->secure ? 's' : 'p', host);

    if (len < 0 || len >= MAX_AT || strchr(host, '|') != NULL ||
        strchr(lang, '|') != NULL ||
        memchr(s->r->target, '|', s->path_len) != NULL) {
        return false;
    }
    for (int i = 2; i < len; i++) {
        at[i] |= at[i] >= 'A' && at[i] <= 'Z' ? 0x20 : 0;
    }
    *n = (size_t)len + s->path_len;
    write_encoding(encoding, s);
    len = snprintf(at + len, (size_t)(MAX_AT - len), "%.*s|%s|%.*s|%s",
                   (int)s->path_len, s->r->target, lang,
                   any ? 0 : (int)s->cookie_lang_len,
                   s->cookie_lang == NULL ? "" : s->cookie_lang, encoding) +
          len;
    return len < MAX_AT;
}

bool
cnc__fkept_fits(const struct cnc__fseen *s)
{
    return (s->get || s->head) && s->query[0] == '\0' && !s->flash &&
           !s->conditional && (s->r->read == NULL || s->r->length == 0);
}

/* -- entries, locked ------------------------------------------------------
 */

static void
unlink_entry(struct cnc__fkept *k, struct entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &k->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &k->oldest) = e->newer;
    e->newer = e->older = NULL;
}

static void
link_entry(struct cnc__fkept *k, struct entry *e)
{
    e->older = k->newest;
    *(k->newest != NULL ? &k->newest->newer : &k->oldest) = e;
    k->newest = e;
}

static size_t
entry_bytes(const struct entry *e)
{
    return sizeof(*e) + 2 * strlen(e->at) + e->page->bytes;
}

static void
drop(struct cnc__fkept *k, struct entry *e)
{
    k->bytes -= entry_bytes(e);
    unlink_entry(k, e);
    cnc__table_del(k->entries, e->at);
    cnc__fpage_unref(&e->page);
    cnc__free(e);
}

static void
drop_key(struct cnc__fkept *k, const char *key)
{
    for (struct entry *e = k->newest, *next; e != NULL; e = next) {
        next = e->older;
        if (strcmp(e->page->key, key) == 0) {
            drop(k, e);
        }
    }
}

/* -- reading --------------------------------------------------------------
 */

static bool
is_good(const struct cnc__fkept *k, const struct cnc__fpage *p)
{
    const struct known *n;

    if (p->key[0] == '\0') {
        return true; /* its address is another once it is */
    }
    n = k->synced ? cnc__table_get(k->known, p->key) : NULL;
    return n != NULL && n->etag != NULL && strcmp(n->etag, p->etag) == 0;
}

/* Locked. */
static struct cnc__fpage *
take(struct cnc__fkept *k, const struct cnc__fseen *s, const char *at)
{
    struct entry *e = cnc__table_get(k->entries, at);

    if (e == NULL || (e->page->personal && s->login) ||
        (s->fresh && e->page->key[0] != '\0') || !is_good(k, e->page)) {
        return NULL;
    }
    if (e != k->newest) {
        unlink_entry(k, e);
        link_entry(k, e);
    }
    return cnc__fpage_ref(e->page);
}

struct cnc__fpage *
cnc__fkept_get(struct cnc__fkept *k, const struct cnc__fseen *s)
{
    char any[MAX_AT], at[MAX_AT];
    struct cnc__fpage *p;
    size_t n;

    if (!cnc__fkept_fits(s) || !write_at(any, &n, s, true) ||
        !write_at(at, &n, s, false)) {
        return NULL;
    }
    pthread_mutex_lock(&k->lock);
    p = take(k, s, any);
    if (p == NULL) {
        p = take(k, s, at);
    }
    pthread_mutex_unlock(&k->lock);
    return p;
}

/* How well an entry fits: the same address; the same language. */
static size_t
fit(const struct entry *e, const char *at, const char *any, size_t n)
{
    size_t lang = (size_t)(strrchr(at, '|') - at) + 1;
    size_t all = (size_t)(strrchr(any, '|') - any) + 1;

    return strncmp(e->at, at, n + 1) != 0 ? 0
           : strncmp(e->at, at, lang) == 0 || strncmp(e->at, any, all) == 0
               ? 2
               : 1;
}

/* Of those that fit equally the one that was asked for last. */
struct cnc__fpage *
cnc__fkept_get_old(struct cnc__fkept *k, const struct cnc__fseen *s)
{
    char any[MAX_AT], at[MAX_AT];
    struct cnc__fpage *p = NULL;
    size_t n, best = 0;

    if (!write_at(any, &n, s, true) || !write_at(at, &n, s, false)) {
        return NULL;
    }
    pthread_mutex_lock(&k->lock);
    for (struct entry *e = k->newest; e != NULL; e = e->older) {
        size_t fits = e->page->key[0] == '\0' ? 0 : fit(e, at, any, n);

        if (fits > best) {
            best = fits;
            cnc__fpage_unref(&p);
            p = cnc__fpage_ref(e->page);
        }
    }
    pthread_mutex_unlock(&k->lock);
    return p;
}

bool
cnc__fkept_knows(struct cnc__fkept *k, const struct cnc__fseen *s,
                 const char *prefix)
{
    size_t skip = prefix == NULL ? 0 : strlen(prefix);
    bool there;

    if (skip > s->path_len ||
        (skip > 0 && strncmp(s->r->target, prefix, skip) != 0)) {
        return false;
    }
    pthread_mutex_lock(&k->lock);
    there = k->synced && cnc__table_getn(k->paths, s->r->target + skip,
                                         s->path_len - skip) != NULL;
    pthread_mutex_unlock(&k->lock);
    return there;
}

void
cnc__fkept_put(struct cnc__fkept *k, const struct cnc__fseen *s,
               struct cnc__fpage *p, uint64_t made)
{
    const char *vary = cnc__fpage_header(p, "vary");
    bool any = vary == NULL || strcasestr(vary, "accept-language") == NULL;
    char at[MAX_AT];
    struct entry *e, *old;
    size_t n;

    if (!s->get || !cnc__fkept_fits(s) || !write_at(at, &n, s, any) ||
        p->bytes > k->max_bytes / 8) {
        return;
    }
    e = cnc__zalloc(sizeof(*e) + strlen(at) + 1);
    memcpy(e->at, at, strlen(at) + 1);
    e->page = cnc__fpage_ref(p);
    pthread_mutex_lock(&k->lock);
    if (p->key[0] != '\0' && (!k->synced || k->made != made)) {
        cnc__fpage_unref(&e->page);
        cnc__free(e);
        pthread_mutex_unlock(&k->lock);
        return;
    }
    if ((old = cnc__table_get(k->entries, at)) != NULL) {
        drop(k, old);
    }
    cnc__table_put(k->entries, at, e);
    link_entry(k, e);
    k->bytes += entry_bytes(e);
    while (k->bytes > k->max_bytes && k->oldest != e) {
        drop(k, k->oldest);
    }
    pthread_mutex_unlock(&k->lock);
}

void
cnc__fkept_count(struct cnc__fkept *k, uint64_t *pages, uint64_t *bytes)
{
    pthread_mutex_lock(&k->lock);
    *pages = cnc__table_len(k->entries);
    *bytes = k->bytes;
    pthread_mutex_unlock(&k->lock);
}

/* -- what is known, locked ------------------------------------------------
 */

static void
count_path(struct cnc__fkept *k, const char *path, int by)
{
    uintptr_t n = path == NULL ? 0 : (uintptr_t)cnc__table_get(k->paths, path);

    if (path == NULL) {
        return;
    }
    n += (uintptr_t)by;
    if (n == 0) {
        cnc__table_del(k->paths, path);
    } else {
        cnc__table_put(k->paths, path, (void *)n);
    }
}

static void
empty_known(struct cnc__fkept *k, struct known *n)
{
    count_path(k, n->path, -1);
    cnc__free(n->etag);
    cnc__free(n->path);
    n->etag = n->path = NULL;
}

/* page NULL: it has gone.  event: it is newer than what was read. */
static void
know(struct cnc__fkept *k, const char *key, const struct cnc_element *page,
     bool event)
{
    struct known *n = cnc__table_get(k->known, key);
    const char *etag =
        page == NULL ? NULL : cnc_element_attr(page, NULL, "etag");
    const char *path =
        page == NULL ? NULL : cnc_element_attr(page, NULL, "path");

    if (n == NULL) {
        if (cnc__table_len(k->known) >= MAX_KNOWN) {
            return; /* never good, so never kept */
        }
        n = cnc__zalloc(sizeof(*n));
        cnc__table_put(k->known, key, n);
    } else if (!event && n->seen == k->round) {
        return;
    }
    n->seen = k->round;
    empty_known(k, n);
    if (etag == NULL) {
        drop_key(k, key);
    } else {
        n->etag = cnc__strdup(etag);
        n->path = cnc__strdup(path);
        count_path(k, path, 1);
    }
    if (n->etag == NULL && k->synced) {
        cnc__table_del(k->known, key);
        cnc__free(n);
    }
}

/* What was not met in this round is no more; all: nothing is. */
static void
forget_unseen(struct cnc__fkept *k, bool all)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(k->known, &i);) {
        struct known *n = i.value;

        if (n->seen != k->round || n->etag == NULL) {
            empty_known(k, n);
            cnc__table_del(k->known, i.key);
            cnc__free(n);
        }
    }
    for (struct entry *e = k->newest, *next; e != NULL; e = next) {
        next = e->older;
        if (all || (e->page->key[0] != '\0' &&
                    cnc__table_get(k->known, e->page->key) == NULL)) {
            drop(k, e);
        }
    }
}

static void
forget_all(struct cnc__fkept *k)
{
    k->round++;
    forget_unseen(k, true);
}

/* -- what the service says ------------------------------------------------
 */

static void
take_items(struct cnc__fkept *k, const struct cnc_element *items, bool event)
{
    const struct cnc_element *e;

    for (size_t i = 0;
         (e = cnc_element_next(items, &i, NULL, NULL)) != NULL;) {
        const char *id = cnc_element_attr(e, NULL, "id");

        if (id != NULL && cnc_element_is(e, NULL, "item")) {
            know(k, id, cnc_element_child(e, CNC__NS_WEB, "page"), event);
        } else if (id != NULL && cnc_element_is(e, NULL, "retract")) {
            know(k, id, NULL, event);
        }
    }
}

void
cnc__fkept_message(struct cnc__fkept *k, const struct cnc_element *e)
{
    const struct cnc_element *what = cnc_element_child(
        cnc_element_child(e, NS_EVENT, "event"), NS_EVENT, NULL);
    const char *node =
        what == NULL ? NULL : cnc_element_attr(what, NULL, "node");

    if (node == NULL || strcmp(node, NODE) != 0) {
        return;
    }
    pthread_mutex_lock(&k->lock);
    if (cnc_element_is(what, NULL, "items")) {
        take_items(k, what, true);
    } else if (cnc_element_is(what, NULL, "purge") ||
               cnc_element_is(what, NULL, "delete")) {
        forget_all(k);
    }
    pthread_mutex_unlock(&k->lock);
}

static void
ask_items(struct cnc__fkept *k, struct cnc__flink *l, const char *after)
{
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml,
                    "<pubsub xmlns='" NS_PUBSUB "'><items node='" NODE
                    "'/><set xmlns='" NS_RSM "'><max>%d</max>",
                    READ_MAX);
    if (after[0] != '\0') {
        cnc__xml_printf(&xml, "<after>%s</after>", after);
    }
    cnc__str_puts(&xml, "</set></pubsub>");
    cnc__flink_send(l, &k->items, 0, "get", xml.data, xml.len);
    cnc__str_fini(&xml);
}

static void
on_items(struct cnc__fkept *k, struct cnc__flink *l,
         const struct cnc_element *reply)
{
    const struct cnc_element *pubsub =
        cnc_element_child(reply, NS_PUBSUB, "pubsub");
    const struct cnc_element *items =
        cnc_element_child(pubsub, NS_PUBSUB, "items");
    const char *last = cnc_element_child_text(
        cnc_element_child(pubsub, NS_RSM, "set"), NS_RSM, "last");

    pthread_mutex_lock(&k->lock);
    if (items != NULL) {
        take_items(k, items, false);
    }
    if (items == NULL || last[0] == '\0' ||
        cnc_element_child(items, NULL, "item") == NULL) {
        last = "";
        forget_unseen(k, false);
        k->synced = true;
    }
    pthread_mutex_unlock(&k->lock);
    if (last[0] != '\0') {
        ask_items(k, l, last);
    }
}

/* Without the node nothing is kept: each page is asked for. */
static bool
is_refused(const struct cnc_element *reply)
{
    const char *type = cnc_element_attr(reply, NULL, "type");
    struct cnc_error err = {0};

    if (type != NULL && strcmp(type, "result") == 0) {
        return false;
    }
    cnc__stanza_error_read(&err, reply);
    cnc__log(CNC_LOG_WARN, "front.pages", "node=" NODE " no page is kept: %s",
             err.text);
    return true;
}

static void
heard(struct cnc__fask *a, const struct cnc_element *reply, void *priv)
{
    struct cnc__front *f = priv;
    struct cnc__fkept *k = f->kept;

    if (is_refused(reply)) {
        return;
    }
    if (a == &k->subscribe) {
        ask_items(k, f->link, "");
    } else {
        on_items(k, f->link, reply);
    }
}

void
cnc__fkept_up(struct cnc__fkept *k, struct cnc__flink *l)
{
    struct cnc__str xml = CNC__STR;
    uint64_t made = cnc__flink_made(l);

    pthread_mutex_lock(&k->lock);
    k->round++;
    k->made = made;
    k->synced = false;
    pthread_mutex_unlock(&k->lock);
    k->subscribe.heard = k->items.heard = heard;
    cnc__xml_printf(&xml,
                    "<pubsub xmlns='" NS_PUBSUB "'><subscribe node='" NODE
                    "' jid='%s'/></pubsub>",
                    cnc__flink_jid(l));
    cnc__flink_send(l, &k->subscribe, 0, "set", xml.data, xml.len);
    cnc__str_fini(&xml);
}

void
cnc__fkept_down(struct cnc__fkept *k)
{
    pthread_mutex_lock(&k->lock);
    k->synced = false;
    pthread_mutex_unlock(&k->lock);
}

/* -- life -----------------------------------------------------------------
 */

struct cnc__fkept *
cnc__fkept_new(size_t max_bytes)
{
    struct cnc__fkept *k = cnc__zalloc(sizeof(*k));

    pthread_mutex_init(&k->lock, NULL);
    k->entries = cnc__table_new();
    k->known = cnc__table_new();
    k->paths = cnc__table_new();
    k->max_bytes = max_bytes;
    return k;
}

void
cnc__fkept_free(struct cnc__fkept **kp)
{
    struct cnc__fkept *k = *kp;

    *kp = NULL;
    forget_all(k);
    cnc__table_free(&k->entries, NULL);
    cnc__table_free(&k->known, NULL);
    cnc__table_free(&k->paths, NULL);
    pthread_mutex_destroy(&k->lock);
    cnc__free(k);
}

void
cnc__fkept_fork_prepare(struct cnc__fkept *k)
{
    pthread_mutex_lock(&k->lock);
}

void
cnc__fkept_fork_parent(struct cnc__fkept *k)
{
    pthread_mutex_unlock(&k->lock);
}

void
cnc__fkept_fork_child(struct cnc__fkept *k)
{
    pthread_mutex_init(&k->lock, NULL);
    k->synced = false;
}
