/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TOD clock, clock comparator, CPU timer. All run on the virtual clock: TOD = base + virtual time,
 * where the base is the board's; the CPU timer is kept as the time at which it becomes negative.
 *
 * A comparator or timer condition is a pending bit that its host timer sets and that only a new
 * value takes away: the architecture's conditions stay as long as they hold.
 */
#include "base/core/vm.h"
#include "target/s390x/helper.h"

static int64_t now_ns(S390Cpu *cpu)
{
    return clock_now_ns(cpu->vm, CLOCK_KIND_VIRTUAL);
}

uint64_t s390_tod_now(S390Cpu *cpu)
{
    return cpu->board_ops->tod_base(cpu->board) + s390_ns_to_tod((uint64_t)now_ns(cpu));
}

static int64_t tod_to_ns(int64_t t)
{
    return (t / 512) * 125 + (t % 512) * 125 / 512;
}

uint64_t s390_cpu_timer_get(S390Cpu *cpu)
{
    int64_t left = cpu->cputm_end_ns - now_ns(cpu);

    return left >= 0 ? s390_ns_to_tod((uint64_t)left) : -s390_ns_to_tod((uint64_t)-left);
}

static void unpend(S390Cpu *cpu, uint32_t bit)
{
    __atomic_and_fetch(&cpu->pending, ~bit, __ATOMIC_SEQ_CST);
}

static void update_comparator(S390Cpu *cpu)
{
    uint64_t base = cpu->board_ops->tod_base(cpu->board), now = s390_tod_now(cpu);

    if (cpu->ckc < now) {
        s390_cpu_pend(cpu, PEND_CLKCMP);
        timer_cancel(cpu->ckc_timer);
        return;
    }
    unpend(cpu, PEND_CLKCMP);
    if (cpu->ckc == UINT64_MAX) {
        timer_cancel(cpu->ckc_timer);
    } else {
        uint64_t ns = s390_tod_to_ns(cpu->ckc - base);
        timer_arm(cpu->ckc_timer, ns < INT64_MAX - 2 ? (int64_t)ns + 2 : INT64_MAX - 1);
    }
}

static void update_cpu_timer(S390Cpu *cpu)
{
    if (cpu->cputm_end_ns < now_ns(cpu)) {
        s390_cpu_pend(cpu, PEND_CPUTMR);
        timer_cancel(cpu->cputm_timer);
        return;
    }
    unpend(cpu, PEND_CPUTMR);
    if (cpu->cr[0] & CR0_CPUTMR) {
        timer_arm(cpu->cputm_timer, cpu->cputm_end_ns + 1);
    } else {
        timer_cancel(cpu->cputm_timer);
    }
}

void s390_timers_update(S390Cpu *cpu)
{
    if (cpu->ckc_timer) {
        update_comparator(cpu);
        update_cpu_timer(cpu);
    }
}

static void comparator_fired(void *opaque)
{
    S390Cpu *cpu = opaque;

    if (cpu->ckc < s390_tod_now(cpu)) {
        s390_cpu_pend(cpu, PEND_CLKCMP);
    } else {
        update_comparator(cpu);
    }
}

static void cpu_timer_fired(void *opaque)
{
    S390Cpu *cpu = opaque;

    if (cpu->cputm_end_ns < now_ns(cpu)) {
        s390_cpu_pend(cpu, PEND_CPUTMR);
    } else {
        update_cpu_timer(cpu);
    }
}

void s390_clock_setup(S390Cpu *cpu)
{
    cpu->ckc_timer =
        timer_new(cpu->vm, CLOCK_KIND_VIRTUAL, "s390-clock-comparator", comparator_fired, cpu);
    cpu->cputm_timer =
        timer_new(cpu->vm, CLOCK_KIND_VIRTUAL, "s390-cpu-timer", cpu_timer_fired, cpu);
}

void s390_clock_teardown(S390Cpu *cpu)
{
    g_clear_pointer(&cpu->ckc_timer, timer_free);
    g_clear_pointer(&cpu->cputm_timer, timer_free);
}

/* ---- instructions ---- */
static void check_doubleword(S390Cpu *cpu, uint64_t addr)
{
    if (addr & 7) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
}

uint64_t helper_s390_stck(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    cpu_st64be(cs, addr, s390_tod_now(s390_cpu(cs)), mmu);
    return 0;
}

uint64_t helper_s390_stcke(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t tod = s390_tod_now(cpu);
    uint8_t b[16] = { 0 };

    for (unsigned k = 0; k < 8; k++) {
        b[1 + k] = tod >> (56 - 8 * k);
    }
    b[13] = 1; /* the part right of the clock is never zero */
    b[14] = cpu->todpr >> 8;
    b[15] = cpu->todpr;
    cpu_st_bytes(cs, addr, b, sizeof(b), mmu);
    return 0;
}

uint64_t helper_s390_sck(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    check_doubleword(cpu, addr);
    uint64_t v = cpu_ld64be(cs, addr, mmu);
    cpu->board_ops->tod_set_base(cpu->board, v - s390_ns_to_tod((uint64_t)now_ns(cpu)));
    update_comparator(cpu);
    return 0;
}

uint64_t helper_s390_sckc(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    check_doubleword(cpu, addr);
    cpu->ckc = cpu_ld64be(cs, addr, mmu);
    update_comparator(cpu);
    return 0;
}

uint64_t helper_s390_stckc(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    check_doubleword(s390_cpu(cs), addr);
    cpu_st64be(cs, addr, s390_cpu(cs)->ckc, mmu);
    return 0;
}

uint64_t helper_s390_spt(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    check_doubleword(cpu, addr);
    int64_t v = cpu_ld64be(cs, addr, mmu), ns;
    if (__builtin_add_overflow(now_ns(cpu), tod_to_ns(v), &ns)) {
        ns = INT64_MAX - 1;
    }
    cpu->cputm_end_ns = ns;
    update_cpu_timer(cpu);
    return 0;
}

uint64_t helper_s390_stpt(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    check_doubleword(s390_cpu(cs), addr);
    cpu_st64be(cs, addr, s390_cpu_timer_get(s390_cpu(cs)), mmu);
    return 0;
}

uint64_t helper_s390_sckpf(CpuState *cs, uint64_t r0)
{
    if (r0 & 0xffff0000u) {
        s390_program(s390_cpu(cs), PGM_SPECIFICATION);
    }
    s390_cpu(cs)->todpr = r0 & 0xffff;
    return 0;
}

/* PERFORM TIMING FACILITY FUNCTION: facility 28 is not offered, so the gate never lets it come here. */
uint64_t helper_s390_ptff(CpuState *cs, uint64_t mmu)
{
    s390_program(s390_cpu(cs), PGM_OPERATION);
}

/* EXTRACT CPU TIME: r0 := second operand - CPU timer, r1 := third operand, r3's target last. */
uint64_t helper_s390_ectg(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t r3, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t first = cpu_ld64be(cs, a1, mmu);
    uint64_t second = cpu_ld64be(cs, a2, s390_mmu_operand(mmu, 1));
    uint64_t third = cpu_ld64be(cs, s390_cut(cpu, cpu->gpr[r3]), s390_mmu_operand(mmu, 2));

    cpu->gpr[0] = first - s390_cpu_timer_get(cpu);
    cpu->gpr[1] = second;
    cpu->gpr[r3] = third;
    return 0;
}
