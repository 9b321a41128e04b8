#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random runs of floating-point instructions here and in qemu-s390x, and compares.

  fp-runs.py FERRY [--seed N] [--count N]

Where compare.py has one instruction a block, here some dozen make a loop that is run often enough to be translated as
one: long and extended numbers in floating-point registers, and vectors that overlap them. Each turn loads some
registers anew and leaves the others as they are; condition codes are collected in r2. Native code and the
interpreter both must agree with qemu-s390x.
"""
import os
import random
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import programs as base  # noqa: E402

SLOT, BLOCK = 2048, 384
VREGS, OUT, VOUT = 256, 1024, 1280  # in a slot
TURNS = 1500                        # more than a basic block's until it is hot
PAIRS = [0, 1, 4, 5, 8, 9, 12, 13]
EXTENDED, LONG = 4, 3
# Of pairs: r1, r2. Vectors are those of the floating-point registers, so that the two meet.
PAIR2 = ['axbr', 'sxbr', 'mxbr', 'dxbr', 'axbr', 'mxbr', 'sqxbr', 'lxr', 'lcxbr', 'lpxbr', 'lnxbr', 'cxbr', 'kxbr']
FROM_PAIR, TO_PAIR = ['ldxbr', 'lexbr'], ['lxdbr', 'lxebr']
SINGLE = ['adbr', 'sdbr', 'mdbr', 'ldr', 'lcdbr']
# Not here, as NaNs come out otherwise in qemu-s390x 10.0: LTXBR (stays signalling), products in a wider format and
# multiply-and-add (another order of two NaNs).
SETS_CODE = {'axbr', 'sxbr', 'lcxbr', 'lpxbr', 'lnxbr', 'cxbr', 'kxbr', 'cgxbr', 'tcxb', 'wfc', 'adbr', 'sdbr'}
COMPARES = {'cxbr', 'kxbr', 'wfc'}  # qemu-s390x loses the flag of one whose code nobody reads


def number(r):
    """128 bits: an extended number near one mostly, or two long ones."""
    k = r.random()
    if k < 0.55:
        return r.getrandbits(1) << 127 | (16383 + r.randrange(-40, 41)) << 112 | r.getrandbits(112) & -1 << r.choice([0, 0, 60, 111])
    if k < 0.85:
        return sum((r.getrandbits(1) << 63 | (1023 + r.randrange(-30, 31)) << 52 | r.getrandbits(52)) << at for at in (0, 64))
    return r.choice([0, 1 << 127, 0x7fff << 112, 0x7fff8 << 108, 0xffff4 << 108 | 1, 1, 1 << 112, r.getrandbits(128)])


def instruction(r):
    """(mnemonic, fields)"""
    kind = r.randrange(10)
    if kind < 5:
        return r.choice(PAIR2), dict(r1=r.choice(PAIRS), r2=r.choice(PAIRS))
    if kind == 5:
        mn = r.choice(FROM_PAIR + TO_PAIR)
        return mn, dict(r1=r.choice(PAIRS), r2=r.choice(PAIRS), m3=0)
    if kind == 6:
        mn = r.choice(['cgxbr', 'cxgbr', 'cfxbr', 'cxlgbr', 'fixbr', 'tcxb', 'lzxr'])
        v = dict(r1=r.choice(PAIRS), r2=r.choice(PAIRS), m3=r.choice([0, 1, 4, 5, 6, 7]), d2=r.getrandbits(12))
        if mn in ('cgxbr', 'cfxbr'):
            v['r1'] = r.choice([3, 4])
        if mn in ('cxgbr', 'cxlgbr'):
            v.update(r2=r.choice([3, 4]), m3=0)
        return mn, v
    if kind == 7:
        return r.choice(SINGLE), dict(r1=r.randrange(16), r2=r.randrange(16))
    v = dict(r1=r.randrange(16), r2=r.randrange(16), r3=r.randrange(16))
    mn = r.choice(['vfa', 'vfs', 'vfm', 'vfd', 'vfsq', 'wfc', 'vmrh', 'vmrl', 'vlr', 'vpdi', 'vfpso'])
    size = r.choice([EXTENDED, EXTENDED, LONG])
    if mn in ('vfa', 'vfs', 'vfm', 'vfd'):
        v.update(m4=size, m5=0)
    elif mn in ('vmrh', 'vmrl'):
        v['m4'] = 3
    elif mn == 'vpdi':
        v['m4'] = r.choice([0, 1, 4, 5])
    else:
        v.update(m3=EXTENDED if mn == 'wfc' else size, m4=0, m5=0)
    return mn, v


def make_case(r):
    run = [instruction(r) for _ in range(r.randrange(8, 20))]
    gpr = [r.getrandbits(64) >> r.choice([0, 20, 60]) for _ in range(16)]
    fpc = r.choice([0x80000, 0x80000, 0x80000, 0, 1])
    return run, gpr, [number(r) for _ in range(16)], fpc


def code_block(index, run):
    data = base.DATA + index * SLOT
    b = base.Block(base.CODE + 0x1000 + index * BLOCK)
    b.emit('larl', r1=15, to=data)
    b.emit('lfpc', b2=15, d2=132)
    b.emit('vlm', r1=0, r3=15, b2=15, d2=VREGS)
    b.load(cc=128)
    b.emit('lghi', r1=2, i2=0)
    b.emit('lghi', r1=9, i2=TURNS)
    b.emit('larl', r1=15, to=data)
    head = b.here()
    b.emit('vlm', r1=0, r3=5, b2=15, d2=VREGS)
    for k, (mn, v) in enumerate(run):
        b.emit(mn, **v)
        if mn in COMPARES or (mn in SETS_CODE and k % 2):
            b.emit('ipm', r1=1)
            b.emit('srl', r1=1, d2=28)
            b.emit('sllg', r1=2, r3=2, d2=2)
            b.emit('agr', r1=2, r2=1)
    b.emit('brctg', r1=9, to=head)
    b.emit('stmg', r1=0, r3=14, b2=15, d2=OUT)
    b.emit('ipm', r1=1)
    b.emit('st', r1=1, b2=15, d2=OUT + 128)
    b.emit('stfpc', b2=15, d2=OUT + 132)
    b.emit('vstm', r1=0, r3=15, b2=15, d2=VOUT)
    return b.end(BLOCK)


def state_block(gpr, vr, fpc):
    b = struct.pack('>16Q', *gpr) + struct.pack('>II', 0, fpc)
    b = b.ljust(VREGS, b'\0') + b''.join(x.to_bytes(16, 'big') for x in vr)
    return b.ljust(SLOT, b'\0')


def describe(case, how, ours, theirs):
    run, _, _, fpc = case
    print('%s, fpc=%08x:' % (how, fpc), *('\n   %s %s' % (mn, v) for mn, v in run))
    for name, at, size, n in (('r', OUT, 8, 16), ('v', VOUT, 16, 16), ('cc/fpc', OUT + 128, 8, 1)):
        for k in range(n):
            x, y = (b[at + size * k:at + size * (k + 1)].hex() for b in (ours, theirs))
            if x != y:
                print('   %s%d -> %s, expected %s' % (name, k, x, y))


def main():
    a = base.arguments(17, 300)
    r = random.Random(a.seed)
    cases = [make_case(r) for _ in range(a.count)]
    code = b''.join(code_block(i, case[0]) for i, case in enumerate(cases))
    data = b''.join(state_block(*case[1:]) for case in cases)
    theirs, ours = base.run_all(a, code, data)
    bad = {}
    for i, case in enumerate(cases):
        for how, slots in ours.items():
            x, y = (b[i * SLOT:(i + 1) * SLOT] for b in (slots, theirs))
            if x != y:
                if how not in bad:
                    describe(case, how, x, y)
                bad[how] = bad.get(how, 0) + 1
    base.finish(cases, {mn for case in cases for mn, _ in case[0]}, bad)


if __name__ == '__main__':
    main()
