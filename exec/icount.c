/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual time from executed instructions (-icount): 2^shift ns each, so that a run is the same every
 * time as far as nothing comes from outside. Whose turn it is: icount-turns.c.
 *
 * 1. One vCPU at a time runs, in slices. A slice is as many instructions as it takes to the next virtual
 *    timer, or as its turn lasts; timers run between slices, on the vCPU's thread.
 * 2. Each region begins with a call of icount_take(), which charges all its instructions. In this
 *    mode regions end at the first exit, so leaving one earlier is a fault or a helper: the rest is
 *    given back by its position (icount_refund).
 * 3. A region that costs more than is left is not begun: the slice ends with single instructions.
 * 4. The virtual clock is read at any time: bias + count << shift.
 */
#include <inttypes.h>
#include "base/util/log.h"
#include "exec/exec-priv.h"

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
    e->config.single_thread = true;
    ic->shift = e->config.icount_shift;
    g_mutex_init(&ic->mutex);
    g_cond_init(&ic->cond);
    clock_virtual_take_driver(e->vm, &driver);
}

void icount_clear(ExecEngine *e)
{
    if (e->icount.on) {
        clock_virtual_take_driver(e->vm, NULL);
        g_mutex_clear(&e->icount.mutex);
        g_cond_clear(&e->icount.cond);
    }
}

/* ---- slices ---- */

int64_t icount_until_timer(ExecEngine *e)
{
    int64_t when = clock_deadline_ns(e->vm, CLOCK_KIND_VIRTUAL);

    return when == TIMER_NEVER ? TIMER_NEVER : when - clock_now_ns(e->vm, CLOCK_KIND_VIRTUAL);
}

void icount_begin(CpuState *cpu)
{
    ExecEngine *e = cpu->engine;
    Icount *ic = &e->icount;
    int64_t n = ic->left;

    vm_lock(e->vm);
    clock_virtual_run(e->vm);
    int64_t ns = icount_until_timer(e);
    vm_unlock(e->vm);
    if (ns >> ic->shift < n) {
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
    ic->left -= ic->slice - cpu->icount_budget;
    ic->done = count_locked(ic);
    __atomic_store_n(&ic->running, NULL, __ATOMIC_RELEASE);
    g_mutex_unlock(&ic->mutex);
}

void icount_shift_set(Icount *ic, unsigned shift)
{
    g_mutex_lock(&ic->mutex);
    ic->bias += (count_locked(ic) << ic->shift) - (count_locked(ic) << shift);
    ic->shift = shift;
    g_mutex_unlock(&ic->mutex);
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
    log_printf(LOG_STATEHASH, "statehash %" PRId64 " cpu %u pc 0x%" PRIx64 " %016" PRIx64 "\n",
               after - n, cpu->index, cpu_get_pc(cpu), state_hash(cpu));
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
    const uint64_t *pcs = tb->more ? tb->more->insn_pc : NULL;
    uint64_t pc = cpu_get_pc(cpu);

    for (unsigned i = 0; pcs && i < tb->n_insns; i++) {
        if (pcs[i] == pc) {
            cpu->icount_budget += tb->n_insns - i;
            return;
        }
    }
}
