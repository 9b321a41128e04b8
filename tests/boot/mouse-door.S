# SPDX-License-Identifier: GPL-2.0-or-later
# A boot sector that asks the backdoor port for an absolute mouse, and prints what comes on the first serial port: the
# PS/2 mouse's byte that told of it, buttons, x, y.
        .code16
        .globl  start

        .macro  door command, argument
        movl    $0x564d5868, %eax
        movl    \argument, %ebx
        movl    $\command, %ecx
        movw    $0x5658, %dx
        inl     %dx, %eax
        .endm

start:
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7c00, %sp
        cli
        movb    $0xa8, %al              # the PS/2 mouse, which is then told to report
        outb    %al, $0x64
        movb    $0xd4, %al
        outb    %al, $0x64
        movb    $0xf4, %al
        outb    %al, $0x60
        call    mouse                   # it acknowledges
        door    0x29, $0x45414552       # who are you?
        door    0x28, $0
        cmpl    $1, %eax
        jne     failed
        door    0x27, $1
        cmpl    $0x3442554a, %eax
        jne     failed
        door    0x29, $0x53424152       # positions, please
        movb    $'>', %al
        call    print
event:  call    mouse
        call    hex
        call    mouse                   # no movement
        call    mouse
        door    0x27, $4
        pushl   %ecx
        pushl   %ebx
        call    hex
        popl    %ebx
        movb    %bh, %al
        call    hex
        popl    %ecx
        movb    %ch, %al
        call    hex
        jmp     event

mouse:  inb     $0x64, %al              # the next byte of the PS/2 mouse
        andb    $0x21, %al
        cmpb    $0x21, %al
        jne     mouse
        inb     $0x60, %al
        ret

hex:    movb    %al, %ah                # two digits and a blank
        shrb    $4, %al
        call    digit
        movb    %ah, %al
        andb    $15, %al
        call    digit
        movb    $' ', %al
        jmp     print
digit:  addb    $'0', %al
        cmpb    $'9', %al
        jbe     print
        addb    $39, %al
print:  movw    $0x3f8, %dx
        outb    %al, %dx
        ret

failed: movb    $'F', %al
        call    print
1:      hlt
        jmp     1b
        .org    510
        .word   0xaa55
