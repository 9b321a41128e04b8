/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * String instructions. One element is IR; REP forms run in a helper that works in bulk, keeps rSI,
 * rDI and rCX exact at every fault, and comes back early when an interrupt wants in. Then the
 * region is left with rip still at the instruction.
 */
#include "target/x86/translate/translate-priv.h"

/* +size or -size by EFLAGS.DF (bit 10), i64. */
static IrVal step(X86Trans *t, unsigned size)
{
    IrBuilder *b = t->b;
    IrVal df = ir_andi(b, ir_get(b, SLOT_EFLAGS), X86_DF);
    return ir_select(b, df, ir_c64(b, -(uint64_t)size), ir_c64(b, size));
}

static void advance(X86Trans *t, unsigned reg, IrVal by)
{
    IrVal v = ir_add(t->b, ir_get(t->b, SLOT_GPR + reg), by);
    x86_set_gpr(t, reg, t->i->adsize, v);
}

static IrVal src_addr(X86Trans *t, unsigned size)
{
    return x86_linear(t, t->i->mem.seg, x86_to64(t, x86_gpr(t, X86_RSI, t->i->adsize)), size,
                      false);
}

static IrVal dst_addr(X86Trans *t, unsigned size, bool write)
{
    return x86_linear(t, X86_ES, x86_to64(t, x86_gpr(t, X86_RDI, t->i->adsize)), size, write);
}

static void one_element(X86Trans *t, const X86Insn *i, unsigned size)
{
    IrBuilder *b = t->b;
    IrVal by = step(t, size), x, y;
    switch (i->mn) {
    case X86_MN_MOVSB:
    case X86_MN_MOVSW:
        x = x86_load(t, src_addr(t, size), size);
        x86_store(t, dst_addr(t, size, true), x, size);
        advance(t, X86_RSI, by);
        advance(t, X86_RDI, by);
        break;
    case X86_MN_STOSB:
    case X86_MN_STOSW:
        x86_store(t, dst_addr(t, size, true), x86_gpr(t, X86_RAX, size), size);
        advance(t, X86_RDI, by);
        break;
    case X86_MN_LODSB:
    case X86_MN_LODSW:
        x86_set_gpr(t, X86_RAX, size, x86_load(t, src_addr(t, size), size));
        advance(t, X86_RSI, by);
        break;
    case X86_MN_CMPSB:
    case X86_MN_CMPSW:
        x = x86_load(t, src_addr(t, size), size);
        y = x86_load(t, dst_addr(t, size, false), size);
        advance(t, X86_RSI, by);
        advance(t, X86_RDI, by);
        x86_cc_set(t, CCK_SUB, size, ir_sub(b, x, y), y, 0, x);
        break;
    default: /* SCAS */
        x = x86_gpr(t, X86_RAX, size);
        y = x86_load(t, dst_addr(t, size, false), size);
        advance(t, X86_RDI, by);
        x86_cc_set(t, CCK_SUB, size, ir_sub(b, x, y), y, 0, x);
        break;
    }
}

/* Call a REP helper; leave at this instruction when it is not done. */
static void repeat(X86Trans *t, const HelperDesc *h, unsigned size)
{
    IrBuilder *b = t->b;
    const X86Insn *i = t->i;
    X86StrOp op = { .size = size, .adsize = i->adsize, .seg = i->mem.seg, .rep = i->rep };
    uint64_t most = t->mode & MODE_TF ? 1 : UINT64_MAX; /* single step: the trap after each one */
    IrVal done = ir_call(b, h, ir_c64(b, x86_strop_pack(op)), ir_c64(b, most));
    IrVal rip = ir_select(b, done, ir_c64(b, t->next_pc), ir_c64(b, t->pc));
    if (mode_single(t->mode)) {
        x86_goto_loop(t, rip);
        return;
    }
    IrLabel go_on = ir_label_new(b);
    ir_brcondi(b, IR_NE, done, 0, go_on);
    ir_exit_loop(b, ir_c64(b, t->pc));
    ir_label(b, go_on);
}

void x86_tr_string(X86Trans *t, const X86Insn *i)
{
    const HelperDesc *h;
    unsigned size = i->op[0].size;
    if (!i->rep) {
        one_element(t, i, size);
        return;
    }
    switch (i->mn) {
    case X86_MN_MOVSB:
    case X86_MN_MOVSW: h = &hd_x86_rep_movs; break;
    case X86_MN_STOSB:
    case X86_MN_STOSW: h = &hd_x86_rep_stos; break;
    case X86_MN_LODSB:
    case X86_MN_LODSW: h = &hd_x86_rep_lods; break;
    case X86_MN_CMPSB:
    case X86_MN_CMPSW: h = &hd_x86_rep_cmps; break;
    default: h = &hd_x86_rep_scas; break;
    }
    if (h == &hd_x86_rep_cmps || h == &hd_x86_rep_scas) {
        x86_cc_unknown(t);
    }
    repeat(t, h, size);
}

/* ---- ports ---- */
static void check_port(X86Trans *t, IrVal port, unsigned size)
{
    if (!(t->mode & MODE_IOPL_OK)) {
        ir_call(t->b, &hd_x86_io_check, port, ir_c64(t->b, size));
    }
}

void x86_tr_string_io(X86Trans *t, const X86Insn *i)
{
    bool in = i->mn == X86_MN_INSB || i->mn == X86_MN_INSW;
    unsigned size = i->op[in ? 0 : 1].size;
    check_port(t, x86_to64(t, x86_gpr(t, X86_RDX, 2)), size);
    repeat(t, in ? &hd_x86_rep_ins : &hd_x86_rep_outs, size);
}

static IrVal port_of(X86Trans *t, const X86Operand *o)
{
    if (o->kind == X86_OPK_IMM) {
        return ir_c64(t->b, (uint8_t)t->i->imm);
    }
    return x86_to64(t, x86_gpr(t, X86_RDX, 2));
}

void x86_tr_io_in(X86Trans *t, const X86Insn *i)
{
    IrVal port = port_of(t, &i->op[1]);
    unsigned size = i->op[0].size;
    check_port(t, port, size);
    IrVal v = ir_call(t->b, &hd_x86_io_in, port, ir_c64(t->b, size));
    x86_write(t, 0, ir_trunc32(t->b, v));
}

/* A write to a port may raise an interrupt, an SMI, or stop the machine: look right after it. */
void x86_tr_io_out(X86Trans *t, const X86Insn *i)
{
    IrVal port = port_of(t, &i->op[0]);
    unsigned size = i->op[1].size;
    check_port(t, port, size);
    ir_call(t->b, &hd_x86_io_out, port, x86_to64(t, x86_read(t, 1)), ir_c64(t->b, size));
    x86_end_loop(t);
}
