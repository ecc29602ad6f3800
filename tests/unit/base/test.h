/* SPDX-License-Identifier: MIT */
/* test.h -- cmocka, which wants these headers before its own. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#endif /* TEST_H */
