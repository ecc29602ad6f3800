/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../../src/xmpp/ws.h"

/* What a receiver said, as one line of text. */
static int
on_text(const char *data, size_t len, void *priv)
{
    cnc__str_printf(priv, "[text %zu ", len);
    cnc__str_add(priv, data, len < 20 ? len : 20);
    cnc__str_putc(priv, ']');
    return 0;
}

static int
on_ping(const char *data, size_t len, void *priv)
{
    cnc__str_printf(priv, "[ping %.*s]", (int)len, data);
    return 0;
}

static int
on_pong(void *priv)
{
    cnc__str_puts(priv, "[pong]");
    return 0;
}

static int
on_close(unsigned code, void *priv)
{
    cnc__str_printf(priv, "[close %u]", code);
    return 0;
}

static const struct cnc__ws_events events = {on_text, on_ping, on_pong,
                                             on_close};

/* Feed bytes in pieces of step bytes; says what came, then the error. */
static void
receive(struct cnc__str *said, bool server, uint32_t max, const char *bytes,
        size_t len, size_t step)
{
    struct cnc__ws ws;
    unsigned code = 0;
    int rc = 0;

    cnc__str_clear(said);
    cnc__ws_init(&ws, server, max);
    for (size_t i = 0; i < len && rc == 0; i += step) {
        size_t n = len - i < step ? len - i : step;
        char *piece = cnc__zalloc(n);

        memcpy(piece, bytes + i, n);
        rc = cnc__ws_feed(&ws, piece, n, &events, said, &code);
        cnc__free(piece);
    }
    if (rc != 0) {
        cnc__str_printf(said, "%s %u", cnc_err_name(rc), code);
    }
    cnc__ws_fini(&ws);
}

/* The same whatever the pieces are. */
static void
check_(bool server, const char *bytes, size_t len, const char *want, int line)
{
    struct cnc__str said = CNC__STR;

    for (size_t step = 1; step <= len; step++) {
        receive(&said, server, 1000, bytes, len, step);
        if (strcmp(cnc__str_c(&said), want) != 0) {
            print_error("line %d, pieces of %zu: wanted %s, got %s\n", line,
                        step, want, cnc__str_c(&said));
            fail();
        }
    }
    cnc__str_fini(&said);
}
#define CHECK(bytes, want)                                                    \
    check_(false, bytes, sizeof(bytes) - 1, want, __LINE__)
#define CHECK_SERVER(bytes, want)                                             \
    check_(true, bytes, sizeof(bytes) - 1, want, __LINE__)

static int
on_text_enough(const char *data, size_t len, void *priv)
{
    on_text(data, len, priv);
    return CNC_EAGAIN;
}

static void
a_receiver_may_stop_after_any_message(void **state)
{
    static const struct cnc__ws_events slow = {on_text_enough, on_ping,
                                               on_pong, on_close};
    struct cnc__str said = CNC__STR, wire = CNC__STR;
    struct cnc__ws ws;
    size_t at = 0, used, n_calls = 0;

    cnc__ws_init(&ws, true, 1000);
    cnc__ws_add_masked(&wire, CNC__WS_TEXT, "one", 3);
    cnc__ws_add_masked(&wire, CNC__WS_PING, "", 0);
    cnc__ws_add_masked(&wire, CNC__WS_TEXT, "two", 3);
    cnc__ws_add_masked(&wire, CNC__WS_TEXT, "three", 5);
    while (at < wire.len) {
        assert_int_equal(cnc__ws_feed_some(&ws, wire.data + at, wire.len - at,
                                           &used, &slow, &said, NULL),
                         CNC_EAGAIN);
        at += used;
        n_calls++;
    }
    assert_int_equal(n_calls, 3);
    assert_string_equal(said.data,
                        "[text 3 one][ping ][text 3 two][text 5 three]");
    cnc__ws_fini(&ws);
    cnc__str_fini(&said);
    cnc__str_fini(&wire);
}

