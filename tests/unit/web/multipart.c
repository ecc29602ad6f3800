/* SPDX-License-Identifier: MIT */
/* multipart/form-data: what browsers write is read; all else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../../src/web/web.h"

#define TYPE "multipart/form-data; boundary=XX"
#define CD   "Content-Disposition: form-data; "

static int
on_begin(const struct cnc__multipart_part *p, void *priv)
{
    cnc__str_printf(priv, "[%s|%s|%s|", p->name,
                    p->filename == NULL ? "-" : p->filename, p->type);
    return 0;
}

static int
on_data(const char *data, size_t len, void *priv)
{
    assert_true(len > 0);
    for (size_t i = 0; i < len; i++) {
        cnc__str_putc(priv, data[i] == '\0' ? '0' : data[i]);
    }
    return 0;
}

static int
on_end(void *priv)
{
    cnc__str_putc(priv, ']');
    return 0;
}

static const struct cnc__multipart_events events = {on_begin, on_data, on_end};

/* In pieces of so many bytes. */
static int
parse_by(struct cnc__str *out, const char *type, const char *body, size_t len,
         size_t piece)
{
    struct cnc__multipart *m = cnc__multipart_new(type, 4, &events, out);
    int rc = m == NULL ? CNC_ESYNTAX : 0;

    for (size_t at = 0; rc == 0 && at < len;) {
        size_t n = len - at < piece ? len - at : piece;
        /* Of the exact size, so that ASan sees an over-read. */
        char *bytes = memcpy(cnc__realloc(NULL, n, 1), body + at, n);

        rc = cnc__multipart_feed(m, bytes, n);
        cnc__free(bytes);
        at += n;
    }
    if (rc != 0 && m != NULL) { /* and it stays so */
        assert_int_equal(cnc__multipart_feed(m, "--XX--", 6), rc);
        assert_int_equal(cnc__multipart_finish(m), rc);
    } else if (rc == 0) {
        rc = cnc__multipart_finish(m);
    }
    cnc__multipart_free(&m);
    return rc;
}

/* The same however it comes. */
static int
parse(struct cnc__str *out, const char *type, const char *body, size_t len)
{
    static const size_t pieces[] = {1, 2, 3, 5, 8, 13, 64};
    int rc = parse_by(out, type, body, len, len);

    for (size_t i = 0; i < CNC_N(pieces); i++) {
        struct cnc__str again = CNC__STR;

        assert_int_equal(parse_by(&again, type, body, len, pieces[i]), rc);
        if (rc == 0) {
            assert_string_equal(cnc__str_c(&again), cnc__str_c(out));
        }
        cnc__str_fini(&again);
    }
    return rc;
}

static void
reads(const char *type, const char *body, size_t len, const char *want)
{
    struct cnc__str out = CNC__STR;

    assert_int_equal(parse(&out, type, body, len), 0);
    assert_string_equal(cnc__str_c(&out), want);
    cnc__str_fini(&out);
}

#define READS(type, body, want) reads(type, body, sizeof(body) - 1, want)

static void
what_browsers_write_is_read(void **state)
{
    READS(TYPE, "--XX--\r\n", "");
    READS(TYPE, "--XX\r\n" CD "name=\"a\"\r\n\r\nhello\r\n--XX--\r\n",
          "[a|-||hello]");
    READS(TYPE,
          "--XX\r\n" CD "name=\"a\"\r\n\r\n\r\n--XX\r\n" CD
          "name=\"f\"; filename=\"\"\r\n"
          "Content-Type: application/octet-stream\r\n\r\n\r\n--XX--",
          "[a|-||][f||application/octet-stream|]");
    READS(TYPE,
          "--XX\r\ncontent-disposition:form-data; name=\"f\"; "
          "filename=\"a%22b%0D%41.png\"\r\nCONTENT-TYPE: image/png\r\n\r\n"
          "\0\r\n--X\r\n--\r\n--XX--\r\n",
          "[f|a\"b\r%41.png|image/png|0\r\n--X\r\n--]");
    READS("Multipart/Form-Data; charset=x; Boundary=\"a:b\"", "--a:b--\r\n",
          "");
}

