/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packed and zoned decimal. A packed operand is up to 31 digits and a sign: it fits a 128-bit integer, in
 * which the arithmetic is done.
 */
#include <string.h>
#include "target/s390x/helper.h"

typedef __int128 s128;

#define DXC_DECIMAL 0

static s128 power10(unsigned n)
{
    s128 v = 1;

    while (n--) {
        v *= 10;
    }
    return v;
}

static bool sign_valid(uint8_t nibble)
{
    return nibble >= 10;
}

static bool sign_minus(uint8_t nibble)
{
    return nibble == 11 || nibble == 13;
}

/* n bytes of packed decimal; a bad digit or sign is a data exception. minus: also of a zero. */
static s128 load_signed(S390Cpu *cpu, uint64_t at, unsigned n, unsigned mmu, bool *minus)
{
    uint8_t b[16];
    s128 v = 0;

    cpu_ld_bytes(&cpu->base, at, b, n, mmu);
    for (unsigned k = 0; k < 2 * n - 1; k++) {
        unsigned digit = k & 1 ? b[k / 2] & 15 : b[k / 2] >> 4;
        if (digit > 9) {
            s390_data_exception(cpu, DXC_DECIMAL);
        }
        v = v * 10 + digit;
    }
    if (!sign_valid(b[n - 1] & 15)) {
        s390_data_exception(cpu, DXC_DECIMAL);
    }
    *minus = sign_minus(b[n - 1] & 15);
    return *minus ? -v : v;
}

static s128 load_packed(S390Cpu *cpu, uint64_t at, unsigned n, unsigned mmu)
{
    bool minus;

    return load_signed(cpu, at, n, mmu, &minus);
}

/* The low digits of v, as many as fit; a zero that overflowed keeps its sign, else zero is plus. */
static void pack(uint8_t *b, unsigned n, s128 v, bool minus)
{
    s128 rest = v < 0 ? -v : v;

    b[n - 1] = minus ? 0x0d : 0x0c;
    for (int k = 2 * (int)n - 2; k >= 0; k--) {
        unsigned digit = rest % 10;
        rest /= 10;
        b[k / 2] |= k & 1 ? digit : digit << 4;
        if (k > 0 && !(k & 1)) {
            b[k / 2 - 1] = 0;
        }
    }
}

/* v: the last digits of a result of this sign; lost: there are others that are not zero. */
static unsigned store_last(S390Cpu *cpu, uint64_t at, unsigned n, s128 v, bool minus, bool lost,
                           unsigned mmu)
{
    s128 limit = power10(2 * n - 1);
    uint8_t b[16] = { 0 };

    pack(b, n, v, minus);
    cpu_st_bytes(&cpu->base, at, b, n, mmu);
    if (!lost && v < limit && v > -limit) {
        return v == 0 ? 0 : minus ? 1 : 2;
    }
    if (cpu->psw_mask & (4ull << PSW_PM_SHIFT)) {
        s390_program(cpu, PGM_DECIMAL_OVERFLOW);
    }
    return 3;
}

static unsigned store_result(S390Cpu *cpu, uint64_t at, unsigned n, s128 v, unsigned mmu)
{
    return store_last(cpu, at, n, v, v < 0, false, mmu);
}

enum {
    DEC_ZAP,
    DEC_ADD,
    DEC_SUB,
    DEC_MUL,
    DEC_DIV,
    DEC_CMP,
};

/* Signs follow the rules of algebra, also of zeros. */
static void multiply(S390Cpu *cpu, uint64_t a1, unsigned n1, uint64_t a2, unsigned n2, unsigned mmu)
{
    uint8_t b[16] = { 0 };
    bool x_minus, y_minus;

    if (n2 > 8 || n2 >= n1) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    s128 y = load_signed(cpu, a2, n2, s390_mmu_operand(mmu, 1), &y_minus);
    s128 x = load_signed(cpu, a1, n1, mmu, &x_minus);
    if ((x < 0 ? -x : x) >= power10(2 * (n1 - n2))) { /* not enough leading zeros */
        s390_data_exception(cpu, DXC_DECIMAL);
    }
    pack(b, n1, x * y, x_minus != y_minus);
    cpu_st_bytes(&cpu->base, a1, b, n1, mmu);
}

static void divide(S390Cpu *cpu, uint64_t a1, unsigned n1, uint64_t a2, unsigned n2, unsigned mmu)
{
    uint8_t b[32] = { 0 };
    bool x_minus, y_minus;
    s128 q, r;

    if (n2 > 8 || n2 >= n1) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    s128 y = load_signed(cpu, a2, n2, s390_mmu_operand(mmu, 1), &y_minus);
    s128 x = load_signed(cpu, a1, n1, mmu, &x_minus);
    if (y == 0 || x / y >= power10(2 * (n1 - n2) - 1) || x / y <= -power10(2 * (n1 - n2) - 1)) {
        s390_program(cpu, PGM_DECIMAL_DIVIDE);
    }
    q = x / y;
    r = x % y;
    pack(b, n1 - n2, q, x_minus != y_minus);
    pack(b + n1 - n2, n2, r, x_minus);
    cpu_st_bytes(&cpu->base, a1, b, n1, mmu);
}

