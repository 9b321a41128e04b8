# SPDX-License-Identifier: GPL-2.0-or-later
"""Disk images that an s390x machine can be IPLed from, in the form that zipl gives a SCSI or virtio disk.

Block 0 has the magic and a pointer to the program table. Entry n of the table points to the program that
load parameter n chooses (0: the default one): a list of components, each a table of block pointers and
the address to load them to, and at its end the PSW to start with. All numbers are big-endian.
"""
import struct

BLOCK = 512
LOAD, EXEC = 2, 1
PARM_INITRD, PARM_LINE, ENTRY = 0x10408, 0x10480, 0x10000
INITRD_AT = 0x1000000


def pointer(block, blocks):
    return struct.pack(">QHHI", block, BLOCK, blocks - 1, 0)


class Disk:
    """Blocks are given out in order; block 0 is the boot record and block 1 the program table."""

    def __init__(self):
        self.blocks = [bytes(BLOCK), bytes(BLOCK)]
        self.programs = []

    def add(self, data):
        start = len(self.blocks)
        for at in range(0, len(data), BLOCK):
            self.blocks.append(data[at:at + BLOCK].ljust(BLOCK, b"\0"))
        return start, len(self.blocks) - start

    def program(self, components, start):
        """Components are (address, bytes); @start is where it is entered, in 31-bit mode."""
        script = b"zIPL" + bytes(28)
        for address, data in components:
            table = self.add(pointer(*self.add(data)))
            script += pointer(*table) + bytes(7) + bytes([LOAD]) + struct.pack(">Q", address)
        script += bytes(16) + bytes(7) + bytes([EXEC])
        script += struct.pack(">II", 0x00080000, 0x80000000 | start)
        self.programs.append(pointer(*self.add(script)))

    def linux(self, kernel, initrd, line):
        image = bytearray(kernel)
        image[PARM_INITRD:PARM_INITRD + 16] = struct.pack(">QQ", INITRD_AT, len(initrd))
        image[PARM_LINE:PARM_LINE + len(line) + 1] = line.encode() + b"\0"
        self.program([(ENTRY, bytes(image[ENTRY:])), (INITRD_AT, initrd)], ENTRY)

    def write(self, path):
        self.blocks[0] = (b"zIPL" + struct.pack(">I", 1) + bytes(8) + pointer(1, 1)).ljust(BLOCK, b"\0")
        self.blocks[1] = (b"zIPL" + bytes(12) + b"".join(self.programs)).ljust(BLOCK, b"\0")
        with open(path, "wb") as out:
            out.write(b"".join(self.blocks))
