/* SPDX-License-Identifier: MIT */
/*
 * version.c -- the one object of the shared library that is its own; the
 * rooms are linked in whole.
 */
#include <concordance/types.h>

const char *
cnc_version(void)
{
    return CNC_VERSION;
}
