/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control instructions: PSW, control registers, modes, CPU identity, and the calls to the board.
 *
 * An instruction that changes the PSW or a control register ends its region (flag `e` of its line),
 * so the loop sees interruptions that it unmasked and the mode it switched to.
 */
#include "target/s390x/helper.h"

static unsigned reg1(uint64_t regs)
{
    return regs & 15;
}

static unsigned reg3(uint64_t regs)
{
    return regs >> 4 & 15;
}

static void check_aligned(S390Cpu *cpu, uint64_t addr, unsigned mask)
{
    if (addr & mask) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
}

/* Condition code of a board's answer, or its program interruption. */
static uint64_t answer(S390Cpu *cpu, int r)
{
    if (r < 0) {
        s390_program(cpu, -r);
    }
    return r;
}

/* ---- EXECUTE ---- */
uint64_t helper_s390_ex_repeat(CpuState *cs)
{
    S390Cpu *cpu = s390_cpu(cs);

    cpu->pc = cpu->ex_pc;
    cpu_exit_to_loop(cs, CPU_EXCP_LOOP);
}

/* ---- PSW ---- */
uint64_t helper_s390_program_mask(CpuState *cs)
{
    return (s390_cpu(cs)->psw_mask & PSW_PM) >> PSW_PM_SHIFT;
}

uint64_t helper_s390_set_program_mask(CpuState *cs, uint64_t pm)
{
    S390Cpu *cpu = s390_cpu(cs);

    cpu->psw_mask = (cpu->psw_mask & ~PSW_PM) | (pm & 15) << PSW_PM_SHIFT;
    return 0;
}

uint64_t helper_s390_psw_mask(CpuState *cs)
{
    return s390_cpu(cs)->psw_mask;
}

uint64_t helper_s390_set_mode(CpuState *cs, uint64_t mode)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t limit = mode == 0 ? 0xffffff : mode == 1 ? 0x7fffffff : UINT64_MAX;

    cpu_sync_state(cs);
    if (cpu->pc > limit) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    cpu->ex_mode = 0; /* it is the target, and over */
    cpu->psw_mask = (cpu->psw_mask & ~PSW_ESA) | (mode & 1 ? PSW_BA : 0) | (mode & 2 ? PSW_EA : 0);
    return 0;
}

uint64_t helper_s390_set_mode_by_address(CpuState *cs, uint64_t to)
{
    S390Cpu *cpu = s390_cpu(cs);

    cpu->psw_mask &= ~PSW_ESA;
    if (to & 1) {
        cpu->psw_mask |= PSW_ESA;
        return to & ~1ull;
    }
    if (to & 0x80000000u) {
        cpu->psw_mask |= PSW_BA;
        return to & 0x7fffffff;
    }
    return to & 0xffffff;
}

/* A new PSW: never returns when it waits or is wrong. */
static uint64_t load_psw(S390Cpu *cpu, uint64_t mask, uint64_t addr)
{
    s390_psw_set(cpu, mask, addr);
    if (s390_psw_check(mask, addr)) {
        cpu->ilen = 0;
        cpu->base.excp_error = PGM_SPECIFICATION;
        cpu_exit_to_loop(&cpu->base, EXCP_PGM);
    }
    if (cpu->base.halted && !cpu->per_events) {
        cpu_halt(&cpu->base);
    }
    return addr;
}

uint64_t helper_s390_lpswe(CpuState *cs, uint64_t addr, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    check_aligned(cpu, addr, 7);
    uint64_t mask = cpu_ld64be(cs, addr, mmu), to = cpu_ld64be(cs, s390_cut(cpu, addr + 8), mmu);
    return load_psw(cpu, mask, to);
}

uint64_t helper_s390_lpsw(CpuState *cs, uint64_t addr, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    check_aligned(cpu, addr, 7);
    uint64_t v = cpu_ld64be(cs, addr, mmu);
    uint64_t mask = (v & 0xffffffff80000000ull) ^ PSW_SHORT;
    return load_psw(cpu, mask, v & 0x7fffffff);
}

static void set_system_mask(S390Cpu *cpu, uint8_t m)
{
    if (m & 0xb8) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    cpu->psw_mask = (cpu->psw_mask & ~(0xffull << 56)) | (uint64_t)m << 56;
    s390_spaces_update(cpu);
}

