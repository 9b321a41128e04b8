/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The differential test of x86 instructions: the host is the oracle.
 *
 * gen.c     makes cases from the lines of the instruction tables: an encoding, registers, memory
 * native.c  runs a batch of cases on the host, in a guarded child process
 * guest.c   runs one case in Ferry: a flat user-mode machine
 * main.c    compares, reports, reads known.txt
 *
 * Memory of a case, at the same addresses on both sides: two read-write pages, a hole, a read-only
 * page, a hole; and one page of code, filled with an invalid opcode. So a case ends with #UD just
 * behind the instruction, with #UD where it jumped to, or with the exception it raised.
 */
#ifndef TESTS_ISA_X86_DIFF_H
#define TESTS_ISA_X86_DIFF_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "target/x86/decode-priv.h"

#define DATA_BASE  0x20000000u
#define DATA_BYTES 0x2000u
#define RO_BASE    (DATA_BASE + 0x3000u)
#define CODE_BASE  0x30000000u
#define CODE_BYTES 0x1000u
#define CODE_AT    (CODE_BASE + 0x800u)
#define CODE_FILL  0xff /* FF FF is an invalid opcode in every mode */

typedef struct Image {
    uint64_t gpr[16]; /* RAX RCX RDX RBX RSP RBP RSI RDI R8.. */
    uint64_t rip, rflags;
    uint16_t fcw, fsw; /* fsw with TOP */
    uint8_t ftw;       /* 1 = not empty, by physical register */
    uint32_t mxcsr;
    uint8_t st[8][16]; /* ST(i); 10 bytes count */
    uint8_t ymm[16][32];
    int trap; /* vector that ended the case */
    uint32_t err;
    uint64_t cr2;
} Image;

typedef struct Case {
    uint32_t line, seed;
    uint8_t mode; /* 64 or 32 */
    uint8_t len, code[16];
    X86Insn insn;
    Image in, out;
    uint8_t mem_in[DATA_BYTES], mem_out[DATA_BYTES];
} Case;

/* gen.c */
void gen_init(void);
bool gen_skips(unsigned line, unsigned mode, const X86GateSet *host, const char **why);
/* Fills c->code .. c->in, c->mem_in; false: no encoding of the line came out, try another seed. */
bool gen_case(Case *c, unsigned line, unsigned mode, uint32_t seed, const X86GateSet *gates);
const uint8_t *gen_ro_page(void);

/* native.c: cases in memory shared with the child. Returns how many have been run; fewer than n: the
 * child died of the next one. */
Case *native_alloc(unsigned n);
unsigned native_run(Case *cases, unsigned n);

/* guest.c */
void guest_init(const X86GateSet *gates, bool jit); /* jit: native code, else interpreted */
void guest_run(const Case *c, Image *out, const uint8_t **mem);
void guest_exit(void);

#endif
