/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Storage-to-storage instructions. Short operands of a size that one access covers are done inline;
 * the rest goes to helpers, which work on whole pages.
 *
 * The operands of MVC and its kin are defined byte by byte from the left, so an overlap where the
 * first operand starts inside the second replicates bytes: inline code is only made when the two
 * addresses have one base register and the displacements show that this cannot be.
 */
#include "target/s390x/translate/translate-priv.h"

/* Bytes of the first operand as a helper argument; an EXECUTE may have ORed to it. */
static IrVal length(S390Trans *t)
{
    IrVal n = ir_c64(t->b, t->i->l1);

    if (t->ex_or) {
        n = ir_or(t->b, n, t->ex_or);
    }
    return ir_addi(t->b, n, 1);
}

/* log2 of the length when it is constant and 1, 2, 4, 8 or 16 bytes; else -1. */
static int inline_size(S390Trans *t)
{
    unsigned n = t->i->l1 + 1;

    return t->ex_or || n > 16 || (n & (n - 1)) ? -1 : __builtin_ctz(n);
}

static bool replicates(const S390Insn *i)
{
    return i->b1 != i->b2 || (i->d2 < i->d1 && i->d1 <= i->d2 + i->l1);
}

/* Of the second operand. */
static IrVal plain_load(S390Trans *t, IrVal addr, int lg)
{
    return ir_load(t->b, lg == 4 ? IR_V128 : IR_I64, addr, (s390_operand_mo(t, 1) & ~MO_BE) | lg);
}

void s390_tr_mvc(S390Trans *t, const S390Insn *i)
{
    int lg = inline_size(t);
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);

    if (lg == 0 || (lg > 0 && !replicates(i))) {
        ir_store(t->b, a1, plain_load(t, a2, lg), (t->mo & ~MO_BE) | lg);
    } else {
        ir_call(t->b, &hd_s390_mvc, a1, a2, length(t), s390_mmu(t));
    }
}

enum {
    SS_AND,
    SS_OR,
    SS_XOR,
    SS_MVN,
    SS_MVZ,
    SS_MVCIN,
};

static void logic(S390Trans *t, const S390Insn *i, unsigned kind, IrOp op)
{
    IrBuilder *ib = t->b;
    int lg = inline_size(t);
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);
    bool same = i->b1 == i->b2 && i->d1 == i->d2;

    if (kind == SS_XOR && same && lg >= 0) {
        IrVal zero = lg == 4 ? ir_vzero(ib, IR_V128) : ir_c64(ib, 0);
        ir_store(ib, a1, zero, (t->mo & ~MO_BE) | lg);
        s390_cc_const(t, 0);
    } else if (lg == 0 || (lg > 0 && lg < 4 && !replicates(i))) {
        IrVal b = plain_load(t, a2, lg);
        IrVal a = ir_load(ib, IR_I64, a1, (t->mo & ~MO_BE) | lg | MO_RMW);
        IrVal r = ir_emit(ib, op, IR_I64, 0, a, b, 0, 0, 0);
        ir_store(ib, a1, r, (t->mo & ~MO_BE) | lg);
        s390_cc_set(t, CC_NZ, r, 0);
    } else {
        IrVal how = ir_c64(ib, kind | mode_mmu(t->mode) << 8);
        s390_cc_from(t, ir_call(ib, &hd_s390_ss, a1, a2, length(t), how));
    }
}

void s390_tr_nc(S390Trans *t, const S390Insn *i)
{
    logic(t, i, SS_AND, IR_AND);
}

void s390_tr_oc(S390Trans *t, const S390Insn *i)
{
    logic(t, i, SS_OR, IR_OR);
}

void s390_tr_xc(S390Trans *t, const S390Insn *i)
{
    logic(t, i, SS_XOR, IR_XOR);
}

static void byte_move(S390Trans *t, unsigned kind)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);
    ir_call(t->b, &hd_s390_ss, a1, a2, length(t), ir_c64(t->b, kind | mode_mmu(t->mode) << 8));
}

void s390_tr_mvn(S390Trans *t, const S390Insn *i)
{
    byte_move(t, SS_MVN);
}

void s390_tr_mvz(S390Trans *t, const S390Insn *i)
{
    byte_move(t, SS_MVZ);
}

void s390_tr_mvcin(S390Trans *t, const S390Insn *i)
{
    byte_move(t, SS_MVCIN);
}

/* From the right to the left, as many bytes as register 0 says. */
void s390_tr_mvcrl(S390Trans *t, const S390Insn *i)
{
    IrVal n = ir_addi(t->b, ir_andi(t->b, s390_gpr(t, 0), 0xff), 1);

    ir_call(t->b, &hd_s390_mvcrl, s390_addr1(t), s390_addr2(t), n, s390_mmu(t));
}