static void
the_rfcs_handshake_key_is_accepted(void **state)
{
    char out[29];

    assert_int_equal(cnc__ws_accept(out, "dGhlIHNhbXBsZSBub25jZQ=="), 0);
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void
a_key_that_is_not_16_bytes_is_refused(void **state)
{
    char out[29];

    assert_int_equal(cnc__ws_accept(out, ""), CNC_ESYNTAX);
    assert_int_equal(cnc__ws_accept(out, "dGhlIHNhbXBsZSBub25j"), CNC_ESYNTAX);
    assert_int_equal(cnc__ws_accept(out, "not base64 at all!!!!!!"),
                     CNC_ESYNTAX);
}

/* RFC 6455 5.7 */
static void
the_rfcs_frames_are_read(void **state)
{
    CHECK("\x81\x05Hello", "[text 5 Hello]");
    CHECK_SERVER("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
                 "[text 5 Hello]");
    CHECK("\x01\x03Hel\x80\x02lo", "[text 5 Hello]");
    CHECK("\x89\x05Hello", "[ping Hello]");
    CHECK_SERVER("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "[pong]");
}

static void
control_frames_may_stand_inside_a_message(void **state)
{
    CHECK("\x01\x03Hel\x89\x02hi\x00\x01l\x8a\x02hi\x80\x01o",
          "[ping hi][pong][text 5 Hello]");
    CHECK("\x01\x00\x89\x00\x80\x00", "[ping ][text 0 ]");
    CHECK("\x81\x00\x81\x01x", "[text 0 ][text 1 x]");
}

static void
a_broken_frame_is_1002(void **state)
{
    CHECK("\xc1\x00", "CNC_EPROTO 1002");         /* RSV1 */
    CHECK("\x83\x00", "CNC_EPROTO 1002");         /* opcode 3 */
    CHECK("\x8b\x00", "CNC_EPROTO 1002");         /* opcode 11 */
    CHECK("\x80\x00", "CNC_EPROTO 1002");         /* continues nothing */
    CHECK("\x01\x00\x81\x00", "CNC_EPROTO 1002"); /* text inside text */
    CHECK("\x09\x00", "CNC_EPROTO 1002");         /* fragmented ping */
    CHECK("\x89\x7e\x00\x7e", "CNC_EPROTO 1002"); /* ping of 126 bytes */
    CHECK("\x81\x85", "CNC_EPROTO 1002");         /* masked by a server */
    CHECK_SERVER("\x81\x05", "CNC_EPROTO 1002");  /* a client that does not */
    CHECK("\x81\x7e\x00\x7d", "CNC_EPROTO 1002"); /* not the shortest form */
    CHECK("\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff", "CNC_EPROTO 1002");
    CHECK("\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", "CNC_EPROTO 1002");
}

static void
binary_is_1003(void **state)
{
    CHECK("\x82\x00", "CNC_EPROTO 1003");
}

static void
text_that_is_not_utf8_is_1007(void **state)
{
    CHECK("\x81\x02\xc3\xa9", "[text 2 \xc3\xa9]");
    CHECK("\x01\x01\xc3\x80\x01\xa9", "[text 2 \xc3\xa9]");
    CHECK("\x81\x01\xc3", "CNC_ESYNTAX 1007");
    CHECK("\x81\x03\xed\xa0\x80", "CNC_ESYNTAX 1007");
    CHECK("\x81\x02\xc0\x80", "CNC_ESYNTAX 1007");
    CHECK("\x88\x03\x03\xe8\xff", "CNC_ESYNTAX 1007");
}

static void
a_long_message_is_1009_before_it_is_kept(void **state)
{
    CHECK("\x81\x7e\x03\xe9", "CNC_ELIMIT 1009");
    CHECK("\x81\x7f\x00\x00\x7f\xff\xff\xff\xff\xff", "CNC_ELIMIT 1009");
    CHECK("\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", "CNC_ELIMIT 1009");
    CHECK("\x01\x01x\x80\x7e\x03\xe8", "CNC_ELIMIT 1009");
}

static void
nothing_counts_after_a_close(void **state)
{
    CHECK("\x88\x00\x81\x01x", "[close 1005]");
    CHECK("\x88\x02\x03\xe8\x81\x01x", "[close 1000]");
    CHECK("\x88\x05\x0b\xb8"
          "bye",
          "[close 3000]");
    CHECK("\x88\x01\x03", "CNC_EPROTO 1002");
    CHECK("\x88\x02\x03\xe7", "CNC_EPROTO 1002"); /* 999 */
    CHECK("\x88\x02\x03\xed", "CNC_EPROTO 1002"); /* 1005 */
    CHECK("\x88\x02\x0b\xb7", "CNC_EPROTO 1002"); /* 2999 */
}

static void
masked_text_of_every_length_comes_back(void **state)
{
    char text[700];
    struct cnc__str wire = CNC__STR, said = CNC__STR, want = CNC__STR;

    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)('!' + i % 90);
    }
    for (size_t len = 0; len <= sizeof(text); len++) {
        cnc__str_clear(&wire);
        cnc__str_clear(&want);
        cnc__ws_add_masked(&wire, CNC__WS_TEXT, text, len);
        on_text(text, len, &want);
        for (size_t step = 1; step < 40; step += 6) {
            receive(&said, true, 1000, wire.data, wire.len, step);
            assert_string_equal(said.data, want.data);
        }
        receive(&said, true, 1000, wire.data, wire.len, wire.len);
        assert_string_equal(said.data, want.data);
    }
    cnc__str_fini(&wire);
    cnc__str_fini(&said);
    cnc__str_fini(&want);
}

