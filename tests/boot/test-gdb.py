#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-gdb.py BUILDDIR: the GDB server, spoken to by bytes. The debugger writes a three-instruction loop over
the kernel's entry and steps, stops, watches and interrupts it (TAP)."""
import os
import random
import re
import socket
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")
RBX, RCX, RIP = 1, 2, 16
# loop: inc qword [rbx]; inc rcx; jmp loop
LOOP = bytes.fromhex("48ff03 48ffc1 ebf8")


class Gdb:
    """The debugger's end of the connection."""

    def __init__(self, path):
        deadline = time.monotonic() + guest.TIMEOUT
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                assert time.monotonic() < deadline, "no GDB socket in time"
                time.sleep(0.02)
        self.socket.settimeout(guest.TIMEOUT)
        self.buffer = b""

    def byte(self):
        if not self.buffer:
            self.buffer = self.socket.recv(65536)
            assert self.buffer, "the server closed the connection"
        first, self.buffer = self.buffer[:1], self.buffer[1:]
        return first

    def send(self, body):
        body = body if isinstance(body, bytes) else body.encode()
        escaped = re.sub(rb"[#$}*]", lambda m: b"}" + bytes([m[0][0] ^ 0x20]), body)
        self.socket.sendall(b"$%s#%02x" % (escaped, sum(escaped) & 0xff))

    def receive(self):
        while (first := self.byte()) != b"$":
            assert first == b"+", f"{first} before a packet"
        body = b""
        while (c := self.byte()) != b"#":
            body += c
        check = self.byte() + self.byte()
        assert int(check, 16) == sum(body) & 0xff, f"checksum of {body}"
        self.socket.sendall(b"+")
        return re.sub(rb"}(.)", lambda m: bytes([m[1][0] ^ 0x20]), body, flags=re.S).decode("latin-1")

    def ask(self, body):
        self.send(body)
        return self.receive()

    def ok(self, body):
        reply = self.ask(body)
        assert reply == "OK", f"{body}: {reply}"

    def reg(self, number):
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    def set_reg(self, number, value):
        self.ok(f"P{number:x}={value.to_bytes(8, 'little').hex()}")

    def stop(self, body):
        reply = self.ask(body)
        assert reply.startswith("T05"), f"{body}: {reply}"
        return reply


class Session:
    """A machine stopped at its first instruction, with the loop there."""

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        path = os.path.join(self.directory.name, "gdb")
        self.machine = guest.Machine(BUILD, "-S", "-smp", "2", "-gdb", f"unix:{path}")
        self.gdb = Gdb(path)
        self.start = self.gdb.reg(RIP)
        self.data = self.start + 0x2000
        self.gdb.ok(b"X%x,%x:" % (self.start, len(LOOP)) + LOOP)
        self.gdb.ok(f"M{self.data:x},8:{bytes(8).hex()}")
        self.gdb.set_reg(RBX, self.data)
        self.gdb.set_reg(RCX, 0)
        return self

    def counter(self):
        return int.from_bytes(bytes.fromhex(self.gdb.ask(f"m{self.data:x},8")), "little")

    def interrupt_past(self, message, before):
        """Lets it go with message and interrupts it, until it has counted on from before."""
        while True:
            self.gdb.send(message)
            time.sleep(0.02)
            self.gdb.socket.sendall(b"\x03")
            reply = self.gdb.receive()
            if self.counter() > before:
                return reply
            assert time.monotonic() < self.machine.deadline, "the guest does not run"

    def __exit__(self, *_):
        self.gdb.socket.close()
        self.machine.__exit__()
        self.directory.cleanup()


def described(gdb):
    """The registers of the description, which all of them fit."""
    assert "qXfer:features:read+" in gdb.ask("qSupported:swbreak+;hwbreak+")
    text, more = "", "m"
    while more == "m":
        part = gdb.ask(f"qXfer:features:read:target.xml:{len(text):x},800")
        more, text = part[0], text + part[1:]
    tree = ElementTree.fromstring(re.sub("<!DOCTYPE[^>]*>", "", text))
    registers = tree.findall("feature/reg")
    size = sum(int(r.get("bitsize")) for r in registers)
    assert len(gdb.ask("g")) == size // 4, "g does not fit the description"
    return registers


