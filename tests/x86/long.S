/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Long mode: NX, SMEP, SMAP, protection keys, PCID, IST, SYSCALL, canonical addresses, 1 GiB pages,
   compatibility mode, the way back. */
#include "test.inc"
#define PD (PML4 + 0x2000)
#define PT 0x14000
start:
    .code16
    ENTER_PROT
    ENTER_LONG
    /* a page table for 2..4 MiB */
    movl $PT, %edi
    movl $0x200003, %eax
    xorl %edx, %edx
    movl $512, %ecx
1:  movl %eax, (%rdi)
    movl %edx, 4(%rdi)
    addl $0x1000, %eax
    addq $8, %rdi
    loop 1b
    movl $PT + 7, PD + 8
    movl $0x201007, PT + 8          /* 201000: user, writable */
    movl $0x80000000, PT + 2 * 8 + 4 /* 202000: NX */
    movl $0x00010000, PT + 3 * 8 + 4 /* 203000: a reserved bit (48) */
    movb $0xc3, 0x201000
    movb $0xc3, 0x202000
    movq %cr3, %rax
    movq %rax, %cr3

    EXPECT(14, 0x11, movl $0x202000, %eax; call *%rax)
    addq $8, %rsp
    EXPECT(14, 9, movl 0x203000, %eax)
    EXPECT(13, 0, movabsq $0x800000000000, %rax; movl (%rax), %eax)
    movl $0x7000, %esp
    /* SMEP */
    movl $0x201000, %ebx
    call *%rbx
    movq %cr4, %rax
    orl $1 << 20, %eax
    movq %rax, %cr4
    EXPECT(14, 0x11, call *%rbx)
    addq $8, %rsp
    /* SMAP: user page, AC lifts it */
    movq %cr4, %rax
    orl $1 << 21, %eax
    movq %rax, %cr4
    EXPECT(14, 1, movl 0x201004, %eax)
    EXPECT(14, 3, movl %eax, 0x201004)
    stac
    movl 0x201004, %eax
    clac
    EXPECT(14, 1, movl 0x201004, %eax)
    /* protection keys: key 1 on 201000, access disabled */
    stac
    movl $0x08000000, PT + 8 + 4
    invlpg 0x201000
    movq %cr4, %rax
    orl $1 << 22, %eax
    movq %rax, %cr4
    xorl %ecx, %ecx
    xorl %edx, %edx
    movl $1 << 3, %eax /* write disable of key 1 */
    wrpkru
    movl 0x201004, %eax
    EXPECT(14, 0x23, movl %eax, 0x201004)
    xorl %ecx, %ecx
    movl $1 << 2, %eax
    wrpkru
    EXPECT(14, 0x21, movl 0x201004, %eax)
    xorl %eax, %eax
    xorl %ecx, %ecx
    wrpkru
    movl 0x201004, %eax
    clac
    /* PCID: CR3 bits 11..0, INVPCID types, bad values */
    EXPECT(13, 0, movq %cr4, %rax; btsq $31, %rax; movq %rax, %cr4)
    movq %cr4, %rax
    orl $1 << 17, %eax
    movq %rax, %cr4
    movl $PML4 + 5, %eax
    movq %rax, %cr3
    movq %cr3, %rbx
    CHECK_EQ(PML4 + 5, %ebx)
    btsq $63, %rax
    movq %rax, %cr3
    movq %cr3, %rbx
    btq $63, %rbx
    CHECK(nc)
    movq $5, desc
    movq $0x202000, desc + 8
    xorl %eax, %eax
    invpcid desc, %rax
    incl %eax
    invpcid desc, %rax
    movl $3, %eax
    invpcid desc, %rax
    EXPECT(13, 0, movl $4, %eax; invpcid desc, %rax)
    movq $0x1000, desc
    EXPECT(13, 0, xorl %eax, %eax; invpcid desc, %rax)
    /* a changed mapping shows after INVPCID of the address */
    movq $5, desc
    movq $0x204000, desc + 8
    movl $0x1111, 0x204000
    movl $0x205003, PT + 4 * 8
    movl $0x2222, 0x205000
    xorl %eax, %eax
    invpcid desc, %rax
    CHECK_EQ(0x2222, 0x204000)
    /* each PCID has its own entries; MOV CR3 without bit 63 drops those of the PCID it goes to */
    movl $0x204003, PT + 4 * 8
    movl $PML4 + 6, %eax
    movq %rax, %cr3
    CHECK_EQ(0x1111, 0x204000)
    movl $0x205003, PT + 4 * 8
    movl $PML4 + 5, %eax
    movq %rax, %cr3
    CHECK_EQ(0x2222, 0x204000)
    /* INVPCID of a single context that is not the current one */
    movq $6, desc
    movl $1, %eax
    invpcid desc, %rax
    movl $PML4 + 6, %eax
    btsq $63, %rax
    movq %rax, %cr3
    CHECK_EQ(0x2222, 0x204000)
    /* ... of one address there, of all contexts but global, of all */
    movl $0x204003, PT + 4 * 8
    movl $PML4 + 5, %eax
    btsq $63, %rax
    movq %rax, %cr3
    xorl %eax, %eax
    invpcid desc, %rax
    movl $PML4 + 6, %eax
    btsq $63, %rax
    movq %rax, %cr3
    CHECK_EQ(0x1111, 0x204000)
    movl $0x205003, PT + 4 * 8
    movl $3, %eax
    invpcid desc, %rax
    CHECK_EQ(0x2222, 0x204000)
    movl $0x204003, PT + 4 * 8
    movl $2, %eax
    invpcid desc, %rax
    CHECK_EQ(0x1111, 0x204000)
    /* INVLPG drops a global page from every PCID */
    movq %cr4, %rax
    orl $1 << 7, %eax
    movq %rax, %cr4
    movl $0x204103, PT + 4 * 8
    CHECK_EQ(0x1111, 0x204000)
    movl $PML4 + 5, %eax
    movq %rax, %cr3
    CHECK_EQ(0x1111, 0x204000)
    movl $0x205103, PT + 4 * 8
    invlpg 0x204000
    CHECK_EQ(0x2222, 0x204000)
    movl $PML4 + 6, %eax
    btsq $63, %rax
    movq %rax, %cr3
    CHECK_EQ(0x2222, 0x204000)
    movl $0x205003, PT + 4 * 8
    invlpg 0x204000
    EXPECT(13, 0, movq %cr0, %rax; btrq $31, %rax; movq %rax, %cr0)
    EXPECT(13, 0, movq %cr4, %rax; btrq $5, %rax; movq %rax, %cr4)

    /* 1 GiB page at 1 GiB */
    movl $0x83, PML4 + 0x1000 + 8
    movl $0x0badf00d, 0x500
    CHECK_EQ(0x0badf00d, 0x40000500)

    /* IST: vector 6 on another stack, aligned to 16 */
    movq $0x4800 + 8, tss + 36
    movb $1, idt64 + 6 * 16 + 4
    movl $0x6ff8, %esp
    EXPECT(6, 0, ud2)
    cmpq $0x4800 - 7 * 8 - 8, got_handler_sp
    CHECK(e)
    cmpq $0x6ff8, got_sp
    CHECK(e)

    /* SYSRET to ring 3, SYSCALL back */
    movl $0xc0000081, %ecx
    xorl %eax, %eax
    movl $(SEL_UCODE32 - 3) << 16 | SEL_CODE64, %edx
    wrmsr
    incl %ecx
    movl $sysentry, %eax
    xorl %edx, %edx
    wrmsr
    movl $0xc0000084, %ecx
    movl $0x200, %eax
    wrmsr
    movq $KSTACK, tss + 4
    /* open everything to ring 3 */
    orl $4, PD
    orl $4, PT + 6 * 8
    movq %cr4, %rax
    andl $~(3 << 20), %eax
    movq %rax, %cr4
    movl $ring3, %ecx
    movl $0x202, %r11d
    cli
    sysretq
