/* SPDX-License-Identifier: MIT */
/*
 * Queries over records: what each word of them means, what is said of a wrong
 * one, and that an index changes nothing but the time it takes.
 */
#include <stdio.h>

#include "world.h"

#include "../../../src/base/text.h"
#include "../../../src/pubsub/form.h"

#define BOOKS "urn:example:books"

static const struct cnc_record book = {
    "book", CNC_FIELDS({"title", "Title"}, {"author", "Author"},
                       {"year", "Year", CNC_FIELD_INTEGER},
                       {"price", "Price", CNC_FIELD_DECIMAL},
                       {"lent", "Lent", CNC_FIELD_BOOLEAN},
                       {"bought", "Bought", CNC_FIELD_DATE},
                       {"seen", "Seen", CNC_FIELD_DATETIME},
                       {"tags", "Tags", CNC_FIELD_MULTI,
                        .options = CNC_OPTIONS({"red"}, {"blue"}, {"green"})},
                       {"fixed", "Fixed", CNC_FIELD_FIXED},
                       {"secret", "Secret", CNC_FIELD_SECRET})};

/* The same, with an index of everything. */
static const struct cnc_record indexed = {
    "book",
    CNC_FIELDS({"title", .index = true}, {"author", .index = true},
               {"year", NULL, CNC_FIELD_INTEGER, .index = true},
               {"price", NULL, CNC_FIELD_DECIMAL, .index = true},
               {"lent", NULL, CNC_FIELD_BOOLEAN, .index = true},
               {"bought", NULL, CNC_FIELD_DATE, .index = true},
               {"seen", NULL, CNC_FIELD_DATETIME, .index = true},
               {"tags", NULL, CNC_FIELD_MULTI, .index = true,
                .options = CNC_OPTIONS({"red"}, {"blue"}, {"green"})})};

static struct cnc__node *
shelf(struct world *w)
{
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.durable = false;
    cfg.max_items = 100000;
    return cnc__pubsub_declare(w->ps, "library", &cfg);
}

/* inside: the record's children. */
static void
put(struct world *w, struct cnc__node *n, const char *id, const char *by,
    const char *inside)
{
    struct cnc__actor who = {.jid = by, .operator_ = true};
    struct cnc_element *e =
        world_xml("<book xmlns='" BOOKS "'>%pR</book>", inside);
    cnc__pubsub_publish(w->ps, &who, n, id, e, false, NULL, NULL);
    cnc_element_unref(&e);
    world_deaf(w);
}

/* The ids that a query finds, "1 3 2 /7": 7 in all. */
static char *
ask(struct cnc__node *n, const struct cnc_record *record, const char *where,
    const char *sort, const char *const *values, const char *search,
    size_t offset, size_t limit)
{
    struct cnc__query *q = NULL;
    struct cnc_error err = {0};
    struct cnc__item **items = NULL;
    size_t n_items = 0, total = 0;
    struct cnc__str out = CNC__STR;
    if (cnc__query_new(&q, record, where, sort, &err) != 0) {
        fail_msg("%s: %s", where, err.text);
    }
    cnc__query_run(q, n, values, search, offset, limit, &items, &n_items,
                   &total);
    for (size_t i = 0; i < n_items; i++) {
        cnc__str_printf(&out, "%s ", items[i]->id);
        assert_true(cnc__query_matches(q, values, search, items[i]));
        if (i > 0) {
            assert_true(cnc__query_compare(q, items[i - 1], items[i]) < 0);
        }
    }
    cnc__str_printf(&out, "/%zu", total);
    cnc__free(items);
    cnc__query_free(&q);
    return cnc__str_steal(&out);
}

static void
finds(struct cnc__node *n, const char *where, const char *sort,
      const char *want)
{
    /* With and without an index. */
    for (int i = 0; i < 2; i++) {
        cnc__node_index(n, i == 0 ? &book : &indexed);
        char *got = ask(n, &book, where, sort, NULL, NULL, 0, 0);
        if (strcmp(got, want) != 0) {
            fail_msg("where %s sort %s: %s, not %s", where, sort, got, want);
        }
        cnc__free(got);
    }
}