def description():
    with Session() as s:
        registers = described(s.gdb)
        assert registers[RIP].get("name") == "rip" and int(registers[RIP].get("regnum")) == RIP
        everything = s.gdb.ask("g")
        s.gdb.ok("G" + everything)
        assert s.gdb.ask("g") == everything
        assert s.gdb.ask("G" + everything[:31]) == "E22"
        assert s.gdb.ask(f"p{len(registers):x}") == "E01"


def steps():
    with Session() as s:
        for where, counts in ((3, (1, 0)), (6, (1, 1)), (0, (1, 1)), (3, (2, 1))):
            s.gdb.stop("vCont;s:1;c")
            assert s.gdb.reg(RIP) == s.start + where
            assert (s.counter(), s.gdb.reg(RCX)) == counts


def breakpoints():
    with Session() as s:
        s.gdb.ask("qSupported:swbreak+;hwbreak+")
        for kind, name in ((0, "swbreak"), (1, "hwbreak")):
            s.gdb.ok(f"Z{kind},{s.start + 6:x},1")
            before = s.gdb.reg(RCX)
            assert f"{name}:" in s.gdb.stop("vCont;c")
            assert s.gdb.reg(RIP) == s.start + 6 and s.gdb.reg(RCX) == before + 1
            s.gdb.ok(f"z{kind},{s.start + 6:x},1")
            s.gdb.stop("s")
        assert s.gdb.ask("m%x,8" % s.start) == LOOP.hex(), "a breakpoint changed the code"


def watchpoints():
    with Session() as s:
        for kind, name in ((2, "watch"), (3, "rwatch"), (4, "awatch")):
            s.gdb.ok(f"Z{kind},{s.data:x},8")
            before = s.counter()
            assert f";{name}:{s.data:x};" in s.gdb.stop("c")
            assert s.gdb.reg(RIP) == s.start + 3 and s.counter() == before + 1
            s.gdb.ok(f"z{kind},{s.data:x},8")
        s.gdb.ok(f"Z2,{s.data + 8:x},8")  # nobody writes there
        assert s.interrupt_past("c", before + 1).startswith("T02")


def interrupted():
    with Session() as s:
        for _ in range(5):
            assert s.interrupt_past("vCont;c", s.counter()) == "T02thread:01;"
            # Whatever instruction it was, the counts are those of a machine between instructions.
            assert s.counter() - s.gdb.reg(RCX) == (0 if s.gdb.reg(RIP) != s.start + 3 else 1)


def held():
    with Session() as s:
        assert s.gdb.ask("qfThreadInfo") == "m1,2"
        s.gdb.send("vCont;t:1;c")  # only the second, which waits for its start-up message
        time.sleep(0.05)
        s.gdb.socket.sendall(b"\x03")
        s.gdb.receive()
        assert s.counter() == 0, "a held vCPU ran"
        s.gdb.ok("Hg2")
        assert s.gdb.ask("qC") == "QC2"
        assert s.gdb.ask("Hg3") == "E01"


def monitor_and_detach():
    with Session() as s:
        s.gdb.send("qRcmd," + b"info status".hex())
        text = bytes.fromhex(s.gdb.receive()[1:]).decode()
        assert "paused" in text and s.gdb.receive() == "OK"
        s.gdb.ok(f"Z0,{s.start + 3:x},1")
        while s.counter() < 2:
            assert time.monotonic() < s.machine.deadline, "the guest did not run after detaching"
            s.gdb.ok("D")
            s.gdb.socket.close()
            s.gdb = Gdb(os.path.join(s.directory.name, "gdb"))  # stops it again
            assert s.gdb.ask("?").startswith("T02")


