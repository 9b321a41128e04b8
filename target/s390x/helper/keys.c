/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Storage keys and protection: setting, inserting and testing them, frames. What a key is and how references
 * and changes are recorded is the board's (S390BoardOps); here is what instructions make of it.
 */
#include "target/s390x/helper.h"

#define KEY_AF  0xf8u /* access control, fetch protection */
#define KEY_R   0x04u
#define KEY_C   0x02u
#define KEY_ALL 0xfeu

/* M3 of SSKE; PFMF has the same two in register r1. */
#define SSKE_MB 1u
#define SSKE_MC 2u
#define SSKE_MR 4u

#define BLOCK   4096u
#define SEGMENT 0x100000u
#define REGION  0x80000000u

static unsigned reg(uint64_t regs, unsigned n)
{
    return regs >> (4 * n) & 15; /* r1, r2, r3, m4, m3 */
}

/* ---- TEST PROTECTION ---- */
/* The key is in the second address: 0 all, 1 fetch only, 2 nothing, 3 not translated. */
uint64_t helper_s390_tprot(CpuState *cs, uint64_t addr, uint64_t second, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned key = second >> 4 & 15, code = 0;
    S390Walk w = { .writable = true };
    S390Space space = { 0 };

    if (mmu == S390_MMU_REAL) {
        w.absolute = s390_real_to_absolute(cpu, addr);
    } else {
        code = s390_mmu_space(cpu, mmu, &space);
        code = code ? code : s390_walk(cpu, addr, space.asce, &w);
    }
    if (code == PGM_ADDRESSING || code == PGM_TRANSLATION_SPEC) {
        s390_program(cpu, code);
    }
    if (code) {
        return 3;
    }
    if (!cpu->board_ops->storage_key(cpu->board, w.absolute)) {
        s390_program(cpu, PGM_ADDRESSING);
    }
    if (!s390_key_allows(cpu, key, w.absolute, addr, false)) {
        return 2;
    }
    if (s390_low_protected(cpu, addr, mmu) && (addr & 0xfff) < 512) {
        return 1;
    }
    return w.writable && !space.fetch_only && s390_key_allows(cpu, key, w.absolute, addr, true) ? 0
                                                                                                : 1;
}

/* ---- clearing ---- */

/* A block by real address; key-controlled protection does not apply. */
static void clear_block(S390Cpu *cpu, uint64_t real, unsigned mmu)
{
    static const uint8_t zero[BLOCK];

    s390_key_use(cpu, 0);
    cpu_st_bytes(&cpu->base, real, zero, sizeof(zero), mmu);
    s390_key_use(cpu, s390_psw_key(cpu));
}

/* A TLB of key 0 must not be what an exception leaves behind. */
static void check_low(S390Cpu *cpu, uint64_t real)
{
    if (s390_low_protected(cpu, real, S390_MMU_REAL)) {
        cpu->teid = real & ~0xfffull;
        s390_program(cpu, PGM_PROTECTION);
    }
    if (!cpu->board_ops->storage_key(cpu->board, s390_real_to_absolute(cpu, real))) {
        s390_program(cpu, PGM_ADDRESSING);
    }
}

uint64_t helper_s390_testblk(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t real = s390_cut(cpu, cpu->gpr[reg(regs, 1)]) & ~(uint64_t)(BLOCK - 1);

    check_low(cpu, real);
    clear_block(cpu, real, S390_MMU_REAL);
    cpu->gpr[0] = 0;
    return 0;
}

/* ---- keys ---- */

static uint8_t key_get(S390Cpu *cpu, uint64_t absolute)
{
    uint8_t key;

    if (cpu->board_ops->keys_record(cpu->board)) {
        cpu_tlb_flush_all_cpus(&cpu->base);
    }
    if (!cpu->board_ops->key_get(cpu->board, absolute, &key)) {
        s390_program(cpu, PGM_ADDRESSING);
    }
    return key;
}

/* TLB entries that allow, or record, less or more than the new key asks for go. */
static void key_set(S390Cpu *cpu, uint64_t absolute, uint8_t value)
{
    uint8_t old = key_get(cpu, absolute);

    cpu->board_ops->key_set(cpu->board, absolute, value);
    if (((old ^ value) & KEY_AF) || (old & ~value & KEY_R)) {
        cpu_tlb_flush_all_cpus(&cpu->base);
    }
}

/* Conditional setting. The code: 0 not set, 1 set. bypass: SSKE_MR, SSKE_MC: that bit's difference is no
 * reason to set the key. */
static unsigned key_set_if(S390Cpu *cpu, uint64_t absolute, uint8_t value, unsigned bypass)
{
    uint8_t differs = (key_get(cpu, absolute) ^ value) & KEY_ALL;

    if (bypass == (SSKE_MR | SSKE_MC)) {
        differs &= KEY_AF;
    } else if (bypass == SSKE_MR) {
        differs &= KEY_AF | KEY_C;
    } else if (bypass == SSKE_MC) {
        differs &= KEY_AF | KEY_R;
    }
    if (differs || !bypass) {
        key_set(cpu, absolute, value);
        return 1;
    }
    return 0;
}

