/* SPDX-License-Identifier: MIT */
/*
 * build.c -- elements and texts become the safe tree.
 */
#include <stdio.h>

#include "attrs.h"

#define IDS_FIRST 64

void
cnc__rbuild_init(struct cnc__rbuild *b, struct cnc__rtree *tree,
                 size_t max_bytes)
{
    memset(b, 0, sizeof(*b));
    b->tree = tree;
    b->arena = &tree->arena;
    b->max_bytes = max_bytes;
    cnc__rbuild_push(b, CNC__TAG_BODY, false);
}

void
cnc__rbuild_fini(struct cnc__rbuild *b)
{
    if (b->frag != NULL) {
        cnc__frag_unref(&b->frag);
    }
    cnc__free(b->stack);
    cnc__free(b->input);
    cnc__free(b->kids);
    cnc__free(b->head);
    cnc__free(b->ids);
    cnc__free(b->frag_ids);
    cnc__str_fini(&b->text);
    cnc__str_fini(&b->scratch);
    memset(b, 0, sizeof(*b));
}

/* -- ids ----------------------------------------------------------------- */

static bool
put_id(struct cnc__rid *slots, size_t cap, struct cnc__rid id)
{
    size_t at = (size_t)id.hash & (cap - 1);
    while (slots[at].id != NULL) {
        if (slots[at].hash == id.hash && strcmp(slots[at].id, id.id) == 0) {
            return false;
        }
        at = (at + 1) & (cap - 1);
    }
    slots[at] = id;
    return true;
}

/* False: taken.  A patch names its targets by id, so each stands once. */
static bool
take_id(struct cnc__rbuild *b, struct cnc__rid id)
{
    if (2 * b->n_ids >= b->cap_ids) {
        size_t cap = b->cap_ids == 0 ? IDS_FIRST : 2 * b->cap_ids;
        struct cnc__rid *slots = cnc__zalloc(cap * sizeof(*slots));
        for (size_t i = 0; i < b->cap_ids; i++) {
            if (b->ids[i].id != NULL) {
                put_id(slots, cap, b->ids[i]);
            }
        }
        cnc__free(b->ids);
        b->ids = slots;
        b->cap_ids = cap;
    }
    if (!put_id(b->ids, b->cap_ids, id)) {
        return false;
    }
    b->n_ids++;
    return true;
}

static const char *
own_id(struct cnc__rbuild *b, const char *value)
{
    struct cnc__rid id = {cnc__rhash(value, strlen(value)), value};
    if (!take_id(b, id)) {
        b->bail = b->bail || b->frag != NULL;
        return NULL;
    }
    if (b->frag != NULL) {
        b->frag_ids = cnc__grow(b->frag_ids, b->n_frag_ids, &b->cap_frag_ids,
                                sizeof(*b->frag_ids));
        b->frag_ids[b->n_frag_ids++] = id;
    }
    return value;
}

/* The element's id; one that is taken is cut out of attrs. */
static const char *
settle_id(struct cnc__rbuild *b, struct cnc__rattr *attrs, size_t *n)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(attrs[i].name, "id") != 0) {
            continue;
        }
        const char *id = own_id(b, attrs[i].value);
        if (id == NULL) {
            memmove(attrs + i, attrs + i + 1, (*n - i - 1) * sizeof(*attrs));
            (*n)--;
        }
        return id;
    }
    return NULL;
}

/* -- nodes --------------------------------------------------------------- */

static void
count(struct cnc__rbuild *b, size_t bytes)
{
    b->tree->bytes += bytes;
    if (b->tree->bytes > b->max_bytes) {
        b->too_big = true;
    }
}

void
cnc__rbuild_kid(struct cnc__rbuild *b, const struct cnc__rnode *n)
{
    b->kids = cnc__grow(b->kids, b->n_kids, &b->cap_kids, sizeof(*b->kids));
    b->kids[b->n_kids++] = n;
}

