/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lane arithmetic where AVX2 lacks some lane sizes: the instruction where there is one, else a short
 * exact sequence. Comments give the identity used; x >>s n is the arithmetic shift.
 */
#include "emit-vec-priv.h"

#define SIGN64 0x8000000000000000ull

/* d := one instruction when there is one. */
static bool native(const Vec *v, const uint16_t op[4])
{
    if (op[v->i->sub & 3]) {
        v3(v, op[v->i->sub & 3], v->d, v->s[0], v->s[1]);
        return true;
    }
    return false;
}

/* ---- products ---- */

/* Bytes: even lanes from a * b, odd ones from (a & ff00) * (b >> 8), which lands in place. */
static void mullo8(const Vec *v)
{
    v2i(v, I_VPSRLW_I, v->t1, v->s[1], 8);
    v3_lit(v, I_VPAND, v->t0, v->s[0], 16, 0xff00);
    v3(v, I_VPMULLW, v->t1, v->t1, v->t0);
    v3(v, I_VPMULLW, v->t0, v->s[0], v->s[1]);
    v3_lit(v, I_VPAND, v->t0, v->t0, 16, 0x00ff);
    v3(v, I_VPOR, v->d, v->t0, v->t1);
}

/* lo(a) * lo(b) + ((hi(a) * lo(b) + hi(b) * lo(a)) << 32) */
static void mullo64(const Vec *v)
{
    v2i(v, I_VPSRLQ_I, v->t0, v->s[0], 32);
    v3(v, I_VPMULUDQ, v->t0, v->t0, v->s[1]);
    v2i(v, I_VPSRLQ_I, v->t1, v->s[1], 32);
    v3(v, I_VPMULUDQ, v->t1, v->t1, v->s[0]);
    v3(v, I_VPADDQ, v->t0, v->t0, v->t1);
    v2i(v, I_VPSLLQ_I, v->t0, v->t0, 32);
    v3(v, I_VPMULUDQ, v->d, v->s[0], v->s[1]);
    v3(v, I_VPADDQ, v->d, v->d, v->t0);
}

bool emit_vmullo(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    static const uint16_t op[4] = { 0, I_VPMULLW, I_VPMULLD, 0 };
    Vec v = vec_open(g, i, x);

    if (!native(&v, op)) {
        (i->sub == V8 ? mullo8 : mullo64)(&v);
    }
    return true;
}

/* Each byte extended in place to a word: even lanes shifted up and down, odd lanes down. */
static void mulh8(const Vec *v, bool sign)
{
    AsmVex down = sign ? I_VPSRAW_I : I_VPSRLW_I;

    v2i(v, I_VPSLLW_I, v->t0, v->s[0], 8);
    v2i(v, down, v->t0, v->t0, 8);
    v2i(v, I_VPSLLW_I, v->t1, v->s[1], 8);
    v2i(v, down, v->t1, v->t1, 8);
    v3(v, I_VPMULLW, v->t0, v->t0, v->t1);
    v2i(v, I_VPSRLW_I, v->t0, v->t0, 8);
    v2i(v, down, v->t1, v->s[0], 8);
    v2i(v, down, v->d, v->s[1], 8);
    v3(v, I_VPMULLW, v->d, v->d, v->t1);
    v3_lit(v, I_VPAND, v->d, v->d, 16, 0xff00);
    v3(v, I_VPOR, v->d, v->d, v->t0);
}

static void mulh32(const Vec *v, bool sign)
{
    AsmVex mul = sign ? I_VPMULDQ : I_VPMULUDQ;

    v2i(v, I_VPSRLQ_I, v->t0, v->s[0], 32);
    v2i(v, I_VPSRLQ_I, v->t1, v->s[1], 32);
    v3(v, mul, v->t1, v->t1, v->t0);
    v3(v, mul, v->t0, v->s[0], v->s[1]);
    v2i(v, I_VPSRLQ_I, v->t0, v->t0, 32);
    v3i(v, I_VPBLENDD, v->d, v->t0, v->t1, 0xaa);
}

