/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating point inline on the host (fp-host.c): compute on the host; ask a helper where something tells that
 * this is not all. Under MODE_FP helpers raise nothing and touch no register, so that is a call on a condition.
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
/* The sign cleared (0), set (1) or inverted (2). */
IrVal s390_host_sign(S390Trans *t, unsigned f, IrVal bits, unsigned how);
/* `fast` if what it is judged by is a normal number, some way from the least one (and positive); else the helper's.
 * Both are bits, or fast is a v128 of which all is meant. */
IrVal s390_host_or_call(S390Trans *t, unsigned f, IrVal judged, bool positive, IrVal fast,
                        const HelperDesc *hd, const IrVal args[6]);
/* ... if it is finite, which is enough of sums: a small one is exact */
IrVal s390_host_finite_or_call(S390Trans *t, unsigned f, IrVal judged, IrVal fast,
                               const HelperDesc *hd, const IrVal args[6]);
/* ... if it is no NaN */
IrVal s390_host_number_or_call(S390Trans *t, unsigned f, IrVal judged, IrVal fast,
                               const HelperDesc *hd, const IrVal args[6]);
/* ... an extended number (v128), if it is neither infinite nor a NaN */
IrVal s390_host_ext_finite_or_call(S390Trans *t, IrVal v, const HelperDesc *hd);
/* ... if its magnitude is below 2^exponent */
IrVal s390_host_below_or_call(S390Trans *t, unsigned f, IrVal judged, unsigned exponent, IrVal fast,
                              const HelperDesc *hd, const IrVal args[6]);
/* To an integral number by the rounding method of M3, if the host has it. */
bool s390_host_rounds(unsigned m3);
IrVal s390_host_round(S390Trans *t, unsigned f, IrVal a, unsigned m3);
IrVal s390_host_vround(S390Trans *t, unsigned f, IrVal x, unsigned m3);
IrVal s390_host_sign_cc(S390Trans *t, unsigned f, IrVal bits); /* i64, 3 for a NaN */

/* Of CC_BFP_CMP_*: the code, and a branch mask as a comparison. */
IrVal s390_host_compare_cc(S390Trans *t, unsigned f, IrVal a, IrVal b); /* i32 */
S390Cond s390_host_cond(S390Trans *t, unsigned f, unsigned mask, IrVal a, IrVal b);
/* Compares lazily; a NaN is told to the helper, which may have an exception or a flag for it. */
void s390_host_compare(S390Trans *t, unsigned f, IrVal a, IrVal b, const HelperDesc *hd,
                       const IrVal args[6]);

/* All elements of vectors. */
IrVal s390_host_varith(S390Trans *t, unsigned f, unsigned op, IrVal x, IrVal y);
IrVal s390_host_vsqrt(S390Trans *t, unsigned f, IrVal x);
IrVal s390_host_vfma(S390Trans *t, unsigned f, unsigned op, IrVal x, IrVal y, IrVal z);
IrVal s390_host_vor_call(S390Trans *t, unsigned f, IrVal judged, bool positive, IrVal fast,
                         const HelperDesc *hd, const IrVal args[6]);
/* ... if no element is a NaN */
IrVal s390_host_vnumber_or_call(S390Trans *t, unsigned f, IrVal judged, IrVal fast,
                                const HelperDesc *hd, const IrVal args[6]);
IrVal s390_host_vcompare(S390Trans *t, unsigned f, unsigned op, IrVal x, IrVal y,
                         IrLabel unordered);

#endif