/* The code stays without bypasses. Of several blocks the old key is of no use, nor is one code. */
uint64_t helper_s390_sske(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned m3 = reg(regs, 4), bypass = s390_facility(cpu, 10) ? m3 & (SSKE_MR | SSKE_MC) : 0;
    uint64_t *r1 = &cpu->gpr[reg(regs, 0)], *r2 = &cpu->gpr[reg(regs, 1)];
    uint64_t at = s390_cut(cpu, *r2) & ~(uint64_t)(BLOCK - 1);
    uint8_t value = *r1;

    if ((m3 & SSKE_MB) && s390_facility(cpu, 8)) { /* absolute; to the end of the segment */
        do {
            key_set_if(cpu, at, value, bypass);
            at += BLOCK;
        } while (at % SEGMENT);
        s390_set_mode_reg(cpu, reg(regs, 1), s390_cut(cpu, at));
        return bypass ? 3 : s390_cc_get(cpu);
    }
    at = s390_real_to_absolute(cpu, at);
    uint8_t old = key_get(cpu, at);
    unsigned cc = key_set_if(cpu, at, value, bypass);
    if (!bypass) {
        return s390_cc_get(cpu);
    }
    *r1 = (*r1 & ~0xff00ull) | old << 8;
    return cc;
}

uint64_t helper_s390_iske(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t *r1 = &cpu->gpr[reg(regs, 0)], real = s390_cut(cpu, cpu->gpr[reg(regs, 1)]);

    *r1 = (*r1 & ~0xffull) | (key_get(cpu, s390_real_to_absolute(cpu, real)) & KEY_ALL);
    return 0;
}

/* INSERT VIRTUAL STORAGE KEY: access control and fetch protection only. */
uint64_t helper_s390_ivsk(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t *r1 = &cpu->gpr[reg(regs, 0)], va = s390_cut(cpu, cpu->gpr[reg(regs, 1)]);
    S390Walk w;

    if (!(cpu->psw_mask & PSW_DAT)) {
        s390_program(cpu, PGM_SPECIAL_OPERATION);
    }
    if ((cpu->psw_mask & PSW_P) && !(cpu->cr[0] & CR0_EXTRACT)) {
        s390_program(cpu, PGM_PRIVILEGED);
    }
    S390Space space;
    unsigned code = s390_mmu_space(cpu, mmu, &space);
    code = code ? code : s390_walk(cpu, va, space.asce, &w);
    if (code) {
        cpu->teid = (va & ~0xfffull) | (cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT;
        cpu->excp_ar = mmu == S390_MMU_AR ? cpu->ar_of[0] : 0;
        s390_program(cpu, code);
    }
    *r1 = (*r1 & ~0xffull) | (key_get(cpu, w.absolute) & KEY_AF);
    return 0;
}

/* RESET REFERENCE BIT: the code is R and C as they were. */
uint64_t helper_s390_rrbe(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t at = s390_real_to_absolute(cpu, s390_cut(cpu, cpu->gpr[reg(regs, 1)]));
    uint8_t key = key_get(cpu, at);

    key_set(cpu, at, key & ~KEY_R);
    return (key & (KEY_R | KEY_C)) >> 1;
}

/* ---- PERFORM FRAME MANAGEMENT ---- */
#define PFMF_KEY      0x20000u
#define PFMF_CLEAR    0x10000u
#define PFMF_RESERVED 0xfffc0101u

/* One block by real address (4 KiB frames) or, of a greater frame, from an address to the frame's end. */
uint64_t helper_s390_pfmf(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t r1 = cpu->gpr[reg(regs, 0)], at = s390_cut(cpu, cpu->gpr[reg(regs, 1)]);
    unsigned size = r1 >> 12 & 7;
    unsigned bypass = (r1 & 0x400 ? SSKE_MR : 0) | (r1 & 0x200 ? SSKE_MC : 0);

    if (size > (s390_facility(cpu, 78) ? 2 : 1) || (r1 & PFMF_RESERVED)) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    at &= ~(uint64_t)(BLOCK - 1);
    if (!size && (r1 & PFMF_CLEAR)) {
        check_low(cpu, at);
    }
    do {
        /* prefixing is its own inverse: the real address of an absolute one, and the other way round */
        uint64_t other = s390_real_to_absolute(cpu, at), absolute = size ? at : other;
        uint64_t real = size ? other : at;

        if (!cpu->board_ops->storage_key(cpu->board, absolute)) {
            s390_program(cpu, PGM_ADDRESSING);
        }
        if (r1 & PFMF_CLEAR) {
            clear_block(cpu, real, S390_MMU_REAL | S390_MMU_LOW);
        }
        if (r1 & PFMF_KEY) {
            key_set_if(cpu, absolute, r1, bypass);
        }
        at += BLOCK;
    } while (size && at % (size == 2 ? REGION : SEGMENT));
    if (size) {
        s390_set_mode_reg(cpu, reg(regs, 1), s390_cut(cpu, at));
    }
    return 0;
}
