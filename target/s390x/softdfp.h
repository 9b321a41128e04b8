/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decimal floating point: long and extended arithmetic, all eight rounding modes, exact flags, preferred
 * quanta, scaled results. Operands are bit patterns in the densely packed encoding, right-aligned.
 * The short format is only converted to and from.
 */
#ifndef TARGET_S390X_SOFTDFP_H
#define TARGET_S390X_SOFTDFP_H

#include <stdbool.h>
#include <stdint.h>

typedef unsigned __int128 DfpBits;

typedef enum DfpFormat {
    DFP_SHORT,
    DFP_LONG,
    DFP_EXTENDED,
} DfpFormat;

/* As the FPC has them. */
typedef enum DfpRound {
    DFP_NEAREST_EVEN = 0,
    DFP_ZERO = 1,
    DFP_UP = 2,
    DFP_DOWN = 3,
    DFP_NEAREST_AWAY = 4,
    DFP_NEAREST_ZERO = 5,
    DFP_AWAY = 6,
    DFP_SHORTER = 7, /* away when the last digit is 0 or 5: for a shorter precision later */
} DfpRound;

/* Flags as in the FPC's bytes. */
enum {
    DFP_INVALID = 0x80,
    DFP_DIVZERO = 0x40,
    DFP_OVERFLOW = 0x20,
    DFP_UNDERFLOW = 0x10,
    DFP_INEXACT = 0x08,
    DFP_QUANTUM = 0x04,
};

typedef struct DfpEnv {
    DfpRound rm;
    uint8_t flags; /* collected */
    uint8_t traps; /* DFP_OVERFLOW, DFP_UNDERFLOW: enabled; the result is then a scaled one */
    bool up;       /* out: rounding made the magnitude greater */
    bool wide; /* out: of a narrowing conversion that trapped: the result has the source's format */
} DfpEnv;

typedef enum DfpClass {
    DFP_IS_FINITE,
    DFP_IS_INF,
    DFP_IS_QNAN,
    DFP_IS_SNAN,
} DfpClass;

/* A datum taken apart: (-1)^sign * coef * 10^exp; of infinities and NaNs coef is the payload. */
typedef struct DfpNum {
    DfpClass kind;
    bool sign;
    int exp;
    DfpBits coef;
} DfpNum;

typedef struct DfpLayout {
    uint8_t digits;
    uint16_t bias, max_exp; /* of the biased exponent */
} DfpLayout;
extern const DfpLayout dfp_layout[];

DfpNum dfp_unpack(DfpFormat f, DfpBits v);
DfpBits dfp_pack(DfpFormat f, DfpNum n); /* exact: exponent and coefficient fit */
unsigned dfp_digits(DfpBits coef);       /* 0 for 0 */
/* So many right digits of coef, which has at most 38. */
DfpBits dfp_low_digits(DfpBits coef, unsigned n);
/* 10^n, n <= 38 */
DfpBits dfp_power10(unsigned n);

bool dfp_propagate(DfpEnv *e, DfpFormat f, const DfpBits *v, unsigned n, DfpBits *out);
DfpBits dfp_add(DfpEnv *e, DfpFormat f, DfpBits a, DfpBits b, bool subtract);
DfpBits dfp_mul(DfpEnv *e, DfpFormat f, DfpBits a, DfpBits b);
DfpBits dfp_div(DfpEnv *e, DfpFormat f, DfpBits a, DfpBits b);
/* 0 equal, 1 low, 2 high, 3 unordered. */
unsigned dfp_compare(DfpEnv *e, DfpFormat f, DfpBits a, DfpBits b, bool signal);
DfpBits dfp_convert(DfpEnv *e, DfpFormat to, DfpFormat from, DfpBits a);
/* A finite number with that quantum exponent; no quantum exception. */
DfpBits dfp_from_parts(DfpEnv *e, DfpFormat f, bool sign, DfpBits coef, int exp);
DfpBits dfp_to_integral(DfpEnv *e, DfpFormat f, DfpBits a);
/* Saturated; a NaN gives the least value. */
uint64_t dfp_to_int(DfpEnv *e, DfpFormat f, DfpBits a, unsigned bits, bool is_signed);
/* a with the quantum of like */
DfpBits dfp_quantize(DfpEnv *e, DfpFormat f, DfpBits a, DfpBits like);
/* a rounded to so many significant digits, when it has more */
DfpBits dfp_reround(DfpEnv *e, DfpFormat f, DfpBits a, unsigned digits);

#endif