static void
shelve(struct world *w, struct cnc__node *n)
{
    put(w, n, "1", "ann@x",
        "<title>Emma</title><author>Jane Austen</author><year>1815</year>"
        "<price>9.50</price><lent>true</lent><bought>2020-05-01</bought>"
        "<seen>2026-01-01T10:00:00Z</seen><tags>red</tags>");
    put(w, n, "2", "bob@x",
        "<title>Persuasion &amp; more</title><author>jane austen</author>"
        "<year>1817</year><price>10</price><lent>false</lent>"
        "<bought>2021-05-01</bought><seen>2026-01-01T11:30:00+02:00</seen>"
        "<tags>red</tags><tags>blue</tags>");
    put(w, n, "3", "ann@x",
        "<title>\xC3\x89MILE</title><author>Jean-Jacques Rousseau</author>"
        "<year>-5</year><price>-0.5</price><lent>1</lent>");
    put(w, n, "4", "cat@x", "<title>Zadig</title><price>-12.25</price>");
    /* As a stranger writes it: a prefix, a comment's place, another name. */
    put(w, n, "5", "bob@x",
        "<a:title xmlns:a='" BOOKS "'>emma &lt;2&gt;</a:title>"
        "<author/><year>007</year><title xmlns='urn:other'>Wrong</title>");
}

static void
every_kind_is_compared_as_what_it_is(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = shelf(w);
    shelve(w, n);
    /* texts: code points, any case */
    finds(n, "author=\"JANE AUSTEN\"", NULL, "1 2 /2");
    finds(n, "author='Jane Austen'", NULL, "1 2 /2");
    finds(n, "author!='Jane Austen'", NULL, "3 4 5 /3");
    finds(n, "author=\"\"", NULL, "4 5 /2");
    finds(n, "author!=''", NULL, "1 2 3 /3");
    finds(n, "title=\xC3\xA9mile", NULL, "3 /1");
    finds(n, "title~MIL", NULL, "3 /1");
    finds(n, "title~emma", NULL, "1 5 /2");
    finds(n, "title~'& MORE'", NULL, "2 /1");
    finds(n, "title='emma <2>'", NULL, "5 /1");
    finds(n, "title~wrong", NULL, "/0");
    finds(n, "title>=f", NULL, "2 3 4 /3");
    finds(n, "title<f", NULL, "1 5 /2");
    finds(n, "author~''", NULL, "1 2 3 4 5 /5");
    /* numbers */
    finds(n, "year=1815", NULL, "1 /1");
    finds(n, "year=7", NULL, "5 /1");
    finds(n, "year<1815", NULL, "3 5 /2");
    finds(n, "year<=1815", NULL, "1 3 5 /3");
    finds(n, "year>7", NULL, "1 2 /2");
    finds(n, "year>=7", NULL, "1 2 5 /3");
    finds(n, "year!=7", NULL, "1 2 3 4 /4");
    finds(n, "year=\"\"", NULL, "4 /1");
    finds(n, "year~81", NULL, "1 2 /2");
    finds(n, "price=9.5", NULL, "1 /1");
    finds(n, "price<10.0", NULL, "1 3 4 /3");
    finds(n, "price<-0.50", NULL, "4 /1");
    finds(n, "price>=-.5", NULL, "1 2 3 /3");
    /* yes and no, days, times */
    finds(n, "lent=true", NULL, "1 3 /2");
    finds(n, "lent=0", NULL, "2 /1");
    finds(n, "bought>2020-05-01", NULL, "2 /1");
    finds(n, "bought<=2020-05-01Z", NULL, "1 /1");
    finds(n, "seen<2026-01-01T10:00:00Z", NULL, "2 /1");
    finds(n, "seen=2026-01-01T09:30:00Z", NULL, "2 /1");
    finds(n, "seen>=2026-01-01", NULL, "1 2 /2");
    /* several values: one of them */
    finds(n, "tags=red", NULL, "1 2 /2");
    finds(n, "tags=blue", NULL, "2 /1");
    finds(n, "tags!=blue", NULL, "1 3 4 5 /4");
    finds(n, "tags=red tags=blue", NULL, "2 /1");
    finds(n, "tags<c", NULL, "2 /1");
    finds(n, "tags=''", NULL, "3 4 5 /3");
    /* what is known of an item */
    finds(n, "c:publisher=ann@x", NULL, "1 3 /2");
    finds(n, "c:published>=2000-01-01", NULL, "1 2 3 4 5 /5");
    finds(n, "c:published<2000-01-01", NULL, "/0");
    world_free(&w);
}

