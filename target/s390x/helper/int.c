/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer helpers: the condition code, wide division, arithmetic left shifts, and the exceptions
 * that translated code raises by a call.
 */
#include <string.h>
#include "target/s390x/helper.h"

static unsigned sign_cc(int64_t v)
{
    return v == 0 ? 0 : v < 0 ? 1 : 2;
}

/* m: what is left without the sign. */
static unsigned bfp_cc(uint64_t m, bool more, uint64_t inf, bool negative)
{
    return m > inf || (m == inf && more) ? 3 : !m && !more ? 0 : negative ? 1 : 2;
}

static unsigned compare_cc(double a, double b)
{
    return a == b ? 0 : a < b ? 1 : a > b ? 2 : 3;
}

static unsigned bfp_compare_cc(bool is_long, uint64_t a, uint64_t b)
{
    uint32_t as = a, bs = b;
    float f[2];
    double d[2];

    if (is_long) {
        memcpy(&d[0], &a, 8);
        memcpy(&d[1], &b, 8);
        return compare_cc(d[0], d[1]);
    }
    memcpy(&f[0], &as, 4);
    memcpy(&f[1], &bs, 4);
    return compare_cc(f[0], f[1]);
}

unsigned s390_cc_eval(uint32_t op, uint64_t a, uint64_t b)
{
    int64_t r;

    switch ((S390CcOp)op) {
    case CC_CONST0:
    case CC_CONST1:
    case CC_CONST2:
    case CC_CONST3: return op;
    case CC_VALUE: return a & 3;
    case CC_NZ: return a != 0;
    case CC_CMPS: return a == b ? 0 : (int64_t)a < (int64_t)b ? 1 : 2;
    case CC_CMPU: return a == b ? 0 : a < b ? 1 : 2;
    case CC_EXACT32: return (int64_t)a != (int32_t)a ? 3 : sign_cc(a);
    case CC_ADD64: return __builtin_add_overflow((int64_t)a, (int64_t)b, &r) ? 3 : sign_cc(r);
    case CC_SUB64: return __builtin_sub_overflow((int64_t)a, (int64_t)b, &r) ? 3 : sign_cc(r);
    case CC_ADDU32: return ((uint32_t)a != 0) | (a >> 32) << 1;
    case CC_ADDU64: return (a + b != 0) | (a + b < a) << 1;
    case CC_BFP_SHORT: return bfp_cc(a & INT32_MAX, false, 0x7f800000u, a >> 31 & 1);
    case CC_BFP_LONG: return bfp_cc(a & INT64_MAX, false, 0x7ff0000000000000u, a >> 63);
    case CC_BFP_EXT: return bfp_cc(a & INT64_MAX, b != 0, 0x7fff000000000000u, a >> 63);
    case CC_BFP_CMP_SHORT:
    case CC_BFP_CMP_LONG: return bfp_compare_cc(op == CC_BFP_CMP_LONG, a, b);
    case CC_SUBU: return a == b ? 2 : a < b ? 1 : 3;
    case CC_CARRY: return (a != 0) | b << 1;
    case CC_TM8: return a == 0 ? 0 : a == b ? 3 : 1;
    case CC_TM16: return a == 0 ? 0 : a == b ? 3 : a >> (63 - __builtin_clzll(b)) & 1 ? 2 : 1;
    case CC_OP_COUNT: break;
    }
    return 0;
}

uint64_t helper_s390_cc(CpuState *cs, uint64_t op, uint64_t a, uint64_t b)
{
    return s390_cc_eval(op, a, b);
}

/* value: sign-extended; the sign keeps its place, the other width - 1 bits move. */
uint64_t helper_s390_sla(CpuState *cs, uint64_t v, uint64_t n, uint64_t width)
{
    uint64_t sign = 1ull << (width - 1), shifted = v << n;

    return (shifted & (sign - 1)) | (v & sign);
}

uint64_t helper_s390_sla_cc(CpuState *cs, uint64_t v, uint64_t n, uint64_t width)
{
    unsigned up = 64 - width;
    int64_t s = (int64_t)(v << up); /* the operand in the left bits of a doubleword */
    uint64_t out = n ? (uint64_t)s >> (64 - MIN(n + 1, 64)) : 0; /* the sign and n bits after it */
    bool lost = n >= width ? s != 0 : n && out != 0 && out != (UINT64_MAX >> (63 - n));
    int64_t r = (int64_t)(helper_s390_sla(cs, v, n, width) << up);

    return lost ? 3 : sign_cc(r);
}

G_NORETURN void s390_program(S390Cpu *cpu, unsigned code)
{
    cpu_raise(&cpu->base, EXCP_PGM, code);
}

/* The code goes to the FPC too where there is one. */
static void set_exception_code(S390Cpu *cpu, uint8_t code)
{
    cpu_sync_state(&cpu->base);
    cpu->dxc = code;
    if (cpu->cr[0] & CR0_AFP) {
        cpu->fpc = (cpu->fpc & ~0xff00u) | code << 8;
    }
}

G_NORETURN void s390_data_exception(S390Cpu *cpu, uint8_t dxc)
{
    set_exception_code(cpu, dxc);
    s390_program(cpu, PGM_DATA);
}

G_NORETURN void s390_vector_exception(S390Cpu *cpu, uint8_t vxc)
{
    set_exception_code(cpu, vxc);
    s390_program(cpu, PGM_VECTOR);
}

uint64_t helper_s390_data_exception(CpuState *cs, uint64_t dxc)
{
    s390_data_exception(s390_cpu(cs), dxc);
}
