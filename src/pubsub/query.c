/* SPDX-License-Identifier: MIT */
/*
 * query.c -- a query, run.
 *
 * Which items are looked at, and in which order:
 *   - those of a range of an index that few are in, then sorted;
 *   - else all of them as an index or the publishing has them in order, when
 *     that is the order that is asked for;
 *   - else all of them, then sorted.
 */
#include "../base/text.h"
#include "formimpl.h"
#include "queryimpl.h"

/* -- a query -------------------------------------------------------------- */

static void
add_field(struct cnc__query *q, const char *name, const char *was,
          enum cnc_field_kind kind, enum cnc__qfrom from)
{
    q->fields = cnc__realloc(q->fields, q->n_fields + 1, sizeof(*q->fields));
    q->fields[q->n_fields++] = (struct cnc__qfield){
        cnc__strdup(name), strlen(name), kind, from, cnc__strdup(was)};
}

int
cnc__query_new(struct cnc__query **out, const struct cnc_record *record,
               const char *where, const char *sort, struct cnc_error *err)
{
    struct cnc__query *q = cnc__zalloc(sizeof(*q));
    q->magic = CNC__QUERY_MAGIC;
    for (const struct cnc_field *f = record == NULL ? NULL : record->fields;
         f != NULL && f->name != NULL; f++) {
        if (f->kind != CNC_FIELD_FIXED && f->kind != CNC_FIELD_SECRET) {
            add_field(q, f->name, f->was, f->kind, CNC__Q_RECORD);
        }
    }
    add_field(q, "c:published", NULL, CNC_FIELD_DATETIME, CNC__Q_PUBLISHED);
    add_field(q, "c:publisher", NULL, CNC_FIELD_JID, CNC__Q_PUBLISHER);
    int rc = cnc__query_parse(q, record == NULL ? NULL : record->name, where,
                              sort, err);
    if (rc != 0) {
        cnc__query_free(&q);
        return rc;
    }
    *out = q;
    return 0;
}

void
cnc__query_free(struct cnc__query **qp)
{
    struct cnc__query *q = *qp;
    if (q == NULL) {
        return;
    }
    *qp = NULL;
    CNC_OBJ_CHECK(q, CNC__QUERY_MAGIC);
    for (size_t i = 0; i < q->n_fields; i++) {
        cnc__free(q->fields[i].name);
        cnc__free(q->fields[i].was);
    }
    for (size_t i = 0; i < q->n_terms; i++) {
        cnc__str_fini(&q->terms[i].value.key);
    }
    for (size_t i = 0; i < q->n_params; i++) {
        cnc__free(q->params[i]);
    }
    cnc__free(q->fields);
    CNC_OBJ_FREE(q);
}

const char *
cnc__query_param(const struct cnc__query *q, size_t i)
{
    CNC_OBJ_CHECK(q, CNC__QUERY_MAGIC);
    return i < q->n_params ? q->params[i] : NULL;
}

/* -- order ---------------------------------------------------------------- */

/* The keys of the fields that are sorted by, one behind the other. */
struct sort_key {
    struct cnc__str parts[CNC__QUERY_SORTS];
    bool some[CNC__QUERY_SORTS];
};

static void
read_sorted(const struct cnc__query *q, const struct cnc__item *item,
            struct sort_key *k)
{
    struct cnc__reader reader;
    struct cnc__child c;
    size_t field = SIZE_MAX;
    cnc__reader_open(&reader, item);
    while (cnc__reader_next(&reader, &c)) {
        size_t at = cnc__query_field(q, &c, field + 1);
        field = at == SIZE_MAX ? field : at;
        for (size_t i = 0; i < q->n_sorts && at != SIZE_MAX && !c.blank; i++) {
            if (q->sorts[i].field == at && !k->some[i]) {
                k->some[i] = cnc__key_add(&k->parts[i], q->fields[at].kind,
                                          c.text, c.len);
            }
        }
    }
    cnc__reader_close(&reader);
}

/* The order of publication, to which published_ms is too coarse. */
static void
add_seq(struct cnc__str *out, uint64_t seq)
{
    for (size_t i = 0; i < 8; i++) {
        cnc__str_putc(out, (char)(seq >> (56 - 8 * i)));
    }
}

