/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VT-d interrupt remapping (specification, chapter 5): a message in remappable format names an entry of a table, which
 * says who gets which vector, and who may send it. Entries are read anew each time. VM lock held.
 */
#include "vtd-priv.h"

#define ADDR_REMAPPABLE 0x10u
#define ADDR_SUBHANDLE  0x08u
#define IRTE_PRESENT    1u
#define IRTE_QUIET      2u

/* The entry's check of the sender: its whole id, less function bits, or a range of buses. */
static bool source_allowed(uint64_t hi, uint16_t source)
{
    static const uint16_t ignored[4] = { 0, 4, 6, 7 };
    uint16_t id = (uint16_t)hi;

    switch (hi >> 18 & 3) {
    case 0: return true;
    case 1: return !((id ^ source) & ~ignored[hi >> 16 & 3] & 0xffff);
    case 2: return source >> 8 >= id >> 8 && source >> 8 <= (id & 0xff);
    default: return false;
    }
}

static VtdFault find_entry(Vtd *s, uint32_t index, uint16_t source, uint64_t *lo, uint64_t *hi)
{
    uint8_t raw[16];

    *lo = 0;
    if (index >= s->intr_size) {
        return VTD_FR_IR_INDEX;
    }
    if (!vtd_read_guest(s, s->intr_root + index * 16ull, raw, sizeof(raw))) {
        return VTD_FR_IR_ACCESS;
    }
    *lo = ld_le64(raw);
    *hi = ld_le64(raw + 8);
    if (!(*lo & IRTE_PRESENT)) {
        return VTD_FR_IR_ABSENT;
    }
    if (*lo & 0xff007000ull || *hi >> 20) {
        return VTD_FR_IR_RESERVED;
    }
    return source_allowed(*hi, source) ? 0 : VTD_FR_IR_SOURCE;
}

static bool blocked(Vtd *s, VtdFault fault, uint16_t source, uint32_t index)
{
    vtd_record_fault(s, fault, source, (uint64_t)index << 48, true);
    return false;
}

bool vtd_remap_interrupt(void *opaque, uint64_t addr, uint32_t data, MemAttrs attrs,
                         ApicMessage *out)
{
    Vtd *s = opaque;
    uint16_t source = attrs.requester_id;
    uint32_t index = (addr >> 5 & 0x7fff) | (addr >> 2 & 1) << 15;
    uint64_t lo, hi;

    if (!s->intr_enabled) {
        return true;
    }
    if (!(addr & ADDR_REMAPPABLE)) {
        bool passes = vtd_reg(s, VTD_GSTS) & VTD_CFI && !s->intr_eime;

        return passes || blocked(s, VTD_FR_IR_COMPATIBLE, source, 0);
    }
    if (addr & ADDR_SUBHANDLE) {
        index += data & 0xffff;
    }
    VtdFault fault = find_entry(s, index, source, &lo, &hi);
    if (fault) {
        return lo & IRTE_QUIET ? false : blocked(s, fault, source, index);
    }
    *out = (ApicMessage){
        .dest = s->intr_eime ? lo >> 32 : lo >> 40 & 0xff,
        .logical = lo >> 2 & 1,
        .delivery = lo >> 5 & 7,
        .vector = lo >> 16 & 0xff,
        .level = lo >> 4 & 1,
    };
    return true;
}
