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

static bool overflow(X86CcKind kind, unsigned lg, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t first; /* first operand */
    switch (kind) {
    case CCK_ADD:
    case CCK_ADC:
        first = a - b - (kind == CCK_ADC ? c : 0);
        return sign(~(first ^ b) & (first ^ a), lg);
    case CCK_SUB:
    case CCK_SBB:
        first = a + b + (kind == CCK_SBB ? c : 0);
        return sign((first ^ b) & (first ^ a), lg);
    case CCK_INC: return cut(a, lg) == UINT64_C(1) << ((8u << lg) - 1);
    case CCK_DEC: return cut(a, lg) == (UINT64_C(1) << ((8u << lg) - 1)) - 1;
    case CCK_SHL:
    case CCK_SAR: return sign(a ^ b, lg);
    case CCK_MUL: return b != 0;
    default: return false;
    }
}

static bool adjust(X86CcKind kind, uint64_t a, uint64_t b, uint64_t c)
{
    switch (kind) {
    case CCK_ADD: return ((a - b) ^ b ^ a) & X86_AF;
    case CCK_ADC: return ((a - b - c) ^ b ^ a) & X86_AF;
    case CCK_SUB: return ((a + b) ^ b ^ a) & X86_AF;
    case CCK_SBB: return ((a + b + c) ^ b ^ a) & X86_AF;
    case CCK_INC: return (a & 15) == 0;
    case CCK_DEC: return (a & 15) == 15;
    default: return false;
    }
}

uint32_t x86_cc_flags(uint32_t op, uint64_t a, uint64_t b, uint64_t c)
{
    unsigned lg = X86_CC_LG(op);
    X86CcKind kind = X86_CC_KIND(op);
    if (kind == CCK_EFLAGS) {
        return a & X86_CC;
    }
    uint32_t f = x86_cc_carry(op, a, b, c) ? X86_CF : 0;
    f |= __builtin_parity(a & 0xff) ? 0 : X86_PF;
    f |= adjust(kind, a, b, c) ? X86_AF : 0;
    f |= cut(a, lg) == 0 && kind != CCK_MUL ? X86_ZF : 0;
    f |= sign(a, lg) ? X86_SF : 0;
    f |= overflow(kind, lg, a, b, c) ? X86_OF : 0;
    if (kind == CCK_BMI) {
        f &= ~(X86_PF | X86_AF);
    }
    return f;
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
