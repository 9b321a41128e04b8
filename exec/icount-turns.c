/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose turn it is under -icount: one vCPU at a time runs, and in which order they do is decided by
 * what the guest does only, never by when the host runs which thread.
 *
 * 1. The thread whose vCPU's index is in `turn` runs the guest; the others wait, and do queued work.
 * 2. A turn lasts TURN instructions, or until the vCPU halts or yields. Kicks from outside and timers
 *    interrupt it, but do not end it.
 * 3. Who ends his turn names the next, in the order of indexes, of those that have something to run.
 *    What was queued for a vCPU is done before it is asked: its outcome may be a reason to run.
 * 4. When none has, virtual time goes to the next timer: at once, or (sleep) after as much real time.
 */
#include "exec/exec-priv.h"

#define TURN ((int64_t)1 << 16)
/* ... when there is no other */
#define TURN_ALONE ((int64_t)1 << 24)
/* ... in ns, when real time matters */
#define TURN_PACED ((int64_t)1000000)

static bool my_turn(CpuState *cpu)
{
    return __atomic_load_n(&cpu->engine->icount.turn, __ATOMIC_ACQUIRE) == cpu->index;
}

void icount_kick(ExecEngine *e)
{
    Icount *ic = &e->icount;

    g_mutex_lock(&ic->mutex);
    ic->kicks++;
    g_cond_broadcast(&ic->cond);
    g_mutex_unlock(&ic->mutex);
}

static uint32_t kicks_so_far(Icount *ic)
{
    g_mutex_lock(&ic->mutex);
    uint32_t n = ic->kicks;
    g_mutex_unlock(&ic->mutex);
    return n;
}

/* Nothing is queued for a vCPU that waits for its turn. */
static void drain(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    g_mutex_lock(&p->mutex);
    while (p->started && (p->work || p->working)) {
        g_cond_wait(&p->done_cond, &p->mutex);
    }
    g_mutex_unlock(&p->mutex);
}

/* The first after @cpu, or it itself, that is not held and has something to run (@any: or not); pinned. */
static CpuState *next_of(CpuState *cpu, bool any)
{
    ExecEngine *e = cpu->engine;
    unsigned n = __atomic_load_n(&e->n_cpus, __ATOMIC_ACQUIRE);

    for (unsigned i = 1; i <= n; i++) {
        CpuState *c = engine_pin_cpu(e, (cpu->index + i) % n);
        if (!c) {
            continue;
        }
        if (!c->held) {
            if (any) {
                return c;
            }
            if (c != cpu) {
                drain(c);
            }
            if (cpu_wants_to_run(c)) {
                return c;
            }
        }
        engine_unpin_cpu(c);
    }
    return NULL;
}

static int64_t turn_length(ExecEngine *e)
{
    int64_t n = engine_cpu_count(e) > 1 ? TURN : TURN_ALONE;
    bool paced = e->config.icount_align || e->config.icount_adapt;

    return paced ? MIN(n, MAX(1, TURN_PACED >> e->icount.shift)) : n;
}

/* And unpins it. */
static void give_turn(CpuState *cpu, CpuState *next)
{
    CpuPriv *p = priv_of(next);
    ExecEngine *e = cpu->engine;

    e->icount.left = turn_length(e);
    if (next != cpu) {
        __atomic_store_n(&e->icount.turn, next->index, __ATOMIC_RELEASE);
        g_mutex_lock(&p->mutex);
        p->kicked = true;
        cpu_wake(next);
        g_mutex_unlock(&p->mutex);
    }
    engine_unpin_cpu(next);
}

void icount_leave(CpuState *cpu)
{
    ExecEngine *e = cpu->engine;

    if (!my_turn(cpu)) {
        return;
    }
    CpuState *next = next_of(cpu, true);
    for (unsigned i = 0; !next && i < e->n_cpus; i++) {
        next = engine_pin_cpu(e, i); /* held: it gives the turn on when it is let go */
    }
    if (next) {
        give_turn(cpu, next);
    }
}

/* p->mutex held, dropped meanwhile. */
void icount_step_aside(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    if (!cpu->held || !my_turn(cpu)) {
        return;
    }
    g_mutex_unlock(&p->mutex);
    CpuState *next = next_of(cpu, true);
    if (next) {
        give_turn(cpu, next);
    }
    g_mutex_lock(&p->mutex);
}

/* Nobody has anything to run since @kicks: to the next timer, or until somebody is kicked. */
static void idle(ExecEngine *e, uint32_t kicks)
{
    Icount *ic = &e->icount;

    vm_lock(e->vm);
    int64_t ns = clock_virtual_running(e->vm) ? icount_until_timer(e) : TIMER_NEVER;
    vm_unlock(e->vm);
    g_mutex_lock(&ic->mutex);
    if (ns == TIMER_NEVER) {
        while (ic->kicks == kicks) {
            g_cond_wait(&ic->cond, &ic->mutex);
        }
        g_mutex_unlock(&ic->mutex);
        return;
    }
    if (e->config.icount_sleep && ns > 0) {
        gint64 from = g_get_monotonic_time(), to = from + (ns + 999) / 1000;
        while (ic->kicks == kicks && g_cond_wait_until(&ic->cond, &ic->mutex, to)) {
        }
        if (ic->kicks != kicks) {
            ns = MIN(ns, (g_get_monotonic_time() - from) * 1000);
        }
    }
    ic->bias += MAX(ns, 0);
    g_mutex_unlock(&ic->mutex);
    vm_lock(e->vm);
    clock_virtual_run(e->vm);
    vm_unlock(e->vm);
}

/* Its turn: a slice, then maybe the next vCPU's turn. */
static void run_or_pass(CpuState *cpu, uint32_t kicks)
{
    CpuPriv *p = priv_of(cpu);
    Icount *ic = &cpu->engine->icount;

    if (ic->left > 0 && cpu_wants_to_run(cpu)) {
        icount_keep_pace(cpu->engine);
        p->yielded = false;
        icount_begin(cpu);
        cpu_run_guest(cpu);
        icount_end(cpu);
        if (ic->left > 0 && !cpu->halted && !p->yielded) {
            return;
        }
    }
    CpuState *next = next_of(cpu, false);
    if (next) {
        give_turn(cpu, next);
    } else {
        ic->left = 0;
        idle(cpu->engine, kicks);
    }
}

void icount_turn(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    if (!my_turn(cpu)) {
        while (!p->kicked && !p->work && !p->stop_request && !p->quit) {
            cpu_sleep(cpu, 0);
        }
        return;
    }
    uint32_t kicks = kicks_so_far(&cpu->engine->icount); /* before anybody can ask it to stop */
    g_mutex_unlock(&p->mutex);
    run_or_pass(cpu, kicks);
    g_mutex_lock(&p->mutex);
}
