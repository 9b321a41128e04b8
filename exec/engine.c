/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life of the engine and of its vCPUs; the hooks from memory (dirty bits, topology) into it; what
 * debuggers set.
 */
#include <string.h>
#include <unistd.h>
#include "exec/exec-priv.h"

/* ---- hooks of base/memory; any thread ---- */

static void redirty(CpuState *cpu, void *opaque)
{
    GArray *pages = opaque;

    Vm *vm = cpu->engine->vm;

    for (unsigned i = 0; i < pages->len; i++) {
        RamAddr page = g_array_index(pages, RamAddr, i);
        if (ram_dirty_clean_mask(vm, page) & DIRTY_MASK(DIRTY_RATE)) {
            cpu_dirtied_page(cpu);
        }
        ram_dirty_set(vm, page, 1, DIRTY_MASK_ALL & ~DIRTY_MASK(DIRTY_CODE));
    }
    g_array_free(pages, TRUE);
}

/*
 * Dirty bits were cleared. Write tags go; but a vCPU may be between its tag check and its store, so
 * a page that had a tag is marked dirty once more when that vCPU is next outside translated code.
 * Also when it becomes a code page: the store would come after a migration round that finds no tag.
 */
static void ram_cleaned(void *opaque, RamAddr addr, uint64_t len)
{
    ExecEngine *e = opaque;
    unsigned n = __atomic_load_n(&e->n_cpus, __ATOMIC_ACQUIRE);
    uint64_t off;
    RamBlock *block = ram_block_from_addr(e->vm, addr, &off);

    if (!block) {
        return;
    }
    uintptr_t host = (uintptr_t)ram_block_host(block) + off;
    for (unsigned i = 0; i < n; i++) {
        CpuState *cpu = engine_pin_cpu(e, i);
        if (!cpu) {
            continue;
        }
        GArray *hit = cpu_current() == cpu ? NULL : g_array_new(FALSE, FALSE, sizeof(RamAddr));
        tlb_protect_host(cpu->priv, host, len, addr, hit);
        if (hit && hit->len && __atomic_load_n(&cpu->priv->in_exec, __ATOMIC_SEQ_CST)) {
            cpu_run_on_async(cpu, redirty, hit);
        } else if (hit) {
            g_array_free(hit, TRUE);
        }
        engine_unpin_cpu(cpu);
    }
}

static void ram_code_written(void *opaque, RamAddr addr, uint64_t len)
{
    ExecEngine *e = opaque;

    if (!tb_lock_mine(e)) {
        tb_invalidate_range(e, addr, len);
    }
}

static void flush_tlb_work(CpuState *cpu, void *opaque)
{
    cpu_tlb_flush(cpu);
}

static void topology_changed(MemoryListener *l, AddressSpace *as)
{
    struct CpuListener *cl = (struct CpuListener *)l;

    cpu_run_on_async(cl->cpu, flush_tlb_work, NULL);
}

void engine_flush_tlbs(ExecEngine *e)
{
    for (unsigned i = 0; i < engine_cpu_count(e); i++) {
        cpu_run_on_async(engine_cpu(e, i), flush_tlb_work, NULL);
    }
}

void engine_invalidate_ram(ExecEngine *e, RamAddr addr, uint64_t len)
{
    tb_invalidate_range(e, addr, len);
}

void engine_flush_translations(ExecEngine *e)
{
    tb_flush_all(e);
}

/* ---- engine ---- */

ExecEngine *engine_new(Vm *vm, const ExecConfig *config)
{
    ExecEngine *e = g_new0(ExecEngine, 1);

    e->vm = vm;
    if (config) {
        e->config = *config;
    }
    tb_cache_init(e);
    g_mutex_init(&e->list_mutex);
    g_cond_init(&e->list_cond);
    g_mutex_init(&e->excl_mutex);
    g_cond_init(&e->excl_cond);
    g_mutex_init(&e->throttle_mutex);
    g_cond_init(&e->throttle_cond);
    RamDirtyHooks hooks = { .cleaned = ram_cleaned, .code_written = ram_code_written, .opaque = e };
    ram_dirty_set_hooks(vm, &hooks);
    icount_setup(e);
    return e;
}

bool engine_name_code(ExecEngine *e, bool map, bool dump, GError **error)
{
    g_autofree char *m = map ? g_strdup_printf("/tmp/perf-%d.map", (int)getpid()) : NULL;
    g_autofree char *d = dump ? g_strdup_printf("jit-%d.dump", (int)getpid()) : NULL;

    if (m || d) {
        e->perf = perf_out_new(m, d, error);
    }
    return e->perf || (!m && !d);
}

void engine_free(ExecEngine *e)
{
    if (!e) {
        return;
    }
    RamDirtyHooks none = { 0 };
    engine_throttle(e, 0);
    icount_clear(e);
    tb_cache_clear(e);
    ram_dirty_set_hooks(e->vm, &none);
    slot_map_free(e->slot_map);
    perf_out_free(e->perf);
    host_code_free(e->host);
    g_mutex_clear(&e->list_mutex);
    g_cond_clear(&e->list_cond);
    g_mutex_clear(&e->excl_mutex);
    g_cond_clear(&e->excl_cond);
    g_mutex_clear(&e->throttle_mutex);
    g_cond_clear(&e->throttle_cond);
    g_free(e);
}

