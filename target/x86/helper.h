/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions that translated code calls (helper.def), and the ways a helper raises an exception.
 * Helpers of one class only (SSE, x87, system) are declared by their own files in the same manner.
 */
#ifndef TARGET_X86_HELPER_H
#define TARGET_X86_HELPER_H

#include "exec/cpu.h"
#include "target/x86/cpu.h"

/* Raise at the start of the current instruction. */
G_NORETURN void x86_raise(X86Cpu *cpu, int vector);
G_NORETURN void x86_raise_err(X86Cpu *cpu, int vector, uint32_t error);

#define X86_HARGS_0 CpuState *cs
#define X86_HARGS_1 X86_HARGS_0, uint64_t a0
#define X86_HARGS_2 X86_HARGS_1, uint64_t a1
#define X86_HARGS_3 X86_HARGS_2, uint64_t a2
#define X86_HARGS_4 X86_HARGS_3, uint64_t a3
#define X86_HELPER(nm, ret, fl, n)           \
    uint64_t helper_x86_##nm(X86_HARGS_##n); \
    HELPER_DECL(x86_##nm);
#include "target/x86/helper.def"

/* What a REP helper works on, packed in its first argument. */
typedef struct X86StrOp {
    uint8_t size;   /* bytes of an element */
    uint8_t adsize; /* 2, 4, 8 */
    uint8_t seg;    /* of the source */
    uint8_t rep;    /* X86Rep: ends CMPS and SCAS; X86_REP_NONE: one element, rCX not used */
} X86StrOp;
static inline uint64_t x86_strop_pack(X86StrOp s)
{
    return s.size | s.adsize << 8 | s.seg << 16 | s.rep << 24;
}
static inline X86StrOp x86_strop_unpack(uint64_t v)
{
    return (X86StrOp){ v & 0xff, v >> 8 & 0xff, v >> 16 & 0xff, v >> 24 & 0xff };
}

#endif
