/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer ops. i32 operands have junk above bit 31, i32 results are zero-extended (all 32-bit host
 * instructions do that).
 */
#include "host-priv.h"

static unsigned size_of(IrType t)
{
    return t == IR_I64 ? 8 : 4;
}

static bool imm_operand(const HostGen *g, const IrInsn *i, IrVal v, unsigned k, uint64_t *out)
{
    if (!(g->imm[v] & 1u << k)) {
        return false;
    }
    hg_const(g, i->arg[k], out);
    *out &= ir_type_mask(ir_type(g->b, i->arg[k]));
    return true;
}

static uint16_t wish_of(unsigned reg)
{
    return reg < 16 ? 1u << reg : 0;
}

/* The register d with a's value in it. */
static void copy_to(HostGen *g, unsigned size, unsigned d, unsigned a)
{
    if (d != a) {
        asm_mov_rr(&g->as, size, d, a);
    }
}

/* ---- two operands ---- */

static bool is_commutative(unsigned op)
{
    return ir_op_info[op].flags & IRF_C;
}

static AsmAlu alu_of(unsigned op)
{
    switch (op) {
    case IR_ADD: return ALU_ADD;
    case IR_SUB: return ALU_SUB;
    case IR_AND: return ALU_AND;
    case IR_OR: return ALU_OR;
    default: return ALU_XOR;
    }
}

/* The instruction just made left the zero flag of v. */
static void sets_zero_flag(HostGen *g, IrVal v)
{
    g->zero_of = v;
    g->zero_at = asm_size(&g->as);
}

static bool has_zero_flag(const HostGen *g, IrVal v)
{
    IrVal root = g->root[v];

    return root == g->zero_of && asm_size(&g->as) == g->zero_at &&
           ir_type(g->b, root) == ir_type(g->b, v);
}

static void sets_carry(HostGen *g, IrVal v)
{
    g->carry_of = v;
    g->carry_at = asm_size(&g->as);
}

/* Is (s < a) the carry that the instruction just made left? */
static bool has_carry(const HostGen *g, IrVal s, IrVal a)
{
    const IrInsn *i = ir_at(g->b, s);

    return s == g->carry_of && asm_size(&g->as) == g->carry_at &&
           (g->root[i->arg[0]] == a || g->root[i->arg[1]] == a);
}

static void and_imm(HostGen *g, unsigned size, unsigned d, unsigned a, uint64_t k)
{
    int32_t imm;

    if (k == 0xff || k == 0xffff || k == 0xffffffffu) {
        asm_movzx(&g->as, k == 0xff ? 1 : k == 0xffff ? 2 : 4, d, asm_reg(a));
    } else if (size == 8 && k <= UINT32_MAX) {
        copy_to(g, 4, d, a);
        asm_alu_ri(&g->as, ALU_AND, 4, d, (int32_t)k);
    } else if (hg_imm_fits(size == 8 ? IR_I64 : IR_I32, k, &imm)) {
        copy_to(g, size, d, a);
        asm_alu_ri(&g->as, ALU_AND, size, d, imm);
    } else {
        asm_mov_imm(&g->as, HR_SCRATCH, k);
        copy_to(g, size, d, a);
        asm_alu_rr(&g->as, ALU_AND, size, d, HR_SCRATCH);
    }
}

static void alu_const(HostGen *g, const IrInsn *i, IrVal v, uint64_t k)
{
    unsigned size = size_of(i->type), a = hg_use(g, i->arg[0]);
    AsmAlu op = alu_of(i->op);
    int32_t imm;

    hg_release(g);
    unsigned d = hg_def(g, v, wish_of(a));
    if (i->op == IR_AND) {
        and_imm(g, size, d, a, k);
        return;
    }
    if (!hg_imm_fits(i->type, k, &imm)) {
        asm_mov_imm(&g->as, HR_SCRATCH, k);
        copy_to(g, size, d, a);
        asm_alu_rr(&g->as, op, size, d, HR_SCRATCH);
        sets_zero_flag(g, v);
    } else if (d != a && (op == ALU_ADD || (op == ALU_SUB && imm != INT32_MIN))) {
        asm_lea(&g->as, size, d, asm_mem(a, op == ALU_ADD ? imm : -imm));
    } else {
        copy_to(g, size, d, a);
        asm_alu_ri(&g->as, op, size, d, imm);
        sets_zero_flag(g, v);
    }
}

