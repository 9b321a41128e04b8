# SPDX-License-Identifier: GPL-2.0-or-later
# A disk that a BIOS boots: the first sector reads the rest with INT 13h, each service that is used
# is checked and its name printed on the first serial port, then the machine is powered off.
        .code16
        .globl  start
start:
        ljmp    $0, $1f
1:      xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movb    %dl, drive
        movw    $name_boot, %si
        call    print
        movb    $0x08, %ah              # drive parameters
        call    disk
        jc      failed
        movw    $0x0204, %ax            # read four sectors, cylinder 0, head 0, from sector 2
        movw    $0x7e00, %bx
        movw    $0x0002, %cx
        movb    $0, %dh
        call    disk
        jc      failed
        movw    $name_13_02, %si
        call    print
        jmp     rest

# INT 13h on the boot drive; ES is kept.
disk:   pushw   %es
        movb    drive, %dl
        int     $0x13
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
off:    movw    $0x604, %dx
        movw    $0x2000, %ax
        outw    %ax, %dx
1:      hlt
        jmp     1b

drive:  .byte   0
name_boot:      .asciz "boot-sector\n"
name_failed:    .asciz "FAILED\n"
name_13_02:     .asciz "int13-02\n"
        .org    510
        .word   0xaa55

# ---- loaded by the first sector ----
rest:
        movb    $0x42, %ah              # extended read of the last sector
        movw    $packet, %si
        call    disk
        jc      failed
        cmpl    $0x54534554, 0x9000
        jne     failed
        movw    $name_13_42, %si
        call    print

        int     $0x12                   # 639 or 640 KiB of low memory
        cmpw    $630, %ax
        jb      failed
        movw    $name_12, %si
        call    print

        movb    $0x41, %ah              # disk extensions are there, with packet access
        movw    $0x55aa, %bx
        call    disk
        jc      failed
        cmpw    $0xaa55, %bx
        jne     failed
        testb   $1, %cl
        jz      failed
        movw    $parameters, %si        # extended parameters: 2048 sectors of 512 bytes
        movb    $0x48, %ah
        call    disk
        jc      failed
        cmpl    $2048, parameters + 16
        jne     failed
        cmpw    $512, parameters + 24
        jne     failed
        movb    $0x43, %ah              # extended write, then read it back
        movb    $0, %al
        movl    $0x5a5aa5a5, 0x9000
        movw    $packet, %si
        call    disk
        jc      failed
        movl    $0, 0x9000
        movb    $0x42, %ah
        call    disk
        jc      failed
        cmpl    $0x5a5aa5a5, 0x9000
        jne     failed
        movw    $name_13_43, %si
        call    print

        int     $0x11                   # the equipment list: a serial port
        testw   $0x0e00, %ax
        jz      failed
        movw    $name_11, %si
        call    print

        movb    $0x88, %ah              # memory above 1 MiB
        int     $0x15
        jc      failed
        movw    $0xe801, %ax
        int     $0x15
        jc      failed
        testw   %ax, %ax
        jz      failed
        xorl    %ebx, %ebx              # the memory map: the first entry is RAM at 0
        movl    $0x534d4150, %edx
        movl    $20, %ecx
        movw    $0x9000, %di
        movl    $0xe820, %eax
        int     $0x15
        jc      failed
        cmpl    $0x534d4150, %eax
        jne     failed
        cmpl    $1, 0x9010
        jne     failed
        movw    $name_15, %si
        call    print

        movw    $0x2401, %ax            # A20 on
        int     $0x15
        jc      failed
        movw    $name_15_24, %si
        call    print

        movb    $0x00, %ah              # the timer counts
        int     $0x1a
        movw    %dx, %bp
        sti
1:      movb    $0x00, %ah
        int     $0x1a
        cmpw    %dx, %bp
        je      1b
        movb    $0x02, %ah              # real-time clock
        int     $0x1a
        jc      failed
        movw    $name_1a, %si
        call    print

        movw    $0xb101, %ax            # PCI BIOS
        int     $0x1a
        jc      failed
        cmpl    $0x20494350, %edx
        jne     failed
        movw    $name_1a_b1, %si
        call    print

        movb    $0x01, %ah              # no key is waiting
        int     $0x16
        jnz     failed
        movw    $name_16, %si
        call    print

        movb    $0x00, %ah              # serial port: 9600 8N1, then a character
        movb    $0xe3, %al
        movw    $0, %dx
        int     $0x14
        movb    $0x01, %ah
        movb    $'!', %al
        movw    $0, %dx
        int     $0x14
        testb   $0x80, %ah
        jnz     failed
        movw    $name_14, %si
        call    print

        movw    $0x5300, %ax            # APM is there
        xorw    %bx, %bx
        int     $0x15
        jc      failed
        movw    $name_15_53, %si
        call    print
        movw    $name_done, %si
        call    print
        jmp     off

name_13_42:     .asciz "int13-42\n"
name_13_43:     .asciz "int13-43\n"
name_11:        .asciz "int11\n"
name_12:        .asciz "int12\n"
name_15:        .asciz "int15-e820\n"
name_15_24:     .asciz "int15-2401\n"
name_1a:        .asciz "int1a\n"
name_1a_b1:     .asciz "int1a-b101\n"
name_16:        .asciz "int16\n"
name_14:        .asciz "int14\n"
name_15_53:     .asciz "int15-5300\n"
name_done:      .asciz "done\n"
        .balign 4
packet: .byte   16, 0
        .word   1, 0x9000, 0
        .quad   2047                    # the last sector of 1 MiB
parameters:
        .word   26
        .org    0xa00
