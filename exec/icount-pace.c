/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counted time against real time: -icount align=on makes a guest that is ahead wait, and tells when it
 * is late; shift=auto changes the length of an instruction until both clocks go at one pace. Neither
 * is deterministic. Real time while the VM is stopped does not count.
 */
#include "exec/exec-priv.h"

#define AHEAD_NS   ((int64_t)3000000)
#define LOOK_NS    ((int64_t)100000000)
#define OFF_NS     ((int64_t)20000000) /* nobody minds less */
#define TELL_NS    ((int64_t)1000000000)
#define TELL_EVERY ((int64_t)2000000000)

void icount_rebase(ExecEngine *e)
{
    __atomic_store_n(&e->icount.real_from, 0, __ATOMIC_RELEASE);
}

/* Longer instructions when the guest falls back, shorter ones when it runs away. */
static void adapt(Icount *ic, int64_t behind)
{
    unsigned shift = ic->shift;

    if (behind > OFF_NS && behind > ic->last_behind && shift < 10) {
        shift++;
    } else if (behind < -OFF_NS && behind < ic->last_behind && shift > 0) {
        shift--;
    }
    ic->last_behind = behind;
    if (shift != ic->shift) {
        icount_shift_set(ic, shift);
    }
}

static void wait_for_real_time(Icount *ic, int64_t ns)
{
    gint64 until = g_get_monotonic_time() + ns / 1000;

    g_mutex_lock(&ic->mutex);
    uint32_t kicks = ic->kicks;
    while (ic->kicks == kicks && g_cond_wait_until(&ic->cond, &ic->mutex, until)) {
    }
    g_mutex_unlock(&ic->mutex);
}

static void tell_late(Icount *ic, int64_t behind)
{
    if (ABS(behind - ic->last_behind) >= TELL_NS) {
        ic->last_behind = behind;
        g_warning("the guest is %.1f s behind real time", (double)MAX(behind, 0) / 1e9);
    }
}

void icount_keep_pace(ExecEngine *e)
{
    Icount *ic = &e->icount;
    const ExecConfig *c = &e->config;

    if (!c->icount_align && !c->icount_adapt) {
        return;
    }
    int64_t real = g_get_monotonic_time() * 1000, now = clock_now_ns(e->vm, CLOCK_KIND_VIRTUAL);
    if (!__atomic_load_n(&ic->real_from, __ATOMIC_ACQUIRE)) {
        __atomic_store_n(&ic->real_from, real, __ATOMIC_RELEASE);
        ic->virtual_from = now;
        ic->next_look = real + LOOK_NS;
        ic->last_behind = 0;
        return;
    }
    int64_t behind = (real - ic->real_from) - (now - ic->virtual_from);
    if (c->icount_align && behind < -AHEAD_NS) {
        wait_for_real_time(ic, -behind);
    }
    if (real < ic->next_look) {
        return;
    }
    if (c->icount_adapt) {
        adapt(ic, behind);
    } else {
        tell_late(ic, behind);
    }
    ic->next_look = real + (c->icount_adapt ? LOOK_NS : TELL_EVERY);
}
