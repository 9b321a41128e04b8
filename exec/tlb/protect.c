/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking write tags away, from any thread, when dirty bits were cleared (a page becomes code, a
 * migration round reads it).
 *
 * The table of writers says for a RAM page (by hash) whether a write tag may exist, and where if it
 * is only one. Its order against the cleaner: a writer is noted, then the tag set, then the dirty
 * bits looked at (tlb.c); a cleaner clears bits, then reads here. So either the cleaner finds the
 * note or the writer finds the bits clear. An entry with n == 1 may be read torn by another thread:
 * only the home thread trusts its place, others search.
 */
#include "tlb-priv.h"

static TlbWriter *writer_of(CpuPriv *p, RamAddr page)
{
    return &p->writers[((page >> GUEST_PAGE_BITS) * 0x9e3779b97f4a7c15u) >> 52];
}
G_STATIC_ASSERT(TLB_WRITERS == 1 << 12);

void tlb_note_writer(CpuPriv *p, RamAddr page, uint64_t va, unsigned mmu)
{
    TlbWriter *w = writer_of(p, page);
    unsigned space = p->space - p->spaces;

    if (w->n == 0) {
        *w = (TlbWriter){ .page = page, .va = va, .space = space, .mmu = mmu };
        __atomic_store_n(&w->n, 1, __ATOMIC_RELEASE);
    } else if (w->n == 1 &&
               (w->page != page || w->va != va || w->space != space || w->mmu != mmu)) {
        __atomic_store_n(&w->n, 2, __ATOMIC_RELEASE);
    }
}

/* A tag that is off already stays as it is: its other half is a page that may not be written. */
static void protect_entry(CpuTlb *t, unsigned i, uintptr_t host, size_t len, RamAddr addr,
                          GArray *hit)
{
    TlbEntry *e = &t->table[i];
    uint64_t tag = __atomic_load_n(&e->tag[ACCESS_WRITE], __ATOMIC_SEQ_CST);
    uintptr_t h = tag + __atomic_load_n(&e->addend, __ATOMIC_SEQ_CST);

    if (tlb_index(t, tag) != i || h - host >= len) {
        return;
    }
    if (__atomic_compare_exchange_n(&e->tag[ACCESS_WRITE], &tag, tlb_tag_off(tag), false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED) &&
        hit) {
        RamAddr page = addr + (h - host);
        g_array_append_val(hit, page);
    }
}

/* tlb_mutex held. */
static void protect_search(CpuPriv *p, uintptr_t host, size_t len, RamAddr addr, GArray *hit)
{
    for (unsigned k = 0; k < TLB_SPACES; k++) {
        CpuTlb *mode = p->spaces[k].used ? p->spaces[k].mode : NULL;
        for (unsigned m = 0; mode && m < p->cpu->ops->mmu_modes; m++) {
            for (unsigned i = 0; i < 1u << mode[m].bits; i++) {
                protect_entry(&mode[m], i, host, len, addr, hit);
            }
        }
    }
}

/* Home thread: the notes anew from the tags there are, so that the next search is not needed.
 * tlb_mutex held: nobody may see them half done. */
static void writers_rebuild(CpuPriv *p)
{
    TlbSpace *now = p->space;

    for (unsigned i = 0; i < TLB_WRITERS; i++) {
        p->writers[i].n = 0;
    }
    for (unsigned k = 0; k < TLB_SPACES; k++) {
        CpuTlb *mode = p->spaces[k].used ? p->spaces[k].mode : NULL;
        p->space = &p->spaces[k];
        for (unsigned m = 0; mode && m < p->cpu->ops->mmu_modes; m++) {
            for (unsigned i = 0; i < 1u << mode[m].bits; i++) {
                const TlbFull *f = &mode[m].full[i];
                if (tlb_valid(&mode[m], i) && mode[m].table[i].tag[ACCESS_WRITE] == f->page) {
                    tlb_note_writer(p, f->ram_addr, f->page, m);
                }
            }
        }
    }
    p->space = now;
}

/* The home thread's short way: the one place that is noted. */
static void protect_noted(CpuPriv *p, const TlbWriter *w, uintptr_t host, size_t len, RamAddr addr,
                          GArray *hit)
{
    if (w->page == addr) {
        CpuTlb *t = &p->spaces[w->space].mode[w->mmu];
        protect_entry(t, tlb_index(t, w->va), host, len, addr, hit);
    }
}

void tlb_protect_host(CpuPriv *p, uintptr_t host, size_t len, RamAddr addr, GArray *hit)
{
    TlbWriter *w = writer_of(p, addr);
    bool home = cpu_current() == p->cpu, page = len <= GUEST_PAGE_SIZE;

    if (page && home && w->n < 2) {
        if (w->n) {
            protect_noted(p, w, host, len, addr, hit);
        }
        return;
    }
    g_mutex_lock(&p->tlb_mutex);
    if (!page || __atomic_load_n(&w->n, __ATOMIC_SEQ_CST)) {
        protect_search(p, host, len, addr, hit);
        if (page && home) {
            writers_rebuild(p);
        }
    }
    g_mutex_unlock(&p->tlb_mutex);
}
