/* SPDX-License-Identifier: MIT */
/*
 * store-tests.h -- a folder of its own for each test, and short ways to say
 * entries and operations.
 */
#ifndef CNC_TESTS_STORE_H
#define CNC_TESTS_STORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <concordance/store.h>

extern const struct cnc_store_driver *driver; /* the built module's */
extern char dir[64];                          /* this test's folder */

int setup_dir(void **state);
int teardown_dir(void **state);
void load_driver(void);
char *in_dir(const char *name); /* static storage */

struct cnc_store *must_open(void);
void must_commit(struct cnc_store *s, const struct cnc_store_op *ops,
                 size_t n);
struct cnc_store_op put_item(const char *node, const char *id, uint64_t seq,
                             const char *value);
/* Everything each() gives, a line an entry:
 * "kind node id seq created published publisher value" */
char *dump(struct cnc_store *s); /* new, for free_dump */
void free_dump(char *text);

extern const struct CMUnitTest fault_tests[];
extern const size_t n_fault_tests;

#endif /* CNC_TESTS_STORE_H */
