/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PSW and the interruptions: program, supervisor call, external, I/O, machine check, restart.
 *
 * Nullified program interruptions leave the instruction address at the instruction, all others
 * after it. Floating interruptions (service signal, I/O, channel report) are the board's; the ones
 * of this CPU are bits of `pending`, set by any thread. CPU_IRQ_HARD stays set while anything is
 * pending, enabled or not, so whoever opens a mask only has to end the region.
 */
#include "base/core/vm.h"
#include "base/util/log.h"
#include "exec/engine.h"
#include "target/s390x/helper.h"
#include "target/s390x/mode.h"

/* Places in the prefix area. */
enum {
    LC_EXT_PARAMS = 0x80,
    LC_EXT_ADDR = 0x84,
    LC_EXT_CODE = 0x86,
    LC_SVC_ILC = 0x88,
    LC_SVC_CODE = 0x8a,
    LC_PGM_ILC = 0x8c,
    LC_PGM_CODE = 0x8e,
    LC_DXC = 0x90,
    LC_MON_CLASS = 0x94,
    LC_PER_CODE = 0x96,
    LC_PER_ADDR = 0x98,
    LC_EXC_AR = 0xa0, /* ... and 3 bytes on, of which architecture the status is that was stored */
    LC_PER_AR = 0xa1,
    LC_TEID = 0xa8,
    LC_MON_CODE = 0xb0,
    LC_IO_ID = 0xb8,
    LC_IO_PARM = 0xbc,
    LC_IO_WORD = 0xc0,
    LC_MCIC = 0xe8,
    LC_EXTENDED_AREA = 0x11b0, /* where a machine check stores the vector registers */
    LC_SAVE_AREA = 0x1200,     /* ... and all others */
    LC_BREAK = 0x110,
    LC_OLD_RESTART = 0x120,
    LC_OLD_EXT = 0x130,
    LC_OLD_SVC = 0x140,
    LC_OLD_PGM = 0x150,
    LC_OLD_MCHECK = 0x160,
    LC_OLD_IO = 0x170,
    LC_OLD_TO_NEW = 0x80, /* new PSW = old PSW's place + this */
};

#define Z_ARCHITECTURE 1u
#define MCIC_REGISTERS \
    0x00400f1d40330000ull                  /* a channel report waits; PSW and registers are valid */
#define MCIC_VECTORS 0x0000004000000000ull /* ... those, too */

/* ---- PSW ---- */

unsigned s390_cc_get(S390Cpu *cpu)
{
    return s390_cc_eval(cpu->cc_op, cpu->cc_a, cpu->cc_b);
}

uint64_t s390_psw_mask_get(S390Cpu *cpu)
{
    return cpu->psw_mask | (uint64_t)s390_cc_get(cpu) << PSW_CC_SHIFT;
}

unsigned s390_psw_check(uint64_t mask, uint64_t addr)
{
    uint64_t unused = ~(PSW_VALID | PSW_KEY | PSW_AS | PSW_CC | PSW_PM | PSW_RI | PSW_PER);

    if ((mask & unused) || (mask & PSW_SHORT) || (mask & PSW_ESA) == PSW_EA || (addr & 1)) {
        return PGM_SPECIFICATION;
    }
    if (!(mask & PSW_EA) && addr >> (mask & PSW_BA ? 31 : 24)) {
        return PGM_SPECIFICATION;
    }
    return 0;
}

void s390_psw_set(S390Cpu *cpu, uint64_t mask, uint64_t addr)
{
    cpu->psw_mask = mask & ~PSW_CC;
    cpu->cc_op = CC_CONST0 + ((mask & PSW_CC) >> PSW_CC_SHIFT);
    cpu->pc = addr;
    cpu->ex_mode = 0;
    s390_psw_loaded(cpu);
}

