/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer arithmetic and logic, multiply and divide, BCD, flag instructions, SETcc, CRC32.
 * Shifts are in shift.c, bit instructions in bit.c. Forms of the flags: flags.h.
 */
#include "target/x86/translate/translate-priv.h"

/* ---- ADD OR ADC SBB AND SUB XOR CMP ---- */
static IrVal alu_result(X86Trans *t, unsigned mn, IrVal x, IrVal y, IrVal cin)
{
    IrBuilder *b = t->b;
    switch (mn) {
    case X86_MN_ADD: return ir_add(b, x, y);
    case X86_MN_ADC: return ir_add(b, ir_add(b, x, y), cin);
    case X86_MN_SBB: return ir_sub(b, ir_sub(b, x, y), cin);
    case X86_MN_OR: return ir_or(b, x, y);
    case X86_MN_AND: return ir_and(b, x, y);
    case X86_MN_XOR: return ir_xor(b, x, y);
    default: /* SUB, CMP */ return ir_sub(b, x, y);
    }
}

static void alu_flags(X86Trans *t, unsigned mn, unsigned size, IrVal r, IrVal x, IrVal y, IrVal cin)
{
    switch (mn) {
    case X86_MN_ADD: x86_cc_set(t, CCK_ADD, size, r, y, 0, x); break;
    case X86_MN_ADC: x86_cc_set(t, CCK_ADC, size, r, y, cin, x); break;
    case X86_MN_SBB: x86_cc_set(t, CCK_SBB, size, r, y, cin, x); break;
    case X86_MN_SUB:
    case X86_MN_CMP: x86_cc_set(t, CCK_SUB, size, r, y, 0, x); break;
    default: x86_cc_set(t, CCK_LOGIC, size, r, 0, 0, 0); break;
    }
}

/* LOCK: one atomic operation on memory; the rest follows from the old value. */
static IrVal alu_atomic(X86Trans *t, unsigned mn, IrVal addr, IrVal y, IrVal cin)
{
    IrBuilder *b = t->b;
    IrMemOp mo = x86_mo(t, t->i->op[0].size);
    switch (mn) {
    case X86_MN_OR: return ir_atomic(b, IR_RMW_OR, addr, y, mo);
    case X86_MN_AND: return ir_atomic(b, IR_RMW_AND, addr, y, mo);
    case X86_MN_XOR: return ir_atomic(b, IR_RMW_XOR, addr, y, mo);
    case X86_MN_ADD: return ir_atomic(b, IR_RMW_ADD, addr, y, mo);
    case X86_MN_ADC: return ir_atomic(b, IR_RMW_ADD, addr, ir_add(b, y, cin), mo);
    case X86_MN_SBB: return ir_atomic(b, IR_RMW_ADD, addr, ir_neg(b, ir_add(b, y, cin)), mo);
    default: return ir_atomic(b, IR_RMW_ADD, addr, ir_neg(b, y), mo);
    }
}

void x86_tr_alu(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->op[0].size;
    bool carry_in = i->mn == X86_MN_ADC || i->mn == X86_MN_SBB;
    IrVal addr = 0, x;
    IrVal y = x86_read(t, 1);
    IrVal cin = carry_in ? x86_cf(t, x86_type(size)) : 0;

    if (i->mn == X86_MN_CMP) {
        x = x86_read(t, 0);
    } else if (i->lock) {
        addr = x86_mem_addr(t, size, true);
        x = alu_atomic(t, i->mn, addr, y, cin);
    } else {
        x = x86_rmw_read(t, &addr);
    }
    IrVal r = alu_result(t, i->mn, x, y, cin);
    if (i->mn != X86_MN_CMP && !i->lock) {
        x86_rmw_write(t, addr, r);
    }
    alu_flags(t, i->mn, size, r, x, y, cin);
}

void x86_tr_test(X86Trans *t, const X86Insn *i)
{
    IrVal r = ir_and(t->b, x86_read(t, 0), x86_read(t, 1));
    x86_cc_set(t, CCK_LOGIC, i->op[0].size, r, 0, 0, 0);
}

