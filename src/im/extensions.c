/* SPDX-License-Identifier: MIT */
/*
 * extensions.c -- what an account has.  The order is the order they are asked
 * in: who is blocked is heard by nothing else; the archive gives a message its
 * id before copies are made.
 */
#include "impl.h"

const struct cnc__im_ext *const cnc__im_all[] = {
    &cnc__im_blocking, &cnc__im_roster,       &cnc__im_archive,
    &cnc__im_carbons,  &cnc__im_offline,      &cnc__im_vcard,
    &cnc__im_private,  &cnc__im_registration, NULL,
};
