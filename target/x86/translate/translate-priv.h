/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What translators of x86 instructions share: the state of one instruction's translation,
 * operands, addresses, the stack, lazy flags, and the ways to end a region.
 *
 * A translator `void x86_tr_name(X86Trans *t, const X86Insn *i)` is called with the gates checked
 * (driver.c): privilege, mode, FPU and SSE availability. It emits IR for exactly one instruction.
 * Unless it ends the region with one of x86_goto*(), x86_end_loop() or x86_raise_ir*(), the driver goes
 * on with the next instruction.
 *
 * Values: an operand of 1, 2 or 4 bytes is an i32, of 8 bytes an i64. x86_read() gives it
 * zero-extended; x86_write() ignores what is above the size. A guest fault leaves state as at the
 * start of the instruction, so puts and accesses may come in any order; but labels, branches and
 * calls of helpers that read or write state commit the puts so far (exec/ir.h): put after them.
 */
#ifndef TARGET_X86_TRANSLATE_PRIV_H
#define TARGET_X86_TRANSLATE_PRIV_H

#include "exec/translate.h"
#include "target/x86/cpu.h"
#include "target/x86/decode.h"
#include "target/x86/flags.h"
#include "target/x86/helper.h"
#include "target/x86/slots.h"

/* What is known of the lazy flags while a region is built; kept in TransCtx.target. */
typedef struct X86CcState {
    uint32_t op; /* valid if known */
    bool known;
    IrVal x;       /* SUB: the first operand, zero-extended; 0 = not kept */
    IrVal a, b, c; /* values as given to x86_cc_set, in the operation's type; 0 = in the slot */
} X86CcState;

/* Are the flags dead at the region's head, so that a jump back there need not keep them? */
typedef enum X86HeadFlags {
    X86_HEAD_UNKNOWN, /* so far they are kept */
    X86_HEAD_DEAD,
    X86_HEAD_LIVE,
} X86HeadFlags;

/* What goes through a region from instruction to instruction; kept in TransCtx.target. */
typedef struct X86Region {
    X86CcState cc;
    uint32_t mode;    /* now: STAC and CLAC change it on the way */
    uint8_t head;     /* X86HeadFlags */
    uint64_t sign_at; /* RDX is RAX's sign before the instruction there, which follows CQO */
} X86Region;

typedef struct X86Trans {
    TransCtx *ctx;
    IrBuilder *b;
    const X86Insn *i;
    uint32_t mode; /* MODE_* */
    uint32_t mo;   /* IrMemOp base: mmu index, MO_ALIGN under #AC checking */
    uint64_t pc, next_pc;
    int status; /* TransStatus */
    X86CcState *cc;
    X86Region *region;
} X86Trans;

typedef void (*X86TranslateFn)(X86Trans *t, const X86Insn *i);
extern const X86TranslateFn x86_translate_fns[X86_INSN_LINES];

/* ---- driver.c: CpuTargetOps hooks ---- */
void x86_translate_begin(TransCtx *ctx);
int x86_translate_insn(TransCtx *ctx);

/* From the next instruction on the region is translated for this mode; SLOT_MODE is the caller's. */
void x86_change_mode(X86Trans *t, uint32_t mode);

/* ---- common.c: values ---- */
static inline IrType x86_type(unsigned size)
{
    return size == 8 ? IR_I64 : IR_I32;
}
static inline unsigned x86_lg(unsigned size) /* log2 */
{
    return __builtin_ctz(size);
}
static inline IrMemOp x86_mo(const X86Trans *t, unsigned size)
{
    return t->mo | x86_lg(size);
}
IrVal x86_const(X86Trans *t, unsigned size, uint64_t v);
IrVal x86_to64(X86Trans *t, IrVal v);                   /* zero-extend an i32 */
IrVal x86_to_type(X86Trans *t, IrVal v, unsigned size); /* to the type of size: trunc or zext */
IrVal x86_cut(X86Trans *t, IrVal v, unsigned size);     /* zero-extend from size within its type */
IrVal x86_sext(X86Trans *t, IrVal v, unsigned size);    /* sign-extend from size within its type */

/* General registers by number and size (no high-byte forms). */
IrVal x86_gpr(X86Trans *t, unsigned reg, unsigned size);
void x86_set_gpr(X86Trans *t, unsigned reg, unsigned size, IrVal v);

/* Operand n: register, memory, immediate. Memory addresses are computed once an instruction. */
IrVal x86_read(X86Trans *t, unsigned n);
void x86_write(X86Trans *t, unsigned n, IrVal v);
static inline bool x86_is_mem(const X86Trans *t, unsigned n)
{
    return t->i->op[n].kind == X86_OPK_MEM;
}

/* Read-modify-write of operand 0: the address is computed and checked once. */
IrVal x86_rmw_read(X86Trans *t, IrVal *addr);
void x86_rmw_write(X86Trans *t, IrVal addr, IrVal v);