static void
heads_have_the_shortest_form(void **state)
{
    uint8_t head[10];

    assert_int_equal(cnc__ws_head(head, CNC__WS_TEXT, 125), 2);
    assert_int_equal(cnc__ws_head(head, CNC__WS_TEXT, 126), 4);
    assert_memory_equal(head, "\x81\x7e\x00\x7e", 4);
    assert_int_equal(cnc__ws_head(head, CNC__WS_TEXT, 65535), 4);
    assert_int_equal(cnc__ws_head(head, CNC__WS_TEXT, 65536), 10);
    assert_memory_equal(head, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
}

static void
a_long_reason_is_cut_between_characters(void **state)
{
    struct cnc__str out = CNC__STR, said = CNC__STR;
    char reason[200];

    memset(reason, 'x', sizeof(reason));
    memcpy(reason + 122, "\xc3\xa9", 3);
    cnc__ws_add_close(&out, 1001, reason);
    assert_int_equal(out.len, 2 + 2 + 122);
    receive(&said, false, 1000, out.data, out.len, out.len);
    assert_string_equal(said.data, "[close 1001]");
    cnc__str_fini(&out);
    cnc__str_fini(&said);
}

static void
an_idle_receiver_holds_no_memory(void **state)
{
    char part[] = "\x01\x02hi\x80\x03you";
    struct cnc__str said = CNC__STR;
    struct cnc__ws ws;

    cnc__ws_init(&ws, false, 1000);
    assert_int_equal(cnc__ws_feed(&ws, part, 4, &events, &said, NULL), 0);
    assert_non_null(ws.message.data);
    assert_int_equal(cnc__ws_feed(&ws, part + 4, 5, &events, &said, NULL), 0);
    assert_null(ws.message.data);
    assert_string_equal(said.data, "[text 5 hiyou]");
    cnc__str_fini(&said);
    cnc__ws_fini(&ws);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_handshake_key_is_accepted),
        cmocka_unit_test(a_key_that_is_not_16_bytes_is_refused),
        cmocka_unit_test(the_rfcs_frames_are_read),
        cmocka_unit_test(control_frames_may_stand_inside_a_message),
        cmocka_unit_test(a_broken_frame_is_1002),
        cmocka_unit_test(binary_is_1003),
        cmocka_unit_test(text_that_is_not_utf8_is_1007),
        cmocka_unit_test(a_long_message_is_1009_before_it_is_kept),
        cmocka_unit_test(nothing_counts_after_a_close),
        cmocka_unit_test(a_receiver_may_stop_after_any_message),
        cmocka_unit_test(masked_text_of_every_length_comes_back),
        cmocka_unit_test(heads_have_the_shortest_form),
        cmocka_unit_test(a_long_reason_is_cut_between_characters),
        cmocka_unit_test(an_idle_receiver_holds_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