static void
add_part(const struct cnc__query *q, size_t i, const struct cnc__item *item,
         struct sort_key *k, struct cnc__str *out)
{
    const struct cnc__qfield *f = &q->fields[q->sorts[i].field];
    size_t from = out->len;
    if (f->from == CNC__Q_PUBLISHED) {
        add_seq(out, item->seq);
    } else {
        if (f->from == CNC__Q_PUBLISHER) {
            cnc__fold(&k->parts[i], item->publisher, strlen(item->publisher));
            k->some[i] = true;
        }
        cnc__order_key_add(out, f->kind, k->some[i], k->parts[i].data,
                           k->parts[i].len);
    }
    for (size_t at = from; q->sorts[i].down && at < out->len; at++) {
        out->data[at] = (char)~out->data[at];
    }
}

/* Room in k is used again. */
static void
sort_key(const struct cnc__query *q, const struct cnc__item *item,
         struct sort_key *k, struct cnc__str *out)
{
    bool read = false;
    for (size_t i = 0; i < q->n_sorts; i++) {
        cnc__str_clear(&k->parts[i]);
        k->some[i] = false;
        read = read || q->fields[q->sorts[i].field].from == CNC__Q_RECORD;
    }
    if (read) {
        read_sorted(q, item, k);
    }
    for (size_t i = 0; i < q->n_sorts; i++) {
        add_part(q, i, item, k, out);
    }
}

static void
sort_key_fini(struct sort_key *k)
{
    for (size_t i = 0; i < CNC_N(k->parts); i++) {
        cnc__str_fini(&k->parts[i]);
    }
}

int
cnc__query_compare(const struct cnc__query *q, const struct cnc__item *a,
                   const struct cnc__item *b)
{
    CNC_OBJ_CHECK(q, CNC__QUERY_MAGIC);
    struct sort_key k = {0};
    struct cnc__str x = CNC__STR, y = CNC__STR;
    sort_key(q, a, &k, &x);
    sort_key(q, b, &k, &y);
    int c = cnc__key_compare(&x, &y);
    cnc__str_fini(&x);
    cnc__str_fini(&y);
    sort_key_fini(&k);
    return c != 0 ? c : (a->seq > b->seq) - (a->seq < b->seq);
}

/* -- what is found -------------------------------------------------------- */

static bool
is_full(const struct cnc__qrun *r)
{
    return r->limit != 0 && r->n == r->limit;
}

static void
found(struct cnc__qrun *r, struct cnc__item *item)
{
    if (r->seen++ >= r->offset && !is_full(r)) {
        r->items = cnc__grow(r->items, r->n, &r->cap, sizeof(item));
        r->items[r->n++] = item;
    }
}

struct row {
    const struct cnc__str *keys;
    size_t at, len;
    struct cnc__item *item;
};
struct rows {
    struct row *all;
    size_t n, cap;
    struct cnc__str keys;
    struct sort_key k;
};

static void
add_row(struct rows *rows, const struct cnc__query *q, struct cnc__item *item)
{
    size_t at = rows->keys.len;
    sort_key(q, item, &rows->k, &rows->keys);
    rows->all = cnc__grow(rows->all, rows->n, &rows->cap, sizeof(*rows->all));
    rows->all[rows->n++] =
        (struct row){&rows->keys, at, rows->keys.len - at, item};
}

static int
compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int c =
        n == 0 ? 0 : memcmp(x->keys->data + x->at, y->keys->data + y->at, n);
    uint64_t i = x->item->seq, k = y->item->seq;
    return c != 0 ? c : (i > k) - (i < k);
}

/* In order, to the answer; the rows are none again. */
static void
flush(struct rows *rows, struct cnc__qrun *r)
{
    if (rows->n > 1) {
        qsort(rows->all, rows->n, sizeof(*rows->all), compare_rows);
    }
    for (size_t i = 0; i < rows->n; i++) {
        found(r, rows->all[i].item);
    }
    rows->n = 0;
    cnc__str_clear(&rows->keys);
}

static void
rows_fini(struct rows *rows)
{
    cnc__free(rows->all);
    cnc__str_fini(&rows->keys);
    sort_key_fini(&rows->k);
}

/* -- ranges of an index --------------------------------------------------- */

struct range {
    const struct cnc__sorted *s;
    size_t field, from, to;
    bool exact; /* whatever is in it matches */
};

