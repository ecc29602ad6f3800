/* SPDX-License-Identifier: MIT */
/*
 * xpath.c -- does an XPath expression look at the context node, its
 * attributes and what is below it, and at nothing else?
 *
 * No parser: the tokens tell, since only a few of them lead out.  The lexical
 * rules are those of XPath 1.0, 3.7: a '*' or a name after an operand is an
 * operator.  Syntax errors are found by libxslt.
 */
#include "pure.h"

struct scan {
    const char *s;
    bool operand;      /* the token before was the end of an operand */
    unsigned brackets; /* open predicates */
    const xmlNode *at;
    bool local;
    cnc__variable_f *variable;
    void *priv;
};

static const char *const functions[] = {"boolean",
                                        "ceiling",
                                        "concat",
                                        "contains",
                                        "count",
                                        "current",
                                        "false",
                                        "floor",
                                        "format-number",
                                        "local-name",
                                        "name",
                                        "namespace-uri",
                                        "normalize-space",
                                        "not",
                                        "number",
                                        "round",
                                        "starts-with",
                                        "string",
                                        "string-length",
                                        "substring",
                                        "substring-after",
                                        "substring-before",
                                        "sum",
                                        "translate",
                                        "true"};
static const char *const node_types[] = {"comment", "node",
                                         "processing-instruction", "text"};
static const char *const axes[] = {"attribute", "child", "descendant",
                                   "descendant-or-self", "self"};

static bool
is_one_of(const char *const *list, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i], s) == 0) {
            return true;
        }
    }
    return false;
}

static bool
name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80 ||
           (!first && ((c >= '0' && c <= '9') || c == '-' || c == '.'));
}

static void
skip_blank(struct scan *x)
{
    x->s += strspn(x->s, " \t\r\n");
}

/* An NCName into buf; false when it is none or longer than we care for. */
static bool
take_name(struct scan *x, char buf[80])
{
    size_t n = 0;
    if (!name_char(*x->s, true)) {
        return false;
    }
    while (name_char(*x->s, false)) {
        if (n == 79) {
            return false;
        }
        buf[n++] = *x->s++;
    }
    buf[n] = '\0';
    return true;
}

static bool
exslt_pure(struct scan *x, const char *prefix, const char *name)
{
    static const char base[] = "http://exslt.org/";
    const xmlNs *ns =
        xmlSearchNs(x->at->doc, (xmlNodePtr)x->at, (const xmlChar *)prefix);
    const char *uri = ns == NULL ? NULL : (const char *)ns->href;
    if (uri == NULL || strncmp(uri, base, sizeof(base) - 1) != 0) {
        return false;
    }
    uri += sizeof(base) - 1;
    if (strcmp(uri, "dates-and-times") == 0) {
        const char *p = x->s + strspn(x->s, " \t\r\n");
        return *p == '(' && p[1 + strspn(p + 1, " \t\r\n")] != ')';
    }
    return strcmp(uri, "strings") == 0 || strcmp(uri, "sets") == 0 ||
           strcmp(uri, "common") == 0 ||
           (strcmp(uri, "math") == 0 && strcmp(name, "random") != 0);
}

static bool
function_pure(struct scan *x, const char *prefix, const char *name)
{
    if (prefix != NULL) {
        return exslt_pure(x, prefix, name);
    }
    if (strcmp(name, "position") == 0 || strcmp(name, "last") == 0) {
        return x->local || x->brackets > 0;
    }
    return is_one_of(functions, CNC_N(functions), name) ||
           is_one_of(node_types, CNC_N(node_types), name);
}

/* A name where an operand may start: axis, function or name test. */
static bool
take_step(struct scan *x)
{
    char first[80], second[80];
    const char *prefix = NULL, *name = first;
    if (!take_name(x, first)) {
        return false;
    }
    skip_blank(x);
    if (x->s[0] == ':' && x->s[1] == ':') {
        x->s += 2;
        x->operand = false;
        return is_one_of(axes, CNC_N(axes), first);
    }
    if (x->s[0] == ':') {
        x->s++;
        skip_blank(x);
        if (*x->s == '*') {
            x->s++;
            x->operand = true;
            return true;
        }
        if (!take_name(x, second)) {
            return false;
        }
        prefix = first;
        name = second;
    }
    skip_blank(x);
    x->operand = true;
    return *x->s != '(' || function_pure(x, prefix, name);
}

static bool
take_variable(struct scan *x)
{
    char name[80];
    x->s++;
    skip_blank(x);
    if (!take_name(x, name) || *x->s == ':') {
        return false; /* one with a prefix: we do not look it up */
    }
    x->operand = true;
    return x->variable(name, x->at, x->priv);
}

static bool
take_literal(struct scan *x)
{
    const char *end = strchr(x->s + 1, *x->s);
    if (end == NULL) {
        return false;
    }
    x->s = end + 1;
    x->operand = true;
    return true;
}

static bool
take_dot(struct scan *x)
{
    if (x->s[1] == '.') {
        return false; /* the parent */
    }
    x->s++;
    x->s += strspn(x->s, "0123456789");
    x->operand = true;
    return true;
}

static bool
take_symbol(struct scan *x)
{
    char c = *x->s++;
    switch (c) {
    case '/':
        if (!x->operand) {
            return false; /* from the document's root */
        }
        x->s += *x->s == '/';
        x->operand = false;
        return true;
    case '*':
        x->operand = !x->operand;
        return true;
    case '[':
        x->brackets++;
        x->operand = false;
        return true;
    case ']':
        x->brackets -= x->brackets > 0;
        x->operand = true;
        return true;
    case ')':
        x->operand = true;
        return true;
    default:
        x->operand = false;
        return strchr("(@,|+-=!<>", c) != NULL;
    }
}

bool
cnc__xpath_pure(const char *expr, const xmlNode *at, bool local,
                cnc__variable_f *variable, void *priv)
{
    struct scan x = {expr, false, 0, at, local, variable, priv};
    for (skip_blank(&x); *x.s != '\0'; skip_blank(&x)) {
        char c = *x.s;
        bool pure;
        if (c == '"' || c == '\'') {
            pure = take_literal(&x);
        } else if (c >= '0' && c <= '9') {
            x.s += strspn(x.s, "0123456789.");
            x.operand = true;
            pure = true;
        } else if (c == '.') {
            pure = take_dot(&x);
        } else if (c == '$') {
            pure = take_variable(&x);
        } else if (name_char(c, true) && x.operand) {
            char word[80]; /* and, or, div, mod */
            pure = take_name(&x, word);
            x.operand = false;
        } else if (name_char(c, true)) {
            pure = take_step(&x);
        } else {
            pure = take_symbol(&x);
        }
        if (!pure) {
            return false;
        }
    }
    return true;
}
