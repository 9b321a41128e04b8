/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves of MMX, SSE and AVX registers, masked and gathered ones too, and MXCSR.
 */
#include "target/x86/translate/simd-priv.h"

void x86_tr_sse_mov(X86Trans *t, const X86Insn *i)
{
    simd_write(t, 0, simd_read_u(t, 1));
}

/* MOVSS, MOVSD: a load clears the rest of the register, a register move merges. */
void x86_tr_sse_movs(X86Trans *t, const X86Insn *i)
{
    unsigned src = i->nops - 1;
    IrLane l = i->op[0].size == 4 ? V32 : V64;
    if (i->op[0].kind == X86_OPK_MEM || i->op[src].kind == X86_OPK_MEM) {
        simd_write(t, 0, simd_read(t, src));
        return;
    }
    IrVal v = simd_read(t, src), rest = simd_read(t, i->nops == 3 ? 1 : 0);
    simd_write(t, 0, ir_vblendi(t->b, l, rest, v, 1));
}

/* MOVLPx, MOVHPx, MOVHLPS, MOVLHPS: one half moves. */
void x86_tr_sse_movlh(X86Trans *t, const X86Insn *i)
{
    bool high = i->mn == X86_MN_MOVHPS || i->mn == X86_MN_MOVHPD || i->mn == X86_MN_MOVLHPS;
    unsigned src = i->nops - 1;
    if (i->op[0].kind == X86_OPK_MEM) {
        x86_write(t, 0, ir_vgetlane(t->b, IR_I64, V64, simd_get(t, i->op[1].reg), high));
        return;
    }
    IrVal v = simd_read(t, src), rest = simd_get(t, i->op[i->nops == 3 ? 1 : 0].reg);
    IrVal r = high                      ? ir_vunpckl(t->b, V64, rest, v)
              : i->mn == X86_MN_MOVHLPS ? ir_vunpckh(t->b, V64, v, rest)
                                        : ir_vblendi(t->b, V64, rest, v, 1);
    simd_write(t, 0, r);
}

void x86_tr_sse_movd(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    if (i->op[0].kind == X86_OPK_XMM && i->op[1].kind != X86_OPK_XMM) {
        simd_write(t, 0, ir_vfromi(b, IR_V128, x86_read(t, 1)));
        return;
    }
    IrVal v = simd_read(t, 1);
    if (i->op[0].kind == X86_OPK_XMM) { /* MOVQ xmm, xmm */
        simd_write(t, 0, ir_vblendi(b, V64, ir_vzero(b, IR_V128), v, 1));
    } else if (i->op[0].size == 8) {
        x86_write(t, 0, ir_vgetlane(b, IR_I64, V64, v, 0));
    } else {
        x86_write(t, 0, ir_vgetlane(b, IR_I32, V32, v, 0));
    }
}

static IrVal mmx_mov_read(X86Trans *t)
{
    const X86Operand *o = &t->i->op[1];
    if (o->kind == X86_OPK_MMX) {
        return ir_get(t->b, SLOT_MM + o->reg);
    }
    if (o->kind == X86_OPK_XMM) {
        return ir_vgetlane(t->b, IR_I64, V64, ir_get(t->b, SLOT_XMM + o->reg), 0);
    }
    return x86_to64(t, x86_read(t, 1));
}

void x86_tr_mmx_mov(X86Trans *t, const X86Insn *i)
{
    const X86Operand *o = &i->op[0];
    mmx_begin(t);
    IrVal v = mmx_mov_read(t);
    if (o->kind == X86_OPK_MMX) {
        ir_put(t->b, SLOT_MM + o->reg, v);
        ir_put(t->b, SLOT_MM_EXP + o->reg, ir_c32(t->b, 0xffff));
    } else if (o->kind == X86_OPK_XMM) {
        simd_put(t, o->reg, ir_vfromi(t->b, IR_V128, v));
    } else {
        x86_write(t, 0, x86_to_type(t, v, o->size));
    }
    mmx_end(t);
}

void x86_tr_emms(X86Trans *t, const X86Insn *i)
{
    mmx_begin(t);
    ir_put(t->b, SLOT_FP_TOP, ir_c32(t->b, 0));
    ir_put(t->b, SLOT_FP_VALID, ir_c32(t->b, 0));
}

