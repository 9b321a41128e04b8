/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended binary floating point under MODE_FP: rounding to nearest, no exception enabled, inexact on record. So nothing
 * is raised, and of the FPC only flags are touched: a call names the registers it works on, by pointer into CpuState,
 * and translated code keeps all others where they are. fastext.h does what is ordinary, softfp.h the rest.
 *
 * The two halves of a pair of floating-point registers are h and l. Vectors are in host order.
 */
#include <string.h>
#include "target/s390x/helper-vector.h"
#include "target/s390x/helper.h"
#include "target/s390x/helper/fastext.h"
#include "target/s390x/helper/fastfp.h"
#include "target/s390x/softfp.h"

static inline FastExt pair(const uint64_t *h, const uint64_t *l)
{
    return (FastExt)*h << 64 | *l;
}

static inline void put_pair(uint64_t *h, uint64_t *l, FastExt v)
{
    *h = (uint64_t)(v >> 64);
    *l = (uint64_t)v;
}

static inline FastExt whole(const IrVec *v)
{
    return pair(&v->q[1], &v->q[0]);
}

static inline void put_whole(IrVec *out, FastExt v)
{
    put_pair(&out->q[1], &out->q[0], v);
}

/* ---- arithmetic: op is 0 add, 1 subtract, 2 multiply, 3 divide ---- */
static FastExt exact_arith(CpuState *cs, FastExt a, FastExt b, unsigned op)
{
    static FpBits (*const of[4])(FpEnv *, FpFormat, FpBits, FpBits) = { fp_add, fp_sub, fp_mul,
                                                                        fp_div };
    FpEnv e = { .rm = FP_NEAREST };
    FastExt r = of[op](&e, FP_EXTENDED, a, b);

    fpc_record(s390_cpu(cs), e.flags);
    return r;
}

/* The rare case apart, with nothing kept for it: the ordinary one has all registers. */
static G_NO_INLINE uint64_t exact_pairs(CpuState *cs, uint64_t *h, uint64_t *l, const uint64_t *bh,
                                        const uint64_t *bl, unsigned op)
{
    FastExt r = exact_arith(cs, pair(h, l), pair(bh, bl), op);

    put_pair(h, l, r);
    return ext_sign_cc(r);
}

static EXT_INLINE uint64_t arith_pairs(CpuState *cs, uint64_t *h, uint64_t *l, const uint64_t *bh,
                                       const uint64_t *bl, unsigned op)
{
    FastExt r;

    if (!ext_arith(op, pair(h, l), pair(bh, bl), &r)) {
        return exact_pairs(cs, h, l, bh, bl, op);
    }
    put_pair(h, l, r);
    return op >= 2 || ext_zero(r) ? 0 : 2 - (unsigned)(r >> 127);
}

#define ARITH(nm, op)                                                            \
    static uint64_t helper_s390_ext_##nm(CpuState *cs, uint64_t *h, uint64_t *l, \
                                         const uint64_t *bh, const uint64_t *bl) \
    {                                                                            \
        return arith_pairs(cs, h, l, bh, bl, op);                                \
    }
ARITH(add, 0)
ARITH(sub, 1)
ARITH(mul, 2)
ARITH(div, 3)
#undef ARITH

#define PAIRS HARG_SLOT_RW, HARG_SLOT_RW, HARG_SLOT_R, HARG_SLOT_R
HELPER(s390_ext_add, IR_I64, 0, PAIRS);
HELPER(s390_ext_sub, IR_I64, 0, PAIRS);
HELPER(s390_ext_mul, IR_VOID, 0, PAIRS);
HELPER(s390_ext_div, IR_VOID, 0, PAIRS);
#undef PAIRS

static G_NO_INLINE uint64_t exact_vectors(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *b,
                                          unsigned op)
{
    put_whole(out, exact_arith(cs, whole(a), whole(b), op));
    return 0;
}

