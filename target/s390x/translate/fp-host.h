/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating point inline on the host (fp-host.c). The pattern:
 *   compute on the host; branch to `ok` if that is the result; helper, puts, branch to `done`; ok: puts; done:
 */
#ifndef TARGET_S390X_TRANSLATE_FP_HOST_H
#define TARGET_S390X_TRANSLATE_FP_HOST_H

#include "target/s390x/translate/vector-priv.h"

enum {
    HOST_SHORT,
    HOST_LONG,
};

/* May arithmetic of the format be done so? */
bool s390_host_fp(const S390Trans *t, unsigned f);

/* Scalars: i64, bits on the right. op of arithmetic: 0 add, 1 subtract, 2 multiply, 3 divide. */
IrVal s390_host_arith(S390Trans *t, unsigned f, unsigned op, IrVal a, IrVal b);
IrVal s390_host_sqrt(S390Trans *t, unsigned f, IrVal a);
IrVal s390_host_fma(S390Trans *t, unsigned f, unsigned op, IrVal a, IrVal b, IrVal c);
IrVal s390_host_widen(S390Trans *t, IrVal a);
IrVal s390_host_narrow(S390Trans *t, IrVal a);
IrVal s390_host_from_int(S390Trans *t, unsigned f, IrVal v);
IrVal s390_host_to_int(S390Trans *t, unsigned f, IrVal a, bool truncate);
/* Is it a normal number, greater than the least one (and positive)? */
void s390_host_if_normal(S390Trans *t, unsigned f, IrVal bits, bool positive, IrLabel ok);
/* ... a zero, a number or an infinity? */
void s390_host_if_number(S390Trans *t, unsigned f, IrVal bits, IrLabel ok);
/* To an integral number by the rounding method of M3, if the host has it. */
bool s390_host_rounds(unsigned m3);
IrVal s390_host_round(S390Trans *t, unsigned f, IrVal a, unsigned m3);
IrVal s390_host_vround(S390Trans *t, unsigned f, IrVal x, unsigned m3);
/* Is the magnitude below 2^exponent? */
void s390_host_if_below(S390Trans *t, unsigned f, IrVal bits, unsigned exponent, IrLabel ok);
IrVal s390_host_sign_cc(S390Trans *t, unsigned f, IrVal bits); /* i64, 3 for a NaN */

/* The code on each side of a join, and behind it. */
void s390_host_put_cc(S390Trans *t, IrVal cc);
void s390_host_join_cc(S390Trans *t);
/* Branches if an element is a NaN. */
void s390_host_if_vnan(S390Trans *t, unsigned f, IrVal x, IrLabel nan);
/* Puts the code of a comparison, or branches. */
void s390_host_compare(S390Trans *t, unsigned f, IrVal a, IrVal b, IrLabel unordered);

/* All elements of vectors. */
IrVal s390_host_varith(S390Trans *t, unsigned f, unsigned op, IrVal x, IrVal y);
IrVal s390_host_vsqrt(S390Trans *t, unsigned f, IrVal x);
IrVal s390_host_vfma(S390Trans *t, unsigned f, unsigned op, IrVal x, IrVal y, IrVal z);
void s390_host_if_vnormal(S390Trans *t, unsigned f, IrVal v, bool positive, IrLabel ok);
IrVal s390_host_vcompare(S390Trans *t, unsigned f, unsigned op, IrVal x, IrVal y,
                         IrLabel unordered);

#endif
