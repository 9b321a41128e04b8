/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an emitter of the x86-64 host backend may rely on: host registers with a fixed meaning, the table of
 * emitters, and the few calls into the generator. Enough to write a vector emitter, or to test one alone.
 */
#ifndef EXEC_HOST_EMIT_PRIV_H
#define EXEC_HOST_EMIT_PRIV_H

#include "asm.h"
#include "exec/exec-priv.h"
#include "exec/host-x86_64/host.h"
#include "exec/ir/ir-priv.h"

/* ---- host registers ---- */
#define HR_CPU     RBP /* CpuState */
#define HR_FRAME   RSP /* HostFrame */
#define HR_SCRATCH R11 /* never allocated; emitters may use it within one op */
#define HV_SCRATCH 15  /* same, vector */
#define HR_NONE    0xff

#define HR_BIT(r) (1u << (r))
#define HR_POOL   (0xffffu & ~(HR_BIT(RSP) | HR_BIT(HR_CPU) | HR_BIT(HR_SCRATCH)))
#define HR_CALLER_SAVED                                                                 \
    (HR_BIT(RAX) | HR_BIT(RCX) | HR_BIT(RDX) | HR_BIT(RSI) | HR_BIT(RDI) | HR_BIT(R8) | \
     HR_BIT(R9) | HR_BIT(R10) | HR_BIT(R11))
#define HV_POOL 0x7fffu

/* ---- the native frame, at RSP while translated code runs; 64-byte aligned ---- */
struct HostFrame {
    uint64_t arg[7];    /* of slow paths */
    uint64_t high_half; /* ones in bits 32 to 63: what a 32-bit result leaves of its register */
    uint64_t result;
    uint64_t ra; /* return address of the last call that may look at the state */
    uint64_t old_rsp;
    uint64_t ret_top; /* where the latest of ret[] is, in bytes */
    IrVec varg[3];    /* vector operands and results of slow paths */
#define HOST_RETURNS 32
    const struct HostReturn *ret[HOST_RETURNS]; /* where calls are expected to return: return.c */
#define HOST_CELL_BYTES 8192
    uint8_t cells[HOST_CELL_BYTES];
    uint64_t reg[16]; /* saved by slow paths for snapshots */
    IrVec vreg[16];
};

#define FRAME_OFF(f) ((int32_t)offsetof(HostFrame, f))

/* ---- emitters of one IR op ---- */
/*
 * What an emitter gets. Operands are in registers of the class of their type (general: AsmReg,
 * vector: 0..15) and stay good after the op unless this is their last use; an emitter changes
 * only d and the temporaries (and HR_SCRATCH, HV_SCRATCH, flags).
 *  - i32 operands have junk above bit 31; an i32 result may have junk too unless the row says
 *    HOP_CLEAN (bits 32..63 are zero), which saves its users an extension.
 *  - v128 values have junk above bit 127.
 *  - d may be the register of an operand that dies here, unless the row says HOP_EARLY.
 */
typedef struct HostArgs {
    uint8_t d;
    uint8_t a[4];
    uint8_t vt[3]; /* vector temporaries, as many as the row asks for */
    uint8_t it[2]; /* general temporaries */
    bool unused;   /* nobody reads d */
    bool imm_b;    /* operand 1 is the constant `imm` (rows with HOP_IMM_B) */
    uint64_t imm;
} HostArgs;

/* False: this type or sub is not for the emitter, nothing was written: the op becomes a call of the
 * interpreter's function. `i` is the IR instruction, operand types by hg_type(). */
typedef bool (*HostEmitFn)(HostGen *g, const IrInsn *i, const HostArgs *x);

enum {
    HOP_EARLY = 1 << 0, /* d is written before the last read of an operand */
    HOP_IMM_B = 1 << 1, /* a constant second operand may stay one */
    HOP_CLEAN = 1 << 2, /* an i32 result is zero-extended in its register */
    HOP_TIE_A = 1 << 3, /* hint: d = a's register makes shorter code */
    HOP_TIE_B = 1 << 4,
    HOP_TIE_C = 1 << 5,
};

typedef struct HostRow {
    HostEmitFn emit;
    uint8_t vt, it; /* temporaries wanted */
    uint8_t flags;  /* HOP_* */
} HostRow;

/* By IrOp; rows without emit fall back to a call. One table for each file of emitters; the first that has
 * an emitter for the op counts. */
extern const HostRow host_vec_rows[IR_OP_COUNT]; /* emit-vec.c, emit-fp.c */

/* Host flags as the comparison of vector registers a and b that `comi` is leaves them. */
void emit_comi(HostGen *g, const IrInsn *comi, unsigned a, unsigned b);

/* ---- for emitters ---- */
AsmBuf *hg_asm(HostGen *g);
IrType hg_type(const HostGen *g, IrVal v);
/* A constant of 4, 8, 16 or 32 bytes in the region's literal pool: a memory operand, aligned to its
 * size. Equal ones are shared. */
AsmRm hg_literal(HostGen *g, const void *data, unsigned size);

#endif
