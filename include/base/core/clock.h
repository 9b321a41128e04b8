/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks and timers.
 *
 * Three clocks, in nanoseconds: REALTIME (monotonic, always runs), VIRTUAL (guest time: stops with
 * the VM, travels in a migration), HOST (wall clock, may jump). Under -accel qtest and -icount the
 * virtual clock is driven by its owner.
 *
 * Timers fire in the main loop with the VM lock held, never earlier than asked. All functions may
 * be called from any thread; callbacks of a timer never run after timer_cancel() returned to a
 * caller that holds the VM lock.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/util/units.h"

typedef struct Vm Vm;
typedef struct Clocks Clocks;
typedef struct Timer Timer;

typedef enum {
    CLOCK_KIND_REALTIME,
    CLOCK_KIND_VIRTUAL,
    CLOCK_KIND_HOST,
    CLOCK_KIND_COUNT
} ClockKind;

#define TIMER_NEVER INT64_MAX

int64_t clock_now_ns(Vm *vm, ClockKind kind);

/* The virtual clock: running state follows the run state (vm start/stop). */
void clock_virtual_enable(Vm *vm, bool running);
bool clock_virtual_running(Vm *vm);
/* The value that a migration saves and restores; set moves the clock (load only, VM stopped). */
int64_t clock_virtual_get(Vm *vm);
void clock_virtual_set(Vm *vm, int64_t ns);
/* qtest / icount: from now on the owner moves virtual time by hand. */
void clock_virtual_take_manual(Vm *vm);
/* Moves manual virtual time to @ns (never back), running timers due on the way, in order.
   VM lock held, main loop thread. */
void clock_virtual_advance(Vm *vm, int64_t ns);
/* Instruction counting: virtual time is what @driver says from now on; NULL: by hand again. */
typedef struct ClockDriver {
    int64_t (*now)(void *opaque); /* any thread */
    void (*set)(void *opaque, int64_t ns);
    void (*deadline)(void *opaque); /* the first timer is another; must not call back */
    void *opaque;
} ClockDriver;
void clock_virtual_take_driver(Vm *vm, const ClockDriver *driver);
/* Runs the virtual timers that are due. VM lock held; the driver's thread. */
void clock_virtual_run(Vm *vm);
/* Earliest deadline of the clock's timers, TIMER_NEVER if none. */
int64_t clock_deadline_ns(Vm *vm, ClockKind kind);

/* A timer that is not armed. @name shows in traces. Free with timer_free (cancels). */
Timer *timer_new(Vm *vm, ClockKind kind, const char *name, void (*cb)(void *opaque), void *opaque);
void timer_free(Timer *timer);
/* Arms for the absolute time @expire_ns of the timer's clock (in the past: as soon as possible). */
void timer_arm(Timer *timer, int64_t expire_ns);
/* Arms only if that is earlier than what is armed. */
void timer_arm_earlier(Timer *timer, int64_t expire_ns);
void timer_cancel(Timer *timer);
bool timer_pending(const Timer *timer);
/* TIMER_NEVER when not armed. */
int64_t timer_expire_ns(const Timer *timer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Timer, timer_free)