static void
conditions_are_all_asked_for_and_blanks_do_not_matter(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = shelf(w);
    shelve(w, n);
    finds(n, NULL, NULL, "1 2 3 4 5 /5");
    finds(n, "  ", "  ", "1 2 3 4 5 /5");
    finds(n, "author~austen year>1815", NULL, "2 /1");
    finds(n, "  year  >  1800 \n year<1816 ", NULL, "1 /1");
    finds(n, "year>1800 year<1700", NULL, "/0");
    finds(n, "year>=1815 year<=1817 lent!=true", "-year", "2 /1");
    finds(n, "title='Persuasion & more'", NULL, "2 /1");
    finds(n, "title=\"a \\\" b\"", NULL, "/0");
    put(w, n, "6", "x", "<title>a \" b</title>");
    put(w, n, "7", "x", "<title>\\</title>");
    finds(n, "title=\"a \\\" b\"", NULL, "6 /1");
    finds(n, "title='a \" b'", NULL, "6 /1");
    finds(n, "title='\\\\'", NULL, "7 /1");
    world_free(&w);
}

static void
records_stand_in_the_order_asked_for(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = shelf(w);
    shelve(w, n);
    finds(n, NULL, "title", "1 5 2 4 3 /5");
    finds(n, NULL, "-title", "3 4 2 5 1 /5");
    finds(n, NULL, "year", "4 3 5 1 2 /5"); /* none is the least */
    finds(n, NULL, "-year", "2 1 5 3 4 /5");
    finds(n, NULL, "price", "5 4 3 1 2 /5");
    finds(n, NULL, "-lent title", "1 3 2 5 4 /5");
    finds(n, NULL, "author -year", "5 4 2 1 3 /5");
    finds(n, NULL, "-author year", "3 1 2 4 5 /5");
    finds(n, NULL, "seen", "3 4 5 2 1 /5");
    finds(n, NULL, "c:published", "1 2 3 4 5 /5");
    finds(n, NULL, "-c:published", "5 4 3 2 1 /5");
    finds(n, NULL, "c:publisher", "1 3 2 5 4 /5");
    finds(n, NULL, "-c:publisher -c:published", "4 5 2 3 1 /5");
    finds(n, NULL, "tags -c:published", "5 4 3 2 1 /5");
    /* Those that are alike stand as they were published, either way. */
    finds(n, "author~austen", "author", "1 2 /2");
    finds(n, "author~austen", "-author", "1 2 /2");
    put(w, n, "1", "ann@x", "<author>Jane Austen</author>");
    finds(n, "author~austen", "author", "2 1 /2");
    finds(n, "author~austen", "-author", "2 1 /2");
    world_free(&w);
}

