/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector floating point, element by element (softfp.h).
 *
 * how: format field (2 short, 3 long, 4 extended) | single-element control etc. << 4 | operation << 8
 * | rounding field << 12. An enabled IEEE exception is a vector-processing exception for its element; it
 * suppresses the instruction, so flags are set only when all elements are done.
 */
#include <string.h>
#include "target/s390x/helper-vector.h"
#include "target/s390x/helper.h"
#include "target/s390x/helper/fastfp.h"
#include "target/s390x/softfp.h"

#define ONE_ELEMENT 0x80
#define NO_INEXACT  0x40 /* of conversions; of comparisons: signal quiet NaNs too */

typedef struct {
    S390Cpu *cpu;
    FpEnv e; /* of one element */
    FpFormat f;
    unsigned es, n; /* log2 of the element's bytes; elements to do */
    bool no_inexact;
    uint8_t flags; /* of all elements so far */
} Run;

static Run begin(CpuState *cs, uint64_t how)
{
    Run r = { .cpu = s390_cpu(cs), .es = how & 15 };

    r.f = (FpFormat)(r.es - 2);
    r.n = how & ONE_ELEMENT ? 1 : 16u >> r.es;
    r.e.rm = (FpRound)(r.cpu->fpc & 7);
    r.e.traps = r.cpu->fpc >> 24 & (FP_OVERFLOW | FP_UNDERFLOW);
    return r;
}

static void done_element(Run *r, unsigned k)
{
    static const uint8_t order[] = { FP_INVALID, FP_DIVZERO, FP_OVERFLOW, FP_UNDERFLOW,
                                     FP_INEXACT };

    if (r->no_inexact) {
        r->e.flags &= ~FP_INEXACT;
    }
    unsigned trap = r->e.flags & (r->cpu->fpc >> 24);
    for (unsigned i = 0; trap && i < G_N_ELEMENTS(order); i++) {
        if (trap & order[i]) {
            s390_vector_exception(r->cpu, k << 4 | (i + 1));
        }
    }
    r->flags |= r->e.flags;
    r->e.flags = 0;
}

static void finish(const Run *r)
{
    fpc_record(r->cpu, r->flags);
}

static FpBits get(const IrVec *v, unsigned es, unsigned k)
{
    if (es == 4) {
        return (FpBits)v->q[1] << 64 | v->q[0];
    }
    return es == 3 ? v->q[1 - k] : v->d[3 - k];
}

static void put(IrVec *v, unsigned es, unsigned k, FpBits x)
{
    if (es == 4) {
        v->q[1] = x >> 64;
        v->q[0] = x;
    } else if (es == 3) {
        v->q[1 - k] = x;
    } else {
        v->d[3 - k] = x;
    }
}

static void copy_out(IrVec *out, const IrVec *v)
{
    memcpy(out, v, 16);
}

/* ---- arithmetic ---- */

/* Host lanes that the instruction makes. */
static unsigned lanes_of(uint64_t how)
{
    bool one = how & ONE_ELEMENT;

    return (how & 15) == 3 ? (one ? 2 : 3) : one ? 8 : 15;
}

/* Operands and result without the lanes that are not asked for: nothing of those shows, in flags neither. */
static __m128i masked(__m128i v, uint64_t how)
{
    int64_t left = (how & 15) == 3 ? -1 : (int64_t)0xffffffff00000000;

    return how & ONE_ELEMENT ? _mm_and_si128(v, _mm_set_epi64x(left, 0)) : v;
}

static __m128d load_long(const IrVec *v, uint64_t how)
{
    return _mm_castsi128_pd(masked(_mm_loadu_si128((const __m128i *)v), how));
}

static __m128 load_short(const IrVec *v, uint64_t how)
{
    return _mm_castsi128_ps(masked(_mm_loadu_si128((const __m128i *)v), how));
}

static void put_lanes(IrVec *out, __m128i r, uint64_t how)
{
    _mm_storeu_si128((__m128i *)out, masked(r, how));
}