#define ARITH(nm, op)                                                                              \
    static uint64_t helper_s390_ext_##nm(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *b) \
    {                                                                                              \
        FastExt r;                                                                                 \
                                                                                                   \
        if (!ext_arith(op, whole(a), whole(b), &r)) {                                              \
            return exact_vectors(cs, out, a, b, op);                                               \
        }                                                                                          \
        put_whole(out, r);                                                                         \
        return 0;                                                                                  \
    }
ARITH(vadd, 0)
ARITH(vsub, 1)
ARITH(vmul, 2)
ARITH(vdiv, 3)
#undef ARITH

HELPER(s390_ext_vadd, IR_VOID, 0, HARG_SLOT_W, HARG_SLOT_R, HARG_SLOT_R);
HELPER(s390_ext_vsub, IR_VOID, 0, HARG_SLOT_W, HARG_SLOT_R, HARG_SLOT_R);
HELPER(s390_ext_vmul, IR_VOID, 0, HARG_SLOT_W, HARG_SLOT_R, HARG_SLOT_R);
HELPER(s390_ext_vdiv, IR_VOID, 0, HARG_SLOT_W, HARG_SLOT_R, HARG_SLOT_R);

/* An exact product of long numbers. */
static uint64_t helper_s390_ext_mul_long(CpuState *cs, uint64_t *h, uint64_t *l, uint64_t x,
                                         uint64_t y)
{
    FastExt r;

    if (!ext_mul_long(x, y, &r)) {
        FpEnv e = { .rm = FP_NEAREST };
        FpBits v[2] = { x, y }, nan;
        r = fp_propagate(&e, FP_LONG, v, 2, &nan)
                ? fp_convert(&e, FP_EXTENDED, FP_LONG, nan)
                : fp_mul(&e, FP_EXTENDED, fp_convert(&e, FP_EXTENDED, FP_LONG, x),
                         fp_convert(&e, FP_EXTENDED, FP_LONG, y));
        fpc_record(s390_cpu(cs), e.flags);
    }
    put_pair(h, l, r);
    return 0;
}
HELPER(s390_ext_mul_long, IR_VOID, 0, HARG_SLOT_W, HARG_SLOT_W, HARG_I64, HARG_I64);

/* op: bit 0 minus c, bit 1 the complement of all */
static uint64_t helper_s390_ext_vfma(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *b,
                                     const IrVec *c, uint64_t op)
{
    FpEnv e = { .rm = FP_NEAREST, .negated = op & 2 };
    FastExt z = whole(c), r;

    z ^= (op & 1) && !fp_is_nan(FP_EXTENDED, z) ? EXT_SIGN : 0;
    if (ext_fma(whole(a), whole(b), z, &r)) {
        put_whole(out, op & 2 ? r ^ EXT_SIGN : r);
        return 0;
    }
    put_whole(out, fp_fma(&e, FP_EXTENDED, whole(a), whole(b), z));
    fpc_record(s390_cpu(cs), e.flags);
    return 0;
}
HELPER(s390_ext_vfma, IR_VOID, 0, HARG_SLOT_W, HARG_SLOT_R, HARG_SLOT_R, HARG_SLOT_R, HARG_I64);

/* ---- square root ---- */
static inline FastExt root(CpuState *cs, FastExt a)
{
    FastExt r;

    if (!ext_sqrt(a, &r)) {
        FpEnv e = { .rm = FP_NEAREST };
        r = fp_sqrt(&e, FP_EXTENDED, a);
        fpc_record(s390_cpu(cs), e.flags);
    }
    return r;
}

static uint64_t helper_s390_ext_sqrt(CpuState *cs, uint64_t *h, uint64_t *l, const uint64_t *bh,
                                     const uint64_t *bl)
{
    put_pair(h, l, root(cs, pair(bh, bl)));
    return 0;
}
HELPER(s390_ext_sqrt, IR_VOID, 0, HARG_SLOT_W, HARG_SLOT_W, HARG_SLOT_R, HARG_SLOT_R);

static uint64_t helper_s390_ext_vsqrt(CpuState *cs, IrVec *out, const IrVec *a)
{
    put_whole(out, root(cs, whole(a)));
    return 0;
}
HELPER(s390_ext_vsqrt, IR_VOID, 0, HARG_SLOT_W, HARG_SLOT_R);

