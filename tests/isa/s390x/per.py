#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""per.py FERRY: program-event recording: which events an instruction has, and what the interruption tells. Prints TAP.

Cases as in system.py. r11 marks where the watched instructions start; after a case that ends in the interruption, the
next one shows how far from there the recorded address (r2) and the old PSW's address (r3) are. The mode in the
recorded half-word is e0: 64-bit, real.
"""
from system import PAGE, i, load, main

BRANCH, FETCH, STORE, REAL, NULLIFY = 0x80, 0x40, 0x20, 0x08, 0x01
CONTROLS, SAVED = 0x830, 0x848
ALL = ([i("lghi", r1=5, i2=0)], [i("lghi", r1=6, i2=-1)])


def at(offset):
    """A range that is one place, from the mark."""
    return [i("la", r1=5, b2=11, d2=offset)], [i("la", r1=6, b2=11, d2=offset)]


def recorded(events, rng, *code, more=0):
    """The code, with those events asked for."""
    first, last = rng
    return [load(4, events << 24 | more), i("larl", r1=11, ri2=0), i("aghi", r1=11, i2=MARK), *first, *last,
            i("stmg", r1=4, r3=6, d2=CONTROLS), i("lctlg", r1=9, r3=11, d2=CONTROLS),
            i("stosm", d1=SAVED, i2=0x40), *code]


# from the LARL to what follows STOSM, for ranges made by two instructions of 4 bytes
MARK = 6 + 4 + 8 + 6 + 6 + 4
OFF = i("stnsm", d1=SAVED, i2=0xbf)
SHOW = [i("lg", r1=2, d2=0x98), i("sgr", r1=2, r2=11), i("lg", r1=3, d2=0x158), i("sgr", r1=3, r2=11)]


def hi(v):
    return i("lghi", r1=3, i2=v)


def data(first, last):
    return [load(5, first)], [load(6, last)]


def of_data(events, first, last, *code):
    """A range of two 6-byte loads: the mark is not used."""
    return recorded(events, data(first, last), *code)


CASES = [
    ("a fetched instruction is an event, when it is over", recorded(FETCH, ALL, hi(5), hi(6)),
     dict(pgm=0x80, r3=5, per=0x40e0)),
    ("... at its address", SHOW, dict(r2=0, r3=4)),
    ("... only in the range", recorded(FETCH, at(4), hi(5), hi(6), hi(7)), dict(pgm=0x80, r3=6, per=0x40e0)),
    ("... at its address", SHOW, dict(r2=4, r3=8)),
    ("... which may wrap", recorded(FETCH, (at(8)[0], [i("lghi", r1=6, i2=16)]), hi(5), hi(6), hi(7), hi(8)),
     dict(pgm=0x80, r3=7)),
    ("nothing without the PSW's bit", [*recorded(FETCH, ALL)[:-1], hi(5)], dict(r3=5)),
    ("nothing without events", recorded(0, ALL, hi(5), OFF), dict(r3=5)),
    ("nullifying: the instruction is not executed", recorded(FETCH | NULLIFY, at(4), hi(5), hi(6)),
     dict(pgm=0x80, r3=5, per=0x41e0)),
    ("... and the PSW points at it", SHOW, dict(r2=4, r3=4)),
    ("a taken branch", recorded(BRANCH, ALL, hi(1), i("brc", m1=15, ri2=8), hi(2), hi(3), OFF),
     dict(pgm=0x80, r3=1, per=0x80e0)),
    ("... told by its own address, with the target in the PSW", SHOW, dict(r2=4, r3=12)),
    ("a branch that is not taken", recorded(BRANCH, ALL, i("cr", r1=11, r2=11), i("brc", m1=7, ri2=8), hi(2), OFF),
     dict(r3=2)),
    ("a branch to a place out of the range",
     recorded(BRANCH, at(4), hi(1), i("brc", m1=15, ri2=8), hi(2), hi(3), OFF, more=0x800000), dict(r3=3)),
    ("... and into it", recorded(BRANCH, at(12), hi(1), i("brc", m1=15, ri2=8), hi(2), hi(3), OFF, more=0x800000),
     dict(pgm=0x80, r3=1, per=0x80e0)),
    ("a branch by a register",
     recorded(BRANCH, ALL, i("la", r1=7, b2=11, d2=10), i("bcr", m1=15, r2=7), hi(2), hi(3), OFF),
     dict(pgm=0x80, per=0x80e0)),
    ("... its address", SHOW, dict(r2=4, r3=10)),
    ("a counting branch", recorded(BRANCH, ALL, hi(3), i("brctg", r1=3, ri2=0), OFF), dict(pgm=0x80, r3=2)),
    ("a store into the range",
     [load(7, PAGE), hi(77), *of_data(STORE, PAGE + 8, PAGE + 15, i("stg", r1=3, b2=7), i("stg", r1=3, b2=7, d2=8),
                                      hi(5), OFF)], dict(pgm=0x80, r3=77, per=0x20e0)),
    ("... is done", [i("lg", r1=2, b2=7, d2=8)], dict(r2=77)),
    ("a store beside it", [load(7, PAGE), *of_data(STORE, PAGE + 8, PAGE + 15, i("stg", r1=3, b2=7, d2=16), hi(5), OFF)],
     dict(r3=5)),
    ("a fetch from it", [load(7, PAGE), *of_data(STORE, PAGE + 8, PAGE + 15, i("lg", r1=3, b2=7, d2=8), OFF)],
     dict(r3=77)),
    ("a move that touches it",
     [load(7, PAGE), *of_data(STORE, PAGE + 8, PAGE + 15, i("mvc", b1=7, l1=8, b2=7, d2=64), hi(5), OFF)],
     dict(pgm=0x80, r3=0, per=0x20e0)),
    ("a range of all storage",
     [load(7, PAGE), *recorded(STORE, ALL, hi(4), i("st", r1=3, b2=7), hi(5), OFF)], dict(pgm=0x80, r3=4, per=0x20e0)),
    ("... the instruction's address", SHOW, dict(r2=4, r3=8)),
    ("a fetch and a store of one instruction",
     [load(7, PAGE), *recorded(STORE | FETCH, (at(4)[0], [load(6, 0x7fffffff)]), hi(4), i("st", r1=3, b2=7), hi(5), OFF)],
     dict(pgm=0x80, r3=4, per=0x60e0)),
    ("an executed store: the EXECUTE's address",
     [load(7, PAGE), *of_data(STORE, PAGE, PAGE + 7, i("exrl", ri2=10), i("brc", m1=15, ri2=10),
                              i("mvc", b1=7, l1=3, b2=7, d2=64), hi(5), OFF)], dict(pgm=0x80, per=0x20e0)),
    ("... also when the target is elsewhere",
     [load(7, PAGE), load(8, PAGE + 0x800), load(9, 0x50307000), i("st", r1=9, b2=8),
      *recorded(STORE, ALL, i("ex", b2=8), hi(5), OFF)], dict(pgm=0x80, per=0x20e0)),
    ("... the EXECUTE's address", SHOW, dict(r2=0, r3=4)),
    ("a step over an EXECUTE is one step", [load(7, PAGE), load(8, PAGE + 0x800), *recorded(
        FETCH, at(0), i("ex", b2=8), hi(5), hi(6), OFF)], dict(pgm=0x80, per=0x40e0, r3=0)),
    ("a store by real address", [load(7, PAGE), *recorded(REAL, ALL, hi(3), i("sturg", r1=3, r2=7), hi(5), OFF)],
     dict(pgm=0x80, per=0x08e0, r3=3)),
    ("an exception of the instruction takes the event along",
     recorded(FETCH, at(4), hi(3), i("cgit", r1=3, i2=3, m3=8), OFF), dict(pgm=0x87, dxc=0xff, r3=3)),
    ("SUPERVISOR CALL comes first",
     [i("llihf", r1=5, i2=1), i("oilf", r1=5, i2=0x80000000), i("stg", r1=5, d2=0x1c0),
      i("lay", r1=5, b2=13, d2=0), i("stg", r1=5, d2=0x1c8), *recorded(FETCH, at(0), i("svc", i1=5), hi(5))],
     dict(pgm=0x80, per=0x40e0)),
    ("... the PSW is the one that it loaded", [i("lg", r1=2, d2=0x158), i("lg", r1=3, d2=0x1c8), i("sgr", r1=2, r2=3),
                                               i("llgh", r1=3, d2=0x8a)], dict(r2=0, r3=5)),
    ("a new PSW without the bit ends it",
     recorded(FETCH, at(4), hi(1), OFF, hi(2)), dict(pgm=0x80, r3=1)),
]

if __name__ == "__main__":
    main(CASES)
