/* SPDX-License-Identifier: MIT */
/*
 * nest.c -- what the HTML parser would not leave as it is written (HTML
 * standard, 13.2.6 "tree construction"), and what we do instead:
 *
 *   block in an open p             the p becomes a div
 *   tr, td, col in table; td in    the missing tbody, tr, colgroup are
 *     tbody                          inserted
 *   other content in table, tr     a cell (and row, body) is put around it
 *   li in li, dd in dt, without    the inner one becomes a div
 *     a list between them
 *   a in a, form in form, button   the inner one is replaced with its
 *     in button, h2 in h1, td        children
 *     outside tr, rt outside ruby
 *   anything but text in option,   likewise
 *     title, textarea
 */
#include "build.h"

enum {
    VOID = 1,       /* has no children and no end tag */
    BLOCK = 2,      /* its start tag closes an open p */
    HEADING = 4,    /* its start tag closes a heading around it */
    SPECIAL = 8,    /* ends the search for an open li, dd or dt */
    P_BARRIER = 16, /* ends the search for an open p ("button scope") */
    TABLE_PART = 32,
    TEXT_ONLY = 64
};

static const uint8_t props[CNC__TAG_N] = {
    [CNC__TAG_HTML] = SPECIAL | P_BARRIER,
    [CNC__TAG_BODY] = SPECIAL,
    [CNC__TAG_TITLE] = SPECIAL | TEXT_ONLY,
    [CNC__TAG_LINK] = VOID | SPECIAL,
    [CNC__TAG_META] = VOID | SPECIAL,
    [CNC__TAG_ADDRESS] = BLOCK, /* special, but for li, dd and dt */
    [CNC__TAG_ARTICLE] = BLOCK | SPECIAL,
    [CNC__TAG_ASIDE] = BLOCK | SPECIAL,
    [CNC__TAG_FOOTER] = BLOCK | SPECIAL,
    [CNC__TAG_HEADER] = BLOCK | SPECIAL,
    [CNC__TAG_H1] = BLOCK | SPECIAL | HEADING,
    [CNC__TAG_H2] = BLOCK | SPECIAL | HEADING,
    [CNC__TAG_H3] = BLOCK | SPECIAL | HEADING,
    [CNC__TAG_H4] = BLOCK | SPECIAL | HEADING,
    [CNC__TAG_H5] = BLOCK | SPECIAL | HEADING,
    [CNC__TAG_H6] = BLOCK | SPECIAL | HEADING,
    [CNC__TAG_HGROUP] = BLOCK | SPECIAL,
    [CNC__TAG_MAIN] = BLOCK | SPECIAL,
    [CNC__TAG_NAV] = BLOCK | SPECIAL,
    [CNC__TAG_SECTION] = BLOCK | SPECIAL,
    [CNC__TAG_SEARCH] = BLOCK, /* special in new parsers alone */
    [CNC__TAG_BLOCKQUOTE] = BLOCK | SPECIAL,
    [CNC__TAG_DD] = BLOCK | SPECIAL,
    [CNC__TAG_DIV] = BLOCK, /* as address */
    [CNC__TAG_DL] = BLOCK | SPECIAL,
    [CNC__TAG_DT] = BLOCK | SPECIAL,
    [CNC__TAG_FIGCAPTION] = BLOCK | SPECIAL,
    [CNC__TAG_FIGURE] = BLOCK | SPECIAL,
    [CNC__TAG_HR] = VOID | BLOCK | SPECIAL,
    [CNC__TAG_LI] = BLOCK | SPECIAL,
    [CNC__TAG_MENU] = BLOCK | SPECIAL,
    [CNC__TAG_OL] = BLOCK | SPECIAL,
    [CNC__TAG_P] = BLOCK, /* as address */
    [CNC__TAG_PRE] = BLOCK | SPECIAL,
    [CNC__TAG_UL] = BLOCK | SPECIAL,
    [CNC__TAG_BR] = VOID | SPECIAL,
    [CNC__TAG_WBR] = VOID | SPECIAL,
    [CNC__TAG_IMG] = VOID | SPECIAL,
    [CNC__TAG_SOURCE] = VOID | SPECIAL,
    [CNC__TAG_TRACK] = VOID | SPECIAL,
    [CNC__TAG_INPUT] = VOID | SPECIAL,
    [CNC__TAG_CAPTION] = SPECIAL | P_BARRIER | TABLE_PART,
    [CNC__TAG_COL] = VOID | SPECIAL | TABLE_PART,
    [CNC__TAG_COLGROUP] = SPECIAL | TABLE_PART,
    [CNC__TAG_TABLE] = BLOCK | SPECIAL | P_BARRIER,
    [CNC__TAG_TBODY] = SPECIAL | TABLE_PART,
    [CNC__TAG_TD] = SPECIAL | P_BARRIER | TABLE_PART,
    [CNC__TAG_TFOOT] = SPECIAL | TABLE_PART,
    [CNC__TAG_TH] = SPECIAL | P_BARRIER | TABLE_PART,
    [CNC__TAG_THEAD] = SPECIAL | TABLE_PART,
    [CNC__TAG_TR] = SPECIAL | TABLE_PART,
    [CNC__TAG_BUTTON] = SPECIAL | P_BARRIER,
    [CNC__TAG_FIELDSET] = BLOCK | SPECIAL,
    [CNC__TAG_FORM] = BLOCK | SPECIAL,
    [CNC__TAG_OPTION] = TEXT_ONLY,
    [CNC__TAG_SELECT] = SPECIAL,
    [CNC__TAG_TEXTAREA] = SPECIAL | TEXT_ONLY,
    [CNC__TAG_DETAILS] = BLOCK | SPECIAL,
    [CNC__TAG_SUMMARY] = BLOCK | SPECIAL,
    [CNC__TAG_DIALOG] = BLOCK,
};

