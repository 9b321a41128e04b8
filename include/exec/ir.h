/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The intermediate representation of guest code and the builder that translators use.
 *
 * One region is one linear list of IrInsn. An IrVal is the index of the instruction that defines
 * it (static single assignment); 0 is "no value". A value may be used only further down, and not
 * after a label that a branch can reach without passing the definition: what must survive such a
 * join goes through a slot or an IrVar.
 *
 * Types: i32, i64, v128, v256. Floating point lives in vector lanes (see ir-ops.def, "shape").
 * Narrower integers are i32/i64 with explicit extension. The op table is ir-ops.def; for every op
 * there is a builder function ir_<name>() below, or a hand-written one where the shape differs.
 *
 * Guest state is read and written by *slots* (offset into CpuState, type, size, name), declared by
 * the target in one IrSlotDesc table. The rules of laziness, which a translator must know:
 *  1. A put takes effect at the end of its guest instruction. When an op of the same instruction
 *     faults (IRF_F, or a HELPER_FAULTS call), the guest sees the state at the instruction's start,
 *     whatever puts came before in it. So puts and memory accesses may be in any order.
 *  2. A get sees the latest put, also of the same instruction.
 *  3. ir_commit() (a REP iteration), a label, a branch, and a call that reads or writes slots are
 *     commit points: puts so far are kept by later faults of the instruction.
 *  4. A call sees all slots it declares to read, up to date, and invalidates those that it
 *     declares to write. State that no slot describes is the helper's own business.
 *  5. Exits see all puts. ir_raise* do not: they are faults (rule 1).
 * The program counter is no ordinary slot: it is known from ir_insn_start() and written by exits.
 */
#ifndef EXEC_IR_H
#define EXEC_IR_H

#include <glib.h>
#include <stdint.h>
#include <stdbool.h>

typedef uint32_t IrVal; /* index of the defining instruction, 0 = none */

typedef enum IrType {
    IR_VOID,
    IR_I32,
    IR_I64,
    IR_V128,
    IR_V256,
} IrType;

typedef enum IrOp {
#define IR_OP(e, n, r, a, imm, f) IR_##e,
#include "exec/ir-ops.def"
    IR_OP_COUNT
} IrOp;

/* Op flags (IrOpInfo.flags). */
enum {
    IRF_P = 1 << 0,          /* pure: result depends on operands only */
    IRF_C = 1 << 1,          /* commutative in the first two operands */
    IRF_F = 1 << 2,          /* may fault: carries a snapshot */
    IRF_S = 1 << 3,          /* side effect: never removed */
    IRF_X = 1 << 4,          /* leaves the region: carries a snapshot of all puts */
    IRF_T = 1 << 5,          /* nothing falls through */
    IRF_E = 1 << 6,          /* sub is a lane size IrLane */
    IRF_R = 1 << 7,          /* reads state: removable when unused, not movable */
    IRF_M = 1 << 8,          /* imm is an IrMemOp */
    IRF_H = 1 << 9,          /* sub is a floating-point shape IrShape; sets sticky FP flags */
    IRF_FP = IRF_H | 1 << 10 /* ... so an unused result does not make it dead */
};

/* Comparison of two integers; also x86-like "test" forms on (a & b). */
typedef enum IrCond {
    IR_EQ,
    IR_NE,
    IR_LT, /* signed */
    IR_GE,
    IR_LE,
    IR_GT,
    IR_LTU,
    IR_GEU,
    IR_LEU,
    IR_GTU,
    IR_TSTZ,  /* (a & b) == 0 */
    IR_TSTNZ, /* (a & b) != 0 */
    IR_COND_COUNT
} IrCond;

typedef enum IrLane {
    V8,
    V16,
    V32,
    V64,
} IrLane;

typedef enum IrShape {
    FS32, /* scalar f32 in lane 0, other lanes from operand a */
    FS64,
    FP32, /* packed */
    FP64,
} IrShape;

typedef enum IrRmw {
    IR_RMW_ADD,
    IR_RMW_AND,
    IR_RMW_OR,
    IR_RMW_XOR,
    IR_RMW_XCHG,
    IR_RMW_COUNT
} IrRmw;

typedef enum IrFence {
    IR_FENCE_LOAD = 1, /* LFENCE-like */
    IR_FENCE_STORE = 2,
    IR_FENCE_FULL = 3,
} IrFence;

typedef enum IrAccess {
    ACCESS_READ,
    ACCESS_WRITE,
    ACCESS_EXEC,
} IrAccess;

/* ---- memory operand word ---- */
typedef uint32_t IrMemOp;
#define MO_8           0u
#define MO_16          1u
#define MO_32          2u
#define MO_64          3u
#define MO_128         4u
#define MO_256         5u
#define MO_SIZE        7u        /* mask: log2 of the bytes */
#define MO_SIGN        (1u << 3) /* loads narrower than the type sign-extend; else zero-extend */
#define MO_BE          (1u << 4) /* big-endian (v128: 16 bytes reversed); else little-endian */
#define MO_ALIGN       (1u << 5) /* must be naturally aligned: target's unaligned hook raises */
#define MO_NT          (1u << 6) /* hint only */
#define MO_RMW         (1u << 7) /* a load that is stored back: faults as the store would */
#define MO_MMU(i)      ((uint32_t)(i) << 8) /* mmu index 0..15 */
#define MO_GET_MMU(mo) (((mo) >> 8) & 15)
#define MO_BYTES(mo)   (1u << ((mo)&MO_SIZE))