static void
only_a_good_boundary_is_one(void **state)
{
    static const char body[] = "--XX--\r\n";
    static const char *const types[] = {
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"XX",
        "multipart/form-data; boundary=XX; boundary=XX",
        "multipart/form-data; boundary=XX<",
        "multipart/form-data; boundary=YY",
        "multipart/form-datas; boundary=XX",
        "multipart/mixed; boundary=XX",
        "multipart/form-data; boundary=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    struct cnc__str out = CNC__STR;

    for (size_t i = 0; i < CNC_N(types); i++) {
        assert_int_equal(parse(&out, types[i], body, sizeof(body) - 1),
                         CNC_ESYNTAX);
    }
    assert_int_equal(out.len, 0);
}

#define ONE "--XX\r\n" CD "name=\"a\"\r\n\r\nx"

static void
what_is_damaged_or_could_be_read_in_two_ways_is_refused(void **state)
{
    static const struct {
        const char *body;
        size_t len;
    } bad[] = {
#define B(text) {text, sizeof(text) - 1}
        B(""),
        B("--XX"),
        B("--XX-"),
        B("preamble\r\n" ONE "\r\n--XX--"),
        B(ONE),
        B(ONE "\r\n--XX"),
        B(ONE "\r\n--XX\r\n"),
        B(ONE "\r\n--XX--trailer"),
        B(ONE "\r\n--XXX--"),
        B(ONE "\n--XX--"),
        B("--XX\n" CD "name=\"a\"\n\nx\n--XX--"),
        B("--XX\r\n\r\nx\r\n--XX--"),
        B("--XX\r\n" CD "name=a\r\n\r\nx\r\n--XX--"),
        B("--XX\r\n" CD "name=\"\"\r\n\r\nx\r\n--XX--"),
        B("--XX\r\n" CD "name=\"a\r\n\r\nx\r\n--XX--"),
        B("--XX\r\n" CD "name=\"a\"; name=\"b\"\r\n\r\nx\r\n--XX--"),
        B("--XX\r\n" CD "name=\"a\"; filename*=UTF-8''x\r\n\r\nx\r\n--XX--"),
        B("--XX\r\n" CD "name=\"a\"\r\n" CD "name=\"b\"\r\n\r\nx\r\n--XX--"),
        B("--XX\r\n" CD "name=\"a\0b\"\r\n\r\nx\r\n--XX--"),
        B("--XX\r\n" CD "name=\"\xff\"\r\n\r\nx\r\n--XX--"),
        B("--XX\r\n" CD "name=\"a\"\r\n folded: x\r\n\r\nx\r\n--XX--"
          "\r\n\r\n"),
        B("--XX\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx"
          "\r\n--XX--"),
        B("--XX\r\n" CD "name=\"a\"\r\nContent-Type: Multipart/Mixed; "
          "boundary=Y\r\n\r\n--Y--\r\n--XX--"),
        B("--XX\r\n" CD "name=\"a\"\r\nContent-Transfer-Encoding: base64"
          "\r\n\r\neA==\r\n--XX--"),
#undef B
    };

    for (size_t i = 0; i < CNC_N(bad); i++) {
        struct cnc__str out = CNC__STR;

        if (parse(&out, TYPE, bad[i].body, bad[i].len) != CNC_ESYNTAX) {
            fail_msg("taken: %s", bad[i].body);
        }
        cnc__str_fini(&out);
    }
}

static void
heads_and_parts_have_an_end(void **state)
{
    struct cnc__str body = CNC__STR, out = CNC__STR;

    cnc__str_puts(&body, "--XX\r\n" CD "name=\"a\"\r\nX: ");
    for (size_t i = 0; i < 5000; i++) {
        cnc__str_putc(&body, 'x');
    }
    cnc__str_puts(&body, "\r\n\r\nx\r\n--XX--");
    assert_int_equal(parse(&out, TYPE, body.data, body.len), CNC_ESYNTAX);
    cnc__str_clear(&body);
    cnc__str_puts(&body, "--XX\r\n" CD "name=\"a\"\r\n");
    for (size_t i = 0; i < 9; i++) {
        cnc__str_puts(&body, "X: y\r\n");
    }
    cnc__str_puts(&body, "\r\nx\r\n--XX--");
    assert_int_equal(parse(&out, TYPE, body.data, body.len), CNC_ESYNTAX);
    cnc__str_clear(&body);
    for (size_t i = 0; i < 5; i++) {
        cnc__str_puts(&body, ONE "\r\n");
    }
    cnc__str_puts(&body, "--XX--");
    assert_int_equal(parse(&out, TYPE, body.data, body.len), CNC_ELIMIT);
    cnc__str_fini(&body);
    cnc__str_fini(&out);
}

/* However large a part is, what is told of it is not held. */
static void
little_is_held_of_a_large_part(void **state)
{
    static const char head[] = "--XX\r\n" CD "name=\"a\"; filename=\"f\"\r\n"
                               "\r\n\r\n--X";
    struct cnc__str out = CNC__STR;
    struct cnc__multipart *m = cnc__multipart_new(TYPE, 4, &events, &out);
    size_t before;

    assert_int_equal(cnc__multipart_feed(m, head, sizeof(head) - 1), 0);
    before = out.len;
    assert_int_equal(cnc__multipart_feed(m, "y", 1), 0);
    assert_int_equal(out.len - before, 6); /* CR LF - - X y */
    for (size_t i = 0; i < 1000; i++) {
        before = out.len;
        assert_int_equal(cnc__multipart_feed(m, "\r\n--X\r", 6), 0);
        assert_true(out.len - before <= 6 + 5);
    }
    assert_int_equal(cnc__multipart_feed(m, "\r\n--XX--\r\n", 10), 0);
    assert_int_equal(cnc__multipart_finish(m), 0);
    cnc__multipart_free(&m);
    cnc__str_fini(&out);
}

static int
refuse(const char *data, size_t len, void *priv)
{
    return CNC_EACCES;
}

static void
what_a_reader_refuses_ends_it(void **state)
{
    static const struct cnc__multipart_events no = {on_begin, refuse, on_end};
    static const char body[] = ONE "\r\n--XX--";
    struct cnc__str out = CNC__STR;
    struct cnc__multipart *m = cnc__multipart_new(TYPE, 4, &no, &out);

    assert_int_equal(cnc__multipart_feed(m, body, sizeof(body) - 1),
                     CNC_EACCES);
    assert_int_equal(cnc__multipart_finish(m), CNC_EACCES);
    assert_string_equal(out.data, "[a|-||");
    cnc__multipart_free(&m);
    cnc__str_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(little_is_held_of_a_large_part),
        cmocka_unit_test(what_a_reader_refuses_ends_it),
        cmocka_unit_test(what_browsers_write_is_read),
        cmocka_unit_test(only_a_good_boundary_is_one),
        cmocka_unit_test(
            what_is_damaged_or_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(heads_and_parts_have_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
