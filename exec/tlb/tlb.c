/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The software TLB: lookup, and fill from the target's page walk and the address space.
 *
 * Only the home thread fills, moves and flushes rows. Another thread may take the write tag away
 * (protect.c) by compare-and-swap. So whoever installs a write tag looks at the dirty bits once
 * more afterwards: the cleaner clears bits first and scans tags second. The exchange that installs
 * the tag is the fence between the two, also for the addend stored before it.
 */
#include "tlb-priv.h"

/* The write tag the entry may have now: only RAM whose dirty bits are all set, unwatched, and that may
 * be read too, so that one look serves both. */
static void set_write_tag(CpuPriv *p, TlbEntry *e, const TlbFull *f, unsigned mmu)
{
    Vm *vm = p->cpu->engine->vm;

    if ((f->flags & (TLBF_W | TLBF_R)) != (TLBF_W | TLBF_R) ||
        (f->flags & (TLBF_IO | TLBF_ROM | TLBF_WATCH)) || ram_dirty_clean_mask(vm, f->ram_addr)) {
        return;
    }
    tlb_note_writer(p, f->ram_addr, f->page, mmu);
    __atomic_store_n(&e->tag[ACCESS_WRITE], f->page, __ATOMIC_SEQ_CST);
    if (UNLIKELY(ram_dirty_clean_mask(vm, f->ram_addr))) {
        __atomic_store_n(&e->tag[ACCESS_WRITE], tlb_tag_off(f->page), __ATOMIC_RELAXED);
    }
}

static void set_tags(CpuPriv *p, TlbEntry *e, const TlbFull *f, unsigned mmu)
{
    uint64_t off = tlb_tag_off(f->page);
    bool direct = !(f->flags & (TLBF_IO | TLBF_WATCH));

    __atomic_store_n(&e->tag[ACCESS_WRITE], off, __ATOMIC_RELEASE);
    __atomic_store_n(&e->addend, (uintptr_t)f->host - f->page, __ATOMIC_RELEASE);
    e->tag[ACCESS_READ] = direct && (f->flags & TLBF_R) ? f->page : off;
    e->tag[ACCESS_EXEC] = direct && (f->flags & TLBF_X) ? f->page : off;
    set_write_tag(p, e, f, mmu);
}

void tlb_allow_write(CpuPriv *p, TlbEntry *e, const TlbFull *f, unsigned mmu)
{
    set_write_tag(p, e, f, mmu);
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

/* Row i takes what f says; what was there goes to the victims. */
static void install(CpuPriv *p, CpuTlb *t, unsigned i, const TlbFull *f, unsigned mmu)
{
    TlbFull *row = &t->full[i];
    bool logged = tlb_valid(t, i) && !(row->flags & TLBF_GLOBAL);

    if (tlb_valid(t, i) && row->page != f->page) {
        unsigned v = t->next_victim++ % TLB_VICTIMS;
        t->victim[v] = *row;
        t->victim_page[v] = row->page;
        t->evictions++;
    }
    if (f->flags & TLBF_GLOBAL) {
        t->has_global = true;
    } else if (!logged && t->n_filled <= TLB_FILL_LOG) {
        if (t->n_filled < TLB_FILL_LOG) {
            t->filled[t->n_filled] = i;
        }
        t->n_filled++;
    }
    *row = *f;
    row->gen = t->gen;
    t->fills++;
    set_tags(p, &t->table[i], row, mmu);
}

static bool from_victim(CpuPriv *p, CpuTlb *t, unsigned i, uint64_t page, unsigned mmu)
{
    for (unsigned v = 0; v < TLB_VICTIMS; v++) {
        if (t->victim_page[v] == page) {
            TlbFull f = t->victim[v];
            t->victim_page[v] = ~(uint64_t)0;
            install(p, t, i, &f, mmu);
            return true;
        }
    }
    return false;
}

/* Walk and install; false when probe and the guest would fault. */
static bool fill(CpuState *cpu, GuestVirt va, MmuAccess access, unsigned mmu, bool probe)
{
    CpuPriv *p = priv_of(cpu);
    MmuResult res = { .lg_size = GUEST_PAGE_BITS };
    TlbFull f = { .page = va & GUEST_PAGE_MASK };

    if (!cpu->ops->mmu_translate(cpu, va, access, mmu, probe, &res)) {
        return false;
    }
    CpuTlb *t = &p->space->mode[mmu];
    f.phys = res.phys & GUEST_PAGE_MASK;
    f.as_index = res.as_index;
    f.lg_size = res.lg_size;
    f.attrs = res.attrs;
    f.flags = (res.prot & 7) | (res.global ? TLBF_GLOBAL : 0);
    const PhysRange *r = phys_range(cpu, f.as_index, f.phys, f.attrs);
    if (r) {
        f.ram_addr = r->ram_addr + (f.phys - r->start);
        f.host = r->host + (f.phys - r->start);
        f.flags |= r->readonly ? TLBF_ROM : 0;
    } else {
        f.flags |= TLBF_IO;
    }
    if (p->watchpoints->len && page_watched(p, f.page)) {
        f.flags |= TLBF_WATCH;
    }
    if (f.lg_size > GUEST_PAGE_BITS) {
        tlb_note_large(t, f.page, f.lg_size);
    }
    if (t->evictions > (1u << t->bits) / 2 && t->bits < TLB_MAX_BITS) {
        tlb_grow(p, t, mmu);
    }
    install(p, t, tlb_index(t, va), &f, mmu);
    return true;
}

TlbFull *tlb_lookup(CpuState *cpu, GuestVirt va, MmuAccess access, unsigned mmu, bool probe,
                    TlbEntry **entry)
{
    CpuPriv *p = priv_of(cpu);
    CpuTlb *t = &p->space->mode[mmu];
    unsigned i = tlb_index(t, va);
    uint64_t page = va & GUEST_PAGE_MASK;
    uint8_t need = 1u << access;

    bool here = (tlb_valid(t, i) && t->full[i].page == page) || from_victim(p, t, i, page, mmu);
    if (!here || !(t->full[i].flags & need)) {
        if (!fill(cpu, va, access, mmu, probe)) {
            return NULL;
        }
        i = tlb_index(t, va); /* the table may have grown */
    }
    if (entry) {
        *entry = &t->table[i];
    }
    return &t->full[i];
}
