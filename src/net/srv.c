/* SPDX-License-Identifier: MIT */
/* srv.c -- RFC 2782, "Usage rules". */
#include "srv.h"

static uint32_t
any_up_to(uint32_t most)
{
    uint64_t r;

    cnc__random(&r, sizeof(r));
    return (uint32_t)(r % ((uint64_t)most + 1)); /* the bias is 2^-32 */
}

/* Move number i to the front of the array. */
static void
move_first(struct cnc__srv_target *t, size_t i)
{
    struct cnc__srv_target chosen = t[i];

    memmove(&t[1], &t[0], i * sizeof(t[0]));
    t[0] = chosen;
}

/* Before another of the same priority: those of weight 0 come first, so that
 * they have a very small chance to be chosen. */
static bool
comes_before(const struct cnc__srv_target *a, const struct cnc__srv_target *b)
{
    return a->priority != b->priority ? a->priority < b->priority
                                      : a->weight == 0 && b->weight != 0;
}

void
cnc__srv_order(struct cnc__srv_target *targets, size_t n,
               uint32_t (*random)(uint32_t most))
{
    random = random == NULL ? any_up_to : random;
    for (size_t i = 1; i < n; i++) { /* few, and stable */
        size_t to = i;

        while (to > 0 && comes_before(&targets[i], &targets[to - 1])) {
            to--;
        }
        move_first(targets + to, i - to);
    }
    for (; n > 1; targets++, n--) {
        uint32_t sum = 0, chosen;
        size_t i = 0, same = 0;

        while (same < n && targets[same].priority == targets[0].priority) {
            sum += targets[same++].weight;
        }
        chosen = random(sum);
        for (uint32_t run = targets[0].weight; run < chosen;) {
            run += targets[++i].weight;
        }
        move_first(targets, i);
    }
}