/* d = a + (b << k), for which analyse.c folded the shift into the sum. */
static void emit_scaled_add(HostGen *g, const IrInsn *i, IrVal v)
{
    unsigned n = g->fold[v] - HG_SCALED;
    unsigned a = hg_use(g, i->arg[1 - n]), b = hg_use(g, hg_operand_root(g, i, v, n));
    uint64_t k;

    ir_const_value(g->b, ir_at(g->b, i->arg[n])->arg[1], &k);
    hg_release(g);
    unsigned d = hg_def(g, v, wish_of(a) | wish_of(b));
    asm_lea(&g->as, size_of(i->type), d, asm_mem_index(a, b, (unsigned)k, 0));
}

/* x + (s < a): the comparison is only made where the flags are not there. What uses and results of values may
 * need in between are moves, which keep flags. */
static void emit_adc(HostGen *g, const IrInsn *i, IrVal v)
{
    unsigned n = g->fold[v] - HG_ADC, size = size_of(i->type);
    IrVal s = hg_operand_root(g, i, v, n), a = hg_third_root(g, i, v);
    IrType t = ir_type(g->b, ir_at(g->b, i->arg[n])->arg[0]);
    bool there = has_carry(g, s, a) && t == ir_type(g->b, s);
    unsigned x = hg_use(g, i->arg[1 - n]);

    if (!there) {
        unsigned rs = hg_use(g, s);
        asm_alu_rr(&g->as, ALU_CMP, size_of(t), rs, hg_use(g, a));
    }
    hg_release(g);
    unsigned d = hg_def(g, v, wish_of(x));
    copy_to(g, size, d, x);
    asm_alu_ri(&g->as, ALU_ADC, size, d, 0);
}

/* d = a op b for the five plain ones. */
static void emit_alu(HostGen *g, const IrInsn *i, IrVal v)
{
    unsigned size = size_of(i->type);
    AsmAlu op = alu_of(i->op);
    uint64_t k;

    if (i->op == IR_ADD && g->fold[v]) {
        if (g->fold[v] >= HG_ADC) {
            emit_adc(g, i, v);
        } else {
            emit_scaled_add(g, i, v);
        }
        return;
    }
    if (imm_operand(g, i, v, 1, &k)) {
        alu_const(g, i, v, k);
        return;
    }
    unsigned a = hg_use(g, i->arg[0]);
    AsmRm b = hg_use_rm(g, i->arg[1]);
    hg_release(g);
    uint16_t wish = wish_of(a);
    bool swap = is_commutative(i->op) && b.kind == ASM_RM_REG;
    unsigned d = hg_def(g, v, swap ? wish | wish_of(b.base) : wish);
    if (b.kind == ASM_RM_REG && d == b.base && d != a) {
        if (swap) {
            asm_alu_rr(&g->as, op, size, d, a);
        } else { /* a - b into b */
            asm_unary(&g->as, UN_NEG, size, asm_reg(d));
            asm_alu_rr(&g->as, ALU_ADD, size, d, a);
        }
    } else if (op == ALU_ADD && d != a && b.kind == ASM_RM_REG && !(g->later[v] & HG_CARRY)) {
        asm_lea(&g->as, size, d, asm_mem_index(a, b.base, 0, 0));
        return;
    } else {
        copy_to(g, size, d, a);
        asm_alu(&g->as, op, size, d, b);
    }
    sets_zero_flag(g, v);
    if (op == ALU_ADD) {
        sets_carry(g, v);
    }
}

