/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Binary floating point. Arithmetic is the host's (SSE, and the compiler's binary128), run under the
 * guest's rounding mode with the host's sticky flags read back into the FPC; NaN operands are looked
 * at first, for the architecture's order of precedence is not the host's. Conversions to integers
 * round an unpacked number. Where an IEEE exception is enabled in the FPC, the data exception is
 * taken without the scaled result that overflow and underflow would deliver.
 */
#include <string.h>
#include <xmmintrin.h>
#include "base/util/log.h"
#include "target/s390x/helper.h"
#include "target/s390x/helper/fastfp.h"

typedef __float128 f128;
typedef unsigned __int128 u128;

enum {
    SHORT,
    LONG,
    EXTENDED
};
enum {
    FLAG_INVALID = 0x80,
    FLAG_DIVZERO = 0x40,
    FLAG_OVERFLOW = 0x20,
    FLAG_UNDERFLOW = 0x10,
    FLAG_INEXACT = 0x08,
};

/* ---- the FPC ---- */
static void raise_flags(S390Cpu *cpu, unsigned flags)
{
    unsigned trap = flags & (cpu->fpc >> 24);

    if (trap) {
        uint8_t dxc = trap & (FLAG_INVALID | FLAG_DIVZERO) ? trap & (FLAG_INVALID | FLAG_DIVZERO)
                                                           : flags & 0x38;
        s390_data_exception(cpu, dxc);
    }
    cpu->fpc |= (flags & 0xf8) << 16;
}

bool s390_fpc_valid(uint32_t fpc)
{
    unsigned rm = fpc & 7;

    return !(fpc & 0x03030088) && (rm < 4 || rm == 7);
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

uint64_t helper_s390_srnm(CpuState *cs, uint64_t addr, uint64_t kind)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (kind == 2) {
        cpu->fpc = (cpu->fpc & ~0x70u) | (addr & 7) << 4;
        return 0;
    }
    unsigned rm = addr & (kind ? 7 : 3);
    if (rm >= 4 && rm <= 6) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    cpu->fpc = (cpu->fpc & ~7u) | rm;
    return 0;
}

/* ---- rounding: BFP mode of the FPC, or an instruction's M field ---- */
enum {
    RM_NEAREST = 0,
    RM_ZERO = 1,
    RM_UP = 2,
    RM_DOWN = 3,
    RM_AWAY = 4, /* nearest, ties away */
    RM_PREPARE = 7,
};

unsigned s390_fp_rounding(S390Cpu *cpu, unsigned m)
{
    static const uint8_t of[] = {
        0, RM_AWAY, 0xff, RM_PREPARE, RM_NEAREST, RM_ZERO, RM_UP, RM_DOWN
    };

    if (m == 0) {
        return cpu->fpc & 7;
    }
    if (m > 7 || of[m] == 0xff) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    return of[m];
}

/* Arithmetic under a mode that the host does not have is refused, not approximated. */
static unsigned host_csr(S390Cpu *cpu, unsigned rm)
{
    static const uint16_t bits[] = { 0x0000, 0x6000, 0x4000, 0x2000 };

    if (rm > RM_DOWN) {
        log_unimp("s390x: floating-point rounding mode %u is not implemented\n", rm);
        s390_program(cpu, PGM_OPERATION);
    }
    return 0x1f80 | bits[rm];
}

static unsigned flags_of_csr(unsigned csr)
{
    return (csr & 1 ? FLAG_INVALID : 0) | (csr & 4 ? FLAG_DIVZERO : 0) |
           (csr & 8 ? FLAG_OVERFLOW : 0) | (csr & 0x10 ? FLAG_UNDERFLOW : 0) |
           (csr & 0x20 ? FLAG_INEXACT : 0);
}

/* The compiler's binary128 reports overflow and underflow in the x87 status word, which has the
 * flags in the same places. */
static unsigned x87_status(void)
{
    uint16_t sw;
    __asm__ volatile("fnstsw %0" : "=a"(sw));
    return sw & 0x3f;
}

