/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPU threads: start, stop, halt and wake, queued work, interrupts, and turns when all vCPUs
 * share one at a time.
 *
 * p->mutex guards work, stop_request, kicked, parked, quit. Who wants something of the thread sets
 * it there and kicks; the thread clears `kicked` before it looks for reasons to run and waits only
 * while it is still clear, so no wake-up is lost.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "exec/exec-priv.h"

void cpu_exit_request(CpuState *cpu)
{
    __atomic_store_n(&cpu->exit_request, 1, __ATOMIC_SEQ_CST);
}

void cpu_sleep(CpuState *cpu, gint64 until_us)
{
    CpuPriv *p = priv_of(cpu);

    p->asleep = true;
    if (until_us) {
        g_cond_wait_until(&p->cond, &p->mutex, until_us);
    } else {
        g_cond_wait(&p->cond, &p->mutex);
    }
    p->asleep = false;
}

void cpu_wake(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    if (p->asleep) { /* a signal is a system call, heard or not */
        g_cond_signal(&p->cond);
    }
}

void cpu_kick(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    cpu_exit_request(cpu);
    g_mutex_lock(&p->mutex);
    p->kicked = true;
    cpu_wake(cpu);
    g_mutex_unlock(&p->mutex);
    if (cpu->engine->icount.on) {
        icount_kick(cpu->engine);
    }
}

void cpu_interrupt(CpuState *cpu, uint32_t mask)
{
    __atomic_fetch_or(&cpu->irq_request, mask, __ATOMIC_SEQ_CST);
    cpu_kick(cpu);
}

void cpu_reset_interrupt(CpuState *cpu, uint32_t mask)
{
    __atomic_fetch_and(&cpu->irq_request, ~mask, __ATOMIC_SEQ_CST);
}

/* ---- queued work ---- */

static bool runs_here(CpuState *cpu)
{
    return !cpu->priv->started || cpu_current() == cpu;
}

static void enqueue(CpuState *cpu, CpuWork *w)
{
    CpuPriv *p = priv_of(cpu);

    g_mutex_lock(&p->mutex);
    *p->work_tail = w;
    p->work_tail = &w->next;
    g_mutex_unlock(&p->mutex);
    cpu_kick(cpu);
}

void cpu_run_on_async(CpuState *cpu, CpuWorkFn fn, void *opaque)
{
    if (runs_here(cpu)) {
        fn(cpu, opaque);
        return;
    }
    CpuWork *w = g_new0(CpuWork, 1);
    w->fn = fn;
    w->opaque = opaque;
    enqueue(cpu, w);
}

void cpu_run_on(CpuState *cpu, CpuWorkFn fn, void *opaque)
{
    CpuPriv *p = priv_of(cpu);

    if (runs_here(cpu)) {
        fn(cpu, opaque);
        return;
    }
    CpuWork w = { .fn = fn, .opaque = opaque, .sync = true };
    unsigned depth = vm_lock_drop_all(cpu->engine->vm);
    enqueue(cpu, &w);
    g_mutex_lock(&p->mutex);
    while (!w.done) {
        g_cond_wait(&p->done_cond, &p->mutex);
    }
    g_mutex_unlock(&p->mutex);
    vm_lock_retake(cpu->engine->vm, depth);
}

/* p->mutex held; dropped while the work runs. */
static void run_work(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    CpuWork *w = p->work;

    p->work = w->next;
    if (!p->work) {
        p->work_tail = &p->work;
    }
    p->working = true;
    g_mutex_unlock(&p->mutex);
    w->fn(cpu, w->opaque);
    g_mutex_lock(&p->mutex);
    p->working = false;
    if (w->sync) {
        w->done = true;
    } else {
        g_free(w);
    }
    g_cond_broadcast(&p->done_cond);
}

/* ---- turns, for thread=single ---- */

static void turn_take(CpuState *cpu)
{
    ExecEngine *e = cpu->engine;

    g_mutex_lock(&e->excl_mutex);
    uint64_t mine = e->turn_next++;
    while (e->turn_now != mine) {
        gint64 until = g_get_monotonic_time() + 2000;
        if (!g_cond_wait_until(&e->excl_cond, &e->excl_mutex, until) && e->turn_cpu) {
            cpu_exit_request(e->turn_cpu);
        }
    }
    e->turn_cpu = cpu;
    g_mutex_unlock(&e->excl_mutex);
}

static void turn_give(CpuState *cpu)
{
    ExecEngine *e = cpu->engine;

    g_mutex_lock(&e->excl_mutex);
    e->turn_now++;
    e->turn_cpu = NULL;
    g_cond_broadcast(&e->excl_cond);
    g_mutex_unlock(&e->excl_mutex);
}

/* ---- the thread ---- */

