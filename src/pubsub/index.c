/* SPDX-License-Identifier: MIT */
/*
 * index.c -- the kept items of a node by a field's value.
 *
 *   blocks  [ a1 a7 b2 ] [ b3 b9 ] [ c4 d5 d6 ]     value, then seq
 *
 * Sorted entries in blocks, so that one more moves a block's at most; a block
 * is found by its first entry.  An entry has the key of the value, so that no
 * record is read to compare.
 */
#include "formimpl.h"
#include "queryimpl.h"

#define BLOCK 256 /* entries */
#define FILL  192 /* of them, when all are made at once */

struct block {
    size_t n;
    struct cnc__ientry *e[BLOCK];
};

struct cnc__sorted {
    char *name, *was; /* was: what older items call it, or NULL */
    enum cnc_field_kind kind;
    struct block **blocks; /* none is empty */
    size_t n_blocks, cap_blocks;
    struct cnc__sorted *next;
};

/* -- order ---------------------------------------------------------------- */

/* No key is the beginning of another one. */
static int
compare_keys(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int c = memcmp(a, b, n_a < n_b ? n_a : n_b);
    return c != 0 ? c : (n_a > n_b) - (n_a < n_b);
}

static int
compare(const struct cnc__ientry *a, const struct cnc__ientry *b)
{
    int c = compare_keys(a->key, a->len, b->key, b->len);
    uint64_t x = a->item->seq, y = b->item->seq;
    return c != 0 ? c : (x > y) - (x < y);
}

static int
compare_pointers(const void *a, const void *b)
{
    return compare(*(struct cnc__ientry *const *)a,
                   *(struct cnc__ientry *const *)b);
}

