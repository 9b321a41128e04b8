/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An encoder of x86-64 instructions into a piece of memory, for the host backend and the vector
 * emitters. One function an instruction shape; operand sizes in bytes (1, 2, 4, 8); destination
 * first, as Intel's manuals write it. VEX-coded instructions come from one table, asm-vex.def.
 *
 * No allocation of registers, no choice of instructions beyond the shortest form of the one asked for.
 * Nothing is written past the end: a full buffer sets `overflow`, and the code is worthless then.
 * `run_at` is where the first byte will run, which may differ from where it is written.
 */
#ifndef EXEC_HOST_ASM_H
#define EXEC_HOST_ASM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* General registers; vector registers are plain numbers 0..15. */
typedef enum AsmReg {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    ASM_NO_REG = 0xff,
} AsmReg;

/* Conditions, as encoded. */
typedef enum AsmCc {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G,
} AsmCc;

typedef enum AsmAlu {
    ALU_ADD,
    ALU_OR,
    ALU_ADC,
    ALU_SBB,
    ALU_AND,
    ALU_SUB,
    ALU_XOR,
    ALU_CMP,
} AsmAlu;

typedef enum AsmShift {
    SH_ROL,
    SH_ROR,
    SH_RCL,
    SH_RCR,
    SH_SHL,
    SH_SHR,
    SH_SAR = 7,
} AsmShift;

/* One-operand arithmetic; MUL to IDIV on rdx:rax. */
typedef enum AsmUnary {
    UN_NOT = 2,
    UN_NEG,
    UN_MUL,
    UN_IMUL,
    UN_DIV,
    UN_IDIV,
} AsmUnary;

typedef enum AsmBit {
    BIT_BT = 4,
    BIT_BTS,
    BIT_BTR,
    BIT_BTC,
} AsmBit;

/* Two-operand scans and counts. */
typedef enum AsmCount {
    CNT_BSF,
    CNT_BSR,
    CNT_TZCNT,
    CNT_LZCNT,
    CNT_POPCNT,
} AsmCount;

#define ASM_JMP32 0xe9 /* the first byte of asm_jmp_abs() */

typedef uint32_t AsmLabel;

/* A register or memory operand. Make one with the functions below. */
typedef struct AsmRm {
    enum {
        ASM_RM_REG,
        ASM_RM_MEM, /* base + index * scale + disp */
        ASM_RM_ABS, /* rip-relative to the address `addr` */
        ASM_RM_LABEL,
    } kind;
    uint8_t base, index, lg_scale;
    union {
        int32_t disp;
        uint64_t addr;
        AsmLabel label;
    };
} AsmRm;

static inline AsmRm asm_reg(unsigned r)
{
    return (AsmRm){ .kind = ASM_RM_REG, .base = r };
}
static inline AsmRm asm_mem(AsmReg base, int32_t disp)
{
    return (AsmRm){ .kind = ASM_RM_MEM, .base = base, .index = ASM_NO_REG, .disp = disp };
}
/* base may be ASM_NO_REG; index must not be RSP. */
static inline AsmRm asm_mem_index(AsmReg base, AsmReg index, unsigned lg_scale, int32_t disp)
{
    return (AsmRm){
        .kind = ASM_RM_MEM, .base = base, .index = index, .lg_scale = lg_scale, .disp = disp
    };
}
/* Must be asm_reachable(). */
static inline AsmRm asm_abs(uint64_t addr)
{
    return (AsmRm){ .kind = ASM_RM_ABS, .addr = addr };
}
static inline AsmRm asm_at_label(AsmLabel l)
{
    return (AsmRm){ .kind = ASM_RM_LABEL, .label = l };
}

typedef struct AsmBuf {
    uint8_t *start, *p, *end;
    uint64_t run_at;
    bool overflow;  /* out of room, or a target out of reach */
    GArray *labels; /* int64_t offset, -1 not bound */
    GArray *fixups; /* private */
} AsmBuf;