void s390_psw_install(S390Cpu *cpu, uint64_t mask, uint64_t addr)
{
    cpu->psw_mask = mask & ~PSW_CC;
    cpu->cc_op = CC_CONST0 + ((mask & PSW_CC) >> PSW_CC_SHIFT);
    cpu->pc = addr;
    cpu->ex_mode = 0;
    s390_spaces_update(cpu);
    cpu->base.halted = (cpu->psw_mask & PSW_WAIT) || cpu->run_state == S390_CPU_STOPPED;
}

void s390_psw_loaded(S390Cpu *cpu)
{
    s390_spaces_update(cpu);
    cpu->base.halted = (cpu->psw_mask & PSW_WAIT) || cpu->run_state == S390_CPU_STOPPED;
    if ((cpu->psw_mask & PSW_WAIT) && !(cpu->psw_mask & (PSW_IO | PSW_EXT | PSW_MCHECK)) &&
        cpu->board && cpu->run_state == S390_CPU_OPERATING) {
        cpu->board_ops->disabled_wait(cpu->board, cpu);
    }
}

/* ---- the prefix area ---- */

static void lc_st32(S390Cpu *cpu, unsigned at, uint32_t v)
{
    cpu_phys_st32(&cpu->base, 0, cpu->prefix + at, __builtin_bswap32(v));
}

static void lc_st64(S390Cpu *cpu, unsigned at, uint64_t v)
{
    cpu_phys_st64(&cpu->base, 0, cpu->prefix + at, __builtin_bswap64(v));
}

static uint32_t lc_ld32(S390Cpu *cpu, unsigned at)
{
    bool ok;
    return __builtin_bswap32(cpu_phys_ld32(&cpu->base, 0, cpu->prefix + at, &ok));
}

static uint64_t lc_ld64(S390Cpu *cpu, unsigned at)
{
    bool ok;
    return __builtin_bswap64(cpu_phys_ld64(&cpu->base, 0, cpu->prefix + at, &ok));
}

static void lc_st8(S390Cpu *cpu, unsigned at, uint8_t v)
{
    unsigned shift = 8 * (3 - at % 4);
    uint32_t word = lc_ld32(cpu, at & ~3u);

    lc_st32(cpu, at & ~3u, (word & ~(0xffu << shift)) | (uint32_t)v << shift);
}

/* Two halfwords of one word. */
static void lc_st16x2(S390Cpu *cpu, unsigned at, uint16_t a, uint16_t b)
{
    lc_st32(cpu, at, (uint32_t)a << 16 | b);
}

static void swap_psw(S390Cpu *cpu, unsigned old, uint64_t addr)
{
    uint64_t mask = s390_psw_mask_get(cpu), new_mask, new_addr;

    lc_st64(cpu, old, mask);
    lc_st64(cpu, old + 8, addr);
    new_mask = lc_ld64(cpu, old + LC_OLD_TO_NEW);
    new_addr = lc_ld64(cpu, old + LC_OLD_TO_NEW + 8);
    s390_psw_set(cpu, new_mask, new_addr);
    if (s390_psw_check(new_mask, new_addr)) { /* early: seen before the first instruction */
        cpu->ilen = 0;
        cpu->base.exception = EXCP_PGM;
        cpu->base.excp_error = PGM_SPECIFICATION;
    }
}

/* ---- program and supervisor call ---- */

static bool nullifies(unsigned code)
{
    switch (code) {
    case PGM_SEGMENT:
    case PGM_PAGE:
    case PGM_ASCE_TYPE:
    case PGM_REGION_FIRST:
    case PGM_REGION_SECOND:
    case PGM_REGION_THIRD:
    case PGM_ALEN_TRANSLATION:
    case PGM_ALE_SEQUENCE:
    case PGM_ASTE_VALIDITY:
    case PGM_ASTE_SEQUENCE:
    case PGM_EXTENDED_AUTHORITY:
    case PGM_PER: return true; /* alone it comes between two instructions */
    default: return false;
    }
}

