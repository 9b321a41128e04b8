/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cases from the instruction tables: a random encoding of the line, checked by decoding it; operand
 * values with a bias to the edges; addresses that hit the case's memory, sometimes its holes.
 */
#include <string.h>
#include "diff.h"
#include "target/x86/translate/translate-priv.h"

static uint64_t rng_state;
static uint8_t ro_page[0x1000];

static uint64_t rnd(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * UINT64_C(0x2545f4914f6cdd1d);
}
static unsigned below(unsigned n)
{
    return (unsigned)((rnd() >> 33) % n);
}
static bool one_in(unsigned n)
{
    return below(n) == 0;
}
static void seed_rng(uint64_t v)
{
    rng_state = (v + 1) * UINT64_C(0x9e3779b97f4a7c15);
    for (int k = 0; k < 4; k++) {
        rnd();
    }
}

/* ---- values ---- */
static uint64_t edge_int(void)
{
    static const uint64_t v[] = { 0,
                                  1,
                                  2,
                                  3,
                                  7,
                                  8,
                                  0x0f,
                                  0x10,
                                  0x1f,
                                  0x20,
                                  0x3f,
                                  0x40,
                                  0x7f,
                                  0x80,
                                  0xff,
                                  0x100,
                                  0x7fff,
                                  0x8000,
                                  0xffff,
                                  0x10000,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  0x100000000,
                                  0x7fffffffffffffff,
                                  0x8000000000000000,
                                  0xffffffffffffff80,
                                  0xffffffff80000000,
                                  0xffffffffffffffff,
                                  0xfffffffffffffffe };
    switch (below(6)) {
    case 0: return rnd();
    case 1: return rnd() & 0xffff;
    case 2: return (uint64_t)(int64_t)(int8_t)rnd();
    case 3: return rnd() >> below(64);
    default: return v[below(G_N_ELEMENTS(v))];
    }
}

static uint32_t edge_f32(void)
{
    static const uint32_t v[] = { 0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000,
                                  0xff800000, 0x7fc00000, 0x7f800001, 0xffc12345, 0xffa00000,
                                  0x00000001, 0x807fffff, 0x00800000, 0x7f7fffff, 0x4f000000,
                                  0xcf000000, 0x4effffff, 0x5f000000, 0x3f000000, 0x4b7fffff };
    switch (below(4)) {
    case 0: return (uint32_t)rnd();
    case 1: return ((uint32_t)rnd() & 0x807fffff) | (0x38 + below(16)) << 24;
    case 2: return (uint32_t)rnd() & 0x80ffffff;
    default: return v[below(G_N_ELEMENTS(v))];
    }
}

static uint64_t edge_f64(void)
{
    static const uint64_t v[] = { 0,
                                  0x8000000000000000,
                                  0x3ff0000000000000,
                                  0xbff0000000000000,
                                  0x7ff0000000000000,
                                  0xfff0000000000000,
                                  0x7ff8000000000000,
                                  0x7ff0000000000001,
                                  0xfff8123456789abc,
                                  0xfff4000000000000,
                                  1,
                                  0x800fffffffffffff,
                                  0x0010000000000000,
                                  0x7fefffffffffffff,
                                  0x41dfffffffc00000,
                                  0xc1e0000000000000,
                                  0x43e0000000000000,
                                  0x3fe0000000000000,
                                  0x36a0000000000000,
                                  0x47efffffe0000000 };
    switch (below(4)) {
    case 0: return rnd();
    case 1: return (rnd() & 0x800fffffffffffff) | (uint64_t)(0x3e0 + below(64)) << 52;
    case 2: return (rnd() & 0x800fffffffffffff) | (uint64_t)below(2) << 52;
    default: return v[below(G_N_ELEMENTS(v))];
    }
}

