/* SPDX-License-Identifier: MIT */
#include "../../../src/render/proto.h"
#include "test.h"

static const struct cnc__render_message sample = {
    .type = CNC__R_META,
    .call = 0x81020304,
    .n_fields = 4,
    .fields = {{"/", 1}, {"library", 7}, {"title", 5}, {"a\0b", 3}}};

static void
a_message_comes_back_as_it_was(void **state)
{
    struct cnc__str s = CNC__STR;
    struct cnc__render_message m;
    size_t used;
    cnc__render_encode(&s, &sample);
    size_t len = s.len;
    cnc__render_encode(&s, &sample);
    assert_int_equal(cnc__render_decode(&m, &used, s.data, s.len), 0);
    assert_int_equal(used, len);
    assert_int_equal(m.type, sample.type);
    assert_int_equal(m.call, sample.call);
    assert_int_equal(m.n_fields, sample.n_fields);
    for (size_t i = 0; i < m.n_fields; i++) {
        assert_int_equal(m.fields[i].len, sample.fields[i].len);
        assert_memory_equal(m.fields[i].data, sample.fields[i].data,
                            m.fields[i].len);
    }
    cnc__str_fini(&s);
}

static void
a_part_of_a_message_asks_for_more(void **state)
{
    struct cnc__str s = CNC__STR;
    struct cnc__render_message m;
    size_t used = 77;
    cnc__render_encode(&s, &sample);
    for (size_t n = 0; n < s.len; n++) {
        assert_int_equal(cnc__render_decode(&m, &used, s.data, n), CNC_EAGAIN);
    }
    assert_int_equal(used, 77);
    cnc__str_fini(&s);
}

static void
lengths_that_lie_are_refused(void **state)
{
    struct cnc__render_message m;
    size_t used;
    static const char huge[] = "\xff\xff\xff\xff";
    static const char tiny[] = "\x04\0\0\0\1\1\1\1\1";
    static const char past[] = "\x09\0\0\0\1\1\1\1\1\x02\0\0\0";
    static const char cut[] = "\x07\0\0\0\1\1\1\1\1\0\0";
    assert_int_equal(cnc__render_decode(&m, &used, huge, 4), CNC_ELIMIT);
    assert_int_equal(cnc__render_decode(&m, &used, tiny, sizeof(tiny) - 1),
                     CNC_EPROTO);
    assert_int_equal(cnc__render_decode(&m, &used, past, sizeof(past) - 1),
                     CNC_EPROTO);
    assert_int_equal(cnc__render_decode(&m, &used, cut, sizeof(cut) - 1),
                     CNC_EPROTO);
    char many[9 + 9 * 4] = {5 + 9 * 4};
    assert_int_equal(cnc__render_decode(&m, &used, many, sizeof(many)),
                     CNC_EPROTO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_back_as_it_was),
        cmocka_unit_test(a_part_of_a_message_asks_for_more),
        cmocka_unit_test(lengths_that_lie_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