void cpu_run_guest(CpuState *cpu)
{
    bool turns = cpu->engine->config.single_thread && !cpu->engine->icount.on;

    if (cpu->halted) {
        cpu->singlestep &= CPU_STEP_ON; /* what woke it is the next step */
    }
    cpu->halted = 0;
    if (turns) {
        turn_take(cpu);
    }
    cpu_exec(cpu);
    if (turns) {
        turn_give(cpu);
    }
}

static bool has_work(CpuState *cpu)
{
    Vm *vm = cpu->engine->vm;

    vm_lock(vm);
    bool work = cpu->ops->has_work ? cpu->ops->has_work(cpu) : cpu_irq_pending(cpu) != 0;
    vm_unlock(vm);
    return work;
}

bool cpu_wants_to_run(CpuState *cpu)
{
    return !cpu->halted || cpu->exception != CPU_EXCP_NONE || has_work(cpu);
}

/* Until somebody lets it go on. */
static void park(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    p->parked = true;
    cpu->stopped = 1;
    g_cond_broadcast(&p->done_cond);
    if (cpu->engine->icount.on) {
        icount_step_aside(cpu);
    }
    while (!p->kicked) {
        cpu_sleep(cpu, 0);
    }
}

/* p->mutex held. */
static void one_turn(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    if (p->work) {
        run_work(cpu);
        return;
    }
    p->kicked = false;
    if (p->stop_request) {
        park(cpu);
        return;
    }
    p->parked = false;
    cpu->stopped = 0;
    if (p->pause_until_us) {
        cpu_hold_back(cpu);
        return;
    }
    if (cpu->engine->icount.on) {
        icount_turn(cpu);
        return;
    }
    g_mutex_unlock(&p->mutex);
    bool run = cpu_wants_to_run(cpu);
    if (run) {
        cpu_run_guest(cpu);
    }
    g_mutex_lock(&p->mutex);
    while (!run && !p->kicked && !p->work && !p->stop_request && !p->quit) {
        cpu_sleep(cpu, 0);
    }
}

gpointer cpu_thread(gpointer opaque)
{
    CpuState *cpu = opaque;
    CpuPriv *p = priv_of(cpu);
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    cpu_set_current(cpu);
    __atomic_store_n(&cpu->host_thread_id, gettid(), __ATOMIC_RELAXED);
    g_mutex_lock(&p->mutex);
    while (!p->quit) {
        one_turn(cpu);
    }
    while (p->work) {
        run_work(cpu);
    }
    p->parked = true;
    g_cond_broadcast(&p->done_cond);
    g_mutex_unlock(&p->mutex);
    return NULL;
}

void cpu_start(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    char name[16];

    if (p->started || cpu->engine->config.no_threads) {
        return;
    }
    cpu_attach_listeners(cpu);
    p->started = true;
    p->stop_request = true;
    snprintf(name, sizeof(name), "CPU %u/TCG", cpu->index);
    p->thread = g_thread_new(name, cpu_thread, cpu);
}

/* ---- stop and go ---- */

static void request_stop(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    g_mutex_lock(&p->mutex);
    p->stop_request = true;
    if (!p->started) {
        cpu->stopped = 1;
        p->parked = true;
    }
    g_mutex_unlock(&p->mutex);
    cpu_kick(cpu);
}

static void wait_stopped(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    if (!p->started || cpu_current() == cpu) {
        return; /* its own thread stops when it is back in the loop */
    }
    unsigned depth = vm_lock_drop_all(cpu->engine->vm);
    g_mutex_lock(&p->mutex);
    while (!p->parked && p->stop_request) {
        g_cond_wait(&p->done_cond, &p->mutex);
    }
    g_mutex_unlock(&p->mutex);
    vm_lock_retake(cpu->engine->vm, depth);
}

void cpu_pause(CpuState *cpu)
{
    request_stop(cpu);
    wait_stopped(cpu);
}

void cpu_resume(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    g_mutex_lock(&p->mutex);
    p->stop_request = false;
    p->parked = false;
    cpu->stopped = 0;
    g_mutex_unlock(&p->mutex);
    cpu_kick(cpu);
}

bool cpu_is_stopped(const CpuState *cpu)
{
    return cpu->stopped;
}

void engine_pause_own(ExecEngine *e)
{
    CpuState *cpu = cpu_current();

    if (cpu && cpu->engine == e) {
        request_stop(cpu);
    }
}

void engine_pause_all(ExecEngine *e)
{
    for (unsigned i = 0; i < engine_cpu_count(e); i++) {
        request_stop(engine_cpu(e, i));
    }
    for (unsigned i = 0; i < engine_cpu_count(e); i++) {
        wait_stopped(engine_cpu(e, i));
    }
}

void engine_resume_all(ExecEngine *e)
{
    if (e->icount.on) {
        icount_rebase(e);
    }
    for (unsigned i = 0; i < engine_cpu_count(e); i++) {
        if (!engine_cpu(e, i)->held) {
            cpu_resume(engine_cpu(e, i));
        } else if (e->icount.on) {
            cpu_kick(engine_cpu(e, i)); /* its turn goes to another */
        }
    }
}
