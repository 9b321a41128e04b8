/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86 decoder: prefixes, opcode, then the first line of the tables that fits, then operands.
 *
 * Bytes are taken one at a time, so that a caller with only the bytes up to the page end learns
 * whether the next page is really needed (X86_DECODE_MORE). Sources: Intel SDM volume 2,
 * chapters 2 and 3 to 5, appendix A and B. The 15-byte limit counts all bytes, prefixes included.
 */
#include <string.h>
#include "target/x86/decode-priv.h"

#define MAX_LEN 15

typedef struct Dec {
    const uint8_t *bytes;
    unsigned avail, pos, mode;
    const X86GateSet *gates;
    X86DecodeResult fail; /* sticky: first failure, X86_DECODE_OK so far */
    bool p66, p67, lock;
    uint8_t repx; /* last of F2, F3, or 0 */
    uint8_t seg;
    uint8_t rex; /* 0 = none */
    bool vex;
    uint8_t vex_l, vex_pp, vvvv, map;
    bool w, r, x, b;
    uint8_t opcode;
    bool has_modrm;
    uint8_t mod, reg, rm; /* reg and rm without extension bits */
    const X86Line *line;
} Dec;

static uint8_t next(Dec *d)
{
    if (d->fail) {
        return 0;
    }
    if (d->pos >= MAX_LEN) {
        d->fail = X86_DECODE_GP;
        return 0;
    }
    if (d->pos >= d->avail) {
        d->fail = X86_DECODE_MORE;
        return 0;
    }
    return d->bytes[d->pos++];
}

static uint64_t next_bytes(Dec *d, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++) {
        v |= (uint64_t)next(d) << (8 * i);
    }
    return v;
}

static int64_t sign_extend(uint64_t v, unsigned bytes)
{
    unsigned sh = 64 - 8 * bytes;
    return (int64_t)(v << sh) >> sh;
}

static void ud(Dec *d)
{
    if (!d->fail) {
        d->fail = X86_DECODE_UD;
    }
}

/* Takes one legacy prefix; false when the byte is none. A legacy prefix cancels an earlier REX. */
static bool take_prefix(Dec *d, uint8_t c)
{
    switch (c) {
    case 0x66: d->p66 = true; break;
    case 0x67: d->p67 = true; break;
    case 0xf0: d->lock = true; break;
    case 0xf2:
    case 0xf3: d->repx = c; break;
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
        if (d->mode != 64) { /* in 64-bit mode these have no effect, not even on an earlier FS/GS */
            d->seg = (c - 0x26) >> 3;
        }
        break;
    case 0x64:
    case 0x65: d->seg = c - 0x64 + X86_FS; break;
    default: return false;
    }
    d->rex = 0;
    return true;
}

static void take_vex(Dec *d, uint8_t first)
{
    if (d->p66 || d->repx || d->lock || d->rex) {
        ud(d);
        return;
    }
    uint8_t b1 = next(d);
    uint8_t b2 = b1;
    d->vex = true;
    d->r = !(b1 & 0x80);
    d->map = 1;
    if (first == 0xc4) {
        b2 = next(d);
        d->x = !(b1 & 0x40);
        d->b = !(b1 & 0x20);
        d->map = b1 & 0x1f;
        d->w = b2 & 0x80;
    }
    d->vvvv = ~(b2 >> 3) & 15;
    d->vex_l = b2 >> 2 & 1;
    d->vex_pp = b2 & 3;
    if (d->mode != 64) {
        d->r = d->x = d->b = false;
    }
    if (d->map < 1 || d->map > 3) {
        ud(d);
    }
    d->opcode = next(d);
}

/* Prefixes, escape bytes and the opcode. */
static void take_opcode(Dec *d)
{
    uint8_t c;
    for (;;) {
        c = next(d);
        if (d->fail) {
            return;
        }
        if (d->mode == 64 && (c & 0xf0) == 0x40) {
            d->rex = c;
        } else if (!take_prefix(d, c)) {
            break;
        }
    }
    if (c == 0xc4 || c == 0xc5) {
        /* LES and LDS have no register form: mod 3 makes it VEX outside 64-bit mode. */
        bool vex = d->mode == 64;
        if (!vex) {
            uint8_t b1 = next(d);
            vex = b1 >= 0xc0;
            d->pos -= !d->fail;
        }
        if (d->fail) {
            return;
        }
        if (vex) {
            take_vex(d, c);
            return;
        }
    }
    d->w = d->rex & 8;
    d->r = d->rex & 4;
    d->x = d->rex & 2;
    d->b = d->rex & 1;
    d->opcode = c;
    if (c == 0x0f) {
        d->opcode = next(d);
        d->map = 1;
        if (d->opcode == 0x38 || d->opcode == 0x3a) {
            d->map = d->opcode == 0x38 ? 2 : 3;
            d->opcode = next(d);
        }
    }
}

