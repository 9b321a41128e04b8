/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MXCSR, SIMD floating-point exceptions, and the vector moves that pick their memory elements.
 *
 * While translated code runs, the host's MXCSR holds the guest's rounding and denormal controls with
 * all exceptions masked; x86_fpenv_get/put carry them over. With an exception unmasked (MODE_FPX)
 * every floating-point operation is bracketed by sse_begin and sse_end.
 */
#include <string.h>
#include "target/x86/fpu.h"
#include "target/x86/helper.h"
#include "target/x86/system.h"

#define MXCSR_FLAGS 0x3fu
#define MXCSR_UM    0x0800u
#define MXCSR_FTZ   0x8000u

/* With underflow unmasked a tiny result must be noticed even if exact, and flush-to-zero has no
 * effect: flushing raises the flag, and the result is not used. */
uint32_t x86_fpenv_get(CpuState *cs)
{
    uint32_t v = x86_cpu(cs)->mxcsr;
    return (v & 0xe040u) | X86_MXCSR_DEFAULT | (v & MXCSR_UM ? 0 : MXCSR_FTZ);
}

void x86_fpenv_put(CpuState *cs, uint32_t host_mxcsr)
{
    x86_cpu(cs)->mxcsr |= host_mxcsr & MXCSR_FLAGS;
    x87_sync(x86_cpu(cs));
}

void x86_set_mxcsr(X86Cpu *cpu, uint32_t v)
{
    cpu->mxcsr = v;
    cpu->mode = (cpu->mode & ~MODE_FPX) | mode_of_mxcsr(v);
}

/* Mathematical libraries read and write MXCSR in each function: the guest's environment stays in the host. */
static uint64_t helper_stmxcsr(CpuState *cs)
{
    return x86_cpu(cs)->mxcsr | cpu_fpenv_flags(cs);
}
HELPER(stmxcsr, IR_I64, HELPER_READS, HARG_NONE);

/* Returns whether the mode is another now. */
static uint64_t helper_ldmxcsr(CpuState *cs, uint64_t v)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint32_t mode = cpu->mode;
    if (v & ~(uint64_t)X86_MXCSR_MASK) {
        x86_raise_err(cpu, EXCP_GP, 0);
    }
    x86_set_mxcsr(cpu, v);
    cpu_fpenv_renew(cs);
    return cpu->mode != mode;
}
HELPER(ldmxcsr, IR_I64, HELPER_STATE, HARG_I64);

static uint64_t helper_sse_begin(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint32_t flags = cpu->mxcsr & MXCSR_FLAGS;
    cpu->mxcsr &= ~MXCSR_FLAGS;
    return flags;
}
HELPER(sse_begin, IR_I64, HELPER_READS | HELPER_WRITES | HELPER_FPENV, HARG_NONE);

/* begun: the flags before the operation. Invalid, denormal and divide-by-zero are found before
 * anything is computed, so unmasked they keep the others from being raised. */
static uint64_t helper_sse_end(CpuState *cs, uint64_t begun)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint32_t raised = cpu->mxcsr & MXCSR_FLAGS;
    uint32_t unmasked = raised & ~(cpu->mxcsr >> 7);
    cpu->mxcsr &= ~MXCSR_FLAGS;
    if (unmasked & 7) {
        raised &= 7;
    }
    cpu->mxcsr |= raised | (uint32_t)begun;
    if (unmasked) {
        x86_raise(cpu, cpu->cr4 & CR4_OSXMMEXCPT ? EXCP_XM : EXCP_UD);
    }
    return 0;
}
HELPER(sse_end, IR_VOID, HELPER_STATE | HELPER_FPENV, HARG_I64);

/* VCVTPS2PH knows no flush-to-zero (which tells of tiny results elsewhere): one that is exact raises underflow where
 * that is unmasked. */
static uint64_t helper_f16_tiny(CpuState *cs, const void *halves)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint16_t h[8];
    memcpy(h, halves, sizeof h);
    for (unsigned k = 0; k < 8 && !(cpu->mxcsr & MXCSR_UM); k++) {
        if ((h[k] & 0x7c00) == 0 && (h[k] & 0x3ff) != 0) {
            cpu->mxcsr |= X87_UE;
        }
    }
    return 0;
}
HELPER(f16_tiny, IR_VOID, HELPER_READS | HELPER_WRITES | HELPER_FPENV, HARG_V128);

