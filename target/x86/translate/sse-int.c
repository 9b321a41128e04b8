/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer arithmetic, comparison and shifts of MMX, SSE and AVX registers.
 *
 * MMX operands sit in the low half of a v128 with zeros above, which suits every lane-wise
 * operation; those that mix lanes take the two operands side by side in one v128.
 */
#include "target/x86/translate/simd-priv.h"

/* clang-format off */
static IrVal arith_op(X86Trans *t, IrVal x, IrVal y)
{
    IrBuilder *b = t->b;
    switch ((X86Mn)t->i->mn) {
    case X86_MN_PADDB: return ir_vadd(b, V8, x, y);
    case X86_MN_PADDW: return ir_vadd(b, V16, x, y);
    case X86_MN_PADDD: return ir_vadd(b, V32, x, y);
    case X86_MN_PADDQ: return ir_vadd(b, V64, x, y);
    case X86_MN_PSUBB: return ir_vsub(b, V8, x, y);
    case X86_MN_PSUBW: return ir_vsub(b, V16, x, y);
    case X86_MN_PSUBD: return ir_vsub(b, V32, x, y);
    case X86_MN_PSUBQ: return ir_vsub(b, V64, x, y);
    case X86_MN_PADDSB: return ir_vaddss(b, V8, x, y);
    case X86_MN_PADDSW: return ir_vaddss(b, V16, x, y);
    case X86_MN_PADDUSB: return ir_vaddus(b, V8, x, y);
    case X86_MN_PADDUSW: return ir_vaddus(b, V16, x, y);
    case X86_MN_PSUBSB: return ir_vsubss(b, V8, x, y);
    case X86_MN_PSUBSW: return ir_vsubss(b, V16, x, y);
    case X86_MN_PSUBUSB: return ir_vsubus(b, V8, x, y);
    case X86_MN_PSUBUSW: return ir_vsubus(b, V16, x, y);
    case X86_MN_PMULLW: return ir_vmullo(b, V16, x, y);
    case X86_MN_PMULLD: return ir_vmullo(b, V32, x, y);
    case X86_MN_PMULHW: return ir_vmulhs(b, V16, x, y);
    case X86_MN_PMULHUW: return ir_vmulhu(b, V16, x, y);
    case X86_MN_PMULHRSW: return ir_vmulhrs(b, V16, x, y);
    case X86_MN_PMULUDQ: return ir_vmuleu(b, V32, x, y);
    case X86_MN_PMULDQ: return ir_vmules(b, V32, x, y);
    case X86_MN_PMADDWD: return ir_vmadd(b, x, y);
    case X86_MN_PMADDUBSW: return ir_vmaddus(b, x, y);
    case X86_MN_PSADBW: return ir_vsad(b, x, y);
    case X86_MN_PMINUB: return ir_vminu(b, V8, x, y);
    case X86_MN_PMINUW: return ir_vminu(b, V16, x, y);
    case X86_MN_PMINUD: return ir_vminu(b, V32, x, y);
    case X86_MN_PMINSB: return ir_vmins(b, V8, x, y);
    case X86_MN_PMINSW: return ir_vmins(b, V16, x, y);
    case X86_MN_PMINSD: return ir_vmins(b, V32, x, y);
    case X86_MN_PMAXUB: return ir_vmaxu(b, V8, x, y);
    case X86_MN_PMAXUW: return ir_vmaxu(b, V16, x, y);
    case X86_MN_PMAXUD: return ir_vmaxu(b, V32, x, y);
    case X86_MN_PMAXSB: return ir_vmaxs(b, V8, x, y);
    case X86_MN_PMAXSW: return ir_vmaxs(b, V16, x, y);
    case X86_MN_PMAXSD: return ir_vmaxs(b, V32, x, y);
    case X86_MN_PAVGB: return ir_vavgu(b, V8, x, y);
    case X86_MN_PAVGW: return ir_vavgu(b, V16, x, y);
    case X86_MN_PCMPEQB: return ir_vcmpeq(b, V8, x, y);
    case X86_MN_PCMPEQW: return ir_vcmpeq(b, V16, x, y);
    case X86_MN_PCMPEQD: return ir_vcmpeq(b, V32, x, y);
    case X86_MN_PCMPEQQ: return ir_vcmpeq(b, V64, x, y);
    case X86_MN_PCMPGTB: return ir_vcmpgts(b, V8, x, y);
    case X86_MN_PCMPGTW: return ir_vcmpgts(b, V16, x, y);
    case X86_MN_PCMPGTD: return ir_vcmpgts(b, V32, x, y);
    case X86_MN_PCMPGTQ: return ir_vcmpgts(b, V64, x, y);
    case X86_MN_PSIGNB: return ir_vsign(b, V8, x, y);
    case X86_MN_PSIGNW: return ir_vsign(b, V16, x, y);
    case X86_MN_PSIGND: return ir_vsign(b, V32, x, y);
    case X86_MN_PAND: case X86_MN_ANDPS: case X86_MN_ANDPD: return ir_vand(b, x, y);
    case X86_MN_PANDN: case X86_MN_ANDNPS: case X86_MN_ANDNPD: return ir_vandn(b, x, y);
    case X86_MN_POR: case X86_MN_ORPS: case X86_MN_ORPD: return ir_vor(b, x, y);
    case X86_MN_PXOR: case X86_MN_XORPS: case X86_MN_XORPD: return ir_vxor(b, x, y);
    default: return 0;
    }
}

