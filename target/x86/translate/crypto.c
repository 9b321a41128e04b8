/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AES, SHA, PCLMULQDQ and the SSE4.2 string comparisons: calls of helpers.
 */
#include "target/x86/translate/simd-priv.h"

void x86_tr_aes(X86Trans *t, const X86Insn *i)
{
    const HelperDesc *h = i->mn == X86_MN_AESENC       ? &hd_aesenc
                          : i->mn == X86_MN_AESENCLAST ? &hd_aesenclast
                          : i->mn == X86_MN_AESDEC     ? &hd_aesdec
                                                       : &hd_aesdeclast;
    SimdPair p = simd_pair(t);
    simd_write(t, 0, ir_call(t->b, h, p.x, p.y));
}

void x86_tr_aes1(X86Trans *t, const X86Insn *i)
{
    IrVal v = simd_read(t, 1);
    simd_write(t, 0,
               i->mn == X86_MN_AESIMC
                   ? ir_call(t->b, &hd_aesimc, v)
                   : ir_call(t->b, &hd_aeskeygen, v, ir_c64(t->b, i->imm & 0xff)));
}

void x86_tr_pclmul(X86Trans *t, const X86Insn *i)
{
    SimdPair p = simd_pair(t);
    simd_write(t, 0, ir_call(t->b, &hd_pclmul, p.x, p.y, ir_c64(t->b, i->imm & 0xff)));
}

void x86_tr_sha(X86Trans *t, const X86Insn *i)
{
    IrVal y = simd_read(t, 1), x = simd_read(t, 0);
    unsigned op;
    switch ((X86Mn)i->mn) {
    case X86_MN_SHA256RNDS2:
        simd_write(t, 0, ir_call(t->b, &hd_sha256rnds2, x, y, simd_read(t, 2)));
        return;
    case X86_MN_SHA1NEXTE: op = X86_SHA1NEXTE; break;
    case X86_MN_SHA1MSG1: op = X86_SHA1MSG1; break;
    case X86_MN_SHA1MSG2: op = X86_SHA1MSG2; break;
    case X86_MN_SHA256MSG1: op = X86_SHA256MSG1; break;
    case X86_MN_SHA256MSG2: op = X86_SHA256MSG2; break;
    default: op = X86_SHA1RNDS4 + (i->imm & 3); break;
    }
    simd_write(t, 0, ir_call(t->b, &hd_sha, ir_c64(t->b, op), x, y));
}

void x86_tr_sse_pcmpstr(X86Trans *t, const X86Insn *i)
{
    IrBuilder *b = t->b;
    bool expl = i->mn == X86_MN_PCMPESTRM || i->mn == X86_MN_PCMPESTRI;
    bool mask = i->mn == X86_MN_PCMPESTRM || i->mn == X86_MN_PCMPISTRM;
    unsigned imm = i->imm & 0xff;
    unsigned ctl = imm | (expl ? 0x100 : 0) | (i->rex_w ? 0x200 : 0);
    /* These never ask for an aligned operand. */
    IrVal y = simd_read_u(t, 1), x = simd_read(t, 0);
    IrVal r = ir_call(b, &hd_pcmpstr, x, y, ir_c64(b, ctl), ir_get(b, SLOT_GPR + X86_RAX),
                      ir_get(b, SLOT_GPR + X86_RDX));
    if (mask) {
        IrVal bits = ir_extractu(b, r, 0, 16);
        simd_put(t, 0, ir_call(b, &hd_pcmpstr_mask, bits, ir_c64(b, imm)));
    } else {
        x86_set_gpr(t, X86_RCX, 4, ir_extractu(b, r, 16, 8));
    }
    x86_cc_set_eflags(t, ir_trunc32(b, ir_shri(b, r, 32)));
}