/* Both halves of a product of 64 bits: v's and w's; w 0: only the high half, v. */
static void emit_product(HostGen *g, const IrInsn *i, IrVal v, IrVal w)
{
    bool low_first = i->op == IR_MUL, sign = ir_at(g->b, low_first ? w : v)->op == IR_MULHS;
    IrVal low = low_first ? v : w, high = low_first ? w : v;

    hg_take(g, RDX);
    if (!sign) {
        hg_use_in(g, i->arg[0], RDX);
        unsigned b = hg_use(g, i->arg[1]);
        hg_release(g);
        unsigned h = g->val[high].last ? hg_def(g, high, 0) : HR_SCRATCH;
        unsigned l = g->val[low].last ? hg_def(g, low, 0) : HR_SCRATCH;
        asm_vrrr(&g->as, I_MULX, true, h, l, b);
        return;
    }
    hg_take(g, RAX);
    hg_use_in(g, i->arg[0], RAX);
    unsigned b = hg_use(g, i->arg[1]);
    asm_unary(&g->as, UN_IMUL, 8, asm_reg(b));
    hg_release(g);
    hg_def_in(g, low, RAX);
    hg_def_in(g, high, RDX);
}

static void emit_mul(HostGen *g, const IrInsn *i, IrVal v)
{
    if (hg_twin(g, v)) {
        emit_product(g, i, v, hg_twin(g, v));
        return;
    }
    unsigned size = size_of(i->type), a = hg_use(g, i->arg[0]), d;
    uint64_t k;
    int32_t imm;

    if (imm_operand(g, i, v, 1, &k)) {
        hg_release(g);
        d = hg_def(g, v, wish_of(a));
        if (hg_imm_fits(i->type, k, &imm)) {
            asm_imul_imm(&g->as, size, d, asm_reg(a), imm);
        } else {
            asm_mov_imm(&g->as, HR_SCRATCH, k);
            copy_to(g, size, d, a);
            asm_imul(&g->as, size, d, asm_reg(HR_SCRATCH));
        }
        return;
    }
    unsigned b = hg_use(g, i->arg[1]);
    hg_release(g);
    d = hg_def(g, v, wish_of(a) | wish_of(b));
    copy_to(g, size, d, d == b ? b : a);
    asm_imul(&g->as, size, d, asm_reg(d == b ? a : b));
}

static void emit_andn(HostGen *g, const IrInsn *i, IrVal v)
{
    unsigned size = size_of(i->type), a = hg_use(g, i->arg[0]);
    uint64_t k;

    if (imm_operand(g, i, v, 1, &k)) {
        hg_release(g);
        and_imm(g, size, hg_def(g, v, wish_of(a)), a, ~k & ir_type_mask(i->type));
        return;
    }
    unsigned b = hg_use(g, i->arg[1]);
    hg_release(g);
    unsigned d = hg_def(g, v, 0);
    asm_v3(&g->as, I_ANDN, size == 8, d, b, asm_reg(a), 0); /* ~b & a */
}

static void emit_shift(HostGen *g, const IrInsn *i, IrVal v)
{
    static const uint8_t imm_op[] = { SH_SHL, SH_SHR, SH_SAR }; /* from IR_SHL on */
    static const uint16_t var_op[] = { I_SHLX, I_SHRX, I_SARX };
    unsigned size = size_of(i->type), a = hg_use(g, i->arg[0]), d;
    uint64_t k;

    if (imm_operand(g, i, v, 1, &k)) {
        hg_release(g);
        d = hg_def(g, v, wish_of(a));
        k &= size * 8 - 1;
        if (i->op == IR_SHL && d != a && k >= 1 && k <= 3) {
            asm_lea(&g->as, size, d, asm_mem_index(k == 1 ? a : ASM_NO_REG, a, k == 1 ? 0 : k, 0));
            return;
        }
        copy_to(g, size, d, a);
        if (k) {
            asm_shift_imm(&g->as, imm_op[i->op - IR_SHL], size, asm_reg(d), k);
        } else if (size == 4 && d == a) {
            asm_mov_rr(&g->as, 4, d, a);
        }
        return;
    }
    unsigned b = hg_use(g, i->arg[1]);
    hg_release(g);
    d = hg_def(g, v, wish_of(a));
    asm_vrrr(&g->as, var_op[i->op - IR_SHL], size == 8, d, a, b);
}

