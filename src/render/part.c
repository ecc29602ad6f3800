/* SPDX-License-Identifier: MIT */
/*
 * part.c -- what only some see of a page, while it is built.
 *
 *   <p>a<c:part>b</c:part></p>          <p>a<span data-cnc-part="1"/></p>
 *   <ul><c:part><li>b</li></c:part>     <ul><li data-cnc-part="1" hidden/>
 *
 * A list, a table and a choice have elements of certain kinds alone, and a
 * patch counts them: there a part is one element, and what everybody has in
 * its place is of the same kind, empty and hidden.
 */
#include <stdio.h>

#include "build.h"

/* What may stand in what; the first of each is there for a part that is
 * empty. */
static const struct {
    uint8_t in, kid;
} fits[] = {
    {CNC__TAG_UL, CNC__TAG_LI},           {CNC__TAG_OL, CNC__TAG_LI},
    {CNC__TAG_MENU, CNC__TAG_LI},         {CNC__TAG_DL, CNC__TAG_DIV},
    {CNC__TAG_DL, CNC__TAG_DT},           {CNC__TAG_DL, CNC__TAG_DD},
    {CNC__TAG_TABLE, CNC__TAG_TBODY},     {CNC__TAG_TABLE, CNC__TAG_THEAD},
    {CNC__TAG_TABLE, CNC__TAG_TFOOT},     {CNC__TAG_TABLE, CNC__TAG_CAPTION},
    {CNC__TAG_TBODY, CNC__TAG_TR},        {CNC__TAG_THEAD, CNC__TAG_TR},
    {CNC__TAG_TFOOT, CNC__TAG_TR},        {CNC__TAG_TR, CNC__TAG_TD},
    {CNC__TAG_TR, CNC__TAG_TH},           {CNC__TAG_SELECT, CNC__TAG_OPTION},
    {CNC__TAG_SELECT, CNC__TAG_OPTGROUP}, {CNC__TAG_OPTGROUP, CNC__TAG_OPTION},
};

/* What is said to stand there: in tables the missing rows are made. */
static int
usual(int in)
{
    for (size_t i = 0; i < CNC_N(fits); i++) {
        if (fits[i].in == in) {
            return fits[i].kid;
        }
    }
    return 0;
}

static bool
may_stand(int in, int kid)
{
    for (size_t i = 0; i < CNC_N(fits); i++) {
        if (fits[i].in == in && fits[i].kid == kid) {
            return true;
        }
    }
    return false;
}

static void
close_implied(struct cnc__rbuild *b)
{
    while (b->stack[b->n_stack - 1].implied) {
        cnc__rbuild_pop(b);
    }
}

bool
cnc__rbuild_part_begin(struct cnc__rbuild *b)
{
    char number[12];
    const struct cnc__attr_in mark = {CNC__PART_ATTR, number};
    if (b->frag != NULL) {
        b->bail = true; /* a fragment is kept and has no parts */
        return false;
    }
    if (b->tree->n_parts == CNC__PARTS_MAX) {
        b->tree->too_many_parts = true;
        return false;
    }
    if (b->level == CNC__LEVEL_HEAD || b->too_big) {
        return false;
    }
    close_implied(b);
    int in = b->stack[b->n_stack - 1].tag;
    if (usual(in) != 0) {
        cnc__rbuild_flush_text(b);
        b->part_in = in;
        b->part_from = b->n_kids;
        return true;
    }
    snprintf(number, sizeof(number), "%zu", b->tree->n_parts + 1);
    bool open = cnc__rbuild_open(b, "span", &mark, 1) == CNC__RBUILD_PUSH;
    if (!open) {
        cnc__rbuild_close(b);
    }
    return open;
}

/* -- one element in a list, a table, a choice ----------------------------- */

static void
refuse(struct cnc__rbuild *b, const char *at, const char *what)
{
    struct cnc__rtree *t = b->tree;
    const char *in = cnc__allow_tag_name(b->part_in);
    char text[256];
    if (t->bad_part != NULL) {
        return;
    }
    snprintf(text, sizeof(text),
             "a <c:part> that stands in <%s> is one <%s>, not %s; each needs "
             "a <c:part> of its own, or one stands around the <%s>",
             in,
             b->part_in == CNC__TAG_DL
                 ? "div"
                 : cnc__allow_tag_name(usual(b->part_in)),
             what, in);
    t->bad_part = cnc__arena_strndup(b->arena, text, strlen(text));
    t->bad_part_at = cnc__arena_strndup(b->arena, at, strlen(at));
}

