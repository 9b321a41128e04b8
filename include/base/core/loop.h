/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main loop: GLib's default main context, run with the VM lock held except while it polls.
 *
 * Sources attached to the default context (g_unix_fd_add, g_timeout_add, g_idle_add, GSource)
 * therefore run under the VM lock. Other threads hand work over with loop_call().
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct Vm Vm;

/* Runs until loop_quit(); the caller holds the VM lock on entry and on return. */
void loop_run(Vm *vm);
void loop_quit(Vm *vm);
/* One iteration (tests, nested waits). @may_block as g_main_context_iteration. VM lock held. */
bool loop_iterate(Vm *vm, bool may_block);
/* Runs @fn(@opaque) in the main loop soon, under the VM lock. Any thread. */
void loop_call(Vm *vm, void (*fn)(void *opaque), void *opaque);
/* True in the thread that runs the main loop. */
bool loop_is_main_thread(Vm *vm);
/* Wakes the loop, so that it looks at timers again. Any thread. */
void loop_kick(Vm *vm);