static void
a_page_is_a_part_of_the_whole(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = shelf(w);
    shelve(w, n);
    for (int i = 0; i < 2; i++) {
        static const struct {
            const char *where, *sort;
            size_t offset, limit;
            const char *want;
        } all[] = {
            {NULL, NULL, 0, 2, "1 2 /5"},
            {NULL, NULL, 4, 2, "5 /5"},
            {NULL, NULL, 5, 2, "/5"},
            {NULL, NULL, SIZE_MAX, 2, "/5"},
            {NULL, "-c:published", 1, 2, "4 3 /5"},
            {NULL, "title", 1, 3, "5 2 4 /5"},
            {NULL, "-title", 3, 3, "5 1 /5"},
            {"year>0", "-year", 1, 1, "1 /3"},
            {"year>0 title~e", "-year", 2, 1, "5 /3"},
            {"author='jane austen'", NULL, 1, 5, "2 /2"},
            {"lent=true", "title", 1, 1, "3 /2"},
        };
        cnc__node_index(n, i == 0 ? &book : &indexed);
        for (size_t k = 0; k < CNC_N(all); k++) {
            char *got = ask(n, &book, all[k].where, all[k].sort, NULL, NULL,
                            all[k].offset, all[k].limit);
            assert_string_equal(got, all[k].want);
            cnc__free(got);
        }
    }
    world_free(&w);
}

/* The sign of Kelvin is a k, and the long s an s. */
static void
a_search_in_ascii_finds_what_folds_to_it(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = shelf(w);
    put(w, n, "1", "a@x", "<title>273 \xE2\x84\xAA\xC5\xBFir</title>");
    put(w, n, "2", "a@x", "<title>A Ksirwalk, then @[`{ and ZzAa</title>");
    put(w, n, "3", "a@x", "<title>ksi</title><author>r title</author>");
    static const struct {
        const char *search, *where, *want;
    } all[] = {{"KSIR", NULL, "1 2 /2"},
               {"@[`{ AND zZaA", NULL, "2 /1"},
               {"title", NULL, "3 /1"},
               {NULL, "title=KSI", "3 /1"},
               {NULL, "title~ksir", "1 2 /2"},
               {NULL, "title~ksi author=\"R TITLE\"", "3 /1"},
               {"r title", "title=ksi", "3 /1"}};
    for (size_t i = 0; i < CNC_N(all); i++) {
        char *got =
            ask(n, &book, all[i].where, NULL, NULL, all[i].search, 0, 0);
        assert_string_equal(got, all[i].want);
        cnc__free(got);
    }
    world_free(&w);
}

static void
a_search_looks_at_every_text(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = shelf(w);
    shelve(w, n);
    static const struct {
        const char *search, *where, *want;
    } all[] = {{"EMMA", NULL, "1 5 /2"},   {"", NULL, "1 2 3 4 5 /5"},
               {"jane a", NULL, "1 2 /2"}, {"blue", NULL, "2 /1"},
               {"1815", NULL, "/0"},       {"emma", "year>7", "1 /1"},
               {"& more", NULL, "2 /1"},   {"amp", NULL, "/0"},
               {"ann@x", NULL, "/0"},      {"\xC3\xA9mi", NULL, "3 /1"}};
    for (size_t i = 0; i < CNC_N(all); i++) {
        char *got =
            ask(n, &book, all[i].where, NULL, NULL, all[i].search, 0, 0);
        assert_string_equal(got, all[i].want);
        cnc__free(got);
    }
    world_free(&w);
}

