/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secrets: -object secret,id=ID,data=TEXT or file=PATH, [format=raw|base64]. Passwords and keys
 * that other objects refer to by id. VM lock held.
 */
#pragma once
#include "base/core/object.h"

/* The bytes of the secret @id, a full reference; NULL + error if there is none. */
GBytes *secret_bytes(Vm *vm, const char *id, GError **error);

extern const TypeInfo secret_types[];
extern const size_t secret_types_n;
