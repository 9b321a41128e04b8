/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory backends: -object memory-backend-{ram,file,memfd}. A backend owns its RAM block; a machine
 * or a memory device claims it, once.
 */
#pragma once
#include "base/memory/ram.h"

/* The block of the backend with that id, now in use by the caller. Fails when there is no such
   backend, it is in use, or (@size != 0) its size differs; the text names both sizes. */
RamBlock *memory_backend_claim(Vm *vm, const char *id, uint64_t size, GError **error);
/* Gives it back (device unplugged). */
void memory_backend_release(Vm *vm, const char *id);
/* Bytes; 0 if there is no such backend. */
uint64_t memory_backend_size(Vm *vm, const char *id);

extern const TypeInfo memory_backend_types[];
extern const size_t memory_backend_types_n;