static bool prefix_fits(const Dec *d, const X86Line *l)
{
    if (d->vex) {
        static const uint8_t pp_rule[4] = { X86_PFX_NP, X86_PFX_66, X86_PFX_F3, X86_PFX_F2 };
        return l->pfx == pp_rule[d->vex_pp];
    }
    switch (l->pfx) {
    case X86_PFX_NP: return !d->p66 && !d->repx;
    case X86_PFX_66: return d->p66 && !d->repx;
    case X86_PFX_F3: return d->repx == 0xf3;
    case X86_PFX_F2: return d->repx == 0xf2;
    case X86_PFX_NFX: return !d->repx;
    default: return true;
    }
}

static bool line_fits(const Dec *d, const X86Line *l)
{
    bool w = d->w && !(l->flags & X86_F_W64 && d->mode != 64);
    if (!(l->mode & (d->mode == 64 ? 2 : 1)) || !prefix_fits(d, l)) {
        return false;
    }
    if ((l->w >= 0 && l->w != w) || (l->l >= 0 && l->l != d->vex_l)) {
        return false;
    }
    if ((l->flags & X86_F_B0) && d->b) {
        return false;
    }
    if (l->modrm) {
        if ((l->reg >= 0 && l->reg != d->reg) || (l->rm >= 0 && l->rm != d->rm)) {
            return false;
        }
        if (l->mod != X86_MOD_ANY && (l->mod == X86_MOD_REG) != (d->mod == 3)) {
            return false;
        }
    }
    return x86_gate_has(d->gates, l->gate[d->vex && d->vex_l && !l->lig]) &&
           x86_gate_has(d->gates, l->gate[2]);
}

static void find_line(Dec *d)
{
    if (d->fail) {
        return;
    }
    X86Bucket bk = x86_buckets[d->vex][d->map][d->opcode];
    const uint16_t *cand = &x86_candidates[bk.first];
    for (unsigned i = 0; i < bk.count && !d->has_modrm; i++) {
        const X86Line *l = &x86_lines[cand[i]];
        if (l->modrm && (l->mode & (d->mode == 64 ? 2 : 1))) {
            uint8_t m = next(d);
            d->mod = m >> 6;
            d->reg = m >> 3 & 7;
            d->rm = m & 7;
            d->has_modrm = true;
        }
    }
    for (unsigned i = 0; i < bk.count && !d->fail; i++) {
        if (line_fits(d, &x86_lines[cand[i]])) {
            d->line = &x86_lines[cand[i]];
            return;
        }
    }
    ud(d);
}

/* Operand and address size (SDM volume 1, 3.6). */
static void effective_sizes(const Dec *d, X86Insn *i)
{
    bool p66 = d->p66 && d->line->pfx != X86_PFX_66 && !d->vex;
    uint32_t f = d->line->flags;
    if (d->mode == 64) {
        i->adsize = d->p67 ? 4 : 8;
        if (d->w || (f & X86_F_F64)) {
            i->opsize = 8;
        } else if (p66) {
            i->opsize = 2;
        } else {
            i->opsize = f & X86_F_D64 ? 8 : 4;
        }
    } else {
        i->adsize = (d->mode == 32) != d->p67 ? 4 : 2;
        i->opsize = (d->mode == 32) != p66 ? 4 : 2;
    }
    i->rex_w = d->w && d->mode == 64;
    i->vlen = d->vex && d->vex_l ? 32 : 16;
}

static unsigned type_size(const Dec *d, const X86Insn *i, uint8_t type)
{
    switch ((X86OperandType)type) {
    case X86_T_B: return 1;
    case X86_T_W: return 2;
    case X86_T_D:
    case X86_T_SS:
    case X86_T_HD:
    case X86_T_XD: return 4;
    case X86_T_Q:
    case X86_T_SD:
    case X86_T_HQ:
    case X86_T_XQ: return 8;
    case X86_T_V:
    case X86_T_BS: return i->opsize;
    case X86_T_Z: return MIN(i->opsize, 4);
    case X86_T_Y: return i->rex_w ? 8 : 4;
    case X86_T_N: return d->mode == 64 ? 8 : 4;
    case X86_T_DQ: return 16;
    case X86_T_QQ: return 32;
    case X86_T_X:
    case X86_T_PS:
    case X86_T_PD: return i->vlen;
    case X86_T_P: return 2 + i->opsize;
    case X86_T_S: return d->mode == 64 ? 10 : 6;
    case X86_T_A: return 2 * i->opsize;
    case X86_T_T: return 10;
    case X86_T_FE: return i->opsize == 2 ? 14 : 28;
    case X86_T_FS: return i->opsize == 2 ? 94 : 108;
    case X86_T_FX: return 512;
    case X86_T_XS:
    case X86_T_NONE: return 0;
    }
    return 0;
}

