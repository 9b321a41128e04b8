# SPDX-License-Identifier: GPL-2.0-or-later
"""Bootable images made of Debian's own packages: a GRUB disk and a GRUB CD, each with the guest's kernel
and memtest86+. Nothing is mounted and no privilege is needed: GRUB's core follows the MBR, mke2fs and
xorriso copy the files in."""
import os
import shutil
import struct
import subprocess

import guest

GRUB = "/usr/lib/grub/i386-pc"
MEMTEST = "/boot/memtest86+x64.bin"
MENU = """set timeout=-1
menuentry "Debian on a disk of our own" {
    linux /vmlinuz console=ttyS0
    initrd /initrd.gz
}
menuentry "memtest86+" {
    linux /memtest.bin
}
"""
MODULES = ["biosdisk", "normal", "linux", "configfile", "echo"]
SECTOR = 512
PARTITION = 2048 # sectors
MEGABYTES = 32


def files(directory):
    """A tree with the menu, the guest's kernel and initrd, and memtest86+."""
    tree = os.path.join(directory, "tree")
    if not os.path.isdir(tree):
        os.makedirs(os.path.join(tree, "boot/grub"))
        with open(os.path.join(tree, "boot/grub/grub.cfg"), "w", encoding="ascii") as menu:
            menu.write(MENU)
        shutil.copy(guest.guest_file("vmlinux-amd64"), os.path.join(tree, "vmlinuz"))
        shutil.copy(guest.guest_file("initrd-amd64.gz"), os.path.join(tree, "initrd.gz"))
        shutil.copy(MEMTEST, os.path.join(tree, "memtest.bin"))
    return tree


def core(directory, kind, root, modules):
    """GRUB's core for @kind of boot, which looks for its menu on @root."""
    path = os.path.join(directory, kind + ".img")
    subprocess.run(["grub-mkimage", "-O", kind, "-p", root + "/boot/grub", "-o", path, *MODULES,
                    *modules], check=True)
    return path


def grub_disk(directory):
    """A raw disk with one ext2 partition: MBR, GRUB's core in the gap behind it, the files."""
    image = os.path.join(directory, "disk.img")
    with open(core(directory, "i386-pc", "(hd0,msdos1)", ["part_msdos", "ext2"]), "rb") as f:
        grub = f.read()
    assert len(grub) <= (PARTITION - 1) * SECTOR, "GRUB's core does not fit before the partition"
    with open(os.path.join(GRUB, "boot.img"), "rb") as f:
        mbr = bytearray(f.read())
    sectors = (MEGABYTES << 20) // SECTOR - PARTITION
    # one entry: bootable, Linux, no CHS addresses (the others hold code for floppy disks)
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", PARTITION, sectors)
    mbr[446:512] = entry + bytes(48) + b"\x55\xaa"
    with open(image, "wb") as disk:
        disk.write(mbr + grub)
        disk.truncate(MEGABYTES << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext2", "-d", files(directory), "-E",
                    f"offset={PARTITION * SECTOR}", image, f"{sectors // 2}k"], check=True)
    return image


def grub_cd(directory):
    """An ISO 9660 image with an El Torito boot entry (no emulation)."""
    image = os.path.join(directory, "cd.iso")
    tree = files(directory)
    shutil.copy(core(directory, "i386-pc-eltorito", "(cd)", ["iso9660"]),
                os.path.join(tree, "boot/grub/eltorito.img"))
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "FERRYCD", "-o", image,
                    "-b", "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size", "4",
                    "-boot-info-table", tree], check=True, capture_output=True)
    return image