unsigned engine_cpu_count(const ExecEngine *e)
{
    unsigned n = __atomic_load_n(&e->n_cpus, __ATOMIC_ACQUIRE), live = 0;

    for (unsigned i = 0; i < n; i++) {
        live += e->cpu_list[i] != NULL;
    }
    return live;
}

CpuState *engine_cpu(const ExecEngine *e, unsigned index)
{
    unsigned n = __atomic_load_n(&e->n_cpus, __ATOMIC_ACQUIRE);

    for (unsigned i = 0; i < n; i++) {
        if (e->cpu_list[i] && index-- == 0) {
            return e->cpu_list[i];
        }
    }
    return NULL;
}

void engine_stats(const ExecEngine *e, ExecStats *out)
{
    *out = e->stats;
    out->tb_bytes = e->tb_bytes;
    if (e->host) {
        host_code_stats(e->host, out);
    }
}

void engine_set_debug_stop(ExecEngine *e, void (*fn)(CpuState *cpu, void *opaque), void *opaque)
{
    e->debug_stop = fn;
    e->debug_opaque = opaque;
}

/* ---- vCPU ---- */

void cpu_attach_listeners(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    for (unsigned i = 0; i < G_N_ELEMENTS(cpu->as); i++) {
        struct CpuListener *cl = &p->listeners[i];
        if (cpu->as[i] && !cl->as) {
            cl->cpu = cpu;
            cl->as = cpu->as[i];
            cl->l.changed = topology_changed;
            address_space_listener_add(cl->as, &cl->l);
        }
    }
}

/* No memory that can be executed, or an old host: the interpreter does it all. */
static void start_backend(ExecEngine *e)
{
    g_autoptr(GError) error = NULL;

    if (!e->config.jit) {
        return;
    }
    if (host_available()) {
        e->host = host_code_new(e->cache_max, e->slot_ops, e->slot_map, &error);
    }
    if (!e->host) {
        g_warning("guest code is interpreted: %s",
                  error ? error->message : "the host has no AVX2, BMI2 and FMA");
    }
}

void cpu_init(CpuState *cpu, ExecEngine *engine, const CpuTargetOps *ops, AddressSpace *as)
{
    CpuPriv *p = g_new0(CpuPriv, 1);
    unsigned slot = 0;

    cpu->ops = ops;
    cpu->engine = engine;
    cpu->priv = p;
    cpu->as[0] = as;
    cpu->exception = CPU_EXCP_NONE;
    p->cpu = cpu;
    p->epoch = UINT64_MAX;
    p->parked = true;
    p->work_tail = &p->work;
    p->breakpoints = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    p->watchpoints = g_array_new(FALSE, FALSE, sizeof(WatchPoint));
    p->raw = ir_builder_new(&ops->slots);
    p->low = ir_builder_new(&ops->slots);
    p->trans = g_new0(TransState, 1);
    g_mutex_init(&p->mutex);
    g_cond_init(&p->cond);
    g_cond_init(&p->done_cond);
    tlb_init(p);
    if (!engine->slot_map) {
        engine->slot_map = slot_map_new(&ops->slots);
        engine->slot_ops = ops;
        start_backend(engine);
    }
    g_assert(engine->slot_ops == ops);
    while (slot < engine->n_cpus && engine->cpu_list[slot]) {
        slot++;
    }
    g_assert(slot < G_N_ELEMENTS(engine->cpu_list));
    cpu->index = slot;
    engine->cpu_list[slot] = cpu;
    if (slot == engine->n_cpus) {
        __atomic_store_n(&engine->n_cpus, slot + 1, __ATOMIC_RELEASE);
        tb_flush_all(engine); /* what was translated for one vCPU does without locked operations */
    }
    cpu_attach_listeners(cpu);
}

static void stop_thread(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    if (!p->started) {
        return;
    }
    unsigned depth = vm_lock_drop_all(cpu->engine->vm);
    g_mutex_lock(&p->mutex);
    p->quit = true;
    g_mutex_unlock(&p->mutex);
    cpu_kick(cpu);
    g_thread_join(p->thread);
    p->started = false;
    vm_lock_retake(cpu->engine->vm, depth);
}

CpuState *engine_pin_cpu(ExecEngine *e, unsigned slot)
{
    g_mutex_lock(&e->list_mutex);
    CpuState *cpu = e->cpu_list[slot];
    if (cpu) {
        cpu->priv->pins++;
    }
    g_mutex_unlock(&e->list_mutex);
    return cpu;
}

