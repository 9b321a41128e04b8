/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the column "gate" of the instruction tables can ask for. The decoder skips a line whose
 * gate is closed. features.c computes the set from the CPUID words of the CPU (one gate may stand
 * for one CPUID bit or several). The order is free: nothing outside the program sees the numbers.
 */
#ifndef TARGET_X86_GATES_H
#define TARGET_X86_GATES_H

#include <stdbool.h>
#include <stdint.h>

typedef enum X86Gate {
    X86_GATE_NONE, /* always there */
    X86_GATE_FPU,
    X86_GATE_TSC,
    X86_GATE_MSR,
    X86_GATE_CX8,
    X86_GATE_SEP,
    X86_GATE_CMOV,
    X86_GATE_CLFLUSH,
    X86_GATE_MMX,
    X86_GATE_FXSR,
    X86_GATE_SSE,
    X86_GATE_SSE2,
    X86_GATE_SSE3,
    X86_GATE_PCLMUL,
    X86_GATE_MONITOR,
    X86_GATE_SSSE3,
    X86_GATE_FMA,
    X86_GATE_CX16,
    X86_GATE_SSE41,
    X86_GATE_SSE42,
    X86_GATE_MOVBE,
    X86_GATE_POPCNT,
    X86_GATE_AES,
    X86_GATE_XSAVE,
    X86_GATE_AVX,
    X86_GATE_F16C,
    X86_GATE_RDRAND,
    X86_GATE_FSGSBASE,
    X86_GATE_BMI1,
    X86_GATE_AVX2,
    X86_GATE_BMI2,
    X86_GATE_INVPCID,
    X86_GATE_RDSEED,
    X86_GATE_ADX,
    X86_GATE_SMAP,
    X86_GATE_CLFLUSHOPT,
    X86_GATE_CLWB,
    X86_GATE_SHA,
    X86_GATE_PKU,
    X86_GATE_RDPID,
    X86_GATE_XSAVEOPT,
    X86_GATE_XSAVEC,
    X86_GATE_XSAVES,
    X86_GATE_LAHF_LM,
    X86_GATE_LZCNT,
    X86_GATE_SYSCALL,
    X86_GATE_RDTSCP,
    X86_GATE_COUNT
} X86Gate;

#define X86_GATE_WORDS ((X86_GATE_COUNT + 63) / 64)

typedef struct X86GateSet {
    uint64_t w[X86_GATE_WORDS];
} X86GateSet;

static inline bool x86_gate_has(const X86GateSet *s, X86Gate f)
{
    return f == X86_GATE_NONE || (s->w[f / 64] >> (f % 64) & 1);
}
static inline void x86_gate_set(X86GateSet *s, X86Gate f, bool on)
{
    uint64_t bit = UINT64_C(1) << (f % 64);
    s->w[f / 64] = on ? s->w[f / 64] | bit : s->w[f / 64] & ~bit;
}

#endif
