#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""pci.py FERRY: the PCI instructions, on the educational device: functions listed, queried and enabled, their
configuration and BARs, DMA through tables and their errors, measurement, interruptions by a vector, and their suppression. Prints TAP. Cases as in
system.py; one goes on where the one before it ended.
"""
from system import PAGE, PAGE2, i, load, main

BLOCK, TABLES, PLAIN = 0x60000, 0x40000, 0x30000  # TABLES: a region third, a segment and a page table, 16 KiB each
OFF, ON = 0x00010000, 0x80010000                  # the only function's handle
CONFIG, BAR0 = 15, 0
DMA = 1 << 32                                     # the first address that a function may use
BUFFER = 0x40000                                  # the device's, in its own addresses


def big(r, value):
    return [i("llihf", r1=r, i2=value >> 32), i("oilf", r1=r, i2=value & 0xffffffff)]


def put(at, *words):
    code = big(11, at)
    for n, word in enumerate(words):
        code += [*big(4, word), i("stg", r1=4, b2=11, d2=8 * n)]
    return code


def clp(command, argument=0, room=96):
    """The answer's head in r2; r11 at it."""
    return [*put(BLOCK, 32 << 48 | command << 32, 0, argument, 0, room << 48), *big(6, BLOCK),
            i("clp", r1=0, r2=6, r3=0, m4=2), i("lg", r1=2, b2=6, d2=32), *big(11, BLOCK + 32)]


def request(handle, space, length, offset):
    return [*big(8, handle << 32 | space << 16 | length), *big(9, offset)]


def fetch(space, offset, length, handle=ON):
    return [*request(handle, space, length, offset), i("pcilg", r1=2, r2=8)]


def store(space, offset, length, value, handle=ON):
    """@value as the device has it: its first byte is the lowest."""
    data = int.from_bytes(value.to_bytes(length, "little"), "big")
    return [*request(handle, space, length, offset), *big(5, data), i("pcistg", r1=5, r2=8)]


def modify(what, handle=ON, at=PAGE):
    return [*big(7, handle << 32 | what), *big(10, at), i("mpcifc", r1=7, b2=10), i("lgr", r1=2, r2=7)]


def fib(base=0, limit=0, anchor=0, interruptions=0, vector=0, sums=0, at=PAGE):
    return put(at, 0, 0, base, limit, anchor, interruptions << 32, vector, sums)


def fire(source, target, command):
    return [*store(BAR0, 0x80, 8, source), *store(BAR0, 0x88, 8, target), *store(BAR0, 0x90, 8, 256),
            *store(BAR0, 0x98, 4, command)]


def transfer(source, target, command):
    """One of 256 bytes, and its end."""
    wait = [i("pcilg", r1=3, r2=8), i("nilf", r1=3, i2=0x01000000)]
    return [*fire(source, target, command), *request(ON, BAR0, 4, 0x98), *wait, i("brc", m1=7, ri2=-10)]


TEST = [i("lctlg", r1=6, r3=6, b2=0, d2=0x830), i("tpi", b2=0)]
RAISE = store(BAR0, 0x60, 4, 1)
CLEAR = [*put(PAGE2, 0), *put(PAGE2 + 0x100, 0)]


EVENT = [*put(PAGE2, 0x0010000e00000000, 0), load(5, PAGE2), i("chsc", r1=5)]
CONTROLS = [*big(7, ON << 32), *big(10, PAGE + 0x200), i("stpcifc", r1=7, b2=10), i("llgc", r1=2, b2=10, d2=8)]


def sic(mode):
    return [*big(7, mode), *big(9, 2 << 27), i("sic", r1=7, r3=9, b2=0, d2=0x800)]


def status(number, what, handle=ON):
    return dict(cc=1, r2=handle << 32 | number << 24 | what)


