/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of translations: shared by all vCPUs, written under tb_lock, read without.
 *
 * Invariants:
 *  1. A Tb in the table has its pages in code_pages and their CODE dirty bit clear, so every
 *     store to them comes by tb_invalidate_*.
 *  2. invalid is set before a Tb leaves the table; nobody links to or remembers an invalid Tb.
 *  3. A Tb is freed when every vCPU has announced an epoch >= its retire_epoch, or is outside.
 * A store that passed its write-tag check before a page was protected may still land during the
 * translation; like on hardware, cross-modifying code needs synchronisation of its own.
 */
#include <pthread.h>
#include <string.h>
#include "exec/exec-priv.h"

static void lock(ExecEngine *e)
{
    g_mutex_lock(&e->tb_lock);
    __atomic_store_n(&e->tb_owner, (uintptr_t)pthread_self(), __ATOMIC_RELAXED);
}

static void unlock(ExecEngine *e)
{
    __atomic_store_n(&e->tb_owner, 0, __ATOMIC_RELAXED);
    g_mutex_unlock(&e->tb_lock);
}

bool tb_lock_mine(ExecEngine *e)
{
    return __atomic_load_n(&e->tb_owner, __ATOMIC_RELAXED) == (uintptr_t)pthread_self();
}

static unsigned hash_of(const TbKey *k, RamAddr phys)
{
    uint64_t h =
        (phys * 0x9e3779b97f4a7c15u) ^ (k->pc * 0xc2b2ae3d27d4eb4fu) ^ ((uint64_t)k->flags << 17);

    return (h ^ h >> 29) * 0xbf58476d1ce4e5b9u >> (64 - TB_HASH_BITS);
}

G_STATIC_ASSERT(offsetof(Tb, key.pc) + sizeof(uint64_t) <= TB_ALIGN);
G_STATIC_ASSERT(sizeof(Tb) == 128 && TRANS_MAX_INSNS < 128);

Tb *tb_new(unsigned n_links)
{
    return g_aligned_alloc0(1, sizeof(Tb) + n_links * sizeof(TbLink), TB_ALIGN);
}

TbMore *tb_more(Tb *tb)
{
    if (!tb->more) {
        tb->more = g_new0(TbMore, 1);
    }
    return tb->more;
}

static void bytecode_free(TbBytecode *bc)
{
    if (bc) {
        g_free(bc->code);
        g_free(bc->snap_of);
        g_free(bc->snaps);
        g_free(bc->snap_entries);
        g_free(bc->calls);
        g_free(bc);
    }
}

void tb_free(ExecEngine *e, Tb *tb)
{
    if (tb->more) {
        bytecode_free(tb->more->bc);
        g_free(tb->more->insn_pc);
        g_aligned_free(tb->more->pool);
        g_free(tb->more);
    }
    if (e->host) {
        host_tb_free(e->host, tb);
    }
    if (!tb->placed) {
        g_aligned_free(tb);
    }
}

/* ---- code pages; tb_lock held ---- */

static CodePage **page_bucket(ExecEngine *e, RamAddr page)
{
    return &e->code_pages[((page >> GUEST_PAGE_BITS) * 0x9e3779b97f4a7c15u) >>
                          (64 - CODE_PAGE_BITS)];
}

/* Needs no lock. */
static CodePage *page_get(ExecEngine *e, RamAddr page)
{
    CodePage *cp = __atomic_load_n(page_bucket(e, page), __ATOMIC_ACQUIRE);

    while (cp && cp->page != page) {
        cp = cp->next;
    }
    return cp;
}

static CodePage *page_make(ExecEngine *e, RamAddr page)
{
    CodePage **bucket = page_bucket(e, page), *cp = g_new0(CodePage, 1);

    cp->page = page;
    cp->next = *bucket;
    __atomic_store_n(bucket, cp, __ATOMIC_RELEASE);
    return cp;
}

/* No code left: stores may go straight again. */
static void page_maybe_drop(ExecEngine *e, CodePage *cp)
{
    if (!cp->tbs && !cp->pins) {
        __atomic_store_n(&cp->granules, 0, __ATOMIC_RELEASE);
        ram_dirty_set(e->vm, cp->page, GUEST_PAGE_SIZE, DIRTY_MASK(DIRTY_CODE));
    }
}

