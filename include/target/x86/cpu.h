/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of one x86 virtual CPU.
 *
 * Arithmetic flags are lazy: cc_op says how CF, PF, AF, ZF, SF, OF follow from cc_a, cc_b, cc_c
 * (flags.h). `eflags` holds every other bit; its arithmetic bits are always 0. Read and write the
 * whole with x86_eflags_get/set().
 *
 * Translated code sees the fields that slots.h names; between regions, and in helpers that
 * declare it, all fields are in memory and exact.
 */
#ifndef TARGET_X86_CPU_H
#define TARGET_X86_CPU_H

#include "exec/cpu.h"
#include "target/x86/gates.h"
#include "target/x86/mode.h"
#include "target/x86/sys-state.h"

/* EFLAGS bits. */
#define X86_CF   0x00000001u
#define X86_PF   0x00000004u
#define X86_AF   0x00000010u
#define X86_ZF   0x00000040u
#define X86_SF   0x00000080u
#define X86_TF   0x00000100u
#define X86_IF   0x00000200u
#define X86_DF   0x00000400u
#define X86_OF   0x00000800u
#define X86_IOPL 0x00003000u
#define X86_NT   0x00004000u
#define X86_RF   0x00010000u
#define X86_VM   0x00020000u
#define X86_AC   0x00040000u
#define X86_VIF  0x00080000u
#define X86_VIP  0x00100000u
#define X86_ID   0x00200000u
#define X86_CC   (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF | X86_OF)

/* Exception vectors. */
enum {
    EXCP_DE = 0,
    EXCP_DB = 1,
    EXCP_NMI = 2,
    EXCP_BP = 3,
    EXCP_OF = 4,
    EXCP_BR = 5,
    EXCP_UD = 6,
    EXCP_NM = 7,
    EXCP_DF = 8,
    EXCP_TS = 10,
    EXCP_NP = 11,
    EXCP_SS = 12,
    EXCP_GP = 13,
    EXCP_PF = 14,
    EXCP_MF = 16,
    EXCP_AC = 17,
    EXCP_MC = 18,
    EXCP_XM = 19,
};

/* Segment register with its hidden part. attr: bits 8..23 of the descriptor's second word, in
 * place (type, S, DPL, P, AVL, L, D/B, G). limit: in bytes, G applied. */
typedef struct X86Seg {
    uint16_t sel;
    uint32_t attr;
    uint32_t limit;
    uint64_t base;
} X86Seg;

#define X86_SEG_TYPE 0x00000f00u
#define X86_SEG_ACC  0x00000100u
#define X86_SEG_RW   0x00000200u /* data: writable; code: readable */
#define X86_SEG_DC   0x00000400u /* data: expand-down; code: conforming */
#define X86_SEG_CODE 0x00000800u
#define X86_SEG_S    0x00001000u
#define X86_SEG_DPL  0x00006000u
#define X86_SEG_P    0x00008000u
#define X86_SEG_AVL  0x00100000u
#define X86_SEG_L    0x00200000u
#define X86_SEG_DB   0x00400000u
#define X86_SEG_G    0x00800000u

typedef struct X86Dt {
    uint64_t base;
    uint16_t limit;
} X86Dt;

/* An x87 register, or (low 8 bytes) an MMX register. */
typedef union X87Reg {
    struct {
        uint64_t mant;
        uint16_t exp; /* sign and exponent */
    };
    uint64_t mmx;
    uint8_t b[16];
} __attribute__((aligned(16))) X87Reg;

typedef struct X86Cpu {
    CpuState base; /* first */

    /* ---- integer state ---- */
    uint64_t gpr[16]; /* RAX RCX RDX RBX RSP RBP RSI RDI R8..R15 */
    uint64_t rip;     /* offset in CS, cut to the code size */
    uint64_t cc_a, cc_b, cc_c;
    uint32_t cc_op;     /* X86CcOp */
    uint32_t eflags;    /* without the arithmetic flags */
    uint32_t mode;      /* MODE_*, kept by x86_mode_update() */
    uint8_t int_shadow; /* interrupts held off for one instruction; cached in mode */

    /* ---- segmentation ---- */
    X86Seg seg[8]; /* ES CS SS DS FS GS LDTR TR */
    X86Dt gdt, idt;

    /* ---- control ---- */
    uint64_t cr0, cr2, cr3, cr4; /* CR8 is the APIC's TPR */
    uint64_t efer;
    uint64_t xcr0;
    uint32_t pkru;
    uint64_t dr[8]; /* 4 and 5 unused */

    /* ---- x87 and MMX ---- */
    X87Reg st[8];        /* physical registers; ST(i) is st[(fp_top + i) & 7], MMi is st[i] */
    uint16_t fpcw, fpsw; /* fpsw without TOP */
    uint8_t fp_top;
    uint8_t fp_valid; /* bit i: physical register i is not empty */
    bool
        fp_live; /* what is above is in the host's FPU (x87-host.c); never outside translated code */
    uint16_t fp_opcode; /* of the last instruction, like what follows */
    uint16_t fp_cs, fp_ds;
    uint64_t fp_ip, fp_dp;

    /* ---- SSE, AVX ---- */
    uint32_t mxcsr;
    IrVec ymm[16];

    /* ---- gates of the decoder; follow from the CPUID words ---- */
    X86GateSet gates;

    /* ---- system state beyond this line belongs to the system files (MSRs, CPUID, SMM, APIC) ---- */
    uint64_t tsc_aux, kernel_gs_base, star, lstar, cstar, sfmask;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    X86Sys sys;
} X86Cpu;

static inline X86Cpu *x86_cpu(CpuState *cs)
{
    return (X86Cpu *)cs;
}

#endif
