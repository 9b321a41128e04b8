/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control and I/O instructions: the work is in helpers; here are their operands. Lines flagged `e`
 * end the region in the driver, so that the loop sees new modes and unmasked interruptions.
 */
#include "target/s390x/translate/translate-priv.h"

static IrVal regs(S390Trans *t)
{
    return ir_c64(t->b, t->i->r1 | t->i->r3 << 4 | t->i->arg << 8);
}

/* helper(address of the second operand, registers and argument, MMU index) */
#define SYS(name)                                                            \
    void s390_tr_##name(S390Trans *t, const S390Insn *i)                     \
    {                                                                        \
        ir_call(t->b, &hd_s390_##name, s390_addr2(t), regs(t), s390_mmu(t)); \
    }
#define SYS_CC(name)                                                                 \
    void s390_tr_##name(S390Trans *t, const S390Insn *i)                             \
    {                                                                                \
        IrVal addr = s390_addr2(t);                                                  \
        s390_cc_from(t, ir_call(t->b, &hd_s390_##name, addr, regs(t), s390_mmu(t))); \
    }
/* helper(register numbers) */
#define SYS_RR(name)                                                                         \
    void s390_tr_##name(S390Trans *t, const S390Insn *i)                                     \
    {                                                                                        \
        IrVal r = ir_c64(t->b, i->r1 | i->r2 << 4 | i->r3 << 8 | i->m4 << 12 | i->m3 << 16); \
        ir_call(t->b, &hd_s390_##name, r, ir_c64(t->b, i->arg), s390_mmu(t));                \
    }
#define SYS_RR_CC(name)                                                                        \
    void s390_tr_##name(S390Trans *t, const S390Insn *i)                                       \
    {                                                                                          \
        IrVal r = ir_c64(t->b, i->r1 | i->r2 << 4 | i->r3 << 8 | i->m4 << 12 | i->m3 << 16);   \
        s390_cc_from(t, ir_call(t->b, &hd_s390_##name, r, ir_c64(t->b, i->arg), s390_mmu(t))); \
    }

SYS(lctl)
SYS(stctl)
SYS(ssm)
SYS(spka)
SYS(sac)
SYS_CC(sck)
SYS(sckc)
SYS(stckc)
SYS(spt)
SYS(stpt)
SYS(spx)
SYS(stpx)
SYS(stap)
SYS(stidp)
SYS_CC(stsi)
SYS(stfl)
SYS_CC(stfle)
SYS_CC(sigp)
SYS_CC(io)
SYS_CC(pci_addr)
SYS(lpp)
SYS(ecag)
SYS_CC(stcke)
SYS_CC(stck)
SYS_RR_CC(csp)
SYS_RR(lura)
SYS_RR(stura)
SYS_RR_CC(testblk)
SYS_RR_CC(sske)
SYS_RR(iske)
SYS_RR(ivsk)
SYS_RR_CC(rrbe)
SYS_RR(pfmf)
SYS_RR_CC(iac)
SYS_RR_CC(servc)
SYS_RR_CC(pci_rr)
SYS_RR(ipte)
SYS_RR(idte)
SYS_RR_CC(crdte)
SYS_RR(ptlb)
SYS_RR(palb)
SYS_RR_CC(mvpg)
SYS_RR_CC(tar)

/* ---- PSW ---- */
static void load_psw(S390Trans *t, const HelperDesc *h)
{
    s390_goto_loop(t, ir_call(t->b, h, s390_addr2(t), s390_mmu(t)));
}

void s390_tr_lpsw(S390Trans *t, const S390Insn *i)
{
    load_psw(t, &hd_s390_lpsw);
}

void s390_tr_lpswe(S390Trans *t, const S390Insn *i)
{
    load_psw(t, &hd_s390_lpswe);
}

/* STOSM, STNSM: store the system mask, then OR or AND it. */
void s390_tr_stosm(S390Trans *t, const S390Insn *i)
{
    ir_call(t->b, &hd_s390_store_mask, s390_addr1(t), ir_c64(t->b, i->i2), ir_c64(t->b, 0xff),
            s390_mmu(t));
}

void s390_tr_stnsm(S390Trans *t, const S390Insn *i)
{
    ir_call(t->b, &hd_s390_store_mask, s390_addr1(t), ir_c64(t->b, 0), ir_c64(t->b, i->i2),
            s390_mmu(t));
}

void s390_tr_epsw(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal mask = ir_call(ib, &hd_s390_psw_mask, 0);

    mask = ir_deposit(ib, mask, ir_zext32(ib, s390_cc(t)), PSW_CC_SHIFT, 2);
    s390_set_gpr32(t, i->r1, ir_trunc32(ib, ir_shri(ib, mask, 32)));
    if (i->r2) {
        s390_set_gpr32(t, i->r2, ir_trunc32(ib, mask));
    }
}

void s390_tr_ipk(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal key = ir_call(ib, &hd_s390_ipk);
    s390_set_gpr(t, 2, ir_deposit(ib, s390_gpr(t, 2), ir_shli(ib, key, 4), 0, 8));
}

/* SIGNAL ADAPTER: there are no queues of direct I/O. */
void s390_tr_siga(S390Trans *t, const S390Insn *i)
{
    s390_cc_const(t, 3);
}

/* ---- clocks ---- */
void s390_tr_sckpf(S390Trans *t, const S390Insn *i)
{
    ir_call(t->b, &hd_s390_sckpf, s390_gpr(t, 0));
}

void s390_tr_ptff(S390Trans *t, const S390Insn *i)
{
    s390_cc_from(t, ir_call(t->b, &hd_s390_ptff, s390_mmu(t)));
}

void s390_tr_ectg(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);
    ir_call(t->b, &hd_s390_ectg, a1, a2, ir_c64(t->b, i->r3), s390_mmu(t));
}

/* ---- calls of the hypervisor ---- */
void s390_tr_diag(S390Trans *t, const S390Insn *i)
{
    IrVal code = ir_andi(t->b, s390_addr2(t), 0xffff);
    IrVal cc = ir_call(t->b, &hd_s390_diag, code, regs(t));
    s390_cc_from(t, cc);
}

/* ---- other spaces ---- */
void s390_tr_lra(S390Trans *t, const S390Insn *i)
{
    IrVal addr = s390_addr2(t), r = ir_c64(t->b, i->r1 | i->b2 << 4);
    s390_cc_from(t, ir_call(t->b, &hd_s390_lra, addr, r, ir_c64(t->b, i->arg)));
}

void s390_tr_mvcos(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);
    IrVal r = ir_c64(t->b, i->r3 | i->b1 << 4 | i->b2 << 8);
    s390_cc_from(t, ir_call(t->b, &hd_s390_mvcos, a1, a2, r));
}

/* MVCP (0), MVCS (1): between the primary and the secondary space. */
void s390_tr_mvcps(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t), n = s390_gpr(t, i->r1);
    IrVal key = s390_gpr(t, i->r3);
    s390_cc_from(t, ir_call(t->b, &hd_s390_mvcps, a1, a2, n, key, ir_c64(t->b, i->arg)));
}

void s390_tr_mvck(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t), n = s390_gpr(t, i->r1);
    s390_cc_from(t, ir_call(t->b, &hd_s390_mvck, a1, a2, n, s390_gpr(t, i->r3), s390_mmu(t)));
}

/* MVCSK (0), MVCDK (1): with the source's or the destination's key in register 1. */
void s390_tr_mvcxk(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);
    ir_call(t->b, &hd_s390_mvcxk, a1, a2, ir_c64(t->b, i->arg), s390_mmu(t));
}

void s390_tr_tprot(S390Trans *t, const S390Insn *i)
{
    s390_cc_from(t, ir_call(t->b, &hd_s390_tprot, s390_addr1(t), s390_addr2(t), s390_mmu(t)));
}

void s390_tr_csst(S390Trans *t, const S390Insn *i)
{
    IrVal a1 = s390_addr1(t), a2 = s390_addr2(t);
    s390_cc_from(t, ir_call(t->b, &hd_s390_csst, a1, a2, ir_c64(t->b, i->r3), s390_mmu(t)));
}

void s390_tr_plo(S390Trans *t, const S390Insn *i)
{
    IrVal second = s390_addr2(t), fourth = s390_addr(t, i->b4, 0, i->d4);
    s390_cc_from(t, ir_call(t->b, &hd_s390_plo, second, fourth, ir_c64(t->b, i->r1 | i->r3 << 4),
                            s390_mmu(t)));
}
