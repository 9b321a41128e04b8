#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-disks.py BUILDDIR [PICTURES]: what a PC's firmware boots from disks and CDs, on both machines, seen on
the VGA screen (TAP). Every screen is kept as a PNG in PICTURES (default BUILDDIR/screens)."""
import os
import sys
import tempfile

import disks
import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")
PICTURES = sys.argv[2] if len(sys.argv) > 2 else os.path.join(BUILD, "screens")
TEXT, COLUMNS, ROWS = 0xb8000, 80, 25


class Screen(guest.Machine):
    """A PC with a VGA screen, booted by firmware, driven by its keyboard."""

    def __init__(self, directory, name, *options):
        path = os.path.join(directory, "qmp")
        self.directory, self.name = directory, name
        super().__init__(BUILD, "-vga", "std", "-qmp", f"unix:{path},server=on,wait=off", "-nic",
                         "none", *options, kernel=False)
        self.qmp = guest.Qmp(path)

    def __exit__(self, *what):
        self.qmp.close()
        super().__exit__(*what)

    def rows(self):
        """The characters of the text screen."""
        path = os.path.join(self.directory, "screen")
        self.qmp.run("pmemsave", val=TEXT, size=COLUMNS * ROWS * 2, filename=path)
        with open(path, "rb") as f:
            cells = f.read()
        text = cells[::2].decode("cp437")
        return [text[i:i + COLUMNS].rstrip() for i in range(0, COLUMNS * ROWS, COLUMNS)]

    def wait_screen(self, *words):
        """Until all @words are on the text screen, of which a picture is kept."""
        self.wait_until(lambda: all(word in "\n".join(self.rows()) for word in words),
                        lambda: f"{words} are not on the screen:\n" + "\n".join(self.rows()))
        self.picture("-".join(words[0].split()))

    def picture(self, what):
        os.makedirs(PICTURES, exist_ok=True)
        path = os.path.join(PICTURES, f"{self.name}-{what}.png")
        self.qmp.run("screendump", filename=path, format="png")
        assert os.path.getsize(path) > 500, "an empty picture"

    def press(self, *keys):
        for key in keys:
            self.qmp.run("send-key", keys=[{"type": "qcode", "data": key}], **{"hold-time": 20})


def boots_debian(name, image, *options):
    """GRUB's menu is on the screen; its first entry is a kernel that runs to its end."""
    with tempfile.TemporaryDirectory() as directory:
        path = image(directory)
        with Screen(directory, name, *(o.format(path) for o in options)) as screen:
            screen.wait_screen("GNU GRUB", "Debian on a disk of our own", "memtest86+")
            screen.press("ret")
            screen.wait_for("BOOT-OK x86_64")
            assert screen.finish()[0] == 0


def test_disk_q35():
    boots_debian("disk-q35", disks.grub_disk, "-hda", "{}", "-snapshot")


def test_disk_pc():
    boots_debian("disk-pc", disks.grub_disk, "-machine", "pc", "-drive", "file={},format=raw,index=0")


def test_disk_scsi():
    boots_debian("disk-scsi", disks.grub_disk, "-device", "virtio-scsi-pci", "-drive",
                 "file={},format=raw,if=none,id=d,snapshot=on", "-device", "scsi-hd,drive=d,bootindex=1")


def test_disk_nvme():
    boots_debian("disk-nvme", disks.grub_disk, "-drive", "file={},format=raw,if=none,id=d,snapshot=on", "-device",
                 "nvme,serial=s,drive=d,bootindex=1")


def test_disk_usb():
    boots_debian("disk-usb", disks.grub_disk, "-drive", "file={},format=raw,if=none,id=d,snapshot=on", "-device",
                 "qemu-xhci", "-device", "usb-storage,drive=d,bootindex=1")


def test_cd_q35():
    boots_debian("cd-q35", disks.grub_cd, "-cdrom", "{}")


def test_cd_pc():
    boots_debian("cd-pc", disks.grub_cd, "-machine", "pc", "-boot", "d", "-cdrom", "{}")


def tests_memory(name, *options):
    """memtest86+, the menu's second entry, gets to testing."""
    with tempfile.TemporaryDirectory() as directory:
        path = disks.grub_cd(directory)
        with Screen(directory, name, "-cdrom", path, *options) as screen:
            screen.wait_screen("GNU GRUB", "memtest86+")
            screen.press("down", "ret")
            screen.wait_screen("Memtest86+", "Test", "Pass", "Errors")
            screen.wait_until(lambda: any("Testing:" in row and row.split("Testing:")[1].strip()
                                          for row in screen.rows()),
                              lambda: "it tests nothing:\n" + "\n".join(screen.rows()))
            screen.picture("testing")


def test_memtest_q35():
    tests_memory("memtest-q35", "-m", "64")


def test_memtest_pc():
    tests_memory("memtest-pc", "-machine", "pc", "-m", "64")


def test_memtest_kernel():
    """memtest86+ is a kernel as well, to firmware."""
    with tempfile.TemporaryDirectory() as directory:
        with Screen(directory, "memtest-kernel", "-m", "64", "-bios", "bios-256k.bin", "-kernel",
                    disks.MEMTEST) as screen:
            screen.wait_screen("Memtest86+", "Test", "Pass", "Errors")


def test_nothing_to_boot():
    with tempfile.TemporaryDirectory() as directory:
        with Screen(directory, "nothing") as screen:
            screen.wait_screen("No bootable device")


def main():
    guest.fetch()
    return guest.run_tap([
        ("a GRUB disk boots Debian on q35 (AHCI)", test_disk_q35),
        ("a GRUB disk boots Debian on q35 (virtio-scsi)", test_disk_scsi),
        ("a GRUB disk boots Debian on q35 (NVMe)", test_disk_nvme),
        ("a GRUB disk boots Debian on q35 (USB)", test_disk_usb),
        ("a GRUB disk boots Debian on pc (IDE)", test_disk_pc),
        ("a GRUB CD boots Debian on q35 (ATAPI over AHCI)", test_cd_q35),
        ("a GRUB CD boots Debian on pc (ATAPI over IDE)", test_cd_pc),
        ("memtest86+ tests memory on q35", test_memtest_q35),
        ("memtest86+ tests memory on pc", test_memtest_pc),
        ("memtest86+ is started as a kernel", test_memtest_kernel),
        ("a machine with nothing to boot says so", test_nothing_to_boot),
    ])


sys.exit(main())
