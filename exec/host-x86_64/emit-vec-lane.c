/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Vector ops between lanes, general registers and the two register widths; blends. */
#include "emit-vec-priv.h"

bool emit_vtest(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);

    v2(&v, I_VPTEST, v.s[0], v.s[1]);
    asm_setcc(v.a, i->op == IR_VTESTZ ? CC_E : CC_B, asm_reg(v.d));
    asm_movzx(v.a, 1, v.d, asm_reg(v.d));
    return true;
}

/* ---- one lane ---- */

bool emit_vgetlane(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    static const uint16_t op[4] = { I_VPEXTRB, I_VPEXTRW, I_VPEXTRD, I_VPEXTRQ };
    Vec v = vec_open(g, i, x);
    unsigned per = 16u >> (i->sub & 3), lane = i->imm, s = v.s[0];

    if (lane >= per) {
        asm_vrri(v.a, I_VEXTRACTI128, true, v.t0, s, 1);
        s = v.t0;
        lane -= per;
    }
    if (lane == 0 && i->sub >= V32) {
        asm_vrr(v.a, i->sub == V64 ? I_VMOVQ_GPR_ST : I_VMOVD_ST, false, v.d, s);
    } else {
        asm_vrri(v.a, op[i->sub & 3], false, v.d, s, lane);
    }
    return true;
}

bool emit_vsetlane(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    static const uint16_t op[4] = { I_VPINSRB, I_VPINSRW, I_VPINSRD, I_VPINSRQ };
    Vec v = vec_open(g, i, x);
    unsigned per = 16u >> (i->sub & 3), lane = i->imm;
    AsmVex in = op[i->sub & 3];

    if (!v.w) {
        asm_vrrri(v.a, in, false, v.d, v.s[0], v.s[1], lane);
    } else if (lane < per) {
        asm_vrrri(v.a, in, false, v.t0, v.s[0], v.s[1], lane);
        v_low_half(&v, v.d, v.s[0], v.t0);
    } else {
        asm_vrri(v.a, I_VEXTRACTI128, true, v.t0, v.s[0], 1);
        asm_vrrri(v.a, in, false, v.t0, v.t0, v.s[1], lane - per);
        asm_vrrri(v.a, I_VINSERTI128, true, v.d, v.s[0], v.t0, 1);
    }
    return true;
}

bool emit_vlane(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);

    if (i->sub == V32) {
        v3i(&v, I_VINSERTPS, v.d, v.s[0], v.s[0], i->imm << 6 | 0xe);
    } else if (i->sub == V64 && i->imm) {
        v2i(&v, I_VPSRLDQ_I, v.d, v.s[0], 8);
    } else if (i->sub == V64) {
        v2(&v, I_VMOVQ, v.d, v.s[0]);
    }
    return i->sub >= V32;
}

bool emit_vinslane(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);

    if (i->sub == V32) {
        v3i(&v, I_VINSERTPS, v.d, v.s[0], v.s[1], i->imm << 4);
    } else if (i->sub == V64) {
        v3(&v, i->imm ? I_VPUNPCKLQDQ : I_VMOVSD, v.d, v.s[0], v.s[1]);
    }
    return i->sub >= V32;
}

static void from_general(const Vec *v, unsigned d, unsigned s, bool q)
{
    asm_vrr(v->a, q ? I_VMOVQ_GPR : I_VMOVD, false, d, s);
}

static const uint16_t broadcast[4] = { I_VPBROADCASTB, I_VPBROADCASTW, I_VPBROADCASTD,
                                       I_VPBROADCASTQ };

bool emit_vdup(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);

    from_general(&v, v.d, v.s[0], i->sub == V64);
    v2(&v, broadcast[i->sub & 3], v.d, v.d);
    return true;
}

bool emit_vsplat(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);

    v2(&v, broadcast[i->sub & 3], v.d, v.s[0]);
    return true;
}

bool emit_vfromi(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);

    from_general(&v, v.d, v.s[0], hg_type(g, i->arg[0]) == IR_I64);
    return true;
}

/* ---- sign bits ---- */

