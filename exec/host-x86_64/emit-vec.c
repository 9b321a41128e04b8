/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector ops that are one host instruction for each lane size, as a table, and the row table of all
 * vector and floating-point emitters. The ops are defined as SSE/AVX semantics, so the
 * instruction of the same operands in the same order is exact. AVX2 and FMA are assumed
 * (host_available()).
 */
#include "emit-vec-priv.h"

Vec vec_open(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    IrType t = ir_type_is_vec(i->type) ? (IrType)i->type : hg_type(g, i->arg[0]);

    return (Vec){
        .g = g,
        .a = hg_asm(g),
        .i = i,
        .w = t == IR_V256,
        .d = x->d,
        .s = { x->a[0], x->a[1], x->a[2] },
        .t0 = HV_SCRATCH,
        .t1 = x->vt[0],
        .t2 = x->vt[1],
        .t3 = x->vt[2],
    };
}

void v3_lit(const Vec *v, AsmVex op, unsigned d, unsigned s, unsigned bits, uint64_t value)
{
    IrVec l;

    for (unsigned k = 0; k < sizeof(l); k++) {
        l.b[k] = value >> 8 * (k % (bits / 8));
    }
    asm_v3(v->a, op, v->w, d, s, hg_literal(v->g, &l, v->w ? 32 : 16), 0);
}

/* By lane size; 0 (which is a move): no such instruction. Ops without lanes repeat theirs. */
#define ALL(n)                     \
    {                              \
        I_##n, I_##n, I_##n, I_##n \
    }
#define LANES(b, w, d, q) \
    {                     \
        b, w, d, q        \
    }
#define BWDQ(n) LANES(I_##n##B, I_##n##W, I_##n##D, I_##n##Q)
static const uint16_t one_insn[IR_OP_COUNT][4] = {
    [IR_VAND] = ALL(VPAND),
    [IR_VOR] = ALL(VPOR),
    [IR_VXOR] = ALL(VPXOR),
    [IR_VANDN] = ALL(VPANDN),
    [IR_VADD] = BWDQ(VPADD),
    [IR_VSUB] = BWDQ(VPSUB),
    [IR_VMULHRS] = LANES(0, I_VPMULHRSW, 0, 0),
    [IR_VMULEU] = ALL(VPMULUDQ),
    [IR_VMULES] = ALL(VPMULDQ),
    [IR_VMADD] = ALL(VPMADDWD),
    [IR_VMADDUS] = ALL(VPMADDUBSW),
    [IR_VSAD] = ALL(VPSADBW),
    [IR_VMPSAD] = ALL(VMPSADBW),
    [IR_VHMINPOS] = ALL(VPHMINPOSUW),
    [IR_VCMPEQ] = BWDQ(VPCMPEQ),
    [IR_VCMPGTS] = BWDQ(VPCMPGT),
    [IR_VSIGN] = LANES(I_VPSIGNB, I_VPSIGNW, I_VPSIGND, 0),
    [IR_VHADD] = LANES(I_VPHADDW, I_VPHADDW, I_VPHADDD, I_VPHADDW),
    [IR_VHSUB] = LANES(I_VPHSUBW, I_VPHSUBW, I_VPHSUBD, I_VPHSUBW),
    [IR_VHADDSS] = ALL(VPHADDSW),
    [IR_VHSUBSS] = ALL(VPHSUBSW),
    [IR_VPSHUFB] = ALL(VPSHUFB),
    [IR_VSHUF32] = ALL(VPSHUFD),
    [IR_VSHUFLO16] = ALL(VPSHUFLW),
    [IR_VSHUFHI16] = ALL(VPSHUFHW),
    [IR_VSHUFPS] = ALL(VSHUFPS),
    [IR_VSHUFPD] = ALL(VSHUFPD),
    [IR_VUNPCKL] = LANES(I_VPUNPCKLBW, I_VPUNPCKLWD, I_VPUNPCKLDQ, I_VPUNPCKLQDQ),
    [IR_VUNPCKH] = LANES(I_VPUNPCKHBW, I_VPUNPCKHWD, I_VPUNPCKHDQ, I_VPUNPCKHQDQ),
    [IR_VPACKSS] = LANES(I_VPACKSSWB, I_VPACKSSWB, I_VPACKSSDW, I_VPACKSSWB),
    [IR_VPACKUS] = LANES(I_VPACKUSWB, I_VPACKUSWB, I_VPACKUSDW, I_VPACKUSWB),
    [IR_VALIGNR] = ALL(VPALIGNR),
    [IR_VPERMILV] = LANES(I_VPERMILPD, I_VPERMILPD, I_VPERMILPS, I_VPERMILPD),
    [IR_VPERMQ] = ALL(VPERMQ),
    [IR_VPERM2X128] = ALL(VPERM2I128),
    [IR_VMOVDDUP] = ALL(VMOVDDUP),
    [IR_VMOVSLDUP] = ALL(VMOVSLDUP),
    [IR_VMOVSHDUP] = ALL(VMOVSHDUP),
    [IR_VBSHLI] = ALL(VPSLLDQ_I),
    [IR_VBSHRI] = ALL(VPSRLDQ_I),
};

static bool emit_one(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);
    AsmVex op = one_insn[i->op][i->sub & 3];
    uint8_t imm = MIN(i->imm, 255); /* byte counts; the others fit */

    if (!op) {
        return false;
    }
    if (ir_nargs(i) == 2) {
        v3i(&v, op, v.d, v.s[0], v.s[1], imm);
    } else {
        v2i(&v, op, v.d, v.s[0], imm);
    }
    return true;
}

