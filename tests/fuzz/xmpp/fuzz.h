/* SPDX-License-Identifier: MIT */
/* fuzz.h -- what libFuzzer, or driver.c in its place, calls. */
#ifndef CNC_TESTS_FUZZ_H
#define CNC_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* CNC_TESTS_FUZZ_H */
