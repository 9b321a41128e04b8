/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The access-register mode: which access registers tell the spaces of an instruction's storage operands. An operand's is
 * that of the number of its base register, or of the register that has its address. Which operand is which
 * MMU index is between this table and the instruction's translator or helper; most have operand 0 only.
 */
#include <stddef.h>
#include "target/s390x/translate/translate-priv.h"

static bool has_b1(const S390Insn *i)
{
    const S390FormatDesc *f = &s390_formats[i->fmt];

    for (unsigned k = 0; k < f->n_fields; k++) {
        if (f->fields[k].offset == offsetof(S390Insn, b1)) {
            return true;
        }
    }
    return false;
}

typedef struct Registers {
    unsigned count;
    uint64_t r; /* of operand n in nibble n */
} Registers;

static Registers one(unsigned a)
{
    return (Registers){ 1, a };
}

static Registers two(unsigned a, unsigned b)
{
    return (Registers){ 2, a | b << 4 };
}

static Registers three(unsigned a, unsigned b, unsigned c)
{
    return (Registers){ 3, a | b << 4 | c << 8 };
}

static Registers operands(const S390Insn *i)
{
    switch (s390_translators[i->mn]) {
    case S390_TR_mvcl:
    case S390_TR_clcl:
    case S390_TR_mvst:
    case S390_TR_clst:
    case S390_TR_mvpg:
    case S390_TR_tre:
    case S390_TR_convert: return two(i->r1, i->r2);
    case S390_TR_mvcle:
    case S390_TR_clcle: return two(i->r1, i->r3);
    case S390_TR_srst:
    case S390_TR_srstu:
    case S390_TR_cksm:
    case S390_TR_csp:
    case S390_TR_ivsk:
    case S390_TR_pci_rr: return one(i->r2);
    case S390_TR_trxx: return three(i->r1, i->r2, 1);
    case S390_TR_trte: return two(i->r1, 1);
    case S390_TR_csst: return three(i->b1, i->b2, 1);
    case S390_TR_ectg: return three(i->b1, i->b2, i->r3);
    case S390_TR_lmd:
    case S390_TR_plo: return two(i->b2, i->b4);
    case S390_TR_msa: return (Registers){ 4, 1 | i->r1 << 4 | i->r2 << 8 | i->r3 << 12 };
    case S390_TR_io: /* CHANNEL SUBSYSTEM CALL alone has its operand in a register */
        return one(i->fmt == FMT_RRE ? i->r1 : i->b2);
    default: return has_b1(i) ? two(i->b1, i->b2) : one(i->b2);
    }
}

void s390_select_spaces(S390Trans *t)
{
    if (mode_access_registers(t->mode)) {
        Registers r = operands(t->i);
        ir_call(t->b, &hd_s390_ar_select, ir_c64(t->b, r.r), ir_c64(t->b, r.count));
    }
}
