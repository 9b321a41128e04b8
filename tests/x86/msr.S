/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSRs, control register checks, CPUID's live bits, XSAVE. */
#include "test.inc"
start:
    .code16
    ENTER_PROT
    ENTER_LONG
    EXPECT(13, 0, movl $0x12345678, %ecx; rdmsr)
    EXPECT(13, 0, movl $0xc0000080, %ecx; rdmsr; orl $2, %eax; wrmsr)
    EXPECT(13, 0, movl $0xc0000080, %ecx; rdmsr; andl $~0x100, %eax; wrmsr)
    EXPECT(13, 0, movl $0xfe, %ecx; rdmsr; wrmsr)
    EXPECT(13, 0, movl $0x277, %ecx; movl $2, %eax; xorl %edx, %edx; wrmsr)
    EXPECT(13, 0, movl $0xc0000082, %ecx; movl $0x8000, %edx; wrmsr)
    movl $0xfe, %ecx
    rdmsr
    CHECK_EQ(0x508, %eax)
    /* TSC_ADJUST follows a write of the TSC and moves it */
    movl $0x3b, %ecx
    movl $0, %edx
    movl $0x40000000, %eax
    wrmsr
    rdtsc
    shlq $32, %rdx
    orq %rax, %rdx
    cmpq $0x40000000, %rdx
    CHECK(ae)
    /* FS base by MSR and by instruction */
    movl $0xc0000100, %ecx
    movl $0x9000, %eax
    xorl %edx, %edx
    wrmsr
    EXPECT(6, 0, rdfsbase %rax)
    movq %cr4, %rax
    orl $1 << 16, %eax
    movq %rax, %cr4
    rdfsbase %rax
    CHECK_EQ(0x9000, %eax)
    movl $0xa000, %eax
    wrgsbase %rax
    movl $0x77, %gs:0
    CHECK_EQ(0x77, 0xa000)
    swapgs
    rdgsbase %rax
    CHECK_EQ(0, %eax)
    swapgs
    /* CR0, CR4 */
    EXPECT(13, 0, movq %cr0, %rax; btsq $29, %rax; btrq $30, %rax; movq %rax, %cr0)
    EXPECT(6, 0, .byte 0x0f, 0x20, 0xc8)
    /* CPUID.OSXSAVE and XSAVE */
    movl $1, %eax
    cpuid
    testl $1 << 27, %ecx
    CHECK(z)
    EXPECT(6, 0, xorl %ecx, %ecx; xgetbv)
    movq %cr4, %rax
    orl $(1 << 18) + (1 << 9), %eax
    movq %rax, %cr4
    movl $1, %eax
    cpuid
    testl $1 << 27, %ecx
    CHECK(nz)
    EXPECT(13, 0, xorl %ecx, %ecx; xorl %edx, %edx; movl $5, %eax; xsetbv)
    xorl %ecx, %ecx
    xorl %edx, %edx
    movl $7, %eax
    xsetbv
    movl $0xd, %eax
    xorl %ecx, %ecx
    cpuid
    CHECK_EQ(832, %ebx)
    movl $0x1122, %eax
    movd %eax, %xmm3
    vinserti128 $1, %xmm3, %ymm3, %ymm3
    movl $0x20000, %edi
    movl $7, %eax
    xorl %edx, %edx
    xsave (%rdi)
    vpxor %ymm3, %ymm3, %ymm3
    xrstor (%rdi)
    vextracti128 $1, %ymm3, %xmm4
    movd %xmm4, %eax
    CHECK_EQ(0x1122, %eax)
    CHECK_EQ(0x1f80, 0x20000 + 24)
    testl $6, 0x20000 + 512
    CHECK(nz)
    EXPECT(13, 0, movl $7, %eax; xorl %edx, %edx; xsave 0x20010)
    movl $0x80, 0x20000 + 512
    EXPECT(13, 0, movl $7, %eax; xorl %edx, %edx; xrstor (%rdi))
    /* XSAVEC, and back */
    movl $7, %eax
    xorl %edx, %edx
    xsavec (%rdi)
    cmpl $0x80000000, 0x20000 + 512 + 12
    CHECK(e)
    vpxor %ymm3, %ymm3, %ymm3
    movl $7, %eax
    xrstor (%rdi)
    movd %xmm3, %eax
    CHECK_EQ(0x1122, %eax)
    PASS
    TEST_TABLES