/* Words to bytes first: per 128-bit half, so 256 bits need their quarters 0 and 2 side by side. */
static void words_mask(const Vec *v)
{
    v3(v, I_VPACKSSWB, v->t0, v->s[0], v->s[0]);
    if (v->w) {
        v2i(v, I_VPERMQ, v->t0, v->t0, 0x08);
        asm_vrr(v->a, I_VPMOVMSKB, false, v->d, v->t0);
    } else {
        v2(v, I_VPMOVMSKB, v->d, v->t0);
        asm_movzx(v->a, 1, v->d, asm_reg(v->d));
    }
}

bool emit_vmovmsk(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    static const uint16_t op[4] = { I_VPMOVMSKB, 0, I_VMOVMSKPS, I_VMOVMSKPD };
    Vec v = vec_open(g, i, x);

    if (i->sub == V16) {
        words_mask(&v);
    } else {
        v2(&v, op[i->sub & 3], v.d, v.s[0]);
    }
    return true;
}

/* ---- width of lanes and registers ---- */

bool emit_vextend(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    static const uint16_t op[2][4][4] = {
        { { 0, I_VPMOVSXBW, I_VPMOVSXBD, I_VPMOVSXBQ },
          { 0, 0, I_VPMOVSXWD, I_VPMOVSXWQ },
          { 0, 0, 0, I_VPMOVSXDQ } },
        { { 0, I_VPMOVZXBW, I_VPMOVZXBD, I_VPMOVZXBQ },
          { 0, 0, I_VPMOVZXWD, I_VPMOVZXWQ },
          { 0, 0, 0, I_VPMOVZXDQ } },
    };
    Vec v = vec_open(g, i, x);
    AsmVex ext = op[i->op == IR_VZEXT][i->sub & 3][i->imm & 3];

    if (!ext) {
        return false;
    }
    v2(&v, ext, v.d, v.s[0]);
    return true;
}

bool emit_vhalves(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    Vec v = vec_open(g, i, x);

    switch (i->op) {
    case IR_VZEXT256: /* a VEX.128 move clears the rest, also onto itself */
        asm_vrr(v.a, I_VMOVAPS, false, v.d, v.s[0]);
        break;
    case IR_VLO128: v_move(&v, v.d, v.s[0]); break;
    case IR_VHI128: asm_vrri(v.a, I_VEXTRACTI128, true, v.d, v.s[0], 1); break;
    default: asm_vrrri(v.a, I_VINSERTI128, true, v.d, v.s[0], v.s[1], 1); break;
    }
    return true;
}

/* ---- blends ---- */

static void blend_variable(const Vec *v)
{
    static const uint16_t op[4] = { I_VPBLENDVB, I_VPBLENDVB, I_VBLENDVPS, I_VBLENDVPD };
    unsigned mask = v->s[2];

    if (v->i->sub == V16) {
        v2i(v, I_VPSRAW_I, v->t0, mask, 15);
        mask = v->t0;
    }
    v4(v, op[v->i->sub & 3], v->d, v->s[0], v->s[1], mask);
}

static void blend_bytes(const Vec *v, uint32_t imm)
{
    IrVec mask;

    for (unsigned k = 0; k < 32; k++) {
        mask.b[k] = imm >> k & 1 ? 0xff : 0;
    }
    asm_v2(v->a, I_VMOVDQU, v->w, v->t0, hg_literal(v->g, &mask, v->w ? 32 : 16), 0);
    v4(v, I_VPBLENDVB, v->d, v->s[0], v->s[1], v->t0);
}

bool emit_vblend(HostGen *g, const IrInsn *i, const HostArgs *x)
{
    static const uint16_t op[4] = { 0, I_VPBLENDW, I_VPBLENDD, I_VBLENDPD };
    Vec v = vec_open(g, i, x);

    if (i->op == IR_VBLENDV) {
        blend_variable(&v);
    } else if (i->sub == V8) {
        blend_bytes(&v, i->imm);
    } else {
        v3i(&v, op[i->sub & 3], v.d, v.s[0], v.s[1], i->imm);
    }
    return true;
}
