/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter's code: 16-byte ops over a frame of 8-byte units. i32 values are kept
 * zero-extended; a v128 takes two units, a v256 four, both aligned to their size.
 */
#ifndef EXEC_BYTECODE_H
#define EXEC_BYTECODE_H

#include "exec/ir.h"

typedef struct BcOp {
    uint16_t op;
    uint16_t d, a, b; /* frame units */
    union {
        uint64_t imm;
        struct {
            uint16_t c, e;
            uint32_t x;
        };
    };
} BcOp;

typedef struct BcSnapEntry {
    uint32_t offset; /* in CpuState */
    uint16_t unit;
    uint8_t size;
} BcSnapEntry;

typedef struct BcSnap {
    uint64_t pc;
    uint32_t aux;
    uint32_t first, count;
} BcSnap;

/* How each argument of a call is made from arg[]: value, address of frame unit, address in
 * CpuState. */
enum {
    BCA_VALUE,
    BCA_VALUE32,
    BCA_FRAME,
    BCA_STATE
};

typedef struct BcCall {
    HelperFn fn;
    uint32_t arg[6];
    uint8_t kind[6];
    uint8_t ret;
    uint8_t flags;
} BcCall;

/* Vector ops are functions over frame addresses: d result, a b c operands, imm. */
typedef void (*BcVecFn)(void *d, const void *a, const void *b, const void *c, uint32_t imm);
/* The function for an op, or NULL: not a vector op, or not of this shape. type: of the result;
 * optype: of the first operand (VFCVTSI: of the integer). */
BcVecFn interp_vec_fn(IrOp op, IrType type, IrType optype, unsigned sub);

#endif
