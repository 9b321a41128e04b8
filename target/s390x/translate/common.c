/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers, operands, addresses and ends of regions.
 */
#include "target/s390x/translate/translate-priv.h"

/* ---- registers ---- */
IrVal s390_gpr(S390Trans *t, unsigned r)
{
    return ir_get(t->b, SLOT_GPR + r);
}

IrVal s390_gpr32(S390Trans *t, unsigned r)
{
    return ir_trunc32(t->b, s390_gpr(t, r));
}

IrVal s390_gpr_high(S390Trans *t, unsigned r)
{
    return ir_trunc32(t->b, ir_shri(t->b, s390_gpr(t, r), 32));
}

void s390_set_gpr(S390Trans *t, unsigned r, IrVal v)
{
    ir_put(t->b, SLOT_GPR + r, v);
}

void s390_set_gpr32(S390Trans *t, unsigned r, IrVal v)
{
    s390_set_gpr(t, r, ir_deposit(t->b, s390_gpr(t, r), ir_zext32(t->b, v), 0, 32));
}

void s390_set_gpr_high(S390Trans *t, unsigned r, IrVal v)
{
    s390_set_gpr(t, r, ir_deposit(t->b, s390_gpr(t, r), ir_zext32(t->b, v), 32, 32));
}

IrVal s390_reg(S390Trans *t, unsigned r)
{
    return s390_is_w(t) ? s390_gpr32(t, r) : s390_gpr(t, r);
}

void s390_set_reg(S390Trans *t, unsigned r, IrVal v)
{
    if (ir_type(t->b, v) == IR_I32) {
        s390_set_gpr32(t, r, v);
    } else {
        s390_set_gpr(t, r, v);
    }
}

IrVal s390_const(S390Trans *t, int64_t v)
{
    return s390_is_w(t) ? ir_c32(t->b, v) : ir_c64(t->b, v);
}

IrVal s390_sext64(S390Trans *t, IrVal v)
{
    return ir_type(t->b, v) == IR_I32 ? ir_sext32(t->b, v) : v;
}

IrVal s390_zext64(S390Trans *t, IrVal v)
{
    return ir_type(t->b, v) == IR_I32 ? ir_zext32(t->b, v) : v;
}

/* ---- storage ---- */
IrVal s390_wrap(S390Trans *t, IrVal addr)
{
    uint64_t mask = mode_addr_mask(t->mode);

    return mask == UINT64_MAX ? addr : ir_andi(t->b, addr, mask);
}

IrVal s390_addr(S390Trans *t, unsigned b, unsigned x, int64_t d)
{
    IrVal sum = 0;

    if (b) {
        sum = s390_gpr(t, b);
    }
    if (x) {
        IrVal index = s390_gpr(t, x);
        sum = sum ? ir_add(t->b, sum, index) : index;
    }
    if (!sum) {
        sum = ir_c64(t->b, d);
    } else if (d) {
        sum = ir_addi(t->b, sum, d);
    }
    return s390_wrap(t, sum);
}

IrVal s390_addr1(S390Trans *t)
{
    return s390_addr(t, t->i->b1, 0, t->i->d1);
}

IrVal s390_addr2(S390Trans *t)
{
    return s390_addr(t, t->i->b2, t->i->x2, t->i->d2);
}

IrVal s390_load(S390Trans *t, IrType type, IrVal addr, unsigned lg, bool sign)
{
    return ir_load(t->b, type, addr, t->mo | lg | (sign ? MO_SIGN : 0));
}

/* How to store len bytes: at a constant place that low-address protection leaves alone, without a look
 * at it. */
static IrMemOp store_mo(S390Trans *t, IrVal addr, unsigned len)
{
    uint64_t at;

    if (ir_const_value(t->b, addr, &at) && at < 0x2000 && (at & 0xfff) >= 512 &&
        (at & 0xfff) + len <= 0x1000) {
        return t->mo | MO_MMU(S390_MMU_LOW);
    }
    return t->mo;
}

void s390_store(S390Trans *t, IrVal addr, IrVal v, unsigned lg)
{
    ir_store(t->b, addr, v, store_mo(t, addr, 1u << lg) | lg);
}

