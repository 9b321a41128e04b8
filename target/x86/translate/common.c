/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building blocks of translators: registers, operands, addresses, the stack, region ends.
 * The contracts are in translate-priv.h.
 */
#include "target/x86/translate/translate-priv.h"

/* ---- values ---- */
IrVal x86_const(X86Trans *t, unsigned size, uint64_t v)
{
    return size == 8 ? ir_c64(t->b, v) : ir_c32(t->b, (uint32_t)v);
}

IrVal x86_to64(X86Trans *t, IrVal v)
{
    return ir_type(t->b, v) == IR_I64 ? v : ir_zext32(t->b, v);
}

IrVal x86_to_type(X86Trans *t, IrVal v, unsigned size)
{
    if (size == 8) {
        return x86_to64(t, v);
    }
    return ir_type(t->b, v) == IR_I64 ? ir_trunc32(t->b, v) : v;
}

IrVal x86_cut(X86Trans *t, IrVal v, unsigned size)
{
    if (size == 1) {
        return ir_zext8(t->b, v);
    }
    if (size == 2) {
        return ir_zext16(t->b, v);
    }
    if (size == 4 && ir_type(t->b, v) == IR_I64) {
        return ir_extractu(t->b, v, 0, 32);
    }
    return v;
}

IrVal x86_sext(X86Trans *t, IrVal v, unsigned size)
{
    if (size == 1) {
        return ir_sext8(t->b, v);
    }
    if (size == 2) {
        return ir_sext16(t->b, v);
    }
    if (size == 4 && ir_type(t->b, v) == IR_I64) {
        return ir_extracts(t->b, v, 0, 32);
    }
    return v;
}

IrVal x86_gpr(X86Trans *t, unsigned reg, unsigned size)
{
    IrVal v = ir_get(t->b, SLOT_GPR + reg);
    return size == 8 ? v : x86_cut(t, ir_trunc32(t->b, v), size);
}

void x86_set_gpr(X86Trans *t, unsigned reg, unsigned size, IrVal v)
{
    IrBuilder *b = t->b;
    if (size >= 4) {
        ir_put(b, SLOT_GPR + reg, x86_to64(t, x86_to_type(t, v, size)));
        return;
    }
    IrVal old = ir_get(b, SLOT_GPR + reg);
    ir_put(b, SLOT_GPR + reg, ir_deposit(b, old, x86_to64(t, v), 0, size * 8));
}

IrVal x86_read(X86Trans *t, unsigned n)
{
    const X86Operand *o = &t->i->op[n];
    switch ((X86OpKind)o->kind) {
    case X86_OPK_GPR: return x86_gpr(t, o->reg, o->size);
    case X86_OPK_GPR8H:
        return ir_extractu(t->b, ir_trunc32(t->b, ir_get(t->b, SLOT_GPR + o->reg)), 8, 8);
    case X86_OPK_MEM: return x86_load(t, x86_mem_addr(t, o->size, false), o->size);
    case X86_OPK_IMM: {
        uint64_t mask = o->size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * o->size)) - 1;
        return x86_const(t, o->size, (uint64_t)t->i->imm & mask);
    }
    default: g_assert_not_reached(); /* a table line that names a translator for other operands */
    }
}

void x86_write(X86Trans *t, unsigned n, IrVal v)
{
    const X86Operand *o = &t->i->op[n];
    if (o->kind == X86_OPK_MEM) {
        x86_store(t, x86_mem_addr(t, o->size, true), v, o->size);
    } else if (o->kind == X86_OPK_GPR8H) {
        IrVal old = ir_get(t->b, SLOT_GPR + o->reg);
        ir_put(t->b, SLOT_GPR + o->reg, ir_deposit(t->b, old, x86_to64(t, v), 8, 8));
    } else {
        x86_set_gpr(t, o->reg, o->size, v);
    }
}

IrVal x86_rmw_read(X86Trans *t, IrVal *addr)
{
    unsigned size = t->i->op[0].size;
    if (!x86_is_mem(t, 0)) {
        *addr = 0;
        return x86_read(t, 0);
    }
    *addr = x86_mem_addr(t, size, true);
    return x86_load_rmw(t, *addr, size);
}

