/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector integer instructions that are more than a few host instructions. Values come in host
 * order: element k of 2^es bytes is lane (15 >> es) - k.
 */
#include <string.h>
#include "target/s390x/helper-vector.h"
#include "target/s390x/helper.h"

typedef unsigned __int128 u128;

static uint64_t element(const IrVec *v, unsigned es, unsigned k)
{
    uint64_t out = 0;

    memcpy(&out, v->b + (((15u >> es) - k) << es), 1u << es);
    return out;
}

static void set_element(IrVec *v, unsigned es, unsigned k, uint64_t value)
{
    memcpy(v->b + (((15u >> es) - k) << es), &value, 1u << es);
}

static u128 whole(const IrVec *v)
{
    return (u128)v->q[1] << 64 | v->q[0];
}

static void put_whole(IrVec *v, u128 value)
{
    v->q[1] = value >> 64;
    v->q[0] = value;
}

/* ---- loads and stores with length ---- */
static unsigned bytes_of(uint64_t last)
{
    return last < 15 ? last + 1 : 16;
}

static void copy_reversed(uint8_t *to, const uint8_t *from)
{
    for (unsigned k = 0; k < 16; k++) {
        to[15 - k] = from[k];
    }
}

static void helper_s390_vll(CpuState *cs, IrVec *out, uint64_t addr, uint64_t last, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint8_t buf[16] = { 0 };
    unsigned n = bytes_of(last);
    uint64_t rest = s390_cut(cpu, UINT64_MAX) - addr; /* bytes before the address wraps, less one */

    if (rest >= n - 1) {
        cpu_ld_bytes(cs, addr, buf, n, mmu);
    } else {
        cpu_ld_bytes(cs, addr, buf, rest + 1, mmu);
        cpu_ld_bytes(cs, 0, buf + rest + 1, n - rest - 1, mmu);
    }
    copy_reversed(out->b, buf);
}
HELPER(s390_vll, IR_V128, HELPER_FAULTS, HARG_I64, HARG_I64, HARG_I64);

static uint64_t helper_s390_vstl(CpuState *cs, const IrVec *v, uint64_t addr, uint64_t last,
                                 uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint8_t buf[16];
    unsigned n = bytes_of(last);
    uint64_t rest = s390_cut(cpu, UINT64_MAX) - addr;

    copy_reversed(buf, v->b);
    if (rest >= n - 1) {
        cpu_st_bytes(cs, addr, buf, n, mmu);
    } else {
        cpu_probe_access(cs, 0, n - rest - 1, MMU_ACCESS_WRITE, mmu);
        cpu_st_bytes(cs, addr, buf, rest + 1, mmu);
        cpu_st_bytes(cs, 0, buf + rest + 1, n - rest - 1, mmu);
    }
    return 0;
}
HELPER(s390_vstl, IR_I64, HELPER_FAULTS, HARG_V128, HARG_I64, HARG_I64, HARG_I64);

/* ---- packing ---- */
static uint64_t saturated(uint64_t v, unsigned es, unsigned kind)
{
    unsigned bits = 4u << es; /* of the result */
    uint64_t max = (1ull << (kind == 2 ? bits : bits - 1)) - 1;

    if (kind == 2) {
        return MIN(v, max);
    }
    int64_t s = (int64_t)(v << (64 - 2 * bits)) >> (64 - 2 * bits);
    return (uint64_t)CLAMP(s, -(int64_t)max - 1, (int64_t)max);
}

static void helper_s390_vpack_wide(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *b,
                                   uint64_t kind)
{
    for (unsigned k = 0; k < 4; k++) {
        set_element(out, 2, k, saturated(element(k < 2 ? a : b, 3, k & 1), 3, kind));
    }
}
HELPER(s390_vpack_wide, IR_V128, HELPER_PURE, HARG_V128, HARG_V128, HARG_I64);