CASES = [
    ("the list has one function", [*clp(2), i("lg", r1=3, b2=11, d2=40)], dict(r2=48 << 48 | 0x10 << 32, r3=OFF)),
    ("... which is configured", [i("lg", r1=3, b2=11, d2=32)], dict(r3=0x11e8123480000000)),
    ("a resume token that is none", clp(2, 1000), dict(r2=96 << 48 | 0x10a << 32)),
    ("a query tells the BARs' sizes", [*clp(3, OFF << 32, 256), i("lg", r1=3, b2=11, d2=24)],
     dict(r2=256 << 48 | 0x10 << 32, r3=20 << 56)),
    ("... the words of a measurement block", [*clp(3, OFF << 32, 256), i("llgc", r1=3, b2=11, d2=62)], dict(r3=16)),
    ("... and where DMA begins", [i("lg", r1=3, b2=11, d2=64)], dict(r3=DMA)),
    ("a query of an unknown handle", clp(3, ON << 32, 256), dict(r2=256 << 48 | 0x101 << 32)),
    ("a query of the group tells where messages go", [*clp(4, 0xff << 32), i("lg", r1=3, b2=11, d2=40)],
     dict(r2=96 << 48 | 0x10 << 32, r3=0xfe << 56)),
    ("a group that is none", clp(4, 0x12 << 32), dict(r2=96 << 48 | 0x10b << 32)),
    ("a command that is none", clp(9), dict(r2=96 << 48 | 0x20 << 32)),
    ("a block that is too small", [*put(BLOCK, 31 << 48), *big(6, BLOCK), i("clp", r1=0, r2=6, r3=0, m4=2)],
     dict(pgm=0x15)),
    ("a block that is not aligned", [*big(6, BLOCK + 8), i("clp", r1=0, r2=6, r3=0, m4=2)], dict(pgm=6)),
    ("a function that is not enabled has no configuration", fetch(CONFIG, 0, 4, OFF), dict(cc=3)),
    ("it is enabled", [*clp(5, OFF << 32 | 1), i("llgf", r1=3, b2=11, d2=16)], dict(r2=96 << 48 | 0x10 << 32, r3=ON)),
    ("... once", clp(5, ON << 32 | 1), dict(r2=96 << 48 | 0x102 << 32)),
    ("it says who it is", fetch(CONFIG, 0, 4), dict(cc=0, r2=0x3412e811)),
    ("... in its BAR", fetch(BAR0, 0, 4), dict(cc=0, r2=0xed000001)),
    ("the old handle is no more", fetch(CONFIG, 0, 4, OFF), dict(cc=3)),
    ("what is stored is inverted", [*store(BAR0, 4, 4, 0x12345678), *fetch(BAR0, 4, 4)], dict(cc=0, r2=0x87a9cbed)),
    ("a BAR that is not there", [*request(ON, 3, 4, 0), i("pcilg", r1=3, r2=8), i("lgr", r1=2, r2=8)],
     dict(cc=1, r2=ON << 32 | 20 << 24 | 3 << 16 | 4)),
    ("an odd register", [i("pcilg", r1=2, r2=9)], dict(pgm=6)),
    ("a length of three", fetch(BAR0, 0, 3), dict(pgm=0x15)),
    ("a length across a doubleword", fetch(BAR0, 6, 4), dict(pgm=0x15)),
    ("beyond the BAR", fetch(BAR0, 1 << 20, 4), dict(pgm=0x15)),
    ("far beyond it", fetch(BAR0, (1 << 64) - 8, 8), dict(pgm=0x15)),
    ("beyond the configuration", fetch(CONFIG, 0x100, 4), dict(pgm=0x15)),
    ("a block is stored", [*put(PLAIN, 0x1111111122222222, 0), *big(7, ON << 32 | 16), *big(9, 0x100),
                           *big(10, PLAIN), i("pcistb", r1=7, r3=9, b2=10)], dict(cc=0)),
    ("... of eights only", [*big(7, ON << 32 | 12), i("pcistb", r1=7, r3=9, b2=10)], dict(pgm=0x15)),
    ("bus mastering is switched on", store(CONFIG, 4, 2, 6), dict(cc=0)),
    ("tables cannot be changed before they are there", [*fib(), *modify(6)], status(24, 6)),
    ("tables that begin too low", [*fib(0x1000, DMA, TABLES | 0x804), *modify(4)], dict(pgm=0x15)),
    ("tables are registered", [*put(TABLES + 8 * (DMA >> 31), TABLES + 0x4000), *put(TABLES + 0x4000, TABLES + 0x8000),
                               *put(TABLES + 0x8000, PLAIN, PLAIN + 0x1000 | 0x200, 0x400),
                               *fib(DMA, DMA + 0xffff, TABLES | 0x804), *modify(4)], dict(cc=0)),
    ("... once", modify(4), status(24, 4)),
    ("measurement is asked for", [*put(BLOCK + 0x800, *[0] * 8), *fib(), *put(PAGE + 64, BLOCK + 0x800), *modify(10)], dict(cc=0)),
    ("... in a block that is aligned", [*put(PAGE + 64, BLOCK + 0x808), *modify(10)], status(0, 10)),
    ("... which the controls tell", [*big(7, ON << 32), *big(10, PAGE), i("stpcifc", r1=7, b2=10), i("lg", r1=2, b2=10, d2=64)],
     dict(cc=0, r2=BLOCK + 0x800)),
    ("they can be refreshed", [*big(7, ON << 32), *big(8, DMA), *big(9, 0x1000), i("rpcit", r1=7, r2=8)], dict(cc=0)),
    ("... where they reach", [*big(9, 0x100000), i("rpcit", r1=7, r2=8), i("lgr", r1=2, r2=7)],
     dict(cc=1, r2=ON << 32 | 20 << 24)),
    ("DMA reads and writes through them",
     [*put(PLAIN + 0x20, 0x0123456789abcdef), *transfer(DMA, BUFFER, 1), *put(PLAIN + 0x20, 0),
      *transfer(BUFFER, DMA, 3), *big(11, PLAIN), i("lg", r1=2, b2=11, d2=0x20)], dict(r2=0x0123456789abcdef)),
    ("... but not where they say read only: that is an event",
     [*fire(BUFFER, DMA + 0x1000, 3), load(5, PAGE), i("stcrw", b2=5), i("brc", m1=4, ri2=-4), i("llgf", r1=2, b2=5),
      *big(11, PLAIN + 0x1000), i("lg", r1=3, b2=11, d2=0x20)], dict(r2=0x0b000000, r3=0)),
    ("... of an error", [*EVENT, i("llgc", r1=2, b2=5, d2=27), i("lg", r1=3, b2=5, d2=96)], dict(cc=0, r2=1, r3=DMA + 0x1000)),
    ("... of this function's", [load(5, PAGE2), i("llgf", r1=2, b2=5, d2=84), i("llgc", r1=3, b2=5, d2=95)],
     dict(r2=ON, r3=1)),
    ("... by DMA", [load(5, PAGE2), i("llgh", r1=2, b2=5, d2=110), i("llgc", r1=3, b2=5, d2=24)], dict(r2=4, r3=0)),
    ("the controls tell error and block", CONTROLS, dict(cc=0, r2=0xf0)),
    ("loads are refused", [*fetch(BAR0, 0, 4), i("lgr", r1=2, r2=8)], dict(cc=1, r2=ON << 32 | 12 << 24 | 4)),
    ("... stores, too", store(CONFIG, 4, 2, 6), dict(cc=1)),
    ("... and of blocks", [*big(7, ON << 32 | 16), *big(9, 0x100), *big(10, PLAIN), i("pcistb", r1=7, r3=9, b2=10)],
     dict(cc=1)),
    ("the block is lifted", [*fib(), *modify(9)], dict(cc=0)),
    ("... once", modify(9), status(24, 9)),
    ("... for loads", fetch(BAR0, 0, 4), dict(cc=0, r2=0xed000001)),
    ("... but not for DMA", [*put(PLAIN + 0x20, 0x1234), *transfer(DMA, BUFFER, 1), *transfer(BUFFER, DMA, 3), *big(11, PLAIN),
                             i("lg", r1=2, b2=11, d2=0x20), *CONTROLS[:-1], i("llgc", r1=3, b2=10, d2=8)],
     dict(r2=0x1234, r3=0xd0)),
    ("the error is reset", [*fib(), *modify(7)], dict(cc=0)),
    ("... once", modify(7), status(24, 7)),
    ("... and DMA goes on", [*put(PLAIN + 0x20, 0x5678), *transfer(DMA, BUFFER, 1), *put(PLAIN + 0x20, 0),
                             *transfer(BUFFER, DMA, 3), *big(11, PLAIN), i("lg", r1=2, b2=11, d2=0x20)], dict(r2=0x5678)),
    ("an address beyond the tables, and reset at once", [
        *fire(DMA + 0x20000, BUFFER, 1), load(5, PAGE), i("stcrw", b2=5), i("brc", m1=4, ri2=-4), *EVENT,
        i("lg", r1=2, b2=5, d2=96), i("llgc", r1=3, b2=5, d2=95), *fib(), *modify(7)[:-1]],
     dict(cc=0, r2=DMA + 0x20000, r3=0)),
    ("... lifts the block", CONTROLS, dict(cc=0, r2=0x90)),
    ("interruptions cannot be given up before they are there", modify(3), status(24, 3)),
    ("interruptions are registered",
     [*fib(interruptions=2 << 28 | 8 << 16 | 1 << 7 | 3, vector=PAGE2, sums=PAGE2 + 0x100), *CLEAR, *modify(2)],
     dict(cc=0)),
    ("a message is set up", [*store(CONFIG, 0x44, 4, 0), *store(CONFIG, 0x48, 4, 0xfe000000), *store(CONFIG, 0x4c, 2, 5),
                             *store(CONFIG, 0x42, 2, 1)], dict(cc=0)),
    ("nothing is pending", TEST, dict(cc=0)),
    ("a message sets its bit and the sum",
     [*RAISE, *big(11, PAGE2), i("llgc", r1=2, b2=11, d2=0), i("llgc", r1=3, b2=11, d2=0x100)], dict(r2=4, r3=0x10)),
    ("... and interrupts", [*TEST, i("llgf", r1=2, b2=0, d2=0xc0)], dict(cc=1, r2=0x90000000)),
    ("... once while the sum stays", [*RAISE, *TEST], dict(cc=0)),
    ("single mode: the first one comes", [*sic(1), *CLEAR, *RAISE, *TEST], dict(cc=1)),
    ("... and no other", [*CLEAR, *RAISE, *TEST], dict(cc=0)),
    ("... until it is set again", [*sic(1), *CLEAR, *RAISE, *TEST], dict(cc=1)),
    ("all of them without it", [*sic(0), *CLEAR, *RAISE, *CLEAR, *RAISE, *TEST], dict(cc=1)),
    ("a mode that is none", sic(7), dict(pgm=0x15)),
    ("the controls tell what was set",
     [*big(7, ON << 32), *big(10, PAGE), i("stpcifc", r1=7, b2=10), i("llgc", r1=2, b2=10, d2=8),
      i("lg", r1=3, b2=10, d2=32)], dict(cc=0, r2=0x90, r3=TABLES | 0x804)),
    ("measurement begins anew", [*put(BLOCK + 0x800, *[0] * 8), *fib(), *put(PAGE + 64, BLOCK + 0x800), *modify(10)],
     dict(cc=0)),
    ("... of some loads, stores and a refreshment",
     [*store(BAR0, 4, 4, 1) * 3, *fetch(BAR0, 4, 4) * 2, *fetch(CONFIG, 0, 4, OFF), *big(7, ON << 32), *big(8, DMA),
      *big(9, 0x1000), i("rpcit", r1=7, r2=8)], dict(cc=0)),
    ("... brings the block up to date", [*big(11, BLOCK + 0x800), i("lt", r1=3, b2=11, d2=4), i("brc", m1=8, ri2=-6),
                                         i("lg", r1=2, b2=11, d2=16), i("lg", r1=3, b2=11, d2=24)], dict(r2=2, r3=3)),
    ("... all counters", [*big(11, BLOCK + 0x800), i("lg", r1=2, b2=11, d2=32), i("lg", r1=3, b2=11, d2=40)],
     dict(r2=0, r3=1)),
    ("... and the clock", [*big(11, BLOCK + 0x800), i("stck", d2=0x860), i("lg", r1=3, d2=0x860), i("lg", r1=2, b2=11, d2=8),
                           i("srlg", r1=2, r3=2, d2=46), i("srlg", r1=3, r3=3, d2=46), i("sgr", r1=3, r2=2),
                           i("lgr", r1=2, r2=3)], dict(r3=0)),
    ("measurement ends", [*fib(), *modify(10)], dict(cc=0)),
    ("tables are given up", modify(5), dict(cc=0)),
    ("... and nothing is read by them", [*store(BAR0, 0x88, 8, BUFFER), *transfer(BUFFER, DMA, 3), *big(11, PLAIN),
                                         i("lg", r1=2, b2=11, d2=0x28)], dict(r2=0)),
    ("it is disabled", [*clp(5, ON << 32 | 1 << 8), i("llgf", r1=3, b2=11, d2=16)],
     dict(r2=96 << 48 | 0x10 << 32, r3=OFF)),
    ("... and its handle unknown", modify(3), dict(cc=3)),
]

if __name__ == "__main__":
    main(CASES, "-device", "edu,dma_mask=0x1ffffffff")
