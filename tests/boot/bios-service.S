# SPDX-License-Identifier: GPL-2.0-or-later
# A boot sector that checks one BIOS service, prints the service's name on the first serial port, and starts the disk's
# next sector, which is one as well, as the BIOS started this; that of "DONE" powers the machine off. Assembled once for
# each service, with its name defined, as NAME what is printed, as SECTOR which of the disk's it is (the first is 1).
# The disk's last sector, of 1 MiB, begins with "TEST".
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
        call    service
        movw    $name, %si
        call    print
#ifdef DONE
        jmp     off
#endif
        movw    $next, %si              # out of the way of what it loads
        movw    $0x600, %di
        movw    $next_end - next, %cx
        cld
        rep movsb
        movb    drive, %dl
        ljmp    $0, $0x600

# At 0x600; DL is the drive.
next:   pushw   %dx
        movw    $0x0201, %ax
        movw    $0x7c00, %bx
        movw    $SECTOR + 1, %cx
        movb    $0, %dh
        int     $0x13
        popw    %dx
        jc      1f
        ljmp    $0, $0x7c00
1:      hlt
        jmp     1b
next_end:

service:
#ifdef DONE
        ret
#endif

#ifdef INT13_02
        movb    $0x08, %ah              # drive parameters
        call    disk
        movw    $0x0201, %ax            # read a sector: this one
        movw    $0x9000, %bx
        movw    $SECTOR, %cx
        movb    $0, %dh
        call    disk
        cmpw    $0xaa55, 0x91fe
        jne     failed
        movl    start, %eax
        cmpl    %eax, 0x9000
        jne     failed
        ret
#endif

#ifdef INT13_41
        movb    $0x41, %ah              # disk extensions are there, with packet access
        movw    $0x55aa, %bx
        call    disk
        cmpw    $0xaa55, %bx
        jne     failed
        testb   $1, %cl
        jz      failed
        ret
#endif

#ifdef INT13_42
        movb    $0x42, %ah              # extended read of the last sector
        movw    $packet, %si
        call    disk
        cmpl    $0x54534554, 0x9000
        jne     failed
        ret
#endif

#ifdef INT13_43
        movb    $0x43, %ah              # extended write, then read it back
        movb    $0, %al
        movl    $0x5a5aa5a5, 0x9000
        movw    $packet, %si
        call    disk
        movl    $0, 0x9000
        movb    $0x42, %ah
        call    disk
        cmpl    $0x5a5aa5a5, 0x9000
        jne     failed
        ret
#endif

#ifdef INT13_48
        movw    $0x9100, %si            # extended parameters: 2048 sectors of 512 bytes
        movw    $26, (%si)
        movb    $0x48, %ah
        call    disk
        cmpl    $2048, 0x9110
        jne     failed
        cmpw    $512, 0x9118
        jne     failed
        ret
#endif

#ifdef INT10
        movb    $0x0f, %ah              # the mode: 80 columns
        int     $0x10
        cmpb    $80, %ah
        jne     failed
        movb    $0x03, %ah              # where is the cursor?
        movb    $0, %bh
        int     $0x10
        movw    %dx, %bp
        movw    $0x0e58, %ax            # an X, there
        movw    $7, %bx
        int     $0x10
        movb    $0x02, %ah              # back onto it
        movb    $0, %bh
        movw    %bp, %dx
        int     $0x10
        movb    $0x08, %ah              # what is there?
        int     $0x10
        cmpb    $'X', %al
        jne     failed
        ret
#endif

#ifdef INT11
        int     $0x11                   # the equipment list: a serial port
        testw   $0x0e00, %ax
        jz      failed
        ret
#endif

#ifdef INT12
        int     $0x12                   # 639 or 640 KiB of low memory
        cmpw    $630, %ax
        jb      failed
        ret
#endif

#ifdef INT14
        movw    $0x00e3, %ax            # serial port: 9600 8N1, then a character
        movw    $0, %dx
        int     $0x14
        movw    $0x0121, %ax
        movw    $0, %dx
        int     $0x14
        testb   $0x80, %ah
        jnz     failed
        ret
#endif

#ifdef INT15_88
        movb    $0x88, %ah              # memory above 1 MiB
        int     $0x15
        jc      failed
        testw   %ax, %ax
        jz      failed
        ret
#endif

#ifdef INT15_E801
        movw    $0xe801, %ax
        int     $0x15
        jc      failed
        testw   %ax, %ax
        jz      failed
        ret
#endif

#ifdef INT15_E820
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
        ret
#endif

#ifdef INT15_2401
        movw    $0x2401, %ax            # A20 on
        int     $0x15
        jc      failed
        ret
#endif

#ifdef INT15_5300
        movw    $0x5300, %ax            # APM is there
        xorw    %bx, %bx
        int     $0x15
        jc      failed
        ret
#endif

#ifdef INT16
        movb    $0x01, %ah              # no key is waiting
        int     $0x16
        jnz     failed
        movw    $0x05 << 8, %ax         # one is put there, and taken
        movw    $0x1e61, %cx
        int     $0x16
        movb    $0x00, %ah
        int     $0x16
        cmpw    $0x1e61, %ax
        jne     failed
        ret
#endif

#ifdef INT1A_00
        movb    $0x00, %ah              # the timer counts
        int     $0x1a
        movw    %dx, %bp
        sti
1:      movb    $0x00, %ah
        int     $0x1a
        cmpw    %dx, %bp
        je      1b
        ret
#endif

#ifdef INT1A_02
        movb    $0x02, %ah              # real-time clock: the time, the date
        int     $0x1a
        jc      failed
        movb    $0x04, %ah
        int     $0x1a
        jc      failed
        cmpb    $0x20, %ch
        jne     failed
        ret
#endif

#ifdef INT1A_B101
        movw    $0xb101, %ax            # PCI BIOS
        int     $0x1a
        jc      failed
        cmpl    $0x20494350, %edx
        jne     failed
        ret
#endif

# INT 13h on the boot drive; ES is kept.
disk:   pushw   %es
        movb    drive, %dl
        int     $0x13
        popw    %es
        jc      failed
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
        movw    $name, %si
        call    print
off:    movw    $0x604, %dx
        movw    $0x2000, %ax
        outw    %ax, %dx
1:      hlt
        jmp     1b

drive:  .byte   0
name:           .ascii NAME
                .asciz "\n"
name_failed:    .asciz "FAILED "
        .balign 4
packet: .byte   16, 0
        .word   1, 0x9000, 0
        .quad   2047                    # the last sector of 1 MiB
        .org    510
        .word   0xaa55