static void emit_rotate(HostGen *g, const IrInsn *i, IrVal v)
{
    AsmShift op = i->op == IR_ROTL ? SH_ROL : SH_ROR;
    unsigned size = size_of(i->type), d;
    uint64_t k;

    if (imm_operand(g, i, v, 1, &k)) {
        unsigned a = hg_use(g, i->arg[0]);
        hg_release(g);
        d = hg_def(g, v, wish_of(a));
        k &= size * 8 - 1;
        copy_to(g, size, d, a);
        if (k) {
            asm_shift_imm(&g->as, op, size, asm_reg(d), k);
        } else if (size == 4 && d == a) {
            asm_mov_rr(&g->as, 4, d, a);
        }
        return;
    }
    hg_take(g, RCX);
    hg_use_in(g, i->arg[1], RCX);
    unsigned a = hg_use(g, i->arg[0]);
    asm_mov_rr(&g->as, size, HR_SCRATCH, a);
    asm_shift_cl(&g->as, op, size, asm_reg(HR_SCRATCH));
    hg_release(g);
    d = hg_def(g, v, wish_of(a));
    asm_mov_rr(&g->as, size, d, HR_SCRATCH);
}

static void emit_pdep(HostGen *g, const IrInsn *i, IrVal v)
{
    unsigned a = hg_use(g, i->arg[0]), b = hg_use(g, i->arg[1]);

    hg_release(g);
    unsigned d = hg_def(g, v, 0);
    asm_vrrr(&g->as, i->op == IR_PDEP ? I_PDEP : I_PEXT, i->type == IR_I64, d, a, b);
}

/* High half of the product. */
static void emit_mulh(HostGen *g, const IrInsn *i, IrVal v)
{
    bool sign = i->op == IR_MULHS;

    if (i->type == IR_I32) {
        unsigned a = hg_use(g, i->arg[0]), b = hg_use(g, i->arg[1]);
        unsigned t = hg_temp(g, false);
        if (sign) {
            asm_movsx(&g->as, 8, 4, t, asm_reg(a));
            asm_movsx(&g->as, 8, 4, HR_SCRATCH, asm_reg(b));
        } else {
            asm_movzx(&g->as, 4, t, asm_reg(a));
            asm_movzx(&g->as, 4, HR_SCRATCH, asm_reg(b));
        }
        asm_imul(&g->as, 8, HR_SCRATCH, asm_reg(t));
        asm_shift_imm(&g->as, SH_SHR, 8, asm_reg(HR_SCRATCH), 32);
        hg_release(g);
        asm_mov_rr(&g->as, 4, hg_def(g, v, 0), HR_SCRATCH);
        return;
    }
    emit_product(g, i, v, hg_twin(g, v));
}

/* ---- one operand ---- */