/* Evaluate result = expr under a rounding mode. The barriers keep the compiler from moving it. */
#define HOST_FP(cpu, rm, a, b, result, expr)                        \
    do {                                                            \
        unsigned csr_ = host_csr((cpu), (rm)), old_ = _mm_getcsr(); \
        _mm_setcsr(csr_);                                           \
        __asm__ volatile("fnclex" : "+x"(a), "+x"(b) : : "memory"); \
        (result) = (expr);                                          \
        __asm__ volatile("" : "+x"(result) : : "memory");           \
        csr_ = _mm_getcsr() | x87_status();                         \
        _mm_setcsr(old_);                                           \
        raise_flags((cpu), flags_of_csr(csr_));                     \
    } while (0)

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
static f128 as_ext(const IrVec *v)
{
    f128 f;
    memcpy(&f, v, 16);
    return f;
}
static u128 bits_ext(f128 f)
{
    u128 v;
    memcpy(&v, &f, 16);
    return v;
}
static void put_ext(IrVec *out, u128 v)
{
    memcpy(out, &v, 16);
}

/* A number taken apart: mant * 2^exp. */
typedef struct Unpacked {
    enum {
        IS_ZERO,
        IS_SUBNORMAL,
        IS_NORMAL,
        IS_INF,
        IS_QNAN,
        IS_SNAN
    } kind;
    bool sign;
    int exp;
    u128 mant;
} Unpacked;

static Unpacked unpack(u128 v, unsigned format)
{
    static const uint8_t exp_bits[] = { 8, 11, 15 }, frac_bits[] = { 23, 52, 112 };
    unsigned eb = exp_bits[format], fb = frac_bits[format];
    int bias = (1 << (eb - 1)) - 1, e = (int)(v >> fb) & ((1 << eb) - 1);
    u128 frac = v & (((u128)1 << fb) - 1);
    Unpacked u = { .sign = v >> (eb + fb) & 1, .mant = frac, .exp = 1 - bias - (int)fb };

    if (e == (1 << eb) - 1) {
        u.kind = !frac ? IS_INF : frac >> (fb - 1) & 1 ? IS_QNAN : IS_SNAN;
    } else if (e == 0) {
        u.kind = frac ? IS_SUBNORMAL : IS_ZERO;
    } else {
        u.kind = IS_NORMAL;
        u.mant |= (u128)1 << fb;
        u.exp = e - bias - (int)fb;
    }
    return u;
}

static bool is_nan(Unpacked u)
{
    return u.kind >= IS_QNAN;
}

static u128 quiet_bit(unsigned format)
{
    return (u128)1 << (format == SHORT ? 22 : format == LONG ? 51 : 111);
}

/* Result when an operand is a NaN: the first signalling one made quiet, else the first quiet one. */
static bool propagate(S390Cpu *cpu, unsigned format, const u128 *v, unsigned n, u128 *out)
{
    for (unsigned k = 0; k < n; k++) {
        if (unpack(v[k], format).kind == IS_SNAN) {
            raise_flags(cpu, FLAG_INVALID);
            *out = v[k] | quiet_bit(format);
            return true;
        }
    }
    for (unsigned k = 0; k < n; k++) {
        if (unpack(v[k], format).kind == IS_QNAN) {
            *out = v[k];
            return true;
        }
    }
    return false;
}

/* The default NaN is positive here, negative on the host; operands were no NaNs. */
static u128 default_nan(u128 v, unsigned format)
{
    unsigned sign = format == SHORT ? 31 : format == LONG ? 63 : 127;

    return is_nan(unpack(v, format)) ? v & ~((u128)1 << sign) : v;
}

/* ---- add, subtract, multiply, divide: operation << 2 | format ---- */
#define ARITH(type, a, b, op, r, cpu)                                         \
    switch (op) {                                                             \
    case 0: HOST_FP(cpu, (cpu)->fpc & 7, a, b, r, (type)((a) + (b))); break;  \
    case 1: HOST_FP(cpu, (cpu)->fpc & 7, a, b, r, (type)((a) - (b))); break;  \
    case 2: HOST_FP(cpu, (cpu)->fpc & 7, a, b, r, (type)((a) * (b))); break;  \
    default: HOST_FP(cpu, (cpu)->fpc & 7, a, b, r, (type)((a) / (b))); break; \
    }

