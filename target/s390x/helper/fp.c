/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scalar binary floating point. The common case runs on host instructions (fastfp.h); all else is
 * softfp.h, exact in every format and rounding mode. An enabled exception that completes its
 * instruction (overflow, underflow, inexact) stores the result here, before the interruption: the
 * translated code after the call never runs. So helpers get the number of the register besides
 * operands and format.
 */
#include <string.h>
#include "target/s390x/helper/fastfp.h"
#include "target/s390x/helper/fpr.h"
#include "target/s390x/softfp.h"

/* ---- the FPC ---- */
bool s390_fpc_valid(uint32_t fpc)
{
    unsigned rm = fpc & 7;

    return !(fpc & 0x03030088) && (rm < 4 || rm == 7);
}

uint64_t helper_s390_fpc_get(CpuState *cs)
{
    return s390_cpu(cs)->fpc;
}

uint64_t helper_s390_fpc_set(CpuState *cs, uint64_t v)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (!s390_fpc_valid(v)) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    cpu->fpc = v;
    return 0;
}

/* Simulated exceptions, the one with the highest priority first; overflow and underflow tell inexact, too. */
static uint8_t simulated_code(unsigned signalled)
{
    unsigned first = 0x80;

    while (!(signalled & first)) {
        first >>= 1;
    }
    bool inexact = (first & 0x30) && (signalled & 0x08);
    return first | (inexact ? 0x08 : 0) | 3;
}

/* Flags are added to the new contents. Those that were set, and are enabled by the new masks, interrupt. */
uint64_t helper_s390_fpc_signal(CpuState *cs, uint64_t v)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned signalled = cpu->fpc >> 16 & v >> 24 & 0xfc;

    if (!s390_fpc_valid(v)) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    cpu->fpc = (uint32_t)v | (cpu->fpc & 0x00fc0000);
    if (signalled) {
        s390_data_exception(cpu, simulated_code(signalled));
    }
    return 0;
}

uint64_t helper_s390_srnm(CpuState *cs, uint64_t addr, uint64_t kind)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (kind == 2) {
        cpu->fpc = (cpu->fpc & ~0x70u) | (addr & 7) << 4;
        return 0;
    }
    if (kind && ((addr & 0xf8) || ((addr & 7) >= 4 && (addr & 7) <= 6))) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    cpu->fpc = (cpu->fpc & ~7u) | (addr & (kind ? 7 : 3));
    return 0;
}

/* Rounding: an instruction's M field, or the mode of the FPC. */
unsigned s390_fp_rounding(S390Cpu *cpu, unsigned m)
{
    static const uint8_t of[] = { 0, FP_AWAY, 0xff, FP_ODD, FP_NEAREST, FP_ZERO, FP_UP, FP_DOWN };

    if (m == 0) {
        return cpu->fpc & 7;
    }
    if (m > 7 || of[m] == 0xff) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    return of[m];
}

/* ---- bit patterns ---- */
static float as_short(uint64_t v)
{
    uint32_t u = v;
    float f;
    memcpy(&f, &u, sizeof(f));
    return f;
}
static uint64_t of_short(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof(u));
    return u;
}
static double as_long(uint64_t v)
{
    double d;
    memcpy(&d, &v, sizeof(d));
    return d;
}
static uint64_t of_long(double d)
{
    uint64_t v;
    memcpy(&v, &d, sizeof(v));
    return v;
}
static FpBits get_ext(const IrVec *v)
{
    FpBits f;
    memcpy(&f, v, 16);
    return f;
}
static void put_ext(IrVec *out, FpBits v)
{
    memcpy(out, &v, 16);
}

/* ---- exceptions ---- */
static unsigned sign_cc(FpFormat f, FpBits v)
{
    FpClass c = fp_class(f, v);

    return c >= FP_IS_QNAN ? 3 : c == FP_IS_ZERO ? 0 : fp_sign(f, v) ? 1 : 2;
}

/* What an instruction leaves where, should it be completed by an exception. */
typedef struct Dest {
    unsigned r;
    FpFormat f;
    enum {
        CC_NONE,
        CC_BY_SIGN,
        CC_GIVEN
    } how_cc;
    unsigned cc;
    enum {
        TO_FPR,
        TO_GPR32,
        TO_GPR64
    } file;
} Dest;

