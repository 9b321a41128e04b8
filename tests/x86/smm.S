/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMI by self-IPI, state in the handler, SMBASE relocation, RSM back to 64-bit code. */
#include "test.inc"
#define APIC 0xfee00000
start:
    .code16
    ENTER_PROT
    /* the handler at the default SMBASE + 8000, 16-bit code */
    movl $handler, %esi
    movl $0x38000, %edi
    movl $handler_end - handler, %ecx
    rep movsb
    movl $handler, %esi
    movl $0x48000, %edi
    movl $handler_end - handler, %ecx
    rep movsb
    ENTER_LONG
    /* a page for the APIC */
    movl $PML4 + 0x4000 + 3, PML4 + 0x1000 + 3 * 8
    movl $0xfee00000 + 0x93, PML4 + 0x4000 + (0xfee00000 - 0xc0000000) / 0x200000 * 8
    movabsq $0x1122334455667788, %rbx
    movl $0x600, %eax
    movl $0, 0x900
    movl $APIC, %edi
    movl $0x000f0, %ecx
    movl $0x1ff, (%rdi, %rcx)
    movl $0x300, %ecx
    movl $0x00040200, (%rdi, %rcx) /* self, SMI */
    SETTLE
    CHECK_EQ(1, 0x900)
    movabsq $0x1122334455667788, %rcx
    cmpq %rbx, %rcx
    CHECK(e)
    CHECK_EQ(0x30000, 0x904)
    /* again: at the new base */
    movl $0x300, %ecx
    movl $0x00040200, (%rdi, %rcx)
    SETTLE
    CHECK_EQ(2, 0x900)
    CHECK_EQ(0x40000, 0x904)
    /* RSM outside SMM */
    EXPECT(6, 0, rsm)
    PASS
    .code16
handler:
    movl $0, %ebx
    movw %bx, %ds
    incl 0x900
    movw %cs, %bx
    shll $4, %ebx
    movl %ebx, 0x904
    /* revision has the relocation bit */
    movl %cs:0xfefc, %ecx
    testl $0x20000, %ecx
    jz 1f
    movl $0x40000, %cs:0xff00
1:  rsm
handler_end:
    TEST_TABLES