static uint64_t helper_s390_vpack_cc(CpuState *cs, const IrVec *a, const IrVec *b, uint64_t how)
{
    unsigned es = how & 15, n = 16u >> es, changed = 0;
    uint64_t mask = es == 3 ? UINT64_MAX : (1ull << (8u << es)) - 1;

    for (unsigned k = 0; k < 2 * n; k++) {
        uint64_t v = element(k < n ? a : b, es, k % n);
        changed += (saturated(v, es, how >> 4) & mask) != v;
    }
    return changed == 0 ? 0 : changed == 2 * n ? 3 : 1;
}
HELPER(s390_vpack_cc, IR_I64, HELPER_PURE, HARG_V128, HARG_V128, HARG_I64);

/* ---- counts ---- */
static void helper_s390_vcount(CpuState *cs, IrVec *out, const IrVec *a, uint64_t how)
{
    unsigned es = how & 15, bits = 8u << es;

    for (unsigned k = 0; k < 16u >> es; k++) {
        uint64_t v = element(a, es, k), r;
        switch (how >> 4) {
        case 0: r = v ? (uint64_t)__builtin_clzll(v) - (64 - bits) : bits; break;
        case 1: r = v ? (uint64_t)__builtin_ctzll(v) : bits; break;
        default: r = __builtin_popcountll(v); break;
        }
        set_element(out, es, k, r);
    }
}
HELPER(s390_vcount, IR_V128, HELPER_PURE, HARG_V128, HARG_I64);

/* ---- sums and products across elements ---- */

/* Sums of elements of a in each group of 2^to bytes, and the last element of b's group. */
static void sums(IrVec *out, const IrVec *a, const IrVec *b, unsigned es, unsigned to)
{
    unsigned n = 1u << (to - es);

    for (unsigned g = 0; g < 16u >> to; g++) {
        u128 sum = element(b, es, (g + 1) * n - 1);
        for (unsigned k = 0; k < n; k++) {
            sum += element(a, es, g * n + k);
        }
        if (to == 4) {
            put_whole(out, sum);
        } else {
            set_element(out, to, g, sum);
        }
    }
}

static void checksum(IrVec *out, const IrVec *a, const IrVec *b)
{
    uint64_t sum = element(b, 2, 1);

    for (unsigned k = 0; k < 4; k++) {
        sum += element(a, 2, k);
        sum = (uint32_t)sum + (sum >> 32);
    }
    memset(out->b, 0, 16);
    set_element(out, 2, 1, sum);
}

static u128 carryless(uint64_t a, uint64_t b)
{
    u128 r = 0;

    for (; b; b &= b - 1) {
        r ^= (u128)a << __builtin_ctzll(b);
    }
    return r;
}

/* Carryless products of the elements of each pair, added. */
static void galois(IrVec *out, const IrVec *a, const IrVec *b, unsigned es)
{
    for (unsigned g = 0; g < 8u >> es; g++) {
        u128 r = carryless(element(a, es, 2 * g), element(b, es, 2 * g)) ^
                 carryless(element(a, es, 2 * g + 1), element(b, es, 2 * g + 1));
        if (es == 3) {
            put_whole(out, r);
        } else {
            set_element(out, es + 1, g, r);
        }
    }
}

/* Bits of a that the bytes of b number. */
static void permute_bits(IrVec *out, const IrVec *a, const IrVec *b)
{
    u128 v = whole(a);
    uint64_t bits = 0;

    for (unsigned k = 0; k < 16; k++) {
        unsigned n = element(b, 0, k);
        bits |= n < 128 ? (uint64_t)(v >> (127 - n) & 1) << (15 - k) : 0;
    }
    out->q[1] = bits;
    out->q[0] = 0;
}

static void helper_s390_vfold(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *b,
                              uint64_t how)
{
    unsigned es = how & 15;

    switch (how >> 4) {
    case 0: sums(out, a, b, es, 2); break;
    case 1: sums(out, a, b, es, 3); break;
    case 2: sums(out, a, b, es, 4); break;
    case 3: checksum(out, a, b); break;
    case 4: galois(out, a, b, es); break;
    default: permute_bits(out, a, b); break;
    }
}
HELPER(s390_vfold, IR_V128, HELPER_PURE, HARG_V128, HARG_V128, HARG_I64);

