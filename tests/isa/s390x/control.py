#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""control.py FERRY: PSW, control registers, clocks, identity, real storage and the calls to the machine. Prints TAP.
Cases as in system.py."""
from system import PAGE, PAGE2, as_problem, i, load, main

AT = [load(10, PAGE), load(11, PAGE2)]
CLEAR = [*AT, i("xc", b1=10, l1=255, b2=10)]
SHOW2 = i("lg", r1=2, b2=10)
SHOW3 = i("lg", r1=3, b2=11)
SPECIFICATION, OPERATION, PRIVILEGED, ADDRESSING, SPECIAL = 6, 1, 2, 5, 0x13


def store(mnemonic, *shown, **fields):
    """The instruction stores at PAGE."""
    return [*CLEAR, i(mnemonic, b2=10, **fields), *(shown or [SHOW2])]


def clock(mnemonic, size):
    """Two readings one after the other: r3 = 1 if the second is not less."""
    return [*AT, i(mnemonic, b2=10), i(mnemonic, b2=11), i("clc", b1=10, l1=size - 1, b2=11), i("lghi", r1=3, i2=0),
            i("lochi", r1=3, m3=12, i2=1)]


IO = [(n, f) for n, f in (("csch", {}), ("hsch", {}), ("rsch", {}), ("xsch", {}), ("msch", dict(b2=10)),
                          ("ssch", dict(b2=10)), ("stsch", dict(b2=10)), ("tsch", dict(b2=10)))]
CASES = [
    ("STCTG and LCTLG", [*AT, load(4, 0x12345678), i("stg", r1=4, b2=11), i("lctlg", r1=4, r3=4, b2=11),
                         i("stctg", r1=4, r3=4, b2=10), SHOW2], dict(r2=0x12345678)),
    ("LCTL and STCTL: the right halves", [*AT, i("mvhi", b1=11, i2=0x77), i("lctl", r1=4, r3=4, b2=11),
                                          i("stctl", r1=4, r3=4, b2=10), i("llgf", r1=2, b2=10)], dict(r2=0x77)),
    ("... at a place that is not aligned", [*AT, i("lctl", r1=4, r3=4, b2=10, d2=2)], dict(pgm=SPECIFICATION)),
    ("... from the problem state", as_problem(i("lctlg", r1=4, r3=4, b2=0, d2=0x800)), dict(pgm=PRIVILEGED)),
    ("EPSW tells both halves of the mask", [i("epsw", r1=2, r2=3), i("nill", r1=2, i2=0xcfff)], dict(r2=0x00000001, r3=0x80000000)),
    ("LPSW goes on in 31-bit mode", [*AT, load(4, 0x00080000), i("st", r1=4, b2=10), i("larl", r1=5, ri2=24),
                                     i("oilf", r1=5, i2=0x80000000), i("st", r1=5, b2=10, d2=4), i("lpsw", b2=10),
                                     i("lghi", r1=3, i2=1), i("tam"), i("ipm", r1=2), i("sam64"),
                                     i("srlg", r1=2, r3=2, d2=28), i("nill", r1=2, i2=3)], dict(r2=1, r3=0)),
    ("SSM with reserved bits", [*AT, i("mvi", b1=10, i2=0x80), i("ssm", b2=10)], dict(pgm=SPECIFICATION)),
    ("SSM", [*AT, i("mvi", b1=10, i2=0), i("ssm", b2=10), i("epsw", r1=2, r2=0), i("srlg", r1=2, r3=2, d2=24)],
     dict(r2=0)),
    ("SAC without translation", [i("sac", d2=0x100)], dict(pgm=SPECIAL)),
    ("SACF without translation", [i("sacf", d2=0x300)], dict(pgm=SPECIAL)),
    ("SAC: a mode that does not exist", [i("sac", d2=0x400)], dict(pgm=SPECIFICATION)),
    ("the clock does not go back: STCK", clock("stck", 8), dict(r3=1)),
    ("... STCKF", clock("stckf", 8), dict(r3=1)),
    ("... STCKE", clock("stcke", 16), dict(r3=1)),
    ("SCKPF is seen in STCKE", [*AT, load(0, 0x4321), i("sckpf"), i("stcke", b2=10), i("llgh", r1=2, b2=10, d2=14)],
     dict(r2=0x4321)),
    ("... reserved bits", [load(0, 0x14321), i("sckpf")], dict(pgm=SPECIFICATION)),
    ("SCK at a place that is not aligned", [*AT, i("sck", b2=10, d2=4)], dict(pgm=SPECIFICATION)),
    ("... sets the clock", [*AT, i("mvghi", b1=10, i2=0), i("iihf", r1=4, i2=0x12345678), i("iilf", r1=4, i2=0),
                            i("stg", r1=4, b2=11), i("sck", b2=11), i("stck", b2=10), SHOW2,
                            i("srlg", r1=2, r3=2, d2=40)], dict(r2=0x123456)),
    ("SCKC and STCKC", [*AT, load(4, 0x123400), i("stg", r1=4, b2=11), i("sckc", b2=11), i("stckc", b2=10), SHOW2],
     dict(r2=0x123400)),
    ("SPT and STPT: it runs down", [*AT, load(4, 0x7fffffff), i("sllg", r1=4, r3=4, d2=20), i("stg", r1=4, b2=11),
                                    i("spt", b2=11), i("stpt", b2=10), i("clc", b1=10, l1=7, b2=11), i("lghi", r1=3, i2=0),
                                    i("lochi", r1=3, m3=12, i2=1)], dict(r3=1)),
    ("PTFF is not installed", [load(0, 0), i("ptff")], dict(pgm=OPERATION)),
    ("STPX", store("stpx", i("llgf", r1=2, b2=10)), dict(r2=0)),
    ("SPX to storage that is not there", [*AT, load(4, 0x10000000), i("st", r1=4, b2=11), i("spx", b2=11)],
     dict(pgm=ADDRESSING)),
    ("SPX moves the prefix area", [*AT, i("mvhi", b1=11, i2=0x6000), i("mvghi", d1=0x900, i2=77), load(5, 0x6000),
                                   i("lg", r1=3, b2=5, d2=0x900), i("spx", b2=11), i("lg", r1=2, b2=5, d2=0x900),
                                   i("mvhi", b1=11, i2=0), i("spx", b2=11)], dict(r2=77, r3=0)),
    ("STAP: this CPU's address", store("stap", i("llgh", r1=2, b2=10)), dict(r2=0)),
    ("STIDP tells the machine type", store("stidp", i("llgh", r1=2, b2=10, d2=4)), dict(r2=0x8561)),
    ("STSI: the level is 3", [load(0, 0), load(1, 0), i("stsi", b2=0), i("lgr", r1=2, r2=0)], dict(cc=0, r2=3 << 28)),
    ("... what is not there", [*AT, load(0, 0x50000001), load(1, 1), i("stsi", b2=10)], dict(cc=3)),
    ("... CPUs of the partition", [*CLEAR, load(0, 0x20000002), load(1, 2), i("stsi", b2=10),
                                   i("llgh", r1=2, b2=10, d2=36)], dict(cc=0, r2=2)),
    ("STFLE tells how many", [*CLEAR, load(0, 0), i("stfle", b2=10), i("lgr", r1=2, r2=0), i("lg", r1=3, b2=10),
                              i("srlg", r1=3, r3=3, d2=61)], dict(cc=3, r2=2, r3=7)),
    ("ECAG: a line of the cache", [i("ecag", r1=2, r3=0, d2=0x10)], dict(r2=256)),
    ("LPP takes a doubleword", [*AT, i("lpp", b2=10, d2=4)], dict(pgm=SPECIFICATION)),
    ("... from the privileged", as_problem(i("lpp", d2=0x800)), dict(pgm=PRIVILEGED)),
    ("DIAGNOSE of time", [i("diag", r1=0, r3=0, d2=0x44)], dict()),
    ("... of time for another CPU", [load(4, 1), i("diag", r1=4, r3=0, d2=0x9c)], dict()),
    ("... of what is not there", [i("diag", r1=0, r3=0, d2=0x7)], dict(pgm=SPECIFICATION)),
    ("SERVC: an address that is not aligned", [load(4, 0x00020001), load(5, PAGE + 4), i("servc", r1=4, r2=5)],
     dict(pgm=SPECIFICATION)),
    ("PTLB, PALB, STCPS leave all as it was", [i("ptlb"), i("palb"), i("lghi", r1=2, i2=1)], dict(r2=1)),
    ("CSP: equal", [*AT, i("mvhi", b1=10, i2=5), load(4, 5), load(5, 9), load(6, PAGE), i("csp", r1=4, r2=6),
                    i("llgf", r1=2, b2=10)], dict(cc=0, r2=9)),
    ("... unequal", [*AT, load(4, 6), load(5, 1), load(6, PAGE), i("csp", r1=4, r2=6), i("lgr", r1=3, r2=4)],
     dict(cc=1, r3=9)),
    ("CSPG: equal", [*AT, i("mvghi", b1=10, i2=5), load(4, 5), load(5, 9), load(6, PAGE), i("cspg", r1=4, r2=6),
                     SHOW2], dict(cc=0, r2=9)),
    ("LURA and LURAG", [*AT, i("mvghi", b1=10, i2=0x55), load(4, PAGE), i("lurag", r1=2, r2=4), load(4, PAGE + 4),
                        i("lura", r1=3, r2=4)], dict(r2=0x55, r3=0x55)),
    ("STURA", [*CLEAR, load(4, PAGE), load(5, 0x66), i("stura", r1=5, r2=4), i("llgf", r1=2, b2=10)], dict(r2=0x66)),
    ("STURG", [*CLEAR, load(4, PAGE), load(5, 0x66), i("sturg", r1=5, r2=4), SHOW2], dict(r2=0x66)),
    ("TESTBLK clears a good block", [*AT, i("mvghi", b1=10, i2=5), load(0, 0), load(4, PAGE), i("testblk", r1=0, r2=4),
                                     SHOW2], dict(cc=0, r2=0)),
    ("... one that is not there", [load(0, 0), load(4, 0x10000000), i("testblk", r1=0, r2=4)], dict(pgm=ADDRESSING)),
    ("STCRW: no report", [*CLEAR, i("stcrw", b2=10)], dict(cc=1)),
    ("TPI: nothing pending", [*CLEAR, i("tpi", b2=10)], dict(cc=0)),
    *[(f"{n.upper()}: no such subchannel", [*CLEAR, load(1, 0x10077), i(n, **f)], dict(cc=3)) for n, f in IO],
    ("STSCH: no subchannel number", [*CLEAR, load(1, 5), i("stsch", b2=10)], dict(pgm=0x15)),
    ("RCHP: no such path", [load(1, 0x77), i("rchp")], dict(cc=3)),
    ("SAL from the privileged", as_problem(i("sal")), dict(pgm=PRIVILEGED)),
    ("SCHM: reserved bits", [load(1, 0x0ff00000), i("schm")], dict(pgm=0x15)),
    ("CHSC: a request at a place that is not aligned", [load(4, PAGE + 8), i("chsc", r1=4)], dict(pgm=SPECIFICATION)),
    ("ECTG: time left, and two operands",
     [*AT, i("mvghi", b1=10, i2=0x77), i("mvghi", b1=11, i2=0x88), load(4, PAGE), load(0, 0), load(1, 0),
      i("ectg", r3=4, b1=10, b2=11), i("lgr", r1=2, r2=1)], dict(r2=0x88)),
    ("a load and trap that finds zero", [*CLEAR, i("lgat", r1=2, b2=10)], dict(pgm=7, dxc=0xff)),
    ("a compare and trap that finds equal", [load(4, 5), load(5, 5), i("clgrt", r1=4, r2=5, m3=8)], dict(pgm=7, dxc=0xff)),
    ("STCPS", [*CLEAR, i("stcps", b2=10)], dict()),
    ("SIGA finds no queues", [i("siga", b2=0)], dict(cc=3)),
]

if __name__ == "__main__":
    main(CASES)
