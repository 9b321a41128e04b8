# SPDX-License-Identifier: GPL-2.0-or-later
# An option ROM that starts the kernel which -kernel put into fw_cfg.
#
# Firmware finds the PnP header, adds the bootstrap entry to its boot list, and calls it in real
# mode. Setup code, initial ramdisk, kernel and command line are fetched by fw_cfg DMA to the
# addresses that other items hold; then the setup code runs as the Linux boot protocol says.
# The board puts in the checksums, of the image and of the PnP header.

        .equ    FW_CFG_DMA, 0x514
        .equ    DMA_READ_SELECT, 0x0a
        .equ    DMA_ERROR, 0x01
        .equ    SETUP_ADDR, 0x16        # keys
        .equ    CMDLINE_ADDR, 0x13
        .equ    STACK, 0x7c00

        .code16
        .globl  start
start:
        .word   0xaa55
        .byte   (end - start) / 512
        xorw    %ax, %ax                # initialization: nothing to do
        lretw
        .org    0x18
        .word   0                       # not a PCI ROM
        .word   pnp - start

pnp:
        .ascii  "$PnP"
        .byte   1                       # revision
        .byte   (pnp_end - pnp) / 16
        .word   0                       # no further header
        .byte   0
        .byte   0                       # checksum
        .long   0
        .word   0                       # manufacturer
        .word   product - start
        .long   0
        .word   0                       # boot connection vector
        .word   0                       # disconnect vector
        .word   boot - start            # bootstrap entry vector
        .word   0
        .word   0
        .word   0
pnp_end:

product:
        .asciz  "Linux kernel (-kernel)"

boot:
        cli
        cld
        movw    %cs, %ax
        movw    %ax, %ds
        xorw    %ax, %ax
        movw    %ax, %ss
        movl    $STACK, %esp
        movw    $(items - start), %si
next:
        lodsw                           # key of the address, or the end
        testw   %ax, %ax
        jz      run
        call    read32
        pushl   %eax
        lodsw                           # key of the size
        call    read32
        movl    %eax, %ecx
        popl    %ebx
        lodsw                           # key of the contents
        jecxz   next
        call    fetch
        jmp     next

# The setup code begins 512 bytes into its segment; its stack ends where the command line begins.
run:
        movw    $SETUP_ADDR, %ax
        call    read32
        pushl   %eax
        movw    $CMDLINE_ADDR, %ax
        call    read32
        popl    %ebx
        subl    %ebx, %eax
        subl    $16, %eax
        shrl    $4, %ebx
        movw    %bx, %ds
        movw    %bx, %es
        movw    %bx, %fs
        movw    %bx, %gs
        movw    %bx, %ss
        movl    %eax, %esp
        addw    $0x20, %bx
        pushw   %bx
        pushw   $0
        lretw

# EAX = the 32-bit item with key AX. Changes EBX, ECX, EDX.
read32:
        pushl   $0
        movl    %esp, %ebx
        movl    $4, %ecx
        call    fetch
        popl    %eax
        ret

# ECX bytes of the item with key AX to address EBX. Changes all three and EDX. The 16-byte block that
# describes the transfer (big-endian control, length, address) is built on the stack.
fetch:
        bswapl  %ebx
        pushl   %ebx
        pushl   $0
        bswapl  %ecx
        pushl   %ecx
        shll    $16, %eax
        orl     $DMA_READ_SELECT, %eax
        bswapl  %eax
        pushl   %eax
        movl    %esp, %ecx
        bswapl  %ecx
        movw    $FW_CFG_DMA, %dx
        xorl    %eax, %eax
        outl    %eax, %dx
        addw    $4, %dx
        movl    %ecx, %eax
        outl    %eax, %dx
        movw    %sp, %bp
1:      movl    (%bp), %eax             # the control word becomes the outcome
        bswapl  %eax
        testl   $~DMA_ERROR, %eax
        jnz     1b
        testl   %eax, %eax
        jnz     failed
        addw    $16, %sp
        ret

failed:
        movw    $(message - start), %si
1:      lodsb
        testb   %al, %al
        jz      2f
        movb    $0x0e, %ah
        movw    $7, %bx
        int     $0x10
        jmp     1b
2:      hlt
        jmp     2b

message:
        .asciz  "The kernel cannot be read from fw_cfg.\r\n"

        .balign 2
items:                                  # address, size, contents
        .word   SETUP_ADDR, 0x17, 0x18
        .word   0x0a, 0x0b, 0x12        # initial ramdisk
        .word   0x07, 0x08, 0x11        # kernel
        .word   CMDLINE_ADDR, 0x14, 0x15
        .word   0

        .org    0x1ff
        .byte   0                       # checksum
end:
