/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vCPU loop: exceptions, interrupts, region lookup, running; and the way out of translated code
 * (snapshots, longjmp).
 *
 *   cpu_thread: work, stop, halt ──▶ cpu_exec ──▶ loop_once ──▶ interp_run ──┐
 *        ▲                             ▲  ▲────────── siglongjmp ── cpu_raise ┘
 *        └── exit_request, halted ─────┘
 *
 * Invariants: outside interp_run the state in CpuState is precise and p->tb is NULL. The guest FP
 * environment is in the host MXCSR exactly while p->fp_live.
 */
#include <xmmintrin.h>
#include <string.h>
#include "base/util/log.h"
#include "exec/exec-priv.h"

#define MXCSR_DEFAULT 0x1f80u
#define MXCSR_STICKY  0x3fu

static __thread CpuState *current_cpu;

CpuState *cpu_current(void)
{
    return current_cpu;
}

void cpu_set_current(CpuState *cpu)
{
    current_cpu = cpu;
}

/* ---- guest FP environment ---- */

void cpu_fpenv_save(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    if (!p->fp_live) {
        return;
    }
    unsigned csr = _mm_getcsr();
    _mm_setcsr(MXCSR_DEFAULT);
    p->fp_live = false;
    if (cpu->ops->fpenv_put) {
        cpu->ops->fpenv_put(cpu, csr);
    }
}

static uint32_t host_csr(CpuState *cpu)
{
    return cpu->ops->fpenv_get ? cpu->ops->fpenv_get(cpu) | MXCSR_DEFAULT : MXCSR_DEFAULT;
}

void cpu_fpenv_load(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    if (p->fp_live || !p->tb) {
        return;
    }
    _mm_setcsr(host_csr(cpu));
    p->fp_live = true;
}

uint32_t cpu_fpenv_flags(const CpuState *cpu)
{
    return cpu->priv->fp_live ? _mm_getcsr() & MXCSR_STICKY : 0;
}

void cpu_fpenv_renew(CpuState *cpu)
{
    if (cpu->priv->fp_live && _mm_getcsr() != host_csr(cpu)) {
        _mm_setcsr(host_csr(cpu));
    }
}

/* ---- leaving translated code ---- */

static void apply_snapshot(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    const Tb *tb = p->tb;

    if (tb->host) {
        host_apply_snapshot(cpu);
        return;
    }
    const TbBytecode *bc = tb->more->bc;
    uint32_t s = bc->snap_of[p->ip - bc->code];

    if (!s) {
        return;
    }
    const BcSnap *snap = &bc->snaps[s];
    for (unsigned i = 0; i < snap->count; i++) {
        const BcSnapEntry *e = &bc->snap_entries[snap->first + i];
        memcpy((char *)cpu + e->offset, &p->frame[e->unit], e->size);
    }
    cpu_set_pc(cpu, snap->pc);
    if (cpu->ops->restore_state) {
        cpu->ops->restore_state(cpu, snap->pc, snap->aux);
    }
}

void cpu_sync_state(CpuState *cpu)
{
    if (priv_of(cpu)->tb) {
        apply_snapshot(cpu);
    }
}

static G_NORETURN void unwind(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    if (!p->jmp_set) {
        g_error("exception 0x%x outside the vCPU loop", (unsigned)cpu->exception);
    }
    if (UNLIKELY(cpu->engine->icount.on) && p->tb) {
        icount_refund(cpu);
    }
    siglongjmp(p->jmp, 1);
}

void cpu_raise(CpuState *cpu, int excp, uint32_t error)
{
    cpu_sync_state(cpu);
    cpu->exception = excp;
    cpu->excp_error = error;
    unwind(cpu);
}

void cpu_raise_internal(CpuState *cpu, int excp)
{
    cpu_raise(cpu, excp, 0);
}

void cpu_exit_to_loop(CpuState *cpu, int excp)
{
    cpu->exception = excp;
    unwind(cpu);
}

void cpu_halt(CpuState *cpu)
{
    cpu->halted = 1;
    cpu_exit_to_loop(cpu, CPU_EXCP_HALT);
}

/* ---- one turn of the loop ---- */

static bool debug_stop(CpuState *cpu)
{
    ExecEngine *e = cpu->engine;

    cpu->exception = CPU_EXCP_NONE;
    cpu->debug_cause = cpu->priv->debug_cause;
    cpu->priv->debug_cause = CPU_DEBUG_BREAK;
    if (cpu->ops->debug_exception && cpu->ops->debug_exception(cpu)) {
        return false;
    }
    if (e->debug_stop) {
        vm_lock(e->vm);
        e->debug_stop(cpu, e->debug_opaque);
        vm_unlock(e->vm);
    }
    return true;
}

