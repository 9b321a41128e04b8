/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What translators of z/Architecture instructions share: the state of one instruction's
 * translation, operands, addresses, the lazy condition code, and the ways to end a region.
 *
 * A translator `void s390_tr_name(S390Trans *t, const S390Insn *i)` is called with facility,
 * privilege and AFP control checked (driver.c). Values: w is an i32, g an i64. 32-bit results replace
 * the right half of a register. A guest fault leaves state as at the start of the instruction, so
 * puts and accesses may come in any order; but labels, branches and calls of helpers that read or
 * write state commit the puts so far (exec/ir.h): put after them.
 */
#ifndef TARGET_S390X_TRANSLATE_PRIV_H
#define TARGET_S390X_TRANSLATE_PRIV_H

#include "exec/translate.h"
#include "target/s390x/cpu.h"
#include "target/s390x/decode.h"
#include "target/s390x/helper.h"
#include "target/s390x/mode.h"
#include "target/s390x/slots.h"

/* What is known of the condition code while a region is built. */
typedef struct S390CcState {
    S390CcOp op;
    bool known;
    IrVal a, b; /* i64; 0 where the kind has none */
} S390CcState;

/* An address that LARL put in register r, for the instruction at pc. */
typedef struct S390Larl {
    uint64_t pc, addr;
    unsigned r; /* 0: none */
} S390Larl;

/* Kept in TransCtx.target. */
typedef struct S390Region {
    S390CcState cc;
    S390Larl larl;
} S390Region;

typedef struct S390Trans {
    TransCtx *ctx;
    IrBuilder *b;
    const S390Insn *i;
    uint32_t mode;        /* MODE_* */
    uint32_t mo;          /* IrMemOp base of operand 0: MMU index, big-endian */
    uint64_t pc, next_pc; /* pc: of the instruction whose bytes these are (EXECUTE: the target) */
    bool ex;              /* a region for the target of an EXECUTE: it goes on at SLOT_EX_NEXT */
    IrVal ex_or;          /* i32, inline EXECUTE: ORed to the length field; 0 = none */
    int status;           /* TransStatus */
    S390CcState *cc;
    S390Larl *larl;
} S390Trans;

typedef void (*S390TranslateFn)(S390Trans *t, const S390Insn *i);
extern const S390TranslateFn s390_translate_fns[S390_MN_COUNT];
/* The translators by number: the classes of instructions that are alike. */
#define S390_TR_ID(n) S390_TR_##n,
typedef enum S390Tr {
    S390_TRANSLATORS(S390_TR_ID)
} S390Tr;
#undef S390_TR_ID
extern const uint16_t s390_translators[S390_MN_COUNT]; /* S390Tr */
#define S390_TR_PROTO(n) void s390_tr_##n(S390Trans *t, const S390Insn *i);
S390_TRANSLATORS(S390_TR_PROTO)
#undef S390_TR_PROTO

/* ---- driver.c ---- */
void s390_translate_begin(TransCtx *ctx);
int s390_translate_insn(TransCtx *ctx);
/* Translate i as part of the current instruction (an EXECUTE's target). */
void s390_translate_decoded(S390Trans *t, const S390Insn *i);

/* ---- common.c: registers ---- */
IrVal s390_gpr(S390Trans *t, unsigned r);             /* i64 */
IrVal s390_gpr32(S390Trans *t, unsigned r);           /* i32: right half */
IrVal s390_gpr_high(S390Trans *t, unsigned r);        /* i32: left half */
void s390_set_gpr(S390Trans *t, unsigned r, IrVal v); /* i64 */
void s390_set_gpr32(S390Trans *t, unsigned r, IrVal v);
void s390_set_gpr_high(S390Trans *t, unsigned r, IrVal v);
/* By the width of the instruction. */
IrVal s390_reg(S390Trans *t, unsigned r);
void s390_set_reg(S390Trans *t, unsigned r, IrVal v);

/* ---- common.c: operands ---- */
static inline bool s390_is_w(const S390Trans *t)
{
    return t->i->w == 'w';
}
IrVal s390_const(S390Trans *t, int64_t v); /* of the width */
IrVal s390_first(S390Trans *t);            /* first source of a two-operand calculation */
IrVal s390_second(S390Trans *t);           /* second source */
IrVal s390_sext64(S390Trans *t, IrVal v);  /* i32 or i64 to i64 */
IrVal s390_zext64(S390Trans *t, IrVal v);
/* Helper arguments are i64. */
static inline IrVal s390_imm(S390Trans *t, uint64_t v)
{
    return ir_c64(t->b, v);
}