/* Exceptions of dynamic address translation, and protection: they tell address and space. */
static bool has_teid(unsigned code)
{
    return code == PGM_PROTECTION || code == PGM_SEGMENT || code == PGM_PAGE ||
           (code >= PGM_ASCE_TYPE && code <= PGM_REGION_THIRD);
}

/* ... and of access-register translation, which tell the access register. */
static bool has_access_id(unsigned code)
{
    return has_teid(code) || (code >= PGM_ALET_SPEC && code <= PGM_EXTENDED_AUTHORITY);
}

/* A specification exception of the program new PSW itself would loop for ever. */
static bool program_loop(S390Cpu *cpu, unsigned code)
{
    uint64_t mask = lc_ld64(cpu, LC_OLD_PGM + LC_OLD_TO_NEW);
    uint64_t addr = lc_ld64(cpu, LC_OLD_PGM + LC_OLD_TO_NEW + 8);

    return s390_psw_check(mask, addr) != 0;
}

/* What was recorded of the instruction goes with its interruption. */
static void store_events(S390Cpu *cpu)
{
    if (cpu->per_events) {
        lc_st16x2(cpu, LC_PER_CODE - 2, lc_ld32(cpu, LC_PER_CODE - 2) >> 16,
                  cpu->per_events << 8 | cpu->per_mode);
        lc_st64(cpu, LC_PER_ADDR, cpu->per_address);
        lc_st8(cpu, LC_PER_AR, cpu->per_ar);
        cpu->per_events = 0;
    }
}

static void program_interrupt(S390Cpu *cpu, unsigned code)
{
    uint64_t addr = nullifies(code) ? cpu->pc : cpu->pc + cpu->ilen;

    if (code == PGM_PER) {
        cpu->ilen = cpu->per_ilen;
    }
    if (program_loop(cpu, code)) {
        cpu->base.exception = CPU_EXCP_NONE;
        cpu->base.halted = 1;
        cpu->psw_mask = (cpu->psw_mask & ~(PSW_IO | PSW_EXT | PSW_MCHECK)) | PSW_WAIT;
        cpu->board_ops->disabled_wait(cpu->board, cpu);
        return;
    }
    lc_st16x2(cpu, LC_PGM_ILC, cpu->ilen, code | (cpu->per_events ? PGM_PER : 0));
    if (code == PGM_DATA || code == PGM_VECTOR) {
        lc_st32(cpu, LC_DXC, cpu->dxc);
    }
    if (has_teid(code)) {
        lc_st64(cpu, LC_TEID, cpu->teid);
    }
    if (has_access_id(code)) {
        lc_st8(cpu, LC_EXC_AR, cpu->excp_ar);
    }
    if (code == PGM_MONITOR) {
        lc_st16x2(cpu, LC_MON_CLASS, cpu->mon_class, 0);
        lc_st64(cpu, LC_MON_CODE, cpu->mon_code);
    }
    store_events(cpu);
    lc_st64(cpu, LC_BREAK, cpu->breaking_addr);
    swap_psw(cpu, LC_OLD_PGM, addr);
}

void s390_do_interrupt(CpuState *cs)
{
    S390Cpu *cpu = s390_cpu(cs);
    int excp = cs->exception;
    uint32_t code = cs->excp_error;

    cs->exception = CPU_EXCP_NONE;
    cpu->access_as = AS_PSW;
    if (excp == EXCP_PER && cpu->ex_mode) {
        return; /* events of an EXECUTE wait for its target's end */
    }
    cpu->ex_mode = 0;
    for (int depth = 0; excp != CPU_EXCP_NONE && depth < 4; depth++) {
        if (excp == EXCP_SVC) {
            lc_st16x2(cpu, LC_SVC_ILC, cpu->ilen, code);
            swap_psw(cpu, LC_OLD_SVC, cpu->pc + cpu->ilen);
        } else if (excp == EXCP_PER) {
            program_interrupt(cpu, PGM_PER);
        } else {
            program_interrupt(cpu, code);
        }
        if (cs->exception == CPU_EXCP_NONE && cpu->per_events) {
            cs->exception = EXCP_PER; /* of SUPERVISOR CALL: its interruption came first */
        }
        excp = cs->exception;
        code = cs->excp_error;
        cs->exception = CPU_EXCP_NONE;
    }
}

