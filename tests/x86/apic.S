/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local APIC: self-IPI, priorities and TPR/CR8, EOI, the STI shadow, HLT, one-shot, periodic and
   TSC-deadline timer, NMI held off until IRET, x2APIC mode. */
#include "test.inc"
#define APIC(reg) APIC_BASE + (reg)
#define VEC_TIMER 0x28
start:
    .code16
    ENTER_PROT
    ENTER_LONG
    movl $PML4 + 0x4000 + 3, PML4 + 0x1000 + 3 * 8
    movl $0xfee00000 + 0x93, PML4 + 0x4000 + (0xfee00000 - 0xc0000000) / 0x200000 * 8
    movl $0xfee00000, %r15d
    CHECK_EQ(0x00050014, 0x30(%r15))
    movl $0x1ff, 0xf0(%r15)
    movl $1, expect_ip
    /* self-IPI stays pending with IF clear, comes after the instruction behind STI */
    movl $0, got_count
    movl $0x00044022, 0x300(%r15)
    nop
    CHECK_EQ(0, got_count)
    testl $4, 0x210(%r15) /* IRR bit 0x22 */
    CHECK(nz)
    sti
    movl got_count, %ebx
    cli
    CHECK_EQ(0, %ebx)
    CHECK_EQ(1, got_count)
    CHECK_EQ(0x22, got_vector)
    /* in service: the same class waits, a higher one comes */
    testl $4, 0x110(%r15)
    CHECK(nz)
    sti
    movl $0x00044023, 0x300(%r15)
    SETTLE
    CHECK_EQ(1, got_count)
    movl $0, 0xb0(%r15)
    SETTLE
    cli
    CHECK_EQ(2, got_count)
    CHECK_EQ(0x23, got_vector)
    movl $0, 0xb0(%r15)
    /* CR8 holds off */
    movl $2, %eax
    movq %rax, %cr8
    CHECK_EQ(0x20, 0x80(%r15))
    sti
    movl $0x00044022, 0x300(%r15)
    SETTLE
    CHECK_EQ(2, got_count)
    xorl %eax, %eax
    movq %rax, %cr8
    SETTLE
    CHECK_EQ(3, got_count)
    movl $0, 0xb0(%r15)
    /* one-shot timer wakes HLT: armed with IF clear, or it might expire before HLT */
    cli
    movl $0x3, 0x3e0(%r15)
    movl $VEC_TIMER, 0x320(%r15)
    movl $1000, 0x380(%r15)
    sti
    hlt
    cli
    CHECK_EQ(VEC_TIMER, got_vector)
    CHECK_EQ(4, got_count)
    CHECK_EQ(0, 0x390(%r15))
    movl $0, 0xb0(%r15)
    /* periodic: three times */
    movl $0x20000 + VEC_TIMER, 0x320(%r15)
    movl $10000, 0x380(%r15)
    movl $3, %ebx
1:  sti
    hlt
    cli
    movl $0, 0xb0(%r15)
    decl %ebx
    jnz 1b
    movl $0, 0x380(%r15)
    cmpl $7, got_count
    CHECK(ae)
    /* TSC deadline: one that is far off reads back (bits 63:40 are never reached here) */
    movl $0, got_count
    movl $0x40000 + VEC_TIMER, 0x320(%r15)
    movl $0x6e0, %ecx
    movl $0x12345678, %eax
    movl $0x7fffff00, %edx
    wrmsr
    rdmsr
    cmpl $0x12345678, %eax
    CHECK(e)
    cmpl $0x7fffff00, %edx
    CHECK(e)
    rdtsc
    addl $100000, %eax
    adcl $0, %edx
    movl %eax, %esi
    movl %edx, %r8d
    movl $0x6e0, %ecx
    wrmsr
    sti
    hlt
    cli
    CHECK_EQ(1, got_count)
    rdtsc
    subl %esi, %eax
    sbbl %r8d, %edx
    CHECK(ns)
    movl $0x6e0, %ecx
    rdmsr
    orl %edx, %eax
    CHECK(z)
    movl $0, 0xb0(%r15)
    /* NMI: not masked by IF; a second one waits for IRET */
    movl $0, got_count
    movl $SEL_CODE64 << 16, %eax
    movw $(nmi - image + 0x8000), %ax
    movl %eax, idt64 + 2 * 16
    movl $0x00044400, 0x300(%r15)
    SETTLE
    CHECK_EQ(2, nmis)
    CHECK_EQ(1, nmi_depth_max)
    /* an unknown vector below 16: send illegal vector */
    movl $0, 0x280(%r15)
    movl $0x00044005, 0x300(%r15)
    movl $0, 0x280(%r15)
    testl $0x20, 0x280(%r15)
    CHECK(nz)
    /* x2APIC */
    movl $0x1b, %ecx
    rdmsr
    orl $0x400, %eax
    wrmsr
    movl $0x803, %ecx
    rdmsr
    CHECK_EQ(0x00050014, %eax)
    movl $0, got_count
    sti
    movl $0x83f, %ecx
    movl $0x24, %eax
    xorl %edx, %edx
    wrmsr
    SETTLE
    cli
    CHECK_EQ(1, got_count)
    CHECK_EQ(0x24, got_vector)
    movl $0x80b, %ecx
    xorl %eax, %eax
    wrmsr
    EXPECT(13, 0, movl $0x80b, %ecx; rdmsr)
    EXPECT(13, 0, movl $0x1b, %ecx; rdmsr; andl $~0x400, %eax; wrmsr)
    PASS
nmi:
    pushq %rbp
    incl nmis
    incl nmi_depth
    movl nmi_depth, %eax
    cmpl nmi_depth_max, %eax
    jbe 1f
    movl %eax, nmi_depth_max
1:  cmpl $1, nmis
    jne 2f
    movl $0x00044400, 0x300(%r15)
    SETTLE
2:  decl nmi_depth
    popq %rbp
    iretq
nmis: .long 0
nmi_depth: .long 0
nmi_depth_max: .long 0
    TEST_TABLES