static void edge_f80(uint8_t *p)
{
    static const uint16_t ex[] = { 0, 1, 0x3fff, 0x3ffe, 0x4000, 0x7ffe, 0x7fff, 0x403e, 0x401e };
    static const uint64_t ma[] = { 0,
                                   1,
                                   0x8000000000000000,
                                   0xc000000000000000,
                                   0xffffffffffffffff,
                                   0x7fffffffffffffff,
                                   0xa000000000000000,
                                   0x8000000000000001 };
    uint64_t m = one_in(2) ? ma[below(G_N_ELEMENTS(ma))] : rnd();
    uint16_t e = ex[below(G_N_ELEMENTS(ex))];
    if (one_in(2)) { /* an ordinary number */
        m |= UINT64_C(1) << 63;
        e = (uint16_t)(0x3fff - 40 + (int)below(80));
    }
    e |= (uint16_t)(below(2) << 15);
    memcpy(p, &m, 8);
    memcpy(p + 8, &e, 2);
}

/* n bytes of one kind of value. */
static void fill_vector(uint8_t *p, unsigned n)
{
    unsigned kind = below(8);
    for (unsigned k = 0; k < n; k += 8) {
        uint64_t v;
        switch (kind) {
        case 0:
        case 1: v = edge_f32() | (uint64_t)edge_f32() << 32; break;
        case 2:
        case 3: v = edge_f64(); break;
        case 4: v = edge_int(); break;
        case 5: v = (rnd() & 0x0303030303030303) + (one_in(2) ? 0x6161616161616161 : 0); break;
        case 6: v = (rnd() & 0x8080808080808080) / 0x80 * 0xff; break;
        default: v = rnd(); break;
        }
        memcpy(p + k, &v, 8);
    }
}

/* ---- state ---- */
static uint64_t data_addr(void)
{
    switch (below(16)) {
    case 0: return DATA_BASE + DATA_BYTES - 1 - below(80); /* may run into the hole */
    case 1: return RO_BASE + 64 + below(0x100);
    case 2:
    case 3: return DATA_BASE + 0x1000 - below(64); /* across the page border */
    case 4:
    case 5:
    case 6: return DATA_BASE + 64 + below(DATA_BYTES - 256);
    default: return DATA_BASE + 256 + below((DATA_BYTES - 512) / 64) * 64;
    }
}

static void gen_x87(Image *s)
{
    static const uint16_t rc_pc[] = { 0x300, 0x300, 0x200, 0x000, 0x700, 0xb00, 0xf00, 0xe00 };
    s->fcw = rc_pc[below(G_N_ELEMENTS(rc_pc))] | 0x40 | (one_in(4) ? below(64) : 0x3f);
    s->fsw = (uint16_t)(rnd() & 0x7f00);
    if (one_in(4)) {
        s->fsw |= below(64);
        s->fsw |= s->fsw & 1 && one_in(3) ? 0x40 : 0;
    }
    if (!one_in(16)) { /* nothing pending */
        s->fsw &= ~(~s->fcw & 0x3fu);
    }
    s->fsw |= s->fsw & ~s->fcw & 0x3f ? 0x8080 : 0;
    s->ftw = one_in(4) ? (uint8_t)rnd() : one_in(8) ? 0 : 0xff;
    for (unsigned k = 0; k < 8; k++) {
        edge_f80(s->st[k]);
        if (one_in(8)) { /* as MMX leaves it */
            fill_vector(s->st[k], 8);
            memset(&s->st[k][8], 0xff, 2);
        }
    }
}

static void gen_state(Case *c)
{
    Image *s = &c->in;
    memset(s, 0, sizeof *s);
    for (unsigned k = 0; k < 16; k++) {
        s->gpr[k] = edge_int();
        fill_vector(s->ymm[k], 16);
        fill_vector(s->ymm[k] + 16, 16);
    }
    s->rflags = 0x202 | (rnd() & 0x8d5) | (one_in(4) ? X86_DF : 0);
    s->mxcsr = (uint32_t)(rnd() & 0x6000) | (one_in(4) ? 0x8000 : 0) | (one_in(4) ? 0x40 : 0) |
               (one_in(4) ? below(64) : 0);
    s->mxcsr |= one_in(4) ? below(64) << 7 : 0x1f80;
    gen_x87(s);
    for (unsigned k = 0; k < DATA_BYTES; k += 64) {
        fill_vector(&c->mem_in[k], 64);
    }
}

