/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files that move between segments, privileges and tasks. */
#pragma once
#include <inttypes.h>
#include <string.h>
#include "target/x86/flags.h"
#include "target/x86/helper-sys.h"
#include "target/x86/system.h"

enum {
    R_ES,
    R_CS,
    R_SS,
    R_DS,
    R_FS,
    R_GS,
    R_LDTR,
    R_TR
};
enum {
    G_RSP = 4
};

/* A stack being pushed to or popped from; registers change only at stk_commit(). */
typedef struct Stk {
    X86Cpu *cpu;
    X86Seg ss;
    uint64_t sp, mask;
    unsigned mmu;
    bool is64;
    uint16_t err; /* selector for #SS */
} Stk;

Stk stk_current(X86Cpu *cpu);
void stk_push(Stk *s, uint64_t v, unsigned size);
uint64_t stk_pop(Stk *s, unsigned size);
uint64_t stk_peek(Stk *s, unsigned offset, unsigned size);
void stk_commit(const Stk *s);
static inline uint64_t stk_mask(uint32_t ss_attr)
{
    return ss_attr & X86_SEG_DB ? 0xffffffffu : 0xffff;
}

static inline unsigned cpu_cpl(const X86Cpu *cpu)
{
    return mode_cpl(cpu->mode);
}
static inline bool cpu_lma(const X86Cpu *cpu)
{
    return cpu->efer & EFER_LMA;
}
static inline unsigned desc_type(X86Desc d)
{
    return d.hi >> 8 & 15;
}
static inline bool desc_is_code(X86Desc d)
{
    return (d.hi & (X86_SEG_S | X86_SEG_CODE)) == (X86_SEG_S | X86_SEG_CODE);
}
static inline bool desc_is_data(X86Desc d)
{
    return (d.hi & (X86_SEG_S | X86_SEG_CODE)) == X86_SEG_S;
}
/* Sets the accessed bit in the table if it is clear, and in *d. */
void x86_desc_touch(X86Cpu *cpu, X86Desc *d, uint64_t where);
/* A stack segment for privilege @cpl; faults as @vector(sel). */
X86Desc x86_check_ss(X86Cpu *cpu, uint16_t sel, unsigned cpl, int vector);
/* Drops data segments that the new, lower privilege may not keep. */
void x86_drop_segments(X86Cpu *cpu, unsigned cpl);
void x86_set_cs(X86Cpu *cpu, uint16_t sel, X86Desc d, unsigned cpl);
/* SS with a null selector for 64-bit code of @cpl. */
void x86_set_ss_null(X86Cpu *cpu, unsigned cpl);
/* Is rip inside the segment (or canonical)? else #GP(0). */
void x86_check_rip(X86Cpu *cpu, X86Desc d, uint64_t rip);
void x86_load_eflags(X86Cpu *cpu, uint32_t v, uint32_t mask);
void x86_set_vm86_segs(X86Cpu *cpu);
