#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""dfp-cases.py FERRY: decimal floating point that decimals.py leaves out: packed and zoned sources, exponents and
significands, tests, exceptions that are enabled. Prints TAP. Cases as in system.py.
"""
from decimal import Decimal

from decimals import encode
from system import PAGE, i, load, main


def f(n, bits):
    return [i("llihf", r1=4, i2=bits >> 32), i("iilf", r1=4, i2=bits & 0xffffffff), i("ldgr", r1=n, r2=4)]


def long(n, text):
    return f(n, encode(1, Decimal(text)))


def extended(n, text):
    word = encode(2, Decimal(text))
    return f(n, word >> 64) + f(n + 2, word & (1 << 64) - 1)


def fpc(value):
    return [load(4, value), i("sfpc", r1=4)]


def is_long(text, **more):
    return dict(r2=encode(1, Decimal(text)), **more)


def is_extended(text):
    word = encode(2, Decimal(text))
    return dict(r2=word >> 64, r3=word & (1 << 64) - 1)


SHOW = [i("lgdr", r1=2, r2=1), i("efpc", r1=3)]
PAIR = [i("lgdr", r1=2, r2=1), i("lgdr", r1=3, r2=3)]
MINUS = [i("lghi", r1=5, i2=-1)]
ZONED = [load(10, PAGE), load(4, 0xf1f2d300), i("st", r1=4, b2=10)]
STORED = [load(10, PAGE), load(4, 0x0123456d), i("st", r1=4, b2=10)]
PACKED = [i("lghi", r1=4, i2=1), load(5, 0x2d)]


def nines(n):
    """That many bytes of two each."""
    return [i("mvi", b1=10, d1=0, i2=0x99), i("mvc", b1=10, d1=1, l1=n - 2, b2=10, d2=0)]


CASES = [
    ("reround to fewer digits", [*fpc(0), *long(8, "123.456"), load(5, 4), i("rrdtr", r1=1, r3=8, r2=5), *SHOW],
     is_long("123.5", r3=0x80000)),
    ("... to more changes nothing", [*fpc(0), load(5, 9), i("rrdtr", r1=1, r3=8, r2=5), *SHOW],
     is_long("123.456", r3=0)),
    ("... of the extended format", [*extended(8, "99999.5"), load(5, 5), i("rrxtr", r1=1, r3=8, r2=5), *PAIR],
     is_extended("1.0000E+5")),
    ("an exponent is inserted", [*long(8, "7"), load(5, 401), i("iedtr", r1=1, r3=8, r2=5), *SHOW], is_long("7E+3")),
    ("... one that stands for infinity", [*long(8, "7"), *MINUS, i("iedtr", r1=1, r3=8, r2=5), *SHOW[:1]],
     dict(r2=0x7800000000000007)),
    ("... in the extended format", [*extended(8, "7"), load(5, 6175), i("iextr", r1=1, r3=8, r2=5), *PAIR],
     is_extended("0.7")),
    ("short to long", [*f(3, encode(0, Decimal("1.50")) << 32), i("ldetr", r1=1, r2=3), *SHOW], is_long("1.50")),
    ("long to extended", [*long(4, "-2.50"), i("lxdtr", r1=1, r2=4), *PAIR], is_extended("-2.50")),
    ("exponents are equal", [*long(1, "5"), *long(3, "-77"), i("cedtr", r1=1, r2=3)], dict(cc=0)),
    ("... are not", [*long(1, "0.5"), *long(3, "-77"), i("cedtr", r1=1, r2=3)], dict(cc=1)),
    ("... of the extended format", [*extended(1, "5"), *extended(4, "7.7"), i("cextr", r1=1, r2=4)], dict(cc=2)),
    ("unsigned packed digits", [load(5, 0x1234), i("cdutr", r1=1, r2=5), *SHOW], is_long("1234")),
    ("signed packed digits", [load(5, 0x1234d), i("cdstr", r1=1, r2=5), *SHOW], is_long("-1234")),
    ("signed packed digits of two registers", [*PACKED, i("cxstr", r1=1, r2=4), *PAIR], is_extended("-" + "1" + "0" * 14 + "2")),
    ("unsigned ones", [i("lghi", r1=4, i2=1), load(5, 0x25), i("cxutr", r1=1, r2=4), *PAIR], is_extended("1" + "0" * 14 + "25")),
    ("... of an odd register", [i("cxutr", r1=1, r2=5)], dict(pgm=6)),
    ("a bad digit", [load(5, 0x1b34), i("cdutr", r1=1, r2=5)], dict(pgm=7, dxc=0)),
    ("a bad sign", [load(5, 0x1234), i("cdstr", r1=1, r2=5)], dict(pgm=7, dxc=0)),
    ("a signalling NaN is loaded", [*fpc(0), *f(3, 0x7e00000000000005), i("ltdtr", r1=1, r2=3), *SHOW],
     dict(cc=3, r2=0x7c00000000000005, r3=0x800000)),
    ("a negative number is loaded", [*extended(4, "-1"), i("ltxtr", r1=1, r2=4), *PAIR], dict(cc=1, **is_extended("-1"))),
    ("class: zero", [*long(1, "0"), i("tdcdt", r1=1, d2=0x800)], dict(cc=1)),
    ("class: not a subnormal", [*long(1, "-1"), i("tdcdt", r1=1, d2=0xfbf)], dict(cc=0)),
    ("class: a subnormal", [*long(1, "-1E-398"), i("tdcdt", r1=1, d2=0x100)], dict(cc=1)),
    ("class: short infinity", [*f(1, 0x78000000 << 32), i("tdcet", r1=1, d2=0x020)], dict(cc=1)),
    ("class: an extended NaN", [*f(1, 0xfe00 << 48), *f(3, 0), i("tdcxt", r1=1, d2=0x001)], dict(cc=1)),
    ("group: zero with an extreme exponent", [*long(1, "0E-398"), i("tdgdt", r1=1, d2=0x200)], dict(cc=1)),
    ("group: a leading zero", [*f(1, encode(0, Decimal(1)) << 32), i("tdget", r1=1, d2=0x020)], dict(cc=1)),
    ("group: no leading zero", [*extended(1, "-" + "9" * 34), i("tdgxt", r1=1, d2=0x004)], dict(cc=1)),
    ("zoned digits with a sign", [*ZONED, i("cdzt", r1=1, b2=10, l2=2, m3=8), *SHOW], is_long("-123")),
    ("... without", [i("cxzt", r1=1, b2=10, l2=2), *PAIR], is_extended("123")),
    ("... more than there are", [i("cdzt", r1=1, b2=10, l2=16)], dict(pgm=6)),
    ("zoned digits of a number", [*long(1, "-123"), i("czdt", r1=1, b2=10, d2=8, l2=3, m3=8), i("l", r1=2, b2=10, d2=8)],
     dict(cc=1, r2=0xf0f1f2d3)),
    ("... too few", [i("czdt", r1=1, b2=10, d2=8, l2=1), i("llgh", r1=2, b2=10, d2=8)], dict(cc=3, r2=0xf2f3)),
    ("... in the other zone, of the extended format",
     [*extended(1, "45"), i("czxt", r1=1, b2=10, d2=8, l2=1, m3=4), i("llgh", r1=2, b2=10, d2=8)], dict(cc=2, r2=0x3435)),
    ("packed digits with a sign", [*STORED, i("cdpt", r1=1, b2=10, l2=3, m3=8), *SHOW], is_long("-123456")),
    ("... without", [i("cxpt", r1=1, b2=10, l2=2), *PAIR], is_extended("12345")),
    ("... all that fit",
     [*STORED, *nines(9), i("mvi", b1=10, d1=0, i2=9), i("mvi", b1=10, d1=8, i2=0x9c), i("cdpt", r1=1, b2=10, l2=8, m3=8), *SHOW],
     is_long("9" * 16)),
    ("... one too many", [*nines(9), i("cdpt", r1=1, b2=10, l2=8)], dict(pgm=7, dxc=0)),
    ("... in bytes that the format has not", [i("cdpt", r1=1, b2=10, l2=9)], dict(pgm=6)),
    ("... of the extended format", [*nines(18), i("mvi", b1=10, d1=0, i2=0), i("cxpt", r1=1, b2=10, l2=17), *PAIR],
     is_extended("9" * 34)),
    ("... in bytes that it has not", [i("cxpt", r1=1, b2=10, l2=18)], dict(pgm=6)),
    ("a bad packed sign", [*STORED, i("cdpt", r1=1, b2=10, l2=2, m3=8)], dict(pgm=7, dxc=0)),
    ("packed digits of a number", [*long(1, "-123"), i("cpdt", r1=1, b2=10, d2=8, l2=3, m3=8), i("l", r1=2, b2=10, d2=8)],
     dict(cc=1, r2=0x0000123d)),
    ("... without a sign", [i("cpdt", r1=1, b2=10, d2=8, l2=1), i("llgh", r1=2, b2=10, d2=8)], dict(cc=1, r2=0x0123)),
    ("... too few", [i("cpdt", r1=1, b2=10, d2=8, l2=0, m3=8), i("llgc", r1=2, b2=10, d2=8)], dict(cc=3, r2=0x3d)),
    ("... a negative zero", [*long(1, "-0"), i("cpdt", r1=1, b2=10, d2=8, l2=0, m3=8), i("llgc", r1=2, b2=10, d2=8)],
     dict(cc=0, r2=0x0d)),
    ("... that is to be positive", [i("cpdt", r1=1, b2=10, d2=8, l2=0, m3=9), i("llgc", r1=2, b2=10, d2=8)], dict(cc=0, r2=0x0c)),
    ("... plus as F, of the extended format",
     [*extended(1, "9" * 34), i("cpxt", r1=1, b2=10, l2=17, m3=10), i("lg", r1=2, b2=10), i("lg", r1=3, b2=10, d2=10)],
     dict(cc=2, r2=0x0999999999999999, r3=0x999999999999999f)),
    ("overflow that is enabled", [*fpc(0x20000000), *long(3, "9.000000000000000E+384"), *long(4, "10"), i("mdtr", r1=1, r2=3, r3=4)],
     dict(pgm=7, dxc=0x20)),
    ("... leaves the product divided by 10^576", SHOW[:1], is_long("9.000000000000000E-191")),
    ("underflow that is enabled", [*fpc(0x10000000), *long(3, "1E-398"), *long(4, "0.5"), i("mdtr", r1=1, r2=3, r3=4)],
     dict(pgm=7, dxc=0x10)),
    ("... leaves the product multiplied by it", SHOW[:1], is_long("5E+177")),
    ("inexact that is enabled", [*fpc(0x08000000), *long(3, "2"), *long(4, "3"), i("ddtr", r1=1, r2=3, r3=4)],
     dict(pgm=7, dxc=0x0c)),
    ("... leaves the quotient", SHOW[:1], is_long("0.6666666666666667")),
    ("another quantum, that is enabled", [*fpc(0x04000000), *long(3, "1"), *long(4, "4"), i("ddtr", r1=1, r2=3, r3=4)],
     dict(pgm=7, dxc=0x04)),
    ("... leaves the quotient", SHOW[:1], is_long("0.25")),
    ("division by zero", [*fpc(0x40000000), *long(1, "1"), *long(4, "0"), i("ddtr", r1=1, r2=1, r3=4)],
     dict(pgm=7, dxc=0x40)),
    ("... leaves the operand", SHOW[:1], is_long("1")),
    ("too great for the long format", [*fpc(0x20000000), *extended(4, "1E+400"), i("ldxtr", r1=1, r2=4)],
     dict(pgm=7, dxc=0x20)),
    ("... is there in the extended one, divided by 10^3072", PAIR, is_extended("1E-2672")),
    ("an odd pair of registers", [i("axtr", r1=2, r2=4, r3=8)], dict(pgm=6)),
]

if __name__ == "__main__":
    main(CASES)