static void emit_unary(HostGen *g, const IrInsn *i, IrVal v)
{
    unsigned size = size_of(i->type), a = hg_use(g, i->arg[0]);
    AsmRm ra = asm_reg(a);
    AsmBuf *as = &g->as;

    hg_release(g);
    unsigned d = hg_def(g, v, wish_of(a));
    switch (i->op) {
    case IR_NOT:
    case IR_NEG:
        copy_to(g, size, d, a);
        asm_unary(as, i->op == IR_NOT ? UN_NOT : UN_NEG, size, asm_reg(d));
        break;
    case IR_SEXT8: asm_movsx(as, size, 1, d, ra); break;
    case IR_SEXT16: asm_movsx(as, size, 2, d, ra); break;
    case IR_SEXT32: asm_movsx(as, 8, 4, d, ra); break;
    case IR_ZEXT8: asm_movzx(as, 1, d, ra); break;
    case IR_ZEXT16: asm_movzx(as, 2, d, ra); break;
    case IR_ZEXT32: asm_movzx(as, 4, d, ra); break;
    case IR_BSWAP16:
        copy_to(g, 4, d, a);
        asm_bswap(as, 4, d);
        asm_shift_imm(as, SH_SHR, 4, asm_reg(d), 16);
        break;
    case IR_BSWAP32:
        copy_to(g, 4, d, a);
        asm_bswap(as, 4, d);
        break;
    case IR_BSWAP64:
        copy_to(g, 8, d, a);
        asm_bswap(as, 8, d);
        break;
    case IR_CLZ: asm_count(as, CNT_LZCNT, size, d, ra); break;
    case IR_CTZ: asm_count(as, CNT_TZCNT, size, d, ra); break;
    default: asm_count(as, CNT_POPCNT, size, d, ra); break;
    }
}

static void emit_extract(HostGen *g, const IrInsn *i, IrVal v)
{
    unsigned size = size_of(i->type), bits = size * 8, a = hg_use(g, i->arg[0]);
    unsigned pos = i->imm & 0xff, len = i->imm >> 8;
    bool sign = i->op == IR_EXTRACTS;
    AsmBuf *as = &g->as;

    hg_release(g);
    unsigned d = hg_def(g, v, wish_of(a));
    AsmRm rd = asm_reg(d);
    if (pos + len == bits) { /* the top */
        copy_to(g, size, d, a);
        if (pos) {
            asm_shift_imm(as, sign ? SH_SAR : SH_SHR, size, rd, pos);
        } else if (size == 4 && d == a) {
            asm_mov_rr(as, 4, d, a);
        }
        return;
    }
    unsigned from = a;
    if (pos && (len == 8 || len == 16 || len == 32 || (!sign && len < 31))) {
        copy_to(g, size, d, a);
        asm_shift_imm(as, SH_SHR, size, rd, pos);
        from = d;
        pos = 0;
    }
    if (pos == 0 && (len == 8 || len == 16 || len == 32)) {
        if (sign) {
            asm_movsx(as, size, len / 8, d, asm_reg(from));
        } else {
            asm_movzx(as, len / 8, d, asm_reg(from));
        }
    } else if (pos == 0 && !sign && len < 31) {
        copy_to(g, 4, d, from);
        asm_alu_ri(as, ALU_AND, 4, d, (1 << len) - 1);
    } else {
        copy_to(g, size, d, from);
        asm_shift_imm(as, SH_SHL, size, rd, bits - pos - len);
        asm_shift_imm(as, sign ? SH_SAR : SH_SHR, size, rd, bits - len);
    }
}

/* The left half of 64 bits: SHRD takes several times as long. */
static void deposit_high(HostGen *g, const IrInsn *i, IrVal v)
{
    unsigned a = hg_use(g, i->arg[0]), b = hg_use(g, i->arg[1]);
    AsmBuf *as = &g->as;

    asm_mov_rr(as, 8, HR_SCRATCH, b);
    hg_release(g);
    unsigned d = hg_def(g, v, wish_of(a));
    asm_mov_rr(as, 4, d, a);
    asm_shift_imm(as, SH_SHL, 8, asm_reg(HR_SCRATCH), 32);
    asm_alu_rr(as, ALU_OR, 8, d, HR_SCRATCH);
}

/* The right half, which most often has zeros above it already. */
static void deposit_low(HostGen *g, const IrInsn *i, IrVal v)
{
    unsigned a = hg_use(g, i->arg[0]), b = hg_use(g, i->arg[1]);
    bool narrow = ir_value_width(g->b, i->arg[1]) <= 32;
    AsmBuf *as = &g->as;

    hg_release(g);
    unsigned d = hg_def(g, v, wish_of(a));
    if (!narrow || d == b) {
        asm_mov_rr(as, 4, HR_SCRATCH, b);
        b = HR_SCRATCH;
    }
    copy_to(g, 8, d, a);
    asm_alu(as, ALU_AND, 8, d, hg_frame(FRAME_OFF(high_half)));
    asm_alu_rr(as, ALU_OR, 8, d, b);
}

