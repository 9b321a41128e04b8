#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""dat.py FERRY: translation, its exceptions, invalidation, and moves between address spaces. Prints TAP.

Cases as in system.py. The first ones build the tables: both spaces map the first megabyte as it is, but PAGE of the
secondary space is PAGE2. Cases run with translation on; an interruption switches it off, as does the next case first.
"""
from system import PAGE, PAGE2, i, load, main

SEGMENTS, SEGMENTS2, PAGES, PAGES2, REGIONS = 0x44000, 0x46000, 0x48000, 0x49000, 0x4c000
ABSENT, PROTECTED, NO_EXEC, OURS, MOVED, REPLACED = 0x30000, 0x31000, 0x32000, 0x33000, 0x34000, 0x35000
FETCH, STORE, BY_TABLE, BY_EXEC = 0x800, 0x400, 0x04, 0x84
PLAIN, IEP, EDAT = 0x40000e0 | 0x40000, 0x4140000 | 0xe0, 0x4840000 | 0xe0
OFF = i("stnsm", d1=0x858, i2=0xfb)


def fill(table, count, first, step):
    return [load(5, table), load(6, first), load(7, count), i("stg", r1=6, b2=5), i("aghi", r1=5, i2=8),
            i("agfi", r1=6, i2=step), i("brctg", r1=7, ri2=-16)]


def entry(table, index, value):
    return [load(5, table + 8 * index), load(6, value), i("stg", r1=6, b2=5)]


def control(cr0, *rest):
    values = [(0, cr0), *rest]
    return [x for n, v in values for x in (load(6, v), i("stg", r1=6, d2=0x838), i("lctlg", r1=n, r3=n, d2=0x838))]


def on(*code):
    """With translation; r5: PAGE, r6: PAGE2."""
    return [OFF, load(5, PAGE), load(6, PAGE2), i("stosm", d1=0x858, i2=4), *code]


def at(va, mnemonic="lg", r1=2):
    return [load(8, va), i(mnemonic, r1=r1, b2=8)]


def lra(va, mnemonic="lra"):
    return on(load(8, va), i(mnemonic, r1=2, b2=8))


CASES = [
    ("tables", [*fill(SEGMENTS, 512, 0x20, 0), *fill(SEGMENTS2, 512, 0x20, 0), *fill(PAGES, 256, 0, 4096),
                *fill(PAGES2, 256, 0, 4096)], dict()),
    ("... with exceptions", [*entry(SEGMENTS, 0, PAGES), *entry(SEGMENTS2, 0, PAGES2), *entry(PAGES, ABSENT >> 12, 0x400),
                             *entry(PAGES2, PAGE >> 12, PAGE2)], dict()),
    ("... more of them", [*entry(PAGES, PROTECTED >> 12, PROTECTED | 0x200), *entry(PAGES, NO_EXEC >> 12, NO_EXEC | 0x100),
                          *control(PLAIN, (1, SEGMENTS), (7, SEGMENTS2), (13, SEGMENTS))], dict()),
    ("... and contents", [load(5, PAGE), i("mvghi", b1=5, i2=11), load(5, PAGE2), i("mvghi", b1=5, i2=22),
                          load(5, NO_EXEC), i("mvhhi", b1=5, i2=0x07f9)], dict()),
    ("LRA: the real address", lra(PAGE + 8), dict(cc=0, r2=PAGE + 8)),
    ("LRAY too", lra(PAGE + 8, "lray"), dict(cc=0, r2=PAGE + 8)),
    ("LRAG: no page", lra(ABSENT, "lrag"), dict(cc=2)),
    ("LRAG: no segment", lra(0x100000, "lrag"), dict(cc=1)),
    ("a fetch through the tables", on(*at(PAGE)), dict(r2=11)),
    ("no page", on(*at(ABSENT + 8)), dict(pgm=0x11, teid=ABSENT | FETCH)),
    ("... for a store", on(*at(ABSENT + 8, "stg")), dict(pgm=0x11, teid=ABSENT | STORE)),
    ("no segment", on(*at(0x100000)), dict(pgm=0x10, teid=0x100000 | FETCH)),
    ("a table that is too short", on(i("llihf", r1=8, i2=1), i("lg", r1=2, b2=8)), dict(pgm=0x38)),
    ("a protected page", on(*at(PROTECTED, "stg")), dict(pgm=4, teid=PROTECTED | STORE | BY_TABLE)),
    ("... can be fetched from", on(*at(PROTECTED)), dict()),
    ("instructions of a page that is not for them", [*control(IEP), *on(i("larl", r1=9, ri2=14), load(8, NO_EXEC),
                                                                       i("bcr", m1=15, r2=8))],
     dict(pgm=4, teid=NO_EXEC | FETCH | BY_EXEC)),
    ("... without the control", [OFF, *control(PLAIN), *on(i("larl", r1=9, ri2=14), load(8, NO_EXEC),
                                                           i("bcr", m1=15, r2=8), i("lghi", r1=2, i2=5))], dict(r2=5)),
    ("IPTE invalidates a page", on(*at(OURS), load(7, PAGES), i("ipte", r1=7, r2=8), i("lg", r1=2, b2=8)),
     dict(pgm=0x11, teid=OURS | FETCH)),
    ("IDTE clears by the table's designation",
     [OFF, *entry(PAGES, MOVED >> 12, PAGE), *on(*at(MOVED, r1=3), load(9, PAGES + (MOVED >> 9)),
                                                 i("stg", r1=6, b2=9), load(7, 0x800), load(9, SEGMENTS),
                                                 i("idte", r1=0, r2=7, r3=9), i("lg", r1=2, b2=8))], dict(r2=22, r3=11)),
    ("... invalidates a segment", [OFF, *entry(SEGMENTS, 2, PAGES), *on(*at(0x200000 + PAGE, r1=3), load(9, SEGMENTS),
                                                                       load(7, 0), load(10, 0x200000),
                                                                       i("idte", r1=9, r2=10, r3=7), i("lg", r1=2, b2=8))],
     dict(pgm=0x10, r3=11)),
    ("CRDTE replaces a page's entry, and nothing old is left",
     [OFF, *entry(PAGES, REPLACED >> 12, PAGE), *on(*at(REPLACED, r1=3), load(4, PAGE), i("lgr", r1=5, r2=6),
                                                 load(10, PAGES), load(11, REPLACED), load(9, SEGMENTS),
                                                 i("crdte", r1=4, r2=10, r3=9), i("lg", r1=2, b2=8))],
     dict(cc=0, r2=22, r3=11)),
    ("... if it is what it should be",
     on(load(4, PAGE), load(10, PAGES), load(11, REPLACED), load(9, SEGMENTS), i("crdte", r1=4, r2=10, r3=9),
        i("lgr", r1=2, r2=4), i("lg", r1=3, b2=11)), dict(cc=1, r2=PAGE2, r3=22)),
    ("... a segment's", on(load(4, 0x20), load(5, PAGES), load(10, SEGMENTS | 0x10), load(11, 0x500000), load(9, SEGMENTS),
                           i("crdte", r1=4, r2=10, r3=9), *at(0x500000 + PAGE)), dict(cc=0, r2=11)),
    ("... of a type that is none", on(load(10, PAGES | 4), i("crdte", r1=4, r2=10, r3=9)), dict(pgm=6)),
    ("... an odd register", on(i("crdte", r1=5, r2=10, r3=9)), dict(pgm=6)),
    ("a large frame", [OFF, *entry(SEGMENTS, 3, 0x400), *control(EDAT), *on(*at(0x300000 + PAGE))], dict(r2=11)),
    ("... only with its control", [OFF, *control(PLAIN), *on(*at(0x300000 + 0x400000))], dict(pgm=0x10)),
    ("a frame of 2 GiB", [*fill(REGIONS, 512, 0x24, 0), *entry(REGIONS, 0, SEGMENTS | 7), *entry(REGIONS, 1, 0x404 | 3),
                          *control(EDAT, (1, REGIONS | 4)), *on(i("oilf", r1=5, i2=0x80000000), i("lg", r1=2, b2=5))],
     dict(r2=11)),
    ("... is found by LRAG", lra(0x80000000 + PAGE2, "lrag"), dict(cc=0, r2=PAGE2)),
    ("... is protected", [OFF, *entry(REGIONS, 1, 0x604 | 3), i("ptlb"), *on(*at(0x80000000 + PAGE, "stg"))], dict(pgm=4)),
    ("... only with its control", [OFF, *control(PLAIN, (1, SEGMENTS))], dict()),
    ("PFMF of 2 GiB ends at their end", [OFF, load(5, 0x7ffff000), load(4, 0x2000), i("pfmf", r1=4, r2=5)],
     dict(pgm=5)),
    ("SAC: the secondary space", on(i("sac", d2=0x100), i("lg", r1=2, b2=5), i("iac", r1=3, r2=0), i("sac"),
                                    i("lg", r1=3, b2=5)), dict(r2=22, r3=11)),
    ("IAC tells it", on(i("sac", d2=0x100), i("lghi", r1=2, i2=0), i("iac", r1=2), i("ipm", r1=3),
                        i("sacf", d2=0), i("srlg", r1=3, r3=3, d2=28)), dict(r2=0x100, r3=1)),
    ("MVCP moves from it", on(load(7, 8), load(9, 0), i("mvcp", r1=7, b1=5, d1=64, b2=5, r3=9), i("lg", r1=2, b2=5, d2=64)),
     dict(cc=0, r2=22)),
    ("MVCS moves to it", on(load(7, 8), load(9, 0), i("mvcs", r1=7, b1=5, d1=72, b2=5, r3=9), i("lg", r1=2, b2=6, d2=72)),
     dict(cc=0, r2=11)),
    ("... at most 256 bytes", on(load(7, 300), load(9, 0), i("mvcs", r1=7, b1=5, d1=72, b2=5, r3=9)), dict(cc=3)),
    ("MVCOS: from the secondary space", on(load(0, 0x81), load(7, 8), i("mvcos", b1=5, d1=80, b2=5, r3=7),
                                           i("lg", r1=2, b2=5, d2=80)), dict(cc=0, r2=22)),
    ("... to it", on(load(0, 0x810000), load(7, 8), i("mvcos", b1=5, d1=88, b2=5, r3=7), i("lg", r1=2, b2=6, d2=88)),
     dict(cc=0, r2=11)),
    ("... a page that is not there", on(load(0, 0), load(8, ABSENT), load(7, 8), i("mvcos", b1=8, b2=5, r3=7)),
     dict(pgm=0x11)),
    ("MVPG moves a page", on(load(0, 0), i("mvghi", b1=5, d1=0xff8, i2=44), i("mvpg", r1=6, r2=5), i("lg", r1=2, b2=6, d2=0xff8),
                             i("lg", r1=3, b2=6)), dict(cc=0, r2=44, r3=11)),
    ("... between places in pages", on(load(0, 0), i("la", r1=7, b2=6, d2=0x123), i("la", r1=8, b2=5, d2=0xff),
                                       i("mvghi", b1=5, d1=0x10, i2=45), i("mvpg", r1=7, r2=8), i("lg", r1=2, b2=6, d2=0x10)),
     dict(cc=0, r2=45)),
    ("... not to one that is not there", on(load(0, 0), load(7, ABSENT), i("mvpg", r1=7, r2=5)),
     dict(pgm=0x11, teid=ABSENT | STORE)),
    ("... which may be a condition code", on(load(0, 0x400), load(7, ABSENT), i("mvpg", r1=7, r2=5)), dict(cc=1)),
    ("... the source's", on(load(0, 0x400), load(7, ABSENT), i("mvpg", r1=7, r2=7)), dict(cc=2)),
    ("... with a bit that must be zero", on(load(0, 0x1000), i("mvpg", r1=6, r2=5)), dict(pgm=6)),
    ("... with a key for one of them", on(load(0, 0x300), i("mvpg", r1=6, r2=5)), dict(pgm=6)),
    ("the home space", on(i("sac", d2=0x300), i("lg", r1=2, b2=5), i("sac")), dict(r2=11)),
    ("translation off again", [OFF, i("lg", r1=2, b2=5)], dict(r2=11)),
]

if __name__ == "__main__":
    main(CASES)
