/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating-point ops: the host instruction of the same shape, under the guest's MXCSR, which the
 * engine keeps loaded while translated code runs. Results, NaNs and sticky flags are then the
 * guest's by definition; operands are never swapped.
 *
 * A scalar shape keeps the upper lanes of operand a. VEX scalar instructions do that up to bit
 * 127 and clear the rest, so at 256 bits the upper half is blended back.
 */
#include "emit-vec-priv.h"

#define SHAPES(n)                                  \
    {                                              \
        I_##n##SS, I_##n##SD, I_##n##PS, I_##n##PD \
    }
#define F32(n)                     \
    {                              \
        I_##n##SS, 0, I_##n##PS, 0 \
    }
#define PACKED(n)                  \
    {                              \
        0, 0, I_##n##PS, I_##n##PD \
    }
static const uint16_t fp_insn[IR_OP_COUNT][4] = {
    [IR_VFADD] = SHAPES(VADD),
    [IR_VFSUB] = SHAPES(VSUB),
    [IR_VFMUL] = SHAPES(VMUL),
    [IR_VFDIV] = SHAPES(VDIV),
    [IR_VFMIN] = SHAPES(VMIN),
    [IR_VFMAX] = SHAPES(VMAX),
    [IR_VFSQRT] = SHAPES(VSQRT),
    [IR_VFRCP] = F32(VRCP),
    [IR_VFRSQRT] = F32(VRSQRT),
    [IR_VFROUND] = SHAPES(VROUND),
    [IR_VFCMP] = SHAPES(VCMP),
    [IR_VFHADD] = PACKED(VHADD),
    [IR_VFHSUB] = PACKED(VHSUB),
    [IR_VFADDSUB] = PACKED(VADDSUB),
    [IR_VFCVTSS] = { I_VCVTSS2SD, I_VCVTSD2SS },
};

static bool is_scalar(const IrInsn *i)
{
    return i->sub == FS32 || i->sub == FS64;
}

/* Where a scalar instruction writes, and the step that makes d of it. */
static unsigned scalar_target(const Vec *v)
{
    return v->w ? v->t0 : v->d;
}

static void scalar_done(const Vec *v, unsigned upper)
{
    if (v->w) {
        v_low_half(v, v->d, upper, v->t0);
    }
}

static uint8_t fp_imm(const IrInsn *i)
{
    return i->op == IR_VFCMP ? i->imm & 31 : i->imm & 15;
}

/* Operands a, b. Packed one-operand instructions work on b. */
bool emit_vf2(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);
    AsmVex op = fp_insn[i->op][i->sub & 3];

    if (!op) {
        return false;
    }
    if (is_scalar(i)) {
        asm_vrrri(v.a, op, false, scalar_target(&v), v.s[0], v.s[1], fp_imm(i));
        scalar_done(&v, v.s[0]);
    } else if ((asm_vex_info[op].form & ~VF_IMM) == VF_RM) {
        v2i(&v, op, v.d, v.s[1], fp_imm(i));
    } else {
        v3i(&v, op, v.d, v.s[0], v.s[1], fp_imm(i));
    }
    return true;
}

/* VDPPD has no 256-bit form: half by half. */
bool emit_vfdp(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);

    if (i->sub == FP32) {
        v3i(&v, I_VDPPS, v.d, v.s[0], v.s[1], i->imm);
        return true;
    }
    if (i->sub != FP64) {
        return false;
    }
    if (v.w) {
        asm_vrri(v.a, I_VEXTRACTF128, true, v.t0, v.s[0], 1);
        asm_vrri(v.a, I_VEXTRACTF128, true, v.t1, v.s[1], 1);
        asm_vrrri(v.a, I_VDPPD, false, v.t0, v.t0, v.t1, i->imm);
    }
    asm_vrrri(v.a, I_VDPPD, false, v.d, v.s[0], v.s[1], i->imm);
    if (v.w) {
        asm_vrrri(v.a, I_VINSERTF128, true, v.d, v.d, v.t0, 1);
    }
    return true;
}

/* CF, PF and ZF where EFLAGS has them: CF | PF << 2 | ZF << 6. */
void emit_comi(HostGen *g, const IrInsn *comi, unsigned a, unsigned b)
{
    bool f64 = comi->sub == FS64;
    AsmVex op = comi->imm ? (f64 ? I_VUCOMISD : I_VUCOMISS) : (f64 ? I_VCOMISD : I_VCOMISS);

    asm_vrr(hg_asm(g), op, false, a, b);
}