uint64_t helper_s390_dec_op(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t len, uint64_t op,
                            uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned n1 = (len >> 4 & 15) + 1, n2 = (len & 15) + 1;
    s128 x, y;

    if (op == DEC_MUL || op == DEC_DIV) {
        (op == DEC_MUL ? multiply : divide)(cpu, a1, n1, a2, n2, mmu);
        return 0;
    }
    y = load_packed(cpu, a2, n2, s390_mmu_operand(mmu, 1));
    x = op == DEC_ZAP ? 0 : load_packed(cpu, a1, n1, mmu);
    switch (op) {
    case DEC_ZAP: return store_result(cpu, a1, n1, y, mmu);
    case DEC_ADD: return store_result(cpu, a1, n1, x + y, mmu);
    case DEC_SUB: return store_result(cpu, a1, n1, x - y, mmu);
    default: return x == y ? 0 : x < y ? 1 : 2;
    }
}

/* SHIFT AND ROUND: a positive count to the left, a negative one to the right. */
uint64_t helper_s390_dec_srp(CpuState *cs, uint64_t a1, uint64_t count, uint64_t l, uint64_t round,
                             uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned n = l + 1;
    int shift = count & 32 ? (int)count - 64 : (int)count;
    s128 v = load_packed(cpu, a1, n, mmu);

    if (round > 9) {
        s390_data_exception(cpu, DXC_DECIMAL);
    }
    if (shift >= 0) { /* what leaves a 31-digit field is lost either way */
        bool lost = v != 0 && (shift > 31 || v >= power10(31 - shift) || v <= -power10(31 - shift));
        s128 wide = shift > 31 ? 0 : v % power10(31 - shift) * power10(shift);
        return store_last(cpu, a1, n, wide, v < 0, lost, mmu);
    }
    shift = -shift;
    s128 last = shift > 31 ? 0 : v / power10(shift - 1) % 10,
         out = shift > 31 ? 0 : v / power10(shift);
    if ((last < 0 ? -last : last) + (s128)round >= 10) {
        out += v < 0 ? -1 : 1;
    }
    return store_result(cpu, a1, n, out, mmu);
}

uint64_t helper_s390_tp(CpuState *cs, uint64_t a1, uint64_t l, uint64_t mmu)
{
    uint8_t b[16];
    unsigned n = l + 1, cc = 0;

    cpu_ld_bytes(cs, a1, b, n, mmu);
    for (unsigned k = 0; k < 2 * n - 1; k++) {
        cc |= (k & 1 ? b[k / 2] & 15 : b[k / 2] >> 4) > 9 ? 2 : 0;
    }
    return cc | (sign_valid(b[n - 1] & 15) ? 0 : 1);
}

/* ---- zoned ---- */
uint64_t helper_s390_pack(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t len, uint64_t mmu)
{
    unsigned n1 = (len >> 4 & 15) + 1, n2 = (len & 15) + 1;
    uint8_t in[16], out[16] = { 0 };

    cpu_ld_bytes(cs, a2, in, n2, s390_mmu_operand(mmu, 1));
    out[n1 - 1] = in[n2 - 1] << 4 | in[n2 - 1] >> 4;
    for (unsigned k = 1, nibble = 2; k < n2 && nibble < 2 * n1; k++, nibble++) {
        out[n1 - 1 - nibble / 2] |= (in[n2 - 1 - k] & 15) << (nibble & 1 ? 4 : 0);
    }
    cpu_st_bytes(cs, a1, out, n1, mmu);
    return 0;
}

uint64_t helper_s390_unpk(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t len, uint64_t mmu)
{
    unsigned n1 = (len >> 4 & 15) + 1, n2 = (len & 15) + 1;
    uint8_t in[16], out[16];

    cpu_ld_bytes(cs, a2, in, n2, s390_mmu_operand(mmu, 1));
    memset(out, 0xf0, n1);
    out[n1 - 1] = in[n2 - 1] << 4 | in[n2 - 1] >> 4;
    for (unsigned k = 1, nibble = 2; k < n1 && nibble < 2 * n2; k++, nibble++) {
        out[n1 - 1 - k] |= in[n2 - 1 - nibble / 2] >> (nibble & 1 ? 4 : 0) & 15;
    }
    cpu_st_bytes(cs, a1, out, n1, mmu);
    return 0;
}

uint64_t helper_s390_mvo(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t len, uint64_t mmu)
{
    unsigned n1 = (len >> 4 & 15) + 1, n2 = (len & 15) + 1;
    uint8_t in[16], out[16] = { 0 };

    cpu_ld_bytes(cs, a2, in, n2, s390_mmu_operand(mmu, 1));
    out[n1 - 1] = cpu_ld8(cs, a1 + n1 - 1, mmu) & 15;
    for (unsigned nibble = 1; nibble < 2 * n1 && nibble - 1 < 2 * n2; nibble++) {
        unsigned from = nibble - 1, digit = in[n2 - 1 - from / 2] >> (from & 1 ? 4 : 0) & 15;
        out[n1 - 1 - nibble / 2] |= digit << (nibble & 1 ? 4 : 0);
    }
    cpu_st_bytes(cs, a1, out, n1, mmu);
    return 0;
}