/* ---- encodings ---- */
typedef struct Enc {
    uint8_t b[16];
    unsigned n;
    const X86Line *l;
    bool is_vex;
    bool m64;
    uint8_t rex, modrm, sib;
    bool has_sib;
} Enc;

static void put(Enc *e, unsigned v)
{
    if (e->n < sizeof e->b) {
        e->b[e->n++] = (uint8_t)v;
    }
}

static void put_legacy_prefix(Enc *e, bool lockable)
{
    const X86Line *l = e->l;
    if (e->m64 && one_in(12)) { /* 16-bit addresses reach nothing */
        put(e, 0x67);
    }
    if (one_in(40)) { /* CS is not writable: where nothing may be written, processors vary */
        static const uint8_t seg[] = { 0x26, 0x36, 0x3e, 0x2e };
        X86TranslateFn fn = x86_translate_fns[l - x86_lines];
        bool maybe = fn == x86_tr_arpl || fn == x86_tr_maskmov || fn == x86_tr_avx_maskmov;
        put(e, seg[below(maybe ? 3 : 4)]);
    }
    if (e->is_vex) {
        return;
    }
    if (lockable && one_in(4)) {
        put(e, 0xf0);
    }
    switch (l->pfx) {
    case X86_PFX_66: put(e, 0x66); break;
    case X86_PFX_F3:
        if (one_in(6)) {
            put(e, 0x66);
        }
        put(e, 0xf3);
        break;
    case X86_PFX_F2: put(e, 0xf2); break;
    case X86_PFX_ANY:
        if (l->flags & (X86_F_REP | X86_F_REPZ) && one_in(2)) {
            put(e, one_in(2) ? 0xf3 : 0xf2);
        }
        /* fallthrough */
    case X86_PFX_NFX:
        /* Vendors differ in what 66 does to a near branch in 64-bit code. */
        if (one_in(4) && !(e->m64 && l->flags & X86_F_F64)) {
            put(e, 0x66);
        }
        break;
    default: break;
    }
}

static bool in_opcode(const X86Line *l) /* +r: a register in the opcode's low bits */
{
    for (unsigned k = 0; k < l->nops; k++) {
        if (l->op[k].addr == X86_A_Z) {
            return true;
        }
    }
    return false;
}

static void put_opcode(Enc *e)
{
    const X86Line *l = e->l;
    static const uint8_t pp_of[] = {
        [X86_PFX_NP] = 0, [X86_PFX_66] = 1, [X86_PFX_F3] = 2, [X86_PFX_F2] = 3
    };
    bool w = l->w >= 0 ? l->w : one_in(3);
    uint8_t rxb = e->m64 ? (uint8_t)below(8) : 0;
    if (!e->is_vex) {
        e->rex = !e->m64 ? 0 : one_in(2) ? 0x40 | w << 3 | rxb : w ? 0x48 : 0;
        if (l->flags & X86_F_B0) {
            e->rex &= ~1;
        }
        if (e->rex) {
            put(e, e->rex);
        }
        if (l->map) {
            put(e, 0x0f);
        }
        if (l->map >= 2) {
            put(e, l->map == 2 ? 0x38 : 0x3a);
        }
        put(e, l->opcode + (in_opcode(l) ? below(8) : 0));
        return;
    }
    bool L = l->l >= 0 ? l->l == 1 : one_in(2);
    unsigned vvvv = l->vvvv ? below(16) | (e->m64 ? 0 : 8) : 15;
    unsigned tail = vvvv << 3 | L << 2 | pp_of[l->pfx];
    if (l->map == 1 && !w && one_in(2)) {
        put(e, 0xc5);
        e->rex = 0x40 | (rxb & 4);
        put(e, (rxb & 4 ? 0 : 0x80) | tail);
    } else {
        put(e, 0xc4);
        e->rex = 0x40 | w << 3 | rxb;
        put(e, (~rxb & 7) << 5 | l->map);
        put(e, w << 7 | tail);
    }
    put(e, l->opcode);
}