/* The block and the place in it of the first entry that is not less. */
static void
locate(const struct cnc__sorted *s, const struct cnc__ientry *e, size_t *block,
       size_t *at)
{
    size_t from = 0, to = s->n_blocks;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (compare(s->blocks[mid]->e[0], e) <= 0) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    *block = from == 0 ? 0 : from - 1;
    *at = 0;
    if (s->n_blocks == 0) {
        return;
    }
    const struct block *b = s->blocks[*block];
    for (from = 0, to = b->n; from < to;) {
        size_t mid = from + (to - from) / 2;
        if (compare(b->e[mid], e) < 0) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    *at = from;
}

/* -- changes -------------------------------------------------------------- */

static void
insert_block(struct cnc__sorted *s, size_t at, struct block *b)
{
    s->blocks = cnc__grow(s->blocks, s->n_blocks, &s->cap_blocks,
                          sizeof(struct block *));
    memmove(s->blocks + at + 1, s->blocks + at,
            (s->n_blocks - at) * sizeof(struct block *));
    s->blocks[at] = b;
    s->n_blocks++;
}

/* Steals e. */
static void
insert(struct cnc__sorted *s, struct cnc__ientry *e)
{
    size_t at, i;
    locate(s, e, &at, &i);
    if (s->n_blocks == 0) {
        insert_block(s, 0, cnc__zalloc(sizeof(struct block)));
    }
    struct block *b = s->blocks[at];
    if (i < b->n && compare(b->e[i], e) == 0) {
        cnc__free(e); /* a list that has a choice twice */
        return;
    }
    if (b->n == BLOCK) {
        struct block *more = cnc__zalloc(sizeof(*more));
        more->n = BLOCK / 2;
        b->n -= more->n;
        memcpy(more->e, b->e + b->n, more->n * sizeof(struct cnc__ientry *));
        insert_block(s, at + 1, more);
        if (i > b->n) {
            i -= b->n;
            b = more;
        }
    }
    memmove(b->e + i + 1, b->e + i, (b->n - i) * sizeof(struct cnc__ientry *));
    b->e[i] = e;
    b->n++;
}

static void
take(struct cnc__sorted *s, struct cnc__ientry *e)
{
    size_t at, i;
    locate(s, e, &at, &i);
    struct block *b = s->n_blocks == 0 ? NULL : s->blocks[at];
    if (b == NULL || i == b->n || compare(b->e[i], e) != 0) {
        return; /* it was there for the first of two */
    }
    cnc__free(b->e[i]);
    b->n--;
    memmove(b->e + i, b->e + i + 1, (b->n - i) * sizeof(struct cnc__ientry *));
    if (b->n == 0) {
        cnc__free(b);
        s->n_blocks--;
        memmove(s->blocks + at, s->blocks + at + 1,
                (s->n_blocks - at) * sizeof(struct block *));
    }
}

/* -- from an item to its entries ------------------------------------------ */

typedef void each_f(struct cnc__sorted *s, struct cnc__ientry *e, void *priv);

static struct cnc__ientry *
new_entry(struct cnc__item *item, const struct cnc__str *key)
{
    struct cnc__ientry *e = cnc__zalloc(sizeof(*e) + key->len);
    e->item = item;
    e->len = (uint32_t)key->len;
    memcpy(e->key, key->data, key->len);
    return e;
}

/* One for the first value, or for none; of several values each. */
static void
each_entry(struct cnc__sorted *s, struct cnc__item *item, each_f *f,
           void *priv)
{
    bool many = s->kind == CNC_FIELD_MULTI, some = false;
    struct cnc__str value = CNC__STR, key = CNC__STR;
    struct cnc__reader r;
    struct cnc__child c;
    cnc__reader_open(&r, item);
    while ((!some || many) && cnc__reader_next(&r, &c)) {
        cnc__str_clear(&value);
        cnc__str_clear(&key);
        if (!c.blank && cnc__child_is(&c, s->name, s->was) &&
            cnc__key_add(&value, s->kind, c.text, c.len)) {
            some = true;
            cnc__order_key_add(&key, s->kind, true, value.data, value.len);
            f(s, new_entry(item, &key), priv);
        }
    }
    cnc__reader_close(&r);
    if (!some) {
        cnc__str_clear(&key);
        cnc__order_key_add(&key, s->kind, false, NULL, 0);
        f(s, new_entry(item, &key), priv);
    }
    cnc__str_fini(&value);
    cnc__str_fini(&key);
}

static void
add(struct cnc__sorted *s, struct cnc__ientry *e, void *priv)
{
    insert(s, e);
}

static void
del(struct cnc__sorted *s, struct cnc__ientry *e, void *priv)
{
    take(s, e);
    cnc__free(e);
}

void
cnc__sorted_add(struct cnc__node *n, struct cnc__item *item)
{
    for (struct cnc__sorted *s = n->sorted; s != NULL; s = s->next) {
        each_entry(s, item, add, NULL);
    }
}

void
cnc__sorted_del(struct cnc__node *n, struct cnc__item *item)
{
    for (struct cnc__sorted *s = n->sorted; s != NULL; s = s->next) {
        each_entry(s, item, del, NULL);
    }
}

/* -- all at once ---------------------------------------------------------- */

struct pile {
    struct cnc__ientry **e;
    size_t n, cap;
};

static void
pile_up(struct cnc__sorted *s, struct cnc__ientry *e, void *priv)
{
    struct pile *p = priv;
    p->e = cnc__grow(p->e, p->n, &p->cap, sizeof(struct cnc__ientry *));
    p->e[p->n++] = e;
}

static void
fill(struct cnc__sorted *s, const struct cnc__node *n)
{
    struct pile p = {NULL};
    for (size_t i = 0; i < n->items.used; i++) {
        if (n->items.slots[i].item != NULL) {
            each_entry(s, n->items.slots[i].item, pile_up, &p);
        }
    }
    if (p.n > 0) {
        qsort(p.e, p.n, sizeof(struct cnc__ientry *), compare_pointers);
    }
    struct block *b = NULL;
    struct cnc__ientry *last = NULL;
    for (size_t i = 0; i < p.n; i++) {
        if (last != NULL && compare(last, p.e[i]) == 0) {
            cnc__free(p.e[i]);
            continue;
        }
        if (b == NULL || b->n == FILL) {
            b = cnc__zalloc(sizeof(*b));
            insert_block(s, s->n_blocks, b);
        }
        last = b->e[b->n++] = p.e[i];
    }
    cnc__free(p.e);
}

static void
free_one(struct cnc__sorted *s)
{
    for (size_t i = 0; i < s->n_blocks; i++) {
        for (size_t k = 0; k < s->blocks[i]->n; k++) {
            cnc__free(s->blocks[i]->e[k]);
        }
        cnc__free(s->blocks[i]);
    }
    cnc__free(s->blocks);
    cnc__free(s->name);
    cnc__free(s->was);
    cnc__free(s);
}

void
cnc__sorted_free(struct cnc__node *n)
{
    for (struct cnc__sorted *s = n->sorted, *next; s != NULL; s = next) {
        next = s->next;
        free_one(s);
    }
    n->sorted = NULL;
}

static bool
same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const struct cnc_field *
wanted(const struct cnc_record *record, const struct cnc__sorted *s)
{
    const struct cnc_field *f =
        record == NULL ? NULL : cnc__record_field(record, s->name);
    return f != NULL && f->index && f->kind == s->kind &&
                   same_text(f->was, s->was)
               ? f
               : NULL;
}

static struct cnc__sorted *
find(const struct cnc__node *n, const char *name, enum cnc_field_kind kind)
{
    struct cnc__sorted *s = n->sorted;
    while (s != NULL && (s->kind != kind || strcmp(s->name, name) != 0)) {
        s = s->next;
    }
    return s;
}

void
cnc__node_index(struct cnc__node *n, const struct cnc_record *record)
{
    cnc__node_check(n);
    for (struct cnc__sorted **sp = &n->sorted; *sp != NULL;) {
        struct cnc__sorted *s = *sp;
        if (wanted(record, s) != NULL) {
            sp = &s->next;
        } else {
            *sp = s->next;
            free_one(s);
        }
    }
    for (const struct cnc_field *f = record == NULL ? NULL : record->fields;
         f != NULL && f->name != NULL; f++) {
        if (f->index && f->kind != CNC_FIELD_FIXED &&
            find(n, f->name, f->kind) == NULL) {
            struct cnc__sorted *s = cnc__zalloc(sizeof(*s));
            s->name = cnc__strdup(f->name);
            s->was = cnc__strdup(f->was);
            s->kind = f->kind;
            fill(s, n);
            s->next = n->sorted;
            n->sorted = s;
        }
    }
}

/* -- reading -------------------------------------------------------------- */

const struct cnc__sorted *
cnc__sorted_of(const struct cnc__node *n, const struct cnc__qfield *f)
{
    return f->from == CNC__Q_RECORD ? find(n, f->name, f->kind) : NULL;
}

size_t
cnc__sorted_n(const struct cnc__sorted *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_blocks; i++) {
        n += s->blocks[i]->n;
    }
    return n;
}