static G_NO_INLINE bool fast_vf2(IrVec *out, const IrVec *x, const IrVec *y, uint64_t how)
{
    unsigned op = how >> 8 & 15, need = lanes_of(how);

    if ((how & 15) == 3) {
        __m128d a = load_long(x, how), b = load_long(y, how), r;
        r = op == 0   ? _mm_add_pd(a, b)
            : op == 1 ? _mm_sub_pd(a, b)
            : op == 2 ? _mm_mul_pd(a, b)
                      : _mm_div_pd(a, b);
        unsigned ok = fast_normal_lanes_long(r);
        ok |= op < 2 ? _mm_movemask_pd(_mm_cmpeq_pd(r, _mm_setzero_pd())) : 0;
        put_lanes(out, _mm_castpd_si128(r), how);
        return !(need & ~ok);
    }
    __m128 a = load_short(x, how), b = load_short(y, how), r;
    r = op == 0   ? _mm_add_ps(a, b)
        : op == 1 ? _mm_sub_ps(a, b)
        : op == 2 ? _mm_mul_ps(a, b)
                  : _mm_div_ps(a, b);
    unsigned ok = fast_normal_lanes_short(r);
    ok |= op < 2 ? _mm_movemask_ps(_mm_cmpeq_ps(r, _mm_setzero_ps())) : 0;
    put_lanes(out, _mm_castps_si128(r), how);
    return !(need & ~ok);
}

static G_NO_INLINE bool fast_vfma(IrVec *out, const IrVec *x, const IrVec *y, const IrVec *z,
                                  uint64_t how)
{
    unsigned ok;
    __m128i bits;

    if ((how & 15) == 3) {
        __m128d sign = _mm_set1_pd(-0.0), c = load_long(z, how), r;
        c = how & 0x100 ? _mm_xor_pd(c, sign) : c;
        r = fast_fma_long(load_long(x, how), load_long(y, how), c);
        ok = fast_normal_lanes_long(r);
        bits = _mm_castpd_si128(how & 0x200 ? _mm_xor_pd(r, sign) : r);
    } else {
        __m128 sign = _mm_set1_ps(-0.0f), c = load_short(z, how), r;
        c = how & 0x100 ? _mm_xor_ps(c, sign) : c;
        r = fast_fma_short(load_short(x, how), load_short(y, how), c);
        ok = fast_normal_lanes_short(r);
        bits = _mm_castps_si128(how & 0x200 ? _mm_xor_ps(r, sign) : r);
    }
    put_lanes(out, bits, how);
    return !(lanes_of(how) & ~ok);
}

static void helper_s390_vf2(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *b, uint64_t how)
{
    IrVec fast;

    if ((how & 15) < 4 && fast_begin(s390_cpu(cs)) && fast_vf2(&fast, a, b, how)) {
        fast_commit(s390_cpu(cs));
        copy_out(out, &fast);
        return;
    }
    Run r = begin(cs, how);
    IrVec v = { 0 };

    for (unsigned k = 0; k < r.n; k++) {
        FpBits x = get(a, r.es, k), y = get(b, r.es, k), z;
        switch (how >> 8 & 15) {
        case 0: z = fp_add(&r.e, r.f, x, y); break;
        case 1: z = fp_sub(&r.e, r.f, x, y); break;
        case 2: z = fp_mul(&r.e, r.f, x, y); break;
        default: z = fp_div(&r.e, r.f, x, y); break;
        }
        done_element(&r, k);
        put(&v, r.es, k, z);
    }
    finish(&r);
    copy_out(out, &v);
}
HELPER(s390_vf2, IR_V128, HELPER_STATE, HARG_V128, HARG_V128, HARG_I64);

/* operation: bit 0 subtract the addend, bit 1 complement the result */
static void helper_s390_vfma(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *b,
                             const IrVec *c, uint64_t how)
{
    IrVec fast;

    if ((how & 15) < 4 && fast_has_fma() && fast_begin(s390_cpu(cs)) &&
        fast_vfma(&fast, a, b, c, how)) {
        fast_commit(s390_cpu(cs));
        copy_out(out, &fast);
        return;
    }
    Run r = begin(cs, how);
    IrVec v = { 0 };

    r.e.negated = how & 0x200;
    for (unsigned k = 0; k < r.n; k++) {
        FpBits z = get(c, r.es, k);
        z ^= (how & 0x100) && !fp_is_nan(r.f, z) ? fp_sign_bit(r.f) : 0;
        z = fp_fma(&r.e, r.f, get(a, r.es, k), get(b, r.es, k), z);
        done_element(&r, k);
        put(&v, r.es, k, z);
    }
    finish(&r);
    copy_out(out, &v);
}
HELPER(s390_vfma, IR_V128, HELPER_STATE, HARG_V128, HARG_V128, HARG_V128, HARG_I64);

