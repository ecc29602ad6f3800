/* SPDX-License-Identifier: MIT */
/* Everybody gets a page with the parts that are for him, and nobody any
 * other, whichever way the page goes out. */
#include "bench.h"

#include <stdio.h>

#define SHEET                                                                 \
    "<c:part for='users'>USER <c:viewer/>!</c:part>"                          \
    "<c:part for='guests'>GUEST</c:part>"                                     \
    "<p id='n'><xsl:value-of select='count(/*/l:book)'/></p>"                 \
    "<c:part for='staff boss'><b>STAFF</b></c:part>"

static struct bench *
shelf(unsigned flags)
{
    struct bench *b = bench_new(&bench_page, flags);
    char *sheet = bench_sheet("Books", SHEET);
    assert_int_equal(bench_template(b, "t.xsl", sheet, NULL), 0);
    bench_run(b);
    cnc__free(sheet);
    return b;
}

static void
as(struct bench *b, const char *jid, const char *role)
{
    b->jid = jid;
    b->role = role;
}

enum { GUEST = 1, USER = 2, STAFF = 4 };

static void
body_has(struct bench *b, unsigned want)
{
    const char *body = b->answer->body;
    assert_int_equal(strstr(body, "GUEST") != NULL, (want & GUEST) != 0);
    assert_int_equal(strstr(body, "USER") != NULL, (want & USER) != 0);
    assert_int_equal(strstr(body, "STAFF") != NULL, (want & STAFF) != 0);
}

static void
each_gets_the_parts_for_him(void **state)
{
    struct bench *b = shelf(0);
    char etag[3][64];
    bench_get(b, "/", NULL);
    body_has(b, GUEST);
    assert_string_equal(bench_header(b, "Vary"), "Accept-Encoding, Cookie");
    assert_string_equal(bench_header(b, "Cache-Control"), "no-cache");
    snprintf(etag[0], sizeof(etag[0]), "%s", bench_header(b, "ETag"));

    as(b, "a&b@books.example", NULL);
    bench_get(b, "/", NULL);
    body_has(b, USER);
    assert_has(b->answer->body, "USER a&amp;b!");
    assert_string_equal(bench_header(b, "Vary"),
                        "Accept-Encoding, Accept-Language, Cookie");
    assert_string_equal(bench_header(b, "Cache-Control"), "private, no-cache");
    snprintf(etag[1], sizeof(etag[1]), "%s", bench_header(b, "ETag"));

    as(b, "romeo@books.example", "boss");
    bench_get(b, "/", NULL);
    body_has(b, USER | STAFF);
    assert_has(b->answer->body, "USER romeo!");
    snprintf(etag[2], sizeof(etag[2]), "%s", bench_header(b, "ETag"));
    assert_string_not_equal(etag[0], etag[1]);
    assert_string_not_equal(etag[1], etag[2]);

    for (size_t i = 0; i < 3; i++) {
        char line[256];
        snprintf(line, sizeof(line), "if-none-match: %s\r\n", etag[i]);
        bench_get(b, "/", line);
        assert_int_equal(b->answer->status, i == 2 ? 304 : 200);
    }
    bench_free(b);
}

static void
what_is_compressed_is_for_the_same(void **state)
{
    struct bench *b = shelf(0);
    bench_get(b, "/", "accept-encoding: br\r\n");
    assert_string_equal(bench_header(b, "Content-Encoding"), "br");
    as(b, "romeo@books.example", NULL);
    bench_get(b, "/", "accept-encoding: br\r\n");
    assert_null(bench_header(b, "Content-Encoding"));
    body_has(b, USER);
    bench_get(b, "/", "accept-encoding: gzip, br\r\n");
    assert_string_equal(bench_header(b, "Content-Encoding"), "gzip");
    bench_free(b);
}

