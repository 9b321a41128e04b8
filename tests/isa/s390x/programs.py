# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of many blocks of code, each with its slot of data, for the tests that run instructions: the instruction
tables, an assembler by them, images for Ferry and for qemu-s390x, and what both leave in the slots.
"""
import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../..')
INSNS = os.path.join(TOP, 'target/s390x/insns')
CODE, DATA = 0x100000, 0x1000000  # the first block is a page behind CODE


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


def value(r):
    k = r.random()
    if k < 0.4:
        return r.choice(INTERESTING)
    return r.getrandbits(64) if k < 0.8 else r.getrandbits(32) << r.choice([0, 32])


class Block:
    """The code of one case, which is at @at."""

    def __init__(self, at):
        self.at, self.bytes = at, b''

    def emit(self, name, **fields):
        """@to: where it is to point."""
        if 'to' in fields:
            fields['ri2'] = fields.pop('to') - self.here()
        self.bytes += enc(name, **fields)

    def here(self):
        return self.at + len(self.bytes)

    def load(self, cc, gpr=0, fpr=None):
        """Registers and condition code, from offsets in the slot; r15 is the slot until the last."""
        if fpr is not None:
            for k in range(16):
                self.emit('ld', r1=k, b2=15, d2=fpr + 8 * k)
        self.emit('l', r1=0, b2=15, d2=cc)
        self.emit('spm', r1=0)
        self.emit('lmg', r1=0, r3=15, b2=15, d2=gpr)

    def end(self, size):
        """Goes to the next block."""
        self.emit('brcl', m1=15, to=self.at + size)
        assert len(self.bytes) <= size, len(self.bytes)
        return self.bytes.ljust(size, b'\x07')


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
                          'tcg,jit=' + ('on' if jit else 'off'), '-kernel', kernel], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)

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


def run_all(a, code, data):
    """The slots as QEMU leaves them, and those of Ferry by "native" and "interpreted"."""
    image = kernel_image(code, data)
    with tempfile.TemporaryDirectory() as tmp:
        return run_qemu(a.qemu, code, data, tmp), {
            how: run_ferry(a.ferry, image, len(data), tmp, how == 'native')
            for how in ('native', 'interpreted')}


def run_qemu(qemu, code, data, directory):
    """The slots as qemu-s390x leaves them."""
    program = os.path.join(directory, 'prog')
    with open(program, 'wb') as f:
        f.write(elf_program(code, data))
    os.chmod(program, 0o755)
    slots = subprocess.run([qemu, '-cpu', 'max', program], stdout=subprocess.PIPE, timeout=300, check=False).stdout
    if len(slots) != len(data):
        print('qemu-s390x ended early')
        sys.exit(1)
    return slots


def arguments(seed, count, qemu=True, verbose=False):
    """Of a test of random cases; it is skipped where there is no qemu-s390x and it needs one."""
    p = argparse.ArgumentParser()
    p.add_argument('ferry')
    p.add_argument('--seed', type=int, default=seed)
    p.add_argument('--count', type=int, default=count)
    p.add_argument('--only', type=lambda names: names.split(','))
    if qemu:
        p.add_argument('--qemu', default=shutil.which('qemu-s390x'))
    if verbose:
        p.add_argument('--verbose', action='store_true')
    a = p.parse_args()
    if qemu and not a.qemu:
        print('qemu-s390x is not installed')
        sys.exit(77)
    a.ferry = os.path.abspath(a.ferry)
    return a


def finish(cases, names, bad):
    """@bad: how many differ, by mnemonic."""
    print('%d cases of %d instructions, %d differ: %s' %
          (len(cases), len(names), sum(bad.values()), ' '.join('%s:%d' % x for x in sorted(bad.items()))))
    sys.exit(1 if bad else 0)
