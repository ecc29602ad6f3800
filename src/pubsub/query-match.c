/* SPDX-License-Identifier: MIT */
/*
 * query-match.c -- a query, bound to its parameters: does an item match?
 */
#include "../base/text.h"
#include "formimpl.h"
#include "queryimpl.h"

/* -- bound to its parameters ---------------------------------------------- */

/* Is it written in a payload as it is read there? */
static bool
is_verbatim(const struct cnc__str *text)
{
    for (size_t i = 0; i < text->len; i++) {
        char c = text->data[i];
        if (c < ' ' || c > '~' || strchr("<>&\"'", c) != NULL) {
            return false;
        }
    }
    return text->len > 0;
}

static void
find_needles(struct cnc__qrun *r)
{
    const struct cnc__query *q = r->q;
    if (is_verbatim(&r->search)) {
        r->needles[r->n_needles++] = &r->search;
    }
    for (size_t i = 0; i < q->n_terms; i++) {
        const struct cnc__qterm *t = &q->terms[i];
        const struct cnc__qfield *f = &q->fields[t->field];
        bool by_text = t->op == CNC__Q_HAS ||
                       (t->op == CNC__Q_EQ && cnc__kind_is_text(f->kind));
        if (by_text && f->from == CNC__Q_RECORD &&
            r->value[i]->is == CNC__Q_SOME && is_verbatim(&r->value[i]->key)) {
            r->needles[r->n_needles++] = &r->value[i]->key;
        }
    }
}

void
cnc__qrun_bind(struct cnc__qrun *r, const struct cnc__query *q,
               const char *const *values, const char *search)
{
    CNC_OBJ_CHECK(q, CNC__QUERY_MAGIC);
    *r = (struct cnc__qrun){.q = q};
    for (size_t i = 0; i < q->n_terms; i++) {
        const struct cnc__qterm *t = &q->terms[i];
        r->value[i] = &t->value;
        if (t->param != SIZE_MAX) {
            cnc__qvalue_set(&r->own[i], q->fields[t->field].kind, t->op,
                            values[t->param] == NULL ? "" : values[t->param]);
            r->value[i] = &r->own[i];
        }
        r->never = r->never || r->value[i]->is == CNC__Q_WRONG;
        r->asked |= UINT64_C(1) << (t->field & 63);
    }
    if (search != NULL && !cnc__value_blank(search)) {
        cnc__fold(&r->search, search, strlen(search));
    }
    find_needles(r);
}

void
cnc__qrun_unbind(struct cnc__qrun *r)
{
    for (size_t i = 0; i < r->q->n_terms; i++) {
        cnc__str_fini(&r->own[i].key);
    }
    cnc__str_fini(&r->search);
    cnc__str_fini(&r->key);
    cnc__str_fini(&r->text);
}

/* -- does it match? ------------------------------------------------------- */

static bool
contains(const struct cnc__str *text, const struct cnc__str *part)
{
    return part->len == 0 ||
           (text->len >= part->len &&
            memmem(text->data, text->len, part->data, part->len) != NULL);
}

static bool
holds(enum cnc__qop op, const struct cnc__str *have,
      const struct cnc__str *want)
{
    int c = op == CNC__Q_HAS ? 0 : cnc__key_compare(have, want);
    switch (op) {
    case CNC__Q_EQ:
    case CNC__Q_NE: /* of several values: one is */
        return c == 0;
    case CNC__Q_LT:
        return c < 0;
    case CNC__Q_LE:
        return c <= 0;
    case CNC__Q_GT:
        return c > 0;
    case CNC__Q_GE:
        return c >= 0;
    case CNC__Q_HAS:
        break;
    }
    return contains(have, want);
}

struct match { /* bits: terms */
    uint32_t some, hit;
    bool found; /* what is searched */
    bool lost;  /* whatever comes, it does not match */
};

/* One value of a field. */
static void
judge(struct cnc__qrun *r, struct match *m, size_t field, const char *text,
      size_t len)
{
    const struct cnc__query *q = r->q;
    enum cnc_field_kind kind = q->fields[field].kind;
    bool is_text = cnc__kind_is_text(kind), folded = false, key = false;
    if (r->search.len > 0 && is_text && !m->found &&
        q->fields[field].from == CNC__Q_RECORD) {
        cnc__str_clear(&r->text);
        cnc__fold(&r->text, text, len);
        folded = true;
        m->found = contains(&r->text, &r->search);
    }
    for (size_t i = 0; i < q->n_terms; i++) {
        const struct cnc__qterm *t = &q->terms[i];
        if (t->field != field) {
            continue;
        }
        bool by_text = is_text || t->op == CNC__Q_HAS;
        if (by_text && !folded) {
            cnc__str_clear(&r->text);
            cnc__fold(&r->text, text, len);
            folded = true;
        } else if (!by_text && !key) {
            cnc__str_clear(&r->key);
            key = cnc__key_add(&r->key, kind, text, len);
            if (!key) {
                continue; /* not of its kind: as if it were not there */
            }
        }
        m->some |= 1u << i;
        bool hit =
            r->value[i]->is == CNC__Q_SOME &&
            holds(t->op, by_text ? &r->text : &r->key, &r->value[i]->key);
        m->hit |= hit ? 1u << i : 0;
        m->lost = m->lost ||
                  (kind != CNC_FIELD_MULTI && hit == (t->op == CNC__Q_NE) &&
                   r->value[i]->is == CNC__Q_SOME);
    }
}