bool emit_vmulh(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);
    bool sign = i->op == IR_VMULHS;

    switch (i->sub) {
    case V8: mulh8(&v, sign); return true;
    case V16: v3(&v, sign ? I_VPMULHW : I_VPMULHUW, v.d, v.s[0], v.s[1]); return true;
    case V32: mulh32(&v, sign); return true;
    default: return false;
    }
}

/* ---- saturating sums ---- */

/* Signed: the sum s overflows where both (or, for a difference, a and b differing) disagree in sign
 * with it; then the result is (s >>s 63) ^ SIGN. */
static void sat_signed(const Vec *v, bool add, bool q)
{
    AsmVex sum = add ? (q ? I_VPADDQ : I_VPADDD) : (q ? I_VPSUBQ : I_VPSUBD);

    v3(v, sum, v->t0, v->s[0], v->s[1]);
    if (add) {
        v3(v, I_VPXOR, v->t1, v->s[0], v->t0);
        v3(v, I_VPXOR, v->d, v->s[1], v->t0);
    } else {
        v3(v, I_VPXOR, v->t1, v->s[0], v->s[1]);
        v3(v, I_VPXOR, v->d, v->s[0], v->t0);
    }
    v3(v, I_VPAND, v->t1, v->t1, v->d);
    if (q) {
        v_zero(v, v->d);
        v3(v, I_VPCMPGTQ, v->d, v->d, v->t0);
        v3_lit(v, I_VPXOR, v->d, v->d, 64, SIGN64);
        v4(v, I_VBLENDVPD, v->d, v->t0, v->d, v->t1);
    } else {
        v2i(v, I_VPSRAD_I, v->d, v->t0, 31);
        v3_lit(v, I_VPXOR, v->d, v->d, 32, 0x80000000);
        v4(v, I_VBLENDVPS, v->d, v->t0, v->d, v->t1);
    }
}

/* Words: a + min(b, ~a); max(a, b) - b. */
static void sat_unsigned32(const Vec *v, bool add)
{
    if (add) {
        v_ones(v, v->t0);
        v3(v, I_VPXOR, v->t0, v->t0, v->s[0]);
        v3(v, I_VPMINUD, v->t0, v->t0, v->s[1]);
        v3(v, I_VPADDD, v->d, v->s[0], v->t0);
    } else {
        v3(v, I_VPMAXUD, v->t0, v->s[0], v->s[1]);
        v3(v, I_VPSUBD, v->d, v->t0, v->s[1]);
    }
}

/* Doublewords: ones where the sum wrapped (a > sum), zero where b > a. */
static void sat_unsigned64(const Vec *v, bool add)
{
    if (add) {
        v3(v, I_VPADDQ, v->t0, v->s[0], v->s[1]);
        v3_lit(v, I_VPXOR, v->t1, v->s[0], 64, SIGN64);
        v3_lit(v, I_VPXOR, v->d, v->t0, 64, SIGN64);
        v3(v, I_VPCMPGTQ, v->d, v->t1, v->d);
        v3(v, I_VPOR, v->d, v->d, v->t0);
    } else {
        v3(v, I_VPSUBQ, v->t0, v->s[0], v->s[1]);
        v3_lit(v, I_VPXOR, v->t1, v->s[1], 64, SIGN64);
        v3_lit(v, I_VPXOR, v->d, v->s[0], 64, SIGN64);
        v3(v, I_VPCMPGTQ, v->d, v->t1, v->d);
        v3(v, I_VPANDN, v->d, v->d, v->t0);
    }
}

bool emit_vsat(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    static const uint16_t op[4][4] = {
        { I_VPADDSB, I_VPADDSW },
        { I_VPADDUSB, I_VPADDUSW },
        { I_VPSUBSB, I_VPSUBSW },
        { I_VPSUBUSB, I_VPSUBUSW },
    };
    Vec v = vec_open(g, i, x);
    bool add = i->op == IR_VADDSS || i->op == IR_VADDUS;
    bool sign = i->op == IR_VADDSS || i->op == IR_VSUBSS;

    if (native(&v, op[(add ? 0 : 2) + !sign])) {
        return true;
    }
    if (sign) {
        sat_signed(&v, add, i->sub == V64);
    } else {
        (i->sub == V32 ? sat_unsigned32 : sat_unsigned64)(&v, add);
    }
    return true;
}

