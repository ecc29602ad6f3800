/* SPDX-License-Identifier: MIT */
#include "parts.h"

const struct cnc__im_ext cnc__im_carbons = {.name = "carbons"};