void s390_probe(S390Trans *t, IrVal addr, unsigned len, IrAccess access)
{
    IrMemOp mo = access == ACCESS_WRITE ? store_mo(t, addr, len) : t->mo;

    ir_probe(t->b, addr, access, mo | MO_8);
    if (len > 1) {
        ir_probe(t->b, s390_wrap(t, ir_addi(t->b, addr, len - 1)), access, t->mo | MO_8);
    }
}

/* ---- operands ---- */
IrVal s390_first(S390Trans *t)
{
    const S390Insn *i = t->i;

    switch (i->src) {
    case SRC_KW:
    case SRC_KG: return s390_reg(t, i->r2);
    case SRC_KI:
    case SRC_K: return s390_reg(t, i->r3);
    case SRC_KHH:
    case SRC_KHL: return s390_gpr_high(t, i->r2);
    default: return s390_reg(t, i->r1);
    }
}

static IrVal narrow_reg(S390Trans *t, unsigned r, unsigned bits, bool sign)
{
    IrVal v = s390_reg(t, r);

    switch (bits) {
    case 8: return sign ? ir_sext8(t->b, v) : ir_zext8(t->b, v);
    case 16: return sign ? ir_sext16(t->b, v) : ir_zext16(t->b, v);
    default: return ir_andi(t->b, v, 0x7fffffff);
    }
}

static IrVal second_reg(S390Trans *t)
{
    const S390Insn *i = t->i;

    switch (i->src) {
    case SRC_RSW: return ir_sext32(t->b, s390_gpr32(t, i->r2));
    case SRC_RUW: return ir_zext32(t->b, s390_gpr32(t, i->r2));
    case SRC_RSB: return narrow_reg(t, i->r2, 8, true);
    case SRC_RUB: return narrow_reg(t, i->r2, 8, false);
    case SRC_RSH: return narrow_reg(t, i->r2, 16, true);
    case SRC_RUH: return narrow_reg(t, i->r2, 16, false);
    case SRC_RU31: return narrow_reg(t, i->r2, 31, false);
    case SRC_KW:
    case SRC_KG: return s390_reg(t, i->r3);
    case SRC_KHH: return s390_gpr_high(t, i->r3);
    case SRC_KHL: return s390_gpr32(t, i->r3);
    case SRC_HH: return s390_gpr_high(t, i->r2);
    case SRC_HL: return s390_gpr32(t, i->r2);
    default: return s390_reg(t, i->r2);
    }
}

IrVal s390_second(S390Trans *t)
{
    const S390Insn *i = t->i;
    IrType type = s390_is_w(t) ? IR_I32 : IR_I64;
    bool relative = i->src >= SRC_LW && i->src <= SRC_LUH;
    bool si = i->src >= SRC_S1H && i->src <= SRC_U1G;
    IrVal addr;

    switch (i->src) {
    case SRC_I:
    case SRC_KI:
    case SRC_U: return s390_const(t, i->i2);
    default: break;
    }
    if (i->src < SRC_I) {
        return second_reg(t);
    }
    addr = relative ? ir_c64(t->b, t->pc + i->ri2) : si ? s390_addr1(t) : s390_addr2(t);
    if (relative) {
        addr = s390_wrap(t, addr);
        t->mo = s390_relative_mo(t);
    }
    switch (i->src) {
    case SRC_MG:
    case SRC_LG:
    case SRC_S1G:
    case SRC_U1G: return s390_load(t, IR_I64, addr, MO_64, false);
    case SRC_MSW:
    case SRC_LSW: return s390_load(t, type, addr, MO_32, true);
    case SRC_MSH:
    case SRC_LSH:
    case SRC_S1H: return s390_load(t, type, addr, MO_16, true);
    case SRC_MUH:
    case SRC_LUH:
    case SRC_U1H: return s390_load(t, type, addr, MO_16, false);
    case SRC_MSB: return s390_load(t, type, addr, MO_8, true);
    case SRC_MUB:
    case SRC_U1B: return s390_load(t, type, addr, MO_8, false);
    case SRC_MU31: return ir_andi(t->b, s390_load(t, type, addr, MO_32, false), 0x7fffffff);
    default: return s390_load(t, type, addr, MO_32, false);
    }
}

/* ---- ends ---- */
IrVal s390_link(S390Trans *t)
{
    return t->ex ? ir_get(t->b, SLOT_EX_NEXT) : ir_c64(t->b, t->next_pc);
}

