/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the translators of vector instructions share. Registers are v128 values in host order:
 * element k of 2^es bytes is lane v_lane(es, k), and the left half is 64-bit lane 1.
 */
#ifndef TARGET_S390X_TRANSLATE_VECTOR_PRIV_H
#define TARGET_S390X_TRANSLATE_VECTOR_PRIV_H

#include "target/s390x/helper-vector.h"
#include "target/s390x/translate/translate-priv.h"

static inline unsigned v_lane(unsigned es, unsigned element)
{
    return (15 >> es) - element;
}
static inline unsigned v_bits(unsigned es)
{
    return 8u << es;
}
static inline IrVal v_get(S390Trans *t, unsigned r)
{
    return ir_get(t->b, SLOT_VR + r);
}
static inline void v_put(S390Trans *t, unsigned r, IrVal v)
{
    ir_put(t->b, SLOT_VR + r, v);
}
/* Specification exception unless min <= es <= max; true if so. */
static inline bool v_bad_size(S390Trans *t, unsigned es, unsigned min, unsigned max)
{
    if (es < min || es > max) {
        s390_pgm(t, PGM_SPECIFICATION);
        return true;
    }
    return false;
}
/* Every element := value. */
IrVal v_const(S390Trans *t, unsigned es, uint64_t value);
IrVal v_half(S390Trans *t, IrVal v, bool left); /* i64 */
IrVal v_of_halves(S390Trans *t, IrVal left, IrVal right);
IrVal v_mul_low(S390Trans *t, unsigned es, IrVal x, IrVal y);
/* Condition code of a comparison: 0 all elements, 1 some, 3 none. */
void v_cc_of_mask(S390Trans *t, IrVal mask);
/* One bit a byte, byte 0 at bit 15. */
IrVal v_byte_mask(S390Trans *t, IrVal v);

#endif
