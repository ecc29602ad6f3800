/* SPDX-License-Identifier: MIT */
/*
 * query.c -- what a query may be: any two lines are parsed or refused with a
 * word of why, and what is parsed can be asked, with any third line as the
 * parameters' value and as what is searched.  With an index and without, the
 * same is found.
 *
 * A libFuzzer target; the driver beside those of xmpp/ runs a corpus and
 * seeded mutations of it.
 */
#include <stdio.h>

#include "../../src/base/text.h"
#include "../../src/pubsub/pubsub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELDS(i)                                                             \
    CNC_FIELDS({"title", .index = i}, {"author", .index = i},                 \
               {"year", NULL, CNC_FIELD_INTEGER, .index = i},                 \
               {"price", NULL, CNC_FIELD_DECIMAL, .index = i},                \
               {"lent", NULL, CNC_FIELD_BOOLEAN, .index = i},                 \
               {"bought", NULL, CNC_FIELD_DATE, .index = i},                  \
               {"seen", NULL, CNC_FIELD_DATETIME, .index = i},                \
               {"tags", NULL, CNC_FIELD_MULTI, .index = i})

static const struct cnc_record plain = {"book", FIELDS(false)};
static const struct cnc_record indexed = {"book", FIELDS(true)};

static const char *const books[] = {
    "<title>Emma</title><author>Jane Austen</author><year>1815</year>"
    "<price>9.50</price><lent>true</lent><tags>red</tags><tags>blue</tags>",
    "<title>a \" b &amp;&#10;</title><year>-5</year><price>-12.25</price>"
    "<bought>2020-02-29</bought><tags>red</tags>",
    "<author>\xC3\x89mile</author><price>0.0</price><lent>0</lent>"
    "<seen>2026-01-01T10:00:00.5+02:00</seen>",
    "<title/><year>9223372036854775807</year><tags>green</tags>",
};

static int64_t
now_ms(void *priv)
{
    return INT64_C(1795383600000);
}

static struct cnc__node *
shelf(struct cnc__pubsub *ps, const char *name)
{
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.durable = false;
    cfg.max_items = 100;
    struct cnc__node *n = cnc__pubsub_declare(ps, name, &cfg);
    struct cnc__actor op = {.jid = "op@x", .operator_ = true};
    for (size_t i = 0; i < CNC_N(books); i++) {
        struct cnc__str xml = CNC__STR;
        struct cnc_element *e = NULL;
        char id[2] = {(char)('a' + i), '\0'};
        cnc__str_printf(&xml, "<book xmlns='urn:b'>%s</book>", books[i]);
        CNC_CHECK(cnc_xml_parse(&e, xml.data, xml.len, 0, NULL, NULL) == 0);
        cnc__pubsub_publish(ps, &op, n, id, e, false, NULL, NULL);
        cnc_element_unref(&e);
        cnc__str_fini(&xml);
    }
    return n;
}

static void
ask(struct cnc__str *out, const struct cnc__query *q, struct cnc__node *n,
    const char *value, size_t offset)
{
    const char *values[32];
    struct cnc__item **items = NULL;
    size_t n_items = 0, total = 0;
    for (size_t i = 0; i < CNC_N(values); i++) {
        values[i] = value;
    }
    cnc__query_run(q, n, values, value, offset, 3, &items, &n_items, &total);
    for (size_t i = 0; i < n_items; i++) {
        cnc__str_puts(out, items[i]->id);
        CNC_CHECK(cnc__query_matches(q, values, value, items[i]));
        CNC_CHECK(i == 0 || cnc__query_compare(q, items[i - 1], items[i]) < 0);
    }
    cnc__str_printf(out, " %zu", total);
    cnc__free(items);
}

/* The next line of data, as a text. */
static char *
line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = memchr(*data, '\n', *size);
    size_t len = end == NULL ? *size : (size_t)(end - *data);
    char *s = cnc__strndup((const char *)*data, len);
    len += end != NULL;
    *data += len;
    *size -= len;
    return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cnc__pubsub *ps;
    static struct cnc__node *with, *without;
    if (ps == NULL) {
        struct cnc__pubsub_env env = {.router = cnc__router_new("x"),
                                      .now_ms = now_ms};
        ps = cnc__pubsub_new(&env);
        with = shelf(ps, "with");
        without = shelf(ps, "without");
        cnc__node_index(with, &indexed);
    }
    char *where = line(&data, &size), *sort = line(&data, &size),
         *value = line(&data, &size);
    struct cnc__query *q = NULL;
    struct cnc_error err = {0};
    int rc = cnc__query_new(&q, &plain, where, sort, &err);
    CNC_CHECK(rc == 0 || (rc == CNC_EINVAL && q == NULL &&
                          (strncmp(err.text, "where: ", 7) == 0 ||
                           strncmp(err.text, "sort: ", 6) == 0)));
    for (size_t offset = 0; rc == 0 && offset < 2; offset++) {
        struct cnc__str a = CNC__STR, b = CNC__STR;
        ask(&a, q, with, value, offset);
        ask(&b, q, without, value, offset);
        if (strcmp(a.data, b.data) != 0) {
            fprintf(stderr, "%s\n%s\n%s\n%s, not %s\n", where, sort, value,
                    a.data, b.data);
            abort();
        }
        cnc__str_fini(&a);
        cnc__str_fini(&b);
    }
    cnc__query_free(&q);
    cnc__free(where);
    cnc__free(sort);
    cnc__free(value);
    return 0;
}
