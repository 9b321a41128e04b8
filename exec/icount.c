/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual time from executed instructions (-icount): 2^shift ns each, so that a run is the same every
 * time as far as nothing comes from outside.
 *
 * 1. The vCPU runs in slices. A slice is as many instructions as it takes to the next virtual timer;
 *    timers run between slices, on the vCPU's thread.
 * 2. Each region begins with a call of icount_take(), which charges all its instructions. In this
 *    mode regions end at the first exit, so leaving one earlier is a fault or a helper: the rest is
 *    given back by its position (icount_refund).
 * 3. A region that costs more than is left is not begun: the slice ends with single instructions.
 * 4. The virtual clock is read at any time: bias + count << shift. While all is idle it jumps to the
 *    next timer, at once or (sleep) after as much real time.
 */
#include <inttypes.h>
#include "base/util/log.h"
#include "exec/exec-priv.h"

#define SLICE_MAX ((int64_t)1 << 24)
/* -d statehash: a line every so many instructions */
#define HASH_BITS 18

static int64_t count_locked(const Icount *ic)
{
    const CpuState *cpu = ic->running;

    return ic->done +
           (cpu ? ic->slice - __atomic_load_n(&cpu->icount_budget, __ATOMIC_RELAXED) : 0);
}

static int64_t icount_now(void *opaque)
{
    Icount *ic = &((ExecEngine *)opaque)->icount;

    g_mutex_lock(&ic->mutex);
    int64_t ns = ic->bias + (count_locked(ic) << ic->shift);
    g_mutex_unlock(&ic->mutex);
    return ns;
}

static void icount_set(void *opaque, int64_t ns)
{
    Icount *ic = &((ExecEngine *)opaque)->icount;

    g_mutex_lock(&ic->mutex);
    ic->bias = ns - (count_locked(ic) << ic->shift);
    g_mutex_unlock(&ic->mutex);
}

/* A timer was armed: the slice may have become too long. */
static void icount_deadline(void *opaque)
{
    CpuState *cpu = __atomic_load_n(&((ExecEngine *)opaque)->icount.running, __ATOMIC_ACQUIRE);

    if (cpu) {
        cpu_exit_request(cpu);
    }
}

void icount_setup(ExecEngine *e)
{
    Icount *ic = &e->icount;

    ic->on = e->config.icount;
    if (!ic->on) {
        return;
    }
    ClockDriver driver = {
        .now = icount_now, .set = icount_set, .deadline = icount_deadline, .opaque = e
    };
    ic->shift = e->config.icount_shift;
    g_mutex_init(&ic->mutex);
    clock_virtual_take_driver(e->vm, &driver);
}

void icount_clear(ExecEngine *e)
{
    if (e->icount.on) {
        clock_virtual_take_driver(e->vm, NULL);
        g_mutex_clear(&e->icount.mutex);
    }
}

/* ---- slices ---- */

static int64_t until_timer(ExecEngine *e)
{
    int64_t when = clock_deadline_ns(e->vm, CLOCK_KIND_VIRTUAL);

    return when == TIMER_NEVER ? TIMER_NEVER : when - clock_now_ns(e->vm, CLOCK_KIND_VIRTUAL);
}

void icount_begin(CpuState *cpu)
{
    ExecEngine *e = cpu->engine;
    Icount *ic = &e->icount;
    int64_t n = SLICE_MAX;

    vm_lock(e->vm);
    clock_virtual_run(e->vm);
    int64_t ns = until_timer(e);
    vm_unlock(e->vm);
    if (ns < SLICE_MAX << ic->shift) {
        n = MAX(1, (ns + (1 << ic->shift) - 1) >> ic->shift);
    }
    g_mutex_lock(&ic->mutex);
    ic->slice = cpu->icount_budget = n;
    __atomic_store_n(&ic->running, cpu, __ATOMIC_RELEASE);
    g_mutex_unlock(&ic->mutex);
    cpu->priv->count_out = false;
}

void icount_end(CpuState *cpu)
{
    Icount *ic = &cpu->engine->icount;

    g_mutex_lock(&ic->mutex);
    ic->done = count_locked(ic);
    __atomic_store_n(&ic->running, NULL, __ATOMIC_RELEASE);
    g_mutex_unlock(&ic->mutex);
}

/* Nothing runs: to the next timer. p->mutex held, dropped meanwhile. False: there is no timer. */
bool icount_idle(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    ExecEngine *e = cpu->engine;
    Icount *ic = &e->icount;

    g_mutex_unlock(&p->mutex);
    vm_lock(e->vm);
    int64_t ns = clock_virtual_running(e->vm) ? until_timer(e) : TIMER_NEVER;
    vm_unlock(e->vm);
    g_mutex_lock(&p->mutex);
    if (ns == TIMER_NEVER) {
        return false;
    }
    gint64 from = g_get_monotonic_time(), to = from + ns / 1000;
    while (e->config.icount_sleep && ns > 0 && !p->kicked && !p->work && !p->stop_request) {
        if (!g_cond_wait_until(&p->cond, &p->mutex, to)) {
            break;
        }
    }
    if (e->config.icount_sleep && p->kicked) {
        ns = MIN(ns, (g_get_monotonic_time() - from) * 1000);
    }
    g_mutex_unlock(&p->mutex);
    g_mutex_lock(&ic->mutex);
    ic->bias += MAX(ns, 0);
    g_mutex_unlock(&ic->mutex);
    vm_lock(e->vm);
    clock_virtual_run(e->vm);
    vm_unlock(e->vm);
    g_mutex_lock(&p->mutex);
    return true;
}

/* ---- regions ---- */

/* What the guest can see, but not the flags, which may be dead. */
static uint64_t state_hash(const CpuState *cpu)
{
    const IrSlotTable *t = &cpu->ops->slots;
    uint64_t h = 0xcbf29ce484222325u;

    for (unsigned s = 0; s < t->count; s++) {
        const uint8_t *at = (const uint8_t *)cpu + t->slots[s].offset;
        for (unsigned i = 0; i < t->slots[s].size && !t->slots[s].group; i++) {
            h = (h ^ at[i]) * 0x100000001b3u;
        }
    }
    return h;
}

static void log_hash(CpuState *cpu, unsigned n)
{
    const Icount *ic = &cpu->engine->icount;
    int64_t after = count_locked(ic);

    if ((after - n) >> HASH_BITS == after >> HASH_BITS && after != n) {
        return;
    }
    cpu_sync_state(cpu);
    log_printf(LOG_STATEHASH, "statehash %" PRId64 " pc 0x%" PRIx64 " %016" PRIx64 "\n", after - n,
               cpu_get_pc(cpu), state_hash(cpu));
}

uint64_t helper_icount_take(CpuState *cpu, uint64_t n)
{
    cpu->icount_budget -= n;
    if (UNLIKELY(cpu->icount_budget < 0)) {
        cpu_raise_internal(cpu, EXCP_BUDGET); /* and all of it is given back */
    }
    if (UNLIKELY(log_enabled(LOG_STATEHASH))) {
        log_hash(cpu, n);
    }
    return 0;
}

HELPER(icount_take, IR_VOID, HELPER_FAULTS, HARG_I64);

void icount_refund(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    const Tb *tb = p->hframe ? host_current(cpu) : p->tb;
    uint64_t pc = cpu_get_pc(cpu);

    for (unsigned i = 0; tb->insn_pc && i < tb->n_insns; i++) {
        if (tb->insn_pc[i] == pc) {
            cpu->icount_budget += tb->n_insns - i;
            return;
        }
    }
}
