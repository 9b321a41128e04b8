#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""execute.py FERRY: EXECUTE RELATIVE LONG of a target on the next page, in short programs called as often as code
needs to become hot, against the definition. Prints TAP."""
from dat import FETCH, OFF, PAGES, PLAIN, SEGMENTS, control, entry, fill, on
from programs import enc
from system import SPACE, i, load, main

NEXT = SPACE + 0x1000
OTHER = 0x36000  # another frame for it
FROM, TO = SPACE + 0x2000, SPACE + 0x2100
TARGET = NEXT + 8
CALLS = 1500  # more than the runs after which code is translated again


def put(at, code):
    """Stores that place the code there."""
    code += bytes(-len(code) % 4)
    stores = [load(8, at)]
    for k in range(0, len(code), 4):
        stores += [load(9, int.from_bytes(code[k:k + 4], "big")), i("st", r1=9, b2=8, d2=k)]
    return stores


def program(before=b""):
    """Code ahead of EXRL at the end of one page, the return on the other, then the target: MVC by default."""
    exrl = NEXT - 6
    start = exrl - len(before)
    code = before + enc("exrl", r1=4, ri2=TARGET - exrl) + enc("bcr", m1=15, r2=12)
    # from a word on
    lead = start % 4
    return [*put(start - lead, b"\x07\x07"[:lead] + code), *put(TARGET, enc("mvc", b1=6, l1=0, b2=5)), load(7, start)]


def call(length):
    """Into r7's program with the target's length field, and numbers to move."""
    return [load(4, length), i("basr", r1=12, r2=7)]


def often(length):
    """The same CALLS times."""
    calls = [load(4, length), i("basr", r1=12, r2=7), i("brct", r1=10, ri2=-8)]
    return [i("lghi", r1=10, i2=CALLS), *calls]


def invalidate(page):
    return [load(9, PAGES), load(8, page), i("ipte", r1=9, r2=8)]


OPERANDS = [*put(FROM, bytes(range(0x11, 0x19))), *put(TO, bytes(8)), load(5, FROM), load(6, TO)]
SEEN = [i("lg", r1=2, b2=6)]
AGAIN = [i("lg", r1=3, b2=6)]

CASES = [
    ("the target takes its length from the register",
     [*program(), *OPERANDS, *call(2), *SEEN, *call(5), *AGAIN], dict(r2=0x1112130000000000, r3=0x1112131415160000)),
    ("... when it is hot too",
     [*program(), *OPERANDS, *often(2), *SEEN, *often(5), *AGAIN], dict(r2=0x1112130000000000, r3=0x1112131415160000)),
    ("instructions before it run once",
     [*program(enc("aghi", r1=3, i2=1)), *OPERANDS, *often(1), *SEEN], dict(r2=0x1112000000000000, r3=CALLS)),
    ("a target that was overwritten is another",
     [*program(), *OPERANDS, *often(3), *SEEN, load(8, TARGET), i("mvi", b1=8, i2=0xd7), load(5, TO), *call(1), *AGAIN],
     dict(r2=0x1112131400000000, r3=0x131400000000)),
    ("an EXECUTE overwritten while its target stays",
     [*program(), *OPERANDS, *often(3), *SEEN, load(8, NEXT - 6), i("mvi", b1=8, d1=1, i2=0x90), i("lghi", r1=9, i2=7), *call(0), *AGAIN],
     dict(r2=0x1112131400000000, r3=0x1112131415161718)),
    ("a target that may not be executed is refused there",
     [*program(), *OPERANDS, *put(TARGET, enc("exrl", r1=4, ri2=8)), *call(0)], dict(pgm=3)),
    ("tables", [*fill(SEGMENTS, 512, 0x20, 0), *fill(PAGES, 256, 0, 4096), *entry(SEGMENTS, 0, PAGES),
                *control(PLAIN, (1, SEGMENTS), (13, SEGMENTS))], dict()),
    ("where the next page is mapped anew the target is that frame's",
     on(*program(), *put(OTHER, enc("bcr", m1=15, r2=12)), *put(OTHER + 8, enc("xc", b1=6, l1=0, b2=5)), *OPERANDS, *often(3), *SEEN,
        *invalidate(NEXT), *entry(PAGES, NEXT >> 12, OTHER), load(5, TO), load(6, TO), *call(1), *AGAIN),
     dict(r2=0x1112131400000000, r3=0x131400000000)),
    ("... and where it is not there, the page is missing",
     on(*OPERANDS, load(7, NEXT - 6), *often(3), *invalidate(NEXT), load(7, NEXT - 6), *call(1)),
     dict(pgm=0x11, teid=NEXT | FETCH)),
    ("translation off again", [OFF], dict()),
]

if __name__ == "__main__":
    main(CASES)
