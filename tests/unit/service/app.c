/* SPDX-License-Identifier: MIT */
/* Modules to load: an app; with OLD an app of another version; with NONE
 * nothing that anybody asks for. */
#include <concordance.h>

#if defined(OLD)
CNC_API extern const struct cnc_app cnc_app_entry;
const struct cnc_app cnc_app_entry = {
    .abi = 99, .size = sizeof(struct cnc_app), .name = "app"};
#elif defined(NONE)
CNC_API extern const int nothing;
const int nothing = 0;
#else
CNC_APP(app, .xmlns = "urn:example:app");
#endif