CodePage *tb_page_pin(ExecEngine *e, RamAddr page, uint64_t *seq)
{
    lock(e);
    CodePage *cp = page_get(e, page);
    if (!cp) {
        cp = page_make(e, page);
    }
    __atomic_fetch_add(&cp->pins, 1, __ATOMIC_SEQ_CST);
    if (ram_dirty_get(e->vm, page, DIRTY_CODE)) {
        ram_dirty_test_and_clear(e->vm, page, GUEST_PAGE_SIZE, DIRTY_CODE);
    }
    *seq = cp->seq;
    unlock(e);
    return cp;
}

void tb_page_unpin(ExecEngine *e, CodePage *cp)
{
    lock(e);
    __atomic_fetch_sub(&cp->pins, 1, __ATOMIC_SEQ_CST);
    page_maybe_drop(e, cp);
    unlock(e);
}

/* Page lists are linked through the parts; the low bit of a link says which. */
static Tb *list_tb(const Tb *t, unsigned *k)
{
    *k = (uintptr_t)t & 1;
    return (Tb *)((uintptr_t)t & ~(uintptr_t)1);
}

static void page_unlink(ExecEngine *e, Tb *tb, unsigned k)
{
    CodePage *cp = page_get(e, tb_page(tb, k));
    const TbPart *part = tb_part(tb, k);
    unsigned j;
    Tb *next = list_tb(part->next, &j);

    *part->at = part->next;
    if (next) {
        tb_part(next, j)->at = part->at;
    }
    page_maybe_drop(e, cp);
}

/* ---- links ---- */

static void link_remove(ExecEngine *e, TbLink *l)
{
    if (!l->dst) {
        return;
    }
    *l->prev_in = l->next_in;
    if (l->next_in) {
        l->next_in->prev_in = l->prev_in;
    }
    __atomic_store_n(&l->dst, NULL, __ATOMIC_RELEASE);
    host_link(e, l, NULL);
}

void tb_link(ExecEngine *e, TbLink *l, Tb *dst, bool cross)
{
    lock(e);
    if (!l->dst && !tb_link_src(l)->invalid && !dst->invalid) {
        l->next_in = dst->in;
        l->prev_in = &dst->in;
        if (dst->in) {
            dst->in->prev_in = &l->next_in;
        }
        dst->in = l;
        l->jump = jc_index(dst->key.vaddr);
        l->cross |= cross;
        __atomic_store_n(&l->dst, dst, __ATOMIC_RELEASE);
        host_link(e, l, dst);
    }
    unlock(e);
}

/* ---- removal; tb_lock held ---- */

static void hash_add(ExecEngine *e, Tb *tb)
{
    Tb **bucket = &e->hash[hash_of(&tb->key, tb->phys)];

    tb->hash_next = *bucket;
    __atomic_store_n(bucket, tb, __ATOMIC_RELEASE);
}

static void hash_remove(ExecEngine *e, Tb *tb)
{
    Tb **at = &e->hash[hash_of(&tb->key, tb->phys)];

    while (*at && *at != tb) {
        at = &(*at)->hash_next;
    }
    if (*at) {
        __atomic_store_n(at, tb->hash_next, __ATOMIC_RELEASE);
    }
}

static void forget_everywhere(ExecEngine *e, Tb *tb)
{
    unsigned n = __atomic_load_n(&e->n_cpus, __ATOMIC_ACQUIRE), i = jc_index(tb->key.vaddr);

    for (unsigned c = 0; c < n; c++) {
        CpuState *cpu = e->cpu_list[c];
        for (unsigned s = 0; cpu && s < TLB_SPACES; s++) {
            Tb **jumps = __atomic_load_n(&cpu->priv->spaces[s].jumps, __ATOMIC_ACQUIRE), *old = tb;
            if (jumps && __atomic_load_n(&jumps[i], __ATOMIC_RELAXED) == tb) {
                __atomic_compare_exchange_n(&jumps[i], &old, NULL, false, __ATOMIC_SEQ_CST,
                                            __ATOMIC_RELAXED);
            }
        }
    }
}