/* ---- external, I/O, machine check, restart, stop ---- */

void s390_ex_cancel(S390Cpu *cpu)
{
    if (cpu->ex_mode) {
        cpu->pc = cpu->ex_pc;
        cpu->ex_mode = 0;
    }
}

/* Where an interrupted program goes on: an EXECUTE whose target has not run is done again. */
static uint64_t resume_address(const S390Cpu *cpu)
{
    return cpu->ex_mode ? cpu->ex_pc : cpu->pc;
}

void s390_cpu_pend(S390Cpu *cpu, uint32_t bits)
{
    __atomic_or_fetch(&cpu->pending, bits, __ATOMIC_SEQ_CST);
    cpu_interrupt(&cpu->base, CPU_IRQ_HARD);
}

static void unpend(S390Cpu *cpu, uint32_t bits)
{
    __atomic_and_fetch(&cpu->pending, ~bits, __ATOMIC_SEQ_CST);
}

void s390_cpus_kick_floating(ExecEngine *engine)
{
    for (unsigned i = 0; i < engine_cpu_count(engine); i++) {
        cpu_interrupt(engine_cpu(engine, i), CPU_IRQ_HARD);
    }
}

static uint32_t pending_bits(const S390Cpu *cpu)
{
    return __atomic_load_n(&cpu->pending, __ATOMIC_SEQ_CST);
}

/* The CPU's own external conditions that CR0 lets through. */
static uint32_t enabled_external(const S390Cpu *cpu)
{
    uint32_t p = pending_bits(cpu), out = 0;

    out |= cpu->cr[0] & CR0_EMERG ? p & PEND_EMERGENCY : 0;
    out |= cpu->cr[0] & CR0_EXTCALL ? p & PEND_EXTCALL : 0;
    out |= cpu->cr[0] & CR0_CLKCMP ? p & PEND_CLKCMP : 0;
    out |= cpu->cr[0] & CR0_CPUTMR ? p & PEND_CPUTMR : 0;
    return out;
}

static uint8_t io_mask(const S390Cpu *cpu)
{
    return cpu->cr[6] >> 24;
}

static void external(S390Cpu *cpu, uint16_t code, uint16_t address, uint32_t params,
                     bool has_params)
{
    if (has_params) {
        lc_st32(cpu, LC_EXT_PARAMS, params);
    }
    lc_st16x2(cpu, LC_EXT_ADDR, address, code);
    swap_psw(cpu, LC_OLD_EXT, resume_address(cpu));
}

static void take_emergency(S390Cpu *cpu)
{
    bool more = false;
    int from = -1;

    for (unsigned w = 0; w < G_N_ELEMENTS(cpu->emergency_from); w++) {
        uint64_t bits = cpu->emergency_from[w];
        if (bits && from < 0) {
            from = w * 64 + __builtin_ctzll(bits);
            bits &= bits - 1;
            cpu->emergency_from[w] = bits;
        }
        more |= bits != 0;
    }
    if (!more) {
        unpend(cpu, PEND_EMERGENCY);
    }
    external(cpu, 0x1201, MAX(from, 0), 0, false);
}

static bool take_external(S390Cpu *cpu)
{
    uint32_t p = enabled_external(cpu);

    if (p & PEND_EMERGENCY) {
        take_emergency(cpu);
    } else if (p & PEND_EXTCALL) {
        unpend(cpu, PEND_EXTCALL);
        external(cpu, 0x1202, cpu->extcall_from, 0, false);
    } else if (p & PEND_CLKCMP) {
        external(cpu, 0x1004, 0, 0, false);
    } else if (p & PEND_CPUTMR) {
        external(cpu, 0x1005, 0, 0, false);
    } else if ((cpu->cr[0] & CR0_SERVICE) && cpu->board_ops->service_pending(cpu->board)) {
        external(cpu, 0x2401, 0, cpu->board_ops->service_take(cpu->board), true);
    } else {
        return false;
    }
    return true;
}

