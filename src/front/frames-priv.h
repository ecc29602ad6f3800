/* SPDX-License-Identifier: MIT */
/* frames-priv.h -- what the files of frames.h share. */
#ifndef CNC_FRONT_FRAMES_PRIV_H
#define CNC_FRONT_FRAMES_PRIV_H

#include "frames.h"

/* The features of a server as a client of ours may see them: a *new*, mutable
 * copy.  max_stanza: bytes that a client may say at once. */
struct cnc_element *cnc__frames_features(const struct cnc_element *features,
                                         uint32_t max_stanza);

#endif /* CNC_FRONT_FRAMES_PRIV_H */