/* ---- masked moves ---- */
/* Store the bytes or elements of v whose mask has its sign bit set; all are probed first. */
static void store_masked(CpuState *cs, uint64_t addr, const uint8_t *v, const uint8_t *mask,
                         unsigned elem, unsigned total, unsigned mmu)
{
    for (unsigned k = 0; k < total; k += elem) {
        if (mask[k + elem - 1] & 0x80) {
            cpu_probe_access(cs, addr + k, elem, MMU_ACCESS_WRITE, mmu);
        }
    }
    for (unsigned k = 0; k < total; k += elem) {
        if (mask[k + elem - 1] & 0x80) {
            cpu_st_bytes(cs, addr + k, v + k, elem, mmu);
        }
    }
}

/* how: bytes | mmu index << 8 */
static uint64_t helper_maskmov(CpuState *cs, uint64_t addr, const void *v, const void *mask,
                               uint64_t how)
{
    store_masked(cs, addr, v, mask, 1, how & 0xff, how >> 8);
    return 0;
}
HELPER(maskmov, IR_VOID, HELPER_FAULTS, HARG_I64, HARG_V128, HARG_V128, HARG_I64);

/* how: element bytes | mmu index << 8. A 128-bit form has a mask with a zero upper half. */
static uint64_t helper_avx_maskstore(CpuState *cs, uint64_t addr, const void *v, const void *mask,
                                     uint64_t how)
{
    store_masked(cs, addr, v, mask, how & 0xff, 32, how >> 8);
    return 0;
}
HELPER(avx_maskstore, IR_VOID, HELPER_FAULTS, HARG_I64, HARG_V256, HARG_V256, HARG_I64);

static void helper_avx_maskload(CpuState *cs, IrVec *out, uint64_t addr, const void *mask,
                                uint64_t how)
{
    const uint8_t *m = mask;
    unsigned elem = how & 0xff;
    memset(out, 0, sizeof *out);
    for (unsigned k = 0; k < 32; k += elem) {
        if (m[k + elem - 1] & 0x80) {
            cpu_ld_bytes(cs, addr + k, &out->b[k], elem, how >> 8);
        }
    }
}
HELPER(avx_maskload, IR_V256, HELPER_FAULTS, HARG_I64, HARG_V256, HARG_I64);

/* Each element is committed as it is loaded, so a fault leaves the rest of the mask to be done. */
static uint64_t helper_avx_gather(CpuState *cs, uint64_t word, uint64_t base, uint64_t seg,
                                  uint64_t linear_mask)
{
    X86Cpu *cpu = x86_cpu(cs);
    X86Gather g;
    memcpy(&g, &word, sizeof g);
    IrVec *dst = &cpu->ymm[g.dst], *mask = &cpu->ymm[g.mask];
    const IrVec *index = &cpu->ymm[g.index];
    unsigned adsize = g.mmu_adsize >> 4, used = g.count * g.elem;
    uint64_t ea_mask = adsize == 8 ? UINT64_MAX : UINT32_MAX;
    for (unsigned k = 0; k < g.count; k++) {
        uint8_t *m = &mask->b[k * g.elem];
        int64_t idx = g.idx == 8 ? (int64_t)index->q[k] : (int32_t)index->d[k];
        if (m[g.elem - 1] & 0x80) {
            uint64_t ea = (base + ((uint64_t)idx << g.scale)) & ea_mask;
            uint64_t v = 0;
            cpu_ld_bytes(cs, (seg + ea) & linear_mask, &v, g.elem, g.mmu_adsize & 15);
            memcpy(&dst->b[k * g.elem], &v, g.elem);
        }
        memset(m, 0, g.elem);
    }
    memset(&mask->b[used], 0, 32 - used);
    memset(&dst->b[used], 0, 32 - used);
    return 0;
}
HELPER(avx_gather, IR_VOID, HELPER_STATE, HARG_I64, HARG_I64, HARG_I64, HARG_I64);
