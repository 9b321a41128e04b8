/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address spaces of the software TLB: their tables and jump caches, the switch between them, and
 * flushes.
 *
 * 1. The views in CpuState (CpuTlbView) show the tables of p->space.
 * 2. A space that is not in use (used == 0) may hold anything: it is emptied when it is taken.
 * 3. A row is valid when its full entry has the table's generation; a row that is not valid has no
 *    tag that matches.
 * 4. A translation is in a space's jump cache only while the pages of its code are mapped there as
 *    they were: each flush removes what it might concern.
 * Tables change place only under p->tlb_mutex, because other threads search them.
 */
#include <string.h>
#include "tlb-priv.h"

/* ---- tables ---- */

void tlb_row_clear(CpuTlb *t, unsigned i)
{
    uint64_t off = tlb_tag_off((uint64_t)i << GUEST_PAGE_BITS);

    for (unsigned k = 0; k < 3; k++) {
        __atomic_store_n(&t->table[i].tag[k], off, __ATOMIC_RELAXED);
    }
    t->full[i].gen = t->gen - 1;
}

static void rows_empty(CpuTlb *t)
{
    /* Tag 0 belongs to row 0, so it matches in no other. */
    memset(t->table, 0, sizeof(TlbEntry) << t->bits);
    for (unsigned k = 0; k < 3; k++) {
        t->table[0].tag[k] = tlb_tag_off(0);
    }
    if (++t->gen == 0) {
        memset(t->full, 0, sizeof(TlbFull) << t->bits);
        t->gen = 1;
    }
}

static void rows_alloc(CpuTlb *t, unsigned bits)
{
    t->bits = bits;
    t->gen = 0;
    t->table = g_aligned_alloc0(1u << bits, sizeof(TlbEntry), 64);
    t->full = g_new0(TlbFull, 1u << bits);
    rows_empty(t);
}

static void rows_free(CpuTlb *t)
{
    g_aligned_free(t->table);
    g_free(t->full);
}

static void show(CpuPriv *p)
{
    for (unsigned m = 0; m < p->cpu->ops->mmu_modes; m++) {
        const CpuTlb *t = &p->space->mode[m];
        p->cpu->tlb[m].mask = (((uint64_t)1 << t->bits) - 1) * sizeof(TlbEntry);
        p->cpu->tlb[m].table = (uintptr_t)t->table;
    }
    p->cpu->jump_cache = p->space->jumps;
}

static void resize(CpuPriv *p, CpuTlb *t, unsigned bits)
{
    g_mutex_lock(&p->tlb_mutex);
    rows_free(t);
    rows_alloc(t, bits);
    g_mutex_unlock(&p->tlb_mutex);
    t->fills = t->evictions = 0;
    if (p->space->mode <= t && t < p->space->mode + p->cpu->ops->mmu_modes) {
        show(p);
    }
}

/* Rows keep their place in the lower half or move to the upper: none fights for one. Write tags are
 * taken along as they are now, so the cleaner must be kept out meanwhile. */
void tlb_grow(CpuPriv *p, CpuTlb *t, unsigned mmu)
{
    CpuTlb old = *t;

    g_mutex_lock(&p->tlb_mutex);
    rows_alloc(t, old.bits + 1);
    t->n_filled = 0;
    for (unsigned i = 0; i < 1u << old.bits; i++) {
        if (!tlb_valid(&old, i)) {
            continue;
        }
        unsigned k = tlb_index(t, old.full[i].page);
        t->full[k] = old.full[i];
        t->full[k].gen = t->gen;
        t->table[k] = old.table[i];
        if (!(old.full[i].flags & TLBF_GLOBAL) && t->n_filled <= TLB_FILL_LOG) {
            if (t->n_filled < TLB_FILL_LOG) {
                t->filled[t->n_filled] = k;
            }
            t->n_filled++;
        }
    }
    rows_free(&old);
    g_mutex_unlock(&p->tlb_mutex);
    t->evictions = 0;
    show(p);
}

static void victims_drop(CpuTlb *t, bool globals)
{
    for (unsigned v = 0; v < TLB_VICTIMS; v++) {
        if (globals || !(t->victim[v].flags & TLBF_GLOBAL)) {
            t->victim_page[v] = ~(uint64_t)0;
        }
    }
}

static void mode_flush(CpuPriv *p, CpuTlb *t)
{
    bool sparse = t->fills < (1u << t->bits) / 8 && t->bits > TLB_MIN_BITS;

    if (!t->fills && !sparse) {
        return; /* nothing is in it: many indexes are seldom used */
    }
    if (sparse) {
        resize(p, t, t->bits - 1);
    } else {
        rows_empty(t);
    }
    t->fills = t->evictions = t->n_filled = 0;
    t->has_global = false;
    if (t->large[0].lg) {
        memset(t->large, 0, sizeof(t->large));
    }
    victims_drop(t, true);
}

