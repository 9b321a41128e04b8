#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""access.py FERRY: the access-register mode: ALETs and their exceptions, operands of one instruction in several spaces,
what an interruption tells of them, and a move in that mode. Prints TAP.

Cases as in system.py, spaces as in dat.py: the page PAGE is PAGE2 in the secondary space, and PAGE3 in the space of the lists.
"""
import os
import shutil
import struct
import sys
import tempfile

from dat import FETCH, OFF, PAGES, PAGES2, PLAIN, SEGMENTS, SEGMENTS2, STORE, ABSENT, control, entry, fill, on
from programs import enc
from system import HANDLER, OUT, PAGE, PAGE2, STEP, Machine, i, image, load, report, run

SEGMENTS3, PAGES3, PAGE3 = 0x4a000, 0x4c000, 0x3a000
DUCT, ASTE, LIST, PRIMARY_LIST, ASTE3, AUTHORITY = 0x50000, 0x50040, 0x50080, 0x50180, 0x50280, 0x502c0
PRIMARY_ASTE, IN_LIST_OF_PRIMARY = 0x50400, 1 << 24
EAX = 7


def alet(number, sequence=5, primary=0):
    return primary | sequence << 16 | number


def words(at, *values):
    return [load(5, at)] + [x for k, v in enumerate(values) for x in (load(6, v), i("st", r1=6, b2=5, d2=4 * k))]


def ale(number, *, at=LIST, flags=0, sequence=5, aleax=0, aste=ASTE3, aste_sequence=9):
    return words(at + 16 * number, flags | sequence << 16 | aleax, 0, aste, aste_sequence)


def ar(**values):
    """Access registers by name: a7=ALET."""
    return [x for name, v in values.items() for x in (load(4, v), i("sar", r1=int(name[1:]), r2=4))]


def mode(*code, **registers):
    """In the access-register mode, with r7, r8 and r9 at PAGE."""
    return on(*ar(**registers), load(7, PAGE), load(8, PAGE), load(9, PAGE), i("sac", d2=0x200), *code, i("sac"))


def run_in_page(*before):
    """Code at PAGE + 0x100 that loads r2 from PAGE, relative to itself, is called."""
    return [OFF, i("llihf", r1=4, i2=0xc428ffff), i("oilf", r1=4, i2=0xff8007f9), load(5, PAGE), i("stg", r1=4, b2=5, d2=0x100),
            *on(*before, i("larl", r1=9, ri2=14), load(8, PAGE + 0x100), i("bcr", m1=15, r2=8), i("sac"))]


INVALID, FETCH_ONLY, PRIVATE = 1 << 31, 1 << 25, 1 << 24
WHICH = [i("llgc", r1=2, b2=0, d2=0xa0)]

CASES = [
    ("tables", [OFF, *fill(SEGMENTS, 512, 0x20, 0), *fill(SEGMENTS2, 512, 0x20, 0), *fill(PAGES, 256, 0, 4096),
                *fill(PAGES2, 256, 0, 4096)], dict()),
    ("... of three spaces", [*fill(SEGMENTS3, 512, 0x20, 0), *fill(PAGES3, 256, 0, 4096), *entry(SEGMENTS, 0, PAGES),
                             *entry(SEGMENTS2, 0, PAGES2), *entry(SEGMENTS3, 0, PAGES3)], dict()),
    ("... that differ in a page", [*entry(PAGES2, PAGE >> 12, PAGE2), *entry(PAGES3, PAGE >> 12, PAGE3),
                                   *entry(PAGES3, ABSENT >> 12, 0x400)], dict()),
    ("... and their contents", [load(5, PAGE), i("mvghi", b1=5, i2=11), load(5, PAGE2), i("mvghi", b1=5, i2=22),
                                load(5, PAGE3), i("mvghi", b1=5, i2=33)], dict()),
    ("lists of spaces", [*words(DUCT, 0, 0, 0, 0, LIST | 1), *words(PRIMARY_ASTE, 0, 0, 0, 0, PRIMARY_LIST),
                         *words(ASTE3, AUTHORITY, 0, 0, SEGMENTS3, 0, 9)], dict()),
    ("... their entries", [*ale(2), *ale(3, flags=INVALID), *ale(4, aste_sequence=8), *ale(5, aste=ASTE)], dict()),
    ("... more of them", [*words(ASTE, INVALID, 0, 0, 0, 0, 9), *ale(6, flags=PRIVATE, aleax=1),
                          *ale(7, flags=PRIVATE, aleax=EAX), *ale(8, flags=FETCH_ONLY)], dict()),
    ("... and in the primary space's", [*ale(3, at=PRIMARY_LIST), *control(
        PLAIN, (1, SEGMENTS), (2, DUCT), (5, PRIMARY_ASTE), (7, SEGMENTS2))], dict()),
    ("... with an authorization index", [*control(PLAIN, (8, EAX << 16), (13, SEGMENTS))], dict()),

    ("SAC switches to the access-register mode, IAC tells it", mode(i("iac", r1=2)), dict(cc=2, r2=0x200)),
    ("ALET 0 is the primary space, 1 the secondary", mode(i("lg", r1=2, b2=7), i("lg", r1=3, b2=8), a7=0, a8=1),
     dict(r2=11, r3=22)),
    ("another one is in the list", mode(i("lg", r1=2, b2=7), a7=alet(2)), dict(r2=33)),
    ("... of the primary space", mode(i("lg", r1=2, b2=7), a7=alet(3, primary=IN_LIST_OF_PRIMARY)), dict(r2=33)),
    ("access register 0 counts as 0", mode(i("lg", r1=2, d2=0x200), i("lghi", r1=2, i2=1), a0=alet(99)), dict(r2=1)),
    ("an index register has no space", mode(load(10, 0), i("lg", r1=2, x2=7, b2=10), a7=alet(99), a10=0), dict(r2=11)),
    ("an address alone is no access", mode(i("la", r1=2, b2=7), a7=alet(99)), dict(r2=PAGE)),
    ("a changed ALET is another space", mode(i("lg", r1=2, b2=7), load(4, 1), i("sar", r1=7, r2=4), i("lg", r1=3, b2=7),
                                             a7=alet(2)), dict(r2=33, r3=22)),
    ("MVC between two spaces", mode(i("mvc", b1=7, d1=64, l1=15, b2=8), i("lg", r1=2, b2=7, d2=64), a7=1, a8=alet(2)),
     dict(r2=33)),
    ("... of addresses that would overlap in one", mode(
        i("mvghi", b1=8, d1=0x400, i2=33), i("mvghi", b1=8, d1=0x408, i2=-1), i("mvc", b1=7, d1=0x401, l1=8, b2=8, d2=0x400),
        i("lg", r1=2, b2=7, d2=0x402), a7=1, a8=alet(2)),
     dict(r2=33 << 8 | 0xff)),
    ("CLC of two spaces", mode(i("clc", b1=7, l1=39, b2=8), a7=1, a8=0), dict(cc=2)),
    ("... of few bytes", mode(i("clc", b1=7, l1=7, b2=8), a7=0, a8=1), dict(cc=1)),
    ("OC with another space", mode(i("mvghi", b1=7, d1=0x500, i2=64), i("oc", b1=7, d1=0x500, l1=15, b2=8),
                                   i("lg", r1=2, b2=7, d2=0x500), a7=0, a8=alet(2)), dict(cc=1, r2=97)),
    ("XC of one address in two spaces is no clearing", mode(
        i("mvghi", b1=7, d1=0x600, i2=64), i("xc", b1=7, d1=0x600, l1=23, b2=8, d2=0x600), i("lg", r1=2, b2=7, d2=0x600),
        a7=1, a8=alet(2)), dict(cc=1, r2=64)),
    ("LMD of two spaces", mode(i("lmd", r1=2, r3=2, b2=7, d2=4, b4=8, d4=4), a7=alet(2), a8=0), dict(r2=33 << 32 | 11)),
    ("MVCL from one space to another", mode(load(10, PAGE), load(11, 8), load(12, PAGE + 0x100), load(3, 8),
                                            i("lgr", r1=2, r2=12), i("mvcl", r1=2, r2=10), i("lg", r1=2, b2=12),
                                            a2=1, a10=alet(2), a12=1), dict(cc=0, r2=33)),
    ("... which do not overlap", mode(load(10, PAGE), load(11, 16), load(2, PAGE + 8), load(3, 16), i("mvcl", r1=2, r2=10),
                                      a2=0, a10=1), dict(cc=0, r2=PAGE + 24)),
    ("MVPG from one space to another", mode(load(0, 0), load(10, 0x3b000), i("mvpg", r1=10, r2=7), i("lg", r1=2, b2=10),
                                            a7=alet(2), a10=0), dict(cc=0, r2=33)),
    ("CLCLE compares two spaces", mode(load(10, PAGE), load(11, 8), load(2, PAGE), load(3, 8), i("clcle", r1=2, r3=10),
                                       a2=alet(2), a10=0), dict(cc=2)),
    ("TR with a table in another space", mode(
        i("mvi", b1=7, d1=200, i2=7), i("tr", b1=7, d1=200, l1=0, b2=8), i("llgc", r1=2, b2=7, d2=200), a7=0, a8=alet(2)),
     dict(r2=33)),
    ("MVCOS by access registers", on(
        *ar(a7=1, a8=alet(2)), load(7, PAGE), load(8, PAGE), load(0, 0x410041), load(10, 8),
        i("mvcos", b1=7, d1=80, b2=8, r3=10), load(7, PAGE2), i("lg", r1=2, b2=7, d2=80)), dict(cc=0, r2=33)),
    ("MVCP is for other modes", mode(load(10, 8), load(11, 0), i("mvcp", r1=10, b1=7, b2=8, r3=11)), dict(pgm=0x13)),
    ("LRA", mode(i("lra", r1=2, b2=7, d2=8), a7=alet(2)), dict(cc=0, r2=PAGE3 + 8)),
    ("... tells an exception", mode(load(2, 0), i("lra", r1=2, b2=7), a7=alet(2, sequence=4)), dict(cc=3, r2=0x8000002a)),
    ("TPROT", mode(i("tprot", b1=7), a7=alet(8)), dict(cc=1)),
    ("... tells that it cannot", mode(i("tprot", b1=7), a7=alet(3)), dict(cc=3)),
    ("PLO with ALETs in its list", mode(
        load(0, 13), load(1, 0), i("mvghi", b1=9, d1=0x208, i2=11), i("mvghi", b1=9, d1=0x218, i2=12),
        i("mvghi", b1=9, d1=0x238, i2=44), load(4, alet(2)), i("st", r1=4, b2=9, d2=0x244), i("la", r1=4, b2=7, d2=0x300),
        i("stg", r1=4, b2=9, d2=0x248), i("plo", r1=10, r3=12, b2=7, b4=9, d4=0x200), i("lg", r1=2, b2=7),
        load(4, PAGE3), i("lg", r1=3, b2=4, d2=0x300), i("mvghi", b1=7, i2=11), a4=0, a7=0, a9=0), dict(cc=0, r2=12, r3=44)),
    ("... which it leaves in an access register", [i("ear", r1=2, r2=12)], dict(r2=alet(2))),
    ("... that is not register 0", mode(load(0, 13), load(1, 0), i("plo", r1=10, r3=0, b2=7, b4=9, d4=0x200), a7=0, a9=0),
     dict(pgm=6)),

    ("no such ALET", mode(i("lg", r1=2, b2=7), a7=0x02000000), dict(pgm=0x28)),
    ("... beyond the list", mode(i("lg", r1=2, b2=8), a8=alet(16)), dict(pgm=0x29)),
    ("... and the access register is told", WHICH, dict(r2=8)),
    ("an invalid entry", mode(i("lg", r1=2, b2=9), a9=alet(3)), dict(pgm=0x29)),
    ("... its register", WHICH, dict(r2=9)),
    ("another sequence number", mode(i("lg", r1=2, b2=7), a7=alet(2, sequence=4)), dict(pgm=0x2a)),
    ("an invalid space", mode(i("lg", r1=2, b2=7), a7=alet(5)), dict(pgm=0x2b)),
    ("a space used again", mode(i("lg", r1=2, b2=7), a7=alet(4)), dict(pgm=0x2c)),
    ("a private entry of another program", mode(i("lg", r1=2, b2=7), a7=alet(6)), dict(pgm=0x2d)),
    ("... of this one", mode(i("lg", r1=2, b2=7), a7=alet(7)), dict(r2=33)),
    ("... that the space allows", [OFF, *words(AUTHORITY, 1 << 16), *mode(i("lg", r1=2, b2=7), a7=alet(6))], dict(r2=33)),
    ("... within its table", [OFF, *control(PLAIN, (8, 0x170000)), *mode(i("lg", r1=2, b2=7), a7=alet(6))], dict(pgm=0x2d)),
    ("a space to fetch from", mode(i("lg", r1=2, b2=7), a7=alet(8)), dict(r2=33)),
    ("... not to store into", mode(i("stg", r1=2, b2=8), a8=alet(8)), dict(pgm=4, teid=PAGE | STORE | 0x0c | 1)),
    ("... its register", WHICH, dict(r2=8)),
    ("no page in the space", mode(load(7, ABSENT), i("lg", r1=2, b2=7), a7=alet(2)), dict(pgm=0x11, teid=ABSENT | FETCH | 1)),
    ("... its register", WHICH, dict(r2=7)),
    ("the second operand's", mode(load(8, ABSENT), i("mvc", b1=7, l1=7, b2=8), a7=0, a8=alet(2)),
     dict(pgm=0x11, teid=ABSENT | FETCH | 1)),
    ("... register", WHICH, dict(r2=8)),

    ("an entry that went is not used after PURGE ALB", mode(
        i("lg", r1=2, b2=7), load(4, LIST + 32), i("oi", b1=4, i2=0x80), i("palb"), i("lg", r1=3, b2=7), a7=alet(2), a4=0),
     dict(pgm=0x29, r2=33)),
    ("a new primary space is ALET 0's", [OFF, *ale(2), *mode(
        i("lg", r1=2, b2=7), load(4, SEGMENTS2), i("stg", r1=4, d2=0x838), i("lctlg", r1=1, r3=1, d2=0x838),
        i("lg", r1=3, b2=7), a7=0)], dict(r2=11, r3=22)),
    ("LAE leaves the space in the access register", [OFF, *control(PLAIN, (1, SEGMENTS)), *mode(
        i("lae", r1=10, b2=7), i("ear", r1=2, r2=10), i("lae", r1=10, x2=7), i("ear", r1=3, r2=10), a7=alet(2), a10=1)],
     dict(r2=alet(2), r3=0)),
    ("... in the other modes", on(
        i("sac", d2=0x100), i("lae", r1=10, b2=7), i("ear", r1=2, r2=10), i("sac", d2=0x300), i("lae", r1=10, b2=7),
        i("ear", r1=3, r2=10), i("sac")), dict(r2=1, r3=2)),
    ("TAR: ALET 0", [*ar(a7=0), load(9, EAX << 16), i("tar", r1=7, r2=9)], dict(cc=0)),
    ("... ALET 1", [*ar(a7=1), i("tar", r1=7, r2=9)], dict(cc=3)),
    ("... of a list", [*ar(a7=alet(7)), i("tar", r1=7, r2=9)], dict(cc=1)),
    ("... for another program", [*ar(a7=alet(7)), load(9, 0x170000), i("tar", r1=7, r2=9)], dict(cc=3)),
    ("... of the primary space's list", [*ar(a7=alet(3, primary=IN_LIST_OF_PRIMARY)), i("tar", r1=7, r2=9)], dict(cc=2)),
    ("... of none", [*ar(a7=alet(3)), i("tar", r1=7, r2=9)], dict(cc=3)),
    ("what is relative to the instruction is in its space", run_in_page(*ar(a9=1), i("sac", d2=0x200)), dict(r2=11)),
    ("... also of a program that has its data in the secondary space", run_in_page(i("sac", d2=0x100)), dict(r2=11)),
    ("an event tells the access register", [
        OFF, *ar(a7=1), load(7, PAGE), load(4, 0x20 << 24), load(5, PAGE + 0x180), load(6, PAGE + 0x187),
        i("stmg", r1=4, r3=6, d2=0x838), i("lctlg", r1=9, r3=11, d2=0x838), i("stosm", d1=0x858, i2=4), i("sac", d2=0x200),
        i("stosm", d1=0x858, i2=0x40), i("stg", r1=3, b2=7, d2=0x180)], dict(pgm=0x80, per=0x20f5)),
    ("... in its own place", [i("llgc", r1=2, d2=0xa1)], dict(r2=7)),
    ("translation off again", [OFF], dict()),
]

# A program that waits in the access-register mode until a restart, after a move, lets it go on.
WAITS, GO_ON = 0x900, 0x901
WAITING = [i("mvi", b1=0, d1=GO_ON, i2=0), i("mvi", b1=0, d1=WAITS, i2=1), i("cli", b1=0, d1=GO_ON, i2=0), i("brc", m1=8, ri2=-4)]
SETTING_UP = 9
MOVED = [*CASES[:SETTING_UP],
         ("a move keeps mode, spaces and registers", mode(
             i("lg", r1=3, b2=8), *WAITING, i("lg", r1=2, b2=7), i("lg", r1=3, b2=8), a7=alet(2), a8=1), dict(r2=33, r3=22)),
         CASES[-1]]


def restart(data):
    """A restart lets the program go on where it was."""
    data = bytearray(data)
    code = enc("mvi", b1=0, d1=GO_ON, i2=1) + enc("lpswe", b2=0, d2=0x120)
    data[HANDLER + 0x100:HANDLER + 0x100 + len(code)] = code
    data[0x1a0:0x1b0] = struct.pack(">QQ", 0x180000000, HANDLER + 0x100)
    return bytes(data)


def moved(ferry):
    with tempfile.TemporaryDirectory(prefix="ferry-access-") as directory:
        path, uri = os.path.join(directory, "kernel"), f"unix:{directory}/uri"
        with open(path, "wb") as f:
            f.write(restart(image(MOVED)))
        with Machine(ferry, directory, "a", "-kernel", path) as a, \
             Machine(ferry, directory, "b", "-kernel", path, "-incoming", uri) as b:
            a.wait_byte(WAITS, 1)
            a.command("migrate", uri=uri)
            b.wait_event("RESUME")
            b.command("inject-nmi")
            b.wait_byte(OUT + STEP * len(MOVED), 0xee)
            return b.memory(OUT, STEP * len(MOVED))


def main():
    ferry = shutil.which(sys.argv[1]) or os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="ferry-access-") as directory:
        data = run(ferry, CASES, directory)
    report(CASES + MOVED[SETTING_UP:], data + moved(ferry)[STEP * SETTING_UP:])


if __name__ == "__main__":
    main()
