/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector shifts. SSE counts beyond the width give zero, or the sign for arithmetic shifts, as the IR
 * wants. What AVX2 lacks: bytes, 64-bit arithmetic shifts, variable counts for 8 and 16 bits.
 *
 * Arithmetic from logical: x >>s n == ((x ^ s) >> n) ^ s with s = x < 0, for every n.
 */
#include "emit-vec-priv.h"

typedef enum Dir {
    LEFT,
    RIGHT,
    ARITH
} Dir;

static Dir direction(const IrInsn *i)
{
    switch (i->op) {
    case IR_VSHLI:
    case IR_VSHL:
    case IR_VSHLV: return LEFT;
    case IR_VSHRI:
    case IR_VSHR:
    case IR_VSHRV: return RIGHT;
    default: return ARITH;
    }
}

/* By direction and lane; 0: none. */
static const uint16_t shift_i[3][4] = {
    { 0, I_VPSLLW_I, I_VPSLLD_I, I_VPSLLQ_I },
    { 0, I_VPSRLW_I, I_VPSRLD_I, I_VPSRLQ_I },
    { 0, I_VPSRAW_I, I_VPSRAD_I, 0 },
};
static const uint16_t shift_x[3][4] = {
    { 0, I_VPSLLW, I_VPSLLD, I_VPSLLQ },
    { 0, I_VPSRLW, I_VPSRLD, I_VPSRLQ },
    { 0, I_VPSRAW, I_VPSRAD, 0 },
};
static const uint16_t shift_v[3][4] = {
    { 0, 0, I_VPSLLVD, I_VPSLLVQ },
    { 0, 0, I_VPSRLVD, I_VPSRLVQ },
    { 0, 0, I_VPSRAVD, 0 },
};

/* t := a < 0, doublewords */
static void sign64(const Vec *v, unsigned t)
{
    v_zero(v, t);
    v3(v, I_VPCMPGTQ, t, t, v->s[0]);
}

/* ---- one count known now ---- */

/* Odd bytes and even bytes as words; t0 ends with the even ones, d with the odd ones in place. */
static void join_bytes(const Vec *v)
{
    v2i(v, I_VPSRLW_I, v->t0, v->t0, 8);
    v2i(v, I_VPSRLW_I, v->d, v->d, 8);
    v2i(v, I_VPSLLW_I, v->d, v->d, 8);
    v3(v, I_VPOR, v->d, v->d, v->t0);
}

static void bytes_imm(const Vec *v, Dir dir, unsigned n)
{
    if (dir == ARITH) {
        v2i(v, I_VPSLLW_I, v->t0, v->s[0], 8);
        v2i(v, I_VPSRAW_I, v->t0, v->t0, n);
        v2i(v, I_VPSRAW_I, v->d, v->s[0], n);
        join_bytes(v);
    } else {
        v2i(v, shift_i[dir][V16], v->d, v->s[0], n);
        v3_lit(v, I_VPAND, v->d, v->d, 8, dir == LEFT ? 0xff << n & 0xff : 0xff >> n);
    }
}

bool emit_vshift_imm(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);
    Dir dir = direction(i);
    unsigned lane = i->sub & 3, bits = 8u << lane;
    unsigned n = MIN(i->imm, bits);

    if (lane == V8) {
        bytes_imm(&v, dir, n);
    } else if (dir == ARITH && lane == V64) {
        sign64(&v, v.t0);
        v3(&v, I_VPXOR, v.d, v.s[0], v.t0);
        v2i(&v, I_VPSRLQ_I, v.d, v.d, n);
        v3(&v, I_VPXOR, v.d, v.d, v.t0);
    } else {
        v2i(&v, shift_i[dir][lane], v.d, v.s[0], n);
    }
    return true;
}

/* ---- one count in a general register ---- */

static void bytes_count(const Vec *v, Dir dir, AsmReg n)
{
    if (dir == ARITH) {
        asm_vrr(v->a, I_VMOVQ_GPR, false, v->t1, n);
        v2i(v, I_VPSLLW_I, v->t0, v->s[0], 8);
        v3(v, I_VPSRAW, v->t0, v->t0, v->t1);
        v3(v, I_VPSRAW, v->d, v->s[0], v->t1);
        join_bytes(v);
        return;
    }
    /* The mask of surviving bits: the low byte of ffff << n, the high byte of ffff >> n. */
    asm_vrr(v->a, I_VMOVQ_GPR, false, v->t0, n);
    v_ones(v, v->t1);
    v3(v, shift_x[dir][V16], v->t1, v->t1, v->t0);
    if (dir == RIGHT) {
        v2i(v, I_VPSRLW_I, v->t1, v->t1, 8);
    }
    v2(v, I_VPBROADCASTB, v->t1, v->t1);
    v3(v, shift_x[dir][V16], v->d, v->s[0], v->t0);
    v3(v, I_VPAND, v->d, v->d, v->t1);
}