static void put_result(S390Cpu *cpu, const Dest *d, FpBits v)
{
    cpu_sync_state(&cpu->base);
    if (d->file == TO_GPR32) {
        cpu->gpr[d->r] = (cpu->gpr[d->r] & ~0xffffffffull) | (uint32_t)v;
    } else if (d->file == TO_GPR64) {
        cpu->gpr[d->r] = v;
    } else {
        fpr_put(cpu, d->f, d->r, v);
    }
    if (d->how_cc != CC_NONE) {
        cpu->cc_op = CC_CONST0 + (d->how_cc == CC_GIVEN ? d->cc : sign_cc(d->f, v));
    }
}

static FpEnv begin(S390Cpu *cpu, unsigned rm)
{
    return (FpEnv){ .rm = (FpRound)rm, .traps = cpu->fpc >> 24 & (FP_OVERFLOW | FP_UNDERFLOW) };
}

/* Collected flags to the FPC, or the data exception that they are enabled for. */
static void finish(S390Cpu *cpu, const FpEnv *e, const Dest *d, FpBits result)
{
    unsigned flags = e->flags, enabled = flags & (cpu->fpc >> 24);
    unsigned inexact = !(flags & FP_INEXACT) ? 0 : e->up ? 0x0c : 0x08;

    if (enabled & (FP_INVALID | FP_DIVZERO)) { /* suppressed */
        s390_data_exception(cpu, enabled & (FP_INVALID | FP_DIVZERO));
    }
    if (!enabled) {
        fpc_record(cpu, flags);
        return;
    }
    put_result(cpu, d, result);
    if (enabled & (FP_OVERFLOW | FP_UNDERFLOW)) { /* the code tells inexact too */
        s390_data_exception(cpu, (enabled & (FP_OVERFLOW | FP_UNDERFLOW)) | inexact);
    }
    cpu->fpc |= (flags & ~FP_INEXACT) << 16;
    s390_data_exception(cpu, inexact);
}

/* Only invalid is possible: nothing is completed by an exception. */
static void finish_suppressing(S390Cpu *cpu, const FpEnv *e)
{
    finish(cpu, e, NULL, 0);
}

/* ---- add, subtract, multiply, divide: op is operation << 2 | format | r1 << 8 ---- */
static G_NO_INLINE bool fast_bfp2(uint64_t x, uint64_t y, unsigned op, uint64_t *out)
{
    if ((op & 3) == FP_LONG) {
        double r;
        bool ok = fast_arith_long(op >> 2, as_long(x), as_long(y), &r);
        *out = of_long(r);
        return ok;
    }
    float r;
    bool ok = fast_arith_short(op >> 2, as_short(x), as_short(y), &r);
    *out = of_short(r);
    return ok;
}

static FpBits bfp2(S390Cpu *cpu, FpBits x, FpBits y, uint64_t op)
{
    static FpBits (*const of[4])(FpEnv *, FpFormat, FpBits, FpBits) = { fp_add, fp_sub, fp_mul,
                                                                        fp_div };
    FpFormat f = (FpFormat)(op & 3);
    unsigned what = op >> 2 & 3;
    FpEnv e = begin(cpu, cpu->fpc & 7);
    FpBits r = of[what](&e, f, x, y);
    Dest d = { .r = op >> 8, .f = f, .how_cc = what < 2 ? CC_BY_SIGN : CC_NONE };

    finish(cpu, &e, &d, r);
    return r;
}

uint64_t helper_s390_bfp2(CpuState *cs, uint64_t x, uint64_t y, uint64_t op)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t fast;

    if (fast_begin(cpu) && fast_bfp2(x, y, op & 15, &fast)) {
        fast_commit(cpu);
        return fast;
    }
    return bfp2(cpu, x, y, op);
}

static void helper_s390_bfp2_ext(CpuState *cs, IrVec *out, const IrVec *x, const IrVec *y,
                                 uint64_t op)
{
    put_ext(out, bfp2(s390_cpu(cs), get_ext(x), get_ext(y), op));
}
HELPER(s390_bfp2_ext, IR_V128, HELPER_STATE, HARG_V128, HARG_V128, HARG_I64);

/* Exact products in the next wider format. */
static FpBits widened_product(S390Cpu *cpu, FpFormat f, FpBits x, FpBits y)
{
    FpFormat wide = (FpFormat)(f + 1);
    FpBits v[2] = { x, y }, nan, r;
    FpEnv e = begin(cpu, FP_NEAREST);

    if (fp_propagate(&e, f, v, 2, &nan)) {
        r = fp_convert(&e, wide, f, nan);
    } else {
        r = fp_mul(&e, wide, fp_convert(&e, wide, f, x), fp_convert(&e, wide, f, y));
    }
    finish_suppressing(cpu, &e);
    return r;
}