uint64_t helper_s390_ssm(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (cpu->cr[0] & CR0_SSMSUP) {
        s390_program(cpu, PGM_SPECIAL_OPERATION);
    }
    set_system_mask(cpu, cpu_ld8(cs, addr, mmu));
    return 0;
}

uint64_t helper_s390_store_mask(CpuState *cs, uint64_t addr, uint64_t or, uint64_t and,
                                uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint8_t old = cpu->psw_mask >> 56;

    cpu_st8(cs, addr, old, mmu);
    set_system_mask(cpu, (old | or) & and);
    return 0;
}

uint64_t helper_s390_spka(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    s390_key_check_allowed(cpu, addr >> 4 & 15);
    cpu->psw_mask = (cpu->psw_mask & ~PSW_KEY) | (addr >> 4 & 15) << 52;
    s390_spaces_update(cpu);
    return 0;
}

/* INSERT PSW KEY: a problem-state program needs the extraction authority. */
uint64_t helper_s390_ipk(CpuState *cs)
{
    S390Cpu *cpu = s390_cpu(cs);

    if ((cpu->psw_mask & PSW_P) && !(cpu->cr[0] & CR0_EXTRACT)) {
        s390_program(cpu, PGM_PRIVILEGED);
    }
    return s390_psw_key(cpu);
}

/* SET ADDRESS SPACE CONTROL: code 0 primary, 1 secondary, 2 access register, 3 home. */
uint64_t helper_s390_sac(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    static const uint8_t as[] = { AS_PRIMARY, AS_SECONDARY, AS_ACCREG, AS_HOME };
    S390Cpu *cpu = s390_cpu(cs);
    unsigned code = addr >> 8 & 15;

    if (code > 3 || (as[code] == AS_ACCREG && !cpu->board_ops->access_registers(cpu->board))) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    if (code == 3 && (cpu->psw_mask & PSW_P)) {
        s390_program(cpu, PGM_PRIVILEGED);
    }
    if (!(cpu->psw_mask & PSW_DAT)) {
        s390_program(cpu, PGM_SPECIAL_OPERATION);
    }
    cpu->psw_mask = (cpu->psw_mask & ~PSW_AS) | (uint64_t)as[code] << PSW_AS_SHIFT;
    s390_spaces_update(cpu);
    return 0;
}

uint64_t helper_s390_iac(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    static const uint8_t code[] = { 0, 2, 1, 3 };
    S390Cpu *cpu = s390_cpu(cs);
    unsigned as = (cpu->psw_mask & PSW_AS) >> PSW_AS_SHIFT, r = reg1(regs);

    cpu->gpr[r] = (cpu->gpr[r] & ~0xff00ull) | code[as] << 8;
    return code[as];
}

uint64_t helper_s390_monitor_call(CpuState *cs, uint64_t addr, uint64_t class)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (!(cpu->cr[8] & 0x8000u >> class)) {
        return 0;
    }
    cpu_sync_state(cs);
    cpu->mon_class = class;
    cpu->mon_code = addr;
    s390_program(cpu, PGM_MONITOR);
}

/* ---- control registers ---- */
static void control_changed(S390Cpu *cpu, uint64_t old_cr0)
{
    if ((old_cr0 ^ cpu->cr[0]) & (CR0_EDAT | CR0_IEP | CR0_FETCHOV | CR0_STOREOV)) {
        cpu_tlb_flush(&cpu->base);
    } else if ((old_cr0 ^ cpu->cr[0]) & CR0_LAP) {
        cpu_tlb_flush_page(&cpu->base, 0);
        cpu_tlb_flush_page(&cpu->base, 0x1000);
    }
    s390_ar_forget(cpu);
    s390_spaces_update(cpu);
    if ((old_cr0 ^ cpu->cr[0]) & CR0_CPUTMR) {
        s390_timers_update(cpu); /* only the CPU timer's host timer depends on its mask */
    }
}