/* An exception was dealt with: a single step ends there, at the handler's start. */
static void stepped(CpuState *cpu)
{
    cpu->exception = CPU_EXCP_NONE;
    if (cpu->singlestep) {
        cpu->exception = CPU_EXCP_DEBUG;
        cpu->priv->debug_cause = CPU_DEBUG_STEP;
    }
}

/* True: leave cpu_exec. */
static bool handle_exception(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    p->last_link = NULL;
    switch (cpu->exception) {
    case CPU_EXCP_HALT: stepped(cpu); return cpu->exception == CPU_EXCP_NONE;
    case CPU_EXCP_LOOP: stepped(cpu); return false;
    case CPU_EXCP_YIELD:
        cpu->exception = CPU_EXCP_NONE;
        p->yielded = true;
        if (!cpu->engine->icount
                 .on) { /* there the turn goes on, and the host would take its time */
            g_thread_yield();
        }
        return cpu->engine->config.single_thread;
    case CPU_EXCP_DEBUG: return debug_stop(cpu);
    case EXCP_BUDGET:
        cpu->exception = CPU_EXCP_NONE;
        p->count_out = true;
        return cpu->icount_budget <= 0;
    case EXCP_RETRY_ONE:
        cpu->exception = CPU_EXCP_NONE;
        p->one_insn = 1;
        return false;
    default: break;
    }
    if (log_enabled(LOG_INT)) {
        log_printf(LOG_INT, "cpu %u: exception 0x%x error 0x%x pc 0x%" G_GINT64_MODIFIER "x\n",
                   cpu->index, (unsigned)cpu->exception, cpu->excp_error, cpu_get_pc(cpu));
    }
    p->one_insn = 0;
    p->debug_after = false;
    cpu->ops->do_interrupt(cpu);
    stepped(cpu);
    return cpu->halted;
}

/* What is requested and not masked. */
static uint32_t open_requests(const CpuState *cpu)
{
    uint32_t request = cpu_irq_pending(cpu);

    return request && cpu->ops->irq_open && !cpu->ops->irq_open(cpu, request) ? 0 : request;
}

static bool handle_interrupts(CpuState *cpu, uint32_t request)
{
    CpuPriv *p = priv_of(cpu);

    if (p->one_insn || cpu->singlestep & CPU_STEP_NO_IRQ || !cpu->ops->poll_interrupt) {
        return false;
    }
    vm_lock(cpu->engine->vm);
    p->vm_locked = true;
    if (cpu->ops->poll_interrupt(cpu, request)) {
        p->last_link = NULL;
    }
    p->vm_locked = false;
    vm_unlock(cpu->engine->vm);
    return cpu->halted || cpu->exception != CPU_EXCP_NONE;
}

/* No Tb pointer is held here but last_link. */
static void announce_epoch(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    uint64_t now = __atomic_load_n(&cpu->engine->epoch, __ATOMIC_SEQ_CST);

    if (p->once) {
        tb_free(cpu->engine, p->once);
        p->once = NULL;
        p->last_link = NULL;
    }
    if (p->epoch != now) {
        p->last_link = NULL;
        __atomic_store_n(&p->epoch, now, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&cpu->engine->retired, __ATOMIC_RELAXED)) {
            tb_reclaim(cpu->engine);
        }
    }
}

Tb *tb_lookup_key(CpuState *cpu, const TbKey *key, uint32_t cflags, RamAddr *phys)
{
    if (!cflags) {
        Tb *tb = cpu->jump_cache[jc_index(key->vaddr)];
        if (tb && tb->key.pc == key->pc && tb->key.flags == key->flags &&
            tb->key.vaddr == key->vaddr && !__atomic_load_n(&tb->invalid, __ATOMIC_ACQUIRE)) {
            *phys = tb->phys;
            return tb;
        }
    }
    TlbFull *f =
        tlb_lookup(cpu, key->vaddr, MMU_ACCESS_EXEC, cpu->ops->fetch_mmu_idx(cpu), false, NULL);
    if (f->flags & TLBF_IO) {
        *phys = TB_NO_PAGE;
        return NULL;
    }
    *phys = f->ram_addr + (key->vaddr & ~GUEST_PAGE_MASK);
    return cflags & TBC_NOCACHE ? NULL : tb_find(cpu, key, *phys, cflags);
}

static void maybe_link(CpuState *cpu, Tb *tb)
{
    CpuPriv *p = priv_of(cpu);
    TbLink *l = p->last_link;

    p->last_link = NULL;
    if (!l || l->dst || tb->cflags || tb->key.pc != l->pc || log_enabled(LOG_NOCHAIN)) {
        return;
    }
    const Tb *src = tb_link_src(l);
    if (tb->key.flags != src->key.flags) {
        return;
    }
    bool self = l->loop && tb == src; /* mapped as when it was entered */
    bool cross = !self && (tb->n_pages != 1 || src->n_pages != 1 ||
                           ((tb->key.vaddr ^ src->key.vaddr) & GUEST_PAGE_MASK));
    tb_link(cpu->engine, l, tb, cross);
}