static G_NO_INLINE bool fast_bfp2(uint64_t x, uint64_t y, uint64_t op, uint64_t *out)
{
    if ((op & 3) == LONG) {
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

uint64_t helper_s390_bfp2(CpuState *cs, uint64_t x, uint64_t y, uint64_t op)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned format = op & 3;
    uint64_t fast;

    if (fast_begin(cpu) && fast_bfp2(x, y, op, &fast)) {
        fast_commit(cpu);
        return fast;
    }
    u128 v[2] = { x, y }, out;

    if (propagate(cpu, format, v, 2, &out)) {
        return out;
    }
    if (format == SHORT) {
        float a = as_short(x), b = as_short(y), r;
        ARITH(float, a, b, op >> 2, r, cpu);
        return default_nan(of_short(r), SHORT);
    }
    double a = as_long(x), b = as_long(y), r;
    ARITH(double, a, b, op >> 2, r, cpu);
    return default_nan(of_long(r), LONG);
}

static void helper_s390_bfp2_ext(CpuState *cs, IrVec *out, const IrVec *x, const IrVec *y,
                                 uint64_t op)
{
    S390Cpu *cpu = s390_cpu(cs);
    f128 a = as_ext(x), b = as_ext(y), r;
    u128 v[2] = { bits_ext(a), bits_ext(b) }, res;

    if (!propagate(cpu, EXTENDED, v, 2, &res)) {
        ARITH(f128, a, b, op >> 2, r, cpu);
        res = default_nan(bits_ext(r), EXTENDED);
    }
    put_ext(out, res);
}
HELPER(s390_bfp2_ext, IR_V128, HELPER_STATE, HARG_V128, HARG_V128, HARG_I64);

uint64_t helper_s390_bfp_mul_short(CpuState *cs, uint64_t x, uint64_t y)
{
    S390Cpu *cpu = s390_cpu(cs);
    u128 v[2] = { x, y }, out;

    if (propagate(cpu, SHORT, v, 2, &out)) {
        return of_long(as_short(out));
    }
    double a = as_short(x), b = as_short(y), r;
    HOST_FP(cpu, RM_NEAREST, a, b, r, a * b); /* exact */
    return default_nan(of_long(r), LONG);
}

static void helper_s390_bfp_mul_long(CpuState *cs, IrVec *out, uint64_t x, uint64_t y)
{
    S390Cpu *cpu = s390_cpu(cs);
    u128 v[2] = { x, y }, res;

    if (propagate(cpu, LONG, v, 2, &res)) {
        put_ext(out, bits_ext((f128)as_long(res)));
        return;
    }
    f128 a = as_long(x), b = as_long(y), r;
    HOST_FP(cpu, RM_NEAREST, a, b, r, a * b); /* exact */
    put_ext(out, default_nan(bits_ext(r), EXTENDED));
}
HELPER(s390_bfp_mul_long, IR_V128, HELPER_STATE, HARG_I64, HARG_I64);

/* a * b + c, or - c (bit 2 of op) */
static G_NO_INLINE bool fast_fma(uint64_t x, uint64_t y, uint64_t z, uint64_t op, uint64_t *out)
{
    if ((op & 3) == LONG) {
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
    unsigned format = op & 3;
    uint64_t fast;

    if (fast_has_fma() && fast_begin(cpu) && fast_fma(x, y, z, op, &fast)) {
        fast_commit(cpu);
        return fast;
    }
    u128 v[3] = { y, x, z }, out;

    if (propagate(cpu, format, v, 2, &out)) { /* of the factors first, whatever the addend is */
        if (unpack(z, format).kind == IS_SNAN) {
            raise_flags(cpu, FLAG_INVALID);
        }
        return out;
    }
    if (propagate(cpu, format, v + 2, 1, &out)) {
        return out;
    }
    if (format == SHORT) {
        float a = as_short(x), b = as_short(y), c = op & 4 ? -as_short(z) : as_short(z), r;
        HOST_FP(cpu, cpu->fpc & 7, a, b, r, __builtin_fmaf(a, b, c));
        return default_nan(of_short(r), SHORT);
    }
    double a = as_long(x), b = as_long(y), c = op & 4 ? -as_long(z) : as_long(z), r;
    HOST_FP(cpu, cpu->fpc & 7, a, b, r, __builtin_fma(a, b, c));
    return default_nan(of_long(r), LONG);
}

/* ---- square root ---- */
uint64_t helper_s390_bfp_sqrt(CpuState *cs, uint64_t x, uint64_t format)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (format == LONG && fast_allowed(cpu) && fast_normal_long(x) && !(x >> 63)) {
        __m128d a = _mm_set_sd(as_long(x));
        return of_long(_mm_cvtsd_f64(_mm_sqrt_sd(a, a)));
    }
    u128 v = x, out;

    if (propagate(cpu, format, &v, 1, &out)) {
        return out;
    }
    if (format == SHORT) {
        float a = as_short(x), r;
        HOST_FP(cpu, cpu->fpc & 7, a, a, r, _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a))));
        return default_nan(of_short(r), SHORT);
    }
    double a = as_long(x), r;
    HOST_FP(cpu, cpu->fpc & 7, a, a, r, __builtin_sqrt(a));
    return default_nan(of_long(r), LONG);
}