void x86_tr_incdec(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size;
    bool inc = i->mn == X86_MN_INC;
    IrVal cf = x86_cf(t, x86_type(size));
    IrVal delta = x86_const(t, size, inc ? 1 : UINT64_MAX);
    IrVal addr, r;
    if (i->lock) {
        addr = x86_mem_addr(t, size, true);
        r = ir_add(b, ir_atomic(b, IR_RMW_ADD, addr, delta, x86_mo(t, size)), delta);
    } else {
        r = ir_add(b, x86_rmw_read(t, &addr), delta);
        x86_rmw_write(t, addr, r);
    }
    x86_cc_set(t, inc ? CCK_INC : CCK_DEC, size, r, cf, 0, 0);
}

void x86_tr_not(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->op[0].size;
    IrVal addr;
    if (i->lock) {
        addr = x86_mem_addr(t, size, true);
        ir_atomic(t->b, IR_RMW_XOR, addr, x86_const(t, size, UINT64_MAX), x86_mo(t, size));
        return;
    }
    IrVal v = x86_rmw_read(t, &addr);
    x86_rmw_write(t, addr, ir_not(t->b, v));
}

/* LOCK NEG has no single atomic operation: compare-exchange until it holds. */
static IrVal atomic_neg(X86Trans *t, unsigned size)
{
    IrBuilder *b = t->b;
    IrVal addr = x86_mem_addr(t, size, true);
    IrVar va = ir_var_new(b, IR_I64), vo = ir_var_new(b, x86_type(size));
    ir_var_set(b, va, addr);
    ir_var_set(b, vo, x86_load(t, addr, size));
    IrLabel again = ir_label_new(b), done = ir_label_new(b);
    ir_label(b, again);
    IrVal old = ir_var_get(b, vo);
    IrVal seen = ir_cmpxchg(b, ir_var_get(b, va), old, ir_neg(b, old), x86_mo(t, size));
    ir_var_set(b, vo, seen);
    ir_brcond(b, IR_EQ, seen, old, done);
    ir_br(b, again);
    ir_label(b, done);
    return ir_var_get(b, vo);
}

void x86_tr_neg(X86Trans *t, const X86Insn *i)
{
    unsigned size = i->op[0].size;
    IrVal addr = 0, v, r;
    if (i->lock) {
        v = atomic_neg(t, size);
        r = ir_neg(t->b, v);
    } else {
        v = x86_rmw_read(t, &addr);
        r = ir_neg(t->b, v);
        x86_rmw_write(t, addr, r);
    }
    x86_cc_set(t, CCK_SUB, size, r, v, 0, x86_const(t, size, 0));
}

/* ---- multiply ---- */
static void set_ax(X86Trans *t, IrVal v)
{
    x86_set_gpr(t, X86_RAX, 2, v);
}

/* MUL and IMUL with one operand: rDX:rAX = rAX * operand. */
void x86_tr_mul(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size;
    bool sgn = i->mn == X86_MN_IMUL;
    IrVal y = x86_read(t, 0), x = x86_gpr(t, X86_RAX, size), lo, over;

    if (size == 8) {
        lo = ir_mul(b, x, y);
        IrVal hi = sgn ? ir_mulhs(b, x, y) : ir_mulhu(b, x, y);
        over = sgn ? ir_setcond(b, IR_NE, hi, ir_sari(b, lo, 63)) : ir_setcondi(b, IR_NE, hi, 0);
        x86_set_gpr(t, X86_RAX, 8, lo);
        x86_set_gpr(t, X86_RDX, 8, hi);
    } else {
        IrVal x64 = sgn ? ir_sext32(b, x86_sext(t, x, size)) : ir_zext32(b, x);
        IrVal y64 = sgn ? ir_sext32(b, x86_sext(t, y, size)) : ir_zext32(b, y);
        IrVal full = ir_mul(b, x64, y64);
        unsigned bits = size * 8;
        over = sgn ? ir_setcond(b, IR_NE, full, ir_extracts(b, full, 0, bits))
                   : ir_setcondi(b, IR_NE, ir_shri(b, full, bits), 0);
        lo = full;
        if (size == 1) {
            set_ax(t, full);
        } else {
            x86_set_gpr(t, X86_RAX, size, full);
            x86_set_gpr(t, X86_RDX, size, ir_shri(b, full, bits));
        }
    }
    x86_cc_set(t, CCK_MUL, size, x86_to_type(t, lo, size), x86_to_type(t, over, size), 0, 0);
}