/* Something must be done between regions. */
static bool loop_wanted(const CpuState *cpu)
{
    const CpuPriv *p = cpu->priv;
    const ExecEngine *e = cpu->engine;

    return __atomic_load_n(&cpu->exit_request, __ATOMIC_RELAXED) || open_requests(cpu) ||
           cpu->singlestep || p->one_insn || p->count_out || p->debug_after || e->icount.on ||
           p->epoch != __atomic_load_n(&e->epoch, __ATOMIC_RELAXED) || log_enabled(LOG_NOCHAIN);
}

const void *loop_next(CpuState *cpu, TbLink *link)
{
    CpuPriv *p = priv_of(cpu);
    HostFrame *frame = p->hframe;
    RamAddr phys;
    TbKey key;

    if (loop_wanted(cpu)) {
        return NULL;
    }
    p->tb = NULL; /* a fault here is not of the region that was left */
    p->hframe = NULL;
    cpu->ops->get_tb_key(cpu, &key);
    Tb *tb = tb_lookup_key(cpu, &key, 0, &phys);
    if (!tb && phys != TB_NO_PAGE) {
        tb = translate_region(cpu, &key, phys, 0, NULL);
    }
    if (!tb || !tb->host) {
        return NULL;
    }
    tb_remember(p, tb);
    p->last_link = link;
    maybe_link(cpu, tb);
    p->tb = tb;
    p->hframe = frame;
    return tb->native;
}

static bool is_hot(const Tb *tb)
{
    return tb->draft && __atomic_load_n(&tb->heat, __ATOMIC_RELAXED) <= 0;
}

static void run_region(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    uint32_t cflags = 0;
    RamAddr phys;
    TbKey key;

    if (p->one_insn) {
        cflags = TBC_ONE | TBC_NOCACHE;
        p->watch_off = true;
    }
    if (p->count_out) {
        cflags |= TBC_ONE | TBC_NOCACHE;
    }
    if (cpu->singlestep) {
        cflags = TBC_ONE | TBC_STEP | TBC_NOCACHE;
    }
    cpu->ops->get_tb_key(cpu, &key);
    Tb *tb = tb_lookup_key(cpu, &key, cflags, &phys);
    Tb *hot = tb && is_hot(tb) ? tb : NULL;
    if (!tb || hot) {
        tb = translate_region(cpu, &key, phys, cflags, hot);
    }
    if (!(tb->cflags & TBC_NOCACHE)) {
        if (!cflags) {
            tb_remember(p, tb);
        }
        maybe_link(cpu, tb);
    }
    p->tb = tb;
    cpu->refused = 0;
    cpu_fpenv_load(cpu);
    if (tb->host) {
        host_run(cpu, tb);
    } else {
        interp_run(cpu, tb);
    }
    cpu_fpenv_save(cpu);
    p->watch_off = false;
    if (!cpu->refused) {
        bool watched = p->debug_after, debug = watched || cpu->singlestep;
        p->one_insn = 0;
        p->debug_after = false;
        if (debug) {
            p->debug_cause = watched ? CPU_DEBUG_WATCH : CPU_DEBUG_STEP;
            cpu->exception = CPU_EXCP_DEBUG;
        }
    }
}

/* True: leave cpu_exec. */
static bool loop_once(CpuState *cpu)
{
    announce_epoch(cpu);
    while (cpu->exception != CPU_EXCP_NONE) { /* handling a debug stop may leave the guest's own */
        if (handle_exception(cpu)) {
            return true;
        }
    }
    if (__atomic_load_n(&cpu->exit_request, __ATOMIC_RELAXED)) {
        __atomic_exchange_n(&cpu->exit_request, 0, __ATOMIC_SEQ_CST);
        return true;
    }
    uint32_t request = open_requests(cpu);
    if (request && handle_interrupts(cpu, request)) {
        return cpu->exception == CPU_EXCP_NONE;
    }
    run_region(cpu);
    return false;
}

/* Arrived by siglongjmp. */
static void landed(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    if (p->excl_depth) {
        p->excl_depth = 1;
        exclusive_end(cpu);
    }
    cpu_fpenv_save(cpu);
    p->tb = NULL;
    p->hframe = NULL;
    p->last_link = NULL;
    p->watch_off = false;
    translate_abort(p);
    if (p->vm_locked) {
        p->vm_locked = false;
        vm_unlock(cpu->engine->vm);
    }
}

