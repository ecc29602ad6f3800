/* SPDX-License-Identifier: MIT */
#include "net-tests.h"

#define GROUP(name)                                                           \
    _cmocka_run_group_tests("net-" #name, name##_tests, n_##name##_tests,     \
                            NULL, NULL)

int
main(void)
{
    int failed = GROUP(http);

    failed += GROUP(body);
    failed += GROUP(limit);
    failed += GROUP(ws);
    failed += GROUP(link);
    failed += GROUP(tls);
    failed += GROUP(dial);
    failed += GROUP(xmpp);
    failed += GROUP(near);
    failed += GROUP(handed);
    return failed == 0 ? 0 : 1;
}
