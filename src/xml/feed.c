/* SPDX-License-Identifier: MIT */
/*
 * feed.c -- a parser's life, and what is kept between two feeds.
 */
#include "parser.h"

/* -- life ----------------------------------------------------------------- */

static uint32_t
or_default(uint32_t value, uint32_t standard, uint32_t most)
{
    value = value == 0 ? standard : value;
    return value < most ? value : most;
}

void
cnc_parser_limit(struct cnc_parser *p, const struct cnc_xml_limits *limits)
{
    CNC_OBJ_CHECK(p, CNC__PARSER_MAGIC);
    struct cnc_xml_limits l = {0};
    if (limits != NULL) {
        memcpy(&l, limits,
               limits->size > 0 && limits->size < sizeof(l) ? limits->size
                                                            : sizeof(l));
    }
    l.size = sizeof(l);
    l.max_depth = or_default(l.max_depth, 128, 1u << 20);
    l.max_attrs = or_default(l.max_attrs, 64, CNC__ATTRS_CAP);
    l.max_token = or_default(l.max_token, 256u << 10, CNC_BUF_MAX);
    l.max_stanza = or_default(l.max_stanza, 1u << 20, CNC_BUF_MAX);
    l.max_children = or_default(l.max_children, 65536, 1u << 26);
    p->limits = l;
}

void
cnc_parser_alias(struct cnc_parser *p, const char *ns, const char *as)
{
    CNC_OBJ_CHECK(p, CNC__PARSER_MAGIC);
    p->alias = cnc__known_find(ns, strlen(ns));
    p->alias_as = cnc__known_find(as, strlen(as));
    CNC_CHECK(p->alias != 0 && p->alias_as != 0);
}

static void
start_over(struct cnc_parser *p)
{
    p->state = CNC__START;
    p->in_cdata = false;
    p->failed = false;
    p->marked = false;
    p->reset_asked = false;
    p->used = 0;
    p->column0 = 0;
    p->line = 1;
    cnc_element_unref(&p->root);
}

struct cnc_parser *
cnc_parser_new(enum cnc_parser_mode mode, unsigned flags,
               const struct cnc_xml_limits *limits,
               const struct cnc_parser_events *events, void *priv)
{
    CNC_CHECK(mode == CNC_PARSE_DOCUMENT || flags == 0);
    struct cnc_parser *p = cnc__zalloc(sizeof(*p));
    p->magic = CNC__PARSER_MAGIC;
    p->mode = (uint8_t)mode;
    p->flags = (uint8_t)flags;
    p->events = *events;
    p->priv = priv;
    cnc_parser_limit(p, limits);
    start_over(p);
    return p;
}

void
cnc_parser_free(struct cnc_parser **pp)
{
    struct cnc_parser *p = *pp;
    if (p == NULL) {
        return;
    }
    *pp = NULL;
    CNC_OBJ_CHECK(p, CNC__PARSER_MAGIC);
    CNC_CHECK(!p->feeding);
    cnc__scratch_put(p);
    cnc_element_unref(&p->root);
    CNC_OBJ_FREE(p);
}

void
cnc_parser_reset(struct cnc_parser *p)
{
    CNC_OBJ_CHECK(p, CNC__PARSER_MAGIC);
    if (p->feeding) {
        p->reset_asked = true;
        return;
    }
    cnc__scratch_put(p);
    start_over(p);
}

/* -- what is pending ------------------------------------------------------ */

static void
pend(struct cnc__scratch *s, const char *data, size_t len)
{
    if (s->pend_cap - s->pend_len < len) {
        size_t cap = s->pend_cap < 512 ? 512 : s->pend_cap;
        while (cap - s->pend_len < len) {
            cap *= 2;
        }
        s->pend = cnc__realloc(s->pend, cap, 1);
        s->pend_cap = cap;
    }
    memcpy(s->pend + s->pend_len, data, len);
    s->pend_len += len;
}

/* Has the end of the pending token come?  Looks at each byte once. */
static bool
pending_ended(struct cnc__scratch *s)
{
    const char *t = s->pend;
    size_t i = s->pend_scanned, n = s->pend_len;
    if (n < 2 || t[0] != '<') {
        return true; /* a few bytes at most */
    }
    if (t[1] == '?' || (n > 4 && memcmp(t, "<!--", 4) == 0)) {
        const char *close = t[1] == '?' ? "?>" : "-->";
        size_t len = strlen(close), first = t[1] == '?' ? 3 : 6;
        for (i = i < first ? first : i; i < n; i++) {
            if (t[i] == '>' && memcmp(t + i + 1 - len, close, len) == 0) {
                s->pend_scanned = i + 1;
                return true;
            }
        }
        s->pend_scanned = n;
        return n <= 6; /* "<?xml " and "<!--" may be refused already */
    }
    if (t[1] == '!') {
        return true;
    }
    for (; i < n; i++) {
        if (s->pend_quote != 0) {
            const char *q = memchr(t + i, s->pend_quote, n - i);
            if (q == NULL) {
                i = n;
                break;
            }
            i = (size_t)(q - t);
            s->pend_quote = 0;
        } else if (t[i] == '>') {
            return true;
        } else if (t[i] == '"' || t[i] == '\'') {
            s->pend_quote = t[i];
        }
    }
    s->pend_scanned = i;
    return false;
}

