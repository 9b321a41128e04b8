/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the CPU says of itself and of the configuration: facilities, system information, caches.
 */
#include <string.h>
#include "base/util/ebcdic.h"
#include "target/s390x/helper.h"

#define BIT(n) (1ull << (63 - (n) % 64))

/* Offered: what the tables implement in full, and what a kernel for z10 asks for. */
const uint64_t s390_facility_list[S390_FACILITY_WORDS] = {
    BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(7) | BIT(8) | BIT(9) | BIT(10) | BIT(14) |
        BIT(16) | BIT(17) | BIT(18) | BIT(19) | BIT(20) | BIT(21) | BIT(22) | BIT(24) | BIT(25) |
        BIT(26) | BIT(27) | BIT(30) | BIT(31) | BIT(32) | BIT(33) | BIT(34) | BIT(35) | BIT(37) |
        BIT(40) | BIT(41) | BIT(42) | BIT(43) | BIT(45) | BIT(48) | BIT(49) | BIT(51) | BIT(52) |
        BIT(53) | BIT(57) | BIT(58) | BIT(61),
    BIT(69) | BIT(71) | BIT(72) | BIT(75) | BIT(76) | BIT(77) | BIT(78) | BIT(80),
    BIT(129) | BIT(130) | BIT(131) | BIT(135) | BIT(146) | BIT(148),
    0,
};

const uint64_t *s390_facilities(void)
{
    return s390_facility_list;
}

uint64_t helper_s390_stfl(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    cpu_st32be(cs, 200, cpu->facilities[0] >> 32, S390_MMU_REAL | S390_MMU_LOW);
    return 0;
}

uint64_t helper_s390_stfle(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned room = (cpu->gpr[0] & 0xff) + 1, used = 0;

    if (addr & 7) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    for (unsigned w = 0; w < S390_FACILITY_WORDS; w++) {
        used = cpu->facilities[w] ? w + 1 : used;
    }
    for (unsigned w = 0; w < MIN(room, used); w++) {
        cpu_st64be(cs, addr + 8 * w, cpu->facilities[w], mmu);
    }
    cpu->gpr[0] = (cpu->gpr[0] & ~0xffull) | (used - 1);
    return room >= used ? 0 : 3;
}

/* ---- STORE SYSTEM INFORMATION ---- */

/* Letters, digits, slashes and hyphens to EBCDIC, n characters padded with blanks; a blank for any other. */
static void ebcdic(uint8_t *out, const char *text, unsigned n)
{
    memset(out, 0x40, n);
    for (unsigned k = 0; k < n && text[k]; k++) {
        if (g_ascii_isalnum(text[k]) || text[k] == '/' || text[k] == '-') {
            out[k] = ebcdic_from_latin1((uint8_t)text[k]);
        }
    }
}

static void be16(uint8_t *p, unsigned v)
{
    p[0] = v >> 8;
    p[1] = v;
}

static void machine_block(const S390Cpu *cpu, uint8_t *b)
{
    char type[8];

    g_snprintf(type, sizeof(type), "%04x", cpu->cpu_type);
    ebcdic(b + 32, "FERRY", 16); /* manufacturer */
    ebcdic(b + 48, type, 4);
    ebcdic(b + 64, "FERRY", 16); /* model capacity */
    ebcdic(b + 80, "FERRY", 16); /* sequence code */
    ebcdic(b + 96, "FERR", 4);   /* plant */
}

static void hypervisor_block(S390Cpu *cpu, uint8_t *b)
{
    unsigned n = cpu->board_ops->cpu_count(cpu->board);
    const char *name = cpu->board_ops->guest_name(cpu->board);
    const uint8_t *uuid = cpu->board_ops->guest_uuid(cpu->board);

    b[31] = 1;           /* one virtual machine */
    be16(b + 38 - 2, n); /* total, configured, standby, reserved CPUs */
    be16(b + 38, n);
    ebcdic(b + 44, name ? name : "TCGguest", 8);
    be16(b + 54, 1000); /* capability adjustment factor */
    ebcdic(b + 56, "KVM/Linux", 16);
    b[75] = 2; /* encoding of the extended name */
    if (uuid) {
        memcpy(b + 80, uuid, 16);
    }
    g_strlcpy((char *)b + 1024, name ? name : "TCGguest", 256);
}

static bool system_block(S390Cpu *cpu, unsigned fc, unsigned s1, unsigned s2, uint8_t *b)
{
    unsigned n = cpu->board_ops->cpu_count(cpu->board);
    unsigned key = fc << 8 | s1 << 4 | s2;

    switch (key) {
    case 0x111: machine_block(cpu, b); return true;
    case 0x121: /* this CPU */
    case 0x221:
        ebcdic(b + 80, "FERRY", 16);
        ebcdic(b + 96, "FERR", 4);
        be16(b + 98 + 4, cpu->address);
        return true;
    case 0x122: /* all CPUs */
        b[32] = 0x44, b[33] = 0x3a, b[34] = 0xfc, b[35] = 0x29;
        be16(b + 36, n);
        be16(b + 38, n);
        return true;
    case 0x222: /* the partition */
        b[35] = 0x80;
        be16(b + 36, n);
        be16(b + 38, n);
        ebcdic(b + 44, "FERRY", 8);
        be16(b + 54, 1000);
        be16(b + 64, n);
        return true;
    case 0x322: hypervisor_block(cpu, b); return true;
    default: return false;
    }
}

uint64_t helper_s390_stsi(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint32_t r0 = cpu->gpr[0], r1 = cpu->gpr[1];
    unsigned fc = r0 >> 28;
    uint8_t block[4096] = { 0 };

    if ((r0 & 0x0fffff00) || (r1 & 0xffff0000)) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    if (fc == 0) { /* the present level: virtual machine */
        cpu->gpr[0] = (cpu->gpr[0] & ~0xffffffffull) | 3u << 28;
        return 0;
    }
    if (addr & 0xfff) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    if (!system_block(cpu, fc, r0 & 0xff, r1 & 0xffff, block)) {
        return 3;
    }
    cpu_st_bytes(cs, addr, block, sizeof(block), mmu);
    return 0;
}

/* EXTRACT CPU ATTRIBUTE: no cache is described: every attribute reads as all ones. */
uint64_t helper_s390_ecag(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned ai = addr >> 4 & 15;

    cpu->gpr[regs & 15] = ai == 0 ? 0 : ai == 1 ? 256 : UINT64_MAX; /* summary, line, the rest */
    return 0;
}
