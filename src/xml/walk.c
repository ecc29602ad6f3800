/* SPDX-License-Identifier: MIT */
/*
 * walk.c -- a tree in document order, without recursion.
 */
#include "tree.h"

void
cnc__walk_init(struct cnc__walk *w, const struct cnc_element *root)
{
    w->root = root;
    w->frames = w->first;
    w->n = 0;
    w->cap = CNC_N(w->first);
}

static void
push(struct cnc__walk *w, const struct cnc_element *e)
{
    if (w->n == w->cap) {
        struct cnc__frame *before = w->frames;
        w->cap *= 2;
        w->frames = cnc__realloc(before == w->first ? NULL : before, w->cap,
                                 sizeof(*before));
        if (before == w->first) {
            memcpy(w->frames, w->first, sizeof(w->first));
        }
    }
    w->frames[w->n++] = (struct cnc__frame){.e = e};
}

enum cnc__step
cnc__walk_next(struct cnc__walk *w)
{
    if (w->root != NULL) {
        w->e = w->root;
        w->root = NULL;
        push(w, w->e);
        return CNC__ENTER;
    }
    if (w->n == 0) {
        return CNC__DONE;
    }
    struct cnc__frame *f = &w->frames[w->n - 1];
    if (f->i == cnc_element_n_children(f->e)) {
        w->e = f->e;
        w->n--;
        return CNC__LEAVE;
    }
    struct cnc_child c = cnc_element_child_at(f->e, f->i++);
    if (c.kind == CNC_TEXT) {
        w->text = c.text;
        w->len = c.len;
        return CNC__TEXT;
    }
    w->e = c.element;
    push(w, c.element);
    return CNC__ENTER;
}

void
cnc__walk_fini(struct cnc__walk *w)
{
    if (w->frames != w->first) {
        cnc__free(w->frames);
    }
}
