/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86 target as the engine sees it: one table of hooks.
 */
#include <stddef.h>

#include "target/x86/decode.h"
#include "target/x86/fpu.h"
#include "target/x86/slots.h"
#include "target/x86/system.h"
#include "target/x86/x86.h"

void x86_translate_begin(TransCtx *ctx);
int x86_translate_insn(TransCtx *ctx);

static int disas(const CpuState *cs, uint32_t flags, uint64_t pc, const uint8_t *bytes,
                 unsigned len, GString *out)
{
    const X86Cpu *cpu = (const X86Cpu *)cs;
    unsigned mode = mode_code_bits(flags);
    X86Insn i;

    if (x86_decode(bytes, len, mode, &cpu->gates, &i) != X86_DECODE_OK) {
        g_string_append(out, "(bad)");
        return 1;
    }
    x86_disas(&i, pc, out);
    return i.len;
}

const CpuTargetOps x86_target_ops = {
    .name = "x86_64",
    .insn_max_bytes = 15,
    .mmu_modes = X86_MMU_COUNT,
    .pc_offset = offsetof(X86Cpu, rip),
    .slots = { x86_slots, SLOT_COUNT },
    .get_tb_key = x86_get_tb_key,
    .soft_flags = MODE_OSFXSR | MODE_OSXSAVE | MODE_AVX,
    .translate_begin = x86_translate_begin,
    .translate_insn = x86_translate_insn,
    .disas = disas,
    .mmu_translate = x86_mmu_translate,
    .mmu_debug = x86_mmu_debug,
    .fetch_mmu_idx = x86_fetch_mmu_idx,
    .unaligned = x86_unaligned,
    .do_interrupt = x86_do_interrupt,
    .poll_interrupt = x86_poll_interrupt,
    .irq_open = x86_irq_open,
    .has_work = x86_has_work,
    .fpenv_get = x86_fpenv_get,
    .fpenv_put = x86_fpenv_put,
    .debug_exception = x86_debug_exception,
    .dump_state = x86_dump_state,
    .gdb = &x86_gdb,
};

void x86_cpu_setup(X86Cpu *cpu, struct Vm *vm, const X86CpuConfig *cfg)
{
    cpu->base.ops = &x86_target_ops;
    cpu->sys.vm = vm;
    cpu->sys.cfg = cfg;
    cpu->sys.delivering = -1;
    cpu->sys.a20_mask = UINT64_MAX;
    cpu->sys.tsc_hz = cfg->tsc_hz ? cfg->tsc_hz : 1000000000;
}
