/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between x87.c, which knows the guest, and x87-host.c, which runs opcodes on the host's FPU. */
#ifndef TARGET_X86_X87_PRIV_H
#define TARGET_X86_X87_PRIV_H

#include "target/x86/fpu.h"

#define X87_EXCEPTIONS  0x3fu
#define X87_EFLAGS_HOST 0x8d5u /* the six flags that FCMOVcc reads and FCOMI writes */

/* The guest's state is in the host's FPU, or can be and now is: true. False: an exception is unmasked
 * or pending. */
bool x87_live(X86Cpu *cpu);
/* Run an opcode there. mem: the operand, read or written; flags: EFLAGS before. Returns those after. */
uint64_t x87_run_live(X87Word w, uint8_t mem[16], uint64_t flags);
/* False: not live, or the new word unmasks something; nothing done. */
bool x87_live_control_word(X86Cpu *cpu, uint16_t cw);
/* The guest's status word with TOP, wherever it is. */
uint16_t x87_live_status_word(const X86Cpu *cpu);

/* In the format of FSAVE, 32-bit protected mode. */
typedef struct X87Box {
    uint16_t cw, r0, sw, r1, tag, r2;
    uint32_t ip, cs_op, dp, ds;
    uint8_t st[8][10];
} X87Box;

/* Run an opcode on a copy of the state, which is not live; mem and flags as above. */
uint64_t x87_run_boxed(const X86Cpu *cpu, X87Box *box, X87Word w, uint8_t mem[16], uint64_t flags);
/* What came of it into the CPU. */
void x87_unbox(X86Cpu *cpu, const X87Box *box);

#endif