static void
a_parameter_is_whatever_it_is_given(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = shelf(w);
    shelve(w, n);
    struct cnc__query *q = NULL;
    assert_int_equal(cnc__query_new(&q, &book,
                                    "author={who} year>={y} title~{who}", NULL,
                                    NULL),
                     0);
    assert_string_equal(cnc__query_param(q, 0), "who");
    assert_string_equal(cnc__query_param(q, 1), "y");
    assert_null(cnc__query_param(q, 2));
    cnc__query_free(&q);
    static const struct {
        const char *where, *value, *want;
    } all[] = {
        {"author={a}", "jane austen", "1 2 /2"},
        {"author={a}", "\" title=Emma", "/0"},
        {"author={a}", "", "4 5 /2"},
        {"author={a}", NULL, "4 5 /2"},
        {"title~{a}", "", "1 2 3 4 5 /5"},
        {"year={a}", "1815", "1 /1"},
        {"year={a}", "abc", "/0"},
        {"year!={a}", "abc", "/0"},
        {"year>{a}", "", "/0"},
        {"author={a} year>1815", "JANE AUSTEN", "2 /1"},
        {"author=\"{a}\"", "jane austen", "/0"},
    };
    for (size_t i = 0; i < CNC_N(all); i++) {
        for (int k = 0; k < 2; k++) {
            cnc__node_index(n, k == 0 ? &book : &indexed);
            const char *values[] = {all[i].value};
            char *got = ask(n, &book, all[i].where, NULL, values, NULL, 0, 0);
            assert_string_equal(got, all[i].want);
            cnc__free(got);
        }
    }
    world_free(&w);
}

static void
a_wrong_word_is_named(void **state)
{
    struct cnc__str many = CNC__STR, sorts = CNC__STR, wide = CNC__STR;
    for (int i = 0; i < 17; i++) {
        cnc__str_printf(&many, "year>%d ", i);
        cnc__str_puts(&sorts, "year ");
    }
    for (int i = 0; i < 1001; i++) {
        cnc__str_putc(&wide, 'x');
    }
    struct cnc__str euros = CNC__STR, shown = CNC__STR;
    cnc__str_puts(&shown, "where: the record \"book\" has no field \"");
    for (int i = 0; i < 22; i++) {
        cnc__str_puts(&euros, "\u20ac");
        cnc__str_puts(&shown, i < 21 ? "\u20ac" : "\"");
    }
    const struct {
        const char *where, *sort, *want;
    } all[] = {
        {"autor=x", NULL, "where: the record \"book\" has no field \"autor\""},
        {"fixed=x", NULL, "where: the record \"book\" has no field \"fixed\""},
        {"secret=x", NULL,
         "where: the record \"book\" has no field \"secret\""},
        {"title", NULL, "where: after \"title\" goes one of = != < <= > >= ~"},
        {"title Emma", NULL,
         "where: after \"title\" goes one of = != < <= > >= ~"},
        {"title=", NULL, "where: \"title\" needs a value; \"\" is none"},
        {"title!x", NULL,
         "where: after \"title\" goes one of = != < <= > >= ~"},
        {"=x", NULL, "where: a field is missing before \"=x\""},
        {"title=\"Emma", NULL, "where: the quote is not closed: \"Emma"},
        {"title='a'b", NULL, "where: a blank is missing before \"b\""},
        {"title={a}b", NULL, "where: quote the value \"{a}b\""},
        {"title={}", NULL, "where: a parameter needs a name"},
        {"title=a\"b", NULL, "where: quote the value \"a\"b\""},
        {"year=abc", NULL,
         "where: \"abc\": year must be a whole number such as 42"},
        {"year>\"\"", NULL, "where: \"\": year must be something"},
        {"price=1,5", NULL,
         "where: \"1,5\": price must be a number such as 12.50"},
        {"bought=2020-13-01", NULL,
         "where: \"2020-13-01\": bought must be a date such as 2026-11-22"},
        {"lent=maybe", NULL,
         "where: \"maybe\": lent must be yes or no (true or false)"},
        {many.data, NULL,
         "where: there are too many conditions, from \"year>16 \" on"},
        {wide.data, NULL, "where: it is too long, from \"x\" on"},
        {euros.data, NULL, shown.data}, /* no half of a character */
        {NULL, "yaer", "sort: the record \"book\" has no field \"yaer\""},
        {NULL, "-", "sort: the record \"book\" has no field \"\""},
        {NULL, "--year", "sort: the record \"book\" has no field \"-year\""},
        {NULL, "c:id", "sort: the record \"book\" has no field \"c:id\""},
        {NULL, sorts.data,
         "sort: there are too many fields, from \"year year year year year "
         "year year year year \" on"},
    };
    for (size_t i = 0; i < CNC_N(all); i++) {
        struct cnc__query *q = NULL;
        struct cnc_error err = {0};
        assert_int_equal(
            cnc__query_new(&q, &book, all[i].where, all[i].sort, &err),
            CNC_EINVAL);
        assert_null(q);
        assert_string_equal(err.text, all[i].want);
    }
    struct cnc__query *q = NULL;
    struct cnc_error err = {0};
    assert_int_equal(cnc__query_new(&q, NULL, "x=1", NULL, &err), CNC_EINVAL);
    assert_string_equal(err.text, "where: the node has no field \"x\"");
    assert_int_equal(
        cnc__query_new(&q, NULL, "c:publisher=x@y", "-c:published", &err), 0);
    cnc__query_free(&q);
    cnc__str_fini(&many);
    cnc__str_fini(&sorts);
    cnc__str_fini(&wide);
    cnc__str_fini(&euros);
    cnc__str_fini(&shown);
}

