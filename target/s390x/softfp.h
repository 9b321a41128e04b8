/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Binary floating point in integers: every format, every rounding mode of the architecture, exact
 * flags, tininess before rounding. Values are bit patterns, right-aligned. What the host computes
 * the same way is faster there; this is what all else comes to.
 */
#ifndef TARGET_S390X_SOFTFP_H
#define TARGET_S390X_SOFTFP_H

#include <stdbool.h>
#include <stdint.h>

typedef unsigned __int128 FpBits;

typedef enum FpFormat {
    FP_SHORT,
    FP_LONG,
    FP_EXTENDED,
} FpFormat;

/* Rounding modes as the FPC has them. */
typedef enum FpRound {
    FP_NEAREST = 0,
    FP_ZERO = 1,
    FP_UP = 2,
    FP_DOWN = 3,
    FP_AWAY = 4, /* nearest, ties away from zero */
    FP_ODD = 7,  /* for a shorter precision later */
} FpRound;

/* Flags as in the FPC's bytes. */
enum {
    FP_INVALID = 0x80,
    FP_DIVZERO = 0x40,
    FP_OVERFLOW = 0x20,
    FP_UNDERFLOW = 0x10,
    FP_INEXACT = 0x08,
};

typedef struct FpEnv {
    FpRound rm;
    uint8_t flags; /* collected */
    bool negated;  /* the result will be complemented: round, and sign a zero sum, for that */
    uint8_t traps; /* FP_OVERFLOW, FP_UNDERFLOW: enabled; the result is then a scaled one */
    bool up;       /* out: rounding made the magnitude greater */
    bool wide; /* out: of a narrowing conversion that trapped: the result has the source's format */
} FpEnv;

/* Data class, in the order of TEST DATA CLASS. */
typedef enum FpClass {
    FP_IS_ZERO,
    FP_IS_NORMAL,
    FP_IS_SUBNORMAL,
    FP_IS_INF,
    FP_IS_QNAN,
    FP_IS_SNAN,
} FpClass;
FpClass fp_class(FpFormat f, FpBits v);
bool fp_sign(FpFormat f, FpBits v);
static inline bool fp_is_nan(FpFormat f, FpBits v)
{
    return fp_class(f, v) >= FP_IS_QNAN;
}
FpBits fp_sign_bit(FpFormat f);
FpBits fp_quiet(FpFormat f, FpBits v);
/* The result when one of n operands is a NaN: the first signalling one made quiet, else the first
 * quiet one. False: none is. */
bool fp_propagate(FpEnv *e, FpFormat f, const FpBits *v, unsigned n, FpBits *out);

FpBits fp_add(FpEnv *e, FpFormat f, FpBits a, FpBits b);
FpBits fp_sub(FpEnv *e, FpFormat f, FpBits a, FpBits b);
FpBits fp_mul(FpEnv *e, FpFormat f, FpBits a, FpBits b);
FpBits fp_div(FpEnv *e, FpFormat f, FpBits a, FpBits b);
FpBits fp_sqrt(FpEnv *e, FpFormat f, FpBits a);
/* a * b + c, or e->negated: -(a * b + c), rounded after the change of sign. */
FpBits fp_fma(FpEnv *e, FpFormat f, FpBits a, FpBits b, FpBits c);
/* mant * 2^exp, rounded. */
FpBits fp_from_parts(FpEnv *e, FpFormat f, bool sign, int exp, FpBits mant);
/* Of a finite number other than zero: value = the result / 2^127 * 2^exp, the first bit of the result one. */
FpBits fp_parts(FpFormat f, FpBits a, int *exp);
FpBits fp_convert(FpEnv *e, FpFormat to, FpFormat from, FpBits a);
FpBits fp_to_integral(FpEnv *e, FpFormat f, FpBits a);
FpBits fp_from_int(FpEnv *e, FpFormat f, uint64_t v, bool is_signed);
/* To an integer of so many bits, saturated; a NaN gives the least value. */
uint64_t fp_to_int(FpEnv *e, FpFormat f, FpBits a, unsigned bits, bool is_signed);
/* 0 equal, 1 low, 2 high, 3 unordered. */
unsigned fp_compare(FpEnv *e, FpFormat f, FpBits a, FpBits b, bool signal);

#endif
