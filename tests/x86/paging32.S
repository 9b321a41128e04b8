/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 32-bit paging: error codes, permissions, WP, accessed and dirty bits, 4 MiB pages, INVLPG. */
#include "test.inc"
#define DIR 0x10000
#define TAB 0x11000
start:
    .code16
    ENTER_PROT
    /* one table maps 0..4M one to one; entries 0x200..0x203 (0x200000..) are played with */
    movl $DIR, %edi
    xorl %eax, %eax
    movl $1024, %ecx
    rep stosl
    movl $TAB + 7, DIR
    movl $TAB, %edi
    movl $7, %eax
    movl $1024, %ecx
1:  stosl
    addl $0x1000, %eax
    loop 1b
    movl $0, TAB + 0x200 * 4
    movl $0x200000 + 0x1000 + 5, TAB + 0x201 * 4 /* read-only, user */
    movl $0x200000 + 0x2000 + 3, TAB + 0x202 * 4 /* supervisor */
    movl $DIR, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    jmp 1f
1:  EXPECT(14, 0, movl 0x200123, %eax)
    CHECK_EQ(0x200123, got_cr2)
    EXPECT(14, 2, movl %eax, 0x200ffe)
    CHECK_EQ(0x200ffe, got_cr2)
    /* what is read, changed and written back faults as a write, also across pages */
    EXPECT(14, 2, addl $1, 0x200400)
    CHECK_EQ(0x200400, got_cr2)
    EXPECT(14, 2, incb 0x200401)
    EXPECT(14, 2, xchgl %eax, 0x200402)
    EXPECT(14, 2, shll $1, 0x200403)
    EXPECT(14, 2, btsl $1, 0x200404)
    EXPECT(14, 2, negl 0x1ffffe)
    CHECK_EQ(0x200000, got_cr2)
    EXPECT(14, 0, cmpl $1, 0x200400)
    EXPECT(14, 0, btl $1, 0x200404)
    /* without WP ring 0 writes read-only pages */
    movl $1, 0x201000
    CHECK_EQ(0x200000 + 0x1000 + 0x65, TAB + 0x201 * 4)
    movl %cr0, %eax
    orl $0x10000, %eax
    movl %eax, %cr0
    EXPECT(14, 3, movl %eax, 0x201000)
    EXPECT(14, 3, addl %eax, 0x201000)
    /* accessed at the first read, dirty at the first write */
    testl $0x60, TAB + 0x202 * 4
    CHECK(z)
    movl 0x202000, %eax
    CHECK_EQ(0x202023, TAB + 0x202 * 4)
    movl %eax, 0x202000
    CHECK_EQ(0x202063, TAB + 0x202 * 4)
    /* a write across two pages of which the second is missing changes nothing */
    movl $0x0, 0x1ffffc
    EXPECT(14, 2, movl $-1, 0x1ffffe)
    CHECK_EQ(0x200000, got_cr2)
    CHECK_EQ(0, 0x1ffffc)
    /* 4 MiB page with PSE; its reserved bit 21 faults with RSVD */
    movl %cr4, %eax
    orl $0x10, %eax
    movl %eax, %cr4
    movl $0x00000083, DIR + 4
    movl $0x7a7b7c7d, 0x500
    CHECK_EQ(0x7a7b7c7d, 0x400500)
    movl $0x00200083, DIR + 4
    invlpg 0x400500
    EXPECT(14, 9, movl 0x400500, %eax)
    /* a changed entry is seen after INVLPG */
    movl $0x203067, TAB + 0x202 * 4
    movl $0x31415926, 0x203000
    invlpg 0x202000
    CHECK_EQ(0x31415926, 0x202000)
    movl $0x202003, TAB + 0x202 * 4
    invlpg 0x202000
    /* ring 3 */
    movl $KSTACK, tss + 4
    movl $SEL_DATA, tss + 8
    movw $0x68, tss + 0x66
    movl $tss + 0x68, %edi
    movl $0x2000 / 4, %ecx
    xorl %eax, %eax
    rep stosl
    pushl $SEL_UDATA
    pushl $0x5000
    pushl $0x2
    pushl $SEL_UCODE32
    pushl $ring3
    iretl
ring3:
    movw $SEL_UDATA, %ax
    movw %ax, %ds
    movw %ax, %es
    EXPECT(14, 5, movl 0x202000, %eax)
    EXPECT(14, 7, movl %eax, 0x202000)
    EXPECT(14, 7, movl %eax, 0x201000)
    EXPECT(14, 4, movl 0x200000, %eax)
    EXPECT(14, 4, movl $0x200000, %eax; jmp *%eax)
    movl 0x201000, %eax
    PASS
    TEST_TABLES
