/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Storage control: translation and invalidation, keys, real storage, moves between spaces.
 */
#include <string.h>
#include "target/s390x/helper.h"

static unsigned reg(uint64_t regs, unsigned n)
{
    return regs >> (4 * n) & 15; /* r1, r2, r3, m4, m3 */
}

/* ---- translation ---- */
/* LRA: 0 found, 1 segment, 2 page entry invalid, 3 otherwise. arg 1: LRAG. */
uint64_t helper_s390_lra(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned r1 = regs & 15, as = (cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT;
    uint64_t asce = cpu->cr[as == AS_SECONDARY ? 7 : as == AS_HOME ? 13 : 1];
    bool wide = regs >> 8 || (cpu->psw_mask & PSW_EA);
    S390Walk w;
    unsigned code = s390_walk(cpu, addr, asce, &w), cc;
    uint64_t v;

    switch (code) {
    case 0:
        v = w.absolute; /* as real address: prefixing undone */
        v = s390_real_to_absolute(cpu, v);
        cc = 0;
        break;
    case PGM_SEGMENT: v = w.entry, cc = 1; break;
    case PGM_PAGE: v = w.entry, cc = 2; break;
    case PGM_ADDRESSING:
    case PGM_TRANSLATION_SPEC: s390_program(cpu, code);
    default: v = code, cc = 3; break;
    }
    if (cc == 0 && wide) {
        cpu->gpr[r1] = v;
    } else if (cc == 3) {
        cpu->gpr[r1] = (cpu->gpr[r1] & ~0xffffffffull) | 0x80000000u | code;
    } else {
        cpu->gpr[r1] = (cpu->gpr[r1] & ~0xffffffffull) | (uint32_t)v;
    }
    return cc;
}

/* arg: log2 of the size */
uint64_t helper_s390_lura(CpuState *cs, uint64_t regs, uint64_t size, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t addr = s390_cut(cpu, cpu->gpr[reg(regs, 1)]), *r1 = &cpu->gpr[reg(regs, 0)];

    if (addr & ((1u << size) - 1)) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    if (size == 3) {
        *r1 = cpu_ld64be(cs, addr, S390_MMU_REAL);
    } else {
        *r1 = (*r1 & ~0xffffffffull) | cpu_ld32be(cs, addr, S390_MMU_REAL);
    }
    return 0;
}

uint64_t helper_s390_stura(CpuState *cs, uint64_t regs, uint64_t size, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t addr = s390_cut(cpu, cpu->gpr[reg(regs, 1)]), v = cpu->gpr[reg(regs, 0)];

    if (addr & ((1u << size) - 1)) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    if (size == 3) {
        cpu_st64be(cs, addr, v, S390_MMU_REAL);
    } else {
        cpu_st32be(cs, addr, v, S390_MMU_REAL);
    }
    return 0;
}

/* ---- invalidation ---- */
static uint64_t entry_load(S390Cpu *cpu, uint64_t real)
{
    bool ok;
    uint64_t v = cpu_phys_ld64(&cpu->base, 0, s390_real_to_absolute(cpu, real), &ok);

    if (!ok) {
        s390_program(cpu, PGM_ADDRESSING);
    }
    return __builtin_bswap64(v);
}

static void entry_set_invalid(S390Cpu *cpu, uint64_t real, uint64_t bit)
{
    uint64_t v = entry_load(cpu, real) | bit;

    cpu_phys_st64(&cpu->base, 0, s390_real_to_absolute(cpu, real), __builtin_bswap64(v));
}

static void flush(CpuState *cs, bool local)
{
    if (local) {
        cpu_tlb_flush(cs);
    } else {
        cpu_tlb_flush_all_cpus(cs);
    }
}

uint64_t helper_s390_ipte(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t table = cpu->gpr[reg(regs, 0)] & ~0x7ffull, va = cpu->gpr[reg(regs, 1)];
    bool local = reg(regs, 3) & 1;

    entry_set_invalid(cpu, table + (va >> 12 & 0xff) * 8, 0x400);
    if (local) {
        cpu_tlb_flush_page(cs, va & ~0xfffull);
    } else {
        cpu_tlb_flush_page_all_cpus(cs, va & ~0xfffull);
    }
    return 0;
}

/* INVALIDATE DAT TABLE ENTRY: r1 table and type, r2 first index or "clear by ASCE", r3 ASCE. */
uint64_t helper_s390_idte(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    static const uint8_t shift[4] = { 20, 31, 42, 53 };
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t r1 = cpu->gpr[reg(regs, 0)], r2 = cpu->gpr[reg(regs, 1)];
    bool local = reg(regs, 3) & 1;

    if (!(r2 & 0x800)) {
        unsigned type = r1 >> 2 & 3, index = r2 >> shift[type] & 0x7ff;
        unsigned n = (r2 & 0x7ff) + 1;
        for (unsigned k = 0; k < n; k++) {
            entry_set_invalid(cpu, (r1 & ~0xfffull) + ((index + k) & 0x7ff) * 8, 0x20);
        }
    }
    flush(cs, local);
    return 0;
}

/* COMPARE AND REPLACE DAT TABLE ENTRY: facility 138 is not offered. */
uint64_t helper_s390_crdte(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    s390_program(s390_cpu(cs), PGM_OPERATION);
}

uint64_t helper_s390_ptlb(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    cpu_tlb_flush(cs);
    return 0;
}

/* CSP, CSPG: r2 & 1 purges the TLBs of all CPUs. arg: log2 of the size */
uint64_t helper_s390_csp(CpuState *cs, uint64_t regs, uint64_t size, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned r1 = reg(regs, 0);
    uint64_t r2 = cpu->gpr[reg(regs, 1)], addr = s390_cut(cpu, r2 & (size == 3 ? ~7ull : ~3ull));
    uint64_t mask = size == 3 ? UINT64_MAX : UINT32_MAX, swapped, expected, old;

    if (r1 & 1) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    expected = cpu->gpr[r1] & mask;
    swapped = cpu->gpr[r1 + 1] & mask;
    if (size == 3) {
        old = __builtin_bswap64(cpu_atomic_cmpxchg(cs, addr, __builtin_bswap64(expected),
                                                   __builtin_bswap64(swapped), 8, mmu));
    } else {
        old = __builtin_bswap32(cpu_atomic_cmpxchg(cs, addr, __builtin_bswap32(expected),
                                                   __builtin_bswap32(swapped), 4, mmu));
    }
    cpu->gpr[r1] = (cpu->gpr[r1] & ~mask) | old;
    if (old == expected && (r2 & 1)) {
        cpu_tlb_flush_all_cpus(cs);
    }
    return old != expected;
}

/* ---- protection ---- */
uint64_t helper_s390_tprot(CpuState *cs, uint64_t addr, uint64_t mmu)
{
    if (!cpu_probe_quiet(cs, addr, 1, MMU_ACCESS_READ, mmu)) {
        return 3;
    }
    return cpu_probe_quiet(cs, addr, 1, MMU_ACCESS_WRITE, mmu) ? 0 : 1;
}

static void clear_block(CpuState *cs, uint64_t real, unsigned bytes)
{
    static const uint8_t zero[4096];

    for (unsigned done = 0; done < bytes; done += sizeof(zero)) {
        cpu_st_bytes(cs, real + done, zero, sizeof(zero), S390_MMU_REAL);
    }
}

uint64_t helper_s390_testblk(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    clear_block(cs, s390_cut(cpu, cpu->gpr[reg(regs, 1)]) & ~0xfffull, 4096);
    cpu->gpr[0] = 0;
    return 0;
}

/* ---- storage keys: ACC and F in the left five bits, R, C ---- */
static uint8_t *key_of(S390Cpu *cpu, uint64_t real)
{
    uint8_t *key = cpu->board_ops->storage_key(cpu->board, s390_real_to_absolute(cpu, real));

    if (!key) {
        s390_program(cpu, PGM_ADDRESSING);
    }
    return key;
}

uint64_t helper_s390_sske(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    *key_of(cpu, s390_cut(cpu, cpu->gpr[reg(regs, 1)])) = cpu->gpr[reg(regs, 0)] & 0xfe;
    return 0;
}

uint64_t helper_s390_iske(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t *r1 = &cpu->gpr[reg(regs, 0)];

    *r1 = (*r1 & ~0xffull) | *key_of(cpu, s390_cut(cpu, cpu->gpr[reg(regs, 1)]));
    return 0;
}

/* RESET REFERENCE BIT: code is R and C as they were. */
uint64_t helper_s390_rrbe(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint8_t *key = key_of(cpu, s390_cut(cpu, cpu->gpr[reg(regs, 1)]));
    unsigned cc = *key >> 1 & 3;

    *key &= ~4;
    return cc;
}

/* PERFORM FRAME MANAGEMENT: clear the frame, set its key; 4 KiB, or a segment from an index on. */
uint64_t helper_s390_pfmf(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t r1 = cpu->gpr[reg(regs, 0)], addr = s390_cut(cpu, cpu->gpr[reg(regs, 1)]);
    bool set_key = r1 & 0x20000, clear = r1 & 0x10000;
    unsigned fsc = r1 >> 12 & 7;
    uint64_t end;

    if (fsc > 1) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    addr &= ~0xfffull;
    end = fsc ? (addr | 0xfffff) + 1 : addr + 4096;
    for (; addr < end; addr += 4096) {
        if (set_key) {
            *key_of(cpu, addr) = r1 & 0xfe;
        }
        if (clear) {
            clear_block(cs, addr, 4096);
        }
    }
    if (fsc) {
        cpu->gpr[reg(regs, 1)] = end;
    }
    return 0;
}

/* ---- moves between spaces ---- */
/* Both operands accessible first, then one copy. */
static void copy_spaces(S390Cpu *cpu, uint64_t to, unsigned as1, uint64_t from, unsigned as2,
                        uint64_t n)
{
    uint8_t buf[4096];
    unsigned mmu1 = s390_mmu_of_space(cpu, as1), mmu2 = s390_mmu_of_space(cpu, as2);

    cpu->access_as = as2;
    cpu_ld_bytes(&cpu->base, from, buf, n, mmu2);
    cpu->access_as = as1;
    cpu_st_bytes(&cpu->base, to, buf, n, mmu1);
    cpu->access_as = AS_PSW;
}

/* Operand access control: the space, or the PSW's. */
static unsigned oac_space(const S390Cpu *cpu, uint16_t oac)
{
    return oac & 1 ? oac >> 6 & 3 : (cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT;
}

uint64_t helper_s390_mvcos(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t r3)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t n = s390_mode_reg(cpu, r3);
    unsigned as1 = oac_space(cpu, cpu->gpr[0] >> 16), as2 = oac_space(cpu, cpu->gpr[0]);
    unsigned cc = n > 4096 ? 3 : 0;

    if (!(cpu->psw_mask & PSW_DAT) || as1 == AS_ACCREG || as2 == AS_ACCREG ||
        ((cpu->psw_mask & PSW_P) && (as1 == AS_HOME || as2 == AS_HOME))) {
        s390_program(cpu, PGM_SPECIAL_OPERATION);
    }
    if (n) {
        copy_spaces(cpu, a1, as1, a2, as2, MIN(n, 4096));
    }
    return cc;
}

uint64_t helper_s390_mvcps(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t n,
                           uint64_t to_secondary)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (!(cpu->psw_mask & PSW_DAT)) {
        s390_program(cpu, PGM_SPECIAL_OPERATION);
    }
    n = cpu->psw_mask & PSW_EA ? n : (uint32_t)n;
    if (n) {
        copy_spaces(cpu, a1, to_secondary ? AS_SECONDARY : AS_PRIMARY, a2,
                    to_secondary ? AS_PRIMARY : AS_SECONDARY, MIN(n, 256));
    }
    return n > 256 ? 3 : 0;
}

