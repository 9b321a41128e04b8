/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life of a CPU: set-up, resets, stopped and operating state, store status, and the engine's table
 * of hooks.
 */
#include <stddef.h>
#include <string.h>
#include "base/core/vm.h"
#include "target/s390x/decode.h"
#include "target/s390x/features.h"
#include "target/s390x/helper.h"
#include "target/s390x/slots.h"

void s390_translate_begin(TransCtx *ctx);
int s390_translate_insn(TransCtx *ctx);

static int disas(const CpuState *cs, uint32_t flags, uint64_t pc, const uint8_t *bytes,
                 unsigned len, GString *out)
{
    S390Insn i;
    unsigned n = s390_insn_length(bytes[0]);

    if (len < n || !s390_decode(bytes, &i)) {
        g_string_append(out, "(bad)");
        return n;
    }
    s390_disas(&i, pc, out);
    return n;
}

const CpuTargetOps s390_target_ops = {
    .name = "s390x",
    .big_endian = true,
    .insn_max_bytes = 6,
    .mmu_modes = S390_MMU_COUNT,
    .pc_offset = offsetof(S390Cpu, pc),
    .slots = { s390_slots, SLOT_COUNT },
    .get_tb_key = s390_get_tb_key,
    .translate_begin = s390_translate_begin,
    .translate_insn = s390_translate_insn,
    .disas = disas,
    .mmu_translate = s390_mmu_translate,
    .mmu_debug = s390_mmu_debug,
    .fetch_mmu_idx = s390_fetch_mmu,
    .unaligned = s390_unaligned,
    .bus_error = s390_bus_error,
    .do_interrupt = s390_do_interrupt,
    .poll_interrupt = s390_poll_interrupt,
    .irq_open = s390_irq_open,
    .has_work = s390_has_work,
    .restore_state = s390_restore_state,
    .debug_exception = s390_debug_exception,
    .dump_state = s390_dump_state,
    .gdb = &s390_gdb,
};

/* ---- life ---- */

void s390_cpu_setup(S390Cpu *cpu)
{
    cpu->base.ops = &s390_target_ops;
    cpu->facilities = s390_facility_list;
    S390Features all;
    s390_features_supported(&all);
    s390_features_msa(&all, cpu->msa_functions);
    cpu->cpu_type = S390_CPU_TYPE;
    cpu->access_as = AS_PSW;
    cpu->run_state = S390_CPU_STOPPED;
    s390_clock_setup(cpu);
}

void s390_cpu_teardown(S390Cpu *cpu)
{
    s390_clock_teardown(cpu);
}

/* What an initial CPU reset adds to a CPU reset. */
static void initial_reset(S390Cpu *cpu)
{
    cpu->prefix = 0;
    memset(cpu->cr, 0, sizeof(cpu->cr));
    cpu->cr[0] = 0xe0;
    cpu->cr[14] = 0xc2000000;
    cpu->fpc = 0;
    cpu->todpr = 0;
    cpu->ckc = 0;
    cpu->cputm_end_ns = clock_now_ns(cpu->vm, CLOCK_KIND_VIRTUAL);
    cpu->pp = 0;
    cpu->breaking_addr = 1;
    cpu->psw_mask = 0;
    cpu->pc = 0;
    cpu->cc_op = CC_CONST0;
}

void s390_cpu_reset(S390Cpu *cpu, S390ResetKind kind)
{
    cpu_reset_common(&cpu->base);
    __atomic_store_n(&cpu->pending, 0, __ATOMIC_SEQ_CST);
    memset(cpu->emergency_from, 0, sizeof(cpu->emergency_from));
    cpu->ex_mode = 0;
    cpu->per_events = 0;
    cpu->access_as = AS_PSW;
    cpu->run_state = S390_CPU_STOPPED;
    cpu->base.halted = 1;
    memset(cpu->tlb_asce, 0, sizeof(cpu->tlb_asce));
    cpu->ar_known = 0;
    cpu->tlb_key = 0;
    if (kind != S390_RESET_CPU) {
        initial_reset(cpu);
    }
    if (kind == S390_RESET_CLEAR) {
        memset(cpu->gpr, 0, sizeof(cpu->gpr));
        memset(cpu->ar, 0, sizeof(cpu->ar));
        memset(cpu->vr, 0, sizeof(cpu->vr));
    }
    timer_cancel(cpu->ckc_timer);
    timer_cancel(cpu->cputm_timer);
    cpu_jump_cache_clear(&cpu->base);
}

void s390_cpu_set_state(S390Cpu *cpu, S390CpuState state)
{
    __atomic_store_n(&cpu->run_state, state, __ATOMIC_SEQ_CST);
    if (state == S390_CPU_STOPPED || (cpu->psw_mask & PSW_WAIT)) {
        cpu->base.halted = 1;
    } else {
        cpu->base.halted = 0;
        cpu_kick(&cpu->base);
    }
}

/* ---- store status ---- */

static bool st64(S390Cpu *cpu, uint64_t at, uint64_t v)
{
    bool ok;

    cpu_phys_ld64(&cpu->base, 0, at, &ok);
    if (ok) {
        cpu_phys_st64(&cpu->base, 0, at, __builtin_bswap64(v));
    }
    return ok;
}

static void st32(S390Cpu *cpu, uint64_t at, uint32_t v)
{
    cpu_phys_st32(&cpu->base, 0, at, __builtin_bswap32(v));
}

void s390_store_registers(S390Cpu *cpu, uint64_t at)
{
    for (unsigned k = 0; k < 16; k++) {
        st64(cpu, at + 8 * k, *s390_fpr(cpu, k));
        st64(cpu, at + 0x80 + 8 * k, cpu->gpr[k]);
        st32(cpu, at + 0x140 + 4 * k, cpu->ar[k]);
        st64(cpu, at + 0x180 + 8 * k, cpu->cr[k]);
    }
    st32(cpu, at + 0x11c, cpu->fpc);
    st32(cpu, at + 0x124, cpu->todpr);
    st64(cpu, at + 0x128, s390_cpu_timer_get(cpu));
    st64(cpu, at + 0x130, cpu->ckc >> 8);
}

bool s390_store_status(S390Cpu *cpu, uint64_t at)
{
    s390_ex_cancel(cpu);
    if (!st64(cpu, at, *s390_fpr(cpu, 0)) || !st64(cpu, at + 0x1b8, cpu->cr[15])) {
        return false;
    }
    s390_store_registers(cpu, at);
    st64(cpu, at + 0x100, s390_psw_mask_get(cpu));
    st64(cpu, at + 0x108, cpu->pc);
    st32(cpu, at + 0x118, cpu->prefix);
    return true;
}

bool s390_store_vectors(S390Cpu *cpu, uint64_t at)
{
    bool ok = true;

    for (unsigned k = 0; k < 32 && ok; k++) {
        ok = st64(cpu, at + 16 * k, cpu->vr[k].q[1]) && st64(cpu, at + 16 * k + 8, cpu->vr[k].q[0]);
    }
    return ok;
}
