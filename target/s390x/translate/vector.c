/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector registers: loads, stores, moves between registers, constants, permutations.
 *
 * Bit 4 of an instruction's argument says that the bytes of an element are in storage in reverse.
 */
#include <string.h>
#include "target/s390x/translate/vector-priv.h"

#define REVERSED 16

IrVal v_const(S390Trans *t, unsigned es, uint64_t value)
{
    IrVec c = { 0 };

    for (unsigned k = 0; k < 16u >> es; k++) {
        memcpy(c.b + (k << es), &value, 1u << es);
    }
    return ir_vconst(t->b, IR_V128, &c);
}

IrVal v_half(S390Trans *t, IrVal v, bool left)
{
    return ir_vgetlane(t->b, IR_I64, V64, v, left);
}

IrVal v_of_halves(S390Trans *t, IrVal left, IrVal right)
{
    return ir_vsetlane(t->b, V64, ir_vfromi(t->b, IR_V128, right), left, 1);
}

IrVal v_byte_mask(S390Trans *t, IrVal v)
{
    return ir_vmovmsk(t->b, V8, v);
}

/* ---- whole registers ---- */
void s390_tr_vl(S390Trans *t, const S390Insn *i)
{
    v_put(t, i->r1, s390_load(t, IR_V128, s390_addr2(t), MO_128, false));
}

void s390_tr_vst(S390Trans *t, const S390Insn *i)
{
    s390_store(t, s390_addr2(t), v_get(t, i->r1), MO_128);
}

void s390_tr_vlr(S390Trans *t, const S390Insn *i)
{
    v_put(t, i->r1, v_get(t, i->r2));
}

static bool bad_range(S390Trans *t, const S390Insn *i)
{
    if (i->r3 < i->r1 || i->r3 - i->r1 > 15) {
        s390_pgm(t, PGM_SPECIFICATION);
        return true;
    }
    return false;
}

static IrVal plus(S390Trans *t, IrVal addr, unsigned n)
{
    return n ? s390_wrap(t, ir_addi(t->b, addr, n)) : addr;
}

void s390_tr_vlm(S390Trans *t, const S390Insn *i)
{
    IrVal addr = s390_addr2(t);

    if (bad_range(t, i)) {
        return;
    }
    for (unsigned r = i->r1; r <= i->r3; r++) {
        v_put(t, r, s390_load(t, IR_V128, plus(t, addr, 16 * (r - i->r1)), MO_128, false));
    }
}

void s390_tr_vstm(S390Trans *t, const S390Insn *i)
{
    IrVal addr = s390_addr2(t);

    if (bad_range(t, i)) {
        return;
    }
    s390_probe(t, addr, 16 * (i->r3 - i->r1 + 1), ACCESS_WRITE);
    for (unsigned r = i->r1; r <= i->r3; r++) {
        s390_store(t, plus(t, addr, 16 * (r - i->r1)), v_get(t, r), MO_128);
    }
}

/* ---- with length: the bytes that are not loaded become zero ---- */
void s390_tr_vll(S390Trans *t, const S390Insn *i)
{
    IrVal last = ir_zext32(t->b, s390_gpr32(t, i->r3)), addr = s390_addr2(t);
    v_put(t, i->r1, ir_call(t->b, &hd_s390_vll, addr, last, s390_mmu(t)));
}

void s390_tr_vstl(S390Trans *t, const S390Insn *i)
{
    IrVal last = ir_zext32(t->b, s390_gpr32(t, i->r3)), addr = s390_addr2(t);
    ir_call(t->b, &hd_s390_vstl, v_get(t, i->r1), addr, last, s390_mmu(t));
}

/* Bytes from addr to the next boundary of 64 << m3 bytes, 16 at most. */
static IrVal to_boundary(S390Trans *t, IrVal addr, unsigned m3)
{
    IrBuilder *ib = t->b;
    uint64_t block = 64u << m3;
    IrVal left = ir_sub(ib, ir_c64(ib, block), ir_andi(ib, addr, block - 1));

    return ir_movcond(ib, IR_LTU, left, ir_c64(ib, 16), left, ir_c64(ib, 16));
}

