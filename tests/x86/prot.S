/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protected mode: segment checks, gates and stack switches, ring 3, the I/O permission map. */
#include "test.inc"
start:
    .code16
    ENTER_PROT
    /* faults with and without error code */
    EXPECT(6, 0, ud2)
    xorl %ecx, %ecx
    EXPECT(0, 0, divl %ecx)
    EXPECT(13, 0x200 * 8 & 0xfff8, movw $0x1000, %ax; movw %ax, %ds)
    EXPECT(13, 0, xorl %eax, %eax; movw %ax, %ss)
    EXPECT(13, SEL_CODE32, movw $SEL_CODE32, %ax; movw %ax, %ss)
    /* a null selector loads, use faults */
    xorl %eax, %eax
    movw %ax, %fs
    EXPECT(13, 0, movl %fs:0x500, %eax)
    /* limits: byte-granular data of 0x1000 bytes at 0x500 */
    movl $0x05000fff, gdt_extra
    movl $0x00409200, gdt_extra + 4
    movw $SEL_EXTRA, %ax
    movw %ax, %gs
    movl $0x13579bdf, %gs:0xffc
    CHECK_EQ(0x13579bdf, 0x14fc)
    EXPECT(13, 0, movl %gs:0xffd, %eax)
    testb $1, gdt_extra + 5 /* loading set the accessed bit */
    CHECK(nz)
    /* read-only */
    movl $0x00409000, gdt_extra + 4
    movw %ax, %gs
    movw $SEL_EXTRA, %ax
    movw %ax, %gs
    EXPECT(13, 0, movl %eax, %gs:0)
    EXPECT(13, SEL_EXTRA, movw $SEL_EXTRA, %ax; movw %ax, %ss)
    /* not present */
    movl $0x00401200, gdt_extra + 4
    EXPECT(11, SEL_EXTRA, movw $SEL_EXTRA, %ax; movw %ax, %gs)
    EXPECT(12, SEL_EXTRA, movw $SEL_EXTRA, %ax; movw %ax, %ss)
    /* expand-down: only above the limit */
    movl $0x00000fff, gdt_extra
    movl $0x00409600, gdt_extra + 4
    movw $SEL_EXTRA, %ax
    movw %ax, %gs
    movl %gs:0x1000, %eax
    EXPECT(13, 0, movl %gs:0xfff, %eax)
    /* LAR, LSL, VERR, VERW */
    movl $SEL_DATA, %eax
    lsll %eax, %ecx
    CHECK(z)
    cmpl $-1, %ecx
    CHECK(e)
    larl %eax, %ecx
    CHECK_EQ(0x00cf9300, %ecx)
    verw %ax
    CHECK(z)
    movl $SEL_CODE32, %eax
    verw %ax
    CHECK(nz)
    verr %ax
    CHECK(z)

    /* the gate: 32-bit, two parameters, open to ring 3 */
    movl $(SEL_CODE32 << 16), gdt_extra + 8
    movl $0x0000ec02, gdt_extra + 12

    /* to ring 3 by IRET, with a TSS for the way back */
    movl $KSTACK, tss + 4
    movl $SEL_DATA, tss + 8
    movw $0x68, tss + 0x66
    movb $0xee, idt32 + 0x30 * 8 - 16 * 8 + 5 /* vector 0x20 open to ring 3 */
    movl $tss + 0x68, %edi
    movl $0x2000 / 4, %ecx
    movl $-1, %eax
    rep stosl
    andb $~0x10, tss + 0x68 + 0xf4 / 8 /* port f4 .. f7 open */
    andb $0x0f, tss + 0x68 + 0xf4 / 8
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
    movl %esp, %eax
    CHECK_EQ(0x5000, %eax)
    EXPECT(13, 0, cli)
    EXPECT(13, 0, hlt)
    EXPECT(13, 0, movl %cr0, %eax)
    EXPECT(13, 0, inb $0x80, %al)
    EXPECT(13, 0x21 * 8 + 2, int $0x21)
    CHECK_EQ(SEL_UCODE32, got_cs)
    EXPECT(0x20, 0, int $0x20)
    EXPECT(13, SEL_DATA, movw $SEL_DATA, %ax; movw %ax, %ds)
    EXPECT(13, SEL_CODE32, ljmpl $SEL_CODE32, $0)
    movl %esp, %eax
    CHECK_EQ(0x5000, %eax)
    /* POPF does not change IF or IOPL here */
    pushl $0x3202
    popfl
    pushfl
    popl %eax
    testl $0x3200, %eax
    CHECK(z)
    /* a call gate to ring 0 with two parameters */
    movw $gate_target - image + 0x8000, gate_lo
    pushl $0x1111
    pushl $0x2222
    lcall $SEL_EXTRA + 8 + 3, $0
    movl %esp, %eax
    CHECK_EQ(0x5000, %eax)
    movw %cs, %ax
    cmpw $SEL_UCODE32, %ax
    CHECK(e)
    /* an open port, then the end: PASS uses the same one */
    PASS

gate_target:
    CHECK_EQ(KSTACK - 24, %esp)
    CHECK_EQ(SEL_UCODE32, 4(%esp))
    CHECK_EQ(0x2222, 8(%esp))
    CHECK_EQ(0x1111, 12(%esp))
    CHECK_EQ(0x5000 - 8, 16(%esp))
    CHECK_EQ(SEL_UDATA, 20(%esp))
    movw %cs, %ax
    cmpw $SEL_CODE32, %ax
    CHECK(e)
    lret $8
    TEST_TABLES
    .set gate_lo, gdt_extra + 8
