/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compat lists: one per machine version, with what that version has and its predecessor had not, each switched
 * off. A machine type applies those of all versions after its own. These are the devices that any board may
 * have; boards add their own lists beside their types.
 *
 * To release a version: give each board a type of that name, and to the ones before it the list of the new one.
 */
#pragma once
#include "hw/core/machine.h"

extern const CompatProp hw_since_ferry_1_0[];
/* All that differs in the machine types which others know, too: the block of a memory backend has the
   backend's id for a name, not its path; a USB device with an address arrives configured. */
extern const CompatProp hw_stream_v3[];
extern const CompatProp *const hw_stream_v3_compat[]; /* that one alone */
