/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character translation: TRANSLATE ONE/TWO TO ONE/TWO, and the conversions between UTF-8, UTF-16 and
 * UTF-32 (Principles of Operation, chapter 7).
 *
 * All are interruptible: after a number of characters they end with condition code 3 and the registers
 * where they stand, and the program branches back. Addresses and lengths are in register pairs.
 */
#include "target/s390x/helper.h"

#define CHARS_AT_A_TIME 256

static void advance(S390Cpu *cpu, unsigned r, unsigned n)
{
    s390_set_mode_reg(cpu, r, s390_cut(cpu, cpu->gpr[r] + n));
    s390_set_mode_reg(cpu, r + 1, s390_mode_reg(cpu, r + 1) - n);
}

static uint32_t load(CpuState *cs, uint64_t at, unsigned size, unsigned mmu)
{
    at = s390_cut(s390_cpu(cs), at);
    return size == 1   ? cpu_ld8(cs, at, mmu)
           : size == 2 ? cpu_ld16be(cs, at, mmu)
                       : cpu_ld32be(cs, at, mmu);
}

static void store(CpuState *cs, uint64_t at, uint32_t v, unsigned size, unsigned mmu)
{
    at = s390_cut(s390_cpu(cs), at);
    if (size == 1) {
        cpu_st8(cs, at, v, mmu);
    } else if (size == 2) {
        cpu_st16be(cs, at, v, mmu);
    } else {
        cpu_st32be(cs, at, v, mmu);
    }
}

/*
 * sizes: bytes of a source character | bytes of a result << 4 | "no test character" << 8. The pair r1 has
 * the result's address and the source's length; the table is at r1 of the machine, the test in r0.
 */
uint64_t helper_s390_trxx(CpuState *cs, uint64_t r1, uint64_t r2, uint64_t sizes, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned from = sizes & 15, to = sizes >> 4 & 15;
    bool page_table = from == 2 && !s390_facility(cpu, 24);
    uint64_t table = s390_cut(cpu, cpu->gpr[1]) & (page_table ? ~0xfffull : ~7ull);
    uint32_t test = cpu->gpr[0] & (to == 1 ? 0xff : 0xffff);

    if (s390_mode_reg(cpu, r1 + 1) % from) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    for (unsigned k = 0; k < CHARS_AT_A_TIME; k++) {
        uint64_t left = s390_mode_reg(cpu, r1 + 1);

        if (!left) {
            return 0;
        }
        uint32_t c = load(cs, cpu->gpr[r2], from, s390_mmu_operand(mmu, 1));
        uint32_t v = load(cs, table + (uint64_t)c * to, to, s390_mmu_operand(mmu, 2));
        if (!(sizes & 0x100) && v == test) {
            return 1;
        }
        store(cs, cpu->gpr[r1], v, to, mmu);
        s390_set_mode_reg(cpu, r1, s390_cut(cpu, cpu->gpr[r1] + to));
        s390_set_mode_reg(cpu, r1 + 1, left - from);
        s390_set_mode_reg(cpu, r2, s390_cut(cpu, cpu->gpr[r2] + from));
    }
    return s390_mode_reg(cpu, r1 + 1) ? 3 : 0;
}

/*
 * TRANSLATE AND TEST (REVERSE) EXTENDED. how: M3 (8 characters of two bytes, 4 function codes of two bytes,
 * 2 characters above 255 have the code 0) | backwards << 4. Ends at the first code that is not 0,
 * which is left in r2.
 */
uint64_t helper_s390_trte(CpuState *cs, uint64_t r1, uint64_t r2, uint64_t how, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned size = how & 8 ? 2 : 1, code_size = how & 4 ? 2 : 1;
    uint64_t table = s390_cut(cpu, cpu->gpr[1]);

    if (s390_mode_reg(cpu, r1 + 1) % size) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    for (unsigned k = 0; k < CHARS_AT_A_TIME; k++) {
        uint64_t left = s390_mode_reg(cpu, r1 + 1);
        uint32_t code = 0;

        if (left) {
            uint32_t c = load(cs, cpu->gpr[r1], size, mmu);
            bool beyond = (how & 2) && c > 255;
            code = beyond ? 0
                          : load(cs, table + (uint64_t)c * code_size, code_size,
                                 s390_mmu_operand(mmu, 1));
        }
        if (!left || code) {
            cpu->gpr[r2] = code;
            return code != 0;
        }
        s390_set_mode_reg(cpu, r1,
                          s390_cut(cpu, cpu->gpr[r1] + (how & 16 ? -(uint64_t)size : size)));
        s390_set_mode_reg(cpu, r1 + 1, left - size);
    }
    return 3;
}

/* ---- Unicode ---- */