void x86_rmw_write(X86Trans *t, IrVal addr, IrVal v)
{
    if (addr) {
        x86_store(t, addr, v, t->i->op[0].size);
    } else {
        x86_write(t, 0, v);
    }
}

/* ---- addresses ---- */
static IrVal cut_address(X86Trans *t, IrVal v, unsigned adsize)
{
    return adsize == 8 ? v : ir_extractu(t->b, v, 0, adsize * 8);
}

IrVal x86_ea(X86Trans *t)
{
    const X86Mem *m = &t->i->mem;
    IrBuilder *b = t->b;
    IrVal v = 0;
    if (m->base == X86_REG_RIP) {
        uint64_t a = t->next_pc + (uint64_t)m->disp;
        return ir_c64(b, m->addr_size == 4 ? (uint32_t)a : a);
    }
    if (m->base != X86_REG_NONE) {
        v = ir_get(b, SLOT_GPR + m->base);
    }
    if (m->index != X86_REG_NONE && !m->vsib) {
        IrVal x = ir_get(b, SLOT_GPR + m->index);
        x = m->scale ? ir_shli(b, x, m->scale) : x;
        v = v ? ir_add(b, v, x) : x;
    }
    if (!v) {
        v = ir_c64(b, (uint64_t)m->disp);
    } else if (m->disp) {
        v = ir_addi(b, v, (uint64_t)m->disp);
    }
    return cut_address(t, v, m->addr_size);
}

/* Must this access be checked against its segment? In 64-bit code there is nothing to check. */
static bool segment_checked(const X86Trans *t, unsigned seg, bool write)
{
    return (t->mode & MODE_SEGCHECK) || seg == X86_FS || seg == X86_GS ||
           (seg == X86_CS && write); /* code is never writable */
}

IrVal x86_linear(X86Trans *t, unsigned seg, IrVal off, unsigned size, bool write)
{
    IrBuilder *b = t->b;
    if (t->mode & MODE_CS64) {
        if (seg != X86_FS && seg != X86_GS) {
            return off;
        }
        return ir_add(b, ir_get(b, SLOT_SEG_BASE + seg), off);
    }
    if (segment_checked(t, seg, write)) {
        ir_call(b, &hd_x86_seg_check, ir_c64(b, seg), off,
                ir_c64(b, size | (write ? 1u << 16 : 0)));
    }
    if (!(t->mode & MODE_ADDSEG) && seg != X86_FS && seg != X86_GS) {
        return off;
    }
    return ir_extractu(b, ir_add(b, ir_get(b, SLOT_SEG_BASE + seg), off), 0, 32);
}

IrVal x86_mem_addr(X86Trans *t, unsigned size, bool write)
{
    return x86_linear(t, t->i->mem.seg, x86_ea(t), size, write);
}

IrVal x86_mem_addr_plus(X86Trans *t, IrVal plus, unsigned size, bool write)
{
    IrVal off = cut_address(t, ir_add(t->b, x86_ea(t), plus), t->i->mem.addr_size);
    return x86_linear(t, t->i->mem.seg, off, size, write);
}

IrVal x86_load(X86Trans *t, IrVal addr, unsigned size)
{
    return ir_load(t->b, x86_type(size), addr, x86_mo(t, size));
}

IrVal x86_load_rmw(X86Trans *t, IrVal addr, unsigned size)
{
    return ir_load(t->b, x86_type(size), addr, x86_mo(t, size) | MO_RMW);
}

void x86_store(X86Trans *t, IrVal addr, IrVal v, unsigned size)
{
    ir_store(t->b, addr, v, x86_mo(t, size));
}

/* ---- stack ---- */
unsigned x86_stack_size(const X86Trans *t)
{
    return t->mode & MODE_CS64 ? 8 : t->mode & MODE_SS32 ? 4 : 2;
}

IrVal x86_sp(X86Trans *t)
{
    return cut_address(t, ir_get(t->b, SLOT_GPR + X86_RSP), x86_stack_size(t));
}

void x86_set_sp(X86Trans *t, IrVal sp)
{
    x86_set_gpr(t, X86_RSP, x86_stack_size(t), sp);
}