static bool take_io(S390Cpu *cpu)
{
    uint32_t id, parm, word;

    if (!cpu->board_ops->io_take(cpu->board, io_mask(cpu), &id, &parm, &word)) {
        return false;
    }
    lc_st32(cpu, LC_IO_ID, id);
    lc_st32(cpu, LC_IO_PARM, parm);
    lc_st32(cpu, LC_IO_WORD, word);
    swap_psw(cpu, LC_OLD_IO, resume_address(cpu));
    return true;
}

#define CR14_CHANNEL_REPORT 0x10000000u

static bool take_mcheck(S390Cpu *cpu)
{
    if (!(cpu->cr[14] & CR14_CHANNEL_REPORT) || !cpu->board_ops->mcheck_take(cpu->board)) {
        return false;
    }
    uint64_t code = MCIC_REGISTERS;
    uint64_t area = lc_ld64(cpu, LC_EXTENDED_AREA) & ~0x3ffull;

    s390_store_registers(cpu, cpu->prefix + LC_SAVE_AREA);
    if (area && s390_facility(cpu, 129) && s390_store_vectors(cpu, area)) {
        code |= MCIC_VECTORS;
    }
    lc_st64(cpu, LC_MCIC, code);
    lc_st32(cpu, LC_EXC_AR, (lc_ld32(cpu, LC_EXC_AR) & ~0xffu) | Z_ARCHITECTURE);
    swap_psw(cpu, LC_OLD_MCHECK, resume_address(cpu));
    return true;
}

static bool take_stop(S390Cpu *cpu)
{
    uint32_t p = pending_bits(cpu);

    if (!(p & PEND_STOP)) {
        return false;
    }
    unpend(cpu, PEND_STOP | PEND_STOP_STORE);
    s390_cpu_set_state(cpu, S390_CPU_STOPPED);
    if (p & PEND_STOP_STORE) {
        s390_store_status(cpu, cpu->prefix + LC_SAVE_AREA);
    }
    cpu->board_ops->cpu_stopped(cpu->board, cpu);
    return true;
}

static bool nothing_pending(S390Cpu *cpu)
{
    return !pending_bits(cpu) && !cpu->board_ops->service_pending(cpu->board) &&
           !cpu->board_ops->mcheck_pending(cpu->board) &&
           !cpu->board_ops->io_pending(cpu->board, 0xff);
}

static bool take_one(S390Cpu *cpu)
{
    if (pending_bits(cpu) & PEND_RESTART) {
        unpend(cpu, PEND_RESTART);
        s390_cpu_set_state(cpu, S390_CPU_OPERATING);
        swap_psw(cpu, LC_OLD_RESTART, resume_address(cpu));
        return true;
    }
    if (take_stop(cpu)) {
        return true;
    }
    if (cpu->run_state == S390_CPU_STOPPED) {
        return false;
    }
    return ((cpu->psw_mask & PSW_MCHECK) && take_mcheck(cpu)) ||
           ((cpu->psw_mask & PSW_EXT) && take_external(cpu)) ||
           ((cpu->psw_mask & PSW_IO) && take_io(cpu));
}

bool s390_irq_open(const CpuState *cs, uint32_t request)
{
    const S390Cpu *cpu = (const S390Cpu *)cs;

    return cpu->run_state != S390_CPU_OPERATING ||
           (cpu->psw_mask & (PSW_MCHECK | PSW_EXT | PSW_IO | PSW_WAIT)) ||
           (pending_bits(cpu) & (PEND_RESTART | PEND_STOP));
}

