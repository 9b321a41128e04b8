/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter's op list. BC_LIST(X) lists every op once; run.c makes the label table from it.
 */
#ifndef EXEC_BC_OPS_H
#define EXEC_BC_OPS_H

/* clang-format off */
/* Integer ops with 32/64-bit and register/immediate forms: BC_ADD32, BC_ADD64, BC_ADD32I... */
#define BC_INT2(X)                                                                                 \
    X(ADD) X(SUB) X(MUL) X(AND) X(OR) X(XOR) X(ANDN) X(SHL) X(SHR) X(SAR) X(ROTL) X(ROTR)
#define BC_X4(X, n) X(n##32) X(n##64) X(n##32I) X(n##64I)

#define BC_PLAIN(X)                                                                                \
    X(CONST) X(MOV) X(MOV128) X(MOV256) X(ZEXT32) X(NOT32) X(NOT64) X(NEG32) X(NEG64)              \
    X(SEXT8_32) X(SEXT8_64) X(SEXT16_32) X(SEXT16_64) X(SEXT32) X(ZEXT8) X(ZEXT16) X(BSWAP16)      \
    X(BSWAP32) X(BSWAP64) X(CLZ32) X(CLZ64) X(CTZ32) X(CTZ64) X(POPCNT32) X(POPCNT64)              \
    X(EXTRACTU) X(EXTRACTS) X(EXTRACTS32) X(DEPOSIT) X(MULHU64) X(MULHS64) X(DIVUW) X(EVAL) X(GET8) \
    X(GET16) X(GET32) X(GET64) X(GET128) X(GET256) X(PUT8) X(PUT16) X(PUT32) X(PUT64) X(PUT128)    \
    X(PUT256) X(LOADU8) X(LOADU16) X(LOADU32) X(LOADU64) X(LOADS8_32) X(LOADS16_32)                \
    X(LOADS8_64) X(LOADS16_64) X(LOADS32_64) X(LOADG) X(LOADV) X(STORE8) X(STORE16) X(STORE32)     \
    X(STORE64) X(STOREG) X(STOREV) X(ATOMIC) X(CMPXCHG) X(CMPXCHG16) X(PROBE) X(FENCE) X(BR)       \
    X(CALLI) X(CALL) X(EXIT_DIRECT) X(EXIT_INDIRECT) X(EXIT_LOOP) X(RAISE) X(VEC) X(VCONST)        \
    X(MOVCONDV)

#define BC_LIST(X)                                                                                 \
    BC_PLAIN(X) BC_X4(X, ADD) BC_X4(X, SUB) BC_X4(X, MUL) BC_X4(X, AND) BC_X4(X, OR)               \
    BC_X4(X, XOR) BC_X4(X, ANDN) BC_X4(X, SHL) BC_X4(X, SHR) BC_X4(X, SAR) BC_X4(X, ROTL)          \
    BC_X4(X, ROTR) BC_X4(X, BR_EQ) BC_X4(X, BR_NE) BC_X4(X, BR_LT) BC_X4(X, BR_GE)                 \
    BC_X4(X, BR_LE) BC_X4(X, BR_GT) BC_X4(X, BR_LTU) BC_X4(X, BR_GEU) BC_X4(X, BR_LEU)             \
    BC_X4(X, BR_GTU) BC_X4(X, BR_TSTZ) BC_X4(X, BR_TSTNZ) BC_X4(X, SET_EQ) BC_X4(X, SET_NE)        \
    BC_X4(X, SET_LT) BC_X4(X, SET_GE) BC_X4(X, SET_LE) BC_X4(X, SET_GT) BC_X4(X, SET_LTU)          \
    BC_X4(X, SET_GEU) BC_X4(X, SET_LEU) BC_X4(X, SET_GTU) BC_X4(X, SET_TSTZ)                       \
    BC_X4(X, SET_TSTNZ) BC_X4(X, MOV_EQ) BC_X4(X, MOV_NE) BC_X4(X, MOV_LT) BC_X4(X, MOV_GE)        \
    BC_X4(X, MOV_LE) BC_X4(X, MOV_GT) BC_X4(X, MOV_LTU) BC_X4(X, MOV_GEU) BC_X4(X, MOV_LEU)        \
    BC_X4(X, MOV_GTU) BC_X4(X, MOV_TSTZ) BC_X4(X, MOV_TSTNZ)
/* clang-format on */

typedef enum BcOpcode {
#define BC_ENUM(n) BC_##n,
    BC_LIST(BC_ENUM)
#undef BC_ENUM
    BC_COUNT
} BcOpcode;

#endif
