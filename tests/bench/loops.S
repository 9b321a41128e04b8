/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loops that bench-engine runs on the host and in a guest. Each is a function: rdi points to 64 KiB of
 * data, rsi is the number of iterations (not 0), all registers are free but rsp; it must be
 * position-independent and may use the stack. The table at the end lists them by name.
 */
.text

.macro LOOP group, name
        .section .rodata.names, "aMS", @progbits, 1
91:     .asciz "\group"
92:     .asciz "\name"
        .text
        .balign 64
93:
        .section .data.rel.ro.loops, "aw", @progbits
        .quad 91b, 92b, 93b
        .text
        .balign 16
.endm
.macro NEXT to
        sub     $1, %rsi
        jnz     \to
.endm
.macro END
        ret
94:
        .section .data.rel.ro.loops, "aw", @progbits
        .quad 94b
        .text
.endm

        .section .data.rel.ro.loops, "aw", @progbits
        .balign 8
        .globl  bench_loops
        .hidden bench_loops
bench_loops:
        .text

/* ---- integer ---- */
LOOP integer, add_chain
1:      add     %rax, %rcx
        add     %rcx, %rdx
        add     %rdx, %rax
        add     $7, %rax
        NEXT    1b
END

LOOP integer, mixed
        mov     $0x9e3779b97f4a7c15, %r8
1:      imul    %r8, %rax
        mov     %rax, %rcx
        shr     $29, %rcx
        xor     %rcx, %rax
        lea     5(%rax,%rcx,4), %rdx
        rol     $13, %rdx
        add     %rdx, %rax
        NEXT    1b
END

LOOP integer, carry
        xor     %eax, %eax
1:      add     %rsi, %r8
        adc     %rsi, %r9
        adc     $0, %r10
        sub     %rsi, %r11
        sbb     %r9, %rax
        NEXT    1b
END

/* DEC keeps the carry of the time before. */
LOOP integer, count_down
1:      add     %rsi, %rax
        dec     %rsi
        jnz     1b
END

LOOP integer, conditions
1:      cmp     %rsi, %rax
        setb    %cl
        movzbl  %cl, %ecx
        add     %rcx, %rdx
        test    $4, %esi
        cmovnz  %rdx, %rax
        NEXT    1b
END

LOOP integer, divide
        mov     $1000003, %r8
1:      lea     0x12345678(%rsi), %rax
        xor     %edx, %edx
        div     %r8
        add     %rdx, %r9
        NEXT    1b
END

LOOP integer, bytes
1:      mov     %sil, %al
        add     $3, %al
        mov     %al, %ah
        xor     %ah, %cl
        movsbl  %cl, %edx
        NEXT    1b
END

/* ---- memory ---- */
LOOP memory, load
1:      mov     %esi, %eax
        and     $0xfff8, %eax
        add     (%rdi,%rax), %rcx
        NEXT    1b
END

LOOP memory, store
1:      mov     %esi, %eax
        and     $0xfff8, %eax
        mov     %rsi, (%rdi,%rax)
        NEXT    1b
END

LOOP memory, update
1:      add     %rsi, 64(%rdi)
        NEXT    1b
END

/* A ring of 64 pointers, 512 bytes apart. */
LOOP memory, chase
        xor     %ecx, %ecx
1:      lea     512(%rcx), %edx
        and     $0x7fff, %edx
        lea     (%rdi,%rdx), %rax
        mov     %rax, (%rdi,%rcx)
        mov     %edx, %ecx
        test    %ecx, %ecx
        jnz     1b
        mov     %rdi, %rax
2:      mov     (%rax), %rax
        NEXT    2b
END

LOOP memory, copy_4k
        mov     %rsi, %r8
        mov     %rdi, %r9
1:      mov     %r9, %rsi
        lea     0x4000(%r9), %rdi
        mov     $4096, %ecx
        rep movsb
        dec     %r8
        jnz     1b
END

LOOP memory, locked
1:      lock incq 128(%rdi)
        NEXT    1b
END

/* ---- control ---- */
LOOP control, branches
        mov     $12345, %eax
1:      imul    $1103515245, %eax, %eax
        add     $12345, %eax
        test    $0x10000, %eax
        jz      2f
        inc     %rcx
2:      test    $0x20000, %eax
        jz      3f
        inc     %rdx
3:      NEXT    1b
END

LOOP control, call
1:      call    2f
        NEXT    1b
        ret
2:      inc     %rax
END

LOOP control, other_page
1:      jmp     2f
        .skip   8192, 0x90
2:      NEXT    1b
END

LOOP control, call_indirect
        lea     2f(%rip), %r8
        lea     3f(%rip), %r9
1:      call    *%r8
        xchg    %r8, %r9
        NEXT    1b
        ret
