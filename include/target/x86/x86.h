/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What boards use of the x86 target: making, resetting and describing a CPU. The CPU object and the
 * local APIC are in hw/i386.
 */
#pragma once
#include "migration/vmstate/vmstate.h"
#include "target/x86/cpu.h"

extern const CpuTargetOps x86_target_ops;

/* @cpu: zeroed. Sets ops, VM and configuration (finished, outlives the CPU); then cpu_init(), then
   x86_cpu_reset(). */
void x86_cpu_setup(X86Cpu *cpu, struct Vm *vm, const X86CpuConfig *cfg);
/* State after power-on or RESET; @init: after INIT (FPU, SSE, MTRRs, TSC are kept). Own thread or
   vCPU stopped, VM lock held. */
void x86_cpu_reset(X86Cpu *cpu, bool init);
void x86_dump_state(CpuState *cs, GString *out);
/* After registers were written from outside (loaders, gdb, migration): the mode word and all that
   follows from registers. vCPU stopped. */
void x86_mode_update(X86Cpu *cpu);
/* CR0, CR3, CR4 or EFER were set behind x86_set_*(): no TLB entry of any address space stays. */
void x86_paging_changed(X86Cpu *cpu);
/* The A20 gate. Any thread, VM lock held. */
void x86_set_a20(X86Cpu *cpu, bool on);
/* Guest TSC now, and the virtual-clock time at which it reads @tsc. */
uint64_t x86_tsc_now(const X86Cpu *cpu);
int64_t x86_tsc_to_ns(const X86Cpu *cpu, uint64_t tsc);
/* As WRMSR does: for loading a stream whose TSC travels with the clock. */
void x86_tsc_write(X86Cpu *cpu, uint64_t v);
/* After a load: what the TSC reads, where the CPU's own section did not bring it. */
void x86_tsc_load(X86Cpu *cpu, uint64_t v);

/* Sections "cpu_common" and "cpu"; the owner is the X86Cpu. */
extern const SectionDesc x86_section_common, x86_section_cpu;