static void helper_s390_vmsl(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *b,
                             const IrVec *c, uint64_t m6)
{
    u128 even = (u128)a->q[1] * b->q[1], odd = (u128)a->q[0] * b->q[0];

    put_whole(out, (even << (m6 & 8 ? 1 : 0)) + (odd << (m6 & 4 ? 1 : 0)) + whole(c));
}
HELPER(s390_vmsl, IR_V128, HELPER_PURE, HARG_V128, HARG_V128, HARG_V128, HARG_I64);

/* ---- shifts of the whole: 0 left, 1 arithmetic right, 2 right; +4 by bytes ---- */

/* By 0 to 7 bits, each byte of the result by the count in its own byte of n. */
static void shift_bits(IrVec *out, u128 v, const IrVec *n, unsigned kind)
{
    IrVec r;

    for (unsigned k = 0; k < 16; k++) {
        unsigned by = n->b[k] & 7;
        u128 s = kind == 0 ? v << by : kind == 1 ? (u128)((__int128)v >> by) : v >> by;
        r.b[k] = s >> (8 * k);
    }
    memcpy(out->b, r.b, 16);
}

static void helper_s390_vshift(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *n,
                               uint64_t how)
{
    u128 v = whole(a);
    unsigned by = n->b[8] & 0x78; /* byte 7: bits 1 to 4 count bytes */

    switch (how) {
    case 4: put_whole(out, v << by); break;
    case 5: put_whole(out, (u128)((__int128)v >> by)); break;
    case 6: put_whole(out, v >> by); break;
    default: shift_bits(out, v, n, how); break;
    }
}
HELPER(s390_vshift, IR_V128, HELPER_PURE, HARG_V128, HARG_V128, HARG_I64);

/* ---- strings ---- */
enum {
    CS = 1,
    ZS = 2,
    RT = 4, /* result: a mask, else a byte number */
    IN = 8, /* invert what was found */
};

/* Bit k: element k. */
typedef struct {
    unsigned found, zero, n;
} Search;

static unsigned first(unsigned bits, unsigned n)
{
    return bits ? (unsigned)__builtin_ctz(bits) : n;
}

static unsigned search_cc(Search s, unsigned flags)
{
    unsigned at = first(s.found, s.n), end = flags & ZS ? first(s.zero, s.n) : s.n;

    if (end < s.n) {
        return at < end ? 2 : 0;
    }
    return at < s.n ? 1 : 3;
}

static void search_result(IrVec *out, Search s, unsigned es, unsigned flags)
{
    if (flags & RT) {
        for (unsigned k = 0; k < s.n; k++) {
            set_element(out, es, k, s.found >> k & 1 ? UINT64_MAX : 0);
        }
        return;
    }
    unsigned both = s.found | (flags & ZS ? s.zero : 0);
    out->q[1] = first(both, s.n) << es;
    out->q[0] = 0;
}

typedef uint8_t Bytes __attribute__((vector_size(16)));

/* Which bytes of a are in b; lanes as in storage of the host. */
static Bytes bytes_found(const IrVec *a, const IrVec *b)
{
    const uint8_t *each = (const uint8_t *)b;
    Bytes v, found = { 0 };

    memcpy(&v, a, sizeof(v));
    for (unsigned j = 0; j < 16; j++) {
        Bytes one = { 0 };
        found |= (Bytes)(v == one + each[j]);
    }
    return found;
}

static Search any_byte(const IrVec *a, const IrVec *b, unsigned flags)
{
    Bytes found = bytes_found(a, b);
    const uint8_t *v = (const uint8_t *)a;
    Search s = { .n = 16 };

    for (unsigned k = 0; k < 16; k++) {
        s.found |= (unsigned)(found[15 - k] & 1) << k;
        s.zero |= (unsigned)(v[15 - k] == 0) << k;
    }
    s.found ^= flags & IN ? 0xffffu : 0;
    return s;
}

static Search any_element(const IrVec *a, const IrVec *b, unsigned es, unsigned flags)
{
    Search s = { .n = 16u >> es };

    if (es == 0) {
        return any_byte(a, b, flags);
    }
    for (unsigned k = 0; k < s.n; k++) {
        uint64_t v = element(a, es, k);
        bool equal = false;
        for (unsigned j = 0; j < s.n && !equal; j++) {
            equal = v == element(b, es, j);
        }
        s.found |= (equal != !!(flags & IN) ? 1u : 0) << k;
        s.zero |= (v == 0 ? 1u : 0) << k;
    }
    return s;
}