static void helper_s390_bfp_sqrt_ext(CpuState *cs, IrVec *out, const IrVec *x)
{
    log_unimp("s390x: SQXBR is not implemented\n");
    s390_program(s390_cpu(cs), PGM_OPERATION);
}
HELPER(s390_bfp_sqrt_ext, IR_V128, HELPER_STATE, HARG_V128);

/* ---- condition codes ---- */
static unsigned sign_cc(Unpacked u)
{
    return is_nan(u) ? 3 : u.kind == IS_ZERO ? 0 : u.sign ? 1 : 2;
}

uint64_t helper_s390_bfp_sign_cc(CpuState *cs, uint64_t v, uint64_t format)
{
    return sign_cc(unpack(v, format));
}

static uint64_t helper_s390_bfp_sign_cc_ext(CpuState *cs, const IrVec *v)
{
    return sign_cc(unpack(bits_ext(as_ext(v)), EXTENDED));
}
HELPER(s390_bfp_sign_cc_ext, IR_I64, HELPER_PURE, HARG_V128);

/* Compare; bit 2 of op: signal on any NaN. */
static unsigned compare(S390Cpu *cpu, u128 x, u128 y, unsigned op)
{
    Unpacked a = unpack(x, op & 3), b = unpack(y, op & 3);

    if (is_nan(a) || is_nan(b)) {
        if ((op & 4) || a.kind == IS_SNAN || b.kind == IS_SNAN) {
            raise_flags(cpu, FLAG_INVALID);
        }
        return 3;
    }
    if (a.kind == IS_ZERO && b.kind == IS_ZERO) {
        return 0;
    }
    if (a.sign != b.sign) {
        return a.sign ? 1 : 2;
    }
    if (x == y) {
        return 0;
    }
    return (x < y) != a.sign ? 1 : 2;
}

uint64_t helper_s390_bfp_cmp(CpuState *cs, uint64_t x, uint64_t y, uint64_t op)
{
    bool is_long = (op & 3) == LONG;
    double a = is_long ? as_long(x) : as_short(x), b = is_long ? as_long(y) : as_short(y);

    if (__builtin_isgreater(a, b) || __builtin_isless(a, b) || a == b) {
        return a == b ? 0 : a < b ? 1 : 2;
    }
    return compare(s390_cpu(cs), x, y, op);
}

static uint64_t helper_s390_bfp_cmp_ext(CpuState *cs, const IrVec *x, const IrVec *y, uint64_t op)
{
    return compare(s390_cpu(cs), bits_ext(as_ext(x)), bits_ext(as_ext(y)), op);
}
HELPER(s390_bfp_cmp_ext, IR_I64, HELPER_STATE, HARG_V128, HARG_V128, HARG_I64);

/* LOAD AND TEST: a signalling NaN becomes quiet. */
static u128 quiet(S390Cpu *cpu, u128 v, unsigned format)
{
    u128 out;
    return propagate(cpu, format, &v, 1, &out) ? out : v;
}

uint64_t helper_s390_bfp_quiet(CpuState *cs, uint64_t v, uint64_t format)
{
    return quiet(s390_cpu(cs), v, format);
}

static void helper_s390_bfp_quiet_ext(CpuState *cs, IrVec *out, const IrVec *v)
{
    put_ext(out, quiet(s390_cpu(cs), bits_ext(as_ext(v)), EXTENDED));
}
HELPER(s390_bfp_quiet_ext, IR_V128, HELPER_STATE, HARG_V128);

static unsigned data_class(u128 v, unsigned format, uint64_t mask)
{
    static const uint16_t bit[] = { 0x800, 0x080, 0x200, 0x020, 0x008, 0x002 };
    Unpacked u = unpack(v, format);

    return (mask & (u.sign ? bit[u.kind] >> 1 : bit[u.kind])) != 0;
}

uint64_t helper_s390_bfp_tc(CpuState *cs, uint64_t v, uint64_t mask, uint64_t format)
{
    return data_class(v, format, mask);
}

