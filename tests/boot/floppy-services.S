# SPDX-License-Identifier: GPL-2.0-or-later
# A floppy disk that a BIOS boots: it reads, verifies and writes sectors of other tracks with INT 13h, prints
# the name of each service on the first serial port, and powers the machine off.
        .code16
        .globl  start
start:
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        testb   %dl, %dl                # drive A:
        jnz     failed
        movw    $name_boot, %si
        call    print
        movb    $0x00, %ah              # reset
        call    disk
        jc      failed
        movb    $0x08, %ah              # parameters: 18 sectors, 80 tracks
        call    disk
        jc      failed
        cmpw    $0x4f12, %cx
        jne     failed
        movw    $name_08, %si
        call    print
        movw    $0x0202, %ax            # two sectors: track 79, head 1, from 17 (the last of the disk)
        movw    $0x4f11, %cx
        movb    $1, %dh
        movw    $0x8000, %bx
        call    disk
        jc      failed
        cmpl    $0x54534554, 0x8200
        jne     failed
        movw    $name_02, %si
        call    print
        movw    $0x0302, %ax            # write them to track 40, head 0
        movw    $0x2801, %cx
        movb    $0, %dh
        movw    $0x8000, %bx
        call    disk
        jc      failed
        movw    $0x0402, %ax            # verify
        movw    $0x2801, %cx
        movb    $0, %dh
        call    disk
        jc      failed
        movl    $0, 0x8200
        movw    $0x0202, %ax
        movw    $0x2801, %cx
        movb    $0, %dh
        movw    $0x8000, %bx
        call    disk
        jc      failed
        cmpl    $0x54534554, 0x8200
        jne     failed
        movw    $name_03, %si
        call    print
        movw    $0x0201, %ax            # no such sector
        movw    $0x0013, %cx
        movb    $0, %dh
        call    disk
        jnc     failed
        movw    $name_done, %si
        call    print
off:    movw    $0x604, %dx
        movw    $0x2000, %ax
        outw    %ax, %dx
1:      hlt
        jmp     1b

disk:   movb    $0, %dl
        int     $0x13
        pushw   $0
        popw    %es
        ret

print:  movw    $0x3f8, %dx
1:      lodsb
        testb   %al, %al
        jz      2f
        outb    %al, %dx
        jmp     1b
2:      ret

failed: movw    $name_failed, %si
        call    print
        jmp     off

name_boot:      .asciz "boot-floppy\n"
name_08:        .asciz "int13-08\n"
name_02:        .asciz "int13-02\n"
name_03:        .asciz "int13-03\n"
name_done:      .asciz "done\n"
name_failed:    .asciz "FAILED\n"
        .org    510
        .word   0xaa55