IrVal x86_push_at(X86Trans *t, IrVal sp, IrVal v, unsigned size)
{
    IrVal to = cut_address(t, ir_subi(t->b, sp, size), x86_stack_size(t));
    x86_store(t, x86_linear(t, X86_SS, to, size, true), v, size);
    return to;
}

void x86_push(X86Trans *t, IrVal v, unsigned size)
{
    x86_set_sp(t, x86_push_at(t, x86_sp(t), v, size));
}

IrVal x86_stack_load(X86Trans *t, IrVal sp, unsigned size)
{
    return x86_load(t, x86_linear(t, X86_SS, sp, size, false), size);
}

/* ---- ends ---- */
uint64_t x86_rip_cut(const X86Trans *t, uint64_t rip, unsigned opsize)
{
    if (t->mode & MODE_CS64) {
        return rip;
    }
    return opsize == 2 ? (uint16_t)rip : (uint32_t)rip;
}

void x86_goto_loop(X86Trans *t, IrVal rip)
{
    ir_exit_loop(t->b, rip);
    t->status = TRANS_END;
}

void x86_goto(X86Trans *t, uint64_t rip)
{
    if (mode_single(t->mode)) {
        x86_goto_loop(t, ir_c64(t->b, rip));
        return;
    }
    if (t->ctx->other_flags) {
        x86_goto_val(t, ir_c64(t->b, rip));
        return;
    }
    ir_exit_direct(t->b, rip);
    ir_dead_at_exit(t->b, x86_cc_dead_at(t, rip) ? X86_GROUP_CC : 0);
    t->status = TRANS_END;
}

void x86_goto_follow(X86Trans *t, uint64_t rip)
{
    if (!mode_single(t->mode) && trans_may_follow(t->ctx, rip)) {
        t->ctx->next_pc = rip;
        return; /* status stays TRANS_NEXT */
    }
    x86_goto(t, rip);
}

void x86_goto_if(X86Trans *t, X86Cond c, uint64_t rip)
{
    if (mode_single(t->mode)) {
        IrVal to = ir_movcond(t->b, c.c, c.x, c.y, ir_c64(t->b, rip), ir_c64(t->b, t->next_pc));
        x86_goto_loop(t, to);
        return;
    }
    if (t->ctx->other_flags) {
        x86_goto_val(t,
                     ir_movcond(t->b, c.c, c.x, c.y, ir_c64(t->b, rip), ir_c64(t->b, t->next_pc)));
        return;
    }
    uint64_t on = t->next_pc;
    if (trans_prefers(t->ctx, rip, on)) {
        c.c = ir_cond_inverse(c.c);
        t->ctx->next_pc = rip;
        rip = on;
        on = t->ctx->next_pc;
    }
    unsigned before = ir_count(t->b);
    ir_exit_direct_if(t->b, c.c, c.x, c.y, rip);
    if (ir_count(t->b) > before && x86_cc_dead_at(t, rip)) {
        ir_dead_at_exit(t->b, X86_GROUP_CC);
    }
    if (trans_ends_at_branch(t->ctx)) {
        x86_goto(t, on);
    }
}

void x86_goto_val(X86Trans *t, IrVal rip)
{
    if (mode_single(t->mode)) {
        x86_goto_loop(t, rip);
        return;
    }
    ir_exit_indirect(t->b, rip);
    t->status = TRANS_END;
}

void x86_return(X86Trans *t, IrVal rip)
{
    if (mode_single(t->mode)) {
        x86_goto_loop(t, rip);
        return;
    }
    ir_exit_return(t->b, rip);
    t->status = TRANS_END;
}

void x86_goto_mode(X86Trans *t, IrVal rip)
{
    t->ctx->other_flags = true;
    t->ctx->flags_after = 0;
    x86_goto_val(t, rip);
}

void x86_end_loop(X86Trans *t)
{
    x86_goto_loop(t, ir_c64(t->b, t->next_pc));
}

void x86_raise_ir(X86Trans *t, int vector, uint32_t error)
{
    ir_raise(t->b, vector, error);
    t->status = TRANS_END;
}

void x86_raise_ir_if(X86Trans *t, IrCond c, IrVal x, IrVal y, int vector, uint32_t error)
{
    ir_raise_if(t->b, c, x, y, vector, error);
}