/* Indices are the encoding's first source. */
static bool emit_vpermd(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);

    v3(&v, I_VPERMD, v.d, v.s[1], v.s[0]);
    return true;
}

#define ONE(op)        [IR_##op] = { emit_one, 0, 0, 0 }
#define ROW(op, fn, n) [IR_##op] = { emit_##fn, n, 0, HOP_CLEAN }
const HostRow host_vec_rows[IR_OP_COUNT] = {
    ONE(VAND),
    ONE(VOR),
    ONE(VXOR),
    ONE(VANDN),
    ONE(VADD),
    ONE(VSUB),
    ONE(VMULHRS),
    ONE(VMULEU),
    ONE(VMULES),
    ONE(VMADD),
    ONE(VMADDUS),
    ONE(VSAD),
    ONE(VMPSAD),
    ONE(VHMINPOS),
    ONE(VCMPEQ),
    ONE(VCMPGTS),
    ONE(VSIGN),
    ONE(VHADD),
    ONE(VHSUB),
    ONE(VHADDSS),
    ONE(VHSUBSS),
    ONE(VPSHUFB),
    ONE(VSHUF32),
    ONE(VSHUFLO16),
    ONE(VSHUFHI16),
    ONE(VSHUFPS),
    ONE(VSHUFPD),
    ONE(VUNPCKL),
    ONE(VUNPCKH),
    ONE(VPACKSS),
    ONE(VPACKUS),
    ONE(VALIGNR),
    ONE(VPERMILV),
    ONE(VPERMQ),
    ONE(VPERM2X128),
    ONE(VMOVDDUP),
    ONE(VMOVSLDUP),
    ONE(VMOVSHDUP),
    ONE(VBSHLI),
    ONE(VBSHRI),
    ROW(VPERMD, vpermd, 0),
    ROW(VMULLO, vmullo, 1),
    ROW(VMULHS, vmulh, 1),
    ROW(VMULHU, vmulh, 1),
    ROW(VADDSS, vsat, 1),
    ROW(VADDUS, vsat, 1),
    ROW(VSUBSS, vsat, 1),
    ROW(VSUBUS, vsat, 1),
    ROW(VMINS, vminmax, 1),
    ROW(VMINU, vminmax, 1),
    ROW(VMAXS, vminmax, 1),
    ROW(VMAXU, vminmax, 1),
    ROW(VAVGU, vavgu, 0),
    ROW(VCMPGTU, vcmpgtu, 1),
    ROW(VABS, vabs, 1),
    ROW(VNOT, vnot, 0),
    ROW(VBITSEL, vbitsel, 0),
    ROW(VSHLI, vshift_imm, 1),
    ROW(VSHRI, vshift_imm, 1),
    ROW(VSARI, vshift_imm, 1),
    ROW(VSHL, vshift, 1),
    ROW(VSHR, vshift, 1),
    ROW(VSAR, vshift, 1),
    ROW(VSHLV, vshift_var, 2),
    ROW(VSHRV, vshift_var, 2),
    ROW(VSARV, vshift_var, 3),
    ROW(VTESTZ, vtest, 0),
    ROW(VTESTC, vtest, 0),
    ROW(VGETLANE, vgetlane, 0),
    ROW(VSETLANE, vsetlane, 0),
    ROW(VDUP, vdup, 0),
    ROW(VSPLAT, vsplat, 0),
    ROW(VFROMI, vfromi, 0),
    ROW(VLANE, vlane, 0),
    ROW(VINSLANE, vinslane, 0),
    ROW(VMOVMSK, vmovmsk, 0),
    ROW(VSEXT, vextend, 0),
    ROW(VZEXT, vextend, 0),
    ROW(VZEXT256, vhalves, 0),
    ROW(VLO128, vhalves, 0),
    ROW(VHI128, vhalves, 0),
    ROW(VCONCAT, vhalves, 0),
    ROW(VBLENDV, vblend, 0),
    ROW(VBLENDI, vblend, 0),
    ROW(VFADD, vf2, 0),
    ROW(VFSUB, vf2, 0),
    ROW(VFMUL, vf2, 0),
    ROW(VFDIV, vf2, 0),
    ROW(VFMIN, vf2, 0),
    ROW(VFMAX, vf2, 0),
    ROW(VFSQRT, vf2, 0),
    ROW(VFRCP, vf2, 0),
    ROW(VFRSQRT, vf2, 0),
    ROW(VFROUND, vf2, 0),
    ROW(VFCMP, vf2, 0),
    ROW(VFHADD, vf2, 0),
    ROW(VFHSUB, vf2, 0),
    ROW(VFADDSUB, vf2, 0),
    ROW(VFDP, vfdp, 1),
    ROW(VFCOMI, vfcomi, 0),
    ROW(VFMADD, vfma, 0),
    ROW(VFMSUB, vfma, 0),
    ROW(VFNMADD, vfma, 0),
    ROW(VFNMSUB, vfma, 0),
    ROW(VFMADDSUB, vfma, 0),
    ROW(VFMSUBADD, vfma, 0),
    ROW(VFCVTSI, vfcvtsi, 0),
    ROW(VFTOSI, vftosi, 0),
    ROW(VFCVTSS, vf2, 0),
    ROW(VFFROMI32, vfcvt, 0),
    ROW(VFTOI32, vfcvt, 0),
    ROW(VFWIDEN, vfcvt, 0),
    ROW(VFNARROW, vfcvt, 0),
    ROW(VFPHTOPS, vfcvt, 0),
    ROW(VFPSTOPH, vfcvt, 0),
};
