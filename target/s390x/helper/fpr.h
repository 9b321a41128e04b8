/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A number in floating-point registers, whatever its radix: short in the left half of one, long in one, extended in a
 * pair. A size is an FpFormat, HfpFormat or DfpFormat, which have these values.
 */
#pragma once
#include "target/s390x/helper.h"

typedef unsigned __int128 FprBits;

enum {
    FPR_SHORT,
    FPR_LONG,
    FPR_EXTENDED,
};

static inline void fpr_check_pair(S390Cpu *cpu, unsigned size, unsigned r)
{
    if (size == FPR_EXTENDED && (r & 2)) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
}

static inline FprBits fpr_get(S390Cpu *cpu, unsigned size, unsigned r)
{
    uint64_t high = *s390_fpr(cpu, r);

    return size == FPR_SHORT  ? high >> 32
           : size == FPR_LONG ? high
                              : (FprBits)high << 64 | *s390_fpr(cpu, r + 2);
}

static inline void fpr_put(S390Cpu *cpu, unsigned size, unsigned r, FprBits v)
{
    uint64_t *q = s390_fpr(cpu, r);

    if (size == FPR_SHORT) {
        *q = (uint64_t)v << 32 | (uint32_t)*q;
    } else if (size == FPR_LONG) {
        *q = v;
    } else {
        *q = v >> 64;
        *s390_fpr(cpu, r + 2) = v;
    }
}
