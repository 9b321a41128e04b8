#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""fp-traps.py FERRY: what an enabled IEEE exception of scalar binary floating point leaves behind. Prints TAP.

Cases as in system.py. After a case that ends in the interruption, the next one shows registers and FPC.
"""
from system import i, load, main


def f(n, bits):
    """Floating-point register n."""
    return [i("llihf", r1=4, i2=bits >> 32), i("iilf", r1=4, i2=bits & 0xffffffff), i("ldgr", r1=n, r2=4)]


def short(n, bits):
    return f(n, bits << 32)


def fpc(value):
    return [load(4, value), i("sfpc", r1=4)]


def signal(flags, new):
    return [*fpc(flags), load(5, new), i("sfasr", r1=5)]


SHOW = [i("lgdr", r1=2, r2=1), i("efpc", r1=3)]
QUICK = 0x80000  # nearest, no exception enabled, inexact on record: calculations are the host's
OVERFLOW, UNDERFLOW, INEXACT, INVALID, DIVIDE = 0x20000000, 0x10000000, 0x08000000, 0x80000000, 0x40000000
ONE, THREE, INFINITE = 0x3f800000, 0x40400000, 0x7f800000
CASES = [
    ("overflow: an exact sum", [*fpc(OVERFLOW), *short(1, 0x7f7fffff), *short(3, 0x7f7fffff), i("aebr", r1=1, r2=3)],
     dict(pgm=7, dxc=0x20, cc=2)),
    ("... is there, divided by 2^192, and no flag", SHOW, dict(r2=0x1fffffff << 32, r3=OVERFLOW | 0x2000)),
    ("overflow: an inexact product", [*fpc(OVERFLOW), *short(1, 0x7f7fffff), *short(3, 0x7f7fffff),
                                      i("meebr", r1=1, r2=3)], dict(pgm=7, dxc=0x28)),
    ("... is cut", SHOW, dict(r2=0x5f7ffffe << 32)),
    ("underflow: an exact product", [*fpc(UNDERFLOW), *short(1, 0x00800000), *short(3, 0x3f000000),
                                     i("meebr", r1=1, r2=3)], dict(pgm=7, dxc=0x10)),
    ("... is multiplied by 2^192", SHOW, dict(r2=0x60000000 << 32, r3=UNDERFLOW | 0x1000)),
    ("underflow without the trap: exact is not on record",
     [*fpc(0), *short(1, 0x00800000), *short(3, 0x3f000000), i("meebr", r1=1, r2=3), *SHOW],
     dict(r2=0x00400000 << 32, r3=0)),
    ("inexact: rounded up", [*fpc(INEXACT), *short(1, ONE), *short(3, THREE), i("debr", r1=1, r2=3)],
     dict(pgm=7, dxc=0x0c)),
    ("... the quotient is there", SHOW, dict(r2=0x3eaaaaab << 32, r3=INEXACT | 0xc00)),
    ("inexact: cut", [*fpc(INEXACT | 1), *short(1, ONE), *short(3, THREE), i("debr", r1=1, r2=3)],
     dict(pgm=7, dxc=0x08)),
    ("... the quotient is there", SHOW, dict(r2=0x3eaaaaaa << 32)),
    ("inexact with an overflow that does not trap",
     [*fpc(INEXACT), *short(1, 0x7f7fffff), *short(3, 0x7f7fffff), i("aebr", r1=1, r2=3)], dict(pgm=7, dxc=0x0c, cc=2)),
    ("... which is on record", SHOW, dict(r2=INFINITE << 32, r3=INEXACT | 0x200c00)),
    ("SFASR adds to the flags", [*fpc(0x800000), load(5, INEXACT | 0x80001), i("sfasr", r1=5), i("efpc", r1=3)],
     dict(r3=INEXACT | 0x880001)),
    ("... of those that were set an enabled one interrupts", signal(0x800000, INVALID | 2), dict(pgm=7, dxc=0x83)),
    ("... with the new contents there", SHOW, dict(r3=INVALID | 0x808302)),
    ("... the first of many", signal(0x780000, 0x78000000), dict(pgm=7, dxc=0x43)),
    ("... overflow", signal(0x200000, 0x28000000), dict(pgm=7, dxc=0x23)),
    ("... with inexact", signal(0x280000, 0x28000000), dict(pgm=7, dxc=0x2b)),
    ("... underflow", signal(0x180000, UNDERFLOW), dict(pgm=7, dxc=0x13)),
    ("... inexact", signal(0x80000, INEXACT), dict(pgm=7, dxc=0x0b)),
    ("... a quantum", signal(0x40000, 0x4000000), dict(pgm=7, dxc=0x07)),
    ("... nothing that is no FPC", signal(0x40000, 0x4000004), dict(pgm=6)),
    ("LFAS takes it from storage", [*fpc(0x100000), load(5, 0x20000), load(6, UNDERFLOW | INEXACT), i("st", r1=6, b2=5),
                                    i("lfas", b2=5)], dict(pgm=7, dxc=0x13)),
    ("... with the new contents there", SHOW, dict(r3=UNDERFLOW | INEXACT | 0x101300)),
    ("invalid leaves the operands", [*fpc(INVALID), *short(1, INFINITE), *short(3, INFINITE), i("sebr", r1=1, r2=3)],
     dict(pgm=7, dxc=0x80)),
    ("... as they are", SHOW, dict(r2=INFINITE << 32, r3=INVALID | 0x8000)),
    ("division by zero too", [*fpc(DIVIDE), *short(1, ONE), *short(3, 0), i("debr", r1=1, r2=3)],
     dict(pgm=7, dxc=0x40)),
    ("... as they are", SHOW, dict(r2=ONE << 32, r3=DIVIDE | 0x4000)),
    ("an inexact integer", [*fpc(INEXACT), *f(1, 0x3ff8 << 48), i("cgdbr", r1=7, m3=4, r2=1)],
     dict(pgm=7, dxc=0x0c, cc=2)),
    ("... is there", [i("lgr", r1=2, r2=7)], dict(r2=2)),
    ("an inexact integer without the exception", [*fpc(INEXACT), *f(1, 0x3ff8 << 48),
                                                  i("cgdbr", r1=2, m3=5, m4=4, r2=1)], dict(cc=2, r2=1)),
    ("too great for the short format", [*fpc(OVERFLOW), *f(3, 0x4c70 << 48), i("ledbr", r1=1, r2=3)],
     dict(pgm=7, dxc=0x20)),
    ("... is there in the long one, divided by 2^512", SHOW, dict(r2=0x2c70 << 48)),
    ("a root of the extended format, rounded to odd",
     [*fpc(7), *f(1, 0x4000 << 48), *f(3, 0), i("sqxbr", r1=4, r2=1), i("lgdr", r1=2, r2=4), i("lgdr", r1=3, r2=6)],
     dict(r2=0x3fff6a09e667f3bc, r3=0xc908b2fb1366ea95)),
    ("a signalling NaN of the extended format, loaded and tested",
     [*fpc(QUICK), *f(4, 0x7fff << 48), *f(6, 1), i("ltxbr", r1=1, r2=4), *SHOW],
     dict(cc=3, r2=0x7fff8 << 44, r3=QUICK | 0x800000)),
    ("... an infinite number", [*fpc(QUICK), *f(4, 0xffff << 48), *f(6, 0), i("ltxbr", r1=1, r2=4), *SHOW],
     dict(cc=1, r2=0xffff << 48, r3=QUICK)),
    ("the product of two NaNs in the next format: the signalling one counts",
     [*fpc(QUICK), *short(1, 0x7fc00001), *short(3, 0xff800003), i("mdebr", r1=1, r2=3), *SHOW],
     dict(r2=0xfff80000_60000000, r3=QUICK | 0x800000)),
    ("... of long ones", [*fpc(QUICK), *f(1, 0x7ff80000_00000001), *f(4, 0xfff00000_00000003), i("mxdbr", r1=1, r2=4), *SHOW],
     dict(r2=0xffff8000_00000000, r3=QUICK | 0x800000)),
    ("a rounding mode that does not exist", [i("srnmb", d2=5)], dict(pgm=6)),
    ("... is left out by the short instruction", [*fpc(0), i("srnm", d2=5), i("efpc", r1=3)], dict(r3=1)),
]

if __name__ == "__main__":
    main(CASES)