static bool
is_blank(const struct cnc__rnode *text)
{
    const char *s = text->data;
    return strspn(s, " \t\r\n") == text->n_kids;
}

/* The element that the part is; NULL: it is empty, or cannot be here. */
static const struct cnc__rnode *
only_kid(struct cnc__rbuild *b, const char *at)
{
    const struct cnc__rnode *kid = NULL;
    size_t n = 0;
    for (size_t i = b->part_from; i < b->n_kids; i++) {
        const struct cnc__rnode *k = b->kids[i];
        if (k->text && is_blank(k)) {
            continue;
        }
        if (k->text || !may_stand(b->part_in, k->tag)) {
            char what[48];
            snprintf(what, sizeof(what), k->text ? "text" : "<%.32s>",
                     k->text ? "" : cnc__allow_tag_name(k->tag));
            refuse(b, at, what);
            return NULL;
        }
        kid = k;
        n++;
    }
    if (n > 1) {
        refuse(b, at, "several");
        return NULL;
    }
    return kid;
}

/* What everybody has in its place. */
static const struct cnc__rnode *
hidden(struct cnc__rbuild *b, int tag)
{
    struct cnc__rattr attrs[3], *own;
    char number[12];
    size_t n = 0;
    int len = snprintf(number, sizeof(number), "%zu", b->tree->n_parts + 1);
    attrs[n++] = (struct cnc__rattr){
        CNC__PART_ATTR, cnc__arena_strndup(b->arena, number, (size_t)len),
        (uint32_t)len};
    if (tag == CNC__TAG_OPTION || tag == CNC__TAG_OPTGROUP) {
        attrs[n++] = (struct cnc__rattr){"disabled", "", 0};
    }
    attrs[n++] = (struct cnc__rattr){"hidden", "", 0};
    own = cnc__arena_alloc(b->arena, n * sizeof(*own));
    memcpy(own, attrs, n * sizeof(*own));
    struct cnc__rbuild_entry e = {
        .tag = (uint8_t)tag, .n_attrs = (uint16_t)n, .attrs = own};
    return cnc__rbuild_element(b, &e, NULL, 0);
}

/* -- both ------------------------------------------------------------------
 */

static void
keep(struct cnc__rbuild *b, struct cnc__rpart *part, const char *for_,
     const struct cnc__rnode *const *kids, size_t n)
{
    struct cnc__str *s = &b->scratch;
    part->for_ = cnc__arena_strndup(b->arena, for_, strlen(for_));
    part->n_kids = (uint32_t)n;
    part->kids = cnc__arena_alloc(b->arena, (n + 1) * sizeof(*part->kids));
    cnc__str_clear(s);
    cnc__str_add(s, for_, strlen(for_) + 1);
    for (size_t i = 0; i < n; i++) {
        part->kids[i] = kids[i];
        cnc__str_add(s, &kids[i]->hash, sizeof(kids[i]->hash));
    }
    part->hash = cnc__rhash(s->data, s->len);
}

static void
end_in_place(struct cnc__rbuild *b, const char *for_, const char *at)
{
    struct cnc__rpart *part = &b->tree->parts[b->tree->n_parts];
    const struct cnc__rnode *kid = only_kid(b, at);
    keep(b, part, for_, &kid, kid != NULL);
    part->becomes = true;
    part->node = hidden(b, kid == NULL ? usual(b->part_in) : kid->tag);
    b->n_kids = b->part_from;
    b->part_in = 0;
    cnc__rbuild_kid(b, part->node);
    b->tree->n_parts++;
}

void
cnc__rbuild_part_end(struct cnc__rbuild *b, const char *for_, const char *at)
{
    close_implied(b);
    cnc__rbuild_flush_text(b);
    if (b->part_in != 0) {
        end_in_place(b, for_, at);
        return;
    }
    struct cnc__rpart *part = &b->tree->parts[b->tree->n_parts++];
    size_t from = b->stack[b->n_stack - 1].kids_from;
    keep(b, part, for_, b->kids + from, b->n_kids - from);
    b->n_kids = from;
    cnc__rbuild_close(b);
    part->node = b->kids[b->n_kids - 1];
}
