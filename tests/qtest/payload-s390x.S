/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest of the migration tests on s390x, a Linux-like image: prints A on the SCLP console, zeroes the
 * first byte of every page from 1 to 100 MiB, then adds 1 to each in ascending order round and round,
 * printing B after every 8 rounds. One writer in one order: at any instant all bytes are equal, but for
 * one place where the value drops by one. payload-s390x.py holds what this assembles to.
 */
        .set    FIRST, 0x100000
        .set    END, 0x6400000
        .set    PAGE, 4096

        .text
        .org    0x10000
        j       start
        .org    0x10008
        .ascii  "S390EP"
        .org    0x10880
start:  larl    %r13, data
        larl    %r8, sccb
        lctlg   %c0, %c0, cr0-data(%r13)
        lg      %r1, mask-data(%r13)
        stg     %r1, 0x1b0                      # external new PSW
        larl    %r1, told
        stg     %r1, 0x1b8
        mvc     0(28, %r8), events-data(%r13)
        lgfi    %r9, 0x780005                   # WRITE EVENT MASK
        brasl   %r14, call
        lghi    %r5, 'A'
        brasl   %r14, print
        lgfi    %r3, END
        lgfi    %r2, FIRST
zero:   mvi     0(%r2), 0
        aghi    %r2, PAGE
        clgrjl  %r2, %r3, zero
again:  lghi    %r6, 8
round:  lgfi    %r2, FIRST
next:   ic      %r4, 0(%r2)
        ahi     %r4, 1
        stc     %r4, 0(%r2)
        aghi    %r2, PAGE
        clgrjl  %r2, %r3, next
        brctg   %r6, round
        lghi    %r5, 'B'
        brasl   %r14, print
        j       again

print:  xc      0(32, %r8), 0(%r8)
        mvi     1(%r8), 15                      # block
        mvi     9(%r8), 7                       # event
        mvi     10(%r8), 0x1a                   # of the ASCII console
        stc     %r5, 14(%r8)
        lgfi    %r9, 0x760005                   # WRITE EVENT DATA
call:   .insn   rre, 0xb2200000, %r9, %r8       # SERVICE CALL
        jnz     call
        lpswe   wait-data(%r13)                 # for its signal
told:   br      %r14

        .balign 8
data:
wait:   .quad   0x0102000180000000, 0
cr0:    .quad   0x2e0                           # service signal
mask:   .quad   0x0000000180000000
events: .short  28, 0, 0, 0, 0, 4, 0, 0, 0, 0x40, 0, 0, 0, 0
        .balign 8
sccb:   .space  32
        .balign 4096
