#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""keys.py FERRY: references and changes in storage keys, conditional setting, frames, low-address protection and
fetch-protection override. Prints TAP. Cases as in system.py.
"""
from system import FETCH, PAGE, PAGE2, PROTECTED, STORE, i, load, main, set_key, with_key

SEGMENT = 0x200000
LOW, OVERRIDE, PLAIN = (i("lctlg", d2=d) for d in (0x810, 0x818, 0x800))
SHOW = i("iske", r1=2, r2=5)


def sske(value, page, m3):
    return [load(4, value), load(5, page), i("sske", r1=4, r2=5, m3=m3), i("lgr", r1=2, r2=4)]


def pfmf(value, page):
    return [load(4, value), load(5, page), i("pfmf", r1=4, r2=5)]


def store_at(base, displacement=0, mnemonic="st"):
    return [load(4, 0x77), load(6, base), i(mnemonic, r1=4, b2=6, d2=displacement)]


CASES = [
    ("reference and change bits are set as told", [*set_key(PAGE, 0x06), SHOW], dict(r2=0x06)),
    ("... and reset", [*set_key(PAGE, 0x30), SHOW], dict(r2=0x30)),
    ("a fetch is a reference", [FETCH, SHOW], dict(r2=0x34)),
    ("a store is a change too", [STORE, SHOW], dict(r2=0x36)),
    ("RRBE tells both", [load(5, PAGE), i("rrbe", r1=4, r2=5)], dict(cc=3)),
    ("... and resets one", [SHOW], dict(r2=0x32)),
    ("... of which it tells", [i("rrbe", r1=4, r2=5)], dict(cc=1)),
    ("a fetch is a reference again", [FETCH, SHOW], dict(r2=0x36)),
    ("a change after the reset of a change", [*set_key(PAGE, 0), STORE, *set_key(PAGE, 0), STORE, SHOW], dict(r2=0x06)),
    ("... by a move", [*set_key(PAGE2, 0), *set_key(PAGE, 0), load(6, PAGE2), i("mvc", b1=5, l1=20, b2=6), SHOW],
     dict(r2=0x06)),
    ("... of which the source is referred to", [load(5, PAGE2), SHOW], dict(r2=0x04)),
    ("conditional: the same key, whatever R and C are", [*set_key(PAGE, 0x38), *sske(0x3e, PAGE, 6)],
     dict(cc=0, r2=0x383e)),
    ("... stays", [SHOW], dict(r2=0x38)),
    ("conditional: another key", sske(0x40, PAGE, 6), dict(cc=1, r2=0x3840)),
    ("... is set", [SHOW], dict(r2=0x40)),
    ("conditional: a difference of R does not count with MR", sske(0x44, PAGE, 4), dict(cc=0, r2=0x4044)),
    ("... one of C does", sske(0x42, PAGE, 4), dict(cc=1, r2=0x4042)),
    ("conditional: one of C does not count with MC", sske(0x40, PAGE, 2), dict(cc=0, r2=0x4240)),
    ("... one of R does", sske(0x46, PAGE, 2), dict(cc=1, r2=0x4246)),
    ("several blocks, to the end of the segment",
     [*sske(0x70, SEGMENT + 0xfe000, 1), i("lgr", r1=3, r2=5), load(5, SEGMENT + 0xff000), SHOW],
     dict(r2=0x70, r3=SEGMENT + 0x100000)),
    ("... and not beyond", [load(5, SEGMENT + 0x100000), SHOW, i("nill", r1=2, i2=0xf8)], dict(r2=0)),
    ("a frame: cleared, with a key",
     [load(4, 0x99), load(5, PAGE), STORE, *pfmf(0x30050, PAGE), SHOW, i("l", r1=3, b2=5)], dict(r2=0x50, r3=0)),
    ("a frame: the rest of a segment", [*pfmf(0x21060, SEGMENT + 0xfd000), i("lgr", r1=3, r2=5),
                                        load(5, SEGMENT + 0xff000), SHOW], dict(r2=0x60, r3=SEGMENT + 0x100000)),
    ("a frame: sizes that do not exist", pfmf(0x23000, PAGE), dict(pgm=6)),
    ("a frame: reserved bits", pfmf(0x20100, PAGE), dict(pgm=6)),
    ("a frame that is not there", pfmf(0x20000, 0x10000000), dict(pgm=5)),
    ("a key of virtual storage needs translation", [load(5, PAGE), i("ivsk", r1=2, r2=5)], dict(pgm=0x13)),
    ("low-address protection: the first 512 bytes", [LOW, *store_at(0x40)], PROTECTED),
    ("... also by a constant address", [i("st", r1=4, d2=0x40)], PROTECTED),
    ("... can be fetched", [i("lg", r1=2, d2=0x800)], dict(r2=0x400e0)),
    ("... the last of them", store_at(0x1fc, mnemonic="stg"), PROTECTED),
    ("... beyond", store_at(0x200), dict()),
    ("... by a constant address", [load(4, 0x1234), i("st", r1=4, d2=0x204), i("l", r1=2, d2=0x204)], dict(r2=0x1234)),
    ("... again where it is not allowed", store_at(0x1f8), PROTECTED),
    ("... the other page", store_at(0x1000), PROTECTED),
    ("... from the first page into the other", store_at(0xffe), PROTECTED),
    ("... beyond its 512 bytes", store_at(0x1200), dict()),
    ("... not the third page", store_at(0x2000), dict()),
    ("... by a move", [load(6, 0x40), i("mvc", b1=6, l1=3, d2=0x800)], PROTECTED),
    ("... of several registers", [load(6, 0x1f0), i("stmg", r1=0, r3=5, b2=6)], PROTECTED),
    ("... in the prefix area", [i("stmg", r1=2, r3=3, d2=0x210), i("lg", r1=2, d2=0x218)], dict(r2=0)),
    ("... compare and swap", [load(6, 0x40), i("csg", r1=2, r3=3, b2=6)], PROTECTED),
    ("... TPROT tells", [load(5, 0x40), i("tprot", b1=5)], dict(cc=1)),
    ("... where it is", [load(5, 0x400), i("tprot", b1=5)], dict(cc=0)),
    ("... not of STFL", [i("stfl"), i("lgf", r1=2, d2=0xc8), i("srlg", r1=2, r3=2, d2=31)], dict(r2=0x1ffffffff)),
    ("... of a frame to be cleared", pfmf(0x10000, 0), PROTECTED),
    ("low-address protection ends with its control", [PLAIN, *store_at(0x40), i("lg", r1=2, d2=0x40)],
     dict(r2=0x77 << 32)),
    ("fetch protection covers the first page", [*set_key(0, 0x38), *with_key(8, i("l", r1=3, d2=0x400))], PROTECTED),
    ("... its override opens half of it", [OVERRIDE, *with_key(8, i("lg", r1=2, d2=0x820 - 0x28))], dict()),
    ("... not the other", with_key(8, i("l", r1=3, d2=0x800)), PROTECTED),
    ("... nor for stores", with_key(8, i("st", r1=3, d2=0x400)), PROTECTED),
    ("... and ends with its control", [PLAIN, *with_key(8, i("l", r1=3, d2=0x400))], PROTECTED),
]

if __name__ == "__main__":
    main(CASES)