void s390_tr_vlbb(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;

    if (v_bad_size(t, i->m3, 0, 6)) {
        return;
    }
    IrVal addr = s390_addr2(t), n = to_boundary(t, addr, i->m3);
    IrLabel whole = ir_label_new(ib), done = ir_label_new(ib);
    ir_brcondi(ib, IR_EQ, n, 16, whole);
    v_put(t, i->r1, ir_call(ib, &hd_s390_vll, addr, ir_addi(ib, n, -1), s390_mmu(t)));
    ir_br(ib, done);
    ir_label(ib, whole);
    v_put(t, i->r1, s390_load(t, IR_V128, addr, MO_128, false));
    ir_label(ib, done);
}

/* ---- elements and storage ---- */
static IrVal load_element(S390Trans *t, IrVal addr, unsigned es, int arg)
{
    return ir_load(t->b, IR_I64, addr, (arg & REVERSED ? t->mo & ~MO_BE : t->mo) | es);
}

void s390_tr_vle(S390Trans *t, const S390Insn *i)
{
    unsigned es = i->arg & 3;

    if (!v_bad_size(t, i->m3, 0, 15 >> es)) {
        IrVal v = load_element(t, s390_addr2(t), es, i->arg);
        v_put(t, i->r1, ir_vsetlane(t->b, (IrLane)es, v_get(t, i->r1), v, v_lane(es, i->m3)));
    }
}

void s390_tr_vste(S390Trans *t, const S390Insn *i)
{
    unsigned es = i->arg & 3;

    if (!v_bad_size(t, i->m3, 0, 15 >> es)) {
        IrVal v = ir_vgetlane(t->b, IR_I64, (IrLane)es, v_get(t, i->r1), v_lane(es, i->m3));
        ir_store(t->b, s390_addr2(t), v, (i->arg & REVERSED ? t->mo & ~MO_BE : t->mo) | es);
    }
}

void s390_tr_vlei(S390Trans *t, const S390Insn *i)
{
    unsigned es = i->arg;

    if (!v_bad_size(t, i->m3, 0, 15 >> es)) {
        IrVal v = ir_c64(t->b, i->i2);
        v_put(t, i->r1, ir_vsetlane(t->b, (IrLane)es, v_get(t, i->r1), v, v_lane(es, i->m3)));
    }
}

void s390_tr_vlrep(S390Trans *t, const S390Insn *i)
{
    if (!v_bad_size(t, i->m3, i->arg & REVERSED ? 1 : 0, 3)) {
        IrVal v = load_element(t, s390_addr2(t), i->m3, i->arg);
        v_put(t, i->r1, ir_vdup(t->b, IR_V128, (IrLane)i->m3, v));
    }
}

/* Into the rightmost element of the left half; m3 6: into the first word. */
void s390_tr_vllez(S390Trans *t, const S390Insn *i)
{
    unsigned es = i->m3 == 6 ? 2 : i->m3;
    bool left = i->m3 == 6 && s390_facility(s390_cpu(t->ctx->cpu), S390_FACILITY_VECTOR_ENH1);

    if (i->m3 == 6 && !left) {
        es = 6;
    }
    if (!v_bad_size(t, es, i->arg & REVERSED ? 1 : 0, 3)) {
        IrVal v = load_element(t, s390_addr2(t), es, i->arg);
        v = left ? ir_shli(t->b, v, 32) : v;
        v_put(t, i->r1, v_of_halves(t, v, ir_c64(t->b, 0)));
    }
}

/* Elements in reverse order, each as it is. */
static IrVal reverse_elements(S390Trans *t, IrVal v, unsigned es)
{
    static const IrVec halfwords = { .b = { 14, 15, 12, 13, 10, 11, 8, 9, 6, 7, 4, 5, 2, 3, 0,
                                            1 } };

    switch (es) {
    case 1: return ir_vpshufb(t->b, v, ir_vconst(t->b, IR_V128, &halfwords));
    case 2: return ir_vshuf32(t->b, v, 0x1b);
    case 3: return ir_vshuf32(t->b, v, 0x4e);
    default: return v;
    }
}