/* -- an index ------------------------------------------------------------- */

static uint64_t seed;

static unsigned
chance(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((seed >> 33) % n);
}

static void
random_record(struct cnc__str *xml)
{
    static const char *const words[] = {"red", "blue", "green"};
    cnc__str_clear(xml);
    if (chance(10) > 0) {
        cnc__str_printf(xml, "<title>%s %c%u</title>", words[chance(3)],
                        "aAbB\""[chance(5)], chance(40));
    }
    if (chance(10) > 0) {
        cnc__str_printf(xml, "<author>A%u</author>", chance(9));
    }
    if (chance(10) > 0) {
        cnc__str_printf(xml, "<year>%d</year>", (int)chance(60) - 20);
    }
    if (chance(10) > 0) {
        cnc__str_printf(xml, "<price>%d.%02u</price>", (int)chance(20) - 10,
                        chance(100));
    }
    for (unsigned i = 0; i < 3; i++) {
        if (chance(2) == 0) {
            cnc__str_printf(xml, "<tags>%s</tags>", words[i]);
        }
    }
}

static void
random_query(struct cnc__str *where, struct cnc__str *sort)
{
    static const char *const ops[] = {"=", "!=", "<", "<=", ">", ">=", "~"};
    static const char *const sorts[] = {"",
                                        "title",
                                        "-title",
                                        "author",
                                        "-author",
                                        "-year",
                                        "year",
                                        "price -author",
                                        "author -year",
                                        "-author title",
                                        "tags",
                                        "-c:published"};
    cnc__str_clear(where);
    cnc__str_clear(sort);
    cnc__str_puts(sort, sorts[chance(CNC_N(sorts))]);
    for (unsigned i = chance(4); i > 0; i--) {
        const char *op = ops[chance(7)];
        switch (chance(5)) {
        case 0:
            cnc__str_printf(where, "title%s'red %c%u' ", op, "abAB"[chance(4)],
                            chance(40));
            break;
        case 1:
            cnc__str_printf(where, "author%sa%u ", op, chance(9));
            break;
        case 2:
            cnc__str_printf(where, "year%s%d ", op, (int)chance(60) - 20);
            break;
        case 3:
            cnc__str_printf(where, "price%s%d.5 ", op, (int)chance(20) - 10);
            break;
        default:
            cnc__str_printf(where, "tags%s%s ", op,
                            chance(2) == 0 ? "red" : "blue");
        }
    }
}

