/* SPDX-License-Identifier: MIT */
/*
 * patch.c -- the operations of a patch as XML.
 */
#include "patch.h"
#include "engine.h"

#define NS_XHTML "http://www.w3.org/1999/xhtml"

static void
escape(struct cnc__str *out, const char *s, size_t len)
{
    size_t from = 0;
    for (size_t i = 0; i < len; i++) {
        const char *to;
        switch (s[i]) {
        case '&':
            to = "&amp;";
            break;
        case '<':
            to = "&lt;";
            break;
        case '>':
            to = "&gt;";
            break;
        case '"':
            to = "&quot;";
            break;
        case '\t': /* an XML parser makes blanks of these in attributes */
            to = "&#9;";
            break;
        case '\n':
            to = "&#10;";
            break;
        default:
            continue;
        }
        cnc__str_add(out, s + from, i - from);
        cnc__str_puts(out, to);
        from = i + 1;
    }
    cnc__str_add(out, s + from, len - from);
}

void
cnc__patch_begin(struct cnc__patch *p, struct cnc__str *out, size_t max)
{
    *p = (struct cnc__patch){.out = out, .from = out->len, .max = max};
    cnc__str_puts(out, "<patch xmlns=\"" CNC__NS_VIEW "\">");
}

static void
cut(struct cnc__patch *p) /* what was written */
{
    p->out->len = p->from;
    p->out->data[p->from] = '\0';
}

void
cnc__patch_resync(struct cnc__str *out)
{
    cnc__str_puts(out, "<patch xmlns=\"" CNC__NS_VIEW "\"><resync/></patch>");
}

void
cnc__patch_done(struct cnc__patch *p)
{
    if (p->too_big) {
        cut(p);
        cnc__patch_resync(p->out);
        return;
    }
    if (!p->some) {
        cut(p);
        return;
    }
    cnc__str_puts(p->out, "</patch>");
}

static void
check_size(struct cnc__patch *p)
{
    static const char end[] = "</patch>";
    if (p->out->len - p->from + sizeof(end) - 1 > p->max) {
        p->too_big = true;
    }
}

bool
cnc__patch_op(struct cnc__patch *p, const char *op, const char *at,
              const uint32_t *path, size_t n)
{
    if (p->too_big) {
        return false;
    }
    p->some = true;
    cnc__str_putc(p->out, '<');
    cnc__str_puts(p->out, op);
    if (at != NULL) {
        cnc__patch_attr(p, "at", at, strlen(at));
    }
    for (size_t i = 0; i < n; i++) {
        cnc__str_printf(p->out, "%s%u", i == 0 ? " path=\"" : "/", path[i]);
    }
    if (n > 0) {
        cnc__str_putc(p->out, '"');
    }
    return true;
}

void
cnc__patch_index(struct cnc__patch *p, const char *name, uint32_t i)
{
    cnc__str_printf(p->out, " %s=\"%u\"", name, i);
}

void
cnc__patch_attr(struct cnc__patch *p, const char *name, const char *value,
                size_t len)
{
    cnc__str_putc(p->out, ' ');
    cnc__str_puts(p->out, name);
    cnc__str_puts(p->out, "=\"");
    escape(p->out, value, len);
    cnc__str_putc(p->out, '"');
}

void
cnc__patch_end_empty(struct cnc__patch *p)
{
    cnc__str_puts(p->out, "/>");
    check_size(p);
}

static void
close_tag(struct cnc__str *out, const char *name)
{
    cnc__str_puts(out, "</");
    cnc__str_puts(out, name);
    cnc__str_putc(out, '>');
}

void
cnc__patch_end_text(struct cnc__patch *p, const char *op, const char *data,
                    size_t len)
{
    cnc__str_putc(p->out, '>');
    escape(p->out, data, len);
    close_tag(p->out, op);
    check_size(p);
}

static void
open_node(struct cnc__patch *p, const struct cnc__rnode *n, bool top)
{
    cnc__str_putc(p->out, '<');
    cnc__str_puts(p->out, cnc__allow_tag_name(n->tag));
    if (top) {
        cnc__str_puts(p->out, " xmlns=\"" NS_XHTML "\"");
    }
    for (size_t i = 0; i < n->n_attrs; i++) {
        const struct cnc__rattr *a = &n->attrs[i];
        /* What belongs into it comes with the page alone. */
        p->too_big = p->too_big || strcmp(a->name, CNC__PART_ATTR) == 0;
        cnc__patch_attr(p, a->name, a->value, a->len);
    }
    cnc__str_puts(p->out, n->n_kids == 0 ? "/>" : ">");
}

struct level {
    const struct cnc__rnode *node;
    uint32_t next;
};

static void
write_node(struct cnc__patch *p, const struct cnc__rnode *top)
{
    struct level stack[CNC__RBUILD_MAX_DEPTH + 8];
    size_t n = 0;
    if (top->text) {
        escape(p->out, top->data, top->n_kids);
        return;
    }
    open_node(p, top, true);
    stack[n++] = (struct level){top, 0};
    while (n > 0 && !p->too_big) {
        struct level *l = &stack[n - 1];
        if (l->next == l->node->n_kids) {
            if (l->node->n_kids > 0) {
                close_tag(p->out, cnc__allow_tag_name(l->node->tag));
            }
            n--;
            continue;
        }
        const struct cnc__rnode *kid = l->node->kids[l->next++];
        if (kid->text) {
            escape(p->out, kid->data, kid->n_kids);
        } else {
            open_node(p, kid, false);
            CNC_CHECK(n < CNC_N(stack));
            stack[n++] = (struct level){kid, 0};
        }
        check_size(p);
    }
}

void
cnc__patch_end_nodes(struct cnc__patch *p, const char *op,
                     const struct cnc__rnode *const *nodes, size_t n)
{
    cnc__str_putc(p->out, '>');
    for (size_t i = 0; i < n && !p->too_big; i++) {
        write_node(p, nodes[i]);
    }
    close_tag(p->out, op);
    check_size(p);
}