static void put_modrm(Enc *e)
{
    const X86Line *l = e->l;
    bool reg_form = l->mod == X86_MOD_REG || (l->mod == X86_MOD_ANY && one_in(2));
    unsigned reg = l->reg >= 0 ? (unsigned)l->reg : below(8);
    unsigned rm = l->rm >= 0 ? (unsigned)l->rm : below(8);
    unsigned mod = reg_form ? 3 : below(3);
    bool vsib = l->flags & X86_F_VSIB;
    if (mod != 3 && vsib) {
        rm = 4;
    }
    e->modrm = (uint8_t)(mod << 6 | reg << 3 | rm);
    put(e, e->modrm);
    if (mod == 3) {
        return;
    }
    unsigned disp = mod == 1 ? 1 : mod == 2 ? 4 : 0;
    if (rm == 4) {
        e->sib = (uint8_t)rnd();
        put(e, e->sib);
        if (mod == 0 && (e->sib & 7) == 5) {
            disp = 4;
        }
    } else if (mod == 0 && rm == 5) {
        disp = 4;
    }
    int64_t d = disp == 1 ? (int8_t)rnd() : (int64_t)(below(0x400)) - 0x200;
    if (disp == 4 && mod == 0) { /* rip-relative is mended once the length is known */
        d = DATA_BASE + 0x400;
    }
    for (unsigned k = 0; k < disp; k++) {
        put(e, (uint64_t)d >> (8 * k) & 0xff);
    }
}

static unsigned imm_bytes(const Enc *e, const X86LineOp *o)
{
    bool w = e->rex & 8;
    const uint8_t *p66 = memchr(e->b, 0x66, MIN(e->n, 3));
    bool o16 = !w && p66 != NULL;
    switch (o->addr) {
    case X86_A_I:
        return o->type == X86_T_W   ? 2
               : o->type == X86_T_Z ? (o16 ? 2 : 4)
               : o->type == X86_T_V ? (w     ? 8
                                       : o16 ? 2
                                             : 4)
                                    : 1;
    case X86_A_J: return o->type == X86_T_B ? 1 : o16 && !e->m64 ? 2 : 4;
    case X86_A_L: return 1;
    case X86_A_O: return e->m64 ? 8 : 4;
    default: return 0;
    }
}

static void put_imm(Enc *e)
{
    for (unsigned k = 0; k < e->l->nops; k++) {
        const X86LineOp *o = &e->l->op[k];
        unsigned n = imm_bytes(e, o);
        uint64_t v = one_in(2) ? rnd() : edge_int();
        if (o->addr == X86_A_J) { /* away from the instruction itself */
            v = n == 1
                    ? (one_in(2) ? 16 + below(100) : (uint64_t) - (int64_t)(64 + below(64)))
                    : (one_in(2) ? 16 + below(0x600) : (uint64_t) - (int64_t)(64 + below(0x600)));
        } else if (o->addr == X86_A_O) {
            v = data_addr();
        }
        for (unsigned b = 0; b < n; b++) {
            put(e, v >> (8 * b) & 0xff);
        }
    }
}

static bool assemble(Case *c, const X86GateSet *gates)
{
    const X86Line *l = &x86_lines[c->line];
    Enc e = { .l = l, .is_vex = l->vex, .m64 = c->mode == 64 };
    put_legacy_prefix(&e, l->flags & X86_F_LOCK);
    put_opcode(&e);
    if (l->modrm) {
        put_modrm(&e);
    }
    put_imm(&e);
    if (e.n > 15) {
        return false;
    }
    memcpy(c->code, e.b, sizeof c->code);
    c->len = e.n;
    return x86_decode(c->code, e.n, c->mode, gates, &c->insn) == X86_DECODE_OK &&
           c->insn.id == c->line && c->insn.len == e.n && c->insn.mem.seg < X86_FS;
}

