/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single step, RF, instruction and data breakpoints, general detect, INT1, INT3. */
#include "test.inc"
start:
    .code16
    ENTER_PROT
    ENTER_LONG
    /* TF: a trap after each instruction that starts with TF set */
    movl $1, expect_ip
    movl $0, got_count
    pushfq
    orl $0x100, (%rsp)
    popfq
    nop
step1:
    nop
step2:
    pushfq
    andl $~0x100, (%rsp)
    popfq
    nop
    CHECK_EQ(1, got_vector)
    CHECK_EQ(5, got_count)
    movq %dr6, %rax
    andl $0xe00f, %eax
    CHECK_EQ(0x4000, %eax)
    /* MOV SS holds the trap off for one instruction */
    movl $0xffff0ff0, %eax
    movq %rax, %dr6
    movl $0, got_count
    pushfq
    orl $0x100, (%rsp)
    popfq
    movw %ss, %cx
    movw %cx, %ss
    nop
    pushfq
    andl $~0x100, (%rsp)
    popfq
    CHECK_EQ(5, got_count)
    /* instruction breakpoint: a fault; RF in the saved flags lets it go on */
    movl $0, got_count
    movl $bp_here, %eax
    movq %rax, %dr0
    movl $0x402, %eax
    movq %rax, %dr7
    movl $0, %ecx
    incl %ecx
bp_here:
    incl %ecx
    CHECK_EQ(2, %ecx)
    CHECK_EQ(1, got_count)
    CHECK_EQ(bp_here - image + 0x8000, got_ip)
    testl $0x10000, got_flags
    CHECK(nz)
    movq %dr6, %rax
    testl $1, %eax
    CHECK(nz)
    /* data breakpoint on writes: a trap behind the instruction */
    movl $0, got_count
    movl $0xffff0ff0, %eax
    movq %rax, %dr6
    movl $watched, %eax
    movq %rax, %dr1
    movl $0x00d00408, %eax
    movq %rax, %dr7
    movl watched, %eax
    CHECK_EQ(0, got_count)
    movl $5, watched
watch_next:
    nop
    CHECK_EQ(1, got_count)
    CHECK_EQ(watch_next - image + 0x8000, got_ip)
    movq %dr6, %rax
    testl $2, %eax
    CHECK(nz)
    CHECK_EQ(5, watched)
    /* general detect */
    movl $0x2400, %eax
    movq %rax, %dr7
    EXPECT(1, 0, movq %dr0, %rax)
    movq %dr7, %rax
    testl $0x2000, %eax
    CHECK(z)
    movq %dr6, %rax
    testl $0x2000, %eax
    CHECK(nz)
    EXPECT(13, 0, movq $-1, %rax; movq %rax, %dr7)
    /* INT1 and INT3 are traps */
    EXPECT(1, 0, .byte 0xf1)
    EXPECT(3, 0, int3)
    PASS
    .balign 8
watched: .long 0, 0
    TEST_TABLES
