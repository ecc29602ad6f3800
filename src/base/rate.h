/* SPDX-License-Identifier: MIT */
/*
 * rate.h -- how often something may be done: n at once, and n in so many
 * seconds after that, for each key.  Bounded: with too many keys the first
 * ones are forgotten.
 */
#ifndef CNC_BASE_RATE_H
#define CNC_BASE_RATE_H

#include "check.h"

#define CNC__RATE_MAX 50000u /* keys */

struct cnc__rate;
CNC_API struct cnc__rate *cnc__rate_new(void);
CNC_API void cnc__rate_free(struct cnc__rate **rp);
/* Once more for this key, now (any clock in ms)?  What is refused does not
 * count.  n and seconds: at least 1. */
CNC_API bool cnc__rate_take(struct cnc__rate *r, const char *key, unsigned n,
                            unsigned seconds, uint64_t now_ms);

#endif /* CNC_BASE_RATE_H */