void s390_tr_clc(S390Trans *t, const S390Insn *i)
{
    int lg = inline_size(t);
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);

    if (lg >= 0 && lg < 4) {
        IrVal a = s390_load(t, IR_I64, a1, lg, false);
        IrVal b = ir_load(t->b, IR_I64, a2, s390_operand_mo(t, 1) | lg);
        s390_cc_set(t, CC_CMPU, a, b);
    } else {
        s390_cc_from(t, ir_call(t->b, &hd_s390_clc, a1, a2, length(t), s390_mmu(t)));
    }
}

void s390_tr_tr(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);
    ir_call(t->b, &hd_s390_tr, a1, a2, length(t), s390_mmu(t));
}

static void test_table(S390Trans *t, bool backwards)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t), n = length(t);
    IrVal cc = ir_call(t->b, &hd_s390_trt, a1, a2, n, ir_c64(t->b, backwards), s390_mmu(t));
    s390_cc_from(t, cc);
}

void s390_tr_trt(S390Trans *t, const S390Insn *i)
{
    test_table(t, false);
}

void s390_tr_trtr(S390Trans *t, const S390Insn *i)
{
    test_table(t, true);
}

/* ---- decimal: lengths as two nibbles ---- */
static IrVal lengths(S390Trans *t)
{
    IrVal n = ir_c64(t->b, t->i->l1 << 4 | t->i->l2);
    return t->ex_or ? ir_or(t->b, n, t->ex_or) : n;
}

#define DECIMAL(name)                                                    \
    void s390_tr_##name(S390Trans *t, const S390Insn *i)                 \
    {                                                                    \
        IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);                    \
        ir_call(t->b, &hd_s390_##name, a1, a2, lengths(t), s390_mmu(t)); \
    }
DECIMAL(pack)
DECIMAL(unpk)
DECIMAL(mvo)

void s390_tr_dec_op(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);
    IrVal cc =
        ir_call(t->b, &hd_s390_dec_op, a1, a2, lengths(t), ir_c64(t->b, i->arg), s390_mmu(t));

    if (i->arg < 3) {
        s390_cc_from(t, cc);
    }
}

void s390_tr_dec_cp(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);
    s390_cc_from(t,
                 ir_call(t->b, &hd_s390_dec_op, a1, a2, lengths(t), ir_c64(t->b, 5), s390_mmu(t)));
}

void s390_tr_dec_srp(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t), n = ir_andi(t->b, s390_addr2(t), 63);
    IrVal len = ir_c64(t->b, i->l1), round = ir_c64(t->b, i->i3);
    s390_cc_from(t, ir_call(t->b, &hd_s390_dec_srp, a1, n, len, round, s390_mmu(t)));
}

void s390_tr_tp(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t);
    s390_cc_from(t, ir_call(t->b, &hd_s390_tp, a1, ir_c64(t->b, i->l1), s390_mmu(t)));
}

static void edit(S390Trans *t, bool mark)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t), n = length(t);
    s390_cc_from(t, ir_call(t->b, &hd_s390_ed, a1, a2, n, ir_c64(t->b, mark), s390_mmu(t)));
}

void s390_tr_ed(S390Trans *t, const S390Insn *i)
{
    edit(t, false);
}

void s390_tr_edmk(S390Trans *t, const S390Insn *i)
{
    edit(t, true);
}

void s390_tr_pka(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);
    IrVal n = ir_c64(t->b, i->l2 + 1);
    ir_call(t->b, &hd_s390_pka, a1, a2, n, ir_c64(t->b, i->arg), s390_mmu(t));
}

void s390_tr_unpka(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t), n = length(t);
    s390_cc_from(t, ir_call(t->b, &hd_s390_unpka, a1, a2, n, ir_c64(t->b, i->arg), s390_mmu(t)));
}

void s390_tr_cvb(S390Trans *t, const S390Insn *i)
{
    IrVal v = ir_call(t->b, &hd_s390_cvb, s390_addr2(t), ir_c64(t->b, i->arg), s390_mmu(t));

    if (i->arg) {
        s390_set_gpr(t, i->r1, v);
    } else {
        s390_set_gpr32(t, i->r1, ir_trunc32(t->b, v));
    }
}

void s390_tr_cvd(S390Trans *t, const S390Insn *i)
{
    IrVal v = s390_gpr(t, i->r1);

    if (!i->arg) {
        v = ir_sext32(t->b, ir_trunc32(t->b, v));
    }
    ir_call(t->b, &hd_s390_cvd, s390_addr2(t), v, ir_c64(t->b, i->arg), s390_mmu(t));
}

