/* SPDX-License-Identifier: MIT */
/*
 * diff.c -- the patch from one safe tree to the next.
 *
 * A pair is an old element and the new one it becomes: of the same name and
 * the same id, or both without one.  So the id of a pair's element never
 * changes, stands once in both trees, and nothing else bears it while the
 * operations are under way: it names the element at every step.
 *
 * The children of a pair are matched: equal ones at both ends; what has an id
 * by its id; the rest by equal hash in order (longest common subsequence);
 * what is left between two matched ones pairwise by kind.  The longest
 * increasing run of matches stays, the others are moved.
 *
 *   old   a b c d e        new   a d b x e
 *   keep  a b     e        move d before b, remove c, insert x before e
 *
 * Removals come first, then the new order from the left; then the pairs among
 * the children, whose paths are counted in the new tree.
 */
#include "patch.h"

#define MAX_LCS 250000 /* cells */
#define NONE    UINT32_MAX

struct pair {
    const struct cnc__rnode *a, *b;
    uint32_t parent; /* pair, or NONE */
    uint32_t index;  /* in the parent's new children */
};

struct diff {
    struct cnc__patch patch;
    struct pair *pairs;
    size_t n_pairs, cap_pairs;
    /* One list at a time. */
    const struct cnc__rnode *const *a, *const *b;
    uint32_t n_a, n_b;
    uint32_t *to_old; /* new child -> old child, or NONE */
    uint32_t *to_new; /* old child -> new child, or NONE */
    bool *swap;       /* new child: content is replaced, not a pair */
    bool *keep;       /* new child: its old one is not moved */
    uint32_t *work;   /* 2 * (n_a + n_b) */
    size_t cap_list;
    uint32_t *slots; /* ids of old children, open addressing */
    size_t cap_slots;
    uint16_t *lcs;
};

static void *
room(void *p, size_t n, size_t size)
{
    return cnc__realloc(p, n == 0 ? 1 : n, size);
}

static bool
same_kind(const struct cnc__rnode *a, const struct cnc__rnode *b)
{
    if (a->text || b->text) {
        return a->text && b->text;
    }
    if (a->tag != b->tag) {
        return false;
    }
    if (a->id == NULL || b->id == NULL) {
        return a->id == b->id;
    }
    return strcmp(a->id, b->id) == 0;
}

static bool
keyed(const struct cnc__rnode *n)
{
    return !n->text && n->id != NULL;
}

static void
match(struct diff *d, uint32_t old, uint32_t new)
{
    d->to_old[new] = old;
    d->to_new[old] = new;
}

static void
start_list(struct diff *d, const struct pair *p)
{
    d->a = p->a->kids;
    d->b = p->b->kids;
    d->n_a = p->a->n_kids;
    d->n_b = p->b->n_kids;
    size_t n = (size_t)d->n_a + d->n_b;
    if (n > d->cap_list) {
        d->cap_list = 2 * n;
        d->to_old = room(d->to_old, d->cap_list, sizeof(*d->to_old));
        d->to_new = room(d->to_new, d->cap_list, sizeof(*d->to_new));
        d->swap = room(d->swap, d->cap_list, sizeof(*d->swap));
        d->keep = room(d->keep, d->cap_list, sizeof(*d->keep));
        d->work = room(d->work, 2 * d->cap_list, sizeof(*d->work));
    }
    if (n > 0) {
        memset(d->to_old, 0xff, d->n_b * sizeof(*d->to_old));
        memset(d->to_new, 0xff, d->n_a * sizeof(*d->to_new));
        memset(d->swap, 0, d->n_b * sizeof(*d->swap));
        memset(d->keep, 0, d->n_b * sizeof(*d->keep));
    }
}

/* -- matching ------------------------------------------------------------ */

static void
match_ends(struct diff *d, uint32_t *first, uint32_t *end_a, uint32_t *end_b)
{
    uint32_t i = 0, x = d->n_a, y = d->n_b;
    while (i < x && i < y && d->a[i]->hash == d->b[i]->hash) {
        match(d, i, i);
        i++;
    }
    while (x > i && y > i && d->a[x - 1]->hash == d->b[y - 1]->hash) {
        match(d, --x, --y);
    }
    *first = i;
    *end_a = x;
    *end_b = y;
}