void engine_unpin_cpu(CpuState *cpu)
{
    ExecEngine *e = cpu->engine;

    g_mutex_lock(&e->list_mutex);
    if (!--cpu->priv->pins) {
        g_cond_broadcast(&e->list_cond);
    }
    g_mutex_unlock(&e->list_mutex);
}

/* Nobody finds it from now on, and nobody holds it any more. Its thread has ended. */
static void leave_list(CpuState *cpu)
{
    ExecEngine *e = cpu->engine;

    g_mutex_lock(&e->tb_lock);
    g_mutex_lock(&e->list_mutex);
    e->cpu_list[cpu->index] = NULL;
    g_mutex_unlock(&e->list_mutex);
    g_mutex_unlock(&e->tb_lock);
    unsigned depth = vm_lock_drop_all(e->vm); /* who has pinned it may wait for the lock */
    g_mutex_lock(&e->list_mutex);
    while (cpu->priv->pins) {
        g_cond_wait(&e->list_cond, &e->list_mutex);
    }
    g_mutex_unlock(&e->list_mutex);
    vm_lock_retake(e->vm, depth);
    if (e->icount.on) {
        icount_leave(cpu);
    }
}

void cpu_clear(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    if (!p) {
        return;
    }
    stop_thread(cpu);
    for (unsigned i = 0; i < G_N_ELEMENTS(p->listeners); i++) {
        if (p->listeners[i].as) {
            address_space_listener_remove(p->listeners[i].as, &p->listeners[i].l);
        }
    }
    leave_list(cpu);
    if (p->once) {
        tb_free(cpu->engine, p->once);
    }
    tlb_free(p);
    host_gen_free(p->gen);
    ir_builder_free(p->raw);
    ir_builder_free(p->low);
    g_free(p->trans);
    g_free(p->trans_memo);
    g_aligned_free(p->frame_mem);
    g_array_free(p->breakpoints, TRUE);
    g_array_free(p->watchpoints, TRUE);
    g_mutex_clear(&p->mutex);
    g_cond_clear(&p->cond);
    g_cond_clear(&p->done_cond);
    g_free(p);
    cpu->priv = NULL;
}

void cpu_reset_common(CpuState *cpu)
{
    cpu->exception = CPU_EXCP_NONE;
    cpu->halted = 0;
    __atomic_store_n(&cpu->irq_request, 0, __ATOMIC_SEQ_CST);
    cpu->priv->one_insn = 0;
    cpu->priv->debug_after = false;
    cpu_tlb_flush(cpu);
}

/* ---- debugging ---- */

bool cpu_breakpoint_insert(CpuState *cpu, uint64_t pc)
{
    g_array_append_val(cpu->priv->breakpoints, pc);
    engine_flush_translations(cpu->engine);
    return true;
}

bool cpu_breakpoint_remove(CpuState *cpu, uint64_t pc)
{
    GArray *a = cpu->priv->breakpoints;

    for (unsigned i = 0; i < a->len; i++) {
        if (g_array_index(a, uint64_t, i) == pc) {
            g_array_remove_index_fast(a, i);
            engine_flush_translations(cpu->engine);
            return true;
        }
    }
    return false;
}

bool cpu_watchpoint_insert(CpuState *cpu, GuestVirt va, uint64_t len, uint32_t kind)
{
    WatchPoint w = { .va = va, .len = len, .kind = kind };

    if (!len || va + len - 1 < va) {
        return false;
    }
    g_array_append_val(cpu->priv->watchpoints, w);
    cpu_tlb_flush(cpu);
    return true;
}

bool cpu_watchpoint_remove(CpuState *cpu, GuestVirt va, uint64_t len, uint32_t kind)
{
    GArray *a = cpu->priv->watchpoints;

    for (unsigned i = 0; i < a->len; i++) {
        const WatchPoint *w = &g_array_index(a, WatchPoint, i);
        if (w->va == va && w->len == len && w->kind == kind) {
            g_array_remove_index_fast(a, i);
            cpu_tlb_flush(cpu);
            return true;
        }
    }
    return false;
}

void cpu_set_singlestep(CpuState *cpu, unsigned flags)
{
    cpu->singlestep = (uint8_t)(flags & CPU_STEP_ON ? flags : 0);
    cpu_exit_request(cpu);
}

void cpu_set_held(CpuState *cpu, bool held)
{
    cpu->held = held;
}

bool cpu_debug_rw(CpuState *cpu, GuestVirt va, void *buf, size_t len, bool write)
{
    uint8_t *b = buf;

    while (len) {
        size_t n = MIN(len, GUEST_PAGE_SIZE - (va & ~GUEST_PAGE_MASK));
        uint64_t pa;
        if (!cpu->ops->mmu_debug || !cpu->ops->mmu_debug(cpu, va, &pa)) {
            return false;
        }
        MemResult r = write ? address_space_write_rom(cpu->as[0], pa, b, n)
                            : address_space_read(cpu->as[0], pa, (MemAttrs){ 0 }, b, n);
        if (r != MEM_OK) {
            return false;
        }
        va += n;
        b += n;
        len -= n;
    }
    return true;
}
