/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 32-bit task switches: JMP, CALL, IRET, a task gate in the IDT; busy bits, NT, back link, CR0.TS. */
#include "test.inc"
#define TSS2 0xe200
#define SEL_TSS2 SEL_EXTRA
#define SEL_TGATE (SEL_EXTRA + 8)
start:
    .code16
    ENTER_PROT
    /* the second TSS */
    movl $TSS2, %edi
    xorl %eax, %eax
    movl $26, %ecx
    rep stosl
    movl $task2, TSS2 + 0x20
    movl $2, TSS2 + 0x24
    movl $0x5000, TSS2 + 0x38
    movl $0x600d, TSS2 + 0x28
    movl $SEL_DATA, TSS2 + 0x48
    movl $SEL_CODE32, TSS2 + 0x4c
    movl $SEL_DATA, TSS2 + 0x50
    movl $SEL_DATA, TSS2 + 0x54
    movl $(TSS2 << 16) + 0x67, gdt_extra
    movl $0x00008900, gdt_extra + 4
    movl $SEL_TSS2 << 16, gdt_extra + 8
    movl $0x00008500, gdt_extra + 12
    clts
    movl $0x1234, %ebx
    /* CALL: nested, comes back by IRET */
    lcall $SEL_TSS2, $0
    CHECK_EQ(0x1234, %ebx)
    CHECK_EQ(1, runs)
    testb $2, gdt_extra + 5 /* no longer busy */
    CHECK(z)
    testb $2, gdt + SEL_TSS + 5
    CHECK(nz)
    pushfl
    popl %eax
    testl $0x4000, %eax
    CHECK(z)
    movl %cr0, %eax
    testl $8, %eax
    CHECK(nz)
    /* a task gate by CALL; the task goes on behind its IRET */
    lcall $SEL_TGATE, $0
    CHECK_EQ(2, runs)
    /* a busy task cannot be called: #GP(selector) */
    orb $2, gdt_extra + 5
    EXPECT(13, SEL_TSS2, lcall $SEL_TSS2, $0)
    andb $~2, gdt_extra + 5
    /* too short: #TS */
    movw $0x66, gdt_extra
    EXPECT(10, SEL_TSS2, ljmp $SEL_TSS2, $0)
    movw $0x67, gdt_extra
    /* JMP there, JMP back: no nesting */
    movl $jumped, TSS2 + 0x20
    movl $0x2, TSS2 + 0x24
    ljmp $SEL_TSS2, $0
    CHECK_EQ(3, runs)
    /* an exception through a task gate, error code on the new stack */
    movl $fault_task, TSS2 + 0x20
    movl $0x5000, TSS2 + 0x38
    movl $0x2, TSS2 + 0x24
    movl $SEL_TSS2 << 16, idt32 + 13 * 8
    movl $0x00008500, idt32 + 13 * 8 + 4
    movw $0xf0, %ax
    movw %ax, %fs
    CHECK_EQ(4, runs)
    PASS

task2:
    CHECK_EQ(0x600d, %eax)
    pushfl
    popl %eax
    testl $0x4000, %eax
    CHECK(nz)
    movzwl TSS2, %eax
    CHECK_EQ(SEL_TSS, %eax)
    testb $2, gdt_extra + 5
    CHECK(nz)
    movl $0x600d, %eax
    incl runs
    clts
    iretl
    incl runs
    iretl
jumped:
    pushfl
    popl %eax
    testl $0x4000, %eax
    CHECK(z)
    testb $2, gdt + SEL_TSS + 5
    CHECK(z)
    incl runs
    ljmp $SEL_TSS, $0
fault_task:
    popl %eax
    CHECK_EQ(0xf0, %eax)
    incl runs
    addl $2, tss + 0x20 /* over the faulting MOV */
    iretl
runs: .long 0
    TEST_TABLES