/* ---- addresses ---- */
/* Point the memory operand at the case's memory, by its displacement or by a register. */
static void aim(Case *c)
{
    X86Insn *i = &c->insn;
    uint64_t want = data_addr(), *g = c->in.gpr;
    X86Mem *m = &i->mem;
    if (x86_translate_fns[c->line] == x86_tr_sha) {
        want &= ~UINT64_C(15); /* AMD's processors take unaligned operands here, Intel's do not */
    }
    if (x86_translate_fns[c->line] == x86_tr_jmp_ind ||
        x86_translate_fns[c->line] == x86_tr_call_ind) {
        want = DATA_BASE + 0x100 + (want & 0xff8); /* where tame() puts good targets */
    }
    if (x86_translate_fns[c->line] == x86_tr_arpl) { /* vendors differ in writing what is there */
        want = DATA_BASE + 0x100 + (want & 0xfff);
    }
    if (i->mn == X86_MN_LDMXCSR) {
        want = DATA_BASE + 0x100 + (want & 0xff8); /* ... and values without AMD's bit 17 */
    }
    uint64_t index = 0;
    if (m->vsib) { /* small indices */
        unsigned n = m->index_size;
        for (unsigned k = 0; k < n; k += 8) {
            int64_t a = (int64_t)below(64) - 20, b = (int64_t)below(64) - 20;
            uint64_t v = strstr(x86_lines[c->line].name, "gatherq")
                             ? (uint64_t)a
                             : (uint32_t)a | (uint64_t)(uint32_t)b << 32;
            memcpy(&c->in.ymm[m->index][k], &v, 8);
        }
    } else if (m->index != X86_REG_NONE) {
        if (!one_in(4) && m->index != m->base) {
            g[m->index] = below(256);
        }
        index = g[m->index] << m->scale;
    }
    if (m->base == X86_REG_RIP) {
        int64_t d = (int64_t)(want - (CODE_AT + c->len));
        for (unsigned k = 0; k + 4 <= c->len;
             k++) { /* the displacement aimed at DATA_BASE + 0x400 */
            static const uint8_t mark[4] = { 0x00, 0x04, 0x00, 0x20 };
            if (!memcmp(c->code + k, mark, 4)) {
                int32_t d32 = (int32_t)d;
                memcpy(c->code + k, &d32, 4);
                m->disp = d32;
                return;
            }
        }
        return;
    }
    if (m->base != X86_REG_NONE && m->base == m->index && !m->vsib) {
        g[m->base] = (want - (uint64_t)m->disp) / ((1u << m->scale) + 1);
    } else if (m->base != X86_REG_NONE) {
        g[m->base] = want - index - (uint64_t)m->disp;
    } else if (m->index != X86_REG_NONE && !m->vsib) {
        g[m->index] = (want - (uint64_t)m->disp) >> m->scale;
    }
    if (m->addr_size == 4 && m->base != X86_REG_NONE) {
        g[m->base] = (uint32_t)g[m->base] | rnd() << 32;
    }
}

static bool has_mem(const X86Insn *i)
{
    for (unsigned k = 0; k < i->nops; k++) {
        if (i->op[k].kind == X86_OPK_MEM) {
            return true;
        }
    }
    return false;
}

