/* SPDX-License-Identifier: MIT */
/* trouble.c -- an app that does what no app should; test_supervise.py. */
#include <concordance.h>
#include <stdlib.h>
#include <string.h>

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

/* 3 MB that nobody gives back. */
static int
leak(struct cnc_request *r, struct cnc_element *form)
{
    char *p = malloc(3 << 20);

    memset(p, 1, 3 << 20);
    cnc_note(r, "%p", (void *)p);
    return 0;
}

/* 100 MB that are given back, one way or another. */
static int
churn(struct cnc_request *r, struct cnc_element *form)
{
    static char *kept;

    for (int i = 0; i < 100; i++) {
        char *p = calloc(1, 1000);

        p = realloc(p, 1 << 20);
        free(kept);
        kept = p;
    }
    return 0;
}

/* Records that nobody gives back: about 1 MB. */
static int
hold(struct cnc_request *r, struct cnc_element *form)
{
    static const char xml[] =
        "<a xmlns='urn:x'><b>some text</b><c>some more text</c></a>";

    for (int i = 0; i < 5000; i++) {
        struct cnc_element *e = NULL;

        cnc_xml_parse(&e, xml, sizeof(xml) - 1, 0, NULL, NULL);
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
                                 {"leak", "Leak", .run = leak},
                                 {"churn", "Churn", .run = churn},
                                 {"hold", "Hold", .run = hold},
                                 {"loop", "Loop", .run = loop}));