bool emit_vfcomi(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);

    if (x->unused) {
        emit_comi(g, i, v.s[0], v.s[1]);
        return true;
    }
    asm_alu_rr(v.a, ALU_XOR, 4, v.d, v.d);
    asm_alu_rr(v.a, ALU_XOR, 4, HR_SCRATCH, HR_SCRATCH);
    emit_comi(g, i, v.s[0], v.s[1]);
    asm_setcc(v.a, CC_B, asm_reg(v.d));
    asm_setcc(v.a, CC_P, asm_reg(HR_SCRATCH));
    asm_lea(v.a, 4, v.d, asm_mem_index(v.d, HR_SCRATCH, 2, 0));
    asm_setcc(v.a, CC_E, asm_reg(HR_SCRATCH)); /* lea keeps flags; upper bits are still zero */
    asm_shift_imm(v.a, SH_SHL, 4, asm_reg(HR_SCRATCH), 6);
    asm_alu_rr(v.a, ALU_OR, 4, v.d, HR_SCRATCH);
    return true;
}

/* ---- fused multiply-add ---- */

/*
 * Which operand the instruction overwrites decides its form; all three take NaNs in the order a, b, c
 * (SDM volume 1, table 14-17): 132 a := a * b + c, 213 b := a * b + c, 231 c := a * b + c.
 */
#define FMA3(n, s)                                  \
    {                                               \
        I_##n##132##s, I_##n##213##s, I_##n##231##s \
    }
#define FMA4(n)                                            \
    {                                                      \
        FMA3(n, SS), FMA3(n, SD), FMA3(n, PS), FMA3(n, PD) \
    }
#define FMA_PP(n)                              \
    {                                          \
        { 0 }, { 0 }, FMA3(n, PS), FMA3(n, PD) \
    }
static const uint16_t fma_insn[][4][3] = {
    FMA4(VFMADD), FMA4(VFMSUB), FMA4(VFNMADD), FMA4(VFNMSUB), FMA_PP(VFMADDSUB), FMA_PP(VFMSUBADD),
};

static unsigned fma_form(const Vec *v)
{
    if (is_scalar(v->i)) {
        return MIN(v->i->imm, 2); /* that operand's other lanes stay */
    }
    return v->d == v->s[0] ? 0 : v->d == v->s[1] ? 1 : 2;
}

bool emit_vfma(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);
    unsigned k = fma_form(&v);
    AsmVex op = fma_insn[i->op - IR_VFMADD][i->sub & 3][k];
    static const uint8_t second[3] = { 2, 0, 0 }, third[3] = { 1, 2, 1 };
    unsigned s = v.s[second[k]], t = v.s[third[k]];
    bool scalar = is_scalar(i), in_d = v.d == v.s[k] || (v.d != s && v.d != t);
    unsigned to = in_d && !(scalar && v.w) ? v.d : v.t0;

    if (!op) {
        return false;
    }
    v_move(&v, to, v.s[k]);
    v3(&v, op, to, s, t);
    if (scalar && v.w) {
        v_low_half(&v, v.d, v.s[k], v.t0);
    } else {
        v_move(&v, v.d, to);
    }
    return true;
}

/* ---- conversions ---- */

bool emit_vfcvtsi(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);
    bool q = hg_type(g, i->arg[1]) == IR_I64;
    AsmVex op =
        i->sub == FS64 ? (q ? I_VCVTSI2SD64 : I_VCVTSI2SD32) : (q ? I_VCVTSI2SS64 : I_VCVTSI2SS32);

    asm_vrrr(v.a, op, false, scalar_target(&v), v.s[0], v.s[1]);
    scalar_done(&v, v.s[0]);
    return true;
}

bool emit_vftosi(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    static const uint16_t op[2][2][2] = {
        /* FS64, i64, truncate */
        { { I_VCVTSS2SI32, I_VCVTTSS2SI32 }, { I_VCVTSS2SI64, I_VCVTTSS2SI64 } },
        { { I_VCVTSD2SI32, I_VCVTTSD2SI32 }, { I_VCVTSD2SI64, I_VCVTTSD2SI64 } },
    };
    Vec v = vec_open(g, i, x);

    asm_vrr(v.a, op[i->sub == FS64][i->type == IR_I64][!!i->imm], false, v.d, v.s[0]);
    return true;
}

/* The wider of operand and result says the instruction's width. */
bool emit_vfcvt(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);
    bool pd = i->sub == FP64, trunc = i->imm;

    v.w = i->type == IR_V256 || hg_type(g, i->arg[0]) == IR_V256;
    switch (i->op) {
    case IR_VFFROMI32: v2(&v, pd ? I_VCVTDQ2PD : I_VCVTDQ2PS, v.d, v.s[0]); break;
    case IR_VFTOI32:
        v2(&v, pd ? (trunc ? I_VCVTTPD2DQ : I_VCVTPD2DQ) : (trunc ? I_VCVTTPS2DQ : I_VCVTPS2DQ),
           v.d, v.s[0]);
        break;
    case IR_VFWIDEN: v2(&v, I_VCVTPS2PD, v.d, v.s[0]); break;
    case IR_VFNARROW: v2(&v, I_VCVTPD2PS, v.d, v.s[0]); break;
    case IR_VFPHTOPS: v2(&v, I_VCVTPH2PS, v.d, v.s[0]); break;
    case IR_VFPSTOPH: v2i(&v, I_VCVTPS2PH, v.d, v.s[0], i->imm & 15); break;
    default: return false;
    }
    return true;
}