/* Does the entry stand before the place that is asked for? */
static bool
is_before(const struct cnc__ientry *e, const char *key, size_t len,
          bool greater)
{
    int c = compare_keys(e->key, e->len, key, len);
    return greater ? c <= 0 : c < 0;
}

size_t
cnc__sorted_lower(const struct cnc__sorted *s, const char *key, size_t len,
                  bool greater)
{
    size_t rank = 0, from = 0, to = s->n_blocks;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (is_before(s->blocks[mid]->e[0], key, len, greater)) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    if (from == 0) {
        return 0;
    }
    for (size_t i = 0; i < from - 1; i++) {
        rank += s->blocks[i]->n;
    }
    const struct block *b = s->blocks[from - 1];
    for (from = 0, to = b->n; from < to;) {
        size_t mid = from + (to - from) / 2;
        if (is_before(b->e[mid], key, len, greater)) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return rank + from;
}

const struct cnc__ientry *
cnc__cursor_at(struct cnc__cursor *c, size_t i)
{
    while (i < c->before) {
        c->before -= c->s->blocks[--c->block]->n;
    }
    while (i >= c->before + c->s->blocks[c->block]->n) {
        c->before += c->s->blocks[c->block++]->n;
        CNC_CHECK(c->block < c->s->n_blocks);
    }
    return c->s->blocks[c->block]->e[i - c->before];
}
