/* SPDX-License-Identifier: MIT */
/* html.c -- the safe tree as text that the HTML parser reads back as it is. */
#include <stdio.h>

#include "build.h"
#include "proto.h"

struct level {
    const struct cnc__rnode *node;
    uint32_t next; /* child */
};

static void
escape(struct cnc__str *out, const char *s, size_t len, bool attr)
{
    const char *stop = attr ? "&<>\"" : "&<>";
    size_t from = 0;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '\0' || strchr(stop, s[i]) == NULL) {
            continue;
        }
        cnc__str_add(out, s + from, i - from);
        from = i + 1;
        switch (s[i]) {
        case '&':
            cnc__str_add(out, "&amp;", 5);
            break;
        case '<':
            cnc__str_add(out, "&lt;", 4);
            break;
        case '>':
            cnc__str_add(out, "&gt;", 4);
            break;
        default:
            cnc__str_add(out, "&quot;", 6);
            break;
        }
    }
    cnc__str_add(out, s + from, len - from);
}

/* Attributes, and the end of the start tag. */
static void
attrs(struct cnc__str *out, const struct cnc__rnode *n)
{
    for (size_t i = 0; i < n->n_attrs; i++) {
        const struct cnc__rattr *a = &n->attrs[i];
        cnc__str_putc(out, ' ');
        cnc__str_puts(out, a->name);
        cnc__str_add(out, "=\"", 2);
        escape(out, a->value, a->len, true);
        cnc__str_putc(out, '"');
    }
    cnc__str_putc(out, '>');
    /* The parser drops one line end right after these tags. */
    if ((n->tag == CNC__TAG_PRE || n->tag == CNC__TAG_TEXTAREA) &&
        n->n_kids > 0 && n->kids[0]->text && n->kids[0]->data[0] == '\n') {
        cnc__str_putc(out, '\n');
    }
}

static void
start_tag(struct cnc__str *out, const struct cnc__rnode *n)
{
    cnc__str_putc(out, '<');
    cnc__str_puts(out, cnc__allow_tag_name(n->tag));
    attrs(out, n);
}

static void
end_tag(struct cnc__str *out, const struct cnc__rnode *n,
        const char *head_html)
{
    if (cnc__rbuild_void(n->tag)) {
        return;
    }
    if (n->tag == CNC__TAG_HEAD && head_html != NULL) {
        cnc__str_puts(out, head_html);
    }
    cnc__str_add(out, "</", 2);
    cnc__str_puts(out, cnc__allow_tag_name(n->tag));
    cnc__str_putc(out, '>');
}

struct writing {
    struct cnc__str *out;
    const char *head_html;
    const struct cnc__rpart *part, *end; /* the next one, or NULL */
    struct cnc__str *parts;
};

static void write_part(struct writing *w);

static void
write_element(struct writing *w, const struct cnc__rnode *top)
{
    struct level stack[CNC__RBUILD_MAX_DEPTH + 8];
    size_t n = 0;
    start_tag(w->out, top);
    stack[n++] = (struct level){top, 0};
    while (n > 0) {
        struct level *l = &stack[n - 1];
        if (l->next == l->node->n_kids) {
            end_tag(w->out, l->node, w->head_html);
            n--;
            continue;
        }
        const struct cnc__rnode *kid = l->node->kids[l->next++];
        if (kid->text) {
            escape(w->out, kid->data, kid->n_kids, false);
            continue;
        }
        start_tag(w->out, kid);
        if (w->part != w->end && kid == w->part->node) {
            write_part(w);
        }
        CNC_CHECK(n < CNC_N(stack));
        stack[n++] = (struct level){kid, 0};
    }
}

/* Of the page's bytes a part takes the place of: none, or how the hidden
 * element's start tag ends after its mark. */
static size_t
cut_of(const struct cnc__rpart *part)
{
    size_t cut = 1; /* '>' */
    if (!part->becomes || part->n_kids == 0) {
        return 0;
    }
    for (size_t i = 1; i < part->node->n_attrs; i++) {
        const struct cnc__rattr *a = &part->node->attrs[i];
        cut += strlen(a->name) + a->len + 4;
    }
    return cut;
}

static void
write_kids(struct cnc__str *out, const struct cnc__rnode *const *kids,
           size_t n)
{
    struct writing inner = {.out = out};
    for (size_t i = 0; i < n; i++) {
        if (kids[i]->text) {
            escape(out, kids[i]->data, kids[i]->n_kids, false);
        } else {
            write_element(&inner, kids[i]);
        }
    }
}

/* Its place, right after the start tag or its mark; how much it takes the
 * place of; for whom; what belongs there. */
static void
write_part(struct writing *w)
{
    const struct cnc__rpart *part = w->part++;
    struct cnc__str html = CNC__STR;
    char at[24], cut[24];
    size_t n = cut_of(part);
    if (n > 0) {
        const struct cnc__rnode *kid = part->kids[0];
        attrs(&html, kid);
        write_kids(&html, kid->kids, kid->n_kids);
    } else {
        write_kids(&html, part->kids, part->n_kids);
    }
    snprintf(at, sizeof(at), "%zu", w->out->len - n);
    snprintf(cut, sizeof(cut), "%zu", n);
    cnc__render_pack(w->parts, at, strlen(at));
    cnc__render_pack(w->parts, cut, strlen(cut));
    cnc__render_pack(w->parts, part->for_, strlen(part->for_));
    cnc__render_pack(w->parts, cnc__str_c(&html), html.len);
    cnc__str_fini(&html);
}

void
cnc__rtree_html(const struct cnc__rtree *t, const char *head_html,
                struct cnc__str *out, struct cnc__str *parts)
{
    struct writing w = {.out = out, .head_html = head_html, .parts = parts};
    if (parts != NULL) {
        w.part = t->parts;
        w.end = t->parts + t->n_parts;
    }
    cnc__str_reserve(out, t->bytes + 256);
    cnc__str_puts(out, "<!DOCTYPE html>\n");
    write_element(&w, t->root);
}
