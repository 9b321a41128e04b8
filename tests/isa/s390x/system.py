#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""system.py FERRY: control instructions of s390x whose effect no user program can see, against the definition.
Prints TAP.

A case is a list of instructions that leaves numbers in r2 and r3 and its condition code; a program interruption ends
it, with the condition code of the old PSW. All cases run one after the other in one guest without an operating system, as key 0 in 64-bit mode with real
addresses, r14 being the case's results and r13 where it ends. Storage from 0x20000 on is theirs.
"""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

from programs import enc

CODE, HANDLER, OUT, STEP, SPACE = 0x12000, 0x11000, 0x80000, 64, 0x20000
PAGE, PAGE2 = SPACE, SPACE + 0x1000


def program(cases):
    out = b""

    def emit(mnemonic, **fields):
        nonlocal out
        if "to" in fields:
            fields["ri2"] = fields.pop("to") - (CODE + len(out))
        out += enc(mnemonic, **fields)

    emit("lctlg", r1=0, r3=0, b2=0, d2=0x800)
    emit("larl", r1=14, to=OUT)
    for _, code, _ in cases:
        body = b"".join(enc(mnemonic, **fields) for mnemonic, fields in code)
        for r in (2, 3):
            emit("lghi", r1=r, i2=0)
        emit("larl", r1=13, to=CODE + len(out) + 6 + len(body))
        out += body
        emit("ipm", r1=1)
        emit("spka", b2=0, d2=0)
        emit("st", r1=1, b2=14, d2=0)
        emit("stg", r1=2, b2=14, d2=8)
        emit("stg", r1=3, b2=14, d2=16)
        emit("aghi", r1=14, i2=STEP)
    emit("mvi", b1=14, d1=0, i2=0xee)
    emit("brc", m1=15, ri2=0)
    return out


def image(cases):
    data = bytearray(0x80000)
    data[0x10000:0x10006] = enc("brcl", m1=15, ri2=CODE - 0x10000)
    data[0x10008:0x1000e] = b"S390EP"
    code = program(cases)
    assert CODE + len(code) <= SPACE
    data[CODE:CODE + len(code)] = code
    data[0x800:0x808] = struct.pack(">Q", 0xe0 | 0x40000)
    data[0x808:0x810] = struct.pack(">Q", 0xe0 | 0x40000 | 0x1000000) # with storage-protection override
    data[0x810:0x818] = struct.pack(">Q", 0xe0 | 0x40000 | 0x10000000)  # with low-address protection
    data[0x818:0x820] = struct.pack(">Q", 0xe0 | 0x40000 | 0x2000000)  # with fetch-protection override
    data[0x820:0x828] = struct.pack(">Q", 0x0001000180000000)          # problem state
    data[0x830:0x838] = struct.pack(">Q", 0x20000000)                  # I/O interruptions of subclass 2
    data[0x1d0:0x1e0] = struct.pack(">QQ", 0x180000000, HANDLER)
    handler = (enc("mvc", b1=14, d1=24, l1=7, b2=0, d2=0x8c) + enc("mvc", b1=14, d1=32, l1=7, b2=0, d2=0xa8) +
               enc("mvc", b1=14, d1=40, l1=1, b2=0, d2=0x96) +
               enc("llgc", r1=15, d2=0x152) + enc("sllg", r1=15, r3=15, d2=24) + enc("spm", r1=15) +
               enc("bcr", m1=15, r2=13))
    data[HANDLER:HANDLER + len(handler)] = handler
    return bytes(data)


class Machine:
    """One with the options, and its QMP."""

    def __init__(self, ferry, directory, name, *options, machine="s390-ccw-virtio"):
        self.path = os.path.join(directory, name)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        listener.settimeout(300)
        self.process = subprocess.Popen([ferry, "-machine", machine, "-m", "16", "-nodefaults", "-display", "none",
                                         "-qmp", "unix:" + self.path, *options], stdin=subprocess.DEVNULL)
        self.stream = listener.accept()[0].makefile("rw")
        self.events = []
        self.stream.readline()
        self.command("qmp_capabilities")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def command(self, name, **arguments):
        arguments = {key.replace("_", "-"): value for key, value in arguments.items()}
        self.stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.stream.flush()
        while "return" not in (answer := json.loads(self.stream.readline())):
            assert "error" not in answer, answer
            self.events.append(answer)
        return answer["return"]

    def wait_event(self, event):
        while not (found := [e for e in self.events if e["event"] == event]):
            self.events.append(json.loads(self.stream.readline()))
        return found[0].get("data", {})

    def memory(self, at, size):
        self.command("pmemsave", val=at, size=size, filename=self.path + "-memory")
        with open(self.path + "-memory", "rb") as f:
            return f.read()

    def wait_byte(self, at, value):
        """The program's way to say how far it is."""
        end = time.monotonic() + 300
        while self.memory(at, 1)[0] != value:
            assert time.monotonic() < end, "the program does not come to its end"
            time.sleep(0.05)