/* ---- long operands: the helper updates registers and says 4 when it is to be called again ---- */
static void finish_long(S390Trans *t, IrVal cc)
{
    s390_cc_from(t, cc);
    s390_repeat_if(t, IR_EQ, cc, ir_c64(t->b, 4));
}

static bool odd_pairs(S390Trans *t, unsigned a, unsigned b)
{
    if ((a | b) & 1) {
        s390_pgm(t, PGM_SPECIFICATION);
        return true;
    }
    return false;
}

#define LONG_RR(name)                                                          \
    void s390_tr_##name(S390Trans *t, const S390Insn *i)                       \
    {                                                                          \
        if (!odd_pairs(t, i->r1, i->r2)) {                                     \
            finish_long(t, ir_call(t->b, &hd_s390_##name, ir_c64(t->b, i->r1), \
                                   ir_c64(t->b, i->r2), s390_mmu(t)));         \
        }                                                                      \
    }
LONG_RR(mvcl)
LONG_RR(clcl)

/* These end with code 3 by themselves when there is more to do. */
void s390_tr_mvcle(S390Trans *t, const S390Insn *i)
{
    IrVal pad = s390_addr2(t);

    if (!odd_pairs(t, i->r1, i->r3)) {
        IrVal r = ir_c64(t->b, i->r1 | i->r3 << 4 | i->arg << 8);
        s390_cc_from(t, ir_call(t->b, &hd_s390_mvcle, r, pad, s390_mmu(t)));
    }
}

void s390_tr_clcle(S390Trans *t, const S390Insn *i)
{
    IrVal pad = s390_addr2(t);

    if (!odd_pairs(t, i->r1, i->r3)) {
        IrVal r = ir_c64(t->b, i->r1 | i->r3 << 4 | i->arg << 8);
        s390_cc_from(t, ir_call(t->b, &hd_s390_clcle, r, pad, s390_mmu(t)));
    }
}

#define STRING_RR(name)                                                                          \
    void s390_tr_##name(S390Trans *t, const S390Insn *i)                                         \
    {                                                                                            \
        s390_cc_from(t, ir_call(t->b, &hd_s390_##name, ir_c64(t->b, i->r1), ir_c64(t->b, i->r2), \
                                s390_mmu(t)));                                                   \
    }
STRING_RR(mvst)
STRING_RR(clst)
STRING_RR(srst)
STRING_RR(srstu)

void s390_tr_cksm(S390Trans *t, const S390Insn *i)
{
    if (!odd_pairs(t, 0, i->r2)) {
        s390_cc_from(t, ir_call(t->b, &hd_s390_cksm, ir_c64(t->b, i->r1), ir_c64(t->b, i->r2),
                                s390_mmu(t)));
    }
}

void s390_tr_tre(S390Trans *t, const S390Insn *i)
{
    if (!odd_pairs(t, i->r1, 0)) {
        s390_cc_from(t, ir_call(t->b, &hd_s390_tre, ir_c64(t->b, i->r1), ir_c64(t->b, i->r2),
                                s390_mmu(t)));
    }
}

/* The third operand's last bit leaves out the test character, or asks for a check of the source. */
void s390_tr_trxx(S390Trans *t, const S390Insn *i)
{
    if (!odd_pairs(t, i->r1, 0)) {
        IrVal sizes = ir_c64(t->b, i->arg | (i->m3 & 1) << 8);
        s390_cc_from(t, ir_call(t->b, &hd_s390_trxx, ir_c64(t->b, i->r1), ir_c64(t->b, i->r2),
                                sizes, s390_mmu(t)));
    }
}

void s390_tr_trte(S390Trans *t, const S390Insn *i)
{
    if (!odd_pairs(t, i->r1, 0)) {
        s390_cc_from(t, ir_call(t->b, &hd_s390_trte, ir_c64(t->b, i->r1), ir_c64(t->b, i->r2),
                                ir_c64(t->b, i->arg << 4 | (i->m3 & 14)), s390_mmu(t)));
    }
}

void s390_tr_convert(S390Trans *t, const S390Insn *i)
{
    if (!odd_pairs(t, i->r1, i->r2)) {
        IrVal how = ir_c64(t->b, i->arg | (i->m3 & 1) << 8);
        s390_cc_from(t, ir_call(t->b, &hd_s390_convert, ir_c64(t->b, i->r1), ir_c64(t->b, i->r2),
                                how, s390_mmu(t)));
    }
}

/* ---- message-security assist ---- */
void s390_tr_msa(S390Trans *t, const S390Insn *i)
{
    IrVal regs = ir_c64(t->b, i->r1 | i->r2 << 4 | i->r3 << 8);

    s390_cc_from(t, ir_call(t->b, &hd_s390_msa, ir_c64(t->b, i->arg), regs, s390_mmu(t)));
}
