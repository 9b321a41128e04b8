/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Branches, compare-and-branch, traps, EXECUTE, supervisor call and addressing mode.
 */
#include "target/s390x/translate/translate-priv.h"

/* Calls leave the return address in this register, by convention. */
#define LINK_REG 14

/* A branch address in a register, cut to the mode. */
static IrVal target_reg(S390Trans *t, unsigned r)
{
    return s390_wrap(t, s390_gpr(t, r));
}

/* The exit that follows is a call, by all appearances. */
static bool is_call(S390Trans *t, unsigned r)
{
    if (r != LINK_REG || t->ex || (t->mode & MODE_PER)) {
        return false;
    }
    ir_will_return(t->b, t->next_pc & mode_addr_mask(t->mode));
    return true;
}

void s390_tr_bcr(S390Trans *t, const S390Insn *i)
{
    if (!i->r2) { /* no branch; masks 14 and 15 serialize */
        if (i->m1 >= 14) {
            ir_fence(t->b, IR_FENCE_FULL);
        }
        return;
    }
    S390Cond c = s390_cond(t, i->m1);
    IrVal to = target_reg(t, i->r2);
    (i->r2 == LINK_REG ? s390_return_if : s390_goto_val_if)(t, c, to);
}

void s390_tr_bc(S390Trans *t, const S390Insn *i)
{
    S390Cond c = s390_cond(t, i->m1);

    if (c.kind != COND_NEVER) {
        s390_goto_val_if(t, c, s390_addr2(t));
    }
}

void s390_tr_bic(S390Trans *t, const S390Insn *i)
{
    S390Cond c = s390_cond(t, i->m1);
    IrLabel skip = ir_label_new(t->b);

    if (c.kind == COND_NEVER) {
        return;
    }
    if (c.kind == COND_IF) {
        ir_brcond(t->b, s390_negate(c.c), c.x, c.y, skip);
    }
    IrVal to = s390_wrap(t, s390_load(t, IR_I64, s390_addr2(t), MO_64, false));
    s390_branch_event(t, to);
    ir_exit_indirect(t->b, to);
    if (c.kind == COND_IF) {
        ir_label(t->b, skip);
    } else {
        t->status = TRANS_END;
    }
}

void s390_tr_brc(S390Trans *t, const S390Insn *i)
{
    s390_goto_if(t, s390_cond(t, i->m1), t->pc + i->ri2);
}

/* ---- linkage ---- */
/* r1 := what BAS leaves there. */
static void set_link(S390Trans *t, unsigned r)
{
    IrBuilder *ib = t->b;
    IrVal link = s390_link(t);

    if (t->mode & MODE_EA64) {
        s390_set_gpr(t, r, link);
    } else {
        link = ir_trunc32(ib, link);
        s390_set_gpr32(t, r, t->mode & MODE_BA31 ? ir_ori(ib, link, 0x80000000u) : link);
    }
}

/* BAL in the 24-bit mode also saves length, code and program mask. */
static void set_link_bal(S390Trans *t, unsigned r)
{
    IrBuilder *ib = t->b;

    if (t->mode & (MODE_EA64 | MODE_BA31)) {
        set_link(t, r);
        return;
    }
    IrVal pm = ir_trunc32(ib, ir_call(ib, &hd_s390_program_mask, 0));
    IrVal v = ir_or(ib, ir_shli(ib, s390_cc(t), 28), ir_shli(ib, pm, 24));
    v = ir_ori(ib, v, (uint32_t)(t->i->len / 2) << 30);
    s390_set_gpr32(t, r, ir_or(ib, v, ir_trunc32(ib, s390_link(t))));
}

void s390_tr_balr(S390Trans *t, const S390Insn *i)
{
    IrVal to = i->r2 ? target_reg(t, i->r2) : 0;

    set_link_bal(t, i->r1);
    if (to) {
        s390_goto_val(t, to);
    }
}

void s390_tr_bal(S390Trans *t, const S390Insn *i)
{
    IrVal to = s390_addr2(t);
    set_link_bal(t, i->r1);
    s390_goto_val(t, to);
}