/* ---- guest state slots ---- */
typedef uint16_t IrSlot; /* row of the target's table */

typedef struct IrSlotDesc {
    const char *name; /* for dumps and the parser: unique, [a-z0-9_.] */
    uint32_t offset;  /* from the start of CpuState */
    uint8_t type;     /* IrType of the value */
    uint8_t size;     /* bytes in memory; less than the type (v128: 8): zero-extended, truncated */
    uint8_t group;    /* bits of ir_dead_at_exit() */
    uint8_t pin;      /* wish to stay in a host register (i64, overlaps none): 1 first, 0 no wish */
} IrSlotDesc;

/* Two slots either are the same range, disjoint, or overlap in full or part; all is allowed, an
 * overlapping access to a pending put costs a store. */
typedef struct IrSlotTable {
    const IrSlotDesc *slots;
    unsigned count;
} IrSlotTable;

/* ---- helpers ---- */
typedef struct CpuState CpuState;

/* A vector value in memory, as helpers get it: in a frame or in CpuState, where it lies on 16 bytes. */
typedef union IrVec {
    uint8_t b[32];
    uint16_t w[16];
    uint32_t d[8];
    uint64_t q[4];
    float f[8];
    double lf[4];
} __attribute__((aligned(16))) IrVec;

typedef enum HelperArg {
    HARG_NONE,
    HARG_I32, /* passed as uint64_t, zero-extended */
    HARG_I64,
    HARG_V128, /* passed as const IrVec *: must not be kept */
    HARG_V256,
    HARG_SLOT_R, /* argument is a slot number; passed as pointer into CpuState, read */
    HARG_SLOT_W, /* written in full */
    HARG_SLOT_RW,
} HelperArg;

/*
 * A C function callable from translated code:
 *   uint64_t fn(CpuState *cpu, uint64_t a0, ... uint64_t a5)       ret IR_VOID, IR_I32, IR_I64
 *   void     fn(CpuState *cpu, IrVec *out, uint64_t a0, ... a4)    ret IR_V128, IR_V256
 * Pointer kinds replace uint64_t by their pointer type. Every integer parameter and result is
 * uint64_t, whatever its declared kind (an i32 result is truncated by the engine).
 */
typedef void (*HelperFn)(void);

enum {
    HELPER_PURE = 1 << 0,   /* no state read or written, no fault: may be removed or merged */
    HELPER_READS = 1 << 1,  /* reads slots beyond its slot arguments (any) */
    HELPER_WRITES = 1 << 2, /* writes slots beyond its slot arguments (any) */
    HELPER_FAULTS =
        1 << 3, /* may call cpu_raise(), access guest memory, or want cpu_sync_state() */
    HELPER_NORETURN = 1 << 4, /* never returns (ends the straight line); implies FAULTS */
    HELPER_FPENV = 1 << 5,    /* reads or changes the guest FP environment in CpuState: the engine
                               moves host flags there before, and reloads the host after */
    HELPER_STATE = HELPER_READS | HELPER_WRITES | HELPER_FAULTS,
};

/* One instruction of an x86 host, of an opcode byte and ModRM. */
typedef struct HelperInPlace {
    uint8_t op, modrm;
    uint8_t bytes; /* of guest memory, which is its operand; 0: a form without memory */
    uint8_t mmu;   /* ... by this mmu index */
    bool write;    /* ... and is written */
    bool flags;    /* the result is ZF, PF and CF as it leaves them, in their places */
} HelperInPlace;

typedef struct HelperDesc {
    const char *name;
    HelperFn fn;
    uint8_t ret;     /* IrType */
    uint8_t args[6]; /* HelperArg, HARG_NONE ends */
    uint8_t flags;
    /* What native code may run in the helper's place, while the byte at place_if in CpuState is not 0: all that
     * the helper does, as far as slots tell it. The second argument must be a constant; it is passed here. The
     * third is the address of guest memory. False: none for these arguments. NULL: never. */
    bool (*place)(uint64_t arg1, HelperInPlace *p);
    uint32_t place_if;
} HelperDesc;

/* One row of a helper table: HELPER(cpuid, IR_VOID, HELPER_STATE, HARG_I32) defines
 * `const HelperDesc hd_cpuid` that calls helper_cpuid. Put HELPER_DECL in a header. */
#define HELPER_PLACE(nm, place, place_if, rt, fl, ...)                            \
    const HelperDesc hd_##nm = {                                                  \
        #nm, (HelperFn)helper_##nm, (rt), { __VA_ARGS__ }, (fl), place, place_if, \
    }
#define HELPER(nm, rt, fl, ...) HELPER_PLACE(nm, NULL, 0, rt, fl, __VA_ARGS__)
#define HELPER_DECL(nm)         extern const HelperDesc hd_##nm

/* ---- instructions ---- */
typedef struct IrInsn {
    uint8_t op;    /* IrOp */
    uint8_t type;  /* IrType of the result (of the operands where there is none) */
    uint8_t sub;   /* IrCond, IrLane, IrShape, IrRmw, IrAccess, IrFence */
    uint8_t dead;  /* of an exit: groups of slots that nothing reads after it */
    uint32_t snap; /* number of the snapshot, 0 = none (filled by the lowering pass) */
    IrVal arg[4];
    uint64_t imm;
} IrInsn;

