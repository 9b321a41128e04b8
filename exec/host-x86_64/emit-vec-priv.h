/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the files of vector emitters: operands of one op unpacked, and short names for the
 * encoder. Emitters write d only when the operands still to be read are not in it (d may be an
 * operand's register), so sequences work in t0..t3 and finish in d.
 */
#ifndef EXEC_EMIT_VEC_PRIV_H
#define EXEC_EMIT_VEC_PRIV_H

#include "emit-priv.h"

typedef struct Vec {
    HostGen *g;
    AsmBuf *a;
    const IrInsn *i;
    bool w; /* 256 bits (of the result; of the operand when that is an integer) */
    uint8_t d;
    uint8_t s[3];
    uint8_t t0;         /* HV_SCRATCH */
    uint8_t t1, t2, t3; /* as many as the row asks for */
} Vec;

Vec vec_open(HostGen *g, const IrInsn *i, const HostArgs *x);

static inline void v2(const Vec *v, AsmVex op, unsigned d, unsigned s)
{
    asm_vrr(v->a, op, v->w, d, s);
}
static inline void v2i(const Vec *v, AsmVex op, unsigned d, unsigned s, uint8_t imm)
{
    asm_vrri(v->a, op, v->w, d, s, imm);
}
static inline void v3(const Vec *v, AsmVex op, unsigned d, unsigned s, unsigned t)
{
    asm_vrrr(v->a, op, v->w, d, s, t);
}
static inline void v3i(const Vec *v, AsmVex op, unsigned d, unsigned s, unsigned t, uint8_t imm)
{
    asm_vrrri(v->a, op, v->w, d, s, t, imm);
}
static inline void v4(const Vec *v, AsmVex op, unsigned d, unsigned s, unsigned t, unsigned u)
{
    asm_vrrrr(v->a, op, v->w, d, s, t, u);
}
/* Third operand: a literal with `bits` low bits of value in every lane. */
void v3_lit(const Vec *v, AsmVex op, unsigned d, unsigned s, unsigned bits, uint64_t value);
static inline void v_zero(const Vec *v, unsigned d)
{
    asm_vrrr(v->a, I_VPXOR, v->w, d, d, d);
}
static inline void v_ones(const Vec *v, unsigned d)
{
    asm_vrrr(v->a, I_VPCMPEQD, v->w, d, d, d);
}
static inline void v_move(const Vec *v, unsigned d, unsigned s)
{
    if (d != s) {
        asm_vrr(v->a, I_VMOVAPS, v->w, d, s);
    }
}
/* d := the low 128 bits of s above it the high half of upper (v256 only). */
static inline void v_low_half(const Vec *v, unsigned d, unsigned upper, unsigned s)
{
    asm_vrrri(v->a, I_VPBLENDD, true, d, upper, s, 0x0f);
}

/* ---- emit-vec-seq.c: no single instruction for some lane size ---- */
bool emit_vmullo(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vmulh(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vsat(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vminmax(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vavgu(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vcmpgtu(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vabs(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vnot(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vbitsel(HostGen *g, const IrInsn *i, const HostArgs *x);
/* ---- emit-vec-shift.c ---- */
bool emit_vshift_imm(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vshift(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vshift_var(HostGen *g, const IrInsn *i, const HostArgs *x);
/* ---- emit-vec-lane.c ---- */
bool emit_vtest(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vgetlane(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vsetlane(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vlane(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vinslane(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vdup(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vsplat(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vfromi(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vmovmsk(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vextend(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vhalves(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vblend(HostGen *g, const IrInsn *i, const HostArgs *x);
/* ---- emit-fp.c ---- */
bool emit_vf2(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vfdp(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vfcomi(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vfma(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vfcvtsi(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vftosi(HostGen *g, const IrInsn *i, const HostArgs *x);
bool emit_vfcvt(HostGen *g, const IrInsn *i, const HostArgs *x);

#endif
