/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Double fault by contributory classes; then an empty IDT: a triple fault, which must reset. */
#include "test.inc"
start:
    .code16
    ENTER_PROT
    /* the #NP gate is not present itself: #NP while delivering #GP is a double fault */
    movl $0, idt32 + 13 * 8 + 4
    EXPECT(8, 0, movw $0x1000, %ax; movw %ax, %ds)
    /* a benign first fault: the second is delivered as itself */
    movl $0, idt32 + 6 * 8 + 4
    movl idt32 + 12 * 8, %eax
    movl $13 * 16, %ebx
    subl $12 * 16, %ebx
    addl %ebx, %eax
    movl %eax, idt32 + 13 * 8
    movl $0x00008e00, idt32 + 13 * 8 + 4
    EXPECT(13, 6 * 8 + 3, ud2)
    movl $2, %eax /* now expect a reset */
    outl %eax, $0xf4
    lidtl no_idt
    ud2
    FAIL
no_idt: .word 0
    .long 0
    TEST_TABLES