static void aim_implicit(Case *c)
{
    uint64_t *g = c->in.gpr;
    X86TranslateFn fn = x86_translate_fns[c->line];
    uint32_t f = x86_lines[c->line].flags;
    if (fn == x86_tr_push || fn == x86_tr_pop || fn == x86_tr_call || fn == x86_tr_call_ind ||
        fn == x86_tr_ret || fn == x86_tr_pusha || fn == x86_tr_popa || fn == x86_tr_pushf ||
        fn == x86_tr_popf || fn == x86_tr_enter) {
        g[X86_RSP] = one_in(8) ? data_addr() : DATA_BASE + 0x800 + below(64) * 8;
    }
    if (fn == x86_tr_popa) { /* a fault in the middle leaves some registers popped */
        g[X86_RSP] = DATA_BASE + 0x800 + below(0x400);
    }
    if (fn == x86_tr_leave || fn == x86_tr_enter) {
        g[X86_RBP] = data_addr();
    }
    if (f & (X86_F_REP | X86_F_REPZ)) {
        g[X86_RSI] = data_addr();
        g[X86_RDI] = one_in(4) ? g[X86_RSI] + below(64) - 32 : data_addr();
        g[X86_RCX] = one_in(16) ? 300 + below(200) : below(20);
        if (one_in(2)) { /* so that comparisons run on */
            memset(c->mem_in, (int)(g[X86_RAX] & 0xff), DATA_BYTES);
        }
    }
    if (fn == x86_tr_xlat) {
        g[X86_RBX] = data_addr();
    }
    if (fn == x86_tr_maskmov) {
        g[X86_RDI] = DATA_BASE + below(0x1f00); /* what faults with an empty mask varies */
    }
    if (fn == x86_tr_popf) { /* no single-stepping, no alignment checks */
        g[X86_RSP] = DATA_BASE + 0x800 + below(64) * 8;
        for (unsigned k = 0; k < DATA_BYTES; k += 8) {
            uint64_t v;
            memcpy(&v, c->mem_in + k, 8);
            v &= 0xed5;
            memcpy(c->mem_in + k, &v, 8);
        }
    }
    if (fn == x86_tr_ret) {
        for (unsigned k = 0; k < DATA_BYTES; k += 8) {
            uint64_t v = CODE_BASE + below(0x700);
            memcpy(c->mem_in + k, &v, 8);
        }
        g[X86_RSP] = DATA_BASE + 0x800 + below(64) * 8;
    }
}

/* Operands that need care: bit offsets, divisors, jump targets. */
static void tame(Case *c)
{
    X86Insn *i = &c->insn;
    uint64_t *g = c->in.gpr;
    X86TranslateFn fn = x86_translate_fns[c->line];
    if (fn == x86_tr_bt && i->op[0].kind == X86_OPK_MEM && i->op[1].kind == X86_OPK_GPR &&
        i->op[1].reg != i->mem.base && i->op[1].reg != i->mem.index) {
        g[i->op[1].reg] = (uint64_t)(int64_t)((int)below(2048) - 1024);
    }
    if (fn == x86_tr_div && i->mem.base != X86_RDX && i->mem.index != X86_RDX && one_in(2)) {
        g[X86_RDX] = one_in(2) ? 0 : below(16);
    }
    if (fn == x86_tr_jmp_ind || fn == x86_tr_call_ind) {
        uint64_t to = CODE_BASE + below(0x700);
        if (i->op[0].kind == X86_OPK_GPR) {
            g[i->op[0].reg] = to;
        } else {
            for (unsigned k = 0; k < DATA_BYTES; k += 8) {
                memcpy(c->mem_in + k, &to, 8);
            }
        }
    }
    if (i->mn == X86_MN_CVTPI2PS) { /* AMD: the memory form does not wait for the x87 */
        c->in.fsw &= 0x7f00;
    }
    if (i->mn == X86_MN_VCVTPS2PH &&
        one_in(2)) { /* numbers that are small for 16 bits, many exact */
        for (unsigned k = 0; k < 32; k += 4) {
            uint32_t v = (uint32_t)((100 + below(16)) << 23 | below(8) << 20 | below(2) << 31);
            memcpy(&c->in.ymm[i->op[1].reg][k], &v, 4);
        }
    }
    if (i->mn == X86_MN_LDMXCSR) {
        for (unsigned k = 2; k < DATA_BYTES; k += 4) {
            c->mem_in[k] = 0;
            c->mem_in[k + 1] = one_in(32);
        }
    }
}

