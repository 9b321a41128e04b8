/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest state that translated code reads and writes as IR slots. The row order is the slot number.
 */
#ifndef TARGET_X86_SLOTS_H
#define TARGET_X86_SLOTS_H

#include "exec/ir.h"

enum {
    SLOT_GPR = 0,    /* + register number, i64 */
    SLOT_CC_OP = 16, /* i32 */
    SLOT_CC_A,
    SLOT_CC_B,
    SLOT_CC_C,
    SLOT_EFLAGS,                        /* i32, without the arithmetic flags */
    SLOT_SEG_BASE,                      /* + segment register, i64; ES CS SS DS FS GS */
    SLOT_SEG_SEL = SLOT_SEG_BASE + 6,   /* + segment register, i32 of 2 bytes */
    SLOT_INT_SHADOW = SLOT_SEG_SEL + 6, /* i32 of 1 byte */
    SLOT_MODE,                          /* i32: the mode word */
    SLOT_MXCSR,                         /* i32 */
    SLOT_FPCW,
    SLOT_FPSW,
    SLOT_FP_TOP,
    SLOT_FP_VALID,
    SLOT_MM,                    /* + n: low 64 bits of physical x87 register n, i64 */
    SLOT_MM_EXP = SLOT_MM + 8,  /* + n: sign and exponent of physical x87 register n, i32 of 2 */
    SLOT_XMM = SLOT_MM_EXP + 8, /* + n, v128 */
    SLOT_YMM = SLOT_XMM + 16,   /* + n, v256; overlaps SLOT_XMM + n */
    SLOT_YMMH = SLOT_YMM + 16,  /* + n, v128: upper half */
    SLOT_X87 = SLOT_YMMH + 16,  /* registers and words of the x87, for helpers: never get or put */
    SLOT_FP_OPCODE,             /* i32 of 2; this and what follows: of the last x87 instruction */
    SLOT_FP_CS,                 /* i32 of 2 */
    SLOT_FP_DS,
    SLOT_FP_IP, /* i64 */
    SLOT_FP_DP,
    SLOT_KERNEL_GS_BASE,
    SLOT_COUNT,
};

extern const IrSlotDesc x86_slots[SLOT_COUNT];

/* IrSlotDesc.group of the lazy flags. */
#define X86_GROUP_CC 1u

#endif
