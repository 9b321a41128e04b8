#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""move.py FERRY: what a move of an s390x machine must keep, in both stream versions: the condition code, storage keys,
every kind of interruption that waits while it is masked, and the reports of channel devices that came and went. Prints TAP.

A guest sets it all up, makes a condition code that nobody has looked at, and loops. It is moved then, and restarted by
inject-nmi; cases as in system.py look at what is there. Storage attributes are offered to no guest.
"""
import os
import shutil
import struct
import sys
import tempfile

import pci
from programs import enc
from system import CODE, HANDLER, OUT, PAGE, PAGE2, STEP, Machine, i, image, load, report, set_key

SCCB = 0x22000
WAITS = 0x900  # the program waits for the host, for the first or second time
MACHINES = (("version 3", "s390-ccw-virtio-10.0"), ("version 4", "s390-ccw-virtio-ferry-1.0"))


def ready(number, *code):
    """Tells the host, which then does something."""
    return [i("mvi", b1=0, d1=WAITS, i2=number), *code]


def sense_id(subchannel):
    return [
        load(1, subchannel), load(5, PAGE), i("stsch", b2=5), i("mvi", b1=5, d1=4, i2=3 << 3), i("oi", b1=5, d1=5, i2=0x80),
        i("msch", b2=5),
        *pci.put(PAGE + 0x100, 0x550080ff00, PAGE + 0x140 << 32),
        *pci.put(PAGE + 0x140, 0xe420000700000000 | PAGE + 0x180),
        load(5, PAGE + 0x100), i("ssch", b2=5)]


CHANNEL_PROGRAM = sense_id(0x10000)

BEFORE = [
    ("keys are set", [*set_key(PAGE2, 0x5e), *set_key(PAGE2 + 0x2000, 0x98), i("iske", r1=2, r2=5)], dict(r2=0x98)),
    ("a channel program ends", CHANNEL_PROGRAM, dict(cc=0)),
    ("an emergency signal to itself", [load(4, 0), load(5, 0), i("sigp", r1=4, r3=5, d2=3)], dict(cc=0)),
    ("an external call to itself", [load(4, 0), load(5, 0), i("sigp", r1=4, r3=5, d2=2)], dict(cc=0)),
    ("a service call", [*pci.put(SCCB, 0x0100 << 48), load(6, SCCB), load(7, 0x10001), i("servc", r1=7, r2=6)], dict(cc=0)),
]
PCI_BEFORE = [
    ("a function is enabled", pci.clp(5, pci.OFF << 32 | 1), {}),
    ("its interruptions are registered",
     [*pci.store(pci.CONFIG, 4, 2, 6),
      *pci.fib(interruptions=2 << 28 | 8 << 16 | 1 << 7 | 3, vector=PAGE + 0x400, sums=PAGE + 0x500, at=PAGE + 0x200),
      *pci.modify(2, at=PAGE + 0x200)], dict(cc=0)),
    ("its measurement is asked for", [*pci.fib(at=PAGE + 0x200), *pci.put(PAGE + 0x240, pci.BLOCK + 0x800),
                                      *pci.modify(10, at=PAGE + 0x200)], dict(cc=0)),
    ("a DMA access is refused", [
        *pci.put(pci.TABLES + 8 * (pci.DMA >> 31), 0x20), *pci.fib(pci.DMA, pci.DMA + 0xffff, pci.TABLES | 0x804, at=PAGE + 0x200),
        *pci.modify(4, at=PAGE + 0x200), *pci.fire(pci.BUFFER, pci.DMA + 8, 3), load(5, PAGE), i("stcrw", b2=5),
        i("brc", m1=4, ri2=-4), i("llgf", r1=2, b2=5)], dict(r2=0x0b000000)),
    ("... which is for later", [*pci.fib(at=PAGE + 0x200), *pci.modify(9, at=PAGE + 0x200)], dict(cc=0)),
    ("one comes", [*pci.store(pci.CONFIG, 0x44, 4, 0), *pci.store(pci.CONFIG, 0x48, 4, 0xfe000000),
                   *pci.store(pci.CONFIG, 0x4c, 2, 5), *pci.store(pci.CONFIG, 0x42, 2, 1), *pci.RAISE], {}),
]
LOOP = [("it loops with a condition code that nobody has seen",
         ready(1, load(4, 0x7fffffff), i("ahi", r1=4, i2=1), i("brc", m1=15, ri2=0)), {})]

# What an external interruption leaves: its code in r2, its parameter in r3.
ENABLE = i("stosm", b1=0, d1=0x8f8, i2=1)
AFTER = [
    ("the condition code", [i("llgc", r1=2, b2=0, d2=0x122)], dict(r2=0x30)),
    ("a storage key, with reference and change", [load(5, PAGE2), i("iske", r1=2, r2=5)], dict(r2=0x5e)),
    ("... and without", [load(5, PAGE2 + 0x2000), i("iske", r1=2, r2=5)], dict(r2=0x98)),
    ("an emergency signal", [i("lctlg", r1=0, r3=0, b2=0, d2=0x840), ENABLE], dict(r2=0x1201)),
    ("... once, then an external call", [i("lctlg", r1=0, r3=0, b2=0, d2=0x848), ENABLE], dict(r2=0x1202)),
    ("... once, then a service signal", [i("lctlg", r1=0, r3=0, b2=0, d2=0x850), ENABLE], dict(r2=0x2401, r3=SCCB)),
    ("... whose answer is there", [load(6, SCCB), i("llgh", r1=2, b2=6, d2=6)], dict(r2=0x10)),
    ("an I/O interruption", [i("lctlg", r1=6, r3=6, b2=0, d2=0x858), i("tpi", b2=0), i("llgf", r1=2, b2=0, d2=0xb8),
                             i("llgf", r1=3, b2=0, d2=0xbc)], dict(cc=1, r2=0x10000, r3=0x55)),
    ("... once", [i("tpi", b2=0)], dict(cc=0)),
    ("... whose status is there", [load(1, 0x10000), load(5, PAGE), i("tsch", b2=5), i("llgc", r1=2, b2=5, d2=8)],
     dict(cc=0, r2=0x0c)),
]
TAKE_REPORT = [load(5, PAGE), i("stcrw", b2=5), i("llgf", r1=2, b2=5)]
WAIT = i("lpswe", b2=0, d2=0x870)
AFTER += [
    ("a channel report", [i("lctlg", r1=0, r3=0, b2=0, d2=0x868), i("vgbm", r1=31, i2=0xf00f), load(9, 0x12345678),
                          i("lctlg", r1=14, r3=14, b2=0, d2=0x860), i("lpswe", b2=0, d2=0x880)], dict(r2=0x00400f5d)),
    ("... with the vector registers", [load(5, PAGE2 + 0xd00), i("lg", r1=2, b2=5, d2=0xf0), i("lg", r1=3, b2=5, d2=0xf8)],
     dict(r2=0xffffffff00000000, r3=0xffffffff)),
    ("... and the others", [i("lg", r1=2, b2=0, d2=0x12c8), i("lg", r1=3, b2=0, d2=0x13f0)],
     dict(r2=0x12345678, r3=0x10000000)),
    ("... as z/Architecture has them", [i("llgc", r1=2, b2=0, d2=0xa3)], dict(r2=1)),
    ("... of a device that came, and went since", TAKE_REPORT, dict(cc=0, r2=0x03040001)),
    ("... which is not there", [load(1, 0x10001), i("stsch", b2=5)], dict(cc=3)),
    ("... of one that came", TAKE_REPORT, dict(cc=0, r2=0x03040002)),
    ("... and has its number still", [load(1, 0x10002), i("stsch", b2=5), i("llgh", r1=2, b2=5, d2=6)],
     dict(cc=0, r2=0x102)),
]
PCI_AFTER = [
    ("an adapter interruption", [*pci.TEST, i("llgf", r1=2, b2=0, d2=0xc0)], dict(cc=1, r2=0x90000000)),
    ("... whose bits are there",
     [load(11, PAGE + 0x400), i("llgc", r1=2, b2=11, d2=0), i("llgc", r1=3, b2=11, d2=0x100)], dict(r2=4, r3=0x10)),
    ("the measurement goes on", [*pci.big(7, pci.ON << 32), *pci.big(10, pci.PLAIN), i("stpcifc", r1=7, b2=10),
                                 i("lg", r1=2, b2=10, d2=64), i("llgc", r1=3, b2=10, d2=8)],
     dict(cc=0, r2=pci.BLOCK + 0x800, r3=0xd0)),
    ("the function is enabled", pci.fetch(pci.CONFIG, 0, 4), dict(cc=0, r2=0x3412e811)),
    ("... of an event", TAKE_REPORT, dict(cc=0, r2=0x0b000000)),
    ("... before it of an error that came earlier", [*pci.EVENT, i("lg", r1=2, b2=5, d2=96), i("llgh", r1=3, b2=5, d2=0x6e)],
     dict(r2=8, r3=4)),
    ("... at a store", [load(5, PAGE2), i("llgc", r1=2, b2=5, d2=95)], dict(r2=1)),
    ("... which is fetched", [load(5, PAGE2), *pci.put(PAGE2, 0x0010000e00000000, 0), i("chsc", r1=5),
                              i("llgf", r1=2, b2=5, d2=0x14), i("llgh", r1=3, b2=5, d2=0x6e)], dict(r2=2, r3=0x301)),
]
NO_MORE = [("... and is the last one", [*pci.put(PAGE, -1 & (1 << 64) - 1), *TAKE_REPORT], dict(cc=1, r2=0))]
IDLE = [
    *NO_MORE,
    ("the device that stayed answers", sense_id(0x10002), dict(cc=0)),
    ("... with its type", [load(5, PAGE), i("tsch", b2=5), i("llgc", r1=2, b2=5, d2=8), i("lg", r1=3, b2=5, d2=0x180)],
     dict(cc=0, r2=0x0c, r3=0xff38320400000000)),
    ("a channel report ends a wait", ready(2, WAIT), dict(r2=0x00400f5d)),
    ("... of an event", TAKE_REPORT, dict(cc=0, r2=0x0b000000)),
    *NO_MORE,
    ("more than one subchannel set", [load(5, PAGE2), *pci.put(PAGE2, 0x0010003100000002, 0), i("chsc", r1=5),
                                      i("llgf", r1=2, b2=5, d2=0x10)], dict(cc=0, r2=0x00080001)),
    ("a device goes during a wait", ready(3, WAIT), dict(r2=0x00400f5d)),
    ("... its subchannel is told", TAKE_REPORT, dict(cc=0, r2=0x13040002)),
    ("... and its set", TAKE_REPORT, dict(cc=0, r2=0x03040000)),
    *NO_MORE,
    ("... and it is gone", [load(1, 0x10002), load(5, PAGE), i("stsch", b2=5)], dict(cc=3)),
]


def kernel(cases, restart_at):
    """Beyond what system.py has: controls, PSWs and handlers of each class; a restart goes on behind that case."""
    data = bytearray(image(cases))
    for at, bits in ((0x840, 0x4000), (0x848, 0x2000), (0x850, 0x200)):
        data[at:at + 8] = struct.pack(">Q", 0xe0 | 0x40000 | bits)
    data[0x858:0x860] = struct.pack(">Q", 0x10000000)  # CR6: subclass 3
    data[0x860:0x868] = struct.pack(">Q", 0x10000000)  # CR14: channel reports
    data[0x868:0x870] = struct.pack(">Q", 0xe0 | 0x60000)  # CR0: vector registers
    data[0x11b0:0x11b8] = struct.pack(">Q", PAGE2 + 0xc00)  # where a machine check stores them
    data[0x870:0x880] = struct.pack(">QQ", 0x0006000180000000, 0)  # waits for a machine check
    data[0x880:0x890] = struct.pack(">QQ", 0x0004000180000000, HANDLER + 0x300)  # takes one
    for psw, at, code in (
            (0x1a0, 0, b""),
            (0x1b0, HANDLER + 0x100, enc("llgh", r1=2, b2=0, d2=0x86) + enc("llgf", r1=3, b2=0, d2=0x80)),
            (0x1e0, HANDLER + 0x200, enc("llgf", r1=2, b2=0, d2=0xe8))):
        data[psw:psw + 16] = struct.pack(">QQ", 0x180000000, at or restart_at)
        code += enc("bcr", m1=15, r2=13) if at else b""
        data[at:at + len(code)] = code
    loop = enc("brc", m1=15, ri2=0)
    data[HANDLER + 0x300:HANDLER + 0x304] = loop
    return bytes(data)


def behind(data, cases):
    """The end of the last case, which loops."""
    loop = b"".join(enc(mnemonic, **fields) for mnemonic, fields in cases[-1][1])
    return data.index(loop, CODE) + len(loop)


def move(ferry, directory, machine):
    pci_too = machine != MACHINES[0][1]
    before = BEFORE + PCI_BEFORE * pci_too + LOOP
    cases = before + AFTER + PCI_AFTER * pci_too + IDLE
    path = os.path.join(directory, "kernel-" + machine)
    with open(path, "wb") as f:
        f.write(kernel(cases, behind(image(cases), before)))
    options = ["-kernel", path, "-smp", "2", "-device", "virtio-rng-ccw"] + ["-device", "edu"] * pci_too
    plugged = ["-device", "virtio-rng-ccw,id=stays,devno=fe.0.0102"] + ["-device", "virtio-rng-pci,id=p"] * pci_too
    uri = f"unix:{directory}/uri-{machine}"
    with Machine(ferry, directory, "a-" + machine, *options, machine=machine) as a, \
         Machine(ferry, directory, "b-" + machine, *options, *plugged, "-incoming", uri, machine=machine) as b:
        a.wait_byte(WAITS, 1)
        a.command("device_add", driver="virtio-rng-ccw", id="goes")
        a.command("device_add", driver="virtio-rng-ccw", id="stays", devno="fe.0.0102")
        a.command("device_del", id="goes")
        assert a.wait_event("DEVICE_DELETED")["device"] == "goes"
        if pci_too:
            a.command("device_add", driver="virtio-rng-pci", id="p")
        a.command("migrate", uri=uri)
        b.wait_event("RESUME")
        b.command("inject-nmi")
        b.wait_byte(WAITS, 2)
        b.command("device_add", driver="virtio-rng-pci", id="q")
        b.wait_byte(WAITS, 3)
        b.command("device_del", id="stays")
        b.wait_byte(OUT + STEP * len(cases), 0xee)
        return cases, b.memory(OUT, STEP * len(cases))


def main():
    ferry = shutil.which(sys.argv[1]) or os.path.abspath(sys.argv[1])
    all_cases, all_data = [], b""
    for name, machine in MACHINES:
        with tempfile.TemporaryDirectory(prefix="ferry-move-") as directory:
            cases, data = move(ferry, directory, machine)
        all_cases += [(f"{name}: {sentence}", code, expected) for sentence, code, expected in cases]
        all_data += data
    report(all_cases, all_data)


if __name__ == "__main__":
    main()