/* A title that came between two texts went to the head: they are one. */
static void
join_text(struct cnc__rbuild *b)
{
    size_t from = b->n_stack == 0 ? 0 : b->stack[b->n_stack - 1].kids_from;
    if (b->part_in != 0 && from < b->part_from) {
        from = b->part_from; /* not with what everybody sees */
    }
    if (b->n_kids > from && b->kids[b->n_kids - 1]->text) {
        const struct cnc__rnode *before = b->kids[--b->n_kids];
        size_t len = b->text.len;
        cnc__str_reserve(&b->text, before->n_kids);
        memmove(b->text.data + before->n_kids, b->text.data, len + 1);
        memcpy(b->text.data, before->data, before->n_kids);
        b->text.len = len + before->n_kids;
    }
}

void
cnc__rbuild_flush_text(struct cnc__rbuild *b)
{
    if (b->text.len == 0) {
        return;
    }
    join_text(b);
    struct cnc__rnode *n = cnc__arena_alloc(b->arena, sizeof(*n));
    n->text = true;
    n->data = cnc__arena_strndup(b->arena, b->text.data, b->text.len);
    n->n_kids = (uint32_t)b->text.len;
    n->hash = cnc__rhash(n->data, n->n_kids) ^ UINT64_C(0x7e877e877e877e87);
    cnc__str_clear(&b->text);
    cnc__rbuild_kid(b, n);
}

static uint64_t
hash_element(struct cnc__rbuild *b, const struct cnc__rnode *n)
{
    struct cnc__str *s = &b->scratch;
    cnc__str_clear(s);
    cnc__str_add(s, &n->tag, sizeof(n->tag));
    cnc__str_add(s, &n->n_attrs, sizeof(n->n_attrs));
    for (size_t i = 0; i < n->n_attrs; i++) {
        const struct cnc__rattr *a = &n->attrs[i];
        cnc__str_add(s, a->name, strlen(a->name) + 1);
        cnc__str_add(s, &a->len, sizeof(a->len));
        cnc__str_add(s, a->value, a->len);
    }
    for (size_t i = 0; i < n->n_kids; i++) {
        cnc__str_add(s, &n->kids[i]->hash, sizeof(n->kids[i]->hash));
    }
    return cnc__rhash(s->data, s->len);
}

const struct cnc__rnode *
cnc__rbuild_element(struct cnc__rbuild *b, const struct cnc__rbuild_entry *e,
                    const struct cnc__rnode *const *kids, size_t n_kids)
{
    struct cnc__rnode *n = cnc__arena_alloc(b->arena, sizeof(*n));
    n->tag = e->tag;
    n->n_attrs = e->n_attrs;
    n->attrs = e->attrs;
    n->id = e->id;
    n->n_kids = (uint32_t)n_kids;
    if (n_kids > 0) {
        n->kids = cnc__arena_alloc(b->arena, n_kids * sizeof(*n->kids));
        memcpy(n->kids, kids, n_kids * sizeof(*n->kids));
    }
    n->hash = hash_element(b, n);
    return n;
}

void
cnc__rbuild_push(struct cnc__rbuild *b, int tag, bool implied)
{
    cnc__rbuild_flush_text(b);
    if (b->frag != NULL && !implied && !b->frag_landed) {
        b->frag_landed = true;
        b->frag_parent = b->n_stack - 1;
        b->frag_kids = b->n_kids;
        b->frag->place = cnc__rbuild_place(b);
        b->bail = b->bail || b->frag->place == 0;
    }
    b->stack =
        cnc__grow(b->stack, b->n_stack, &b->cap_stack, sizeof(*b->stack));
    b->stack[b->n_stack++] = (struct cnc__rbuild_entry){
        .tag = (uint8_t)tag, .implied = implied, .kids_from = b->n_kids};
    count(b, 2 * strlen(cnc__allow_tag_name(tag)) + 5);
}

