/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Helpers of integer instructions: flags, 128-bit division, BCD, CRC32, random numbers, PAUSE.
 */
#include <sys/random.h>
#include "target/x86/decode.h"
#include "target/x86/flags.h"
#include "target/x86/helper.h"

uint64_t helper_x86_cc_flags(CpuState *cs, uint64_t op, uint64_t a, uint64_t b, uint64_t c)
{
    return x86_cc_flags(op, a, b, c);
}

/* rDX:rAX / d; the remainder follows from the quotient. */
uint64_t helper_x86_divs64(CpuState *cs, uint64_t hi, uint64_t lo, uint64_t d)
{
    __int128 n = (__int128)((unsigned __int128)hi << 64 | lo);
    int64_t sd = (int64_t)d;
    if (sd == 0 || (sd == -1 && n == (__int128)1 << 127)) {
        x86_raise(x86_cpu(cs), EXCP_DE);
    }
    __int128 q = n / sd;
    if (q != (int64_t)q) {
        x86_raise(x86_cpu(cs), EXCP_DE);
    }
    return (uint64_t)q;
}

static uint32_t szp_flags(uint8_t v)
{
    return (v & 0x80 ? X86_SF : 0) | (v ? 0 : X86_ZF) | (__builtin_parity(v) ? 0 : X86_PF);
}

static uint64_t daa_das(bool sub, uint16_t ax, uint32_t f)
{
    uint8_t al = ax, old = ax;
    bool cf = f & X86_CF;
    uint32_t out = 0;
    if ((al & 15) > 9 || (f & X86_AF)) {
        bool wrap = sub ? al < 6 : al > 0xf9;
        al += sub ? -6 : 6;
        out = X86_AF | (cf || wrap ? X86_CF : 0);
    }
    if (old > 0x99 || cf) {
        al += sub ? -0x60 : 0x60;
        out |= X86_CF;
    }
    return (uint64_t)(out | szp_flags(al)) << 32 | (ax & 0xff00) | al;
}

static uint64_t aaa_aas(bool sub, uint16_t ax, uint32_t f)
{
    uint32_t out = 0;
    if ((ax & 15) > 9 || (f & X86_AF)) {
        ax += sub ? -0x106 : 0x106;
        out = X86_AF | X86_CF;
    }
    ax &= 0xff0f;
    return (uint64_t)(out | szp_flags(ax)) << 32 | ax;
}

/* AL AH by mnemonic; flags not named by the manual: SF ZF PF by the result, OF clear. */
uint64_t helper_x86_bcd(CpuState *cs, uint64_t mn, uint64_t ax, uint64_t flags, uint64_t imm)
{
    switch (mn) {
    case X86_MN_DAA:
    case X86_MN_DAS: return daa_das(mn == X86_MN_DAS, ax, flags);
    case X86_MN_AAA:
    case X86_MN_AAS: return aaa_aas(mn == X86_MN_AAS, ax, flags);
    case X86_MN_AAM: {
        uint8_t al = ax & 0xff, d = imm ? imm : 10;
        uint16_t r = (al / d) << 8 | al % d;
        return (uint64_t)szp_flags(r) << 32 | r;
    }
    default: { /* AAD */
        uint8_t al = (ax & 0xff) + (ax >> 8 & 0xff) * imm;
        return (uint64_t)szp_flags(al) << 32 | al;
    }
    }
}

/* The instruction neither inverts before nor after, as crc32c() does. */
uint64_t helper_x86_crc32(CpuState *cs, uint64_t crc, uint64_t data, uint64_t size)
{
    uint32_t c = crc;
    for (unsigned k = 0; k < size; k++, data >>= 8) {
        c ^= data & 0xff;
        for (int bit = 0; bit < 8; bit++) {
            c = c >> 1 ^ (c & 1 ? 0x82f63b78u : 0);
        }
    }
    return c;
}

uint64_t helper_x86_rdrand(CpuState *cs)
{
    uint64_t v = 0;
    if (getrandom(&v, sizeof v, 0) != sizeof v) {
        v = (uint64_t)g_random_int() << 32 | g_random_int();
    }
    return v;
}

uint64_t helper_x86_yield(CpuState *cs, uint64_t next_pc)
{
    cpu_set_pc(cs, next_pc);
    cpu_exit_to_loop(cs, CPU_EXCP_YIELD);
}
