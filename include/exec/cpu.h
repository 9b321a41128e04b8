/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual CPU as the engine sees it: the common head of the target's state struct, the hooks
 * that a target fills in, and the calls that targets, devices and the run control make.
 *
 * A target embeds CpuState as the first member of its own struct, so helpers get `CpuState *cpu`
 * and cast. The struct is plain memory: the target's CPU object owns it, zeroed, and calls
 * cpu_init() on it. Nothing here names a guest.
 *
 * Threads: each vCPU has one home thread (cpu_start). "own thread" below means that thread while
 * it is inside the cpu loop. The VM lock is taken by the engine around device access; it is never
 * held while guest code or helpers run, except where a helper takes it itself.
 */
#ifndef EXEC_CPU_H
#define EXEC_CPU_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/memory/types.h"
#include "exec/ir.h"

typedef struct ExecEngine ExecEngine; /* one a VM: exec/engine.h */
typedef struct CpuPriv CpuPriv;       /* engine's private part: TLB, caches, thread */
typedef struct TransCtx TransCtx;     /* exec/translate.h */

typedef uint64_t GuestVirt;

#define GUEST_PAGE_MASK (~(uint64_t)(GUEST_PAGE_SIZE - 1))
#define CPU_MMU_MODES   16

/* What selects a translation. */
typedef struct TbKey {
    uint64_t pc;    /* in the target's own notation (x86: EIP/RIP) */
    uint64_t vaddr; /* where it is fetched: virtual address (x86: CS base + EIP, truncated) */
    uint32_t flags; /* everything else that translators look at: mode, privilege, feature masks */
} TbKey;

/* Permission and placement of one page, filled by the mmu_translate hook. */
typedef struct MmuResult {
    uint64_t phys; /* physical address of the byte asked for (page offset ignored) */
    uint8_t prot;  /* MMU_R | MMU_W | MMU_X now granted (W only if the dirty bit is set already) */
    uint8_t lg_size;  /* log2 of the translation's page size, >= 12; for flush by page */
    bool global;      /* survives cpu_tlb_flush_nonglobal() */
    bool uncached;    /* hint */
    uint8_t as_index; /* CpuState.as[]: 0 normal; others by the target (SMM) */
    MemAttrs attrs;   /* for device accesses; zeroed before the call */
} MmuResult;
#define MMU_R 1u
#define MMU_W 2u
#define MMU_X 4u

typedef enum MmuAccess {
    MMU_ACCESS_READ = ACCESS_READ,
    MMU_ACCESS_WRITE = ACCESS_WRITE,
    MMU_ACCESS_EXEC = ACCESS_EXEC,
} MmuAccess;

/* Interrupt request bits, in CpuState.irq_request. The low 16 are the target's own names; the
 * engine only asks ops->has_work / poll_interrupt. */
#define CPU_IRQ_HARD   0x0001u
#define CPU_IRQ_NMI    0x0002u
#define CPU_IRQ_SMI    0x0004u
#define CPU_IRQ_INIT   0x0008u
#define CPU_IRQ_SIPI   0x0010u
#define CPU_IRQ_MCE    0x0020u
#define CPU_IRQ_POLL   0x0040u          /* local interrupt controller wants a look */
#define CPU_IRQ_TGT(n) (0x0100u << (n)) /* n = 0..7 */
#define CPU_IRQ_DEBUG  0x10000u

/* Exception numbers 0..0xffff are the target's; these are the engine's. */
#define CPU_EXCP_NONE  (-1)
#define CPU_EXCP_DEBUG 0x10000 /* breakpoint, watchpoint or single step: to the debugger hook */
#define CPU_EXCP_HALT  0x10001 /* stop until has_work; CpuState.halted has been set */
#define CPU_EXCP_LOOP  0x10002 /* just back to the loop */
#define CPU_EXCP_YIELD 0x10003 /* PAUSE-like: let other vCPU threads run */

/*
 * The software TLB of one mmu index as translated code reads it: the row of va is at
 * table + (va >> 7 & mask), a TlbEntry (exec/exec-priv.h). Both fields change whenever the target
 * switches address spaces and when the table grows, also inside a slow access: read them from here
 * at every access, with memory operands, and keep no copy.
 */
typedef struct CpuTlbView {
    uint64_t mask; /* (rows - 1) * 32 */
    uintptr_t table;
} CpuTlbView;
#define CPU_TLB_VIEW_SHIFT (GUEST_PAGE_BITS - 5)

/*
 * What an ISA provides. One const struct a target.
 */