/* PACK ASCII, UNICODE: 16 packed bytes from n bytes; unit 1 or 2 by kind. */
uint64_t helper_s390_pka(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t n, uint64_t unicode,
                         uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned unit = unicode ? 2 : 1, chars = n / unit;
    uint8_t in[256], out[16] = { 0 };

    if (n > (unicode ? 64 : 32) || n % unit) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    cpu_ld_bytes(cs, a2, in, n, s390_mmu_operand(mmu, 1));
    out[15] = 0x0c;
    for (unsigned k = 0; k < MIN(chars, 31); k++) {
        unsigned digit = in[(chars - 1 - k) * unit + unit - 1] & 15, nibble = k + 1;
        out[15 - nibble / 2] |= digit << (nibble & 1 ? 4 : 0);
    }
    cpu_st_bytes(cs, a1, out, 16, mmu);
    return 0;
}

uint64_t helper_s390_unpka(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t n, uint64_t unicode,
                           uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned unit = unicode ? 2 : 1, chars = n / unit;
    uint8_t in[16], out[256] = { 0 };

    if (n > (unicode ? 64 : 32) || n % unit) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    cpu_ld_bytes(cs, a2, in, 16, s390_mmu_operand(mmu, 1));
    for (unsigned k = 0; k < chars; k++) {
        unsigned nibble = k + 1,
                 digit = nibble > 31 ? 0 : in[15 - nibble / 2] >> (nibble & 1 ? 4 : 0) & 15;
        out[(chars - 1 - k) * unit + unit - 1] = 0x30 | digit;
    }
    cpu_st_bytes(cs, a1, out, n, mmu);
    return !sign_valid(in[15] & 15) ? 3 : sign_minus(in[15] & 15);
}

/* ---- EDIT, EDIT AND MARK ---- */
enum {
    ED_DIGIT = 0x20,
    ED_SIGNIFICANCE = 0x21,
    ED_FIELD = 0x22,
};

uint64_t helper_s390_ed(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t n, uint64_t mark,
                        uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint8_t pattern[256], fill, source = 0, *p = pattern;
    bool significant = false, high = true, nonzero = false, minus = false;

    cpu_probe_access(cs, a1, n, MMU_ACCESS_WRITE, mmu);
    cpu_ld_bytes(cs, a1, pattern, n, mmu);
    fill = pattern[0];
    for (uint64_t k = 0; k < n; k++, p++) {
        uint8_t c = *p, digit, low = 0;
        if (c == ED_FIELD) {
            significant = nonzero = minus = false;
            *p = fill;
            continue;
        }
        if (c != ED_DIGIT && c != ED_SIGNIFICANCE) {
            *p = k == 0 || !significant ? fill : c;
            continue;
        }
        if (high) {
            source = cpu_ld8(cs, s390_cut(cpu, a2++), s390_mmu_operand(mmu, 1));
            digit = source >> 4;
            low = source & 15;
        } else {
            digit = source & 15;
        }
        if (digit > 9) {
            s390_data_exception(cpu, DXC_DECIMAL);
        }
        if (digit && !significant && mark) {
            uint64_t at = s390_cut(cpu, a1 + k);
            cpu->gpr[1] = cpu->psw_mask & PSW_EA ? at : (cpu->gpr[1] & ~0x7fffffffull) | at;
        }
        bool shown = significant || digit;
        *p = shown ? 0xf0 | digit : fill;
        nonzero |= digit != 0;
        significant |= digit || c == ED_SIGNIFICANCE;
        if (high && low > 9) { /* a sign ends the source byte */
            minus = sign_minus(low);
            significant = minus ? significant : false;
        } else {
            high = !high;
        }
    }
    cpu_st_bytes(cs, a1, pattern, n, mmu);
    return !nonzero ? 0 : significant ? 1 : 2;
}

/* ---- binary ---- */
uint64_t helper_s390_cvb(CpuState *cs, uint64_t addr, uint64_t wide, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    s128 v = load_packed(cpu, addr, wide ? 16 : 8, mmu);
    bool fits = wide ? v == (int64_t)v : v == (int32_t)v;

    if (!fits) {
        s390_program(cpu, PGM_FIXED_DIVIDE);
    }
    return (uint64_t)v;
}

uint64_t helper_s390_cvd(CpuState *cs, uint64_t addr, uint64_t v, uint64_t wide, uint64_t mmu)
{
    uint8_t b[16] = { 0 };
    unsigned n = wide ? 16 : 8;

    pack(b, n, (int64_t)v, (int64_t)v < 0);
    cpu_st_bytes(cs, addr, b, n, mmu);
    return 0;
}
