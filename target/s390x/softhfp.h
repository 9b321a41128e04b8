/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hexadecimal floating point in integers: fractions of 6, 14 and 28 hexadecimal digits, cut and not rounded but
 * where the architecture says so. Exponents are kept as far as they go: who stores a result sees whether its
 * characteristic left 0 to 127. There are no infinities, no NaNs and no flags.
 */
#ifndef TARGET_S390X_SOFTHFP_H
#define TARGET_S390X_SOFTHFP_H

#include <stdbool.h>
#include <stdint.h>

typedef unsigned __int128 HfpBits;

typedef enum HfpFormat {
    HFP_SHORT,
    HFP_LONG,
    HFP_EXTENDED,
} HfpFormat;

/* (-1)^sign * frac / 16^digits * 16^(exp - 64), digits by the format. A zero with exp 0 is a true zero. */
typedef struct HfpNum {
    bool sign;
    int exp; /* characteristic */
    HfpBits frac;
} HfpNum;

/* Patterns are right-aligned; an extended one is its two halves, of which the right one's sign and
 * characteristic are ignored and made. */
HfpNum hfp_unpack(HfpFormat f, HfpBits v);
HfpBits hfp_pack(HfpFormat f, HfpNum n); /* the characteristic modulo 128 */
/* No zero digits on the left; zero stays what it is. */
HfpNum hfp_normalize(HfpFormat f, HfpNum n);
/* More digits, or fewer: cut. */
HfpNum hfp_resize(HfpFormat to, HfpFormat from, HfpNum n);
/* Fewer digits, the first lost bit counted up. */
HfpNum hfp_round(HfpFormat to, HfpFormat from, HfpNum n);

/* A sum of zero is positive and has the greater characteristic. */
HfpNum hfp_add(HfpFormat f, HfpNum a, HfpNum b, bool normalize);
/* Normalized, exact but for extended operands, in the format hfp_wider(f). */
HfpNum hfp_mul(HfpFormat f, HfpNum a, HfpNum b);
static inline HfpFormat hfp_wider(HfpFormat f)
{
    return f == HFP_SHORT ? HFP_LONG : HFP_EXTENDED;
}
HfpNum hfp_div(HfpFormat f, HfpNum a, HfpNum b); /* b is not zero */
HfpNum hfp_halve(HfpFormat f, HfpNum a);
HfpNum hfp_sqrt(HfpFormat f, HfpNum a); /* rounded; the sign is not looked at */
/* The digits left of the point. */
HfpNum hfp_to_integral(HfpFormat f, HfpNum a);
HfpNum hfp_from_int(HfpFormat f, int64_t v);

/* An integer, and what it lacks of the number in units of 2^-128. */
typedef struct HfpInt {
    HfpBits whole, rest; /* whole: all ones when it is greater than that */
} HfpInt;
HfpInt hfp_to_int(HfpFormat f, HfpNum a);

#endif
