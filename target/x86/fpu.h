/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating point and vector state: what the translators, the helpers and the state images (FXSAVE,
 * XSAVE, migration, gdb) share.
 *
 * The x87 registers are kept by physical number; TOP and the valid bits are apart, so the images of
 * the status and tag words are made here. MXCSR's sticky flags may live in the host while
 * translated code runs: helpers that look at cpu->mxcsr declare HELPER_FPENV.
 */
#ifndef TARGET_X86_FPU_H
#define TARGET_X86_FPU_H

#include "exec/cpu.h"
#include "target/x86/cpu.h"

/* ---- x87 control and status ---- */
#define X87_IE 0x0001u
#define X87_DE 0x0002u
#define X87_ZE 0x0004u
#define X87_OE 0x0008u
#define X87_UE 0x0010u
#define X87_PE 0x0020u
#define X87_SF 0x0040u
#define X87_ES 0x0080u
#define X87_C0 0x0100u
#define X87_C1 0x0200u
#define X87_C2 0x0400u
#define X87_C3 0x4000u
#define X87_B  0x8000u

#define X86_MXCSR_DEFAULT 0x1f80u
#define X86_MXCSR_MASK    0xffffu /* bits that exist (DAZ too) */

/* ---- x87.c: images; cpu state must be in memory ---- */
uint16_t x87_status_word(const X86Cpu *cpu);         /* with TOP */
void x87_set_status_word(X86Cpu *cpu, uint16_t sw);  /* TOP too; ES and B follow from the flags */
void x87_set_control_word(X86Cpu *cpu, uint16_t cw); /* ES and B follow */
uint16_t x87_tag_word(const X86Cpu *cpu);            /* two bits a physical register */
void x87_set_tag_word(X86Cpu *cpu, uint16_t tag);
uint8_t x87_abridged_tag(const X86Cpu *cpu); /* as FXSAVE: 1 = not empty */
void x87_set_abridged_tag(X86Cpu *cpu, uint8_t tag);
void x87_init(X86Cpu *cpu); /* FNINIT */
/* x87-host.c: the state is in CpuState afterwards; on the vCPU's thread. Whoever reads or changes it from a
 * helper calls this first, unless the helper declares HELPER_FPENV. */
void x87_sync(X86Cpu *cpu);

/* ---- helper/mxcsr.c ---- */
/* Value must be checked (no bits outside X86_MXCSR_MASK). Keeps cpu->mode in step. Helpers that
 * call it declare HELPER_FPENV. */
void x86_set_mxcsr(X86Cpu *cpu, uint32_t v);
/* CpuTargetOps hooks. */
uint32_t x86_fpenv_get(CpuState *cs);
void x86_fpenv_put(CpuState *cs, uint32_t host_mxcsr);

/* ---- helpers of the SSE, AVX and x87 translators ---- */
HELPER_DECL(sse_begin);
HELPER_DECL(sse_end);
HELPER_DECL(f16_tiny);
HELPER_DECL(ldmxcsr);
HELPER_DECL(stmxcsr);
HELPER_DECL(maskmov);
HELPER_DECL(avx_maskload);
HELPER_DECL(avx_maskstore);
HELPER_DECL(avx_gather);
HELPER_DECL(pcmpstr);
HELPER_DECL(pcmpstr_mask);
HELPER_DECL(pclmul);
HELPER_DECL(aesenc);
HELPER_DECL(aesenclast);
HELPER_DECL(aesdec);
HELPER_DECL(aesdeclast);
HELPER_DECL(aesimc);
HELPER_DECL(aeskeygen);
HELPER_DECL(sha);
HELPER_DECL(sha256rnds2);
HELPER_DECL(x87_op);
HELPER_DECL(x87_store);
HELPER_DECL(x87_env);
HELPER_DECL(x87_wait);
HELPER_DECL(x87_fldcw);
HELPER_DECL(x87_ctl);
HELPER_DECL(x87_sw);
HELPER_DECL(x87_sync);

/* First argument of avx_gather. */
typedef struct X86Gather {
    uint8_t dst, mask, index; /* vector registers */
    uint8_t elem, idx;        /* bytes of an element and of an index */
    uint8_t count;            /* elements */
    uint8_t scale;            /* shift */
    uint8_t mmu_adsize;       /* mmu index | address bytes << 4 */
} X86Gather;

/* First argument of the sha helper. */
typedef enum X86ShaOp {
    X86_SHA1NEXTE,
    X86_SHA1MSG1,
    X86_SHA1MSG2,
    X86_SHA256MSG1,
    X86_SHA256MSG2,
    X86_SHA1RNDS4, /* + function 0..3 */
} X86ShaOp;

/* X87Word.how */
enum {
    X87_OP16 = 1, /* 16-bit operand size (FSAVE, FSTENV formats) */
    X87_COMI = 2, /* sets EFLAGS */
    X87_CMOV = 4, /* reads EFLAGS */
};

/* First argument of the x87 helpers. */
typedef struct X87Word {
    uint8_t op, modrm; /* op: D8..DF */
    uint8_t mem_bytes; /* 0: register form */
    uint8_t mmu;
    uint8_t how; /* X87_OP16 ... */
    uint8_t rest[3];
} X87Word;

#endif