bool s390_poll_interrupt(CpuState *cs, uint32_t request)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (take_one(cpu)) {
        return true;
    }
    /* clear first, look again: what comes in between sets it anew */
    cpu_reset_interrupt(cs, CPU_IRQ_HARD);
    if (!nothing_pending(cpu)) {
        __atomic_or_fetch(&cs->irq_request, CPU_IRQ_HARD, __ATOMIC_SEQ_CST);
    }
    return false;
}

bool s390_has_work(CpuState *cs)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (pending_bits(cpu) & (PEND_RESTART | PEND_STOP)) {
        return true;
    }
    if (cpu->run_state == S390_CPU_STOPPED) {
        return false;
    }
    if (!(cpu->psw_mask & PSW_WAIT)) {
        return true;
    }
    if ((cpu->psw_mask & PSW_EXT) &&
        (enabled_external(cpu) ||
         ((cpu->cr[0] & CR0_SERVICE) && cpu->board_ops->service_pending(cpu->board)))) {
        return true;
    }
    if ((cpu->psw_mask & PSW_MCHECK) && (cpu->cr[14] & CR14_CHANNEL_REPORT) &&
        cpu->board_ops->mcheck_pending(cpu->board)) {
        return true;
    }
    return (cpu->psw_mask & PSW_IO) && cpu->board_ops->io_pending(cpu->board, io_mask(cpu));
}

/* ---- hooks ---- */

void s390_restore_state(CpuState *cs, uint64_t pc, uint32_t aux)
{
    S390Cpu *cpu = s390_cpu(cs);

    cpu->ilen = aux & S390_AUX_LEN;
    if (aux & S390_AUX_EX) {
        cpu->pc = cpu->ex_pc;
        cpu->ilen = cpu->ex_next - cpu->ex_pc;
        cpu->ex_mode =
            cpu->ex_word; /* a try again is one of the target; an interruption resets it */
    }
}

void s390_get_tb_key(CpuState *cs, TbKey *key)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t m = cpu->psw_mask;
    unsigned fetch = s390_fetch_mmu(cs);
    uint32_t flags = (m & PSW_BA ? MODE_BA31 : 0) | (m & PSW_EA ? MODE_EA64 : 0) |
                     (m & PSW_P ? MODE_P : 0) | (cpu->cr[0] & CR0_AFP ? MODE_AFP : 0) |
                     (cpu->cr[0] & CR0_VX ? MODE_VX : 0);

    /* Code of the home space is the system's. It hardly counts with floating point and would be there twice,
     * the FPC being the program's that ran before. */
    bool fast = fetch != S390_MMU_HOME && (cpu->fpc & FPC_HOST_MASK) == FPC_HOST_WANT;
    flags |= (s390_per_active(cpu) ? MODE_PER : 0) | (fast ? MODE_FP : 0) |
             s390_mmu_of_psw(cpu) << MODE_MMU_SH | fetch << MODE_FETCHSH;
    key->pc = key->vaddr = cpu->pc;
    if (cpu->ex_mode) {
        flags |= MODE_EX | (cpu->ex_mode & EX_MODIFIER) << MODE_EX_SH;
        key->pc = key->vaddr = cpu->ex_target;
    }
    key->flags = flags;
}

void s390_dump_state(CpuState *cs, GString *out)
{
    S390Cpu *cpu = s390_cpu(cs);

    g_string_append_printf(out,
                           "PSW=mask %016" G_GINT64_MODIFIER "x addr %016" G_GINT64_MODIFIER "x\n",
                           s390_psw_mask_get(cpu), cpu->pc);
    for (int i = 0; i < 16; i++) {
        g_string_append_printf(out, "R%02d=%016" G_GINT64_MODIFIER "x%s", i, cpu->gpr[i],
                               i % 4 == 3 ? "\n" : " ");
    }
    for (int i = 0; i < 16; i++) {
        g_string_append_printf(out, "C%02d=%016" G_GINT64_MODIFIER "x%s", i, cpu->cr[i],
                               i % 4 == 3 ? "\n" : " ");
    }
}
