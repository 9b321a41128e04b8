/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating-point arithmetic, comparison and conversion of SSE, AVX, FMA and F16C.
 *
 * The IR ops run in the guest's rounding and denormal modes with every exception masked; what they
 * raise gathers in MXCSR. fp_begin/fp_end add the check for #XM where something is unmasked.
 */
#include "target/x86/translate/simd-priv.h"

typedef struct FpName {
    uint16_t mn;
    uint8_t op;    /* one of Fp* */
    uint8_t shape; /* IrShape */
} FpName;

enum {
    FP_ADD,
    FP_SUB,
    FP_MUL,
    FP_DIV,
    FP_MIN,
    FP_MAX,
    FP_SQRT,
    FP_RCP,
    FP_RSQRT,
    FP_HADD,
    FP_HSUB,
    FP_ADDSUB
};

#define FOUR(n)                                                         \
    { X86_MN_##n##PS, FP_##n, FP32 }, { X86_MN_##n##PD, FP_##n, FP64 }, \
        { X86_MN_##n##SS, FP_##n, FS32 },                               \
    {                                                                   \
        X86_MN_##n##SD, FP_##n, FS64                                    \
    }
#define TWO32(n)                      \
    { X86_MN_##n##PS, FP_##n, FP32 }, \
    {                                 \
        X86_MN_##n##SS, FP_##n, FS32  \
    }
#define PACKED(n)                     \
    { X86_MN_##n##PS, FP_##n, FP32 }, \
    {                                 \
        X86_MN_##n##PD, FP_##n, FP64  \
    }
static const FpName arith[] = { FOUR(ADD),    FOUR(SUB),    FOUR(MUL),    FOUR(DIV),
                                FOUR(MIN),    FOUR(MAX),    FOUR(SQRT),   TWO32(RCP),
                                TWO32(RSQRT), PACKED(HADD), PACKED(HSUB), PACKED(ADDSUB) };

static IrVal arith_op(IrBuilder *b, const FpName *f, IrVal x, IrVal y)
{
    IrShape s = (IrShape)f->shape;
    switch (f->op) {
    case FP_ADD: return ir_vfadd(b, s, x, y);
    case FP_SUB: return ir_vfsub(b, s, x, y);
    case FP_MUL: return ir_vfmul(b, s, x, y);
    case FP_DIV: return ir_vfdiv(b, s, x, y);
    case FP_MIN: return ir_vfmin(b, s, x, y);
    case FP_MAX: return ir_vfmax(b, s, x, y);
    case FP_SQRT: return ir_vfsqrt(b, s, x, y);
    case FP_RCP: return ir_vfrcp(b, s, x, y);
    case FP_RSQRT: return ir_vfrsqrt(b, s, x, y);
    case FP_HADD: return ir_vfhadd(b, s, x, y);
    case FP_HSUB: return ir_vfhsub(b, s, x, y);
    default: return ir_vfaddsub(b, s, x, y);
    }
}

void x86_tr_sse_arith(X86Trans *t, const X86Insn *i)
{
    const FpName *f = arith;
    while (f->mn != i->mn) {
        f++;
    }
    SimdPair p = simd_pair(t);
    IrVal fp = fp_begin(t);
    IrVal r = arith_op(t->b, f, p.x, p.y);
    fp_end(t, fp);
    simd_write(t, 0, r);
}

static IrShape shape_of(X86Mn ss, X86Mn sd, X86Mn ps, X86Mn mn)
{
    return mn == ss ? FS32 : mn == sd ? FS64 : mn == ps ? FP32 : FP64;
}

void x86_tr_sse_cmp(X86Trans *t, const X86Insn *i)
{
    IrShape s = shape_of(X86_MN_CMPSS, X86_MN_CMPSD, X86_MN_CMPPS, (X86Mn)i->mn);
    /* String CMPSD has the same mnemonic but another translator. */
    SimdPair p = simd_pair(t);
    IrVal fp = fp_begin(t);
    IrVal r = ir_vfcmp(t->b, s, p.x, p.y, i->imm & (i->vex ? 31 : 7));
    fp_end(t, fp);
    simd_write(t, 0, r);
}

void x86_tr_sse_comi(X86Trans *t, const X86Insn *i)
{
    bool quiet = i->mn == X86_MN_UCOMISS || i->mn == X86_MN_UCOMISD;
    IrShape s = i->mn == X86_MN_UCOMISS || i->mn == X86_MN_COMISS ? FS32 : FS64;
    IrVal y = simd_read(t, 1), x = simd_read(t, 0);
    IrVal fp = fp_begin(t);
    IrVal r = ir_vfcomi(t->b, s, x, y, quiet);
    fp_end(t, fp);
    x86_cc_set_eflags(t, r);
}

void x86_tr_sse_round(X86Trans *t, const X86Insn *i)
{
    IrShape s = shape_of(X86_MN_ROUNDSS, X86_MN_ROUNDSD, X86_MN_ROUNDPS, (X86Mn)i->mn);
    SimdPair p = simd_pair(t);
    IrVal fp = fp_begin(t);
    IrVal r = ir_vfround(t->b, s, p.x, p.y, i->imm & 0xff);
    fp_end(t, fp);
    simd_write(t, 0, r);
}

void x86_tr_sse_dp(X86Trans *t, const X86Insn *i)
{
    SimdPair p = simd_pair(t);
    IrVal fp = fp_begin(t);
    IrVal r = ir_vfdp(t->b, i->mn == X86_MN_DPPS ? FP32 : FP64, p.x, p.y, i->imm & 0xff);
    fp_end(t, fp);
    simd_write(t, 0, r);
}

/* ---- conversions ---- */
static bool cvt_truncates(X86Mn mn)
{
    switch (mn) {
    case X86_MN_CVTTSS2SI:
    case X86_MN_CVTTSD2SI:
    case X86_MN_CVTTPS2DQ:
    case X86_MN_CVTTPD2DQ:
    case X86_MN_CVTTPS2PI:
    case X86_MN_CVTTPD2PI: return true;
    default: return false;
    }
}

/* General register from lane 0. */
static void cvt_to_gpr(X86Trans *t, IrShape s)
{
    IrVal x = simd_read(t, 1);
    IrVal fp = fp_begin(t);
    IrVal r = ir_vftosi(t->b, s, x86_type(t->i->op[0].size), x, cvt_truncates((X86Mn)t->i->mn));
    fp_end(t, fp);
    x86_write(t, 0, r);
}

static void cvt_from_gpr(X86Trans *t, IrShape s)
{
    unsigned n = t->i->nops;
    IrVal v = x86_read(t, n - 1), x = simd_read(t, n - 2);
    IrVal fp = fp_begin(t);
    IrVal r = ir_vfcvtsi(t->b, s, x, v);
    fp_end(t, fp);
    simd_write(t, 0, r);
}

static IrVal cvt_op(X86Trans *t, SimdPair p)
{
    IrBuilder *b = t->b;
    IrType ty = simd_type(t->i->op[0].size);
    X86Mn mn = (X86Mn)t->i->mn;
    switch (mn) {
    case X86_MN_CVTSS2SD: return ir_vfcvtss(b, FS32, p.x, p.y);
    case X86_MN_CVTSD2SS: return ir_vfcvtss(b, FS64, p.x, p.y);
    case X86_MN_CVTPS2PD: return ir_vfwiden(b, ty, p.y);
    case X86_MN_CVTPD2PS: return ir_vfnarrow(b, p.y);
    case X86_MN_CVTDQ2PS: return ir_vffromi32(b, ty, FP32, p.y);
    case X86_MN_CVTDQ2PD: return ir_vffromi32(b, ty, FP64, p.y);
    case X86_MN_CVTPS2DQ:
    case X86_MN_CVTTPS2DQ: return ir_vftoi32(b, ty, FP32, p.y, cvt_truncates(mn));
    default: return ir_vftoi32(b, IR_V128, FP64, p.y, cvt_truncates(mn));
    }
}

void x86_tr_sse_cvt(X86Trans *t, const X86Insn *i)
{
    switch ((X86Mn)i->mn) {
    case X86_MN_CVTSI2SS: cvt_from_gpr(t, FS32); return;
    case X86_MN_CVTSI2SD: cvt_from_gpr(t, FS64); return;
    case X86_MN_CVTSS2SI:
    case X86_MN_CVTTSS2SI: cvt_to_gpr(t, FS32); return;
    case X86_MN_CVTSD2SI:
    case X86_MN_CVTTSD2SI: cvt_to_gpr(t, FS64); return;
    default: break;
    }
    SimdPair p = simd_pair(t);
    IrVal fp = fp_begin(t);
    IrVal r = cvt_op(t, p);
    fp_end(t, fp);
    simd_write(t, 0, r);
}

/* Between MMX and XMM registers. CVTPI2PD from memory leaves the x87 state alone. */
void x86_tr_mmx_cvt(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    bool mmx = simd_is_mmx(t) || i->mn == X86_MN_CVTPI2PS;
    if (mmx) {
        mmx_begin(t);
    }
    IrVal y = simd_read(t, 1), r;
    if (i->mn == X86_MN_CVTPS2PI || i->mn == X86_MN_CVTTPS2PI) {
        y = ir_vfromi(b, IR_V128, ir_vgetlane(b, IR_I64, V64, y, 0));
    }
    if (mmx) { /* #XM finds the registers in MMX state */
        mmx_end(t);
    }
    IrVal fp = fp_begin(t);
    switch ((X86Mn)i->mn) {
    case X86_MN_CVTPI2PS: r = ir_vffromi32(b, IR_V128, FP32, y); break;
    case X86_MN_CVTPI2PD: r = ir_vffromi32(b, IR_V128, FP64, y); break;
    case X86_MN_CVTPS2PI:
    case X86_MN_CVTTPS2PI: r = ir_vftoi32(b, IR_V128, FP32, y, cvt_truncates((X86Mn)i->mn)); break;
    default: r = ir_vftoi32(b, IR_V128, FP64, y, cvt_truncates((X86Mn)i->mn)); break;
    }
    fp_end(t, fp);
    if (i->mn == X86_MN_CVTPI2PS) {
        r = ir_vsetlane(b, V64, ir_get(b, SLOT_XMM + i->op[0].reg),
                        ir_vgetlane(b, IR_I64, V64, r, 0), 0);
    }
    simd_write(t, 0, r);
}

/* ---- FMA, F16C ---- */
typedef IrVal (*FmaFn)(IrBuilder *b, IrShape s, IrVal x, IrVal y, IrVal z, unsigned keep);

/* The name tells all: vf[n]m{add,sub,addsub,subadd}{132,213,231}{ps,pd,ss,sd}. */
void x86_tr_fma(X86Trans *t, const X86Insn *i)
{
    static const struct {
        const char *stem;
        FmaFn fn;
    } kinds[] = {
        { "vfmaddsub", ir_vfmaddsub }, { "vfmsubadd", ir_vfmsubadd }, { "vfmadd", ir_vfmadd },
        { "vfmsub", ir_vfmsub },       { "vfnmadd", ir_vfnmadd },     { "vfnmsub", ir_vfnmsub },
    };
    char name[24];
    unsigned k = 0;
    x86_insn_name(i, name, sizeof name);
    while (!g_str_has_prefix(name, kinds[k].stem)) {
        k++;
    }
    const char *form = name + strlen(kinds[k].stem);
    bool scalar = form[3] == 's', f64 = form[4] == 'd';
    IrShape s = scalar ? (f64 ? FS64 : FS32) : (f64 ? FP64 : FP32);
    IrVal c = simd_read(t, 2), a = simd_read(t, 0), v = simd_read(t, 1), r;
    IrVal fp = fp_begin(t);
    if (form[0] == '1') {
        r = kinds[k].fn(t->b, s, a, c, v, 0);
    } else if (form[0] == '2' && form[1] == '1') {
        r = kinds[k].fn(t->b, s, v, a, c, 1);
    } else {
        r = kinds[k].fn(t->b, s, v, c, a, 2);
    }
    fp_end(t, fp);
    simd_write(t, 0, r);
}

void x86_tr_avx_f16(X86Trans *t, const X86Insn *i)
{
    IrVal x = simd_read(t, 1);
    if (x86_is_mem(t, 0)) { /* a page fault leaves MXCSR alone */
        unsigned size = i->op[0].size;
        ir_probe(t->b, x86_mem_addr(t, size, true), ACCESS_WRITE, x86_mo(t, size));
    }
    IrVal fp = fp_begin(t);
    IrVal r = i->mn == X86_MN_VCVTPH2PS ? ir_vfphtops(t->b, simd_type(i->op[0].size), x)
                                        : ir_vfpstoph(t->b, x, i->imm & 0xff);
    if (t->mode & MODE_FPX && i->mn == X86_MN_VCVTPS2PH) {
        ir_call(t->b, &hd_f16_tiny, r);
    }
    fp_end(t, fp);
    simd_write(t, 0, r);
}