static void
same_with_and_without(struct cnc__node *n, struct cnc__node *plain)
{
    struct cnc__str where = CNC__STR, sort = CNC__STR;
    random_query(&where, &sort);
    size_t offset = chance(3) == 0 ? chance(200) : 0;
    size_t limit = chance(3) == 0 ? 1 + chance(50) : 0;
    const char *search = chance(6) == 0 ? "RED" : NULL;
    char *a = ask(n, &indexed, cnc__str_c(&where), cnc__str_c(&sort), NULL,
                  search, offset, limit);
    char *b = ask(plain, &book, cnc__str_c(&where), cnc__str_c(&sort), NULL,
                  search, offset, limit);
    if (strcmp(a, b) != 0) {
        fail_msg("where %s sort %s %zu %zu:\n%s\n%s", cnc__str_c(&where),
                 cnc__str_c(&sort), offset, limit, a, b);
    }
    cnc__free(a);
    cnc__free(b);
    cnc__str_fini(&where);
    cnc__str_fini(&sort);
}

static void
an_index_finds_what_reading_everything_finds(void **state)
{
    struct world *w = world_new();
    struct cnc__actor op = world_operator();
    struct cnc__node_config cfg;
    struct cnc__str xml = CNC__STR;
    cnc__node_config_default(&cfg);
    cfg.durable = false;
    cfg.max_items = 250;
    struct cnc__node *n = cnc__pubsub_declare(w->ps, "a", &cfg);
    struct cnc__node *plain = cnc__pubsub_declare(w->ps, "b", &cfg);
    seed = 4711;
    for (int i = 0; i < 1500; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%u", chance(400));
        if (i == 100) {
            cnc__node_index(n, &indexed); /* what is there, then what comes */
        }
        if (chance(4) == 0) {
            cnc__pubsub_retract(w->ps, &op, n, id, NULL, NULL);
            cnc__pubsub_retract(w->ps, &op, plain, id, NULL, NULL);
        } else {
            random_record(&xml);
            put(w, n, id, "op@x", cnc__str_c(&xml));
            put(w, plain, id, "op@x", cnc__str_c(&xml));
        }
        same_with_and_without(n, plain);
    }
    assert_int_equal(cnc__node_n_items(n), cnc__node_n_items(plain));
    assert_true(cnc__node_n_items(n) > 200);
    cnc__str_fini(&xml);
    world_free(&w);
}

static void
long_texts_are_told_apart_by_all_of_them(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = shelf(w);
    struct cnc__str a = CNC__STR, where = CNC__STR;
    cnc__str_puts(&a, "<title>");
    for (int i = 0; i < 300; i++) {
        cnc__str_putc(&a, 'x');
    }
    size_t len = a.len;
    cnc__str_puts(&a, "2</title>");
    put(w, n, "1", "x", a.data);
    a.data[len] = '1';
    put(w, n, "2", "x", a.data);
    cnc__str_printf(&where, "title=%.*s1", (int)(len - 7), a.data + 7);
    finds(n, where.data, NULL, "2 /1");
    cnc__str_clear(&where);
    cnc__str_printf(&where, "title>%.*s1", (int)(len - 7), a.data + 7);
    finds(n, where.data, NULL, "1 /1");
    cnc__str_clear(&where);
    cnc__str_printf(&where, "title<=%.*s1", (int)(len - 7), a.data + 7);
    finds(n, where.data, "title", "2 /1");
    cnc__str_fini(&a);
    cnc__str_fini(&where);
    world_free(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_compared_as_what_it_is),
        cmocka_unit_test(
            conditions_are_all_asked_for_and_blanks_do_not_matter),
        cmocka_unit_test(records_stand_in_the_order_asked_for),
        cmocka_unit_test(a_page_is_a_part_of_the_whole),
        cmocka_unit_test(a_search_looks_at_every_text),
        cmocka_unit_test(a_search_in_ascii_finds_what_folds_to_it),
        cmocka_unit_test(a_parameter_is_whatever_it_is_given),
        cmocka_unit_test(a_wrong_word_is_named),
        cmocka_unit_test(an_index_finds_what_reading_everything_finds),
        cmocka_unit_test(long_texts_are_told_apart_by_all_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