static void tb_remove(ExecEngine *e, Tb *tb)
{
    if (tb->invalid) {
        return;
    }
    __atomic_store_n(&tb->invalid, 1, __ATOMIC_SEQ_CST);
    hash_remove(e, tb);
    forget_everywhere(e, tb);
    while (tb->in) {
        link_remove(e, tb->in);
    }
    for (unsigned i = 0; i < tb->n_links; i++) {
        link_remove(e, &tb_links(tb)[i]);
    }
    *(tb->all_prev ? &tb->all_prev->all_next : &e->all_first) = tb->all_next;
    *(tb->all_next ? &tb->all_next->all_prev : &e->all_last) = tb->all_prev;
    for (unsigned k = 0; k < tb->n_pages; k++) {
        page_unlink(e, tb, k);
    }
    e->tb_bytes -= tb->bytes;
    tb->retire_epoch = __atomic_add_fetch(&e->epoch, 1, __ATOMIC_SEQ_CST);
    tb->retire_next = e->retired;
    e->retired = tb;
}

/* ---- lookup and insertion ---- */

static bool same_key(const TbKey *a, const TbKey *b)
{
    return a->pc == b->pc && a->flags == b->flags && a->vaddr == b->vaddr;
}

static bool second_page_same(CpuState *cpu, const Tb *tb)
{
    if (tb->n_pages < 2) {
        return true;
    }
    TlbFull *f =
        tlb_lookup(cpu, tb_vpage(tb, 1), MMU_ACCESS_EXEC, cpu->ops->fetch_mmu_idx(cpu), true, NULL);
    return f && !(f->flags & TLBF_IO) && f->ram_addr == tb_page(tb, 1);
}

Tb *tb_find(CpuState *cpu, const TbKey *key, RamAddr phys, uint32_t cflags)
{
    ExecEngine *e = cpu->engine;
    Tb *tb = __atomic_load_n(&e->hash[hash_of(key, phys)], __ATOMIC_ACQUIRE);

    for (; tb; tb = __atomic_load_n(&tb->hash_next, __ATOMIC_ACQUIRE)) {
        if (tb->phys == phys && tb->cflags == cflags && same_key(&tb->key, key) &&
            second_page_same(cpu, tb)) {
            return tb;
        }
    }
    return NULL;
}

/* Does the region stay where it is when what is not global goes? */
static bool in_global_pages(CpuPriv *p, const Tb *tb)
{
    const CpuTlb *t = &p->space->mode[p->cpu->ops->fetch_mmu_idx(p->cpu)];

    for (unsigned k = 0; k < tb->n_pages; k++) {
        const TlbFull *f = &t->full[tlb_index(t, tb_vpage(tb, k))];
        if (f->gen != t->gen || f->page != tb_vpage(tb, k) || !(f->flags & TLBF_GLOBAL)) {
            return false;
        }
    }
    return true;
}

void tb_remember(CpuPriv *p, Tb *tb)
{
    TlbSpace *s = p->space;
    unsigned i = jc_index(tb->key.vaddr);
    Tb **at = &s->jumps[i];

    if (*at == tb) {
        return;
    }
    if (s->n_log <= JC_LOG && !in_global_pages(p, tb)) {
        if (s->n_log < JC_LOG) {
            s->log[s->n_log] = i;
        }
        s->n_log++;
    }
    uint64_t *group = &s->group[i / JC_GROUP];
    if (*group != tb_vpage(tb, 0) || tb->n_pages > 1) {
        *group = *group == JC_NONE && tb->n_pages == 1 ? tb_vpage(tb, 0) : JC_MANY;
    }
    jc_native(s->jumps)[i] = tb->native;
    __atomic_store_n(at, tb, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&tb->invalid, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(at, NULL, __ATOMIC_SEQ_CST);
    }
}

static Tb *same_in_table(ExecEngine *e, const Tb *tb)
{
    for (Tb *t = e->hash[hash_of(&tb->key, tb->phys)]; t; t = t->hash_next) {
        if (t->phys == tb->phys && t->cflags == tb->cflags && same_key(&t->key, &tb->key) &&
            t->n_pages == tb->n_pages && (t->n_pages < 2 || tb_page(t, 1) == tb_page(tb, 1))) {
            return t;
        }
    }
    return NULL;
}

static void table_add(ExecEngine *e, Tb *tb, unsigned guest_bytes)
{
    for (unsigned k = 0; k < tb->n_pages; k++) {
        CodePage *cp = page_get(e, tb_page(tb, k));
        TbPart *part = tb_part(tb, k);
        __atomic_store_n(&cp->granules, cp->granules | part->granules, __ATOMIC_SEQ_CST);
        unsigned j;
        Tb *next = list_tb(cp->tbs, &j);
        part->next = cp->tbs;
        part->at = &cp->tbs;
        if (next) {
            tb_part(next, j)->at = &part->next;
        }
        cp->tbs = (Tb *)((uintptr_t)tb | k);
    }
    tb->all_prev = e->all_last;
    *(e->all_last ? &e->all_last->all_next : &e->all_first) = tb;
    e->all_last = tb;
    e->tb_bytes += tb->bytes;
    e->stats.translations++;
    e->stats.insns += tb->n_insns;
    e->stats.guest_bytes += guest_bytes;
    hash_add(e, tb);
}