void s390_tr_vlreversed(S390Trans *t, const S390Insn *i)
{
    bool bytes = i->arg & REVERSED;

    if (!v_bad_size(t, i->m3, 1, bytes ? 4 : 3)) {
        IrMemOp mo = (bytes ? t->mo & ~MO_BE : t->mo) | MO_128;
        IrVal v = ir_load(t->b, IR_V128, s390_addr2(t), mo);
        v_put(t, i->r1, reverse_elements(t, v, i->m3));
    }
}

void s390_tr_vstreversed(S390Trans *t, const S390Insn *i)
{
    bool bytes = i->arg & REVERSED;

    if (!v_bad_size(t, i->m3, 1, bytes ? 4 : 3)) {
        IrMemOp mo = (bytes ? t->mo & ~MO_BE : t->mo) | MO_128;
        ir_store(t->b, s390_addr2(t), reverse_elements(t, v_get(t, i->r1), i->m3), mo);
    }
}

/* Address with an element of a vector as index. */
static IrVal vector_address(S390Trans *t, const S390Insn *i, unsigned es)
{
    IrVal index = ir_vgetlane(t->b, IR_I64, (IrLane)es, v_get(t, i->r2), v_lane(es, i->m3));
    IrVal base = i->b2 ? s390_gpr(t, i->b2) : ir_c64(t->b, 0);

    return s390_wrap(t, ir_addi(t->b, ir_add(t->b, base, index), i->d2));
}

void s390_tr_vgather(S390Trans *t, const S390Insn *i)
{
    unsigned es = i->arg;

    if (!v_bad_size(t, i->m3, 0, 15 >> es)) {
        IrVal v = load_element(t, vector_address(t, i, es), es, 0);
        v_put(t, i->r1, ir_vsetlane(t->b, (IrLane)es, v_get(t, i->r1), v, v_lane(es, i->m3)));
    }
}

void s390_tr_vscatter(S390Trans *t, const S390Insn *i)
{
    unsigned es = i->arg;

    if (!v_bad_size(t, i->m3, 0, 15 >> es)) {
        IrVal v = ir_vgetlane(t->b, IR_I64, (IrLane)es, v_get(t, i->r1), v_lane(es, i->m3));
        s390_store(t, vector_address(t, i, es), v, es);
    }
}

/* ---- elements and general registers ---- */

/* Where the element that an address names is: its half, and its shift in it. */
typedef struct {
    IrVal right; /* i64: not 0 for the right half */
    IrVal shift;
} Place;

static Place place_of(S390Trans *t, IrVal addr, unsigned es)
{
    IrBuilder *ib = t->b;
    unsigned half = 8u >> es; /* elements of a half */
    IrVal from_right = ir_andi(ib, ir_not(ib, addr), half - 1);

    return (Place){ .right = ir_andi(ib, addr, half), .shift = ir_shli(ib, from_right, 3 + es) };
}

void s390_tr_vlgv(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    unsigned es = i->m4;

    if (v_bad_size(t, es, 0, 3)) {
        return;
    }
    IrVal v = v_get(t, i->r3);
    if (!i->b2) {
        unsigned lane = v_lane(es, i->d2 & (15 >> es));
        s390_set_gpr(t, i->r1, ir_vgetlane(ib, IR_I64, (IrLane)es, v, lane));
        return;
    }
    Place p = place_of(t, s390_addr2(t), es);
    IrVal half = ir_select(ib, p.right, v_half(t, v, false), v_half(t, v, true));
    half = ir_shr(ib, half, p.shift);
    s390_set_gpr(t, i->r1, es == 3 ? half : ir_andi(ib, half, (1ull << v_bits(es)) - 1));
}