/* ---- masked moves ---- */
/* [DS:rDI], with the segment override. */
void x86_tr_maskmov(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    bool mmx = simd_is_mmx(t);
    unsigned n = mmx ? 8 : 16;
    if (mmx) {
        mmx_begin(t);
    }
    IrVal off = ir_get(b, SLOT_GPR + X86_RDI);
    if (i->adsize != 8) {
        off = ir_extractu(b, off, 0, i->adsize * 8);
    }
    IrVal addr = x86_linear(t, i->mem.seg, off, n, true);
    IrVal v = simd_read(t, 0), mask = simd_read(t, 1);
    ir_call(b, &hd_maskmov, addr, v, mask, ir_c64(b, n | MO_GET_MMU(t->mo) << 8));
    if (mmx) {
        mmx_end(t);
    }
}

static IrVal to_v256(X86Trans *t, IrVal v)
{
    return ir_type(t->b, v) == IR_V256 ? v : ir_vzext256(t->b, v);
}

/* op1 is the mask; elements it leaves out are neither read nor written, and do not fault. */
void x86_tr_avx_maskmov(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    bool q = i->mn == X86_MN_VMASKMOVPD || i->mn == X86_MN_VPMASKMOVQ;
    bool store = i->op[0].kind == X86_OPK_MEM;
    IrVal addr = x86_mem_addr(t, i->vlen, store);
    IrVal mask = to_v256(t, simd_read(t, 1));
    IrVal how = ir_c64(b, (q ? 8 : 4) | MO_GET_MMU(t->mo) << 8);
    if (store) {
        ir_call(b, &hd_avx_maskstore, addr, to_v256(t, simd_read(t, 2)), mask, how);
    } else {
        simd_put(t, i->op[0].reg, ir_call(b, &hd_avx_maskload, addr, mask, how));
    }
}

/* Elements are loaded in order; each clears its mask, so a fault can be taken in the middle. */
void x86_tr_avx_gather(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    const char *name;
    char buf[24];
    name = x86_insn_name(i, buf, sizeof buf);
    size_t len = strlen(name);
    bool idx_q = name[len - 2] == 'q' || name[len - 3] == 'q'; /* ..qd ..qq / ..qps ..qpd */
    if (g_str_has_prefix(name, "vpgather")) {
        idx_q = name[len - 2] == 'q';
    }
    X86Gather g = { .dst = i->op[0].reg,
                    .mask = i->op[2].reg,
                    .index = i->mem.index,
                    .elem = i->rex_w || i->mn == X86_MN_VPGATHERDQ || i->mn == X86_MN_VPGATHERQQ ||
                                    i->mn == X86_MN_VGATHERDPD || i->mn == X86_MN_VGATHERQPD
                                ? 8
                                : 4,
                    .idx = idx_q ? 8 : 4,
                    .scale = i->mem.scale,
                    .mmu_adsize = MO_GET_MMU(t->mo) | i->mem.addr_size << 4 };
    g.count = i->vlen / MAX(g.elem, g.idx);
    IrVal base = x86_ea(t);
    IrVal seg = ir_c64(b, 0);
    if (!(t->mode & MODE_CS64) || i->mem.seg == X86_FS || i->mem.seg == X86_GS) {
        seg = ir_get(b, SLOT_SEG_BASE + i->mem.seg);
    }
    uint64_t word;
    memcpy(&word, &g, sizeof word);
    ir_call(b, &hd_avx_gather, ir_c64(b, word), base, seg,
            ir_c64(b, t->mode & MODE_CS64 ? UINT64_MAX : UINT32_MAX));
}

void x86_tr_vzero(X86Trans *t, const X86Insn *i)
{
    unsigned n = t->mode & MODE_CS64 ? 16 : 8;
    IrVal zero = ir_vzero(t->b, IR_V128);
    IrVal zero256 = i->mn == X86_MN_VZEROALL ? ir_vzero(t->b, IR_V256) : 0;
    for (unsigned k = 0; k < n; k++) {
        if (zero256) {
            ir_put(t->b, SLOT_YMM + k, zero256);
        } else {
            ir_put(t->b, SLOT_YMMH + k, zero);
        }
    }
}

/* ---- MXCSR ---- */
void x86_tr_mxcsr(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    if (i->mn == X86_MN_STMXCSR) {
        IrVal v = ir_call(b, &hd_stmxcsr, 0);
        x86_write(t, 0, ir_trunc32(b, v));
        return;
    }
    IrVal v = x86_to64(t, x86_read(t, 0));
    IrVal changed = ir_call(b, &hd_ldmxcsr, v), next = ir_c64(b, t->next_pc);
    if (mode_single(t->mode)) {
        x86_goto_mode(t, next);
        return;
    }
    IrLabel same = ir_label_new(b);
    ir_brcond(b, IR_EQ, changed, ir_c64(b, 0), same);
    ir_exit_loop(b, next);
    ir_label(b, same);
}