unsigned tb_runs(ExecEngine *e, const TbKey *key, RamAddr phys)
{
    const Tb *tb = __atomic_load_n(&e->hash[hash_of(key, phys)], __ATOMIC_ACQUIRE);

    for (; tb; tb = __atomic_load_n(&tb->hash_next, __ATOMIC_ACQUIRE)) {
        if (tb->phys == phys && !tb->cflags && same_key(&tb->key, key)) {
            int32_t left = tb->draft ? MAX(__atomic_load_n(&tb->heat, __ATOMIC_RELAXED), 0) : 0;
            return e->config.hot_after - MIN((unsigned)left, e->config.hot_after);
        }
    }
    return 0;
}

Tb *tb_insert(ExecEngine *e, Tb *tb, Tb *old, const uint64_t seq[2], unsigned guest_bytes)
{
    bool fresh = true;

    lock(e);
    for (unsigned k = 0; k < tb->n_pages; k++) {
        CodePage *cp = page_get(e, tb_page(tb, k));
        fresh &= cp->seq == seq[k];
    }
    if (fresh && old) {
        tb_remove(e, old);
        e->stats.hot++;
    }
    Tb *other = fresh ? same_in_table(e, tb) : NULL;
    if (fresh && !other) {
        table_add(e, tb, guest_bytes);
    }
    bool full = e->tb_bytes > e->cache_max;
    unlock(e);
    if (!fresh || other) {
        tb_free(e, tb);
        tb = other;
    }
    if (full) {
        tb_evict(e);
    }
    return tb;
}

/* ---- flags ---- */

void tb_flags_gained(ExecEngine *e, uint32_t flags, uint32_t soft)
{
    uint32_t old;

    lock(e);
    if (host_mode_gained(e->host, flags, soft, &old)) {
        for (Tb *tb = e->all_first, *next; tb; tb = next) {
            next = tb->all_next;
            if (tb->key.flags == old && tb->strict) {
                tb_remove(e, tb);
            } else if (tb->key.flags == old) {
                hash_remove(e, tb);
                tb->key.flags = flags;
                hash_add(e, tb);
            }
        }
    }
    unlock(e);
}

/* ---- invalidation ---- */

bool tb_self_hit(CpuPriv *p, RamAddr addr, uint64_t len)
{
    const Tb *tb = p->hframe ? host_current(p->cpu) : p->tb;
    RamAddr page = addr & GUEST_PAGE_MASK;

    if (!tb || (tb->cflags & TBC_ONE) || !len) {
        return false;
    }
    unsigned g0 = (addr & ~GUEST_PAGE_MASK) >> 6, g1 = ((addr + len - 1) & ~GUEST_PAGE_MASK) >> 6;
    uint64_t mask = ~(uint64_t)0 >> (63 - (g1 - g0)) << g0;
    for (unsigned k = 0; k < tb->n_pages; k++) {
        if (tb_page(tb, k) == page && (tb_part(tb, k)->granules & mask)) {
            return true;
        }
    }
    return false;
}

static void invalidate_in_page(ExecEngine *e, RamAddr page, uint64_t mask)
{
    CodePage *cp = page_get(e, page);

    if (!cp) {
        return;
    }
    uint64_t left = 0;
    cp->seq++;
    cp->pins++; /* keep it while the list changes */
    Tb *t = cp->tbs;
    while (t) {
        unsigned k;
        Tb *tb = list_tb(t, &k);
        t = tb_part(tb, k)->next;
        if (tb_part(tb, k)->granules & mask) {
            /* A region may be in this list twice: do not follow the other of its nodes. */
            unsigned j;
            while (t && list_tb(t, &j) == tb) {
                t = tb_part(tb, j)->next;
            }
            tb_remove(e, tb);
            e->stats.invalidations++;
        } else {
            left |= tb_part(tb, k)->granules;
        }
    }
    cp->pins--;
    __atomic_store_n(&cp->granules, left, __ATOMIC_RELEASE);
    page_maybe_drop(e, cp);
}

