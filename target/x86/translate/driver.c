/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translation of one instruction: fetch, decode, gates, translator.
 *
 * Order of faults as the processor has it: fetch faults and length, invalid opcode, then what the
 * CPU's state forbids (#UD, #NM), then privilege (#GP), then what the instruction itself does.
 * Regions of mode_single() are one instruction long and leave through the vCPU loop.
 */
#include "target/x86/translate/translate-priv.h"

static X86Region *region_of(TransCtx *ctx)
{
    G_STATIC_ASSERT(sizeof(X86Region) <= sizeof ctx->target);
    return (X86Region *)ctx->target;
}

void x86_translate_begin(TransCtx *ctx)
{
    *region_of(ctx) = (X86Region){ .mode = ctx->key.flags };
    x86_decoded_begin(ctx);
    if (mode_single(ctx->key.flags)) {
        ctx->max_insns = 1;
    }
    if (!(ctx->key.flags & MODE_CS64)) {
        ctx->vaddr_mask = 0xffffffffu;
    }
}

/* Fetch exactly the bytes of one instruction; a byte on the next page only if it is needed. */
static X86DecodeResult fetch_decode(TransCtx *ctx, X86Insn *i)
{
    uint8_t buf[TRANS_LOOK_BYTES];

    trans_peek8(ctx, 0); /* now the region has the page */
    unsigned n = trans_look(ctx, ctx->pc, buf, sizeof buf);
    X86DecodeResult r = x86_decoded(ctx, buf, n, i);
    if (r == X86_DECODE_OK) {
        trans_take(ctx, buf, i->len);
        return r;
    }
    if (n) {
        trans_depend(ctx, ctx->pc, n);
    }
    while (r == X86_DECODE_MORE && n < sizeof buf) {
        buf[n] = trans_peek8(ctx, n);
        n++;
        r = x86_decoded(ctx, buf, n, i);
    }
    for (unsigned k = 0; r == X86_DECODE_OK && k < i->len; k++) {
        trans_fetch8(ctx);
    }
    return r;
}

static bool has_mmx(const X86Insn *i)
{
    for (unsigned k = 0; k < i->nops; k++) {
        if (i->op[k].kind == X86_OPK_MMX) {
            return true;
        }
    }
    return i->mn == X86_MN_EMMS;
}

/* The exception that the CPU's state demands before the instruction starts, or -1. */
static int state_gate(const X86Trans *t, const X86Insn *i)
{
    uint32_t f = i->flags, m = t->mode;
    if ((f & X86_F_PM) && !mode_protected(m)) {
        return EXCP_UD;
    }
    if (i->vex && !mode_protected(m)) {
        return EXCP_UD;
    }
    if (f & X86_F_AVX) {
        return !(m & MODE_AVX) ? EXCP_UD : m & MODE_TS ? EXCP_NM : -1;
    }
    if (f & X86_F_SSE && ((m & MODE_EM) || !(m & MODE_OSFXSR))) {
        return EXCP_UD;
    }
    if (f & X86_F_FPU) {
        if (i->mn == X86_MN_WAIT) {
            return (m & (MODE_MP | MODE_TS)) == (MODE_MP | MODE_TS) ? EXCP_NM : -1;
        }
        if (m & MODE_EM) {
            return has_mmx(i) ? EXCP_UD : EXCP_NM;
        }
    }
    return f & (X86_F_SSE | X86_F_FPU) && (m & MODE_TS) ? EXCP_NM : -1;
}

static void single_prologue(X86Trans *t)
{
    if (t->mode & MODE_TF) {
        ir_call(t->b, &hd_x86_arm_step, 0);
    }
    if (t->mode & (MODE_SHADOW | MODE_RF)) {
        IrVal ef = ir_get(t->b, SLOT_EFLAGS);
        ir_put(t->b, SLOT_EFLAGS, ir_andi(t->b, ef, ~(uint64_t)X86_RF));
        ir_put(t->b, SLOT_INT_SHADOW, ir_c32(t->b, 0));
        ir_put(t->b, SLOT_MODE, ir_c32(t->b, t->mode & ~(MODE_SHADOW | MODE_RF)));
        t->ctx->strict = true;
    }
}

static void translate_one(X86Trans *t, const X86Insn *i)
{
    int vector = state_gate(t, i);

    t->ctx->strict |= i->flags & (X86_F_SSE | X86_F_AVX | X86_F_FPU);
    if (vector >= 0) {
        x86_raise_ir(t, vector, 0);
        return;
    }
    if ((i->flags & X86_F_PRIV) && mode_cpl(t->mode) != 0) {
        x86_raise_ir(t, EXCP_GP, 0);
        return;
    }
    if (mode_single(t->mode)) {
        single_prologue(t);
    }
    x86_translate_fns[i->id](t, i);
}

void x86_change_mode(X86Trans *t, uint32_t mode)
{
    t->region->mode = mode;
    t->ctx->other_flags = mode != t->ctx->key.flags;
    t->ctx->flags_after = mode;
}

int x86_translate_insn(TransCtx *ctx)
{
    X86Insn insn;
    X86Trans t = { .ctx = ctx,
                   .b = ctx->b,
                   .i = &insn,
                   .mode = region_of(ctx)->mode,
                   .pc = ctx->pc,
                   .status = TRANS_NEXT,
                   .cc = &region_of(ctx)->cc,
                   .region = region_of(ctx) };
    t.mo = MO_MMU(mode_mmu(t.mode)) | (t.mode & MODE_ALIGN ? MO_ALIGN : 0);
    X86DecodeResult r = fetch_decode(ctx, &insn);
    t.next_pc = ctx->pc + insn.len;
    if (!(t.mode & MODE_CS64)) {
        t.next_pc &= 0xffffffffu;
    }
    ctx->next_pc = t.next_pc;
    if (r != X86_DECODE_OK) {
        x86_raise_ir(&t, r == X86_DECODE_UD ? EXCP_UD : EXCP_GP, 0);
        return t.status;
    }
    x86_cc_note(&t, &insn);
    translate_one(&t, &insn);
    if (t.status == TRANS_NEXT && mode_single(t.mode)) {
        x86_end_loop(&t);
    }
    return t.status;
}
