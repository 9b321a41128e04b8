/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translation of one instruction: fetch, decode, gates, translator.
 *
 * Order of faults: fetch, then operation (no such instruction, facility not offered), privileged
 * operation, data exception for floating point without its control. The target of an EXECUTE that
 * could not be taken inline is a region of its own, one instruction long.
 */
#include "target/s390x/translate/translate-priv.h"

static S390Region *region(TransCtx *ctx)
{
    G_STATIC_ASSERT(sizeof(S390Region) <= sizeof ctx->target);
    return (S390Region *)ctx->target;
}

void s390_translate_begin(TransCtx *ctx)
{
    *region(ctx) = (S390Region){ 0 };
    ctx->vaddr_mask = mode_addr_mask(ctx->key.flags);
    if (ctx->key.flags & (MODE_EX | MODE_PER)) {
        ctx->max_insns = 1;
    }
}

/* A register that only the AFP-register control makes available. */
static bool additional(int64_t r)
{
    const unsigned plain = 1 << 0 | 1 << 2 | 1 << 4 | 1 << 6;

    return !(plain >> r & 1);
}

/* The data-exception code of an instruction that wants the AFP-register control, 0: it does not. */
static unsigned afp_missing(const S390Insn *i)
{
    int16_t facility = s390_lines[i->mn].facility;

    if (i->flags & S390_F_AFP) {
        return facility == 42 || facility == 48 || facility == 80 ? 3 : 2;
    }
    bool all = i->flags & S390_F_FPR;
    bool r1 = (all || (i->flags & S390_F_FPR1)) && additional(i->r1);
    bool r2 = (all || (i->flags & S390_F_FPR2)) && additional(i->r2);
    return r1 || r2 || (all && additional(i->r3)) ? 1 : 0;
}

static bool vector_enabled(const S390Trans *t)
{
    return (t->mode & MODE_AFP) && (t->mode & MODE_VX);
}

void s390_translate_decoded(S390Trans *t, const S390Insn *i)
{
    const S390Line *ln = &s390_lines[i->mn];
    const S390Insn *outer = t->i;

    t->i = i;
    if (ln->facility >= 0 && !s390_facility(s390_cpu(t->ctx->cpu), ln->facility)) {
        s390_pgm(t, PGM_OPERATION);
    } else if ((i->flags & S390_F_PRIV) && (t->mode & MODE_P)) {
        s390_pgm(t, PGM_PRIVILEGED);
    } else if (!(t->mode & MODE_AFP) && afp_missing(i)) {
        ir_call(t->b, &hd_s390_data_exception, ir_c64(t->b, afp_missing(i)));
        t->status = TRANS_END;
    } else if ((i->flags & S390_F_VEC) && !vector_enabled(t)) {
        ir_call(t->b, &hd_s390_data_exception, ir_c64(t->b, 0xfe));
        t->status = TRANS_END;
    } else {
        s390_select_spaces(t);
        s390_translate_fns[i->mn](t, i);
        if (t->status == TRANS_NEXT && (i->flags & S390_F_ENDS)) {
            s390_end_loop(t);
        }
    }
    t->i = outer;
}

static bool fetch_decode(TransCtx *ctx, uint8_t modifier, S390Insn *i)
{
    uint8_t buf[6] = { trans_fetch8(ctx) };

    for (unsigned k = 1; k < s390_insn_length(buf[0]); k++) {
        buf[k] = trans_fetch8(ctx);
    }
    buf[1] |= modifier;
    return s390_decode(buf, i);
}

int s390_translate_insn(TransCtx *ctx)
{
    S390Insn insn;
    uint32_t mode = ctx->key.flags;
    S390Trans t = { .ctx = ctx,
                    .b = ctx->b,
                    .i = &insn,
                    .mode = mode,
                    .mo = MO_BE | MO_MMU(mode_mmu(mode)),
                    .pc = ctx->pc,
                    .ex = mode & MODE_EX,
                    .status = TRANS_NEXT,
                    .cc = &region(ctx)->cc,
                    .larl = &region(ctx)->larl };
    bool ok = fetch_decode(ctx, t.ex ? (mode & MODE_EX_MOD) >> MODE_EX_SH : 0, &insn);

    ir_set_aux(ctx->b, insn.len | (t.ex ? S390_AUX_EX : 0));
    t.next_pc = (ctx->pc + insn.len) & ctx->vaddr_mask;
    ctx->next_pc = t.next_pc;
    if (t.ex) {
        ctx->other_flags = true; /* whatever follows is no target of an EXECUTE */
        ir_put(t.b, SLOT_EX_MODE, ir_c32(t.b, 0));
    }
    if (!ok) {
        s390_pgm(&t, PGM_OPERATION);
        return t.status;
    }
    if (mode & MODE_PER) {
        ir_call(t.b, &hd_s390_per_begin, ir_c64(t.b, ctx->pc), ir_c64(t.b, t.ex ? 0 : insn.len));
    }
    s390_translate_decoded(&t, &insn);
    if (t.ex && t.status == TRANS_NEXT) {
        ir_exit_indirect(t.b, s390_link(&t));
        t.status = TRANS_END;
    }
    return t.status;
}
