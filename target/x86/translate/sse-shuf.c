/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shuffles, blends, inserts and extracts, broadcasts and permutes of SSE and AVX.
 */
#include "target/x86/translate/simd-priv.h"

static IrVal shuf_op(X86Trans *t, IrVal x, IrVal y, unsigned imm)
{
    IrBuilder *b = t->b;
    switch ((X86Mn)t->i->mn) {
    case X86_MN_MOVDDUP: return ir_vmovddup(b, y);
    case X86_MN_MOVSLDUP: return ir_vmovsldup(b, y);
    case X86_MN_MOVSHDUP: return ir_vmovshdup(b, y);
    case X86_MN_UNPCKLPS: return ir_vunpckl(b, V32, x, y);
    case X86_MN_UNPCKLPD: return ir_vunpckl(b, V64, x, y);
    case X86_MN_UNPCKHPS: return ir_vunpckh(b, V32, x, y);
    case X86_MN_UNPCKHPD: return ir_vunpckh(b, V64, x, y);
    case X86_MN_SHUFPS: return ir_vshufps(b, x, y, imm);
    case X86_MN_SHUFPD: return ir_vshufpd(b, x, y, imm);
    case X86_MN_PSHUFD: return ir_vshuf32(b, y, imm);
    case X86_MN_PSHUFHW: return ir_vshufhi16(b, y, imm);
    case X86_MN_PSHUFLW:
    case X86_MN_PSHUFW: return ir_vshuflo16(b, y, imm);
    default: return ir_valignr(b, x, y, imm);
    }
}

void x86_tr_sse_shuf(X86Trans *t, const X86Insn *i)
{
    unsigned imm = i->imm & 0xff;
    if (!simd_is_mmx(t)) {
        SimdPair p = simd_pair(t);
        simd_write(t, 0, shuf_op(t, p.x, p.y, imm));
        return;
    }
    mmx_begin(t);
    SimdPair p = simd_pair(t);
    IrVal r;
    if (i->mn == X86_MN_PALIGNR) {
        r = ir_vbshri(t->b, ir_vunpckl(t->b, V64, p.y, p.x), MIN(imm, 16));
    } else {
        r = shuf_op(t, p.x, p.y, imm);
    }
    simd_write(t, 0, r);
    mmx_end(t);
}

void x86_tr_sse_blend(X86Trans *t, const X86Insn *i)
{
    static const struct {
        uint16_t mn;
        uint8_t lane;
    } lanes[] = {
        { X86_MN_PBLENDVB, V8 }, { X86_MN_BLENDVPS, V32 }, { X86_MN_BLENDVPD, V64 },
        { X86_MN_BLENDPS, V32 }, { X86_MN_BLENDPD, V64 },  { X86_MN_PBLENDW, V16 },
    };
    IrLane l = V32; /* VPBLENDD */
    unsigned x = i->vex ? 1 : 0;
    for (unsigned k = 0; k < G_N_ELEMENTS(lanes); k++) {
        l = lanes[k].mn == i->mn ? (IrLane)lanes[k].lane : l;
    }
    IrVal vy = simd_read(t, x + 1), vx = simd_read(t, x);
    if (i->op[x + 2].kind == X86_OPK_IMM) {
        simd_write(t, 0, ir_vblendi(t->b, l, vx, vy, i->imm & 0xff));
    } else {
        simd_write(t, 0, ir_vblendv(t->b, l, vx, vy, simd_read(t, x + 2)));
    }
}

static IrLane lane_of(X86Mn mn)
{
    switch (mn) {
    case X86_MN_PINSRB:
    case X86_MN_PEXTRB: return V8;
    case X86_MN_PINSRW:
    case X86_MN_PEXTRW: return V16;
    case X86_MN_PINSRQ:
    case X86_MN_PEXTRQ: return V64;
    default: return V32;
    }
}

void x86_tr_sse_pinsr(X86Trans *t, const X86Insn *i)
{
    bool mmx = simd_is_mmx(t);
    unsigned n = simd_nops(t);
    IrLane l = lane_of((X86Mn)i->mn);
    unsigned lanes = (mmx ? 8u : 16u) >> l;
    if (mmx) {
        mmx_begin(t);
    }
    IrVal v = x86_read(t, n - 1);
    IrVal x = simd_read(t, n - 2);
    simd_write(t, 0, ir_vsetlane(t->b, l, x, v, i->imm & (lanes - 1)));
    if (mmx) {
        mmx_end(t);
    }
}