uint64_t helper_s390_mvck(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t n, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint8_t buf[256];

    n = cpu->psw_mask & PSW_EA ? n : (uint32_t)n;
    if (n) {
        cpu_ld_bytes(cs, a2, buf, MIN(n, 256), mmu);
        cpu_st_bytes(cs, a1, buf, MIN(n, 256), mmu);
    }
    return n > 256 ? 3 : 0;
}

/* ---- COMPARE AND SWAP AND STORE ---- */

/* What a comparison reads out of a register or an even-odd pair, as storage has it. */
static void register_bytes(const S390Cpu *cpu, unsigned r, unsigned n, uint8_t *out)
{
    for (unsigned k = 0; k < n; k++) {
        unsigned from_end = n - 1 - k;
        uint64_t v = n == 16 ? cpu->gpr[from_end < 8 ? r + 1 : r] : cpu->gpr[r];

        out[k] = v >> from_end % 8 * 8;
    }
}

static void register_set_bytes(S390Cpu *cpu, unsigned r, unsigned n, const uint8_t *in)
{
    uint64_t v[2] = { 0 };

    for (unsigned k = 0; k < n; k++) {
        v[k / 8] = v[k / 8] << 8 | in[k];
    }
    if (n == 4) {
        cpu->gpr[r] = (cpu->gpr[r] & ~0xffffffffull) | v[0];
        return;
    }
    cpu->gpr[r] = v[0];
    if (n == 16) {
        cpu->gpr[r + 1] = v[1];
    }
}

