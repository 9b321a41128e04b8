/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes of an instruction to S390Insn, and back (the assembler is for tests). All knowledge is in
 * the tables that scripts/gen-decoder-s390x makes of insns/.
 */
#ifndef TARGET_S390X_DECODE_H
#define TARGET_S390X_DECODE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "s390x-insns.h"

enum {
    S390_F_PRIV = 1 << 0, /* privileged-operation exception in the problem state */
    S390_F_SEMI = 1 << 1, /* semiprivileged: the translator or helper checks */
    S390_F_ENDS = 1 << 2, /* the region ends after it */
    S390_F_AFP = 1 << 3,  /* data exception unless CR0's AFP-register control is on */
    S390_F_VEC = 1 << 4,  /* ... and the vector-enablement control too */
    S390_F_FPR = 1 << 5,  /* data exception for registers beyond 0, 2, 4, 6 without that control */
    S390_F_FPR1 = 1 << 6, /* the same, r1 only */
    S390_F_FPR2 = 1 << 7, /* r2 only */
};

/* One decoded instruction. Fields that its format does not have are zero; relative operands are
 * byte distances. Every field is an int64_t so that the format table can fill it. */
typedef struct S390Insn {
    S390Mn mn;
    S390Fmt fmt;
    S390Src src; /* where the second operand comes from */
    uint8_t len;
    uint8_t flags;
    char w;  /* width of the operation: w 32, g 64 bits; e, d, x floating point; - none */
    int arg; /* constant of the instruction's line */
    int64_t r1, r2, r3, r4, m1, m2, m3, m4, m5, m6, b1, b2, b3, b4, x2, d1, d2, d3, d4, l1, l2;
    int64_t i1, i2, i3, i4, i5, ri2, ri3, ri4;
} S390Insn;

typedef enum S390FieldKind {
    FIELD_U,
    FIELD_S,
    FIELD_REL, /* signed, in halfwords */
    FIELD_D20, /* signed displacement, low part at `pos`, high part at bit 32 */
    FIELD_VR,  /* vector register: fifth bit in RXB */
} S390FieldKind;

typedef struct S390Field {
    uint16_t offset; /* of the int64_t in S390Insn */
    uint8_t pos, len, kind;
} S390Field;

typedef struct S390FormatDesc {
    const char *name, *syntax;
    uint8_t length, n_fields;
    S390Field fields[8];
} S390FormatDesc;

typedef struct S390Line {
    const char *mnemonic;
    uint8_t op0, op1;
    uint8_t fmt, flags;
    int16_t facility; /* -1: always there */
    char w;
    uint8_t src;
    int16_t arg;
} S390Line;

typedef enum S390Place {
    PLACE_ABSENT,
    PLACE_NONE,
    PLACE_BYTE1,
    PLACE_NIBBLE, /* low half of byte 1 */
    PLACE_BYTE5,
} S390Place;

typedef struct S390OpcodeRow {
    uint8_t place;
    uint16_t line;       /* 1 + line, for PLACE_NONE */
    const uint16_t *sub; /* the same by the second part of the opcode */
} S390OpcodeRow;

extern const S390FormatDesc s390_formats[S390_FMT_COUNT];
extern const S390Line s390_lines[S390_MN_COUNT];
extern const S390OpcodeRow s390_opcodes[256];

/* Length of the instruction that starts with this byte: 2, 4 or 6. */
static inline unsigned s390_insn_length(uint8_t first)
{
    return first < 0x40 ? 2 : first < 0xc0 ? 4 : 6;
}

/* bytes: s390_insn_length() of them. False: no such instruction. */
bool s390_decode(const uint8_t *bytes, S390Insn *out);
/* The bytes of i; false when a field does not fit its place. */
bool s390_assemble(const S390Insn *i, uint8_t bytes[6]);
/* Text with absolute addresses of relative operands. */
void s390_disas(const S390Insn *i, uint64_t pc, GString *out);

#endif