bool
cnc__rbuild_void(int tag)
{
    return (props[tag] & VOID) != 0;
}

static int
top(const struct cnc__rbuild *b)
{
    return b->stack[b->n_stack - 1].tag;
}

static bool
is_cell(int tag)
{
    return tag == CNC__TAG_TD || tag == CNC__TAG_TH;
}

static bool
is_section(int tag)
{
    return tag == CNC__TAG_TBODY || tag == CNC__TAG_THEAD ||
           tag == CNC__TAG_TFOOT;
}

static bool
is_content(int tag) /* of a cell */
{
    return tag == CNC__TAG_N || (props[tag] & TABLE_PART) == 0;
}

bool
cnc__rbuild_blank_dropped(const struct cnc__rbuild *b)
{
    int t = top(b);
    return t == CNC__TAG_TABLE || t == CNC__TAG_TR || is_section(t) ||
           t == CNC__TAG_COLGROUP || t == CNC__TAG_SELECT ||
           t == CNC__TAG_OPTGROUP;
}

/* May tag stand in the element we implied, or must that be closed first? */
static bool
fits_implied(int implied, int tag)
{
    switch (implied) {
    case CNC__TAG_COLGROUP:
        return tag == CNC__TAG_COL;
    case CNC__TAG_TBODY:
        return tag == CNC__TAG_TR || is_cell(tag) || is_content(tag);
    case CNC__TAG_TR:
        return is_cell(tag) || is_content(tag);
    default: /* td */
        return is_content(tag);
    }
}

/* Make the place for tag inside a table.  False: there is none. */
static bool
nest_in_table(struct cnc__rbuild *b, int tag)
{
    while (b->stack[b->n_stack - 1].implied && !fits_implied(top(b), tag)) {
        cnc__rbuild_pop(b);
    }
    int t = top(b);
    if (t == CNC__TAG_TABLE) {
        if (tag == CNC__TAG_CAPTION || tag == CNC__TAG_COLGROUP ||
            (tag < CNC__TAG_N && is_section(tag))) {
            return true;
        }
        if (tag == CNC__TAG_COL) {
            cnc__rbuild_push(b, CNC__TAG_COLGROUP, true);
            return true;
        }
        cnc__rbuild_push(b, CNC__TAG_TBODY, true);
        t = CNC__TAG_TBODY;
    }
    if (is_section(t)) {
        if (tag == CNC__TAG_TR) {
            return true;
        }
        if (!is_cell(tag) && !is_content(tag)) {
            return false;
        }
        cnc__rbuild_push(b, CNC__TAG_TR, true);
        t = CNC__TAG_TR;
    }
    if (t == CNC__TAG_TR) {
        if (is_cell(tag)) {
            return true;
        }
        if (!is_content(tag)) {
            return false;
        }
        cnc__rbuild_push(b, CNC__TAG_TD, true);
        return true;
    }
    if (t == CNC__TAG_COLGROUP) {
        return tag == CNC__TAG_COL;
    }
    return is_content(tag);
}

static bool
inside(const struct cnc__rbuild *b, int tag)
{
    for (size_t i = b->n_stack; i-- > 0;) {
        if (b->stack[i].tag == tag) {
            return true;
        }
    }
    return false;
}

