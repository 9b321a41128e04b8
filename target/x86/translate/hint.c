/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No-ops, hints, fences, random numbers.
 */
#include "target/x86/translate/translate-priv.h"

void x86_tr_nop(X86Trans *t, const X86Insn *i)
{
}

void x86_tr_pause(X86Trans *t, const X86Insn *i)
{
    ir_call(t->b, &hd_x86_yield, ir_c64(t->b, t->next_pc));
}

/* The caches do not exist, but the address is checked as for a load. */
void x86_tr_clflush(X86Trans *t, const X86Insn *i)
{
    ir_probe(t->b, x86_mem_addr(t, 1, false), ACCESS_READ, MO_MMU(MO_GET_MMU(t->mo)) | MO_8);
}

void x86_tr_fence(X86Trans *t, const X86Insn *i)
{
    ir_fence(t->b, i->mn == X86_MN_LFENCE   ? IR_FENCE_LOAD
                   : i->mn == X86_MN_SFENCE ? IR_FENCE_STORE
                                            : IR_FENCE_FULL);
}

/* RDRAND, RDSEED: always ready (CF), the other flags cleared. */
void x86_tr_rdrand(X86Trans *t, const X86Insn *i)
{
    IrVal v = ir_call(t->b, &hd_x86_rdrand, 0);
    x86_write(t, 0, x86_to_type(t, v, i->op[0].size));
    x86_cc_set_eflags(t, ir_c32(t->b, X86_CF));
}