void s390_tr_basr(S390Trans *t, const S390Insn *i)
{
    IrVal to = i->r2 ? target_reg(t, i->r2) : 0;

    set_link(t, i->r1);
    if (to) {
        is_call(t, i->r1);
        s390_goto_val(t, to);
    }
}

void s390_tr_bas(S390Trans *t, const S390Insn *i)
{
    IrVal to = s390_addr2(t);
    set_link(t, i->r1);
    is_call(t, i->r1);
    s390_goto_val(t, to);
}

void s390_tr_bras(S390Trans *t, const S390Insn *i)
{
    uint64_t to = (t->pc + i->ri2) & mode_addr_mask(t->mode);

    set_link(t, i->r1);
    if (to != t->next_pc && is_call(t, i->r1)) {
        s390_exit_direct(t, to);
    } else {
        s390_goto(t, to);
    }
}

/* Branch with the mode in the address: bit 63 for 64-bit, bit 32 for 31-bit. */
static void goto_mode(S390Trans *t, IrVal value)
{
    IrVal to = ir_call(t->b, &hd_s390_set_mode_by_address, value);

    s390_branch_event(t, to);
    s390_goto_loop(t, to);
}

static IrVal mode_link(S390Trans *t, unsigned r)
{
    IrBuilder *ib = t->b;
    IrVal link = s390_link(t);

    if (t->mode & MODE_EA64) {
        return ir_ori(ib, link, 1);
    }
    if (t->mode & MODE_BA31) {
        link = ir_ori(ib, link, 0x80000000u);
    }
    return ir_deposit(ib, s390_gpr(t, r), link, 0, 32);
}

void s390_tr_bassm(S390Trans *t, const S390Insn *i)
{
    IrVal to = i->r2 ? s390_gpr(t, i->r2) : 0;

    s390_set_gpr(t, i->r1, mode_link(t, i->r1));
    if (to) {
        goto_mode(t, to);
    }
}

void s390_tr_bsm(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal to = i->r2 ? s390_gpr(t, i->r2) : 0;

    if (i->r1) {
        IrVal v = s390_gpr(t, i->r1);
        if (t->mode & MODE_EA64) {
            v = ir_ori(ib, v, 1);
        } else {
            v = ir_deposit(ib, v, ir_c64(ib, t->mode & MODE_BA31 ? 1 : 0), 31, 1);
        }
        s390_set_gpr(t, i->r1, v);
    }
    if (to) {
        goto_mode(t, to);
    }
}

void s390_tr_sam(S390Trans *t, const S390Insn *i)
{
    ir_call(t->b, &hd_s390_set_mode, ir_c64(t->b, i->arg));
    s390_end_loop(t);
}

void s390_tr_tam(S390Trans *t, const S390Insn *i)
{
    s390_cc_const(t, t->mode & MODE_EA64 ? 3 : t->mode & MODE_BA31 ? 1 : 0);
}

/* ---- counting ---- */
/* r1 := r1 - 1; the condition is "not zero". */
static S390Cond count_down(S390Trans *t, unsigned r)
{
    IrVal v = ir_subi(t->b, s390_reg(t, r), 1);

    s390_set_reg(t, r, v);
    return (S390Cond){ COND_IF, IR_NE, v, s390_const(t, 0) };
}

void s390_tr_bctr(S390Trans *t, const S390Insn *i)
{
    IrVal to = i->r2 ? target_reg(t, i->r2) : 0;
    S390Cond c = count_down(t, i->r1);

    if (to) {
        s390_goto_val_if(t, c, to);
    }
}

void s390_tr_bct(S390Trans *t, const S390Insn *i)
{
    IrVal to = s390_addr2(t);
    S390Cond c = count_down(t, i->r1);
    s390_goto_val_if(t, c, to);
}

void s390_tr_brct(S390Trans *t, const S390Insn *i)
{
    s390_goto_if(t, count_down(t, i->r1), t->pc + i->ri2);
}