static void take_mem16(Dec *d, X86Insn *i)
{
    static const uint8_t base[8] = { X86_RBX, X86_RBX, X86_RBP, X86_RBP,
                                     X86_RSI, X86_RDI, X86_RBP, X86_RBX };
    static const uint8_t index[8] = { X86_RSI,      X86_RDI,      X86_RSI,      X86_RDI,
                                      X86_REG_NONE, X86_REG_NONE, X86_REG_NONE, X86_REG_NONE };
    if (d->mod == 0 && d->rm == 6) {
        i->mem.disp = (int64_t)next_bytes(d, 2);
        return;
    }
    i->mem.base = base[d->rm];
    i->mem.index = index[d->rm];
    if (d->mod) {
        i->mem.disp = sign_extend(next_bytes(d, d->mod), d->mod);
    }
}

static void take_sib(Dec *d, X86Insn *i)
{
    uint8_t sib = next(d);
    i->mem.scale = sib >> 6;
    uint8_t index = (sib >> 3 & 7) | d->x << 3;
    if (index != 4 || (d->line->flags & X86_F_VSIB)) {
        i->mem.index = index;
    }
    if ((sib & 7) == 5 && d->mod == 0) {
        i->mem.disp = sign_extend(next_bytes(d, 4), 4);
    } else {
        i->mem.base = (sib & 7) | d->b << 3;
    }
}

/* The ModRM memory operand: everything but an immediate follows it. */
static void take_mem(Dec *d, X86Insn *i)
{
    i->mem.addr_size = i->adsize;
    if (i->adsize == 2) {
        if (d->line->flags & X86_F_VSIB) {
            ud(d);
        }
        take_mem16(d, i);
    } else if (d->rm == 4) {
        take_sib(d, i);
    } else if ((d->line->flags & X86_F_VSIB)) {
        ud(d);
    } else if (d->mod == 0 && d->rm == 5) {
        i->mem.base = d->mode == 64 ? X86_REG_RIP : X86_REG_NONE;
        i->mem.disp = sign_extend(next_bytes(d, 4), 4);
    } else {
        i->mem.base = d->rm | d->b << 3;
    }
    if (i->adsize != 2 && d->mod) {
        unsigned n = d->mod == 1 ? 1 : 4;
        i->mem.disp = sign_extend(next_bytes(d, n), n);
    }
    bool stack = i->mem.base == X86_RBP || i->mem.base == X86_RSP;
    i->mem.seg = d->seg != X86_REG_NONE ? d->seg : stack ? X86_SS : X86_DS;
}

static void set_gpr(const Dec *d, X86Operand *o, unsigned reg, unsigned size)
{
    o->kind = X86_OPK_GPR;
    o->reg = reg;
    if (size == 1 && !d->rex && !d->vex && reg >= 4 && reg < 8) {
        o->kind = X86_OPK_GPR8H;
        o->reg = reg - 4;
    }
}

/* An operand in ModRM.rm (or memory). */
static void rm_operand(Dec *d, X86Insn *i, const X86LineOp *lo, X86Operand *o, uint8_t kind)
{
    if (d->mod != 3) {
        o->kind = X86_OPK_MEM;
        return;
    }
    unsigned reg = d->rm | d->b << 3;
    if (lo->alt) {
        o->size = type_size(d, i, lo->reg_type);
    }
    if (kind == X86_OPK_GPR) {
        set_gpr(d, o, reg, o->size);
    } else {
        o->kind = kind;
        o->reg = kind == X86_OPK_XMM ? reg : d->rm;
    }
}

