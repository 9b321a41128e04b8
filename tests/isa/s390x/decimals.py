#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Decimal floating point against Python's decimal module, which implements the same standard.

  decimals.py FERRY [--seed N] [--count N] [--only MNEMONIC,...]

Blocks of code and their state are those of compare.py. Every line of dfp.insn is taken in turn, with each
rounding mode; result, condition code and flags must be what the module says.
"""
import decimal
import os
import random
import struct
import sys
import tempfile
from decimal import Decimal

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare as blocks  # noqa: E402
import programs as base  # noqa: E402

# by FPC rounding mode
ROUNDING = [decimal.ROUND_HALF_EVEN, decimal.ROUND_DOWN, decimal.ROUND_CEILING, decimal.ROUND_FLOOR,
            decimal.ROUND_HALF_UP, decimal.ROUND_HALF_DOWN, decimal.ROUND_UP, decimal.ROUND_05UP]
# by M field
FIELD = [None, 4, None, 7, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7]
DIGITS, BIAS, MAX_EXP = (7, 16, 34), (101, 398, 6176), (191, 767, 12287)
DECLETS, EXP_BITS = (2, 5, 11), (6, 8, 12)
INVALID, DIVZERO, OVERFLOW, UNDERFLOW, INEXACT, QUANTUM = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04
NO_TRAPS = dict.fromkeys(decimal.getcontext().traps, False)


# ---- the encoding, by its definition ----
def declet(v):
    (a, b, c, d), (e, f, g, h), (i, j, k, m) = ([int(x) for x in '{:04b}'.format(int(digit))]
                                                for digit in '{:03d}'.format(v))
    bits = {(0, 0, 0): (b, c, d, f, g, h, 0, j, k, m), (0, 0, 1): (b, c, d, f, g, h, 1, 0, 0, m),
            (0, 1, 0): (b, c, d, j, k, h, 1, 0, 1, m), (1, 0, 0): (j, k, d, f, g, h, 1, 1, 0, m),
            (1, 1, 0): (j, k, d, 0, 0, h, 1, 1, 1, m), (1, 0, 1): (f, g, d, 0, 1, h, 1, 1, 1, m),
            (0, 1, 1): (b, c, d, 1, 0, h, 1, 1, 1, m), (1, 1, 1): (0, 0, d, 1, 1, h, 1, 1, 1, m)}[a, e, i]
    return int(''.join(map(str, bits)), 2)


DECLET = [declet(v) for v in range(1000)]
VALUE = {d: v for v, d in enumerate(DECLET)}


def encode(f, x):
    sign, digits, exp = x.as_tuple()
    coef = int(''.join(map(str, digits)) or '0')
    trail, eb = 10 * DECLETS[f], EXP_BITS[f]
    word = sum(DECLET[coef // 1000 ** k % 1000] << 10 * k for k in range(DECLETS[f]))
    first = coef // 1000 ** DECLETS[f]
    if exp == 'F':
        comb, exp, word = 30, 0, 0
    elif exp in ('n', 'N'):
        comb, exp = 31, 1 << (eb - 1) if exp == 'N' else 0
    else:
        exp += BIAS[f]
        comb = 24 | exp >> eb << 1 | first & 1 if first > 7 else exp >> eb << 3 | first
    return sign << (trail + eb + 5) | comb << (trail + eb) | (exp & (1 << eb) - 1) << trail | word


def decode(f, v):
    trail, eb = 10 * DECLETS[f], EXP_BITS[f]
    comb, exp, sign = v >> (trail + eb) & 31, v >> trail & (1 << eb) - 1, v >> (trail + eb + 5) & 1
    coef = sum(VALUE.get(v >> 10 * k & 0x3ff, 0) * 1000 ** k for k in range(DECLETS[f]))
    if comb >= 30:
        return Decimal((sign, (0,), 'F')) if comb == 30 else Decimal((sign, (1,), 'N' if exp >> (eb - 1) else 'n'))
    first, high = (8 | comb & 1, comb >> 1 & 3) if comb >= 24 else (comb & 7, comb >> 3)
    coef += first * 1000 ** DECLETS[f]
    return Decimal((sign, tuple(map(int, str(coef))), (high << eb | exp) - BIAS[f]))


def context(f, mode):
    return decimal.Context(prec=DIGITS[f], rounding=ROUNDING[mode], Emin=DIGITS[f] - 1 - BIAS[f],
                           Emax=MAX_EXP[f] - BIAS[f] + DIGITS[f] - 1, clamp=1, traps=NO_TRAPS)


def flags_of(c, result, ideal=None):
    s = decimal
    out = (INVALID if c.flags[s.InvalidOperation] else 0) | (DIVZERO if c.flags[s.DivisionByZero] else 0) | \
          (OVERFLOW if c.flags[s.Overflow] else 0) | (UNDERFLOW if c.flags[s.Underflow] else 0) | \
          (INEXACT if c.flags[s.Inexact] else 0)
    exact = ideal is not None and result.is_finite() and not c.flags[s.Inexact]
    return out | (QUANTUM if exact and result.as_tuple().exponent != ideal else 0)


def sign_cc(x):
    return 3 if x.is_nan() else 0 if x == 0 else 1 if x.is_signed() else 2


def quantum(x):
    return x.as_tuple().exponent if x.is_finite() else 0


# ---- operations: (result, condition code or None, flags); result a Decimal, or ('g', value) ----
def arithmetic(name, cc):
    def run(c, f, x, y, **_):
        r = getattr(c, name)(x, y)
        both = x.is_finite() and y.is_finite()
        a, b = quantum(x), quantum(y)
        ideal = {'add': min(a, b), 'subtract': min(a, b), 'multiply': a + b, 'divide': a - b}[name]
        return r, sign_cc(r) if cc else None, flags_of(c, r, ideal if both and not r.is_nan() else None)
    return run


def compare(signal):
    def run(c, f, x, y, **_):
        r = (c.compare_signal if signal else c.compare)(x, y)
        return None, 3 if r.is_nan() else {0: 0, -1: 1, 1: 2}[int(r)], flags_of(c, r)
    return run


def from_int(bits, signed):
    def run(c, f, g, **_):
        v = g & (1 << bits) - 1
        v -= (1 << bits) if signed and v >> (bits - 1) else 0
        r = c.create_decimal(v)
        return r, None, flags_of(c, r, 0)
    return run


def to_int(bits, signed):
    def run(c, f, y, **_):
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        mask = (1 << bits) - 1
        if y.is_nan():
            return ('g', low & mask, bits), 3, INVALID
        wide = decimal.Context(prec=60, rounding=c.rounding, Emin=-99999, Emax=99999, traps=NO_TRAPS)
        r = y if y.is_infinite() or y.adjusted() > 40 else y.to_integral_exact(c.rounding, wide)
        if y.is_infinite() or r < low or r > high:
            return ('g', (low if y.is_signed() else high) & mask, bits), 3, INVALID | INEXACT
        return ('g', int(r) & mask, bits), sign_cc(y), INEXACT if r != y else 0
    return run


def integral(c, f, y, **_):
    r = y if y.is_nan() or y.is_infinite() or quantum(y) >= 0 else c.to_integral_exact(y)
    return r, None, flags_of(c, r)


def narrow(c, f, y, **_):
    c = context(f - 1, ROUNDING.index(c.rounding))
    r = c.plus(y) if y else c.quantize(y, Decimal((0, (0,), max(-BIAS[f - 1], min(quantum(y), MAX_EXP[f - 1] - BIAS[f - 1])))))
    if y.is_zero():
        return r, None, QUANTUM if quantum(r) != quantum(y) else 0
    r = r.copy_sign(y)
    return r, None, flags_of(c, r, quantum(y) if y.is_finite() else None)


def quantize(c, f, x, y, **_):
    if x.is_infinite() != y.is_infinite():
        return Decimal('nan'), None, INVALID
    r = c.quantize(x, y)
    return r, None, flags_of(c, r)


def packed(signed):
    def run(c, f, y, m4, **_):
        n = {(1, True): 15, (1, False): 16, (2, True): 31, (2, False): 32}[f, signed]
        text = ''.join(map(str, y.as_tuple().digits)).rjust(40, '0')[-n:]
        if signed:
            text += 'd' if y.is_signed() else 'f' if m4 & 1 else 'c'
        return ('g', int(text, 16), 64 * f), None, 0
    return run


def extract(c, f, y, what, **_):
    v = (quantum(y) + BIAS[f]) if what == 'exponent' else 0 if not y else len(y.as_tuple().digits)
    return ('g', v, 64), None, 0


def shift(left):
    def run(c, f, x, count, **_):
        s, digits, exp = x.as_tuple()
        coef = int(''.join(map(str, digits)))
        coef = coef * 10 ** count % 10 ** DIGITS[f] if left else coef // 10 ** count
        return Decimal((s, tuple(map(int, str(coef))), exp)), None, 0
    return run


FINITE = {'packed', 'extract', 'shift', 'reround', 'zoned'}
OPS = {'ad': arithmetic('add', True), 'sd': arithmetic('subtract', True), 'md': arithmetic('multiply', False),
       'dd': arithmetic('divide', False), 'cd': compare(False), 'kd': compare(True), 'cdg': from_int(64, True),
       'cdf': from_int(32, True), 'cdlg': from_int(64, False), 'cdlf': from_int(32, False), 'cgd': to_int(64, True),
       'cfd': to_int(32, True), 'clgd': to_int(64, False), 'clfd': to_int(32, False), 'fid': integral,
       'qad': quantize, 'cud': packed(False), 'csd': packed(True),
       'eed': lambda c, f, y, **k: extract(c, f, y, 'exponent'),
       'esd': lambda c, f, y, **k: extract(c, f, y, 'digits'), 'sld': shift(True), 'srd': shift(False)}
LIST = {}
for _key, _fn in OPS.items():
    for _f, _letter in ((1, 'd'), (2, 'x')):
        _at = _key.rindex('d') if _key not in ('cdg', 'cdf', 'cdlg', 'cdlf', 'dd') else _key.index('d')
        if _key == 'dd':
            _at = 1
        _name = _key[:_at] + _letter + _key[_at + 1:] + ('t' if _key in ('sld', 'srd') else 'tr')
        LIST[_name] = (_fn, _f)
LIST['ledtr'], LIST['ldxtr'] = (narrow, 1), (narrow, 2)


def number(r, f, finite):
    k = r.random()
    if k < 0.06 and not finite:
        return r.choice([Decimal('inf'), Decimal('-inf')])
    n = r.choice([0, 1, 1, 2, DIGITS[f] // 2, DIGITS[f] - 1, DIGITS[f], DIGITS[f], DIGITS[f]])
    digits = tuple(r.choice([0, 0, 5, 9, 9, r.randrange(10)]) for _ in range(n)) or (0,)
    if k < 0.5:
        digits = tuple(r.randrange(10) for _ in digits)
    exp = r.choice([0, 0, r.randrange(-DIGITS[f], DIGITS[f]), r.randrange(-3, 3), r.randrange(-60, 60),
                    r.randrange(-BIAS[f], MAX_EXP[f] - BIAS[f] + 1), -BIAS[f], MAX_EXP[f] - BIAS[f],
                    -BIAS[f] // 2, r.randrange(-BIAS[f], -BIAS[f] + 40)])
    return Decimal((r.randrange(2), digits, exp))


def put(fpr, f, n, x):
    word = encode(f, x)
    if f == 2:
        fpr[n], fpr[n + 2] = word >> 64, word & (1 << 64) - 1
    else:
        fpr[n] = word << 32 if f == 0 else word


def get(f, n, fpr):
    return fpr[n] << 64 | fpr[n + 2] if f == 2 else fpr[n] if f else fpr[n] >> 32


def make_case(r, mn, index):
    """Instruction, state, and what is expected of it."""
    fn, f = LIST[mn]
    fields = base.FORMATS[base.LINES[mn]['fmt']][2]
    fpc_mode = index % 8
    gpr, fpr = [base.value(r) for _ in range(16)], [r.getrandbits(64) for _ in range(16)]
    x, y = number(r, f, mn[:2] in ('cu', 'cs', 'ee', 'es', 'sl', 'sr')), number(r, f, mn[:2] in ('cu', 'cs', 'ee', 'es'))
    if fn is OPS['qad'] and r.random() < 0.7:
        y = Decimal((0, (1,), max(-BIAS[f], min(quantum(x) + r.randrange(-DIGITS[f], DIGITS[f]), MAX_EXP[f] - BIAS[f]))))
    v = dict(r1=r.choice([0, 1]), r2=4, r3=8, m3=0, m4=0)
    gpr[10], gpr[11] = None, 16
    put(fpr, f, 8, x)
    put(fpr, f, 4, y)
    mode = fpc_mode
    m = 'm3' if 'm3' in fields else 'm4' if base.LINES[mn]['fmt'] in ('RRFa', 'RRFb') else None
    if m and r.random() < 0.6:
        v[m] = r.choice([k for k in range(16) if FIELD[k] is not None])
        mode = FIELD[v[m]]
    first, second = (y, x) if base.LINES[mn]['fmt'] == 'RRFa' else (x, y)
    if base.LINES[mn]['fmt'] == 'RRE' and mn[:2] in ('cd', 'kd', 'cx', 'kx'):
        v['r1'] = 8
    if base.LINES[mn]['fmt'] == 'RRFd':
        v['m4'] = r.randrange(2)
    if fn is OPS['csd'] or fn is OPS['cud']:
        v['r1'] = 2
    count = r.randrange(DIGITS[f] + 3)
    if fn is OPS['sld'] or fn is OPS['srd']:
        v.update(b2=0, d2=count)
    if mn.startswith('cdg') or mn[:2] in ('cd', 'cx') and mn[2] in 'gfl':
        v['r2'] = 3
    want = fn(context(f, mode), f, x=first, y=second, g=gpr[3], m4=v['m4'], count=count)
    return v, gpr, fpr, fpc_mode << 4, want


def check(mn, case, got):
    v, _, _, _, (result, cc, flags) = case
    g, fp = struct.unpack('>16Q', got[800:928]), struct.unpack('>16Q', got[640:768])
    word, fpc = struct.unpack('>II', got[928:936])
    f = LIST[mn][1]
    out = []
    if isinstance(result, tuple):
        have = g[v['r1']] << 64 | g[v['r1'] + 1] if result[2] == 128 else g[v['r1']] & (1 << result[2]) - 1
        if have != result[1]:
            out.append('result %x, expected %x' % (have, result[1]))
    elif result is not None:
        rf = f - 1 if mn in ('ledtr', 'ldxtr') else f
        have = decode(rf, get(rf, v['r1'], fp))
        if result.is_nan() != have.is_nan() or not have.is_nan() and have.as_tuple() != result.as_tuple():
            out.append('result %s, expected %s' % (have, result))
    if cc is not None and word >> 28 & 3 != cc:
        out.append('condition code %d, expected %d' % (word >> 28 & 3, cc))
    if fpc >> 16 & 0xff != flags:
        out.append('flags %02x, expected %02x' % (fpc >> 16 & 0xff, flags))
    return out


def main():
    a = base.arguments(754, 3000, qemu=False)
    r = random.Random(a.seed)
    names = a.only or list(LIST)
    assert all(n in base.LINES for n in names), [n for n in names if n not in base.LINES]
    chosen = [names[k % len(names)] for k in range(a.count)]
    cases = [make_case(r, mn, k // len(names)) for k, mn in enumerate(chosen)]
    blocks.fpc = lambda index: cases[index][3]
    code, data = blocks.build([(mn, (c[0], c[1], c[2], bytes(blocks.MEM)), 1) for mn, c in zip(chosen, cases)])
    with tempfile.TemporaryDirectory() as tmp:
        out = base.run_ferry(a.ferry, base.kernel_image(code, data), len(data), tmp)
    bad = {}
    for k, (mn, case) in enumerate(zip(chosen, cases)):
        wrong = check(mn, case, out[k * blocks.SLOT:(k + 1) * blocks.SLOT])
        if wrong and bad.setdefault(mn, 0) < 2:
            f = LIST[mn][1]
            print('case %d: %s %s mode %d: %s %s: %s' % (k, mn, case[0], case[3] >> 4, decode(f, get(f, 8, case[2])),
                                                       decode(f, get(f, 4, case[2])), '; '.join(wrong)))
        if wrong:
            bad[mn] += 1
    base.finish(cases, names, bad)


if __name__ == '__main__':
    main()
