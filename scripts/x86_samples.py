# SPDX-License-Identifier: GPL-2.0-or-later
"""Assembles instances of every line of the x86 tables, with what decoding must give.

An assembler of its own, written from the encoding rules and not from decode.c: the decoder test
feeds the bytes to the decoder and compares everything (decode(assemble(x)) == x). Used by
gen-decoder --samples.
"""

KINDS = {'G': 'GPR', 'R': 'GPR', 'E': 'GPR', 'Z': 'GPR', 'B': 'GPR', 'S': 'SEG', 'C': 'CR',
         'D': 'DR', 'P': 'MMX', 'Q': 'MMX', 'N': 'MMX', 'V': 'XMM', 'W': 'XMM', 'U': 'XMM',
         'H': 'XMM', 'L': 'XMM', 'F': 'ST', 'I': 'IMM', 'J': 'REL', 'A': 'FAR', 'X': 'STRSRC',
         'Y': 'STRDST', 'O': 'MEM', 'M': 'MEM', 'K': 'MEM'}
FIXED = {'F_AL': ('GPR', 0, 1), 'F_AX': ('GPR', 0, 2), 'F_rAX': ('GPR', 0, 'v'),
         'F_zAX': ('GPR', 0, 'z'), 'F_CL': ('GPR', 1, 1), 'F_DX': ('GPR', 2, 2),
         'F_1': ('IMM', 0, 1), 'F_ST0': ('ST', 0, 10), 'F_XMM0': ('XMM', 0, 16),
         'F_ES': ('SEG', 0, 2), 'F_CS': ('SEG', 1, 2), 'F_SS': ('SEG', 2, 2),
         'F_DS': ('SEG', 3, 2), 'F_FS': ('SEG', 4, 2), 'F_GS': ('SEG', 5, 2)}
SIZES = {'': 0, 'b': 1, 'w': 2, 'd': 4, 'ss': 4, 'hd': 4, 'xd': 4, 'q': 8, 'sd': 8, 'hq': 8,
         'xq': 8, 'dq': 16, 'qq': 32, 't': 10, 'fx': 512, 'xs': 0}
IMM = 0x8899aabbccddeef1
NONE = 0xff


class Form:
    """One way to encode a line: mode, sizes, register or memory."""

    def __init__(self, ln, mode, p66, w, l, mem, salt):
        self.ln, self.mode, self.p66, self.w, self.l, self.mem = ln, mode, p66, w, l, mem
        self.salt = salt
        self.top = 16 if mode == 64 else 8
        self.adsize = mode // 8
        if mode == 64:
            self.opsize = 8 if w or 'f64' in ln.flags else 2 if p66 else \
                8 if 'd64' in ln.flags else 4
        else:
            self.opsize = 4 if (mode == 32) != p66 else 2
        self.vlen = 32 if l else 16

    def size(self, t):
        o = self.opsize
        if t in SIZES:
            return SIZES[t]
        return {'v': o, 'bs': o, 'z': min(o, 4), 'y': 8 if self.w and self.mode == 64 else 4,
                'n': 8 if self.mode == 64 else 4, 'x': self.vlen, 'ps': self.vlen,
                'pd': self.vlen, 'p': 2 + o, 's': 10 if self.mode == 64 else 6, 'a': 2 * o,
                'fe': 14 if o == 2 else 28, 'fs': 94 if o == 2 else 108}[t]


def le(v, n):
    return [(v >> (8 * k)) & 0xff for k in range(n)]


def signed(v, n):
    v &= (1 << (8 * n)) - 1
    return v - (1 << (8 * n)) if v >> (8 * n - 1) else v


def pick_reg(f, a, t):
    """A register number that the operand can name, different for each addressing letter."""
    n = f.salt + 'GERZBVWUHLPQNF'.find(a) * 3
    if 'vsib' in f.ln.flags:
        return {'V': 1, 'H': 2}[a]  # and the index is another
    if a == 'S':
        return 3
    if a == 'C':
        return 3
    if a == 'D':
        return 6
    if a in 'PQNF':
        return n % 8
    reg = n % f.top
    if t == 'b' and reg in (4, 5, 6, 7):
        return 2  # would be AH.. or need a REX prefix: the Zydis test has those
    return reg


def memory(f, field):
    """(ModRM and what follows, expected base, index, scale, disp) of [base + index * 4 + disp]."""
    vsib = 'vsib' in f.ln.flags
    if f.adsize == 2:
        return [0x40 | field << 3, 0x85], 3, 6, 0, signed(0x85, 1), 0
    base, index = (9, 12) if f.mode == 64 else (3, 6)
    if vsib:
        index = 11 if f.mode == 64 else 5
    disp = 0xfedcba98
    bytes_ = [0x84 | field << 3, 0x80 | (index & 7) << 3 | (base & 7)] + le(disp, 4)
    return bytes_, base, index, 2, signed(disp, 4), (index >> 3) << 1 | base >> 3


