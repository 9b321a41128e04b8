/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fields of S390Cpu that translated code reads and writes, by number.
 */
#ifndef TARGET_S390X_SLOTS_H
#define TARGET_S390X_SLOTS_H

#include "exec/ir.h"

enum {
    SLOT_GPR = 0,
    SLOT_FPR = 16, /* left half of the vector register of that number; v128 with zeros above */
    SLOT_AR = 32,
    SLOT_CC_OP = 48,
    SLOT_CC_A,
    SLOT_CC_B,
    SLOT_FPC,
    SLOT_EX_MODE,
    SLOT_EX_WORD,
    SLOT_EX_TARGET,
    SLOT_EX_NEXT,
    SLOT_EX_PC,
    SLOT_BEAR,
    SLOT_VR, /* v128; the left halves of the first 16 are SLOT_FPR */
    SLOT_COUNT = SLOT_VR + 32,
};

/* ir_dead_at_exit */
#define S390_GROUP_CC 1

extern const IrSlotDesc s390_slots[SLOT_COUNT];

#endif