/* ---- order ---- */

/* t0 := a > b, doublewords. */
static void gt64(const Vec *v, bool sign)
{
    if (sign) {
        v3(v, I_VPCMPGTQ, v->t0, v->s[0], v->s[1]);
    } else {
        v3_lit(v, I_VPXOR, v->t0, v->s[0], 64, SIGN64);
        v3_lit(v, I_VPXOR, v->t1, v->s[1], 64, SIGN64);
        v3(v, I_VPCMPGTQ, v->t0, v->t0, v->t1);
    }
}

bool emit_vminmax(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    static const uint16_t op[4][4] = {
        { I_VPMINSB, I_VPMINSW, I_VPMINSD },
        { I_VPMINUB, I_VPMINUW, I_VPMINUD },
        { I_VPMAXSB, I_VPMAXSW, I_VPMAXSD },
        { I_VPMAXUB, I_VPMAXUW, I_VPMAXUD },
    };
    Vec v = vec_open(g, i, x);
    bool min = i->op == IR_VMINS || i->op == IR_VMINU;
    bool sign = i->op == IR_VMINS || i->op == IR_VMAXS;

    if (!native(&v, op[(min ? 0 : 2) + !sign])) {
        gt64(&v, sign);
        v4(&v, I_VBLENDVPD, v.d, v.s[!min], v.s[min], v.t0);
    }
    return true;
}

/* Rounded up: (a | b) - ((a ^ b) >> 1). */
bool emit_vavgu(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    static const uint16_t op[4] = { I_VPAVGB, I_VPAVGW };
    Vec v = vec_open(g, i, x);
    bool q = i->sub == V64;

    if (!native(&v, op)) {
        v3(&v, I_VPXOR, v.t0, v.s[0], v.s[1]);
        v2i(&v, q ? I_VPSRLQ_I : I_VPSRLD_I, v.t0, v.t0, 1);
        v3(&v, I_VPOR, v.d, v.s[0], v.s[1]);
        v3(&v, q ? I_VPSUBQ : I_VPSUBD, v.d, v.d, v.t0);
    }
    return true;
}

/* Not a <= b, which is min(a, b) == a. */
bool emit_vcmpgtu(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    static const uint16_t min[4] = { I_VPMINUB, I_VPMINUW, I_VPMINUD };
    static const uint16_t eq[4] = { I_VPCMPEQB, I_VPCMPEQW, I_VPCMPEQD };
    Vec v = vec_open(g, i, x);

    if (i->sub == V64) {
        gt64(&v, false);
        v_move(&v, v.d, v.t0);
    } else {
        v3(&v, min[i->sub], v.t0, v.s[0], v.s[1]);
        v3(&v, eq[i->sub], v.t0, v.t0, v.s[0]);
        v_ones(&v, v.t1);
        v3(&v, I_VPXOR, v.d, v.t0, v.t1);
    }
    return true;
}

/* (a ^ s) - s with s = a < 0. */
bool emit_vabs(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    static const uint16_t op[4] = { I_VPABSB, I_VPABSW, I_VPABSD };
    Vec v = vec_open(g, i, x);

    if (op[i->sub & 3]) {
        v2(&v, op[i->sub & 3], v.d, v.s[0]);
    } else {
        v_zero(&v, v.t0);
        v3(&v, I_VPCMPGTQ, v.t0, v.t0, v.s[0]);
        v3(&v, I_VPXOR, v.d, v.s[0], v.t0);
        v3(&v, I_VPSUBQ, v.d, v.d, v.t0);
    }
    return true;
}

/* ---- bitwise ---- */

bool emit_vnot(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);

    v_ones(&v, v.t0);
    v3(&v, I_VPXOR, v.d, v.s[0], v.t0);
    return true;
}

bool emit_vbitsel(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);

    v3(&v, I_VPANDN, v.t0, v.s[0], v.s[2]);
    v3(&v, I_VPAND, v.d, v.s[0], v.s[1]);
    v3(&v, I_VPOR, v.d, v.d, v.t0);
    return true;
}
