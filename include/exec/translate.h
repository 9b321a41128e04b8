/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a target's translator gets while a region is being built, and what it may ask for.
 *
 * The driver (exec/translate.c) opens a region at a TbKey and calls ops->translate_insn once a
 * guest instruction. The translator fetches bytes with trans_fetch*, decodes, emits IR into
 * ctx->b, sets ctx->next_pc, and says whether the line goes on. Code bytes must come through
 * trans_fetch* only: that is how the region's pages and self-modification are known.
 */
#ifndef EXEC_TRANSLATE_H
#define EXEC_TRANSLATE_H

#include "exec/cpu.h"
#include "exec/ir.h"

typedef enum TransStatus {
    /* The line continues at ctx->next_pc (the following instruction, or a jump target that
     * trans_may_follow() allowed). */
    TRANS_NEXT,
    /* The translator has emitted the exit itself (ir_exit_*, ir_raise, noreturn call). */
    TRANS_END,
    /* State that the key depends on, or what the loop must see, changed: the driver emits
     * ir_exit_loop to next_pc. */
    TRANS_END_LOOP,
    /* Like TRANS_NEXT but no further instruction in this region: driver exits directly. */
    TRANS_END_DIRECT,
} TransStatus;

#define TRANS_MAX_INSNS 64

struct TransCtx {
    CpuState *cpu;
    IrBuilder *b;
    TbKey key;            /* of the region's start */
    uint64_t pc;          /* of the current instruction, TbKey.pc form */
    uint64_t next_pc;     /* in: pc; out: set by the translator (see trans_advance) */
    uint64_t pc_base;     /* vaddr - pc at the start: fetch address = (pc + pc_base) & vaddr_mask */
    uint64_t vaddr_mask;  /* default all ones; translate_begin may set (32-bit modes) */
    unsigned insn_index;  /* 0 for the first of the region */
    unsigned max_insns;   /* the region ends after that many */
    bool single_step;     /* one instruction, then CPU_EXCP_DEBUG: done by the driver */
    bool other_flags;     /* set by the translator: key.flags hold no more, exits are indirect */
    uint32_t flags_after; /* ... what they are then; 0: not known */
    bool more;            /* ... and: the region must not end before the next instruction */
    bool strict; /* set by the translator: the code depends on bits of CpuTargetOps.soft_flags */
    unsigned fetched;   /* bytes fetched by the current instruction so far */
    uint8_t bytes[24];  /* ... and the first of them */
    uint64_t target[8]; /* free for the target's translate_begin/insn */
    void **memo; /* the target's, from region to region: NULL at first, g_free()d in the end */
    void *priv;  /* driver */
};

/*
 * The next instruction bytes of the current instruction, in sequence, from ctx->pc. Does not return
 * when the bytes cannot be fetched: if this is the region's first instruction the guest's fetch
 * fault is raised; else the region ends before this instruction. So fetch the whole instruction
 * before emitting any IR, or be ready to have it undone (the driver truncates the IR).
 */
uint8_t trans_fetch8(TransCtx *ctx);
uint16_t trans_fetch16(TransCtx *ctx); /* little-endian */
uint32_t trans_fetch32(TransCtx *ctx);
uint64_t trans_fetch64(TransCtx *ctx);
uint16_t trans_fetch16be(TransCtx *ctx);
uint32_t trans_fetch32be(TransCtx *ctx);
/* Look ahead at the byte `ahead` positions on without consuming; same fault rule. */
uint8_t trans_peek8(TransCtx *ctx, unsigned ahead);
/* As peek, but returns -1 instead of leaving when it cannot be had without a fault. */
int trans_try_peek8(TransCtx *ctx, unsigned ahead);

/* next_pc = pc + bytes fetched. The usual last step of decoding; 16/32-bit modes wrap themselves. */
static inline void trans_advance(TransCtx *ctx)
{
    ctx->next_pc = ctx->pc + ctx->fetched;
}

/*
 * Code at pc is wanted for the instruction at hand. True: the region has its page, or has it now, which is the one next to
 * that of the region's first byte and can be fetched from. Then the region begins with this instruction: one that has
 * others before it ends there, and this does not return.
 */
bool trans_reach(TransCtx *ctx, uint64_t pc);
/*
 * Code bytes at any pc, when they lie in a page that the region has already: copies at most max, none
 * of another page than pc's; returns how many. What the region is made by must be named to trans_depend,
 * so that a store there drops the region.
 */
#define TRANS_LOOK_BYTES 16 /* so many are had most quickly */
unsigned trans_look(TransCtx *ctx, uint64_t pc, uint8_t *buf, unsigned max);
void trans_depend(TransCtx *ctx, uint64_t pc, unsigned len);
/* Fetch the next len bytes of the current instruction at once: they are in buf, by trans_look. */
void trans_take(TransCtx *ctx, const uint8_t *buf, unsigned len);

/* May the region simply continue at this pc (unconditional jump, likely branch side)? False when
 * it is on another page than those already used, already in the region, or limits are near. */
bool trans_may_follow(TransCtx *ctx, uint64_t pc);

/* Has a conditional exit ended the region? Then the translator exits to next_pc; where it does not ask,
 * the driver does so for it. */
bool trans_ends_at_branch(TransCtx *ctx);
/* Was pc gone to more often than other, by far, and may the region go on there? */
bool trans_prefers(TransCtx *ctx, uint64_t pc, uint64_t other);

/* Is pc the start of this region? Then ir_exit_direct there is a loop (cheap, polls interrupts). */
static inline bool trans_is_head(const TransCtx *ctx, uint64_t pc)
{
    return pc == ctx->key.pc;
}

#endif