uint64_t helper_s390_lctl(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned r = reg1(regs), n = ((reg3(regs) - r) & 15) + 1, size = regs >> 8 == 3 ? 8 : 4;
    uint64_t v[16], cr0 = cpu->cr[0];

    check_aligned(cpu, addr, size - 1);
    for (unsigned k = 0; k < n; k++) {
        uint64_t at = s390_cut(cpu, addr + k * size);
        v[k] = size == 8 ? cpu_ld64be(cs, at, mmu) : cpu_ld32be(cs, at, mmu);
    }
    for (unsigned k = 0; k < n; k++) {
        uint64_t *cr = &cpu->cr[(r + k) & 15];
        *cr = size == 8 ? v[k] : (*cr & ~0xffffffffull) | v[k];
    }
    control_changed(cpu, cr0);
    return 0;
}

uint64_t helper_s390_stctl(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned r = reg1(regs), n = ((reg3(regs) - r) & 15) + 1, size = regs >> 8 == 3 ? 8 : 4;

    check_aligned(cpu, addr, size - 1);
    cpu_probe_access(cs, addr, n * size, MMU_ACCESS_WRITE, mmu);
    for (unsigned k = 0; k < n; k++) {
        uint64_t at = s390_cut(cpu, addr + k * size), v = cpu->cr[(r + k) & 15];
        if (size == 8) {
            cpu_st64be(cs, at, v, mmu);
        } else {
            cpu_st32be(cs, at, v, mmu);
        }
    }
    return 0;
}

/* ---- prefix, identity ---- */
uint64_t helper_s390_spx(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    check_aligned(cpu, addr, 3);
    uint64_t prefix = cpu_ld32be(cs, addr, mmu) & 0x7fffe000u;
    bool first, second; /* of the two pages: are they there? */
    cpu_phys_ld64(cs, 0, prefix, &first);
    cpu_phys_ld64(cs, 0, prefix + 4096, &second);
    if (!first || !second) {
        s390_program(cpu, PGM_ADDRESSING);
    }
    cpu->prefix = prefix;
    cpu_tlb_flush(cs);
    return 0;
}

uint64_t helper_s390_stpx(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    check_aligned(s390_cpu(cs), addr, 3);
    cpu_st32be(cs, addr, s390_cpu(cs)->prefix, mmu);
    return 0;
}

uint64_t helper_s390_stap(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    check_aligned(s390_cpu(cs), addr, 1);
    cpu_st16be(cs, addr, s390_cpu(cs)->address, mmu);
    return 0;
}

uint64_t helper_s390_stidp(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t id = (uint64_t)(cpu->address & 0xff) << 52 | (uint64_t)cpu->cpu_type << 16;

    check_aligned(cpu, addr, 7);
    cpu_st64be(cs, addr, id, mmu);
    return 0;
}

uint64_t helper_s390_lpp(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    check_aligned(s390_cpu(cs), addr, 7);
    s390_cpu(cs)->pp = cpu_ld64be(cs, addr, mmu);
    return 0;
}

/* ---- the board ---- */
uint64_t helper_s390_diag(CpuState *cs, uint64_t code, uint64_t regs)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned cc = s390_cc_get(cpu);
    int r;

    r = cpu->board_ops->diag(cpu->board, cpu, code, reg1(regs), reg3(regs));
    answer(cpu, r);
    return cc;
}

uint64_t helper_s390_servc(CpuState *cs, uint64_t regs, uint64_t arg, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint32_t command = cpu->gpr[regs & 15];
    uint64_t sccb = cpu->gpr[regs >> 4 & 15];

    return answer(cpu, cpu->board_ops->service_call(cpu->board, cpu, command, sccb));
}

uint64_t helper_s390_io(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned op = regs >> 8;

    if (op == 13) {
        return answer(cpu, cpu->board_ops->chsc(cpu->board, cpu, cpu->gpr[reg1(regs)], mmu));
    }
    return answer(cpu, cpu->board_ops->channel_io(cpu->board, cpu, op, addr, mmu));
}

uint64_t helper_s390_pci_rr(CpuState *cs, uint64_t regs, uint64_t op, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    return answer(cpu, cpu->board_ops->pci(cpu->board, cpu, op, regs & 15, regs >> 4 & 15, 0, mmu));
}

uint64_t helper_s390_pci_addr(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    return answer(cpu, cpu->board_ops->pci(cpu->board, cpu, regs >> 8, reg1(regs), reg3(regs), addr,
                                           mmu));
}
