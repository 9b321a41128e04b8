/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the two ways of running an x87 instruction on the host: x87.c and x87-light.c. */
#ifndef TARGET_X86_X87_PRIV_H
#define TARGET_X86_X87_PRIV_H

#include "target/x86/fpu.h"

#define X87_EXCEPTIONS  0x3fu
#define X87_EFLAGS_HOST 0x8d5u /* the six flags that FCMOVcc reads and FCOMI writes */
#define X87_CW_HOST     0x37fu

/* "opcode; ret" for a register form, or a memory form at [rdi]. */
const uint8_t *x87_host_form(uint8_t op, uint8_t modrm);

/* The common instructions when nothing unusual is possible: all exceptions masked, the registers they
 * read full, the one they push empty. mem: the operand, read or written. flags: in and out. False: not
 * such a case, nothing done. */
bool x87_light(X86Cpu *cpu, X87Word w, uint8_t mem[16], uint64_t *flags);

#endif
