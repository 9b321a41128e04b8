/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The software TLB: fill from the target's page walk and the address space, victim rows, flushes.
 *
 * Only the home thread fills, moves and flushes rows. Another thread may take the write tag away
 * (tlb_protect_host) by compare-and-swap. So whoever installs a write tag looks at the dirty bits
 * once more afterwards: the cleaner clears bits first and scans tags second.
 */
#include <string.h>
#include "exec/exec-priv.h"

static void row_clear(CpuTlb *t, unsigned i)
{
    uint64_t off = (uint64_t)(~i & (TLB_SIZE - 1)) << GUEST_PAGE_BITS;

    for (unsigned k = 0; k < 3; k++) {
        __atomic_store_n(&t->table[i].tag[k], off, __ATOMIC_RELAXED);
    }
    t->full[i].flags = 0;
}

static void victims_clear(CpuTlb *t)
{
    for (unsigned v = 0; v < TLB_VICTIMS; v++) {
        t->victim_full[v].flags = 0;
        __atomic_store_n(&t->victim[v].tag[ACCESS_WRITE], (uint64_t)-1, __ATOMIC_RELAXED);
    }
}

static void mode_flush(CpuTlb *t)
{
    if (t->n_filled <= TLB_FILL_LOG) {
        for (unsigned i = 0; i < t->n_filled; i++) {
            row_clear(t, t->filled[i]);
        }
    } else {
        for (unsigned i = 0; i < TLB_SIZE; i++) {
            row_clear(t, i);
        }
    }
    if (t->n_filled) {
        victims_clear(t);
    }
    t->n_filled = 0;
    t->large_mask = ~(uint64_t)0;
    t->large_page = ~(uint64_t)0;
    t->has_global = false;
}

void tlb_init(CpuPriv *p)
{
    unsigned n = p->cpu->ops->mmu_modes;

    g_assert(n >= 1 && n <= CPU_MMU_MODES);
    p->tlb = g_aligned_alloc0(n, sizeof(CpuTlb), 64);
    for (unsigned m = 0; m < n; m++) {
        p->tlb[m].n_filled = TLB_FILL_LOG + 1;
        mode_flush(&p->tlb[m]);
    }
    phys_cache_clear(p);
}

void tlb_free(CpuPriv *p)
{
    g_aligned_free(p->tlb);
}

/* The write tag the entry may have now: only RAM whose dirty bits are all set, unwatched. */
static void set_write_tag(CpuPriv *p, TlbEntry *e, const TlbFull *f)
{
    uint64_t off = tlb_tag_off(f->page);
    Vm *vm = p->cpu->engine->vm;

    if (!(f->flags & TLBF_W) || (f->flags & (TLBF_IO | TLBF_ROM | TLBF_WATCH)) ||
        ram_dirty_clean_mask(vm, f->ram_addr)) {
        __atomic_store_n(&e->tag[ACCESS_WRITE], off, __ATOMIC_RELAXED);
        return;
    }
    __atomic_store_n(&e->tag[ACCESS_WRITE], f->page, __ATOMIC_SEQ_CST);
    if (UNLIKELY(ram_dirty_clean_mask(vm, f->ram_addr))) {
        __atomic_store_n(&e->tag[ACCESS_WRITE], off, __ATOMIC_RELAXED);
    }
}

static void set_tags(CpuPriv *p, TlbEntry *e, const TlbFull *f)
{
    uint64_t off = tlb_tag_off(f->page);
    bool direct = !(f->flags & (TLBF_IO | TLBF_WATCH));

    __atomic_store_n(&e->tag[ACCESS_WRITE], off, __ATOMIC_SEQ_CST);
    __atomic_store_n(&e->addend, (uintptr_t)f->host - f->page, __ATOMIC_SEQ_CST);
    e->tag[ACCESS_READ] = direct && (f->flags & TLBF_R) ? f->page : off;
    e->tag[ACCESS_EXEC] = direct && (f->flags & TLBF_X) ? f->page : off;
    set_write_tag(p, e, f);
}

static bool page_watched(const CpuPriv *p, uint64_t page)
{
    for (unsigned i = 0; i < p->watchpoints->len; i++) {
        const WatchPoint *w = &g_array_index(p->watchpoints, WatchPoint, i);
        if (w->va < page + GUEST_PAGE_SIZE && page <= w->va + w->len - 1) {
            return true;
        }
    }
    return false;
}

static void log_fill(CpuTlb *t, unsigned i)
{
    if (t->n_filled < TLB_FILL_LOG) {
        t->filled[t->n_filled] = i;
    }
    if (t->n_filled <= TLB_FILL_LOG) {
        t->n_filled++;
    }
}