typedef enum Decoded {
    DECODED,
    AT_END, /* the source has less than one character */
    INVALID,
} Decoded;

typedef struct Source {
    CpuState *cs;
    uint64_t at, left;
    unsigned mmu;
    bool strict; /* check that the source is well-formed */
} Source;

static bool continuation(uint32_t b)
{
    return (b & 0xc0) == 0x80;
}

/* What a strict reader refuses of two bytes: overlong forms, surrogates, more than 10ffff. */
static bool malformed_start(uint32_t a, uint32_t b)
{
    return !continuation(b) || (a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) ||
           (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f);
}

static Decoded decode_utf8(const Source *s, uint32_t *c, unsigned *n)
{
    if (!s->left) {
        return AT_END;
    }
    uint32_t a = load(s->cs, s->at, 1, s->mmu);
    *n = a < 0x80 ? 1 : a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
    *c = *n == 1 ? a : a & (0x7f >> *n);
    if ((a >= 0x80 && a < 0xc0) || a > 0xf7 ||
        (s->strict && (a == 0xc0 || a == 0xc1 || a > 0xf4))) {
        return INVALID;
    }
    if (s->left < *n) {
        return AT_END;
    }
    for (unsigned k = 1; k < *n; k++) {
        uint32_t b = load(s->cs, s->at + k, 1, s->mmu);

        if (s->strict && (k == 1 ? malformed_start(a, b) : !continuation(b))) {
            return INVALID;
        }
        *c = *c << 6 | (b & 0x3f);
    }
    return DECODED;
}

static Decoded decode_utf16(const Source *s, uint32_t *c, unsigned *n)
{
    if (s->left < 2) {
        return AT_END;
    }
    *c = load(s->cs, s->at, 2, s->mmu);
    *n = 2;
    if (*c >= 0xd800 && *c <= 0xdbff) {
        if (s->left < 4) {
            return AT_END;
        }
        uint32_t low = load(s->cs, s->at + 2, 2, s->mmu);
        *n = 4;
        *c = ((*c >> 6 & 15) + 1) << 16 | (*c & 0x3f) << 10 | (low & 0x3ff);
        if (s->strict && (low & 0xfc00) != 0xdc00) {
            return INVALID;
        }
    }
    return DECODED;
}

static Decoded decode_utf32(const Source *s, uint32_t *c, unsigned *n)
{
    if (s->left < 4) {
        return AT_END;
    }
    *c = load(s->cs, s->at, 4, s->mmu);
    *n = 4;
    return (*c >= 0xd800 && *c <= 0xdbff) || *c > 0x10ffff ? INVALID : DECODED;
}

/* Bytes of the result, of units of the given size. */
static unsigned encode(uint32_t c, unsigned unit, uint32_t *out)
{
    if (unit == 4) {
        out[0] = c;
        return 4;
    }
    if (unit == 2) {
        out[0] = c < 0x10000 ? c : 0xd800 | (((c >> 16) - 1) & 15) << 6 | (c >> 10 & 0x3f);
        out[1] = 0xdc00 | (c & 0x3ff);
        return c < 0x10000 ? 2 : 4;
    }
    unsigned n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (unsigned k = n; k-- > 1; c >>= 6) {
        out[k] = 0x80 | (c & 0x3f);
    }
    out[0] = n == 1 ? c : (0xf00 >> n & 0xff) | c;
    return n;
}

/* how: unit of the source | unit of the result << 4 | "must be well-formed" << 8. */
uint64_t helper_s390_convert(CpuState *cs, uint64_t r1, uint64_t r2, uint64_t how, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned from = how & 15, unit = how >> 4 & 15;

    for (unsigned k = 0; k < CHARS_AT_A_TIME; k++) {
        Source s = { cs, cpu->gpr[r2], s390_mode_reg(cpu, r2 + 1), s390_mmu_operand(mmu, 1),
                     how & 0x100 };
        uint32_t c = 0, out[4];
        unsigned taken = 0;
        Decoded d = from == 1   ? decode_utf8(&s, &c, &taken)
                    : from == 2 ? decode_utf16(&s, &c, &taken)
                                : decode_utf32(&s, &c, &taken);

        if (d != DECODED) {
            return d == AT_END ? 0 : 2;
        }
        unsigned n = encode(c, unit, out);
        if (s390_mode_reg(cpu, r1 + 1) < n) {
            return 1;
        }
        cpu_probe_access(cs, s390_cut(cpu, cpu->gpr[r1]), n, MMU_ACCESS_WRITE, mmu);
        for (unsigned at = 0; at < n; at += unit) {
            store(cs, cpu->gpr[r1] + at, out[at / unit], unit, mmu);
        }
        advance(cpu, r1, n);
        advance(cpu, r2, taken);
    }
    return 3;
}
