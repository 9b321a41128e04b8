/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking write tags away, from any thread, when dirty bits were cleared (a page becomes code, a
 * migration round reads it).
 *
 * The home thread notes, in a bucket by hash of the RAM page, each place that has a write tag. A full
 * bucket throws out a note whose tag is gone, or else one together with its tag. The order against
 * the cleaner: a writer is noted, then the tag set, then the dirty bits looked at (tlb.c); a cleaner
 * clears bits, then reads here. So either the cleaner finds the note or the writer finds the bits
 * clear. A note is its page and, last, its place in one word; where one changes while another thread
 * reads it, that thread searches all tables.
 */
#include "tlb-priv.h"

/* TlbWriter.place: the virtual page with these in its low bits; 0: no note. */
#define PLACE_VALID        0x800u
#define PLACE_MMU(place)   ((place)&15)
#define PLACE_SPACE(place) ((place) >> 4 & 15)
G_STATIC_ASSERT(TLB_SPACES <= 16 && CPU_MMU_MODES <= 16);

static TlbWriters *bucket_of(CpuPriv *p, RamAddr page)
{
    return &p->writers[((page >> GUEST_PAGE_BITS) * 0x9e3779b97f4a7c15u) >> (64 - TLB_WRITER_BITS)];
}

static TlbEntry *row_at(CpuPriv *p, uint64_t place, CpuTlb **tlb)
{
    CpuTlb *t = &p->spaces[PLACE_SPACE(place)].mode[PLACE_MMU(place)];

    *tlb = t;
    return &t->table[tlb_index(t, place)];
}

/* Home thread: is the tag that the note speaks of still there? */
static bool note_holds(CpuPriv *p, const TlbWriter *w)
{
    CpuTlb *t;

    return row_at(p, w->place, &t)->tag[ACCESS_WRITE] == (w->place & GUEST_PAGE_MASK);
}

void tlb_note_writer(CpuPriv *p, RamAddr page, uint64_t va, unsigned mmu)
{
    uint64_t place = va | PLACE_VALID | (unsigned)(p->space - p->spaces) << 4 | mmu;
    TlbWriters *b = bucket_of(p, page);
    TlbWriter *free = NULL;

    for (unsigned i = 0; i < TLB_WRITERS; i++) {
        TlbWriter *w = &b->w[i];
        if (w->page == page && w->place == place) {
            return;
        }
        free = w->place ? free : w;
    }
    for (unsigned i = 0; i < TLB_WRITERS && !free; i++) {
        free = note_holds(p, &b->w[i]) ? NULL : &b->w[i];
    }
    if (!free) {
        CpuTlb *t;
        free = &b->w[b->next++ % TLB_WRITERS];
        __atomic_store_n(&row_at(p, free->place, &t)->tag[ACCESS_WRITE],
                         tlb_tag_off(free->place & GUEST_PAGE_MASK), __ATOMIC_RELEASE);
    }
    __atomic_store_n(&free->place, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&free->page, page, __ATOMIC_RELEASE);
    __atomic_store_n(&free->place, place, __ATOMIC_RELEASE);
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

/* By the notes; false when one changes meanwhile. tlb_mutex held. */
static bool protect_noted(CpuPriv *p, uintptr_t host, size_t len, RamAddr addr, GArray *hit)
{
    const TlbWriters *b = bucket_of(p, addr);

    for (unsigned i = 0; i < TLB_WRITERS; i++) {
        uint64_t place = __atomic_load_n(&b->w[i].place, __ATOMIC_SEQ_CST);
        RamAddr page = __atomic_load_n(&b->w[i].page, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&b->w[i].place, __ATOMIC_SEQ_CST) != place) {
            return false;
        }
        if (place && page == addr) {
            CpuTlb *t;
            TlbEntry *e = row_at(p, place, &t);
            protect_entry(t, e - t->table, host, len, addr, hit);
        }
    }
    return true;
}

void tlb_protect_host(CpuPriv *p, uintptr_t host, size_t len, RamAddr addr, GArray *hit)
{
    g_mutex_lock(&p->tlb_mutex);
    if (len > GUEST_PAGE_SIZE || !protect_noted(p, host, len, addr, hit)) {
        protect_search(p, host, len, addr, hit);
    }
    g_mutex_unlock(&p->tlb_mutex);
}