static void imm_operand(Dec *d, X86Insn *i, const X86LineOp *lo, X86Operand *o, bool second)
{
    unsigned n = o->size;
    bool sign = false;
    o->kind = X86_OPK_IMM;
    if (lo->type == X86_T_BS) {
        n = 1;
        sign = true;
    } else if (lo->type == X86_T_Z) {
        o->size = i->opsize;
        sign = true;
    }
    uint64_t v = next_bytes(d, n);
    if (second) {
        i->imm2 = v;
    } else {
        i->imm = sign ? sign_extend(v, n) : (int64_t)v;
    }
}

static void seg_operand(Dec *d, X86Operand *o)
{
    o->kind = X86_OPK_SEG;
    o->reg = d->reg;
    if (d->reg > X86_GS || (d->line->op[0].addr == X86_A_S && d->reg == X86_CS)) {
        ud(d); /* no such register, or MOV to CS */
    }
}

static void cr_operand(Dec *d, X86Operand *o)
{
    o->kind = X86_OPK_CR;
    o->reg = d->reg | d->r << 3;
    if (o->reg != 0 && (o->reg < 2 || o->reg > 4) && o->reg != 8) {
        ud(d);
    }
}

/* Operands with a register in a fixed place. */
static void fixed_operand(X86Insn *i, uint8_t addr, X86Operand *o)
{
    static const struct {
        uint8_t kind, reg, size;
    } fixed[] = {
        [X86_A_F_AL - X86_A_F_AL] = { X86_OPK_GPR, X86_RAX, 1 },
        [X86_A_F_AX - X86_A_F_AL] = { X86_OPK_GPR, X86_RAX, 2 },
        [X86_A_F_RAX - X86_A_F_AL] = { X86_OPK_GPR, X86_RAX, 0 },
        [X86_A_F_ZAX - X86_A_F_AL] = { X86_OPK_GPR, X86_RAX, 0 },
        [X86_A_F_CL - X86_A_F_AL] = { X86_OPK_GPR, X86_RCX, 1 },
        [X86_A_F_DX - X86_A_F_AL] = { X86_OPK_GPR, X86_RDX, 2 },
        [X86_A_F_1 - X86_A_F_AL] = { X86_OPK_IMM, 0, 1 },
        [X86_A_F_ST0 - X86_A_F_AL] = { X86_OPK_ST, 0, 10 },
        [X86_A_F_XMM0 - X86_A_F_AL] = { X86_OPK_XMM, 0, 16 },
        [X86_A_F_ES - X86_A_F_AL] = { X86_OPK_SEG, X86_ES, 2 },
        [X86_A_F_CS - X86_A_F_AL] = { X86_OPK_SEG, X86_CS, 2 },
        [X86_A_F_SS - X86_A_F_AL] = { X86_OPK_SEG, X86_SS, 2 },
        [X86_A_F_DS - X86_A_F_AL] = { X86_OPK_SEG, X86_DS, 2 },
        [X86_A_F_FS - X86_A_F_AL] = { X86_OPK_SEG, X86_FS, 2 },
        [X86_A_F_GS - X86_A_F_AL] = { X86_OPK_SEG, X86_GS, 2 },
    };
    o->kind = fixed[addr - X86_A_F_AL].kind;
    o->reg = fixed[addr - X86_A_F_AL].reg;
    o->size = fixed[addr - X86_A_F_AL].size;
    if (addr == X86_A_F_RAX) {
        o->size = i->opsize;
    } else if (addr == X86_A_F_ZAX) {
        o->size = MIN(i->opsize, 4);
    } else if (addr == X86_A_F_1) {
        i->imm = 1;
    }
}

