/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest of the migration tests, an ELF image with a PVH entry, or with BOOT_SECTOR defined the first
 * sector of a disk, which firmware loads and enters in real mode. It prints A, zeroes the first byte
 * of every page from 1 to 100 MiB, then adds 1 to each in ascending order round and round, printing
 * B after every 8 rounds. One writer in one order: at any instant all bytes are equal, but for one
 * place where the value drops by one.
 */
        .set    FIRST, 0x100000
        .set    END, 0x6400000
        .set    COM1, 0x3f8

#ifdef BOOT_SECTOR
        .text
        .code16
        .globl  _start
_start: cli
        inb     $0x92, %al      /* A20 */
        orb     $2, %al
        outb    %al, $0x92
        xorw    %ax, %ax
        movw    %ax, %ds
        lgdtl   gdtr
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $8, $flat
gdt:    .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:   .word   . - gdt - 1
        .long   gdt
        .code32
flat:   movw    $16, %ax
        movw    %ax, %ds
#else
        .section .note.Xen, "a", @note
        .long   4, 4, 18
        .asciz  "Xen"
        .long   start

        .text
        .code32
        .globl  start
start:
#endif
        movw    $COM1, %dx
        movb    $'A', %al
        outb    %al, %dx
        movl    $FIRST, %ebx
zero:   movb    $0, (%ebx)
        addl    $4096, %ebx
        cmpl    $END, %ebx
        jb      zero
again:  movl    $8, %ecx
round:  movl    $FIRST, %ebx
next:   incb    (%ebx)
        addl    $4096, %ebx
        cmpl    $END, %ebx
        jb      next
        decl    %ecx
        jnz     round
        movb    $'B', %al
        outb    %al, %dx
        jmp     again
#ifdef BOOT_SECTOR
        .org    510
        .word   0xaa55
#endif