/* IMUL with two or three operands. */
void x86_tr_imul(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size;
    IrVal x = x86_read(t, i->nops == 3 ? 1 : 0), y = x86_read(t, i->nops == 3 ? 2 : 1);
    IrVal r, over;
    if (size == 8) {
        r = ir_mul(b, x, y);
        over = ir_setcond(b, IR_NE, ir_mulhs(b, x, y), ir_sari(b, r, 63));
    } else {
        IrVal full =
            ir_mul(b, ir_sext32(b, x86_sext(t, x, size)), ir_sext32(b, x86_sext(t, y, size)));
        over = ir_trunc32(b, ir_setcond(b, IR_NE, full, ir_extracts(b, full, 0, size * 8)));
        r = ir_trunc32(b, full);
    }
    x86_write(t, 0, r);
    x86_cc_set(t, CCK_MUL, size, r, over, 0, 0);
}

/* ---- divide ---- */
/* The signed quotient of rAX alone, where rDX extends it. */
static IrVal div_extended(X86Trans *t, IrVal lo, IrVal d)
{
    IrBuilder *b = t->b;

    x86_raise_ir_if(t, IR_EQ, d, ir_c64(b, 0), EXCP_DE, 0);
    IrVal min = ir_c64(b, UINT64_C(1) << 63);
    IrVal over = ir_or(b, ir_xor(b, lo, min), ir_not(b, d)); /* 0: the least number by -1 */
    x86_raise_ir_if(t, IR_EQ, over, ir_c64(b, 0), EXCP_DE, 0);
    return ir_divs(b, lo, d);
}

static void div64(X86Trans *t, IrVal d, bool sgn)
{
    IrBuilder *b = t->b;
    IrVal lo = x86_gpr(t, X86_RAX, 8), hi = x86_gpr(t, X86_RDX, 8), q;

    if (!sgn) {
        x86_raise_ir_if(t, IR_GEU, hi, d, EXCP_DE, 0); /* by 0 too */
        q = ir_divuw(b, hi, lo, d);
    } else if (t->region->sign_at == t->pc) {
        q = div_extended(t, lo, d);
    } else {
        q = ir_call(b, &hd_x86_divs64, hi, lo, d);
    }
    x86_set_gpr(t, X86_RAX, 8, q);
    x86_set_gpr(t, X86_RDX, 8, ir_sub(b, lo, ir_mul(b, q, d)));
}

/* DIV and IDIV. The flags are left as they are (they are undefined). */
void x86_tr_div(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size, bits = size * 8;
    bool sgn = i->mn == X86_MN_IDIV;
    IrVal d = x86_read(t, 0), n, q, r;
    if (size == 8) {
        div64(t, d, sgn);
        return;
    }
    x86_raise_ir_if(t, IR_EQ, d, ir_c32(b, 0), EXCP_DE, 0);
    d = sgn ? ir_sext32(b, x86_sext(t, d, size)) : ir_zext32(b, d);
    if (size == 1) {
        n = ir_zext32(b, x86_gpr(t, X86_RAX, 2));
    } else {
        n = ir_or(b, ir_zext32(b, x86_gpr(t, X86_RAX, size)),
                  ir_shli(b, ir_zext32(b, x86_gpr(t, X86_RDX, size)), bits));
    }
    if (sgn) {
        n = size == 4 ? n : ir_extracts(b, n, 0, 2 * bits);
        q = ir_divs(b, n, d);
        x86_raise_ir_if(t, IR_NE, q, ir_extracts(b, q, 0, bits), EXCP_DE, 0);
    } else {
        q = ir_divu(b, n, d);
        x86_raise_ir_if(t, IR_NE, q, ir_extractu(b, q, 0, bits), EXCP_DE, 0);
    }
    r = ir_sub(b, n, ir_mul(b, q, d));
    if (size == 1) {
        set_ax(t, ir_deposit(b, q, r, 8, 8));
    } else {
        x86_set_gpr(t, X86_RAX, size, q);
        x86_set_gpr(t, X86_RDX, size, r);
    }
}