static void to_victim(CpuTlb *t, unsigned i)
{
    unsigned v = t->next_victim++ % TLB_VICTIMS;

    if (!(t->full[i].flags & TLBF_VALID)) {
        return;
    }
    t->victim_full[v] = t->full[i];
    t->victim[v] = t->table[i];
}

static bool from_victim(CpuPriv *p, CpuTlb *t, unsigned i, uint64_t page)
{
    for (unsigned v = 0; v < TLB_VICTIMS; v++) {
        if ((t->victim_full[v].flags & TLBF_VALID) && t->victim_full[v].page == page) {
            TlbFull f = t->victim_full[v];
            t->victim_full[v] = t->full[i];
            t->victim[v] = t->table[i];
            t->full[i] = f;
            set_tags(p, &t->table[i], &f);
            log_fill(t, i);
            return true;
        }
    }
    return false;
}

static void note_large(CpuTlb *t, uint64_t page, unsigned lg)
{
    uint64_t mask = ~(uint64_t)0 << MIN(lg, 63);

    if (t->large_page == ~(uint64_t)0) {
        t->large_page = page & mask;
        t->large_mask = mask;
        return;
    }
    /* Widen until one aligned block holds both. */
    mask &= t->large_mask;
    while ((t->large_page ^ page) & mask) {
        mask <<= 1;
    }
    t->large_page &= mask;
    t->large_mask = mask;
}

/* Walk and install; false when probe and the guest would fault. */
static bool fill(CpuState *cpu, GuestVirt va, MmuAccess access, unsigned mmu, bool probe)
{
    CpuPriv *p = priv_of(cpu);
    CpuTlb *t = &p->tlb[mmu];
    unsigned i = tlb_index(va);
    MmuResult res = { .lg_size = GUEST_PAGE_BITS };
    TlbFull f = { .page = va & GUEST_PAGE_MASK };

    if (!cpu->ops->mmu_translate(cpu, va, access, mmu, probe, &res)) {
        return false;
    }
    f.phys = res.phys & GUEST_PAGE_MASK;
    f.as_index = res.as_index;
    f.lg_size = res.lg_size;
    f.attrs = res.attrs;
    f.flags = (res.prot & 7) | TLBF_VALID | (res.global ? TLBF_GLOBAL : 0);
    MemTarget m = address_space_lookup(cpu->as[f.as_index], f.phys, false, f.attrs);
    if (m.ram && m.len >= GUEST_PAGE_SIZE) {
        f.ram_addr = m.ram_addr;
        f.host = m.host;
        f.flags |= m.readonly ? TLBF_ROM : 0;
    } else {
        f.flags |= TLBF_IO;
    }
    if (p->watchpoints->len && page_watched(p, f.page)) {
        f.flags |= TLBF_WATCH;
    }
    if (f.lg_size > GUEST_PAGE_BITS) {
        note_large(t, f.page, f.lg_size);
    }
    if (t->full[i].page != f.page) {
        to_victim(t, i);
    }
    t->has_global |= res.global;
    t->full[i] = f;
    set_tags(p, &t->table[i], &f);
    log_fill(t, i);
    return true;
}

TlbFull *tlb_lookup(CpuState *cpu, GuestVirt va, MmuAccess access, unsigned mmu, bool probe,
                    TlbEntry **entry)
{
    CpuPriv *p = priv_of(cpu);
    CpuTlb *t = &p->tlb[mmu];
    unsigned i = tlb_index(va);
    uint64_t page = va & GUEST_PAGE_MASK;
    TlbFull *f = &t->full[i];
    uint8_t need = 1u << access;

    bool here = ((f->flags & TLBF_VALID) && f->page == page) || from_victim(p, t, i, page);
    if (!here || !(f->flags & need)) {
        if (!fill(cpu, va, access, mmu, probe)) {
            return NULL;
        }
    }
    if (entry) {
        *entry = &t->table[i];
    }
    return f;
}

/* ---- flushes ---- */

void cpu_jump_cache_clear(CpuState *cpu)
{
    jump_cache_clear(priv_of(cpu));
}

void cpu_tlb_flush_mmu(CpuState *cpu, uint32_t mmu_mask)
{
    CpuPriv *p = priv_of(cpu);

    for (unsigned m = 0; m < cpu->ops->mmu_modes; m++) {
        if (mmu_mask >> m & 1) {
            mode_flush(&p->tlb[m]);
        }
    }
    jump_cache_clear(p);
    __atomic_fetch_add(&cpu->engine->stats.tlb_flushes, 1, __ATOMIC_RELAXED);
}

void cpu_tlb_flush(CpuState *cpu)
{
    phys_cache_clear(priv_of(cpu));
    cpu_tlb_flush_mmu(cpu, ~0u);
}

