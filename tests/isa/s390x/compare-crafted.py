#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions that need a state made for them, here and in qemu-s390x: branches, EXECUTE, access registers, strings,
translations, packed decimal, FPC control. What qemu-s390x has not is compared with its definition below (REFERENCE).

  compare-crafted.py FERRY [--seed N] [--count N] [--only MNEMONIC,...]

As compare.py. A branch goes over an instruction that would flip r13. Storage operands are at
MEM of a case's slot, tables at TABLE.
"""
import os
import random
import struct
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import programs as base  # noqa: E402

SLOT, BLOCK = 8192, 320
ARS, MEM, OUT, TABLE = 288, 512, 2048, 4096  # the table's place suits all alignments
GPR_OUT, FPR_OUT, AR_OUT, WORDS_OUT = OUT, OUT + 128, OUT + 256, OUT + 320
VALID_SIGNS = (10, 11, 12, 13, 14, 15)


class State:
    """What a case starts from. A register may hold ('mem', n), ('table', n) or ('code', n): an address."""

    def __init__(self, r):
        self.r = r
        self.gpr = [base.value(r) for _ in range(16)]
        self.ar = [r.getrandbits(32) for _ in range(16)]
        self.fpr = [r.getrandbits(64) for _ in range(16)]
        self.mem = bytearray(r.getrandbits(8) for _ in range(512))
        self.table = bytearray(r.getrandbits(8) for _ in range(1024))
        self.cc, self.fpc = r.randrange(4), 0
        self.mem_words = {}   # offset in storage: ('code', n)
        self.before = b''     # bytes in front of the instruction, jumped over
        self.lead = b''       # instructions right before it
        self.after = b''      # instructions right behind it
        self.again = False    # condition code 3: go on
        self.v = {}
        self.gpr[10], self.gpr[11] = ('mem', 0), ('mem', 256)


def other(r):
    return r.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 14])


def small(s):
    return s.r.choice([0, 1, 2, 1, (1 << 64) - 1, (1 << 32) + 1, 1 << 31, 1 << 63, base.value(s.r)])


# ---- branches: the target is 6 bytes behind the instruction ----
def target(s, mn):
    return base.FORMATS[base.LINES[mn]['fmt']][0] + 6


def branch(s, mn):
    fields = base.FORMATS[base.LINES[mn]['fmt']][2]
    to, v = target(s, mn), s.v
    v.update({n: s.r.getrandbits(4) for n in ('m1', 'm3') if n in fields})
    if 'm3' in fields:
        v['m3'] &= 14
    for n in ('r1', 'r2', 'r3'):
        if n in fields:
            v[n] = other(s.r)
            s.gpr[v[n]] = small(s)
    if 'r2' in fields and 'r1' in fields and 'm3' in fields and s.r.random() < 0.4:
        s.gpr[v['r2']] = s.gpr[v['r1']]
    if 'r3' in fields:
        for n in (v['r1'], v['r3'], v['r3'] | 1):
            if n not in (10, 13, 15):
                s.gpr[n] = s.r.choice([1, 2, 3, (1 << 64) - 1, s.r.getrandbits(64)])
    if 'i2' in fields:
        v['i2'] = s.r.choice([0, 1, -1, s.r.getrandbits(8)])
    for n in ('ri2', 'ri4'):
        if n in fields:
            v[n] = to
    for n in ('b2', 'b4'):
        if n in fields:
            v[n] = 10
            s.gpr[10] = ('code', to)
    if base.LINES[mn]['fmt'] in ('RR', 'RRm') or mn == 'bctgr':
        v['r2'] = s.r.choice([0, 8, 8])
        s.gpr[8] = ('code', to + (mn in ('bassm', 'bsm')))
        if v.get('r1') == 8:
            v['r1'] = 9
    if mn == 'bic':
        s.gpr[10] = ('mem', 0)
        s.mem_words[0] = ('code', to)


def no_trap(s, mn):
    """Operands are equal, and the mask has no bit for that."""
    ln, v = base.LINES[mn], s.v
    v['m3'] = s.r.choice([0, 2, 4, 6])
    v['r1'], v['r2'] = 4, 5
    width = 32 if ln['w'] == 'w' else 64
    x = s.r.getrandbits(15)
    if ln['src'] not in ('i', 'u'):
        x = s.r.getrandbits(width)
    s.gpr[4] = s.gpr[5] = x
    v['i2'], v['b2'], v['d2'] = x, 10, 0
    s.mem[:width // 8] = x.to_bytes(width // 8, 'big')


def execute(s, mn):
    kind = s.r.randrange(5)
    words = [base.enc('mvc', b1=10, l1=s.r.randrange(16), b2=11, d2=s.r.randrange(40)),
             base.enc('oc', b1=10, d1=9, l1=s.r.randrange(16), b2=10, d2=4),
             base.enc('clc', b1=10, l1=s.r.randrange(16), b2=11),
             base.enc('mvi', b1=10, d1=3, i2=s.r.getrandbits(8)),
             base.enc('agr', r1=4, r2=5) if mn == 'exrl' else base.enc('ar', r1=4, r2=0)]
    s.before = words[kind].ljust(6, b'\x07')
    s.v['r1'] = s.r.choice([0, 6])
    s.gpr[6] = s.r.choice([0, s.r.getrandbits(8) | 0x1200, s.r.randrange(16)])
    if kind == 4:
        s.gpr[6] &= 0x0f if mn == 'ex' else 0
        s.gpr[6] = s.gpr[6] if s.gpr[6] < 10 else 2
    s.v['ri2'] = -6
    s.v['b2'] = 9
    s.gpr[9] = ('code', -6)
    if mn == 'ex' and s.r.getrandbits(1):  # the address is known, and so is where the register gets it, or not quite
        s.v['d2'] = s.r.choice([0, 0, 2])
        s.lead = base.enc('larl', r1=9, ri2=-6 - s.v['d2'])
        if s.r.randrange(4) == 0:
            s.lead += base.enc('lay', r1=9, b2=9, d2=-2)
            s.v['d2'] += 2


def mode(s, mn):
    s.after = base.enc('sam64')


def program_mask(s, mn):
    s.v['r1'] = other(s.r)
    s.gpr[s.v['r1']] = s.r.getrandbits(64)


def hint(s, mn):
    for n, (_, bits, kind) in base.FORMATS[base.LINES[mn]['fmt']][2].items():
        s.v[n] = 10 if n[0] == 'b' else 0 if n[0] == 'x' else s.r.randrange(16) * 2 if kind == 'p' else s.r.getrandbits(min(bits, 4))
    if mn == 'lcbb':
        s.v.update(r1=4, m3=s.r.randrange(7), d2=s.r.getrandbits(12))
    if mn == 'mc':
        s.v['i2'] = s.r.randrange(16)


# ---- registers ----
def access(s, mn):
    s.v.update(r1=s.r.randrange(2, 15), r2=s.r.randrange(2, 15), r3=s.r.randrange(2, 15), b2=10,
               d2=4 * s.r.randrange(40), x2=0)
    if mn in ('ear', 'sar', 'lae', 'laey'):
        s.v['r1' if mn != 'sar' else 'r2'] = s.r.choice([2, 3, 4, 5, 6, 7, 8, 9, 12, 14])
    if s.v['r3'] < s.v['r1'] and mn[:2] in ('la', 'st') and mn not in ('lae', 'laey'):
        s.v['r1'], s.v['r3'] = s.v['r3'], s.v['r1']


def load_pairs(s, mn):
    s.v.update(r1=s.r.choice([2, 4, 6]), r3=s.r.choice([2, 4, 8]), b1=10, b2=10, b4=11, d1=16, d2=s.r.choice([32, 64]), x2=0)
    if mn in ('lpd', 'lpdg'):
        s.v['r3'] = s.r.choice([2, 4, 6])
    if mn in ('lmd', 'stmh'):
        s.v.update(r1=1, r3=s.r.randrange(2, 9))


def nonzero(s, mn):
    s.v.update(r1=4, b2=10, x2=0, d2=8)
    s.mem[8:16] = bytes([0x12]) + bytes(s.mem[9:12]) + b'\x11' + bytes(s.mem[13:16])


def fpc_control(s, mn):
    word = s.r.getrandbits(32) & 0xf8f8ff73 & ~0x700 | s.r.choice([0, 1, 2, 3])
    s.mem[:4] = word.to_bytes(4, 'big')
    s.v.update(r1=4, b2=10, d2=0)
    s.gpr[4] = word
    if mn.startswith('srnm'):
        s.v.update(b2=0, d2=s.r.choice([0, 1, 2, 3]) if mn != 'srnmt' else s.r.randrange(8))
    if mn == 'stfpc':
        s.v['d2'] = 16


# ---- strings: operands at the start and the middle of the storage ----
def text(s, alphabet, n):
    return bytes(s.r.choice(alphabet) for _ in range(n))


def strings(s, mn):
    s.again = True
    s.v.update(r1=4, r2=6)
    letters = list(range(1, 5))
    unit = 2 if mn == 'srstu' else 1
    s.mem[:256] = text(s, letters, 256)
    s.mem[256:] = bytes(s.mem[:256]) if s.r.random() < 0.7 else text(s, letters, 256)
    end = s.r.choice([0, 9])
    at = s.r.randrange(100) * unit
    s.mem[at:at + unit] = end.to_bytes(unit, 'big')
    if s.r.random() < 0.8:
        s.mem[256 + at + s.r.choice([0, 0, 1])] = end
    s.mem[511], s.mem[255] = end, end
    s.gpr[0] = end
    s.gpr[4], s.gpr[6] = ('mem', 0), ('mem', 256)
    if mn in ('srst', 'srstu'):
        s.gpr[4], s.gpr[6] = ('mem', s.r.choice([40, 200])), ('mem', 0)


def lengths(s, mn):
    """Two operands with address and length in pairs."""
    s.again = True
    s.v.update(r1=4, r2=6, r3=6, b2=0, d2=s.r.getrandbits(8))
    n1, n2 = s.r.randrange(0, 120), s.r.randrange(0, 120)
    if mn[-1] == 'u':
        n1, n2 = n1 & ~1, n2 & ~1
    if s.r.random() < 0.5:
        s.mem[256:] = s.mem[:256]
        n2 = n1 if s.r.random() < 0.5 else n2
        if n1 and s.r.random() < 0.5:
            s.mem[s.r.randrange(n1)] ^= 1
    s.gpr[4], s.gpr[6] = ('mem', 0), ('mem', 256 if s.r.random() < 0.8 else s.r.randrange(64))
    if mn in ('mvcl', 'clcl'):
        n1 |= s.r.getrandbits(40) << 24
        n2 |= s.r.getrandbits(40) << 24
    s.gpr[5], s.gpr[7] = n1, n2
    if mn == 'cksm':
        s.gpr[4] = s.r.getrandbits(64)


def translation(s, mn):
    two_in, two_out = mn in ('trto', 'trtt'), mn in ('trot', 'trtt')
    n = s.r.randrange(1, 30) * (2 if two_in else 1)  # qemu-s390x 10.0 does not see that a length is zero
    s.v.update(r1=4, r2=6, m3=s.r.choice([0, 1]))
    if mn in ('trte', 'trtre'):
        s.v['m3'] = s.r.choice([0, 4, 8, 12])
        wide, size = s.v['m3'] & 8, 2 if s.v['m3'] & 4 else 1
        n = s.r.randrange(0, 20) * (2 if wide else 1)
        s.table[:] = bytes(s.r.choice([0] * 12 + [7]) if size == 1 else 0 for _ in range(1024))
        for _ in range(60 if size == 2 else 0):
            s.table[2 * s.r.randrange(512) + 1] = s.r.randrange(256)
        if wide:
            s.mem[:] = b''.join(struct.pack('>H', s.r.randrange(512)) for _ in range(256))
        s.gpr[4] = ('mem', 0 if mn == 'trte' else 128)
        s.gpr[5] = n
        s.gpr[1] = ('table', 0)
        s.v['r2'] = 8
        return
    if two_in:
        s.mem[256:] = b''.join(struct.pack('>H', s.r.randrange(512)) for _ in range(128))
    s.gpr[1] = ('table', 0)
    s.gpr[4], s.gpr[5], s.gpr[6] = ('mem', 0), n, ('mem', 256)
    s.gpr[0] = s.r.choice([s.table[s.r.randrange(64)], s.r.getrandbits(8)])
    if mn == 'tre':
        s.v.update(r1=4, r2=8)
        s.gpr[8] = ('table', 0)
        s.gpr[0] = s.mem[s.r.randrange(20)]


def by_table(s, mn):
    n = s.r.choice([0, 1, 7, 40, 200])
    s.v.update(b1=10, d1=0 if mn != 'trtr' else 220, l1=n, b2=11, d2=0)
    s.gpr[11] = ('table', 0)
    if mn != 'tr':
        s.table[:256] = bytes(s.r.choice([0] * 60 + [3]) for _ in range(256))
    if mn == 'mvcin':
        s.gpr[11] = ('mem', 256 + n)


# ---- decimal ----
def packed(s, n, digits=None, zero=0.1):
    """n bytes of it; at most so many digits other than zero."""
    most = 2 * n - 1 if digits is None else min(digits, 2 * n - 1)
    value = 0 if s.r.random() < zero else s.r.randrange(10 ** s.r.randrange(1, most + 1))
    return bytes.fromhex(str(value).rjust(2 * n - 1, '0') + '%x' % s.r.choice(VALID_SIGNS))


def decimal(s, mn):
    n1, n2 = s.r.randrange(1, 17), s.r.randrange(1, 17)
    if mn in ('mp', 'dp'):
        n2 = s.r.randrange(1, 9)
        n1 = s.r.randrange(n2 + 1, 17)
    a = packed(s, n1, digits=2 * (n1 - n2) - 1 if mn in ('mp', 'dp') else None)
    b = packed(s, n2, zero=0.1 if mn != 'dp' else 0)
    if mn == 'dp':
        digits = list(b.hex())
        digits[-2] = '1' if n2 > 1 or digits[-2] == '0' else digits[-2]
        b = bytes.fromhex(''.join(digits))
    s.mem[:n1], s.mem[256:256 + n2] = a, b
    s.v.update(b1=10, l1=n1 - 1, b2=11, l2=n2 - 1, d1=0, d2=0)
    if mn == 'srp':
        s.v.update(b2=0, d2=s.r.choice([0, 1, 3, 8, 61, 63, 60, 50, 32, 31]), i3=s.r.randrange(10))
    if mn == 'tp' and s.r.random() < 0.5:
        s.mem[s.r.randrange(n1)] = s.r.getrandbits(8)


def zoned(s, mn):
    s.v.update(b1=10, l1=s.r.randrange(16), b2=11, l2=s.r.randrange(16), d1=0, d2=0)
    if mn in ('pka', 'pku'):
        s.v['l2'] = s.r.randrange(32) if mn == 'pka' else 2 * s.r.randrange(32) + 1
        s.mem[256:] = bytes(0x30 | s.r.randrange(10) for _ in range(256))
    if mn in ('unpka', 'unpku'):
        s.v['l1'] = s.r.randrange(32) if mn == 'unpka' else 2 * s.r.randrange(32) + 1
        s.mem[256:272] = packed(s, 16)


def edit(s, mn):
    n = s.r.randrange(1, 30)
    s.mem[:n] = bytes([0x40]) + bytes(s.r.choice([0x20, 0x20, 0x20, 0x21, 0x22, 0x6b, 0x40]) for _ in range(n - 1))
    s.mem[256:320] = b''.join(packed(s, s.r.randrange(1, 5)) for _ in range(40))[:64]
    s.v.update(b1=10, l1=n - 1, b2=11, d1=0, d2=0)


def to_binary(s, mn):
    n = 16 if mn == 'cvbg' else 8
    s.mem[:n] = packed(s, n, digits=18 if n == 16 else 9)
    s.v.update(r1=4, b2=10, x2=0, d2=0)


def to_left(s, mn):
    s.v.update(b1=10, d1=s.r.randrange(40), b2=10, d2=s.r.randrange(40))
    s.gpr[0] = s.r.choice([0, 7, 63, s.r.getrandbits(64) & ~0xff | 31])


def overlap(s, mn):
    """Operands of up to 256 bytes that overlap by any distance, most often across the end of a page."""
    first = s.r.randrange(-300, 60)
    s.v.update(b1=10, d1=0, b2=11, d2=0, l1=s.r.choice([s.r.randrange(256), 254, 255]))
    s.gpr[10] = ('table', first)
    s.gpr[11] = ('table', first - s.r.choice([1, 1, 0, 2, 8, s.r.randrange(300), -s.r.randrange(300)]))


EDGES = [0, 1, 2, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63]


def edge(s):
    return s.r.choice([*EDGES, *(-x & (1 << 64) - 1 for x in EDGES), base.value(s.r)])


def code_by_branches(s, mn):
    """What the code is, by a branch right behind the instruction that sets it, and by two more on other masks. Sums
    with carry come behind one that leaves it, where others come first in their region."""
    s.gpr[4:10] = [edge(s) for _ in range(6)]
    s.gpr[5] = s.r.choice([s.gpr[4], -s.gpr[4] & (1 << 64) - 1, s.gpr[5], s.gpr[5]])
    s.mem[:8] = edge(s).to_bytes(8, 'big')
    s.v.update(r1=4, r2=5, r3=6, b1=10, b2=10, x2=0, d1=0, d2=0, l1=s.r.randrange(12),
               i2=s.r.choice([0, 1, 2, -1, -8, 0x7f, -0x80, 0x7fff, -0x8000, 0x7fffffff, -0x80000000]))
    if mn in ('alcr', 'alcgr', 'slbr', 'slbgr') and s.r.randrange(4):
        s.lead = base.enc(s.r.choice(['algr', 'alr', 'slgr', 'slr', 'alcgr', 'alcr', 'slbgr', 'clgr']), r1=7, r2=8)
    for k, mask in enumerate(s.r.sample(range(1, 15), 3)):
        s.after += base.enc('brc', m1=mask, ri2=10) + base.enc('lay', r1=12, b2=12, d2=1 << k)


def relative(s, mn):
    s.v.update(r1=other(s.r), ri2=2 * s.r.randrange(-1000, 1000))


# ---- definitions: change the state (registers are numbers by now), return the condition code or None ----
TAKEN = 0xffffffff << 32  # a branch flips the left half of r13


def nibbles(b):
    return b.hex()


def unpacked(b):
    t = nibbles(b)
    return int(t[:-1]) * (-1 if t[-1] in 'bd' else 1)


def repacked(value, n, minus=None):
    minus = value < 0 if minus is None else minus
    return bytes.fromhex(str(abs(value) % 10 ** (2 * n - 1)).rjust(2 * n - 1, '0') + ('d' if minus else 'c'))


def sign_cc(value):
    return 0 if value == 0 else 1 if value < 0 else 2


def as_decimal(s, mn, **_):
    v = s.v
    n1, n2 = v['l1'] + 1, v.get('l2', 0) + 1
    x, y = unpacked(s.mem[:n1]) if mn != 'zap' else 0, unpacked(s.mem[256:256 + n2]) if mn != 'srp' else 0
    x_minus, y_minus = nibbles(s.mem[:n1])[-1] in 'bd', nibbles(s.mem[256:256 + n2])[-1] in 'bd'
    if mn == 'cp':
        return sign_cc(x - y)
    if mn == 'dp':
        q, rest = abs(x) // abs(y), abs(x) % abs(y)
        s.mem[:n1] = repacked(q, n1 - n2, x_minus != y_minus) + repacked(rest, n2, x_minus)
        return None
    if mn == 'srp':
        shift = v['d2'] & 63
        if shift & 32:
            digit = abs(x) // 10 ** (63 - shift) % 10
            value = abs(x) // 10 ** (64 - shift) + (digit + v['i3'] >= 10)
        else:
            value = abs(x) * 10 ** shift
        value *= -1 if x < 0 else 1
    else:
        value = {'zap': y, 'ap': x + y, 'sp': x - y, 'mp': x * y}[mn]
    s.mem[:n1] = repacked(value, n1, x_minus != y_minus if mn == 'mp' else None)
    return None if mn == 'mp' else 3 if abs(value) >= 10 ** (2 * n1 - 1) else sign_cc(value)


def as_edit(s, mn, **_):
    significant = nonzero = minus = False
    source, place = nibbles(s.mem[256:]), 0
    fill = s.mem[0]
    for k in range(s.v['l1'] + 1):
        c = s.mem[k]
        if c == 0x22:
            significant = nonzero = minus = False
            s.mem[k] = fill
        elif c in (0x20, 0x21):
            digit = int(source[place], 16)
            if digit and not significant and mn == 'edmk':
                s.gpr[1] = s.gpr[10] + k
            s.mem[k] = 0xf0 | digit if digit or significant else fill
            significant |= bool(digit) or c == 0x21
            nonzero |= bool(digit)
            place += 1
            if place % 2 and source[place] > '9':
                minus = source[place] in 'bd'
                significant &= minus
                place += 1
        elif k == 0 or not significant:
            s.mem[k] = fill
    return 0 if not nonzero else 1 if significant else 2


def as_zoned(s, mn, **_):
    l1, l2 = s.v['l1'] + 1 if 'l1' in s.v else 16, s.v.get('l2', 0) + 1
    source = s.mem[256:256 + l2]
    if mn == 'unpk':
        digits = nibbles(source)
        last, zones = digits[-1] + digits[-2], digits[:-2].rjust(40, '0')[-(l1 - 1):] if l1 > 1 else ''
        s.mem[:l1] = bytes(0xf0 | int(d, 16) for d in zones) + bytes.fromhex(last)
        return
    unit = 2 if mn == 'pku' else 1
    digits = ''.join('%x' % (c & 15) for c in source[unit - 1::unit])
    s.mem[:16] = bytes.fromhex(digits.rjust(40, '0')[-31:] + 'c')


def as_copy(s, mn, **_):
    s.ar[s.v['r1']] = s.ar[s.v['r2']]


def as_disjoint(s, mn, **_):
    d2 = s.v['d2']
    for k, reg in enumerate(range(s.v['r1'], s.v['r3'] + 1)):
        s.gpr[reg] = int.from_bytes(s.mem[d2 + 4 * k:d2 + 4 * k + 4] + s.mem[256 + 4 * k:260 + 4 * k], 'big')


def as_high_halves(s, mn, **_):
    for k, reg in enumerate(range(s.v['r1'], s.v['r3'] + 1)):
        s.mem[s.v['d2'] + 4 * k:s.v['d2'] + 4 * k + 4] = (s.gpr[reg] >> 32).to_bytes(4, 'big')


def as_mode(s, mn, after):
    taken = s.v['r2'] != 0
    if mn == 'bassm':
        s.gpr[s.v['r1']] = after | 1
    elif s.v['r1']:
        s.gpr[s.v['r1']] |= 1
    s.gpr[13] ^= TAKEN if taken else 0
    return (1 if s.gpr[13] >> 32 else 0) if taken else None  # by XIHF


def as_table(s, mn, **_):
    wide, size = s.v['m3'] & 8, 2 if s.v['m3'] & 4 else 1
    unit, step = (2 if wide else 1), (1 if mn == 'trte' else -1)
    at, left, base_at = s.gpr[4], s.gpr[5], s.gpr[4] - (0 if mn == 'trte' else 128)
    code = 0
    while left:
        c = int.from_bytes(s.mem[at - base_at:at - base_at + unit], 'big')
        code = int.from_bytes(s.table[c * size:c * size + size], 'big')
        if code:
            break
        at, left = at + step * unit, left - unit
    s.gpr[4], s.gpr[5] = at, left
    s.gpr[8] = code
    return 0 if not left else 1


REFERENCE = {'cpya': as_copy, 'lmd': as_disjoint, 'bassm': as_mode, 'bsm': as_mode, 'trte': as_table, 'trtre': as_table,
             'stmh': as_high_halves, 'ed': as_edit, 'edmk': as_edit,
             'pka': as_zoned, 'pku': as_zoned, 'unpk': as_zoned}  # wrong in qemu-s390x 10.0, as is STMH
REFERENCE.update({n: as_decimal for n in 'zap ap sp mp dp cp srp'.split()})


def reference(s, mn, data, insn):
    """The slot as the definition leaves it."""
    s.gpr = list(struct.unpack('>16Q', data[:128]))
    cc = REFERENCE[mn](s, mn, after=insn + base.FORMATS[base.LINES[mn]['fmt']][0])
    cc = s.cc if cc is None else cc
    out = bytearray(data)
    out[MEM:MEM + 512] = s.mem
    out[GPR_OUT:GPR_OUT + 128] = struct.pack('>16Q', *s.gpr)
    out[FPR_OUT:FPR_OUT + 128] = struct.pack('>16Q', *s.fpr)
    out[AR_OUT:AR_OUT + 64] = struct.pack('>16I', *s.ar)
    out[WORDS_OUT:WORDS_OUT + 8] = struct.pack('>II', cc << 28, s.fpc)
    return bytes(out)


LIST = {}
for fn, names in (
        (branch, 'bcr bc bic brc brcl balr bal basr bas bras brasl bassm bsm bctr bctgr bct bctg brct brctg brcth bxh bxhg bxle '
                 'bxleg brxh brxle brxhg brxlg crj cgrj clrj clgrj cij cgij clij clgij crb cgrb clrb clgrb cib cgib clib clgib'),
        (no_trap, 'crt cgrt clrt clgrt cit cgit clfit clgit clt clgt'), (execute, 'ex exrl'), (mode, 'sam24 sam31 sam64'),
        (program_mask, 'spm ipm'), (hint, 'tam niai bpp bprp ppa pfd pfdrl lcbb mc'),
        (access, 'ear sar cpya lae laey lam lamy stam stamy'), (load_pairs, 'lmd stmh lpd lpdg lpq stpq'),
        (nonzero, 'lat lgat llgfat llgtat lfhat'), (fpc_control, 'lfpc sfpc srnm srnmb srnmt stfpc efpc'),
        (strings, 'mvst clst srst srstu'), (lengths, 'mvcl clcl mvcle clcle mvclu clclu cksm'),
        (translation, 'tre troo trot trto trtt trte trtre'), (by_table, 'tr trt trtr mvcin'),
        (decimal, 'zap ap sp mp dp cp srp tp'), (zoned, 'pack unpk mvo pka pku unpka unpku'), (edit, 'ed edmk'),
        (to_binary, 'cvb cvby cvbg'), (to_left, 'mvcrl'), (relative, 'larl'),
        (overlap, 'mvc xc oc nc mvn mvz'),
        (code_by_branches, 'ar agr sr sgr ahi aghi afi agfi ahik aghik asi agsi alr algr slr slgr alfi algfi alhsik alghsik '
                           'alsi algsi alcr alcgr slbr slbgr cr cgr clr clgr ngr xr lcr lcgr ltgr tmll tm clc ltr')):
    LIST.update({n: fn for n in names.split()})


def address(x, slot, insn):
    if not isinstance(x, tuple):
        return x
    return {'mem': slot + MEM, 'table': slot + TABLE, 'code': insn}[x[0]] + x[1]


def code_block(index, mn, s):
    slot = base.DATA + index * SLOT
    b = base.Block(base.CODE + 0x1000 + index * BLOCK)
    b.emit('larl', r1=15, to=slot)
    b.emit('lam', r1=0, r3=15, b2=15, d2=ARS)
    b.emit('lfpc', b2=15, d2=260)
    b.load(cc=256, fpr=128)
    if s.before:
        b.emit('brc', m1=15, ri2=4 + len(s.before))
        b.bytes += s.before
    b.bytes += s.lead
    insn = b.here()
    b.emit(mn, **s.v)
    b.bytes += s.after
    if s.again:
        b.emit('brc', m1=1, to=insn)
    b.emit('brcl', m1=15, ri2=12)
    b.emit('xihf', r1=13, i2=0xffffffff)
    b.emit('stgrl', r1=15, to=slot + GPR_OUT + 15 * 8)
    b.emit('larl', r1=15, to=slot)
    b.emit('stmg', r1=0, r3=14, b2=15, d2=GPR_OUT)
    b.emit('lghi', r1=1, i2=0)
    b.emit('ipm', r1=1)
    b.emit('st', r1=1, b2=15, d2=WORDS_OUT)
    b.emit('stfpc', b2=15, d2=WORDS_OUT + 4)
    b.emit('stam', r1=0, r3=15, b2=15, d2=AR_OUT)
    for k in range(16):
        b.emit('std', r1=k, b2=15, d2=FPR_OUT + 8 * k)
    return b.end(BLOCK), insn


def slot_bytes(index, s, insn):
    slot = base.DATA + index * SLOT
    s.gpr[13] = s.r.getrandbits(64)
    b = struct.pack('>16Q16Q', *[address(x, slot, insn) & (1 << 64) - 1 for x in s.gpr], *s.fpr)
    b += struct.pack('>II', s.cc << 28, s.fpc)
    b = b.ljust(ARS, b'\0') + struct.pack('>16I', *s.ar)
    for at, x in s.mem_words.items():
        s.mem[at:at + 8] = address(x, slot, insn).to_bytes(8, 'big')
    return ((b.ljust(MEM, b'\0') + bytes(s.mem[:512])).ljust(TABLE, b'\0') + bytes(s.table[:1024])).ljust(SLOT, b'\0')


def describe(index, mn, s, ours, theirs):
    print('case %d: %s %s' % (index, mn, s.v))
    for name, at, fmt, n in (('r', GPR_OUT, '>16Q', 128), ('f', FPR_OUT, '>16Q', 128), ('a', AR_OUT, '>16I', 64),
                             ('cc, fpc ', WORDS_OUT, '>2I', 8)):
        for k, (x, y) in enumerate(zip(struct.unpack(fmt, ours[at:at + n]), struct.unpack(fmt, theirs[at:at + n]))):
            if x != y:
                print('  %s%d: %x, expected %x (was %s)' % (name, k, x, y, s.gpr[k] if name == 'r' else ''))
    for k in range(MEM, MEM + 512):
        if ours[k] != theirs[k]:
            print('  storage +%d: %s, expected %s' % (k - MEM, ours[k:k + 16].hex(), theirs[k:k + 16].hex()))
            break


def main():
    a = base.arguments(77, 2500)
    r = random.Random(a.seed)
    names = a.only or list(LIST)
    chosen = sorted((names[k % len(names)] for k in range(a.count)), key=lambda mn: mn in REFERENCE)
    shared = sum(mn not in REFERENCE for mn in chosen)  # with qemu-s390x: these come first
    cases, code, slots, wanted = [], b'', [], []
    for k, mn in enumerate(chosen):
        s = State(r)
        LIST[mn](s, mn)
        s.v = {n: x for n, x in s.v.items() if n in base.FORMATS[base.LINES[mn]['fmt']][2]}
        block, insn = code_block(k, mn, s)
        code += block
        slots.append(slot_bytes(k, s, insn))
        cases.append((mn, s))
        if mn in REFERENCE:
            wanted.append(reference(s, mn, slots[-1], insn))
    data = b''.join(slots)
    with tempfile.TemporaryDirectory() as tmp:
        theirs = base.run_qemu(a.qemu, code[:shared * BLOCK], data[:shared * SLOT], tmp)
        ours = base.run_ferry(a.ferry, base.kernel_image(code, data), len(data), tmp)
    theirs += b''.join(wanted)
    bad = {}
    for k, (mn, s) in enumerate(cases):
        x, y = ours[k * SLOT:(k + 1) * SLOT], theirs[k * SLOT:(k + 1) * SLOT]
        if x != y:
            if bad.setdefault(mn, 0) < 2:
                describe(k, mn, s, x, y)
            bad[mn] += 1
    base.finish(cases, names, bad)


if __name__ == '__main__':
    main()
