/* SPDX-License-Identifier: MIT */
/*
 * stanza.h -- raw stanza handlers and tasks of one app; used by apps.c.
 */
#ifndef CNC_APP_STANZA_H
#define CNC_APP_STANZA_H

#include "private.h"

int cnc__app_handlers_add(struct cnc__app *app, struct cnc_error *err);
int cnc__app_tasks_add(struct cnc__app *app, struct cnc_error *err);
void cnc__app_handlers_remove(struct cnc__app *app);
void cnc__app_tasks_remove(struct cnc__app *app);
void cnc__app_tasks_tick(struct cnc__app *app, uint64_t now_ms);

#endif /* CNC_APP_STANZA_H */