static void emit_deposit(HostGen *g, const IrInsn *i, IrVal v)
{
    unsigned size = size_of(i->type), bits = size * 8;
    unsigned pos = i->imm & 0xff, len = i->imm >> 8;
    AsmBuf *as = &g->as;

    if (size == 8 && len == 32 && (pos == 0 || pos == 32)) {
        (pos ? deposit_high : deposit_low)(g, i, v);
        return;
    }
    unsigned a = hg_use(g, i->arg[0]), b = hg_use(g, i->arg[1]);
    if (len >= bits) {
        hg_release(g);
        asm_mov_rr(as, size, hg_def(g, v, wish_of(b)), b);
        return;
    }
    asm_mov_rr(as, 8, HR_SCRATCH, b);
    hg_release(g);
    unsigned d = hg_def(g, v, wish_of(a));
    copy_to(g, size, d, a);
    if (pos == 0 && (len == 8 || len == 16)) {
        if (size == 4 && d == a) {
            asm_mov_rr(as, 4, d, d);
        }
        asm_mov_rr(as, len / 8, d, HR_SCRATCH);
        return;
    }
    if (pos) {
        asm_shift_imm(as, SH_ROR, size, asm_reg(d), pos);
    }
    asm_shrd_imm(as, size, asm_reg(d), HR_SCRATCH, len);
    asm_shift_imm(as, SH_ROL, size, asm_reg(d), (pos + len) & (bits - 1));
}

/* ---- conditions ---- */

static const uint8_t cc_of[IR_COND_COUNT] = {
    [IR_EQ] = CC_E,   [IR_NE] = CC_NE, [IR_LT] = CC_L,   [IR_GE] = CC_GE,
    [IR_LE] = CC_LE,  [IR_GT] = CC_G,  [IR_LTU] = CC_B,  [IR_GEU] = CC_AE,
    [IR_LEU] = CC_BE, [IR_GTU] = CC_A, [IR_TSTZ] = CC_E, [IR_TSTNZ] = CC_NE,
};

/* A test of flags as COMI gives them: it is done here. */
static AsmCc float_compare(HostGen *g, const IrInsn *i, IrVal v)
{
    const IrInsn *comi = ir_at(g->b, g->root[i->arg[0]]);
    unsigned a = hg_use(g, hg_operand_root(g, i, v, 0)), b = hg_use(g, hg_operand_root(g, i, v, 1));
    uint64_t mask = 0;

    hg_const(g, i->arg[1], &mask);
    emit_comi(g, comi, a, b);
    AsmCc cc = mask == 1 ? CC_B : mask == 4 ? CC_P : mask == 0x40 ? CC_E : CC_BE;
    return i->sub == IR_TSTNZ ? cc : cc ^ 1;
}