void s390_tr_vlvg(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    unsigned es = i->m4;

    if (v_bad_size(t, es, 0, 3)) {
        return;
    }
    IrVal v = v_get(t, i->r1), value = s390_gpr(t, i->r3);
    if (!i->b2) {
        unsigned lane = v_lane(es, i->d2 & (15 >> es));
        v_put(t, i->r1, ir_vsetlane(ib, (IrLane)es, v, value, lane));
        return;
    }
    Place p = place_of(t, s390_addr2(t), es);
    IrVal mask = ir_c64(ib, es == 3 ? UINT64_MAX : (1ull << v_bits(es)) - 1);
    IrVal left = v_half(t, v, true), right = v_half(t, v, false);
    IrVal half = ir_andn(ib, ir_select(ib, p.right, right, left), ir_shl(ib, mask, p.shift));
    half = ir_or(ib, half, ir_shl(ib, ir_and(ib, value, mask), p.shift));
    v_put(t, i->r1,
          v_of_halves(t, ir_select(ib, p.right, left, half), ir_select(ib, p.right, half, right)));
}

void s390_tr_vlvgp(S390Trans *t, const S390Insn *i)
{
    v_put(t, i->r1, v_of_halves(t, s390_gpr(t, i->r2), s390_gpr(t, i->r3)));
}

/* ---- constants ---- */
void s390_tr_vgbm(S390Trans *t, const S390Insn *i)
{
    IrVec c = { 0 };

    for (unsigned k = 0; k < 16; k++) {
        c.b[k] = i->i2 >> k & 1 ? 0xff : 0;
    }
    v_put(t, i->r1, ir_vconst(t->b, IR_V128, &c));
}

void s390_tr_vgm(S390Trans *t, const S390Insn *i)
{
    unsigned es = i->m4;

    if (v_bad_size(t, es, 0, 3)) {
        return;
    }
    unsigned bits = v_bits(es), first = i->i2 & (bits - 1), last = i->i3 & (bits - 1);
    uint64_t value = 0;
    for (unsigned k = first;; k = (k + 1) & (bits - 1)) {
        value |= 1ull << (bits - 1 - k);
        if (k == last) {
            break;
        }
    }
    v_put(t, i->r1, v_const(t, es, value));
}

void s390_tr_vrepi(S390Trans *t, const S390Insn *i)
{
    if (!v_bad_size(t, i->m3, 0, 3)) {
        v_put(t, i->r1, v_const(t, i->m3, i->i2));
    }
}

/* ---- permutations ---- */
void s390_tr_vrep(S390Trans *t, const S390Insn *i)
{
    unsigned es = i->m4;

    if (v_bad_size(t, es, 0, 3) || v_bad_size(t, i->i2, 0, 15 >> es)) {
        return;
    }
    unsigned lane = v_lane(es, i->i2);
    IrVal v = v_get(t, i->r3);
    v = lane ? ir_vbshri(t->b, v, lane << es) : v;
    v_put(t, i->r1, ir_vsplat(t->b, IR_V128, (IrLane)es, v));
}

void s390_tr_vmerge(S390Trans *t, const S390Insn *i)
{
    IrLane l = (IrLane)i->m4;

    if (!v_bad_size(t, i->m4, 0, 3)) {
        IrVal a = v_get(t, i->r2), b = v_get(t, i->r3);
        v_put(t, i->r1, i->arg ? ir_vunpckh(t->b, l, b, a) : ir_vunpckl(t->b, l, b, a));
    }
}

void s390_tr_vperm(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    IrVal which = v_get(t, i->r4);
    IrVal at = ir_vandn(ib, which, v_const(t, 0, 15)); /* host's byte in either */
    IrVal a = ir_vpshufb(ib, v_get(t, i->r2), at), b = ir_vpshufb(ib, v_get(t, i->r3), at);

    v_put(t, i->r1, ir_vblendv(ib, V8, a, b, ir_vshli(ib, V64, which, 3)));
}

void s390_tr_vpdi(S390Trans *t, const S390Insn *i)
{
    unsigned imm = (i->m4 & 1 ? 0 : 1) | (i->m4 & 4 ? 0 : 2);
    v_put(t, i->r1, ir_vshufpd(t->b, v_get(t, i->r3), v_get(t, i->r2), imm));
}

