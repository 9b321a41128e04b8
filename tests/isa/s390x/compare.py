#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs random s390x instructions on random states here and in qemu-s390x, and compares.

  compare.py FERRY [--seed N] [--count N] [--only MNEMONIC,...]

The instructions come from target/s390x/insns/. Each is one block of code: load condition code, registers
and a storage operand, execute, store all of it. The same bytes run as a Linux program under
qemu-s390x (black box; exit 77 when it is not installed) and as a "kernel" under Ferry, whose memory
is read by QMP afterwards.
"""
import os
import random
import struct
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from programs import (CODE, DATA, FORMATS, LINES, Block, arguments, enc, finish, kernel_image,  # noqa: E402
                      run_ferry, run_qemu, value)

STATE, MEM = 288, 256  # bytes: 16 GPRs, 16 FPRs, cc word, fpc word, 24 spare; storage operand
SLOT = 1024            # state, storage, results
# In compare-crafted.py or system.py; and what ends a program (load-and-trap of zero).
SKIP = set("""lam lamy stam stamy ear sar cpya lae laey lmd cksm mvst clst srst srstu tre mvcl clcl mvcle clcle mvclu
clclu troo trot trto trtt trte trtre plo csst mvcos ectg lat lgat llgfat llgtat lfhat brcth cvb cvby cvbg ap sp zap mp
dp cp srp ed edmk pka pku unpka unpku lfpc sfpc srnm srnmb srnmt stfpc efpc larl tr trt trtr mvcin mvcrl lpd lpdg tp
pack unpk mvo lpq stpq stmh sfasr lfas""".split())


FLOATS = [0, 1 << 63, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
          0x7ff8000000000000, 0x4009_21fb_5444_2d18, 0x3ff8000000000000, 0x41dfffffffc00000,
          0x43e0000000000000, 0x3f800000_00000000, 0xbf800000_00000000, 0x40490fdb_00000000,
          0x7f800000_00000000, 0x4f000000_00000000, 0x3fc00000_00000000, 0x0000000000000001]


def extended(r):
    """An extended number, or what looks like one."""
    k, signs = r.random(), r.getrandbits(1) << 127
    if k < 0.35:
        return r.choice([0, 0x3fff << 112, 0x7fff << 112, 0x7fff8 << 108, 1, 1 << 112, (0x7ffe << 112) | ((1 << 112) - 1),
                         0x3ffe << 112, 0x403e << 112, 0x401e << 112, 0x7fff8 << 108 | r.getrandbits(90),
                         0x7fff << 112 | 1 << r.randrange(111)]) | signs
    exp = r.choice([16383 + r.randrange(-4, 5), 16383 + r.randrange(-70, 131), r.getrandbits(15)])
    low = r.choice([0, 60, 85, 111])
    return signs | exp << 112 | r.getrandbits(112) >> low << low


def is_extended(mn, ln):
    return ln['w'] == 'x' or mn.startswith(('mx', 'lx', 'cx', 'sqx')) or 'x' in mn[1:4]


def make_case(r, mn):
    """Instruction bytes and its starting state."""
    ln = LINES[mn]
    _, _, fields = FORMATS[ln['fmt']]
    v = {}
    gpr = [value(r) for _ in range(16)]
    fpr = [r.choice(FLOATS) if r.random() < 0.6 else r.getrandbits(64) for _ in range(16)]
    mem = bytes(r.getrandbits(8) for _ in range(MEM))
    fp = bool(set('fh12') & set(ln['flags']))
    if fp and is_extended(mn, ln) and r.random() < 0.7:
        for k in (0, 1, 4, 5, 8, 9, 12, 13):
            x = extended(r)
            while mn == 'ltxbr' and x >> 112 & 0x7fff == 0x7fff and not x >> 111 & 1 and x & (1 << 111) - 1:
                x = extended(r)  # qemu-s390x 10.0 leaves signalling NaNs as they are: fp-traps.py
            fpr[k], fpr[k + 2] = x >> 64, x & (1 << 64) - 1
    for n, (pos, length, kind) in fields.items():
        bits = 20 if kind == 'y' else length
        if n[0] == 'b':
            v[n] = 10
        elif n[0] == 'd':
            v[n] = r.randrange(0, 100) & ~15
        elif n == 'x2':
            v[n] = r.choice([0, 11])
        elif n[0] == 'l':
            v[n] = r.randrange(0, min(1 << bits, 90))
        elif n[0] == 'r' and len(n) == 2:
            v[n] = r.choice([k for k in range(16) if k not in (10, 11)])
        elif kind == 's':
            x = r.choice([r.getrandbits(bits), r.choice([0, 1, -1, 1 << (bits - 1)])])
            v[n] = x
        elif kind == 'p':
            v[n] = 0
        else:
            v[n] = r.getrandbits(bits)
    gpr[10], gpr[11] = None, r.randrange(0, 4) * 16
    if ln['fmt'] in ('RSa', 'RSYa') and ('shift' in ln['tr'] or ln['tr'] in ('sll', 'srl', 'sra', 'sla', 'rll')):
        v['b2'], v['d2'] = r.choice([(0, r.randrange(64)), (9, 0)])
    fix_pairs(r, mn, ln, v, gpr, fp)
    mem = convert_operands(r, ln, v, gpr) or mem
    if ln['src'].startswith('l') or mn.endswith('rl') and 'ri2' in fields:
        v['ri2'] = None
    return v, gpr, fpr, mem


def convert_operands(r, ln, v, gpr):
    """Address and length pairs of a conversion; the storage operand with its source, or None."""
    kind, _, arg = ln['tr'].partition(':')
    if kind != 'convert':
        return None
    unit = int(arg) & 15
    v['r1'], v['r2'] = 4, 6
    gpr[4], gpr[6] = ('mem', 128), ('mem', 0)
    # qemu-s390x 10.0 takes e0 a0 to e0 bf for malformed where it checks: none of these
    ranges = [(0, 0x80), (0x80, 0x800), (0x1000, 0xd800), (0xe000, 0x10000), (0x10000, 0x110000)] * 4
    gpr[5], gpr[7] = r.choice([60, 60, r.randrange(20)]), r.randrange(36)
    out = b''
    for _ in range(16):
        c = r.randrange(*r.choice(ranges + [(0xd800, 0xe000), (0x110000, 1 << 22)]))
        if unit == 1:
            out += chr(c).encode('utf-8', 'surrogatepass') if c < 0x110000 else bytes([0xf0 | c >> 18 & 7, 0x80])
        else:
            out += struct.pack('>H', c) if c < 0x10000 else struct.pack('>HH', 0xd7c0 + (c >> 10) & 0xffff,
                                                                        0xdc00 | c & 0x3ff)
    if r.random() < 0.3:
        out = out[:9] + bytes([r.getrandbits(8)]) + out[10:]
    return out[:100].ljust(MEM, b'\x41')


def fix_pairs(r, mn, ln, v, gpr, fp):
    tr = ln['tr'].split(':')[0]
    if tr in ('mul_pair', 'mull_pair', 'mulg_pair', 'div_pair', 'divl_pair', 'divs', 'shift_pair', 'flogr',
              'cds', 'cdsg'):
        v['r1'] &= 14
        if v['r1'] == 10:
            v['r1'] = 6
        if 'r3' in v and tr in ('cds', 'cdsg'):
            v['r3'] &= 14
            if v['r3'] == 10:
                v['r3'] = 4
    if tr in ('div_pair', 'divl_pair'):
        gpr[v['r1']] = 0
        gpr[v['r1'] + 1] = r.getrandbits(30)
        if 'r2' in v:
            v['r2'] = r.choice([k for k in range(16) if k not in (10, 11, v['r1'], v['r1'] + 1)])
            gpr[v['r2']] = r.getrandbits(30) | 1
    if tr == 'divs' and 'r2' in v:
        v['r2'] = r.choice([k for k in range(16) if k not in (10, 11, v['r1'], v['r1'] + 1)])
        gpr[v['r2']] = r.getrandbits(62) | 1
    if tr in ('lm', 'stm'):
        v['r1'], v['r3'] = 0, r.randrange(1, 10)
        if tr == 'stm':
            v['r1'], v['r3'] = r.randrange(0, 10), r.randrange(0, 16)
            v['d2'] = 0
    if fp:
        for n in ('r1', 'r2', 'r3'):
            if n in v and is_extended(mn, ln):
                v[n] = r.choice([0, 1, 4, 5, 8, 9, 12, 13])
        if 'm3' in v:
            v['m3'] = r.choice([0, 1, 3, 4, 5, 6, 7]) if tr.startswith('bfp') else 0
        if 'm4' in v:
            v['m4'] = r.choice([0, 0, 4]) if tr.startswith('bfp') else 0
    elif tr != 'convert':
        if tr == 'popcnt':
            v['m3'] = 0
        if tr == 'rxsbg':  # its test-only form is wrong in qemu-s390x 7.2
            v['i3'] &= 0x7f
        if 'm4' in v and tr != 'sel':
            v['m4'] = 0


def code_block(index, mn, v):
    base = DATA + index * SLOT
    b = Block(CODE + 0x1000 + index * 256)
    b.emit('larl', r1=15, to=base)
    b.emit('lfpc', b2=15, d2=260)
    b.load(cc=256, fpr=128)
    if v.get('ri2', 0) is None:
        v = dict(v, ri2=base + STATE + 32 - b.here())
    b.emit(mn, **v)
    b.emit('stgrl', r1=15, to=base + 800 + 15 * 8)
    b.emit('larl', r1=15, to=base)
    b.emit('stmg', r1=0, r3=14, b2=15, d2=800)
    b.emit('ipm', r1=1)
    b.emit('st', r1=1, b2=15, d2=928)
    b.emit('stfpc', b2=15, d2=932)
    for k in range(16):
        b.emit('std', r1=k, b2=15, d2=640 + 8 * k)
    return b.end(256)


def address(base, x):
    return base + STATE if x is None else base + STATE + x[1] if isinstance(x, tuple) else x


def fpc(index):
    """The common case with and without its flag, then every rounding mode."""
    return [0, 0x80000, 1, 0x80000, 2, 3, 7][index % 7]


def state_block(index, gpr, fpr, mem, cc):
    base = DATA + index * SLOT
    g = [address(base, x) for x in gpr]
    b = struct.pack('>16Q16Q', *g, *fpr) + struct.pack('>II', cc << 28, fpc(index)) + bytes(24)
    b += mem
    return b.ljust(SLOT, b'\0')


def build(cases):
    code, data = b'', b''
    for i, (mn, (v, gpr, fpr, mem), cc) in enumerate(cases):
        code += code_block(i, mn, v)
        data += state_block(i, gpr, fpr, mem, cc)
    return code, data


def describe(i, case, ours, theirs):
    mn, (v, gpr, fpr, mem), cc = case
    print('case %d: %s %s cc=%d' % (i, mn, {k: x for k, x in v.items()}, cc))

    def regs(b):
        return struct.unpack('>16Q', b[800:928]), struct.unpack('>16Q', b[640:768])
    (g1, f1), (g2, f2) = regs(ours), regs(theirs)
    for k in range(16):
        if g1[k] != g2[k]:
            print('  r%d: %s -> %016x, expected %016x' % (k, hex(address(0, gpr[k])), g1[k], g2[k]))
        if f1[k] != f2[k]:
            print('  f%d: %016x -> %016x, expected %016x' % (k, fpr[k], f1[k], f2[k]))
    if ours[928:936] != theirs[928:936]:
        print('  cc/fpc: %s, expected %s' % (ours[928:936].hex(), theirs[928:936].hex()))
    if ours[STATE:STATE + MEM] != theirs[STATE:STATE + MEM]:
        for k in range(STATE, STATE + MEM):
            if ours[k] != theirs[k]:
                print('  storage +%d: %02x, expected %02x' % (k - STATE, ours[k], theirs[k]))
                break
    print('  storage', mem[:60].hex())
    used = [n for n in ('r1', 'r2', 'r3') if n in v]
    print('  ', {n: (hex(address(0, gpr[v[n]])), hex(fpr[v[n]])) for n in used})


FILES = ('general.insn', 'memory.insn', 'fp.insn')
NAMES = [m for m, ln in LINES.items() if ln['file'] in FILES and m not in SKIP]


def main():
    a = arguments(390, 3000)
    r = random.Random(a.seed)
    names = a.only or NAMES
    cases = []
    for k in range(a.count):
        mn = names[k % len(names)]
        cases.append((mn, make_case(r, mn), r.randrange(4)))
    code, data = build(cases)
    with tempfile.TemporaryDirectory() as tmp:
        theirs = run_qemu(a.qemu, code, data, tmp)
        ours = run_ferry(a.ferry, kernel_image(code, data), len(data), tmp)
    bad = {}
    for i, case in enumerate(cases):
        x, y = ours[i * SLOT:(i + 1) * SLOT], theirs[i * SLOT:(i + 1) * SLOT]
        if x != y:
            if case[0] not in bad:
                describe(i, case, x, y)
            bad[case[0]] = bad.get(case[0], 0) + 1
    finish(cases, names, bad)


if __name__ == '__main__':
    main()