2:      inc     %rax
        ret
3:      inc     %rcx
END

LOOP control, switch
        lea     8f(%rip), %r8
1:      mov     %esi, %eax
        and     $7, %eax
        movslq  (%r8,%rax,4), %rax
        add     %r8, %rax
        jmp     *%rax
        .balign 4
8:      .long   10f - 8b, 11f - 8b, 12f - 8b, 13f - 8b, 10f - 8b, 13f - 8b, 12f - 8b, 11f - 8b
10:     inc     %rcx
        jmp     2f
11:     inc     %rdx
        jmp     2f
12:     add     $2, %rdx
        jmp     2f
13:     add     $3, %rcx
2:      NEXT    1b
END

/* ---- code ---- */
/* An instruction's operand is written anew each time before it runs. */
LOOP code, rewrite
        lea     2f(%rip), %r8
1:      mov     %esi, 1(%r8)
        call    *%r8
        NEXT    1b
        ret
        .skip   4096, 0x90
2:      .byte   0xb8 /* mov $, %eax */
        .long   0
END

/* Data beside code: in its page, never executed. */
LOOP code, data_beside
        lea     2f(%rip), %r8
1:      mov     %rsi, 512(%r8)
        call    *%r8
        NEXT    1b
        ret
        .skip   4096, 0x90
2:      inc     %rax
        ret
        .skip   1024, 0x90
END

/* ---- floating point ---- */
.macro ONES
        mov     $0x3ff0000000000001, %rax
        movq    %rax, %xmm0
        movq    %rax, %xmm1
        movq    %rax, %xmm2
        movq    %rax, %xmm3
.endm

LOOP float, add_chain
        ONES
1:      addsd   %xmm1, %xmm0
        NEXT    1b
END

LOOP float, mul_add
        ONES
1:      movsd   64(%rdi), %xmm4
        mulsd   %xmm1, %xmm4
        addsd   %xmm4, %xmm2
        subsd   %xmm1, %xmm3
        NEXT    1b
END

LOOP float, divide_root
        ONES
1:      divsd   %xmm1, %xmm0
        sqrtsd  %xmm0, %xmm0
        NEXT    1b
END

LOOP float, convert
1:      cvtsi2sd %rsi, %xmm0
        cvttsd2si %xmm0, %rax
        cvtsd2ss %xmm0, %xmm1
        add     %rax, %rcx
        NEXT    1b
END

LOOP float, compare
        ONES
1:      cvtsi2sd %esi, %xmm1
        ucomisd %xmm0, %xmm1
        jbe     2f
        inc     %rcx
2:      NEXT    1b
END

LOOP float, fma
        ONES
1:      vfmadd231sd %xmm1, %xmm2, %xmm0
        vfmadd213sd %xmm1, %xmm2, %xmm3
        NEXT    1b
END

LOOP float, x87
        fninit
        fld1
        fldz
1:      fadd    %st(1), %st
        fmul    %st(1), %st
        fldl    64(%rdi)
        faddp
        NEXT    1b
        fstp    %st
        fstp    %st
END

/* ---- vectors ---- */
LOOP vector, integer_128
1:      movdqu  (%rdi), %xmm0
        paddd   %xmm1, %xmm0
        pmulld  %xmm0, %xmm2
        pxor    %xmm0, %xmm1
        pshufd  $0x1b, %xmm1, %xmm1
        NEXT    1b
END

LOOP vector, integer_256
1:      vmovdqu (%rdi), %ymm0
        vpaddd  %ymm1, %ymm0, %ymm3
        vpcmpgtd %ymm3, %ymm2, %ymm4
        vpblendvb %ymm4, %ymm3, %ymm2, %ymm2
        vpshufb %ymm0, %ymm2, %ymm1
        NEXT    1b
        vzeroupper
END

LOOP vector, float_256
1:      vmovups (%rdi), %ymm0
        vmulps  %ymm1, %ymm0, %ymm3
        vaddps  %ymm3, %ymm2, %ymm2
        vmovups %ymm2, 64(%rdi)
        NEXT    1b
        vzeroupper
END

LOOP vector, scan
        pxor    %xmm1, %xmm1
1:      mov     %esi, %eax
        and     $0xfff0, %eax
        movdqu  (%rdi,%rax), %xmm0
        pcmpeqb %xmm1, %xmm0
        pmovmskb %xmm0, %edx
        test    %edx, %edx
        jz      2f
        inc     %rcx
2:      NEXT    1b
END

LOOP vector, aes
1:      aesenc  %xmm1, %xmm0
        aesenc  %xmm2, %xmm0
        NEXT    1b
END

        .section .data.rel.ro.loops, "aw", @progbits
        .quad   0, 0, 0, 0
        .section .note.GNU-stack, "", @progbits
