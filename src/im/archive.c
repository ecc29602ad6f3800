/* SPDX-License-Identifier: MIT */
/*
 * archive.c -- what was said (XEP-0313), under which ids (XEP-0359).
 *
 * A message is given to the resources at once and found once it is kept: a
 * query waits for what came before it.  Kept as ("archive", "USER/SEQ"):
 * "STAMP ID WITH\nXML"; the oldest go when there are too many.
 */
#include "mam.h"

#define SPACE     "archive"
#define PREFS     "archive-prefs"
#define MAX_PREFS 200 /* JIDs of a list */

/* -- memory --------------------------------------------------------------- */

struct cnc__mam *
cnc__mam_make(struct cnc__im_user *u)
{
    if (u->mam == NULL) {
        u->mam = cnc__zalloc(sizeof(*u->mam));
    }
    return u->mam;
}

static void
append(struct cnc__im_user *u, struct cnc__mam_entry *e)
{
    struct cnc__mam *m = cnc__mam_make(u);

    if (m->first > 0 && m->first + m->n == m->cap) {
        memmove(m->all, m->all + m->first, m->n * sizeof(m->all[0]));
        m->first = 0;
    }
    m->all = cnc__grow(m->all, m->first + m->n, &m->cap,
                       sizeof(struct cnc__mam_entry *));
    m->all[m->first + m->n++] = e;
    m->bytes += cnc_buf_len(e->xml);
    m->seq = e->seq > m->seq ? e->seq : m->seq;
    u->im->n_archived++;
    u->im->archived_bytes += cnc_buf_len(e->xml);
}

static void
entry_free(struct cnc__im_user *u, struct cnc__mam_entry *e)
{
    u->mam->bytes -= cnc_buf_len(e->xml);
    u->im->n_archived--;
    u->im->archived_bytes -= cnc_buf_len(e->xml);
    cnc_buf_unref(&e->xml);
    cnc__free(e->with);
    cnc__free(e);
}

static void
free_user(struct cnc__im_user *u)
{
    struct cnc__mam *m = u->mam;

    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->n; i++) {
        entry_free(u, cnc__mam_at(m, i));
    }
    cnc__mam_drop_queries(m);
    cnc__free(m->all);
    cnc__table_free(&m->always, NULL);
    cnc__table_free(&m->never, NULL);
    cnc__free(m);
    u->mam = NULL;
}