def run(ferry, cases, directory, *options):
    kernel = os.path.join(directory, "kernel")
    with open(kernel, "wb") as out:
        out.write(image(cases))
    with Machine(ferry, directory, "qmp", "-smp", "2", "-kernel", kernel, *options) as machine:
        machine.wait_byte(OUT + STEP * len(cases), 0xee)
        return machine.memory(OUT, STEP * len(cases))


# ---- the cases: sentence, instructions, what is expected (cc, r2, r3, program interruption code) ----
def i(mnemonic, **fields):
    return mnemonic, fields


def load(r, value):
    return i("llilf", r1=r, i2=value)


def load_ones(page):
    """512 bytes of them."""
    code = [load(10, page)]
    for at in (0, 0x100):
        code += [i("mvi", b1=10, d1=at, i2=255), i("mvc", b1=10, d1=at + 1, l1=254, b2=10, d2=at)]
    return code


def set_key(page, value):
    return [load(4, value), load(5, page), i("sske", r1=4, r2=5)]


def locked(code, *before, r1=4, r3=6, fourth=PAGE2, offset=0):
    """PERFORM LOCKED OPERATION on the second operand at PAGE (holds 5) and the fourth, or the list, at PAGE2."""
    return [load(0, code), load(10, PAGE), load(11, fourth), i("mvghi", b1=10, i2=5), *before,
            i("plo", r1=r1, r3=r3, b2=10, d2=offset, b4=11)]


def in_list(*values):
    """Doublewords of the parameter list, by offset."""
    return [i("mvghi", b1=11, d1=at, i2=v) for at, v in values]


def translate(table):
    """r1: a table at PAGE2 that makes 0x30 + n (or 0x100 + n) of 0x20 + n; r4, r5: the result's place and four bytes;
    r6: 21 22 23 24; r7: 0025 0026."""
    code = [load(10, PAGE), load(11, PAGE2), i("xc", b1=10, d1=0, l1=255, b2=10, d2=0),
            i("mvghi", b1=10, d1=0x400, i2=0)]
    for n in range(1, 7):
        at, value = (0x20 + n, 0x30 + n) if table == 0x20 else (2 * (0x20 + n), 0x100 + n)
        code.append(i("mvi", b1=11, d1=at, i2=value) if table == 0x20 else i("mvhhi", b1=11, d1=at, i2=value))
    for n in range(4):
        code.append(i("mvi", b1=10, d1=n, i2=0x21 + n))
    return code + [i("mvhhi", b1=10, d1=8, i2=0x25), i("mvhhi", b1=10, d1=10, i2=0x26), i("lgr", r1=1, r2=11),
                   load(4, PAGE + 0x400), load(5, 4), load(6, PAGE), load(7, PAGE + 8)]


SHOW2, SHOW4 = i("lg", r1=2, b2=10), i("lg", r1=3, b2=11)


def with_key(key, *code):
    return [load(5, PAGE), load(6, PAGE2), i("spka", d2=key << 4), *code]


def as_problem(*code):
    """In problem state; only an interruption leaves it."""
    return [i("larl", r1=6, ri2=16), i("stg", r1=6, d2=0x828), i("lpswe", d2=0x820), *code]


