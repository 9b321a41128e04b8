/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The common case of binary floating point on the host's own instructions, without a look at its flags:
 * rounding to nearest, no exception enabled, inexact already on record. Then nothing can be learned from a
 * result that is a normal number greater than the least one, nor from an exact zero. Everything
 * else, NaNs among it, is for the exact ways. Helpers run with the host's default environment.
 */
#ifndef TARGET_S390X_HELPER_FASTFP_H
#define TARGET_S390X_HELPER_FASTFP_H

#include <immintrin.h>
#include "target/s390x/cpu.h"

#define FPC_MASKS   0xf8000000u
#define FPC_INEXACT 0x00080000u

static inline bool fast_allowed(const S390Cpu *cpu)
{
    return (cpu->fpc & (FPC_MASKS | FPC_INEXACT | 7)) == FPC_INEXACT;
}

/* The same with inexact not yet on record: the host's flag is cleared before and looked at after. The
 * calculation in between is a function that is not inlined, so that it stays there. */
static inline bool fast_begin(const S390Cpu *cpu)
{
    if (cpu->fpc & (FPC_MASKS | 7)) {
        return false;
    }
    if (!(cpu->fpc & FPC_INEXACT)) {
        _mm_setcsr(0x1f80);
    }
    return true;
}

/* Flags, as the FPC's byte has them, to the record. With the first inexact result regions for the host's floating
 * point are to be found (MODE_FP). */
static inline void fpc_record(S390Cpu *cpu, unsigned flags)
{
    uint32_t fpc = cpu->fpc | flags << 16;

    if ((cpu->fpc ^ fpc) & FPC_INEXACT) {
        cpu_kick(&cpu->base);
    }
    cpu->fpc = fpc;
}

static inline void fast_commit(S390Cpu *cpu)
{
    if (!(cpu->fpc & FPC_INEXACT) && (_mm_getcsr() & _MM_EXCEPT_INEXACT)) {
        fpc_record(cpu, FPC_INEXACT >> 16);
    }
}

static inline bool fast_normal_long(uint64_t v)
{
    const uint64_t least = 0x0010000000000000ull, inf = 0x7ff0000000000000ull;
    return (v & INT64_MAX) - (least + 1) < inf - (least + 1);
}

static inline bool fast_normal_short(uint32_t v)
{
    return (v & INT32_MAX) - 0x00800001u < 0x7f800000u - 0x00800001u;
}

/* Is the zero that op (0 add, 1 subtract, 2 multiply, 3 divide) gave no underflow? */
static inline bool fast_zero(unsigned op, bool a_zero, bool b_zero)
{
    return op < 2 || a_zero || (op == 2 && b_zero);
}

static inline bool fast_arith_long(unsigned op, double a, double b, double *r)
{
    uint64_t bits;

    *r = op == 0 ? a + b : op == 1 ? a - b : op == 2 ? a * b : a / b;
    memcpy(&bits, r, 8);
    return fast_normal_long(bits) || (*r == 0 && fast_zero(op, a == 0, b == 0));
}

static inline bool fast_arith_short(unsigned op, float a, float b, float *r)
{
    uint32_t bits;

    *r = op == 0 ? a + b : op == 1 ? a - b : op == 2 ? a * b : a / b;
    memcpy(&bits, r, 4);
    return fast_normal_short(bits) || (*r == 0 && fast_zero(op, a == 0, b == 0));
}

/* ---- the elements of a vector: bits of the mask are 64-bit or 32-bit host lanes ---- */
static inline unsigned fast_normal_lanes_long(__m128d r)
{
    __m128d m = _mm_andnot_pd(_mm_set1_pd(-0.0), r);
    __m128d above = _mm_cmpgt_pd(m, _mm_set1_pd(0x1p-1022));

    return _mm_movemask_pd(_mm_and_pd(above, _mm_cmplt_pd(m, _mm_set1_pd(__builtin_inf()))));
}

static inline unsigned fast_normal_lanes_short(__m128 r)
{
    __m128 m = _mm_andnot_ps(_mm_set1_ps(-0.0f), r);
    __m128 above = _mm_cmpgt_ps(m, _mm_set1_ps(0x1p-126f));

    return _mm_movemask_ps(_mm_and_ps(above, _mm_cmplt_ps(m, _mm_set1_ps(__builtin_inff()))));
}

static inline bool fast_has_fma(void)
{
    return __builtin_cpu_supports("fma");
}

__attribute__((target("fma"))) static inline __m128d fast_fma_long(__m128d a, __m128d b, __m128d c)
{
    return _mm_fmadd_pd(a, b, c);
}

__attribute__((target("fma"))) static inline __m128 fast_fma_short(__m128 a, __m128 b, __m128 c)
{
    return _mm_fmadd_ps(a, b, c);
}

#endif
