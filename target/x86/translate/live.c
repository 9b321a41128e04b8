/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Are the arithmetic flags dead where a jump leads? A look at the first instructions there, as far as
 * they lie in the pages of the region (whose change then drops the region, see trans_depend).
 *
 * "Dead" means that every path overwrites all six before anything reads them as flags. An interrupt
 * or fault on the way there finds old values in EFLAGS; they come back by IRET and are dead still.
 */
#include "target/x86/translate/translate-priv.h"

#define LOOK_INSNS 6

typedef enum {
    FLAGS_READ,   /* or anything not listed */
    FLAGS_KEPT,   /* neither read nor written, and control goes on (INC, DEC: all but CF written) */
    FLAGS_WRITTEN /* all of them, none read */
} FlagUse;

/* Vector code, listed first where it sets flags. */
static FlagUse vector_flag_use(const X86Insn *i)
{
    switch (i->mn) {
    case X86_MN_PTEST:
    case X86_MN_VTESTPS:
    case X86_MN_VTESTPD:
    case X86_MN_PCMPESTRI:
    case X86_MN_PCMPESTRM:
    case X86_MN_PCMPISTRI:
    case X86_MN_PCMPISTRM:
    case X86_MN_COMISS:
    case X86_MN_COMISD:
    case X86_MN_UCOMISS:
    case X86_MN_UCOMISD: return FLAGS_WRITTEN;
    default: return FLAGS_KEPT;
    }
}

static FlagUse flag_use(const X86Insn *i)
{
    if (i->flags & (X86_F_SSE | X86_F_AVX)) {
        return vector_flag_use(i);
    }
    switch (i->mn) {
    case X86_MN_ADD:
    case X86_MN_SUB:
    case X86_MN_CMP:
    case X86_MN_AND:
    case X86_MN_OR:
    case X86_MN_XOR:
    case X86_MN_TEST:
    case X86_MN_NEG:
    case X86_MN_MUL:
    case X86_MN_IMUL:
    case X86_MN_XADD:
    case X86_MN_CMPXCHG:
    case X86_MN_COMISS:
    case X86_MN_COMISD:
    case X86_MN_UCOMISS:
    case X86_MN_UCOMISD: return FLAGS_WRITTEN;
    case X86_MN_SHL:
    case X86_MN_SHR:
    case X86_MN_SAR:
        return i->op[1].kind == X86_OPK_IMM && (i->imm & 31) ? FLAGS_WRITTEN : FLAGS_READ;
    case X86_MN_MOV:
        return i->op[0].kind == X86_OPK_GPR || i->op[0].kind == X86_OPK_MEM ||
                       i->op[0].kind == X86_OPK_GPR8H
                   ? FLAGS_KEPT
                   : FLAGS_READ;
    case X86_MN_MOVZX:
    case X86_MN_MOVSX:
    case X86_MN_MOVSXD:
    case X86_MN_LEA:
    case X86_MN_NOT:
    case X86_MN_BSWAP:
    case X86_MN_CBW:
    case X86_MN_CWD:
    case X86_MN_NOP:
    case X86_MN_ENDBR64:
    case X86_MN_INC:
    case X86_MN_DEC:
    case X86_MN_MOVAPS:
    case X86_MN_MOVUPS:
    case X86_MN_MOVDQA:
    case X86_MN_MOVDQU:
    case X86_MN_MOVSS:
    case X86_MN_MOVD:
    case X86_MN_MOVQ:
    case X86_MN_PXOR: return FLAGS_KEPT;
    case X86_MN_MOVSD: return i->rep == X86_REP_NONE && i->nops == 2 ? FLAGS_KEPT : FLAGS_READ;
    case X86_MN_PUSH:
    case X86_MN_POP: return i->op[0].kind == X86_OPK_GPR ? FLAGS_KEPT : FLAGS_READ;
    default: return FLAGS_READ;
    }
}

bool x86_look(X86Trans *t, uint64_t rip, X86Insn *i)
{
    uint8_t buf[TRANS_LOOK_BYTES];
    unsigned n = trans_look(t->ctx, rip, buf, sizeof buf);

    if (x86_decoded(t->ctx, buf, n, i) != X86_DECODE_OK) {
        return false;
    }
    trans_depend(t->ctx, rip, i->len);
    return true;
}

void x86_cc_note(X86Trans *t, const X86Insn *i)
{
    FlagUse use = flag_use(i);

    if (t->region->head == X86_HEAD_UNKNOWN && use != FLAGS_KEPT) {
        t->region->head = use == FLAGS_WRITTEN ? X86_HEAD_DEAD : X86_HEAD_LIVE;
    }
}

bool x86_cc_dead_at(X86Trans *t, uint64_t rip)
{
    X86Insn i;

    if (trans_is_head(t->ctx, rip) && t->region->head != X86_HEAD_UNKNOWN) {
        return t->region->head == X86_HEAD_DEAD;
    }
    for (unsigned n = 0; n < LOOK_INSNS && x86_look(t, rip, &i); n++) {
        if (i.mn == X86_MN_JMP && i.op[0].kind == X86_OPK_REL) {
            rip = x86_rip_cut(t, rip + i.len + (uint64_t)i.imm, i.opsize);
            continue;
        }
        FlagUse use = flag_use(&i);
        if (use != FLAGS_KEPT) {
            return use == FLAGS_WRITTEN;
        }
        rip = x86_rip_cut(t, rip + i.len, 8);
    }
    return false;
}
