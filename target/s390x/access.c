/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Access-register translation (Principles of Operation, chapter 5): from the ALET in an access register to the
 * designation of the space that a storage operand is in.
 *
 * In the access-register mode operand n of an instruction has an MMU index of its own, S390_MMU_AR + n. The instruction
 * first says which access register tells its space (ar_select); the ALET is translated when the index has no
 * TLB entry for an address, so an operand that is not accessed has no exceptions. The entries of an index
 * are good for one ALET, and until a control register is loaded or PURGE ALB is done. Access register 0 counts as 0.
 */
#include "target/s390x/helper.h"

#define ALET_RESERVED 0xfe000000u
#define ALET_PRIMARY \
    0x01000000u /* an entry of the primary space's list, else of the dispatchable unit's */
#define ALET_SEQUENCE 0x00ff0000u
#define ALET_ENTRY    0x0000ffffu

#define TABLE_ORIGIN \
    0x7fffffc0u         /* of a dispatchable-unit control table, or an ASN-second-table entry */
#define LIST_AT     16u /* in both of them: origin and length of the access list */
#define LIST_ORIGIN 0x7fffff80u
#define LIST_LENGTH 0x7fu /* groups of eight entries, less one */

/* Word 0 of an access-list entry; word 2 has the ASTE's address, word 3 its sequence number. */
#define ALE_INVALID    0x80000000u
#define ALE_FETCH_ONLY 0x02000000u
#define ALE_PRIVATE    0x01000000u

/* Words of an ASN-second-table entry: 0 authority table, 1 its length, 2 and 3 the ASCE, 5 the sequence number. */
#define ASTE_INVALID 0x80000000u
#define ASTE_WORDS   6

/* Words in real storage; false: there is none. */
static bool words(S390Cpu *cpu, uint64_t real, uint32_t *out, unsigned n)
{
    bool ok = true;

    for (unsigned k = 0; ok && k < n; k++) {
        uint64_t at = s390_real_to_absolute(cpu, real + 4 * k);
        out[k] = __builtin_bswap32(cpu_phys_ld32(&cpu->base, 0, at, &ok));
    }
    return ok;
}

/* May a program with this extended authorization index use a space of others? By two bits in the space's table. */
static unsigned authorize(S390Cpu *cpu, const uint32_t *aste, unsigned eax)
{
    uint32_t at = (aste[0] & 0x7ffffffc) + eax / 4, four;

    if (eax >> 4 > (aste[1] >> 4 & 0xfff)) {
        return PGM_EXTENDED_AUTHORITY;
    }
    if (!words(cpu, at & ~3u, &four, 1)) {
        return PGM_ADDRESSING;
    }
    unsigned bits = four >> (24 - 8 * (at & 3)) >> (6 - 2 * (eax & 3)) & 3;
    return bits & 1 ? 0 : PGM_EXTENDED_AUTHORITY;
}

unsigned s390_alet_walk(S390Cpu *cpu, uint32_t alet, unsigned eax, S390Space *out)
{
    uint32_t list, ale[4], aste[ASTE_WORDS];

    *out = (S390Space){ .asce = cpu->cr[alet == 1 ? 7 : 1] };
    if (alet <= 1) {
        return 0;
    }
    if (alet & ALET_RESERVED) {
        return PGM_ALET_SPEC;
    }
    uint64_t owner = cpu->cr[alet & ALET_PRIMARY ? 5 : 2] & TABLE_ORIGIN;
    if (!words(cpu, owner + LIST_AT, &list, 1)) {
        return PGM_ADDRESSING;
    }
    uint32_t entry = alet & ALET_ENTRY, at = (list & LIST_ORIGIN) + entry * 16;
    if (entry >> 3 > (list & LIST_LENGTH)) {
        return PGM_ALEN_TRANSLATION;
    }
    if (at > INT32_MAX || !words(cpu, at, ale, 4)) {
        return PGM_ADDRESSING;
    }
    if (ale[0] & ALE_INVALID) {
        return PGM_ALEN_TRANSLATION;
    }
    if ((ale[0] ^ alet) & ALET_SEQUENCE) {
        return PGM_ALE_SEQUENCE;
    }
    if (!words(cpu, ale[2] & TABLE_ORIGIN, aste, ASTE_WORDS)) {
        return PGM_ADDRESSING;
    }
    if (aste[0] & ASTE_INVALID) {
        return PGM_ASTE_VALIDITY;
    }
    if (aste[5] != ale[3]) {
        return PGM_ASTE_SEQUENCE;
    }
    out->asce = (uint64_t)aste[2] << 32 | aste[3];
    out->fetch_only = ale[0] & ALE_FETCH_ONLY;
    return !(ale[0] & ALE_PRIVATE) || (ale[0] & 0xffff) == eax ? 0 : authorize(cpu, aste, eax);
}

