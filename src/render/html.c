/* SPDX-License-Identifier: MIT */
/* html.c -- the safe tree as text that the HTML parser reads back as it is. */
#include "build.h"

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

static void
start_tag(struct cnc__str *out, const struct cnc__rnode *n)
{
    cnc__str_putc(out, '<');
    cnc__str_puts(out, cnc__allow_tag_name(n->tag));
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

void
cnc__rtree_html(const struct cnc__rtree *t, const char *head_html,
                struct cnc__str *out)
{
    struct level stack[CNC__RBUILD_MAX_DEPTH + 8];
    size_t n = 0;
    cnc__str_reserve(out, t->bytes + 256);
    cnc__str_puts(out, "<!DOCTYPE html>\n");
    start_tag(out, t->root);
    stack[n++] = (struct level){t->root, 0};
    while (n > 0) {
        struct level *l = &stack[n - 1];
        if (l->next == l->node->n_kids) {
            end_tag(out, l->node, head_html);
            n--;
            continue;
        }
        const struct cnc__rnode *kid = l->node->kids[l->next++];
        if (kid->text) {
            escape(out, kid->data, kid->n_kids, false);
            continue;
        }
        start_tag(out, kid);
        CNC_CHECK(n < CNC_N(stack));
        stack[n++] = (struct level){kid, 0};
    }
}