/* Parse what is pending and what came with it. */
static enum cnc__tok
run_pending(struct cnc_parser *p)
{
    struct cnc__scratch *s = p->s;
    size_t most = p->limits.max_token < p->limits.max_stanza
                      ? p->limits.max_token
                      : p->limits.max_stanza;
    if (s->pend_len <= most && !pending_ended(s)) {
        return CNC__TOK_OK;
    }
    const char *rest;
    enum cnc__tok tok =
        cnc__parser_run(p, s->pend, s->pend + s->pend_len, &rest);
    if (tok == CNC__TOK_FAIL) {
        return tok;
    }
    if (rest != s->pend) {
        s->pend_len -= (size_t)(rest - s->pend);
        memmove(s->pend, rest, s->pend_len);
        s->pend_scanned = 0;
        s->pend_quote = 0;
    }
    return CNC__TOK_OK;
}

static enum cnc__tok
feed(struct cnc_parser *p, const char *data, size_t len)
{
    enum cnc__tok tok = CNC__TOK_OK;
    if (p->s != NULL && p->s->pend_len > 0) {
        pend(p->s, data, len);
        tok = run_pending(p);
        if (p->pause_asked && tok != CNC__TOK_FAIL) {
            /* The stanza's end was in data: so is what follows it. */
            CNC_CHECK(p->s->pend_len <= len);
            p->left = p->s->pend_len;
            p->s->pend_len = 0;
        }
    } else if (len > 0) {
        const char *rest;
        tok = cnc__parser_run(p, data, data + len, &rest);
        size_t left = (size_t)(data + len - rest);
        if (tok != CNC__TOK_FAIL && p->pause_asked) {
            p->left = left;
        } else if (tok != CNC__TOK_FAIL && left > 0) {
            if (p->s == NULL) {
                cnc__scratch_get(p);
            }
            pend(p->s, rest, left);
        }
    }
    return tok;
}

static bool
idle(const struct cnc_parser *p)
{
    return p->s != NULL && p->s->pend_len == 0 && p->state != CNC__CONTENT;
}

int
cnc_parser_feed(struct cnc_parser *p, const char *data, size_t len,
                struct cnc_error *err)
{
    CNC_OBJ_CHECK(p, CNC__PARSER_MAGIC);
    CNC_CHECK(!p->feeding);
    struct cnc_error own;
    if (p->failed) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the parser failed and was not reset");
    }
    p->err = err == NULL ? &own : err;
    p->err->code = 0;
    p->feeding = true;
    p->pause_asked = false;
    p->left = 0;
    enum cnc__tok tok = feed(p, data, len);
    while (tok != CNC__TOK_FAIL && p->reset_asked) {
        /* A callback asked for a new stream: it starts with the rest. */
        struct cnc__scratch *s = p->s;
        start_over(p);
        tok = s->pend_len > 0 ? run_pending(p) : CNC__TOK_OK;
    }
    p->feeding = false;
    int rc = 0;
    if (tok == CNC__TOK_FAIL) {
        rc = p->err->code;
        p->failed = true;
    }
    p->err = NULL;
    if (p->failed || idle(p)) {
        cnc__scratch_put(p);
    }
    return rc;
}

void
cnc_parser_pause(struct cnc_parser *p)
{
    CNC_OBJ_CHECK(p, CNC__PARSER_MAGIC);
    CNC_CHECK(p->feeding && p->mode == CNC_PARSE_STREAM);
    p->pause_asked = true;
}

size_t
cnc_parser_left(const struct cnc_parser *p)
{
    CNC_OBJ_CHECK(p, CNC__PARSER_MAGIC);
    return p->left;
}

bool
cnc_parser_in_stanza(const struct cnc_parser *p)
{
    CNC_OBJ_CHECK(p, CNC__PARSER_MAGIC);
    return p->state == CNC__CONTENT || (p->s != NULL && p->s->pend_len > 0);
}

int
cnc_parser_end(struct cnc_parser *p, struct cnc_error *err)
{
    CNC_OBJ_CHECK(p, CNC__PARSER_MAGIC);
    CNC_CHECK(!p->feeding);
    struct cnc_error own;
    if (p->failed) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the parser failed and was not reset");
    }
    if (p->state == CNC__EPILOG && (p->s == NULL || p->s->pend_len == 0)) {
        return 0;
    }
    p->err = err == NULL ? &own : err;
    p->feeding = true;
    enum cnc__tok tok = CNC__TOK_MORE;
    const char *end = "";
    p->line_start = end;
    if (p->s != NULL && p->s->pend_len > 0) {
        /* The mistake may lie in the token itself. */
        tok =
            cnc__parser_run(p, p->s->pend, p->s->pend + p->s->pend_len, &end);
        p->line_start = end;
    }
    if (tok != CNC__TOK_FAIL) {
        CNC__MALFORMED(p, end, "the input ends too early");
    }
    p->feeding = false;
    p->failed = true;
    int rc = p->err->code;
    p->err = NULL;
    cnc__scratch_put(p);
    return rc;
}

static int
keep_root(struct cnc_element *e, void *priv)
{
    *(struct cnc_element **)priv = cnc_element_ref(e);
    return 0;
}

int
cnc_xml_parse(struct cnc_element **out, const char *data, size_t len,
              unsigned flags, const struct cnc_xml_limits *limits,
              struct cnc_error *err)
{
    static const struct cnc_parser_events events = {.on_stanza = keep_root};
    struct cnc_element *root = NULL;
    struct cnc_parser *p =
        cnc_parser_new(CNC_PARSE_DOCUMENT, flags, limits, &events, &root);
    int rc = cnc_parser_feed(p, data, len, err);
    if (rc == 0) {
        rc = cnc_parser_end(p, err);
    }
    cnc_parser_free(&p);
    if (rc < 0) {
        cnc_element_unref(&root);
        return rc;
    }
    *out = root;
    return 0;
}
