/* SPDX-License-Identifier: MIT */
#include "help.h"

struct cnc_element *
parse(const char *text, unsigned flags)
{
    struct cnc_error err;
    struct cnc_element *e = NULL;
    int rc = cnc_xml_parse(&e, text, strlen(text), flags, NULL, &err);
    if (rc != 0) {
        fail_msg("%u:%u %s", err.line, err.column, err.text);
    }
    return e;
}

struct cnc_element *
element(const char *ns, const char *name)
{
    struct cnc_element *e = NULL;
    assert_int_equal(cnc_element_new(&e, ns, name, NULL), 0);
    return e;
}

void
append(struct cnc_element *parent, struct cnc_element *child)
{
    assert_int_equal(cnc_element_insert(parent, cnc_element_n_children(parent),
                                        child, NULL),
                     0);
}

struct cnc_element *
append_new(struct cnc_element *parent, const char *ns, const char *name)
{
    struct cnc_element *e = element(ns, name), *borrowed = e;
    append(parent, e);
    cnc_element_unref(&e);
    return borrowed;
}

void
append_text(struct cnc_element *parent, const char *text)
{
    assert_int_equal(cnc_element_insert_text(parent,
                                             cnc_element_n_children(parent),
                                             text, strlen(text), NULL),
                     0);
}

void
assert_written(const struct cnc_element *e, const char *text)
{
    struct cnc_buf *buf = cnc_element_write(e, 0);
    assert_string_equal(cnc_buf_data(buf), text);
    cnc_buf_unref(&buf);
}

static int
tell(struct told *t, const char *what, const struct cnc_element *e)
{
    cnc__str_printf(&t->text, "%s(%u) ", what, cnc_element_line(e));
    cnc__xml_write(&t->text, e, "", 0);
    cnc__str_putc(&t->text, '\n');
    return 0;
}

static int
on_open(struct cnc_element *root, void *priv)
{
    return tell(priv, "open", root);
}

static int
on_stanza(struct cnc_element *e, void *priv)
{
    return tell(priv, "stanza", e);
}

static int
on_close(void *priv)
{
    struct told *t = priv;
    cnc__str_puts(&t->text, "close\n");
    return 0;
}

const struct cnc_parser_events telling = {
    .on_open = on_open, .on_stanza = on_stanza, .on_close = on_close};

void
told_fini(struct told *t)
{
    cnc__str_fini(&t->text);
}

void
feed(struct told *t, enum cnc_parser_mode mode, unsigned flags,
     const struct cnc_xml_limits *limits, const char *text, size_t len,
     size_t piece)
{
    struct cnc_parser *p = cnc_parser_new(mode, flags, limits, &telling, t);
    memset(t, 0, sizeof(*t));
    piece = piece == 0 ? len : piece;
    for (size_t at = 0; at < len && t->rc == 0; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        t->rc = cnc_parser_feed(p, text + at, n, &t->err);
    }
    if (t->rc == 0 && mode == CNC_PARSE_DOCUMENT) {
        t->rc = cnc_parser_end(p, &t->err);
    }
    cnc_parser_free(&p);
}