void s390_tr_brcth(S390Trans *t, const S390Insn *i)
{
    IrVal v = ir_subi(t->b, s390_gpr_high(t, i->r1), 1);

    s390_set_gpr_high(t, i->r1, v);
    s390_goto_if(t, (S390Cond){ COND_IF, IR_NE, v, ir_c32(t->b, 0) }, t->pc + i->ri2);
}

/* r1 += r3; compared with r3 | 1. arg 0: high, 1: low or equal */
static S390Cond index_step(S390Trans *t, const S390Insn *i)
{
    IrVal limit = s390_reg(t, i->r3 | 1), v = ir_add(t->b, s390_reg(t, i->r1), s390_reg(t, i->r3));

    s390_set_reg(t, i->r1, v);
    return (S390Cond){ COND_IF, i->arg ? IR_LE : IR_GT, v, limit };
}

void s390_tr_bx(S390Trans *t, const S390Insn *i)
{
    IrVal to = s390_addr2(t);
    S390Cond c = index_step(t, i);
    s390_goto_val_if(t, c, to);
}

void s390_tr_brx(S390Trans *t, const S390Insn *i)
{
    s390_goto_if(t, index_step(t, i), t->pc + i->ri2);
}

/* ---- compare and branch, compare and trap; arg 1: logical ---- */
static S390Cond compare(S390Trans *t, const S390Insn *i)
{
    IrVal b = s390_second(t);
    return s390_compare(i->m3, s390_first(t), b, i->arg);
}

void s390_tr_cmpj(S390Trans *t, const S390Insn *i)
{
    s390_goto_if(t, compare(t, i), t->pc + i->ri4);
}

void s390_tr_cmpb(S390Trans *t, const S390Insn *i)
{
    S390Cond c = compare(t, i);
    s390_goto_val_if(t, c, s390_addr(t, i->b4, 0, i->d4));
}

void s390_tr_cmpt(S390Trans *t, const S390Insn *i)
{
    S390Cond c = compare(t, i);
    IrLabel skip = ir_label_new(t->b);

    if (c.kind == COND_NEVER) {
        return;
    }
    if (c.kind == COND_IF) {
        ir_brcond(t->b, s390_negate(c.c), c.x, c.y, skip);
    }
    ir_call(t->b, &hd_s390_data_exception, ir_c64(t->b, 0xff));
    if (c.kind == COND_IF) {
        ir_label(t->b, skip);
    } else {
        t->status = TRANS_END;
    }
}

/* ---- execute ---- */
/* The target at address `at`, if it is in the page of this instruction, or of EXRL in the next one. */
static bool peek_target(S390Trans *t, uint64_t at, S390Insn *out)
{
    TransCtx *ctx = t->ctx;
    uint64_t pc = ctx->pc, page = ~(uint64_t)(GUEST_PAGE_SIZE - 1);
    uint8_t bytes[6];
    bool ok = false;

    if ((at & page) != ((at + 5) & page) || ((pc + 5) & page) != (pc & page)) {
        return false;
    }
    if ((pc & page) != (at & page) && (t->i->mn != MN_EXRL || !trans_reach(ctx, at))) {
        return false;
    }
    ctx->pc = at - ctx->fetched; /* what the next byte to come counts from */
    for (unsigned k = 0; k < sizeof(bytes); k++) {
        bytes[k] = trans_peek8(ctx, k);
    }
    ctx->pc = pc;
    ok = s390_decode(bytes, out);
    return ok;
}

/* Targets that may be translated in place, whatever their length field will be. */
static bool inline_target(const S390Insn *target, unsigned r1)
{
    bool links = target->mn == MN_BASR || target->mn == MN_BALR || target->mn == MN_BASSM;

    if (target->mn == MN_EX || target->mn == MN_EXRL || links) {
        return false;
    }
    return target->fmt == FMT_SSA ? true : r1 == 0 && target->fmt == FMT_RRM;
}

