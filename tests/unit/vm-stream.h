/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM's migration stream in memory: written by the source's own functions without a session, read by the
 * destination's, taken apart into items and put together again. For tests of what streams, also malicious ones, do.
 */
#pragma once
#include "migration/migration-priv.h"

/* The whole stream, as written to a file; @manifest: with one, which version 3 has not. VM lock not held. */
GBytes *vm_stream_save(Vm *vm, StreamFormat format, bool manifest);
/* Loads and installs; false + error, and then nothing of the devices was installed. VM lock not held. */
bool vm_stream_load(Vm *vm, Channel *c, GError **error);
/* The same in steps: load_stream() and what follows it come between. */
void vm_stream_open(Incoming *in, Vm *vm, Channel *c);
void vm_stream_close(Incoming *in);
/* Version 4: header and frames around items. */
GBytes *vm_stream_seal(GPtrArray *items);
/* The items of a version 4 stream. */
GPtrArray *vm_stream_items(GBytes *stream);