/* Operations between lanes. */
static IrVal mix_op(X86Trans *t, IrVal x, IrVal y)
{
    IrBuilder *b = t->b;
    switch ((X86Mn)t->i->mn) {
    case X86_MN_PUNPCKLBW: return ir_vunpckl(b, V8, x, y);
    case X86_MN_PUNPCKLWD: return ir_vunpckl(b, V16, x, y);
    case X86_MN_PUNPCKLDQ: return ir_vunpckl(b, V32, x, y);
    case X86_MN_PUNPCKLQDQ: return ir_vunpckl(b, V64, x, y);
    case X86_MN_PUNPCKHBW: return ir_vunpckh(b, V8, x, y);
    case X86_MN_PUNPCKHWD: return ir_vunpckh(b, V16, x, y);
    case X86_MN_PUNPCKHDQ: return ir_vunpckh(b, V32, x, y);
    case X86_MN_PUNPCKHQDQ: return ir_vunpckh(b, V64, x, y);
    case X86_MN_PACKSSWB: return ir_vpackss(b, V16, x, y);
    case X86_MN_PACKSSDW: return ir_vpackss(b, V32, x, y);
    case X86_MN_PACKUSWB: return ir_vpackus(b, V16, x, y);
    case X86_MN_PACKUSDW: return ir_vpackus(b, V32, x, y);
    case X86_MN_PSHUFB: return ir_vpshufb(b, x, y);
    case X86_MN_PHADDW: return ir_vhadd(b, V16, x, y);
    case X86_MN_PHADDD: return ir_vhadd(b, V32, x, y);
    case X86_MN_PHADDSW: return ir_vhaddss(b, V16, x, y);
    case X86_MN_PHSUBW: return ir_vhsub(b, V16, x, y);
    case X86_MN_PHSUBD: return ir_vhsub(b, V32, x, y);
    case X86_MN_PHSUBSW: return ir_vhsubss(b, V16, x, y);
    default: g_assert_not_reached();
    }
}
/* clang-format on */