ring3:
    movw %cs, %ax
    cmpw $SEL_UCODE64, %ax
    CHECK(e)
    movw %ss, %ax
    cmpw $SEL_UDATA, %ax
    CHECK(e)
    pushfq
    popq %rax
    testl $0x200, %eax
    CHECK(nz)
    EXPECT(13, 0, movq %cr3, %rax)
    EXPECT(14, 5, movl 0x205000, %eax)
    stc
    syscall
back:
    FAIL
sysentry:
    CHECK_EQ(back - image + 0x8000, %ecx)
    testl $1, %r11d
    CHECK(nz)
    pushfq
    popq %rax
    testl $0x200, %eax
    CHECK(z)
    movw %cs, %ax
    cmpw $SEL_CODE64, %ax
    CHECK(e)

    /* compatibility mode: 32-bit code in long mode, interrupts come in 64-bit */
    movl $0x7000, %esp
    pushq $SEL_CODE32
    pushq $compat
    lretq
    .code32
compat:
    movw $SEL_DATA, %ax
    movw %ax, %ds
    movw $SEL_DATA, %ax
    movw %ax, %ss
    movl $0x7000, %esp
    EXPECT(6, 0, ud2)
    movw %cs, %ax
    cmpw $SEL_CODE32, %ax
    CHECK(e)
    /* out of long mode */
    movl %cr4, %eax
    andl $~(1 << 17), %eax
    movl %eax, %cr4
    movl %cr0, %eax
    andl $0x7fffffff, %eax
    movl %eax, %cr0
    movl $0xc0000080, %ecx
    rdmsr
    testl $0x400, %eax
    CHECK(z)
    PASS
    .balign 16
desc: .quad 0, 0
    TEST_TABLES