void x86_tr_sse_pextr(X86Trans *t, const X86Insn *i)
{
    bool mmx = simd_is_mmx(t);
    IrLane l = lane_of((X86Mn)i->mn);
    unsigned lanes = (mmx ? 8u : 16u) >> l;
    if (mmx) {
        mmx_begin(t);
    }
    IrVal v =
        ir_vgetlane(t->b, l == V64 ? IR_I64 : IR_I32, l, simd_read(t, 1), i->imm & (lanes - 1));
    x86_write(t, 0, v);
    if (mmx) {
        mmx_end(t);
    }
}

void x86_tr_sse_insertps(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    unsigned n = simd_nops(t), imm = i->imm & 0xff;
    bool mem = x86_is_mem(t, n - 1);
    IrVal v = ir_vgetlane(b, IR_I32, V32, simd_read(t, n - 1), mem ? 0 : imm >> 6);
    IrVal r = ir_vsetlane(b, V32, simd_read(t, n - 2), v, imm >> 4 & 3);
    if (imm & 15) {
        r = ir_vblendi(b, V32, r, ir_vzero(b, IR_V128), imm & 15);
    }
    simd_write(t, 0, r);
}

void x86_tr_sse_movmsk(X86Trans *t, const X86Insn *i)
{
    bool mmx = simd_is_mmx(t);
    IrLane l = i->mn == X86_MN_MOVMSKPS ? V32 : i->mn == X86_MN_MOVMSKPD ? V64 : V8;
    if (mmx) {
        mmx_begin(t);
    }
    x86_write(t, 0, ir_vmovmsk(t->b, l, simd_read(t, 1)));
    if (mmx) {
        mmx_end(t);
    }
}

/* ---- AVX ---- */
void x86_tr_avx_permil(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    bool ps = i->mn == X86_MN_VPERMILPS;
    unsigned imm = i->imm & 0xff;
    SimdPair p = simd_pair(t);
    IrVal r;
    if (i->op[i->nops - 1].kind == X86_OPK_IMM) {
        r = ps ? ir_vshufps(b, p.y, p.y, imm) : ir_vshufpd(b, p.y, p.y, imm);
    } else {
        r = ir_vpermilv(b, ps ? V32 : V64, p.x, p.y);
    }
    simd_write(t, 0, r);
}

void x86_tr_avx_perm(X86Trans *t, const X86Insn *i)
{
    SimdPair p = simd_pair(t);
    if (i->op[i->nops - 1].kind == X86_OPK_IMM) {
        simd_write(t, 0, ir_vpermq(t->b, p.y, i->imm & 0xff));
    } else {
        simd_write(t, 0, ir_vpermd(t->b, p.y, p.x));
    }
}

void x86_tr_avx_perm2(X86Trans *t, const X86Insn *i)
{
    SimdPair p = simd_pair(t);
    simd_write(t, 0, ir_vperm2x128(t->b, p.x, p.y, i->imm & 0xff));
}

void x86_tr_avx_bcast(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    IrVal v = simd_read_u(t, 1);
    if (i->op[1].size == 16) {
        simd_write(t, 0, ir_vconcat(b, v, v));
        return;
    }
    IrLane l = (IrLane)x86_lg(i->op[1].size);
    simd_write(t, 0, ir_vsplat(b, simd_type(i->op[0].size), l, v));
}

void x86_tr_avx_ins128(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    IrVal y = simd_read(t, 2), x = simd_read(t, 1);
    simd_write(t, 0,
               i->imm & 1 ? ir_vconcat(b, ir_vlo128(b, x), y) : ir_vconcat(b, y, ir_vhi128(b, x)));
}

void x86_tr_avx_ext128(X86Trans *t, const X86Insn *i)
{
    IrVal x = simd_read(t, 1);
    simd_write(t, 0, i->imm & 1 ? ir_vhi128(t->b, x) : ir_vlo128(t->b, x));
}
