/* SPDX-License-Identifier: MIT */
/*
 * concordance-render -- the process in which templates are run.
 *
 *   concordance-render [MEMORY_MB [SECONDS]] 3<>socket
 *
 * Reads calls (proto.h) from descriptor 3 and answers them there, in order.
 * It ends when the other end closes, when a call breaks the protocol, when a
 * call takes more than SECONDS of CPU time [10], and when MEMORY_MB [1024] are
 * not enough.  The service starts it again and sends the pages anew.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "../base/table.h"
#include "../base/text.h"
#include "engine.h"
#include "proto.h"
#include "sandbox.h"

#define FD        3
#define MAX_PAGES 2048
#define KEEP_ROOM ((size_t)1 << 20)

struct page {
    struct cnc__page_doc *doc;
    uint64_t used; /* the call that used it last */
};

struct server {
    struct cnc__table *pages;
    uint64_t n_calls;
    unsigned seconds;
    struct cnc__str in, out;
    struct cnc__str text, more;          /* of a reply */
    char *names[CNC__RENDER_MAX_FIELDS]; /* fields with a NUL, for one call */
};

static void
free_page(void *value)
{
    struct page *p = value;
    cnc__page_doc_free(&p->doc);
    cnc__free(p);
}

/* -- fields -------------------------------------------------------------- */

/* Field i as a string; NULL when there is none. */
static const char *
name(struct server *s, const struct cnc__render_message *m, size_t i)
{
    if (i >= m->n_fields) {
        return NULL;
    }
    if (s->names[i] == NULL) {
        s->names[i] = cnc__strndup(m->fields[i].data, m->fields[i].len);
    }
    return s->names[i];
}

static void
forget_names(struct server *s)
{
    for (size_t i = 0; i < CNC_N(s->names); i++) {
        cnc__free(s->names[i]);
        s->names[i] = NULL;
    }
}

/* -- pages --------------------------------------------------------------- */

static void
drop_oldest(struct server *s)
{
    const char *oldest = NULL;
    uint64_t used = UINT64_MAX;
    for (struct cnc__table_iter i = {0}; cnc__table_next(s->pages, &i);) {
        const struct page *p = i.value;
        if (p->used < used) {
            used = p->used;
            oldest = i.key;
        }
    }
    if (oldest != NULL) {
        char *key = cnc__strdup(oldest);
        free_page(cnc__table_del(s->pages, key));
        cnc__free(key);
    }
}

static struct cnc__page_doc *
page(struct server *s, const struct cnc__render_message *m, bool make,
     struct cnc_error *err)
{
    const char *key = name(s, m, 0);
    struct page *p = cnc__table_get(s->pages, key);
    if (p == NULL && !make) {
        cnc_error_set(err, CNC_ENOENT, NULL, "no such page here");
        return NULL;
    }
    if (p == NULL) {
        if (cnc__table_len(s->pages) >= MAX_PAGES) {
            drop_oldest(s);
        }
        p = cnc__zalloc(sizeof(*p));
        p->doc = cnc__page_doc_new(NULL);
        cnc__table_put(s->pages, key, p);
    }
    p->used = ++s->n_calls;
    return p->doc;
}

/* -- calls --------------------------------------------------------------- */

/* Fields of a sheet: its text and what it may import. */
static struct cnc__engine_sheet
engine_sheet(const struct cnc__render_message *m, size_t text, size_t imports)
{
    struct cnc__engine_sheet e = {.text = m->fields[text].data,
                                  .len = m->fields[text].len};
    if (m->n_fields > imports) {
        e.imports = m->fields[imports].data;
        e.imports_len = m->fields[imports].len;
    }
    return e;
}

static int
call_check(struct server *s, const struct cnc__render_message *m,
           struct cnc_error *err)
{
    bool source = m->n_fields > 1 && m->fields[1].len > 0;
    struct cnc__engine_sheet sheet = engine_sheet(m, 0, 2);
    sheet.name = name(s, m, 3);
    if (m->n_fields > 4) {
        sheet.texts = m->fields[4].data;
        sheet.texts_len = m->fields[4].len;
    }
    return cnc__engine_try(&sheet, source ? m->fields[1].data : NULL,
                           source ? m->fields[1].len : 0, NULL, err);
}

