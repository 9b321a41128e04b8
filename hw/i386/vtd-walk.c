/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VT-d address translation: root table, context table, second-level page tables (specification, chapters 3.4, 3.7 and 9),
 * the cache of results, and the record of faults.
 *
 * Only complete translations are remembered, never faults. A walk that began before an invalidation is not
 * remembered after it.
 */
#include "vtd-priv.h"

#define PRESENT     1u
#define CTX_FPD     2u
#define TT_PASS     2u
#define PTE_READ    1ull
#define PTE_WRITE   2ull
#define PTE_PAGE    0x80ull /* at levels 2 and 3 */
#define PTE_SNOOP   0x800ull
#define ADDR_MASK   0x000ffffffffff000ull
#define PAGE_OFFSET 0xfffull

/* ---- cache ---- */

static VtdCached *cache_slot(Vtd *s, uint16_t source, uint64_t iova)
{
    uint64_t page = iova >> 12;

    return &s->iotlb[(page ^ page >> 8 ^ source * 31u) % VTD_CACHE];
}

static bool cache_find(Vtd *s, uint16_t source, uint64_t iova, VtdCached *out)
{
    g_mutex_lock(&s->lock);
    const VtdCached *c = cache_slot(s, source, iova);
    bool found = c->valid && c->source == source && !((c->iova ^ iova) & ~PAGE_OFFSET);

    *out = *c;
    g_mutex_unlock(&s->lock);
    return found;
}

static void cache_add(Vtd *s, const VtdCached *entry, uint32_t generation)
{
    g_mutex_lock(&s->lock);
    if (generation == s->generation) {
        *cache_slot(s, entry->source, entry->iova) = *entry;
    }
    g_mutex_unlock(&s->lock);
}

void vtd_flush_iotlb(Vtd *s, unsigned what, uint16_t domain, uint64_t addr, unsigned order)
{
    uint64_t span = order < 52 ? (1ull << 12 << order) - 1 : UINT64_MAX;
    uint64_t first = addr & ~span, last = addr | span;

    g_mutex_lock(&s->lock);
    s->generation++;
    for (unsigned i = 0; i < VTD_CACHE; i++) {
        VtdCached *c = &s->iotlb[i];
        bool other = what != VTD_FLUSH_ALL && c->domain != domain;
        uint64_t page = c->iova & ~c->mask;

        if (what == VTD_FLUSH_PAGES && (page > last || page + c->mask < first)) {
            other = true;
        }
        c->valid = c->valid && other;
    }
    g_mutex_unlock(&s->lock);
}

void vtd_flush_context(Vtd *s, unsigned what, uint16_t domain, uint16_t source, uint16_t ignore)
{
    g_mutex_lock(&s->lock);
    s->generation++;
    for (unsigned i = 0; i < VTD_CACHE; i++) {
        VtdCached *c = &s->iotlb[i];
        bool other = (what == VTD_FLUSH_DOMAIN && c->domain != domain) ||
                     (what == VTD_FLUSH_SOURCE && (c->source ^ source) & ~ignore & 0xffff);

        c->valid = c->valid && other;
    }
    g_mutex_unlock(&s->lock);
}

/* ---- faults ---- */

/* There is one place for a record: what comes while it is full is lost, and said to be. */
void vtd_record_fault(Vtd *s, VtdFault reason, uint16_t source, uint64_t info, bool is_write)
{
    bool tell;

    g_mutex_lock(&s->lock);
    uint32_t status = ld_le32(s->csr + VTD_FSTS);
    tell = !(status & VTD_FSTS_EVENTS);
    if (ld_le64(s->csr + VTD_FRCD + 8) & VTD_FRCD_F) {
        status |= VTD_FSTS_PFO;
        tell = false;
    } else {
        st_le64(s->csr + VTD_FRCD, info);
        st_le64(s->csr + VTD_FRCD + 8,
                VTD_FRCD_F | (is_write ? 0 : 1ull << 62) | (uint64_t)reason << 32 | source);
        status |= VTD_FSTS_PPF;
    }
    st_le32(s->csr + VTD_FSTS, status);
    g_mutex_unlock(&s->lock);
    if (tell) {
        vtd_event(s, VTD_FECTL);
    }
}

/* ---- tables ---- */

typedef struct {
    uint64_t lo, hi;
} Entry128;

static bool read_entry(Vtd *s, uint64_t addr, Entry128 *e)
{
    uint8_t raw[16];

    if (!vtd_read_guest(s, addr, raw, sizeof(raw))) {
        return false;
    }
    *e = (Entry128){ ld_le64(raw), ld_le64(raw + 8) };
    return true;
}