static void mode_flush_nonglobal(CpuPriv *p, CpuTlb *t)
{
    if (!t->has_global) {
        mode_flush(p, t);
        return;
    }
    bool all = t->n_filled > TLB_FILL_LOG;
    unsigned n = all ? 1u << t->bits : t->n_filled;
    for (unsigned k = 0; k < n; k++) {
        unsigned i = all ? k : t->filled[k];
        if (tlb_valid(t, i) && !(t->full[i].flags & TLBF_GLOBAL)) {
            tlb_row_clear(t, i);
        }
    }
    t->n_filled = 0;
    victims_drop(t, false);
}

/* ---- pages ---- */

/* The word of the filter of pages of size 2^lg that tells about this one, and the bit in it. */
static uint64_t *large_word(CpuTlb *t, unsigned k, uint64_t page, unsigned lg, uint64_t *bit)
{
    unsigned h = (page >> lg) * 0x9e3779b97f4a7c15u >> 32 & (TLB_LARGE_FILTER - 1);

    *bit = (uint64_t)1 << h % 64;
    return &t->large[k].filter[page >> 63][h / 64];
}

void tlb_note_large(CpuTlb *t, uint64_t page, unsigned lg)
{
    uint64_t bit;
    unsigned k = 0;

    while (k < TLB_LARGE_SIZES - 1 && t->large[k].lg && t->large[k].lg != lg) {
        k++;
    }
    if (t->large[k].lg != lg && t->large[k].lg) { /* more sizes than we tell apart */
        memset(t->large[k].filter, 0xff, sizeof(t->large[k].filter));
        t->large[k].lg = MAX(t->large[k].lg, lg);
        return;
    }
    t->large[k].lg = lg;
    uint64_t *word = large_word(t, k, page, lg, &bit);
    *word |= bit;
}

static void row_flush(CpuTlb *t, unsigned i, uint64_t page, uint64_t mask, bool only_global)
{
    if (tlb_valid(t, i) && ((t->full[i].page ^ page) & mask) == 0 &&
        (!only_global || (t->full[i].flags & TLBF_GLOBAL))) {
        tlb_row_clear(t, i);
    }
}

/* All pages of the aligned block of size 2^lg around page. */
static void block_flush(CpuTlb *t, uint64_t page, unsigned lg, bool only_global)
{
    uint64_t mask = ~(uint64_t)0 << lg;
    uint64_t rows = (uint64_t)1 << t->bits, n = MIN((uint64_t)1 << (lg - GUEST_PAGE_BITS), rows);
    unsigned first = tlb_index(t, page & mask);

    for (uint64_t k = 0; k < n; k++) {
        row_flush(t, (first + k) & (rows - 1), page, mask, only_global);
    }
    for (unsigned v = 0; v < TLB_VICTIMS; v++) {
        if (((t->victim_page[v] ^ page) & mask) == 0 &&
            (!only_global || (t->victim[v].flags & TLBF_GLOBAL))) {
            t->victim_page[v] = ~(uint64_t)0;
        }
    }
}

/* large: what larger pages around it may have left goes too. Returns the size of the block that may have gone. */
static unsigned mode_flush_page(CpuTlb *t, uint64_t page, bool only_global, bool large)
{
    unsigned most = GUEST_PAGE_BITS;

    if (!t->fills) {
        return most;
    }
    block_flush(t, page, GUEST_PAGE_BITS, only_global);
    for (unsigned k = 0; large && k < TLB_LARGE_SIZES && t->large[k].lg; k++) {
        unsigned lg = t->large[k].lg;
        uint64_t bit, *word = large_word(t, k, page, lg, &bit);
        if (*word & bit) {
            block_flush(t, page, lg, only_global);
            most = MAX(most, lg);
        }
    }
    return most;
}

/* ---- jump caches ---- */

static void group_clear(TlbSpace *s, unsigned group)
{
    memset(&s->jumps[group * JC_GROUP], 0, JC_GROUP * sizeof(*s->jumps));
    s->group[group] = JC_NONE;
}

static void jumps_clear(TlbSpace *s)
{
    for (unsigned k = 0; k < JC_GROUPS; k++) {
        if (s->group[k] != JC_NONE) {
            group_clear(s, k);
        }
    }
    s->n_log = 0;
}

static void jumps_clear_nonglobal(TlbSpace *s)
{
    if (s->n_log > JC_LOG) {
        jumps_clear(s);
        return;
    }
    for (unsigned i = 0; i < s->n_log; i++) {
        __atomic_store_n(&s->jumps[s->log[i]], NULL, __ATOMIC_RELAXED);
    }
    s->n_log = 0;
}

