/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other values for saved forms, by the kinds and ranges of their records alone: what a record allows on
 * the wire is generated, whether or not the device's check() likes it.
 */
#pragma once
#include "migration/vmstate/vmstate.h"

/* Fields of one saved form that can be changed, those of embedded records included. */
unsigned saved_leaves(const Record *record, const void *saved);
/* Changes the leaf with that number; returns "record.field" (a static buffer of @path). */
const char *saved_change(GRand *rand, const Record *record, void *saved, unsigned leaf,
                         char path[256]);
/* Brings what is out of its field's range into it: subsections that nobody needs may hold anything. */
void saved_clamp(const Record *record, void *saved);