void
cnc__rbuild_pop(struct cnc__rbuild *b)
{
    CNC_CHECK(b->n_stack > 1);
    cnc__rbuild_flush_text(b);
    b->n_stack--;
    if (b->frag != NULL && b->frag_landed && b->n_stack <= b->frag_parent) {
        b->bail = true; /* closed what was open before it */
    }
    const struct cnc__rbuild_entry *e = &b->stack[b->n_stack];
    const struct cnc__rnode *n = cnc__rbuild_element(
        b, e, b->kids + e->kids_from, b->n_kids - e->kids_from);
    b->n_kids = e->kids_from;
    if (e->head) {
        b->head =
            cnc__grow(b->head, b->n_head, &b->cap_head, sizeof(*b->head));
        b->head[b->n_head++] = n;
    } else {
        cnc__rbuild_kid(b, n);
    }
}

/* -- input --------------------------------------------------------------- */

static enum cnc__rbuild_open
answer(struct cnc__rbuild *b, enum cnc__rbuild_open a, uint8_t level)
{
    b->input =
        cnc__grow(b->input, b->n_input, &b->cap_input, sizeof(*b->input));
    b->input[b->n_input++] = (struct cnc__rbuild_input){(uint8_t)a, b->level};
    b->level = level;
    return a;
}

static bool
at_outside(const struct cnc__rbuild *b) /* of the body, as far as we know */
{
    return b->n_stack == 1 && b->level < CNC__LEVEL_BODY;
}

/* html, head, body: always there once; their attributes are kept. */
static enum cnc__rbuild_open
open_outside(struct cnc__rbuild *b, int tag, const struct cnc__attr_in *in,
             size_t n_in)
{
    uint8_t level = b->level;
    bool fits = b->n_stack == 1 && b->frag == NULL;
    if (tag == CNC__TAG_HEAD) {
        level = fits && level <= CNC__LEVEL_HTML ? CNC__LEVEL_HEAD : level;
        return answer(b, CNC__RBUILD_UNWRAP, level);
    }
    bool html = tag == CNC__TAG_HTML;
    if (!fits || (html ? level != CNC__LEVEL_TOP || b->html_attrs != NULL
                       : level > CNC__LEVEL_HTML || b->seen_body)) {
        return answer(b, CNC__RBUILD_UNWRAP, level);
    }
    const struct cnc__rattr *attrs;
    size_t n = cnc__attrs_filter(b->arena, &attrs, tag, in, n_in, b->prefix);
    const char *id = settle_id(b, (struct cnc__rattr *)attrs, &n);
    if (html) {
        b->html_attrs = attrs;
        b->n_html_attrs = (uint16_t)n;
        b->html_id = id;
        return answer(b, CNC__RBUILD_UNWRAP, CNC__LEVEL_HTML);
    }
    b->seen_body = true;
    b->body_attrs = attrs;
    b->n_body_attrs = (uint16_t)n;
    b->body_id = id;
    return answer(b, CNC__RBUILD_UNWRAP, CNC__LEVEL_BODY);
}

static enum cnc__rbuild_open
push_element(struct cnc__rbuild *b, int tag, const struct cnc__attr_in *in,
             size_t n_in, bool head)
{
    /* Attributes before push: push decides where a fragment starts, and an
     * element that its attributes forbid must not start one. */
    const struct cnc__rattr *attrs;
    size_t n = cnc__attrs_filter(b->arena, &attrs, tag, in, n_in, b->prefix);
    if (!cnc__attrs_element(tag, attrs, n)) {
        return answer(b, CNC__RBUILD_SKIP, b->level);
    }
    if (!head) {
        enum cnc__rbuild_open a = cnc__rbuild_nest(b, &tag);
        if (a != CNC__RBUILD_PUSH) {
            a = cnc__rbuild_void(tag) ? CNC__RBUILD_SKIP : a;
            return answer(b, a, b->level);
        }
    }
    cnc__rbuild_push(b, tag, false);
    struct cnc__rbuild_entry *e = &b->stack[b->n_stack - 1];
    e->head = head;
    e->attrs = attrs;
    e->id = settle_id(b, (struct cnc__rattr *)attrs, &n);
    e->n_attrs = (uint16_t)n;
    for (size_t i = 0; i < n; i++) {
        count(b, strlen(attrs[i].name) + attrs[i].len + 4);
    }
    if (cnc__rbuild_void(tag)) {
        cnc__rbuild_pop(b);
        return answer(b, CNC__RBUILD_SKIP, b->level);
    }
    return answer(b, CNC__RBUILD_PUSH, b->level);
}