static uint64_t helper_s390_bfp_tc_ext(CpuState *cs, const IrVec *v, uint64_t mask)
{
    return data_class(bits_ext(as_ext(v)), EXTENDED, mask);
}
HELPER(s390_bfp_tc_ext, IR_I64, HELPER_PURE, HARG_V128, HARG_I64);

/* ---- between formats ---- */
uint64_t helper_s390_bfp_short_to_long(CpuState *cs, uint64_t x)
{
    u128 v = quiet(s390_cpu(cs), x, SHORT);
    return of_long(as_short(v));
}

static void helper_s390_bfp_to_ext(CpuState *cs, IrVec *out, uint64_t x, uint64_t from)
{
    u128 v = quiet(s390_cpu(cs), x, from);
    put_ext(out, bits_ext(from == SHORT ? (f128)as_short(v) : (f128)as_long(v)));
}
HELPER(s390_bfp_to_ext, IR_V128, HELPER_STATE, HARG_I64, HARG_I64);

/* m: M3 rounding, M4 bit 2 (0x40) suppresses inexact */
uint64_t helper_s390_bfp_long_to_short(CpuState *cs, uint64_t x, uint64_t m)
{
    S390Cpu *cpu = s390_cpu(cs);
    double a = as_long(quiet(cpu, x, LONG));
    float r;

    if (!(m & 15) && fast_allowed(cpu)) {
        r = (float)a;
        if (fast_normal_short(of_short(r))) {
            return of_short(r);
        }
    }

    HOST_FP(cpu, s390_fp_rounding(cpu, m & 15), a, a, r, (float)a);
    return of_short(r);
}

static uint64_t helper_s390_bfp_from_ext(CpuState *cs, const IrVec *x, uint64_t to, uint64_t m)
{
    S390Cpu *cpu = s390_cpu(cs);
    u128 v = quiet(cpu, bits_ext(as_ext(x)), EXTENDED);
    unsigned rm = s390_fp_rounding(cpu, m & 15);
    f128 a;

    memcpy(&a, &v, 16);
    if (to == SHORT) {
        float r;
        HOST_FP(cpu, rm, a, a, r, (float)a);
        return of_short(r);
    }
    double r;
    HOST_FP(cpu, rm, a, a, r, (double)a);
    return of_long(r);
}
HELPER(s390_bfp_from_ext, IR_I64, HELPER_STATE, HARG_V128, HARG_I64, HARG_I64);

/* ---- integers ---- */
/* |u| rounded to an integer; *inexact. From 2^127 on (more than any integer here) it is all ones. */
static u128 round_magnitude(Unpacked u, unsigned rm, bool *inexact)
{
    *inexact = false;
    if (u.kind == IS_ZERO) {
        return 0;
    }
    if (u.exp >= 0) {
        return u.exp > 64 || u.mant >> (127 - u.exp) ? ~(u128)0 : u.mant << u.exp;
    }
    unsigned drop = -u.exp;
    u128 whole = drop > 127 ? 0 : u.mant >> drop;
    u128 rest = drop > 127 ? 1 : u.mant & (((u128)1 << drop) - 1);
    u128 half = drop > 127 ? 2 : (u128)1 << (drop - 1);
    *inexact = rest != 0;
    bool up = false;
    switch (rm) {
    case RM_NEAREST: up = rest > half || (rest == half && (whole & 1)); break;
    case RM_AWAY: up = rest >= half; break;
    case RM_UP: up = rest && !u.sign; break;
    case RM_DOWN: up = rest && u.sign; break;
    case RM_PREPARE: up = rest && !(whole & 1); break;
    default: break;
    }
    return whole + up;
}

/* how: format | unsigned << 2 | 32-bit << 3 | M3 << 8 | M4 << 12; flags are not raised here */
static uint64_t to_int(S390Cpu *cpu, u128 v, unsigned how, unsigned *cc, unsigned *flags)
{
    Unpacked u = unpack(v, how & 3);
    unsigned bits = how & 8 ? 32 : 64;
    bool is_unsigned = how & 4, inexact = false;
    uint64_t max = is_unsigned ? UINT64_MAX >> (64 - bits) : INT64_MAX >> (64 - bits);
    uint64_t limit = is_unsigned ? 0 : max + 1; /* of a negative magnitude */
    u128 n;

    *cc = 3;
    *flags = FLAG_INVALID | (how >> 12 & 4 ? 0 : FLAG_INEXACT);
    if (is_nan(u)) {
        *flags = FLAG_INVALID;
        return is_unsigned ? 0 : -limit;
    }
    n = u.kind == IS_INF ? ~(u128)0
                         : round_magnitude(u, s390_fp_rounding(cpu, how >> 8 & 15), &inexact);
    if (u.sign ? n > limit : n > max) {
        return u.sign ? -limit : max;
    }
    *flags = inexact && !(how >> 12 & 4) ? FLAG_INEXACT : 0;
    *cc = u.kind == IS_ZERO ? 0 : u.sign ? 1 : 2;
    return u.sign ? -(uint64_t)n : (uint64_t)n;
}

