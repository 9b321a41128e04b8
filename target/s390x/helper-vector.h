/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Helpers with vector arguments or results. "how" is the element size, with more above it as each
 * says.
 */
#ifndef TARGET_S390X_HELPER_VECTOR_H
#define TARGET_S390X_HELPER_VECTOR_H

#include "exec/cpu.h"

HELPER_DECL(s390_vll);        /* address, number of the last byte, MMU index */
HELPER_DECL(s390_vstl);       /* value, address, last byte, MMU index */
HELPER_DECL(s390_vpack_wide); /* doublewords to words, saturated: signed (1), unsigned (2) */
HELPER_DECL(s390_vpack_cc);   /* how: size | kind << 4 */
HELPER_DECL(s390_vcount);     /* how: size | operation << 4: leading, trailing zeros, ones */
HELPER_DECL(s390_vfold);      /* how: size | operation << 4, see vector.c */
HELPER_DECL(s390_vmsl);
HELPER_DECL(s390_vshift); /* by a count in each byte, or (4) by bytes */
HELPER_DECL(s390_vfae);   /* how: size | flags << 4 */
HELPER_DECL(s390_vfae_cc);
HELPER_DECL(s390_vstrc);
HELPER_DECL(s390_vstrc_cc);
HELPER_DECL(s390_vstrs); /* index | condition code << 8 */

/* Floating point, see vector-fp.c. */
HELPER_DECL(s390_vf1);
HELPER_DECL(s390_vf2);
HELPER_DECL(s390_vfma);
HELPER_DECL(s390_vflengthen);
HELPER_DECL(s390_vfround);
HELPER_DECL(s390_vfcompare);
HELPER_DECL(s390_vfscalar_compare);
HELPER_DECL(s390_vftest);
HELPER_DECL(s390_vfminmax);
/* ... of one extended number under MODE_FP, by slots (helper/fp-ext.c). */
HELPER_DECL(s390_ext_vadd);
HELPER_DECL(s390_ext_vsub);
HELPER_DECL(s390_ext_vmul);
HELPER_DECL(s390_ext_vdiv);
HELPER_DECL(s390_ext_vsqrt);
HELPER_DECL(s390_ext_vfma);
HELPER_DECL(s390_ext_vcmp);

#endif