unsigned s390_ar_walk(S390Cpu *cpu, unsigned r, S390Space *out)
{
    return s390_alet_walk(cpu, r ? cpu->ar[r] : 0, cpu->cr[8] >> 16 & 0xffff, out);
}

unsigned s390_mmu_space(S390Cpu *cpu, unsigned mmu, S390Space *out)
{
    if (mmu < S390_MMU_AR) {
        *out = (S390Space){ .asce = cpu->tlb_asce[mmu] };
        return 0;
    }
    unsigned code = s390_ar_walk(cpu, cpu->ar_of[mmu - S390_MMU_AR], out);

    cpu->tlb_asce[mmu] = out->asce;
    cpu->ar_known |= code ? 0 : 1u << mmu;
    return code;
}

/* ---- what the indexes stand for ---- */
static void drop(S390Cpu *cpu, uint32_t indexes)
{
    if (cpu->ar_known & indexes) {
        cpu->ar_known &= ~indexes;
        cpu_tlb_flush_mmu(&cpu->base, indexes | indexes << S390_MMU_LOW);
    }
}

void s390_ar_forget(S390Cpu *cpu)
{
    drop(cpu, cpu->ar_known);
}

void s390_ar_select(S390Cpu *cpu, unsigned n, unsigned r)
{
    uint32_t alet = r ? cpu->ar[r] : 0;

    cpu->ar_of[n] = r;
    if (cpu->ar_alet[n] != alet) {
        cpu->ar_alet[n] = alet;
        drop(cpu, 1u << (S390_MMU_AR + n));
    }
}

bool s390_same_space(const S390Cpu *cpu, unsigned mmu)
{
    return mmu < S390_MMU_AR || cpu->ar_alet[0] == cpu->ar_alet[1];
}

/* regs: of operand n in nibble n. */
uint64_t helper_s390_ar_select(CpuState *cs, uint64_t regs, uint64_t count)
{
    for (unsigned n = 0; n < count; n++) {
        s390_ar_select(s390_cpu(cs), n, regs >> 4 * n & 15);
    }
    return 0;
}

/* ---- instructions ---- */

/* TEST ACCESS: 0 for ALET 0, 1 of the dispatchable unit's list, 2 of the primary space's, 3 for ALET 1 and for one
 * that has an exception. Access register 0 counts as it is. */
uint64_t helper_s390_tar(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint32_t alet = cpu->ar[regs & 15];
    S390Space s;
    unsigned code = s390_alet_walk(cpu, alet, cpu->gpr[regs >> 4 & 15] >> 16 & 0xffff, &s);

    if (code == PGM_ADDRESSING) {
        s390_program(cpu, code);
    }
    return !alet ? 0 : code || alet == 1 ? 3 : alet & ALET_PRIMARY ? 2 : 1;
}

uint64_t helper_s390_palb(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    s390_ar_forget(s390_cpu(cs));
    return 0;
}

/* What LOAD ADDRESS EXTENDED leaves in the access register: the present space. */
uint64_t helper_s390_lae(CpuState *cs, uint64_t b2)
{
    S390Cpu *cpu = s390_cpu(cs);

    switch ((cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT) {
    case AS_ACCREG: return b2 ? cpu->ar[b2] : 0;
    case AS_SECONDARY: return 1;
    case AS_HOME: return 2;
    default: return 0;
    }
}
