/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the parts of the software TLB: filling (tlb.c), spaces and flushes (space.c), physical
 * memory (phys.c), write protection from other threads (protect.c).
 */
#ifndef EXEC_TLB_PRIV_H
#define EXEC_TLB_PRIV_H

#include "exec/exec-priv.h"

/* No entry matches in the row, and nothing is known of it. */
void tlb_row_clear(CpuTlb *t, unsigned i);
/* Twice the rows, those in use taken along. */
void tlb_grow(CpuPriv *p, CpuTlb *t, unsigned mmu);
/* A large page went into the table: flushes of any part of it must find all of it. */
void tlb_note_large(CpuTlb *t, uint64_t page, unsigned lg);

static inline bool tlb_valid(const CpuTlb *t, unsigned i)
{
    return t->full[i].gen == t->gen;
}

/* The RAM range around a page of guest physical memory, or NULL. Good until the next call. */
const PhysRange *phys_range(CpuState *cpu, unsigned as_index, uint64_t page, MemAttrs attrs);

/* The current space will have a write tag for a RAM page: before it is set. */
void tlb_note_writer(CpuPriv *p, RamAddr page, uint64_t va, unsigned mmu);

#endif