/* The same on 64-bit registers: the result is in the low half. */
static IrVal mmx_mix_op(X86Trans *t, IrVal x, IrVal y)
{
    IrBuilder *b = t->b;
    switch ((X86Mn)t->i->mn) {
    case X86_MN_PUNPCKLBW:
    case X86_MN_PUNPCKLWD:
    case X86_MN_PUNPCKLDQ: return mix_op(t, x, y);
    case X86_MN_PUNPCKHBW: return ir_vbshri(b, ir_vunpckl(b, V8, x, y), 8);
    case X86_MN_PUNPCKHWD: return ir_vbshri(b, ir_vunpckl(b, V16, x, y), 8);
    case X86_MN_PUNPCKHDQ: return ir_vbshri(b, ir_vunpckl(b, V32, x, y), 8);
    case X86_MN_PSHUFB: {
        IrVec m;
        memset(&m, 0x87, sizeof m);
        return ir_vpshufb(b, x, ir_vand(b, y, ir_vconst(b, IR_V128, &m)));
    }
    default: {
        IrVal xy = ir_vunpckl(b, V64, x, y);
        return mix_op(t, xy, xy);
    }
    }
}

void x86_tr_sse_int(X86Trans *t, const X86Insn *i)
{
    bool mmx = simd_is_mmx(t);
    if (mmx) {
        mmx_begin(t);
    }
    SimdPair p = simd_pair(t);
    IrVal r = arith_op(t, p.x, p.y);
    if (!r) {
        r = mmx ? mmx_mix_op(t, p.x, p.y) : mix_op(t, p.x, p.y);
    }
    simd_write(t, 0, r);
    if (mmx) {
        mmx_end(t);
    }
}

void x86_tr_sse_logic(X86Trans *t, const X86Insn *i)
{
    x86_tr_sse_int(t, i);
}

void x86_tr_sse_int1(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    bool mmx = simd_is_mmx(t);
    if (mmx) {
        mmx_begin(t);
    }
    IrVal v = simd_read(t, 1);
    switch ((X86Mn)i->mn) {
    case X86_MN_PABSB: v = ir_vabs(b, V8, v); break;
    case X86_MN_PABSW: v = ir_vabs(b, V16, v); break;
    case X86_MN_PABSD: v = ir_vabs(b, V32, v); break;
    default: v = ir_vhminpos(b, v); break;
    }
    simd_write(t, 0, v);
    if (mmx) {
        mmx_end(t);
    }
}

static IrVal shift_imm(X86Trans *t, IrVal v, unsigned n)
{
    IrBuilder *b = t->b;
    switch ((X86Mn)t->i->mn) {
    case X86_MN_PSRLW: return ir_vshri(b, V16, v, n);
    case X86_MN_PSRLD: return ir_vshri(b, V32, v, n);
    case X86_MN_PSRLQ: return ir_vshri(b, V64, v, n);
    case X86_MN_PSRAW: return ir_vsari(b, V16, v, n);
    case X86_MN_PSRAD: return ir_vsari(b, V32, v, n);
    case X86_MN_PSLLW: return ir_vshli(b, V16, v, n);
    case X86_MN_PSLLD: return ir_vshli(b, V32, v, n);
    case X86_MN_PSLLQ: return ir_vshli(b, V64, v, n);
    case X86_MN_PSRLDQ: return ir_vbshri(b, v, MIN(n, 16));
    default: return ir_vbshli(b, v, MIN(n, 16));
    }
}

static IrVal shift_count(X86Trans *t, IrVal v, IrVal n)
{
    IrBuilder *b = t->b;
    switch ((X86Mn)t->i->mn) {
    case X86_MN_PSRLW: return ir_vshr(b, V16, v, n);
    case X86_MN_PSRLD: return ir_vshr(b, V32, v, n);
    case X86_MN_PSRLQ: return ir_vshr(b, V64, v, n);
    case X86_MN_PSRAW: return ir_vsar(b, V16, v, n);
    case X86_MN_PSRAD: return ir_vsar(b, V32, v, n);
    case X86_MN_PSLLW: return ir_vshl(b, V16, v, n);
    case X86_MN_PSLLD: return ir_vshl(b, V32, v, n);
    default: return ir_vshl(b, V64, v, n);
    }
}

