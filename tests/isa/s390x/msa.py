#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""msa.py FERRY: message-security assist against published examples (SP 800-38A and B, SP 800-67, IEEE 1619, the GCM
specification) and Python's hashlib. Prints TAP.

A case is a block of code as in compare.py: the storage operand has the parameter block at 0, the second
operand at SOURCE, the third at COUNTERS, and the first at TARGET.
"""
import hashlib
import os
import struct
import sys
import tempfile

import compare as blocks
import programs as base

SOURCE, COUNTERS, TARGET = 0x70, 0xb0, 0xd0
KEY128 = bytes.fromhex('2b7e151628aed2a6abf7158809cf4f3c')
KEY192 = bytes.fromhex('8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b')
KEY256 = bytes.fromhex('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4')
TEXT = bytes.fromhex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51')
IV = bytes(range(16))
COUNTER = bytes.fromhex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff')
SHA1 = struct.pack('>5I', 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)
SHA256 = struct.pack('>8I', 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
                     0x5be0cd19)
SHA512 = struct.pack('>8Q', 0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                     0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179)
DES, TRIPLE = bytes.fromhex('133457799bbcdff1'), bytes.fromhex('0123456789abcdef23456789abcdef01456789abcdef0123')
ZERO = bytes(16)


def h(text):
    return bytes.fromhex(text)


def counters(n):
    first = int.from_bytes(COUNTER, 'big')
    return b''.join((first + k).to_bytes(16, 'big') for k in range(n))


def doubled(t):
    v = int.from_bytes(t, 'little') << 1
    return (v ^ (0x100000000000000000000000000000087 if v >> 128 else 0)).to_bytes(16, 'little')


XTS_T = h('66e94bd4ef8a2c3b884cfa59ca342b2e')  # AES-128 of zeros under a key of zeros
XTS_OUT = h('917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e')
CBC = h('7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2')
CFB = h('3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b')
OFB = h('3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825')
CTR = h('874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff')
ABC = b'abc'


def case(sentence, mn, fc, param=b'', source=b'', target=None, after=None, cc=0, third=b'', length=None,
         at=TARGET, room=0):
    """target: the first operand, at `at`, afterwards; after: what the parameter block begins with."""
    return dict(at=at, room=room, sentence=sentence, mn=mn, fc=fc, param=param, source=source, target=target, after=after, cc=cc,
                third=third, length=len(source) if length is None else length)


def mask(*codes):
    return sum(1 << 127 - c for c in codes).to_bytes(16, 'big')


CIPHERS = (0, 1, 2, 3, 18, 19, 20)
CASES = [
    *[case(f'{mn} tells its functions', mn, 0, b'\xaa' * 16, after=mask(*codes)) for mn, codes in (
        ('km', CIPHERS + (50, 52)), ('kmc', CIPHERS), ('kmac', CIPHERS), ('kmf', CIPHERS), ('kmo', CIPHERS),
        ('kmctr', CIPHERS), ('pcc', CIPHERS + (50, 52)), ('kimd', (0, 1, 2, 3, 32, 33, 34, 35, 36, 37, 65)),
        ('klmd', (0, 1, 2, 3, 32, 33, 34, 35, 36, 37)), ('prno', (0, 112, 114)), ('kma', (0, 18, 19, 20)))],
    case('PCKMO tells that it has none', 'pckmo', 0, b'\xaa' * 16, after=mask(0), cc=None),
    case('KM: AES-128', 'km', 18, KEY128, TEXT[:16], h('3ad77bb40d7a3660a89ecaf32466ef97')),
    case('KM: AES-192', 'km', 19, KEY192, TEXT[:16], h('bd334f1d6e45f25ff712a214571fa5cc')),
    case('KM: AES-256', 'km', 20, KEY256, TEXT[:16], h('f3eed1bdb5d2a03c064b5a7e3db181f8')),
    case('... deciphered', 'km', 20 + 128, KEY256, h('f3eed1bdb5d2a03c064b5a7e3db181f8'), TEXT[:16]),
    case('KM: DEA', 'km', 1, DES, h('0123456789abcdef'), h('85e813540f0ab405')),
    case('KM: TDEA with three keys', 'km', 3, TRIPLE, b'The qufc', h('a826fd8ce53b855f')),
    case('... deciphered', 'km', 3 + 128, TRIPLE, h('a826fd8ce53b855f'), b'The qufc'),
    case('KM: TDEA with two keys that are one is DEA', 'km', 2, DES + DES, h('0123456789abcdef'), h('85e813540f0ab405')),
    case('KM: XTS', 'km', 50, ZERO + XTS_T, ZERO * 2, XTS_OUT, after=ZERO + doubled(doubled(XTS_T))),
    case('... deciphered', 'km', 50 + 128, ZERO + XTS_T, XTS_OUT, ZERO * 2),
    case('KM of nothing', 'km', 18, KEY128, b'', b'\x55' * 16),
    case('KMC: AES-128', 'kmc', 18, IV + KEY128, TEXT, CBC, after=CBC[16:] + KEY128),
    case('... deciphered', 'kmc', 18 + 128, IV + KEY128, CBC, TEXT, after=CBC[16:]),
    case('KMF: whole blocks', 'kmf', 18 | 16 << 24, IV + KEY128, TEXT, CFB, after=CFB[16:]),
    case('... deciphered', 'kmf', 18 + 128 | 16 << 24, IV + KEY128, CFB, TEXT, after=CFB[16:]),
    case('KMF: bytes', 'kmf', 18 | 1 << 24, IV + KEY128, TEXT[:18], h('3b79424c9c0dd436bace9e0ed4586a4f32b9')),
    case('... deciphered', 'kmf', 18 + 128 | 1 << 24, IV + KEY128, h('3b79424c9c0dd436bace9e0ed4586a4f32b9'), TEXT[:18]),
    case('KMO', 'kmo', 18, IV + KEY128, TEXT, OFB),
    case('... with a part of a block', 'kmo', 18, IV + KEY128, TEXT[:21], OFB[:21]),
    case('KMCTR', 'kmctr', 18, KEY128, TEXT, CTR, third=counters(2)),
    case('KMAC of whole blocks is CBC', 'kmac', 18, IV + KEY128, TEXT, after=CBC[16:] + KEY128),
    case('PCC: the last block of a CMAC, empty', 'pcc', 18, bytes(8) + ZERO + ZERO + KEY128,
         after=bytes(24) + h('bb1d6929e95937287fa37d129b756746')),
    case('... whole', 'pcc', 18, b'\x80' + bytes(7) + TEXT[:16] + ZERO + KEY128,
         after=b'\x80' + bytes(7) + TEXT[:16] + h('070a16b46b4d4144f79bdd9dd04a287c')),
    case('PCC: XTS parameter of the first block', 'pcc', 50, ZERO + ZERO + ZERO + ZERO + ZERO,
         after=bytes(64) + XTS_T),
    case('... of the third', 'pcc', 50, ZERO + ZERO + bytes(15) + b'\2' + ZERO + ZERO,
         after=bytes(47) + b'\2' + ZERO + doubled(doubled(XTS_T))),
    case('KIMD: GHASH', 'kimd', 65, ZERO + XTS_T, h('0388dace60b6a392f328c2b971b2fe78'),
         after=h('5e2ec746917062882c85b0685353deb7')),
    case('KLMD: SHA-1', 'klmd', 1, SHA1 + struct.pack('>Q', 24), ABC, after=hashlib.sha1(ABC).digest()),
    case('KLMD: SHA-256', 'klmd', 2, SHA256 + struct.pack('>Q', 24), ABC, after=hashlib.sha256(ABC).digest()),
    case('KLMD: SHA-512', 'klmd', 3, SHA512 + struct.pack('>QQ', 0, 24), ABC, after=hashlib.sha512(ABC).digest()),
    case('... of a length that needs another block', 'klmd', 2, SHA256 + struct.pack('>Q', 8 * 60), bytes(range(60)),
         after=hashlib.sha256(bytes(range(60))).digest()),
    case('... of nothing', 'klmd', 2, SHA256 + bytes(8), after=hashlib.sha256(b'').digest()),
    case('KIMD, then KLMD of no more', 'kimd', 1, SHA1, bytes(64),
         after=h('92b404e556588ced6c1acd4ebf053f6809f73a93')),
    case('more than one call does', 'kimd', 2, SHA256, cc=3, length=4096 + 64),
    case('random numbers', 'prno', 114, length=16),
]
SHA3 = [case(f'KLMD: SHA3-{bits}', 'klmd', 32 + k, b'', ABC, after=hashlib.new(f'sha3_{bits}', ABC).digest())
        for k, bits in enumerate((224, 256, 384, 512))]
CASES += SHA3
CASES += [case(f'KLMD: SHAKE-{bits}', 'klmd', 36 + k, b'', ABC, hashlib.new(f'shake_{bits}', ABC).digest(32), at=0xe0, room=32)
          for k, bits in enumerate((128, 256))]

# test case 4 of the GCM specification
GCM_KEY, GCM_IV = h('feffe9928665731c6d6a8f9467308308'), h('cafebabefacedbaddecaf88800000001')
GCM_AAD = h('feedfacedeadbeeffeedfacedeadbeefabaddad2')
GCM_TEXT = h('d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657'
             'ba637b39')
GCM_CODE = h('42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac97'
             '3d58e091')
GCM_BLOCK = bytes(12) + h('00000001') + bytes(32) + struct.pack('>QQ', 160, 480) + GCM_IV + GCM_KEY
GCM_DONE = bytes(12) + h('00000005') + h('5bc94fbc3221a5db94fae95ae7121a47') + h('b83b533708bf535d0aa6e52980d53b78')
CASES += [case('KMA: GCM', 'kma', 18 | 0x600, GCM_BLOCK, GCM_TEXT, GCM_CODE[:48], GCM_DONE, third=GCM_AAD),
          case('... deciphered', 'kma', 18 | 0x680, GCM_BLOCK, GCM_CODE, GCM_TEXT[:48], GCM_DONE, third=GCM_AAD)]


def place(c):
    """Storage operand and registers; of SHA-3 the state needs most of the room."""
    source = 0xd0 if c['mn'] == 'klmd' and c['fc'] >= 32 else SOURCE
    mem = bytearray(blocks.MEM)
    mem[TARGET:TARGET + 32] = b'\x55' * 32
    for at, what in ((0, c['param']), (source, c['source']), (COUNTERS, c['third'])):
        mem[at:at + len(what)] = what
    gpr = [0] * 16
    gpr[0], gpr[1], gpr[10] = c['fc'], ('mem', 0), None
    gpr[2], gpr[3] = ('mem', c['at']), 16 if c['mn'] == 'prno' else c['room']
    gpr[7] = len(c['third'])
    gpr[4], gpr[5], gpr[6] = ('mem', source), c['length'], ('mem', COUNTERS)
    if c['mn'] == 'prno':
        gpr[5] = 16
    return dict(r1=2, r2=4, r3=6), gpr, [0] * 16, bytes(mem[:blocks.MEM])


def check(c, before, got):
    mem = got[blocks.STATE:blocks.STATE + blocks.MEM]
    g = struct.unpack('>16Q', got[800:928])
    cc = struct.unpack('>I', got[928:932])[0] >> 28 & 3
    wrong = []
    if c['target'] is not None and mem[c['at']:c['at'] + len(c['target'])] != c['target']:
        wrong.append('target ' + mem[c['at']:c['at'] + len(c['target'])].hex())
    if c['after'] is not None and mem[:len(c['after'])] != c['after']:
        wrong.append('parameters ' + mem[:len(c['after'])].hex())
    if c['cc'] is not None and cc != c['cc']:
        wrong.append(f'condition code {cc}')
    if c['length'] and c['mn'] not in ('pcc', 'prno'):
        done = 4096 if c['cc'] == 3 else c['length']
        if g[5] != c['length'] - done or g[4] & 0xfff != before + done & 0xfff:
            wrong.append(f'registers {g[4]:x} {g[5]:x}')
    if c['fc'] == 114 and (mem[TARGET:TARGET + 16] == b'\x55' * 16 or mem[SOURCE:SOURCE + 16] == bytes(16) or g[3] or g[5]):
        wrong.append('nothing random')
    return wrong


def main():
    good = CASES
    states = [(c['mn'], place(c), 1) for c in good]
    code, data = blocks.build(states)
    data += bytes(8192)
    with tempfile.TemporaryDirectory() as tmp:
        out = base.run_ferry(os.path.abspath(sys.argv[1]), base.kernel_image(code, data), len(data), tmp)
    bad = 0
    print(f'1..{len(good)}')
    for k, c in enumerate(good):
        at = base.DATA + k * blocks.SLOT + blocks.STATE + states[k][1][1][4][1]
        wrong = check(c, at, out[k * blocks.SLOT:(k + 1) * blocks.SLOT])
        bad += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {k + 1} {c['sentence']}{' # ' if wrong else ''}{', '.join(wrong)}")
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    main()