static void mode_flush_nonglobal(CpuTlb *t)
{
    unsigned n = t->n_filled, kept = 0;

    if (!t->has_global) {
        mode_flush(t);
        return;
    }
    bool all = n > TLB_FILL_LOG;
    for (unsigned k = 0; k < (all ? TLB_SIZE : n); k++) {
        unsigned i = all ? k : t->filled[k];
        if (!(t->full[i].flags & TLBF_VALID)) {
            continue;
        }
        if (!(t->full[i].flags & TLBF_GLOBAL)) {
            row_clear(t, i);
        } else if (kept < TLB_FILL_LOG) {
            /* kept <= k, so this never overwrites what is still to be read */
            t->filled[kept++] = i;
        } else {
            kept = TLB_FILL_LOG + 1;
        }
    }
    t->n_filled = kept;
    for (unsigned v = 0; v < TLB_VICTIMS; v++) {
        if (!(t->victim_full[v].flags & TLBF_GLOBAL)) {
            t->victim_full[v].flags = 0;
        }
    }
}

void cpu_tlb_flush_nonglobal(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    for (unsigned m = 0; m < cpu->ops->mmu_modes; m++) {
        mode_flush_nonglobal(&p->tlb[m]);
    }
    jump_cache_clear(p);
    __atomic_fetch_add(&cpu->engine->stats.tlb_flushes, 1, __ATOMIC_RELAXED);
}

static void mode_flush_page(CpuTlb *t, uint64_t page)
{
    unsigned i = tlb_index(page);

    if (t->large_page != ~(uint64_t)0 && (page & t->large_mask) == t->large_page) {
        mode_flush(t);
        return;
    }
    if ((t->full[i].flags & TLBF_VALID) && t->full[i].page == page) {
        row_clear(t, i);
    }
    for (unsigned v = 0; v < TLB_VICTIMS; v++) {
        if (t->victim_full[v].page == page) {
            t->victim_full[v].flags = 0;
        }
    }
}

/* Regions that begin in the page, or in the one before and reach into it. */
static void jump_cache_clear_page(CpuPriv *p, uint64_t page)
{
    for (unsigned k = 0; k < 2; k++, page -= GUEST_PAGE_SIZE) {
        unsigned base = jc_index(page) & ~63u;
        for (unsigned i = 0; i < 64; i++) {
            __atomic_store_n(&p->jump_cache[base + i], NULL, __ATOMIC_RELAXED);
        }
    }
}

void cpu_tlb_flush_page_mmu(CpuState *cpu, GuestVirt va, uint32_t mmu_mask)
{
    CpuPriv *p = priv_of(cpu);
    uint64_t page = va & GUEST_PAGE_MASK;
    bool large = false;

    for (unsigned m = 0; m < cpu->ops->mmu_modes; m++) {
        if (mmu_mask >> m & 1) {
            CpuTlb *t = &p->tlb[m];
            large |= t->large_page != ~(uint64_t)0 && (page & t->large_mask) == t->large_page;
            mode_flush_page(t, page);
        }
    }
    if (large) {
        jump_cache_clear(p);
    } else {
        jump_cache_clear_page(p, page);
    }
}

void cpu_tlb_flush_page(CpuState *cpu, GuestVirt va)
{
    cpu_tlb_flush_page_mmu(cpu, va, ~0u);
}

static void flush_every_cpu(CpuState *cpu, void *opaque)
{
    const GuestVirt *va = opaque;

    for (unsigned i = 0; i < engine_cpu_count(cpu->engine); i++) {
        CpuState *c = engine_cpu(cpu->engine, i);
        if (va) {
            cpu_tlb_flush_page(c, *va);
        } else {
            cpu_tlb_flush(c);
        }
    }
}

void cpu_tlb_flush_all_cpus(CpuState *cpu)
{
    cpu_run_exclusive(cpu, flush_every_cpu, NULL);
}

void cpu_tlb_flush_page_all_cpus(CpuState *cpu, GuestVirt va)
{
    cpu_run_exclusive(cpu, flush_every_cpu, &va);
}

/* ---- other threads ---- */

static void protect_entry(TlbEntry *e, uintptr_t host, size_t len, RamAddr addr, GArray *hit)
{
    uint64_t tag = __atomic_load_n(&e->tag[ACCESS_WRITE], __ATOMIC_SEQ_CST);
    uintptr_t h = tag + __atomic_load_n(&e->addend, __ATOMIC_SEQ_CST);

    if (h - host >= len) {
        return;
    }
    if (__atomic_compare_exchange_n(&e->tag[ACCESS_WRITE], &tag, tlb_tag_off(tag), false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED) &&
        hit) {
        RamAddr page = addr + (h - host);
        g_array_append_val(hit, page);
    }
}