static void take_operand(Dec *d, X86Insn *i, const X86LineOp *lo, X86Operand *o, bool second_imm)
{
    unsigned rreg = d->reg | d->r << 3;
    o->size = type_size(d, i, lo->type);
    switch ((X86OperandAddr)lo->addr) {
    case X86_A_E:
    case X86_A_M:
    case X86_A_R: rm_operand(d, i, lo, o, X86_OPK_GPR); break;
    case X86_A_Q:
    case X86_A_N: rm_operand(d, i, lo, o, X86_OPK_MMX); break;
    case X86_A_W:
    case X86_A_U: rm_operand(d, i, lo, o, X86_OPK_XMM); break;
    case X86_A_K:
        o->kind = X86_OPK_MEM;
        i->mem.vsib = true;
        i->mem.index_size = lo->type == X86_T_HD || lo->type == X86_T_HQ ? 16 : i->vlen;
        break;
    case X86_A_G: set_gpr(d, o, rreg, o->size); break;
    case X86_A_B: set_gpr(d, o, d->vvvv & (d->mode == 64 ? 15 : 7), o->size); break;
    case X86_A_Z: set_gpr(d, o, (d->opcode & 7) | d->b << 3, o->size); break;
    case X86_A_I: imm_operand(d, i, lo, o, second_imm); break;
    case X86_A_J:
        o->kind = X86_OPK_REL;
        i->imm = sign_extend(next_bytes(d, o->size), o->size);
        break;
    case X86_A_O:
        o->kind = X86_OPK_MEM;
        i->mem.addr_size = i->adsize;
        i->mem.disp = (int64_t)next_bytes(d, i->adsize);
        break;
    case X86_A_S: seg_operand(d, o); break;
    case X86_A_C: cr_operand(d, o); break;
    case X86_A_D:
        o->kind = X86_OPK_DR;
        o->reg = rreg;
        if (rreg > 7) {
            ud(d);
        }
        break;
    case X86_A_P:
        o->kind = X86_OPK_MMX;
        o->reg = d->reg;
        break;
    case X86_A_V:
        o->kind = X86_OPK_XMM;
        o->reg = rreg;
        break;
    case X86_A_H:
        o->kind = X86_OPK_XMM;
        o->reg = d->vvvv & (d->mode == 64 ? 15 : 7);
        break;
    case X86_A_L:
        o->kind = X86_OPK_XMM;
        o->reg = next(d) >> 4 & (d->mode == 64 ? 15 : 7);
        break;
    case X86_A_A:
        o->kind = X86_OPK_FAR;
        i->imm = (int64_t)next_bytes(d, i->opsize);
        i->imm2 = next_bytes(d, 2);
        break;
    case X86_A_X: o->kind = X86_OPK_STRSRC; break;
    case X86_A_Y: o->kind = X86_OPK_STRDST; break;
    case X86_A_F:
        o->kind = X86_OPK_ST;
        o->reg = d->rm;
        o->size = 10;
        break;
    default: fixed_operand(i, lo->addr, o); break;
    }
}

static void take_operands(Dec *d, X86Insn *i)
{
    const X86Line *l = d->line;
    bool imm_seen = false;
    if (d->has_modrm && (l->flags & X86_F_MODREG)) {
        d->mod = 3;
    }
    i->mem = (X86Mem){ .base = X86_REG_NONE,
                       .index = X86_REG_NONE,
                       .seg = d->seg != X86_REG_NONE ? d->seg : X86_DS,
                       .addr_size = i->adsize };
    if (l->modrm && d->mod != 3) {
        take_mem(d, i);
    }
    i->nops = l->nops;
    for (unsigned k = 0; k < l->nops; k++) {
        take_operand(d, i, &l->op[k], &i->op[k], imm_seen);
        imm_seen |= l->op[k].addr == X86_A_I;
    }
}

/* What the encoding forbids once the line is known. */
static void check_encoding(Dec *d, const X86Insn *i)
{
    const X86Line *l = d->line;
    if (d->lock && !((l->flags & X86_F_LOCK) && i->op[0].kind == X86_OPK_MEM)) {
        ud(d);
    }
    if (d->vex && !l->vvvv && d->vvvv) {
        ud(d);
    }
    if (l->flags & X86_F_VSIB) { /* destination, index and mask must differ */
        uint8_t v = i->op[0].reg, x = i->mem.index, m = i->op[2].reg;
        if (v == x || v == m || x == m) {
            ud(d);
        }
    }
}

X86DecodeResult x86_decode(const uint8_t *bytes, unsigned avail, unsigned mode,
                           const X86GateSet *gates, X86Insn *out)
{
    Dec d = { .bytes = bytes, .avail = avail, .mode = mode, .gates = gates, .seg = X86_REG_NONE };
    memset(out, 0, sizeof *out);
    take_opcode(&d);
    find_line(&d);
    if (d.fail) {
        return d.fail;
    }
    out->id = d.line - x86_lines;
    out->mn = d.line->mn;
    out->mode = mode;
    out->flags = d.line->flags;
    out->cc = d.line->cc;
    out->seg = d.seg;
    out->opcode = d.opcode;
    out->modrm = d.mod << 6 | d.reg << 3 | d.rm;
    out->lock = d.lock;
    out->vex = d.vex;
    if (d.line->flags & (X86_F_REP | X86_F_REPZ)) {
        out->rep = d.repx == 0xf3 ? X86_REPZ : d.repx == 0xf2 ? X86_REPNZ : X86_REP_NONE;
    }
    effective_sizes(&d, out);
    take_operands(&d, out);
    check_encoding(&d, out);
    out->len = d.pos;
    return d.fail;
}
