/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual-8086 mode: entry by IRETD, IOPL-sensitive instructions, faults into ring 0, VME. */
#include "test.inc"
start:
    .code16
    ENTER_PROT
    movl $KSTACK, tss + 4
    movl $SEL_DATA, tss + 8
    movw $0x88, tss + 0x66 /* 32 bytes of redirection map before the I/O map */
    movl $tss + 0x68, %edi
    movl $0x2000 / 4, %ecx
    xorl %eax, %eax
    rep stosl
    movl $-1, tss + 0x68 /* vectors 0..31 to the monitor */
    movw $(vhandler - image + 0x8000), 0x60 * 4
    movw $0, 0x60 * 4 + 2
    /* vector 13 and 0x21 to our own handlers */
    movl $SEL_CODE32 << 16, %eax
    movw $(monitor - image + 0x8000), %ax
    movl %eax, idt32 + 13 * 8
    movl $0x2222, %esi
    pushl $0x3333  /* GS */
    pushl $0x4444  /* FS */
    pushl $0x0500  /* DS */
    pushl $0x0600  /* ES */
    pushl $0       /* SS */
    pushl $0x5000
    pushl $0x20002 /* VM, IOPL 0 */
    pushl $0
    pushl $vstart
    iretl
    .code16
vstart:
    movw %ds, %ax
    cmpw $0x0500, %ax
    CHECK(e)
    movw %fs, %ax
    cmpw $0x4444, %ax
    CHECK(e)
    movw $0x55aa, 0x10
    xorw %bx, %bx
    movw %bx, %ds
    CHECK_EQW(0x55aa, 0x5010)
at_cli:
    cli
    CHECK_EQW(at_cli - image + 0x8000, mon_ip)
at_int:
    int $0x60
    CHECK_EQW(2, mon_count)
at_pushf:
    pushfw
    CHECK_EQW(3, mon_count)
    /* the monitor now sets CR4.VME: INT goes to our own table, CLI changes VIF */
    int $0x60
    CHECK_EQW(5, mon_count)
    int $0x60
    CHECK_EQW(5, mon_count)
    CHECK_EQW(1, vcount)
    cli
    sti
    CHECK_EQW(5, mon_count)
    pushfw
    popw %ax
    testw $0x200, %ax
    CHECK(nz)
    cli
    pushfw
    popw %ax
    testw $0x200, %ax
    CHECK(z)
    PASS
vhandler:
    incw vcount
    iretw
mon_ip: .word 0
mon_count: .word 0
vcount: .word 0

    .code32
monitor:
    /* error, EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS */
    pushl %eax
    movw $SEL_DATA, %ax
    movw %ax, %ds
    testl $0x20000, 16(%esp)
    CHECK(nz)
    CHECK_EQ(0x4444, 36(%esp))
    movl 8(%esp), %eax
    movw %ax, mon_ip
    incw mon_count
    cmpw $4, mon_count
    jb 1f
    movl %cr4, %eax
    orl $1, %eax
    movl %eax, %cr4
    incw mon_count
1:  movl 8(%esp), %eax
    cmpb $0xcd, (%eax)
    jne 2f
    incl 8(%esp)
2:  incl 8(%esp)
    popl %eax
    addl $4, %esp
    iretl
    TEST_TABLES