/* Leaves what was there in old. */
static bool swap_bytes(void *p, unsigned n, uint8_t *old, const uint8_t *want, const uint8_t *v)
{
    memcpy(old, want, n);
    if (n == 4) {
        return __atomic_compare_exchange((uint32_t *)p, (uint32_t *)old, (uint32_t *)v, false,
                                         __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    if (n == 8) {
        return __atomic_compare_exchange((uint64_t *)p, (uint64_t *)old, (uint64_t *)v, false,
                                         __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    uint64_t e[2], w[2];
    bool same;

    memcpy(e, want, 16);
    memcpy(w, v, 16);
    asm volatile("lock cmpxchg16b %1"
                 : "=@ccz"(same), "+m"(*(__int128 *)p), "+a"(e[0]), "+d"(e[1])
                 : "b"(w[0]), "c"(w[1])
                 : "memory");
    memcpy(old, e, 16);
    return same;
}

/*
 * r0: function code (4 << code bytes are compared) and store characteristic; r1: the list with the two
 * new values. Everything that may fault comes before the swap.
 */
uint64_t helper_s390_csst(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t r3, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned code = cpu->gpr[0] & 0xff, store = cpu->gpr[0] >> 8 & 0xff;
    uint64_t list = s390_cut(cpu, cpu->gpr[1]);
    uint8_t want[16], swap[16], old[16], bytes[16];

    if (code > 2 || store > 4 || (code == 2 && (r3 & 1)) || (a1 & ((4u << code) - 1)) ||
        (a2 & ((1u << store) - 1))) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    cpu_ld_bytes(cs, list, swap, 4u << code, mmu);
    cpu_ld_bytes(cs, list + 16, bytes, 1u << store, mmu);
    cpu_probe_access(cs, a2, 1u << store, MMU_ACCESS_WRITE, mmu);
    void *p = cpu_host_ptr(cs, a1, 4u << code, MMU_ACCESS_WRITE, mmu);
    if (!p) { /* no memory: nothing there can be swapped */
        s390_program(cpu, PGM_ADDRESSING);
    }
    register_bytes(cpu, r3, 4u << code, want);
    if (!swap_bytes(p, 4u << code, old, want, swap)) {
        register_set_bytes(cpu, r3, 4u << code, old);
        return 1;
    }
    cpu_st_bytes(cs, a2, bytes, 1u << store, mmu);
    return 0;
}