enum cnc__rbuild_open
cnc__rbuild_open(struct cnc__rbuild *b, const char *name,
                 const struct cnc__attr_in *attrs, size_t n_attrs)
{
    if (b->too_big) {
        return answer(b, CNC__RBUILD_SKIP, b->level);
    }
    int tag = cnc__allow_tag(name);
    switch (tag) {
    case CNC__TAG_DROPPED:
        return answer(b, CNC__RBUILD_SKIP, b->level);
    case CNC__TAG_UNKNOWN:
        return answer(b, CNC__RBUILD_UNWRAP, b->level);
    case CNC__TAG_HTML:
    case CNC__TAG_HEAD:
    case CNC__TAG_BODY:
        return open_outside(b, tag, attrs, n_attrs);
    case CNC__TAG_TITLE:
    case CNC__TAG_META:
    case CNC__TAG_LINK:
        if (!at_outside(b) || b->frag != NULL ||
            (tag == CNC__TAG_TITLE && b->seen_title)) {
            b->bail = b->bail || (b->frag != NULL && at_outside(b));
            return answer(b, CNC__RBUILD_SKIP, b->level);
        }
        b->seen_title = b->seen_title || tag == CNC__TAG_TITLE;
        return push_element(b, tag, attrs, n_attrs, true);
    default:
        break;
    }
    if (b->n_stack >= CNC__RBUILD_MAX_DEPTH) {
        return answer(
            b, cnc__rbuild_void(tag) ? CNC__RBUILD_SKIP : CNC__RBUILD_UNWRAP,
            b->level);
    }
    return push_element(b, tag, attrs, n_attrs, false);
}

enum cnc__rbuild_open
cnc__rbuild_open_foreign(struct cnc__rbuild *b, const char *name)
{
    bool skip = b->too_big || cnc__allow_tag(name) == CNC__TAG_DROPPED;
    return answer(b, skip ? CNC__RBUILD_SKIP : CNC__RBUILD_UNWRAP, b->level);
}

static bool
is_blank(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\n' && s[i] != '\r') {
            return false;
        }
    }
    return true;
}

void
cnc__rbuild_text(struct cnc__rbuild *b, const char *s, size_t len)
{
    if (len == 0 || b->too_big) {
        return;
    }
    if (is_blank(s, len)) {
        if (at_outside(b) || cnc__rbuild_blank_dropped(b)) {
            return;
        }
    } else {
        int tag = CNC__TAG_N;
        if (cnc__rbuild_nest(b, &tag) != CNC__RBUILD_PUSH) {
            return;
        }
    }
    if (b->frag != NULL &&
        (!b->frag_landed || b->n_stack - 1 == b->frag_parent)) {
        b->bail = true; /* would join the text before or after it */
    }
    count(b, len);
    if (b->too_big || len > UINT32_MAX / 2 - b->text.len) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        size_t run = 0;
        while (i + run < len && s[i + run] != '\r') {
            run++;
        }
        cnc__str_add(&b->text, s + i, run);
        i += run;
        if (i < len && (i + 1 == len || s[i + 1] != '\n')) {
            cnc__str_putc(&b->text, '\n');
        }
    }
}

void
cnc__rbuild_close(struct cnc__rbuild *b)
{
    CNC_CHECK(b->n_input > 0);
    struct cnc__rbuild_input in = b->input[--b->n_input];
    b->level = in.level;
    if (in.answer != CNC__RBUILD_PUSH) {
        return;
    }
    while (b->stack[b->n_stack - 1].implied) {
        cnc__rbuild_pop(b);
    }
    cnc__rbuild_pop(b);
}

