#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""csst.py FERRY: COMPARE AND SWAP AND STORE with each function code and store characteristic, equal and
unequal, and with those that do not exist, against the definition. Prints TAP."""
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

CODE, LIST, OLD, OUT, STEP = 0x10880, 0x20000, 0x20040, 0x80000, 64
NEW, STORE, WAS = (bytes(range(a, a + 16)) for a in (0x10, 0x40, 0xa1))
CASES = [(fc, sc, same) for fc in range(4) for sc in range(6) for same in (1, 0)]


def ri(op, r, value):  # lghi a79, aghi a7b
    return struct.pack(">HH", op | r << 4, value & 0xffff)


def lgfi(r, value):
    return struct.pack(">HI", 0xc001 | r << 4, value)


def rxy(op, r, base, disp):  # lg 04, stg 24
    return struct.pack(">HHH", 0xe300 | r << 4, base << 12 | disp, op)


def ss(op, length, base1, disp1, base2, disp2):
    return struct.pack(">HHH", op << 8 | length - 1, base1 << 12 | disp1, base2 << 12 | disp2)


def program():
    """Each case leaves operand, store operand, code and condition, r4, r5 in 64 bytes."""
    out = lgfi(14, OUT) + lgfi(13, LIST)
    for fc, sc, same in CASES:
        if fc > 2 or sc > 4:
            continue
        out += ri(0xa709, 0, fc | sc << 8) + lgfi(1, LIST) + lgfi(12, OLD)
        out += ss(0xd2, 16, 14, 0, 12, 0) + ss(0xd7, 16, 14, 16, 14, 16)
        out += rxy(0x04, 4, 13, 0x40) + rxy(0x04, 5, 13, 0x48)
        if fc == 0:
            out += bytes.fromhex("eb440020000c")  # srlg r4,r4,32
        if not same:
            out += ri(0xa70b, 4, 3)
        out += bytes.fromhex("c842e000e010") + bytes.fromhex("b2220020")  # csst 0(14),16(14),4; ipm 2
        out += rxy(0x24, 2, 14, 32) + rxy(0x24, 4, 14, 40) + rxy(0x24, 5, 14, 48) + ri(0xa70b, 14, STEP)
    # the rest must end in a specification exception, which goes on behind the instruction
    for fc, sc, same in CASES:
        if fc <= 2 and sc <= 4:
            continue
        out += ri(0xa709, 0, fc | sc << 8) + lgfi(1, LIST) + bytes.fromhex("c01000000009")  # larl 1,+18
        out += rxy(0x24, 1, 0, 0x1d8) + bytes.fromhex("c842e000e010")
        out += ss(0xd2, 4, 14, 56, 0, 0x8c) + ri(0xa70b, 14, STEP)
    return out + bytes.fromhex("a7f40000")


def image():
    data = bytearray(0x21000)
    data[0x10000:0x10004] = bytes.fromhex("a7f40440")
    data[0x10008:0x1000e] = b"S390EP"
    code = program()
    data[CODE:CODE + len(code)] = code
    data[LIST:LIST + 32] = NEW + STORE
    data[OLD:OLD + 16] = WAS
    data[0x1d0:0x1d8] = struct.pack(">Q", 0x180000000)
    return bytes(data)


def should(fc, sc, same):
    n, m = 4 << fc, 1 << sc
    r4, r5 = struct.unpack(">QQ", WAS)
    r4 = (r4 >> 32 if fc == 0 else r4) + (0 if same else 3)
    if same:
        operands = NEW[:n] + WAS[n:] + STORE[:m] + bytes(16 - m)
    else:
        operands = WAS + bytes(16)
        r4 = struct.unpack(">I", WAS[:4])[0] if fc == 0 else struct.unpack(">Q", WAS[:8])[0]
    return operands, 1 - same, r4, r5


def run(ferry, directory):
    kernel, qmp, memory = (os.path.join(directory, n) for n in ("kernel", "qmp", "memory"))
    with open(kernel, "wb") as out:
        out.write(image())
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(qmp)
    listener.listen()
    listener.settimeout(60)
    process = subprocess.Popen([ferry, "-machine", "s390-ccw-virtio", "-m", "16", "-nodefaults", "-display",
                                "none", "-kernel", kernel, "-qmp", "unix:" + qmp],
                               stdin=subprocess.DEVNULL)
    try:
        stream = listener.accept()[0].makefile("rw")

        def command(name, **arguments):
            stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
            stream.flush()
            while "return" not in (answer := json.loads(stream.readline())):
                assert "error" not in answer, answer

        stream.readline()
        command("qmp_capabilities")
        size, end = STEP * len(CASES), time.monotonic() + 60
        while time.monotonic() < end:
            command("pmemsave", val=OUT, size=size, filename=memory)
            with open(memory, "rb") as f:
                data = f.read()
            if any(data[-8:]):
                return data
            time.sleep(0.05)
        raise AssertionError("the program does not come to its end")
    finally:
        process.kill()
        process.wait()


def main():
    with tempfile.TemporaryDirectory(prefix="ferry-csst-") as directory:
        data = run(os.path.abspath(sys.argv[1]), directory)
    real = [c for c in CASES if c[0] <= 2 and c[1] <= 4]
    bad = []
    for k, case in enumerate(real):
        is_ = data[STEP * k:STEP * (k + 1)]
        r2, r4, r5 = struct.unpack(">QQQ", is_[32:56])
        found = is_[:32], r2 >> 28 & 3, r4, r5
        if found != should(*case):
            bad.append(f"{case}: {found} instead of {should(*case)}")
    print("1..2")
    print("not ok 1" if bad else "ok 1", "each size compares, swaps and stores as defined")
    rest = [data[STEP * k + 56:STEP * k + 60].hex() for k in range(len(real), len(CASES))]
    good = all(r == "00060006" for r in rest)
    print("ok 2" if good else "not ok 2", "other codes are a specification exception")
    for line in bad + ([] if good else rest):
        print("#", line)
    return bool(bad) or not good


sys.exit(main())