/* Compare operands 0 and 1 of i as its sub says; the host condition that is true then. */
AsmCc emit_compare(HostGen *g, const IrInsn *i, IrVal v)
{
    if (g->comi[v]) {
        return float_compare(g, i, v);
    }
    IrType t = ir_type(g->b, i->arg[0]);
    unsigned size = size_of(t);
    bool test = i->sub == IR_TSTZ || i->sub == IR_TSTNZ;
    AsmBuf *as = &g->as;
    uint64_t k;
    int32_t imm;

    if (!imm_operand(g, i, v, 1, &k)) {
        unsigned b = hg_use(g, i->arg[1]);
        AsmRm a = hg_use_rm(g, i->arg[0]);
        if (test) {
            asm_test(as, size, a, b);
        } else {
            asm_alu_store(as, ALU_CMP, size, a, b);
        }
        return cc_of[i->sub];
    }
    unsigned a = hg_use(g, i->arg[0]);
    if (test && k <= 0x7fffffff) {
        asm_test_imm(as, k <= 0x7f || (k <= 0xff) ? 1 : 4, asm_reg(a), (int32_t)k);
    } else if (!hg_imm_fits(t, k, &imm)) {
        asm_mov_imm(as, HR_SCRATCH, k);
        if (test) {
            asm_test(as, size, asm_reg(a), HR_SCRATCH);
        } else {
            asm_alu_store(as, ALU_CMP, size, asm_reg(a), HR_SCRATCH);
        }
    } else if (test) {
        asm_test_imm(as, size, asm_reg(a), imm);
    } else if (imm == 0) {
        if ((i->sub != IR_EQ && i->sub != IR_NE) || !has_zero_flag(g, i->arg[0])) {
            asm_test(as, size, asm_reg(a), a);
        }
    } else {
        asm_alu_ri(as, ALU_CMP, size, a, imm);
    }
    return cc_of[i->sub];
}

static void emit_setcond(HostGen *g, const IrInsn *i, IrVal v)
{
    AsmCc cc = emit_compare(g, i, v);

    hg_release(g);
    unsigned d = hg_def(g, v, 0); /* only moves: flags stay */
    asm_setcc(&g->as, cc, asm_reg(d));
    asm_movzx(&g->as, 1, d, asm_reg(d));
}

static void emit_movcond(HostGen *g, const IrInsn *i, IrVal v)
{
    bool vec = i->type >= IR_V128;
    unsigned t = hg_use(g, i->arg[2]), f = hg_use(g, i->arg[3]);
    AsmCc cc = emit_compare(g, i, v);

    hg_release(g);
    unsigned d = hg_def(g, v, wish_of(f) | (vec ? 0 : wish_of(t)));
    if (vec) {
        AsmLabel over = asm_label(&g->as);
        bool wide = i->type == IR_V256;
        if (d == t) {
            asm_jcc_short(&g->as, cc, over);
            asm_vrr(&g->as, I_VMOVDQA, wide, d, f);
        } else {
            hg_load_vec(g, d, i->type, (HostLoc){ .kind = LOC_VREG, .reg = f });
            asm_jcc_short(&g->as, cc ^ 1, over);
            asm_vrr(&g->as, I_VMOVDQA, wide, d, t);
        }
        asm_bind(&g->as, over);
        return;
    }
    unsigned size = size_of(i->type);
    if (d == t && d != f) {
        asm_cmov(&g->as, cc ^ 1, size, d, asm_reg(f));
    } else {
        copy_to(g, size, d, f);
        asm_cmov(&g->as, cc, size, d, asm_reg(t));
    }
}

/* ---- divisions ---- */

/* The quotient to RAX, the remainder to RDX; the divisor is 0, or of signed ones -1. */
static void odd_division(HostGen *g, unsigned size, bool sign, unsigned b, AsmLabel done)
{
    AsmBuf *as = &g->as;
    AsmLabel zero = asm_label(as);

    if (sign) {
        asm_test(as, size, asm_reg(b), b);
        asm_jcc_short(as, CC_E, zero);
        asm_unary(as, UN_NEG, size, asm_reg(RAX));
        asm_alu_rr(as, ALU_XOR, 4, RDX, RDX);
        asm_jmp_short(as, done);
        asm_bind(as, zero);
    }
    asm_mov_rr(as, size, RDX, RAX);
    asm_alu_rr(as, ALU_XOR, 4, RAX, RAX);
}

/* The result that is in `from`, and the remainder in RDX if somebody wants that. */
static void take_division(HostGen *g, unsigned size, IrVal v, unsigned from)
{
    IrVal w = hg_twin(g, v);

    if (w) {
        hg_release(g);
        hg_def_in(g, v, RAX);
        hg_def_in(g, w, RDX);
        return;
    }
    g->lock[0] &= ~(HR_BIT(RAX) | HR_BIT(RDX));
    hg_release(g);
    copy_to(g, size, hg_def(g, v, HR_BIT(from)), from);
}

