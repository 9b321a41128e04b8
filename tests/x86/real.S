/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real mode: interrupts through the vector table, far transfers, the A20 gate, segment limits. */
#include "test.inc"
start:
    .code16
    /* INT n: FLAGS, CS, IP on the stack; IF and TF clear in the handler */
    movw $handler, 0x80 * 4
    movw $0, 0x80 * 4 + 2
    sti
    int $0x80
    pushfw
    popw %ax
    testw $0x200, %ax
    CHECK(nz)
    CHECK_EQW(0x1234, seen)
    cli

    /* INTO and BOUND go to 4 and 5; divide error restarts at the instruction */
    movw $count, 4 * 4
    movw $0, 4 * 4 + 2
    movb $0x7f, %al
    addb $1, %al
    into
    CHECK_EQW(1, counter)
    movw $divide, 0
    movw $0, 2
    xorw %cx, %cx
    movw $1, %ax
    xorw %dx, %dx
div_at:
    divw %cx
    CHECK_EQW(div_at - image + 0x8000, saved_ip)

    /* far call and return */
    lcallw $0x0800, $(far_target - image)
    CHECK_EQW(0x0800, seen)

    /* a word at ffff crosses the limit: #GP through vector 13 */
    movw $limit, 13 * 4
    movw $0, 13 * 4 + 2
    movw $0xffff, %bx
    movw (%bx), %ax
after_limit:
    CHECK_EQW(13, counter)

    /* A20: off, 1 MiB wraps to 0 */
    movw $0xffff, %ax
    movw %ax, %fs
    movl $0x11223344, 0x500
    movl $0x55667788, %fs:0x510
    CHECK_EQ(0x11223344, 0x500)
    movb $0, %al
    outb %al, $0x92
    CHECK_EQ(0x11223344, %fs:0x510)
    movl $0x99aabbcc, %fs:0x510
    CHECK_EQ(0x99aabbcc, 0x500)
    movb $2, %al
    outb %al, $0x92
    CHECK_EQ(0x55667788, %fs:0x510)

    /* "unreal" mode: a 4 GiB limit loaded in protected mode stays */
    cli
    lgdtl gdtr
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    movw $SEL_DATA, %bx
    movw %bx, %gs
    andl $~1, %eax
    movl %eax, %cr0
    xorw %bx, %bx
    movw %bx, %gs
    movl $0x00200000, %ebx
    movl $0xcafe1234, %gs:(%ebx)
    CHECK_EQ(0xcafe1234, %gs:(%ebx))
    PASS

handler:
    movw $0x1234, seen
    pushfw
    popw %ax
    testw $0x300, %ax
    CHECK(z)
    iretw
count:
    incw counter
    iretw
divide:
    movw %sp, %bp
    movw (%bp), %ax
    movw %ax, saved_ip
    addw $2, (%bp)
    iretw
limit:
    movw %sp, %bp
    movw $after_limit, (%bp)
    movw $13, counter
    iretw
far_target:
    movw %cs, %ax
    movw %ax, seen
    lretw
seen: .word 0
counter: .word 0
saved_ip: .word 0
    TEST_TABLES
