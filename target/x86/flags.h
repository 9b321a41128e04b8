/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lazy arithmetic flags: an operation leaves its kind and up to three values; the flags are
 * computed only where something reads them, and the puts of values that nothing reads disappear.
 *
 * The size of an operation is part of cc_op; a is always the result (except CC_EFLAGS), cut to the
 * size or with rubbish above it: readers cut.
 *
 *   op          a               b                        c           flags
 *   EFLAGS      the six bits    -                        -           as they stand
 *   LOGIC       result          -                        -           CF OF AF = 0
 *   ADD         result          second operand           -
 *   ADC         result          second operand           carry in
 *   SUB, SBB    result          second operand           - / borrow in
 *   INC, DEC    result          CF before                -
 *   SHL         result          operand << (count - 1)   -           CF its sign; AF = 0
 *   SAR         result          operand >> (count - 1)   -           CF its bit 0, OF by signs; SHR too
 *   MUL         low result      not 0: does not fit      -           CF = OF; AF = 0
 *   BLSI..      result          carry                    -           BLSI, BLSR, BLSMSK, BZHI: CF = b
 *
 * Undefined flags: Ferry gives what Intel processors of the Haswell to Skylake line give where
 * that is simple: AF is cleared by logic, shifts and multiplies; MUL leaves ZF cleared, SF and PF
 * by the low result.
 */
#ifndef TARGET_X86_FLAGS_H
#define TARGET_X86_FLAGS_H

#include "target/x86/cpu.h"

/* Kind * 4 + log2(bytes). */
typedef enum X86CcKind {
    CCK_EFLAGS,
    CCK_LOGIC,
    CCK_ADD,
    CCK_ADC,
    CCK_SUB,
    CCK_SBB,
    CCK_INC,
    CCK_DEC,
    CCK_SHL,
    CCK_SAR,
    CCK_MUL,
    CCK_BMI,
    CCK_COUNT
} X86CcKind;

#define X86_CC_OP(kind, lg) ((uint32_t)(kind)*4 + (lg))
#define X86_CC_KIND(op)     ((X86CcKind)((op) >> 2))
#define X86_CC_LG(op)       ((op)&3u)
#define X86_CC_EFLAGS       X86_CC_OP(CCK_EFLAGS, 0)

/* The six arithmetic flags of a lazy state. */
uint32_t x86_cc_flags(uint32_t op, uint64_t a, uint64_t b, uint64_t c);
bool x86_cc_carry(uint32_t op, uint64_t a, uint64_t b, uint64_t c);

/* The whole EFLAGS with bit 1 set; and the reverse. Set changes every bit (caller masks) and does
 * not recompute the mode. */
uint32_t x86_eflags_get(const X86Cpu *cpu);
void x86_eflags_set(X86Cpu *cpu, uint32_t v);

#endif