def rubbish():
    with Session() as s:
        s.gdb.socket.sendall(b"$g#00")
        assert s.gdb.byte() == b"-", "a wrong checksum was taken"
        s.gdb.socket.sendall(b"$" + b"m" * 100000 + b"#")
        s.gdb.socket.sendall(b"%02x" % (ord("m") * 100000 & 0xff))
        assert s.gdb.byte() == b"-", "an endless packet was taken"
        for bad, reply in (("m1", "E22"), ("mffffffffffffff00,10", "E14"), ("m0,ffffffff", "E22"),
                           ("M0,2:00", "E22"), ("vCont;x", "E22"), ("vCont;s:9", "E22"), ("Z9,0,1", ""),
                           ("Z2,0,0", "E22"), ("nonsense", ""), ("P10=00", "E22"), ("T9", "E01")):
            assert s.gdb.ask(bad) == reply, bad
        rng = random.Random(1)
        for _ in range(3000):
            first = rng.choice("gGpPmMXHTZzqQ?!vR")
            body = first.encode() + bytes(rng.choice(b"0123456789abcdef,:;-=qs\x00\xff")
                                          for _ in range(rng.randrange(24)))
            s.gdb.send(body)
            s.gdb.receive()
        assert s.gdb.ask("qC").startswith("QC")


def s390x():
    """agsi 0(r3),1; aghi r2,1; j back: the registers have their own order and bytes."""
    loop = bytes.fromhex("eb013000007a a72b0001 a7f4fffb")
    with tempfile.TemporaryDirectory() as directory, \
         guest.Machine(BUILD, "-S", "-gdb", f"unix:{directory}/gdb", arch="s390x"):
        gdb = Gdb(f"{directory}/gdb")
        numbers = {r.get("name"): int(r.get("regnum")) for r in described(gdb)}

        def get(name):
            return int(gdb.ask(f"p{numbers[name]:x}"), 16)

        def put(name, digits):
            return gdb.ask(f"P{numbers[name]:x}={digits}")

        start = get("pswa")
        data = start + 0x2000
        gdb.ok(b"X%x,%x:" % (start, len(loop)) + loop)
        gdb.ok(f"M{data:x},8:{bytes(8).hex()}")
        for name, digits in (("r3", f"{data:016x}"), ("r2", "0" * 16), ("acr5", "12345678"), ("f3", "3ff" + "0" * 13),
                             ("v3l", "00112233" * 2), ("v31", "fedcba9876543210" * 2), ("fpc", "00000002")):
            assert put(name, digits) == "OK", name
            assert gdb.ask(f"p{numbers[name]:x}") == digits, name
        for name, digits in (("pswm", "8" + "0" * 15), ("fpc", "000000ff"), ("cr1", "0" * 15 + "1")):
            assert put(name, digits) == "E01", name
        for where, r2 in ((6, 0), (10, 1), (0, 1), (6, 1), (10, 2)):
            gdb.stop("s")
            assert (get("pswa"), get("r2")) == (start + where, r2)
        assert get("pswm") >> 44 & 3 == 2, "the sum was positive"
        gdb.ok(f"Z0,{start + 6:x},1")
        gdb.stop("c")
        assert (get("pswa"), get("r2")) == (start + 6, 2)
        gdb.ok(f"z0,{start + 6:x},1")
        gdb.ok(f"Z2,{data:x},8")
        assert f";watch:{data:x};" in gdb.stop("c")
        assert get("pswa") == start + 6 and gdb.ask(f"m{data:x},8") == "0" * 15 + "4"
        gdb.socket.close()


if __name__ == "__main__":
    guest.fetch("x86_64", "s390x")
    sys.exit(guest.run_tap([
        ("the description and the registers agree", description),
        ("each step is one instruction", steps),
        ("breakpoints stop before their instruction", breakpoints),
        ("watchpoints stop behind the access", watchpoints),
        ("an interrupt stops between instructions", interrupted),
        ("vCPUs are threads, and may be held", held),
        ("the monitor answers, and a detached guest runs on", monitor_and_detach),
        ("rubbish is refused", rubbish),
        ("s390x has registers, steps, breakpoints and watchpoints too", s390x),
    ]))