def assemble(f):
    """-> (bytes, expectation dict) or None where this form does not exist."""
    ln = f.ln
    if f.adsize == 2 and 'vsib' in ln.flags:
        return None
    field = ln.reg if ln.reg is not None else 0
    rm = ln.rm if ln.rm is not None else 0
    r = x = b = 0
    vvvv, tail, ops = 0, [], []
    op = ln.opcode
    exp = {'base': NONE, 'index': NONE, 'scale': 0, 'disp': 0, 'imm': 0, 'imm2': 0}
    seen_imm = False
    for a, t, ra, rt in ln.ops:
        if a in FIXED:
            kind, reg, size = FIXED[a]
            size = f.size(size) if isinstance(size, str) else size
            if a == 'F_1':
                exp['imm'] = 1
            ops.append((kind, reg, size))
            continue
        kind, size, reg = KINDS[a], 10 if a == 'F' else f.size(t), 0
        if a in 'EWQM' and f.mem:
            kind = 'MEM'
        elif a in 'GPVSCD':
            reg = pick_reg(f, a, t) if ln.reg is None else ln.reg
            field, r = reg & 7, reg >> 3
        elif a in 'ERWQUNF':
            if ra:
                size = f.size(rt)
            reg = pick_reg(f, a, rt if ra else t)
            rm, b = reg & 7, reg >> 3
        elif a in 'HB':
            reg = vvvv = pick_reg(f, a, t)
        elif a == 'Z':
            reg = pick_reg(f, a, t) or 3
            op, b = ln.opcode | (reg & 7), reg >> 3
        elif a == 'L':
            reg = pick_reg(f, a, t)
            tail += [reg << 4]
        elif a == 'I':
            n = 1 if t == 'bs' else size
            v = signed(IMM, n) if t in ('bs', 'z') else IMM & ((1 << (8 * n)) - 1)
            exp['imm2' if seen_imm else 'imm'] = v
            seen_imm = True
            tail += le(IMM, n)
            size = f.opsize if t == 'z' else size
        elif a == 'J':
            exp['imm'] = signed(IMM, size)
            tail += le(IMM, size)
        elif a == 'A':
            exp['imm'], exp['imm2'] = IMM & ((1 << (8 * f.opsize)) - 1), 0x1234
            tail += le(IMM, f.opsize) + le(0x1234, 2)
        elif a == 'O':
            exp['disp'] = signed(IMM, 8) if f.adsize == 8 else IMM & ((1 << (8 * f.adsize)) - 1)
            tail += le(IMM, f.adsize)
        ops.append((kind, reg, size))
    body = []
    if ln.has_modrm:
        if f.mem:
            body, exp['base'], exp['index'], exp['scale'], exp['disp'], xb = memory(f, field)
            x, b = xb >> 1, xb & 1
        else:
            body = [0xc0 | field << 3 | rm]
    if 'b0' in ln.flags and b:
        return None
    out = encode(f, op, r, x, b, vvvv) + body + tail
    if len(out) > 15:
        return None
    exp['ops'] = ops
    return out, exp


def encode(f, op, r, x, b, vvvv):
    """Prefixes, escape bytes and opcode."""
    ln = f.ln
    if ln.vex:
        pp = {'NP': 0, '66': 1, 'F3': 2, 'F2': 3}[ln.pfx]
        last = (f.w << 7) | (~vvvv & 15) << 3 | f.l << 2 | pp
        if ln.map == 1 and not (x or b or f.w) and f.salt % 2:
            return [0xc5, (not r) << 7 | (last & 0x7f), op]
        return [0xc4, (not r) << 7 | (not x) << 6 | (not b) << 5 | ln.map, last, op]
    out = [0x66] if f.p66 or ln.pfx == '66' else []
    if ln.pfx in ('F3', 'F2'):
        out += [int(ln.pfx, 16)]
    rex = f.w << 3 | r << 2 | x << 1 | b
    if rex:
        out += [0x40 | rex]
    return out + [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]][ln.map] + [op]


def forms(ln):
    salt = ln.id
    for mode in (16, 32, 64):
        if (64 if mode == 64 else 32) not in ln.modes:
            continue
        sized = not ln.vex and ln.pfx not in ('66', 'NP')
        for p66 in (False, True) if sized else (False,):
            for w in (0, 1):
                if ln.w is not None and w != ln.w:
                    continue
                if w and mode != 64 and (not ln.vex or 'w64' in ln.flags):
                    continue
                for l in (0, 1) if ln.vex else (0,):
                    if ln.l is not None and l != ln.l:
                        continue
                    for mem in (False, True):
                        if mem and (not ln.has_modrm or ln.mod == 'reg' or 'modreg' in ln.flags):
                            continue
                        if not mem and ln.has_modrm and ln.mod == 'mem':
                            continue
                        salt += 5
                        yield Form(ln, mode, p66, w, l, mem, salt)


def emit(lines, o):
    o.write('#include "x86-sample.h"\n\nconst X86Sample x86_samples[] = {\n')
    count = 0
    for ln in lines:
        for f in forms(ln):
            got = assemble(f)
            if not got:
                continue
            code, e = got
            ops = ', '.join('{ X86_OPK_%s, %d, %d }' % x for x in e['ops']) or '{ 0 }'
            o.write('    { %d, %d, %d, { %s }, %d, %d, { %s }, %d, %d, %d, %d, %d, %d },\n' %
                    (ln.id, f.mode, len(code), ', '.join('0x%02x' % c for c in code), f.opsize,
                     len(e['ops']), ops, e['base'], e['index'], e['scale'], e['disp'],
                     signed(e['imm'], 8), e['imm2']))
            count += 1
    o.write('};\nconst unsigned x86_n_samples = %d;\n' % count)
