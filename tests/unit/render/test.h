/* SPDX-License-Identifier: MIT */
#ifndef TEST_RENDER_TEST_H
#define TEST_RENDER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif /* TEST_RENDER_TEST_H */