/* ---- comparison: 0 equal, 1 low, 2 high, 3 unordered; signal: of any NaN, not of signalling ones only ---- */
static inline unsigned compare(CpuState *cs, FastExt a, FastExt b, bool signal)
{
    unsigned cc = ext_order(a, b);

    if (cc == 3) {
        FpEnv e = { .rm = FP_NEAREST };
        fp_compare(&e, FP_EXTENDED, a, b, signal);
        fpc_record(s390_cpu(cs), e.flags);
    }
    return cc;
}

static uint64_t helper_s390_ext_cmp(CpuState *cs, const uint64_t *ah, const uint64_t *al,
                                    const uint64_t *bh, const uint64_t *bl, uint64_t signal)
{
    return compare(cs, pair(ah, al), pair(bh, bl), signal);
}
HELPER(s390_ext_cmp, IR_I64, 0, HARG_SLOT_R, HARG_SLOT_R, HARG_SLOT_R, HARG_SLOT_R, HARG_I64);

static uint64_t helper_s390_ext_vcmp(CpuState *cs, const IrVec *a, const IrVec *b, uint64_t signal)
{
    return compare(cs, whole(a), whole(b), signal);
}
HELPER(s390_ext_vcmp, IR_I64, 0, HARG_SLOT_R, HARG_SLOT_R, HARG_I64);

/* ---- to other formats ---- */

/* to: FP_SHORT or FP_LONG */
static uint64_t helper_s390_ext_narrow(CpuState *cs, const uint64_t *h, const uint64_t *l,
                                       uint64_t to)
{
    FastExt a = pair(h, l);
    uint64_t out;

    if (to == FP_LONG ? ext_narrow(a, 11, 52, &out) : ext_narrow(a, 8, 23, &out)) {
        return out;
    }
    FpEnv e = { .rm = FP_NEAREST };
    out = (uint64_t)fp_convert(&e, (FpFormat)to, FP_EXTENDED, a);
    fpc_record(s390_cpu(cs), e.flags);
    return out;
}
HELPER(s390_ext_narrow, IR_I64, 0, HARG_SLOT_R, HARG_SLOT_R, HARG_I64);

/* how: M3 rounding (one that exists), bit 2 of M4 (0x40): nothing is inexact */
static uint64_t helper_s390_ext_to_integral(CpuState *cs, uint64_t *h, uint64_t *l,
                                            const uint64_t *bh, const uint64_t *bl, uint64_t how)
{
    FpEnv e = { .rm = (FpRound)s390_fp_rounding(s390_cpu(cs), how & 15) };

    put_pair(h, l, fp_to_integral(&e, FP_EXTENDED, pair(bh, bl)));
    fpc_record(s390_cpu(cs), e.flags);
    return 0;
}
HELPER(s390_ext_to_integral, IR_VOID, 0, HARG_SLOT_W, HARG_SLOT_W, HARG_SLOT_R, HARG_SLOT_R,
       HARG_I64);

/* An integer into a general register; the condition code. how: M3, as above, | 32 bits << 4 | unsigned << 5 */
static uint64_t helper_s390_ext_to_int(CpuState *cs, uint64_t *gpr, const uint64_t *h,
                                       const uint64_t *l, uint64_t how)
{
    FpEnv e = { .rm = (FpRound)s390_fp_rounding(s390_cpu(cs), how & 15) };
    FastExt a = pair(h, l);
    bool word = how & 0x10;
    uint64_t v = fp_to_int(&e, FP_EXTENDED, a, word ? 32 : 64, !(how & 0x20));

    fpc_record(s390_cpu(cs), e.flags);
    *gpr = word ? (*gpr & ~0xffffffffull) | v : v;
    return e.flags & FP_INVALID ? 3 : ext_sign_cc(a);
}
HELPER(s390_ext_to_int, IR_I64, 0, HARG_SLOT_RW, HARG_SLOT_R, HARG_SLOT_R, HARG_I64);