uint64_t helper_s390_bfp_mul_short(CpuState *cs, uint64_t x, uint64_t y)
{
    return widened_product(s390_cpu(cs), FP_SHORT, x, y);
}

static void helper_s390_bfp_mul_long(CpuState *cs, IrVec *out, uint64_t x, uint64_t y)
{
    put_ext(out, widened_product(s390_cpu(cs), FP_LONG, x, y));
}
HELPER(s390_bfp_mul_long, IR_V128, HELPER_STATE, HARG_I64, HARG_I64);

/* a * b + c, or - c (bit 2 of op) */
static G_NO_INLINE bool fast_fma(uint64_t x, uint64_t y, uint64_t z, uint64_t op, uint64_t *out)
{
    if ((op & 3) == FP_LONG) {
        double c = op & 4 ? -as_long(z) : as_long(z);
        __m128d r = fast_fma_long(_mm_set_sd(as_long(x)), _mm_set_sd(as_long(y)), _mm_set_sd(c));
        *out = of_long(_mm_cvtsd_f64(r));
        return fast_normal_long(*out);
    }
    float c = op & 4 ? -as_short(z) : as_short(z);
    __m128 r = fast_fma_short(_mm_set_ss(as_short(x)), _mm_set_ss(as_short(y)), _mm_set_ss(c));
    *out = of_short(_mm_cvtss_f32(r));
    return fast_normal_short(*out);
}

uint64_t helper_s390_bfp_fma(CpuState *cs, uint64_t x, uint64_t y, uint64_t z, uint64_t op)
{
    S390Cpu *cpu = s390_cpu(cs);
    FpFormat f = (FpFormat)(op & 3);
    uint64_t fast;

    if (fast_has_fma() && fast_begin(cpu) && fast_fma(x, y, z, op & 7, &fast)) {
        fast_commit(cpu);
        return fast;
    }
    FpEnv e = begin(cpu, cpu->fpc & 7);
    bool negate = (op & 4) && !fp_is_nan(f, z);
    FpBits r = fp_fma(&e, f, x, y, negate ? z ^ fp_sign_bit(f) : z);
    finish(cpu, &e, &(Dest){ .r = op >> 8, .f = f }, r);
    return r;
}

/* ---- square root: format | r1 << 8 ---- */
static FpBits square_root(S390Cpu *cpu, FpBits x, uint64_t how)
{
    FpFormat f = (FpFormat)(how & 3);
    FpEnv e = begin(cpu, cpu->fpc & 7);
    FpBits r = fp_sqrt(&e, f, x);

    finish(cpu, &e, &(Dest){ .r = how >> 8, .f = f }, r);
    return r;
}

uint64_t helper_s390_bfp_sqrt(CpuState *cs, uint64_t x, uint64_t how)
{
    S390Cpu *cpu = s390_cpu(cs);

    if ((how & 3) == FP_LONG && fast_allowed(cpu) && fast_normal_long(x) && !(x >> 63)) {
        __m128d a = _mm_set_sd(as_long(x));
        return of_long(_mm_cvtsd_f64(_mm_sqrt_sd(a, a)));
    }
    return square_root(cpu, x, how);
}

static void helper_s390_bfp_sqrt_ext(CpuState *cs, IrVec *out, const IrVec *x, uint64_t how)
{
    put_ext(out, square_root(s390_cpu(cs), get_ext(x), how));
}
HELPER(s390_bfp_sqrt_ext, IR_V128, HELPER_STATE, HARG_V128, HARG_I64);

/* Compare; bit 2 of op: signal on any NaN. */
static unsigned compare(S390Cpu *cpu, FpBits x, FpBits y, unsigned op)
{
    FpEnv e = begin(cpu, FP_NEAREST);
    unsigned cc = fp_compare(&e, (FpFormat)(op & 3), x, y, op & 4);

    finish_suppressing(cpu, &e);
    return cc;
}

uint64_t helper_s390_bfp_cmp(CpuState *cs, uint64_t x, uint64_t y, uint64_t op)
{
    bool is_long = (op & 3) == FP_LONG;
    double a = is_long ? as_long(x) : as_short(x), b = is_long ? as_long(y) : as_short(y);

    if (__builtin_isgreater(a, b) || __builtin_isless(a, b) || a == b) {
        return a == b ? 0 : a < b ? 1 : 2;
    }
    return compare(s390_cpu(cs), x, y, op);
}