/* operation: 0 square root, 1 load FP integer, 2 from signed, 3 unsigned, 4 to signed, 5 unsigned
 * integers of the element's size */
static FpBits convert(Run *r, unsigned op, FpBits x)
{
    unsigned bits = 8u << r->es;

    switch (op) {
    case 0: return fp_sqrt(&r->e, r->f, x);
    case 1: return fp_to_integral(&r->e, r->f, x);
    case 2: return fp_from_int(&r->e, r->f, bits == 32 ? (uint64_t)(int32_t)x : (uint64_t)x, true);
    case 3: return fp_from_int(&r->e, r->f, x, false);
    default: return fp_to_int(&r->e, r->f, x, bits, op == 4);
    }
}

static void helper_s390_vf1(CpuState *cs, IrVec *out, const IrVec *a, uint64_t how)
{
    Run r = begin(cs, how);
    unsigned op = how >> 8 & 15;
    IrVec v = { 0 };

    if (op) {
        r.e.rm = (FpRound)s390_fp_rounding(r.cpu, how >> 12 & 15);
        r.no_inexact = how & NO_INEXACT;
    }
    for (unsigned k = 0; k < r.n; k++) {
        FpBits z = convert(&r, op, get(a, r.es, k));
        done_element(&r, k);
        put(&v, r.es, k, z);
    }
    finish(&r);
    copy_out(out, &v);
}
HELPER(s390_vf1, IR_V128, HELPER_STATE, HARG_V128, HARG_I64);

/* ---- between formats: the narrow values are in the even elements ---- */
static void helper_s390_vflengthen(CpuState *cs, IrVec *out, const IrVec *a, uint64_t how)
{
    Run r = begin(cs, how);
    unsigned n = how & ONE_ELEMENT ? 1 : 8u >> r.es;
    IrVec v = { 0 };

    for (unsigned k = 0; k < n; k++) {
        FpBits z = fp_convert(&r.e, (FpFormat)(r.f + 1), r.f, get(a, r.es, 2 * k));
        done_element(&r, 2 * k);
        put(&v, r.es + 1, k, z);
    }
    finish(&r);
    copy_out(out, &v);
}
HELPER(s390_vflengthen, IR_V128, HELPER_STATE, HARG_V128, HARG_I64);

static void helper_s390_vfround(CpuState *cs, IrVec *out, const IrVec *a, uint64_t how)
{
    Run r = begin(cs, how);
    IrVec v = { 0 };

    r.e.rm = (FpRound)s390_fp_rounding(r.cpu, how >> 12 & 15);
    r.no_inexact = how & NO_INEXACT;
    for (unsigned k = 0; k < r.n; k++) {
        FpBits z = fp_convert(&r.e, (FpFormat)(r.f - 1), r.f, get(a, r.es, k));
        done_element(&r, k);
        put(&v, r.es - 1, 2 * k, z);
    }
    finish(&r);
    copy_out(out, &v);
}
HELPER(s390_vfround, IR_V128, HELPER_STATE, HARG_V128, HARG_I64);

/* ---- comparisons ---- */

/* operation: 0 equal, 1 high, 2 high or equal; result: a mask */
static void helper_s390_vfcompare(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *b,
                                  uint64_t how)
{
    static const uint8_t holds[] = { 1 << 0, 1 << 2, 1 << 0 | 1 << 2 }; /* by the order */
    Run r = begin(cs, how);
    unsigned op = how >> 8 & 15;
    bool signal = how & NO_INEXACT;
    IrVec v = { 0 };

    for (unsigned k = 0; k < r.n; k++) {
        unsigned cc = fp_compare(&r.e, r.f, get(a, r.es, k), get(b, r.es, k), signal);
        done_element(&r, k);
        put(&v, r.es, k, holds[op] >> cc & 1 ? ~(FpBits)0 : 0);
    }
    finish(&r);
    copy_out(out, &v);
}
HELPER(s390_vfcompare, IR_V128, HELPER_STATE, HARG_V128, HARG_V128, HARG_I64);

