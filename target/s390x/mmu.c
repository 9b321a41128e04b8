/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dynamic address translation: regions, segments, pages, large frames, prefixing.
 *
 * Each address space has an MMU index, and each index remembers the ASCE that its TLB entries were
 * made with. Loading CR1, CR7 or CR13 flushes nothing by itself: an index is made valid when it is
 * about to be used (s390_mmu_of_space), so a kernel that swaps CR1 at every system call keeps the
 * entries of both spaces. Accesses to the secondary space go through the primary's index when that one
 * holds the same ASCE.
 *
 * Key-controlled protection is decided when a TLB entry is made, so entries are valid for one access key
 * (tlb_key): another one empties the TLBs, which costs nothing where all programs have key 0.
 *
 * Low-address protection covers the first 512 bytes of two pages, less than a TLB entry: those pages get no
 * write permission, each store asks here anew. Stores to constant addresses beyond those bytes (a
 * kernel's, to its prefix area) are translated with the space's other index, S390_MMU_LOW, and stay
 * fast. Fetch-protection override, of half a page, works the same way for fetches.
 *
 * In the access-register mode operands have indexes by number (access.c), whose ASCE is found when an entry is made.
 */
#include "target/s390x/helper.h"

#define ASCE_ORIGIN  0xfffffffffffff000ull
#define ASCE_REAL    0x20u
#define ASCE_PRIVATE 0x100u
#define ENTRY_P      0x200u
#define ENTRY_NOEXEC 0x100u /* of the entry that has the frame */
#define ENTRY_I      0x20u
#define ENTRY_FC     0x400u
#define PTE_I        0x400u
#define PTE_ZERO     0x800u

#define KEY_FETCH 0x08u /* storage key: fetch protection */

#define TEID_STORE 0x400u
#define TEID_FETCH 0x800u
/* What a protection exception is of (enhanced suppression on protection). */
#define TEID_DAT  0x04u /* the page table */
#define TEID_KEY  0x08u /* the storage key */
#define TEID_LOW  0x80u /* low addresses */
#define TEID_EXEC 0x84u /* instruction-execution protection */
#define TEID_LIST 0x0cu /* the access list */

uint64_t s390_real_to_absolute(const S390Cpu *cpu, uint64_t real)
{
    uint64_t block = real & ~0x1fffull;

    if (block == 0) {
        return real | cpu->prefix;
    }
    return block == cpu->prefix ? real & 0x1fff : real;
}

/* ---- the table walk ---- */

static bool read_entry(S390Cpu *cpu, uint64_t real, uint64_t *entry)
{
    bool ok;

    *entry = __builtin_bswap64(cpu_phys_ld64(&cpu->base, 0, s390_real_to_absolute(cpu, real), &ok));
    return ok;
}

typedef struct Level {
    unsigned shift;  /* of the index in the address */
    unsigned absent; /* program-interruption code when invalid */
} Level;

static const Level levels[4] = {
    /* by the designation type */
    { 20, PGM_SEGMENT },
    { 31, PGM_REGION_THIRD },
    { 42, PGM_REGION_SECOND },
    { 53, PGM_REGION_FIRST },
};

static bool may_execute(const S390Cpu *cpu, uint64_t entry)
{
    return !(entry & ENTRY_NOEXEC) || !(cpu->cr[0] & CR0_IEP) || !s390_facility(cpu, 130);
}

static unsigned page_level(S390Cpu *cpu, uint64_t va, uint64_t segment, S390Walk *w)
{
    uint64_t pte;

    w->entry = (segment & ~0x7ffull) + (va >> 12 & 0xff) * 8;
    if (!read_entry(cpu, w->entry, &pte)) {
        return PGM_ADDRESSING;
    }
    if (pte & PTE_I) {
        return PGM_PAGE;
    }
    if (pte & PTE_ZERO) {
        return PGM_TRANSLATION_SPEC;
    }
    w->writable &= !(pte & ENTRY_P);
    w->executable = may_execute(cpu, pte);
    w->absolute = s390_real_to_absolute(cpu, (pte & ~0xfffull) | (va & 0xfff));
    w->lg_size = 12;
    return 0;
}

static unsigned large_frame(S390Cpu *cpu, uint64_t va, uint64_t entry, unsigned lg, S390Walk *w)
{
    uint64_t mask = (1ull << lg) - 1;

    w->executable = may_execute(cpu, entry);
    w->absolute = s390_real_to_absolute(cpu, (entry & ~mask) | (va & mask));
    w->lg_size = lg;
    return 0;
}

unsigned s390_walk(S390Cpu *cpu, uint64_t va, uint64_t asce, S390Walk *w)
{
    bool edat = cpu->cr[0] & CR0_EDAT, edat2 = s390_facility(cpu, 78);
    unsigned type = asce >> 2 & 3, length = asce & 3, first = 0;
    uint64_t table = asce & ASCE_ORIGIN;

    *w = (S390Walk){ .writable = true, .executable = true, .lg_size = 12 };
    if (asce & ASCE_REAL) {
        w->absolute = s390_real_to_absolute(cpu, va);
        return 0;
    }
    if (type < 3 && va >> (levels[type].shift + 11)) {
        return PGM_ASCE_TYPE;
    }
    for (int level = type; level >= 0; level--) {
        unsigned index = va >> levels[level].shift & 0x7ff;
        uint64_t entry;

        if (index >> 9 < first || index >> 9 > length) {
            return levels[level].absent;
        }
        w->entry = table + index * 8;
        if (!read_entry(cpu, w->entry, &entry)) {
            return PGM_ADDRESSING;
        }
        if (entry & ENTRY_I) {
            return levels[level].absent;
        }
        if ((entry >> 2 & 3) != (unsigned)level) {
            return PGM_TRANSLATION_SPEC;
        }
        w->writable &= !(edat || level == 0) || !(entry & ENTRY_P);
        if (edat && level < (edat2 ? 2 : 1) && (entry & ENTRY_FC)) {
            return large_frame(cpu, va, entry, levels[level].shift, w);
        }
        if (level == 0) {
            return page_level(cpu, va, entry, w);
        }
        table = entry & ASCE_ORIGIN;
        first = entry >> 6 & 3;
        length = entry & 3;
    }
    return PGM_TRANSLATION_SPEC;
}

/* ---- spaces and MMU indexes ---- */

static uint64_t asce_of(const S390Cpu *cpu, unsigned mmu)
{
    return cpu->cr[mmu == S390_MMU_PRIMARY ? 1 : mmu == S390_MMU_SECONDARY ? 7 : 13];
}

/* Real addresses and the home space, which is the system's: what is left when a program's space goes. */
static bool is_kept(unsigned mmu)
{
    return mmu == S390_MMU_REAL || mmu == S390_MMU_HOME;
}

static void make_valid(S390Cpu *cpu, unsigned mmu)
{
    uint64_t asce = asce_of(cpu, mmu);

    if (cpu->tlb_asce[mmu] == asce) {
        return;
    }
    cpu->tlb_asce[mmu] = asce;
    if (is_kept(mmu)) {
        cpu_tlb_flush_mmu(&cpu->base, (1u | 1u << S390_MMU_LOW) << mmu);
    } else {
        cpu_tlb_flush_nonglobal(&cpu->base);
    }
}

void s390_flush_asce(S390Cpu *cpu, uint64_t asce)
{
    const uint64_t table = ~0xff0ull; /* origin, type and length; a real space has no table */
    bool used[S390_MMU_SPACES];

    s390_ar_forget(cpu);
    for (unsigned mmu = S390_MMU_PRIMARY; mmu < S390_MMU_SPACES; mmu++) {
        uint64_t here = cpu->tlb_asce[mmu];
        used[mmu] = !((here ^ asce) & table) || ((here | asce) & ASCE_REAL);
    }
    if (used[S390_MMU_HOME]) {
        cpu_tlb_flush(&cpu->base);
    } else if (used[S390_MMU_PRIMARY] || used[S390_MMU_SECONDARY]) {
        cpu_tlb_flush_nonglobal(&cpu->base);
    }
}

unsigned s390_mmu_of_space(S390Cpu *cpu, unsigned as)
{
    static const uint8_t index[] = { S390_MMU_PRIMARY, S390_MMU_PRIMARY, S390_MMU_SECONDARY,
                                     S390_MMU_HOME };

    if (!(cpu->psw_mask & PSW_DAT)) {
        return S390_MMU_REAL;
    }
    if (as == AS_SECONDARY && cpu->tlb_asce[S390_MMU_PRIMARY] == cpu->cr[7] &&
        (cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT == AS_HOME) {
        return S390_MMU_PRIMARY;
    }
    make_valid(cpu, index[as]);
    return index[as];
}

unsigned s390_mmu_of_psw(const S390Cpu *cpu)
{
    static const uint8_t index[] = { S390_MMU_PRIMARY, S390_MMU_AR, S390_MMU_SECONDARY,
                                     S390_MMU_HOME };

    return cpu->psw_mask & PSW_DAT ? index[(cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT]
                                   : S390_MMU_REAL;
}

unsigned s390_fetch_mmu(CpuState *cs)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (!(cpu->psw_mask & PSW_DAT)) {
        return S390_MMU_REAL;
    }
    return (cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT == AS_HOME ? S390_MMU_HOME : S390_MMU_PRIMARY;
}

/* ---- keys ---- */

void s390_key_use(S390Cpu *cpu, unsigned key)
{
    if (cpu->tlb_key != key) {
        cpu->tlb_key = key;
        cpu_tlb_flush(&cpu->base);
    }
}

bool s390_key_allows(S390Cpu *cpu, unsigned key, uint64_t absolute, uint64_t va, bool store)
{
    const uint8_t *k = key ? cpu->board_ops->storage_key(cpu->board, absolute) : NULL;
    unsigned access_control = k ? *k >> 4 : key;

    if (access_control == key || (access_control == 9 && (cpu->cr[0] & CR0_STOREOV))) {
        return true;
    }
    return !store && (!(*k & KEY_FETCH) || (va < 2048 && (cpu->cr[0] & CR0_FETCHOV)));
}

void s390_key_check_allowed(S390Cpu *cpu, unsigned key)
{
    if ((cpu->psw_mask & PSW_P) && !(cpu->cr[3] & 0x80000000u >> key)) {
        s390_program(cpu, PGM_PRIVILEGED);
    }
}

void s390_spaces_update(S390Cpu *cpu)
{
    unsigned data = s390_mmu_of_psw(cpu), fetch = s390_fetch_mmu(&cpu->base);

    s390_key_use(cpu, s390_psw_key(cpu));
    if (data != S390_MMU_REAL) {
        make_valid(cpu, fetch);
    }
    if (data != S390_MMU_REAL && data != S390_MMU_AR) {
        make_valid(cpu, data);
    }
    if ((cpu->psw_mask & PSW_PER) || cpu->per_watches) {
        s390_per_update(cpu);
    }
}

/* ---- hooks ---- */

static uint64_t teid(const S390Cpu *cpu, uint64_t va, MmuAccess access, unsigned mmu)
{
    static const uint8_t as_of[] = { 0, AS_PRIMARY, AS_SECONDARY, AS_HOME };
    unsigned as = mmu >= S390_MMU_AR         ? AS_ACCREG
                  : cpu->access_as == AS_PSW ? as_of[mmu]
                                             : cpu->access_as;

    return (va & ~0xfffull) | (access == MMU_ACCESS_WRITE ? TEID_STORE : TEID_FETCH) | as;
}

/* reason: of a protection exception, else 0. */
static G_NORETURN void fault(S390Cpu *cpu, unsigned code, uint64_t va, MmuAccess access,
                             unsigned mmu, unsigned reason)
{
    uint64_t id = teid(cpu, va, access, mmu);

    cpu_sync_state(&cpu->base);
    if (access == MMU_ACCESS_EXEC) {
        cpu->ilen = 0;
    }
    cpu->teid = id | reason;
    cpu->excp_ar = mmu >= S390_MMU_AR ? cpu->ar_of[mmu - S390_MMU_AR] : 0;
    s390_program(cpu, code);
}

/* The storage key may allow less than the tables do, and of one block only. What is allowed in a part of
 * the page is allowed now, not for the whole page. */
static bool apply_key(S390Cpu *cpu, uint64_t va, MmuAccess access, MmuResult *res)
{
    bool fetch = s390_key_allows(cpu, cpu->tlb_key, res->phys, va, false);

    res->lg_size = MIN(res->lg_size, 12);
    if (!s390_key_allows(cpu, cpu->tlb_key, res->phys, va, true)) {
        res->prot &= ~MMU_W;
    }
    if (!s390_key_allows(cpu, cpu->tlb_key, res->phys, 4096, false)) {
        res->prot &= ~(MMU_R | MMU_X);
    }
    return access == MMU_ACCESS_WRITE ? res->prot & MMU_W : fetch;
}

bool s390_low_protected(const S390Cpu *cpu, uint64_t va, unsigned mmu)
{
    bool private_space = mmu != S390_MMU_REAL && (cpu->tlb_asce[mmu] & ASCE_PRIVATE);

    return (cpu->cr[0] & CR0_LAP) && va < 0x2000 && !private_space;
}

/* Low-address protection: is the access allowed? Stores to the rest of the page ask again. */
static bool apply_low(const S390Cpu *cpu, uint64_t va, MmuAccess access, unsigned mmu,
                      MmuResult *res)
{
    if (!s390_low_protected(cpu, va, mmu)) {
        return true;
    }
    res->lg_size = MIN(res->lg_size, 12);
    res->prot &= ~MMU_W;
    return access != MMU_ACCESS_WRITE || (va & 0xfff) >= 512;
}

bool s390_mmu_translate(CpuState *cs, GuestVirt va, MmuAccess access, unsigned index, bool probe,
                        MmuResult *res)
{
    S390Cpu *cpu = s390_cpu(cs);
    S390Walk w = { .writable = true, .executable = true, .lg_size = 12 };
    S390Space space = { 0 };
    unsigned code = 0, mmu = index & ~S390_MMU_LOW, reason = 0;

    if (mmu == S390_MMU_REAL) {
        w.absolute = s390_real_to_absolute(cpu, va);
    } else {
        code = s390_mmu_space(cpu, mmu, &space);
        code = code ? code : s390_walk(cpu, va, space.asce, &w);
    }
    if (!code) {
        bool writable = w.writable && !space.fetch_only;
        res->phys = w.absolute;
        res->prot = MMU_R | (w.executable ? MMU_X : 0) | (writable ? MMU_W : 0);
        res->lg_size = w.lg_size;
        res->global = is_kept(mmu);
        reason = access == MMU_ACCESS_WRITE && space.fetch_only          ? TEID_LIST
                 : access == MMU_ACCESS_WRITE && !w.writable             ? TEID_DAT
                 : access == MMU_ACCESS_EXEC && !w.executable            ? TEID_EXEC
                 : cpu->tlb_key && !apply_key(cpu, va, access, res)      ? TEID_KEY
                 : index == mmu && !apply_low(cpu, va, access, mmu, res) ? TEID_LOW
                                                                         : 0;
        code = reason ? PGM_PROTECTION : 0;
    }
    if (code && !probe) {
        fault(cpu, code, va, access, mmu, reason);
    }
    if (!code) {
        cpu->board_ops->key_referred(cpu->board, w.absolute);
    }
    return !code;
}

bool s390_mmu_debug(CpuState *cs, GuestVirt va, uint64_t *phys)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned mmu = s390_fetch_mmu(cs);
    S390Walk w;

    if (mmu == S390_MMU_REAL) {
        *phys = s390_real_to_absolute(cpu, va);
        return true;
    }
    if (s390_walk(cpu, va, asce_of(cpu, mmu), &w)) {
        return false;
    }
    *phys = w.absolute;
    return true;
}

void s390_unaligned(CpuState *cs, GuestVirt va, MmuAccess access, unsigned mmu)
{
    s390_program(s390_cpu(cs), PGM_SPECIFICATION);
}

void s390_bus_error(CpuState *cs, uint64_t phys, MmuAccess access, unsigned size)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (access == MMU_ACCESS_EXEC) {
        cpu->ilen = 0;
    }
    s390_program(cpu, PGM_ADDRESSING);
}