/* Would a start tag of tag close one that is open?  dd and dt are one. */
static bool
closes_item(const struct cnc__rbuild *b, int tag)
{
    for (size_t i = b->n_stack; i-- > 0;) {
        int t = b->stack[i].tag;
        if (tag == CNC__TAG_LI ? t == CNC__TAG_LI
                               : t == CNC__TAG_DD || t == CNC__TAG_DT) {
            return true;
        }
        /* search and dialog: special in some parsers; not to be sure. */
        if ((props[t] & SPECIAL) != 0) {
            return false;
        }
    }
    return false;
}

static struct cnc__rbuild_entry *
open_p(const struct cnc__rbuild *b)
{
    for (size_t i = b->n_stack; i-- > 0;) {
        if (b->stack[i].tag == CNC__TAG_P) {
            return &b->stack[i];
        }
        if ((props[b->stack[i].tag] & P_BARRIER) != 0) {
            return NULL;
        }
    }
    return NULL;
}

static bool
in_select(int t, int tag)
{
    if (t == CNC__TAG_SELECT) {
        return tag == CNC__TAG_OPTION || tag == CNC__TAG_OPTGROUP;
    }
    return tag == CNC__TAG_OPTION; /* t is an optgroup */
}

static bool
nest_element(struct cnc__rbuild *b, int *tag)
{
    int t = top(b);
    switch (*tag) {
    case CNC__TAG_A:
    case CNC__TAG_BUTTON:
    case CNC__TAG_FORM:
        if (inside(b, *tag)) {
            return false;
        }
        break;
    case CNC__TAG_RP:
    case CNC__TAG_RT:
        if (t != CNC__TAG_RUBY) {
            return false;
        }
        break;
    case CNC__TAG_OPTION:
        return t == CNC__TAG_SELECT || t == CNC__TAG_OPTGROUP ||
               t == CNC__TAG_DATALIST;
    case CNC__TAG_OPTGROUP:
        return t == CNC__TAG_SELECT;
    case CNC__TAG_LI:
    case CNC__TAG_DD:
    case CNC__TAG_DT:
        if (closes_item(b, *tag)) {
            *tag = CNC__TAG_DIV;
        }
        break;
    default:
        break;
    }
    if ((props[*tag] & HEADING) != 0 && (props[t] & HEADING) != 0) {
        return false;
    }
    if ((props[*tag] & BLOCK) != 0) {
        /* A fragment does not reach here for a p outside it: such a place
         * is none for fragments. */
        struct cnc__rbuild_entry *p = open_p(b);
        if (p != NULL) {
            p->tag = CNC__TAG_DIV;
        }
    }
    return true;
}

enum cnc__rbuild_open
cnc__rbuild_nest(struct cnc__rbuild *b, int *tag)
{
    if (!nest_in_table(b, *tag)) {
        return *tag == CNC__TAG_N ? CNC__RBUILD_SKIP : CNC__RBUILD_UNWRAP;
    }
    int t = top(b);
    if (t == CNC__TAG_SELECT || t == CNC__TAG_OPTGROUP) {
        if (*tag == CNC__TAG_N) {
            return CNC__RBUILD_SKIP;
        }
        return in_select(t, *tag) ? CNC__RBUILD_PUSH : CNC__RBUILD_UNWRAP;
    }
    if (*tag == CNC__TAG_N) {
        return CNC__RBUILD_PUSH;
    }
    if ((props[t] & TEXT_ONLY) != 0) {
        return CNC__RBUILD_UNWRAP;
    }
    return nest_element(b, tag) ? CNC__RBUILD_PUSH : CNC__RBUILD_UNWRAP;
}

uint64_t
cnc__rbuild_place(const struct cnc__rbuild *b)
{
    int t = top(b);
    if (b->level < CNC__LEVEL_BODY && b->n_stack == 1) {
        return 0; /* may yet turn out to be head or body */
    }
    if ((props[t] & TEXT_ONLY) != 0 || t == CNC__TAG_TR ||
        t == CNC__TAG_COLGROUP || t == CNC__TAG_SELECT ||
        t == CNC__TAG_OPTGROUP || open_p(b) != NULL) {
        return 0;
    }
    uint64_t place = 1;
    place = place << 8 | (uint64_t)t;
    place = place << 16 | b->n_stack;
    place = place << 1 | b->stack[b->n_stack - 1].implied;
    place = place << 1 | inside(b, CNC__TAG_A);
    place = place << 1 | inside(b, CNC__TAG_BUTTON);
    place = place << 1 | inside(b, CNC__TAG_FORM);
    place = place << 1 | closes_item(b, CNC__TAG_LI);
    place = place << 1 | closes_item(b, CNC__TAG_DD);
    return place;
}
