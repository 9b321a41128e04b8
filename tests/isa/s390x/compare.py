#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs random s390x instructions on random states here and in qemu-s390x, and compares.

  compare.py FERRY [--seed N] [--count N] [--only MNEMONIC,...]

The instructions come from target/s390x/insns/. Each is one block of code: load condition code, registers
and a storage operand, execute, store all of it. The same bytes run as a Linux program under
qemu-s390x (black box; exit 77 when it is not installed) and as a "kernel" under Ferry, whose memory
is read by QMP afterwards.
"""
import argparse
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../..')
INSNS = os.path.join(TOP, 'target/s390x/insns')
CODE, DATA = 0x100000, 0x1000000
STATE, MEM = 288, 256  # bytes: 16 GPRs, 16 FPRs, cc word, fpc word, 24 spare; storage operand
SLOT = 1024            # state, storage, results
# In compare-crafted.py or system.py; and what ends a program (load-and-trap of zero).
SKIP = set("""lam lamy stam stamy ear sar cpya lae laey lmd cksm mvst clst srst srstu tre mvcl clcl mvcle clcle mvclu
clclu troo trot trto trtt trte trtre plo csst mvcos ectg lat lgat llgfat llgtat lfhat brcth cvb cvby cvbg ap sp zap mp
dp cp srp ed edmk pka pku unpka unpku lfpc sfpc srnm srnmb srnmt stfpc efpc larl tr trt trtr mvcin mvcrl lpd lpdg tp
pack unpk mvo lpq stpq stmh""".split())


def tables():
    formats, lines = {}, {}
    for name in ['formats.def'] + sorted(f for f in os.listdir(INSNS) if f.endswith('.insn')):
        for text in open(os.path.join(INSNS, name)):
            c = text.split('#')[0].split()
            if not c:
                continue
            if name == 'formats.def':
                fields = {}
                for f in c[4:]:
                    if f != '-':
                        n, rest = f.split('@')
                        pos, ln = rest.split(':')
                        kind = ln[-1] if ln[-1].isalpha() else 'u'
                        fields[n] = (int(pos), int(ln.rstrip('spyv')), kind)
                formats[c[0]] = (int(c[1]), c[2], fields)
            else:
                lines[c[0].lower()] = dict(fmt=c[1], op=c[2], fac=c[3], flags=c[4], w=c[5], src=c[6],
                                           tr=c[7], file=name)
    return formats, lines


FORMATS, LINES = tables()


def enc(mn, **v):
    ln = LINES[mn]
    length, place, fields = FORMATS[ln['fmt']]
    op = ln['op']
    w = int(op[:2], 16) << 40
    if place == '1':
        w |= int(op[2:], 16) << 32
    elif place == 'n':
        w |= int(op[2:], 16) << 32
    elif place == '5':
        w |= int(op[2:], 16)
    for n, (pos, ln_, kind) in fields.items():
        x = v.get(n, 0)
        if kind == 'p':
            x >>= 1
        if kind == 'y':
            w |= (x & 0xfff) << 16 | (x >> 12 & 0xff) << 8
        elif kind == 'v':  # the fifth bit is in RXB
            w |= (x & 15) << (44 - pos) | (x >> 4) << (8 + (0 if pos == 32 else 3 - (pos - 8) // 4))
        else:
            w |= (x & ((1 << ln_) - 1)) << (48 - pos - ln_)
    return w.to_bytes(6, 'big')[:length]


INTERESTING = [0, 1, 2, 0xff, 0x7f, 0x80, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
               0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0x100000000]
FLOATS = [0, 1 << 63, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
          0x7ff8000000000000, 0x4009_21fb_5444_2d18, 0x3ff8000000000000, 0x41dfffffffc00000,
          0x43e0000000000000, 0x3f800000_00000000, 0xbf800000_00000000, 0x40490fdb_00000000,
          0x7f800000_00000000, 0x4f000000_00000000, 0x3fc00000_00000000, 0x0000000000000001]


def value(r):
    k = r.random()
    if k < 0.4:
        return r.choice(INTERESTING)
    return r.getrandbits(64) if k < 0.8 else r.getrandbits(32) << r.choice([0, 32])


def make_case(r, mn):
    """Instruction bytes and its starting state."""
    ln = LINES[mn]
    _, _, fields = FORMATS[ln['fmt']]
    v = {}
    gpr = [value(r) for _ in range(16)]
    fpr = [r.choice(FLOATS) if r.random() < 0.6 else r.getrandbits(64) for _ in range(16)]
    mem = bytes(r.getrandbits(8) for _ in range(MEM))
    fp = bool(set('fh12') & set(ln['flags']))
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
        extended = ln['w'] == 'x' or mn.startswith(('mx', 'lx', 'cx', 'sqx')) or 'x' in mn[1:4]
        for n in ('r1', 'r2', 'r3'):
            if n in v and extended:
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
    at = CODE + 0x1000 + index * 256
    out = b''

    def emit(name, **f):
        nonlocal out
        if 'to' in f:
            f['ri2'] = f.pop('to') - (at + len(out))
        out += enc(name, **f)
    emit('larl', r1=15, to=base)
    emit('lfpc', b2=15, d2=260)
    for k in range(16):
        emit('ld', r1=k, b2=15, d2=128 + 8 * k)
    emit('l', r1=0, b2=15, d2=256)
    emit('spm', r1=0)
    emit('lmg', r1=0, r3=15, b2=15, d2=0)
    if v.get('ri2', 0) is None:
        v = dict(v, ri2=base + STATE + 32 - (at + len(out)))
    out += enc(mn, **v)
    emit('stgrl', r1=15, to=base + 800 + 15 * 8)
    emit('larl', r1=15, to=base)
    emit('stmg', r1=0, r3=14, b2=15, d2=800)
    emit('ipm', r1=1)
    emit('st', r1=1, b2=15, d2=928)
    emit('stfpc', b2=15, d2=932)
    for k in range(16):
        emit('std', r1=k, b2=15, d2=640 + 8 * k)
    end = at + 256
    emit('brcl', m1=15, to=end)
    assert len(out) <= 256, len(out)
    return out.ljust(256, b'\x07')


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


def elf_program(code, data):
    n = len(data)
    at = CODE + 0x1000 + len(code)
    seq = enc('lghi', r1=2, i2=1)
    seq += enc('larl', r1=3, ri2=DATA - (at + len(seq)))
    seq += enc('llilf', r1=4, i2=n)
    seq += enc('svc', i1=4) + enc('lghi', r1=2, i2=0) + enc('svc', i1=1)
    text = bytes(0x1000) + code + seq
    ehdr = b'\x7fELF' + bytes([2, 2, 1]) + bytes(9) + struct.pack(
        '>HHIQQQIHHHHHH', 2, 22, 1, CODE + 0x1000, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    off1 = 0x1000
    off2 = (off1 + len(text) + 0xfff) & ~0xfff
    ph = struct.pack('>IIQQQQQQ', 1, 5, off1, CODE, CODE, len(text), len(text), 0x1000)
    ph += struct.pack('>IIQQQQQQ', 1, 6, off2, DATA, DATA, n, n, 0x1000)
    return (ehdr + ph).ljust(off1, b'\0') + text.ljust(off2 - off1, b'\0') + data


def kernel_image(code, data):
    img = bytearray(DATA + len(data))
    at = 0x10000
    start = 0x10100
    img[at:at + 6] = enc('brcl', m1=15, ri2=start - at)
    img[0x10008:0x1000e] = b'S390EP'
    seq = enc('lctlg', r1=0, r3=0, b2=0, d2=0x800)
    seq += enc('brcl', m1=15, ri2=CODE + 0x1000 - (start + len(seq)))
    img[start:start + len(seq)] = seq
    img[0x800:0x808] = struct.pack('>Q', 0xe0 | 0x60000)  # AFP and vector registers
    img[0x810:0x820] = struct.pack('>QQ', 0x0002000180000000, 0)
    img[0x1d0:0x1e0] = struct.pack('>QQ', 0x0002000180000000, 0xdeac)
    body = code + enc('lpswe', b2=0, d2=0x810)
    img[CODE + 0x1000:CODE + 0x1000 + len(body)] = body
    img[DATA:] = data
    return bytes(img)


def run_ferry(ferry, image, n, tmp, jit=True):
    kernel, dump = os.path.join(tmp, 'kernel'), os.path.join(tmp, 'dump')
    open(kernel, 'wb').write(image)
    p = subprocess.Popen([ferry, '-machine', 's390-ccw-virtio', '-m', '128', '-display', 'none', '-serial',
                          'none', '-monitor', 'none', '-qmp', 'stdio', '-action', 'panic=pause', '-accel',
                          'tcg,jit=' + ('on' if jit else 'off'), '-kernel', kernel], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def command(name, **args):
        p.stdin.write(json.dumps({'execute': name, 'arguments': args}) + '\n')
        p.stdin.flush()
        while True:
            msg = json.loads(p.stdout.readline())
            if 'return' in msg or 'error' in msg:
                return msg
    p.stdout.readline()
    command('qmp_capabilities')
    for _ in range(600):
        if command('query-status')['return']['status'] != 'running':
            break
        time.sleep(0.1)
    command('pmemsave', val=DATA, size=n, filename=dump)
    command('pmemsave', val=0, size=0x200, filename=dump + '.low')
    command('quit')
    p.wait(10)
    low = open(dump + '.low', 'rb').read()
    if low[0x8e:0x90] != b'\0\0':
        old = struct.unpack('>Q', low[0x158:0x160])[0]
        print('program interruption %02x at 0x%x: case %d' %
              (low[0x8f], old, (old - CODE - 0x1000) // 256))
    return open(dump, 'rb').read()


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
    p = argparse.ArgumentParser()
    p.add_argument('ferry')
    p.add_argument('--qemu', default=shutil.which('qemu-s390x'))
    p.add_argument('--seed', type=int, default=390)
    p.add_argument('--count', type=int, default=3000)
    p.add_argument('--only')
    a = p.parse_args()
    if not a.qemu:
        print('qemu-s390x is not installed')
        sys.exit(77)
    r = random.Random(a.seed)
    names = NAMES
    if a.only:
        names = a.only.split(',')
    cases = []
    for k in range(a.count):
        mn = names[k % len(names)]
        cases.append((mn, make_case(r, mn), r.randrange(4)))
    code, data = build(cases)
    with tempfile.TemporaryDirectory() as tmp:
        prog = os.path.join(tmp, 'prog')
        open(prog, 'wb').write(elf_program(code, data))
        os.chmod(prog, 0o755)
        theirs = subprocess.run([a.qemu, '-cpu', 'max', prog], stdout=subprocess.PIPE, timeout=300).stdout
        if len(theirs) != len(data):
            print('qemu-s390x ended early')
            sys.exit(1)
        ours = run_ferry(os.path.abspath(a.ferry), kernel_image(code, data), len(data), tmp)
    bad = {}
    for i, case in enumerate(cases):
        x, y = ours[i * SLOT:(i + 1) * SLOT], theirs[i * SLOT:(i + 1) * SLOT]
        if x != y:
            if case[0] not in bad:
                describe(i, case, x, y)
            bad[case[0]] = bad.get(case[0], 0) + 1
    print('%d cases of %d instructions, %d differ: %s' %
          (len(cases), len(names), sum(bad.values()), ' '.join(sorted(bad))))
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    main()