static bool
asks(const struct cnc__qrun *r, size_t field)
{
    return (r->asked >> (field & 63) & 1) != 0;
}

/* What is not in the payload. */
static void
judge_rest(struct cnc__qrun *r, struct match *m, const struct cnc__item *item)
{
    const struct cnc__query *q = r->q;
    for (size_t i = q->n_fields - 2; i < q->n_fields; i++) {
        char when[32];
        const char *text = item->publisher;
        if (!asks(r, i)) {
            continue;
        }
        if (q->fields[i].from == CNC__Q_PUBLISHED) {
            cnc__datetime(when, item->published_ms);
            text = when;
        }
        if (*text != '\0') {
            judge(r, m, i, text, strlen(text));
        }
    }
}

/* c is a child: which field?  Children usually stand as fields do. */
size_t
cnc__query_field(const struct cnc__query *q, const struct cnc__child *c,
                 size_t hint)
{
    for (size_t i = 0; i < q->n_fields; i++) {
        size_t at = (hint + i) % q->n_fields;
        const struct cnc__qfield *f = &q->fields[at];
        if (f->n_name == c->n_name &&
            memcmp(f->name, c->name, c->n_name) == 0) {
            return at;
        }
        if (f->was != NULL && cnc__child_is(c, f->was, NULL)) {
            return at;
        }
    }
    return SIZE_MAX;
}

static bool
verdict(const struct cnc__qrun *r, const struct match *m)
{
    if (r->search.len > 0 && !m->found) {
        return false;
    }
    for (size_t i = 0; i < r->q->n_terms; i++) {
        bool some = (m->some >> i & 1) != 0, hit = (m->hit >> i & 1) != 0;
        enum cnc__qop op = r->q->terms[i].op;
        if (r->value[i]->is == CNC__Q_NONE) {
            hit = op == CNC__Q_HAS || !some;
        }
        if (hit == (op == CNC__Q_NE)) {
            return false;
        }
    }
    return true;
}

/* Most records do not match: to see that of the whole payload at once is five
 * times as quick as to read its fields.  Beyond ASCII, one character may fold
 * to another one, so those are read. */
static bool
lacks_needles(struct cnc__qrun *r, const struct cnc__item *item)
{
    if (r->n_needles == 0 || item->payload == NULL) {
        return false;
    }
    cnc__str_clear(&r->text);
    if (!cnc__fold_ascii(&r->text, cnc_buf_data(item->payload),
                         cnc_buf_len(item->payload))) {
        return false;
    }
    for (size_t i = 0; i < r->n_needles; i++) {
        if (!contains(&r->text, r->needles[i])) {
            return true;
        }
    }
    return false;
}

bool
cnc__qrun_matches(struct cnc__qrun *r, const struct cnc__item *item)
{
    const struct cnc__query *q = r->q;
    if (r->never) {
        return false;
    }
    if (q->n_terms == 0 && r->search.len == 0) {
        return true;
    }
    if (lacks_needles(r, item)) {
        return false;
    }
    struct match m = {0};
    struct cnc__reader reader;
    struct cnc__child c;
    size_t field = SIZE_MAX;
    cnc__reader_open(&reader, item);
    while (!m.lost && cnc__reader_next(&reader, &c)) {
        size_t at = cnc__query_field(q, &c, field + 1);
        if (at != SIZE_MAX) {
            field = at;
        }
        if (at != SIZE_MAX && !c.blank && (r->search.len > 0 || asks(r, at))) {
            judge(r, &m, at, c.text, c.len);
        }
    }
    cnc__reader_close(&reader);
    if (!m.lost) {
        judge_rest(r, &m, item);
    }
    return !m.lost && verdict(r, &m);
}

bool
cnc__query_matches(const struct cnc__query *q, const char *const *values,
                   const char *search, const struct cnc__item *item)
{
    struct cnc__qrun r;
    cnc__qrun_bind(&r, q, values, search);
    bool yes = cnc__qrun_matches(&r, item);
    cnc__qrun_unbind(&r);
    return yes;
}