/* Without a lock: nothing that was or is being translated lies in these pieces of the page. The store is
 * visible already; a translation that begins later reads what was stored. */
static bool untouched(ExecEngine *e, RamAddr page, uint64_t mask)
{
    const CodePage *cp = page_get(e, page);

    return !cp || (!__atomic_load_n(&cp->pins, __ATOMIC_SEQ_CST) &&
                   !(__atomic_load_n(&cp->granules, __ATOMIC_SEQ_CST) & mask));
}

void tb_invalidate_range(ExecEngine *e, RamAddr addr, uint64_t len)
{
    bool locked = false;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    while (len) {
        uint64_t off = addr & ~GUEST_PAGE_MASK, n = MIN(len, GUEST_PAGE_SIZE - off);
        unsigned g0 = off >> 6, g1 = (off + n - 1) >> 6;
        uint64_t mask = ~(uint64_t)0 >> (63 - (g1 - g0)) << g0;
        if (!untouched(e, addr - off, mask)) {
            if (!locked) {
                lock(e);
                locked = true;
            }
            invalidate_in_page(e, addr - off, mask);
        }
        addr += n;
        len -= n;
    }
    if (locked) {
        unlock(e);
    }
}

void tb_drop(ExecEngine *e, Tb *tb)
{
    lock(e);
    tb_remove(e, tb);
    unlock(e);
}

void tb_flush_all(ExecEngine *e)
{
    lock(e);
    while (e->all_first) {
        tb_remove(e, e->all_first);
    }
    e->stats.tb_flushes++;
    unlock(e);
}

/* Oldest first, down to three quarters of the bound. */
void tb_evict(ExecEngine *e)
{
    lock(e);
    while (e->all_first && e->tb_bytes > e->cache_max / 4 * 3) {
        tb_remove(e, e->all_first);
    }
    unsigned n = __atomic_load_n(&e->n_cpus, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < n; i++) {
        if (e->cpu_list[i]) {
            /* so that each passes its loop and the memory comes back */
            __atomic_store_n(&e->cpu_list[i]->exit_request, 1, __ATOMIC_SEQ_CST);
        }
    }
    unlock(e);
}

/* Free what no vCPU can hold any more. */
void tb_reclaim(ExecEngine *e)
{
    uint64_t oldest = UINT64_MAX;
    Tb *done = NULL;

    lock(e);
    unsigned n = __atomic_load_n(&e->n_cpus, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < n; i++) {
        if (e->cpu_list[i]) {
            oldest = MIN(oldest, __atomic_load_n(&e->cpu_list[i]->priv->epoch, __ATOMIC_SEQ_CST));
        }
    }
    Tb **at = &e->retired;
    while (*at) {
        Tb *tb = *at;
        if (tb->retire_epoch <= oldest) {
            *at = tb->retire_next;
            tb->retire_next = done;
            done = tb;
        } else {
            at = &tb->retire_next;
        }
    }
    unlock(e);
    while (done) {
        Tb *next = done->retire_next;
        tb_free(e, done);
        done = next;
    }
}

void tb_cache_init(ExecEngine *e)
{
    g_mutex_init(&e->tb_lock);
    e->hash = pages_new(sizeof(Tb *) << TB_HASH_BITS);
    e->code_pages = g_new0(CodePage *, 1u << CODE_PAGE_BITS);
    e->cache_max = e->config.cache_bytes ? e->config.cache_bytes : (size_t)256 << 20;
    e->epoch = 1;
}

/* Nobody runs any more: nothing needs to be unlinked. */
void tb_cache_clear(ExecEngine *e)
{
    for (Tb *tb = e->all_first, *next; tb; tb = next) {
        next = tb->all_next;
        tb_free(e, tb);
    }
    for (Tb *tb = e->retired, *next; tb; tb = next) {
        next = tb->retire_next;
        tb_free(e, tb);
    }
    for (unsigned i = 0; i < 1u << CODE_PAGE_BITS; i++) {
        while (e->code_pages[i]) {
            CodePage *cp = e->code_pages[i];
            e->code_pages[i] = cp->next;
            g_free(cp);
        }
    }
    g_free(e->code_pages);
    pages_free(e->hash, sizeof(Tb *) << TB_HASH_BITS);
    g_mutex_clear(&e->tb_lock);
}
