#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""models.py FERRY: CPU models by name: what STFLE says and which instructions exist follows from the
features; what management is told of models. Prints TAP."""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import programs as base  # noqa: E402

STFLE_AT, DONE_AT = 0x3000, 0x3100
MSA, VECTOR, VECTOR_ENH2 = 17, 129, 148


class Program:
    """A machine under QMP, told to leave when the object goes."""

    def __init__(self, ferry, *options):
        self.p = subprocess.Popen([ferry, '-machine', 's390-ccw-virtio', '-m', '32', '-nodefaults', '-display',
                                   'none', '-qmp', 'stdio', '-action', 'panic=pause', *options],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.p.stdout.readline()
        self.ask('qmp_capabilities')

    def ask(self, name, **arguments):
        self.p.stdin.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        self.p.stdin.flush()
        while True:
            msg = json.loads(self.p.stdout.readline())
            if 'return' in msg or 'error' in msg:
                return msg.get('return', msg.get('error'))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.kill()
        self.p.communicate()


def kernel():
    """Stores the facility list, then executes VGBM and says that it came through."""
    img = bytearray(0x11000)
    img[0x10000:0x10006] = base.enc('brcl', m1=15, ri2=0x100)
    img[0x10008:0x1000e] = b'S390EP'
    code = base.enc('lctlg', r1=0, r3=0, b2=0, d2=0x800) + base.enc('lghi', r1=0, i2=3)
    code += base.enc('lghi', r1=1, i2=STFLE_AT) + base.enc('stfle', b2=1, d2=0)
    code += base.enc('vgbm', r1=0, i2=0xffff) + base.enc('vst', r1=0, b2=1, d2=DONE_AT - STFLE_AT)
    img[0x10100:0x10100 + len(code)] = code + b''
    end = 0x10100 + len(code)
    img[end:end + 4] = base.enc('lpswe', b2=0, d2=0x810)
    img[0x800:0x808] = struct.pack('>Q', 0xe0 | 0x60000)
    img[0x810:0x820] = struct.pack('>QQ', 0x0002000180000000, 0)
    img[0x1d0:0x1e0] = struct.pack('>QQ', 0x0002000180000000, 0xdeac)
    return bytes(img)


def run(ferry, model, tmp):
    """(facility bits, program-interruption code, did the vector instruction come through)"""
    image, dump = os.path.join(tmp, 'kernel'), os.path.join(tmp, 'dump')
    open(image, 'wb').write(kernel())
    with Program(ferry, '-kernel', image, '-cpu', model) as p:
        end = time.monotonic() + 100
        while p.ask('query-status')['status'] == 'running' and time.monotonic() < end:
            time.sleep(0.05)
        p.ask('pmemsave', val=0, size=0x4000, filename=dump)
    memory = open(dump, 'rb').read()
    word = int.from_bytes(memory[STFLE_AT:STFLE_AT + 32], 'big')
    return ({n for n in range(256) if word >> (255 - n) & 1}, struct.unpack('>H', memory[0x8e:0x90])[0],
            memory[DONE_AT:DONE_AT + 16] == b'\xff' * 16)


def gates(ferry, tmp):
    bits, code, came = run(ferry, 'qemu', tmp)
    assert VECTOR in bits and VECTOR_ENH2 in bits and code == 0 and came, (bits, code, came)
    bits, code, came = run(ferry, 'qemu,vx=off', tmp)
    assert VECTOR not in bits and code == 1 and not came, (bits, code, came)
    for model, there in (('qemu,msa=off', False), ('qemu,msa=off,msa=on', True)):  # a group of features
        assert (MSA in run(ferry, model, tmp)[0]) == there, model
    bits, code, came = run(ferry, 'max,-vxeh2', tmp)
    assert VECTOR in bits and VECTOR_ENH2 not in bits and came, (bits, code, came)
    bits, code, came = run(ferry, 'z900', tmp)
    assert not bits and code == 1, (bits, code)  # STFLE is not there


def refusal(ferry):
    p = subprocess.run([ferry, '-machine', 's390-ccw-virtio', '-nodefaults', '-display', 'none', '-cpu', 'qemu,nnpa=on'],
                       stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60)
    assert p.returncode == 1 and 'not available in the configuration: nnpa' in p.stderr, p.stderr


def management(ferry):
    def model(name, **props):
        return {'name': name, 'props': props} if props else {'name': name}
    with Program(ferry, '-S') as p:
        defs = {d['name']: d for d in p.ask('query-cpu-definitions')}
        assert len(defs) == 82, len(defs)
        assert defs['z13-base']['static'] and not defs['z13']['static'] and not defs['max']['migration-safe']
        assert 'te' in defs['z13']['unavailable-features'] and not defs['qemu']['unavailable-features']

        def expand(kind, **m):
            return p.ask('query-cpu-model-expansion', type=kind, model=m)['model']
        z13 = expand('static', **model('z13'))
        assert z13['name'] == 'z13-base' and z13['props']['vx'] is True and 'esan3' not in z13['props'], z13
        assert expand('static', **model('z13-base')) == {'name': 'z13-base'}
        again = expand('static', **z13)
        assert again == z13, again
        full = expand('full', **model('qemu', vx=False))
        assert full['name'] == 'gen15a-base' and full['props']['vx'] is False and len(full['props']) > 200
        assert 'unknown' in p.ask('query-cpu-model-expansion', type='full', model=model('z99'))['desc']
        assert 'not found' in p.ask('query-cpu-model-expansion', type='full', model=model('z13', zz=True))['desc']

        def compare(a, b):
            r = p.ask('query-cpu-model-comparison', modela=a, modelb=b)
            return r['result'], r['responsible-properties']
        assert compare(model('z13'), model('z13')) == ('identical', [])
        assert compare(model('z13'), model('z13.2')) == ('subset', ['type'])
        assert compare(model('z14'), model('z13'))[0] == 'superset'
        assert compare(model('z13', vx=False), model('z13')) == ('subset', ['vx'])
        assert compare(model('z13.2', vx=False), model('z13')) == ('incompatible', ['vx', 'type'])
        common = p.ask('query-cpu-model-baseline', modela=model('z13'), modelb=model('z14'))['model']
        assert common == z13, common


def as_elsewhere(ferry):
    """What qemu-system-s390x, where it is installed, answers of every model that is a machine."""
    qemu = shutil.which('qemu-system-s390x')
    if not qemu:
        return
    with Program(ferry, '-S') as ours, Program(qemu, '-S') as theirs:
        names = sorted(d['name'] for d in theirs.ask('query-cpu-definitions') if d['name'] not in ('qemu', 'max'))
        assert names == sorted(d['name'] for d in ours.ask('query-cpu-definitions') if d['name'] not in ('qemu', 'max'))
        for k, name in enumerate(names):
            model, other = {'name': name}, {'name': names[k * 31 % len(names)]}
            for command, arguments in (
                    ('query-cpu-model-expansion', {'type': 'static', 'model': model}),
                    ('query-cpu-model-expansion', {'type': 'full', 'model': model}),
                    ('query-cpu-model-comparison', {'modela': model, 'modelb': other}),
                    ('query-cpu-model-baseline', {'modela': model, 'modelb': other})):
                a, b = (p.ask(command, **arguments) for p in (ours, theirs))
                for answer in (a, b):
                    answer.get('responsible-properties', []).sort()
                assert a == b, (command, arguments, a, b)


def main():
    ferry = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix='ferry-models-') as tmp:
        cases = [('facility bits and instructions follow the features of the model', lambda: gates(ferry, tmp)),
                 ('a feature that the emulator has not is refused by name', lambda: refusal(ferry)),
                 ('all models expand, compare and have baselines as QEMU says', lambda: as_elsewhere(ferry)),
                 ('management learns models, their order and what two have in common', lambda: management(ferry))]
        print('1..%d' % len(cases))
        bad = 0
        for n, (name, case) in enumerate(cases, 1):
            try:
                case()
                print('ok %d %s' % (n, name))
            except (AssertionError, KeyError, ValueError, OSError, subprocess.TimeoutExpired) as e:
                bad = 1
                print('not ok %d %s\n# %s' % (n, name, repr(e)[:1500]))
    return bad


sys.exit(main())
