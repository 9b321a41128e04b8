/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mode word: what translated x86 code depends on beside its bytes and its address.
 *
 * It is the `flags` part of the translation key. x86_mode_update() (seg.c) recomputes it from the
 * control registers, segment registers and EFLAGS after anything that may change it; translators
 * and the decoder read it and nothing else. MODE_SHADOW, MODE_RF, MODE_TF and MODE_DEBUG make
 * regions of one instruction: its last act clears the shadow and RF, or calls the debug trap.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    MODE_CPL = 3u,            /* current privilege level */
    MODE_PE = 1u << 2,        /* CR0.PE */
    MODE_VM86 = 1u << 3,      /* EFLAGS.VM (only with PE); CPL is 3 */
    MODE_LMA = 1u << 4,       /* EFER.LMA */
    MODE_CS64 = 1u << 5,      /* LMA and CS.L: 64-bit code */
    MODE_CS32 = 1u << 6,      /* CS.D (never with CS64) */
    MODE_SS32 = 1u << 7,      /* SS.B: ESP, not SP (64-bit code: RSP, bit clear) */
    MODE_ADDSEG = 1u << 8,    /* ES, CS, SS or DS has a base that is not 0 (never in 64-bit code) */
    MODE_TF = 1u << 9,        /* EFLAGS.TF: one instruction, then the single-step trap */
    MODE_SHADOW = 1u << 10,   /* interrupts held off for one instruction (STI, MOV SS) */
    MODE_RF = 1u << 11,       /* EFLAGS.RF is set: one instruction, which clears it */
    MODE_EM = 1u << 12,       /* CR0.EM */
    MODE_MP = 1u << 13,       /* CR0.MP */
    MODE_TS = 1u << 14,       /* CR0.TS */
    MODE_OSFXSR = 1u << 15,   /* CR4.OSFXSR */
    MODE_AVX = 1u << 16,      /* CR4.OSXSAVE and XCR0 has SSE and AVX state */
    MODE_OSXSAVE = 1u << 17,  /* CR4.OSXSAVE */
    MODE_SMM = 1u << 18,      /* in system management mode */
    MODE_IOPL_OK = 1u << 19,  /* CPL <= IOPL, or no protection: CLI, STI, IN, OUT need no helper */
    MODE_NOSMAP = 1u << 20,   /* supervisor code with EFLAGS.AC set under CR4.SMAP */
    MODE_DEBUG = 1u << 21,    /* an instruction breakpoint is enabled in DR7 */
    MODE_SEGCHECK = 1u << 23, /* ES, CS, SS or DS is not flat, usable and 4 GiB: check limits and
                                  rights; FS and GS outside 64-bit code are always checked */
    MODE_ALIGN = 1u << 24,    /* CPL 3, CR0.AM and EFLAGS.AC: unaligned data access is #AC */
    MODE_FPX = 1u << 25,      /* MXCSR leaves an exception unmasked: check after each operation */
    MODE_NE = 1u << 26,       /* CR0.NE: x87 errors are #MF, else the interrupt that FERR causes */
};

/* How an access is checked by the MMU; the mmu index of loads and stores. */
enum {
    X86_MMU_KERNEL = 0,    /* supervisor; SMAP enforced when CR4.SMAP; all implicit accesses */
    X86_MMU_USER = 1,      /* CPL 3 */
    X86_MMU_KERNEL_AC = 2, /* explicit supervisor access with SMAP lifted by EFLAGS.AC */
    X86_MMU_COUNT = 3,
};

static inline unsigned mode_cpl(uint32_t mode)
{
    return mode & MODE_CPL;
}
/* What x86_decode() calls the mode: the size of the code segment. */
static inline unsigned mode_code_bits(uint32_t mode)
{
    return mode & MODE_CS64 ? 64 : mode & MODE_CS32 ? 32 : 16;
}
/* The mmu index of an explicit data access (and of instruction fetch). */
static inline unsigned mode_mmu(uint32_t mode)
{
    return (mode & MODE_CPL) == 3 ? X86_MMU_USER
           : mode & MODE_NOSMAP   ? X86_MMU_KERNEL_AC
                                  : X86_MMU_KERNEL;
}
/* The part of the mode word that follows from MXCSR. */
static inline uint32_t mode_of_mxcsr(uint32_t mxcsr)
{
    return (mxcsr & 0x1f80) != 0x1f80 ? MODE_FPX : 0;
}
static inline bool mode_protected(uint32_t mode) /* protected mode or long mode, not vm86 */
{
    return (mode & (MODE_PE | MODE_VM86)) == MODE_PE;
}
/* Instructions of such a mode are translated one by one. */
static inline bool mode_single(uint32_t mode)
{
    return mode & (MODE_TF | MODE_SHADOW | MODE_RF | MODE_DEBUG);
}
