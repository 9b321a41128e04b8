/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating-point vector ops of the interpreter, on host SSE instructions: rounding mode, flags and
 * NaN results are the host's, under the guest's MXCSR that the engine has loaded. Inline assembly
 * fixes the operand order, which decides the NaN that propagates; 256-bit packed ops work half by
 * half, which gives the same lanes and flags.
 *
 * SSE2 is assumed; SSE3 to FMA3 and F16C instructions are used where an op needs them: an x86-64
 * guest sees those features only if the host has them.
 */
#include <string.h>
#include <immintrin.h>
#include "vec-priv.h"

#define RAW(nm) static void nm(void *d, const void *a, const void *b, const void *c, uint32_t imm)

static inline __m128 ld(const void *p)
{
    return _mm_loadu_ps(p);
}
static inline void st(void *p, __m128 v)
{
    _mm_storeu_ps(p, v);
}
static inline const void *hi(const void *p)
{
    return (const char *)p + 16;
}

/* x op= y by one instruction: x is the first operand, as in the guest. */
#define ASM2(insn, x, y) __asm__ volatile(insn " %1, %0" : "+x"(x) : "x"(y))

/* Four shapes at 128 bits, packed ones at 256. Scalar at 256 keeps the upper half of a. */
#define ARITH_ONE(nm, insn)          \
    RAW(nm##_16)                     \
    {                                \
        __m128 x = ld(a), y = ld(b); \
        ASM2(insn, x, y);            \
        st(d, x);                    \
    }
#define ARITH_PACKED(nm, insn)                                         \
    ARITH_ONE(nm, insn)                                                \
    RAW(nm##_32)                                                       \
    {                                                                  \
        __m128 x0 = ld(a), y0 = ld(b), x1 = ld(hi(a)), y1 = ld(hi(b)); \
        ASM2(insn, x0, y0);                                            \
        ASM2(insn, x1, y1);                                            \
        st(d, x0);                                                     \
        st((char *)d + 16, x1);                                        \
    }
#define ARITH_SCALAR(nm, insn)                       \
    ARITH_ONE(nm, insn)                              \
    RAW(nm##_32)                                     \
    {                                                \
        __m128 x = ld(a), y = ld(b), up = ld(hi(a)); \
        ASM2(insn, x, y);                            \
        st(d, x);                                    \
        st((char *)d + 16, up);                      \
    }
#define ARITH(nm, base)                                         \
    ARITH_SCALAR(nm##_s32, base "ss")                           \
    ARITH_SCALAR(nm##_s64, base "sd")                           \
    ARITH_PACKED(nm##_p32, base "ps")                           \
    ARITH_PACKED(nm##_p64, base "pd")                           \
    static const BcVecFn nm##_fns[2][4] = {                     \
        { nm##_s32_16, nm##_s64_16, nm##_p32_16, nm##_p64_16 }, \
        { nm##_s32_32, nm##_s64_32, nm##_p32_32, nm##_p64_32 }, \
    };
ARITH(vfadd, "add")
ARITH(vfsub, "sub")
ARITH(vfmul, "mul")
ARITH(vfdiv, "div")
ARITH(vfmin, "min")
ARITH(vfmax, "max")
ARITH(vfsqrt, "sqrt") /* reads y only; scalar keeps x above */
#define ARITH32(nm, base)                                                             \
    ARITH_SCALAR(nm##_s32, base "ss")                                                 \
    ARITH_PACKED(nm##_p32, base "ps")                                                 \
    static const BcVecFn nm##_fns[2][4] = { { nm##_s32_16, NULL, nm##_p32_16, NULL }, \
                                            { nm##_s32_32, NULL, nm##_p32_32, NULL } };
ARITH32(vfrcp, "rcp")
ARITH32(vfrsqrt, "rsqrt")
#define ARITH_PP(nm, base)                                                            \
    ARITH_PACKED(nm##_p32, base "ps")                                                 \
    ARITH_PACKED(nm##_p64, base "pd")                                                 \
    static const BcVecFn nm##_fns[2][4] = { { NULL, NULL, nm##_p32_16, nm##_p64_16 }, \
                                            { NULL, NULL, nm##_p32_32, nm##_p64_32 } };
ARITH_PP(vfhadd, "hadd")
ARITH_PP(vfhsub, "hsub")
ARITH_PP(vfaddsub, "addsub")

/* ---- with an immediate that the instruction must hold: one case a value ---- */
#define CASE4(M, n)  M(n) M((n) + 1) M((n) + 2) M((n) + 3)
#define CASE16(M, n) CASE4(M, n) CASE4(M, (n) + 4) CASE4(M, (n) + 8) CASE4(M, (n) + 12)
#define CASE32(M)    CASE16(M, 0) CASE16(M, 16)
#define CASE64(M, n) CASE16(M, n) CASE16(M, (n) + 16) CASE16(M, (n) + 32) CASE16(M, (n) + 48)
#define CASE256(M)   CASE64(M, 0) CASE64(M, 64) CASE64(M, 128) CASE64(M, 192)

#define IMM_ONE(fn, attr, cases)                                                     \
    __attribute__((target(attr))) static __m128 fn(__m128 x, __m128 y, uint32_t imm) \
    {                                                                                \
        switch (imm) {                                                               \
            cases default : break;                                                   \
        }                                                                            \
        return x;                                                                    \
    }

/* AT&T order: immediate, source, destination. */
#define ROUND_CASE(insn, n)                                                                \
    case n:                                                                                \
        __asm__ volatile(insn " %[i], %[y], %[x]" : [x] "+x"(x) : [y] "x"(y), [i] "i"(n)); \
        break;
#define R_SS(n) ROUND_CASE("roundss", n)
#define R_SD(n) ROUND_CASE("roundsd", n)
#define R_PS(n) ROUND_CASE("roundps", n)
#define R_PD(n) ROUND_CASE("roundpd", n)
IMM_ONE(round_ss, "sse4.1", CASE16(R_SS, 0))
IMM_ONE(round_sd, "sse4.1", CASE16(R_SD, 0))
IMM_ONE(round_ps, "sse4.1", CASE16(R_PS, 0))
IMM_ONE(round_pd, "sse4.1", CASE16(R_PD, 0))

#define CMP_CASE(insn, n)                                                                        \
    case n:                                                                                      \
        __asm__ volatile(insn " %[i], %[y], %[x], %[x]" : [x] "+x"(x) : [y] "x"(y), [i] "i"(n)); \
        break;
#define C_SS(n) CMP_CASE("vcmpss", n)
#define C_SD(n) CMP_CASE("vcmpsd", n)
#define C_PS(n) CMP_CASE("vcmpps", n)
#define C_PD(n) CMP_CASE("vcmppd", n)
IMM_ONE(cmp_ss, "avx", CASE32(C_SS))
IMM_ONE(cmp_sd, "avx", CASE32(C_SD))
IMM_ONE(cmp_ps, "avx", CASE32(C_PS))
IMM_ONE(cmp_pd, "avx", CASE32(C_PD))
#define DPPS_CASE(n) ROUND_CASE("dpps", n)
#define DPPD_CASE(n) ROUND_CASE("dppd", n)
IMM_ONE(dp_ps, "sse4.1", CASE256(DPPS_CASE))
IMM_ONE(dp_pd, "sse4.1", CASE256(DPPD_CASE))

#define IMM_FNS(nm, one, mask, scalar)                                            \
    RAW(nm##_16)                                                                  \
    {                                                                             \
        st(d, one(ld(a), ld(b), imm &(mask)));                                    \
    }                                                                             \
    RAW(nm##_32)                                                                  \
    {                                                                             \
        __m128 up = scalar ? ld(hi(a)) : one(ld(hi(a)), ld(hi(b)), imm & (mask)); \
        st(d, one(ld(a), ld(b), imm &(mask)));                                    \
        st((char *)d + 16, up);                                                   \
    }
IMM_FNS(vfround_s32, round_ss, 15, 1)
IMM_FNS(vfround_s64, round_sd, 15, 1)
IMM_FNS(vfround_p32, round_ps, 15, 0)
IMM_FNS(vfround_p64, round_pd, 15, 0)
IMM_FNS(vfcmp_s32, cmp_ss, 31, 1)
IMM_FNS(vfcmp_s64, cmp_sd, 31, 1)
IMM_FNS(vfcmp_p32, cmp_ps, 31, 0)
IMM_FNS(vfcmp_p64, cmp_pd, 31, 0)
IMM_FNS(vfdp_p32, dp_ps, 255, 0)
IMM_FNS(vfdp_p64, dp_pd, 255, 0)
#define FOUR_FNS(nm)                                            \
    static const BcVecFn nm##_fns[2][4] = {                     \
        { nm##_s32_16, nm##_s64_16, nm##_p32_16, nm##_p64_16 }, \
        { nm##_s32_32, nm##_s64_32, nm##_p32_32, nm##_p64_32 }, \
    };
FOUR_FNS(vfround)
FOUR_FNS(vfcmp)
static const BcVecFn vfdp_fns[2][4] = { { NULL, NULL, vfdp_p32_16, vfdp_p64_16 },
                                        { NULL, NULL, vfdp_p32_32, vfdp_p64_32 } };

/* ---- compares to flags ---- */
#define COMI(nm, insn)                                                                          \
    static uint32_t nm(__m128 x, __m128 y)                                                      \
    {                                                                                           \
        uint8_t z, p, c;                                                                        \
        __asm__ volatile(insn " %4, %3" : "=@ccz"(z), "=@ccp"(p), "=@ccc"(c) : "x"(x), "x"(y)); \
        return (uint32_t)z << 6 | (uint32_t)p << 2 | c;                                         \
    }
COMI(comiss, "comiss")
COMI(comisd, "comisd")
COMI(ucomiss, "ucomiss")
COMI(ucomisd, "ucomisd")
RAW(vfcomi_s32)
{
    *(uint64_t *)d = imm ? ucomiss(ld(a), ld(b)) : comiss(ld(a), ld(b));
}
RAW(vfcomi_s64)
{
    *(uint64_t *)d = imm ? ucomisd(ld(a), ld(b)) : comisd(ld(a), ld(b));
}

/* ---- fused multiply-add: 231 form, dst = c + a * b; NaN priority a, b, c ---- */
#define FMA_ONE(nm, insn)                                                \
    static inline __m128 nm(__m128 x, __m128 y, __m128 z)                \
    {                                                                    \
        __asm__ volatile(insn " %2, %1, %0" : "+x"(z) : "x"(x), "x"(y)); \
        return z;                                                        \
    }
static inline const void *pick(uint32_t which, const void *a, const void *b, const void *c)
{
    return which == 0 ? a : which == 1 ? b : c;
}
static void fma_scalar(void *d, __m128 r, const void *keep, unsigned lane_bytes, unsigned bytes)
{
    IrVec v, low;

    memcpy(&v, keep, bytes);
    st(&low, r);
    memcpy(&v, &low, lane_bytes);
    memcpy(d, &v, bytes);
}
#define FMA_SCALAR(nm, base, sfx, lane)                                             \
    FMA_ONE(nm##_one, base "231" sfx)                                               \
    RAW(nm##_16)                                                                    \
    {                                                                               \
        fma_scalar(d, nm##_one(ld(a), ld(b), ld(c)), pick(imm, a, b, c), lane, 16); \
    }                                                                               \
    RAW(nm##_32)                                                                    \
    {                                                                               \
        fma_scalar(d, nm##_one(ld(a), ld(b), ld(c)), pick(imm, a, b, c), lane, 32); \
    }
#define FMA_PACKED(nm, base, sfx)                              \
    FMA_ONE(nm##_one, base "231" sfx)                          \
    RAW(nm##_16)                                               \
    {                                                          \
        st(d, nm##_one(ld(a), ld(b), ld(c)));                  \
    }                                                          \
    RAW(nm##_32)                                               \
    {                                                          \
        __m128 r0 = nm##_one(ld(a), ld(b), ld(c));             \
        __m128 r1 = nm##_one(ld(hi(a)), ld(hi(b)), ld(hi(c))); \
        st(d, r0);                                             \
        st((char *)d + 16, r1);                                \
    }
#define FMA(nm, base)                   \
    FMA_SCALAR(nm##_s32, base, "ss", 4) \
    FMA_SCALAR(nm##_s64, base, "sd", 8) \
    FMA_PACKED(nm##_p32, base, "ps")    \
    FMA_PACKED(nm##_p64, base, "pd")    \
    FOUR_FNS(nm)
FMA(vfmadd, "vfmadd")
FMA(vfmsub, "vfmsub")
FMA(vfnmadd, "vfnmadd")
FMA(vfnmsub, "vfnmsub")
#define FMA_ALT(nm, base)                                                             \
    FMA_PACKED(nm##_p32, base, "ps")                                                  \
    FMA_PACKED(nm##_p64, base, "pd")                                                  \
    static const BcVecFn nm##_fns[2][4] = { { NULL, NULL, nm##_p32_16, nm##_p64_16 }, \
                                            { NULL, NULL, nm##_p32_32, nm##_p64_32 } };
FMA_ALT(vfmaddsub, "vfmaddsub")
FMA_ALT(vfmsubadd, "vfmsubadd")

/* ---- conversions ---- */
#define SI_ONE(nm, insn, T)                                  \
    static inline __m128 nm##_one(__m128 x, T v)             \
    {                                                        \
        __asm__ volatile(insn " %1, %0" : "+x"(x) : "r"(v)); \
        return x;                                            \
    }                                                        \
    RAW(nm##_16)                                             \
    {                                                        \
        st(d, nm##_one(ld(a), *(const T *)b));               \
    }                                                        \
    RAW(nm##_32)                                             \
    {                                                        \
        __m128 up = ld(hi(a));                               \
        st(d, nm##_one(ld(a), *(const T *)b));               \
        st((char *)d + 16, up);                              \
    }
SI_ONE(si32_s32, "cvtsi2ssl", uint32_t)
SI_ONE(si64_s32, "cvtsi2ssq", uint64_t)
SI_ONE(si32_s64, "cvtsi2sdl", uint32_t)
SI_ONE(si64_s64, "cvtsi2sdq", uint64_t)

#define TOSI(nm, insn, T)                                               \
    RAW(nm)                                                             \
    {                                                                   \
        __m128 x = ld(a);                                               \
        T v;                                                            \
        if (imm) {                                                      \
            __asm__ volatile("cvtt" insn " %1, %0" : "=r"(v) : "x"(x)); \
        } else {                                                        \
            __asm__ volatile("cvt" insn " %1, %0" : "=r"(v) : "x"(x));  \
        }                                                               \
        *(uint64_t *)d = v;                                             \
    }
TOSI(tosi32_s32, "ss2si", uint32_t)
TOSI(tosi64_s32, "ss2si", uint64_t)
TOSI(tosi32_s64, "sd2si", uint32_t)
TOSI(tosi64_s64, "sd2si", uint64_t)

ARITH_SCALAR(cvtss2sd, "cvtss2sd")
ARITH_SCALAR(cvtsd2ss, "cvtsd2ss")

/* One source register, result of its own size: half by half. */
#define CVT1(insn, x, y) __asm__ volatile(insn " %1, %0" : "=x"(x) : "x"(y))
#define SAME_SIZE(nm, insn)                        \
    RAW(nm##_16)                                   \
    {                                              \
        __m128 y = ld(a), x;                       \
        CVT1(insn, x, y);                          \
        st(d, x);                                  \
    }                                              \
    RAW(nm##_32)                                   \
    {                                              \
        __m128 y0 = ld(a), y1 = ld(hi(a)), x0, x1; \
        CVT1(insn, x0, y0);                        \
        CVT1(insn, x1, y1);                        \
        st(d, x0);                                 \
        st((char *)d + 16, x1);                    \
    }
SAME_SIZE(i32_to_f32, "cvtdq2ps")
SAME_SIZE(f32_to_i32, "cvtps2dq")
SAME_SIZE(f32_to_i32t, "cvttps2dq")
RAW(vftoi32_p32_16)
{
    (imm ? f32_to_i32t_16 : f32_to_i32_16)(d, a, b, c, imm);
}
RAW(vftoi32_p32_32)
{
    (imm ? f32_to_i32t_32 : f32_to_i32_32)(d, a, b, c, imm);
}

/* Low half widens: 64 bits to 128, or 128 to 256. */
#define WIDEN(nm, insn)                                    \
    RAW(nm##_16)                                           \
    {                                                      \
        __m128 y = ld(a), x;                               \
        CVT1(insn, x, y);                                  \
        st(d, x);                                          \
    }                                                      \
    RAW(nm##_32)                                           \
    {                                                      \
        __m128 y = ld(a), z = _mm_movehl_ps(y, y), x0, x1; \
        CVT1(insn, x0, y);                                 \
        CVT1(insn, x1, z);                                 \
        st(d, x0);                                         \
        st((char *)d + 16, x1);                            \
    }
WIDEN(i32_to_f64, "cvtdq2pd")
WIDEN(vfwiden, "cvtps2pd")

/* Doubles narrow to the low half of a v128; by the width of the source. */
#define NARROW(nm, insn)                           \
    RAW(nm##_16)                                   \
    {                                              \
        __m128 y = ld(a), x;                       \
        CVT1(insn, x, y);                          \
        st(d, x);                                  \
    }                                              \
    RAW(nm##_32)                                   \
    {                                              \
        __m128 y0 = ld(a), y1 = ld(hi(a)), x0, x1; \
        CVT1(insn, x0, y0);                        \
        CVT1(insn, x1, y1);                        \
        st(d, _mm_movelh_ps(x0, x1));              \
    }
NARROW(vfnarrow, "cvtpd2ps")
NARROW(f64_to_i32, "cvtpd2dq")
NARROW(f64_to_i32t, "cvttpd2dq")
RAW(vftoi32_p64_16)
{
    (imm ? f64_to_i32t_16 : f64_to_i32_16)(d, a, b, c, imm);
}
RAW(vftoi32_p64_32)
{
    (imm ? f64_to_i32t_32 : f64_to_i32_32)(d, a, b, c, imm);
}

RAW(vfphtops_16)
{
    __m128 y = ld(a), x;

    CVT1("vcvtph2ps", x, y);
    st(d, x);
}
/* The low 64 bits hold four half floats. */
#define PH_CASE(n)                                                                             \
    case n:                                                                                    \
        __asm__ volatile("vcvtps2ph %[i], %[y], %[x]" : [x] "=x"(x) : [y] "x"(y), [i] "i"(n)); \
        break;
IMM_ONE(to_ph, "f16c", CASE16(PH_CASE, 0))
RAW(vfphtops_256)
{
    __m128 y = ld(a), z = _mm_castsi128_ps(_mm_srli_si128(_mm_castps_si128(y), 8)), x0, x1;

    CVT1("vcvtph2ps", x0, y);
    CVT1("vcvtph2ps", x1, z);
    st(d, x0);
    st((char *)d + 16, x1);
}
RAW(vfpstoph_16)
{
    st(d, to_ph(ld(a), ld(a), imm & 15));
}
RAW(vfpstoph_32)
{
    st(d, _mm_movelh_ps(to_ph(ld(a), ld(a), imm & 15), to_ph(ld(hi(a)), ld(hi(a)), imm & 15)));
}

static BcVecFn conversion(IrOp op, IrType type, IrType optype, unsigned sub)
{
    bool w = type == IR_V256, ow = optype == IR_V256, s64 = sub == FS64, q = optype == IR_I64;

    switch (op) {
    case IR_VFCVTSI:
        return s64 ? (q ? (w ? si64_s64_32 : si64_s64_16) : (w ? si32_s64_32 : si32_s64_16))
                   : (q ? (w ? si64_s32_32 : si64_s32_16) : (w ? si32_s32_32 : si32_s32_16));
    case IR_VFTOSI:
        return s64 ? (type == IR_I64 ? tosi64_s64 : tosi32_s64)
                   : (type == IR_I64 ? tosi64_s32 : tosi32_s32);
    case IR_VFCVTSS:
        return sub == FS32 ? (w ? cvtss2sd_32 : cvtss2sd_16) : (w ? cvtsd2ss_32 : cvtsd2ss_16);
    case IR_VFFROMI32:
        return sub == FP32 ? (w ? i32_to_f32_32 : i32_to_f32_16)
                           : (w ? i32_to_f64_32 : i32_to_f64_16);
    case IR_VFTOI32:
        return sub == FP32 ? (ow ? vftoi32_p32_32 : vftoi32_p32_16)
                           : (ow ? vftoi32_p64_32 : vftoi32_p64_16);
    case IR_VFWIDEN: return w ? vfwiden_32 : vfwiden_16;
    case IR_VFNARROW: return ow ? vfnarrow_32 : vfnarrow_16;
    case IR_VFPHTOPS: return w ? vfphtops_256 : vfphtops_16;
    case IR_VFPSTOPH: return ow ? vfpstoph_32 : vfpstoph_16;
    default: return NULL;
    }
}

BcVecFn interp_vecfp_fn(IrOp op, IrType type, IrType optype, unsigned sub)
{
    unsigned w = type == IR_V256, s = sub & 3;

    switch (op) {
    case IR_VFADD: return vfadd_fns[w][s];
    case IR_VFSUB: return vfsub_fns[w][s];
    case IR_VFMUL: return vfmul_fns[w][s];
    case IR_VFDIV: return vfdiv_fns[w][s];
    case IR_VFMIN: return vfmin_fns[w][s];
    case IR_VFMAX: return vfmax_fns[w][s];
    case IR_VFSQRT: return vfsqrt_fns[w][s];
    case IR_VFRCP: return vfrcp_fns[w][s];
    case IR_VFRSQRT: return vfrsqrt_fns[w][s];
    case IR_VFROUND: return vfround_fns[w][s];
    case IR_VFCMP: return vfcmp_fns[w][s];
    case IR_VFHADD: return vfhadd_fns[w][s];
    case IR_VFHSUB: return vfhsub_fns[w][s];
    case IR_VFADDSUB: return vfaddsub_fns[w][s];
    case IR_VFDP: return vfdp_fns[w][s];
    case IR_VFMADD: return vfmadd_fns[w][s];
    case IR_VFMSUB: return vfmsub_fns[w][s];
    case IR_VFNMADD: return vfnmadd_fns[w][s];
    case IR_VFNMSUB: return vfnmsub_fns[w][s];
    case IR_VFMADDSUB: return vfmaddsub_fns[w][s];
    case IR_VFMSUBADD: return vfmsubadd_fns[w][s];
    case IR_VFCOMI: return sub == FS64 ? vfcomi_s64 : vfcomi_s32;
    default: return conversion(op, type, optype, sub);
    }
}