bool emit_vshift(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);
    Dir dir = direction(i);
    unsigned lane = i->sub & 3;

    if (lane == V8) {
        bytes_count(&v, dir, v.s[1]);
    } else if (dir == ARITH && lane == V64) {
        sign64(&v, v.t1);
        v3(&v, I_VPXOR, v.t0, v.s[0], v.t1);
        asm_vrr(v.a, I_VMOVQ_GPR, false, v.d, v.s[1]);
        v3(&v, I_VPSRLQ, v.d, v.t0, v.d);
        v3(&v, I_VPXOR, v.d, v.d, v.t1);
    } else {
        asm_vrr(v.a, I_VMOVQ_GPR, false, v.t0, v.s[1]);
        v3(&v, shift_x[dir][lane], v.d, v.s[0], v.t0);
    }
    return true;
}

/* ---- a count each lane ---- */

/* Halves of 32-bit lanes: t1 the high words' result in place, then the low ones', then blended. */
static void words_var(const Vec *v, Dir dir)
{
    AsmVex op = shift_v[dir][V32];

    v2i(v, I_VPSRLD_I, v->t0, v->s[1], 16);
    if (dir == LEFT) {
        v2i(v, I_VPSRLD_I, v->t1, v->s[0], 16);
        v3(v, op, v->t1, v->t1, v->t0);
        v2i(v, I_VPSLLD_I, v->t1, v->t1, 16);
    } else {
        v3(v, op, v->t1, v->s[0], v->t0);
    }
    v2i(v, I_VPSLLD_I, v->t0, v->s[1], 16);
    v2i(v, I_VPSRLD_I, v->t0, v->t0, 16);
    if (dir == LEFT) {
        v3(v, op, v->d, v->s[0], v->t0);
    } else {
        v2i(v, I_VPSLLD_I, v->d, v->s[0], 16);
        if (dir == RIGHT) {
            v2i(v, I_VPSRLD_I, v->d, v->d, 16);
        }
        v3(v, op, v->d, v->d, v->t0);
        if (dir == ARITH) {
            v2i(v, I_VPSRLD_I, v->d, v->d, 16);
        }
    }
    v3i(v, I_VPBLENDW, v->d, v->d, v->t1, 0xaa);
}

/* Three conditional shifts by 4, 2, 1; bit 2, 1, 0 of each count is moved to its byte's top, which
 * selects. t2 clears lanes with counts above 7. */
static void bytes_var(const Vec *v, Dir dir)
{
    static const uint8_t mask[2][3] = { { 0xf0, 0xfc, 0xfe }, { 0x0f, 0x3f, 0x7f } };
    bool left = dir == LEFT;
    unsigned from = v->s[0];

    v3_lit(v, I_VPMINUB, v->t2, v->s[1], 8, 7);
    v3(v, I_VPCMPEQB, v->t2, v->t2, v->s[1]);
    v2i(v, I_VPSLLW_I, v->t1, v->s[1], 5);
    if (dir == ARITH) {
        v_zero(v, v->t3);
        v3(v, I_VPCMPGTB, v->t3, v->t3, v->s[0]);
        v3(v, I_VPXOR, v->d, v->s[0], v->t3);
        from = v->d;
    }
    for (unsigned k = 0; k < 3; k++) {
        v2i(v, left ? I_VPSLLW_I : I_VPSRLW_I, v->t0, from, 4 >> k);
        v3_lit(v, I_VPAND, v->t0, v->t0, 8, mask[!left][k]);
        v4(v, I_VPBLENDVB, v->d, from, v->t0, v->t1);
        v3(v, I_VPADDB, v->t1, v->t1, v->t1);
        from = v->d;
    }
    v3(v, I_VPAND, v->d, v->d, v->t2);
    if (dir == ARITH) {
        v3(v, I_VPXOR, v->d, v->d, v->t3);
    }
}

bool emit_vshift_var(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);
    Dir dir = direction(i);
    unsigned lane = i->sub & 3;

    if (shift_v[dir][lane]) {
        v3(&v, shift_v[dir][lane], v.d, v.s[0], v.s[1]);
    } else if (lane == V8) {
        bytes_var(&v, dir);
    } else if (lane == V16) {
        words_var(&v, dir);
    } else {
        sign64(&v, v.t0);
        v3(&v, I_VPXOR, v.t1, v.s[0], v.t0);
        v3(&v, I_VPSRLVQ, v.t1, v.t1, v.s[1]);
        v3(&v, I_VPXOR, v.d, v.t1, v.t0);
    }
    return true;
}