void s390_branch_event(S390Trans *t, IrVal to)
{
    if (t->mode & MODE_PER) {
        ir_call(t->b, &hd_s390_per_branch, to);
    }
}

void s390_goto_val(S390Trans *t, IrVal pc)
{
    s390_branch_event(t, pc);
    ir_exit_indirect(t->b, pc);
    t->status = TRANS_END;
}

void s390_goto(S390Trans *t, uint64_t pc)
{
    pc &= mode_addr_mask(t->mode);
    if (t->ex || (t->mode & MODE_PER)) {
        s390_goto_val(t, ir_c64(t->b, pc));
    } else if (trans_may_follow(t->ctx, pc)) {
        t->ctx->next_pc = pc;
    } else {
        s390_exit_direct(t, pc);
    }
}

void s390_exit_direct(S390Trans *t, uint64_t pc)
{
    ir_exit_direct(t->b, pc);
    ir_dead_at_exit(t->b, s390_cc_dead_at(t, pc) ? S390_GROUP_CC : 0);
    t->status = TRANS_END;
}

/* By the exit fn, which takes a computed address. */
static void exit_if(S390Trans *t, S390Cond c, IrVal pc, void (*fn)(IrBuilder *, IrVal))
{
    IrLabel skip = 0;

    if (c.kind == COND_NEVER) {
        return;
    }
    if (c.kind == COND_IF) {
        skip = ir_label_new(t->b);
        ir_brcond(t->b, s390_negate(c.c), c.x, c.y, skip);
    }
    s390_branch_event(t, pc);
    fn(t->b, pc);
    if (c.kind == COND_IF) {
        ir_label(t->b, skip);
    } else {
        t->status = TRANS_END;
    }
}

void s390_goto_val_if(S390Trans *t, S390Cond c, IrVal pc)
{
    exit_if(t, c, pc, ir_exit_indirect);
}

void s390_return_if(S390Trans *t, S390Cond c, IrVal pc)
{
    exit_if(t, c, pc, ir_exit_return);
}

void s390_goto_if(S390Trans *t, S390Cond c, uint64_t pc)
{
    pc &= mode_addr_mask(t->mode);
    if (c.kind == COND_ALWAYS) {
        s390_goto(t, pc);
    } else if (c.kind == COND_IF && (t->ex || (t->mode & MODE_PER))) {
        s390_goto_val_if(t, c, ir_c64(t->b, pc));
    } else if (c.kind == COND_IF) {
        uint64_t on = t->ctx->next_pc;
        if (trans_prefers(t->ctx, pc, on)) {
            c.c = s390_negate(c.c);
            t->ctx->next_pc = pc;
            pc = on;
            on = t->ctx->next_pc;
        }
        unsigned before = ir_count(t->b);
        ir_exit_direct_if(t->b, c.c, c.x, c.y, pc);
        if (ir_count(t->b) > before && s390_cc_dead_at(t, pc)) {
            ir_dead_at_exit(t->b, S390_GROUP_CC);
        }
        if (trans_ends_at_branch(t->ctx)) {
            s390_exit_direct(t, on);
        }
    }
}

void s390_goto_loop(S390Trans *t, IrVal pc)
{
    ir_exit_loop(t->b, pc);
    t->status = TRANS_END;
}

void s390_end_loop(S390Trans *t)
{
    s390_goto_loop(t, s390_link(t));
}

void s390_repeat_if(S390Trans *t, IrCond c, IrVal x, IrVal y)
{
    IrLabel done = ir_label_new(t->b);

    ir_brcond(t->b, s390_negate(c), x, y, done);
    if (t->ex) { /* the EXECUTE again: it is 4 or 6 bytes long, so its address was kept */
        ir_call(t->b, &hd_s390_ex_repeat, 0);
    }
    ir_exit_loop(t->b, ir_c64(t->b, t->ctx->pc));
    ir_label(t->b, done);
}

void s390_pgm(S390Trans *t, unsigned code)
{
    ir_raise(t->b, EXCP_PGM, code);
    t->status = TRANS_END;
}

void s390_pgm_if(S390Trans *t, IrCond c, IrVal x, IrVal y, unsigned code)
{
    ir_raise_if(t->b, c, x, y, EXCP_PGM, code);
}

void s390_cc_from(S390Trans *t, IrVal ret)
{
    s390_cc_value(t, ret);
}
