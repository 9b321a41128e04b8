/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arithmetic flags from their lazy form (the table in flags.h), for helpers, exceptions and saved
 * state. Translated code computes single flags inline where it can (translate/cc.c).
 */
#include "target/x86/flags.h"

static uint64_t cut(uint64_t v, unsigned lg)
{
    unsigned sh = 64 - (8u << lg);
    return v << sh >> sh;
}

static bool sign(uint64_t v, unsigned lg)
{
    return v >> ((8u << lg) - 1) & 1;
}

bool x86_cc_carry(uint32_t op, uint64_t a, uint64_t b, uint64_t c)
{
    unsigned lg = X86_CC_LG(op);
    a = cut(a, lg);
    switch (X86_CC_KIND(op)) {
    case CCK_EFLAGS: return a & X86_CF;
    case CCK_ADD: return a < cut(b, lg);
    case CCK_ADC: return c ? a <= cut(b, lg) : a < cut(b, lg);
    case CCK_SUB: return cut(a + b, lg) < cut(b, lg);
    case CCK_SBB: return c ? cut(a + b + 1, lg) <= cut(b, lg) : cut(a + b, lg) < cut(b, lg);
    case CCK_INC:
    case CCK_DEC:
    case CCK_BMI:
    case CCK_MUL: return b != 0;
    case CCK_SHL: return sign(b, lg);
    case CCK_SAR: return b & 1;
    default: return false;
    }
}

/* What the result alone decides. */
static uint32_t result_flags(uint64_t a, unsigned lg)
{
    return (__builtin_parity(a & 0xff) ? 0 : X86_PF) | (cut(a, lg) == 0 ? X86_ZF : 0) |
           (sign(a, lg) ? X86_SF : 0);
}

/* Bit n of @out: the sum or difference carries, or borrows, out of bit n. */
static uint32_t carry_flags(uint64_t out, unsigned lg)
{
    unsigned top = (8u << lg) - 1;

    return (out >> top & 1 ? X86_CF : 0) | (out << 1 & X86_AF) |
           ((out >> top ^ out >> (top - 1)) & 1 ? X86_OF : 0);
}

/* Of kinds that are neither sums nor differences. */
static uint32_t other_flags(X86CcKind kind, unsigned lg, uint64_t a, uint64_t b)
{
    uint32_t f = result_flags(a, lg);
    uint64_t low = ((uint64_t)1 << ((8u << lg) - 1)) - 1; /* all but the sign */

    switch (kind) {
    case CCK_INC:
        return f | (b ? X86_CF : 0) | (a & 15 ? 0 : X86_AF) | (cut(a, lg) == low + 1 ? X86_OF : 0);
    case CCK_DEC:
        return f | (b ? X86_CF : 0) | ((a & 15) == 15 ? X86_AF : 0) |
               (cut(a, lg) == low ? X86_OF : 0);
    case CCK_SHL: return f | (sign(b, lg) ? X86_CF : 0) | (sign(a ^ b, lg) ? X86_OF : 0);
    case CCK_SAR: return f | (b & 1 ? X86_CF : 0) | (sign(a ^ b, lg) ? X86_OF : 0);
    case CCK_MUL: return (f & ~X86_ZF) | (b ? X86_CF | X86_OF : 0);
    case CCK_BMI: return (f & ~X86_PF) | (b ? X86_CF : 0);
    default: return f;
    }
}

uint32_t x86_cc_flags(uint32_t op, uint64_t a, uint64_t b, uint64_t c)
{
    unsigned lg = X86_CC_LG(op);
    X86CcKind kind = X86_CC_KIND(op);
    uint64_t x; /* the first operand */

    switch (kind) {
    case CCK_EFLAGS: return a & X86_CC;
    case CCK_ADD:
    case CCK_ADC:
        x = a - b - (kind == CCK_ADC ? c : 0);
        return result_flags(a, lg) | carry_flags((x & b) | ((x | b) & ~a), lg);
    case CCK_SUB:
    case CCK_SBB:
        x = a + b + (kind == CCK_SBB ? c : 0);
        return result_flags(a, lg) | carry_flags((~x & b) | (~(x ^ b) & a), lg);
    default: return other_flags(kind, lg, a, b);
    }
}

uint32_t x86_eflags_get(const X86Cpu *cpu)
{
    return cpu->eflags | 2 | x86_cc_flags(cpu->cc_op, cpu->cc_a, cpu->cc_b, cpu->cc_c);
}

void x86_eflags_set(X86Cpu *cpu, uint32_t v)
{
    cpu->cc_op = X86_CC_EFLAGS;
    cpu->cc_a = v & X86_CC;
    cpu->eflags = (v & ~X86_CC) | 2;
}