static void
files_are_for_guests(void **state)
{
    struct bench *b = shelf(BENCH_FILES);
    struct cnc__str path = CNC__STR;
    char text[8192] = "";
    cnc__str_printf(&path, "%s/index.html", b->www);
    FILE *f = fopen(path.data, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
    fclose(f);
    assert_has(text, "GUEST");
    assert_lacks(text, "USER");
    assert_lacks(text, "STAFF");
    cnc__str_fini(&path);
    bench_free(b);
}

static void
patches_have_no_part(void **state)
{
    struct bench *b = shelf(0);
    size_t from = bench_n_patches(b);
    bench_publish(b, "b1", "Emma");
    bench_run(b);
    bench_publish(b, "b2", "Persuasion");
    bench_run(b);
    assert_true(bench_n_patches(b) > from);
    for (size_t i = 0; i < bench_n_patches(b); i++) {
        char *patch = bench_patch(b, i, NULL);
        assert_lacks(patch, "USER");
        assert_lacks(patch, "GUEST");
        assert_lacks(patch, "STAFF");
        cnc__free(patch);
    }
    as(b, "romeo@books.example", "staff");
    bench_get(b, "/", NULL);
    body_has(b, USER | STAFF);
    assert_has(b->answer->body, "Persuasion");
    bench_free(b);
}

static void
a_part_that_says_something_else_is_seen_at_once(void **state)
{
    struct bench *b = shelf(0);
    char *sheet =
        bench_sheet("Books", "<c:part for='users'>SEEN</c:part>"
                             "<c:part for='guests'>GUEST</c:part>"
                             "<p id='n'><xsl:value-of"
                             " select='count(/*/l:book)'/></p>"
                             "<c:part for='staff boss'><b>STAFF</b></c:part>");
    assert_int_equal(bench_template(b, "t.xsl", sheet, NULL), 0);
    bench_run(b);
    as(b, "romeo@books.example", NULL);
    bench_get(b, "/", NULL);
    assert_has(b->answer->body, "SEEN");
    body_has(b, 0);
    cnc__free(sheet);
    bench_free(b);
}

static void
older_records_have_the_same_parts(void **state)
{
    struct bench *b = shelf(0);
    char id[8];
    for (int i = 0; i < 6; i++) {
        snprintf(id, sizeof(id), "b%d", i);
        bench_publish(b, id, id);
    }
    bench_run(b);
    for (int i = 0; i < 2; i++) { /* made, then kept */
        as(b, "romeo@books.example", "staff");
        bench_get(b, "/?before=b3", NULL);
        assert_int_equal(b->answer->status, 200);
        body_has(b, USER | STAFF);
        assert_string_equal(bench_header(b, "Cache-Control"),
                            "private, no-cache");
        as(b, NULL, NULL);
        bench_get(b, "/?before=b3", NULL);
        body_has(b, GUEST);
    }
    bench_free(b);
}

static void
a_refused_form_is_shown_to_who_sent_it(void **state)
{
    struct bench *b = shelf(0);
    bench_post(b, "/?form=library", "application/x-www-form-urlencoded",
               "title=");
    assert_int_equal(b->answer->status, 422);
    body_has(b, GUEST);
    as(b, "romeo@books.example", NULL);
    bench_post(b, "/?form=library", "application/x-www-form-urlencoded",
               "title=");
    assert_int_equal(b->answer->status, 422);
    body_has(b, USER);
    assert_string_equal(bench_header(b, "Cache-Control"), "private, no-store");
    bench_free(b);
}

static void
an_error_has_the_parts_of_who_asked(void **state)
{
    struct bench *b = shelf(0);
    char *sheet = bench_sheet("Wrong", SHEET);
    assert_int_equal(bench_template(b, "error.xsl", sheet, NULL), 0);
    bench_run(b);
    bench_get(b, "/nowhere", NULL);
    assert_int_equal(b->answer->status, 404);
    body_has(b, GUEST);
    as(b, "romeo@books.example", NULL);
    bench_get(b, "/nowhere", NULL);
    assert_int_equal(b->answer->status, 404);
    body_has(b, USER);
    cnc__free(sheet);
    bench_free(b);
}

static void
a_page_without_parts_is_as_it_was(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    char *sheet = bench_sheet("Books", "");
    assert_int_equal(bench_template(b, "t.xsl", sheet, NULL), 0);
    bench_run(b);
    as(b, "romeo@books.example", NULL);
    bench_get(b, "/", NULL);
    assert_string_equal(bench_header(b, "Vary"), "Accept-Encoding");
    assert_string_equal(bench_header(b, "Cache-Control"), "no-cache");
    cnc__free(sheet);
    bench_free(b);
}

/* The render process is not trusted with our memory. */
static void
places_that_cannot_be_are_not_used(void **state)
{
    static const struct {
        const char *place[2], *cut[2];
    } lists[] = {{{"3", "99"}, {"0", "0"}}, {{"5", "2"}, {"0", "0"}},
                 {{"-1", "1"}, {"0", "0"}}, {{"x", "1"}, {"0", "0"}},
                 {{"", "2"}, {"0", "0"}},   {{"3", "4"}, {"0", "7"}},
                 {{"3", "4"}, {"2", "0"}},  {{"9", "9"}, {"99", "0"}},
                 {{"9", "9"}, {"-1", "0"}}, {{"9", "9"}, {"x", "0"}}};
    static const struct cnc__viewer guest = {NULL, NULL};
    for (size_t i = 0; i < CNC_N(lists); i++) {
        struct cnc__str list = CNC__STR, out = CNC__STR;
        for (size_t k = 0; k < 2; k++) {
            cnc__render_pack(&list, lists[i].place[k],
                             strlen(lists[i].place[k]));
            cnc__render_pack(&list, lists[i].cut[k], strlen(lists[i].cut[k]));
            cnc__render_pack(&list, "guests", 6);
            cnc__render_pack(&list, "<i>", 3);
        }
        struct cnc__render_message m = {.n_fields = 2};
        m.fields[0] = cnc__web_field("0123456789");
        m.fields[1] = cnc__web_field_str(&list);
        struct cnc__parts *p = cnc__parts_read(&m);
        cnc__parts_put(&out, p, cnc__parts_of(NULL, p, &guest), &guest,
                       "0123456789", 10);
        assert_true(out.len == 10 || out.len == 11 || out.len == 13);
        cnc__parts_unref(&p);
        cnc__str_fini(&list);
        cnc__str_fini(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gets_the_parts_for_him),
        cmocka_unit_test(what_is_compressed_is_for_the_same),
        cmocka_unit_test(files_are_for_guests),
        cmocka_unit_test(patches_have_no_part),
        cmocka_unit_test(a_part_that_says_something_else_is_seen_at_once),
        cmocka_unit_test(older_records_have_the_same_parts),
        cmocka_unit_test(a_refused_form_is_shown_to_who_sent_it),
        cmocka_unit_test(an_error_has_the_parts_of_who_asked),
        cmocka_unit_test(a_page_without_parts_is_as_it_was),
        cmocka_unit_test(places_that_cannot_be_are_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