void x86_tr_sse_shift(X86Trans *t, const X86Insn *i)
{
    bool mmx = simd_is_mmx(t);
    if (mmx) {
        mmx_begin(t);
    }
    unsigned n = simd_nops(t);
    if (n != i->nops) {
        simd_write(t, 0, shift_imm(t, simd_read(t, n - 1), i->imm & 0xff));
    } else {
        IrVal count = ir_vgetlane(t->b, IR_I64, V64, simd_read(t, n - 1), 0);
        simd_write(t, 0, shift_count(t, simd_read(t, n - 2), count));
    }
    if (mmx) {
        mmx_end(t);
    }
}

void x86_tr_avx_shiftv(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    SimdPair p = simd_pair(t);
    IrVal r;
    switch ((X86Mn)i->mn) {
    case X86_MN_VPSRLVD: r = ir_vshrv(b, V32, p.x, p.y); break;
    case X86_MN_VPSRLVQ: r = ir_vshrv(b, V64, p.x, p.y); break;
    case X86_MN_VPSRAVD: r = ir_vsarv(b, V32, p.x, p.y); break;
    case X86_MN_VPSLLVD: r = ir_vshlv(b, V32, p.x, p.y); break;
    default: r = ir_vshlv(b, V64, p.x, p.y); break;
    }
    simd_write(t, 0, r);
}

void x86_tr_sse_mpsadbw(X86Trans *t, const X86Insn *i)
{
    SimdPair p = simd_pair(t);
    simd_write(t, 0, ir_vmpsad(t->b, p.x, p.y, i->imm & 0xff));
}

/* ZF: no common bit; CF: none of y outside x. VTESTPx look at the sign bits only. */
void x86_tr_sse_ptest(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    IrVal y = simd_read(t, 1);
    IrVal x = simd_read(t, 0);
    if (i->mn != X86_MN_PTEST) {
        IrVec m = { 0 };
        for (unsigned k = 0; k < 8; k++) {
            m.d[k] = i->mn == X86_MN_VTESTPS || (k & 1) ? 0x80000000u : 0;
        }
        y = ir_vand(b, y, ir_vconst(b, ir_type(b, y), &m));
    }
    IrVal z = ir_vtestz(b, x, y), c = ir_vtestc(b, x, y);
    x86_cc_set_eflags(t, ir_or(b, ir_shli(b, z, 6), c));
}

void x86_tr_sse_pmovx(X86Trans *t, const X86Insn *i)
{
    static const struct {
        uint16_t mn;
        uint8_t from, to, sign;
    } forms[] = {
        { X86_MN_PMOVSXBW, V8, V16, 1 },  { X86_MN_PMOVSXBD, V8, V32, 1 },
        { X86_MN_PMOVSXBQ, V8, V64, 1 },  { X86_MN_PMOVSXWD, V16, V32, 1 },
        { X86_MN_PMOVSXWQ, V16, V64, 1 }, { X86_MN_PMOVSXDQ, V32, V64, 1 },
        { X86_MN_PMOVZXBW, V8, V16, 0 },  { X86_MN_PMOVZXBD, V8, V32, 0 },
        { X86_MN_PMOVZXBQ, V8, V64, 0 },  { X86_MN_PMOVZXWD, V16, V32, 0 },
        { X86_MN_PMOVZXWQ, V16, V64, 0 }, { X86_MN_PMOVZXDQ, V32, V64, 0 },
    };
    IrVal v = simd_read_u(t, 1);
    IrType ty = simd_type(i->op[0].size);
    for (unsigned k = 0; k < G_N_ELEMENTS(forms); k++) {
        if (forms[k].mn == i->mn) {
            IrLane from = (IrLane)forms[k].from, to = (IrLane)forms[k].to;
            v = forms[k].sign ? ir_vsext(t->b, ty, from, to, v) : ir_vzext(t->b, ty, from, to, v);
            break;
        }
    }
    simd_write(t, 0, v);
}