static int
call_change(struct server *s, struct cnc__page_doc *d,
            const struct cnc__render_message *m, struct cnc_error *err)
{
    const struct cnc__render_field *f = m->fields;
    struct cnc__engine_sheet sheet = engine_sheet(m, 1, 2);
    const char *node;
    if (m->type == CNC__R_SHEET) {
        if (m->n_fields > 3) {
            sheet.texts = f[3].data;
            sheet.texts_len = f[3].len;
        }
        sheet.prefix = name(s, m, 4);
        return cnc__page_doc_sheets(d, &sheet, err);
    }
    node = name(s, m, 1);
    switch (m->type) {
    case CNC__R_SOURCE:
        return cnc__page_doc_source(d, f[1].data, f[1].len, err);
    case CNC__R_UPSERT:
        return cnc__page_doc_upsert(d, node, name(s, m, 2), f[3].data,
                                    f[3].len, err);
    case CNC__R_REMOVE:
        return cnc__page_doc_upsert(d, node, name(s, m, 2), NULL, 0, err);
    case CNC__R_META:
        cnc__page_doc_meta(d, node, name(s, m, 2), name(s, m, 3));
        return 0;
    default: /* CNC__R_FORM */
        return cnc__page_doc_form(d, node, f[2].len == 0 ? NULL : f[2].data,
                                  f[2].len, name(s, m, 3), err);
    }
}

/* How many fields a call needs; 0: no such call. */
static size_t
n_needed(uint8_t type)
{
    static const uint8_t needed[] = {
        [CNC__R_CHECK] = 1,  [CNC__R_SHEET] = 2,  [CNC__R_SOURCE] = 2,
        [CNC__R_UPSERT] = 4, [CNC__R_REMOVE] = 3, [CNC__R_META] = 3,
        [CNC__R_FORM] = 3,   [CNC__R_RENDER] = 1, [CNC__R_HTML] = 1,
        [CNC__R_CLOSE] = 1};
    return type < CNC_N(needed) ? needed[type] : 0;
}

static int
call(struct server *s, const struct cnc__render_message *m, uint8_t *reply,
     struct cnc_error *err)
{
    if (m->type == CNC__R_CHECK) {
        return call_check(s, m, err);
    }
    if (m->type == CNC__R_CLOSE) {
        struct page *p = cnc__table_del(s->pages, name(s, m, 0));
        if (p != NULL) {
            free_page(p);
        }
        return 0;
    }
    struct cnc__page_doc *d =
        page(s, m, m->type == CNC__R_SHEET || m->type == CNC__R_SOURCE, err);
    int rc;
    if (d == NULL) {
        return CNC_ENOENT;
    }
    switch (m->type) {
    case CNC__R_RENDER:
        *reply = CNC__R_PATCH;
        rc = cnc__page_doc_render(d, &s->text, err);
        cnc__str_puts(&s->more, cnc__page_doc_parts_moved(d) ? "1" : "");
        return rc;
    case CNC__R_HTML:
        *reply = CNC__R_HTML_DONE;
        cnc__page_doc_html_parts(d, name(s, m, 1), &s->text, &s->more);
        return 0;
    default:
        return call_change(s, d, m, err);
    }
}

static void
answer(struct server *s, const struct cnc__render_message *m)
{
    struct cnc_error err = {0};
    struct cnc__render_message r = {.type = CNC__R_OK, .call = m->call};
    char line[16];
    cnc__str_clear(&s->text);
    cnc__str_clear(&s->more);
    cnc__sandbox_deadline(s->seconds);
    int rc = call(s, m, &r.type, &err);
    cnc__sandbox_deadline(0);
    if (rc != 0) {
        snprintf(line, sizeof(line), "%u", err.line);
        const char *code = cnc_err_name(rc);
        r.type = CNC__R_ERROR;
        r.n_fields = 3;
        r.fields[0] = (struct cnc__render_field){line, strlen(line)};
        r.fields[1] = (struct cnc__render_field){err.text, strlen(err.text)};
        r.fields[2] = (struct cnc__render_field){code, strlen(code)};
    } else if (r.type != CNC__R_OK) {
        r.n_fields = 2;
        r.fields[0] =
            (struct cnc__render_field){cnc__str_c(&s->text), s->text.len};
        r.fields[1] =
            (struct cnc__render_field){cnc__str_c(&s->more), s->more.len};
    }
    cnc__render_encode(&s->out, &r);
    forget_names(s);
}