typedef struct CpuTargetOps {
    const char *name; /* "x86_64" */
    bool big_endian;
    uint8_t insn_max_bytes;
    uint8_t mmu_modes;  /* number of mmu indexes in use, <= CPU_MMU_MODES */
    uint32_t pc_offset; /* of the uint64_t program counter in the CPU struct (TbKey.pc form) */
    IrSlotTable slots;

    /* ---- translation (own thread) ---- */
    /* Describe the code at the current state. */
    void (*get_tb_key)(CpuState *cpu, TbKey *key);
    /* Bits of TbKey.flags that are set once, early, and that only regions which say so depend on
     * (TransCtx.strict): the others stay when a bit comes. 0: none. */
    uint32_t soft_flags;
    /* Once a region, before the first instruction; may fill ctx->target. */
    void (*translate_begin)(TransCtx *ctx);
    /* One guest instruction at ctx->pc: see exec/translate.h. */
    int (*translate_insn)(TransCtx *ctx);
    /* Text of the instruction at bytes, for -d in_asm and the monitor; returns its length. */
    int (*disas)(const CpuState *cpu, uint32_t tb_flags, uint64_t pc, const uint8_t *bytes,
                 unsigned len, GString *out);

    /* ---- memory ---- */
    /* Translate va for the access. On success fill *res and return true. On a guest fault: if
     * probe, return false; else record the details and cpu_raise() (never returns). Own thread,
     * VM lock not held; page-table words are read by cpu_phys_ld*(). */
    bool (*mmu_translate)(CpuState *cpu, GuestVirt va, MmuAccess access, unsigned mmu_idx,
                          bool probe, MmuResult *res);
    /* Debugger's view: no fault, no A/D update. Any thread with the vCPU stopped. */
    bool (*mmu_debug)(CpuState *cpu, GuestVirt va, uint64_t *phys);
    /* mmu index of instruction fetches in the current state. */
    unsigned (*fetch_mmu_idx)(CpuState *cpu);
    /* An MO_ALIGN access was not aligned: raise. */
    void (*unaligned)(CpuState *cpu, GuestVirt va, MmuAccess access, unsigned mmu_idx);
    /* Physical access failed (nothing there): raise, or return to read ones / ignore. May be NULL. */
    void (*bus_error)(CpuState *cpu, uint64_t phys, MmuAccess access, unsigned size);

    /* ---- events (own thread, outside translated code, VM lock not held) ---- */
    /* Deliver cpu->exception (a target number) with cpu->excp_error. State is precise. */
    void (*do_interrupt)(CpuState *cpu);
    /* irq_request is not zero: take one pending event if it is allowed now, and return true if
     * state changed; return false if nothing may be taken. VM lock held. */
    bool (*poll_interrupt)(CpuState *cpu, uint32_t request);
    /* Might poll_interrupt take something now? Asked often and without a lock, on the own thread: only what
     * the CPU masks as a whole says no. What may turn a no into a yes ends the region by exit_request or
     * by an exit that is not chained. NULL: always. */
    bool (*irq_open)(const CpuState *cpu, uint32_t request);
    /* Halted: is there a reason to wake? VM lock held. */
    bool (*has_work)(CpuState *cpu);
    /* A fault (or cpu_sync_state) in translated code at the instruction with this pc and aux: all
     * slots are in memory again and pc is stored at pc_offset; set what else depends on them. */
    void (*restore_state)(CpuState *cpu, uint64_t pc, uint32_t aux); /* may be NULL */
    /* Guest FP environment as a host MXCSR word (all exceptions masked), and sticky flags back. */
    uint32_t (*fpenv_get)(CpuState *cpu);                  /* NULL: engine default 0x1f80 */
    void (*fpenv_put)(CpuState *cpu, uint32_t host_mxcsr); /* bits 0..5 */
    /* Debug exception: breakpoint/watchpoint hit or step done. Return true if the guest's own debug
     * facility took it (exception already set up), false to stop the VM. */
    bool (*debug_exception)(CpuState *cpu);

    /* Registers as text, for -d cpu/int and `info registers`. */
    void (*dump_state)(CpuState *cpu, GString *out);
    /* Registers for a debugger: exec/gdb.h. NULL: none. */
    const struct CpuGdb *gdb;
} CpuTargetOps;

/* Common head of a target's CPU struct. Fields are for reading unless it says otherwise. */
struct CpuState {
    /* First what translated code reads at each region and access: short displacements. */