/* ---- the buffer ---- */
void asm_init(AsmBuf *a);
void asm_clear(AsmBuf *a);
/* Begin to write into [start, start + size); labels are forgotten. */
void asm_begin(AsmBuf *a, uint8_t *start, size_t size, uint64_t run_at);
/* Resolve all labels, which must be bound; false: overflow. */
bool asm_finish(AsmBuf *a);
static inline size_t asm_size(const AsmBuf *a)
{
    return a->p - a->start;
}
static inline uint64_t asm_here(const AsmBuf *a) /* run address of the next byte */
{
    return a->run_at + asm_size(a);
}
/* Within rel32 of every byte of the buffer. */
bool asm_reachable(const AsmBuf *a, uint64_t addr);

void asm_byte(AsmBuf *a, uint8_t v);
void asm_data(AsmBuf *a, const void *p, size_t n);
/* Fill with no-operations up to a multiple of `to` (a power of two) of the run address. */
void asm_align(AsmBuf *a, unsigned to);

AsmLabel asm_label(AsmBuf *a);
void asm_bind(AsmBuf *a, AsmLabel l);
/* Run address of a bound label. */
uint64_t asm_label_addr(const AsmBuf *a, AsmLabel l);

/* ---- moves ---- */
void asm_mov(AsmBuf *a, unsigned size, AsmReg d, AsmRm s);
void asm_store(AsmBuf *a, unsigned size, AsmRm d, AsmReg s);
void asm_store_imm(AsmBuf *a, unsigned size, AsmRm d, int32_t v); /* sign-extended for size 8 */
void asm_mov_imm(AsmBuf *a, AsmReg d, uint64_t v);                /* whole register; keeps flags */
void asm_mov_imm64(AsmBuf *a, AsmReg d, uint64_t v);              /* always the 10-byte form */
void asm_movzx(AsmBuf *a, unsigned from, AsmReg d, AsmRm s);      /* from 1, 2, 4 to 64 bits */
void asm_movsx(AsmBuf *a, unsigned to, unsigned from, AsmReg d, AsmRm s);
void asm_lea(AsmBuf *a, unsigned size, AsmReg d, AsmRm m);
void asm_movbe_load(AsmBuf *a, unsigned size, AsmReg d, AsmRm m);
void asm_movbe_store(AsmBuf *a, unsigned size, AsmRm m, AsmReg s);
void asm_bswap(AsmBuf *a, unsigned size, AsmReg d); /* 4, 8 */
void asm_cmov(AsmBuf *a, AsmCc cc, unsigned size, AsmReg d, AsmRm s);
void asm_setcc(AsmBuf *a, AsmCc cc, AsmRm d);
void asm_xchg(AsmBuf *a, unsigned size, AsmRm d, AsmReg s);
void asm_push(AsmBuf *a, AsmReg r);
void asm_pop(AsmBuf *a, AsmReg r);
void asm_push_rm(AsmBuf *a, AsmRm s);
void asm_pop_rm(AsmBuf *a, AsmRm d);
static inline void asm_mov_rr(AsmBuf *a, unsigned size, AsmReg d, AsmReg s)
{
    asm_mov(a, size, d, asm_reg(s));
}

/* ---- arithmetic ---- */
void asm_alu(AsmBuf *a, AsmAlu op, unsigned size, AsmReg d, AsmRm s);
void asm_alu_store(AsmBuf *a, AsmAlu op, unsigned size, AsmRm d, AsmReg s);
void asm_alu_imm(AsmBuf *a, AsmAlu op, unsigned size, AsmRm d, int32_t v);
void asm_test(AsmBuf *a, unsigned size, AsmRm d, AsmReg s);
void asm_test_imm(AsmBuf *a, unsigned size, AsmRm d, int32_t v);
void asm_imul(AsmBuf *a, unsigned size, AsmReg d, AsmRm s);                /* 2, 4, 8 */
void asm_imul_imm(AsmBuf *a, unsigned size, AsmReg d, AsmRm s, int32_t v); /* 2, 4, 8 */
void asm_unary(AsmBuf *a, AsmUnary op, unsigned size, AsmRm d);
void asm_inc(AsmBuf *a, unsigned size, AsmRm d);
void asm_dec(AsmBuf *a, unsigned size, AsmRm d);
void asm_shift_imm(AsmBuf *a, AsmShift op, unsigned size, AsmRm d, unsigned n);
void asm_shift_cl(AsmBuf *a, AsmShift op, unsigned size, AsmRm d);
void asm_shld_imm(AsmBuf *a, unsigned size, AsmRm d, AsmReg s, unsigned n);
void asm_shrd_imm(AsmBuf *a, unsigned size, AsmRm d, AsmReg s, unsigned n);
void asm_count(AsmBuf *a, AsmCount op, unsigned size, AsmReg d, AsmRm s);   /* 2, 4, 8 */
void asm_bit_imm(AsmBuf *a, AsmBit op, unsigned size, AsmRm d, unsigned n); /* 2, 4, 8 */
void asm_bit(AsmBuf *a, AsmBit op, unsigned size, AsmRm d, AsmReg n);
void asm_cdq(AsmBuf *a, unsigned size); /* cwd, cdq, cqo */
static inline void asm_alu_rr(AsmBuf *a, AsmAlu op, unsigned size, AsmReg d, AsmReg s)
{
    asm_alu(a, op, size, d, asm_reg(s));
}
static inline void asm_alu_ri(AsmBuf *a, AsmAlu op, unsigned size, AsmReg d, int32_t v)
{
    asm_alu_imm(a, op, size, asm_reg(d), v);
}