static uint64_t helper_s390_bfp_cmp_ext(CpuState *cs, const IrVec *x, const IrVec *y, uint64_t op)
{
    return compare(s390_cpu(cs), get_ext(x), get_ext(y), op);
}
HELPER(s390_bfp_cmp_ext, IR_I64, HELPER_STATE, HARG_V128, HARG_V128, HARG_I64);

static unsigned data_class(FpBits v, FpFormat f, uint64_t mask)
{
    static const uint16_t bit[] = {
        [FP_IS_ZERO] = 0x800, [FP_IS_NORMAL] = 0x200, [FP_IS_SUBNORMAL] = 0x080,
        [FP_IS_INF] = 0x020,  [FP_IS_QNAN] = 0x008,   [FP_IS_SNAN] = 0x002
    };
    unsigned b = bit[fp_class(f, v)];

    return (mask & (fp_sign(f, v) ? b >> 1 : b)) != 0;
}

uint64_t helper_s390_bfp_tc(CpuState *cs, uint64_t v, uint64_t mask, uint64_t format)
{
    return data_class(v, (FpFormat)format, mask);
}

uint64_t helper_s390_bfp_tc_ext(CpuState *cs, uint64_t left, uint64_t right, uint64_t mask)
{
    return data_class((FpBits)left << 64 | right, FP_EXTENDED, mask);
}

/* LOAD AND TEST: a signalling NaN becomes quiet. */
static FpBits quiet(S390Cpu *cpu, FpBits v, FpFormat f)
{
    FpEnv e = begin(cpu, FP_NEAREST);
    FpBits out;

    if (!fp_propagate(&e, f, &v, 1, &out)) {
        return v;
    }
    finish_suppressing(cpu, &e);
    return out;
}

uint64_t helper_s390_bfp_quiet(CpuState *cs, uint64_t v, uint64_t format)
{
    return quiet(s390_cpu(cs), v, (FpFormat)format);
}

static void helper_s390_bfp_quiet_ext(CpuState *cs, IrVec *out, const IrVec *v)
{
    put_ext(out, quiet(s390_cpu(cs), get_ext(v), FP_EXTENDED));
}
HELPER(s390_bfp_quiet_ext, IR_V128, HELPER_STATE, HARG_V128);

/* ---- between formats ---- */
static FpBits lengthen(S390Cpu *cpu, FpFormat to, FpFormat from, FpBits x)
{
    FpEnv e = begin(cpu, FP_NEAREST);
    FpBits r = fp_convert(&e, to, from, x);

    finish_suppressing(cpu, &e);
    return r;
}

uint64_t helper_s390_bfp_short_to_long(CpuState *cs, uint64_t x)
{
    return lengthen(s390_cpu(cs), FP_LONG, FP_SHORT, x);
}

static void helper_s390_bfp_to_ext(CpuState *cs, IrVec *out, uint64_t x, uint64_t from)
{
    put_ext(out, lengthen(s390_cpu(cs), FP_EXTENDED, (FpFormat)from, x));
}
HELPER(s390_bfp_to_ext, IR_V128, HELPER_STATE, HARG_I64, HARG_I64);

/* m: M3 rounding, M4 (bit 2, 0x40, suppresses inexact), r1 << 8 */
#define NO_INEXACT(m) ((m)&0x40)

static FpBits narrow(S390Cpu *cpu, FpFormat to, FpFormat from, FpBits x, uint64_t m)
{
    FpEnv e = begin(cpu, s390_fp_rounding(cpu, m & 15));
    FpBits r = fp_convert(&e, to, from, x);

    if (NO_INEXACT(m)) {
        e.flags &= ~FP_INEXACT;
    }
    finish(cpu, &e, &(Dest){ .r = m >> 8, .f = e.wide ? from : to }, r);
    return r;
}

uint64_t helper_s390_bfp_long_to_short(CpuState *cs, uint64_t x, uint64_t m)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (!(m & 15) && fast_allowed(cpu)) {
        float r = (float)as_long(x);
        if (fast_normal_short(of_short(r))) {
            return of_short(r);
        }
    }
    return narrow(cpu, FP_SHORT, FP_LONG, x, m);
}

static uint64_t helper_s390_bfp_from_ext(CpuState *cs, const IrVec *x, uint64_t to, uint64_t m)
{
    return narrow(s390_cpu(cs), (FpFormat)to, FP_EXTENDED, get_ext(x), m);
}
HELPER(s390_bfp_from_ext, IR_I64, HELPER_STATE, HARG_V128, HARG_I64, HARG_I64);