static const struct cnc__rnode *
make_head(struct cnc__rbuild *b)
{
    static const struct cnc__rattr utf8 = {"charset", "utf-8", 5};
    struct cnc__rbuild_entry meta = {
        .tag = CNC__TAG_META, .n_attrs = 1, .attrs = &utf8};
    struct cnc__rbuild_entry head = {.tag = CNC__TAG_HEAD};
    size_t from = b->n_kids;
    cnc__rbuild_kid(b, cnc__rbuild_element(b, &meta, NULL, 0));
    for (size_t i = 0; i < b->n_head; i++) {
        cnc__rbuild_kid(b, b->head[i]);
    }
    const struct cnc__rnode *n =
        cnc__rbuild_element(b, &head, b->kids + from, b->n_kids - from);
    b->n_kids = from;
    return n;
}

void
cnc__rbuild_done(struct cnc__rbuild *b)
{
    CNC_CHECK(b->n_input == 0 && b->frag == NULL);
    while (b->n_stack > 1) {
        cnc__rbuild_pop(b);
    }
    cnc__rbuild_flush_text(b);
    struct cnc__rbuild_entry body = {.tag = CNC__TAG_BODY,
                                     .n_attrs = b->n_body_attrs,
                                     .attrs = b->body_attrs,
                                     .id = b->body_id};
    struct cnc__rbuild_entry html = {.tag = CNC__TAG_HTML,
                                     .n_attrs = b->n_html_attrs,
                                     .attrs = b->html_attrs,
                                     .id = b->html_id};
    const struct cnc__rnode *kids[2];
    kids[1] = cnc__rbuild_element(b, &body, b->kids, b->n_kids);
    kids[0] = make_head(b);
    b->tree->root = cnc__rbuild_element(b, &html, kids, 2);
}

/* -- fragments ----------------------------------------------------------- */

void
cnc__rbuild_frag_begin(struct cnc__rbuild *b)
{
    CNC_CHECK(b->frag == NULL);
    cnc__rbuild_flush_text(b);
    b->frag = cnc__frag_new();
    b->frag_landed = false;
    b->n_frag_ids = 0;
    b->frag_bytes = b->tree->bytes;
    b->arena = &b->frag->arena;
}

struct cnc__frag *
cnc__rbuild_frag_end(struct cnc__rbuild *b)
{
    struct cnc__frag *f = b->frag;
    cnc__rbuild_flush_text(b);
    cnc__rtree_add_frag(b->tree, f); /* nodes of it are in the tree */
    b->frag = NULL;
    b->arena = &b->tree->arena;
    if (b->frag_landed && b->n_stack - 1 != b->frag_parent) {
        b->bail = true;
    }
    if (b->bail || b->too_big) {
        cnc__frag_unref(&f);
        return NULL;
    }
    f->bytes = b->tree->bytes - b->frag_bytes;
    if (b->frag_landed) {
        f->n_tops = (uint32_t)(b->n_kids - b->frag_kids);
        f->tops = cnc__arena_alloc(&f->arena, f->n_tops * sizeof(*f->tops));
        memcpy(f->tops, b->kids + b->frag_kids, f->n_tops * sizeof(*f->tops));
    }
    f->n_ids = (uint32_t)b->n_frag_ids;
    if (f->n_ids > 0) {
        f->ids = cnc__arena_alloc(&f->arena, f->n_ids * sizeof(*f->ids));
        memcpy(f->ids, b->frag_ids, f->n_ids * sizeof(*f->ids));
    }
    return f;
}

void
cnc__rbuild_frag_put(struct cnc__rbuild *b, struct cnc__frag *f)
{
    if (f->n_tops == 0 || b->bail || b->too_big) {
        return;
    }
    cnc__rbuild_flush_text(b);
    int tag = f->tops[0]->tag;
    int asked = tag;
    if (cnc__rbuild_nest(b, &tag) != CNC__RBUILD_PUSH || tag != asked ||
        cnc__rbuild_place(b) != f->place) {
        b->bail = true;
        return;
    }
    for (size_t i = 0; i < f->n_ids; i++) {
        if (!take_id(b, f->ids[i])) {
            b->bail = true;
            return;
        }
    }
    cnc__rbuild_flush_text(b);
    for (size_t i = 0; i < f->n_tops; i++) {
        cnc__rbuild_kid(b, f->tops[i]);
    }
    cnc__rtree_add_frag(b->tree, f);
    count(b, f->bytes);
}