bool gen_case(Case *c, unsigned line, unsigned mode, uint32_t seed, const X86GateSet *gates)
{
    seed_rng((uint64_t)seed << 16 ^ line ^ (uint64_t)(mode == 32) << 60);
    X86TranslateFn fn = x86_translate_fns[line];
    c->line = line;
    c->seed = seed;
    c->mode = (uint8_t)mode;
    memset(c->code, 0, sizeof c->code);
    if (!assemble(c, gates)) {
        return false;
    }
    gen_state(c);
    aim_implicit(c);
    if (has_mem(&c->insn)) {
        aim(c);
    }
    tame(c);
    const X86Mem *m = &c->insn.mem;
    if (has_mem(&c->insn) && m->base == m->index && m->base != X86_REG_NONE &&
        (fn == x86_tr_sha || fn == x86_tr_jmp_ind || fn == x86_tr_call_ind ||
         c->insn.mn == X86_MN_LDMXCSR)) {
        return false; /* cannot be aligned */
    }
    for (unsigned k = 0; k < 16 && mode == 32; k++) {
        c->in.gpr[k] = k < 8 ? (uint32_t)c->in.gpr[k] : 0;
    }
    c->in.rip = CODE_AT;
    c->insn.mem.seg = X86_DS;
    return true;
}

/* ---- which lines ---- */
bool gen_skips(unsigned line, unsigned mode, const X86GateSet *host, const char **why)
{
    static const X86TranslateFn system[] = {
        x86_tr_cpuid,       x86_tr_rdtsc,       x86_tr_rdrand,       x86_tr_rdpmc,
        x86_tr_rdpid,       x86_tr_xgetbv,      x86_tr_xsetbv,       x86_tr_xsave,
        x86_tr_fxsave,      x86_tr_syscall,     x86_tr_sysret,       x86_tr_sysenter,
        x86_tr_sysexit,     x86_tr_int_sw,      x86_tr_iret,         x86_tr_jmp_far,
        x86_tr_call_far,    x86_tr_jmp_far_ind, x86_tr_call_far_ind, x86_tr_ret_far,
        x86_tr_push_seg,    x86_tr_pop_seg,     x86_tr_mov_to_seg,   x86_tr_mov_from_seg,
        x86_tr_load_far,    x86_tr_load_sel,    x86_tr_store_sel,    x86_tr_load_dt,
        x86_tr_store_dt,    x86_tr_lar,         x86_tr_verify,       x86_tr_smsw,
        x86_tr_lmsw,        x86_tr_fsgsbase,    x86_tr_rdpkru,       x86_tr_monitor,
        x86_tr_mwait,       x86_tr_io_in,       x86_tr_io_out,       x86_tr_string_io,
        x86_tr_cli,         x86_tr_hlt,         x86_tr_pause,        x86_tr_rsm,
        x86_tr_clac,        x86_tr_mov_to_cr,   x86_tr_mov_from_cr,  x86_tr_mov_to_dr,
        x86_tr_mov_from_dr,
    };
    const X86Line *l = &x86_lines[line];
    *why = NULL;
    if (!(l->mode & (mode == 64 ? 2 : 1))) {
        *why = mode == 64 ? "not in 64-bit code" : "only in 64-bit code";
    } else if (mode == 32 && l->w == 1 && (!l->vex || l->flags & X86_F_W64)) {
        *why = "only with REX.W";
    } else if ((l->flags & X86_F_PRIV)) {
        *why = "privileged";
    } else if (l->map == 1 && l->opcode == 0x0d && l->mod == X86_MOD_REG) {
        *why = "a no-op for Intel, invalid for AMD";
    } else if (!x86_gate_has(host, l->gate[0]) || !x86_gate_has(host, l->gate[1]) ||
               !x86_gate_has(host, l->gate[2])) {
        *why = "the host CPU lacks it";
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(system) && !*why; k++) {
        if (x86_translate_fns[line] == system[k]) {
            *why = "system state: the host's differs";
        }
    }
    return *why != NULL;
}

void gen_init(void)
{
    seed_rng(12345);
    for (unsigned k = 0; k < sizeof ro_page; k += 64) {
        fill_vector(&ro_page[k], 64);
    }
}

const uint8_t *gen_ro_page(void)
{
    return ro_page;
}
