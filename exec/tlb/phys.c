/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Physical memory as the MMU side sees it: where RAM is, remembered until the topology changes, and
 * the words that page walks read and update.
 */
#include "tlb-priv.h"

void phys_cache_clear(CpuPriv *p)
{
    for (unsigned i = 0; i < PHYS_CACHE; i++) {
        p->phys[i].page = ~(uint64_t)0;
    }
    for (unsigned i = 0; i < PHYS_RANGES; i++) {
        p->ranges[i] = (PhysRange){ .start = 1 };
    }
}

const PhysRange *phys_range(CpuState *cpu, unsigned as_index, uint64_t page, MemAttrs attrs)
{
    CpuPriv *p = priv_of(cpu);

    for (unsigned i = 0; i < PHYS_RANGES; i++) {
        const PhysRange *r = &p->ranges[i];
        if (r->as_index == as_index && r->start <= page && page + (GUEST_PAGE_SIZE - 1) <= r->end) {
            return r;
        }
    }
    MemTarget m = address_space_lookup(cpu->as[as_index], page, false, attrs);
    if (!m.ram || m.len < GUEST_PAGE_SIZE) {
        return NULL;
    }
    PhysRange *r = &p->ranges[p->next_range++ % PHYS_RANGES];
    *r = (PhysRange){ .start = page,
                      .end = page + m.len - 1,
                      .host = m.host,
                      .ram_addr = m.ram_addr,
                      .as_index = as_index,
                      .readonly = m.readonly };
    return r;
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
