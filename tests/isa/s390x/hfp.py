#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Hexadecimal floating point against its definition in exact fractions.

  hfp.py FERRY [--seed N] [--count N] [--only MNEMONIC,...]

A number is a Python Fraction here; what the machine loses by its guard digit, by cutting and by rounding is taken
away where the definition says so. Every line of hfp.insn is taken in turn with random operands, normalized or not,
and every program mask. Result, condition code and interruption must be what the definition says.
"""
import os
import random
import struct
import sys
import tempfile
from fractions import Fraction
from math import isqrt

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare as blocks  # noqa: E402
import programs as base  # noqa: E402

DIGITS = (6, 14, 28)
OVERFLOW, UNDERFLOW, SIGNIFICANCE, DIVIDE, ROOT = 0x0c, 0x0d, 0x0e, 0x0f, 0x1d
PGM_AT, OUT_PGM = 0x400, 940


def unpack(f, v):
    """(negative, characteristic, fraction as an integer)"""
    if f == 0:
        return v >> 31, v >> 24 & 127, v & 0xffffff
    if f == 1:
        return v >> 63, v >> 56 & 127, v & (1 << 56) - 1
    return v >> 127, v >> 120 & 127, (v >> 64 & (1 << 56) - 1) << 56 | v & (1 << 56) - 1


def pack(f, negative, char, frac, true_zero=False):
    char &= 127
    if f == 0:
        return negative << 31 | char << 24 | frac
    if f == 1:
        return negative << 63 | char << 56 | frac
    low = 0 if true_zero else (char - 14) & 127
    return negative << 127 | char << 120 | frac >> 56 << 64 | negative << 63 | low << 56 | frac & (1 << 56) - 1


def exact(f, v):
    s, c, m = unpack(f, v)
    return (-1) ** s * Fraction(m, 16 ** DIGITS[f]) * Fraction(16) ** (c - 64)


def zero(f, negative=0):
    return pack(f, negative, 0, 0, True)


def exponent(x):
    """e so that 16^(e-1) <= |x| < 16^e"""
    e = 0
    x = abs(x)
    while x >= Fraction(16) ** e:
        e += 1
    while x < Fraction(16) ** (e - 1):
        e -= 1
    return e


def cut(f, x, e, limit_mask, negative=None):
    """x cut to the format with that exponent: (bits, interruption)."""
    m = int(abs(x) * Fraction(16) ** (DIGITS[f] - e))
    s, c = int(x < 0), e + 64
    if c > 127:
        return pack(f, s, c, m), OVERFLOW
    if c < 0:
        return (pack(f, s, c, m), UNDERFLOW) if limit_mask & 2 else (zero(f), 0)
    return pack(f, s, c, m), 0


def normalized(f, x, mask):
    return (zero(f), 0) if x == 0 else cut(f, x, exponent(x), mask)


def code(f, v):
    s, _, m = unpack(f, v)
    return 0 if not m else 2 - s


def aligned(x, ex, y, ey, digits):
    """x + y with digits and a guard digit at the greater exponent"""
    e = max(ex, ey)
    unit = Fraction(16) ** (e - digits - 1)
    keep = [(-1 if v < 0 else 1) * int(abs(v) / unit) * unit for v in (x, y)]
    return sum(keep), e


def add(negate, normal):
    def run(f, a, b, mask, **_):
        x, y = exact(f, a), exact(f, b) * (-1 if negate else 1)
        s, e = aligned(x, unpack(f, a)[1] - 64, y, unpack(f, b)[1] - 64, DIGITS[f])
        if normal:
            lost = s == 0
        else:
            e += abs(s) >= Fraction(16) ** e
            lost = int(abs(s) * Fraction(16) ** (DIGITS[f] - e)) == 0
        if lost:
            v, pgm = (pack(f, 0, e + 64, 0), SIGNIFICANCE) if mask & 1 else (zero(f), 0)
        else:
            v, pgm = cut(f, s, exponent(s) if normal else e, mask)
        return f, v, code(f, v), pgm
    return run


def compare(f, a, b, **_):
    s, _ = aligned(exact(f, a), unpack(f, a)[1] - 64, -exact(f, b), unpack(f, b)[1] - 64, DIGITS[f])
    return None, None, 0 if s == 0 else 1 if s < 0 else 2, 0


def multiply(wide):
    def run(f, a, b, mask, **_):
        to = min(f + 1, 2) if wide else f
        v, pgm = normalized(to, exact(f, a) * exact(f, b), mask)
        return to, v, None, pgm
    return run


def multiply_and(negate):
    def run(f, a, b, c, mask, **_):
        p, x = exact(f, c) * exact(f, b), exact(f, a) * (-1 if negate else 1)
        if p:
            x, _ = aligned(p, exponent(p), x, unpack(f, a)[1] - 64, DIGITS[f + 1])
        v, pgm = normalized(f, x, mask)
        return f, v, None, pgm
    return run


def divide(f, a, b, mask, **_):
    if not unpack(f, b)[2]:
        return None, None, None, DIVIDE
    v, pgm = normalized(f, exact(f, a) / exact(f, b), mask)
    return f, v, None, pgm


def halve(f, b, mask, **_):
    v, pgm = normalized(f, exact(f, b) / 2, mask)
    return f, v, None, pgm


def root(f, b, mask, **_):
    x = exact(f, b)
    if x < 0:
        return None, None, None, ROOT
    if x == 0:
        return f, zero(f), None, 0
    e = -(-exponent(x) // 2)
    scaled = x * 4 * Fraction(16) ** (2 * (DIGITS[f] - e))
    v, pgm = cut(f, Fraction(isqrt(scaled.numerator // scaled.denominator) + 1 >> 1) / Fraction(16) ** (DIGITS[f] - e),
                 e, mask)
    return f, v, None, pgm


def load(sign):
    def run(f, b, **_):
        s, c, m = unpack(f, b)
        s = sign(s)
        v = zero(f, s) if f == 2 and not m else pack(f, s, c, m)
        return f, v, code(f, v), 0
    return run


def lengthen(f, b, **_):
    s, c, m = unpack(f, b)
    return 2, pack(2, s, c, m << 4 * (28 - DIGITS[f])) if m else zero(2, s), None, 0


def rounded(down):
    def run(f, b, **_):
        s, c, m = unpack(f, b)
        to = f - down
        m = (m + (1 << 4 * (DIGITS[f] - DIGITS[to]) - 1)) >> 4 * (DIGITS[f] - DIGITS[to])
        if m >> 4 * DIGITS[to]:
            m, c = m >> 4, c + 1
        return to, pack(to, s, c, m, not c), None, OVERFLOW if c > 127 else 0
    return run


def integral(f, b, mask, **_):
    v, pgm = normalized(f, Fraction(int(exact(f, b))), mask)
    return f, v, None, pgm


def from_int(bits):
    def run(f, g, mask, **_):
        g &= (1 << bits) - 1
        v, pgm = normalized(f, Fraction(g - (g >> bits - 1 << bits)), mask)
        return f, v, None, pgm
    return run


def round_fraction(x, m3):
    """To an integer, by a rounding field."""
    down = x.numerator // x.denominator
    rest = x - down
    half = Fraction(1, 2)
    if m3 in (0, 5):
        return down + (x < 0 and rest > 0)
    if m3 == 1:
        return down + (rest > half or rest == half and x > 0)
    if m3 == 4:
        return down + (rest > half or rest == half and down & 1)
    return down + (rest > 0) if m3 == 6 else down


def to_int(bits):
    def run(f, b, m3, **_):
        n, cc = round_fraction(exact(f, b), m3), code(f, b)
        low, high = -(1 << bits - 1), (1 << bits - 1) - 1
        if not low <= n <= high:
            n, cc = max(low, min(n, high)), 3
        return 'g%d' % bits, n & (1 << bits) - 1, cc, 0
    return run


BINARY = ((8, 23), (11, 52))


def from_binary(f, b, **_):
    eb, fb = BINARY[f]
    s, e, m = b >> eb + fb, b >> fb & (1 << eb) - 1, b & (1 << fb) - 1
    cc, most = (0 if not e and not m else 2 - s), (1 << 56) - 1
    if e == (1 << eb) - 1:
        return 1, pack(1, 0 if m else s, 127, most), 3, 0
    bias = (1 << eb - 1) - 1
    x = Fraction(m | (1 << fb if e else 0)) * Fraction(2) ** (max(e, 1) - bias - fb)
    at = exponent(x) if x else 0
    if x and at > 63:
        return 1, pack(1, s, 127, most), 3, 0
    if not x or at < -64:
        return 1, pack(1, s, 0, 0), cc, 0
    return 1, pack(1, s, at + 64, int(x * Fraction(16) ** (14 - at))), cc, 0


def to_binary(f, b, m3, **_):
    eb, fb = BINARY[f]
    s, _, m = unpack(1, b)
    x, bias = exact(1, b), (1 << eb - 1) - 1
    if not x:
        return f, s << eb + fb, 0, 0
    e = 1 - bias
    while abs(x) >= Fraction(2) ** (e + 1):
        e += 1
    n = abs(round_fraction(x / Fraction(2) ** (e - fb), m3))
    v = n + ((e + bias - 1) << fb)
    if v >= ((1 << eb) - 1) << fb:
        away = m3 in (1, 4) or m3 == (7 if s else 6)
        return f, s << eb + fb | (((1 << eb) - 1) << fb) - (not away), 3, 0
    return f, s << eb + fb | v, 2 - s, 0


OPS = [add(False, True), add(True, True), add(False, False), add(True, False), compare, multiply(False), multiply(True),
       multiply_and(False), multiply_and(True), divide, halve, root, load(lambda s: s), load(lambda s: 0),
       load(lambda s: 1), load(lambda s: 1 - s), lengthen, rounded(1), rounded(2), integral, from_int(32), from_int(64),
       to_int(32), to_int(64), from_binary, to_binary]
NAMES = [n for n, ln in base.LINES.items() if ln['file'] == 'hfp.insn']


def number(r, f, near=None):
    k, n = r.random(), DIGITS[f]
    frac = r.getrandbits(4 * n)
    if k < 0.1:
        frac = 0
    elif k < 0.3:
        frac >>= 4 * r.randrange(n)
    elif k < 0.4:
        frac = frac >> 4 * r.randrange(n) << 4 * r.randrange(n) & (1 << 4 * n) - 1
    elif k < 0.5:
        frac = r.choice([(1 << 4 * n) - 1, 1, 1 << 4 * n - 4, (1 << 4 * n) - 16, 8 << 4 * n - 4])
    char = r.choice([r.randrange(128), r.randrange(60, 70), r.randrange(60, 84), 0, 127, r.randrange(4), r.randrange(124, 128)])
    if near is not None and r.random() < 0.6:
        char = max(0, min(127, near + r.randrange(-n - 2, n + 3)))
    return pack(f, r.randrange(2), char, frac)


def put(fpr, f, n, v):
    if f == 2:
        fpr[n], fpr[n + 2] = v >> 64, v & (1 << 64) - 1
    else:
        fpr[n] = v << 32 | fpr[n] & 0xffffffff if f == 0 else v


def get(f, n, fpr):
    return fpr[n] << 64 | fpr[n + 2] if f == 2 else fpr[n] if f else fpr[n] >> 32


def make_case(r, mn):
    ln = base.LINES[mn]
    op, f = divmod(int(ln['tr'].split(':')[1]), 4)
    gpr, fpr = [base.value(r) for _ in range(16)], [r.getrandbits(64) for _ in range(16)]
    gpr[10] = None
    a = number(r, f)
    b = number(r, f, unpack(f, a)[1])
    c = number(r, f, 64)
    fn = OPS[op]
    if fn is from_binary:
        b = r.getrandbits(sum(BINARY[f]) + 1) if r.random() < 0.7 else r.choice([0, 1, (1 << BINARY[f][0]) - 1 << BINARY[f][1]])
    if fn is to_binary:
        b = number(r, 1, r.choice([64, 33, 96, 0]))
    if r.random() < 0.1:
        b = a if r.random() < 0.5 else a ^ 1 << (31, 63, 127)[f]
    v = dict(r1=0, r2=r.choice([4, 5]), r3=8, m3=r.choice([0, 1, 4, 5, 6, 7]), b2=10, x2=0, d2=0)
    put(fpr, f, 0, a)
    put(fpr, 1 if fn is to_binary else f, v['r2'], b)
    put(fpr, f, 8, c)
    mem = (b.to_bytes((4, 8, 16)[f], 'big') if fn is not to_binary else b'').ljust(blocks.MEM, b'\x5a')
    mask = r.randrange(4)
    fields = base.FORMATS[ln['fmt']][2]
    if fn in (OPS[20], OPS[21]):
        v['r2'] = 5
    want = fn(f=f, a=a, b=b, c=c, g=gpr[5], m3=v['m3'], mask=mask)
    return {n: x for n, x in v.items() if n in fields}, gpr, fpr, mem, mask, want


def code_block(index, mn, v):
    place = base.DATA + index * blocks.SLOT
    b = base.Block(base.CODE + 0x1000 + index * 256)
    b.emit('larl', r1=15, to=place)
    b.load(cc=256, fpr=128)
    b.emit(mn, **v)
    b.emit('larl', r1=15, to=place)
    b.emit('stmg', r1=0, r3=14, b2=15, d2=800)
    b.emit('ipm', r1=1)
    b.emit('st', r1=1, b2=15, d2=928)
    b.emit('mvc', b1=15, d1=OUT_PGM, l1=1, b2=0, d2=PGM_AT)
    b.emit('xc', b1=0, d1=PGM_AT, l1=1, b2=0, d2=PGM_AT)
    for k in range(16):
        b.emit('std', r1=k, b2=15, d2=640 + 8 * k)
    return b.end(256)


def image(code_bytes, data):
    """A kernel whose program interruptions leave their code and go on."""
    img = bytearray(base.kernel_image(code_bytes, data))
    handler = base.enc('mvc', b1=0, d1=PGM_AT, l1=1, b2=0, d2=0x8e) + base.enc('lpswe', b2=0, d2=0x150)
    img[0x900:0x900 + len(handler)] = handler
    img[0x1d0:0x1e0] = struct.pack('>QQ', 0x180000000, 0x900)
    return bytes(img)


def check(case, got):
    v, gpr, _, _, _, (kind, value, cc, pgm) = case
    g, fp = struct.unpack('>16Q', got[800:928]), struct.unpack('>16Q', got[640:768])
    word, = struct.unpack('>I', got[928:932])
    code_found, = struct.unpack('>H', got[OUT_PGM:OUT_PGM + 2])
    out = []
    if kind is not None:
        bits = int(kind[1:]) if isinstance(kind, str) else None
        have = g[v['r1']] & (1 << bits) - 1 if bits else get(kind, v['r1'], fp)
        if have != value:
            out.append('result %x, expected %x' % (have, value))
    if cc is not None and word >> 28 & 3 != cc:
        out.append('condition code %d, expected %d' % (word >> 28 & 3, cc))
    if code_found != pgm:
        out.append('interruption %x, expected %x' % (code_found, pgm))
    return out


def main():
    a = base.arguments(16, 4000, qemu=False)
    r = random.Random(a.seed)
    names = a.only or NAMES
    chosen = [names[k % len(names)] for k in range(a.count)]
    cases = [make_case(r, mn) for mn in chosen]
    code_bytes, data = b'', b''
    for k, (mn, c) in enumerate(zip(chosen, cases)):
        code_bytes += code_block(k, mn, c[0])
        block = bytearray(blocks.state_block(k, c[1], c[2], c[3], 1))
        block[256:260] = struct.pack('>I', 1 << 28 | c[4] << 24)
        data += bytes(block)
    with tempfile.TemporaryDirectory() as tmp:
        out = base.run_ferry(a.ferry, image(code_bytes, data), len(data), tmp)
    bad = {}
    for k, (mn, c) in enumerate(zip(chosen, cases)):
        wrong = check(c, out[k * blocks.SLOT:(k + 1) * blocks.SLOT])
        if wrong and bad.setdefault(mn, 0) < 2:
            print('case %d: %s %s mask %d: %s; %s, %s, storage %s' % (k, mn, c[0], c[4], '; '.join(wrong),
                                                        ' '.join('f%d %x' % (n, c[2][n]) for n in (0, 2, 4, 5, 6, 7, 8)),
                                                        'r5 %x' % (c[1][5] or 0), c[3][:16].hex()))
        if wrong:
            bad[mn] += 1
    base.finish(cases, names, bad)


if __name__ == '__main__':
    main()
