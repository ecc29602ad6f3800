/* SPDX-License-Identifier: MIT */
/*
 * mark.h -- which app's handler runs now, for whoever has to say who did it:
 * a crash's handler, and the watch over the core's thread.
 */
#ifndef CNC_APP_MARK_H
#define CNC_APP_MARK_H

#include <concordance/types.h>

#include "../base/heap.h"

/* The app whose handler this thread runs, or NULL; may be called in a signal
 * handler.  Names live as long as their app. */
CNC_API const char *cnc__app_running(void);
/* The same of the core's thread, from any thread.  *call: which call it is, so
 * that one long call is told from many. */
CNC_API const char *cnc__app_running_core(uint64_t *call);

struct cnc__app_mark { /* of one call, on its caller's stack */
    const char *before;
    struct cnc__heap *heap; /* before */
    bool core;
};
/* Around every call of an app's code, whose memory goes to heap; core: on the
 * core's thread. */
void cnc__app_mark(struct cnc__app_mark *m, const char *app,
                   struct cnc__heap *heap, bool core);
void cnc__app_unmark(const struct cnc__app_mark *m);

#endif /* CNC_APP_MARK_H */