/* ---- common.c: addresses ---- */
/* Offset of the memory operand, cut to the address size (i64). */
IrVal x86_ea(X86Trans *t);
/* Linear address of seg:offset for an access of `size` bytes; checks the segment where the mode
 * asks for it. */
IrVal x86_linear(X86Trans *t, unsigned seg, IrVal offset, unsigned size, bool write);
/* Linear address of the memory operand, for an access of `size` bytes. */
IrVal x86_mem_addr(X86Trans *t, unsigned size, bool write);
/* The same, plus a displacement in bytes (i64 value). */
IrVal x86_mem_addr_plus(X86Trans *t, IrVal plus, unsigned size, bool write);
IrVal x86_load(X86Trans *t, IrVal addr, unsigned size);
/* A load of what is stored back: a page fault is that of the store. */
IrVal x86_load_rmw(X86Trans *t, IrVal addr, unsigned size);
void x86_store(X86Trans *t, IrVal addr, IrVal v, unsigned size);

/* ---- common.c: stack ---- */
unsigned x86_stack_size(const X86Trans *t); /* bytes of the stack pointer in use: 2, 4, 8 */
IrVal x86_sp(X86Trans *t);                  /* zero-extended, i64 */
void x86_set_sp(X86Trans *t, IrVal sp);     /* writes its low part */
/* Store v at [SS:SP - size] and return the new SP, which the caller sets. */
IrVal x86_push_at(X86Trans *t, IrVal sp, IrVal v, unsigned size);
void x86_push(X86Trans *t, IrVal v, unsigned size);
IrVal x86_stack_load(X86Trans *t, IrVal sp, unsigned size);

/* ---- cc.c: flags ---- */
/* The flags are now those of this operation. a, b, c in the type of size; b, c may be 0. x: for SUB
 * the first operand (zero-extended), or 0. */
void x86_cc_set(X86Trans *t, X86CcKind kind, unsigned size, IrVal a, IrVal b, IrVal c, IrVal x);
void x86_cc_set_eflags(X86Trans *t, IrVal flags); /* i32 with the six bits */
void x86_cc_unknown(X86Trans *t);                 /* a helper wrote cc_* */
IrVal x86_cc_all(X86Trans *t);                    /* i32: the six flags; makes them EFLAGS form */
IrVal x86_cc_peek(X86Trans *t);                   /* the same without changing the form */
IrVal x86_cf(X86Trans *t, IrType type);           /* 0 or 1 */
/* Replace the bits of mask by those of v (i32), keep the other flags. */
void x86_cc_merge(X86Trans *t, uint32_t mask, IrVal v);
/* Where cond != 0 (any integer type) take the new state, else keep what was; used by shifts. */
void x86_cc_set_if(X86Trans *t, IrVal cond, X86CcKind kind, unsigned size, IrVal a, IrVal b);
/* Condition 0..15 as a comparison. */
typedef struct X86Cond {
    IrCond c;
    IrVal x, y;
} X86Cond;
X86Cond x86_cond(X86Trans *t, unsigned cc);
/* ---- decoded.c ---- */
/* Before the first instruction of a region. */
void x86_decoded_begin(TransCtx *ctx);
/* x86_decode() in the mode of the region, or what it said of these bytes the last time. buf has room for
 * TRANS_LOOK_BYTES. */
X86DecodeResult x86_decoded(TransCtx *ctx, const uint8_t *buf, unsigned n, X86Insn *insn);

/* ---- live.c ---- */
/* The code at rip overwrites all arithmetic flags before it reads one. */
bool x86_cc_dead_at(X86Trans *t, uint64_t rip);
/* The next instruction of the region, before it is translated: what it says about the flags at the head. */
void x86_cc_note(X86Trans *t, const X86Insn *i);
/* Decode at rip, if all of it lies in the region's pages. */
bool x86_look(X86Trans *t, uint64_t rip, X86Insn *i);

/* ---- common.c: ends ---- */
/* Go to a known rip of the same mode; sets status. */
void x86_goto(X86Trans *t, uint64_t rip);
/* The same, but lets the region follow the target where it may. */
void x86_goto_follow(X86Trans *t, uint64_t rip);
void x86_goto_if(X86Trans *t, X86Cond c, uint64_t rip); /* side exit */
void x86_goto_val(X86Trans *t, IrVal rip);              /* computed, of the same mode */
void x86_return(X86Trans *t, IrVal rip);                /* the same, of a near return */
void x86_goto_mode(X86Trans *t, IrVal rip);             /* ... the mode may be another */
void x86_goto_loop(X86Trans *t, IrVal rip);             /* through the vCPU loop */
void x86_end_loop(X86Trans *t);                         /* to the loop, then next_pc */
void x86_raise_ir(X86Trans *t, int vector, uint32_t error);
void x86_raise_ir_if(X86Trans *t, IrCond c, IrVal x, IrVal y, int vector, uint32_t error);
/* rip cut to the code size (the operand size for branches with a 66 prefix). */
uint64_t x86_rip_cut(const X86Trans *t, uint64_t rip, unsigned opsize);

#endif
