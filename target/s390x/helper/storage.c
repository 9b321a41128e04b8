/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Storage control: translation and invalidation, real storage, moves between spaces and keys.
 */
#include <string.h>
#include "exec/engine.h"
#include "target/s390x/helper.h"

static unsigned reg(uint64_t regs, unsigned n)
{
    return regs >> (4 * n) & 15; /* r1, r2, r3, m4, m3 */
}

/* ---- translation ---- */
/* Of the PSW's space, whether translation is on or not; r: the register that tells it in the access-register mode. */
static unsigned walk_psw_space(S390Cpu *cpu, uint64_t va, unsigned r, S390Walk *w)
{
    unsigned as = (cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT, code = 0;
    S390Space s = { .asce = cpu->cr[as == AS_SECONDARY ? 7 : as == AS_HOME ? 13 : 1] };

    if (as == AS_ACCREG) {
        code = s390_ar_walk(cpu, r, &s);
    }
    return code ? code : s390_walk(cpu, va, s.asce, w);
}

/* LRA: 0 found, 1 segment, 2 page entry invalid, 3 otherwise. regs: r1, b2; arg 1: LRAG. */
uint64_t helper_s390_lra(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t arg)
{
    S390Cpu *cpu = s390_cpu(cs);
    bool wide = arg || (cpu->psw_mask & PSW_EA);
    S390Walk w;
    unsigned r1 = reg(regs, 0), code = walk_psw_space(cpu, addr, reg(regs, 1), &w), cc;
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
    s390_per_stored_real(cpu);
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

static void flush_asce(CpuState *cs, void *opaque)
{
    for (unsigned i = 0; i < engine_cpu_count(cs->engine); i++) {
        s390_flush_asce(s390_cpu(engine_cpu(cs->engine, i)), *(const uint64_t *)opaque);
    }
}

uint64_t helper_s390_ipte(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t table = cpu->gpr[reg(regs, 0)] & ~0x7ffull, va = cpu->gpr[reg(regs, 1)];
    bool local = reg(regs, 3) & 1;

    entry_set_invalid(cpu, table + (va >> 12 & 0xff) * 8, 0x400);
    if (local) {
        cpu_tlb_flush_small_page(cs, va & ~0xfffull);
    } else {
        cpu_tlb_flush_small_page_all_cpus(cs, va & ~0xfffull);
    }
    return 0;
}

/* Of the index in the address: segment, region third, second, first. */
static const uint8_t level_shift[4] = { 20, 31, 42, 53 };

/* INVALIDATE DAT TABLE ENTRY: r1 table and type, r2 first index or "clear by ASCE", r3 ASCE. */
uint64_t helper_s390_idte(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t r1 = cpu->gpr[reg(regs, 0)], r2 = cpu->gpr[reg(regs, 1)];
    bool local = reg(regs, 3) & 1;

    if (!(r2 & 0x800)) {
        unsigned type = r1 >> 2 & 3, index = r2 >> level_shift[type] & 0x7ff;
        unsigned n = (r2 & 0x7ff) + 1;
        for (unsigned k = 0; k < n; k++) {
            entry_set_invalid(cpu, (r1 & ~0xfffull) + ((index + k) & 0x7ff) * 8, 0x20);
        }
    }
    uint64_t asce = cpu->gpr[reg(regs, 2)];
    if (!reg(regs, 2)) { /* of any space */
        flush(cs, local);
    } else if (local) {
        s390_flush_asce(cpu, asce);
    } else {
        cpu_run_exclusive(cs, flush_asce, &asce);
    }
    return 0;
}

/* COMPARE AND REPLACE DAT TABLE ENTRY: r1 and the next old and new entry, r2 and the next table with its type and the
   address, r3 ASCE. Types: 0 a page table, 4 a segment table, to 7 the region tables. */
uint64_t helper_s390_crdte(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned r1 = reg(regs, 0), r2 = reg(regs, 1);
    uint64_t table = cpu->gpr[r2], va = cpu->gpr[(r2 + 1) & 15], expected = cpu->gpr[r1];
    unsigned type = table >> 2 & 7;

    if ((r1 & 1) || (r2 & 1) || (type && type < 4)) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    table = type ? (table & ~0xfffull) + (va >> level_shift[type - 4] & 0x7ff) * 8
                 : (table & ~0x7ffull) + (va >> 12 & 0xff) * 8;
    uint64_t old = __builtin_bswap64(cpu_atomic_cmpxchg(cs, table, __builtin_bswap64(expected),
                                                        __builtin_bswap64(cpu->gpr[(r1 + 1) & 15]),
                                                        8, S390_MMU_REAL));
    if (old != expected) {
        cpu->gpr[r1] = old;
        return 1;
    }
    flush(cs, reg(regs, 3) & 1);
    return 0;
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

/* ---- moves between spaces and keys ---- */

/* One side of a move. */
typedef struct Side {
    uint64_t at;
    unsigned mmu, as, key;
} Side;

/* As many bytes as a buffer holds; both sides are accessed whole, the source first. */
static void move(S390Cpu *cpu, Side to, Side from, uint64_t n)
{
    uint8_t buf[4096];

    cpu->access_as = from.as;
    s390_key_use(cpu, from.key);
    cpu_ld_bytes(&cpu->base, from.at, buf, n, from.mmu);
    cpu->access_as = to.as;
    s390_key_use(cpu, to.key);
    cpu_st_bytes(&cpu->base, to.at, buf, n, to.mmu);
    cpu->access_as = AS_PSW;
    s390_key_use(cpu, s390_psw_key(cpu));
}

static Side side(S390Cpu *cpu, uint64_t at, unsigned as, unsigned key)
{
    return (Side){ at, s390_mmu_of_space(cpu, as), as, key };
}

/* Operand access control: the space and the key, or the PSW's. */
static unsigned oac_space(const S390Cpu *cpu, uint16_t oac)
{
    return oac & 1 ? oac >> 6 & 3 : (cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT;
}

/* Operand n, whose base register is the one given. */
static Side oac_side(S390Cpu *cpu, uint64_t at, unsigned n, unsigned base, unsigned as,
                     unsigned key)
{
    if (as == AS_ACCREG) {
        s390_ar_select(cpu, n, base);
        return (Side){ at, S390_MMU_AR + n, as, key };
    }
    return side(cpu, at, as, key);
}

static unsigned oac_key(S390Cpu *cpu, uint16_t oac)
{
    if (!(oac & 2)) {
        return s390_psw_key(cpu);
    }
    s390_key_check_allowed(cpu, oac >> 12);
    return oac >> 12;
}

/* regs: r3, b1, b2 */
uint64_t helper_s390_mvcos(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t regs)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t n = s390_mode_reg(cpu, reg(regs, 0));
    uint16_t oac1 = cpu->gpr[0] >> 16, oac2 = cpu->gpr[0];
    unsigned as1 = oac_space(cpu, oac1), as2 = oac_space(cpu, oac2);
    unsigned cc = n > 4096 ? 3 : 0;

    if (!(cpu->psw_mask & PSW_DAT) ||
        ((cpu->psw_mask & PSW_P) && (as1 == AS_HOME || as2 == AS_HOME))) {
        s390_program(cpu, PGM_SPECIAL_OPERATION);
    }
    if (n) {
        unsigned key1 = oac_key(cpu, oac1), key2 = oac_key(cpu, oac2);
        move(cpu, oac_side(cpu, a1, 0, reg(regs, 1), as1, key1),
             oac_side(cpu, a2, 1, reg(regs, 2), as2, key2), MIN(n, 4096));
    }
    return cc;
}

/* MVCP, MVCS: the key is of the secondary space's operand; the primary's is the PSW's. */
uint64_t helper_s390_mvcps(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t n, uint64_t key_reg,
                           uint64_t to_secondary)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned as = (cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT, key = key_reg >> 4 & 15;

    if (!(cpu->psw_mask & PSW_DAT) || !(cpu->cr[0] & CR0_SPACE) || as == AS_HOME ||
        as == AS_ACCREG) {
        s390_program(cpu, PGM_SPECIAL_OPERATION);
    }
    s390_key_check_allowed(cpu, key);
    n = cpu->psw_mask & PSW_EA ? n : (uint32_t)n;
    if (n) {
        Side primary = side(cpu, to_secondary ? a2 : a1, AS_PRIMARY, s390_psw_key(cpu));
        Side secondary = side(cpu, to_secondary ? a1 : a2, AS_SECONDARY, key);
        move(cpu, to_secondary ? secondary : primary, to_secondary ? primary : secondary,
             MIN(n, 256));
    }
    return n > 256 ? 3 : 0;
}

#define MVPG_RESERVED 0xf000u
#define MVPG_CODE     0x400u /* a page that is not there is a condition code */
#define MVPG_KEY1     0x200u /* the key in register 0 is the destination's */
#define MVPG_KEY2     0x100u /* ... or the source's */

static bool page_absent(S390Cpu *cpu, uint64_t va, unsigned mmu)
{
    S390Space space;
    S390Walk w;

    return mmu != S390_MMU_REAL && !s390_mmu_space(cpu, mmu, &space) &&
           s390_walk(cpu, va, space.asce, &w) == PGM_PAGE;
}

/* MOVE PAGE: 0 moved, 1 the destination is not there, 2 the source. */
uint64_t helper_s390_mvpg(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t r0 = cpu->gpr[0], own = s390_psw_key(cpu), key = r0 >> 4 & 15;
    uint64_t a1 = s390_cut(cpu, cpu->gpr[reg(regs, 0)]) & ~0xfffull;
    uint64_t a2 = s390_cut(cpu, cpu->gpr[reg(regs, 1)]) & ~0xfffull;
    unsigned mmu2 = s390_mmu_operand(mmu, 1), keys = r0 & (MVPG_KEY1 | MVPG_KEY2);

    if ((r0 & MVPG_RESERVED) || keys == (MVPG_KEY1 | MVPG_KEY2)) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    if (keys) {
        s390_key_check_allowed(cpu, key);
    }
    if ((r0 & MVPG_CODE) && page_absent(cpu, a2, mmu2)) {
        return 2;
    }
    if ((r0 & MVPG_CODE) && page_absent(cpu, a1, mmu)) {
        return 1;
    }
    move(cpu, (Side){ a1, mmu, AS_PSW, keys & MVPG_KEY1 ? key : own },
         (Side){ a2, mmu2, AS_PSW, keys & MVPG_KEY2 ? key : own }, 4096);
    return 0;
}

/* MOVE WITH KEY: the source's key is given. */
uint64_t helper_s390_mvck(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t n, uint64_t key_reg,
                          uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned key = key_reg >> 4 & 15;

    s390_key_check_allowed(cpu, key);
    n = cpu->psw_mask & PSW_EA ? n : (uint32_t)n;
    if (n) {
        move(cpu, (Side){ a1, mmu, AS_PSW, s390_psw_key(cpu) },
             (Side){ a2, s390_mmu_operand(mmu, 1), AS_PSW, key }, MIN(n, 256));
    }
    return n > 256 ? 3 : 0;
}

/* MOVE WITH SOURCE or DESTINATION KEY: length less one in r0, key in r1. */
uint64_t helper_s390_mvcxk(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t destination,
                           uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned key = cpu->gpr[1] >> 4 & 15, own = s390_psw_key(cpu);

    s390_key_check_allowed(cpu, key);
    move(cpu, (Side){ a1, mmu, AS_PSW, destination ? key : own },
         (Side){ a2, s390_mmu_operand(mmu, 1), AS_PSW, destination ? own : key },
         (cpu->gpr[0] & 0xff) + 1);
    return 0;
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
    unsigned mmu2 = s390_mmu_operand(mmu, 1), list_mmu = s390_mmu_operand(mmu, 2);
    cpu_ld_bytes(cs, list, swap, 4u << code, list_mmu);
    cpu_ld_bytes(cs, list + 16, bytes, 1u << store, list_mmu);
    cpu_probe_access(cs, a2, 1u << store, MMU_ACCESS_WRITE, mmu2);
    cpu_probe_access(cs, a1, 4u << code, MMU_ACCESS_WRITE, mmu);
    void *p = cpu_host_ptr(cs, a1, 4u << code, MMU_ACCESS_WRITE, mmu | S390_MMU_LOW);
    if (!p) { /* no memory: nothing there can be swapped */
        s390_program(cpu, PGM_ADDRESSING);
    }
    register_bytes(cpu, r3, 4u << code, want);
    if (!swap_bytes(p, 4u << code, old, want, swap)) {
        register_set_bytes(cpu, r3, 4u << code, old);
        return 1;
    }
    cpu_st_bytes(cs, a2, bytes, 1u << store, mmu2);
    return 0;
}
