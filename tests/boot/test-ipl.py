#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-ipl.py BUILDDIR: IPL of an s390x machine from disks, by s390-ccw.img: the order of devices, load
parameters, the guest's own choice by DIAGNOSE 308, and Debian's kernel from a disk (TAP)."""
import os
import struct
import subprocess
import sys
import tempfile

import guest
import zipl

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")
CODE, BLOCK, RESULTS, MARK = 0x10000, 0x4000, 0x5000, 0x5010
DEVNO_IN_BLOCK, LOADPARM_IN_BLOCK = 110, 16


def store_block():
    """Parameter block to BLOCK, the answer's code to RESULTS."""
    return bytes.fromhex("a7294000 a7490006 83240308 a7595000 e33050000024")


def start_from(devno):
    """Sets the block with another device in it, keeps the answer's code, and IPLs again."""
    return (bytes.fromhex("e544206e") + struct.pack(">H", devno) +
            bytes.fromhex("a7490005 83240308 e33050080024 a7490004 83240308 a7f40000"))


def stop(mark):
    """Leaves a number at MARK and waits disabled."""
    code = bytes.fromhex("a7595000 e54c5010") + struct.pack(">H", mark) + bytes.fromhex("c01000000005 b2b21000")
    return code + struct.pack(">QQ", 0x0002000180000000, 0xb007)


class Machine:
    """A machine without console whose guest ends in a disabled wait; then its storage can be read."""

    def __init__(self, directory, machine, *options):
        self.path = os.path.join(directory, "qmp")
        command = [os.path.join(BUILD, "ferry-system-s390x"), "-machine", "s390-ccw-virtio" + machine, "-m", "128",
                   "-nodefaults", "-display", "none", "-action", "panic=pause", "-qmp",
                   f"unix:{self.path},server=on,wait=off", *options]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self.qmp = guest.Qmp(self.path)
        self.directory = directory

    def storage(self, at, size):
        self.qmp.wait("query-status", lambda s: s["status"] == "guest-panicked")
        path = os.path.join(self.directory, "storage")
        self.qmp.run("pmemsave", val=at, size=size, filename=path)
        with open(path, "rb") as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.qmp.close()
        self.process.kill()
        self.process.wait()
        os.unlink(self.path)


def drive(directory, name, devno, *more):
    path = os.path.join(directory, name)
    return ["-blockdev", f"raw,node-name={name},file.driver=file,file.filename={path},read-only=on", "-device",
            ",".join([f"virtio-blk-ccw,drive={name},devno=fe.0.{devno:04x}", *more])]


def disks(directory):
    """blank: nothing; first: IPLs again from 0x2222; second: three programs that only stop."""
    with open(os.path.join(directory, "blank"), "wb") as f:
        f.write(bytes(1 << 20))
    disk = zipl.Disk()
    disk.program([(CODE, store_block() + start_from(0x2222))], CODE)
    disk.write(os.path.join(directory, "first"))
    disk = zipl.Disk()
    for program in range(3):
        disk.program([(CODE, store_block() + stop(0x40 + program))], CODE)
    disk.write(os.path.join(directory, "second"))


def number(data, at, size=8):
    return int.from_bytes(data[at:at + size], "big")


def order():
    with tempfile.TemporaryDirectory() as directory:
        disks(directory)
        with Machine(directory, "", *drive(directory, "second", 0x2222, "bootindex=7"),
                     *drive(directory, "blank", 0x1111, "bootindex=3")) as m:
            assert number(m.storage(MARK, 4), 0, 4) == 0x40


def parameter():
    with tempfile.TemporaryDirectory() as directory:
        disks(directory)
        with Machine(directory, ",loadparm=2", *drive(directory, "second", 0x2222, "bootindex=1")) as m:
            data = m.storage(BLOCK, 0x1100)
            assert number(data, MARK - BLOCK, 4) == 0x42
            assert number(data, RESULTS - BLOCK) == 1, "DIAGNOSE 308 stored no block"
            assert number(data, DEVNO_IN_BLOCK, 2) == 0x2222
            assert data[LOADPARM_IN_BLOCK:LOADPARM_IN_BLOCK + 8] == b"\xf2" + b"\x40" * 7


def own_choice():
    with tempfile.TemporaryDirectory() as directory:
        disks(directory)
        with Machine(directory, "", *drive(directory, "first", 0x1111, "bootindex=1"),
                     *drive(directory, "second", 0x2222)) as m:
            data = m.storage(BLOCK, 0x1100)
            assert number(data, MARK - BLOCK, 4) == 0x40, "the guest's device was not started"
            assert number(data, RESULTS - BLOCK + 8) == 1, "DIAGNOSE 308 set no block"
            assert number(data, DEVNO_IN_BLOCK, 2) == 0x2222
            # what a guest chose is gone after a reset from outside
            m.qmp.run("system_reset")
            m.qmp.run("cont")
            assert number(m.storage(MARK, 4), 0, 4) == 0x40


def refused():
    with tempfile.TemporaryDirectory() as directory:
        command = [os.path.join(BUILD, "ferry-system-s390x"), "-nodefaults", "-display", "none", "-machine"]
        for machine, words in (("s390-ccw-virtio,loadparm=a-b", "invalid character '-'"),
                               ("s390-ccw-virtio,loadparm=123456789", "longer than 8")):
            end = subprocess.run([*command, machine], capture_output=True, text=True, timeout=guest.TIMEOUT)
            assert end.returncode == 1 and words in end.stderr, end.stderr
        for name, data in (("empty", b""), ("text", b"#!/bin/sh\n" * 50),
                           ("elf", b"\x7fELF\x02\x02\x01" + bytes(9) + struct.pack(">HH", 3, 22) + b"\xff" * 300)):
            path = os.path.join(directory, name)
            with open(path, "wb") as f:
                f.write(data)
            end = subprocess.run([*command, "s390-ccw-virtio", "-bios", path], capture_output=True, text=True,
                                 timeout=guest.TIMEOUT)
            assert end.returncode == 1 and f"firmware '{path}'" in end.stderr, end.stderr


def debian():
    with tempfile.TemporaryDirectory() as directory:
        disk = zipl.Disk()
        with open(guest.guest_file("vmlinux-s390x"), "rb") as kernel, \
                open(guest.guest_file("initrd-s390x.gz"), "rb") as initrd:
            disk.linux(kernel.read(), initrd.read(), "panic=1")
        disk.write(os.path.join(directory, "debian"))
        command = [os.path.join(BUILD, "ferry-system-s390x"), "-machine", "s390-ccw-virtio", "-m", "512", "-nographic",
                   "-no-reboot", *drive(directory, "debian", 1, "bootindex=1")]
        end = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=max(600, guest.TIMEOUT))
        assert end.returncode == 0 and b"BOOT-OK s390x" in end.stdout, end.stdout[-2000:].decode("latin-1")


if __name__ == "__main__":
    subprocess.run([os.path.join(guest.TOP, "scripts", "get-guests"), guest.GUESTS, "s390x"], check=True,
                   stdout=sys.stderr)
    sys.exit(guest.run_tap([
        ("a device that cannot be started from gives way to the next", order),
        ("the load parameter chooses the program, and is in the parameter block", parameter),
        ("a guest starts again from a device of its choice", own_choice),
        ("what makes no sense is refused", refused),
        ("debian boots from a disk", debian),
    ]))