static void emit_div(HostGen *g, const IrInsn *i, IrVal v)
{
    bool sign = i->op == IR_DIVS || i->op == IR_REMS, rem = i->op == IR_REMU || i->op == IR_REMS;
    unsigned size = size_of(i->type), from = rem ? RDX : RAX;
    AsmBuf *as = &g->as;
    AsmLabel plain = asm_label(as), done = asm_label(as);

    hg_take(g, RDX);
    hg_take(g, RAX);
    hg_use_in(g, i->arg[0], RAX);
    unsigned b = hg_use(g, i->arg[1]);
    if (sign) {
        asm_lea(as, size, HR_SCRATCH, asm_mem(b, 1));
        asm_alu_ri(as, ALU_CMP, size, HR_SCRATCH, 1);
        asm_jcc_short(as, CC_A, plain);
    } else {
        asm_test(as, size, asm_reg(b), b);
        asm_jcc_short(as, CC_NE, plain);
    }
    odd_division(g, size, sign, b, done);
    asm_jmp_short(as, done);
    asm_bind(as, plain);
    if (sign) {
        asm_cdq(as, size);
    } else {
        asm_alu_rr(as, ALU_XOR, 4, RDX, RDX);
    }
    asm_unary(as, sign ? UN_IDIV : UN_DIV, size, asm_reg(b));
    asm_bind(as, done);
    take_division(g, size, v, from);
}

/* Two registers by one. */
static void emit_divuw(HostGen *g, const IrInsn *i, IrVal v)
{
    AsmBuf *as = &g->as;
    AsmLabel fits = asm_label(as), done = asm_label(as);

    hg_take(g, RDX);
    hg_take(g, RAX);
    hg_use_in(g, i->arg[0], RDX);
    hg_use_in(g, i->arg[1], RAX);
    unsigned b = hg_use(g, i->arg[2]);
    asm_alu_rr(as, ALU_CMP, 8, RDX, b);
    asm_jcc_short(as, CC_B, fits);
    asm_mov_rr(as, 8, RDX, RAX);
    asm_alu_rr(as, ALU_XOR, 4, RAX, RAX);
    asm_jmp_short(as, done);
    asm_bind(as, fits);
    asm_unary(as, UN_DIV, 8, asm_reg(b));
    asm_bind(as, done);
    take_division(g, 8, v, RAX);
}

bool emit_int(HostGen *g, const IrInsn *i, IrVal v)
{
    switch (i->op) {
    case IR_ADD:
    case IR_SUB:
    case IR_AND:
    case IR_OR:
    case IR_XOR: emit_alu(g, i, v); return true;
    case IR_MUL: emit_mul(g, i, v); return true;
    case IR_MULHU:
    case IR_MULHS: emit_mulh(g, i, v); return true;
    case IR_DIVU:
    case IR_DIVS:
    case IR_REMU:
    case IR_REMS: emit_div(g, i, v); return true;
    case IR_DIVUW: emit_divuw(g, i, v); return true;
    case IR_ANDN: emit_andn(g, i, v); return true;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR: emit_shift(g, i, v); return true;
    case IR_ROTL:
    case IR_ROTR: emit_rotate(g, i, v); return true;
    case IR_PDEP:
    case IR_PEXT: emit_pdep(g, i, v); return true;
    case IR_EXTRACTU:
    case IR_EXTRACTS: emit_extract(g, i, v); return true;
    case IR_DEPOSIT: emit_deposit(g, i, v); return true;
    case IR_SETCOND: emit_setcond(g, i, v); return true;
    case IR_MOVCOND: emit_movcond(g, i, v); return true;
    default:
        if (i->op >= IR_NOT && i->op <= IR_POPCNT) {
            emit_unary(g, i, v);
            return true;
        }
        return false;
    }
}