static bool touches(const Tb *tb, uint64_t page)
{
    return tb_vpage(tb, 0) == page || (tb->n_pages > 1 && tb_vpage(tb, 1) == page);
}

/* Regions that begin in the page, or in the one before and reach into it. */
static void jumps_clear_page(TlbSpace *s, uint64_t page)
{
    for (unsigned k = 0; k < 2; k++) {
        unsigned group = jc_index(page - k * GUEST_PAGE_SIZE) / JC_GROUP;
        if (s->group[group] == page) {
            group_clear(s, group);
        }
        for (unsigned i = 0; s->group[group] == JC_MANY && i < JC_GROUP; i++) {
            Tb **at = &s->jumps[group * JC_GROUP + i], *tb = __atomic_load_n(at, __ATOMIC_RELAXED);
            if (tb && touches(tb, page)) {
                __atomic_store_n(at, NULL, __ATOMIC_RELAXED);
            }
        }
    }
}

static void jumps_clear_block(TlbSpace *s, uint64_t page, unsigned lg)
{
    if (lg == GUEST_PAGE_BITS) {
        jumps_clear_page(s, page);
    } else {
        jumps_clear(s);
    }
}

void cpu_jump_cache_clear(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    for (unsigned i = 0; i < TLB_SPACES; i++) {
        if (p->spaces[i].used) {
            jumps_clear(&p->spaces[i]);
        }
    }
}

/* ---- spaces ---- */

static void space_alloc(CpuPriv *p, TlbSpace *s)
{
    unsigned n = p->cpu->ops->mmu_modes;
    CpuTlb *mode = g_new0(CpuTlb, n);

    for (unsigned m = 0; m < n; m++) {
        rows_alloc(&mode[m], TLB_MIN_BITS);
        victims_drop(&mode[m], true);
    }
    for (unsigned k = 0; k < JC_GROUPS; k++) {
        s->group[k] = JC_NONE;
    }
    g_mutex_lock(&p->tlb_mutex);
    s->mode = mode;
    __atomic_store_n(&s->jumps, g_new0(Tb *, 2 * JC_SIZE), __ATOMIC_RELEASE);
    g_mutex_unlock(&p->tlb_mutex);
}

static void space_flush(CpuPriv *p, TlbSpace *s)
{
    for (unsigned m = 0; m < p->cpu->ops->mmu_modes; m++) {
        mode_flush(p, &s->mode[m]);
    }
    jumps_clear(s);
}

static void space_flush_nonglobal(CpuPriv *p, TlbSpace *s)
{
    for (unsigned m = 0; m < p->cpu->ops->mmu_modes; m++) {
        mode_flush_nonglobal(p, &s->mode[m]);
    }
    jumps_clear_nonglobal(s);
}

static TlbSpace *space_find(CpuPriv *p, uint64_t id)
{
    for (unsigned i = 0; i < TLB_SPACES; i++) {
        if (p->spaces[i].used && p->spaces[i].id == id) {
            return &p->spaces[i];
        }
    }
    return NULL;
}

/* Free, or the one not used for longest; empty. */
static TlbSpace *space_take(CpuPriv *p)
{
    TlbSpace *s = &p->spaces[0];

    for (unsigned i = 1; i < TLB_SPACES; i++) {
        if (p->spaces[i].used < s->used) {
            s = &p->spaces[i];
        }
    }
    if (!s->mode) {
        space_alloc(p, s);
    } else {
        space_flush(p, s);
    }
    return s;
}

void cpu_tlb_switch(CpuState *cpu, uint64_t id, bool keep)
{
    CpuPriv *p = priv_of(cpu);
    TlbSpace *s = p->space->id == id ? p->space : space_find(p, id);

    if (!s) {
        s = space_take(p);
        s->id = id;
    } else if (!keep) {
        space_flush_nonglobal(p, s);
    }
    s->used = ++p->space_clock;
    if (s != p->space) {
        p->space = s;
        show(p);
    }
}

void tlb_init(CpuPriv *p)
{
    unsigned n = p->cpu->ops->mmu_modes;

    g_assert(n >= 1 && n <= CPU_MMU_MODES);
    g_mutex_init(&p->tlb_mutex);
    p->writers = g_new0(TlbWriters, 1u << TLB_WRITER_BITS);
    p->space = space_take(p);
    p->space->used = ++p->space_clock;
    show(p);
    phys_cache_clear(p);
}