/* By the loop: the target becomes a region of its own. */
static void execute_at(S390Trans *t, const S390Insn *i, IrVal addr)
{
    IrBuilder *ib = t->b;
    IrVal mod = i->r1 ? ir_andi(ib, s390_gpr32(t, i->r1), EX_MODIFIER) : ir_c32(ib, 0);

    if (t->ex) {
        s390_pgm(t, PGM_EXECUTE);
        return;
    }
    s390_pgm_if(t, IR_TSTNZ, addr, ir_c64(ib, 1), PGM_SPECIFICATION);
    mod = ir_ori(ib, mod, EX_PENDING);
    ir_put(ib, SLOT_EX_MODE, mod);
    ir_put(ib, SLOT_EX_WORD, mod);
    ir_put(ib, SLOT_EX_TARGET, addr);
    ir_put(ib, SLOT_EX_NEXT, s390_link(t));
    ir_put(ib, SLOT_EX_PC, ir_c64(ib, t->pc));
    t->ctx->other_flags = true; /* EXECUTE pending is part of the key */
    ir_exit_indirect(ib, ir_c64(ib, t->pc));
    t->status = TRANS_END;
}

/* The target at a known address: in place, where that can be. */
static void execute_known(S390Trans *t, const S390Insn *i, uint64_t at)
{
    uint64_t pc = t->pc;
    S390Insn target;

    if (t->ex || (at & 1) || !peek_target(t, at, &target) || !inline_target(&target, i->r1)) {
        execute_at(t, i, ir_c64(t->b, at));
        return;
    }
    if (i->r1) {
        t->ex_or = ir_andi(t->b, s390_gpr(t, i->r1), 0xff);
    }
    t->pc = at;
    s390_translate_decoded(t, &target);
    t->pc = pc;
    t->ex_or = 0;
}

void s390_tr_exrl(S390Trans *t, const S390Insn *i)
{
    execute_known(t, i, (t->pc + i->ri2) & mode_addr_mask(t->mode));
}

/* Programs for machines without EXRL load the address by LARL just before. */
void s390_tr_ex(S390Trans *t, const S390Insn *i)
{
    const S390Larl *l = t->larl;

    if (l->r && l->r == i->b2 && !i->x2 && l->pc == t->pc) {
        execute_known(t, i, (l->addr + i->d2) & mode_addr_mask(t->mode));
    } else {
        execute_at(t, i, s390_addr2(t));
    }
}

/* ---- the rest ---- */
void s390_tr_svc(S390Trans *t, const S390Insn *i)
{
    ir_raise(t->b, EXCP_SVC, i->i1);
    t->status = TRANS_END;
}

void s390_tr_mc(S390Trans *t, const S390Insn *i)
{
    IrVal addr = s390_addr1(t);

    if (i->i2 > 15) {
        s390_pgm(t, PGM_SPECIFICATION);
        return;
    }
    ir_call(t->b, &hd_s390_monitor_call, addr, ir_c64(t->b, i->i2));
}

void s390_tr_ipm(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal pm = ir_call(ib, &hd_s390_program_mask, 0);
    IrVal v = ir_or(ib, ir_shli(ib, ir_zext32(ib, s390_cc(t)), 4), pm);

    s390_set_gpr(t, i->r1, ir_deposit(ib, s390_gpr(t, i->r1), v, 24, 8));
}

void s390_tr_spm(S390Trans *t, const S390Insn *i)
{
    IrVal v = ir_shri(t->b, s390_gpr(t, i->r1), 24);

    ir_call(t->b, &hd_s390_set_program_mask, v);
    s390_cc_value(t, ir_extractu(t->b, v, 4, 2));
}

void s390_tr_nop(S390Trans *t, const S390Insn *i)
{
}

void s390_tr_lcbb(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal block = ir_c64(ib, 64ull << (i->m3 & 7)), full = ir_c64(ib, 16);

    if (i->m3 > 6) {
        s390_pgm(t, PGM_SPECIFICATION);
        return;
    }
    IrVal to_end = ir_sub(ib, block, ir_andi(ib, s390_addr2(t), (64ull << i->m3) - 1));
    IrVal n = ir_movcond(ib, IR_LTU, to_end, full, to_end, full);
    s390_set_gpr32(t, i->r1, ir_trunc32(ib, n));
    s390_cc_value(t, ir_movcond(ib, IR_LTU, n, full, ir_c64(ib, 3), ir_c64(ib, 0)));
}
