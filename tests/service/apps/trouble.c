/* SPDX-License-Identifier: MIT */
/* trouble.c -- an app that does what no app should; test_supervise.py. */
#include <concordance.h>
#include <stdlib.h>

static int
crash(struct cnc_request *r, struct cnc_element *form)
{
    volatile int *nowhere = NULL;

    return *nowhere;
}

static int
give_up(struct cnc_request *r, struct cnc_element *form)
{
    abort();
}

static int
loop(struct cnc_request *r, struct cnc_element *form)
{
    for (volatile unsigned long i = 0;; i++) {
    }
    return 0;
}

#ifdef TROUBLE_THREADED
#define FLAGS CNC_APP_THREADED
#else
#define FLAGS 0
#endif

CNC_APP(trouble, .flags = FLAGS, .xmlns = "urn:example:trouble",
        .commands = CNC_COMMANDS({"crash", "Crash", .run = crash},
                                 {"give-up", "Abort", .run = give_up},
                                 {"loop", "Loop", .run = loop}));