void tlb_protect_host(CpuPriv *p, uintptr_t host, size_t len, RamAddr addr, GArray *hit)
{
    for (unsigned m = 0; m < p->cpu->ops->mmu_modes; m++) {
        CpuTlb *t = &p->tlb[m];
        for (unsigned i = 0; i < TLB_SIZE; i++) {
            protect_entry(&t->table[i], host, len, addr, hit);
        }
    }
}

/* ---- physical words for page walks ---- */

void phys_cache_clear(CpuPriv *p)
{
    for (unsigned i = 0; i < PHYS_CACHE; i++) {
        p->phys[i].page = ~(uint64_t)0;
    }
}

static PhysPage *phys_page(CpuState *cpu, unsigned as_index, uint64_t pa)
{
    PhysPage *c = &priv_of(cpu)->phys[pa >> GUEST_PAGE_BITS & (PHYS_CACHE - 1)];
    uint64_t key = (pa & GUEST_PAGE_MASK) | as_index;

    if (LIKELY(c->page == key)) {
        return c;
    }
    MemTarget m =
        address_space_lookup(cpu->as[as_index], pa & GUEST_PAGE_MASK, false, (MemAttrs){ 0 });
    if (!m.ram || m.len < GUEST_PAGE_SIZE || m.readonly) {
        return NULL;
    }
    *c = (PhysPage){ .page = key, .host = m.host, .ram_addr = m.ram_addr };
    return c;
}

static uint64_t phys_ld(CpuState *cpu, unsigned as_index, uint64_t pa, unsigned size, bool *ok)
{
    MemResult r;

    uint64_t v =
        address_space_ld(cpu->as[as_index], pa, size, DEVICE_LITTLE_ENDIAN, (MemAttrs){ 0 }, &r);
    if (ok) {
        *ok = r == MEM_OK;
    }
    return v;
}

uint32_t cpu_phys_ld32(CpuState *cpu, unsigned as_index, uint64_t pa, bool *ok)
{
    PhysPage *c = pa & 3 ? NULL : phys_page(cpu, as_index, pa);

    if (!c) {
        return phys_ld(cpu, as_index, pa, 4, ok);
    }
    if (ok) {
        *ok = true;
    }
    return __atomic_load_n((uint32_t *)(c->host + (pa & ~GUEST_PAGE_MASK)), __ATOMIC_ACQUIRE);
}

uint64_t cpu_phys_ld64(CpuState *cpu, unsigned as_index, uint64_t pa, bool *ok)
{
    PhysPage *c = pa & 7 ? NULL : phys_page(cpu, as_index, pa);

    if (!c) {
        return phys_ld(cpu, as_index, pa, 8, ok);
    }
    if (ok) {
        *ok = true;
    }
    return __atomic_load_n((uint64_t *)(c->host + (pa & ~GUEST_PAGE_MASK)), __ATOMIC_ACQUIRE);
}

void cpu_phys_st32(CpuState *cpu, unsigned as_index, uint64_t pa, uint32_t v)
{
    address_space_st(cpu->as[as_index], pa, v, 4, DEVICE_LITTLE_ENDIAN, (MemAttrs){ 0 }, NULL);
}

void cpu_phys_st64(CpuState *cpu, unsigned as_index, uint64_t pa, uint64_t v)
{
    address_space_st(cpu->as[as_index], pa, v, 8, DEVICE_LITTLE_ENDIAN, (MemAttrs){ 0 }, NULL);
}

bool cpu_phys_cmpxchg32(CpuState *cpu, unsigned as_index, uint64_t pa, uint32_t old, uint32_t v)
{
    PhysPage *c = pa & 3 ? NULL : phys_page(cpu, as_index, pa);

    if (!c) {
        cpu_phys_st32(cpu, as_index, pa, v);
        return true;
    }
    uint32_t *host = (uint32_t *)(c->host + (pa & ~GUEST_PAGE_MASK));
    if (!__atomic_compare_exchange_n(host, &old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
        return false;
    }
    ram_dirty_written(cpu->engine->vm, c->ram_addr + (pa & ~GUEST_PAGE_MASK), 4);
    return true;
}

bool cpu_phys_cmpxchg64(CpuState *cpu, unsigned as_index, uint64_t pa, uint64_t old, uint64_t v)
{
    PhysPage *c = pa & 7 ? NULL : phys_page(cpu, as_index, pa);

    if (!c) {
        cpu_phys_st64(cpu, as_index, pa, v);
        return true;
    }
    uint64_t *host = (uint64_t *)(c->host + (pa & ~GUEST_PAGE_MASK));
    if (!__atomic_compare_exchange_n(host, &old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
        return false;
    }
    ram_dirty_written(cpu->engine->vm, c->ram_addr + (pa & ~GUEST_PAGE_MASK), 8);
    return true;
}
