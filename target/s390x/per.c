/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Program-event recording: successful branching, instruction fetching (also nullifying), storage
 * alteration, and storing by real address.
 *
 * While the PSW asks for it, regions are one instruction long (MODE_PER) and start with a call of
 * per_begin, which forgets the last instruction's events and sees to the fetch; taken branches call per_branch.
 * Stores into the range are the engine's watchpoints: it runs the instruction again alone, then asks the
 * debug hook, which in the access-register mode takes the altered operand for the first. Whatever happened leaves
 * EXCP_PER as the CPU's pending exception, which the loop delivers when the instruction is over, before anything
 * else; an interruption of the instruction itself takes the events along (s390_per_store). Without the PSW's bit
 * nothing of this is in the translated code.
 *
 * Storage-key alteration and zero-address detection are facilities that are not offered: their bits of
 * control register 9 are ignored.
 */
#include <string.h>
#include "target/s390x/helper.h"

/* Events, as the interruption tells them, and as the left byte of CR9's right half asks for them. */
enum {
    PER_BRANCH = 0x80,
    PER_FETCH = 0x40,
    PER_STORE = 0x20,
    PER_STORE_REAL = 0x08,
    PER_NULLIFY = 0x01,
};
#define CR9_BRANCH_RANGE 0x00800000u /* only branches to the range */
#define CR9_SPACE        0x00200000u /* only stores to spaces that ask for it */
#define ASCE_STORE_EVENT 0x80u

static unsigned wanted(const S390Cpu *cpu)
{
    return cpu->psw_mask & PSW_PER ? (uint32_t)cpu->cr[9] >> 24 : 0;
}

bool s390_per_active(const S390Cpu *cpu)
{
    return wanted(cpu) & (PER_BRANCH | PER_FETCH | PER_STORE | PER_STORE_REAL);
}

/* The range wraps when it ends before it starts. */
static bool in_range(const S390Cpu *cpu, uint64_t first, uint64_t last)
{
    uint64_t start = cpu->cr[10], end = cpu->cr[11];

    return start <= end ? first <= end && last >= start : last >= start || first <= end;
}

/* ---- the watched range ---- */

/* Two stretches at most, neither of which is 2^64 bytes long. */
static unsigned stretches(const S390Cpu *cpu, S390PerWatch out[2])
{
    uint64_t start = cpu->cr[10], end = cpu->cr[11];

    if (!(wanted(cpu) & PER_STORE)) {
        return 0;
    }
    if (start <= end && end - start != UINT64_MAX) {
        out[0] = (S390PerWatch){ start, end - start + 1 };
        return 1;
    }
    if (start <= end) {
        start = 1ull << 63;
        end = start - 1;
    }
    out[0] = (S390PerWatch){ start, 0 - start };
    out[1] = (S390PerWatch){ 0, end + 1 };
    return 2;
}

void s390_per_update(S390Cpu *cpu)
{
    S390PerWatch w[2] = { 0 };
    unsigned n = stretches(cpu, w);

    if (n == cpu->per_watches && !memcmp(w, cpu->per_watch, sizeof(w))) {
        return;
    }
    for (unsigned k = 0; k < cpu->per_watches; k++) {
        const S390PerWatch *old = &cpu->per_watch[k];
        cpu_watchpoint_remove(&cpu->base, old->start, old->len, CPU_WATCH_WRITE);
    }
    for (unsigned k = 0; k < n; k++) {
        cpu_watchpoint_insert(&cpu->base, w[k].start, w[k].len, CPU_WATCH_WRITE);
    }
    memcpy(cpu->per_watch, w, sizeof(w));
    cpu->per_watches = n;
}

/* ---- events ---- */
static void pend(S390Cpu *cpu)
{
    cpu->base.exception = EXCP_PER;
    cpu_kick(&cpu->base);
}

static void event(S390Cpu *cpu, unsigned bits)
{
    cpu->per_events |= bits;
    pend(cpu);
}

static uint8_t mode_id(const S390Cpu *cpu)
{
    uint64_t m = cpu->psw_mask;
    unsigned as = (m & PSW_AS) >> PSW_AS_SHIFT;

    return (m & PSW_EA ? 0x80 : 0) | 0x40 | (m & PSW_BA ? 0x20 : 0) | (m & PSW_DAT ? 0x10 : 0) |
           as << 2;
}

/* pc: of the instruction; len: its length, 0: it is the target of the EXECUTE that was begun before. */
uint64_t helper_s390_per_begin(CpuState *cs, uint64_t pc, uint64_t len)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (len) {
        cpu->per_events = 0;
        cpu->per_address = pc;
        cpu->per_ilen = len;
        cpu->per_mode = mode_id(cpu);
        cpu->per_ar = 0;
    }
    if ((wanted(cpu) & PER_FETCH) && in_range(cpu, pc, pc)) {
        if (wanted(cpu) & PER_NULLIFY) {
            cpu->per_events = PER_FETCH | PER_NULLIFY;
            s390_program(cpu, PGM_PER);
        }
        event(cpu, PER_FETCH);
    } else if (cpu->per_events) {
        pend(cpu);
    }
    return 0;
}

uint64_t helper_s390_per_branch(CpuState *cs, uint64_t to)
{
    S390Cpu *cpu = s390_cpu(cs);

    if ((wanted(cpu) & PER_BRANCH) && (!(cpu->cr[9] & CR9_BRANCH_RANGE) || in_range(cpu, to, to))) {
        event(cpu, PER_BRANCH);
    }
    return 0;
}

void s390_per_stored_real(S390Cpu *cpu)
{
    if (wanted(cpu) & PER_STORE_REAL) {
        event(cpu, PER_STORE_REAL);
    }
}

static bool space_asks(const S390Cpu *cpu)
{
    unsigned as = (cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT;
    uint64_t asce = as == AS_ACCREG ? cpu->tlb_asce[S390_MMU_AR]
                                    : cpu->cr[as == AS_SECONDARY ? 7
                                              : as == AS_HOME    ? 13
                                                                 : 1];

    return !(cpu->cr[9] & CR9_SPACE) || ((cpu->psw_mask & PSW_DAT) && (asce & ASCE_STORE_EVENT));
}

bool s390_debug_exception(CpuState *cs)
{
    S390Cpu *cpu = s390_cpu(cs);
    bool ours = false;

    if (cs->debug_cause == CPU_DEBUG_WATCH) {
        for (unsigned k = 0; k < cpu->per_watches; k++) {
            ours |= cs->watch_hit - cpu->per_watch[k].start < cpu->per_watch[k].len;
        }
    }
    if (ours && space_asks(cpu)) {
        cpu->per_mode |= (cpu->psw_mask & PSW_DAT) ? (cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT : 0;
        cpu->per_ar = s390_mmu_of_psw(cpu) == S390_MMU_AR ? cpu->ar_of[0] : 0;
        cpu->per_events |= PER_STORE;
    }
    if (cpu->per_events) { /* the debugger's stop, or the retry, took the place of it */
        cs->exception = EXCP_PER;
    }
    return ours;
}
