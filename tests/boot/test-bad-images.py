#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-bad-images.py BUILDDIR: images whose headers lie, that are cut off, or that name themselves as their backing
file; wrong geometry; missing ROMs. Each is refused in words, without a crash, and the image stays as it was (TAP)."""
import os
import random
import struct
import subprocess
import sys
import tempfile

import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")
FERRY = os.path.join(BUILD, "ferry-system-x86_64")
# offset, format, name of the fields of a qcow2 header
FIELDS = {
    "version": (4, ">I"), "backing offset": (8, ">Q"), "backing length": (16, ">I"), "cluster bits": (20, ">I"),
    "size": (24, ">Q"), "encryption": (32, ">I"), "L1 entries": (36, ">I"), "L1 offset": (40, ">Q"),
    "refcount table": (48, ">Q"), "refcount clusters": (56, ">I"), "snapshots": (60, ">I"),
    "incompatible features": (72, ">Q"), "refcount order": (96, ">I"), "header length": (100, ">I"),
}
LIES = [("version", 9), ("backing offset", 1 << 40), ("cluster bits", 3), ("cluster bits", 60), ("size", 1 << 63),
        ("size", (1 << 64) - 512), ("encryption", 1), ("L1 entries", 0xffffffff), ("L1 entries", 0),
        ("L1 offset", 3), ("L1 offset", 1 << 62), ("refcount table", 5),
        ("refcount clusters", 0xffffffff), ("incompatible features", 1 << 40),
        ("refcount order", 99), ("header length", 4), ("header length", 1 << 20)]


def start(*options):
    """Exit status and words of a machine that is asked to quit at once if it starts."""
    done = subprocess.run([FERRY, "-nodefaults", "-display", "none", "-S", "-m", "16", "-qmp", "stdio", *options],
                          input=b'{"execute":"qmp_capabilities"}{"execute":"quit"}', capture_output=True,
                          timeout=guest.TIMEOUT, check=False)
    return done.returncode, done.stderr.decode("utf-8", "replace")


def disk(path, form):
    return ["-drive", f"file={path},format={form},if=virtio"]


def qcow2(directory, name="disk", *more):
    path = os.path.join(directory, name)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *more, path, "8M"], check=True)
    return path


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def refused(path, what, *options):
    before = read(path)
    status, words = start(*(options or disk(path, "qcow2")))
    assert status == 1 and os.path.basename(path) in words, f"{what}: status {status}, '{words}'"
    assert read(path) == before, f"{what}: the image was changed"


def test_lies():
    with tempfile.TemporaryDirectory() as directory:
        path = qcow2(directory)
        good = read(path)
        for name, value in LIES:
            at, form = FIELDS[name]
            bad = bytearray(good)
            struct.pack_into(form, bad, at, value)
            if name == "backing offset":
                struct.pack_into(">I", bad, 16, 10)
            write(path, bad)
            refused(path, f"{name} {value:#x}")


def test_cut_off():
    with tempfile.TemporaryDirectory() as directory:
        path = qcow2(directory)
        good = read(path)
        for length in (0, 3, 71, 100):
            write(path, good[:length])
            refused(path, f"{length} bytes")


def test_noise():
    """Random bytes in the header: refused or usable, never a crash."""
    rng = random.Random(5)
    with tempfile.TemporaryDirectory() as directory:
        path = qcow2(directory)
        good = read(path)
        for _ in range(40):
            bad = bytearray(good)
            for _ in range(rng.randint(1, 4)):
                bad[rng.randint(4, 111)] = rng.randint(0, 255)
            write(path, bad)
            status, words = start(*disk(path, "qcow2"))
            assert status in (0, 1), f"status {status} of {bad[:112].hex()}: {words[-500:]}"
            assert status == 0 or read(path) == bad, "a refused image was changed: " + bad[:112].hex()


def test_backing():
    with tempfile.TemporaryDirectory() as directory:
        a = qcow2(directory, "loop-a")
        b = qcow2(directory, "loop-b", "-b", a, "-F", "qcow2")
        subprocess.run(["qemu-img", "rebase", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", b, a], check=True)
        refused(a, "a chain that ends nowhere")
        os.unlink(b)
        status, words = start(*disk(a, "qcow2"))
        assert status == 1 and "loop-b" in words and "No such file" in words, words


def test_geometry():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "disk")
        write(path, bytes(1 << 20))
        for geometry in ("cyls=70000,heads=16,secs=63", "cyls=10,heads=17,secs=63", "cyls=10,heads=16,secs=256",
                         "cyls=10"):
            status, words = start("-drive", f"id=d,if=none,file={path},format=raw", "-device",
                                  "ide-hd,drive=d," + geometry)
            assert status == 1 and words.strip(), f"{geometry}: {status} {words}"


def test_roms():
    for options, words in ((["-device", "virtio-net-pci,romfile=nowhere.rom"], "nowhere.rom"),
                           (["-bios", "nowhere.bin"], "nowhere.bin"),
                           (["-drive", "if=pflash,format=raw,file=/nowhere/code.fd"], "/nowhere/code.fd")):
        status, said = start(*options)
        assert status == 1 and words in said, f"{options}: {status} {said}"


if __name__ == "__main__":
    sys.exit(guest.run_tap([
        ("a qcow2 header that lies is refused", test_lies),
        ("a qcow2 image that is cut off is refused", test_cut_off),
        ("random headers crash nothing", test_noise),
        ("a chain of backing files that never ends is refused", test_backing),
        ("a geometry that no disk has is refused", test_geometry),
        ("a missing ROM is named", test_roms),
    ]))