/* 0, or why not. */
static VtdFault find_context(Vtd *s, uint16_t source, Entry128 *ctx)
{
    Entry128 root;

    if (!read_entry(s, s->root + (source >> 8) * 16, &root)) {
        return VTD_FR_ROOT_ACCESS;
    }
    if (!(root.lo & PRESENT)) {
        return VTD_FR_ROOT_ABSENT;
    }
    if (root.lo & 0xffe || root.hi) {
        return VTD_FR_ROOT_RESERVED;
    }
    if (!read_entry(s, (root.lo & ADDR_MASK) + (source & 0xff) * 16, ctx)) {
        return VTD_FR_CONTEXT_ACCESS;
    }
    if (!(ctx->lo & PRESENT)) {
        return VTD_FR_CONTEXT_ABSENT;
    }
    if (ctx->lo & 0xff0 || ctx->hi & ~0xffff7full) {
        return VTD_FR_CONTEXT_RESERVED;
    }
    return 0;
}

/* Bits that must be zero in an entry of @level. */
static uint64_t reserved_bits(const Vtd *s, unsigned level, bool page)
{
    uint64_t bits = ADDR_MASK & ~((1ull << s->aw_bits) - 1);

    if (!s->snoop_control) {
        bits |= PTE_SNOOP;
    }
    if (page && level > 1) {
        bits |= ((1ull << (9 * (level - 1))) - 1) << 12;
    }
    return bits;
}

static VtdFault walk(Vtd *s, const Entry128 *ctx, uint64_t iova, VtdCached *out)
{
    unsigned width = ctx->hi & 7, level = width + 2;
    uint64_t table = ctx->lo & ADDR_MASK, rights = PTE_READ | PTE_WRITE;

    if ((width != 1 && width != 2) || !(vtd_cap(s) >> (8 + width) & 1)) {
        return VTD_FR_CONTEXT_INVALID;
    }
    if (iova >> (12 + 9 * level) || iova >> s->aw_bits) {
        return VTD_FR_ADDRESS_WIDTH;
    }
    for (;; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint8_t raw[8];

        if (!vtd_read_guest(s, table + (iova >> shift & 511) * 8, raw, sizeof(raw))) {
            return VTD_FR_TABLE_ACCESS;
        }
        uint64_t pte = ld_le64(raw);
        bool page = level == 1 || (level <= 3 && pte & PTE_PAGE);
        rights &= pte;
        if (!rights) {
            break;
        }
        if (pte & reserved_bits(s, level, page)) {
            return VTD_FR_PAGE_RESERVED;
        }
        table = pte & ADDR_MASK;
        if (page) {
            out->mask = (1ull << shift) - 1;
            out->translated = (table & ~out->mask) | (iova & out->mask & ~PAGE_OFFSET);
            break;
        }
    }
    out->readable = rights & PTE_READ;
    out->writable = rights & PTE_WRITE;
    return 0;
}

static VtdFault look_up(Vtd *s, uint64_t iova, VtdCached *out, bool *quiet)
{
    Entry128 ctx = { 0 };
    VtdFault fault = find_context(s, out->source, &ctx);
    unsigned type = ctx.lo >> 2 & 3;

    *quiet = ctx.lo & CTX_FPD;
    if (fault) {
        return fault;
    }
    out->domain = ctx.hi >> 8 & 0xffff;
    if (type == TT_PASS && s->pass_through) {
        out->translated = iova & ~PAGE_OFFSET;
        out->mask = PAGE_OFFSET;
        out->readable = out->writable = true;
        return 0;
    }
    return type == 0 ? walk(s, &ctx, iova, out) : VTD_FR_CONTEXT_INVALID;
}

IommuEntry vtd_translate(MemoryRegion *mr, GuestPhys addr, bool is_write, MemAttrs attrs)
{
    VtdSpace *space = mr->opaque;
    Vtd *s = space->vtd;
    uint16_t source = pci_requester_id(space->pci);
    VtdCached c;
    VtdFault fault = 0;
    bool quiet = false;

    if (!cache_find(s, source, addr, &c)) {
        g_mutex_lock(&s->lock);
        uint32_t generation = s->generation;
        g_mutex_unlock(&s->lock);
        c = (VtdCached){ .valid = true, .source = source, .iova = addr & ~PAGE_OFFSET };
        fault = look_up(s, addr, &c, &quiet);
        if (!fault && (c.readable || c.writable)) {
            cache_add(s, &c, generation);
        }
    }
    if (!fault && !(is_write ? c.writable : c.readable)) {
        fault = is_write ? VTD_FR_WRITE : VTD_FR_READ;
    }
    if (fault) {
        if (!quiet) {
            vtd_record_fault(s, fault, source, addr & ~PAGE_OFFSET, is_write);
        }
        return (IommuEntry){ .iova = addr & ~PAGE_OFFSET, .addr_mask = PAGE_OFFSET };
    }
    return (IommuEntry){ .target = address_space_memory(device_vm(&s->dev)),
                         .iova = addr & ~PAGE_OFFSET,
                         .translated = c.translated,
                         .addr_mask = PAGE_OFFSET,
                         .readable = c.readable,
                         .writable = c.writable };
}
