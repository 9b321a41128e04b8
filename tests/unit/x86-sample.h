/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One assembled instruction and what decoding it must give; made by scripts/x86_samples.py. */
#ifndef X86_SAMPLE_H
#define X86_SAMPLE_H

#include "target/x86/decode.h"

typedef struct X86Sample {
    uint16_t line;
    uint8_t mode, len, bytes[15];
    uint8_t opsize, nops;
    X86Operand op[4];
    uint8_t base, index, scale;
    int64_t disp, imm;
    uint32_t imm2;
} X86Sample;

extern const X86Sample x86_samples[];
extern const unsigned x86_n_samples;

#endif