    /* Polled by translated code at region entry: non-zero sends it to the loop. Atomic. */
    uint32_t exit_request;
    /* CPU_IRQ_* pending. Atomic; set by cpu_interrupt(). */
    uint32_t irq_request;
    /* Own thread: not running instructions until has_work. Written by target and reset code. */
    uint8_t halted;
    uint8_t stopped;    /* by run control */
    uint8_t singlestep; /* CPU_STEP_*, cpu_set_singlestep() */
    uint8_t held;       /* cpu_set_held() */
    uint8_t
        debug_cause; /* CpuDebugCause of the CPU_EXCP_DEBUG being handled, or of the last stop */

    int32_t exception;   /* pending, or CPU_EXCP_NONE; own thread */
    uint32_t excp_error; /* error word given to cpu_raise */

    uint32_t refused; /* a region was not entered because of exit_request; set by translated code */
    int64_t icount_budget;

    /* Of the current address space; see CpuTlbView. */
    struct Tb **jump_cache; /* JC_SIZE (exec/exec-priv.h) translations by virtual address */
    CpuTlbView tlb[CPU_MMU_MODES];

    GuestVirt watch_hit; /* address of the last watchpoint hit */

    const CpuTargetOps *ops;
    ExecEngine *engine;
    CpuPriv *priv;          /* owned by the engine between cpu_init and cpu_clear */
    void *owner;            /* the target's CPU object, borrowed; set by the target */
    AddressSpace *as[4];    /* borrowed; [0] set before start */
    unsigned index;         /* 0.. in creation order */
    int32_t host_thread_id; /* gettid() of the vCPU thread, set by it; 0 before it runs */
};

/* ---- life ---- */
/* cpu: zeroed struct, ops set. Does not start anything (a qtest machine stops here). */
void cpu_init(CpuState *cpu, ExecEngine *engine, const CpuTargetOps *ops, AddressSpace *as);
void cpu_clear(CpuState *cpu);
/* Start the vCPU's thread, stopped: it runs after cpu_resume / engine_resume_all. VM lock held. */
void cpu_start(CpuState *cpu);
/* After a reset of the target's registers: drop TLB, pending exception, interrupts. Own thread
 * or vCPU stopped. */
void cpu_reset_common(CpuState *cpu);

/* ---- the current vCPU ---- */
CpuState *cpu_current(void); /* of this thread, or NULL */

/* ---- interrupts and run control; any thread ---- */
void cpu_interrupt(CpuState *cpu, uint32_t mask);
void cpu_reset_interrupt(CpuState *cpu, uint32_t mask);
static inline uint32_t cpu_irq_pending(const CpuState *cpu)
{
    return __atomic_load_n(&cpu->irq_request, __ATOMIC_ACQUIRE);
}
void cpu_kick(CpuState *cpu);         /* leave translated code soon; wake if halted */
void cpu_exit_request(CpuState *cpu); /* own thread too: go back to the loop after this region */

typedef void (*CpuWorkFn)(CpuState *cpu, void *opaque);
/* Run fn on the vCPU's own thread between regions, without the VM lock. async: returns at once. sync:
 * waits; if called with the VM lock held, it is dropped while waiting. With no thread running
 * (not started) fn runs here and now. */
void cpu_run_on(CpuState *cpu, CpuWorkFn fn, void *opaque);
void cpu_run_on_async(CpuState *cpu, CpuWorkFn fn, void *opaque);
/* fn runs with every other vCPU outside translated code. */
void cpu_run_exclusive(CpuState *cpu, CpuWorkFn fn, void *opaque);

/* Stop and let go one vCPU. cpu_pause waits until the loop is left (VM lock is dropped
 * meanwhile); state is then precise and may be read or written by the caller. */
void cpu_pause(CpuState *cpu);
void cpu_resume(CpuState *cpu);
bool cpu_is_stopped(const CpuState *cpu);

/* ---- exceptions; own thread, from a helper or hook ---- */
/* Leave translated code with the precise state of the current guest instruction's start (or of
 * its last commit) and let the loop deliver excp by ops->do_interrupt. */
G_NORETURN void cpu_raise(CpuState *cpu, int excp, uint32_t error);
/* As it stands: state is already what it should be (helper set pc and registers itself). The
 * snapshot is not applied. Only from helpers with HELPER_WRITES. */
G_NORETURN void cpu_exit_to_loop(CpuState *cpu, int excp);
/* Halt: state precise at the start of the *next* instruction must have been set up by the helper
 * (pc stored); sets cpu->halted. */
G_NORETURN void cpu_halt(CpuState *cpu);
/* Make CpuState precise for the current instruction without leaving (to read pc and slots in a
 * HELPER_FAULTS helper). Harmless when already precise. */