/* ---- compare and exchange ---- */
void x86_tr_cmpxchg(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size;
    IrVal acc = x86_gpr(t, X86_RAX, size), src = x86_read(t, 1), old;
    if (x86_is_mem(t, 0)) { /* without LOCK too: the processor always writes */
        old = ir_cmpxchg(b, x86_mem_addr(t, size, true), acc, src, x86_mo(t, size));
    } else {
        const X86Operand *o = &i->op[0];
        IrVal before = ir_get(b, SLOT_GPR + o->reg);
        old = x86_read(t, 0);
        x86_write(t, 0, src);
        /* Not equal: no write at all, not even of the upper half. */
        IrVal after = ir_get(b, SLOT_GPR + o->reg);
        ir_put(b, SLOT_GPR + o->reg, ir_movcond(b, IR_EQ, acc, old, after, before));
    }
    /* rAX takes the destination where they differ; where equal it keeps even bits above 32. */
    IrVal rax = ir_get(b, SLOT_GPR + X86_RAX);
    IrVal now = size >= 4 ? x86_to64(t, old) : ir_deposit(b, rax, x86_to64(t, old), 0, size * 8);
    ir_put(b, SLOT_GPR + X86_RAX, ir_movcond(b, IR_EQ, acc, old, rax, now));
    x86_cc_set(t, CCK_SUB, size, ir_sub(b, acc, old), old, 0, acc);
}

static void set_zf(X86Trans *t, IrVal equal) /* i32, 0 or 1 */
{
    x86_cc_merge(t, X86_ZF, ir_shli(t->b, equal, 6));
}

void x86_tr_cmpxchg8b(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    IrVal eax = ir_get(b, SLOT_GPR + X86_RAX), edx = ir_get(b, SLOT_GPR + X86_RDX);
    IrVal want = ir_deposit(b, x86_cut(t, eax, 4), edx, 32, 32);
    IrVal new = ir_deposit(b, ir_get(b, SLOT_GPR + X86_RBX), ir_get(b, SLOT_GPR + X86_RCX), 32, 32);
    IrVal old = ir_cmpxchg(b, x86_mem_addr(t, 8, true), want, new, x86_mo(t, 8));
    ir_put(b, SLOT_GPR + X86_RAX, ir_movcond(b, IR_EQ, old, want, eax, ir_extractu(b, old, 0, 32)));
    ir_put(b, SLOT_GPR + X86_RDX, ir_movcond(b, IR_EQ, old, want, edx, ir_shri(b, old, 32)));
    set_zf(t, ir_trunc32(b, ir_setcond(b, IR_EQ, old, want)));
}

void x86_tr_cmpxchg16b(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    IrVal addr = x86_mem_addr(t, 16, true);
    x86_raise_ir_if(t, IR_TSTNZ, addr, ir_c64(b, 15), EXCP_GP, 0);
    IrVal rax = ir_get(b, SLOT_GPR + X86_RAX), rdx = ir_get(b, SLOT_GPR + X86_RDX);
    IrVal want = ir_vsetlane(b, V64, ir_vfromi(b, IR_V128, rax), rdx, 1);
    IrVal new = ir_vsetlane(b, V64, ir_vfromi(b, IR_V128, ir_get(b, SLOT_GPR + X86_RBX)),
                            ir_get(b, SLOT_GPR + X86_RCX), 1);
    IrVal old = ir_cmpxchg(b, addr, want, new, MO_MMU(MO_GET_MMU(t->mo)) | MO_128);
    IrVal lo = ir_vgetlane(b, IR_I64, V64, old, 0), hi = ir_vgetlane(b, IR_I64, V64, old, 1);
    IrVal differ = ir_or(b, ir_xor(b, lo, rax), ir_xor(b, hi, rdx));
    ir_put(b, SLOT_GPR + X86_RAX, lo); /* equal when the exchange was made */
    ir_put(b, SLOT_GPR + X86_RDX, hi);
    set_zf(t, ir_trunc32(b, ir_setcondi(b, IR_EQ, differ, 0)));
}

void x86_tr_xadd(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size;
    IrVal addr = 0, src = x86_read(t, 1), old, r;
    if (i->lock) {
        old = ir_atomic(b, IR_RMW_ADD, x86_mem_addr(t, size, true), src, x86_mo(t, size));
        r = ir_add(b, old, src);
        x86_write(t, 1, old);
    } else {
        old = x86_rmw_read(t, &addr);
        r = ir_add(b, old, src);
        x86_write(t, 1, old); /* before the sum: XADD of a register with itself gives the sum */
        x86_rmw_write(t, addr, r);
    }
    x86_cc_set(t, CCK_ADD, size, r, src, 0, old);
}