/* Make the range as small as one term says. */
static void
narrow(struct range *g, const struct cnc__qrun *r, size_t i)
{
    const struct cnc__qterm *t = &r->q->terms[i];
    const struct cnc__qvalue *v = r->value[i];
    enum cnc_field_kind kind = r->q->fields[t->field].kind;
    bool some = v->is == CNC__Q_SOME;
    if (t->op == CNC__Q_NE || t->op == CNC__Q_HAS) {
        g->exact = false;
        return;
    }
    /* A text that was cut stands with those that begin as it does. */
    bool cut = cnc__kind_is_text(kind) && v->key.len >= CNC__KEY_BYTES;
    struct cnc__str key = CNC__STR;
    cnc__order_key_add(&key, kind, some, v->key.data, v->key.len);
    size_t low = cnc__sorted_lower(g->s, key.data, key.len, false);
    size_t high = cnc__sorted_lower(g->s, key.data, key.len, true);
    size_t from = 0, to = g->to;
    cnc__str_clear(&key);
    cnc__order_key_add(&key, kind, false, NULL, 0);
    size_t none = cnc__sorted_lower(g->s, key.data, key.len, true);
    cnc__str_fini(&key);
    switch (t->op) {
    case CNC__Q_EQ:
        from = low;
        to = high;
        break;
    case CNC__Q_LT:
    case CNC__Q_LE:
        from = none;
        to = t->op == CNC__Q_LE || cut ? high : low;
        break;
    default:
        from = t->op == CNC__Q_GE || cut ? low : high;
        break;
    }
    g->exact = g->exact && !cut;
    g->from = from > g->from ? from : g->from;
    g->to = to < g->to ? to : g->to;
}

/* What the terms leave of one field's index; s NULL: there is none. */
static struct range
range_of(const struct cnc__qrun *r, const struct cnc__node *n, size_t field)
{
    const struct cnc__qfield *f = &r->q->fields[field];
    struct range g = {cnc__sorted_of(n, f), field, 0, SIZE_MAX, true};
    if (g.s == NULL) {
        return g;
    }
    g.to = cnc__sorted_n(g.s);
    g.exact = r->search.len == 0;
    for (size_t i = 0; i < r->q->n_terms; i++) {
        const struct cnc__qterm *t = &r->q->terms[i];
        if (t->field != field) {
            g.exact = false;
        } else if (f->kind != CNC_FIELD_MULTI || t->op == CNC__Q_EQ) {
            narrow(&g, r, i);
        }
    }
    g.to = g.to < g.from ? g.from : g.to;
    /* One record has several entries: what each term leaves are others. */
    g.exact = g.exact && f->kind != CNC_FIELD_MULTI;
    return g;
}

/* A record that has several values has one place for each. */
static bool
usable(const struct cnc__qrun *r, const struct range *g)
{
    size_t n = 0;
    for (size_t i = 0; i < r->q->n_terms; i++) {
        n +=
            r->q->terms[i].field == g->field && r->q->terms[i].op == CNC__Q_EQ;
    }
    return g->s != NULL &&
           (r->q->fields[g->field].kind != CNC_FIELD_MULTI || n == 1);
}

/* The smallest range that there is. */
static struct range
best_range(const struct cnc__qrun *r, const struct cnc__node *n)
{
    struct range best = {NULL, 0, 0, SIZE_MAX, false};
    for (size_t i = 0; i < r->q->n_terms; i++) {
        struct range g = range_of(r, n, r->q->terms[i].field);
        if (usable(r, &g) && g.to - g.from < best.to - best.from) {
            best = g;
        }
    }
    return best;
}

/* -- ways through --------------------------------------------------------- */

static bool
same_key(const struct cnc__ientry *a, const struct cnc__ientry *b)
{
    return a->len == b->len && memcmp(a->key, b->key, a->len) == 0;
}

/* Along an index by whose field the answer is sorted first: those of the same
 * value by the other fields, or as they were published. */