static void
match_ids(struct diff *d, uint32_t first, uint32_t end_a, uint32_t end_b)
{
    size_t cap = 16;
    while (cap < 2 * (size_t)(end_a - first)) {
        cap *= 2;
    }
    if (cap > d->cap_slots) {
        d->cap_slots = cap;
        d->slots = room(d->slots, cap, sizeof(*d->slots));
    }
    memset(d->slots, 0xff, cap * sizeof(*d->slots));
    for (uint32_t i = first; i < end_a; i++) {
        if (!keyed(d->a[i])) {
            continue;
        }
        size_t at = cnc__rhash(d->a[i]->id, strlen(d->a[i]->id)) & (cap - 1);
        while (d->slots[at] != NONE) {
            at = (at + 1) & (cap - 1);
        }
        d->slots[at] = i;
    }
    for (uint32_t j = first; j < end_b; j++) {
        if (!keyed(d->b[j])) {
            continue;
        }
        size_t at = cnc__rhash(d->b[j]->id, strlen(d->b[j]->id)) & (cap - 1);
        for (; d->slots[at] != NONE; at = (at + 1) & (cap - 1)) {
            if (same_kind(d->a[d->slots[at]], d->b[j])) {
                match(d, d->slots[at], j);
                break;
            }
        }
    }
}

/* Longest common subsequence, by hash, of the unkeyed in between. */
static void
match_hashes(struct diff *d, uint32_t first, uint32_t end_a, uint32_t end_b)
{
    uint32_t *x = d->work, n = 0, m = 0;
    for (uint32_t i = first; i < end_a; i++) {
        if (!keyed(d->a[i])) {
            x[n++] = i;
        }
    }
    uint32_t *y = x + n;
    for (uint32_t j = first; j < end_b; j++) {
        if (!keyed(d->b[j])) {
            y[m++] = j;
        }
    }
    size_t w = (size_t)m + 1;
    if (n == 0 || m == 0 || ((size_t)n + 1) * w > MAX_LCS) {
        return; /* too many: they are paired by place */
    }
    d->lcs = room(d->lcs, (n + 1) * w, sizeof(*d->lcs));
    uint16_t *t = d->lcs;
    memset(t + n * w, 0, w * sizeof(*t));
    for (uint32_t i = n; i-- > 0;) {
        t[i * w + m] = 0;
        for (uint32_t j = m; j-- > 0;) {
            uint16_t down = t[(i + 1) * w + j], right = t[i * w + j + 1];
            t[i * w + j] = d->a[x[i]]->hash == d->b[y[j]]->hash
                               ? (uint16_t)(t[(i + 1) * w + j + 1] + 1)
                           : down >= right ? down
                                           : right;
        }
    }
    for (uint32_t i = 0, j = 0; i < n && j < m;) {
        if (d->a[x[i]]->hash == d->b[y[j]]->hash) {
            match(d, x[i++], y[j++]);
        } else if (t[(i + 1) * w + j] >= t[i * w + j + 1]) {
            i++;
        } else {
            j++;
        }
    }
}

/* Mark the longest increasing run of old indexes among the matched. */
static void
mark_keep(struct diff *d)
{
    uint32_t *tails = d->work;         /* new child that ends a run of n + 1 */
    uint32_t *before = tails + d->n_b; /* new child before it in its run */
    uint32_t n = 0;
    for (uint32_t j = 0; j < d->n_b; j++) {
        uint32_t old = d->to_old[j];
        if (old == NONE) {
            continue;
        }
        uint32_t low = 0, high = n;
        while (low < high) {
            uint32_t mid = (low + high) / 2;
            if (d->to_old[tails[mid]] < old) {
                low = mid + 1;
            } else {
                high = mid;
            }
        }
        before[j] = low == 0 ? NONE : tails[low - 1];
        tails[low] = j;
        n += low == n;
    }
    for (uint32_t j = n == 0 ? NONE : tails[n - 1]; j != NONE; j = before[j]) {
        d->keep[j] = true;
    }
}

/* What is left, between two that stay: pairwise, in order. */
static void
match_gaps(struct diff *d, uint32_t first, uint32_t end_a, uint32_t end_b)
{
    uint32_t i = first;
    for (uint32_t j = first; j < end_b; j++) {
        if (d->to_old[j] != NONE) {
            /* Next to one that is moved, nothing stays. */
            i = d->keep[j] ? d->to_old[j] + 1 : end_a;
        } else if (i < end_a && d->to_new[i] == NONE) {
            match(d, i, j);
            d->swap[j] = !same_kind(d->a[i], d->b[j]);
            d->keep[j] = true;
            i++;
        }
    }
}