uint64_t helper_s390_bfp_to_int(CpuState *cs, uint64_t v, uint64_t how)
{
    unsigned cc, flags;
    uint64_t r = to_int(s390_cpu(cs), v, how, &cc, &flags);

    raise_flags(s390_cpu(cs), flags);
    return r;
}

uint64_t helper_s390_bfp_to_int_cc(CpuState *cs, uint64_t v, uint64_t how)
{
    unsigned cc, flags;

    to_int(s390_cpu(cs), v, how, &cc, &flags);
    return cc;
}

static uint64_t helper_s390_bfp_to_int_ext(CpuState *cs, const IrVec *v, uint64_t how)
{
    unsigned cc, flags;
    uint64_t r = to_int(s390_cpu(cs), bits_ext(as_ext(v)), how, &cc, &flags);

    raise_flags(s390_cpu(cs), flags);
    return r;
}
HELPER(s390_bfp_to_int_ext, IR_I64, HELPER_STATE, HARG_V128, HARG_I64);

static uint64_t helper_s390_bfp_to_int_cc_ext(CpuState *cs, const IrVec *v, uint64_t how)
{
    unsigned cc, flags;

    to_int(s390_cpu(cs), bits_ext(as_ext(v)), how, &cc, &flags);
    return cc;
}
HELPER(s390_bfp_to_int_cc_ext, IR_I64, HELPER_STATE, HARG_V128, HARG_I64);

/* how: format | unsigned << 2 */
uint64_t helper_s390_bfp_from_int(CpuState *cs, uint64_t v, uint64_t how, uint64_t m)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (!(m & 15) && how == LONG && fast_allowed(cpu)) {
        return of_long((double)(int64_t)v);
    }
    unsigned rm = s390_fp_rounding(cpu, m & 15);
    f128 a = how & 4 ? (f128)v : (f128)(int64_t)v; /* exact */

    if ((how & 3) == SHORT) {
        float r;
        HOST_FP(cpu, rm, a, a, r, (float)a);
        return of_short(r);
    }
    double r;
    HOST_FP(cpu, rm, a, a, r, (double)a);
    return of_long(r);
}

static void helper_s390_bfp_from_int_ext(CpuState *cs, IrVec *out, uint64_t v, uint64_t how)
{
    put_ext(out, bits_ext(how & 4 ? (f128)v : (f128)(int64_t)v));
}
HELPER(s390_bfp_from_int_ext, IR_V128, HELPER_PURE, HARG_I64, HARG_I64);

/* LOAD FP INTEGER. m: M3, M4 */
static u128 to_integer_value(S390Cpu *cpu, u128 v, unsigned format, unsigned m)
{
    Unpacked u = unpack(v, format);
    bool inexact;

    if (is_nan(u)) {
        return quiet(cpu, v, format);
    }
    if (u.kind == IS_INF || u.kind == IS_ZERO || u.exp >= 0) {
        return v;
    }
    f128 r = (f128)round_magnitude(u, s390_fp_rounding(cpu, m & 15), &inexact);
    if (inexact && !(m >> 4 & 4)) {
        raise_flags(cpu, FLAG_INEXACT);
    }
    r = u.sign ? -r : r;
    return format == SHORT ? of_short((float)r) : format == LONG ? of_long((double)r) : bits_ext(r);
}

uint64_t helper_s390_bfp_fi(CpuState *cs, uint64_t v, uint64_t format, uint64_t m)
{
    return to_integer_value(s390_cpu(cs), v, format, m);
}

static void helper_s390_bfp_fi_ext(CpuState *cs, IrVec *out, const IrVec *v, uint64_t m)
{
    put_ext(out, to_integer_value(s390_cpu(cs), bits_ext(as_ext(v)), EXTENDED, m));
}
HELPER(s390_bfp_fi_ext, IR_V128, HELPER_STATE, HARG_V128, HARG_I64);
