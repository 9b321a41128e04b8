/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine of one VM: owner of the translation cache and of the list of vCPUs. The run control
 * in system/ creates one, CPUs attach themselves with cpu_init().
 */
#ifndef EXEC_ENGINE_H
#define EXEC_ENGINE_H

#include "base/core/vm.h"
#include "exec/cpu.h"

typedef struct ExecConfig {
    bool no_threads;    /* accel=qtest: cpu_start does nothing */
    bool single_thread; /* thread=single: vCPUs take turns */
    bool jit;           /* use the host backend where there is one */
    bool no_opt;        /* lowering without optimisation (a test oracle) */
    unsigned max_insns; /* per region, 0 = default; 1 = one-insn-per-tb */
    unsigned hot_after; /* runs of a basic block until it becomes a larger region; 0: at once */
    size_t cache_bytes; /* bound on translations, 0 = default */
    bool icount;        /* virtual time is 2^icount_shift ns an instruction; vCPUs take turns */
    bool icount_sleep;  /* ... and passes in real time while all vCPUs are halted */
    bool icount_align;  /* ... and the vCPUs wait when it is ahead of real time */
    bool icount_adapt;  /* icount_shift follows the speed of the host */
    unsigned icount_shift;
} ExecConfig;

/* Also sets the VM's RAM dirty hooks. memory_setup() must have run. */
ExecEngine *engine_new(Vm *vm, const ExecConfig *config);
/* All vCPUs must have been cleared. */
void engine_free(ExecEngine *e);

/* Name native code for perf: in /tmp/perf-PID.map, in jit-PID.dump here. Before a vCPU runs. */
bool engine_name_code(ExecEngine *e, bool map, bool dump, GError **error);

unsigned engine_cpu_count(const ExecEngine *e);
CpuState *engine_cpu(const ExecEngine *e, unsigned index);

/* VM lock held. Pause waits for all vCPUs to have left the loop. */
void engine_pause_all(ExecEngine *e);
/* The vCPU whose thread calls, if one does, stops before its next instruction. */
void engine_pause_own(ExecEngine *e);
void engine_resume_all(ExecEngine *e);

/* Let all vCPUs run only (100 - @percent)% of the time; 0 ends it. VM lock held. */
void engine_throttle(ExecEngine *e, unsigned percent);
/* Let vCPU @index (-1: all) dirty at most that many pages a second, as the DIRTY_RATE client counts
 * them: nothing is limited while that client is off. 0: no limit. VM lock held. */
void engine_dirty_limit(ExecEngine *e, int index, uint64_t pages_per_second);
/* False: no such vCPU. Any thread. */
bool engine_dirty_stats(const ExecEngine *e, unsigned index, VmCpuDirty *out);

/* RAM changed behind the vCPUs and behind base/memory's dirty hooks: translations of the range
 * go. Any thread. (address_space_write and DMA maps need no call: the hooks see them.) */
void engine_invalidate_ram(ExecEngine *e, RamAddr addr, uint64_t len);
/* Everything (memory topology, feature change). Any thread. */
void engine_flush_translations(ExecEngine *e);
/* Topology of an address space changed: every TLB of every vCPU drops its entries. Done by a
 * MemoryListener on each CPU's address spaces; callable by others too. */
void engine_flush_tlbs(ExecEngine *e);

typedef struct ExecStats {
    uint64_t translations, invalidations, tb_flushes, tlb_flushes;
    uint64_t hot;                /* of the translations: of drafts that ran often */
    uint64_t insns, guest_bytes; /* in all translations */
    uint64_t tb_bytes;
    uint64_t native_bytes, native_regions; /* by the host backend, now */
} ExecStats;
void engine_stats(const ExecEngine *e, ExecStats *out);

/* A guest debug stop (CPU_EXCP_DEBUG that the target does not take) calls this with the VM lock
 * held on the vCPU's thread; it should pause the VM. */
void engine_set_debug_stop(ExecEngine *e, void (*fn)(CpuState *cpu, void *opaque), void *opaque);

#endif