/* ---- integers ---- */
/* how: format | unsigned << 2 | 32-bit << 3 | M3 << 8 | M4 << 12 | r1 << 16 */
static uint64_t to_int(S390Cpu *cpu, FpBits v, uint64_t how, unsigned *cc, FpEnv *e)
{
    FpFormat f = (FpFormat)(how & 3);
    FpClass c = fp_class(f, v);

    *e = begin(cpu, s390_fp_rounding(cpu, how >> 8 & 15));
    uint64_t r = fp_to_int(e, f, v, how & 8 ? 32 : 64, !(how & 4));
    *cc = e->flags & FP_INVALID || c >= FP_IS_QNAN ? 3
          : c == FP_IS_ZERO                        ? 0
          : fp_sign(f, v)                          ? 1
                                                   : 2;
    if (NO_INEXACT(how >> 8)) {
        e->flags &= ~FP_INEXACT;
    }
    return r;
}

static uint64_t convert_to_int(S390Cpu *cpu, FpBits v, uint64_t how)
{
    unsigned cc;
    FpEnv e;
    uint64_t r = to_int(cpu, v, how, &cc, &e);
    Dest d = {
        .r = how >> 16, .file = how & 8 ? TO_GPR32 : TO_GPR64, .how_cc = CC_GIVEN, .cc = cc
    };

    finish(cpu, &e, &d, r);
    return r;
}

static unsigned convert_to_int_cc(S390Cpu *cpu, FpBits v, uint64_t how)
{
    unsigned cc;
    FpEnv e;

    to_int(cpu, v, how, &cc, &e);
    return cc;
}

uint64_t helper_s390_bfp_to_int(CpuState *cs, uint64_t v, uint64_t how)
{
    return convert_to_int(s390_cpu(cs), v, how);
}

uint64_t helper_s390_bfp_to_int_cc(CpuState *cs, uint64_t v, uint64_t how)
{
    return convert_to_int_cc(s390_cpu(cs), v, how);
}

static uint64_t helper_s390_bfp_to_int_ext(CpuState *cs, const IrVec *v, uint64_t how)
{
    return convert_to_int(s390_cpu(cs), get_ext(v), how);
}
HELPER(s390_bfp_to_int_ext, IR_I64, HELPER_STATE, HARG_V128, HARG_I64);

static uint64_t helper_s390_bfp_to_int_cc_ext(CpuState *cs, const IrVec *v, uint64_t how)
{
    return convert_to_int_cc(s390_cpu(cs), get_ext(v), how);
}
HELPER(s390_bfp_to_int_cc_ext, IR_I64, HELPER_STATE, HARG_V128, HARG_I64);

/* how: format | unsigned << 2; m as above */
uint64_t helper_s390_bfp_from_int(CpuState *cs, uint64_t v, uint64_t how, uint64_t m)
{
    S390Cpu *cpu = s390_cpu(cs);
    FpFormat f = (FpFormat)(how & 3);

    if (!(m & 15) && how == FP_LONG && fast_allowed(cpu)) {
        return of_long((double)(int64_t)v);
    }
    FpEnv e = begin(cpu, s390_fp_rounding(cpu, m & 15));
    FpBits r = fp_from_int(&e, f, v, !(how & 4));
    if (NO_INEXACT(m)) {
        e.flags &= ~FP_INEXACT;
    }
    finish(cpu, &e, &(Dest){ .r = m >> 8, .f = f }, r);
    return r;
}

/* LOAD FP INTEGER; m as above */
static FpBits to_integral(S390Cpu *cpu, FpBits v, FpFormat f, uint64_t m)
{
    FpEnv e = begin(cpu, s390_fp_rounding(cpu, m & 15));
    FpBits r = fp_to_integral(&e, f, v);

    if (NO_INEXACT(m)) {
        e.flags &= ~FP_INEXACT;
    }
    finish(cpu, &e, &(Dest){ .r = m >> 8, .f = f }, r);
    return r;
}

uint64_t helper_s390_bfp_fi(CpuState *cs, uint64_t v, uint64_t format, uint64_t m)
{
    return to_integral(s390_cpu(cs), v, (FpFormat)format, m);
}

static void helper_s390_bfp_fi_ext(CpuState *cs, IrVec *out, const IrVec *v, uint64_t m)
{
    put_ext(out, to_integral(s390_cpu(cs), get_ext(v), FP_EXTENDED, m));
}
HELPER(s390_bfp_fi_ext, IR_V128, HELPER_STATE, HARG_V128, HARG_I64);