/* -- the socket ---------------------------------------------------------- */

static bool
write_all(struct cnc__str *out)
{
    size_t at = 0;
    while (at < out->len) {
        ssize_t n = write(FD, out->data + at, out->len - at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        at += (size_t)n;
    }
    cnc__str_clear(out);
    return true;
}

/* A page of the largest size must not keep its room for good. */
static void
give_back(struct cnc__str *s)
{
    if (s->len == 0 && s->cap > KEEP_ROOM) {
        cnc__str_fini(s);
    }
}

/* All whole messages of in.  False: the peer broke the protocol or went. */
static bool
serve(struct server *s)
{
    size_t at = 0;
    for (;;) {
        struct cnc__render_message m;
        size_t used;
        int rc =
            cnc__render_decode(&m, &used, s->in.data + at, s->in.len - at);
        if (rc == CNC_EAGAIN) {
            break;
        }
        if (rc != 0 || n_needed(m.type) == 0 ||
            m.n_fields < n_needed(m.type)) {
            fprintf(stderr, "concordance-render: not a call\n");
            return false;
        }
        answer(s, &m);
        at += used;
        if (!write_all(&s->out)) {
            return false;
        }
        give_back(&s->out);
        give_back(&s->text);
    }
    cnc__str_drop(&s->in, at);
    give_back(&s->in);
    return true;
}

static void
run(struct server *s)
{
    for (;;) {
        cnc__str_reserve(&s->in, 65536);
        ssize_t n =
            read(FD, s->in.data + s->in.len, s->in.cap - s->in.len - 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return;
        }
        s->in.len += (size_t)n;
        s->in.data[s->in.len] = '\0';
        if (!serve(s)) {
            return;
        }
    }
}

/* What the libraries load when first used, they load now. */
static void
warm_up(void)
{
    static const char sheet[] =
        "<xsl:stylesheet version=\"1.0\" "
        "xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" "
        "xmlns:date=\"http://exslt.org/dates-and-times\" "
        "exclude-result-prefixes=\"date\">"
        "<xsl:template match=\"/\"><p><xsl:value-of "
        "select=\"format-number(date:year(), '#')\"/></p></xsl:template>"
        "</xsl:stylesheet>";
    struct cnc_error err = {0};
    int rc = cnc__engine_check(sheet, sizeof(sheet) - 1, NULL, 0, NULL, &err);
    CNC_CHECK(rc == 0);
}

int
main(int argc, char **argv)
{
    struct cnc_error err = {0};
    struct server s = {.seconds = 10};
    int64_t megabytes = 1024, seconds = 10;
    if (argc > 3 ||
        (argc > 1 && !cnc__parse_int(&megabytes, argv[1], 64, 1 << 20)) ||
        (argc > 2 && !cnc__parse_int(&seconds, argv[2], 1, 3600))) {
        fprintf(stderr, "usage: concordance-render [MEMORY_MB [SECONDS]] "
                        "3<>SOCKET\n");
        return 2;
    }
    s.seconds = (unsigned)seconds;
    s.pages = cnc__table_new();
    warm_up();
    struct cnc__sandbox box = {FD, (uint64_t)megabytes << 20};
    if (cnc__sandbox_enter(&box, &err) != 0) {
        fprintf(stderr, "concordance-render: %s\n", err.text);
        return 1;
    }
    run(&s);
    cnc__table_free(&s.pages, free_page);
    cnc__str_fini(&s.in);
    cnc__str_fini(&s.out);
    cnc__str_fini(&s.text);
    cnc__str_fini(&s.more);
    return 0;
}