void tlb_free(CpuPriv *p)
{
    for (unsigned i = 0; i < TLB_SPACES; i++) {
        TlbSpace *s = &p->spaces[i];
        for (unsigned m = 0; s->mode && m < p->cpu->ops->mmu_modes; m++) {
            rows_free(&s->mode[m]);
        }
        g_free(s->mode);
        g_free(s->jumps);
    }
    g_free(p->writers);
    g_mutex_clear(&p->tlb_mutex);
}

/* ---- flushes ---- */

static void count_flush(CpuState *cpu)
{
    __atomic_fetch_add(&cpu->engine->stats.tlb_flushes, 1, __ATOMIC_RELAXED);
}

void cpu_tlb_flush_mmu(CpuState *cpu, uint32_t mmu_mask)
{
    CpuPriv *p = priv_of(cpu);

    for (unsigned m = 0; m < cpu->ops->mmu_modes; m++) {
        if (mmu_mask >> m & 1) {
            mode_flush(p, &p->space->mode[m]);
        }
    }
    jumps_clear(p->space);
    count_flush(cpu);
}

void cpu_tlb_flush(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    for (unsigned i = 0; i < TLB_SPACES; i++) {
        TlbSpace *s = &p->spaces[i];
        if (s == p->space) {
            space_flush(p, s);
        } else if (s->used) {
            s->used = 0;
            jumps_clear(s);
        }
    }
    phys_cache_clear(p);
    count_flush(cpu);
}

void cpu_tlb_flush_nonglobal(CpuState *cpu)
{
    space_flush_nonglobal(priv_of(cpu), priv_of(cpu)->space);
    count_flush(cpu);
}

void cpu_tlb_flush_nonglobal_all(CpuState *cpu)
{
    CpuPriv *p = priv_of(cpu);

    for (unsigned i = 0; i < TLB_SPACES; i++) {
        if (p->spaces[i].used) {
            space_flush_nonglobal(p, &p->spaces[i]);
        }
    }
    count_flush(cpu);
}

void cpu_tlb_flush_space(CpuState *cpu, uint64_t id)
{
    TlbSpace *s = space_find(priv_of(cpu), id);

    if (s) {
        space_flush_nonglobal(priv_of(cpu), s);
    }
    count_flush(cpu);
}

static void space_flush_page(CpuPriv *p, TlbSpace *s, uint64_t page, uint32_t mmu_mask,
                             bool only_global, bool large)
{
    unsigned lg = GUEST_PAGE_BITS;

    for (unsigned m = 0; m < p->cpu->ops->mmu_modes; m++) {
        if (mmu_mask >> m & 1) {
            lg = MAX(lg, mode_flush_page(&s->mode[m], page, only_global, large));
        }
    }
    jumps_clear_block(s, page, lg);
}

static void flush_page(CpuState *cpu, GuestVirt va, uint32_t mmu_mask, bool large)
{
    CpuPriv *p = priv_of(cpu);

    for (unsigned i = 0; i < TLB_SPACES; i++) {
        if (p->spaces[i].used) {
            space_flush_page(p, &p->spaces[i], va & GUEST_PAGE_MASK, mmu_mask,
                             &p->spaces[i] != p->space, large);
        }
    }
}

void cpu_tlb_flush_page_mmu(CpuState *cpu, GuestVirt va, uint32_t mmu_mask)
{
    flush_page(cpu, va, mmu_mask, true);
}

void cpu_tlb_flush_small_page(CpuState *cpu, GuestVirt va)
{
    flush_page(cpu, va, ~0u, false);
}

void cpu_tlb_flush_page(CpuState *cpu, GuestVirt va)
{
    cpu_tlb_flush_page_mmu(cpu, va, ~0u);
}

void cpu_tlb_flush_space_page(CpuState *cpu, uint64_t id, GuestVirt va)
{
    TlbSpace *s = space_find(priv_of(cpu), id);

    if (s) {
        space_flush_page(priv_of(cpu), s, va & GUEST_PAGE_MASK, ~0u, false, true);
    }
}

static void flush_every_cpu(CpuState *cpu, void *opaque)
{
    const GuestVirt *va = opaque;

    for (unsigned i = 0; i < engine_cpu_count(cpu->engine); i++) {
        CpuState *c = engine_cpu(cpu->engine, i);
        if (va) {
            cpu_tlb_flush_small_page(c, *va);
        } else {
            cpu_tlb_flush(c);
        }
    }
}

void cpu_tlb_flush_all_cpus(CpuState *cpu)
{
    cpu_run_exclusive(cpu, flush_every_cpu, NULL);
}

void cpu_tlb_flush_small_page_all_cpus(CpuState *cpu, GuestVirt va)
{
    cpu_run_exclusive(cpu, flush_every_cpu, &va);
}
