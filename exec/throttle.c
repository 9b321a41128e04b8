/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Holding vCPUs back: by a share of the time (all of them in step, driven by one thread), or by the
 * number of pages that each may dirty a second (driven by the slow path of its own stores). Both only
 * set the time until which a vCPU pauses and ask it to leave translated code; cpu_hold_back() in the
 * vCPU loop sleeps. A pause gives way to stop requests and queued work, not to guest interrupts.
 */
#include "exec/exec-priv.h"

#define PERIOD_US    10000 /* of throttling up to 90% */
#define MIN_RUN_US   1000  /* above that the period gets longer */
#define BURST_NS     (50 * NS_PER_MS)
#define MIN_PAUSE_NS NS_PER_MS

static void pause_until(CpuState *cpu, gint64 until_us)
{
    CpuPriv *p = priv_of(cpu);

    g_mutex_lock(&p->mutex);
    p->pause_until_us = MAX(p->pause_until_us, until_us);
    g_mutex_unlock(&p->mutex);
    cpu_exit_request(cpu);
}

void cpu_hold_back(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    gint64 start = g_get_monotonic_time(), now = start;

    while (now < p->pause_until_us && !p->stop_request && !p->work && !p->quit) {
        cpu_sleep(cpu, p->pause_until_us);
        now = g_get_monotonic_time();
    }
    if (now >= p->pause_until_us) {
        p->pause_until_us = 0;
    }
    __atomic_store_n(&p->held_us, p->held_us + (uint64_t)(now - start), __ATOMIC_RELAXED);
}

/* ---- by time ---- */

/* e->throttle_mutex held. False: throttling ended. */
static bool throttle_wait(ExecEngine *e, gint64 until_us)
{
    while (e->throttle_percent && g_get_monotonic_time() < until_us) {
        g_cond_wait_until(&e->throttle_cond, &e->throttle_mutex, until_us);
    }
    return e->throttle_percent != 0;
}

static void throttle_period(unsigned percent, gint64 *run_us, gint64 *pause_us)
{
    *run_us = MAX(PERIOD_US * (gint64)(100 - percent) / 100, MIN_RUN_US);
    *pause_us = *run_us * percent / (100 - percent);
}

static gpointer throttle_thread(gpointer opaque)
{
    ExecEngine *e = opaque;
    gint64 run_us, pause_us;

    g_mutex_lock(&e->throttle_mutex);
    while (e->throttle_percent) {
        throttle_period(e->throttle_percent, &run_us, &pause_us);
        if (!throttle_wait(e, g_get_monotonic_time() + run_us)) {
            break;
        }
        gint64 until = g_get_monotonic_time() + pause_us;
        for (unsigned i = 0; i < engine_cpu_count(e); i++) {
            pause_until(engine_cpu(e, i), until);
        }
        throttle_wait(e, until);
    }
    g_mutex_unlock(&e->throttle_mutex);
    return NULL;
}

/* Nobody sleeps on for a limit that is gone. */
static void end_pause(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    g_mutex_lock(&p->mutex);
    p->pause_until_us = 0;
    cpu_wake(cpu);
    g_mutex_unlock(&p->mutex);
}

void engine_throttle(ExecEngine *e, unsigned percent)
{
    g_mutex_lock(&e->throttle_mutex);
    e->throttle_percent = MIN(percent, 99u);
    g_cond_signal(&e->throttle_cond);
    g_mutex_unlock(&e->throttle_mutex);
    if (percent && !e->throttle_thread) {
        e->throttle_thread = g_thread_new("cpu-throttle", throttle_thread, e);
    } else if (!percent && e->throttle_thread) {
        g_thread_join(g_steal_pointer(&e->throttle_thread));
        for (unsigned i = 0; i < engine_cpu_count(e); i++) {
            end_pause(engine_cpu(e, i));
        }
    }
}

/* ---- by dirtied pages ---- */

void cpu_dirtied_page(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    uint64_t limit = __atomic_load_n(&p->dirty_limit, __ATOMIC_RELAXED);

    __atomic_store_n(&p->dirty_pages, p->dirty_pages + 1, __ATOMIC_RELAXED);
    if (!limit) {
        return;
    }
    int64_t now = g_get_monotonic_time() * 1000;

    /* paid_ns: when the pages so far would have been dirtied at the limit. */
    p->paid_ns = MAX(p->paid_ns, now - BURST_NS) + (int64_t)(NS_PER_SEC / limit);
    if (p->paid_ns > now + MIN_PAUSE_NS) {
        pause_until(cpu, p->paid_ns / 1000);
    }
}

void engine_dirty_limit(ExecEngine *e, int index, uint64_t pages_per_second)
{
    for (unsigned i = 0; i < engine_cpu_count(e); i++) {
        if (index >= 0 && i != (unsigned)index) {
            continue;
        }
        __atomic_store_n(&priv_of(engine_cpu(e, i))->dirty_limit, pages_per_second,
                         __ATOMIC_RELAXED);
        if (!pages_per_second) {
            end_pause(engine_cpu(e, i));
        }
    }
}

bool engine_dirty_stats(const ExecEngine *e, unsigned index, VmCpuDirty *out)
{
    CpuState *cpu = engine_cpu(e, index);

    if (!cpu) {
        return false;
    }
    out->pages = __atomic_load_n(&priv_of(cpu)->dirty_pages, __ATOMIC_RELAXED);
    out->held_us = __atomic_load_n(&priv_of(cpu)->held_us, __ATOMIC_RELAXED);
    return true;
}
