/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Returns are predicted, by the host's own return stack too: a guest's call is a host call.
 *
 *   call:  its HostReturn into the ring of the frame; call T; landing: guess (emit-ctl.c); T: drop the host's
 *          return address from the stack; the exit as it were
 *   return: the latest HostReturn off the ring; is it of this pc and mode? push its landing; ret.
 *          Else the exit as it were, through the jump cache
 *
 * The ring is a guess and nothing more: calls that never return, returns without a call and switched stacks
 * make it wrong, which costs a look into the jump cache each. What makes it safe:
 *  - pc and mode are compared in full, so a landing is only entered for where the guest goes.
 *  - A landing is a direct exit of the calling region by the rules of links across pages (TbLink.cross), wherever
 *    it leads: it goes on in native code only while the jump cache has this very translation. So what
 *    became of the mapping, of the code there and of the caller's is seen, by link and jump cache.
 *  - The ring is the frame's. Code in it is freed after the vCPU announced a later epoch, outside native
 *    code, and the next frame begins with a ring of returns to nowhere.
 */
#include "host-priv.h"

/* Where the latest is in the ring is counted in bytes, in a byte. */
G_STATIC_ASSERT(sizeof(((HostFrame *)NULL)->ret) == 256);
G_STATIC_ASSERT(offsetof(HostFrame, ret) % 32 == 0);

/* The same exits look into the jump cache by this region's mode. */
static bool predicts(const HostGen *g)
{
    return !g->tb->cflags && !g->cpu->priv->trans->ctx.other_flags && g->mode != UINT32_MAX;
}

static AsmRm ring(unsigned at)
{
    return asm_mem_index(HR_FRAME, at, 0, FRAME_OFF(ret));
}

/* Where the latest is into RCX, one further on or back in the frame. RAX: the latest, when it is popped. */
static void turn(AsmBuf *as, bool push)
{
    asm_movzx(as, 1, RCX, hg_frame(FRAME_OFF(ret_top)));
    if (!push) {
        asm_mov(as, 8, RAX, ring(RCX));
    }
    asm_alu_ri(as, push ? ALU_ADD : ALU_SUB, 1, RCX, 8);
    asm_store(as, 1, hg_frame(FRAME_OFF(ret_top)), RCX);
}

void hg_call(HostGen *g)
{
    AsmBuf *as = &g->as;

    if (!g->calls || !predicts(g)) {
        return;
    }
    g->calls = false;
    AsmLabel back = asm_label(as), on = asm_label(as);
    turn(as, true);
    asm_lea(as, 8, RAX, asm_at_label(back));
    asm_store(as, 8, ring(RCX), RAX);
    asm_call(as, on);
    HostReturn r = { .pc = g->calls_pc, .mode = g->mode, .landing = asm_here(as) };
    emit_guess(g, g->calls_pc);
    asm_align(as, 8);
    asm_bind(as, back);
    asm_data(as, &r, sizeof(r));
    asm_bind(as, on);
    asm_lea(as, 8, RSP, asm_mem(RSP, 8));
}

void hg_return(HostGen *g)
{
    AsmBuf *as = &g->as;
    AsmLabel no = asm_label(as);

    if (!predicts(g)) {
        return;
    }
    turn(as, false);
    asm_alu_store(as, ALU_CMP, 8, asm_mem(RAX, offsetof(HostReturn, pc)), HR_SCRATCH);
    asm_jcc(as, CC_NE, no);
    asm_alu_imm(as, ALU_CMP, 4, asm_mem(RAX, offsetof(HostReturn, mode)), (int32_t)g->mode);
    asm_jcc(as, CC_NE, no);
    asm_push_rm(as, asm_mem(RAX, offsetof(HostReturn, landing)));
    asm_ret(as);
    asm_bind(as, no);
}

void host_returns_begin(AsmBuf *a, uint64_t nowhere)
{
    asm_lea(a, 8, RAX, asm_abs(nowhere));
    asm_store(a, 8, asm_mem(HR_FRAME, FRAME_OFF(ret)), RAX);
    asm_v2(a, I_VPBROADCASTQ, true, HV_SCRATCH, asm_mem(HR_FRAME, FRAME_OFF(ret)), 0);
    for (unsigned k = 0; k < HOST_RETURNS; k += 4) {
        asm_v2_store(a, I_VMOVDQU_ST, true, asm_mem(HR_FRAME, FRAME_OFF(ret) + 8 * (int32_t)k),
                     HV_SCRATCH, 0);
    }
    asm_store_imm(a, 8, asm_mem(HR_FRAME, FRAME_OFF(ret_top)), 0);
}
