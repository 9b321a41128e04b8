/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rest of exec/ needs from exec/ir beyond the public builder: evaluation of one integer
 * op, and names of the sub fields for the text form.
 */
#ifndef EXEC_IR_PRIV_H
#define EXEC_IR_PRIV_H

#include "exec/ir.h"

static inline uint64_t ir_type_mask(IrType t)
{
    return t == IR_I32 ? 0xffffffffu : ~(uint64_t)0;
}
static inline unsigned ir_type_bits(IrType t)
{
    static const uint16_t bits[] = { 0, 32, 64, 128, 256 };
    return bits[t];
}
static inline bool ir_type_is_int(IrType t)
{
    return t == IR_I32 || t == IR_I64;
}
static inline bool ir_type_is_vec(IrType t)
{
    return t == IR_V128 || t == IR_V256;
}

/* Compare as an integer of type t (operands zero-extended). */
bool ir_eval_cond(IrCond c, IrType t, uint64_t a, uint64_t b);
/* The integer op on constants; false if op is not one. t: type of operand a (SETCOND: operands). */
bool ir_eval(IrOp op, IrType t, unsigned sub, uint64_t a, uint64_t b, uint64_t imm, uint64_t *out);
/* Simplify before appending: an existing value that op(args) equals, or 0. May rewrite *insn. */
IrVal ir_fold(IrBuilder *b, IrInsn *insn);
IrVal ir_fold_lanes(IrBuilder *b, IrInsn *insn); /* the same, of single lanes of vectors */
/* A comparison, and the same with simpler operands. */
typedef struct IrCondition {
    IrCond c;
    IrVal x, y;
} IrCondition;
void ir_fold_cond(IrBuilder *b, IrCondition *q);
/* 1 it always holds, 0 never, -1 not known. */
int ir_cond_decided(const IrBuilder *b, const IrCondition *q);
/* An upper bound on the significant low bits of v. */
unsigned ir_value_width(const IrBuilder *b, IrVal v);
uint64_t ir_eval_divuw(uint64_t high, uint64_t low, uint64_t d);
uint64_t ir_eval_pdep(uint64_t a, uint64_t m);
uint64_t ir_eval_pext(uint64_t a, uint64_t m);
/* Load/store conversions: raw bytes (little-endian host integer) to a value, by mop and type. */
uint64_t ir_mop_extend(uint64_t raw, IrMemOp mo, IrType t);

/* Room that a builder's arrays have from the start: within it an append is a store. */
#define IR_ROOM_SNAPS   IR_MAX_INSNS
#define IR_ROOM_ENTRIES (4 * IR_MAX_INSNS)
#define IR_ROOM_CALLS   512

/* g_array_append_val() for an array made with room for `room` elements. */
#define ir_push(array, room, type, value)                        \
    do {                                                         \
        GArray *push_to_ = (array);                              \
        type push_v_ = (value);                                  \
        if (push_to_->len < (room)) {                            \
            ((type *)push_to_->data)[push_to_->len++] = push_v_; \
        } else {                                                 \
            g_array_append_val(push_to_, push_v_);               \
        }                                                        \
    } while (0)

/* Memory for a pass, good until the next asks: zeros, then anything. */
void *ir_scratch(IrBuilder *b, size_t zeros, size_t more);
/* Direct exits in the region. */
unsigned ir_count_links(const IrBuilder *b);

/* Of ir_op_info, what passes ask at each instruction: in few cache lines. */
extern const uint16_t ir_op_flags[IR_OP_COUNT];
extern const uint8_t ir_op_nargs[IR_OP_COUNT];

static inline unsigned ir_flags(const IrInsn *i)
{
    return ir_op_flags[i->op];
}
/* Number of operands an instruction has, calls excepted. */
static inline unsigned ir_nargs(const IrInsn *i)
{
    return ir_op_nargs[i->op];
}
/* Its result is all that it is for: nobody misses it when that is not used. */
static inline bool ir_only_result(const IrInsn *i)
{
    unsigned f = ir_flags(i);

    return (f & (IRF_P | IRF_R)) && !(f & (IRF_F | IRF_S | IRF_H));
}

/* Has it a record of a call, with operands in it? */
static inline bool ir_is_call(const IrInsn *i)
{
    return i->op == IR_CALL || i->op == IR_CALL_IF;
}

extern const char *const ir_cond_name[IR_COND_COUNT];
extern const char *const ir_type_name[5];

#endif
