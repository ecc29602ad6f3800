/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include <concordance/buf.h>

#include "test.h"

static void
a_buf_holds_a_copy_and_a_nul(void **state)
{
    char text[] = "a\0b";
    struct cnc_buf *buf = cnc_buf_new(text, 3);
    text[0] = 'x';
    assert_int_equal(cnc_buf_len(buf), 3);
    assert_memory_equal(cnc_buf_data(buf), "a\0b\0", 4);
    cnc_buf_unref(&buf);
    assert_null(buf);
}

static void
an_empty_buf_needs_no_data(void **state)
{
    struct cnc_buf *buf = cnc_buf_new(NULL, 0);
    assert_int_equal(cnc_buf_len(buf), 0);
    assert_string_equal(cnc_buf_data(buf), "");
    cnc_buf_unref(&buf);
    cnc_buf_unref(&buf);
}

static void
the_last_reference_frees(void **state)
{
    struct cnc_buf *buf = cnc_buf_new("abc", 3);
    struct cnc_buf *other = cnc_buf_ref(buf);
    assert_ptr_equal(buf, other);
    cnc_buf_unref(&buf);
    assert_string_equal(cnc_buf_data(other), "abc");
    cnc_buf_unref(&other);
}

static void *
ref_and_unref(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        struct cnc_buf *buf = cnc_buf_ref(arg);
        cnc_buf_unref(&buf);
    }
    return NULL;
}

static void
threads_may_share_a_buf(void **state)
{
    struct cnc_buf *buf = cnc_buf_new("abc", 3);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, buf),
                         0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_string_equal(cnc_buf_data(buf), "abc");
    cnc_buf_unref(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buf_holds_a_copy_and_a_nul),
        cmocka_unit_test(an_empty_buf_needs_no_data),
        cmocka_unit_test(the_last_reference_frees),
        cmocka_unit_test(threads_may_share_a_buf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
