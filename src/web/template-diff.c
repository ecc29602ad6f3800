/* SPDX-License-Identifier: MIT */
/*
 * template-diff.c -- what changed from one version of a template to another,
 * line by line.
 */
#include "web.h"

#define MAX_LINES 2000 /* of a text that is compared */
#define AROUND    3    /* lines shown around a change */

struct text { /* as lines */
    const char *line[MAX_LINES];
    size_t len[MAX_LINES], n;
};

static struct text *
lines_of(const struct cnc__sheet *s)
{
    struct text *t = cnc__zalloc(sizeof(*t));
    const char *at = s->text;

    while (*at != '\0' && t->n < MAX_LINES) {
        size_t n = strcspn(at, "\n");

        t->line[t->n] = at;
        t->len[t->n++] = n;
        at += n + (at[n] == '\n');
    }
    return t;
}

static bool
same(const struct text *a, size_t i, const struct text *b, size_t k)
{
    return a->len[i] == b->len[k] &&
           memcmp(a->line[i], b->line[k], a->len[i]) == 0;
}

/* length[i][k]: of the longest common subsequence of what follows line i of a
 * and line k of b, between the ends that are the same. */
struct table {
    const struct text *a, *b;
    size_t head, n_a, n_b; /* same lines before; lines that differ */
    uint16_t *length;
};

static uint16_t *
at(const struct table *t, size_t i, size_t k)
{
    return &t->length[i * (t->n_b + 1) + k];
}

static void
table_fill(struct table *t, const struct text *a, const struct text *b)
{
    size_t tail = 0;

    *t = (struct table){.a = a, .b = b};
    while (t->head < a->n && t->head < b->n && same(a, t->head, b, t->head)) {
        t->head++;
    }
    while (tail < a->n - t->head && tail < b->n - t->head &&
           same(a, a->n - 1 - tail, b, b->n - 1 - tail)) {
        tail++;
    }
    t->n_a = a->n - t->head - tail;
    t->n_b = b->n - t->head - tail;
    t->length = cnc__zalloc((t->n_a + 1) * (t->n_b + 1) * sizeof(*t->length));
    for (size_t i = t->n_a; i-- > 0;) {
        for (size_t k = t->n_b; k-- > 0;) {
            uint16_t down = *at(t, i + 1, k), right = *at(t, i, k + 1);

            *at(t, i, k) = same(a, t->head + i, b, t->head + k)
                               ? (uint16_t)(*at(t, i + 1, k + 1) + 1)
                           : down > right ? down
                                          : right;
        }
    }
}

struct edit {
    char sign; /* ' ', '-', '+' */
    const char *line;
    size_t len;
};

static size_t
edits_of(struct edit *out, const struct table *t)
{
    const struct text *a = t->a, *b = t->b;
    size_t i = 0, k = 0, n = 0;

    for (size_t h = 0; h < t->head; h++) {
        out[n++] = (struct edit){' ', a->line[h], a->len[h]};
    }
    while (i < t->n_a || k < t->n_b) {
        size_t x = t->head + i, y = t->head + k;

        if (i < t->n_a && k < t->n_b && same(a, x, b, y)) {
            out[n++] = (struct edit){' ', a->line[x], a->len[x]};
            i++;
            k++;
        } else if (k == t->n_b ||
                   (i < t->n_a && *at(t, i + 1, k) >= *at(t, i, k + 1))) {
            out[n++] = (struct edit){'-', a->line[x], a->len[x]};
            i++;
        } else {
            out[n++] = (struct edit){'+', b->line[y], b->len[y]};
            k++;
        }
    }
    for (size_t h = t->head + t->n_a; h < a->n; h++) {
        out[n++] = (struct edit){' ', a->line[h], a->len[h]};
    }
    return n;
}

static bool
is_near(const struct edit *e, size_t n, size_t at_)
{
    size_t from = at_ > AROUND ? at_ - AROUND : 0;

    for (size_t i = from; i < n && i <= at_ + AROUND; i++) {
        if (e[i].sign != ' ') {
            return true;
        }
    }
    return false;
}

size_t
cnc__sheet_diff(struct cnc__str *out, const struct cnc__sheet *old,
                const struct cnc__sheet *new)
{
    struct text *a = lines_of(old), *b = lines_of(new);
    struct edit *e = cnc__zalloc((a->n + b->n + 1) * sizeof(*e));
    struct table t;
    size_t n, changed = 0;
    bool left_out = false;

    table_fill(&t, a, b);
    n = edits_of(e, &t);
    for (size_t i = 0; i < n; i++) {
        if (!is_near(e, n, i)) {
            left_out = true;
            continue;
        }
        if (left_out) {
            cnc__str_puts(out, "...\n");
            left_out = false;
        }
        changed += e[i].sign != ' ';
        cnc__str_printf(out, "%c%.*s\n", e[i].sign, (int)e[i].len, e[i].line);
    }
    if (out->len > 0) {
        out->data[--out->len] = '\0';
    }
    cnc__free(t.length);
    cnc__free(e);
    cnc__free(a);
    cnc__free(b);
    return changed;
}
