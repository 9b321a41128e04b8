/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding firmware images and option ROMs: the directories of -L, then where distributions put them.
 * VM lock held.
 */
#pragma once
#include "hw/core/device.h"

/* @dir is searched before the usual directories and after those added earlier. */
void firmware_add_dir(Vm *vm, const char *dir);
/* The path of @name, which may be a path itself. NULL + an error that says which package has it. */
char *firmware_find(Vm *vm, const char *name, GError **error);
