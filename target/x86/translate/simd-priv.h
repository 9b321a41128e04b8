/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the translators of MMX, SSE and AVX instructions share: vector operands by kind and size,
 * the MMX view of the x87 registers, and the frame around operations that may raise #XM.
 *
 * An operand of 32 bytes is a v256, every other vector operand a v128 whose lanes above the size
 * are rubbish for registers, zero for memory and MMX. Writing a VEX destination clears the rest of
 * the register, a legacy one keeps bits 128 and up.
 */
#ifndef TARGET_X86_TRANSLATE_SIMD_PRIV_H
#define TARGET_X86_TRANSLATE_SIMD_PRIV_H

#include "target/x86/fpu.h"
#include "target/x86/translate/translate-priv.h"

static inline IrType simd_type(unsigned size)
{
    return size == 32 ? IR_V256 : IR_V128;
}
static inline bool simd_is_mmx(const X86Trans *t)
{
    for (unsigned k = 0; k < t->i->nops; k++) {
        if (t->i->op[k].kind == X86_OPK_MMX) {
            return true;
        }
    }
    return false;
}
/* Number of operands without the immediates. */
static inline unsigned simd_nops(const X86Trans *t)
{
    unsigned n = t->i->nops;
    return n && t->i->op[n - 1].kind == X86_OPK_IMM ? n - 1 : n;
}

/* MMX instructions: pending x87 exceptions first; at the end, x87 state as MMX leaves it. */
void mmx_begin(X86Trans *t);
void mmx_end(X86Trans *t);

/* The low 128 bits of a vector register. */
IrVal simd_get(X86Trans *t, unsigned reg);
/* Operand n as a vector. Legacy 16-byte memory operands must be aligned. */
IrVal simd_read(X86Trans *t, unsigned n);
/* ... as simd_read, but memory may be unaligned unless the line has the flag `align`. */
IrVal simd_read_u(X86Trans *t, unsigned n);
void simd_write(X86Trans *t, unsigned n,
                IrVal v); /* register or memory; MMX registers: mmx_end() */
void simd_put(X86Trans *t, unsigned reg, IrVal v); /* XMM register by number */

/* The two sources: (op0, op1) of legacy forms, (op1, op2) of VEX forms with three operands; where a VEX
 * form has only one source both are that. */
typedef struct SimdPair {
    IrVal x, y;
} SimdPair;
SimdPair simd_pair(X86Trans *t);

/* Around floating-point IR ops: when MXCSR unmasks something, collect what these ops raise and fault
 * before anything is written. Loads go before fp_begin, puts and stores after fp_end. */
IrVal fp_begin(X86Trans *t);
void fp_end(X86Trans *t, IrVal begun);

#endif