void cpu_sync_state(CpuState *cpu);
/* For helpers with HELPER_FPENV not set that still need it, in rare paths: host sticky flags go to
 * the target by fpenv_put; and reload after a change of the guest's control word. */
void cpu_fpenv_save(CpuState *cpu);
void cpu_fpenv_load(CpuState *cpu);
/* For helpers that read or write the guest's control and status word without HELPER_FPENV. The sticky flags, bits 0..5,
 * that the host has seen since they were last handed over; and what fpenv_get says now put in force, those flags
 * dropped. */
uint32_t cpu_fpenv_flags(const CpuState *cpu);
void cpu_fpenv_renew(CpuState *cpu);

static inline uint64_t cpu_get_pc(const CpuState *cpu)
{
    return *(const uint64_t *)((const char *)cpu + cpu->ops->pc_offset);
}
static inline void cpu_set_pc(CpuState *cpu, uint64_t pc)
{
    *(uint64_t *)((char *)cpu + cpu->ops->pc_offset) = pc;
}

/* ---- guest virtual memory, for helpers and hooks; own thread ----
 * Faults unwind as cpu_raise does. Little-endian unless it says be. Unaligned and page-crossing is
 * fine; a crossing store checks both pages before it stores. mmu: index. */
uint8_t cpu_ld8(CpuState *cpu, GuestVirt va, unsigned mmu);
uint16_t cpu_ld16(CpuState *cpu, GuestVirt va, unsigned mmu);
uint32_t cpu_ld32(CpuState *cpu, GuestVirt va, unsigned mmu);
uint64_t cpu_ld64(CpuState *cpu, GuestVirt va, unsigned mmu);
void cpu_st8(CpuState *cpu, GuestVirt va, uint8_t v, unsigned mmu);
void cpu_st16(CpuState *cpu, GuestVirt va, uint16_t v, unsigned mmu);
void cpu_st32(CpuState *cpu, GuestVirt va, uint32_t v, unsigned mmu);
void cpu_st64(CpuState *cpu, GuestVirt va, uint64_t v, unsigned mmu);
static inline uint16_t cpu_ld16be(CpuState *cpu, GuestVirt va, unsigned mmu)
{
    return __builtin_bswap16(cpu_ld16(cpu, va, mmu));
}
static inline uint32_t cpu_ld32be(CpuState *cpu, GuestVirt va, unsigned mmu)
{
    return __builtin_bswap32(cpu_ld32(cpu, va, mmu));
}
static inline uint64_t cpu_ld64be(CpuState *cpu, GuestVirt va, unsigned mmu)
{
    return __builtin_bswap64(cpu_ld64(cpu, va, mmu));
}
static inline void cpu_st16be(CpuState *cpu, GuestVirt va, uint16_t v, unsigned mmu)
{
    cpu_st16(cpu, va, __builtin_bswap16(v), mmu);
}
static inline void cpu_st32be(CpuState *cpu, GuestVirt va, uint32_t v, unsigned mmu)
{
    cpu_st32(cpu, va, __builtin_bswap32(v), mmu);
}
static inline void cpu_st64be(CpuState *cpu, GuestVirt va, uint64_t v, unsigned mmu)
{
    cpu_st64(cpu, va, __builtin_bswap64(v), mmu);
}
/* Any length; len bytes in guest order. st: all pages are checked before the first byte goes out. */
void cpu_ld_bytes(CpuState *cpu, GuestVirt va, void *buf, size_t len, unsigned mmu);
void cpu_st_bytes(CpuState *cpu, GuestVirt va, const void *buf, size_t len, unsigned mmu);
/* Fault now if an access to [va, va+len) would. */
void cpu_probe_access(CpuState *cpu, GuestVirt va, size_t len, MmuAccess access, unsigned mmu);
/* Would it? No fault is raised, A/D bits may be set. */
bool cpu_probe_quiet(CpuState *cpu, GuestVirt va, size_t len, MmuAccess access, unsigned mmu);
/* Host address of [va, va+len), which must lie in one page, when that is plain RAM (no MMIO,
 * watchpoint, code or clean page for writes: dirty and code are handled here, so the pointer may
 * be written until the next guest memory call); else NULL. Faults are raised. */
void *cpu_host_ptr(CpuState *cpu, GuestVirt va, size_t len, MmuAccess access, unsigned mmu);
/* The same without a look further than the TLB's row: NULL where it does not say so, and no fault. */
void *cpu_host_hit(CpuState *cpu, GuestVirt va, size_t len, MmuAccess access, unsigned mmu);
/* Atomic read-modify-write as the IR ops; size 1,2,4,8. */
uint64_t cpu_atomic_rmw(CpuState *cpu, IrRmw op, GuestVirt va, uint64_t v, unsigned size,
                        unsigned mmu);
