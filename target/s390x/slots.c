/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table behind slots.h.
 */
#include <stddef.h>
#include "target/s390x/cpu.h"
#include "target/s390x/slots.h"

#define S(slot, nm, field, add, ty, sz) \
    [slot] = { .name = nm, .offset = offsetof(S390Cpu, field) + (add), .type = ty, .size = sz }
/* Which general registers are given host registers first: what compilers use most. */
#define PIN(n) ((n) == 15 ? 1 : (n) <= 5 ? 2 + (n) : (n) == 12 ? 8 : (n) == 11 ? 9 : 0)
#define REG(n)                                                   \
    [SLOT_GPR + (n)] = { .name = "r" #n,                         \
                         .offset = offsetof(S390Cpu, gpr[n]),    \
                         .type = IR_I64,                         \
                         .size = 8,                              \
                         .pin = PIN(n) },                        \
                S(SLOT_FPR + (n), "f" #n, vr[n], 8, IR_V128, 8), \
                S(SLOT_AR + (n), "a" #n, ar[n], 0, IR_I32, 4)
#define CC(slot, nm, ty, sz)                    \
    [slot] = { .name = #nm,                     \
               .offset = offsetof(S390Cpu, nm), \
               .type = ty,                      \
               .size = sz,                      \
               .group = S390_GROUP_CC }
#define VR(n) S(SLOT_VR + (n), "v" #n, vr[n], 0, IR_V128, 16)

const IrSlotDesc s390_slots[SLOT_COUNT] = {
    REG(0),
    REG(1),
    REG(2),
    REG(3),
    REG(4),
    REG(5),
    REG(6),
    REG(7),
    REG(8),
    REG(9),
    REG(10),
    REG(11),
    REG(12),
    REG(13),
    REG(14),
    REG(15),
    CC(SLOT_CC_OP, cc_op, IR_I32, 4),
    CC(SLOT_CC_A, cc_a, IR_I64, 8),
    CC(SLOT_CC_B, cc_b, IR_I64, 8),
    S(SLOT_FPC, "fpc", fpc, 0, IR_I32, 4),
    S(SLOT_EX_MODE, "ex_mode", ex_mode, 0, IR_I32, 4),
    S(SLOT_EX_WORD, "ex_word", ex_word, 0, IR_I32, 4),
    S(SLOT_EX_TARGET, "ex_target", ex_target, 0, IR_I64, 8),
    S(SLOT_EX_NEXT, "ex_next", ex_next, 0, IR_I64, 8),
    S(SLOT_EX_PC, "ex_pc", ex_pc, 0, IR_I64, 8),
    S(SLOT_BEAR, "bear", breaking_addr, 0, IR_I64, 8),
    VR(0),
    VR(1),
    VR(2),
    VR(3),
    VR(4),
    VR(5),
    VR(6),
    VR(7),
    VR(8),
    VR(9),
    VR(10),
    VR(11),
    VR(12),
    VR(13),
    VR(14),
    VR(15),
    VR(16),
    VR(17),
    VR(18),
    VR(19),
    VR(20),
    VR(21),
    VR(22),
    VR(23),
    VR(24),
    VR(25),
    VR(26),
    VR(27),
    VR(28),
    VR(29),
    VR(30),
    VR(31),
};
