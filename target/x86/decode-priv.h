/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shape of the generated decoder tables, shared by decode.c, disas.c and the generator's output.
 */
#ifndef TARGET_X86_DECODE_PRIV_H
#define TARGET_X86_DECODE_PRIV_H

#include "target/x86/decode.h"

/* Operand addressing: the letters of insns/README.md, and fixed operands. */
typedef enum X86OperandAddr {
    X86_A_NONE,
    X86_A_E,
    X86_A_G,
    X86_A_M,
    X86_A_R,
    X86_A_Z,
    X86_A_I,
    X86_A_J,
    X86_A_O,
    X86_A_S,
    X86_A_C,
    X86_A_D,
    X86_A_P,
    X86_A_Q,
    X86_A_N,
    X86_A_V,
    X86_A_W,
    X86_A_U,
    X86_A_H,
    X86_A_L,
    X86_A_B,
    X86_A_A,
    X86_A_X,
    X86_A_Y,
    X86_A_F,
    X86_A_K,
    X86_A_F_AL,
    X86_A_F_AX,
    X86_A_F_RAX,
    X86_A_F_ZAX,
    X86_A_F_CL,
    X86_A_F_DX,
    X86_A_F_1,
    X86_A_F_ST0,
    X86_A_F_XMM0,
    X86_A_F_ES,
    X86_A_F_CS,
    X86_A_F_SS,
    X86_A_F_DS,
    X86_A_F_FS,
    X86_A_F_GS,
} X86OperandAddr;

typedef enum X86OperandType {
    X86_T_NONE,
    X86_T_B,
    X86_T_W,
    X86_T_D,
    X86_T_Q,
    X86_T_V,
    X86_T_Z,
    X86_T_Y,
    X86_T_N,
    X86_T_DQ,
    X86_T_QQ,
    X86_T_X,
    X86_T_PS,
    X86_T_PD,
    X86_T_SS,
    X86_T_SD,
    X86_T_P,
    X86_T_S,
    X86_T_A,
    X86_T_T,
    X86_T_FE,
    X86_T_FS,
    X86_T_FX,
    X86_T_XS,
    X86_T_BS,
    X86_T_HD,
    X86_T_HQ,
    X86_T_XD,
    X86_T_XQ,
} X86OperandType;

typedef enum X86PfxRule {
    X86_PFX_ANY, /* 66, F2, F3 do not select */
    X86_PFX_NP,  /* none of them */
    X86_PFX_66,  /* 66 and neither F2 nor F3 */
    X86_PFX_F3,  /* F3 last; 66 may be there and sets the operand size */
    X86_PFX_F2,
    X86_PFX_NFX, /* neither F2 nor F3 */
} X86PfxRule;

enum {
    X86_MOD_ANY,
    X86_MOD_MEM,
    X86_MOD_REG
};

typedef struct X86LineOp {
    uint8_t addr;     /* X86OperandAddr */
    uint8_t type;     /* X86OperandType */
    uint8_t reg_type; /* type of the register form, where alt */
    uint8_t alt;
} X86LineOp;

typedef struct X86Line {
    const char *name;
    uint16_t mn;
    uint8_t map, opcode, vex, pfx;
    int8_t w, l;
    uint8_t lig, mod;
    int8_t reg, rm;
    uint8_t modrm, vvvv, mode, cc; /* mode: 1 not 64-bit, 2 64-bit, 3 both */
    uint8_t gate[3];               /* L=0, L=1, and this too */
    uint8_t nops;
    X86LineOp op[4];
    uint32_t flags;
} X86Line;

typedef struct X86Bucket {
    uint16_t first, count;
} X86Bucket;

extern const X86Line x86_lines[X86_INSN_LINES + 1];
extern const uint16_t x86_candidates[];
extern const X86Bucket x86_buckets[2][4][256];

#endif