uint64_t cpu_atomic_cmpxchg(CpuState *cpu, GuestVirt va, uint64_t expected, uint64_t v,
                            unsigned size, unsigned mmu);

/* ---- guest physical memory through as[0] (page tables, SMRAM by index); own thread ---- */
uint32_t cpu_phys_ld32(CpuState *cpu, unsigned as_index, uint64_t pa, bool *ok);
uint64_t cpu_phys_ld64(CpuState *cpu, unsigned as_index, uint64_t pa, bool *ok);
void cpu_phys_st32(CpuState *cpu, unsigned as_index, uint64_t pa, uint32_t v);
void cpu_phys_st64(CpuState *cpu, unsigned as_index, uint64_t pa, uint64_t v);
/* Set bits in a page-table word if it still holds `old`; false: it changed, walk again. */
bool cpu_phys_cmpxchg32(CpuState *cpu, unsigned as_index, uint64_t pa, uint32_t old, uint32_t v);
bool cpu_phys_cmpxchg64(CpuState *cpu, unsigned as_index, uint64_t pa, uint64_t old, uint64_t v);

/* ---- TLB; own thread (or vCPU stopped) ----
 * Entries belong to an address space (x86 PCID, 0 without), of which several are kept; global ones
 * are found in each. "current": the space last switched to. */
void cpu_tlb_flush(CpuState *cpu);                        /* everything, in every space */
void cpu_tlb_flush_mmu(CpuState *cpu, uint32_t mmu_mask); /* bit i: mmu index i; current space */
void cpu_tlb_flush_nonglobal(CpuState *cpu);              /* of the current space */
void cpu_tlb_flush_nonglobal_all(CpuState *cpu);          /* of every space */
/* The page in the current space, and where it is global in the others too; all mmu indexes. */
void cpu_tlb_flush_page(CpuState *cpu, GuestVirt va);
void cpu_tlb_flush_page_mmu(CpuState *cpu, GuestVirt va, uint32_t mmu_mask);
/* An entry of a table of pages of GUEST_PAGE_SIZE changed: what larger pages gave for the rest of theirs stays. */
void cpu_tlb_flush_small_page(CpuState *cpu, GuestVirt va);
/* Go on in this address space. keep: with the entries that it had; else only global ones stay. */
void cpu_tlb_switch(CpuState *cpu, uint64_t space, bool keep);
/* Entries that are not global of one space, current or not; of one page there. */
void cpu_tlb_flush_space(CpuState *cpu, uint64_t space);
void cpu_tlb_flush_space_page(CpuState *cpu, uint64_t space, GuestVirt va);
/* Other vCPUs too: queued there; synced: returns when all have done it, at the next region of the
 * caller (the caller must end its region). */
void cpu_tlb_flush_all_cpus(CpuState *cpu);
void cpu_tlb_flush_small_page_all_cpus(CpuState *cpu, GuestVirt va);
/* The rule that maps mode to code changed (features): forget jump-cache entries. */
void cpu_jump_cache_clear(CpuState *cpu);

/* ---- debugging ---- */
typedef enum CpuDebugCause {
    CPU_DEBUG_BREAK, /* breakpoint */
    CPU_DEBUG_STEP,
    CPU_DEBUG_WATCH, /* watch_hit */
} CpuDebugCause;
#define CPU_WATCH_READ  1u
#define CPU_WATCH_WRITE 2u
bool cpu_breakpoint_insert(CpuState *cpu, uint64_t pc);
bool cpu_breakpoint_remove(CpuState *cpu, uint64_t pc);
bool cpu_watchpoint_insert(CpuState *cpu, GuestVirt va, uint64_t len, uint32_t kind);
bool cpu_watchpoint_remove(CpuState *cpu, GuestVirt va, uint64_t len, uint32_t kind);
/* One instruction, one stop. NO_IRQ: interrupts are held off meanwhile, but for one that ends HLT. */
#define CPU_STEP_ON     1u
#define CPU_STEP_NO_IRQ 2u
void cpu_set_singlestep(CpuState *cpu, unsigned flags);
/* A held vCPU stays stopped when the others are let go. VM lock held, vCPU stopped. */
void cpu_set_held(CpuState *cpu, bool held);
/* Memory by virtual address for a debugger: no faults, writes through ROM and code. */
bool cpu_debug_rw(CpuState *cpu, GuestVirt va, void *buf, size_t len, bool write);

#endif