/* The first entry whose seq is not below. */
static size_t
lower(const struct cnc__mam *m, uint64_t seq)
{
    size_t from = 0, to = m->n;

    while (from < to) {
        size_t mid = from + (to - from) / 2;

        if (cnc__mam_at(m, mid)->seq < seq) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from;
}

size_t
cnc__mam_find(const struct cnc__mam *m, const char *id)
{
    char *end;
    uint64_t seq = strtoull(id, &end, 16);
    size_t i = m == NULL || *end != '-' ? 0 : lower(m, seq);

    return m != NULL && i < m->n && strcmp(cnc__mam_at(m, i)->id, id) == 0
               ? i
               : SIZE_MAX;
}

/* -- preferences (XEP-0441) ----------------------------------------------- */

static const char *const defaults[] = {"always", "never", "roster"};

static void
write_list(struct cnc__str *out, const char *name,
           const struct cnc__table *list)
{
    cnc__xml_printf(out, "<%s>", name);
    for (struct cnc__table_iter i = {0};
         list != NULL && cnc__table_next(list, &i);) {
        cnc__xml_printf(out, "<jid>%s</jid>", i.key);
    }
    cnc__xml_printf(out, "</%s>", name);
}

void
cnc__mam_prefs_write(struct cnc__str *out, const struct cnc__mam *m)
{
    cnc__xml_printf(out, "<prefs xmlns='" CNC__NS_MAM2 "' default='%s'>",
                    defaults[m == NULL ? CNC__MAM_ALWAYS : m->by_default]);
    write_list(out, "always", m == NULL ? NULL : m->always);
    write_list(out, "never", m == NULL ? NULL : m->never);
    cnc__str_puts(out, "</prefs>");
}

static int
read_list(struct cnc__table **out, const struct cnc_element *prefs,
          const char *name, struct cnc_error *err)
{
    static char present;
    const struct cnc_element *list =
        cnc_element_child(prefs, CNC__NS_MAM2, name);
    const struct cnc_element *e;
    char jid[CNC__JID_MAX + 1];

    *out = cnc__table_new();
    for (size_t i = 0;
         list != NULL &&
         (e = cnc_element_next(list, &i, CNC__NS_MAM2, "jid")) != NULL;) {
        const char *text = cnc_element_text(e);

        if (cnc__jid_prepare(jid, text, strlen(text), NULL) != 0) {
            return cnc_error_set(err, CNC_ESYNTAX, "jid-malformed",
                                 "a JID of the list is malformed");
        }
        if (cnc__table_len(*out) == MAX_PREFS) {
            return cnc_error_set(err, CNC_ELIMIT, "resource-constraint",
                                 "a list has at most %d JIDs", MAX_PREFS);
        }
        cnc__table_put(*out, jid, &present);
    }
    return 0;
}

int
cnc__mam_prefs_read(struct cnc__mam *m, const struct cnc_element *e,
                    struct cnc_error *err)
{
    const char *word = cnc_element_attr(e, NULL, "default");
    struct cnc__table *always = NULL, *never = NULL;
    size_t n = 0;
    int rc;

    while (n < CNC_N(defaults) &&
           (word == NULL || strcmp(word, defaults[n]) != 0)) {
        n++;
    }
    rc = n == CNC_N(defaults)
             ? cnc_error_set(err, CNC_EPROTO, "bad-request",
                             "the default is always, never or roster")
             : read_list(&always, e, "always", err);
    rc = rc != 0 ? rc : read_list(&never, e, "never", err);
    if (rc != 0) {
        cnc__table_free(&always, NULL);
        cnc__table_free(&never, NULL);
        return rc;
    }
    cnc__table_free(&m->always, NULL);
    cnc__table_free(&m->never, NULL);
    m->always = always;
    m->never = never;
    m->by_default = (enum cnc__mam_default)n;
    return 0;
}

static bool
has(const struct cnc__table *list, const char *jid)
{
    return list != NULL &&
           (cnc__table_get(list, jid) != NULL ||
            cnc__table_getn(list, jid, cnc__jid_bare_len(jid)) != NULL);
}

static bool
is_wanted(const struct cnc__im_user *u, const char *with)
{
    const struct cnc__mam *m = u->mam;
    const struct cnc__contact *c;
    char *bare;
    bool listed;

    if (m == NULL) {
        return true;
    }
    if (has(m->never, with) || has(m->always, with)) {
        return !has(m->never, with);
    }
    if (m->by_default != CNC__MAM_ROSTER) {
        return m->by_default == CNC__MAM_ALWAYS;
    }
    bare = cnc__strndup(with, cnc__jid_bare_len(with));
    c = cnc__im_contact(u, bare);
    listed = c != NULL && c->listed;
    cnc__free(bare);
    return listed;
}

/* -- keeping -------------------------------------------------------------- */

/* 5.1.1, XEP-0334 4. */
static bool
is_worth_keeping(const struct cnc_element *m, const char *type)
{
    type = cnc__im_message_type(type);
    if (cnc__im_hint(m, "no-store") || cnc__im_hint(m, "no-permanent-store") ||
        (strcmp(type, "normal") != 0 && strcmp(type, "chat") != 0)) {
        return false;
    }
    return cnc_element_child(m, CNC__NS_CLIENT, "body") != NULL ||
           cnc_element_child(m, "urn:xmpp:eme:0", "encryption") != NULL ||
           cnc__im_hint(m, "store");
}

/* Without what claims to be an id of this archive (XEP-0359 4). */
static void
strip_ids(struct cnc_element *m, const char *bare)
{
    for (size_t i = cnc_element_n_children(m); i-- > 0;) {
        struct cnc_child c = cnc_element_child_at(m, i);
        const char *by;

        if (c.kind != CNC_ELEMENT ||
            !cnc_element_is(c.element, CNC__NS_SID, "stanza-id")) {
            continue;
        }
        by = cnc_element_attr(c.element, NULL, "by");
        if (by != NULL && strcmp(by, bare) == 0) {
            cnc_element_remove(m, i, 1, NULL);
        }
    }
}

static void
add_id(struct cnc_element *m, const char *bare, const char *id)
{
    struct cnc_element *e;

    CNC_CHECK(cnc_element_new(&e, CNC__NS_SID, "stanza-id", NULL) == 0);
    cnc_element_set_attr(e, NULL, "by", bare, NULL);
    cnc_element_set_attr(e, NULL, "id", id, NULL);
    cnc_element_insert(m, cnc_element_n_children(m), e, NULL);
    cnc_element_unref(&e);
}

struct cnc_element *
cnc__mam_marked(struct cnc__im_user *u, const struct cnc_element *stanza,
                const char *from, const char *to, const char *id)
{
    struct cnc_element *m = cnc__router_stamp(stanza, from, to);

    strip_ids(m, u->bare);
    if (id[0] != '\0') {
        add_id(m, u->bare, id);
    }
    return m;
}

static void
key_of(struct cnc__str *out, uint64_t seq)
{
    cnc__str_printf(out, "%020llu", (unsigned long long)seq);
}

static void
op_del(struct cnc__im_change *c, const struct cnc__im_user *u, uint64_t seq)
{
    struct cnc__str key = CNC__STR;

    key_of(&key, seq);
    cnc__im_del(c, SPACE, u, key.data);
    cnc__str_fini(&key);
}

static void
op_put(struct cnc__im_change *c, const struct cnc__im_user *u,
       const struct cnc__mam_entry *e)
{
    struct cnc__str key = CNC__STR, value = CNC__STR;

    key_of(&key, e->seq);
    cnc__str_printf(&value, "%lld %s %s\n", (long long)e->stamp_ms, e->id,
                    e->with);
    cnc__str_add(&value, cnc_buf_data(e->xml), cnc_buf_len(e->xml));
    cnc__im_put(c, SPACE, u, key.data, value.data, value.len);
    cnc__str_fini(&key);
    cnc__str_fini(&value);
}

static bool
is_full(const struct cnc__im_user *u, size_t extra)
{
    const struct cnc__im_limits *l = &u->im->limits;
    const struct cnc__mam *m = u->mam;

    return m->n >= l->archive || m->bytes + extra > l->archive_bytes ||
           u->im->archived_bytes + extra > l->archive_all;
}

/* The oldest go, so that `extra` bytes of one more have room. */
static void
make_room(struct cnc__im_change *c, struct cnc__im_user *u, size_t extra)
{
    struct cnc__mam *m = u->mam;

    while (m->n > 0 && is_full(u, extra)) {
        struct cnc__mam_entry *e = cnc__mam_at(m, 0);

        op_del(c, u, e->seq);
        entry_free(u, e);
        m->first++;
        m->n--;
    }
}

struct keeping {
    char *bare;
    uint64_t seq;
};

static void
on_kept(struct cnc__im_change *c, const struct cnc_error *err)
{
    struct keeping *k = c->priv;
    struct cnc__im_user *u = cnc__im_user(c->im, k->bare, strlen(k->bare));
    struct cnc__mam *m = u == NULL ? NULL : u->mam;
    size_t i = m == NULL ? 0 : lower(m, k->seq);

    if (err != NULL) {
        cnc__log(CNC_LOG_ERROR, "im.archive", "account=%s error=%s", k->bare,
                 err->text);
    }
    if (m != NULL && err != NULL && i < m->n &&
        cnc__mam_at(m, i)->seq == k->seq) {
        entry_free(u, cnc__mam_at(m, i));
        memmove(&m->all[m->first + i], &m->all[m->first + i + 1],
                (m->n - i - 1) * sizeof(m->all[0]));
        m->n--;
    }
    if (m != NULL && k->seq > m->kept) {
        m->kept = k->seq;
        cnc__mam_run_queries(u);
    }
    cnc__free(k->bare);
    cnc__free(k);
}

/* The message, as from and to are known, to the archive; its id to out.
 * False: it is not kept. */
static bool
keep(char out[CNC__MAM_ID], struct cnc__im_user *u,
     const struct cnc_element *stamped, const char *with)
{
    struct cnc__mam *m = cnc__mam_make(u);
    struct cnc__str xml = CNC__STR, id = CNC__STR;
    struct cnc__im_change *c;
    struct cnc__mam_entry *e;
    struct keeping *k;
    char random[17];

    cnc__xml_write(&xml, stamped, CNC__NS_CLIENT, 0);
    k = cnc__zalloc(sizeof(*k));
    c = cnc__im_change_new(u->im, on_kept, k);
    make_room(c, u, xml.len);
    k->bare = cnc__strdup(u->bare);
    k->seq = m->seq + 1;
    if (is_full(u, xml.len)) {
        cnc__str_fini(&xml);
        k->seq = 0;
        cnc__im_commit(c);
        return false;
    }
    e = cnc__zalloc(sizeof(*e));
    e->seq = k->seq;
    e->stamp_ms = cnc__im_now(u->im);
    cnc__random_hex(random, 8);
    cnc__str_printf(&id, "%llx-%s", (unsigned long long)e->seq, random);
    CNC_CHECK(id.len < CNC__MAM_ID);
    memcpy(e->id, id.data, id.len + 1);
    memcpy(out, id.data, id.len + 1);
    e->with = cnc__strdup(with);
    e->xml = cnc_buf_new(xml.data, xml.len);
    append(u, e);
    op_put(c, u, e);
    cnc__str_fini(&id);
    cnc__str_fini(&xml);
    cnc__im_commit(c);
    return true;
}

static bool
outbound(struct cnc__im_out *o)
{
    struct cnc_element *m;

    /* What one says to oneself is kept once, as it comes in. */
    if (o->kind != CNC__MESSAGE || o->to == NULL ||
        cnc__jid_same_bare(o->to, o->user->bare) ||
        !is_worth_keeping(o->stanza, o->type) || !is_wanted(o->user, o->to)) {
        return false;
    }
    m = cnc__mam_marked(o->user, o->stanza, o->session->jid, o->to, "");
    keep(o->archive_id, o->user, m, o->to);
    cnc_element_unref(&m);
    return false;
}

static bool
inbound(struct cnc__im_in *in)
{
    struct cnc__im_user *u = in->user;
    char id[CNC__MAM_ID];

    if (in->kind == CNC__IQ_GET || in->kind == CNC__IQ_SET) {
        return cnc__mam_request(in);
    }
    if (in->kind != CNC__MESSAGE || u == NULL || in->again) {
        return false;
    }
    strip_ids(in->stanza, u->bare);
    if (is_worth_keeping(in->stanza, in->type) && is_wanted(u, in->from) &&
        (in->where != CNC__TO_RESOURCE ||
         strcmp(cnc__im_message_type(in->type), "chat") == 0) &&
        keep(id, u, in->stanza, in->from)) {
        add_id(in->stanza, u->bare, id);
    }
    return false;
}

/* -- what is kept --------------------------------------------------------- */

static bool
load_prefs(struct cnc__im_user *u, const struct cnc_store_entry *e)
{
    struct cnc_element *prefs = NULL;
    bool ok = cnc_xml_parse(&prefs, e->value, e->len, 0, NULL, NULL) == 0 &&
              cnc__mam_prefs_read(cnc__mam_make(u), prefs, NULL) == 0;

    cnc_element_unref(&prefs);
    return ok;
}

static bool
load(struct cnc__im_user *u, const struct cnc_store_entry *e, const char *key)
{
    const char *end = memchr(e->value, '\n', e->len);
    struct cnc__mam_entry *entry;
    char *line, *at, *stamp, *id;
    int64_t stamp_ms;
    bool ok;

    if (strcmp(e->node, PREFS) == 0) {
        return load_prefs(u, e);
    }
    line = cnc__strndup(e->value, end == NULL ? 0 : (size_t)(end - e->value));
    at = line;
    stamp = strsep(&at, " ");
    id = strsep(&at, " ");
    ok = at != NULL && strlen(id) < CNC__MAM_ID &&
         cnc__parse_int(&stamp_ms, stamp, 0, INT64_MAX);
    if (ok) {
        entry = cnc__zalloc(sizeof(*entry));
        entry->seq = strtoull(key, NULL, 10);
        entry->stamp_ms = stamp_ms;
        memcpy(entry->id, id, strlen(id) + 1);
        entry->with = cnc__strdup(at);
        entry->xml =
            cnc_buf_new(end + 1, e->len - (size_t)(end + 1 - e->value));
        append(u, entry);
        u->mam->kept = u->mam->seq;
    }
    cnc__free(line);
    return ok;
}

static void
forget(struct cnc__im_user *u, struct cnc__im_change *c)
{
    cnc__im_del(c, PREFS, u, "");
    for (size_t i = 0; u->mam != NULL && i < u->mam->n; i++) {
        op_del(c, u, cnc__mam_at(u->mam, i)->seq);
    }
}

const struct cnc__im_ext cnc__im_archive = {
    .name = "archive",
    .account_features = {CNC__NS_MAM2, CNC__NS_MAM2 "#extended",
                         CNC__NS_MAM2 "#groupchat-field", CNC__NS_SID},
    .spaces = {SPACE, PREFS},
    .load = load,
    .forget = forget,
    .free_user = free_user,
    .outbound = outbound,
    .inbound = inbound,
};