/* ---- atomic; asm_lock before an instruction with a memory destination ---- */
void asm_lock(AsmBuf *a);
void asm_xadd(AsmBuf *a, unsigned size, AsmRm d, AsmReg s);
void asm_cmpxchg(AsmBuf *a, unsigned size, AsmRm d, AsmReg s);
void asm_cmpxchg16b(AsmBuf *a, AsmRm d);

/* ---- control ---- */
/* To a bound label the short form if it fits; forward always rel32, unless the caller knows better. */
void asm_jmp(AsmBuf *a, AsmLabel l);
void asm_jcc(AsmBuf *a, AsmCc cc, AsmLabel l);
void asm_call(AsmBuf *a, AsmLabel l);
void asm_jmp_short(AsmBuf *a,
                   AsmLabel l); /* must end up within 127 bytes: asserted by asm_finish */
void asm_jcc_short(AsmBuf *a, AsmCc cc, AsmLabel l);
/* To a fixed address within reach, always rel32 (the last four bytes: asm_patch_rel32). */
void asm_jmp_abs(AsmBuf *a, uint64_t addr);
void asm_jcc_abs(AsmBuf *a, AsmCc cc, uint64_t addr);
void asm_call_abs(AsmBuf *a, uint64_t addr);
void asm_jmp_rm(AsmBuf *a, AsmRm s);
void asm_call_rm(AsmBuf *a, AsmRm s);
void asm_ret(AsmBuf *a);
/* Redirect a rel32 whose four bytes are at `field` and run at `run_at`; one aligned or atomic store
 * is the caller's care. False: out of reach. */
bool asm_patch_rel32(uint8_t *field, uint64_t run_at, uint64_t target);

/* ---- the rest ---- */
typedef enum AsmPlain {
    ASM_NOP,
    ASM_UD2,
    ASM_INT3,
    ASM_MFENCE,
    ASM_LFENCE,
    ASM_SFENCE,
    ASM_PAUSE,
    ASM_REP_MOVSB,
    ASM_REP_MOVSQ,
    ASM_REP_STOSB,
    ASM_REP_STOSQ,
    ASM_STC,
    ASM_CLC,
    ASM_CMC,
    ASM_CLD,
    ASM_LAHF,
    ASM_SAHF,
    ASM_PUSHFQ,
    ASM_POPFQ,
    ASM_RDTSC,
    ASM_PLAIN_COUNT
} AsmPlain;
void asm_plain(AsmBuf *a, AsmPlain which);
void asm_nop(AsmBuf *a, unsigned n);
void asm_ldmxcsr(AsmBuf *a, AsmRm m);
void asm_stmxcsr(AsmBuf *a, AsmRm m);
void asm_x87(AsmBuf *a, uint8_t op, unsigned reg, AsmRm m); /* op D8..DF, ModRM's reg field */

/* ---- VEX: AVX, AVX2, FMA, F16C, BMI ---- */
typedef enum AsmVex {
#define VEX(e, mn, map, pp, op, ext, w, l, form, operands) I_##e,
#include "asm-vex.def"
    ASM_VEX_COUNT
} AsmVex;