void s390_tr_vsel(S390Trans *t, const S390Insn *i)
{
    v_put(t, i->r1, ir_vbitsel(t->b, v_get(t, i->r4), v_get(t, i->r2), v_get(t, i->r3)));
}

void s390_tr_vsldb(S390Trans *t, const S390Insn *i)
{
    v_put(t, i->r1, ir_valignr(t->b, v_get(t, i->r2), v_get(t, i->r3), 16 - (i->i4 & 15)));
}

/* 128 bits of the 256 of a pair, i4 bits from its left (0) or right (1) end. */
void s390_tr_vshift_pair(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;
    unsigned n = i->i4;

    if (v_bad_size(t, n, 0, 7)) {
        return;
    }
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3);
    if (!n) {
        v_put(t, i->r1, i->arg ? b : a);
        return;
    }
    unsigned left = i->arg ? 64 - n : n;
    IrVal p[] = { v_half(t, a, true), v_half(t, a, false), v_half(t, b, true),
                  v_half(t, b, false) };
    IrVal out[2];
    for (unsigned k = 0; k < 2; k++) {
        IrVal x = p[i->arg ? k + 1 : k], y = p[i->arg ? k + 2 : k + 1];
        out[k] = ir_or(ib, ir_shli(ib, x, left), ir_shri(ib, y, 64 - left));
    }
    v_put(t, i->r1, v_of_halves(t, out[0], out[1]));
}

void s390_tr_vseg(S390Trans *t, const S390Insn *i)
{
    if (!v_bad_size(t, i->m3, 0, 2)) {
        unsigned n = 64 - v_bits(i->m3);
        IrVal v = ir_vshli(t->b, V64, v_get(t, i->r2), n);
        v_put(t, i->r1, ir_vsari(t->b, V64, v, n));
    }
}

/* Bit 0 of the argument: the left half; bit 1: signed. */
void s390_tr_vunpack(S390Trans *t, const S390Insn *i)
{
    if (v_bad_size(t, i->m3, 0, 2)) {
        return;
    }
    IrLane from = (IrLane)i->m3, to = (IrLane)(i->m3 + 1);
    IrVal v = v_get(t, i->r2);
    v = i->arg & 1 ? ir_vbshri(t->b, v, 8) : v;
    v_put(t, i->r1,
          i->arg & 2 ? ir_vsext(t->b, IR_V128, from, to, v) : ir_vzext(t->b, IR_V128, from, to, v));
}

/* ---- packing: 0 truncated, 1 signed, 2 unsigned, of elements twice as wide as the result's ---- */
static IrVal pack_words(S390Trans *t, IrVal a, IrVal b)
{
    return ir_vshufps(t->b, b, a, 0x88);
}

static IrVal packed(S390Trans *t, int kind, unsigned es, IrVal a, IrVal b)
{
    IrBuilder *ib = t->b;
    IrLane l = (IrLane)es;
    uint64_t ones = (1ull << (v_bits(es) / 2)) - 1;

    if (es == 3) {
        return kind ? ir_call(ib, &hd_s390_vpack_wide, a, b, ir_c64(ib, kind))
                    : pack_words(t, a, b);
    }
    if (kind == 1) {
        return ir_vpackss(ib, l, b, a);
    }
    IrVal limit = v_const(t, es, ones);
    if (kind == 0) {
        return ir_vpackus(ib, l, ir_vand(ib, b, limit), ir_vand(ib, a, limit));
    }
    return ir_vpackus(ib, l, ir_vminu(ib, l, b, limit), ir_vminu(ib, l, a, limit));
}

void s390_tr_vpk(S390Trans *t, const S390Insn *i)
{
    IrBuilder *ib = t->b;

    if (v_bad_size(t, i->m4, 1, 3)) {
        return;
    }
    IrVal a = v_get(t, i->r2), b = v_get(t, i->r3);
    v_put(t, i->r1, packed(t, i->arg, i->m4, a, b));
    if (i->arg && (i->m5 & 1)) {
        s390_cc_from(t, ir_call(ib, &hd_s390_vpack_cc, a, b, ir_c64(ib, i->m4 | i->arg << 4)));
    }
}