static void helper_s390_vfae(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *b, uint64_t how)
{
    search_result(out, any_element(a, b, how & 15, how >> 4), how & 15, how >> 4);
}
HELPER(s390_vfae, IR_V128, HELPER_PURE, HARG_V128, HARG_V128, HARG_I64);

static uint64_t helper_s390_vfae_cc(CpuState *cs, const IrVec *a, const IrVec *b, uint64_t how)
{
    return search_cc(any_element(a, b, how & 15, how >> 4), how >> 4);
}
HELPER(s390_vfae_cc, IR_I64, HELPER_PURE, HARG_V128, HARG_V128, HARG_I64);

/* Does v compare with limit as the control asks: equal 4, low 2, high 1 of its first bits? */
static bool in_bound(uint64_t v, uint64_t limit, unsigned control)
{
    return control & (v == limit ? 4 : v < limit ? 2 : 1);
}

/* In a range: both comparisons of a pair of limits hold. */
static Search in_ranges(const IrVec *a, const IrVec *limits, const IrVec *controls, unsigned es,
                        unsigned flags)
{
    Search s = { .n = 16u >> es };
    unsigned shift = (8u << es) - 3;

    for (unsigned k = 0; k < s.n; k++) {
        uint64_t v = element(a, es, k);
        bool in = false;
        for (unsigned j = 0; j < s.n && !in; j += 2) {
            in = in_bound(v, element(limits, es, j), element(controls, es, j) >> shift) &&
                 in_bound(v, element(limits, es, j + 1), element(controls, es, j + 1) >> shift);
        }
        s.found |= (in != !!(flags & IN) ? 1u : 0) << k;
        s.zero |= (v == 0 ? 1u : 0) << k;
    }
    return s;
}

static void helper_s390_vstrc(CpuState *cs, IrVec *out, const IrVec *a, const IrVec *b,
                              const IrVec *c, uint64_t how)
{
    search_result(out, in_ranges(a, b, c, how & 15, how >> 4), how & 15, how >> 4);
}
HELPER(s390_vstrc, IR_V128, HELPER_PURE, HARG_V128, HARG_V128, HARG_V128, HARG_I64);

static uint64_t helper_s390_vstrc_cc(CpuState *cs, const IrVec *a, const IrVec *b, const IrVec *c,
                                     uint64_t how)
{
    return search_cc(in_ranges(a, b, c, how & 15, how >> 4), how >> 4);
}
HELPER(s390_vstrc_cc, IR_I64, HELPER_PURE, HARG_V128, HARG_V128, HARG_V128, HARG_I64);

/* Length of a string in elements that ends before its first zero. */
static unsigned before_zero(const IrVec *v, unsigned es, unsigned n)
{
    unsigned k = 0;

    while (k < n && element(v, es, k)) {
        k++;
    }
    return k;
}

/* Search text a for the string b; byte 7 of c is the string's length in bytes. */
static uint64_t helper_s390_vstrs(CpuState *cs, const IrVec *a, const IrVec *b, const IrVec *c,
                                  uint64_t how)
{
    unsigned es = how & 15, n = 16u >> es, length = (c->b[8] & 31) >> es;
    unsigned text = how & 0x20 ? before_zero(a, es, n) : n;

    length = how & 0x20 ? before_zero(b, es, MIN(length, n)) : MIN(length, n);
    if (!length) {
        return 2 << 8;
    }
    for (unsigned at = 0; at < text; at++) {
        unsigned k = 0;
        while (k < length && at + k < text && element(a, es, at + k) == element(b, es, k)) {
            k++;
        }
        if (k == length) {
            return at << es | 2 << 8;
        }
        if (at + k == n) {
            return at << es | 3 << 8;
        }
    }
    return 16 | (text < n ? 1 << 8 : 0);
}
HELPER(s390_vstrs, IR_I64, HELPER_PURE, HARG_V128, HARG_V128, HARG_V128, HARG_I64);