/* How the operands (in the manual's order) lie in the encoding. */
typedef enum AsmVexForm {
    VF_RM,   /* reg, r/m */
    VF_MR,   /* r/m, reg */
    VF_RVM,  /* reg, vvvv, r/m */
    VF_RMV,  /* reg, r/m, vvvv */
    VF_VM,   /* vvvv, r/m; opcode extension in reg */
    VF_RVMR, /* reg, vvvv, r/m, fourth register in an immediate */
    VF_NONE,
    VF_IMM = 16, /* ... and an immediate byte */
} AsmVexForm;

typedef enum AsmVexW {
    VW_0,
    VW_1,
    VW_S, /* by the operand size */
} AsmVexW;
typedef enum AsmVexL {
    VL_X, /* 128 or 256 bits, the caller says */
    VL_0,
    VL_1,
} AsmVexL;

typedef struct AsmVexInfo {
    const char *mnemonic;
    uint8_t map, pp, opcode, ext, w, l, form;
    const char *operands; /* in order: see asm-vex.def */
} AsmVexInfo;
extern const AsmVexInfo asm_vex_info[ASM_VEX_COUNT];

/*
 * d, s, t in the manual's order, whatever the form. `wide`: 256 bits where the row allows both, 64-bit
 * operands for BMI rows. The r/m operand may be memory: in asm_v2 the one the form says (for stores
 * the "destination" is memory and s the register: use asm_v2_store).
 */
void asm_v2(AsmBuf *a, AsmVex op, bool wide, unsigned d, AsmRm s, uint8_t imm);
void asm_v2_store(AsmBuf *a, AsmVex op, bool wide, AsmRm d, unsigned s, uint8_t imm);
void asm_v3(AsmBuf *a, AsmVex op, bool wide, unsigned d, unsigned s, AsmRm t, uint8_t imm);
void asm_v4(AsmBuf *a, AsmVex op, bool wide, unsigned d, unsigned s, AsmRm t, unsigned u);
/* Form VF_RMV: the middle operand is r/m. */
void asm_rmv(AsmBuf *a, AsmVex op, bool wide, unsigned d, AsmRm s, unsigned t);
void asm_vzeroupper(AsmBuf *a);

static inline void asm_vrr(AsmBuf *a, AsmVex op, bool wide, unsigned d, unsigned s)
{
    if (asm_vex_info[op].form % VF_IMM == VF_MR) {
        asm_v2_store(a, op, wide, asm_reg(d), s, 0);
    } else {
        asm_v2(a, op, wide, d, asm_reg(s), 0);
    }
}
static inline void asm_vrri(AsmBuf *a, AsmVex op, bool wide, unsigned d, unsigned s, uint8_t imm)
{
    if (asm_vex_info[op].form % VF_IMM == VF_MR) {
        asm_v2_store(a, op, wide, asm_reg(d), s, imm);
    } else {
        asm_v2(a, op, wide, d, asm_reg(s), imm);
    }
}
static inline void asm_vrrr(AsmBuf *a, AsmVex op, bool wide, unsigned d, unsigned s, unsigned t)
{
    if (asm_vex_info[op].form == VF_RMV) {
        asm_rmv(a, op, wide, d, asm_reg(s), t);
    } else {
        asm_v3(a, op, wide, d, s, asm_reg(t), 0);
    }
}
static inline void asm_vrrri(AsmBuf *a, AsmVex op, bool wide, unsigned d, unsigned s, unsigned t,
                             uint8_t imm)
{
    asm_v3(a, op, wide, d, s, asm_reg(t), imm);
}
static inline void asm_vrrrr(AsmBuf *a, AsmVex op, bool wide, unsigned d, unsigned s, unsigned t,
                             unsigned u)
{
    asm_v4(a, op, wide, d, s, asm_reg(t), u);
}

/* For asm-vex.c: prefix-independent tail. ModRM, SIB and displacement; `trail`: immediate bytes that
 * follow. Room must have been checked (asm_room). */
bool asm_room(AsmBuf *a);
void asm_modrm(AsmBuf *a, unsigned reg, AsmRm rm, unsigned trail);

#endif