typedef struct IrOpInfo {
    const char *name;
    const char *result;
    const char *args;
    uint8_t nargs;
    uint8_t immkind; /* IrImmKind */
    uint16_t flags;
} IrOpInfo;

typedef enum IrImmKind {
    IRI_none,
    IRI_val,
    IRI_pool,
    IRI_slot,
    IRI_var,
    IRI_mop,
    IRI_label,
    IRI_pc,
    IRI_call,
    IRI_bits,
} IrImmKind;

extern const IrOpInfo ir_op_info[IR_OP_COUNT];

typedef struct IrCall {
    const HelperDesc *helper;
    IrVal args[6]; /* values, or slot numbers for HARG_SLOT_* */
} IrCall;

/* slot := value, written when the snapshot is applied, in order. */
typedef struct IrSnapEntry {
    IrSlot slot;
    IrVal val;
} IrSnapEntry;

/* The guest state at one point: pc, aux of the instruction, and stores still owed to CpuState. */
typedef struct IrSnap {
    uint64_t pc;
    uint32_t aux;
    uint32_t first, count; /* in snap_entries */
} IrSnap;

typedef uint16_t IrLabel;
typedef uint16_t IrVar;

#define IR_MAX_INSNS  4096 /* a region that grows beyond IR_SOFT_INSNS is ended by the driver */
#define IR_SOFT_INSNS 1500
#define IR_MAX_LABELS 256
#define IR_MAX_VARS   64

/*
 * The region under construction; also what the optimiser and the backends take. One is kept per
 * translating thread and reused (ir_reset). Arrays are owned and grow.
 */
typedef struct IrBuilder {
    const IrSlotTable *slots; /* borrowed from the target */
    GArray *ins_a;            /* IrInsn; element 0 is a NOP */
    GArray *calls;            /* IrCall */
    GArray *pool;             /* IrVec constants */
    GArray *snaps;            /* IrSnap; element 0 unused */
    GArray *snap_entries;     /* IrSnapEntry */
    uint16_t n_labels;
    uint16_t n_vars;
    uint8_t var_type[IR_MAX_VARS];
    bool ended;    /* the last instruction does not fall through */
    bool no_fold;  /* ir_emit appends what it is told, no folding */
    bool lowered;  /* puts are lazy: snapshots filled (exec/opt) */
    bool overflow; /* a limit was hit; the driver retries with fewer guest instructions */
    bool merge;    /* find common subexpressions; else constants only */
#define IR_CSE_BITS 9
    uint16_t *cse;   /* pure ops by hash, to be compared */
    IrVal cse_floor; /* values below are not for use here: a label came after them */
    void *scratch;   /* ir_scratch() */
    size_t scratch_bytes;
} IrBuilder;

IrBuilder *ir_builder_new(const IrSlotTable *slots);
void ir_builder_free(IrBuilder *b);
void ir_reset(IrBuilder *b, const IrSlotTable *slots);

static inline IrInsn *ir_at(const IrBuilder *b, IrVal v)
{
    return &((IrInsn *)b->ins_a->data)[v];
}
static inline unsigned ir_count(const IrBuilder *b)
{
    return b->ins_a->len;
}
static inline IrType ir_type(const IrBuilder *b, IrVal v)
{
    return (IrType)ir_at(b, v)->type;
}

/* The one function that appends; all others come down to it. Integer ops on constant operands
 * are folded at once, so translators need no special cases. */
IrVal ir_emit(IrBuilder *b, IrOp op, IrType type, unsigned sub, IrVal a0, IrVal a1, IrVal a2,
              IrVal a3, uint64_t imm);

/* If v is a CONST, store it in *out and return true. */
bool ir_const_value(const IrBuilder *b, IrVal v, uint64_t *out);

/* ---- builder: constants ---- */
IrVal ir_const(IrBuilder *b, IrType type, uint64_t value);
static inline IrVal ir_c32(IrBuilder *b, uint32_t v)
{
    return ir_const(b, IR_I32, v);
}
static inline IrVal ir_c64(IrBuilder *b, uint64_t v)
{
    return ir_const(b, IR_I64, v);
}
IrVal ir_vconst(IrBuilder *b, IrType type, const IrVec *v);
IrVal ir_vzero(IrBuilder *b, IrType type);