/* -- operations ---------------------------------------------------------- */

/* Where a pair is: the nearest id at or above it and the path from there. */
static bool
op(struct diff *d, uint32_t pair, const char *name)
{
    uint32_t path[CNC__RBUILD_MAX_DEPTH + 8];
    size_t n = CNC_N(path);
    const char *at = NULL;
    for (uint32_t i = pair; i != NONE; i = d->pairs[i].parent) {
        const struct pair *p = &d->pairs[i];
        if (p->parent == NONE) {
            break;
        }
        if (p->a->id != NULL && p->b->id != NULL &&
            strcmp(p->a->id, p->b->id) == 0) { /* else: the body's changes */
            at = p->b->id;
            break;
        }
        CNC_CHECK(n > 0);
        path[--n] = p->index;
    }
    return cnc__patch_op(&d->patch, name, at, path + n, CNC_N(path) - n);
}

static const struct cnc__rattr *
find_attr(const struct cnc__rnode *n, const char *name)
{
    for (size_t i = 0; i < n->n_attrs; i++) {
        if (strcmp(n->attrs[i].name, name) == 0) {
            return &n->attrs[i];
        }
    }
    return NULL;
}

static void
diff_attrs(struct diff *d, uint32_t pair)
{
    const struct cnc__rnode *a = d->pairs[pair].a, *b = d->pairs[pair].b;
    for (size_t i = 0; i < a->n_attrs; i++) {
        const char *name = a->attrs[i].name;
        if (find_attr(b, name) == NULL && op(d, pair, "unset")) {
            cnc__patch_attr(&d->patch, "name", name, strlen(name));
            cnc__patch_end_empty(&d->patch);
        }
    }
    for (size_t i = 0; i < b->n_attrs; i++) {
        const struct cnc__rattr *to = &b->attrs[i];
        const struct cnc__rattr *from = find_attr(a, to->name);
        if (from != NULL && from->len == to->len &&
            memcmp(from->value, to->value, to->len) == 0) {
            continue;
        }
        if (strcmp(to->name, CNC__PART_ATTR) == 0) {
            d->patch.too_big = true; /* another part belongs into it */
        }
        if (op(d, pair, "set")) {
            cnc__patch_attr(&d->patch, "name", to->name, strlen(to->name));
            cnc__patch_attr(&d->patch, "value", to->value, to->len);
            cnc__patch_end_empty(&d->patch);
        }
    }
}

/* From the end, so that the indexes of what is before stay. */
static void
remove_old(struct diff *d, uint32_t pair)
{
    for (uint32_t i = d->n_a; i > 0;) {
        uint32_t end = i;
        while (i > 0 && d->to_new[i - 1] == NONE) {
            i--;
        }
        if (i < end && op(d, pair, "remove")) {
            cnc__patch_index(&d->patch, "index", i);
            if (end - i > 1) {
                cnc__patch_index(&d->patch, "n", end - i);
            }
            cnc__patch_end_empty(&d->patch);
        }
        i -= i == end;
    }
}

static uint32_t
find(const uint32_t *list, uint32_t n, uint32_t from, uint32_t what)
{
    for (uint32_t i = from; i < n; i++) {
        if (list[i] == what) {
            return i;
        }
    }
    for (uint32_t i = 0; i < from; i++) {
        if (list[i] == what) {
            return i;
        }
    }
    CNC_CHECK(!"an old child is in the list");
    return 0;
}

static void
shift(uint32_t *list, uint32_t from, uint32_t to)
{
    uint32_t what = list[from];
    if (from < to) {
        memmove(list + from, list + from + 1, (to - from) * sizeof(*list));
    } else {
        memmove(list + to + 1, list + to, (from - to) * sizeof(*list));
    }
    list[to] = what;
}

/* One run of new children from j on, put before child at. */
static uint32_t
insert_run(struct diff *d, uint32_t pair, uint32_t j, uint32_t at)
{
    uint32_t n = 1;
    while (j + n < d->n_b && d->to_old[j + n] == NONE) {
        n++;
    }
    if (op(d, pair, "insert")) {
        cnc__patch_index(&d->patch, "index", at);
        cnc__patch_end_nodes(&d->patch, "insert", d->b + j, n);
    }
    return n;
}