void cpu_exec(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    CpuState *outer = current_cpu;

    current_cpu = cpu;
    p->last_link = NULL;
    p->in_exec = true;
    __atomic_store_n(&p->epoch, __atomic_load_n(&cpu->engine->epoch, __ATOMIC_SEQ_CST),
                     __ATOMIC_SEQ_CST);
    engine_enter(cpu);
    p->jmp_set = true;
    if (sigsetjmp(p->jmp, 0)) {
        landed(p->cpu);
    }
    while (!loop_once(p->cpu)) {
    }
    p->jmp_set = false;
    announce_epoch(p->cpu);
    engine_leave(p->cpu);
    __atomic_store_n(&p->epoch, UINT64_MAX, __ATOMIC_SEQ_CST);
    p->in_exec = false;
    current_cpu = outer;
}

/* ---- exclusive sections ---- */

void engine_enter(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    ExecEngine *e = cpu->engine;

    if (p->excl_depth || !p->in_exec) {
        return;
    }
    __atomic_store_n(&p->running, 1, __ATOMIC_SEQ_CST);
    if (LIKELY(!__atomic_load_n(&e->excl_pending, __ATOMIC_SEQ_CST))) {
        return;
    }
    __atomic_store_n(&p->running, 0, __ATOMIC_SEQ_CST);
    unsigned depth = vm_lock_drop_all(e->vm);
    g_mutex_lock(&e->excl_mutex);
    g_cond_broadcast(&e->excl_cond);
    while (e->excl_pending) {
        g_cond_wait(&e->excl_cond, &e->excl_mutex);
    }
    __atomic_store_n(&p->running, 1, __ATOMIC_SEQ_CST);
    g_mutex_unlock(&e->excl_mutex);
    vm_lock_retake(e->vm, depth);
}

void engine_leave(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    ExecEngine *e = cpu->engine;

    if (p->excl_depth || !p->in_exec) {
        return;
    }
    __atomic_store_n(&p->running, 0, __ATOMIC_SEQ_CST);
    if (UNLIKELY(__atomic_load_n(&e->excl_pending, __ATOMIC_SEQ_CST))) {
        g_mutex_lock(&e->excl_mutex);
        g_cond_broadcast(&e->excl_cond);
        g_mutex_unlock(&e->excl_mutex);
    }
}

static bool others_running(ExecEngine *e)
{
    unsigned n = __atomic_load_n(&e->n_cpus, __ATOMIC_ACQUIRE);

    bool running = false;
    g_mutex_lock(&e->list_mutex);
    for (unsigned i = 0; i < n && !running; i++) {
        CpuState *c = e->cpu_list[i];
        if (c && __atomic_load_n(&c->priv->running, __ATOMIC_SEQ_CST)) {
            __atomic_store_n(&c->exit_request, 1, __ATOMIC_SEQ_CST);
            running = true;
        }
    }
    g_mutex_unlock(&e->list_mutex);
    return running;
}

static void exclusive_take(ExecEngine *e)
{
    g_mutex_lock(&e->excl_mutex);
    __atomic_add_fetch(&e->excl_pending, 1, __ATOMIC_SEQ_CST);
    while (e->excl_held) {
        g_cond_wait(&e->excl_cond, &e->excl_mutex);
    }
    e->excl_held = true;
    while (others_running(e)) {
        g_cond_wait(&e->excl_cond, &e->excl_mutex);
    }
    g_mutex_unlock(&e->excl_mutex);
}

static void exclusive_give(ExecEngine *e)
{
    g_mutex_lock(&e->excl_mutex);
    e->excl_held = false;
    __atomic_sub_fetch(&e->excl_pending, 1, __ATOMIC_SEQ_CST);
    g_cond_broadcast(&e->excl_cond);
    g_mutex_unlock(&e->excl_mutex);
}

void exclusive_begin(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);
    ExecEngine *e = cpu->engine;

    if (p->excl_depth++) {
        return;
    }
    unsigned depth = vm_lock_drop_all(e->vm);
    p->excl_depth--;
    engine_leave(cpu);
    exclusive_take(e);
    p->excl_depth++;
    vm_lock_retake(e->vm, depth);
}

void exclusive_end(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    if (--p->excl_depth) {
        return;
    }
    exclusive_give(cpu->engine);
    engine_enter(cpu);
}

void cpu_run_exclusive(CpuState *cpu, CpuWorkFn fn, void *opaque)
{
    ExecEngine *e = cpu->engine;

    if (cpu_current() == cpu && cpu->priv->in_exec) {
        exclusive_begin(cpu);
        fn(cpu, opaque);
        exclusive_end(cpu);
        return;
    }
    unsigned depth = vm_lock_drop_all(e->vm);
    exclusive_take(e);
    vm_lock_retake(e->vm, depth);
    fn(cpu, opaque);
    exclusive_give(e);
}