/* ---- common.c: storage ---- */
IrVal s390_addr(S390Trans *t, unsigned b, unsigned x, int64_t d); /* address, cut to the mode */
IrVal s390_wrap(S390Trans *t, IrVal addr);
IrVal s390_addr1(S390Trans *t); /* d1(b1) */
IrVal s390_addr2(S390Trans *t); /* d2(x2,b2) */
IrVal s390_load(S390Trans *t, IrType type, IrVal addr, unsigned lg, bool sign);
void s390_store(S390Trans *t, IrVal addr, IrVal v, unsigned lg);
/* Fault now if any byte of [addr, addr + len) may not be accessed; len <= 4096. */
void s390_probe(S390Trans *t, IrVal addr, unsigned len, IrAccess access);
static inline IrVal s390_mmu(S390Trans *t)
{
    return ir_c64(t->b, mode_mmu(t->mode));
}
/* IrMemOp base of the instruction's operand n, and of what is addressed relative to the instruction. */
static inline IrMemOp s390_operand_mo(const S390Trans *t, unsigned n)
{
    return MO_BE | MO_MMU(s390_mmu_operand(mode_mmu(t->mode), n));
}
static inline IrMemOp s390_relative_mo(const S390Trans *t)
{
    return MO_BE | MO_MMU(mode_fetch_mmu(t->mode));
}

/* ---- access.c ---- */
/* In the access-register mode: the spaces of the instruction's operands are told now. */
void s390_select_spaces(S390Trans *t);

/* ---- cc.c ---- */
void s390_cc_set(S390Trans *t, S390CcOp op, IrVal a, IrVal b);
void s390_cc_const(S390Trans *t, unsigned cc);
void s390_cc_value(S390Trans *t, IrVal cc);      /* any integer, 0..3 */
bool s390_cc_dead_at(S390Trans *t, uint64_t pc); /* live.c: nobody there reads what it is now */
void s390_cc_unknown(S390Trans *t);              /* a helper wrote it */
IrVal s390_cc(S390Trans *t);                     /* i32, 0..3 */
IrVal s390_cc_carry(S390Trans *t); /* i64: its left bit, the carry of sums without sign */
/* Branch mask as a comparison. */
typedef struct S390Cond {
    enum {
        COND_IF,
        COND_ALWAYS,
        COND_NEVER
    } kind;
    IrCond c;
    IrVal x, y;
} S390Cond;
S390Cond s390_cond(S390Trans *t, unsigned mask);
/* Comparison of a with b under a compare-and-branch mask (8 equal, 4 low, 2 high). */
S390Cond s390_compare(unsigned mask, IrVal a, IrVal b, bool is_unsigned);
static inline IrCond s390_negate(IrCond c)
{
    return (IrCond)(c ^ 1);
}

/* ---- common.c: ends ---- */
void s390_exit_direct(S390Trans *t, uint64_t pc);
void s390_goto(S390Trans *t, uint64_t pc); /* known, follows where it may */
void s390_goto_if(S390Trans *t, S390Cond c, uint64_t pc);
void s390_goto_val(S390Trans *t, IrVal pc); /* computed; the mode does not change */
void s390_goto_val_if(S390Trans *t, S390Cond c, IrVal pc);
void s390_return_if(S390Trans *t, S390Cond c, IrVal pc); /* to where the latest call was */
/* A taken branch, for program-event recording; the functions above see to it themselves. */
void s390_branch_event(S390Trans *t, IrVal to);
void s390_goto_loop(S390Trans *t, IrVal pc); /* through the vCPU loop */
void s390_end_loop(S390Trans *t);            /* to the loop, then the next instruction */
void s390_repeat_if(S390Trans *t, IrCond c, IrVal x, IrVal y); /* this instruction again */
void s390_pgm(S390Trans *t, unsigned code);
void s390_pgm_if(S390Trans *t, IrCond c, IrVal x, IrVal y, unsigned code);
IrVal s390_link(S390Trans *t); /* i64: address of the next instruction */
/* Result of a helper that is a condition code. */
void s390_cc_from(S390Trans *t, IrVal ret);

#endif