static void
move_child(struct diff *d, uint32_t pair, uint32_t from, uint32_t to)
{
    if (op(d, pair, "move")) {
        cnc__patch_index(&d->patch, "from", from);
        cnc__patch_index(&d->patch, "to", to);
        cnc__patch_end_empty(&d->patch);
    }
}

/*
 * The new order, from the left.  list is what the client's list is at each
 * step: old children by index, NONE for one that was inserted.  Right of at
 * stands what is still to be placed; left of it also what was passed over and
 * is moved later.
 */
static void
place_new(struct diff *d, uint32_t pair)
{
    uint32_t *list = d->work, n = 0, at = 0;
    for (uint32_t i = 0; i < d->n_a; i++) {
        if (d->to_new[i] != NONE) {
            list[n++] = i;
        }
    }
    for (uint32_t j = 0; j < d->n_b && !d->patch.too_big;) {
        uint32_t old = d->to_old[j];
        if (old == NONE) {
            uint32_t k = insert_run(d, pair, j, at);
            memmove(list + at + k, list + at, (n - at) * sizeof(*list));
            memset(list + at, 0xff, k * sizeof(*list));
            n += k;
            at += k;
            j += k;
            continue;
        }
        uint32_t from = find(list, n, at, old);
        if (d->keep[j]) {
            at = from + 1;
        } else {
            uint32_t to = from < at ? at - 1 : at;
            if (from != to) {
                move_child(d, pair, from, to);
                shift(list, from, to);
            }
            at = to + 1;
        }
        if (d->swap[j] && op(d, pair, "replace")) {
            cnc__patch_index(&d->patch, "index", at - 1);
            cnc__patch_end_nodes(&d->patch, "replace", d->b + j, 1);
        }
        j++;
    }
}

/* What became of those that are the same but for what is in them. */
static void
go_on(struct diff *d, uint32_t pair)
{
    for (uint32_t j = 0; j < d->n_b && !d->patch.too_big; j++) {
        if (d->to_old[j] == NONE || d->swap[j]) {
            continue;
        }
        const struct cnc__rnode *a = d->a[d->to_old[j]], *b = d->b[j];
        if (a->hash == b->hash) {
            continue;
        }
        if (b->text) {
            if (op(d, pair, "text")) {
                cnc__patch_index(&d->patch, "index", j);
                cnc__patch_end_text(&d->patch, "text", b->data, b->n_kids);
            }
            continue;
        }
        d->pairs =
            cnc__grow(d->pairs, d->n_pairs, &d->cap_pairs, sizeof(*d->pairs));
        d->pairs[d->n_pairs++] = (struct pair){a, b, pair, j};
    }
}

static void
diff_pair(struct diff *d, uint32_t pair)
{
    struct pair p = d->pairs[pair];
    uint32_t first, end_a, end_b;
    diff_attrs(d, pair);
    start_list(d, &p);
    if (d->n_a == 0 && d->n_b == 0) {
        return;
    }
    if (p.parent == NONE) { /* head and body, whatever their ids */
        match(d, 0, 0);
        match(d, 1, 1);
        go_on(d, pair);
        return;
    }
    match_ends(d, &first, &end_a, &end_b);
    if (first < end_a && first < end_b) {
        match_ids(d, first, end_a, end_b);
        match_hashes(d, first, end_a, end_b);
    }
    mark_keep(d);
    match_gaps(d, first, end_a, end_b);
    remove_old(d, pair);
    place_new(d, pair);
    go_on(d, pair);
}

void
cnc__rtree_diff(const struct cnc__rtree *a, const struct cnc__rtree *b,
                size_t max, struct cnc__str *out)
{
    struct diff d = {0};
    if (a->root->hash == b->root->hash) {
        return;
    }
    cnc__patch_begin(&d.patch, out, max);
    d.pairs = cnc__grow(d.pairs, 0, &d.cap_pairs, sizeof(*d.pairs));
    d.pairs[d.n_pairs++] = (struct pair){a->root, b->root, NONE, 0};
    for (size_t i = 0; i < d.n_pairs && !d.patch.too_big; i++) {
        diff_pair(&d, (uint32_t)i);
    }
    cnc__patch_done(&d.patch);
    cnc__free(d.pairs);
    cnc__free(d.to_old);
    cnc__free(d.to_new);
    cnc__free(d.swap);
    cnc__free(d.keep);
    cnc__free(d.work);
    cnc__free(d.slots);
    cnc__free(d.lcs);
}
