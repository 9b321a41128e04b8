/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table behind slots.h.
 */
#include <stddef.h>
#include "target/x86/cpu.h"
#include "target/x86/slots.h"

#define S(slot, nm, field, ty, sz) \
    [slot] = { .name = nm, .offset = offsetof(X86Cpu, field), .type = ty, .size = sz }
#define CC(slot, nm, field, ty, sz)               \
    [slot] = { .name = nm,                        \
               .offset = offsetof(X86Cpu, field), \
               .type = ty,                        \
               .size = sz,                        \
               .group = X86_GROUP_CC }
/* The order in which host registers are given to them. */
#define GPR(n, nm)                                           \
    [SLOT_GPR + (n)] = { .name = nm,                         \
                         .offset = offsetof(X86Cpu, gpr[n]), \
                         .type = IR_I64,                     \
                         .size = 8,                          \
                         .pin = (n) == 4  ? 1                \
                                : (n) < 4 ? 2 + (n)          \
                                          : 1 + (n) }
#define BASE(n, nm) S(SLOT_SEG_BASE + (n), nm "_base", seg[n].base, IR_I64, 8)
#define SEL(n, nm)  S(SLOT_SEG_SEL + (n), nm, seg[n].sel, IR_I32, 2)
#define MM(n)       S(SLOT_MM + (n), "mm" #n, st[n].mmx, IR_I64, 8)
#define MM_EXP(n)   S(SLOT_MM_EXP + (n), "mmexp" #n, st[n].exp, IR_I32, 2)
#define VEC(n)                                            \
    S(SLOT_XMM + (n), "xmm" #n, ymm[n], IR_V128, 16),     \
        S(SLOT_YMM + (n), "ymm" #n, ymm[n], IR_V256, 32), \
        S(SLOT_YMMH + (n), "ymmh" #n, ymm[n].q[2], IR_V128, 16)

#define X87_BYTES (offsetof(X86Cpu, fp_live) + sizeof(bool) - offsetof(X86Cpu, st))

const IrSlotDesc x86_slots[SLOT_COUNT] = {
    GPR(0, "rax"),
    GPR(1, "rcx"),
    GPR(2, "rdx"),
    GPR(3, "rbx"),
    GPR(4, "rsp"),
    GPR(5, "rbp"),
    GPR(6, "rsi"),
    GPR(7, "rdi"),
    GPR(8, "r8"),
    GPR(9, "r9"),
    GPR(10, "r10"),
    GPR(11, "r11"),
    GPR(12, "r12"),
    GPR(13, "r13"),
    GPR(14, "r14"),
    GPR(15, "r15"),
    CC(SLOT_CC_OP, "cc_op", cc_op, IR_I32, 4),
    CC(SLOT_CC_A, "cc_a", cc_a, IR_I64, 8),
    CC(SLOT_CC_B, "cc_b", cc_b, IR_I64, 8),
    CC(SLOT_CC_C, "cc_c", cc_c, IR_I64, 8),
    S(SLOT_EFLAGS, "eflags", eflags, IR_I32, 4),
    BASE(0, "es"),
    BASE(1, "cs"),
    BASE(2, "ss"),
    BASE(3, "ds"),
    BASE(4, "fs"),
    BASE(5, "gs"),
    SEL(0, "es"),
    SEL(1, "cs"),
    SEL(2, "ss"),
    SEL(3, "ds"),
    SEL(4, "fs"),
    SEL(5, "gs"),
    S(SLOT_INT_SHADOW, "int_shadow", int_shadow, IR_I32, 1),
    S(SLOT_MODE, "mode", mode, IR_I32, 4),
    S(SLOT_KERNEL_GS_BASE, "kernel_gs_base", kernel_gs_base, IR_I64, 8),
    S(SLOT_MXCSR, "mxcsr", mxcsr, IR_I32, 4),
    S(SLOT_FPCW, "fpcw", fpcw, IR_I32, 2),
    S(SLOT_FPSW, "fpsw", fpsw, IR_I32, 2),
    S(SLOT_FP_TOP, "fp_top", fp_top, IR_I32, 1),
    S(SLOT_FP_VALID, "fp_valid", fp_valid, IR_I32, 1),
    MM(0),
    MM(1),
    MM(2),
    MM(3),
    MM(4),
    MM(5),
    MM(6),
    MM(7),
    MM_EXP(0),
    MM_EXP(1),
    MM_EXP(2),
    MM_EXP(3),
    MM_EXP(4),
    MM_EXP(5),
    MM_EXP(6),
    MM_EXP(7),
    VEC(0),
    VEC(1),
    VEC(2),
    VEC(3),
    VEC(4),
    VEC(5),
    VEC(6),
    VEC(7),
    VEC(8),
    VEC(9),
    VEC(10),
    VEC(11),
    VEC(12),
    VEC(13),
    VEC(14),
    VEC(15),
    [SLOT_X87] = { .name = "x87",
                   .offset = offsetof(X86Cpu, st),
                   .type = IR_V256,
                   .size = X87_BYTES },
    S(SLOT_FP_OPCODE, "fp_opcode", fp_opcode, IR_I32, 2),
    S(SLOT_FP_CS, "fp_cs", fp_cs, IR_I32, 2),
    S(SLOT_FP_DS, "fp_ds", fp_ds, IR_I32, 2),
    S(SLOT_FP_IP, "fp_ip", fp_ip, IR_I64, 8),
    S(SLOT_FP_DP, "fp_dp", fp_dp, IR_I64, 8),
};
/* The slot's size is a byte. */
G_STATIC_ASSERT(offsetof(X86Cpu, fp_live) > offsetof(X86Cpu, st) && X87_BYTES < 256);
