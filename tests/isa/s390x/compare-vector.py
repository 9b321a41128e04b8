#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs random vector instructions on random states here and in qemu-s390x, and compares.

  compare-vector.py FERRY [--seed N] [--count N] [--only MNEMONIC,...] [--verbose]

Like compare.py: each line of vector.insn and vector-fp.insn is a block of code that
loads the condition code, FPC, general and vector registers and a storage operand, executes, and stores
all of it. Native code and the interpreter both must agree with it.
"""
import os
import random
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import programs as base  # noqa: E402

SLOT, BLOCK = 2048, 256
VREGS, MEM, OUT, VOUT = 256, 768, 1024, 1280  # in a slot
MEM_SIZE = 256
FILES = ('vector.insn', 'vector-fp.insn')
FLOATS = {2: [0, 1 << 31, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fa00001, 0xffc12345,
              0x00000001, 0x00800000, 0x807fffff, 0x7f7fffff, 0x4f000000, 0xcf000000, 0x4b000001, 0x3f000000,
              0x3fc00000, 0x40490fdb, 0x33800000],
          3: [0, 1 << 63, 0x3ff0 << 48, 0xbff0 << 48, 0x7ff0 << 48, 0xfff0 << 48, 0x7ff8 << 48, 0x7ff4_0000_0000_0001,
              0xfff8_1234_5678_9abc, 1, 0x0010 << 48, 0x800f_ffff_ffff_ffff, 0x7fef_ffff_ffff_ffff, 0x43e0 << 48,
              0xc3e0 << 48, 0x4330_0000_0000_0001, 0x3fe0 << 48, 0x3ff8 << 48, 0x4009_21fb_5444_2d18,
              0x47ef_ffff_f000_0000, 0x3810 << 48, 0x36a0 << 48, 0x41df_ffff_ffc0_0000, 0x41ef_ffff_fff0_0000],
          4: [0, 1 << 127, 0x3fff << 112, 0xbfff << 112, 0x7fff << 112, 0xffff << 112, 0x7fff8 << 108,
              0x7fff4 << 108 | 1, 0xffff8 << 108 | 12345, 1, 1 << 112, (0x7ffe << 112) | ((1 << 112) - 1),
              0x403e << 112, 0x3ffe << 112, 0x3fff8 << 108, 0x43fe << 112, 0x3c00 << 112, 0x3fffdfff << 96]}


def size_rules(ln):
    """Operand fields whose values are restricted: name -> choices."""
    tr, _, arg = ln['tr'].partition(':')
    arg = int(arg or 0)
    per = {0: range(16), 1: range(8), 2: range(4), 3: range(2)}
    least = 1 if arg & 16 else 0
    flags16 = range(16)
    if tr == 'vmul':
        return {('m5' if arg & 8 else 'm4'): range(3)}
    if tr == 'vgfm':
        return {('m5' if arg else 'm4'): range(4)}
    if tr == 'vsum':
        return {'m4': [(0, 1), (1, 2), (2, 3)][arg]}
    if tr == 'vpk':
        return {'m4': range(1, 4), 'm5': range(2) if arg else [0]}
    return {
        'vlrep': {'m3': range(least, 4)}, 'vllez': {'m3': [x for x in (0, 1, 2, 3, 6) if x >= least]},
        'vle': {'m3': per[arg & 3]}, 'vste': {'m3': per[arg & 3]}, 'vlei': {'m3': per[arg & 3]},
        'vgather': {'m3': per[arg & 3]}, 'vscatter': {'m3': per[arg & 3]},
        'vlreversed': {'m3': range(1, 5 if arg else 4)}, 'vstreversed': {'m3': range(1, 5 if arg else 4)},
        'vlbb': {'m3': range(7)}, 'lcbb': {'m3': range(7)}, 'vlvg': {'m4': range(4)}, 'vlgv': {'m4': range(4)},
        'vgm': {'m4': range(4)}, 'vrepi': {'m3': range(4)}, 'vrep': {'m4': range(4)}, 'vmerge': {'m4': range(4)},
        'vpdi': {'m4': [0, 1, 4, 5]}, 'vseg': {'m3': range(3)}, 'vunpack': {'m3': range(3)},
        'vsldb': {'i4': range(16)}, 'vshift_pair': {'i4': range(8)}, 'vadd': {'m4': range(5)},
        'vcarry': {'m4': range(5)}, 'vadd_carry': {'m5': [4]}, 'vavg': {'m4': range(4)},
        'vminmax': {'m4': range(4)}, 'vlc': {'m3': range(4)}, 'vlp': {'m3': range(4)},
        'vcount': {'m3': range(4)}, 'vec': {'m3': range(4)}, 'vcompare': {'m4': range(4), 'm5': range(2)},
        'vmsl': {'m5': [3], 'm6': [0, 4, 8, 12]}, 'vshift': {'m4': range(4)}, 'vshift_each': {'m4': range(4)},
        'verim': {'m5': range(4)}, 'vfee': {'m4': range(3), 'm5': range(4)},
        'vfene': {'m4': range(3), 'm5': range(4)}, 'vfae': {'m4': range(3), 'm5': flags16},
        'vistr': {'m3': range(3), 'm5': range(2)}, 'vstrc': {'m5': range(3), 'm6': flags16},
        'vstrs': {'m5': range(3), 'm6': [0, 2]},
        # floating point
        'vf2': {'m4': [2, 3, 4], 'm5': [0, 8]}, 'vfma': {'m6': [2, 3, 4], 'm5': [0, 8]},
        'vfsqrt': {'m3': [2, 3, 4], 'm4': [0, 8]}, 'vfint': {'m3': [2, 3, 4], 'm4': [0, 4, 8, 12],
                                                             'm5': [0, 1, 3, 4, 5, 6, 7]},
        'vfcompare': {'m4': [2, 3, 4], 'm5': [0, 4, 8, 12], 'm6': range(2)},
        'vfscalar_compare': {'m3': [2, 3, 4], 'm4': [0]},
        'vffrom': {'m3': [2, 3], 'm4': [0, 4, 8, 12], 'm5': [0, 1, 3, 4, 5, 6, 7]},
        'vfto': {'m3': [2, 3], 'm4': [0, 4, 8, 12], 'm5': [0, 1, 3, 4, 5, 6, 7]},
        'vflengthen': {'m3': [2, 3], 'm4': [0, 8]}, 'vfround': {'m3': [3, 4], 'm4': [0, 4, 8, 12],
                                                              'm5': [0, 1, 3, 4, 5, 6, 7]},
        'vfsign': {'m3': [2, 3, 4], 'm4': [0, 8], 'm5': range(3)}, 'vftest': {'m4': [2, 3, 4], 'm5': [0, 8]},
        'vfminmax': {'m4': [2, 3, 4], 'm5': [0, 8], 'm6': [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]},
    }.get(tr, {})


def vector(r, others, fp):
    k = r.random()
    if fp and k < 0.9:
        if r.random() < 0.15 and others:
            return r.choice(others)
        size = fp << 0
        n, w = 16 >> size, 8 << size
        out = 0
        for _ in range(n):
            x = r.random()
            if x < 0.55:
                e = r.choice(FLOATS[size])
            elif x < 0.75:  # near one, so that sums and products are finite
                e = r.getrandbits(w) & ~(0x7fff << (w - 16) if size == 4 else 0x7ff << (w - 12) if size == 3
                                         else 0xff << (w - 9))
                bias = {2: (127, 23), 3: (1023, 52), 4: (16383, 112)}[size]
                e |= (bias[0] + r.randrange(-30, 31)) << bias[1]
            else:
                e = r.getrandbits(w)
            out = out << w | e
        return out
    if k < 0.15 and others:
        return r.choice(others)
    if k < 0.35:  # few values, so that string instructions find something
        es = r.randrange(3)
        out = 0
        for _ in range(16 >> es):
            out = out << (8 << es) | r.choice([0, 1, 2, 3, 3, 4, 0xff])
        return out
    if k < 0.6:
        size = r.choice([8, 16, 32, 64])
        pick = [0, 1, 2, (1 << size) - 1, 1 << (size - 1), (1 << (size - 1)) - 1, size // 2, size - 1]
        out = 0
        for _ in range(128 // size):
            out = out << size | r.choice(pick)
        return out
    return r.getrandbits(128)


def make_case(r, mn, traps):
    ln = base.LINES[mn]
    fields = base.FORMATS[ln['fmt']][2]
    rules = size_rules(ln)
    tr = ln['tr'].split(':')[0]
    v = {}
    for n, (pos, length, kind) in fields.items():
        bits = 20 if kind == 'y' else length
        if n in rules:
            v[n] = r.choice(list(rules[n]))
        elif n[0] == 'b':
            v[n] = r.choice([10, 0]) if tr in ('vshift', 'vlvg', 'vlgv') else 10
        elif n[0] == 'd':
            v[n] = r.randrange(0, 100)
        elif n == 'x2':
            v[n] = r.choice([0, 11])
        elif kind == 'v':
            v[n] = r.randrange(32)
        elif n[0] == 'r':
            v[n] = r.choice([k for k in range(15) if k not in (10, 11)])
        elif n[0] == 'm':
            v[n] = 0
        elif kind == 's':
            v[n] = r.choice([r.getrandbits(bits), 0, 1, -1])
        else:
            v[n] = r.getrandbits(bits)
    gpr = [base.value(r) if r.random() < 0.7 else r.randrange(20) for _ in range(16)]
    gpr[10], gpr[11] = None, r.randrange(0, 4) * 16
    fp = 0
    if ln['file'] == 'vector-fp.insn':
        size = v.get('m6' if ln['fmt'] == 'VRRe' else 'm4' if ln['fmt'] in ('VRRc', 'VRIe') else 'm3')
        fp = r.choice(FP_SIZES[tr](size)) if tr in FP_SIZES else size
    vr = []
    for _ in range(32):
        vr.append(vector(r, vr, fp))
    fix(r, tr, v, vr, ln['tr'].endswith(':3'))
    mem = bytes(r.getrandbits(8) for _ in range(MEM_SIZE))
    fpc = r.choice([0, 0, 1, 2, 3, 7]) | r.choice([0, 0xf8 << 16, 0x40 << 16]) if fp else 0
    return v, gpr, vr, mem, fpc


FP_SIZES = {'vffrom': lambda s: [s], 'vfto': lambda s: [s]}


def fix(r, tr, v, vr, wide):
    if tr in ('vlm', 'vstm'):
        v['r1'] = r.randrange(32)
        v['r3'] = r.randrange(v['r1'], min(v['r1'] + 16, 32))
        v['d2'] = 0
    if tr in ('vgather', 'vscatter'):
        index = 0
        for _ in range(2 if wide else 4):
            index = index << (64 if wide else 32) | r.randrange(100)
        vr[v['r2']] = index
    if tr == 'vrep':
        v['i2'] = r.randrange(16 >> v['m4'])
    if tr == 'vstrs':
        v['r4'] = r.choice([k for k in range(32) if k not in (v['r2'], v['r3'])])
        vr[v['r4']] &= ~(0xff << 64)
        vr[v['r4']] |= r.randrange(17) >> v['m5'] << v['m5'] << 64


def code_block(index, mn, v):
    data = base.DATA + index * SLOT
    b = base.Block(base.CODE + 0x1000 + index * BLOCK)
    b.emit('larl', r1=15, to=data)
    b.emit('lfpc', b2=15, d2=132)
    b.emit('vlm', r1=0, r3=15, b2=15, d2=VREGS)
    b.emit('vlm', r1=16, r3=31, b2=15, d2=VREGS + 256)
    b.load(cc=128)
    b.emit(mn, **v)
    b.emit('stgrl', r1=15, to=data + OUT + 15 * 8)
    b.emit('larl', r1=15, to=data)
    b.emit('stmg', r1=0, r3=14, b2=15, d2=OUT)
    b.emit('ipm', r1=1)
    b.emit('st', r1=1, b2=15, d2=OUT + 128)
    b.emit('stfpc', b2=15, d2=OUT + 132)
    b.emit('vstm', r1=0, r3=15, b2=15, d2=VOUT)
    b.emit('vstm', r1=16, r3=31, b2=15, d2=VOUT + 256)
    return b.end(BLOCK)


def state_block(index, gpr, vr, mem, fpc, cc):
    data = base.DATA + index * SLOT
    b = struct.pack('>16Q', *[data + MEM if x is None else x for x in gpr]) + struct.pack('>II', cc << 28, fpc)
    b = b.ljust(VREGS, b'\0') + b''.join(x.to_bytes(16, 'big') for x in vr) + mem
    return b.ljust(SLOT, b'\0')


def undefined(case, b):
    """A result with what the architecture leaves open taken out: elements that single-element operations do not
    make. Inexact is taken out where it is suppressed: qemu-s390x reports it."""
    mn, (v, *_), _ = case
    ln = base.LINES[mn]
    if ln['file'] != 'vector-fp.insn' or 'r1' not in v:
        return b
    tr = ln['tr'].split(':')[0]
    b = bytearray(b)
    control = 'm4' if ln['fmt'] == 'VRRa' else 'm5'
    size = 1 << v['m6' if ln['fmt'] == 'VRRe' else 'm3' if ln['fmt'] == 'VRRa' else 'm4']
    at = VOUT + 16 * v['r1']
    if tr in ('vffrom', 'vfto', 'vfround', 'vfint') and v[control] & 4:
        b[OUT + 133] &= ~8
    if tr == 'vfround':
        keep = size // 2
        for k in range(0, 16, size):
            b[at + k + keep:at + k + size] = bytes(keep)
    else:
        keep = size * 2 if tr == 'vflengthen' else size
    if v[control] & 8 and tr != 'vfscalar_compare':
        b[at + keep:at + 16] = bytes(16 - keep)
    return bytes(b)


def describe(i, case, ours, theirs):
    mn, (v, gpr, vr, mem, fpc), cc = case
    print('case %d: %s %s cc=%d fpc=%08x' % (i, mn, v, cc, fpc))
    for n in ('r1', 'r2', 'r3', 'r4'):
        if n in v:
            print('   %s: v%d %032x  r%d %s' % (n, v[n], vr[v[n]], v[n] & 15, gpr[v[n] & 15]))
    for k in range(16):
        x, y = (b[OUT + 8 * k:OUT + 8 * k + 8].hex() for b in (ours, theirs))
        if x != y:
            print('   r%d -> %s, expected %s' % (k, x, y))
    for k in range(32):
        x, y = (b[VOUT + 16 * k:VOUT + 16 * k + 16].hex() for b in (ours, theirs))
        if x != y:
            print('   v%d -> %s, expected %s' % (k, x, y))
    x, y = (b[OUT + 128:OUT + 136].hex() for b in (ours, theirs))
    if x != y:
        print('   cc/fpc: %s, expected %s' % (x, y))
    if ours[MEM:MEM + MEM_SIZE] != theirs[MEM:MEM + MEM_SIZE]:
        at = next(k for k in range(MEM_SIZE) if ours[MEM + k] != theirs[MEM + k])
        print('   storage differs from +%d' % at)


def main():
    a = base.arguments(390, 4000, verbose=True)
    r = random.Random(a.seed)
    names = a.only or [m for m, ln in base.LINES.items() if ln['file'] in FILES]
    cases = []
    for k in range(a.count):
        mn = names[k % len(names)]
        cases.append((mn, make_case(r, mn, False), r.randrange(4)))
    code = b''.join(code_block(i, mn, state[0]) for i, (mn, state, _) in enumerate(cases))
    data = b''.join(state_block(i, *state[1:], cc) for i, (_, state, cc) in enumerate(cases))
    theirs, ours = base.run_all(a, code, data)
    bad = {}
    for i, case in enumerate(cases):
        y = theirs[i * SLOT:(i + 1) * SLOT]
        for how, all_of_it in ours.items():
            x = all_of_it[i * SLOT:(i + 1) * SLOT]
            if undefined(case, x) != undefined(case, y):
                if a.verbose or case[0] not in bad:
                    print(how, end=' ')
                    describe(i, case, x, y)
                bad[case[0]] = bad.get(case[0], 0) + 1
    base.finish(cases, names, bad)


if __name__ == '__main__':
    main()