static void
walk_index(struct cnc__qrun *r, const struct range *g, bool all)
{
    const struct cnc__query *q = r->q;
    bool down = q->sorts[0].down, more = q->n_sorts > 1;
    struct cnc__cursor c = {.s = g->s};
    struct rows rows = {NULL};
    size_t from = g->from, to = g->to;
    while (from < to && (all || !is_full(r))) {
        size_t first = down ? to - 1 : from, last = first + 1;
        const struct cnc__ientry *e = cnc__cursor_at(&c, first);
        while (down && first > from &&
               same_key(e, cnc__cursor_at(&c, first - 1))) {
            first--;
        }
        while (!down && last < to && same_key(e, cnc__cursor_at(&c, last))) {
            last++;
        }
        for (size_t i = first; i < last; i++) {
            struct cnc__item *item = cnc__cursor_at(&c, i)->item;
            if (!g->exact && !cnc__qrun_matches(r, item)) {
                continue;
            }
            if (more) {
                add_row(&rows, q, item);
            } else {
                found(r, item);
            }
        }
        flush(&rows, r);
        from = down ? from : last;
        to = down ? first : to;
    }
    rows_fini(&rows);
}

static void
walk_range(struct cnc__qrun *r, const struct range *g)
{
    struct cnc__cursor c = {.s = g->s};
    struct rows rows = {NULL};
    for (size_t i = g->from; i < g->to; i++) {
        struct cnc__item *item = cnc__cursor_at(&c, i)->item;
        if (g->exact || cnc__qrun_matches(r, item)) {
            add_row(&rows, r->q, item);
        }
    }
    flush(&rows, r);
    rows_fini(&rows);
}

static void
walk_published(struct cnc__qrun *r, const struct cnc__node *n, bool down,
               bool all)
{
    for (size_t i = 0; i < n->items.used && (all || !is_full(r)); i++) {
        size_t at = down ? n->items.used - 1 - i : i;
        struct cnc__item *item = n->items.slots[at].item;
        if (item != NULL && cnc__qrun_matches(r, item)) {
            found(r, item);
        }
    }
}

static void
walk_all(struct cnc__qrun *r, const struct cnc__node *n)
{
    struct rows rows = {NULL};
    for (size_t i = 0; i < n->items.used; i++) {
        struct cnc__item *item = n->items.slots[i].item;
        if (item != NULL && cnc__qrun_matches(r, item)) {
            add_row(&rows, r->q, item);
        }
    }
    flush(&rows, r);
    rows_fini(&rows);
}

/* Everything matches, and the publishing has the order. */
static void
take_published(struct cnc__qrun *r, const struct cnc__node *n, bool down)
{
    size_t live = n->items.live;
    for (size_t i = r->offset; i < live && !is_full(r); i++) {
        r->items = cnc__grow(r->items, r->n, &r->cap, sizeof(*r->items));
        r->items[r->n++] = cnc__order_at(&n->items, down ? live - 1 - i : i);
    }
    r->seen = live;
}

static void
find(struct cnc__qrun *r, const struct cnc__node *n, bool all)
{
    const struct cnc__query *q = r->q;
    const struct cnc__qfield *first =
        q->n_sorts == 0 ? NULL : &q->fields[q->sorts[0].field];
    bool published = first == NULL || first->from == CNC__Q_PUBLISHED;
    bool down = first != NULL && q->sorts[0].down;
    struct range best = best_range(r, n), walk = {NULL};
    if (!published && first->kind != CNC_FIELD_MULTI) {
        walk = range_of(r, n, q->sorts[0].field);
    }
    size_t few = best.s == NULL ? SIZE_MAX : best.to - best.from;
    if (published && q->n_terms == 0 && r->search.len == 0) {
        take_published(r, n, down);
    } else if (walk.s != NULL && (few == SIZE_MAX || walk.s == best.s ||
                                  few > (walk.to - walk.from) / 4)) {
        walk_index(r, &walk, all && !walk.exact);
        if (walk.exact) {
            r->seen = walk.to - walk.from;
        }
    } else if (few < n->items.live / 4 || (best.s != NULL && !published)) {
        walk_range(r, &best);
    } else if (published) {
        walk_published(r, n, down, all);
    } else {
        walk_all(r, n);
    }
}

void
cnc__query_run(const struct cnc__query *q, struct cnc__node *node,
               const char *const *values, const char *search, size_t offset,
               size_t limit, struct cnc__item ***items, size_t *n,
               size_t *total)
{
    cnc__node_check(node);
    struct cnc__qrun r;
    cnc__qrun_bind(&r, q, values, search);
    r.offset = offset;
    r.limit = limit;
    if (!r.never) {
        find(&r, node, total != NULL);
    }
    *items = r.items != NULL ? r.items : cnc__zalloc(sizeof(*r.items));
    *n = r.n;
    if (total != NULL) {
        *total = r.seen;
    }
    cnc__qrun_unbind(&r);
}