STORE, FETCH = i("st", r1=4, b2=5), i("l", r1=3, b2=5)
PROTECTED = dict(pgm=4)
CASES = [
    ("an external call waits at a stopped CPU",
     [load(4, 0), load(5, 1), i("sigp", r1=4, r3=5, d2=2), i("lgr", r1=2, r2=4)], dict(cc=0, r2=0)),
    ("a second external call is answered with status",
     [load(4, 0), load(5, 1), i("sigp", r1=4, r3=5, d2=2), i("lgr", r1=2, r2=4)], dict(cc=1, r2=0x80)),
    ("sense shows the external call and the stopped state",
     [load(4, 0), load(5, 1), i("sigp", r1=4, r3=5, d2=1), i("lgr", r1=2, r2=4)], dict(cc=1, r2=0xc0)),
    ("the status of a stopped CPU is stored: its FPC and prefix are zero",
     [*load_ones(PAGE), load(4, 0), load(5, 1), load(7, PAGE), i("sigp", r1=6, r3=5, d2=14), load(6, PAGE),
      i("l", r1=2, b2=6, d2=0x118), i("l", r1=3, b2=6, d2=0x11c)], dict(cc=0, r2=0, r3=0)),
    ("... and its vector registers",
     [*load_ones(PAGE), load(5, 1), load(7, PAGE), i("sigp", r1=6, r3=5, d2=0x17), load(6, PAGE), i("lg", r1=2, b2=6),
      i("lg", r1=3, b2=6, d2=0x1f8)], dict(cc=0, r2=0, r3=0)),
    ("... where there is room for them",
     [load(5, 1), load(6, 0), load(7, PAGE + 0x200), i("sigp", r1=6, r3=5, d2=0x17), i("lgr", r1=2, r2=6)],
     dict(cc=1, r2=0x100)),
    ("... but not those of one that runs",
     [load(5, 0), load(6, 0), load(7, PAGE), i("sigp", r1=6, r3=5, d2=0x17), i("lgr", r1=2, r2=6)],
     dict(cc=1, r2=0x200)),
    ("TROO: each character's entry of the table",
     [*translate(0x20), load(0, 0xff), i("troo", r1=4, r2=6), i("l", r1=2, b2=10, d2=0x400), i("lgr", r1=3, r2=5)],
     dict(cc=0, r2=0x31323334, r3=0)),
    ("... up to the test character",
     [*translate(0x20), load(0, 0x33), i("troo", r1=4, r2=6), i("l", r1=2, b2=10, d2=0x400), i("lgr", r1=3, r2=5)],
     dict(cc=1, r2=0x31320000, r3=2)),
    ("... which can be left out", [*translate(0x20), load(0, 0x33), i("troo", r1=4, r2=6, m3=1),
                                   i("l", r1=2, b2=10, d2=0x400)], dict(cc=0, r2=0x31323334)),
    ("TROT makes two bytes of one",
     [*translate(0x200), load(0, 0), i("trot", r1=4, r2=6),
      i("lg", r1=2, b2=10, d2=0x400)],
     dict(cc=0, r2=0x0101010201030104)),
    ("TRTO makes one byte of two",
     [*translate(0x20), load(0, 0), i("trto", r1=4, r2=7), i("lg", r1=2, b2=10, d2=0x400), i("lgr", r1=3, r2=7)],
     dict(cc=0, r2=0x3536 << 48, r3=PAGE + 12)),
    ("TRTT makes two bytes of two",
     [*translate(0x200), load(0, 0), i("trtt", r1=4, r2=7),
      i("lg", r1=2, b2=10, d2=0x400)],
     dict(cc=0, r2=0x01050106 << 32)),
    ("... and takes whole characters only", [*translate(0x200), load(5, 3), i("trtt", r1=4, r2=7)], dict(pgm=6)),
    ("TRTE: the first character with a code",
     [*translate(0x20), load(6, 0), i("xc", b1=11, d1=0x21, l1=2, b2=11, d2=0x21),
      load(4, PAGE), load(5, 4), i("trte", r1=4, r2=6), i("lgr", r1=2, r2=6), i("lgr", r1=3, r2=4)],
     dict(cc=1, r2=0x34, r3=PAGE + 3)),
    ("... none", [load(1, PAGE2 + 0x100), load(4, PAGE), load(5, 2), i("trte", r1=4, r2=6), i("lgr", r1=2, r2=6),
                  i("lgr", r1=3, r2=5)], dict(cc=0, r2=0, r3=0)),
    ("... of two bytes", [*translate(0x200), load(4, PAGE + 8), load(5, 4), i("trte", r1=4, r2=6, m3=12),
                          i("lgr", r1=2, r2=6)], dict(cc=1, r2=0x105)),
    ("TRTRE: from the right", [*translate(0x20), load(4, PAGE + 3), load(5, 4), i("trtre", r1=4, r2=6),
                               i("lgr", r1=2, r2=6), i("lgr", r1=3, r2=4)], dict(cc=1, r2=0x34, r3=PAGE + 3)),
    ("... through all", [load(1, PAGE2 + 0x100), load(4, PAGE + 3), load(5, 4), i("trtre", r1=4, r2=6),
                         i("lgr", r1=3, r2=4)], dict(cc=0, r3=PAGE - 1)),
    ("a cipher function that is not there", [load(0, 40), load(1, PAGE), i("km", r1=4, r2=6)], dict(pgm=6)),
    ("... a part of a block", [load(0, 2), load(1, PAGE), load(6, PAGE), load(7, 63), i("kimd", r1=4, r2=6)], dict(pgm=6)),
    ("... a target that is not there",
     [load(0, 18), load(1, PAGE), load(4, 0x10000000), load(6, PAGE2), load(7, 64), i("kmc", r1=4, r2=6)], dict(pgm=5)),
    ("... leaves the registers as they were", [i("lgr", r1=2, r2=6), i("lgr", r1=3, r2=7)], dict(r2=PAGE2, r3=64)),
    ("PLO: the test of a function that is there", [load(0, 0x117), i("plo", b2=1, b4=1)], dict(cc=0)),
    ("... and of one that is not", [load(0, 0x118), i("plo", b2=1, b4=1)], dict(cc=3)),
    ("a function that is not there is a specification exception", [load(0, 24), i("plo", b2=1, b4=1)], dict(pgm=6)),
    ("compare and load: equal", [*locked(2, load(4, 5), i("mvghi", b1=11, i2=77)), i("lgr", r1=3, r2=6), SHOW2],
     dict(cc=0, r2=5, r3=77)),
    ("compare and load: unequal", [*locked(2, load(4, 6)), i("lgr", r1=3, r2=4)], dict(cc=1, r3=5)),
    ("compare and swap of words, in a pair of registers",
     [*locked(4, load(4, 5), load(5, 9), offset=4), i("l", r1=2, b2=10, d2=4)], dict(cc=0, r2=9)),
    ("... which must be even", locked(4, r1=5), dict(pgm=6)),
    ("... of doublewords, in a list", [*locked(5, *in_list((8, 5), (24, 11))), SHOW2], dict(cc=0, r2=11)),
    ("... of quadwords, unequal",
     [*locked(7, i("mvghi", b1=10, d1=8, i2=0), *in_list((0, 5), (8, 1))), i("lg", r1=3, b2=11, d2=8)], dict(cc=1, r3=0)),
    ("double compare and swap: both equal",
     [*locked(10, load(4, 5), load(5, 21), load(6, 3), load(7, 22), i("mvghi", b1=11, i2=3)), SHOW2, SHOW4],
     dict(cc=0, r2=21, r3=22)),
    ("... the third unequal",
     [*locked(10, load(4, 5), load(5, 21), load(6, 3), load(7, 22), i("mvghi", b1=11, i2=4)), SHOW2,
      i("lgr", r1=3, r2=6)], dict(cc=2, r2=5, r3=4)),
    ("compare and swap and store", [*locked(14, load(4, 5), load(5, 31), load(6, 32)), SHOW2, SHOW4],
     dict(cc=0, r2=31, r3=32)),
    ("... triple, by a list",
     [*locked(21, *in_list((8, 5), (24, 41), (56, 42), (72, 0), (88, 43), (104, 0), (120, 44), (136, 0)),
              load(6, PAGE + 0x100), i("stg", r1=6, b2=11, d2=72), i("aghi", r1=6, i2=8), i("stg", r1=6, b2=11, d2=104),
              i("aghi", r1=6, i2=8), i("stg", r1=6, b2=11, d2=136)), SHOW2, i("lg", r1=3, b2=10, d2=0x110)],
     dict(cc=0, r2=41, r3=44)),
    ("an operand that is not aligned", locked(2, load(4, 5), offset=4), dict(pgm=6)),
    ("a key that was set is there", [*set_key(PAGE, 0x38), i("iske", r1=2, r2=5)], dict(r2=0x38)),
    ("another key cannot store", with_key(8, STORE), PROTECTED),
    ("another key cannot fetch what is fetch-protected", with_key(8, FETCH), PROTECTED),
    ("the same key can do both", with_key(3, load(4, 0x1234), STORE, FETCH), dict(r3=0x1234)),
    ("key 0 can do both", with_key(0, load(4, 0x4321), STORE, FETCH), dict(r3=0x4321)),
    ("a block keeps no key that its neighbour has", with_key(8, i("l", r1=3, b2=6)), dict(r3=0)),
    ("protection without fetch protection: TPROT of the same key", [*set_key(PAGE2, 0x50), i("tprot", b1=5, d2=0x50)],
     dict(cc=0)),
    ("... of another key", [load(5, PAGE2), i("tprot", b1=5, d2=0x80)], dict(cc=1)),
    ("... of another key, with fetch protection", [load(5, PAGE), i("tprot", b1=5, d2=0x80)], dict(cc=2)),
    ("... of key 0", [load(5, PAGE), i("tprot", b1=5)], dict(cc=0)),
    ("access control 9 is as protected as others", [*set_key(PAGE, 0x98), *with_key(8, STORE)], PROTECTED),
    ("... but open with the override",
     [i("lctlg", d2=0x808), *with_key(8, load(4, 99), STORE, FETCH)], dict(r3=99)),
    ("... which ends with its control", [i("lctlg", d2=0x800), *with_key(8, STORE)], PROTECTED),
    ("a move with another key of the source is refused",
     [load(5, PAGE), load(6, PAGE2), load(7, 4), load(8, 0x80), i("mvck", r1=7, b1=6, b2=5, r3=8)], PROTECTED),
    ("... and done with its own key",
     [load(5, PAGE), load(6, PAGE2), load(7, 4), load(8, 0x90), i("mvck", r1=7, b1=6, b2=5, r3=8),
      i("l", r1=3, b2=6)], dict(cc=0, r3=99)),
    ("MVCSK takes the key from register 1",
     [load(0, 3), load(1, 0x80), load(5, PAGE), load(6, PAGE2), i("mvcsk", b1=6, b2=5)], PROTECTED),
    ("MVCDK too, for the destination",
     [load(0, 3), load(1, 0x80), load(5, PAGE), load(6, PAGE2), i("mvcdk", b1=6, b2=5)], PROTECTED),
    ("MVCDK with the destination's key",
     [load(0, 3), load(1, 0x50), load(5, PAGE), load(6, PAGE2), i("mvcdk", b1=6, d1=8, b2=5), i("l", r1=3, b2=6, d2=8)],
     dict(r3=99)),
    ("a new key counts at once", [*set_key(PAGE, 0x80), *with_key(8, load(4, 7), STORE, FETCH)], dict(r3=7)),
    ("the reference bit was one", [load(5, PAGE), i("rrbe", r1=4, r2=5)], dict(cc=3)),
    ("a block that is not there has no key", [load(5, 0x10000000), i("iske", r1=2, r2=5)], dict(pgm=5)),
    ("a problem-state program sets no key outside of its mask", as_problem(i("spka", d2=0x80)), dict(pgm=2)),
    ("... moves with none", as_problem(load(7, 1), load(8, 0x80), i("mvck", r1=7, b1=5, b2=5, r3=8)), dict(pgm=2)),
    ("... and reads no key without authority", as_problem(i("ipk")), dict(pgm=2)),
]


def report(cases, data):
    bad = 0
    print(f"1..{len(cases)}")
    for number, (sentence, _, expected) in enumerate(cases):
        part = data[STEP * number:STEP * (number + 1)]
        word, = struct.unpack(">I", part[:4])
        r2, r3 = struct.unpack(">QQ", part[8:24])
        pgm, dxc, teid = struct.unpack(">HIQ", part[26:40])
        per, = struct.unpack(">H", part[40:42])
        found = dict(cc=word >> 28 & 3, r2=r2, r3=r3, pgm=pgm, dxc=dxc, teid=teid, per=per)
        wrong = [f"{k} {found[k]:#x} instead of {v:#x}" for k, v in {"pgm": 0, **expected}.items() if found[k] != v]
        bad += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {number + 1} {sentence}{' # ' if wrong else ''}{', '.join(wrong)}")
    sys.exit(1 if bad else 0)


def main(cases, *options):
    with tempfile.TemporaryDirectory(prefix="ferry-system-") as directory:
        data = run(shutil.which(sys.argv[1]) or os.path.abspath(sys.argv[1]), cases, directory, *options)
    report(cases, data)


if __name__ == "__main__":
    main(CASES)