/* ---- widening of the accumulator ---- */
void x86_tr_convert(X86Trans *t, const X86Insn *i)
{
    IrVal v = ir_extracts(t->b, ir_get(t->b, SLOT_GPR + X86_RAX), 0, i->opsize * 4);
    x86_set_gpr(t, X86_RAX, i->opsize, v);
}

void x86_tr_convertd(X86Trans *t, const X86Insn *i)
{
    IrVal v = ir_extracts(t->b, ir_get(t->b, SLOT_GPR + X86_RAX), 0, i->opsize * 8);
    x86_set_gpr(t, X86_RDX, i->opsize, ir_sari(t->b, v, 63));
    if (i->opsize == 8) {
        t->region->sign_at = t->next_pc;
    }
}

/* ---- decimal ---- */
void x86_tr_bcd(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    if (i->mn == X86_MN_AAM && (uint8_t)i->imm == 0) {
        x86_raise_ir(t, EXCP_DE, 0);
        return;
    }
    IrVal r = ir_call(b, &hd_x86_bcd, ir_c64(b, i->mn), x86_to64(t, x86_gpr(t, X86_RAX, 2)),
                      x86_to64(t, x86_cc_peek(t)), ir_c64(b, (uint8_t)i->imm));
    set_ax(t, r);
    x86_cc_set_eflags(t, ir_trunc32(b, ir_shri(b, r, 32)));
}

void x86_tr_salc(X86Trans *t, const X86Insn *i)
{
    x86_set_gpr(t, X86_RAX, 1, ir_neg(t->b, x86_cf(t, IR_I32)));
}

/* ---- flags ---- */
void x86_tr_flagop(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    switch (i->mn) {
    case X86_MN_CLC: x86_cc_merge(t, X86_CF, ir_c32(b, 0)); break;
    case X86_MN_STC: x86_cc_merge(t, X86_CF, ir_c32(b, X86_CF)); break;
    case X86_MN_CMC: x86_cc_set_eflags(t, ir_xori(b, x86_cc_peek(t), X86_CF)); break;
    case X86_MN_CLD:
        ir_put(b, SLOT_EFLAGS, ir_andi(b, ir_get(b, SLOT_EFLAGS), ~(uint64_t)X86_DF));
        break;
    default: /* STD */ ir_put(b, SLOT_EFLAGS, ir_ori(b, ir_get(b, SLOT_EFLAGS), X86_DF)); break;
    }
}

void x86_tr_lahf(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    IrVal f = ir_ori(b, ir_andi(b, x86_cc_all(t), 0xd5), 2);
    IrVal rax = ir_get(b, SLOT_GPR + X86_RAX);
    ir_put(b, SLOT_GPR + X86_RAX, ir_deposit(b, rax, ir_zext32(b, f), 8, 8));
}

void x86_tr_sahf(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    IrVal ah = ir_extractu(b, ir_trunc32(b, ir_get(b, SLOT_GPR + X86_RAX)), 8, 8);
    x86_cc_merge(t, 0xd5, ir_andi(b, ah, 0xd5));
}

void x86_tr_setcc(X86Trans *t, const X86Insn *i)
{
    X86Cond c = x86_cond(t, i->cc);
    x86_write(t, 0, x86_to_type(t, ir_setcond(t->b, c.c, c.x, c.y), 4));
}

/* ADCX adds with CF, ADOX with OF; nothing else changes. */
void x86_tr_adx(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[0].size, bit = i->mn == X86_MN_ADCX ? 0 : 11;
    IrVal f = x86_cc_all(t);
    IrVal cin = x86_to_type(t, ir_extractu(b, f, bit, 1), size);
    IrVal x = x86_read(t, 0), y = x86_read(t, 1);
    IrVal s = ir_add(b, x, y), r = ir_add(b, s, cin);
    IrVal out = ir_or(b, ir_setcond(b, IR_LTU, s, x), ir_setcond(b, IR_LTU, r, s));
    x86_write(t, 0, r);
    x86_cc_merge(t, 1u << bit, ir_shli(b, x86_to_type(t, out, 4), bit));
}

void x86_tr_crc32(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned size = i->op[1].size;
    IrVal r = ir_call(b, &hd_x86_crc32, x86_to64(t, x86_gpr(t, i->op[0].reg, 4)),
                      x86_to64(t, x86_read(t, 1)), ir_c64(b, size));
    x86_write(t, 0, i->op[0].size == 8 ? r : ir_trunc32(b, r));
}