static uint64_t helper_s390_vfscalar_compare(CpuState *cs, const IrVec *a, const IrVec *b,
                                             uint64_t how)
{
    Run r = begin(cs, how);
    unsigned cc = fp_compare(&r.e, r.f, get(a, r.es, 0), get(b, r.es, 0), how >> 8 & 1);

    done_element(&r, 0);
    finish(&r);
    return cc;
}
HELPER(s390_vfscalar_compare, IR_I64, HELPER_STATE, HARG_V128, HARG_V128, HARG_I64);

/* Elements whose class is in the mask (how >> 12). */
static void helper_s390_vftest(CpuState *cs, IrVec *out, const IrVec *a, uint64_t how)
{
    Run r = begin(cs, how);
    IrVec v = { 0 };

    for (unsigned k = 0; k < r.n; k++) {
        FpBits x = get(a, r.es, k);
        unsigned bit = 11 - 2 * (unsigned)fp_class(r.f, x) - fp_sign(r.f, x);
        put(&v, r.es, k, how >> 12 >> bit & 1 ? ~(FpBits)0 : 0);
    }
    copy_out(out, &v);
}
HELPER(s390_vftest, IR_V128, HELPER_PURE, HARG_V128, HARG_I64);

/* ---- maximum and minimum: method in how >> 12 ---- */
enum {
    M_IEEE = 0,
    M_JAVA = 1,
    M_MACRO = 2, /* a > b ? a : b */
    M_CPP = 3,   /* a < b ? b : a */
    M_FMAX = 4,
    M_OF_ABSOLUTE = 8,
    M_IEEE_MAGNITUDE = M_OF_ABSOLUTE | M_IEEE, /* the only one that leaves the sign */
};

/* Is a the one, by value and then by the sign of zeros? */
static bool first_wins(Run *r, FpBits a, FpBits b, bool min, unsigned method)
{
    FpEnv quiet = { 0 };
    FpBits strip = method == M_IEEE_MAGNITUDE ? fp_sign_bit(r->f) : 0;
    unsigned cc = fp_compare(&quiet, r->f, a & ~strip, b & ~strip, false);

    if (cc == 0 && strip) {
        cc = fp_compare(&quiet, r->f, a, b, false);
    }

    if (cc == 0) {
        bool as = fp_sign(r->f, a), bs = fp_sign(r->f, b);
        switch (method) {
        case M_MACRO: return false;
        case M_CPP: return true;
        default: return as == bs || as == min;
        }
    }
    return (cc == 1) == min;
}

static FpBits of_nans(Run *r, FpBits a, FpBits b, unsigned method)
{
    FpBits v[] = { a, b }, out = b;
    bool an = fp_is_nan(r->f, a), bn = fp_is_nan(r->f, b);
    bool snan = fp_class(r->f, a) == FP_IS_SNAN || fp_class(r->f, b) == FP_IS_SNAN;

    switch (method) {
    case M_MACRO: r->e.flags |= FP_INVALID; return b;
    case M_CPP: r->e.flags |= FP_INVALID; return a;
    case M_JAVA: fp_propagate(&r->e, r->f, v, 2, &out); return out;
    default: break;
    }
    r->e.flags |= snan ? FP_INVALID : 0;
    if ((snan && method == M_IEEE) || (an && bn)) {
        fp_propagate(&r->e, r->f, v, 2, &out);
        return out;
    }
    return an ? b : a;
}

static void helper_s390_vfminmax(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *b,
                                 uint64_t how)
{
    Run r = begin(cs, how);
    unsigned method = how >> 12 & 15;
    IrVec v = { 0 };

    for (unsigned k = 0; k < r.n; k++) {
        FpBits strip = method > M_OF_ABSOLUTE ? fp_sign_bit(r.f) : 0;
        FpBits x = get(a, r.es, k) & ~strip, y = get(b, r.es, k) & ~strip, z;
        if (fp_is_nan(r.f, x) || fp_is_nan(r.f, y)) {
            z = of_nans(&r, x, y, method & 7);
        } else {
            z = first_wins(&r, x, y, how >> 8 & 1, strip ? method & 7 : method) ? x : y;
        }
        done_element(&r, k);
        put(&v, r.es, k, z);
    }
    finish(&r);
    copy_out(out, &v);
}
HELPER(s390_vfminmax, IR_V128, HELPER_STATE, HARG_V128, HARG_V128, HARG_I64);