/* ---- builder: integer; both operands of the same type, which is the result's ---- */
#define IR_B2(e, n)                                                  \
    static inline IrVal ir_##n(IrBuilder *b, IrVal x, IrVal y)       \
    {                                                                \
        return ir_emit(b, IR_##e, ir_type(b, x), 0, x, y, 0, 0, 0);  \
    }                                                                \
    /* ... with a constant right operand */                          \
    static inline IrVal ir_##n##i(IrBuilder *b, IrVal x, uint64_t y) \
    {                                                                \
        return ir_##n(b, x, ir_const(b, ir_type(b, x), y));          \
    }
#define IR_B1(e, n)                                                 \
    static inline IrVal ir_##n(IrBuilder *b, IrVal x)               \
    {                                                               \
        return ir_emit(b, IR_##e, ir_type(b, x), 0, x, 0, 0, 0, 0); \
    }
IR_B2(ADD, add)
IR_B2(SUB, sub)
IR_B2(MUL, mul)
IR_B2(MULHU, mulhu)
IR_B2(MULHS, mulhs)
IR_B2(DIVU, divu) /* total, see the table: the translator guards what the guest must trap */
IR_B2(DIVS, divs)
IR_B2(REMU, remu)
IR_B2(REMS, rems)
IR_B2(AND, and)
IR_B2(OR, or)
IR_B2(XOR, xor)
IR_B2(ANDN, andn)
IR_B2(SHL, shl) /* counts modulo the width */
IR_B2(SHR, shr)
IR_B2(SAR, sar)
IR_B2(ROTL, rotl)
IR_B2(ROTR, rotr)
IR_B2(PDEP, pdep)
IR_B2(PEXT, pext)
IR_B1(NOT, not )
IR_B1(NEG, neg)
IR_B1(SEXT8, sext8)
IR_B1(SEXT16, sext16)
IR_B1(ZEXT8, zext8)
IR_B1(ZEXT16, zext16)
IR_B1(BSWAP16, bswap16)
IR_B1(BSWAP32, bswap32)
IR_B1(BSWAP64, bswap64)
IR_B1(CLZ, clz)
IR_B1(CTZ, ctz)
IR_B1(POPCNT, popcnt)
#undef IR_B1

/* high:low / d, 128 bits by 64; 0 where the quotient does not fit (high >= d). */
static inline IrVal ir_divuw(IrBuilder *b, IrVal high, IrVal low, IrVal d)
{
    return ir_emit(b, IR_DIVUW, IR_I64, 0, high, low, d, 0, 0);
}

/* i32 -> i64 and back. */
static inline IrVal ir_sext32(IrBuilder *b, IrVal x)
{
    return ir_emit(b, IR_SEXT32, IR_I64, 0, x, 0, 0, 0, 0);
}
static inline IrVal ir_zext32(IrBuilder *b, IrVal x)
{
    return ir_emit(b, IR_ZEXT32, IR_I64, 0, x, 0, 0, 0, 0);
}
static inline IrVal ir_trunc32(IrBuilder *b, IrVal x)
{
    return ir_emit(b, IR_TRUNC32, IR_I32, 0, x, 0, 0, 0, 0);
}
/* Field of x, zero- or sign-extended; len >= 1, pos + len <= width. */
static inline IrVal ir_extractu(IrBuilder *b, IrVal x, unsigned pos, unsigned len)
{
    return ir_emit(b, IR_EXTRACTU, ir_type(b, x), 0, x, 0, 0, 0, pos | len << 8);
}
static inline IrVal ir_extracts(IrBuilder *b, IrVal x, unsigned pos, unsigned len)
{
    return ir_emit(b, IR_EXTRACTS, ir_type(b, x), 0, x, 0, 0, 0, pos | len << 8);
}
/* x with bits [pos, pos+len) replaced by y's low bits. */
static inline IrVal ir_deposit(IrBuilder *b, IrVal x, IrVal y, unsigned pos, unsigned len)
{
    return ir_emit(b, IR_DEPOSIT, ir_type(b, x), 0, x, y, 0, 0, pos | len << 8);
}
/* 0 or 1, of the operands' type. */
IrCond ir_cond_inverse(IrCond c); /* what holds when c does not */
static inline IrVal ir_setcond(IrBuilder *b, IrCond c, IrVal x, IrVal y)
{
    return ir_emit(b, IR_SETCOND, ir_type(b, x), c, x, y, 0, 0, 0);
}
static inline IrVal ir_setcondi(IrBuilder *b, IrCond c, IrVal x, uint64_t y)
{
    return ir_setcond(b, c, x, ir_const(b, ir_type(b, x), y));
}
/* (x c y) ? t : f; t and f of one type, any. */
static inline IrVal ir_movcond(IrBuilder *b, IrCond c, IrVal x, IrVal y, IrVal t, IrVal f)
{
    return ir_emit(b, IR_MOVCOND, ir_type(b, t), c, x, y, t, f, 0);
}
/* cond != 0 ? t : f */
static inline IrVal ir_select(IrBuilder *b, IrVal cond, IrVal t, IrVal f)
{
    return ir_movcond(b, IR_NE, cond, ir_const(b, ir_type(b, cond), 0), t, f);
}

/* ---- builder: state ---- */
IrVal ir_get(IrBuilder *b, IrSlot slot);
void ir_put(IrBuilder *b, IrSlot slot, IrVal v);
/* A region-local variable, for values that cross joins or loop iterations. */
IrVar ir_var_new(IrBuilder *b, IrType type);
IrVal ir_var_get(IrBuilder *b, IrVar var);
void ir_var_set(IrBuilder *b, IrVar var, IrVal v);

/* ---- builder: guest memory (virtual addresses, i64) ---- */
/* A v128 may also be loaded from 4 or 8 bytes (the rest is zero) and stored to them. */
static inline IrVal ir_load(IrBuilder *b, IrType type, IrVal addr, IrMemOp mo)
{
    return ir_emit(b, IR_LOAD, type, 0, addr, 0, 0, 0, mo);
}
/* Stores the low MO_BYTES(mo) bytes of v. */
static inline void ir_store(IrBuilder *b, IrVal addr, IrVal v, IrMemOp mo)
{
    ir_emit(b, IR_STORE, ir_type(b, v), 0, addr, v, 0, 0, mo);
}
/* Atomic read-modify-write on 1..8 bytes, sequentially consistent; returns the old value,
 * zero-extended or by MO_SIGN. Works on MMIO and across pages too. */
static inline IrVal ir_atomic(IrBuilder *b, IrRmw rmw, IrVal addr, IrVal v, IrMemOp mo)
{
    return ir_emit(b, IR_ATOMIC, ir_type(b, v), rmw, addr, v, 0, 0, mo);
}
/* If [addr] == expected then [addr] := v; returns the old value. The store side is always
 * checked for write permission. Integers of 1..8 bytes, or v128 with MO_128. */
static inline IrVal ir_cmpxchg(IrBuilder *b, IrVal addr, IrVal expected, IrVal v, IrMemOp mo)
{
    return ir_emit(b, IR_CMPXCHG, ir_type(b, v), 0, addr, expected, v, 0, mo);
}
/* Fault now, if an access of MO_BYTES(mo) at addr would; for instructions with several accesses. */
static inline void ir_probe(IrBuilder *b, IrVal addr, IrAccess access, IrMemOp mo)
{
    ir_emit(b, IR_PROBE, IR_VOID, access, addr, 0, 0, 0, mo);
}
static inline void ir_fence(IrBuilder *b, IrFence f)
{
    ir_emit(b, IR_FENCE, IR_VOID, f, 0, 0, 0, 0, 0);
}

/* ---- builder: control ---- */
/* Called by the region driver, not by translators. aux: 32 bits that the target's restore_state
 * hook gets back on a fault. */
void ir_insn_start(IrBuilder *b, uint64_t pc, uint32_t aux);
/* Change aux of the current guest instruction (before its first op that may fault). */
void ir_set_aux(IrBuilder *b, uint32_t aux);
void ir_commit(IrBuilder *b);

IrLabel ir_label_new(IrBuilder *b);
void ir_label(IrBuilder *b, IrLabel l); /* place it; may be a target from above and from below */
void ir_br(IrBuilder *b, IrLabel l);
void ir_brcond(IrBuilder *b, IrCond c, IrVal x, IrVal y, IrLabel l);
static inline void ir_brcondi(IrBuilder *b, IrCond c, IrVal x, uint64_t y, IrLabel l)
{
    ir_brcond(b, c, x, ir_const(b, ir_type(b, x), y), l);
}

/* Leave to a known pc of the same mode (same TbKey flags and base): chained directly. */
void ir_exit_direct(IrBuilder *b, uint64_t pc);
/* Side exit, when x c y; straight on otherwise. */
void ir_exit_direct_if(IrBuilder *b, IrCond c, IrVal x, IrVal y, uint64_t pc);
/* The exit just emitted: slots of these groups (IrSlotDesc.group) are overwritten where it leads
 * before anything reads them, so they need not be stored. What an exception or interrupt on the way
 * there shows of them is not defined. No exit was emitted (decided condition): nothing happens. */
void ir_dead_at_exit(IrBuilder *b, uint8_t groups);
/* Leave to a computed pc through the jump cache. Native code looks there for the flags of this region's
 * key; where they may be others the translator has set TransCtx.other_flags. */
void ir_exit_indirect(IrBuilder *b, IrVal pc);
/* Hints for the prediction of returns: the exit that follows is a call, expected to come back to pc in
 * this mode; and an ir_exit_indirect() that may well lead to where the latest such call said. */
void ir_will_return(IrBuilder *b, uint64_t pc);
void ir_exit_return(IrBuilder *b, IrVal pc);
/* Leave to the vCPU loop, which looks at interrupts and recomputes everything. Use after
 * instructions that may unmask interrupts or change what the loop must see. */
void ir_exit_loop(IrBuilder *b, IrVal pc);
/* Raise exception excp with a 32-bit error word, at the start state of the current instruction. */
void ir_raise(IrBuilder *b, unsigned excp, uint32_t error);
void ir_raise_if(IrBuilder *b, IrCond c, IrVal x, IrVal y, unsigned excp, uint32_t error);

/* Call a helper. Arguments are IrVal, or a slot number where the kind is HARG_SLOT_*.
 * Returns the result or 0 for IR_VOID. After a HELPER_NORETURN call nothing falls through. */
IrVal ir_call_args(IrBuilder *b, const HelperDesc *h, const IrVal args[6]);
#define ir_call(b, h, ...) ir_call_args((b), (h), (const IrVal[6]){ __VA_ARGS__ })
/* (x c y), which is seldom so, ? what the helper gives : otherwise; an i64 or v128. No join: values stay where
 * they are. The translator promises that here the helper touches no slot and no guest memory and raises
 * nothing, whatever its flags say of it elsewhere. Its arguments are values. Instead of an i64 argument there
 * may be a v128, of which lane 0 is passed, and an i64 result replaces lane 0 of a v128. */
IrVal ir_call_if(IrBuilder *b, IrCond c, IrVal x, IrVal y, IrVal otherwise, const HelperDesc *h,
                 const IrVal args[6]);

/* ---- builder: vectors ---- */
#define IR_VB2(e, n)                                                \
    static inline IrVal ir_##n(IrBuilder *b, IrVal x, IrVal y)      \
    {                                                               \
        return ir_emit(b, IR_##e, ir_type(b, x), 0, x, y, 0, 0, 0); \
    }
#define IR_VL2(e, n) /* by lane size */                                  \
    static inline IrVal ir_##n(IrBuilder *b, IrLane l, IrVal x, IrVal y) \
    {                                                                    \
        return ir_emit(b, IR_##e, ir_type(b, x), l, x, y, 0, 0, 0);      \
    }
#define IR_VI1(e, n) /* one operand and an immediate */               \
    static inline IrVal ir_##n(IrBuilder *b, IrVal x, unsigned imm)   \
    {                                                                 \
        return ir_emit(b, IR_##e, ir_type(b, x), 0, x, 0, 0, 0, imm); \
    }
#define IR_VLI1(e, n)                                                         \
    static inline IrVal ir_##n(IrBuilder *b, IrLane l, IrVal x, unsigned imm) \
    {                                                                         \
        return ir_emit(b, IR_##e, ir_type(b, x), l, x, 0, 0, 0, imm);         \
    }
#define IR_VI2(e, n)                                                         \
    static inline IrVal ir_##n(IrBuilder *b, IrVal x, IrVal y, unsigned imm) \
    {                                                                        \
        return ir_emit(b, IR_##e, ir_type(b, x), 0, x, y, 0, 0, imm);        \
    }
#define IR_V1(e, n)                                                 \
    static inline IrVal ir_##n(IrBuilder *b, IrVal x)               \
    {                                                               \
        return ir_emit(b, IR_##e, ir_type(b, x), 0, x, 0, 0, 0, 0); \
    }
IR_VB2(VAND, vand)
IR_VB2(VOR, vor)
IR_VB2(VXOR, vxor)
IR_VB2(VANDN, vandn) /* ~x & y */
IR_V1(VNOT, vnot)
IR_VL2(VADD, vadd)
IR_VL2(VSUB, vsub)
IR_VL2(VADDSS, vaddss)
IR_VL2(VADDUS, vaddus)
IR_VL2(VSUBSS, vsubss)
IR_VL2(VSUBUS, vsubus)
IR_VL2(VMULLO, vmullo)
IR_VL2(VMULHS, vmulhs)
IR_VL2(VMULHU, vmulhu)
IR_VL2(VMULHRS, vmulhrs)
IR_VL2(VMULEU, vmuleu)
IR_VL2(VMULES, vmules)
IR_VB2(VMADD, vmadd)
IR_VB2(VMADDUS, vmaddus)
IR_VB2(VSAD, vsad)
IR_VI2(VMPSAD, vmpsad)
IR_V1(VHMINPOS, vhminpos)
IR_VL2(VMINS, vmins)
IR_VL2(VMINU, vminu)
IR_VL2(VMAXS, vmaxs)
IR_VL2(VMAXU, vmaxu)
IR_VL2(VAVGU, vavgu)
IR_VL2(VCMPEQ, vcmpeq)
IR_VL2(VCMPGTS, vcmpgts)
IR_VL2(VCMPGTU, vcmpgtu)
IR_VL2(VSIGN, vsign)
IR_VL2(VHADD, vhadd)
IR_VL2(VHSUB, vhsub)
IR_VL2(VHADDSS, vhaddss)
IR_VL2(VHSUBSS, vhsubss)
IR_VLI1(VSHLI, vshli)
IR_VLI1(VSHRI, vshri)
IR_VLI1(VSARI, vsari)
IR_VL2(VSHL, vshl) /* y is an i64 count */
IR_VL2(VSHR, vshr)
IR_VL2(VSAR, vsar)
IR_VL2(VSHLV, vshlv)
IR_VL2(VSHRV, vshrv)
IR_VL2(VSARV, vsarv)
IR_VI1(VBSHLI, vbshli)
IR_VI1(VBSHRI, vbshri)
IR_VB2(VPSHUFB, vpshufb)
IR_VI1(VSHUF32, vshuf32)
IR_VI1(VSHUFLO16, vshuflo16)
IR_VI1(VSHUFHI16, vshufhi16)
IR_VI2(VSHUFPS, vshufps)
IR_VI2(VSHUFPD, vshufpd)
IR_VL2(VUNPCKL, vunpckl)
IR_VL2(VUNPCKH, vunpckh)
IR_VL2(VPACKSS, vpackss)
IR_VL2(VPACKUS, vpackus)
IR_VI2(VALIGNR, valignr)
IR_VL2(VPERMILV, vpermilv)
IR_VI1(VPERMQ, vpermq)
IR_VB2(VPERMD, vpermd)
IR_VI2(VPERM2X128, vperm2x128)
IR_V1(VMOVDDUP, vmovddup)
IR_V1(VMOVSLDUP, vmovsldup)
IR_V1(VMOVSHDUP, vmovshdup)
#undef IR_VB2
#undef IR_VI1
#undef IR_VLI1
#undef IR_VI2
#undef IR_V1
#undef IR_B2
#undef IR_VL2

static inline IrVal ir_vabs(IrBuilder *b, IrLane l, IrVal x)
{
    return ir_emit(b, IR_VABS, ir_type(b, x), l, x, 0, 0, 0, 0);
}
/* Bitwise: m ? x : y. */
static inline IrVal ir_vbitsel(IrBuilder *b, IrVal m, IrVal x, IrVal y)
{
    return ir_emit(b, IR_VBITSEL, ir_type(b, m), 0, m, x, y, 0, 0);
}
/* By the sign bit of m's lane: set takes y, clear takes x (PBLENDVB x, y, m). */
static inline IrVal ir_vblendv(IrBuilder *b, IrLane l, IrVal x, IrVal y, IrVal m)
{
    return ir_emit(b, IR_VBLENDV, ir_type(b, x), l, x, y, m, 0, 0);
}
static inline IrVal ir_vblendi(IrBuilder *b, IrLane l, IrVal x, IrVal y, unsigned imm)
{
    return ir_emit(b, IR_VBLENDI, ir_type(b, x), l, x, y, 0, 0, imm);
}
static inline IrVal ir_vtestz(IrBuilder *b, IrVal x, IrVal y) /* i32 */
{
    return ir_emit(b, IR_VTESTZ, IR_I32, 0, x, y, 0, 0, 0);
}
static inline IrVal ir_vtestc(IrBuilder *b, IrVal x, IrVal y) /* i32 */
{
    return ir_emit(b, IR_VTESTC, IR_I32, 0, x, y, 0, 0, 0);
}
static inline IrVal ir_vmovmsk(IrBuilder *b, IrLane l, IrVal x) /* i32 */
{
    return ir_emit(b, IR_VMOVMSK, IR_I32, l, x, 0, 0, 0, 0);
}
static inline IrVal ir_vgetlane(IrBuilder *b, IrType type, IrLane l, IrVal x, unsigned lane)
{
    return ir_emit(b, IR_VGETLANE, type, l, x, 0, 0, 0, lane);
}
static inline IrVal ir_vsetlane(IrBuilder *b, IrLane l, IrVal x, IrVal i, unsigned lane)
{
    return ir_emit(b, IR_VSETLANE, ir_type(b, x), l, x, i, 0, 0, lane);
}
static inline IrVal ir_vdup(IrBuilder *b, IrType type, IrLane l, IrVal i)
{
    return ir_emit(b, IR_VDUP, type, l, i, 0, 0, 0, 0);
}
static inline IrVal ir_vsplat(IrBuilder *b, IrType type, IrLane l, IrVal x)
{
    return ir_emit(b, IR_VSPLAT, type, l, x, 0, 0, 0, 0);
}
static inline IrVal ir_vfromi(IrBuilder *b, IrType type, IrVal i)
{
    return ir_emit(b, IR_VFROMI, type, 0, i, 0, 0, 0, 0);
}
static inline IrVal ir_vlane(IrBuilder *b, IrLane l, IrVal x, unsigned lane) /* v128 */
{
    return ir_emit(b, IR_VLANE, IR_V128, l, x, 0, 0, 0, lane);
}
static inline IrVal ir_vinslane(IrBuilder *b, IrLane l, IrVal x, IrVal y, unsigned lane) /* v128 */
{
    return ir_emit(b, IR_VINSLANE, IR_V128, l, x, y, 0, 0, lane);
}
/* Widen the low lanes of a v128 from lane size `from` to `to`. */
static inline IrVal ir_vsext(IrBuilder *b, IrType type, IrLane from, IrLane to, IrVal x)
{
    return ir_emit(b, IR_VSEXT, type, from, x, 0, 0, 0, to);
}
static inline IrVal ir_vzext(IrBuilder *b, IrType type, IrLane from, IrLane to, IrVal x)
{
    return ir_emit(b, IR_VZEXT, type, from, x, 0, 0, 0, to);
}
static inline IrVal ir_vzext256(IrBuilder *b, IrVal x)
{
    return ir_emit(b, IR_VZEXT256, IR_V256, 0, x, 0, 0, 0, 0);
}
static inline IrVal ir_vlo128(IrBuilder *b, IrVal x)
{
    return ir_emit(b, IR_VLO128, IR_V128, 0, x, 0, 0, 0, 0);
}
static inline IrVal ir_vhi128(IrBuilder *b, IrVal x)
{
    return ir_emit(b, IR_VHI128, IR_V128, 0, x, 0, 0, 0, 0);
}
static inline IrVal ir_vconcat(IrBuilder *b, IrVal lo, IrVal hi)
{
    return ir_emit(b, IR_VCONCAT, IR_V256, 0, lo, hi, 0, 0, 0);
}

/* ---- builder: floating point; x supplies the untouched lanes of scalar shapes ---- */
#define IR_F2(e, n)                                                       \
    static inline IrVal ir_##n(IrBuilder *b, IrShape s, IrVal x, IrVal y) \
    {                                                                     \
        return ir_emit(b, IR_##e, ir_type(b, x), s, x, y, 0, 0, 0);       \
    }
#define IR_F2I(e, n)                                                                    \
    static inline IrVal ir_##n(IrBuilder *b, IrShape s, IrVal x, IrVal y, unsigned imm) \
    {                                                                                   \
        return ir_emit(b, IR_##e, ir_type(b, x), s, x, y, 0, 0, imm);                   \
    }
#define IR_F3(e, n)                                                                               \
    static inline IrVal ir_##n(IrBuilder *b, IrShape s, IrVal x, IrVal y, IrVal z, unsigned keep) \
    {                                                                                             \
        return ir_emit(b, IR_##e, ir_type(b, x), s, x, y, z, 0, keep);                            \
    }
IR_F2(VFADD, vfadd)
IR_F2(VFSUB, vfsub)
IR_F2(VFMUL, vfmul)
IR_F2(VFDIV, vfdiv)
IR_F2(VFMIN, vfmin)
IR_F2(VFMAX, vfmax)
IR_F2(VFSQRT, vfsqrt) /* of y */
IR_F2(VFRCP, vfrcp)
IR_F2(VFRSQRT, vfrsqrt)
IR_F2I(VFROUND, vfround)
IR_F2I(VFCMP, vfcmp)
IR_F2(VFHADD, vfhadd)
IR_F2(VFHSUB, vfhsub)
IR_F2(VFADDSUB, vfaddsub)
IR_F2I(VFDP, vfdp)
IR_F3(VFMADD, vfmadd) /* x*y+z; keep = which operand (0..2) gives the other lanes */
IR_F3(VFMSUB, vfmsub)
IR_F3(VFNMADD, vfnmadd)
IR_F3(VFNMSUB, vfnmsub)
IR_F3(VFMADDSUB, vfmaddsub)
IR_F3(VFMSUBADD, vfmsubadd)
IR_F2(VFCVTSS, vfcvtss) /* scalar f32->f64 (FS32) or f64->f32 (FS64) of y, rest from x */
#undef IR_F2
#undef IR_F2I
#undef IR_F3

/* COMISx/UCOMISx: i32 in the place of ZF, PF, CF (0x40, 0x04, 0x01): 0x45 unordered. */
static inline IrVal ir_vfcomi(IrBuilder *b, IrShape s, IrVal x, IrVal y, bool quiet)
{
    return ir_emit(b, IR_VFCOMI, IR_I32, s, x, y, 0, 0, quiet);
}
/* Integer (i32 or i64, signed) to lane 0. */
static inline IrVal ir_vfcvtsi(IrBuilder *b, IrShape s, IrVal x, IrVal i)
{
    return ir_emit(b, IR_VFCVTSI, ir_type(b, x), s, x, i, 0, 0, 0);
}
/* Lane 0 to i32/i64; out of range gives the integer indefinite value and the invalid flag. */
static inline IrVal ir_vftosi(IrBuilder *b, IrShape s, IrType type, IrVal x, bool truncate)
{
    return ir_emit(b, IR_VFTOSI, type, s, x, 0, 0, 0, truncate);
}
/* Packed s32 to FP32 (same width), or the low s32 of a v128 to FP64 of `type`. */
static inline IrVal ir_vffromi32(IrBuilder *b, IrType type, IrShape s, IrVal x)
{
    return ir_emit(b, IR_VFFROMI32, type, s, x, 0, 0, 0, 0);
}
/* Packed FP32 to s32 (same width), or FP64 to s32 in a v128 (upper lanes zero). */
static inline IrVal ir_vftoi32(IrBuilder *b, IrType type, IrShape s, IrVal x, bool truncate)
{
    return ir_emit(b, IR_VFTOI32, type, s, x, 0, 0, 0, truncate);
}
static inline IrVal ir_vfwiden(IrBuilder *b, IrType type, IrVal x)
{
    return ir_emit(b, IR_VFWIDEN, type, FP32, x, 0, 0, 0, 0);
}
static inline IrVal ir_vfnarrow(IrBuilder *b, IrVal x) /* v128 */
{
    return ir_emit(b, IR_VFNARROW, IR_V128, FP64, x, 0, 0, 0, 0);
}
static inline IrVal ir_vfphtops(IrBuilder *b, IrType type, IrVal x)
{
    return ir_emit(b, IR_VFPHTOPS, type, FP32, x, 0, 0, 0, 0);
}
static inline IrVal ir_vfpstoph(IrBuilder *b, IrVal x, unsigned imm) /* v128 */
{
    return ir_emit(b, IR_VFPSTOPH, IR_V128, FP32, x, 0, 0, 0, imm);
}

/* ---- text form, verifier ---- */
/* Appends the region to s; one instruction a line:
 *   v5:i64 = add v3, v4
 *   store.mop16.mmu0 v5, v7 !3
 * Round trips through ir_parse with the same slot and helper tables. */
void ir_print(const IrBuilder *b, GString *s);
/* Parses what ir_print writes. helpers: NULL-terminated array of known helpers, or NULL. */
bool ir_parse(IrBuilder *b, const char *text, const HelperDesc *const *helpers, GError **error);
/* Structural check: types, order, joins, ending; false and the first fault found. */
bool ir_verify(const IrBuilder *b, GError **error);

#define FERRY_EXEC_ERROR ferry_exec_error_quark()
GQuark ferry_exec_error_quark(void);
typedef enum FerryExecError {
    FERRY_EXEC_ERROR_IR_SYNTAX,
    FERRY_EXEC_ERROR_IR_INVALID,
    FERRY_EXEC_ERROR_CONFIG,
} FerryExecError;

#endif
